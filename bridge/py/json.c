/* bridge/py/json.c - dynamic values (python-api 3.3): canonical JSON text from Python objects and back. Plain values are
 * handled here; what JSON lacks (bytes, times, records ...) is an object with a $ key, made and read by _values.py.
 *
 * Shapes: a mapping is written with its keys sorted. Most mappings of a game have the keys that others had before, so the
 * order, and the keys' own text, are remembered by key set. The cache is 4-way associative; the entry of a set that was
 * used least recently makes room, and one that was not used for ttl_us is learnt anew. A key that is read is looked up among
 * those read before, so equal keys are one object, and comparing shapes compares pointers. */
#include <math.h>

#include "bridge/py/py_priv.h"

#define MAX_DEPTH 64 /* of what is written; each level may take three in the text ($map) */
#define MAX_READ_DEPTH 256
#define MAX_BYTES (1u << 20)
#define WAYS 4
#define SETS 256
#define SHAPE_KEYS 64 /* larger mappings are sorted each time */
#define MEMO 512
#define MEMO_LEN 40

struct shape {
    uint64_t hash; /* 0: free */
    int64_t used_us;
    uint64_t tick;
    unsigned n;
    PyObject **keys; /* owned, as they come out of the mapping */
    uint8_t *order;  /* positions in ascending order of key */
    uint8_t *text;   /* of each key in that order: "name": */
    uint32_t *at;    /* n + 1 offsets into text */
};

struct oro_json {
    struct shape shapes[SETS][WAYS];
    uint64_t tick;
    PyObject *memo[MEMO]; /* owned: keys that were read */
};

static int write_value(struct oro_py *py, PyObject *v, struct oro_bb *out, unsigned depth);

/* ---- shapes ---- */

static void
shape_drop(struct shape *s)
{
    for (unsigned i = 0; i < s->n; i++)
        Py_CLEAR(s->keys[i]);
    oro_free(s->keys);
    oro_free(s->order);
    oro_free(s->text);
    oro_free(s->at);
    *s = (struct shape){0};
}

void
oro_json_clear(struct oro_py *py)
{
    struct oro_json *j = py->json;
    if (j == NULL)
        return;
    for (unsigned i = 0; i < SETS * WAYS; i++)
        shape_drop(&j->shapes[i / WAYS][i % WAYS]);
    for (unsigned i = 0; i < MEMO; i++)
        Py_CLEAR(j->memo[i]);

    atomic_store_explicit(&py->n_shapes, 0, memory_order_relaxed);
}

void
oro_json_free(struct oro_py *py)
{
    oro_free(py->json); /* cleared with the module's state */
    py->json = NULL;
}

static struct oro_json *
json_of(struct oro_py *py)
{
    if (py->json == NULL)
        py->json = ORO_NEW(struct oro_json);
    return py->json;
}

/* Is it the mapping's key set, in its order? Equal keys are nearly always one object. */
static bool
shape_is(const struct shape *s, uint64_t hash, PyObject *const *keys, unsigned n)
{
    if (s->hash != hash || s->n != n)
        return false;
    for (unsigned i = 0; i < n; i++)
        if (s->keys[i] != keys[i] && PyUnicode_Compare(s->keys[i], keys[i]) != 0)
            return false;
    return true;
}

