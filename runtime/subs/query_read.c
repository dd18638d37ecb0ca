/* The rows of a query: one after the other from where one stopped, handed to somebody, or kept. */
#include "runtime/subs/join.h"

#include <string.h>

/* What is read one row after the other: the query, or the first source of its join. */
static const struct oro_query *
first_of(const struct oro_query *q)
{
    return q->join != NULL ? &q->join->src[q->join->first].only : q;
}

void
oro_query_cursor_init(struct oro_query_cursor *c, const struct oro_query *q)
{
    const struct oro_query *first = first_of(q);
    c->query = q;
    c->walks = false;
    c->place = (struct oro_place){0};
    c->left = q->has_limit && !q->count ? q->limit : UINT64_MAX;
    c->point = 0;
    c->i = c->n = 0;
    c->ended = q->never || c->left == 0 || (first->points != NULL && first->points->nset == 0);
}

oro_status
oro_query_next(struct oro_query_cursor *c, struct oro_session *se, struct oro_budget *budget,
               struct oro_bytes *row, bool *found, struct oro_err *err)
{
    const struct oro_query *q = c->query;
    oro_status st = ORO_OK;
    *found = false;
    if (c->ended)
        return ORO_OK;
    st = q->join != NULL ? join_cursor_next(c, se, budget, row, found, err)
                         : query_cursor_step(c, q, se, budget, row, found, err);
    if (st == ORO_OK)
        c->ended = !*found || --c->left == 0;
    if (*found)
        *row = oro_table_seen(q->table, *row);
    return st;
}

uint64_t
query_next_steps(const struct oro_query_cursor *c)
{
    const struct oro_join_place *p = &c->join;
    if (c->query == NULL)
        return 0;
    if (c->query->join != NULL && c->walks && p->depth > 0) {
        const struct join *j = c->query->join;
        const struct oro_join_level *at = &p->levels[p->depth - 1];
        unsigned src = j->way[j->first].steps[p->depth].src;
        return at->i < at->n ? join_steps_of_row(j, src, at->rows[at->i]) : 0;
    }
    return c->i < c->n ? query_row_steps(first_of(c->query), c->rows[c->i]) : 0;
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

static oro_status
each_of_join(struct run *r, struct oro_session *se)
{
    struct oro_query_cursor *c = oro_try_alloc(sizeof(*c));
    struct oro_bytes row;
    bool more = true;
    if (c == NULL)
        return oro_err_set(r->err, ORO_ENOMEM, "out of memory");
    oro_query_cursor_init(c, r->q);
    while (more) {
        r->st = oro_query_next(c, se, r->budget, &row, &more, r->err);
        more = r->st == ORO_OK && more && r->visit(r->arg, row);
    }
    oro_free(c);
    return r->st;
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
    if (q->join != NULL)
        return each_of_join(&r, se);
    if (q->points != NULL) {
        run_points(&r, se);
    } else {
        oro_status st = oro_read_each(se, q->table, q->index, &q->range, run_rows, &r);
        ORO_ASSERT(st == ORO_OK); /* score_index does not offer what an index cannot do */
    }
    return r.st;
}

/* ---- keeping what was found ---- */

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
