#include "runtime/timers/install.h"

#include "runtime/base/clock.h"
#include "runtime/store/tx.h"
#include "runtime/timers/schedule.h"

/* (scheduled_id: u64, scheduled_at: ScheduleAt) */
static struct oro_bytes
schedule_row(uint64_t id, struct oro_schedule_at at, uint8_t out[17])
{
    memcpy(out, &id, 8);
    out[8] = at.interval ? 0 : 1;
    memcpy(out + 9, &at.micros, 8);
    return oro_bytes(out, 17);
}

static bool
runs_once(const struct oro_schedule_def *d)
{
    return d->interval_us == 0 && d->cron == NULL;
}

/* The row says what the function does now. */
static bool
fits(const struct oro_schedule_def *d, struct oro_schedule_at is, struct oro_schedule_at want)
{
    if (d->interval_us > 0)
        return oro_schedule_at_eq(is, want);
    if (is.interval)
        return runs_once(d);
    if (d->cron !=
        NULL) /* a time to come may be one of another expression; one that was missed is made up for */
        return is.micros <= oro_wall_us();
    return is.micros <= want.micros; /* it waits longer only if the clock was set back since */
}

static oro_status
schedule_install(struct oro_tx *tx, const struct oro_schedule_def *d, const struct oro_table_def *t,
                 bool once_new, struct oro_err *err)
{
    uint8_t bytes[17];
    struct oro_rows rows;
    oro_tx_scan(tx, t, &rows);
    bool repeats = d->interval_us > 0;
    struct oro_schedule_at want = {.interval = repeats, .micros = d->interval_us};
    if (d->cron != NULL)
        want.micros = ORO_TIMER_UNPLANNED;
    else if (!repeats)
        want.micros = oro_wall_us() + d->delay_us;
    if (rows.n == 0) {
        if (runs_once(d) && !once_new)
            return ORO_OK; /* has run */
        return oro_tx_insert(tx, t, schedule_row(0, want, bytes), NULL, err);
    }
    struct oro_schedule_at is = oro_schedule_at(t, rows.rows[0]);
    if (fits(d, is, want))
        return ORO_OK;
    uint64_t key = oro_schedule_key(t, rows.rows[0]);
    return oro_tx_update(tx, t, &t->indexes[0], schedule_row(key, want, bytes), NULL, err);
}

static char *
mark_of(const struct oro_schedule_def *d)
{
    return oro_asprintf("scheduled %s", d->reducer);
}

void
oro_schedules_look(const struct oro_schema *schema, struct oro_durable *durable, bool **once_new)
{
    bool fresh = durable == NULL || oro_durable_needs_init(durable);
    bool *once = *once_new = ORO_NEW_ARRAY(bool, schema->nschedules + 1);
    for (uint32_t i = 0; i < schema->nschedules; i++) {
        const struct oro_schedule_def *d = &schema->schedules[i];
        if (!runs_once(d))
            continue;
        char *key = mark_of(d), *seen = durable != NULL ? oro_durable_meta_get(durable, key) : NULL;
        once[i] = fresh || seen == NULL;
        oro_free(seen);
        oro_free(key);
    }
}

oro_status
oro_schedules_note(const struct oro_schema *schema, struct oro_durable *durable,
                   const bool *once_new, struct oro_err *err)
{
    oro_status st = ORO_OK;
    for (uint32_t i = 0; st == ORO_OK && i < schema->nschedules; i++) {
        if (!once_new[i])
            continue;
        char *key = mark_of(&schema->schedules[i]);
        st = oro_durable_meta_note(durable, key, "once", err);
        oro_free(key);
    }
    return st;
}

bool
oro_schedules_any(const struct oro_schema *schema, const bool *once_new)
{
    for (uint32_t i = 0; i < schema->nschedules; i++)
        if (once_new[i])
            return true;
    return false;
}

void
oro_schedules_look_again(const struct oro_schema *schema, const struct oro_schema *old,
                         struct oro_durable *durable, bool **once_new)
{
    if (durable != NULL) {
        oro_schedules_look(schema, durable, once_new);
        return;
    }
    bool *once = *once_new = ORO_NEW_ARRAY(bool, schema->nschedules + 1);
    for (uint32_t i = 0; i < schema->nschedules; i++) {
        once[i] = runs_once(&schema->schedules[i]);
        for (uint32_t k = 0; k < old->nschedules; k++)
            if (runs_once(&old->schedules[k]) &&
                strcmp(old->schedules[k].reducer, schema->schedules[i].reducer) == 0)
                once[i] = false;
    }
}

oro_status
oro_schedules_install(const struct oro_schema *schema, struct oro_store *store,
                      const bool *once_new, uint8_t kind, struct oro_err *err)
{
    struct oro_session *se = oro_session_open(store);
    struct oro_tx *tx = oro_tx_begin(se, true);
    oro_status st = ORO_OK;
    for (uint32_t i = 0; i < schema->nschedules && st == ORO_OK; i++) {
        const struct oro_schedule_def *d = &schema->schedules[i];
        const struct oro_table_def *t = oro_schema_table(schema, oro_bytes_str(d->table));
        ORO_ASSERT(t != NULL);
        st = schedule_install(tx, d, t, once_new[i], err);
    }
    uint64_t seq;
    struct oro_origin origin = {.kind = kind, .reducer = UINT32_MAX, .timestamp_us = oro_wall_us()};
    if (st != ORO_OK)
        oro_tx_abort(tx);
    else
        st = oro_tx_commit(tx, &origin, &seq);
    oro_session_close(se);
    return st;
}
