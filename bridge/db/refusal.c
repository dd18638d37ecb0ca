/* bridge/db/refusal.c - that there is no such row: what the author is told of it, and what the caller may know. */
#include "bridge/db/refusal.h"

bool
oro_pyrefusal_harmless(const struct oro_pytable *t, PyObject *v)
{
    return t->def->is_public && (PyLong_CheckExact(v) || PyBool_Check(v));
}

PyObject *
oro_pyrefusal_missing(struct oro_db *db, const struct oro_pytable *t, PyObject *text,
                      PyObject *what, bool harmless)
{
    PyObject *error = PyObject_CallOneArg(db->e_rownotfound, text);
    PyObject *told = error != NULL && !harmless
                         ? PyUnicode_FromFormat("%s: no row with this %U", t->def->name, what)
                         : NULL;
    if (error != NULL &&
        (harmless || (told != NULL && PyObject_SetAttr(error, db->s_told, told) == 0)))
        PyErr_SetObject(db->e_rownotfound, error);
    Py_XDECREF(told);
    Py_XDECREF(error);
    return NULL;
}
