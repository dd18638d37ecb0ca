/* runtime/exec/writers/timer_job.c - a timer's turn: its reducer, and what becomes of its row (runtime/timers/run.h). */
#include "runtime/exec/writers/attempt.h"
#include "runtime/timers/run.h"

static oro_status
row_begin(struct attempt *a, struct oro_err *err)
{
    (void)err;
    oro_status st = oro_timer_run_begin(a->w->tx, &a->job->timer, &a->row);
    if (st == ORO_OK)
        a->call.args = a->row;
    return st;
}

static oro_status
row_end(struct attempt *a, struct oro_err *err)
{
    (void)err;
    return oro_timer_run_end(a->w->tx, &a->job->timer, a->row, &a->stays);
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
    struct oro_origin origin = origin_of(&rest, ORO_ORIGIN_TIMER, 0);
    attempt_run(&rest, &origin);
    w->scheduled_dirty = true;
    return rest.stays;
}

/* Its record tells timers.c that it is over. */
void
run_timer(struct worker *w, const struct oro_job *job)
{
    ORO_ASSERT_OWNER(&w->owner);
    ORO_ASSERT(job->kind == ORO_JOB_TIMER);
    struct oro_pool *p = w->pool;
    const struct oro_firing *f = &job->timer;
    const struct oro_reducer_def *r =
        oro_schema_reducer(p->schema, oro_bytes_str(f->table->schedule_fn));
    ORO_ASSERT(r != NULL);
    struct attempt a = attempt_new(w, job, r, (struct oro_bytes){0});
    a.before = row_begin;
    a.after = row_end;
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
    if (!a.stays)
        oro_last_runs_forget(&p->last_runs, f->table->id, f->key);
}