static int
put_string(struct oro_py *py, PyObject *s, struct oro_bb *out)
{
    static const char hex[] = "0123456789abcdef", escaped[] = "\"\\\n\r\t\b\f",
                      letters[] = "\"\\nrtbf";
    Py_ssize_t n;
    const char *p = PyUnicode_AsUTF8AndSize(s, &n);
    if (p == NULL) {
        if (!PyErr_ExceptionMatches(PyExc_UnicodeEncodeError))
            return -1;
        PyErr_Clear();
        return oro_cerr_set(py, "the text holds a lone surrogate");
    }
    oro_bb_u8(out, '"');
    Py_ssize_t from = 0;
    for (Py_ssize_t i = 0; i < n; i++) {
        uint8_t c = (uint8_t)p[i];
        if (ORO_LIKELY(c >= 0x20 && c != '"' && c != '\\'))
            continue;
        oro_bb_put(out, p + from, (size_t)(i - from));
        from = i + 1;
        const char *known = c != 0 ? strchr(escaped, c) : NULL;
        oro_bb_u8(out, '\\');
        if (known != NULL) {
            oro_bb_u8(out, (uint8_t)letters[known - escaped]);
        } else {
            oro_bb_put(out, "u00", 3);
            oro_bb_u8(out, (uint8_t)hex[c >> 4]);
            oro_bb_u8(out, (uint8_t)hex[c & 15]);
        }
    }
    oro_bb_put(out, p + from, (size_t)(n - from));
    oro_bb_u8(out, '"');
    return 0;
}

/* By code point, which is the order of the UTF-8 bytes. */
static void
sort_keys(PyObject *const *keys, unsigned n, uint8_t *order)
{
    for (unsigned i = 0; i < n; i++) {
        unsigned k = i;
        for (; k > 0 && PyUnicode_Compare(keys[order[k - 1]], keys[i]) > 0; k--)
            order[k] = order[k - 1];
        order[k] = (uint8_t)i;
    }
}

static int
shape_learn(struct oro_py *py, struct shape *s, uint64_t hash, PyObject *const *keys, unsigned n)
{
    struct oro_bb text = {0};
    uint8_t order[SHAPE_KEYS];
    uint32_t at[SHAPE_KEYS + 1] = {0};
    sort_keys(keys, n, order);
    for (unsigned i = 0; i < n; i++) {
        if (put_string(py, keys[order[i]], &text) < 0) {
            oro_bb_fini(&text);
            return -1;
        }
        oro_bb_u8(&text, ':');
        at[i + 1] = (uint32_t)text.len;
    }
    if (s->hash != 0)
        ORO_COUNT(py, shape_evictions, 1);
    else
        ORO_COUNT(py, shapes, 1);
    shape_drop(s);
    *s = (struct shape){.hash = hash, .n = n, .text = text.data};
    s->keys = oro_alloc((n + 1) * sizeof(*s->keys));
    for (unsigned i = 0; i < n; i++)
        s->keys[i] = Py_NewRef(keys[i]);
    s->order = oro_alloc(n + 1);
    memcpy(s->order, order, n);
    s->at = oro_alloc((n + 1) * sizeof(*at));
    memcpy(s->at, at, (n + 1) * sizeof(*at));
    return 0;
}

/* The shape of these keys, learnt if it is new. NULL: cerr or exception. */
static struct shape *
shape_of(struct oro_py *py, PyObject *const *keys, unsigned n)
{
    struct oro_json *j = json_of(py);
    unsigned ways = py->max_shapes / SETS < WAYS ? py->max_shapes / SETS : WAYS;
    uint64_t hash = n + 1;
    for (unsigned i = 0; i < n; i++)
        hash = (hash ^ (uint64_t)PyObject_Hash(keys[i])) * 0x9e3779b97f4a7c15ull;
    hash |= 1; /* never 0 */
    struct shape *set = j->shapes[hash >> 56], *oldest = &set[0];
    int64_t now = py->call != NULL ? py->call->timestamp_us : 0;
    ways = ways > 0 ? ways : 1;
    for (unsigned i = 0; i < ways; i++) {
        struct shape *s = &set[i];
        if (shape_is(s, hash, keys, n)) {
            if (py->ttl_us == 0 || now - s->used_us <= py->ttl_us) {
                ORO_COUNT(py, shape_hits, 1);
                s->used_us = now;
                s->tick = ++j->tick;
                return s;
            }
            ORO_COUNT(py, shape_expirations, 1);
            oldest = s;
            break;
        }
        if (s->tick < oldest->tick)
            oldest = s;
    }
    ORO_COUNT(py, shape_misses, 1);
    if (shape_learn(py, oldest, hash, keys, n) < 0)
        return NULL;
    oldest->used_us = now;
    oldest->tick = ++j->tick;
    return oldest;
}

