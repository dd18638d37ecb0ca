/* bridge/bsatn/value.c - checking encoded values, and their lengths.
 *
 * The check recurses along the type, at most ORO_MAX_DEPTH deep. Types whose bytes may be anything (numbers and
 * products of them) are passed in one step, arrays of them too. */
#include "bridge/bsatn/value.h"

#include <stdarg.h>
#include <stdio.h>

#include "bridge/bsatn/value_priv.h"
#include "runtime/base/utf8.h"

struct walk {
    struct oro_reader *r;
    struct oro_err *err;
    uint32_t units; /* elements without bytes that may still come */
};

static void
put_name(const struct oro_step *s, struct oro_bb *out)
{
    const struct oro_elem *e = &s->in->elems[s->at];
    if (e->name != NULL)
        oro_bb_printf(out, ".%s", e->name);
    else
        oro_bb_printf(out, ".%u", s->at);
}

void
oro_step_print(const struct oro_step *last, const char *root, struct oro_bb *out)
{
    const struct oro_step *steps[ORO_MAX_DEPTH + 2];
    unsigned n = 0;
    for (const struct oro_step *s = last; s != NULL && n < ORO_ARRAY_LEN(steps); s = s->up)
        steps[n++] = s;
    size_t from = out->len;
    oro_bb_put_bytes(out, oro_bytes_str(root));
    while (n-- > 0) {
        if (steps[n]->in->kind == ORO_ARRAY)
            oro_bb_printf(out, "[%u]", steps[n]->at);
        else
            put_name(steps[n], out);
    }
    if (out->len == from)
        oro_bb_put(out, "value", 5);
    else if (out->data[from] == '.') {
        memmove(out->data + from, out->data + from + 1, out->len - from - 1);
        out->len--;
    }
}

void
oro_step_print_type(const struct oro_type *t, struct oro_bb *out)
{
    enum { SHOWN = 80 };
    size_t from = out->len;
    oro_type_print(t, out);
    if (out->len - from > SHOWN) {
        out->len = from + SHOWN;
        while ((out->data[out->len] & 0xc0) == 0x80)
            out->len--; /* not inside a character */
        oro_bb_put(out, "...", 3);
    }
}

ORO_PRINTF(4, 5)
static oro_status
bad(struct walk *w, const struct oro_type *t, const struct oro_step *at, const char *fmt, ...)
{
    char found[100];
    va_list ap;
    if (w->err == NULL)
        return ORO_EMALFORMED;
    va_start(ap, fmt);
    vsnprintf(found, sizeof(found), fmt, ap);
    va_end(ap);
    struct oro_bb text = {0};
    oro_step_print(at, "", &text);
    oro_bb_printf(&text, " at byte %zu: expected ", oro_rd_offset(w->r));
    oro_step_print_type(t, &text);
    oro_err_set(w->err, ORO_EMALFORMED, "%.*s, found %s", (int)text.len, (const char *)text.data,
                found);
    oro_bb_fini(&text);
    return ORO_EMALFORMED;
}

static oro_status
bad_short(struct walk *w, const struct oro_type *t, const struct oro_step *at, size_t want)
{
    return bad(w, t, at, "only %zu of %zu bytes", oro_rd_left(w->r), want);
}

static oro_status walk_value(struct walk *w, const struct oro_type *t, const struct oro_step *at,
                             unsigned depth);

static oro_status
walk_string(struct walk *w, const struct oro_type *t, const struct oro_step *at)
{
    struct oro_bytes text;
    struct oro_reader ahead = *w->r;
    uint32_t n;
    if (oro_rd_u32(&ahead, &n) != ORO_OK)
        return bad_short(w, t, at, 4);
    if (oro_rd_raw(&ahead, n, &text) != ORO_OK)
        return bad(w, t, at, "a length of %u with %zu bytes left", n, oro_rd_left(&ahead));
    if (!oro_utf8_valid(text))
        return bad(w, t, at, "invalid UTF-8");
    *w->r = ahead;
    return ORO_OK;
}

static oro_status
walk_array(struct walk *w, const struct oro_type *t, const struct oro_step *at, unsigned depth)
{
    const struct oro_type *e = t->elem;
    struct oro_reader ahead = *w->r;
    uint32_t n;
    if (oro_rd_left(w->r) < 4)
        return bad_short(w, t, at, 4);
    if (oro_rd_count(w->r, e->min_size, &n) != ORO_OK) {
        oro_status st = oro_rd_u32(&ahead, &n);
        return bad(w, t, at, "a count of %u with %zu bytes left", st == ORO_OK ? n : 0,
                   oro_rd_left(&ahead));
    }
    if (e->min_size == 0) {
        if (n > w->units)
            return bad(w, t, at, "more than %u elements without bytes", ORO_MAX_UNIT_COUNT);
        w->units -= n;
    }
    if (e->any_bits) { /* min_size is fixed_size, so the count has been checked against the input */
        w->r->at += (size_t)n * e->fixed_size;
        return ORO_OK;
    }
    struct oro_step step = {at, t, 0};
    oro_status st = ORO_OK;
    for (; st == ORO_OK && step.at < n; step.at++)
        st = walk_value(w, e, &step, depth + 1);
    return st;
}

