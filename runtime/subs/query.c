/* A parsed query typed against its table: a tree of predicates over encoded rows, and the index that finds most of it.
 *
 * A comparison reads the column's bytes where they lie in the row. Values compare in the order of spec/bsatn.md 3
 * without making keys: all comparable types are one number, one string or one byte array, perhaps within a product of
 * one element (Identity, Timestamp ...). */
#include "runtime/subs/query.h"

#include <math.h>
#include <string.h>

#include "bridge/bsatn/value.h"
#include "runtime/base/clock.h"
#include "runtime/base/map.h"
#include "runtime/subs/sql_parse.h"

enum pred_kind { P_OR, P_AND, P_COMPARE, P_COMPARE_COLUMNS, P_CONST };

struct pred {
    enum pred_kind kind;
    enum sql_op op;
    bool yes;                    /* P_CONST */
    uint16_t col, other;         /* other: P_COMPARE_COLUMNS */
    const struct oro_type *leaf; /* what is compared */
    struct oro_bytes value;      /* P_COMPARE: BSATN */
    struct pred *list, *next;
};

struct query_column {
    uint16_t col;
    struct oro_bytes name;
};

struct oro_query {
    struct oro_arena arena;
    const struct oro_table_def *table;
    struct pred *where; /* NULL: every row */
    bool uses_sender;
    bool count, has_limit;
    uint64_t limit;
    struct oro_bytes count_name;
    struct query_column *columns; /* NULL: all */
    uint16_t ncolumns;
    /* How to find the rows: index NULL means scan. */
    const struct oro_index_def *index;
    struct oro_range range;
    int eq_column; /* -1: none */
    struct oro_bytes eq_value;
};

/* ---- comparing values ---- */

/* The number, string or byte array that a value of t is for comparisons; NULL: SQL cannot compare it. */
static const struct oro_type *
leaf_type(const struct oro_type *t)
{
    t = oro_type_resolve(t);
    if (t->special == ORO_IDENTITY || t->special == ORO_CONNECTION_ID ||
        t->special == ORO_TIMESTAMP || t->special == ORO_UUID)
        return oro_type_resolve(t->elems[0].type);
    if (t->kind == ORO_STRING || (t->kind >= ORO_BOOL && t->kind < ORO_KIND_COUNT))
        return t;
    return t->kind == ORO_ARRAY && oro_type_resolve(t->elem)->kind == ORO_U8 ? t : NULL;
}

static int
compare_integer(const uint8_t *a, const uint8_t *b, uint32_t size, bool is_signed)
{
    if (is_signed && (a[size - 1] ^ b[size - 1]) & 0x80)
        return a[size - 1] & 0x80 ? -1 : 1;
    for (uint32_t i = size; i-- > 0;)
        if (a[i] != b[i])
            return a[i] < b[i] ? -1 : 1;
    return 0;
}

/* TY-2: total order; NaN equals NaN and is above everything; the zeros are equal. */
static int
compare_double(double a, double b)
{
    if (isnan(a) || isnan(b))
        return (isnan(a) != 0) - (isnan(b) != 0);
    return (a > b) - (a < b);
}

static struct oro_bytes
counted_bytes(const uint8_t *p)
{
    uint32_t n;
    memcpy(&n, p, 4);
    return oro_bytes(p + 4, n);
}

static int
compare_values(const struct oro_type *leaf, const uint8_t *a, const uint8_t *b)
{
    switch (leaf->kind) {
    case ORO_STRING:
    case ORO_ARRAY:
        return oro_bytes_cmp(counted_bytes(a), counted_bytes(b));
    case ORO_F32: {
        float x, y;
        memcpy(&x, a, 4);
        memcpy(&y, b, 4);
        return compare_double(x, y);
    }
    case ORO_F64: {
        double x, y;
        memcpy(&x, a, 8);
        memcpy(&y, b, 8);
        return compare_double(x, y);
    }
    case ORO_I8:
    case ORO_I16:
    case ORO_I32:
    case ORO_I64:
    case ORO_I128:
    case ORO_I256:
        return compare_integer(a, b, leaf->fixed_size, true);
    default:
        return compare_integer(a, b, leaf->fixed_size, false);
    }
}

