/* The program: reads the configuration, builds each layer, connects them, stops them in reverse. */
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "bridge/host/bridge.h"
#include "config/config.h"
#include "net/net.h"
#include "net/token.h"
#include "runtime/auth.h"
#include "runtime/base/clock.h"
#include "runtime/base/file.h"
#include "runtime/base/log.h"
#include "runtime/base/metric.h"
#include "runtime/base/program.h"
#include "runtime/base/thread.h"
#include "runtime/bench/bench.h"
#include "runtime/check.h"
#include "runtime/durable/backup.h"
#include "runtime/http/http.h"
#include "runtime/main.h"
#include "runtime/migrate.h"
#include "runtime/server/server.h"
#include "runtime/signals.h"
#include "runtime/sql/sql.h"
#include "runtime/watch.h"

#define MEMORY_ASIDE ((size_t)64 << 20) /* room, not memory: more than the largest message */
#define PATIENCE_MS \
    1000 /* with whoever reads standard output and error, when there is no more to do */

/* What the exit code says. */
enum {
    EXIT_FINE = 0,
    EXIT_MODULE = 1, /* the module's declarations or its init */
    EXIT_USAGE = 2,  /* flags, environment, configuration file */
    EXIT_NET = 3,    /* cannot listen */
    EXIT_DATA = 4,   /* data folder, keys */
    EXIT_PYTHON = 5, /* the interpreter does not start */
    /* 6: ORO_EXIT_STUCK, too many workers were lost (runtime/exec/writers/pool.h) */
};

/* ---- where our own files are ---- */

/* Set before anything else happens, where the program is an extension module. */
static struct oro_front front;

