#include "runtime/tables/layout.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "bridge/bsatn/value.h"
#include "runtime/base/crc.h"
#include "runtime/log/record.h"

/* ---- names ---- */

static bool
is_reserved(const char *name)
{
    return strncasecmp(name, "sqlite_", 7) == 0 || strncasecmp(name, "_orochi_", 8) == 0 ||
           name[0] == '\0';
}

char *
layout_pick_name(const char *name, uint32_t id, bool (*exists)(void *arg, const char *candidate),
                 void *arg)
{
    if (!is_reserved(name) && !exists(arg, name))
        return oro_strdup(name);
    const char *prefix = is_reserved(name) ? "t_" : "";
    for (unsigned i = 0;; i++) {
        char *s = i == 0 ? oro_asprintf("%s%s_%u", prefix, name, id)
                         : oro_asprintf("%s%s_%u_%u", prefix, name, id, i);
        if (!exists(arg, s))
            return s;
        oro_free(s);
    }
}

static bool
column_taken(const struct layout *l, uint32_t n, const char *name)
{
    if (strcasecmp(name, "_key") == 0 || strcasecmp(name, "_row") == 0)
        return true;
    for (uint32_t i = 0; i < n; i++)
        if (strcasecmp(l->columns[i], name) == 0)
            return true;
    return false;
}

void
layout_init(struct layout *l, const struct oro_table_def *def, uint32_t id, const char *sql_name)
{
    *l = (struct layout){.def = def, .id = id, .sql_name = oro_strdup(sql_name)};
    uint32_t n = def->row->nelems < LAYOUT_MAX_COLUMNS ? def->row->nelems : LAYOUT_MAX_COLUMNS;
    l->columns = ORO_NEW_ARRAY(char *, n + 1);
    for (; l->ncolumns < n; l->ncolumns++) {
        const char *name = def->row->elems[l->ncolumns].name;
        char *s = name == NULL || name[0] == '\0' ? oro_asprintf("col_%u", l->ncolumns)
                                                  : oro_strdup(name);
        while (column_taken(l, l->ncolumns, s)) {
            char *longer = oro_asprintf("%s_%u", s, l->ncolumns);
            oro_free(s);
            s = longer;
        }
        l->columns[l->ncolumns] = s;
    }
}

void
layout_unprepare(struct layout *l)
{
    db_finalize(l->put);
    db_finalize(l->del);
    l->put = l->del = NULL;
}

void
layout_fini(struct layout *l)
{
    layout_unprepare(l);
    for (uint32_t i = 0; i < l->ncolumns; i++)
        oro_free(l->columns[i]);
    oro_free(l->columns);
    oro_free(l->sql_name);
    oro_bb_fini(&l->scratch);
    *l = (struct layout){0};
}

/* ---- columns ---- */

static const char *
sql_type(const struct oro_type *t)
{
    t = oro_type_resolve(t);
    if (t->special == ORO_OPTION)
        return sql_type(t->elems[0].type);
    switch (t->special) {
    case ORO_TIMESTAMP:
    case ORO_TIME_DURATION:
        return "INTEGER";
    case ORO_BYTES:
        return "BLOB";
    default:
        break;
    }
    switch (t->kind) {
    case ORO_BOOL:
    case ORO_I8:
    case ORO_U8:
    case ORO_I16:
    case ORO_U16:
    case ORO_I32:
    case ORO_U32:
    case ORO_I64:
        return "INTEGER";
    case ORO_U64:
        return ""; /* no affinity: SQLite would turn the digits of a large one into a REAL */
    case ORO_F32:
    case ORO_F64:
        return "REAL";
    default:
        return "TEXT";
    }
}

static int64_t
read_integer(const struct oro_type *t, const uint8_t *p)
{
    int64_t v = 0;
    memcpy(&v, p, t->fixed_size);
    unsigned unused = 64 - 8 * t->fixed_size;
    bool is_signed =
        t->kind == ORO_I8 || t->kind == ORO_I16 || t->kind == ORO_I32 || t->kind == ORO_I64;
    return is_signed ? (int64_t)((uint64_t)v << unused) >> unused : v;
}

