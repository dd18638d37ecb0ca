/* bridge/bsatn/row_list.c - see row_list.h. */
#include "bridge/bsatn/row_list.h"

enum { FIXED_SIZE, ROW_OFFSETS }; /* RowSizeHint */

/* While all rows have one length, offsets are not kept: n and first_len say them. */

static void
push_offset(struct oro_row_list *l, uint64_t offset)
{
    if (l->n == l->cap) {
        l->cap = l->cap > 0 ? l->cap * 2 : 16;
        l->offsets = oro_realloc(l->offsets, l->cap * sizeof(*l->offsets));
    }
    l->offsets[l->n++] = offset;
}

void
oro_row_list_add(struct oro_row_list *l, struct oro_bytes row)
{
    if (l->n == 0) {
        l->first_len = (uint32_t)row.len;
        l->same_len = row.len > 0 && row.len <= UINT16_MAX;
    } else if (l->same_len && row.len != l->first_len) {
        size_t n = l->n;
        l->same_len = false;
        for (l->n = 0; l->n < n;)
            push_offset(l, (uint64_t)l->n * l->first_len);
    }
    if (l->same_len)
        l->n++;
    else
        push_offset(l, l->rows.len);
    oro_bb_put_bytes(&l->rows, row);
}

void
oro_row_list_clear(struct oro_row_list *l)
{
    oro_bb_clear(&l->rows);
    l->n = 0;
    l->same_len = false;
}

void
oro_row_list_fini(struct oro_row_list *l)
{
    oro_bb_fini(&l->rows);
    oro_free(l->offsets);
    *l = (struct oro_row_list){0};
}

void
oro_row_list_spill(const struct oro_row_list *l, struct oro_bb *out, struct oro_parts *parts)
{
    ORO_ASSERT(l->rows.len <= UINT32_MAX && l->n <= UINT32_MAX);
    if (l->n > 0 && l->same_len) {
        oro_bb_u8(out, FIXED_SIZE);
        oro_bb_u16(out, (uint16_t)l->first_len);
    } else {
        oro_bb_u8(out, ROW_OFFSETS);
        oro_bb_u32(out, (uint32_t)l->n);
        oro_parts_put(parts, out, l->offsets, l->n * sizeof(*l->offsets));
    }
    oro_bb_u32(out, (uint32_t)l->rows.len);
    oro_parts_put(parts, out, l->rows.data, l->rows.len);
}

void
oro_row_list_write(const struct oro_row_list *l, struct oro_bb *out)
{
    oro_row_list_spill(l, out, NULL);
}

void
oro_row_list_put(const struct oro_bytes *rows, size_t n, struct oro_bb *out,
                 struct oro_parts *parts)
{
    bool same_len = n > 0 && rows[0].len > 0 && rows[0].len <= UINT16_MAX;
    uint64_t bytes = 0;
    for (size_t i = 0; i < n; i++) {
        same_len = same_len && rows[i].len == rows[0].len;
        bytes += rows[i].len;
    }
    ORO_ASSERT(bytes <= UINT32_MAX && n <= UINT32_MAX);
    size_t whole = (size_t)bytes + 16 + (same_len ? 0 : 8 * n);
    oro_bb_reserve(out, parts != NULL && whole > ORO_PART ? ORO_PART : whole);
    if (same_len) {
        oro_bb_u8(out, FIXED_SIZE);
        oro_bb_u16(out, (uint16_t)rows[0].len);
    } else {
        uint64_t at = 0;
        oro_bb_u8(out, ROW_OFFSETS);
        oro_bb_u32(out, (uint32_t)n);
        for (size_t i = 0; i < n; at += rows[i++].len)
            oro_parts_put(parts, out, &at, sizeof(at));
    }
    oro_bb_u32(out, (uint32_t)bytes);
    for (size_t i = 0; i < n; i++)
        oro_parts_put(parts, out, rows[i].data, rows[i].len);
}
