/* The two threads: the log thread follows the commit ring and appends to the log, the checkpointer empties the log into the
 * tables and the WALs into their files. */
#include <string.h>
#include <unistd.h>

#include "runtime/base/clock.h"
#include "runtime/base/file.h"
#include "runtime/base/log.h"
#include "runtime/durable/durable_priv.h"

/* A group commit takes what waits, up to about this much: a blob of 256 KiB to 1 MiB writes fastest (field-notes.md), and a
 * larger one only makes its first transaction wait. */
#define BATCH_BYTES (1u << 20)
#define BATCH_KEEP (4u << 20)
#define RETRY_FIRST_US 20000
#define RETRY_MOST_US 2000000
#define STOP_PATIENCE_US 5000000
/* A stop moves into the tables what takes no longer than people notice; with more than that the log stays, which has
 * everything and is quicker to read at the next start. */
#define STOP_CHECKPOINT_US 500000
#define STOP_ROWS ((size_t)20000)
#define STOP_LOG ((uint64_t)4 << 20) /* left by an earlier run */

void
log_look(void *arg)
{
    struct oro_durable *d = arg;
    if (!atomic_load(&d->gone) && oro_txlog_wants_care(d->log))
        oro_txlog_care(d->log);
}

/* ---- the log thread ---- */

/* From each state, the ones that may come next; PINNED also from others: at the end, when nobody is left to ask. */
static void
cut_move(struct oro_durable *d, enum cut to)
{
    static const unsigned next[] = {
        [CUT_NONE] = 1u << CUT_WANTED | 1u << CUT_PINNED,
        [CUT_WANTED] = 1u << CUT_PINNED,
        [CUT_PINNED] = 1u << CUT_MADE | 1u << CUT_PINNED,
        [CUT_MADE] = 1u << CUT_NONE | 1u << CUT_PINNED,
    };
    ORO_ASSERT(next[atomic_load(&d->cut)] & 1u << to);
    atomic_store(&d->cut, to);
}

static void
cut_begin(struct oro_durable *d)
{
    if (atomic_load(&d->cut) != CUT_WANTED)
        return;
    d->cut_at = oro_read_begin(d->reader);
    cut_move(d, CUT_PINNED);
}

/* True: has cut here. */
static bool
cut_end(struct oro_durable *d)
{
    if (atomic_load(&d->cut) != CUT_PINNED || d->batch_seq != d->cut_at)
        return false;
    d->cut_changes = d->changes;
    d->changes = (struct changes){0};
    d->cut_offset = d->logged;
    memcpy(d->cut_rows, d->rows, d->schema->ntables * sizeof(*d->rows));
    d->cut_seq = d->cut_at;
    cut_move(d, CUT_MADE);
    oro_wake_signal(&d->checkpoint_wake);
    return true;
}

static void
count_rows(struct oro_durable *d, const struct oro_commit *c)
{
    for (uint32_t i = 0; i < c->nops; i++) {
        const struct oro_op *op = &c->ops[i];
        if (op->kind != ORO_OP_SEQUENCE && !op->update)
            d->rows[op->table - d->schema->tables] += op->kind == ORO_OP_INSERT ? 1 : UINT64_MAX;
    }
}

/* Fills the batch from the ring, up to the cut. False: there was nothing. */
static bool
take_batch(struct oro_durable *d)
{
    const struct oro_commit *c;
    uint64_t most = atomic_load(&d->cut) == CUT_PINNED ? d->cut_at : UINT64_MAX;
    ORO_ASSERT_THREAD(ORO_THREAD_LOG);
    ORO_ASSERT(d->batch_seq <= most && d->logged == oro_txlog_end(d->log));
    record_begin(&d->batch, d->logged);
    d->batch_records = 0;
    d->batch_ids = (struct record_ids){d->schema, d->ids};
    while (d->batch.out.len < BATCH_BYTES && d->batch_seq < most) {
        oro_cursor_warm(d->cursor);
        if ((c = oro_cursor_next(d->cursor)) == NULL)
            break;
        d->batch_records++;
        d->batch_seq = c->seq;
        d->batch_bytes = c->bytes;
        if (c->nops == 0 || !record_put(&d->batch, &d->batch_ids, c))
            continue;
        count_rows(d, c);
        changes_add(&d->changes, d->schema, d->ids, c, d->cut_seq);
    }
    return d->batch_records > 0;
}

