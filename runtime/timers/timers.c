/* What is known of each row that is a timer is a struct oro_firing, on the scheduler's thread:
 *
 *     armed    number 0, and in the scheduler
 *     fired    a job is on its way or runs, and its record will have this number
 *
 * A record that changes the row takes a fired one back to armed, so that the run's record finds nothing to do: the change
 * itself has said when the row is due next. */
#include "runtime/timers/timers.h"

#include "runtime/base/clock.h"
#include "runtime/base/metric.h"

struct oro_timers {
    struct oro_timers_options opt;
    struct oro_scheduler *scheduler;
    struct oro_cursor *cursor;
    atomic_bool ready; /* `scheduler` is set */
    /* The scheduler thread's own. */
    bool rebuilt;
    struct oro_map timers;  /* by timer_key */
    struct oro_map firings; /* those that have fired, by number */
    uint32_t number;        /* of the last one */
    struct oro_metric *missed;
};

static struct oro_timer_key
timer_key(const struct oro_firing *f)
{
    return (struct oro_timer_key){f->table->id, f->key};
}

static struct oro_bytes
key_bytes(const struct oro_timer_key *key)
{
    return oro_bytes(key, sizeof(*key));
}

/* The run of it that may be on its way has nothing more to say. */
static void
firing_forget(struct oro_timers *ts, struct oro_firing *t)
{
    if (t->number != 0)
        oro_map_del_u64(&ts->firings, t->number);
    t->number = 0;
}

static void
arm_interval(struct oro_timers *ts, struct oro_firing *t, int64_t due_us)
{
    t->due_us = due_us;
    oro_scheduler_arm_mono(ts->scheduler, timer_key(t), due_us);
}

static struct oro_firing *
timer_put(struct oro_timers *ts, const struct oro_table_def *table, struct oro_bytes row)
{
    struct oro_timer_key key = {table->id, oro_schedule_key(table, row)};
    struct oro_firing *t = oro_map_get(&ts->timers, key_bytes(&key));
    if (t == NULL) {
        t = ORO_NEW(struct oro_firing);
        oro_map_put(&ts->timers, key_bytes(&key), t);
    }
    firing_forget(ts, t);
    *t = (struct oro_firing){.table = table, .key = key.b, .at = oro_schedule_at(table, row)};
    return t;
}

static struct oro_firing *
row_inserted(struct oro_timers *ts, const struct oro_table_def *table, struct oro_bytes row)
{
    struct oro_firing *t = timer_put(ts, table, row);
    if (t->at.interval)
        arm_interval(ts, t, oro_schedule_after(ts->opt.mono_us(), t->at.micros));
    else
        oro_scheduler_arm(ts->scheduler, timer_key(t), t->at.micros);
    return t;
}

static void
row_deleted(struct oro_timers *ts, const struct oro_table_def *table, struct oro_bytes row)
{
    struct oro_timer_key key = {table->id, oro_schedule_key(table, row)};
    struct oro_firing *t = oro_map_del(&ts->timers, key_bytes(&key));
    if (t == NULL)
        return;
    oro_scheduler_cancel(ts->scheduler, key);
    firing_forget(ts, t);
    oro_free(t);
}

/* The record of a run. One with a time is deleted by its run, or after it. */
static void
run_ended(struct oro_timers *ts, uint32_t number)
{
    struct oro_firing *t = oro_map_get_u64(&ts->firings, number);
    if (t == NULL)
        return;
    firing_forget(ts, t);
    if (!t->at.interval)
        return;
    const struct oro_schedule_def *d = oro_schema_schedule_of(ts->opt.schema, t->table);
    uint64_t missed;
    arm_interval(ts, t,
                 oro_schedule_next(d != NULL ? d->missed : ORO_MISSED_SKIP, t->due_us, t->at.micros,
                                   ts->opt.mono_us(), &missed));
    oro_metric_add(ts->missed, (int64_t)missed);
}

static void
record_look(struct oro_timers *ts, const struct oro_commit *rec)
{
    for (uint32_t i = 0; i < rec->nops; i++) {
        const struct oro_op *op = &rec->ops[i];
        if (op->kind == ORO_OP_SEQUENCE || op->table->schedule_at_col < 0)
            continue;
        if (op->kind == ORO_OP_INSERT)
            row_inserted(ts, op->table, oro_row_bytes(op->row));
        else
            row_deleted(ts, op->table, oro_row_bytes(op->row));
    }
    if (rec->origin.kind == ts->opt.run_kind && rec->origin.request_id != 0)
        run_ended(ts, rec->origin.request_id);
}

