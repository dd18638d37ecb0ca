/* HTTP requests, and tokens. */
#include "tests/server/net_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void
fake_answer(struct fake_request *r, struct oro_http_response *res)
{
    pthread_mutex_lock(&r->lock);
    ORO_ASSERT(!r->answered);
    r->status = res->status;
    for (size_t i = 0; i < res->parts.n; i++)
        oro_bb_put_bytes(&r->answer, oro_buf_bytes(res->parts.bufs[i]));
    oro_bb_put_bytes(&r->answer, oro_bb_bytes(&res->body));
    oro_bb_u8(&r->answer, 0);
    memcpy(r->headers, res->extra_headers, sizeof(r->headers));
    r->answered = true;
    pthread_cond_broadcast(&r->changed);
    pthread_mutex_unlock(&r->lock);
}

void
fake_answer_piece(struct fake_request *r, struct oro_bytes piece, bool last)
{
    pthread_mutex_lock(&r->lock);
    ORO_ASSERT(!r->answered);
    oro_bb_put_bytes(&r->answer, piece);
    if (last) {
        oro_bb_u8(&r->answer, 0);
        r->answered = true;
        pthread_cond_broadcast(&r->changed);
    }
    pthread_mutex_unlock(&r->lock);
}

/* ---- requests ---- */

static void
ask_run(void *arg)
{
    struct fake_request *r = arg;
    const struct oro_sink *sink = r->sh->net->sink;
    char *bearer = r->token != NULL ? oro_asprintf("Bearer %s", r->token) : NULL;
    struct oro_http_request req = {.method = r->method,
                                   .path = r->path,
                                   .host = "127.0.0.1",
                                   .query = r->query,
                                   .authorization = bearer,
                                   .content_type = r->body != NULL ? "application/json" : NULL,
                                   .body = oro_bytes_str(r->body != NULL ? r->body : "")};
    struct oro_http_response *res = ORO_NEW(struct oro_http_response);
    oro_map_put_u64(&r->sh->requests, r->id, r);
    if (sink->http(sink->self, r->sh->number, r->id, &req, res)) {
        oro_map_del_u64(&r->sh->requests, r->id);
        fake_answer(r, res);
        oro_parts_fini(&res->parts);
        oro_bb_fini(&res->body);
    }
    oro_free(res);
    oro_free(bearer);
}

static char *
copy(const char *text)
{
    return text != NULL ? oro_strdup(text) : NULL;
}

struct fake_request *
fake_ask(struct fake_net *net, unsigned shard, const char *method, const char *path,
         const char *query, const char *token, const char *body)
{
    struct fake_request *r = ORO_NEW(struct fake_request);
    r->sh = &net->shards[shard];
    r->id = atomic_fetch_add(&net->next_id, 1) + 1;
    r->method = copy(method);
    r->path = copy(path);
    r->query = copy(query);
    r->token = copy(token);
    r->body = copy(body);
    pthread_mutex_init(&r->lock, NULL);
    pthread_cond_init(&r->changed, NULL);
    fake_post(r->sh, ask_run, r);
    return r;
}

static void
request_leave_run(void *arg)
{
    struct fake_request *r = arg;
    const struct oro_sink *sink = r->sh->net->sink;
    if (oro_map_del_u64(&r->sh->requests, r->id) != NULL)
        sink->http_gone(sink->self, r->sh->number, r->id);
    pthread_mutex_lock(&r->lock);
    r->left = true;
    pthread_cond_broadcast(&r->changed);
    pthread_mutex_unlock(&r->lock);
}

void
fake_request_leave(struct fake_request *r)
{
    struct timespec end = fake_patience();
    fake_post(r->sh, request_leave_run, r);
    pthread_mutex_lock(&r->lock);
    while (!r->left)
        fake_change_wait(&r->changed, &r->lock, &end);
    pthread_mutex_unlock(&r->lock);
}

int
fake_wait_answer(struct fake_request *r)
{
    struct timespec end = fake_patience();
    pthread_mutex_lock(&r->lock);
    while (!r->answered)
        fake_change_wait(&r->changed, &r->lock, &end);
    pthread_mutex_unlock(&r->lock);
    return r->status;
}

bool
fake_is_answered(struct fake_request *r)
{
    READ(r, bool, r->answered);
}

const char *
fake_body(const struct fake_request *r)
{
    return (const char *)r->answer.data;
}

const char *
fake_headers(const struct fake_request *r)
{
    return r->headers;
}

void
fake_request_free(struct fake_request *r)
{
    oro_free(r->method);
    oro_free(r->path);
    oro_free(r->query);
    oro_free(r->token);
    oro_free(r->body);
    oro_bb_fini(&r->answer);
    pthread_mutex_destroy(&r->lock);
    pthread_cond_destroy(&r->changed);
    oro_free(r);
}

/* ---- tokens ---- */

static atomic_uint minted = 0x10000000u;

static struct oro_identity
identity_of(uint32_t who)
{
    struct oro_identity id = {{0}};
    memcpy(id.le, &who, sizeof(who));
    return id;
}

const char *
fake_token(uint32_t who, char out[32])
{
    snprintf(out, 32, "t:%u", who);
    return out;
}

static oro_status
auth_mint(void *keys, char **token, struct oro_identity *id, char **claims, struct oro_err *err)
{
    char text[32];
    uint32_t who = atomic_fetch_add(&minted, 1);
    *id = identity_of(who);
    *claims = oro_strdup("{}");
    if (token != NULL)
        *token = oro_strdup(fake_token(who, text));
    return ORO_OK;
}

static oro_status
auth_resign(void *keys, const struct oro_identity *id, const char *claims, char **token,
            struct oro_err *err)
{
    char text[32];
    uint32_t who;
    memcpy(&who, id->le, sizeof(who));
    *token = oro_strdup(fake_token(who, text));
    return ORO_OK;
}

static oro_status
auth_check(void *keys, const char *token, struct oro_identity *id, char **claims,
           struct oro_err *err)
{
    if (strncmp(token, "t:", 2) != 0)
        return oro_err_set(err, ORO_EINVAL, "Invalid token");
    *id = identity_of((uint32_t)strtoul(token + 2, NULL, 10));
    *claims = oro_strdup("{}");
    return ORO_OK;
}

const struct oro_server_auth fake_auth = {
    .mint = auth_mint, .resign = auth_resign, .check = auth_check, .public_pem = "key\n"};
