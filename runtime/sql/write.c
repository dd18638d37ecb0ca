/* INSERT, UPDATE and DELETE: what SQLite has found out about a row, done in the transaction of whoever asks. */
#include "bridge/bsatn/scheduled_call.h"
#include "runtime/base/utf8.h"
#include "runtime/sql/sql_priv.h"
#include "runtime/sql/value_priv.h"

#include <stdio.h>
#include <string.h>

#include "runtime/store/tx.h"

#define SAID 400

/* One row of one statement. */
struct row_write {
    struct sql_engine *e;
    const struct oro_table_def *t;
    const uint8_t *old; /* NULL: it is inserted */
    struct oro_err *err;
};

static struct oro_bytes
row_at(const struct oro_table_def *t, const uint8_t *p)
{
    return oro_bytes(p, oro_value_len_trusted(t->row, p));
}

static bool
is_counted(const struct oro_table_def *t, uint32_t col)
{
    for (uint32_t i = 0; i < t->nsequences; i++)
        if (t->sequences[i].col == col)
            return true;
    return false;
}

/* What is not given: the next number, the column's default, or nothing at all. */
static oro_status
put_missing(const struct row_write *w, uint32_t col, const struct oro_type *t, struct oro_bb *out)
{
    static const uint8_t zero[32];
    const struct oro_column_default *d = oro_table_default(w->t, col);
    if (t->special == ORO_OPTION)
        oro_bb_u8(out, 1);
    else if (w->old == NULL && is_counted(w->t, col))
        oro_bb_put(out, zero, t->fixed_size);
    else if (w->old == NULL && d != NULL)
        oro_bb_put_bytes(out, d->value);
    else
        return oro_err_set(w->err, ORO_EINVAL, "column `%s` of `%s` has no value, and is no option",
                           w->t->row->elems[col].name, w->t->name);
    return ORO_OK;
}

/* A literal that stands beside no column: read by the type of the one that it is for. */
static oro_status
put_literal(const struct oro_type *t, sqlite3_value *v, struct oro_bb *out, struct oro_err *err)
{
    int is = sqlite3_value_type(v);
    const void *p = sqlite3_value_blob(v); /* NULL of an empty one */
    struct oro_bytes text = oro_bytes(p != NULL ? p : "", (size_t)sqlite3_value_bytes(v));
    if (sql_rep_of(t) == REP_JSON)
        return is == SQLITE_TEXT ? oro_value_from_json(t, text, out, err) : ORO_ETYPE;
    if (is == SQLITE_TEXT)
        return sql_encode_literal(t, 's', text, out);
    if (is == SQLITE_BLOB) {
        struct oro_bb digits = {0};
        oro_bb_reserve(&digits, 2 * text.len + 1);
        oro_hex(text, (char *)digits.data);
        digits.len = 2 * text.len;
        oro_status st = sql_encode_literal(t, 'x', oro_bb_bytes(&digits), out);
        oro_bb_fini(&digits);
        return st;
    }
    text = sql_text_of(v);
    return sql_encode_literal(t, 'n', text, out);
}

static oro_status
put_column(const struct row_write *w, uint32_t col, sqlite3_value *v, struct oro_bb *out)
{
    const struct oro_type *t = oro_type_resolve(w->t->row->elems[col].type);
    struct oro_bb type = {0};
    struct oro_err why = {0};
    size_t at = out->len;
    if (w->old != NULL && sqlite3_value_nochange(v)) {
        const uint8_t *p = oro_value_column(w->t->row, w->old, col);
        oro_bb_put(out, p, oro_value_len_trusted(t, p));
        return ORO_OK;
    }
    if (sqlite3_value_type(v) == SQLITE_NULL)
        return put_missing(w, col, t, out);
    if (sql_encode(t, v, out))
        return ORO_OK;
    out->len = at;
    if (sql_rep_of(t) == REP_OPTION)
        oro_bb_u8(out, 0);
    if (put_literal(sql_inner_type(t), v, out, &why) == ORO_OK)
        return ORO_OK;
    oro_type_print(t, &type);
    struct oro_bytes text = sql_text_of(v);
    if (!oro_utf8_valid(text))
        text = oro_bytes_str("a blob");
    oro_status st = oro_err_set(
        w->err, ORO_EINVAL, "`%.*s` cannot be a value of column `%s` of `%s`, of type `%.*s`%s%.*s",
        sql_fit(text, 100), (const char *)text.data, w->t->row->elems[col].name, w->t->name,
        sql_fit(oro_bb_bytes(&type), 200), (const char *)type.data, why.text[0] != '\0' ? ": " : "",
        sql_fit(oro_bytes_str(why.text), 200), why.text);
    oro_bb_fini(&type);
    return st;
}

