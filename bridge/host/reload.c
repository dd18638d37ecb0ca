/* bridge/host/reload.c - a second version of the module in the interpreter that runs the first: imported beside it, bound, and
 * then exchanged with it or dropped. Interpreters live as long as the process, since ending one does not give all its memory
 * back.
 *
 * What belongs to one version is a `struct oro_version`; struct oro_py has the fields of the one that runs, and exchanges them
 * with those of the other one while that is worked on. An old version's rows may outlive it: a package that is not the
 * author's may have kept one. So its memory is freed only when all its classes are gone, which is looked for at each reload;
 * until then each class keeps alive what its codecs point to. */
#include "bridge/db/table.h"
#include "bridge/host/globals_priv.h"
#include "bridge/host/module_priv.h"

/* Names here, and where struct oro_py has them. */
#define PLAIN_FIELDS(X)        \
    X(program, codecs.program) \
    X(npinned, codecs.npinned) \
    X(root, codecs.root)       \
    X(classes, rows.classes)   \
    X(schema, db.schema)       \
    X(tables, db.tables)       \
    X(ntables, db.ntables)     \
    X(touched, db.touched)     \
    X(ntouched, db.ntouched)   \
    X(reducers, reducers)      \
    X(nreducers, nreducers)
#define OBJECT_FIELDS(X) \
    X(module_spec, module_spec) X(handle, db.handle) X(ctx, db.ctx) X(t_db, db.t_db)
/* Of these, what other threads read for the numbers (oro_py_stats, oro_py_report) stays in place while a version is staged. */
#define STAGED_FIELDS(X) X(program, codecs.program) X(module_spec, module_spec) X(root, codecs.root)

struct oro_version {
#define FIELD(name, path) __typeof__(((struct oro_py *)NULL)->path) name;
    PLAIN_FIELDS(FIELD)
    OBJECT_FIELDS(FIELD)
#undef FIELD
    /* Once it is old. */
    struct oro_version *next;
    PyObject *watched; /* list of weak references to its types */
};

#define EXCHANGE(name, path)                   \
    do {                                       \
        __typeof__(py->path) kept_ = py->path; \
        py->path = v->name;                    \
        v->name = kept_;                       \
    } while (0);

static void
exchange_staged(struct oro_py *py, struct oro_version *v)
{
    STAGED_FIELDS(EXCHANGE)
}

static void
exchange(struct oro_py *py, struct oro_version *v)
{
    PLAIN_FIELDS(EXCHANGE)
    OBJECT_FIELDS(EXCHANGE)
}

static PyObject *
call_load(const char *function)
{
    PyObject *m = PyImport_ImportModule("orochi._load");
    PyObject *out = m != NULL ? PyObject_CallMethod(m, function, NULL) : NULL;
    Py_XDECREF(m);
    return out;
}

/* The end of o may run code of the author's, which may take any time: it has to wait for oro_py_settle. */
static void
set_aside(struct oro_py *py, PyObject *o)
{
    if (py->leaving == NULL)
        py->leaving = PyList_New(0);
    if (o != NULL && (py->leaving == NULL || PyList_Append(py->leaving, o) < 0))
        PyErr_Clear(); /* no memory: it ends at once */
}

/* For what must not fail but in want of memory. */
static void
do_load(struct oro_py *py, const char *function)
{
    PyObject *out = call_load(function);
    if (out == NULL)
        PyErr_WriteUnraisable(NULL);
    set_aside(py, out);
    Py_XDECREF(out);
}

/* ---- an old version ---- */

static int
watch(struct oro_version *v, PyObject *type)
{
    if (type == NULL)
        return 0;
    PyObject *ref = PyWeakref_NewRef(type, NULL);
    int rc = ref != NULL ? PyList_Append(v->watched, ref) : -1;
    Py_XDECREF(ref);
    return rc;
}

