/* runtime/timers/last_run.h - when each row of a scheduled table ran last, for ctx.dt. Any thread. */
#ifndef ORO_TIMERS_LAST_RUN_H
#define ORO_TIMERS_LAST_RUN_H

#include <pthread.h>

#include "runtime/base/map.h"

struct oro_last_runs {
    pthread_mutex_t lock;
    struct oro_map at; /* by table and key of the row */
};

void oro_last_runs_init(struct oro_last_runs *l);
void oro_last_runs_fini(struct oro_last_runs *l);
/* Seconds since it ran last, 0 the first time; it runs at now_us (monotonic). */
double oro_last_runs_step(struct oro_last_runs *l, uint64_t table, uint64_t key, int64_t now_us);
/* It does not repeat. */
void oro_last_runs_forget(struct oro_last_runs *l, uint64_t table, uint64_t key);
void oro_last_runs_clear(struct oro_last_runs *l);

#endif
