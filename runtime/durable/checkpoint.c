/* The log, read back, and its way into the tables. A slice takes whole transactions until it has enough rows, keeps the last
 * version of each, and writes them together with the offset it has reached, so that the tables are always the state after
 * some transaction. Slices are short because the log thread waits meanwhile. */
#include <stdlib.h>
#include <string.h>

#include "bridge/bsatn/value.h"
#include "runtime/base/clock.h"
#include "runtime/durable/crc.h"
#include "runtime/durable/durable_priv.h"

#define SLICE_MIN 64
#define SLICE_FIRST 400
#define SLICE_MAX 20000
#define SLICE_BYTES ((size_t)2 << 20) /* of rows to write */
#define SLICE_READ ((size_t)64 << 20) /* of log read: the same rows written again and again */
/* When nobody waits: the more at once, the fewer versions of a row are written. */
#define WHOLE_ROWS 200000
#define WHOLE_BYTES ((size_t)64 << 20)
#define WHOLE_READ ((size_t)1 << 30)
#define SLICE_LONG_US 30000
#define SLICE_SHORT_US 10000

struct checkpoint_entry {
    struct layout *layout;
    struct oro_bytes key, row;
    size_t room; /* for a later version of the row, at row.data */
    bool del;
};

struct checkpoint_sequence {
    uint32_t table, column;
    uint64_t allocated;
};

/* ---- whose turn ---- */

void
turn_init(struct turn *t)
{
    *t = (struct turn){0};
    pthread_mutex_init(&t->lock, NULL);
    pthread_cond_init(&t->changed, NULL);
}

void
turn_fini(struct turn *t)
{
    pthread_mutex_destroy(&t->lock);
    pthread_cond_destroy(&t->changed);
}

void
turn_take(struct turn *t, bool log)
{
    pthread_mutex_lock(&t->lock);
    if (log)
        t->log_waits = true;
    while (t->busy || (!log && t->log_waits))
        pthread_cond_wait(&t->changed, &t->lock);
    if (log)
        t->log_waits = false;
    t->busy = true;
    pthread_mutex_unlock(&t->lock);
}

void
turn_give(struct turn *t)
{
    pthread_mutex_lock(&t->lock);
    t->busy = false;
    pthread_cond_broadcast(&t->changed);
    pthread_mutex_unlock(&t->lock);
}

/* ---- reading the log ---- */

uint32_t
log_sum(uint64_t first, uint64_t last, struct oro_bytes records)
{
    uint64_t head[2] = {first, last};
    return crc32c(crc32c(0, oro_bytes(head, sizeof(head))), records);
}

oro_status
log_open(struct log_reader *r, struct db *db, const char *path, uint64_t applied,
         struct oro_err *err)
{
    *r = (struct log_reader){.path = path, .expect = applied + 1};
    return db_prepare(
        db, "SELECT first_offset, last_offset, crc, records FROM _orochi_log ORDER BY first_offset",
        &r->stmt, err);
}

void
log_close(struct log_reader *r)
{
    db_finalize(r->stmt);
    r->stmt = NULL;
}

oro_status
log_damaged(const char *path, const struct log_row *row, const char *what, struct oro_err *err)
{
    return oro_err_set(
        err, ORO_EMALFORMED,
        "the log in %s is damaged: %s in the group commit of transactions %llu to %llu. Restore a "
        "backup "
        "of the file; or give up these and all later transactions with: sqlite3 %s 'delete from "
        "_orochi_log where first_offset >= %llu'",
        path, what, (unsigned long long)row->first, (unsigned long long)row->last, path,
        (unsigned long long)row->first);
}

oro_status
log_next(struct log_reader *r, struct log_row *row, bool *more, struct oro_err *err)
{
    oro_status st = db_step(r->stmt, more, err);
    if (st != ORO_OK || !*more)
        return st;
    row->first = (uint64_t)db_column_int(r->stmt, 0);
    row->last = (uint64_t)db_column_int(r->stmt, 1);
    row->records = db_column_bytes(r->stmt, 3);
    /* The first row may begin before what is applied already, no other may. */
    bool fits =
        row->first == r->expect || (!r->begun && row->first < r->expect && row->last >= r->expect);
    if (!fits || row->last < row->first)
        return oro_err_set(err, ORO_EMALFORMED,
                           "the log in %s is damaged: transaction %llu should come next, but the "
                           "next group commit has %llu "
                           "to %llu. Restore a backup of the file; or give up these and all later "
                           "transactions with: "
                           "sqlite3 %s 'delete from _orochi_log where first_offset >= %llu'",
                           r->path, (unsigned long long)r->expect, (unsigned long long)row->first,
                           (unsigned long long)row->last, r->path, (unsigned long long)row->first);
    if ((uint32_t)db_column_int(r->stmt, 2) != log_sum(row->first, row->last, row->records))
        return log_damaged(r->path, row, "a wrong checksum", err);
    r->begun = true;
    r->expect = row->last + 1;
    return ORO_OK;
}

