/* runtime/testing/engine_priv.h - what the files of the engine of orochi.testing share. All of it on the thread that tests. */
#ifndef ORO_TESTING_ENGINE_PRIV_H
#define ORO_TESTING_ENGINE_PRIV_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "runtime/exec/writers/inline.h"
#include "runtime/sql/sql.h"
#include "runtime/testing/disk.h"

extern struct oro_py *testing_joined; /* the interpreter's; there is one that tests (module_exec) */
extern bool testing_running;          /* a call of any database: its codecs are in use */
extern PyTypeObject *testing_module_type, *testing_snapshot_type;

struct module {
    PyObject_HEAD struct oro_schema *schema;
    struct oro_py_module *bound;
};

struct engine {
    PyObject_HEAD struct module *module;
    PyObject *log; /* list of (level, target, text) */
    PyObject *
        asked; /* list of (procedure, arguments, whether its timer's turn lasts until it ends) that timers ask for */
    struct oro_store *store;
    struct disk *disk;   /* NULL: in memory */
    char *folder, *name; /* of its files, or NULL */
    struct oro_inline *writer;
    struct oro_session *session; /* for reading */
    struct oro_cursor *cursor;
    struct oro_sql_pool *sql;
    struct oro_identity database;
    int64_t clock_us;
    bool busy;
    struct oro_principal *open; /* whose transaction is open (transaction.c), or NULL */
};

/* Whether it can be used now; else an exception is set. */
bool testing_ready(struct engine *e);
/* Between the two the module's codecs are the interpreter's, and nothing else of any engine runs. */
void testing_enter(struct engine *e, int64_t now_us);
void testing_leave(struct engine *e);
/* (identity, connection id, claims or None, caller). Gives; NULL: an exception is set. */
struct oro_principal *testing_principal(PyObject *tuple);
/* (fault, text, detail or None): a new reference. */
PyObject *testing_outcome(struct oro_inline_outcome out);

PyObject *testing_text(struct oro_bytes b); /* a str; what is no UTF-8 is replaced */
/* False, with an exception: it has not 32 bytes. */
bool testing_identity(const char *data, Py_ssize_t n, struct oro_identity *id);

/* A copy of what an engine held. */
struct snapshot {
    PyObject_HEAD struct module *module;
    struct oro_store *store;
};

/* open.c */
/* Sets the exception of a status. NULL. */
PyObject *testing_fail(oro_status st, const struct oro_err *err);
/* Takes store and disk (or NULL). */
void testing_open(struct engine *e, struct oro_store *store, struct disk *disk);
/* False, with an exception: not all could be written. */
bool testing_close(struct engine *e);

/* states.c */
/* An empty store. Gives; NULL with an exception. */
struct oro_store *testing_store(const struct oro_schema *schema);
/* Opens what there is in e's folder as e's module has it. migrated: or NULL (struct disk_place). False: an exception is set. */
bool testing_open_disk(struct engine *e, struct oro_store *migrated);
/* Methods of an Engine. */
PyObject *testing_snapshot(PyObject *engine, PyObject *none);
PyObject *testing_restore(PyObject *engine, PyObject *args);
PyObject *testing_reopen(PyObject *engine, PyObject *args);
PyObject *testing_found(PyObject *engine, PyObject *none);
PyObject *testing_settle(PyObject *engine, PyObject *none);
void testing_snapshot_dealloc(PyObject *snapshot);

/* transaction.c: methods of an Engine. */
PyObject *testing_begin(PyObject *engine, PyObject *args);
PyObject *testing_end(PyObject *engine, PyObject *commit);

#endif
