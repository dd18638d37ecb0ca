/* kill -9 under load: what was acknowledged is there, and what is there is a prefix of what was committed. */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/durable/run.h"

static const char *const lines[] = {"entry public id:u64:pk note:string",
                                    "total public id:u8:pk sum:u64", NULL};

#define ROUNDS 5

static const struct oro_index_def *
pk(const struct oro_table_def *t)
{
    return fixture_index(t, "id");
}

/* Transaction i: entry i, and total = i; entry i - 1000 goes. */
static uint64_t
write_entry(struct run *r, uint64_t i, struct oro_bb *row)
{
    const struct oro_table_def *entry = fixture_table(r->schema, "entry"),
                               *total = fixture_table(r->schema, "total");
    struct oro_err err;
    struct oro_tx *tx = oro_tx_begin(r->se, false);
    oro_bb_clear(row);
    oro_bb_u64(row, i);
    put_string(row, "some text for the row, as long as such texts are");
    ORO_ASSERT(oro_tx_insert(tx, entry, oro_bb_bytes(row), NULL, &err) == ORO_OK);
    oro_bb_clear(row);
    oro_bb_u8(row, 1);
    oro_bb_u64(row, i);
    ORO_ASSERT(oro_tx_upsert(tx, total, pk(total), oro_bb_bytes(row), NULL, &err) == ORO_OK);
    if (i > 1000) {
        uint64_t old = i - 1000;
        ORO_ASSERT(oro_tx_delete(tx, entry, pk(entry), oro_bytes(&old, 8)) == ORO_OK);
    }
    return run_commit(r, tx);
}

static uint64_t
read_total(struct run *r)
{
    struct oro_rows rows;
    uint64_t v = 0;
    oro_read_begin(r->se);
    oro_read_scan(r->se, fixture_table(r->schema, "total"), &rows);
    if (rows.n > 0)
        memcpy(&v, rows.rows[0].data + 1, 8);
    oro_read_end(r->se);
    return v;
}

static void
child(const struct run_options *opt, int fd, uint64_t floor)
{
    struct run r;
    struct oro_bb row = {0};
    run_must_open(&r, opt);
    uint64_t i = read_total(&r), begin_seq = oro_durable_seq(r.durable), begin = i, acked = i;
    ORO_ASSERT(i >= floor); /* what earlier rounds were told */
    for (;;) {
        i++;
        write_entry(&r, i, &row);
        /* Transaction begin + k has seq begin_seq + k. */
        uint64_t safe = begin + (oro_durable_seq(r.durable) - begin_seq);
        if (safe > acked) {
            acked = safe;
            ORO_ASSERT(write(fd, &acked, 8) == 8);
        }
        if (i - acked > 5000) /* the test's disk may be slower than the loop */
            run_wait_durable(&r, begin_seq + (i - begin) - 2500);
    }
}

static void
check(const struct run_options *opt, uint64_t acked)
{
    struct run r;
    struct oro_rows rows;
    run_must_open(&r, opt);
    uint64_t total = read_total(&r);
    cr_assert_geq(total, acked, "%llu acknowledged, %llu found", (unsigned long long)acked,
                  (unsigned long long)total);
    oro_read_begin(r.se);
    oro_read_scan(r.se, fixture_table(r.schema, "entry"), &rows);
    cr_assert_eq(rows.n, total < 1000 ? total : 1000);
    for (size_t i = 0; i < rows.n; i++) {
        uint64_t id;
        memcpy(&id, rows.rows[i].data, 8);
        cr_assert(id <= total && id + 1000 > total);
    }
    oro_read_end(r.se);
    cr_assert(oro_store_check(r.store));
    run_close(&r);
}

static void
kill_rounds(enum oro_durability mode)
{
    char *dir = temp_dir_make();
    struct run_options opt = {.dir = dir, .lines = lines, .mode = mode, .checkpoint_bytes = 30000};
    uint64_t floor = 0;
    srand(3);
    for (unsigned round = 0; round < ROUNDS; round++) {
        int fds[2];
        cr_assert_eq(pipe(fds), 0);
        pid_t pid = fork();
        if (pid == 0) {
            close(fds[0]);
            child(&opt, fds[1], floor);
        }
        close(fds[1]);
        uint64_t acked = 0, a, n = 0, stop = 1 + (uint64_t)rand() % 400;
        while (n++ < stop && read(fds[0], &a, 8) == 8)
            acked = a;
        kill(pid, SIGKILL);
        while (read(fds[0], &a, 8) == 8)
            acked = a; /* it had said so before it died */
        int status;
        waitpid(pid, &status, 0);
        cr_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
        close(fds[0]);
        cr_assert_gt(acked, floor);
        floor = acked;
        if (round % 2 == 1) /* the next one starts from what the crash left */
            check(&opt, acked);
    }
    temp_dir_remove(dir);
}

Test(kill, normal, .timeout = 120)
{
    kill_rounds(ORO_DURABLE_NORMAL);
}

Test(kill, full, .timeout = 120)
{
    kill_rounds(ORO_DURABLE_FULL);
}
