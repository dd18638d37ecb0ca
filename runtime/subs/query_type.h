/* runtime/subs/query_type.h - typing a query: what query.c (conditions), query_names.c (names) and query_rules.c (row filters)
 * share while it lasts. */
#ifndef ORO_SUBS_QUERY_TYPE_H
#define ORO_SUBS_QUERY_TYPE_H

#include "runtime/subs/join.h"

/* A table of FROM, as the columns of the query may be qualified with it. */
struct scope {
    const struct oro_table_def *table;
    struct oro_bytes name, alias; /* as written; alias empty: none */
};

/* Tables whose row filters are being typed: one of them within itself would never end. */
struct rule_chain {
    const struct oro_table_def *table;
    const struct rule_chain *up;
};

struct typing {
    struct oro_query *q;
    const struct sql_select *s;
    const struct oro_schema *schema;
    const struct oro_query_env *env;
    enum oro_query_use use;
    struct oro_err *err;
    const uint8_t *at; /* of the text: what the error is about; NULL: all of it */
    struct scope scopes[ORO_JOIN_MOST];
    unsigned nscopes;
    const struct rule_chain *within; /* of a row filter; NULL: the query that was asked */
    bool
        alone; /* a row filter is only looked at: those of the tables that it joins are not followed */
};

/* For %.*s of a message. */
#define TYPE_TEXT(b) sql_cut(b, 200), (const char *)(b).data

/* ---- query_names.c ---- */
const struct oro_table_def *query_table_called(const struct oro_schema *schema,
                                               struct oro_bytes name);
/* T-1: a table that he may not see does not exist for him. Sets scopes, of all tables of FROM. */
oro_status query_find_tables(struct typing *ty);
/* -1: none is called so. */
int query_scope_of(const struct typing *ty, struct oro_bytes name);
oro_status query_find_column(struct typing *ty, struct oro_bytes qualifier, struct oro_bytes name,
                             uint8_t *src, uint16_t *col);

/* ---- query_object.c ---- */
struct oro_query *query_new(void);
struct pred *query_new_pred(struct typing *ty, enum pred_kind kind);
void query_free_sight(struct sight *s); /* NULL is fine */

/* ---- query_literal.c ---- */
/* The literal as a value of t, in the query's arena. False: it is none. */
bool query_literal(struct oro_query *q, const struct oro_type *t, const struct sql_expr *e,
                   struct oro_bytes *out);

/* ---- query_type.c ---- */
oro_status query_type_condition(struct typing *ty, const struct sql_expr *e, struct pred **out);
oro_status query_type_projection(struct typing *ty);

/* ---- query_rules.c ---- */
/* All of it: s, and what scopes its names are in, is found in ty. */
oro_status query_type_select(struct typing *ty);

/* ---- query_join.c ---- */
/* Divides q->where among the sources, with what row filters add to each, and plans the ways through them. Takes the sights, in
 * failure, too: they go with the query. */
oro_status query_type_join(struct typing *ty, struct pred *const *rules,
                           struct sight *const *sights);

#endif
