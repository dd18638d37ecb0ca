/* bridge/codec/cerr.c - where a value went wrong: the reason, its path, and what the exception says of it. */
#include "bridge/codec/cerr.h"

#include "bridge/codec/error.h"
#include "bridge/codec/state.h"

void
oro_cerr_clear(struct oro_codecs *cs)
{
    cs->cerr.set = false;
    Py_CLEAR(cs->cerr.cause);
    cs->cerr.at = sizeof(cs->cerr.path) - 1;
    cs->cerr.path[cs->cerr.at] = 0;
}

int
oro_cerr_set(struct oro_codecs *cs, const char *fmt, ...)
{
    va_list ap;
    oro_cerr_clear(cs);
    va_start(ap, fmt);
    vsnprintf(cs->cerr.text, sizeof(cs->cerr.text), fmt, ap);
    va_end(ap);
    cs->cerr.set = true;
    cs->cerr.explained = false;
    cs->cerr.expected[0] = cs->cerr.found[0] = cs->cerr.type_name[0] = 0;
    return -1;
}

void
oro_cerr_found(struct oro_codecs *cs, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(cs->cerr.found, sizeof(cs->cerr.found), fmt, ap);
    va_end(ap);
}

int
oro_cerr_take(struct oro_codecs *cs)
{
    if (!PyErr_ExceptionMatches(PyExc_Exception) || PyErr_ExceptionMatches(PyExc_MemoryError) ||
        PyErr_ExceptionMatches(cs->e_orochi))
        return -1;
    PyObject *error = PyErr_GetRaisedException();
    struct oro_bb text = {0};
    PyErr_SetRaisedException(Py_NewRef(error));
    oro_pyerr_text(cs, false, &text);
    oro_cerr_set(cs, "%.*s", (int)(text.len < 300 ? text.len : 300), (char *)text.data);
    oro_bb_fini(&text);
    cs->cerr.cause = error;
    return -1;
}

void
oro_cerr_explain(struct oro_codecs *cs, const struct oro_codec *c, size_t offset)
{
    struct oro_cerr *e = &cs->cerr;
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
oro_cerr_name(struct oro_codecs *cs, PyObject *name)
{
    Py_ssize_t n;
    if (!cs->cerr.set)
        return;
    const char *s = PyUnicode_AsUTF8AndSize(name, &n);
    if (s == NULL) {
        PyErr_Clear();
        return;
    }
    path_push(&cs->cerr, s, (size_t)n);
    path_push(&cs->cerr, ".", 1);
}

void
oro_cerr_key(struct oro_codecs *cs, PyObject *k)
{
    if (!cs->cerr.set)
        return;
    struct oro_cerr kept = cs->cerr; /* a repr of the author's may convert something itself */
    cs->cerr.set = false;
    cs->cerr.cause = NULL;
    PyObject *text = PyObject_Repr(k),
             *in = text != NULL ? PyUnicode_FromFormat("[%U]", text) : NULL;
    PyErr_Clear();
    oro_cerr_clear(cs);
    cs->cerr = kept;
    if (in != NULL) {
        oro_cerr_name(cs, in);
        cs->cerr.at += cs->cerr.path[cs->cerr.at] == '.'; /* "[key]", not ".[key]" */
    }
    Py_XDECREF(in);
    Py_XDECREF(text);
}

void
oro_cerr_index(struct oro_codecs *cs, Py_ssize_t i)
{
    char text[32];
    if (!cs->cerr.set)
        return;
    int n = snprintf(text, sizeof(text), "[%zd]", i);
    path_push(&cs->cerr, text, (size_t)n);
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
oro_cerr_raise(struct oro_codecs *cs, PyObject *cls, const char *root)
{
    if (!cs->cerr.set) {
        if (!PyErr_Occurred())
            PyErr_NoMemory();
        return -1;
    }
    const char *path = cs->cerr.path + cs->cerr.at;
    if (root == NULL && *path == '.')
        path++;
    PyErr_Format(cls, "%s%s%s%s", root != NULL ? root : "", path, root != NULL || *path ? ": " : "",
                 cs->cerr.text);
    PyObject *error = PyErr_GetRaisedException();
    if (error != NULL && PyObject_TypeCheck(error, (PyTypeObject *)cls)) {
        PyObject *full = PyUnicode_FromFormat("%s%s", root != NULL ? root : "", path);
        put_attr(error, "path", full);
        put_text(error, "expected", cs->cerr.expected);
        put_text(error, "found", cs->cerr.found);
        put_text(error, "type_name", cs->cerr.type_name);
        if (cs->cerr.cause != NULL)
            PyException_SetCause(error, Py_NewRef(cs->cerr.cause));
        if (cs->cerr.explained)
            put_attr(error, "offset", PyLong_FromSize_t(cs->cerr.offset));
    }
    PyErr_SetRaisedException(error);
    oro_cerr_clear(cs);
    return -1;
}

void
oro_cerr_text(struct oro_codecs *cs, const char *root, struct oro_bb *out)
{
    if (!cs->cerr.set) {
        oro_bb_printf(out, "%s: ", root);
        oro_pyerr_text(cs, false, out);
        return;
    }
    oro_bb_printf(out, "%s%s: %s", root, cs->cerr.path + cs->cerr.at, cs->cerr.text);
    oro_cerr_clear(cs);
}
