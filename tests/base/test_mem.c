#include <criterion/criterion.h>

#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "runtime/base/assert.h"
#include "runtime/base/mem.h"

Test(mem, sizes_of_nothing)
{
    oro_free(oro_alloc(0));
    oro_free(oro_calloc(0, 8));
    oro_free(oro_realloc(oro_alloc(4), 0));
    oro_free(oro_try_alloc(0));
    oro_free(NULL);
}

Test(mem, calloc_is_clear_and_aligned_alloc_aligned)
{
    unsigned char *p = oro_calloc(100, 7);
    for (int i = 0; i < 700; i++)
        cr_assert_eq(p[i], 0);
    oro_free(p);
    for (size_t align = 1; align <= 4096; align *= 2) {
        unsigned char *q = oro_aligned_alloc(align, 100);
        cr_assert_eq((uintptr_t)q % align, 0);
        for (int i = 0; i < 100; i++)
            cr_assert_eq(q[i], 0);
        oro_free(q);
    }
}

Test(mem, strings)
{
    char *a = oro_strdup("abc"), *b = oro_strndup("abcdef", 2), *c = oro_asprintf("%s-%d", "x", 5);
    char *d = oro_strndup(NULL, 0);
    cr_assert_str_eq(a, "abc");
    cr_assert_str_eq(b, "ab");
    cr_assert_str_eq(c, "x-5");
    cr_assert_str_eq(d, "");
    oro_free(a);
    oro_free(b);
    oro_free(c);
    oro_free(d);
}

Test(mem, fault_hits_the_nth_call_only)
{
    oro_fault_arm(2);
    void *a = oro_try_alloc(8);
    void *b = oro_try_alloc(8);
    void *c = oro_try_alloc(8);
    cr_assert_not_null(a);
    cr_assert_null(b);
    cr_assert_not_null(c);
    cr_assert(oro_fault_disarm());
    cr_assert_not(oro_fault_disarm());
    oro_fault_arm(1);
    cr_assert_null(oro_try_realloc(a, 100));
    cr_assert(oro_fault_disarm());
    oro_fault_arm(3);
    a = oro_try_realloc(a, 100); /* still there, and one call only */
    cr_assert_not_null(a);
    cr_assert_not(oro_fault_disarm());
    oro_free(a);
    oro_free(c);
}

Test(mem, impossible_size_is_null)
{
    volatile size_t size = SIZE_MAX / 4;
    oro_fault_arm(1); /* the sanitizer's allocator would end the process on such a size */
    cr_assert_null(oro_try_alloc(size));
    oro_fault_disarm();
}

Test(mem, grow_keeps_what_is_there)
{
    int *a = NULL;
    size_t cap = 0;
    for (int i = 0; i < 1000; i++) {
        a = oro_grow(a, (size_t)i, &cap, sizeof(*a));
        cr_assert_gt(cap, (size_t)i);
        a[i] = i;
    }
    for (int i = 0; i < 1000; i++)
        cr_assert_eq(a[i], i);
    oro_free(a);
}

Test(arena, blocks_do_not_overlap_and_are_aligned)
{
    enum { N = 3000 };
    static unsigned char *p[N];
    static size_t size[N];
    struct oro_arena a;
    oro_arena_init(&a);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < N; i++) {
            size[i] = i % 500 == 3 ? 300000 : (size_t)(i * 37) % 700;
            p[i] = oro_arena_alloc(&a, size[i]);
            cr_assert_eq((uintptr_t)p[i] % 16, 0);
            memset(p[i], i & 255, size[i]);
        }
        for (int i = 0; i < N; i++) {
            for (size_t j = 0; j < size[i]; j++)
                cr_assert_eq(p[i][j], i & 255);
        }
        oro_arena_reset(&a);
    }
    oro_arena_fini(&a);
    oro_arena_fini(&a);
}

Test(arena, reset_gives_the_same_memory_again)
{
    struct oro_arena a = {0};
    oro_arena_reset(&a); /* of nothing */
    void *first = oro_arena_alloc(&a, 100);
    oro_arena_alloc(&a, 100);
    oro_arena_reset(&a);
    cr_assert_eq(oro_arena_alloc(&a, 100), first);
    oro_arena_fini(&a);
}

Test(arena, first_allocation_may_be_large)
{
    struct oro_arena a = {0};
    char *big = oro_arena_alloc(&a, 1 << 20);
    char *small = oro_arena_alloc(&a, 16);
    memset(big, 1, 1 << 20);
    memset(small, 2, 16);
    cr_assert_eq(big[(1 << 20) - 1], 1);
    oro_arena_reset(&a);
    memset(oro_arena_alloc(&a, 1 << 20), 1, 1 << 20);
    oro_arena_reset(&a);
    memset(oro_arena_alloc(&a, 10), 1, 10);
    oro_arena_fini(&a);
}

Test(assert, failing_aborts, .signal = SIGABRT)
{
    volatile int one = 1;
    ORO_ASSERT(one == 1);
    ORO_ASSERT(one == 2);
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SHADOWED
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SHADOWED
#endif
#endif

#ifndef SHADOWED /* shadows are in the way of the limit */
/* What we owe goes on with what was aside; what a stranger asks for is refused until the system has some again. */
Test(mem, what_is_aside_is_for_those_who_cannot_be_refused)
{
    enum { MIB = 1 << 20, SIZE = 32 * MIB, BLOCKS = 4096 };
    static void *blocks[BLOCKS];
    unsigned n = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    long pages = 0;
    cr_assert_eq(fscanf(f, "%ld", &pages), 1);
    fclose(f);
    oro_memory_reserve(SIZE);
    cr_assert_not(oro_memory_low());
    rlim_t most = (rlim_t)pages * 4096 + 3 * (rlim_t)SIZE;
    cr_assert_eq(setrlimit(RLIMIT_AS, &(struct rlimit){most, most}), 0);
    while (n < BLOCKS && (blocks[n] = oro_try_alloc(MIB)) != NULL)
        n++;
    cr_assert(n < BLOCKS && n > 0 && !oro_memory_low(), "%u", n);
    for (unsigned i = 0; i < 8; i++)
        blocks[n++] = oro_alloc(MIB); /* would have been the end */
    cr_assert(oro_memory_low());
    cr_assert_null(oro_try_alloc(64 << 10));
    void *small = oro_try_alloc(100);
    cr_assert_not_null(small);
    oro_free(small);
    while (n > 0)
        oro_free(blocks[--n]);
    cr_assert_not(oro_memory_low());
    void *p = oro_try_alloc(MIB);
    cr_assert_not_null(p);
    oro_free(p);
}
#endif
