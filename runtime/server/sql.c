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
            oro_sql_write_start(sh, c);
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
