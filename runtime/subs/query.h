/* runtime/subs/query.h - the query language of subscriptions and one-off queries, and the first cut of ad-hoc SELECT
 * (docs/semantics.md#queries): parsed and typed against a schema, matched against encoded rows. */
#ifndef ORO_SUBS_QUERY_H
#define ORO_SUBS_QUERY_H

#include <stdatomic.h>

#include "runtime/base/parts.h"
#include "runtime/store/store.h"

enum oro_query_use {
    ORO_QUERY_SUBSCRIBE, /* SELECT * / t.* FROM t [WHERE ...] */
    ORO_QUERY_ONE_OFF,   /* the same */
    ORO_QUERY_SQL,       /* also columns, COUNT(*) AS n, LIMIT */
};

/* What one query may cost. */
struct oro_query_limits {
    uint32_t terms;  /* that a row is compared with, once the condition is simplified */
    uint64_t steps;  /* rows looked at, times terms */
    uint64_t memory; /* bytes that SQLite's engine may take for one (runtime/sql); 0: any number */
};

/* Whose work it is, beyond its beginning. */
struct oro_query_asker {
    uint64_t identity;  /* numbers: equal ones are one */
    uint64_t newcomers; /* with whom it is one until known_us (of oro_mono_us) */
    int64_t known_us;
};

/* How the rows of a query set are written for whoever asks (docs/wire.md#server-messages). */
enum oro_rows_form {
    ORO_ROWS_TABLES, /* QueryRows: each set has rows of its own */
    /* v1's TableUpdates. Equal queries of a connection count once; it gets the rows of those of a new set that no other set of
     * it has, or, */
    ORO_ROWS_UPDATES,
    ORO_ROWS_ALL_UPDATES, /* of all of them; */
    ORO_ROWS_UPDATE       /* or of its only one, without a count of tables. */
};

/* Who asks: what :sender is, and whether private tables exist for him. */
struct oro_query_env {
    struct oro_identity sender;
    bool is_owner;                         /* row filters are not for the owner either */
    const struct oro_query_limits *limits; /* NULL: none */
    struct oro_store *store;               /* where the rows of views are; NULL: there are none */
    struct oro_query_asker asker;
    enum oro_rows_form form; /* subscriptions: any but TABLES knows no events, so that event tables are refused */
};

/* What is left to spend; several queries may share one. */
struct oro_budget {
    uint64_t left;        /* steps */
    bool spent;           /* what was asked for wanted more */
    uint64_t found, most; /* bytes of the rows that were kept, and may be; most 0: any number */
    const atomic_bool *
        stop; /* NULL, or set by whoever wants the reading to end; seen within some thousand steps */
};

struct oro_query; /* immutable after parsing */

/* Texts of errors follow docs/semantics.md#queries, T-1. ORO_EINVAL: it has arguments that a view or table does not take. Gives
 * *out. Any thread. */
ORO_MUST_CHECK oro_status oro_query_parse(const struct oro_schema *schema, struct oro_bytes text,
                                          enum oro_query_use use, const struct oro_query_env *env,
                                          struct oro_query **out, struct oro_err *err);
struct oro_query *oro_query_ref(struct oro_query *q); /* Gives one more. Any thread */
/* What whoever asks may see of a table: all rows, or those that its row filters have. Gives *out. Any thread. */
ORO_MUST_CHECK oro_status oro_query_all_seen(const struct oro_schema *schema,
                                             const struct oro_table_def *t,
                                             const struct oro_query_env *env,
                                             struct oro_query **out, struct oro_err *err);
/* Whether every row filter of the schema's tables is a condition on its table. ORO_EINVAL: the text names table and filter. */
ORO_MUST_CHECK oro_status oro_query_check_rules(const struct oro_schema *schema,
                                                struct oro_err *err);
/* The views that the text names as whoever asks may, with their arguments, some perhaps more than once, or in vain: their answers
 * have to be there before it is parsed. Takes steps: bytes, and names times views. False: there were not so many. */
typedef void (*oro_query_view_visit)(void *arg, const struct oro_view_def *def,
                                     struct oro_bytes args);
ORO_MUST_CHECK bool oro_query_views(const struct oro_schema *schema, struct oro_bytes text,
                                    const struct oro_query_env *env, oro_query_view_visit visit,
                                    void *arg, uint64_t *steps);
/* Whether a text of POST /sql that was refused with st is for SQLite to answer: it is no SELECT of this grammar, whatever its
 * names and types are, or it compares options, or asks for a table that only SQLite's engine has (ORO_ETYPE). */
bool oro_query_is_sqlites(oro_status st, struct oro_bytes text);
void oro_query_free(struct oro_query *q); /* Takes one; NULL is fine */
const struct oro_table_def *oro_query_table(const struct oro_query *q);
/* Whether the condition holds for a row of its table; of a join, those parts of it that are conditions on that row alone. */
bool oro_query_matches(const struct oro_query *q, struct oro_bytes row);
/* Whether what a row does in the result is known from the row itself: one table, and no row filter that looks into others. */
bool oro_query_is_alone(const struct oro_query *q);
/* The same as oro_query_matches with the session's snapshot, so that row filters with joins are followed. ORO_EFULL: too much. */
ORO_MUST_CHECK oro_status oro_query_sees(const struct oro_query *q, struct oro_session *se,
                                         struct oro_bytes row, bool *sees, struct oro_err *err);
