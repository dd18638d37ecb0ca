/* runtime/subs/query_priv.h - a typed query, as the files that type it (query.c), simplify and evaluate its condition
 * (predicate.c), find its rows (query_plan.c) and write them (query_json.c) share it. */
#ifndef ORO_SUBS_QUERY_PRIV_H
#define ORO_SUBS_QUERY_PRIV_H

#include "bridge/bsatn/value.h"
#include "runtime/subs/query.h"
#include "runtime/subs/sql_parse.h"

enum pred_kind { P_OR, P_AND, P_COMPARE, P_COMPARE_COLUMNS, P_IN, P_CONST };

struct pred {
    enum pred_kind kind;
    enum sql_op op;
    bool yes;                    /* P_CONST: its value; P_IN: in the set, else not in it */
    uint8_t src, other_src;      /* sources of the columns (join.h); 0 where there is one */
    uint16_t col, other;         /* other: P_COMPARE_COLUMNS */
    uint16_t slot, other_slot;   /* of the columns in the query's `used` */
    const struct oro_type *leaf; /* what is compared */
    struct oro_bytes value;      /* P_COMPARE: BSATN */
    struct oro_bytes *set;       /* P_IN: values in order, each once */
    uint32_t nset;
    struct pred *list, *next;
};

struct join;

struct query_column {
    uint16_t col;
    struct oro_bytes name;
};

struct oro_query {
    struct oro_arena arena;
    atomic_uint refs;
    const struct oro_table_def *table;
    struct pred *where; /* NULL: every row */
    bool never;         /* where is FALSE */
    bool uses_sender;
    bool count, has_limit;
    uint64_t limit;
    struct oro_bytes count_name;
    uint32_t nargs; /* of a view, and their BSATN */
    struct oro_bytes args;
    struct query_column *columns; /* NULL: all */
    uint16_t ncolumns;
    /* Columns that the condition looks at, ascending; `view`: found once for each row, before its terms are evaluated. */
    uint16_t *used;
    uint16_t nused;
    bool view;
    uint32_t weight;      /* terms that a row is compared with, at worst; at least 1 */
    uint32_t byte_weight; /* how often the bytes of a row are walked through, at worst */
    /* How to find the rows: index NULL means scan; `points`: the index is asked for each value of that P_IN. */
    const struct oro_index_def *index;
    const struct pred *points;
    struct oro_range range;
    int eq_column; /* -1: none */
    struct oro_bytes eq_value;
    int range_column;             /* -1: none; the values between these bounds */
    const struct pred *from, *to; /* NULL: unbounded; not both */
    /* Of several tables, or with row filters that look into others (join.h); then all above but table, never, uses_sender and
     * weight is empty. NULL: the condition is all. */
    struct join *join;
    uint8_t shown; /* source whose rows are the result */
};

/* The one row of COUNT(*) is cut by LIMIT, too. */
static inline bool
query_shows_count(const struct oro_query *q)
{
    return !(q->has_limit && q->limit == 0);
}

/* query_object.c */
struct oro_bytes query_keep(struct oro_query *q, struct oro_bytes b); /* a copy in its arena */

bool query_spells(struct oro_bytes name, const char *canonical); /* T-4; query_names.c */

/* query_view.c: of a view's table only the rows of whoever asks with the query's arguments. */
ORO_MUST_CHECK oro_status query_of_view(struct oro_query *q, const struct oro_table_def *t,
                                        const struct oro_query_env *env, struct pred **out,
                                        struct oro_err *err);
/* query_call.c: if the text is of a view or table with parentheses, q->args and q->nargs are set and *text is one without. */
ORO_MUST_CHECK oro_status query_call_take(struct oro_query *q, const struct oro_schema *schema,
                                          struct oro_bytes *text, struct oro_err *err);
/* query_object.c */
void query_free_join(struct oro_query *q); /* what a join has beside the arena */

/* predicate.c */
/* The number, string or byte array that a value of t is for comparisons; NULL: SQL cannot compare it. */
const struct oro_type *query_leaf_type(const struct oro_type *t);
bool query_op_holds(enum sql_op op, int c); /* c: as strcmp gives it */
int query_compare(const struct oro_type *leaf, const uint8_t *a, const uint8_t *b);
/* Puts a cheaper condition with the same meaning in q->where, and sets never, used, view and both weights. */
void query_simplify(struct oro_query *q);

static inline const uint8_t *
query_column_at(const struct oro_query *q, const uint8_t *row, uint16_t col)
{
    return oro_value_column(q->table->row, row, col);
}

/* query_plan.c: the conjuncts `column = value` by which live queries can be found; after NULL: the first one. NULL: no more. */
const struct pred *query_next_point(const struct oro_query *q, const struct pred *after);
/* A conjunct `column (a or b) value`. */
const struct pred *query_conjunct_on(const struct oro_query *q, uint16_t col, enum sql_op a,
                                     enum sql_op b);
/* Sets index, points, range, eq_column, eq_value. */
void query_plan(struct oro_query *q);
/* q->range, of zeros: what its conjuncts say of the index's columns. */
void query_fill_range(struct oro_query *q, const struct oro_index_def *ix);
/* ORO_EFULL: there are not so many steps left. */
oro_status query_spend(struct oro_budget *b, uint64_t steps, struct oro_err *err);
unsigned query_plan_score(const struct oro_query *q); /* how few rows its index finds; 0: all */
oro_status query_fail_steps(struct oro_err *err);
oro_status query_may_go_on(const struct oro_budget *b, struct oro_err *err); /* ORO_ETIMEOUT */
oro_status query_bytes_fit(uint64_t bytes, struct oro_err *err);             /* ORO_EFULL */

static inline uint64_t
query_row_steps(const struct oro_query *q, struct oro_bytes row)
{
    return q->weight + (row.len >> 8) * q->byte_weight;
}

/* query_cursor.c: what the next row costs at least; 0: nothing is known of it. */
uint64_t query_next_steps(const struct oro_query_cursor *c);

/* query_json.c: what stands before the rows of POST /sql's answer, one row, and what stands behind them. */
void query_json_begin(const struct oro_query *q, struct oro_bb *out);
void query_json_row(const struct oro_query *q, struct oro_bytes row, struct oro_bb *out);
void query_json_end(int64_t took_us, struct oro_bb *out);

#endif
