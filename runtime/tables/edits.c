#include "runtime/tables/edits.h"

#include <string.h>

#include "bridge/bsatn/value.h"
#include "runtime/base/log.h"
#include "runtime/base/mem.h"

struct edit {
    struct layout *layout;
    struct oro_bytes key; /* as it is in the file; owned */
    struct oro_bytes was; /* the row that was edited; owned; none: deleted */
    struct oro_bytes row; /* what the columns say; owned; none: deleted */
    bool deleted, same;   /* same: the columns say what the row says */
    bool late;            /* the log has deleted it */
};

/* ---- triggers ---- */

static const char *
key_column(const struct layout *l)
{
    return l->def->pk >= 0 ? "_key" : "_row";
}

static void
put_name(struct oro_bb *sql, const struct layout *l)
{
    db_put_name(sql, l->sql_name);
}

static oro_status
watch_table(struct db *db, const struct layout *l, struct oro_err *err)
{
    struct oro_bb sql = {0};
    const char *key = key_column(l);
    oro_bb_printf(&sql, "CREATE TRIGGER IF NOT EXISTS _orochi_edit_%u AFTER UPDATE ON ", l->id);
    put_name(&sql, l);
    oro_bb_printf(&sql,
                  " WHEN NEW._row IS OLD._row BEGIN INSERT OR REPLACE INTO _orochi_edits VALUES "
                  "(%u, NEW.%s); END; CREATE TRIGGER IF NOT EXISTS _orochi_delete_%u AFTER DELETE "
                  "ON ",
                  l->id, key, l->id);
    put_name(&sql, l);
    oro_bb_printf(&sql,
                  " BEGIN INSERT OR REPLACE INTO _orochi_edits VALUES (%u, OLD.%s); END; CREATE "
                  "TRIGGER IF NOT EXISTS _orochi_add_%u BEFORE INSERT ON ",
                  l->id, key, l->id);
    put_name(&sql, l);
    oro_bb_printf(&sql,
                  " WHEN NEW._row IS NULL BEGIN SELECT RAISE(ABORT, 'rows cannot be added here: "
                  "call a reducer that inserts them (columns can be changed, and rows deleted)'); "
                  "END");
    oro_bb_u8(&sql, 0);
    oro_status st = db_exec(db, (const char *)sql.data, err);
    oro_bb_fini(&sql);
    return st;
}

oro_status
edits_watch(struct db *db, const struct catalog *c, struct oro_err *err)
{
    oro_status st =
        db_exec(db,
                "BEGIN IMMEDIATE; CREATE TABLE IF NOT EXISTS _orochi_edits (table_id INTEGER NOT "
                "NULL, key BLOB NOT NULL, PRIMARY KEY (table_id, key)) WITHOUT ROWID",
                err);
    for (uint32_t i = 0; st == ORO_OK && i < c->n; i++)
        if (c->items[i].id != 0)
            st = watch_table(db, &c->items[i], err);
    if (st == ORO_OK)
        st = db_exec(db, "COMMIT", err);
    db_rollback(db);
    return st;
}

/* ---- a column's value ---- */

/* Hex digits, the most significant first, as layout.c writes them. */
static oro_status
from_hex(const struct oro_type *t, struct oro_bytes text, struct oro_bb *out)
{
    uint8_t bytes[32] = {0};
    unsigned n = 0, want = t->fixed_size * 2;
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.data[i];
        if (c == '-')
            continue;
        int v = c >= '0' && c <= '9'                 ? c - '0'
                : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10
                                                     : -1;
        if (v < 0 || n == want)
            return ORO_EINVAL;
        bytes[t->fixed_size - 1 - n / 2] |= (uint8_t)(n % 2 == 0 ? v << 4 : v);
        n++;
    }
    if (n != want)
        return ORO_EINVAL;
    oro_bb_put(out, bytes, t->fixed_size);
    return ORO_OK;
}

static oro_status
from_real(const struct oro_type *t, struct db_stmt *s, int col, struct oro_bb *out)
{
    double d = db_column_is_null(s, col) ? __builtin_nan("") : db_column_real(s, col);
    float f = (float)d;
    if (t->kind == ORO_F32)
        oro_bb_put(out, &f, 4);
    else
        oro_bb_put(out, &d, 8);
    return ORO_OK;
}

static oro_status
from_variant(const struct oro_type *t, struct oro_bytes text, struct oro_bb *out)
{
    for (uint32_t i = 0; i < t->nelems; i++) {
        if (oro_bytes_eq(text, oro_bytes_str(t->elems[i].name))) {
            oro_bb_u8(out, (uint8_t)i);
            return ORO_OK;
        }
    }
    return ORO_EINVAL;
}

