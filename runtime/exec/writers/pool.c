#include "runtime/base/clock.h"
#include "runtime/exec/writers/pool_priv.h"

#include <sched.h>
#include <stdio.h>

struct oro_principal *
oro_principal_new(enum oro_caller caller, const struct oro_identity *id,
                  const struct oro_connection_id *connection, const char *jwt)
{
    struct oro_principal *p = ORO_NEW(struct oro_principal);
    atomic_init(&p->refs, 1);
    p->caller = caller;
    p->identity = *id;
    if (connection != NULL)
        p->connection = *connection;
    p->jwt = jwt != NULL ? oro_strdup(jwt) : NULL;
    return p;
}

struct oro_principal *
oro_principal_ref(struct oro_principal *p)
{
    atomic_fetch_add_explicit(&p->refs, 1, memory_order_relaxed);
    return p;
}

void
oro_principal_unref(struct oro_principal *p)
{
    /* acq_rel: the last holder sees everything that the others did with it. */
    if (p == NULL || atomic_fetch_sub_explicit(&p->refs, 1, memory_order_acq_rel) != 1)
        return;
    oro_free(p->jwt);
    oro_free(p);
}

struct oro_job *
oro_job_new(enum oro_job_kind kind, struct oro_principal *who, uint32_t ncalls)
{
    struct oro_job *job = oro_calloc(1, sizeof(*job) + ncalls * sizeof(job->calls[0]));
    job->kind = kind;
    job->who = who;
    job->ncalls = ncalls;
    return job;
}

struct oro_job *
oro_job_try_new(enum oro_job_kind kind, struct oro_principal *who, uint32_t ncalls)
{
    size_t size = sizeof(struct oro_job) + ncalls * sizeof(struct oro_job_call);
    struct oro_job *job = oro_try_alloc(size);
    if (job == NULL)
        return NULL;
    memset(job, 0, size);
    job->kind = kind;
    job->who = oro_principal_ref(who);
    job->ncalls = ncalls;
    return job;
}

void
oro_job_drop(struct oro_job *job)
{
    if (job == NULL)
        return;
    oro_principal_unref(job->who);
    oro_buf_unref(job->frame);
    oro_free(job);
}

/* Takes job. The waiter, if any, learns how it ended. */
void
oro_job_free(struct oro_pool *p, struct oro_job *job, oro_status st, struct oro_bytes text)
{
    struct oro_job_wait *wait = job->wait;
    oro_principal_unref(job->who);
    oro_buf_unref(job->frame);
    oro_free(job);
    if (wait != NULL) {
        wait->status = st;
        snprintf(wait->text, sizeof(wait->text), "%.*s", (int)text.len,
                 text.len > 0 ? (const char *)text.data : "");
        /* It lies on the waiter's stack, who stays until it is told that nobody uses the wake any more. */
        atomic_store_explicit(&wait->state, 1, memory_order_release);
        oro_wake_broadcast(&wait->wake);
        atomic_store_explicit(&wait->state, 2, memory_order_release);
    }
    /* Sequentially consistent: either we see that somebody waits, or he sees that none is left. */
    if (atomic_fetch_sub(&p->jobs, 1) == 1 && atomic_load(&p->ending))
        oro_wake_broadcast(&p->phase_wake);
}

/* ---- mailboxes and the run queue ---- */

struct oro_mailbox *
oro_mailbox_new(struct oro_pool *p, const struct oro_identity *id)
{
    struct oro_mailbox *m = ORO_NEW(struct oro_mailbox);
    atomic_init(&m->refs, 1);
    m->pool = p;
    m->sharer = turns_join(&p->turns, id);
    return m;
}

/* For one job; nobody else knows it. */
static struct oro_mailbox *
mailbox_own(void)
{
    struct oro_mailbox *m = ORO_NEW(struct oro_mailbox);
    atomic_init(&m->refs, 1);
    return m;
}

void
oro_mailbox_unref(struct oro_mailbox *m)
{
    if (m == NULL || atomic_fetch_sub_explicit(&m->refs, 1, memory_order_acq_rel) != 1)
        return;
    ORO_ASSERT(m->head == NULL);
    if (m->sharer != NULL)
        turns_leave(&m->pool->turns, m->sharer);
    oro_free(m);
}