/* Gives the first of: <program>/../share/orochi/<installed>, the source tree that it was built from. */
static char *
own_folder(const char *installed, const char *built)
{
    char program[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", program, sizeof(program) - 1);
    if (n > 0) {
        program[n] = '\0';
        char *slash = strrchr(program, '/');
        *slash = '\0';
        char *path = oro_asprintf("%s/../share/orochi/%s", program, installed);
        if (access(path, R_OK) == 0)
            return path;
        oro_free(path);
        /* build/orochi in the source tree, which may have been moved since it was configured */
        path = oro_asprintf("%s/../%s", program, built);
        if (access(path, R_OK) == 0)
            return path;
        oro_free(path);
    }
    return oro_asprintf("%s/%s", OROCHI_SOURCE_ROOT, built);
}

static oro_status
python_start(struct oro_err *err)
{
    char *package = front.package_dir != NULL ? oro_strdup(front.package_dir)
                                              : own_folder("python", "bridge/py");
    struct oro_py_options opt = {.package_dir = package};
    oro_status st = oro_py_start(&opt, err);
    oro_free(package);
    return st;
}

static char *
dashboard_folder(const struct oro_config *c)
{
    if (c->server_dashboard_dir != NULL)
        return oro_strdup(c->server_dashboard_dir);
    if (front.package_dir != NULL)
        return oro_asprintf("%s/orochi/share/dashboard", front.package_dir);
    return own_folder("dashboard", "net/web/dist");
}

static oro_status
environment_set(const struct oro_config *c, struct oro_err *err)
{
    const char *io = c->reducer_io_in_reducers;
    return oro_py_set_environment(
        &(struct oro_py_environment){
            .main_interpreter = strcmp(c->server_isolation, "main") == 0,
            .venv = c->server_venv,
            .memory_limit_mb = (unsigned)c->reducer_memory_limit_mb,
            .io = strcmp(io, "allow") == 0  ? ORO_PY_IO_ALLOW
                  : strcmp(io, "warn") == 0 ? ORO_PY_IO_WARN
                                            : ORO_PY_IO_DENY,
            .strict_index = c->reducer_strict_index,
            .warn_lost_changes = c->reducer_warn_lost_changes,
            .warn_globals = c->reducer_warn_globals,
            .warn_scans = c->reducer_warn_scans,
            .warn_retries = c->reducer_warn_retries,
        },
        err);
}

/* ---- orochi run ---- */

static int
complain(int code, const char *text)
{
    char *line = oro_asprintf("orochi: %s", text);
    oro_log_plain(line);
    oro_free(line);
    return code;
}

static enum oro_log_level
level_of(const char *word)
{
    static const char *const words[] = {"error", "warn", "info", "debug", "trace"};
    for (unsigned i = 0; i < 5; i++)
        if (strcmp(words[i], word) == 0)
            return (enum oro_log_level)i;
    return ORO_LOG_INFO;
}

static unsigned
cores(void)
{
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n > 0 ? (unsigned)n : 1;
}

static unsigned
reader_threads(const struct oro_config *c)
{
    return c->query_readers > 0 ? (unsigned)c->query_readers : cores() / 2 > 2 ? cores() / 2 : 2;
}

static unsigned
net_threads(const struct oro_config *c)
{
    return c->net_threads > 0 ? (unsigned)c->net_threads : cores() / 4 > 0 ? cores() / 4 : 1;
}

/* Of the server that runs; set before it starts. */
static struct oro_probe looker;

static oro_status
probe(void *arg, char **report, struct oro_err *err)
{
    return oro_probe_run(arg, report, err);
}

static struct oro_server_options
server_options(const struct oro_config *c, struct oro_keys *keys, const char *dashboard)
{
    return (struct oro_server_options){
        .module_path = c->module,
        .name = c->server_name,
        .data_dir = c->server_memory ? NULL : c->server_data,
        .durability = strcmp(c->durable_mode, "full") == 0     ? ORO_DURABLE_FULL
                      : strcmp(c->durable_mode, "normal") == 0 ? ORO_DURABLE_NORMAL
                                                               : ORO_DURABLE_OFF,
        .delete_data = c->server_delete_data,
        .checkpoint_bytes = (size_t)c->durable_checkpoint_mb << 20,
        .checkpoint_interval_s = (unsigned)c->durable_checkpoint_interval_s,
        .workers = c->server_workers > 0 ? (unsigned)c->server_workers : cores(),
        .shards = net_threads(c),
        .timeout_us = c->reducer_timeout_ms * 1000,
        .give_up_us = c->reducer_give_up_ms * 1000,
        .max_lost_workers = (unsigned)c->server_max_lost_workers,
        .main_interpreter = strcmp(c->server_isolation, "main") == 0,
        .init_timeout_us = c->reducer_init_timeout_ms * 1000,
        .import_timeout_us = c->server_import_timeout_ms * 1000,
        .procedure_workers = (unsigned)c->procedure_workers,
        .procedure_timeout_us = c->procedure_timeout_ms * 1000,
        .procedure_queue = (unsigned)c->procedure_queue,
        .view_room = (uint64_t)c->query_view_room,
        .fetch = {.off = strcmp(c->procedure_http, "off") == 0,
                  .anywhere = strcmp(c->procedure_http, "any") == 0,
                  .redirects = (unsigned)c->procedure_http_redirects,
                  .max_body = (size_t)c->procedure_http_max_body,
                  .timeout_us = c->procedure_http_timeout_ms * 1000,
                  .max_timeout_us = c->procedure_http_max_timeout_ms * 1000},
        .probe = probe,
        .probe_arg = &looker,
        .dev_errors = c->server_dev_errors,
        .environment = &c->environment,
        .loopback = oro_net_is_loopback(c->host),
        .allow_origins = c->net_allow_origins,
        .static_dir = c->server_static_dir,
        .dashboard_dir = dashboard,
        .incoming_limit = (unsigned)c->net_incoming_limit,
        .query = {.terms = (uint32_t)c->query_max_terms,
                  .steps = (uint64_t)c->query_max_steps,
                  .memory = (uint64_t)c->query_max_memory_mb << 20},
        .client_terms = (uint64_t)c->query_client_terms,
        .all_terms = (uint64_t)c->query_all_terms,
        .client_queries = (size_t)c->query_client_queries,
        .readers = reader_threads(c),
        .auth = oro_auth_of(keys),
        .front = &oro_http_front,
    };
}

/* An eighth of the machine's, so that the state and Python have the rest; enough for a few large messages on a small one. */
static size_t
buffer_memory(const struct oro_config *c)
{
    if (c->net_buffer_memory_mb > 0)
        return (size_t)c->net_buffer_memory_mb << 20;
    uint64_t eighth = oro_machine_memory() / 8, least = (uint64_t)128 << 20,
             most = (uint64_t)4096 << 20;
    return (size_t)(eighth < least ? least : eighth > most ? most : eighth);
}

static struct oro_net_options
net_options(const struct oro_config *c)
{
    return (struct oro_net_options){
        .host = c->host,
        .port = c->port,
        .threads = net_threads(c),
        .max_message = (size_t)c->net_max_message,
        .max_http_body = (size_t)c->net_max_http_body,
        .outgoing_limit = (size_t)c->net_outgoing_limit,
        .buffer_memory = buffer_memory(c),
        .stall_timeout_s = (unsigned)c->net_stall_timeout_s,
        .min_rate = (unsigned)c->net_min_rate,
        .ping_interval_s = (unsigned)c->net_ping_interval_s,
        .idle_timeout_s = (unsigned)c->net_idle_timeout_s,
        .max_connections = (unsigned)c->net_max_connections,
        .tls_cert = c->net_tls_cert,
        .tls_key = c->net_tls_key,
    };
}

static void
greet(const struct oro_config *c, int port, unsigned workers)
{
    const char *s = c->net_tls_cert != NULL ? "s" : "";
    /* No browser can go to the address that means all of them. */
    bool all = strcmp(c->host, "0.0.0.0") == 0 || strcmp(c->host, "::") == 0;
    const char *host = !all ? c->host : c->host[0] == ':' ? "::1" : "127.0.0.1";
    char *at = oro_asprintf(strchr(host, ':') != NULL ? "[%s]:%d" : "%s:%d", host, port);
    struct oro_bb text = {0};
    oro_bb_printf(&text, "orochi %s (CPython %s, %u workers) serves %s\n", OROCHI_VERSION,
                  oro_py_version(), workers, c->server_name);
    oro_bb_printf(&text, "  page       http%s://%s/\n", s, at);
    oro_bb_printf(&text, "  dashboard  http%s://%s/dashboard/\n", s, at);
    oro_bb_printf(&text, "  clients    ws%s://%s, database %s\n", s, at, c->server_name);
    oro_free(at);
    if (all)
        oro_bb_printf(&text, "  listens    on every address of this machine, port %d\n", port);
    if (c->server_memory)
        oro_bb_printf(&text, "  data       none (--memory)\n");
    else
        oro_bb_printf(&text, "  data       %s/%s.db\n", c->server_data, c->server_name);
    (void)oro_log_drain(PATIENCE_MS); /* what was said of the start stands before it */
    (void)oro_write_within(STDOUT_FILENO, (const char *)text.data, text.len, PATIENCE_MS);
    oro_bb_fini(&text);
}

/* ---- while it serves ---- */

/* The server's log says how it went. */
static void
reload(struct oro_server *server)
{
    char *report = NULL;
    oro_status st = oro_server_reload(server, &report, NULL);
    (void)st;
    oro_free(report);
}

#define WATCH_US 100000

/* True: the module's files have changed, and that was not just now, when somebody may still be writing. */
static bool
files_changed(const struct oro_config *c, uint64_t *served, uint64_t *last)
{
    uint64_t now = oro_watch_digest(c->module);
    bool changed = now != *served && now == *last;
    *last = now;
    if (changed)
        *served = now;
    return changed;
}

static void
wishes_grant(const struct oro_config *c, struct oro_server *server, uint64_t served)
{
    uint64_t last = served;
    for (enum oro_wish wish;
         (wish = oro_signals_wait(c->server_watch ? WATCH_US : -1)) != ORO_WISH_STOP;)
        if (wish == ORO_WISH_RELOAD || (c->server_watch && files_changed(c, &served, &last)))
            reload(server);
}

static struct oro_server_net
net_of(struct oro_net *net)
{
    return (struct oro_server_net){.net = net,
                                   .send = oro_net_send,
                                   .send_parts = oro_net_send_parts,
                                   .hold = oro_net_hold,
                                   .release = oro_net_release,
                                   .send_piece = oro_net_send_piece,
                                   .watch = oro_net_watch,
                                   .waiting = oro_net_waiting,
                                   .close = oro_net_close,
                                   .pause = oro_net_pause,
                                   .charge = oro_net_charge,
                                   .http_reply = oro_net_http_reply,
                                   .http_piece = oro_net_http_piece,
                                   .wake = oro_net_wake};
}

/* Until somebody wants it to stop. Gives *out: workers that finish what is queued may wake it until the server has stopped. */
static oro_status
serve(const struct oro_config *c, struct oro_server *server, uint64_t files, struct oro_net **out,
      struct oro_err *err)
{
    struct oro_net_options no = net_options(c);
    struct oro_net *net;
    oro_status st = oro_net_open(&no, oro_server_sink(server), out, err);
    if (st != ORO_OK)
        return st;
    net = *out;
    struct oro_server_net sn = net_of(net);
    oro_server_attach(server, &sn);
    st = oro_net_start(net, err);
    if (st != ORO_OK)
        return st;
    oro_signals_serving();
    greet(c, oro_net_port(net), c->server_workers > 0 ? (unsigned)c->server_workers : cores());
    wishes_grant(c, server, files);
    oro_log(ORO_LOG_INFO, "server", "stopping");
    oro_server_quiesce(server);
    oro_net_stop_accepting(net);
    oro_net_end(net);
    return ORO_OK;
}

static int
exit_code(oro_status st)
{
    return st == ORO_EIO || st == ORO_EMALFORMED || st == ORO_EFULL ? EXIT_DATA : EXIT_MODULE;
}

static int
run_module(const struct oro_config *c, struct oro_err *err)
{
    struct oro_keys *keys;
    struct oro_server *server;
    char *report = NULL;
    if (!c->server_memory && oro_dir_make(c->server_data, err) != ORO_OK)
        return EXIT_DATA;
    if (oro_keys_open(c->server_memory ? NULL : c->server_data, &keys, err) != ORO_OK)
        return EXIT_DATA;
    char *dashboard = dashboard_folder(c);
    struct oro_server_options so = server_options(c, keys, dashboard);
    int code = EXIT_FINE;
    uint64_t files = c->server_watch ? oro_watch_digest(c->module) : 0; /* before they are read */
    oro_status st = oro_server_start(&so, &server, &report, err);
    if (st != ORO_OK) {
        if (report != NULL) { /* every problem; err has only the first */
            oro_log_plain(report);
            oro_err_set(err, st, "%s was not started", c->module);
        }
        code = exit_code(st);
        if (st == ORO_ETIMEOUT) { /* a worker's thread is still in the import */
            complain(code, err->text);
            oro_log_stop(PATIENCE_MS);
            _exit(code);
        }
    } else {
        struct oro_net *net = NULL;
        if (serve(c, server, files, &net, err) != ORO_OK)
            code = EXIT_NET;
        bool lost;
        bool freed = oro_server_stop(server, &lost);
        if (lost)
            code = complain(
                EXIT_DATA,
                "not all that was done is in the data folder; the log above says what and why");
        if (!freed) {
            oro_log_stop(PATIENCE_MS);
            _exit(code); /* a thread still uses what would be freed */
        }
        oro_net_stop(net);
    }
    oro_free(report);
    oro_free(dashboard);
    oro_keys_close(keys);
    return code;
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
        python_start(&err) != ORO_OK)
        return complain(EXIT_PYTHON, err.text);
    if (oro_config_load(&c, argc, argv, oro_py_toml, &err) != ORO_OK) {
        complain(EXIT_USAGE, err.text);
        oro_log_plain("(`orochi run --help` lists the flags)");
        return EXIT_USAGE;
    }
    if (environment_set(&c, &err) != ORO_OK) {
        oro_config_fini(&c);
        return complain(EXIT_USAGE, err.text);
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
    looker = (struct oro_probe){
        .argv = argv, .limit_ms = c.server_import_timeout_ms, .stop = oro_signals_stop()};
    int code = run(&c, &err);
    if (code != EXIT_FINE && err.text[0] != '\0')
        complain(code, err.text);
    oro_config_fini(&c);
    oro_py_stop();
    return code;
}

static int
command_run(int argc, char **argv)
{
    int code = configured_command(argc, argv, run_module);
    oro_log_stop(PATIENCE_MS);
    return code;
}

static int
migrate_module(const struct oro_config *c, struct oro_err *err)
{
    struct oro_server_options so = server_options(c, NULL, NULL);
    oro_status st = oro_migrate_run(&so, err);
    return st == ORO_OK ? EXIT_FINE : exit_code(st);
}

static int
command_migrate(int argc, char **argv)
{
    if (oro_migrate_words(&argc, argv))
        return EXIT_FINE;
    int code = configured_command(argc, argv, migrate_module);
    oro_log_stop(PATIENCE_MS);
    return code;
}

/* ---- the rest of the command line ---- */

static int
command_tool(int argc, char **argv)
{
    struct oro_err err = {0};
    if (python_start(&err) != ORO_OK)
        return complain(EXIT_PYTHON, err.text);
    int code = oro_py_run_tool(argc, argv);
    oro_py_stop();
    return code;
}

/* The words of a command that imports a module, in two: what the server's settings are told, and the rest. Both have room. */
static void
words_split(int argc, char **argv, int *nset, char **set, int *nrest, char **rest)
{
    static const char *const settings[] = {"--venv", "--isolation", "--set", "--config"};
    *nset = *nrest = 0;
    set[(*nset)++] = rest[(*nrest)++] = argv[0];
    for (int i = 1; i < argc; i++) {
        bool is = false, two = false;
        for (size_t k = 0; k < ORO_ARRAY_LEN(settings); k++) {
            size_t n = strlen(settings[k]);
            is |= strncmp(argv[i], settings[k], n) == 0 && (argv[i][n] == '=' || argv[i][n] == 0);
            two |= strcmp(argv[i], settings[k]) == 0;
        }
        if (!is) {
            rest[(*nrest)++] = argv[i];
            continue;
        }
        set[(*nset)++] = argv[i];
        if (two && i + 1 < argc)
            set[(*nset)++] = argv[++i];
    }
}

static bool
word_in(const char *word, const char *const *words, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(word, words[i]) == 0)
            return true;
    return false;
}

