#include "runtime/base/bytes.h"

#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "runtime/base/annot.h"
#include "runtime/base/hash_priv.h"

/* Odd numbers with about half their bits set: digits of the square roots of 2, 3 and 5. */
#define HASH_K0 0x6a09e667f3bcc909u
#define HASH_K1 0xbb67ae8584caa73bu
#define HASH_K2 0x3c6ef372fe94f82bu

uint64_t oro_hash_seed;

__attribute__((constructor)) static void
hash_seed_choose(void)
{
    uint64_t seed;
    if (getrandom(&seed, sizeof(seed), GRND_NONBLOCK) != (ssize_t)sizeof(seed)) {
        struct timespec ts;
        clock_gettime(CLOCK_REALTIME, &ts);
        seed = (uint64_t)ts.tv_nsec * HASH_K0 ^ (uint64_t)ts.tv_sec ^ (uint64_t)getpid() << 32;
    }
    oro_hash_seed = seed | 1;
}

static inline uint64_t
load64(const uint8_t *p)
{
    uint64_t v;
    memcpy(&v, p, sizeof(v));
    return v;
}

static inline uint64_t
load32(const uint8_t *p)
{
    uint32_t v;
    memcpy(&v, p, sizeof(v));
    return v;
}

/* Up to 16 bytes as two words. Reads may overlap; the length, mixed in by the caller, tells the cases apart. */
static inline void
load_tail(const uint8_t *p, size_t n, uint64_t *a, uint64_t *b)
{
    if (n >= 8) {
        *a = load64(p);
        *b = load64(p + n - 8);
    } else if (n >= 4) {
        *a = load32(p);
        *b = load32(p + n - 4);
    } else if (n > 0) {
        *a = (uint64_t)p[0] << 16 | (uint64_t)p[n >> 1] << 8 | p[n - 1];
        *b = 0;
    } else {
        *a = *b = 0;
    }
}

uint64_t
oro_bytes_hash(struct oro_bytes in)
{
    const uint8_t *p = in.data;
    size_t n = in.len;
    uint64_t h = oro_hash_seed ^ HASH_K0;
    while (n > 16) {
        h = hash_mix(load64(p) ^ HASH_K1, load64(p + 8) ^ h);
        p += 16;
        n -= 16;
    }
    uint64_t a, b;
    load_tail(p, n, &a, &b);
    h = hash_mix(a ^ HASH_K1, b ^ h);
    return hash_mix(h ^ HASH_K2, in.len ^ HASH_K1);
}

void
oro_hex(struct oro_bytes b, char *out)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < b.len; i++) {
        *out++ = digits[b.data[i] >> 4];
        *out++ = digits[b.data[i] & 15];
    }
    *out = '\0';
}

int
oro_hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

int
oro_hex4(const uint8_t *p)
{
    int v = 0;
    for (int i = 0; i < 4; i++) {
        int d = oro_hex_digit((char)p[i]);
        if (d < 0)
            return -1;
        v = v << 4 | d;
    }
    return v;
}

bool
oro_unhex(const char *text, size_t text_len, uint8_t *out, size_t n)
{
    if (text_len % 2 != 0 || text_len / 2 != n)
        return false;
    for (size_t i = 0; i < text_len; i++) {
        if (oro_hex_digit(text[i]) < 0)
            return false;
    }
    for (size_t i = 0; i < n; i++)
        out[i] = (uint8_t)(oro_hex_digit(text[2 * i]) << 4 | oro_hex_digit(text[2 * i + 1]));
    return true;
}