/* Takes the job out of the list; `link` leads to it. Mailbox lock held. */
static struct oro_job *
unlink_job(struct oro_mailbox *m, struct oro_job **link, struct oro_job *before)
{
    struct oro_job *job = *link;
    *link = job->next;
    if (m->tail == job)
        m->tail = before;
    return job;
}

/* What will not be run need not be kept either. Gives the jobs, linked. */
static struct oro_job *
jobs_strip(struct oro_mailbox *m, uint32_t keep)
{
    struct oro_job *dropped = NULL, *before = NULL, **link = &m->head, *job;
    while ((job = *link) != NULL) {
        if (job != m->begun && job->kind == ORO_JOB_CALLS && keep == 0 && job->wait == NULL) {
            unlink_job(m, link, before);
            job->next = dropped;
            dropped = job;
            continue;
        }
        if (job != m->begun && job->kind == ORO_JOB_CALLS) {
            uint32_t calls = job->ncalls - job->at;
            if (calls > keep)
                job->ncalls = job->at + keep;
            keep -= calls < keep ? calls : keep;
        }
        before = job;
        link = &job->next;
    }
    return dropped;
}

void
oro_mailbox_leave(struct oro_mailbox *m, unsigned keep, bool refuse)
{
    struct oro_job *dropped = NULL;
    oro_spin_lock(&m->lock);
    if (!atomic_load_explicit(&m->left, memory_order_relaxed)) {
        m->refuses = refuse;
        atomic_store_explicit(&m->keep, (int)keep, memory_order_relaxed);
        atomic_store_explicit(&m->left, true,
                              memory_order_release); /* with a load in calls_run() */
        if (!refuse)
            dropped = jobs_strip(m, keep);
    }
    oro_spin_unlock(&m->lock);
    for (struct oro_job *job; (job = dropped) != NULL;) {
        dropped = job->next;
        oro_job_free(m->pool, job, ORO_EREFUSED, (struct oro_bytes){0});
    }
}

void
oro_pool_post(struct oro_pool *p, struct oro_mailbox *m, struct oro_job *job, bool front)
{
    bool own = m == NULL;
    if (own)
        m = mailbox_own();
    atomic_fetch_add_explicit(&p->jobs, 1, memory_order_relaxed);
    job->next = NULL;
    oro_spin_lock(&m->lock);
    if (m->tail != NULL)
        m->tail->next = job;
    else
        m->head = job;
    m->tail = job;
    bool ready = !m->queued;
    m->queued = true;
    oro_spin_unlock(&m->lock);
    if (!ready)
        return; /* a worker has it or will come to it; own mailboxes are always ready here */
    /* The queue's reference: the poster's own for a mailbox made here, one more otherwise. */
    if (!own)
        atomic_fetch_add_explicit(&m->refs, 1, memory_order_relaxed);
    oro_spin_lock(&p->lock);
    if (front)
        turns_push_front(&p->turns, m);
    else
        turns_push(&p->turns, m);
    oro_spin_unlock(&p->lock);
    oro_wake_signal(&p->wake);
}

struct oro_mailbox *
oro_pool_take(struct oro_pool *p)
{
    oro_spin_lock(&p->lock);
    struct oro_mailbox *m = turns_pop(&p->turns);
    oro_spin_unlock(&p->lock);
    return m;
}

struct oro_job *
oro_mailbox_first(struct oro_mailbox *m)
{
    oro_spin_lock(&m->lock);
    struct oro_job *job = m->begun = m->head;
    oro_spin_unlock(&m->lock);
    return job;
}

void
oro_mailbox_pop(struct oro_mailbox *m)
{
    oro_spin_lock(&m->lock);
    m->head = m->head->next;
    m->begun = NULL;
    if (m->head == NULL)
        m->tail = NULL;
    oro_spin_unlock(&m->lock);
}

/* The worker is through with its batch. Takes the queue's reference. */
void
oro_pool_give_back(struct oro_pool *p, struct oro_mailbox *m)
{
    oro_spin_lock(&m->lock);
    bool more = m->head != NULL;
    m->begun = NULL;
    m->queued = more;
    oro_spin_unlock(&m->lock);
    if (!more) {
        oro_mailbox_unref(m);
        return;
    }
    oro_spin_lock(&p->lock);
    turns_push(&p->turns, m);
    oro_spin_unlock(&p->lock);
    oro_wake_signal(
        &p->wake); /* another worker may be asleep while this one goes on with the next mailbox */
}

