/* Transactions a second through the log: rows of 64 bytes published by one thread, until all are durable; what the log
 * thread's side costs in CPU, and how long a lone transaction takes to be durable.
 *
 *     bench_durable [transactions] [rows of one transaction] */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "runtime/base/clock.h"
#include "runtime/durable/durable_priv.h"
#include "tests/durable/run.h"

static const char *const lines[] = {"unit public id:u64:pk a:u128 b:u128 c:u128 d:u64", NULL};
static const char *const names[] = {"full", "normal", "off"};

static void
put_row(struct oro_bb *row, uint64_t id, uint64_t content)
{
    oro_bb_clear(row);
    oro_bb_u64(row, id);
    for (unsigned i = 0; i < 7; i++)
        oro_bb_u64(row, content + i);
}

static double
process_cpu_s(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
           1e-6 * (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

static void
throughput(struct run *r, const char *name, unsigned n, unsigned rows)
{
    const struct oro_table_def *t = fixture_table(r->schema, "unit");
    struct oro_bb row = {0};
    struct oro_err err;
    uint64_t seq = 0, id = 0;
    uint64_t commits = atomic_load(&r->durable->commits);
    double cpu = process_cpu_s();
    uint64_t mine = oro_thread_cpu_ns();
    int64_t begin = oro_mono_us();
    for (unsigned i = 0; i < n; i++) {
        struct oro_tx *tx = oro_tx_begin(r->se, false);
        for (unsigned k = 0; k < rows; k++) {
            put_row(&row, id % 100000, id);
            id++;
            oro_status st =
                oro_tx_upsert(tx, t, fixture_index(t, "id"), oro_bb_bytes(&row), NULL, &err);
            ORO_ASSERT(st == ORO_OK);
        }
        seq = run_commit(r, tx);
    }
    run_wait_durable(r, seq);
    double us = (double)(oro_mono_us() - begin);
    double publisher = (double)(oro_thread_cpu_ns() - mine) / 1000 / n;
    cpu = (process_cpu_s() - cpu) * 1e6 / n - publisher;
    printf("%-7s %u transactions of %u rows: %8.0f/s, publisher %.2f us, log and checkpoint %.2f "
           "us of CPU each, %llu group "
           "commits, longest slice %.1f ms\n",
           name, n, rows, n / us * 1e6, publisher, cpu,
           (unsigned long long)(atomic_load(&r->durable->commits) - commits),
           (double)oro_durable_test_longest_us(r->durable) / 1000);
    oro_bb_fini(&row);
}

static int
compare_times(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static void
latency(struct run *r, const char *name)
{
    enum { N = 300 };
    static int64_t times[N];
    struct oro_bb row = {0};
    for (unsigned i = 0; i < N; i++) {
        struct oro_tx *tx = oro_tx_begin(r->se, false);
        put_row(&row, 200000 + (uint64_t)i, i);
        run_insert(r, tx, "unit", &row);
        int64_t begin = oro_mono_us();
        run_wait_durable(r, run_commit(r, tx));
        times[i] = oro_mono_us() - begin;
    }
    qsort(times, N, sizeof(times[0]), compare_times);
    printf("%-7s one transaction alone: durable after %lld us (median), %lld us (p99)\n", name,
           (long long)times[N / 2], (long long)times[N * 99 / 100]);
    oro_bb_fini(&row);
}

int
main(int argc, char **argv)
{
    unsigned n = argc > 1 ? (unsigned)atoi(argv[1]) : 300000,
             rows = argc > 2 ? (unsigned)atoi(argv[2]) : 1;
    for (int mode = ORO_DURABLE_FULL; mode <= ORO_DURABLE_OFF; mode++) {
        char *dir = temp_dir_make();
        struct run_options opt = {.dir = dir, .lines = lines, .mode = (enum oro_durability)mode};
        struct run r;
        run_must_open(&r, &opt);
        latency(&r, names[mode]);
        throughput(&r, names[mode], n, rows);
        int64_t begin = oro_mono_us();
        run_close(&r);
        printf("%-7s stop with the last checkpoint: %lld ms\n", names[mode],
               (long long)(oro_mono_us() - begin) / 1000);
        temp_dir_remove(dir);
    }
    return 0;
}
