/* runtime/store/btree.c */
#include "runtime/store/btree.h"

#define CAP ORO_BT_CAP
#define LOW (CAP / 4)
#define AHEAD 6 /* cells that a walk asks for before it needs them */
#define GROW 4  /* pages by which one insert moves the limit of the dense part */

static struct oro_entry *
entry_new(struct oro_pool_cache *pc, struct oro_bytes key)
{
    struct oro_entry *e = oro_pool_get(pc, sizeof(*e) + key.len);
    atomic_init(&e->head, 0);
    e->refs = 1;
    e->len = (uint32_t)key.len;
    memcpy(e->bytes, key.data, key.len);
    return e;
}

static void
entry_unref(struct oro_pool_cache *pc, struct oro_entry *e)
{
    if (e != NULL && --e->refs == 0)
        oro_pool_put(pc, e, sizeof(*e) + e->len);
}

static struct oro_bt_leaf *
leaf_of(const struct oro_bt_node *n)
{
    return (struct oro_bt_leaf *)(uintptr_t)n;
}

static struct oro_bt_inner *
inner_of(const struct oro_bt_node *n)
{
    return (struct oro_bt_inner *)(uintptr_t)n;
}

static size_t
node_size(const struct oro_btree *t, bool leaf)
{
    if (leaf)
        return sizeof(struct oro_bt_leaf);
    return sizeof(struct oro_bt_inner) + (t->wide ? CAP * sizeof(struct oro_entry *) : 0);
}

static struct oro_bt_node *
node_new(const struct oro_btree *t, bool leaf)
{
    struct oro_bt_node *n = oro_pool_get(t->pc, node_size(t, leaf));
    memset(n, 0, node_size(t, leaf));
    n->leaf = leaf;
    return n;
}

/* Only the node itself. */
static void
node_drop(const struct oro_btree *t, struct oro_bt_node *n)
{
    oro_pool_put(t->pc, n, node_size(t, n->leaf));
}

void
oro_btree_init(struct oro_btree *t, struct oro_pool_cache *pc, bool wide)
{
    *t = (struct oro_btree){.wide = wide, .pc = pc};
    t->root = node_new(t, true);
}

void
oro_btree_allow_dense(struct oro_btree *t, unsigned size, bool is_signed)
{
    ORO_ASSERT(!t->wide && t->n == 0);
    oro_dense_init(&t->dense, size, is_signed);
}

static struct oro_entry *
leaf_entry(const struct oro_bt_leaf *l, unsigned i)
{
    return (struct oro_entry *)atomic_load_explicit(&l->p[i], memory_order_relaxed);
}

static void
node_free(const struct oro_btree *t, struct oro_bt_node *n)
{
    for (unsigned i = 0; i < n->n; i++) {
        if (!n->leaf)
            node_free(t, inner_of(n)->child[i]);
        if (t->wide && (n->leaf || i > 0))
            entry_unref(t->pc, n->leaf ? leaf_entry(leaf_of(n), i) : inner_of(n)->sep[i]);
    }
    node_drop(t, n);
}

void
oro_btree_fini(struct oro_btree *t)
{
    if (t->root != NULL)
        node_free(t, t->root);
    oro_dense_fini(&t->dense, t->pc);
    *t = (struct oro_btree){0};
}

/* ---- searching ---- */

static int
entry_cmp(const struct oro_entry *e, struct oro_bytes key)
{
    return oro_bytes_cmp(oro_bytes(e->bytes, e->len), key);
}

static inline struct oro_entry *
node_entry(const struct oro_bt_node *n, unsigned i)
{
    return n->leaf ? leaf_entry(leaf_of(n), i) : inner_of(n)->sep[i];
}

/* The first i >= from with words[i] >= w (or > w): no branch depends on the data, which would be
 * mispredicted every other time. */
