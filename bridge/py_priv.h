/* bridge/py_priv.h - what the rooms codec, rows, db and host share: the state of one interpreter, codecs, row classes, handles.
 *
 * Everything belongs to one interpreter and is touched only by the thread that holds its GIL, except what is marked atomic.
 * struct oro_py is plain memory; its PyObject pointers are the state of the module `_orochi`, which visits and clears them. */
#ifndef ORO_PY_PRIV_H
#define ORO_PY_PRIV_H

#include "bridge/codec/codecobj.h"
#include "bridge/codec/error.h"
#include "bridge/codec/id.h"
#include "bridge/codec/dynamic.h"
#include "bridge/host/bridge.h"
#include "runtime/base/map.h"
#include "runtime/base/mem.h"

/* What this thread's reducer runs in, or NULL (guard.c). */
extern _Thread_local struct oro_py *oro_py_running;

void oro_py_config_look(struct oro_py *py); /* takes new settings over */
uint64_t oro_py_config_generation(void);    /* rises when they change */
void oro_py_pool_shrink(struct oro_py *py); /* pools that grew and are hardly used become smaller */
void oro_py_pool_limit(struct oro_py *py, unsigned n);

/* ---- row classes (row.c) ---- */
#define ORO_ROW_COLS_MAX 512
#define ORO_POOL_MAX 1024

enum oro_default_kind { DEFAULT_NONE, DEFAULT_VALUE, DEFAULT_COPY, DEFAULT_FACTORY };

struct oro_rowcol {
    PyObject *name; /* owned, interned */
    PyObject *dflt; /* owned or NULL */
    uint8_t dkind;
    const struct oro_codec *codec; /* set by bind */
    uint32_t off;                  /* in the row, or ORO_VARIABLE */
    bool auto_inc;                 /* None means 0 */
    bool floats;                   /* its values may hold floats: compared as encoded (match.c) */
};

/* Where Python code runs. */
struct oro_place {
    PyObject *code; /* owned; NULL: nowhere */
    int at;
};

struct oro_row;
struct version;
struct oro_rowclass {
    struct oro_rowclass *next;
    struct oro_py *py;
    PyTypeObject *type; /* borrowed: the type's dict holds the capsule that owns us */
    const char *table;  /* wire name for messages; of the class until bound */
    char *name;
    unsigned ncols, nfixed; /* columns whose offset is fixed; they come first */
    uint64_t patchable; /* columns of fixed offset and size: an update overwrites them in place */
    uint64_t
        changeable; /* columns whose values may change behind our back (lists ...) once somebody has them */
    uint64_t auto_inc;
    bool has_post_init, bound;
    bool retired; /* of a version of the module that runs no more: keeps no rows */
    struct oro_tally tally;
    unsigned npool, limit; /* spare rows, and how many there may be */
    unsigned low;          /* fewest spare rows since the pool was looked at last */
    struct oro_row *pool[ORO_POOL_MAX];
    struct oro_rowcol cols[];
};

/* A row: columns as objects, as bytes, or both. dirty: columns whose object may differ from the bytes (all when there are no
 * bytes). A column with cols[i] == NULL is in the bytes. Columns from 63 on share bit 63. */
struct oro_row {
    PyObject_HEAD struct oro_rowclass *rc;
    uint8_t *data;
    uint32_t len, cap; /* cap 0: no bytes; len is meaningful only when has_bytes */
    bool has_bytes;
    /* Set since the row was read or written, and not looked at since then (lost.c); where the first of them was. */
    uint64_t unsaved;
    struct oro_place set_at;
    bool pinned; /* data is being read: who writes leaves it alone and takes another buffer */
    uint64_t dirty;
    PyObject *cols[];
};

static inline uint64_t
oro_pyrow_bit(unsigned i)
{
    return 1ull << (i < 63 ? i : 63);
}

PyObject *oro_pyrow_class(PyObject *module, PyObject *args); /* _orochi.row_class */
/* An instance layout for the author's class, and the descriptor of one column in it (row.c). */
PyObject *oro_pyrow_make_type(PyObject *module, PyObject *cls, PyObject *bases, unsigned ncols,
                              const char *name);
int oro_pyrow_add_column(struct oro_py *py, PyObject *made, const struct oro_rowcol *col,
                         unsigned i);