static oro_status
from_json(const struct oro_type *t, struct oro_bytes text, struct oro_bb *out)
{
    bool number = t->kind >= ORO_I8 && t->kind <= ORO_U256;
    return number ? oro_value_from_literal(t, 'n', text, out, NULL)
                  : oro_value_from_json(t, text, out, NULL);
}

/* The other way of layout.c's bind_column. */
static oro_status
from_column(const struct oro_type *t, struct db_stmt *s, int col, struct oro_bb *out)
{
    t = oro_type_resolve(t);
    bool null = db_column_is_null(s, col);
    struct oro_bytes text = db_column_bytes(s, col);
    if (t->special == ORO_OPTION) {
        oro_bb_u8(out, null);
        return null ? ORO_OK : from_column(t->elems[0].type, s, col, out);
    }
    if (t->kind == ORO_F32 || t->kind == ORO_F64)
        return from_real(t, s, col, out);
    if (null)
        return ORO_EINVAL;
    switch (t->special) {
    case ORO_IDENTITY:
    case ORO_CONNECTION_ID:
    case ORO_UUID:
        return from_hex(t, text, out);
    case ORO_TIMESTAMP:
    case ORO_TIME_DURATION:
        return from_json(oro_type_resolve(t->elems[0].type), text, out);
    case ORO_BYTES:
        oro_bb_lenbytes(out, text);
        return ORO_OK;
    case ORO_ENUM:
        return from_variant(t, text, out);
    default:
        break;
    }
    if (t->kind == ORO_STRING) {
        oro_bb_lenbytes(out, text);
        return ORO_OK;
    }
    if (t->kind == ORO_BOOL) {
        int64_t v = db_column_int(s, col);
        oro_bb_u8(out, v != 0);
        return v == 0 || v == 1 ? ORO_OK : ORO_EINVAL;
    }
    return from_json(t, text, out);
}

/* ---- reading ---- */

static struct oro_bytes
keep(struct oro_bytes b)
{
    uint8_t *p = oro_alloc(b.len + 1);
    if (b.len > 0)
        memcpy(p, b.data, b.len);
    return oro_bytes(p, b.len);
}

/* _row, then the columns, of the row with a key. Bound below: whether each is what the row says. */
static oro_status
prepare_row(struct db *db, const struct layout *l, bool compare, struct db_stmt **out,
            struct oro_err *err)
{
    struct oro_bb sql = {0};
    oro_bb_printf(&sql, "SELECT _row");
    for (uint32_t i = 0; i < l->ncolumns; i++) {
        oro_bb_printf(&sql, ", ");
        if (compare)
            oro_bb_printf(&sql, "?%u IS ", i + 2);
        db_put_name(&sql, l->columns[i]);
    }
    oro_bb_printf(&sql, " FROM ");
    put_name(&sql, l);
    oro_bb_printf(&sql, " WHERE %s = ?1", key_column(l));
    oro_bb_u8(&sql, 0);
    oro_status st = db_prepare(db, (const char *)sql.data, out, err);
    oro_bb_fini(&sql);
    return st;
}

static oro_status
bad_column(const struct layout *l, uint32_t col, struct db_stmt *now, struct oro_err *err)
{
    struct oro_bb type = {0};
    bool null = db_column_is_null(now, (int)col + 1);
    const char *quote = null ? "" : "'";
    struct oro_bytes value = null ? oro_bytes_str("NULL") : db_column_bytes(now, (int)col + 1);
    oro_type_print(l->def->row->elems[col].type, &type);
    oro_status st = oro_err_set(
        err, ORO_EMALFORMED,
        "table %s was edited: column %s holds %s%.*s%s, which is no %.*s. Correct it with sqlite3; "
        "nothing was changed. Or: Restore a backup (orochi restore)",
        l->sql_name, l->columns[col], quote, (int)(value.len < 60 ? value.len : 60),
        (const char *)value.data, quote, (int)type.len, (const char *)type.data);
    oro_bb_fini(&type);
    return st;
}

/* Column by column: as the row has it where nothing was changed, else out of the column. */
static oro_status
row_of(const struct layout *l, struct oro_bytes was, struct db_stmt *same, struct db_stmt *now,
       struct oro_bb *out, struct oro_err *err)
{
    const struct oro_type *row = l->def->row;
    const uint8_t *p = was.data;
    for (uint32_t i = 0; i < row->nelems; i++) {
        size_t len = oro_value_len_trusted(row->elems[i].type, p), at = out->len;
        struct oro_bytes old = oro_bytes(p, len);
        p += len;
        if (i >= l->ncolumns || db_column_int(same, (int)i + 1) != 0) {
            oro_bb_put_bytes(out, old);
            continue;
        }
        oro_status st = from_column(row->elems[i].type, now, (int)i + 1, out);
        struct oro_bytes made = oro_bytes(out->data + at, out->len - at);
        if (st != ORO_OK || oro_value_check(row->elems[i].type, made, NULL) != ORO_OK)
            return bad_column(l, i, now, err);
    }
    return ORO_OK;
}

