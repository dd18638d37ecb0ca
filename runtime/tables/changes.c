#include "runtime/tables/changes.h"

#include "runtime/log/record.h"

#define CHUNK_LEAST ((size_t)4 << 10)
#define CHUNK_MOST ((size_t)256 << 10)
#define MARK_BYTES ((size_t)4 << 20) /* dropped from the log at once, while the log thread waits */

/* Keys one behind the other: u32 table, u32 length, bytes. */
struct changes_chunk {
    struct changes_chunk *next;
    size_t len, cap;
    uint8_t bytes[];
};

void
changes_fini(struct changes *c)
{
    for (struct changes_chunk *k = c->first, *next; k != NULL; k = next) {
        next = k->next;
        oro_free(k);
    }
    oro_free(c->sequences);
    oro_free(c->marks);
    *c = (struct changes){0};
}

static void
chunk_add(struct changes *c, size_t need)
{
    size_t cap = c->last == NULL ? CHUNK_LEAST : c->last->cap * 4;
    cap = cap > CHUNK_MOST ? CHUNK_MOST : cap;
    cap = cap < need ? need : cap;
    struct changes_chunk *k = oro_alloc(sizeof(*k) + cap);
    *k = (struct changes_chunk){.cap = cap};
    if (c->last != NULL)
        c->last->next = k;
    else
        c->first = k;
    c->last = k;
    c->bytes += sizeof(*k) + cap;
}

static void
key_add(struct changes *c, uint32_t table, struct oro_bytes key)
{
    uint32_t head[2] = {table, (uint32_t)key.len};
    size_t need = sizeof(head) + key.len;
    if (c->last == NULL || c->last->cap - c->last->len < need)
        chunk_add(c, need);
    uint8_t *p = c->last->bytes + c->last->len;
    memcpy(p, head, sizeof(head));
    if (key.len > 0)
        memcpy(p + sizeof(head), key.data, key.len);
    c->last->len += need;
    c->n++;
}

static void
sequence_set(struct changes *c, const struct oro_table_def *t, uint32_t column, uint64_t allocated)
{
    for (size_t i = 0; i < c->nsequences; i++) {
        if (c->sequences[i].table == t && c->sequences[i].column == column) {
            c->sequences[i].allocated = allocated;
            return;
        }
    }
    c->sequences = oro_grow(c->sequences, c->nsequences, &c->sequences_cap, sizeof(*c->sequences));
    c->sequences[c->nsequences++] = (struct changes_sequence){t, column, allocated};
}

/* The version that went began after `since`: whatever inserted it has put the key here. */
static bool
is_known(const struct oro_op *op, uint64_t seq, uint64_t since)
{
    bool replaces = op->kind == ORO_OP_DELETE || op->update;
    return replaces && op->age < ORO_AGE_MAX && seq - op->age > since;
}

void
changes_add(struct changes *c, const struct oro_schema *schema, const uint32_t *ids,
            const struct oro_commit *commit, uint64_t since)
{
    c->initializes |= commit->origin.initializes && commit->nops > 0;
    for (uint32_t i = 0; i < commit->nops; i++) {
        const struct oro_op *op = &commit->ops[i];
        const struct oro_table_def *t = op->table;
        uint32_t at = (uint32_t)(t - schema->tables);
        if (ids[at] == 0)
            continue;
        if (op->kind == ORO_OP_SEQUENCE) {
            sequence_set(c, t, t->sequences[op->sequence].col, op->allocated);
            continue;
        }
        /* Of the two halves of an update the insert speaks. */
        if ((op->kind == ORO_OP_DELETE && op->update) || is_known(op, commit->seq, since))
            continue;
        struct oro_bytes b = oro_row_bytes(op->row);
        key_add(c, at, t->pk >= 0 ? record_column(t->row, b, (uint16_t)t->pk) : b);
    }
}

void
changes_logged(struct changes *c, uint64_t last, size_t bytes)
{
    c->log_bytes += bytes;
    c->since += bytes;
    if (c->nmarks > 0 && c->since < MARK_BYTES) {
        c->marks[c->nmarks - 1] = last;
        return;
    }
    c->since = bytes;
    c->marks = oro_grow(c->marks, c->nmarks, &c->marks_cap, sizeof(*c->marks));
    c->marks[c->nmarks++] = last;
}

void
changes_join(struct changes *c, struct changes *from)
{
    if (c->last != NULL)
        c->last->next = from->first;
    else
        c->first = from->first;
    c->last = from->last != NULL ? from->last : c->last;
    c->n += from->n;
    c->bytes += from->bytes;
    c->log_bytes += from->log_bytes;
    c->initializes |= from->initializes;
    for (size_t i = 0; i < from->nsequences; i++)
        sequence_set(c, from->sequences[i].table, from->sequences[i].column,
                     from->sequences[i].allocated);
    for (size_t i = 0; i < from->nmarks; i++) {
        c->marks = oro_grow(c->marks, c->nmarks, &c->marks_cap, sizeof(*c->marks));
        c->marks[c->nmarks++] = from->marks[i];
    }
    c->since = from->since;
    from->first = from->last = NULL;
    changes_fini(from);
}

struct changes_reader
changes_read(const struct changes *c)
{
    return (struct changes_reader){.chunk = c->first};
}

bool
changes_next(struct changes_reader *r, struct changes_key *key)
{
    while (r->chunk != NULL && r->at == r->chunk->len)
        *r = (struct changes_reader){.chunk = r->chunk->next};
    if (r->chunk == NULL)
        return false;
    const uint8_t *p = r->chunk->bytes + r->at;
    uint32_t head[2];
    memcpy(head, p, sizeof(head));
    *key = (struct changes_key){.table = head[0], .bytes = oro_bytes(p + sizeof(head), head[1])};
    r->at += sizeof(head) + head[1];
    return true;
}
