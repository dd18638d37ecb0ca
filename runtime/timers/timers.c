/* What is known of each row that is a timer is a struct oro_firing, on the scheduler's thread:
 *
 *     armed    number 0, and in the scheduler
 *     fired    a job is on its way or runs, and its record will have this number
 *
 * A record that changes the row takes a fired one back to armed, so that the run's record finds nothing to do: the change
 * itself has said when the row is due next. */
#include "runtime/timers/timers.h"

#include "runtime/base/clock.h"
#include "runtime/base/mem.h"
#include "runtime/base/metric.h"
#include "runtime/timers/phase.h"

struct oro_timers {
    struct oro_timers_options opt;
    struct oro_scheduler *scheduler;
    atomic_bool ready;   /* `scheduler` is set */
    atomic_bool dormant; /* no scheduled table has rows: the records are not looked at */
    /* The scheduler thread's own. */
    struct oro_cursor *cursor;  /* NULL: dormant */
    bool slept;                 /* there were no rows at the start: all that come are new */
    struct oro_map timers;      /* by timer_key */
    struct oro_map firings;     /* those that have fired, by number */
    uint32_t number;            /* of the last one */
    struct oro_timer_key *gone; /* of the record that is looked at */
    size_t ngone, gone_cap;
    struct oro_phases phases;
    struct oro_metric *missed, *pending;
};

/* By "table/key": a reload may give tables other numbers. The values are struct oro_firing, without their tables. */
struct oro_timers_kept {
    struct oro_map timers;
};

static void
kept_free(struct oro_timers_kept *kept)
{
    const struct oro_map_slot *slot;
    for (size_t i = 0; kept != NULL && oro_map_next(&kept->timers, &i, &slot);)
        oro_free(slot->value);
    if (kept != NULL)
        oro_map_fini(&kept->timers);
    oro_free(kept);
}

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

/* After the scheduler has ended only what it would be armed for counts (oro_timers_stop_keeping). */
static void
arm_mono(struct oro_timers *ts, struct oro_firing *t, int64_t due_us)
{
    t->due_us = due_us;
    if (ts->scheduler != NULL)
        oro_scheduler_arm_mono(ts->scheduler, timer_key(t), due_us);
}

/* Made with after=: once armed it does not follow the wall clock. */
static bool
is_steady(const struct oro_table_def *table, struct oro_bytes row)
{
    struct oro_scheduled_call c = {0};
    if (table->id == ORO_ST_SCHEDULED_CALL)
        oro_scheduled_call_read(row, &c);
    return c.steady;
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
    *t = (struct oro_firing){.table = table,
                             .key = key.b,
                             .at = oro_schedule_at(table, row),
                             .steady = is_steady(table, row)};
    return t;
}

/* The point on the other clock that a time is, as of now. */
static int64_t
shifted(int64_t us, int64_t from_now, int64_t to_now)
{
    __int128 at = (__int128)us - from_now + to_now;
    return at > INT64_MAX ? INT64_MAX : at < INT64_MIN ? INT64_MIN : (int64_t)at;
}

static int64_t
mono_of(const struct oro_timers *ts, int64_t wall_us)
{
    return shifted(wall_us, ts->opt.wall_us(), ts->opt.mono_us());
}

/* Whether the beats of the table's rows go on after a start. */
static bool
has_phase(const struct oro_schedule_def *d)
{
    return d == NULL || (!d->is_volatile && d->missed != ORO_MISSED_DELAY);
}

static struct oro_grid
grid_of(const struct oro_firing *t, const struct oro_schedule_def *d)
{
    return (struct oro_grid){
        .first_us = t->first_us, .interval_us = t->at.micros, .hz = d != NULL ? d->hz : 0};
}

/* The first beat, from which the others are counted. At a start, those that have passed are passed over; a row that comes with a
 * first beat of its own has it at once if that has passed. */
