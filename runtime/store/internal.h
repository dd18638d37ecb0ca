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
#include "runtime/store/table_priv.h"
#include "runtime/store/tx_priv.h"

#define ORO_IDLE UINT64_MAX /* snapshot of a session that reads nothing */
/* as a snapshot: what lives now, whether published or not */
#define ORO_LIVING (ORO_SEQ_MAX - 1)
/* A reader who has found where a seq will stand asks there before it lets committers in again: so the place may be used anew soon. */
#define ORO_LARGE_SEQS 16
/* Writes: what is below holds the commit lock for less than a millisecond. Tests have fewer. */
#ifndef ORO_LARGE
#define ORO_LARGE 4096
#endif

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
    uint64_t published;          /* the store's newest record was this one or a later one */
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
/* It ends with the row's key in the direction in which it is walked; or, begins: it begins there. */
void oro_interval_cut(struct oro_session *se, const struct oro_index *ix, struct oro_interval *iv,
                      struct oro_bytes row, bool begins);
/* Committed rows in the interval (NULL: all of the table) at the snapshot, without those that tx
 * (may be NULL) deleted. */
void oro_gather(struct oro_session *se, struct oro_tx *tx, const struct oro_table *t,
                const struct oro_index *ix, const struct oro_interval *iv, struct oro_rows *out);

/* ---- view.c ---- */
void oro_views_init(struct oro_store *s);
void oro_views_fini(struct oro_store *s);
/* Commit lock held: the answers that it touches are those that it has evaluated, and nobody else has since. */
bool oro_views_hold(struct oro_tx *tx);
void oro_views_commit(struct oro_tx *tx); /* commit lock held */
void oro_views_tx_end(struct oro_tx *tx);

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

/* ---- large.c ---- */
/* To be committed so. */
static inline bool
oro_large_is(const struct oro_tx *tx)
{
    return ORO_UNLIKELY(tx->nwrites >= ORO_LARGE) && !tx->exclusive;
}
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
uint64_t oro_store_versions(const struct oro_store *s); /* row versions in memory (tests) */
uint64_t oro_store_records(const struct oro_store *s);

#endif
