/* A task for the readers: asked, with a slot, and given up; its client's connection is frozen from the moment its snapshot is pinned. */
#include "runtime/server/read.h"

#include "runtime/base/clock.h"

void
oro_read_move(struct read_task *t, enum read_phase to)
{
    static const unsigned next[READ_PHASES] = {
        [READ_WAITING] = 1u << READ_RUNNING | 1u << READ_STANDING, /* the readers stop */
        [READ_RUNNING] = 1u << READ_STANDING,
        [READ_STANDING] = 1u << READ_WAITING | 1u << READ_RUNNING,
    };
    ORO_ASSERT_OWNER(&t->sh->owner);
    ORO_ASSERT(next[t->phase] & 1u << to);
    t->phase = to;
}

static struct read_task *
task_new(struct shard *sh, struct client *c, enum read_kind kind)
{
    ORO_ASSERT_OWNER(&sh->owner);
    struct read_task *t = ORO_NEW(struct read_task);
    t->base = oro_read_base(oro_client_turns(c));
    t->sh = sh;
    t->client = c;
    t->conn = c->conn;
    t->proto = c->proto;
    t->kind = kind;
    t->phase = READ_STANDING;
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

void
oro_read_forget_prepared(struct read_task *t)
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
    t->message_id = (struct oro_bytes){0};
    oro_bb_fini(&t->own);
    oro_bb_fini(&t->held);
    oro_read_forget_prepared(t);
}

void
oro_read_forget_answer(struct read_task *t)
{
    oro_answer_free(t->answer);
    t->answer = NULL;
    oro_parts_fini(&t->ready);
    oro_parts_fini(&t->made);
    t->ready_all = t->made_all = t->measured = false;
    t->produced = 0;
}

void
oro_read_unpin(struct read_task *t)
{
    oro_pin_close(t->pin);
    t->pin = NULL;
}

void
oro_read_free(struct read_task *t)
{
    ORO_ASSERT(t->cursor == NULL && !t->streaming && !t->has_slot);
    oro_read_uncharge(t);
    oro_read_unpin(t);
    if (t->client != NULL)
        t->client->reads = NULL;
    oro_read_forget_question(t);
    oro_read_forget_answer(t);
    oro_free(t);
}

void
oro_read_release(struct read_task *t)
{
    if (t->has_slot)
        oro_readers_release(t->sh->server->readers, t->base.lane);
    t->has_slot = false;
}

void
oro_read_begin_task(struct read_task *t)
{
    struct shard *sh = t->sh;
    t->has_slot = true;
    if (t->client == NULL) {
        oro_read_release(t);
        oro_read_free(t);
        return;
    }
    if (t->kind != READ_SQL) {
        oro_subs_freeze(sh->subs, t->conn, true);
        t->cursor = oro_cursor_fork(sh->cursor);
    }
    if (t->kind == READ_BATCH)
        t->batch = oro_batch_new(sh->subs, t->conn, t->texts, t->ntexts);
    oro_bb_clear(&t->held);
    if (t->kind == READ_SUBSCRIBE && t->form == ORO_ROWS_UPDATES)
        oro_subs_held(sh->subs, t->conn, &t->held);
    oro_read_charge(t, t->held.len);
    t->pin = oro_pin_open(sh->server->store);
    t->seq = oro_pin_seq(t->pin);
    oro_read_move(t, READ_RUNNING);
    t->asked_us = oro_mono_us();
    oro_readers_run(sh->server->readers, &t->base);
}

void
oro_read_run(struct read_task *t)
{
    ORO_ASSERT(t->phase == READ_STANDING && t->pin != NULL);
    oro_read_move(t, READ_RUNNING);
    atomic_store(&t->base.stop, false); /* of a pause that is over; nobody has it now */
    t->base.lane = ORO_READ_MORE;
    oro_readers_run(t->sh->server->readers, &t->base);
}

void
oro_read_ask(struct read_task *t)
{
    oro_read_move(t, READ_WAITING);
    atomic_store(&t->base.stop, false);
    if (oro_readers_admit(t->sh->server->readers, &t->base))
        oro_read_begin_task(t);
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
    t->message_id = m->message_id;
    t->env.form = t->form = m->form;
    t->replaces = m->replaces;
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
    oro_read_ask(t);
}

void
oro_read_sql(struct shard *sh, struct client *c)
{
    struct read_task *t = task_new(sh, c, READ_SQL);
    t->texts = oro_bb_bytes(&c->sql);
    t->own = c->sql; /* the client may end first */
    c->sql = (struct oro_bb){0};
    oro_read_ask(t);
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

void
oro_read_follow_add(struct read_task *t)
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
    oro_read_forget_answer(t);
    oro_read_unpin(t);
    oro_read_follow_add(t);
}