/* ---- a slice ---- */

void
checkpoint_init(struct checkpoint *k, struct catalog *catalog, struct db *write, struct db *read,
                struct turn *turn, const char *path, const char *sync, uint64_t applied)
{
    *k = (struct checkpoint){.catalog = catalog,
                             .write = write,
                             .read = read,
                             .turn = turn,
                             .path = path,
                             .sync = sync,
                             .applied = applied,
                             .limit = SLICE_FIRST};
    oro_arena_init(&k->arena);
}

void
checkpoint_fini(struct checkpoint *k)
{
    oro_arena_fini(&k->arena);
    oro_map_fini(&k->by_key);
    oro_free(k->entries);
    oro_free(k->sequences);
    *k = (struct checkpoint){0};
}

static struct oro_bytes
keep(struct checkpoint *k, struct oro_bytes b)
{
    uint8_t *p = oro_arena_alloc(&k->arena, b.len + 1);
    if (b.len > 0)
        memcpy(p, b.data, b.len);
    k->bytes += b.len;
    return oro_bytes(p, b.len);
}

static struct checkpoint_entry *
entry_for(struct checkpoint *k, struct layout *l, const struct oro_bb *key)
{
    /* The map's key is the stored id and the key; the layout's is what follows the id. */
    size_t at = (size_t)(uintptr_t)oro_map_get(&k->by_key, oro_bb_bytes(key));
    if (at != 0)
        return &k->entries[at - 1];
    k->entries = oro_grow(k->entries, k->n, &k->cap, sizeof(*k->entries));
    struct oro_bytes kept = keep(k, oro_bytes(key->data + 4, key->len - 4));
    k->entries[k->n] = (struct checkpoint_entry){.layout = l, .key = kept};
    oro_map_put(&k->by_key, oro_bb_bytes(key), (void *)(uintptr_t)(k->n + 1));
    return &k->entries[k->n++];
}

static void
add_sequence(struct checkpoint *k, const struct record_op *op)
{
    for (size_t i = 0; i < k->nseq; i++) {
        if (k->sequences[i].table == op->table && k->sequences[i].column == op->column) {
            k->sequences[i].allocated = op->allocated;
            return;
        }
    }
    k->sequences = oro_grow(k->sequences, k->nseq, &k->seq_cap, sizeof(*k->sequences));
    k->sequences[k->nseq++] = (struct checkpoint_sequence){op->table, op->column, op->allocated};
}

static void
keep_version(struct checkpoint *k, struct checkpoint_entry *e, struct oro_bytes row)
{
    if (row.len > e->room) {
        e->row = keep(k, row);
        e->room = row.len;
        return;
    }
    memcpy((uint8_t *)e->row.data, row.data, row.len);
    e->row.len = row.len;
}

static oro_status
add_op(struct checkpoint *k, const struct record_op *op, const struct log_row *row,
       struct oro_bb *key, struct oro_err *err)
{
    struct layout *l = catalog_find(k->catalog, op->table);
    if (l == NULL)
        return log_damaged(k->path, row, "a table that is not in the file", err);
    if (op->kind == RECORD_SEQUENCE) {
        add_sequence(k, op);
        return ORO_OK;
    }
    bool put = op->kind == RECORD_PUT;
    const struct oro_type *type =
        put || l->def->pk < 0 ? l->def->row : l->def->row->elems[l->def->pk].type;
    if (oro_value_check(type, op->bytes, NULL) != ORO_OK)
        return log_damaged(k->path, row, "a row that is not of its table's type", err);
    oro_bb_clear(key);
    oro_bb_u32(key, op->table);
    if (put)
        layout_key(l, op->bytes, key);
    else
        layout_key_of_delete(l, op->bytes, key);
    struct checkpoint_entry *e = entry_for(k, l, key);
    e->del = !put;
    if (put)
        keep_version(k, e, op->bytes);
    return ORO_OK;
}

static bool
is_full(const struct checkpoint *k)
{
    if (k->whole)
        return k->n >= WHOLE_ROWS || k->bytes >= WHOLE_BYTES;
    return k->n >= k->limit || k->bytes >= SLICE_BYTES;
}

/* Takes transactions of one row of the log; *upto follows. */
static oro_status
take_row(struct checkpoint *k, const struct log_row *row, uint64_t *upto, struct oro_err *err)
{
    struct record_reader r = record_reader(row->records, row->first);
    struct oro_bb key = {0};
    bool more = true;
    oro_status st = ORO_OK;
    while (st == ORO_OK && !is_full(k)) {
        st = record_next_tx(&r, &more);
        if (st != ORO_OK || !more)
            break;
        if (r.offset <= *upto)
            continue;
        struct record_op op;
        bool has_op;
        while ((st = record_next_op(&r, &op, &has_op)) == ORO_OK && has_op)
            if ((st = add_op(k, &op, row, &key, err)) != ORO_OK)
                goto out;
        if (st == ORO_OK)
            *upto = r.offset;
    }
    if (st != ORO_OK)
        st = log_damaged(k->path, row, "bytes that are no transactions", err);
    else if (!more)
        *upto = row->last; /* the last ones touched event tables only */
out:
    oro_bb_fini(&key);
    return st;
}

