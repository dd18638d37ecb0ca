/* runtime/base/mem.h - allocation. Sizes we choose: oro_alloc and friends, which abort when there is no memory.
 * Sizes a stranger chooses: oro_try_alloc, which returns NULL. Any thread. */
#ifndef ORO_BASE_MEM_H
#define ORO_BASE_MEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/base/annot.h"

void *oro_alloc(size_t size);            /* Gives memory, not cleared; end it with oro_free */
void *oro_calloc(size_t n, size_t size); /* Gives cleared memory */
void *oro_realloc(void *p, size_t size); /* Takes p */
void *oro_aligned_alloc(size_t align,
                        size_t size); /* Gives cleared memory at a multiple of align */
void *oro_map_pages(size_t size);     /* Gives cleared pages of the system; end them with munmap */
void *oro_try_alloc(size_t size);     /* NULL when there is none */
void *oro_try_realloc(void *p, size_t size); /* NULL leaves p as it was */
char *oro_strdup(const char *s);
char *oro_strndup(const char *s, size_t n); /* Gives a copy of n bytes, terminated */
ORO_PRINTF(1, 2) char *oro_asprintf(const char *fmt, ...);
void oro_free(void *p); /* Takes p, NULL is fine */

#define ORO_NEW(type) ((type *)oro_calloc(1, sizeof(type)))
#define ORO_NEW_ARRAY(type, n) ((type *)oro_calloc((n), sizeof(type)))

/* Keeps so many bytes aside, once for the process. When the system has no more, they go, and whoever needed some has it; from then
 * on oro_try_alloc refuses what is not small (64 KiB), so that what strangers ask for is refused while what we owe is done, until the system
 * gives them back: looked at by each oro_try_alloc. Without it oro_alloc ends the process at once. */
void oro_memory_reserve(size_t bytes);
bool oro_memory_low(void);
/* True: there was something aside, and now is in the system's hands: try again. */
bool oro_memory_spend(void);

/* Test hook: the n-th oro_try_* call from here on in this thread fails (n >= 1). */
void oro_fault_arm(int n);
/* Ends it; true if a call did fail. */
bool oro_fault_disarm(void);

/* Makes room for one more element: doubles *cap when n == *cap. Returns the array (Takes the old one). */
void *oro_grow(void *array, size_t n, size_t *cap, size_t elem_size);

/* The same for what strangers make grow: false without memory, and the array is as it was. */
ORO_MUST_CHECK bool oro_try_grow(void **array, size_t n, size_t *cap, size_t elem_size);

/* Bytes this process may have: of the machine, or of its control group if that gives less. */
uint64_t oro_machine_memory(void);

/* ---- arena: many small allocations with one end ---- */
struct oro_arena_block;
struct oro_arena {
    struct oro_arena_block *head;
    char *at, *end;
    size_t size; /* of all its blocks */
};

void oro_arena_init(struct oro_arena *a);
void *oro_arena_alloc(
    struct oro_arena *a,
    size_t size); /* aligned for anything, not cleared; lives until reset or fini */
void oro_arena_reset(
    struct oro_arena *a); /* everything allocated is gone; keeps one block for reuse */
void oro_arena_fini(struct oro_arena *a);

#endif
