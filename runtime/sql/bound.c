/* What a column is compared with, as a bound of an index of ours: so that no row is lost that SQLite's comparison would find. */
#include "runtime/sql/value_priv.h"

#include <math.h>

static bool
is_lower(enum sql_compare op)
{
    return op == SQL_IS_GT || op == SQL_IS_GE;
}

/* v stands behind (before) every value of the column. */
static enum sql_found
beyond(enum sql_compare op, bool behind)
{
    return op == SQL_IS_EQ || is_lower(op) == behind ? SQL_NONE : SQL_ALL;
}

/* v is compared in a way that the index does not know. */
static enum sql_found
unknown(enum sql_compare op)
{
    return op == SQL_IS_EQ ? SQL_NONE : SQL_ALL;
}

#define TWO_63 9223372036854775808.0

static enum sql_found
bound_int(const struct oro_type *t, sqlite3_value *v, enum sql_compare op, struct oro_bb *out,
          bool *open)
{
    enum oro_kind kind = sql_int_kind(t);
    int is = sqlite3_value_numeric_type(v); /* as the column's affinity makes of it */
    int64_t i;
    *open = op == SQL_IS_GT || op == SQL_IS_LT;
    if (is == SQLITE_FLOAT) {
        double d = sqlite3_value_double(v), whole = is_lower(op) ? floor(d) : ceil(d);
        if (whole >= TWO_63 || whole < -TWO_63)
            return beyond(op, whole > 0);
        if (whole != d && op == SQL_IS_EQ)
            return SQL_NONE;
        *open = *open || whole != d; /* x >= 2.5 is x > 2 */
        i = (int64_t)whole;
    } else if (is == SQLITE_INTEGER) {
        i = sqlite3_value_int64(v);
    } else {
        return beyond(op, true); /* text and blobs come behind numbers */
    }
    if (i < sql_ints[kind].min || i > sql_ints[kind].max)
        return beyond(op, i > sql_ints[kind].max);
    oro_bb_put(out, &i, sql_ints[kind].size);
    return SQL_VALUE;
}

static enum sql_found
bound_real(const struct oro_type *t, sqlite3_value *v, enum sql_compare op, struct oro_bb *out)
{
    int is = sqlite3_value_numeric_type(v);
    double d = sqlite3_value_double(v);
    if (is != SQLITE_FLOAT && is != SQLITE_INTEGER)
        return beyond(op, true);
    if (is == SQLITE_INTEGER && (d >= TWO_63 || (int64_t)d != sqlite3_value_int64(v)))
        return unknown(op);
    if (sql_real_encode(t, d, out))
        return SQL_VALUE;
    if (op == SQL_IS_EQ)
        return SQL_NONE;
    float f = (float)d; /* the nearest one on the outer side */
    if (is_lower(op) && (double)f > d)
        f = nextafterf(f, -INFINITY);
    else if (!is_lower(op) && (double)f < d)
        f = nextafterf(f, INFINITY);
    oro_bb_put(out, &f, 4);
    return SQL_VALUE;
}

static enum sql_found
bound_u64(const struct oro_type *t, sqlite3_value *v, enum sql_compare op, struct oro_bb *out,
          bool *open)
{
    int is = sqlite3_value_type(v);
    double d = is == SQLITE_FLOAT ? sqlite3_value_double(v) : 0;
    int64_t i = is == SQLITE_INTEGER ? sqlite3_value_int64(v) : 0;
    *open = op == SQL_IS_GT || op == SQL_IS_LT;
    if (is == SQLITE_BLOB)
        return beyond(op, true);
    if (i < 0 || d < 0)
        return beyond(op, false);
    if (is == SQLITE_FLOAT && d < TWO_63) {
        double whole = is_lower(op) ? floor(d) : ceil(d);
        if ((op == SQL_IS_EQ && whole != d) || whole >= TWO_63)
            return unknown(op);
        *open = *open || whole != d;
        oro_bb_u64(out, (uint64_t)whole);
        return SQL_VALUE;
    }
    return sql_u64_encode(v, out) ? SQL_VALUE : unknown(op);
}

/* What is TEXT in SQLite, and has TEXT affinity. */
static enum sql_found
bound_text(const struct oro_type *t, sqlite3_value *v, enum sql_compare op, struct oro_bb *out,
           bool *open)
{
    if (sqlite3_value_type(v) == SQLITE_BLOB)
        return beyond(op, true);
    *open = op == SQL_IS_GT || op == SQL_IS_LT;
    if (t->kind == ORO_STRING) {
        oro_bb_lenbytes(out, sql_text_of(v));
        return SQL_VALUE;
    }
    return sql_encode(t, v, out) ? SQL_VALUE : unknown(op);
}

enum sql_found
sql_bound(const struct oro_type *type, sqlite3_value *v, enum sql_compare op, struct oro_bb *out,
          bool *open)
{
    const struct oro_type *t = oro_type_resolve(type);
    size_t at = out->len;
    enum sql_found found = SQL_NONE;
    *open = false;
    if (sqlite3_value_type(v) == SQLITE_NULL)
        return SQL_NONE;
    switch (sql_rep_of(t)) {
    case REP_INT:
        return bound_int(t, v, op, out, open);
    case REP_U64:
        return bound_u64(t, v, op, out, open);
    case REP_REAL:
        return bound_real(t, v, op, out);
    case REP_OPTION:
        ORO_ASSERT(op == SQL_IS_EQ);
        oro_bb_u8(out, 0);
        found = sql_bound(t->elems[0].type, v, op, out, open);
        break;
    case REP_BLOB:
        found = sql_encode(t, v, out) ? SQL_VALUE : beyond(op, false);
        *open = op == SQL_IS_GT || op == SQL_IS_LT;
        break;
    case REP_JSON:
        ORO_ASSERT(false); /* is in no plan */
        break;
    default:
        found = bound_text(t, v, op, out, open);
        break;
    }
    if (found != SQL_VALUE)
        out->len = at;
    return found;
}
