/* bridge/codec/encode.c - Python objects to BSATN bytes by codec. No silent conversions: a value of another kind or out of range
 * is an error that says where. */
#include <float.h>
#include <math.h>

#include "bridge/codec/collide.h"
#include "bridge/codec/error.h"
#include "bridge/codec/huge.h"
#include "bridge/codec/id.h"
#include "bridge/codec/inlined.h"
#include "bridge/codec/dynamic.h"
#include "bridge/codec/state.h"

static int
wrong_type(struct oro_codecs *cs, const char *expected, PyObject *v)
{
    oro_cerr_set(cs, "expected %s, got %s", expected, oro_pytype_name(v));
    oro_cerr_found(cs, "%s", oro_pytype_name(v));
    return -1;
}

/* New reference to an exact-enough int for v: ints, and what has __index__, but no bool. NULL: cerr or exception. */
static PyObject *
as_int(struct oro_codecs *cs, PyObject *v)
{
    if (PyBool_Check(v)) {
        wrong_type(cs, "int", v);
        return NULL;
    }
    if (PyLong_Check(v))
        return Py_NewRef(v);
    if (!PyIndex_Check(v)) {
        wrong_type(cs, "int", v);
        return NULL;
    }
    return PyNumber_Index(v);
}

static int
out_of_range(struct oro_codecs *cs, const struct oro_codec *c, PyObject *v)
{
    PyObject *text = PyObject_Str(v); /* may refuse a huge int */
    const char *s = text != NULL ? PyUnicode_AsUTF8(text) : NULL;
    if (s == NULL)
        PyErr_Clear();
    oro_cerr_set(cs, "%.60s is out of range for %c%u", s != NULL ? s : "the number",
                 c->is_signed ? 'i' : 'u', c->fixed_size * 8);
    oro_cerr_found(cs, "%.60s", s != NULL ? s : "a huge number");
    Py_XDECREF(text);
    return -1;
}

static const int64_t int_min[] = {[1] = INT8_MIN, [2] = INT16_MIN, [4] = INT32_MIN};
static const int64_t int_max[] = {[1] = INT8_MAX, [2] = INT16_MAX, [4] = INT32_MAX};
static const int64_t uint_max[] = {[1] = UINT8_MAX, [2] = UINT16_MAX, [4] = UINT32_MAX};

static int
encode_int(struct oro_codecs *cs, const struct oro_codec *c, PyObject *v, struct oro_bb *out)
{
    unsigned w = c->width;
    if (PyLong_CheckExact(v))
        Py_INCREF(v);
    else if ((v = as_int(cs, v)) == NULL)
        return -1;
    int rc = 0;
    if (w == 8 && !c->is_signed) {
        unsigned long long u = PyLong_AsUnsignedLongLong(v);
        if (u == (unsigned long long)-1 && PyErr_Occurred()) {
            PyErr_Clear();
            rc = out_of_range(cs, c, v);
        } else {
            oro_bb_u64(out, u);
        }
    } else {
        int over;
        long long n = PyLong_AsLongLongAndOverflow(v, &over);
        if (over != 0 || (w < 8 && (n < (c->is_signed ? int_min[w] : 0) ||
                                    n > (c->is_signed ? int_max[w] : uint_max[w]))))
            rc = out_of_range(cs, c, v);
        else
            oro_bb_put(out, &n, w);
    }
    Py_DECREF(v);
    return rc;
}

static int
encode_big(struct oro_codecs *cs, const struct oro_codec *c, PyObject *v, struct oro_bb *out)
{
    uint8_t bytes[32];
    if ((v = as_int(cs, v)) == NULL)
        return -1;
    int flags = Py_ASNATIVEBYTES_LITTLE_ENDIAN;
    if (!c->is_signed)
        flags |= Py_ASNATIVEBYTES_UNSIGNED_BUFFER | Py_ASNATIVEBYTES_REJECT_NEGATIVE;
    Py_ssize_t need = PyLong_AsNativeBytes(v, bytes, c->width, flags);
    int rc = 0;
    if (need < 0 || need > c->width) {
        PyErr_Clear();
        rc = out_of_range(cs, c, v);
    } else {
        oro_bb_put(out, bytes, c->width);
    }
    Py_DECREF(v);
    return rc;
}

