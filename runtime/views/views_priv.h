/* runtime/views/views_priv.h - what follows an answer: the plan, and beside it what the kinds of plans remember. */
#ifndef ORO_VIEWS_PRIV_H
#define ORO_VIEWS_PRIV_H

#include "bridge/bsatn/reader.h"
#include "bridge/bsatn/value.h"
#include "runtime/base/thread.h"
#include "runtime/subs/query.h"
#include "runtime/views/views.h"

enum plan_kind { PLAN_ROWS, PLAN_TOP, PLAN_GROUPS };
enum plan_fn { FN_GROUP, FN_COUNT, FN_SUM, FN_MIN, FN_MAX, FN_AVG };

/* A column of a row of groups. */
struct plan_column {
    enum plan_fn fn;
    int col;                       /* of the table; -1: of no column, count() */
    const struct oro_type *source; /* its type, resolved */
    const struct oro_type *value;  /* the same without Option */
    const struct oro_type *type;   /* of the view's column, resolved */
    unsigned group;                /* FN_GROUP: which of the group's columns */
};

struct top_state {
    uint64_t count;
    bool full;          /* there may be rows behind the last one */
    struct oro_bb last; /* then: that row */
};

struct live {
    struct oro_view_live head; /* first */
    enum plan_kind kind;
    const struct oro_table_def *table;
    struct oro_query *query;
    /* top */
    const struct oro_index_def *order;
    struct oro_range range;
    uint64_t most;
    /* groups */
    uint16_t *by; /* columns of the table */
    unsigned nby;
    struct plan_column *columns;
    unsigned ncolumns;
    /* What commits change. */
    struct oro_spin lock;
    struct top_state top;
    struct oro_map groups; /* key -> struct group */
    uint64_t counter;
};

/* plan.c; Gives *out, whose head is not begun, to be ended with plan_free. */
oro_status plan_read(const struct oro_schema *schema, const struct oro_view_def *def,
                     struct oro_bytes plan, struct live **out, struct oro_err *err);
void plan_free(struct live *l); /* but for what changes */
/* An answer that a transaction touches. */
struct following {
    struct oro_tx *tx;
    size_t i; /* of oro_tx_views */
    struct live *l;
    const struct oro_view_row *rows; /* that have changed */
    size_t n;
    size_t left; /* other rows that may be looked at */
};
/* False: so many rows may not be looked at. */
static inline bool
views_spend(size_t *left, size_t rows)
{
    bool may = rows <= *left;
    *left -= may ? rows : 0;
    return may;
}
/* ORO_EFULL, after that. */
static inline oro_status
views_fail_spent(struct oro_err *err)
{
    return oro_err_set(err, ORO_EFULL, "too many rows would have to be looked at");
}

/* rows.c: all rows of the table that the condition holds for, in the transaction's eyes, as places for steps, and visited. */
oro_status rows_places(struct oro_tx *tx, const struct live *l);
typedef void (*rows_visit)(void *arg, struct oro_bytes row);
void rows_each(struct oro_tx *tx, const struct live *l, rows_visit visit, void *arg);
extern const struct oro_view_live_ops rows_ops;
void rows_step(struct following *f);
/* top.c */
oro_status top_begin(struct oro_tx *tx, struct live *l, struct oro_bb *out);
oro_status top_step(struct following *f, struct oro_err *err);
extern const struct oro_view_live_ops top_ops;
/* groups.c */
oro_status groups_begin(struct oro_tx *tx, struct live *l, struct oro_bb *out, struct oro_err *err);
oro_status groups_step(struct following *f, struct oro_err *err);
extern const struct oro_view_live_ops groups_ops;

void rows_put(struct oro_bb *out, struct oro_bytes row); /* as settle reads them */

#endif
