#include "runtime/log/record.h"

#include "bridge/bsatn/value.h"

static void
put_varint(struct oro_bb *out, uint64_t v)
{
    oro_bb_reserve(out, 10);
    while (v >= 0x80) {
        out->data[out->len++] = (uint8_t)(v | 0x80);
        v >>= 7;
    }
    out->data[out->len++] = (uint8_t)v;
}

static oro_status
get_varint(struct record_reader *r, uint64_t *out)
{
    uint64_t v = 0;
    for (unsigned shift = 0; shift < 64 && r->at < r->end; shift += 7) {
        uint8_t b = *r->at++;
        v |= (uint64_t)(b & 0x7f) << shift;
        if (b < 0x80) {
            *out = v;
            return ORO_OK;
        }
    }
    return ORO_EMALFORMED;
}

struct oro_bytes
record_column(const struct oro_type *product, struct oro_bytes row, uint16_t col)
{
    const uint8_t *p = oro_value_column(product, row.data, col);
    return oro_bytes(p, oro_value_len_trusted(product->elems[col].type, p));
}

static uint32_t
stored_id(const struct record_ids *ids, const struct oro_table_def *t)
{
    return ids->ids[t - ids->schema->tables];
}

/* Not the delete half of an update: the insert that follows replaces the row by its key anyway. */
static bool
is_kept(const struct oro_op *op, uint32_t id)
{
    return id != 0 && !(op->kind == ORO_OP_DELETE && op->update);
}

static void
put_op(struct oro_bb *out, uint32_t id, const struct oro_op *op)
{
    const struct oro_table_def *t = op->table;
    if (op->kind == ORO_OP_SEQUENCE) {
        oro_bb_u8(out, RECORD_SEQUENCE);
        put_varint(out, id);
        put_varint(out, t->sequences[op->sequence].col);
        oro_bb_u64(out, op->allocated);
        return;
    }
    bool del = op->kind == ORO_OP_DELETE;
    struct oro_bytes b = oro_row_bytes(op->row);
    if (del && t->pk >= 0)
        b = record_column(t->row, b, (uint16_t)t->pk);
    oro_bb_u8(out, del ? RECORD_DELETE : RECORD_PUT);
    put_varint(out, id);
    put_varint(out, b.len);
    oro_bb_put_bytes(out, b);
}

bool
record_put(struct oro_bb *out, const struct record_ids *ids, const struct oro_commit *c,
           uint64_t *last)
{
    uint32_t n = c->origin.initializes ? 1 : 0;
    for (uint32_t i = 0; i < c->nops; i++) {
        const struct oro_op *op = &c->ops[i];
        n += is_kept(op, stored_id(ids, op->table));
    }
    if (n == 0)
        return false;
    put_varint(out, c->offset - *last);
    put_varint(out, n);
    if (c->origin.initializes) {
        oro_bb_u8(out, RECORD_INIT);
        put_varint(out, 1);
        put_varint(out, 0);
    }
    for (uint32_t i = 0; i < c->nops; i++) {
        const struct oro_op *op = &c->ops[i];
        uint32_t id = stored_id(ids, op->table);
        if (is_kept(op, id))
            put_op(out, id, op);
    }
    *last = c->offset;
    return true;
}

struct record_reader
record_reader(struct oro_bytes blob, uint64_t first)
{
    return (struct record_reader){
        .at = blob.data, .end = blob.data + blob.len, .offset = first - 1};
}

oro_status
record_next_tx(struct record_reader *r, bool *more)
{
    struct record_op skipped;
    for (bool op = true; op;) {
        oro_status st = record_next_op(r, &skipped, &op);
        if (st != ORO_OK)
            return st;
    }
    *more = r->at < r->end;
    if (!*more)
        return ORO_OK;
    uint64_t step;
    oro_status st = get_varint(r, &step);
    if (st == ORO_OK)
        st = get_varint(r, &r->ops);
    if (st != ORO_OK || step == 0 || r->ops == 0)
        return ORO_EMALFORMED;
    r->offset += step;
    return ORO_OK;
}

oro_status
record_next_op(struct record_reader *r, struct record_op *op, bool *more)
{
    *more = r->ops > 0;
    if (!*more)
        return ORO_OK;
    uint64_t table, n;
    if (r->at >= r->end)
        return ORO_EMALFORMED;
    *op = (struct record_op){.kind = *r->at++};
    oro_status st = get_varint(r, &table);
    if (st == ORO_OK)
        st = get_varint(r, &n);
    if (st != ORO_OK || table == 0 || table > UINT32_MAX)
        return ORO_EMALFORMED;
    op->table = (uint32_t)table;
    size_t left = (size_t)(r->end - r->at);
    if (op->kind == RECORD_SEQUENCE) {
        if (left < 8 || n > UINT16_MAX)
            return ORO_EMALFORMED;
        op->column = (uint32_t)n;
        memcpy(&op->allocated, r->at, 8);
        r->at += 8;
    } else if ((op->kind == RECORD_PUT || op->kind == RECORD_DELETE) && n <= left) {
        op->bytes = oro_bytes(r->at, n);
        r->at += n;
    } else if (op->kind != RECORD_INIT || n != 0) {
        return ORO_EMALFORMED;
    }
    r->ops--;
    return ORO_OK;
}
