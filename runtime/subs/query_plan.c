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

static const struct pred *
conjunct_on(const struct oro_query *q, uint16_t col, enum sql_op a, enum sql_op b)
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
    while (eq < ix->ncols && conjunct_on(q, ix->cols[eq], SQL_EQ, SQL_EQ) != NULL)
        eq++;
    if (eq == ix->ncols)
        return (ix->unique ? 1u << 20 : 0) + (eq << 4) + 8;
    if (ix->kind == ORO_INDEX_HASH)
        return 0;
    unsigned score = eq << 4;
    if (conjunct_on(q, ix->cols[eq], SQL_GT, SQL_GE) != NULL)
        score += 2;
    if (conjunct_on(q, ix->cols[eq], SQL_LT, SQL_LE) != NULL)
        score += 2;
    return score;
}

static void
fill_range(struct oro_query *q, const struct oro_index_def *ix)
{
    struct oro_bb prefix = {0};
    struct oro_range *r = &q->range;
    const struct pred *p;
    while (r->nprefix < ix->ncols &&
           (p = conjunct_on(q, ix->cols[r->nprefix], SQL_EQ, SQL_EQ)) != NULL) {
        oro_bb_put_bytes(&prefix, p->value);
        r->nprefix++;
    }
    r->prefix = query_keep(q, oro_bb_bytes(&prefix));
    oro_bb_fini(&prefix);
    if (r->nprefix == ix->ncols)
        return;
    uint16_t col = ix->cols[r->nprefix];
    if ((p = conjunct_on(q, col, SQL_GT, SQL_GE)) != NULL) {
        r->has_lo = true;
        r->lo_open = p->op == SQL_GT;
        r->lo = p->value;
    }
    if ((p = conjunct_on(q, col, SQL_LT, SQL_LE)) != NULL) {
        r->has_hi = true;
        r->hi_open = p->op == SQL_LT;
        r->hi = p->value;
    }
}

