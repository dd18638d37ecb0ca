/* Allocation over the C library's, so that the sanitizers see every block.
 *
 * The arena is a list of blocks, newest first; memory is cut from the first one. A request too large for a block gets
 * one of its own, put second, so that what is left of the first stays in use. */
#include "runtime/base/mem.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "runtime/base/assert.h"
#include "runtime/base/die.h"

static _Thread_local int fault_left; /* calls until one fails; 0: not armed */
static _Thread_local bool fault_fired;

ORO_NORETURN static void
no_memory(void)
{
    static const char text[] = "orochi: out of memory\n";
    oro_die(text, sizeof(text) - 1);
}

/* ---- what is kept aside ---- */

#define SMALL ((size_t)64 << 10)

static _Atomic(void *) aside; /* nobody has touched it: it takes no memory, but room */
static atomic_bool low;
static size_t aside_size;

void
oro_memory_reserve(size_t bytes)
{
    ORO_ASSERT(aside_size == 0);
    aside_size = bytes;
    atomic_store(&aside, malloc(bytes));
}

bool
oro_memory_spend(void)
{
    void *p = atomic_exchange(&aside, NULL);
    if (p == NULL)
        return false;
    atomic_store(&low, true);
    free(p);
    return true;
}

/* Keeps it aside again if there is twice as much. */
static bool
still_low(void)
{
    void *twice = malloc(2 * aside_size), *none = NULL;
    free(twice);
    void *p = twice != NULL ? malloc(aside_size) : NULL;
    if (p == NULL)
        return true;
    if (!atomic_compare_exchange_strong(&aside, &none, p))
        free(p);
    atomic_store(&low, false);
    return false;
}

bool
oro_memory_low(void)
{
    return ORO_UNLIKELY(atomic_load_explicit(&low, memory_order_relaxed)) && still_low();
}

/* Only while `p` is NULL: again with what was aside, else the end. */
#define CHECKED(p, again)                \
    do {                                 \
        if (ORO_UNLIKELY((p) == NULL)) { \
            if (oro_memory_spend())      \
                (p) = (again);           \
            if ((p) == NULL)             \
                no_memory();             \
        }                                \
    } while (0)

void *
oro_alloc(size_t size)
{
    size = size > 0 ? size : 1;
    void *p = malloc(size);
    CHECKED(p, malloc(size));
    return p;
}

void *
oro_calloc(size_t n, size_t size)
{
    if (n == 0 || size == 0)
        n = size = 1;
    void *p = calloc(n, size);
    CHECKED(p, calloc(n, size));
    return p;
}

void *
oro_realloc(void *p, size_t size)
{
    size = size > 0 ? size : 1;
    void *more = realloc(p, size);
    CHECKED(more, realloc(p, size));
    return more;
}

void *
oro_aligned_alloc(size_t align, size_t size)
{
    void *p = NULL;
    if (align < sizeof(void *))
        align = sizeof(void *);
    if (size == 0)
        size = 1;
    if (posix_memalign(&p, align, size) != 0 &&
        (!oro_memory_spend() || posix_memalign(&p, align, size) != 0))
        no_memory();
    memset(p, 0, size);
    return p;
}

static void *
pages(size_t size)
{
    void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return p != MAP_FAILED ? p : NULL;
}

void *
oro_map_pages(size_t size)
{
    void *p = pages(size);
    CHECKED(p, pages(size));
    return p;
}

static bool
fault_now(void)
{
    if (ORO_LIKELY(fault_left == 0) || --fault_left > 0)
        return false;
    fault_fired = true;
    return true;
}

/* Small requests have what is left, so that somebody can ask what is wrong, or delete something. */
static bool
is_refused(size_t size)
{
    return size >= SMALL && oro_memory_low();
}

void *
oro_try_alloc(size_t size)
{
    return fault_now() || is_refused(size) ? NULL : malloc(size > 0 ? size : 1);
}

void *
oro_try_realloc(void *p, size_t size)
{
    return fault_now() || is_refused(size) ? NULL : realloc(p, size > 0 ? size : 1);
}

void
oro_fault_arm(int n)
{
    ORO_ASSERT(n >= 1);
    fault_left = n;
    fault_fired = false;
}

bool
oro_fault_disarm(void)
{
    bool fired = fault_fired;
    fault_left = 0;
    fault_fired = false;
    return fired;
}

char *
oro_strdup(const char *s)
{
    return oro_strndup(s, strlen(s));
}

char *
oro_strndup(const char *s, size_t n)
{
    char *copy = oro_alloc(n + 1);
    if (n > 0)
        memcpy(copy, s, n);
    copy[n] = '\0';
    return copy;
}

