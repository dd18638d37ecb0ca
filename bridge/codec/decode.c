/* bridge/codec/decode.c - BSATN bytes to Python objects by codec. Strict: everything a stranger could get wrong is an error that
 * says where. */
#include "bridge/codec/collide.h"
#include "bridge/codec/id.h"
#include "bridge/codec/inlined.h"
#include "bridge/codec/dynamic.h"
#include "bridge/codec/state.h"
#include "bridge/codec/text.h"

static PyObject *
short_input(struct oro_codecs *cs, const struct oro_reader *r, const char *what)
{
    size_t left = oro_rd_left(r);
    oro_cerr_set(cs, "malformed at byte %zu: %s", oro_rd_offset(r), what);
    if (left == 0)
        oro_cerr_found(cs, "the end");
    else
        oro_cerr_found(cs, "byte %u and %zu more", *r->at, left - 1);
    return NULL;
}

static PyObject *
unknown_tag(struct oro_codecs *cs, const struct oro_reader *r, unsigned tag, unsigned n)
{
    oro_cerr_set(cs, "malformed at byte %zu: unknown tag %u, there are %u variants",
                 oro_rd_offset(r), tag, n);
    oro_cerr_found(cs, "tag %u", tag);
    return NULL;
}

static PyObject *
decode_big(const struct oro_codec *c, const uint8_t *p)
{
    if (c->is_signed)
        return PyLong_FromNativeBytes(p, c->width, Py_ASNATIVEBYTES_LITTLE_ENDIAN);
    return PyLong_FromUnsignedNativeBytes(p, c->width, Py_ASNATIVEBYTES_LITTLE_ENDIAN);
}

static PyObject *
decode_micros(PyObject *cls, const uint8_t *p)
{
    int64_t v;
    memcpy(&v, p, 8);
    PyObject *n = PyLong_FromLongLong(v);
    if (n == NULL)
        return NULL;
    PyObject *out = PyObject_CallOneArg(cls, n);
    Py_DECREF(n);
    return out;
}

bool
oro_datetime_shows(int64_t us)
{
    return us >= -62135596800000000 && us <= 253402300799999999;
}

int
oro_datetime_refuse(struct oro_codecs *cs, int64_t us)
{
    oro_cerr_set(
        cs,
        "%lld microseconds since 1970 are outside of what a datetime shows, the years 1 to "
        "9999: use Timestamp for such times",
        (long long)us);
    oro_cerr_found(cs, "%lld", (long long)us);
    return -1;
}

static PyObject *
decode_datetime(struct oro_codecs *cs, const uint8_t *p)
{
    int64_t us;
    memcpy(&us, p, 8);
    if (oro_datetime_shows(us))
        return decode_micros(cs->us_to_datetime, p);
    oro_datetime_refuse(cs, us);
    return NULL;
}

static PyObject *
decode_uuid(struct oro_codecs *cs, const uint8_t *p)
{
    PyObject *n = PyLong_FromUnsignedNativeBytes(p, 16, Py_ASNATIVEBYTES_LITTLE_ENDIAN);
    if (n == NULL)
        return NULL;
    PyObject *args[] = {n}, *names = PyTuple_Pack(1, cs->s_int), *out = NULL;
    if (names != NULL)
        out = PyObject_Vectorcall(cs->UUID, args, 0, names);
    Py_XDECREF(names);
    Py_DECREF(n);
    return out;
}

static PyObject *
decode_schedule_at(struct oro_codecs *cs, const uint8_t *p)
{
    PyObject *when = decode_micros(p[0] == 0 ? cs->TimeDuration : cs->Timestamp, p + 1);
    if (when == NULL)
        return NULL;
    PyObject *out = PyObject_CallMethod(cs->ScheduleAt, p[0] == 0 ? "every" : "at", "O", when);
    Py_DECREF(when);
    return out;
}

