/* bridge/codec/encode.c - Python objects to BSATN bytes by codec. No silent conversions: a value of another kind or out of range
 * is an error that says where. */
#include "bridge/codec/collide.h"
#include "bridge/codec/encode_priv.h"
#include "bridge/codec/error.h"
#include "bridge/codec/huge.h"
#include "bridge/codec/inlined.h"

static int
encode_elem(struct oro_codecs *cs, const struct oro_codec *c, PyObject *v, Py_ssize_t i,
            struct oro_bb *out, unsigned depth)
{
    if (put_plain(c, v, out))
        return 0;
    Py_INCREF(v); /* the container may be changed by what we call */
    int rc = oro_codec_encode(cs, c, v, out, depth + 1);
    Py_DECREF(v);
    if (rc < 0)
        oro_cerr_index(cs, i);
    return rc;
}

struct span {
    size_t at, len; /* of the part that is compared */
    size_t end;     /* of the whole element */
};

struct sort_arg {
    const uint8_t *base;
    const struct oro_codec *key; /* NULL: compare the bytes */
};

static int
cmp_span(const void *a, const void *b, void *arg)
{
    const struct span *x = a, *y = b;
    const struct sort_arg *s = arg;
    struct oro_bytes p = {s->base + x->at, x->len}, q = {s->base + y->at, y->len};
    if (s->key == NULL)
        return oro_bytes_cmp(p, q);
    struct oro_reader r = oro_reader(p), t = oro_reader(q);
    return oro_codec_cmp(s->key, &r, &t);
}

/* Puts the elements that start at `from` in out in ascending order. */
static void
sort_spans(struct oro_bb *out, size_t from, struct span *spans, size_t n,
           const struct oro_codec *key)
{
    struct oro_bb sorted = {0};
    struct sort_arg arg = {out->data, key};
    qsort_r(spans, n, sizeof(*spans), cmp_span, &arg);
    oro_bb_reserve(&sorted, out->len - from);
    for (size_t i = 0; i < n; i++)
        oro_bb_put(&sorted, out->data + spans[i].at, spans[i].end - spans[i].at);
    ORO_ASSERT(sorted.len == out->len - from);
    if (sorted.len > 0)
        memcpy(out->data + from, sorted.data, sorted.len);
    oro_bb_fini(&sorted);
}

static int
encode_set(struct oro_codecs *cs, const struct oro_codec *c, PyObject *v, struct oro_bb *out,
           unsigned depth)
{
    if (!PyAnySet_Check(v))
        return oro_encode_wrong_type(cs, "set", v);
    PyObject *list = PySequence_List(v);
    if (list == NULL)
        return -1;
    Py_ssize_t n = PyList_GET_SIZE(list);
    struct oro_collide collide;
    struct span *spans = oro_alloc(((size_t)n + 1) * sizeof(*spans));
    int rc = oro_collide_init(&collide, c->elem, n);
    oro_bb_u32(out, (uint32_t)n);
    size_t from = out->len;
    for (Py_ssize_t i = 0; rc == 0 && i < n; i++) {
        if (i >= PyList_GET_SIZE(list)) { /* the collector showed it to somebody */
            rc = oro_cerr_set(cs, "the set was changed while it was read");
            break;
        }
        PyObject *item = Py_NewRef(PyList_GET_ITEM(list, i));
        spans[i].at = out->len;
        rc = encode_elem(cs, c->elem, item, i, out, depth);
        spans[i].end = out->len;
        spans[i].len = spans[i].end - spans[i].at;
        if (rc == 0)
            rc = oro_collide_add(cs, &collide, item);
        Py_DECREF(item);
    }
    if (rc == 0)
        sort_spans(out, from, spans, (size_t)n, NULL);
    oro_collide_fini(&collide);
    oro_free(spans);
    Py_DECREF(list);
    return rc;
}