/* ---- writing ---- */

/* What has no plain form: _values.py writes the text of the whole value. */
static int
write_extra(struct oro_py *py, PyObject *v, struct oro_bb *out)
{
    Py_ssize_t n;
    PyObject *s = PyObject_CallOneArg(py->json_dump, v);
    const char *p = s != NULL ? PyUnicode_AsUTF8AndSize(s, &n) : NULL;
    if (p == NULL) {
        Py_XDECREF(s);
        if (PyErr_ExceptionMatches(PyExc_TypeError) || PyErr_ExceptionMatches(PyExc_ValueError)) {
            struct oro_bb text = {0};
            bool surrogate = PyErr_ExceptionMatches(PyExc_UnicodeEncodeError);
            oro_pyerr_text(py, false, &text);
            if (surrogate)
                oro_cerr_set(py, "the text holds a lone surrogate");
            else
                oro_cerr_set(py, "%.*s", (int)(text.len < 300 ? text.len : 300), (char *)text.data);
            oro_bb_fini(&text);
        }
        return -1;
    }
    oro_bb_put(out, p, (size_t)n);
    Py_DECREF(s);
    return 0;
}

/* Keys and values of an exact dict in its order, borrowed by the caller's hold. 0: it needs write_extra. */
static bool
plain_items(PyObject *v, PyObject **keys, PyObject **values, unsigned n)
{
    Py_ssize_t at = 0;
    for (unsigned i = 0; i < n; i++)
        if (!PyDict_Next(v, &at, &keys[i], &values[i]) || !PyUnicode_CheckExact(keys[i]))
            return false;
    return n != 1 || PyUnicode_GET_LENGTH(keys[0]) == 0 || PyUnicode_READ_CHAR(keys[0], 0) != '$';
}

static int
write_dict(struct oro_py *py, PyObject *v, struct oro_bb *out, unsigned depth)
{
    PyObject *keys[SHAPE_KEYS], *values[SHAPE_KEYS];
    uint8_t order[SHAPE_KEYS];
    Py_ssize_t size = PyDict_GET_SIZE(v);
    unsigned n = (unsigned)size;
    int rc = 0;
    if (size > SHAPE_KEYS || !plain_items(v, keys, values, n))
        return write_extra(py, v, out);
    for (unsigned i = 0; i < n; i++) {
        Py_INCREF(keys[i]);
        Py_INCREF(values[i]); /* writing may run code that changes the dict */
    }
    struct shape *s = n > 0 ? shape_of(py, keys, n) : NULL;
    if (n > 0 && s == NULL)
        rc = -1;
    else if (n > 0)
        memcpy(order, s->order, n);
    uint64_t hash = s != NULL ? s->hash : 0;
    oro_bb_u8(out, '{');
    for (unsigned i = 0; rc == 0 && i < n; i++) {
        unsigned k = order[i];
        if (i > 0)
            oro_bb_u8(out, ',');
        if (s->hash == hash && s->n == n) { /* a nested mapping may have taken the place */
            oro_bb_put(out, s->text + s->at[i], s->at[i + 1] - s->at[i]);
        } else if ((rc = put_string(py, keys[k], out)) == 0) {
            oro_bb_u8(out, ':');
        }
        if (rc == 0)
            rc = write_value(py, values[k], out, depth + 1);
        if (rc < 0 && py->cerr.set)
            oro_cerr_key(py, keys[k]);
    }
    oro_bb_u8(out, '}');
    for (unsigned i = 0; i < n; i++) {
        Py_DECREF(keys[i]);
        Py_DECREF(values[i]);
    }
    return rc;
}

