/* The scheduler's thread.
 *
 * Timers are found by key in a map and by time in the wheel, both under one mutex; any thread arms and cancels directly.
 * The wheel runs on the monotonic clock: a due time on the wall clock becomes one on the monotonic clock by the difference of
 * the two, when it is armed, and again whenever that difference has changed: somebody has set the clock.
 *
 * The thread sleeps in a futex until the wheel's next time, but no longer than a second while something waits for the wall
 * clock. Whoever arms something earlier than that wakes it. */
#include "scheduler/scheduler.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/prctl.h>

#include "runtime/base/clock.h"
#include "runtime/base/map.h"
#include "runtime/base/mem.h"
#include "runtime/base/metric.h"
#include "runtime/base/thread.h"
#include "scheduler/wheel.h"

/* Fired in one go before the feed and the stop flag are looked at again: a timer of interval 0 is always due. */
#define MAX_BURST 256
/* The clock was set; less is its being slewed, which a timer meets when it fires. */
#define CLOCK_SET_US 50000
#define LOOK_US 1000000

struct entry {
    struct oro_timer timer; /* due on the monotonic clock */
    struct oro_timer_key key;
    int64_t due_us; /* as given */
    bool wall;      /* on that clock */
    int64_t
        could_us; /* monotonic: when it could fire at the earliest, from where lateness counts */
};

struct oro_scheduler {
    struct oro_scheduler_options opt;
    pthread_t thread;
    struct oro_wake wake;
    atomic_bool stopping;

    pthread_mutex_t lock; /* for what follows */
    struct oro_wheel *wheel;
    struct oro_map entries;
    int64_t sleep_until; /* until when the thread slept last, or sleeps now */
    int64_t offset;      /* wall - monotonic, as the wheel has it */
    size_t walls;        /* entries that wait for the wall clock */

    struct oro_metric *fired, *late;
};

static struct oro_bytes
key_bytes(const struct oro_timer_key *key)
{
    return oro_bytes(key, sizeof(*key));
}

/* The point on the monotonic clock that a wall time is, as of now. */
static int64_t
mono_of(int64_t due_wall, int64_t wall, int64_t mono)
{
    __int128 due = (__int128)due_wall - wall + mono;
    return due > INT64_MAX ? INT64_MAX : due < INT64_MIN ? INT64_MIN : (int64_t)due;
}

/* Lock held. Gives the time on the monotonic clock. again: the clock was set, which changes nothing among those of one time. */
static int64_t
entry_arm(struct oro_scheduler *s, struct entry *e, bool again)
{
    int64_t mono = s->opt.mono_us();
    int64_t due = e->wall ? mono_of(e->due_us, s->opt.wall_us(), mono) : e->due_us;
    e->could_us = due > mono ? due : mono;
    if (again)
        oro_wheel_move(s->wheel, &e->timer, due);
    else
        oro_wheel_arm(s->wheel, &e->timer, due);
    return due;
}

static void
arm(struct oro_scheduler *s, struct oro_timer_key key, int64_t due_us, bool wall)
{
    pthread_mutex_lock(&s->lock);
    struct entry *e = oro_map_get(&s->entries, key_bytes(&key));
    if (e == NULL) {
        e = ORO_NEW(struct entry);
        e->key = key;
        oro_map_put(&s->entries, key_bytes(&key), e);
    }
    s->walls += (size_t)wall - (size_t)e->wall;
    e->due_us = due_us;
    e->wall = wall;
    bool earlier = entry_arm(s, e, false) < s->sleep_until;
    pthread_mutex_unlock(&s->lock);
    if (earlier)
        oro_wake_signal(&s->wake);
}

void
oro_scheduler_arm(struct oro_scheduler *s, struct oro_timer_key key, int64_t due_us)
{
    arm(s, key, due_us, true);
}

void
oro_scheduler_arm_mono(struct oro_scheduler *s, struct oro_timer_key key, int64_t due_us)
{
    arm(s, key, due_us, false);
}

void
oro_scheduler_cancel(struct oro_scheduler *s, struct oro_timer_key key)
{
    pthread_mutex_lock(&s->lock);
    struct entry *e = oro_map_del(&s->entries, key_bytes(&key));
    if (e != NULL) {
        s->walls -= e->wall;
        oro_wheel_cancel(s->wheel, &e->timer);
    }
    pthread_mutex_unlock(&s->lock);
    oro_free(e);
}

void
oro_scheduler_wake(struct oro_scheduler *s)
{
    oro_wake_signal(&s->wake);
}

/* Somebody has set the wall clock: what waits for it is due sooner or later than it was. */
static void
look_at_clocks(struct oro_scheduler *s)
{
    pthread_mutex_lock(&s->lock);
    int64_t offset = s->opt.wall_us() - s->opt.mono_us(), by = offset - s->offset;
    if (by >= CLOCK_SET_US || by <= -CLOCK_SET_US) {
        const struct oro_map_slot *slot;
        s->offset = offset;
        for (size_t i = 0; s->walls > 0 && oro_map_next(&s->entries, &i, &slot);) {
            struct entry *e = slot->value;
            if (e->wall)
                entry_arm(s, e, true);
        }
    }
    pthread_mutex_unlock(&s->lock);
}

