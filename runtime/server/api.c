/* The HTTP interface (spec/http.md): identities, database information, calls, SQL, metrics. Answers that need a reducer or the disk are kept and given later. */
#include "runtime/server/api_priv.h"

#include "bridge/bsatn/value.h"
#include "runtime/base/clock.h"

#include <stdio.h>
#include <stdlib.h>

#define JSON "application/json"
#define TEXT "text/plain; charset=utf-8"

/* ---- answers ---- */

static void
answer_json(struct oro_http_response *res, const char *json)
{
    res->status = 200;
    res->content_type = JSON;
    oro_bb_put_bytes(&res->body, oro_bytes_str(json));
}

static bool
is_owner(const struct request *q)
{
    return oro_identity_eq(&q->identity, &q->server->owner);
}

/* ---- identities ---- */

static void
post_identity(struct request *q)
{
    const struct oro_server_auth *auth = &q->server->opt.auth;
    struct oro_err err;
    char text[65];
    if (auth->mint(auth->keys, &q->token, &q->identity, &q->claims, &err) != ORO_OK) {
        oro_api_answer(q->res, 500, "%s", err.text);
        return;
    }
    oro_identity_text(&q->identity, text);
    q->res->status = 200;
    q->res->content_type = JSON;
    oro_bb_printf(&q->res->body, "{\"identity\":\"%s\",\"token\":\"%s\"}", text, q->token);
}

static void
post_websocket_token(struct request *q)
{
    const struct oro_server_auth *auth = &q->server->opt.auth;
    struct oro_err err;
    char *fresh;
    if (!oro_api_authenticate(q, AUTH_REQUIRED))
        return;
    if (auth->resign(auth->keys, &q->identity, q->claims, &fresh, &err) != ORO_OK) {
        oro_api_answer(q->res, 500, "%s", err.text);
        return;
    }
    q->res->status = 200;
    q->res->content_type = JSON;
    oro_bb_printf(&q->res->body, "{\"token\":\"%s\"}", fresh);
    oro_free(fresh);
}

static void
get_public_key(struct request *q)
{
    q->res->status = 200;
    q->res->content_type = "application/pem-certificate-chain";
    oro_bb_put_bytes(&q->res->body, oro_bytes_str(q->server->opt.auth.public_pem));
}

static void
get_identity_verify(struct request *q)
{
    struct oro_identity want;
    if (!oro_identity_parse(q->parts[2], &want)) {
        oro_api_answer(q->res, 400, "Invalid URL: `%.80s` is not an identity", q->parts[2]);
        return;
    }
    if (!oro_api_authenticate(q, AUTH_REQUIRED))
        return;
    q->res->status = oro_identity_eq(&want, &q->identity) ? 204 : 400;
}

static void
get_identity_databases(struct request *q)
{
    struct oro_identity who;
    if (!oro_identity_parse(q->parts[2], &who)) {
        oro_api_answer(q->res, 400, "Invalid URL: `%.80s` is not an identity", q->parts[2]);
        return;
    }
    q->res->status = 200;
    q->res->content_type = JSON;
    oro_bb_printf(&q->res->body, "{\"identities\":[");
    if (oro_identity_eq(&who, &q->server->owner))
        oro_bb_printf(&q->res->body, "\"%s\"", q->server->database_text);
    oro_bb_printf(&q->res->body, "]}");
}

/* ---- the server ---- */

static void
get_ping(struct request *q)
{
    if (oro_api_authenticate(q, AUTH_PROBE))
        q->res->status = 200;
}

static void
get_health(struct request *q)
{
    answer_json(
        q->res,
        "{\"nodes\":[0],\"package_name\":\"orochi\",\"schedulable\":true,\"version\":\"0.1.0\"}");
}

static void
get_metrics(struct request *q)
{
    q->res->status = 200;
    q->res->content_type = TEXT;
    oro_metrics_text(&q->res->body);
}

static void
get_sd_config(struct request *q)
{
    answer_json(q->res, "[{\"targets\":[\"node:80\"],\"labels\":{}}]");
}

/* ---- the database ---- */

