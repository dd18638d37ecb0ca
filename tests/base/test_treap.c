#include <criterion/criterion.h>

#include "runtime/base/annot.h"
#include "runtime/base/treap.h"

/* Intervals of numbers, both ends within. */
struct interval {
    int lo, hi;
    int seen; /* furthest->hi, as the tree has told */
    bool there, found;
    struct oro_treap_node node;
};

static struct interval *
of(const struct oro_treap_node *n)
{
    return ORO_CONTAINER_OF(n, struct interval, node);
}

static int
compare(const struct oro_treap *t, const struct oro_treap_node *a, const struct oro_treap_node *b)
{
    (void)t;
    return of(a)->lo - of(b)->lo;
}

static bool
reaches_further(const struct oro_treap *t, const struct oro_treap_node *a,
                const struct oro_treap_node *b)
{
    (void)t;
    return of(a)->hi > of(b)->hi;
}

static void
refreshed(struct oro_treap_node *n)
{
    of(n)->seen = of(n->furthest)->hi;
}

static const struct oro_treap_order order = {compare, reaches_further, refreshed};

struct number {
    struct oro_treap_probe probe;
    int value;
    unsigned found;
};

static enum oro_treap_place
place(const struct oro_treap_probe *p, const struct oro_treap_node *n)
{
    int value = ORO_CONTAINER_OF(p, const struct number, probe)->value;
    cr_assert_eq(of(n)->seen, of(n->furthest)->hi);
    if (value > of(n)->seen)
        return ORO_TREAP_ABOVE_ALL;
    if (value < of(n)->lo)
        return ORO_TREAP_BELOW;
    return value > of(n)->hi ? ORO_TREAP_ABOVE : ORO_TREAP_WITHIN;
}

static void
visit(struct oro_treap_probe *p, struct oro_treap_node *n)
{
    cr_assert_not(of(n)->found, "visited twice");
    of(n)->found = true;
    ORO_CONTAINER_OF(p, struct number, probe)->found++;
}

static struct number
find(const struct oro_treap *t, int value)
{
    struct number n = {.probe = {place, visit, 0}, .value = value};
    oro_treap_find(t, &n.probe);
    return n;
}

#define NODES 200
#define VALUES 30

/* Beside looking at every interval, while they come and go; many have one bound in common, some have no value at all. */
Test(treap, finds_what_a_look_at_each_finds)
{
    static struct interval all[NODES];
    struct oro_treap t = {0};
    srand(11);
    for (unsigned round = 0; round < 20000; round++) {
        struct interval *one = &all[rand() % NODES];
        if (one->there) {
            oro_treap_remove(&t, &order, &one->node);
        } else {
            one->lo = rand() % VALUES;
            one->hi = one->lo + rand() % (VALUES / 3) - 1;
            oro_treap_insert(&t, &order, &one->node);
        }
        one->there = !one->there;
        int value = rand() % (VALUES + 4) - 2;
        for (unsigned i = 0; i < NODES; i++)
            all[i].found = false;
        find(&t, value);
        for (unsigned i = 0; i < NODES; i++)
            cr_assert_eq(all[i].found, all[i].there && all[i].lo <= value && value <= all[i].hi,
                         "round %u: [%d, %d] and %d", round, all[i].lo, all[i].hi, value);
    }
}

Test(treap, the_last_one_leaves_it_empty)
{
    struct interval a = {.lo = 1, .hi = 5}, b = {.lo = 1, .hi = 5};
    struct oro_treap t = {0};
    oro_treap_insert(&t, &order, &a.node);
    oro_treap_insert(&t, &order, &b.node);
    cr_assert_eq(find(&t, 5).found, 2);
    oro_treap_remove(&t, &order, &a.node);
    a.found = b.found = false;
    cr_assert_eq(find(&t, 5).found, 1);
    cr_assert(b.found);
    oro_treap_remove(&t, &order, &b.node);
    cr_assert_null(t.root);
    cr_assert_eq(find(&t, 5).probe.looked, 0);
}

/* In ascending order, as strangers may choose them. */
Test(treap, looking_costs_a_logarithm)
{
    enum { MANY = 100000 };
    struct interval *all = calloc(MANY, sizeof(*all));
    struct oro_treap t = {0};
    for (int i = 0; i < MANY; i++) {
        all[i].lo = all[i].hi = i;
        oro_treap_insert(&t, &order, &all[i].node);
    }
    for (int i = 0; i < MANY; i += 997) {
        struct number n = find(&t, i);
        cr_assert_eq(n.found, 1);
        cr_assert_leq(n.probe.looked, 200, "%llu of %d", (unsigned long long)n.probe.looked, MANY);
    }
    free(all);
}
