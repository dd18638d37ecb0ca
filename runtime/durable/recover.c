/* File to store, at the start: the tables, then the transactions that are only in the log. */
#include <stdlib.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

#include "bridge/bsatn/value.h"
#include "runtime/base/clock.h"
#include "runtime/base/log.h"
#include "runtime/durable/durable_priv.h"
#include "runtime/store/apply.h"

static oro_status
table_damaged(const struct oro_durable *d, const struct layout *l, oro_status st,
              struct oro_err *err)
{
    char *what = oro_strdup(err->text);
    if (st == ORO_EEXISTS) {
        oro_err_set(
            err, ORO_EINVAL,
            "table %s: %s. Two rows have one value of a unique column: where the module has "
            "made it unique only now, take that back; where somebody has edited the file, "
            "correct one of them with: sqlite3 %s. Or: Restore a backup (orochi restore)",
            l->sql_name, what, d->path);
        oro_free(what);
        return ORO_EINVAL;
    }
    oro_err_set(err, st == ORO_EIO ? ORO_EIO : ORO_EMALFORMED, "%s, table %s: %s. " DAMAGED,
                d->path, l->sql_name, what, d->path);
    oro_free(what);
    return st == ORO_EIO ? ORO_EIO : ORO_EMALFORMED;
}

/* As many as the last checkpoint left: a damaged page may also hide rows. */
static oro_status
check_count(struct oro_durable *d, const struct layout *l, uint64_t rows, struct oro_err *err)
{
    char *sql = oro_asprintf("SELECT coalesce((SELECT rows FROM _orochi_rows WHERE table_id = %u), "
                             "%llu)",
                             l->id, (unsigned long long)rows);
    int64_t want = 0;
    oro_status st = db_int(d->tables, sql, &want, err);
    oro_free(sql);
    if (st == ORO_OK && (uint64_t)want != rows)
        st = oro_err_set(err, ORO_EMALFORMED, "%llu rows are found where there were %lld",
                         (unsigned long long)rows, (long long)want);
    return st;
}

static oro_status
load_table(struct oro_durable *d, const struct layout *l, struct oro_store *store, uint64_t *rows,
           struct oro_err *err)
{
    struct oro_bb sql = {0};
    struct db_stmt *s = NULL;
    uint64_t before = *rows;
    bool row;
    oro_bb_printf(&sql, "SELECT _row FROM ");
    db_put_name(&sql, l->sql_name);
    oro_bb_u8(&sql, 0);
    oro_status st = db_prepare(d->tables, (const char *)sql.data, &s, err);
    while (st == ORO_OK && (st = db_step(s, &row, err)) == ORO_OK && row) {
        struct oro_bytes b;
        ++*rows;
        st = layout_row(db_column_bytes(s, 0), &b, err);
        if (st == ORO_OK)
            st = oro_value_check(l->def->row, b, err);
        if (st == ORO_OK)
            st = oro_store_load(store, l->def, b, false, err);
        if (st != ORO_OK) {
            oro_err_wrap(err, "row %llu", (unsigned long long)(*rows - before));
            break;
        }
    }
    db_finalize(s);
    oro_bb_fini(&sql);
    if (st == ORO_OK)
        st = check_count(d, l, *rows - before, err);
    return st == ORO_OK ? ORO_OK : table_damaged(d, l, st, err);
}

static bool
sequence_of(const struct oro_table_def *t, uint32_t column, unsigned *out)
{
    for (uint32_t i = 0; i < t->nsequences; i++) {
        if (t->sequences[i].col == column) {
            *out = i;
            return true;
        }
    }
    return false; /* the module has none there any more */
}

/* By table and sequence, 256 to a table as oro_op counts them. */
static uint64_t
sequence_number(const struct oro_durable *d, const struct oro_table_def *t, unsigned seq)
{
    return (uint64_t)(t - d->schema->tables) << 8 | seq;
}

static void
sequence_found(struct oro_durable *d, const struct oro_table_def *t, unsigned seq)
{
    oro_map_put_u64(&d->sequences, sequence_number(d, t, seq), d);
}

