/* Which paths there are, who may, and what answers: one table, websockets included. */
#include "runtime/http/http_priv.h"

#include <stdio.h>

enum who {
    ANYONE,  /* or the endpoint looks itself */
    PROBE,   /* whoever brings no bad token */
    BEARER,  /* whoever brings a good token */
    CALLER,  /* anyone, with an identity: a token's, or a new one */
    DATABASE /* the same, of the database that the path names, which has to be ours */
};

struct route {
    const char *method;
    const char *path; /* ":" stands for any part */
    enum who who;
    void (*handle)(struct request *q);
    bool (*accept)(struct request *q, struct oro_ws_accept *acc); /* in its place: a websocket */
    const char *owners; /* what only the owner of the database may do; NULL: everybody */
};

static const struct route routes[] = {
    {"GET", "v1/ping", PROBE, .handle = oro_http_get_ping},
    {"GET", "v1/health", ANYONE, .handle = oro_http_get_health},
    {"GET", "v1/metrics", ANYONE, .handle = oro_http_get_metrics},
    {"GET", "v1/metrics/live", ANYONE, .accept = oro_http_live_metrics},
    {"GET", "v1/prometheus/sd_config", ANYONE, .handle = oro_http_get_sd_config},
    {"POST", "v1/identity", ANYONE, .handle = oro_http_post_identity},
    {"GET", "v1/identity/public-key", ANYONE, .handle = oro_http_get_public_key},
    {"POST", "v1/identity/websocket-token", BEARER, .handle = oro_http_post_websocket_token},
    {"GET", "v1/identity/:/verify", ANYONE, .handle = oro_http_get_identity_verify},
    {"GET", "v1/identity/:/databases", ANYONE, .handle = oro_http_get_identity_databases},
    {"POST", "v1/database", CALLER, .handle = oro_http_refuse_publish},
    {"GET", "v1/database/:", DATABASE, .handle = oro_http_get_database},
    {"PUT", "v1/database/:", CALLER, .handle = oro_http_refuse_publish},
    {"DELETE", "v1/database/:", CALLER, .handle = oro_http_refuse_publish},
    {"POST", "v1/database/:/pre_publish", CALLER, .handle = oro_http_refuse_publish},
    {"PUT", "v1/database/:/reset", CALLER, .handle = oro_http_refuse_publish},
    {"GET", "v1/database/:/identity", CALLER, .handle = oro_http_get_database_identity},
    {"GET", "v1/database/:/names", DATABASE, .handle = oro_http_get_names},
    {"POST", "v1/database/:/names", CALLER, .handle = oro_http_refuse_publish},
    {"PUT", "v1/database/:/names", CALLER, .handle = oro_http_refuse_publish},
    {"GET", "v1/database/:/schema", DATABASE, .handle = oro_http_get_schema},
    {"GET", "v1/database/:/environment", DATABASE, .handle = oro_http_get_environment,
     .owners = "update database"},
    {"PUT", "v1/database/:/environment", DATABASE, .handle = oro_http_put_environment,
     .owners = "update database"},
    {"PATCH", "v1/database/:/environment", DATABASE, .handle = oro_http_patch_environment,
     .owners = "update database"},
    {"GET", "v1/database/:/openapi.json", DATABASE, .handle = oro_http_get_openapi},
    {"GET", "v1/database/:/bridge", DATABASE, .handle = oro_http_get_bridge},
    {"PATCH", "v1/database/:/bridge", DATABASE, .handle = oro_http_patch_bridge,
     .owners = "change settings"},
    {"POST", "v1/database/:/reload", DATABASE, .handle = oro_http_post_reload,
     .owners = "update database"},
    {"GET", "v1/database/:/logs", DATABASE, .handle = oro_http_get_logs, .owners = "view logs"},
    {"POST", "v1/database/:/call/:", DATABASE, .handle = oro_http_post_call},
    {"POST", "v1/database/:/sql", DATABASE, .handle = oro_http_post_sql},
    {"GET", "v1/database/:/unstable/timestamp", DATABASE, .handle = oro_http_get_timestamp},
    {"GET", "v1/database/:/subscribe", DATABASE, .accept = oro_http_subscribe},
};

static bool
matches(const struct route *r, const struct request *q)
{
    const char *p = r->path;
    for (unsigned i = 0; i < q->nparts; i++) {
        size_t n = strcspn(p, "/");
        if (n == 0 || !((n == 1 && *p == ':' && q->parts[i][0] != '\0') ||
                        (strlen(q->parts[i]) == n && memcmp(p, q->parts[i], n) == 0)))
            return false;
        p += n;
        if (*p == '/')
            p++;
    }
    return *p == '\0';
}

static bool
owner_only(struct request *q, const char *action)
{
    if (oro_http_is_owner(q))
        return true;
    char who[65];
    oro_identity_text(&q->identity, who);
    oro_http_answer(q->res, 403, "%s is not authorized to perform action: %s", who, action);
    return false;
}

/* True: whoever asks may. False: answered. */
static bool
may(struct request *q, const struct route *r)
{
    static const enum auth_mode modes[] = {[PROBE] = AUTH_PROBE, [BEARER] = AUTH_REQUIRED};
    if (r->who == ANYONE)
        return true;
    bool identity = r->who == CALLER || r->who == DATABASE;
    /* What only reads needs no token for an identity of its own; a client of a websocket is told its token. */
    bool reads = strcmp(r->method, "GET") == 0 && r->accept == NULL;
    if (!oro_http_authenticate(q, !identity ? modes[r->who] : reads ? AUTH_OPTIONAL : AUTH_SIGNED))
        return false;
    if (identity)
        oro_http_identity_headers(q, q->res->extra_headers, sizeof(q->res->extra_headers));
    return (r->who != DATABASE || oro_http_database_known(q)) &&
           (r->owners == NULL || owner_only(q, r->owners));
}

