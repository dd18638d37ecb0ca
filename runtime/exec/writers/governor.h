/* runtime/exec/writers/governor.h - how many workers run, so that parallel never loses to serial. Where reducers want the same rows,
 * most attempts of many workers are in vain; fewer of them do more. Pure: time and counts come from outside. */
#ifndef ORO_WORKER_GOVERNOR_H
#define ORO_WORKER_GOVERNOR_H

#include <stdbool.h>
#include <stdint.h>

#define GOVERNOR_STEP_US 100000

struct governor {
    unsigned workers, active;
    double
        share; /* of attempts that were in vain, smoothed; below 0: not known yet with so many workers */
    int64_t raised_us; /* when the last worker was added */
    int64_t wait_us;   /* until one more is tried; longer each time that it was too many */
    int64_t next_us;
};

void governor_init(struct governor *g, unsigned workers);
/* Every GOVERNOR_STEP_US, with what has happened since: calls that ended, and attempts that ran into a conflict. True: `active`
 * has changed. */
bool governor_step(struct governor *g, uint64_t calls, uint64_t conflicts, int64_t now_us);

#endif
