/* runtime/exec/writers/pool.c - the start and the stop of all workers. */
#include "runtime/exec/writers/procedure_priv.h"

#include <stdio.h>

/* Until the worker is past the phase. */
static int
wait_past(struct oro_pool *p, struct worker *w, int phase)
{
    for (;;) {
        unsigned seen = oro_wake_prepare(&p->phase_wake);
        int now = atomic_load(&w->phase);
        if (now > phase)
            return now;
        oro_wake_wait(&p->phase_wake, seen, -1);
    }
}

#define LOOK_US 10000
#define GRACE_US 5000000 /* an import that has not ended so long after its limit is in C code */

/* Until the worker has imported the module, which is interrupted at its limit: the watchdog starts later. PHASE_STARTING: it does
 * not end. */
static int
wait_loaded(struct oro_pool *p, struct worker *w)
{
    for (;;) {
        unsigned seen = oro_wake_prepare(&p->phase_wake);
        int now = atomic_load(&w->phase);
        if (now > PHASE_STARTING)
            return now;
        /* In the order of the watchdog. */
        uint64_t generation = atomic_load(&w->generation);
        int64_t deadline = atomic_load(&w->deadline_us), over = oro_mono_us() - deadline;
        if (deadline != 0 && over > GRACE_US)
            return PHASE_STARTING;
        if (deadline != 0 && over > 0) {
            oro_spin_lock(&w->watch);
            if (!w->unwatched)
                oro_py_interrupt(w->py, generation);
            oro_spin_unlock(&w->watch);
        }
        oro_wake_wait(&p->phase_wake, seen, LOOK_US);
    }
}

static oro_status
worker_spawn(struct oro_pool *p, unsigned n, struct oro_err *err)
{
    struct worker *w = oro_aligned_alloc(ORO_CACHE_LINE, sizeof(*w));
    w->pool = p;
    w->number = n;
    p->workers[n] = w;
    char name[32];
    snprintf(name, sizeof(name), p->opt.for_procedures ? "procedures %u" : "worker %u", n);
    oro_status st =
        oro_thread_start(&w->thread, ORO_THREAD_WORKER, name, 0, oro_worker_main, w, err);
    if (st == ORO_OK) {
        p->started = n + 1;
    } else {
        p->workers[n] = NULL;
        oro_free(w);
    }
    return st;
}

/* Jobs that came when no worker was there any more. */
static void
queue_clear(struct oro_pool *p)
{
    p->turns.most = 0; /* nobody has a turn any more */
    for (struct oro_mailbox *m; (m = oro_pool_take(p)) != NULL; oro_mailbox_unref(m)) {
        for (struct oro_job *job; (job = oro_mailbox_first(m)) != NULL;) {
            oro_mailbox_pop(m);
            oro_job_free(p, job, ORO_EINTERNAL, (struct oro_bytes){0});
        }
    }
}

void
oro_pool_free(struct oro_pool *p)
{
    if (p == NULL)
        return;
    queue_clear(p);
    for (unsigned i = 0; i < p->started; i++) {
        struct worker *w = p->workers[i];
        oro_bb_fini(&w->text);
        oro_bb_fini(&w->detail);
        oro_bb_fini(&w->logged);
        oro_bb_fini(&w->view_rows);
        oro_bb_fini(&w->log_text);
        oro_free(w->log_lines);
        oro_free(w->measures.items);
        oro_coroutines_fini(w);
        oro_free(w->descriptor);
        oro_free(w->report);
        oro_free(w);
    }
    oro_pump_stop(p->loop.pump);
    pthread_mutex_destroy(&p->loop.pump_lock);
    oro_last_runs_fini(&p->last_runs);
    turns_fini(&p->turns);
    oro_free(p->workers);
    oro_free(p->metrics);
    oro_free(p);
}

static oro_status
worker_failed(struct worker *w, char **report, struct oro_err *err)
{
    *report = w->report;
    w->report = NULL;
    if (err != NULL)
        *err = w->err;
    return w->err.status;
}

oro_status
oro_pool_load(const struct oro_pool_options *opt, struct oro_pool **out, char **descriptor,
              char **report, struct oro_err *err)
{
    struct oro_pool *p = ORO_NEW(struct oro_pool);
    p->opt = *opt;
    p->failures.burst = FAILURES_AT_ONCE;
    p->workers = oro_calloc(opt->workers, sizeof(*p->workers));
    oro_last_runs_init(&p->last_runs);
    pthread_mutex_init(&p->loop.pump_lock, NULL);
    turns_init(&p->turns);
    p->turns.lock = &p->lock;
    p->turns.most = opt->for_procedures && opt->workers > 1 ? opt->workers - 1 : 0;
    oro_status st = worker_spawn(p, 0, err);
    if (st != ORO_OK) {
        oro_pool_free(p);
        return st;
    }
    struct worker *first = p->workers[0];
    int phase = wait_loaded(p, first);
    if (phase == PHASE_STARTING) /* its thread uses the pool */
        return oro_err_set(err, ORO_ETIMEOUT, "%s: " ORO_PY_IMPORT_STUCK, opt->module_path);
    if (phase == PHASE_FAILED) {
        oro_thread_join(first->thread);
        st = worker_failed(first, report, err);
        oro_pool_free(p);
        return st;
    }
    *descriptor = oro_strdup(first->descriptor);
    *out = p;
    return ORO_OK;
}