/* Once for each class; codecs: one for each column. */
void oro_rowclass_bind(struct oro_rowclass *rc, const char *table,
                       const struct oro_codec *const *codecs, uint64_t auto_inc);
void oro_rowclass_drop_pool(struct oro_rowclass *rc, unsigned keep); /* frees the others */
/* The class's row description, or NULL if it is no row class. */
struct oro_rowclass *oro_rowclass_of(struct oro_py *py, PyTypeObject *type);
void oro_pyrow_hook(struct oro_py *py); /* codecs make and read rows of its classes from now on */
static inline bool oro_pyrow_is(struct oro_rowclass *rc, PyObject *o);
/* A row over a copy of the bytes. NULL with an exception. */
PyObject *oro_pyrow_from_bytes(struct oro_rowclass *rc, struct oro_bytes b);
struct oro_row *oro_pyrow_alloc(struct oro_rowclass *rc); /* no columns yet */
PyObject *oro_pyrow_make(struct oro_rowclass *rc, PyObject *const *values,
                         PyObject *kwnames); /* keyword arguments only */
/* Borrowed column value, decoded if need be; NULL with an exception. */
PyObject *oro_pyrow_col(struct oro_row *r, unsigned i);
int oro_pyrow_set(struct oro_row *r, unsigned i, PyObject *v);        /* borrows v */
int oro_rowclass_find(const struct oro_rowclass *rc, PyObject *name); /* column or -1 */
/* The bytes of a column in a row's. -1: they are cut short. */
int oro_rowclass_column(struct oro_rowclass *rc, struct oro_bytes row, unsigned i,
                        struct oro_bytes *out);
/* Appends the whole row. depth: of its columns, 1 unless it is part of another value. -1: cerr or exception. */
int oro_pyrow_encode(struct oro_row *r, struct oro_bb *out, unsigned depth);
/* Room for a row's bytes, so that oro_pyrow_stored cannot fail. -1: MemoryError. */
int oro_pyrow_make_room(struct oro_row *r, size_t len);
static inline int
oro_pyrow_reserve(struct oro_row *r, size_t len)
{
    return ORO_LIKELY(len <= r->cap && !r->pinned) ? 0 : oro_pyrow_make_room(r, len);
}
/* The row is now what the store holds: keeps the bytes, forgets what was dirty, reads the columns in `refresh` anew. */
int oro_pyrow_stored(struct oro_row *r, struct oro_bytes b, uint64_t refresh);

/* ---- tables (table.c, tree.c, rows.c) ---- */
struct oro_accessor {
    PyObject *name; /* owned by keep */
    uint16_t ncols;
    uint16_t cols[16];
    const struct oro_index_def *ix; /* the unique one if there is one; NULL: not indexed */
    bool unique;
};

/* Handles that somebody kept outlive a reload. They keep `type` alive, and with it the version's memory (reload.c), but not
 * the schema: a dead handle knows no more than `label`, and the names of columns. */
struct oro_pytable {
    const struct oro_table_def *def;
    const char *label; /* its name */
    struct oro_rowclass *rc;
    struct oro_accessor *acc;
    unsigned nacc;
    const struct oro_accessor *pk; /* or NULL */
    uint64_t auto_inc;             /* columns */
    PyTypeObject *type;            /* owned: subtype of Table with a member for each accessor */
    PyObject *lookups;             /* owned dict: "score__gte" -> column << 8 | lookup */
    _Atomic uint64_t scans;        /* conditions that no index answered; written by the worker */
    PyObject *name, *accessor;     /* owned; what ctx.db calls it */
};

/* Handles are reused by every call as long as nobody else holds one; a tree of handles that somebody kept is marked dead
 * (py = NULL) at the end of the call and a new one is made. */
struct oro_handle {
    PyObject_HEAD struct oro_py *py;
};
struct oro_thandle {
    PyObject_HEAD struct oro_py *py;
    struct oro_pytable *t;
    bool touched;     /* stands in oro_py.touched */
    PyObject *cols[]; /* owned column handles, one for each accessor */
};
struct oro_chandle {
    PyObject_HEAD struct oro_py *py;
    PyObject *keeps; /* owned: t's type */
    struct oro_pytable *t;
    const struct oro_accessor *acc;
};
struct oro_dbhandle {
    PyObject_HEAD struct oro_py *py;
    PyObject *tables[]; /* owned table handles; NULL: not asked for yet */
};

