/* runtime/subs/batch_priv.h - the sets of a batch, as answer.c measures them. */
#ifndef ORO_SUBS_BATCH_PRIV_H
#define ORO_SUBS_BATCH_PRIV_H

#include "runtime/subs/batch.h"

struct batch_set {
    struct oro_batch_text asked;
    struct oro_prepared *prepared; /* NULL: refused, or not looked at yet */
    char *error;                   /* why it is refused; else NULL */
};

struct oro_batch {
    oro_conn_id conn;
    uint32_t n;
    struct batch_set *sets;
};

void batch_refuse(struct batch_set *set, const char *why); /* keeps a copy */

#endif
