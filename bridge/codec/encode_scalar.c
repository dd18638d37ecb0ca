/* bridge/codec/encode_scalar.c - values without parts: numbers, texts, identities, times, members of enums. */
#include <math.h>

#include "bridge/codec/dynamic.h"
#include "bridge/codec/encode_priv.h"
#include "bridge/codec/error.h"
#include "bridge/codec/id.h"

int
oro_encode_wrong_type(struct oro_codecs *cs, const char *expected, PyObject *v)
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
        oro_encode_wrong_type(cs, "int", v);
        return NULL;
    }
    if (PyLong_Check(v))
        return Py_NewRef(v);
    if (!PyIndex_Check(v)) {
        oro_encode_wrong_type(cs, "int", v);
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
        return oro_encode_wrong_type(cs, "float", v);
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

/* The bytes of a value are no Python object, and one object may stand in it a million times. False: MemoryError. */
bool
oro_encode_room(const struct oro_codecs *cs, const struct oro_bb *out, size_t more)
{
    if (out->len + more <= ORO_ENCODE_UNASKED || cs->fits == NULL || cs->fits(out->cap + more))
        return true;
    PyErr_SetString(PyExc_MemoryError, "the bytes of this value take too much memory");
    return false;
}

static int
encode_str(struct oro_codecs *cs, PyObject *v, struct oro_bb *out)
{
    Py_ssize_t n;
    if (!PyUnicode_Check(v))
        return oro_encode_wrong_type(cs, "str", v);
    const char *s = PyUnicode_AsUTF8AndSize(v, &n);
    if (s == NULL) {
        if (!PyErr_ExceptionMatches(PyExc_UnicodeEncodeError))
            return -1;
        PyErr_Clear();
        return oro_cerr_set(cs, "the text holds a lone surrogate");
    }
    if (n > UINT32_MAX)
        return oro_cerr_set(cs, "the text is longer than 4 GiB");
    if (!oro_encode_room(cs, out, (size_t)n))
        return -1;
    oro_bb_lenbytes(out, oro_bytes(s, (size_t)n));
    return 0;
}

static int
encode_bytes(struct oro_codecs *cs, PyObject *v, struct oro_bb *out)
{
    Py_buffer view;
    if (!PyBytes_Check(v) && !PyByteArray_Check(v) && !PyMemoryView_Check(v))
        return oro_encode_wrong_type(cs, "bytes", v);
    if (PyObject_GetBuffer(v, &view, PyBUF_SIMPLE) < 0)
        return -1;
    int rc = 0;
    if (view.len > UINT32_MAX)
        rc = oro_cerr_set(cs, "the bytes are longer than 4 GiB");
    else if (!oro_encode_room(cs, out, (size_t)view.len))
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
            return oro_encode_wrong_type(cs, expected, v);
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
        return is < 0 ? -1 : oro_encode_wrong_type(cs, "UUID", v);
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
        return oro_encode_wrong_type(cs, "ScheduleAt", v);
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
        return oro_encode_wrong_type(cs, oro_pyclass_name(c->cls), v);
    if (!PyUnicode_Check(v))
        return oro_encode_wrong_type(cs, "str", v);
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
encode_id(struct oro_codecs *cs, PyObject *type, unsigned n, const char *expected, PyObject *v,
          struct oro_bb *out)
{
    if (!PyObject_TypeCheck(v, (PyTypeObject *)type))
        return oro_encode_wrong_type(cs, expected, v);
    oro_bb_put(out, oro_pyid_le(v), n);
    return 0;
}

int
oro_encode_scalar(struct oro_codecs *cs, const struct oro_codec *c, PyObject *v, struct oro_bb *out)
{
    switch ((enum oro_op)c->op) {
    case OP_BOOL:
        if (!PyBool_Check(v))
            return oro_encode_wrong_type(cs, "bool", v);
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
        return v == Py_None ? 0 : oro_encode_wrong_type(cs, "None", v);
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
        PyErr_SetString(PyExc_SystemError, "not a scalar codec");
        return -1;
    }
}
