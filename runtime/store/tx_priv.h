/* runtime/store/tx_priv.h - a transaction: what it has read, what it has written and nobody else sees yet.
 *
 *   read_set.c   versions found, keys that were not there, ranges
 *   validate.c   whether they still hold
 *   write_set.c  its writes, and how they are found
 *   savepoint.c  taking back
 *   tx.c         reading and writing over both */
#ifndef ORO_STORE_TX_PRIV_H
#define ORO_STORE_TX_PRIV_H

#include "runtime/base/thread.h"
#include "runtime/store/table_priv.h"
#include "runtime/store/tx.h"

#define ORO_NONE UINT32_MAX /* of writes: none */

struct oro_write {
    struct oro_table *t;
    struct oro_row *old; /* committed version that goes, or NULL */
    /* new version, or NULL. With both, they have one primary key. Neither: cancelled */
    struct oro_row *row;
    struct oro_key *keys; /* of row, for every index; NULL: not kept, see oro_ws_key() */
    /* Where old's primary key stands, as long as that index has this many changes; or NULL. */
    oro_head *cell;
    uint64_t changes;
    uint32_t next; /* of the same table */
};

struct oro_tx_table {
    struct oro_table *t;
    int64_t delta;                   /* rows more than at the snapshot */
    uint32_t first, last;            /* writes */
    uint32_t nold;                   /* writes with `old`, cancelled ones included */
    int64_t large_rows, large_bytes; /* large.c: more than there were */
};

enum oro_span_kind { ORO_SPAN_SCAN, ORO_SPAN_RANGE, ORO_SPAN_COUNT };
struct oro_span {
    enum oro_span_kind kind;
    struct oro_table *t;
    const struct oro_index *ix;
    struct oro_interval iv;
    uint64_t count;
};

struct oro_miss {
    const struct oro_index *ix;
    struct oro_key key;
};

/* What a unique narrow key led to. At one snapshot that is always the same, so a find, the update
 * that follows and its commit look it up once. */
struct oro_seen {
    uint64_t tx; /* which transaction of the session */
    uint64_t word;
    const struct oro_index *ix;
    struct oro_row *row; /* or NULL */
    oro_head *cell;
    uint64_t changes;
};
#define ORO_SEEN 8

/* What a write was before it changed, while a savepoint is set (savepoint.c). */
struct oro_undo {
    uint32_t w;
    struct oro_row *old, *row;
    struct oro_key *keys;
    size_t dropped; /* where row stands among the dropped ones, or SIZE_MAX */
};

/* What a transaction knows of views' answers (view.c, view_follow.c). */
struct oro_view_live;
struct oro_view_found;
struct oro_view_step;
struct oro_view_change;
struct oro_view_tx {
    bool looked;      /* for answers that it touches, */
    uint64_t version; /* in this one of the registry */
    struct oro_view_found *found;
    struct oro_view **views;     /* the same */
    size_t nfound, nlater;       /* the last ones of them are evaluated after its commit */
    struct oro_view_step *steps; /* rows that followed ones see */
    size_t nsteps;
    struct oro_view_change *changes;
    size_t nchanges, cap;
    /* Of the answer that is being evaluated: what its code read, once that has ended; where its rows lie; what follows it. */
    struct oro_view_reads *code, *places;
    struct oro_view_live *live;
};

struct oro_tx {
    struct oro_owner owner; /* from begin to end */
    struct oro_session *se;
    bool open, exclusive;
    uint64_t number;
    struct oro_seen seen[ORO_SEEN];
    struct oro_write *writes;
    size_t nwrites, writes_cap;
    struct oro_tx_table *tables; /* one for each of the store's */
    uint32_t *touched;
    size_t ntouched, touched_cap;
    /* From key or old row to write, once there are many; entries may be out of date, so what they
     * say is checked. */
    uint32_t *map;
    size_t map_cap, map_used;
    /* What it read: committed versions found, unique keys not found, and spans. */
    struct oro_row **hits;
    size_t nhits, hits_cap;
    struct oro_miss *misses;
    size_t nmisses, misses_cap;
    struct oro_span *spans;
    size_t nspans, spans_cap;
    uint64_t reads; /* masks of the tables of all these */
    /* own versions replaced again; their bytes may have been handed out */
    struct oro_row **dropped;
    size_t ndropped, dropped_cap;
    unsigned saves; /* savepoints that are set */
    struct oro_undo *undo;
    size_t nundo, undo_cap;
    /* Keys of the row that is being written, once there are so many writes that theirs are not kept; and one of a row that was
     * written so. */
    struct oro_key *loose, cut;
    uint32_t loose_cap;
    struct oro_arena loose_bytes;
    struct oro_bb cut_bytes;
    size_t row_bytes;             /* memory of the versions it made, dropped ones too */
    size_t old_bytes;             /* of the committed ones that it replaced or deleted */
    unsigned large_place;         /* in the store's large_seqs, while it commits as a large one */
    struct oro_view_reads *watch; /* a view is evaluated, and this is what it reads */
    uint64_t watched_at;          /* its answer's generation then */
    struct oro_view_tx views;
};