static bool
op_holds(enum sql_op op, int c)
{
    switch (op) {
    case SQL_EQ:
        return c == 0;
    case SQL_NE:
        return c != 0;
    case SQL_LT:
        return c < 0;
    case SQL_LE:
        return c <= 0;
    case SQL_GT:
        return c > 0;
    default:
        return c >= 0;
    }
}

static const uint8_t *
column_at(const struct oro_query *q, const uint8_t *row, uint16_t col)
{
    return oro_value_column(q->table->row, row, col);
}

static bool
pred_holds(const struct oro_query *q, const struct pred *p, const uint8_t *row)
{
    switch (p->kind) {
    case P_CONST:
        return p->yes;
    case P_COMPARE: {
        const uint8_t *v = column_at(q, row, p->col);
        bool exact = p->leaf->kind != ORO_F32 && p->leaf->kind != ORO_F64;
        if (exact && p->op == SQL_EQ && p->leaf->fixed_size != ORO_VARIABLE)
            return memcmp(v, p->value.data, p->value.len) == 0;
        return op_holds(p->op, compare_values(p->leaf, v, p->value.data));
    }
    case P_COMPARE_COLUMNS:
        return op_holds(
            p->op, compare_values(p->leaf, column_at(q, row, p->col), column_at(q, row, p->other)));
    case P_AND:
        for (const struct pred *i = p->list; i != NULL; i = i->next)
            if (!pred_holds(q, i, row))
                return false;
        return true;
    default:
        for (const struct pred *i = p->list; i != NULL; i = i->next)
            if (pred_holds(q, i, row))
                return true;
        return false;
    }
}

bool
oro_query_matches(const struct oro_query *q, struct oro_bytes row)
{
    return q->where == NULL || pred_holds(q, q->where, row.data);
}

/* ---- typing ---- */

struct typing {
    struct oro_query *q;
    const struct sql_select *s;
    const struct oro_query_env *env;
    struct oro_err *err;
};

static int
cut(struct oro_bytes b)
{
    return sql_cut(b, 200);
}

#define TEXT(b) cut(b), (const char *)(b).data

/* The type as messages have it, cut to what a message holds. */
struct type_text {
    char s[256];
};

static struct type_text
type_text(const struct oro_type *t)
{
    struct type_text out;
    struct oro_bb bb = {0};
    oro_type_print(t, &bb);
    size_t n = bb.len < sizeof(out.s) ? bb.len : sizeof(out.s) - 1;
    if (n > 0)
        memcpy(out.s, bb.data, n);
    out.s[n] = '\0';
    oro_bb_fini(&bb);
    return out;
}

static const char *
op_text(enum sql_op op)
{
    static const char *const texts[] = {"=", "<>", "<", "<=", ">", ">="};
    return texts[op];
}

/* The name a column has to be qualified with: an alias hides the table's name. */
static struct oro_bytes
scope_name(const struct typing *ty)
{
    return ty->s->alias.len > 0 ? ty->s->alias : ty->s->table;
}

static oro_status
find_column(struct typing *ty, struct oro_bytes qualifier, struct oro_bytes name, uint16_t *out)
{
    if (qualifier.len > 0 && !oro_bytes_eq(qualifier, scope_name(ty)))
        return oro_err_set(ty->err, ORO_EMALFORMED, "`%.*s` is not in scope", TEXT(qualifier));
    int col = oro_table_column(ty->q->table, name);
    if (col < 0)
        return oro_err_set(ty->err, ORO_EMALFORMED, "`%.*s` is not in scope", TEXT(name));
    *out = (uint16_t)col;
    return ORO_OK;
}

