/* runtime/store/internal.h - what the parts of the store share.
 *
 * Locks and who holds what:
 *   store->lock     the commit lock, a spin lock: installing, publishing, reclaiming, the lists
 *                   of sessions and cursors
 *   store->writing  set (under the lock) while index structures change; sessions' `reading` flags
 *                   answer it: readers wait for it, and it waits for those that read already (a
 *                   big-reader lock)
 *   turns           numbered like a baker's queue: an exclusive transaction owns the turn from
 *                   begin to end, other commits queue behind it. The turn is never waited for
 *                   with the commit lock held.
 *
 * A commit of very many rows would hold the lock for long. It puts them into the indexes in slices instead, while others
 * commit between them, to other tables (`large`); nobody sees what it does before it has its seq, which is when it is published.
 *
 * The ring is a list from `first` to `head`. A record passes three marks, in order:
 *   published   its deleted versions have an end but stand in the indexes still
 *   unlinked    every snapshot has reached it: its deleted versions have left the indexes
 *   detached    every snapshot and every cursor has passed it: freed with its deleted versions */
#ifndef ORO_STORE_INTERNAL_H
#define ORO_STORE_INTERNAL_H

#include "runtime/base/thread.h"
#include "runtime/store/index.h"
#include "runtime/store/store.h"
#include "runtime/store/tx.h"

#define ORO_IDLE UINT64_MAX /* snapshot of a session that reads nothing */
/* as a snapshot: what lives now, whether published or not */
#define ORO_LIVING (ORO_SEQ_MAX - 1)
#define ORO_NONE UINT32_MAX
/* A reader who has found where a seq will stand asks there before it lets committers in again: so the place may be used anew soon. */
#define ORO_LARGE_SEQS 16
/* Writes: what is below holds the commit lock for less than a millisecond. Tests have fewer. */
#ifndef ORO_LARGE
#define ORO_LARGE 4096
#endif

struct oro_sequence {
    const struct oro_sequence_def *def;
    uint64_t max;               /* largest value that the column holds */
    _Atomic uint64_t next;      /* first value not handed out */
    _Atomic uint64_t allocated; /* first value not reserved; grows under the commit lock */
};

struct oro_table {
    const struct oro_table_def *def;
    struct oro_layout layout;
    struct oro_index *ix; /* the declared ones at their slots, then our own */
    uint32_t nix, slot;
    uint32_t nlinks; /* words of a row that all of them need */
    /* which row is "the same row": primary key, else a unique index, else whole rows */
    struct oro_index *identity;
    struct oro_index *pk;   /* or NULL */
    struct oro_index *scan; /* a B+tree or the list */
    struct oro_sequence *seqs;
    uint64_t mask;
    _Atomic uint64_t rows, bytes; /* committed; written under the commit lock */
};

/* A commit record as the store has it. */
struct oro_record {
    struct oro_commit pub; /* first */
    uint64_t mask;         /* tables of its ops */
    size_t call_size;      /* of the copy of its call, behind the ops */
    struct oro_op ops[];
};

struct oro_cursor {
    struct oro_owner owner; /* whoever follows the ring with it */
    struct oro_store *store;
    struct oro_cursor *next, *prev;
    const struct oro_commit *at; /* the reader's */
    bool holds;                  /* snapshots: commit lock */
    /* Down to here oro_cursor_warm() has come; only worth something while its seq is above at's. */
    const struct oro_commit *warm;
    uint64_t warm_seq;
    struct oro_pool_cache cache;
    _Atomic uint64_t seq ORO_CACHE_ALIGNED; /* of `at`: what the reclaimer looks at */
};

/* A snapshot that is held (pin.c). The list's links: commit lock. */
struct oro_pin {
    struct oro_store *store;
    struct oro_pin *next, *prev;
    struct oro_commit *anchor; /* the record at whose seq it stands */
};

/* ---- a transaction ---- */

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

/* What a transaction knows of views' answers (view.c). */
struct oro_view_change {
    struct oro_view *view; /* a reference */
    struct oro_view_reads *reads;
    uint64_t generation; /* of the answer, when it was evaluated */
    uint64_t room;
};
struct oro_view_tx {
    bool looked;      /* for answers that it touches, */
    uint64_t version; /* in this one of the registry */
    struct oro_view **found;
    size_t nfound, nlater; /* the last ones of them are evaluated after its commit */
    struct oro_view_change *changes;
    size_t nchanges, cap;
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

/* Answers of views, and by which places they are found (view_priv.h). */
struct view_table;
struct oro_views {
    struct oro_spin lock;
    atomic_uint n;            /* listed ones */
    _Atomic uint64_t version; /* counts commits that evaluated one */
    uint64_t next, epoch;
    struct oro_map by_hash;    /* of the key -> the first of a list */
    struct view_table *tables; /* as the store's */
};

struct oro_session {
    /* Others read this line. */
    /* ORO_IDLE; 0 while it is being chosen: then nothing is reclaimed */
    ORO_CACHE_ALIGNED _Atomic uint64_t snapshot;
    atomic_uint reading;
    /* The owner's alone. */
    ORO_CACHE_ALIGNED struct oro_store *store;
    struct oro_session *next, *prev; /* commit lock */
    uint64_t snap;
    struct oro_commit *anchor; /* the record with seq == snap */
    struct oro_pool_cache cache;
    struct oro_arena arena; /* of this reading or transaction */
    struct oro_bb key, cmp; /* scratch: the key asked for, the key compared with */
    struct oro_clash clash; /* of the last conflict */
    struct oro_tx tx;
};

struct oro_store {
    const struct oro_schema *schema;
    struct oro_table *tables;
    uint32_t ntables;
    uint64_t sequence_block;
    struct oro_pool pool;
    struct oro_pool_cache cache; /* for whoever holds the commit lock, and for loading */

