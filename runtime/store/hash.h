/* runtime/store/hash.h - a hash index: key to the newest version of the row(s) with that key.
 *
 * Open addressing with linear probing, 16 bytes a slot, at most 3/4 full. A key leaves no trace:
 * what stood behind it moves up. Growing (and shrinking) is spread out: the table before stays
 * beside the new one, every change moves a few of its slots over and leaves tombstones, so no
 * single insert pays for all. Readers look in both.
 *
 * Reading needs the reader's flag, changing needs readers shut out (session.h), but for the head in
 * a cell, which the committer may replace at any time. */
#ifndef ORO_STORE_HASH_H
#define ORO_STORE_HASH_H

#include "runtime/store/key.h"
#include "runtime/store/row.h"

/* The newest version with one key. */
typedef _Atomic(struct oro_row *) oro_head;

/* A wide key, kept once for its rows; B+tree nodes above the leaves share it. */
struct oro_entry {
    oro_head head;
    uint32_t refs, len;
    uint8_t bytes[];
};

struct oro_entry *oro_entry_new(struct oro_pool_cache *pc, struct oro_bytes key);
void oro_entry_unref(struct oro_pool_cache *pc, struct oro_entry *e);

enum oro_key_mode {
    ORO_KEY_NARROW, /* the word is the key */
    ORO_KEY_WIDE,   /* cells are in entries, which hold the bytes */
    ORO_KEY_ROW,    /* the key is the whole row, compared with the head's bytes */
};

struct oro_hash_slot {
    uint64_t word;
    oro_head p; /* NULL: free. Wide: the entry in disguise */
};

struct oro_hash {
    enum oro_key_mode mode;
    struct oro_pool_cache *pc;
    uint64_t seed;
    struct oro_hash_slot *slots, *old;
    size_t cap, n;          /* n: keys, those still in `old` included */
    size_t old_cap, old_at; /* slots of old before old_at have moved */
};

void oro_hash_init(struct oro_hash *h, struct oro_pool_cache *pc, enum oro_key_mode mode);
void oro_hash_fini(struct oro_hash *h);
/* NULL: no such key */
oro_head *oro_hash_cell(const struct oro_hash *h, const struct oro_key *k);
/* the key is not there */
void oro_hash_insert(struct oro_hash *h, const struct oro_key *k, struct oro_row *row);
void oro_hash_erase(struct oro_hash *h, const struct oro_key *k); /* the key is there */
/* Every head; *at starts at 0. NULL at the end. Nothing may change meanwhile. */
struct oro_row *oro_hash_next(const struct oro_hash *h, size_t *at);

#endif
