/* runtime/store/commit.h - one record of the commit ring: what a transaction changed, who asked, how it ended. Immutable
 * once published, readable on any thread for as long as a cursor stands on or before it. Calls that changed nothing or
 * failed publish a record without ops, so that answers keep their place in the one ordered stream (design.md 1). */
#ifndef ORO_STORE_COMMIT_H
#define ORO_STORE_COMMIT_H

#include <stdatomic.h>

#include "bridge/bsatn/schema.h"
#include "runtime/base/buf.h"

/* One version of a row. Immutable but for `end` and the links, which belong to the store. */
struct oro_row;
struct oro_bytes oro_row_bytes(const struct oro_row *row);

enum oro_op_kind {
    ORO_OP_DELETE,
    ORO_OP_INSERT,
    ORO_OP_SEQUENCE, /* a block of sequence values was reserved: `sequence` and `allocated` */
};

#define ORO_AGE_MAX UINT32_MAX

struct oro_op {
    uint8_t kind;
    uint8_t sequence; /* ORO_OP_SEQUENCE: which of the table's */
    bool update;      /* a delete that the insert of the same primary key follows, or that insert */
    /* Of the version that goes, in an update of both ops: the record's seq less that of the version's begin. At most
     * ORO_AGE_MAX. */
    uint32_t age;
    const struct oro_table_def *table;
    union {
        const struct oro_row *row; /* insert, delete; rows of event tables are inserts only */
        uint64_t allocated;        /* ORO_OP_SEQUENCE: first value that is not reserved yet */
    };
};

/* What ran, so that it can be run again: on the rows as they were, the same call makes the same changes. The random numbers of a
 * call follow from what is here, so there is no seed beside it. Kept with records that change something. */
struct oro_call {
    struct oro_identity sender;
    struct oro_connection_id connection; /* zeros: none */
    struct oro_bytes function;           /* name; empty: none of the module's ran */
    struct oro_bytes args;               /* BSATN; a timer's: its row */
    struct oro_buf *frame;               /* the args lie in it; NULL: elsewhere */
    double dt;                           /* seconds, scheduled calls */
};

/* Who asked for it; the store copies it and does not look inside. */
struct oro_origin {
    uint8_t kind; /* the server's enum: client call, connect, disconnect, timer, http, internal */
    uint8_t outcome; /* oro_status of the call */
    uint16_t shard;  /* net thread that waits for the answer */
    bool
        initializes; /* of init: with this record on disk the data is made, and init never runs again */
    uint32_t request_id;
    uint32_t reducer;       /* reducer id, UINT32_MAX: none */
    oro_conn_id conn;       /* or HTTP request id; 0: nobody waits */
    uint64_t view;          /* number of the answer that is old, and was to be made again; 0: none */
    int64_t timestamp_us;   /* what ctx.timestamp was */
    int64_t elapsed_us;     /* run time of the call */
    struct oro_buf *text;   /* error text for the caller or NULL; the record owns the reference */
    struct oro_buf *detail; /* a refusal's code and data as JSON, or NULL; owned likewise */
    /* Borrowed until the commit returns; the record has a copy. NULL: not known. */
    const struct oro_call *call;
};

struct oro_commit {
    uint64_t seq; /* position in the ring: 1, 2, 3 ... of this process run */
    uint64_t
        offset; /* number of transactions with changes so far, this one included (durable numbering) */
    uint64_t
        bytes; /* of the rows inserted and the arguments so far in this process run, this record's included */
    struct oro_origin origin;
    uint32_t nops;
    /* Net effects only: a row inserted and deleted within the transaction is not here. An update is a delete directly
     * followed by the insert of the same primary key. */
    struct oro_op *ops;
    /* The store's own. */
    _Atomic(struct oro_commit *) next;
};

#endif
