/* runtime/views/views.h - views that are said as a query (docs/views.md#queries): what the view's function has returned is a plan, and
 * from then on C keeps the answer up to date from the rows that each transaction changes. A plan is one of
 *
 *   rows    all that the condition holds for          a change costs the look-up of its row
 *   top     the first n of them along an index        ... and, for one that enters or leaves, of its neighbours
 *   groups  count, sum, min, max, avg by columns      ... and of one group; min and max look along an index when theirs goes
 *
 * On the thread of the transaction. */
#ifndef ORO_VIEWS_VIEWS_H
#define ORO_VIEWS_VIEWS_H

#include "runtime/store/view_follow.h"

/* The first evaluation, after oro_tx_view_watch and the function's call: reads the plan (bytes of bridge/host/view_query.c), appends
 * the rows for oro_tx_view_settle to `rows`. ORO_EINVAL: the plan does not fit the view's rows; err says how. */
ORO_MUST_CHECK oro_status oro_views_begin(struct oro_tx *tx, const struct oro_schema *schema,
                                          const struct oro_view_def *def, struct oro_bytes plan,
                                          struct oro_bb *rows, struct oro_err *err);
/* Of oro_tx_views, the i-th, which needs no code (oro_tx_view_is_code): has its answer take part in what the transaction changes. For
 * that it looks at no more than `most` rows beside those that have changed. When it fails nothing has changed. ORO_EINVAL: a sum
 * does not fit its column. ORO_EFULL: it would have to look at more rows. ORO_ECONFLICT. */
ORO_MUST_CHECK oro_status oro_views_follow(struct oro_tx *tx, size_t i, size_t most,
                                           struct oro_err *err);

#endif