/* The module among the words: the one that is no flag, and not the value of one. NULL: there is none. */
static char *
module_word(int argc, char **argv)
{
    static const char *const valued[] = {"--out",  "--lang",  "--url", "--server",
                                         "--name", "--token", "--as",  "--data"};
    for (int i = 1; i < argc; i++) {
        if (word_in(argv[i], valued, ORO_ARRAY_LEN(valued)))
            i++;
        else if (argv[i][0] != '-')
            return argv[i];
    }
    return NULL;
}

static int
module_run(bool check, int nset, char **set, int nrest, char **rest)
{
    struct oro_config c;
    struct oro_err err = {0};
    if (oro_config_load(&c, nset, set, oro_py_toml, &err) != ORO_OK)
        return complain(strstr(err.text, "database name") != NULL ? EXIT_MODULE : EXIT_USAGE,
                        err.text);
    if (environment_set(&c, &err) != ORO_OK)
        return complain(EXIT_USAGE, err.text);
    char *words[] = {rest[0], c.module};
    return check ? oro_check_run(&c, true, 2, words) : oro_check_run(&c, false, nrest, rest);
}

/* A module is imported as a worker of a server imports it. The process ends without taking anything down: the import may go on. */
static int
command_module(int argc, char **argv)
{
    bool check = strcmp(argv[0], "check") == 0;
    if (check && oro_migrate_against(argc, argv))
        return command_migrate(argc, argv);
    char **set = ORO_NEW_ARRAY(char *, (size_t)argc + 2),
         **rest = ORO_NEW_ARRAY(char *, (size_t)argc + 1);
    int nset = argc, nrest = argc, code;
    struct oro_err err = {0};
    if (!check)
        words_split(argc, argv, &nset, set, &nrest, rest);
    char *module = check ? NULL : module_word(nrest, rest);
    bool help = argc < 2 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0;
    size_t n = module != NULL ? strlen(module) : 0;
    if (help || (!check && (n == 0 || (n > 5 && strcmp(module + n - 5, ".json") == 0)))) {
        oro_free(set);
        oro_free(rest);
        return command_tool(argc, argv);
    }
    if (!check)
        set[nset++] = module;
    oro_signals_disarm();
    if (oro_log_start(&err) != ORO_OK || python_start(&err) != ORO_OK)
        code = complain(EXIT_PYTHON, err.text);
    else
        code = module_run(check, nset, check ? argv : set, check ? 1 : nrest, check ? argv : rest);
    fflush(stdout);
    oro_log_stop(PATIENCE_MS);
    _exit(code);
}