static void
answer_options(struct request *q)
{
    q->res->status = 200;
    oro_http_header(q->res, "access-control-allow-methods", "*");
    oro_http_header(q->res, "access-control-allow-headers", "authorization,accept,content-type");
}

static void
answer_is_websocket(struct request *q)
{
    oro_http_answer(q->res, 426, "This is a websocket: upgrade the connection");
    oro_http_header(q->res, "connection", "upgrade");
    oro_http_header(q->res, "upgrade", "websocket");
}

/* The path is none of ours, or not with this method; allow: the methods that it has. */
static void
answer_no_route(struct request *q, const char *method, const char *allow)
{
    if (allow[0] == '\0') {
        oro_http_answer(q->res, 404, "There is no %.200s; README.md lists the endpoints",
                        q->http->path);
        return;
    }
    oro_http_usual_headers(q);
    if (strcmp(method, "OPTIONS") == 0) {
        answer_options(q);
        return;
    }
    oro_http_answer(q->res, 405, "%s is not possible here", method);
    oro_http_header(q->res, "allow", allow);
}

static void
route_run(struct request *q, const struct route *r)
{
    oro_http_usual_headers(q);
    if (r->accept != NULL)
        answer_is_websocket(q);
    else if (oro_http_params_once(q) && oro_http_body_is_plain(q) && may(q, r))
        r->handle(q);
}

static void
api_route(struct request *q)
{
    char allow[64] = "";
    if (oro_http_is_handlers(q)) {
        if (strcmp(q->http->method, "OPTIONS") == 0)
            answer_no_route(q, "OPTIONS", "*");
        else
            oro_http_ask_handlers(q);
        return;
    }
    const char *method = strcmp(q->http->method, "HEAD") == 0 ? "GET" : q->http->method;
    for (size_t i = 0; i < ORO_ARRAY_LEN(routes); i++) {
        if (!matches(&routes[i], q))
            continue;
        if (strcmp(method, routes[i].method) == 0) {
            route_run(q, &routes[i]);
            return;
        }
        size_t n = strlen(allow);
        snprintf(allow + n, sizeof(allow) - n, "%s%s", n > 0 ? "," : "", routes[i].method);
    }
    answer_no_route(q, method, allow);
}

static bool
is_api(const char *path)
{
    return strncmp(path, "/v1/", 4) == 0 || strcmp(path, "/v1") == 0;
}

static struct request
request_of(void *self, unsigned shard, oro_conn_id id, const struct oro_http_request *http,
           struct oro_http_response *res)
{
    struct request q = {.server = self, .shard = shard, .id = id, .http = http, .res = res};
    q.opt = oro_server_opt(q.server);
    return q;
}

static bool
on_http(void *self, unsigned shard, oro_conn_id req_id, const struct oro_http_request *http,
        struct oro_http_response *res)
{
    struct request q = request_of(self, shard, req_id, http, res);
    oro_http_path_split(&q);
    if (oro_http_origin_allowed(&q)) {
        if (is_api(http->path))
            api_route(&q);
        else
            oro_http_page(&q);
    }
    oro_http_request_end(&q);
    return !q.kept;
}

static bool
socket_route(struct request *q, struct oro_ws_accept *acc)
{
    for (size_t i = 0; i < ORO_ARRAY_LEN(routes); i++) {
        const struct route *r = &routes[i];
        if (r->accept == NULL || !matches(r, q))
            continue;
        oro_http_usual_headers(q);
        return oro_http_params_once(q) && may(q, r) && r->accept(q, acc);
    }
    oro_http_answer(q->res, 404, "There is no websocket here.");
    return false;
}

static bool
on_ws_request(void *self, unsigned shard, const struct oro_http_request *http,
              struct oro_ws_accept *acc, struct oro_http_response *res)
{
    struct request q = request_of(self, shard, 0, http, res);
    oro_http_path_split(&q);
    bool accepted = oro_http_origin_allowed(&q) && socket_route(&q, acc);
    oro_http_request_end(&q);
    return accepted;
}

/* ---- what the server asks when a record was read ---- */

static void
on_called(struct oro_http_response *res, const struct oro_origin *o, bool json)
{
    if (o->outcome == ORO_OK) {
        res->status = 200;
        res->content_type = "text/plain; charset=utf-8"; /* of nothing: as the reference has it */
    } else {
        oro_http_refusal(res, o->outcome == ORO_EINVAL ? 400 : 530, o, json);
    }
    oro_http_header(res, "spacetime-energy-used", "0");
    oro_api_duration(res, o->elapsed_us);
}

static void
on_returned(struct oro_http_response *res, const struct oro_origin *o, bool json)
{
    if (o->outcome == ORO_OK) {
        res->status = 200;
        res->content_type = MIME_JSON;
        if (o->text != NULL && !oro_bb_try_put(&res->body, o->text->data, o->text->len))
            oro_http_no_memory(res);
    } else if (o->outcome == ORO_ENOMEM) {
        oro_http_no_memory(res);
    } else {
        int status = o->outcome == ORO_EINVAL ? 400 : o->outcome == ORO_EUSER ? 530 : 500;
        oro_http_refusal(res, status, o, json);
    }
    oro_api_duration(res, o->elapsed_us);
}

static void
on_refused(struct oro_http_response *res, const struct oro_origin *o, bool json)
{
    oro_http_refusal(res, 403, o, json);
}

const struct oro_server_front oro_http_front = {
    .http = on_http,
    .ws_request = on_ws_request,
    .called = on_called,
    .returned = on_returned,
    .refused = on_refused,
    .handled = oro_http_handled};
