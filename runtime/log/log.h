/* runtime/log/log.h - the log of a database: group commits, each on disk when append says so, one after the other without a
 * gap, until they are cut off because the tables have them. (What the server tells people is runtime/base/log.h.)
 *
 * What is behind it is a struct of functions; log_sqlite.c is the first. What holds for every one of them is here: the order of
 * offsets, that nothing is appended once a sync has failed, and what is said of a disk that is full, broken or slow.
 *
 * Threads: one appends and confirms (the log thread), one reads and cuts (the checkpointer); before the threads start and when
 * they have ended, whoever has the log does both. The lease, that only one server has a log, is lock.h. */
#ifndef ORO_LOG_LOG_H
#define ORO_LOG_LOG_H

#include <stdatomic.h>

#include "runtime/base/bytes.h"
#include "runtime/base/status.h"
#include "runtime/log/slow.h"

/* The rest of a batch that is too large to stand in memory as a whole. Whoever appends may begin with it anew. */
struct oro_txlog_rest {
    void (*rewind)(struct oro_txlog_rest *self);
    /* False: that was all. *piece borrows until the next call. */
    bool (*next)(struct oro_txlog_rest *self, struct oro_bytes *piece);
};

struct oro_txlog_batch {
    uint64_t first, last;     /* offsets of its transactions; some between may have left nothing */
    struct oro_bytes records; /* record.h */
    struct oro_txlog_rest
        *rest; /* for append: what comes behind these, or NULL; a batch that is read is whole */
};

struct oro_txlog;

/* self is the oro_txlog that an implementation begins with. */
struct oro_txlog_ops {
    oro_status (*append)(struct oro_txlog *self, const struct oro_txlog_batch *b,
                         struct oro_err *err);
    void (*confirm)(struct oro_txlog *self, uint64_t offset);
    oro_status (*read)(struct oro_txlog *self, uint64_t from, void **cursor, struct oro_err *err);
    oro_status (*next)(struct oro_txlog *self, void *cursor, struct oro_txlog_batch *b, bool *more,
                       struct oro_err *err);
    void (*read_end)(struct oro_txlog *self, void *cursor);
    oro_status (*cut)(struct oro_txlog *self, uint64_t upto, struct oro_err *err);
    bool (*wants_care)(struct oro_txlog *self);
    void (*care)(struct oro_txlog *self);
    void (*close)(struct oro_txlog *self, bool as_is);
};

struct oro_txlog {
    const struct oro_txlog_ops *ops;
    char *path; /* for messages; owned */
    /* Pairs: written by who appends, read by who cuts. */
    _Atomic uint64_t end; /* offset of the last transaction in it, or that was cut off */
    uint64_t confirmed;   /* the appender's */
    atomic_bool broken;   /* a sync has failed */
    _Atomic(const char *) trouble;
    struct slow slow;
    _Atomic int64_t longest_us; /* that an append was held up by reading and cutting */
};

/* For an implementation: takes path; end is the last offset that is there. */
void txlog_init(struct oro_txlog *log, const struct oro_txlog_ops *ops, char *path, uint64_t end);
void txlog_fini(struct oro_txlog *log);
/* The appender was held up for that long. */
void txlog_held(struct oro_txlog *log, int64_t us);

/* ---- writing ---- */

/* ORO_OK: it is on disk, as the mode promises. ORO_EFULL, ORO_EIO: it is not, and the same batch may be tried again, until
 * oro_txlog_is_broken. b->first is one more than the end. What is wrong is said once, and that it is over, too. */
ORO_MUST_CHECK oro_status oro_txlog_append(struct oro_txlog *log, const struct oro_txlog_batch *b,
                                           struct oro_err *err);
/* Everything up to offset will be told to those who wait for it: it is noted, so that it is missed if it is ever gone. */
void oro_txlog_confirm(struct oro_txlog *log, uint64_t offset);
/* Any thread. A sync has failed: what the disk has is not known, and will not be before somebody reads it. */
bool oro_txlog_is_broken(const struct oro_txlog *log);
/* Any thread. NULL, or why the last append has failed ("disk full"). Static text. */
const char *oro_txlog_trouble(const struct oro_txlog *log);
/* Any thread: offset of the last transaction. */
uint64_t oro_txlog_end(const struct oro_txlog *log);
/* Any thread, once a second: says so when one write takes a second or more. */
void oro_txlog_look(struct oro_txlog *log, int64_t now_us);

/* ---- reading ---- */

struct oro_txlog_reader {
    struct oro_txlog *log;
    void *cursor;
    uint64_t expect; /* the offset that has to come next */
    bool begun;
};
#define ORO_TXLOG_OLDEST 0 /* whatever comes first */
/* From this offset on; the batch it stands in may begin before it. Ended by oro_txlog_read_end. */
ORO_MUST_CHECK oro_status oro_txlog_read(struct oro_txlog *log, uint64_t from,
                                         struct oro_txlog_reader *r, struct oro_err *err);
/* *b borrows until the next call. ORO_EMALFORMED: a batch is damaged or missing. */
ORO_MUST_CHECK oro_status oro_txlog_next(struct oro_txlog_reader *r, struct oro_txlog_batch *b,
                                         bool *more, struct oro_err *err);
void oro_txlog_read_end(struct oro_txlog_reader *r);
/* A message for a batch whose bytes decode to nonsense. ORO_EMALFORMED. */
oro_status oro_txlog_damaged(const struct oro_txlog *log, const struct oro_txlog_batch *b,
                             const char *what, struct oro_err *err);

/* ---- keeping it short ---- */

/* Batches that end at `upto` or before are not needed any more. They are gone when this returns, and that they were there is
 * remembered. Appends wait as long: cut in pieces. */
ORO_MUST_CHECK oro_status oro_txlog_cut(struct oro_txlog *log, uint64_t upto, struct oro_err *err);
/* The log has work that an append should not wait for (any thread may ask), and the cutter does it. */
bool oro_txlog_wants_care(struct oro_txlog *log);
void oro_txlog_care(struct oro_txlog *log);

/* Takes log; NULL is fine. as_is: leaves the files as they are, for somebody to look at them. */
void oro_txlog_close(struct oro_txlog *log, bool as_is);

#endif
