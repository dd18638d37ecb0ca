/* runtime/testing/states.c - other states of a database in a test: copies that are gone back to, another version of its module, and what
 * is read from disk. */
#include "runtime/testing/engine_priv.h"

#include "runtime/durable/durable.h"
#include "runtime/exec/writers/map_rows.h"

struct oro_store *
testing_store(const struct oro_schema *schema)
{
    struct oro_store *store;
    struct oro_err err = {0};
    oro_status st = oro_store_create(schema, &testing_store_options, &store, &err);
    if (st == ORO_OK)
        return store;
    testing_fail(st, &err);
    return NULL;
}

/* Rows of a table that only its @migration hook can bring over. */
static oro_status
map(void *arg, const struct oro_map_rows *m, struct oro_err *err)
{
    struct module *to = arg;
    const struct oro_py_map asked = oro_map_rows_asked(m, false);
    oro_py_module_enter(testing_joined, to->bound);
    oro_status st = oro_py_map_rows(testing_joined, &asked, err);
    oro_py_module_leave(testing_joined, to->bound);
    return st;
}

/* Gives a store of the module with all that `from` has, by the rules of a reload; NULL with an exception. */
static struct oro_store *
copy_of(struct oro_store *from, struct module *to)
{
    struct oro_err err = {0};
    struct oro_bb why = {0};
    struct oro_store *store = NULL;
    const struct oro_migrator by = {.map = map, .arg = to};
    bool *mapped = ORO_NEW_ARRAY(bool, to->schema->ntables + 1);
    oro_durable_reasons(from, to->schema, &why, mapped);
    oro_status st = ORO_OK;
    if (why.len > 0)
        st = oro_err_set(&err, ORO_EINVAL, "%.*s", (int)why.len, (const char *)why.data);
    if (st == ORO_OK && (store = testing_store(to->schema)) != NULL)
        st = oro_store_carry(store, from, mapped, &by, &err);
    oro_bb_fini(&why);
    oro_free(mapped);
    if (st == ORO_OK)
        return store; /* NULL: store_new has said why */
    if (store != NULL)
        oro_store_destroy(store);
    testing_fail(st, &err);
    return NULL;
}

PyObject *
testing_snapshot(PyObject *o, PyObject *none)
{
    struct engine *e = (struct engine *)o;
    struct snapshot *s =
        testing_ready(e)
            ? (struct snapshot *)testing_snapshot_type->tp_alloc(testing_snapshot_type, 0)
            : NULL;
    if (s == NULL)
        return NULL;
    s->store = copy_of(e->store, e->module);
    if (s->store == NULL) {
        Py_DECREF(s);
        return NULL;
    }
    s->module = (struct module *)Py_NewRef((PyObject *)e->module);
    return (PyObject *)s;
}

void
testing_snapshot_dealloc(PyObject *o)
{
    struct snapshot *s = (struct snapshot *)o;
    PyTypeObject *type = Py_TYPE(o);
    if (s->store != NULL)
        oro_store_destroy(s->store);
    Py_XDECREF(s->module);
    type->tp_free(o);
    Py_DECREF(type);
}

/* ---- on disk ---- */

static struct disk_place
place_of(struct engine *e, const struct oro_migrator *by)
{
    return (struct disk_place){.folder = e->folder,
                               .name = e->name,
                               .schema = e->module->schema,
                               .database = &e->database,
                               .migrator = by};
}

bool
testing_open_disk(struct engine *e, struct oro_store *migrated)
{
    struct oro_err err = {0};
    struct oro_store *store;
    struct disk *disk;
    const struct oro_migrator by = {.map = map, .arg = e->module};
    struct disk_place at = place_of(e, &by);
    at.migrated = migrated;
    testing_running = e->busy = true; /* a hook is the author's */
    oro_status st = testing_disk_open(&at, &disk, &store, &err);
    testing_running = e->busy = false;
    if (st != ORO_OK) {
        testing_fail(st, &err);
        return false;
    }
    e->database = *testing_disk_database(disk);
    testing_open(e, store, disk);
    return true;
}

static bool
disk_write(struct engine *e, struct oro_store *from)
{
    struct oro_err err = {0};
    struct disk_place at = place_of(e, NULL);
    oro_status st = testing_disk_write(&at, from, &err);
    if (st != ORO_OK)
        testing_fail(st, &err);
    return st == ORO_OK;
}