static oro_status
append_batch(struct oro_durable *d, struct oro_err *err)
{
    struct oro_txlog_batch b = {d->logged + 1, d->batch.last, oro_bb_bytes(&d->batch.out),
                                record_rest(&d->batch)};
    return oro_txlog_append(d->log, &b, err);
}

/* Sleeps that long unless the server stops. */
static void
pause_us(struct oro_durable *d, int64_t us)
{
    unsigned seen = oro_wake_prepare(&d->stop_wake);
    if (!atomic_load(&d->stopping))
        oro_wake_wait(&d->stop_wake, seen, (long)us);
    else
        oro_wake_wait(&d->stop_wake, seen, RETRY_FIRST_US);
}

/* ---- files that are gone ---- */

#define LOOK_US 1000000 /* when there is nothing to write */

/* They are not to be relied upon any more. Any of the two threads. */
static void
files_lost(struct oro_durable *d, const struct oro_err *err)
{
    if (atomic_exchange(&d->gone, true))
        return;
    oro_log(ORO_LOG_ERROR, "durable",
            "%s: nothing is confirmed any more. The data is still in memory, and is written into "
            "%s.rescued now, and again when the server is stopped: stop it, and put that back with "
            "`orochi restore %s.rescued --data %s --name %s --force`",
            err->text, d->path, d->path, d->dir, d->name);
    oro_wake_signal(&d->checkpoint_wake);
}

/* The files have their names. What is written into a file without one is gone when the process ends, whatever its sync said.
 * When stopping, the files that are open get the rest all the same: durable_rescue reads them. */
static bool
is_present(struct oro_durable *d)
{
    struct oro_err err;
    if (!atomic_load(&d->gone) && presence_check(&d->presence, oro_mono_us(), &err) != ORO_OK) {
        files_lost(d, &err);
    }
    return !atomic_load(&d->gone) || atomic_load(&d->stopping);
}

/* Written, and not confirmed. */
static void
wait_for_stop(struct oro_durable *d)
{
    while (!atomic_load(&d->stopping))
        pause_us(d, RETRY_MOST_US);
}

/* Tries until it is written. When stopping it tries for a while only; not at all once a sync has failed: the pages that were
 * to be synced count as written now, whatever the disk has. */
static bool
write_batch(struct oro_durable *d)
{
    struct oro_err err = {0};
    int64_t wait = RETRY_FIRST_US, stopping_since = 0;
    while ((atomic_load(&d->gone) && !is_present(d)) || append_batch(d, &err) != ORO_OK) {
        if (atomic_load(&d->stopping)) {
            if (stopping_since == 0)
                stopping_since = oro_mono_us();
            if (oro_txlog_is_broken(d->log) || oro_mono_us() - stopping_since > STOP_PATIENCE_US) {
                oro_log(ORO_LOG_ERROR, "durable",
                        "%s: stopping without having written the last transactions (%s)", d->path,
                        err.text);
                return false;
            }
        }
        pause_us(d, wait);
        wait = wait * 2 < RETRY_MOST_US ? wait * 2 : RETRY_MOST_US;
    }
    if (!is_present(d)) /* removed since: what was synced is in no file that has a name */
        wait_for_stop(d);
    d->logged = d->batch.last;
    if (!atomic_load(&d->gone))
        oro_txlog_confirm(d->log, d->logged);
    size_t bytes = (size_t)record_size(&d->batch);
    changes_logged(&d->changes, d->logged, bytes);
    atomic_store(&d->logged_now, d->logged);
    atomic_fetch_add(&d->commits, 1);
    uint64_t log = atomic_fetch_add(&d->log_bytes, bytes) + bytes;
    if (log >= d->checkpoint_bytes || oro_txlog_wants_care(d->log))
        oro_wake_signal(&d->checkpoint_wake);
    return true;
}

