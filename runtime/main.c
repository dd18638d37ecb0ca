/* The program: the command line. What the commands do stands in files of their own (program_priv.h). */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bridge/host/bridge.h"
#include "runtime/base/log.h"
#include "runtime/base/metric.h"
#include "runtime/base/program.h"
#include "runtime/base/thread.h"
#include "runtime/bench/bench.h"
#include "runtime/durable/backup.h"
#include "runtime/migrate.h"
#include "runtime/program_priv.h"
#include "runtime/signals.h"
#include "runtime/sql/sql.h"

#define MEMORY_ASIDE ((size_t)64 << 20) /* room, not memory: more than the largest message */

static enum oro_log_level
level_of(const char *word)
{
    static const char *const words[] = {"error", "warn", "info", "debug", "trace"};
    for (unsigned i = 0; i < 5; i++)
        if (strcmp(words[i], word) == 0)
            return (enum oro_log_level)i;
    return ORO_LOG_INFO;
}

static void
build_info(void)
{
    char *labels = oro_asprintf("version=\"%s\",python=\"%s\"", OROCHI_VERSION, oro_py_version());
    oro_metric_set(
        oro_metric(ORO_METRIC_GAUGE, "orochi_build_info", labels, "1; the labels tell what runs."),
        1);
    oro_free(labels);
}

static int
print_text(void (*text)(struct oro_bb *out))
{
    struct oro_bb out = {0};
    text(&out);
    fwrite(out.data, 1, out.len, stdout);
    oro_bb_fini(&out);
    return EXIT_FINE;
}

/* What a command does with a configuration; err: for people, or empty. The exit code. */
typedef int (*run_fn)(const struct oro_config *c, struct oro_err *err);

static int
configured_command(int argc, char **argv, run_fn run)
{
    struct oro_config c;
    struct oro_err err = {0};
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            return print_text(oro_config_usage);
        }
    }
    oro_memory_reserve(MEMORY_ASIDE);
    /* Before there are other threads: they inherit what is blocked. */
    if (oro_signals_take(&err) != ORO_OK || oro_log_start(&err) != ORO_OK ||
        oro_front_python_start(&err) != ORO_OK)
        return oro_complain(EXIT_PYTHON, err.text);
    if (oro_config_load(&c, argc, argv, oro_py_toml, &err) != ORO_OK) {
        oro_complain(EXIT_USAGE, err.text);
        oro_log_plain("(`orochi run --help` lists the flags)");
        return EXIT_USAGE;
    }
    if (oro_environment_set(&c, &err) != ORO_OK) {
        oro_config_fini(&c);
        return oro_complain(EXIT_USAGE, err.text);
    }
    oro_log_set_level(level_of(c.log_level));
    oro_py_configure(&(struct oro_py_config){
        .max_cache_size = (unsigned)c.bridge_max_cache_size,
        .max_pool_size = (unsigned)c.bridge_max_pool_size,
        .enable_batch_optimization = c.bridge_enable_batch_optimization,
        .enable_memory_monitoring = c.bridge_enable_memory_monitoring,
        .auto_tune = c.bridge_auto_tune,
        .cache_ttl_ms = c.bridge_cache_ttl_ms,
    });
    build_info();
    oro_options_probe(&c, argv);
    int code = run(&c, &err);
    if (code != EXIT_FINE && err.text[0] != '\0')
        oro_complain(code, err.text);
    oro_config_fini(&c);
    oro_py_stop();
    return code;
}

static int
command_run(int argc, char **argv)
{
    int code = configured_command(argc, argv, oro_run_module);
    oro_log_stop(PATIENCE_MS);
    return code;
}

static int
command_migrate(int argc, char **argv)
{
    if (oro_migrate_words(&argc, argv))
        return EXIT_FINE;
    int code = configured_command(argc, argv, oro_migrate_module);
    oro_log_stop(PATIENCE_MS);
    return code;
}

static int
command_check(int argc, char **argv)
{
    return oro_migrate_against(argc, argv) ? command_migrate(argc, argv)
                                           : oro_import_command(argc, argv);
}