#define SAMPLE 64                      /* elements whose size tells how much the others take */
#define RESERVE_MAX ((size_t)64 << 20) /* the first ones may be unlike the others */

/* Room for `left` more elements like the first ones, so that a long list's bytes are not moved again and again. */
static void
reserve_rest(struct oro_bb *out, size_t from, size_t left)
{
    size_t each = (out->len - from) / SAMPLE + 1;
    oro_bb_reserve(out, left < RESERVE_MAX / each ? left * each : RESERVE_MAX);
    oro_huge_advise(out->data, out->cap);
}

/* No more elements without bytes than can be read. */
static int
count_unit(struct oro_codecs *cs)
{
    if (cs->units_out == 0)
        return oro_cerr_set(cs, "more than %u elements without bytes in one value",
                            ORO_MAX_UNIT_COUNT);
    cs->units_out--;
    return 0;
}

static int
encode_list(struct oro_codecs *cs, const struct oro_codec *c, PyObject *v, struct oro_bb *out,
            unsigned depth)
{
    PyObject *seq;
    if (PyList_Check(v) || PyTuple_Check(v))
        seq = Py_NewRef(v);
    else if (!PySequence_Check(v) || PyUnicode_Check(v) || PyBytes_Check(v) ||
             PyByteArray_Check(v) || PyDict_Check(v))
        return oro_encode_wrong_type(cs, c->kind == ARRAY_TUPLE ? "tuple" : "list", v);
    else if ((seq = PySequence_List(v)) == NULL)
        return -1;
    int rc = 0;
    size_t at = out->len;
    Py_ssize_t n = 0;
    oro_bb_u32(out, 0);
    for (; rc == 0 && n < PySequence_Fast_GET_SIZE(seq); n++) {
        if (c->elem->fixed_size == 0 && (rc = count_unit(cs)) < 0)
            break;
        rc = encode_elem(cs, c->elem, PySequence_Fast_GET_ITEM(seq, n), n, out, depth);
        if (ORO_UNLIKELY(out->len > ORO_ENCODE_UNASKED) && n % 64 == 0 && rc == 0 &&
            !oro_encode_room(cs, out, 0))
            rc = -1;
        if (ORO_UNLIKELY(n == SAMPLE - 1 && PySequence_Fast_GET_SIZE(seq) > SAMPLE))
            reserve_rest(out, at, (size_t)(PySequence_Fast_GET_SIZE(seq) - SAMPLE));
    }
    if (rc == 0 && n > UINT32_MAX)
        rc = oro_cerr_set(cs, "too many elements");
    if (rc == 0)
        oro_bb_patch_u32(out, at, (uint32_t)n);
    Py_DECREF(seq);
    return rc;
}

/* Item i of what a mapping said its items are: of a class of the author's that may be anything. */
static int
encode_item(struct oro_codecs *cs, const struct oro_codec *c, PyObject *items, Py_ssize_t i,
            struct oro_bb *out, struct span *span, struct oro_collide *collide, unsigned depth)
{
    if (i >= PyList_GET_SIZE(items))
        return oro_cerr_set(cs, "the mapping was changed while it was read");
    PyObject *pair = Py_NewRef(PyList_GET_ITEM(items, i)), *k;
    if (!PyTuple_Check(pair) || PyTuple_GET_SIZE(pair) != 2) {
        oro_cerr_set(cs, "item %zd of the mapping is no pair of key and value but %s", i,
                     oro_pytype_name(pair));
        Py_DECREF(pair);
        return -1;
    }
    k = PyTuple_GET_ITEM(pair, 0);
    span->at = out->len;
    int rc = oro_codec_encode(cs, c->elem, k, out, depth + 1);
    span->len = out->len - span->at;
    if (rc == 0)
        rc = oro_codec_encode(cs, c->elem2, PyTuple_GET_ITEM(pair, 1), out, depth + 1);
    if (rc == 0) /* what cannot be read is not written */
        rc = oro_collide_add(cs, collide, k);
    if (rc < 0)
        oro_cerr_key(cs, k);
    span->end = out->len;
    Py_DECREF(pair);
    return rc;
}