static int
write_list(struct oro_py *py, PyObject *v, struct oro_bb *out, unsigned depth)
{
    oro_bb_u8(out, '[');
    for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(v); i++) {
        PyObject *x = Py_NewRef(PySequence_Fast_GET_ITEM(v, i));
        if (i > 0)
            oro_bb_u8(out, ',');
        int rc = write_value(py, x, out, depth + 1);
        Py_DECREF(x);
        if (rc < 0) {
            oro_cerr_index(py, i);
            return -1;
        }
    }
    oro_bb_u8(out, ']');
    return 0;
}

static int
write_int(struct oro_py *py, PyObject *v, struct oro_bb *out)
{
    int over;
    long long n = PyLong_AsLongLongAndOverflow(v, &over);
    if (over != 0)
        return write_extra(py, v, out);
    char text[24], *p = text + sizeof(text);
    unsigned long long u = n < 0 ? 0ull - (unsigned long long)n : (unsigned long long)n;
    do
        *--p = (char)('0' + u % 10);
    while ((u /= 10) != 0);
    if (n < 0)
        *--p = '-';
    oro_bb_put(out, p, (size_t)(text + sizeof(text) - p));
    return 0;
}

static int
write_float(struct oro_py *py, PyObject *v, struct oro_bb *out)
{
    double d = PyFloat_AS_DOUBLE(v);
    if (!isfinite(d)) {
        oro_bb_printf(out, "{\"$float\":\"%s\"}", isnan(d) ? "nan" : d > 0 ? "inf" : "-inf");
        return 0;
    }
    char *text = PyOS_double_to_string(d, 'r', 0, Py_DTSF_ADD_DOT_0, NULL);
    if (text == NULL)
        return -1;
    oro_bb_put(out, text, strlen(text));
    PyMem_Free(text);
    return 0;
}

static int
write_value(struct oro_py *py, PyObject *v, struct oro_bb *out, unsigned depth)
{
    if (v == Py_None)
        oro_bb_put(out, "null", 4);
    else if (v == Py_True)
        oro_bb_put(out, "true", 4);
    else if (v == Py_False)
        oro_bb_put(out, "false", 5);
    else if (PyUnicode_CheckExact(v))
        return put_string(py, v, out);
    else if (PyLong_CheckExact(v))
        return write_int(py, v, out);
    else if (PyFloat_CheckExact(v))
        return write_float(py, v, out);
    else if (depth > MAX_DEPTH)
        return oro_cerr_set(py, "a dynamic value is nested deeper than %d", MAX_DEPTH);
    else if (PyDict_CheckExact(v))
        return write_dict(py, v, out, depth);
    else if (PyList_CheckExact(v) || PyTuple_CheckExact(v))
        return write_list(py, v, out, depth);
    else
        return write_extra(py, v, out);
    return 0;
}

int
oro_json_encode(struct oro_py *py, PyObject *v, struct oro_bb *out)
{
    size_t at = out->len;
    oro_bb_u32(out, 0);
    if (write_value(py, v, out, 0) < 0)
        return -1;
    if (out->len - at - 4 > MAX_BYTES)
        return oro_cerr_set(py, "a dynamic value is longer than %u bytes", MAX_BYTES);
    oro_bb_patch_u32(out, at, (uint32_t)(out->len - at - 4));
    return 0;
}

/* ---- reading ---- */

struct parser {
    struct oro_py *py;
    const uint8_t *at, *end, *start;
};

static PyObject *read_value(struct parser *p, unsigned depth);

static PyObject *
bad(struct parser *p, const char *what)
{
    oro_cerr_set(p->py, "not a JSON document: %s at byte %zu of it", what,
                 (size_t)(p->at - p->start));
    return NULL;
}

static int
space(struct parser *p)
{
    while (p->at < p->end && (*p->at == ' ' || *p->at == '\n' || *p->at == '\t' || *p->at == '\r'))
        p->at++;
    return p->at < p->end ? *p->at : -1;
}

static int
hex4(const uint8_t *s)
{
    int v = 0;
    for (int i = 0; i < 4; i++) {
        int c = s[i], d = c >= '0' && c <= '9'                 ? c - '0'
                          : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10
                                                               : -1;
        if (d < 0)
            return -1;
        v = v << 4 | d;
    }
    return v;
}

