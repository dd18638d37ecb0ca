/* Calls of procedures, of websockets and over HTTP; which workers run them stands in pools.c. */
#include "runtime/server/server_priv.h"

#include <string.h>

#include "runtime/exec/function.h"

#define NO_MEMORY "the server has no memory left for this: try again later"

#define RESULT_HEAD 64

#define TOO_MANY "too many procedures run and wait (procedure.queue): try again later"
#define TOO_MANY_OWN                                                                     \
    "too many of your procedures run and wait: one caller may have as many as there is " \
    "room left for others (procedure.queue). Wait for their results, and call again"

/* What a stranger may have run; NULL with what he is told otherwise. */
static const struct oro_reducer_def *
callable(struct oro_server *s, const struct client *c, struct oro_bytes name, const char **refusal)
{
    struct oro_function f = oro_function_find(s->schema, name);
    *refusal = "No such procedure";
    if (f.kind != ORO_FUNCTION_PROCEDURE || oro_function_call(&f, c->is_owner) != ORO_CALL_RUNS)
        return NULL;
    *refusal = "procedures cannot run: the server's log says why";
    if (atomic_load(&s->callers) == NULL)
        return NULL;
    *refusal = TOO_MANY_OWN;
    return c->asks < s->opt.incoming_limit ? f.def : NULL;
}

/* NULL: there is room for one more call of its. */
static const char *
share_take(struct oro_server *s, const struct client *c, struct oro_share **share)
{
    struct oro_turns_of of = oro_client_turns(c);
    switch (oro_share_take(s->asks, &of, 1, share)) {
    case ORO_SHARE_FULL:
        return TOO_MANY;
    case ORO_SHARE_OWN:
        return TOO_MANY_OWN;
    case ORO_SHARE_TAKEN:
        break;
    }
    return NULL;
}

/* Its own copy of the arguments: a frame may hold much beside them. Takes share. NULL: no memory. */
static struct oro_job *
job_of(struct client *c, const struct oro_reducer_def *def, uint32_t request_id,
       struct oro_bytes args, struct oro_share *share)
{
    struct oro_job *job = oro_job_try_new(ORO_JOB_PROCEDURE, c->who, 1);
    if (job == NULL) {
        oro_share_give(share);
        return NULL;
    }
    job->share = share;
    job->frame = oro_buf_try_new((uint32_t)args.len);
    if (job->frame == NULL) {
        oro_job_drop(job);
        return NULL;
    }
    if (args.len > 0)
        memcpy(job->frame->data, args.data, args.len);
    job->shard = (uint16_t)c->shard;
    job->conn = c->conn;
    job->confirmed = c->confirmed;
    job->calls[0] = (struct oro_job_call){
        .reducer = def, .request_id = request_id, .args = oro_buf_bytes(job->frame)};
    return job;
}

static void
refuse(struct shard *sh, struct client *c, const struct oro_client_message *m, const char *why)
{
    struct oro_asked to = {.tag = m->tag, .request_id = m->request_id};
    oro_log_limited(ORO_LOG_ERROR, "module", "a client called the procedure \"%.*s\": %s",
                    (int)(m->name.len > 80 ? 80 : m->name.len), (const char *)m->name.data, why);
    oro_bb_clear(&sh->out);
    c->proto->error(&sh->out, &to, oro_bytes_str(why));
    oro_client_send(sh, c, oro_bb_bytes(&sh->out), 0);
}

void
oro_procedure_ask(struct shard *sh, struct client *c, const struct oro_client_message *m)
{
    ORO_ASSERT_OWNER(&sh->owner);
    const char *why;
    const struct oro_reducer_def *def = callable(sh->server, c, m->name, &why);
    if (def == NULL) {
        refuse(sh, c, m, why);
        return;
    }
    /* The job with its call, the mailbox, the copy, and what a worker makes of it. */
    size_t cost = sizeof(struct oro_job) + sizeof(struct oro_job_call) + sizeof(struct oro_buf) +
                  m->args.len + 256 + 4 * ORO_SERVER_BLOCK;
    struct oro_share *share;
    if ((why = share_take(sh->server, c, &share)) != NULL) {
        refuse(sh, c, m, why);
        return;
    }
    if (!oro_client_charge(sh, c, (int64_t)cost)) {
        oro_share_give(share);
        return;
    }
    struct oro_job *job = job_of(c, def, m->request_id, m->args, share);
    if (job == NULL) {
        oro_client_no_memory(sh, c);
        return;
    }
    c->asks++;
    c->ask_bytes += cost;
    oro_pool_post_procedure(sh->server->callers, &c->turns, job);
}

