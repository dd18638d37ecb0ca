/* One request: its parts, what its query and its credentials say, and how it is answered. */
#include "runtime/server/api_priv.h"

#include "runtime/base/header.h"
#include "runtime/base/log.h"
#include "runtime/base/origin.h"

#include <stdarg.h>
#include <stdio.h>
#include <strings.h>
#include <sys/random.h>

/* ---- answers ---- */

void
oro_api_answer(struct oro_http_response *res, int status, const char *fmt, ...)
{
    char text[1200];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    res->status = status;
    res->content_type = "text/plain; charset=utf-8";
    oro_bb_clear(&res->body);
    oro_bb_put_bytes(&res->body, oro_bytes_str(text));
}

void
oro_api_header(struct oro_http_response *res, const char *name, const char *value)
{
    (void)oro_header_add(res->extra_headers, sizeof(res->extra_headers), name, value);
}

/* Who may not read an answer was refused before (oro_api_origin_allowed), so the star of the protocol says no more than that.
 * Nothing is stored: what is told is of this moment, and tokens stand in it. */
void
oro_api_usual_headers(struct request *q)
{
    oro_api_header(q->res, "access-control-allow-origin", "*");
    oro_api_header(q->res, "vary",
                   "origin, access-control-request-method, access-control-request-headers");
    oro_api_header(q->res, "cache-control", "no-store");
}

/* ---- where it comes from ---- */

static bool
refuse_origin(struct request *q)
{
    const char *origin = q->http->origin;
    oro_log_limited(ORO_LOG_WARN, "http",
                    "refused a request of the web page %.100s: net.allow_origins does not have it",
                    origin);
    oro_api_answer(q->res, 403,
                   "The web page %.200s may not speak to this server. If it may, start the server "
                   "with --set net.allow_origins=%.200s",
                   origin, origin);
    return false;
}

static bool
refuse_host(struct request *q, size_t len)
{
    const char *host = q->http->host;
    oro_log_limited(ORO_LOG_WARN, "http",
                    "refused a request for the host %.100s: net.allow_origins does not have it",
                    host);
    oro_api_answer(q->res, 421,
                   "This server listens on a loopback address, and was asked for as %.200s. If "
                   "that is its name, behind a proxy, start it with --set "
                   "net.allow_origins=https://%.*s",
                   host, (int)(len < 200 ? len : 200), host);
    return false;
}

/* The name of a foreign page's own host can be made to mean 127.0.0.1, and then the page is of one origin with us. Such a name
 * has a dot in it; an address is none. */
static bool
host_allowed(const struct oro_server_options *opt, const char *host, size_t len)
{
    bool address = host[0] == '[' || strspn(host, "0123456789.") == len;
    return address || memchr(host, '.', len) == NULL || oro_host_is_loopback(host, len) ||
           oro_origins_have_host(opt->allow_origins, host, len);
}

/* Ours: the page that was loaded from here. On a loopback address that has to have a loopback name, too. */
static bool
origin_allowed(const struct oro_server_options *opt, const char *origin, const char *host)
{
    bool listed = opt->allow_origins != NULL && opt->allow_origins[0] != '\0';
    if (oro_origin_listed(opt->allow_origins, origin))
        return true;
    if (!opt->loopback)
        return !listed || (host != NULL && oro_origin_is_of(origin, host));
    return oro_origin_is_loopback(origin) &&
           (!listed || (host != NULL && oro_origin_is_of(origin, host)));
}

bool
oro_api_origin_allowed(struct request *q)
{
    const struct oro_server_options *opt = &q->server->opt;
    oro_api_header(q->res, "x-content-type-options", "nosniff");
    const char *host = q->http->host, *origin = q->http->origin;
    size_t len = host != NULL ? oro_host_len(host) : 0;
    if (opt->loopback && host != NULL && !host_allowed(opt, host, len))
        return refuse_host(q, len);
    return origin == NULL || origin_allowed(opt, origin, host) || refuse_origin(q);
}

/* ---- query parameters and credentials ---- */

static int
hex_digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

char *
oro_api_param(const char *query, const char *name)
{
    size_t n = strlen(name);
    for (const char *p = query; p != NULL && *p != '\0';
         p = strchr(p, '&') != NULL ? strchr(p, '&') + 1 : NULL) {
        if (strncmp(p, name, n) != 0 || p[n] != '=')
            continue;
        p += n + 1;
        size_t len = strcspn(p, "&");
        char *value = oro_alloc(len + 1), *out = value;
        for (size_t i = 0; i < len; i++) {
            int a = p[i] == '%' && i + 2 < len ? hex_digit(p[i + 1]) : -1,
                b = a >= 0 ? hex_digit(p[i + 2]) : -1;
            if (b >= 0 && a + b > 0) {
                *out++ = (char)(a * 16 + b);
                i += 2;
            } else {
                *out++ = p[i] == '+' ? ' ' : p[i];
            }
        }
        *out = '\0';
        return value;
    }
    return NULL;
}

bool
oro_api_param_bool(struct request *q, const char *name, bool *value)
{
    char *text = oro_api_param(q->http->query, name);
    bool fine = text == NULL || strcmp(text, "true") == 0 || strcmp(text, "false") == 0;
    if (text != NULL && fine)
        *value = text[0] == 't';
    if (!fine)
        oro_api_answer(q->res, 400, "Failed to deserialize query string: `%s` is true or false",
                       name);
    oro_free(text);
    return fine;
}

