/* POST /v1/database/:name/sql: a query between client_connected and client_disconnected, answered at once if it is small, else
 * by reader threads, in pieces if it is large. */
#include "runtime/server/read.h"

#include "runtime/base/clock.h"

static void
answer(struct shard *sh, struct client *c, struct oro_http_response *res, uint64_t seq)
{
    oro_api_reply_later(sh, c, res, seq);
    c->asked = true;
    if (c->leaves)
        oro_client_post(sh, c, ORO_JOB_DISCONNECT);
}

#define ANSWER_BYTES ((uint64_t)1 << 30) /* as much as the other queries may find */

oro_status
oro_sql_full(struct oro_server *s, struct oro_session *se, struct oro_bytes text,
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

static void
refuse(struct shard *sh, struct client *c, oro_status st, const struct oro_err *err)
{
    struct oro_http_response res = {.content_type = "text/plain; charset=utf-8"};
    res.status = st == ORO_ECLOSED || st == ORO_ENOMEM ? 503 : 400;
    oro_bb_put_bytes(&res.body, oro_bytes_str(err->text));
    answer(sh, c, &res, 0);
}

/* Of an answer that goes on the time is that until here; in the body it is all of it. */
void
oro_sql_told(struct read_task *t)
{
    struct shard *sh = t->sh;
    struct client *c = t->client;
    struct oro_http_response res = {.status = 200, .content_type = "application/json"};
    if (t->st != ORO_OK) {
        refuse(sh, c, t->st, &t->err);
        oro_read_free(t);
        return;
    }
    bool all = t->ready_all && t->phase == READ_STANDING;
    oro_read_forget_question(t);
    oro_api_duration(&res, all ? t->took_us : oro_mono_us() - t->asked_us);
    if (all) {
        oro_read_uncharge(t);
        res.parts = t->ready;
        t->ready = (struct oro_parts){0};
    }
    res.in_pieces = !all;
    answer(sh, c, &res, t->seq);
    t->told = true;
    if (all)
        oro_read_free(t);
    else
        oro_stream_begin(t);
}

/* ---- changing rows ---- */

#define WRITE_BYTES ((uint64_t)256 << 20) /* that the transaction of one text may hold */

/* Belongs to the worker until its record is published, then to the shard. */
struct sql_write {
    atomic_uint refs; /* the client's and the job's */
    struct oro_server *server;
    struct oro_identity sender;
    struct oro_bb text;
    oro_status st;
    struct oro_err err;
    struct oro_bb out;
    int64_t took_us;
};

void
oro_sql_write_unref(struct sql_write *w)
{
    if (w == NULL || atomic_fetch_sub(&w->refs, 1) > 1)
        return;
    oro_bb_fini(&w->text);
    oro_bb_fini(&w->out);
    oro_free(w);
}

static void
write_drop(void *arg)
{
    oro_sql_write_unref(arg);
}

static oro_status
write_run(void *arg, struct oro_session *se, struct oro_tx *tx)
{
    struct sql_write *w = arg;
    struct oro_server *s = w->server;
    struct oro_sql_ask ask = {.schema = s->schema,
                              .store = s->store,
                              .session = se,
                              .sender = w->sender,
                              .is_owner = true,
                              .steps = s->opt.query.steps,
                              .memory = s->opt.query.memory,
                              .bytes = WRITE_BYTES,
                              .tx = tx,
                              .tx_bytes = WRITE_BYTES};
    int64_t begin = oro_mono_us();
    w->err = (struct oro_err){0};
    oro_bb_clear(&w->out); /* of an attempt that conflicted */
    w->st = oro_sql_query(s->sql, &ask, oro_bb_bytes(&w->text), &w->out, NULL, &w->err);
    w->took_us = oro_mono_us() - begin;
    return w->st;
}

/* Takes the text of c->sql. */
static void
start_write(struct shard *sh, struct client *c)
{
    struct sql_write *w = ORO_NEW(struct sql_write);
    struct oro_job *job = oro_job_new(ORO_JOB_WRITE, oro_principal_ref(c->who), 0);
    *w = (struct sql_write){.server = sh->server, .sender = c->who->identity, .text = c->sql};
    c->sql = (struct oro_bb){0};
    w->st = ORO_EINTERNAL; /* until it has run */
    atomic_init(&w->refs, 2);
    c->write = w;
    job->shard = (uint16_t)sh->number;
    job->conn = c->conn;
    job->write = (struct oro_job_write){.run = write_run, .drop = write_drop, .arg = w};
    oro_pool_post(sh->server->pool, c->mailbox, job, false);
}

void
oro_sql_written(struct shard *sh, struct client *c, uint64_t seq)
{
    struct sql_write *w = c->write;
    struct oro_http_response res = {.status = 200, .content_type = "application/json"};
    if (w->st != ORO_OK) {
        refuse(sh, c, w->st, &w->err);
        return;
    }
    res.body = w->out;
    w->out = (struct oro_bb){0};
    oro_api_duration(&res, w->took_us);
    answer(sh, c, &res, seq);
}

static void
refuse_write(struct shard *sh, struct client *c)
{
    struct oro_err err;
    oro_status st = oro_err_set(
        &err, ORO_EREFUSED, "only the owner of the database changes rows by SQL: call a reducer");
    refuse(sh, c, st, &err);
}

/* ---- running ---- */

#define TEXT_HERE 8192 /* bytes of a query that is parsed on the net thread */

void
oro_sql_run(struct shard *sh, struct client *c)
{
    ORO_ASSERT_OWNER(&sh->owner);
    struct oro_query_env env = oro_client_env(sh, c);
    struct oro_budget budget = oro_shard_budget(sh);
    struct oro_query *query = NULL;
    struct oro_bb body = {0};
    struct oro_err err = {0};
    int64_t took = 0;
    if (oro_views_sql_wait(sh, c))
        return;
    if (c->views_error != NULL) {
        oro_err_set(&err, ORO_EINTERNAL, "%s", c->views_error);
        refuse(sh, c, ORO_EINTERNAL, &err);
        return;
    }
    if (oro_sql_writes(oro_bb_bytes(&c->sql))) {
        if (c->is_owner)
            start_write(sh, c);
        else
            refuse_write(sh, c);
        return;
    }
    /* A record may say that its client_connected has run while somebody else's question catches up with the ring. */
    if (c->sql.len > TEXT_HERE || sh->in_snapshot) {
        oro_read_sql(sh, c);
        return;
    }
    oro_status st = oro_query_parse(sh->server->schema, oro_bb_bytes(&c->sql), ORO_QUERY_SQL, &env,
                                    &query, &err);
    if (oro_query_is_sqlites(st, oro_bb_bytes(&c->sql))) {
        oro_read_sql(sh, c); /* SQLite's engine runs on the readers only */
        return;
    }
    uint64_t seq = oro_read_begin(sh->session);
    if (st == ORO_OK)
        st = oro_query_sql_json(query, sh->session, &budget, &body, &took, &err);
    oro_read_end(sh->session);
    oro_query_free(query);
    if (budget.spent) {
        oro_bb_fini(&body);
        oro_read_sql(sh, c);
    } else if (st != ORO_OK) {
        oro_bb_fini(&body);
        refuse(sh, c, st, &err);
    } else {
        struct oro_http_response res = {.status = 200, .content_type = "application/json"};
        res.body = body;
        oro_api_duration(&res, took);
        answer(sh, c, &res, seq);
    }
}

void
oro_sql_start(struct shard *sh, struct client *c)
{
    ORO_ASSERT_OWNER(&sh->owner);
    c->leaves = oro_api_has_lifecycle(sh->server);
    if (c->leaves)
        oro_client_post(sh, c, ORO_JOB_CONNECT);
    else
        oro_sql_run(sh, c);
}
