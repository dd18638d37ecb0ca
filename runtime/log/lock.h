/* runtime/log/lock.h - who may use the data: one server for each database, and nobody else on the machine. */
#ifndef ORO_LOG_LOCK_H
#define ORO_LOG_LOCK_H

#include <stdbool.h>

#include "runtime/base/status.h"

/* One server, or one restore, for each database: locks <dir>/<name>.lock, and the database itself, because the lock file looks
 * like something to delete. The locks go with the process, however it ends. */
struct data_locks {
    int file, database; /* descriptors, -1: none */
    bool held_data;     /* the lock file says that there was a database once */
};
#define DATA_LOCKS_NONE ((struct data_locks){-1, -1, false})
/* Every file of the database that is there is a file: a FIFO would hold whoever opens it for ever, and of a link SQLite keeps
 * the WAL elsewhere. replaced: they will be, so that only a folder is in the way. ORO_EIO. */
ORO_MUST_CHECK oro_status data_check_files(const char *dir, const char *name, bool replaced,
                                           struct oro_err *err);
/* Under the lock: links and FIFOs under the names of the database's files go. */
void data_clear_others(const char *dir, const char *name);
/* Takes both, the database's if it is there. ORO_EIO: another one runs, or the folder cannot be written. */
ORO_MUST_CHECK oro_status data_lock(struct data_locks *l, const char *dir, const char *name,
                                    struct oro_err *err);
/* Once more for a database that may have been made anew in the meantime; makes an empty one where there is none. */
ORO_MUST_CHECK oro_status data_lock_database(struct data_locks *l, const char *path,
                                             struct oro_err *err);
/* There is a database: the lock file tells the next start, which then does not take a missing one for the very first. */
void data_lock_note(struct data_locks *l);
/* After the last connection to the database was closed: closing a descriptor drops the locks that SQLite has. */
void data_unlock(struct data_locks *l);
/* Takes from others what they may do with the files of the database, and with the folder where nothing else is in it; says so
 * otherwise. Under the lock: what crashes have left of files half written goes. */
void data_hide(const char *dir, const char *name);

#endif
