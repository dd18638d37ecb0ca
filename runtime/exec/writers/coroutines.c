/* runtime/exec/writers/coroutines.c - procedures that are `async def`, on the worker that took their call. One that waits is a coroutine
 * in the event loop of the worker's interpreter (orochi/_loop.py) and this struct: it holds no thread, and has no mailbox.
 *
 * The loop is a guest: the worker has it run what is ready between two jobs, and while a `def` waits. Around each piece of a
 * coroutine the worker is given what belongs to it (enter, leave), so that transactions, limits and log lines are as ever. */
#include "runtime/exec/writers/procedure_priv.h"

#include <stdio.h>

#define DAY_US INT64_C(86400000000)
#define LEAST_US 100000 /* that a piece may compute */
#define LONG_US 1000000 /* of a piece: the others of its worker wait so long */
#define LOOK_US 100000 /* nobody wakes a worker when a stop loses patience */

struct coroutine {
    struct coroutine *next, **link; /* of its worker */
    struct oro_job *job;
    struct attempt attempt;
    struct oro_origin origin;
    int64_t began_us, end_us; /* monotonic; INT64_MAX: no limit */
    bool ends;                /* it was cancelled, and has a grace */
    char name[64];            /* the definition may go while it waits */
};

/* What the worker had in its hands when the loop began: a procedure that waits, or nothing. */
struct beneath {
    struct oro_job *job;
    struct oro_origin *origin;
    int64_t end_us;
    char name[sizeof(((struct worker *)NULL)->procedure_name)];
};

static void
enlist(struct worker *w, struct coroutine *c)
{
    if (w->loop.all == NULL) /* nobody has looked since the last one ended, and the module may have been exchanged */
        w->loop.schema = w->pool->schema;
    c->next = w->loop.all;
    c->link = &w->loop.all;
    if (c->next != NULL)
        c->next->link = &c->next;
    w->loop.all = c;
    oro_metric_add(w->pool->waiting, 1);
}

/* Takes c. Its record is published. */
static void
finish(struct worker *w, struct coroutine *c, oro_status st)
{
    *c->link = c->next;
    if (c->next != NULL)
        c->next->link = c->link;
    oro_metric_add(w->pool->waiting, -1);
    oro_job_free(w->pool, c->job, st, (struct oro_bytes){0});
    oro_free(c);
}

void
oro_coroutine_begin(struct worker *w, struct oro_job *job, int64_t limit_us)
{
    ORO_ASSERT_OWNER(&w->owner);
    const struct oro_job_call *call = &job->calls[0];
    struct coroutine *c = ORO_NEW(struct coroutine);
    *c = (struct coroutine){.job = job, .began_us = oro_mono_us()};
    c->attempt = attempt_new(w, job, call->reducer, call->args);
    if (job->at_us > c->attempt.call.timestamp_us)
        c->attempt.call.timestamp_us = job->at_us;
    c->origin = origin_of(&c->attempt, ORO_ORIGIN_PROCEDURE, call->request_id);
    c->end_us = limit_us > 0 ? c->began_us + limit_us : INT64_MAX;
    snprintf(c->name, sizeof(c->name), "%s", call->reducer->name);
    enlist(w, c);
    w->origin = &c->origin;
    w->loop.runs = c;
    snprintf(w->procedure_name, sizeof(w->procedure_name), "%s", c->name);
    atomic_store_explicit(&w->running, w->procedure_name, memory_order_relaxed);
    oro_worker_watch(w, limit_us);
    oro_worker_enter_python(w);
    oro_status st = oro_py_coroutine(w->py, &c->attempt.call, c, limit_us);
    oro_worker_back(w);
    atomic_store_explicit(&w->deadline_us, 0, memory_order_release);
    atomic_store_explicit(&w->running, NULL, memory_order_relaxed);
    w->loop.runs = NULL;
    w->loop.due_us = 0;
    if (st == ORO_OK)
        return;
    struct oro_bb text = {0};
    c->origin.elapsed_us = oro_mono_us() - c->began_us;
    publish_failure(w, &c->origin,
                    oro_procedure_outcome(w, &c->attempt, &c->origin, st, false, &text));
    oro_bb_fini(&text);
    finish(w, c, st);
}

/* ---- the loop ---- */

