/* runtime/subs/batch.h - several query sets that are asked for at once, and answered at one snapshot (SubscribeBatch,
 * docs/wire.md#client-messages). Sets are granted or refused one by one; what they see is one state. */
#ifndef ORO_SUBS_BATCH_H
#define ORO_SUBS_BATCH_H

#include "runtime/subs/answer.h"

/* ---- as it is asked for, and told: query_set_id, then the texts; and query_set_id, then QueryRows or an error ---- */

struct oro_batch_text {
    uint32_t query_set_id, n;
    struct oro_bytes texts; /* n BSATN strings, borrowed */
};

/* The next set of a message that was read before. False: there is no more. */
bool oro_batch_next(struct oro_reader *r, struct oro_batch_text *out);
void oro_batch_put_applied(struct oro_bb *out, uint32_t query_set_id); /* QueryRows follow */
void oro_batch_put_error(struct oro_bb *out, uint32_t query_set_id, struct oro_bytes text);

/* ---- in steps, as oro_prepare and what follows it: on the registry's thread, then on any other, then on the first again ---- */

struct oro_batch;

/* Sets whose id the connection uses already are refused. Borrows the sets to the end. Gives. */
struct oro_batch *oro_batch_new(const struct oro_subs *s, oro_conn_id conn, struct oro_bytes sets,
                                uint32_t n);
void oro_batch_free(struct oro_batch *b); /* NULL is fine */
/* ORO_ETIMEOUT: *stop is set. All else is the failure of a set. */
ORO_MUST_CHECK oro_status oro_batch_prepare(struct oro_batch *b, const struct oro_schema *schema,
                                            const struct oro_query_env *env,
                                            const atomic_bool *stop, struct oro_err *err);
/* All sets that were not refused, or none: then why. */
ORO_MUST_CHECK oro_status oro_batch_register(struct oro_subs *s, oro_conn_id conn,
                                             struct oro_batch *b, struct oro_err *err);
/* Each set that was refused. */
typedef void (*oro_batch_visit)(void *arg, struct oro_bytes texts, const char *why);
void oro_batch_refused(const struct oro_batch *b, oro_batch_visit visit, void *arg);
bool oro_batch_has_applied(const struct oro_batch *b);

#endif
