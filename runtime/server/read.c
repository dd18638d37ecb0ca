/* Reading whose cost a stranger chooses, on the reader threads (runtime/exec).
 *
 * What a shard cannot answer within a few thousand steps becomes a task. When it has a slot, the shard pins the newest
 * snapshot for it; a reader evaluates it there; the shard answers. For the client of a websocket its messages and updates
 * keep one order: from the moment its snapshot S is pinned the connection is frozen, with a cursor of its own where the shard
 * stands in the ring (at or before S). When the rows are there it follows record by record, alone: up to S as it was, then
 * comes the answer and the subscription, then the records after S, until it has reached the shard and is like any other.
 * Nothing of it runs while it waits for its slot, and messages that it sends meanwhile wait. */
#include "runtime/server/read.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/base/clock.h"

#define SMALL_STEPS 250000  /* what does not end within them goes to the lane of large ones */
#define FOLLOW_RECORDS 4096 /* of all that follow, before sockets have their turn */
#define FOLLOW_TERMS 200000 /* evaluated for them */
#define NO_MEMORY "the server has no memory left for this answer: try again later"

/* ---- between the threads ---- */

static void
inbox_put(struct read_task *t)
{
    struct shard *sh = t->sh;
    struct oro_server *s = sh->server;
    struct read_task *first = atomic_load_explicit(&sh->read_inbox, memory_order_relaxed);
    do
        t->next = first;
    while (!atomic_compare_exchange_weak(&sh->read_inbox, &first, t));
    if (atomic_load(&s->attached))
        s->net.wake(s->net.net, sh->number);
}

/* Sets a flag of the task's (NULL: none), and puts it into the inbox unless it is there. Who finds it there is the shard; so once
 * the lock is given back without that, it is not ours any more. */
static void
post(struct read_task *t, bool *flag)
{
    oro_spin_lock(&t->lock);
    bool put = !t->posted;
    t->posted = true;
    if (flag != NULL)
        *flag = true;
    oro_spin_unlock(&t->lock);
    if (put)
        inbox_put(t);
}

void
oro_read_post(struct read_task *t)
{
    post(t, NULL);
}

static void
on_admitted(struct oro_read_task *base)
{
    struct read_task *t = (struct read_task *)base;
    post(t, &t->admitted);
}

static void
on_done(struct oro_read_task *base)
{
    struct read_task *t = (struct read_task *)base;
    post(t, &t->stands);
}

/* ---- on a reader ---- */

/* What the engine says of its time, in the end of its answer. */
static int64_t
took_of(struct oro_bytes json)
{
    static const char key[] = "],\"total_duration_micros\":";
    if (json.len == 0)
        return 0;
    const uint8_t *tail = json.len > 200 ? json.data + json.len - 200 : json.data;
    const uint8_t *at = memmem(tail, json.len - (size_t)(tail - json.data), key, sizeof(key) - 1);
    return at != NULL ? strtoll((const char *)at + sizeof(key) - 1, NULL, 10) : 0;
}

/* By SQLite, whose answer is whole, and handed over as one. */
static oro_status
full_sql(struct read_task *t, struct oro_session *se, struct oro_budget *budget)
{
    struct oro_bb out = {0};
    struct oro_parts parts = {0};
    oro_status st =
        oro_sql_full(t->sh->server, se, t->texts, &t->env, budget, &out, &parts, &t->err);
    t->took_us = took_of(oro_bb_bytes(&out));
    oro_parts_close(&parts, &out);
    if (st == ORO_OK && parts.failed)
        st = oro_err_set(&t->err, ORO_ENOMEM, NO_MEMORY);
    oro_spin_lock(&t->lock);
    if (st == ORO_OK) {
        t->made = parts;
        t->made_all = true;
        parts = (struct oro_parts){0};
    }
    oro_spin_unlock(&t->lock);
    oro_parts_fini(&parts);
    return st;
}

