/* runtime/store/row.h - one version of a row.
 *
 *     begin | end | len | nlinks | links[nlinks] | the BSATN bytes
 *
 * A version is in every index of its table at once, where a link joins it to the other versions
 * with the same key, newest first. An index that is unique has one word of the row for that: the
 * next older version, and flags. Others have two, since whatever of many rows goes has to find its
 * neighbours: older and newer. Who may touch what:
 *   begin  written before the row can be found; then constant. Of a row that a large commit is putting into the indexes it is
 *          where the commit's seq will stand (ORO_LATER), until that is known
 *   end    set once by the committer that deletes the row; readers at older snapshots do not mind
 *          which value they see. A large commit sets it as it does begin
 *   older  constant while readers walk; changed only with readers shut out (internal.h)
 *   flags, newer  the committer's alone (commit lock) */
#ifndef ORO_STORE_ROW_H
#define ORO_STORE_ROW_H

#include "runtime/store/commit.h"
#include "runtime/store/pool.h"

#define ORO_SEQ_MAX UINT64_MAX /* end of a row that lives */

struct oro_row;

struct oro_row {
    _Atomic uint64_t begin, end;
    uint32_t len;
    uint32_t nlinks; /* words */
    _Atomic uintptr_t links[];
};

/* In the low bits of a unique index's link. */
enum {
    ORO_LINK_NEWER = 1, /* a newer version of the key stands before this one */
    ORO_LINK_LATE = 2,  /* it began after this one had ended: oro_index.late has it */
    ORO_LINK_EXACT = 4, /* this one is such: `older` is NULL once that version has left */
    ORO_LINK_GONE = 8,  /* has left the index; nobody comes here any more */
    ORO_LINK_FLAGS = 15,
};

static inline struct oro_row *
oro_row_older(const struct oro_row *r, uint32_t at)
{
    return (struct oro_row *)(atomic_load_explicit(&((struct oro_row *)(uintptr_t)r)->links[at],
                                                   memory_order_relaxed) &
                              ~(uintptr_t)ORO_LINK_FLAGS);
}

static inline unsigned
oro_row_flags(const struct oro_row *r, uint32_t at)
{
    return (unsigned)atomic_load_explicit(&((struct oro_row *)(uintptr_t)r)->links[at],
                                          memory_order_relaxed) &
           ORO_LINK_FLAGS;
}

static inline void
oro_row_link(struct oro_row *r, uint32_t at, const struct oro_row *older, unsigned flags)
{
    atomic_store_explicit(&r->links[at], (uintptr_t)older | flags, memory_order_relaxed);
}

static inline uint8_t *
oro_row_data(const struct oro_row *r)
{
    return (uint8_t *)(uintptr_t)(r->links + r->nlinks);
}

/* In begin and end: the rest is the address of a seq, ORO_SEQ_MAX while it is not known. */
#define ORO_LATER ((uint64_t)1 << 63)

static inline uint64_t
oro_row_later(uint64_t where)
{
    /* Pairs with the release in large_publish(). */
    return atomic_load_explicit((const _Atomic uint64_t *)(uintptr_t)(where & ~ORO_LATER),
                                memory_order_acquire);
}

static inline uint64_t
oro_row_begin(const struct oro_row *r)
{
    uint64_t begin = atomic_load_explicit(&r->begin, memory_order_relaxed);
    return ORO_LIKELY(begin < ORO_LATER) || begin == ORO_SEQ_MAX ? begin : oro_row_later(begin);
}

static inline uint64_t
oro_row_end(const struct oro_row *r)
{
    uint64_t end = atomic_load_explicit(&r->end, memory_order_relaxed);
    return ORO_LIKELY(end == ORO_SEQ_MAX || end < ORO_LATER) ? end : oro_row_later(end);
}

static inline bool
oro_row_visible(const struct oro_row *r, uint64_t snapshot)
{
    return oro_row_begin(r) <= snapshot && snapshot < oro_row_end(r);
}

static inline bool
oro_row_same(const struct oro_row *r, struct oro_bytes b)
{
    return r->len == b.len && memcmp(oro_row_data(r), b.data, b.len) == 0;
}

static inline size_t
oro_row_size(uint32_t nlinks, size_t len)
{
    return sizeof(struct oro_row) + nlinks * sizeof(uintptr_t) + len;
}

/* Gives; begin and end are ORO_SEQ_MAX. */
struct oro_row *oro_row_new(struct oro_pool_cache *pc, struct oro_bytes bytes, uint32_t nlinks);
void oro_row_free(struct oro_pool_cache *pc, struct oro_row *r); /* Takes r */

#endif
