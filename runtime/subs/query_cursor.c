/* The rows of a query one after the other, from where one stopped. The same places and the same order as oro_query_each, which
 * is for whoever reads to the end. */
#include "runtime/subs/join.h"

/* The next rows of the table or the index. */
static void
fetch(struct oro_query_cursor *c, const struct oro_query *q, struct oro_session *se)
{
    struct oro_range point;
    const struct oro_range *range = &q->range;
    size_t n = 0;
    if (q->points != NULL) {
        point = (struct oro_range){.prefix = q->points->set[c->point], .nprefix = 1};
        range = &point;
    }
    oro_status st =
        oro_read_next(se, q->table, q->index, range, &c->place, c->rows, ORO_READ_MOST, &n);
    ORO_ASSERT(st == ORO_OK); /* score_index does not offer what an index cannot do */
    c->i = 0;
    c->n = (unsigned)n;
    if (!c->place.ended)
        return;
    if (q->points != NULL && ++c->point < q->points->nset)
        c->place = (struct oro_place){0};
}

static bool
no_more_places(const struct oro_query_cursor *c, const struct oro_query *q)
{
    return c->place.ended && (q->points == NULL || c->point == q->points->nset);
}

oro_status
query_cursor_step(struct oro_query_cursor *c, const struct oro_query *q, struct oro_session *se,
                  struct oro_budget *budget, struct oro_bytes *row, bool *found,
                  struct oro_err *err)
{
    *found = false;
    for (;;) {
        if (c->i == c->n && no_more_places(c, q))
            return ORO_OK;
        if (c->i == c->n) {
            oro_status st = query_may_go_on(budget, err);
            if (st == ORO_OK && q->points != NULL)
                st = query_spend(budget, 1, err);
            if (st != ORO_OK)
                return st;
            fetch(c, q, se);
            continue;
        }
        *row = c->rows[c->i];
        oro_status st = query_spend(budget, query_row_steps(q, *row), err);
        if (st != ORO_OK)
            return st;
        c->i++;
        if (!oro_query_matches(q, *row))
            continue;
        *found = true;
        return ORO_OK;
    }
}
