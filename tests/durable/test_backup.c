/* Copies of the data: of a server that writes meanwhile, whole or not at all, never over something by mistake. */
#include <criterion/criterion.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/durable/backup.h"
#include "tests/durable/run.h"

static const char *const lines[] = {"entry public id:u64:pk note:string",
                                    "total public id:u8:pk sum:u64", NULL};

static char *dir, *other, *file;

static void
setup(void)
{
    dir = temp_dir_make();
    other = temp_dir_make();
    file = oro_asprintf("%s/copy.db", other);
}

static void
teardown(void)
{
    oro_free(file);
    temp_dir_remove(other);
    temp_dir_remove(dir);
}

TestSuite(backup, .init = setup, .fini = teardown, .timeout = 120);

static struct run_options
options(const char *where)
{
    return (struct run_options){
        .dir = where, .lines = lines, .mode = ORO_DURABLE_NORMAL, .checkpoint_bytes = 50000};
}

/* Transaction i: entry i, and total = i. */
static uint64_t
write_entry(struct run *r, uint64_t i, struct oro_bb *row)
{
    const struct oro_table_def *total = fixture_table(r->schema, "total");
    struct oro_tx *tx = oro_tx_begin(r->se, false);
    oro_bb_clear(row);
    oro_bb_u64(row, i);
    put_string(row, "as long as such texts are");
    run_insert(r, tx, "entry", row);
    oro_bb_clear(row);
    oro_bb_u8(row, 1);
    oro_bb_u64(row, i);
    struct oro_err err;
    ORO_ASSERT(oro_tx_upsert(tx, total, fixture_index(total, "id"), oro_bb_bytes(row), NULL,
                             &err) == ORO_OK);
    return run_commit(r, tx);
}

static void
write_entries(struct run *r, uint64_t from, uint64_t to)
{
    struct oro_bb row = {0};
    uint64_t seq = 0;
    for (uint64_t i = from; i <= to; i++)
        seq = write_entry(r, i, &row);
    run_wait_durable(r, seq);
    oro_bb_fini(&row);
}

/* How many transactions the data has; each is there as a whole, and no one is left out. */
static uint64_t
entries_in(const char *where)
{
    struct run r;
    struct run_options opt = options(where);
    struct oro_rows rows;
    uint64_t sum = 0;
    run_must_open(&r, &opt);
    oro_read_begin(r.se);
    oro_read_scan(r.se, fixture_table(r.schema, "total"), &rows);
    if (rows.n == 1)
        memcpy(&sum, rows.rows[0].data + 1, 8);
    oro_read_scan(r.se, fixture_table(r.schema, "entry"), &rows);
    cr_assert_eq(rows.n, sum);
    for (size_t i = 0; i < rows.n; i++) {
        uint64_t id;
        memcpy(&id, rows.rows[i].data, 8);
        cr_assert(id >= 1 && id <= sum);
    }
    oro_read_end(r.se);
    run_close(&r);
    return sum;
}

static void
made(oro_status st, const struct oro_err *err)
{
    cr_assert_eq(st, ORO_OK, "%s", err->text);
}

static void
refused(oro_status st, oro_status want, const struct oro_err *err, const char *text)
{
    cr_assert_eq(st, want, "status %d: %s", st, err->text);
    cr_assert_not_null(strstr(err->text, text), "%s", err->text);
}

struct writer {
    struct run *r;
    _Atomic uint64_t durable; /* transactions that are */
    _Atomic uint64_t most; /* it waits when it has written so many: every backup holds them all */
    atomic_bool over;
};

static void *
writer_main(void *arg)
{
    struct writer *w = arg;
    for (uint64_t i = 1; !atomic_load(&w->over); i += 50) {
        while (i > atomic_load(&w->most) && !atomic_load(&w->over))
            usleep(200);
        write_entries(w->r, i, i + 49);
        atomic_store(&w->durable, i + 49);
    }
    return NULL;
}

Test(backup, of_data_that_is_being_written)
{
    struct run r;
    struct run_options opt = options(dir);
    struct oro_err err = {0};
    pthread_t t;
    run_must_open(&r, &opt);
    struct writer w = {.r = &r};
    cr_assert_eq(pthread_create(&t, NULL, writer_main, &w), 0);
    uint64_t last = 0;
    for (unsigned i = 0; i < 8; i++) {
        uint64_t before;
        atomic_store(&w.most, last + 20000);
        while ((before = atomic_load(&w.durable)) < last + 100)
            usleep(200);
        made(oro_backup(dir, NULL, file, i > 0, &err), &err);
        made(oro_restore(file, other, "again", i > 0, &err), &err);
        struct run_options restored = options(other);
        /* The fixture's runs are called game. */
        char *from = oro_asprintf("%s/again.db", other), *to = oro_asprintf("%s/game.db", other);
        cr_assert_eq(rename(from, to), 0);
        last = entries_in(restored.dir);
        cr_assert_geq(last, before);
        cr_assert_eq(rename(to, from), 0);
        oro_free(from);
        oro_free(to);
    }
    atomic_store(&w.over, true);
    pthread_join(t, NULL);
    run_close(&r);
}

