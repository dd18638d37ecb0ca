/* bridge/host/globals.c - module globals that a reducer writes: each worker has its own, nothing stores them, and an attempt that
 * is run again does not take them back. The author is told once for each place.
 *
 * Dicts are watched, which costs nothing until one is written: the modules' own, those that stand in them, and those of the
 * modules that they import (`sys.excepthook = ...`). So are the author's classes. Lists, sets and the like cannot be: their
 * length is looked at after each call, and what is in them before and after about one call in sixteen, as long as there are few of
 * them; and so are the attributes of objects of the author's classes (CPython 3.13.0 tells nobody of those). What a function of another package keeps for itself (functools and its like) is in none of these. */
#include "bridge/host/globals_priv.h"

#define SIZED_MAX 64
#define SAMPLE_EVERY 16 /* calls */
#define SAMPLE_ITEMS 256
#define MIX UINT64_C(0x9e3779b97f4a7c15)

struct sized {
    PyObject *o, *label; /* owned */
    Py_ssize_t n;        /* -1: an object with attributes */
    uint64_t sum;        /* of its items' addresses, at the begin of a call that is sampled */
    unsigned items;      /* attributes it had then */
};

struct oro_globals {
    int watcher, classes; /* CPython's numbers of on_change and on_class */
    /* Address of a watched dict or class to its label: a str, owned ("cache", or "config." before an attribute's name); None: a
     * module's own dict. */
    struct oro_map labels;
    struct sized sized[SIZED_MAX];
    unsigned nsized, turn;
    bool sampled;
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

/* Not names of Python's own, and not what an import leaves. */
static bool
is_name_of_state(PyObject *key, PyObject *now)
{
    const char *name = key != NULL && PyUnicode_CheckExact(key) ? PyUnicode_AsUTF8(key) : NULL;
    return name != NULL && strncmp(name, "__", 2) != 0 && (now == NULL || !PyModule_Check(now));
}

static void
tell_here(struct oro_py *py, const char *of, const char *name)
{
    char text[200];
    struct oro_place place;
    snprintf(text, sizeof(text), "%s%s", of, name != NULL ? name : "");
    oro_place_here(&place);
    tell(py, &place, text);
    oro_place_drop(&place);
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
    PyObject *raised = PyErr_GetRaisedException();
    const char *text = label != Py_None ? PyUnicode_AsUTF8(label) : "";
    size_t n = text != NULL ? strlen(text) : 0;
    bool of_names = label == Py_None || (n > 0 && text[n - 1] == '.');
    if (of_names && is_name_of_state(key, now) && is_own(g))
        tell_here(py, text, PyUnicode_AsUTF8(key));
    else if (!of_names && text != NULL && is_own(g))
        tell_here(py, text, "");
    PyErr_Clear();
    PyErr_SetRaisedException(raised);
    return 0;
}

/* Before a class of the author's changes. */
static int
on_class(PyTypeObject *cls)
{
    struct oro_py *py = oro_py_here;
    struct oro_globals *g = py != NULL ? py->globals : NULL;
    PyObject *label = g != NULL ? oro_map_get_u64(&g->labels, (uint64_t)(uintptr_t)cls) : NULL;
    if (label == NULL || !oro_py_hits(py) || !is_own(g))
        return 0;
    PyObject *raised = PyErr_GetRaisedException();
    const char *text = PyUnicode_AsUTF8(label);
    if (text != NULL)
        tell_here(py, "class ", text);
    PyErr_Clear();
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

/* Of one of the modules that are watched. */
static bool
is_class_of_own(const struct oro_globals *g, PyTypeObject *cls)
{
    PyObject *name = (cls->tp_flags & Py_TPFLAGS_HEAPTYPE) != 0
                         ? PyObject_GetAttrString((PyObject *)cls, "__module__")
                         : NULL;
    PyObject *module = name != NULL ? PyImport_GetModule(name) : NULL;
    bool own = module != NULL && PyModule_Check(module) &&
               oro_map_get_u64(&g->labels, (uint64_t)(uintptr_t)PyModule_GetDict(module)) ==
                   (void *)Py_None;
    Py_XDECREF(name);
    Py_XDECREF(module);
    PyErr_Clear();
    return own;
}

static int
watch_class(struct oro_globals *g, PyObject *cls, PyObject *name)
{
    uint64_t at = (uint64_t)(uintptr_t)cls;
    if (g->classes < 0 || oro_map_get_u64(&g->labels, at) != NULL)
        return 0;
    if (PyType_Watch(g->classes, cls) < 0)
        return -1;
    oro_map_put_u64(&g->labels, at, Py_NewRef(name));
    Py_INCREF(cls); /* until it is forgotten: a class tells nobody of its end */
    return 0;
}

/* The attributes of a module, or of what is like one. */
static int
watch_attributes(struct oro_globals *g, PyObject *o, PyObject *name)
{
    PyObject *dict = PyObject_GenericGetDict(o, NULL);
    PyObject *label = dict != NULL ? PyUnicode_FromFormat("%U.", name) : NULL;
    int rc = label != NULL ? watch(g, dict, label) : -1;
    Py_XDECREF(label);
    Py_XDECREF(dict);
    return rc;
}

static void
sample(struct oro_globals *g, PyObject *name, PyObject *o, Py_ssize_t n)
{
    if (g->nsized < SIZED_MAX)
        g->sized[g->nsized++] = (struct sized){Py_NewRef(o), Py_NewRef(name), n, 0};
}

static int
watch_value(struct oro_globals *g, PyObject *name, PyObject *v)
{
    if (PyDict_Check(v))
        return watch(g, v, name);
    if (PyType_Check(v))
        return is_class_of_own(g, (PyTypeObject *)v) ? watch_class(g, v, name) : 0;
    if (PyModule_Check(v) || strcmp(Py_TYPE(v)->tp_name, "types.SimpleNamespace") == 0)
        return watch_attributes(g, v, name);
    if (is_sized(v))
        sample(g, name, v, PyObject_Size(v));
    else if (is_class_of_own(g, Py_TYPE(v)))
        sample(g, name, v, -1);
    return 0;
}

static int
watch_module(struct oro_globals *g, PyObject *dict)
{
    PyObject *items = PyDict_Items(dict);
    int rc = items != NULL ? 0 : -1;
    for (Py_ssize_t i = 0; rc == 0 && i < PyList_GET_SIZE(items); i++) {
        PyObject *name = PyTuple_GET_ITEM(PyList_GET_ITEM(items, i), 0),
                 *v = PyTuple_GET_ITEM(PyList_GET_ITEM(items, i), 1);
        if (!PyUnicode_CheckExact(name) ||
            (PyUnicode_GET_LENGTH(name) > 1 && PyUnicode_READ_CHAR(name, 0) == '_' &&
             PyUnicode_READ_CHAR(name, 1) == '_'))
            continue;
        rc = watch_value(g, name, v);
    }
    Py_XDECREF(items);
    return rc;
}

static void
forget(struct oro_globals *g)
{
    const struct oro_map_slot *slot;
    for (size_t i = 0; oro_map_next(&g->labels, &i, &slot);) {
        PyObject *o = (PyObject *)(uintptr_t)slot->key_len, *label = slot->value;
        bool is_class = PyType_Check(o);
        if ((is_class ? PyType_Unwatch(g->classes, o) : PyDict_Unwatch(g->watcher, o)) < 0)
            PyErr_Clear();
        oro_map_del_u64(&g->labels, slot->key_len);
        Py_DECREF(label);
        if (is_class)
            Py_DECREF(o);
    }
    oro_map_fini(&g->labels);
    g->labels = (struct oro_map){0};
    while (g->nsized > 0) {
        struct sized *s = &g->sized[--g->nsized];
        Py_CLEAR(s->o);
        Py_CLEAR(s->label);
    }
}

/* What a reducer could change for all code of its worker, whether the module has imported it or not. */
static void
watch_pythons_own(struct oro_globals *g)
{
    PyObject *gc = PyImport_ImportModule("gc");
    PyObject *callbacks = gc != NULL ? PyObject_GetAttrString(gc, "callbacks") : NULL;
    PyObject *label = callbacks != NULL ? PyUnicode_FromString("gc.callbacks") : NULL;
    if (label != NULL)
        (void)watch_value(g, label, callbacks);
    Py_XDECREF(label);
    Py_XDECREF(callbacks);
    Py_XDECREF(gc);
    static const char *const names[] = {"sys", "builtins"};
    for (size_t i = 0; i < ORO_ARRAY_LEN(names); i++) {
        PyObject *module = PyImport_ImportModule(names[i]), *name = PyUnicode_FromString(names[i]);
        if (module != NULL && name != NULL)
            (void)watch_attributes(g, module, name);
        Py_XDECREF(module);
        Py_XDECREF(name);
        PyErr_Clear();
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
        py->globals->classes = PyType_AddWatcher(on_class);
        PyErr_Clear();
    }
    forget(py->globals);
    PyObject *load = PyImport_ImportModule("orochi._load");
    PyObject *dicts = load != NULL ? PyObject_CallMethod(load, "own_globals", NULL) : NULL;
    for (Py_ssize_t i = 0; dicts != NULL && PyList_Check(dicts) && i < PyList_GET_SIZE(dicts); i++)
        if (watch(py->globals, PyList_GET_ITEM(dicts, i), Py_None) < 0)
            break;
    for (Py_ssize_t i = 0; dicts != NULL && PyList_Check(dicts) && i < PyList_GET_SIZE(dicts); i++)
        if (watch_module(py->globals, PyList_GET_ITEM(dicts, i)) < 0)
            break;
    watch_pythons_own(py->globals);
    py->globals_sized = py->globals->nsized > 0;
    Py_XDECREF(load);
    Py_XDECREF(dicts);
    PyErr_Clear();
}

/* Items that are the same objects in the same order have the same. No code of an author's runs. */
static uint64_t
sum_of(PyObject *o)
{
    uint64_t sum = 0;
    if (PyByteArray_CheckExact(o)) {
        size_t n = (size_t)PyByteArray_GET_SIZE(o);
        return oro_bytes_hash(
            oro_bytes(PyByteArray_AS_STRING(o), n < 8 * SAMPLE_ITEMS ? n : 8 * SAMPLE_ITEMS));
    }
    PyObject *it = PyObject_GetIter(o), *v;
    for (unsigned i = 0; it != NULL && i < SAMPLE_ITEMS && (v = PyIter_Next(it)) != NULL; i++) {
        sum = (sum ^ (uint64_t)(uintptr_t)v) * MIX;
        Py_DECREF(v);
    }
    Py_XDECREF(it);
    PyErr_Clear();
    return sum;
}

/* Of so many of an object's attributes. */
static uint64_t
sum_of_attributes(PyObject *o, unsigned most, unsigned *items)
{
    uint64_t sum = 0;
    PyObject *dict = PyObject_GenericGetDict(o, NULL), *key, *v;
    Py_ssize_t at = 0;
    *items = 0;
    while (dict != NULL && *items < most && PyDict_Next(dict, &at, &key, &v)) {
        sum = (sum ^ (uint64_t)(uintptr_t)v) * MIX;
        (*items)++;
    }
    Py_XDECREF(dict);
    PyErr_Clear();
    return sum;
}

/* Attributes that are new do not count: a first use may keep something (functools.cached_property). */
static bool
is_same_inside(const struct sized *s)
{
    unsigned items;
    return (s->n < 0 ? sum_of_attributes(s->o, s->items, &items) : sum_of(s->o)) == s->sum;
}

void
oro_globals_begin(struct oro_py *py)
{
    struct oro_globals *g = py->globals;
    g->sampled = g->turn++ % SAMPLE_EVERY == 0;
    for (unsigned i = 0; g->sampled && i < g->nsized; i++) {
        struct sized *s = &g->sized[i];
        s->sum = s->n < 0 ? sum_of_attributes(s->o, SAMPLE_ITEMS, &s->items) : sum_of(s->o);
    }
}

void
oro_globals_look(struct oro_py *py, PyObject *fn)
{
    struct oro_globals *g = py->globals;
    for (unsigned i = 0; i < g->nsized; i++) {
        struct sized *s = &g->sized[i];
        Py_ssize_t n = s->n < 0                  ? s->n
                       : PyList_CheckExact(s->o) ? PyList_GET_SIZE(s->o)
                                                 : PyObject_Size(s->o);
        if (ORO_LIKELY(n == s->n) && (!g->sampled || is_same_inside(s)))
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
    if (g->classes >= 0 && PyType_ClearWatcher(g->classes) < 0)
        PyErr_Clear();
    py->globals = NULL;
    py->globals_sized = false;
    oro_free(g);
}
