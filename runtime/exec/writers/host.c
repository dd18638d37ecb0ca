/* struct oro_host_ops over the transaction of the running call. */
#include "bridge/bsatn/scheduled_call.h"
#include "runtime/exec/writers/procedure_priv.h"

static struct oro_tx *
tx_of(void *host)
{
    ORO_ASSERT_OWNER(&((struct worker *)host)->owner);
    ORO_ASSERT_DEBUG(((struct worker *)host)->tx != NULL);
    return ((struct worker *)host)->tx;
}

static void
touch(void *host, const struct oro_table_def *t)
{
    ORO_ASSERT_OWNER(&((struct worker *)host)->owner);
    if (t->schedule_at_col >= 0)
        ((struct worker *)host)->scheduled_dirty = true;
}

/* What the call holds here counts as Python objects do. */
static bool
room(void *host, uint64_t more)
{
    struct worker *w = host;
    if (oro_memory_low()) {
        oro_log_limited(ORO_LOG_ERROR, "worker",
                        "there is no memory left: reducers write nothing, and large messages are "
                        "refused, until there is some. Give the server more, or have it keep less");
        return false;
    }
    return oro_py_memory_room(oro_tx_memory(w->tx) + w->log_text.cap, more);
}

/* For one row more or less in the write set. */
static bool
room_for(void *host, size_t len)
{
    return room(host, len + ORO_TX_WRITE_BYTES);
}

/* Views only read, and what they read is remembered: by places, so that a whole table would be every change of it. */
static bool
only_reads(void *host)
{
    return ORO_UNLIKELY(((struct worker *)host)->in_view);
}

/* Each leaves a note of some bytes in the transaction: looked at now and then. */
#define FINDS 1024

static oro_status
host_find(void *host, const struct oro_table_def *t, const struct oro_index_def *ix,
          struct oro_bytes key, struct oro_bytes *row)
{
    if (ORO_UNLIKELY(((struct worker *)host)->finds++ % FINDS == 0) && !room(host, 0))
        return ORO_ENOMEM;
    return oro_tx_find(tx_of(host), t, ix, key, row);
}

static oro_status
host_scan(void *host, const struct oro_table_def *t, struct oro_py_rows *out)
{
    struct oro_rows rows;
    if (only_reads(host))
        return ORO_EINVAL;
    if (!room(host, oro_store_row_count(((struct worker *)host)->pool->store, t) *
                        sizeof(struct oro_bytes)))
        return ORO_ENOMEM;
    oro_tx_scan(tx_of(host), t, &rows);
    *out = (struct oro_py_rows){rows.rows, rows.n};
    return ORO_OK;
}

static oro_status
host_range(void *host, const struct oro_table_def *t, const struct oro_index_def *ix,
           const struct oro_py_range *range, struct oro_py_rows *out)
{
    struct oro_range r = {range->prefix,  range->nprefix, range->has_lo, range->has_hi,
                          range->lo_open, range->hi_open, range->lo,     range->hi,
                          range->reverse, range->limit};
    struct oro_rows rows;
    oro_status st = oro_tx_range(tx_of(host), t, ix, &r, &rows);
    if (st == ORO_OK && !room(host, 0)) /* how many there are is known only now */
        st = ORO_ENOMEM;
    if (st == ORO_OK)
        *out = (struct oro_py_rows){rows.rows, rows.n};
    return st;
}

static uint64_t
host_count(void *host, const struct oro_table_def *t)
{
    return oro_tx_count(tx_of(host), t);
}

static oro_status
may_put(void *host, const struct oro_table_def *t, struct oro_bytes row, struct oro_err *err)
{
    if (only_reads(host))
        return ORO_EREFUSED;
    if (!room_for(host, row.len))
        return ORO_ENOMEM;
    oro_status st = oro_schedule_check(t, row, err);
    if (ORO_LIKELY(st == ORO_OK))
        touch(host, t);
    return st;
}

static oro_status
may_delete(void *host, const struct oro_table_def *t)
{
    if (only_reads(host))
        return ORO_EREFUSED;
    if (!room_for(host, 0))
        return ORO_ENOMEM;
    touch(host, t);
    return ORO_OK;
}

