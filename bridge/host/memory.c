/* bridge/host/memory.c - a limit for what the Python code of one worker may allocate, and what its calls make the store hold.
 *
 * Two allocators see all of it: RAW, which also gets every request above 512 bytes, and the one of arenas, which small objects lie
 * in. They are wrapped, and only where there is a limit. Each thread has a meter of its own: an interpreter allocates on its
 * worker's thread. What is freed on another one (a thread state now and then) makes the numbers a little wrong, no more.
 *
 * An allocation that fails is the cleanest end of a call, but not every place of CPython survives one (field-notes.md, "Memory
 * cap"). So there are three steps. Above the limit, a request of 1 MiB or more is refused; a smaller one, and an arena, is granted,
 * and a MemoryError is raised in the interpreter's loop. At twice the limit that error comes at every step, and everything is
 * refused: code in C that takes small pieces without end never comes back to the loop. */
#include <malloc.h>

#include "bridge/host/memory_priv.h"
#include "bridge/host/procedure_priv.h" // over

#define LARGE ((size_t)1 << 20)
#define HARD 2 /* times the limit: everything is refused */

struct oro_py_meter {
    struct oro_py *py;
    int64_t used;
    int64_t held; /* for this call, outside of Python: oro_py_memory_room */
    bool pending; /* a MemoryError is on its way */
    bool met;     /* the limit, in this call */
};

static _Thread_local struct oro_py_meter meter;

static struct {
    int64_t limit;
    PyMemAllocatorEx raw;
    PyObjectArenaAllocator arena;
} below;

/* Whether the author's code that runs here has the limit: a reducer, a view, a handler, and a procedure, which is none of them
 * outside of its transactions. What is over is being cleared away. An import has none. */
static bool
has_limit(struct oro_py *py)
{
    return oro_py_hits(py) ||
           (oro_py_here == py && py->asked != NULL && !py->asked->over &&
            atomic_load_explicit(&py->in_reducer, memory_order_relaxed));
}

/* Runs in the interpreter's loop. */
static int
raise_memory(void *arg)
{
    struct oro_py *py = arg;
    if (oro_py_here != py)
        return 0;
    meter.pending = false;
    if (!has_limit(py) || py->grace_us != 0 ||
        (meter.used + meter.held <= below.limit && !oro_memory_low()))
        return 0;
    if (meter.used + meter.held > below.limit * HARD)
        meter.pending = oro_py_pend(py, raise_memory, py);
    PyErr_SetString(
        PyExc_MemoryError,
        "the worker's Python objects, with the rows of this call, take too much memory");
    return -1;
}

/* False: n more bytes are refused. */
static bool
may_have(size_t n, bool arena)
{
    if (meter.used + meter.held + (int64_t)n <= below.limit || !has_limit(meter.py))
        return true;
    meter.met = true;
    if (n >= LARGE && !arena)
        return false;
    if (meter.py->grace_us != 0)
        return true; /* the error is put into words */
    if (meter.used + meter.held + (int64_t)n > below.limit * HARD)
        return false;
    if (!meter.pending)
        meter.pending = oro_py_pend(meter.py, raise_memory, meter.py);
    return true;
}

/* The system has nothing: what is aside, for something small, since CPython does not survive each failure of that; and the call
 * ends. */
static bool
spend(void)
{
    if (!oro_memory_spend())
        return false;
    if (meter.py != NULL && has_limit(meter.py) && !meter.pending)
        meter.pending = oro_py_pend(meter.py, raise_memory, meter.py);
    return true;
}

static inline void *
taken(void *p)
{
    if (p != NULL)
        meter.used += (int64_t)malloc_usable_size(p);
    return p;
}

static void *
raw_malloc(void *ctx, size_t n)
{
    if (meter.py == NULL)
        return below.raw.malloc(ctx, n);
    if (!may_have(n, false))
        return NULL;
    void *p = below.raw.malloc(ctx, n);
    if (p == NULL && n < LARGE && spend())
        p = below.raw.malloc(ctx, n);
    return taken(p);
}