static void
sequence_load(struct oro_durable *d, struct oro_store *store, const struct oro_table_def *t,
              unsigned seq, uint64_t allocated)
{
    oro_store_load_sequence(store, t, seq, allocated);
    sequence_found(d, t, seq);
}

/* A column may have become auto_inc since: its values go on above those that are there. That is kept, so that what somebody
 * inserts later does not move it once more. */
static oro_status
begin_sequence(struct oro_durable *d, struct oro_store *store, const struct oro_table_def *t,
               unsigned seq, struct oro_err *err)
{
    uint32_t col = t->sequences[seq].col;
    uint64_t first = oro_store_sequence_above_rows(store, t, seq);
    if (first > 1)
        oro_log(ORO_LOG_INFO, "durable", "table %s: values of column %s go on from %llu", t->name,
                t->row->elems[col].name, (unsigned long long)first);
    return db_execf(d->tables, err, "INSERT OR IGNORE INTO _orochi_sequences VALUES (%u, %u, %lld)",
                    d->ids[t - d->schema->tables], col, (long long)first);
}

static oro_status
begin_sequences(struct oro_durable *d, struct oro_store *store, struct oro_err *err)
{
    oro_status st = ORO_OK;
    for (uint32_t i = 0; st == ORO_OK && i < d->schema->ntables; i++) {
        const struct oro_table_def *t = &d->schema->tables[i];
        for (unsigned k = 0; st == ORO_OK && k < t->nsequences && d->ids[i] != 0; k++)
            if (oro_map_get_u64(&d->sequences, sequence_number(d, t, k)) == NULL)
                st = begin_sequence(d, store, t, k, err);
    }
    return st;
}

static oro_status
load_sequences(struct oro_durable *d, struct oro_store *store, struct oro_err *err)
{
    struct db_stmt *s;
    bool row;
    oro_status st =
        db_prepare(d->tables, "SELECT table_id, column, allocated FROM _orochi_sequences", &s, err);
    if (st != ORO_OK)
        return st;
    while ((st = db_step(s, &row, err)) == ORO_OK && row) {
        const struct layout *l = catalog_find(&d->catalog, (uint32_t)db_column_int(s, 0));
        unsigned seq;
        if (l != NULL && sequence_of(l->def, (uint32_t)db_column_int(s, 1), &seq))
            sequence_load(d, store, l->def, seq, (uint64_t)db_column_int(s, 2));
    }
    db_finalize(s);
    return st;
}

struct replay {
    struct oro_durable *d;
    struct oro_store *store;
    const struct oro_txlog_batch *row;
    struct oro_change *changes; /* of the transaction at hand */
    size_t n, cap;
    struct oro_err *err;
};

static oro_status
replay_damaged(const struct replay *p, const char *what)
{
    return oro_txlog_damaged(p->d->log, p->row, what, p->err);
}

static struct oro_change *
replay_add(struct replay *p)
{
    p->changes = oro_grow(p->changes, p->n, &p->cap, sizeof(*p->changes));
    return &p->changes[p->n++];
}

static oro_status
replay_op(struct replay *p, const struct record_op *op)
{
    const struct layout *l = catalog_find(&p->d->catalog, op->table);
    unsigned seq;
    if (op->kind == RECORD_INIT) {
        atomic_store(&p->d->initialized, true);
        return ORO_OK;
    }
    if (l == NULL)
        return replay_damaged(p, "a table that is not in the file");
    if (op->kind != RECORD_SEQUENCE) {
        *replay_add(p) =
            (struct oro_change){.kind = op->kind == RECORD_PUT ? ORO_CHANGE_PUT : ORO_CHANGE_DELETE,
                                .table = l->def,
                                .bytes = op->bytes};
    } else if (sequence_of(l->def, op->column, &seq)) {
        *replay_add(p) = (struct oro_change){.kind = ORO_CHANGE_SEQUENCE,
                                             .table = l->def,
                                             .sequence = seq,
                                             .allocated = op->allocated};
        sequence_found(p->d, l->def, seq);
    }
    return ORO_OK;
}

