#include "runtime/log/log.h"

#include "runtime/base/assert.h"
#include "runtime/base/clock.h"
#include "runtime/base/log.h"
#include "runtime/base/mem.h"
#include "runtime/base/thread.h"

void
txlog_init(struct oro_txlog *log, const struct oro_txlog_ops *ops, char *path, uint64_t end)
{
    log->ops = ops;
    log->path = path;
    log->confirmed = 0;
    atomic_init(&log->end, end);
    atomic_init(&log->broken, false);
    atomic_init(&log->trouble, NULL);
    atomic_init(&log->longest_us, 0);
    slow_init(&log->slow);
}

void
txlog_fini(struct oro_txlog *log)
{
    ORO_ASSERT(log->confirmed <= oro_txlog_end(log));
    oro_free(log->path);
    log->path = NULL;
}

void
txlog_held(struct oro_txlog *log, int64_t us)
{
    ORO_ASSERT(us >= 0);
    /* Written by the cutter alone. */
    if (us > atomic_load(&log->longest_us))
        atomic_store(&log->longest_us, us);
}

/* ---- writing ---- */

/* Says it once when the state changes. */
static void
set_trouble(struct oro_txlog *log, oro_status st, const struct oro_err *err)
{
    bool broken = oro_txlog_is_broken(log);
    const char *was = atomic_load(&log->trouble);
    const char *now = st == ORO_OK      ? NULL
                      : broken          ? "a sync has failed"
                      : st == ORO_EFULL ? "disk full"
                                        : "cannot write to the disk";
    if (was == now)
        return;
    atomic_store(&log->trouble, now);
    if (now != NULL && broken)
        oro_log(ORO_LOG_ERROR, "durable",
                "%s: %s (%s): what the disk has of the last transactions is not known, so nothing "
                "is confirmed any more. Look at the disk, then start the server again: all that "
                "was confirmed is there",
                log->path, now, err->text);
    else if (now != NULL)
        oro_log(ORO_LOG_ERROR, "durable",
                "%s: %s (%s); nothing is lost while the server runs, trying again", log->path, now,
                err->text);
    else
        oro_log(ORO_LOG_INFO, "durable", "%s: writing again", log->path);
}

oro_status
oro_txlog_append(struct oro_txlog *log, const struct oro_txlog_batch *b, struct oro_err *err)
{
    struct oro_err mine = {0};
    oro_status st;
    ORO_ASSERT_THREAD(ORO_THREAD_LOG);
    ORO_ASSERT(b->first == oro_txlog_end(log) + 1);
    ORO_ASSERT(b->last >= b->first && b->records.len > 0);
    if (oro_txlog_is_broken(log)) {
        st = oro_err_set(&mine, ORO_EIO, "another write has failed");
    } else {
        slow_begin(&log->slow);
        st = log->ops->append(log, b, &mine);
        slow_end(&log->slow, log->path);
    }
    set_trouble(log, st, &mine);
    if (st != ORO_OK)
        return oro_err_set(err, st, "%s", mine.text);
    /* Pairs with the acquire in oro_txlog_end(). */
    atomic_store_explicit(&log->end, b->last, memory_order_release);
    return ORO_OK;
}

void
oro_txlog_confirm(struct oro_txlog *log, uint64_t offset)
{
    ORO_ASSERT_THREAD(ORO_THREAD_LOG);
    ORO_ASSERT(offset <= oro_txlog_end(log));
    ORO_ASSERT(offset >= log->confirmed);
    ORO_ASSERT(!oro_txlog_is_broken(log) || offset == oro_txlog_end(log));
    log->confirmed = offset;
    log->ops->confirm(log, offset);
}

bool
oro_txlog_is_broken(const struct oro_txlog *log)
{
    return atomic_load(&log->broken);
}

const char *
oro_txlog_trouble(const struct oro_txlog *log)
{
    return atomic_load(&log->trouble);
}

uint64_t
oro_txlog_end(const struct oro_txlog *log)
{
    return atomic_load_explicit(&log->end, memory_order_acquire);
}

void
oro_txlog_look(struct oro_txlog *log, int64_t now_us)
{
    slow_look(&log->slow, log->path, now_us);
}

/* ---- reading ---- */

#define REMEDY                                                                                  \
    "Restore a backup (orochi restore); or keep what comes before: `orochi repair FILE` (with " \
    "the "                                                                                      \
    "--data and --name of the server) copies it into FILE"

oro_status
oro_txlog_damaged(const struct oro_txlog *log, const struct oro_txlog_batch *b, const char *what,
                  struct oro_err *err)
{
    return oro_err_set(err, ORO_EMALFORMED,
                       "the log in %s is damaged: %s in the group commit of transactions %llu to "
                       "%llu. " REMEDY,
                       log->path, what, (unsigned long long)b->first, (unsigned long long)b->last);
}

oro_status
oro_txlog_read(struct oro_txlog *log, uint64_t from, struct oro_txlog_reader *r,
               struct oro_err *err)
{
    *r = (struct oro_txlog_reader){.log = log, .expect = from};
    return log->ops->read(log, from, &r->cursor, err);
}

oro_status
oro_txlog_next(struct oro_txlog_reader *r, struct oro_txlog_batch *b, bool *more,
               struct oro_err *err)
{
    ORO_ASSERT(r->cursor != NULL);
    oro_status st = r->log->ops->next(r->log, r->cursor, b, more, err);
    if (st != ORO_OK || !*more)
        return st;
    /* The first one may begin before what was asked for, no other may. */
    bool fits = b->first == r->expect || r->expect == ORO_TXLOG_OLDEST ||
                (!r->begun && b->first < r->expect && b->last >= r->expect);
    if (!fits || b->last < b->first)
        return oro_err_set(err, ORO_EMALFORMED,
                           "the log in %s is damaged: transaction %llu should come next, but the "
                           "next group commit has %llu to %llu. " REMEDY,
                           r->log->path, (unsigned long long)r->expect,
                           (unsigned long long)b->first, (unsigned long long)b->last);
    r->begun = true;
    r->expect = b->last + 1;
    return ORO_OK;
}

void
oro_txlog_read_end(struct oro_txlog_reader *r)
{
    if (r->cursor != NULL)
        r->log->ops->read_end(r->log, r->cursor);
    r->cursor = NULL;
}

/* ---- keeping it short ---- */

oro_status
oro_txlog_cut(struct oro_txlog *log, uint64_t upto, struct oro_err *err)
{
    ORO_ASSERT(oro_thread_role() != ORO_THREAD_LOG);
    ORO_ASSERT(upto <= oro_txlog_end(log));
    return log->ops->cut(log, upto, err);
}

bool
oro_txlog_wants_care(struct oro_txlog *log)
{
    return log->ops->wants_care(log);
}

void
oro_txlog_care(struct oro_txlog *log)
{
    ORO_ASSERT(oro_thread_role() != ORO_THREAD_LOG);
    if (!oro_txlog_is_broken(log))
        log->ops->care(log);
}

void
oro_txlog_close(struct oro_txlog *log, bool as_is)
{
    if (log != NULL)
        log->ops->close(log, as_is);
}
