#include "tests/serial/checker.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/mem.h"

enum kind { WW, WR, RW };
static const char *const kind_names[] = {"ww", "wr", "rw"};

struct edge {
    uint32_t from, to, object;
    uint8_t kind;
};

struct graph {
    struct edge *edges;
    size_t n, cap;
    uint32_t *first; /* of a transaction's edges, once sorted; ntx + 1 of them */
};

__attribute__((format(printf, 2, 3))) static void
anomaly(struct verdict *v, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    if (v->anomalies++ == 0)
        vsnprintf(v->first, sizeof(v->first), fmt, ap);
    va_end(ap);
}

static void
add_edge(struct graph *g, uint32_t from, uint32_t to, uint32_t object, enum kind kind)
{
    if (from == to)
        return;
    g->edges = oro_grow(g->edges, g->n, &g->cap, sizeof(*g->edges));
    g->edges[g->n++] = (struct edge){from, to, object, (uint8_t)kind};
}

/* By object; then the writers by the version they made, then those who only read. */
static int
compare_accesses(const void *x, const void *y)
{
    const struct access *a = x, *b = y;
    int ra = a->before == a->after, rb = b->before == b->after;
    if (a->object != b->object)
        return a->object < b->object ? -1 : 1;
    if (ra != rb)
        return ra - rb;
    return a->after != b->after ? (a->after < b->after ? -1 : 1) : 0;
}

static int
compare_edges(const void *x, const void *y)
{
    const struct edge *a = x, *b = y;
    return a->from != b->from ? (a->from < b->from ? -1 : 1) : 0;
}

/* The first writer that made a version above v. */
static size_t
writer_above(const struct access *w, size_t n, uint32_t v)
{
    size_t lo = 0, hi = n;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (w[mid].after > v)
            hi = mid;
        else
            lo = mid + 1;
    }
    return lo;
}

static void
check_writers(const struct access *w, size_t n, struct graph *g, struct verdict *v)
{
    for (size_t i = 0; i < n; i++) {
        uint32_t last = i > 0 ? w[i - 1].after : 0;
        if (w[i].before != last)
            anomaly(v,
                    "object %u: transaction %u made version %u from %u, but the one before is %u "
                    "(lost update)",
                    w[i].object, w[i].tx, w[i].after, w[i].before, last);
        else if (i > 0 && w[i].stamp_before != w[i - 1].stamp_after)
            anomaly(v, "object %u: transaction %u found something else in version %u", w[i].object,
                    w[i].tx, last);
        if (i > 0)
            add_edge(g, w[i - 1].tx, w[i].tx, w[i].object, WW);
    }
}

static void
check_reader(const struct access *w, size_t n, const struct access *r, struct graph *g,
             struct verdict *v)
{
    size_t next = writer_above(w, n, r->before);
    if (r->before > 0 && (next == 0 || w[next - 1].after != r->before)) {
        anomaly(v, "object %u: transaction %u read version %u, which nobody committed", r->object,
                r->tx, r->before);
        return;
    }
    if (r->before > 0) {
        if (w[next - 1].stamp_after != r->stamp_before)
            anomaly(v, "object %u: transaction %u found something else in version %u", r->object,
                    r->tx, r->before);
        add_edge(g, w[next - 1].tx, r->tx, r->object, WR);
    }
    if (next < n)
        add_edge(g, r->tx, w[next].tx, r->object, RW);
}

static void
check_object(const struct access *a, size_t n, struct graph *g, struct verdict *v)
{
    size_t writers = 0;
    while (writers < n && a[writers].before != a[writers].after)
        writers++;
    check_writers(a, writers, g, v);
    for (size_t i = writers; i < n; i++)
        check_reader(a, writers, &a[i], g, v);
}

/* ---- cycles ---- */