static oro_status
open_one(struct read_task *t, struct oro_session *se, struct oro_budget *budget)
{
    bool sql = t->kind == READ_SQL;
    struct oro_query *q = NULL;
    oro_status st = oro_query_parse(t->sh->server->schema, t->texts,
                                    sql ? ORO_QUERY_SQL : ORO_QUERY_ONE_OFF, &t->env, &q, &t->err);
    if (st == ORO_OK)
        t->answer = sql ? oro_answer_of_sql(q) : oro_answer_of_query(q);
    else if (sql && oro_query_is_sqlites(st, t->texts))
        st = full_sql(t, se, budget);
    oro_query_free(q);
    return st;
}

static oro_status
open_set(struct read_task *t)
{
    oro_status st = oro_prepare(t->sh->server->schema, t->texts, t->ntexts, &t->env, &t->base.stop,
                                &t->prepared, &t->err);
    if (st == ORO_OK)
        t->answer = oro_answer_of_set(t->prepared);
    return st;
}

static oro_status
open_batch(struct read_task *t)
{
    oro_status st = oro_batch_prepare(t->batch, t->sh->server->schema, &t->env, &t->base.stop,
                                      &t->err);
    if (st == ORO_OK)
        t->answer = oro_answer_of_batch(t->batch);
    return st;
}

static oro_status
open_any(struct read_task *t, struct oro_session *se, struct oro_budget *budget)
{
    if (t->kind == READ_BATCH)
        return open_batch(t);
    bool set = t->kind == READ_SUBSCRIBE || t->kind == READ_UNSUBSCRIBE;
    return set ? open_set(t) : open_one(t, se, budget);
}

static oro_status
measure(struct read_task *t, struct oro_session *se)
{
    uint64_t most = t->sh->server->opt.query.steps;
    bool small = t->base.lane == ORO_READ_SMALL && most > SMALL_STEPS;
    struct oro_budget budget = {.left = small ? SMALL_STEPS : most, .stop = &t->base.stop};
    oro_status st = open_any(t, se, &budget);
    if (st == ORO_OK && t->answer == NULL && !t->made_all)
        return oro_err_set(&t->err, ORO_ENOMEM, NO_MEMORY);
    if (st == ORO_OK && t->answer != NULL)
        st = oro_answer_measure(t->answer, se, most, &budget, &t->err);
    t->outgrown = small && budget.spent;
    if (t->outgrown && st == ORO_OK) /* a batch, some of whose sets are to be had in the other lane */
        return oro_err_set(&t->err, ORO_EFULL, "the query is too expensive for the small lane");
    return st;
}

struct oro_asked
oro_read_asked(const struct read_task *t)
{
    static const enum oro_client_tag tags[] = {[READ_SUBSCRIBE] = ORO_MSG_SUBSCRIBE,
                                               [READ_UNSUBSCRIBE] = ORO_MSG_UNSUBSCRIBE,
                                               [READ_ONE_OFF] = ORO_MSG_ONE_OFF,
                                               [READ_SQL] = ORO_MSG_ONE_OFF,
                                               [READ_BATCH] = ORO_MSG_SUBSCRIBE_BATCH};
    struct oro_asked to = {
        .tag = tags[t->kind], .request_id = t->request_id, .query_set_id = t->query_set_id};
    if (t->kind == READ_BATCH) {
        to.sets = t->texts;
        to.nsets = t->ntexts;
    }
    return to;
}

static void
run(struct oro_read_task *base)
{
    struct read_task *t = (struct read_task *)base;
    struct oro_session *se = oro_session_open(t->sh->server->store);
    oro_read_begin_at(se, t->pin);
    if (t->produced == 0 && !t->measured) {
        t->st = measure(t, se);
        t->measured = t->st == ORO_OK;
    }
    if (t->answer != NULL && t->measured)
        oro_stream_make(t, se);
    oro_read_end(se);
    oro_session_close(se);
}

/* ---- asking ---- */

