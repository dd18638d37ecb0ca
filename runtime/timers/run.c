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

oro_status
oro_timer_run_end(struct oro_tx *tx, const struct oro_firing *f, struct oro_bytes row, bool *stays)
{
    struct oro_bytes now;
    *stays = false;
    oro_status st = row_find(tx, f, &now);
    if (st != ORO_OK)
        return st == ORO_ENOTFOUND ? ORO_OK : st; /* the reducer deleted it: it stops */
    *stays = oro_schedule_at(f->table, now).interval || !oro_bytes_eq(now, row);
    return *stays ? ORO_OK
                  : oro_tx_delete(tx, f->table, oro_table_primary_index(f->table),
                                  oro_bytes(&f->key, sizeof(f->key)));
}
