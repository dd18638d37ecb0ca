/* The machine's own instruction where it has one, asked when it runs; else eight tables, eight bytes a step, some 1.5 GB/s. */
#include "runtime/base/crc.h"

#include <pthread.h>

#if defined(__x86_64__)
#include <nmmintrin.h>
#elif defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>
#ifndef HWCAP_CRC32
#define HWCAP_CRC32 (1 << 7)
#endif
#endif

static uint32_t table[8][256];
static uint32_t (*step)(uint32_t c, const uint8_t *p, size_t n);
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void
make_tables(void)
{
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t c = i;
        for (int k = 0; k < 8; k++)
            c = c & 1 ? (c >> 1) ^ 0x82f63b78u : c >> 1;
        table[0][i] = c;
    }
    for (uint32_t i = 0; i < 256; i++)
        for (int t = 1; t < 8; t++)
            table[t][i] = (table[t - 1][i] >> 8) ^ table[0][table[t - 1][i] & 0xff];
}

static uint32_t
by_tables(uint32_t c, const uint8_t *p, size_t n)
{
    for (; n >= 8; n -= 8, p += 8) {
        uint64_t w;
        memcpy(&w, p, 8);
        w ^= c;
        c = table[7][w & 0xff] ^ table[6][(w >> 8) & 0xff] ^ table[5][(w >> 16) & 0xff] ^
            table[4][(w >> 24) & 0xff] ^ table[3][(w >> 32) & 0xff] ^ table[2][(w >> 40) & 0xff] ^
            table[1][(w >> 48) & 0xff] ^ table[0][w >> 56];
    }
    for (; n > 0; n--, p++)
        c = (c >> 8) ^ table[0][(c ^ *p) & 0xff];
    return c;
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) static uint32_t
by_machine(uint32_t c, const uint8_t *p, size_t n)
{
    for (; n >= 8; n -= 8, p += 8) {
        uint64_t w;
        memcpy(&w, p, 8);
        c = (uint32_t)_mm_crc32_u64(c, w);
    }
    for (; n > 0; n--, p++)
        c = _mm_crc32_u8(c, *p);
    return c;
}

static bool
has_machine(void)
{
    return __builtin_cpu_supports("sse4.2");
}
#elif defined(__aarch64__) && defined(__linux__)
/* As text, since compilers differ in when they know the instruction. */
static uint32_t
by_machine(uint32_t c, const uint8_t *p, size_t n)
{
    for (; n >= 8; n -= 8, p += 8) {
        uint64_t w;
        memcpy(&w, p, 8);
        __asm__(".arch_extension crc\n\tcrc32cx %w0, %w0, %x1" : "+r"(c) : "r"(w));
    }
    for (; n > 0; n--, p++)
        __asm__(".arch_extension crc\n\tcrc32cb %w0, %w0, %w1" : "+r"(c) : "r"(*p));
    return c;
}

static bool
has_machine(void)
{
    return (getauxval(AT_HWCAP) & HWCAP_CRC32) != 0;
}
#else
#define by_machine by_tables
static bool
has_machine(void)
{
    return false;
}
#endif

static void
choose(void)
{
    make_tables();
    step = has_machine() ? by_machine : by_tables;
}

uint32_t
crc32c(uint32_t crc, struct oro_bytes b)
{
    pthread_once(&once, choose);
    return ~step(~crc, b.data, b.len);
}

uint32_t
crc32c_by_tables(uint32_t crc, struct oro_bytes b)
{
    pthread_once(&once, choose);
    return ~by_tables(~crc, b.data, b.len);
}