static void
bind_real(struct db_stmt *s, int pos, const struct oro_type *t, const uint8_t *p)
{
    double d;
    float f;
    if (t->kind == ORO_F32) {
        memcpy(&f, p, 4);
        d = (double)f;
    } else {
        memcpy(&d, p, 8);
    }
    db_bind_real(s, pos, d); /* SQLite stores NaN as NULL */
}

/* Hex of a little-endian number, most significant digit first; dashes as in a Uuid. */
static void
bind_hex(struct db_stmt *s, int pos, const uint8_t *p, unsigned size, bool dashes)
{
    static const char digits[] = "0123456789abcdef";
    char text[72];
    size_t n = 0;
    for (unsigned i = 0; i < size; i++) {
        if (dashes && (i == 4 || i == 6 || i == 8 || i == 10))
            text[n++] = '-';
        uint8_t b = p[size - 1 - i];
        text[n++] = digits[b >> 4];
        text[n++] = digits[b & 15];
    }
    db_bind_text_copy(s, pos, oro_bytes(text, n));
}

/* Of all columns of a row: SQLite has no row of 1,000,000,000 bytes, and beside them stand the row's own bytes and its key, up to
 * ORO_TX_ROW_MOST each. JSON may be many times as long as the value. A column that is left out is for people only, as all are;
 * what counts is the row. */
#define COLUMNS_MOST 400000000u
#define JSON_MOST \
    8388608u /* of a value that is written as JSON: which may be thirty times as long, and is made in memory */

/* What stands in its column instead: 0 bytes of the row's. */
static size_t
bind_left_out(struct db_stmt *s, int pos, size_t n)
{
    char text[80];
    int len = snprintf(text, sizeof(text), "(%zu bytes, too long for a column; see _row)", n);
    db_bind_text_copy(s, pos, oro_bytes(text, (size_t)len));
    return 0;
}

static size_t
bind_json(struct db_stmt *s, int pos, const struct oro_type *t, const uint8_t *p, size_t left)
{
    struct oro_bb bb = {0};
    size_t value = oro_value_len_trusted(t, p);
    if (value > JSON_MOST)
        return bind_left_out(s, pos, value);
    oro_value_to_json(t, p, ORO_JSON_NAMED, &bb);
    struct oro_bytes text = oro_bb_bytes(&bb);
    bool number = t->kind >= ORO_I8 && t->kind <= ORO_U256;
    if (number && text.len >= 2 && text.data[0] == '"')
        text = oro_bytes(text.data + 1, text.len - 2);
    size_t n = text.len;
    if (n <= left)
        db_bind_text_copy(s, pos, text);
    else
        n = bind_left_out(s, pos, value);
    oro_bb_fini(&bb);
    return n;
}

static struct oro_bytes
counted(const uint8_t *p)
{
    uint32_t n;
    memcpy(&n, p, 4);
    return oro_bytes(p + 4, n);
}

/* Text, or bytes, which p counts. */
static size_t
bind_counted(struct db_stmt *s, int pos, const uint8_t *p, bool is_text, size_t left)
{
    struct oro_bytes b = counted(p);
    if (b.len > left)
        return bind_left_out(s, pos, b.len);
    if (is_text)
        db_bind_text(s, pos, b);
    else
        db_bind_blob(s, pos, b);
    return b.len;
}

/* A special type that has a form of its own in SQL, and few bytes. False: it is bound by its kind. */
static bool
bind_special(struct db_stmt *s, int pos, const struct oro_type *t, const uint8_t *p)
{
    switch (t->special) {
    case ORO_IDENTITY:
    case ORO_CONNECTION_ID:
        bind_hex(s, pos, p, t->fixed_size, false);
        return true;
    case ORO_UUID:
        bind_hex(s, pos, p, 16, true);
        return true;
    case ORO_TIMESTAMP:
    case ORO_TIME_DURATION:
        db_bind_int(s, pos, read_integer(oro_type_resolve(t->elems[0].type), p));
        return true;
    case ORO_ENUM:
        db_bind_text(s, pos, oro_bytes_str(t->elems[p[0]].name));
        return true;
    default:
        return false;
    }
}

