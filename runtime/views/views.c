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

static oro_status
step(struct following *f, struct oro_err *err)
{
    switch (f->l->kind) {
    case PLAN_TOP:
        return top_step(f, err);
    case PLAN_GROUPS:
        return groups_step(f, err);
    default:
        rows_step(f);
        return ORO_OK;
    }
}

oro_status
oro_views_follow(struct oro_tx *tx, size_t i, size_t most, struct oro_err *err)
{
    struct oro_view_row *rows;
    struct following f = {.tx = tx, .i = i, .left = most};
    f.l = (struct live *)oro_tx_view_steps(tx, i, &rows, &f.n);
    f.rows = rows;
    struct oro_savepoint before = oro_tx_save(tx);
    oro_status st = step(&f, err);
    if (st == ORO_OK)
        oro_tx_release(tx, before);
    else
        oro_tx_restore(tx, before);
    return st;
}
