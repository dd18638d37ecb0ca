/* Random data and random queries, beside a plain SQLite database with the same rows: same answers.
 *
 * A query is written twice: for us with literals as people write them, for SQLite as docs/sql.md says that values look in it.
 * What is selected goes through quote(), so that both answers are text. ORO_SEED=n begins elsewhere, ORO_QUERIES=n asks more. */
#include <math.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdlib.h>

#include "runtime/sql/value.h"
#include "tests/sql/ask.h"

static const char *const lines[] = {
    "a public id:u32:pk n:i32:idx m:i64 u:u64:idx s:string:idx f:f64:idx b:bool e:color3:idx "
    "o:opt_u32:idx index(n,s) index(e,u)",
    "c public id:u64:pk n:u32:idx k:u8:hash w:u128:idx x:f32:idx t:time:idx who:identity:idx "
    "s:string v:i256 index(n,k)",
    "g public k:u8:idx raw:bytes:idx s:opt_string:idx id:i32 j:uuid:unique",
    NULL,
};

/* ---- chance ---- */

static uint64_t chance;

static uint32_t
any(uint32_t n)
{
    chance ^= chance << 13;
    chance ^= chance >> 7;
    chance ^= chance << 17;
    return (uint32_t)((chance >> 11) % n);
}

/* ---- values ---- */

static void
put_wide(unsigned size, struct oro_bb *out)
{
    static const uint8_t tops[] = {0, 0, 0, 1, 0x7f, 0x80, 0xff};
    uint8_t le[32] = {0};
    le[0] = (uint8_t)any(4);
    le[8] = tops[any(5)] > 1;
    le[size - 1] = tops[any(7)];
    oro_bb_put(out, le, size);
}

static void
put_chars(struct oro_bb *out, const char *alphabet, uint32_t most)
{
    char s[8];
    uint32_t n = any(most + 1);
    for (uint32_t i = 0; i < n; i++)
        s[i] = alphabet[any((uint32_t)strlen(alphabet))];
    oro_bb_lenbytes(out, oro_bytes(s, n));
}

static void
put_value(const struct oro_type *type, struct oro_bb *out)
{
    static const int64_t ints[] = {INT64_MIN, INT64_MAX, 1000000, 1700000000123456, -1};
    static const uint64_t large[] = {UINT64_MAX, (uint64_t)1 << 63, INT64_MAX,
                                     10000000000000000000u};
    static const double reals[] = {0.5, -1.5, 1e300, 2.0, 0.1, -0.0};
    const struct oro_type *t = oro_type_resolve(type);
    int64_t i = any(4) > 0 ? any(8) : ints[any(5)];
    uint64_t u = any(4) > 0 ? any(8) : large[any(4)];
    double d = any(2) > 0 ? (double)any(6) : reals[any(6)];
    float f = (float)d;
    switch (sql_rep_of(t)) {
    case REP_INT:
        if (t->kind == ORO_BOOL)
            oro_bb_u8(out, (uint8_t)any(2));
        else if (t->fixed_size == 8)
            oro_bb_u64(out, (uint64_t)(t->special == ORO_TIMESTAMP && i < -1           ? -5
                                       : i == INT64_MAX && t->special == ORO_TIMESTAMP ? 7
                                                                                       : i));
        else
            oro_bb_put(out, &(uint32_t){any(10)}, t->fixed_size);
        break;
    case REP_U64:
        oro_bb_u64(out, u);
        break;
    case REP_REAL:
        oro_bb_put(out, t->kind == ORO_F64 ? (void *)&d : (void *)&f, t->fixed_size);
        break;
    case REP_WIDE:
    case REP_HEX:
    case REP_UUID:
        put_wide(t->fixed_size, out);
        break;
    case REP_TEXT:
        put_chars(out, "ab'\xc3", 0);
        out->len -= 4;
        put_chars(out, "abB'", 2);
        break;
    case REP_BLOB:
        put_chars(out, "ab\x01\xff", 2);
        break;
    case REP_ENUM:
        oro_bb_u8(out, (uint8_t)any(t->nelems));
        break;
    case REP_OPTION:
        oro_bb_u8(out, (uint8_t)(any(3) == 0));
        if (out->data[out->len - 1] == 0)
            put_value(t->elems[0].type, out);
        break;
    default:
        ORO_ASSERT(false);
    }
}

