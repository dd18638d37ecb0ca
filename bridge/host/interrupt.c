/* bridge/host/interrupt.c - ending the author's code that runs too long: a reducer, an import, what an old version does at its
 * end. Any thread asks for it by the generation of what it means to end; the interpreter's loop raises ReducerTimeout. */
#include <unistd.h>

#include "bridge/host/runtime_priv.h"
#include "runtime/base/clock.h"
#include "runtime/base/log.h"

/* An import that does not end is interrupted like a reducer. */
void
oro_py_import_begin(struct oro_py *py)
{
    oro_py_run_anew(py);
}

void
oro_py_import_end(struct oro_py *py)
{
    oro_py_run_end(py);
}

#define END_LATE                                                                               \
    "what the old version of the module does at its end takes too long: __del__, finally and " \
    "weakref.finalize must not wait"

#define MAP_LATE                                                                                  \
    "@migration hooks have altogether run longer than reducer.init_timeout_ms allows: raise it, " \
    "or do less for each row"

void
oro_py_map_begin(struct oro_py *py)
{
    oro_py_import_begin(py);
    py->mapping = true;
}

void
oro_py_map_end(struct oro_py *py)
{
    py->mapping = false;
    oro_py_import_end(py);
}

void
oro_py_end_begin(struct oro_py *py)
{
    oro_py_import_begin(py);
    py->ending = true;
}

void
oro_py_end_end(struct oro_py *py)
{
    py->ending = false;
    if (py->hits > 0) /* what it raised went into a destructor, which passes nothing on */
        oro_log_limited(ORO_LOG_WARN, "module", END_LATE);
    oro_py_import_end(py);
}

#define WORDS_BEGIN_US 100000
#define POLITE 3 /* interruptions that a reducer may answer with handlers and finally blocks */

bool
oro_py_pend(struct oro_py *py, int (*fn)(void *), void *arg)
{
    if (oro_py_rt.add_pending == NULL)
        return false;
    (void)oro_py_rt.add_pending(py->interp, fn, arg, 0); /* full: enough are on their way already */
    return true;
}

/* Runs on the worker's thread, inside the interpreter loop (in the main interpreter perhaps on a thread of the module's: the next
 * one may find the right thread). A late one finds another generation and does nothing. One that comes while the traceback is
 * written would spoil it. */
static int
raise_timeout(void *arg)
{
    struct oro_py *py = arg;
    if (oro_py_here == py && atomic_load_explicit(&py->db.abandoned, memory_order_acquire))
        oro_py_sleep_for_ever();
    if (oro_py_here != py || !atomic_load_explicit(&py->in_reducer, memory_order_relaxed) ||
        atomic_load_explicit(&py->interrupt, memory_order_acquire) !=
            atomic_load_explicit(&py->generation, memory_order_relaxed))
        return 0;
    if (py->grace_us != 0) {
        if (oro_py_words_us() < py->grace_us)
            return 0;
        /* A __str__ that does not end; without it the rest is said soon. */
        py->grace_us = oro_py_words_us() + ORO_PY_WORDS_US;
        PyErr_SetString(py->e_timeout, "the exception's text takes too long");
        return -1;
    }
    /* Of an import the first ones keep a distance, so that it can be said where it was. */
    if (oro_db_running != &py->db && py->hits < POLITE) {
        if (py->hits > 0 && oro_mono_us() - py->hit_us < WORDS_BEGIN_US)
            return 0;
        py->hit_us = oro_mono_us();
    }
    /* `while True: try: ... except: pass` swallows one at a time. Raised at every step, the exception is also raised outside of
     * the try block, where the loop jumps back. */
    if (++py->hits >= POLITE)
        (void)oro_py_pend(py, raise_timeout, py);
    PyErr_SetString(py->e_timeout, oro_db_running == &py->db
                                       ? "the reducer ran longer than its limit"
                                   : py->asked != NULL ? "the procedure ran longer than its limit"
                                   : py->ending        ? END_LATE
                                   : py->mapping       ? MAP_LATE
                                                       : ORO_PY_IMPORT_LATE);
    return -1;
}

int
oro_py_look(struct oro_py *py)
{
    return raise_timeout(py);
}

static void
raise_async(struct oro_py *py)
{
    PyThreadState *ts = PyThreadState_New(py->interp);
    if (ts == NULL)
        return;
    PyEval_RestoreThread(ts); /* waits for the loop's next switch */
    if (atomic_load(&py->in_reducer) && atomic_load(&py->interrupt) == atomic_load(&py->generation))
        PyThreadState_SetAsyncExc(py->ts->thread_id, py->e_timeout);
    PyThreadState_Clear(ts);
    PyThreadState_DeleteCurrent();
}

void
oro_py_abandon(struct oro_py *py)
{
    atomic_store(&py->db.abandoned, true);
    (void)oro_py_pend(py, raise_timeout, py);
}

void
oro_py_interrupt(struct oro_py *py, uint64_t generation)
{
    atomic_store_explicit(&py->interrupt, generation, memory_order_release);
    if (!oro_py_pend(py, raise_timeout, py))
        raise_async(py);
}

void
oro_py_sleep_for_ever(void)
{
    for (;;)
        pause();
}
