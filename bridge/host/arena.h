/* bridge/host/arena.h - where Python's memory comes from. */
#ifndef ORO_HOST_ARENA_H
#define ORO_HOST_ARENA_H

#include <stddef.h>

/* Before Python is initialized, once: its small-object allocator then takes its arenas from here, in every interpreter. */
void oro_pyarena_install(void);

/* What is mapped, in use and kept for reuse now; bytes. Any thread. */
struct oro_pyarena_stats {
    size_t mapped, used, kept;
};
void oro_pyarena_stats(struct oro_pyarena_stats *out);

/* The allocator itself, for its test. size: what obmalloc.c calls ARENA_SIZE, 1 MiB; others are mapped one by one. */
void *oro_pyarena_alloc(void *ctx, size_t size);
void oro_pyarena_free(void *ctx, void *p, size_t size);

#endif