static const struct oro_type *
column_type(const struct typing *ty, uint16_t col)
{
    return oro_type_resolve(ty->q->table->row->elems[col].type);
}

static struct pred *
new_pred(struct typing *ty, enum pred_kind kind)
{
    struct pred *p = oro_arena_alloc(&ty->q->arena, sizeof(*p));
    *p = (struct pred){.kind = kind};
    return p;
}

static struct oro_bytes
keep(struct oro_query *q, struct oro_bytes b)
{
    if (b.len == 0)
        return oro_bytes("", 0);
    uint8_t *p = oro_arena_alloc(&q->arena, b.len);
    memcpy(p, b.data, b.len);
    return oro_bytes(p, b.len);
}

static oro_status
fail_literal(struct typing *ty, struct oro_bytes text, const struct oro_type *t)
{
    return oro_err_set(ty->err, ORO_EMALFORMED,
                       "The literal expression `%.*s` cannot be parsed as type `%s`", TEXT(text),
                       type_text(t).s);
}

/* :sender is an Identity; as bytes it reads like its hex text, most significant byte first. */
static oro_status
sender_value(struct typing *ty, const struct oro_type *t, struct oro_bytes *out)
{
    uint8_t v[36] = {32, 0, 0, 0};
    const uint8_t *le = ty->env->sender.le;
    if (t->special == ORO_IDENTITY) {
        *out = keep(ty->q, oro_bytes(le, 32));
    } else if (t->kind == ORO_ARRAY) {
        for (unsigned i = 0; i < 32; i++)
            v[4 + i] = le[31 - i];
        *out = keep(ty->q, oro_bytes(v, sizeof(v)));
    } else {
        return fail_literal(ty, oro_bytes_str(":sender"), t);
    }
    ty->q->uses_sender = true;
    return ORO_OK;
}

static oro_status
literal_value(struct typing *ty, const struct sql_expr *e, const struct oro_type *t,
              struct oro_bytes *out)
{
    if (leaf_type(t) == NULL)
        return fail_literal(ty, e->text, t);
    if (e->kind == SQL_E_SENDER)
        return sender_value(ty, t, out);
    struct oro_bb bb = {0};
    oro_status st = oro_value_from_literal(t, e->literal, e->name, &bb, NULL);
    if (st == ORO_OK)
        *out = keep(ty->q, oro_bb_bytes(&bb));
    else
        fail_literal(ty, e->text, t);
    oro_bb_fini(&bb);
    return st == ORO_OK ? ORO_OK : ORO_EMALFORMED;
}

static enum sql_op
flipped(enum sql_op op)
{
    static const enum sql_op other[] = {SQL_EQ, SQL_NE, SQL_GT, SQL_GE, SQL_LT, SQL_LE};
    return other[op];
}

static oro_status
type_columns(struct typing *ty, const struct sql_expr *e, struct pred *p)
{
    oro_status st = find_column(ty, e->list->qualifier, e->list->name, &p->col);
    if (st == ORO_OK)
        st = find_column(ty, e->list->next->qualifier, e->list->next->name, &p->other);
    if (st != ORO_OK)
        return st;
    const struct oro_type *a = column_type(ty, p->col), *b = column_type(ty, p->other);
    p->kind = P_COMPARE_COLUMNS;
    p->leaf = leaf_type(a);
    if (!oro_type_eq(a, b))
        return oro_err_set(ty->err, ORO_EMALFORMED,
                           "Unexpected type: (expected) %s != %s (inferred)", type_text(a).s,
                           type_text(b).s);
    if (p->leaf == NULL)
        return oro_err_set(ty->err, ORO_EMALFORMED, "Invalid binary operator `%s` for type `%s`",
                           op_text(p->op), type_text(a).s);
    return ORO_OK;
}

static bool
is_operand(const struct sql_expr *e)
{
    return e->kind == SQL_E_COLUMN || e->kind == SQL_E_LITERAL || e->kind == SQL_E_SENDER;
}