oro_status
oro_pool_post_wait(struct oro_pool *p, struct oro_job *job, char *text)
{
    struct oro_job_wait wait = {.status = ORO_EINTERNAL};
    job->wait = &wait;
    oro_pool_post(p, NULL, job, true);
    for (;;) {
        unsigned seen = oro_wake_prepare(&wait.wake);
        if (atomic_load_explicit(&wait.state, memory_order_acquire) > 0)
            break;
        oro_wake_wait(&wait.wake, seen, -1);
    }
    while (atomic_load_explicit(&wait.state, memory_order_acquire) < 2)
        sched_yield();
    if (text != NULL)
        snprintf(text, sizeof(wait.text), "%s", wait.text);
    return wait.status;
}

unsigned
oro_pool_busy(const struct oro_pool *p)
{
    return atomic_load(&p->jobs);
}

unsigned
oro_pool_workers(const struct oro_pool *p)
{
    return p->started;
}

/* ---- start and stop ---- */

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

static void
set_phase(struct oro_pool *p, struct worker *w, int phase)
{
    atomic_store(&w->phase, phase);
    oro_wake_broadcast(&p->phase_wake);
}

static oro_status
worker_spawn(struct oro_pool *p, unsigned n, struct oro_err *err)
{
    struct worker *w = oro_aligned_alloc(ORO_CACHE_LINE, sizeof(*w));
    w->pool = p;
    w->number = n;
    p->workers[n] = w;
    char name[32];
    snprintf(name, sizeof(name), "worker %u", n);
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
    for (struct oro_mailbox *m; (m = turns_pop(&p->turns)) != NULL; oro_mailbox_unref(m)) {
        for (struct oro_job *job; (job = m->head) != NULL;) {
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
        oro_bb_fini(&w->log_text);
        oro_free(w->log_lines);
        oro_free(w->descriptor);
        oro_free(w->report);
        oro_free(w);
    }
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
    turns_init(&p->turns);
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

void
oro_pool_metrics_make(struct oro_pool *p)
{
    oro_free(p->metrics);
    p->metrics = ORO_NEW_ARRAY(struct reducer_metrics, p->schema->nreducers + 1);
    for (uint32_t i = 0; i < p->schema->nreducers; i++) {
        char *labels = oro_asprintf("reducer=\"%s\"", p->schema->reducers[i].name);
        p->metrics[i] = (struct reducer_metrics){
            .calls = oro_metric(ORO_METRIC_COUNTER, "orochi_reducer_calls_total", labels,
                                "Reducer calls that ran."),
            .errors = oro_metric(ORO_METRIC_COUNTER, "orochi_reducer_errors_total", labels,
                                 "Reducer calls that failed by a fault of the module."),
            .refusals = oro_metric(ORO_METRIC_COUNTER, "orochi_reducer_refusals_total", labels,
                                   "Reducer calls that were refused: a ReducerError, or "
                                   "arguments that do not fit."),
            .duration = oro_metric(ORO_METRIC_HISTOGRAM, "orochi_reducer_duration_seconds", labels,
                                   "Run time of reducer calls, retries and commit included."),
            .failures.burst = FAILURES_AT_ONCE,
            .refused.burst = FAILURES_AT_ONCE,
        };
        oro_free(labels);
    }
    p->conflicts = oro_metric(ORO_METRIC_COUNTER, "orochi_tx_conflicts_total", "",
                              "Attempts run again because another commit changed what they read.");
    p->timer_lateness = oro_metric(ORO_METRIC_HISTOGRAM, "orochi_timer_lateness_seconds", "",
                                   "How late scheduled reducers started.");
    p->timer_fired = oro_metric(ORO_METRIC_COUNTER, "orochi_timer_fired_total", "",
                                "Scheduled reducers started.");
    p->queue_length = oro_metric(ORO_METRIC_GAUGE, "orochi_call_queue_length", "",
                                 "Jobs that wait or run: frames of calls, timers, lifecycle.");
    oro_metric_set(oro_metric(ORO_METRIC_GAUGE, "orochi_workers", "", "Worker threads."),
                   p->opt.workers);
    p->active_workers = oro_metric(ORO_METRIC_GAUGE, "orochi_active_workers", "",
                                   "Worker threads that run; fewer while many attempts conflict.");
    oro_metric_set(p->active_workers, p->opt.workers);
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
            set_phase(p, w, PHASE_BIND);
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
