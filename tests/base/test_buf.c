#include <criterion/criterion.h>

#include <signal.h>
#include <stdio.h>

#include "runtime/base/buf.h"
#include "runtime/base/thread.h"

Test(buf, copy_and_count)
{
    struct oro_buf *b = oro_buf_copy(oro_bytes_str("hello"));
    cr_assert_eq(b->len, 5);
    cr_assert_eq(oro_buf_ref(b), b);
    oro_buf_unref(b);
    cr_assert(oro_bytes_eq(oro_buf_bytes(b), oro_bytes_str("hello")));
    oro_buf_unref(b);
    oro_buf_unref(NULL);
    oro_buf_unref(oro_buf_copy(oro_bytes(NULL, 0)));
}

static void *
count_main(void *arg)
{
    struct oro_buf *b = arg;
    for (int i = 0; i < 20000; i++) {
        oro_buf_ref(b);
        cr_assert_eq(b->data[0], 'x');
        oro_buf_unref(b);
    }
    oro_buf_unref(b);
    return NULL;
}

Test(buf, counted_from_many_threads)
{
    struct oro_buf *b = oro_buf_copy(oro_bytes_str("x"));
    pthread_t t[4];
    for (int i = 0; i < 4; i++)
        cr_assert_eq(
            oro_thread_start(&t[i], ORO_THREAD_OTHER, "count", 0, count_main, oro_buf_ref(b), NULL),
            ORO_OK);
    oro_buf_unref(b); /* the last thread frees it */
    for (int i = 0; i < 4; i++)
        oro_thread_join(t[i]);
}

Test(bb, numbers_are_little_endian)
{
    struct oro_bb bb = {0};
    oro_bb_u8(&bb, 1);
    oro_bb_u16(&bb, 0x0302);
    oro_bb_u32(&bb, 0x07060504);
    oro_bb_u64(&bb, 0x0f0e0d0c0b0a0908);
    cr_assert_eq(bb.len, 15);
    for (size_t i = 0; i < 15; i++)
        cr_assert_eq(bb.data[i], i + 1);
    oro_bb_patch_u32(&bb, 1, 0);
    cr_assert_eq(bb.data[1] | bb.data[4], 0);
    cr_assert_eq(bb.data[5], 6);
    oro_bb_fini(&bb);
    cr_assert_null(bb.data);
}

Test(bb, grows_and_clears)
{
    struct oro_bb bb = {0};
    cr_assert_eq(oro_bb_bytes(&bb).len, 0);
    oro_bb_put(&bb, NULL, 0);
    for (unsigned i = 0; i < 100000; i++)
        oro_bb_u8(&bb, (uint8_t)i);
    for (unsigned i = 0; i < 100000; i++)
        cr_assert_eq(bb.data[i], (uint8_t)i);
    size_t cap = bb.cap;
    oro_bb_clear(&bb);
    oro_bb_lenbytes(&bb, oro_bytes_str("abc"));
    cr_assert(oro_bytes_eq(oro_bb_bytes(&bb), oro_bytes("\3\0\0\0abc", 7)));
    cr_assert_eq(bb.cap, cap);
    oro_bb_fini(&bb);
}

Test(bb, printf_of_any_length)
{
    char want[400];
    for (int n = 0; n < 300; n++) {
        struct oro_bb bb = {0};
        oro_bb_printf(&bb, "%d:%0*d", n, n + 1, 7);
        int len = snprintf(want, sizeof(want), "%d:%0*d", n, n + 1, 7);
        cr_assert(oro_bytes_eq(oro_bb_bytes(&bb), oro_bytes(want, (size_t)len)));
        oro_bb_printf(&bb, "%s", "!");
        cr_assert_eq(bb.data[bb.len - 1], '!');
        oro_bb_fini(&bb);
    }
}

Test(bb, patch_outside_aborts, .signal = SIGABRT)
{
    struct oro_bb bb = {0};
    oro_bb_u32(&bb, 0);
    oro_bb_patch_u32(&bb, 1, 0);
}
