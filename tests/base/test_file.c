#include <criterion/criterion.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/base/file.h"
#include "runtime/base/mem.h"

static char dir[64];

static void
setup(void)
{
    strcpy(dir, "/tmp/orochi-file-XXXXXX");
    cr_assert_not_null(mkdtemp(dir));
    cr_assert_eq(chdir(dir), 0);
}

static void
teardown(void)
{
    char command[128];
    snprintf(command, sizeof(command), "rm -rf '%s'", dir);
    cr_assert_eq(system(command), 0);
}

TestSuite(file, .init = setup, .fini = teardown, .timeout = 60);

static unsigned
mode_of(const char *path)
{
    struct stat s;
    cr_assert_eq(stat(path, &s), 0, "%s", path);
    return s.st_mode & 0777;
}

static unsigned
entries(void)
{
    DIR *d = opendir(dir);
    unsigned n = 0;
    for (struct dirent *e; (e = readdir(d)) != NULL;)
        n += e->d_name[0] != '.';
    closedir(d);
    return n;
}

static void
expect_text(const char *path, const char *want)
{
    struct oro_err err = {0};
    char *text = NULL;
    cr_assert_eq(oro_file_get(path, 100, &text, &err), ORO_OK, "%s", err.text);
    cr_assert_str_eq(text, want);
    oro_free(text);
}

Test(file, put_replaces_and_create_does_not)
{
    struct oro_err err = {0};
    cr_assert_eq(oro_file_create("a", oro_bytes_str("one"), &err), ORO_OK, "%s", err.text);
    cr_assert_eq(oro_file_create("a", oro_bytes_str("two"), &err), ORO_EEXISTS);
    expect_text("a", "one");
    cr_assert_eq(oro_file_put("a", oro_bytes_str("three"), &err), ORO_OK, "%s", err.text);
    expect_text("a", "three");
    cr_assert_eq(entries(), 1, "nothing is left beside it");
}

static void
leave(const char *path)
{
    FILE *f = fopen(path, "w");
    cr_assert_not_null(f);
    fclose(f);
}

Test(file, what_a_crash_left_is_swept_and_nothing_else)
{
    static const char *const kept[] = {"a", "a.tmp", "a.1.tmp2", "a.b1.tmp", "ab.1.tmp", "a.1"};
    char path[128];
    for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
        leave(kept[i]);
    leave("a.1.tmp");
    leave("a.4294967295.tmp");
    leave("a.7.tmp");
    cr_assert_eq(symlink("a", "a.8.tmp"), 0);
    int held = open("a.7.tmp", O_RDONLY); /* by whoever writes it */
    cr_assert_eq(flock(held, LOCK_EX), 0);
    snprintf(path, sizeof(path), "%s/a", dir);
    oro_file_sweep(path);
    for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
        cr_assert_eq(access(kept[i], F_OK), 0, "%s", kept[i]);
    cr_assert_eq(entries(), sizeof(kept) / sizeof(kept[0]) + 2, "the one that is written, a link");
    close(held);
    oro_file_sweep("a");
    cr_assert_eq(access("a.7.tmp", F_OK), -1);
}

Test(file, no_umask_changes_who_may_read)
{
    static const unsigned masks[] = {0, 022, 077, 0777};
    struct oro_err err = {0};
    for (size_t i = 0; i < sizeof(masks) / sizeof(*masks); i++) {
        umask(masks[i]);
        cr_assert_eq(oro_dir_make("x/y/z", &err), ORO_OK, "%s", err.text);
        cr_assert_eq(mode_of("x") | mode_of("x/y") | mode_of("x/y/z"), 0700);
        cr_assert_eq(oro_file_put("x/put", oro_bytes_str("1"), &err), ORO_OK, "%s", err.text);
        cr_assert_eq(oro_file_prepare("x/prepared", &err), ORO_OK, "%s", err.text);
        cr_assert_eq(mode_of("x/put"), 0600);
        cr_assert_eq(mode_of("x/prepared"), 0600);
        cr_assert_eq(system("rm -r x"), 0);
    }
}

Test(file, what_others_could_read_is_hidden)
{
    struct oro_err err = {0};
    cr_assert_eq(oro_file_put("a", oro_bytes_str("kept"), &err), ORO_OK);
    cr_assert_eq(chmod("a", 0664), 0);
    cr_assert_eq(oro_file_prepare("a", &err), ORO_OK);
    cr_assert_eq(mode_of("a"), 0600);
    expect_text("a", "kept");
    oro_file_hide("nothing");
}

Test(file, a_folder_where_a_file_is_says_so)
{
    struct oro_err err = {0};
    cr_assert_eq(oro_file_put("f", oro_bytes_str("x"), &err), ORO_OK);
    cr_assert_eq(symlink("nowhere", "l"), 0);
    static const char *const names[] = {"f", "f/x", "l", "l/x"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        cr_assert_eq(oro_dir_make(names[i], &err), ORO_EIO);
        cr_assert_not_null(strstr(err.text, "has to be a folder"), "%s: %s", names[i], err.text);
    }
}

Test(file, get_says_what_is_wrong)
{
    struct oro_err err = {0};
    char *text;
    cr_assert_eq(oro_file_get("none", 100, &text, &err), ORO_ENOTFOUND);
    cr_assert_eq(oro_file_put("long", oro_bytes_str("0123456789"), &err), ORO_OK);
    cr_assert_eq(oro_file_get("long", 10, &text, &err), ORO_EFULL);
    cr_assert_eq(oro_file_get("long", 11, &text, &err), ORO_OK);
    oro_free(text);
    cr_assert_eq(oro_file_get(".", 10, &text, &err), ORO_EIO);
    cr_assert_eq(oro_file_put("no/folder", oro_bytes_str("x"), &err), ORO_EIO);
    cr_assert_not_null(strstr(err.text, "no/folder"), "%s", err.text);
}
