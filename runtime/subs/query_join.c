/* A query of several tables, typed: its condition divided among them, and the ways through them planned.
 *
 * What concerns one source alone is a condition of that source, by which its changes and its rows are found; `a.x = b.y` is an
 * edge; what is left is looked at where all its sources are bound. A constant goes along the edges: `b.y = 5` says a.x = 5. */
#include "runtime/subs/query_type.h"

#include <string.h>

/* ---- dividing ---- */

struct dividing {
    struct typing *ty;
    struct join *j;
    struct pred *lists[ORO_JOIN_MOST]; /* conjuncts of each source */
    unsigned edges_cap;
};

static unsigned
sources_of(const struct pred *p)
{
    unsigned mask = 0;
    for (const struct pred *i = p->list; i != NULL; i = i->next)
        mask |= sources_of(i);
    if (p->kind == P_COMPARE || p->kind == P_COMPARE_COLUMNS)
        mask |= 1u << p->src;
    if (p->kind == P_COMPARE_COLUMNS)
        mask |= 1u << p->other_src;
    return mask;
}

static void
push(struct pred **list, struct pred *p)
{
    p->next = *list;
    *list = p;
}

static void
add_edge(struct dividing *d, const struct pred *p, bool loose)
{
    struct join *j = d->j;
    j->edges[j->nedges++] = (struct join_edge){.a = p->src,
                                               .acol = p->col,
                                               .b = p->other_src,
                                               .bcol = p->other,
                                               .leaf = p->leaf,
                                               .loose = loose};
}

static unsigned
count_conjuncts(const struct pred *p)
{
    unsigned n = 1;
    for (const struct pred *i = p->kind == P_AND ? p->list : NULL; i != NULL; i = i->next)
        n += count_conjuncts(i);
    return n;
}

static void
divide(struct dividing *d, struct pred *p)
{
    if (p->kind == P_AND) {
        for (struct pred *i = p->list, *next; i != NULL; i = next) {
            next = i->next;
            divide(d, i);
        }
        return;
    }
    unsigned mask = sources_of(p);
    if (mask == 0)
        push(&d->lists[d->ty->q->shown], p);
    else if ((mask & (mask - 1)) == 0)
        push(&d->lists[__builtin_ctz(mask)], p);
    else if (p->kind == P_COMPARE_COLUMNS && p->op == SQL_EQ)
        add_edge(d, p, true);
    else
        push(&d->j->rest, p);
}

/* The ON of each JOIN. */
static oro_status
type_edges(struct dividing *d)
{
    for (const struct sql_join *s = d->ty->s != NULL ? d->ty->s->joins : NULL; s != NULL;
         s = s->next) {
        struct pred *p;
        if (s->on == NULL)
            continue;
        oro_status st = query_type_condition(d->ty, s->on, &p);
        if (st != ORO_OK)
            return st;
        if (p->src == p->other_src)
            push(&d->lists[p->src], p);
        else
            add_edge(d, p, false);
    }
    return ORO_OK;
}

/* ---- constants along edges ---- */

static const struct pred *
constant_of(const struct pred *list, uint16_t col)
{
    for (const struct pred *p = list; p != NULL; p = p->next)
        if (p->kind == P_COMPARE && p->op == SQL_EQ && p->col == col)
            return p;
    return NULL;
}

static bool
carry(struct dividing *d, uint8_t from, uint16_t col, uint8_t to, uint16_t to_col)
{
    const struct pred *p = constant_of(d->lists[from], col);
    if (p == NULL || constant_of(d->lists[to], to_col) != NULL)
        return false;
    struct pred *copy = query_new_pred(d->ty, P_COMPARE);
    *copy = *p;
    copy->src = to;
    copy->col = to_col;
    push(&d->lists[to], copy);
    return true;
}

static void
carry_constants(struct dividing *d)
{
    bool more = true;
    while (more) { /* each time a column gets a constant that had none */
        more = false;
        for (unsigned i = 0; i < d->j->nedges; i++) {
            const struct join_edge *e = &d->j->edges[i];
            more |= carry(d, e->a, e->acol, e->b, e->bcol);
            more |= carry(d, e->b, e->bcol, e->a, e->acol);
        }
    }
}

/* ---- sources ---- */

static void
source_init(struct dividing *d, unsigned i, struct pred *rules, struct sight *sight)
{
    struct join_source *s = &d->j->src[i];
    struct pred *all = d->lists[i];
    s->only.table = d->ty->scopes[i].table;
    s->sight = sight;
    oro_arena_init(&s->only.arena);
    if (rules != NULL)
        push(&all, rules);
    if (all != NULL && all->next != NULL) {
        s->only.where = query_new_pred(d->ty, P_AND);
        s->only.where->list = all;
    } else {
        s->only.where = all;
    }
    query_simplify(&s->only);
    query_plan(&s->only);
}

