/* runtime/base/json.c - see json.h. One pass without recursion: the containers that are open are a stack of node
 * numbers. */
#include "runtime/base/json.h"

#include "runtime/base/map.h"
#include "runtime/base/utf8.h"

struct scan {
    struct oro_json *j;
    const uint8_t *at, *end, *start;
    struct oro_err *err;
};

static oro_status
bad(struct scan *s, const char *what)
{
    return oro_err_set(s->err, ORO_EMALFORMED, "not JSON: %s at byte %zu", what,
                       (size_t)(s->at - s->start));
}

static void
skip_space(struct scan *s)
{
    while (s->at < s->end && (*s->at == ' ' || *s->at == '\n' || *s->at == '\t' || *s->at == '\r'))
        s->at++;
}

static oro_status
add_node(struct scan *s, enum oro_json_kind kind, const uint8_t *from, const uint8_t *to,
         uint32_t *index)
{
    struct oro_json *j = s->j;
    if (j->n == j->cap) {
        size_t size = (size_t)j->cap * 2 * sizeof(*j->nodes);
        bool first = j->nodes == j->few;
        struct oro_json_node *more = first ? oro_try_alloc(size) : oro_try_realloc(j->nodes, size);
        if (more == NULL)
            return oro_err_set(s->err, ORO_ENOMEM, "no memory for a JSON text of %zu bytes",
                               (size_t)(s->end - s->start));
        if (first)
            memcpy(more, j->few, sizeof(j->few));
        j->nodes = more;
        j->cap *= 2;
    }
    *index = j->n++;
    j->nodes[*index] = (struct oro_json_node){.kind = kind,
                                              .at = (uint32_t)(from - s->start),
                                              .len = (uint32_t)(to - from),
                                              .next = j->n};
    return ORO_OK;
}

/* At the backslash. A surrogate is legal only as a pair, high before low. */
static oro_status
scan_escape(struct scan *s)
{
    if (s->end - s->at < 2)
        return bad(s, "a string without end");
    if (s->at[1] != 'u') {
        if (s->at[1] == 0 || strchr("\"\\/bfnrt", s->at[1]) == NULL)
            return bad(s, "an unknown escape");
        s->at += 2;
        return ORO_OK;
    }
    int c = s->end - s->at >= 6 ? oro_hex4(s->at + 2) : -1;
    if (c < 0)
        return bad(s, "a \\u escape without four hex digits");
    if (c < 0xd800 || c > 0xdfff) {
        s->at += 6;
        return ORO_OK;
    }
    bool pair = c < 0xdc00 && s->end - s->at >= 12 && s->at[6] == '\\' && s->at[7] == 'u';
    int low = pair ? oro_hex4(s->at + 8) : -1;
    if (low < 0xdc00 || low > 0xdfff)
        return bad(s, "a lone surrogate");
    s->at += 12;
    return ORO_OK;
}

static oro_status
scan_string(struct scan *s)
{
    const uint8_t *from = ++s->at;
    bool escaped = false;
    uint8_t all = 0;
    for (;; s->at++) {
        if (s->at == s->end)
            return bad(s, "a string without end");
        all |= *s->at;
        if (*s->at == '"')
            break;
        if (*s->at < 0x20)
            return bad(s, "a control character in a string");
        if (*s->at != '\\')
            continue;
        escaped = true;
        oro_status st = scan_escape(s);
        if (st != ORO_OK)
            return st;
        s->at--;
    }
    if (all >= 0x80 && !oro_utf8_valid(oro_bytes(from, (size_t)(s->at - from))))
        return bad(s, "a string that is not UTF-8 ends");
    uint32_t node;
    oro_status st = add_node(s, ORO_JSON_STRING, from, s->at, &node);
    if (st != ORO_OK)
        return st;
    s->j->nodes[node].escaped = escaped;
    s->at++;
    return ORO_OK;
}

