#include "runtime/store/apply.h"

#include "bridge/bsatn/value.h"
#include "runtime/store/tx.h"

static bool
is_row(const struct oro_change *c)
{
    return c->kind == ORO_CHANGE_INSERT || c->kind == ORO_CHANGE_PUT;
}

static bool
has_key(const struct oro_table_def *t)
{
    return t->pk >= 0;
}

static struct oro_bytes
key_of(const struct oro_table_def *t, struct oro_bytes row)
{
    ORO_ASSERT(has_key(t));
    const uint8_t *p = oro_value_column(t->row, row.data, (uint16_t)t->pk);
    return oro_bytes(p, oro_value_len_trusted(t->row->elems[t->pk].type, p));
}

static oro_status
not_there(struct oro_err *err)
{
    return oro_err_set(err, ORO_EMALFORMED, "a deletion of a row that is not there");
}

oro_status
oro_apply_check(const struct oro_change *changes, size_t n, struct oro_err *err)
{
    for (size_t i = 0; i < n; i++) {
        const struct oro_change *c = &changes[i];
        const struct oro_table_def *t = c->table;
        ORO_ASSERT(!t->is_event);
        if (c->kind == ORO_CHANGE_SEQUENCE)
            continue;
        bool whole = is_row(c) || !has_key(t);
        const struct oro_type *type = whole ? t->row : t->row->elems[t->pk].type;
        if (oro_value_check(type, c->bytes, NULL) != ORO_OK)
            return oro_err_set(err, ORO_EMALFORMED, "a row that is not of its table's type");
    }
    return ORO_OK;
}

/* ---- into a store that nobody reads ---- */

static oro_status
load_remove(struct oro_store *s, const struct oro_change *c, struct oro_err *err)
{
    if (c->kind == ORO_CHANGE_SEQUENCE)
        oro_store_load_sequence(s, c->table, c->sequence, c->allocated);
    if (c->kind == ORO_CHANGE_DELETE)
        return oro_store_unload(s, c->table, c->bytes) == ORO_OK ? ORO_OK : not_there(err);
    if (c->kind == ORO_CHANGE_PUT && has_key(c->table)) {
        oro_status st = oro_store_unload(s, c->table, key_of(c->table, c->bytes));
        ORO_ASSERT(st == ORO_OK || st == ORO_ENOTFOUND);
    }
    return ORO_OK;
}

oro_status
oro_apply_load(struct oro_store *s, const struct oro_change *changes, size_t n, struct oro_err *err)
{
    oro_status st = ORO_OK;
    for (size_t i = 0; st == ORO_OK && i < n; i++)
        st = load_remove(s, &changes[i], err);
    for (size_t i = 0; st == ORO_OK && i < n; i++)
        if (is_row(&changes[i]))
            st = oro_store_load(s, changes[i].table, changes[i].bytes, false, err);
    return st;
}

/* ---- as a commit ---- */

static oro_status
tx_remove(struct oro_tx *tx, const struct oro_change *c, struct oro_err *err)
{
    const struct oro_table_def *t = c->table;
    bool replaces = c->kind == ORO_CHANGE_PUT && has_key(t);
    if (c->kind != ORO_CHANGE_DELETE && !replaces)
        return ORO_OK;
    oro_status st = has_key(t) ? oro_tx_delete(tx, t, oro_table_primary_index(t),
                                               replaces ? key_of(t, c->bytes) : c->bytes)
                               : oro_tx_delete_row(tx, t, c->bytes);
    return st == ORO_OK || replaces ? ORO_OK : not_there(err);
}

static oro_status
tx_apply(struct oro_tx *tx, const struct oro_change *changes, size_t n, struct oro_err *err)
{
    oro_status st = ORO_OK;
    for (size_t i = 0; st == ORO_OK && i < n; i++)
        st = tx_remove(tx, &changes[i], err);
    for (size_t i = 0; st == ORO_OK && i < n; i++)
        if (is_row(&changes[i]))
            st = oro_tx_insert(tx, changes[i].table, changes[i].bytes, NULL, err);
    return st;
}

static bool
has_rows(const struct oro_change *changes, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (changes[i].kind != ORO_CHANGE_SEQUENCE)
            return true;
    return false;
}

oro_status
oro_apply_commit(struct oro_session *se, const struct oro_change *changes, size_t n,
                 const struct oro_origin *origin, uint64_t *seq, struct oro_err *err)
{
    for (size_t i = 0; i < n; i++)
        if (changes[i].kind == ORO_CHANGE_SEQUENCE)
            *seq = oro_store_raise_sequence(se, changes[i].table, changes[i].sequence,
                                            changes[i].allocated);
    if (!has_rows(changes, n))
        return ORO_OK;
    struct oro_tx *tx = oro_tx_begin(se, true);
    oro_status st = tx_apply(tx, changes, n, err);
    if (st != ORO_OK) {
        oro_tx_abort(tx);
        return st;
    }
    st = oro_tx_commit(tx, origin, seq);
    ORO_ASSERT(st == ORO_OK); /* it has the turn */
    return ORO_OK;
}
