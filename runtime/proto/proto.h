/* runtime/proto/proto.h - what a websocket subprotocol does: it reads what its clients ask, and writes what they are told. One
 * file for each; whoever serves clients knows this struct alone, and a new subprotocol is a file and a line in proto.c.
 *
 * What clients are told is a head, written for each, and behind it rows that others may be told as well: those are counted
 * parts, made once for a change and a wire format. Pure functions; any thread, but where it says otherwise. */
#ifndef ORO_PROTO_PROTO_H
#define ORO_PROTO_PROTO_H

#include "bridge/bsatn/reader.h"
#include "runtime/base/buf.h"
#include "runtime/base/id.h"
#include "runtime/base/parts.h"
#include "runtime/base/sink.h"
#include "runtime/subs/query.h"

struct oro_subs_notice;

/* ---- what clients ask ---- */

enum oro_client_tag {
    ORO_MSG_SUBSCRIBE,
    ORO_MSG_UNSUBSCRIBE,
    ORO_MSG_ONE_OFF,
    ORO_MSG_CALL_REDUCER,
    ORO_MSG_CALL_PROCEDURE,
    ORO_MSG_SUBSCRIBE_BATCH,
};

/* query sets of one SubscribeBatch: each costs an answer, whatever it asks */
#define ORO_BATCH_MOST 4096

/* A protocol may have a set without an id, which a new one replaces once that is granted: it has one of these two, in turn. */
#define ORO_REPLACED_SETS UINT32_C(0xfffffffe)

/* Borrows from the frame. */
struct oro_client_message {
    enum oro_client_tag tag;
    uint32_t request_id;
    uint32_t query_set_id;  /* subscribe, unsubscribe */
    bool send_dropped_rows; /* unsubscribe */
    struct oro_bytes name;  /* reducer, procedure */
    struct oro_bytes args;
    bool quiet;             /* the caller of a reducer wants no answer, only updates */
    struct oro_bytes query; /* one-off */
    struct oro_bytes message_id; /* one-off: echoed, instead of request_id */
    enum oro_rows_form form; /* subscribe, unsubscribe: in which the rows come */
    bool replaces;           /* subscribe: query_set_id is to be chosen (ORO_REPLACED_SETS) */
    struct oro_bytes
        queries; /* subscribe: the encoded strings (nqueries of them), walk with oro_rd_string */
    uint32_t nqueries;
    /* batch: nsets of them, walk with oro_batch_next (runtime/subs/batch.h) */
    struct oro_bytes sets;
    uint32_t nsets;
};

/* ---- what they are told ---- */

/* The question that an answer belongs to. */
struct oro_asked {
    enum oro_client_tag tag; /* any but a reducer's call */
    uint32_t request_id;
    uint32_t query_set_id; /* subscribe, unsubscribe */
    enum oro_rows_form form;
    struct oro_bytes message_id; /* one-off, as in the message */
    bool unasked; /* an error of a set that was granted before: request_id is of no question */
    struct oro_bytes sets; /* batch: as in the message; empty: nobody waits for the answer */
    uint32_t nsets;
};

struct oro_call_result {
    uint32_t request_id;
    int64_t timestamp_us;
    oro_status
        outcome; /* ORO_OK; ORO_EUSER: what the reducer raised on purpose; else it failed, or did not run */
    /* why, unless it is ORO_OK; of a procedure then BSATN of what it returned */
    struct oro_bytes text;
    int64_t elapsed_us; /* of a procedure */
    /* Of a reducer: who called it, its number (UINT32_MAX: none), and the message, if the protocol echoes it. */
    const struct oro_identity *caller;
    const struct oro_connection_id *connection;
    uint32_t reducer;
    struct oro_bytes asked;
};

/* What was put together for clients that see the same changes of one commit. One thread; see oro_updates_clear. */
struct oro_updates;

struct oro_proto {
    const char *name; /* as it stands in Sec-WebSocket-Protocol */
    enum oro_framing framing;
    bool many;   /* a frame may hold more than one message */
    bool echoes; /* a caller is told what it called: its message is kept until then */
    enum oro_rows_form rows; /* of its subscriptions, where the message does not say */
    /* ORO_EMALFORMED, with a reason and the place: unknown tag, flags, UTF-8 ... */
    ORO_MUST_CHECK oro_status (*read)(struct oro_reader *r, struct oro_client_message *out,
                                      struct oro_err *err);
    /* The following append to out. */
    void (*connected)(struct oro_bb *out, const struct oro_identity *id,
                      const struct oro_connection_id *conn, struct oro_bytes token);
    /* No rows of its own. Appends nothing: the caller wants no answer. */
    void (*result)(struct oro_bb *out, const struct oro_call_result *r);
    /* a procedure has ended */
    void (*returned)(struct oro_bb *out, const struct oro_call_result *r);
    /* Granted. with_rows: rows follow (runtime/subs) in the form that was asked for; QueryRows of a one-off query, which always
     * has them; of a batch what each of its sets has come to. */
    void (*applied)(struct oro_bb *out, const struct oro_asked *to, bool with_rows);
    void (*tail)(struct oro_bb *out, const struct oro_asked *to); /* behind them; NULL: nothing */
    /* Refused, of a batch all of its sets. */
    void (*error)(struct oro_bb *out, const struct oro_asked *to, struct oro_bytes text);
    /* What a commit changed for one client. result: the end of its own call, which it comes with; NULL: somebody else's. Appends
     * the head to out, and gives what follows it, borrowed until oro_updates_clear; NULL: there is no memory. On the thread
     * of made and of the notices. */
    const struct oro_parts *(*update)(struct oro_updates *made,
                                      const struct oro_subs_notice *notices, size_t n,
                                      const struct oro_call_result *result, struct oro_bb *out);
};

/* The first of our own list that is among those offered (docs/wire.md#subprotocols): the value of Sec-WebSocket-Protocol, or NULL. NULL:
 * none of them. */
const struct oro_proto *oro_proto_choose(const char *offered);
/* Is the word an item of such a list? */
bool oro_proto_offers(const char *offered, const char *word);

struct oro_updates *oro_updates_create(void);
void oro_updates_destroy(struct oro_updates *u);
/* The commit has been told. Before the next one's first update. */
void oro_updates_clear(struct oro_updates *u);

extern const struct oro_proto oro_proto_v1, oro_proto_v2, oro_proto_v3;

#endif
