/* runtime/store/store.h - the in-memory transactional store (design.md 3): multi-version rows as BSATN bytes, indexes,
 * snapshots, the commit ring and its cursors. No Python, no disk, no sockets.
 *
 * A row version has a begin and an end: the seq of the commit that inserted and of the one that deleted it; a reader at
 * snapshot S sees it when begin <= S < end. Superseded versions leave the indexes when no snapshot can see them, and are
 * freed when also no cursor stands before the commit that deleted them. */
#ifndef ORO_STORE_STORE_H
#define ORO_STORE_STORE_H

#include "runtime/store/commit.h"

struct oro_store;
struct
    oro_session; /* one thread's access: publishes the snapshot it reads at; one transaction or reading at a time */
struct oro_cursor; /* a reader of the commit ring */

struct oro_migrator;
struct oro_store_options {
    uint64_t
        first_offset; /* transactions that happened before this process run (0 for an empty database) */
    uint64_t sequence_block; /* 0: 4096; of a column with few values 1/256 of them */
    uint64_t first_seq;      /* records before the first one, of a store that this one replaces */
};

/* Borrows schema until destroy. Gives *out. */
ORO_MUST_CHECK oro_status oro_store_create(const struct oro_schema *schema,
                                           const struct oro_store_options *opt,
                                           struct oro_store **out, struct oro_err *err);
/* Takes s; no session and no cursor may be open any more. */
void oro_store_destroy(struct oro_store *s);
const struct oro_schema *oro_store_schema(const struct oro_store *s);

/* ---- loading, before any session or cursor exists (recovery); one thread ---- */
/* Copies row. ORO_EEXISTS: a unique key is there already (unless replace: then the row with the same primary key, or the
 * identical row, goes first). */
ORO_MUST_CHECK oro_status oro_store_load(struct oro_store *s, const struct oro_table_def *t,
                                         struct oro_bytes row, bool replace, struct oro_err *err);
/* By primary key value (BSATN of the column) when the table has one, else by whole row. ORO_ENOTFOUND. */
ORO_MUST_CHECK oro_status oro_store_unload(struct oro_store *s, const struct oro_table_def *t,
                                           struct oro_bytes key_or_row);
void oro_store_load_sequence(struct oro_store *s, const struct oro_table_def *t, unsigned sequence,
                             uint64_t allocated);
/* The same while the store is in use: its values below `allocated` are used up by others. Publishes a record unless it is so far
 * already. Returns the seq. The session's thread. */
uint64_t oro_store_raise_sequence(struct oro_session *se, const struct oro_table_def *t,
                                  unsigned sequence, uint64_t allocated);
/* The first value that is not reserved; any time. */
uint64_t oro_store_sequence(struct oro_store *s, const struct oro_table_def *t, unsigned sequence);
/* Of a column that has become auto_inc: its values begin above the largest that is there. Gives the first. */
uint64_t oro_store_sequence_above_rows(struct oro_store *s, const struct oro_table_def *t,
                                       unsigned sequence);
void oro_store_load_offset(struct oro_store *s, uint64_t offset);

/* Loads all that `from` has: rows of tables that both have, with the defaults of columns at the end that are new, and the
 * state of sequences (one that `from` has not begins above the values that are there). Rows of tables that are `mapped`, by
 * position in the schema of s (NULL: none), go through the migrator. ORO_EEXISTS: not unique by the new schema. Nothing may be published in `from` meanwhile. */
ORO_MUST_CHECK oro_status oro_store_carry(struct oro_store *s, struct oro_store *from,
                                          const bool *mapped, const struct oro_migrator *by,
                                          struct oro_err *err);

/* ---- sessions ---- */
struct oro_session *oro_session_open(struct oro_store *s); /* Gives; use on one thread at a time */
void oro_session_close(struct oro_session *se);            /* Takes se */

/* ---- reading outside a transaction: one consistent snapshot ---- */
/* Pins the newest snapshot and returns its seq. Every record with seq <= it is already readable by cursors. */
uint64_t oro_read_begin(struct oro_session *se);
void oro_read_end(struct oro_session *se);

/* ---- a snapshot that is held from one reading to the next ---- */
struct
    oro_pin; /* keeps what a snapshot sees, and the records behind it; thousands of them cost commits nothing */
/* Any thread. Pins the newest snapshot; every record up to it is readable by cursors. Gives. */
struct oro_pin *oro_pin_open(struct oro_store *s);
void oro_pin_close(struct oro_pin *p); /* Takes p; nobody reads at it. NULL is fine */
uint64_t oro_pin_seq(const struct oro_pin *p);
/* Bytes of rows written since: about what it keeps in memory that could be gone. Any thread. */
uint64_t oro_pin_written(const struct oro_pin *p);
/* As oro_read_begin, at the pin's snapshot. Borrows p until oro_read_end; rows live as long as p. */
void oro_read_begin_at(struct oro_session *se, const struct oro_pin *p);
/* Around a record that a cursor stands at which holds snapshots: as after the record, and as before it once turned. The reading
 * ends with oro_read_end, before the cursor moves. */
void oro_read_begin_around(struct oro_session *se, const struct oro_commit *c);
void oro_read_turn(struct oro_session *se, bool before);
/* How many rows, of how many bytes, a table has at the snapshot; costs what was changed since. */
void oro_read_totals(struct oro_session *se, const struct oro_table_def *t, uint64_t *rows,
                     uint64_t *bytes);