/* One byte says which of them it is; a bool comes here if it is none. */
static PyObject *
decode_by_tag(struct oro_codecs *cs, const struct oro_codec *c, struct oro_reader *r,
              const uint8_t *p)
{
    if (c->op == OP_SCHEDULE_AT && *p <= 1)
        return decode_schedule_at(cs, p);
    if ((c->op == OP_ENUM || c->op == OP_LITERAL) && *p < c->n)
        return Py_NewRef(c->members[*p]);
    r->at = p;
    if (c->op == OP_BOOL)
        return short_input(cs, r, "a bool must be 0 or 1");
    if (c->op == OP_SCHEDULE_AT)
        return short_input(cs, r, "unknown tag of ScheduleAt");
    return unknown_tag(cs, r, *p, c->n);
}

/* What is no number, at p. */
static PyObject *
decode_special(struct oro_codecs *cs, const struct oro_codec *c, struct oro_reader *r,
               const uint8_t *p)
{
    PyObject *v;
    switch ((enum oro_op)c->op) {
    case OP_SCHEDULE_AT:
    case OP_ENUM:
    case OP_LITERAL:
        return decode_by_tag(cs, c, r, p);
    case OP_IDENTITY:
        return oro_pyid_new(cs, (PyTypeObject *)cs->t_identity, p);
    case OP_CONNECTION_ID:
        return oro_pyid_new(cs, (PyTypeObject *)cs->t_connid, p);
    case OP_TIMESTAMP:
        return decode_micros(cs->Timestamp, p);
    case OP_DURATION:
        return decode_micros(cs->TimeDuration, p);
    case OP_DATETIME:
    case OP_TIMEDELTA:
        v = c->op == OP_DATETIME ? decode_datetime(cs, p) : decode_micros(cs->us_to_timedelta, p);
        if (v == NULL)
            r->at = p;
        return v;
    case OP_UUID:
        return decode_uuid(cs, p);
    default:
        PyErr_SetString(PyExc_SystemError, "not a scalar codec");
        return NULL;
    }
}

/* A case for a number in C: its bytes stand at p as the machine has them. */
#define NUMBER(op, c_type, make, taken)     \
    case op: {                              \
        c_type number;                      \
        memcpy(&number, p, sizeof(number)); \
        return make((taken)number);         \
    }

/* Codecs of a fixed number of bytes that need no recursion; the caller has seen that the bytes are there. */
static inline PyObject *
decode_there(struct oro_codecs *cs, const struct oro_codec *c, struct oro_reader *r)
{
    const uint8_t *p = r->at;
    r->at += c->fixed_size;
    switch ((enum oro_op)c->op) {
    case OP_BOOL:
        return ORO_LIKELY(*p <= 1) ? PyBool_FromLong(*p) : decode_by_tag(cs, c, r, p);
        NUMBER(OP_I8, int8_t, PyLong_FromLong, long)
        NUMBER(OP_U8, uint8_t, PyLong_FromLong, long)
        NUMBER(OP_I16, int16_t, PyLong_FromLong, long)
        NUMBER(OP_U16, uint16_t, PyLong_FromLong, long)
        NUMBER(OP_I32, int32_t, PyLong_FromLong, long)
        NUMBER(OP_U32, uint32_t, PyLong_FromLong, long)
        NUMBER(OP_I64, int64_t, PyLong_FromLongLong, long long)
        NUMBER(OP_U64, uint64_t, PyLong_FromUnsignedLongLong, unsigned long long)
        NUMBER(OP_F32, float, PyFloat_FromDouble, double)
        NUMBER(OP_F64, double, PyFloat_FromDouble, double)
    case OP_BIG:
        return decode_big(c, p);
    case OP_UNIT:
        Py_RETURN_NONE;
    default:
        return decode_special(cs, c, r, p);
    }
}
#undef NUMBER

static PyObject *
decode_scalar(struct oro_codecs *cs, const struct oro_codec *c, struct oro_reader *r)
{
    if (ORO_UNLIKELY(oro_rd_left(r) < c->fixed_size))
        return short_input(cs, r, "the value is cut short");
    return decode_there(cs, c, r);
}

