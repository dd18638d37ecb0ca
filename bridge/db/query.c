/* bridge/db/query.c - conditions of filter() and its like: the best index answers what it can, the rest is compared row by
 * row in Python's own order. */
#include "bridge/db/query.h"

#include "bridge/codec/error.h"
#include "bridge/db/rows.h"
#include "bridge/db/traps.h"

bool oro_db_strict_index;

static const struct {
    const char *suffix, *sign;
} lookups[] = {
    [LOOKUP_EQ] = {"", "="},
    [LOOKUP_NE] = {"__ne", "!="},
    [LOOKUP_GT] = {"__gt", ">"},
    [LOOKUP_GTE] = {"__gte", ">="},
    [LOOKUP_LT] = {"__lt", "<"},
    [LOOKUP_LTE] = {"__lte", "<="},
    [LOOKUP_IN] = {"__in", "in"},
    [LOOKUP_NOT_IN] = {"__not_in", "not in"},
    [LOOKUP_BETWEEN] = {"__between", "between"},
};

/* "score__gte" to column << 8 | lookup, remembered in t->lookups. -1: raised. */
static long
resolve(struct oro_pytable *t, PyObject *kw)
{
    PyObject *known = PyDict_GetItemWithError(t->lookups, kw);
    if (known != NULL)
        return PyLong_AsLong(known);
    if (PyErr_Occurred())
        return -1;
    int col = oro_rowclass_find(t->rc, kw);
    unsigned lookup = LOOKUP_EQ;
    const char *text = PyUnicode_AsUTF8(kw), *sep = NULL;
    if (text == NULL)
        return -1;
    for (const char *at = text; col < 0 && (at = strstr(at, "__")) != NULL; at++)
        sep = at; /* the last one: "a__not_in" has one, "a__in" too */
    if (col < 0 && sep != NULL) {
        PyObject *name = PyUnicode_FromStringAndSize(text, sep - text);
        if (name == NULL)
            return -1;
        col = oro_rowclass_find(t->rc, name);
        Py_DECREF(name);
        for (lookup = LOOKUP_NE; lookup < ORO_ARRAY_LEN(lookups); lookup++)
            if (strcmp(sep, lookups[lookup].suffix) == 0)
                break;
    }
    if (col < 0 || lookup == ORO_ARRAY_LEN(lookups)) {
        oro_pyerr_no_column("no_condition", t->def->name, t->rc, kw);
        return -1;
    }
    long packed = (long)col << 8 | lookup;
    if (!PyUnicode_CheckExact(kw)) /* one that says itself what it equals is not remembered */
        return packed;
    PyObject *n = PyLong_FromLong(packed);
    if (n == NULL || PyDict_SetItem(t->lookups, kw, n) < 0)
        packed = -1;
    Py_XDECREF(n);
    return packed;
}

int
oro_pyquery_parse(struct oro_db *db, struct oro_pytable *t, PyObject *const *values,
                  PyObject *kwnames, struct oro_cond *out)
{
    Py_ssize_t n = kwnames != NULL ? PyTuple_GET_SIZE(kwnames) : 0;
    if (n > ORO_CONDS_MAX) {
        PyErr_Format(PyExc_TypeError, "at most %d conditions", ORO_CONDS_MAX);
        return -1;
    }
    for (Py_ssize_t i = 0; i < n; i++) {
        long packed = resolve(t, PyTuple_GET_ITEM(kwnames, i));
        if (packed < 0)
            return -1;
        out[i] = (struct oro_cond){(unsigned)(packed >> 8), (uint8_t)(packed & 0xff), values[i]};
        if ((out[i].lookup == LOOKUP_IN || out[i].lookup == LOOKUP_NOT_IN) &&
            (PyUnicode_Check(values[i]) || PyBytes_Check(values[i]) || PyIter_Check(values[i]))) {
            PyErr_Format(PyExc_TypeError, "%R takes a list, tuple or set of values, not %s",
                         PyTuple_GET_ITEM(kwnames, i),
                         PyIter_Check(values[i]) ? "an iterator" : oro_pytype_name(values[i]));
            return -1;
        }
        if (out[i].lookup == LOOKUP_BETWEEN &&
            (!PyTuple_Check(values[i]) || PyTuple_GET_SIZE(values[i]) != 2)) {
            PyErr_Format(PyExc_TypeError, "%R takes a pair (lowest, highest)",
                         PyTuple_GET_ITEM(kwnames, i));
            return -1;
        }
    }
    return (int)n;
}

