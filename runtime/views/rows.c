/* runtime/views/rows.c - plans that have all rows of a condition: nothing is remembered, each row says itself whether it is there. */
#include "runtime/views/views_priv.h"

void
rows_put(struct oro_bb *out, struct oro_bytes row)
{
    oro_bb_lenbytes(out, row);
}

static struct oro_range
point(struct oro_bytes value)
{
    return (struct oro_range){.prefix = value, .nprefix = 1};
}

oro_status
rows_places(struct oro_tx *tx, const struct live *l)
{
    struct oro_query_way way = oro_query_way(l->query);
    oro_status st = ORO_OK;
    if (way.npoints == 0)
        return oro_tx_view_place(tx, l->table, way.index, way.range, NULL);
    for (uint32_t i = 0; st == ORO_OK && i < way.npoints; i++) {
        struct oro_range range = point(way.points[i]);
        st = oro_tx_view_place(tx, l->table, way.index, &range, NULL);
    }
    return st;
}

static void
visit_range(struct oro_tx *tx, const struct live *l, const struct oro_index_def *ix,
            const struct oro_range *range, rows_visit visit, void *arg)
{
    struct oro_rows found = {0};
    if (ix == NULL) {
        oro_tx_scan(tx, l->table, &found);
    } else {
        oro_status st = oro_tx_range(tx, l->table, ix, range, &found);
        ORO_ASSERT(st == ORO_OK); /* the plan asks an index for what it has */
    }
    for (size_t i = 0; i < found.n; i++)
        if (oro_query_matches(l->query, found.rows[i]))
            visit(arg, found.rows[i]);
}

void
rows_each(struct oro_tx *tx, const struct live *l, rows_visit visit, void *arg)
{
    struct oro_query_way way = oro_query_way(l->query);
    if (way.npoints == 0)
        visit_range(tx, l, way.index, way.range, visit, arg);
    for (uint32_t i = 0; i < way.npoints; i++) {
        struct oro_range range = point(way.points[i]);
        visit_range(tx, l, way.index, &range, visit, arg);
    }
}

void
rows_step(struct following *f)
{
    bool changes = false;
    for (size_t k = 0; k < f->n; k++) {
        if (!oro_query_matches(f->l->query, f->rows[k].row))
            continue;
        changes = true;
        if (f->rows[k].insert)
            oro_tx_view_put(f->tx, f->i, f->rows[k].row);
        else
            (void)oro_tx_view_take(f->tx, f->i, f->rows[k].row);
    }
    oro_tx_view_followed(f->tx, f->i, changes, NULL);
}

static void
rows_free(struct oro_view_live *l)
{
    plan_free((struct live *)l);
}

const struct oro_view_live_ops rows_ops = {.free = rows_free};
