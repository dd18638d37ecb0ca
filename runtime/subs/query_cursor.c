/* The rows of a query one after the other, from where one stopped. The same places and the same order as oro_query_each, which
 * is for whoever reads to the end. */
#include "runtime/subs/query_priv.h"

void
oro_query_cursor_init(struct oro_query_cursor *c, const struct oro_query *q)
{
    c->query = q;
    c->place = (struct oro_place){0};
    c->left = q->has_limit && !q->count ? q->limit : UINT64_MAX;
    c->point = 0;
    c->i = c->n = 0;
    c->ended = q->never || c->left == 0 || (q->points != NULL && q->points->nset == 0);
}

/* The next rows of the table or the index. */
static void
fetch(struct oro_query_cursor *c, struct oro_session *se)
{
    const struct oro_query *q = c->query;
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
no_more_places(const struct oro_query_cursor *c)
{
    return c->place.ended && (c->query->points == NULL || c->point == c->query->points->nset);
}

oro_status
oro_query_next(struct oro_query_cursor *c, struct oro_session *se, struct oro_budget *budget,
               struct oro_bytes *row, bool *found, struct oro_err *err)
{
    const struct oro_query *q = c->query;
    *found = false;
    while (!c->ended) {
        if (c->i == c->n && no_more_places(c)) {
            c->ended = true;
            break;
        }
        if (c->i == c->n) {
            oro_status st = query_may_go_on(budget, err);
            if (st == ORO_OK && q->points != NULL)
                st = query_spend(budget, 1, err);
            if (st != ORO_OK)
                return st;
            fetch(c, se);
            continue;
        }
        *row = c->rows[c->i];
        oro_status st = query_spend(budget, query_row_steps(q, *row), err);
        if (st != ORO_OK)
            return st;
        c->i++;
        if (!oro_query_matches(q, *row))
            continue;
        *row = oro_table_seen(q->table, *row);
        c->ended = --c->left == 0;
        *found = true;
        return ORO_OK;
    }
    return ORO_OK;
}