/* Rows of an index or a table are not fetched before somebody looks, or something in the table is about to change: first()
 * and limit() of what is pending fetch no more than they give, and order_by() may only be another way through an index. */
struct oro_rowsobj {
    PyObject_HEAD struct oro_py *py; /* NULL: the call is over */
    PyObject *keeps;                 /* owned: t's type */
    struct oro_pytable *t;
    struct oro_bytes *rows;
    Py_ssize_t n;
    bool own;     /* rows is ours to free */
    bool pending; /* ix and range say what they are; rows and n do not yet */
    bool ordered; /* by order_by(), whose order counts when they are ordered again */
    const struct oro_index_def *ix; /* NULL: the whole table */
    struct oro_py_range range;      /* its bytes are in keys */
    uint8_t *keys, few[48];
    struct oro_rowsobj *next, **prev; /* the call's live ones */
};

PyObject *oro_pyrows_new(struct oro_py *py, struct oro_pytable *t, struct oro_bytes *rows, size_t n,
                         bool own);
/* Pending ones. Copies the range's bytes; ix NULL: the whole table. */
PyObject *oro_pyrows_pending(struct oro_py *py, struct oro_pytable *t,
                             const struct oro_index_def *ix, const struct oro_py_range *range);
Py_ssize_t oro_pyrows_len(PyObject *rows);  /* -1 raised */
PyObject *oro_pyrows_first(PyObject *rows); /* a row or None */
/* Fetches what is pending of the table: it is a snapshot of the moment of the query. -1 raised. */
int oro_pyrows_settle(struct oro_py *py, struct oro_pytable *t);
void oro_pyrows_kill_all(struct oro_py *py);
/* The index that a whole table is read through, in the same order, if it is one with an order; or NULL. */
const struct oro_index_def *oro_pytable_scan_index(const struct oro_table_def *t);

/* A condition on a column. The value is borrowed. */
struct oro_cond {
    unsigned col;
    uint8_t lookup;
    PyObject *v;
};
#define ORO_CONDS_MAX 32

enum oro_lookup {
    LOOKUP_EQ,
    LOOKUP_NE,
    LOOKUP_GT,
    LOOKUP_GTE,
    LOOKUP_LT,
    LOOKUP_LTE,
    LOOKUP_IN,
    LOOKUP_NOT_IN,
    LOOKUP_BETWEEN
};

/* Raises TransactionError and gives false when the handle's call is over. */
bool oro_pyhandle_look(struct oro_py *py, struct oro_pytable *t);
static inline bool oro_pyhandle_alive(struct oro_py *py, struct oro_pytable *t);
/* Raises what a host status means. Always NULL. */
PyObject *oro_pytable_fail(struct oro_py *py, struct oro_pytable *t, oro_status st,
                           const struct oro_err *err);
/* keyword arguments to conditions; number or -1 */
int oro_pyquery_parse(struct oro_py *py, struct oro_pytable *t, PyObject *const *values,
                      PyObject *kwnames, struct oro_cond *out);
/* The rows that meet all conditions, by the best index; `by` (may be NULL) fixes index and order. limit: so many are
 * enough; 0: all. New reference. */
PyObject *oro_pyquery_run(struct oro_py *py, struct oro_pytable *t, const struct oro_accessor *by,
                          const struct oro_cond *conds, unsigned n, size_t limit);
/* Of these rows the first ones (limit 0: all) that meet the conditions that are not answered. New reference. */
PyObject *oro_pyquery_sift(struct oro_py *py, struct oro_pytable *t, const struct oro_bytes *rows,
                           size_t nrows, const struct oro_cond *conds, unsigned n,
                           uint32_t answered, size_t limit);
/* A list of ints: each row's place in the order of the column, equal ones alike. New reference. */
PyObject *oro_pyvalue_ranks(struct oro_rowclass *rc, const struct oro_bytes *rows, Py_ssize_t n,
                            unsigned col);
/* "id = 7, score > 3"; new reference */
PyObject *oro_pyquery_text(struct oro_pytable *t, const struct oro_cond *conds, unsigned n);
/* Appends the key of accessor columns for a value (a tuple for several columns). -1: EncodeError is raised. */
int oro_pykey_encode(struct oro_py *py, struct oro_pytable *t, const struct oro_accessor *acc,
                     PyObject *v, struct oro_bb *out);
