/* bridge/host/handler_priv.h - functions of `_orochi` for HandlerContext (orochi/_routes.py). */
#ifndef ORO_HOST_HANDLER_PRIV_H
#define ORO_HOST_HANDLER_PRIV_H

#include "bridge/host/interp_priv.h"

PyObject *oro_pytx_begin(PyObject *module, PyObject *exclusive);
PyObject *oro_pytx_end(PyObject *module, PyObject *commit);
PyObject *oro_pytx_log(PyObject *module, PyObject *none);

/* environment.c */
PyObject *oro_pytx_env(PyObject *module, PyObject *none);
PyObject *oro_pyenv_get(PyObject *module, PyObject *key);
PyObject *oro_pyenv_set(PyObject *module, PyObject *values);
PyObject *oro_pyenv_object(struct oro_db *db);

#endif
