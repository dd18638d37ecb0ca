/* bridge/codec/cerr.c - where a value went wrong: the reason, its path, and what the exception says of it. */
#include "bridge/py_priv.h"

void
oro_cerr_clear(struct oro_py *py)
{
    py->cerr.set = false;
    Py_CLEAR(py->cerr.cause);
    py->cerr.at = sizeof(py->cerr.path) - 1;
    py->cerr.path[py->cerr.at] = 0;
}

int
oro_cerr_set(struct oro_py *py, const char *fmt, ...)
{
    va_list ap;
    oro_cerr_clear(py);
    va_start(ap, fmt);
    vsnprintf(py->cerr.text, sizeof(py->cerr.text), fmt, ap);
    va_end(ap);
    py->cerr.set = true;
    py->cerr.explained = false;
    py->cerr.expected[0] = py->cerr.found[0] = py->cerr.type_name[0] = 0;
    return -1;
}

void
oro_cerr_found(struct oro_py *py, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(py->cerr.found, sizeof(py->cerr.found), fmt, ap);
    va_end(ap);
}

int
oro_cerr_take(struct oro_py *py)
{
    if (!PyErr_ExceptionMatches(PyExc_Exception) || PyErr_ExceptionMatches(PyExc_MemoryError) ||
        PyErr_ExceptionMatches(py->e_orochi))
        return -1;
    PyObject *error = PyErr_GetRaisedException();
    struct oro_bb text = {0};
    PyErr_SetRaisedException(Py_NewRef(error));
    oro_pyerr_text(py, false, &text);
    oro_cerr_set(py, "%.*s", (int)(text.len < 300 ? text.len : 300), (char *)text.data);
    oro_bb_fini(&text);
    py->cerr.cause = error;
    return -1;
}

const char *
oro_pyclass_name(PyObject *cls)
{
    if (cls == NULL || !PyType_Check(cls))
        return "tuple";
    const char *name = ((PyTypeObject *)cls)->tp_name, *dot = strrchr(name, '.');
    return dot != NULL ? dot + 1 : name;
}

void
oro_cerr_explain(struct oro_py *py, const struct oro_codec *c, size_t offset)
{
    struct oro_cerr *e = &py->cerr;
    if (!e->set || e->explained)
        return;
    e->explained = true;
    e->offset = offset;
    if (e->expected[0] == 0)
        oro_codec_name(c, e->expected, sizeof(e->expected));
}

static void
path_push(struct oro_cerr *e, const char *s, size_t n)
{
    if (n > e->at) /* a path too long to print keeps its end */
        return;
    e->at -= n;
    memcpy(e->path + e->at, s, n);
}

void
oro_cerr_name(struct oro_py *py, PyObject *name)
{
    Py_ssize_t n;
    if (!py->cerr.set)
        return;
    const char *s = PyUnicode_AsUTF8AndSize(name, &n);
    if (s == NULL) {
        PyErr_Clear();
        return;
    }
    path_push(&py->cerr, s, (size_t)n);
    path_push(&py->cerr, ".", 1);
}

void
oro_cerr_key(struct oro_py *py, PyObject *k)
{
    if (!py->cerr.set)
        return;
    struct oro_cerr kept = py->cerr; /* a repr of the author's may convert something itself */
    py->cerr.set = false;
    py->cerr.cause = NULL;
    PyObject *text = PyObject_Repr(k),
             *in = text != NULL ? PyUnicode_FromFormat("[%U]", text) : NULL;
    PyErr_Clear();
    oro_cerr_clear(py);
    py->cerr = kept;
    if (in != NULL) {
        oro_cerr_name(py, in);
        py->cerr.at += py->cerr.path[py->cerr.at] == '.'; /* "[key]", not ".[key]" */
    }
    Py_XDECREF(in);
    Py_XDECREF(text);
}

void
oro_cerr_index(struct oro_py *py, Py_ssize_t i)
{
    char text[32];
    if (!py->cerr.set)
        return;
    int n = snprintf(text, sizeof(text), "[%zd]", i);
    path_push(&py->cerr, text, (size_t)n);
}

/* Takes v; an attribute that cannot be set does not hide the error. */
static void
put_attr(PyObject *error, const char *name, PyObject *v)
{
    if (v == NULL || PyObject_SetAttrString(error, name, v) < 0)
        PyErr_Clear();
    Py_XDECREF(v);
}

static void
put_text(PyObject *error, const char *name, const char *text)
{
    if (text[0] != 0) /* a name that was cut may end inside a character */
        put_attr(error, name, PyUnicode_DecodeUTF8(text, (Py_ssize_t)strlen(text), "replace"));
}

int
oro_cerr_raise(struct oro_py *py, PyObject *cls, const char *root)
{
    if (!py->cerr.set) {
        if (!PyErr_Occurred())
            PyErr_NoMemory();
        return -1;
    }
    const char *path = py->cerr.path + py->cerr.at;
    if (root == NULL && *path == '.')
        path++;
    PyErr_Format(cls, "%s%s%s%s", root != NULL ? root : "", path, root != NULL || *path ? ": " : "",
                 py->cerr.text);
    PyObject *error = PyErr_GetRaisedException();
    if (error != NULL && PyObject_TypeCheck(error, (PyTypeObject *)cls)) {
        PyObject *full = PyUnicode_FromFormat("%s%s", root != NULL ? root : "", path);
        put_attr(error, "path", full);
        put_text(error, "expected", py->cerr.expected);
        put_text(error, "found", py->cerr.found);
        put_text(error, "type_name", py->cerr.type_name);
        if (py->cerr.cause != NULL)
            PyException_SetCause(error, Py_NewRef(py->cerr.cause));
        if (py->cerr.explained)
            put_attr(error, "offset", PyLong_FromSize_t(py->cerr.offset));
    }
    PyErr_SetRaisedException(error);
    oro_cerr_clear(py);
    return -1;
}

void
oro_cerr_text(struct oro_py *py, const char *root, struct oro_bb *out)
{
    if (!py->cerr.set) {
        oro_bb_printf(out, "%s: ", root);
        oro_pyerr_text(py, false, out);
        return;
    }
    oro_bb_printf(out, "%s%s: %s", root, py->cerr.path + py->cerr.at, py->cerr.text);
    oro_cerr_clear(py);
}