static void
arm_beats(struct oro_timers *ts, struct oro_firing *t, bool at_start)
{
    const struct oro_schedule_def *d = oro_schema_schedule_of(ts->opt.schema, t->table);
    int64_t now = ts->opt.mono_us(), beat;
    if (has_phase(d) && oro_phases_get(&ts->phases, t->table, t->key, t->at.micros, &beat)) {
        uint64_t missed;
        t->first_us = mono_of(ts, beat);
        struct oro_grid grid = grid_of(t, d);
        arm_mono(ts, t,
                 at_start && t->first_us <= now
                     ? oro_schedule_next(ORO_MISSED_SKIP, &grid, t->first_us, now, &missed)
                     : t->first_us);
        return;
    }
    bool delayed = at_start && d != NULL && d->delay_us >= 0;
    t->first_us = oro_schedule_after(now, delayed ? d->delay_us : t->at.micros);
    arm_mono(ts, t, t->first_us);
    if (has_phase(d))
        oro_phases_set(&ts->phases, t->table, t->key, t->at.micros,
                       shifted(t->first_us, now, ts->opt.wall_us()));
}

static void
arm_row(struct oro_timers *ts, struct oro_firing *t, bool at_start)
{
    if (t->at.interval) {
        arm_beats(ts, t, at_start);
        return;
    }
    oro_phases_drop(&ts->phases, t->table, t->key); /* of an interval that it was */
    if (t->steady)
        arm_mono(ts, t, mono_of(ts, t->at.micros));
    else if (ts->scheduler != NULL)
        oro_scheduler_arm(ts->scheduler, timer_key(t), t->at.micros);
}

/* An interval that stays what it was keeps its beats, and the run that may be on its way. */
static void
row_inserted(struct oro_timers *ts, const struct oro_table_def *table, struct oro_bytes row)
{
    struct oro_timer_key key = {table->id, oro_schedule_key(table, row)};
    struct oro_firing *t = oro_map_get(&ts->timers, key_bytes(&key));
    if (t != NULL && t->gone && t->at.interval &&
        oro_schedule_at_eq(t->at, oro_schedule_at(table, row)))
        t->gone = false;
    else
        arm_row(ts, timer_put(ts, table, row), false);
}

static void
row_deleted(struct oro_timers *ts, const struct oro_table_def *table, struct oro_bytes row)
{
    struct oro_timer_key key = {table->id, oro_schedule_key(table, row)};
    struct oro_firing *t = oro_map_get(&ts->timers, key_bytes(&key));
    if (t == NULL)
        return;
    t->gone = true;
    ts->gone = oro_grow(ts->gone, ts->ngone, &ts->gone_cap, sizeof(*ts->gone));
    ts->gone[ts->ngone++] = key;
}

/* Those of the record that did not come again. */
static void
rows_forget(struct oro_timers *ts)
{
    for (size_t i = 0; i < ts->ngone; i++) {
        struct oro_firing *t = oro_map_get(&ts->timers, key_bytes(&ts->gone[i]));
        if (t == NULL || !t->gone)
            continue;
        oro_map_del(&ts->timers, key_bytes(&ts->gone[i]));
        if (ts->scheduler != NULL)
            oro_scheduler_cancel(ts->scheduler, ts->gone[i]);
        if (t->at.interval)
            oro_phases_drop(&ts->phases, t->table, t->key);
        firing_forget(ts, t);
        oro_free(t);
    }
    ts->ngone = 0;
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
    struct oro_grid grid = grid_of(t, d);
    arm_mono(ts, t,
             oro_schedule_next(d != NULL ? d->missed : ORO_MISSED_SKIP, &grid, t->due_us,
                               ts->opt.mono_us(), &missed));
    oro_metric_add(ts->missed, (int64_t)missed);
}

/* First what rows of the same record begin with. Our own have no function. */
static void
phases_look(struct oro_timers *ts, const struct oro_commit *rec)
{
    for (uint32_t i = 0; rec->origin.reducer != UINT32_MAX && i < rec->nops; i++)
        if (rec->ops[i].kind == ORO_OP_INSERT && rec->ops[i].table == ts->phases.table)
            oro_phases_told(&ts->phases, oro_row_bytes(rec->ops[i].row));
}

