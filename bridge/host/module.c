/* bridge/host/module.c - the built-in module `_orochi`: its state, types and the few functions that the package calls. One
 * interpreter's state is struct oro_py; a worker's comes from oro_py_open, the main interpreter (tools) gets one of its own. */
#include "bridge/host/globals_priv.h"
#include "bridge/host/handler_priv.h"
#include "bridge/host/module_priv.h"
#include "bridge/host/procedure_priv.h"
#include "bridge/host/program.h"
#include "bridge/host/report_priv.h"
#include "bridge/host/schedule_priv.h"
#include "runtime/base/clock.h"

_Thread_local struct oro_py *oro_py_opening;

/* ---- functions ---- */

/* log(level, target, file, line, text): a record of Python's logging, or a line that was printed. */
static PyObject *
py_log(PyObject *module, PyObject *args)
{
    struct oro_py *py = oro_py_of_module(module);
    const char *target, *file, *text;
    int level, line;
    Py_ssize_t n;
    if (!PyArg_ParseTuple(args, "iszis#", &level, &target, &file, &line, &text, &n))
        return NULL;
    enum oro_log_level to = level >= 40   ? ORO_LOG_ERROR
                            : level >= 30 ? ORO_LOG_WARN
                            : level >= 20 ? ORO_LOG_INFO
                                          : ORO_LOG_DEBUG;
    /* Another thread of the module may print while a call runs. */
    if (oro_db_running == &py->db && py->db.call != NULL)
        py->db.ops->log(py->db.call->host, to, target, file, line, oro_bytes(text, (size_t)n));
    else
        oro_log(to, target, "%.*s", (int)(n < 4000 ? n : 4000), text);
    Py_RETURN_NONE;
}

static void
put_count(PyObject **dict, const char *name, uint64_t n)
{
    PyObject *v = *dict != NULL ? PyLong_FromUnsignedLongLong(n) : NULL;
    if (v == NULL || PyDict_SetItemString(*dict, name, v) < 0)
        Py_CLEAR(*dict);
    Py_XDECREF(v);
}

static PyObject *
py_stats(PyObject *module, PyObject *none)
{
    struct oro_py *py = oro_py_of_module(module);
    struct oro_py_stats stats;
    uint64_t pooled = 0;
    oro_py_stats(py, &stats);
    PyObject *out = PyDict_New();
#define PUT(name) put_count(&out, #name, stats.name);
    ORO_CODEC_COUNTERS(PUT)
    ORO_ROW_COUNTERS(PUT)
    ORO_PY_COUNTERS(PUT)
#undef PUT
#define PUT(name) put_count(&out, #name, atomic_load(&py->codecs.n_##name));
    ORO_SHAPE_COUNTERS(PUT)
#undef PUT
    for (struct oro_rowclass *rc = py->rows.classes; rc != NULL; rc = rc->next)
        pooled += rc->npool;
    put_count(&out, "pooled", pooled);
    return out;
}

/* set_pool_size(n): spare rows of each class; what is above is freed at once. */
static PyObject *
py_set_pool_size(PyObject *module, PyObject *v)
{
    struct oro_py *py = oro_py_of_module(module);
    Py_ssize_t n = PyNumber_AsSsize_t(v, PyExc_OverflowError);
    if (n == -1 && PyErr_Occurred())
        return NULL;
    if (n < 0 || n > ORO_POOL_MAX)
        return PyErr_Format(PyExc_ValueError, "a pool holds 0 to %d rows of a class", ORO_POOL_MAX);
    oro_rowspace_pool_limit(&py->rows, (unsigned)n);
    Py_RETURN_NONE;
}

static PyObject *
py_clear_pools(PyObject *module, PyObject *none)
{
    for (struct oro_rowclass *rc = oro_rowspace_of(module)->classes; rc != NULL; rc = rc->next)
        oro_rowclass_drop_pool(rc, 0);
    Py_RETURN_NONE;
}

/* count_cache(hits, misses, evictions, expirations, change of size): the type caches of converters, into the interpreter's
 * numbers. */