static PyObject *
decode_str(struct oro_codecs *cs, struct oro_reader *r)
{
    struct oro_bytes b;
    const uint8_t *at = r->at;
    if (ORO_UNLIKELY(oro_rd_lenbytes(r, &b) != ORO_OK)) {
        r->at = at;
        return short_input(cs, r, "a length that the input cannot hold");
    }
    PyObject *s = oro_py_text(b.data, b.len);
    if (s == NULL && PyErr_ExceptionMatches(PyExc_UnicodeDecodeError)) {
        PyErr_Clear();
        r->at = at;
        short_input(cs, r, "the text is not UTF-8");
        oro_cerr_found(cs, "%zu bytes that are not UTF-8", b.len);
    }
    return s;
}

/* Scalars and texts without a call in between; `there`: the caller has looked for room. */
static inline PyObject *
decode_quick(struct oro_codecs *cs, const struct oro_codec *c, struct oro_reader *r, bool there,
             unsigned depth)
{
    PyObject *v;
    if (there && ORO_LIKELY(c->op < OP_STRING))
        v = decode_there(cs, c, r);
    else if (c->op == OP_STRING)
        v = decode_str(cs, r);
    else
        return oro_codec_decode(cs, c, r, depth);
    if (ORO_UNLIKELY(v == NULL))
        oro_cerr_explain(cs, c, oro_rd_offset(r));
    return v;
}

/* The collector would walk again and again through what is just being made, and frees none of it. */
#define MANY 500

bool
oro_batch_begin(struct oro_codecs *cs, Py_ssize_t n)
{
    if (n < MANY)
        return false;
    ORO_COUNT(cs, batches, 1);
    ORO_COUNT(cs, batch_items, n);
    return cs->batches && PyGC_Disable() == 1;
}

/* The number of elements; -1 with cerr when the rest of the input cannot hold them. */
static Py_ssize_t
decode_count(struct oro_codecs *cs, struct oro_reader *r, size_t elem_min)
{
    uint32_t n;
    const uint8_t *at = r->at;
    if (oro_rd_count(r, elem_min, &n) != ORO_OK) {
        r->at = at;
        short_input(cs, r, "a count that the input cannot hold");
        return -1;
    }
    /* What the elements of the lists around this one need cannot be had twice: else each level of a nested list could make
     * room for as many as there are bytes. */
    if ((uint64_t)n * elem_min + cs->promised > oro_rd_left(r)) {
        r->at = at;
        short_input(cs, r, "a count that the input cannot hold");
        return -1;
    }
    if (elem_min == 0) { /* a few bytes would make millions of objects, in each of many arrays */
        if (n > cs->units) {
            r->at = at;
            short_input(cs, r, "too many elements without bytes");
            return -1;
        }
        cs->units -= n;
    }
    return n;
}

/* What is not whole yet must not be met by code of the author that runs meanwhile: the collector's lists would show it. */
static void
hide(PyObject *o)
{
    if (o != NULL && PyObject_IS_GC(o) && PyObject_GC_IsTracked(o))
        PyObject_GC_UnTrack(o);
}

/* It is whole. NULL stays NULL. */
static PyObject *
show(PyObject *o)
{
    if (o != NULL && PyObject_IS_GC(o) && !PyObject_GC_IsTracked(o))
        PyObject_GC_Track(o);
    return o;
}

static PyObject *
decode_list(struct oro_codecs *cs, const struct oro_codec *c, struct oro_reader *r, Py_ssize_t n,
            unsigned depth)
{
    PyObject *out = c->kind == ARRAY_TUPLE ? PyTuple_New(n) : PyList_New(n);
    if (out == NULL)
        return NULL;
    if (c->elem->wild)
        hide(out);
    bool there = c->elem->fixed_size != ORO_VARIABLE; /* the count was checked against the input */
    bool paused = oro_batch_begin(cs, n);
    uint64_t min = there ? 0 : c->elem->min_size;
    cs->promised += (uint64_t)n * min;
    for (Py_ssize_t i = 0; i < n; i++) {
        cs->promised -= min;
        PyObject *v = decode_quick(cs, c->elem, r, there, depth + 1);
        if (v == NULL) {
            oro_cerr_index(cs, i);
            Py_CLEAR(out);
            break;
        }
        if (c->kind == ARRAY_TUPLE)
            PyTuple_SET_ITEM(out, i, v);
        else
            PyList_SET_ITEM(out, i, v);
    }
    if (paused)
        PyGC_Enable();
    return c->elem->wild ? show(out) : out;
}

