/* runtime/store/row.h - one version of a row.
 *
 *     begin | end | len | nlinks | links[nlinks] | the BSATN bytes
 *
 * A version is in every index of its table at once: links[i] joins it to the other versions with
 * the same key in index i, newest first. Who may touch what:
 *   begin  written before the row can be found; then constant
 *   end    set once by the committer that deletes the row; readers at older snapshots do not mind
 *          which value they see
 *   older  constant while readers walk; changed only with readers shut out (session.h)
 *   newer  the committer's alone (commit lock) */
#ifndef ORO_STORE_ROW_H
#define ORO_STORE_ROW_H

#include "runtime/store/commit.h"
#include "runtime/store/pool.h"

#define ORO_SEQ_MAX UINT64_MAX /* end of a row that lives */

struct oro_row;

struct oro_row_link {
    struct oro_row *older, *newer;
};

struct oro_row {
    _Atomic uint64_t begin, end;
    uint32_t len;
    uint32_t nlinks;
    struct oro_row_link links[];
};

static inline uint8_t *
oro_row_data(const struct oro_row *r)
{
    return (uint8_t *)(uintptr_t)(r->links + r->nlinks);
}

static inline uint64_t
oro_row_begin(const struct oro_row *r)
{
    return atomic_load_explicit(&r->begin, memory_order_relaxed);
}

static inline uint64_t
oro_row_end(const struct oro_row *r)
{
    return atomic_load_explicit(&r->end, memory_order_relaxed);
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

/* Gives; begin and end are ORO_SEQ_MAX. */
struct oro_row *oro_row_new(struct oro_pool_cache *pc, struct oro_bytes bytes, uint32_t nlinks);
void oro_row_free(struct oro_pool_cache *pc, struct oro_row *r); /* Takes r */

#endif
