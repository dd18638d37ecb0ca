/* One open file: starting and stopping its threads, and what others may ask. Opening is in open.c, the threads in threads.c. */
#include "runtime/durable/durable.h"

#include "runtime/base/clock.h"
#include "runtime/base/metric.h"
#include "runtime/durable/durable_priv.h"

static oro_status
confirmed_begin(struct oro_durable *d, struct oro_err *err)
{
    d->confirmed = confirmed_now(d->log_id, d->mode == ORO_DURABLE_FULL, d->end);
    return confirmed_make(d->confirmed_path, &d->confirmed, &d->confirmed_fd, err);
}

oro_status
oro_durable_start(struct oro_durable *d, struct oro_store *store, struct oro_err *err)
{
    ORO_ASSERT(!d->started);
    int pages, done;
    oro_status st =
        db_prepare(d->log, "INSERT INTO _orochi_log VALUES (?, ?, ?, ?)", &d->append, err);
    if (st == ORO_OK) /* the schema, by which the log is read, is in the file itself then */
        st = db_wal_checkpoint(d->tables, true, &pages, &done, err);
    if (st == ORO_OK)
        st = confirmed_begin(d, err);
    if (st == ORO_OK)
        st = presence_begin(&d->presence, d->dir, d->name, d->locks.database, WAL_KEEP, err);
    if (st != ORO_OK)
        return st;
    d->store = store;
    d->cursor = oro_cursor_open(store);
    d->batch_seq = d->cut_seq = oro_cursor_seq(d->cursor);
    d->reader = oro_session_open(store);
    d->recovered = d->logged;
    d->rows = ORO_NEW_ARRAY(uint64_t, d->schema->ntables + 1);
    d->cut_rows = ORO_NEW_ARRAY(uint64_t, d->schema->ntables + 1);
    for (uint32_t i = 0; i < d->schema->ntables; i++)
        d->rows[i] = oro_store_row_count(store, &d->schema->tables[i]);
    atomic_store(&d->durable, d->batch_seq);
    atomic_store(&d->durable_bytes, oro_store_written(store));
    atomic_store(&d->logged_now, d->logged);
    st = oro_thread_start(&d->log_thread, ORO_THREAD_LOG, "log", 1 << 20, durable_log_main, d, err);
    if (st != ORO_OK)
        goto fail;
    st = oro_thread_start(&d->checkpoint_thread, ORO_THREAD_OTHER, "checkpoint", 1 << 20,
                          durable_checkpoint_main, d, err);
    if (st != ORO_OK) {
        atomic_store(&d->stopping, true);
        oro_wake_broadcast(&d->log_wake);
        oro_thread_join(d->log_thread);
        atomic_store(&d->stopping, false);
        goto fail;
    }
    d->started = d->was_started = true;
    oro_metric_on_read(pressure_gauges, d);
    return ORO_OK;

fail:
    oro_session_close(d->reader);
    oro_cursor_close(d->cursor);
    d->reader = NULL;
    d->cursor = NULL;
    return st;
}

void
oro_durable_wake(struct oro_durable *d)
{
    oro_wake_signal(&d->log_wake);
}

uint64_t
oro_durable_seq(const struct oro_durable *d)
{
    return atomic_load_explicit(&d->durable, memory_order_acquire);
}

const char *
oro_durable_trouble(const struct oro_durable *d)
{
    return atomic_load(&d->trouble);
}

bool
oro_durable_stop(struct oro_durable *d)
{
    bool all = true;
    if (d == NULL)
        return all;
    if (d->started) {
        oro_metric_off_read(pressure_gauges, d);
        atomic_store(&d->stopping, true);
        oro_wake_broadcast(&d->log_wake);
        oro_wake_broadcast(&d->stop_wake);
        oro_wake_broadcast(&d->checkpoint_wake);
        oro_thread_join(d->log_thread);
        oro_thread_join(d->checkpoint_thread);
        all = !d->gave_up && !atomic_load(&d->gone);
        if (atomic_load(&d->gone))
            durable_rescue(d);
        else if (all && !atomic_load(&d->broken))
            durable_last_checkpoint(d);
        if (atomic_load(&d->cut) == CUT_PINNED || atomic_load(&d->cut) == CUT_MADE)
            oro_read_end(d->reader);
        oro_session_close(d->reader);
        oro_cursor_close(d->cursor);
    }
    durable_free(d);
    return all;
}

void
oro_durable_checkpoint(struct oro_durable *d, int64_t patience_us)
{
    int64_t end = oro_mono_us() + patience_us;
    atomic_store(&d->asked, true);
    oro_wake_signal(&d->checkpoint_wake);
    for (;;) {
        unsigned seen = oro_wake_prepare(&d->asked_wake);
        int64_t left = end - oro_mono_us();
        if (!atomic_load(&d->asked) || left <= 0)
            return;
        oro_wake_wait(&d->asked_wake, seen, (long)left);
    }
}

/* ---- for tests ---- */

void
oro_durable_test_limit(struct oro_durable *d, unsigned pages)
{
    turn_take(&d->turn, false);
    oro_status st =
        db_execf(d->log, NULL, "PRAGMA max_page_count = %u", pages != 0 ? pages : 0xfffffffe);
    turn_give(&d->turn);
    ORO_ASSERT(st == ORO_OK);
}

int64_t
oro_durable_test_longest_us(const struct oro_durable *d)
{
    return d->checkpoint.longest_us;
}
