/* bridge/host/interp.c - one subinterpreter with its own GIL for each worker thread, or the main interpreter instead. They are made
 * and ended one at a time (field-notes.md, "CPython subinterpreters"). */
#include "bridge/host/handler_priv.h"
#include "bridge/host/interp_priv.h"

#include "bridge/host/memory_priv.h"
#include "bridge/host/module_priv.h"
#include "bridge/host/report_priv.h"
#include "bridge/host/runtime_priv.h"

_Thread_local struct oro_py *oro_py_here;
_Atomic unsigned oro_py_opened;

static int
look(struct oro_db *db)
{
    return oro_py_look(ORO_CONTAINER_OF(db, struct oro_py, db));
}

bool oro_py_warn_lost = true;

void
oro_py_init(struct oro_py *py)
{
    static const struct oro_db_hooks hooks = {look, oro_pyenv_object, oro_py_sleep_for_ever};
    oro_codecs_init(&py->codecs);
    oro_rowspace_init(&py->rows, &py->codecs);
    oro_db_init(&py->db, &py->rows, oro_py_warn_lost);
    py->codecs.fits = oro_py_memory_fits;
    py->db.hooks = &hooks;
    oro_py_config_look(py);
}

void
oro_py_fini(struct oro_py *py)
{
    oro_rowspace_fini(&py->rows);
    oro_py_versions_free(py);
    oro_codecs_fini(&py->codecs);
    oro_free(py->stdlib);
    oro_free(py);
}

/* The package's import may need the C side whole. */
int
oro_py_ready(void)
{
    PyObject *package = PyImport_ImportModule("orochi"), *m = NULL, *out = NULL;
    if (package != NULL)
        m = PyImport_ImportModule("_orochi");
    if (m != NULL)
        out = PyObject_CallMethod(m, "_ready", NULL);
    Py_XDECREF(package);
    Py_XDECREF(m);
    Py_XDECREF(out);
    return out != NULL ? 0 : -1;
}

/* ---- open and close ---- */

/* On return the new interpreter's thread state is current on this thread. */
static oro_status
make_interpreter(PyThreadState **out, struct oro_err *err)
{
    const PyInterpreterConfig config = {
        .use_main_obmalloc = 0,
        .allow_fork = 0,
        .allow_exec = 0,
        .allow_threads = 0,
        .allow_daemon_threads = 0,
        .check_multi_interp_extensions = 1,
        .gil = PyInterpreterConfig_OWN_GIL,
    };
    PyThreadState *m = PyThreadState_New(PyInterpreterState_Main()), *ts = NULL;
    if (m == NULL)
        return oro_err_set(err, ORO_EINTERNAL, "no memory for a thread state");
    PyEval_RestoreThread(m);
    PyStatus st = Py_NewInterpreterFromConfig(&ts, &config);
    if (PyStatus_Exception(st)) {
        PyThreadState_Clear(m);
        PyThreadState_DeleteCurrent();
        return oro_py_failed(err, st);
    }
    PyEval_SaveThread();
    PyEval_RestoreThread(m);
    PyThreadState_Clear(m);
    PyThreadState_DeleteCurrent();
    PyEval_RestoreThread(ts);
    *out = ts;
    return ORO_OK;
}

/* On return a thread state of the main interpreter is current on this thread. Main's own thread waits without the GIL. */
static oro_status
join_main(PyThreadState **out, struct oro_err *err)
{
    PyThreadState *ts =
        oro_py_rt.was_main == NULL ? PyThreadState_New(PyInterpreterState_Main()) : NULL;
    if (ts == NULL)
        return oro_err_set(err, ORO_EINTERNAL, "the main interpreter is in use");
    PyEval_RestoreThread(ts);
    *out = ts;
    return ORO_OK;
}

static PyObject *
site_list(void)
{
    PyObject *list = PyList_New(0);
    for (size_t i = 0; list != NULL && oro_py_rt.sites != NULL && oro_py_rt.sites[i] != NULL; i++) {
        PyObject *s = PyUnicode_FromString(oro_py_rt.sites[i]);
        if (s == NULL || PyList_Append(list, s) < 0)
            Py_CLEAR(list);
        Py_XDECREF(s);
    }
    return list;
}

static int
prepare(struct oro_py *py)
{
    if (oro_py_add_path() < 0)
        return -1;
    oro_py_opening = py;
    int rc = oro_py_ready();
    oro_py_opening = NULL;
    if (rc < 0)
        return -1;
    PyObject *m = PyImport_ImportModule("orochi._worker"), *out = NULL, *sites = site_list();
    if (m != NULL && sites != NULL)
        out = PyObject_CallMethod(m, "install", "OO", py->shared ? Py_True : Py_False, sites);
    Py_XDECREF(sites);
    Py_XDECREF(m);
    Py_XDECREF(out);
    return out != NULL ? 0 : -1;
}

/* Takes py, and the interpreter's GIL off this thread. */
static void
end_interpreter(struct oro_py *py)
{
    /* What the module state owns must go before the interpreter checks what is left. */
    for (struct oro_rowclass *rc = py->rows.classes; rc != NULL; rc = rc->next)
        oro_rowclass_drop_pool(rc, 0);
    oro_py_here = NULL;
    oro_py_memory_close(py);
    if (!py->shared) {
        Py_EndInterpreter(py->ts);           /* atexit functions and destructors of the author's, */
        atomic_fetch_sub(&oro_py_opened, 1); /* which are guarded as well */
        oro_py_fini(py);
        return;
    }
    /* The main interpreter ends with the process, so this one stays counted. */
    PyThreadState_Clear(py->ts);
    oro_py_rt.was_main = py;
    PyThreadState_DeleteCurrent();
}

oro_status
oro_py_open(unsigned worker, const struct oro_host_ops *ops, struct oro_py **out,
            struct oro_err *err)
{
    struct oro_py *py = ORO_NEW(struct oro_py);
    py->worker = worker;
    py->db.ops = ops;
    py->shared = oro_py_rt.in_main;
    oro_py_init(py);
    pthread_mutex_lock(&oro_py_rt.making);
    atomic_fetch_add(&oro_py_opened, 1);
    oro_py_memory_open(py);
    oro_status st = py->shared ? join_main(&py->ts, err) : make_interpreter(&py->ts, err);
    if (st != ORO_OK) {
        atomic_fetch_sub(&oro_py_opened, 1);
        oro_py_memory_close(py);
        oro_py_fini(py);
    } else {
        py->interp = PyThreadState_GetInterpreter(py->ts);
        if (prepare(py) < 0) {
            st = oro_py_raised(err, ORO_EINTERNAL, "the package `orochi`");
            end_interpreter(py);
        }
    }
    pthread_mutex_unlock(&oro_py_rt.making);
    if (st == ORO_OK)
        *out = oro_py_here = py;
    return st;
}

void
oro_py_close(struct oro_py *py)
{
    /* The lock is taken without the GIL held by nobody else: each interpreter has its own. */
    pthread_mutex_lock(&oro_py_rt.making);
    end_interpreter(py);
    pthread_mutex_unlock(&oro_py_rt.making);
}

void
oro_py_release(struct oro_py *py)
{
    PyThreadState *ts = PyEval_SaveThread();
    ORO_ASSERT(ts == py->ts);
}

void
oro_py_acquire(struct oro_py *py)
{
    PyEval_RestoreThread(py->ts);
}
