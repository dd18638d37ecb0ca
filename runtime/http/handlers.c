/* /v1/database/:name/route and what is below it: the module's own HTTP handlers (docs/http.md#handlers), and the document that describes
 * what else the module can be asked. */
#include "runtime/http/http_priv.h"

#include "bridge/bsatn/reader.h"
#include "runtime/base/header.h"

#include <ctype.h>
#include <stdio.h>
#include <strings.h>

/* The path behind "/v1/database/NAME/route": "", "/" or "/x/y". NULL: it is none of those. */
static const char *
below_route(const struct request *q)
{
    if (q->nparts < 4 || strcmp(q->parts[1], "database") != 0 || strcmp(q->parts[3], "route") != 0)
        return NULL;
    const char *p = q->http->path + strlen("/v1/database/");
    return strchr(p, '/') + strlen("/route");
}

bool
oro_http_is_handlers(const struct request *q)
{
    return below_route(q) != NULL;
}

static struct oro_bytes
text_of(const char *text)
{
    return oro_bytes_str(text != NULL ? text : "");
}

/* What orochi/_http.py reads: each part behind its length. Gives; NULL: no memory for a body of that size. */
static struct oro_buf *
request_bytes(const struct request *q, const char *path)
{
    const struct oro_http_request *http = q->http;
    const struct oro_bytes parts[] = {
        text_of(http->method),
        text_of(http->host),
        oro_bytes(http->path, (size_t)(path - http->path)),
        text_of(path),
        text_of(http->query),
        http->fields,
        http->body,
    };
    size_t len = 0;
    for (size_t i = 0; i < ORO_ARRAY_LEN(parts); i++)
        len += sizeof(uint32_t) + parts[i].len;
    struct oro_buf *buf = len <= UINT32_MAX ? oro_buf_try_new((uint32_t)len) : NULL;
    if (buf == NULL)
        return NULL;
    uint8_t *at = buf->data;
    for (size_t i = 0; i < ORO_ARRAY_LEN(parts); i++) {
        uint32_t n = (uint32_t)parts[i].len;
        memcpy(at, &n, sizeof(n));
        at += sizeof(n);
        if (n > 0)
            memcpy(at, parts[i].data, n);
        at += n;
    }
    return buf;
}

/* Nobody is authenticated (H-5): the handler is asked by an identity of this request alone, whatever token it brings. */
void
oro_http_ask_handlers(struct request *q)
{
    const struct oro_server_auth *auth = &q->opt->auth;
    struct oro_err err;
    if (!oro_http_database_known(q))
        return;
    if (!oro_server_schema(q->server)->has_routes) {
        oro_http_answer(q->res, 404, "Database has not registered a handler for this route");
        oro_http_usual_headers(q);
        return;
    }
    struct oro_buf *request = request_bytes(q, below_route(q));
    if (request == NULL) {
        oro_http_no_memory(q->res);
        oro_http_usual_headers(q);
        return;
    }
    if (auth->mint(auth->keys, NULL, &q->identity, &q->claims, &err) != ORO_OK) {
        oro_buf_unref(request);
        oro_http_answer(q->res, 500, "%s", err.text);
        return;
    }
    q->minted = true;
    q->kept = true;
    struct oro_http_asker asker = oro_http_asker(q);
    asker.headers = ""; /* which it has, stands in its answer */
    oro_server_http_handle(q->server, q->shard, &asker, request);
}

/* ---- the answer ---- */

/* What belongs to the connection, and is net's to say. */
static bool
is_nets(const char *name)
{
    static const char *const names[] = {"connection", "content-length",    "date",
                                        "keep-alive", "transfer-encoding", "trailer",
                                        "upgrade",    "proxy-connection"};
    for (size_t i = 0; i < ORO_ARRAY_LEN(names); i++)
        if (strcasecmp(name, names[i]) == 0)
            return true;
    return false;
}

static bool
has_header(const char *headers, const char *name)
{
    size_t n = strlen(name);
    for (const char *line = headers; line != NULL && *line != '\0';
         line = strchr(line, '\n') != NULL ? strchr(line, '\n') + 1 : NULL)
        if (strncasecmp(line, name, n) == 0 && line[n] == ':')
            return true;
    return false;
}