static bool
scan_digits(struct scan *s)
{
    const uint8_t *from = s->at;
    while (s->at < s->end && *s->at >= '0' && *s->at <= '9')
        s->at++;
    return s->at > from;
}

static bool
scan_char(struct scan *s, char c)
{
    if (s->at == s->end || *s->at != c)
        return false;
    s->at++;
    return true;
}

static oro_status
scan_number(struct scan *s)
{
    const uint8_t *from = s->at;
    scan_char(s, '-');
    bool zero = s->at < s->end && *s->at == '0';
    if (zero ? s->at++, s->at < s->end && *s->at >= '0' && *s->at <= '9' : !scan_digits(s))
        return bad(s, "a malformed number");
    if (scan_char(s, '.') && !scan_digits(s))
        return bad(s, "a number without digits after its point");
    if (scan_char(s, 'e') || scan_char(s, 'E')) {
        if (!scan_char(s, '+'))
            scan_char(s, '-');
        if (!scan_digits(s))
            return bad(s, "a number without exponent");
    }
    uint32_t node;
    return add_node(s, ORO_JSON_NUMBER, from, s->at, &node);
}

static oro_status
scan_word(struct scan *s)
{
    static const struct {
        const char *word;
        enum oro_json_kind kind;
    } words[] = {{"null", ORO_JSON_NULL}, {"true", ORO_JSON_TRUE}, {"false", ORO_JSON_FALSE}};
    for (size_t i = 0; i < ORO_ARRAY_LEN(words); i++) {
        size_t n = strlen(words[i].word);
        if ((size_t)(s->end - s->at) < n || memcmp(s->at, words[i].word, n) != 0)
            continue;
        uint32_t node;
        s->at += n;
        return add_node(s, words[i].kind, s->at - n, s->at, &node);
    }
    return bad(s, s->at == s->end ? "the text ends too early" : "no value");
}

static oro_status
scan_scalar(struct scan *s)
{
    uint8_t c = s->at < s->end ? *s->at : 0;
    if (c == '"')
        return scan_string(s);
    return c == '-' || (c >= '0' && c <= '9') ? scan_number(s) : scan_word(s);
}

static oro_status
scan_key(struct scan *s)
{
    skip_space(s);
    if (s->at == s->end || *s->at != '"')
        return bad(s, "no key");
    oro_status st = scan_string(s);
    if (st != ORO_OK)
        return st;
    skip_space(s);
    return scan_char(s, ':') ? ORO_OK : bad(s, "no colon after the key");
}

struct open {
    uint32_t nodes[ORO_JSON_MAX_DEPTH];
    unsigned n, max;
};

/* After a value: closes what ends here, and reads on to the next value of what does not. done: the root ended. */
static oro_status
scan_after(struct scan *s, struct open *open, bool *done)
{
    for (;;) {
        *done = open->n == 0;
        if (*done)
            return ORO_OK;
        struct oro_json_node *top = &s->j->nodes[open->nodes[open->n - 1]];
        bool object = top->kind == ORO_JSON_OBJECT;
        top->count++;
        skip_space(s);
        if (scan_char(s, ','))
            return object ? scan_key(s) : ORO_OK;
        if (!scan_char(s, object ? '}' : ']'))
            return bad(s,
                       object ? "an object that does not go on" : "an array that does not go on");
        top->len = (uint32_t)(s->at - s->start) - top->at;
        top->next = s->j->n;
        open->n--;
    }
}

/* At [ or {. empty: it was closed at once. */
static oro_status
scan_open(struct scan *s, struct open *open, bool *empty)
{
    bool object = *s->at == '{';
    uint32_t node;
    if (open->n >= open->max)
        return bad(s, "nested too deep");
    oro_status st = add_node(s, object ? ORO_JSON_OBJECT : ORO_JSON_ARRAY, s->at, s->at, &node);
    if (st != ORO_OK)
        return st;
    s->at++;
    skip_space(s);
    *empty = scan_char(s, object ? '}' : ']');
    if (*empty) {
        s->j->nodes[node].len = (uint32_t)(s->at - s->start) - s->j->nodes[node].at;
        return ORO_OK;
    }
    open->nodes[open->n++] = node;
    return object ? scan_key(s) : ORO_OK;
}