/* As people write it. */
static void
put_natural(const struct oro_type *t, const uint8_t *p, struct oro_bb *out)
{
    uint64_t u;
    float f;
    double d;
    switch (sql_rep_of(t)) {
    case REP_U64:
        memcpy(&u, p, 8);
        oro_bb_printf(out, "%llu", (unsigned long long)u);
        break;
    case REP_REAL:
        memcpy(&d, p, t->fixed_size);
        memcpy(&f, p, 4);
        d = t->kind == ORO_F64 ? d : (double)f;
        if (isinf(d)) {
            oro_bb_printf(out, "9e999");
            break;
        }
        oro_bb_printf(out, t->kind == ORO_F64 ? "%.17e" : "%.9e",
                      t->kind == ORO_F64 ? d : (double)f);
        break;
    case REP_WIDE: /* digits without quotes */
        sql_literal(t, p, out);
        for (size_t i = 0; i < out->len; i++)
            out->data[i] = out->data[i] == '\'' ? ' ' : out->data[i];
        break;
    case REP_HEX: /* a number without quotes, or without 0x */
        sql_literal(t, p, out);
        if (any(2) == 0)
            out->data[0] = out->data[out->len - 1] = ' ';
        else
            memcpy(out->data, "  '", 3);
        break;
    default:
        sql_literal(t, p, out);
        break;
    }
}

/* ---- both databases ---- */

struct both {
    struct asked ours;
    sqlite3 *plain;
    struct oro_bb a, b; /* the query, for us and for it */
    unsigned aliases;
};

static void
plain_do(struct both *w, const char *sql)
{
    char *why = NULL;
    int rc = sqlite3_exec(w->plain, sql, NULL, NULL, &why);
    cr_assert_eq(rc, SQLITE_OK, "%s: %s", sql, why);
}

static const char *
collation_of(struct both *w, const struct oro_type *t, char name[32])
{
    enum sql_rep rep = sql_rep_of(t);
    if (rep == REP_HEX || rep == REP_UUID)
        return "NOCASE";
    if (rep == REP_WIDE)
        return "num";
    if (rep != REP_ENUM)
        return "BINARY";
    snprintf(name, 32, "e%u", w->aliases++);
    sqlite3_create_collation(w->plain, name, SQLITE_UTF8, (void *)(uintptr_t)t, sql_collate_enum);
    return name;
}

static void
create_plain(struct both *w, const struct oro_table_def *t)
{
    struct oro_bb sql = {0};
    char name[32];
    oro_bb_printf(&sql, "CREATE TABLE %s(", t->name);
    for (uint32_t i = 0; i < t->row->nelems; i++) {
        const struct oro_type *type = oro_type_resolve(t->row->elems[i].type);
        oro_bb_printf(&sql, "%s%s %s COLLATE %s", i > 0 ? "," : "", t->row->elems[i].name,
                      sql_affinity(type), collation_of(w, sql_inner_type(type), name));
    }
    oro_bb_put(&sql, ")", 2);
    plain_do(w, (const char *)sql.data);
    oro_bb_fini(&sql);
}

static struct both
both_open(void)
{
    struct both w = {.ours = ask_open(lines)};
    cr_assert_eq(sqlite3_open(":memory:", &w.plain), SQLITE_OK);
    sqlite3_create_collation(w.plain, "num", SQLITE_UTF8, NULL, sql_collate_number);
    for (uint32_t i = 0; i < w.ours.db.schema->ntables; i++)
        create_plain(&w, &w.ours.db.schema->tables[i]);
    return w;
}

static void
both_close(struct both *w)
{
    sqlite3_close(w->plain);
    oro_bb_fini(&w->a);
    oro_bb_fini(&w->b);
    ask_close(&w->ours);
}

