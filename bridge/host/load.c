/* bridge/host/load.c - importing a module in an interpreter, and what is said when that fails. */
#include "bridge/codec/error.h"
#include "bridge/host/runtime_priv.h"
#include "runtime/base/clock.h"

/* Folder of the module's own files, with a slash: what a traceback shows. */
static char *
root_of(const char *path)
{
    char *full = realpath(path, NULL);
    const char *p = full != NULL ? full : path;
    size_t n = strlen(p);
    char *out;
    if (n > 3 && strcmp(p + n - 3, ".py") == 0) {
        const char *slash = strrchr(p, '/');
        out = slash != NULL ? oro_strndup(p, (size_t)(slash - p) + 1) : oro_strdup("");
    } else {
        out = oro_asprintf("%s/", p);
    }
    free(full);
    return out;
}

/* Of an import that swallowed interruptions, until they came at every step, also of what reports them. */
static PyObject *
late_text(PyObject *error, const char *path)
{
    PyObject *m = PyImport_ImportModule("orochi._load");
    PyObject *s = m != NULL ? PyObject_CallMethod(m, "late", "Os", error, path) : NULL;
    Py_XDECREF(m);
    return s;
}

static oro_status
load_failed(struct oro_py *py, const char *path, char **report, struct oro_err *err)
{
    struct oro_bb text = {0};
    PyObject *error = PyErr_GetRaisedException();
    bool schema = PyErr_GivenExceptionMatches(error, py->e_schema);
    PyObject *s = schema ? PyObject_Str(error) : NULL;
    if (PyErr_GivenExceptionMatches(error, py->e_timeout))
        s = late_text(error, path);
    const char *p = s != NULL ? PyUnicode_AsUTF8(s) : NULL;
    if (p != NULL) {
        oro_bb_printf(&text, "%s", p);
    } else {
        PyErr_Clear();
        PyErr_SetRaisedException(Py_NewRef(error));
        oro_pyerr_text(&py->codecs, true, &text);
    }
    PyErr_Clear();
    Py_XDECREF(s);
    Py_XDECREF(error);
    oro_bb_u8(&text, 0);
    *report = oro_strdup((const char *)text.data);
    oro_bb_fini(&text);
    return oro_err_set(err, ORO_EINVAL, "%.*s", (int)strcspn(*report, "\n"), *report);
}

/* (descriptor, module spec), or NULL with an exception. */
static PyObject *
import_module(struct oro_py *py, const char *path, const char *name)
{
    PyObject *m = PyImport_ImportModule("orochi._load"), *out = NULL;
    if (m != NULL)
        out = PyObject_CallMethod(m, "load", "ss", path, name);
    Py_XDECREF(m);
    if (out != NULL && py->hits > 0) {
        PyErr_SetString(py->e_schema, ORO_PY_IMPORT_LATE);
        Py_CLEAR(out);
    }
    if (out != NULL && (!PyTuple_Check(out) || PyTuple_GET_SIZE(out) != 2 ||
                        !PyUnicode_Check(PyTuple_GET_ITEM(out, 0)))) {
        PyErr_SetString(PyExc_TypeError, "load() gives a pair");
        Py_CLEAR(out);
    }
    return out;
}

oro_status
oro_py_load(struct oro_py *py, const char *path, const char *name, char **descriptor, char **report,
            struct oro_err *err)
{
    *report = NULL;
    oro_free(py->codecs.root);
    py->codecs.root = root_of(path);
    oro_py_import_begin(py);
    PyObject *out = import_module(py, path, name);
    const char *text = out != NULL ? PyUnicode_AsUTF8(PyTuple_GET_ITEM(out, 0)) : NULL;
    if (text == NULL) {
        Py_XDECREF(out);
        py->grace_us = oro_py_words_us() + ORO_PY_WORDS_US;
        oro_status st = load_failed(py, path, report, err);
        oro_py_import_end(py);
        return st;
    }
    oro_py_import_end(py);
    *descriptor = oro_strdup(text);
    Py_XSETREF(py->module_spec, Py_NewRef(PyTuple_GET_ITEM(out, 1)));
    Py_DECREF(out);
    return ORO_OK;
}
