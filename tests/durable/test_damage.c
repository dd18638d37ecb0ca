/* Each file of the folder, removed, cut, zeroed or with a wrong bit, after a clean stop and after a crash: either everything that
 * was confirmed is there, or it is refused, with the name of the database and what can be done. Never a silent loss. */
#include <criterion/criterion.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/log/wal.h"
#include "tests/durable/damage.h"

TestSuite(damage, .init = damage_setup, .fini = damage_teardown, .timeout = 600);

/* The copy that the refusal offers starts, and holds whole transactions up to one of them, unless rows of the tables are gone. */
static void
expect_prefix_by_repair(const char *what)
{
    struct oro_err err = {0};
    struct run r;
    struct run_options opt = options(ORO_DURABLE_OFF);
    char *file = path_in("copy"), *report;
    oro_status st = oro_repair(dir, "game", file, true, &report, &err);
    if (st == ORO_OK) {
        cr_assert_eq(oro_restore(file, dir, "game", true, &err), ORO_OK, "%s: %s", what, err.text);
        cr_assert_eq(run_open(&r, &opt, &err), ORO_OK, "%s, repaired: %s", what, err.text);
        cr_assert(entries_of(&r) <= ALL || strstr(what, "-log") == NULL, "%s, repaired", what);
        run_close(&r);
    } else {
        cr_assert_neq(err.text[0], '\0', "%s", what);
    }
    oro_free(report);
    oro_free(file);
}

static unsigned
try(const char *name, const uint8_t *bytes, size_t len, bool there, const char *how, size_t at)
{
    char *what = oro_asprintf("%s %s %zu", name, how, at), *path = path_in(name);
    put_back();
    if (there)
        write_file(name, bytes, len);
    else
        unlink(path);
    bool refused = full_or_refused(ALL, what);
    if (refused) {
        refused = full_or_refused(ALL, what); /* and it stays so */
        cr_assert(refused, "%s: the second start takes it", what);
        expect_prefix_by_repair(what);
    }
    oro_free(what);
    oro_free(path);
    return refused;
}

/* The head, the first page, and what a lost write of a disk leaves. */
static unsigned
zeroed(const struct kept *k, size_t from, size_t n)
{
    uint8_t *bytes = oro_alloc(k->len + 1);
    memcpy(bytes, k->bytes, k->len);
    memset(bytes + from, 0, n < k->len - from ? n : k->len - from);
    unsigned refused = try(k->name, bytes, k->len, true, "zeros from", from);
    oro_free(bytes);
    return refused;
}

static unsigned
each_damage(const struct kept *k, size_t flips)
{
    unsigned refused = try(k->name, NULL, 0, false, "removed", 0);
    refused += try(k->name, NULL, 0, true, "cut to", 0);
    for (size_t i = 1; i < 8 && k->len * i / 8 + i < k->len; i++)
        refused += try(k->name, k->bytes, k->len * i / 8 + i, true, "cut to", k->len * i / 8 + i);
    if (k->len > 0)
        refused += try(k->name, k->bytes, k->len - 1, true, "cut to", k->len - 1);
    if (k->len > 0)
        refused += zeroed(k, 0, 16) + zeroed(k, 0, 100) + zeroed(k, 0, k->len);
    for (size_t i = 0; i < 8 && k->len > 0; i++)
        refused += zeroed(k, (k->len / 8 * i) & ~(size_t)4095, 4096);
    for (size_t i = 0; i <= flips && k->len > 0; i++) {
        size_t at = i * (k->len - 1) / flips;
        k->bytes[at] ^= 0x10;
        refused += try(k->name, k->bytes, k->len, true, "flipped at", at);
        k->bytes[at] ^= 0x10;
    }
    return refused;
}

/* Gives how many were refused. */
static unsigned
matrix(size_t flips)
{
    unsigned refused = 0;
    keep_folder();
    for (size_t i = 0; i < nkept; i++) {
        unsigned n = each_damage(&kept[i], flips);
        refused += n;
        /* What nothing depends on may be lost. */
        if (strstr(kept[i].name, ".lock") != NULL || strstr(kept[i].name, "-shm") != NULL ||
            strstr(kept[i].name, "-confirmed") != NULL)
            cr_assert_eq(n, 0, "%s: %u refused", kept[i].name, n);
    }
    put_back();
    cr_assert_not(full_or_refused(ALL, "undamaged"));
    forget_kept();
    return refused;
}

Test(damage, of_each_file_after_a_clean_stop)
{
    in_process(clean_stop);
    cr_assert_gt(matrix(40), 10);
}

Test(damage, of_each_file_after_a_crash)
{
    in_process(first_life);
    cr_assert_gt(matrix(40), 40);
}

/* ---- no file at all ---- */

static void
put_fifo(const char *path)
{
    unlink(path);
    ORO_ASSERT(mkfifo(path, 0600) == 0);
}

static void
put_folder(const char *path)
{
    unlink(path);
    ORO_ASSERT(mkdir(path, 0700) == 0);
}