PyObject *
oro_pyquery_text(struct oro_pytable *t, const struct oro_cond *conds, unsigned n)
{
    PyObject *out = PyUnicode_FromString("");
    for (unsigned i = 0; out != NULL && i < n; i++)
        Py_SETREF(out, PyUnicode_FromFormat("%U%s%U %s %R", out, i > 0 ? ", " : "",
                                            t->rc->cols[conds[i].col].name,
                                            lookups[conds[i].lookup].sign, conds[i].v));
    return out;
}

/* ---- planning ---- */

struct plan {
    const struct oro_index_def *ix;
    unsigned nprefix;
    int prefix[16]; /* conditions that give the leading columns */
    int lo, hi;     /* conditions that bound the next one, or -1 */
    int in;         /* condition that lists its values, or -1 */
    bool point;
};

#define IN_MAX 1000 /* numbers of a range() that are looked up one by one */

static int
find_cond(const struct oro_cond *conds, unsigned n, unsigned col, unsigned mask)
{
    for (unsigned i = 0; i < n; i++)
        if (conds[i].col == col && (mask >> conds[i].lookup & 1) != 0)
            return (int)i;
    return -1;
}

/* A long range() is told from a collection by asking it, value by value. */
static bool
may_list(const struct oro_cond *c)
{
    return !PyRange_Check(c->v) || PyObject_Size(c->v) <= IN_MAX;
}

/* How well the index suits: 0 not at all. */
static unsigned
plan_index(const struct oro_index_def *ix, const struct oro_cond *conds, unsigned n, struct plan *p)
{
    *p = (struct plan){.ix = ix, .lo = -1, .hi = -1, .in = -1};
    while (p->nprefix < ix->ncols && p->nprefix < ORO_ARRAY_LEN(p->prefix)) {
        int c = find_cond(conds, n, ix->cols[p->nprefix], 1u << LOOKUP_EQ);
        if (c < 0)
            break;
        p->prefix[p->nprefix++] = c;
    }
    if (p->nprefix == ix->ncols) {
        p->point = ix->unique;
        return ix->unique ? 1000 : 4 * p->nprefix + 1;
    }
    p->in = find_cond(conds, n, ix->cols[p->nprefix], 1u << LOOKUP_IN);
    if (p->in >= 0 && !may_list(&conds[p->in])) {
        PyErr_Clear();
        p->in = -1;
    }
    if (p->in >= 0 && (p->nprefix + 1 == ix->ncols || ix->kind != ORO_INDEX_HASH))
        return 4 * p->nprefix + (ix->unique && p->nprefix + 1 == ix->ncols ? 4 : 3);
    p->in = -1;
    if (ix->kind == ORO_INDEX_HASH)
        return 0;
    p->lo = find_cond(conds, n, ix->cols[p->nprefix],
                      1u << LOOKUP_GT | 1u << LOOKUP_GTE | 1u << LOOKUP_BETWEEN);
    p->hi = find_cond(conds, n, ix->cols[p->nprefix],
                      1u << LOOKUP_LT | 1u << LOOKUP_LTE | 1u << LOOKUP_BETWEEN);
    return 4 * p->nprefix + (p->lo >= 0) + (p->hi >= 0);
}

enum oro_query_end
oro_pyquery_encode_end(struct oro_db *db, struct oro_pytable *t, unsigned col, PyObject *v,
                       struct oro_bb *out)
{
    const struct oro_codec *c = oro_codec_bare(t->rc->cols[col].codec);
    size_t at = out->len;
    if (oro_codec_encode(db->codecs, c, v, out, 1) == 0)
        return ORO_END_OK;
    out->len = at;
    if (db->codecs->cerr.set && c->op >= OP_I8 && c->op <= OP_BIG && PyLong_Check(v) &&
        !PyBool_Check(v)) {
        PyObject *zero = PyLong_FromLong(0);
        int below = zero != NULL ? PyObject_RichCompareBool(v, zero, Py_LT) : -1;
        Py_XDECREF(zero);
        if (below >= 0) {
            oro_cerr_clear(db->codecs);
            return below ? ORO_END_BELOW : ORO_END_ABOVE;
        }
    }
    oro_cerr_name(db->codecs, t->rc->cols[col].name);
    oro_cerr_raise(db->codecs, db->codecs->e_encode, t->def->name);
    return ORO_END_ERROR;
}

