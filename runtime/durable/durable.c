/* One open file: starting and stopping its threads, and what others may ask. Opening is in open.c, the threads in threads.c. */
#include "runtime/durable/durable.h"

#include "runtime/base/clock.h"
#include "runtime/base/metric.h"
#include "runtime/durable/durable_priv.h"

oro_status
oro_durable_start(struct oro_durable *d, struct oro_store *store, struct oro_err *err)
{
    ORO_ASSERT(!d->started);
    int pages, done;
    struct oro_err mine = {0};
    /* The schema, by which the log is read, is in the file itself then. */
    oro_status st = db_wal_checkpoint(d->tables, true, &pages, &done, &mine);
    if (st == ORO_OK)
        st = log_sqlite_begin(d->log, d->confirmed_path, d->mode == ORO_DURABLE_FULL, &mine);
    if (st == ORO_OK)
        st = meta_remember_all(d, &mine);
    if (st == ORO_OK)
        st = presence_begin(&d->presence, d->dir, d->name, d->locks.database, WAL_KEEP, &mine);
    if (st != ORO_OK) {
        oro_err_wrap(&mine, "%s", d->path);
        return damaged_advise(d->path, st, &mine, err);
    }
    ORO_ASSERT(d->logged == oro_txlog_end(d->log));
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

const char *
oro_durable_trouble(const struct oro_durable *d)
{
    return atomic_load(&d->gone) ? "a data file was removed" : oro_txlog_trouble(d->log);
}

void
oro_durable_look(struct oro_durable *d, int64_t now_us)
{
    oro_txlog_look(d->log, now_us);
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
        else if (all && !oro_txlog_is_broken(d->log))
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
    log_sqlite_limit(d->log, pages);
}

int64_t
oro_durable_test_longest_us(const struct oro_durable *d)
{
    return atomic_load(&d->log->longest_us);
}
