/* HTTP requests that a short-lived client is made for: client_connected, the call or the query, client_disconnected; what their records
 * mean. */
#include "runtime/server/server_priv.h"

bool
oro_api_release(struct shard *sh, struct client *c)
{
    ORO_ASSERT_OWNER(&sh->owner);
    if (c->reply == NULL || c->reply_seq > oro_server_durable_seq(sh->server))
        return true;
    struct oro_server_net *net = &sh->server->net;
    oro_conn_id conn = c->conn;
    if (c->req_id != 0) {
        bool goes_on = c->reply->in_pieces;
        if (!goes_on)
            oro_map_del_u64(&sh->requests, c->req_id);
        (void)oro_client_charge(sh, c, -(int64_t)c->http_counted);
        c->http_counted = 0;
        net->http_reply(net->net, sh->number, c->req_id, c->reply);
        if (!goes_on)
            c->req_id = 0;
    } else {
        oro_parts_fini(&c->reply->parts);
        oro_bb_fini(&c->reply->body);
    }
    oro_free(c->reply);
    c->reply = NULL;
    if (c->reads == NULL)
        return oro_api_still_needed(sh, c);
    oro_stream_look(c);
    return oro_client_find(sh, conn) != NULL;
}

/* The mailbox keeps the order, and skips the call if client_connected refuses. Takes args. */
static void
start_call(struct shard *sh, struct client *c, const struct oro_reducer_def *reducer,
           struct oro_bb *args)
{
    ORO_ASSERT_OWNER(&sh->owner);
    struct oro_job *job = oro_job_new(ORO_JOB_CALLS, oro_principal_ref(c->who), 1);
    job->shard = (uint16_t)sh->number;
    job->conn = c->conn;
    job->frame = oro_buf_copy(oro_bb_bytes(args));
    job->calls[0] = (struct oro_job_call){.reducer = reducer, .args = oro_buf_bytes(job->frame)};
    oro_api_charge(sh, c, sizeof(*job) + args->len);
    oro_bb_fini(args);
    c->leaves = oro_api_has_lifecycle(sh->server);
    if (c->leaves)
        oro_client_post(sh, c, ORO_JOB_CONNECT);
    oro_pool_post(sh->server->pool, c->mailbox, job, false);
    if (c->leaves)
        oro_client_post(sh, c, ORO_JOB_DISCONNECT);
}

void
oro_api_abandon(struct shard *sh, struct client *c)
{
    if (c->kind != CLIENT_HTTP_CALL && c->leaves && !c->asked)
        oro_client_post(sh, c, ORO_JOB_DISCONNECT);
}

static void
call_answer(struct shard *sh, struct client *c, const struct oro_commit *rec)
{
    const struct oro_origin *o = &rec->origin;
    struct oro_http_response res = {0};
    sh->server->opt.front->called(&res, o, c->wants_json);
    oro_api_reply_later(sh, c, &res, rec->seq);
}

void
oro_api_record(struct shard *sh, struct client *c, const struct oro_commit *rec)
{
    ORO_ASSERT_OWNER(&sh->owner);
    const struct oro_origin *o = &rec->origin;
    if (o->kind == ORO_ORIGIN_CONNECT && o->outcome == ORO_OK) {
        if (c->kind == CLIENT_HTTP_SQL)
            oro_sql_run(sh, c);
        else if (c->kind == CLIENT_HTTP_PROCEDURE)
            oro_procedure_http_run(sh, c);
    } else if (o->kind == ORO_ORIGIN_CONNECT) {
        struct oro_http_response res = {0};
        sh->server->opt.front->refused(&res, o, c->wants_json);
        if (c->kind != CLIENT_HTTP_CALL)
            c->leaves = false; /* of a call the disconnect job is posted already */
        oro_api_reply_later(sh, c, &res, rec->seq);
    } else if (o->kind == ORO_ORIGIN_VIEW) {
        if (oro_views_sql_record(sh, c, rec))
            oro_sql_run(sh, c);
    } else if (o->kind == ORO_ORIGIN_CALL && c->kind == CLIENT_HTTP_SQL) {
        oro_sql_written(sh, c, rec->seq);
    } else if (o->kind == ORO_ORIGIN_CALL) {
        call_answer(sh, c, rec);
    } else if (o->kind == ORO_ORIGIN_HANDLER) {
        struct oro_http_response res = {0};
        sh->server->opt.front->handled(&res, o);
        oro_api_reply_later(sh, c, &res, rec->seq);
    } else if (o->kind == ORO_ORIGIN_PROCEDURE) {
        oro_procedure_http_ended(sh, c, rec);
    } else if (o->kind == ORO_ORIGIN_DISCONNECT) {
        c->leaves = false;
        (void)oro_api_still_needed(sh, c);
    }
}

void
oro_api_gone(void *self, unsigned shard, oro_conn_id req_id)
{
    struct oro_server *s = self;
    if (oro_follow_gone(&s->shards[shard], req_id))
        return;
    struct client *c = oro_map_del_u64(&s->shards[shard].requests, req_id);
    if (c == NULL)
        return;
    c->req_id = 0;
    oro_read_interrupt(c);
    oro_mailbox_leave(c->mailbox, 0, true);
    oro_principal_leave(c->who, 0);
}

void
oro_server_http_call(struct oro_server *s, unsigned shard, const struct oro_http_asker *asker,
                     const struct oro_reducer_def *reducer, struct oro_bb *args)
{
    struct shard *sh = &s->shards[shard];
    start_call(sh, oro_api_client(sh, CLIENT_HTTP_CALL, asker), reducer, args);
}

void
oro_server_http_handle(struct oro_server *s, unsigned shard, const struct oro_http_asker *asker,
                       struct oro_buf *request)
{
    struct shard *sh = &s->shards[shard];
    ORO_ASSERT_OWNER(&sh->owner);
    struct client *c = oro_api_client(sh, CLIENT_HTTP_CALL, asker);
    struct oro_job *job = oro_job_new(ORO_JOB_HANDLER, oro_principal_ref(c->who), 0);
    job->shard = (uint16_t)sh->number;
    job->conn = c->conn;
    job->frame = request;
    oro_api_charge(sh, c, sizeof(*job) + request->len);
    oro_pool_post(s->pool, c->mailbox, job, false);
}

void
oro_server_http_sql(struct oro_server *s, unsigned shard, const struct oro_http_asker *asker,
                    struct oro_bytes text)
{
    struct shard *sh = &s->shards[shard];
    struct client *c = oro_api_client(sh, CLIENT_HTTP_SQL, asker);
    oro_bb_put_bytes(&c->sql, text);
    oro_api_charge(sh, c, c->sql.cap);
    oro_sql_start(sh, c);
}
