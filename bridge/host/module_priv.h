/* bridge/host/module_priv.h - the built-in module `_orochi`, and what it keeps. */
#ifndef ORO_HOST_MODULE_PRIV_H
#define ORO_HOST_MODULE_PRIV_H

#include "bridge/host/interp_priv.h"

PyMODINIT_FUNC PyInit__orochi(void);

/* What the module keeps; begins with what the rooms below keep. */
struct oro_py_module_state {
    struct oro_db_module db;
    struct oro_py *py;
};
/* NULL before the module has its state. */
static inline struct oro_py *
oro_py_of_module(PyObject *module)
{
    struct oro_py_module_state *s = PyModule_GetState(module);
    return s != NULL ? s->py : NULL;
}

/* metrics.c: methods of the module. */
PyObject *oro_py_metric(PyObject *module, PyObject *args);
PyObject *oro_py_measure(PyObject *module, PyObject *args);
PyObject *oro_py_metrics(PyObject *module, PyObject *none);

/* Takes error, a ReducerError that ended the call: its text, detail and what the log says go into the call (refusal.c). */
void oro_pyrefusal_tell(struct oro_py *py, PyObject *error);
void oro_py_versions_free(struct oro_py *py); /* reload.c: when the interpreter has ended */

#endif