static void *
raw_calloc(void *ctx, size_t n, size_t size)
{
    size_t all;
    if (meter.py == NULL)
        return below.raw.calloc(ctx, n, size);
    if (__builtin_mul_overflow(n, size, &all) || !may_have(all, false))
        return NULL;
    void *p = below.raw.calloc(ctx, n, size);
    if (p == NULL && all < LARGE && spend())
        p = below.raw.calloc(ctx, n, size);
    return taken(p);
}

static void *
raw_realloc(void *ctx, void *old, size_t n)
{
    if (meter.py == NULL)
        return below.raw.realloc(ctx, old, n);
    size_t had = old != NULL ? malloc_usable_size(old) : 0;
    if (n > had && !may_have(n - had, false))
        return NULL;
    void *p = below.raw.realloc(ctx, old, n);
    if (p == NULL && n < LARGE && spend())
        p = below.raw.realloc(ctx, old, n);
    if (p != NULL)
        meter.used -= (int64_t)had;
    return taken(p);
}

static void
raw_free(void *ctx, void *p)
{
    if (meter.py != NULL && p != NULL)
        meter.used -= (int64_t)malloc_usable_size(p);
    below.raw.free(ctx, p);
}

static void *
arena_alloc(void *ctx, size_t n)
{
    if (meter.py != NULL && !may_have(n, true))
        return NULL;
    void *p = below.arena.alloc(ctx, n);
    if (p == NULL && spend())
        p = below.arena.alloc(ctx, n);
    if (p != NULL && meter.py != NULL)
        meter.used += (int64_t)n;
    return p;
}

static void
arena_free(void *ctx, void *p, size_t n)
{
    if (meter.py != NULL)
        meter.used -= (int64_t)n;
    below.arena.free(ctx, p, n);
}

/* What was allocated before goes the same way when it is freed, so this may come after Python has started. */
void
oro_py_memory_install(size_t limit)
{
    ORO_ASSERT(below.limit == 0);
    below.limit = (int64_t)limit;
    PyMem_GetAllocator(PYMEM_DOMAIN_RAW, &below.raw);
    PyObject_GetArenaAllocator(&below.arena);
    PyMemAllocatorEx raw = {below.raw.ctx, raw_malloc, raw_calloc, raw_realloc, raw_free};
    PyObjectArenaAllocator arena = {below.arena.ctx, arena_alloc, arena_free};
    PyMem_SetAllocator(PYMEM_DOMAIN_RAW, &raw);
    PyObject_SetArenaAllocator(&arena);
}

void
oro_py_memory_open(struct oro_py *py)
{
    if (below.limit > 0)
        meter = (struct oro_py_meter){.py = py};
}

void
oro_py_memory_close(struct oro_py *py)
{
    meter = (struct oro_py_meter){0};
}

bool
oro_py_memory_room(uint64_t held, uint64_t more)
{
    if (meter.py == NULL)
        return true;
    meter.held = held < INT64_MAX / 4 ? (int64_t)held : INT64_MAX / 4;
    if (more < INT64_MAX / 4 && meter.used + meter.held + (int64_t)more <= below.limit)
        return true;
    meter.met = true;
    return false;
}

bool
oro_py_memory_fits(size_t more)
{
    return oro_py_memory_room((uint64_t)meter.held, more);
}

void
oro_py_memory_words(struct oro_bb *out)
{
    if (meter.met)
        oro_bb_printf(out, "\n(met reducer.memory_limit_mb = %lld)",
                      (long long)(below.limit >> 20));
}

void
oro_py_memory_relax(struct oro_py *py)
{
    if (ORO_UNLIKELY(meter.met)) {
        meter.met = meter.pending = false;
        PyGC_Collect(); /* frames and exceptions hold what the call made */
    }
    meter.held = 0;
    atomic_store_explicit(&py->python_memory, meter.used, memory_order_relaxed);
}
