/* Timers are rows of scheduled tables: armed when a row is committed, re-armed when it changes, cancelled when it goes
 * (spec/semantics.md 5). This file feeds the scheduler from the commit ring and turns what is due into jobs. */
#include "runtime/base/clock.h"
#include "runtime/server/server_priv.h"
#include "runtime/store/tx.h"

struct timer_row {
    uint64_t key;
    bool interval;
    int64_t micros;
};

static struct timer_row
timer_row(const struct oro_table_def *t, struct oro_bytes row)
{
    struct timer_row r;
    const uint8_t *at =
        row.data + oro_table_column_offset(t, (unsigned)t->schedule_at_col, row.data);
    memcpy(&r.key, row.data + oro_table_column_offset(t, (unsigned)t->pk, row.data), 8);
    r.interval = at[0] == 0;
    memcpy(&r.micros, at + 1, 8);
    return r;
}

static void
arm(struct oro_server *s, const struct oro_table_def *t, struct oro_bytes row, int64_t since)
{
    struct timer_row r = timer_row(t, row);
    int64_t now = oro_wall_us();
    int64_t from = since > now ? since : now, due = r.micros;
    /* A negative interval counts as its absolute value (S-4); one beyond the end of time never comes. */
    if (r.interval && (r.micros < 0 ? __builtin_sub_overflow(from, r.micros, &due)
                                    : __builtin_add_overflow(from, r.micros, &due)))
        due = INT64_MAX;
    oro_scheduler_arm(s->scheduler, (struct oro_timer_key){t->id, r.key}, due);
}

static void
feed(void *arg)
{
    struct oro_server *s = arg;
    const struct oro_commit *rec;
    while ((rec = oro_cursor_next(s->timer_cursor)) != NULL) {
        for (uint32_t i = 0; i < rec->nops; i++) {
            const struct oro_op *op = &rec->ops[i];
            if (op->kind == ORO_OP_SEQUENCE || op->table->schedule_at_col < 0)
                continue;
            struct oro_bytes row = oro_row_bytes(op->row);
            if (op->kind == ORO_OP_INSERT)
                arm(s, op->table, row, rec->origin.timestamp_us);
            else
                oro_scheduler_cancel(
                    s->scheduler,
                    (struct oro_timer_key){op->table->id, timer_row(op->table, row).key});
        }
    }
}

static void
fire(void *arg, struct oro_timer_key key, int64_t due_us)
{
    struct oro_server *s = arg;
    if (atomic_load(&s->quiet))
        return;
    const struct oro_table_def *t = oro_schema_table_by_id(s->schema, (oro_table_id)key.a);
    ORO_ASSERT(t != NULL);
    struct oro_job *job = oro_job_new(ORO_JOB_TIMER, NULL, 0);
    job->table = t;
    job->key = key.b;
    job->due_us = due_us;
    oro_pool_post(s->pool, NULL, job, true);
}

void
oro_timers_done(struct oro_server *s, const struct oro_table_def *t, uint64_t key, int64_t due_us)
{
    if (due_us != INT64_MIN)
        oro_scheduler_arm(s->scheduler, (struct oro_timer_key){t->id, key}, due_us);
}

/* ---- the rows of @scheduled functions ---- */

/* (scheduled_id: u64, scheduled_at: ScheduleAt) */
static struct oro_bytes
schedule_row(uint64_t id, bool interval, int64_t micros, uint8_t out[17])
{
    memcpy(out, &id, 8);
    out[8] = interval ? 0 : 1;
    memcpy(out + 9, &micros, 8);
    return oro_bytes(out, 17);
}

static oro_status
schedule_install(struct oro_tx *tx, const struct oro_schedule_def *d, const struct oro_table_def *t,
                 struct oro_err *err)
{
    uint8_t bytes[17];
    struct oro_rows rows;
    oro_tx_scan(tx, t, &rows);
    bool repeats = d->interval_us > 0;
    if (rows.n == 0 && !repeats)
        return oro_tx_insert(tx, t, schedule_row(0, false, oro_wall_us() + d->delay_us, bytes),
                             NULL, err);
    if (rows.n == 0)
        return oro_tx_insert(tx, t, schedule_row(0, true, d->interval_us, bytes), NULL, err);
    struct timer_row r = timer_row(t, rows.rows[0]);
    if (!repeats || (r.interval && r.micros == d->interval_us))
        return ORO_OK;
    return oro_tx_update(tx, t, &t->indexes[0], schedule_row(r.key, true, d->interval_us, bytes),
                         NULL, err);
}

