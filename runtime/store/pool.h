/* runtime/store/pool.h - memory for row versions, commit records and tree nodes: many small pieces
 * that are made on one thread and freed on another. What it brings over malloc: small rows lie in
 * one cache line each, on huge pages where the system has them (a random find is mostly cache and
 * TLB misses), and freeing costs a few instructions.
 *
 * Pieces come in size classes. Each session has a cache; full batches of free pieces go over the
 * pool to sessions that need them. Memory goes back to the system with the pool. Under the
 * sanitizers every piece is malloc's, so that they see its uses. */
#ifndef ORO_STORE_POOL_H
#define ORO_STORE_POOL_H

#include "runtime/base/mem.h"
#include "runtime/base/thread.h"

#define ORO_POOL_LINE 64
#define ORO_POOL_STEP 16
#define ORO_POOL_LEAST 32
#define ORO_POOL_CLASSES 64 /* 32, 48, 64 ... bytes; what is larger is malloc's */
#define ORO_POOL_MAX (ORO_POOL_LEAST + (ORO_POOL_CLASSES - 1) * ORO_POOL_STEP)

struct oro_piece; /* a free one */

struct oro_pool {
    struct oro_spin lock;
    struct oro_piece *batches[ORO_POOL_CLASSES];
    struct oro_pool_chunk *chunks;
    char *at, *end; /* of the newest chunk: not yet cut */
    size_t next_chunk;
};

/* One thread's. */
struct oro_pool_cache {
    struct oro_pool *pool;
    struct {
        struct oro_piece *open, *full; /* a batch being used, and a whole one or NULL */
        unsigned n;                    /* in open */
    } classes[ORO_POOL_CLASSES];
};

void oro_pool_init(struct oro_pool *p);
void oro_pool_fini(struct oro_pool *p); /* everything in it is gone */
void oro_pool_cache_init(struct oro_pool_cache *c, struct oro_pool *p);
void oro_pool_cache_fini(struct oro_pool_cache *c); /* hands what it has to the pool */

/* not cleared; 16-byte aligned */
void *oro_pool_get(struct oro_pool_cache *c, size_t size);
/* the same size; NULL is fine */
void oro_pool_put(struct oro_pool_cache *c, void *p, size_t size);

#endif
