/* scheduler/scheduler.h - one thread that sleeps until the next deadline and posts what is due. It does not know what a
 * timer is for: a timer is a key (two u64) and a due time on one of two clocks. What is due on the wall clock follows it when it
 * is set, both ways, within a second; what is due on the monotonic clock does not notice. */
#ifndef ORO_SCHEDULER_SCHEDULER_H
#define ORO_SCHEDULER_SCHEDULER_H

#include <stdint.h>

#include "runtime/base/status.h"

struct oro_scheduler;

struct oro_timer_key {
    uint64_t a, b; /* the caller's: table id and row key */
};

/* On the scheduler's thread; must not block. due_us: when it should have fired, as it was armed. */
typedef void (*oro_timer_fn)(void *arg, struct oro_timer_key key, int64_t due_us);
/* On the scheduler's thread before it sleeps and after each wake: lets the caller feed timers from elsewhere (the
 * commit ring). Returns nothing; may call arm and cancel. */
typedef void (*oro_timer_feed_fn)(void *arg);

struct oro_scheduler_options {
    oro_timer_fn fire;
    oro_timer_feed_fn feed; /* may be NULL */
    void *arg;
    /* Clocks, replaceable in tests; NULL: the real ones. */
    int64_t (*wall_us)(void);
    int64_t (*mono_us)(void);
};

/* Gives *out. Main thread. */
ORO_MUST_CHECK oro_status oro_scheduler_start(const struct oro_scheduler_options *opt,
                                              struct oro_scheduler **out, struct oro_err *err);
void oro_scheduler_stop(
    struct oro_scheduler *s); /* Takes s, joins the thread; nothing fires afterwards */
/* Any thread. Arms the key (replacing an earlier timer of the key) for a time on the wall clock. */
void oro_scheduler_arm(struct oro_scheduler *s, struct oro_timer_key key, int64_t due_us);
/* The same, for a time on the monotonic clock. */
void oro_scheduler_arm_mono(struct oro_scheduler *s, struct oro_timer_key key, int64_t due_us);
void oro_scheduler_cancel(struct oro_scheduler *s, struct oro_timer_key key);
/* Any thread: makes the thread call feed soon. */
void oro_scheduler_wake(struct oro_scheduler *s);

/* For fixed-rate timers: the first tick of the grid anchor + n * interval (n >= 1) strictly after now (S-31); *missed
 * gets how many ticks were passed over. An interval of 0 gives now; negative counts as its absolute value (S-4). */
int64_t oro_timer_next_tick(int64_t anchor_us, int64_t interval_us, int64_t now_us,
                            uint64_t *missed);

#endif
