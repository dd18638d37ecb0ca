/* runtime/store/spans.c - see spans.h. As runtime/subs/ranges.c, over the keys of an index instead of a column's values. */
#include "runtime/store/spans.h"

#include "runtime/base/annot.h"

/* ---- order ---- */

/* The place a bound stands at: before its key, or after it and all that begin with it. */
static int
compare_bounds(const struct oro_bound *a, const struct oro_bound *b)
{
    if (a->bytes.len == 0 && b->bytes.len == 0 && a->word != b->word)
        return a->word < b->word ? -1 : 1;
    /* Wide ones, whose words say nothing: a shorter one is the beginning of longer ones; after it is after all of these. */
    size_t n = a->bytes.len < b->bytes.len ? a->bytes.len : b->bytes.len;
    int c = oro_bytes_cmp(oro_bytes(a->bytes.data, n), oro_bytes(b->bytes.data, n));
    if (c != 0)
        return c;
    if (a->bytes.len == b->bytes.len)
        return (a->after > b->after) - (a->after < b->after);
    if (a->bytes.len < b->bytes.len)
        return a->after ? 1 : -1;
    return b->after ? -1 : 1;
}

static const struct oro_interval *
interval_of(const struct oro_treap_node *n)
{
    return ORO_CONTAINER_OF(n, const struct oro_span_node, node)->iv;
}

static int
compare(const struct oro_treap *t, const struct oro_treap_node *a, const struct oro_treap_node *b)
{
    (void)t;
    return compare_bounds(&interval_of(a)->lo, &interval_of(b)->lo);
}

static bool
reaches_further(const struct oro_treap *t, const struct oro_treap_node *a,
                const struct oro_treap_node *b)
{
    (void)t;
    return compare_bounds(&interval_of(a)->hi, &interval_of(b)->hi) > 0;
}

static const struct oro_treap_order by_key = {.compare = compare,
                                              .reaches_further = reaches_further};

void
oro_spans_add(struct oro_spans *s, struct oro_span_node *n)
{
    oro_treap_insert(&s->tree, &by_key, &n->node);
}

void
oro_spans_remove(struct oro_spans *s, struct oro_span_node *n)
{
    oro_treap_remove(&s->tree, &by_key, &n->node);
}

/* ---- looking ---- */

struct key_probe {
    struct oro_treap_probe probe;
    const struct oro_index *ix;
    const struct oro_key *k;
    oro_spans_visit visit;
    void *arg;
};

static enum oro_treap_place
place(const struct oro_treap_probe *p, const struct oro_treap_node *n)
{
    const struct key_probe *key = ORO_CONTAINER_OF(p, const struct key_probe, probe);
    const struct oro_interval *iv = interval_of(n);
    if (oro_key_is_behind(key->ix, key->k, &interval_of(n->furthest)->hi))
        return ORO_TREAP_ABOVE_ALL;
    if (!oro_key_is_behind(key->ix, key->k, &iv->lo))
        return ORO_TREAP_BELOW;
    return oro_key_is_behind(key->ix, key->k, &iv->hi) ? ORO_TREAP_ABOVE : ORO_TREAP_WITHIN;
}

static void
visit(struct oro_treap_probe *p, struct oro_treap_node *n)
{
    const struct key_probe *key = ORO_CONTAINER_OF(p, const struct key_probe, probe);
    key->visit(key->arg, ORO_CONTAINER_OF(n, struct oro_span_node, node));
}

size_t
oro_spans_find(const struct oro_spans *s, const struct oro_index *ix, const struct oro_key *k,
               oro_spans_visit visit_one, void *arg)
{
    struct key_probe key = {.probe = {place, visit, 0},
                            .ix = ix,
                            .k = k,
                            .visit = visit_one,
                            .arg = arg};
    oro_treap_find(&s->tree, &key.probe);
    return key.probe.looked;
}
