/* tests/fuzz/steps.h - counts what code does, for tests of its cost: every basic block that it enters (it is compiled with
 * -fsanitize-coverage=trace-pc), and 16 bytes that it moves, compares or searches as one more. Included in front of each of
 * its files. */
#ifndef ORO_TESTS_FUZZ_STEPS_H
#define ORO_TESTS_FUZZ_STEPS_H

#include <stdint.h>
#include <string.h>

extern uint64_t oro_steps;

static inline void *
steps_memcpy(void *to, const void *from, size_t n)
{
    oro_steps += n / 16;
    return memcpy(to, from, n);
}

static inline void *
steps_memmove(void *to, const void *from, size_t n)
{
    oro_steps += n / 16;
    return memmove(to, from, n);
}

static inline int
steps_memcmp(const void *a, const void *b, size_t n)
{
    oro_steps += n / 16;
    return memcmp(a, b, n);
}

static inline void *
steps_memchr(const void *p, int c, size_t n)
{
    void *found = memchr(p, c, n);
    oro_steps += (found != NULL ? (size_t)((char *)found - (const char *)p) : n) / 16;
    return found;
}

#define memcpy steps_memcpy
#define memmove steps_memmove
#define memcmp steps_memcmp
#define memchr steps_memchr

#endif
