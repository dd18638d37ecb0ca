#include "runtime/timers/run.h"

static oro_status
row_find(struct oro_tx *tx, const struct oro_firing *f, struct oro_bytes *row)
{
    const struct oro_index_def *ix = oro_table_primary_index(f->table);
    ORO_ASSERT(ix != NULL);
    return oro_tx_find(tx, f->table, ix, oro_bytes(&f->key, sizeof(f->key)), row);
}

oro_status
oro_timer_run_begin(struct oro_tx *tx, const struct oro_firing *f, struct oro_bytes *row)
{
    oro_status st = row_find(tx, f, row);
    if (st != ORO_OK)
        return st;
    return oro_schedule_at_eq(oro_schedule_at(f->table, *row), f->at) ? ORO_OK : ORO_ENOTFOUND;
}

/* The same row, for another time. */
static oro_status
row_move(struct oro_tx *tx, const struct oro_firing *f, struct oro_bytes row, int64_t at_us)
{
    struct oro_bb moved = {0};
    struct oro_err err = {0};
    oro_bb_put_bytes(&moved, row);
    memcpy(moved.data +
               oro_table_column_offset(f->table, (unsigned)f->table->schedule_at_col, row.data) + 1,
           &at_us, sizeof(at_us));
    oro_status st = oro_tx_update(tx, f->table, oro_table_primary_index(f->table),
                                  oro_bb_bytes(&moved), NULL, &err);
    oro_bb_fini(&moved);
    return st;
}

oro_status
oro_timer_run_end(struct oro_tx *tx, const struct oro_firing *f, struct oro_bytes row,
                  int64_t next_us, bool *stays)
{
    struct oro_bytes now;
    *stays = false;
    oro_status st = row_find(tx, f, &now);
    if (st != ORO_OK)
        return st == ORO_ENOTFOUND ? ORO_OK : st; /* the reducer deleted it: it stops */
    *stays = oro_schedule_at(f->table, now).interval || !oro_bytes_eq(now, row);
    if (*stays)
        return ORO_OK;
    *stays = next_us != ORO_TIMER_LAST;
    if (*stays)
        return row_move(tx, f, row, next_us);
    return oro_tx_delete(tx, f->table, oro_table_primary_index(f->table),
                         oro_bytes(&f->key, sizeof(f->key)));
}