static oro_status
walk_product(struct walk *w, const struct oro_type *t, const struct oro_step *at, unsigned depth)
{
    struct oro_step step = {at, t, 0};
    oro_status st = ORO_OK;
    for (; st == ORO_OK && step.at < t->nelems; step.at++) {
        if (depth == 0) /* a row: the limit is for each column, as codecs read and write them */
            w->units = ORO_MAX_UNIT_COUNT;
        st = walk_value(w, t->elems[step.at].type, &step, depth + 1);
    }
    return st;
}

static oro_status
walk_sum(struct walk *w, const struct oro_type *t, const struct oro_step *at, unsigned depth)
{
    if (oro_rd_left(w->r) < 1)
        return bad_short(w, t, at, 1);
    uint8_t tag = *w->r->at;
    if (tag >= t->nelems)
        return bad(w, t, at, "tag %u of a sum with %u variants", tag, t->nelems);
    w->r->at++;
    struct oro_step step = {at, t, tag};
    return walk_value(w, t->elems[tag].type, &step, depth + 1);
}

static oro_status
walk_value(struct walk *w, const struct oro_type *t, const struct oro_step *at, unsigned depth)
{
    if (t->any_bits) {
        if (oro_rd_left(w->r) < t->fixed_size)
            return bad_short(w, t, at, t->fixed_size);
        w->r->at += t->fixed_size;
        return ORO_OK;
    }
    if (depth > ORO_MAX_DEPTH)
        return bad(w, t, at, "more than %d levels of nesting", ORO_MAX_DEPTH);
    t = oro_type_resolve(t);
    switch (t->kind) {
    case ORO_STRING:
        return walk_string(w, t, at);
    case ORO_ARRAY:
        return walk_array(w, t, at, depth);
    case ORO_PRODUCT:
        return walk_product(w, t, at, depth);
    case ORO_SUM:
        return walk_sum(w, t, at, depth);
    default:
        break;
    }
    bool b; /* the one scalar that does not take any bits */
    if (oro_rd_bool(w->r, &b) == ORO_OK)
        return ORO_OK;
    return oro_rd_left(w->r) == 0 ? bad_short(w, t, at, 1) : bad(w, t, at, "byte %u", *w->r->at);
}

oro_status
oro_value_skip(const struct oro_type *t, struct oro_reader *r, struct oro_err *err)
{
    struct walk w = {r, err, ORO_MAX_UNIT_COUNT};
    return walk_value(&w, t, NULL, 0);
}

oro_status
oro_value_check(const struct oro_type *t, struct oro_bytes b, struct oro_err *err)
{
    struct oro_reader r = oro_reader(b);
    oro_status st = oro_value_skip(t, &r, err);
    if (st == ORO_OK && oro_rd_left(&r) > 0)
        return oro_err_set(err, ORO_EMALFORMED,
                           "value at byte %zu: expected the end, found %zu more bytes",
                           oro_rd_offset(&r), oro_rd_left(&r));
    return st;
}

static uint32_t
load_u32(const uint8_t *p)
{
    uint32_t n;
    memcpy(&n, p, 4);
    return n;
}

static size_t
array_len(const struct oro_type *t, const uint8_t *p)
{
    uint32_t n = load_u32(p);
    if (t->elem->fixed_size != ORO_VARIABLE)
        return 4 + (size_t)n * t->elem->fixed_size;
    size_t len = 4;
    for (uint32_t i = 0; i < n; i++)
        len += oro_value_len_trusted(t->elem, p + len);
    return len;
}

size_t
oro_value_len_trusted(const struct oro_type *t, const uint8_t *p)
{
    if (t->fixed_size != ORO_VARIABLE)
        return t->fixed_size;
    t = oro_type_resolve(t);
    size_t len = 0;
    switch (t->kind) {
    case ORO_STRING:
        return 4 + (size_t)load_u32(p);
    case ORO_ARRAY:
        return array_len(t, p);
    case ORO_SUM:
        ORO_ASSERT(p[0] < t->nelems);
        return 1 + oro_value_len_trusted(t->elems[p[0]].type, p + 1);
    default:
        break;
    }
    ORO_ASSERT(t->kind == ORO_PRODUCT);
    for (uint32_t i = 0; i < t->nelems; i++)
        len += oro_value_len_trusted(t->elems[i].type, p + len);
    return len;
}
