/* See ws_frame.h. */
#include "net/ws_frame.h"

#include <string.h>

static bool
opcode_fits(bool fin, unsigned opcode, unsigned len7)
{
    switch (opcode) {
    case ORO_WS_CONT:
    case ORO_WS_TEXT:
    case ORO_WS_BINARY:
        return true;
    case ORO_WS_CLOSE:
    case ORO_WS_PING:
    case ORO_WS_PONG:
        return fin && len7 <= ORO_WS_CONTROL_MAX;
    default:
        return false;
    }
}

int
oro_ws_head_read(const uint8_t *p, size_t n, bool masked, struct oro_ws_frame *f)
{
    if (n < 2)
        return 0;
    bool fin = (p[0] & ORO_WS_FIN) != 0;
    unsigned opcode = p[0] & 0x0f, len7 = p[1] & 0x7f;
    /* 0x70: extensions, which nobody negotiated */
    if ((p[0] & 0x70) != 0 || ((p[1] & 0x80) != 0) != masked || !opcode_fits(fin, opcode, len7))
        return -1;
    size_t ext = len7 == 126 ? 2 : len7 == 127 ? 8 : 0, head = 2 + ext + (masked ? 4u : 0u);
    if (n < head)
        return 0;
    uint64_t len = ext == 0 ? len7 : 0;
    for (size_t i = 0; i < ext; i++)
        len = len << 8 | p[2 + i];
    if (len >> 63)
        return -1;
    *f = (struct oro_ws_frame){
        .fin = fin, .masked = masked, .opcode = (uint8_t)opcode, .head = head, .len = len};
    if (masked)
        memcpy(f->mask, p + 2 + ext, 4);
    return 1;
}

size_t
oro_ws_head_put(uint8_t *at, unsigned first, uint64_t payload, const uint8_t mask[4])
{
    size_t n = oro_ws_head_len(payload, false), ext = n - 2;
    at[0] = (uint8_t)first;
    at[1] = (uint8_t)(ext == 0 ? payload : ext == 2 ? 126 : 127);
    for (size_t i = 0; i < ext; i++)
        at[2 + i] = (uint8_t)(payload >> (8 * (ext - 1 - i)));
    if (mask == NULL)
        return n;
    at[1] |= 0x80;
    memcpy(at + n, mask, 4);
    return n + 4;
}

void
oro_ws_mask(uint8_t *to, const uint8_t *from, size_t n, const uint8_t mask[4], uint64_t phase)
{
    uint8_t m8[8];
    for (int i = 0; i < 8; i++)
        m8[i] = mask[(phase + (uint64_t)i) & 3];
    uint64_t m, v;
    memcpy(&m, m8, 8);
    size_t i = 0;
    for (; i + 8 <= n; i += 8) {
        memcpy(&v, from + i, 8);
        v ^= m;
        memcpy(to + i, &v, 8);
    }
    for (; i < n; i++)
        to[i] = from[i] ^ m8[i & 7];
}

bool
oro_ws_code_legal(unsigned code)
{
    return (code >= 3000 && code <= 4999) ||
           (code >= 1000 && code <= 1014 && code != 1004 && code != 1005 && code != 1006);
}
