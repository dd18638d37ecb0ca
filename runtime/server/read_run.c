/* What readers do for a shard: a question is measured, its answer made piece by piece, and the shard told. Between the threads a task
 * is handed over by its lock and the shard's inbox. */
#include "runtime/server/read.h"

#include <stdlib.h>
#include <string.h>

#define SMALL_STEPS 250000 /* what does not end within them goes to the lane of large ones */
#define FIRST_PIECE ((size_t)64 * 1024) /* there soon */
#define RUN_BYTES ((size_t)2 << 20)     /* of a reader's turn for one answer, */
#define RUN_STEPS 250000                /* and what it may look at */
#define NO_MEMORY "the server has no memory left for this answer: try again later"

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

#define ANSWER_BYTES ((uint64_t)1 << 30) /* as much as the other queries may find */

static oro_status
sql_full(struct oro_server *s, struct oro_session *se, struct oro_bytes text,
         const struct oro_query_env *env, struct oro_budget *budget, struct oro_bb *out,
         struct oro_parts *parts, struct oro_err *err)
{
    struct oro_sql_ask ask = {.schema = s->schema,
                              .store = s->store,
                              .session = se,
                              .sender = env->sender,
                              .is_owner = env->is_owner,
                              .steps = budget->left,
                              .memory = s->opt.query.memory,
                              .bytes = ANSWER_BYTES,
                              .stop = budget->stop};
    *err = (struct oro_err){0};
    oro_status st = oro_sql_query(s->sql, &ask, text, out, parts, err);
    budget->spent = ask.spent;
    return st;
}

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
    oro_status st = sql_full(t->sh->server, se, t->texts, &t->env, budget, &out, &parts, &t->err);
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
    if (st != ORO_OK)
        return st;
    oro_prepared_leave_out(t->prepared, oro_bb_bytes(&t->held));
    t->answer = oro_answer_of_set(t->prepared);
    if (t->answer != NULL)
        oro_answer_form(t->answer, t->form, t->kind == READ_UNSUBSCRIBE);
    return ORO_OK;
}

static oro_status
open_batch(struct read_task *t)
{
    oro_status st =
        oro_batch_prepare(t->batch, t->sh->server->schema, &t->env, &t->base.stop, &t->err);
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

/* What its protocol puts behind the rows. */
static void
end_answer(struct read_task *t)
{
    struct oro_asked to = oro_read_asked(t);
    struct oro_bb tail = {0};
    if (t->answer == NULL || t->kind == READ_SQL || t->proto->tail == NULL)
        return;
    t->proto->tail(&tail, &to);
    oro_answer_end_with(t->answer, oro_bb_bytes(&tail));
    oro_bb_fini(&tail);
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
    end_answer(t);
    if (st == ORO_OK && t->answer != NULL)
        st = oro_answer_measure(t->answer, se, most, &budget, &t->err);
    t->outgrown = small && budget.spent;
    if (t->outgrown &&
        st == ORO_OK) /* a batch, some of whose sets are to be had in the other lane */
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
    struct oro_asked to = {.tag = tags[t->kind],
                           .request_id = t->request_id,
                           .query_set_id = t->query_set_id,
                           .form = t->form,
                           .message_id = t->message_id};
    if (t->kind == READ_BATCH) {
        to.sets = t->texts;
        to.nsets = t->ntexts;
    }
    return to;
}

/* One piece, and hands it over. Gives its bytes; 0: there was no time for one, or no memory. */
size_t
oro_read_make_piece(struct read_task *t, struct oro_session *se, size_t want)
{
    struct oro_bb bb = {0};
    struct oro_parts parts = {0};
    if (t->produced == 0 && t->kind != READ_SQL) { /* after that the shard may forget the question */
        struct oro_asked to = oro_read_asked(t);
        t->proto->applied(&bb, &to, true);
    }
    oro_answer_more(t->answer, se, want, RUN_STEPS, &t->base.stop, &bb, &parts);
    oro_parts_close(&parts, &bb);
    size_t bytes = (size_t)parts.bytes;
    oro_spin_lock(&t->lock);
    bool failed = parts.failed || !oro_parts_move(&t->made, &parts);
    t->made.failed = t->made.failed || failed;
    t->made_all = !failed && oro_answer_ended(t->answer);
    oro_spin_unlock(&t->lock);
    oro_parts_fini(&parts);
    t->produced += bytes;
    t->took_us = oro_answer_took_us(t->answer);
    return failed ? 0 : bytes;
}

static bool
may_be_ahead(struct read_task *t)
{
    return t->produced - atomic_load(&t->taken) < ORO_READ_WINDOW || atomic_load(&t->hurry);
}

static void
make(struct read_task *t, struct oro_session *se)
{
    uint64_t from = t->produced;
    while (!oro_answer_ended(t->answer) && may_be_ahead(t) && t->produced - from < RUN_BYTES) {
        size_t want = t->produced == 0 ? FIRST_PIECE : ORO_PART,
               made = oro_read_make_piece(t, se, want);
        if (made > 0 && !oro_answer_ended(t->answer))
            oro_read_post(t); /* else the end of the run says so */
        if (made < want)
            break;
    }
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
        make(t, se);
    oro_read_end(se);
    oro_session_close(se);
}

struct oro_read_task
oro_read_base(struct oro_turns_of of)
{
    return (struct oro_read_task){.of = of, .admitted = on_admitted, .run = run, .done = on_done};
}
