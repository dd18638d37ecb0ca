/* net/ws_frame.h - RFC 6455's frames: heads read and written, payloads masked. Both sides of it, for the server, the load
 * generator and the tests. Bytes only; pure functions, any thread. */
#ifndef ORO_NET_WS_FRAME_H
#define ORO_NET_WS_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum oro_ws_opcode {
    ORO_WS_CONT = 0,
    ORO_WS_TEXT = 1,
    ORO_WS_BINARY = 2,
    ORO_WS_CLOSE =
        8, /* from here on: control frames, of at most ORO_WS_CONTROL_MAX bytes, in one piece */
    ORO_WS_PING = 9,
    ORO_WS_PONG = 10,
};

#define ORO_WS_FIN 0x80u          /* of the first byte */
#define ORO_WS_HEAD_MAX 14        /* bytes of a head, */
#define ORO_WS_SERVER_HEAD_MAX 10 /* and of one without a mask */
#define ORO_WS_CONTROL_MAX 125

struct oro_ws_frame {
    bool fin, masked;
    uint8_t opcode; /* enum oro_ws_opcode */
    uint8_t mask[4];
    size_t head;  /* bytes before the payload */
    uint64_t len; /* of the payload; < 2^63 */
};

/* The head of a frame that begins at p[0..n): 1 it was read into *f; 0 it goes on beyond n; -1 against the protocol. masked: what
 * a client sends has to be, and what a server sends must not be. */
int oro_ws_head_read(const uint8_t *p, size_t n, bool masked, struct oro_ws_frame *f);

/* Bytes of a head. */
static inline size_t
oro_ws_head_len(uint64_t payload, bool masked)
{
    return (payload < 126 ? 2u : payload <= 0xffff ? 4u : 10u) + (masked ? 4u : 0u);
}

/* Writes a head of the shortest form, whose first byte is given; gives its length. mask NULL: not masked. */
size_t oro_ws_head_put(uint8_t *at, unsigned first, uint64_t payload, const uint8_t mask[4]);

/* to[i] = from[i] ^ mask[(phase + i) & 3]; from may be to. phase: bytes of the payload before these. */
void oro_ws_mask(uint8_t *to, const uint8_t *from, size_t n, const uint8_t mask[4], uint64_t phase);

/* May a Close frame have this code? (7.4, and the registry at IANA) */
bool oro_ws_code_legal(unsigned code);

#endif