static void
put_utf8(struct oro_bb *out, uint32_t c)
{
    if (c < 0x80) {
        oro_bb_u8(out, (uint8_t)c);
    } else if (c < 0x800) {
        oro_bb_u8(out, (uint8_t)(0xc0 | c >> 6));
        oro_bb_u8(out, (uint8_t)(0x80 | (c & 63)));
    } else if (c < 0x10000) {
        oro_bb_u8(out, (uint8_t)(0xe0 | c >> 12));
        oro_bb_u8(out, (uint8_t)(0x80 | (c >> 6 & 63)));
        oro_bb_u8(out, (uint8_t)(0x80 | (c & 63)));
    } else {
        oro_bb_u8(out, (uint8_t)(0xf0 | c >> 18));
        oro_bb_u8(out, (uint8_t)(0x80 | (c >> 12 & 63)));
        oro_bb_u8(out, (uint8_t)(0x80 | (c >> 6 & 63)));
        oro_bb_u8(out, (uint8_t)(0x80 | (c & 63)));
    }
}

/* After a backslash. */
static bool
read_escape(struct parser *p, struct oro_bb *out)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    if (p->at == p->end)
        return bad(p, "an escape is cut short"), false;
    const char *known = *p->at != 0 ? strchr(from, *p->at) : NULL;
    if (known != NULL) {
        oro_bb_u8(out, (uint8_t)to[known - from]);
        p->at++;
        return true;
    }
    int c = *p->at == 'u' && p->end - p->at >= 5 ? hex4(p->at + 1) : -1;
    if (c < 0)
        return bad(p, "an unknown escape"), false;
    p->at += 5;
    if (c >= 0xd800 && c < 0xdc00 && p->end - p->at >= 6 && p->at[0] == '\\' && p->at[1] == 'u') {
        int low = hex4(p->at + 2);
        if (low >= 0xdc00 && low < 0xe000) {
            p->at += 6;
            put_utf8(out, 0x10000u + ((uint32_t)(c - 0xd800) << 10) + (uint32_t)(low - 0xdc00));
            return true;
        }
    }
    if (c >= 0xd800 && c < 0xe000)
        return bad(p, "a lone surrogate"), false;
    put_utf8(out, (uint32_t)c);
    return true;
}

static PyObject *
text_of(struct parser *p, const uint8_t *s, size_t n)
{
    PyObject *o = oro_py_text(s, n);
    if (o == NULL && PyErr_ExceptionMatches(PyExc_UnicodeDecodeError)) {
        PyErr_Clear();
        return bad(p, "text that is not UTF-8");
    }
    return o;
}

/* The key is one that was read before, mostly. */
static PyObject *
key_of(struct parser *p, const uint8_t *s, size_t n)
{
    struct oro_json *j = json_of(p->py);
    if (n > MEMO_LEN)
        return text_of(p, s, n);
    uint32_t h = 2166136261u;
    for (size_t i = 0; i < n; i++)
        h = (h ^ s[i]) * 16777619u;
    PyObject **slot = &j->memo[(h ^ h >> 15) % MEMO];
    if (*slot != NULL && PyUnicode_IS_COMPACT_ASCII(*slot)) {
        if ((size_t)PyUnicode_GET_LENGTH(*slot) == n &&
            memcmp(PyUnicode_1BYTE_DATA(*slot), s, n) == 0)
            return Py_NewRef(*slot);
    } else if (*slot != NULL) {
        Py_ssize_t len;
        const char *have = PyUnicode_AsUTF8AndSize(*slot, &len);
        if (have != NULL && (size_t)len == n && memcmp(have, s, n) == 0)
            return Py_NewRef(*slot);
    }
    PyObject *o = text_of(p, s, n);
    if (o != NULL) {
        PyUnicode_InternInPlace(&o);
        Py_XSETREF(*slot, Py_NewRef(o));
    }
    return o;
}

