/* runtime/bench/load.h - connections that each keep a window of transfers in flight, on one or
 * several threads with an epoll loop each. A connection that wakes up takes all replies that have
 * come and sends as many new calls at once.
 *
 * Driven by the main thread: start (warm-up begins), measure, then drain; what completes between
 * the two last counts. */
#ifndef ORO_BENCH_LOAD_H
#define ORO_BENCH_LOAD_H

#include <stdbool.h>

#include "runtime/bench/histogram.h"
#include "runtime/bench/ws_client.h"
#include "runtime/bench/zipf.h"

struct oro_load_options {
    struct oro_wsc_target target;
    unsigned connections, in_flight, threads; /* each at least 1 */
    bool many_a_frame;                        /* v3: all calls of one wake-up in one frame */
    int64_t amount;
    const struct oro_bench_pair
        *pairs;    /* borrowed until oro_load_end; each connection has its own slice */
    size_t npairs; /* at least one for each connection */
};

#define ORO_LOAD_TEXTS 16
#define ORO_LOAD_TEXT_SIZE 160

struct oro_load_text {
    char text[ORO_LOAD_TEXT_SIZE];
    uint64_t count;
};

/* Counts by text; beyond ORO_LOAD_TEXTS different ones, the last place takes the rest. */
struct oro_load_texts {
    struct oro_load_text all[ORO_LOAD_TEXTS];
    unsigned n;
    uint64_t total;
};
void oro_load_texts_add(struct oro_load_texts *t, struct oro_bytes text, uint64_t count);

struct oro_load_result {
    struct oro_bench_hist latency; /* of transfers completed while measured */
    struct oro_load_texts
        refused; /* by the reducer, for a reason that belongs to the game; while measured */
    struct oro_load_texts errors; /* anything else, at any time */
    uint64_t reads, writes;       /* wake-ups with replies, and sends, while measured */
    uint64_t transfers, finished; /* committed while measured / in all */
    uint64_t client_ns;           /* CPU time of the load threads while measured */
};

struct oro_load;

/* Opens the connections and starts the threads. Borrows opt's pointers until oro_load_end. Gives
 * *out. */
ORO_MUST_CHECK oro_status oro_load_start(const struct oro_load_options *opt, struct oro_load **out,
                                         struct oro_err *err);
void oro_load_measure(struct oro_load *l); /* ends the warm-up */
void oro_load_drain(struct oro_load *l);   /* ends the window; no new calls */
/* Drains if that has not begun, waits for the last replies (at most 30 s), Takes l. Fills *out. */
void oro_load_end(struct oro_load *l, struct oro_load_result *out);

#endif
