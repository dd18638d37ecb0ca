/* runtime/store/spans.c - see spans.h. As runtime/subs/ranges.c, over the keys of an index instead of a column's values. */
#include "runtime/store/spans.h"

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

static bool
is_before(const struct oro_span_node *a, const struct oro_span_node *b)
{
    int c = compare_bounds(&a->iv->lo, &b->iv->lo);
    return c != 0 ? c < 0 : (uintptr_t)a < (uintptr_t)b;
}

/* ---- the tree ---- */

static struct oro_span_node *
settle(struct oro_span_node *n)
{
    n->highest = n;
    if (n->left != NULL && compare_bounds(&n->left->highest->iv->hi, &n->highest->iv->hi) > 0)
        n->highest = n->left->highest;
    if (n->right != NULL && compare_bounds(&n->right->highest->iv->hi, &n->highest->iv->hi) > 0)
        n->highest = n->right->highest;
    return n;
}

/* All of a comes before all of b. */
static struct oro_span_node *
merge(struct oro_span_node *a, struct oro_span_node *b)
{
    if (a == NULL || b == NULL)
        return a == NULL ? b : a;
    if (a->priority > b->priority) {
        a->right = merge(a->right, b);
        return settle(a);
    }
    b->left = merge(a, b->left);
    return settle(b);
}

static void
split(struct oro_span_node *t, const struct oro_span_node *at, struct oro_span_node **before,
      struct oro_span_node **behind)
{
    if (t == NULL) {
        *before = *behind = NULL;
    } else if (is_before(t, at)) {
        split(t->right, at, &t->right, behind);
        *before = settle(t);
    } else {
        split(t->left, at, before, &t->left);
        *behind = settle(t);
    }
}

static struct oro_span_node *
insert(struct oro_span_node *t, struct oro_span_node *n)
{
    if (t == NULL || n->priority > t->priority) {
        split(t, n, &n->left, &n->right);
        return settle(n);
    }
    if (is_before(n, t))
        t->left = insert(t->left, n);
    else
        t->right = insert(t->right, n);
    return settle(t);
}

static struct oro_span_node *
without(struct oro_span_node *t, const struct oro_span_node *n)
{
    ORO_ASSERT(t != NULL);
    if (t == n)
        return merge(t->left, t->right);
    if (is_before(n, t))
        t->left = without(t->left, n);
    else
        t->right = without(t->right, n);
    return settle(t);
}

/* Strangers choose the bounds, but not the shape: priorities are mixed (splitmix64). */
static uint64_t
next_priority(struct oro_spans *s)
{
    uint64_t x = s->chance += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

void
oro_spans_add(struct oro_spans *s, struct oro_span_node *n)
{
    n->left = n->right = NULL;
    n->priority = next_priority(s);
    s->root = insert(s->root, n);
    s->n++;
}

void
oro_spans_remove(struct oro_spans *s, struct oro_span_node *n)
{
    s->root = without(s->root, n);
    s->n--;
}

/* ---- looking ---- */

struct finding {
    const struct oro_index *ix;
    const struct oro_key *k;
    oro_spans_visit visit;
    void *arg;
    size_t looked;
};

static void
find(struct finding *f, struct oro_span_node *t)
{
    while (t != NULL) {
        struct oro_span_node *right = t->right;
        f->looked++;
        if (oro_key_is_behind(f->ix, f->k, &t->highest->iv->hi))
            return; /* all of it ends before */
        find(f, t->left);
        if (!oro_key_is_behind(f->ix, f->k, &t->iv->lo))
            return; /* neither do those to the right begin by then */
        if (!oro_key_is_behind(f->ix, f->k, &t->iv->hi))
            f->visit(f->arg, t);
        t = right;
    }
}

size_t
oro_spans_find(const struct oro_spans *s, const struct oro_index *ix, const struct oro_key *k,
               oro_spans_visit visit, void *arg)
{
    struct finding f = {ix, k, visit, arg, 0};
    find(&f, s->root);
    return f.looked;
}