/* Deletes by primary key, or by whole row. 1 gone, 0 was not there, -1 raised. */
int oro_pytable_delete_bytes(struct oro_py *py, struct oro_pytable *t, struct oro_bytes row);
/* Sets columns of a row that was just read, and updates it by its primary key, or whole where there is none; the row is as
 * before when it fails. -1 raised. */
int oro_pytable_update(struct oro_py *py, struct oro_pytable *t, struct oro_row *row,
                       PyObject *const *values, PyObject *kwnames);
int oro_pytable_bind(struct oro_py *py, struct oro_pytable *t, PyObject *spec,
                     const struct oro_schema *schema);
int oro_pytable_bind_types(struct oro_py *py, PyObject *module);
PyObject *oro_pytree_new(struct oro_py *py); /* a fresh database handle */
/* Somebody else holds a handle. At the end of each call: the next one begins to note anew. */
bool oro_pytree_kept(struct oro_py *py);
void oro_pytree_kill(struct oro_py *py);

/* ---- context (context.c) ---- */
struct oro_ctx {
    PyObject_HEAD struct oro_py *py; /* NULL: dead */
    PyObject *db, *log;
    PyObject *sender, *connection_id, *timestamp, *identity, *rng, *auth; /* made when first read */
};
PyObject *oro_pyctx_new(struct oro_py *py);
void oro_pyctx_reset(struct oro_ctx *c); /* between calls */
/* ---- reducers (call.c) ---- */
struct oro_pyparam {
    PyObject *name; /* kept */
    const struct oro_codec *codec;
};
struct oro_pyreducer {
    PyObject *fn; /* kept */
    const char *name;
    struct oro_pyparam *params;
    unsigned nparams;
    bool takes_row;
    struct oro_tally tally;
};

/* Of rows and the type caches of converters. */
#define ORO_PY_COUNTERS(X) \
    X(cache_hits)          \
    X(cache_misses)        \
    X(cache_evictions)     \
    X(cache_expirations)   \
    X(cache_size)          \
    X(pool_hits)           \
    X(pool_misses)         \
    X(pool_returns)        \
    X(pool_drops)          \
    X(memory)              \
    X(memory_peak)

/* A changed row that was dropped (lost.c). */
#define ORO_LOST_MAX 8 /* of one call */
struct oro_lost {
    struct oro_rowclass *rc;
    uint8_t *data; /* owned: the row as it was read */
    uint32_t len;
    uint64_t cols;
    struct oro_place place;
};

/* ---- one interpreter ---- */
#define ORO_PY_OBJECTS(X) \
    X(t_row)              \
    X(t_coldescr)         \
    X(t_table)            \
    X(t_column)           \
    X(t_rows)             \
    X(t_rowsiter)         \
    X(t_ctx)              \
    X(t_dbbase)           \
    X(t_db)               \
    X(t_log)              \
    X(e_reducer)          \
    X(e_rownotfound)      \
    X(e_database)         \
    X(e_unique)           \
    X(e_nosuchrow)        \
    X(e_autoinc)          \
    X(e_wrongindex)       \
    X(e_wrongalgo)        \
    X(e_notunique)        \
    X(e_schema)           \
    X(e_timeout)          \
    X(e_transaction)      \
    X(e_forbidden)        \
    X(refusal)            \
    X(make_auth)          \
    X(deepcopy)           \
    X(random_cls)         \
    X(chance_of)          \
    X(db)                 \
    X(log)                \
    X(ctx)                \
    X(module_spec)        \
    X(s_told)             \
    X(zero)

struct oro_py {
    struct oro_codecs codecs;
    unsigned worker;
    const struct oro_host_ops *ops;
    PyThreadState *ts;
    PyInterpreterState *interp;
    bool module_owned; /* made by the module itself: an interpreter without worker (tools) */

    struct oro_rowclass *classes;
    struct oro_rowclass **staged_classes; /* where new ones go while a second version is imported */
    struct version *staged, *old_versions; /* reload.c */
    struct oro_map class_map;              /* type to rowclass */
    const struct oro_schema *schema;
    struct oro_pytable *tables;
    unsigned ntables;
    struct oro_pyreducer *reducers; /* by reducer id; fn NULL: not ours */
    unsigned nreducers;
    struct oro_thandle **touched; /* tables that the call has asked for, borrowed from the tree */
    unsigned ntouched;
    struct oro_rowsobj *live_rows;
    unsigned npending; /* of those */

