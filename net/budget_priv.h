/* net/budget_priv.h - how much memory all that strangers fill may take, and who goes when that is exceeded. */
#ifndef ORO_NET_BUDGET_PRIV_H
#define ORO_NET_BUDGET_PRIV_H

#include "net/net.h"

struct conn;
struct shard;

void budget_charge(struct conn *c, int64_t bytes);      /* memory of net */
void budget_charge_kept(struct conn *c, int64_t bytes); /* of the server */
/* A connection (NULL: which is gone) has one more reference to b, or one less. */
void budget_link(struct shard *s, struct conn *c, struct oro_buf *b);
void budget_unlink(struct shard *s, struct conn *c, struct oro_buf *b);
void budget_condemn(struct conn *c); /* its share is given back, and it has none from now on */
void budget_tell(struct shard *s);
bool budget_over(const struct shard *s);
/* largest.c: cuts off the largest if there is too much. Any connection may be cut off inside. */
void budget_enforce(struct shard *s);

#endif
