#include "runtime/base/parts.h"

#define BLOCK 16 /* the allocator's, for each piece of memory */

static void
fail(struct oro_parts *p)
{
    oro_parts_fini(p);
    p->failed = true;
}

/* Takes b; NULL: there was no memory for it. */
static void
append(struct oro_parts *p, struct oro_buf *b)
{
    void *bufs = p->bufs;
    bool room = oro_try_grow(&bufs, p->n, &p->cap, sizeof(struct oro_buf *));
    p->bufs = bufs;
    if (b == NULL || !room) {
        oro_buf_unref(b);
        fail(p);
        return;
    }
    p->bufs[p->n++] = b;
    p->bytes += b->len;
}

static void
add(struct oro_parts *p, const uint8_t *data, size_t len)
{
    if (p->failed)
        return;
    struct oro_buf *b = oro_buf_try_new((uint32_t)len);
    if (b != NULL)
        memcpy(b->data, data, len);
    append(p, b);
}

void
oro_parts_link(struct oro_parts *p, struct oro_buf *part)
{
    if (!p->failed)
        append(p, oro_buf_ref(part));
}

void
oro_parts_spill_slow(struct oro_parts *p, struct oro_bb *bb)
{
    size_t at = 0;
    for (; bb->len - at >= ORO_PART; at += ORO_PART)
        add(p, bb->data + at, ORO_PART);
    if (bb->len > at)
        memmove(bb->data, bb->data + at, bb->len - at);
    bb->len -= at;
}

void
oro_parts_put(struct oro_parts *p, struct oro_bb *bb, const void *data, size_t n)
{
    const uint8_t *from = data;
    while (p != NULL && n > 0 && bb->len + n >= ORO_PART) {
        size_t some = bb->len < ORO_PART ? ORO_PART - bb->len : 0;
        oro_bb_put(bb, from, some);
        oro_parts_spill_slow(p, bb);
        from += some;
        n -= some;
    }
    oro_bb_put(bb, from, n);
}

void
oro_parts_cut(struct oro_parts *p, struct oro_bb *bb)
{
    oro_parts_spill(p, bb);
    if (bb->len > 0)
        add(p, bb->data, bb->len);
    oro_bb_clear(bb);
}

void
oro_parts_close(struct oro_parts *p, struct oro_bb *bb)
{
    oro_parts_cut(p, bb);
    oro_bb_fini(bb);
}

void
oro_parts_fini(struct oro_parts *p)
{
    for (size_t i = 0; i < p->n; i++)
        oro_buf_unref(p->bufs[i]);
    oro_free(p->bufs);
    *p = (struct oro_parts){0};
}

bool
oro_parts_move(struct oro_parts *to, struct oro_parts *from)
{
    if (to->n == 0 && !to->failed) {
        oro_free(to->bufs);
        *to = *from;
        *from = (struct oro_parts){0};
        return true;
    }
    while (to->cap - to->n < from->n) {
        void *bufs = to->bufs;
        if (!oro_try_grow(&bufs, to->cap, &to->cap, sizeof(*to->bufs)))
            return false;
        to->bufs = bufs;
    }
    for (size_t i = 0; i < from->n; i++)
        to->bufs[to->n++] = from->bufs[i];
    to->bytes += from->bytes;
    from->n = 0;
    oro_parts_fini(from);
    return true;
}

size_t
oro_parts_cost(const struct oro_parts *p)
{
    return (size_t)p->bytes + p->n * (sizeof(struct oro_buf) + BLOCK) + p->cap * sizeof(*p->bufs);
}
