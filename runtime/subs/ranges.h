/* runtime/subs/ranges.h - intervals over the values of one column, and which of them have a value: looking costs the intervals
 * that are found and a logarithm (runtime/base/treap.h). One thread. */
#ifndef ORO_SUBS_RANGES_H
#define ORO_SUBS_RANGES_H

#include "runtime/base/treap.h"
#include "runtime/subs/query_priv.h"

/* One interval; embedded in what it belongs to. Bounds are BSATN of the column; data NULL: unbounded. */
struct range_node {
    /* The tree's own, what is looked at first: keys have the order of values, but different values may have one. */
    uint64_t lo_key, hi_key, most; /* most: hi_key of node.furthest */
    struct oro_treap_node node;
    struct oro_bytes lo, hi;
    bool lo_open, hi_open;
};

struct ranges {
    const struct oro_type *leaf; /* query_leaf_type of the column */
    struct oro_treap tree;
};

void ranges_add(struct ranges *r, struct range_node *n); /* Borrows n until it is removed */
void ranges_remove(struct ranges *r, struct range_node *n);
typedef void (*ranges_visit)(void *arg, struct range_node *n);
/* Those that have the value, in no promised order. Gives how many nodes were looked at. */
uint64_t ranges_find(const struct ranges *r, const uint8_t *value, ranges_visit visit, void *arg);

#endif
