/* runtime/exec/writers/said.h - what an attempt has said and counted, kept until it is known whether it counts. The worker's thread. */
#ifndef ORO_WRITERS_SAID_H
#define ORO_WRITERS_SAID_H

#include "bridge/host/bridge.h" // enum oro_measure
#include "runtime/base/log.h"

struct worker;

struct log_line {
    enum oro_log_level level;
    uint32_t at, len; /* in the worker's log text */
};

struct measured {
    struct oro_metric *metric;
    enum oro_measure what;
    int64_t n;
};
struct measures {
    struct measured *items;
    size_t n, cap;
    size_t tx; /* of these, before the transaction of a handler began */
};

void oro_worker_measure(struct worker *w, struct oro_metric *m, enum oro_measure what, int64_t n);

#endif
