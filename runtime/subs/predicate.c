/* The condition of a query: how values compare, the same condition made cheaper, and a row held against it.
 *
 * A comparison reads the column's bytes where they lie in the row. Values compare in the order of docs/values.md#order
 * without making keys: all comparable types are one number, one string or one byte array, perhaps within a product of
 * one element (Identity, Timestamp ...).
 *
 * Made cheaper: lists within lists of their kind become one, constants vanish, and `a = 1 OR a = 2 ...` (or `a <> 1 AND
 * a <> 2 ...`) is one search in a sorted set, however many there are. What is left is the weight: so many terms are
 * evaluated for a row, at worst, and each costs the same, since a row's columns are found once for all of them. */
#include "runtime/subs/join.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define VIEW_COLUMNS 32 /* found beforehand; a condition over more of them finds each anew */
#define VIEW_FROM 3     /* terms from which that pays */

/* ---- comparing values ---- */

const struct oro_type *
query_leaf_type(const struct oro_type *t)
{
    t = oro_type_resolve(t);
    if (t->special == ORO_IDENTITY || t->special == ORO_CONNECTION_ID ||
        t->special == ORO_TIMESTAMP || t->special == ORO_UUID)
        return oro_type_resolve(t->elems[0].type);
    if (t->special == ORO_OPTION)
        return query_leaf_type(t->elems[0].type) != NULL ? t : NULL;
    if (t->special == ORO_ENUM)
        return t; /* an enum: by its tag, as declared */
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
    case ORO_I64: {
        int64_t x, y;
        memcpy(&x, a, 8);
        memcpy(&y, b, 8);
        return (x > y) - (x < y);
    }
    case ORO_U64: {
        uint64_t x, y;
        memcpy(&x, a, 8);
        memcpy(&y, b, 8);
        return (x > y) - (x < y);
    }
    case ORO_I32: {
        int32_t x, y;
        memcpy(&x, a, 4);
        memcpy(&y, b, 4);
        return (x > y) - (x < y);
    }
    case ORO_U32: {
        uint32_t x, y;
        memcpy(&x, a, 4);
        memcpy(&y, b, 4);
        return (x > y) - (x < y);
    }
    case ORO_SUM:
        if (leaf->special == ORO_OPTION && a[0] == 0 && b[0] == 0)
            return compare_values(query_leaf_type(leaf->elems[0].type), a + 1, b + 1);
        return (a[0] > b[0]) - (a[0] < b[0]);
    case ORO_I8:
    case ORO_I16:
    case ORO_I128:
    case ORO_I256:
        return compare_integer(a, b, leaf->fixed_size, true);
    default:
        return compare_integer(a, b, leaf->fixed_size, false);
    }
}

bool
query_op_holds(enum sql_op op, int c)
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

/* ---- a row against the condition ---- */

struct view {
    const struct oro_query *q;
    const uint8_t *row;
    const uint8_t *at[VIEW_COLUMNS];
};

/* One walk over the row, whatever lies between the columns. */
static void
view_fill(struct view *v)
{
    const struct oro_type *type = v->q->table->row;
    for (uint16_t i = 0; i < v->q->nused; i++) {
        uint32_t col = v->q->used[i], from = col;
        while (type->offsets[from] == ORO_VARIABLE && !(i > 0 && from == v->q->used[i - 1]))
            from--; /* the first is at 0 */
        const uint8_t *p =
            type->offsets[from] != ORO_VARIABLE ? v->row + type->offsets[from] : v->at[i - 1];
        for (; from < col; from++)
            p += oro_value_len_trusted(type->elems[from].type, p);
        v->at[i] = p;
    }
}

static const uint8_t *
view_column(const struct view *v, uint16_t slot)
{
    return v->q->view ? v->at[slot] : query_column_at(v->q, v->row, v->q->used[slot]);
}

static bool
set_has(const struct pred *p, const uint8_t *value)
{
    uint32_t lo = 0, hi = p->nset;
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        int c = compare_values(p->leaf, value, p->set[mid].data);
        if (c == 0)
            return true;
        if (c < 0)
            hi = mid;
        else
            lo = mid + 1;
    }
    return false;
}

