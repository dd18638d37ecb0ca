/* A start with many small rows: rows a second from the tables and from the log, what a row takes in memory beyond its BSATN
 * bytes (one index), and how long a stop takes that has everything still to move into the tables.
 *
 *     bench_recover [rows] */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/base/clock.h"
#include "tests/durable/run.h"

static const char *const lines[] = {"unit public id:u64:pk a:u32 b:u32", NULL};
#define ROW_BYTES 16
#define TX_ROWS 1000

static uint64_t rows = 2000000;
static char *dir;

static struct run_options
options(void)
{
    return (struct run_options){.dir = dir,
                                .lines = lines,
                                .mode = ORO_DURABLE_NORMAL,
                                .checkpoint_bytes = (size_t)8 << 30,
                                .checkpoint_interval_s = 3600};
}

static double
resident_mb(void)
{
    long pages = 0;
    FILE *f = fopen("/proc/self/statm", "re");
    if (f == NULL || fscanf(f, "%*d %ld", &pages) != 1)
        pages = 0;
    if (f != NULL)
        fclose(f);
    return (double)pages * (double)sysconf(_SC_PAGESIZE) / 1e6;
}

/* Each step runs in a process of its own, whose memory nothing else has shaped. */
static void
in_process(void (*fn)(void))
{
    int status;
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        fn();
        fflush(stdout);
        _exit(0);
    }
    waitpid(pid, &status, 0);
    ORO_ASSERT(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void
fill(void)
{
    struct run r;
    struct run_options opt = options();
    struct oro_bb row = {0};
    uint64_t seq = 0, id = 0;
    run_must_open(&r, &opt);
    int64_t begin = oro_mono_us();
    while (id < rows) {
        struct oro_tx *tx = oro_tx_begin(r.se, false);
        for (unsigned i = 0; i < TX_ROWS && id < rows; i++, id++) {
            oro_bb_clear(&row);
            oro_bb_u64(&row, id * 2654435761u % 4294967296u); /* not in order */
            oro_bb_u64(&row, id);
            run_insert(&r, tx, "unit", &row);
        }
        seq = run_commit(&r, tx);
    }
    run_wait_durable(&r, seq);
    printf("filled with %llu rows, durable: %.1f s\n", (unsigned long long)rows,
           (double)(oro_mono_us() - begin) / 1e6);
} /* ends as by kill -9: all is in the log */

static void
start(const char *what)
{
    struct run r;
    struct run_options opt = options();
    double before = resident_mb();
    int64_t begin = oro_mono_us();
    uint64_t cpu = oro_thread_cpu_ns();
    run_must_open(&r, &opt);
    double s = (double)(oro_mono_us() - begin) / 1e6;
    double used = (double)(oro_thread_cpu_ns() - cpu) / 1e9;
    ORO_ASSERT(run_count(&r, "unit") == rows);
    printf("from %-10s %.2f s, %.0f rows/s (%.2f s of CPU, %.0f rows/s)\n", what, s,
           (double)rows / s, used, (double)rows / used);
    double bytes = (resident_mb() - before) * 1e6 / (double)rows;
    printf("    resident +%.0f bytes a row, %.0f beyond its %d of BSATN\n", bytes,
           bytes - ROW_BYTES, ROW_BYTES);
    begin = oro_mono_us();
    run_close(&r);
    printf("    stop: %.2f s\n", (double)(oro_mono_us() - begin) / 1e6);
}

static void
from_log(void)
{
    start("the log");
}

static void
from_tables(void)
{
    start("the tables");
}

int
main(int argc, char **argv)
{
    if (argc > 1)
        rows = strtoull(argv[1], NULL, 10);
    dir = temp_dir_make();
    in_process(fill);
    in_process(from_log);
    for (unsigned i = 0; i < 6; i++) /* stops leave off after ten seconds, and go on at the next */
        in_process(from_tables);
    temp_dir_remove(dir);
    return 0;
}