static int
encode_dict(struct oro_codecs *cs, const struct oro_codec *c, PyObject *v, struct oro_bb *out,
            unsigned depth)
{
    if (!PyMapping_Check(v) || PySequence_Check(v))
        return oro_encode_wrong_type(cs, "dict", v);
    PyObject *items = PyMapping_Items(v); /* a list, whatever v says its items are */
    if (items == NULL)
        return -1;
    Py_ssize_t n = PyList_GET_SIZE(items);
    struct oro_collide collide;
    struct span *spans = oro_alloc(((size_t)n + 1) * sizeof(*spans));
    int rc = oro_collide_init(&collide, c->elem, n);
    oro_bb_u32(out, (uint32_t)n);
    size_t from = out->len;
    for (Py_ssize_t i = 0; rc == 0 && i < n; i++)
        rc = encode_item(cs, c, items, i, out, &spans[i], &collide, depth);
    if (rc == 0)
        sort_spans(out, from, spans, (size_t)n, c->elem);
    oro_collide_fini(&collide);
    oro_free(spans);
    Py_DECREF(items);
    return rc;
}

static int
encode_field(struct oro_codecs *cs, const struct oro_codec *c, uint32_t i, PyObject *v,
             struct oro_bb *out, unsigned depth)
{
    if (put_plain(c->fields[i].codec, v, out))
        return 0;
    int rc = oro_codec_encode(cs, c->fields[i].codec, v, out, depth + 1);
    if (rc < 0)
        oro_cerr_name(cs, c->fields[i].name);
    return rc;
}

/* Borrowed: a field that can be seen in the object itself; NULL: ask for the attribute. direct: its class has them there. */
static inline PyObject *
see_field(const struct oro_codec *c, PyObject *v, const struct oro_cfield *f, bool direct)
{
    if (!direct)
        return NULL;
    if (c->slotted)
        return *(PyObject **)((char *)v + f->slot);
    const struct oro_inline_values *in = oro_inline_values(v);
    return in->valid ? in->values[f->slot] : NULL;
}

static int
encode_tuple(struct oro_codecs *cs, const struct oro_codec *c, PyObject *v, struct oro_bb *out,
             unsigned depth)
{
    if (c->how == HOW_NAMEDTUPLE ? !PyObject_TypeCheck(v, (PyTypeObject *)c->cls)
                                 : !PyTuple_Check(v))
        return oro_encode_wrong_type(cs, oro_pyclass_name(c->how == HOW_NAMEDTUPLE ? c->cls : NULL),
                                     v);
    if (PyTuple_GET_SIZE(v) != (Py_ssize_t)c->n)
        return oro_cerr_set(cs, "expected a tuple of %u, got one of %zd", c->n,
                            PyTuple_GET_SIZE(v));
    for (uint32_t i = 0; i < c->n; i++)
        if (encode_field(cs, c, i, PyTuple_GET_ITEM(v, i), out, depth) < 0)
            return -1;
    return 0;
}

static int
encode_typeddict(struct oro_codecs *cs, const struct oro_codec *c, PyObject *v, struct oro_bb *out,
                 unsigned depth)
{
    if (!PyMapping_Check(v) || PySequence_Check(v))
        return oro_encode_wrong_type(cs, oro_pyclass_name(c->cls), v);
    for (uint32_t i = 0; i < c->n; i++) {
        PyObject *x;
        int found = PyMapping_GetOptionalItem(v, c->fields[i].name, &x);
        if (found < 0)
            return -1;
        if (found == 0) {
            oro_cerr_set(cs, "missing");
            oro_cerr_name(cs, c->fields[i].name);
            return -1;
        }
        int rc = encode_field(cs, c, i, x, out, depth);
        Py_DECREF(x);
        if (rc < 0)
            return -1;
    }
    if (PyMapping_Size(v) != (Py_ssize_t)c->n)
        return PyErr_Occurred()
                   ? -1
                   : oro_cerr_set(cs, "expected %u keys, got %zd", c->n, PyMapping_Size(v));
    return 0;
}