static PyObject *
py_count_cache(PyObject *module, PyObject *args)
{
    struct oro_py *py = oro_py_of_module(module);
    Py_ssize_t hits, misses, evictions, expirations, size;
    if (!PyArg_ParseTuple(args, "nnnnn", &hits, &misses, &evictions, &expirations, &size))
        return NULL;
    ORO_COUNT(py, cache_hits, hits);
    ORO_COUNT(py, cache_misses, misses);
    ORO_COUNT(py, cache_evictions, evictions);
    ORO_COUNT(py, cache_expirations, expirations);
    ORO_COUNT(py, cache_size, size);
    Py_RETURN_NONE;
}

/* config(): the settings of this interpreter, as the fields of ConversionConfig. */
static PyObject *
py_config(PyObject *module, PyObject *none)
{
    struct oro_py_config c;
    oro_py_configured(&c);
    return Py_BuildValue(
        "{sIsIsOsOsLsO}", "max_cache_size", c.max_cache_size, "max_pool_size", c.max_pool_size,
        "enable_batch_optimization", c.enable_batch_optimization ? Py_True : Py_False,
        "enable_memory_monitoring", c.enable_memory_monitoring ? Py_True : Py_False, "cache_ttl_ms",
        (long long)c.cache_ttl_ms, "auto_tune", c.auto_tune ? Py_True : Py_False);
}

static PyObject *
py_config_generation(PyObject *module, PyObject *none)
{
    return PyLong_FromUnsignedLongLong(oro_py_config_generation());
}

/* _watch(generator, folder): of the module random; of the standard library, with a slash. For warnings (guard.c). */
static PyObject *
py_watch(PyObject *module, PyObject *args)
{
    struct oro_py *py = oro_py_of_module(module);
    PyObject *generator;
    const char *folder;
    if (!PyArg_ParseTuple(args, "Os", &generator, &folder))
        return NULL;
    oro_free(py->stdlib);
    py->stdlib = oro_strdup(folder);
    Py_XSETREF(py->chance_of, Py_NewRef(generator));
    Py_RETURN_NONE;
}

/* _words(): from now on what an import raised is put into words, for which an interruption waits a while. */
static PyObject *
py_words(PyObject *module, PyObject *none)
{
    oro_py_of_module(module)->grace_us = oro_py_words_us() + ORO_PY_WORDS_US;
    Py_RETURN_NONE;
}

static PyMethodDef functions[] = {
    {"config", py_config, METH_NOARGS, "config(): the server's settings of the bridge."},
    {"stats", py_stats, METH_NOARGS, "stats(): the interpreter's counters."},
    {"set_pool_size", py_set_pool_size, METH_O, "set_pool_size(n): spare rows kept of each class."},
    {"clear_pools", py_clear_pools, METH_NOARGS, "clear_pools(): frees all spare rows."},
    {"count_cache", py_count_cache, METH_VARARGS, NULL},
    {"config_generation", py_config_generation, METH_NOARGS,
     "config_generation(): rises when config() changes."},
    {"_log", py_log, METH_VARARGS, NULL},
    {"_metric", oro_py_metric, METH_VARARGS, NULL},
    {"_measure", oro_py_measure, METH_VARARGS, NULL},
    {"_metrics", oro_py_metrics, METH_NOARGS, NULL},
    {"_watch", py_watch, METH_VARARGS, NULL},
    {"_words", py_words, METH_NOARGS, NULL},
    {"_tx_begin", oro_pytx_begin, METH_O, NULL},
    {"_tx_end", oro_pytx_end, METH_O, NULL},
    {"_tx_log", oro_pytx_log, METH_NOARGS, NULL},
    {"_tx_env", oro_pytx_env, METH_NOARGS, NULL},
    {"_env", oro_pyenv_get, METH_O, NULL},
    {"_env_set", oro_pyenv_set, METH_O, NULL},
    {"_schedule", oro_py_schedule, METH_VARARGS, NULL},
    {"_cancel", oro_py_cancel, METH_O, NULL},
    {"_targets", oro_py_targets, METH_NOARGS, NULL},
    ORO_PROCEDURE_FUNCTIONS,
    {"_main", oro_py_program_main, METH_VARARGS,
     "_main(argv, executable, folder): runs the program with the words of its command line, as the "
     "Python `executable` that has "
     "the package in `folder`, and ends the process with its exit code. Main thread."},
    {0},
};

/* ---- what is needed of the package, looked up when first wanted ---- */

