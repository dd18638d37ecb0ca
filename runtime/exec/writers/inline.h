/* runtime/exec/writers/inline.h - a writer without a thread: jobs run where they are asked for, one at a time, in the caller's own
 * interpreter and by a clock of the caller's. What tests of modules use (runtime/testing). */
#ifndef ORO_WRITERS_INLINE_H
#define ORO_WRITERS_INLINE_H

#include "runtime/exec/writers/pool.h"

struct oro_inline;

struct oro_inline_options {
    struct oro_py *py; /* in which the schema's module is entered whenever a job runs */
    const struct oro_schema *schema; /* all four are borrowed until the close */
    struct oro_store *store;
    const int64_t *clock_us; /* microseconds since 1970; of timers, too */
    struct oro_identity database;
    void *arg; /* of say, which is struct oro_pool_hooks' */
    /* A timer is to run a procedure. Takes job; where that has a timer, its turn lasts until oro_inline_fire_end. */
    void (*procedure)(void *arg, struct oro_job *job);
    void (*say)(void *arg, enum oro_log_level level, const char *target, struct oro_bytes text);
};

/* What became of a job: text and detail (its code and data as JSON) are borrowed until the next one. */
struct oro_inline_outcome {
    oro_status status;
    struct oro_bytes text, detail;
};

/* The ops that the interpreter was joined with (oro_py_join). */
extern const struct oro_host_ops oro_worker_host_ops;

/* Gives. All of it on one thread. */
struct oro_inline *oro_inline_open(const struct oro_inline_options *opt);
void oro_inline_close(struct oro_inline *in); /* Takes in, before the store goes */

/* Each is one transaction, tried again as a worker does it, and ends as a record of the ring. who and args: borrowed. */
struct oro_inline_outcome oro_inline_call(struct oro_inline *in, struct oro_principal *who,
                                          const struct oro_reducer_def *reducer,
                                          struct oro_bytes args);
/* A transaction that its caller ends, of procedures and handlers of a test. The call is for oro_py_open_tx, borrowed until the end; who and
 * as, whose name it has, are borrowed until then, too. It is alone, so it cannot conflict; nothing else runs meanwhile. */
struct oro_py_call *oro_inline_begin(struct oro_inline *in, struct oro_principal *who,
                                     const struct oro_reducer_def *as);
/* After oro_py_close_tx. One that cannot be kept is rolled back, and text says why. */
struct oro_inline_outcome oro_inline_end(struct oro_inline *in, bool commit);
struct oro_inline_outcome oro_inline_init(struct oro_inline *in, struct oro_principal *who);
struct oro_inline_outcome oro_inline_updated(struct oro_inline *in, struct oro_principal *who);
struct oro_inline_outcome oro_inline_connect(struct oro_inline *in, struct oro_principal *who);
struct oro_inline_outcome oro_inline_disconnect(struct oro_inline *in, struct oro_principal *who);
/* An answer of a view (runtime/store/view.h) is evaluated: unless it is there, or in any case. */
struct oro_inline_outcome oro_inline_view(struct oro_inline *in, struct oro_view *v, bool again);
/* A row's turn (runtime/timers); its outcome is in the log only. */
void oro_inline_fire(struct oro_inline *in, const struct oro_firing *firing);
void oro_inline_fire_end(struct oro_inline *in, const struct oro_firing *firing);

#endif
