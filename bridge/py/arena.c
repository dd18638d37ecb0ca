/* bridge/py/arena.c - arenas of Python's small-object allocator out of huge pages.
 *
 * CPython maps each arena (1 MiB) by itself and unmaps it when it is empty, so the first touch of every 4 KiB is a fault: 1.5
 * us on the virtual machine we measured on, which is more than making the dozen objects that fit costs. Here arenas are cut
 * from chunks of 32 MiB for which huge pages are asked: 512 times fewer faults, and the same memory is cleared in a fifth of
 * the time (an object list of 270 bytes an item: 105 + 20 ns an item for faults and unmapping became 15 + 1).
 *
 *     chunk  | page 0      | page 1      | ...      | page 15     |   32 MiB, aligned to its size
 *            | arena arena | arena arena |          | arena arena |
 *
 *     page:  cold (no memory) -> warm (an arena was handed out) -> cold (both arenas free, and KEEP others are kept warm)
 *
 * An arena is taken from the page that is in use already, else from a warm one, else from a cold one, so that at most half a page
 * lies idle beside what an interpreter asked for. A chunk without a warm page is unmapped. There are few chunks, and one arena
 * lasts for ten thousand objects, so they are searched in order. */
#include "bridge/py/arena.h"

#include <pthread.h>
#include <sys/mman.h>

#include "bridge/py/py_priv.h"

#define ARENA ((size_t)1 << 20)
#define PAGE (2 * ARENA)
#define PAGES 16
#define CHUNK (PAGES * PAGE)
#define KEEP \
    4 /* warm pages without arenas: 8 MiB, so that a program that breathes does not fault each time */

struct chunk {
    char *base;
    uint32_t used; /* a bit for each arena */
    uint16_t warm; /* a bit for each page */
};

/* Interpreters have a lock each, so this one is needed. */
static struct {
    pthread_mutex_t lock;
    struct chunk *chunks;
    size_t n, cap;
    unsigned kept; /* warm pages without arenas */
} heap = {.lock = PTHREAD_MUTEX_INITIALIZER};

static unsigned
arenas_of(const struct chunk *c, unsigned page)
{
    return c->used >> 2 * page & 3;
}

/* Reserves twice the size and gives the ends that are not aligned back. */
static char *
map_chunk(void)
{
    char *p = mmap(NULL, 2 * CHUNK, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED)
        return NULL;
    size_t before = (size_t)(-(uintptr_t)p & (CHUNK - 1));
    if (before > 0)
        munmap(p, before);
    munmap(p + before + CHUNK, CHUNK - before);
    (void)madvise(p + before, CHUNK, MADV_HUGEPAGE); /* without it all is as slow as it was */
    return p + before;
}

/* 2: a page in use has room, 1: a warm page is free, 0: a cold one. -1: all is taken. */
static int
best_page(const struct chunk *c, unsigned *page)
{
    int best = -1;
    for (unsigned i = 0; i < PAGES && best < 2; i++) {
        unsigned has = arenas_of(c, i);
        int rank = has == 3 ? -1 : has != 0 ? 2 : c->warm >> i & 1;
        if (rank > best) {
            best = rank;
            *page = i;
        }
    }
    return best;
}

static struct chunk *
add_chunk(void)
{
    char *base = map_chunk();
    if (base == NULL)
        return NULL;
    heap.chunks = oro_grow(heap.chunks, heap.n, &heap.cap, sizeof(*heap.chunks));
    heap.chunks[heap.n] = (struct chunk){.base = base};
    return &heap.chunks[heap.n++];
}

static void *
take_arena(struct chunk *c, unsigned page)
{
    unsigned has = arenas_of(c, page), i = 2 * page + (has & 1);
    if (has == 0 && (c->warm >> page & 1))
        heap.kept--;
    c->used |= (uint32_t)1 << i;
    c->warm |= (uint16_t)(1u << page);
    return c->base + i * ARENA;
}

static void *
map_single(size_t size)
{
    void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return p != MAP_FAILED ? p : NULL;
}

void *
oro_pyarena_alloc(void *ctx, size_t size)
{
    struct chunk *from = NULL;
    unsigned page = 0, at = 0;
    int best = -1;
    if (size != ARENA)
        return map_single(size);
    pthread_mutex_lock(&heap.lock);
    for (size_t i = 0; i < heap.n && best < 2; i++) {
        int rank = best_page(&heap.chunks[i], &at);
        if (rank > best) {
            best = rank;
            from = &heap.chunks[i];
            page = at;
        }
    }
    if (from == NULL)
        from = add_chunk();
    void *p = from != NULL ? take_arena(from, page) : NULL;
    pthread_mutex_unlock(&heap.lock);
    return p != NULL ? p : map_single(size);
}

/* The page has no arena any more. */
static void
release_page(struct chunk *c, unsigned page)
{
    if (heap.kept < KEEP) {
        heap.kept++;
        return;
    }
    c->warm &= (uint16_t) ~(1u << page);
    if (c->warm == 0) {
        munmap(c->base, CHUNK);
        *c = heap.chunks[--heap.n];
    } else {
        (void)madvise(c->base + page * PAGE, PAGE, MADV_DONTNEED);
    }
}

void
oro_pyarena_free(void *ctx, void *p, size_t size)
{
    char *base = (char *)((uintptr_t)p & ~(uintptr_t)(CHUNK - 1));
    struct chunk *c = NULL;
    pthread_mutex_lock(&heap.lock);
    for (size_t i = 0; i < heap.n && c == NULL; i++)
        if (heap.chunks[i].base == base)
            c = &heap.chunks[i];
    if (c != NULL && size == ARENA) {
        unsigned i = (unsigned)(((char *)p - base) / (ptrdiff_t)ARENA);
        ORO_ASSERT(c->used >> i & 1);
        c->used &= ~((uint32_t)1 << i);
        if (arenas_of(c, i / 2) == 0)
            release_page(c, i / 2);
    } else {
        munmap(p, size);
    }
    pthread_mutex_unlock(&heap.lock);
}

void
oro_pyarena_advise(void *p, size_t n)
{
    char *from = (char *)(((uintptr_t)p + PAGE - 1) & ~(uintptr_t)(PAGE - 1));
    if (n >= CHUNK)
        (void)madvise(from, (n - (size_t)(from - (char *)p)) & ~(PAGE - 1), MADV_HUGEPAGE);
}

void
oro_pyarena_stats(struct oro_pyarena_stats *out)
{
    *out = (struct oro_pyarena_stats){0};
    pthread_mutex_lock(&heap.lock);
    out->mapped = heap.n * CHUNK;
    out->kept = heap.kept * PAGE;
    for (size_t i = 0; i < heap.n; i++)
        out->used += (size_t)__builtin_popcount(heap.chunks[i].used) * ARENA;
    pthread_mutex_unlock(&heap.lock);
}

void
oro_pyarena_install(void)
{
    PyObjectArenaAllocator a = {.alloc = oro_pyarena_alloc, .free = oro_pyarena_free};
    PyObject_SetArenaAllocator(&a);
}
