/* bridge/host/runtime.c - what the process knows of its interpreters. */
#include "bridge/host/runtime_priv.h"

struct oro_py_runtime oro_py_rt = {.making = PTHREAD_MUTEX_INITIALIZER};

oro_status
oro_py_failed(struct oro_err *err, PyStatus st)
{
    return oro_err_set(err, ORO_EINTERNAL, "Python does not start: %s",
                       st.err_msg != NULL ? st.err_msg : "unknown reason");
}

/* The pending exception of an interpreter whose package may be missing. */
oro_status
oro_py_raised(struct oro_err *err, oro_status st, const char *what)
{
    PyObject *error = PyErr_GetRaisedException(), *s = error != NULL ? PyObject_Str(error) : NULL;
    const char *text = s != NULL ? PyUnicode_AsUTF8(s) : NULL;
    oro_err_set(err, st, "%s: %s: %s", what, error != NULL ? Py_TYPE(error)->tp_name : "error",
                text != NULL ? text : "");
    PyErr_Clear();
    Py_XDECREF(s);
    Py_XDECREF(error);
    return st;
}

/* Our package comes first, except where its folder is one of many packages (site-packages). The main interpreter may have it
 * already. */
int
oro_py_add_path(void)
{
    PyObject *path = PySys_GetObject("path"), *s = PyUnicode_DecodeFSDefault(oro_py_rt.package_dir);
    int there = path != NULL && s != NULL ? PySequence_Contains(path, s) : -1;
    if (there == 0)
        there = oro_py_rt.adopted ? PyList_Append(path, s) : PyList_Insert(path, 0, s);
    Py_XDECREF(s);
    return there < 0 ? -1 : 0;
}
