/* runtime/exec/writers/worker_loop.h - what a worker keeps of procedures that wait without a thread (coroutines.c). */
#ifndef ORO_WRITERS_WORKER_LOOP_H
#define ORO_WRITERS_WORKER_LOOP_H

#include "runtime/base/map.h"
#include "runtime/fetch/pump.h"

struct beneath;
struct coroutine;
struct oro_schema;

/* Of all its workers. */
struct pool_loop {
    atomic_uint unsure; /* procedures that wait for the disk */
    pthread_mutex_t pump_lock;
    struct oro_pump *pump; /* of requests; NULL: none was made yet. Set under the lock. */
};

struct worker_loop {
    struct coroutine *all, *runs; /* a list; the one that runs, or NULL */
    struct beneath *beneath;      /* what waits while they go on; NULL: they do not */
    int64_t piece_us;             /* the one that runs has gone on then (monotonic) */
    int64_t due_us;               /* INT64_MAX: by itself none goes on */
    const struct oro_schema *schema; /* as of the last step, or since there are some; */
    bool hurried;                    /* whether a stop had lost patience then */
    struct oro_pump_box answers;     /* to their requests, */
    struct oro_map requests;         /* which are here by number */
    uint64_t last_request;
    uint64_t tx_seq;      /* the record of the last transaction of a procedure */
    unsigned unsure;      /* that wait for the disk (procedure_durable.c), */
    uint64_t durable_seq; /* which was there when they looked */
};

#endif
