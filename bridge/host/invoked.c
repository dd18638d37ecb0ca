/* bridge/host/invoked.c - a call of a guarded function, in the form that its METH_ flags demand: its arguments, and calling on. */
#include "bridge/host/guard_priv.h"

typedef PyObject *(*one_fn)(PyObject *, PyObject *);
typedef PyObject *(*kw_fn)(PyObject *, PyObject *, PyObject *);
typedef PyObject *(*fast_fn)(PyObject *, PyObject *const *, Py_ssize_t);
typedef PyObject *(*fastkw_fn)(PyObject *, PyObject *const *, Py_ssize_t, PyObject *);
typedef PyObject *(*method_fn)(PyObject *, PyTypeObject *, PyObject *const *, Py_ssize_t,
                               PyObject *);

PyObject *
oro_invoked_go(const struct oro_invoked *call)
{
    PyCFunction meth = call->g->meth;
    switch (call->g->def->ml_flags & ORO_METH_FORM) {
    case METH_VARARGS | METH_KEYWORDS:
        return ORO_METH_AS(kw_fn, meth)(call->self, call->arg, call->kwargs);
    case METH_FASTCALL:
        return ORO_METH_AS(fast_fn, meth)(call->self, call->fast, call->nfast);
    case METH_FASTCALL | METH_KEYWORDS:
        return ORO_METH_AS(fastkw_fn, meth)(call->self, call->fast, call->nfast, call->kwnames);
    case METH_METHOD | METH_FASTCALL | METH_KEYWORDS:
        return ORO_METH_AS(method_fn, meth)(call->self, call->cls, call->fast, call->nfast,
                                            call->kwnames);
    default:
        return ORO_METH_AS(one_fn, meth)(call->self, call->arg);
    }
}

static PyObject *
with_tuple(const struct oro_invoked *call, PyObject **args, Py_ssize_t n)
{
    PyObject *tuple = PyTuple_New(n), *out = NULL;
    for (Py_ssize_t i = 0; tuple != NULL && i < n; i++)
        PyTuple_SET_ITEM(tuple, i, Py_NewRef(args[i]));
    if (tuple != NULL) {
        struct oro_invoked other = {.g = call->g, .self = call->self, .arg = tuple};
        out = oro_invoked_go(&other);
    }
    Py_XDECREF(tuple);
    return out;
}

PyObject *
oro_invoked_with(const struct oro_invoked *call, PyObject **args, Py_ssize_t n)
{
    struct oro_invoked other = *call;
    switch (call->g->def->ml_flags & ORO_METH_FORM) {
    case METH_VARARGS:
    case METH_VARARGS | METH_KEYWORDS:
        return with_tuple(call, args, n);
    case METH_NOARGS:
        other.arg = NULL;
        break;
    case METH_O:
        other.arg = args[0];
        break;
    default:
        other.fast = args;
        other.nfast = n;
        other.kwnames = NULL;
    }
    return oro_invoked_go(&other);
}

Py_ssize_t
oro_invoked_count(const struct oro_invoked *call)
{
    int flags = call->g->def->ml_flags;
    if ((flags & METH_VARARGS) != 0)
        return PyTuple_GET_SIZE(call->arg);
    return (flags & METH_FASTCALL) != 0 ? call->nfast : (flags & METH_O) != 0 ? 1 : 0;
}

static PyObject *
named_arg(const struct oro_invoked *call, const char *name)
{
    if (name == NULL)
        return NULL;
    if (call->kwargs != NULL)
        return PyDict_GetItemString(call->kwargs, name);
    for (Py_ssize_t i = 0; call->kwnames != NULL && i < PyTuple_GET_SIZE(call->kwnames); i++)
        if (PyUnicode_CompareWithASCIIString(PyTuple_GET_ITEM(call->kwnames, i), name) == 0)
            return call->fast[call->nfast + i];
    return NULL;
}

PyObject *
oro_invoked_arg(const struct oro_invoked *call, Py_ssize_t at, const char *name)
{
    int flags = call->g->def->ml_flags;
    if (at >= oro_invoked_count(call))
        return named_arg(call, name);
    if ((flags & METH_VARARGS) != 0)
        return PyTuple_GET_ITEM(call->arg, at);
    return (flags & METH_FASTCALL) != 0 ? call->fast[at] : call->arg;
}

_Thread_local bool oro_guard_looking;

PyObject *
oro_guard_fileno(PyObject *o)
{
    oro_guard_looking = true;
    PyObject *out = PyObject_CallMethod(o, "fileno", NULL);
    oro_guard_looking = false;
    return out;
}
