/* A file of tables with wrong bytes in it, or one that is of something else: nothing wrong is ever taken as it is. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "runtime/base/mem.h"
#include "tests/durable/game.h"

TestSuite(pages, .init = game_setup, .fini = game_teardown, .timeout = 120);

static void
file_write(const char *path, const uint8_t *bytes, size_t len)
{
    FILE *f = fopen(path, "w");
    cr_assert_not_null(f);
    cr_assert_eq(fwrite(bytes, 1, len, f), len);
    fclose(f);
}

static size_t
file_read(const char *path, uint8_t **out)
{
    FILE *f = fopen(path, "r");
    cr_assert_not_null(f);
    fseek(f, 0, SEEK_END);
    size_t len = (size_t)ftell(f);
    rewind(f);
    *out = oro_alloc(len);
    cr_assert_eq(fread(*out, 1, len, f), len);
    fclose(f);
    return len;
}

/* Either all of it is there, or it is refused and what to do is said. True: refused. */
static bool
whole_or_refused(const struct oro_bb *want, const char *what, size_t at)
{
    struct run r;
    struct run_options opt = options(lines);
    struct oro_err err = {0};
    struct oro_bb found = {0};
    opt.mode = ORO_DURABLE_OFF;
    if (run_open(&r, &opt, &err) != ORO_OK) {
        bool told = strstr(err.text, "Restore a backup") != NULL ||
                    strstr(err.text, "SQLite file of something else") != NULL ||
                    strstr(err.text, "(format ") != NULL ||
                    strstr(err.text, "does not fit") != NULL;
        cr_assert(told, "%s %zu: %s", what, at, err.text);
        return true;
    }
    run_dump(&r, &found);
    cr_assert(oro_bytes_eq(oro_bb_bytes(&found), oro_bb_bytes(want)), "%s %zu: taken as it is",
              what, at);
    run_close(&r);
    oro_bb_fini(&found);
    return false;
}

static void
damage_setup(struct oro_bb *want, uint8_t **bytes, size_t *len)
{
    struct run r;
    struct run_options opt = options(lines);
    char name[400];
    run_must_open(&r, &opt);
    for (unsigned i = 1; i <= 60; i++) {
        memset(name, 'a' + (int)(i % 26), sizeof(name));
        snprintf(name, 8, "%u", i);
        name[strlen(name)] = '-';
        name[i * 6] = '\0';
        add_player(&r, i, name);
    }
    run_dump(&r, want);
    run_close(&r);
    char *path = temp_db_path(dir);
    *len = file_read(path, bytes);
    oro_free(path);
}

static void
put_back(const uint8_t *bytes, size_t len)
{
    static const char *const ends[] = {"-wal", "-shm", "-journal", "-log", "-log-wal", "-log-shm"};
    char *path = temp_db_path(dir);
    for (size_t i = 0; i < ORO_ARRAY_LEN(ends); i++) {
        char *p = oro_asprintf("%s%s", path, ends[i]);
        unlink(p);
        oro_free(p);
    }
    file_write(path, bytes, len);
    oro_free(path);
}

Test(pages, every_damaged_page_is_noticed, .timeout = 300)
{
    struct oro_bb want = {0};
    uint8_t *bytes;
    size_t len, refused = 0;
    damage_setup(&want, &bytes, &len);
    cr_assert_gt(len, 8 * 4096);
    for (size_t at = 0; at < len; at += 157) {
        bytes[at] ^= 0x55;
        put_back(bytes, len);
        refused += whole_or_refused(&want, "byte", at);
        bytes[at] ^= 0x55;
    }
    cr_assert_gt(refused, 20);
    /* Whole pages of zeros, as a disk gives that has forgotten them. */
    for (size_t at = 4096; at < len; at += 4096) {
        uint8_t page[4096];
        memcpy(page, bytes + at, sizeof(page));
        memset(bytes + at, 0, sizeof(page));
        put_back(bytes, len);
        whole_or_refused(&want, "page", at);
        memcpy(bytes + at, page, sizeof(page));
    }
    oro_free(bytes);
    oro_bb_fini(&want);
}

Test(pages, a_file_that_is_cut_off_is_noticed, .timeout = 300)
{
    struct oro_bb want = {0};
    uint8_t *bytes;
    size_t len;
    damage_setup(&want, &bytes, &len);
    for (size_t at = 512; at < len; at += 2048) {
        put_back(bytes, at);
        whole_or_refused(&want, "cut off at", at);
    }
    oro_free(bytes);
    oro_bb_fini(&want);
}

Test(pages, other_files_are_refused)
{
    sql_exec("create table mine (a)");
    expect_refused(lines, ORO_EMALFORMED, "an SQLite file of something else");
    char *path = temp_db_path(dir);
    FILE *f = fopen(path, "w");
    fputs("this is no database, but it is long enough to have a header of one hundred bytes, which "
          "SQLite looks at first ...",
          f);
    fclose(f);
    oro_free(path);
    expect_refused(lines, ORO_EMALFORMED, "file is not a database");
}

Test(pages, other_formats_are_refused)
{
    struct run r;
    struct run_options opt = options(lines);
    run_must_open(&r, &opt);
    run_close(&r);
    sql_exec("pragma user_version = 99");
    expect_refused(lines, ORO_EINVAL, "a newer version of this server wrote it (format 99");
    sql_exec("pragma user_version = 2");
    expect_refused(lines, ORO_EINVAL,
                   "before its first release wrote it (format 2, this one reads 3 and newer ones)");
}