/* Told with the file's name by whoever opens it; nobody waits, and nothing else is made in the folder. */
static void
expect_named(const char *name, const char *what)
{
    struct run r;
    struct run_options opt = options(ORO_DURABLE_OFF);
    struct oro_err err[4] = {0};
    char *copy = path_in("copy"), *report, *path = path_in(name);
    cr_assert_neq(run_open(&r, &opt, &err[0]), ORO_OK, "%s as %s", name, what);
    cr_assert_neq(oro_backup(dir, "game", copy, true, &err[1]), ORO_OK, "%s as %s", name, what);
    cr_assert_neq(oro_repair(dir, "game", copy, true, &report, &err[2]), ORO_OK);
    oro_free(report);
    for (size_t i = 0; i < 3; i++) {
        cr_assert_not_null(strstr(err[i].text, path), "%s as %s: %s", name, what, err[i].text);
        cr_assert_not_null(strstr(err[i].text, what), "%s as %s: %s", name, what, err[i].text);
    }
    oro_free(copy);
    oro_free(path);
}

/* What replaces everything replaces that as well; a folder is in the way. */
static void
expect_restored(const char *backup, const char *name, const char *what)
{
    struct oro_err err = {0};
    oro_status st = oro_restore(backup, dir, "game", true, &err);
    if (strcmp(what, "a folder") == 0) {
        cr_assert_eq(st, ORO_EIO);
        cr_assert_not_null(strstr(err.text, name), "%s", err.text);
        return;
    }
    cr_assert_eq(st, ORO_OK, "%s as %s: %s", name, what, err.text);
    cr_assert_not(full_or_refused(ALL, what));
}

Test(damage, a_link_a_fifo_or_a_folder_in_place_of_a_file)
{
    static const char *const names[] = {"game.db",          "game.db-wal",     "game.db-shm",
                                        "game.db-log",      "game.db-log-wal", "game.db-log-shm",
                                        "game.db-confirmed"};
    static const struct {
        const char *what;
        void (*put)(const char *path);
    } ways[] = {{"a link", put_link}, {"something else", put_fifo}, {"a folder", put_folder}};
    struct oro_err err = {0};
    in_process(first_life);
    keep_folder();
    char *backup = oro_asprintf("%s-backup", dir);
    cr_assert_eq(oro_backup(dir, "game", backup, true, &err), ORO_OK, "%s", err.text);
    for (size_t i = 0; i < ORO_ARRAY_LEN(names) * ORO_ARRAY_LEN(ways); i++) {
        const char *name = names[i / ORO_ARRAY_LEN(ways)];
        char *path = path_in(name);
        put_back();
        ways[i % ORO_ARRAY_LEN(ways)].put(path);
        expect_named(name, ways[i % ORO_ARRAY_LEN(ways)].what);
        expect_restored(backup, name, ways[i % ORO_ARRAY_LEN(ways)].what);
        if (unlink(path) != 0)
            rmdir(path);
        oro_free(path);
    }
    put_back();
    cr_assert_not(full_or_refused(ALL, "as it was"));
    unlink(backup);
    oro_free(backup);
    forget_kept();
}

/* What is wrong with the log does not send anybody to the tables. */
Test(damage, of_the_log_is_told_of_the_log)
{
    struct run r;
    struct run_options opt = options(ORO_DURABLE_OFF);
    struct oro_err err = {0};
    in_process(first_life);
    char *log = path_in("game.db-log");
    struct db *db;
    int64_t batches = 0;
    cr_assert_eq(db_open(log, &db, &err), ORO_OK, "%s", err.text);
    cr_assert_eq(db_int(db, "SELECT count(*) FROM _orochi_log", &batches, &err), ORO_OK);
    cr_assert_gt(batches, 0);
    db_close(db); /* with the WAL in the file: a page in it may stand for the one that is spoiled */
    int fd = open(log, O_WRONLY);
    cr_assert_eq(pwrite(fd, "nothing that SQLite knows", 25, 0), 25);
    close(fd);
    cr_assert_neq(run_open(&r, &opt, &err), ORO_OK);
    char *told = oro_asprintf("its log %s is damaged", log);
    cr_assert_not_null(strstr(err.text, told), "%s", err.text);
    cr_assert_not_null(strstr(err.text, "orochi repair"), "%s", err.text);
    cr_assert_null(strstr(err.text, ".recover"), "%s", err.text);
    oro_free(told);
    oro_free(log);
}

/* Every byte of the last group commit, and each frame of all of them. */
Test(damage, no_bit_of_the_log_goes_unnoticed)
{
    in_process(first_life);
    keep_folder();
    for (size_t i = 0; i < nkept; i++) {
        struct kept *k = &kept[i];
        if (strcmp(k->name, "game.db-log-wal") != 0)
            continue;
        unsigned refused = 0, n = 0;
        size_t frame = LOG_PAGE + 24, frames = (k->len - 32) / frame;
        cr_assert_geq(frames, ALL - BEFORE);
        for (size_t f = 0; f < frames; f++) {
            for (size_t at = 32 + f * frame; at < 32 + (f + 1) * frame; at += frame / 5) {
                k->bytes[at] ^= 1;
                refused += try(k->name, k->bytes, k->len, true, "flipped at", at);
                k->bytes[at] ^= 1;
                n++;
            }
        }
        cr_assert_geq(refused, (ALL - BEFORE) * 5, "%u of %u", refused, n);
    }
    forget_kept();
}