static void
crash_with_wal(void)
{
    pid_t pid = fork();
    if (pid == 0) {
        struct run r;
        struct run_options opt = options(dir);
        opt.checkpoint_bytes = 0;
        run_must_open(&r, &opt);
        write_entries(&r, 1, 300);
        _exit(0);
    }
    int status;
    waitpid(pid, &status, 0);
    cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

Test(backup, of_what_a_crash_left_has_the_log_and_stays_the_old_one_until_replaced)
{
    struct oro_err err = {0};
    struct run r;
    struct run_options opt = options(dir);
    crash_with_wal();
    made(oro_backup(dir, "game", file, false, &err), &err);
    refused(oro_backup(dir, "game", file, false, &err), ORO_EEXISTS, &err, "--force");
    run_must_open(&r, &opt);
    write_entries(&r, 301, 400);
    run_close(&r);
    refused(oro_restore(file, dir, NULL, false, &err), ORO_EEXISTS, &err, "--force");
    cr_assert_eq(entries_in(dir), 400);
    made(oro_restore(file, dir, NULL, true, &err), &err);
    cr_assert_eq(entries_in(dir), 300);
}

Test(backup, wal_of_replaced_data_does_not_come_back)
{
    struct oro_err err = {0};
    struct run r;
    struct run_options opt = options(other);
    run_must_open(&r, &opt);
    write_entries(&r, 1, 20);
    run_close(&r);
    char *copy = oro_asprintf("%s/few", dir);
    made(oro_backup(other, NULL, copy, false, &err), &err);
    crash_with_wal();
    made(oro_restore(copy, dir, NULL, true, &err), &err);
    cr_assert_eq(entries_in(dir), 20);
    oro_free(copy);
}

Test(backup, a_folder_without_data_gets_the_old_name_and_a_running_server_keeps_its_own)
{
    struct oro_err err = {0};
    struct run r;
    struct run_options opt = options(dir);
    run_must_open(&r, &opt);
    write_entries(&r, 1, 10);
    char *elsewhere = oro_asprintf("%s/deeper", other), *copy = oro_asprintf("%s/c", dir);
    made(oro_backup(dir, NULL, copy, false, &err), &err);
    refused(oro_restore(copy, dir, NULL, true, &err), ORO_EIO, &err, "in use by another server");
    run_close(&r);
    made(oro_restore(copy, elsewhere, NULL, false, &err), &err);
    cr_assert_eq(entries_in(elsewhere), 10);
    temp_dir_remove(elsewhere);
    oro_free(copy);
}

Test(backup, what_is_missing_or_ambiguous_is_said)
{
    struct oro_err err = {0};
    struct run r;
    struct run_options opt = options(dir);
    refused(oro_backup(dir, NULL, file, false, &err), ORO_ENOTFOUND, &err, "no database");
    refused(oro_backup(dir, "game", file, false, &err), ORO_ENOTFOUND, &err, "no database game");
    refused(oro_restore(file, dir, NULL, false, &err), ORO_ENOTFOUND, &err, "no file");
    run_must_open(&r, &opt);
    run_close(&r);
    made(oro_backup(dir, NULL, file, false, &err), &err);
    made(oro_restore(file, dir, "second", false, &err), &err);
    refused(oro_backup(dir, NULL, file, true, &err), ORO_EINVAL, &err, "several databases");
    refused(oro_backup(dir, "../game", file, true, &err), ORO_EINVAL, &err, "no name");
}

Test(backup, a_damaged_copy_is_refused_and_changes_nothing)
{
    struct oro_err err = {0};
    struct run r;
    struct run_options opt = options(dir);
    crash_with_wal();
    made(oro_backup(dir, NULL, file, false, &err), &err);
    run_must_open(&r, &opt);
    write_entries(&r, 301, 350);
    run_close(&r);
    /* The log's blobs hold the text of the rows. */
    static uint8_t bytes[4 << 20];
    FILE *f = fopen(file, "r+");
    size_t n = fread(bytes, 1, sizeof(bytes), f);
    size_t left = n, found = 0; /* a page may keep an older copy where nothing is now: change all */
    for (uint8_t *at = bytes; (at = memmem(at, left, "as long as such", 15)) != NULL; found++) {
        *at = 'A';
        left = n - (size_t)(at - bytes);
    }
    cr_assert_gt(found, 0);
    rewind(f);
    cr_assert_eq(fwrite(bytes, 1, n, f), n);
    fclose(f);
    refused(oro_restore(file, dir, NULL, true, &err), ORO_EMALFORMED, &err, "wrong checksum");
    cr_assert_eq(truncate(file, 5000), 0);
    cr_assert_neq(oro_restore(file, dir, NULL, true, &err), ORO_OK);
    f = fopen(file, "w");
    fputs("no database at all, but long enough to be read as one", f);
    fclose(f);
    cr_assert_neq(oro_restore(file, dir, NULL, true, &err), ORO_OK);
    cr_assert_eq(entries_in(dir), 350);
}

static int
run_command(int (*fn)(int, char **), const char *a, const char *b, const char *c, const char *d)
{
    char *argv[] = {"x", (char *)a, (char *)b, (char *)c, (char *)d, NULL};
    int argc = 1;
    while (argv[argc] != NULL)
        argc++;
    return fn(argc, argv);
}

Test(backup, commands_and_their_exit_codes)
{
    struct run r;
    struct run_options opt = options(dir);
    run_must_open(&r, &opt);
    write_entries(&r, 1, 5);
    char *data = oro_asprintf("--data=%s", dir);
    cr_assert_eq(run_command(oro_backup_command, file, data, NULL, NULL), 0);
    cr_assert_eq(run_command(oro_backup_command, file, data, NULL, NULL), 4);
    cr_assert_eq(run_command(oro_backup_command, data, "--name", "game", NULL), 2);
    cr_assert_eq(run_command(oro_backup_command, file, data, "--name", NULL), 2);
    cr_assert_eq(run_command(oro_restore_command, file, data, "--force", NULL), 4);
    run_close(&r);
    cr_assert_eq(run_command(oro_restore_command, file, data, "--force", NULL), 0);
    cr_assert_eq(run_command(oro_restore_command, "--help", NULL, NULL, NULL), 0);
    cr_assert_eq(entries_in(dir), 5);
    oro_free(data);
}
