/* runtime/subs/query_given.c - conditions that come as values, not as text: those of a view's query (bridge/host/view_query.c). */
#include "runtime/subs/query_type.h"

static oro_status
fail_given(struct oro_err *err)
{
    return oro_err_set(err, ORO_EMALFORMED, "the condition is not as the bridge writes it");
}

/* Nothing is larger or smaller than NULL: a comparison with an order does not hold for it, though it stands last in the order. */
static void
leave_out_null(struct typing *ty, struct pred *p, struct pred ***tail)
{
    if (p->leaf->special != ORO_OPTION || (p->op != SQL_GT && p->op != SQL_GE))
        return;
    struct pred *some = query_new_pred(ty, P_COMPARE);
    *some = *p;
    some->op = SQL_LT;
    some->value = oro_bytes("\1", 1);
    some->next = NULL;
    **tail = some;
    *tail = &some->next;
}

static oro_status
read_comparison(struct typing *ty, struct oro_reader *r, struct pred ***tail)
{
    const struct oro_type *row = ty->q->table->row;
    uint16_t col;
    uint8_t op;
    struct oro_bytes value;
    struct pred *p = query_new_pred(ty, P_COMPARE);
    if (oro_rd_u16(r, &col) != ORO_OK || oro_rd_u8(r, &op) != ORO_OK ||
        oro_rd_lenbytes(r, &value) != ORO_OK || col >= row->nelems || op > ORO_GIVEN_NEVER)
        return fail_given(ty->err);
    **tail = p;
    *tail = &p->next;
    if (op >= ORO_GIVEN_ALWAYS) {
        p->kind = P_CONST;
        p->yes = op == ORO_GIVEN_ALWAYS;
        return ORO_OK;
    }
    p->col = col;
    p->op = (enum sql_op)op;
    p->leaf = query_leaf_type(row->elems[col].type);
    p->value = query_keep(ty->q, value);
    if (p->leaf == NULL)
        return oro_err_set(ty->err, ORO_ETYPE, "the column `%s` of `%s` cannot be compared",
                           row->elems[col].name, ty->q->table->name);
    leave_out_null(ty, p, tail);
    return ORO_OK;
}

static oro_status
read_list(struct typing *ty, struct oro_reader *r, struct pred **out)
{
    uint32_t n = 0;
    oro_status st = oro_rd_u32(r, &n) == ORO_OK ? ORO_OK : fail_given(ty->err);
    struct pred *all = query_new_pred(ty, P_AND), **tail = &all->list;
    for (uint32_t i = 0; st == ORO_OK && i < n; i++)
        st = read_comparison(ty, r, &tail);
    *out = all;
    return st;
}

static oro_status
read_alternatives(struct typing *ty, struct oro_reader *r)
{
    uint32_t n = 0;
    oro_status st = oro_rd_u32(r, &n) == ORO_OK ? ORO_OK : fail_given(ty->err);
    struct pred *any = query_new_pred(ty, P_OR), **tail = &any->list;
    for (uint32_t i = 0; st == ORO_OK && i < n; i++) {
        st = read_list(ty, r, tail);
        tail = &(*tail)->next;
    }
    ty->q->where = any;
    return st;
}

oro_status
oro_query_given(const struct oro_table_def *t, struct oro_reader *r, struct oro_query **out,
                struct oro_err *err)
{
    struct oro_query *q = query_new();
    struct typing ty = {.q = q, .err = err};
    q->table = t;
    oro_status st = read_alternatives(&ty, r);
    if (st != ORO_OK) {
        oro_query_free(q);
        return st;
    }
    query_simplify(q);
    query_plan(q);
    *out = q;
    return ORO_OK;
}

struct oro_query_way
oro_query_way(const struct oro_query *q)
{
    struct oro_query_way way = {.index = q->index, .range = &q->range};
    if (q->points != NULL) {
        way.points = q->points->set;
        way.npoints = q->points->nset;
    }
    return way;
}

bool
oro_query_order(struct oro_query *q, const struct oro_index_def *ix, uint16_t col,
                struct oro_range *out)
{
    struct oro_range own = q->range;
    unsigned eq = 0;
    while (eq < ix->ncols && query_conjunct_on(q, ix->cols[eq], SQL_EQ, SQL_EQ) != NULL)
        eq++;
    if (ix->kind == ORO_INDEX_HASH || eq == ix->ncols || ix->cols[eq] != col)
        return false;
    q->range = (struct oro_range){0};
    query_fill_range(q, ix);
    *out = q->range;
    q->range = own;
    return true;
}

int
oro_query_compare(const struct oro_type *t, const uint8_t *a, const uint8_t *b)
{
    return query_compare(query_leaf_type(t), a, b);
}

bool
oro_query_has_order(const struct oro_type *t)
{
    return query_leaf_type(t) != NULL;
}
