/* runtime/bench/message.h - the client's side of docs/wire.md#client-messages, as far as the transfers need it.
 * Pure functions; any thread. */
#ifndef ORO_BENCH_MESSAGE_H
#define ORO_BENCH_MESSAGE_H

#include "bridge/bsatn/reader.h"
#include "runtime/base/buf.h"

/* Every transfer call has this many bytes, so that a frame's length is known before its messages
 * are written. */
#define ORO_BENCH_CALL_SIZE 38

void oro_bench_put_transfer(struct oro_bb *out, uint32_t request_id, uint32_t from, uint32_t to,
                            int64_t amount);
void oro_bench_put_seed(struct oro_bb *out, uint32_t request_id, uint32_t n, int64_t balance);
void oro_bench_put_query(struct oro_bb *out, uint32_t request_id, const char *sql);

enum oro_bench_reply_kind {
    ORO_BENCH_HELLO,   /* InitialConnection */
    ORO_BENCH_DONE,    /* the call has committed */
    ORO_BENCH_REFUSED, /* the reducer raised ReducerError: text */
    ORO_BENCH_FAILED,  /* anything else went wrong: text */
    ORO_BENCH_ROWS,    /* of a one-off query: rows, one after the other */
};

struct oro_bench_reply {
    enum oro_bench_reply_kind kind;
    uint32_t request_id;
    struct oro_bytes text, rows; /* borrow from the input */
};

/* Reads one server message. ORO_EMALFORMED also for those that nobody asked for: we subscribe to
 * nothing. */
ORO_MUST_CHECK oro_status oro_bench_reply_read(struct oro_reader *r, struct oro_bench_reply *out);

struct oro_bench_sum {
    uint64_t accounts;
    __int128 balance;
};
/* Adds up rows of `accounts`: u32 id, i64 balance. ORO_EMALFORMED if they are no whole number of
 * rows. */
ORO_MUST_CHECK oro_status oro_bench_sum_rows(struct oro_bytes rows, struct oro_bench_sum *out);

#endif
