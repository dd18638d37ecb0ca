/* runtime/store/pool.c */
#include "runtime/store/pool.h"

#include <stdint.h>
#include <sys/mman.h>

#define BATCH 64
#define CHUNK_MIN ((size_t)64 << 10)
#define CHUNK_MAX ((size_t)2 << 20) /* a huge page */

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define POOL_IS_MALLOC 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || \
    __has_feature(memory_sanitizer)
#define POOL_IS_MALLOC 1
#endif
#endif
#ifndef POOL_IS_MALLOC
#define POOL_IS_MALLOC 0
#endif

struct oro_piece {
    struct oro_piece *next;
    struct oro_piece *next_batch; /* of the first of a batch in the pool */
    size_t n;                     /* the same */
};

struct oro_pool_chunk {
    struct oro_pool_chunk *next;
    size_t size;
};

void
oro_pool_init(struct oro_pool *p)
{
    *p = (struct oro_pool){.lock = ORO_SPIN_INIT, .next_chunk = CHUNK_MIN};
}

void
oro_pool_fini(struct oro_pool *p)
{
    for (struct oro_pool_chunk *c = p->chunks, *next; c != NULL; c = next) {
        next = c->next;
        if (c->size == CHUNK_MAX)
            munmap(c, CHUNK_MAX);
        else
            oro_free(c);
    }
    *p = (struct oro_pool){0};
}

void
oro_pool_cache_init(struct oro_pool_cache *c, struct oro_pool *p)
{
    *c = (struct oro_pool_cache){.pool = p};
}

static inline unsigned
class_of(size_t size)
{
    return size <= ORO_POOL_LEAST
               ? 0
               : (unsigned)((size - ORO_POOL_LEAST + ORO_POOL_STEP - 1) / ORO_POOL_STEP);
}

/* ---- the pool's side, locked ---- */

/* CHUNK_MAX bytes at a multiple of it. */
static void *
huge_page(void)
{
    char *p = oro_map_pages(2 * CHUNK_MAX);
    size_t before = -(uintptr_t)p & (CHUNK_MAX - 1);
    if (before > 0)
        munmap(p, before);
    munmap(p + before + CHUNK_MAX, CHUNK_MAX - before);
#ifdef MADV_HUGEPAGE
    (void)madvise(p + before, CHUNK_MAX, MADV_HUGEPAGE); /* a wish */
#endif
    return p + before;
}

static void
chunk_add(struct oro_pool *p)
{
    ORO_ASSERT_LOCKED(&p->lock);
    size_t size = p->next_chunk;
    struct oro_pool_chunk *c =
        size < CHUNK_MAX ? oro_aligned_alloc(ORO_POOL_LINE, size) : huge_page();
    *c = (struct oro_pool_chunk){p->chunks, size};
    p->chunks = c;
    p->at = (char *)c + ORO_POOL_LINE;
    p->end = (char *)c + size;
    p->next_chunk = size * 4 < CHUNK_MAX ? size * 4 : CHUNK_MAX;
}

/* Cuts a batch from fresh memory; n at least 1. */
static struct oro_piece *
batch_cut(struct oro_pool *p, unsigned cls, unsigned *n)
{
    ORO_ASSERT_LOCKED(&p->lock);
    size_t size = ORO_POOL_LEAST + cls * ORO_POOL_STEP;
    if (size % ORO_POOL_LINE == 0 && p->at != NULL) /* whole lines */
        p->at = (char *)(((uintptr_t)p->at + ORO_POOL_LINE - 1) & ~(uintptr_t)(ORO_POOL_LINE - 1));
    if (p->at == NULL || p->at + size > p->end)
        chunk_add(p);
    struct oro_piece *first = NULL, **last = &first;
    for (*n = 0; *n < BATCH && p->at + size <= p->end; ++*n) {
        *last = (struct oro_piece *)p->at;
        last = &(*last)->next;
        p->at += size;
    }
    *last = NULL;
    return first;
}

static void
batch_give(struct oro_pool *p, unsigned cls, struct oro_piece *b, size_t n)
{
    b->n = n;
    oro_spin_lock(&p->lock);
    b->next_batch = p->batches[cls];
    p->batches[cls] = b;
    oro_spin_unlock(&p->lock);
}

static struct oro_piece *
batch_take(struct oro_pool *p, unsigned cls, unsigned *n)
{
    oro_spin_lock(&p->lock);
    struct oro_piece *b = p->batches[cls];
    if (b != NULL) {
        p->batches[cls] = b->next_batch;
        *n = (unsigned)b->n;
    } else {
        b = batch_cut(p, cls, n);
    }
    oro_spin_unlock(&p->lock);
    return b;
}

/* ---- the cache's side ---- */

void *
oro_pool_get(struct oro_pool_cache *c, size_t size)
{
    unsigned cls = class_of(size);
    if (POOL_IS_MALLOC || cls >= ORO_POOL_CLASSES)
        return oro_alloc(size);
    if (c->classes[cls].open == NULL) {
        c->classes[cls].open = c->classes[cls].full;
        c->classes[cls].full = NULL;
        c->classes[cls].n = BATCH;
        if (c->classes[cls].open == NULL)
            c->classes[cls].open = batch_take(c->pool, cls, &c->classes[cls].n);
    }
    struct oro_piece *p = c->classes[cls].open;
    __builtin_prefetch(p->next, 1); /* it has been cold for long when its turn comes */
    c->classes[cls].open = p->next;
    c->classes[cls].n--;
    return p;
}

void
oro_pool_put(struct oro_pool_cache *c, void *ptr, size_t size)
{
    unsigned cls = class_of(size);
    if (POOL_IS_MALLOC || cls >= ORO_POOL_CLASSES || ptr == NULL) {
        oro_free(ptr);
        return;
    }
    if (c->classes[cls].n >= BATCH) {
        if (c->classes[cls].full != NULL)
            batch_give(c->pool, cls, c->classes[cls].full, BATCH);
        c->classes[cls].full = c->classes[cls].open;
        c->classes[cls].open = NULL;
        c->classes[cls].n = 0;
    }
    struct oro_piece *p = ptr;
    p->next = c->classes[cls].open;
    c->classes[cls].open = p;
    c->classes[cls].n++;
}

void
oro_pool_cache_fini(struct oro_pool_cache *c)
{
    for (unsigned i = 0; i < ORO_POOL_CLASSES && c->pool != NULL; i++) {
        if (c->classes[i].full != NULL)
            batch_give(c->pool, i, c->classes[i].full, BATCH);
        if (c->classes[i].open != NULL)
            batch_give(c->pool, i, c->classes[i].open, c->classes[i].n);
    }
    *c = (struct oro_pool_cache){0};
}
