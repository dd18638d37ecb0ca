/* Reading whose cost a stranger chooses, on the reader threads (runtime/exec).
 *
 * What a shard cannot answer within a few thousand steps becomes a task. When it has a slot, the shard pins the newest
 * snapshot for it; a reader evaluates it there; the shard answers. For the client of a websocket its messages and updates
 * keep one order: from the moment its snapshot S is pinned the connection is frozen, with a cursor of its own where the shard
 * stands in the ring (at or before S). When the rows are there it follows record by record, alone: up to S as it was, then
 * comes the answer and the subscription, then the records after S, until it has reached the shard and is like any other.
 * Nothing of it runs while it waits for its slot, and messages that it sends meanwhile wait. */
#include "runtime/server/read.h"

#define FOLLOW_RECORDS 4096 /* of all that follow, before sockets have their turn */
#define FOLLOW_TERMS 200000 /* evaluated for them */

static void
refuse(struct read_task *t)
{
    struct oro_asked to = oro_read_asked(t);
    struct oro_bb out = {0};
    if (t->kind == READ_SUBSCRIBE)
        oro_client_refused(t->sh, t->texts, &t->err);
    t->proto->error(&out, &to, oro_bytes_str(t->err.text));
    oro_client_send(t->sh, t->client, oro_bb_bytes(&out), 0);
    oro_bb_fini(&out);
}

#define COPIED ((size_t)16 * 1024) /* a message up to here goes with others */

/* All of it is there. */
static void
answer(struct read_task *t)
{
    if (t->ready.n == 1 && t->ready.bytes <= COPIED)
        oro_client_send(t->sh, t->client, oro_buf_bytes(t->ready.bufs[0]), t->seq);
    else
        oro_client_send_parts(t->sh, t->client, &t->ready, t->seq);
    oro_parts_fini(&t->ready);
}

static oro_status
register_batch(struct read_task *t)
{
    struct shard *sh = t->sh;
    oro_batch_refused(t->batch, oro_batch_set_refused, sh);
    return oro_batch_register(sh->subs, t->conn, t->batch, &t->err);
}

/* What the answer is about begins, or ends, here. */
static oro_status
come_true(struct read_task *t)
{
    struct oro_subs *subs = t->sh->subs;
    oro_status st;
    switch (t->kind) {
    case READ_SUBSCRIBE:
        st = oro_subs_register(subs, t->conn, t->query_set_id, t->prepared, &t->err);
        if (st == ORO_OK && t->replaces)
            oro_client_replaced(t->sh, t->client, t->query_set_id);
        return st;
    case READ_UNSUBSCRIBE:
        return oro_subs_unsubscribe(subs, NULL, t->conn, t->query_set_id, ORO_ROWS_TABLES, NULL, NULL,
                                    &t->err);
    case READ_BATCH:
        return register_batch(t);
    default:
        return ORO_OK;
    }
}

/* At S: everything up to it has been told. */
static void
tell(struct read_task *t)
{
    struct shard *sh = t->sh;
    bool stands = t->phase == READ_STANDING;
    if (t->st == ORO_OK)
        t->st = come_true(t);
    oro_shard_count_subs(sh);
    oro_shard_hold(sh); /* its snapshot is held until here */
    oro_cursor_hold(t->cursor, sh->holds);
    t->told = true;
    oro_read_uncharge(t); /* from here on it counts as what waits to be sent */
    if (t->st != ORO_OK) {
        refuse(t);
        atomic_store(&t->base.stop, true);
    } else if (stands && t->ready_all) {
        answer(t);
    } else {
        oro_read_forget_question(t);
        oro_read_charge(t, (size_t)t->ready.bytes);
        oro_cursor_close(t->cursor); /* the snapshot holds its place */
        t->cursor = NULL;
        oro_stream_begin(t);
        return;
    }
    oro_read_forget_question(t);
    if (!stands)
        return;
    oro_read_forget_answer(t);
    oro_read_unpin(t);
}