/* Unlinks the next due entry. The caller frees it. */
static struct entry *
take_due(struct oro_scheduler *s, int64_t mono)
{
    struct entry *e = NULL;
    pthread_mutex_lock(&s->lock);
    for (struct oro_timer *t; e == NULL && (t = oro_wheel_expire(s->wheel, mono)) != NULL;) {
        e = ORO_CONTAINER_OF(t, struct entry, timer);
        if (e->wall && e->due_us > s->opt.wall_us()) { /* the clock has gone more slowly */
            entry_arm(s, e, true);
            e = NULL;
        }
    }
    if (e != NULL) {
        s->walls -= e->wall;
        oro_map_del(&s->entries, key_bytes(&e->key));
    }
    pthread_mutex_unlock(&s->lock);
    return e;
}

/* Fires what is due. The lock is not held while it does, so that the callback may arm and cancel. */
static bool
fire_due(struct oro_scheduler *s)
{
    int64_t mono = s->opt.mono_us();
    for (int n = 0; n < MAX_BURST; n++) {
        if (atomic_load_explicit(&s->stopping, memory_order_relaxed))
            return false;
        struct entry *e = take_due(s, mono);
        if (e == NULL)
            return false;
        struct entry due = *e;
        oro_free(e);
        oro_metric_add(s->fired, 1);
        oro_metric_observe_us(s->late, s->opt.mono_us() - due.could_us);
        s->opt.fire(s->opt.arg, due.key, due.due_us);
    }
    return true; /* perhaps more */
}

/* When to look at the wheel next. From here on whoever arms something earlier wakes the thread. */
static int64_t
next_time(struct oro_scheduler *s)
{
    pthread_mutex_lock(&s->lock);
    int64_t until = oro_wheel_next(s->wheel), look = s->opt.mono_us() + LOOK_US;
    if (s->walls > 0 && until > look)
        until = look;
    s->sleep_until = until;
    pthread_mutex_unlock(&s->lock);
    return until;
}

static void *
scheduler_main(void *arg)
{
    struct oro_scheduler *s = arg;
    prctl(PR_SET_TIMERSLACK, 1UL); /* 1 ns; the default lets the kernel be 50 us late */
    for (;;) {
        unsigned seen = oro_wake_prepare(&s->wake);
        if (atomic_load(&s->stopping))
            return NULL;
        if (s->opt.feed != NULL)
            s->opt.feed(s->opt.arg);
        look_at_clocks(s);
        if (fire_due(s))
            continue;
        int64_t until = next_time(s);
        if (until == INT64_MAX) {
            oro_wake_wait(&s->wake, seen, -1);
        } else {
            int64_t left = until - s->opt.mono_us();
            if (left > 0)
                oro_wake_wait(&s->wake, seen, (long)left);
        }
    }
}

oro_status
oro_scheduler_start(const struct oro_scheduler_options *opt, struct oro_scheduler **out,
                    struct oro_err *err)
{
    struct oro_scheduler *s = ORO_NEW(struct oro_scheduler);
    s->opt = *opt;
    if (s->opt.wall_us == NULL)
        s->opt.wall_us = oro_wall_us;
    if (s->opt.mono_us == NULL)
        s->opt.mono_us = oro_mono_us;
    s->sleep_until = INT64_MIN;
    s->wheel = oro_wheel_create(s->opt.mono_us());
    s->offset = s->opt.wall_us() - s->opt.mono_us();
    pthread_mutex_init(&s->lock, NULL);
    s->fired =
        oro_metric(ORO_METRIC_COUNTER, "orochi_timers_expired_total", "", "Timers that came due.");
    s->late = oro_metric(ORO_METRIC_HISTOGRAM, "orochi_timer_wake_lateness_seconds", "",
                         "From the due time of a timer to its firing.");
    oro_status st = oro_thread_start(&s->thread, ORO_THREAD_SCHEDULER, "oro-scheduler", 1024 * 1024,
                                     scheduler_main, s, err);
    if (st != ORO_OK)
        goto fail;
    *out = s;
    return ORO_OK;

fail:
    pthread_mutex_destroy(&s->lock);
    oro_wheel_destroy(s->wheel);
    oro_free(s);
    return st;
}

void
oro_scheduler_stop(struct oro_scheduler *s)
{
    if (s == NULL)
        return;
    atomic_store(&s->stopping, true);
    oro_wake_signal(&s->wake);
    oro_thread_join(s->thread);
    const struct oro_map_slot *slot;
    for (size_t i = 0; oro_map_next(&s->entries, &i, &slot);)
        oro_free(slot->value);
    oro_map_fini(&s->entries);
    oro_wheel_destroy(s->wheel);
    pthread_mutex_destroy(&s->lock);
    oro_free(s);
}

int64_t
oro_timer_next_tick(int64_t anchor_us, int64_t interval_us, int64_t now_us, uint64_t *missed)
{
    uint64_t passed = 0;
    int64_t next = now_us;
    __int128 interval = interval_us < 0 ? -(__int128)interval_us : interval_us;
    if (interval > 0) {
        __int128 since = (__int128)now_us - anchor_us;
        passed = since >= interval ? (uint64_t)(since / interval) : 0;
        __int128 at = anchor_us + ((__int128)passed + 1) * interval;
        next = at > INT64_MAX ? INT64_MAX : (int64_t)at;
    }
    if (missed != NULL)
        *missed = passed;
    return next;
}