/* A number that SQLite has, too: all but large ones. */
static bool
bind_number(struct db_stmt *s, int pos, const struct oro_type *t, const uint8_t *p)
{
    switch (t->kind) {
    case ORO_F32:
    case ORO_F64:
        bind_real(s, pos, t, p);
        return true;
    case ORO_U64:
        if (p[7] >= 0x80)
            return false;
        break;
    case ORO_BOOL:
    case ORO_I8:
    case ORO_U8:
    case ORO_I16:
    case ORO_U16:
    case ORO_I32:
    case ORO_U32:
    case ORO_I64:
        break;
    default:
        return false;
    }
    db_bind_int(s, pos, read_integer(t, p));
    return true;
}

/* Bytes that it takes, of those that are left; small ones are not counted. */
static size_t
bind_column(struct db_stmt *s, int pos, const struct oro_type *t, const uint8_t *p, size_t left)
{
    t = oro_type_resolve(t);
    if (t->special == ORO_OPTION && p[0] == 0)
        return bind_column(s, pos, t->elems[0].type, p + 1, left);
    if (t->special == ORO_OPTION) {
        db_bind_null(s, pos);
        return 0;
    }
    if (t->special == ORO_BYTES || t->kind == ORO_STRING)
        return bind_counted(s, pos, p, t->kind == ORO_STRING, left);
    if (bind_special(s, pos, t, p) || bind_number(s, pos, t, p))
        return 0;
    return bind_json(s, pos, t, p, left);
}

/* ---- statements ---- */

static void
put_text(struct oro_bb *out, const char *s)
{
    oro_bb_put(out, s, strlen(s));
}

oro_status
layout_create(const struct layout *l, struct db *db, struct oro_err *err)
{
    struct oro_bb sql = {0};
    bool keyed = l->def->pk >= 0;
    put_text(&sql, "CREATE TABLE ");
    db_put_name(&sql, l->sql_name);
    put_text(&sql, keyed ? " (_key BLOB NOT NULL PRIMARY KEY" : " (_row BLOB NOT NULL PRIMARY KEY");
    for (uint32_t i = 0; i < l->ncolumns; i++) {
        put_text(&sql, ", ");
        db_put_name(&sql, l->columns[i]);
        oro_bb_u8(&sql, ' ');
        put_text(&sql, sql_type(l->def->row->elems[i].type));
    }
    put_text(&sql, keyed ? ", _row BLOB NOT NULL) WITHOUT ROWID" : ") WITHOUT ROWID");
    oro_bb_u8(&sql, 0);
    oro_status st = db_exec(db, (const char *)sql.data, err);
    oro_bb_fini(&sql);
    return st;
}

static oro_status
prepare_put(struct layout *l, struct db *db, struct oro_err *err)
{
    struct oro_bb sql = {0};
    bool keyed = l->def->pk >= 0;
    put_text(&sql, "INSERT OR REPLACE INTO ");
    db_put_name(&sql, l->sql_name);
    put_text(&sql, keyed ? " (_key, _row" : " (_row");
    for (uint32_t i = 0; i < l->ncolumns; i++) {
        oro_bb_u8(&sql, ',');
        db_put_name(&sql, l->columns[i]);
    }
    put_text(&sql, keyed ? ") VALUES (?, ?" : ") VALUES (?");
    for (uint32_t i = 0; i < l->ncolumns; i++)
        put_text(&sql, ", ?");
    put_text(&sql, ")");
    oro_bb_u8(&sql, 0);
    oro_status st = db_prepare(db, (const char *)sql.data, &l->put, err);
    oro_bb_fini(&sql);
    return st;
}

