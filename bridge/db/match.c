/* bridge/db/match.c - rows against the conditions that no index answers.
 *
 * Values that may hold floats are compared as indexes and SQL compare them: encoded, in one total order in which NaN equals NaN
 * and comes after everything, and -0.0 equals 0.0. Python's own order knows neither, and a filter must not give other rows than
 * the index that somebody adds to its column. All other values are compared by Python. */
#include "bridge/db/db_priv.h"
#include "bridge/db/query.h"
#include "bridge/db/rows.h"

/* The values of a condition, encoded; n 0: Python compares. */
struct encoded {
    struct oro_bb bytes;
    size_t *ends; /* owned: where each ends */
    size_t n, cap;
    bool some; /* a value of `in` is not of the column's type: Python looks for that one */
};

static void
encoded_fini(struct encoded *e)
{
    oro_bb_fini(&e->bytes);
    oro_free(e->ends);
}

static struct oro_bytes
encoded_at(const struct encoded *e, size_t i)
{
    size_t from = i > 0 ? e->ends[i - 1] : 0;
    return oro_bytes(e->bytes.data + from, e->ends[i] - from);
}

/* 1, 0 when it is no value of the column, -1 raised. */
static int
encode_one(struct oro_db *db, const struct oro_codec *c, PyObject *v, struct encoded *e)
{
    size_t at = e->bytes.len;
    if (oro_codec_encode(db->codecs, c, v, &e->bytes, 1) < 0) {
        e->bytes.len = at;
        if (!db->codecs->cerr.set)
            return -1;
        oro_cerr_clear(db->codecs);
        return 0;
    }
    e->ends = oro_grow(e->ends, e->n, &e->cap, sizeof(*e->ends));
    e->ends[e->n++] = e->bytes.len;
    return 1;
}

static bool
is_builtin(PyObject *o)
{
    return PyList_CheckExact(o) || PyTuple_CheckExact(o) || PyAnySet_CheckExact(o) ||
           PyDict_CheckExact(o);
}

static int
encode_all(struct oro_db *db, const struct oro_codec *c, PyObject *values, struct encoded *e)
{
    PyObject *all = is_builtin(values) ? PySequence_Tuple(values) : NULL;
    int rc = all != NULL || !is_builtin(values) ? 0 : -1;
    for (Py_ssize_t i = 0; rc >= 0 && all != NULL && i < PyTuple_GET_SIZE(all); i++) {
        rc = encode_one(db, c, PyTuple_GET_ITEM(all, i), e);
        e->some = e->some || rc == 0;
    }
    e->some =
        e->some || !is_builtin(values); /* a class of the author's says itself what is in it */
    Py_XDECREF(all);
    return rc < 0 ? -1 : 0;
}

/* Encodes what a condition compares with, where that is to be done. -1 raised. */
static int
encode_cond(struct oro_db *db, struct oro_pytable *t, const struct oro_cond *cond,
            struct encoded *e)
{
    const struct oro_rowcol *col = &t->rc->cols[cond->col];
    const struct oro_codec *c = oro_codec_bare(col->codec);
    int rc;
    if (!col->floats)
        return 0;
    switch ((enum oro_lookup)cond->lookup) {
    case LOOKUP_IN:
    case LOOKUP_NOT_IN:
        return encode_all(db, c, cond->v, e);
    case LOOKUP_BETWEEN:
        rc = encode_one(db, c, PyTuple_GET_ITEM(cond->v, 0), e);
        if (rc > 0)
            rc = encode_one(db, c, PyTuple_GET_ITEM(cond->v, 1), e);
        break;
    default:
        rc = encode_one(db, c, cond->v, e);
        break;
    }
    if (rc == 0)
        e->n = 0;
    return rc < 0 ? -1 : 0;
}

static int
compare(const struct oro_codec *c, struct oro_bytes x, struct oro_bytes y)
{
    struct oro_reader a = oro_reader(x), b = oro_reader(y);
    return oro_codec_cmp(c, &a, &b);
}

/* None has no place in an order: no comparison holds for it, and asking for one is a TypeError. */
static bool
has_order(const struct oro_codec *c, struct oro_bytes x, const struct encoded *e)
{
    if (c->op != OP_OPTION)
        return true;
    bool some = x.len > 0 && x.data[0] == 0;
    for (size_t i = 0; i < e->n; i++)
        some = some && encoded_at(e, i).data[0] == 0;
    return some;
}

static bool
holds_encoded(const struct oro_codec *c, struct oro_bytes x, enum oro_lookup lookup,
              const struct encoded *e)
{
    int d = compare(c, x, encoded_at(e, 0));
    switch (lookup) {
    case LOOKUP_EQ:
        return d == 0;
    case LOOKUP_NE:
        return d != 0;
    case LOOKUP_GT:
        return d > 0;
    case LOOKUP_GTE:
        return d >= 0;
    case LOOKUP_LT:
        return d < 0;
    case LOOKUP_LTE:
        return d <= 0;
    default:
        return d >= 0 && compare(c, x, encoded_at(e, 1)) <= 0; /* LOOKUP_BETWEEN */
    }
}

