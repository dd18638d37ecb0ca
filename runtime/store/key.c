/* runtime/store/key.c */
#include "runtime/store/key.h"

void
oro_layout_init(struct oro_layout *l, const struct oro_type *row)
{
    ORO_ASSERT(row->kind == ORO_PRODUCT);
    *l = (struct oro_layout){.row = row, .offset = ORO_NEW_ARRAY(uint32_t, row->nelems + 1)};
    uint32_t at = 0;
    while (l->nfixed < row->nelems) {
        l->offset[l->nfixed] = at;
        uint32_t size = oro_type_resolve(row->elems[l->nfixed++].type)->fixed_size;
        if (size == ORO_VARIABLE)
            break;
        at += size;
    }
}

void
oro_layout_fini(struct oro_layout *l)
{
    oro_free(l->offset);
}

uint32_t
oro_layout_at(const struct oro_layout *l, const uint8_t *row, uint32_t col)
{
    if (col < l->nfixed)
        return l->offset[col];
    uint32_t i = l->nfixed - 1;
    uint32_t at = l->offset[i];
    for (; i < col; i++)
        at += (uint32_t)oro_value_len_trusted(l->row->elems[i].type, row + at);
    return at;
}

/* Sets the size of an integer part, leaves 0 for anything else. Floats are not raw: 0 and -0 are one key. */
static void
part_classify(struct oro_key_part *part)
{
    const struct oro_type *t = oro_type_resolve(part->type);
    while (t->kind == ORO_PRODUCT && t->nelems == 1)
        t = oro_type_resolve(t->elems[0].type);
    switch (t->kind) {
    case ORO_I128:
    case ORO_U128:
    case ORO_I256:
    case ORO_U256:
    case ORO_STRING:
        part->raw = true;
        break;
    case ORO_BOOL:
    case ORO_U8:
        part->size = 1;
        break;
    case ORO_SUM:
        part->size = t->special == ORO_ENUM ? 1 : 0;
        break;
    case ORO_I8:
        part->is_signed = true;
        part->size = 1;
        break;
    case ORO_I16:
    case ORO_U16:
        part->is_signed = t->kind == ORO_I16;
        part->size = 2;
        break;
    case ORO_I32:
    case ORO_U32:
        part->is_signed = t->kind == ORO_I32;
        part->size = 4;
        break;
    case ORO_I64:
    case ORO_U64:
        part->is_signed = t->kind == ORO_I64;
        part->size = 8;
        break;
    default:
        break;
    }
}

void
oro_key_plan_init(struct oro_key_plan *p, const struct oro_layout *l, const uint16_t *cols,
                  uint16_t ncols, bool ordered)
{
    *p = (struct oro_key_plan){.layout = l, .nparts = ncols, .narrow = true, .raw = !ordered};
    p->parts = ORO_NEW_ARRAY(struct oro_key_part, ncols);
    uint64_t total = 0;
    for (uint16_t i = 0; i < ncols; i++) {
        ORO_ASSERT(cols[i] < l->row->nelems);
        struct oro_key_part *part = &p->parts[i];
        part->col = cols[i];
        part->type = l->row->elems[cols[i]].type;
        part->fixed = cols[i] < l->nfixed;
        part->offset = part->fixed ? l->offset[cols[i]] : 0;
        part_classify(part);
        part->raw |= part->size > 0;
        p->raw &= part->raw;
        uint32_t size = oro_key_size(oro_type_resolve(part->type));
        total = size == ORO_VARIABLE ? UINT64_MAX / 2 : total + size;
        if (total > 8)
            p->narrow = false;
    }
}

void
oro_key_plan_fini(struct oro_key_plan *p)
{
    oro_free(p->parts);
}

static inline uint64_t
load_int(const uint8_t *p, unsigned size, bool is_signed)
{
    uint64_t v = 0;
    switch (size) {
    case 1:
        v = *p;
        break;
    case 2: {
        uint16_t x;
        memcpy(&x, p, 2);
        v = x;
        break;
    }
    case 4: {
        uint32_t x;
        memcpy(&x, p, 4);
        v = x;
        break;
    }
    default:
        memcpy(&v, p, 8);
        break;
    }
    return is_signed ? v ^ UINT64_C(1) << (size * 8 - 1) : v;
}