static oro_status
type_compare(struct typing *ty, const struct sql_expr *e, struct pred **out)
{
    const struct sql_expr *left = e->list, *right = e->list->next;
    if (!is_operand(left) || !is_operand(right))
        return oro_err_set(ty->err, ORO_EMALFORMED, "Unsupported expression: %.*s", TEXT(e->text));
    struct pred *p = new_pred(ty, P_COMPARE);
    p->op = e->op;
    *out = p;
    if (left->kind == SQL_E_COLUMN && right->kind == SQL_E_COLUMN)
        return type_columns(ty, e, p);
    if (left->kind != SQL_E_COLUMN && right->kind != SQL_E_COLUMN)
        return oro_err_set(ty->err, ORO_EMALFORMED, "Cannot resolve type for literal expression");
    const struct sql_expr *column = left->kind == SQL_E_COLUMN ? left : right;
    if (column == right)
        p->op = flipped(p->op);
    oro_status st = find_column(ty, column->qualifier, column->name, &p->col);
    if (st != ORO_OK)
        return st;
    p->leaf = leaf_type(column_type(ty, p->col));
    return literal_value(ty, column == left ? right : left, column_type(ty, p->col), &p->value);
}

/* A column or a literal alone as condition: has to be bool. */
static oro_status
type_bare(struct typing *ty, const struct sql_expr *e, struct pred **out)
{
    if (e->kind == SQL_E_LITERAL && e->literal == 'b') {
        *out = new_pred(ty, P_CONST);
        (*out)->yes = e->name.data[0] == 't' || e->name.data[0] == 'T';
        return ORO_OK;
    }
    if (e->kind != SQL_E_COLUMN)
        return oro_err_set(ty->err, ORO_EMALFORMED,
                           "The literal expression `%.*s` cannot be parsed as type `Bool`",
                           TEXT(e->text));
    struct pred *p = new_pred(ty, P_COMPARE);
    oro_status st = find_column(ty, e->qualifier, e->name, &p->col);
    if (st != ORO_OK)
        return st;
    p->leaf = column_type(ty, p->col);
    if (p->leaf->kind != ORO_BOOL)
        return oro_err_set(ty->err, ORO_EMALFORMED,
                           "Unexpected type: (expected) Bool != %s (inferred)",
                           type_text(p->leaf).s);
    p->op = SQL_EQ;
    p->value = oro_bytes("\1", 1);
    *out = p;
    return ORO_OK;
}

static oro_status
type_condition(struct typing *ty, const struct sql_expr *e, struct pred **out)
{
    if (e->kind == SQL_E_CMP)
        return type_compare(ty, e, out);
    if (e->kind != SQL_E_AND && e->kind != SQL_E_OR)
        return type_bare(ty, e, out);
    struct pred *p = new_pred(ty, e->kind == SQL_E_AND ? P_AND : P_OR), **tail = &p->list;
    for (const struct sql_expr *i = e->list; i != NULL; i = i->next) {
        oro_status st = type_condition(ty, i, tail);
        if (st != ORO_OK)
            return st;
        tail = &(*tail)->next;
    }
    *out = p;
    return ORO_OK;
}

/* names: of the columns before it. */
static oro_status
type_column(struct typing *ty, const struct sql_column *c, struct oro_map *names)
{
    struct oro_query *q = ty->q;
    struct query_column *to = &q->columns[q->ncolumns];
    oro_status st = find_column(ty, c->qualifier, c->name, &to->col);
    if (st != ORO_OK)
        return st;
    to->name = keep(q, c->alias.len > 0 ? c->alias : c->name);
    if (oro_map_put(names, to->name, to) != NULL)
        return oro_err_set(ty->err, ORO_EMALFORMED, "Duplicate name `%.*s`", TEXT(to->name));
    q->ncolumns++;
    return ORO_OK;
}

