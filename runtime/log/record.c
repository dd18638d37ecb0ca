#include "runtime/log/record.h"

#include <stddef.h>

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

/* ---- calls ---- */

#define VERSION 2
#define CALLER 48u
#define HAS_DT 0x80u

enum { REF_NONE, REF_HERE, REF_PLACES };

static uint64_t
zigzag(int64_t v)
{
    return (uint64_t)v << 1 ^ (uint64_t)(v >> 63);
}

static int64_t
unzigzag(uint64_t v)
{
    return (int64_t)(v >> 1) ^ -(int64_t)(v & 1);
}

/* The bytes stand in the blob already, or are put there. */
static void
put_ref(struct record_writer *w, struct record_place *place, struct oro_bytes b)
{
    size_t at = place->at;
    if (place->len == b.len && at + b.len <= w->out.len &&
        memcmp(w->out.data + at, b.data, b.len) == 0) {
        put_varint(&w->out, REF_PLACES + at);
        return;
    }
    put_varint(&w->out, REF_HERE);
    *place = (struct record_place){(uint32_t)w->out.len, (uint32_t)b.len};
    oro_bb_put_bytes(&w->out, b);
}

/* With its length before it. */
static void
put_function(struct record_writer *w, const struct oro_origin *o)
{
    struct oro_bytes name = o->call->function;
    if (name.len == 0) {
        put_varint(&w->out, REF_NONE);
        return;
    }
    oro_bb_clear(&w->name);
    put_varint(&w->name, name.len);
    oro_bb_put_bytes(&w->name, name);
    put_ref(w, &w->names[o->reducer % RECORD_NAMES], oro_bb_bytes(&w->name));
}

static void
put_caller(struct record_writer *w, const struct oro_call *c)
{
    uint8_t bytes[CALLER];
    uint64_t hash[2];
    memcpy(bytes, c->sender.le, 32);
    memcpy(bytes + 32, c->connection.le, 16);
    memcpy(&hash[0], bytes, 8);
    memcpy(&hash[1], bytes + 32, 8);
    uint64_t h = (hash[0] * 0xbf58476d1ce4e5b9u ^ hash[1]) * 0x9e3779b97f4a7c15u >> 32;
    put_ref(w, &w->callers[h % RECORD_CALLERS], oro_bytes(bytes, CALLER));
}

static void
put_call(struct record_writer *w, const struct oro_origin *o)
{
    const struct oro_call *c = o->call;
    if (c == NULL) {
        oro_bb_u8(&w->out, 0);
        return;
    }
    ORO_ASSERT(o->kind + 1u < HAS_DT);
    oro_bb_u8(&w->out, (uint8_t)((o->kind + 1) | (c->dt != 0 ? HAS_DT : 0)));
    put_function(w, o);
    put_caller(w, c);
    put_varint(&w->out, zigzag(o->timestamp_us - w->time_us));
    w->time_us = o->timestamp_us;
    put_varint(&w->out, c->args.len);
    oro_bb_put_bytes(&w->out, c->args);
    if (c->dt != 0)
        oro_bb_put(&w->out, &c->dt, sizeof(c->dt));
}

/* ---- transactions ---- */

void
record_begin(struct record_writer *w, uint64_t last)
{
    oro_bb_clear(&w->out);
    w->last = last;
    w->time_us = 0;
    w->large = NULL;
    w->rest_bytes = 0;
    /* Places of the blob before may fit this one by chance only if the same bytes stand there, and then they do no harm. */
}

void
record_fini(struct record_writer *w)
{
    oro_bb_fini(&w->out);
    oro_bb_fini(&w->name);
    oro_bb_fini(&w->piece);
}

static uint32_t
count_kept(const struct record_ids *ids, const struct oro_commit *c)
{
    uint32_t n = c->origin.initializes ? 1 : 0;
    for (uint32_t i = 0; i < c->nops; i++) {
        const struct oro_op *op = &c->ops[i];
        n += is_kept(op, stored_id(ids, op->table));
    }
    return n;
}

/* From op `at` on, until there are `most` bytes. Returns where it has ended. */
static uint32_t
put_ops(struct oro_bb *out, size_t most, const struct record_ids *ids, const struct oro_commit *c,
        uint32_t at)
{
    for (; at < c->nops && out->len < most; at++) {
        const struct oro_op *op = &c->ops[at];
        uint32_t id = stored_id(ids, op->table);
        if (is_kept(op, id))
            put_op(out, id, op);
    }
    return at;
}

bool
record_put(struct record_writer *w, const struct record_ids *ids, const struct oro_commit *c)
{
    uint32_t n = count_kept(ids, c);
    if (n == 0)
        return false;
    ORO_ASSERT(c->offset > w->last && w->large == NULL);
    if (w->out.len == 0) {
        oro_bb_u8(&w->out, 0);
        oro_bb_u8(&w->out, VERSION);
    }
    put_varint(&w->out, c->offset - w->last);
    put_varint(&w->out, n);
    put_call(w, &c->origin);
    if (c->origin.initializes) {
        oro_bb_u8(&w->out, RECORD_INIT);
        put_varint(&w->out, 1);
        put_varint(&w->out, 0);
    }
    w->last = c->offset;
    w->rest_from = put_ops(&w->out, w->out.len + RECORD_PIECE, ids, c, 0);
    if (w->rest_from < c->nops) {
        w->large = c;
        w->ids = ids;
    }
    return true;
}

