/* bridge/db/db.h - what ctx.db remembers: one struct oro_db for each interpreter, beside its rows. Plain memory, touched only by
 * the thread that holds the GIL, except what is atomic. */
#ifndef ORO_DB_DB_H
#define ORO_DB_DB_H

#include "bridge/db/call.h"
#include "bridge/db/host_ops.h"
#include "bridge/db/lost.h"

struct oro_db;
struct oro_pytable;

/* What a room above does for tables. */
struct oro_db_hooks {
    /* -1 with an exception if the code that runs is to be interrupted: for C code that takes long. */
    int (*look)(struct oro_db *db);
    PyObject *(*env)(struct oro_db *db); /* what ctx.env is: borrowed, or NULL with an exception */
    void (*sleep)(void); /* of a call that was abandoned; does not return */
};

/* Owned; visited and cleared with the module. */
#define ORO_DB_OBJECTS(X)  \
    X(t_table)             \
    X(t_column)            \
    X(t_rows)              \
    X(t_rowsiter)          \
    X(t_ctx)               \
    X(t_dbbase)            \
    X(t_db)                \
    X(t_log)               \
    X(e_rownotfound)       \
    X(e_database)          \
    X(e_unique)            \
    X(e_nosuchrow)         \
    X(e_autoinc)           \
    X(e_wrongindex)        \
    X(e_wrongalgo)         \
    X(e_notunique)         \
    X(e_transaction)       \
    X(make_auth)           \
    X(random_cls)          \
    X(handle)              \
    X(log)                 \
    X(ctx)                 \
    X(s_told)              \
    X(py_schedule)         \
    X(py_schedule_reducer) \
    X(py_cancel)           \
    X(py_cron_next)        \
    X(py_conditions)

struct oro_db {
    struct oro_codecs *codecs;
    struct oro_rowspace *rows;
    const struct oro_host_ops *ops;
    const struct oro_db_hooks *hooks;
    struct oro_py_call *call; /* the running one; borrowed */
    _Atomic bool abandoned;   /* the thread is not to go on */

    const struct oro_schema *schema; /* borrowed */
    struct oro_pytable *tables;
    unsigned ntables;
    struct oro_thandle **touched; /* tables that the call has asked for, borrowed from the tree */
    unsigned ntouched;
    struct oro_rowsobj *live_rows;
    unsigned npending; /* of those */
    struct oro_lost lost[ORO_LOST_MAX];
    unsigned nlost;
    uint32_t uuid_counter; /* of version 7 */

    /* handle: ctx.db; ctx: the context. Used again by the next call unless somebody kept them. */
#define ORO_FIELD(name) PyObject *name;
    ORO_DB_OBJECTS(ORO_FIELD)
#undef ORO_FIELD
};

/* What this thread's reducer runs in, or NULL. */
extern _Thread_local struct oro_db *oro_db_running;
extern bool oro_db_strict_index; /* query.c; set before the first interpreter is opened */
extern bool oro_db_warn_scans;   /* traps.c; likewise */

/* What the state of a module begins with that has tables. */
struct oro_db_module {
    struct oro_row_module rows;
    struct oro_db *db;
};
static inline struct oro_db *
oro_db_of(PyObject *module)
{
    return ((struct oro_db_module *)PyModule_GetState(module))->db;
}

/* Zeroed memory in, with rows that live as long; ops and hooks are set by the caller. warn_lost: of changed rows that are dropped. */
void oro_db_init(struct oro_db *db, struct oro_rowspace *rows, bool warn_lost);
int oro_db_types(struct oro_db *db, PyObject *module); /* -1 with an exception */
int oro_db_import(struct oro_db *db);                  /* as oro_codecs_import */
int oro_db_traverse(struct oro_db *db, visitproc visit, void *arg);
void oro_db_drop_tables(struct oro_db *db); /* the objects of the tables, and the handles */
void oro_db_clear(struct oro_db *db);       /* objects only */

/* For messages: the reducer that runs, or "module". Borrowed. */
static inline const char *
oro_db_caller(const struct oro_db *db)
{
    return db->call != NULL ? db->call->reducer->name : "module";
}

/* Raises TransactionError and gives false when the handle's call is over. */
bool oro_pyhandle_look(struct oro_db *db, struct oro_pytable *t);
static inline bool
oro_pyhandle_alive(struct oro_db *db, struct oro_pytable *t)
{
    return ORO_LIKELY(db != NULL && oro_db_running == db &&
                      !atomic_load_explicit(&db->abandoned, memory_order_relaxed)) ||
           oro_pyhandle_look(db, t);
}

#endif
