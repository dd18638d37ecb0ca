/* POST /v1/database/:name/sql: a query between client_connected and client_disconnected, answered at once if it is small, else
 * on a reader thread. */
#include "runtime/server/server_priv.h"

#include <stdlib.h>
#include <string.h>

/* The same number as in the body, which begins to be written with the reading. */
static int64_t
sql_duration(struct oro_bytes json)
{
    static const char key[] = "],\"total_duration_micros\":";
    const uint8_t *tail = json.len > 200 ? json.data + json.len - 200 : json.data;
    const uint8_t *at = memmem(tail, json.len - (size_t)(tail - json.data), key, sizeof(key) - 1);
    return at != NULL ? strtoll((const char *)at + sizeof(key) - 1, NULL, 10) : 0;
}

void
oro_sql_answer(struct shard *sh, struct client *c, oro_status st, const struct oro_err *err,
               struct oro_parts *parts, struct oro_bb *body, uint64_t seq)
{
    struct oro_http_response res = {.status = 200, .content_type = "application/json"};
    if (st == ORO_OK) {
        res.body = *body;
        *body = (struct oro_bb){0};
        if (parts != NULL) {
            res.parts = *parts;
            *parts = (struct oro_parts){0};
        }
        oro_api_duration(&res, sql_duration(oro_bb_bytes(&res.body)));
    } else {
        oro_bb_fini(body);
        if (parts != NULL)
            oro_parts_fini(parts);
        res.status = st == ORO_ECLOSED || st == ORO_ENOMEM ? 503 : 400;
        res.content_type = "text/plain; charset=utf-8";
        oro_bb_put_bytes(&res.body, oro_bytes_str(err->text));
    }
    oro_api_reply_later(sh, c, &res, st == ORO_OK ? seq : 0);
    c->asked = true;
    if (c->leaves)
        oro_client_post(sh, c, ORO_JOB_DISCONNECT);
}

#define ANSWER_BYTES ((uint64_t)1 << 30) /* as much as the other queries may find */
#define ENGINE_BYTES ((uint64_t)64 << 20)

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
                              .memory = ENGINE_BYTES,
                              .bytes = ANSWER_BYTES,
                              .stop = budget->stop};
    *err = (struct oro_err){0};
    oro_status st = oro_sql_query(s->sql, &ask, text, out, parts, err);
    budget->spent = ask.spent;
    return st;
}

#define TEXT_HERE 8192 /* bytes of a query that is parsed on the net thread */

void
oro_sql_run(struct shard *sh, struct client *c)
{
    struct oro_query_env env = oro_client_env(sh, c);
    struct oro_budget budget = oro_shard_budget(sh);
    struct oro_query *query = NULL;
    struct oro_bb body = {0};
    struct oro_err err = {0};
    /* A record may say that its client_connected has run while somebody else's question catches up with the ring. */
    if (c->sql.len > TEXT_HERE || sh->in_snapshot) {
        oro_read_sql(sh, c);
        return;
    }
    oro_status st = oro_query_parse(sh->server->schema, oro_bb_bytes(&c->sql), ORO_QUERY_SQL, &env,
                                    &query, &err);
    if (st != ORO_OK && !oro_query_knows(oro_bb_bytes(&c->sql))) {
        oro_read_sql(sh, c); /* SQLite's engine runs on the readers only */
        return;
    }
    uint64_t seq = oro_read_begin(sh->session);
    if (st == ORO_OK)
        st = oro_query_sql_json(query, sh->session, &budget, &body, NULL, &err);
    oro_read_end(sh->session);
    oro_query_free(query);
    if (!budget.spent) {
        oro_sql_answer(sh, c, st, &err, NULL, &body, seq);
        return;
    }
    oro_bb_fini(&body);
    oro_read_sql(sh, c);
}

void
oro_sql_start(struct shard *sh, struct client *c)
{
    c->leaves = oro_api_has_lifecycle(sh->server);
    if (c->leaves)
        oro_client_post(sh, c, ORO_JOB_CONNECT);
    else
        oro_sql_run(sh, c);
}