static oro_status
put_row(const struct row_write *w, sqlite3_value **columns, struct oro_bb *out)
{
    oro_status st = ORO_OK;
    for (uint32_t i = 0; i < w->t->row->nelems && st == ORO_OK; i++)
        st = put_column(w, i, columns[i], out);
    return st;
}

static bool
same_key(const struct oro_table_def *t, const uint8_t *a, const uint8_t *b)
{
    const struct oro_type *type = t->row->elems[t->pk].type;
    const uint8_t *x = oro_value_column(t->row, a, (uint32_t)t->pk),
                  *y = oro_value_column(t->row, b, (uint32_t)t->pk);
    return oro_bytes_eq(oro_bytes(x, oro_value_len_trusted(type, x)),
                        oro_bytes(y, oro_value_len_trusted(type, y)));
}

static oro_status
change(const struct row_write *w, struct oro_bytes row)
{
    struct oro_tx *tx = w->e->ask->tx;
    const struct oro_index_def *pk = oro_table_primary_index(w->t);
    oro_status st = oro_schedule_check(w->t, row, w->err);
    if (st != ORO_OK)
        return st;
    if (pk != NULL && same_key(w->t, w->old, row.data))
        return oro_tx_update(tx, w->t, pk, row, NULL, w->err);
    st = oro_tx_delete_row(tx, w->t, row_at(w->t, w->old));
    return st == ORO_OK ? oro_tx_insert(tx, w->t, row, NULL, w->err) : st;
}

static oro_status
insert(const struct row_write *w, struct oro_bytes row)
{
    struct oro_tx *tx = w->e->ask->tx;
    int64_t before = oro_tx_growth(tx, w->t);
    oro_status st = oro_schedule_check(w->t, row, w->err);
    if (st == ORO_OK)
        st = oro_tx_insert(tx, w->t, row, NULL, w->err);
    w->e->ask->inserted += oro_tx_growth(tx, w->t) > before; /* an identical row changes nothing */
    return st;
}

static oro_status
check_room(const struct row_write *w)
{
    uint64_t most = w->e->ask->tx_bytes;
    if (most == 0 || oro_tx_memory(w->e->ask->tx) <= most)
        return ORO_OK;
    return oro_err_set(w->err, ORO_EFULL,
                       "the statement changes more rows than %llu MiB hold: change fewer at a time",
                       (unsigned long long)(most >> 20));
}

static oro_status
write_row(const struct row_write *w, int argc, sqlite3_value **argv)
{
    struct oro_sql_ask *ask = w->e->ask;
    struct oro_bb row = {0};
    oro_status st;
    if (argc == 1) {
        st = oro_tx_delete_row(ask->tx, w->t, row_at(w->t, w->old));
        ask->deleted += st == ORO_OK;
        return st;
    }
    st = put_row(w, argv + 2, &row);
    if (st == ORO_OK && w->old != NULL)
        st = change(w, oro_bb_bytes(&row));
    else if (st == ORO_OK)
        st = insert(w, oro_bb_bytes(&row));
    ask->updated += st == ORO_OK && w->old != NULL;
    oro_bb_fini(&row);
    return st == ORO_OK ? check_room(w) : st;
}

int
sql_write_row(struct sql_engine *e, const struct oro_table_def *t, int argc, sqlite3_value **argv)
{
    struct row_write w = {.e = e, .t = t, .err = &e->denied};
    ORO_ASSERT(e->ask->tx != NULL); /* else it was not authorized */
    if (sqlite3_value_type(argv[0]) != SQLITE_NULL)
        w.old = (const uint8_t *)(uintptr_t)sqlite3_value_int64(argv[0]);
    oro_status st = write_row(&w, argc, argv);
    if (st == ORO_OK)
        return sql_engine_pay(e, 1) ? SQLITE_OK : SQLITE_INTERRUPT;
    if (e->denied.text[0] == '\0')
        oro_err_set(&e->denied, st, "row of `%s`: %s", t->name, oro_status_name(st));
    return SQLITE_CONSTRAINT;
}