static void
get_database(struct request *q)
{
    char owner[65];
    oro_identity_text(&q->server->owner, owner);
    q->res->status = 200;
    q->res->content_type = JSON;
    oro_bb_printf(&q->res->body,
                  "{\"database_identity\":{\"__identity__\":\"0x%s\"},\"owner_identity\":{\"__"
                  "identity__\":\"0x%s\"},"
                  "\"host_type\":{\"Wasm\":[]},\"initial_program\":\"0x0\"}",
                  q->server->database_text, owner);
}

/* An identity is echoed, whether there is such a database or not (spec/http.md 7.2). */
static void
get_database_identity(struct request *q)
{
    struct oro_identity id;
    char text[65];
    if (oro_identity_parse(q->parts[2], &id)) {
        oro_identity_text(&id, text);
        oro_api_answer(q->res, 200, "%s", text);
        return;
    }
    if (!oro_api_database_known(q))
        return;
    oro_api_answer(q->res, 200, "%s", q->server->database_text);
}

static void
get_names(struct request *q)
{
    q->res->status = 200;
    q->res->content_type = JSON;
    oro_bb_printf(&q->res->body, "{\"names\":[\"%s\"]}", q->server->opt.name);
}

static void
get_timestamp(struct request *q)
{
    q->res->status = 200;
    q->res->content_type = JSON;
    oro_bb_printf(&q->res->body, "{\"__timestamp_micros_since_unix_epoch__\":%lld}",
                  (long long)oro_wall_us());
}

static void
get_schema(struct request *q)
{
    char *version = oro_api_param(q->http->query, "version");
    if (version == NULL)
        oro_api_answer(q->res, 400, "Failed to deserialize query string: missing field `version`");
    else if (strcmp(version, "10") == 0)
        answer_json(q->res, q->server->schema->v10_json);
    else if (strcmp(version, "9") == 0)
        answer_json(q->res, q->server->schema->v9_json);
    else
        oro_api_answer(q->res, 400, "Failed to deserialize query string: version is 9 or 10");
    oro_free(version);
}

static void
get_bridge(struct request *q)
{
    oro_api_bridge_report(q->server, q->res);
}

static void
patch_bridge(struct request *q)
{
    if (is_owner(q))
        oro_api_bridge_change(q->http->body, q->res);
    else
        oro_api_answer(q->res, 403, "Only the owner of the database may change its settings");
}

static void
post_reload(struct request *q)
{
    if (!is_owner(q)) {
        char who[65];
        oro_identity_text(&q->identity, who);
        oro_api_answer(q->res, 403, "%s is not authorized to perform action: update database", who);
        return;
    }
    q->kept = true;
    oro_reload_ask(q->shard, q->id, q->res);
}

static void
refuse_publish(struct request *q)
{
    oro_api_answer(
        q->res, 501,
        "This server runs the module it was started with. Change that one's files and ask for "
        "POST /v1/database/:name/reload, as `orochi reload` does.");
}

/* ---- calls and SQL: a short-lived connection around each request ---- */

/* What a request takes while it is kept counts as its connection's. If that one goes for it, http_gone comes. */
static void
http_charge(struct shard *sh, struct client *c, size_t bytes)
{
    c->http_counted += bytes;
    (void)oro_client_charge(sh, c, (int64_t)bytes);
}

static struct client *
http_client(struct request *q, enum client_kind kind)
{
    struct shard *sh = q->shard;
    struct oro_connection_id connection;
    oro_api_random_connection_id(&connection);
    struct oro_principal *who =
        oro_principal_new(ORO_CALLER_HTTP, &q->identity, &connection, q->claims);
    /* An identity that was made for this request alone would have turns of its own: those are all nobody's. */
    static const struct oro_identity nobody;
    struct client *c =
        oro_client_new(sh, kind, who, oro_strdup(q->token), q->minted ? &nobody : &q->identity);
    c->conn = (1ull << 63) | ++sh->next_request;
    c->req_id = q->id;
    c->confirmed = true;
    c->wants_json = oro_api_wants_json(q->http->accept);
    c->headers =
        oro_strdup(q->res->extra_headers); /* CORS and identity, as route_run has put them there */
    oro_map_put_u64(&sh->clients, c->conn, c);
    oro_map_put_u64(&sh->requests, c->req_id, c);
    /* Itself, its headers, its token and claims, its mailbox and principal, and its jobs. */
    size_t token = c->token != NULL ? strlen(c->token) : 0;
    http_charge(sh, c, sizeof(*c) + strlen(c->headers) + 2 * token + 1024);
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
    char *own = oro_strdup(res->extra_headers);
    c->answered = true;
    c->reply = oro_alloc(sizeof(*c->reply));
    *c->reply = *res;
    c->reply_seq = c->confirmed ? seq : 0;
    http_charge(sh, c, sizeof(*c->reply) + c->reply->body.cap + oro_parts_cost(&c->reply->parts));
    snprintf(c->reply->extra_headers, sizeof(c->reply->extra_headers), "%s", c->headers);
    size_t n = strlen(c->reply->extra_headers);
    if (n + strlen(own) < sizeof(c->reply->extra_headers))
        strcpy(c->reply->extra_headers + n, own);
    oro_free(own);
    oro_client_hold(sh, c);
    sh->held_fresh = true;
}

