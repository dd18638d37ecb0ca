/* bridge/host/procedure_priv.h - what calls of reducers (call.c) and of procedures (procedure.c) share. */
#ifndef ORO_HOST_PROCEDURE_PRIV_H
#define ORO_HOST_PROCEDURE_PRIV_H

#include "bridge/host/module_priv.h"

/* What the call runs, with a context that is ready; clears its texts. NULL: it cannot run, as call->text says. */
struct oro_pyreducer *oro_py_call_find(struct oro_py *py, struct oro_py_call *call);
/* From here to oro_pycall_close, tables and the context are of this call. */
void oro_py_call_begin(struct oro_py *py, struct oro_py_call *call);
/* Decodes the arguments of the call that is begun into args[0..nparams). On failure none is left. */
oro_status oro_py_decode_args(struct oro_py *py, struct oro_pyreducer *r, PyObject **args);

/* procedure.c: functions of `_orochi` that a procedure's context calls. */
PyObject *oro_py_asked_tx(PyObject *module, PyObject *const *args, Py_ssize_t n);
PyObject *oro_py_asked_begin(PyObject *module, PyObject *none);
PyObject *oro_py_asked_end(PyObject *module, PyObject *commits);
PyObject *oro_py_asked_wait(PyObject *module, PyObject *seconds);
PyObject *oro_py_asked_fetch(PyObject *module, PyObject *args);

#define ORO_PROCEDURE_FUNCTIONS                                                           \
    {"_procedure_tx", (PyCFunction)(void (*)(void))oro_py_asked_tx, METH_FASTCALL, NULL}, \
        {"_procedure_begin", oro_py_asked_begin, METH_NOARGS, NULL},                      \
        {"_procedure_end", oro_py_asked_end, METH_O, NULL},                               \
        {"_procedure_fetch", oro_py_asked_fetch, METH_VARARGS, NULL},                     \
    {                                                                                     \
        "_procedure_wait", oro_py_asked_wait, METH_O, NULL                                \
    }

#endif
