/* runtime/base/utf8.c - see utf8.h. */
#include "runtime/base/utf8.h"

/* Length of the sequence that a lead byte >= 0x80 opens, and the range of its second byte: overlong forms, surrogates
 * and values above U+10FFFF differ from legal text only there. 0: not a lead byte. */
static unsigned
utf8_lead(uint8_t c, uint8_t *lo, uint8_t *hi)
{
    *lo = c == 0xe0 ? 0xa0 : c == 0xf0 ? 0x90 : 0x80;
    *hi = c == 0xed ? 0x9f : c == 0xf4 ? 0x8f : 0xbf;
    if (c >= 0xc2 && c <= 0xdf)
        return 2;
    if (c >= 0xe0 && c <= 0xef)
        return 3;
    return c >= 0xf0 && c <= 0xf4 ? 4 : 0;
}

bool
oro_utf8_valid(struct oro_bytes b)
{
    if (b.len == 0)
        return true; /* data may be NULL */
    const uint8_t *p = b.data, *end = p + b.len;
    while (p < end) {
        uint64_t word;
        while (end - p >= 8 && (memcpy(&word, p, 8), (word & UINT64_C(0x8080808080808080)) == 0))
            p += 8;
        if (p == end)
            break;
        if (*p < 0x80) {
            p++;
            continue;
        }
        uint8_t lo, hi;
        unsigned n = utf8_lead(*p, &lo, &hi);
        if (n == 0 || (size_t)(end - p) < n || p[1] < lo || p[1] > hi)
            return false;
        for (unsigned i = 2; i < n; i++)
            if ((p[i] & 0xc0) != 0x80)
                return false;
        p += n;
    }
    return true;
}
