/* runtime/base/bytes.h - a borrowed view of bytes. Whoever hands it out says how long it lives. */
#ifndef ORO_BASE_BYTES_H
#define ORO_BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct oro_bytes {
    const uint8_t *data;
    size_t len;
};

static inline struct oro_bytes
oro_bytes(const void *data, size_t len)
{
    return (struct oro_bytes){(const uint8_t *)data, len};
}

static inline struct oro_bytes
oro_bytes_str(const char *s)
{
    return (struct oro_bytes){(const uint8_t *)s, strlen(s)};
}

static inline bool
oro_bytes_eq(struct oro_bytes a, struct oro_bytes b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

/* Order by unsigned bytes, a prefix first. */
static inline int
oro_bytes_cmp(struct oro_bytes a, struct oro_bytes b)
{
    size_t n = a.len < b.len ? a.len : b.len;
    int c = n > 0 ? memcmp(a.data, b.data, n) : 0;
    return c != 0 ? c : (a.len > b.len) - (a.len < b.len);
}

/* A 64-bit hash (wyhash-like mixing), the same in one process run; seed chosen at start against crafted keys. */
uint64_t oro_bytes_hash(struct oro_bytes b);

/* Hex text, lower case, no prefix; out has room for 2 * b.len + 1. */
void oro_hex(struct oro_bytes b, char *out);
/* The value of a hex digit of either case, -1 if it is none; the value of four. Everybody who reads hex does it with these. */
int oro_hex_digit(char c);
int oro_hex4(const uint8_t *p);
/* Reads exactly 2 * n hex digits of either case; false otherwise. */
bool oro_unhex(const char *text, size_t text_len, uint8_t *out, size_t n);

#endif
