/* Arenas of Python's memory: disjoint, reused where it keeps huge pages whole, and given back. */
#include <criterion/criterion.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "bridge/host/arena.h"
#include "runtime/base/mem.h"

#define MIB ((size_t)1 << 20)
#define N 200

static void *arenas[N];

static void
take(int i)
{
    arenas[i] = oro_pyarena_alloc(NULL, MIB);
    cr_assert_not_null(arenas[i]);
    memset(arenas[i], i, MIB);
}

static void
give(int i)
{
    const unsigned char *p = arenas[i];
    for (size_t at = 0; at < MIB; at += 4096)
        cr_assert_eq(p[at], (unsigned char)i, "arena %d was written by another", i);
    oro_pyarena_free(NULL, arenas[i], MIB);
    arenas[i] = NULL;
}

Test(arena, memory_is_given_back)
{
    struct oro_pyarena_stats s;
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < N; i++)
            take(i);
        oro_pyarena_stats(&s);
        cr_assert_eq(s.used, N * MIB);
        cr_assert_lt(s.mapped, (N + 64) * MIB, "chunks are filled before there is another");
        for (int i = 0; i < N; i++)
            give(round == 1 ? N - 1 - i : i);
        oro_pyarena_stats(&s);
        cr_assert_eq(s.used, 0);
        cr_assert_leq(s.kept, 8 * MIB);
        cr_assert_leq(s.mapped, 4 * 32 * MIB);
    }
}

Test(arena, a_page_in_use_is_filled_first)
{
    struct oro_pyarena_stats s;
    for (int i = 0; i < 8; i++)
        take(i);
    void *second = arenas[5];
    give(2);
    give(3); /* a page of its own, free and warm */
    give(5); /* half of one */
    take(9);
    cr_assert_eq(arenas[9], second);
    oro_pyarena_stats(&s);
    cr_assert_eq(s.kept, 2 * MIB);
    take(10); /* before a cold one */
    take(11);
    oro_pyarena_stats(&s);
    cr_assert_eq(s.kept, 0);
    cr_assert_eq(s.used, 8 * MIB);
}

/* Bytes of anonymous memory that the process has. */
static size_t
resident(void)
{
    char line[256];
    size_t kib = 0, sum = 0;
    FILE *f = fopen("/proc/self/smaps_rollup", "r");
    while (f != NULL && fgets(line, sizeof(line), f) != NULL)
        if (sscanf(line, "Anonymous: %zu kB", &kib) == 1)
            sum += kib * 1024;
    if (f != NULL)
        fclose(f);
    return sum;
}

Test(arena, every_other_one_is_freed)
{
    struct oro_pyarena_stats s;
    for (int i = 0; i < N; i++)
        take(i);
    size_t full = resident();
    for (int i = 0; i < N; i += 2)
        give(i);
    oro_pyarena_stats(&s);
    cr_assert_leq(s.kept, 8 * MIB, "halves of pages are idle memory, too");
    cr_assert_lt(resident(), full - (N / 2 - 16) * MIB);
    for (int i = 1; i < N; i += 2)
        give(i);
    for (int i = 0; i < N; i++)
        take(i);
    for (int i = 0; i < N; i++)
        give(i);
    oro_pyarena_stats(&s);
    cr_assert_eq(s.used, 0);
}

Test(arena, any_order)
{
    struct oro_pyarena_stats s;
    unsigned seed = 1, live = 0;
    for (int step = 0; step < 3000; step++) {
        seed = seed * 1103515245 + 12345;
        int i = (int)(seed >> 16) % N;
        if (arenas[i] == NULL)
            take(i), live++;
        else
            give(i), live--;
        oro_pyarena_stats(&s);
        cr_assert_eq(s.used, live * MIB);
        cr_assert_leq(s.kept, 8 * MIB);
    }
}

Test(arena, other_sizes_are_mapped_alone)
{
    struct oro_pyarena_stats s;
    void *p = oro_pyarena_alloc(NULL, 256 * 1024), *q = oro_pyarena_alloc(NULL, 4 * MIB);
    memset(p, 1, 256 * 1024);
    memset(q, 1, 4 * MIB);
    oro_pyarena_stats(&s);
    cr_assert_eq(s.used + s.mapped, 0);
    oro_pyarena_free(NULL, p, 256 * 1024);
    oro_pyarena_free(NULL, q, 4 * MIB);
}

static void *
churn(void *arg)
{
    unsigned char mark = (unsigned char)(uintptr_t)arg;
    for (int round = 0; round < 200; round++) {
        unsigned char *p[5];
        for (int i = 0; i < 5; i++) {
            p[i] = oro_pyarena_alloc(NULL, MIB);
            p[i][0] = p[i][MIB - 1] = mark;
        }
        for (int i = 0; i < 5; i++) {
            cr_assert(p[i][0] == mark && p[i][MIB - 1] == mark);
            oro_pyarena_free(NULL, p[i], MIB);
        }
    }
    return NULL;
}

Test(arena, interpreters_at_once)
{
    pthread_t t[4];
    struct oro_pyarena_stats s;
    for (uintptr_t i = 0; i < 4; i++)
        cr_assert_eq(pthread_create(&t[i], NULL, churn, (void *)(i + 1)), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(t[i], NULL);
    oro_pyarena_stats(&s);
    cr_assert_eq(s.used, 0);
}