/* Float columns are left out of the hash of live queries: -0 and +0 are equal but not the same bytes. */
static void
choose_eq_column(struct oro_query *q)
{
    q->eq_column = -1;
    for (const struct pred *p = first_conjunct(q); p != NULL; p = next_conjunct(q, p)) {
        if (p->kind != P_COMPARE || p->op != SQL_EQ || p->leaf->kind == ORO_F32 ||
            p->leaf->kind == ORO_F64)
            continue;
        /* A flag or a kind byte divides the rows in two; any other column is likely the better one. */
        if (q->eq_column < 0 || (q->eq_value.len < p->value.len && q->eq_value.len == 1)) {
            q->eq_column = p->col;
            q->eq_value = p->value;
        }
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
        fill_range(q, q->index);
}

void
query_plan(struct oro_query *q)
{
    choose_index(q);
    choose_eq_column(q);
}

/* ---- running ---- */

struct run {
    const struct oro_query *q;
    struct oro_budget *budget;
    oro_query_visit visit;
    void *arg;
    uint64_t left; /* of LIMIT */
    oro_status st;
    struct oro_err *err;
};

oro_status
query_fail_steps(struct oro_err *err)
{
    return oro_err_set(err, ORO_EFULL,
                       "the query is too expensive: it would look at too many rows with too many "
                       "terms. An index on a column that it compares with `=`, fewer terms or a "
                       "LIMIT make it cheaper (query.max_steps)");
}

oro_status
query_spend(struct oro_budget *b, uint64_t steps, struct oro_err *err)
{
    if (steps > b->left) {
        b->spent = true;
        return query_fail_steps(err);
    }
    b->left -= steps;
    return ORO_OK;
}

oro_status
query_may_go_on(const struct oro_budget *b, struct oro_err *err)
{
    if (b->stop != NULL && atomic_load_explicit(b->stop, memory_order_relaxed))
        return oro_err_set(err, ORO_ETIMEOUT, "the query was interrupted: ask again");
    return ORO_OK;
}

static bool
spend(struct run *r, uint64_t steps)
{
    r->st = query_spend(r->budget, steps, r->err);
    return r->st == ORO_OK;
}

static bool
run_rows(void *arg, const struct oro_bytes *rows, size_t n)
{
    struct run *r = arg;
    r->st = query_may_go_on(r->budget, r->err);
    for (size_t i = 0; i < n && r->st == ORO_OK; i++) {
        if (!spend(r, query_row_steps(r->q, rows[i])))
            return false;
        if (!oro_query_matches(r->q, rows[i]))
            continue;
        if (!r->visit(r->arg, oro_table_seen(r->q->table, rows[i])) || --r->left == 0)
            return false;
    }
    return r->st == ORO_OK;
}

static void
run_points(struct run *r, struct oro_session *se)
{
    const struct oro_query *q = r->q;
    for (uint32_t i = 0; i < q->points->nset && r->st == ORO_OK && r->left > 0; i++) {
        struct oro_range point = {.prefix = q->points->set[i], .nprefix = 1};
        if (spend(r, 1)) {
            oro_status st = oro_read_each(se, q->table, q->index, &point, run_rows, r);
            ORO_ASSERT(st == ORO_OK);
        }
    }
}

oro_status
oro_query_each(const struct oro_query *q, struct oro_session *se, struct oro_budget *budget,
               oro_query_visit visit, void *arg, struct oro_err *err)
{
    struct oro_budget all = {.left = UINT64_MAX};
    struct run r = {.q = q,
                    .budget = budget != NULL ? budget : &all,
                    .visit = visit,
                    .arg = arg,
                    .left = q->has_limit && !q->count ? q->limit : UINT64_MAX,
                    .err = err};
    if (q->never || r.left == 0)
        return ORO_OK;
    if (q->points != NULL) {
        run_points(&r, se);
    } else {
        oro_status st = oro_read_each(se, q->table, q->index, &q->range, run_rows, &r);
        ORO_ASSERT(st == ORO_OK); /* score_index does not offer what an index cannot do */
    }
    return r.st;
}

/* ---- keeping what was found ---- */

#define FOUND_BYTES ((uint64_t)1 << 30) /* of one query's rows: a length of the wire has 32 bits */

oro_status
query_bytes_fit(uint64_t bytes, struct oro_err *err)
{
    if (bytes <= FOUND_BYTES)
        return ORO_OK;
    return oro_err_set(err, ORO_EFULL,
                       "the query finds more than 1 GiB of rows: ask for fewer at a time");
}

struct keeping {
    struct oro_found *out;
    struct oro_budget *budget;
    oro_status st;
    struct oro_err *err;
};

static bool
are_too_many(struct oro_budget *b, uint64_t bytes)
{
    if (b == NULL || b->most == 0)
        return false;
    b->found += bytes;
    b->spent = b->spent || b->found > b->most;
    return b->spent;
}

static bool
keep_row(void *arg, struct oro_bytes row)
{
    struct keeping *k = arg;
    struct oro_found *f = k->out;
    f->bytes += row.len;
    if (f->n == f->cap) {
        size_t cap = f->cap > 0 ? f->cap * 2 : 16;
        struct oro_bytes *more = oro_try_realloc(f->rows, cap * sizeof(*more));
        if (more == NULL) {
            k->st = oro_err_set(k->err, ORO_ENOMEM, "out of memory: the query finds too many rows");
            return false;
        }
        f->rows = more;
        f->cap = cap;
    }
    f->rows[f->n++] = row;
    if (are_too_many(k->budget, row.len)) {
        k->st = oro_err_set(k->err, ORO_EFULL, "the query finds more bytes than may be read here");
        return false;
    }
    k->st = query_bytes_fit(f->bytes, k->err);
    return k->st == ORO_OK;
}

oro_status
oro_query_run(const struct oro_query *q, struct oro_session *se, struct oro_budget *budget,
              struct oro_found *out, struct oro_err *err)
{
    struct keeping k = {.out = out, .budget = budget, .err = err};
    *out = (struct oro_found){0};
    oro_status st = oro_query_each(q, se, budget, keep_row, &k, err);
    if (st == ORO_OK)
        st = k.st;
    if (st != ORO_OK)
        oro_found_fini(out);
    return st;
}

void
oro_found_fini(struct oro_found *f)
{
    oro_free(f->rows);
    *f = (struct oro_found){0};
}