    ORO_CACHE_ALIGNED _Atomic(struct oro_commit *) head;
    _Atomic uint64_t seq, offset;
    _Atomic uint64_t written; /* bytes of the newest record */

    ORO_CACHE_ALIGNED atomic_uint writing;

    ORO_CACHE_ALIGNED struct oro_spin lock;
    /* Tables that a large commit under way has read or written: who writes to them waits for it; 0: none. */
    uint64_t large;
    struct oro_wake large_wake;
    _Atomic uint64_t large_seqs[ORO_LARGE_SEQS]; /* of the last ones: see ORO_LATER */
    unsigned large_next;
    atomic_bool large_busy[ORO_LARGE_SEQS]; /* rows of its commit may still say ORO_LATER */
    uint64_t turn_next;
    _Atomic uint64_t turn_serving;
    struct oro_wake turn_wake;
    struct oro_session *sessions;
    struct oro_cursor *cursors;
    struct oro_pin *pins, *pins_last; /* the oldest snapshot first */
    struct oro_commit *first;         /* oldest record not detached */
    /* newest record whose deleted versions have all left the indexes */
    struct oro_commit *unlinked;
    uint32_t unlink_op; /* how far the one after it is */
    /* detached, to be freed; linked by pub.next, which still leads into the ring */
    struct oro_record *trash, *trash_last;
    uint32_t trash_op;
    struct oro_bb scratch;
    size_t since;             /* ops and records since the marks moved last */
    bool backlog;             /* they could have moved further */
    uint64_t versions;        /* row versions in memory */
    _Atomic uint64_t records; /* in memory */
    _Atomic uint64_t conflicts;
    struct oro_views views;
};

static inline struct oro_table *
oro_table_of(const struct oro_store *s, const struct oro_table_def *def)
{
    size_t slot = (size_t)(def - s->schema->tables);
    ORO_ASSERT(slot < s->ntables);
    return &s->tables[slot];
}

static inline const struct oro_index *
oro_index_of(const struct oro_table *t, const struct oro_index_def *def)
{
    ORO_ASSERT(def->slot < t->def->nindexes);
    return &t->ix[def->slot];
}

static inline struct oro_record *
oro_record_of(const struct oro_commit *c)
{
    return (struct oro_record *)(uintptr_t)c;
}

static inline struct oro_commit *
oro_commit_next(const struct oro_commit *c)
{
    /* Pairs with the release in oro_ring_publish(). */
    return atomic_load_explicit(&((struct oro_commit *)(uintptr_t)c)->next, memory_order_acquire);
}

/* ---- session.c ---- */
/* Shuts the committer out of index structures for a moment. Not reentrant. */
void oro_reading_enter(struct oro_session *se);
static inline void
oro_reading_leave(struct oro_session *se)
{
    /* Pairs with the load in oro_writing_enter(): what was read was read before. */
    atomic_store_explicit(&se->reading, 0, memory_order_release);
}
/* The committer's side, with the commit lock: readers are shut out from the first change on, and
 * let in again after some, so that a large commit holds nobody up for long. What is half done then
 * is invisible: it belongs to a later seq. */
struct oro_writing {
    struct oro_store *store;
    unsigned changes; /* since readers were shut out; 0: they are not */
};
void oro_writing_enter(struct oro_writing *wr); /* before each change */
void oro_writing_leave(struct oro_writing *wr); /* at the end */
void oro_session_pin(struct oro_session *se);   /* publishes a snapshot */
/* and takes it back, with everything in the arena */
void oro_session_unpin(struct oro_session *se);

/* ---- read.c ---- */
/* The row a unique key has at the session's snapshot, and where: ix, row, cell, changes. */
void oro_read_key(struct oro_session *se, const struct oro_index *ix, const struct oro_key *k,
                  struct oro_seen *out);
/* Bounds as keys; their bytes are in the session's arena. ORO_ETYPE as oro_read_range. */
oro_status oro_interval_make(struct oro_session *se, const struct oro_index *ix,
                             const struct oro_range *range, struct oro_interval *out);
/* Committed rows in the interval (NULL: all of the table) at the snapshot, without those that tx
 * (may be NULL) deleted. */
void oro_gather(struct oro_session *se, struct oro_tx *tx, const struct oro_table *t,
                const struct oro_index *ix, const struct oro_interval *iv, struct oro_rows *out);
/* Puts a copy of wide key bytes in the arena. */
void oro_key_keep(struct oro_arena *a, struct oro_key *k);

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

/* ---- tx.c ---- */
/* The commit has to find this version alive, or this key free. */
void oro_tx_note_hit(struct oro_tx *tx, const struct oro_table *t, struct oro_row *r);
void oro_tx_note_miss(struct oro_tx *tx, const struct oro_index *ix, const struct oro_key *k);

/* ---- view.c ---- */
void oro_views_init(struct oro_store *s);
void oro_views_fini(struct oro_store *s);
/* Commit lock held: the answers that it touches are those that it has evaluated, and nobody else has since. */
bool oro_views_hold(struct oro_tx *tx);
void oro_views_commit(struct oro_tx *tx); /* commit lock held */
void oro_views_tx_end(struct oro_tx *tx);

/* ---- savepoint.c ---- */
/* Before a write changes; before its row does, which has just been put among the dropped. */
void oro_undo_note(struct oro_tx *tx, uint32_t w);
void oro_undo_note_row(struct oro_tx *tx, uint32_t w);

/* ---- sequence.c ---- */
ORO_MUST_CHECK oro_status oro_sequence_fill(struct oro_session *se, struct oro_table *t,
                                            uint8_t *row, struct oro_err *err);
uint64_t oro_sequence_max(const struct oro_type *column);

/* ---- ring.c ---- */
/* call: copied, with its name and arguments; NULL: none. Long arguments are not copied where they lie in a frame. */
struct oro_record *oro_record_new(struct oro_pool_cache *pc, size_t nops,
                                  const struct oro_call *call);
/* Its origin. Takes text and detail. */
void oro_record_take(struct oro_record *rec, const struct oro_origin *origin);
void oro_record_free(struct oro_pool_cache *pc, struct oro_record *rec);
/* Appends with the next seq; ops count as one transaction more. Commit lock held. */
void oro_ring_publish(struct oro_store *s, struct oro_record *rec, uint64_t seq);
/* Tells that a commit of nops ops was published, and moves the marks on if it is time. Commit lock
 * held; *work is for oro_ring_sweep, after it. */
void oro_ring_reclaim(struct oro_store *s, size_t nops, size_t *work);
/* Frees about `work` of the rows that were detached; takes the lock now and then. */
void oro_ring_sweep(struct oro_store *s, struct oro_pool_cache *pc, size_t work);
void oro_ring_free_all(struct oro_store *s);

/* ---- commit.c ---- */
/* Commit lock held: may a transaction be committed on top of the newest record? Some of its writes, of what it found, of the keys
 * that it did not find; what it counted. False: session's clash says why. */
bool oro_writes_fit(struct oro_tx *tx, size_t from, size_t to);
bool oro_hits_hold(struct oro_tx *tx, size_t from, size_t to);
bool oro_misses_hold(struct oro_tx *tx, size_t from, size_t to);
bool oro_counts_hold(struct oro_tx *tx, size_t from, size_t to);
/* No record behind `from`, up to `to`, has a row in a range or table that tx read. Needs no lock:
 * the snapshot keeps the records. */
bool oro_spans_hold(struct oro_tx *tx, const struct oro_commit *from, const struct oro_commit *to);

/* ---- large.c ---- */
bool oro_large_is(const struct oro_tx *tx);          /* to be committed so */
bool oro_large_has_place(const struct oro_store *s); /* commit lock held: for one more */
/* Commit lock held, and given back while it waits: until no large commit is under way for any of these tables. */
void oro_large_wait(struct oro_store *s, uint64_t tables);
/* With the lock held and no turn taken; gives it back. Ranges and tables that it read are as they were up to the record `checked`.
 * False: a conflict, and nothing has happened. Afterwards the record is published, and oro_large_end is to be called before the
 * snapshot ends. *work: as of oro_ring_reclaim. */
bool oro_large_commit(struct oro_tx *tx, struct oro_record *rec, const struct oro_commit *checked,
                      uint64_t *seq, size_t *work);
void oro_large_end(struct oro_tx *tx, const struct oro_record *rec, uint64_t seq);

/* ---- store.c ---- */
/* Puts the new version into all indexes of its table. */
void oro_install(struct oro_writing *writing, struct oro_tx *tx, const struct oro_write *wr);
/* Out of all of them; no snapshot sees the row. Readers shut out, unless oro_unlink_is_free. */
void oro_unlink(struct oro_table *t, struct oro_row *row, struct oro_bb *scratch);
bool oro_unlink_is_free(const struct oro_table *t, const struct oro_row *row);
/* The keys of a row in every index, wide ones in `a`; those of whole rows point into `row`. */
void oro_keys_make(struct oro_arena *a, struct oro_bb *scratch, const struct oro_table *t,
                   struct oro_bytes row, struct oro_key *keys);
oro_status oro_unique_error(const struct oro_table *t, const struct oro_index *ix,
                            const struct oro_row *row, struct oro_err *err);
uint64_t oro_store_versions(const struct oro_store *s); /* row versions in memory (tests) */
uint64_t oro_store_records(const struct oro_store *s);

#endif
