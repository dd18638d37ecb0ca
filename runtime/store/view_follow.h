/* runtime/store/view_follow.h - answers of views that are said as a query: what they gain and lose by a transaction is found from
 * the rows that it changes, without asking the view's function again (runtime/views).
 *
 * The first evaluation says where the rows of the query lie (places) and leaves a live part with the answer. Whoever writes there
 * gets these rows as steps, and has the live part make of them what the answer's rows change by. What the view's code read is
 * remembered beside that: where it was touched the whole answer is evaluated. */
#ifndef ORO_STORE_VIEW_FOLLOW_H
#define ORO_STORE_VIEW_FOLLOW_H

#include <stdatomic.h>

#include "runtime/store/view.h"

/* The first member of what follows an answer; counted. Read by all who write, at once: what changes in it has a lock of its own. */
struct oro_view_live;
struct oro_view_live_ops {
    /* Commit and registry's lock held. Whether what a step started from is still so; then what it leaves (Takes staged). */
    bool (*holds)(struct oro_view_live *l, const void *staged);
    void (*commit)(struct oro_view_live *l, void *staged);
    void (*drop)(void *staged); /* Takes */
    void (*free)(struct oro_view_live *l);
};
struct oro_view_live {
    atomic_uint refs;
    _Atomic uint64_t bytes; /* that it keeps; set before it is handed over, and by commit(). It counts as the answer's room */
    const struct oro_view_live_ops *ops;
};
/* With one reference. */
void oro_view_live_init(struct oro_view_live *l, const struct oro_view_live_ops *ops);

/* ---- the first evaluation, between oro_tx_view_watch and settle ---- */
void oro_tx_view_code_end(struct oro_tx *tx); /* what is read from here on is not its code's */
void oro_tx_view_live(struct oro_tx *tx, struct oro_view_live *l); /* Takes a reference */
/* Rows that come and go there are steps of the answer: a range of an index, as far as the row `last` (NULL: all of it) in the
 * direction of the range; ix NULL: the table. Also for a step, whose places replace those before. ORO_ETYPE as oro_tx_range. */
ORO_MUST_CHECK oro_status oro_tx_view_place(struct oro_tx *tx, const struct oro_table_def *t,
                                            const struct oro_index_def *ix,
                                            const struct oro_range *range,
                                            const struct oro_bytes *last);

/* ---- a step: i is of oro_tx_views ---- */
struct oro_view_row {
    bool insert;
    struct oro_bytes row; /* until the transaction ends */
};
/* It is not followed, or what its code read is touched: it has to be evaluated. */
bool oro_tx_view_is_code(const struct oro_tx *tx, size_t i);
/* Of one that is followed. Borrowed until the transaction ends. */
struct oro_view_live *oro_tx_view_steps(struct oro_tx *tx, size_t i, struct oro_view_row **rows,
                                        size_t *n);
const struct oro_view_def *oro_tx_view_def(const struct oro_tx *tx, size_t i);
/* Rows as clients see them. take: false if it is not there. */
void oro_tx_view_put(struct oro_tx *tx, size_t i, struct oro_bytes row);
bool oro_tx_view_take(struct oro_tx *tx, size_t i, struct oro_bytes row);
bool oro_tx_view_has(struct oro_tx *tx, size_t i, struct oro_bytes row);
/* It has been followed. changes: of its rows or of what is staged. Takes staged (NULL is fine), and the places that were named. */
void oro_tx_view_followed(struct oro_tx *tx, size_t i, bool changes, void *staged);

#endif
