/* bridge/codec/huge.c - huge pages for what is long: fewer faults when it is first written. */
#include "bridge/codec/huge.h"

#include <stdint.h>
#include <sys/mman.h>

#define PAGE ((size_t)2 << 20)
#define LEAST ((size_t)32 << 20)

void
oro_huge_advise(void *p, size_t n)
{
    char *from = (char *)(((uintptr_t)p + PAGE - 1) & ~(uintptr_t)(PAGE - 1));
    if (n >= LEAST)
        (void)madvise(from, (n - (size_t)(from - (char *)p)) & ~(PAGE - 1), MADV_HUGEPAGE);
}
