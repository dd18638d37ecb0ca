/* runtime/log/presence.h - whether the files that a server writes into still have their names: SQLite goes on writing into
 * files that were removed, and syncs them, and nobody ever finds them again. One thread. */
#ifndef ORO_LOG_PRESENCE_H
#define ORO_LOG_PRESENCE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "runtime/base/status.h"

enum { PRESENCE_TABLES, PRESENCE_TABLES_WAL, PRESENCE_LOG, PRESENCE_LOG_WAL, PRESENCE_FILES };

struct presence {
    char *dir; /* as the kernel knows it: a module may change the working directory */
    struct {
        char *path;
        bool known;  /* seen once, from then on it has to be there */
        bool headed; /* the same of its head */
        dev_t device;
        ino_t inode;
        off_t size;
    } files[PRESENCE_FILES];
    int log; /* the same of the log, our own: closed when SQLite has closed it */
    int tables; /* an open descriptor of the database: closing one of our own would drop SQLite's locks */
    int64_t looked_us; /* at all of them */
    off_t wal_keep;    /* what SQLite may cut a WAL to */
};

/* The database and its log are there. Borrows tables, the database's descriptor, until presence_end. ORO_EIO. */
ORO_MUST_CHECK oro_status presence_begin(struct presence *p, const char *dir, const char *name,
                                         int tables, off_t wal_keep, struct oro_err *err);
/* ORO_EIO: a file was removed, replaced, cut, or overwritten from its head on; err says which. Looks at the log's two files, and at all of them where it has
 * not for PRESENCE_US. */
#define PRESENCE_US 100000
ORO_MUST_CHECK oro_status presence_check(struct presence *p, int64_t now_us, struct oro_err *err);
void presence_end(struct presence *p);

#endif
