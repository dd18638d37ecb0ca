/* Requests for a websocket: of the database (spec/wire.md 1), and of the live metrics. */
#include "runtime/server/api_priv.h"

#include "runtime/base/header.h"

#define METRICS "orochi.metrics.json"

/* Is the word an item of the list, which may be NULL? */
static bool
offers(const char *list, const char *word)
{
    size_t n = strlen(word);
    for (const char *p = list; p != NULL; p = strchr(p, ',') != NULL ? strchr(p, ',') + 1 : NULL) {
        p += strspn(p, " \t");
        if (strncmp(p, word, n) == 0 && (p[n] == '\0' || strchr(", \t", p[n]) != NULL))
            return true;
    }
    return false;
}

/* The first of our own list that the client offers (spec/wire.md 1.4). */
static const char *
choose_protocol(const char *offered, enum oro_framing *framing)
{
    static const struct {
        const char *name;
        enum oro_framing framing;
    } ours[] = {
        {"v3.bsatn.spacetimedb", ORO_FRAMING_STREAM},
        {"v2.bsatn.spacetimedb", ORO_FRAMING_SINGLE},
    };
    for (size_t i = 0; i < ORO_ARRAY_LEN(ours); i++) {
        if (offers(offered, ours[i].name)) {
            *framing = ours[i].framing;
            return ours[i].name;
        }
    }
    return NULL;
}

struct socket_params {
    bool confirmed, light;
    struct oro_connection_id connection;
};

static bool
socket_params(struct request *q, struct socket_params *out)
{
    char *compression = oro_api_param(q->http->query, "compression");
    bool fine = compression == NULL || strcmp(compression, "None") == 0 ||
                strcmp(compression, "Brotli") == 0 || strcmp(compression, "Gzip") == 0;
    if (!fine)
        oro_api_answer(q->res, 400,
                       "Failed to deserialize query string: `compression` is None, Brotli or Gzip");
    oro_free(compression);
    out->confirmed = true;
    if (!fine || !oro_api_param_bool(q, "confirmed", &out->confirmed) ||
        !oro_api_param_bool(q, "light", &out->light))
        return false;
    char *connection = oro_api_param(q->http->query, "connection_id");
    if (connection == NULL) {
        oro_api_random_connection_id(&out->connection);
        return true;
    }
    fine = strlen(connection) == 32 && oro_connection_id_parse(connection, &out->connection);
    oro_free(connection);
    if (!fine)
        oro_api_answer(q->res, 400,
                       "Failed to deserialize query string: `connection_id` has 32 hex digits");
    else if (oro_connection_id_is_none(&out->connection))
        oro_api_answer(q->res, 400, "Invalid connection id: all zeros is reserved");
    return fine && !oro_connection_id_is_none(&out->connection);
}

static bool
subscribe_request(struct request *q, struct oro_ws_accept *acc)
{
    struct socket_params params = {0};
    if (!oro_api_params_once(q) || !oro_api_authenticate(q, AUTH_SIGNED))
        return false;
    oro_api_identity_headers(q, q->res->extra_headers,
                             sizeof(q->res->extra_headers)); /* for a refusal */
    if (!oro_api_database_known(q) || !socket_params(q, &params))
        return false;
    acc->protocol = choose_protocol(q->http->protocols, &acc->framing);
    if (acc->protocol == NULL) {
        oro_api_answer(q->res, 400, "no valid protocol selected");
        return false;
    }
    struct oro_principal *who =
        oro_principal_new(ORO_CALLER_CLIENT, &q->identity, &params.connection, q->claims);
    struct client *c =
        oro_client_new(q->shard, CLIENT_DATABASE, who, oro_strdup(q->token), &who->identity);
    c->confirmed = params.confirmed && q->server->durable != NULL;
    c->single = acc->framing == ORO_FRAMING_SINGLE;
    acc->user = c;
    oro_api_identity_headers(q, acc->extra_headers, sizeof(acc->extra_headers));
    (void)oro_header_add(acc->extra_headers, sizeof(acc->extra_headers), "cache-control",
                         "no-store");
    return true;
}

bool
oro_api_ws_request(void *self, unsigned shard, const struct oro_http_request *req,
                   struct oro_ws_accept *acc, struct oro_http_response *res)
{
    struct oro_server *s = self;
    struct request q = {.server = s, .shard = &s->shards[shard], .http = req, .res = res};
    bool accepted = false;
    oro_api_path_split(&q);
    if (!oro_api_origin_allowed(&q)) {
        accepted = false;
    } else if (strcmp(req->path, "/v1/metrics/live") == 0) {
        acc->protocol = offers(req->protocols, METRICS) ? METRICS : NULL;
        acc->framing = ORO_FRAMING_TEXT;
        acc->observer = true;
        acc->user = oro_client_new(q.shard, CLIENT_LIVE_METRICS, NULL, NULL, NULL);
        accepted = true;
    } else if (oro_api_names_subscribe(&q)) {
        oro_api_usual_headers(&q);
        accepted = subscribe_request(&q, acc);
    } else {
        oro_api_answer(res, 404, "There is no websocket here.");
    }
    oro_api_request_end(&q);
    return accepted;
}
