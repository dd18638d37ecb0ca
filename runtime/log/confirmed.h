/* runtime/log/confirmed.h - how far the log was confirmed, in a file beside it: <dir>/<name>.db-confirmed, there as long as
 * the log is.
 *
 * SQLite ends a WAL at the first frame that does not fit, without a word: that is right for the torn end of a crash, and
 * wrong for a bit that has changed, a WAL that was removed, or one that was cut, where what follows was confirmed. So after
 * each sync of the log, and before anybody is told, the offset it has reached is written here: 112 bytes in one page, not
 * synced. A killed process leaves it as it was. After a power cut it may be older, never newer than the log: then it proves
 * less (wal.h goes on from there). Where group commits are not synced, the end of the log may be lost with the machine, and
 * it counts for nothing after a boot. Measured: 1.1 us for each group commit. */
#ifndef ORO_LOG_CONFIRMED_H
#define ORO_LOG_CONFIRMED_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime/base/status.h"

struct confirmed {
    char log_id[33]; /* the log's `_log` */
    char boot_id[37];
    bool synced;     /* each group commit was, before it was confirmed */
    uint64_t offset; /* of the last confirmed transaction */
};

/* The file's path, beside the tables at path. Gives. */
char *confirmed_path_of(const char *path);
/* False: there is none, or it is damaged (which is logged). */
bool confirmed_read(const char *path, struct confirmed *out);
/* Of this boot. */
struct confirmed confirmed_now(const char *log_id, bool synced, uint64_t offset);
/* What it says holds whatever has happened since: it was written with syncs, or the machine has not been started anew. */
bool confirmed_holds(const struct confirmed *c);
/* It is exactly as far as the log was confirmed: the machine has not been started anew since. */
bool confirmed_is_exact(const struct confirmed *c);
/* Makes or replaces the file. Gives *fd. ORO_EIO. */
ORO_MUST_CHECK oro_status confirmed_make(const char *path, const struct confirmed *c, int *fd,
                                         struct oro_err *err);
/* The log thread: a new offset. */
void confirmed_write(int fd, struct confirmed *c, uint64_t offset);

#endif
