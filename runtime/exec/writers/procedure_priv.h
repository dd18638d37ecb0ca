/* runtime/exec/writers/procedure_priv.h - what procedures ask of their worker, and how it runs those that are coroutines. */
#ifndef ORO_WRITERS_PROCEDURE_PRIV_H
#define ORO_WRITERS_PROCEDURE_PRIV_H

#include "runtime/exec/writers/attempt.h"
#include "runtime/fetch/pump.h"

/* procedure_tx.c: ops of struct oro_host_ops */
oro_status oro_procedure_begin(void *host, bool alone, int64_t *timestamp_us);
oro_status oro_procedure_commit(void *host);
oro_status oro_procedure_abort(void *host);
oro_status oro_procedure_wait(void *host, int64_t until_us);
/* In the middle of a procedure: until that time, or done(arg) (NULL: never), and until nothing stands still. Coroutines of the
 * worker go on meanwhile. ORO_ETIMEOUT: it has run long enough, or its module is no more. */
oro_status oro_procedure_rest(struct worker *w, int64_t until_us, bool (*done)(void *arg),
                              void *arg);

oro_status oro_procedure_sure(void *host, uint64_t seq);

/* procedure_durable.c: the same, what is on disk, and whether a coroutine may find that it has gone on. */
uint64_t oro_pool_durable_seq(const struct oro_pool *p);
uint64_t oro_procedure_unsure(void *host);
uint64_t oro_procedure_durable(void *host);
void oro_procedure_waits_for_disk(void *host, bool waits);
bool oro_procedure_disk_moved(const struct worker *w);

/* procedure_http.c */
oro_status oro_procedure_fetch(void *host, const struct oro_fetch_ask *ask, struct oro_fetched *got,
                               struct oro_err *err);
/* requests.c. One that is counted; ended by one of the two below. */
ORO_MUST_CHECK oro_status oro_request_begin(struct worker *w, struct oro_pump_box *box,
                                         const struct oro_fetch_ask *ask, uint64_t number,
                                         struct oro_pumped **out, struct oro_err *err);
ORO_MUST_CHECK oro_status oro_request_take(struct worker *w, struct oro_pumped *r,
                                           struct oro_fetched *got, struct oro_err *err);
void oro_request_end(struct worker *w, struct oro_pumped *r);

/* procedure_end.c: as its record has it. */
struct outcome oro_procedure_outcome(struct worker *w, struct attempt *a, struct oro_origin *origin,
                                     oro_status st, bool outdated, struct oro_bb *result);

/* coroutines.c: an `async def` begins. Takes job, whose record is published when it ends. */
void oro_coroutine_begin(struct worker *w, struct oro_job *job, int64_t limit_us);
/* Has those go on that can. */
void oro_coroutines_run(struct worker *w);
/* Microseconds until that should be asked for again; 0: at once; -1: there are none. */
long oro_coroutines_left(struct worker *w);
/* They are lost with their worker, whose place w takes. False: nothing else was. */
bool oro_coroutines_lost(struct worker *w, struct worker *old);
void oro_coroutines_fini(struct worker *w); /* the pool is freed */
/* ops of struct oro_host_ops */
void oro_coroutine_enter(void *host, void *of);
void oro_coroutine_leave(void *host, void *of);
void oro_coroutine_grace(void *host, void *of, int64_t us);
void oro_coroutine_ended(void *host, void *of, oro_status st, bool outdated, struct oro_bb *result);
oro_status oro_coroutine_ask(void *host, const struct oro_fetch_ask *ask, uint64_t *number,
                             struct oro_err *err);
oro_status oro_coroutine_answer(void *host, uint64_t *number, struct oro_fetched *got,
                                struct oro_err *err);
void oro_coroutine_drop(void *host, uint64_t number);

#endif