/* False: it was answered and has left, so it is gone. */
static bool
still_needed(struct shard *sh, struct client *c)
{
    if (!c->answered || c->reply != NULL || c->leaves)
        return true;
    oro_client_remove(sh, c);
    return false;
}

bool
oro_api_release(struct shard *sh, struct client *c)
{
    if (c->reply == NULL || c->reply_seq > oro_server_durable_seq(sh->server))
        return true;
    struct oro_server_net *net = &sh->server->net;
    if (c->req_id != 0) {
        oro_map_del_u64(&sh->requests, c->req_id);
        (void)oro_client_charge(sh, c, -(int64_t)c->http_counted);
        c->http_counted = 0;
        net->http_reply(net->net, sh->number, c->req_id, c->reply);
        c->req_id = 0;
    } else {
        oro_parts_fini(&c->reply->parts);
        oro_bb_fini(&c->reply->body);
    }
    oro_free(c->reply);
    c->reply = NULL;
    return still_needed(sh, c);
}

void
oro_api_duration(struct oro_http_response *res, int64_t us)
{
    char number[32];
    snprintf(number, sizeof(number), "%lld", (long long)us);
    oro_api_header(res, "spacetime-execution-duration-micros", number);
}

/* The mailbox keeps the order, and skips the call if client_connected refuses. Takes args. */
static void
start_call(struct shard *sh, struct client *c, const struct oro_reducer_def *reducer,
           struct oro_bb *args)
{
    struct oro_job *job = oro_job_new(ORO_JOB_CALLS, oro_principal_ref(c->who), 1);
    job->shard = (uint16_t)sh->number;
    job->conn = c->conn;
    job->frame = oro_buf_copy(oro_bb_bytes(args));
    job->calls[0] = (struct oro_job_call){.reducer = reducer, .args = oro_buf_bytes(job->frame)};
    http_charge(sh, c, sizeof(*job) + args->len);
    oro_bb_fini(args);
    c->leaves = oro_api_has_lifecycle(sh->server);
    if (c->leaves)
        oro_client_post(sh, c, ORO_JOB_CONNECT);
    oro_pool_post(sh->server->pool, c->mailbox, job, false);
    if (c->leaves)
        oro_client_post(sh, c, ORO_JOB_DISCONNECT);
}

void
oro_api_abandon(struct shard *sh, struct client *c)
{
    if (c->kind == CLIENT_HTTP_SQL && c->leaves && !c->asked)
        oro_client_post(sh, c, ORO_JOB_DISCONNECT);
}

static void
call_answer(struct shard *sh, struct client *c, const struct oro_commit *rec)
{
    const struct oro_origin *o = &rec->origin;
    struct oro_http_response res = {0};
    if (o->outcome == ORO_OK)
        res.status = 200;
    else
        oro_api_refusal(&res, o->outcome == ORO_EINVAL ? 400 : 530, o, c->wants_json);
    oro_api_header(&res, "spacetime-energy-used", "0");
    oro_api_duration(&res, o->elapsed_us);
    oro_api_reply_later(sh, c, &res, rec->seq);
}

