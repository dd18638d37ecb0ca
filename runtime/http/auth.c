/* Who asks, and from which page: Origin and Host on every route, the token where a route says so. */
#include "runtime/http/http_priv.h"

#include "runtime/base/clock.h"
#include "runtime/base/header.h"
#include "runtime/base/json.h"
#include "runtime/base/origin.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

/* A token that is no older says nothing of whoever brings it: anybody has a thousand of those. */
#define NEWCOMER_S 60

/* ---- where it comes from ---- */

static bool
refuse_origin(struct request *q)
{
    const char *origin = q->http->origin;
    oro_log_limited(ORO_LOG_WARN, "http",
                    "refused a request of the web page %.100s: net.allow_origins does not have it",
                    origin);
    oro_http_answer(q->res, 403,
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
    oro_http_answer(q->res, 421,
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
oro_http_origin_allowed(struct request *q)
{
    const struct oro_server_options *opt = q->opt;
    oro_http_header(q->res, "x-content-type-options", "nosniff");
    const char *host = q->http->host, *origin = q->http->origin;
    size_t len = host != NULL ? oro_host_len(host) : 0;
    if (opt->loopback && host != NULL && !host_allowed(opt, host, len))
        return refuse_host(q, len);
    return origin == NULL || origin_allowed(opt, origin, host) || refuse_origin(q);
}

/* ---- credentials ---- */

/* Takes the token from the header, else from the query. False and 400: the header is no Bearer credential. */
static bool
token_take(struct request *q)
{
    const char *h = q->http->authorization;
    if (h == NULL) {
        q->token = oro_http_param(q->http->query, "token");
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
    oro_http_answer(q->res, 400, "Malformed Authorization header: expected `Bearer <token>`");
    return false;
}

bool
oro_http_authenticate(struct request *q, enum auth_mode mode)
{
    const struct oro_server_auth *auth = &q->opt->auth;
    struct oro_err err;
    if (!token_take(q))
        return false;
    if (q->token != NULL) {
        if (auth->check(auth->keys, q->token, &q->identity, &q->claims, &err) == ORO_OK)
            return true;
        oro_http_answer(q->res, 401, "%s", err.text);
        return false;
    }
    if (mode == AUTH_PROBE)
        return true;
    if (mode == AUTH_REQUIRED) {
        oro_http_answer(q->res, 401, "Authorization required");
        return false;
    }
    q->minted = true;
    if (auth->mint(auth->keys, mode == AUTH_SIGNED ? &q->token : NULL, &q->identity, &q->claims,
                   &err) == ORO_OK)
        return true;
    oro_http_answer(q->res, 500, "%s", err.text);
    return false;
}

void
oro_http_identity_headers(const struct request *q, char *headers, size_t size)
{
    char text[65];
    oro_identity_text(&q->identity, text);
    oro_header_add(headers, size, "spacetime-identity", text);
    if (q->token != NULL)
        oro_header_add(headers, size, "spacetime-identity-token", q->token);
}

bool
oro_http_is_owner(const struct request *q)
{
    return oro_identity_eq(&q->identity, oro_server_owner(q->server));
}

/* What is looked at is a token that was checked, or that we made. */
static bool
claims_are_young(const char *claims)
{
    struct oro_json j;
    struct oro_err err;
    if (oro_json_parse(&j, oro_bytes_str(claims), ORO_JSON_MAX_DEPTH, &err) != ORO_OK)
        return true;
    uint32_t iat = oro_json_member(&j, 0, "iat");
    struct oro_bytes text = oro_json_text(&j, iat);
    char digits[32];
    snprintf(digits, sizeof(digits), "%.*s", iat != 0 ? (int)text.len : 0, (const char *)text.data);
    oro_json_fini(&j);
    return strtoll(digits, NULL, 10) > oro_wall_us() / 1000000 - NEWCOMER_S;
}

struct oro_turns_of
oro_http_turns(const struct request *q)
{
    /* Of an identity that is of this request alone: all those are one, nobody. */
    if (q->minted && !q->http->websocket)
        return (struct oro_turns_of){.known = true};
    return (struct oro_turns_of){.identity = q->identity,
                                 .source = q->http->peer,
                                 .known = !q->minted && !claims_are_young(q->claims)};
}

struct oro_http_asker
oro_http_asker(const struct request *q)
{
    return (struct oro_http_asker){.req_id = q->id,
                                   .identity = q->identity,
                                   .turns = oro_http_turns(q),
                                   .token = q->token,
                                   .claims = q->claims,
                                   .headers = q->res->extra_headers,
                                   .wants_json = oro_http_wants_json(q->http->accept),
                                   .confirmed = true};
}