/* ---- the rest of a large one ---- */

static struct record_writer *
writer_of(struct oro_txlog_rest *rest)
{
    return (struct record_writer *)((char *)rest - offsetof(struct record_writer, rest));
}

static void
rest_rewind(struct oro_txlog_rest *rest)
{
    struct record_writer *w = writer_of(rest);
    w->rest_at = w->rest_from;
    w->rest_bytes = 0;
}

static bool
rest_next(struct oro_txlog_rest *rest, struct oro_bytes *piece)
{
    struct record_writer *w = writer_of(rest);
    oro_bb_clear(&w->piece);
    w->rest_at = put_ops(&w->piece, RECORD_PIECE, w->ids, w->large, w->rest_at);
    w->rest_bytes += w->piece.len;
    *piece = oro_bb_bytes(&w->piece);
    return piece->len > 0;
}

struct oro_txlog_rest *
record_rest(struct record_writer *w)
{
    if (w->large == NULL)
        return NULL;
    w->rest = (struct oro_txlog_rest){.rewind = rest_rewind, .next = rest_next};
    return &w->rest;
}

uint64_t
record_size(const struct record_writer *w)
{
    return w->out.len + w->rest_bytes;
}

/* ---- reading ---- */

struct record_reader
record_reader(struct oro_bytes blob, uint64_t first)
{
    struct record_reader r = {
        .begin = blob.data, .at = blob.data, .end = blob.data + blob.len, .offset = first - 1};
    r.with_calls = blob.len >= 2 && blob.data[0] == 0 && blob.data[1] == VERSION;
    r.at += r.with_calls ? 2 : 0;
    return r;
}

static oro_status
get_bytes(struct record_reader *r, uint64_t n, struct oro_bytes *out)
{
    if (n > (size_t)(r->end - r->at))
        return ORO_EMALFORMED;
    *out = oro_bytes(r->at, n);
    r->at += n;
    return ORO_OK;
}

/* fixed: so many bytes; 0: they are counted. */
static oro_status
get_item(struct record_reader *r, size_t fixed, struct oro_bytes *out)
{
    uint64_t n = fixed;
    oro_status st = fixed == 0 ? get_varint(r, &n) : ORO_OK;
    return st == ORO_OK ? get_bytes(r, n, out) : st;
}

/* An item that stands here or stood somewhere before. None: empty. */
static oro_status
get_ref(struct record_reader *r, size_t fixed, struct oro_bytes *out)
{
    uint64_t ref;
    *out = oro_bytes("", 0);
    oro_status st = get_varint(r, &ref);
    if (st != ORO_OK || ref == REF_NONE)
        return st;
    if (ref == REF_HERE)
        return get_item(r, fixed, out);
    if (ref - REF_PLACES >= (uint64_t)(r->at - r->begin))
        return ORO_EMALFORMED;
    struct record_reader there = {.at = r->begin + (ref - REF_PLACES), .end = r->at};
    return get_item(&there, fixed, out);
}

static oro_status
get_args(struct record_reader *r, bool has_dt)
{
    struct oro_call *c = &r->call.call;
    struct oro_bytes dt;
    uint64_t step;
    oro_status st = get_varint(r, &step);
    if (st != ORO_OK)
        return st;
    r->time_us = (int64_t)((uint64_t)r->time_us + (uint64_t)unzigzag(step));
    r->call.timestamp_us = r->time_us;
    st = get_item(r, 0, &c->args);
    if (st == ORO_OK && has_dt && (st = get_bytes(r, sizeof(c->dt), &dt)) == ORO_OK)
        memcpy(&c->dt, dt.data, sizeof(c->dt));
    return st;
}

static oro_status
get_call(struct record_reader *r)
{
    struct oro_bytes caller;
    r->call = (struct record_call){0};
    if (!r->with_calls)
        return ORO_OK;
    if (r->at >= r->end)
        return ORO_EMALFORMED;
    uint8_t what = *r->at++;
    if (what == 0)
        return ORO_OK;
    if ((what & ~HAS_DT) == 0)
        return ORO_EMALFORMED;
    r->call.known = true;
    r->call.kind = (uint8_t)((what & ~HAS_DT) - 1);
    oro_status st = get_ref(r, 0, &r->call.call.function);
    if (st == ORO_OK)
        st = get_ref(r, CALLER, &caller);
    if (st != ORO_OK)
        return st;
    if (caller.len == CALLER) {
        memcpy(r->call.call.sender.le, caller.data, 32);
        memcpy(r->call.call.connection.le, caller.data + 32, 16);
    }
    return get_args(r, (what & HAS_DT) != 0);
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
    return get_call(r);
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
