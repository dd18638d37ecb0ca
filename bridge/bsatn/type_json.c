/* bridge/bsatn/type_json.c - types as SATS-JSON, both ways: {"U8":[]}, {"Array":T}, {"Ref":7},
 * {"Product":{"elements":[{"name":{"some":"x"},"algebraic_type":T}]}}, {"Sum":{"variants":[...]}}. */
#include "bridge/bsatn/type_json_priv.h"
#include "bridge/bsatn/value.h" // oro_json_string()

/* ---- writing ---- */

struct type_writer {
    struct oro_bb *out;
    struct oro_err *err;
    bool inline_refs;
    const struct oro_type *open[ORO_MAX_DEPTH]; /* Ref targets being written in place */
    unsigned nopen;
};

static void
put_str(struct oro_bb *out, const char *s)
{
    oro_bb_put(out, s, strlen(s));
}

static oro_status write_type(struct type_writer *w, const struct oro_type *t);

static oro_status
write_elems(struct type_writer *w, const struct oro_type *t)
{
    put_str(w->out,
            t->kind == ORO_SUM ? "{\"Sum\":{\"variants\":[" : "{\"Product\":{\"elements\":[");
    for (uint32_t i = 0; i < t->nelems; i++) {
        put_str(w->out, i > 0 ? ",{\"name\":" : "{\"name\":");
        if (t->elems[i].name != NULL) {
            put_str(w->out, "{\"some\":");
            oro_json_string(oro_bytes_str(t->elems[i].name), w->out);
            put_str(w->out, "}");
        } else {
            put_str(w->out, "{\"none\":[]}");
        }
        put_str(w->out, ",\"algebraic_type\":");
        oro_status st = write_type(w, t->elems[i].type);
        if (st != ORO_OK)
            return st;
        put_str(w->out, "}");
    }
    put_str(w->out, "]}}");
    return ORO_OK;
}

static oro_status
write_ref(struct type_writer *w, const struct oro_type *t)
{
    if (!w->inline_refs) {
        oro_bb_printf(w->out, "{\"Ref\":%u}", t->ref);
        return ORO_OK;
    }
    for (unsigned i = 0; i < w->nopen; i++)
        if (w->open[i] == t->target)
            return oro_err_set(w->err, ORO_EINVAL, "Found recursive type reference &%u", t->ref);
    if (w->nopen == ORO_MAX_DEPTH)
        return oro_err_set(w->err, ORO_EINVAL, "a type is nested more than %d deep", ORO_MAX_DEPTH);
    w->open[w->nopen++] = t->target;
    oro_status st = write_type(w, t->target);
    w->nopen--;
    return st;
}

static oro_status
write_type(struct type_writer *w, const struct oro_type *t)
{
    if (t->kind == ORO_REF)
        return write_ref(w, t);
    if (t->kind == ORO_SUM || t->kind == ORO_PRODUCT)
        return write_elems(w, t);
    if (t->kind != ORO_ARRAY) {
        oro_bb_printf(w->out, "{\"%s\":[]}", oro_kind_name(t->kind));
        return ORO_OK;
    }
    put_str(w->out, "{\"Array\":");
    oro_status st = write_type(w, t->elem);
    put_str(w->out, "}");
    return st;
}

void
oro_type_to_json(const struct oro_type *t, struct oro_bb *out)
{
    struct type_writer w = {.out = out};
    oro_status st = write_type(&w, t);
    ORO_ASSERT(st == ORO_OK); /* only Refs in place can fail */
}

oro_status
oro_type_to_json_inline(const struct oro_type *t, struct oro_bb *out, struct oro_err *err)
{
    struct type_writer w = {.out = out, .err = err, .inline_refs = true};
    size_t was = out->len;
    oro_status st = write_type(&w, t);
    if (st != ORO_OK)
        out->len = was;
    return st;
}

/* ---- reading ---- */

static oro_status
bad_type(const struct oro_json *j, uint32_t node, const char *wanted, struct oro_err *err)
{
    struct oro_bb found = {0};
    oro_json_describe(j, node, &found);
    oro_err_set(err, ORO_EINVAL, "byte %u: expected %s, found %.*s", j->nodes[node].at, wanted,
                (int)found.len, (const char *)found.data);
    oro_bb_fini(&found);
    return ORO_EINVAL;
}

bool
oro_json_to_u32(const struct oro_json *j, uint32_t node, uint32_t *out)
{
    struct oro_bytes text = oro_json_text(j, node);
    uint64_t v = 0;
    if (j->nodes[node].kind != ORO_JSON_NUMBER || text.len > 10)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
        v = v * 10 + (uint64_t)(text.data[i] - '0');
    }
    if (v > UINT32_MAX)
        return false;
    *out = (uint32_t)v;
    return true;
}

uint32_t
oro_json_variant(const struct oro_json *j, uint32_t node, const char *name)
{
    const struct oro_json_node *v = &j->nodes[node];
    return v->kind == ORO_JSON_OBJECT && v->count == 1 && oro_json_string_is(j, node + 1, name)
               ? node + 2
               : 0;
}

