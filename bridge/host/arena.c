/* bridge/host/arena.c - arenas of Python's small-object allocator out of huge pages.
 *
 * CPython maps each arena (1 MiB) by itself and unmaps it when it is empty, so the first touch of every 4 KiB is a fault: 1.5
 * us on the virtual machine we measured on, which is more than making the dozen objects that fit costs. Here arenas are cut
 * from chunks of 32 MiB for which huge pages are asked: 512 times fewer faults, and the same memory is cleared in a fifth of
 * the time (an object list of 270 bytes an item: 105 + 20 ns an item for faults and unmapping became 15 + 1).
 *
 *     chunk  | page 0      | page 1      | ...      | page 15     |   32 MiB, aligned to its size
 *            | arena arena | arena arena |          | arena arena |
 *
 *     arena: cold (no memory) -> in use -> warm (free, its memory kept) -> in use, or cold when KEEP others are warm
 *
 * A warm arena beside one in use is taken first, and whole pages are made cold first, so that pages are seldom split, and no more
 * than KEEP arenas lie idle. A chunk without memory is unmapped. There are few chunks, and one arena lasts for ten thousand
 * objects, so they are searched in order. */
#include "bridge/host/arena.h"

#include <pthread.h>
#include <sys/mman.h>

#include "bridge/codec/python.h"
#include "runtime/base/assert.h"
#include "runtime/base/mem.h"

#define ARENA ((size_t)1 << 20)
#define PAGE (2 * ARENA)
#define PAGES 16
#define CHUNK (PAGES * PAGE)
#define KEEP \
    4 /* warm pages without arenas: 8 MiB, so that a program that breathes does not fault each time */

struct chunk {
    char *base;
    uint32_t used, warm; /* a bit for each arena; warm ones are free */
};

/* Interpreters have a lock each, so this one is needed. */
static struct {
    pthread_mutex_t lock;
    struct chunk *chunks;
    size_t n, cap;
    unsigned kept; /* warm arenas */
} heap = {.lock = PTHREAD_MUTEX_INITIALIZER};

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

/* How good it is to take arena i: 4 warm beside one in use, 3 warm, 2 cold beside one in use, 1 cold. 0: it is in use. */
static int
rank_of(const struct chunk *c, unsigned i)
{
    if (c->used >> i & 1)
        return 0;
    return 1 + 2 * (int)(c->warm >> i & 1) + (int)(c->used >> (i ^ 1) & 1);
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
take_arena(struct chunk *c, unsigned i)
{
    uint32_t bit = (uint32_t)1 << i;
    heap.kept -= (c->warm & bit) != 0;
    c->warm &= ~bit;
    c->used |= bit;
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
    unsigned at = 0;
    int best = 0;
    if (size != ARENA)
        return map_single(size);
    pthread_mutex_lock(&heap.lock);
    for (size_t i = 0; i < heap.n; i++)
        for (unsigned k = 0; k < 2 * PAGES && best < 4; k++) {
            int rank = rank_of(&heap.chunks[i], k);
            if (rank > best) {
                best = rank;
                from = &heap.chunks[i];
                at = k;
            }
        }
    if (from == NULL)
        from = add_chunk();
    void *p = from != NULL ? take_arena(from, at) : NULL;
    pthread_mutex_unlock(&heap.lock);
    return p != NULL ? p : map_single(size);
}

/* Gives the memory of warm arenas back; the chunk, too, if it was the last. */
static void
cool(struct chunk *c, uint32_t arenas)
{
    unsigned first = (unsigned)__builtin_ctz(arenas), n = (unsigned)__builtin_popcount(arenas);
    heap.kept -= n;
    c->warm &= ~arenas;
    if ((c->warm | c->used) == 0) {
        munmap(c->base, CHUNK);
        *c = heap.chunks[--heap.n];
    } else {
        (void)madvise(c->base + first * ARENA, n * ARENA, MADV_DONTNEED);
    }
}

/* Too many are warm: a whole page, or else arena i of c, which was freed last. */
static void
cool_one(struct chunk *c, unsigned i)
{
    for (size_t k = 0; k < heap.n; k++) {
        uint32_t whole = heap.chunks[k].warm & heap.chunks[k].warm >> 1 & 0x55555555u;
        if (whole != 0) {
            cool(&heap.chunks[k], (uint32_t)3 << __builtin_ctz(whole));
            return;
        }
    }
    cool(c, (uint32_t)1 << i);
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
        c->warm |= (uint32_t)1 << i;
        if (++heap.kept > KEEP)
            cool_one(c, i);
    } else {
        munmap(p, size);
    }
    pthread_mutex_unlock(&heap.lock);
}

void
oro_pyarena_stats(struct oro_pyarena_stats *out)
{
    *out = (struct oro_pyarena_stats){0};
    pthread_mutex_lock(&heap.lock);
    out->mapped = heap.n * CHUNK;
    out->kept = heap.kept * ARENA;
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