static oro_status
read_changed(struct layout *l, struct edit *e, struct db_stmt *now, struct db_stmt *same,
             struct oro_err *err)
{
    struct oro_bytes was;
    struct oro_bb row = {0};
    bool found = false;
    oro_status st = layout_row(db_column_bytes(now, 0), &was, err);
    if (st == ORO_OK)
        st = oro_value_check(l->def->row, was, err);
    if (st != ORO_OK)
        return oro_err_wrap(err, "table %s: an edited row", l->sql_name);
    db_bind_blob(same, 1, e->key);
    layout_bind_columns(l, same, 2, was);
    st = db_step(same, &found, err);
    if (st == ORO_OK && found)
        st = row_of(l, was, same, now, &row, err);
    if (st == ORO_OK) {
        e->same = oro_bytes_eq(oro_bb_bytes(&row), was);
        e->row = keep(oro_bb_bytes(&row));
        e->was = keep(was);
    }
    db_reset(same);
    oro_bb_fini(&row);
    return st;
}

static oro_status
read_edit(struct db *db, struct edit *e, struct oro_err *err)
{
    struct db_stmt *now = NULL, *same = NULL;
    bool there = false;
    oro_status st = prepare_row(db, e->layout, false, &now, err);
    if (st == ORO_OK)
        st = prepare_row(db, e->layout, true, &same, err);
    if (st == ORO_OK) {
        db_bind_blob(now, 1, e->key);
        st = db_step(now, &there, err);
    }
    e->deleted = !there;
    if (st == ORO_OK && there)
        st = read_changed(e->layout, e, now, same, err);
    db_finalize(now);
    db_finalize(same);
    return st;
}

void
edits_fini(struct edits *e)
{
    for (size_t i = 0; i < e->n; i++) {
        oro_free((void *)(uintptr_t)e->items[i].key.data);
        oro_free((void *)(uintptr_t)e->items[i].row.data);
        oro_free((void *)(uintptr_t)e->items[i].was.data);
    }
    oro_free(e->items);
    *e = (struct edits){0};
}

static oro_status
has_edits(struct db *db, bool *yes, struct oro_err *err)
{
    int64_t n = 0;
    oro_status st =
        db_int(db, "SELECT count(*) FROM sqlite_master WHERE name = '_orochi_edits'", &n, err);
    if (st == ORO_OK && n > 0)
        st = db_int(db, "SELECT count(*) FROM _orochi_edits", &n, err);
    *yes = n > 0;
    return st;
}

oro_status
edits_read(struct db *db, const struct catalog *c, struct edits *out, struct oro_err *err)
{
    struct db_stmt *s;
    bool row = false;
    *out = (struct edits){0};
    oro_status st = has_edits(db, &row, err);
    if (st != ORO_OK || !row)
        return st;
    st = db_prepare(db, "SELECT table_id, key FROM _orochi_edits", &s, err);
    if (st != ORO_OK)
        return st;
    while ((st = db_step(s, &row, err)) == ORO_OK && row) {
        struct layout *l = catalog_find(c, (uint32_t)db_column_int(s, 0));
        if (l == NULL)
            continue; /* of a table that is gone */
        out->items = oro_grow(out->items, out->n, &out->cap, sizeof(*out->items));
        struct edit *e = &out->items[out->n++];
        *e = (struct edit){.layout = l, .key = keep(db_column_bytes(s, 1))};
        st = read_edit(db, e, err);
        if (st != ORO_OK)
            break;
    }
    db_finalize(s);
    return st;
}

/* ---- on top of the log ---- */

/* The columns that were edited, and all others as they are now. */
static void
merge(const struct edit *e, struct oro_bytes now, struct oro_bb *out)
{
    const struct oro_type *row = e->layout->def->row;
    const uint8_t *was = e->was.data, *edited = e->row.data, *p = now.data;
    for (uint32_t i = 0; i < row->nelems; i++) {
        const struct oro_type *t = row->elems[i].type;
        struct oro_bytes a = oro_bytes(was, oro_value_len_trusted(t, was));
        struct oro_bytes b = oro_bytes(edited, oro_value_len_trusted(t, edited));
        struct oro_bytes c = oro_bytes(p, oro_value_len_trusted(t, p));
        oro_bb_put_bytes(out, oro_bytes_eq(a, b) ? c : b);
        was += a.len;
        edited += b.len;
        p += c.len;
    }
}