static struct read_task *
task_new(struct shard *sh, struct client *c, enum read_kind kind)
{
    ORO_ASSERT_OWNER(&sh->owner);
    struct read_task *t = ORO_NEW(struct read_task);
    t->base = (struct oro_read_task){
        .of = oro_client_turns(c), .admitted = on_admitted, .run = run, .done = on_done};
    t->sh = sh;
    t->client = c;
    t->conn = c->conn;
    t->proto = c->proto;
    t->kind = kind;
    t->env = oro_client_env(sh, c);
    ORO_ASSERT(c->reads == NULL);
    c->reads = t;
    return t;
}

void
oro_read_charge(struct read_task *t, size_t bytes)
{
    if (t->client == NULL)
        return;
    t->charged += bytes;
    (void)oro_client_charge(t->sh, t->client, (int64_t)bytes);
}

void
oro_read_uncharge(struct read_task *t)
{
    if (t->client != NULL)
        (void)oro_client_charge(t->sh, t->client, -(int64_t)t->charged);
    t->charged = 0;
}

static void
forget_prepared(struct read_task *t)
{
    oro_prepared_free(t->prepared);
    t->prepared = NULL;
    oro_batch_free(t->batch);
    t->batch = NULL;
}

void
oro_read_forget_question(struct read_task *t)
{
    t->texts = (struct oro_bytes){0};
    oro_buf_unref(t->frame);
    t->frame = NULL;
    oro_bb_fini(&t->own);
    forget_prepared(t);
}

static void
forget_answer(struct read_task *t)
{
    oro_answer_free(t->answer);
    t->answer = NULL;
    oro_parts_fini(&t->ready);
    oro_parts_fini(&t->made);
    t->ready_all = t->made_all = t->measured = false;
    t->produced = 0;
}

/* Lets go of the snapshot. */
static void
reading_end(struct read_task *t)
{
    oro_pin_close(t->pin);
    t->pin = NULL;
}

void
oro_read_free(struct read_task *t)
{
    ORO_ASSERT(t->cursor == NULL && !t->streaming && !t->has_slot);
    oro_read_uncharge(t);
    reading_end(t);
    if (t->client != NULL)
        t->client->reads = NULL;
    oro_read_forget_question(t);
    forget_answer(t);
    oro_free(t);
}

static void
slot_release(struct read_task *t)
{
    if (t->has_slot)
        oro_readers_release(t->sh->server->readers, t->base.lane);
    t->has_slot = false;
}

/* It has a slot: what it reads is pinned from here on. */
static void
begin(struct read_task *t)
{
    struct shard *sh = t->sh;
    t->has_slot = true;
    if (t->client == NULL) {
        slot_release(t);
        oro_read_free(t);
        return;
    }
    if (t->kind != READ_SQL) {
        oro_subs_freeze(sh->subs, t->conn, true);
        t->cursor = oro_cursor_fork(sh->cursor);
    }
    if (t->kind == READ_BATCH)
        t->batch = oro_batch_new(sh->subs, t->conn, t->texts, t->ntexts);
    t->pin = oro_pin_open(sh->server->store);
    t->seq = oro_pin_seq(t->pin);
    t->phase = READ_RUNNING;
    t->asked_us = oro_mono_us();
    oro_readers_run(sh->server->readers, &t->base);
}

void
oro_read_run(struct read_task *t)
{
    ORO_ASSERT(t->phase == READ_STANDING && t->pin != NULL);
    t->phase = READ_RUNNING;
    atomic_store(&t->base.stop, false); /* of a pause that is over; nobody has it now */
    t->base.lane = ORO_READ_MORE;
    oro_readers_run(t->sh->server->readers, &t->base);
}

static void
ask(struct read_task *t)
{
    t->phase = READ_WAITING;
    atomic_store(&t->base.stop, false);
    if (oro_readers_admit(t->sh->server->readers, &t->base))
        begin(t);
}