static oro_status
type_projection(struct typing *ty)
{
    const struct sql_select *s = ty->s;
    struct oro_query *q = ty->q;
    if (s->star_of.len > 0 && !oro_bytes_eq(s->star_of, scope_name(ty)))
        return oro_err_set(ty->err, ORO_EMALFORMED, "`%.*s` is not in scope", TEXT(s->star_of));
    q->count = s->count;
    q->count_name = keep(q, s->count_name);
    q->has_limit = s->has_limit;
    q->limit = s->limit;
    if (s->star || s->count)
        return ORO_OK;
    size_t n = 0;
    for (const struct sql_column *c = s->columns; c != NULL; c = c->next)
        n++;
    q->columns = oro_arena_alloc(&q->arena, n * sizeof(*q->columns));
    struct oro_map names = {0};
    oro_status st = ORO_OK;
    for (const struct sql_column *c = s->columns; st == ORO_OK && c != NULL; c = c->next)
        st = type_column(ty, c, &names);
    oro_map_fini(&names);
    return st;
}

/* T-1: a table that he may not see does not exist for him. */
static oro_status
find_table(struct typing *ty, const struct oro_schema *schema)
{
    const struct oro_table_def *t = oro_schema_table(schema, ty->s->table);
    if (t == NULL || (!t->is_public && !ty->env->is_owner))
        return oro_err_set(ty->err, ORO_EMALFORMED,
                           "no such table: `%.*s`. If the table exists, it may be marked private.",
                           TEXT(ty->s->table));
    ty->q->table = t;
    return ORO_OK;
}

/* ---- choosing an index ---- */

/* The conjuncts: the condition itself or the elements of its topmost AND (an AND within an AND is not looked into). */
static const struct pred *
first_conjunct(const struct oro_query *q)
{
    if (q->where == NULL)
        return NULL;
    return q->where->kind == P_AND ? q->where->list : q->where;
}

static const struct pred *
next_conjunct(const struct oro_query *q, const struct pred *p)
{
    return q->where->kind == P_AND ? p->next : NULL;
}

static const struct pred *
conjunct_on(const struct oro_query *q, uint16_t col, enum sql_op a, enum sql_op b)
{
    for (const struct pred *p = first_conjunct(q); p != NULL; p = next_conjunct(q, p))
        if (p->kind == P_COMPARE && p->col == col && (p->op == a || p->op == b))
            return p;
    return NULL;
}

/* How well an index finds the rows: 0 not at all; a unique point is best, then more equal columns, then a range. */
static unsigned
score_index(const struct oro_query *q, const struct oro_index_def *ix)
{
    unsigned eq = 0;
    while (eq < ix->ncols && conjunct_on(q, ix->cols[eq], SQL_EQ, SQL_EQ) != NULL)
        eq++;
    if (eq == ix->ncols)
        return (ix->unique ? 1u << 20 : 0) + (eq << 4) + 8;
    if (ix->kind == ORO_INDEX_HASH)
        return 0;
    unsigned score = eq << 4;
    if (conjunct_on(q, ix->cols[eq], SQL_GT, SQL_GE) != NULL)
        score += 2;
    if (conjunct_on(q, ix->cols[eq], SQL_LT, SQL_LE) != NULL)
        score += 2;
    return score;
}

static void
fill_range(struct oro_query *q, const struct oro_index_def *ix)
{
    struct oro_bb prefix = {0};
    struct oro_range *r = &q->range;
    const struct pred *p;
    while (r->nprefix < ix->ncols &&
           (p = conjunct_on(q, ix->cols[r->nprefix], SQL_EQ, SQL_EQ)) != NULL) {
        oro_bb_put_bytes(&prefix, p->value);
        r->nprefix++;
    }
    r->prefix = keep(q, oro_bb_bytes(&prefix));
    oro_bb_fini(&prefix);
    if (r->nprefix == ix->ncols)
        return;
    uint16_t col = ix->cols[r->nprefix];
    if ((p = conjunct_on(q, col, SQL_GT, SQL_GE)) != NULL) {
        r->has_lo = true;
        r->lo_open = p->op == SQL_GT;
        r->lo = p->value;
    }
    if ((p = conjunct_on(q, col, SQL_LT, SQL_LE)) != NULL) {
        r->has_hi = true;
        r->hi_open = p->op == SQL_LT;
        r->hi = p->value;
    }
}

