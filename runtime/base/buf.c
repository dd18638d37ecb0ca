#include "runtime/base/buf.h"

#include <stdarg.h>
#include <stdio.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
               "numbers are copied as they lie in memory");

static void
begin(struct oro_buf *b, uint32_t len)
{
    atomic_init(&b->refs, 1);
    b->len = len;
    b->links = 0;
}

struct oro_buf *
oro_buf_new(uint32_t len)
{
    struct oro_buf *b = oro_alloc(sizeof(*b) + len);
    begin(b, len);
    return b;
}

struct oro_buf *
oro_buf_try_new(uint32_t len)
{
    struct oro_buf *b = oro_try_alloc(sizeof(*b) + len);
    if (b == NULL)
        return NULL;
    begin(b, len);
    return b;
}

struct oro_buf *
oro_buf_copy(struct oro_bytes from)
{
    ORO_ASSERT(from.len <= UINT32_MAX);
    struct oro_buf *b = oro_buf_new((uint32_t)from.len);
    if (from.len > 0)
        memcpy(b->data, from.data, from.len);
    return b;
}

struct oro_buf *
oro_buf_ref(struct oro_buf *b)
{
    /* Relaxed: whoever adds a reference already holds one. */
    unsigned was = atomic_fetch_add_explicit(&b->refs, 1, memory_order_relaxed);
    ORO_ASSERT(was > 0 && was < UINT32_MAX / 2);
    return b;
}

void
oro_buf_unref(struct oro_buf *b)
{
    if (b == NULL)
        return;
    /* acq_rel pairs with itself: all uses by other holders come before the free by the last one. */
    unsigned was = atomic_fetch_sub_explicit(&b->refs, 1, memory_order_acq_rel);
    ORO_ASSERT(was > 0);
    if (was > 1)
        return;
    ORO_ASSERT(b->links == 0);
    oro_free(b);
}

void
oro_bb_reserve_slow(struct oro_bb *bb, size_t more)
{
    ORO_ASSERT(more <= SIZE_MAX / 2 - bb->len);
    size_t need = bb->len + more;
    size_t cap = bb->cap < 64 ? 64 : bb->cap * 2;
    if (cap < need)
        cap = need;
    bb->data = oro_realloc(bb->data, cap);
    bb->cap = cap;
}

bool
oro_bb_try_reserve(struct oro_bb *bb, size_t more, size_t most)
{
    if (bb->cap - bb->len >= more)
        return true;
    ORO_ASSERT(more <= SIZE_MAX / 2 - bb->len);
    size_t need = bb->len + more, cap = bb->cap < 64 ? 64 : bb->cap * 2;
    if (cap > most)
        cap = most;
    if (cap < need)
        cap = need;
    uint8_t *data = oro_try_realloc(bb->data, cap);
    if (data == NULL)
        return false;
    bb->data = data;
    bb->cap = cap;
    return true;
}

bool
oro_bb_try_put(struct oro_bb *bb, const void *p, size_t n)
{
    if (!oro_bb_try_reserve(bb, n, SIZE_MAX))
        return false;
    if (n > 0)
        memcpy(bb->data + bb->len, p, n);
    bb->len += n;
    return true;
}

void
oro_bb_fini(struct oro_bb *bb)
{
    oro_free(bb->data);
    *bb = (struct oro_bb){0};
}

void
oro_bb_printf(struct oro_bb *bb, const char *fmt, ...)
{
    va_list ap;
    oro_bb_reserve(bb, 64);
    size_t room = bb->cap - bb->len;
    va_start(ap, fmt);
    int n = vsnprintf((char *)bb->data + bb->len, room, fmt, ap);
    va_end(ap);
    ORO_ASSERT(n >= 0);
    if ((size_t)n >= room) {
        oro_bb_reserve(bb, (size_t)n + 1);
        va_start(ap, fmt);
        vsnprintf((char *)bb->data + bb->len, (size_t)n + 1, fmt, ap);
        va_end(ap);
    }
    bb->len += (size_t)n;
}
