/* The answer to one statement, as POST /sql gives it: the types of its columns, its rows, how long it took.
 *
 * A result column that is a column of one of our tables has its type. Any other has the type of what stands in the first row:
 * I64, F64, String or bytes; there NULL is null, as it is where a join finds nothing. */
#include "runtime/sql/sql_priv.h"

#include <math.h>
#include <string.h>

#include "runtime/base/clock.h"
#include "runtime/base/utf8.h"
#include "runtime/sql/lex.h"

static void
put_text(struct oro_bb *out, const char *s)
{
    oro_bb_put(out, s, strlen(s));
}

static struct oro_bytes
value_bytes(sqlite3_value *v)
{
    const void *p = sqlite3_value_blob(v);
    return p != NULL ? oro_bytes(p, (size_t)sqlite3_value_bytes(v)) : oro_bytes("", 0);
}

/* ---- values ---- */

static void
put_hex(struct oro_bytes b, struct oro_bb *out)
{
    oro_bb_u8(out, '"');
    oro_bb_reserve(out, 2 * b.len + 1);
    oro_hex(b, (char *)out->data + out->len);
    out->len += 2 * b.len;
    oro_bb_u8(out, '"');
}

static void
put_plain(sqlite3_value *v, struct oro_bb *out)
{
    static const struct oro_type f64 = {.kind = ORO_F64};
    double d;
    switch (sqlite3_value_type(v)) {
    case SQLITE_INTEGER:
        oro_bb_printf(out, "%lld", (long long)sqlite3_value_int64(v));
        break;
    case SQLITE_FLOAT:
        d = sqlite3_value_double(v);
        oro_value_to_json(&f64, (const uint8_t *)&d, ORO_JSON_POSITIONAL, out);
        break;
    case SQLITE_TEXT:
        if (oro_utf8_valid(value_bytes(v)))
            oro_json_string(value_bytes(v), out);
        else
            put_hex(value_bytes(v), out); /* CAST(x'ff' AS TEXT) */
        break;
    case SQLITE_BLOB:
        put_hex(value_bytes(v), out);
        break;
    default:
        put_text(out, "null");
        break;
    }
}

/* t: of the column; NULL: it has none. */
static void
put_value(const struct oro_type *t, sqlite3_value *v, struct oro_bb *scratch, struct oro_bb *out)
{
    int is = sqlite3_value_type(v);
    bool plain = t == NULL || (is == SQLITE_NULL && t->special != ORO_OPTION) ||
                 (t->kind == ORO_STRING && is == SQLITE_TEXT) ||
                 (is == SQLITE_INTEGER && t->kind >= ORO_I8 && t->kind <= ORO_U64);
    oro_bb_clear(scratch);
    if (plain || !sql_encode(t, v, scratch))
        put_plain(v, out); /* of another type it can be in a UNION */
    else
        oro_value_to_json(t, scratch->data, ORO_JSON_POSITIONAL, out);
}

/* ---- the schema ---- */

static const char *
plain_type(int is)
{
    switch (is) {
    case SQLITE_INTEGER:
        return "{\"I64\":[]}";
    case SQLITE_FLOAT:
        return "{\"F64\":[]}";
    case SQLITE_BLOB:
        return "{\"Array\":{\"U8\":[]}}";
    default:
        return "{\"String\":[]}";
    }
}

static void
put_type(const struct oro_type *t, int is, struct oro_bb *out)
{
    size_t at = out->len;
    if (t == NULL) {
        put_text(out, plain_type(is));
    } else if (oro_type_to_json_inline(t, out, NULL) != ORO_OK) {
        out->len = at; /* a recursive type cannot be written without Refs */
        oro_type_to_json(t, out);
    }
}

static void
put_schema(sqlite3_stmt *stmt, const struct oro_type *const *types, int n, struct oro_bb *out)
{
    put_text(out, "{\"schema\":{\"elements\":[");
    for (int i = 0; i < n; i++) {
        const char *name = sqlite3_column_name(stmt, i);
        put_text(out, i > 0 ? ",{\"name\":{\"some\":" : "{\"name\":{\"some\":");
        oro_json_string(oro_bytes_str(name != NULL ? name : ""), out);
        put_text(out, "},\"algebraic_type\":");
        put_type(types[i], sqlite3_column_type(stmt, i), out);
        oro_bb_u8(out, '}');
    }
    put_text(out, "]},\"rows\":[");
}

/* ---- the rows ---- */

static uint64_t
answer_bytes(const struct oro_bb *out, const struct oro_parts *parts)
{
    return out->len + (parts != NULL ? parts->bytes : 0);
}

