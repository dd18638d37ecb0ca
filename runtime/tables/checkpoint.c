/* The way of what has changed into the tables. What a checkpoint costs follows the rows that have changed and not the length
 * of the log: it writes the last version of each, in the order of their keys, so that each page is written once. That is one
 * SQL transaction together with the offset it has reached, so the tables are always the state after some transaction; nobody
 * waits for it, since the log is a file of its own. Only when it is on disk is the log dropped.
 *
 * While a server runs, the rows come from its store, at the snapshot that the log thread has cut at (checkpoint_changes). What
 * an earlier run has left, and everything before a migration, is read back from the log (checkpoint_slice). */
#include <stdlib.h>
#include <string.h>

#include "bridge/bsatn/value.h"
#include "runtime/tables/checkpoint.h"

/* Most that is kept in memory; with more rows than that, several SQL transactions follow each other. */
#define ROWS_MOST ((size_t)1 << 20)
#define ROWS_LEAST ((size_t)20000)
#define BYTES_MOST ((size_t)192 << 20)
/* Rows far apart in large tables change a page each: then fewer at once, so that the WAL stays about this small. */
#define WAL_PAGES_WANTED ((size_t)(128 << 20) / 4096)
#define DROP_BYTES ((size_t)4 << 20) /* of log, while the log thread waits */
#define TABLE_FIRST 4096
#define LOOK_EVERY 2048 /* rows written between two looks at what else there is to do */

/* The last version of a row; its key and then its bytes follow. */
struct checkpoint_entry {
    struct layout *layout;
    uint32_t key_len, len, room;
    bool del;
    uint8_t bytes[];
};

struct checkpoint_slot {
    uint64_t hash;
    struct checkpoint_entry *entry; /* NULL: free */
};

/* For the order of writing: the first bytes of a key say nearly always which comes first. */
struct checkpoint_place {
    uint64_t prefix;
    struct checkpoint_entry *entry;
};

struct checkpoint_sequence {
    uint32_t table, column;
    uint64_t allocated;
};

/* ---- the last version of each row ---- */

void
checkpoint_init(struct checkpoint *k, struct catalog *catalog, struct db *tables,
                struct oro_txlog *log, uint64_t applied)
{
    *k = (struct checkpoint){
        .catalog = catalog, .tables = tables, .log = log, .applied = applied, .limit = ROWS_MOST};
    oro_arena_init(&k->arena);
}

static void
clear(struct checkpoint *k)
{
    oro_arena_fini(&k->arena);
    oro_arena_init(&k->arena);
    oro_free(k->slots);
    oro_free(k->places);
    k->slots = NULL;
    k->places = NULL;
    k->nslots = k->n = k->nseq = k->bytes = k->read = 0;
    k->initializes = false;
}

void
checkpoint_fini(struct checkpoint *k)
{
    clear(k);
    oro_arena_fini(&k->arena);
    oro_free(k->sequences);
    oro_free(k->marks);
    *k = (struct checkpoint){0};
}

static void
table_grow(struct checkpoint *k)
{
    size_t n = k->nslots == 0 ? TABLE_FIRST : k->nslots * 2, mask = n - 1;
    struct checkpoint_slot *slots = ORO_NEW_ARRAY(struct checkpoint_slot, n);
    for (size_t i = 0; i < k->nslots; i++) {
        if (k->slots[i].entry == NULL)
            continue;
        size_t at = (size_t)k->slots[i].hash & mask;
        while (slots[at].entry != NULL)
            at = (at + 1) & mask;
        slots[at] = k->slots[i];
    }
    oro_free(k->slots);
    k->slots = slots;
    k->nslots = n;
}

static bool
entry_is(const struct checkpoint_entry *e, const struct layout *l, struct oro_bytes key)
{
    return e->layout == l && e->key_len == key.len &&
           (key.len == 0 || memcmp(e->bytes, key.data, key.len) == 0);
}

static struct checkpoint_slot *
slot_for(struct checkpoint *k, const struct layout *l, struct oro_bytes key)
{
    uint64_t hash = oro_bytes_hash(key) ^ (uint64_t)l->id * 0x9e3779b97f4a7c15u;
    if (k->n * 2 >= k->nslots)
        table_grow(k);
    for (size_t at = (size_t)hash & (k->nslots - 1);; at = (at + 1) & (k->nslots - 1)) {
        struct checkpoint_slot *s = &k->slots[at];
        if (s->entry == NULL) {
            s->hash = hash;
            return s;
        }
        if (s->hash == hash && entry_is(s->entry, l, key))
            return s;
    }
}

