/* runtime/store/hash.h - a hash index: key to the newest version of the row(s) with that key.
 *
 * Open addressing with linear probing, 8 bytes a slot, at most 3/4 full: the row's address, and 16
 * bits of its hash above it, in which addresses have nothing. What matches in these is compared
 * with the row itself, which whoever looks wants to read anyway. Twelve of the bits are the lowest
 * of the slot where the key would like to be, so that how far it stands from there is known without
 * its row. A key leaves no trace: what stood behind it moves up. Growing (and shrinking) is spread
 * out: the table before stays beside the new one, every change moves a few of its slots over and
 * leaves tombstones, so no single insert pays for all. Readers look in both.
 *
 * Reading needs the reader's flag, changing needs readers shut out (internal.h), but for the head in
 * a cell, which the committer may replace at any time. */
#ifndef ORO_STORE_HASH_H
#define ORO_STORE_HASH_H

#include "runtime/store/key.h"
#include "runtime/store/row.h"

/* The newest version with one key: its address; the bits above are the structure's own. */
typedef _Atomic(uintptr_t) oro_head;

#define ORO_HEAD_BITS 48 /* of an address */

static inline struct oro_row *
oro_head_row(const oro_head *h)
{
    /* Pairs with the release in oro_head_set(): the row is complete before a reader gets at it. */
    uintptr_t p = atomic_load_explicit((oro_head *)(uintptr_t)h, memory_order_acquire);
    return (struct oro_row *)(p & (((uintptr_t)1 << ORO_HEAD_BITS) - 1));
}

static inline void
oro_head_set(oro_head *h, const struct oro_row *r)
{
    uintptr_t p = atomic_load_explicit(h, memory_order_relaxed);
    p = p >> ORO_HEAD_BITS << ORO_HEAD_BITS | (uintptr_t)r;
    atomic_store_explicit(h, p, memory_order_release);
}

enum oro_key_mode {
    ORO_KEY_NARROW, /* the word is the key */
    ORO_KEY_WIDE,
    ORO_KEY_ROW, /* the key is the whole row */
};

struct oro_hash {
    enum oro_key_mode mode;
    const struct oro_key_plan *plan; /* how a row's key is cut; not for ORO_KEY_ROW */
    uint64_t seed;
    oro_head *slots, *old;  /* 0: free */
    size_t cap, n;          /* n: keys, those still in `old` included */
    size_t old_cap, old_at; /* slots of old before old_at have moved */
    struct oro_bb scratch;  /* of whoever changes it */
};

/* Borrows plan, for as long as the hash lives. */
void oro_hash_init(struct oro_hash *h, enum oro_key_mode mode, const struct oro_key_plan *plan);
void oro_hash_fini(struct oro_hash *h);
/* NULL: no such key */
oro_head *oro_hash_cell(const struct oro_hash *h, const struct oro_key *k);
/* The key, which is the row's, is not there. */
void oro_hash_insert(struct oro_hash *h, const struct oro_key *k, struct oro_row *row);
void oro_hash_erase(struct oro_hash *h, const struct oro_key *k); /* the key is there */
/* Every head; *at starts at 0. NULL at the end. Nothing may change meanwhile. */
struct oro_row *oro_hash_next(const struct oro_hash *h, size_t *at);

#endif
