/* bridge/codec/error.c - the one place where a Python exception becomes text. */
#include "bridge/codec/error.h"

#include "bridge/codec/state.h"

const char *
oro_pytype_name(PyObject *o)
{
    const char *name = Py_TYPE(o)->tp_name, *dot = strrchr(name, '.');
    return o == Py_None ? "None" : dot != NULL ? dot + 1 : name;
}

const char *
oro_pyclass_name(PyObject *cls)
{
    if (cls == NULL || !PyType_Check(cls))
        return "tuple";
    const char *name = ((PyTypeObject *)cls)->tp_name, *dot = strrchr(name, '.');
    return dot != NULL ? dot + 1 : name;
}

/* The function that decorators have wrapped. New reference. */
static PyObject *
innermost(PyObject *fn)
{
    Py_INCREF(fn);
    for (int i = 0; i < 16; i++) {
        PyObject *inner = PyObject_GetAttrString(fn, "__wrapped__");
        if (inner == NULL)
            break;
        Py_SETREF(fn, inner);
    }
    PyErr_Clear();
    return fn;
}

void
oro_pyplace_put(PyObject *fn, struct oro_bb *out)
{
    PyObject *inner = innermost(fn);
    if (PyFunction_Check(inner)) {
        PyCodeObject *code = (PyCodeObject *)PyFunction_GetCode(inner);
        const char *file = PyUnicode_AsUTF8(code->co_filename);
        if (file != NULL)
            oro_bb_printf(out, "%s:%d: ", file, code->co_firstlineno);
        else
            PyErr_Clear();
    }
    Py_DECREF(inner);
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
oro_pyerr_text(struct oro_codecs *cs, bool traceback, struct oro_bb *out)
{
    PyObject *error = PyErr_GetRaisedException(), *s = NULL;
    if (error == NULL) {
        oro_bb_printf(out, "MemoryError");
        return;
    }
    size_t before = out->len;
    if (traceback && cs->format_exception != NULL)
        s = PyObject_CallFunction(cs->format_exception, "Oz", error, cs->root);
    else if (PyErr_GivenExceptionMatches(error, PyExc_ValueError) ||
             PyErr_GivenExceptionMatches(error, PyExc_TypeError))
        s = PyObject_Str(error); /* our own refusals: the class adds nothing */
    else if (cs->describe_error != NULL)
        s = PyObject_CallOneArg(cs->describe_error, error);
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
