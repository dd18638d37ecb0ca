/* runtime/store/view_priv.h - what the store remembers of views' answers (view.c). */
#ifndef ORO_STORE_VIEW_PRIV_H
#define ORO_STORE_VIEW_PRIV_H

#include "runtime/store/internal.h"
#include "runtime/store/view.h"

/* Answers that read one place. Removing is an exchange with the last. */
struct view_list {
    struct oro_view_read **items;
    size_t n, cap;
};

/* A place that was read: a key of an index (kind RANGE, a point), a range, a whole table, the number of its rows. Its bytes are
 * its own. */
struct oro_view_read {
    enum oro_span_kind kind;
    const struct oro_table *t;
    const struct oro_index *ix;
    struct oro_interval iv;
    /* The registry's. */
    struct oro_view *view;
    struct view_list *list;
    size_t pos;
};

struct oro_view_reads {
    struct oro_view_read *items;
    size_t n, cap;
    size_t bytes;   /* of all of them */
    size_t nspans;  /* that are no points */
    bool no_memory; /* for one of them: the answer is of no use */
};

struct oro_view {
    atomic_uint refs;
    struct oro_view_key key; /* its args are the ones below */
    uint64_t number;
    atomic_bool ready; /* written under the commit lock */
    atomic_bool due;
    _Atomic uint64_t room;
    _Atomic int64_t cost_us;
    _Atomic(void *) payer;
    void (*payer_end)(void *payer); /* set before payer */
    /* Registry's lock: */
    unsigned uses;
    bool listed;
    bool orphan;         /* its store is gone */
    uint64_t generation; /* how often it was evaluated */
    uint64_t epoch;      /* of whoever looked at it last */
    uint64_t hash;       /* of the key */
    struct oro_view *same; /* the next one of it */
    struct oro_view_reads *reads;
    uint8_t args[];
};

struct view_index {
    const struct oro_index *ix;
    struct oro_map points; /* key -> view_list */
};
struct view_table {
    size_t n; /* reads of it */
    struct view_index **indexes;
    size_t nindexes, indexes_cap;
    struct view_list spans; /* what is no point */
};

/* view_answer.c: it is not found any more. Registry locked. */
void view_unlist(struct oro_views *vs, struct oro_view *v);
/* ---- view_reads.c ---- */
void oro_view_note(struct oro_tx *tx, const struct oro_view_read *read); /* copies */
void oro_view_reads_free(struct oro_view_reads *reads);                  /* NULL is fine */

#endif
