/* bridge/codec/dynamic.c - dynamic values (python-api 3.3): canonical JSON text from Python objects and back. Plain values are
 * handled here; what JSON lacks (bytes, times, records ...) is an object with a $ key, made and read by _values.py.
 *
 * Shapes: a mapping is written with its keys sorted. Most mappings of a game have the keys that others had before, so the
 * order, and the keys' own text, are remembered by key set. The cache is 4-way associative; the entry of a set that was
 * used least recently makes room, and one that was not used for ttl_us is learnt anew.
 *
 * Reading: keys that were read before are remembered with their text, so equal keys are one object, and comparing shapes
 * compares pointers. Each remembers the key that came after it and the first key inside its value, and how many there were:
 * a document of a known shape is read by comparing bytes with what is expected next; only a key that is not the expected one
 * is hashed and looked up. */
#include <math.h>

#include "bridge/codec/dynamic.h"

#include "bridge/codec/error.h"
#include "bridge/codec/state.h"

#define MAX_DEPTH 64 /* of what is written; each level may take three in the text ($map) */
#define MAX_READ_DEPTH 256
#define MAX_BYTES (1u << 20)
#define WAYS 4
#define SETS 256
#define SHAPE_KEYS 64 /* larger mappings are sorted each time */
#define MEMO_SETS 256 /* of two keys */
#define MEMO_LEN 40
#define TEXT_PAD 32 /* bytes after a shape's text that may be copied along */
#define FEW 16      /* elements of an array that are read before there is a list */

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

/* A key that was read. Guesses are numbers of keys plus 1, or 0; the place may belong to another key meanwhile. */
struct key {
    PyObject *name;                 /* owned; NULL: free */
    uint16_t next;                  /* guess: the key after it */
    uint16_t first;                 /* guess: the first key of the mapping that is its value */
    uint8_t inside;                 /* how many that mapping had */
    uint8_t n;                      /* bytes of text; 0: it is written with escapes */
    uint8_t text[MEMO_LEN + 2 + 1]; /* with quotes and colon */
};

/* A mapping that is being written. Nothing but write_extra runs Python code, so keys and values are held only from then on. */
struct frame {
    struct frame *up;
    PyObject **keys, **values;
    unsigned n;
    bool held;
};

struct oro_dynamic {
    struct frame *writing; /* the innermost mapping */
    struct shape *
        last[MAX_DEPTH +
             1]; /* the shape that was used last at a depth, or NULL: the next is like it, mostly */
    struct shape shapes[SETS][WAYS];
    uint64_t tick;
    struct key keys[MEMO_SETS * 2];
    struct key root; /* for guesses of the outermost mapping */
};

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