    struct oro_py_call *call; /* the running one */
    _Atomic uint64_t generation;
    _Atomic uint64_t interrupt; /* generation to interrupt */
    _Atomic bool in_reducer;
    _Atomic bool abandoned; /* oro_py_abandon */
#define ORO_PY_WORDS_US 1000000
    unsigned hits;  /* interruptions of the running call */
    int64_t hit_us; /* the last one of an import */
    int64_t
        grace_us; /* the reducer has ended, and until then its exception may be put into words */
    bool shared;  /* runs in the main interpreter */
    uint64_t io_warned[64]; /* hashes of the kinds of input and output that were warned about */
    unsigned nwarned;
    char *stdlib; /* folder of the standard library, with a slash */
    /* Of all its objects, after the last call; 0: nobody counts (memory.c). */
    _Atomic int64_t python_memory;
    uint32_t uuid_counter; /* of version 7 */
    struct oro_lost lost[ORO_LOST_MAX];
    unsigned nlost;
    /* What an old version leaves behind (reload.c), a list or NULL; and whether it is just being dropped. */
    PyObject *leaving;
    bool ending;
    bool mapping;                /* a @migration hook runs */
    struct oro_globals *globals; /* NULL: not watched */
    bool globals_sized;          /* some are looked at after each call */
    unsigned max_pool;
    bool watch_memory, auto_tune;
    uint64_t config_generation; /* of the settings in use; 0: none taken yet */
    char *root;                 /* folder of the module, for tracebacks */

#define ORO_FIELD(name) _Atomic uint64_t n_##name;
    ORO_PY_COUNTERS(ORO_FIELD)
#undef ORO_FIELD
#define ORO_FIELD(name) PyObject *name;
    ORO_PY_OBJECTS(ORO_FIELD)
#undef ORO_FIELD
};

static inline bool
oro_pyhandle_alive(struct oro_py *py, struct oro_pytable *t)
{
    return ORO_LIKELY(py != NULL && oro_py_running == py &&
                      !atomic_load_explicit(&py->abandoned, memory_order_relaxed)) ||
           oro_pyhandle_look(py, t);
}

/* Memory of rows: `more` bytes were taken, or, negative, given back. */
static inline void
oro_py_memory(struct oro_py *py, Py_ssize_t more)
{
    ORO_COUNT(py, memory, more);
    uint64_t now = atomic_load_explicit(&py->n_memory, memory_order_relaxed);
    if (py->watch_memory && now > atomic_load_explicit(&py->n_memory_peak, memory_order_relaxed))
        atomic_store_explicit(&py->n_memory_peak, now, memory_order_relaxed);
}

static inline bool
oro_pyrow_is(struct oro_rowclass *rc, PyObject *o)
{
    /* Its __class__ may have been set to one of our classes. */
    return (Py_TYPE(o) == rc->type || PyObject_TypeCheck(o, rc->type)) &&
           ((struct oro_row *)o)->rc == rc;
}

/* reload.c: when the interpreter has ended. */
void oro_py_versions_free(struct oro_py *py);
/* interp.c: for one that was abandoned; does not return. */
ORO_NORETURN void oro_py_sleep_for_ever(void);

PyMODINIT_FUNC PyInit__orochi(void);
struct oro_py *oro_py_of_module(PyObject *module);
int oro_py_audit(const char *event, PyObject *args, void *data);
extern enum oro_py_io oro_py_io_mode;
extern bool oro_py_strict_index; /* query.c; set before the first interpreter is opened */
/* The interpreter that this thread opened, or NULL. The main one may run threads of the module's beside it. */
extern _Thread_local struct oro_py *oro_py_here;
extern _Atomic unsigned oro_py_opened; /* so many interpreters run modules */
/* -1 with ReducerTimeout if the author's code that runs here is to be interrupted: for C code that waits in steps. */
int oro_py_look(struct oro_py *py);
/* Whether this thread runs a reducer of this interpreter. */
static inline bool
oro_py_hits(struct oro_py *py)
{
    return oro_py_running == py && atomic_load_explicit(&py->in_reducer, memory_order_relaxed);
}
/* Between these two, objects of the author's end. They have a generation and can be interrupted, as an import can. */
void oro_py_end_begin(struct oro_py *py);
/* The same around a @migration hook. */
void oro_py_map_begin(struct oro_py *py);
void oro_py_map_end(struct oro_py *py);
/* With the version whose fields py has. */
oro_status oro_py_map_in(struct oro_py *py, const struct oro_py_map *m, struct oro_err *err);
void oro_py_end_end(struct oro_py *py);
/* Has fn(arg) run in the interpreter's loop as soon as it executes Python code; false: this Python cannot. Any thread. */
bool oro_py_pend(struct oro_py *py, int (*fn)(void *), void *arg);