static void
add_row(struct both *w, const struct oro_table_def *t)
{
    struct oro_bb row = {0}, sql = {0};
    oro_bb_printf(&sql, "INSERT INTO %s VALUES (", t->name);
    for (uint32_t i = 0; i < t->row->nelems; i++) {
        const struct oro_type *type = oro_type_resolve(t->row->elems[i].type);
        size_t at = row.len;
        put_value(type, &row);
        const uint8_t *p = row.data + at;
        bool option = type->special == ORO_OPTION;
        oro_bb_printf(&sql, "%s", i > 0 ? "," : "");
        if (option && *p == 1)
            oro_bb_printf(&sql, "NULL");
        else
            sql_literal(sql_inner_type(type), p + option, &sql);
    }
    oro_bb_put(&sql, ")", 2);
    struct oro_bytes stored;
    size_t before = oro_tx_count(w->ours.db.tx, t);
    oro_status st = oro_tx_insert(w->ours.db.tx, t, oro_bb_bytes(&row), &stored, NULL);
    if (st == ORO_OK && oro_tx_count(w->ours.db.tx, t) > before) /* neither there, nor its key */
        plain_do(w, (const char *)sql.data);
    oro_bb_fini(&row);
    oro_bb_fini(&sql);
}

static void
new_data(struct both *w)
{
    db_begin(&w->ours.db);
    for (uint32_t i = 0; i < w->ours.db.schema->ntables; i++) {
        const struct oro_table_def *t = &w->ours.db.schema->tables[i];
        char sql[64];
        snprintf(sql, sizeof(sql), "DELETE FROM %s", t->name);
        plain_do(w, sql);
        oro_tx_clear(w->ours.db.tx, t);
        for (uint32_t n = any(40); n > 0; n--)
            add_row(w, t);
    }
    db_commit(&w->ours.db);
}

/* ---- queries ---- */

struct source {
    const struct oro_table_def *t;
    unsigned alias;
};

struct scope {
    struct source from[4];
    unsigned n;
};

ORO_PRINTF(2, 3) static void put(struct both *w, const char *fmt, ...)
{
    char text[200];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    oro_bb_put_bytes(&w->a, oro_bytes_str(text));
    oro_bb_put_bytes(&w->b, oro_bytes_str(text));
}

struct ref {
    unsigned alias;
    const char *name;
    const struct oro_type *type; /* of an option: what is in it */
    bool option;
};

static struct ref
any_column(const struct scope *s)
{
    const struct source *f = &s->from[any(s->n)];
    uint32_t i = any(f->t->row->nelems);
    const struct oro_type *t = oro_type_resolve(f->t->row->elems[i].type);
    return (struct ref){f->alias, f->t->row->elems[i].name, sql_inner_type(t),
                        t->special == ORO_OPTION};
}

/* Those of one of its indexes: what is ordered by them may come from there. */
static unsigned
columns_of_index(const struct source *f, struct ref *out)
{
    const struct oro_index_def *ix = &f->t->indexes[any(f->t->nindexes)];
    for (unsigned i = 0; i < ix->ncols; i++) {
        const struct oro_elem *e = &f->t->row->elems[ix->cols[i]];
        const struct oro_type *t = oro_type_resolve(e->type);
        out[i] = (struct ref){f->alias, e->name, sql_inner_type(t), t->special == ORO_OPTION};
    }
    return ix->ncols;
}

static void
put_ref(struct both *w, struct ref r)
{
    put(w, "t%u.%s", r.alias, r.name);
}

/* A literal for the column: a value that it might have. */
static void
put_literal(struct both *w, struct ref r)
{
    struct oro_bb value = {0}, natural = {0}, plain = {0};
    put_value(r.type, &value);
    put_natural(r.type, value.data, &natural);
    sql_literal(r.type, value.data, &plain);
    oro_bb_put_bytes(&w->a, oro_bb_bytes(&natural));
    oro_bb_put_bytes(&w->b, oro_bb_bytes(&plain));
    oro_bb_fini(&value);
    oro_bb_fini(&natural);
    oro_bb_fini(&plain);
}