/* The connection is where its shard is. */
static void
thaw(struct read_task *t)
{
    if (t->kind == READ_SQL)
        return;
    oro_cursor_close(t->cursor);
    t->cursor = NULL;
    oro_subs_freeze(t->sh->subs, t->conn, false);
}

/* The answer has its place behind the record that it stands at. */
static bool
is_to_tell(const struct read_task *t)
{
    return !t->told && !t->again && oro_cursor_seq(t->cursor) == t->seq;
}

static bool
follow_can_step(const struct read_task *t)
{
    return t->client != NULL && !t->streaming &&
           (is_to_tell(t) || oro_cursor_seq(t->cursor) < oro_cursor_seq(t->sh->cursor));
}

/* The answer, or one record. */
static void
follow_step(struct read_task *t)
{
    if (is_to_tell(t)) {
        tell(t);
        return;
    }
    const struct oro_commit *rec = oro_cursor_next(t->cursor);
    ORO_ASSERT(rec != NULL && rec->seq <= oro_cursor_seq(t->sh->cursor));
    oro_shard_apply_to(t->sh, t->conn, rec);
}

/* Gone, or where it should be; and no reader has it. */
static bool
follow_ended(const struct read_task *t)
{
    bool there = t->told || t->again;
    return t->phase == READ_STANDING &&
           (t->client == NULL ||
            (there && oro_cursor_seq(t->cursor) == oro_cursor_seq(t->sh->cursor)));
}

static void
follow_end(struct read_task *t)
{
    struct client *c = t->client;
    struct shard *sh = t->sh;
    thaw(t);
    if (c != NULL && t->again) {
        t->again = false;
        oro_read_ask(t);
        return;
    }
    oro_read_free(t);
    if (c == NULL)
        return;
    oro_views_look(sh, c);
    oro_client_resume_later(sh, c);
}

static uint64_t
evaluated(const struct shard *sh)
{
    struct oro_subs_stats stats;
    oro_subs_stats(sh->subs, &stats);
    return stats.evaluated;
}

static void
follow(struct shard *sh)
{
    ORO_ASSERT_OWNER(&sh->owner);
    unsigned left = FOLLOW_RECORDS;
    uint64_t until = evaluated(sh) + FOLLOW_TERMS;
    struct read_task *list = sh->following;
    sh->following = NULL;
    for (struct read_task *t, *next; (t = list) != NULL; list = next) {
        next = t->link;
        t->link = NULL;
        t->listed = false;
        for (; left > 0 && evaluated(sh) < until && follow_can_step(t); left--)
            follow_step(t);
        if (t->streaming || t->listed)
            continue; /* told, and on its way; or that is over already */
        if (follow_ended(t))
            follow_end(t);
        else
            oro_read_follow_add(t);
    }
}

/* What was read is of no use: it was interrupted, or has to go on in the other lane. */
static bool
is_again(struct read_task *t)
{
    if (t->measured || (t->base.ran && !t->outgrown && t->st != ORO_ETIMEOUT))
        return false;
    if (t->outgrown && t->base.ran)
        t->base.lane = ORO_READ_LARGE;
    t->st = ORO_OK;
    t->err = (struct oro_err){0};
    t->outgrown = false;
    oro_read_forget_prepared(t);
    oro_read_forget_answer(t);
    bool nobody = t->kind == READ_SQL && t->client->req_id == 0;
    if (!nobody && !atomic_load(&t->sh->server->quiet))
        return true;
    t->st = oro_err_set(&t->err, ORO_ECLOSED, "the server stops");
    return false;
}

/* The first run has ended without a piece of the answer, or was not to be. */
static void
came_back(struct read_task *t)
{
    struct client *c = t->client;
    t->again = is_again(t);
    if (!t->measured)
        oro_read_unpin(t);
    if (t->cursor != NULL) {
        oro_read_follow_add(t);
    } else if (t->again) {
        t->again = false;
        oro_read_ask(t);
    } else if (t->kind == READ_SQL) {
        oro_sql_told(t);
    } else { /* it never began */
        struct shard *sh = t->sh;
        refuse(t);
        oro_read_free(t);
        oro_client_resume_later(sh, c);
    }
}