/* Float columns are left out of the hash of live queries: -0 and +0 are equal but not the same bytes. */
static void
choose_eq_column(struct oro_query *q)
{
    q->eq_column = -1;
    for (const struct pred *p = first_conjunct(q); p != NULL; p = next_conjunct(q, p)) {
        if (p->kind != P_COMPARE || p->op != SQL_EQ || p->leaf->kind == ORO_F32 ||
            p->leaf->kind == ORO_F64)
            continue;
        /* A flag or a kind byte divides the rows in two; any other column is likely the better one. */
        if (q->eq_column < 0 || (q->eq_value.len < p->value.len && q->eq_value.len == 1)) {
            q->eq_column = p->col;
            q->eq_value = p->value;
        }
    }
}

static void
choose_index(struct oro_query *q)
{
    unsigned best = 0;
    for (uint32_t i = 0; i < q->table->nindexes; i++) {
        unsigned score = score_index(q, &q->table->indexes[i]);
        if (score > best) {
            best = score;
            q->index = &q->table->indexes[i];
        }
    }
    if (q->index != NULL)
        fill_range(q, q->index);
}

static oro_status
parse_into(struct oro_query *q, const struct oro_schema *schema, struct oro_bytes text,
           enum oro_query_use use, const struct oro_query_env *env, struct oro_err *err)
{
    struct sql_select s;
    struct typing ty = {.q = q, .s = &s, .env = env, .err = err};
    oro_status st = sql_parse_select(text, use, &q->arena, &s, err);
    if (st == ORO_OK)
        st = find_table(&ty, schema);
    if (st == ORO_OK)
        st = type_projection(&ty);
    if (st == ORO_OK && s.where != NULL)
        st = type_condition(&ty, s.where, &q->where);
    if (st != ORO_OK)
        return st;
    choose_index(q);
    choose_eq_column(q);
    return ORO_OK;
}

oro_status
oro_query_parse(const struct oro_schema *schema, struct oro_bytes text, enum oro_query_use use,
                const struct oro_query_env *env, struct oro_query **out, struct oro_err *err)
{
    struct oro_err mine = {0};
    struct oro_query *q = ORO_NEW(struct oro_query);
    oro_arena_init(&q->arena);
    oro_status st = parse_into(q, schema, text, use, env, &mine);
    if (st == ORO_OK) {
        *out = q;
        return ORO_OK;
    }
    oro_query_free(q);
    /* on the websocket the text has the query in it. */
    if (use == ORO_QUERY_SQL)
        return oro_err_set(err, st, "%s", mine.text);
    return oro_err_set(err, st, "%s, executing: `%.*s`", mine.text, TEXT(text));
}

void
oro_query_free(struct oro_query *q)
{
    if (q == NULL)
        return;
    oro_arena_fini(&q->arena);
    oro_free(q);
}

const struct oro_table_def *
oro_query_table(const struct oro_query *q)
{
    return q->table;
}

bool
oro_query_uses_sender(const struct oro_query *q)
{
    return q->uses_sender;
}

bool
oro_query_has_condition(const struct oro_query *q)
{
    return q->where != NULL;
}

int
oro_query_eq_column(const struct oro_query *q, struct oro_bytes *value)
{
    if (q->eq_column >= 0 && value != NULL)
        *value = q->eq_value;
    return q->eq_column;
}

/* ---- running ---- */

