/* runtime/subs/subs_priv.h - what subs.c (who subscribes to what) and diff.c (what a commit changes) share.
 *
 *     connection --- query set (id) --- member -----> live query <--- table: `plain` list, `filtered` list, or
 *                                        ^                |                  a bucket of an equality column
 *                                        +--- subscribers +
 *
 * A live query is one text (and one sender, if the text uses it) however many subscribe to it. A commit finds the live
 * queries of a changed row through its table: those without condition always, those with `column = value` by a hash on
 * the row's value, the rest one after the other. A join stands in the lists of each of its tables, and of those that row filters
 * look into; what it sees of a commit is found out when all changed rows are known (join_delta.c). */
#ifndef ORO_SUBS_SUBS_PRIV_H
#define ORO_SUBS_SUBS_PRIV_H

#include "runtime/base/map.h"
#include "runtime/subs/join.h"
#include "runtime/subs/ranges.h"
#include "runtime/subs/scratch.h"
#include "runtime/subs/subs.h"

struct live_query;
struct live_place;
struct query_set;

struct query_list {
    struct live_place **items;
    size_t n, cap;
};

/* Queries of one table with one value in one column. Freed with its last query. */
struct eq_bucket {
    struct query_list list;
};

struct eq_column {
    uint16_t col;
    struct oro_map buckets; /* BSATN of the value -> eq_bucket */
};

struct range_column {
    uint16_t col;
    struct ranges ranges; /* of live places' `between` */
};

struct subs_table {
    const struct oro_table_def *def;
    uint32_t rank; /* position in the order of table names */
    struct query_list plain, filtered;
    struct eq_column *eq; /* few: one for each column that is compared with = */
    size_t neq, eq_cap;
    struct range_column *ranges; /* few: one for each column that is compared with bounds */
    size_t nranges, ranges_cap;
};

struct subscriber {
    struct query_set *set;
    uint32_t member; /* index in set->members */
};

/* A table of a row filter's join, from which the rows that it shows or hides are found. */
struct watch {
    const struct join *rule; /* shows rows of `up`'s table, or of the query's source src */
    uint8_t from;            /* source of the rule that is watched */
    uint8_t src;             /* source of the query, below all of them */
    const struct watch *up;  /* NULL: the rule is that of src itself */
};

/* One table of a live query: where a changed row finds it. */
struct live_place {
    struct live_query *live;
    struct subs_table *table;
    const struct oro_query *only; /* what the row has to fulfil */
    struct query_list *list;      /* the list of the table it is in */
    size_t list_pos;
    struct eq_bucket *bucket; /* when it is in one */
    int eq_col;
    struct oro_bytes eq_value;
    /* -1: it is in a list; else among the ranges of that column, with these bounds */
    int range_col;
    struct range_node between;
    uint8_t src;               /* source of a join */
    const struct watch *watch; /* NULL: it is the source itself */
};

struct live_query {
    struct oro_query *query;
    struct subs_table *table; /* whose rows it shows */
    struct oro_bytes key;     /* its own copy, as in subs->by_text */
    struct subscriber *subs;
    size_t nsubs, cap;
    struct live_place *places; /* &one, or more of them for a join */
    unsigned nplaces;
    struct live_place one;
    struct oro_arena arena; /* watches */
    /* SingleTableRows as of now, made for the second subscriber and shared by those after him; NULL: not kept. */
    struct oro_buf *initial;
    uint64_t epoch;  /* of the commit that touched it last */
    uint32_t change; /* then: index in subs->changes */
    /* Joins: the rows of the commit that touch it. */
    uint64_t touch_epoch;
    uint32_t first_touch, last_touch;
    uint32_t turn;      /* among its payer's */
    char lost_why[200]; /* it can not be kept up to date any more; else empty */
};

struct member {
    struct live_query *live;
    uint32_t sub;    /* index in live->subs */
    uint32_t weight; /* of the client's budget */
};

struct subs_conn;
struct payer;
struct query_set {
    struct subs_conn *conn;
    uint32_t id;
    struct member *members;
    uint32_t nmembers;
};

struct subs_conn {
    oro_conn_id id;
    struct query_set **sets; /* ascending ids */
    size_t nsets, cap;
    /* Terms that a changed row is compared with for this client's sake alone, at worst. A query that is found by the hash of
     * its `column = value` costs only what it compares beside that, and a client's second one for the same value. */
    uint64_t weight;
    size_t nqueries;
    struct oro_map points; /* eq_bucket -> how many of this client's queries are in it */
    struct oro_map held;   /* live_query -> in how many of its sets, if it */
    bool counts;           /* equal ones as one (oro_rows_form) */
    struct oro_query_asker who;
    struct payer *payer; /* NULL: it has had no subscription */
    bool frozen;         /* sees no commit but by oro_subs_apply_to */
    bool dropped;        /* during apply: freed when it ends */
    uint64_t epoch;
    uint32_t first, last; /* then: its notices */
};

