/* runtime/subs/sql_parse.h - the text of one SELECT as a tree, names not yet looked up. Everything is allocated in the
 * arena or borrowed from the text. */
#ifndef ORO_SUBS_SQL_PARSE_H
#define ORO_SUBS_SQL_PARSE_H

#include "runtime/subs/query.h"
#include "runtime/subs/sql_lex.h"

enum sql_expr_kind {
    SQL_E_OR,      /* list */
    SQL_E_AND,     /* list */
    SQL_E_CMP,     /* list of two, op */
    SQL_E_COLUMN,  /* qualifier (may be empty), name */
    SQL_E_LITERAL, /* literal: kind of oro_value_from_literal; name: its text */
    SQL_E_SENDER,
    SQL_E_NOT, /* list of one */
};

#define SQL_NULL '0' /* a kind of literal, beside those of oro_value_from_literal */

enum sql_op { SQL_EQ, SQL_NE, SQL_LT, SQL_LE, SQL_GT, SQL_GE };

#define SQL_TEXT_MOST 50000 /* bytes of a query */

struct sql_expr {
    enum sql_expr_kind kind;
    enum sql_op op;
    char literal;
    struct oro_bytes qualifier, name;
    struct oro_bytes text; /* as written, for messages */
    struct sql_expr *list, *next;
};

struct sql_column {
    struct oro_bytes qualifier, name, alias; /* alias empty: none */
    struct sql_column *next;
};

/* JOIN table [alias] [ON left = right] */
struct sql_join {
    struct oro_bytes table, alias;
    struct sql_expr *on; /* SQL_E_CMP of two columns; NULL: none */
    struct sql_join *next;
};

struct sql_select {
    bool star;                /* * or t.* */
    struct oro_bytes star_of; /* t, or empty */
    bool count;
    struct oro_bytes count_name;
    struct sql_column *columns;
    struct oro_bytes table, alias; /* alias empty: none */
    struct sql_join *joins;        /* NULL: one table */
    struct sql_expr *where;        /* NULL: none */
    bool has_limit;
    uint64_t limit;
    const uint8_t *at; /* of a refusal: the token at which it was made; or NULL */
};

/* On failure only out->at is set. The refusals that need no schema are made here, with the texts of docs/semantics.md#queries. */
ORO_MUST_CHECK oro_status sql_parse_select(struct oro_bytes text, enum oro_query_use use,
                                           struct oro_arena *arena, struct sql_select *out,
                                           struct oro_err *err);

#endif
