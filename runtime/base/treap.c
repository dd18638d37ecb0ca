/* runtime/base/treap.c - see treap.h. A parent's priority is not below its children's. */
#include "runtime/base/treap.h"

#include "runtime/base/assert.h"

/* What the steps below share. */
struct tree {
    const struct oro_treap *t;
    const struct oro_treap_order *order;
};

static bool
is_before(const struct tree *tree, const struct oro_treap_node *a, const struct oro_treap_node *b)
{
    int c = tree->order->compare(tree->t, a, b);
    return c != 0 ? c < 0 : (uintptr_t)a < (uintptr_t)b;
}

/* What n knows of its subtree, after its children have changed. */
static struct oro_treap_node *
refresh(const struct tree *tree, struct oro_treap_node *n)
{
    const struct oro_treap_order *order = tree->order;
    n->furthest = n;
    if (n->left != NULL && order->reaches_further(tree->t, n->left->furthest, n->furthest))
        n->furthest = n->left->furthest;
    if (n->right != NULL && order->reaches_further(tree->t, n->right->furthest, n->furthest))
        n->furthest = n->right->furthest;
    if (order->refreshed != NULL)
        order->refreshed(n);
    return n;
}

/* All of a comes before all of b. */
static struct oro_treap_node *
merge(const struct tree *tree, struct oro_treap_node *a, struct oro_treap_node *b)
{
    if (a == NULL || b == NULL)
        return a == NULL ? b : a;
    if (a->priority > b->priority) {
        a->right = merge(tree, a->right, b);
        return refresh(tree, a);
    }
    b->left = merge(tree, a, b->left);
    return refresh(tree, b);
}

/* Into what comes before `at`, and the rest. */
static void
split(const struct tree *tree, struct oro_treap_node *n, const struct oro_treap_node *at,
      struct oro_treap_node **before, struct oro_treap_node **behind)
{
    if (n == NULL) {
        *before = *behind = NULL;
    } else if (is_before(tree, n, at)) {
        split(tree, n->right, at, &n->right, behind);
        *before = refresh(tree, n);
    } else {
        split(tree, n->left, at, before, &n->left);
        *behind = refresh(tree, n);
    }
}

static struct oro_treap_node *
with(const struct tree *tree, struct oro_treap_node *root, struct oro_treap_node *n)
{
    if (root == NULL || n->priority > root->priority) {
        split(tree, root, n, &n->left, &n->right);
        return refresh(tree, n);
    }
    if (is_before(tree, n, root))
        root->left = with(tree, root->left, n);
    else
        root->right = with(tree, root->right, n);
    return refresh(tree, root);
}

static struct oro_treap_node *
without(const struct tree *tree, struct oro_treap_node *root, const struct oro_treap_node *n)
{
    ORO_ASSERT(root != NULL);
    if (root == n)
        return merge(tree, root->left, root->right);
    if (is_before(tree, n, root))
        root->left = without(tree, root->left, n);
    else
        root->right = without(tree, root->right, n);
    return refresh(tree, root);
}

/* Strangers choose the bounds, but not the shape: priorities are mixed (splitmix64). */
static uint64_t
next_priority(struct oro_treap *t)
{
    uint64_t x = t->chance += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

void
oro_treap_insert(struct oro_treap *t, const struct oro_treap_order *order, struct oro_treap_node *n)
{
    n->priority = next_priority(t);
    t->root = with(&(struct tree){t, order}, t->root, n);
}

void
oro_treap_remove(struct oro_treap *t, const struct oro_treap_order *order, struct oro_treap_node *n)
{
    t->root = without(&(struct tree){t, order}, t->root, n);
}

static void
find(struct oro_treap_probe *p, struct oro_treap_node *n)
{
    while (n != NULL) {
        enum oro_treap_place place = p->place(p, n);
        p->looked++;
        if (place == ORO_TREAP_ABOVE_ALL)
            return;
        find(p, n->left);
        if (place == ORO_TREAP_BELOW)
            return; /* and below those to the right, which begin no earlier */
        if (place == ORO_TREAP_WITHIN)
            p->visit(p, n);
        n = n->right;
    }
}

void
oro_treap_find(const struct oro_treap *t, struct oro_treap_probe *p)
{
    find(p, t->root);
}