/* After a power cut what is known of the end may be old: the WAL itself says that it goes on. */
Test(damage, in_the_middle_is_told_from_a_torn_end)
{
    in_process(first_life);
    keep_folder();
    char *path = path_in("game.db-confirmed"), *wal_path = path_in("game.db-log-wal");
    struct confirmed c;
    cr_assert(confirmed_read(path, &c));
    for (size_t i = 0; i < nkept; i++) {
        struct kept *k = &kept[i];
        if (strcmp(k->name, "game.db-log-wal") != 0)
            continue;
        size_t frame = LOG_PAGE + 24, frames = (k->len - 32) / frame;
        for (size_t f = 0; f < frames; f++) {
            struct confirmed old = confirmed_now(c.log_id, true, BEFORE);
            struct wal wal;
            strcpy(old.boot_id, "another");
            int fd;
            put_back();
            cr_assert_eq(confirmed_make(path, &old, &fd, NULL), ORO_OK);
            close(fd);
            k->bytes[32 + f * frame + 100] ^= 1;
            write_file(k->name, k->bytes, k->len);
            k->bytes[32 + f * frame + 100] ^= 1;
            cr_assert_eq(wal_read(wal_path, LOG_PAGE, &wal, NULL), ORO_OK);
            cr_assert(wal.damaged || wal.torn, "frame %zu of %zu goes unnoticed", f, frames);
            struct run r;
            struct run_options opt = options(ORO_DURABLE_OFF);
            struct oro_err err = {0};
            oro_status st = run_open(&r, &opt, &err);
            if (st == ORO_OK) { /* of the last transaction it cannot be told */
                cr_assert_geq(entries_of(&r), ALL - 1, "frame %zu of %zu", f, frames);
                run_close(&r);
            } else {
                cr_assert_not_null(strstr(err.text, "is damaged at byte"), "%s", err.text);
            }
        }
    }
    forget_kept();
    oro_free(path);
    oro_free(wal_path);
}

/* ---- repair, where pages are gone ---- */

static void
many(void)
{
    struct run r;
    struct run_options opt = options(ORO_DURABLE_OFF);
    run_must_open(&r, &opt);
    for (uint64_t i = 1; i <= 2000; i++)
        add(&r, i);
    ORO_ASSERT(run_close(&r));
}

/* How many of the 2000 are saved when these pages are zeros. */
static bool head_only;
static size_t
saved_without(size_t from, size_t step, size_t pages)
{
    struct oro_err err = {0};
    struct run r;
    struct run_options opt = options(ORO_DURABLE_OFF);
    char *path = path_in("game.db"), *file = path_in("copy"), *report;
    struct kept *k = &kept[0];
    while (strcmp(k->name, "game.db") != 0)
        k++;
    put_back();
    uint8_t *bytes = oro_alloc(k->len);
    memcpy(bytes, k->bytes, k->len);
    for (size_t i = 0; i < pages && from + i * step < k->len / 4096; i++)
        memset(bytes + (from + i * step) * 4096, 0, head_only ? 100 : 4096);
    write_file("game.db", bytes, k->len);
    cr_assert(full_or_refused(2000, "pages are gone"));
    cr_assert_eq(oro_repair(dir, "game", file, true, &report, &err), ORO_OK, "%s", err.text);
    cr_assert(strstr(report, "rows are saved") != NULL ||
                  strstr(report, "table entry: 1 damaged rows are left out") != NULL,
              "%s", report); /* a page of one row alone */
    cr_assert_eq(oro_restore(file, dir, "game", true, &err), ORO_OK, "%s", err.text);
    cr_assert_eq(run_open(&r, &opt, &err), ORO_OK, "%s", err.text);
    size_t found = run_count(&r, "entry");
    run_close(&r);
    oro_free(report);
    oro_free(bytes);
    oro_free(path);
    oro_free(file);
    return found;
}

Test(damage, what_is_on_other_pages_is_repaired)
{
    in_process(many);
    keep_folder();
    /* About 11 rows of entry are on a page; one that is inside of the tree loses what is below it. */
    cr_assert_geq(saved_without(40, 1, 1), 1980);
    cr_assert_geq(saved_without(40, 30, 3), 1900);
    cr_assert_geq(saved_without(60, 17, 8), 1500);
    head_only = true;
    cr_assert_eq(saved_without(0, 1, 1), 2000, "only the head was gone");
    head_only = false;
    forget_kept();
}

/* The first page says where the tables are, those behind it what they are: both are kept beside the file as well. */
Test(damage, what_tells_of_the_tables_is_repaired)
{
    in_process(many);
    keep_folder();
    for (size_t page = 0; page < 16; page++)
        cr_assert_geq(saved_without(page, 1, 1), 1980, "without page %zu", page);
    cr_assert_geq(saved_without(0, 1, 10), 1900, "without the first ten");
    forget_kept();
}