static PyObject *
decode_set(struct oro_codecs *cs, const struct oro_codec *c, struct oro_reader *r, Py_ssize_t n,
           unsigned depth)
{
    struct oro_collide collide;
    if (oro_collide_init(&collide, c->elem, n) < 0)
        return NULL;
    PyObject *out = c->kind == ARRAY_SET ? PySet_New(NULL) : PyFrozenSet_New(NULL);
    for (Py_ssize_t i = 0; out != NULL && i < n; i++) {
        PyObject *v = oro_codec_decode(cs, c->elem, r, depth + 1);
        if (v == NULL)
            oro_cerr_index(cs, i);
        Py_ssize_t had = PySet_GET_SIZE(out);
        if (v == NULL || PySet_Add(out, v) < 0 ||
            (PySet_GET_SIZE(out) > had && oro_collide_add(cs, &collide, v) < 0))
            Py_CLEAR(out);
        Py_XDECREF(v);
    }
    oro_collide_fini(&collide);
    return out;
}

static PyObject *
decode_dict(struct oro_codecs *cs, const struct oro_codec *c, struct oro_reader *r, unsigned depth)
{
    Py_ssize_t n = decode_count(cs, r, (size_t)c->elem->min_size + c->elem2->min_size);
    struct oro_collide collide;
    if (n < 0 || oro_collide_init(&collide, c->elem, n) < 0)
        return NULL;
    PyObject *out = PyDict_New();
    for (Py_ssize_t i = 0; out != NULL && i < n; i++) {
        PyObject *k = oro_codec_decode(cs, c->elem, r, depth + 1);
        PyObject *v = k != NULL ? oro_codec_decode(cs, c->elem2, r, depth + 1) : NULL;
        if (v == NULL)
            oro_cerr_index(cs, i);
        Py_ssize_t had = PyDict_GET_SIZE(out);
        if (v == NULL || PyDict_SetItem(out, k, v) < 0 ||
            (PyDict_GET_SIZE(out) > had && oro_collide_add(cs, &collide, k) < 0))
            Py_CLEAR(out);
        Py_XDECREF(k);
        Py_XDECREF(v);
    }
    oro_collide_fini(&collide);
    return out;
}

static PyObject *
field_failed(struct oro_codecs *cs, const struct oro_codec *c, uint32_t i)
{
    oro_cerr_name(cs, c->fields[i].name);
    return NULL;
}

/* Field i of a product; *there: bytes of a run of fixed fields that are known to be in the input. */
static inline PyObject *
decode_field(struct oro_codecs *cs, const struct oro_codec *c, struct oro_reader *r, uint32_t i,
             uint32_t *there, unsigned depth)
{
    const struct oro_cfield *f = &c->fields[i];
    if (f->run > 0)
        *there = oro_rd_left(r) >= f->run ? f->run : 0;
    bool fits = *there > 0;
    if (fits)
        *there -= f->codec->fixed_size;
    PyObject *v = decode_quick(cs, f->codec, r, fits, depth + 1);
    return ORO_LIKELY(v != NULL) ? v : field_failed(cs, c, i);
}

static PyObject *
decode_tuple(struct oro_codecs *cs, const struct oro_codec *c, struct oro_reader *r, unsigned depth)
{
    uint32_t there = 0;
    PyObject *t = PyTuple_New(c->n);
    if (c->wild_inside)
        hide(t);
    for (uint32_t i = 0; t != NULL && i < c->n; i++) {
        PyObject *v = decode_field(cs, c, r, i, &there, depth);
        if (v == NULL) {
            Py_DECREF(t);
            return NULL;
        }
        PyTuple_SET_ITEM(t, i, v);
    }
    if (c->wild_inside)
        show(t);
    if (t == NULL || c->how == HOW_TUPLE)
        return t;
    PyObject *out = PyObject_CallMethod(c->cls, "_make", "(O)", t);
    Py_DECREF(t);
    return out;
}

