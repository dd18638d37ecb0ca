/* runtime/exec/writers/procedure_tx.c - what a procedure asks of its worker: transactions of the worker's session, tried again by
 * the bridge, each a record of the ring as any other; and to wait.
 *
 * While it waits it holds nothing of the store, and is where a worker is between two jobs: what another thread asks for is done
 * there (reload.c), and a pause ends before it goes on. */
#include "runtime/exec/writers/procedure_priv.h"

#define LOOK_US 100000 /* nobody is woken when a stop loses patience */

static bool
has_safepoint(const struct worker *w)
{
    return atomic_load_explicit(&w->safepoint, memory_order_acquire) == SAFEPOINT_ASKED;
}

/* What is left of its time. */
static void
watch_again(struct worker *w)
{
    int64_t left = w->procedure_end_us - oro_mono_us();
    oro_worker_watch(w, w->procedure_end_us == INT64_MAX ? 0 : left > 0 ? left : 1);
    oro_py_procedure_goes_on(w->py);
}

static void
sleep_until(struct worker *w, unsigned seen, int64_t until_us)
{
    int64_t left = until_us - oro_mono_us();
    long others = oro_coroutines_left(w);
    if (others >= 0 && others < left)
        left = others;
    if (left <= 0)
        return;
    oro_py_release(w->py);
    oro_wake_wait(&w->pool->govern_wake, seen, (long)(left < LOOK_US ? left : LOOK_US));
    oro_py_acquire(w->py);
}

/* A stop has lost patience with it. What is cancelled has its grace, as long as there is one. */
static bool
is_hurried(const struct worker *w)
{
    int hurry = atomic_load(&w->pool->hurry);
    return hurry == HURRY_ALL || (hurry == HURRY_CALLS && !atomic_load(&w->lifecycle));
}

oro_status
oro_procedure_rest(struct worker *w, int64_t until_us, bool (*done)(void *arg), void *arg)
{
    struct oro_pool *p = w->pool;
    const struct oro_schema *before = p->schema;
    for (;;) {
        unsigned seen = oro_wake_prepare(&p->govern_wake);
        if (has_safepoint(w)) {
            oro_worker_safepoint(w);
            watch_again(w);
            continue;
        }
        if (oro_coroutines_left(w) == 0) {
            oro_coroutines_run(w);
            watch_again(w);
        }
        int64_t now = oro_mono_us();
        bool paused = atomic_load(&p->paused);
        if (is_hurried(w) || (!paused && now >= w->procedure_end_us))
            return ORO_ETIMEOUT;
        if (!paused && p->schema != before)
            return ORO_ETIMEOUT; /* its module is no more */
        if (!paused && (now >= until_us || (done != NULL && done(arg))))
            return ORO_OK;
        sleep_until(w, seen, paused ? now + LOOK_US
                             : until_us < w->procedure_end_us ? until_us
                                                              : w->procedure_end_us);
    }
}

oro_status
oro_procedure_wait(void *host, int64_t until_us)
{
    struct worker *w = host;
    oro_worker_back(w);
    ORO_ASSERT_OWNER(&w->owner);
    ORO_ASSERT(w->tx == NULL);
    oro_status st = oro_procedure_rest(w, until_us, NULL, NULL);
    oro_worker_enter_python(w);
    return st;
}

/* ---- the disk ---- */

#define MOST_US 5000000 /* then nobody knows what becomes of it */

struct unsure {
    struct oro_pool *pool;
    uint64_t seq;
};

static bool
is_durable(void *arg)
{
    const struct unsure *u = arg;
    return oro_pool_durable_seq(u->pool) >= u->seq;
}

oro_status
oro_procedure_sure(void *host, uint64_t seq)
{
    struct worker *w = host;
    struct unsure u = {.pool = w->pool, .seq = seq};
    oro_worker_back(w);
    ORO_ASSERT_OWNER(&w->owner);
    ORO_ASSERT(w->tx == NULL);
    atomic_fetch_add(&w->pool->loop.unsure, 1);
    oro_status st = oro_procedure_rest(w, oro_mono_us() + MOST_US, is_durable, &u);
    atomic_fetch_sub(&w->pool->loop.unsure, 1);
    if (st == ORO_OK && !is_durable(&u))
        st = ORO_EIO;
    oro_worker_enter_python(w);
    return st;
}

/* ---- transactions ---- */

oro_status
oro_procedure_begin(void *host, bool alone, int64_t *timestamp_us)
{
    struct worker *w = host;
    oro_worker_back(w);
    ORO_ASSERT_OWNER(&w->owner);
    ORO_ASSERT(w->tx == NULL);
    const struct oro_schema *before = w->pool->schema;
    oro_status st = oro_procedure_rest(w, 0, NULL, NULL);
    if (st == ORO_OK && w->pool->schema != before)
        st = ORO_ETIMEOUT; /* of another module now */
    if (st == ORO_OK) {
        int64_t limit = w->pool->opt.timeout_us, end = oro_mono_us() + limit;
        w->tx = oro_tx_begin(w->session, alone);
        *timestamp_us = w->tx_began_us = oro_pool_time(w->pool, oro_wall_us);
        if (limit > 0 && end < w->procedure_end_us)
            atomic_store_explicit(&w->deadline_us, end, memory_order_release);
    }
    oro_worker_enter_python(w);
    return st;
}

static void
tx_over(struct worker *w)
{
    w->tx = NULL;
    atomic_store_explicit(&w->deadline_us, w->procedure_end_us, memory_order_release);
}

oro_status
oro_procedure_commit(void *host)
{
    struct worker *w = host;
    oro_worker_back(w);
    ORO_ASSERT_OWNER(&w->owner);
    const struct oro_job *job = w->job;
    const struct oro_job_call *c = &job->calls[0];
    const struct oro_principal *who = job->who; /* NULL: it is scheduled */
    struct oro_call call = {.sender = w->pool->database,
                            .function = oro_bytes_str(c->reducer->name),
                            .args = c->args,
                            .frame = job->frame};
    if (who != NULL) {
        call.sender = who->identity;
        call.connection = who->connection;
    }
    struct oro_origin origin = *w->origin;
    origin.kind = ORO_ORIGIN_INTERNAL;
    origin.conn = origin.request_id = 0; /* to its caller, too, it is somebody's */
    origin.timestamp_us = w->tx_began_us;
    origin.elapsed_us = 0;
    origin.call = &call;
    oro_status st = oro_worker_commit(w, &origin);
    tx_over(w);
    if (st == ORO_OK) {
        oro_worker_log_flush(w);
        oro_worker_tell(w); /* it may go on for long */
    } else {
        oro_worker_log_drop(w);
        oro_metric_add(w->pool->conflicts, 1);
        st = ORO_ECONFLICT;
    }
    oro_worker_enter_python(w);
    return st;
}

oro_status
oro_procedure_abort(void *host)
{
    struct worker *w = host;
    oro_worker_back(w);
    ORO_ASSERT_OWNER(&w->owner);
    oro_status st = oro_tx_validate_abort(w->tx);
    tx_over(w);
    if (st == ORO_OK) {
        oro_worker_log_flush(w);
    } else {
        oro_worker_log_drop(w);
        oro_metric_add(w->pool->conflicts, 1);
        st = ORO_ECONFLICT;
    }
    oro_worker_enter_python(w);
    return st;
}
