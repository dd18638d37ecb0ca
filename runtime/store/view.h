/* runtime/store/view.h - what has been computed of views, and what it was computed from (docs/semantics.md#views).
 *
 * An answer is a view with somebody's identity (none, if it is anonymous) and arguments. Its rows stand in the view's table, with
 * the answer's number as last column; the places that it read are remembered here: keys, ranges, tables that were counted. A
 * transaction whose writes touch one of them evaluates the answer again before it commits, and writes the difference of its rows
 * as its own. So an answer is never older or newer than the tables, and all that reads rows (subscriptions, queries, SQL) reads
 * those of views.
 *
 * That nobody commits past an answer that he does not know of: the registry has a version. A commit that looked for answers in
 * an older one looks again under the commit lock, and if there is one that it has not evaluated it conflicts, and runs again. */
#ifndef ORO_STORE_VIEW_H
#define ORO_STORE_VIEW_H

#include "runtime/store/tx.h"

struct oro_view; /* an answer; counted */

struct oro_view_key {
    const struct oro_view_def *def;
    struct oro_identity sender; /* zeros: anonymous */
    struct oro_bytes args;      /* BSATN, one after the other */
};

/* ---- any thread ---- */
/* The answer, made (without rows, not ready) if there is none. Gives a use and a reference; NULL: no memory. */
struct oro_view *oro_view_use(struct oro_store *s, const struct oro_view_key *key);
/* Takes a use, and its reference. True: nobody uses it any more: oro_view_forget in a transaction is due. */
bool oro_view_leave(struct oro_store *s, struct oro_view *v);
struct oro_view *oro_view_ref(struct oro_view *v); /* Gives one more */
void oro_view_unref(struct oro_view *v);           /* Takes one; NULL is fine */
/* The number of an answer that is there, used or not; 0: there is none. */
uint64_t oro_view_find(struct oro_store *s, const struct oro_view_key *key);
const struct oro_view_key *oro_view_key(const struct oro_view *v);
uint64_t oro_view_number(const struct oro_view *v);
bool oro_view_is_ready(const struct oro_view *v); /* its rows are there and followed */
void oro_view_spoil(struct oro_view *v); /* they are old, and cannot be made again: it is not ready */
bool oro_view_is_listed(struct oro_store *s, const struct oro_view *v); /* not forgotten */
bool oro_view_is_orphan(
    const struct oro_view *v); /* its store was exchanged: nothing can be done with it */
uint64_t oro_view_count(const struct oro_store *s);
/* Room that it takes beside others, for its rows and for what it read: 1 for each 4 KiB, at least one, and 16 for each range or
 * number of rows, which every write in that table looks at. What follows it keeps counts beside its rows. As of the last commit. */
uint64_t oro_view_room(const struct oro_view *v);
/* Who answers for it: `end` is called with payer when its memory goes, on any thread. False: somebody does already. */
bool oro_view_pay(struct oro_view *v, void *payer, void (*end)(void *payer));
void *oro_view_payer(const struct oro_view *v); /* NULL: nobody */
/* How long it took when it was evaluated last, as whoever did that has told; us. */
void oro_view_took(struct oro_view *v, int64_t us);
int64_t oro_view_cost_us(const struct oro_view *v);
/* It has to be evaluated again. True: nobody has said so since it was begun last. */
bool oro_view_is_due(struct oro_view *v);
void oro_view_begin(
    struct oro_view *v); /* what was written before the transaction began is read now */
/* All that are listed: Gives a reference to each, and the array. */
struct oro_view **oro_view_all(struct oro_store *s, size_t *n);

/* ---- within a transaction; its thread ---- */
/* The answers that its writes touch, to be evaluated before it commits. *n may be 0; valid until the transaction ends. */
struct oro_view **oro_tx_views(struct oro_tx *tx, size_t *n);
/* The i-th of them is not evaluated before the commit: the n-th takes its place, and they are one less. */
void oro_tx_view_put_off(struct oro_tx *tx, size_t i, size_t *n);
/* Those that were put off, to be evaluated soon after the commit; of who cannot evaluate any within the transaction and has not
 * looked for them, all. Gives a reference to each, and the array, NULL if there are none. */
struct oro_view **oro_tx_views_later(struct oro_tx *tx, size_t *n);
/* What is read from here on belongs to the answer, until settle or abandon. */
void oro_tx_view_watch(struct oro_tx *tx, struct oro_view *v);
void oro_tx_view_abandon(struct oro_tx *tx);
/* Its rows are these (each a u32 with its length and its bytes; equal ones count once): the difference is written, and what was
 * read is what they depend on, when the transaction commits. ORO_EINVAL: two rows have one primary key. ORO_ENOMEM. */
ORO_MUST_CHECK oro_status oro_tx_view_settle(struct oro_tx *tx, struct oro_view *v,
                                             struct oro_bytes rows, struct oro_err *err);
/* Takes it out of the registry and its rows out of the table, unless it is used again: then nothing happens. */
void oro_tx_view_forget(struct oro_tx *tx, struct oro_view *v);

#endif
