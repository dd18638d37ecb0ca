/* bridge/db/call.h - one call of a reducer: what it is given, and what it leaves. Says nothing of PyObject. */
#ifndef ORO_DB_CALL_H
#define ORO_DB_CALL_H

#include "bridge/bsatn/schema.h"
#include "runtime/base/buf.h"

enum oro_caller {
    ORO_CALLER_CLIENT,
    ORO_CALLER_SCHEDULE,
    ORO_CALLER_OWNER,
    ORO_CALLER_HTTP,
    ORO_CALLER_INTERNAL
};

struct oro_py_call {
    const struct oro_reducer_def *reducer;
    struct oro_bytes args; /* BSATN of the parameters; strict: trailing bytes are an error */
    struct oro_identity sender, database;
    struct oro_connection_id connection; /* all zero: None */
    int64_t timestamp_us;
    enum oro_caller caller;
    const char *jwt_payload; /* claims as JSON text, or NULL */
    double dt;               /* seconds, scheduled calls */
    bool everybody;          /* a view that all clients see alike: there is no sender */
    void *host;              /* handed to the ops */
    /* Results. text: for the caller when ORO_EUSER ("no row with id = 7") or ORO_EINVAL (bad arguments: "send.text: expected
     * str ..."), for the log when ORO_EINTERNAL (traceback with the module's own lines). Appended to; cleared by call first. */
    struct oro_bb *text;
    /* With ORO_EUSER, and cleared as text is. detail: {"code": ..., "data": ...} for callers that can be told more than a text.
     * logged: what the log says instead of text, where the caller may not know all of it. Either may be NULL. */
    struct oro_bb *detail, *logged;
    /* Of a view: its rows, each a u32 with its length and its bytes. Appended to. */
    struct oro_bb *rows;
    bool
        is_plan; /* result: what was appended is no rows but how to find them (bridge/host/view_query.c) */
};

#endif