/* The row of a one-shot function goes when it has run: the data remembers that it was there once. */
oro_status
oro_timers_look(struct oro_server *s, struct oro_err *err)
{
    bool fresh = s->durable == NULL || oro_durable_needs_init(s->durable);
    oro_status st = ORO_OK;
    s->once_new = ORO_NEW_ARRAY(bool, s->schema->nschedules + 1);
    for (uint32_t i = 0; i < s->schema->nschedules && st == ORO_OK; i++) {
        const struct oro_schedule_def *d = &s->schema->schedules[i];
        if (d->interval_us > 0)
            continue;
        s->once_new[i] = fresh;
        if (s->durable == NULL)
            continue;
        char *key = oro_asprintf("scheduled %s", d->reducer),
             *seen = oro_durable_meta_get(s->durable, key);
        if (seen == NULL) {
            s->once_new[i] = true;
            st = oro_durable_meta_set(s->durable, key, "once", err);
        }
        oro_free(seen);
        oro_free(key);
    }
    return st;
}

oro_status
oro_timers_look_again(struct oro_server *s, const struct oro_schema *old, struct oro_err *err)
{
    oro_status st = ORO_OK;
    oro_free(s->once_new);
    if (s->durable != NULL)
        return oro_timers_look(s, err);
    s->once_new = ORO_NEW_ARRAY(bool, s->schema->nschedules + 1);
    for (uint32_t i = 0; i < s->schema->nschedules; i++) {
        s->once_new[i] = true;
        for (uint32_t k = 0; k < old->nschedules; k++)
            if (old->schedules[k].interval_us == 0 &&
                strcmp(old->schedules[k].reducer, s->schema->schedules[i].reducer) == 0)
                s->once_new[i] = false;
    }
    return st;
}

/* Each @scheduled function has one row in its private table; a changed interval updates it. */
oro_status
oro_timers_install(struct oro_server *s, struct oro_err *err)
{
    struct oro_session *se = oro_session_open(s->store);
    struct oro_tx *tx = oro_tx_begin(se, true);
    oro_status st = ORO_OK;
    for (uint32_t i = 0; i < s->schema->nschedules && st == ORO_OK; i++) {
        const struct oro_schedule_def *d = &s->schema->schedules[i];
        const struct oro_table_def *t = oro_schema_table(s->schema, oro_bytes_str(d->table));
        ORO_ASSERT(t != NULL);
        if (d->interval_us > 0 || s->once_new[i])
            st = schedule_install(tx, d, t, err);
    }
    uint64_t seq;
    struct oro_origin origin = {
        .kind = ORO_ORIGIN_INTERNAL, .reducer = UINT32_MAX, .timestamp_us = oro_wall_us()};
    if (st != ORO_OK)
        oro_tx_abort(tx);
    else
        st = oro_tx_commit(tx, &origin, &seq);
    oro_session_close(se);
    return st;
}

/* From the tables: times in the past fire at once, intervals start anew (S-30). */
static void
timers_rebuild(struct oro_server *s)
{
    struct oro_session *se = oro_session_open(s->store);
    oro_read_begin(se);
    for (uint32_t i = 0; i < s->schema->ntables; i++) {
        const struct oro_table_def *t = &s->schema->tables[i];
        if (t->schedule_at_col < 0)
            continue;
        const struct oro_schedule_def *d = oro_schema_schedule_of(s->schema, t);
        struct oro_rows rows;
        oro_read_scan(se, t, &rows);
        for (size_t k = 0; k < rows.n; k++) {
            struct timer_row r = timer_row(t, rows.rows[k]);
            int64_t now = oro_wall_us();
            if (d != NULL && r.interval && d->delay_us >= 0)
                oro_scheduler_arm(s->scheduler, (struct oro_timer_key){t->id, r.key},
                                  now + d->delay_us);
            else
                arm(s, t, rows.rows[k], now);
        }
    }
    oro_read_end(se);
    oro_session_close(se);
}

oro_status
oro_timers_start(struct oro_server *s, struct oro_err *err)
{
    bool any = false;
    for (uint32_t i = 0; i < s->schema->ntables; i++)
        any = any || s->schema->tables[i].schedule_at_col >= 0;
    if (!any)
        return ORO_OK; /* a cursor that nothing moves would keep every record */
    s->timer_cursor = oro_cursor_open(s->store);
    struct oro_scheduler_options opt = {.fire = fire, .feed = feed, .arg = s};
    oro_status st = oro_scheduler_start(&opt, &s->scheduler, err);
    if (st != ORO_OK) {
        oro_cursor_close(s->timer_cursor);
        s->timer_cursor = NULL;
        return st;
    }
    timers_rebuild(s);
    return ORO_OK;
}

void
oro_timers_stop(struct oro_server *s)
{
    if (s->scheduler == NULL)
        return;
    oro_scheduler_stop(s->scheduler);
    s->scheduler = NULL;
    oro_cursor_close(s->timer_cursor);
    s->timer_cursor = NULL;
}
