#include <criterion/criterion.h>

#include <stdlib.h>

#include "runtime/base/bytes.h"

Test(bytes, order)
{
    cr_assert(oro_bytes_eq(oro_bytes_str(""), oro_bytes(NULL, 0)));
    cr_assert(oro_bytes_eq(oro_bytes_str("ab"), oro_bytes("abc", 2)));
    cr_assert_not(oro_bytes_eq(oro_bytes_str("ab"), oro_bytes_str("ac")));
    cr_assert_eq(oro_bytes_cmp(oro_bytes_str("a"), oro_bytes_str("a")), 0);
    cr_assert_lt(oro_bytes_cmp(oro_bytes_str("a"), oro_bytes_str("ab")), 0);
    cr_assert_gt(oro_bytes_cmp(oro_bytes_str("\xff"), oro_bytes_str("\x01")), 0);
    cr_assert_lt(oro_bytes_cmp(oro_bytes(NULL, 0), oro_bytes_str("a")), 0);
}

Test(hash, depends_on_the_bytes_and_the_length_only)
{
    uint8_t a[200], b[208];
    for (size_t n = 0; n < sizeof(a); n++) {
        for (size_t i = 0; i < n; i++)
            a[i] = (uint8_t)rand();
        for (size_t shift = 0; shift < 8; shift++) {
            memcpy(b + shift, a, n);
            cr_assert_eq(oro_bytes_hash(oro_bytes(a, n)), oro_bytes_hash(oro_bytes(b + shift, n)));
        }
    }
    cr_assert_eq(oro_bytes_hash(oro_bytes(NULL, 0)), oro_bytes_hash(oro_bytes_str("")));
}

static int
by_value(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* Zeroes of every length, and every single bit set in them: none of them collide. */
Test(hash, near_inputs_do_not_collide)
{
    enum { MOST = 70 };
    static uint64_t h[MOST * (MOST + 1) * 8];
    size_t n = 0;
    for (size_t len = 0; len < MOST; len++) {
        uint8_t buf[MOST] = {0};
        h[n++] = oro_bytes_hash(oro_bytes(buf, len));
        for (size_t bit = 0; bit < len * 8; bit++) {
            buf[bit / 8] = (uint8_t)(1u << bit % 8);
            h[n++] = oro_bytes_hash(oro_bytes(buf, len));
            buf[bit / 8] = 0;
        }
    }
    qsort(h, n, sizeof(h[0]), by_value);
    for (size_t i = 1; i < n; i++)
        cr_assert_neq(h[i - 1], h[i]);
}

/* Counting keys, as tables have: the low bits, which choose a slot, spread evenly. */
Test(hash, low_bits_of_counting_keys_are_even)
{
    enum { SLOTS = 1024, KEYS = 64 * SLOTS };
    static unsigned count[SLOTS];
    for (uint64_t k = 0; k < KEYS; k++)
        count[oro_bytes_hash(oro_bytes(&k, sizeof(k))) % SLOTS]++;
    double chi = 0;
    for (int i = 0; i < SLOTS; i++)
        chi += ((double)count[i] - 64) * ((double)count[i] - 64) / 64;
    /* 1023 degrees of freedom: mean 1023, deviation 45. Eight deviations to either side. */
    cr_assert(chi > 660 && chi < 1390, "chi squared %.0f", chi);
}

Test(hex, there_and_back)
{
    uint8_t in[256], out[256];
    char text[513];
    for (int i = 0; i < 256; i++)
        in[i] = (uint8_t)i;
    oro_hex(oro_bytes(in, 256), text);
    cr_assert_eq(strlen(text), 512);
    cr_assert_eq(memcmp(text, "000102", 6), 0);
    cr_assert_eq(memcmp(text + 506, "fdfeff", 6), 0);
    cr_assert(oro_unhex(text, 512, out, 256));
    cr_assert_eq(memcmp(in, out, 256), 0);
    cr_assert(oro_unhex("aBCDef", 6, out, 3));
    cr_assert_eq(memcmp(out, "\xab\xcd\xef", 3), 0);
    cr_assert(oro_unhex("", 0, out, 0));
}

Test(hex, refuses_and_leaves_the_output_alone)
{
    static const char *const bad[] = {"0", "000", "0g", "g0", "0x", " 0", "00 ", "\xc3\xa9"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        uint8_t out[2] = {0x5a, 0x5a};
        cr_assert_not(oro_unhex(bad[i], strlen(bad[i]), out, 1), "%s", bad[i]);
        cr_assert_eq(out[0], 0x5a);
    }
    uint8_t out[4];
    cr_assert_not(oro_unhex("0011", 4, out, 1));
    cr_assert_not(oro_unhex("0011", 4, out, 3));
}
