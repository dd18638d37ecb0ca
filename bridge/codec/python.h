/* bridge/codec/python.h - CPython's headers. The only place that names them, for all rooms of the bridge. */
#ifndef ORO_CODEC_PYTHON_H
#define ORO_CODEC_PYTHON_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <structmember.h> // Py_T_OBJECT_EX before 3.12 spellings

#endif
