/* runtime/store/sequence.c - auto_inc columns. Values are taken outside of transactions and never
 * given back. Before the first value of a block is used, a record that reserves the block stands in
 * the ring, ahead of every row with one. */
#include "runtime/store/internal.h"

static uint64_t
int_max(enum oro_kind k, uint32_t *size)
{
    switch (k) {
    case ORO_I8:
        *size = 1;
        return INT8_MAX;
    case ORO_U8:
        *size = 1;
        return UINT8_MAX;
    case ORO_I16:
        *size = 2;
        return INT16_MAX;
    case ORO_U16:
        *size = 2;
        return UINT16_MAX;
    case ORO_I32:
        *size = 4;
        return INT32_MAX;
    case ORO_U32:
        *size = 4;
        return UINT32_MAX;
    case ORO_I64:
        *size = 8;
        return INT64_MAX;
    /* so that "one after the last" is a number too */
    case ORO_U64:
        *size = 8;
        return UINT64_MAX - 1;
    case ORO_I128:
    case ORO_U128:
        *size = 16;
        return UINT64_MAX - 1;
    case ORO_I256:
    case ORO_U256:
        *size = 32;
        return UINT64_MAX - 1;
    default:
        ORO_ASSERT(!"auto_inc on a column that is not an integer");
    }
    return 0;
}

static enum oro_kind
int_kind(const struct oro_type *column)
{
    const struct oro_type *t = oro_type_resolve(column);
    while (t->kind == ORO_PRODUCT && t->nelems == 1)
        t = oro_type_resolve(t->elems[0].type);
    return t->kind;
}

uint64_t
oro_sequence_max(const struct oro_type *column)
{
    uint32_t size;
    return int_max(int_kind(column), &size);
}

/* A crash or a stop costs what is reserved and was not used: of a narrow column a small part, too. */
static uint64_t
block_of(const struct oro_store *s, const struct oro_sequence *q)
{
    uint64_t part = q->max / 256 + 1;
    return part < s->sequence_block ? part : s->sequence_block;
}

static void
reserve(struct oro_session *se, struct oro_table *t, struct oro_sequence *q)
{
    struct oro_store *s = se->store;
    struct oro_record *rec = oro_record_new(&se->cache, 1, NULL);
    oro_spin_lock(&s->lock);
    uint64_t from = atomic_load_explicit(&q->allocated, memory_order_relaxed);
    bool needed = atomic_load_explicit(&q->next, memory_order_relaxed) >= from && from <= q->max;
    if (needed) {
        uint64_t left = q->max - from + 1, block = block_of(s, q);
        uint64_t to = from + (left < block ? left : block);
        rec->ops[0] = (struct oro_op){.kind = ORO_OP_SEQUENCE,
                                      .sequence = (uint8_t)(q - t->seqs),
                                      .table = t->def,
                                      .allocated = to};
        oro_ring_publish(s, rec, atomic_load_explicit(&s->seq, memory_order_relaxed) + 1);
        /* Pairs with the acquire in take(): who uses the block commits behind its record. */
        atomic_store_explicit(&q->allocated, to, memory_order_release);
    }
    oro_spin_unlock(&s->lock);
    if (!needed)
        oro_record_free(&se->cache, rec);
}

uint64_t
oro_store_raise_sequence(struct oro_session *se, const struct oro_table_def *def, unsigned sequence,
                         uint64_t allocated)
{
    struct oro_store *s = se->store;
    struct oro_sequence *q = &oro_table_of(s, def)->seqs[sequence];
    ORO_ASSERT(sequence < def->nsequences);
    struct oro_record *rec = oro_record_new(&se->cache, 1, NULL);
    oro_spin_lock(&s->lock);
    uint64_t seq = atomic_load_explicit(&s->seq, memory_order_relaxed);
    bool needed = allocated > atomic_load_explicit(&q->allocated, memory_order_relaxed);
    if (needed) {
        rec->ops[0] = (struct oro_op){.kind = ORO_OP_SEQUENCE,
                                      .sequence = (uint8_t)sequence,
                                      .table = def,
                                      .allocated = allocated};
        oro_ring_publish(s, rec, ++seq);
        atomic_store(&q->next, allocated);
        /* Pairs with the acquire in take(). */
        atomic_store_explicit(&q->allocated, allocated, memory_order_release);
    }
    oro_spin_unlock(&s->lock);
    if (!needed)
        oro_record_free(&se->cache, rec);
    return seq;
}

