/* runtime/subs/join.h - a query of more than one table, or of one whose row filters look into others: its sources, and the
 * ways through them.
 *
 * It shows the rows of one source, each as often as it finds partners (docs/semantics.md#queries, Q-14). A way begins with a row
 * of one source and looks the others up one after the other, by an index wherever there is one: from the best one when the
 * rows are asked for, from the one that changed when a commit is looked at. */
#ifndef ORO_SUBS_JOIN_H
#define ORO_SUBS_JOIN_H

#include "runtime/subs/query_priv.h"

/* ON a.x = b.y, or the same in WHERE (then `loose`: it is no reason to take a join for one). */
struct join_edge {
    uint8_t a, b;
    bool loose;
    uint16_t acol, bcol;
    const struct oro_type *leaf;
};

/* A column of a key that is looked up: of a row that is bound already, or a constant. */
struct join_part {
    bool constant;
    uint8_t src;
    uint16_t col;
    struct oro_bytes value;
};

struct join_step {
    uint8_t src;
    const struct oro_index_def *index; /* NULL: by the source's own plan, or all of its rows */
    struct join_part *parts;           /* of the index, as many as are known */
    uint8_t nparts;
};

struct join_way {
    struct join_step steps[ORO_JOIN_MOST]; /* the first one's row is given */
    unsigned unindexed;                    /* steps that look at every row */
};

/* Who sees which rows of a table where that depends on others: a row that the condition has, or for which one of the rules
 * finds something. */
struct sight {
    struct oro_query *condition; /* NULL: none */
    struct oro_query **rules;    /* joins, that show the table */
    uint32_t nrules;
};

struct join_source {
    struct oro_query only; /* its table, and the conditions on its row alone */
    struct sight *sight;   /* NULL: all rows that `only` has */
    uint8_t
        rank; /* in a commit's difference: sources above it are read as before the commit */
};

struct join {
    struct join_source src[ORO_JOIN_MOST];
    unsigned n;
    uint8_t shown; /* source whose rows are the result, as in its query */
    struct join_edge *edges;
    unsigned nedges;
    struct pred *rest;                  /* conditions on several sources */
    uint8_t first;                      /* source that a reading begins with */
    struct join_way way[ORO_JOIN_MOST]; /* from each source */
};

/* ---- following a way ---- */

/* How the store is read. */
struct join_reading {
    struct oro_session *se;
    struct oro_budget *budget;
    bool
        around; /* a commit: sources in `before` as they were before it, the others as they are after it */
    struct oro_err *err;
};

struct join_walk {
    const struct join *join;
    const struct join_way *way;
    uint8_t before; /* bit of a source; see join_reading.around */
    struct oro_join_place *place;
};

/* The row of the way's first source is bound: place->bound[way->steps[0].src]. */
void join_walk_begin(struct join_walk *w);
/* The next combination; its rows are place->bound. *found false: there are no more. On failure it stays where it is. */
oro_status join_walk_next(struct join_walk *w, struct join_reading *r, bool *found);
/* Whether a row of the source may be seen, by rules that look into other tables, which are read as before the commit or not. Costs
 * at most SIGHT_STEPS of its own; the budget pays what it has. */
oro_status join_sees(const struct join_source *src, struct oro_bytes row, bool before,
                     struct join_reading *r, bool *sees);
uint32_t join_steps_of_row(const struct join *j, unsigned src, struct oro_bytes row);

/* ---- the rows of a query, for query_cursor.c ---- */
oro_status join_cursor_next(struct oro_query_cursor *c, struct oro_session *se,
                            struct oro_budget *budget, struct oro_bytes *row, bool *found,
                            struct oro_err *err);

/* query_cursor.c: the rows of a query of one table, without its LIMIT. */
oro_status query_cursor_step(struct oro_query_cursor *c, const struct oro_query *q,
                             struct oro_session *se, struct oro_budget *budget,
                             struct oro_bytes *row, bool *found, struct oro_err *err);
/* predicate.c: with a row for each source. */
bool query_rest_holds(const struct join *j, const struct pred *p, const struct oro_bytes *rows);

#endif
