/* The commands that import a module without serving it: their words, and the import in a worker's interpreter. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "bridge/host/bridge.h"
#include "runtime/base/log.h"
#include "runtime/check.h"
#include "runtime/program_priv.h"
#include "runtime/signals.h"

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
        return oro_complain(strstr(err.text, "database name") != NULL ? EXIT_MODULE : EXIT_USAGE,
                            err.text);
    if (oro_environment_set(&c, &err) != ORO_OK)
        return oro_complain(EXIT_USAGE, err.text);
    char *words[] = {rest[0], c.module};
    return check ? oro_check_run(&c, true, 2, words) : oro_check_run(&c, false, nrest, rest);
}

/* A module is imported as a worker of a server imports it. The process ends without taking anything down: the import may go on. */
int
oro_import_command(int argc, char **argv)
{
    bool check = strcmp(argv[0], "check") == 0;
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
        return oro_tool_command(argc, argv);
    }
    if (!check)
        set[nset++] = module;
    oro_signals_disarm();
    if (oro_log_start(&err) != ORO_OK || oro_front_python_start(&err) != ORO_OK)
        code = oro_complain(EXIT_PYTHON, err.text);
    else
        code = module_run(check, nset, check ? argv : set, check ? 1 : nrest, check ? argv : rest);
    fflush(stdout);
    oro_log_stop(PATIENCE_MS);
    _exit(code);
}
