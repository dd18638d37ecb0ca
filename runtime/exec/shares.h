/* runtime/exec/shares.h - room for something that strangers take and that there is only so much of: calls of procedures that
 * wait, answers of views that are kept.
 *
 * Who asks may take more as long as he has less than is free: alone he comes to a half of all there is, with one who does the same
 * to a third, and something is left for whoever comes then. The newcomers of an address are one (turns_of.h), and all of an address
 * may have three times what is free, so that identities that were kept for the purpose leave a quarter to other addresses. */
#ifndef ORO_EXEC_SHARES_H
#define ORO_EXEC_SHARES_H

#include "runtime/base/annot.h"
#include "runtime/exec/turns_of.h"

struct oro_shares; /* any thread */
struct oro_share;  /* what somebody has taken; any thread, but for its end */

enum oro_share_room {
    ORO_SHARE_TAKEN,
    ORO_SHARE_OWN,  /* he has his part already */
    ORO_SHARE_FULL, /* there is none left */
};

struct oro_shares *oro_shares_create(uint64_t all); /* Gives; ended by oro_shares_destroy */
void oro_shares_destroy(struct oro_shares *s);      /* all is given back. NULL is fine */
uint64_t oro_shares_used(struct oro_shares *s);
/* Gives *out if it is taken. n > 0. */
ORO_MUST_CHECK enum oro_share_room oro_share_take(struct oro_shares *s,
                                                  const struct oro_turns_of *of, uint64_t n,
                                                  struct oro_share **out);
/* Has it be n, more or less than before. If it is not taken, it is as it was. n > 0. */
ORO_MUST_CHECK enum oro_share_room oro_share_set(struct oro_share *h, uint64_t n);
/* It is n, as a fact: what was taken has grown, or become less. All have more than there is, perhaps: then nobody takes any. n > 0. */
void oro_share_is(struct oro_share *h, uint64_t n);
void oro_share_give(struct oro_share *h); /* Takes; back to all. NULL is fine */

#endif