static oro_status
host_insert(void *host, const struct oro_table_def *t, struct oro_bytes row,
            struct oro_bytes *stored, struct oro_err *err)
{
    oro_status st = may_put(host, t, row, err);
    return ORO_UNLIKELY(st != ORO_OK) ? st : oro_tx_insert(tx_of(host), t, row, stored, err);
}

static oro_status
host_update(void *host, const struct oro_table_def *t, const struct oro_index_def *ix,
            struct oro_bytes row, struct oro_bytes *stored, struct oro_err *err)
{
    oro_status st = may_put(host, t, row, err);
    return ORO_UNLIKELY(st != ORO_OK) ? st : oro_tx_update(tx_of(host), t, ix, row, stored, err);
}

static oro_status
host_upsert(void *host, const struct oro_table_def *t, const struct oro_index_def *ix,
            struct oro_bytes row, struct oro_bytes *stored, struct oro_err *err)
{
    oro_status st = may_put(host, t, row, err);
    return ORO_UNLIKELY(st != ORO_OK) ? st : oro_tx_upsert(tx_of(host), t, ix, row, stored, err);
}

static oro_status
host_delete_key(void *host, const struct oro_table_def *t, const struct oro_index_def *ix,
                struct oro_bytes key)
{
    oro_status st = may_delete(host, t);
    return st != ORO_OK ? st : oro_tx_delete(tx_of(host), t, ix, key);
}

static oro_status
host_delete_row(void *host, const struct oro_table_def *t, struct oro_bytes row)
{
    oro_status st = may_delete(host, t);
    return st != ORO_OK ? st : oro_tx_delete_row(tx_of(host), t, row);
}

static oro_status
host_clear(void *host, const struct oro_table_def *t, uint64_t *n)
{
    if (only_reads(host))
        return ORO_EREFUSED;
    uint64_t rows = oro_store_row_count(((struct worker *)host)->pool->store, t);
    if (!room(host, rows * ORO_TX_DELETE_BYTES))
        return ORO_ENOMEM;
    touch(host, t);
    *n = oro_tx_clear(tx_of(host), t);
    return ORO_OK;
}

#define KEPT_LINES 1000
#define KEPT_BYTES ((size_t)1 << 20)

static struct oro_py_mark
host_save(void *host)
{
    struct oro_savepoint sp = oro_tx_save(tx_of(host));
    return (struct oro_py_mark){sp.nwrites, sp.nundo, sp.level};
}

static void
host_release(void *host, struct oro_py_mark m)
{
    oro_tx_release(tx_of(host), (struct oro_savepoint){m.a, m.b, m.level});
}

static void
host_restore(void *host, struct oro_py_mark m)
{
    oro_tx_restore(tx_of(host), (struct oro_savepoint){m.a, m.b, m.level});
}

/* Lines of an attempt are kept until it is known whether it counts: a retry must not be visible. */
static void
host_log(void *host, enum oro_log_level level, const char *target, const char *file, int line,
         struct oro_bytes text)
{
    struct worker *w = host;
    if (level > oro_log_level())
        return;
    if (w->nlog >= KEPT_LINES || w->log_text.len >= KEPT_BYTES) {
        w->log_left_out++;
        return;
    }
    w->log_lines = oro_grow(w->log_lines, w->nlog, &w->log_cap, sizeof(*w->log_lines));
    struct log_line *l = &w->log_lines[w->nlog++];
    *l = (struct log_line){.level = level, .at = (uint32_t)w->log_text.len};
    const char *running = atomic_load_explicit(&w->running, memory_order_relaxed);
    if (running != NULL)
        oro_bb_printf(&w->log_text, "%s: ", running);
    if (file != NULL && line > 0)
        oro_bb_printf(&w->log_text, "%s:%d: ", file, line);
    (void)target;
    size_t kept = oro_log_cut((const char *)text.data, text.len);
    oro_bb_put(&w->log_text, text.data, kept);
    if (kept < text.len)
        oro_bb_printf(&w->log_text, " ... (%zu more bytes)", text.len - kept);
    l->len = (uint32_t)(w->log_text.len - l->at);
}

/* ---- the same, for a worker that may have been given up meanwhile: then it does not come back ---- */

#define IN_HOST(type, call)        \
    oro_worker_back(host);         \
    type out_ = call;              \
    oro_worker_enter_python(host); \
    return out_

static oro_status
called_find(void *host, const struct oro_table_def *t, const struct oro_index_def *ix,
            struct oro_bytes key, struct oro_bytes *row)
{
    IN_HOST(oro_status, host_find(host, t, ix, key, row));
}

