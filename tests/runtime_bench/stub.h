/* tests/runtime_bench/stub.h - a server small enough to be right by reading: transfers under one
 * lock, a thread for each connection, and the faults that a load generator must notice. */
#ifndef ORO_TEST_STUB_H
#define ORO_TEST_STUB_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

enum stub_fault {
    STUB_FAIR,
    STUB_LOSES_MONEY,  /* the target gets nothing, once in a hundred */
    STUB_FAILS,        /* an internal error, once in a hundred */
    STUB_OUT_OF_ORDER, /* the tenth reply has the id of the next one */
    STUB_HANGS_UP,     /* a Close frame after a hundred calls */
    STUB_FORGETS,      /* no answer to the hundredth call */
};

struct stub {
    enum stub_fault fault;
    /* set by stub_start */
    uint16_t port;
    int listener;
    pthread_t acceptor;
    pthread_mutex_t lock;
    int64_t *balances;
    uint32_t naccounts;
    struct stub_conn *conns;
    uint64_t calls, frames; /* frames with calls */
    uint32_t most_calls;    /* in one frame */
    bool saw_confirmed, saw_unconfirmed;
};

void stub_start(struct stub *s);
void stub_stop(struct stub *s);

#endif
