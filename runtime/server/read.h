/* runtime/server/read.h - the tasks that a shard gives to the reader threads, and their answers.
 *
 *   read_run.c   what a reader does for one
 *   read_task.c  asking, slots, giving up
 *   stream.c     answers on the way to the socket
 *   read.c       what has come of them: told at its place in the ring */
#ifndef ORO_SERVER_READ_H
#define ORO_SERVER_READ_H

#include "runtime/server/server_priv.h"
#include "runtime/subs/batch.h"

enum read_kind { READ_SUBSCRIBE, READ_UNSUBSCRIBE, READ_ONE_OFF, READ_SQL, READ_BATCH };
/* WAITING for a slot; RUNNING: a reader has it, or will; STANDING: nobody does anything for it. */
enum read_phase { READ_WAITING, READ_RUNNING, READ_STANDING, READ_PHASES };

/* Belongs to its shard, but for what is said below. */
struct read_task {
    struct oro_read_task base; /* first */
    struct read_task *next;    /* of the shard's inbox */
    struct shard *sh;
    struct client *client; /* NULL: it has left */
    oro_conn_id conn;
    const struct oro_proto *proto; /* not of SQL */
    enum read_kind kind;
    enum read_phase phase;
    /* What is asked. */
    uint32_t request_id, query_set_id, ntexts;
    struct oro_bytes texts; /* in frame or own; of a batch its sets, ntexts of them */
    struct oro_bytes message_id; /* in frame */
    enum oro_rows_form form;
    bool replaces; /* its set takes the place of another */
    struct oro_buf *frame;
    struct oro_bb own;
    struct oro_bb held; /* texts whose rows the client has, with a slot */
    struct oro_query_env env;
    size_t charged; /* to the client's connection */
    /* With a slot: the snapshot, and the connection's place in the ring. */
    bool has_slot;
    struct oro_pin *pin;
    struct oro_cursor *cursor;
    uint64_t seq;
    /* Made by readers, and theirs while they run: it is the shard's again when `stands` or `made` says so. */
    int64_t asked_us;
    oro_status st;
    struct oro_err err;
    struct oro_answer *answer; /* measured, if st is ORO_OK */
    struct oro_prepared *prepared;
    struct oro_batch *batch; /* made by the shard when it has a slot */
    bool measured;           /* the answer is, and is being made */
    bool outgrown;           /* the steps of the small lane did not suffice */
    uint64_t produced;       /* bytes of the answer that are made */
    int64_t took_us;         /* what SQL's answer says of its time, if all of it is */
    /* Between the threads. */
    struct oro_spin lock;  /* over these: */
    bool posted;           /* it stands in the inbox */
    bool admitted, stands; /* it has a slot now; the run has ended */
    struct oro_parts made;
    bool made_all;
    _Atomic uint64_t
        taken; /* bytes of the answer that the socket has taken: how far the reader may be ahead */
    atomic_bool hurry; /* it may be ahead as far as it likes */
    /* The answer, on the shard's side. */
    struct oro_parts ready; /* made, and not handed to net */
    bool ready_all;
    uint64_t handed;               /* bytes that were */
    bool again;                    /* catches up with its shard, and is asked once more */
    bool told;                     /* the client has its answer, or the beginning of it */
    bool streaming;                /* it goes on: in sh->streams */
    bool begun, over;              /* something of it was handed to net; nobody wants the rest */
    bool unserved;                 /* readers stand still, or stop: they did not run it */
    bool listed;                   /* in sh->following */
    struct read_task *link, *back; /* of sh->following (link), or sh->streams */
};

/* ---- read_run.c ---- */
#define ORO_READ_WINDOW ((size_t)768 * 1024) /* a reader is ahead of the socket by that at most */
/* What readers call of a task, and in whose round it is. */
struct oro_read_task oro_read_base(struct oro_turns_of of);
struct oro_asked oro_read_asked(const struct read_task *t);
/* Has the shard look at it, if it does not anyway. Any thread. */
void oro_read_post(struct read_task *t);
/* On a reader, or in its place: one piece, and hands it over. Gives its bytes; 0: there was no time for one, or no memory. */
size_t oro_read_make_piece(struct read_task *t, struct oro_session *se, size_t want);

/* ---- read_task.c ---- */
void oro_read_move(struct read_task *t,
                   enum read_phase to); /* asserts that this phase may follow */
void oro_read_ask(struct read_task *t); /* has it wait for a slot */
void oro_read_begin_task(
    struct read_task *t);                   /* it has one: what it reads is pinned from here on */
void oro_read_release(struct read_task *t); /* the slot, if it has one */
void oro_read_run(struct read_task *t);     /* has a reader go on with it */
/* Its bytes count as the client's while they wait here. */
void oro_read_charge(struct read_task *t, size_t bytes);
void oro_read_uncharge(struct read_task *t);
void oro_read_forget_question(struct read_task *t); /* what is asked is not needed any more */
void oro_read_forget_prepared(struct read_task *t);
void oro_read_forget_answer(struct read_task *t);
void oro_read_unpin(struct read_task *t); /* lets go of the snapshot */
/* It is on its way from its snapshot to where the shard is. */
void oro_read_follow_add(struct read_task *t);
/* A websocket's client has its answer: the connection follows the ring from there. */
void oro_read_follow(struct read_task *t);
void oro_read_free(struct read_task *t);

/* ---- stream.c ---- */
/* The client is told, but the answer is not complete yet, or was not handed to net. */
void oro_stream_begin(struct read_task *t);
/* Hands over what there is, and has more made. The task may be gone afterwards. */
void oro_stream_step(struct read_task *t);
void oro_stream_drop(struct read_task *t); /* nobody is there who wants the rest */

/* ---- sql.c: an answer, or the beginning of it, or why there is none. Takes t ---- */
void oro_sql_told(struct read_task *t);

#endif
