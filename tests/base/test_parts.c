/* Bytes in parts. */
#include <criterion/criterion.h>

#include "runtime/base/parts.h"

static void
expect_run(const struct oro_parts *p, size_t n)
{
    size_t at = 0;
    for (size_t i = 0; i < p->n; i++) {
        cr_assert(i + 1 == p->n ? p->bufs[i]->len > 0 : p->bufs[i]->len == ORO_PART);
        for (size_t k = 0; k < p->bufs[i]->len; k++, at++)
            cr_assert_eq(p->bufs[i]->data[k], (uint8_t)(at * 7 >> 3), "byte %zu", at);
    }
    cr_assert_eq(at, n);
    cr_assert_eq(p->bytes, n);
}

/* However they are put: by oro_parts_put, or into the builder and spilled. */
Test(parts, are_the_bytes_that_were_put)
{
    static const size_t steps[] = {1, 8, 1000, ORO_PART - 1, ORO_PART, ORO_PART + 1, 3 * ORO_PART};
    for (size_t s = 0; s < sizeof(steps) / sizeof(steps[0]); s++) {
        size_t total = 3 * ORO_PART;
        uint8_t *bytes = oro_alloc(total);
        for (size_t i = 0; i < total; i++)
            bytes[i] = (uint8_t)(i * 7 >> 3);
        for (int way = 0; way < 2; way++) {
            struct oro_parts p = {0};
            struct oro_bb bb = {0};
            for (size_t at = 0; at < total; at += steps[s]) {
                size_t n = total - at < steps[s] ? total - at : steps[s];
                if (way == 0) {
                    oro_parts_put(&p, &bb, bytes + at, n);
                } else {
                    oro_bb_put(&bb, bytes + at, n);
                    oro_parts_spill(&p, &bb);
                }
                cr_assert_lt(bb.len, ORO_PART);
            }
            oro_parts_close(&p, &bb);
            cr_assert_null(bb.data);
            expect_run(&p, total);
            cr_assert_gt(oro_parts_cost(&p), total);
            oro_parts_fini(&p);
        }
        oro_free(bytes);
    }
}

Test(parts, nobody_to_take_them_leaves_all_in_the_builder)
{
    struct oro_bb bb = {0};
    static uint8_t bytes[ORO_PART];
    for (int i = 0; i < 3; i++) {
        oro_parts_put(NULL, &bb, bytes, sizeof(bytes));
        oro_parts_spill(NULL, &bb);
    }
    cr_assert_eq(bb.len, 3 * ORO_PART);
    oro_bb_fini(&bb);
}

Test(parts, empty_stays_empty)
{
    struct oro_parts p = {0};
    struct oro_bb bb = {0};
    oro_parts_put(&p, &bb, NULL, 0);
    oro_parts_close(&p, &bb);
    cr_assert_eq(p.n, 0);
    oro_parts_fini(&p);
}

Test(parts, without_memory_they_fail_and_hold_nothing)
{
    static uint8_t bytes[ORO_PART];
    for (int n = 1; n < 8; n++) {
        struct oro_parts p = {0};
        struct oro_bb bb = {0};
        oro_bb_reserve(&bb, 2 * ORO_PART);
        oro_fault_arm(n);
        for (int i = 0; i < 4; i++)
            oro_parts_put(&p, &bb, bytes, sizeof(bytes));
        bool fired = oro_fault_disarm();
        cr_assert_eq(p.failed, fired);
        cr_assert_eq(p.n, fired ? 0 : 4);
        oro_parts_fini(&p);
        oro_bb_fini(&bb);
    }
}
