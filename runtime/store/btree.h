/* runtime/store/btree.h - an ordered index: a plain B+tree from keys to the newest version of the
 * row(s) with that key.
 *
 * Every node keeps the first 8 bytes of its keys (the whole key when it is narrow) in one array, so
 * that a search reads little memory; a tie between wide keys is settled by their entries. An inner
 * node with n children has separators 1..n-1: what is under child i is >= separator i. Leaves are
 * joined to the right. Nodes but the root are at least a quarter full. Ascending inserts leave full
 * leaves behind. Reading and changing as in hash.h.
 *
 * Where the key is one integer column, those from 0 on that lie close enough together stand in an
 * array beside the tree (dense.h). Its limit grows with the keys that there are, a page at a time,
 * and takes over what the tree has there; it is never so far that most of it would be empty. */
#ifndef ORO_STORE_BTREE_H
#define ORO_STORE_BTREE_H

#include "runtime/store/dense.h"

#define ORO_BT_CAP 32

/* A wide key, kept once for its rows; nodes above the leaves share it. */
struct oro_entry {
    oro_head head;
    uint32_t refs, len;
    uint8_t bytes[];
};

struct oro_bt_node {
    uint16_t n;
    bool leaf;
    uint64_t words[ORO_BT_CAP];
};

struct oro_bt_leaf {
    struct oro_bt_node node;
    struct oro_bt_leaf *next;
    oro_head p[ORO_BT_CAP]; /* wide: the entry in disguise */
};

struct oro_bt_inner {
    struct oro_bt_node node;
    struct oro_bt_node *child[ORO_BT_CAP];
    struct oro_entry *sep[]; /* ORO_BT_CAP of them in trees of wide keys, else none */
};

struct oro_btree {
    bool wide;
    struct oro_pool_cache *pc;
    struct oro_bt_node *root;
    struct oro_dense dense;
    size_t n; /* keys, those in dense included */
};

struct oro_bt_at {
    struct oro_bt_leaf *leaf;
    unsigned i;
    size_t number; /* in dense */
};

void oro_btree_init(struct oro_btree *t, struct oro_pool_cache *pc, bool wide);
/* Before there are keys, which are one integer of so many bytes. */
void oro_btree_allow_dense(struct oro_btree *t, unsigned size, bool is_signed);
void oro_btree_fini(struct oro_btree *t);
/* NULL: no such key */
oro_head *oro_btree_cell(const struct oro_btree *t, const struct oro_key *k);
/* the key is not there */
void oro_btree_insert(struct oro_btree *t, const struct oro_key *k, struct oro_row *row);
void oro_btree_erase(struct oro_btree *t, const struct oro_key *k); /* the key is there */
/* The first key behind the bound. */
struct oro_bt_at oro_btree_seek(const struct oro_btree *t, const struct oro_bound *b);
/* The cell at *at and its key (narrow: only the word), then steps on. NULL at the end. */
oro_head *oro_btree_next(const struct oro_btree *t, struct oro_bt_at *at, struct oro_key *k);
/* Steps back, then gives the cell there and its key. NULL at the beginning. */
oro_head *oro_btree_prev(const struct oro_btree *t, struct oro_bt_at *at, struct oro_key *k);
bool oro_btree_check(const struct oro_btree *t);

#endif
