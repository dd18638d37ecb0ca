/* runtime/log/wal.h - an SQLite WAL read as a file, before SQLite reads it: whether it ends where its last commit ended, or
 * in the middle. Pure but for reading.
 *
 * Each frame has the salts of its WAL and a sum over all frames before it; SQLite takes the frames up to the first that does
 * not fit. Where every transaction is synced before the next begins, only the last one can be torn by a crash. So a frame of
 * the same salts that begins after another commit, behind one that does not fit, proves that something in the middle has
 * changed; likewise a head that does not fit above frames that do. */
#ifndef ORO_LOG_WAL_H
#define ORO_LOG_WAL_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime/base/status.h"

struct wal {
    uint64_t frames; /* up to the last commit that fits */
    bool damaged;    /* there was more, once */
    bool torn;       /* a transaction has begun behind the last one that fits, and is not whole */
    uint64_t
        bad_at; /* damaged or torn: the byte where the frame, or the head, begins that does not fit */
};

/* A file that is not there or is empty is a WAL without frames. page_size: of the database, for a WAL whose head does not say
 * it. ORO_EIO. */
ORO_MUST_CHECK oro_status wal_read(const char *path, uint32_t page_size, struct wal *out,
                                   struct oro_err *err);

#endif