/* One side of the range. 1: set or unbounded, 0: nothing can match, -1 raised. */
static int
set_end(struct oro_db *db, struct oro_pytable *t, const struct oro_cond *c, bool low,
        struct oro_bb *out, bool *has, bool *open)
{
    PyObject *v = c->lookup == LOOKUP_BETWEEN ? PyTuple_GET_ITEM(c->v, low ? 0 : 1) : c->v;
    if (v == Py_None) {
        PyErr_Format(PyExc_TypeError,
                     "%s.%U: None is neither less nor more than a value: ask for %U=None",
                     t->def->name, t->rc->cols[c->col].name, t->rc->cols[c->col].name);
        return -1;
    }
    switch (oro_pyquery_encode_end(db, t, c->col, v, out)) {
    case ORO_END_OK:
        *has = true;
        *open = c->lookup == LOOKUP_GT || c->lookup == LOOKUP_LT;
        return 1;
    case ORO_END_BELOW:
        return low;
    case ORO_END_ABOVE:
        return !low;
    default:
        return -1;
    }
}

/* In the order of an index None comes after every value, and no comparison holds for it: a range without an end stops there. */
static void
end_before_none(const struct oro_pytable *t, unsigned col, struct oro_bb *hi,
                struct oro_py_range *range)
{
    if (!range->has_lo || range->has_hi || oro_codec_bare(t->rc->cols[col].codec)->op != OP_OPTION)
        return;
    oro_bb_u8(hi, 1); /* the tag of none */
    range->has_hi = range->hi_open = true;
}

/* What an index gave. */
struct found {
    struct oro_bytes *rows;
    size_t n, cap;
    bool own; /* rows is ours; otherwise the host's */
};

static void
found_add(struct found *f, const struct oro_bytes *rows, size_t n)
{
    f->own = true;
    while (f->n + n > f->cap)
        f->rows = oro_grow(f->rows, f->cap, &f->cap, sizeof(*f->rows));
    if (n > 0)
        memcpy(f->rows + f->n, rows, n * sizeof(*rows));
    f->n += n;
}

static int
encode_prefix(struct oro_db *db, struct oro_pytable *t, const struct plan *p,
              const struct oro_cond *conds, struct oro_bb *out)
{
    for (unsigned i = 0; i < p->nprefix; i++) {
        const struct oro_cond *c = &conds[p->prefix[i]];
        if (oro_codec_encode(db->codecs, oro_codec_bare(t->rc->cols[c->col].codec), c->v, out, 1) <
            0) {
            oro_cerr_name(db->codecs, t->rc->cols[c->col].name);
            return oro_cerr_raise(db->codecs, db->codecs->e_encode, t->def->name);
        }
    }
    return 0;
}

/* ---- one of several values ---- */

struct in_list {
    struct oro_bb bytes;
    struct in_value {
        const struct oro_codec *codec;
        const struct in_list *list;
        size_t at, len;
    } * values;
    size_t n, cap;
};

static struct oro_bytes
in_bytes(const struct in_value *v)
{
    return oro_bytes(v->list->bytes.data + v->at, v->len);
}

static int
in_cmp(const void *a, const void *b)
{
    const struct in_value *x = a;
    struct oro_reader p = oro_reader(in_bytes(x)), q = oro_reader(in_bytes(b));
    return oro_codec_cmp(x->codec, &p, &q);
}

/* The values encoded, in key order; equal ones stand beside each other. A number that the column cannot hold is left out. */
static int
in_encode(struct oro_db *db, struct oro_pytable *t, const struct oro_cond *c, struct in_list *list)
{
    const struct oro_codec *codec = oro_codec_bare(t->rc->cols[c->col].codec);
    PyObject *it = PyObject_GetIter(c->v), *v;
    while (it != NULL && (v = PyIter_Next(it)) != NULL) {
        size_t at = list->bytes.len;
        enum oro_query_end end = oro_pyquery_encode_end(db, t, c->col, v, &list->bytes);
        Py_DECREF(v);
        if (end == ORO_END_ERROR)
            break;
        if (end != ORO_END_OK)
            continue;
        list->values = oro_grow(list->values, list->n, &list->cap, sizeof(*list->values));
        list->values[list->n++] = (struct in_value){codec, list, at, list->bytes.len - at};
    }
    Py_XDECREF(it);
    if (PyErr_Occurred())
        return -1;
    if (list->n > 1)
        qsort(list->values, list->n, sizeof(*list->values), in_cmp);
    return 0;
}