/* ---- write_set.c ---- */
uint32_t oro_ws_find(struct oro_tx *tx, const struct oro_table *t, const struct oro_index *ix,
                     const struct oro_key *k);
uint32_t oro_ws_old(const struct oro_tx *tx, const struct oro_table *t, const struct oro_row *old);
uint32_t oro_ws_add(struct oro_tx *tx, struct oro_table *t, struct oro_row *old,
                    struct oro_row *row, struct oro_key *keys);
void oro_ws_set_row(struct oro_tx *tx, uint32_t w, struct oro_row *row, struct oro_key *keys);
/* The write is again what it was. */
void oro_ws_put_back(struct oro_tx *tx, uint32_t w, struct oro_row *old, struct oro_row *row,
                     struct oro_key *keys);
void oro_ws_reset(struct oro_tx *tx); /* forgets all; rows are somebody else's now */
/* The keys of a row that is about to be written, until the next call or, while there are few writes, the end. */
struct oro_key *oro_ws_keys(struct oro_tx *tx, const struct oro_table *t, struct oro_bytes row);
/* Makes the key of a row that a write has, where it is not kept. */
const struct oro_key *oro_ws_cut_key(struct oro_tx *tx, const struct oro_write *wr, uint32_t i);
/* Key i of its row. Until the next call. */
static inline const struct oro_key *
oro_ws_key(struct oro_tx *tx, const struct oro_write *wr, uint32_t i)
{
    return ORO_LIKELY(wr->keys != NULL) ? &wr->keys[i] : oro_ws_cut_key(tx, wr, i);
}
/* Nothing is to be looked up any more: frees what that was done with. */
void oro_ws_forget_map(struct oro_tx *tx);
/* Nor written. Rows are somebody else's now. */
void oro_ws_forget_writes(struct oro_tx *tx);
static inline struct oro_tx_table *
oro_tx_table(struct oro_tx *tx, const struct oro_table *t)
{
    return &tx->tables[t->slot];
}

/* Before a write changes; before its row does, which has just been put among the dropped (savepoint.c). */
void oro_undo_note(struct oro_tx *tx, uint32_t w);
void oro_undo_note_row(struct oro_tx *tx, uint32_t w);

/* ---- read_set.c ---- */
/* The commit has to find this version alive, or this key free. */
void oro_tx_note_hit(struct oro_tx *tx, const struct oro_table *t, struct oro_row *r);
void oro_tx_note_miss(struct oro_tx *tx, const struct oro_index *ix, const struct oro_key *k);
void oro_tx_note_span(struct oro_tx *tx, const struct oro_span *span);
/* A view depends on what stands there, by whomever it was written. */
void oro_tx_watch_point(struct oro_tx *tx, const struct oro_table *t, const struct oro_index *ix,
                        const struct oro_key *k);

/* ---- validate.c ---- */
/* Commit lock held: may a transaction be committed on top of the newest record? Some of its writes, of what it found, of the keys
 * that it did not find; what it counted. False: session's clash says why. */
bool oro_writes_fit(struct oro_tx *tx, size_t from, size_t to);
bool oro_hits_hold(struct oro_tx *tx, size_t from, size_t to);
bool oro_misses_hold(struct oro_tx *tx, size_t from, size_t to);
bool oro_counts_hold(struct oro_tx *tx, size_t from, size_t to);
/* No record behind `from`, up to `to`, has a row in a range or table that tx read. Needs no lock:
 * the snapshot keeps the records. */
bool oro_spans_hold(struct oro_tx *tx, const struct oro_commit *from, const struct oro_commit *to);

#endif
