/* tests/server/reply.h - the messages of docs/wire.md#server-messages as a client reads them, with rows of (u32, i64). */
#ifndef ORO_TESTS_SERVER_REPLY_H
#define ORO_TESTS_SERVER_REPLY_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime/base/bytes.h"

enum reply_tag {
    REPLY_HELLO,
    REPLY_APPLIED,
    REPLY_UNAPPLIED,
    REPLY_SUB_ERROR,
    REPLY_UPDATE,
    REPLY_ONE_OFF,
    REPLY_RESULT,
    REPLY_PROCEDURE,
    REPLY_BATCH,
};

struct reply {
    enum reply_tag tag;
    uint32_t request_id, query_set;
    bool failed;
    size_t nrows; /* of a one-off query or an ended subscription; the sum of their numbers */
    int64_t sum;
};

/* Reads one or more messages, whole, and aborts where they are not as they should be. row: of a query set, before its message is
 * told. Returns how many messages there were. */
unsigned replies_read(struct oro_bytes bytes, void (*take)(void *arg, const struct reply *r),
                      void (*row)(void *arg, uint32_t query_set, uint32_t id, int64_t n,
                                  bool enters),
                      void *arg);

#endif