void
oro_api_record(struct shard *sh, struct client *c, const struct oro_commit *rec)
{
    const struct oro_origin *o = &rec->origin;
    if (o->kind == ORO_ORIGIN_CONNECT && o->outcome == ORO_OK) {
        if (c->kind == CLIENT_HTTP_SQL)
            oro_sql_run(sh, c);
    } else if (o->kind == ORO_ORIGIN_CONNECT) {
        struct oro_http_response res = {0};
        oro_api_refusal(&res, 403, o, c->wants_json);
        if (c->kind == CLIENT_HTTP_SQL)
            c->leaves = false; /* of a call the disconnect job is posted already */
        oro_api_reply_later(sh, c, &res, rec->seq);
    } else if (o->kind == ORO_ORIGIN_CALL) {
        call_answer(sh, c, rec);
    } else if (o->kind == ORO_ORIGIN_DISCONNECT) {
        c->leaves = false;
        (void)still_needed(sh, c);
    }
}

static void
post_call(struct request *q)
{
    struct oro_server *s = q->server;
    struct oro_err err = {0};
    const char *name = q->parts[4];
    const struct oro_reducer_def *r = oro_schema_reducer(s->schema, oro_bytes_str(name));
    if (q->http->content_type == NULL) {
        oro_api_answer(q->res, 400, "Header of type `content-type` was missing");
        return;
    }
    if (strcmp(q->http->content_type, JSON) != 0) {
        oro_api_answer(q->res, 415, "Expected request with `Content-Type: application/json`");
        return;
    }
    if (r == NULL || (r->is_private && r->lifecycle == ORO_LIFE_NONE && !is_owner(q))) {
        oro_log_limited(
            ORO_LOG_ERROR, "module",
            "a request called the reducer \"%.80s\", which does not exist or is private", name);
        oro_api_answer(q->res, 404, "no such reducer: %.100s", name);
        return;
    }
    if (r->lifecycle != ORO_LIFE_NONE) {
        oro_api_answer(q->res, 400, "can't directly call special lifecycle reducer: %.100s", name);
        return;
    }
    struct oro_bb args = {0};
    if (oro_args_from_json_with(r->params, r->defaults, q->http->body, &args, &err) != ORO_OK) {
        oro_api_answer(q->res, 400, "invalid arguments for reducer %s: %s", name, err.text);
        oro_bb_fini(&args);
        return;
    }
    q->kept = true;
    start_call(q->shard, http_client(q, CLIENT_HTTP_CALL), r, &args);
}

static void
post_sql(struct request *q)
{
    bool confirmed = true;
    if (!oro_api_param_bool(q, "confirmed", &confirmed))
        return;
    if (!oro_utf8_valid(q->http->body)) {
        oro_api_answer(q->res, 400, "The body is not UTF-8");
        return;
    }
    q->kept = true;
    struct client *c = http_client(q, CLIENT_HTTP_SQL);
    c->confirmed = confirmed;
    oro_bb_put_bytes(&c->sql, q->http->body);
    http_charge(q->shard, c, c->sql.cap);
    oro_sql_start(q->shard, c);
}

void
oro_api_gone(void *self, unsigned shard, oro_conn_id req_id)
{
    struct oro_server *s = self;
    struct client *c = oro_map_del_u64(&s->shards[shard].requests, req_id);
    if (c == NULL)
        return;
    c->req_id = 0;
    oro_read_interrupt(c);
    oro_mailbox_leave(c->mailbox, 0, true);
}

/* ---- the table of routes ---- */

struct route {
    const char *method;
    const char *path; /* ":" stands for any part */
    void (*handle)(struct request *q);
    enum {
        OPEN,
        MODE_O,
        DATABASE
    } needs; /* MODE_O: an identity; DATABASE: also the name of ours */
};

