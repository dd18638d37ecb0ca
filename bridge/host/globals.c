/* bridge/host/globals.c - module globals that a reducer writes: each worker has its own, nothing stores them, and an attempt that
 * is run again does not take them back. The author is told once for each place.
 *
 * Dicts (the modules' own, and those that stand in them) are watched, which costs nothing until one is written. Lists, sets and
 * the like cannot be: their length is looked at after each call, as long as there are few of them. What a function of another
 * package keeps for itself (functools and its like) is in none of these. */
#include "bridge/host/globals_priv.h"

#define SIZED_MAX 32

struct sized {
    PyObject *o, *label; /* owned */
    Py_ssize_t n;
};

struct oro_globals {
    int watcher;
    struct oro_map
        labels; /* address of a watched dict to its label: a str, owned; None: a module's own */
    struct sized sized[SIZED_MAX];
    unsigned nsized;
};

bool oro_py_warn_globals = true;

static void
tell(struct oro_py *py, const struct oro_place *place, const char *name)
{
    if (oro_place_first(place, name))
        oro_place_warn(oro_db_caller(&py->db), place,
                       "the global %s was changed in a reducer: every worker has its own, which is "
                       "not stored and not taken back when the call is run again; keep it in a "
                       "table (reducer.warn_globals)",
                       name);
}

/* Does code of the author's modules run? */
static bool
is_own(const struct oro_globals *g)
{
    PyObject *globals = PyEval_GetGlobals();
    return globals != NULL &&
           oro_map_get_u64(&g->labels, (uint64_t)(uintptr_t)globals) == (void *)Py_None;
}

/* Before a watched dict changes. Must not run Python code nor raise. */
static int
on_change(PyDict_WatchEvent event, PyObject *dict, PyObject *key, PyObject *now)
{
    struct oro_py *py = oro_py_here;
    struct oro_globals *g = py != NULL ? py->globals : NULL;
    PyObject *label = g != NULL ? oro_map_get_u64(&g->labels, (uint64_t)(uintptr_t)dict) : NULL;
    if (label == NULL)
        return 0;
    if (event == PyDict_EVENT_DEALLOCATED) {
        oro_map_del_u64(&g->labels, (uint64_t)(uintptr_t)dict);
        Py_DECREF(label);
        return 0;
    }
    if (!oro_py_hits(py))
        return 0;
    if (label == Py_None) { /* names of Python's own, and what an import leaves */
        const char *name = key != NULL && PyUnicode_CheckExact(key) ? PyUnicode_AsUTF8(key) : NULL;
        if (name == NULL || strncmp(name, "__", 2) == 0 || (now != NULL && PyModule_Check(now))) {
            if (PyErr_Occurred() && name == NULL)
                PyErr_Clear();
            return 0;
        }
        label = key;
    }
    if (!is_own(g))
        return 0;
    PyObject *raised = PyErr_GetRaisedException();
    struct oro_place place;
    oro_place_here(&place);
    const char *text = PyUnicode_AsUTF8(label);
    if (text != NULL)
        tell(py, &place, text);
    oro_place_drop(&place);
    PyErr_SetRaisedException(raised);
    return 0;
}

static int
watch(struct oro_globals *g, PyObject *dict, PyObject *label)
{
    uint64_t at = (uint64_t)(uintptr_t)dict;
    if (oro_map_get_u64(&g->labels, at) != NULL)
        return 0;
    if (PyDict_Watch(g->watcher, dict) < 0)
        return -1;
    oro_map_put_u64(&g->labels, at, Py_NewRef(label));
    return 0;
}

static bool
is_sized(PyObject *o)
{
    return PyList_CheckExact(o) || PySet_CheckExact(o) || PyByteArray_CheckExact(o) ||
           strcmp(Py_TYPE(o)->tp_name, "collections.deque") == 0;
}

