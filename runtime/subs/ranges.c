/* See ranges.h. */
#include "runtime/subs/ranges.h"

#include "runtime/base/annot.h"

#include <math.h>
#include <string.h>

/* ---- keys ---- */

static uint64_t
key_of_double(double d)
{
    uint64_t bits;
    if (isnan(d))
        return UINT64_MAX;
    d = d == 0 ? 0 : d; /* one zero */
    memcpy(&bits, &d, 8);
    return bits >> 63 ? ~bits : bits | (uint64_t)1 << 63;
}

static uint64_t
key_of_text(const uint8_t *p)
{
    uint32_t n;
    uint64_t key = 0;
    memcpy(&n, p, 4);
    for (unsigned i = 0; i < 8; i++)
        key = key << 8 | (i < n ? p[4 + i] : 0);
    return key;
}

/* The upper eight bytes of an integer. */
static uint64_t
key_of_integer(const struct oro_type *leaf, const uint8_t *p)
{
    unsigned size = leaf->fixed_size;
    bool is_signed = leaf->kind == ORO_I8 || leaf->kind == ORO_I16 || leaf->kind == ORO_I32 ||
                     leaf->kind == ORO_I64 || leaf->kind == ORO_I128 || leaf->kind == ORO_I256;
    uint64_t key = 0;
    for (unsigned i = 0; i < 8; i++)
        key = key << 8 | (i < size ? p[size - 1 - i] : 0);
    return is_signed ? key ^ (uint64_t)1 << 63 : key;
}

static uint64_t
key_of(const struct oro_type *leaf, const uint8_t *p)
{
    float f;
    double d;
    switch (leaf->kind) {
    case ORO_STRING:
    case ORO_ARRAY:
        return key_of_text(p);
    case ORO_F32:
        memcpy(&f, p, 4);
        return key_of_double(f);
    case ORO_F64:
        memcpy(&d, p, 8);
        return key_of_double(d);
    default:
        return key_of_integer(leaf, p);
    }
}

/* ---- order ---- */

static const struct range_node *
range_of(const struct oro_treap_node *n)
{
    return ORO_CONTAINER_OF(n, const struct range_node, node);
}

static const struct oro_type *
leaf_of(const struct oro_treap *t)
{
    return ORO_CONTAINER_OF(t, const struct ranges, tree)->leaf;
}

/* Lower bounds: none is the lowest, and at one value the closed one comes first. */
static int
compare_lo(const struct oro_treap *t, const struct oro_treap_node *left,
           const struct oro_treap_node *right)
{
    const struct range_node *a = range_of(left), *b = range_of(right);
    if (a->lo.data == NULL || b->lo.data == NULL)
        return (a->lo.data != NULL) - (b->lo.data != NULL);
    int c = query_compare(leaf_of(t), a->lo.data, b->lo.data);
    return c != 0 ? c : (a->lo_open > b->lo_open) - (a->lo_open < b->lo_open);
}

static bool
reaches_further(const struct oro_treap *t, const struct oro_treap_node *left,
                const struct oro_treap_node *right)
{
    const struct range_node *a = range_of(left), *b = range_of(right);
    if (a->hi.data == NULL || b->hi.data == NULL)
        return a->hi.data == NULL;
    int c = query_compare(leaf_of(t), a->hi.data, b->hi.data);
    return c != 0 ? c > 0 : b->hi_open;
}

static void
note_most(struct oro_treap_node *n)
{
    ORO_CONTAINER_OF(n, struct range_node, node)->most = range_of(n->furthest)->hi_key;
}

static const struct oro_treap_order by_value = {compare_lo, reaches_further, note_most};

void
ranges_add(struct ranges *r, struct range_node *n)
{
    n->lo_key = n->lo.data != NULL ? key_of(r->leaf, n->lo.data) : 0;
    n->hi_key = n->hi.data != NULL ? key_of(r->leaf, n->hi.data) : UINT64_MAX;
    oro_treap_insert(&r->tree, &by_value, &n->node);
}

void
ranges_remove(struct ranges *r, struct range_node *n)
{
    oro_treap_remove(&r->tree, &by_value, &n->node);
}

/* ---- looking ---- */

struct value_probe {
    struct oro_treap_probe probe;
    const struct oro_type *leaf;
    const uint8_t *value;
    uint64_t key;
    ranges_visit visit;
    void *arg;
};

static bool
ends_before(const struct range_node *n, const struct value_probe *v)
{
    if (n->hi_key != v->key)
        return n->hi_key < v->key;
    if (n->hi.data == NULL)
        return false;
    int c = query_compare(v->leaf, n->hi.data, v->value);
    return c < 0 || (c == 0 && n->hi_open);
}

static bool
begins_behind(const struct range_node *n, const struct value_probe *v)
{
    if (n->lo_key != v->key)
        return n->lo_key > v->key;
    if (n->lo.data == NULL)
        return false;
    int c = query_compare(v->leaf, n->lo.data, v->value);
    return c > 0 || (c == 0 && n->lo_open);
}

static enum oro_treap_place
place(const struct oro_treap_probe *p, const struct oro_treap_node *at)
{
    const struct value_probe *v = ORO_CONTAINER_OF(p, const struct value_probe, probe);
    const struct range_node *n = range_of(at);
    if (n->most != v->key ? n->most < v->key : ends_before(range_of(at->furthest), v))
        return ORO_TREAP_ABOVE_ALL;
    if (begins_behind(n, v))
        return ORO_TREAP_BELOW;
    return ends_before(n, v) ? ORO_TREAP_ABOVE : ORO_TREAP_WITHIN;
}

static void
visit(struct oro_treap_probe *p, struct oro_treap_node *n)
{
    const struct value_probe *v = ORO_CONTAINER_OF(p, const struct value_probe, probe);
    v->visit(v->arg, ORO_CONTAINER_OF(n, struct range_node, node));
}

uint64_t
ranges_find(const struct ranges *r, const uint8_t *value, ranges_visit visit_one, void *arg)
{
    struct value_probe v = {.probe = {place, visit, 0},
                            .leaf = r->leaf,
                            .value = value,
                            .key = key_of(r->leaf, value),
                            .visit = visit_one,
                            .arg = arg};
    oro_treap_find(&r->tree, &v.probe);
    return v.probe.looked;
}
