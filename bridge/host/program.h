/* bridge/host/program.h - the method of `_orochi` that runs the program (bridge.h: oro_py_program). */
#ifndef ORO_HOST_PROGRAM_H
#define ORO_HOST_PROGRAM_H

#include "bridge/host/interp_priv.h"

/* METH_VARARGS. Main thread, with its GIL. */
PyObject *oro_py_program_main(PyObject *module, PyObject *args);

#endif
