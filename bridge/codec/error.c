/* bridge/codec/error.c - the one place where a Python exception becomes text. */
#include "bridge/py_priv.h"

const char *
oro_pytype_name(PyObject *o)
{
    const char *name = Py_TYPE(o)->tp_name, *dot = strrchr(name, '.');
    return o == Py_None ? "None" : dot != NULL ? dot + 1 : name;
}

/* A lone surrogate is not UTF-8: such a text is shown with escapes. */
void
oro_pyerr_put(PyObject *s, struct oro_bb *out)
{
    if (s == NULL || !PyUnicode_Check(s))
        return;
    Py_ssize_t n = PyUnicode_GET_LENGTH(s);
    PyObject *head = PyUnicode_Substring(s, 0, n < ORO_PY_TEXT_MOST ? n : ORO_PY_TEXT_MOST);
    PyObject *b =
        head != NULL ? PyUnicode_AsEncodedString(head, "utf-8", "backslashreplace") : NULL;
    if (b != NULL)
        oro_bb_put(out, PyBytes_AS_STRING(b), (size_t)PyBytes_GET_SIZE(b));
    if (b != NULL && n > ORO_PY_TEXT_MOST)
        oro_bb_printf(out, " ... (%zd characters in all)", n);
    Py_XDECREF(head);
    Py_XDECREF(b);
}

void
oro_pyerr_text(struct oro_py *py, bool traceback, struct oro_bb *out)
{
    PyObject *error = PyErr_GetRaisedException(), *s = NULL;
    if (error == NULL) {
        oro_bb_printf(out, "MemoryError");
        return;
    }
    size_t before = out->len;
    if (traceback && py->format_exception != NULL)
        s = PyObject_CallFunction(py->format_exception, "Oz", error, py->root);
    else if (PyErr_GivenExceptionMatches(error, PyExc_ValueError) ||
             PyErr_GivenExceptionMatches(error, PyExc_TypeError))
        s = PyObject_Str(error); /* our own refusals: the class adds nothing */
    else if (py->describe_error != NULL)
        s = PyObject_CallOneArg(py->describe_error, error);
    else
        s = PyObject_Str(error);
    PyErr_Clear();
    oro_pyerr_put(s, out);
    PyErr_Clear();
    if (out->len == before)
        oro_bb_printf(out, "%s", Py_TYPE(error)->tp_name);
    Py_XDECREF(s);
    Py_DECREF(error);
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
