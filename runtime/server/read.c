/* Reading whose cost a stranger chooses, on the reader threads (runtime/exec).
 *
 * What a shard cannot answer within a few thousand steps becomes a task. When it has a slot, the shard pins the newest
 * snapshot for it; a reader evaluates it there; the shard answers. For the client of a websocket its messages and updates
 * keep one order: from the moment its snapshot S is pinned the connection is frozen, with a cursor of its own where the shard
 * stands in the ring (at or before S). When the rows are there it follows record by record, alone: up to S as it was, then
 * comes the answer and the subscription, then the records after S, until it has reached the shard and is like any other.
 * Nothing of it runs while it waits for its slot, and messages that it sends meanwhile wait. */
#include "runtime/server/read.h"

#include "runtime/base/clock.h"

#define SMALL_STEPS 250000  /* what does not end within them goes to the lane of large ones */
#define FOLLOW_RECORDS 4096 /* of all that follow, before sockets have their turn */
#define FOLLOW_TERMS 200000 /* evaluated for them */

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

static void
on_admitted(struct oro_read_task *base)
{
    struct read_task *t = (struct read_task *)base;
    t->phase = READ_ADMITTED;
    inbox_put(t);
}

static void
on_done(struct oro_read_task *base)
{
    struct read_task *t = (struct read_task *)base;
    inbox_put(t);
}

/* ---- on a reader ---- */

static oro_status
run_one(struct read_task *t, struct oro_budget *budget)
{
    bool sql = t->kind == READ_SQL;
    struct oro_query *q = NULL;
    oro_status st = oro_query_parse(t->sh->server->schema, t->texts,
                                    sql ? ORO_QUERY_SQL : ORO_QUERY_ONE_OFF, &t->env, &q, &t->err);
    if (st == ORO_OK && sql)
        st = oro_query_sql_json(q, t->session, budget, &t->out, &t->parts, &t->err);
    else if (st == ORO_OK)
        st = oro_subs_one_off(q, t->session, budget, &t->out, &t->parts, &t->err);
    else if (sql && !oro_query_knows(t->texts))
        st = oro_sql_full(t->sh->server, t->session, t->texts, &t->env, budget, &t->out, &t->parts,
                          &t->err);
    oro_query_free(q);
    return st;
}

static oro_status
run_set(struct read_task *t, struct oro_budget *budget)
{
    oro_status st = oro_prepare(t->sh->server->schema, t->texts, t->ntexts, &t->env, &t->base.stop,
                                &t->prepared, &t->err);
    if (st == ORO_OK)
        st = oro_prepared_rows(t->prepared, t->session, budget, &t->out, &t->parts, &t->err);
    return st;
}

/* The answer is complete. */
static void
seal(struct read_task *t)
{
    if (t->parts.n > 0 && t->kind != READ_SQL)
        oro_parts_close(&t->parts, &t->out);
    if (t->parts.failed && t->st == ORO_OK)
        t->st = oro_err_set(&t->err, ORO_ENOMEM,
                            "the server has no memory left for this answer: try again later");
}

static struct oro_asked
asked(const struct read_task *t)
{
    static const enum oro_client_tag tags[] = {[READ_SUBSCRIBE] = ORO_MSG_SUBSCRIBE,
                                               [READ_UNSUBSCRIBE] = ORO_MSG_UNSUBSCRIBE,
                                               [READ_ONE_OFF] = ORO_MSG_ONE_OFF,
                                               [READ_SQL] = ORO_MSG_ONE_OFF};
    return (struct oro_asked){
        .tag = tags[t->kind], .request_id = t->request_id, .query_set_id = t->query_set_id};
}

static void
run(struct oro_read_task *base)
{
    struct read_task *t = (struct read_task *)base;
    uint64_t most = t->sh->server->opt.query.steps;
    bool small = base->lane == ORO_READ_SMALL && most > SMALL_STEPS;
    struct oro_budget budget = {.left = small ? SMALL_STEPS : most, .stop = &base->stop};
    struct oro_asked to = asked(t);
    if (t->kind != READ_SQL)
        t->proto->applied(&t->out, &to, true);
    bool set = t->kind == READ_SUBSCRIBE || t->kind == READ_UNSUBSCRIBE;
    t->st = set ? run_set(t, &budget) : run_one(t, &budget);
    seal(t);
    t->outgrown = small && budget.spent;
}

/* ---- asking ---- */

