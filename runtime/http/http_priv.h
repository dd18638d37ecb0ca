/* runtime/http/http_priv.h - shared by the files of this folder only. On the shard's thread. */
#ifndef ORO_HTTP_PRIV_H
#define ORO_HTTP_PRIV_H

#include "runtime/base/log.h"
#include "runtime/http/http.h"

#include <string.h>

#define MAX_PARTS 8
#define MIME_JSON "application/json"
#define MIME_TEXT "text/plain; charset=utf-8"

/* One request on its way through the routes. */
struct request {
    struct oro_server *server;
    const struct oro_server_options *opt;
    unsigned shard;
    oro_conn_id id; /* 0: of an upgrade, which is answered at once */
    const struct oro_http_request *http;
    struct oro_http_response *res;
    char *path_copy;
    const char *parts[MAX_PARTS]; /* of the path, between slashes */
    unsigned nparts;
    /* Credentials, where the route looked at them. */
    char *token, *claims; /* token is NULL for an identity of this request alone */
    struct oro_identity identity;
    bool minted; /* there were none: they are this request's own */
    bool kept;   /* the answer comes later */
};

/* ---- request.c: one request ---- */

void oro_http_path_split(struct request *q);
void oro_http_request_end(struct request *q);

ORO_PRINTF(3, 4)
void oro_http_answer(struct oro_http_response *res, int status, const char *fmt, ...);
/* 503: what was asked for does not fit into memory. */
void oro_http_no_memory(struct oro_http_response *res);
/* 200, and json as the body. */
void oro_http_answer_json(struct oro_http_response *res, const char *json);
void oro_http_header(struct oro_http_response *res, const char *name, const char *value);
/* On every answer of a known path below /v1. */
void oro_http_usual_headers(struct request *q);

/* Gives the decoded value of a parameter of "a=b&c=d", or NULL. What is no escape, and %00, stays as it is. */
char *oro_http_param(const char *query, const char *name);
/* The values of a header, joined by commas. Gives, or NULL. */
char *oro_http_field(const struct oro_http_request *http, const char *name);
/* False and 415: the body is packed. */
bool oro_http_body_is_plain(struct request *q);
/* False and 400: a parameter of ours is given twice (docs/wire.md#opening): one reader would take the first, another the last. */
bool oro_http_params_once(struct request *q);
/* False and 400: not one of the two words. */
bool oro_http_param_bool(struct request *q, const char *name, bool *value);
/* True: the part of the path is an identity. False and 400. */
bool oro_http_part_identity(struct request *q, unsigned part, struct oro_identity *id);
/* True: part 2 of the path is our database. False: answered. */
bool oro_http_database_known(struct request *q);

/* ---- auth.c: who asks, and from where ---- */

enum auth_mode {
    AUTH_PROBE,    /* a token that is brought has to be good */
    AUTH_REQUIRED, /* there has to be one */
    AUTH_OPTIONAL, /* whoever brings none gets an identity, */
    AUTH_SIGNED,   /* and a token for it: a signature costs as much as ten other requests */
};
/* False: answered already. */
bool oro_http_authenticate(struct request *q, enum auth_mode mode);
void oro_http_identity_headers(const struct request *q, char *headers, size_t size);
bool oro_http_is_owner(const struct request *q);
/* False: answered. It comes from a web page that may not speak to this server, or asks for it by a name that is not its own. */
bool oro_http_origin_allowed(struct request *q);

/* ---- the endpoints, each as the table says (router.c) ---- */

/* identity.c */
void oro_http_post_identity(struct request *q);
void oro_http_post_websocket_token(struct request *q);
void oro_http_get_public_key(struct request *q);
void oro_http_get_identity_verify(struct request *q);
void oro_http_get_identity_databases(struct request *q);
/* metrics.c: of the server */
void oro_http_get_ping(struct request *q);
void oro_http_get_health(struct request *q);
void oro_http_get_metrics(struct request *q);
void oro_http_get_sd_config(struct request *q);
bool oro_http_live_metrics(struct request *q, struct oro_ws_accept *acc);
/* database.c */
void oro_http_get_database(struct request *q);
void oro_http_get_database_identity(struct request *q);
void oro_http_get_names(struct request *q);
void oro_http_get_timestamp(struct request *q);
void oro_http_get_schema(struct request *q);
void oro_http_post_reload(struct request *q);
void oro_http_refuse_publish(struct request *q);
/* bridge.c */
void oro_http_get_bridge(struct request *q);
void oro_http_patch_bridge(struct request *q);
/* logs.c */
void oro_http_get_logs(struct request *q);
/* call.c, sql.c */
void oro_http_post_call(struct request *q);
void oro_http_post_sql(struct request *q);
/* environment.c */
void oro_http_get_environment(struct request *q);
void oro_http_put_environment(struct request *q);
void oro_http_patch_environment(struct request *q);
/* handlers.c: /v1/database/:name/route and below, by any method */
bool oro_http_is_handlers(const struct request *q);
void oro_http_ask_handlers(struct request *q);
void oro_http_handled(struct oro_http_response *res, const struct oro_origin *o);
void oro_http_get_openapi(struct request *q);
/* socket.c */
bool oro_http_subscribe(struct request *q, struct oro_ws_accept *acc);
/* pages.c: whatever is not below /v1 */
void oro_http_page(struct request *q);

/* Whose turns its calls take. */
struct oro_turns_of oro_http_turns(const struct request *q);
/* Of whom a short-lived client is made. Borrows from q. */
struct oro_http_asker oro_http_asker(const struct request *q);

/* refusal.c: gives the answer of a call that failed; json: as an object. Borrows origin. */
void oro_http_refusal(struct oro_http_response *res, int status, const struct oro_origin *o,
                      bool json);
bool oro_http_wants_json(const char *accept); /* the header's value, or NULL */

/* static.c: path "/" or "/assets/x.js" below dir. False: there is no such file. */
bool oro_http_static(const char *dir, const char *path, const struct oro_http_request *req,
                     struct oro_http_response *res);

#endif