/* The shortest way from `from` back to itself, in words. */
static void
describe_cycle(const struct graph *g, uint32_t ntx, uint32_t from, struct verdict *v)
{
    uint32_t *queue = ORO_NEW_ARRAY(uint32_t, ntx + 1);
    uint32_t *by = ORO_NEW_ARRAY(uint32_t, ntx); /* the edge that led there, + 1 */
    size_t head = 0, tail = 0, at = 0;
    uint32_t closing = UINT32_MAX;
    char text[300] = "";
    queue[tail++] = from;
    while (head < tail && closing == UINT32_MAX) {
        uint32_t t = queue[head++];
        for (uint32_t e = g->first[t]; e < g->first[t + 1]; e++) {
            uint32_t to = g->edges[e].to;
            if (to == from) {
                closing = e;
                break;
            }
            if (by[to] == 0) {
                by[to] = e + 1;
                queue[tail++] = to;
            }
        }
    }
    for (uint32_t e = closing; e != UINT32_MAX && at < sizeof(text) - 40;) {
        const struct edge *x = &g->edges[e];
        at += (size_t)snprintf(text + at, sizeof(text) - at, " <-%s(%u)- %u", kind_names[x->kind],
                               x->object, x->from);
        e = x->from == from ? UINT32_MAX : by[x->from] - 1;
    }
    anomaly(v, "a cycle: transaction %u%s", from, text);
    oro_free(queue);
    oro_free(by);
}

struct tarjan {
    uint32_t *index, *low, *next, *stack, *calls;
    uint8_t *on;
    uint32_t count;
    size_t nstack, ncalls;
};

static void
enter(struct tarjan *t, const struct graph *g, uint32_t tx)
{
    t->index[tx] = t->low[tx] = ++t->count;
    t->next[tx] = g->first[tx];
    t->stack[t->nstack++] = tx;
    t->on[tx] = 1;
    t->calls[t->ncalls++] = tx;
}

/* Its component ends here if tx is the root of one. */
static void
leave(struct tarjan *t, const struct graph *g, uint32_t ntx, uint32_t tx, struct verdict *v)
{
    size_t size = 0;
    uint32_t top;
    t->ncalls--;
    if (t->ncalls > 0) {
        uint32_t parent = t->calls[t->ncalls - 1];
        if (t->low[tx] < t->low[parent])
            t->low[parent] = t->low[tx];
    }
    if (t->low[tx] != t->index[tx])
        return;
    do {
        top = t->stack[--t->nstack];
        t->on[top] = 0;
        size++;
    } while (top != tx);
    if (size > 1)
        describe_cycle(g, ntx, tx, v);
}

/* Strongly connected components, by Tarjan's algorithm without recursion. */
static void
find_cycles(const struct graph *g, uint32_t ntx, struct verdict *v)
{
    struct tarjan t = {0};
    uint32_t **arrays[] = {&t.index, &t.low, &t.next, &t.stack, &t.calls};
    for (size_t i = 0; i < ORO_ARRAY_LEN(arrays); i++)
        *arrays[i] = ORO_NEW_ARRAY(uint32_t, ntx + 1);
    t.on = ORO_NEW_ARRAY(uint8_t, ntx + 1);
    for (uint32_t root = 0; root < ntx; root++) {
        if (t.index[root] != 0)
            continue;
        enter(&t, g, root);
        while (t.ncalls > 0) {
            uint32_t tx = t.calls[t.ncalls - 1];
            if (t.next[tx] == g->first[tx + 1]) {
                leave(&t, g, ntx, tx, v);
                continue;
            }
            uint32_t to = g->edges[t.next[tx]++].to;
            if (t.index[to] == 0)
                enter(&t, g, to);
            else if (t.on[to] && t.index[to] < t.low[tx])
                t.low[tx] = t.index[to];
        }
    }
    for (size_t i = 0; i < ORO_ARRAY_LEN(arrays); i++)
        oro_free(*arrays[i]);
    oro_free(t.on);
}

void
serial_check(struct access *a, size_t n, uint32_t ntx, struct verdict *out)
{
    struct graph g = {0};
    *out = (struct verdict){0};
    if (n > 0)
        qsort(a, n, sizeof(*a), compare_accesses);
    for (size_t i = 0, j; i < n; i = j) {
        for (j = i; j < n && a[j].object == a[i].object; j++)
            ;
        check_object(a + i, j - i, &g, out);
    }
    if (g.n > 0)
        qsort(g.edges, g.n, sizeof(*g.edges), compare_edges);
    g.first = ORO_NEW_ARRAY(uint32_t, ntx + 1);
    for (uint32_t t = 0, e = 0; t <= ntx; t++) {
        while (e < g.n && g.edges[e].from < t)
            e++;
        g.first[t] = e;
    }
    find_cycles(&g, ntx, out);
    out->edges = g.n;
    oro_free(g.edges);
    oro_free(g.first);
}