/* A look-up for each value; the rows come in key order. */
static int
run_in(struct oro_db *db, struct oro_pytable *t, const struct plan *p, const struct oro_cond *conds,
       size_t limit, struct found *out)
{
    struct in_list list = {0};
    struct oro_bb key = oro_bb_take(db->codecs, 0);
    size_t head;
    int rc = -1;
    if (encode_prefix(db, t, p, conds, &key) < 0 || in_encode(db, t, &conds[p->in], &list) < 0 ||
        !oro_pyhandle_alive(db, t))
        goto done;
    rc = 0;
    head = key.len;
    for (size_t i = 0; rc == 0 && i < list.n && (limit == 0 || out->n < limit); i++) {
        struct oro_bytes value = in_bytes(&list.values[i]), one;
        if (i > 0 && in_cmp(&list.values[i - 1], &list.values[i]) == 0) /* 0.0 and -0.0, too */
            continue;
        key.len = head;
        oro_bb_put_bytes(&key, value);
        oro_status st;
        if (p->ix->unique && p->nprefix + 1 == p->ix->ncols) {
            st = db->ops->find(db->call->host, t->def, p->ix, oro_bb_bytes(&key), &one);
            if (st == ORO_OK)
                found_add(out, &one, 1);
        } else {
            struct oro_py_rows rows = {0};
            struct oro_py_range range = {.prefix = oro_bb_bytes(&key),
                                         .nprefix = p->nprefix + 1,
                                         .limit = limit > 0 ? limit - out->n : 0};
            st = db->ops->range(db->call->host, t->def, p->ix, &range, &rows);
            if (st == ORO_OK)
                found_add(out, rows.rows, rows.n);
        }
        if (st != ORO_OK && st != ORO_ENOTFOUND) {
            oro_pytable_fail(db, t, st, NULL);
            rc = -1;
        }
    }
done:
    oro_bb_give(db->codecs, 0, &key);
    oro_bb_fini(&list.bytes);
    oro_free(list.values);
    return rc;
}

/* ---- a point or a range ---- */

/* *pending: set instead of out when the rows may be fetched later. */
static int
run_plan(struct oro_db *db, struct oro_pytable *t, const struct plan *p,
         const struct oro_cond *conds, bool all, size_t limit, struct found *out,
         PyObject **pending)
{
    struct oro_bb prefix = oro_bb_take(db->codecs, 0), lo = {0}, hi = {0};
    struct oro_py_range range = {.nprefix = p->nprefix, .limit = all ? limit : 0};
    struct oro_py_rows rows = {0};
    struct oro_bytes one;
    oro_status st = ORO_OK;
    int rc = -1, more = 1;
    if (encode_prefix(db, t, p, conds, &prefix) < 0)
        goto done;
    if (p->lo >= 0)
        more = set_end(db, t, &conds[p->lo], true, &lo, &range.has_lo, &range.lo_open);
    if (more > 0 && p->hi >= 0)
        more = set_end(db, t, &conds[p->hi], false, &hi, &range.has_hi, &range.hi_open);
    if (more < 0 || !oro_pyhandle_alive(db, t))
        goto done;
    if (p->lo >= 0)
        end_before_none(t, conds[p->lo].col, &hi, &range);
    rc = 0;
    if (more == 0)
        goto done;
    range.prefix = oro_bb_bytes(&prefix);
    range.lo = oro_bb_bytes(&lo);
    range.hi = oro_bb_bytes(&hi);
    if (p->point) {
        st = db->ops->find(db->call->host, t->def, p->ix, range.prefix, &one);
        if (st == ORO_OK)
            found_add(out, &one, 1);
        if (st == ORO_ENOTFOUND)
            st = ORO_OK;
    } else if (p->nprefix < p->ix->ncols && p->ix->kind == ORO_INDEX_HASH) {
        st = ORO_ETYPE;
    } else if (all) {
        *pending = oro_pyrows_pending(db, t, p->ix, &range);
        rc = *pending != NULL ? 0 : -1;
    } else {
        st = db->ops->range(db->call->host, t->def, p->ix, &range, &rows);
        out->rows = rows.rows;
        out->n = rows.n;
    }
    if (st != ORO_OK) {
        oro_pytable_fail(db, t, st, NULL);
        rc = -1;
    }
done:
    oro_bb_give(db->codecs, 0, &prefix);
    oro_bb_fini(&lo);
    oro_bb_fini(&hi);
    return rc;
}

