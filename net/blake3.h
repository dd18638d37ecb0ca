/* net/blake3.h - BLAKE3 of inputs that fit one chunk (1024 bytes), which is all that identities
 * need. Any thread. */
#ifndef ORO_NET_BLAKE3_H
#define ORO_NET_BLAKE3_H

#include <stddef.h>
#include <stdint.h>

#define BLAKE3_ONE_CHUNK 1024

/* len <= BLAKE3_ONE_CHUNK. */
void blake3_short(const void *data, size_t len, uint8_t out[32]);

#endif
