/* runtime/store/spans.h - the ranges of an ordered index that answers of views depend on, and which of them have a key, so that a
 * write costs the ranges that it lies in and a logarithm (runtime/base/treap.h). Under the registry's lock. */
#ifndef ORO_STORE_SPANS_H
#define ORO_STORE_SPANS_H

#include "runtime/base/treap.h"
#include "runtime/store/index.h"

/* Embedded in what it belongs to, whose bounds it borrows. */
struct oro_span_node {
    struct oro_treap_node node;
    const struct oro_interval *iv;
};

/* Zeroed: empty. */
struct oro_spans {
    struct oro_treap tree;
};

void oro_spans_add(struct oro_spans *s, struct oro_span_node *n); /* n->iv is set; until removed */
void oro_spans_remove(struct oro_spans *s, struct oro_span_node *n);
typedef void (*oro_spans_visit)(void *arg, struct oro_span_node *n);
/* Those that have the key of the index, in no promised order. Gives how many were looked at. */
size_t oro_spans_find(const struct oro_spans *s, const struct oro_index *ix,
                      const struct oro_key *k, oro_spans_visit visit, void *arg);

#endif