static const char *
any_op(void)
{
    static const char *const ops[] = {
        " = ", " = ", " <> ", " < ", " <= ", " > ", " >= ", " IS ", " IS NOT "};
    return ops[any(9)];
}

/* Another column that may be compared with it: of the same type. */
static bool
partner(const struct scope *s, struct ref r, struct ref *out)
{
    for (unsigned tries = 0; tries < 12; tries++) {
        *out = any_column(s);
        bool integers = sql_rep_of(out->type) == REP_INT && sql_rep_of(r.type) == REP_INT;
        if (integers || oro_type_eq(out->type, r.type))
            return true;
    }
    return false;
}

static void put_condition(struct both *w, const struct scope *s, unsigned depth);
static void put_from(struct both *w, struct scope *s, unsigned most, unsigned depth);

static void
put_subquery(struct both *w, const struct scope *outer, unsigned depth)
{
    struct ref r = any_column(outer), in;
    struct scope s = {0};
    unsigned kind = any(3);
    if (kind == 0) {
        put(w, "%sEXISTS (SELECT 1", any(2) ? "NOT " : "");
    } else {
        put_ref(w, r);
        put(w, "%s (SELECT ", kind == 1 ? " IN" : " NOT IN");
        size_t at_a = w->a.len, at_b = w->b.len;
        struct oro_bb a = w->a, b = w->b;
        w->a = w->b = (struct oro_bb){0};
        put_from(w, &s, 2, depth);
        struct oro_bb from_a = w->a, from_b = w->b;
        w->a = a;
        w->b = b;
        ORO_ASSERT(w->a.len == at_a && w->b.len == at_b);
        if (partner(&s, r, &in))
            put_ref(w, in);
        else
            put(w, "NULL");
        oro_bb_put_bytes(&w->a, oro_bb_bytes(&from_a));
        oro_bb_put_bytes(&w->b, oro_bb_bytes(&from_b));
        oro_bb_fini(&from_a);
        oro_bb_fini(&from_b);
    }
    if (kind == 0)
        put_from(w, &s, 2, depth);
    /* What is outside may be named inside. */
    struct scope all = s;
    for (unsigned i = 0; i < outer->n && all.n < 4; i++)
        all.from[all.n++] = outer->from[i];
    put(w, " WHERE ");
    put_condition(w, &all, depth + 1);
    put(w, ")");
}

static void
put_compare(struct both *w, const struct scope *s, unsigned depth)
{
    struct ref r = any_column(s), other;
    switch (any(9)) {
    case 0:
        if (partner(s, r, &other)) {
            put_ref(w, r);
            put(w, "%s", any_op());
            put_ref(w, other);
            return;
        }
        /* fall through */
    case 1:
        put_ref(w, r);
        put(w, "%s", any(2) ? " IS NULL" : " IS NOT NULL");
        return;
    case 2:
        put_ref(w, r);
        put(w, "%s (", any(4) ? " IN" : " NOT IN");
        for (uint32_t i = 0, n = 1 + any(4); i < n; i++) {
            put(w, "%s", i > 0 ? ", " : "");
            put_literal(w, r);
        }
        put(w, ")");
        return;
    case 3:
        put_ref(w, r);
        put(w, "%s", any(4) ? " BETWEEN " : " NOT BETWEEN ");
        put_literal(w, r);
        put(w, " AND ");
        put_literal(w, r);
        return;
    case 4:
        put_literal(w, r);
        put(w, "%s", any(2) ? " < " : " = ");
        put_ref(w, r);
        return;
    case 5:
        if (depth < 2) {
            put_subquery(w, s, depth);
            return;
        }
        /* fall through */
    default:
        put_ref(w, r);
        put(w, "%s", any_op());
        put_literal(w, r);
    }
}

static void
put_condition(struct both *w, const struct scope *s, unsigned depth)
{
    uint32_t kind = any(8);
    if (kind >= 4 || depth > 3) {
        put_compare(w, s, depth);
        return;
    }
    put(w, "%s(", kind == 3 ? "NOT " : "");
    put_condition(w, s, depth + 1);
    if (kind != 3) {
        put(w, "%s", kind == 2 ? " OR " : " AND ");
        put_condition(w, s, depth + 1);
    }
    put(w, ")");
}

