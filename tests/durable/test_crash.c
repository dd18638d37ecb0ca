/* A power cut at every single operation on the files of a short history: what the server told to be durable is there, and what
 * is there is the state after one of its transactions. The disk is tests/durable/disk.h. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/durable/backup.h"
#include "tests/durable/disk.h"
#include "tests/durable/run.h"

static const char *const lines[] = {"entry public id:u64:pk note:string",
                                    "bag public a:u32 b:string", "total public id:u8:pk sum:u64",
                                    NULL};
static const char *const lines_now[] = {
    "extra public id:u32:pk", "total public id:u8:pk sum:u64 level:u32:=7",
    "bag public a:u32 b:string fresh:bool:=1", "entry public id:u64:pk note:string", NULL};

#define STEPS 14
#define MOST_OPERATIONS 5000

/* The state after each transaction, from a run that nothing happened to. */
struct states {
    struct oro_bb dump[STEPS + 1];
    unsigned n;
};

/* What the process that crashes leaves: how many transactions it was told to be durable. */
static _Atomic unsigned *confirmed;

static void
setup(void)
{
    confirmed = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ORO_ASSERT(confirmed != MAP_FAILED);
}

TestSuite(crash, .init = setup, .timeout = 600);

/* ---- the history ---- */

static void
text(struct oro_bb *row, unsigned n)
{
    char s[9000];
    memset(s, 'a' + (int)(n % 26), sizeof(s));
    s[n < sizeof(s) ? n : sizeof(s) - 1] = '\0';
    put_string(row, s);
}

static void
bag(struct run *r, struct oro_tx *tx, unsigned i, bool add)
{
    struct oro_bb row = {0};
    struct oro_err err;
    oro_bb_u32(&row, i % 3);
    text(&row, i);
    const struct oro_table_def *t = fixture_table(r->schema, "bag");
    oro_status st = add ? oro_tx_insert(tx, t, oro_bb_bytes(&row), NULL, &err)
                        : oro_tx_delete_row(tx, t, oro_bb_bytes(&row));
    ORO_ASSERT(st == ORO_OK);
    oro_bb_fini(&row);
}

/* Transaction i. */
static uint64_t
step(struct run *r, unsigned i, bool now)
{
    const struct oro_table_def *entry = fixture_table(r->schema, "entry"),
                               *total = fixture_table(r->schema, "total");
    struct oro_bb row = {0};
    struct oro_err err;
    struct oro_tx *tx = oro_tx_begin(r->se, false);
    oro_bb_u64(&row, i);
    text(&row, i % 5 == 0 ? 7000 : i * 40);
    run_insert(r, tx, "entry", &row);
    uint64_t gone = i - 2;
    if (i % 4 == 0 && !now)
        ORO_ASSERT(oro_tx_delete(tx, entry, fixture_index(entry, "id"), oro_bytes(&gone, 8)) ==
                   ORO_OK);
    if (!now)
        bag(r, tx, i, true);
    if (i > 3 && !now)
        bag(r, tx, i - 3, false);
    oro_bb_clear(&row);
    oro_bb_u8(&row, 1);
    oro_bb_u64(&row, i);
    if (now)
        oro_bb_u32(&row, i);
    ORO_ASSERT(oro_tx_upsert(tx, total, fixture_index(total, "id"), oro_bb_bytes(&row), NULL,
                             &err) == ORO_OK);
    oro_bb_fini(&row);
    return run_commit(r, tx);
}

struct history {
    const char *const *lines;
    unsigned first, last; /* transactions */
    bool now;             /* with lines_now */
    enum oro_durability mode;
    size_t checkpoint_bytes;
};

static struct run_options
options_of(const struct history *h, const char *dir)
{
    return (struct run_options){
        .dir = dir, .lines = h->lines, .mode = h->mode, .checkpoint_bytes = h->checkpoint_bytes};
}

static void
note(struct run *r)
{
    atomic_store(confirmed, (unsigned)oro_durable_seq(r->durable));
}

/* In the process that crashes, or not. */
static void
live(const struct history *h, const char *dir)
{
    struct run r;
    struct run_options opt = options_of(h, dir);
    run_must_open(&r, &opt);
    for (unsigned i = h->first; i <= h->last; i++) {
        uint64_t seq = step(&r, i, h->now);
        if (i % 3 != 0)
            run_wait_durable(&r, seq);
        note(&r);
    }
    if (run_close(&r))
        atomic_store(confirmed, h->last - h->first + 1);
}