/* How often a parameter stands in the query. */
static unsigned
param_count(const char *query, const char *name)
{
    unsigned count = 0;
    size_t n = strlen(name);
    for (const char *p = query; *p != '\0'; p += strcspn(p, "&"), p += *p == '&')
        count += strncmp(p, name, n) == 0 && (p[n] == '=' || p[n] == '&' || p[n] == '\0');
    return count;
}

bool
oro_api_params_once(struct request *q)
{
    static const char *const names[] = {"token",   "compression",   "confirmed", "light",
                                        "version", "connection_id", "session_id"};
    for (size_t i = 0; i < ORO_ARRAY_LEN(names); i++)
        if (param_count(q->http->query, names[i]) > 1) {
            oro_api_answer(q->res, 400, "Failed to deserialize query string: duplicate field `%s`",
                           names[i]);
            return false;
        }
    return true;
}

/* Takes the token from the header, else from the query. False and 400: the header is no Bearer credential. */
static bool
token_take(struct request *q)
{
    const char *h = q->http->authorization;
    if (h == NULL) {
        q->token = oro_api_param(q->http->query, "token");
        return true;
    }
    if (strncasecmp(h, "Bearer ", 7) == 0) {
        h += 7;
        h += strspn(h, " ");
        if (*h != '\0' && strchr(h, ' ') == NULL) {
            q->token = oro_strdup(h);
            return true;
        }
    }
    oro_api_answer(q->res, 400, "Malformed Authorization header: expected `Bearer <token>`");
    return false;
}

bool
oro_api_authenticate(struct request *q, enum auth_mode mode)
{
    const struct oro_server_auth *auth = &q->server->opt.auth;
    struct oro_err err;
    if (!token_take(q))
        return false;
    if (q->token != NULL) {
        if (auth->check(auth->keys, q->token, &q->identity, &q->claims, &err) == ORO_OK)
            return true;
        oro_api_answer(q->res, 401, "%s", err.text);
        return false;
    }
    if (mode == AUTH_PROBE)
        return true;
    if (mode == AUTH_REQUIRED) {
        oro_api_answer(q->res, 401, "Authorization required");
        return false;
    }
    q->minted = true;
    if (auth->mint(auth->keys, mode == AUTH_SIGNED ? &q->token : NULL, &q->identity, &q->claims,
                   &err) == ORO_OK)
        return true;
    oro_api_answer(q->res, 500, "%s", err.text);
    return false;
}

void
oro_api_identity_headers(const struct request *q, char *headers, size_t size)
{
    char text[65];
    oro_identity_text(&q->identity, text);
    oro_header_add(headers, size, "spacetime-identity", text);
    if (q->token != NULL)
        oro_header_add(headers, size, "spacetime-identity-token", q->token);
}

bool
oro_api_database_known(struct request *q)
{
    const char *n = q->parts[2];
    struct oro_identity id;
    if (oro_identity_parse(n, &id)) {
        if (oro_identity_eq(&id, &q->server->database))
            return true;
        oro_api_answer(q->res, 404, "No such database.");
        return false;
    }
    for (const char *c = n; *c != '\0'; c++) {
        /* The reference allows no underscore; names of Python modules have them, so they are fine here. */
        if (!((*c >= 'a' && *c <= 'z') || (*c >= '0' && *c <= '9') || *c == '-' || *c == '_' ||
              (*c >= 'A' && *c <= 'Z'))) {
            oro_api_answer(q->res, 400, "Invalid URL: `%.80s` is not a database name", n);
            return false;
        }
    }
    if (strcmp(n, q->server->opt.name) == 0)
        return true;
    oro_api_answer(q->res, 404, "`%.80s` not found (this server has `%s`)", n, q->server->opt.name);
    return false;
}

void
oro_api_random_connection_id(struct oro_connection_id *id)
{
    do {
        if (getrandom(id->le, sizeof(id->le), 0) != (ssize_t)sizeof(id->le))
            continue;
    } while (oro_connection_id_is_none(id));
}

/* "/v1/ping" -> "v1", "ping". A trailing slash makes an empty last part, which matches nothing. */
void
oro_api_path_split(struct request *q)
{
    q->path_copy = oro_strdup(q->http->path);
    char *p = q->path_copy;
    if (*p == '/')
        p++;
    for (q->nparts = 0; q->nparts < MAX_PARTS; q->nparts++) {
        char *slash = strchr(p, '/');
        q->parts[q->nparts] = p;
        if (slash == NULL) {
            q->nparts++;
            break;
        }
        *slash = '\0';
        p = slash + 1;
    }
}

bool
oro_api_names_subscribe(const struct request *q)
{
    return q->nparts == 4 && strcmp(q->parts[0], "v1") == 0 &&
           strcmp(q->parts[1], "database") == 0 && q->parts[2][0] != '\0' &&
           strcmp(q->parts[3], "subscribe") == 0;
}

void
oro_api_request_end(struct request *q)
{
    oro_free(q->path_copy);
    oro_free(q->token);
    oro_free(q->claims);
}
