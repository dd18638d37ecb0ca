/* runtime/views/plan.c - a plan read and held against the view's declaration. */
#include "runtime/views/views_priv.h"

static oro_status
fail_plan(struct oro_err *err)
{
    return oro_err_set(err, ORO_EMALFORMED, "the plan is not as the bridge writes it");
}

static const char *
fn_name(enum plan_fn fn)
{
    static const char *const names[] = {"group_by", "count", "sum_", "min_", "max_", "avg"};
    return names[fn];
}

static const struct oro_type *
without_option(const struct oro_type *t)
{
    return t->special == ORO_OPTION ? oro_type_resolve(t->elems[0].type) : t;
}

static bool
is_float(const struct oro_type *t)
{
    return t->kind == ORO_F32 || t->kind == ORO_F64;
}

static bool
is_short_integer(const struct oro_type *t)
{
    return t->kind >= ORO_I8 && t->kind <= ORO_U64;
}

/* What the column of the view has to be for what it is to hold; NULL: it is. */
static const char *
column_wants(const struct live *l, const struct plan_column *c)
{
    bool none = c->type->special == ORO_OPTION;
    const struct oro_type *t = without_option(c->type);
    switch (c->fn) {
    case FN_GROUP:
        return oro_type_eq(c->type, c->source) ? NULL : "the type of the column that is grouped by";
    case FN_COUNT:
        return is_short_integer(c->type) ? NULL : "an integer of at most 64 bits";
    case FN_SUM:
        if (is_float(c->value))
            return is_float(t) ? NULL : "f64 or f32, as a sum of those is";
        return is_short_integer(t) ? NULL : "an integer of at most 64 bits, as a sum of those is";
    case FN_AVG:
        if (!is_float(t))
            return "f64 or f32, as a mean is";
        break;
    default:
        if (!oro_type_eq(t, c->value))
            return "the type of the column that it is of";
    }
    return none || (l->nby > 0 && c->source == c->value)
               ? NULL
               : "... | None, since there may be nothing that it is of";
}

static bool
source_fits(const struct plan_column *c)
{
    if (c->fn == FN_SUM || c->fn == FN_AVG)
        return is_short_integer(c->value) || is_float(c->value);
    return (c->fn != FN_MIN && c->fn != FN_MAX) || oro_query_has_order(c->value);
}

static oro_status
check_column(const struct live *l, const struct oro_view_def *def, const struct plan_column *c,
             uint32_t i, struct oro_err *err)
{
    const char *name = def->row->elems[i].name;
    if (!source_fits(c))
        return oro_err_set(err, ORO_EINVAL, "%s(\"%s\") for the column `%s`: `%s` is no %s",
                           fn_name(c->fn), l->table->row->elems[c->col].name, name,
                           l->table->row->elems[c->col].name,
                           c->fn == FN_SUM || c->fn == FN_AVG ? "number of at most 64 bits"
                                                              : "value that has an order");
    const char *wants = column_wants(l, c);
    if (wants == NULL)
        return ORO_OK;
    return oro_err_set(err, ORO_EINVAL, "its column `%s`, which is %s(), has to be %s", name,
                       fn_name(c->fn), wants);
}

static oro_status
read_column(struct live *l, struct oro_reader *r, struct plan_column *c, struct oro_err *err)
{
    uint8_t fn;
    uint16_t col;
    if (oro_rd_u8(r, &fn) != ORO_OK || oro_rd_u16(r, &col) != ORO_OK || fn > FN_AVG)
        return fail_plan(err);
    *c = (struct plan_column){.fn = (enum plan_fn)fn, .col = col == UINT16_MAX ? -1 : col};
    if (c->col < 0)
        return fn == FN_COUNT ? ORO_OK : fail_plan(err);
    if (col >= l->table->row->nelems)
        return fail_plan(err);
    c->source = oro_type_resolve(l->table->row->elems[col].type);
    c->value = without_option(c->source);
    while (fn == FN_GROUP && c->group < l->nby && l->by[c->group] != col)
        c->group++;
    return ORO_OK;
}