/* A condition as values: u32 alternatives, each u32 comparisons, each u16 column, u8 (enum sql_op, or one of these), and with its
 * length BSATN of the column. ORO_ETYPE: a column that cannot be compared. Gives *out. */
enum { ORO_GIVEN_ALWAYS = 6, ORO_GIVEN_NEVER };
struct oro_reader;
ORO_MUST_CHECK oro_status oro_query_given(const struct oro_table_def *t, struct oro_reader *r,
                                          struct oro_query **out, struct oro_err *err);
bool oro_query_has_order(const struct oro_type *t); /* its values can be compared */
/* Two of them, as strcmp. */
int oro_query_compare(const struct oro_type *t, const uint8_t *a, const uint8_t *b);
/* How its rows are found. */
struct oro_query_way {
    const struct oro_index_def *index; /* NULL: all have to be looked at */
    const struct oro_range *range;
    const struct oro_bytes *points; /* the index is asked for each; npoints 0: the range */
    uint32_t npoints;
};
struct oro_query_way oro_query_way(const struct oro_query *q);
/* Whether the index has its rows in the order of a column, since = is said of those before it; and where. *out lives as q. */
bool oro_query_order(struct oro_query *q, const struct oro_index_def *ix, uint16_t col,
                     struct oro_range *out);
bool oro_query_uses_sender(const struct oro_query *q);
bool oro_query_has_condition(const struct oro_query *q); /* false: every row of the table matches */
/* Terms that a row is compared with at worst, at least 1. `a = 1 OR a = 2 ...` is one search: 1 + log2 of how many. */
uint32_t oro_query_weight(const struct oro_query *q);

/* ---- at the session's open snapshot, by an index where a conjunct `indexed column = literal` (or range, or set) allows.
 * budget NULL: no limit. ORO_EFULL: it does not suffice, or there is too much; ORO_ETIMEOUT: it was stopped. ---- */
typedef bool (*oro_query_visit)(void *arg, struct oro_bytes row); /* false: that is enough */
ORO_MUST_CHECK oro_status oro_query_each(const struct oro_query *q, struct oro_session *se,
                                         struct oro_budget *budget, oro_query_visit visit,
                                         void *arg, struct oro_err *err);
/* How many tables one query may have. */
#define ORO_JOIN_MOST 4
#define ORO_JOIN_ROWS 16 /* looked up at a time */
/* Where a join stands: the rows that are bound, and those that were found for the tables behind them. */
struct oro_join_place {
    struct oro_bytes bound[ORO_JOIN_MOST]; /* by source */
    unsigned depth;                        /* 0: no more */
    bool alone;                            /* of one table: its row is not given yet */
    struct oro_join_level {
        struct oro_place place;
        unsigned i, n;
        struct oro_bytes rows[ORO_JOIN_ROWS];
    } levels[ORO_JOIN_MOST - 1];
};
/* The rows one after the other, in the same order, over any number of readings at one snapshot. Some KiB: not for a stack that
 * is small. */
struct oro_query_cursor {
    const struct oro_query *query; /* borrowed */
    struct oro_place place;
    uint64_t left; /* of LIMIT */
    uint32_t point;
    bool ended;
    unsigned i, n; /* of rows */
    struct oro_bytes rows[ORO_READ_MOST];
    bool walks; /* a join: place stands at the first table's row, join behind it */
    struct oro_join_place join;
};
void oro_query_cursor_init(struct oro_query_cursor *c, const struct oro_query *q);
/* *found false: there are no more. On failure it stays where it is, and can go on with another budget, which may not be NULL. */
ORO_MUST_CHECK oro_status oro_query_next(struct oro_query_cursor *c, struct oro_session *se,
                                         struct oro_budget *budget, struct oro_bytes *row,
                                         bool *found, struct oro_err *err);

/* The rows, as long as the reading is open. Gives *out, to be ended with oro_found_fini. */
struct oro_found {
    struct oro_bytes *rows;
    size_t n, cap;
    uint64_t bytes; /* of all rows */
};
ORO_MUST_CHECK oro_status oro_query_run(const struct oro_query *q, struct oro_session *se,
                                        struct oro_budget *budget, struct oro_found *out,
                                        struct oro_err *err);
void oro_found_fini(struct oro_found *f);
/* The JSON of POST /sql (docs/http.md#sql), one statement. Appends to out, on failure a part of it. *took_us (or NULL): what it
 * says of its time. */
ORO_MUST_CHECK oro_status oro_query_sql_json(const struct oro_query *q, struct oro_session *se,
                                             struct oro_budget *budget, struct oro_bb *out,
                                             int64_t *took_us, struct oro_err *err);
/* Index of a conjunct `column = literal` and its BSATN value; -1: none. Live queries are found by it. */
int oro_query_eq_column(const struct oro_query *q, struct oro_bytes *value);

#endif
