/* runtime/bench/spawn.h - a server of this same program, started for one measurement in a temporary
 * data folder. Main thread. */
#ifndef ORO_BENCH_SPAWN_H
#define ORO_BENCH_SPAWN_H

#include <stdint.h>
#include <sys/types.h>

#include "runtime/base/status.h"

struct oro_spawned {
    pid_t pid;
    uint16_t port;
    char database[128];
    char *folder; /* owned */
    int out;      /* its standard output */
};

/* Runs `orochi run MODULE --listen 127.0.0.1:0 --data FOLDER` with more flags (NULL-terminated, may
 * be NULL) and waits for its greeting. The folder is made in $TMPDIR or /tmp. The server's log goes
 * to our standard error. Gives *out, ended by oro_spawn_stop. */
ORO_MUST_CHECK oro_status oro_spawn_start(struct oro_spawned *out, const char *module,
                                          char *const *flags, struct oro_err *err);
/* Asks it to stop, waits until it has (killing it after 30 s) and removes its folder. Zeroed is
 * fine. */
ORO_MUST_CHECK oro_status oro_spawn_stop(struct oro_spawned *s, struct oro_err *err);

/* Reads "  clients    ws://HOST:PORT, database NAME"; false for any other line. */
_Bool oro_spawn_read_greeting(const char *line, uint16_t *port, char *database, size_t size);

#endif