static int
encode_attrs(struct oro_codecs *cs, const struct oro_codec *c, PyObject *v, struct oro_bb *out,
             unsigned depth)
{
    if (Py_TYPE(v) != (PyTypeObject *)c->cls && !PyObject_TypeCheck(v, (PyTypeObject *)c->cls))
        return oro_encode_wrong_type(cs, oro_pyclass_name(c->cls), v);
    if (c->rowclass != NULL) {
        int rc = cs->rows->encode(c->rowclass, v, out, depth + 1);
        if (rc != ORO_ROW_UNBOUND)
            return rc != ORO_ROW_OTHER ? rc
                                       : oro_encode_wrong_type(cs, oro_pyclass_name(c->cls), v);
    }
    bool direct = Py_TYPE(v) == (PyTypeObject *)c->cls &&
                  (c->slotted || (c->inlined != NULL && oro_inlined_holds(c)));
    for (uint32_t i = 0; i < c->n; i++) {
        const struct oro_cfield *f = &c->fields[i];
        PyObject *x = see_field(c, v, f, direct);
        if (ORO_LIKELY(x != NULL)) {
            if (put_plain(f->codec, x, out))
                continue;
            Py_INCREF(x); /* what we call may set the field */
        } else if ((x = PyObject_GetAttr(v, f->name)) == NULL) {
            return -1;
        }
        int rc = encode_field(cs, c, i, x, out, depth);
        Py_DECREF(x);
        if (rc < 0)
            return -1;
    }
    return 0;
}

static int
encode_product(struct oro_codecs *cs, const struct oro_codec *c, PyObject *v, struct oro_bb *out,
               unsigned depth)
{
    switch ((enum oro_how)c->how) {
    case HOW_TUPLE:
    case HOW_NAMEDTUPLE:
        return encode_tuple(cs, c, v, out, depth);
    case HOW_TYPEDDICT:
        return encode_typeddict(cs, c, v, out, depth);
    default:
        return encode_attrs(cs, c, v, out, depth);
    }
}

static int
encode_union(struct oro_codecs *cs, const struct oro_codec *c, PyObject *v, struct oro_bb *out,
             unsigned depth)
{
    for (uint32_t i = 0; i < c->n; i++) {
        if ((PyObject *)Py_TYPE(v) != c->fields[i].cls)
            continue;
        oro_bb_u8(out, (uint8_t)i);
        return c->fields[i].codec != NULL ? encode_field(cs, c, i, v, out, depth) : 0;
    }
    struct oro_bb text = {0};
    for (uint32_t i = 0; i < c->n; i++)
        oro_bb_printf(&text, "%s%s",
                      i == 0         ? ""
                      : i + 1 < c->n ? ", "
                                     : " or ",
                      oro_pyclass_name(c->fields[i].cls));
    oro_cerr_set(cs, "expected %.*s, got %s", (int)(text.len < 300 ? text.len : 300),
                 (char *)text.data, oro_pytype_name(v));
    oro_bb_fini(&text);
    return -1;
}

static int
encode_result(struct oro_codecs *cs, const struct oro_codec *c, PyObject *v, struct oro_bb *out,
              unsigned depth)
{
    int ok = PyObject_IsInstance(v, cs->Ok), bad = ok == 0 ? PyObject_IsInstance(v, cs->Err) : 0;
    if (ok < 0 || bad < 0)
        return -1;
    if (!ok && !bad)
        return oro_encode_wrong_type(cs, "Ok or Err", v);
    PyObject *x = PyObject_GetAttr(v, cs->s_value);
    if (x == NULL)
        return -1;
    oro_bb_u8(out, ok ? 0 : 1);
    int rc = oro_codec_encode(cs, ok ? c->elem : c->elem2, x, out, depth + 1);
    Py_DECREF(x);
    return rc;
}