/* The rows that are there. The cursor is older than this reading: records that it holds already are looked at again, to the same
 * end. */
static void
rebuild(struct oro_timers *ts)
{
    const struct oro_schema *schema = ts->opt.schema;
    struct oro_session *se = oro_session_open(ts->opt.store);
    oro_read_begin(se);
    for (uint32_t i = 0; i < schema->ntables; i++) {
        const struct oro_table_def *table = &schema->tables[i];
        if (table->schedule_at_col < 0)
            continue;
        const struct oro_schedule_def *d = oro_schema_schedule_of(schema, table);
        struct oro_rows rows;
        oro_read_scan(se, table, &rows);
        for (size_t k = 0; k < rows.n; k++) {
            struct oro_firing *t = row_inserted(ts, table, rows.rows[k]);
            if (d != NULL && t->at.interval && d->delay_us >= 0)
                arm_interval(ts, t, oro_schedule_after(ts->opt.mono_us(), d->delay_us));
        }
    }
    oro_read_end(se);
    oro_session_close(se);
}

static void
feed(void *arg)
{
    struct oro_timers *ts = arg;
    const struct oro_commit *rec;
    if (!atomic_load(&ts->ready))
        return;
    if (!ts->rebuilt)
        rebuild(ts);
    ts->rebuilt = true;
    while ((rec = oro_cursor_next(ts->cursor)) != NULL)
        record_look(ts, rec);
}

static void
fire(void *arg, struct oro_timer_key key, int64_t due_us)
{
    struct oro_timers *ts = arg;
    struct oro_firing *t = oro_map_get(&ts->timers, key_bytes(&key));
    ORO_ASSERT(t != NULL && t->number == 0);
    (void)due_us;
    if (!t->at.interval) { /* the same moment on the other clock */
        int64_t late = ts->opt.wall_us() - t->at.micros, now = ts->opt.mono_us();
        t->due_us = late > 0 && late < now ? now - late : now;
    }
    do
        ts->number++;
    while (ts->number == 0 || oro_map_get_u64(&ts->firings, ts->number) != NULL);
    t->number = ts->number;
    oro_map_put_u64(&ts->firings, t->number, t);
    ts->opt.fire(ts->opt.arg, t);
}

static bool
has_timers(const struct oro_schema *schema)
{
    for (uint32_t i = 0; i < schema->ntables; i++)
        if (schema->tables[i].schedule_at_col >= 0)
            return true;
    return false;
}

oro_status
oro_timers_start(const struct oro_timers_options *opt, struct oro_timers **out, struct oro_err *err)
{
    *out = NULL;
    if (!has_timers(opt->schema))
        return ORO_OK;
    struct oro_timers *ts = ORO_NEW(struct oro_timers);
    ts->opt = *opt;
    if (ts->opt.wall_us == NULL)
        ts->opt.wall_us = oro_wall_us;
    if (ts->opt.mono_us == NULL)
        ts->opt.mono_us = oro_mono_us;
    ts->missed = oro_metric(ORO_METRIC_COUNTER, "orochi_timer_missed_total", "",
                            "Beats of repeating timers that were passed over.");
    ts->cursor = oro_cursor_open(opt->store);
    struct oro_scheduler_options so = {.fire = fire,
                                       .feed = feed,
                                       .arg = ts,
                                       .wall_us = ts->opt.wall_us,
                                       .mono_us = ts->opt.mono_us};
    oro_status st = oro_scheduler_start(&so, &ts->scheduler, err);
    if (st != ORO_OK) {
        oro_timers_stop(ts);
        return st;
    }
    atomic_store(&ts->ready, true);
    oro_scheduler_wake(ts->scheduler);
    *out = ts;
    return ORO_OK;
}

void
oro_timers_stop(struct oro_timers *ts)
{
    if (ts == NULL)
        return;
    oro_scheduler_stop(ts->scheduler);
    oro_cursor_close(ts->cursor);
    const struct oro_map_slot *slot;
    for (size_t i = 0; oro_map_next(&ts->timers, &i, &slot);)
        oro_free(slot->value);
    oro_map_fini(&ts->timers);
    oro_map_fini(&ts->firings);
    oro_free(ts);
}

void
oro_timers_wake(struct oro_timers *ts)
{
    if (ts != NULL)
        oro_scheduler_wake(ts->scheduler);
}