oro_status
oro_pool_run(struct oro_pool *p, const struct oro_schema *schema, struct oro_store *store,
             const struct oro_identity *database, struct oro_err *err)
{
    p->database = *database;
    p->schema = schema;
    p->store = store;
    oro_pool_metrics_make(p);
    oro_status st = ORO_OK;
    governor_init(&p->governor, p->opt.workers);
    atomic_store(&p->active, p->opt.workers);
    for (unsigned i = 1; i < p->opt.workers && st == ORO_OK; i++)
        st = worker_spawn(p, i, err);
    for (unsigned i = 0; i < p->started; i++) {
        struct worker *w = p->workers[i];
        int phase = wait_loaded(p, w);
        if (phase == PHASE_LOADED)
            oro_worker_phase(w, PHASE_BIND);
        if (phase == PHASE_STARTING)
            return oro_err_set(err, ORO_ETIMEOUT, "%s: " ORO_PY_IMPORT_STUCK, p->opt.module_path);
    }
    for (unsigned i = 0; i < p->started; i++) {
        struct worker *w = p->workers[i];
        if (wait_past(p, w, PHASE_BIND) == PHASE_FAILED && st == ORO_OK) {
            char *report = NULL;
            st = worker_failed(w, &report, err);
            oro_free(report);
        }
    }
    if (st == ORO_OK)
        st = oro_watchdog_start(p, err);
    return st;
}

#define STOP_DRAIN_US 2000000 /* all that is queued is run */
#define STOP_HURRY_US 4000000 /* then calls and timers are dropped */
#define STOP_GIVE_UP_US \
    5500000 /* then everything; a worker that is not back by now will not come */

static bool
workers_ended(struct oro_pool *p)
{
    for (unsigned i = 0; i < p->started; i++) {
        int phase = atomic_load(&p->workers[i]->phase);
        if (phase != PHASE_FAILED && phase != PHASE_ENDED)
            return false;
    }
    return true;
}

static bool
queues_empty(struct oro_pool *p)
{
    return oro_pool_busy(p) == 0;
}

/* For what is told at phase_wake. */
static bool
wait_until(struct oro_pool *p, bool (*done)(struct oro_pool *p), int64_t end_us)
{
    for (;;) {
        unsigned seen = oro_wake_prepare(&p->phase_wake);
        int64_t left = end_us - oro_mono_us();
        bool is = done(p);
        if (is || left <= 0)
            return is;
        oro_wake_wait(&p->phase_wake, seen, (long)left);
    }
}

bool
oro_pool_stop(struct oro_pool *p)
{
    if (p == NULL)
        return true;
    int64_t start = oro_mono_us();
    atomic_store(&p->ending, true);
    if (!wait_until(p, queues_empty, start + STOP_DRAIN_US)) {
        oro_log(ORO_LOG_WARN, "server", "calls that still wait are dropped");
        atomic_store(&p->hurry, HURRY_CALLS);
        if (!wait_until(p, queues_empty, start + STOP_HURRY_US))
            atomic_store(&p->hurry, HURRY_ALL);
    }
    atomic_store(&p->stopping, true);
    for (unsigned i = 0; i < p->started; i++) {
        int serving = PHASE_SERVING, loaded = PHASE_LOADED;
        if (!atomic_compare_exchange_strong(&p->workers[i]->phase, &serving, PHASE_STOP))
            atomic_compare_exchange_strong(&p->workers[i]->phase, &loaded, PHASE_STOP);
    }
    oro_wake_broadcast(&p->phase_wake);
    oro_wake_broadcast(&p->wake);
    oro_wake_broadcast(&p->govern_wake);
    if (!wait_until(p, workers_ended, start + STOP_GIVE_UP_US)) {
        oro_log(ORO_LOG_ERROR, "server",
                "a reducer cannot be interrupted; the process ends without it");
        return false;
    }
    oro_watchdog_stop(p);
    if (p->lost > 0)
        return false; /* those that were given up use their interpreters until the process ends */
    for (unsigned i = 0; i < p->started; i++)
        oro_thread_join(p->workers[i]->thread);
    return true;
}