static void
put_from(struct both *w, struct scope *s, unsigned most, unsigned depth)
{
    static const char *const joins[] = {" JOIN ", " LEFT JOIN ", ", ", " CROSS JOIN "};
    const struct oro_schema *schema = w->ours.db.schema;
    unsigned n = 1 + any(most);
    put(w, " FROM ");
    for (unsigned i = 0; i < n; i++) {
        const struct oro_table_def *t = &schema->tables[any(schema->ntables)];
        unsigned join = any(4);
        s->from[s->n++] = (struct source){t, w->aliases};
        put(w, "%s%s t%u", i > 0 ? joins[join] : "", t->name, w->aliases++);
        if (i == 0 || join > 1)
            continue;
        struct ref r = any_column(s), other;
        put(w, " ON ");
        if (partner(s, r, &other) && any(5) > 0) {
            put_ref(w, r);
            put(w, " = ");
            put_ref(w, other);
        } else {
            put_condition(w, s, 3);
        }
    }
}

/* SELECT quote(x) ...: the expressions alone, for ORDER BY and GROUP BY, come with it. */
static void
put_select(struct both *w, unsigned most)
{
    struct scope s = {0};
    struct both head = {0};
    struct ref out[3];
    unsigned nout = 1 + any(3);
    struct oro_bb a = w->a, b = w->b;
    w->a = w->b = (struct oro_bb){0};
    put_from(w, &s, most, 0);
    if (any(5) > 0) {
        put(w, " WHERE ");
        put_condition(w, &s, 0);
    }
    head.a = w->a;
    head.b = w->b;
    w->a = a;
    w->b = b;
    for (unsigned i = 0; i < nout; i++)
        out[i] = any_column(&s);
    if (any(3) == 0)
        nout = columns_of_index(&s.from[0], out);
    unsigned form = any(5);
    put(w, form == 0 ? "SELECT DISTINCT " : "SELECT ");
    for (unsigned i = 0; i < nout; i++) {
        put(w, i > 0 ? ", quote(" : "quote(");
        put_ref(w, out[i]);
        put(w, ") AS c%u", i);
    }
    for (unsigned i = nout; i < 3; i++)
        put(w, ", %u AS c%u", i, i);
    if (form == 1) {
        struct ref r = any_column(&s);
        static const char *const calls[] = {"count(", "min(", "max(", "count(DISTINCT "};
        put(w, ", quote(%s", calls[any(4)]);
        put_ref(w, r);
        put(w, ")) AS n");
    } else {
        put(w, ", 0 AS n");
    }
    oro_bb_put_bytes(&w->a, oro_bb_bytes(&head.a));
    oro_bb_put_bytes(&w->b, oro_bb_bytes(&head.b));
    oro_bb_fini(&head.a);
    oro_bb_fini(&head.b);
    for (unsigned i = 0; form == 1 && i < nout; i++) {
        put(w, i > 0 ? ", " : " GROUP BY ");
        put_ref(w, out[i]);
    }
    if (form == 1 && any(3) == 0)
        put(w, " HAVING count(*) > %u", any(4));
    if (form > 2) {
        for (unsigned i = 0; i < nout; i++) {
            put(w, i > 0 ? ", " : " ORDER BY ");
            put_ref(w, out[i]);
            put(w, any(3) ? "" : " DESC");
        }
        if (any(2))
            put(w, " LIMIT %u OFFSET %u", any(8), any(4));
    }
}

static void
put_query(struct both *w)
{
    static const char *const compounds[] = {" UNION ", " UNION ALL ", " EXCEPT ", " INTERSECT "};
    switch (any(8)) {
    case 0:
        put(w, "SELECT * FROM (");
        put_select(w, 2);
        put(w, ")%s SELECT * FROM (", compounds[any(4)]);
        put_select(w, 2);
        put(w, ")");
        return;
    case 1:
        put(w, "WITH q AS (");
        put_select(w, 2);
        put(w,
            ") SELECT c0, count(*), row_number() OVER (ORDER BY c0) FROM q GROUP BY c0 ORDER BY 1");
        return;
    default:
        put_select(w, 3);
    }
}