/* Event tables have no rows to be looked up: in a difference they come last, so that the others are as they are after it. */
static void
rank_sources(struct join *j)
{
    uint8_t rank = 0;
    for (unsigned pass = 0; pass < 2; pass++)
        for (unsigned i = 0; i < j->n; i++)
            if (j->src[i].only.table->is_event == (pass == 1))
                j->src[i].rank = rank++;
}

/* ---- ways ---- */

/* The other end of an edge from (src, col) to a source that is bound. */
static bool
bound_end(const struct join *j, uint8_t src, uint16_t col, unsigned bound, struct join_part *out)
{
    for (unsigned i = 0; i < j->nedges; i++) {
        const struct join_edge *e = &j->edges[i];
        if (e->a == src && e->acol == col && (bound & (1u << e->b)) != 0) {
            *out = (struct join_part){.src = e->b, .col = e->bcol};
            return true;
        }
        if (e->b == src && e->bcol == col && (bound & (1u << e->a)) != 0) {
            *out = (struct join_part){.src = e->a, .col = e->acol};
            return true;
        }
    }
    return false;
}

static bool
known_part(const struct join *j, uint8_t src, uint16_t col, unsigned bound, struct join_part *out)
{
    if (bound_end(j, src, col, bound, out))
        return true;
    const struct pred *p = query_conjunct_on(&j->src[src].only, col, SQL_EQ, SQL_EQ);
    if (p == NULL)
        return false;
    *out = (struct join_part){.constant = true, .value = p->value};
    return true;
}

/* How well the index finds rows of src from those that are bound; 0: not at all. */
static unsigned
score_step(const struct join *j, uint8_t src, const struct oro_index_def *ix, unsigned bound)
{
    struct join_part part;
    unsigned n = 0;
    while (n < ix->ncols && known_part(j, src, ix->cols[n], bound, &part))
        n++;
    if (n == 0 || (n < ix->ncols && ix->kind != ORO_INDEX_BTREE))
        return 0;
    return (ix->unique && n == ix->ncols ? 1u << 20 : 0) + (n << 4) + (n == ix->ncols ? 8 : 0);
}

static unsigned
best_index(const struct join *j, uint8_t src, unsigned bound, const struct oro_index_def **out)
{
    const struct oro_table_def *t = j->src[src].only.table;
    unsigned best = 0;
    *out = NULL;
    for (uint32_t i = 0; i < t->nindexes; i++) {
        unsigned score = score_step(j, src, &t->indexes[i], bound);
        if (score > best) {
            best = score;
            *out = &t->indexes[i];
        }
    }
    return best;
}

static void
step_init(struct oro_query *q, struct join_step *step, uint8_t src, const struct oro_index_def *ix,
          unsigned bound)
{
    *step = (struct join_step){.src = src, .index = ix};
    if (ix == NULL)
        return;
    step->parts = oro_arena_alloc(&q->arena, ix->ncols * sizeof(*step->parts));
    while (step->nparts < ix->ncols &&
           known_part(q->join, src, ix->cols[step->nparts], bound, &step->parts[step->nparts]))
        step->nparts++;
}

static void
plan_way(struct oro_query *q, uint8_t from)
{
    struct join *j = q->join;
    struct join_way *way = &j->way[from];
    unsigned bound = 1u << from;
    way->steps[0] = (struct join_step){.src = from};
    for (unsigned k = 1; k < j->n; k++) {
        const struct oro_index_def *ix = NULL;
        unsigned best = 0;
        int next = -1;
        for (uint8_t i = 0; i < j->n; i++) {
            const struct oro_index_def *its;
            if ((bound & (1u << i)) != 0)
                continue;
            unsigned score = best_index(j, i, bound, &its);
            if (next < 0 || score > best) {
                best = score;
                next = i;
                ix = its;
            }
        }
        way->unindexed += ix == NULL;
        step_init(q, &way->steps[k], (uint8_t)next, ix, bound);
        bound |= 1u << next;
    }
}

/* The fewest rows to begin with, and no table that is read whole for each of them. */
static void
choose_first(struct join *j, uint8_t shown)
{
    unsigned best = 0;
    for (uint8_t i = 0; i < j->n; i++) {
        unsigned score = query_plan_score(&j->src[i].only) * 2 + (i == shown) + 1;
        score += (ORO_JOIN_MOST - j->way[i].unindexed) << 24;
        if (score > best) {
            best = score;
            j->first = i;
        }
    }
}

/* ---- what may be subscribed ---- */

