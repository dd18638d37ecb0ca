/* runtime/base/parts.h - a large run of bytes as counted parts, so that it is made without ever lying in one piece, and is
 * handed on, kept and sent by reference. Belongs to one thread; the parts are immutable, and may be shared with any.
 *
 * It is written through a builder, out of which whole parts are moved as they become full:
 *
 *     oro_parts_put(&parts, &bb, row, len);   or   oro_bb_put(&bb, ...); oro_parts_spill(&parts, &bb);
 *     ...
 *     oro_parts_close(&parts, &bb);
 */
#ifndef ORO_BASE_PARTS_H
#define ORO_BASE_PARTS_H

#include "runtime/base/buf.h"

#define ORO_PART ((size_t)256 * 1024)

/* Zeroed: empty. None of the parts is, and none has more than ORO_PART bytes. */
struct oro_parts {
    struct oro_buf **bufs; /* a reference to each */
    size_t n, cap;
    uint64_t bytes; /* of all */
    bool failed;    /* there was no memory: it is empty, and what is put into it is thrown away */
};

/* Moves what bb has in whole parts; afterwards it has less than one. */
void oro_parts_spill_slow(struct oro_parts *p, struct oro_bb *bb);

/* p NULL: all of it stays in bb. */
static inline void
oro_parts_spill(struct oro_parts *p, struct oro_bb *bb)
{
    if (ORO_UNLIKELY(bb->len >= ORO_PART) && p != NULL)
        oro_parts_spill_slow(p, bb);
}

/* Appends, so that bb never has more than a part. p NULL: to bb alone. Borrows data. */
void oro_parts_put(struct oro_parts *p, struct oro_bb *bb, const void *data, size_t n);
/* Moves what bb has into a part that ends there, so that another run of parts can follow; bb keeps its memory. */
void oro_parts_cut(struct oro_parts *p, struct oro_bb *bb);
/* Appends a part that is somebody else's, too: takes a reference to it. */
void oro_parts_link(struct oro_parts *p, struct oro_buf *part);
/* Moves the rest of bb, which is freed. */
void oro_parts_close(struct oro_parts *p, struct oro_bb *bb);
void oro_parts_fini(struct oro_parts *p); /* gives back its references, and zeroes */
/* Appends what `from` has, which is empty then, as parts of their own: they need not be whole. False: no memory, and nothing has
 * changed. */
ORO_MUST_CHECK bool oro_parts_move(struct oro_parts *to, struct oro_parts *from);
/* Memory that it takes, with the allocator's overhead. */
size_t oro_parts_cost(const struct oro_parts *p);

#endif
