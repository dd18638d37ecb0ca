/* The short-lived client of one HTTP request (docs/http.md#calls), and its answer, which is kept until what it reflects is on disk. */
#include "runtime/server/server_priv.h"

#include "runtime/base/header.h"

#include <stdio.h>
#include <string.h>

void
oro_api_charge(struct shard *sh, struct client *c, size_t bytes)
{
    c->http_counted += bytes;
    (void)oro_client_charge(sh, c, (int64_t)bytes);
}

struct client *
oro_api_client(struct shard *sh, enum client_kind kind, const struct oro_http_asker *a)
{
    ORO_ASSERT_OWNER(&sh->owner);
    struct oro_connection_id connection;
    oro_connection_id_random(&connection);
    struct oro_principal *who =
        oro_principal_new(ORO_CALLER_HTTP, &a->identity, &connection, a->claims);
    struct client *c =
        oro_client_new(sh, kind, who, a->token != NULL ? oro_strdup(a->token) : NULL, &a->turns);
    c->conn = (1ull << 63) | ++sh->next_request;
    c->req_id = a->req_id;
    c->confirmed = a->confirmed;
    c->wants_json = a->wants_json;
    c->headers = oro_strdup(a->headers);
    oro_map_put_u64(&sh->clients, c->conn, c);
    oro_map_put_u64(&sh->requests, c->req_id, c);
    /* Itself, its headers, its token and claims, its mailbox and principal, and its jobs. */
    size_t token = c->token != NULL ? strlen(c->token) : 0;
    oro_api_charge(sh, c, sizeof(*c) + strlen(c->headers) + 2 * token + 1024);
    return c;
}

bool
oro_api_has_lifecycle(const struct oro_server *s)
{
    return oro_schema_lifecycle(s->schema, ORO_LIFE_CONNECT) != NULL ||
           oro_schema_lifecycle(s->schema, ORO_LIFE_DISCONNECT) != NULL;
}

void
oro_api_reply_later(struct shard *sh, struct client *c, struct oro_http_response *res, uint64_t seq)
{
    ORO_ASSERT_OWNER(&sh->owner);
    ORO_ASSERT(c->kind != CLIENT_DATABASE && c->reply == NULL);
    char *own = oro_strdup(res->extra_headers);
    c->answered = true;
    c->reply = oro_alloc(sizeof(*c->reply));
    *c->reply = *res;
    c->reply_seq = c->confirmed ? seq : 0;
    oro_api_charge(sh, c,
                   sizeof(*c->reply) + c->reply->body.cap + oro_parts_cost(&c->reply->parts));
    snprintf(c->reply->extra_headers, sizeof(c->reply->extra_headers), "%s", c->headers);
    size_t n = strlen(c->reply->extra_headers);
    if (n + strlen(own) < sizeof(c->reply->extra_headers))
        strcpy(c->reply->extra_headers + n, own);
    oro_free(own);
    oro_client_hold(sh, c);
    sh->held_fresh = true;
}

bool
oro_api_still_needed(struct shard *sh, struct client *c)
{
    if (!c->answered || c->reply != NULL || c->leaves || c->reads != NULL)
        return true;
    oro_client_remove(sh, c);
    return false;
}

void
oro_api_streamed(struct shard *sh, struct client *c)
{
    if (c->req_id != 0)
        oro_map_del_u64(&sh->requests, c->req_id);
    c->req_id = 0;
    (void)oro_api_still_needed(sh, c);
}

void
oro_api_duration(struct oro_http_response *res, int64_t us)
{
    char number[32];
    snprintf(number, sizeof(number), "%lld", (long long)us);
    (void)oro_header_add(res->extra_headers, sizeof(res->extra_headers),
                         "spacetime-execution-duration-micros", number);
}
