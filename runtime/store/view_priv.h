/* runtime/store/view_priv.h - what the store remembers of views' answers (view.c). */
#ifndef ORO_STORE_VIEW_PRIV_H
#define ORO_STORE_VIEW_PRIV_H

#include "runtime/store/internal.h"
#include "runtime/store/spans.h"
#include "runtime/store/view_follow.h"

#define VIEW_ROW_BYTES 68 /* of the store and for its length, beside its own */

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
    struct oro_span_node range; /* or among those of its index: then list is NULL */
    bool is_place; /* rows that come and go there are followed; else the answer's code read it */
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
    atomic_bool ready; /* set under the commit lock */
    atomic_bool due;
    _Atomic uint64_t room;
    _Atomic int64_t cost_us;
    _Atomic(void *) payer;
    void (*payer_end)(void *payer); /* by whoever has set payer */
    /* Registry's lock: */
    unsigned uses;
    bool listed;
    bool orphan;           /* its store is gone */
    uint64_t generation;   /* how often it was evaluated */
    uint64_t kept;         /* bytes of its rows */
    uint64_t looks;        /* room that it takes by what it looks at */
    uint64_t epoch;        /* of whoever looked at it last, */
    size_t found;          /* and its place among what he found */
    uint64_t answered;     /* epoch of who has evaluated it, or put it off, when he looked again */
    uint64_t hash;         /* of the key */
    struct oro_view *same; /* the next one of it */
    struct oro_view_reads *reads;
    struct oro_view_reads *places; /* of its live part, and that; or NULL */
    struct oro_view_live *live;
    uint8_t args[];
};

struct view_index {
    const struct oro_index *ix;
    struct oro_map points; /* key -> view_list */
    struct oro_spans ranges;
};
struct view_table {
    size_t n;       /* reads of it */
    uint64_t epoch; /* of whoever wrote it and looked last (view_touch.c) */
    struct view_index **indexes;
    size_t nindexes, indexes_cap;
    struct view_list spans; /* the whole table, and numbers of its rows */
};

/* view_answer.c: it is not found any more. Registry locked. */
void view_unlist(struct oro_views *vs, struct oro_view *v);
/* An answer that a transaction touches. */
struct oro_view_found {
    struct oro_view *view;      /* a reference */
    struct oro_view_live *live; /* a reference; NULL: it is not followed */
    uint64_t generation;
    bool code;            /* what its code read was touched */
    bool done;            /* it has been followed */
    int64_t gained;       /* bytes of rows, by that */
    uint32_t first, last; /* steps; ORO_NONE: none */
};
struct oro_view_step {
    const struct oro_row *row;
    bool insert;
    uint32_t next;
};

/* What becomes of an answer when the transaction commits. */
struct oro_view_change {
    struct oro_view *view; /* a reference */
    uint64_t generation;   /* of the answer, when it was evaluated */
    bool step;             /* it was followed; else evaluated: all of it is new */
    bool lost;             /* it was not, and follows nothing more until it is evaluated again */
    uint64_t kept, looks;  /* of an evaluation */
    int64_t gained;        /* of a step */
    struct oro_view_reads *reads;
    struct oro_view_reads *places; /* of a step: NULL, they stay */
    struct oro_view_live *live;    /* a reference, or NULL */
    void *staged;                  /* the live part's, of a step; or NULL */
};

/* What a transaction touches. */
struct touching {
    struct oro_tx *tx;
    struct oro_views *vs;
    uint64_t epoch;
    bool rows; /* steps are wanted, too */
    struct oro_view_found *found;
    size_t n, cap;
    struct oro_view_step *steps;
    size_t nsteps, steps_cap;
    size_t meetings; /* of a row and an answer */
};

/* view_touch.c; registry locked */
void view_touch_all(struct touching *to);
void view_read_list(struct oro_views *vs, struct oro_view *v, struct oro_view_read *r);
void view_reads_unlist(struct oro_views *vs, struct oro_view_reads **reads);
/* view_live.c */
struct oro_view_live *view_live_ref(struct oro_view_live *l); /* NULL is fine */
void view_live_unref(struct oro_view_live *l);
/* view_follow.c */
void view_change_drop(struct oro_view_change *c);

/* view.c, for reading and committing */
struct oro_view_change *view_change_new(struct oro_view_tx *own, struct oro_view *v,
                                        uint64_t generation);
void view_note_in(struct oro_view_reads *to, const struct oro_view_read *read); /* copies */
void oro_view_note(struct oro_tx *tx, const struct oro_view_read *read);        /* copies */
void oro_view_reads_free(struct oro_view_reads *reads);                         /* NULL is fine */

#endif