/* ---- answers ---- */

struct answer {
    char **rows;
    size_t n, cap;
};

static void
answer_add(struct answer *a, const char *from, size_t n)
{
    a->rows = oro_grow(a->rows, a->n, &a->cap, sizeof(*a->rows));
    a->rows[a->n++] = oro_strndup(from, n);
}

static void
answer_fini(struct answer *a)
{
    for (size_t i = 0; i < a->n; i++)
        oro_free(a->rows[i]);
    oro_free(a->rows);
}

/* [["x",1],["y",2]] cut at the rows. No string has a bracket in it. */
static struct answer
answer_ours(char *text)
{
    struct answer a = {0};
    for (char *at = text + 1, *end; *at == '[' || *at == ','; at = end + 1) {
        at += *at == ',';
        end = strchr(at, ']');
        answer_add(&a, at + 1, (size_t)(end - at) - 1);
    }
    return a;
}

static struct answer
answer_plain(struct both *w)
{
    struct answer a = {0};
    sqlite3_stmt *stmt;
    int rc = sqlite3_prepare_v2(w->plain, (const char *)w->b.data, -1, &stmt, NULL);
    cr_assert_eq(rc, SQLITE_OK, "%s\n%s", (char *)w->b.data, sqlite3_errmsg(w->plain));
    while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        struct oro_bb row = {0};
        for (int i = 0; i < sqlite3_column_count(stmt); i++) {
            const char *s = (const char *)sqlite3_column_text(stmt, i);
            if (i > 0)
                oro_bb_u8(&row, ',');
            if (sqlite3_column_type(stmt, i) == SQLITE_TEXT)
                oro_json_string(oro_bytes_str(s), &row);
            else
                oro_bb_put_bytes(&row, oro_bytes_str(s != NULL ? s : "null"));
        }
        answer_add(&a, row.len > 0 ? (char *)row.data : "", row.len);
        oro_bb_fini(&row);
    }
    cr_assert_eq(rc, SQLITE_DONE);
    sqlite3_finalize(stmt);
    return a;
}

static int
by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* ORDER BY has all that is selected: where it is, the order is the same. */
static void
compare(struct both *w, unsigned long seed)
{
    oro_bb_u8(&w->a, 0);
    oro_bb_u8(&w->b, 0);
    const char *sql = (const char *)w->a.data;
    oro_status st = ask(&w->ours, sql);
    cr_assert_eq(st, ORO_OK, "seed %lu\n%s\n%s", seed, sql, w->ours.err.text);
    char *from = strstr((char *)w->ours.out.data, "\"rows\":") + 7;
    *strstr(from, ",\"total_duration") = '\0';
    struct answer a = answer_ours(from), b = answer_plain(w);
    cr_assert_eq(a.n, b.n, "seed %lu: %zu rows, wanted %zu\n%s\n%s", seed, a.n, b.n, sql,
                 (char *)w->b.data);
    const char *outer = sql[strlen(sql) - 1] == ')' ? NULL : strstr(sql, " ORDER BY ");
    if (a.n > 0 && (outer == NULL || strncmp(sql, "SELECT * FROM", 13) == 0)) {
        qsort(a.rows, a.n, sizeof(*a.rows), by_text);
        qsort(b.rows, b.n, sizeof(*b.rows), by_text);
    }
    for (size_t i = 0; i < a.n; i++)
        cr_assert_str_eq(a.rows[i], b.rows[i], "seed %lu, row %zu: %s, wanted %s\n%s\n%s", seed, i,
                         a.rows[i], b.rows[i], sql, (char *)w->b.data);
    answer_fini(&a);
    answer_fini(&b);
}

/* ---- writing ---- */

static bool
is_unique(const struct oro_table_def *t, uint32_t col)
{
    for (uint32_t i = 0; i < t->nindexes; i++)
        if (t->indexes[i].unique && t->indexes[i].cols[0] == col)
            return true;
    return false;
}

