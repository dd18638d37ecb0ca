/* bridge/host/interp_priv.h - one interpreter: its state, and how the author's code in it is interrupted.
 *
 * Everything belongs to one interpreter and is touched only by the thread that holds its GIL, except what is marked atomic.
 * struct oro_py is plain memory; its PyObject pointers are the state of the module `_orochi`, which visits and clears them. */
#ifndef ORO_HOST_INTERP_PRIV_H
#define ORO_HOST_INTERP_PRIV_H

#include "runtime/base/clock.h"
#include "bridge/db/db.h"
#include "bridge/host/bridge.h"

struct oro_pyparam {
    PyObject *name; /* kept */
    const struct oro_codec *codec;
};
enum oro_pyview { ORO_PYVIEW_NONE, ORO_PYVIEW_OPTION, ORO_PYVIEW_LIST, ORO_PYVIEW_QUERY };

struct oro_pyreducer {
    PyObject *fn;                   /* kept */
    const struct oro_codec *result; /* of a procedure; NULL: it is none */
    const char *name;
    struct oro_pyparam *params;
    unsigned nparams;
    bool takes_row, is_async;
    enum oro_pyview returns;     /* of a view */
    const struct oro_codec *row; /* of a view: one of its rows */
    PyObject *columns;           /* and their names; kept */
    struct oro_tally tally;
};

/* Of the type caches of converters. */
#define ORO_PY_COUNTERS(X) \
    X(cache_hits) X(cache_misses) X(cache_evictions) X(cache_expirations) X(cache_size)

#define ORO_PY_OBJECTS(X)                                                                      \
    X(e_reducer)                                                                               \
    X(e_schema)                                                                                \
    X(e_timeout) X(e_forbidden) X(refusal) X(chance_of) X(module_spec) X(make_asked) X(e_http) \
        X(loop)

/* The reducer has ended, and so long its exception may be put into words before that is interrupted, too; by a clock that hardly
 * goes on while others have the processor, since it is the author's code that is to be short. On the worker's thread. */
#define ORO_PY_WORDS_US 1000000
static inline int64_t
oro_py_words_us(void)
{
    return (int64_t)(oro_thread_cpu_ns() / 1000) + oro_mono_us() / 10;
}

struct oro_py {
    struct oro_codecs codecs;
    struct oro_rowspace rows;
    struct oro_db db;
    unsigned worker;
    PyThreadState *ts;
    PyInterpreterState *interp;
    bool module_owned; /* made by the module itself: an interpreter without worker (tools) */
    bool shared;       /* runs in the main interpreter */

    struct oro_asked_for *asked;               /* the procedure that runs, or NULL (procedure.c) */
    bool looping;                              /* its event loop runs (coroutine.c), */
    void *loop_host;                           /* for this host */
    struct oro_version *staged, *old_versions; /* reload.c */
    struct oro_pyreducer *reducers;            /* by reducer id; fn NULL: not ours */
    unsigned nreducers;

    _Atomic uint64_t generation;
    _Atomic uint64_t interrupt; /* generation to interrupt */
    _Atomic bool in_reducer;
    unsigned hits;    /* interruptions of the running call */
    int64_t hit_us;   /* the last one of an import */
    int64_t grace_us; /* not 0: until then (oro_py_words_us) an exception is put into words */

    uint64_t io_warned[64]; /* hashes of the kinds of input and output that were warned about */
    unsigned nwarned;
    char *stdlib; /* folder of the standard library, with a slash */
    /* Of all its objects, after the last call; 0: nobody counts (memory.c). */
    _Atomic int64_t python_memory;
    /* What an old version leaves behind (reload.c), a list or NULL; and whether it is just being dropped. */
    PyObject *leaving;
    bool ending;
    bool mapping;                /* a @migration hook runs */
    bool answers, in_tx;         /* a request is answered; it is in a transaction (handler.c) */
    struct oro_globals *globals; /* NULL: not watched */
    bool globals_sized;          /* some are looked at after each call */
    uint64_t config_generation;  /* of the settings in use; 0: none taken yet */

#define ORO_FIELD(name) _Atomic uint64_t n_##name;
    ORO_PY_COUNTERS(ORO_FIELD)
#undef ORO_FIELD
#define ORO_FIELD(name) PyObject *name;
    ORO_PY_OBJECTS(ORO_FIELD)
#undef ORO_FIELD
};

/* The states of all rooms, connected; no Python code runs. Zeroed memory in. */
void oro_py_init(struct oro_py *py);
/* Memory, when the interpreter has ended. */
void oro_py_fini(struct oro_py *py);

/* The interpreter that this thread opened, or NULL. The main one may run threads of the module's beside it. */
extern _Thread_local struct oro_py *oro_py_here;
extern _Atomic unsigned oro_py_opened; /* so many interpreters run modules */
/* What an open in progress on this thread hands to module_exec. */
extern _Thread_local struct oro_py *oro_py_opening;
/* Whether warnings of changed rows that are dropped are wanted; set before the first interpreter is opened. */
extern bool oro_py_warn_lost, oro_py_warn_retries;

/* What this thread's reducer runs in, or NULL. */
static inline struct oro_py *
oro_py_running(void)
{
    char *db = (char *)oro_db_running;
    return db != NULL ? (struct oro_py *)(void *)(db - offsetof(struct oro_py, db)) : NULL;
}

/* The author's code runs from here on, and may be interrupted; by the generation that the interpreter has. */
static inline void
oro_py_run_begin(struct oro_py *py)
{
    py->hits = 0;
    py->grace_us = 0;
    atomic_store_explicit(&py->in_reducer, true, memory_order_relaxed);
}

/* The same with a generation of its own: what was asked to end before does not end this. */
static inline void
oro_py_run_anew(struct oro_py *py)
{
    uint64_t gen = atomic_load_explicit(&py->generation, memory_order_relaxed) + 1;
    atomic_store_explicit(&py->generation, gen, memory_order_release);
    oro_py_run_begin(py);
}

static inline void
oro_py_run_end(struct oro_py *py)
{
    atomic_store_explicit(&py->in_reducer, false, memory_order_relaxed);
    py->grace_us = 0;
}

/* Whether this thread runs a reducer of this interpreter. */
static inline bool
oro_py_hits(struct oro_py *py)
{
    return oro_db_running == &py->db && atomic_load_explicit(&py->in_reducer, memory_order_relaxed);
}

/* -1 with ReducerTimeout if the author's code that runs here is to be interrupted: for C code that waits in steps. */
int oro_py_look(struct oro_py *py);
/* Between these two, objects of the author's end. They have a generation and can be interrupted, as an import can. */
void oro_py_end_begin(struct oro_py *py);
void oro_py_end_end(struct oro_py *py);
/* The same around a @migration hook. */
void oro_py_map_begin(struct oro_py *py);
void oro_py_map_end(struct oro_py *py);
/* With the version whose fields py has. */
oro_status oro_py_map_in(struct oro_py *py, const struct oro_py_map *m, struct oro_err *err);
/* Has fn(arg) run in the interpreter's loop as soon as it executes Python code; false: this Python cannot. Any thread. */
bool oro_py_pend(struct oro_py *py, int (*fn)(void *), void *arg);

#endif