/* ---- all together ---- */

/* Which conditions the plan answers. */
static uint32_t
plan_answers(const struct plan *p, const struct oro_cond *conds)
{
    uint32_t answered = 0;
    for (unsigned i = 0; i < p->nprefix; i++)
        answered |= 1u << p->prefix[i];
    if (p->in >= 0)
        answered |= 1u << p->in;
    if (p->lo >= 0 && (conds[p->lo].lookup != LOOKUP_BETWEEN || p->lo == p->hi))
        answered |= 1u << p->lo;
    if (p->hi >= 0 && conds[p->hi].lookup != LOOKUP_BETWEEN)
        answered |= 1u << p->hi;
    return answered;
}

/* No index answers: every row has to be looked at. */
static int
scan(struct oro_db *db, struct oro_pytable *t, const struct oro_cond *conds, unsigned n,
     struct found *out)
{
    struct oro_py_rows rows = {0};
    if (oro_db_strict_index) {
        PyObject *text = oro_pyquery_text(t, conds, n);
        if (text != NULL)
            PyErr_Format(
                db->e_wrongindex,
                "%s: no index answers %U, and reducer.strict_index refuses to look at every "
                "row: make one of the columns Index[...]",
                t->def->name, text);
        Py_XDECREF(text);
        return -1;
    }
    ORO_BUMP(t->scans, 1);
    oro_status st = db->ops->scan(db->call->host, t->def, &rows);
    if (st != ORO_OK) {
        oro_pytable_fail(db, t, st, NULL);
        return -1;
    }
    out->rows = rows.rows;
    out->n = rows.n;
    if (ORO_UNLIKELY(rows.n > ORO_SCAN_MANY))
        oro_trap_scan(db, t, conds, n, rows.n);
    return 0;
}

static struct plan
plan_best(struct oro_pytable *t, const struct oro_cond *conds, unsigned n)
{
    struct plan best = {.lo = -1, .hi = -1, .in = -1}, p;
    unsigned most = 0;
    for (uint32_t i = 0; n > 0 && i < t->def->nindexes; i++) {
        unsigned score = plan_index(&t->def->indexes[i], conds, n, &p);
        if (score > most) {
            most = score;
            best = p;
        }
    }
    return best;
}

PyObject *
oro_pyquery_run(struct oro_db *db, struct oro_pytable *t, const struct oro_accessor *by,
                const struct oro_cond *conds, unsigned n, size_t limit)
{
    struct plan plan;
    struct found f = {0};
    PyObject *out = NULL;
    if (by != NULL)
        plan_index(by->ix, conds, n, &plan);
    else
        plan = plan_best(t, conds, n);
    uint32_t answered = plan_answers(&plan, conds), all = n >= 32 ? UINT32_MAX : (1u << n) - 1;
    int rc = 0;
    if (plan.ix == NULL && n == 0) {
        out = oro_pyrows_pending(db, t, NULL, &(struct oro_py_range){0});
    } else if (plan.ix == NULL) {
        rc = scan(db, t, conds, n, &f);
    } else if (plan.in >= 0) {
        rc = run_in(db, t, &plan, conds, answered == all ? limit : 0, &f);
    } else {
        rc = run_plan(db, t, &plan, conds, answered == all, limit, &f, &out);
    }
    if (rc == 0 && out == NULL && !PyErr_Occurred()) {
        if (answered == all)
            return oro_pyrows_new(db, t, f.rows, f.n, f.own);
        out = oro_pyquery_sift(db, t, f.rows, f.n, conds, n, answered, limit);
    }
    if (f.own)
        oro_free(f.rows);
    return out;
}
