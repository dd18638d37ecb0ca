#include "runtime/exec/writers/inline.h"

#include "runtime/exec/writers/attempt.h"

struct oro_inline {
    struct oro_pool pool; /* without threads and queues */
    struct worker worker;
    struct attempt open; /* the transaction that is open, */
    struct oro_job job;  /* and its job: the last member, since it ends in an array */
};

struct oro_inline *
oro_inline_open(const struct oro_inline_options *opt)
{
    struct oro_inline *in = ORO_NEW(struct oro_inline);
    in->pool.opt = (struct oro_pool_options){
        .workers = 1,
        .dev_errors = true,
        .clock_us = opt->clock_us,
        .hooks = {.arg = opt->arg, .say = opt->say, .procedure = opt->procedure},
    };
    in->pool.schema = opt->schema;
    in->pool.store = opt->store;
    in->pool.database = opt->database;
    in->pool.failures.burst = FAILURES_AT_ONCE;
    oro_last_runs_init(&in->pool.last_runs);
    oro_pool_metrics_make(&in->pool);
    in->worker.pool = &in->pool;
    in->worker.py = opt->py;
    in->worker.session = oro_session_open(opt->store);
    return in;
}

void
oro_inline_close(struct oro_inline *in)
{
    struct worker *w = &in->worker;
    ORO_ASSERT(w->tx == NULL);
    oro_session_close(w->session);
    oro_last_runs_fini(&in->pool.last_runs);
    oro_bb_fini(&w->text);
    oro_bb_fini(&w->detail);
    oro_bb_fini(&w->logged);
    oro_bb_fini(&w->view_rows);
    oro_bb_fini(&w->log_text);
    oro_free(w->log_lines);
    oro_free(w->measures.items);
    oro_free(in->pool.metrics);
    oro_free(in);
}

static struct oro_job
job_of(enum oro_job_kind kind, struct oro_principal *who)
{
    return (struct oro_job){.kind = kind, .who = who};
}

static struct oro_inline_outcome
told(struct outcome out)
{
    return (struct oro_inline_outcome){out.status, out.text, out.detail};
}

struct oro_inline_outcome
oro_inline_call(struct oro_inline *in, struct oro_principal *who,
                const struct oro_reducer_def *reducer, struct oro_bytes args)
{
    struct oro_job job = job_of(ORO_JOB_CALLS, who);
    struct attempt a = attempt_new(&in->worker, &job, reducer, args);
    struct oro_origin origin = origin_of(&a, ORO_ORIGIN_CALL, 0);
    return told(attempt_run(&a, &origin));
}

struct oro_py_call *
oro_inline_begin(struct oro_inline *in, struct oro_principal *who, const struct oro_reducer_def *as)
{
    struct worker *w = &in->worker;
    ORO_ASSERT(w->tx == NULL);
    in->job = job_of(ORO_JOB_CALLS, who);
    in->open = attempt_new(w, &in->job, as, (struct oro_bytes){0});
    in->open.begun_us = oro_mono_us();
    w->tx = oro_tx_begin(w->session, true);
    oro_bb_clear(&w->text);
    oro_bb_clear(&w->detail);
    oro_bb_clear(&w->logged);
    atomic_store_explicit(&w->running, as->name, memory_order_relaxed);
    oro_worker_enter_python(w);
    return &in->open.call;
}

static oro_status
open_commit(struct oro_inline *in, struct oro_err *err)
{
    struct worker *w = &in->worker;
    oro_status st = views_refresh(&in->open, err);
    if (st == ORO_OK)
        st = oro_tx_fits(w->tx, err);
    if (st != ORO_OK)
        return st;
    uint64_t seq;
    struct oro_call call = call_of(&in->open);
    struct oro_origin origin = origin_of(&in->open, ORO_ORIGIN_INTERNAL, 0);
    origin.elapsed_us = oro_mono_us() - in->open.begun_us;
    origin.call = &call;
    st = oro_tx_commit(w->tx, &origin, &seq);
    ORO_ASSERT(st == ORO_OK); /* it was alone */
    w->tx = NULL;
    return st;
}

struct oro_inline_outcome
oro_inline_end(struct oro_inline *in, bool commit)
{
    struct worker *w = &in->worker;
    struct oro_err err = {0};
    oro_worker_back(w);
    ORO_ASSERT(w->tx != NULL);
    oro_status st = commit ? open_commit(in, &err) : ORO_OK;
    if (w->tx != NULL)
        oro_tx_abort(w->tx);
    w->tx = NULL;
    oro_worker_log_flush(w);
    atomic_store_explicit(&w->running, NULL, memory_order_relaxed);
    if (err.text[0] != '\0')
        oro_bb_put_bytes(&w->text, oro_bytes_str(err.text));
    return told((struct outcome){st, oro_bb_bytes(&w->text), {0}});
}

struct oro_inline_outcome
oro_inline_init(struct oro_inline *in, struct oro_principal *who)
{
    struct oro_job job = job_of(ORO_JOB_INIT, who);
    return told(run_init(&in->worker, &job));
}

struct oro_inline_outcome
oro_inline_updated(struct oro_inline *in, struct oro_principal *who)
{
    struct oro_job job = job_of(ORO_JOB_UPDATED, who);
    return told(run_updated(&in->worker, &job));
}

struct oro_inline_outcome
oro_inline_connect(struct oro_inline *in, struct oro_principal *who)
{
    struct oro_job job = job_of(ORO_JOB_CONNECT, who);
    return told(run_connect(&in->worker, &job));
}

struct oro_inline_outcome
oro_inline_disconnect(struct oro_inline *in, struct oro_principal *who)
{
    struct oro_job job = job_of(ORO_JOB_DISCONNECT, who);
    return told(run_disconnect(&in->worker, &job));
}

struct oro_inline_outcome
oro_inline_view(struct oro_inline *in, struct oro_view *v, bool again)
{
    struct oro_job job = job_of(again ? ORO_JOB_VIEW_AGAIN : ORO_JOB_VIEW, NULL);
    job.view = v;
    return told(run_view(&in->worker, &job));
}

void
oro_inline_fire(struct oro_inline *in, const struct oro_firing *firing)
{
    struct oro_job job = job_of(ORO_JOB_TIMER, NULL);
    job.timer = *firing;
    run_timer(&in->worker, &job);
}

void
oro_inline_fire_end(struct oro_inline *in, const struct oro_firing *firing)
{
    struct oro_job job = job_of(ORO_JOB_TIMER, NULL);
    job.timer = *firing;
    job.timer_ends = true;
    run_timer(&in->worker, &job);
}
