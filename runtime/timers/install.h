/* runtime/timers/install.h - the rows of @scheduled functions: each has one in its private table, put there by the server. */
#ifndef ORO_TIMERS_INSTALL_H
#define ORO_TIMERS_INSTALL_H

#include "runtime/durable/durable.h"
#include "runtime/store/store.h"

/* Which functions that run once are new to the data: a bool for each schedule, Given in *once_new. The row of such a function
 * goes when it has run, so the data remembers that it was there (oro_schedules_note). Before the log starts; durable NULL: in
 * memory. */
void oro_schedules_look(const struct oro_schema *schema, struct oro_durable *durable,
                        bool **once_new);
/* The same at a reload, once the data is open for the new schema; `old` is the one before. */
void oro_schedules_look_again(const struct oro_schema *schema, const struct oro_schema *old,
                              struct oro_durable *durable, bool **once_new);
/* In one transaction, whose record is of this kind: rows that are missing come, a changed interval updates its row. */
ORO_MUST_CHECK oro_status oro_schedules_install(const struct oro_schema *schema,
                                                struct oro_store *store, const bool *once_new,
                                                uint8_t kind, struct oro_err *err);
/* Whether one of them is new. */
bool oro_schedules_any(const struct oro_schema *schema, const bool *once_new);
/* Remembers those that were new. When their rows are on disk, and before the timers run: a process that is killed in between
 * finds row and no mark, and neither loses the run nor makes it twice. */
ORO_MUST_CHECK oro_status oro_schedules_note(const struct oro_schema *schema,
                                             struct oro_durable *durable, const bool *once_new,
                                             struct oro_err *err);

#endif
