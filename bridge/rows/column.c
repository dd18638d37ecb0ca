/* bridge/rows/column.c - columns by their name, and what is said when there is none of it. */
#include "bridge/rows/rowclass.h"

int
oro_rowclass_find(const struct oro_rowclass *rc, PyObject *name)
{
    for (unsigned i = 0; i < rc->ncols; i++)
        if (rc->cols[i].name == name)
            return (int)i;
    for (unsigned i = 0; i < rc->ncols; i++)
        if (rc->cols[i].name != NULL && PyUnicode_Check(name) &&
            PyUnicode_Compare(rc->cols[i].name, name) == 0)
            return (int)i;
    return -1;
}

PyObject *
oro_pyerr_no_column(const char *advice, const char *owner, const struct oro_rowclass *rc,
                    PyObject *name)
{
    PyObject *names = PyTuple_New(rc->ncols), *text = NULL;
    PyObject *module = names != NULL ? PyImport_ImportModule("orochi._names") : NULL;
    for (unsigned i = 0; names != NULL && i < rc->ncols; i++)
        PyTuple_SET_ITEM(names, i, Py_NewRef(rc->cols[i].name));
    if (module != NULL)
        text = PyObject_CallMethod(module, advice, "sOO", owner, name, names);
    if (text != NULL)
        PyErr_SetObject(PyExc_TypeError, text);
    Py_XDECREF(text);
    Py_XDECREF(module);
    Py_XDECREF(names);
    return NULL;
}
