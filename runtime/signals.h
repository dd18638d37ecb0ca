/* runtime/signals.h - the process's signals, which belong to the program, not to the library. The first that asks for a stop is
 * heeded, a later one ends the process at once: what clients were told is on disk. */
#ifndef ORO_SIGNALS_H
#define ORO_SIGNALS_H

#include <stdatomic.h>

#include "runtime/base/status.h"

/* What a timer, a stranger's `kill` or a library may send, and whose default would end the server. Blocked in all threads, which
 * inherit it, and should one of them unblock it, caught: not SIG_IGN, which programs that are started would inherit. What
 * tells of a fault of our own, or is a person's wish (SIGQUIT), keeps its meaning. */
void oro_signals_disarm(void);
/* The same, and a thread that waits for those that mean something. Main thread, before there are others. */
ORO_MUST_CHECK oro_status oro_signals_take(struct oro_err *err);
/* From here on a stop takes its way; before, it ends the process at once. */
void oro_signals_serving(void);
/* True once a stop is asked for. */
atomic_bool *oro_signals_stop(void);

enum oro_wish { ORO_WISH_NONE, ORO_WISH_STOP, ORO_WISH_RELOAD };
/* Waits for a wish, that long at most (negative: for ever). A stop stays, a reload is told once. */
enum oro_wish oro_signals_wait(long timeout_us);

#endif