/* row: NULL for a deletion. */
static void
keep_version(struct checkpoint *k, struct layout *l, struct oro_bytes key,
             const struct oro_bytes *row)
{
    struct checkpoint_slot *s = slot_for(k, l, key);
    struct checkpoint_entry *e = s->entry;
    size_t len = row != NULL ? row->len : 0;
    if (e == NULL || e->room < len) {
        k->n += e == NULL;
        k->bytes += sizeof(*e) + key.len + len;
        e = s->entry = oro_arena_alloc(&k->arena, sizeof(*e) + key.len + len);
        *e = (struct checkpoint_entry){
            .layout = l, .key_len = (uint32_t)key.len, .room = (uint32_t)len};
        if (key.len > 0)
            memcpy(e->bytes, key.data, key.len);
    }
    e->del = row == NULL;
    e->len = (uint32_t)len;
    if (len > 0)
        memcpy(e->bytes + e->key_len, row->data, len);
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

static oro_status
add_op(struct checkpoint *k, const struct record_op *op, const struct oro_txlog_batch *row,
       struct oro_bb *key, struct oro_err *err)
{
    if (op->kind == RECORD_INIT) {
        k->initializes = true;
        return ORO_OK;
    }
    struct layout *l = catalog_find(k->catalog, op->table);
    if (l == NULL)
        return oro_txlog_damaged(k->log, row, "a table that is not in the file", err);
    if (op->kind == RECORD_SEQUENCE) {
        add_sequence(k, op);
        return ORO_OK;
    }
    bool put = op->kind == RECORD_PUT;
    const struct oro_type *type =
        put || l->def->pk < 0 ? l->def->row : l->def->row->elems[l->def->pk].type;
    if (oro_value_check(type, op->bytes, NULL) != ORO_OK)
        return oro_txlog_damaged(k->log, row, "a row that is not of its table's type", err);
    oro_bb_clear(key);
    if (put)
        layout_key(l, op->bytes, key);
    else
        layout_key_of_delete(l, op->bytes, key);
    /* Without a primary key the row itself is the key. */
    struct oro_bytes none = {0};
    keep_version(k, l, oro_bb_bytes(key), !put ? NULL : l->def->pk < 0 ? &none : &op->bytes);
    return ORO_OK;
}

static bool
is_full(const struct checkpoint *k)
{
    return k->n >= k->limit || k->bytes >= BYTES_MOST;
}

static bool
is_stopped(const struct checkpoint *k)
{
    return k->stop != NULL && atomic_load(k->stop);
}

/* Takes transactions of one row of the log; *upto follows. */
static oro_status
take_row(struct checkpoint *k, const struct oro_txlog_batch *row, uint64_t *upto,
         struct oro_err *err)
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
        st = oro_txlog_damaged(k->log, row, "bytes that are no transactions", err);
    else if (!more)
        *upto = row->last; /* the last ones touched event tables only */
out:
    oro_bb_fini(&key);
    return st;
}

/* Remembers where the log may be cut to drop it in small pieces. */
static void
mark_row(struct checkpoint *k, const struct oro_txlog_batch *row, size_t *since)
{
    *since += row->records.len;
    k->read += row->records.len;
    if (k->nmarks > 0 && *since < DROP_BYTES) {
        k->marks[k->nmarks - 1] = row->last;
        return;
    }
    *since = row->records.len;
    k->marks = oro_grow(k->marks, k->nmarks, &k->marks_cap, sizeof(*k->marks));
    k->marks[k->nmarks++] = row->last;
}

static oro_status
collect(struct checkpoint *k, uint64_t *upto, bool *more, struct oro_err *err)
{
    struct oro_txlog_reader log;
    struct oro_txlog_batch row;
    size_t since = 0;
    oro_status st = oro_txlog_read(k->log, k->applied + 1, &log, err);
    if (st != ORO_OK)
        return st;
    *upto = k->applied;
    while (!is_full(k) && !is_stopped(k) && (k->until == 0 || *upto < k->until)) {
        st = oro_txlog_next(&log, &row, more, err);
        if (st != ORO_OK || !*more)
            break;
        st = take_row(k, &row, upto, err);
        if (st != ORO_OK)
            break;
        if (*upto >= row.last)
            mark_row(k, &row, &since);
    }
    oro_txlog_read_end(&log);
    return st;
}