static bool
pred_holds(const struct view *v, const struct pred *p)
{
    switch (p->kind) {
    case P_CONST:
        return p->yes;
    case P_COMPARE: {
        const uint8_t *at = view_column(v, p->slot);
        bool exact = p->leaf->kind != ORO_F32 && p->leaf->kind != ORO_F64;
        if (exact && p->op == SQL_EQ && p->leaf->fixed_size != ORO_VARIABLE)
            return memcmp(at, p->value.data, p->value.len) == 0;
        return query_op_holds(p->op, compare_values(p->leaf, at, p->value.data));
    }
    case P_COMPARE_COLUMNS:
        return query_op_holds(
            p->op, compare_values(p->leaf, view_column(v, p->slot), view_column(v, p->other_slot)));
    case P_IN:
        return set_has(p, view_column(v, p->slot)) == p->yes;
    case P_AND:
        for (const struct pred *i = p->list; i != NULL; i = i->next)
            if (!pred_holds(v, i))
                return false;
        return true;
    default:
        for (const struct pred *i = p->list; i != NULL; i = i->next)
            if (pred_holds(v, i))
                return true;
        return false;
    }
}

int
query_compare(const struct oro_type *leaf, const uint8_t *a, const uint8_t *b)
{
    return compare_values(leaf, a, b);
}

static const uint8_t *
source_column(const struct join *j, const struct oro_bytes *rows, uint8_t src, uint16_t col)
{
    return oro_value_column(j->src[src].only.table->row, rows[src].data, col);
}

bool
query_rest_holds(const struct join *j, const struct pred *p, const struct oro_bytes *rows)
{
    if (p->kind == P_CONST)
        return p->yes;
    if (p->kind == P_COMPARE || p->kind == P_COMPARE_COLUMNS) {
        const uint8_t *a = source_column(j, rows, p->src, p->col);
        const uint8_t *b =
            p->kind == P_COMPARE ? p->value.data : source_column(j, rows, p->other_src, p->other);
        return query_op_holds(p->op, compare_values(p->leaf, a, b));
    }
    for (const struct pred *i = p->list; i != NULL; i = i->next)
        if (query_rest_holds(j, i, rows) != (p->kind == P_AND))
            return p->kind != P_AND;
    return p->kind == P_AND;
}

bool
oro_query_matches(const struct oro_query *q, struct oro_bytes row)
{
    if (q->join != NULL)
        q = &q->join->src[q->shown].only;
    if (q->never)
        return false;
    if (q->where == NULL)
        return true;
    struct view v;
    v.q = q;
    v.row = row.data;
    if (q->view)
        view_fill(&v);
    return pred_holds(&v, q->where);
}

/* ---- made cheaper ---- */

static struct pred *
constant(struct pred *p, bool yes)
{
    *p = (struct pred){.kind = P_CONST, .yes = yes, .next = p->next};
    return p;
}

/* Puts the elements of `list` behind *tail, those of lists of the same kind in the place of these. */
static struct pred **
flatten(enum pred_kind kind, struct pred *list, struct pred **tail)
{
    for (struct pred *i = list, *next; i != NULL; i = next) {
        next = i->next;
        if (i->kind == kind) {
            tail = flatten(kind, i->list, tail);
            continue;
        }
        *tail = i;
        i->next = NULL;
        tail = &i->next;
    }
    return tail;
}

/* An element of OR that says which values a column may have, or of AND which it may not. */
static bool
is_point(const struct pred *p, bool within_or)
{
    if (p->kind == P_IN)
        return p->yes == within_or;
    return p->kind == P_COMPARE && p->op == (within_or ? SQL_EQ : SQL_NE);
}

static int
compare_members(const void *a, const void *b, void *leaf)
{
    const struct oro_bytes *x = a, *y = b;
    return compare_values(leaf, x->data, y->data);
}

static void
set_close(struct pred *p)
{
    uint32_t n = 0;
    qsort_r(p->set, p->nset, sizeof(*p->set), compare_members, (void *)(uintptr_t)p->leaf);
    for (uint32_t i = 0; i < p->nset; i++)
        if (n == 0 || compare_values(p->leaf, p->set[n - 1].data, p->set[i].data) != 0)
            p->set[n++] = p->set[i];
    p->nset = n;
    if (n > 1)
        return;
    p->kind = P_COMPARE;
    p->op = p->yes ? SQL_EQ : SQL_NE;
    p->value = p->set[0];
}

static void
set_add(struct pred *set, const struct pred *p)
{
    if (p->kind == P_COMPARE)
        set->set[set->nset++] = p->value;
    for (uint32_t i = 0; p->kind == P_IN && i < p->nset; i++)
        set->set[set->nset++] = p->set[i];
}