void
layout_key(const struct layout *l, struct oro_bytes row, struct oro_bb *out)
{
    if (l->def->pk < 0) {
        oro_bb_put_bytes(out, row);
        return;
    }
    uint16_t pk = (uint16_t)l->def->pk;
    oro_key_append(l->def->row->elems[pk].type, record_column(l->def->row, row, pk).data, out);
}

void
layout_key_of_delete(const struct layout *l, struct oro_bytes key_or_row, struct oro_bb *out)
{
    if (l->def->pk < 0)
        oro_bb_put_bytes(out, key_or_row);
    else
        oro_key_append(l->def->row->elems[l->def->pk].type, key_or_row.data, out);
}

/* As it is stored; borrowed until the next one. */
static struct oro_bytes
with_sum(struct layout *l, struct oro_bytes row)
{
    oro_bb_clear(&l->scratch);
    oro_bb_put_bytes(&l->scratch, row);
    oro_bb_u32(&l->scratch, crc32c(0, row));
    return oro_bb_bytes(&l->scratch);
}

oro_status
layout_row(struct oro_bytes stored, struct oro_bytes *row, struct oro_err *err)
{
    uint32_t sum = 0;
    if (stored.len >= sizeof(sum)) {
        *row = oro_bytes(stored.data, stored.len - sizeof(sum));
        memcpy(&sum, stored.data + row->len, sizeof(sum));
        if (sum == crc32c(0, *row))
            return ORO_OK;
    }
    return oro_err_set(err, ORO_EMALFORMED, "its checksum is wrong");
}

void
layout_bind_columns(const struct layout *l, struct db_stmt *s, int pos, struct oro_bytes row)
{
    const uint8_t *p = row.data;
    size_t left = COLUMNS_MOST;
    for (uint32_t i = 0; i < l->ncolumns; i++) {
        const struct oro_type *t = l->def->row->elems[i].type;
        left -= bind_column(s, pos++, t, p, left);
        p += oro_value_len_trusted(t, p);
    }
}

oro_status
layout_has(const struct layout *l, struct db *db, struct oro_bytes key, bool *there,
           struct oro_err *err)
{
    struct oro_bb sql = {0};
    struct db_stmt *s;
    put_text(&sql, "SELECT 1 FROM ");
    db_put_name(&sql, l->sql_name);
    put_text(&sql, " WHERE _key = ?");
    oro_bb_u8(&sql, 0);
    oro_status st = db_prepare(db, (const char *)sql.data, &s, err);
    oro_bb_fini(&sql);
    if (st != ORO_OK)
        return st;
    db_bind_blob(s, 1, key);
    st = db_step(s, there, err);
    db_finalize(s);
    return st;
}

oro_status
layout_put(struct layout *l, struct db *db, struct oro_bytes key, struct oro_bytes row,
           struct oro_err *err)
{
    if (l->put == NULL) {
        oro_status st = prepare_put(l, db, err);
        if (st != ORO_OK)
            return st;
    }
    int pos = 1;
    if (l->def->pk >= 0)
        db_bind_blob(l->put, pos++, key);
    db_bind_blob(l->put, pos++, with_sum(l, row));
    layout_bind_columns(l, l->put, pos, row);
    return db_run(l->put, err);
}

oro_status
layout_delete(struct layout *l, struct db *db, struct oro_bytes key, struct oro_err *err)
{
    if (l->del == NULL) {
        struct oro_bb sql = {0};
        put_text(&sql, "DELETE FROM ");
        db_put_name(&sql, l->sql_name);
        put_text(&sql, l->def->pk >= 0 ? " WHERE _key = ?" : " WHERE _row = ?");
        oro_bb_u8(&sql, 0);
        oro_status st = db_prepare(db, (const char *)sql.data, &l->del, err);
        oro_bb_fini(&sql);
        if (st != ORO_OK)
            return st;
    }
    db_bind_blob(l->del, 1, l->def->pk >= 0 ? key : with_sum(l, key));
    return db_run(l->del, err);
}
