/* bridge/bsatn/number_priv.h - numbers as text and back, without loss and whatever the locale is. Any thread. */
#ifndef ORO_BSATN_NUMBER_PRIV_H
#define ORO_BSATN_NUMBER_PRIV_H

#include "bridge/bsatn/type.h"

/* Decimal, or for 256 bits "0x..." in quotes: as SATS-JSON writes them. le: the value's bytes. */
void oro_int_print(enum oro_kind kind, const uint8_t *le, struct oro_bb *out);
/* The shortest text that reads back, with a point or an exponent; NaN and infinities as null. */
void oro_f64_print(double v, struct oro_bb *out);
void oro_f32_print(float v, struct oro_bb *out);

static inline bool
oro_kind_is_int(enum oro_kind kind)
{
    return kind >= ORO_I8 && kind <= ORO_U256;
}

static inline bool
oro_kind_is_signed(enum oro_kind kind)
{
    return kind == ORO_I8 || kind == ORO_I16 || kind == ORO_I32 || kind == ORO_I64 ||
           kind == ORO_I128 || kind == ORO_I256;
}

/* Bytes of a scalar other than String. */
unsigned oro_kind_size(enum oro_kind kind);

/* Writes oro_kind_size(kind) bytes. text is sign, digits, point, digits, exponent, of which the value must be an integer
 * in range. False if it is not. */
bool oro_int_parse(enum oro_kind kind, struct oro_bytes text, uint8_t *le);
/* Hex digits after 0x, an optional minus before it for signed kinds. */
bool oro_int_parse_hex(enum oro_kind kind, struct oro_bytes text, uint8_t *le);
/* The nearest float; beyond the largest, infinity. text is a number as above. False without memory only. */
bool oro_f64_parse(struct oro_bytes text, double *out);
bool oro_f32_parse(struct oro_bytes text, float *out);

#endif