static oro_status
collect(struct checkpoint *k, uint64_t *upto, bool *more, struct oro_err *err)
{
    struct log_reader log;
    struct log_row row;
    size_t read = 0;
    oro_status st = log_open(&log, k->read, k->path, k->applied, err);
    if (st != ORO_OK)
        return st;
    *upto = k->applied;
    k->freed = 0;
    while (!is_full(k) && read < (k->whole ? WHOLE_READ : SLICE_READ)) {
        st = log_next(&log, &row, more, err);
        if (st != ORO_OK || !*more)
            break;
        st = take_row(k, &row, upto, err);
        if (st != ORO_OK)
            break;
        read += row.records.len;
        if (*upto >= row.last)
            k->freed += row.records.len;
    }
    log_close(&log);
    return st;
}

static int
compare_entries(const void *a, const void *b)
{
    const struct checkpoint_entry *x = a, *y = b;
    if (x->layout != y->layout)
        return x->layout < y->layout ? -1 : 1;
    return oro_bytes_cmp(x->key, y->key);
}

static oro_status
write_sequences(struct checkpoint *k, struct oro_err *err)
{
    oro_status st = ORO_OK;
    for (size_t i = 0; st == ORO_OK && i < k->nseq; i++)
        st = db_execf(
            k->write, err, "INSERT OR REPLACE INTO _orochi_sequences VALUES (%u, %u, %lld)",
            k->sequences[i].table, k->sequences[i].column, (long long)k->sequences[i].allocated);
    return st;
}

static oro_status
write_entries(struct checkpoint *k, uint64_t upto, struct oro_err *err)
{
    /* No fsync here: the rows taken from the log and what replaces them are one SQL transaction, and the next group commit's
     * fsync covers it. */
    bool full = strcmp(k->sync, "FULL") == 0;
    oro_status st = db_exec(
        k->write, full ? "PRAGMA synchronous = NORMAL; BEGIN IMMEDIATE" : "BEGIN IMMEDIATE", err);
    for (size_t i = 0; st == ORO_OK && i < k->n; i++) {
        const struct checkpoint_entry *e = &k->entries[i];
        st = e->del ? layout_delete(e->layout, k->write, e->key, err)
                    : layout_put(e->layout, k->write, e->key, e->row, err);
    }
    if (st == ORO_OK)
        st = write_sequences(k, err);
    if (st == ORO_OK)
        st = db_execf(k->write, err,
                      "UPDATE _orochi_meta SET value = %lld WHERE key = '_applied'; "
                      "DELETE FROM _orochi_log WHERE first_offset <= %lld AND last_offset <= %lld",
                      (long long)upto, (long long)upto, (long long)upto);
    if (st == ORO_OK)
        st = db_exec(k->write, "COMMIT", err);
    db_rollback(k->write);
    if (full && db_exec(k->write, "PRAGMA synchronous = FULL", NULL) != ORO_OK)
        ORO_ASSERT(!"group commits would no longer be durable");
    return st;
}

static void
clear_slice(struct checkpoint *k)
{
    oro_arena_reset(&k->arena);
    oro_map_fini(&k->by_key);
    k->by_key = (struct oro_map){0};
    k->n = k->nseq = k->bytes = 0;
}

/* Fewer rows when the log thread had to wait long, more when it hardly noticed. */
static void
adapt(struct checkpoint *k, int64_t held)
{
    if (held > k->longest_us)
        k->longest_us = held;
    if (held > SLICE_LONG_US && k->limit > SLICE_MIN)
        k->limit /= 2;
    else if (held < SLICE_SHORT_US && k->n >= k->limit && k->limit < SLICE_MAX)
        k->limit += k->limit / 2;
}

oro_status
checkpoint_slice(struct checkpoint *k, bool *more, struct oro_err *err)
{
    uint64_t upto;
    bool rows = false;
    *more = false;
    oro_status st = collect(k, &upto, &rows, err);
    if (st == ORO_OK && upto > k->applied) {
        if (k->n > 0)
            qsort(k->entries, k->n, sizeof(*k->entries), compare_entries);
        if (k->turn != NULL)
            turn_take(k->turn, false);
        int64_t begin = oro_mono_us();
        st = write_entries(k, upto, err);
        if (!k->whole)
            adapt(k, oro_mono_us() - begin);
        if (k->turn != NULL)
            turn_give(k->turn);
        if (st == ORO_OK) {
            k->applied = upto;
            *more = rows;
        }
    }
    clear_slice(k);
    return st;
}
