/* Notices a reducer that has run longer than its limit and interrupts it, again and again, since it may
 * catch that; in a stop, also one that nobody will wait for. Code in C that does not return cannot be interrupted: that is said
 * in the log and the metrics, and the other workers go on. Beside that it looks whether all workers should run. */
#include "runtime/base/clock.h"
#include "runtime/exec/writers/pool_priv.h"

#include <stdio.h>

#define STUCK_US \
    2000000 /* a reducer that runs on so long after its limit is in C code; said again at twice the time, and so on */
#define CHECK_US 10000 /* how often; a limit is exact to about this much */

static bool
has_to_end(const struct oro_pool *p, const struct worker *w, int64_t deadline)
{
    switch (atomic_load(&p->hurry)) {
    case HURRY_NOT:
        return oro_mono_us() > deadline;
    case HURRY_CALLS:
        return oro_mono_us() > deadline || !atomic_load(&w->lifecycle);
    default:
        return true;
    }
}

/* Asks the governor now and then how many workers shall run. */
static void
govern(struct oro_pool *p)
{
    int64_t now = oro_mono_us();
    if (p->started < 2 || now - p->governed_us < GOVERNOR_STEP_US)
        return;
    p->governed_us = now;
    uint64_t ended = 0, in_vain = 0;
    for (unsigned i = 0; i < p->started; i++) {
        ended += atomic_load_explicit(&p->workers[i]->ended, memory_order_relaxed);
        in_vain += atomic_load_explicit(&p->workers[i]->in_vain, memory_order_relaxed);
    }
    if (governor_step(&p->governor, ended - p->governed_ended, in_vain - p->governed_in_vain,
                      now)) {
        atomic_store(&p->active, p->governor.active);
        oro_metric_set(p->active_workers, p->governor.active);
        oro_wake_broadcast(&p->govern_wake);
    }
    p->governed_ended = ended;
    p->governed_in_vain = in_vain;
}

/* Whether that very call still runs. */
static bool
still_runs(struct worker *w, uint64_t generation)
{
    return atomic_load(&w->deadline_us) != 0 && atomic_load(&w->generation) == generation;
}

static void
stuck_tell(struct worker *w, uint64_t generation, int64_t over_us)
{
    char name[128];
    const char *running = atomic_load(&w->running);
    snprintf(name, sizeof(name), "%s", running != NULL ? running : "the module's import");
    if (!still_runs(w, generation))
        return; /* and the name may be of another one */
    oro_log(ORO_LOG_ERROR, "watchdog",
            "%s has run %lld s beyond its limit and cannot be interrupted: it is in C code (a "
            "large number, a regular "
            "expression, a lock); worker %u does nothing else until that returns",
            name, (long long)(over_us / 1000000), w->number);
}

/* Looks at a call that was interrupted already. */
static void
stuck_look(struct worker *w, uint64_t generation, int64_t now)
{
    if (w->stuck_generation != generation) {
        w->stuck_generation = generation;
        w->stuck_us = now;
        w->stuck_tell_us = now + STUCK_US;
    }
    if (now < w->stuck_tell_us)
        return;
    stuck_tell(w, generation, now - w->stuck_us);
    w->stuck_tell_us = now + (now - w->stuck_us);
}

/* Counts the workers that were reported and are not back. */
static unsigned
stuck_count(struct oro_pool *p, int64_t now)
{
    unsigned n = 0;
    for (unsigned i = 0; i < p->started; i++) {
        struct worker *w = p->workers[i];
        if (w->stuck_generation == 0)
            continue;
        if (still_runs(w, w->stuck_generation)) {
            n += now - w->stuck_us >= STUCK_US;
            continue;
        }
        if (now - w->stuck_us >= STUCK_US)
            oro_log(ORO_LOG_WARN, "watchdog", "worker %u is back after %lld s", w->number,
                    (long long)((now - w->stuck_us) / 1000000));
        w->stuck_generation = 0;
    }
    return n;
}

static void *
watchdog_main(void *arg)
{
    struct oro_pool *p = arg;
    while (!atomic_load(&p->watchdog_ends)) {
        oro_wake_wait(&p->watchdog_wake, oro_wake_prepare(&p->watchdog_wake), CHECK_US);
        govern(p);
        for (unsigned i = 0; i < p->started; i++) {
            struct worker *w = p->workers[i];
            /* The generation is read first: if the call ends meanwhile, the interrupt names one that is over. */
            uint64_t generation = atomic_load(&w->generation);
            int64_t deadline = atomic_load(&w->deadline_us);
            if (deadline == 0 || !has_to_end(p, w, deadline)) {
                oro_successor_look(p, i, false, 0);
                continue;
            }
            oro_spin_lock(&w->watch);
            if (!w->unwatched)
                oro_py_interrupt(w->py, generation);
            oro_spin_unlock(&w->watch);
            stuck_look(w, generation, oro_mono_us());
            if (still_runs(w, generation))
                oro_successor_look(p, i, true, oro_mono_us());
        }
        oro_metric_set(p->stuck_workers, stuck_count(p, oro_mono_us()));
    }
    return NULL;
}

oro_status
oro_watchdog_start(struct oro_pool *p, struct oro_err *err)
{
    bool procedures = p->opt.for_procedures;
    p->lost_workers = oro_metric(
        ORO_METRIC_COUNTER,
        procedures ? "orochi_lost_procedure_workers_total" : "orochi_lost_workers_total", "",
        "Workers that were given up in a call that did not end.");
    p->stuck_workers = oro_metric(
        ORO_METRIC_GAUGE, procedures ? "orochi_stuck_procedure_workers" : "orochi_stuck_workers",
        "", "Workers whose reducer or procedure is beyond its limit and does not react.");
    oro_status st = oro_thread_start(&p->watchdog, ORO_THREAD_OTHER, procedures ? "watchdog 2" : "watchdog", 256 * 1024,
                                     watchdog_main, p, err);
    p->watchdog_runs = st == ORO_OK;
    return st;
}

void
oro_watchdog_stop(struct oro_pool *p)
{
    if (!p->watchdog_runs)
        return;
    atomic_store(&p->watchdog_ends, true);
    oro_wake_signal(&p->watchdog_wake);
    oro_thread_join(p->watchdog);
    p->watchdog_runs = false;
}