static int
encode_float(struct oro_codecs *cs, const struct oro_codec *c, PyObject *v, struct oro_bb *out)
{
    double d;
    if (PyFloat_Check(v)) {
        d = PyFloat_AS_DOUBLE(v);
    } else if (PyLong_Check(v) && !PyBool_Check(v)) {
        d = PyLong_AsDouble(v);
        if (d == -1.0 && PyErr_Occurred()) {
            PyErr_Clear();
            return oro_cerr_set(cs, "the number is too large for a float");
        }
    } else {
        return wrong_type(cs, "float", v);
    }
    if (c->op == OP_F64) {
        oro_bb_put(out, &d, 8);
        return 0;
    }
    float f = (float)d;
    if (isinf(f) && !isinf(d))
        return oro_cerr_set(cs, "%g is out of range for f32", d);
    oro_bb_put(out, &f, 4);
    return 0;
}

#define UNASKED ((size_t)64 << 10)

/* The bytes of a value are no Python object, and one object may stand in it a million times. False: MemoryError. */
static bool
room(const struct oro_codecs *cs, const struct oro_bb *out, size_t more)
{
    if (out->len + more <= UNASKED || cs->fits == NULL || cs->fits(out->cap + more))
        return true;
    PyErr_SetString(PyExc_MemoryError, "the bytes of this value take too much memory");
    return false;
}

static int
encode_str(struct oro_codecs *cs, PyObject *v, struct oro_bb *out)
{
    Py_ssize_t n;
    if (!PyUnicode_Check(v))
        return wrong_type(cs, "str", v);
    const char *s = PyUnicode_AsUTF8AndSize(v, &n);
    if (s == NULL) {
        if (!PyErr_ExceptionMatches(PyExc_UnicodeEncodeError))
            return -1;
        PyErr_Clear();
        return oro_cerr_set(cs, "the text holds a lone surrogate");
    }
    if (n > UINT32_MAX)
        return oro_cerr_set(cs, "the text is longer than 4 GiB");
    if (!room(cs, out, (size_t)n))
        return -1;
    oro_bb_lenbytes(out, oro_bytes(s, (size_t)n));
    return 0;
}

static int
encode_bytes(struct oro_codecs *cs, PyObject *v, struct oro_bb *out)
{
    Py_buffer view;
    if (!PyBytes_Check(v) && !PyByteArray_Check(v) && !PyMemoryView_Check(v))
        return wrong_type(cs, "bytes", v);
    if (PyObject_GetBuffer(v, &view, PyBUF_SIMPLE) < 0)
        return -1;
    int rc = 0;
    if (view.len > UINT32_MAX)
        rc = oro_cerr_set(cs, "the bytes are longer than 4 GiB");
    else if (!room(cs, out, (size_t)view.len))
        rc = -1;
    else
        oro_bb_lenbytes(out, oro_bytes(view.buf, (size_t)view.len));
    PyBuffer_Release(&view);
    return rc;
}

/* Microseconds: an int as it is, else by the helper of _values.py, which refuses with TypeError or ValueError. */
static int
encode_us(struct oro_codecs *cs, PyObject *helper, const char *expected, PyObject *v,
          struct oro_bb *out)
{
    static const struct oro_codec i64 = {
        .op = OP_I64, .width = 8, .fixed_size = 8, .is_signed = true};
    if (PyLong_Check(v))
        return encode_int(cs, &i64, v, out);
    PyObject *us = PyObject_CallOneArg(helper, v);
    if (us == NULL) {
        if (PyErr_ExceptionMatches(PyExc_TypeError)) {
            PyErr_Clear();
            return wrong_type(cs, expected, v);
        }
        if (PyErr_ExceptionMatches(PyExc_ValueError)) {
            struct oro_bb text = {0};
            oro_pyerr_text(cs, false, &text);
            oro_cerr_set(cs, "%.*s", (int)(text.len < 300 ? text.len : 300), (char *)text.data);
            oro_bb_fini(&text);
        }
        return -1;
    }
    int rc = encode_int(cs, &i64, us, out);
    Py_DECREF(us);
    return rc;
}

/* Of a datetime column no more than a datetime can show: what cannot be read poisons every look at the table. */
static int
encode_micros(struct oro_codecs *cs, const struct oro_codec *c, PyObject *helper,
              const char *expected, PyObject *v, struct oro_bb *out)
{
    int64_t us;
    if (encode_us(cs, helper, expected, v, out) < 0)
        return -1;
    memcpy(&us, out->data + out->len - 8, 8);
    if (c->op != OP_DATETIME || oro_datetime_shows(us))
        return 0;
    out->len -= 8;
    return oro_datetime_refuse(cs, us);
}

