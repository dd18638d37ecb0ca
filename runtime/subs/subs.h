/* runtime/subs/subs.h - the live queries of one net thread's connections (design.md 7). Equal query texts are one query;
 * queries `column = value` are found by a hash on the value, so a commit costs what it touches. One thread. */
#ifndef ORO_SUBS_SUBS_H
#define ORO_SUBS_SUBS_H

#include "bridge/bsatn/message.h"
#include "runtime/subs/query.h"

struct oro_subs;

struct oro_subs *oro_subs_create(const struct oro_schema *schema); /* Borrows schema. Gives */
void oro_subs_destroy(struct oro_subs *s);
/* So many terms at most may each changed row be compared with for the sake of one client (none at first). */
void oro_subs_limit(struct oro_subs *s, uint64_t terms);

/* Budgets, which may be NULL, and what they end with, are those of oro_query_run. */

/* All or nothing. The session has a reading open at snapshot `seq`, and the caller has applied every record up to it, none
 * after. Appends QueryRows (u32 count of tables, SingleTableRows ...) to rows. texts: n BSATN strings. Equal texts count once.
 * ORO_EEXISTS: the id is in use. ORO_EFULL: too expensive. rows NULL: the rows are known already. On failure a part of them
 * may have been appended. */
ORO_MUST_CHECK oro_status oro_subs_subscribe(struct oro_subs *s, struct oro_session *se,
                                             oro_conn_id conn, uint32_t query_set_id,
                                             struct oro_bytes texts, uint32_t n,
                                             const struct oro_query_env *env,
                                             struct oro_budget *budget, struct oro_bb *rows,
                                             struct oro_err *err);
/* Appends QueryRows when with_rows. ORO_ENOTFOUND: no such set. On failure it stays subscribed. */
ORO_MUST_CHECK oro_status oro_subs_unsubscribe(struct oro_subs *s, struct oro_session *se,
                                               oro_conn_id conn, uint32_t query_set_id,
                                               bool with_rows, struct oro_budget *budget,
                                               struct oro_bb *rows, struct oro_err *err);
void oro_subs_drop(struct oro_subs *s, oro_conn_id conn);

/* What connections are subscribed to, so that another registry can take it over: texts as in subscribe. */
typedef void (*oro_subs_visit)(void *arg, oro_conn_id conn, uint32_t query_set_id,
                               struct oro_bytes texts, uint32_t n);
void oro_subs_each(const struct oro_subs *s, oro_subs_visit visit, void *arg);

/* For each connection with at least one change, calls emit with the encoded array of QuerySetUpdates (u32 count, then
 * each; spec/wire.md 4.2): query sets by ascending id. The bytes are borrowed until emit returns. */
typedef void (*oro_subs_emit)(void *arg, oro_conn_id conn, struct oro_bytes query_sets);
void oro_subs_apply(struct oro_subs *s, const struct oro_commit *c, oro_subs_emit emit, void *arg);

struct oro_subs_stats {
    uint64_t queries, query_sets, evaluated, matched;
};
void oro_subs_stats(const struct oro_subs *s, struct oro_subs_stats *out);

/* QueryRows with exactly one table, for OneOffQueryResult. */
ORO_MUST_CHECK oro_status oro_subs_one_off(const struct oro_query *q, struct oro_session *se,
                                           struct oro_budget *budget, struct oro_bb *rows,
                                           struct oro_err *err);

#endif