static int
watch_module(struct oro_globals *g, PyObject *dict)
{
    PyObject *items = PyDict_Items(dict);
    int rc = items != NULL ? watch(g, dict, Py_None) : -1;
    for (Py_ssize_t i = 0; rc == 0 && i < PyList_GET_SIZE(items); i++) {
        PyObject *name = PyTuple_GET_ITEM(PyList_GET_ITEM(items, i), 0),
                 *v = PyTuple_GET_ITEM(PyList_GET_ITEM(items, i), 1);
        if (!PyUnicode_CheckExact(name) ||
            (PyUnicode_GET_LENGTH(name) > 1 && PyUnicode_READ_CHAR(name, 0) == '_' &&
             PyUnicode_READ_CHAR(name, 1) == '_'))
            continue;
        if (PyDict_Check(v))
            rc = watch(g, v, name);
        else if (is_sized(v) && g->nsized < SIZED_MAX)
            g->sized[g->nsized++] = (struct sized){Py_NewRef(v), Py_NewRef(name), PyObject_Size(v)};
    }
    Py_XDECREF(items);
    return rc;
}

static void
forget(struct oro_globals *g)
{
    const struct oro_map_slot *slot;
    for (size_t i = 0; oro_map_next(&g->labels, &i, &slot);) {
        PyObject *dict = (PyObject *)(uintptr_t)slot->key_len, *label = slot->value;
        if (PyDict_Unwatch(g->watcher, dict) < 0)
            PyErr_Clear();
        oro_map_del_u64(&g->labels, slot->key_len);
        Py_DECREF(label);
    }
    oro_map_fini(&g->labels);
    g->labels = (struct oro_map){0};
    while (g->nsized > 0) {
        struct sized *s = &g->sized[--g->nsized];
        Py_CLEAR(s->o);
        Py_CLEAR(s->label);
    }
}

void
oro_globals_watch(struct oro_py *py)
{
    if (!oro_py_warn_globals)
        return;
    if (py->globals == NULL) {
        int id = PyDict_AddWatcher(on_change);
        if (id < 0) {
            PyErr_Clear(); /* all are taken: then nobody is told */
            return;
        }
        py->globals = ORO_NEW(struct oro_globals);
        py->globals->watcher = id;
    }
    forget(py->globals);
    PyObject *load = PyImport_ImportModule("orochi._load");
    PyObject *dicts = load != NULL ? PyObject_CallMethod(load, "own_globals", NULL) : NULL;
    for (Py_ssize_t i = 0; dicts != NULL && PyList_Check(dicts) && i < PyList_GET_SIZE(dicts); i++)
        if (watch_module(py->globals, PyList_GET_ITEM(dicts, i)) < 0)
            break;
    py->globals_sized = py->globals->nsized > 0;
    Py_XDECREF(load);
    Py_XDECREF(dicts);
    PyErr_Clear();
}

void
oro_globals_look(struct oro_py *py, PyObject *fn)
{
    struct oro_globals *g = py->globals;
    for (unsigned i = 0; i < g->nsized; i++) {
        struct sized *s = &g->sized[i];
        Py_ssize_t n = PyList_CheckExact(s->o) ? PyList_GET_SIZE(s->o) : PyObject_Size(s->o);
        if (ORO_LIKELY(n == s->n))
            continue;
        s->n = n;
        struct oro_place place = {
            .code = PyFunction_Check(fn) ? Py_NewRef(PyFunction_GetCode(fn)) : NULL, .at = -1};
        tell(py, &place, PyUnicode_AsUTF8(s->label));
        oro_place_drop(&place);
    }
}

void
oro_globals_free(struct oro_py *py)
{
    if (py->globals == NULL)
        return;
    struct oro_globals *g = py->globals;
    forget(g);
    if (PyDict_ClearWatcher(g->watcher) < 0)
        PyErr_Clear();
    py->globals = NULL;
    py->globals_sized = false;
    oro_free(g);
}
