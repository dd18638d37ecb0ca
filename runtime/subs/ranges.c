/* See ranges.h. */
#include "runtime/subs/ranges.h"

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

/* Lower bounds: none is the lowest, and at one value the closed one comes first. */
static int
compare_lo(const struct ranges *r, const struct range_node *a, const struct range_node *b)
{
    if (a->lo.data == NULL || b->lo.data == NULL)
        return (a->lo.data != NULL) - (b->lo.data != NULL);
    int c = query_compare(r->leaf, a->lo.data, b->lo.data);
    return c != 0 ? c : (a->lo_open > b->lo_open) - (a->lo_open < b->lo_open);
}

/* Whole: equal bounds are told apart by address. */
static bool
is_before(const struct ranges *r, const struct range_node *a, const struct range_node *b)
{
    int c = compare_lo(r, a, b);
    return c != 0 ? c < 0 : (uintptr_t)a < (uintptr_t)b;
}

static bool
reaches_further(const struct ranges *r, const struct range_node *a, const struct range_node *b)
{
    if (a->hi.data == NULL || b->hi.data == NULL)
        return a->hi.data == NULL;
    int c = query_compare(r->leaf, a->hi.data, b->hi.data);
    return c != 0 ? c > 0 : b->hi_open;
}

static bool
begins_by(const struct ranges *r, const struct range_node *n, const uint8_t *value, uint64_t key)
{
    if (n->lo_key != key)
        return n->lo_key < key;
    if (n->lo.data == NULL)
        return true;
    int c = query_compare(r->leaf, n->lo.data, value);
    return c < 0 || (c == 0 && !n->lo_open);
}

static bool
ends_before(const struct ranges *r, const struct range_node *n, const uint8_t *value, uint64_t key)
{
    if (n->hi_key != key)
        return n->hi_key < key;
    if (n->hi.data == NULL)
        return false;
    int c = query_compare(r->leaf, n->hi.data, value);
    return c < 0 || (c == 0 && n->hi_open);
}

/* ---- the tree ---- */

static struct range_node *
settle(const struct ranges *r, struct range_node *n)
{
    n->highest = n;
    if (n->left != NULL && reaches_further(r, n->left->highest, n->highest))
        n->highest = n->left->highest;
    if (n->right != NULL && reaches_further(r, n->right->highest, n->highest))
        n->highest = n->right->highest;
    n->most = n->highest->hi_key;
    return n;
}

/* All of a comes before all of b. */
static struct range_node *
merge(const struct ranges *r, struct range_node *a, struct range_node *b)
{
    if (a == NULL || b == NULL)
        return a == NULL ? b : a;
    if (a->priority > b->priority) {
        a->right = merge(r, a->right, b);
        return settle(r, a);
    }
    b->left = merge(r, a, b->left);
    return settle(r, b);
}

static void
split(const struct ranges *r, struct range_node *t, const struct range_node *at,
      struct range_node **before, struct range_node **behind)
{
    if (t == NULL) {
        *before = *behind = NULL;
    } else if (is_before(r, t, at)) {
        split(r, t->right, at, &t->right, behind);
        *before = settle(r, t);
    } else {
        split(r, t->left, at, before, &t->left);
        *behind = settle(r, t);
    }
}

static struct range_node *
insert(const struct ranges *r, struct range_node *t, struct range_node *n)
{
    if (t == NULL || n->priority > t->priority) {
        split(r, t, n, &n->left, &n->right);
        return settle(r, n);
    }
    if (is_before(r, n, t))
        t->left = insert(r, t->left, n);
    else
        t->right = insert(r, t->right, n);
    return settle(r, t);
}

static struct range_node *
without(const struct ranges *r, struct range_node *t, const struct range_node *n)
{
    ORO_ASSERT(t != NULL);
    if (t == n)
        return merge(r, t->left, t->right);
    if (is_before(r, n, t))
        t->left = without(r, t->left, n);
    else
        t->right = without(r, t->right, n);
    return settle(r, t);
}

/* Strangers choose the bounds, but not the shape: priorities are mixed (splitmix64). */
static uint64_t
next_priority(struct ranges *r)
{
    uint64_t x = r->chance += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

void
ranges_add(struct ranges *r, struct range_node *n)
{
    n->left = n->right = NULL;
    n->priority = next_priority(r);
    n->lo_key = n->lo.data != NULL ? key_of(r->leaf, n->lo.data) : 0;
    n->hi_key = n->hi.data != NULL ? key_of(r->leaf, n->hi.data) : UINT64_MAX;
    r->root = insert(r, r->root, n);
}

void
ranges_remove(struct ranges *r, struct range_node *n)
{
    r->root = without(r, r->root, n);
}

/* ---- looking ---- */

struct finding {
    const struct ranges *r;
    const uint8_t *value;
    uint64_t key;
    ranges_visit visit;
    void *arg;
    uint64_t looked;
};

static bool
all_end_before(const struct finding *f, const struct range_node *t)
{
    if (t->most != f->key)
        return t->most < f->key;
    return ends_before(f->r, t->highest, f->value, f->key);
}

static void
find(struct finding *f, struct range_node *t)
{
    while (t != NULL) {
        struct range_node *right = t->right;
        f->looked++;
        if (all_end_before(f, t))
            return;
        find(f, t->left);
        if (!begins_by(f->r, t, f->value, f->key))
            return; /* neither do those to the right */
        if (!ends_before(f->r, t, f->value, f->key))
            f->visit(f->arg, t);
        t = right;
    }
}

uint64_t
ranges_find(const struct ranges *r, const uint8_t *value, ranges_visit visit, void *arg)
{
    struct finding f = {r, value, key_of(r->leaf, value), visit, arg, 0};
    find(&f, r->root);
    return f.looked;
}
