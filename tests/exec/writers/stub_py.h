/* tests/exec/writers/stub_py.h - reducers in C, for tests of the workers without Python. */
#ifndef ORO_TESTS_WORKER_STUB_PY_H
#define ORO_TESTS_WORKER_STUB_PY_H

#include "bridge/host/bridge.h"

typedef oro_status stub_reducer(struct oro_py *py, const struct oro_host_ops *ops,
                                struct oro_py_call *call);

extern stub_reducer *const *stub_reducers; /* by id; set before the pool is loaded */
/* What a module declares that is loaded from here on; NULL: it does not load. */
extern const char *stub_descriptor;
extern uint64_t stub_memory_limit; /* of what a call holds beside Python's objects */
const struct oro_schema *stub_schema(const struct oro_py *py); /* that it is bound to */
bool stub_interrupted(struct oro_py *py);                      /* what runs has been told to end */

#endif