/* What every answer below /v1 says, where the handler says nothing of it. */
static void
default_headers(struct oro_http_response *res)
{
    static const char *const lines[][2] = {
        {"access-control-allow-origin", "*"},
        {"vary", "origin, access-control-request-method, access-control-request-headers"},
        {"x-content-type-options", "nosniff"},
        {"cache-control", "no-store"},
    };
    for (size_t i = 0; i < ORO_ARRAY_LEN(lines); i++)
        if (!has_header(res->extra_headers, lines[i][0]))
            oro_http_header(res, lines[i][0], lines[i][1]);
}

/* False: more than an answer has room for, or no header. */
static bool
take_header(struct oro_http_response *res, struct oro_reader *rd)
{
    struct oro_bytes name, value;
    if (oro_rd_lenbytes(rd, &name) != ORO_OK || oro_rd_lenbytes(rd, &value) != ORO_OK ||
        memchr(value.data, '\0', value.len) != NULL)
        return false;
    char *n = oro_strndup((const char *)name.data, name.len);
    char *v = oro_strndup((const char *)value.data, value.len);
    bool fine = is_nets(n) || oro_header_add(res->extra_headers, sizeof(res->extra_headers), n, v);
    oro_free(n);
    oro_free(v);
    return fine;
}

static oro_status
take_answer(struct oro_http_response *res, struct oro_bytes bytes)
{
    struct oro_reader rd = oro_reader(bytes);
    uint16_t status;
    uint32_t n;
    if (oro_rd_u16(&rd, &status) != ORO_OK || status < 200 || status > 599 ||
        oro_rd_u32(&rd, &n) != ORO_OK)
        return ORO_EMALFORMED;
    for (; n > 0; n--)
        if (!take_header(res, &rd))
            return ORO_EMALFORMED;
    if (!oro_bb_try_put(&res->body, rd.at, oro_rd_left(&rd)))
        return ORO_ENOMEM;
    res->status = status;
    return ORO_OK;
}

static void
tell_failure(struct oro_http_response *res, oro_status st, struct oro_bytes text)
{
    if (st == ORO_ENOMEM)
        oro_http_no_memory(res);
    else if (st == ORO_EREFUSED) /* it was not begun */
        oro_http_answer(res, 503, "the server is stopping: try again later");
    else
        oro_http_answer(res,
                        st == ORO_EUSER      ? 400
                        : st == ORO_ETIMEOUT ? 504
                                             : 500,
                        "%.*s", (int)(text.len < 1000 ? text.len : 1000), (const char *)text.data);
}

void
oro_http_handled(struct oro_http_response *res, const struct oro_origin *o)
{
    struct oro_bytes text = o->text != NULL ? oro_buf_bytes(o->text) : (struct oro_bytes){0};
    oro_status st = (oro_status)o->outcome;
    if (st == ORO_OK)
        st = take_answer(res, text);
    if (st == ORO_EMALFORMED) {
        oro_log_limited(ORO_LOG_ERROR, "http",
                        "a handler's answer was left out: its headers take more than %zu bytes, or "
                        "one of them is none",
                        sizeof(res->extra_headers));
        oro_http_answer(res, 500, "Internal Server Error");
    } else if (st != ORO_OK) {
        tell_failure(res, st, text);
    }
    if (st != ORO_OK)
        res->extra_headers[0] = '\0';
    default_headers(res);
}

/* ---- the document ---- */

void
oro_http_get_openapi(struct request *q)
{
    const char *json = oro_server_schema(q->server)->openapi_json;
    if (json == NULL) {
        oro_http_answer(q->res, 404, "This module's definition has no OpenAPI document");
        return;
    }
    q->res->status = 200;
    q->res->content_type = MIME_JSON;
    oro_bb_printf(&q->res->body, "{\"servers\":[{\"url\":\"/v1/database/%s\"}],", q->opt->name);
    oro_bb_put(&q->res->body, json + 1, strlen(json) - 1);
}
