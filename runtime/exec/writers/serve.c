/* runtime/exec/writers/serve.c - the loop of a worker: take a mailbox, run a batch of its calls, tell who waits. */
#include "runtime/exec/writers/procedure_priv.h"

/* Calls of one mailbox before the next mailbox has its turn: no client starves others, and a whole pipelined frame of a
 * usual client (40 calls) is still one hand-over. */
#define BATCH 64
/* Also a batch of slow calls ends, so that others have their turn, and those who were answered hear of it meanwhile. */
#define SLICE_US 5000
#define TELL_US 1000

/* What one mailbox may use until the next one has its turn. */
struct turn {
    int budget;
    int64_t end_us;
};

static bool
has_safepoint(const struct worker *w)
{
    return atomic_load_explicit(&w->safepoint, memory_order_acquire) == SAFEPOINT_ASKED;
}

/* After each call, since one may take long. */
static void
turn_look(struct worker *w, struct turn *turn)
{
    ORO_ASSERT_OWNER(&w->owner);
    int64_t now = oro_mono_us();
    if (now >= turn->end_us || has_safepoint(w))
        turn->budget = 0;
    if (now - w->told_us < TELL_US)
        return;
    oro_worker_tell(w);
    w->told_us = now;
}

static bool
has_left(const struct oro_mailbox *m)
{
    /* acquire: with the store in oro_mailbox_leave(). */
    return atomic_load_explicit(&m->left, memory_order_acquire);
}

/* Of a client that has left only the first calls are run. */
static void
call_or_drop(struct worker *w, struct oro_mailbox *m, const struct oro_job *job)
{
    struct oro_job_call c = job->calls[job->at];
    if (has_left(m) &&
        atomic_fetch_sub_explicit(&m->keep, 1, memory_order_relaxed) <= 0) {
        atomic_store_explicit(&m->keep, 0, memory_order_relaxed);
        if (!m->refuses)
            return;
        c.reducer = NULL;
        c.refusal = "its caller has gone";
    }
    run_call(w, job, &c);
}

/* False: the turn is over before the job is. */
static bool
calls_run(struct worker *w, struct oro_mailbox *m, struct oro_job *job, struct turn *turn)
{
    ORO_ASSERT_OWNER(&w->owner);
    ORO_ASSERT(job->at <= job->ncalls);
    while (job->at < job->ncalls) {
        if (turn->budget <= 0)
            return false;
        if (atomic_load_explicit(&w->pool->hurry, memory_order_relaxed) != HURRY_NOT)
            return true;
        if (!m->refused)
            call_or_drop(w, m, job);
        job->at++;
        turn->budget--;
        turn_look(w, turn);
    }
    return true;
}

/* A client that was refused leaves: its shard waits for the record. */
static void
publish_farewell(struct worker *w, const struct oro_job *job)
{
    struct oro_origin origin = {.kind = ORO_ORIGIN_DISCONNECT,
                                .shard = job->shard,
                                .conn = job->conn,
                                .reducer = UINT32_MAX};
    publish_failure(w, &origin, (struct outcome){ORO_OK, {0}, {0}});
}

#define TEXT_KEPT ((size_t)64 * 1024) /* of an answer that a handler gave: it may have had 32 MiB */

/* What begins and ends a client. */
static struct outcome
run_presence(struct worker *w, struct oro_mailbox *m, struct oro_job *job, int hurry)
{
    struct outcome out = {ORO_OK, {0}, {0}};
    if (job->kind == ORO_JOB_CONNECT) {
        if (hurry == HURRY_NOT)
            out = run_connect(w, job);
        m->refused = hurry != HURRY_NOT || out.status != ORO_OK;
    } else if (m->refused) {
        publish_farewell(w, job);
    } else if (hurry != HURRY_ALL) {
        out = run_disconnect(w, job);
    }
    return out;
}

/* Somebody waits for its answer, and hears that there is none. */
static struct outcome
refuse_answer(struct worker *w, struct oro_job *job)
{
    if (job->kind == ORO_JOB_HANDLER)
        refuse_handler(w, job);
    else
        refuse_view(w, job);
    return (struct outcome){ORO_OK, {0}, {0}};
}

/* Any job but calls, and coroutines that begin: it is done in one step. */
static struct outcome
run_single(struct worker *w, struct oro_mailbox *m, struct oro_job *job, int hurry)
{
    struct outcome none = {ORO_OK, {0}, {0}};
    bool may = hurry == HURRY_NOT;
    switch (job->kind) {
    case ORO_JOB_CONNECT:
    case ORO_JOB_DISCONNECT:
        return run_presence(w, m, job, hurry);
    case ORO_JOB_INIT:
        return run_init(w, job);
    case ORO_JOB_UPDATED:
        return run_updated(w, job);
    case ORO_JOB_HANDLER:
        return may && !has_left(m) ? run_handler(w, job) : refuse_answer(w, job);
    case ORO_JOB_VIEW:
        return may && !m->refused && !has_left(m) ? run_view(w, job) : refuse_answer(w, job);
    case ORO_JOB_VIEW_AGAIN:
    case ORO_JOB_VIEW_STALE:
    case ORO_JOB_VIEW_FORGET:
        return may ? run_view(w, job) : none;
    case ORO_JOB_WRITE:
        return may ? run_write(w, job) : none;
    case ORO_JOB_TIMER:
        if (may && job->timer.table != NULL)
            run_timer(w, job);
        return none;
    case ORO_JOB_PROCEDURE:
        if (may)
            run_procedure(w, job);
        return none;
    case ORO_JOB_CALLS:
        break;
    }
    ORO_ASSERT(!"calls are run one by one");
    return none;
}