/* What runs here. All commands, with what `orochi help` says of them, stand in bridge/py/orochi/tools/commands.py; what is not in
 * this list is run there, words that are no command included. */
static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
} commands[] = {
    {"run", command_run},
    {"migrate", command_migrate},
    {"check", command_check},
    {"describe", oro_import_command},
    {"generate", oro_import_command},
    {"extract-schema", oro_import_command},
    {"stubs", oro_import_command},
    {"backup", oro_backup_command},
    {"restore", oro_restore_command},
    {"repair", oro_repair_command},
    {"log", oro_log_command},
    {"bench", oro_bench_command},
};

static bool
is_help(const char *word)
{
    return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

/* What stands behind the flags: examples, exit codes. */
static int
print_behind(char *command)
{
    char help[] = "help", behind[] = "--behind", *argv[] = {help, command, behind, NULL};
    fflush(stdout);
    return oro_tool_command(3, argv);
}

/* `orochi NAME --help` of a command that runs here is followed by what the table of commands has; others print both themselves. */
static int
command_of(int argc, char **argv)
{
    for (size_t i = 0; i < ORO_ARRAY_LEN(commands); i++) {
        if (strcmp(argv[0], commands[i].name) != 0)
            continue;
        bool ours = commands[i].run != oro_import_command && commands[i].run != command_check;
        if (ours && argc == 2 && is_help(argv[1])) {
            int code = commands[i].run(argc, argv);
            return code != EXIT_FINE ? code : print_behind(argv[0]);
        }
        return commands[i].run(argc, argv);
    }
    return oro_tool_command(argc, argv);
}

static bool
runs_here(const char *word)
{
    for (size_t i = 0; i < ORO_ARRAY_LEN(commands); i++)
        if (strcmp(word, commands[i].name) == 0)
            return true;
    return false;
}

/* `orochi help run` is `orochi run --help`; `orochi help settings` is a file with all of them. */
static int
command_help(int argc, char **argv)
{
    char help[] = "--help";
    if (argc == 2 && strcmp(argv[1], "settings") == 0)
        return print_text(oro_config_toml);
    if (argc == 2 && runs_here(argv[1]))
        return command_of(2, (char *[]){argv[1], help, NULL});
    return oro_tool_command(argc, argv);
}

static int
command_version(void)
{
    printf("orochi %s\n", OROCHI_VERSION);
    return EXIT_FINE;
}

/* Where one of 0, 1, 2 is closed, the next file opened would take its place: the log would be written into the data. */
static bool
standard_descriptors(void)
{
    int fd;
    do
        fd = open("/dev/null", O_RDWR);
    while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd > STDERR_FILENO)
        close(fd);
    return fd >= 0;
}

/* A disk that is full is told, and a pipe whose reader has seen enough is as a shell has it of SIGPIPE. */
static int
all_printed(int code)
{
    if (code != EXIT_FINE || (fflush(stdout) == 0 && !ferror(stdout)))
        return code;
    if (errno == EPIPE)
        return EXIT_PIPE;
    struct oro_err err;
    oro_err_set(&err, ORO_EIO, "the standard output cannot be written: %s", strerror(errno));
    return oro_complain(EXIT_MODULE, err.text);
}

static int
command_line(int argc, char **argv)
{
    if (argc < 2)
        return oro_tool_command(0, NULL);
    char help[] = "help";
    if (is_help(argv[1]))
        argv[1] = help;
    if (strcmp(argv[1], "version") == 0 || strcmp(argv[1], "--version") == 0)
        return command_version();
    return strcmp(argv[1], "help") == 0 ? command_help(argc - 1, argv + 1)
                                        : command_of(argc - 1, argv + 1);
}

int
oro_main(const struct oro_front *from, int argc, char **argv)
{
    oro_front_set(from);
    oro_program_set_python(from->python);
    oro_thread_set_role(ORO_THREAD_MAIN);
    if (!standard_descriptors())
        return EXIT_USAGE; /* nobody to tell */
    oro_sql_init();
    return all_printed(command_line(argc, argv));
}
