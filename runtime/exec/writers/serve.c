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

/* Of a client that has left only the first calls are run. */
static void
call_or_drop(struct worker *w, struct oro_mailbox *m, const struct oro_job *job)
{
    struct oro_job_call c = job->calls[job->at];
    /* acquire: with the store in oro_mailbox_leave(). */
    if (atomic_load_explicit(&m->left, memory_order_acquire) &&
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

static void
job_run(struct worker *w, struct oro_mailbox *m, struct oro_job *job, struct turn *turn)
{
    ORO_ASSERT_OWNER(&w->owner);
    struct outcome out = {ORO_OK, {0}, {0}};
    int hurry = atomic_load_explicit(&w->pool->hurry, memory_order_relaxed);
    w->job = job;
    switch (job->kind) {
    case ORO_JOB_CALLS:
        if (!calls_run(w, m, job, turn))
            return; /* goes on in its next turn */
        break;
    case ORO_JOB_CONNECT:
        if (hurry == HURRY_NOT)
            out = run_connect(w, job);
        m->refused = hurry != HURRY_NOT || out.status != ORO_OK;
        break;
    case ORO_JOB_DISCONNECT:
        if (m->refused)
            publish_farewell(w, job);
        else if (hurry != HURRY_ALL)
            out = run_disconnect(w, job);
        break;
    case ORO_JOB_TIMER:
        if (hurry == HURRY_NOT && job->timer.table != NULL)
            run_timer(w, job);
        break;
    case ORO_JOB_INIT:
        out = run_init(w, job);
        break;
    case ORO_JOB_UPDATED:
        out = run_updated(w, job);
        break;
    case ORO_JOB_HANDLER:
        /* acquire: with the store in oro_mailbox_leave(). */
        if (hurry == HURRY_NOT && !atomic_load_explicit(&m->left, memory_order_acquire))
            out = run_handler(w, job);
        else
            refuse_handler(w, job);
        break;
    case ORO_JOB_WRITE:
        if (hurry == HURRY_NOT)
            out = run_write(w, job);
        break;
    case ORO_JOB_VIEW:
        if (hurry == HURRY_NOT && !m->refused &&
            !atomic_load_explicit(&m->left, memory_order_acquire))
            out = run_view(w, job);
        else
            refuse_view(w, job);
        break;
    case ORO_JOB_VIEW_AGAIN:
    case ORO_JOB_VIEW_STALE:
    case ORO_JOB_VIEW_FORGET:
        if (hurry == HURRY_NOT)
            out = run_view(w, job);
        break;
    case ORO_JOB_PROCEDURE:
        if (hurry == HURRY_NOT && job->calls[0].reducer != NULL && job->calls[0].reducer->is_async) {
            turn->budget--;
            oro_mailbox_pop(m); /* it waits elsewhere */
            run_coroutine(w, job);
            return;
        }
        if (hurry == HURRY_NOT)
            run_procedure(w, job);
        break;
    }
    if (job->kind != ORO_JOB_CALLS) {
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
