/* What runtime/http may know of the server, and how it makes clients of websockets. */
#include "runtime/server/server_priv.h"

const struct oro_server_options *
oro_server_opt(const struct oro_server *s)
{
    return &s->opt;
}

const struct oro_schema *
oro_server_schema(const struct oro_server *s)
{
    return s->schema;
}

const struct oro_identity *
oro_server_owner(const struct oro_server *s)
{
    return &s->owner;
}

const struct oro_identity *
oro_server_database(const struct oro_server *s)
{
    return &s->database;
}

const char *
oro_server_database_text(const struct oro_server *s)
{
    return s->database_text;
}

void
oro_server_bridge_report(const struct oro_server *s, struct oro_bb *out)
{
    oro_pool_bridge_report(s->pool, out);
}

void *
oro_server_socket(struct oro_server *s, unsigned shard, struct oro_principal *who,
                  const struct oro_turns_of *turns, const char *token,
                  const struct oro_socket_wishes *wishes)
{
    struct client *c =
        oro_client_new(&s->shards[shard], CLIENT_DATABASE, who, oro_strdup(token), turns);
    c->confirmed = wishes->confirmed && s->durable != NULL;
    c->proto = wishes->proto;
    c->has_session = wishes->session != NULL;
    if (c->has_session)
        c->session = *wishes->session;
    return c;
}

void *
oro_server_observer(struct oro_server *s, unsigned shard)
{
    return oro_client_new(&s->shards[shard], CLIENT_LIVE_METRICS, NULL, NULL, NULL);
}

void
oro_server_http_reload(struct oro_server *s, unsigned shard, oro_conn_id req_id,
                       const char *headers)
{
    oro_reload_ask(&s->shards[shard], req_id, headers, NULL);
}

void
oro_server_http_aside(struct oro_server *s, unsigned shard, oro_conn_id req_id,
                      const char *headers, const struct oro_http_aside *aside)
{
    oro_reload_ask(&s->shards[shard], req_id, headers, aside);
}
