/* One request: its parts, what its query says, and how it is answered. */
#include "runtime/http/http_priv.h"

#include "runtime/base/header.h"

#include <stdarg.h>
#include <stdio.h>
#include <strings.h>

/* ---- answers ---- */

void
oro_http_answer(struct oro_http_response *res, int status, const char *fmt, ...)
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
oro_http_no_memory(struct oro_http_response *res)
{
    oro_http_answer(res, 503, "the server has no memory left for this: try again later");
}

void
oro_http_answer_json(struct oro_http_response *res, const char *json)
{
    res->status = 200;
    res->content_type = MIME_JSON;
    oro_bb_put_bytes(&res->body, oro_bytes_str(json));
}

void
oro_http_header(struct oro_http_response *res, const char *name, const char *value)
{
    (void)oro_header_add(res->extra_headers, sizeof(res->extra_headers), name, value);
}

/* Who may not read an answer was refused before (oro_http_origin_allowed), so the star of the protocol says no more than that.
 * Nothing is stored: what is told is of this moment, and tokens stand in it. */
void
oro_http_usual_headers(struct request *q)
{
    oro_http_header(q->res, "access-control-allow-origin", "*");
    oro_http_header(q->res, "vary",
                    "origin, access-control-request-method, access-control-request-headers");
    oro_http_header(q->res, "cache-control", "no-store");
}

/* ---- query parameters ---- */

char *
oro_http_param(const char *query, const char *name)
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
            int a = p[i] == '%' && i + 2 < len ? oro_hex_digit(p[i + 1]) : -1,
                b = a >= 0 ? oro_hex_digit(p[i + 2]) : -1;
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
oro_http_param_bool(struct request *q, const char *name, bool *value)
{
    char *text = oro_http_param(q->http->query, name);
    bool fine = text == NULL || strcmp(text, "true") == 0 || strcmp(text, "false") == 0;
    if (text != NULL && fine)
        *value = text[0] == 't';
    if (!fine)
        oro_http_answer(q->res, 400, "Failed to deserialize query string: `%s` is true or false",
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
oro_http_params_once(struct request *q)
{
    static const char *const names[] = {"token",   "compression",   "confirmed", "light",
                                        "version", "connection_id", "session_id"};
    for (size_t i = 0; i < ORO_ARRAY_LEN(names); i++)
        if (param_count(q->http->query, names[i]) > 1) {
            oro_http_answer(q->res, 400, "Failed to deserialize query string: duplicate field `%s`",
                            names[i]);
            return false;
        }
    return true;
}

/* ---- its other fields ---- */

char *
oro_http_field(const struct oro_http_request *http, const char *name)
{
    struct oro_bb all = {0};
    size_t n = strlen(name);
    const char *p = (const char *)http->fields.data, *end = p;
    if (http->fields.len > 0) /* of none there is no address to add to */
        end += http->fields.len;
    for (const char *nl; p < end; p = nl + 1) {
        nl = memchr(p, '\n', (size_t)(end - p));
        if (nl == NULL)
            break;
        size_t len = strnlen(p, (size_t)(nl - p));
        if (len <= n || strncasecmp(p, name, n) != 0 || p[n] != ':')
            continue;
        while (strchr(" \t\r", p[len - 1]) != NULL)
            len--;
        if (all.len > 0)
            oro_bb_u8(&all, ',');
        oro_bb_put(&all, p + n + 1, len - n - 1);
    }
    char *out = all.len > 0 ? oro_strndup((const char *)all.data, all.len) : NULL;
    oro_bb_fini(&all);
    return out;
}

bool
oro_http_body_is_plain(struct request *q)
{
    char *encoding =
        q->http->body.len > 0 ? oro_http_field(q->http, "content-encoding") : NULL;
    const char *what = encoding != NULL ? encoding + strspn(encoding, " \t") : "identity";
    bool plain = strncasecmp(what, "identity", 8) == 0 && what[8 + strspn(what + 8, " \t\r")] == 0;
    if (!plain) {
        oro_http_header(q->res, "accept-encoding", "identity");
        oro_http_answer(q->res, 415,
                        "A body in Content-Encoding %.60s is not unpacked here: send it as it is",
                        what);
    }
    oro_free(encoding);
    return plain;
}

/* ---- its path ---- */

bool
oro_http_part_identity(struct request *q, unsigned part, struct oro_identity *id)
{
    if (oro_identity_parse(q->parts[part], id))
        return true;
    oro_http_answer(q->res, 400, "Invalid URL: `%.80s` is not an identity", q->parts[part]);
    return false;
}

bool
oro_http_database_known(struct request *q)
{
    const char *n = q->parts[2];
    struct oro_identity id;
    if (oro_identity_parse(n, &id)) {
        if (oro_identity_eq(&id, oro_server_database(q->server)))
            return true;
        oro_http_answer(q->res, 404, "No such database.");
        return false;
    }
    for (const char *c = n; *c != '\0'; c++) {
        /* The reference allows no underscore; names of Python modules have them, so they are fine here. */
        if (!((*c >= 'a' && *c <= 'z') || (*c >= '0' && *c <= '9') || *c == '-' || *c == '_' ||
              (*c >= 'A' && *c <= 'Z'))) {
            oro_http_answer(q->res, 400, "Invalid URL: `%.80s` is not a database name", n);
            return false;
        }
    }
    if (strcmp(n, q->opt->name) == 0)
        return true;
    oro_http_answer(q->res, 404, "`%.80s` not found (this server has `%s`)", n, q->opt->name);
    return false;
}

/* "/v1/ping" -> "v1", "ping". A trailing slash makes an empty last part, which matches nothing. */
void
oro_http_path_split(struct request *q)
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

void
oro_http_request_end(struct request *q)
{
    oro_free(q->path_copy);
    oro_free(q->token);
    oro_free(q->claims);
}