static void
record_look(struct oro_timers *ts, const struct oro_commit *rec)
{
    bool any = false;
    for (uint32_t i = 0; i < rec->nops; i++) {
        const struct oro_op *op = &rec->ops[i];
        if (op->kind == ORO_OP_SEQUENCE || op->table->schedule_at_col < 0)
            continue;
        if (!any)
            phases_look(ts, rec);
        any = true;
        if (op->kind == ORO_OP_INSERT)
            row_inserted(ts, op->table, oro_row_bytes(op->row));
        else
            row_deleted(ts, op->table, oro_row_bytes(op->row));
    }
    rows_forget(ts);
    if (rec->origin.kind == ts->opt.run_kind && rec->origin.request_id != 0)
        run_ended(ts, rec->origin.request_id);
}

/* As it was before the reload; false: it was not there, or is something else now. */
static bool
arm_kept(struct oro_timers *ts, struct oro_firing *t)
{
    if (ts->opt.kept == NULL || (!t->at.interval && !t->steady))
        return false;
    struct oro_bb name = {0};
    struct oro_phase read;
    int64_t beat;
    oro_phase_write(t->table->name, t->key, 0, 0, &name);
    oro_phase_read(oro_bb_bytes(&name), &read);
    const struct oro_firing *was = oro_map_get(&ts->opt.kept->timers, read.row);
    oro_bb_fini(&name);
    if (was == NULL || !oro_schedule_at_eq(was->at, t->at) || was->steady != t->steady)
        return false;
    t->first_us = was->first_us;
    arm_mono(ts, t, was->due_us);
    (void)oro_phases_get(&ts->phases, t->table, t->key, t->at.micros,
                         &beat); /* it is still of use */
    return true;
}

/* The rows that are there. The cursor is older than this reading: records that it holds already are looked at again, to the same
 * end. */
static void
rebuild(struct oro_timers *ts, bool at_start)
{
    const struct oro_schema *schema = ts->opt.schema;
    struct oro_session *se = oro_session_open(ts->opt.store);
    oro_read_begin(se);
    oro_phases_load(&ts->phases, se);
    for (uint32_t i = 0; i < schema->ntables; i++) {
        const struct oro_table_def *table = &schema->tables[i];
        struct oro_rows rows = {0};
        if (table->schedule_at_col >= 0)
            oro_read_scan(se, table, &rows);
        for (size_t k = 0; k < rows.n; k++) {
            struct oro_firing *t = timer_put(ts, table, rows.rows[k]);
            if (!arm_kept(ts, t))
                arm_row(ts, t, at_start);
        }
    }
    oro_read_end(se);
    oro_session_close(se);
    oro_phases_sweep(&ts->phases);
    kept_free(ts->opt.kept);
    ts->opt.kept = NULL;
}

/* A cursor costs every record a look: it is opened when there is something to look for. */
static bool
any_rows(const struct oro_timers *ts)
{
    const struct oro_schema *schema = ts->opt.schema;
    for (uint32_t i = 0; i < schema->ntables; i++)
        if (schema->tables[i].schedule_at_col >= 0 &&
            oro_store_row_count(ts->opt.store, &schema->tables[i]) > 0)
            return true;
    return false;
}

static void
feed(void *arg)
{
    struct oro_timers *ts = arg;
    const struct oro_commit *rec;
    if (!atomic_load(&ts->ready))
        return;
    if (ts->cursor == NULL && !any_rows(ts)) {
        ts->slept = true;
        return;
    }
    if (ts->cursor == NULL) {
        atomic_store(&ts->dormant, false);
        ts->cursor = oro_cursor_open(ts->opt.store);
        rebuild(ts, !ts->slept);
    }
    while ((rec = oro_cursor_next(ts->cursor)) != NULL)
        record_look(ts, rec);
    oro_metric_set(ts->pending, (int64_t)oro_map_len(&ts->timers));
    if (!oro_phases_write(&ts->phases))
        return;
    if (ts->opt.written != NULL)
        ts->opt.written(ts->opt.arg);
    oro_scheduler_wake(ts->scheduler); /* there may be more, and our own record */
}