void *
durable_log_main(void *arg)
{
    struct oro_durable *d = arg;
    for (;;) {
        unsigned seen = oro_wake_prepare(&d->log_wake);
        /* Read before the ring: what was published before stopping is seen below. */
        bool stopping = atomic_load(&d->stopping);
        int64_t begun = oro_mono_us();
        cut_begin(d);
        pace_gather(d);
        if (!take_batch(d)) {
            if (cut_end(d))
                continue;
            if (stopping)
                break;
            (void)is_present(d);
            oro_wake_wait(&d->log_wake, seen, LOOK_US);
            continue;
        }
        if (d->batch.out.len > 0 && !write_batch(d)) {
            d->gave_up = true;
            break;
        }
        pace_expect(d);
        atomic_store_explicit(&d->durable_bytes, d->batch_bytes, memory_order_relaxed);
        /* Pairs with the acquire in oro_durable_seq: who sees the mark may rely on the file. */
        atomic_store_explicit(&d->durable, d->batch_seq, memory_order_release);
        if (d->on_durable != NULL)
            d->on_durable(d->arg);
        cut_end(d);
        if (d->batch.out.cap > BATCH_KEEP || record_rest(&d->batch) != NULL)
            record_fini(&d->batch);
        pace_distance(d, begun);
    }
    return NULL;
}

/* ---- the checkpointer ---- */

static void
note_freed(struct oro_durable *d)
{
    struct checkpoint *k = &d->checkpoint;
    ORO_ASSERT(oro_thread_role() != ORO_THREAD_LOG);
    if (k->freed == 0)
        return;
    atomic_fetch_add(&d->slices, 1);
    uint64_t bytes = atomic_load(&d->log_bytes);
    while (!atomic_compare_exchange_weak(&d->log_bytes, &bytes,
                                         bytes > k->freed ? bytes - k->freed : 0))
        ;
    k->freed = 0;
}

static oro_status
one_slice(struct oro_durable *d, bool *more, struct oro_err *err)
{
    oro_status st = checkpoint_slice(&d->checkpoint, more, err);
    note_freed(d);
    return st;
}

/* What an earlier run has left in the log. */
static oro_status
tables_catch_up(struct oro_durable *d, struct oro_err *err)
{
    bool more = true;
    oro_status st = ORO_OK;
    d->checkpoint.until = d->recovered;
    while (st == ORO_OK && more && d->checkpoint.applied < d->recovered &&
           !atomic_load(&d->stopping) && !atomic_load(&d->gone)) {
        st = one_slice(d, &more, err);
        log_look(d);
    }
    return st;
}

/* False: the server stops, or the files are lost. */
static bool
cut_wait(struct oro_durable *d)
{
    cut_move(d, CUT_WANTED);
    oro_wake_signal(&d->log_wake);
    for (;;) {
        unsigned seen = oro_wake_prepare(&d->checkpoint_wake);
        if (atomic_load(&d->cut) == CUT_MADE)
            return true;
        if (atomic_load(&d->stopping) || atomic_load(&d->gone))
            return false;
        oro_wake_wait(&d->checkpoint_wake, seen, -1);
    }
}

/* With a cut made: into the tables. */
static oro_status
cut_write(struct oro_durable *d, struct oro_err *err)
{
    bool written = false;
    uint64_t upto = d->cut_offset;
    ORO_ASSERT(atomic_load(&d->cut) == CUT_MADE && upto >= d->checkpoint.applied);
    changes_join(&d->pending, &d->cut_changes);
    checkpoint_gather(&d->checkpoint, &d->pending, d->schema, d->reader);
    oro_read_end(d->reader);
    cut_move(d, CUT_NONE);
    oro_status st =
        checkpoint_changes(&d->checkpoint, &d->pending, d->cut_rows, upto, &written, err);
    if (written) {
        changes_fini(&d->pending);
        frame_keep(d);
    }
    note_freed(d);
    return st;
}