static inline unsigned
words_before(const struct oro_bt_node *n, unsigned from, uint64_t w, bool or_equal)
{
    unsigned base = from, len = n->n - from;
    if (len == 0)
        return base;
    while (len > 1) {
        unsigned half = len / 2;
        uint64_t x = n->words[base + half - 1];
        bool less = or_equal ? x <= w : x < w;
        base += half & -(unsigned)less;
        len -= half;
    }
    return base + (or_equal ? n->words[base] <= w : n->words[base] < w);
}

/* Asks for all lines of a node at once: they would be missed one after the other. */
static inline const struct oro_bt_node *
node_soon(const struct oro_bt_node *n)
{
    for (size_t at = 0; at < sizeof(struct oro_bt_leaf); at += ORO_CACHE_LINE)
        __builtin_prefetch((const char *)n + at);
    return n;
}

/* Wide nodes can hold long runs of one word (a common prefix): bisect those too. */
static unsigned
wide_child_for(const struct oro_bt_node *n, const struct oro_key *k)
{
    unsigned lo = words_before(n, 1, k->word, false), hi = words_before(n, 1, k->word, true);
    while (lo < hi) {
        unsigned mid = (lo + hi) / 2;
        if (entry_cmp(inner_of(n)->sep[mid], k->bytes) <= 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo - 1;
}

/* The first key of the leaf that is >= k. */
static unsigned
leaf_at(const struct oro_btree *t, const struct oro_bt_node *n, const struct oro_key *k)
{
    unsigned lo = words_before(n, 0, k->word, false);
    if (!t->wide)
        return lo;
    unsigned hi = words_before(n, 0, k->word, true);
    while (lo < hi) {
        unsigned mid = (lo + hi) / 2;
        if (entry_cmp(leaf_entry(leaf_of(n), mid), k->bytes) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

/* The child under which the key belongs. */
static inline unsigned
pick_child(const struct oro_btree *t, const struct oro_bt_node *n, const struct oro_key *k)
{
    return t->wide ? wide_child_for(n, k) : words_before(n, 1, k->word, true) - 1;
}

static bool
leaf_has(const struct oro_btree *t, const struct oro_bt_node *n, unsigned i,
         const struct oro_key *k)
{
    return i < n->n && n->words[i] == k->word &&
           (!t->wide || entry_cmp(leaf_entry(leaf_of(n), i), k->bytes) == 0);
}

oro_head *
oro_btree_cell(const struct oro_btree *t, const struct oro_key *k)
{
    uint64_t number = oro_dense_number(&t->dense, k->word);
    if (number < t->dense.limit) /* which is 0 in trees of wide keys */
        return oro_dense_cell(&t->dense, (size_t)number);
    const struct oro_bt_node *n = t->root;
    while (!n->leaf)
        n = node_soon(inner_of(n)->child[pick_child(t, n, k)]);
    unsigned i = leaf_at(t, n, k);
    if (!leaf_has(t, n, i, k))
        return NULL;
    return t->wide ? &leaf_entry(leaf_of(n), i)->head : &leaf_of(n)->p[i];
}

/* Whether key i of the node lies before the bound. */
static bool
before_bound(const struct oro_btree *t, const struct oro_bt_node *n, unsigned i,
             const struct oro_bound *b)
{
    if (!t->wide)
        return b->after ? n->words[i] <= b->word : n->words[i] < b->word;
    const struct oro_entry *e = node_entry(n, i);
    return oro_bound_cmp(b, oro_bytes(e->bytes, e->len)) < 0;
}

struct oro_bt_at
oro_btree_seek(const struct oro_btree *t, const struct oro_bound *b)
{
    const struct oro_bt_node *n = t->root;
    for (;;) {
        unsigned lo = n->leaf ? 0 : 1, hi = n->n;
        while (lo < hi) {
            unsigned mid = (lo + hi) / 2;
            if (before_bound(t, n, mid, b))
                lo = mid + 1;
            else
                hi = mid;
        }
        if (n->leaf)
            return (struct oro_bt_at){leaf_of(n), lo, oro_dense_seek(&t->dense, b)};
        n = inner_of(n)->child[lo - 1];
    }
}

/* The dense keys come in one piece: after the negative ones, before what is too large for them. */
static oro_head *
next_dense(const struct oro_btree *t, struct oro_bt_at *at, struct oro_key *k)
{
    if (at->leaf != NULL && at->leaf->node.words[at->i] < t->dense.first)
        return NULL;
    oro_head *cell = oro_dense_next(&t->dense, &at->number);
    if (cell != NULL)
        k->word = oro_dense_word(&t->dense, at->number++);
    return cell;
}

/* The cell of the i-th key of a leaf, and the key. */
static oro_head *
leaf_cell(const struct oro_btree *t, struct oro_bt_leaf *leaf, unsigned i, struct oro_key *k)
{
    k->word = leaf->node.words[i];
    if (!t->wide)
        return &leaf->p[i];
    struct oro_entry *e = leaf_entry(leaf, i);
    k->bytes = oro_bytes(e->bytes, e->len);
    return &e->head;
}

oro_head *
oro_btree_next(const struct oro_btree *t, struct oro_bt_at *at, struct oro_key *k)
{
    while (at->leaf != NULL && at->i >= at->leaf->node.n) {
        at->leaf = at->leaf->next;
        at->i = 0;
    }
    if (at->number < t->dense.limit) {
        oro_head *cell = next_dense(t, at, k);
        if (cell != NULL)
            return cell;
    }
    if (at->leaf == NULL)
        return NULL;
    unsigned i = at->i++;
    if (i + AHEAD < at->leaf->node.n) /* the row, or the wide key's entry */
        __builtin_prefetch(leaf_entry(at->leaf, i + AHEAD));
    return leaf_cell(t, at->leaf, i, k);
}

/* The leaf to the left, which nothing points to: the last one under the nearest way to the left. NULL: none. */
static struct oro_bt_leaf *
leaf_before(const struct oro_btree *t, const struct oro_bt_leaf *l)
{
    const struct oro_bt_node *n = t->root, *left = NULL;
    if (n->leaf) /* which may be empty */
        return NULL;
    struct oro_key first = {.word = l->node.words[0]};
    if (t->wide)
        first.bytes = oro_bytes(leaf_entry(l, 0)->bytes, leaf_entry(l, 0)->len);
    while (!n->leaf) {
        unsigned i = pick_child(t, n, &first);
        if (i > 0)
            left = inner_of(n)->child[i - 1];
        n = inner_of(n)->child[i];
    }
    while (left != NULL && !left->leaf)
        left = inner_of(left)->child[left->n - 1];
    return left != NULL ? leaf_of(left) : NULL;
}

static oro_head *
prev_dense(const struct oro_btree *t, struct oro_bt_at *at, struct oro_key *k)
{
    if (at->leaf != NULL && at->leaf->node.words[at->i - 1] >= t->dense.first)
        return NULL; /* what is too large for the dense part comes before it */
    oro_head *cell = oro_dense_prev(&t->dense, &at->number);
    if (cell != NULL)
        k->word = oro_dense_word(&t->dense, at->number);
    return cell;
}

oro_head *
oro_btree_prev(const struct oro_btree *t, struct oro_bt_at *at, struct oro_key *k)
{
    if (at->leaf != NULL && at->i == 0) {
        at->leaf = leaf_before(t, at->leaf); /* NULL: only dense keys are left */
        at->i = at->leaf != NULL ? at->leaf->node.n : 0;
    }
    if (at->number > 0) {
        oro_head *cell = prev_dense(t, at, k);
        if (cell != NULL)
            return cell;
    }
    if (at->leaf == NULL)
        return NULL;
    unsigned i = --at->i;
    return leaf_cell(t, at->leaf, i, k);
}

/* ---- changing ---- */

/* Moves count elements; to and from may overlap. Index 0 of an inner node has no separator: what
 * stands there is garbage that nobody owns. */
static void
node_move(const struct oro_btree *t, struct oro_bt_node *to, unsigned ti, struct oro_bt_node *from,
          unsigned fi, unsigned count)
{
    memmove(&to->words[ti], &from->words[fi], count * sizeof(to->words[0]));
    if (to->leaf) {
        memmove((void *)&leaf_of(to)->p[ti], (void *)&leaf_of(from)->p[fi],
                count * sizeof(oro_head));
        return;
    }
    memmove(&inner_of(to)->child[ti], &inner_of(from)->child[fi], count * sizeof(to));
    if (t->wide)
        memmove(&inner_of(to)->sep[ti], &inner_of(from)->sep[fi],
                count * sizeof(struct oro_entry *));
}

/* What a split hands to the level above. */
struct grown {
    struct oro_bt_node *right;
    uint64_t word;
    struct oro_entry *sep; /* one reference */
};

static struct oro_bt_node *
node_split(const struct oro_btree *t, struct oro_bt_node *n, unsigned keep, struct grown *g)
{
    struct oro_bt_node *r = node_new(t, n->leaf);
    r->n = (uint16_t)(n->n - keep);
    node_move(t, r, 0, n, keep, r->n);
    n->n = (uint16_t)keep;
    if (n->leaf) {
        leaf_of(r)->next = leaf_of(n)->next;
        leaf_of(n)->next = leaf_of(r);
    }
    g->right = r;
    return r;
}

static void
leaf_put(const struct oro_btree *t, struct oro_bt_node *n, unsigned i, const struct oro_key *k,
         struct oro_row *row)
{
    node_move(t, n, i + 1, n, i, n->n - i);
    n->n++;
    n->words[i] = k->word;
    if (t->wide) {
        struct oro_entry *e = entry_new(t->pc, k->bytes);
        atomic_store_explicit(&e->head, (uintptr_t)row, memory_order_release);
        row = (struct oro_row *)e;
    }
    atomic_store_explicit(&leaf_of(n)->p[i], (uintptr_t)row, memory_order_release);
}

static void
leaf_insert(const struct oro_btree *t, struct oro_bt_node *n, const struct oro_key *k,
            struct oro_row *row, struct grown *g)
{
    unsigned i = leaf_at(t, n, k);
    if (n->n < CAP) {
        leaf_put(t, n, i, k, row);
        return;
    }
    /* At the right edge keys ascend: what is full may stay full. */
    unsigned keep = i == CAP && leaf_of(n)->next == NULL ? CAP : CAP / 2;
    struct oro_bt_node *r = node_split(t, n, keep, g);
    if (i > keep || keep == CAP)
        leaf_put(t, r, i - keep, k, row);
    else
        leaf_put(t, n, i, k, row);
    g->word = r->words[0];
    if (t->wide) {
        g->sep = leaf_entry(leaf_of(r), 0);
        g->sep->refs++;
    }
}

static void
inner_put(const struct oro_btree *t, struct oro_bt_node *n, unsigned i, const struct grown *g)
{
    node_move(t, n, i + 1, n, i, n->n - i);
    n->n++;
    n->words[i] = g->word;
    inner_of(n)->child[i] = g->right;
    if (t->wide)
        inner_of(n)->sep[i] = g->sep;
}

static void
node_insert(struct oro_btree *t, struct oro_bt_node *n, const struct oro_key *k,
            struct oro_row *row, struct grown *g)
{
    if (n->leaf) {
        leaf_insert(t, n, k, row, g);
        return;
    }
    unsigned i = pick_child(t, n, k) + 1;
    struct grown below = {0};
    node_insert(t, inner_of(n)->child[i - 1], k, row, &below);
    if (below.right == NULL)
        return;
    if (n->n < CAP) {
        inner_put(t, n, i, &below);
        return;
    }
    unsigned keep = i == CAP ? CAP - 1 : CAP / 2;
    struct oro_bt_node *r = node_split(t, n, keep, g);
    g->word = r->words[0];
    g->sep = t->wide ? inner_of(r)->sep[0] : NULL;
    if (i > keep)
        inner_put(t, r, i - keep, &below);
    else
        inner_put(t, n, i, &below);
}

static void
tree_insert(struct oro_btree *t, const struct oro_key *k, struct oro_row *row)
{
    struct grown g = {0};
    node_insert(t, t->root, k, row, &g);
    if (g.right == NULL)
        return;
    struct oro_bt_node *top = node_new(t, false);
    top->n = 1;
    inner_of(top)->child[0] = t->root;
    inner_put(t, top, 1, &g);
    t->root = top;
}

static void
parent_drop(const struct oro_btree *t, struct oro_bt_node *p, unsigned i)
{
    node_move(t, p, i, p, i + 1, p->n - i - 1);
    p->n--;
}

/* Gives separator j of p a new key: the first of its child when that is a leaf, else what stands at
 * the child's index 0. */
static void
parent_reseparate(const struct oro_btree *t, struct oro_bt_node *p, unsigned j,
                  const struct oro_bt_node *child)
{
    p->words[j] = child->words[0];
    if (!t->wide)
        return;
    inner_of(p)->sep[j] = node_entry(child, 0);
    if (child->leaf)
        inner_of(p)->sep[j]->refs++;
}

/* Children j-1 and j become one, or share evenly. */
static void
rebalance(const struct oro_btree *t, struct oro_bt_node *p, unsigned j)
{
    struct oro_bt_node *l = inner_of(p)->child[j - 1], *r = inner_of(p)->child[j];
    if (l->leaf) {
        if (t->wide)
            entry_unref(t->pc, inner_of(p)->sep[j]);
    } else {
        /* The separator between them comes down to r's index 0. */
        r->words[0] = p->words[j];
        if (t->wide)
            inner_of(r)->sep[0] = inner_of(p)->sep[j];
    }
    unsigned total = l->n + r->n;
    if (total <= CAP) {
        node_move(t, l, l->n, r, 0, r->n);
        l->n = (uint16_t)total;
        if (l->leaf)
            leaf_of(l)->next = leaf_of(r)->next;
        node_drop(t, r);
        parent_drop(t, p, j);
        return;
    }
    unsigned want = total / 2;
    if (l->n < want) {
        unsigned more = want - l->n;
        node_move(t, l, l->n, r, 0, more);
        node_move(t, r, 0, r, more, r->n - more);
    } else {
        unsigned more = l->n - want;
        node_move(t, r, more, r, 0, r->n);
        node_move(t, r, 0, l, want, more);
    }
    l->n = (uint16_t)want;
    r->n = (uint16_t)(total - want);
    parent_reseparate(t, p, j, r);
}

static void
node_erase(struct oro_btree *t, struct oro_bt_node *n, const struct oro_key *k)
{
    if (n->leaf) {
        unsigned i = leaf_at(t, n, k);
        ORO_ASSERT(leaf_has(t, n, i, k));
        if (t->wide)
            entry_unref(t->pc, leaf_entry(leaf_of(n), i));
        node_move(t, n, i, n, i + 1, n->n - i - 1);
        n->n--;
        return;
    }
    unsigned i = pick_child(t, n, k);
    struct oro_bt_node *c = inner_of(n)->child[i];
    node_erase(t, c, k);
    if (c->n < LOW && n->n > 1)
        rebalance(t, n, i > 0 ? i : 1);
}

static void
tree_erase(struct oro_btree *t, const struct oro_key *k)
{
    node_erase(t, t->root, k);
    if (!t->root->leaf && t->root->n == 1) {
        struct oro_bt_node *old = t->root;
        t->root = inner_of(old)->child[0];
        node_drop(t, old);
    }
}

/* One page more for the dense part, with what the tree has there. Gives how many keys that were. */
static size_t
dense_take_page(struct oro_btree *t)
{
    struct oro_dense *d = &t->dense;
    uint64_t words[ORO_DENSE_PAGE], from = d->limit;
    struct oro_row *rows[ORO_DENSE_PAGE];
    size_t n = 0;
    oro_dense_grow(d);
    struct oro_bound at_page = {.word = oro_dense_word(d, from)};
    struct oro_bt_at at = oro_btree_seek(t, &at_page);
    struct oro_key k = {0};
    at.number = d->limit; /* only what is in the tree */
    for (oro_head *cell; (cell = oro_btree_next(t, &at, &k)) != NULL; n++) {
        if (oro_dense_number(d, k.word) >= d->limit)
            break;
        words[n] = k.word;
        rows[n] = oro_head_row(cell);
    }
    for (size_t i = 0; i < n; i++) {
        k.word = words[i];
        tree_erase(t, &k);
        oro_dense_put(d, t->pc, oro_dense_number(d, k.word), rows[i]);
    }
    return n;
}

/* Whether the key's place is in the dense part, whose limit comes nearer to the key if it may. */
static bool
dense_reaches(struct oro_btree *t, uint64_t word)
{
    struct oro_dense *d = &t->dense;
    if (!d->on)
        return false;
    uint64_t number = oro_dense_number(d, word), last = (UINT64_MAX - d->first) >> d->shift;
    if (number > last)
        return false; /* a negative one: the limit never gets beyond the numbers of the column */
    uint64_t most = 2 * (t->n + 1) + ORO_DENSE_PAGE; /* so that half of it is used */
    for (int i = 0; i < GROW && d->limit <= number && number < most; i++)
        if (dense_take_page(t) > 0)
            break;
    return number < d->limit;
}

void
oro_btree_insert(struct oro_btree *t, const struct oro_key *k, struct oro_row *row)
{
    if (dense_reaches(t, k->word))
        oro_dense_put(&t->dense, t->pc, oro_dense_number(&t->dense, k->word), row);
    else
        tree_insert(t, k, row);
    t->n++;
}

void
oro_btree_erase(struct oro_btree *t, const struct oro_key *k)
{
    uint64_t number = oro_dense_number(&t->dense, k->word);
    if (number < t->dense.limit)
        oro_dense_erase(&t->dense, t->pc, (size_t)number);
    else
        tree_erase(t, k);
    t->n--;
}

/* ---- checking ---- */

struct walk {
    size_t keys;
    int depth; /* of the first leaf; -1 before it */
    struct oro_bt_leaf *last;
};

static int
entry_order(const struct oro_btree *t, const struct oro_bt_node *a, unsigned i,
            const struct oro_bt_node *b, unsigned j)
{
    if (!t->wide)
        return a->words[i] < b->words[j] ? -1 : a->words[i] > b->words[j];
    const struct oro_entry *y = node_entry(b, j);
    return entry_cmp(node_entry(a, i), oro_bytes(y->bytes, y->len));
}

static bool
leaf_check(const struct oro_btree *t, const struct oro_bt_node *n, int depth, struct walk *w)
{
    if (w->depth >= 0 && (w->depth != depth || w->last->next != leaf_of(n)))
        return false;
    if (w->last != NULL && entry_order(t, &w->last->node, w->last->node.n - 1u, n, 0) >= 0)
        return false;
    w->depth = depth;
    w->last = leaf_of(n);
    w->keys += n->n;
    for (unsigned i = 0; i < n->n; i++)
        if (oro_dense_number(&t->dense, n->words[i]) < t->dense.limit)
            return false;
    for (unsigned i = 1; i < n->n; i++)
        if (entry_order(t, n, i - 1, n, i) >= 0)
            return false;
    return true;
}

static bool
node_check(const struct oro_btree *t, const struct oro_bt_node *n, int depth, struct walk *w)
{
    if (n != t->root && (n->n == 0 || (n->leaf ? n->n > CAP : n->n < 2)))
        return false;
    if (n->leaf)
        return leaf_check(t, n, depth, w);
    for (unsigned i = 0; i < n->n; i++) {
        const struct oro_bt_leaf *before = w->last;
        if (!node_check(t, inner_of(n)->child[i], depth + 1, w))
            return false;
        if (i > 0 && before != NULL &&
            entry_order(t, &before->node, before->node.n - 1u, n, i) >= 0)
            return false;
    }
    return true;
}

bool
oro_btree_check(const struct oro_btree *t)
{
    struct walk w = {.depth = -1};
    return node_check(t, t->root, 0, &w) && w.keys + t->dense.n == t->n &&
           oro_dense_check(&t->dense) && (w.last == NULL || w.last->next == NULL);
}