/* restore() of a database on disk: the files are what the engine has then, of another module as of another state. Takes made. */
static bool
restore_disk(struct engine *e, struct oro_store *made, struct module *m)
{
    bool other = m != e->module, done = testing_close(e);
    Py_INCREF(m);
    Py_SETREF(e->module, m);
    if (done && !other)
        done = disk_write(e, made);
    if (done)
        done = testing_open_disk(e, other ? made : NULL);
    oro_store_destroy(made);
    return done;
}

/* restore(snapshot[, module]): the state is the snapshot's; with another module, as a reload carries it over. */
PyObject *
testing_restore(PyObject *o, PyObject *args)
{
    struct engine *e = (struct engine *)o;
    struct snapshot *s;
    struct module *m = e->module;
    if (!PyArg_ParseTuple(args, "O!|O!", testing_snapshot_type, &s, testing_module_type, &m) ||
        !testing_ready(e))
        return NULL;
    if (m == e->module && s->module != m) {
        PyErr_SetString(PyExc_ValueError, "the snapshot is of another module");
        return NULL;
    }
    testing_running = e->busy = true; /* a hook is the author's */
    struct oro_store *store = copy_of(s->store, m);
    testing_running = e->busy = false;
    if (store == NULL)
        return NULL;
    if (e->disk != NULL)
        return restore_disk(e, store, m) ? Py_NewRef(Py_None) : NULL;
    (void)!testing_close(e); /* nothing to write */
    Py_INCREF(m);
    Py_SETREF(e->module, m);
    testing_open(e, store, NULL);
    Py_RETURN_NONE;
}

/* One in memory: its rows are written to a file of the folder as a server writes them, and read from it. On failure all is as before. */
static bool
reopen_memory(struct engine *e, const char *folder)
{
    struct oro_err err = {0};
    struct oro_store *store;
    struct disk *disk;
    struct disk_place at = {.folder = folder,
                            .name = "restart",
                            .schema = e->module->schema,
                            .database = &e->database,
                            .passing = true};
    oro_status st = testing_disk_write(&at, e->store, &err);
    if (st == ORO_OK)
        st = testing_disk_open(&at, &disk, &store, &err);
    if (st != ORO_OK) {
        testing_fail(st, &err);
        return false;
    }
    (void)!testing_disk_close(disk); /* nothing was written since */
    (void)!testing_close(e);
    testing_open(e, store, NULL);
    return true;
}

PyObject *
testing_reopen(PyObject *o, PyObject *args)
{
    struct engine *e = (struct engine *)o;
    const char *folder = NULL;
    if (!PyArg_ParseTuple(args, "|z", &folder) || !testing_ready(e))
        return NULL;
    bool done =
        e->disk == NULL ? reopen_memory(e, folder) : testing_close(e) && testing_open_disk(e, NULL);
    return done ? Py_NewRef(Py_None) : NULL;
}

/* The tables of the functions that run once and that the data has not seen. */
static PyObject *
once_new(struct engine *e)
{
    const struct oro_schema *schema = e->module->schema;
    PyObject *list = PyList_New(0);
    for (uint32_t i = 0; list != NULL && i < schema->nschedules; i++) {
        if (e->disk != NULL && !testing_disk_once_new(e->disk, i))
            continue;
        PyObject *name = PyUnicode_FromString(schema->schedules[i].table);
        if (name == NULL || PyList_Append(list, name) < 0)
            Py_CLEAR(list);
        Py_XDECREF(name);
    }
    return list;
}

PyObject *
testing_found(PyObject *o, PyObject *none)
{
    struct engine *e = (struct engine *)o;
    if (!testing_ready(e))
        return NULL;
    bool init = e->disk == NULL || testing_disk_needs_init(e->disk);
    bool changed = e->disk != NULL && testing_disk_changed(e->disk);
    return Py_BuildValue("(OONy#)", init ? Py_True : Py_False, changed ? Py_True : Py_False,
                         once_new(e), (const char *)e->database.le,
                         (Py_ssize_t)sizeof(e->database.le));
}

PyObject *
testing_settle(PyObject *o, PyObject *none)
{
    struct engine *e = (struct engine *)o;
    struct oro_err err = {0};
    if (!testing_ready(e))
        return NULL;
    oro_status st = e->disk != NULL ? testing_disk_settle(e->disk, &err) : ORO_OK;
    return st == ORO_OK ? Py_NewRef(Py_None) : testing_fail(st, &err);
}