/* All of a table, ordered by all of it. */
static void
put_dump(struct both *w, const struct oro_table_def *t)
{
    w->a.len = w->b.len = 0;
    for (uint32_t i = 0; i < t->row->nelems; i++)
        put(w, i > 0 ? ", quote(%s)" : "SELECT quote(%s)", t->row->elems[i].name);
    put(w, " FROM %s", t->name);
    for (uint32_t i = 0; i < t->row->nelems; i++)
        put(w, i > 0 ? ", %s" : " ORDER BY %s", t->row->elems[i].name);
}

/* UPDATE or DELETE, of columns that are not unique: whatever is changed is allowed. */
static void
write_once(struct both *w, unsigned long seed)
{
    const struct oro_schema *schema = w->ours.db.schema;
    const struct oro_table_def *t = &schema->tables[any(schema->ntables)];
    struct scope s = {.from = {{t, w->aliases++}}, .n = 1};
    w->a.len = w->b.len = 0;
    if (any(4) == 0) {
        put(w, "DELETE FROM %s AS t%u", t->name, s.from[0].alias);
    } else {
        put(w, "UPDATE %s AS t%u SET ", t->name, s.from[0].alias);
        bool first = true;
        for (uint32_t i = 0, at = any(t->row->nelems); i < t->row->nelems; i++) {
            uint32_t col = (at + i) % t->row->nelems;
            if (is_unique(t, col) || (!first && any(3) > 0))
                continue;
            const struct oro_type *type = oro_type_resolve(t->row->elems[col].type);
            put(w, first ? "%s = " : ", %s = ", t->row->elems[col].name);
            if (type->special == ORO_OPTION && any(3) == 0)
                put(w, "NULL");
            else
                put_literal(w, (struct ref){s.from[0].alias, NULL, sql_inner_type(type), false});
            first = false;
        }
    }
    put(w, " WHERE ");
    put_condition(w, &s, 1);
    oro_bb_u8(&w->a, 0);
    oro_bb_u8(&w->b, 0);
    oro_status st = ask_in_tx(&w->ours, (const char *)w->a.data);
    cr_assert_eq(st, ORO_OK, "seed %lu\n%s\n%s", seed, (char *)w->a.data, w->ours.err.text);
    plain_do(w, (const char *)w->b.data);
    char want[60];
    snprintf(want, sizeof(want),
             w->a.data[0] == 'D' ? "\"rows_deleted\":%d," : "\"rows_updated\":%d}",
             sqlite3_changes(w->plain));
    cr_assert_not_null(strstr((char *)w->ours.out.data, want), "seed %lu\n%s\n%s, wanted %s", seed,
                       (char *)w->a.data, (char *)w->ours.out.data, want);
    put_dump(w, t);
    compare(w, seed);
}

Test(differential, random_writes_do_as_plain_sqlite, .timeout = 600)
{
    unsigned long seed =
        getenv("ORO_SEED") != NULL ? strtoul(getenv("ORO_SEED"), NULL, 10) : 5000000;
    struct both w = both_open();
    for (unsigned long i = 0; i < 2000; i++) {
        chance = (seed + i + 1) * 0x9e3779b97f4a7c15u;
        any(2);
        if (i % 10 == 0)
            new_data(&w);
        write_once(&w, seed + i);
    }
    cr_assert(oro_store_check(w.ours.db.store));
    both_close(&w);
}

Test(differential, random_queries_answer_as_plain_sqlite, .timeout = 600)
{
    unsigned long seed = getenv("ORO_SEED") != NULL ? strtoul(getenv("ORO_SEED"), NULL, 10) : 1;
    unsigned long most =
        getenv("ORO_QUERIES") != NULL ? strtoul(getenv("ORO_QUERIES"), NULL, 10) : 10000;
    struct both w = both_open();
    for (unsigned long i = 0; i < most; i++) {
        chance = (seed + i + 1) * 0x9e3779b97f4a7c15u;
        any(2);
        if (i % 50 == 0)
            new_data(&w);
        w.a.len = w.b.len = 0;
        put_query(&w);
        compare(&w, seed + i);
    }
    both_close(&w);
}
