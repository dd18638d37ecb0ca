/* bridge/host/handler_priv.h - functions of `_orochi` for HandlerContext (orochi/_routes.py). */
#ifndef ORO_HOST_HANDLER_PRIV_H
#define ORO_HOST_HANDLER_PRIV_H

#include "bridge/host/interp_priv.h"

PyObject *oro_pytx_begin(PyObject *module, PyObject *exclusive);
PyObject *oro_pytx_end(PyObject *module, PyObject *commit);
PyObject *oro_pytx_log(PyObject *module, PyObject *none);

#endif
