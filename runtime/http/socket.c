/* The websocket of the database (docs/wire.md#opening): what a client asks for when it opens it. */
#include "runtime/http/http_priv.h"

#include "runtime/base/header.h"
#include "runtime/proto/proto.h"

struct socket_params {
    bool confirmed, light;
    struct oro_connection_id connection;
};

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
    if (!fine || !oro_http_param_bool(q, "confirmed", &out->confirmed) ||
        !oro_http_param_bool(q, "light", &out->light))
        return false;
    char *connection = oro_http_param(q->http->query, "connection_id");
    if (connection == NULL) {
        oro_connection_id_random(&out->connection);
        return true;
    }
    fine = strlen(connection) == 32 && oro_connection_id_parse(connection, &out->connection);
    oro_free(connection);
    if (!fine)
        oro_http_answer(q->res, 400,
                        "Failed to deserialize query string: `connection_id` has 32 hex digits");
    else if (oro_connection_id_is_none(&out->connection))
        oro_http_answer(q->res, 400, "Invalid connection id: all zeros is reserved");
    return fine && !oro_connection_id_is_none(&out->connection);
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
    acc->user =
        oro_server_socket(q->server, q->shard, who, &turns, q->token, params.confirmed, proto);
    oro_http_identity_headers(q, acc->extra_headers, sizeof(acc->extra_headers));
    (void)oro_header_add(acc->extra_headers, sizeof(acc->extra_headers), "cache-control",
                         "no-store");
    return true;
}