/* Rows found; the array and the bytes live until the reading or the transaction ends. */
struct oro_rows {
    struct oro_bytes *rows;
    size_t n;
};

/* Bounds over an index: the first nprefix columns equal `prefix` (BSATN values back to back), the next column (if any
 * bound is given) lies between lo and hi (BSATN of one value each). nprefix == ncols: a point. */
struct oro_range {
    struct oro_bytes prefix;
    unsigned nprefix;
    bool has_lo, has_hi, lo_open, hi_open; /* open: the bound itself is left out */
    struct oro_bytes lo, hi;
    /* Ordered indexes: keys descending; rows of one key come as they do ascending. */
    bool reverse;
    size_t limit; /* this many rows at most, and no more is read; 0: all */
};

void oro_read_scan(struct oro_session *se, const struct oro_table_def *t,
                   struct oro_rows *out); /* order: insertion-like, unspecified */
/* ORO_ETYPE: range or prefix on a hash index. Ascending key order on ordered indexes. */
ORO_MUST_CHECK oro_status oro_read_range(struct oro_session *se, const struct oro_table_def *t,
                                         const struct oro_index_def *ix,
                                         const struct oro_range *range, struct oro_rows *out);

/* A few hundred rows found; their bytes live until the reading ends, the array until the return. False: that is enough. */
typedef bool (*oro_row_visit)(void *arg, const struct oro_bytes *rows, size_t n);
/* All rows (ix NULL), or those of a range (its limit does not count), without keeping them: handed over in pieces, and
 * committers are not shut out while `visit` runs, which may take its time and may not read in this session. Order is
 * unspecified. ORO_ETYPE as oro_read_range. */
ORO_MUST_CHECK oro_status oro_read_each(struct oro_session *se, const struct oro_table_def *t,
                                        const struct oro_index_def *ix,
                                        const struct oro_range *range, oro_row_visit visit,
                                        void *arg);

/* A place in a reading of all rows, or of a range: zeroed, the beginning. As long as the snapshot is held. */
struct oro_place {
    const struct oro_row *row; /* the last one that was given */
    bool ended;                /* there are no more */
};
#define ORO_READ_MOST 256 /* rows at a time: committers are shut out meanwhile */
/* Gives the next rows, at most `most` of them, and moves the place behind them; in the order of oro_read_each, whose arguments
 * the others are, or of an ordered index backwards (range->reverse). Bytes live as long as the snapshot. */
ORO_MUST_CHECK oro_status oro_read_next(struct oro_session *se, const struct oro_table_def *t,
                                        const struct oro_index_def *ix,
                                        const struct oro_range *range, struct oro_place *place,
                                        struct oro_bytes *rows, size_t most, size_t *n);

/* The row there is for a primary key value (BSATN of the column), or for a whole row where the table has none. False: none. */
bool oro_read_row(struct oro_session *se, const struct oro_table_def *t,
                  struct oro_bytes key_or_row, struct oro_bytes *row);

/* ---- numbers ---- */
uint64_t oro_store_seq(const struct oro_store *s); /* of the newest record; any thread */
uint64_t oro_store_offset(const struct oro_store *s);
uint64_t oro_store_written(
    const struct oro_store *s); /* `bytes` of the newest record; any thread */
uint64_t oro_store_row_count(const struct oro_store *s,
                             const struct oro_table_def *t); /* committed rows; any thread */
uint64_t oro_store_row_bytes(const struct oro_store *s,
                             const struct oro_table_def *t); /* BSATN bytes of them */
uint64_t oro_store_conflicts(const struct oro_store *s);     /* commits refused by validation */
/* Walks everything and checks the invariants (tests; nothing may run meanwhile). */
bool oro_store_check(const struct oro_store *s);

/* ---- the commit ring ---- */
/* Opens at the newest record: the first next() gives what comes after. Any thread; then one thread at a time. */
struct oro_cursor *oro_cursor_open(struct oro_store *s);
/* Another one where this one stands. On its thread. Gives. */
struct oro_cursor *oro_cursor_fork(const struct oro_cursor *c);
/* Whether snapshots from the one before its record on stay readable for it (oro_read_begin_around). To be asked for while
 * something else, a reading or a pin, holds the snapshot at its record, or nothing can be published; a fork inherits it. It keeps
 * versions in the indexes until the cursor has passed them. */
void oro_cursor_hold(struct oro_cursor *c, bool holds);
/* Whoever uses it next has it: when the thread that had it has ended. */
void oro_cursor_give(struct oro_cursor *c);
/* At the record that a pin stands at. Any thread; then one thread at a time. Gives. */
struct oro_cursor *oro_cursor_open_at(const struct oro_pin *p);
void oro_cursor_close(struct oro_cursor *c); /* Takes c */
/* The next record, which every snapshot taken from then on has; or NULL. Borrowed until the following call on this cursor, which also
 * lets go of it for freeing. */
const struct oro_commit *oro_cursor_next(struct oro_cursor *c);
/* For a reader that looks into the rows: asks for memory of records to come, so that each is not waited for. Before next(). */
void oro_cursor_warm(struct oro_cursor *c);
bool oro_cursor_has_next(const struct oro_cursor *c); /* true: next() gives one, now or in a moment */
uint64_t oro_cursor_seq(const struct oro_cursor *c);  /* of the record given last */
/* A record without ops: the answer of a call that failed or never ran. Takes origin->text. Returns its seq. */
uint64_t oro_store_publish(struct oro_session *se, const struct oro_origin *origin);

#endif
