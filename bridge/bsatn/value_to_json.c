/* bridge/bsatn/value_to_json.c - trusted BSATN to SATS-JSON (docs/values.md#json). */
#include "bridge/bsatn/number_priv.h"
#include "bridge/bsatn/value.h"

void
oro_json_string(struct oro_bytes utf8, struct oro_bb *out)
{
    static const char hex[] = "0123456789abcdef";
    oro_bb_reserve(out, utf8.len + 2);
    oro_bb_u8(out, '"');
    size_t from = 0;
    for (size_t i = 0; i < utf8.len; i++) {
        uint8_t c = utf8.data[i];
        if (c >= 0x20 && c != '"' && c != '\\')
            continue;
        oro_bb_put(out, utf8.data + from, i - from);
        from = i + 1;
        const char *special = c != 0 ? strchr("\"\"\\\\\bb\ff\nn\rr\tt", c) : NULL;
        if (special != NULL) {
            oro_bb_u8(out, '\\');
            oro_bb_u8(out, (uint8_t)special[1]);
        } else {
            oro_bb_put(out, "\\u00", 4);
            oro_bb_u8(out, (uint8_t)hex[c >> 4]);
            oro_bb_u8(out, (uint8_t)hex[c & 15]);
        }
    }
    oro_bb_put(out, utf8.data + from, utf8.len - from);
    oro_bb_u8(out, '"');
}

static uint32_t
load_u32(const uint8_t *p)
{
    uint32_t n;
    memcpy(&n, p, 4);
    return n;
}

static void
write_hex(struct oro_bytes b, struct oro_bb *out)
{
    static const char hex[] = "0123456789abcdef";
    oro_bb_reserve(out, 2 * b.len + 2);
    oro_bb_u8(out, '"');
    for (size_t i = 0; i < b.len; i++) {
        out->data[out->len++] = (uint8_t)hex[b.data[i] >> 4];
        out->data[out->len++] = (uint8_t)hex[b.data[i] & 15];
    }
    oro_bb_u8(out, '"');
}

static size_t
write_array(const struct oro_type *t, const uint8_t *value, enum oro_json_style style,
            struct oro_bb *out)
{
    uint32_t n = load_u32(value);
    size_t len = 4;
    if (t->special == ORO_BYTES) {
        write_hex(oro_bytes(value + 4, n), out);
        return 4 + (size_t)n;
    }
    oro_bb_u8(out, '[');
    for (uint32_t i = 0; i < n; i++) {
        if (i > 0)
            oro_bb_u8(out, ',');
        len += oro_value_to_json(t->elem, value + len, style, out);
    }
    oro_bb_u8(out, ']');
    return len;
}

/* A JSON object can carry the product: every element has a name and no two have the same. Unit is written []. */
static bool
has_names(const struct oro_type *t)
{
    for (uint32_t i = 0; i < t->nelems; i++) {
        if (t->elems[i].name == NULL)
            return false;
        for (uint32_t k = 0; k < i; k++)
            if (strcmp(t->elems[i].name, t->elems[k].name) == 0)
                return false;
    }
    return t->nelems > 0;
}

static size_t
write_product(const struct oro_type *t, const uint8_t *value, enum oro_json_style style,
              struct oro_bb *out)
{
    bool named = style == ORO_JSON_NAMED && has_names(t);
    size_t len = 0;
    oro_bb_u8(out, named ? '{' : '[');
    for (uint32_t i = 0; i < t->nelems; i++) {
        if (i > 0)
            oro_bb_u8(out, ',');
        if (named) {
            oro_json_string(oro_bytes_str(t->elems[i].name), out);
            oro_bb_u8(out, ':');
        }
        len += oro_value_to_json(t->elems[i].type, value + len, style, out);
    }
    oro_bb_u8(out, named ? '}' : ']');
    return len;
}

/* A key of digits would be read as a tag, and of two variants with one name only the first could be meant. */
static bool
is_readable_variant(const struct oro_type *t, uint8_t tag)
{
    const char *name = t->elems[tag].name;
    if (name == NULL || (*name != 0 && strspn(name, "0123456789") == strlen(name)))
        return false;
    for (uint8_t i = 0; i < tag; i++)
        if (t->elems[i].name != NULL && strcmp(t->elems[i].name, name) == 0)
            return false;
    return true;
}

static size_t
write_sum(const struct oro_type *t, const uint8_t *value, enum oro_json_style style,
          struct oro_bb *out)
{
    uint8_t tag = value[0];
    ORO_ASSERT(tag < t->nelems);
    bool named = style == ORO_JSON_NAMED && is_readable_variant(t, tag);
    if (named) {
        oro_bb_u8(out, '{');
        oro_json_string(oro_bytes_str(t->elems[tag].name), out);
        oro_bb_u8(out, ':');
    } else {
        oro_bb_printf(out, "[%u,", tag);
    }
    size_t len = 1 + oro_value_to_json(t->elems[tag].type, value + 1, style, out);
    oro_bb_u8(out, named ? '}' : ']');
    return len;
}

size_t
oro_value_to_json(const struct oro_type *t, const uint8_t *value, enum oro_json_style style,
                  struct oro_bb *out)
{
    float f32;
    double f64;
    t = oro_type_resolve(t);
    switch (t->kind) {
    case ORO_SUM:
        return write_sum(t, value, style, out);
    case ORO_PRODUCT:
        return write_product(t, value, style, out);
    case ORO_ARRAY:
        return write_array(t, value, style, out);
    case ORO_STRING:
        oro_json_string(oro_bytes(value + 4, load_u32(value)), out);
        return 4 + (size_t)load_u32(value);
    case ORO_BOOL:
        oro_bb_put(out, value[0] ? "true" : "false", value[0] ? 4 : 5);
        return 1;
    case ORO_F32:
        memcpy(&f32, value, 4);
        oro_f32_print(f32, out);
        return 4;
    case ORO_F64:
        memcpy(&f64, value, 8);
        oro_f64_print(f64, out);
        return 8;
    default:
        oro_int_print(t->kind, value, out);
        return t->fixed_size;
    }
}
