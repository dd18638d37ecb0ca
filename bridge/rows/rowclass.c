/* bridge/rows/rowclass.c - making the class of a table out of the author's: his namespace and bases, our instances; and joining it
 * with the columns of the schema. */
#include "bridge/rows/row.h"

/* A function that the dataclass decorator wrote. */
static bool
is_generated(PyObject *v)
{
    PyObject *code = PyFunction_Check(v) ? PyFunction_GetCode(v) : NULL;
    if (code == NULL)
        return false;
    PyObject *file = ((PyCodeObject *)code)->co_filename;
    return PyUnicode_CompareWithASCIIString(file, "<string>") == 0;
}

static bool
left_out(PyObject *names, PyObject *key, PyObject *v)
{
    static const char *const dropped[] = {"__dict__",
                                          "__weakref__",
                                          "__slots__",
                                          "__init__",
                                          "__match_args__",
                                          "__classcell__",
                                          "__dataclass_fields__",
                                          "__dataclass_params__"};
    for (size_t i = 0; i < ORO_ARRAY_LEN(dropped); i++)
        if (PyUnicode_CompareWithASCIIString(key, dropped[i]) == 0)
            return true;
    if (PyUnicode_CompareWithASCIIString(key, "__hash__") == 0 && v == Py_None)
        return true;
    if (is_generated(v))
        return true;
    int in = PySequence_Contains(names, key);
    if (in < 0)
        PyErr_Clear();
    return in > 0;
}

/* Methods that say super() or __class__ hold the class they were written in: it is the new one now. */
static void
fix_class_cell(PyObject *v, PyObject *old, PyObject *made)
{
    PyObject *fn = NULL;
    if (PyFunction_Check(v))
        fn = Py_NewRef(v);
    else if (PyObject_HasAttrString(v, "__func__"))
        fn = PyObject_GetAttrString(v, "__func__");
    else if (PyObject_TypeCheck(v, &PyProperty_Type))
        fn = PyObject_GetAttrString(v, "fget");
    if (fn == NULL || !PyFunction_Check(fn)) {
        PyErr_Clear();
        Py_XDECREF(fn);
        return;
    }
    PyObject *cells = PyFunction_GetClosure(fn);
    for (Py_ssize_t i = 0; cells != NULL && i < PyTuple_GET_SIZE(cells); i++) {
        PyObject *cell = PyTuple_GET_ITEM(cells, i);
        if (PyCell_Check(cell) && PyCell_GET(cell) == old)
            PyCell_Set(cell, made);
    }
    Py_DECREF(fn);
}

static int
copy_namespace(PyObject *cls, PyObject *made, PyObject *names)
{
    PyObject *dict = PyObject_GetAttrString(cls, "__dict__"),
             *items = dict != NULL ? PyMapping_Items(dict) : NULL;
    int rc = items != NULL ? 0 : -1;
    for (Py_ssize_t i = 0; rc == 0 && i < PyList_GET_SIZE(items); i++) {
        PyObject *pair = PyList_GET_ITEM(items, i), *key = PyTuple_GET_ITEM(pair, 0),
                 *v = PyTuple_GET_ITEM(pair, 1);
        if (left_out(names, key, v))
            continue;
        fix_class_cell(v, cls, made);
        rc = PyObject_SetAttr(made, key, v);
    }
    Py_XDECREF(dict);
    Py_XDECREF(items);
    if (rc < 0)
        return -1;
    PyObject *qualname = PyObject_GetAttrString(cls, "__qualname__");
    rc = qualname != NULL ? PyObject_SetAttrString(made, "__qualname__", qualname) : -1;
    Py_XDECREF(qualname);
    return rc;
}

/* The author's bases, with ours behind them unless one is a table already. */
static PyObject *
bases_of(struct oro_rowspace *rs, PyObject *cls)
{
    PyObject *old = PyObject_GetAttrString(cls, "__bases__"), *list = PyList_New(0), *out = NULL;
    bool ours = false;
    if (old == NULL || list == NULL || !PyTuple_Check(old))
        goto done;
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(old); i++) {
        PyObject *b = PyTuple_GET_ITEM(old, i);
        if (b == (PyObject *)&PyBaseObject_Type)
            continue;
        ours = ours ||
               (PyType_Check(b) && PyType_IsSubtype((PyTypeObject *)b, (PyTypeObject *)rs->t_row));
        if (PyList_Append(list, b) < 0)
            goto done;
    }
    if (ours || PyList_Append(list, rs->t_row) == 0)
        out = PyList_AsTuple(list);
done:
    Py_XDECREF(old);
    Py_XDECREF(list);
    return out;
}