static int
import_names(struct oro_py *py)
{
    const struct oro_wanted wanted[] = {
        {"orochi._errors", "refusal", &py->refusal},
        {"orochi._errors", "ReducerError", &py->e_reducer},
        {"orochi._errors", "SchemaError", &py->e_schema},
        {"orochi._errors", "ReducerTimeout", &py->e_timeout},
        {"orochi._errors", "ForbiddenInReducer", &py->e_forbidden},
        {"orochi._procedures", "make_context", &py->make_asked},
        {"orochi._errors", "HttpError", &py->e_http},
    };
    return oro_codecs_import(&py->codecs) < 0 || oro_rowspace_import(&py->rows) < 0 ||
                   oro_db_import(&py->db) < 0
               ? -1
               : oro_import_names(wanted, ORO_ARRAY_LEN(wanted));
}

/* The package imports `_orochi` while it is itself half imported, so what we need of it is fetched by this call, made at the
 * end of oro_py_open and by the tools. */
static PyObject *
py_ready(PyObject *module, PyObject *none)
{
    struct oro_py *py = oro_py_of_module(module);
    if (py->codecs.e_orochi == NULL && import_names(py) < 0)
        return NULL;
    Py_RETURN_NONE;
}

static PyMethodDef ready_def = {"_ready", py_ready, METH_NOARGS, NULL};

static int
module_exec(PyObject *module)
{
    struct oro_py_module_state *s = PyModule_GetState(module);
    struct oro_py *py = oro_py_opening;
    if (py == NULL) {
        py = ORO_NEW(struct oro_py);
        py->module_owned = true;
        oro_py_init(py);
    }
    *s = (struct oro_py_module_state){{{{&py->codecs}, &py->rows}, &py->db}, py};
    if (oro_codecs_types(&py->codecs, module) < 0 || oro_rowspace_types(&py->rows, module) < 0 ||
        oro_db_types(&py->db, module) < 0)
        return -1;
    PyObject *name = PyUnicode_FromString("_orochi"), *ready = NULL;
    if (name != NULL)
        ready = PyCFunction_NewEx(&ready_def, module, name);
    Py_XDECREF(name);
    if (ready == NULL)
        return -1;
    int rc = PyModule_AddObjectRef(module, "_ready", ready);
    Py_DECREF(ready);
    return rc;
}

static int
module_traverse(PyObject *module, visitproc visit, void *arg)
{
    struct oro_py_module_state *s = PyModule_GetState(module);
    if (s == NULL || s->py == NULL)
        return 0;
    struct oro_py *py = s->py;
#define VISIT(name) Py_VISIT(py->name);
    ORO_PY_OBJECTS(VISIT)
#undef VISIT
    int stop = oro_codecs_traverse(&py->codecs, visit, arg);
    if (stop == 0)
        stop = oro_rowspace_traverse(&py->rows, visit, arg);
    return stop != 0 ? stop : oro_db_traverse(&py->db, visit, arg);
}

static int
module_clear(PyObject *module)
{
    struct oro_py_module_state *s = PyModule_GetState(module);
    if (s == NULL || s->py == NULL)
        return 0;
    struct oro_py *py = s->py;
    oro_cerr_clear(&py->codecs);
    oro_globals_free(py);
    oro_rowspace_drop_classes(&py->rows);
    oro_db_drop_tables(&py->db);
#define CLEAR(name) Py_CLEAR(py->name);
    ORO_PY_OBJECTS(CLEAR)
#undef CLEAR
    oro_db_clear(&py->db);
    oro_rowspace_clear(&py->rows);
    oro_codecs_clear(&py->codecs);
    return 0;
}

/* The plain memory of a state that the module made itself stays until the process ends: rows may be freed after the module. */
static void
module_free(void *module)
{
    module_clear(module);
}

static PyModuleDef_Slot slots[] = {
    {Py_mod_exec, module_exec},
    {Py_mod_multiple_interpreters, Py_MOD_PER_INTERPRETER_GIL_SUPPORTED},
    {0, NULL},
};

static PyModuleDef def = {
    PyModuleDef_HEAD_INIT,
    .m_name = "_orochi",
    .m_doc = "The C side of the package orochi.",
    .m_size = sizeof(struct oro_py_module_state),
    .m_methods = functions,
    .m_slots = slots,
    .m_traverse = module_traverse,
    .m_clear = module_clear,
    .m_free = module_free,
};

PyMODINIT_FUNC
PyInit__orochi(void)
{
    return PyModuleDef_Init(&def);
}
