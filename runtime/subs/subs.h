/* runtime/subs/subs.h - the live queries of one net thread's connections (design.md 7). Equal query texts are one query;
 * queries `column = value` are found by a hash on the value, so a commit costs what it touches. One thread. */
#ifndef ORO_SUBS_SUBS_H
#define ORO_SUBS_SUBS_H

#include "bridge/bsatn/reader.h"
#include "bridge/bsatn/row_list.h"
#include "runtime/subs/query.h"

struct oro_subs;

struct oro_subs *oro_subs_create(const struct oro_schema *schema); /* Borrows schema. Gives */
void oro_subs_destroy(struct oro_subs *s);
/* Where joins, and row filters that join, look up what stands beside a changed row. While oro_subs_looks_up, each record that is
 * applied is one where a cursor of this store stands that holds its snapshots (oro_cursor_hold). Borrows store. */
void oro_subs_look_into(struct oro_subs *s, struct oro_store *store);
bool oro_subs_looks_up(const struct oro_subs *s);
/* The time by which it counts what joins cost, instead of the clock (tests). Borrows. */
void oro_subs_clock(struct oro_subs *s, const int64_t *us);
/* A set that was granted and has ended, since keeping it up to date costs too much; told behind the commit's updates. */
typedef void (*oro_subs_lost)(void *arg, oro_conn_id conn, uint32_t query_set_id, const char *why);
void oro_subs_on_lost(struct oro_subs *s, oro_subs_lost lost, void *arg);
/* What one client may have: terms that each changed row is compared with, and queries. No limits at first. */
void oro_subs_limit(struct oro_subs *s, uint64_t terms, size_t queries);
/* What all of them may have, each query counted once. Beyond it new ones are granted only to clients with a 32nd at most of what
 * one may have: whoever takes all there is must not keep others from the little they need. */
void oro_subs_limit_all(struct oro_subs *s, uint64_t terms);

/* Budgets, which may be NULL, and what they end with, are those of oro_query_run. */

/* All or nothing. The session has a reading open at snapshot `seq`, and the caller has applied every record up to it, none
 * after. Appends QueryRows (u32 count of tables, SingleTableRows ...), or what env->form says, to rows. texts: n BSATN strings. Equal texts count once.
 * ORO_EEXISTS: the id is in use. ORO_EFULL: too expensive. rows NULL: the rows are known already. parts: many rows
 * that others get as well are linked there, what comes before them is moved there; NULL: all is in rows. On failure a part of them
 * may have been appended. */
ORO_MUST_CHECK oro_status oro_subs_subscribe(struct oro_subs *s, struct oro_session *se,
                                             oro_conn_id conn, uint32_t query_set_id,
                                             struct oro_bytes texts, uint32_t n,
                                             const struct oro_query_env *env,
                                             struct oro_budget *budget, struct oro_bb *rows,
                                             struct oro_parts *parts, struct oro_err *err);
/* Appends the rows in the form given to rows, which may be NULL: none. ORO_ENOTFOUND: no such set. On failure it stays
 * subscribed. */
ORO_MUST_CHECK oro_status oro_subs_unsubscribe(struct oro_subs *s, struct oro_session *se,
                                               oro_conn_id conn, uint32_t query_set_id,
                                               enum oro_rows_form form, struct oro_budget *budget,
                                               struct oro_bb *rows, struct oro_err *err);
/* Whether the rows that go with a set have to be read: not if there is no such set, or another of the connection's has all its
 * queries, and counts (oro_rows_form). */
bool oro_subs_has_own(const struct oro_subs *s, oro_conn_id conn, uint32_t query_set_id);
void oro_subs_drop(struct oro_subs *s, oro_conn_id conn);
/* Says that the id is in use. Gives ORO_EEXISTS. */
oro_status oro_subs_fail_used(oro_conn_id conn, uint32_t query_set_id, struct oro_err *err);
bool oro_subs_has(const struct oro_subs *s, oro_conn_id conn, uint32_t query_set_id);

