/* tests/py/malloc.h - Python's objects from malloc(), so that the address sanitizer sees each of them. */
#ifndef ORO_TESTS_PY_MALLOC_H
#define ORO_TESTS_PY_MALLOC_H

#include <stdlib.h>

#include "bridge/codec/python.h"

static inline void *
block_malloc(void *ctx, size_t n)
{
    return malloc(n > 0 ? n : 1);
}

static inline void *
block_calloc(void *ctx, size_t n, size_t size)
{
    return calloc(n > 0 ? n : 1, size > 0 ? size : 1);
}

static inline void *
block_realloc(void *ctx, void *old, size_t n)
{
    return realloc(old, n > 0 ? n : 1);
}

static inline void
block_free(void *ctx, void *p)
{
    free(p);
}

/* Before Python starts. */
static inline void
malloc_for_python(void)
{
    PyMemAllocatorEx mine = {NULL, block_malloc, block_calloc, block_realloc, block_free};
    PyMem_SetAllocator(PYMEM_DOMAIN_MEM, &mine);
    PyMem_SetAllocator(PYMEM_DOMAIN_OBJ, &mine);
}

#endif
