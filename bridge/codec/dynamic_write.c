/* bridge/codec/dynamic_write.c - dynamic values as canonical JSON text. Plain values are handled here; what JSON lacks (bytes,
 * times, records ...) is an object with a $ key, made and read by _values.py.
 *
 * Shapes: a mapping is written with its keys sorted. Most mappings of a game have the keys that others had before, so the
 * order, and the keys' own text, are remembered by key set. The cache is 4-way associative; the entry of a set that was
 * used least recently makes room, and one that was not used for ttl_us is learnt anew. */
#include <math.h>

#include "bridge/codec/dynamic_priv.h"
#include "bridge/codec/error.h"

static int write_value(struct oro_codecs *cs, PyObject *v, struct oro_bb *out, unsigned depth);

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
oro_dynamic_clear(struct oro_codecs *cs)
{
    struct oro_dynamic *j = cs->dynamic;
    if (j == NULL)
        return;
    memset(j->last, 0, sizeof(j->last));
    for (unsigned i = 0; i < SETS * WAYS; i++)
        shape_drop(&j->shapes[i / WAYS][i % WAYS]);
    for (unsigned i = 0; i < ORO_ARRAY_LEN(j->keys); i++) {
        Py_CLEAR(j->keys[i].name);
        j->keys[i] = (struct key){0};
    }
    atomic_store_explicit(&cs->n_shapes, 0, memory_order_relaxed);
}

void
oro_dynamic_free(struct oro_codecs *cs)
{
    oro_free(cs->dynamic); /* cleared with the module's state */
    cs->dynamic = NULL;
}