/* At the opening quote. */
static PyObject *
read_string(struct parser *p, bool key)
{
    const uint8_t *from = ++p->at;
    while (p->at < p->end && *p->at != '"' && *p->at != '\\' && *p->at >= 0x20)
        p->at++;
    if (p->at < p->end && *p->at == '"') {
        size_t n = (size_t)(p->at++ - from);
        return key ? key_of(p, from, n) : text_of(p, from, n);
    }
    struct oro_bb text = {0};
    PyObject *out = NULL;
    oro_bb_put(&text, from, (size_t)(p->at - from));
    for (;;) {
        if (p->at == p->end || *p->at < 0x20) {
            bad(p, p->at == p->end ? "a string that does not end" : "a control character");
            break;
        }
        uint8_t c = *p->at++;
        if (c == '"') {
            out = key ? key_of(p, text.data, text.len) : text_of(p, text.data, text.len);
            break;
        }
        if (c != '\\')
            oro_bb_u8(&text, c);
        else if (!read_escape(p, &text))
            break;
    }
    oro_bb_fini(&text);
    return out;
}

static bool
digits(struct parser *p)
{
    const uint8_t *from = p->at;
    while (p->at < p->end && *p->at >= '0' && *p->at <= '9')
        p->at++;
    return p->at > from;
}

/* Digits with a point and no exponent, 15 digits at most: number and power of ten are exact, so their quotient is rounded once,
 * which is what the long way gives. */
static bool
short_real(const uint8_t *s, const uint8_t *end, double *out)
{
    static const double tens[] = {1e0, 1e1, 1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                  1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};
    bool minus = *s == '-';
    s += minus;
    if (end - s > 16)
        return false;
    int64_t n = 0;
    int after = -1;
    for (; s < end; s++) {
        if (*s == '.') {
            after = 0;
        } else if (*s >= '0' && *s <= '9') {
            n = n * 10 + (*s - '0');
            after += after >= 0;
        } else {
            return false;
        }
    }
    double d = (double)n / tens[after > 0 ? after : 0];
    *out = minus ? -d : d;
    return true;
}

static PyObject *
read_number(struct parser *p)
{
    const uint8_t *from = p->at;
    bool real = false;
    p->at += *p->at == '-';
    const uint8_t *first = p->at;
    if (!digits(p) || (*first == '0' && p->at - first > 1))
        return bad(p, "not a number");
    if (p->at < p->end && *p->at == '.') {
        real = true;
        p->at++;
        if (!digits(p))
            return bad(p, "not a number");
    }
    if (p->at < p->end && (*p->at | 32) == 'e') {
        real = true;
        p->at++;
        if (p->at < p->end && (*p->at == '+' || *p->at == '-'))
            p->at++;
        if (!digits(p))
            return bad(p, "not a number");
    }
    size_t n = (size_t)(p->at - from);
    if (!real && n <= 18) {
        long long v = 0;
        for (const uint8_t *s = first; s < p->at; s++)
            v = v * 10 + (*s - '0');
        return PyLong_FromLongLong(*from == '-' ? -v : v);
    }
    double quick;
    if (real && short_real(from, p->at, &quick))
        return PyFloat_FromDouble(quick);
    char few[64], *text = n < sizeof(few) ? few : oro_alloc(n + 1);
    memcpy(text, from, n);
    text[n] = 0;
    PyObject *out;
    if (real) {
        double d = PyOS_string_to_double(text, NULL,
                                         NULL); /* too large is infinite, as elsewhere in Python */
        out = d == -1.0 && PyErr_Occurred() ? NULL : PyFloat_FromDouble(d);
    } else {
        out = PyLong_FromString(text, NULL, 10);
    }
    if (text != few)
        oro_free(text);
    if (out == NULL && PyErr_ExceptionMatches(PyExc_ValueError)) {
        PyErr_Clear();
        return bad(p, "a number with too many digits");
    }
    return out;
}