/* ---- the same in two steps, of which the first needs no registry ---- */
struct oro_prepared;
/* Any thread. texts as above; stop may be NULL: ORO_ETIMEOUT once it is set. Gives *out. */
ORO_MUST_CHECK oro_status oro_prepare(const struct oro_schema *schema, struct oro_bytes texts,
                                      uint32_t n, const struct oro_query_env *env,
                                      const atomic_bool *stop, struct oro_prepared **out,
                                      struct oro_err *err);
void oro_prepared_free(struct oro_prepared *p);
/* Any thread: QueryRows at the session's snapshot. Whole parts of rows go to parts; NULL: to nowhere. */
ORO_MUST_CHECK oro_status oro_prepared_rows(const struct oro_prepared *p, struct oro_session *se,
                                            struct oro_budget *budget, struct oro_bb *rows,
                                            struct oro_parts *parts, struct oro_err *err);
/* Takes the queries out of p. The client has what oro_prepared_rows gave, and every commit up to that snapshot. */
ORO_MUST_CHECK oro_status oro_subs_register(struct oro_subs *s, oro_conn_id conn,
                                            uint32_t query_set_id, struct oro_prepared *p,
                                            struct oro_err *err);
/* The texts of a set, as in subscribe; of one that counts (oro_rows_form) those that no other set of the connection's has. False:
 * there is none. */
bool oro_subs_texts(const struct oro_subs *s, oro_conn_id conn, uint32_t query_set_id,
                    struct oro_bb *texts, uint32_t *n);

/* Appends the texts that a connection has, if it counts them; u32 each, as in subscribe. */
void oro_subs_held(const struct oro_subs *s, oro_conn_id conn, struct oro_bb *texts);
/* Of these texts the asker has the rows: p's answer is without them. Any thread. */
void oro_prepared_leave_out(struct oro_prepared *p, struct oro_bytes texts);

/* A frozen connection is passed over by oro_subs_apply, so that it can stand still while something is read for it, and then
 * follow with oro_subs_apply_to, record by record. */
void oro_subs_freeze(struct oro_subs *s, oro_conn_id conn, bool frozen);

/* What connections are subscribed to, so that another registry can take it over: texts as in subscribe. */
typedef void (*oro_subs_visit)(void *arg, oro_conn_id conn, uint32_t query_set_id,
                               struct oro_bytes texts, uint32_t n);
void oro_subs_each(const struct oro_subs *s, oro_subs_visit visit, void *arg);

/* ---- what a commit changes ---- */

#define ORO_SUBS_FORMATS 2 /* of the protocols above */

/* What the clients of one live query see of a commit, however many they are. */
struct oro_subs_change {
    const struct oro_table_def *table;
    const struct oro_row_list *inserts,
        *deletes; /* not both empty; of an event table only inserts */
    /* What was made of it for the wire, in each format: filled by whoever is told, empty before that, given back when the commit
     * has been told. */
    struct oro_parts made[ORO_SUBS_FORMATS];
};

/* A query of a connection that sees something. */
struct oro_subs_notice {
    uint32_t query_set_id;
    struct oro_subs_change *change;
};

/* For each connection with at least one change: its query sets by ascending id, in them the tables by name, and the queries as
 * they were written. Borrowed until emit returns; changes keep their address until the commit has been told. */
typedef void (*oro_subs_emit)(void *arg, oro_conn_id conn, const struct oro_subs_notice *notices,
                              size_t n);
void oro_subs_apply(struct oro_subs *s, const struct oro_commit *c, oro_subs_emit emit, void *arg);
/* For one connection only, frozen or not. Costs its own queries, not those of others. */
void oro_subs_apply_to(struct oro_subs *s, oro_conn_id conn, const struct oro_commit *c,
                       oro_subs_emit emit, void *arg);

struct oro_subs_stats {
    uint64_t queries, query_sets, evaluated, matched;
};
void oro_subs_stats(const struct oro_subs *s, struct oro_subs_stats *out);

/* QueryRows with exactly one table, for OneOffQueryResult. parts: as in oro_prepared_rows. */
ORO_MUST_CHECK oro_status oro_subs_one_off(const struct oro_query *q, struct oro_session *se,
                                           struct oro_budget *budget, struct oro_bb *rows,
                                           struct oro_parts *parts, struct oro_err *err);

#endif