static const char *
why_all_end(struct worker *w)
{
    const char *why = NULL;
    bool hurries = atomic_load_explicit(&w->pool->hurry, memory_order_relaxed) != HURRY_NOT;
    if (hurries && !w->loop.hurried)
        why = "the server stops";
    if (w->loop.schema != w->pool->schema)
        why = "the module was reloaded while the procedure ran";
    w->loop.hurried = hurries;
    w->loop.schema = w->pool->schema;
    return why;
}

static void
step(struct worker *w)
{
    struct beneath b = {.job = w->job, .origin = w->origin, .end_us = w->procedure_end_us};
    memcpy(b.name, w->procedure_name, sizeof(b.name));
    const char *running = atomic_load_explicit(&w->running, memory_order_relaxed);
    const char *why = why_all_end(w);
    w->loop.beneath = &b;
    atomic_store_explicit(&w->running, NULL, memory_order_relaxed);
    oro_worker_enter_python(w);
    if (why != NULL)
        oro_py_loop_cancel(w->py, why);
    int64_t us = oro_py_loop_step(w->py, w);
    oro_worker_back(w);
    w->loop.beneath = NULL;
    w->loop.due_us = us < 0 ? INT64_MAX : us > DAY_US ? INT64_MAX : oro_mono_us() + us;
    w->job = b.job;
    w->origin = b.origin;
    w->procedure_end_us = b.end_us;
    memcpy(w->procedure_name, b.name, sizeof(b.name));
    atomic_store_explicit(&w->running, running, memory_order_relaxed);
    oro_worker_tell(w);
}

static bool
is_ready(struct worker *w)
{
    return atomic_load(&w->loop.answers.n) > 0 || oro_procedure_disk_moved(w) || w->loop.due_us <= oro_mono_us() ||
           w->loop.schema != w->pool->schema ||
           (!w->loop.hurried &&
            atomic_load_explicit(&w->pool->hurry, memory_order_relaxed) != HURRY_NOT);
}

/* Within one of them none goes on. */
static bool
may_run(struct worker *w)
{
    return w->loop.all != NULL && w->loop.beneath == NULL && w->loop.runs == NULL &&
           !atomic_load(&w->pool->paused);
}

long
oro_coroutines_left(struct worker *w)
{
    if (!may_run(w))
        return w->loop.all == NULL ? -1 : LOOK_US;
    if (is_ready(w))
        return 0;
    int64_t left = w->loop.due_us == INT64_MAX ? LOOK_US : w->loop.due_us - oro_mono_us();
    return (long)(left < 0 ? 0 : left > LOOK_US ? LOOK_US : left);
}

void
oro_coroutines_run(struct worker *w)
{
    ORO_ASSERT_OWNER(&w->owner);
    if (may_run(w) && is_ready(w))
        step(w);
}

/* ---- what the loop asks of the worker ---- */

void
oro_coroutine_enter(void *host, void *of)
{
    struct worker *w = host;
    struct coroutine *c = of;
    oro_worker_back(w);
    ORO_ASSERT_OWNER(&w->owner);
    w->loop.piece_us = oro_mono_us();
    int64_t left = c->end_us - w->loop.piece_us;
    left = left > LEAST_US ? left : LEAST_US; /* it is late by no fault of its own, and will be cancelled */
    w->loop.runs = c;
    w->job = c->job;
    w->origin = &c->origin;
    w->procedure_end_us = c->end_us == INT64_MAX ? INT64_MAX : w->loop.piece_us + left;
    snprintf(w->procedure_name, sizeof(w->procedure_name), "%s", c->name);
    atomic_store_explicit(&w->running, w->procedure_name, memory_order_relaxed);
    atomic_store_explicit(&w->lifecycle, c->ends, memory_order_release);
    oro_worker_watch(w, c->end_us == INT64_MAX ? 0 : left);
    oro_worker_enter_python(w);
}

void
oro_coroutine_leave(void *host, void *of)
{
    struct worker *w = host;
    (void)of;
    oro_worker_back(w);
    int64_t us = oro_mono_us() - w->loop.piece_us;
    if (us > LONG_US)
        oro_log_limited(ORO_LOG_WARN, "module",
                        "%s has computed for %.1f s without awaiting anything, and other coroutines "
                        "of its worker waited: a plain `def` may compute for long",
                        w->procedure_name, (double)us / 1e6);
    atomic_store_explicit(&w->deadline_us, 0, memory_order_release);
    atomic_store_explicit(&w->lifecycle, false, memory_order_release);
    atomic_store_explicit(&w->running, NULL, memory_order_relaxed);
    w->loop.runs = NULL;
    oro_worker_enter_python(w);
}

