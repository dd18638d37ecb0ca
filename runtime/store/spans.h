/* runtime/store/spans.h - the ranges of an ordered index that answers of views depend on, and which of them have a key: a treap by
 * lower bound, each node with the highest upper bound below it, so that a write costs the ranges that it lies in and a
 * logarithm. Under the registry's lock. */
#ifndef ORO_STORE_SPANS_H
#define ORO_STORE_SPANS_H

#include "runtime/store/index.h"

/* Embedded in what it belongs to, whose bounds it borrows. */
struct oro_span_node {
    const struct oro_interval *iv;
    struct oro_span_node *left, *right, *highest;
    uint64_t priority;
};

/* Zeroed: empty. */
struct oro_spans {
    struct oro_span_node *root;
    uint64_t chance;
    size_t n;
};

void oro_spans_add(struct oro_spans *s, struct oro_span_node *n); /* n->iv is set; until removed */
void oro_spans_remove(struct oro_spans *s, struct oro_span_node *n);
typedef void (*oro_spans_visit)(void *arg, struct oro_span_node *n);
/* Those that have the key of the index, in no promised order. Gives how many were looked at. */
size_t oro_spans_find(const struct oro_spans *s, const struct oro_index *ix,
                      const struct oro_key *k, oro_spans_visit visit, void *arg);

#endif