static oro_status
check_answer(struct sql_engine *e, const struct oro_bb *out, const struct oro_parts *parts,
             struct oro_err *err)
{
    if (parts != NULL && parts->failed)
        return oro_err_set(err, ORO_ENOMEM,
                           "the server has no memory left for this answer: try again later");
    if (e->ask->bytes > 0 && answer_bytes(out, parts) > e->ask->bytes)
        return oro_err_set(err, ORO_EFULL,
                           "the answer has more than %llu MiB: ask for fewer rows at a time",
                           (unsigned long long)(e->ask->bytes >> 20));
    return ORO_OK;
}

/* Looked at after each value: a row may be as large as the columns it repeats. */
static oro_status
put_row(struct sql_engine *e, sqlite3_stmt *stmt, const struct oro_type *const *types, int n,
        struct oro_bb *scratch, struct oro_bb *out, struct oro_parts *parts, struct oro_err *err)
{
    oro_status st = ORO_OK;
    oro_bb_u8(out, '[');
    for (int i = 0; i < n && st == ORO_OK; i++) {
        if (i > 0)
            oro_bb_u8(out, ',');
        put_value(types[i], sqlite3_column_value(stmt, i), scratch, out);
        oro_parts_spill(parts, out);
        st = check_answer(e, out, parts, err);
    }
    oro_bb_u8(out, ']');
    return st;
}

static oro_status
put_rows(struct sql_engine *e, sqlite3_stmt *stmt, const struct oro_type *const *types, int n,
         struct oro_bb *out, struct oro_parts *parts, struct oro_err *err)
{
    struct oro_bb scratch = {0};
    oro_status st = ORO_OK;
    int rc = sqlite3_step(stmt);
    put_schema(stmt, types, n, out);
    for (bool first = true; rc == SQLITE_ROW && st == ORO_OK; first = false) {
        if (!first)
            oro_bb_u8(out, ',');
        st = put_row(e, stmt, types, n, &scratch, out, parts, err);
        if (st == ORO_OK)
            rc = sqlite3_step(stmt);
    }
    oro_bb_fini(&scratch);
    if (st == ORO_OK && rc != SQLITE_DONE)
        st = sql_fail(e, rc, NULL, 0, err);
    return st;
}

/* SELECT COUNT(*) and nothing beside it: a U64, as it is where the grammar of subscriptions knows the statement. */
static bool
is_count(const char *sql)
{
    static const char *const words[] = {"SELECT", "COUNT", "(", "*", ")", NULL};
    struct oro_bytes text = oro_bytes_str(sql != NULL ? sql : "");
    struct sql_token tok;
    size_t at = 0;
    for (size_t i = 0; words[i] != NULL; i++)
        if (!sql_token_next(text, &at, &tok) || !sql_token_is(&tok, words[i]))
            return false;
    bool more = sql_token_next(text, &at, &tok);
    if (more && sql_token_is(&tok, "AS"))
        more = sql_token_next(text, &at, &tok);
    if (more && tok.kind == SQL_T_NAME && !sql_token_is(&tok, "FROM"))
        more = sql_token_next(text, &at, &tok);
    return !more || sql_token_is(&tok, "FROM") || sql_token_is(&tok, ";");
}

oro_status
sql_answer(struct sql_engine *e, sqlite3_stmt *stmt, struct oro_bb *out, struct oro_parts *parts,
           struct oro_err *err)
{
    static const struct oro_type u64 = {.kind = ORO_U64, .fixed_size = 8};
    int64_t begin = oro_mono_us();
    e->ask->inserted = e->ask->deleted = e->ask->updated = 0;
    int n = sqlite3_column_count(stmt);
    const struct oro_type **types = ORO_NEW_ARRAY(const struct oro_type *, (size_t)n + 1);
    for (int i = 0; i < n; i++)
        types[i] = sql_declared_type(e, sqlite3_column_decltype(stmt, i));
    if (n == 1 && is_count(sqlite3_sql(stmt)))
        types[0] = &u64;
    oro_status st = put_rows(e, stmt, types, n, out, parts, err);
    oro_free(types);
    if (st == ORO_OK)
        oro_bb_printf(out,
                      "],\"total_duration_micros\":%lld,\"stats\":{\"rows_inserted\":%llu,"
                      "\"rows_deleted\":%llu,\"rows_updated\":%llu}}",
                      (long long)(oro_mono_us() - begin), (unsigned long long)e->ask->inserted,
                      (unsigned long long)e->ask->deleted, (unsigned long long)e->ask->updated);
    return st;
}