void
oro_dynamic_limit(struct oro_codecs *cs, unsigned n, int64_t ttl_ms)
{
    if (n < cs->max_shapes)
        oro_dynamic_clear(cs);
    cs->max_shapes = n < 1000000 ? n : 1000000;
    cs->ttl_us = ttl_ms < 0 || ttl_ms > INT64_MAX / 1000 ? 0 : ttl_ms * 1000;
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

static void
put_escaped(const char *p, size_t n, struct oro_bb *out)
{
    static const char hex[] = "0123456789abcdef", escaped[] = "\"\\\n\r\t\b\f",
                      letters[] = "\"\\nrtbf";
    size_t from = 0;
    for (size_t i = 0; i < n; i++) {
        uint8_t c = (uint8_t)p[i];
        if (ORO_LIKELY(c >= 0x20 && c != '"' && c != '\\'))
            continue;
        oro_bb_put(out, p + from, i - from);
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
    oro_bb_put(out, p + from, n - from);
}

static int
put_string(struct oro_codecs *cs, PyObject *s, struct oro_bb *out)
{
    Py_ssize_t n;
    const char *p;
    if (PyUnicode_IS_COMPACT_ASCII(s)) {
        p = (const char *)PyUnicode_1BYTE_DATA(s);
        n = PyUnicode_GET_LENGTH(s);
    } else if ((p = PyUnicode_AsUTF8AndSize(s, &n)) == NULL) {
        if (!PyErr_ExceptionMatches(PyExc_UnicodeEncodeError))
            return -1;
        PyErr_Clear();
        return oro_cerr_set(cs, "the text holds a lone surrogate");
    }
    oro_bb_reserve(out, (size_t)n + 2);
    uint8_t *to = out->data + out->len;
    *to = '"';
    if (ORO_LIKELY(copy_plain(to + 1, (const uint8_t *)p, (size_t)n))) {
        to[n + 1] = '"';
        out->len += (size_t)n + 2;
        return 0;
    }
    oro_bb_u8(out, '"');
    put_escaped(p, (size_t)n, out);
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
shape_learn(struct oro_codecs *cs, struct shape *s, uint64_t hash, PyObject *const *keys,
            unsigned n)
{
    struct oro_bb text = {0};
    uint8_t order[SHAPE_KEYS];
    uint32_t at[SHAPE_KEYS + 1] = {0};
    sort_keys(keys, n, order);
    for (unsigned i = 0; i < n; i++) {
        if (put_string(cs, keys[order[i]], &text) < 0) {
            oro_bb_fini(&text);
            return -1;
        }
        oro_bb_u8(&text, ':');
        at[i + 1] = (uint32_t)text.len;
    }
    oro_bb_reserve(&text, TEXT_PAD);
    memset(text.data + text.len, 0, TEXT_PAD);
    if (s->hash != 0)
        ORO_COUNT(cs, shape_evictions, 1);
    else
        ORO_COUNT(cs, shapes, 1);
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

/* A key of a dict has its hash already. */
static inline Py_hash_t
hash_of(PyObject *key)
{
    Py_hash_t h = ((PyASCIIObject *)key)->hash;
    return h != -1 ? h : PyObject_Hash(key);
}

/* NULL: its time is over. */
static struct shape *
shape_use(struct oro_codecs *cs, struct shape *s, int64_t now)
{
    if (cs->ttl_us != 0 && now - s->used_us > cs->ttl_us) {
        ORO_COUNT(cs, shape_expirations, 1);
        return NULL;
    }
    ORO_COUNT(cs, shape_hits, 1);
    s->used_us = now;
    s->tick = ++cs->dynamic->tick;
    return s;
}

/* Pointers only: what is equal in another way is found by its hash. */
static inline bool
shape_is_same(const struct shape *s, PyObject *const *keys, unsigned n)
{
    if (s == NULL || s->n != n || s->hash == 0)
        return false;
    for (unsigned i = 0; i < n; i++)
        if (s->keys[i] != keys[i])
            return false;
    return true;
}

static struct shape *
shape_find(struct oro_codecs *cs, PyObject *const *keys, unsigned n, int64_t now)
{
    struct oro_dynamic *j = cs->dynamic;
    unsigned ways = cs->max_shapes / SETS < WAYS ? cs->max_shapes / SETS : WAYS;
    uint64_t hash = n + 1;
    for (unsigned i = 0; i < n; i++)
        hash = (hash ^ (uint64_t)hash_of(keys[i])) * 0x9e3779b97f4a7c15ull;
    hash |= 1; /* never 0 */
    struct shape *set = j->shapes[hash >> 56], *oldest = &set[0];
    ways = ways > 0 ? ways : 1;
    for (unsigned i = 0; i < ways; i++) {
        struct shape *s = &set[i];
        if (shape_is(s, hash, keys, n)) {
            if (shape_use(cs, s, now) != NULL)
                return s;
            oldest = s;
            break;
        }
        if (s->tick < oldest->tick)
            oldest = s;
    }
    ORO_COUNT(cs, shape_misses, 1);
    if (shape_learn(cs, oldest, hash, keys, n) < 0)
        return NULL;
    oldest->used_us = now;
    oldest->tick = ++j->tick;
    return oldest;
}

/* The shape of these keys, learnt if it is new. NULL: cerr or exception. */
static inline struct shape *
shape_of(struct oro_codecs *cs, PyObject *const *keys, unsigned n, unsigned depth)
{
    struct shape **last = &cs->dynamic->last[depth], *s = NULL;
    int64_t now = cs->now_us;
    if (shape_is_same(*last, keys, n) && (s = shape_use(cs, *last, now)) != NULL)
        return s;
    *last = shape_find(cs, keys, n, now);
    return *last;
}

/* ---- writing ---- */

/* Code of the author may change what is being written. */
static void
hold_all(struct oro_codecs *cs)
{
    for (struct frame *f = cs->dynamic->writing; f != NULL && !f->held; f = f->up) {
        for (unsigned i = 0; i < f->n; i++) {
            Py_INCREF(f->keys[i]);
            Py_INCREF(f->values[i]);
        }
        f->held = true;
    }
}

static void
let_go(struct oro_codecs *cs, struct frame *f)
{
    cs->dynamic->writing = f->up;
    for (unsigned i = 0; f->held && i < f->n; i++) {
        Py_DECREF(f->keys[i]);
        Py_DECREF(f->values[i]);
    }
}

/* What has no plain form: _values.py writes the text of the whole value. */
static int
write_extra(struct oro_codecs *cs, PyObject *v, struct oro_bb *out)
{
    Py_ssize_t n;
    hold_all(cs);
    PyObject *s = PyObject_CallOneArg(cs->json_dump, v);
    const char *p = s != NULL ? PyUnicode_AsUTF8AndSize(s, &n) : NULL;
    if (p == NULL) {
        Py_XDECREF(s);
        if (PyErr_ExceptionMatches(PyExc_TypeError) || PyErr_ExceptionMatches(PyExc_ValueError)) {
            struct oro_bb text = {0};
            bool surrogate = PyErr_ExceptionMatches(PyExc_UnicodeEncodeError);
            oro_pyerr_text(cs, false, &text);
            if (surrogate)
                oro_cerr_set(cs, "the text holds a lone surrogate");
            else
                oro_cerr_set(cs, "%.*s", (int)(text.len < 300 ? text.len : 300), (char *)text.data);
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
    /* What reads as something else: {"$x": ...} and {"$type": ..., "value": ...}. */
    for (unsigned i = 0; n <= 2 && i < n; i++)
        if (PyUnicode_GET_LENGTH(keys[i]) > 0 && PyUnicode_READ_CHAR(keys[i], 0) == '$')
            return false;
    return true;
}

/* Key i of a shape. Short ones are copied as two words of fixed size, which needs no call. */
static inline void
put_text(const struct shape *s, unsigned i, struct oro_bb *out)
{
    const uint8_t *from = s->text + s->at[i];
    size_t n = s->at[i + 1] - s->at[i];
    if (ORO_UNLIKELY(n > TEXT_PAD)) {
        oro_bb_put(out, from, n);
        return;
    }
    oro_bb_reserve(out, TEXT_PAD);
    memcpy(out->data + out->len, from, TEXT_PAD);
    out->len += n;
}

static int
write_dict(struct oro_codecs *cs, PyObject *v, struct oro_bb *out, unsigned depth)
{
    PyObject *keys[SHAPE_KEYS], *values[SHAPE_KEYS];
    uint8_t order[SHAPE_KEYS];
    Py_ssize_t size = PyDict_GET_SIZE(v);
    unsigned n = (unsigned)size;
    int rc = 0;
    if (size > SHAPE_KEYS || !plain_items(v, keys, values, n))
        return write_extra(cs, v, out);
    struct frame frame = {.up = cs->dynamic->writing, .keys = keys, .values = values, .n = n};
    cs->dynamic->writing = &frame;
    struct shape *s = n > 0 ? shape_of(cs, keys, n, depth) : NULL;
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
            put_text(s, i, out);
        } else if ((rc = put_string(cs, keys[k], out)) == 0) {
            oro_bb_u8(out, ':');
        }
        if (rc == 0)
            rc = write_value(cs, values[k], out, depth + 1);
        if (rc < 0 && cs->cerr.set)
            oro_cerr_key(cs, keys[k]);
    }
    oro_bb_u8(out, '}');
    let_go(cs, &frame);
    return rc;
}

static int
write_list(struct oro_codecs *cs, PyObject *v, struct oro_bb *out, unsigned depth)
{
    oro_bb_u8(out, '[');
    for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(v); i++) {
        PyObject *x = Py_NewRef(PySequence_Fast_GET_ITEM(v, i));
        if (i > 0)
            oro_bb_u8(out, ',');
        int rc = write_value(cs, x, out, depth + 1);
        Py_DECREF(x);
        if (rc < 0) {
            oro_cerr_index(cs, i);
            return -1;
        }
    }
    oro_bb_u8(out, ']');
    return 0;
}

static char *
put_digits(char *end, uint64_t u)
{
    do
        *--end = (char)('0' + u % 10);
    while ((u /= 10) != 0);
    return end;
}

static int
write_int(struct oro_codecs *cs, PyObject *v, struct oro_bb *out)
{
    int over = 0;
    long long n = PyUnstable_Long_IsCompact((PyLongObject *)v)
                      ? PyUnstable_Long_CompactValue((PyLongObject *)v)
                      : PyLong_AsLongLongAndOverflow(v, &over);
    if (over != 0)
        return write_extra(cs, v, out);
    char text[24], *p = text + sizeof(text);
    p = put_digits(p, n < 0 ? 0ull - (unsigned long long)n : (unsigned long long)n);
    if (n < 0)
        *--p = '-';
    oro_bb_put(out, p, (size_t)(text + sizeof(text) - p));
    return 0;
}

/* A number of at most 15 digits, 6 of them after the point: no other number of so few digits reads as the same double, so this
 * is what repr() gives. u and the power of ten are exact, so their quotient is rounded once, as when it is read. */
static bool
write_short_float(double d, struct oro_bb *out)
{
    static const double tens[] = {1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6};
    double a = fabs(d);
    char text[32], *end = text + sizeof(text), *p;
    for (unsigned k = 0; k < ORO_ARRAY_LEN(tens); k++) {
        double scaled = a * tens[k];
        if (!(scaled < 1e15))
            return false;
        uint64_t u = (uint64_t)(scaled + 0.5);
        if ((double)u / tens[k] != a)
            continue;
        if (a != 0 && a < 1e-4) /* has an exponent */
            return false;
        uint64_t whole = u, part = 0, unit = 1;
        for (unsigned i = 0; i < k; i++)
            unit *= 10;
        whole = u / unit;
        part = u % unit;
        p = put_digits(end, part);
        while (end - p < (ptrdiff_t)k)
            *--p = '0';
        *--p = '.';
        p = put_digits(p, whole);
        if (signbit(d))
            *--p = '-';
        oro_bb_put(out, p, (size_t)(end - p));
        return true;
    }
    return false;
}

static int
write_float(struct oro_codecs *cs, PyObject *v, struct oro_bb *out)
{
    double d = PyFloat_AS_DOUBLE(v);
    if (write_short_float(d, out))
        return 0;
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
write_value(struct oro_codecs *cs, PyObject *v, struct oro_bb *out, unsigned depth)
{
    if (v == Py_None)
        oro_bb_put(out, "null", 4);
    else if (v == Py_True)
        oro_bb_put(out, "true", 4);
    else if (v == Py_False)
        oro_bb_put(out, "false", 5);
    else if (PyUnicode_CheckExact(v))
        return put_string(cs, v, out);
    else if (PyLong_CheckExact(v))
        return write_int(cs, v, out);
    else if (PyFloat_CheckExact(v))
        return write_float(cs, v, out);
    else if (depth > MAX_DEPTH)
        return oro_cerr_set(cs, "a dynamic value is nested deeper than %d", MAX_DEPTH);
    else if (PyDict_CheckExact(v))
        return write_dict(cs, v, out, depth);
    else if (PyList_CheckExact(v) || PyTuple_CheckExact(v))
        return write_list(cs, v, out, depth);
    else
        return write_extra(cs, v, out);
    return 0;
}

int
oro_dynamic_encode(struct oro_codecs *cs, PyObject *v, struct oro_bb *out)
{
    size_t at = out->len;
    (void)dynamic_of(cs);
    oro_bb_u32(out, 0);
    if (write_value(cs, v, out, 0) < 0)
        return -1;
    if (out->len - at - 4 > MAX_BYTES)
        return oro_cerr_set(cs, "a dynamic value is longer than %u bytes", MAX_BYTES);
    oro_bb_patch_u32(out, at, (uint32_t)(out->len - at - 4));
    return 0;
}
