/* runtime/store/view_reads.c - what the evaluation of a view has read: places, with bytes of their own. */
#include "runtime/store/view_priv.h"

#define POINT_BYTES 160 /* what a place that was read takes beside its key */

static struct oro_bytes
copy_bytes(struct oro_bytes b, struct oro_view_reads *to)
{
    if (b.len == 0)
        return (struct oro_bytes){0};
    uint8_t *p = oro_try_alloc(b.len);
    if (p == NULL) {
        to->no_memory = true;
        return (struct oro_bytes){0};
    }
    memcpy(p, b.data, b.len);
    to->bytes += b.len;
    return oro_bytes(p, b.len);
}

/* A key may be as long as an argument is. */
void
view_note_in(struct oro_view_reads *to, const struct oro_view_read *read)
{
    void *items = to->items;
    to->no_memory |= !oro_try_grow(&items, to->n, &to->cap, sizeof(*to->items));
    to->items = items;
    if (to->no_memory)
        return;
    struct oro_view_read *r = &to->items[to->n++];
    *r = *read;
    r->iv.key.bytes = copy_bytes(read->iv.key.bytes, to);
    r->iv.lo.bytes = copy_bytes(read->iv.lo.bytes, to);
    r->iv.hi.bytes = copy_bytes(read->iv.hi.bytes, to);
    to->bytes += POINT_BYTES;
    to->nspans += read->kind != ORO_SPAN_RANGE || !read->iv.point;
}

void
oro_view_note(struct oro_tx *tx, const struct oro_view_read *read)
{
    view_note_in(tx->watch, read);
}

void
oro_view_reads_free(struct oro_view_reads *reads)
{
    if (reads == NULL)
        return;
    for (size_t i = 0; i < reads->n; i++) {
        oro_free((void *)(uintptr_t)reads->items[i].iv.key.bytes.data);
        oro_free((void *)(uintptr_t)reads->items[i].iv.lo.bytes.data);
        oro_free((void *)(uintptr_t)reads->items[i].iv.hi.bytes.data);
    }
    oro_free(reads->items);
    oro_free(reads);
}