static const struct route routes[] = {
    {"GET", "v1/ping", get_ping, OPEN},
    {"GET", "v1/health", get_health, OPEN},
    {"GET", "v1/metrics", get_metrics, OPEN},
    {"GET", "v1/prometheus/sd_config", get_sd_config, OPEN},
    {"POST", "v1/identity", post_identity, OPEN},
    {"GET", "v1/identity/public-key", get_public_key, OPEN},
    {"POST", "v1/identity/websocket-token", post_websocket_token, OPEN},
    {"GET", "v1/identity/:/verify", get_identity_verify, OPEN},
    {"GET", "v1/identity/:/databases", get_identity_databases, OPEN},
    {"POST", "v1/database", refuse_publish, MODE_O},
    {"GET", "v1/database/:", get_database, DATABASE},
    {"PUT", "v1/database/:", refuse_publish, MODE_O},
    {"DELETE", "v1/database/:", refuse_publish, MODE_O},
    {"POST", "v1/database/:/pre_publish", refuse_publish, MODE_O},
    {"PUT", "v1/database/:/reset", refuse_publish, MODE_O},
    {"GET", "v1/database/:/identity", get_database_identity, MODE_O},
    {"GET", "v1/database/:/names", get_names, DATABASE},
    {"GET", "v1/database/:/schema", get_schema, DATABASE},
    {"GET", "v1/database/:/bridge", get_bridge, DATABASE},
    {"PATCH", "v1/database/:/bridge", patch_bridge, DATABASE},
    {"POST", "v1/database/:/reload", post_reload, DATABASE},
    {"POST", "v1/database/:/call/:", post_call, DATABASE},
    {"POST", "v1/database/:/sql", post_sql, DATABASE},
    {"GET", "v1/database/:/unstable/timestamp", get_timestamp, DATABASE},
    {"POST", "v1/database/:/names", refuse_publish, MODE_O},
    {"PUT", "v1/database/:/names", refuse_publish, MODE_O},
};

static bool
route_matches(const struct route *r, const struct request *q)
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

static void
route_run(struct request *q, const struct route *r)
{
    if (r->needs != OPEN) {
        bool reads = strcmp(r->method, "GET") == 0;
        if (!oro_api_authenticate(q, reads ? AUTH_OPTIONAL : AUTH_SIGNED))
            return;
        oro_api_identity_headers(q, q->res->extra_headers, sizeof(q->res->extra_headers));
        if (r->needs == DATABASE && !oro_api_database_known(q))
            return;
    }
    r->handle(q);
}

static void
api_route(struct request *q)
{
    char allow[64] = "";
    const char *method = strcmp(q->http->method, "HEAD") == 0 ? "GET" : q->http->method;
    oro_api_path_split(q);
    for (size_t i = 0; i < ORO_ARRAY_LEN(routes); i++) {
        if (!route_matches(&routes[i], q))
            continue;
        if (strcmp(method, routes[i].method) == 0) {
            oro_api_usual_headers(q);
            if (oro_api_params_once(q))
                route_run(q, &routes[i]);
            return;
        }
        size_t n = strlen(allow);
        snprintf(allow + n, sizeof(allow) - n, "%s%s", n > 0 ? "," : "", routes[i].method);
    }
    bool socket = oro_api_names_subscribe(q);
    if (allow[0] == '\0' && !socket) {
        oro_api_answer(q->res, 404, "There is no %.200s; README.md lists the endpoints",
                       q->http->path);
        return;
    }
    oro_api_usual_headers(q);
    if (strcmp(method, "OPTIONS") == 0) {
        q->res->status = 200;
        oro_api_header(q->res, "access-control-allow-methods", "*");
        oro_api_header(q->res, "access-control-allow-headers", "authorization,accept,content-type");
    } else if (socket && strcmp(method, "GET") == 0) {
        oro_api_answer(q->res, 426, "This is a websocket: upgrade the connection");
        oro_api_header(q->res, "connection", "upgrade");
        oro_api_header(q->res, "upgrade", "websocket");
    } else {
        oro_api_answer(q->res, 405, "%s is not possible here", method);
        oro_api_header(q->res, "allow", socket ? "GET" : allow);
    }
}

bool
oro_api_http(void *self, unsigned shard, oro_conn_id req_id, const struct oro_http_request *req,
             struct oro_http_response *res)
{
    struct oro_server *s = self;
    struct request q = {
        .server = s, .shard = &s->shards[shard], .id = req_id, .http = req, .res = res};
    if (!oro_api_origin_allowed(&q))
        ;
    else if (strncmp(req->path, "/v1/", 4) == 0 || strcmp(req->path, "/v1") == 0)
        api_route(&q);
    else
        oro_api_page(&q);
    oro_api_request_end(&q);
    return !q.kept;
}