static oro_status
scan_text(struct scan *s, struct open *open)
{
    bool done = false;
    while (!done) {
        bool ended = true;
        skip_space(s);
        bool container = s->at < s->end && (*s->at == '{' || *s->at == '[');
        oro_status st = container ? scan_open(s, open, &ended) : scan_scalar(s);
        if (st == ORO_OK && ended)
            st = scan_after(s, open, &done);
        if (st != ORO_OK)
            return st;
    }
    skip_space(s);
    return s->at == s->end ? ORO_OK : bad(s, "more text after the value");
}

oro_status
oro_json_parse(struct oro_json *j, struct oro_bytes text, unsigned max_depth, struct oro_err *err)
{
    ORO_ASSERT(max_depth <= ORO_JSON_MAX_DEPTH);
    if (text.len > UINT32_MAX / 2)
        return oro_err_set(err, ORO_EMALFORMED, "a JSON text of %zu bytes is too long", text.len);
    j->text = text.data;
    j->nodes = j->few;
    j->n = 0;
    j->cap = ORO_JSON_INLINE;
    struct scan s = {
        .j = j, .at = text.data, .end = text.data + text.len, .start = text.data, .err = err};
    struct open open;
    open.n = 0;
    open.max = max_depth;
    oro_status st = scan_text(&s, &open);
    if (st != ORO_OK)
        oro_json_fini(j);
    return st;
}

void
oro_json_fini(struct oro_json *j)
{
    if (j->nodes != j->few)
        oro_free(j->nodes);
    j->nodes = j->few;
    j->n = 0;
}

/* ---- reading nodes ---- */

static void
put_utf8(uint32_t c, struct oro_bb *out)
{
    if (c < 0x80) {
        oro_bb_u8(out, (uint8_t)c);
        return;
    }
    unsigned more = c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
    static const uint8_t lead[] = {0, 0xc0, 0xe0, 0xf0};
    oro_bb_u8(out, (uint8_t)(lead[more] | c >> (6 * more)));
    while (more-- > 0)
        oro_bb_u8(out, (uint8_t)(0x80 | ((c >> (6 * more)) & 0x3f)));
}

/* At the backslash of an escape that was checked; gives its length. */
static size_t
put_escape(const uint8_t *p, struct oro_bb *out)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    if (p[1] != 'u') {
        oro_bb_u8(out, (uint8_t)to[strchr(from, p[1]) - from]);
        return 2;
    }
    uint32_t c = (uint32_t)oro_hex4(p + 2);
    if (c < 0xd800 || c > 0xdfff) {
        put_utf8(c, out);
        return 6;
    }
    put_utf8(0x10000 + ((c & 0x3ff) << 10 | ((uint32_t)oro_hex4(p + 8) & 0x3ff)), out);
    return 12;
}

void
oro_json_unescape(const struct oro_json *j, uint32_t node, struct oro_bb *out)
{
    struct oro_bytes text = oro_json_text(j, node);
    const uint8_t *p = text.data, *end = p + text.len;
    if (!j->nodes[node].escaped) {
        oro_bb_put_bytes(out, text);
        return;
    }
    while (p < end) {
        const uint8_t *stop = memchr(p, '\\', (size_t)(end - p));
        stop = stop != NULL ? stop : end;
        oro_bb_put(out, p, (size_t)(stop - p));
        p = stop < end ? stop + put_escape(stop, out) : end;
    }
}

bool
oro_json_string_is(const struct oro_json *j, uint32_t node, const char *text)
{
    if (j->nodes[node].kind != ORO_JSON_STRING)
        return false;
    if (!j->nodes[node].escaped)
        return oro_bytes_eq(oro_json_text(j, node), oro_bytes_str(text));
    struct oro_bb plain = {0};
    oro_json_unescape(j, node, &plain);
    bool is = oro_bytes_eq(oro_bb_bytes(&plain), oro_bytes_str(text));
    oro_bb_fini(&plain);
    return is;
}

