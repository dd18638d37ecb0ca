/* Identities and their tokens (docs/http.md). */
#include "runtime/http/http_priv.h"

void
oro_http_post_identity(struct request *q)
{
    const struct oro_server_auth *auth = &q->opt->auth;
    struct oro_err err;
    char text[65];
    if (auth->mint(auth->keys, &q->token, &q->identity, &q->claims, &err) != ORO_OK) {
        oro_http_answer(q->res, 500, "%s", err.text);
        return;
    }
    oro_identity_text(&q->identity, text);
    q->res->status = 200;
    q->res->content_type = MIME_JSON;
    oro_bb_printf(&q->res->body, "{\"identity\":\"%s\",\"token\":\"%s\"}", text, q->token);
}

void
oro_http_post_websocket_token(struct request *q)
{
    const struct oro_server_auth *auth = &q->opt->auth;
    struct oro_err err;
    char *fresh;
    if (auth->resign(auth->keys, &q->identity, q->claims, &fresh, &err) != ORO_OK) {
        oro_http_answer(q->res, 500, "%s", err.text);
        return;
    }
    q->res->status = 200;
    q->res->content_type = MIME_JSON;
    oro_bb_printf(&q->res->body, "{\"token\":\"%s\"}", fresh);
    oro_free(fresh);
}

void
oro_http_get_public_key(struct request *q)
{
    q->res->status = 200;
    q->res->content_type = "application/pem-certificate-chain";
    oro_bb_put_bytes(&q->res->body, oro_bytes_str(q->opt->auth.public_pem));
}

void
oro_http_get_identity_verify(struct request *q)
{
    struct oro_identity want;
    if (!oro_http_part_identity(q, 2, &want))
        return;
    if (!oro_http_authenticate(q, AUTH_REQUIRED))
        return;
    q->res->status = oro_identity_eq(&want, &q->identity) ? 204 : 400;
}

void
oro_http_get_identity_databases(struct request *q)
{
    struct oro_identity who;
    if (!oro_http_part_identity(q, 2, &who))
        return;
    q->res->status = 200;
    q->res->content_type = MIME_JSON;
    oro_bb_printf(&q->res->body, "{\"identities\":[");
    if (oro_identity_eq(&who, oro_server_owner(q->server)))
        oro_bb_printf(&q->res->body, "\"%s\"", oro_server_database_text(q->server));
    oro_bb_printf(&q->res->body, "]}");
}