static oro_status
rebase_row(struct edit *e, struct oro_bytes stored, struct oro_err *err)
{
    struct oro_bytes now;
    struct oro_bb row = {0};
    oro_status st = layout_row(stored, &now, err);
    if (st != ORO_OK || oro_bytes_eq(now, e->was))
        return st;
    st = oro_value_check(e->layout->def->row, now, err);
    if (st != ORO_OK)
        return st;
    merge(e, now, &row);
    oro_free((void *)(uintptr_t)e->row.data);
    e->row = keep(oro_bb_bytes(&row));
    e->same = oro_bytes_eq(e->row, now);
    oro_bb_fini(&row);
    return ORO_OK;
}

/* Edited was the row as the tables had it; the log may have changed other columns of it, or deleted it. */
static oro_status
rebase(struct db *db, struct edit *e, struct oro_err *err)
{
    struct db_stmt *s;
    bool there = false;
    if (e->deleted || e->same)
        return ORO_OK;
    oro_status st = prepare_row(db, e->layout, false, &s, err);
    if (st != ORO_OK)
        return st;
    db_bind_blob(s, 1, e->key);
    st = db_step(s, &there, err);
    if (st == ORO_OK && there)
        st = rebase_row(e, db_column_bytes(s, 0), err);
    else if (st == ORO_OK)
        e->same = e->late = true;
    db_finalize(s);
    return st;
}

/* ---- writing ---- */

static oro_status
remove_old(struct db *db, const struct edit *e, struct oro_err *err)
{
    struct oro_bytes old = e->key;
    if (e->layout->def->pk < 0)
        old.len -= LAYOUT_SUM; /* the key is the row, as it is stored */
    return e->same ? ORO_OK : layout_delete(e->layout, db, old, err);
}

static oro_status
put_new(struct db *db, const struct edit *e, struct oro_err *err)
{
    struct layout *l = e->layout;
    struct oro_bb key = {0};
    bool taken = false;
    if (e->same || e->deleted)
        return ORO_OK;
    layout_key(l, e->row, &key);
    oro_status st = l->def->pk >= 0 ? layout_has(l, db, oro_bb_bytes(&key), &taken, err) : ORO_OK;
    if (st == ORO_OK && taken)
        st = oro_err_set(err, ORO_EMALFORMED,
                         "table %s was edited: two rows have one primary key (%s) now. Correct it "
                         "with sqlite3; nothing was changed. Or: Restore a backup (orochi restore)",
                         l->sql_name, l->columns[l->def->pk]);
    if (st == ORO_OK)
        st = layout_put(l, db, oro_bb_bytes(&key), e->row, err);
    oro_bb_fini(&key);
    return st;
}

static void
tell(const struct edits *e, const struct layout *l)
{
    size_t changed = 0, deleted = 0, late = 0;
    for (size_t i = 0; i < e->n; i++) {
        if (e->items[i].layout == l && !e->items[i].same) {
            changed += !e->items[i].deleted;
            deleted += e->items[i].deleted;
        }
        late += e->items[i].layout == l && e->items[i].late;
    }
    if (late > 0)
        oro_log(ORO_LOG_WARN, "durable",
                "table %s was edited in the file: %zu of these rows had been deleted by later "
                "transactions, which were in the log, and stay so",
                l->sql_name, late);
    if (changed + deleted > 0)
        oro_log(ORO_LOG_WARN, "durable",
                "table %s was edited in the file: %zu rows changed and %zu deleted are taken over",
                l->sql_name, changed, deleted);
}

oro_status
edits_write(struct db *db, struct edits *e, struct oro_err *err)
{
    oro_status st = db_exec(db, "BEGIN IMMEDIATE", err);
    for (size_t i = 0; st == ORO_OK && i < e->n; i++)
        st = rebase(db, &e->items[i], err);
    /* All that go first: somebody may have exchanged two keys. */
    for (size_t i = 0; st == ORO_OK && i < e->n; i++)
        st = remove_old(db, &e->items[i], err);
    for (size_t i = 0; st == ORO_OK && i < e->n; i++)
        st = put_new(db, &e->items[i], err);
    if (st == ORO_OK)
        st = db_exec(db, "DELETE FROM _orochi_rows; DELETE FROM _orochi_edits; COMMIT", err);
    db_rollback(db);
    for (size_t i = 0; i < e->n; i++) {
        size_t first = 0;
        while (e->items[first].layout != e->items[i].layout)
            first++;
        if (first == i && st == ORO_OK)
            tell(e, e->items[i].layout);
        layout_unprepare(e->items[i].layout);
    }
    return st;
}
