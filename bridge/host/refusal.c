/* bridge/host/refusal.c - what a ReducerError tells, and whom: the caller its text, code and data, the log also what only the
 * author may know. */
#include "bridge/codec/error.h"
#include "bridge/host/module_priv.h"

/* A ReducerError of ours with nothing but a text. */
static bool
is_plain(struct oro_py *py, PyObject *error)
{
    bool plain = Py_IS_TYPE(error, (PyTypeObject *)py->e_reducer);
    const char *const more[] = {"code", "data"};
    for (unsigned i = 0; plain && i < ORO_ARRAY_LEN(more); i++) {
        PyObject *v = PyObject_GetAttrString(error, more[i]);
        plain = v == Py_None;
        Py_XDECREF(v);
    }
    PyErr_Clear();
    return plain;
}

static void
put(PyObject *told, Py_ssize_t i, struct oro_bb *out)
{
    if (out != NULL)
        oro_pyerr_put(PyTuple_GET_ITEM(told, i), out);
}

/* The texts may be wrong in ways that only Python finds out: a __str__ that raises, data that no JSON holds. */
void
oro_pyrefusal_tell(struct oro_py *py, PyObject *error)
{
    struct oro_py_call *call = py->db.call;
    PyObject *told = NULL;
    if (!is_plain(py, error) && py->refusal != NULL)
        told = PyObject_CallOneArg(py->refusal, error);
    if (told != NULL && PyTuple_Check(told) && PyTuple_GET_SIZE(told) == 3) {
        put(told, 0, call->text);
        put(told, 1, call->logged);
        put(told, 2, call->detail);
    } else {
        PyErr_Clear();
        PyObject *s = PyObject_Str(error);
        oro_pyerr_put(s, call->text);
        Py_XDECREF(s);
    }
    PyErr_Clear();
    Py_XDECREF(told);
    Py_DECREF(error);
}