struct oro_subs {
    const struct oro_schema *schema;
    uint64_t most;             /* weight of one client */
    size_t most_queries;       /* of one client */
    uint64_t most_all, weight; /* of all live queries: what is allowed, and what they have */
    struct subs_table *tables; /* as schema->tables */
    struct oro_map by_text;    /* key -> live_query */
    struct oro_map conns;      /* id -> subs_conn */
    uint64_t nsets;
    uint64_t evaluated, matched;
    struct oro_store *store;   /* that joins look into; NULL: none may be subscribed to */
    struct oro_session *looks; /* opened with the first join */
    size_t njoins;
    const int64_t *clock_us; /* NULL: the clock */
    struct oro_map payers;
    uint64_t pay_left; /* of all */
    int64_t pay_at_us;
    oro_subs_lost on_lost;
    void *lost_arg;
    size_t initial_bytes; /* kept in live queries */

    uint64_t epoch;
    bool applying;
    const struct subs_conn *only; /* oro_subs_apply_to: for whom */
    struct change *changes;
    size_t nchanges, changes_cap; /* elements up to changes_made keep their row lists */
    size_t changes_made;
    struct touch *touches;
    size_t ntouches, touches_cap;
    struct live_query **joins; /* touched ones */
    size_t ntouched_joins, joins_cap;
    struct tally *tallies;
    size_t ntallies, tallies_cap;
    struct oro_map tally_of; /* row -> index + 1 */
    struct live_query **losses;
    size_t nlosses, losses_cap;
    struct notice *notices;
    size_t nnotices, notices_cap;
    struct subs_conn **touched;
    size_t ntouched, touched_cap;
    struct subs_conn **dropped;
    size_t ndropped, dropped_cap;
    const struct notice **sorted;
    size_t sorted_cap;
    struct oro_subs_notice *told; /* to one connection */
    size_t told_cap;
};

/* A subscription's queries, parsed (prepare.c). */
struct oro_prepared {
    struct oro_arena arena;
    struct oro_query_env env;
    struct prepared_query {
        struct oro_bytes text;
        struct oro_query *query; /* NULL: a registry has taken it */
        bool held; /* the asker has its rows */
    } * queries;
    uint32_t n;
    size_t cap;
};

/* prepare.c */
struct oro_bytes subs_trim(struct oro_bytes text);
bool subs_is_everything(struct oro_bytes text);
/* The tables that SELECT * FROM * means to the asker, by an index that steps on; NULL: no more. */
const struct oro_table_def *subs_everything_next(const struct oro_schema *s,
                                                 const struct oro_query_env *env, uint32_t *i);
/* SingleTableRows of what the query finds now; parts as in oro_row_list_put. */
oro_status subs_put_table_rows(const struct oro_query *q, struct oro_session *se,
                               struct oro_budget *budget, struct oro_bb *out,
                               struct oro_parts *parts, struct oro_err *err);
/* The error of a query with its text, as clients get it. */
oro_status subs_fail_query(struct oro_err *err, oro_status st, const struct oro_err *why,
                           struct oro_bytes text);

/* live.c: the places of a new live query, and away with them. */
void subs_places_open(struct oro_subs *s, struct live_query *q);
void subs_places_close(struct oro_subs *s, struct live_query *q);
/* Terms that a changed row is compared with for its sake, at worst; the one it is found by costs nothing. */
uint32_t subs_live_weight(const struct live_query *q);
/* The bucket of a query of one table; NULL: none. */
static inline struct eq_bucket *
live_bucket(const struct live_query *q)
{
    return oro_query_is_alone(q->query) ? q->places[0].bucket : NULL;
}

/* join_delta.c: a changed row at a place of a join. */
void subs_touch(struct oro_subs *s, const struct live_place *p, bool insert, struct oro_bytes row);
/* What each join that was touched sees of the commit; add is told. */
void subs_joins_apply(struct oro_subs *s, const struct oro_commit *commit,
                      void (*add)(struct oro_subs *s, struct live_query *q, bool insert,
                                  struct oro_bytes row));

/* join_pay.c: the connection's joins are his work from here on; it ends. */
void subs_pays(struct oro_subs *s, struct subs_conn *c, const struct oro_query_asker *who);
void subs_pays_no_more(struct oro_subs *s, struct subs_conn *c);
/* Before the joins of a commit are looked at. */
void subs_pay_begin(struct oro_subs *s);
/* That subscriber of a join who has most steps left; how many it may have of them (much: while others need theirs, too), and has had. */
struct payer *subs_payer(struct oro_subs *s, const struct live_query *q);
uint64_t subs_may_pay(const struct oro_subs *s, const struct payer *p, bool much);
void subs_paid(struct oro_subs *s, struct payer *p, uint64_t steps);
/* Has everybody's first come before anybody's second. */
void subs_pay_turns(struct oro_subs *s, struct live_query **joins, size_t n);
/* subs.c: ends the sets of queries that were lost, but those of frozen connections other than `only`. */
void subs_end_lost(struct oro_subs *s, const struct subs_conn *only);
/* subs.c: ends what a connection had. */
void subs_conn_free(struct oro_subs *s, struct subs_conn *c);

#endif