static int
encode_uuid(struct oro_codecs *cs, PyObject *v, struct oro_bb *out)
{
    static const struct oro_codec u128 = {.op = OP_BIG, .width = 16, .fixed_size = 16};
    int is = PyObject_IsInstance(v, cs->UUID);
    if (is <= 0)
        return is < 0 ? -1 : wrong_type(cs, "UUID", v);
    PyObject *n = PyObject_GetAttr(v, cs->s_int);
    if (n == NULL)
        return -1;
    int rc = encode_big(cs, &u128, n, out);
    Py_DECREF(n);
    return rc;
}

static int
encode_schedule_at(struct oro_codecs *cs, PyObject *v, struct oro_bb *out)
{
    PyObject *at, *flag = NULL, *value = NULL;
    int rc = -1, interval;
    int is = PyObject_IsInstance(v, cs->ScheduleAt);
    if (is < 0)
        return -1;
    if (is > 0)
        at = Py_NewRef(v);
    else /* a datetime or a timedelta */
        at = PyObject_CallMethod(cs->ScheduleAt, "of", "(O)", v);
    if (at == NULL) {
        if (!PyErr_ExceptionMatches(PyExc_TypeError))
            return -1;
        PyErr_Clear();
        return wrong_type(cs, "ScheduleAt", v);
    }
    flag = PyObject_GetAttr(at, cs->s_is_interval);
    value = flag != NULL ? PyObject_GetAttr(at, cs->s_value) : NULL;
    if (value == NULL || (interval = PyObject_IsTrue(flag)) < 0)
        goto done;
    oro_bb_u8(out, interval ? 0 : 1);
    rc = encode_us(cs, interval ? cs->timedelta_to_us : cs->datetime_to_us, "ScheduleAt", value,
                   out);
done:
    Py_DECREF(at);
    Py_XDECREF(flag);
    Py_XDECREF(value);
    return rc;
}

/* What is plainly right is written without a call; everything else goes the long way. The size is the width, so that the copy
 * is one store. */
static inline bool
put_compact(const struct oro_codec *c, PyObject *v, struct oro_bb *out)
{
    if (!PyLong_CheckExact(v) || !PyUnstable_Long_IsCompact((PyLongObject *)v))
        return false;
    Py_ssize_t n = PyUnstable_Long_CompactValue((PyLongObject *)v);
    oro_bb_reserve(out, 8);
    uint8_t *to = out->data + out->len;
    switch ((enum oro_op)c->op) {
    case OP_I8:
        if (n != (int8_t)n)
            return false;
        break;
    case OP_U8:
        if (n != (uint8_t)n)
            return false;
        break;
    case OP_I16:
        if (n != (int16_t)n)
            return false;
        break;
    case OP_U16:
        if (n != (uint16_t)n)
            return false;
        break;
    case OP_I32:
        if (n != (int32_t)n)
            return false;
        break;
    case OP_U32:
        if (n != (int64_t)(uint32_t)n)
            return false;
        break;
    case OP_U64:
        if (n < 0)
            return false;
        break;
    default:
        break;
    }
    memcpy(to, &n, 8);
    out->len += c->width;
    return true;
}

