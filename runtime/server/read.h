/* runtime/server/read.h - the tasks that a shard gives to the reader threads. */
#ifndef ORO_SERVER_READ_H
#define ORO_SERVER_READ_H

#include "runtime/server/server_priv.h"

enum read_kind { READ_SUBSCRIBE, READ_UNSUBSCRIBE, READ_ONE_OFF, READ_SQL };
enum read_phase { READ_WAITING, READ_ADMITTED, READ_READING };

/* Belongs to its shard, except while a reader runs it. */
struct read_task {
    struct oro_read_task base; /* first */
    struct read_task *next;    /* of the shard's inbox or list */
    struct shard *sh;
    struct client *client; /* NULL: it has left */
    oro_conn_id conn;
    const struct oro_proto *proto; /* not of SQL */
    enum read_kind kind;
    enum read_phase phase;
    /* What is asked. */
    uint32_t request_id, query_set_id, ntexts;
    struct oro_bytes texts; /* in frame or own */
    struct oro_buf *frame;
    struct oro_bb own;
    struct oro_query_env env;
    size_t charged; /* to the client's connection */
    /* With a slot: the snapshot, and the connection's place in the ring. */
    bool pinned;
    struct oro_session *session;
    struct oro_cursor *cursor;
    uint64_t seq;
    /* What came of it. */
    oro_status st;
    struct oro_err err;
    struct oro_bb out;
    struct oro_parts parts; /* of a large answer; of SQL its end is in out, of the others nothing */
    struct oro_prepared *prepared;
    bool outgrown; /* the steps of the small lane did not suffice */
    bool again;    /* catches up with its shard, and is asked once more */
    bool told;     /* the client has its answer */
};

#endif