static int
encode_checked(struct oro_codecs *cs, const struct oro_codec *c, PyObject *v, struct oro_bb *out,
               unsigned depth)
{
    /* The type first: a checker may take it for granted. */
    if (oro_codec_encode(cs, c->elem, v, out, depth) < 0)
        return -1;
    PyObject *said = PyObject_CallOneArg(c->checker, v);
    if (said == NULL)
        return oro_cerr_take(cs);
    int rc = 0;
    if (said != Py_None) {
        const char *text = PyUnicode_Check(said) ? PyUnicode_AsUTF8(said) : "refused by its check";
        rc = text != NULL ? oro_cerr_set(cs, "%s", text) : -1;
    }
    Py_DECREF(said);
    return rc;
}

static int
encode_compound(struct oro_codecs *cs, const struct oro_codec *c, PyObject *v, struct oro_bb *out,
                unsigned depth)
{
    switch ((enum oro_op)c->op) {
    case OP_ARRAY:
        if (c->kind == ARRAY_SET || c->kind == ARRAY_FROZENSET)
            return encode_set(cs, c, v, out, depth);
        return encode_list(cs, c, v, out, depth);
    case OP_OPTION:
        if (v == Py_None) {
            oro_bb_u8(out, 1);
            return 0;
        }
        oro_bb_u8(out, 0);
        return oro_codec_encode(cs, c->elem, v, out, depth + 1);
    case OP_PRODUCT:
        return encode_product(cs, c, v, out, depth);
    case OP_UNION:
        return encode_union(cs, c, v, out, depth);
    case OP_DICT:
        return encode_dict(cs, c, v, out, depth);
    case OP_RESULT:
        return encode_result(cs, c, v, out, depth);
    case OP_CHECKED:
        return encode_checked(cs, c, v, out, depth);
    default:
        return oro_codec_encode(cs, c->elem, v, out, depth + 1); /* OP_REF */
    }
}

/* As decode_outermost. */
static int
encode_outermost(struct oro_codecs *cs, const struct oro_codec *c, PyObject *v, struct oro_bb *out,
                 unsigned depth)
{
    uint32_t units = cs->units_out;
    cs->units_out = ORO_MAX_UNIT_COUNT;
    int rc = encode_compound(cs, c, v, out, depth);
    cs->units_out = units;
    return rc;
}

static int
encode_value(struct oro_codecs *cs, const struct oro_codec *c, PyObject *v, struct oro_bb *out,
             unsigned depth)
{
    if (!oro_codec_nests(c))
        return oro_encode_scalar(cs, c, v, out);
    if (depth > ORO_MAX_DEPTH)
        return oro_cerr_set(cs, "nested too deeply");
    return depth == 1 ? encode_outermost(cs, c, v, out, depth)
                      : encode_compound(cs, c, v, out, depth);
}

/* The innermost value tells its type. */
static int
explain(struct oro_codecs *cs, const struct oro_codec *c, PyObject *v, size_t offset)
{
    struct oro_cerr *e = &cs->cerr;
    if (!e->set || e->explained)
        return -1;
    oro_cerr_explain(cs, c, offset);
    snprintf(e->type_name, sizeof(e->type_name), "%s", oro_pytype_name(v));
    if (e->found[0] == 0)
        snprintf(e->found, sizeof(e->found), "%s", e->type_name);
    return -1;
}

int
oro_codec_encode(struct oro_codecs *cs, const struct oro_codec *c, PyObject *v, struct oro_bb *out,
                 unsigned depth)
{
    if (put_plain(c, v, out))
        return 0;
    int rc = encode_value(cs, c, v, out, depth);
    return ORO_LIKELY(rc == 0) ? 0 : explain(cs, c, v, out->len);
}