void
oro_procedure_ended(struct shard *sh, struct client *c, const struct oro_commit *rec)
{
    ORO_ASSERT_OWNER(&sh->owner);
    ORO_ASSERT(c->asks > 0);
    const struct oro_origin *o = &rec->origin;
    struct oro_call_result r = {
        .request_id = o->request_id,
        .timestamp_us = o->timestamp_us,
        .elapsed_us = o->elapsed_us,
        .outcome = (oro_status)o->outcome,
        .text = o->text != NULL            ? oro_buf_bytes(o->text)
                : o->outcome == ORO_ENOMEM ? oro_bytes_str(NO_MEMORY)
                                           : (struct oro_bytes){0},
    };
    oro_bb_clear(&sh->out);
    if (!oro_bb_try_reserve(&sh->out, r.text.len + RESULT_HEAD, SIZE_MAX)) {
        r.outcome = ORO_ENOMEM; /* how much it returns, its caller may have chosen */
        r.text = oro_bytes_str(NO_MEMORY);
    }
    c->proto->returned(&sh->out, &r);
    oro_client_send(sh, c, oro_bb_bytes(&sh->out), rec->seq);
    /* Which of them it was does not stand in the record: each gives back its part. */
    size_t part = c->ask_bytes / c->asks;
    c->asks--;
    c->ask_bytes -= part;
    (void)oro_client_charge(sh, c, -(int64_t)part);
}

/* ---- over HTTP: client_connected, the procedure, client_disconnected ---- */

static void
http_leave(struct shard *sh, struct client *c)
{
    c->asked = true;
    if (c->leaves)
        oro_client_post(sh, c, ORO_JOB_DISCONNECT);
}

static void
http_refuse(struct shard *sh, struct client *c, const char *why)
{
    struct oro_http_response res = {.content_type = "text/plain; charset=utf-8"};
    res.status = strcmp(why, "No such procedure") == 0 ? 404 : 503;
    oro_bb_put_bytes(&res.body, oro_bytes_str(why));
    oro_api_reply_later(sh, c, &res, 0);
    http_leave(sh, c);
}

void
oro_procedure_http_run(struct shard *sh, struct client *c)
{
    const char *why;
    const struct oro_reducer_def *def =
        callable(sh->server, c, oro_bytes_str(c->procedure), &why);
    struct oro_share *share = NULL;
    if (def != NULL)
        why = share_take(sh->server, c, &share);
    if (share == NULL) {
        http_refuse(sh, c, why);
        return;
    }
    struct oro_job *job = job_of(c, def, 0, oro_bb_bytes(&c->sql), share);
    if (job == NULL) {
        http_refuse(sh, c, NO_MEMORY);
        return;
    }
    oro_bb_fini(&c->sql);
    oro_pool_post_procedure(sh->server->callers, &c->turns, job);
}

void
oro_procedure_http_ended(struct shard *sh, struct client *c, const struct oro_commit *rec)
{
    struct oro_http_response res = {0};
    sh->server->opt.front->returned(&res, &rec->origin, c->wants_json);
    oro_api_reply_later(sh, c, &res, rec->seq);
    http_leave(sh, c);
}

void
oro_server_http_procedure(struct oro_server *s, unsigned shard, const struct oro_http_asker *asker,
                          const char *name, struct oro_bb *args)
{
    struct shard *sh = &s->shards[shard];
    struct client *c = oro_api_client(sh, CLIENT_HTTP_PROCEDURE, asker);
    c->procedure = oro_strdup(name);
    c->sql = *args;
    *args = (struct oro_bb){0};
    oro_api_charge(sh, c, c->sql.cap + strlen(name) + sizeof(struct oro_job) + 512);
    c->leaves = oro_api_has_lifecycle(s);
    if (c->leaves)
        oro_client_post(sh, c, ORO_JOB_CONNECT);
    else
        oro_procedure_http_run(sh, c);
}
