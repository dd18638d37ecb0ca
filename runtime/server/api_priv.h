/* runtime/server/api_priv.h - shared by the files that answer requests: api.c (the routes), request.c (one request), socket.c
 * (upgrades), pages.c. On the shard's thread. */
#ifndef ORO_SERVER_API_PRIV_H
#define ORO_SERVER_API_PRIV_H

#include "runtime/server/server_priv.h"

#define MAX_PARTS 8

/* One request on its way through the routes. */
struct request {
    struct oro_server *server;
    struct shard *shard;
    oro_conn_id id;
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

/* ---- request.c ---- */

void oro_api_path_split(struct request *q);
void oro_api_request_end(struct request *q);
/* False: answered. It comes from a web page that may not speak to this server, or asks for it by a name that is not its own. */
bool oro_api_origin_allowed(struct request *q);

ORO_PRINTF(3, 4)
void oro_api_answer(struct oro_http_response *res, int status, const char *fmt, ...);
void oro_api_header(struct oro_http_response *res, const char *name, const char *value);
/* On every answer of a known path below /v1. */
void oro_api_usual_headers(struct request *q);

/* Gives the decoded value of a parameter of "a=b&c=d", or NULL. What is no escape, and %00, stays as it is. */
char *oro_api_param(const char *query, const char *name);
/* False and 400: a parameter of ours is given twice (spec/wire.md 1.5): one reader would take the first, another the last. */
bool oro_api_params_once(struct request *q);
/* False and 400: not one of the two words. */
bool oro_api_param_bool(struct request *q, const char *name, bool *value);

enum auth_mode {
    AUTH_PROBE,
    AUTH_REQUIRED,
    AUTH_OPTIONAL, /* whoever brings no token gets an identity, */
    AUTH_SIGNED,   /* and a token for it: a signature costs as much as ten other requests */
};
/* False: answered already. */
bool oro_api_authenticate(struct request *q, enum auth_mode mode);
void oro_api_identity_headers(const struct request *q, char *headers, size_t size);
/* True: :n is ours. False: answered. */
bool oro_api_database_known(struct request *q);
void oro_api_random_connection_id(struct oro_connection_id *id);
bool oro_api_names_subscribe(const struct request *q);

/* ---- pages.c ---- */
void oro_api_page(struct request *q);

#endif