/* ---- writing them ---- */

static int
compare_places(const void *a, const void *b)
{
    const struct checkpoint_place *x = a, *y = b;
    if (x->prefix != y->prefix)
        return x->prefix < y->prefix ? -1 : 1;
    const struct checkpoint_entry *e = x->entry, *f = y->entry;
    if (e->layout != f->layout)
        return e->layout < f->layout ? -1 : 1;
    return oro_bytes_cmp(oro_bytes(e->bytes, e->key_len), oro_bytes(f->bytes, f->key_len));
}

/* The table and the first six bytes of the key. */
static uint64_t
prefix_of(const struct checkpoint *k, const struct checkpoint_entry *e)
{
    uint64_t prefix = (uint64_t)(e->layout - k->catalog->items) & 0xffff;
    for (unsigned i = 0; i < 6; i++)
        prefix = prefix << 8 | (i < e->key_len ? e->bytes[i] : 0);
    return prefix;
}

static void
sort_places(struct checkpoint *k, size_t n)
{
    if (n > 0)
        qsort(k->places, n, sizeof(*k->places), compare_places);
}

static void
sort_slots(struct checkpoint *k)
{
    size_t n = 0;
    k->places = ORO_NEW_ARRAY(struct checkpoint_place, k->n + 1);
    for (size_t i = 0; i < k->nslots; i++) {
        struct checkpoint_entry *e = k->slots[i].entry;
        if (e != NULL)
            k->places[n++] = (struct checkpoint_place){prefix_of(k, e), e};
    }
    sort_places(k, n);
}

static oro_status
write_sequences(struct checkpoint *k, struct oro_err *err)
{
    oro_status st = ORO_OK;
    for (size_t i = 0; st == ORO_OK && i < k->nseq; i++)
        st = db_execf(
            k->tables, err, "INSERT OR REPLACE INTO _orochi_sequences VALUES (%u, %u, %lld)",
            k->sequences[i].table, k->sequences[i].column, (long long)k->sequences[i].allocated);
    return st;
}

static oro_status
write_rows(struct checkpoint *k, struct oro_err *err)
{
    oro_status st = db_exec(k->tables, "DELETE FROM _orochi_rows", err);
    for (uint32_t i = 0; st == ORO_OK && k->rows != NULL && i < k->catalog->n; i++)
        if (k->catalog->items[i].id != 0)
            st = db_execf(k->tables, err, "INSERT INTO _orochi_rows VALUES (%u, %llu)",
                          k->catalog->items[i].id, (unsigned long long)k->rows[i]);
    return st;
}

static oro_status
write_entry(struct checkpoint *k, const struct checkpoint_entry *e, struct oro_err *err)
{
    struct oro_bytes key = oro_bytes(e->bytes, e->key_len);
    if (e->del)
        return layout_delete(e->layout, k->tables, key, err);
    struct oro_bytes row = e->layout->def->pk < 0 ? key : oro_bytes(e->bytes + e->key_len, e->len);
    return layout_put(e->layout, k->tables, key, row, err);
}

/* *written: false when it was stopped on the way; nothing has changed then. */
static oro_status
write_all(struct checkpoint *k, uint64_t upto, bool *written, struct oro_err *err)
{
    *written = false;
    oro_status st = db_exec(k->tables, "BEGIN IMMEDIATE", err);
    for (size_t i = 0; st == ORO_OK && i < k->n; i++) {
        if (i % LOOK_EVERY == LOOK_EVERY - 1) {
            if (is_stopped(k) || (k->late != NULL && k->late(k->arg)))
                goto out;
            if (k->look != NULL)
                k->look(k->arg);
        }
        if (i == 0 || compare_places(&k->places[i - 1], &k->places[i]) != 0)
            st = write_entry(k, k->places[i].entry, err);
    }
    if (st == ORO_OK)
        st = write_sequences(k, err);
    if (st == ORO_OK)
        st = write_rows(k, err);
    if (st == ORO_OK && k->initializes)
        st = db_exec(k->tables, INITIALIZED_SQL, err);
    if (st == ORO_OK)
        st = db_execf(k->tables, err,
                      "UPDATE _orochi_meta SET value = %lld WHERE key = '_applied'; COMMIT",
                      (long long)upto);
    *written = st == ORO_OK;
out:
    db_rollback(k->tables);
    return st;
}

