/* Frames as RFC 6455 has them: its own examples (5.7), every form of a head, and what must not be sent. */
#include <criterion/criterion.h>
#include <string.h>

#include "net/ws_frame.h"
#include "runtime/base/buf.h"

static const struct {
    const char *bytes;
    size_t n, head;
    bool masked, fin;
    unsigned opcode;
    uint64_t len;
} examples[] = {
    {"\x81\x05Hello", 7, 2, false, true, ORO_WS_TEXT, 5},
    {"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58", 11, 6, true, true, ORO_WS_TEXT, 5},
    {"\x01\x03Hel", 5, 2, false, false, ORO_WS_TEXT, 3},
    {"\x80\x02lo", 4, 2, false, true, ORO_WS_CONT, 2},
    {"\x89\x05Hello", 7, 2, false, true, ORO_WS_PING, 5},
    {"\x8a\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58", 11, 6, true, true, ORO_WS_PONG, 5},
    {"\x82\x7e\x01\x00", 4, 4, false, true, ORO_WS_BINARY, 256},
    {"\x82\x7f\x00\x00\x00\x00\x00\x01\x00\x00", 10, 10, false, true, ORO_WS_BINARY, 65536},
};

Test(ws_frame, the_examples_are_read)
{
    for (size_t i = 0; i < sizeof(examples) / sizeof(examples[0]); i++) {
        const uint8_t *p = (const uint8_t *)examples[i].bytes;
        struct oro_ws_frame f;
        for (size_t n = 0; n < examples[i].head; n++)
            cr_assert_eq(oro_ws_head_read(p, n, examples[i].masked, &f), 0, "%zu cut at %zu", i, n);
        cr_assert_eq(oro_ws_head_read(p, examples[i].n, examples[i].masked, &f), 1, "%zu", i);
        cr_assert_eq(f.head, examples[i].head);
        cr_assert_eq(f.len, examples[i].len);
        cr_assert_eq(f.fin, examples[i].fin);
        cr_assert_eq(f.opcode, examples[i].opcode);
        cr_assert_eq(f.masked, examples[i].masked);
        cr_assert_eq(oro_ws_head_read(p, examples[i].n, !examples[i].masked, &f), -1,
                     "%zu from the wrong side", i);
        if (f.masked) {
            uint8_t text[5];
            oro_ws_mask(text, p + f.head, 5, f.mask, 0);
            cr_assert_eq(memcmp(text, "Hello", 5), 0);
        }
    }
}

Test(ws_frame, heads_come_back_as_they_were_written)
{
    static const uint64_t lens[] = {0,     1,     125,        126,       127,
                                    65535, 65536, UINT32_MAX, INT64_MAX, 1ull << 40};
    static const uint8_t mask[4] = {1, 2, 3, 4};
    for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
        for (int masked = 0; masked < 2; masked++) {
            uint8_t at[ORO_WS_HEAD_MAX];
            struct oro_ws_frame f;
            size_t n =
                oro_ws_head_put(at, ORO_WS_FIN | ORO_WS_BINARY, lens[i], masked ? mask : NULL);
            cr_assert_eq(n, oro_ws_head_len(lens[i], masked));
            cr_assert_eq(oro_ws_head_read(at, n - 1, masked, &f), 0);
            cr_assert_eq(oro_ws_head_read(at, n, masked, &f), 1);
            cr_assert_eq(f.len, lens[i]);
            cr_assert_eq(f.head, n);
            cr_assert(!masked || memcmp(f.mask, mask, 4) == 0);
        }
    }
}

Test(ws_frame, what_nobody_may_send)
{
    static const struct {
        const char *bytes, *why;
    } bad[] = {
        {"\xc2\x00", "a reserved bit"},       {"\xa2\x00", "a reserved bit"},
        {"\x92\x00", "a reserved bit"},       {"\x83\x00", "an opcode of data"},
        {"\x87\x00", "an opcode of data"},    {"\x8b\x00", "an opcode of control"},
        {"\x8f\x00", "an opcode of control"}, {"\x09\x00", "a ping in parts"},
        {"\x88\x7e\x00\x7e", "a long Close"}, {"\x82\x7f\x80\x00\x00\x00\x00\x00\x00\x00", "2^63"},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct oro_ws_frame f;
        size_t n = (uint8_t)bad[i].bytes[1] == 0x7f ? 10 : 2;
        cr_assert_eq(oro_ws_head_read((const uint8_t *)bad[i].bytes, n, false, &f), -1, "%s",
                     bad[i].why);
    }
}

/* However it is cut, from wherever it is taken. */
Test(ws_frame, a_mask_goes_on)
{
    static const uint8_t mask[4] = {0x37, 0xfa, 0x21, 0x3d};
    uint8_t plain[64], want[64], got[64];
    for (size_t i = 0; i < sizeof(plain); i++) {
        plain[i] = (uint8_t)(i * 7);
        want[i] = plain[i] ^ mask[i & 3];
    }
    for (size_t cut = 0; cut <= sizeof(plain); cut++) {
        memcpy(got, plain, sizeof(plain));
        oro_ws_mask(got, got, cut, mask, 0);
        oro_ws_mask(got + cut, plain + cut, sizeof(plain) - cut, mask, cut);
        cr_assert_eq(memcmp(got, want, sizeof(want)), 0, "cut at %zu", cut);
    }
}

Test(ws_frame, codes_of_a_close)
{
    for (unsigned code = 0; code <= 65535; code++) {
        bool legal = (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) ||
                     (code >= 3000 && code <= 4999);
        cr_assert_eq(oro_ws_code_legal(code), legal, "%u", code);
    }
}
