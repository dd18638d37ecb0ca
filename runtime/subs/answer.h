/* runtime/subs/answer.h - an answer of any size, made piece by piece: the rows of some queries at one snapshot, as the wire has
 * them (QueryRows, docs/wire.md#server-messages) or as POST /sql does. Whoever reads slowly costs a piece of it, not all.
 *
 * On the wire counts and lengths stand before the rows. So it is measured first, which is also when it can fail; then made, in
 * as many steps as one likes. What is known of a whole table is not counted: then the first piece is there at once. Few rows
 * are kept from the measuring (by address); more are looked for a second time.
 *
 * One thread at a time; all readings are at one snapshot, which is held (oro_pin) from the measuring to the end. */
#ifndef ORO_SUBS_ANSWER_H
#define ORO_SUBS_ANSWER_H

#include "runtime/subs/subs.h"

struct oro_answer;
struct oro_batch;

/* Borrow what they are of until the return. Give; NULL: no memory. */
struct oro_answer *oro_answer_of_set(const struct oro_prepared *p);
/* Sets that were prepared. b has to be there until it is measured: what cannot be answered is the failure of its set alone. */
struct oro_answer *oro_answer_of_batch(struct oro_batch *b);
struct oro_answer *oro_answer_of_query(struct oro_query *q); /* QueryRows with one table */
struct oro_answer *oro_answer_of_sql(struct oro_query *q);   /* the JSON of POST /sql */
/* Before it is measured: the form of a set's rows (QueryRows otherwise), which come with its end (deletes) or its beginning. */
void oro_answer_form(struct oro_answer *a, enum oro_rows_form form, bool deletes);
/* Before it is measured: what stands behind the rows. Copied. Not of a batch. */
void oro_answer_end_with(struct oro_answer *a, struct oro_bytes tail);
void oro_answer_free(struct oro_answer *a); /* NULL is fine */

/* most: steps that each query may cost; the budget is what can be spent here. On failure, which is that of oro_query_run, nothing
 * was made. Once. */
ORO_MUST_CHECK oro_status oro_answer_measure(struct oro_answer *a, struct oro_session *se,
                                             uint64_t most, struct oro_budget *budget,
                                             struct oro_err *err);
/* Makes some more of it: until bb and parts have `want` bytes together, steps (as in a budget) are spent, or *stop is set (NULL:
 * never); one row as JSON is not divided. Ended: oro_answer_ended, and not before its last byte is made, so that a piece without
 * bytes is never the last one. parts->failed: no memory; what comes then is of no use. */
void oro_answer_more(struct oro_answer *a, struct oro_session *se, size_t want, uint64_t steps,
                     const atomic_bool *stop, struct oro_bb *bb, struct oro_parts *parts);
bool oro_answer_ended(const struct oro_answer *a);
/* What the JSON says; until its end: how long it has taken so far. */
int64_t oro_answer_took_us(const struct oro_answer *a);

#endif