static struct oro_dynamic *
json_of(struct oro_codecs *cs)
{
    if (cs->dynamic == NULL)
        cs->dynamic = ORO_NEW(struct oro_dynamic);
    return cs->dynamic;
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

/* Has one of 8 bytes to be escaped in a JSON string? Signed bytes: what is above 0x7f is not. */
static inline bool
any_escaped(uint64_t w)
{
    const uint64_t ones = 0x0101010101010101ull, high = 0x8080808080808080ull;
    uint64_t quote = w ^ ones * '"', slash = w ^ ones * '\\';
    uint64_t hit = ((w - ones * 0x20) & ~w) | ((quote - ones) & ~quote) | ((slash - ones) & ~slash);
    return (hit & high) != 0;
}

/* Copies n bytes in words of 8, the last of which may overlap the one before. false: one of them has to be escaped. */
static inline bool
copy_plain(uint8_t *to, const uint8_t *from, size_t n)
{
    uint64_t w;
    uint32_t a, b;
    if (n >= 8) {
        for (size_t i = 0;; i = i + 16 <= n ? i + 8 : n - 8) {
            memcpy(&w, from + i, 8);
            if (ORO_UNLIKELY(any_escaped(w)))
                return false;
            memcpy(to + i, &w, 8);
            if (i + 8 == n)
                return true;
        }
    }
    if (n >= 4) {
        memcpy(&a, from, 4);
        memcpy(&b, from + n - 4, 4);
        memcpy(to, &a, 4);
        memcpy(to + n - 4, &b, 4);
        return !any_escaped(a | (uint64_t)b << 32);
    }
    for (size_t i = 0; i < n; i++) {
        if (from[i] < 0x20 || from[i] == '"' || from[i] == '\\')
            return false;
        to[i] = from[i];
    }
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
    (void)json_of(cs);
    oro_bb_u32(out, 0);
    if (write_value(cs, v, out, 0) < 0)
        return -1;
    if (out->len - at - 4 > MAX_BYTES)
        return oro_cerr_set(cs, "a dynamic value is longer than %u bytes", MAX_BYTES);
    oro_bb_patch_u32(out, at, (uint32_t)(out->len - at - 4));
    return 0;
}

/* ---- reading ---- */

struct parser {
    struct oro_codecs *cs;
    struct oro_dynamic *j;
    const uint8_t *at, *end, *start;
    struct key stranger; /* stands for a key that is not remembered */
};

/* Where the parser stands, a value whose key is `of`. */
static PyObject *read_value(struct parser *p, struct key *of, unsigned depth);

static PyObject *
bad(struct parser *p, const char *what)
{
    oro_cerr_set(p->cs, "not a JSON document: %s at byte %zu of it", what,
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

static bool
key_is(struct key *k, const uint8_t *s, size_t n)
{
    Py_ssize_t len;
    if (k->name == NULL)
        return false;
    if (k->n > 0)
        return k->n == n + 3 && memcmp(k->text + 1, s, n) == 0;
    const char *have = PyUnicode_AsUTF8AndSize(k->name, &len);
    return have != NULL && (size_t)len == n && memcmp(have, s, n) == 0;
}

static void
key_learn(struct key *k, PyObject *name, const uint8_t *s, size_t n)
{
    Py_XDECREF(k->name);
    *k = (struct key){.name = Py_NewRef(name)};
    if (!copy_plain(k->text + 1, s, n))
        return; /* it has several forms, none of which is likely */
    k->n = (uint8_t)(n + 3);
    k->text[0] = k->text[n + 1] = '"';
    k->text[n + 2] = ':';
}

/* The key is one that was read before, mostly. New reference; *out: what is remembered of it. */
static PyObject *
key_of(struct parser *p, const uint8_t *s, size_t n, struct key **out)
{
    *out = &p->stranger;
    if (n > MEMO_LEN)
        return text_of(p, s, n);
    uint32_t h = 2166136261u;
    for (size_t i = 0; i < n; i++)
        h = (h ^ s[i]) * 16777619u;
    struct key *set = &p->j->keys[(h ^ h >> 15) % MEMO_SETS * 2];
    for (unsigned i = 0; i < 2; i++)
        if (key_is(&set[i], s, n)) {
            *out = &set[i];
            return Py_NewRef(set[i].name);
        }
    PyObject *o = text_of(p, s, n);
    if (o != NULL) {
        PyUnicode_InternInPlace(&o);
        *out = &set[h >> 31]; /* the one that goes is a matter of chance */
        key_learn(*out, o, s, n);
    }
    return o;
}

/* At the opening quote. key: where to put what is remembered of it; NULL: it is no key. */
static PyObject *
read_string(struct parser *p, struct key **key)
{
    const uint8_t *from = ++p->at;
    uint64_t w;
    for (; p->end - p->at >= 8; p->at += 8) {
        memcpy(&w, p->at, 8);
        if (any_escaped(w)) /* or the quote at the end */
            break;
    }
    while (p->at < p->end && *p->at != '"' && *p->at != '\\' && *p->at >= 0x20)
        p->at++;
    if (p->at < p->end && *p->at == '"') {
        size_t n = (size_t)(p->at++ - from);
        return key != NULL ? key_of(p, from, n, key) : text_of(p, from, n);
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
            out =
                key != NULL ? key_of(p, text.data, text.len, key) : text_of(p, text.data, text.len);
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

/* After an element or an item: the comma, or the closing character, which is passed over. 0: neither, as cerr says. */
static int
read_separator(struct parser *p, char close)
{
    int c = space(p);
    if (c != ',' && c != close) {
        bad(p, close == ']' ? "expected , or ]" : "expected , or }");
        return 0;
    }
    p->at++;
    return c;
}

static PyObject *
list_of(PyObject **few, Py_ssize_t n)
{
    PyObject *list = PyList_New(n);
    for (Py_ssize_t i = 0; i < n; i++) {
        if (list != NULL)
            PyList_SET_ITEM(list, i, few[i]);
        else
            Py_DECREF(few[i]);
    }
    return list;
}

/* An array's first elements wait for the list, which then has the right size. Takes few. */
static PyObject *
read_rest(struct parser *p, struct key *of, unsigned depth, PyObject **few)
{
    PyObject *list = list_of(few, FEW);
    while (list != NULL) {
        PyObject *v = read_value(p, of, depth + 1);
        int rc = v != NULL ? PyList_Append(list, v) : -1, c = 0;
        Py_XDECREF(v);
        if (rc == 0)
            c = read_separator(p, ']');
        if (c == 0)
            Py_CLEAR(list);
        if (c != ',')
            break;
    }
    return list;
}

static PyObject *
read_array(struct parser *p, struct key *of, unsigned depth)
{
    PyObject *few[FEW];
    Py_ssize_t n = 0;
    int c = ',';
    p->at++;
    if (space(p) == ']') {
        p->at++;
        return PyList_New(0);
    }
    while (c == ',' && n < FEW) {
        PyObject *v = read_value(p, of, depth + 1);
        if (v != NULL)
            few[n++] = v;
        c = v != NULL ? read_separator(p, ']') : 0;
    }
    if (c == ',')
        return read_rest(p, of, depth, few);
    if (c == ']')
        return list_of(few, n);
    while (n > 0)
        Py_DECREF(few[--n]);
    return NULL;
}

/* {"$x": ...} and {"$type": ..., "value": ...} stand for something else. Takes d. */
static PyObject *
revive(struct parser *p, PyObject *d, bool dollar)
{
    if (!dollar || PyDict_GET_SIZE(d) > 2)
        return d;
    PyObject *out = PyObject_CallOneArg(p->cs->json_revive, d);
    Py_DECREF(d);
    if (out == NULL && !PyErr_ExceptionMatches(PyExc_MemoryError) &&
        PyErr_ExceptionMatches(PyExc_Exception)) {
        PyErr_Clear();
        return bad(p, "a $ object that is not well-formed");
    }
    return out;
}

/* Exported, though not documented. */
extern PyObject *_PyDict_NewPresized(Py_ssize_t n) __attribute__((weak));

static PyObject *
new_dict(unsigned n)
{
    /* A dict that is not told has room for five. */
    return n > 5 && _PyDict_NewPresized != NULL ? _PyDict_NewPresized(n) : PyDict_New();
}

static inline bool
same_text(const uint8_t *p, const uint8_t *q, size_t n)
{
    uint64_t a, b;
    uint32_t c, d;
    if (n >= 8) {
        for (size_t i = 0;; i = i + 16 <= n ? i + 8 : n - 8) {
            memcpy(&a, p + i, 8);
            memcpy(&b, q + i, 8);
            if (a != b)
                return false;
            if (i + 8 == n)
                return true;
        }
    }
    if (n < 4)
        return memcmp(p, q, n) == 0;
    memcpy(&c, p, 4);
    memcpy(&d, q, 4);
    return c == d && memcmp(p + n - 4, q + n - 4, 4) == 0;
}

/* A key and its colon. guess: where the number of the expected key is, and of the one found is put. New reference. */
static inline PyObject *
read_key(struct parser *p, uint16_t *guess, struct key **out)
{
    if (ORO_LIKELY(*guess > 0)) {
        struct key *k = &p->j->keys[*guess - 1];
        if (k->n > 0 && p->end - p->at >= k->n && same_text(p->at, k->text, k->n)) {
            p->at += k->n;
            *out = k;
            return Py_NewRef(k->name);
        }
    }
    if (space(p) != '"')
        return bad(p, "expected a key");
    PyObject *name = read_string(p, out);
    if (name == NULL)
        return NULL;
    if (space(p) != ':') {
        Py_DECREF(name);
        return bad(p, "expected :");
    }
    p->at++;
    *guess = *out != &p->stranger ? (uint16_t)(*out - p->j->keys + 1) : 0;
    return name;
}

static PyObject *
read_object(struct parser *p, struct key *of, unsigned depth)
{
    uint16_t *guess = &of->first;
    bool dollar = false;
    unsigned n = 0;
    p->at++;
    if (space(p) == '}') {
        p->at++;
        return PyDict_New();
    }
    PyObject *d = new_dict(of->inside);
    while (d != NULL) {
        struct key *key;
        int rc = -1, c = 0;
        PyObject *k = read_key(p, guess, &key), *v = NULL;
        if (k != NULL) {
            dollar = dollar || (PyUnicode_GET_LENGTH(k) > 0 && PyUnicode_READ_CHAR(k, 0) == '$');
            v = read_value(p, key, depth + 1);
            guess = &key->next;
        }
        if (v != NULL)
            rc = PyDict_SetItem(d, k, v);
        Py_XDECREF(k);
        Py_XDECREF(v);
        n++;
        if (rc == 0)
            c = read_separator(p, '}');
        if (c == 0)
            Py_CLEAR(d);
        if (c != ',')
            break;
    }
    of->inside = n < SHAPE_KEYS ? (uint8_t)n : SHAPE_KEYS;
    return d != NULL ? revive(p, d, dollar) : NULL;
}

static PyObject *
read_word(struct parser *p, const char *word, size_t n, PyObject *v)
{
    if ((size_t)(p->end - p->at) < n || memcmp(p->at, word, n) != 0)
        return bad(p, "expected a value");
    p->at += n;
    return Py_NewRef(v);
}

static PyObject *
read_value(struct parser *p, struct key *of, unsigned depth)
{
    int c = space(p);
    if (depth > MAX_READ_DEPTH)
        return bad(p, "nested too deeply");
    switch (c) {
    case '"':
        return read_string(p, NULL);
    case '{':
        return read_object(p, of, depth);
    case '[':
        return read_array(p, of, depth);
    case 'n':
        return read_word(p, "null", 4, Py_None);
    case 't':
        return read_word(p, "true", 4, Py_True);
    case 'f':
        return read_word(p, "false", 5, Py_False);
    default:
        if (c == '-' || (c >= '0' && c <= '9'))
            return read_number(p);
        return bad(p, c < 0 ? "it ends too early" : "expected a value");
    }
}

PyObject *
oro_dynamic_decode(struct oro_codecs *cs, struct oro_bytes text)
{
    struct parser p = {.cs = cs,
                       .j = json_of(cs),
                       .at = text.data,
                       .end = text.data + text.len,
                       .start = text.data};
    PyObject *v = read_value(&p, &p.j->root, 0);
    if (v != NULL && space(&p) >= 0) {
        Py_DECREF(v);
        return bad(&p, "something after the value");
    }
    return v;
}
