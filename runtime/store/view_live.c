/* runtime/store/view_live.c - what follows an answer, as an object that is counted (view_follow.h). */
#include "runtime/store/view_priv.h"

void
oro_view_live_init(struct oro_view_live *l, const struct oro_view_live_ops *ops)
{
    atomic_init(&l->refs, 1);
    atomic_init(&l->bytes, 0);
    l->ops = ops;
}

struct oro_view_live *
view_live_ref(struct oro_view_live *l)
{
    if (l != NULL)
        atomic_fetch_add_explicit(&l->refs, 1, memory_order_relaxed);
    return l;
}

void
view_live_unref(struct oro_view_live *l)
{
    /* Pairs with itself: what the others have read, they have read before. */
    if (l != NULL && atomic_fetch_sub_explicit(&l->refs, 1, memory_order_acq_rel) == 1)
        l->ops->free(l);
}
