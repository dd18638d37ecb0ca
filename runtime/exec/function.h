/* runtime/exec/function.h - what a module defines for others to run: one definition for every kind, and which executor runs it. A new
 * kind is a line in function.c, and what its executor does with it. Pure functions; any thread. */
#ifndef ORO_EXEC_FUNCTION_H
#define ORO_EXEC_FUNCTION_H

#include "bridge/bsatn/schema.h"

enum oro_function_kind {
    ORO_FUNCTION_REDUCER,
    ORO_FUNCTION_LIFECYCLE, /* run when a client comes or goes, or the data is new */
    ORO_FUNCTION_SCHEDULED, /* run by a row of its table */
    ORO_FUNCTION_VIEW,      /* gives rows: asked for by SQL, never called */
    ORO_FUNCTION_PROCEDURE, /* runs beside all others, outside of a transaction */
    ORO_FUNCTION_KINDS
};

enum oro_executor {
    ORO_EXEC_WRITERS, /* a worker: an interpreter and a transaction (writers/pool.h) */
    ORO_EXEC_READERS, /* a snapshot, no interpreter (readers.h) */
    ORO_EXEC_CALLERS  /* waits for the world outside, without a transaction: a pool of workers of its own */
};

struct oro_function {
    enum oro_function_kind kind;
    const struct oro_reducer_def
        *def; /* NULL: there is none of that name. Borrowed from the schema */
};

struct oro_function oro_function_find(const struct oro_schema *s, struct oro_bytes name);
enum oro_executor oro_function_executor(enum oro_function_kind kind);

/* What somebody who asks for it by name is told. */
enum oro_function_call {
    ORO_CALL_RUNS,
    ORO_CALL_UNKNOWN, /* it does not exist, or he may not know that it does */
    ORO_CALL_REFUSED  /* it is never run by a call */
};
enum oro_function_call oro_function_call(const struct oro_function *f, bool is_owner);

#endif
