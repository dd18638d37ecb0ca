/* bridge/host/call_priv.h - what calls of all kinds share: reducers (call.c) and HTTP requests (handler.c). The interpreter's thread. */
#ifndef ORO_HOST_CALL_PRIV_H
#define ORO_HOST_CALL_PRIV_H

#include "bridge/host/interp_priv.h"

/* The context and ctx.db, for the next call. -1 with an exception. */
int oro_pycall_handles(struct oro_py *py);
/* The pending exception in words, into the call's text. Clears it. */
oro_status oro_pycall_raised(struct oro_py *py);
/* Ends what the call lent out. Handles that somebody kept are dead from now on, and new ones serve the next call. */
void oro_pycall_close(struct oro_py *py);

#endif