/* The states of the history, begun in a copy of what it begins with. */
static void
states_of(const struct history *h, const char *dir, struct states *out)
{
    struct run r;
    struct run_options opt = options_of(h, dir);
    opt.mode = ORO_DURABLE_OFF;
    run_must_open(&r, &opt);
    *out = (struct states){0};
    run_dump(&r, &out->dump[out->n++]);
    for (unsigned i = h->first; i <= h->last; i++) {
        step(&r, i, h->now);
        run_dump(&r, &out->dump[out->n++]);
    }
    run_close(&r);
}

static void
states_fini(struct states *s)
{
    for (unsigned i = 0; i < s->n; i++)
        oro_bb_fini(&s->dump[i]);
}

/* ---- one crash ---- */

static char *
copy_of(const char *from)
{
    char *dir = temp_dir_make();
    char *command = oro_asprintf("cp %s/game.* %s/", from, dir);
    ORO_ASSERT(system(command) == 0);
    oro_free(command);
    return dir;
}

/* True: it came that far. */
static bool
crash(void (*body)(const void *arg, const char *dir), const void *arg, const char *dir, unsigned n,
      enum disk_loss loss, const char *lie)
{
    atomic_store(confirmed, 0);
    pid_t pid = fork();
    ORO_ASSERT(pid >= 0);
    if (pid == 0) {
        disk_mount();
        disk_lie(lie);
        disk_cut(n, loss);
        body(arg, dir);
        _exit(0);
    }
    int status;
    ORO_ASSERT(waitpid(pid, &status, 0) == pid);
    cr_assert(WIFEXITED(status) && (WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == DISK_EXIT),
              "operation %u: status %x", n, status);
    return WEXITSTATUS(status) == DISK_EXIT;
}

enum verdict { FINE, LOST, NO_STATE, NOT_OPENED };
static const char *const verdicts[] = {"fine", "a confirmed transaction is gone",
                                       "the state of no transaction", "it does not open"};

/* Opens what is left, and whether it can go on. */
static enum verdict
verdict(const struct history *h, const char *dir, const struct states *states, bool go_on)
{
    struct run r;
    struct run_options opt = options_of(h, dir);
    struct oro_err err = {0};
    struct oro_bb found = {0};
    opt.mode = ORO_DURABLE_OFF; /* no syncs: this is about what was there */
    if (run_open(&r, &opt, &err) != ORO_OK) {
        fprintf(stderr, "%s\n", err.text);
        return NOT_OPENED;
    }
    run_dump(&r, &found);
    unsigned at = 0;
    while (at < states->n && !oro_bytes_eq(oro_bb_bytes(&found), oro_bb_bytes(&states->dump[at])))
        at++;
    enum verdict v = at == states->n ? NO_STATE : at < atomic_load(confirmed) ? LOST : FINE;
    if (v == FINE && go_on && h->first + at <= h->last) {
        step(&r, h->first + at, h->now);
        run_close(&r);
        oro_bb_fini(&found);
        atomic_store(confirmed, 0); /* the one state that there may be */
        return verdict(h, dir, &(struct states){{states->dump[at + 1]}, 1}, false);
    }
    run_close(&r);
    oro_bb_fini(&found);
    return v;
}

static void
live_body(const void *arg, const char *dir)
{
    live(arg, dir);
}

/* A crash at every operation. Gives how many ended badly; `bad` says the first time that is not expected. */
static unsigned
every_operation(const struct history *h, const char *begin, enum disk_loss loss, const char *lie,
                const struct states *states, bool expected)
{
    unsigned bad = 0, n = 1;
    bool crashed = true;
    for (; crashed && n < MOST_OPERATIONS; n++) {
        char *dir = begin != NULL ? copy_of(begin) : temp_dir_make();
        crashed = crash(live_body, h, dir, n, loss, lie);
        enum verdict v = verdict(h, dir, states, n % 8 == 0);
        cr_assert(v == FINE || expected, "loss %d, operation %u: %s, %u confirmed", (int)loss, n,
                  verdicts[v], atomic_load(confirmed));
        bad += v != FINE;
        temp_dir_remove(dir);
        if (bad > 0)
            return bad;
    }
    cr_assert_gt(n, 50, "only %u operations", n);
    cr_assert_lt(n, MOST_OPERATIONS);
    return bad;
}

static const struct history whole = {
    lines, 1, STEPS, false, ORO_DURABLE_FULL, .checkpoint_bytes = 4000};

static void
whole_history(enum disk_loss loss)
{
    struct states states;
    char *dir = temp_dir_make();
    states_of(&whole, dir, &states);
    every_operation(&whole, NULL, loss, NULL, &states, false);
    temp_dir_remove(dir);
    states_fini(&states);
}

