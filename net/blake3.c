/* net/blake3.c - the compression function of BLAKE3 over the blocks of one chunk. The state is
 * 16 words: 8 of chaining value, 4 constants, the chunk counter (0 here), the length of the
 * block, flags. Seven rounds, the message words permuted between them. A single chunk is the
 * root of the tree, so its last block carries ROOT and its output is the hash. */
#include "net/blake3.h"

#include <string.h>

#include "runtime/base/assert.h"

enum { CHUNK_START = 1, CHUNK_END = 2, ROOT = 8, BLOCK = 64, ROUNDS = 7 };

static const uint32_t iv[8] = {
    0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
};

static const uint8_t permutation[16] = {2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8};

static uint32_t
rotr(uint32_t x, unsigned n)
{
    return x >> n | x << (32 - n);
}

static void
mix(uint32_t *v, unsigned a, unsigned b, unsigned c, unsigned d, uint32_t x, uint32_t y)
{
    v[a] += v[b] + x;
    v[d] = rotr(v[d] ^ v[a], 16);
    v[c] += v[d];
    v[b] = rotr(v[b] ^ v[c], 12);
    v[a] += v[b] + y;
    v[d] = rotr(v[d] ^ v[a], 8);
    v[c] += v[d];
    v[b] = rotr(v[b] ^ v[c], 7);
}

static void
compress(uint32_t cv[8], const uint8_t block[BLOCK], uint32_t len, uint32_t flags)
{
    uint32_t m[16], next[16];
    uint32_t v[16] = {cv[0], cv[1], cv[2], cv[3], cv[4], cv[5], cv[6], cv[7],
                      iv[0], iv[1], iv[2], iv[3], 0,     0,     len,   flags};
    for (int i = 0; i < 16; i++)
        m[i] = (uint32_t)block[4 * i] | (uint32_t)block[4 * i + 1] << 8 |
               (uint32_t)block[4 * i + 2] << 16 | (uint32_t)block[4 * i + 3] << 24;
    for (int r = 0; r < ROUNDS; r++) {
        mix(v, 0, 4, 8, 12, m[0], m[1]);
        mix(v, 1, 5, 9, 13, m[2], m[3]);
        mix(v, 2, 6, 10, 14, m[4], m[5]);
        mix(v, 3, 7, 11, 15, m[6], m[7]);
        mix(v, 0, 5, 10, 15, m[8], m[9]);
        mix(v, 1, 6, 11, 12, m[10], m[11]);
        mix(v, 2, 7, 8, 13, m[12], m[13]);
        mix(v, 3, 4, 9, 14, m[14], m[15]);
        for (int i = 0; i < 16; i++)
            next[i] = m[permutation[i]];
        memcpy(m, next, sizeof(m));
    }
    for (int i = 0; i < 8; i++)
        cv[i] = v[i] ^ v[i + 8];
}

void
blake3_short(const void *data, size_t len, uint8_t out[32])
{
    ORO_ASSERT(len <= BLAKE3_ONE_CHUNK);
    const uint8_t *p = data;
    uint32_t cv[8], flags = CHUNK_START;
    memcpy(cv, iv, sizeof(cv));
    for (; len > BLOCK; p += BLOCK, len -= BLOCK) {
        compress(cv, p, BLOCK, flags);
        flags = 0;
    }
    uint8_t last[BLOCK] = {0};
    if (len > 0)
        memcpy(last, p, len);
    compress(cv, last, (uint32_t)len, flags | CHUNK_END | ROOT);
    for (int i = 0; i < 8; i++) {
        out[4 * i] = (uint8_t)cv[i];
        out[4 * i + 1] = (uint8_t)(cv[i] >> 8);
        out[4 * i + 2] = (uint8_t)(cv[i] >> 16);
        out[4 * i + 3] = (uint8_t)(cv[i] >> 24);
    }
}
