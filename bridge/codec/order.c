/* bridge/codec/order.c - encoded values by their codec, without objects: stepping over one, and the order of two. */
#include <math.h>

#include "bridge/codec/state.h"

int
oro_codec_skip(const struct oro_codec *c, struct oro_reader *r)
{
    struct oro_bytes b;
    uint32_t n;
    uint8_t tag;
    if (c->fixed_size != ORO_VARIABLE)
        return oro_rd_raw(r, c->fixed_size, &b) == ORO_OK ? 0 : -1;
    switch ((enum oro_op)c->op) {
    case OP_STRING:
    case OP_BYTES:
    case OP_JSON:
        return oro_rd_lenbytes(r, &b) == ORO_OK ? 0 : -1;
    case OP_ARRAY:
        if (oro_rd_u32(r, &n) != ORO_OK)
            return -1;
        if (c->elem->fixed_size != ORO_VARIABLE)
            return oro_rd_raw(r, (size_t)n * c->elem->fixed_size, &b) == ORO_OK ? 0 : -1;
        for (uint32_t i = 0; i < n; i++)
            if (oro_codec_skip(c->elem, r) < 0)
                return -1;
        return 0;
    case OP_DICT:
        if (oro_rd_u32(r, &n) != ORO_OK)
            return -1;
        for (uint32_t i = 0; i < n; i++)
            if (oro_codec_skip(c->elem, r) < 0 || oro_codec_skip(c->elem2, r) < 0)
                return -1;
        return 0;
    case OP_OPTION:
    case OP_RESULT:
        if (oro_rd_u8(r, &tag) != ORO_OK || tag > 1)
            return -1;
        if (tag == 0)
            return oro_codec_skip(c->elem, r);
        return c->op == OP_RESULT ? oro_codec_skip(c->elem2, r) : 0;
    case OP_PRODUCT:
        for (uint32_t i = 0; i < c->n; i++)
            if (oro_codec_skip(c->fields[i].codec, r) < 0)
                return -1;
        return 0;
    case OP_UNION:
        if (oro_rd_u8(r, &tag) != ORO_OK || tag >= c->n)
            return -1;
        return c->fields[tag].codec != NULL ? oro_codec_skip(c->fields[tag].codec, r) : 0;
    case OP_CHECKED:
    case OP_REF:
        return c->elem != NULL ? oro_codec_skip(c->elem, r) : -1;
    default:
        return -1; /* every other codec has a fixed size */
    }
}

static int
cmp_le(const uint8_t *a, const uint8_t *b, unsigned n, bool is_signed)
{
    for (unsigned i = n; i-- > 0;) {
        uint8_t x = a[i], y = b[i];
        if (is_signed && i == n - 1) {
            x ^= 0x80;
            y ^= 0x80;
        }
        if (x != y)
            return x < y ? -1 : 1;
    }
    return 0;
}

static int
cmp_float(double a, double b)
{
    if (isnan(a) || isnan(b))
        return (isnan(a) != 0) - (isnan(b) != 0);
    return (a > b) - (a < b);
}

static int
cmp_floats(const struct oro_codec *c, const uint8_t *a, const uint8_t *b)
{
    float f, g;
    double x, y;
    if (c->op == OP_F32) {
        memcpy(&f, a, 4);
        memcpy(&g, b, 4);
        return cmp_float((double)f, (double)g);
    }
    memcpy(&x, a, 8);
    memcpy(&y, b, 8);
    return cmp_float(x, y);
}

/* Of a fixed number of bytes. */
static int
cmp_scalars(const struct oro_codec *c, struct oro_reader *a, struct oro_reader *b)
{
    struct oro_bytes x, y;
    if (oro_rd_raw(a, c->fixed_size, &x) != ORO_OK || oro_rd_raw(b, c->fixed_size, &y) != ORO_OK)
        return 0;
    if (c->op == OP_F32 || c->op == OP_F64)
        return cmp_floats(c, x.data, y.data);
    bool is_signed = c->is_signed || c->op == OP_TIMESTAMP || c->op == OP_DURATION ||
                     c->op == OP_DATETIME || c->op == OP_TIMEDELTA;
    return cmp_le(x.data, y.data, c->fixed_size, is_signed);
}

