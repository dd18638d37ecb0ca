/* runtime/bench/transfer.h - the transfer benchmark from end to end: seed, warm up, measure, check
 * that no money was made or lost. Main thread. */
#ifndef ORO_BENCH_TRANSFER_H
#define ORO_BENCH_TRANSFER_H

#include <stdbool.h>
#include <stdio.h>
#include <sys/types.h>

#include "runtime/bench/load.h"
#include "runtime/bench/message.h"
#include "runtime/bench/proc.h"

struct oro_transfer_options {
    const char *host;
    uint16_t port;
    const char *database;
    unsigned connections, in_flight, threads;
    bool v2;        /* else v3 */
    bool confirmed; /* wait for the disk */
    uint32_t accounts;
    int64_t initial; /* balance of each */
    double alpha;    /* <= 0: uniform, else Zipf's law */
    size_t pairs;    /* how many are drawn beforehand; used in a circle */
    double warmup_s, seconds;
    bool no_seed; /* take the accounts as they are */
    pid_t server; /* 0: unknown, its CPU time is not reported */
    bool quiet;   /* else progress on standard error */
};

struct oro_transfer_result {
    struct oro_load_result load;
    double seconds;                     /* measured */
    struct oro_proc_sample server;      /* what it used, by kind of thread; empty if unknown */
    uint64_t server_ns;                 /* all of them */
    bool sum_known;                     /* the check could be made */
    struct oro_bench_sum before, after; /* before: what was seeded, or found */
};

/* A run that was carried out is ORO_OK, whatever errors it counted: see oro_transfer_passed. Gives
 * *out, ended by oro_transfer_result_fini. SIGINT and SIGTERM end it with ORO_ECLOSED. */
ORO_MUST_CHECK oro_status oro_transfer_run(const struct oro_transfer_options *opt,
                                           struct oro_transfer_result *out, struct oro_err *err);
void oro_transfer_result_fini(struct oro_transfer_result *r);

/* No errors, some transfers, and the sum was kept. */
bool oro_transfer_passed(const struct oro_transfer_result *r);
/* For people / one line of JSON. */
void oro_transfer_report(const struct oro_transfer_options *opt,
                         const struct oro_transfer_result *r, FILE *to);
void oro_transfer_report_json(const struct oro_transfer_options *opt,
                              const struct oro_transfer_result *r, FILE *to);

#endif
