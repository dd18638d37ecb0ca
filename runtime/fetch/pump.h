/* runtime/fetch/pump.h - a thread that has requests get on (fetch.h), for threads that have other things to do meanwhile. Whoever
 * asks has a box, in which requests lie that are done. All functions: any thread, if nothing else is said. */
#ifndef ORO_FETCH_PUMP_H
#define ORO_FETCH_PUMP_H

#include "runtime/base/thread.h"
#include "runtime/fetch/fetch.h"

struct oro_pump;

/* One request: the asker's until oro_pumped_end. */
struct oro_pumped;

struct oro_pump_box {
    struct oro_pumped *head, *tail; /* the pump's lock */
    atomic_uint n;                  /* so many lie in it */
};

struct oro_pump_options {
    struct oro_fetch_limits limits;
    /* some are done since the last time; on the pump's thread, must not block */
    void (*told)(void *arg);
    void *arg;
};

/* Starts the thread. Gives *out. ORO_ENOTFOUND: there is no libcurl. */
ORO_MUST_CHECK oro_status oro_pump_start(const struct oro_pump_options *opt, struct oro_pump **out,
                                         struct oro_err *err);
/* Takes p, which may be NULL; nobody asks any more, and what is left of requests is freed. */
void oro_pump_stop(struct oro_pump *p);

/* Gives *out. box NULL: it is looked for by oro_pumped_is_done alone. number: the asker's own. Statuses as of oro_fetch_make. */
ORO_MUST_CHECK oro_status oro_pump_ask(struct oro_pump *p, struct oro_pump_box *box,
                                       const struct oro_fetch_ask *ask, uint64_t number,
                                       struct oro_pumped **out, struct oro_err *err);
/* The first in the box, which is taken out; NULL: it is empty. Its asker's thread. */
struct oro_pumped *oro_pump_next(struct oro_pump *p, struct oro_pump_box *box);
uint64_t oro_pumped_number(const struct oro_pumped *r);
bool oro_pumped_is_done(const struct oro_pumped *r);
/* As oro_fetch_take, of one that is done. */
ORO_MUST_CHECK oro_status oro_pumped_take(struct oro_pumped *r, struct oro_fetched *out,
                                          struct oro_err *err);
void oro_pumped_end(struct oro_pumped *r); /* Takes r, done or not, in a box or not; NULL is fine */

#endif
