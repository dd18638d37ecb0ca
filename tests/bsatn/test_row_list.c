/* Lists of rows, byte for byte, in one piece and in parts. */
#include "bridge/bsatn/row_list.h"

#include "tests/bsatn/help.h"

static void
list_is(const struct oro_row_list *l, const char *hex)
{
    struct oro_bb out = {0};
    char text[1000];
    oro_row_list_write(l, &out);
    oro_hex(oro_bb_bytes(&out), text);
    cr_assert_str_eq(text, hex);
    oro_bb_fini(&out);
}

Test(row_list, row_lists)
{
    struct oro_row_list l = {0};
    list_is(&l, "010000000000000000");
    oro_row_list_add(&l, oro_bytes("ab", 2));
    list_is(&l, "000200"
                "02000000"
                "6162");
    oro_row_list_add(&l, oro_bytes("cd", 2));
    oro_row_list_add(&l, oro_bytes("efg", 3));
    oro_row_list_add(&l, oro_bytes("h", 1));
    list_is(&l, "01"
                "04000000"
                "0000000000000000"
                "0200000000000000"
                "0400000000000000"
                "0700000000000000"
                "08000000"
                "6162636465666768");
    oro_row_list_clear(&l);
    list_is(&l, "010000000000000000");
    oro_row_list_add(&l, oro_bytes("", 0)); /* never FixedSize(0) */
    oro_row_list_add(&l, oro_bytes("", 0));
    list_is(&l, "01"
                "02000000"
                "0000000000000000"
                "0000000000000000"
                "00000000");
    oro_row_list_fini(&l);
}

Test(row_list, row_list_of_long_rows)
{
    static const uint8_t row[65536];
    for (size_t len = 65535; len <= 65536; len++) {
        struct oro_row_list l = {0};
        struct oro_bb out = {0};
        oro_row_list_add(&l, oro_bytes(row, len));
        oro_row_list_write(&l, &out);
        cr_assert_eq(out.data[0], len == 65536, "a u16 holds 65535");
        oro_bb_fini(&out);
        oro_row_list_fini(&l);
    }
}

/* Copied once or gathered first: the same bytes. */
Test(row_list, row_lists_of_rows_that_lie_anywhere)
{
    static const size_t lengths[][4] = {{0, 0, 0, 0},         {5, 5, 5, 5},
                                        {5, 5, 6, 5},         {0, 5, 5, 5},
                                        {65535, 65535, 0, 1}, {65536, 65536, 65536, 65536}};
    static const uint8_t bytes[65536] = {1, 2, 3};
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        for (size_t n = 0; n <= 4; n++) {
            struct oro_bytes rows[4];
            struct oro_row_list l = {0};
            struct oro_bb a = {0}, b = {0};
            for (size_t k = 0; k < n; k++) {
                rows[k] = oro_bytes(bytes, lengths[i][k]);
                oro_row_list_add(&l, rows[k]);
            }
            oro_row_list_write(&l, &a);
            oro_row_list_put(rows, n, &b, NULL);
            cr_assert(oro_bytes_eq(oro_bb_bytes(&a), oro_bb_bytes(&b)), "case %zu, %zu rows", i, n);
            oro_row_list_fini(&l);
            oro_bb_fini(&a);
            oro_bb_fini(&b);
        }
    }
}

/* In parts, which end anywhere in a row or an offset: the same bytes. */
Test(row_list, row_lists_in_parts)
{
    static const size_t lengths[][2] = {
        {16, 16}, {70000, 70000}, {1, 5}, {0, 3}, {1000000, 999999}};
    static uint8_t bytes[1000000];
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)(i * 31 >> 4);
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        size_t n = lengths[i][0] > 1000 ? 20 : 100000, at = 0;
        struct oro_bytes *rows = oro_alloc(n * sizeof(*rows));
        struct oro_bb whole = {0}, bb = {0};
        struct oro_parts parts = {0};
        for (size_t k = 0; k < n; k++)
            rows[k] = oro_bytes(bytes, lengths[i][k % 2]);
        oro_bb_u8(&bb, 7);
        oro_row_list_put(rows, n, &whole, NULL);
        oro_row_list_put(rows, n, &bb, &parts);
        cr_assert_lt(bb.len, ORO_PART + 16);
        oro_parts_close(&parts, &bb);
        cr_assert_eq(parts.bytes, whole.len + 1);
        for (size_t k = 0; k < parts.n; at += parts.bufs[k++]->len) {
            size_t skip = k == 0;
            cr_assert(memcmp(parts.bufs[k]->data + skip, whole.data + at - 1 + skip,
                             parts.bufs[k]->len - skip) == 0,
                      "case %zu, part %zu", i, k);
        }
        oro_parts_fini(&parts);
        oro_bb_fini(&whole);
        oro_free(rows);
    }
}