/* From now on none of its classes is known, and none keeps spare rows. */
static int
classes_retire(struct oro_py *py, struct oro_version *v)
{
    int rc = 0;
    for (struct oro_rowclass *c = v->classes; c != NULL; c = c->next) {
        oro_rowclass_drop_pool(c, 0);
        c->limit = 0;
        c->retired = true;
        for (unsigned i = 0; i < c->ncols; i++) {
            set_aside(py, c->cols[i].dflt);
            Py_CLEAR(c->cols[i].dflt);
            c->cols[i].dkind = DEFAULT_NONE;
        }
        if (c->type == NULL)
            continue; /* its making failed */
        oro_map_del_u64(&py->rows.class_map, (uint64_t)(uintptr_t)c->type);
        if (watch(v, (PyObject *)c->type) < 0 ||
            PyObject_SetAttrString((PyObject *)c->type, "__orochi_kept__", v->program.keep) < 0)
            rc = -1;
    }
    return rc;
}

static int
tables_retire(struct oro_version *v)
{
    int rc = watch(v, v->t_db);
    for (unsigned i = 0; i < v->ntables; i++) {
        struct oro_pytable *t = &v->tables[i];
        if (watch(v, (PyObject *)t->type) < 0 ||
            (t->type != NULL &&
             PyObject_SetAttrString((PyObject *)t->type, "__orochi_kept__", v->program.keep) < 0))
            rc = -1;
        Py_CLEAR(t->type);
        Py_CLEAR(t->lookups);
        Py_CLEAR(t->name);
        Py_CLEAR(t->accessor);
    }
    return rc;
}

/* Takes v, which is not the one that runs. */
static void
retire(struct oro_py *py, struct oro_version *v)
{
    set_aside(py, v->program.keep);
    set_aside(py, v->ctx);
    set_aside(py, v->module_spec);
    v->watched = PyList_New(0);
    /* Without memory for the references nobody could say when it ends: then it stays for ever. */
    int known = v->watched != NULL ? 0 : -1;
    if (known == 0)
        known = classes_retire(py, v);
    if (known == 0)
        known = tables_retire(v);
    if (known < 0) {
        PyErr_Clear();
        Py_CLEAR(v->watched);
    } else {
        Py_CLEAR(v->program.keep);
    }
    Py_CLEAR(v->ctx);
    Py_CLEAR(v->handle);
    Py_CLEAR(v->t_db);
    Py_CLEAR(v->module_spec);
    v->next = py->old_versions;
    py->old_versions = v;
}

static bool
is_gone(struct oro_version *v)
{
    if (v->watched == NULL)
        return false;
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(v->watched); i++) {
        PyObject *type = NULL;
        int rc = PyWeakref_GetRef(PyList_GET_ITEM(v->watched, i), &type);
        Py_XDECREF(type);
        if (rc != 0) {
            PyErr_Clear();
            return false;
        }
    }
    return true;
}

static void
version_free(struct oro_version *v, bool alive)
{
    for (struct oro_rowclass *c = v->classes, *next; c != NULL; c = next) {
        next = c->next;
        for (unsigned i = 0; alive && i < c->ncols; i++)
            Py_CLEAR(c->cols[i].name);
        oro_free(c->name);
        oro_free(c);
    }
    if (alive)
        Py_CLEAR(v->watched);
    oro_arena_fini(&v->program.arena);
    oro_free(v->root);
    oro_free(v);
}

static void
collect(const char *step)
{
    PyObject *gc = PyImport_ImportModule("gc");
    PyObject *out = gc != NULL ? PyObject_CallMethod(gc, step, NULL) : NULL;
    Py_XDECREF(gc);
    Py_XDECREF(out);
    PyErr_Clear();
}

void
oro_py_settle(struct oro_py *py)
{
    PyObject *leaving = py->leaving;
    py->leaving = NULL;
    oro_py_end_begin(py);
    Py_XDECREF(leaving);
    collect("unfreeze");
    collect("collect");
    collect("freeze");
    oro_py_end_end(py);
    for (struct oro_version **link = &py->old_versions, *v; (v = *link) != NULL;) {
        if (!is_gone(v)) {
            link = &v->next;
            continue;
        }
        *link = v->next;
        version_free(v, true);
    }
}

void
oro_py_versions_free(struct oro_py *py)
{
    ORO_ASSERT(py->staged == NULL);
    for (struct oro_version *v; (v = py->old_versions) != NULL;) {
        py->old_versions = v->next;
        version_free(v, false);
    }
}

/* ---- a new version ---- */