/* 0: used up. */
static uint64_t
take(struct oro_session *se, struct oro_table *t, struct oro_sequence *q)
{
    uint64_t v = atomic_load_explicit(&q->next, memory_order_relaxed);
    while (v <= q->max) {
        if (v >= atomic_load_explicit(&q->allocated, memory_order_acquire)) {
            reserve(se, t, q);
            v = atomic_load_explicit(&q->next, memory_order_relaxed);
        } else if (atomic_compare_exchange_weak_explicit(&q->next, &v, v + 1, memory_order_relaxed,
                                                         memory_order_relaxed)) {
            return v;
        }
    }
    return 0;
}

static bool
all_zero(const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (p[i] != 0)
            return false;
    return true;
}

oro_status
oro_sequence_fill(struct oro_session *se, struct oro_table *t, uint8_t *row, struct oro_err *err)
{
    for (uint32_t i = 0; i < t->def->nsequences; i++) {
        struct oro_sequence *q = &t->seqs[i];
        const struct oro_elem *col = &t->def->row->elems[q->def->col];
        uint32_t size;
        int_max(int_kind(col->type), &size);
        uint8_t *at = row + oro_layout_at(&t->layout, row, q->def->col);
        if (!all_zero(at, size))
            continue;
        uint64_t v = take(se, t, q);
        if (v == 0)
            return oro_err_set(
                err, ORO_EFULL,
                "AutoIncOverflow: sequence '%s' of table '%s' has no value left for column '%s'",
                q->def->name, t->def->name, col->name);
        memcpy(at, &v, size < 8 ? size : 8);
    }
    return ORO_OK;
}

/* What the column holds, as far as a sequence could have given it: 0 below zero, the largest beyond. */
static uint64_t
value_in(const uint8_t *at, uint32_t size, enum oro_kind kind, uint64_t max)
{
    uint64_t v = 0;
    bool is_signed = kind == ORO_I8 || kind == ORO_I16 || kind == ORO_I32 || kind == ORO_I64 ||
                     kind == ORO_I128 || kind == ORO_I256;
    if (is_signed && (at[size - 1] & 0x80) != 0)
        return 0;
    memcpy(&v, at, size < 8 ? size : 8);
    return v > max || (size > 8 && !all_zero(at + 8, size - 8)) ? max : v;
}

uint64_t
oro_store_sequence(struct oro_store *s, const struct oro_table_def *def, unsigned sequence)
{
    return atomic_load(&oro_table_of(s, def)->seqs[sequence].allocated);
}

void
oro_store_load_sequence(struct oro_store *s, const struct oro_table_def *def, unsigned sequence,
                        uint64_t allocated)
{
    struct oro_table *t = oro_table_of(s, def);
    ORO_ASSERT(sequence < def->nsequences);
    struct oro_sequence *q = &t->seqs[sequence];
    uint64_t at = allocated == 0 ? 1 : allocated;
    atomic_store(&q->next, at);
    atomic_store(&q->allocated, at);
}

uint64_t
oro_store_sequence_above_rows(struct oro_store *s, const struct oro_table_def *def,
                              unsigned sequence)
{
    struct oro_table *t = oro_table_of(s, def);
    struct oro_sequence *q = &t->seqs[sequence];
    enum oro_kind kind = int_kind(def->row->elems[q->def->col].type);
    struct oro_session *se = oro_session_open(s);
    struct oro_rows rows;
    uint64_t most = 0;
    uint32_t size;
    int_max(kind, &size);
    oro_read_begin(se);
    oro_read_scan(se, def, &rows);
    for (size_t i = 0; i < rows.n; i++) {
        const uint8_t *row = rows.rows[i].data;
        uint64_t v =
            value_in(row + oro_layout_at(&t->layout, row, q->def->col), size, kind, q->max);
        most = v > most ? v : most;
    }
    oro_read_end(se);
    oro_session_close(se);
    oro_store_load_sequence(s, def, sequence, most + 1);
    return most + 1;
}