/* ---- memory (memory.c) ---- */
void oro_py_memory_install(size_t limit);   /* main thread, before the first open */
void oro_py_memory_open(struct oro_py *py); /* this thread allocates for py from now on */
void oro_py_memory_close(struct oro_py *py);
/* False: the call's memory has no room for so many bytes more. */
bool oro_py_memory_fits(size_t more);
void oro_py_memory_words(struct oro_bb *out); /* appends that the call met the limit, if it did */
/* After a call: counts; one that met the limit leaves garbage, which is collected. */
void oro_py_memory_relax(struct oro_py *py);
/* What an open in progress on this thread hands to module_exec. */
extern _Thread_local struct oro_py *oro_py_opening;

int oro_pyrow_types(struct oro_py *py, PyObject *module);   /* row.c */
int oro_pytable_types(struct oro_py *py, PyObject *module); /* table.c */
int oro_pyrows_types(struct oro_py *py, PyObject *module);  /* rows.c */
int oro_pyctx_types(struct oro_py *py, PyObject *module);   /* context.c */
/* ---- refusals (refusal.c) ---- */
/* Takes error, a ReducerError that ended the call: its text, detail and what the log says go into py->call. */
void oro_pyrefusal_tell(struct oro_py *py, PyObject *error);
/* Raises RowNotFound: `text` for the author and the log; for the caller the same when `harmless`, else only that the table has
 * no row with this `what`. Always NULL. Borrows all. */
PyObject *oro_pyrefusal_missing(struct oro_py *py, const struct oro_pytable *t, PyObject *text,
                                PyObject *what, bool harmless);
/* May anybody see the value who may call a reducer? */
bool oro_pyrefusal_harmless(const struct oro_pytable *t, PyObject *v);
/* Raises TypeError: `owner` has no column `name`, and which one may have been meant; advice: the function of _names.py that
 * writes the text. Always NULL. */
PyObject *oro_pyerr_no_column(const char *advice, const char *owner, const struct oro_rowclass *rc,
                              PyObject *name);
/* A record of the module's log, with file and line of the Python code that runs now. */
void oro_pylog(struct oro_py *py, enum oro_log_level level, const char *target,
               struct oro_bytes text);

/* ---- mistakes that raise nothing (notice.c) ---- */

void oro_place_here(struct oro_place *out); /* ended by drop; raises nothing */
void oro_place_drop(struct oro_place *p);
/* True the first time in the process that this kind of thing is found at this file and line. May run in the middle of anything:
 * no Python code is run, nothing is raised. */
bool oro_place_first(const struct oro_place *p, const char *kind);
/* A WARN line with the reducer, file and line. */
void oro_place_warn(struct oro_py *py, const struct oro_place *p, const char *fmt, ...)
    ORO_PRINTF(3, 4);
/* ---- changed rows that were dropped (lost.c), globals that reducers write (globals.c) ---- */
extern bool oro_py_warn_lost, oro_py_warn_globals; /* set before the first interpreter is opened */
void oro_lost_add(struct oro_row *r);              /* the row dies */
void oro_lost_end(struct oro_py *py, bool ok);     /* the reducer has ended; ok: tell */
static inline void
oro_pyrow_looked(struct oro_row *r, uint64_t cols)
{
    if (ORO_UNLIKELY(r->unsaved != 0))
        r->unsaved &= ~cols;
}
void oro_globals_watch(struct oro_py *py); /* those of the module that runs, from here on */
void oro_globals_look(struct oro_py *py,
                      PyObject *fn); /* after a call of fn; py->globals is there */
void oro_globals_free(struct oro_py *py);

void oro_py_notices_forget(void); /* another version of the module has other lines */

#endif
