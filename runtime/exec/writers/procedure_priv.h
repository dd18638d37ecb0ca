/* runtime/exec/writers/procedure_priv.h - what a procedure asks of its worker. */
#ifndef ORO_WRITERS_PROCEDURE_PRIV_H
#define ORO_WRITERS_PROCEDURE_PRIV_H

#include "runtime/exec/writers/pool_priv.h"

/* procedure_tx.c: ops of struct oro_host_ops */
oro_status oro_procedure_begin(void *host, bool alone, int64_t *timestamp_us);
oro_status oro_procedure_commit(void *host);
oro_status oro_procedure_abort(void *host);
oro_status oro_procedure_wait(void *host, int64_t until_us);
oro_status oro_procedure_rest(struct worker *w, int64_t until_us); /* in the middle of one */
oro_status oro_procedure_fetch(void *host, const struct oro_fetch_ask *ask, struct oro_fetched *got,
                               struct oro_err *err); /* procedure_http.c */

#endif