static PyObject *
decode_typeddict(struct oro_codecs *cs, const struct oro_codec *c, struct oro_reader *r,
                 unsigned depth)
{
    uint32_t there = 0;
    PyObject *d = PyDict_New();
    for (uint32_t i = 0; d != NULL && i < c->n; i++) {
        PyObject *v = decode_field(cs, c, r, i, &there, depth);
        if (v == NULL || PyDict_SetItem(d, c->fields[i].name, v) < 0)
            Py_CLEAR(d);
        Py_XDECREF(v);
    }
    return d;
}

/* A nested row: decoded at once, since its bytes come from anywhere. */
static PyObject *
decode_row(struct oro_codecs *cs, const struct oro_codec *c, struct oro_reader *r, unsigned depth)
{
    uint32_t there = 0;
    PyObject *row = cs->rows->make(c->rowclass);
    for (uint32_t i = 0; row != NULL && i < c->n; i++) {
        PyObject *v = decode_field(cs, c, r, i, &there, depth);
        if (v == NULL || cs->rows->set(row, i, v) < 0)
            Py_CLEAR(row);
        Py_XDECREF(v);
    }
    return row;
}

/* Moves the fields that the constructor does not take out of kw, into a new dict. */
static PyObject *
take_late(const struct oro_codec *c, PyObject *kw)
{
    PyObject *late = PyDict_New();
    for (uint32_t i = 0; late != NULL && i < c->n; i++) {
        PyObject *name = c->fields[i].name, *v;
        if (!c->fields[i].late)
            continue;
        int found = PyDict_Pop(kw, name, &v);
        if (found == 0)
            PyErr_SetObject(PyExc_KeyError, name); /* the author's code took it */
        if (found <= 0 || PyDict_SetItem(late, name, v) < 0)
            Py_CLEAR(late);
        Py_XDECREF(v);
    }
    return late;
}

static PyObject **
slot_of(PyObject *o, const struct oro_cfield *f)
{
    return (PyObject **)((char *)o + f->slot);
}

/* A class with __slots__, whose places are known. */
static PyObject *
decode_slotted(struct oro_codecs *cs, const struct oro_codec *c, struct oro_reader *r,
               unsigned depth)
{
    PyTypeObject *type = (PyTypeObject *)c->cls;
    uint32_t there = 0;
    PyObject *o = type->tp_alloc(type, 0); /* zeroed: no field is set */
    if (c->wild_inside)
        hide(o);
    for (uint32_t i = 0; o != NULL && i < c->n; i++) {
        PyObject *v = decode_field(cs, c, r, i, &there, depth);
        if (ORO_UNLIKELY(v == NULL))
            Py_CLEAR(o);
        else
            Py_XSETREF(*slot_of(o, &c->fields[i]), v);
    }
    return c->wild_inside ? show(o) : o;
}

/* A class whose objects have their attributes inline (inlined.h). */
static PyObject *
decode_inlined(struct oro_codecs *cs, const struct oro_codec *c, struct oro_reader *r,
               unsigned depth)
{
    PyTypeObject *type = (PyTypeObject *)c->cls;
    uint32_t there = 0;
    PyObject *o = type->tp_alloc(type, 0);
    if (c->wild_inside)
        hide(o);
    for (uint32_t i = 0; o != NULL && i < c->n; i++) {
        PyObject *v = decode_field(cs, c, r, i, &there, depth);
        if (ORO_UNLIKELY(v == NULL))
            Py_CLEAR(o);
        else
            Py_XSETREF(oro_inline_values(o)->values[c->fields[i].slot], v);
    }
    if (o != NULL)
        oro_inlined_finish(c, o);
    return c->wild_inside ? show(o) : o;
}

/* Its __new__ and __init__ are those of every dataclass: attributes are set one by one. */
static PyObject *
decode_attributes(struct oro_codecs *cs, const struct oro_codec *c, struct oro_reader *r,
                  unsigned depth)
{
    PyTypeObject *type = (PyTypeObject *)c->cls;
    uint32_t there = 0;
    PyObject *o = type->tp_new(type, cs->empty_tuple, NULL);
    for (uint32_t i = 0; o != NULL && i < c->n; i++) {
        PyObject *v = decode_field(cs, c, r, i, &there, depth);
        if (v == NULL || PyObject_GenericSetAttr(o, c->fields[i].name, v) < 0)
            Py_CLEAR(o);
        Py_XDECREF(v);
    }
    return o;
}