static void
run_checkpoint(struct oro_durable *d)
{
    struct oro_err err;
    /* The files stay as they are, for the next start or the rescue. */
    if (oro_txlog_is_broken(d->log) || atomic_load(&d->gone)) {
        pause_us(d, RETRY_MOST_US);
        return;
    }
    oro_status st = tables_catch_up(d, &err);
    if (st == ORO_OK && !atomic_load(&d->stopping) && cut_wait(d))
        st = cut_write(d, &err);
    if (st == ORO_EMALFORMED) { /* somebody has written into the files */
        oro_err_wrap(&err, "%s", d->path);
        files_lost(d, &err);
        return;
    }
    if (st != ORO_OK) {
        oro_log_limited(ORO_LOG_ERROR, "durable", "%s: checkpoint: %s", d->path, err.text);
        pause_us(d, RETRY_MOST_US / 2);
        return;
    }
    if (!atomic_load(&d->gone))
        oro_txlog_care(d->log);
}

void *
durable_checkpoint_main(void *arg)
{
    struct oro_durable *d = arg;
    int64_t interval = (int64_t)d->checkpoint_interval_s * 1000000, next = oro_mono_us() + interval;
    bool rescued = false;
    while (!atomic_load(&d->stopping)) {
        unsigned seen = oro_wake_prepare(&d->checkpoint_wake);
        if (atomic_load(&d->gone) && !rescued) {
            rescued = true;
            durable_rescue(d);
        }
        int64_t now = oro_mono_us();
        uint64_t bytes = atomic_load(&d->log_bytes);
        bool asked = atomic_load(&d->asked);
        if (bytes >= d->checkpoint_bytes || (bytes > 0 && (now >= next || asked))) {
            run_checkpoint(d);
            next = oro_mono_us() + interval;
        } else if (oro_txlog_wants_care(d->log) && !atomic_load(&d->gone)) {
            oro_txlog_care(d->log);
        } else if (!asked && !atomic_load(&d->stopping)) {
            if (now >= next)
                next = now + interval;
            oro_wake_wait(&d->checkpoint_wake, seen, (long)(next - now));
        }
        if (asked) {
            atomic_store(&d->asked, false);
            oro_wake_broadcast(&d->asked_wake);
        }
    }
    return NULL;
}

/* ---- at the end ---- */

/* The threads have ended: makes the cut at the end of the ring, whatever became of the last one. */
static void
last_cut(struct oro_durable *d)
{
    enum cut cut = atomic_load(&d->cut);
    if (cut == CUT_MADE)
        changes_join(&d->pending, &d->cut_changes);
    if (cut == CUT_MADE || cut == CUT_PINNED)
        oro_read_end(d->reader);
    d->cut_at = oro_read_begin(d->reader);
    ORO_ASSERT(d->cut_at == d->batch_seq);
    cut_move(d, CUT_PINNED);
    cut_end(d);
}

static bool
is_late(void *arg)
{
    return oro_mono_us() > ((struct oro_durable *)arg)->stop_until;
}

static bool
is_little(const struct oro_durable *d)
{
    size_t rows = d->pending.n + d->changes.n;
    if (atomic_load(&d->cut) == CUT_MADE)
        rows += d->cut_changes.n;
    bool caught_up = d->checkpoint.applied >= d->recovered;
    return rows <= STOP_ROWS && (caught_up || atomic_load(&d->log_bytes) <= STOP_LOG);
}

void
durable_last_checkpoint(struct oro_durable *d)
{
    struct checkpoint *k = &d->checkpoint;
    struct oro_err err;
    bool more = true;
    oro_status st = ORO_OK;
    if (!is_little(d)) {
        oro_log(ORO_LOG_INFO, "durable",
                "%s: the last changes stay in the log beside it; the next start reads them",
                d->path);
        return;
    }
    d->stop_until = oro_mono_us() + STOP_CHECKPOINT_US;
    k->stop = NULL;
    k->limit = k->limit < STOP_ROWS ? k->limit : STOP_ROWS;
    k->until = d->recovered;
    while (st == ORO_OK && more && k->applied < d->recovered && !is_late(d))
        st = one_slice(d, &more, &err);
    if (st == ORO_OK && k->applied >= d->recovered) {
        k->late = is_late;
        last_cut(d);
        st = cut_write(d, &err);
    }
    if (st != ORO_OK)
        oro_log(ORO_LOG_ERROR, "durable",
                "%s: last checkpoint: %s; the log is read at the next start", d->path, err.text);
    else if (k->applied >= d->logged)
        log_end(d);
}
