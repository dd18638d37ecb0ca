/* bridge/host/globals_priv.h - module globals that reducers write (globals.c). */
#ifndef ORO_HOST_GLOBALS_PRIV_H
#define ORO_HOST_GLOBALS_PRIV_H

#include "bridge/host/interp_priv.h"

extern bool oro_py_warn_globals;           /* set before the first interpreter is opened */
void oro_globals_watch(struct oro_py *py); /* those of the module that runs, from here on */
/* Before a call, and after it, of fn; py->globals_sized is set. */
void oro_globals_begin(struct oro_py *py);
void oro_globals_look(struct oro_py *py, PyObject *fn);
void oro_globals_free(struct oro_py *py);

#endif
