/* bridge/db/context.h - the first argument of every reducer, and its logger. */
#ifndef ORO_DB_CONTEXT_H
#define ORO_DB_CONTEXT_H

#include "bridge/db/db.h"

struct oro_ctx {
    PyObject_HEAD struct oro_db *owner; /* NULL: dead */
    PyObject *db, *log;
    PyObject *sender, *connection_id, *timestamp, *identity, *rng, *auth; /* made when first read */
};
PyObject *oro_pyctx_new(struct oro_db *db);
void oro_pyctx_reset(struct oro_ctx *c); /* between calls */
/* A record of the module's log, with file and line of the Python code that runs now. */
void oro_db_log(struct oro_db *db, enum oro_log_level level, const char *target,
                struct oro_bytes text);

#endif