#define RANGES \
    (1u << LOOKUP_GT | 1u << LOOKUP_GTE | 1u << LOOKUP_LT | 1u << LOOKUP_LTE | 1u << LOOKUP_BETWEEN)

static int
holds(PyObject *x, const struct oro_cond *c)
{
    static const int ops[] = {[LOOKUP_EQ] = Py_EQ,  [LOOKUP_NE] = Py_NE, [LOOKUP_GT] = Py_GT,
                              [LOOKUP_GTE] = Py_GE, [LOOKUP_LT] = Py_LT, [LOOKUP_LTE] = Py_LE};
    int in;
    if (x == Py_None && ((1u << c->lookup) & RANGES) != 0)
        return 0; /* as an index has it */
    switch ((enum oro_lookup)c->lookup) {
    case LOOKUP_IN:
        return PySequence_Contains(c->v, x);
    case LOOKUP_NOT_IN:
        in = PySequence_Contains(c->v, x);
        return in < 0 ? -1 : !in;
    case LOOKUP_BETWEEN:
        in = PyObject_RichCompareBool(x, PyTuple_GET_ITEM(c->v, 0), Py_GE);
        return in > 0 ? PyObject_RichCompareBool(x, PyTuple_GET_ITEM(c->v, 1), Py_LE) : in;
    default:
        return PyObject_RichCompareBool(x, c->v, ops[c->lookup]);
    }
}

/* 1 it holds, 0 it does not, -1 ask Python. */
static int
column_holds(const struct oro_codec *c, struct oro_bytes x, const struct oro_cond *cond,
             const struct encoded *e)
{
    enum oro_lookup lookup = (enum oro_lookup)cond->lookup;
    if (lookup == LOOKUP_IN || lookup == LOOKUP_NOT_IN) {
        for (size_t i = 0; i < e->n; i++)
            if (compare(c, x, encoded_at(e, i)) == 0)
                return lookup == LOOKUP_IN;
        return e->some ? -1 : lookup == LOOKUP_NOT_IN;
    }
    if (e->n == 0 || (lookup > LOOKUP_NE && !has_order(c, x, e)))
        return -1;
    return holds_encoded(c, x, lookup, e);
}

/* 1 all hold, 0 not, -1 raised. */
static int
row_holds(struct oro_db *db, struct oro_pytable *t, struct oro_bytes bytes,
          const struct oro_cond *conds, unsigned n, uint32_t answered, const struct encoded *enc)
{
    PyObject *row = oro_pyrow_from_bytes(t->rc, bytes);
    int ok = row != NULL ? 1 : -1;
    for (unsigned i = 0; ok == 1 && i < n; i++) {
        const struct oro_rowcol *col = &t->rc->cols[conds[i].col];
        struct oro_bytes x;
        if ((answered >> i & 1) != 0)
            continue;
        if (col->floats && oro_rowclass_column(t->rc, bytes, conds[i].col, &x) == 0 &&
            (ok = column_holds(oro_codec_bare(col->codec), x, &conds[i], &enc[i])) >= 0)
            continue;
        PyObject *v = Py_XNewRef(oro_pyrow_col((struct oro_row *)row, conds[i].col));
        ok = v != NULL ? holds(v, &conds[i]) : -1;
        Py_XDECREF(v);
    }
    Py_XDECREF(row);
    return ok;
}

PyObject *
oro_pyquery_sift(struct oro_db *db, struct oro_pytable *t, const struct oro_bytes *rows,
                 size_t nrows, const struct oro_cond *conds, unsigned n, uint32_t answered,
                 size_t limit)
{
    struct encoded enc[ORO_CONDS_MAX] = {0};
    struct oro_bytes *kept = NULL;
    size_t nkept = 0, cap = 0;
    int ok = 0;
    for (unsigned i = 0; ok >= 0 && i < n; i++)
        if ((answered >> i & 1) == 0)
            ok = encode_cond(db, t, &conds[i], &enc[i]);
    for (size_t i = 0; ok >= 0 && i < nrows && (limit == 0 || nkept < limit); i++) {
        ok = row_holds(db, t, rows[i], conds, n, answered, enc);
        if (ok > 0) {
            if (nkept == cap)
                kept = oro_grow(kept, nkept, &cap, sizeof(*kept));
            kept[nkept++] = rows[i];
        }
        /* What compares may be the author's code, which may end nothing but could take long: the bytes live with the call. */
        if (ok >= 0 && !oro_pyhandle_alive(db, t))
            ok = -1;
        if (ok >= 0 && i % 4096 == 4095)
            ok = oro_db_look(db); /* so that a long one can be interrupted */
    }
    for (unsigned i = 0; i < n; i++)
        encoded_fini(&enc[i]);
    if (ok >= 0)
        return oro_pyrows_new(db, t, kept, nkept, true);
    oro_free(kept);
    return NULL;
}