static oro_status
read_groups(struct live *l, const struct oro_view_def *def, struct oro_reader *r,
            struct oro_err *err)
{
    uint16_t nby, n;
    if (oro_rd_u16(r, &nby) != ORO_OK)
        return fail_plan(err);
    l->by = ORO_NEW_ARRAY(uint16_t, nby + 1u);
    for (; l->nby < nby; l->nby++)
        if (oro_rd_u16(r, &l->by[l->nby]) != ORO_OK || l->by[l->nby] >= l->table->row->nelems)
            return fail_plan(err);
    if (oro_rd_u16(r, &n) != ORO_OK || n != def->row->nelems)
        return fail_plan(err);
    l->columns = ORO_NEW_ARRAY(struct plan_column, n + 1u);
    for (uint16_t i = 0; i < n; i++) {
        struct plan_column *c = &l->columns[l->ncolumns++];
        oro_status st = read_column(l, r, c, err);
        c->type = oro_type_resolve(def->row->elems[i].type);
        if (st == ORO_OK)
            st = check_column(l, def, c, i, err);
        if (st != ORO_OK)
            return st;
    }
    if (def->pk >= 0 && (l->nby != 1 || l->columns[def->pk].fn != FN_GROUP))
        return oro_err_set(err, ORO_EINVAL,
                           "the primary key of groups is the one column that they are grouped by, "
                           "and `%s` is not",
                           def->row->elems[def->pk].name);
    return ORO_OK;
}

static oro_status
read_order(struct live *l, struct oro_reader *r, struct oro_err *err)
{
    uint16_t ix, col;
    uint8_t down;
    if (oro_rd_u64(r, &l->most) != ORO_OK || oro_rd_u16(r, &ix) != ORO_OK ||
        oro_rd_u16(r, &col) != ORO_OK || oro_rd_u8(r, &down) != ORO_OK ||
        ix >= l->table->nindexes || l->most == 0)
        return fail_plan(err);
    l->order = &l->table->indexes[ix];
    if (!oro_query_order(l->query, l->order, col, &l->range))
        return fail_plan(err);
    l->range.reverse = down != 0;
    return ORO_OK;
}

static oro_status
read_kind(struct live *l, const struct oro_view_def *def, struct oro_reader *r, struct oro_err *err)
{
    uint8_t kind;
    if (oro_rd_u8(r, &kind) != ORO_OK || kind > PLAN_GROUPS)
        return fail_plan(err);
    l->kind = (enum plan_kind)kind;
    if (kind == PLAN_GROUPS)
        return read_groups(l, def, r, err);
    if (!oro_type_eq(l->table->row, def->row))
        return oro_err_set(err, ORO_EINVAL,
                           "its query is of `%s`, whose rows are not those that it says it returns",
                           l->table->name);
    return kind == PLAN_TOP ? read_order(l, r, err) : ORO_OK;
}

oro_status
plan_read(const struct oro_schema *schema, const struct oro_view_def *def, struct oro_bytes plan,
          struct live **out, struct oro_err *err)
{
    struct oro_reader r = oro_reader(plan);
    struct oro_bytes name;
    struct live *l = ORO_NEW(struct live);
    def = def->table->view; /* of the tables, and stays as long as they do: code may be exchanged without them */
    oro_status st = oro_rd_lenbytes(&r, &name);
    if (st == ORO_OK)
        l->table = oro_schema_table(schema, name);
    st = l->table != NULL ? ORO_OK : fail_plan(err);
    if (st == ORO_OK)
        st = oro_query_given(l->table, &r, &l->query, err);
    if (st == ORO_OK)
        st = read_kind(l, def, &r, err);
    if (st != ORO_OK) {
        plan_free(l);
        return st;
    }
    *out = l;
    return ORO_OK;
}

void
plan_free(struct live *l)
{
    oro_query_free(l->query);
    oro_free(l->by);
    oro_free(l->columns);
    oro_free(l);
}
