/* The websocket of the database (docs/wire.md#opening): what a client asks for when it opens it. */
#include "runtime/http/http_priv.h"

#include "runtime/base/header.h"
#include "runtime/proto/proto.h"

struct socket_params {
    bool confirmed, light, has_session;
    struct oro_connection_id connection, session;
};

/* 128 bits that the client has chosen; *given: it has. False: it was answered. */
static bool
param_id(struct request *q, const char *name, struct oro_connection_id *out, bool *given)
{
    char *text = oro_http_param(q->http->query, name);
    bool fine = text == NULL || (strlen(text) == 32 && oro_connection_id_parse(text, out));
    *given = text != NULL;
    oro_free(text);
    if (!fine)
        oro_http_answer(q->res, 400, "Failed to deserialize query string: `%s` has 32 hex digits",
                        name);
    return fine;
}

static bool
param_connection(struct request *q, struct oro_connection_id *out)
{
    bool given;
    if (!param_id(q, "connection_id", out, &given))
        return false;
    if (!given)
        oro_connection_id_random(out);
    if (!oro_connection_id_is_none(out))
        return true;
    oro_http_answer(q->res, 400, "Invalid connection id: all zeros is reserved");
    return false;
}

static bool
socket_params(struct request *q, struct socket_params *out)
{
    char *compression = oro_http_param(q->http->query, "compression");
    bool fine = compression == NULL || strcmp(compression, "None") == 0 ||
                strcmp(compression, "Brotli") == 0 || strcmp(compression, "Gzip") == 0;
    if (!fine)
        oro_http_answer(
            q->res, 400,
            "Failed to deserialize query string: `compression` is None, Brotli or Gzip");
    oro_free(compression);
    out->confirmed = true;
    return fine && oro_http_param_bool(q, "confirmed", &out->confirmed) &&
           oro_http_param_bool(q, "light", &out->light) && param_connection(q, &out->connection) &&
           param_id(q, "session_id", &out->session, &out->has_session);
}

bool
oro_http_subscribe(struct request *q, struct oro_ws_accept *acc)
{
    struct socket_params params = {0};
    if (!socket_params(q, &params))
        return false;
    const struct oro_proto *proto = oro_proto_choose(q->http->protocols);
    if (proto == NULL) {
        oro_http_answer(q->res, 400, "no valid protocol selected");
        return false;
    }
    acc->protocol = proto->name;
    acc->framing = proto->framing;
    struct oro_principal *who =
        oro_principal_new(ORO_CALLER_CLIENT, &q->identity, &params.connection, q->claims);
    struct oro_turns_of turns = oro_http_turns(q);
    struct oro_socket_wishes wishes = {.confirmed = params.confirmed,
                                       .proto = proto,
                                       .session = params.has_session ? &params.session : NULL};
    acc->user = oro_server_socket(q->server, q->shard, who, &turns, q->token, &wishes);
    oro_http_identity_headers(q, acc->extra_headers, sizeof(acc->extra_headers));
    (void)oro_header_add(acc->extra_headers, sizeof(acc->extra_headers), "cache-control",
                         "no-store");
    return true;
}