static struct read_task *
task_new(struct shard *sh, struct client *c, enum read_kind kind)
{
    struct read_task *t = ORO_NEW(struct read_task);
    t->base = (struct oro_read_task){
        .who = c->asks_as, .admitted = on_admitted, .run = run, .done = on_done};
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

/* What it keeps counts as its client's, as the client's frames and answers do. */
static void
task_charge(struct read_task *t, size_t bytes)
{
    if (t->client == NULL)
        return;
    t->charged += bytes;
    (void)oro_client_charge(t->sh, t->client, (int64_t)bytes);
}

static void
task_uncharge(struct read_task *t)
{
    if (t->client != NULL)
        (void)oro_client_charge(t->sh, t->client, -(int64_t)t->charged);
    t->charged = 0;
}

static void
task_free(struct read_task *t)
{
    ORO_ASSERT(t->session == NULL && t->cursor == NULL);
    task_uncharge(t);
    if (t->client != NULL)
        t->client->reads = NULL;
    oro_buf_unref(t->frame);
    oro_prepared_free(t->prepared);
    oro_bb_fini(&t->own);
    oro_bb_fini(&t->out);
    oro_parts_fini(&t->parts);
    oro_free(t);
}

/* It has a slot: what it reads is pinned from here on. */
static void
begin(struct read_task *t)
{
    struct shard *sh = t->sh;
    struct oro_readers *readers = sh->server->readers;
    if (t->client == NULL) {
        oro_readers_release(readers, t->base.lane);
        task_free(t);
        return;
    }
    if (t->kind != READ_SQL) {
        oro_subs_freeze(sh->subs, t->conn, true);
        t->cursor = oro_cursor_fork(sh->cursor);
    }
    t->session = oro_session_open(sh->server->store);
    t->seq = oro_read_begin(t->session);
    t->phase = READ_READING;
    t->pinned = true;
    oro_readers_run(readers, &t->base);
}

static void
ask(struct read_task *t)
{
    t->phase = READ_WAITING;
    if (oro_readers_admit(t->sh->server->readers, &t->base))
        begin(t);
}

void
oro_read_message(struct shard *sh, struct client *c, const struct oro_client_message *m,
                 struct oro_buf *frame)
{
    static const enum read_kind kinds[] = {[ORO_MSG_SUBSCRIBE] = READ_SUBSCRIBE,
                                           [ORO_MSG_UNSUBSCRIBE] = READ_UNSUBSCRIBE,
                                           [ORO_MSG_ONE_OFF] = READ_ONE_OFF};
    struct read_task *t = task_new(sh, c, kinds[m->tag]);
    t->request_id = m->request_id;
    t->query_set_id = m->query_set_id;
    if (m->tag == ORO_MSG_UNSUBSCRIBE) {
        bool found = oro_subs_texts(sh->subs, c->conn, m->query_set_id, &t->own, &t->ntexts);
        ORO_ASSERT(found);
        t->texts = oro_bb_bytes(&t->own);
    } else {
        t->frame = oro_buf_ref(frame);
        t->texts = m->tag == ORO_MSG_SUBSCRIBE ? m->queries : m->query;
        t->ntexts = m->nqueries;
    }
    task_charge(t, sizeof(*t) + t->own.cap + (t->frame != NULL ? t->frame->len : 0));
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
    if (!t->pinned) {
        oro_buf_unref(t->frame);
        t->frame = NULL;
    }
    t->client = NULL;
    c->reads = NULL;
}

void
oro_read_interrupt(struct client *c)
{
    struct read_task *t = c->reads;
    if (t == NULL)
        return;
    atomic_store_explicit(&t->base.stop, true, memory_order_relaxed);
    if (t->pinned)
        return;
    t->texts =
        (struct oro_bytes){0}; /* what waits has no connection any more that it would count for */
    oro_bb_fini(&t->own);
}

/* ---- answering ---- */

static void
reading_end(struct read_task *t)
{
    if (t->session == NULL)
        return;
    oro_read_end(t->session);
    oro_session_close(t->session);
    t->session = NULL;
}

/* At S: everything up to it has been told. */
static void
tell(struct read_task *t)
{
    struct shard *sh = t->sh;
    if (t->st == ORO_OK && t->kind == READ_SUBSCRIBE)
        t->st = oro_subs_register(sh->subs, t->conn, t->query_set_id, t->prepared, &t->err);
    else if (t->st == ORO_OK && t->kind == READ_UNSUBSCRIBE)
        t->st = oro_subs_unsubscribe(sh->subs, NULL, t->conn, t->query_set_id, false, NULL, NULL,
                                     &t->err);
    if (t->st != ORO_OK) {
        if (t->kind == READ_SUBSCRIBE)
            oro_client_refused(sh, t->texts, &t->err);
        oro_bb_clear(&t->out);
        oro_parts_fini(&t->parts);
        struct oro_asked to = asked(t);
        t->proto->error(&t->out, &to, oro_bytes_str(t->err.text));
    }
    oro_shard_count_subs(sh);
    t->told = true;
    task_uncharge(t); /* from here on it counts as what waits to be sent */
    uint64_t seq = t->st == ORO_OK ? t->seq : 0;
    if (t->parts.n > 0)
        oro_client_send_parts(sh, t->client, &t->parts, seq);
    else
        oro_client_send(sh, t->client, oro_bb_bytes(&t->out), seq);
    oro_bb_fini(&t->out);
}

/* The connection is where its shard is. */
static void
thaw(struct read_task *t)
{
    if (t->cursor == NULL)
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
    return t->client != NULL &&
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

/* Gone, or where it should be. */
static bool
follow_ended(const struct read_task *t)
{
    return t->client == NULL ||
           ((t->told || t->again) && oro_cursor_seq(t->cursor) == oro_cursor_seq(t->sh->cursor));
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
    task_free(t);
    if (c != NULL)
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
    unsigned left = FOLLOW_RECORDS;
    uint64_t until = evaluated(sh) + FOLLOW_TERMS;
    struct read_task *list = sh->following;
    sh->following = NULL;
    for (struct read_task *t, *next; (t = list) != NULL; list = next) {
        next = t->next;
        for (; left > 0 && evaluated(sh) < until && follow_can_step(t); left--)
            follow_step(t);
        if (follow_ended(t)) {
            follow_end(t);
            continue;
        }
        t->next = sh->following;
        sh->following = t;
    }
}

/* What was read is of no use: it was interrupted, or has to go on in the other lane. */
static bool
is_again(struct read_task *t)
{
    if (t->base.ran && !t->outgrown && t->st != ORO_ETIMEOUT)
        return false;
    if (t->outgrown && t->base.ran)
        t->base.lane = ORO_READ_LARGE;
    t->st = ORO_OK;
    t->err = (struct oro_err){0};
    t->outgrown = false;
    atomic_store_explicit(&t->base.stop, false, memory_order_relaxed);
    oro_prepared_free(t->prepared);
    t->prepared = NULL;
    oro_bb_fini(&t->out);
    oro_parts_fini(&t->parts);
    bool nobody = t->kind == READ_SQL && t->client->req_id == 0;
    if (!nobody && !atomic_load(&t->sh->server->quiet))
        return true;
    t->st = oro_err_set(&t->err, ORO_ECLOSED, "the server stops");
    return false;
}

static void
finished(struct read_task *t)
{
    struct shard *sh = t->sh;
    bool pinned = t->pinned;
    enum oro_read_lane lane = t->base.lane;
    reading_end(t);
    t->pinned = false;
    t->again = t->client != NULL && is_again(t);
    task_charge(t, t->out.cap + oro_parts_cost(&t->parts));
    if (pinned)
        oro_readers_release(sh->server->readers, lane);
    if (t->kind != READ_SQL && pinned) {
        t->next = sh->following;
        sh->following = t;
    } else if (t->client == NULL) {
        task_free(t);
    } else if (t->again) {
        t->again = false;
        ask(t);
    } else {
        struct client *c = t->client;
        task_uncharge(t);
        if (t->kind == READ_SQL)
            oro_sql_answer(sh, c, t->st, &t->err, &t->parts, &t->out, t->seq);
        else
            tell(t); /* it never began */
        t->client = NULL;
        c->reads = NULL;
        task_free(t);
    }
}

void
oro_reads_drain(struct shard *sh)
{
    struct read_task *list = NULL;
    for (struct read_task *t = atomic_exchange(&sh->read_inbox, NULL), *next; t != NULL; t = next) {
        next = t->next; /* the newest comes first */
        t->next = list;
        list = t;
    }
    for (struct read_task *t; (t = list) != NULL;) {
        list = t->next;
        if (t->phase == READ_ADMITTED)
            begin(t);
        else
            finished(t);
    }
    if (sh->following != NULL)
        follow(sh);
}

bool
oro_reads_have_work(struct shard *sh)
{
    bool work = atomic_load(&sh->read_inbox) != NULL;
    for (struct read_task *t = sh->following; t != NULL && !work; t = t->next)
        work = follow_can_step(t) || follow_ended(t);
    return work;
}

bool
oro_reads_under_way(struct shard *sh)
{
    return sh->following != NULL || oro_reads_have_work(sh);
}

static void
list_free(struct read_task *list)
{
    for (struct read_task *t; (t = list) != NULL;) {
        list = t->next;
        reading_end(t);
        oro_cursor_close(t->cursor);
        t->cursor = NULL;
        t->client = NULL;
        task_free(t);
    }
}

void
oro_reads_free(struct shard *sh)
{
    list_free(atomic_exchange(&sh->read_inbox, NULL));
    list_free(sh->following);
    sh->following = NULL;
}
