/* runtime/timers/run.h - what a timer's run does to its row, inside the transaction of the run. On the worker's thread. */
#ifndef ORO_TIMERS_RUN_H
#define ORO_TIMERS_RUN_H

#include "runtime/store/tx.h"
#include "runtime/timers/timers.h"

/* The row that is due: *row is borrowed from the store until the transaction ends. ORO_ENOTFOUND when it is gone, or armed for
 * another time by now: then another firing is that one's. */
ORO_MUST_CHECK oro_status oro_timer_run_begin(struct oro_tx *tx, const struct oro_firing *f,
                                              struct oro_bytes *row);
/* After the reducer, or in its place where it failed; row: as it was at the begin. A row with a time that is as it was has had its turn
 * and is deleted in this transaction, or waits for next_us if that is not ORO_TIMER_LAST; one that was changed is armed by its
 * change, so it stays and fires again, and so does every row with an interval. *stays: it is there afterwards. */
#define ORO_TIMER_LAST INT64_MIN
ORO_MUST_CHECK oro_status oro_timer_run_end(struct oro_tx *tx, const struct oro_firing *f,
                                            struct oro_bytes row, int64_t next_us, bool *stays);

#endif