static PyObject *
read_array(struct parser *p, unsigned depth)
{
    PyObject *list = PyList_New(0);
    p->at++;
    if (list != NULL && space(p) == ']') {
        p->at++;
        return list;
    }
    while (list != NULL) {
        PyObject *v = read_value(p, depth + 1);
        int rc = v != NULL ? PyList_Append(list, v) : -1;
        Py_XDECREF(v);
        int c = rc == 0 ? space(p) : -1;
        if (rc == 0 && c != ',' && c != ']')
            bad(p, "expected , or ]");
        if (rc < 0 || (c != ',' && c != ']')) {
            Py_CLEAR(list);
            break;
        }
        p->at++;
        if (c == ']')
            break;
    }
    return list;
}

/* {"$x": ...} and {"$type": ..., "value": ...} stand for something else. Takes d. */
static PyObject *
revive(struct parser *p, PyObject *d, bool dollar)
{
    if (!dollar || PyDict_GET_SIZE(d) > 2)
        return d;
    PyObject *out = PyObject_CallOneArg(p->py->json_revive, d);
    Py_DECREF(d);
    if (out == NULL && !PyErr_ExceptionMatches(PyExc_MemoryError) &&
        PyErr_ExceptionMatches(PyExc_Exception)) {
        PyErr_Clear();
        return bad(p, "a $ object that is not well-formed");
    }
    return out;
}

static PyObject *
read_object(struct parser *p, unsigned depth)
{
    PyObject *d = PyDict_New();
    bool dollar = false;
    p->at++;
    if (d != NULL && space(p) == '}') {
        p->at++;
        return d;
    }
    while (d != NULL) {
        PyObject *k = NULL, *v = NULL;
        int rc = -1, c = space(p);
        if (c != '"')
            bad(p, "expected a key");
        else
            k = read_string(p, true);
        if (k != NULL && space(p) != ':')
            bad(p, "expected :");
        else if (k != NULL) {
            p->at++;
            dollar = dollar || (PyUnicode_GET_LENGTH(k) > 0 && PyUnicode_READ_CHAR(k, 0) == '$');
            v = read_value(p, depth + 1);
        }
        if (v != NULL)
            rc = PyDict_SetItem(d, k, v);
        Py_XDECREF(k);
        Py_XDECREF(v);
        c = rc == 0 ? space(p) : -1;
        if (rc == 0 && c != ',' && c != '}')
            bad(p, "expected , or }");
        if (rc < 0 || (c != ',' && c != '}')) {
            Py_CLEAR(d);
            break;
        }
        p->at++;
        if (c == '}')
            return revive(p, d, dollar);
    }
    return d;
}

static PyObject *
read_value(struct parser *p, unsigned depth)
{
    static const struct {
        const char *text;
        size_t n;
    } words[] = {{"null", 4}, {"true", 4}, {"false", 5}};
    int c = space(p);
    if (depth > MAX_READ_DEPTH)
        return bad(p, "nested too deeply");
    if (c == '"')
        return read_string(p, false);
    if (c == '{')
        return read_object(p, depth);
    if (c == '[')
        return read_array(p, depth);
    if (c == '-' || (c >= '0' && c <= '9'))
        return read_number(p);
    for (size_t i = 0; i < 3; i++)
        if ((size_t)(p->end - p->at) >= words[i].n &&
            memcmp(p->at, words[i].text, words[i].n) == 0) {
            p->at += words[i].n;
            return Py_NewRef(i == 0 ? Py_None : i == 1 ? Py_True : Py_False);
        }
    return bad(p, c < 0 ? "it ends too early" : "expected a value");
}

PyObject *
oro_json_decode(struct oro_py *py, struct oro_bytes text)
{
    struct parser p = {py, text.data, text.data + text.len, text.data};
    PyObject *v = read_value(&p, 0);
    if (v != NULL && space(&p) >= 0) {
        Py_DECREF(v);
        return bad(&p, "something after the value");
    }
    return v;
}
