/* The tables that the server fills itself: clients and modules do not see them, SQL of the owner reads them. */
#include "bridge/bsatn/schema_priv.h"

static struct oro_index_def *
index_on(struct oro_typespace *ts, const char *name, const char *accessor, uint16_t col)
{
    struct oro_index_def *ix = ORO_NEW(struct oro_index_def);
    uint16_t *key = oro_arena_alloc(&ts->arena, sizeof(*key));
    *key = col;
    *ix = (struct oro_index_def){.name = name,
                                 .accessor = accessor,
                                 .kind = ORO_INDEX_BTREE,
                                 .cols = key,
                                 .ncols = 1,
                                 .unique = true};
    return ix;
}

static struct oro_type *
wrapper(struct oro_typespace *ts, const char *name, enum oro_kind kind)
{
    struct oro_elem inner = {name, oro_type_scalar(ts, kind)};
    return oro_type_product(ts, &inner, 1);
}

static struct oro_type *
schedule_at(struct oro_typespace *ts)
{
    struct oro_elem variants[] = {
        {"Interval", wrapper(ts, "__time_duration_micros__", ORO_I64)},
        {"Time", wrapper(ts, "__timestamp_micros_since_unix_epoch__", ORO_I64)}};
    return oro_type_sum(ts, variants, 2);
}

/* Takes the indexes that t names. */
static oro_status
add(struct oro_load *l, struct oro_table_def *t, struct oro_type *row)
{
    t->row = row;
    oro_map_put(&l->s->table_names, oro_bytes_str(t->name), t);
    return oro_type_seal(&l->s->types, row, l->err);
}

/* (identity: Identity, connection_id: ConnectionId) */
oro_status
oro_load_st_client(struct oro_load *l, struct oro_table_def *t)
{
    struct oro_typespace *ts = &l->s->types;
    struct oro_elem cols[] = {{"identity", wrapper(ts, "__identity__", ORO_U256)},
                              {"connection_id", wrapper(ts, "__connection_id__", ORO_U128)}};
    *t = (struct oro_table_def){
        .id = ORO_ST_CLIENT, .name = "st_client", .pk = -1, .schedule_at_col = -1, .nindexes = 1};
    t->indexes = index_on(ts, "st_client_connection_id_idx_btree", "connection_id", 1);
    return add(l, t, oro_type_product(ts, cols, 2));
}

/* A scheduled table without a function of its own: each row names one (scheduled_call.h). */
oro_status
oro_load_st_scheduled_call(struct oro_load *l, struct oro_table_def *t)
{
    struct oro_typespace *ts = &l->s->types;
    const struct oro_type *text = oro_type_scalar(ts, ORO_STRING);
    struct oro_elem cols[] = {{"scheduled_id", oro_type_scalar(ts, ORO_U64)},
                              {"scheduled_at", schedule_at(ts)},
                              {"steady", oro_type_scalar(ts, ORO_BOOL)},
                              {"signature", oro_type_scalar(ts, ORO_U64)},
                              {"function", text},
                              {"cron", text},
                              {"args", oro_type_array(ts, oro_type_scalar(ts, ORO_U8))}};
    *t = (struct oro_table_def){.id = ORO_ST_SCHEDULED_CALL,
                                .name = "st_scheduled_call",
                                .pk = 0,
                                .schedule_at_col = 1,
                                .nindexes = 1,
                                .nsequences = 1};
    t->indexes = index_on(ts, "st_scheduled_call_scheduled_id_idx_btree", "scheduled_id", 0);
    t->sequences = ORO_NEW(struct oro_sequence_def);
    t->sequences[0] = (struct oro_sequence_def){.name = "st_scheduled_call_scheduled_id_seq"};
    return add(l, t, oro_type_product(ts, cols, ORO_ARRAY_LEN(cols)));
}

oro_status
oro_load_st_phase(struct oro_load *l, struct oro_table_def *t)
{
    struct oro_typespace *ts = &l->s->types;
    struct oro_elem cols[] = {
        {"row", oro_type_scalar(ts, ORO_STRING)},
        {"interval", wrapper(ts, "__time_duration_micros__", ORO_I64)},
        {"beat", wrapper(ts, "__timestamp_micros_since_unix_epoch__", ORO_I64)}};
    *t = (struct oro_table_def){
        .id = ORO_ST_PHASE, .name = "st_phase", .pk = 0, .schedule_at_col = -1, .nindexes = 1};
    t->indexes = index_on(ts, "st_phase_row_idx_btree", "row", 0);
    return add(l, t, oro_type_product(ts, cols, ORO_ARRAY_LEN(cols)));
}