static void
fire(void *arg, struct oro_timer_key key, int64_t due_us)
{
    struct oro_timers *ts = arg;
    struct oro_firing *t = oro_map_get(&ts->timers, key_bytes(&key));
    ORO_ASSERT(t != NULL && t->number == 0);
    (void)due_us;
    if (!t->at.interval && !t->steady) { /* the same moment on the other clock */
        int64_t late, now = ts->opt.mono_us();
        bool far = __builtin_sub_overflow(ts->opt.wall_us(), t->at.micros, &late);
        t->due_us = !far && late > 0 && late < now ? now - late : now;
    }
    do
        ts->number++;
    while (ts->number == 0 || oro_map_get_u64(&ts->firings, ts->number) != NULL);
    t->number = ts->number;
    oro_map_put_u64(&ts->firings, t->number, t);
    ts->opt.fire(ts->opt.arg, t);
}

oro_status
oro_timers_start(const struct oro_timers_options *opt, struct oro_timers **out, struct oro_err *err)
{
    *out = NULL;
    struct oro_timers *ts = ORO_NEW(struct oro_timers);
    ts->opt = *opt;
    atomic_init(&ts->dormant, true);
    if (ts->opt.wall_us == NULL)
        ts->opt.wall_us = oro_wall_us;
    if (ts->opt.mono_us == NULL)
        ts->opt.mono_us = oro_mono_us;
    oro_phases_init(&ts->phases, opt->schema, opt->store, opt->note_kind);
    ts->pending = oro_metric(ORO_METRIC_GAUGE, "orochi_timers_pending", "",
                             "Rows of scheduled tables that wait for their time, or run.");
    oro_metric_set(ts->pending, 0);
    ts->missed = oro_metric(ORO_METRIC_COUNTER, "orochi_timer_missed_total", "",
                            "Beats of repeating timers that were passed over.");
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

static void
scheduler_end(struct oro_timers *ts)
{
    oro_scheduler_stop(ts->scheduler);
    ts->scheduler = NULL;
}

void
oro_timers_stop(struct oro_timers *ts)
{
    if (ts == NULL)
        return;
    scheduler_end(ts);
    if (ts->cursor != NULL)
        oro_cursor_close(ts->cursor);
    const struct oro_map_slot *slot;
    for (size_t i = 0; oro_map_next(&ts->timers, &i, &slot);)
        oro_free(slot->value);
    oro_map_fini(&ts->timers);
    oro_map_fini(&ts->firings);
    oro_phases_fini(&ts->phases);
    kept_free(ts->opt.kept);
    oro_free(ts->gone);
    oro_free(ts);
}

/* One whose run was dropped on its way is due as it was. */
static void
keep(struct oro_timers_kept *kept, const struct oro_firing *t)
{
    struct oro_bb name = {0};
    struct oro_phase read;
    struct oro_firing *copy = ORO_NEW(struct oro_firing);
    *copy = *t;
    copy->table = NULL;
    oro_phase_write(t->table->name, t->key, 0, 0, &name);
    oro_phase_read(oro_bb_bytes(&name), &read);
    oro_map_put(&kept->timers, read.row, copy);
    oro_bb_fini(&name);
}

struct oro_timers_kept *
oro_timers_stop_keeping(struct oro_timers *ts)
{
    struct oro_timers_kept *kept = ORO_NEW(struct oro_timers_kept);
    const struct oro_commit *rec;
    const struct oro_map_slot *slot;
    if (ts == NULL)
        return kept;
    scheduler_end(ts);
    if (ts->cursor != NULL)
        oro_cursor_give(ts->cursor);
    while (ts->cursor != NULL && (rec = oro_cursor_next(ts->cursor)) != NULL)
        record_look(ts, rec);
    for (size_t i = 0; oro_map_next(&ts->timers, &i, &slot);) {
        const struct oro_firing *t = slot->value;
        if (t->at.interval || t->steady)
            keep(kept, t);
    }
    oro_timers_stop(ts);
    return kept;
}

void
oro_timers_hold(struct oro_timers *ts, bool held)
{
    if (ts == NULL)
        return;
    oro_phases_hold(&ts->phases, held);
    if (!held)
        oro_scheduler_wake(ts->scheduler);
}

void
oro_timers_wake(struct oro_timers *ts)
{
    if (ts != NULL)
        oro_scheduler_wake(ts->scheduler);
}

void
oro_timers_look(struct oro_timers *ts)
{
    if (ts != NULL && !atomic_load(&ts->dormant))
        oro_scheduler_wake(ts->scheduler);
}
