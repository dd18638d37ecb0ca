/* runtime/store/tx.h - one write transaction: reads at the snapshot it began with, sees its own writes, records what it
 * read as predicates (point, range, scan) and is validated against the commit ring when it commits (precision locking).
 * Belongs to the thread of its session. Bytes handed out live until commit, abort or the next begin. */
#ifndef ORO_STORE_TX_H
#define ORO_STORE_TX_H

#include "runtime/store/store.h"

struct oro_tx;

/* Borrows the session, whose one transaction it is. exclusive: waits for the turn, then nobody else commits until it
 * ends, so it cannot conflict (the third attempt of a call). */
struct oro_tx *oro_tx_begin(struct oro_session *se, bool exclusive);

/* One row by a unique index; key: BSATN of the index columns back to back. ORO_ENOTFOUND. */
ORO_MUST_CHECK oro_status oro_tx_find(struct oro_tx *tx, const struct oro_table_def *t,
                                      const struct oro_index_def *ix, struct oro_bytes key,
                                      struct oro_bytes *row);
/* Rows as of the call, own writes included. */
void oro_tx_scan(struct oro_tx *tx, const struct oro_table_def *t, struct oro_rows *out);
ORO_MUST_CHECK oro_status oro_tx_range(struct oro_tx *tx, const struct oro_table_def *t,
                                       const struct oro_index_def *ix,
                                       const struct oro_range *range, struct oro_rows *out);
/* The same, from the key of the row `from` on (itself included; NULL: the beginning) in the range's direction. */
ORO_MUST_CHECK oro_status oro_tx_range_from(struct oro_tx *tx, const struct oro_table_def *t,
                                            const struct oro_index_def *ix,
                                            const struct oro_range *range,
                                            const struct oro_bytes *from, struct oro_rows *out);
bool oro_tx_has_row(struct oro_tx *tx, const struct oro_table_def *t, struct oro_bytes row);
uint64_t oro_tx_count(struct oro_tx *tx,
                      const struct oro_table_def *t); /* O(1), own changes included */
/* As committed by now, for weighing: what the transaction does may not depend on it, and it is not noted as read. */
uint64_t oro_tx_count_about(const struct oro_tx *tx, const struct oro_table_def *t);
/* Rows more than there were at the beginning: by own changes, so nothing is read. */
int64_t oro_tx_growth(struct oro_tx *tx, const struct oro_table_def *t);

/* Copies row; *stored (may be NULL) is the row as it is now in the transaction, with auto_inc columns that were 0 filled in.
 * An identical row changes nothing. ORO_EEXISTS: err has the text of docs/semantics.md, T-24; nothing changed, tx stays
 * usable. ORO_EFULL: AutoIncOverflow. */
ORO_MUST_CHECK oro_status oro_tx_insert(struct oro_tx *tx, const struct oro_table_def *t,
                                        struct oro_bytes row, struct oro_bytes *stored,
                                        struct oro_err *err);
/* Replaces the row that has the same key in the unique index ix (the primary key's, usually). ORO_ENOTFOUND: no such row.
 * ORO_EEXISTS: another unique column collides; nothing changed. */
ORO_MUST_CHECK oro_status oro_tx_update(struct oro_tx *tx, const struct oro_table_def *t,
                                        const struct oro_index_def *ix, struct oro_bytes row,
                                        struct oro_bytes *stored, struct oro_err *err);
/* Insert, or update when the key is there; all or nothing. */
ORO_MUST_CHECK oro_status oro_tx_upsert(struct oro_tx *tx, const struct oro_table_def *t,
                                        const struct oro_index_def *ix, struct oro_bytes row,
                                        struct oro_bytes *stored, struct oro_err *err);
/* By key of a unique index / by whole row. ORO_ENOTFOUND. */
ORO_MUST_CHECK oro_status oro_tx_delete(struct oro_tx *tx, const struct oro_table_def *t,
                                        const struct oro_index_def *ix, struct oro_bytes key);
ORO_MUST_CHECK oro_status oro_tx_delete_row(struct oro_tx *tx, const struct oro_table_def *t,
                                            struct oro_bytes row);
uint64_t oro_tx_clear(struct oro_tx *tx, const struct oro_table_def *t);

/* A moment to go back to. Several nest: the one that was set last ends first. */
struct oro_savepoint {
    size_t nwrites, nundo;
    unsigned level;
};
struct oro_savepoint oro_tx_save(struct oro_tx *tx);
/* What was written since stays. */
void oro_tx_release(struct oro_tx *tx, struct oro_savepoint sp);
/* What was written since is taken back (sequences excepted). */
void oro_tx_restore(struct oro_tx *tx, struct oro_savepoint sp);

bool oro_tx_has_writes(const struct oro_tx *tx);
/* Bytes that it holds until it ends: versions of rows that it made, notes of what it read and wrote, rows handed out as arrays.
 * A few additions. */
uint64_t oro_tx_memory(const struct oro_tx *tx);

/* SQLite has no blob, and no row, of 1,000,000,000 bytes. The log keeps a transaction as one blob, with its arguments and up to
 * 1 MiB of others; the tables keep a row three times: as its bytes, in its columns, and a key that may be most of it. */
#define ORO_TX_LOG_MOST 900000000u
#define ORO_TX_ROW_MOST 268435456u
/* Could it be written? ORO_EFULL: not in one transaction. A comparison, where it is far from that. */
ORO_MUST_CHECK oro_status oro_tx_fits(const struct oro_tx *tx, struct oro_err *err);
/* What one more write takes at most, beside the row's own bytes. */
#define ORO_TX_WRITE_BYTES 320
/* What each row that oro_tx_clear takes away does. */
#define ORO_TX_DELETE_BYTES 128

/* Takes tx, and origin->text unless it fails. Publishes exactly one record (without ops if nothing changed); its
 * seq in *seq. ORO_ECONFLICT: something it read has changed; ORO_EEXISTS cannot happen here that was not a conflict.
 * On failure the transaction is aborted. */
ORO_MUST_CHECK oro_status oro_tx_commit(struct oro_tx *tx, const struct oro_origin *origin,
                                        uint64_t *seq);
/* Takes tx. Without a trace, sequences excepted. */
void oro_tx_abort(struct oro_tx *tx);
/* Takes tx of a call that raised: ORO_OK if everything it read is still so (the exception stands), ORO_ECONFLICT if it
 * read stale rows (run it again). Aborts in both cases. */
ORO_MUST_CHECK oro_status oro_tx_validate_abort(struct oro_tx *tx);

/* What the session's last conflict was about, for words to the author of the reducer. */
struct oro_clash {
    const struct oro_table_def *table; /* NULL: not known, as of a single row */
    enum { ORO_CLASH_ROW, ORO_CLASH_RANGE, ORO_CLASH_TABLE } kind; /* of what it had read */
};
struct oro_clash oro_session_clash(const struct oro_session *se);

#endif
