/* bridge/rows/rowspace.h - what rows remember: one struct oro_rowspace for each interpreter, beside its codecs. Touched only by
 * the thread that holds the GIL; the counters are read by any thread. */
#ifndef ORO_ROWS_ROWSPACE_H
#define ORO_ROWS_ROWSPACE_H

#include "bridge/codec/codecobj.h"
#include "runtime/base/map.h"

#define ORO_POOL_MAX 1024 /* spare rows of a class */

struct oro_row;
struct oro_rowclass;

#define ORO_ROW_COUNTERS(X) \
    X(pool_hits)            \
    X(pool_misses)          \
    X(pool_returns)         \
    X(pool_drops)           \
    X(memory)               \
    X(memory_peak)

/* Owned; visited and cleared with the module. */
#define ORO_ROW_OBJECTS(X) X(t_row) X(t_coldescr) X(deepcopy) X(zero)

struct oro_rowspace {
    struct oro_codecs *codecs;
    struct oro_rowclass *classes;         /* owned, also those whose making failed */
    struct oro_rowclass **staged_classes; /* where new ones go while a second version is imported */
    struct oro_map class_map;             /* type to description */
    unsigned max_pool;
    bool watch_memory, auto_tune;
    /* A row dies with columns that were set and never looked at. NULL: nobody is told, and nobody notes it. */
    void (*lost)(struct oro_row *r);
    void *lost_owner; /* what `lost` goes by */

#define ORO_FIELD(name) _Atomic uint64_t n_##name;
    ORO_ROW_COUNTERS(ORO_FIELD)
#undef ORO_FIELD
#define ORO_FIELD(name) PyObject *name;
    ORO_ROW_OBJECTS(ORO_FIELD)
#undef ORO_FIELD
};

/* What the state of a module begins with that has row classes. */
struct oro_row_module {
    struct oro_codec_module codecs;
    struct oro_rowspace *rows;
};
/* NULL before the module has its state. */
static inline struct oro_rowspace *
oro_rowspace_of(PyObject *module)
{
    struct oro_row_module *m = PyModule_GetState(module);
    return m != NULL ? m->rows : NULL;
}

/* Zeroed memory in, with codecs that live as long: they make and read rows of its classes from now on. */
void oro_rowspace_init(struct oro_rowspace *rs, struct oro_codecs *codecs);
int oro_rowspace_types(struct oro_rowspace *rs, PyObject *module); /* -1 with an exception */
int oro_rowspace_import(struct oro_rowspace *rs);                  /* as oro_codecs_import */
int oro_rowspace_traverse(struct oro_rowspace *rs, visitproc visit, void *arg);
void oro_rowspace_drop_classes(struct oro_rowspace *rs); /* their spare rows and defaults */
void oro_rowspace_clear(struct oro_rowspace *rs);        /* objects only */
void oro_rowspace_fini(struct oro_rowspace *rs);         /* memory; the interpreter may be gone */

/* The class's row description, or NULL if it is no row class. */
struct oro_rowclass *oro_rowclass_of(struct oro_rowspace *rs, PyTypeObject *type);
/* Spare rows of every class: their number, and what is above is freed. */
void oro_rowspace_pool_limit(struct oro_rowspace *rs, unsigned n);
/* Pools that grew and are hardly used become smaller. */
void oro_rowspace_pool_shrink(struct oro_rowspace *rs);

/* Memory of rows: `more` bytes were taken, or, negative, given back. */
static inline void
oro_rowspace_memory(struct oro_rowspace *rs, Py_ssize_t more)
{
    ORO_COUNT(rs, memory, more);
    uint64_t now = atomic_load_explicit(&rs->n_memory, memory_order_relaxed);
    if (rs->watch_memory && now > atomic_load_explicit(&rs->n_memory_peak, memory_order_relaxed))
        atomic_store_explicit(&rs->n_memory_peak, now, memory_order_relaxed);
}

#endif