/* Whether rows of src are found by a value of col, with what is constant beside it. */
static bool
is_found_by(const struct join *j, uint8_t src, uint16_t col)
{
    const struct oro_query *only = &j->src[src].only;
    for (uint32_t i = 0; i < only->table->nindexes; i++) {
        const struct oro_index_def *ix = &only->table->indexes[i];
        uint16_t n = 0;
        bool has = false;
        for (; n < ix->ncols; n++) {
            bool its = ix->cols[n] == col;
            if (!its && query_conjunct_on(only, ix->cols[n], SQL_EQ, SQL_EQ) == NULL)
                break;
            has = has || its;
        }
        if (has && (n == ix->ncols || ix->kind == ORO_INDEX_BTREE))
            return true;
    }
    return false;
}

static oro_status
fail_no_index(struct typing *ty, const struct join_edge *e)
{
    const struct oro_table_def *t;
    if (e == NULL)
        return oro_err_set(ty->err, ORO_EMALFORMED,
                           "Subscriptions require indexes on join columns: JOIN needs ON with an "
                           "equality of two columns, one of them indexed");
    t = ty->scopes[e->b].table;
    return oro_err_set(ty->err, ORO_EMALFORMED,
                       "Subscriptions require indexes on join columns: neither `%s`.`%s` nor the "
                       "column beside it has one",
                       t->name, t->row->elems[e->bcol].name);
}

static oro_status
check_edges(struct typing *ty, const struct join *j)
{
    unsigned reached = 1;
    for (unsigned i = 0; i < j->nedges; i++) {
        const struct join_edge *e = &j->edges[i];
        if (!e->loose && !is_found_by(j, e->a, e->acol) && !is_found_by(j, e->b, e->bcol))
            return fail_no_index(ty, e);
    }
    for (unsigned round = 1; round < j->n; round++)
        for (unsigned i = 0; i < j->nedges; i++) {
            const struct join_edge *e = &j->edges[i];
            unsigned ends = 1u << e->a | 1u << e->b;
            if (!e->loose && (reached & ends) != 0)
                reached |= ends;
        }
    return reached == (1u << j->n) - 1 ? ORO_OK : fail_no_index(ty, NULL);
}

/* T-95 */
static oro_status
check_events(struct typing *ty, const struct join *j)
{
    for (unsigned i = 0; i < j->n; i++)
        if (j->src[i].only.table->is_event && (i != 0 || ty->q->shown != 0))
            return oro_err_set(ty->err, ORO_EMALFORMED,
                               "Event tables cannot be used as the lookup table in subscription "
                               "joins: name `%s` first, and select from it",
                               j->src[i].only.table->name);
    return ORO_OK;
}

/* ---- the whole ---- */

static uint32_t
weigh(const struct pred *p)
{
    uint32_t n = p->list == NULL;
    for (const struct pred *i = p->list; i != NULL; i = i->next)
        n += weigh(i);
    return n;
}

static uint32_t
sight_weight(const struct sight *s)
{
    uint32_t n = s != NULL && s->condition != NULL ? s->condition->weight : 0;
    for (uint32_t i = 0; s != NULL && i < s->nrules; i++)
        n += s->rules[i]->weight;
    return n;
}

static void
finish(struct oro_query *q)
{
    struct join *j = q->join;
    q->eq_column = q->range_column = -1;
    q->byte_weight = 1;
    q->weight = j->n - 1;
    for (const struct pred *p = j->rest; p != NULL; p = p->next)
        q->weight += weigh(p);
    for (unsigned i = 0; i < j->n; i++) {
        q->never = q->never || j->src[i].only.never;
        q->weight += j->src[i].only.weight + sight_weight(j->src[i].sight);
    }
    for (uint8_t i = 0; i < j->n; i++)
        plan_way(q, i);
    choose_first(j, q->shown);
}

oro_status
query_type_join(struct typing *ty, struct pred *const *rules, struct sight *const *sights)
{
    struct oro_query *q = ty->q;
    struct join *j = oro_arena_alloc(&q->arena, sizeof(*j));
    struct dividing d = {.ty = ty, .j = j};
    *j = (struct join){.n = ty->nscopes, .shown = q->shown};
    d.edges_cap = ORO_JOIN_MOST + (q->where != NULL ? count_conjuncts(q->where) : 0);
    j->edges = oro_arena_alloc(&q->arena, d.edges_cap * sizeof(*j->edges));
    oro_status st = type_edges(&d);
    if (st == ORO_OK && q->where != NULL)
        divide(&d, q->where);
    q->where = NULL;
    carry_constants(&d);
    for (unsigned i = 0; i < j->n; i++)
        source_init(&d, i, rules[i], sights[i]);
    q->join = j;
    ty->at = st == ORO_OK ? NULL : ty->at;
    if (st == ORO_OK && ty->use == ORO_QUERY_SUBSCRIBE && j->n > 1)
        st = check_edges(ty, j);
    if (st == ORO_OK && ty->use == ORO_QUERY_SUBSCRIBE)
        st = check_events(ty, j);
    if (st != ORO_OK)
        return st;
    rank_sources(j);
    finish(q);
    return ORO_OK;
}
