#include "runtime/migrate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/base/file.h"
#include "runtime/base/log.h"
#include "runtime/durable/backup.h"

static bool dry_run;

static const char help[] =
    "usage: orochi migrate [--dry-run] MODULE [flags of run]\n"
    "  Brings the data to the tables that the module has now, and says what it did. What is not "
    "automatic\n"
    "  goes through the module's @migration hooks. A start does the same. No server may run on "
    "the data;\n"
    "  what the module changes or gives up is kept beside it, in NAME.db.before-N.\n"
    "  --dry-run     do it in a copy and only say what would happen; a server may run\n"
    "  --data DIR    data folder, --name NAME of the database, --set KEY=VALUE ... as for `run`\n";

bool
oro_migrate_words(int *argc, char **argv)
{
    int n = 0;
    bool asked = *argc < 2;
    for (int i = 0; i < *argc; i++) {
        bool dry = strcmp(argv[i], "--dry-run") == 0;
        dry_run |= dry;
        asked |= strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0;
        if (!dry)
            argv[n++] = argv[i];
    }
    argv[n] = NULL;
    *argc = n;
    if (asked)
        fputs(help, stdout);
    return asked;
}

bool
oro_migrate_against(int argc, char **argv)
{
    static char data[] = "--data";
    static const char word[] = "--against";
    size_t n = sizeof(word) - 1;
    bool found = false;
    for (int i = 1; i < argc; i++) {
        if (strncmp(argv[i], word, n) != 0 || (argv[i][n] != '\0' && argv[i][n] != '='))
            continue;
        found = dry_run = true;
        argv[i] = argv[i][n] == '\0' ? data : oro_asprintf("%s%s", data, argv[i] + n);
    }
    return found;
}

static oro_status
migrate(const struct oro_server_options *opt, struct oro_err *err)
{
    struct oro_bb told = {0};
    char *report = NULL;
    oro_status st = oro_server_migrate(opt, &told, &report, err);
    if (report != NULL) { /* every problem; err has only the first */
        oro_log_plain(report);
        oro_err_set(err, st, "the module cannot be loaded: nothing was changed");
    }
    (void)oro_log_drain(1000);
    if (st == ORO_OK)
        printf("%.*s%s\n", (int)told.len, told.len > 0 ? (const char *)told.data : "",
               told.len == 0 ? "the data fits the module: there is nothing to change"
               : dry_run     ? "this is what would be done: nothing was changed"
                             : "done");
    fflush(stdout);
    oro_free(report);
    oro_bb_fini(&told);
    return st;
}

/* What is said of the copy is true of the data: its folder is that one's, with this behind it. */
static void
name_the_data(struct oro_err *err, const char *behind)
{
    size_t n = strlen(behind);
    for (char *at; (at = strstr(err->text, behind)) != NULL;)
        memmove(at, at + n, strlen(at + n) + 1);
}

/* In a copy beside the data, since there may be room for it, and it is as private there. */
static oro_status
migrate_copy(const struct oro_server_options *opt, struct oro_err *err)
{
    struct oro_server_options copy = *opt;
    char *dir = oro_asprintf("%s/dry-run-XXXXXX", opt->data_dir);
    if (mkdtemp(dir) == NULL) {
        oro_err_set(err, ORO_EIO, "cannot make a folder in %s: %m", opt->data_dir);
        oro_free(dir);
        return ORO_EIO;
    }
    char *file = oro_asprintf("%s/%s.db", dir, opt->name);
    copy.data_dir = dir;
    copy.rehearsal = true;
    oro_status st = oro_backup(opt->data_dir, opt->name, file, false, err);
    if (st == ORO_OK)
        st = migrate(&copy, err);
    if (st != ORO_OK)
        name_the_data(err, dir + strlen(opt->data_dir));
    oro_folder_remove(dir);
    oro_free(file);
    oro_free(dir);
    return st;
}

oro_status
oro_migrate_run(const struct oro_server_options *opt, struct oro_err *err)
{
    struct oro_server_options one = *opt;
    one.workers = 1;
    one.delete_data = false;
    if (opt->data_dir == NULL)
        return oro_err_set(err, ORO_EINVAL, "--memory has no data to migrate");
    char *path = oro_asprintf("%s/%s.db", opt->data_dir, opt->name);
    oro_status st =
        access(path, F_OK) == 0
            ? ORO_OK
            : oro_err_set(err, ORO_ENOTFOUND, "there is no database %s in the folder %s", opt->name,
                          opt->data_dir);
    oro_free(path);
    if (st != ORO_OK)
        return st;
    return dry_run ? migrate_copy(&one, err) : migrate(&one, err);
}