static oro_status
called_scan(void *host, const struct oro_table_def *t, struct oro_py_rows *out)
{
    IN_HOST(oro_status, host_scan(host, t, out));
}

static oro_status
called_range(void *host, const struct oro_table_def *t, const struct oro_index_def *ix,
             const struct oro_py_range *range, struct oro_py_rows *out)
{
    IN_HOST(oro_status, host_range(host, t, ix, range, out));
}

static uint64_t
called_count(void *host, const struct oro_table_def *t)
{
    IN_HOST(uint64_t, host_count(host, t));
}

static oro_status
called_insert(void *host, const struct oro_table_def *t, struct oro_bytes row,
              struct oro_bytes *stored, struct oro_err *err)
{
    IN_HOST(oro_status, host_insert(host, t, row, stored, err));
}

static oro_status
called_update(void *host, const struct oro_table_def *t, const struct oro_index_def *ix,
              struct oro_bytes row, struct oro_bytes *stored, struct oro_err *err)
{
    IN_HOST(oro_status, host_update(host, t, ix, row, stored, err));
}

static oro_status
called_upsert(void *host, const struct oro_table_def *t, const struct oro_index_def *ix,
              struct oro_bytes row, struct oro_bytes *stored, struct oro_err *err)
{
    IN_HOST(oro_status, host_upsert(host, t, ix, row, stored, err));
}

static oro_status
called_delete_key(void *host, const struct oro_table_def *t, const struct oro_index_def *ix,
                  struct oro_bytes key)
{
    IN_HOST(oro_status, host_delete_key(host, t, ix, key));
}

static oro_status
called_delete_row(void *host, const struct oro_table_def *t, struct oro_bytes row)
{
    IN_HOST(oro_status, host_delete_row(host, t, row));
}

static oro_status
called_clear(void *host, const struct oro_table_def *t, uint64_t *n)
{
    IN_HOST(oro_status, host_clear(host, t, n));
}

static struct oro_py_mark
called_save(void *host)
{
    IN_HOST(struct oro_py_mark, host_save(host));
}

static void
called_release(void *host, struct oro_py_mark m)
{
    oro_worker_back(host);
    host_release(host, m);
    oro_worker_enter_python(host);
}

static void
called_restore(void *host, struct oro_py_mark m)
{
    oro_worker_back(host);
    host_restore(host, m);
    oro_worker_enter_python(host);
}

static void
called_log(void *host, enum oro_log_level level, const char *target, const char *file, int line,
           struct oro_bytes text)
{
    oro_worker_back(host);
    host_log(host, level, target, file, line, text);
    oro_worker_enter_python(host);
}

static void
called_measure(void *host, struct oro_metric *m, enum oro_measure what, int64_t n)
{
    oro_worker_back(host);
    oro_worker_measure(host, m, what, n);
    oro_worker_enter_python(host);
}

const struct oro_host_ops oro_worker_host_ops = {
    .find = called_find,
    .scan = called_scan,
    .range = called_range,
    .count = called_count,
    .insert = called_insert,
    .update = called_update,
    .upsert = called_upsert,
    .delete_key = called_delete_key,
    .delete_row = called_delete_row,
    .clear = called_clear,
    .save = called_save,
    .release = called_release,
    .restore = called_restore,
    .begin = oro_worker_tx_begin,
    .end = oro_worker_tx_end,
    .fits = oro_worker_tx_fits,
    .log = called_log,
    .measure = called_measure,
    .ask_begin = oro_procedure_begin,
    .ask_commit = oro_procedure_commit,
    .ask_abort = oro_procedure_abort,
    .ask_wait = oro_procedure_wait,
    .ask_fetch = oro_procedure_fetch,
    .ask_unsure = oro_procedure_unsure,
    .ask_sure = oro_procedure_sure,
    .loop_durable = oro_procedure_durable,
    .loop_disk = oro_procedure_waits_for_disk,
    .loop_enter = oro_coroutine_enter,
    .loop_leave = oro_coroutine_leave,
    .loop_grace = oro_coroutine_grace,
    .loop_ended = oro_coroutine_ended,
    .loop_ask = oro_coroutine_ask,
    .loop_answer = oro_coroutine_answer,
    .loop_drop = oro_coroutine_drop,
};
