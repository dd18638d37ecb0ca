/* runtime/views/groups_row.c - a group as the row that clients see. */
#include "runtime/views/groups_priv.h"

/* ---- numbers ---- */

static bool
is_signed(const struct oro_type *t)
{
    return t->kind == ORO_I8 || t->kind == ORO_I16 || t->kind == ORO_I32 || t->kind == ORO_I64;
}

__int128
groups_integer(const struct oro_type *t, const uint8_t *value)
{
    uint64_t bits = 0;
    unsigned size = t->fixed_size;
    memcpy(&bits, value, size);
    if (!is_signed(t))
        return (__int128)bits;
    unsigned shift = 64 - 8 * size;
    return (int64_t)(bits << shift) >> shift;
}

double
groups_double(const struct oro_type *t, const uint8_t *value)
{
    float f;
    double d;
    if (t->kind == ORO_F32) {
        memcpy(&f, value, sizeof(f));
        return f;
    }
    memcpy(&d, value, sizeof(d));
    return d;
}

static bool
put_integer(const struct oro_type *t, __int128 n, struct oro_bb *out)
{
    unsigned bits = 8 * t->fixed_size - is_signed(t);
    __int128 most = ((__int128)1 << bits) - 1, least = is_signed(t) ? -most - 1 : 0;
    if (n < least || n > most)
        return false;
    uint64_t v = (uint64_t)n;
    oro_bb_put(out, &v, t->fixed_size);
    return true;
}

static void
put_double(const struct oro_type *t, double d, struct oro_bb *out)
{
    float f = (float)d;
    if (t->kind == ORO_F32)
        oro_bb_put(out, &f, sizeof(f));
    else
        oro_bb_put(out, &d, sizeof(d));
}

/* The sum of floats, divided by n; NaN and the infinities are counted beside it. */
static double
divided(const struct acc *a, uint64_t n)
{
    if (a->nans > 0 || (a->ups > 0 && a->downs > 0))
        return NAN;
    if (a->ups > 0 || a->downs > 0)
        return a->ups > 0 ? INFINITY : -INFINITY;
    return (double)(oro_exact_value(&a->real) / (long double)n);
}

static bool
adds_floats(const struct plan_column *c)
{
    return c->value->kind == ORO_F32 || c->value->kind == ORO_F64;
}

static double
total(const struct acc *a, const struct plan_column *c)
{
    return adds_floats(c) ? divided(a, 1) : (double)a->whole;
}

static double
mean(const struct acc *a, const struct plan_column *c)
{
    return adds_floats(c) ? divided(a, a->n) : (double)((long double)a->whole / (long double)a->n);
}

/* ---- columns ---- */

struct oro_bytes
groups_key_value(struct oro_bytes key, unsigned n)
{
    struct oro_reader r = oro_reader(oro_bytes(key.data + 1, key.len - 1));
    struct oro_bytes value = {0};
    for (unsigned i = 0; i <= n; i++) {
        oro_status st = oro_rd_lenbytes(&r, &value);
        ORO_ASSERT(st == ORO_OK);
    }
    return value;
}

static const struct oro_type *
without_option(const struct oro_type *t)
{
    return t->special == ORO_OPTION ? oro_type_resolve(t->elems[0].type) : t;
}

static oro_status
fail_size(const struct live *l, const struct plan_column *c, struct oro_err *err)
{
    const char *what = c->fn == FN_COUNT ? "number of rows" : "sum";
    return oro_err_set(err, ORO_EINVAL, "the %s%s%s%s is beyond its column of %s: make that an i64",
                       what, c->col >= 0 ? " of `" : "",
                       c->col >= 0 ? l->table->row->elems[c->col].name : "", c->col >= 0 ? "`" : "",
                       oro_kind_name(without_option(c->type)->kind));
}

/* c->fn is none that has a value always. */
static oro_status
put_value(const struct live *l, const struct plan_column *c, const struct acc *a,
          struct oro_bb *out, struct oro_err *err)
{
    const struct oro_type *t = without_option(c->type);
    if (c->fn == FN_AVG) {
        put_double(t, mean(a, c), out);
    } else if (c->fn != FN_SUM) {
        /* The sums are newer than the transaction's snapshot, so it found no such row. */
        if (a->best.len == 0)
            return oro_err_set(err, ORO_ECONFLICT, "its rows changed meanwhile");
        oro_bb_put_bytes(out, oro_bb_bytes(&a->best));
    } else if (t->kind == ORO_F32 || t->kind == ORO_F64) {
        put_double(t, total(a, c), out);
    } else {
        return put_integer(t, a->whole, out) ? ORO_OK : fail_size(l, c, err);
    }
    return ORO_OK;
}

static oro_status
put_column(const struct live *l, const struct plan_column *c, const struct group *g,
           const struct acc *a, struct oro_bytes key, struct oro_bb *out, struct oro_err *err)
{
    if (c->fn == FN_GROUP) {
        oro_bb_put_bytes(out, groups_key_value(key, c->group));
        return ORO_OK;
    }
    if (c->fn == FN_COUNT)
        return put_integer(c->type, c->col < 0 ? g->rows : a->n, out) ? ORO_OK
                                                                      : fail_size(l, c, err);
    if (c->type->special == ORO_OPTION) {
        oro_bb_u8(out, a->n == 0); /* some is 0 */
        if (a->n == 0)
            return ORO_OK;
    }
    return put_value(l, c, a, out, err);
}

oro_status
groups_row(const struct live *l, struct oro_bytes key, const struct group *g, struct oro_bb *out,
           struct oro_err *err)
{
    oro_status st = ORO_OK;
    for (unsigned i = 0; st == ORO_OK && i < l->ncolumns; i++)
        st = put_column(l, &l->columns[i], g, &g->accs[i], key, out, err);
    return st;
}