static int
set_late(const struct oro_codec *c, PyObject *o, PyObject *late)
{
    int st = 0;
    for (uint32_t i = 0; st == 0 && i < c->n; i++) {
        PyObject *v = NULL;
        if (!c->fields[i].late)
            continue;
        if (PyDict_GetItemRef(late, c->fields[i].name, &v) == 0)
            PyErr_SetObject(PyExc_KeyError, c->fields[i].name);
        if (v == NULL || PyObject_GenericSetAttr(o, c->fields[i].name, v) < 0)
            st = -1;
        Py_XDECREF(v);
    }
    return st;
}

/* By its constructor, which is the author's. */
static PyObject *
decode_constructed(struct oro_codecs *cs, const struct oro_codec *c, struct oro_reader *r,
                   unsigned depth)
{
    const uint8_t *start = r->at;
    PyObject *kw = decode_typeddict(cs, c, r, depth), *out = NULL;
    PyObject *late = kw != NULL ? take_late(c, kw) : NULL;
    if (late != NULL && (out = PyObject_VectorcallDict(c->cls, NULL, 0, kw)) == NULL) {
        r->at = start;
        oro_cerr_take(cs);
    }
    if (out != NULL && set_late(c, out, late) < 0)
        Py_CLEAR(out);
    Py_XDECREF(late);
    Py_XDECREF(kw);
    return out;
}

static PyObject *
decode_dataclass(struct oro_codecs *cs, const struct oro_codec *c, struct oro_reader *r,
                 unsigned depth)
{
    if (c->slotted)
        return decode_slotted(cs, c, r, depth);
    if (c->inlined != NULL && oro_inlined_holds(c))
        return decode_inlined(cs, c, r, depth);
    return c->plain_new ? decode_attributes(cs, c, r, depth) : decode_constructed(cs, c, r, depth);
}

static PyObject *
decode_product(struct oro_codecs *cs, const struct oro_codec *c, struct oro_reader *r,
               unsigned depth)
{
    switch ((enum oro_how)c->how) {
    case HOW_TUPLE:
    case HOW_NAMEDTUPLE:
        return decode_tuple(cs, c, r, depth);
    case HOW_TYPEDDICT:
        return decode_typeddict(cs, c, r, depth);
    case HOW_ROW:
        if (c->rowclass != NULL)
            return decode_row(cs, c, r, depth);
        break;
    case HOW_DATACLASS:
        break;
    }
    return decode_dataclass(cs, c, r, depth);
}

static PyObject *
decode_union(struct oro_codecs *cs, const struct oro_codec *c, struct oro_reader *r, unsigned depth)
{
    uint8_t tag;
    if (oro_rd_u8(r, &tag) != ORO_OK)
        return short_input(cs, r, "the value is cut short");
    if (tag >= c->n) {
        r->at--;
        return unknown_tag(cs, r, tag, c->n);
    }
    const struct oro_cfield *f = &c->fields[tag];
    if (f->codec == NULL) {
        PyObject *made = PyObject_CallNoArgs(f->cls);
        if (made == NULL) {
            r->at--;
            oro_cerr_take(cs);
        }
        return made;
    }
    PyObject *v = oro_codec_decode(cs, f->codec, r, depth + 1);
    return v != NULL ? v : field_failed(cs, c, tag);
}

static PyObject *
decode_tagged(struct oro_codecs *cs, const struct oro_codec *c, struct oro_reader *r,
              unsigned depth)
{
    uint8_t tag;
    if (oro_rd_u8(r, &tag) != ORO_OK || tag > 1) {
        r->at -= r->at > r->start;
        return short_input(cs, r, "the tag must be 0 or 1");
    }
    if (c->op == OP_OPTION)
        return tag == 0 ? oro_codec_decode(cs, c->elem, r, depth + 1) : Py_NewRef(Py_None);
    PyObject *v = oro_codec_decode(cs, tag == 0 ? c->elem : c->elem2, r, depth + 1);
    if (v == NULL)
        return NULL;
    PyObject *out = PyObject_CallOneArg(tag == 0 ? cs->Ok : cs->Err, v);
    Py_DECREF(v);
    return out;
}

