/* bridge/host/memory_priv.h - the limit of what one worker's Python code may allocate (memory.c). */
#ifndef ORO_HOST_MEMORY_PRIV_H
#define ORO_HOST_MEMORY_PRIV_H

#include "bridge/host/interp_priv.h"

void oro_py_memory_install(size_t limit);   /* main thread, before the first open */
void oro_py_memory_open(struct oro_py *py); /* this thread allocates for py from now on */
void oro_py_memory_close(struct oro_py *py);
/* False: the call's memory has no room for so many bytes more. */
bool oro_py_memory_fits(size_t more);
void oro_py_memory_words(struct oro_bb *out); /* appends that the call met the limit, if it did */
/* After a call: counts; one that met the limit leaves garbage, which is collected. */
void oro_py_memory_relax(struct oro_py *py);

#endif
