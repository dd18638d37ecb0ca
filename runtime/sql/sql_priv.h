/* runtime/sql/sql_priv.h - what the parts of the engine share. */
#ifndef ORO_SQL_SQL_PRIV_H
#define ORO_SQL_SQL_PRIV_H

#include <sqlite3.h>

#include "runtime/sql/sql.h"
#include "runtime/sql/value.h"
#include "runtime/subs/query.h"

#define SQL_SYSTEM_TABLES 11
struct sql_system { /* SQLite's client data of one of them */
    struct sql_engine *engine;
    unsigned which;
};

/* A connection, and the question that it is answering. On one thread at a time. */
struct sql_engine {
    sqlite3 *db;
    struct sql_engine *next; /* in the pool */
    const struct oro_schema *schema;
    bool is_owner;
    struct sql_module *modules; /* one for each of the schema's tables */
    struct sql_system systems[SQL_SYSTEM_TABLES];
    struct oro_sql_ask *ask;    /* NULL: none */
    bool declaring;             /* a table of ours tells its columns */
    bool stopped;               /* by ask->stop */
    unsigned calls;             /* of functions, in the statement that is prepared */
    uint64_t looked_ns, cpu_ns; /* when it was looked at last, by both clocks, */
    uint64_t paid;              /* and what was paid since the second */
    struct oro_err denied;      /* why a statement may not be prepared; empty: it may */
};

/* What a virtual table is made from: SQLite's client data. */
struct sql_module {
    struct sql_engine *engine;
    const struct oro_table_def *def;
    /* what whoever asks may see of it, while he asks; NULL: all, or not looked at yet */
    struct oro_query *seen;
};

/* table.c */
/* Makes def readable by its name. */
ORO_MUST_CHECK int sql_table_register(struct sql_engine *e, struct sql_module *m);
/* The column behind the declared type that a result column has; NULL: it is none of ours. */
const struct oro_type *sql_declared_type(const struct sql_engine *e, const char *decltype);

/* system.c: tables that describe the schema, of the owner's engines */
ORO_MUST_CHECK int sql_system_register(struct sql_engine *e);
bool sql_system_is(const char *name);
/* The type of a column of theirs; NULL: it is none. */
const struct oro_type *sql_system_type(const char *decltype);

/* write.c: what xUpdate is given for one row. An SQLite code; why it failed is in e->denied. */
int sql_write_row(struct sql_engine *e, const struct oro_table_def *t, int argc,
                  sqlite3_value **argv);

/* budget.c */
/* Pays for n steps. False: they do not suffice, or the question is to end. */
bool sql_engine_pay(struct sql_engine *e, uint64_t n);
void sql_engine_begin(struct sql_engine *e);
/* Pays for n instructions; for more, if they took longer than instructions take. */
bool sql_engine_tick(struct sql_engine *e, uint64_t n);

/* functions.c */
bool sql_function_allowed(const char *name);
ORO_MUST_CHECK int sql_functions_register(sqlite3 *db);

/* memory.c: what SQLite takes on this thread, beyond what it has already, is limited until the end. 0: it is not. */
void sql_memory_begin(uint64_t most);
bool sql_memory_end(void); /* true: it was refused some */

/* answer.c: runs a statement that was prepared. */
oro_status sql_answer(struct sql_engine *e, sqlite3_stmt *stmt, struct oro_bb *out,
                      struct oro_parts *parts, struct oro_err *err);

/* text.c: a text with its literals as the columns beside them want them. */
struct sql_shift {      /* the same place in both texts */
    size_t here, there; /* in SQLite's, in the one that was asked */
};
struct sql_text {
    struct oro_bytes asked; /* as it came */
    struct oro_bb bb;       /* as SQLite gets it, with a terminator */
    struct sql_shift *shifts;
    size_t nshifts, cap;
};
void sql_text_fini(struct sql_text *t);
/* Where in the text that was asked byte `at` of the other one comes from. */
size_t sql_text_origin(const struct sql_text *t, size_t at);

/* literal.c */
/* *t is zeroed; ended with sql_text_fini, also on failure. Borrows text. */
ORO_MUST_CHECK oro_status sql_text_make(const struct sql_engine *e, struct oro_bytes text,
                                        struct sql_text *t, struct oro_err *err);

/* error.c */
/* How many bytes of a text fit, so that no character is cut: for %.*s. */
int sql_fit(struct oro_bytes text, size_t most);
/* "what\nthe line\n   ^": with the place in the text. at SIZE_MAX: nowhere. Returns st. */
oro_status sql_fail_at(struct oro_err *err, oro_status st, struct oro_bytes text, size_t at,
                       const char *what);
/* What SQLite says of its last call. text: of the statement that it failed in, or NULL. */
oro_status sql_fail(struct sql_engine *e, int rc, const struct sql_text *text, size_t from,
                    struct oro_err *err);

#endif
