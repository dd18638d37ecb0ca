/* runtime/base/treap.h - intervals, and which of them a value lies in: a treap by lower bound, each node with the one of its
 * subtree that reaches furthest, so that looking costs the intervals that are found and a logarithm. Its nodes stand in what they
 * belong to; what bounds are, and their order, its user says. Nothing here allocates. One thread, or its user's lock. */
#ifndef ORO_BASE_TREAP_H
#define ORO_BASE_TREAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct oro_treap_node {
    struct oro_treap_node *left, *right;
    struct oro_treap_node *furthest; /* of it and all below: whose upper bound is the highest */
    uint64_t priority;
};

/* Zeroed: empty. */
struct oro_treap {
    struct oro_treap_node *root;
    uint64_t chance;
};

/* One for a kind of tree. The tree is given so that its user finds what it stands in. */
struct oro_treap_order {
    /* Of lower bounds: < 0, 0, > 0. Equal ones are told apart by their address. */
    int (*compare)(const struct oro_treap *t, const struct oro_treap_node *a,
                   const struct oro_treap_node *b);
    /* a's upper bound is above b's. */
    bool (*reaches_further)(const struct oro_treap *t, const struct oro_treap_node *a,
                            const struct oro_treap_node *b);
    /* n->furthest has been set, to what it was or another one; NULL: nobody keeps a copy of it. */
    void (*refreshed)(struct oro_treap_node *n);
};

/* Borrows n until it is removed; its bounds are set, and stay. */
void oro_treap_insert(struct oro_treap *t, const struct oro_treap_order *order,
                      struct oro_treap_node *n);
/* n is in t. */
void oro_treap_remove(struct oro_treap *t, const struct oro_treap_order *order,
                      struct oro_treap_node *n);

/* Where a value lies, seen from a node's interval. */
enum oro_treap_place {
    ORO_TREAP_ABOVE_ALL, /* above the upper bound of n->furthest, and so of all below n */
    ORO_TREAP_ABOVE,
    ORO_TREAP_WITHIN,
    ORO_TREAP_BELOW,
};

/* A value that is looked up; embedded in what knows it. */
struct oro_treap_probe {
    enum oro_treap_place (*place)(const struct oro_treap_probe *p, const struct oro_treap_node *n);
    /* n has it. The tree must stay as it is meanwhile. */
    void (*visit)(struct oro_treap_probe *p, struct oro_treap_node *n);
    uint64_t looked; /* counts the nodes that were looked at */
};

/* Visits those that have the value, in no promised order. */
void oro_treap_find(const struct oro_treap *t, struct oro_treap_probe *p);

#endif
