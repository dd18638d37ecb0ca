/* bridge/codec/encode_priv.h - what encode.c (values with parts) and encode_scalar.c (those without) share. */
#ifndef ORO_CODEC_ENCODE_PRIV_H
#define ORO_CODEC_ENCODE_PRIV_H

#include <float.h>

#include "bridge/codec/state.h"

#define ORO_ENCODE_UNASKED ((size_t)64 << 10)

/* The bytes of a value are no Python object, and one object may stand in it a million times. False: MemoryError. */
bool oro_encode_room(const struct oro_codecs *cs, const struct oro_bb *out, size_t more);
int oro_encode_wrong_type(struct oro_codecs *cs, const char *expected, PyObject *v); /* -1 */
/* A value without parts. As oro_codec_encode. */
int oro_encode_scalar(struct oro_codecs *cs, const struct oro_codec *c, PyObject *v,
                      struct oro_bb *out);

/* What is plainly right is written without a call; everything else goes the long way. The size is the width, so that the copy
 * is one store. */
static inline bool
put_compact(const struct oro_codec *c, PyObject *v, struct oro_bb *out)
{
    if (!PyLong_CheckExact(v) || !PyUnstable_Long_IsCompact((PyLongObject *)v))
        return false;
    Py_ssize_t n = PyUnstable_Long_CompactValue((PyLongObject *)v);
    oro_bb_reserve(out, 8);
    uint8_t *to = out->data + out->len;
    switch ((enum oro_op)c->op) {
    case OP_I8:
        if (n != (int8_t)n)
            return false;
        break;
    case OP_U8:
        if (n != (uint8_t)n)
            return false;
        break;
    case OP_I16:
        if (n != (int16_t)n)
            return false;
        break;
    case OP_U16:
        if (n != (uint16_t)n)
            return false;
        break;
    case OP_I32:
        if (n != (int32_t)n)
            return false;
        break;
    case OP_U32:
        if (n != (int64_t)(uint32_t)n)
            return false;
        break;
    case OP_U64:
        if (n < 0)
            return false;
        break;
    default:
        break;
    }
    memcpy(to, &n, 8);
    out->len += c->width;
    return true;
}

static inline bool
put_plain(const struct oro_codec *c, PyObject *v, struct oro_bb *out)
{
    switch ((enum oro_op)c->op) {
    case OP_BOOL:
        if (v != Py_True && v != Py_False)
            return false;
        oro_bb_u8(out, v == Py_True);
        return true;
    case OP_I8:
    case OP_U8:
    case OP_I16:
    case OP_U16:
    case OP_I32:
    case OP_U32:
    case OP_I64:
    case OP_U64:
        return put_compact(c, v, out);
    case OP_F32: {
        double d = PyFloat_CheckExact(v) ? PyFloat_AS_DOUBLE(v) : 1e300;
        if (!(d <= FLT_MAX && d >= -FLT_MAX))
            return false;
        float f = (float)d;
        oro_bb_put(out, &f, 4);
        return true;
    }
    case OP_F64:
        if (!PyFloat_CheckExact(v))
            return false;
        double d = PyFloat_AS_DOUBLE(v);
        oro_bb_put(out, &d, 8);
        return true;
    case OP_STRING:
        if (!PyUnicode_CheckExact(v) || !PyUnicode_IS_COMPACT_ASCII(v))
            return false;
        size_t n = (size_t)PyUnicode_GET_LENGTH(v);
        if (n > ORO_ENCODE_UNASKED) /* the long way asks whether there is room */
            return false;
        oro_bb_reserve(out, n + 4);
        memcpy(out->data + out->len, &n, 4);
        memcpy(out->data + out->len + 4, PyUnicode_1BYTE_DATA(v), n);
        out->len += n + 4;
        return true;
    default:
        return false;
    }
}

#endif