/* Arrays; and dicts as arrays of pairs, which are written in the order of their keys. */
static int
cmp_items(const struct oro_codec *c, struct oro_reader *a, struct oro_reader *b)
{
    uint32_t n, m;
    int d;
    if (oro_rd_u32(a, &n) != ORO_OK || oro_rd_u32(b, &m) != ORO_OK)
        return 0;
    for (uint32_t i = 0; i < n && i < m; i++)
        if ((d = oro_codec_cmp(c->elem, a, b)) != 0 ||
            (c->op == OP_DICT && (d = oro_codec_cmp(c->elem2, a, b)) != 0))
            return d;
    return (n > m) - (n < m);
}

/* What the value of a tag has behind it; NULL: nothing. */
static const struct oro_codec *
behind_tag(const struct oro_codec *c, uint8_t tag)
{
    switch ((enum oro_op)c->op) {
    case OP_OPTION:
        return tag == 0 ? c->elem : NULL;
    case OP_RESULT:
        return tag == 0 ? c->elem : c->elem2;
    case OP_UNION:
        return c->fields[tag].codec;
    default:
        return NULL;
    }
}

static int
cmp_tagged(const struct oro_codec *c, struct oro_reader *a, struct oro_reader *b)
{
    uint8_t s, t;
    if (oro_rd_u8(a, &s) != ORO_OK || oro_rd_u8(b, &t) != ORO_OK)
        return 0;
    if (s != t)
        return s < t ? -1 : 1;
    const struct oro_codec *rest = behind_tag(c, s);
    return rest != NULL ? oro_codec_cmp(rest, a, b) : 0;
}

/* Trusted bytes: both were just written by us, so a read cannot fail. */
int
oro_codec_cmp(const struct oro_codec *c, struct oro_reader *a, struct oro_reader *b)
{
    struct oro_bytes x, y;
    int d = 0;
    switch ((enum oro_op)c->op) {
    case OP_STRING:
    case OP_BYTES:
    case OP_JSON:
        if (oro_rd_lenbytes(a, &x) != ORO_OK || oro_rd_lenbytes(b, &y) != ORO_OK)
            return 0;
        return oro_bytes_cmp(x, y);
    case OP_PRODUCT:
        for (uint32_t i = 0; d == 0 && i < c->n; i++)
            d = oro_codec_cmp(c->fields[i].codec, a, b);
        return d;
    case OP_ARRAY:
    case OP_DICT:
        return cmp_items(c, a, b);
    case OP_OPTION:
    case OP_UNION:
    case OP_RESULT:
    case OP_ENUM:
    case OP_LITERAL:
    case OP_SCHEDULE_AT:
        return cmp_tagged(c, a, b);
    case OP_CHECKED:
    case OP_REF:
        return c->elem != NULL ? oro_codec_cmp(c->elem, a, b) : 0;
    default:
        return cmp_scalars(c, a, b);
    }
}

#define SEEN_MAX 64

struct seen {
    const struct oro_codec *refs[SEEN_MAX]; /* what recursive types name, once each */
    unsigned n;
};

static bool
has_floats(const struct oro_codec *c, struct seen *seen)
{
    switch ((enum oro_op)c->op) {
    case OP_F32:
    case OP_F64:
        return true;
    case OP_ARRAY:
    case OP_OPTION:
    case OP_CHECKED:
        return has_floats(c->elem, seen);
    case OP_DICT:
    case OP_RESULT:
        return has_floats(c->elem, seen) || has_floats(c->elem2, seen);
    case OP_PRODUCT:
    case OP_UNION:
        for (uint32_t i = 0; i < c->n; i++)
            if (c->fields[i].codec != NULL && has_floats(c->fields[i].codec, seen))
                return true;
        return false;
    case OP_REF:
        for (unsigned i = 0; i < seen->n; i++)
            if (seen->refs[i] == c->elem)
                return false;
        if (seen->n == SEEN_MAX)
            return true; /* not looked any further: compared as encoded, which is right for all */
        seen->refs[seen->n++] = c->elem;
        return has_floats(c->elem, seen);
    default:
        return false;
    }
}

bool
oro_codec_has_floats(const struct oro_codec *c)
{
    struct seen seen = {.n = 0};
    return has_floats(c, &seen);
}