char *
oro_json_to_str(const struct oro_json *j, uint32_t node, struct oro_arena *arena)
{
    if (node == 0 || j->nodes[node].kind != ORO_JSON_STRING)
        return NULL;
    struct oro_bb plain = {0};
    char *s = NULL;
    oro_json_unescape(j, node, &plain);
    if (plain.len == 0 || memchr(plain.data, 0, plain.len) == NULL) { /* no C string holds a NUL */
        s = oro_arena_alloc(arena, plain.len + 1);
        if (plain.len > 0)
            memcpy(s, plain.data, plain.len);
        s[plain.len] = 0;
    }
    oro_bb_fini(&plain);
    return s;
}

/* {"some":"x"} or {"none":[]}. */
static oro_status
read_name(const struct oro_json *j, uint32_t node, struct oro_arena *arena, const char **out,
          struct oro_err *err)
{
    *out = NULL;
    uint32_t some = oro_json_variant(j, node, "some");
    if (some == 0)
        return oro_json_variant(j, node, "none") != 0 ? ORO_OK
                                                      : bad_type(j, node, "an optional name", err);
    *out = oro_json_to_str(j, some, arena);
    return *out != NULL ? ORO_OK : bad_type(j, some, "a name", err);
}

static oro_status
read_elem(struct oro_typespace *ts, const struct oro_json *j, uint32_t node, unsigned depth,
          struct oro_elem *out, struct oro_err *err)
{
    uint32_t name = oro_json_member(j, node, "name"),
             type = oro_json_member(j, node, "algebraic_type");
    if (name == 0 || type == 0 || j->nodes[node].count != 2)
        return bad_type(j, node, "an element with name and algebraic_type", err);
    oro_status st = read_name(j, name, &ts->arena, &out->name, err);
    if (st != ORO_OK)
        return st;
    struct oro_type *t;
    st = oro_type_read(ts, j, type, depth, &t, err);
    if (st == ORO_OK)
        out->type = t;
    return st;
}

oro_status
oro_type_read_elems(struct oro_typespace *ts, const struct oro_json *j, uint32_t node,
                    enum oro_kind kind, unsigned depth, struct oro_type **out, struct oro_err *err)
{
    uint32_t list = oro_json_member(j, node, kind == ORO_SUM ? "variants" : "elements");
    if (list == 0 || j->nodes[list].kind != ORO_JSON_ARRAY || j->nodes[node].count != 1)
        return bad_type(
            j, node, kind == ORO_SUM ? "an object with variants" : "an object with elements", err);
    uint32_t n = j->nodes[list].count, at = list + 1;
    struct oro_elem *elems = ORO_NEW_ARRAY(struct oro_elem, n > 0 ? n : 1);
    oro_status st = ORO_OK;
    for (uint32_t i = 0; st == ORO_OK && i < n; i++, at = j->nodes[at].next)
        st = read_elem(ts, j, at, depth + 1, &elems[i], err);
    if (st == ORO_OK)
        *out = kind == ORO_SUM ? oro_type_sum(ts, elems, n) : oro_type_product(ts, elems, n);
    oro_free(elems);
    return st;
}

static enum oro_kind
read_kind(const struct oro_json *j, uint32_t key)
{
    enum oro_kind kind = 0;
    while (kind < ORO_KIND_COUNT && !oro_json_string_is(j, key, oro_kind_name(kind)))
        kind++;
    return kind;
}

static oro_status
read_ref(struct oro_typespace *ts, const struct oro_json *j, uint32_t node, struct oro_type **out,
         struct oro_err *err)
{
    uint32_t ref;
    if (!oro_json_to_u32(j, node, &ref))
        return bad_type(j, node, "the number of a type", err);
    *out = oro_type_ref(ts, ref);
    return ORO_OK;
}

oro_status
oro_type_read(struct oro_typespace *ts, const struct oro_json *j, uint32_t node, unsigned depth,
              struct oro_type **out, struct oro_err *err)
{
    const struct oro_json_node *v = &j->nodes[node];
    if (depth > ORO_MAX_DEPTH)
        return oro_err_set(err, ORO_EINVAL, "a type is nested more than %d deep", ORO_MAX_DEPTH);
    if (v->kind != ORO_JSON_OBJECT || v->count != 1)
        return bad_type(j, node, "a type", err);
    enum oro_kind kind = read_kind(j, node + 1);
    uint32_t body = node + 2;
    struct oro_type *elem;
    oro_status st;
    switch (kind) {
    case ORO_REF:
        return read_ref(ts, j, body, out, err);
    case ORO_SUM:
    case ORO_PRODUCT:
        return oro_type_read_elems(ts, j, body, kind, depth, out, err);
    case ORO_ARRAY:
        st = oro_type_read(ts, j, body, depth + 1, &elem, err);
        if (st == ORO_OK)
            *out = oro_type_array(ts, elem);
        return st;
    case ORO_KIND_COUNT:
        return bad_type(j, node + 1, "the name of a kind of type", err);
    default:
        if (j->nodes[body].kind < ORO_JSON_ARRAY || j->nodes[body].count != 0)
            return bad_type(j, body, "[]", err);
        *out = oro_type_scalar(ts, kind);
        return ORO_OK;
    }
}

oro_status
oro_type_from_json(struct oro_typespace *ts, struct oro_bytes text, struct oro_type **out,
                   struct oro_err *err)
{
    struct oro_json j;
    oro_status st = oro_json_parse(&j, text, ORO_JSON_MAX_DEPTH, err);
    if (st != ORO_OK)
        return st;
    st = oro_type_read(ts, &j, 0, 0, out, err);
    oro_json_fini(&j);
    return st;
}