void
oro_read_message(struct shard *sh, struct client *c, const struct oro_client_message *m,
                 struct oro_buf *frame)
{
    static const enum read_kind kinds[] = {[ORO_MSG_SUBSCRIBE] = READ_SUBSCRIBE,
                                           [ORO_MSG_UNSUBSCRIBE] = READ_UNSUBSCRIBE,
                                           [ORO_MSG_ONE_OFF] = READ_ONE_OFF,
                                           [ORO_MSG_SUBSCRIBE_BATCH] = READ_BATCH};
    struct read_task *t = task_new(sh, c, kinds[m->tag]);
    t->request_id = m->request_id;
    t->query_set_id = m->query_set_id;
    if (m->tag == ORO_MSG_UNSUBSCRIBE) {
        bool found = oro_subs_texts(sh->subs, c->conn, m->query_set_id, &t->own, &t->ntexts);
        ORO_ASSERT(found);
        t->texts = oro_bb_bytes(&t->own);
    } else {
        bool batch = m->tag == ORO_MSG_SUBSCRIBE_BATCH;
        t->frame = oro_buf_ref(frame);
        t->texts = m->tag == ORO_MSG_SUBSCRIBE ? m->queries : batch ? m->sets : m->query;
        t->ntexts = batch ? m->nsets : m->nqueries;
    }
    oro_read_charge(t, sizeof(*t) + t->own.cap + (t->frame != NULL ? t->frame->len : 0));
    ask(t);
}

void
oro_read_sql(struct shard *sh, struct client *c)
{
    struct read_task *t = task_new(sh, c, READ_SQL);
    t->texts = oro_bb_bytes(&c->sql);
    t->own = c->sql; /* the client may end first */
    c->sql = (struct oro_bb){0};
    ask(t);
}

void
oro_read_abandon(struct client *c)
{
    struct read_task *t = c->reads;
    if (t == NULL)
        return;
    atomic_store_explicit(&t->base.stop, true, memory_order_relaxed);
    if (t->phase == READ_WAITING)
        oro_read_forget_question(t);
    t->client = NULL;
    c->reads = NULL;
    oro_read_post(t);
}

void
oro_read_interrupt(struct client *c)
{
    struct read_task *t = c->reads;
    if (t == NULL)
        return;
    atomic_store_explicit(&t->base.stop, true, memory_order_relaxed);
    if (t->phase == READ_WAITING)
        oro_read_forget_question(t); /* it has no connection any more that it would count for */
    oro_read_post(t);
}

/* ---- answering ---- */

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
    switch (t->kind) {
    case READ_SUBSCRIBE:
        return oro_subs_register(subs, t->conn, t->query_set_id, t->prepared, &t->err);
    case READ_UNSUBSCRIBE:
        return oro_subs_unsubscribe(subs, NULL, t->conn, t->query_set_id, false, NULL, NULL,
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
    forget_answer(t);
    reading_end(t);
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
follow_add(struct read_task *t)
{
    ORO_ASSERT(!t->streaming && !t->listed);
    t->listed = true;
    t->link = t->sh->following;
    t->sh->following = t;
}

void
oro_read_follow(struct read_task *t)
{
    t->cursor = oro_cursor_open_at(t->pin);
    oro_cursor_hold(t->cursor, t->sh->holds);
    forget_answer(t);
    reading_end(t);
    follow_add(t);
}

static void
follow_end(struct read_task *t)
{
    struct client *c = t->client;
    struct shard *sh = t->sh;
    thaw(t);
    if (c != NULL && t->again) {
        t->again = false;
        ask(t);
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
            follow_add(t);
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
    forget_prepared(t);
    forget_answer(t);
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
        reading_end(t);
    if (t->cursor != NULL) {
        follow_add(t);
    } else if (t->again) {
        t->again = false;
        ask(t);
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
        begin(t);
        return;
    }
    if (stands) {
        t->phase = READ_STANDING;
        t->unserved = !t->base.ran;
        slot_release(t);
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
        follow_add(t);
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
