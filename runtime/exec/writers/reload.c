/* The workers' side of a reload: safepoints, where a worker does between two jobs what another thread asks; the pause, in which
 * no job runs; and the exchange of the module (pool.h). */
#include "runtime/base/clock.h"
#include "runtime/exec/function.h"
#include "runtime/exec/writers/pool_priv.h"

#include <stdio.h>

#define END_US 1000000       /* for what the author's objects do at the end of an old version */
#define PATIENCE_US 10000000 /* for calls that run */

/* ---- safepoints ---- */

void
oro_worker_safepoint(struct worker *w)
{
    ORO_ASSERT_OWNER(&w->owner);
    struct oro_pool *p = w->pool;
    int asked = SAFEPOINT_ASKED;
    if (!atomic_compare_exchange_strong(&w->safepoint, &asked, SAFEPOINT_RUNS))
        return; /* nobody waits for it any more */
    p->safepoint(w, p->safepoint_arg);
    atomic_store_explicit(&w->safepoint, SAFEPOINT_NONE, memory_order_release);
    oro_wake_broadcast(&p->safepoint_wake);
}

static bool
safepoints_done(const struct oro_pool *p)
{
    for (unsigned i = 0; i < p->started; i++)
        if (atomic_load_explicit(&p->workers[i]->safepoint, memory_order_acquire) != SAFEPOINT_NONE)
            return false;
    return true;
}

static bool
safepoints_wait(struct oro_pool *p, int64_t patience_us)
{
    int64_t end = oro_mono_us() + patience_us;
    for (;;) {
        unsigned seen = oro_wake_prepare(&p->safepoint_wake);
        if (safepoints_done(p))
            return true;
        int64_t left = patience_us < 0 ? -1 : end - oro_mono_us();
        if (patience_us >= 0 && left <= 0)
            return false;
        oro_wake_wait(&p->safepoint_wake, seen, (long)left);
    }
}

/* False: a worker is still at the last one. */
static bool
safepoints_ask(struct oro_pool *p, unsigned from, unsigned to,
               void (*fn)(struct worker *w, void *arg), void *arg)
{
    if (!safepoints_wait(p, PATIENCE_US))
        return false;
    p->safepoint = fn;
    p->safepoint_arg = arg;
    for (unsigned i = from; i < to; i++)
        atomic_store_explicit(&p->workers[i]->safepoint, SAFEPOINT_ASKED, memory_order_release);
    oro_wake_broadcast(&p->wake);
    oro_wake_broadcast(&p->govern_wake);
    oro_wake_broadcast(&p->phase_wake); /* of one that does not serve yet */
    return true;
}

bool
oro_worker_ask(struct oro_pool *p, unsigned from, unsigned to,
               void (*fn)(struct worker *w, void *arg), void *arg)
{
    return safepoints_ask(p, from, to, fn, arg);
}

bool
oro_worker_asked_done(struct oro_pool *p, int64_t patience_us)
{
    return safepoints_wait(p, patience_us);
}

static oro_status
hangs(struct oro_err *err)
{
    return oro_err_set(err, ORO_ETIMEOUT, "a reducer runs that does not end");
}

/* What has begun has time for an import, which is interrupted at its limit. */
static int64_t
safepoint_patience(const struct oro_pool *p)
{
    return p->opt.import_timeout_us > 0 ? p->opt.import_timeout_us + PATIENCE_US : -1;
}

/* On the workers from..to. ORO_ETIMEOUT: a call would not end, so that not all of them have done it. */
static oro_status
safepoint_run(struct oro_pool *p, unsigned from, unsigned to,
              void (*fn)(struct worker *w, void *arg), void *arg, struct oro_err *err)
{
    if (!safepoints_ask(p, from, to, fn, arg))
        return hangs(err);
    if (safepoints_wait(p, PATIENCE_US))
        return ORO_OK;
    bool missed = false;
    for (unsigned i = from; i < to; i++) {
        int asked = SAFEPOINT_ASKED;
        missed |= atomic_compare_exchange_strong(&p->workers[i]->safepoint, &asked, SAFEPOINT_NONE);
    }
    if (!safepoints_wait(p, safepoint_patience(p))) /* those that had begun */
        return oro_err_set(err, ORO_EINVAL, ORO_PY_IMPORT_STUCK);
    return missed ? hangs(err) : ORO_OK;
}

/* ---- a version beside the one that runs ---- */

static void
stage_safepoint(struct worker *w, void *arg)
{
    struct oro_pool *p = w->pool;
    (void)arg;
    w->err = (struct oro_err){0};
    oro_free(w->report);
    oro_free(w->descriptor);
    w->report = w->descriptor = NULL;
    oro_worker_watch(w, p->opt.import_timeout_us);
    oro_status st = oro_py_stage(w->py, p->opt.module_path, p->opt.module_name, &w->descriptor,
                                 &w->report, &w->err);
    atomic_store_explicit(&w->deadline_us, 0, memory_order_release);
    if (st == ORO_OK && w->number > 0 && strcmp(w->descriptor, p->workers[0]->descriptor) != 0)
        st = oro_err_set(&w->err, ORO_EINVAL, ORO_POOL_UNLIKE);
    w->err.status = st;
}

/* Objects of a version that goes may do anything at their end, but not for long: their worker serves nobody meanwhile. */
static void
end(struct worker *w, void (*fn)(struct oro_py *))
{
    oro_worker_watch(w, END_US);
    fn(w->py);
    atomic_store_explicit(&w->deadline_us, 0, memory_order_release);
}

