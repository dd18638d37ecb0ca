/* runtime/subs/query.h - the query language of subscriptions and one-off queries, and the first cut of ad-hoc SELECT
 * (spec/semantics.md 12): parsed and typed against a schema, matched against encoded rows. */
#ifndef ORO_SUBS_QUERY_H
#define ORO_SUBS_QUERY_H

#include "runtime/store/store.h"

enum oro_query_use {
    ORO_QUERY_SUBSCRIBE, /* SELECT * / t.* FROM t [WHERE ...] */
    ORO_QUERY_ONE_OFF,   /* the same */
    ORO_QUERY_SQL,       /* also columns, COUNT(*) AS n, LIMIT */
};

/* Who asks: what :sender is, and whether private tables exist for him. */
struct oro_query_env {
    struct oro_identity sender;
    bool is_owner;
};

struct oro_query; /* immutable after parsing */

/* Texts of errors follow spec/semantics.md 12.6 and T-1. Gives *out. Any thread. */
ORO_MUST_CHECK oro_status oro_query_parse(const struct oro_schema *schema, struct oro_bytes text,
                                          enum oro_query_use use, const struct oro_query_env *env,
                                          struct oro_query **out, struct oro_err *err);
void oro_query_free(struct oro_query *q);
const struct oro_table_def *oro_query_table(const struct oro_query *q);
bool oro_query_matches(const struct oro_query *q, struct oro_bytes row);
bool oro_query_uses_sender(const struct oro_query *q);
bool oro_query_has_condition(const struct oro_query *q); /* false: every row of the table matches */
/* Runs at the session's open snapshot, by an index where a conjunct `indexed column = literal` (or range) allows. */
void oro_query_run(const struct oro_query *q, struct oro_session *se, struct oro_rows *out);
/* The JSON of POST /sql (spec/http.md 9), one statement. Appends to out. */
void oro_query_sql_json(const struct oro_query *q, struct oro_session *se, struct oro_bb *out);
/* Index of a conjunct `column = literal` and its BSATN value; -1: none. Live queries are found by it. */
int oro_query_eq_column(const struct oro_query *q, struct oro_bytes *value);

#endif