/* Nobody waits for it. */
static void
drop(struct read_task *t)
{
    if (t->streaming)
        oro_stream_drop(t);
    thaw(t);
    oro_read_free(t);
}

static void
take_made(struct read_task *t, bool *admitted, bool *stands)
{
    oro_spin_lock(&t->lock);
    t->posted = false;
    *admitted = t->admitted;
    *stands = t->stands;
    t->admitted = t->stands = false;
    uint64_t before = t->ready.bytes;
    bool moved = oro_parts_move(&t->ready, &t->made);
    t->ready.failed = t->ready.failed || t->made.failed || !moved;
    t->ready_all = t->made_all;
    oro_spin_unlock(&t->lock);
    if (t->ready.bytes > before)
        oro_read_charge(t, (size_t)(t->ready.bytes - before));
}

static void
look(struct read_task *t)
{
    bool admitted, stands;
    take_made(t, &admitted, &stands);
    if (admitted) {
        oro_read_begin_task(t);
        return;
    }
    if (stands) {
        oro_read_move(t, READ_STANDING);
        t->unserved = !t->base.ran;
        oro_read_release(t);
    }
    if (t->listed)
        return;
    if (t->client == NULL && t->phase == READ_STANDING)
        drop(t);
    else if (t->client == NULL)
        return;
    else if (t->streaming)
        oro_stream_step(t);
    else if (t->phase == READ_STANDING && t->ready.n == 0)
        came_back(t);
    else if (t->ready.n > 0 && t->kind == READ_SQL)
        oro_sql_told(t);
    else if (t->ready.n > 0)
        oro_read_follow_add(t);
}

void
oro_reads_drain(struct shard *sh)
{
    ORO_ASSERT_OWNER(&sh->owner);
    struct read_task *list = NULL;
    for (struct read_task *t = atomic_exchange(&sh->read_inbox, NULL), *next; t != NULL; t = next) {
        next = t->next; /* the newest comes first */
        t->next = list;
        list = t;
    }
    for (struct read_task *t; (t = list) != NULL;) {
        list = t->next;
        look(t);
    }
    if (sh->following != NULL)
        follow(sh);
    if (oro_shard_stands_still(sh))
        oro_streams_look(sh);
    else
        sh->here_us = 0;
}

bool
oro_reads_have_work(struct shard *sh)
{
    bool work = atomic_load(&sh->read_inbox) != NULL;
    for (struct read_task *t = sh->following; t != NULL && !work; t = t->link)
        work = follow_can_step(t) || follow_ended(t);
    return work;
}

bool
oro_reads_under_way(struct shard *sh)
{
    bool pinned = false;
    for (struct read_task *t = sh->streams; t != NULL && !pinned; t = t->link)
        pinned = t->pin != NULL;
    return pinned || sh->following != NULL || oro_reads_have_work(sh);
}

static void
free_at_the_end(struct read_task *t)
{
    oro_cursor_close(t->cursor);
    t->cursor = NULL;
    t->client = NULL;
    t->streaming = t->has_slot = false;
    oro_read_free(t);
}

/* A task may be in the inbox and in one of the lists. */
void
oro_reads_free(struct shard *sh)
{
    for (struct read_task *t = atomic_exchange(&sh->read_inbox, NULL), *next; t != NULL; t = next) {
        next = t->next;
        if (!t->listed && !t->streaming)
            free_at_the_end(t);
    }
    struct read_task *lists[] = {sh->following, sh->streams};
    for (size_t i = 0; i < ORO_ARRAY_LEN(lists); i++) {
        for (struct read_task *t = lists[i], *next; t != NULL; t = next) {
            next = t->link;
            free_at_the_end(t);
        }
    }
    sh->following = sh->streams = NULL;
}