char *
oro_asprintf(const char *fmt, ...)
{
    char *text = NULL;
    va_list ap;
    va_start(ap, fmt);
    int n = vasprintf(&text, fmt, ap);
    va_end(ap);
    if (n < 0)
        no_memory();
    return text;
}

void
oro_free(void *p)
{
    free(p);
}

void *
oro_grow(void *array, size_t n, size_t *cap, size_t elem_size)
{
    if (n < *cap)
        return array;
    size_t want = *cap < 8 ? 8 : *cap * 2;
    if (want <= n)
        want = n + 1;
    ORO_ASSERT(elem_size == 0 || want <= SIZE_MAX / elem_size);
    array = oro_realloc(array, want * elem_size);
    *cap = want;
    return array;
}

bool
oro_try_grow(void **array, size_t n, size_t *cap, size_t elem_size)
{
    size_t want = *cap < 8 ? 8 : *cap * 2;
    if (n < *cap)
        return true;
    if (want <= n)
        want = n + 1;
    if (want > SIZE_MAX / elem_size)
        return false;
    void *grown = oro_try_realloc(*array, want * elem_size);
    if (grown == NULL)
        return false;
    *array = grown;
    *cap = want;
    return true;
}

/* A control group's limit, or UINT64_MAX: there is none ("max"), or no such file. */
static uint64_t
group_limit(const char *path)
{
    unsigned long long n = 0;
    FILE *f = fopen(path, "re");
    bool found = f != NULL && fscanf(f, "%llu", &n) == 1 && n > 0;
    if (f != NULL)
        fclose(f);
    return found ? n : UINT64_MAX;
}

uint64_t
oro_machine_memory(void)
{
    static const char *const files[] = {"/sys/fs/cgroup/memory.max",
                                        "/sys/fs/cgroup/memory/memory.limit_in_bytes"};
    long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);
    uint64_t least = pages > 0 && size > 0 ? (uint64_t)pages * (uint64_t)size : (uint64_t)1 << 30;
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        uint64_t limit = group_limit(files[i]);
        if (limit < least)
            least = limit;
    }
    return least;
}

/* ---- arena ---- */

#define ARENA_FIRST ((size_t)4096)
#define ARENA_LARGEST ((size_t)256 * 1024)
#define ARENA_ALIGN _Alignof(max_align_t)

struct oro_arena_block {
    struct oro_arena_block *next;
    size_t cap;
    _Alignas(max_align_t) char data[];
};

void
oro_arena_init(struct oro_arena *a)
{
    *a = (struct oro_arena){0};
}

static struct oro_arena_block *
block_new(size_t cap)
{
    struct oro_arena_block *b = oro_alloc(sizeof(*b) + cap);
    b->next = NULL;
    b->cap = cap;
    return b;
}

static void *
arena_alloc_slow(struct oro_arena *a, size_t size)
{
    if (size > ARENA_LARGEST / 4) {
        struct oro_arena_block *own = block_new(size);
        a->size += size;
        if (a->head == NULL) {
            a->head = own;
            a->at = a->end = own->data + own->cap;
        } else {
            own->next = a->head->next;
            a->head->next = own;
        }
        return own->data;
    }
    size_t cap = a->head == NULL ? ARENA_FIRST : a->head->cap * 2;
    if (cap > ARENA_LARGEST)
        cap = ARENA_LARGEST;
    while (cap < size)
        cap *= 2;
    struct oro_arena_block *b = block_new(cap);
    a->size += cap;
    b->next = a->head;
    a->head = b;
    a->at = b->data + size;
    a->end = b->data + cap;
    return b->data;
}

void *
oro_arena_alloc(struct oro_arena *a, size_t size)
{
    ORO_ASSERT(size <= SIZE_MAX / 2);
    size = (size + ARENA_ALIGN - 1) & ~(ARENA_ALIGN - 1);
    if (size == 0)
        size = ARENA_ALIGN;
    if (ORO_UNLIKELY((size_t)(a->end - a->at) < size))
        return arena_alloc_slow(a, size);
    void *p = a->at;
    a->at += size;
    return p;
}

static void
blocks_free(struct oro_arena_block *b)
{
    while (b != NULL) {
        struct oro_arena_block *next = b->next;
        oro_free(b);
        b = next;
    }
}

void
oro_arena_reset(struct oro_arena *a)
{
    struct oro_arena_block *keep = a->head;
    if (keep == NULL)
        return;
    /* One huge call must not hold its memory for the life of the arena. */
    if (keep->cap > ARENA_LARGEST) {
        oro_arena_fini(a);
        return;
    }
    blocks_free(keep->next);
    keep->next = NULL;
    a->size = keep->cap;
    a->at = keep->data;
    a->end = keep->data + keep->cap;
}

void
oro_arena_fini(struct oro_arena *a)
{
    blocks_free(a->head);
    *a = (struct oro_arena){0};
}