oro_status
oro_py_stage(struct oro_py *py, const char *path, const char *name, char **descriptor,
             char **report, struct oro_err *err)
{
    oro_py_unstage(py); /* of an attempt that was given up */
    struct oro_version *v = ORO_NEW(struct oro_version);
    oro_program_init(&v->program);
    v->program.keep = PyList_New(0);
    py->rows.staged_classes = &v->classes;
    exchange_staged(py, v);
    PyObject *out = py->codecs.program.keep != NULL ? call_load("begin_second") : NULL;
    oro_status st = ORO_EINTERNAL;
    if (out != NULL) {
        st = oro_py_load(py, path, name, descriptor, report, err);
        do_load(py, "end_second");
    } else {
        PyErr_Clear();
        oro_err_set(err, st, "no memory to import the module");
    }
    Py_XDECREF(out);
    exchange_staged(py, v);
    py->rows.staged_classes = NULL;
    py->staged = v;
    if (st != ORO_OK)
        oro_py_unstage(py);
    return st;
}

oro_status
oro_py_map_rows(struct oro_py *py, const struct oro_py_map *m, struct oro_err *err)
{
    if (m->staged)
        exchange(py, py->staged);
    oro_status st = oro_py_map_in(py, m, err);
    if (m->staged)
        exchange(py, py->staged);
    return st;
}

oro_status
oro_py_bind_staged(struct oro_py *py, const struct oro_schema *schema, struct oro_err *err)
{
    exchange(py, py->staged);
    oro_status st = oro_py_bind(py, schema, err);
    exchange(py, py->staged);
    return st;
}

void
oro_py_adopt(struct oro_py *py)
{
    struct oro_version *v = py->staged;
    py->staged = NULL;
    exchange(py, v);
    py->config_generation = 0; /* its classes take the settings over */
    do_load(py, "take_second");
    oro_py_notices_forget();
    oro_globals_watch(py);
    retire(py, v);
}

void
oro_py_unstage(struct oro_py *py)
{
    struct oro_version *v = py->staged;
    if (v == NULL)
        return;
    py->staged = NULL;
    do_load(py, "drop_second");
    retire(py, v);
}

/* ---- modules that take turns ---- */

struct oro_py_module {
    struct oro_version
        version; /* while another one, or none, is entered: this one; else that of before */
    bool entered;
};

oro_status
oro_py_join(const struct oro_host_ops *ops, struct oro_py **out, struct oro_err *err)
{
    PyObject *m = PyImport_ImportModule("_orochi"),
             *ready = m != NULL ? PyObject_CallMethod(m, "_ready", NULL) : NULL;
    if (ready == NULL) {
        PyErr_Clear();
        Py_XDECREF(m);
        return oro_err_set(err, ORO_EINTERNAL, "the package `orochi` has no engine");
    }
    struct oro_py *py = oro_py_of_module(m);
    py->db.ops = ops;
    py->ts = PyThreadState_Get();
    py->interp = PyThreadState_GetInterpreter(py->ts);
    Py_DECREF(ready);
    Py_DECREF(m); /* sys.modules keeps it */
    *out = py;
    return ORO_OK;
}

oro_status
oro_py_module_bind(struct oro_py *py, PyObject *spec, const struct oro_schema *schema,
                   struct oro_py_module **out, struct oro_err *err)
{
    struct oro_py_module *m = ORO_NEW(struct oro_py_module);
    ORO_ASSERT(py->staged == NULL);
    oro_program_init(&m->version.program);
    m->version.program.keep = PyList_New(0);
    m->version.module_spec = Py_NewRef(spec);
    oro_py_module_enter(py, m);
    py->staged = &m->version; /* what is bound beside others: the interpreter is left as it is */
    oro_status st = py->codecs.program.keep != NULL ? oro_py_bind(py, schema, err) : ORO_ENOMEM;
    py->staged = NULL;
    oro_py_module_leave(py, m);
    *out = m; /* also one that failed: classes point into it */
    return st;
}

void
oro_py_module_enter(struct oro_py *py, struct oro_py_module *m)
{
    ORO_ASSERT(!m->entered);
    exchange(py, &m->version);
    m->entered = true;
}

void
oro_py_module_leave(struct oro_py *py, struct oro_py_module *m)
{
    ORO_ASSERT(m->entered);
    exchange(py, &m->version);
    m->entered = false;
}