/* Calls the checker: -1 with cerr when it says what is wrong. */
static int
check(struct oro_codecs *cs, const struct oro_codec *c, PyObject *v)
{
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

static PyObject *
decode_counted(struct oro_codecs *cs, const struct oro_codec *c, struct oro_reader *r)
{
    struct oro_bytes b;
    const uint8_t *at = r->at;
    if (oro_rd_lenbytes(r, &b) != ORO_OK) {
        r->at = at;
        return short_input(cs, r, "a length that the input cannot hold");
    }
    if (c->op == OP_BYTES)
        return PyBytes_FromStringAndSize((const char *)b.data, (Py_ssize_t)b.len);
    PyObject *v = oro_dynamic_decode(cs, b);
    if (v == NULL)
        r->at = at;
    return v;
}

static PyObject *
decode_compound(struct oro_codecs *cs, const struct oro_codec *c, struct oro_reader *r,
                unsigned depth)
{
    Py_ssize_t n;
    PyObject *v;
    switch ((enum oro_op)c->op) {
    case OP_ARRAY:
        n = decode_count(cs, r, c->elem->min_size);
        if (n < 0)
            return NULL;
        if (c->kind == ARRAY_SET || c->kind == ARRAY_FROZENSET)
            return decode_set(cs, c, r, n, depth);
        return decode_list(cs, c, r, n, depth);
    case OP_PRODUCT:
        return decode_product(cs, c, r, depth);
    case OP_UNION:
        return decode_union(cs, c, r, depth);
    case OP_DICT:
        return decode_dict(cs, c, r, depth);
    case OP_OPTION:
    case OP_RESULT:
        return decode_tagged(cs, c, r, depth);
    case OP_CHECKED:
        v = oro_codec_decode(cs, c->elem, r, depth);
        if (v != NULL && check(cs, c, v) < 0)
            Py_CLEAR(v);
        return v;
    default:
        return oro_codec_decode(cs, c->elem, r, depth + 1); /* OP_REF */
    }
}

/* An outermost value has limits of its own; code of the author may have begun it inside of another one. */
static PyObject *
decode_outermost(struct oro_codecs *cs, const struct oro_codec *c, struct oro_reader *r,
                 unsigned depth)
{
    uint32_t units = cs->units;
    uint64_t promised = cs->promised;
    cs->units = ORO_MAX_UNIT_COUNT;
    cs->promised = 0;
    PyObject *v = decode_compound(cs, c, r, depth);
    cs->units = units;
    cs->promised = promised;
    return v;
}

static PyObject *
decode_value(struct oro_codecs *cs, const struct oro_codec *c, struct oro_reader *r, unsigned depth)
{
    switch ((enum oro_op)c->op) {
    case OP_STRING:
        return decode_str(cs, r);
    case OP_BYTES:
    case OP_JSON:
        return decode_counted(cs, c, r);
    case OP_ARRAY:
    case OP_OPTION:
    case OP_PRODUCT:
    case OP_UNION:
    case OP_DICT:
    case OP_RESULT:
    case OP_CHECKED:
    case OP_REF:
        break;
    default:
        return decode_scalar(cs, c, r);
    }
    if (depth > ORO_MAX_DEPTH)
        return short_input(cs, r, "nested too deeply");
    return depth == 1 ? decode_outermost(cs, c, r, depth) : decode_compound(cs, c, r, depth);
}

PyObject *
oro_codec_decode(struct oro_codecs *cs, const struct oro_codec *c, struct oro_reader *r,
                 unsigned depth)
{
    PyObject *v;
    if (c->op < OP_STRING && ORO_LIKELY(oro_rd_left(r) >= c->fixed_size))
        v = decode_there(cs, c, r);
    else
        v = decode_value(cs, c, r, depth);
    if (ORO_UNLIKELY(v == NULL))
        oro_cerr_explain(cs, c, oro_rd_offset(r));
    return v;
}
