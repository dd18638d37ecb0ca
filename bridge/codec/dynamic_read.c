/* bridge/codec/dynamic_read.c - dynamic values from JSON text.
 *
 * Keys that were read before are remembered with their text, so equal keys are one object, and comparing shapes
 * compares pointers. Each remembers the key that came after it and the first key inside its value, and how many there were:
 * a document of a known shape is read by comparing bytes with what is expected next; only a key that is not the expected one
 * is hashed and looked up. */
#include "bridge/codec/dynamic_priv.h"
#include "bridge/codec/text.h"

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
                       .j = dynamic_of(cs),
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