/* Copies the WAL of the tables into their file, and looks at how much it was. */
static void
copy_tables(struct checkpoint *k)
{
    int pages = 0, done = 0;
    if (db_wal_checkpoint(k->tables, false, &pages, &done, NULL) != ORO_OK || pages <= 0)
        return; /* it stays in the WAL; the next time */
    size_t limit = k->n * WAL_PAGES_WANTED / (size_t)pages;
    k->limit = limit < ROWS_LEAST ? ROWS_LEAST : limit > ROWS_MOST ? ROWS_MOST : limit;
}

/* What is in the tables, on disk, leaves the log. */
static oro_status
drop_log(struct checkpoint *k, struct oro_err *err)
{
    oro_status st = ORO_OK;
    for (size_t i = 0; st == ORO_OK && i < k->nmarks; i++)
        st = oro_txlog_cut(k->log, k->marks[i], err);
    if (st == ORO_OK)
        k->nmarks = 0;
    return st;
}

oro_status
checkpoint_slice(struct checkpoint *k, bool *more, struct oro_err *err)
{
    uint64_t upto;
    bool rows = false, written = false;
    *more = false;
    oro_status st = drop_log(k, err); /* what could not be dropped the last time */
    if (st != ORO_OK)
        return st;
    st = collect(k, &upto, &rows, err);
    if (st == ORO_OK && upto > k->applied && !is_stopped(k)) {
        sort_slots(k);
        st = write_all(k, upto, &written, err);
    }
    if (written) {
        k->applied = upto;
        k->freed += k->read;
        *more = rows && (k->until == 0 || upto < k->until);
        copy_tables(k);
        st = drop_log(k, err);
    } else {
        k->nmarks = 0;
    }
    clear(k);
    return st;
}

/* ---- out of the store ---- */

static void
take_key(struct checkpoint *k, const struct oro_schema *schema, struct oro_session *se,
         const struct changes_key *c, struct oro_bb *key)
{
    struct layout *l = &k->catalog->items[c->table];
    struct oro_bytes row = {0};
    bool there = oro_read_row(se, &schema->tables[c->table], c->bytes, &row);
    oro_bb_clear(key);
    layout_key_of_delete(l, c->bytes, key);
    /* Without a primary key the row itself is the key. */
    size_t len = there && l->def->pk >= 0 ? row.len : 0;
    struct checkpoint_entry *e = oro_arena_alloc(&k->arena, sizeof(*e) + key->len + len);
    *e = (struct checkpoint_entry){
        .layout = l, .key_len = (uint32_t)key->len, .len = (uint32_t)len, .del = !there};
    if (key->len > 0)
        memcpy(e->bytes, key->data, key->len);
    if (len > 0)
        memcpy(e->bytes + key->len, row.data, len);
    k->places[k->n++] = (struct checkpoint_place){prefix_of(k, e), e};
}

void
checkpoint_gather(struct checkpoint *k, const struct changes *changes,
                  const struct oro_schema *schema, struct oro_session *se)
{
    struct changes_reader r = changes_read(changes);
    struct changes_key c;
    struct oro_bb key = {0};
    clear(k);
    k->places = ORO_NEW_ARRAY(struct checkpoint_place, changes->n + 1);
    while (changes_next(&r, &c))
        take_key(k, schema, se, &c, &key);
    oro_bb_fini(&key);
    for (size_t i = 0; i < changes->nsequences; i++) {
        const struct changes_sequence *q = &changes->sequences[i];
        struct record_op op = {.table = k->catalog->items[q->table - schema->tables].id,
                               .column = q->column,
                               .allocated = q->allocated};
        add_sequence(k, &op);
    }
}

oro_status
checkpoint_changes(struct checkpoint *k, const struct changes *changes, const uint64_t *rows,
                   uint64_t upto, bool *written, struct oro_err *err)
{
    sort_places(k, k->n);
    k->rows = rows;
    k->initializes = changes->initializes;
    oro_status st = write_all(k, upto, written, err);
    k->rows = NULL;
    clear(k);
    if (!*written)
        return st;
    k->applied = upto;
    k->freed += changes->log_bytes;
    for (size_t i = 0; i < changes->nmarks; i++) {
        k->marks = oro_grow(k->marks, k->nmarks, &k->marks_cap, sizeof(*k->marks));
        k->marks[k->nmarks++] = changes->marks[i];
    }
    copy_tables(k);
    return drop_log(k, err);
}
