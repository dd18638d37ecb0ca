/* runtime/exec/writers/timer_job.c - a timer's turn: its reducer, and what becomes of its row (runtime/timers/run.h). */
#include "bridge/bsatn/scheduled_call.h"
#include "runtime/exec/writers/attempt.h"
#include "runtime/timers/run.h"

static oro_status
row_begin(struct attempt *a, struct oro_err *err)
{
    (void)err;
    if (a->asked != NULL) { /* an attempt before had put its end off */
        a->w->origin->kind = ORO_ORIGIN_TIMER;
        a->w->origin->request_id = a->job->timer.number;
    }
    oro_status st = oro_timer_run_begin(a->w->tx, &a->job->timer, &a->row);
    if (st == ORO_OK)
        a->call.args = a->row;
    return st;
}

/* Of what ctx.schedule() has made: the row says what is called. */
static oro_status
call_begin(struct attempt *a, struct oro_err *err)
{
    struct oro_scheduled_call c;
    oro_status st = row_begin(a, err);
    if (st != ORO_OK)
        return st;
    oro_scheduled_call_read(a->row, &c);
    const struct oro_reducer_def *r = oro_schema_function(a->w->pool->schema, c.function);
    if (r == NULL)
        return oro_err_set(
            err, ORO_EINTERNAL, "scheduled call %llu: the module no longer has the reducer %.*s",
            (unsigned long long)c.id, (int)c.function.len, (const char *)c.function.data);
    if (c.signature != oro_signature(r->params))
        return oro_err_set(err, ORO_EINTERNAL,
                           "scheduled call %llu of %s: its parameters have other types now than "
                           "when it was made",
                           (unsigned long long)c.id, r->name);
    a->call.args = c.args;
    if (r->returns != NULL) {
        a->procedure = r;
        return ORO_OK;
    }
    a->reducer = a->call.reducer = r;
    a->w->origin->reducer = r->id;
    atomic_store_explicit(&a->w->running, r->name, memory_order_relaxed);
    return ORO_OK;
}

static struct oro_bytes
cron_of(const struct attempt *a)
{
    const struct oro_table_def *t = a->job->timer.table;
    const struct oro_schedule_def *d = oro_schema_schedule_of(a->w->pool->schema, t);
    struct oro_scheduled_call c = {0};
    if (t->id == ORO_ST_SCHEDULED_CALL)
        oro_scheduled_call_read(a->row, &c);
    return d != NULL && d->cron != NULL ? oro_bytes_str(d->cron) : c.cron;
}

/* When the row is due after this. With missed="all", times that have passed meanwhile count. */
static int64_t
next_time(struct attempt *a)
{
    struct worker *w = a->w;
    const struct oro_firing *f = &a->job->timer;
    const struct oro_schedule_def *d = oro_schema_schedule_of(w->pool->schema, f->table);
    struct oro_bytes cron = cron_of(a);
    if (cron.len == 0 || f->at.interval)
        return ORO_TIMER_LAST;
    int64_t now = oro_pool_time(w->pool, oro_wall_us), next;
    bool each = d != NULL && d->missed == ORO_MISSED_ALL && f->at.micros != ORO_TIMER_UNPLANNED;
    oro_worker_enter_python(w);
    oro_status st =
        oro_py_cron_next(w->py, cron, each || now < f->at.micros ? f->at.micros : now, &next);
    oro_worker_back(w);
    return st == ORO_OK ? next : ORO_TIMER_LAST;
}

static oro_status
row_end(struct attempt *a, struct oro_err *err)
{
    (void)err;
    bool repeats = a->job->timer.at.interval || cron_of(a).len > 0;
    if (a->procedure != NULL && timer_asks(a, repeats)) {
        a->stays = true;
        return ORO_OK;
    }
    return oro_timer_run_end(a->w->tx, &a->job->timer, a->row, next_time(a), &a->stays);
}

static double
dt_of(struct oro_pool *p, const struct oro_firing *f, int64_t now_us)
{
    const struct oro_schedule_def *s = oro_schema_schedule_of(p->schema, f->table);
    double dt = oro_last_runs_step(&p->last_runs, f->table->id, f->key, now_us);
    double most = s != NULL ? s->max_dt : 0.25;
    return dt > most ? most : dt;
}

/* A run that failed has left its row as it was: one with a time goes in a transaction of its own (S-13). True: the row stays. */
bool
timer_end(struct worker *w, const struct oro_job *job)
{
    struct attempt rest = attempt_new(w, job, NULL, (struct oro_bytes){0});
    rest.before = row_begin;
    rest.after = row_end;
    struct oro_origin origin =
        origin_of(&rest, ORO_ORIGIN_TIMER, job->timer_ends ? job->timer.number : 0);
    attempt_run(&rest, &origin);
    w->scheduled_dirty = true;
    return rest.stays;
}

/* What it calls is known from the table, or from the row. */
static struct attempt
attempt_of(struct worker *w, const struct oro_job *job)
{
    const struct oro_schema *schema = w->pool->schema;
    const struct oro_firing *f = &job->timer;
    const struct oro_reducer_def *r = NULL;
    const struct oro_schedule_def *d = oro_schema_schedule_of(schema, f->table);
    bool plans =
        d != NULL && d->cron != NULL && !f->at.interval && f->at.micros == ORO_TIMER_UNPLANNED;
    if (f->table->schedule_fn != NULL && !plans) {
        r = oro_schema_function(schema, oro_bytes_str(f->table->schedule_fn));
        ORO_ASSERT(r != NULL);
    }
    bool procedure = r != NULL && r->returns != NULL;
    struct attempt a = attempt_new(w, job, procedure ? NULL : r, (struct oro_bytes){0});
    a.procedure = procedure ? r : NULL;
    a.before = f->table->schedule_fn != NULL ? row_begin : call_begin;
    a.after = row_end;
    return a;
}

/* Its record tells timers.c that it is over. */
void
run_timer(struct worker *w, const struct oro_job *job)
{
    ORO_ASSERT_OWNER(&w->owner);
    ORO_ASSERT(job->kind == ORO_JOB_TIMER);
    struct oro_pool *p = w->pool;
    const struct oro_firing *f = &job->timer;
    if (job->timer_ends) { /* its procedure has */
        if (!timer_end(w, job))
            oro_last_runs_forget(&p->last_runs, f->table->id, f->key);
        return;
    }
    struct attempt a = attempt_of(w, job);
    int64_t now = oro_pool_time(p, oro_mono_us);
    if (!f->at.interval && a.call.timestamp_us < f->at.micros)
        a.call.timestamp_us = f->at.micros; /* S-32: never earlier than scheduled */
    a.call.dt = dt_of(p, f, now);
    oro_metric_add(p->timer_fired, 1);
    oro_metric_observe_us(p->timer_lateness, now > f->due_us ? now - f->due_us : 0);
    struct oro_origin origin = origin_of(&a, ORO_ORIGIN_TIMER, f->number);
    w->scheduled_dirty = true;
    struct outcome out = attempt_run(&a, &origin);
    if (out.status != ORO_OK && out.status != ORO_ENOTFOUND)
        a.stays = timer_end(w, job);
    if (a.asked != NULL && out.status == ORO_OK)
        timer_call(w, &a);
    else
        oro_buf_unref(a.asked);
    if (!a.stays)
        oro_last_runs_forget(&p->last_runs, f->table->id, f->key);
}