/* Elements that compare one column with values become one set of them. */
static void
collect_sets(struct oro_query *q, struct pred *p)
{
    bool within_or = p->kind == P_OR;
    uint32_t ncols = q->table->row->nelems;
    uint32_t *values = oro_arena_alloc(&q->arena, ncols * sizeof(*values));
    struct pred **sets = oro_arena_alloc(&q->arena, ncols * sizeof(struct pred *));
    memset(values, 0, ncols * sizeof(*values));
    memset(sets, 0, ncols * sizeof(struct pred *));
    for (const struct pred *i = p->list; i != NULL; i = i->next)
        if (is_point(i, within_or))
            values[i->col] += i->kind == P_IN ? i->nset : 1;
    for (struct pred **link = &p->list, *i; (i = *link) != NULL;) {
        if (!is_point(i, within_or) || values[i->col] < 2) {
            link = &i->next;
        } else if (sets[i->col] != NULL) {
            set_add(sets[i->col], i);
            *link = i->next;
        } else {
            struct pred one = *i;
            *i = (struct pred){
                .kind = P_IN, .yes = within_or, .col = i->col, .leaf = i->leaf, .next = i->next};
            i->set = oro_arena_alloc(&q->arena, values[i->col] * sizeof(*i->set));
            set_add(i, &one);
            sets[i->col] = i;
            link = &i->next;
        }
    }
    for (uint32_t col = 0; col < ncols; col++)
        if (sets[col] != NULL)
            set_close(sets[col]);
}

static struct pred *
simplify(struct oro_query *q, struct pred *p)
{
    if (p->kind != P_AND && p->kind != P_OR)
        return p;
    bool neutral = p->kind == P_AND; /* as an element it changes nothing; the other decides */
    struct pred *list = p->list, **tail = &p->list;
    flatten(p->kind, list, &list);
    p->list = NULL;
    for (struct pred *i = list, *next; i != NULL; i = next) {
        next = i->next;
        struct pred *s = simplify(q, i);
        if (s->kind == P_CONST && s->yes != neutral)
            return constant(p, !neutral);
        s->next = NULL;
        if (s->kind == p->kind)
            tail = flatten(p->kind, s->list, tail);
        else if (s->kind != P_CONST) {
            *tail = s;
            tail = &s->next;
        }
    }
    if (p->list == NULL)
        return constant(p, neutral);
    if (p->list->next != NULL)
        collect_sets(q, p);
    return p->list->next == NULL ? p->list : p;
}

/* ---- weight ---- */

static uint32_t
log2_up(uint32_t n)
{
    uint32_t bits = 0;
    while (bits < 32 && (1ull << bits) < n)
        bits++;
    return bits;
}

static void
mark_columns(const struct pred *p, uint8_t *marks)
{
    for (const struct pred *i = p->list; i != NULL; i = i->next)
        mark_columns(i, marks);
    if (p->kind == P_COMPARE || p->kind == P_COMPARE_COLUMNS || p->kind == P_IN)
        marks[p->col] = 1;
    if (p->kind == P_COMPARE_COLUMNS)
        marks[p->other] = 1;
}

static void
weigh(struct oro_query *q, struct pred *p, const uint16_t *slots)
{
    for (struct pred *i = p->list; i != NULL; i = i->next)
        weigh(q, i, slots);
    if (p->kind == P_AND || p->kind == P_OR || p->kind == P_CONST)
        return;
    p->slot = slots[p->col];
    q->weight += p->kind == P_IN ? 1 + log2_up(p->nset) : 1;
    if (p->kind == P_COMPARE_COLUMNS) {
        p->other_slot = slots[p->other];
        q->byte_weight += p->leaf->fixed_size == ORO_VARIABLE;
    }
}

void
query_simplify(struct oro_query *q)
{
    q->byte_weight = 1;
    if (q->where != NULL)
        q->where = simplify(q, q->where);
    if (q->where != NULL && q->where->kind == P_CONST) {
        q->never = !q->where->yes;
        if (q->where->yes)
            q->where = NULL;
    }
    if (q->where != NULL) {
        uint32_t ncols = q->table->row->nelems;
        uint8_t *marks = oro_arena_alloc(&q->arena, ncols);
        uint16_t *slots = oro_arena_alloc(&q->arena, ncols * sizeof(*slots));
        memset(marks, 0, ncols);
        mark_columns(q->where, marks);
        q->used = oro_arena_alloc(&q->arena, ncols * sizeof(*q->used));
        for (uint32_t col = 0; col < ncols; col++) {
            if (!marks[col])
                continue;
            slots[col] = q->nused;
            q->used[q->nused++] = (uint16_t)col;
        }
        weigh(q, q->where, slots);
    }
    q->view = q->weight >= VIEW_FROM && q->nused <= VIEW_COLUMNS;
    if (!q->view)
        q->byte_weight += q->weight;
    if (q->weight == 0)
        q->weight = 1;
}
