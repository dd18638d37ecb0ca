/* `orochi backup`, `orochi restore`, `orochi repair`: their words. */
#include <stdio.h>
#include <string.h>

#include "runtime/base/log.h"
#include "runtime/durable/backup.h"
#include "runtime/durable/durable_priv.h"

#define DATA_DIR "orochi-data" /* where `orochi run` keeps it */

enum { EXIT_FINE = 0, EXIT_USAGE = 2, EXIT_DATA = 4 };

struct words {
    const char *file, *dir, *name;
    bool force, help;
};

static const char backup_usage[] =
    "usage: orochi backup FILE [--data DIR] [--name NAME] [--force]\n"
    "  Copies the database into FILE, also while it is being served: one consistent state, with "
    "every\n"
    "  transaction that had been confirmed when the copy began. The data folder's keys and "
    "owner.token\n"
    "  are files of their own: keep them too if the tokens that clients hold shall stay valid.\n"
    "  --data DIR    data folder (" DATA_DIR ")\n"
    "  --name NAME   of the database; not needed where the folder holds one\n"
    "  --force       replace FILE\n";

static const char restore_usage[] =
    "usage: orochi restore FILE [--data DIR] [--name NAME] [--force]\n"
    "  Makes the data what `orochi backup` has put into FILE. No server may run on it.\n"
    "  --data DIR    data folder (" DATA_DIR "), made if missing\n"
    "  --name NAME   of the database; else the one in the folder, else as it was called\n"
    "  --force       replace the data that is there\n";

static const char repair_usage[] =
    "usage: orochi repair FILE [--data DIR] [--name NAME] [--force]\n"
    "  Copies what can be read of damaged data into FILE, a backup, and says what is missing in "
    "it. "
    "The data\n"
    "  stays as it is; `orochi restore FILE --force` puts the copy in its place. No server may run "
    "on it.\n"
    "  --data DIR    data folder (" DATA_DIR ")\n"
    "  --name NAME   of the database; not needed where the folder holds one\n"
    "  --force       replace FILE\n";

/* "--data DIR" or "--data=DIR". NULL: another word. */
static const char *
flag_value(const char *flag, int argc, char **argv, int *i)
{
    size_t len = strlen(flag);
    if (strncmp(argv[*i], flag, len) != 0)
        return NULL;
    if (argv[*i][len] == '=')
        return argv[*i] + len + 1;
    return argv[*i][len] == '\0' && *i + 1 < argc ? argv[++*i] : NULL;
}

static oro_status
words_read(struct words *w, int argc, char **argv, struct oro_err *err)
{
    *w = (struct words){.dir = DATA_DIR};
    for (int i = 1; i < argc; i++) {
        const char *value;
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            w->help = true;
        else if (strcmp(argv[i], "--force") == 0)
            w->force = true;
        else if ((value = flag_value("--data", argc, argv, &i)) != NULL)
            w->dir = value;
        else if ((value = flag_value("--name", argc, argv, &i)) != NULL)
            w->name = value;
        else if (argv[i][0] != '-' && w->file == NULL)
            w->file = argv[i];
        else
            return oro_err_set(err, ORO_EINVAL, "%s was not expected, or lacks its value", argv[i]);
    }
    return w->file != NULL || w->help ? ORO_OK
                                      : oro_err_set(err, ORO_EINVAL, "which FILE is missing");
}

static oro_status
backup_words(const struct words *w, struct oro_err *err)
{
    return oro_backup(w->dir, w->name, w->file, w->force, err);
}

static oro_status
restore_words(const struct words *w, struct oro_err *err)
{
    return oro_restore(w->file, w->dir, w->name, w->force, err);
}

static oro_status
repair_words(const struct words *w, struct oro_err *err)
{
    char *report = NULL;
    oro_status st = oro_repair(w->dir, w->name, w->file, w->force, &report, err);
    if (report != NULL)
        fputs(report, stdout);
    oro_free(report);
    return st;
}

static int
command(int argc, char **argv, const char *usage,
        oro_status (*run)(const struct words *w, struct oro_err *err))
{
    struct words w;
    struct oro_err err = {0};
    if (words_read(&w, argc, argv, &err) != ORO_OK) {
        fprintf(stderr, "orochi: %s\n%s", err.text, usage);
        return EXIT_USAGE;
    }
    if (w.help) {
        fputs(usage, stdout);
        return EXIT_FINE;
    }
    if (run(&w, &err) != ORO_OK) {
        fprintf(stderr, "orochi: %s: %s\n", argv[0], err.text);
        return EXIT_DATA;
    }
    return EXIT_FINE;
}

int
oro_backup_command(int argc, char **argv)
{
    return command(argc, argv, backup_usage, backup_words);
}

int
oro_restore_command(int argc, char **argv)
{
    return command(argc, argv, restore_usage, restore_words);
}

int
oro_repair_command(int argc, char **argv)
{
    return command(argc, argv, repair_usage, repair_words);
}