static bool
is_coroutine(const struct oro_job *job)
{
    return job->kind == ORO_JOB_PROCEDURE && job->calls[0].reducer != NULL &&
           job->calls[0].reducer->is_async;
}

static void
job_run(struct worker *w, struct oro_mailbox *m, struct oro_job *job, struct turn *turn)
{
    ORO_ASSERT_OWNER(&w->owner);
    struct outcome out = {ORO_OK, {0}, {0}};
    int hurry = atomic_load_explicit(&w->pool->hurry, memory_order_relaxed);
    w->job = job;
    if (job->kind == ORO_JOB_CALLS) {
        if (!calls_run(w, m, job, turn))
            return; /* goes on in its next turn */
    } else if (hurry == HURRY_NOT && is_coroutine(job)) {
        turn->budget--;
        oro_mailbox_pop(m); /* it waits elsewhere */
        run_coroutine(w, job);
        return;
    } else {
        out = run_single(w, m, job, hurry);
        turn->budget--;
        turn_look(w, turn);
    }
    oro_mailbox_pop(m);
    oro_job_free(w->pool, job, out.status, out.text);
    if (ORO_UNLIKELY(w->text.cap > TEXT_KEPT))
        oro_bb_fini(&w->text);
}

static void
mailbox_run(struct worker *w, struct oro_mailbox *m)
{
    ORO_ASSERT_OWNER(&w->owner);
    w->told_us = oro_mono_us();
    w->mailbox = m;
    struct turn turn = {.budget = BATCH, .end_us = w->told_us + SLICE_US};
    struct oro_job *job;
    while (turn.budget > 0 && (job = oro_mailbox_first(m)) != NULL)
        job_run(w, m, job, &turn);
    turns_used(m, oro_mono_us() - turn.end_us + SLICE_US);
    oro_worker_tell(w);
    w->mailbox = NULL;
    w->job = NULL;
    oro_pool_give_back(w->pool, m);
}

void
oro_worker_takeover(struct worker *w)
{
    ORO_ASSERT_OWNER(&w->owner);
    ORO_ASSERT(w->predecessor != NULL);
    static const char words[] = "the call did not end, and its worker was given up";
    struct worker *old = w->predecessor;
    struct oro_mailbox *m = old->mailbox;
    if (!oro_coroutines_lost(w, old)) { /* it was one of them */
        oro_worker_tell(w);
        if (m != NULL)
            oro_pool_give_back(w->pool, m);
        return;
    }
    struct oro_job *job = old->job;
    struct oro_origin origin = *old->origin;
    publish_failure(w, &origin,
                    (struct outcome){.status = ORO_ETIMEOUT, .text = oro_bytes_str(words)});
    struct attempt rest = attempt_new(w, job, NULL, (struct oro_bytes){0});
    struct oro_origin last = origin_of(&rest, (enum oro_origin_kind)origin.kind, 0);
    bool more = job->kind == ORO_JOB_CALLS && ++job->at < job->ncalls;
    last.conn = 0;
    if (job->kind == ORO_JOB_CONNECT)
        m->refused = true;
    if (job->kind == ORO_JOB_DISCONNECT) {
        rest.after = client_delete;
        attempt_run(&rest, &last);
    }
    if (job->kind == ORO_JOB_TIMER)
        timer_end(w, job);
    if (!more) {
        oro_mailbox_pop(m);
        oro_job_free(w->pool, job, ORO_ETIMEOUT, oro_bytes_str(words));
    }
    oro_worker_tell(w);
    oro_pool_give_back(w->pool, m);
}

static bool
is_spare(const struct worker *w)
{
    return w->number >= atomic_load(&w->pool->active) && !atomic_load(&w->pool->stopping) &&
           !has_safepoint(w) && !atomic_load(&w->pool->paused) && w->loop.all == NULL;
}

/* As long as the governor wants fewer workers. */
static void
stand_by(struct worker *w)
{
    struct oro_pool *p = w->pool;
    oro_wake_signal(&p->wake); /* what woke this one is for another */
    oro_py_release(w->py);
    while (is_spare(w)) {
        unsigned seen = oro_wake_prepare(&p->govern_wake);
        if (is_spare(w))
            oro_wake_wait(&p->govern_wake, seen, -1);
    }
    oro_py_acquire(w->py);
}

static struct oro_mailbox *
take(struct oro_pool *p)
{
    return !atomic_load(&p->paused) ? oro_pool_take(p) : NULL;
}

void
oro_worker_serve(struct worker *w)
{
    ORO_ASSERT_THREAD(ORO_THREAD_WORKER);
    struct oro_pool *p = w->pool;
    for (;;) {
        if (has_safepoint(w))
            oro_worker_safepoint(w);
        if (is_spare(w))
            stand_by(w);
        oro_coroutines_run(w);
        struct oro_mailbox *m = take(p);
        if (m != NULL) {
            mailbox_run(w, m);
            continue;
        }
        unsigned seen = oro_wake_prepare(&p->wake);
        if ((m = take(p)) != NULL) {
            mailbox_run(w, m);
            continue;
        }
        long left = oro_coroutines_left(w);
        if (has_safepoint(w) || left == 0)
            continue;
        if (atomic_load(&p->stopping) && atomic_load(&w->phase) == PHASE_STOP &&
            w->loop.all == NULL)
            return;
        oro_py_release(w->py);
        oro_wake_wait(&p->wake, seen, left);
        oro_py_acquire(w->py);
    }
}