uint32_t
oro_json_member(const struct oro_json *j, uint32_t object, const char *key)
{
    uint32_t found = 0, at = object + 1;
    if (j->nodes[object].kind != ORO_JSON_OBJECT)
        return 0;
    for (uint32_t i = 0; i < j->nodes[object].count; i++) {
        if (oro_json_string_is(j, at, key))
            found = at + 1;
        at = j->nodes[at + 1].next;
    }
    return found;
}

static bool
keys_differ(const struct oro_json *j, uint32_t object)
{
    struct oro_map seen = {0};
    struct oro_bb key = {0};
    uint32_t at = object + 1;
    bool differ = true;
    for (uint32_t i = 0; differ && i < j->nodes[object].count; i++) {
        oro_bb_clear(&key);
        oro_json_unescape(j, at, &key);
        differ = oro_map_put(&seen, oro_bb_bytes(&key), (void *)(uintptr_t)j) == NULL;
        at = j->nodes[at + 1].next;
    }
    oro_bb_fini(&key);
    oro_map_fini(&seen);
    return differ;
}

static bool
has_zero(const struct oro_json *j, uint32_t string)
{
    struct oro_bb plain = {0};
    if (!j->nodes[string].escaped) /* a control character stands in an escape only */
        return false;
    oro_json_unescape(j, string, &plain);
    bool zero = plain.len > 0 && memchr(plain.data, 0, plain.len) != NULL;
    oro_bb_fini(&plain);
    return zero;
}

bool
oro_json_unambiguous(const struct oro_json *j)
{
    for (uint32_t i = 0; i < j->n; i++) {
        const struct oro_json_node *v = &j->nodes[i];
        if (v->kind == ORO_JSON_STRING && has_zero(j, i))
            return false;
        if (v->kind == ORO_JSON_OBJECT && v->count > 1 && !keys_differ(j, i))
            return false;
    }
    return true;
}

void
oro_json_compact(const struct oro_json *j, uint32_t node, struct oro_bb *out)
{
    struct oro_bytes text = oro_json_text(j, node);
    bool in_string =
        j->nodes[node].kind == ORO_JSON_STRING; /* whose quotes are not part of its text */
    if (in_string) {
        oro_bb_printf(out, "\"%.*s\"", (int)text.len, (const char *)text.data);
        return;
    }
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.data[i];
        if (!in_string && (c == ' ' || c == '\n' || c == '\t' || c == '\r'))
            continue;
        oro_bb_u8(out, c);
        if (in_string && c == '\\')
            oro_bb_u8(out, text.data[++i]);
        else if (c == '"')
            in_string = !in_string;
    }
}

void
oro_json_describe(const struct oro_json *j, uint32_t node, struct oro_bb *out)
{
    static const char *const names[] = {"null",    "false",    "true",     "number ",
                                        "string ", "an array", "an object"};
    const struct oro_json_node *v = &j->nodes[node];
    oro_bb_printf(out, "%s", names[v->kind]);
    int shown = v->len > 40 ? 40 : (int)v->len;
    while (shown < (int)v->len && shown > 0 && (j->text[v->at + shown] & 0xc0) == 0x80)
        shown--; /* not inside a character */
    const char *cut = shown < (int)v->len ? "..." : "";
    if (v->kind == ORO_JSON_NUMBER)
        oro_bb_printf(out, "%.*s%s", shown, (const char *)j->text + v->at, cut);
    else if (v->kind == ORO_JSON_STRING)
        oro_bb_printf(out, "\"%.*s%s\"", shown, (const char *)j->text + v->at, cut);
    else if (v->kind >= ORO_JSON_ARRAY)
        oro_bb_printf(out, " of %u", v->count);
}