static int
read_default(struct oro_rowcol *col, PyObject *defaults)
{
    PyObject *pair = PyDict_GetItemWithError(defaults, col->name);
    if (pair == NULL)
        return PyErr_Occurred() ? -1 : 0;
    if (!PyTuple_Check(pair) || PyTuple_GET_SIZE(pair) != 2 ||
        !PyUnicode_Check(PyTuple_GET_ITEM(pair, 0))) {
        PyErr_SetString(PyExc_TypeError, "a default is not a pair");
        return -1;
    }
    PyObject *kind = PyTuple_GET_ITEM(pair, 0);
    col->dkind = PyUnicode_CompareWithASCIIString(kind, "value") == 0  ? DEFAULT_VALUE
                 : PyUnicode_CompareWithASCIIString(kind, "copy") == 0 ? DEFAULT_COPY
                                                                       : DEFAULT_FACTORY;
    col->dflt = Py_NewRef(PyTuple_GET_ITEM(pair, 1));
    return 0;
}

PyObject *
oro_pyrow_class(PyObject *module, PyObject *args)
{
    struct oro_rowspace *rs = oro_rowspace_of(module);
    PyObject *cls, *names, *defaults, *bases, *made;
    if (!PyArg_ParseTuple(args, "O!O!O!", &PyType_Type, &cls, &PyTuple_Type, &names, &PyDict_Type,
                          &defaults))
        return NULL;
    unsigned n = (unsigned)PyTuple_GET_SIZE(names);
    if (n > ORO_ROW_COLS_MAX)
        return PyErr_Format(PyExc_TypeError, "a table has %u columns at most", ORO_ROW_COLS_MAX);
    /* Linked at once, so that its objects have an owner whatever happens next. */
    struct oro_rowclass *rc = oro_calloc(1, sizeof(*rc) + n * sizeof(rc->cols[0]));
    const char *dot = strrchr(((PyTypeObject *)cls)->tp_name, '.');
    rc->space = rs;
    rc->codecs = rs->codecs;
    rc->limit = rs->max_pool;
    rc->name = oro_strdup(dot != NULL ? dot + 1 : ((PyTypeObject *)cls)->tp_name);
    rc->table = rc->name;
    rc->ncols = n;
    struct oro_rowclass **list = rs->staged_classes != NULL ? rs->staged_classes : &rs->classes;
    rc->next = *list;
    *list = rc;
    for (unsigned i = 0; i < n; i++) {
        PyObject *name = PyTuple_GET_ITEM(names, i);
        if (!PyUnicode_CheckExact(name))
            return PyErr_Format(PyExc_TypeError, "a column name is not a str");
        rc->cols[i].name = Py_NewRef(name);
        PyUnicode_InternInPlace(&rc->cols[i].name);
        if (read_default(&rc->cols[i], defaults) < 0)
            return NULL;
    }
    bases = bases_of(rs, cls);
    made = bases != NULL ? oro_pyrow_make_type(module, cls, bases, n, rc->name) : NULL;
    Py_XDECREF(bases);
    if (made == NULL)
        return NULL;
    rc->type = (PyTypeObject *)made;
    oro_map_put_u64(&rs->class_map, (uint64_t)(uintptr_t)made, rc);
    if (copy_namespace(cls, made, names) < 0 ||
        PyObject_SetAttrString(made, "__match_args__", names) < 0)
        goto error;
    for (unsigned i = 0; i < n; i++)
        if (oro_pyrow_add_column(rs, made, &rc->cols[i], i) < 0)
            goto error;
    rc->has_post_init = PyObject_HasAttr(made, rs->codecs->s_post_init);
    if (PyList_Append(rs->codecs->program.keep, made) < 0) /* rc->type is borrowed */
        goto error;
    return made;
error:
    oro_map_del_u64(&rs->class_map, (uint64_t)(uintptr_t)made);
    rc->type = NULL;
    Py_DECREF(made);
    return NULL;
}

void
oro_rowclass_bind(struct oro_rowclass *rc, const char *table, const struct oro_codec *const *codecs,
                  uint64_t auto_inc)
{
    uint32_t off = 0;
    oro_rowclass_drop_pool(rc, 0);
    rc->table = table;
    rc->patchable = rc->changeable = 0;
    rc->auto_inc = auto_inc;
    rc->nfixed = 0;
    for (unsigned i = 0; i < rc->ncols; i++) {
        struct oro_rowcol *c = &rc->cols[i];
        c->codec = codecs[i];
        c->floats = oro_codec_has_floats(c->codec);
        c->off = off;
        c->auto_inc = i < 63 && (auto_inc & oro_pyrow_bit(i)) != 0;
        if (off != ORO_VARIABLE) {
            rc->nfixed = i + 1;
            if (c->codec->fixed_size != ORO_VARIABLE && i < 63)
                rc->patchable |= oro_pyrow_bit(i);
            off = c->codec->fixed_size != ORO_VARIABLE ? off + c->codec->fixed_size : ORO_VARIABLE;
        }
        if (!c->codec->immutable)
            rc->changeable |= oro_pyrow_bit(i);
    }
    rc->bound = true;
}