uint64_t
oro_key_head(struct oro_bytes b)
{
    uint64_t v = 0;
    if (b.len >= 8) {
        memcpy(&v, b.data, 8);
        return __builtin_bswap64(v);
    }
    for (size_t i = 0; i < b.len; i++)
        v |= (uint64_t)b.data[i] << (56 - 8 * i);
    return v;
}

/* Puts the key of one value behind the bits that are there; returns the value's length. */
static inline size_t
word_put(const struct oro_key_part *part, const uint8_t *value, uint64_t *word, unsigned *bits)
{
    if (ORO_LIKELY(part->size > 0)) {
        *bits += part->size * 8u;
        *word |= load_int(value, part->size, part->is_signed) << (64 - *bits);
        return part->size;
    }
    struct oro_bb bb = {0};
    size_t n = oro_key_append(part->type, value, &bb);
    if (bb.len > 0) {
        *word |= oro_key_head(oro_bb_bytes(&bb)) >> *bits;
        *bits += (unsigned)bb.len * 8;
    }
    oro_bb_fini(&bb);
    return n;
}

uint64_t
oro_key_word_of_row(const struct oro_key_plan *p, const uint8_t *row)
{
    uint64_t word = 0;
    unsigned bits = 0;
    for (unsigned i = 0; i < p->nparts; i++) {
        const struct oro_key_part *part = &p->parts[i];
        uint32_t at = part->fixed ? part->offset : oro_layout_at(p->layout, row, part->col);
        word_put(part, row + at, &word, &bits);
    }
    return word;
}

uint64_t
oro_key_word_of_values(const struct oro_key_plan *p, unsigned n, struct oro_bytes values,
                       unsigned *bits)
{
    uint64_t word = 0;
    size_t at = 0;
    *bits = 0;
    for (unsigned i = 0; i < n; i++)
        at += word_put(&p->parts[i], values.data + at, &word, bits);
    ORO_ASSERT(at == values.len);
    return word;
}

void
oro_key_bytes_of_row(const struct oro_key_plan *p, const uint8_t *row, struct oro_bb *out)
{
    for (unsigned i = 0; i < p->nparts; i++) {
        const struct oro_key_part *part = &p->parts[i];
        uint32_t at = part->fixed ? part->offset : oro_layout_at(p->layout, row, part->col);
        if (p->raw)
            oro_bb_put(out, row + at, oro_value_len_trusted(part->type, row + at));
        else
            oro_key_append(part->type, row + at, out);
    }
}

void
oro_key_bytes_of_values(const struct oro_key_plan *p, unsigned first, unsigned n,
                        struct oro_bytes values, struct oro_bb *out)
{
    if (p->raw) {
        oro_bb_put_bytes(out, values);
        return;
    }
    size_t at = 0;
    for (unsigned i = first; i < first + n; i++)
        at += oro_key_append(p->parts[i].type, values.data + at, out);
    ORO_ASSERT(at == values.len);
}

bool
oro_key_is_of_row(const struct oro_key_plan *p, const uint8_t *row, struct oro_bytes key)
{
    if (!p->raw) {
        struct oro_bb bb = {0};
        oro_key_bytes_of_row(p, row, &bb);
        bool eq = oro_bytes_eq(oro_bb_bytes(&bb), key);
        oro_bb_fini(&bb);
        return eq;
    }
    for (unsigned i = 0; i < p->nparts; i++) {
        const struct oro_key_part *part = &p->parts[i];
        uint32_t at = part->fixed ? part->offset : oro_layout_at(p->layout, row, part->col);
        size_t n = oro_value_len_trusted(part->type, row + at);
        if (n > key.len || memcmp(row + at, key.data, n) != 0)
            return false;
        key = oro_bytes(key.data + n, key.len - n);
    }
    return key.len == 0;
}
