/* tests/server/module.h - the module that the tests serve: reducers in C for the declarations of module.py. */
#ifndef ORO_TESTS_SERVER_MODULE_H
#define ORO_TESTS_SERVER_MODULE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "runtime/base/buf.h"

/* The next load of the module gives this one of the files: "module", "changed"; NULL: it does not load. */
void module_becomes(const char *name);
void module_forget(void); /* frees */

/* hold() returns when it is open, or it is interrupted. */
extern atomic_bool module_gate;
extern atomic_uint module_holding; /* calls of hold that have begun */

/* A caller whose number has this bit is refused by client_connected. */
#define MODULE_REFUSED 0x40000000u

/* Messages of a client (docs/wire.md#client-messages). */
void put_add(struct oro_bb *out, uint32_t request_id, uint32_t id, int64_t by);
void put_fill(struct oro_bb *out, uint32_t request_id, uint32_t first, uint32_t count);
void put_call(struct oro_bb *out, uint32_t request_id, const char *name); /* no arguments */
void put_subscribe(struct oro_bb *out, uint32_t request_id, uint32_t query_set, const char *sql);
struct set_text {
    uint32_t query_set;
    const char *sql;
};
void put_batch(struct oro_bb *out, uint32_t request_id, const struct set_text *sets, uint32_t n);
void put_unsubscribe(struct oro_bb *out, uint32_t request_id, uint32_t query_set, bool rows);
void put_query(struct oro_bb *out, uint32_t request_id, const char *sql);

#endif