/* What runs here. All commands, with what `orochi help` says of them, stand in bridge/py/orochi/tools/commands.py; what is not in
 * this list is run there, words that are no command included. */
static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
} commands[] = {
    {"run", command_run},
    {"migrate", command_migrate},
    {"check", command_module},
    {"describe", command_module},
    {"generate", command_module},
    {"extract-schema", command_module},
    {"stubs", command_module},
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
    return command_tool(3, argv);
}

/* `orochi NAME --help` of a command that runs here is followed by what the table of commands has; others print both themselves. */
static int
command_of(int argc, char **argv)
{
    for (size_t i = 0; i < ORO_ARRAY_LEN(commands); i++) {
        if (strcmp(argv[0], commands[i].name) != 0)
            continue;
        bool ours = commands[i].run != command_module;
        if (ours && argc == 2 && is_help(argv[1])) {
            int code = commands[i].run(argc, argv);
            return code != EXIT_FINE ? code : print_behind(argv[0]);
        }
        return commands[i].run(argc, argv);
    }
    return command_tool(argc, argv);
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
    return command_tool(argc, argv);
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

int
oro_main(const struct oro_front *from, int argc, char **argv)
{
    front = *from;
    oro_program_set_python(from->python);
    oro_thread_set_role(ORO_THREAD_MAIN);
    if (!standard_descriptors())
        return EXIT_USAGE; /* nobody to tell */
    oro_sql_init();
    if (argc < 2)
        return command_tool(0, NULL);
    char help[] = "help";
    if (is_help(argv[1]))
        argv[1] = help;
    if (strcmp(argv[1], "version") == 0 || strcmp(argv[1], "--version") == 0)
        return command_version();
    return strcmp(argv[1], "help") == 0 ? command_help(argc - 1, argv + 1)
                                        : command_of(argc - 1, argv + 1);
}
