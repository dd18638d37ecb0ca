/* runtime/store/dense.h - the dense part of an ordered index over one integer column: keys 0, 1, 2 ... up to a limit stand in
 * pages of an array, by their number, so that one look finds a cell where a tree takes one for each level. Ids that a sequence
 * hands out are such keys. The B+tree around it (btree.h) holds all other keys and decides on the limit. A page without keys is
 * not there. Reading and changing as in hash.h. */
#ifndef ORO_STORE_DENSE_H
#define ORO_STORE_DENSE_H

#include "runtime/store/hash.h"

#define ORO_DENSE_PAGE 64

struct oro_dense_page {
    oro_head *cells; /* NULL: none */
    uint32_t n;      /* keys */
};

/* Zeroed, it takes no keys. */
struct oro_dense {
    uint64_t first; /* the narrow word of number 0 */
    unsigned shift; /* of a number in a word */
    bool on;
    size_t limit; /* numbers below stand here, and only here; whole pages */
    size_t n;     /* keys */
    struct oro_dense_page *pages;
    size_t pages_cap;
};

/* For keys of one integer of so many bytes. */
void oro_dense_init(struct oro_dense *d, unsigned size, bool is_signed);
void oro_dense_fini(struct oro_dense *d, struct oro_pool_cache *pc);
/* One page more. */
void oro_dense_grow(struct oro_dense *d);
void oro_dense_put(struct oro_dense *d, struct oro_pool_cache *pc, size_t number,
                   const struct oro_row *row);
void oro_dense_erase(struct oro_dense *d, struct oro_pool_cache *pc, size_t number);
/* The first number below the limit whose word is behind the bound; the limit if there is none. */
size_t oro_dense_seek(const struct oro_dense *d, const struct oro_bound *b);
/* The first key from *number on: its cell, and *number is where it stands. NULL: none. */
oro_head *oro_dense_next(const struct oro_dense *d, size_t *number);
/* The last key before *number: its cell, and *number is where it stands. NULL: none. */
oro_head *oro_dense_prev(const struct oro_dense *d, size_t *number);
bool oro_dense_check(const struct oro_dense *d);

/* What is at or beyond the limit has its place elsewhere; so have negative numbers, which are beyond it all. */
static inline uint64_t
oro_dense_number(const struct oro_dense *d, uint64_t word)
{
    return (word - d->first) >> d->shift;
}

static inline uint64_t
oro_dense_word(const struct oro_dense *d, size_t number)
{
    return d->first + ((uint64_t)number << d->shift);
}

/* number: below the limit. NULL: no such key. */
static inline oro_head *
oro_dense_cell(const struct oro_dense *d, size_t number)
{
    oro_head *cells = d->pages[number / ORO_DENSE_PAGE].cells;
    oro_head *c = cells != NULL ? &cells[number % ORO_DENSE_PAGE] : NULL;
    return c != NULL && atomic_load_explicit(c, memory_order_relaxed) != 0 ? c : NULL;
}

#endif
