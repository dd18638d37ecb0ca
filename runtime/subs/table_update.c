/* Rows of a query set in v1's form (docs/wire.md#v1): a TableUpdate for each query. */
#include "runtime/subs/set_rows_priv.h"

#include <string.h>

enum { FIXED_SIZE, ROW_OFFSETS };  /* RowSizeHint (docs/wire.md#rows) */
enum { UNCOMPRESSED };             /* CompressableQueryUpdate */

static void
put_no_rows(struct oro_bb *out)
{
    oro_bb_u8(out, ROW_OFFSETS);
    oro_bb_u32(out, 0);
    oro_bb_u32(out, 0);
}

void
subs_table_update_head(struct oro_bb *out, const struct oro_table_def *t, uint64_t rows, bool twice,
                       bool deletes)
{
    for (int i = 0; i < 1 + twice; i++) {
        oro_bb_u32(out, t->id);
        oro_bb_lenbytes(out, oro_bytes_str(t->name));
    }
    oro_bb_u64(out, rows);
    oro_bb_u32(out, 1); /* updates */
    oro_bb_u8(out, UNCOMPRESSED);
    if (!deletes)
        put_no_rows(out); /* they come first */
}

void
subs_table_update_tail(struct oro_bb *out, bool deletes)
{
    if (deletes)
        put_no_rows(out); /* inserts */
}

/* How many rows a BsatnRowList of ours has, by its hint. */
static uint64_t
count_rows(struct oro_bytes list)
{
    struct oro_reader r = oro_reader(list);
    uint8_t hint = ROW_OFFSETS;
    uint16_t size = 1;
    uint32_t n = 0;
    oro_status st = oro_rd_u8(&r, &hint);
    if (st == ORO_OK && hint == FIXED_SIZE)
        st = oro_rd_u16(&r, &size);
    if (st == ORO_OK)
        st = oro_rd_u32(&r, &n); /* of fixed size: bytes */
    ORO_ASSERT(st == ORO_OK);
    return hint == FIXED_SIZE ? n / size : n;
}

void
subs_put_table_update(struct oro_bb *out, const struct oro_table_def *t, struct oro_bytes single,
                      bool twice, bool deletes)
{
    size_t skip = 4 + strlen(t->name);
    struct oro_bytes list = oro_bytes(single.data + skip, single.len - skip);
    subs_table_update_head(out, t, count_rows(list), twice, deletes);
    oro_bb_put_bytes(out, list);
    subs_table_update_tail(out, deletes);
}

oro_status
subs_form_fits(enum oro_rows_form form, uint32_t n, struct oro_err *err)
{
    if (form != ORO_ROWS_UPDATE || n == 1)
        return ORO_OK;
    return oro_err_set(err, ORO_EINVAL,
                       "this message is for subscriptions of one query, and that one has %u: use "
                       "SubscribeMulti and UnsubscribeMulti",
                       n);
}

oro_status
subs_form_takes(enum oro_rows_form form, const struct oro_table_def *t, struct oro_err *err)
{
    if (form == ORO_ROWS_TABLES || !t->is_event)
        return ORO_OK;
    return oro_err_set(err, ORO_EINVAL,
                       "`%s` is an event table, and those need the websocket protocol v2: upgrade "
                       "the client's SDK and generate its bindings anew",
                       t->name);
}
