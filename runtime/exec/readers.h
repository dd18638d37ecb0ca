/* runtime/exec/readers.h - threads for reading whose cost a stranger chooses: queries, initial rows. They hold no interpreter
 * and write nothing; what they read is a snapshot that the task has pinned.
 *
 * A task has an owner, a thread with a loop of its own, and goes through
 *
 *     admit --(slot free)--> the owner pins what is to be read --run--> a reader: t->run --> t->done --> the owner: release
 *       |                      ^
 *       +--(none)--> waits ----+ t->admitted, when one is
 *
 * so that nothing is pinned while a task waits for its turn. Turns go round by whoever asks (`of`): however much an identity has
 * waiting, it is one in a round; the newcomers of one address are one together, and all others of it at most sixteen. There are two lanes: what is known to be large never takes all readers. Both callbacks may come on any thread, with no lock held; they tell the owner, and do no more. */
#ifndef ORO_EXEC_READERS_H
#define ORO_EXEC_READERS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "runtime/base/status.h"
#include "runtime/exec/turns_of.h"

struct oro_readers;

enum oro_read_lane {
    ORO_READ_SMALL,
    ORO_READ_LARGE,
    ORO_READ_MORE, /* a short run, for what had its slot before: without one, in turn with the small ones */
    ORO_READ_LANES
};

struct oro_read_task {
    enum oro_read_lane lane;
    struct oro_turns_of of;                    /* who asks */
    void (*admitted)(struct oro_read_task *t); /* it has a slot now */
    void (*run)(struct oro_read_task *t);      /* on a reader; has to end soon once `stop` is set */
    void (*done)(struct oro_read_task *t);     /* it ran, or will not */
    atomic_bool stop;                          /* set by the readers, or by the owner */
    bool ran;                                  /* false in done: readers pause or stop */
    /* The readers' own. */
    struct oro_read_task *next, *prev;
};

/* Gives *out. */
ORO_MUST_CHECK oro_status oro_readers_start(unsigned threads, struct oro_readers **out,
                                            struct oro_err *err);
/* True: it has a slot. False: t->admitted follows, or t->done. */
bool oro_readers_admit(struct oro_readers *r, struct oro_read_task *t);
/* Of a task with a slot, or of lane ORO_READ_MORE. t->done follows, perhaps before the return. */
void oro_readers_run(struct oro_readers *r, struct oro_read_task *t);
/* Gives the slot of a task of this lane to the next one. */
void oro_readers_release(struct oro_readers *r, enum oro_read_lane lane);
/* Has what runs stop, and waits until nothing does; nothing is admitted from here on. Tasks with a slot come back. */
void oro_readers_pause(struct oro_readers *r);
void oro_readers_resume(struct oro_readers *r);
/* What runs has to stop, what waits comes back, and so does whatever comes later. */
void oro_readers_quit(struct oro_readers *r);
/* Quits, ends the threads. Takes r. NULL is fine. Afterwards no callback comes any more. */
void oro_readers_stop(struct oro_readers *r);

#endif