/* The session's array of rows is ours until the reading ends, so it is filtered where it stands. */
static void
run_filtered(const struct oro_query *q, struct oro_session *se, uint64_t limit,
             struct oro_rows *out)
{
    struct oro_rows found = {0};
    if (q->index == NULL) {
        oro_read_scan(se, q->table, &found);
    } else {
        oro_status st = oro_read_range(se, q->table, q->index, &q->range, &found);
        ORO_ASSERT(st == ORO_OK); /* score_index does not offer what an index cannot do */
    }
    size_t n = 0;
    if (q->where == NULL) {
        n = found.n < limit ? found.n : (size_t)limit;
    } else {
        for (size_t i = 0; i < found.n && n < limit; i++)
            if (oro_query_matches(q, found.rows[i]))
                found.rows[n++] = found.rows[i];
    }
    found.n = n;
    *out = found;
}

void
oro_query_run(const struct oro_query *q, struct oro_session *se, struct oro_rows *out)
{
    run_filtered(q, se, q->has_limit && !q->count ? q->limit : UINT64_MAX, out);
}

static void
put_text(struct oro_bb *out, const char *s)
{
    oro_bb_put(out, s, strlen(s));
}

static void
put_schema_column(struct oro_bb *out, struct oro_bytes name, const struct oro_type *t)
{
    put_text(out, "{\"name\":{\"some\":");
    oro_json_string(name, out);
    put_text(out, "},\"algebraic_type\":");
    /* A recursive type cannot be written without Refs; clients then see the Ref. */
    size_t at = out->len;
    if (t == NULL) {
        put_text(out, "{\"U64\":[]}");
    } else if (oro_type_to_json_inline(t, out, NULL) != ORO_OK) {
        out->len = at;
        oro_type_to_json(t, out);
    }
    oro_bb_u8(out, '}');
}

static void
put_schema(const struct oro_query *q, struct oro_bb *out)
{
    const struct oro_type *row = q->table->row;
    put_text(out, "{\"elements\":[");
    if (q->count) {
        put_schema_column(out, q->count_name, NULL);
    } else if (q->columns != NULL) {
        for (uint16_t i = 0; i < q->ncolumns; i++) {
            if (i > 0)
                oro_bb_u8(out, ',');
            put_schema_column(out, q->columns[i].name, row->elems[q->columns[i].col].type);
        }
    } else {
        for (uint32_t i = 0; i < row->nelems; i++) {
            if (i > 0)
                oro_bb_u8(out, ',');
            put_schema_column(out, oro_bytes_str(row->elems[i].name), row->elems[i].type);
        }
    }
    put_text(out, "]}");
}

static void
put_row(const struct oro_query *q, struct oro_bytes row, struct oro_bb *out)
{
    if (q->columns == NULL) {
        oro_value_to_json(q->table->row, row.data, ORO_JSON_POSITIONAL, out);
        return;
    }
    oro_bb_u8(out, '[');
    for (uint16_t i = 0; i < q->ncolumns; i++) {
        uint16_t col = q->columns[i].col;
        if (i > 0)
            oro_bb_u8(out, ',');
        oro_value_to_json(q->table->row->elems[col].type, column_at(q, row.data, col),
                          ORO_JSON_POSITIONAL, out);
    }
    oro_bb_u8(out, ']');
}

void
oro_query_sql_json(const struct oro_query *q, struct oro_session *se, struct oro_bb *out)
{
    int64_t begin = oro_mono_us();
    struct oro_rows rows;
    oro_query_run(q, se, &rows);
    put_text(out, "[{\"schema\":");
    put_schema(q, out);
    put_text(out, ",\"rows\":[");
    if (q->count)
        oro_bb_printf(out, "[%zu]", rows.n);
    for (size_t i = 0; i < rows.n && !q->count; i++) {
        if (i > 0)
            oro_bb_u8(out, ',');
        put_row(q, rows.rows[i], out);
    }
    oro_bb_printf(out,
                  "],\"total_duration_micros\":%lld,"
                  "\"stats\":{\"rows_inserted\":0,\"rows_deleted\":0,\"rows_updated\":0}}]",
                  (long long)(oro_mono_us() - begin));
}