static inline bool
put_plain(const struct oro_codec *c, PyObject *v, struct oro_bb *out)
{
    switch ((enum oro_op)c->op) {
    case OP_BOOL:
        if (v != Py_True && v != Py_False)
            return false;
        oro_bb_u8(out, v == Py_True);
        return true;
    case OP_I8:
    case OP_U8:
    case OP_I16:
    case OP_U16:
    case OP_I32:
    case OP_U32:
    case OP_I64:
    case OP_U64:
        return put_compact(c, v, out);
    case OP_F32: {
        double d = PyFloat_CheckExact(v) ? PyFloat_AS_DOUBLE(v) : 1e300;
        if (!(d <= FLT_MAX && d >= -FLT_MAX))
            return false;
        float f = (float)d;
        oro_bb_put(out, &f, 4);
        return true;
    }
    case OP_F64:
        if (!PyFloat_CheckExact(v))
            return false;
        double d = PyFloat_AS_DOUBLE(v);
        oro_bb_put(out, &d, 8);
        return true;
    case OP_STRING:
        if (!PyUnicode_CheckExact(v) || !PyUnicode_IS_COMPACT_ASCII(v))
            return false;
        size_t n = (size_t)PyUnicode_GET_LENGTH(v);
        if (n > UNASKED) /* the long way asks whether there is room */
            return false;
        oro_bb_reserve(out, n + 4);
        memcpy(out->data + out->len, &n, 4);
        memcpy(out->data + out->len + 4, PyUnicode_1BYTE_DATA(v), n);
        out->len += n + 4;
        return true;
    default:
        return false;
    }
}

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
        return wrong_type(cs, "set", v);
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
        return wrong_type(cs, c->kind == ARRAY_TUPLE ? "tuple" : "list", v);
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
        if (ORO_UNLIKELY(out->len > UNASKED) && n % 64 == 0 && rc == 0 && !room(cs, out, 0))
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
        return wrong_type(cs, "dict", v);
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
        return wrong_type(cs, oro_pyclass_name(c->how == HOW_NAMEDTUPLE ? c->cls : NULL), v);
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
        return wrong_type(cs, oro_pyclass_name(c->cls), v);
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
        return wrong_type(cs, oro_pyclass_name(c->cls), v);
    if (c->rowclass != NULL) {
        int rc = cs->rows->encode(c->rowclass, v, out, depth + 1);
        if (rc != ORO_ROW_UNBOUND)
            return rc != ORO_ROW_OTHER ? rc : wrong_type(cs, oro_pyclass_name(c->cls), v);
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

/* By identity first: enum members are single, and literals are interned. */
static int
encode_member(struct oro_codecs *cs, const struct oro_codec *c, PyObject *v, struct oro_bb *out)
{
    for (uint32_t i = 0; i < c->n; i++)
        if (c->members[i] == v) {
            oro_bb_u8(out, (uint8_t)i);
            return 0;
        }
    if (c->op == OP_ENUM)
        return wrong_type(cs, oro_pyclass_name(c->cls), v);
    if (!PyUnicode_Check(v))
        return wrong_type(cs, "str", v);
    for (uint32_t i = 0; i < c->n; i++)
        if (PyUnicode_Compare(c->members[i], v) == 0) {
            oro_bb_u8(out, (uint8_t)i);
            return 0;
        }
    PyErr_Clear();
    struct oro_bb text = {0};
    for (uint32_t i = 0; i < c->n; i++)
        oro_bb_printf(&text, "%s\"%s\"", i > 0 ? ", " : "", PyUnicode_AsUTF8(c->members[i]));
    oro_cerr_set(cs, "expected one of %.*s, got \"%.40s\"", (int)(text.len < 300 ? text.len : 300),
                 (char *)text.data, PyUnicode_AsUTF8(v));
    oro_bb_fini(&text);
    PyErr_Clear();
    return -1;
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
        return wrong_type(cs, "Ok or Err", v);
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
encode_id(struct oro_codecs *cs, PyObject *type, unsigned n, const char *expected, PyObject *v,
          struct oro_bb *out)
{
    if (!PyObject_TypeCheck(v, (PyTypeObject *)type))
        return wrong_type(cs, expected, v);
    oro_bb_put(out, oro_pyid_le(v), n);
    return 0;
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
    switch ((enum oro_op)c->op) {
    case OP_BOOL:
        if (!PyBool_Check(v))
            return wrong_type(cs, "bool", v);
        oro_bb_u8(out, v == Py_True);
        return 0;
    case OP_I8:
    case OP_U8:
    case OP_I16:
    case OP_U16:
    case OP_I32:
    case OP_U32:
    case OP_I64:
    case OP_U64:
        return encode_int(cs, c, v, out);
    case OP_BIG:
        return encode_big(cs, c, v, out);
    case OP_F32:
    case OP_F64:
        return encode_float(cs, c, v, out);
    case OP_STRING:
        return encode_str(cs, v, out);
    case OP_BYTES:
        return encode_bytes(cs, v, out);
    case OP_UNIT:
        return v == Py_None ? 0 : wrong_type(cs, "None", v);
    case OP_IDENTITY:
        return encode_id(cs, cs->t_identity, 32, "Identity", v, out);
    case OP_CONNECTION_ID:
        return encode_id(cs, cs->t_connid, 16, "ConnectionId", v, out);
    case OP_TIMESTAMP:
        return encode_micros(cs, c, cs->datetime_to_us, "Timestamp", v, out);
    case OP_DATETIME:
        return encode_micros(cs, c, cs->datetime_to_us, "datetime", v, out);
    case OP_DURATION:
        return encode_micros(cs, c, cs->timedelta_to_us, "TimeDuration", v, out);
    case OP_TIMEDELTA:
        return encode_micros(cs, c, cs->timedelta_to_us, "timedelta", v, out);
    case OP_UUID:
        return encode_uuid(cs, v, out);
    case OP_SCHEDULE_AT:
        return encode_schedule_at(cs, v, out);
    case OP_ENUM:
    case OP_LITERAL:
        return encode_member(cs, c, v, out);
    case OP_JSON:
        return oro_dynamic_encode(cs, v, out);
    default:
        break;
    }
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