Test(crash, of_the_process_at_every_operation)
{
    whole_history(DISK_KEEPS);
}

Test(crash, that_drops_what_was_not_synced)
{
    whole_history(DISK_DROPS);
}

Test(crash, that_tears_the_last_write)
{
    whole_history(DISK_TEARS);
}

Test(crash, that_keeps_some_writes_and_not_others)
{
    whole_history(DISK_SHUFFLES);
}

/* ---- what the check would find ---- */

static unsigned
planted(enum oro_durability mode, const char *lie)
{
    struct history h = whole;
    struct states states;
    char *dir = temp_dir_make();
    h.mode = mode;
    states_of(&h, dir, &states);
    unsigned bad = every_operation(&h, NULL, DISK_DROPS, lie, &states, true);
    temp_dir_remove(dir);
    states_fini(&states);
    return bad;
}

Test(crash, finds_a_server_that_confirms_before_the_sync)
{
    cr_assert_gt(planted(ORO_DURABLE_NORMAL, NULL), 0);
}

Test(crash, finds_a_log_that_is_dropped_before_the_tables_are_synced)
{
    cr_assert_gt(planted(ORO_DURABLE_FULL, ".db-wal"), 0);
}

/* ---- migration on start ---- */

/* What a crash has left, with all transactions in the log or in the tables. */
static char *
left_behind(size_t checkpoint_bytes)
{
    struct history h = whole;
    char *dir = temp_dir_make();
    h.checkpoint_bytes = checkpoint_bytes;
    pid_t pid = fork();
    if (pid == 0) {
        struct run r;
        struct run_options opt = options_of(&h, dir);
        run_must_open(&r, &opt);
        for (unsigned i = h.first; i <= h.last; i++)
            run_wait_durable(&r, step(&r, i, false));
        _exit(0);
    }
    ORO_ASSERT(waitpid(pid, NULL, 0) == pid);
    return dir;
}

static void
migration(enum disk_loss loss)
{
    struct history h = {lines_now, STEPS + 1, STEPS + 3, true, ORO_DURABLE_FULL, 4000};
    struct states states;
    char *begin = left_behind(64 << 20), *dir = copy_of(begin);
    states_of(&h, dir, &states);
    every_operation(&h, begin, loss, NULL, &states, false);
    temp_dir_remove(dir);
    temp_dir_remove(begin);
    states_fini(&states);
}

Test(crash, during_a_migration_that_loses_what_was_not_synced)
{
    migration(DISK_DROPS);
}

Test(crash, during_a_migration_that_keeps_some_writes)
{
    migration(DISK_SHUFFLES);
}

/* ---- backup ---- */

static void
backup_body(const void *arg, const char *dir)
{
    struct oro_err err;
    (void)dir;
    const char *const *paths = arg;
    ORO_ASSERT(oro_backup(paths[0], "game", paths[1], false, &err) == ORO_OK);
}

/* What is there under the name of the copy is the whole copy, and the data has not changed. */
static void
backups(enum disk_loss loss)
{
    struct history h = whole;
    struct states all;
    struct oro_err err;
    char *begin = left_behind(4000), *dir = copy_of(begin);
    h.first = STEPS + 1; /* nothing more */
    h.last = STEPS;
    states_of(&h, dir, &all);
    temp_dir_remove(dir);
    bool crashed = true;
    unsigned n = 1;
    for (; crashed; n++) {
        char *to = temp_dir_make(), *file = oro_asprintf("%s/copy", to);
        dir = copy_of(begin);
        const char *paths[] = {dir, file};
        crashed = crash(backup_body, paths, dir, n, loss, NULL);
        cr_assert_eq(verdict(&h, dir, &all, false), FINE, "operation %u: the data", n);
        cr_assert(crashed || access(file, F_OK) == 0);
        if (access(file, F_OK) == 0) {
            char *back = temp_dir_make();
            cr_assert_eq(oro_restore(file, back, "game", false, &err), ORO_OK, "%s", err.text);
            cr_assert_eq(verdict(&h, back, &all, false), FINE, "operation %u: the copy", n);
            temp_dir_remove(back);
        }
        temp_dir_remove(to);
        temp_dir_remove(dir);
        oro_free(file);
    }
    cr_assert_gt(n, 10);
    temp_dir_remove(begin);
    states_fini(&all);
}

Test(crash, during_a_backup)
{
    backups(DISK_DROPS);
    backups(DISK_SHUFFLES);
}
