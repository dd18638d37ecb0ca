/* runtime/views/views.c - see views.h: which kind of plan is evaluated and followed how. */
#include "runtime/views/views_priv.h"

static void
put_row(void *arg, struct oro_bytes row)
{
    rows_put(arg, row);
}

oro_status
oro_views_begin(struct oro_tx *tx, const struct oro_schema *schema, const struct oro_view_def *def,
                struct oro_bytes plan, struct oro_bb *rows, struct oro_err *err)
{
    struct live *l;
    oro_status st = plan_read(schema, def, plan, &l, err);
    if (st != ORO_OK)
        return st;
    static const struct oro_view_live_ops *const ops[] = {&rows_ops, &top_ops, &groups_ops};
    oro_view_live_init(&l->head, ops[l->kind]);
    oro_tx_view_code_end(tx);
    oro_tx_view_live(tx, &l->head);
    if (l->kind == PLAN_TOP)
        return top_begin(tx, l, rows);
    if (l->kind == PLAN_GROUPS) {
        st = groups_begin(tx, l, rows, err);
        return st == ORO_OK ? rows_places(tx, l) : st;
    }
    rows_each(tx, l, put_row, rows);
    return rows_places(tx, l);
}

oro_status
oro_views_follow(struct oro_tx *tx, size_t i, struct oro_err *err)
{
    struct oro_view_row *rows;
    size_t n;
    struct live *l = (struct live *)oro_tx_view_steps(tx, i, &rows, &n);
    if (l->kind == PLAN_TOP)
        return top_step(tx, i, l, rows, n, err);
    if (l->kind == PLAN_GROUPS)
        return groups_step(tx, i, l, rows, n, err);
    rows_step(tx, i, l, rows, n);
    return ORO_OK;
}
