/* bridge/host/schedule_priv.h - functions of the module `_orochi` for orochi/_schedule.py. */
#ifndef ORO_HOST_SCHEDULE_PRIV_H
#define ORO_HOST_SCHEDULE_PRIV_H

#include "bridge/host/module_priv.h"

PyObject *oro_py_schedule(PyObject *module, PyObject *args);
PyObject *oro_py_cancel(PyObject *module, PyObject *token);
PyObject *oro_py_targets(PyObject *module, PyObject *none);

#endif
