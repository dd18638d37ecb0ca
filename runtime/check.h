/* runtime/check.h - importing a module as a worker of a server would, without one: `orochi check` and the other commands that
 * need its declarations, and the look at a new version before a server that runs imports it itself. Main thread. */
#ifndef ORO_RUNTIME_CHECK_H
#define ORO_RUNTIME_CHECK_H

#include <stdatomic.h>

#include "config/config.h"

/* Runs the command (argv: its words, for orochi.tools) in an interpreter as workers have it, on a thread like theirs, for
 * c->server_import_timeout_ms at most. check: the module is also loaded and bound as a worker does it, first. Gives the exit
 * code. Python has been started and its environment set. */
int oro_check_run(const struct oro_config *c, bool check, int argc, char **argv);

/* What a server asks before its workers import a new version: whether the import comes to an end, be it a good one, in a process
 * of its own, which may wait in C, or crash. */
struct oro_probe {
    char **
        argv; /* of `orochi run`, NULL-terminated; the process gets the same settings. argv[0] is replaced */
    int64_t limit_ms;  /* of the import; 0: none */
    atomic_bool *stop; /* gives up when it is set */
};
/* ORO_EINVAL with *report (Given): the import does not end, or ends the process. Any thread; waits. */
oro_status oro_probe_run(struct oro_probe *p, char **report, struct oro_err *err);

#endif