/* It was cancelled: so long may its finally blocks take. */
void
oro_coroutine_grace(void *host, void *of, int64_t us)
{
    struct worker *w = host;
    struct coroutine *c = of;
    oro_worker_back(w);
    c->ends = true;
    c->end_us = oro_mono_us() + us;
    oro_worker_enter_python(w);
}

void
oro_coroutine_ended(void *host, void *of, oro_status st, bool outdated, struct oro_bb *result)
{
    struct worker *w = host;
    struct coroutine *c = of;
    oro_worker_back(w);
    ORO_ASSERT_OWNER(&w->owner);
    ORO_ASSERT(w->tx == NULL);
    c->origin.elapsed_us = oro_mono_us() - c->began_us;
    publish_failure(w, &c->origin,
                    oro_procedure_outcome(w, &c->attempt, &c->origin, st, outdated, result));
    if (outdated)
        c->job->timer.table = NULL; /* of the old version: all timers are armed anew */
    oro_bb_clear(&w->text);
    oro_bb_clear(&w->detail);
    oro_bb_clear(&w->logged);
    w->job = NULL;
    w->origin = NULL;
    w->loop.runs = NULL;
    finish(w, c, st);
    oro_worker_enter_python(w);
}

/* ---- requests ---- */

oro_status
oro_coroutine_ask(void *host, const struct oro_fetch_ask *ask, uint64_t *number,
                  struct oro_err *err)
{
    struct worker *w = host;
    struct oro_pumped *r;
    oro_worker_back(w);
    oro_status st = oro_request_begin(w, &w->loop.answers, ask, w->loop.last_request + 1, &r, err);
    if (st == ORO_OK) {
        *number = ++w->loop.last_request;
        oro_map_put_u64(&w->loop.requests, *number, r);
    }
    oro_worker_enter_python(w);
    return st;
}

oro_status
oro_coroutine_answer(void *host, uint64_t *number, struct oro_fetched *got, struct oro_err *err)
{
    struct worker *w = host;
    oro_worker_back(w);
    struct oro_pumped *r = oro_pump_next(w->pool->loop.pump, &w->loop.answers);
    oro_status st = ORO_ENOTFOUND;
    *number = 0;
    if (r != NULL) {
        *number = oro_pumped_number(r);
        oro_map_del_u64(&w->loop.requests, *number);
        st = oro_request_take(w, r, got, err);
    }
    oro_worker_enter_python(w);
    return st;
}

void
oro_coroutine_drop(void *host, uint64_t number)
{
    struct worker *w = host;
    oro_worker_back(w);
    struct oro_pumped *r = oro_map_del_u64(&w->loop.requests, number);
    if (r != NULL)
        oro_request_end(w, r);
    oro_worker_enter_python(w);
}

/* ---- ends ---- */

bool
oro_coroutines_lost(struct worker *w, struct worker *old)
{
    static const char words[] = "its worker was given up, since another procedure did not end";
    bool other = old->loop.beneath == NULL ? old->loop.runs == NULL : old->loop.beneath->job != NULL;
    for (struct coroutine *c; (c = old->loop.all) != NULL;) {
        publish_failure(w, &c->origin,
                        (struct outcome){.status = ORO_ETIMEOUT, .text = oro_bytes_str(words)});
        finish(w, c, ORO_ETIMEOUT);
    }
    if (other && old->loop.beneath != NULL) {
        old->job = old->loop.beneath->job;
        old->origin = old->loop.beneath->origin;
    }
    return other;
}

void
oro_coroutines_fini(struct worker *w)
{
    const struct oro_map_slot *slot;
    for (size_t i = 0; oro_map_next(&w->loop.requests, &i, &slot);)
        oro_pumped_end(slot->value);
    oro_map_fini(&w->loop.requests);
    while (w->loop.all != NULL)
        finish(w, w->loop.all, ORO_EINTERNAL);
}