static oro_status
replay_tx(struct replay *p, struct record_reader *r)
{
    struct record_op op;
    struct oro_err why = {0};
    bool more;
    oro_status st;
    p->n = 0;
    while ((st = record_next_op(r, &op, &more)) == ORO_OK && more)
        if ((st = replay_op(p, &op)) != ORO_OK)
            return st;
    if (st != ORO_OK)
        return replay_damaged(p, "bytes that are no transactions");
    st = oro_apply_check(p->changes, p->n, &why);
    if (st == ORO_OK)
        st = oro_apply_load(p->store, p->changes, p->n, &why);
    if (st == ORO_EMALFORMED)
        return replay_damaged(p, why.text);
    return st == ORO_OK ? ORO_OK : oro_err_set(p->err, st, "%s", why.text);
}

static oro_status
replay_log(struct oro_durable *d, struct oro_store *store, uint64_t *count, struct oro_err *err)
{
    struct oro_txlog_reader log;
    struct oro_txlog_batch row;
    bool more;
    oro_status st = oro_txlog_read(d->log, d->checkpoint.applied + 1, &log, err);
    if (st != ORO_OK)
        return st;
    struct replay p = {.d = d, .store = store, .row = &row, .err = err};
    while ((st = oro_txlog_next(&log, &row, &more, err)) == ORO_OK && more) {
        struct record_reader r = record_reader(row.records, row.first);
        bool tx = true;
        while (st == ORO_OK) {
            if (record_next_tx(&r, &tx) != ORO_OK)
                st = oro_txlog_damaged(d->log, &row, "bytes that are no transactions", err);
            if (st != ORO_OK || !tx)
                break;
            if (r.offset <= d->checkpoint.applied)
                continue;
            st = replay_tx(&p, &r);
            ++*count;
        }
        if (st != ORO_OK)
            break;
        d->logged = row.last;
        atomic_fetch_add(&d->log_bytes, row.records.len);
    }
    oro_txlog_read_end(&log);
    oro_free(p.changes);
    return st;
}

static void
give_back(void)
{
#ifdef __GLIBC__
    (void)malloc_trim(0);
#endif
}

oro_status
oro_durable_recover(struct oro_durable *d, struct oro_store *store, struct oro_err *err)
{
    struct oro_err mine = {0};
    uint64_t rows = 0, transactions = 0;
    int64_t begin = oro_mono_us();
    oro_status st = ORO_OK;
    d->logged = d->checkpoint.applied;
    for (uint32_t i = 0; st == ORO_OK && i < d->catalog.n; i++)
        if (d->catalog.items[i].id != 0)
            st = load_table(d, &d->catalog.items[i], store, &rows, &mine);
    if (st == ORO_OK)
        st = load_sequences(d, store, &mine);
    if (st == ORO_OK)
        st = replay_log(d, store, &transactions, &mine);
    if (st == ORO_OK)
        st = begin_sequences(d, store, &mine);
    oro_map_fini(&d->sequences);
    /* The pages that were read are not read again, and what the allocator has of them is not used. */
    db_release_memory(d->tables);
    give_back();
    if (st != ORO_OK)
        return damaged_advise(d->path, st, &mine, err);
    oro_store_load_offset(store, d->logged);
    if (!d->rehearsal && (rows > 0 || transactions > 0))
        oro_log(ORO_LOG_INFO, "durable", "%s: %llu rows, %llu transactions of the log, in %lld ms",
                d->path, (unsigned long long)rows, (unsigned long long)transactions,
                (long long)(oro_mono_us() - begin) / 1000);
    return ORO_OK;
}

void
oro_durable_continue(struct oro_durable *d, const struct oro_store *store)
{
    /* Not the store's: transactions of event tables may have come after the last one that was kept. */
    (void)store;
    d->logged = d->end;
    /* About: the log's rows, which stand in the tables' file only when they are moved there. */
    if (d->checkpoint.applied < d->logged)
        atomic_fetch_add(&d->log_bytes, 1);
}