static void
unstage_safepoint(struct worker *w, void *arg)
{
    (void)arg;
    oro_py_unstage(w->py);
    end(w, oro_py_settle);
}

static oro_status
staged(struct oro_pool *p, unsigned from, unsigned to, char **report, struct oro_err *err)
{
    oro_status st = safepoint_run(p, from, to, stage_safepoint, NULL, err);
    for (unsigned i = from; st == ORO_OK && i < to; i++) {
        struct worker *w = p->workers[i];
        st = w->err.status;
        if (st == ORO_OK)
            continue;
        *err = w->err;
        *report = w->report;
        w->report = NULL;
    }
    return st;
}

oro_status
oro_pool_stage(struct oro_pool *p, char **descriptor, char **report, struct oro_err *err)
{
    *report = NULL;
    atomic_store(&p->reloading, true);            /* until unstage or settle */
    oro_status st = staged(p, 0, 1, report, err); /* most mistakes are found by one */
    if (st == ORO_OK && p->started > 1)
        st = staged(p, 1, p->started, report, err);
    if (st != ORO_OK) {
        oro_pool_unstage(p);
        return st;
    }
    *descriptor = oro_strdup(p->workers[0]->descriptor);
    return ORO_OK;
}

/* A worker that is not back does it when it is. */
void
oro_pool_unstage(struct oro_pool *p)
{
    if (safepoints_ask(p, 0, p->started, unstage_safepoint, NULL))
        (void)safepoints_wait(p, PATIENCE_US);
    atomic_store(&p->reloading, false);
}

static void
no_safepoint(struct worker *w, void *arg)
{
    (void)w;
    (void)arg;
}

oro_status
oro_pool_pause(struct oro_pool *p, struct oro_err *err)
{
    atomic_store(&p->paused, true);
    oro_status st = safepoint_run(p, 0, p->started, no_safepoint, NULL, err);
    if (st != ORO_OK)
        oro_pool_resume(p);
    return st;
}

void
oro_pool_resume(struct oro_pool *p)
{
    atomic_store(&p->paused, false);
    oro_wake_broadcast(&p->wake);
    oro_wake_broadcast(&p->govern_wake);
}

static void
settle_safepoint(struct worker *w, void *arg)
{
    (void)arg;
    end(w, oro_py_settle);
}

void
oro_pool_settle(struct oro_pool *p)
{
    (void)safepoints_ask(p, 0, p->started, settle_safepoint, NULL);
    atomic_store(&p->reloading, false);
}

/* ---- the exchange ---- */

/* As client.c does with a call that comes now; what was allowed to an owner stays so. */
static void
call_move(const struct oro_schema *schema, struct oro_job_call *c)
{
    if (c->reducer == NULL)
        return;
    struct oro_function f = oro_function_find(schema, oro_bytes_str(c->reducer->name));
    bool procedure = c->reducer->returns != NULL;
    if (oro_function_call(&f, c->reducer->is_private) != ORO_CALL_RUNS ||
        (f.kind == ORO_FUNCTION_PROCEDURE) != procedure) {
        c->refusal = procedure ? "No such procedure" : "no such reducer";
        f.def = NULL;
    }
    c->reducer = f.def;
}

static void
mailbox_move(struct oro_mailbox *m, void *schema)
{
    oro_spin_lock(&m->lock);
    for (struct oro_job *job = m->head; job != NULL; job = job->next) {
        job->timer.table = NULL;
        for (uint32_t i = job->at; i < job->ncalls; i++)
            call_move(schema, &job->calls[i]);
    }
    oro_spin_unlock(&m->lock);
}

static void
bind_safepoint(struct worker *w, void *arg)
{
    w->err = (struct oro_err){0};
    w->err.status = oro_py_bind_staged(w->py, arg, &w->err);
}

static void
adopt_safepoint(struct worker *w, void *arg)
{
    oro_py_adopt(w->py);
    if (arg == NULL)
        return;
    oro_session_close(w->session);
    w->session = oro_session_open(arg);
}

oro_status
oro_pool_bind(struct oro_pool *p, const struct oro_schema *schema, struct oro_err *err)
{
    ORO_ASSERT(atomic_load(&p->paused));
    oro_status st = safepoint_run(p, 0, p->started, bind_safepoint, (void *)(uintptr_t)schema, err);
    for (unsigned i = 0; st == ORO_OK && i < p->started; i++) {
        st = p->workers[i]->err.status;
        if (st != ORO_OK)
            *err = p->workers[i]->err;
    }
    return st;
}

void
oro_pool_adopt(struct oro_pool *p, const struct oro_schema *schema, struct oro_store *store)
{
    bool moves = store != p->store;
    bool asked = safepoints_ask(p, 0, p->started, adopt_safepoint, moves ? store : NULL);
    ORO_ASSERT(asked && safepoints_wait(p, -1)); /* nothing of the author's runs there */
    oro_spin_lock(&p->lock);
    turns_each(&p->turns, mailbox_move, (void *)(uintptr_t)schema);
    oro_spin_unlock(&p->lock);
    p->schema = schema;
    p->store = store;
    oro_pool_metrics_make(p);
    if (moves)
        oro_last_runs_clear(&p->last_runs); /* tables may have other ids */
}
