/* How the rows of a query are found: by an index where a conjunct allows, and never more of them than the budget says. */
#include "runtime/subs/query_priv.h"

#include <string.h>

/* ---- choosing an index ---- */

/* The conjuncts: the condition itself or the elements of its AND. */
static const struct pred *
first_conjunct(const struct oro_query *q)
{
    if (q->where == NULL)
        return NULL;
    return q->where->kind == P_AND ? q->where->list : q->where;
}

static const struct pred *
next_conjunct(const struct oro_query *q, const struct pred *p)
{
    return q->where->kind == P_AND ? p->next : NULL;
}

const struct pred *
query_conjunct_on(const struct oro_query *q, uint16_t col, enum sql_op a, enum sql_op b)
{
    for (const struct pred *p = first_conjunct(q); p != NULL; p = next_conjunct(q, p))
        if (p->kind == P_COMPARE && p->col == col && (p->op == a || p->op == b))
            return p;
    return NULL;
}

/* How well an index finds the rows: 0 not at all; a unique point is best, then more equal columns, then a range. */
static unsigned
score_index(const struct oro_query *q, const struct oro_index_def *ix)
{
    unsigned eq = 0;
    while (eq < ix->ncols && query_conjunct_on(q, ix->cols[eq], SQL_EQ, SQL_EQ) != NULL)
        eq++;
    if (eq == ix->ncols)
        return (ix->unique ? 1u << 20 : 0) + (eq << 4) + 8;
    if (ix->kind == ORO_INDEX_HASH)
        return 0;
    unsigned score = eq << 4;
    if (query_conjunct_on(q, ix->cols[eq], SQL_GT, SQL_GE) != NULL)
        score += 2;
    if (query_conjunct_on(q, ix->cols[eq], SQL_LT, SQL_LE) != NULL)
        score += 2;
    return score;
}

void
query_fill_range(struct oro_query *q, const struct oro_index_def *ix)
{
    struct oro_bb prefix = {0};
    struct oro_range *r = &q->range;
    const struct pred *p;
    while (r->nprefix < ix->ncols &&
           (p = query_conjunct_on(q, ix->cols[r->nprefix], SQL_EQ, SQL_EQ)) != NULL) {
        oro_bb_put_bytes(&prefix, p->value);
        r->nprefix++;
    }
    r->prefix = query_keep(q, oro_bb_bytes(&prefix));
    oro_bb_fini(&prefix);
    if (r->nprefix == ix->ncols)
        return;
    uint16_t col = ix->cols[r->nprefix];
    if ((p = query_conjunct_on(q, col, SQL_GT, SQL_GE)) != NULL) {
        r->has_lo = true;
        r->lo_open = p->op == SQL_GT;
        r->lo = p->value;
    }
    if ((p = query_conjunct_on(q, col, SQL_LT, SQL_LE)) != NULL) {
        r->has_hi = true;
        r->hi_open = p->op == SQL_LT;
        r->hi = p->value;
    }
}

/* Float columns are left out of the hash of live queries: -0 and +0 are equal but not the same bytes. */
static bool
is_point(const struct pred *p)
{
    return p->kind == P_COMPARE && p->op == SQL_EQ && p->leaf->kind != ORO_F32 &&
           p->leaf->kind != ORO_F64;
}

const struct pred *
query_next_point(const struct oro_query *q, const struct pred *after)
{
    const struct pred *p = after != NULL ? next_conjunct(q, after) : first_conjunct(q);
    while (p != NULL && !is_point(p))
        p = next_conjunct(q, p);
    return p;
}

static void
choose_eq_column(struct oro_query *q)
{
    q->eq_column = -1;
    for (const struct pred *p = query_next_point(q, NULL); p != NULL; p = query_next_point(q, p)) {
        /* A flag or a kind byte divides the rows in two; any other column is likely the better one. */
        if (q->eq_column < 0 || (q->eq_value.len < p->value.len && q->eq_value.len == 1)) {
            q->eq_column = p->col;
            q->eq_value = p->value;
        }
    }
}

#define RANGE_COLUMNS 4 /* that are looked at: each walks the condition once */

/* Bounds on one column, both if there is one that has them: live queries that no `=` finds are found by it. */
static void
choose_range_column(struct oro_query *q)
{
    unsigned tries = 0;
    int last = -1;
    q->range_column = -1;
    for (const struct pred *p = first_conjunct(q); p != NULL && tries < RANGE_COLUMNS;
         p = next_conjunct(q, p)) {
        if (p->kind != P_COMPARE || p->op == SQL_EQ || p->op == SQL_NE || p->col == last)
            continue;
        const struct pred *from = query_conjunct_on(q, p->col, SQL_GT, SQL_GE);
        const struct pred *to = query_conjunct_on(q, p->col, SQL_LT, SQL_LE);
        last = p->col;
        tries++;
        if (q->range_column >= 0 && (from == NULL || to == NULL))
            continue;
        q->range_column = p->col;
        q->from = from;
        q->to = to;
        if (from != NULL && to != NULL)
            return;
    }
}

/* `column = one of these`, asked of an index on that column once for each. Below what an equality would be worth. */
static void
choose_points(struct oro_query *q, unsigned best)
{
    for (const struct pred *p = first_conjunct(q); p != NULL; p = next_conjunct(q, p)) {
        for (uint32_t i = 0; p->kind == P_IN && p->yes && i < q->table->nindexes; i++) {
            const struct oro_index_def *ix = &q->table->indexes[i];
            unsigned score = ix->unique ? 1u << 19 : (1u << 4) + 7;
            if (ix->ncols == 1 && ix->cols[0] == p->col && score > best) {
                best = score;
                q->index = ix;
                q->points = p;
            }
        }
    }
}

static void
choose_index(struct oro_query *q)
{
    unsigned best = 0;
    for (uint32_t i = 0; i < q->table->nindexes; i++) {
        unsigned score = score_index(q, &q->table->indexes[i]);
        if (score > best) {
            best = score;
            q->index = &q->table->indexes[i];
        }
    }
    choose_points(q, best);
    if (q->index != NULL && q->points == NULL)
        query_fill_range(q, q->index);
}

unsigned
query_plan_score(const struct oro_query *q)
{
    if (q->points != NULL)
        return q->index->unique ? 1u << 19 : (1u << 4) + 7;
    return q->index != NULL ? score_index(q, q->index) : 0;
}

void
query_plan(struct oro_query *q)
{
    choose_index(q);
    choose_eq_column(q);
    choose_range_column(q);
}
