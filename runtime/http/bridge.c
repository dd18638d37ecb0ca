/* The bridge over HTTP: what the codecs of all workers did, and their settings. The settings come as one flat JSON object, so
 * the reader here knows nothing more. */
#include "bridge/host/bridge.h"
#include "runtime/http/http_priv.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

void
oro_http_get_bridge(struct request *q)
{
    q->res->status = 200;
    q->res->content_type = MIME_JSON;
    oro_server_bridge_report(q->server, &q->res->body);
}

/* ---- {"name": number or true or false, ...} ---- */

struct reader {
    const char *at;
    char name[64];
    int64_t value;
    bool is_bool;
};

static bool
skip_to(struct reader *r, char c)
{
    while (isspace((unsigned char)*r->at))
        r->at++;
    if (*r->at != c)
        return false;
    r->at++;
    return true;
}

static bool
read_value(struct reader *r)
{
    char *end;
    while (isspace((unsigned char)*r->at))
        r->at++;
    for (int b = 0; b <= 1; b++) {
        const char *word = b ? "true" : "false";
        if (strncmp(r->at, word, strlen(word)) == 0) {
            r->at += strlen(word);
            r->value = b;
            r->is_bool = true;
            return true;
        }
    }
    if (*r->at != '-' && !isdigit((unsigned char)*r->at))
        return false;
    r->is_bool = false;
    r->value = strtoll(r->at, &end, 10); /* too large: the largest number, which no setting takes */
    r->at = end;
    return *end != '.' && *end != 'e' && *end != 'E';
}

static bool
read_pair(struct reader *r)
{
    if (!skip_to(r, '"'))
        return false;
    size_t n = strcspn(r->at, "\"\\");
    if (n >= sizeof(r->name) || r->at[n] != '"')
        return false;
    memcpy(r->name, r->at, n);
    r->name[n] = '\0';
    r->at += n + 1;
    return skip_to(r, ':') && read_value(r);
}

static oro_status
read_settings(const char *text, struct oro_py_config *c, struct oro_err *err)
{
    struct reader r = {.at = text};
    bool fine = skip_to(&r, '{');
    if (fine && skip_to(&r, '}'))
        return ORO_OK;
    while (fine) {
        if (!read_pair(&r))
            break;
        oro_status st = oro_py_config_set(c, r.name, r.value, r.is_bool, err);
        if (st != ORO_OK)
            return st;
        if (skip_to(&r, '}')) {
            while (isspace((unsigned char)*r.at))
                r.at++;
            if (*r.at == '\0')
                return ORO_OK;
            break;
        }
        fine = skip_to(&r, ',');
    }
    return oro_err_set(err, ORO_EMALFORMED,
                       "expected an object such as {\"max_pool_size\": 200} at byte %zu",
                       (size_t)(r.at - text));
}

/* All of the settings in the body are changed, or none. Answers them as they are now. */
void
oro_http_patch_bridge(struct request *q)
{
    struct oro_py_config c;
    struct oro_err err = {0};
    struct oro_bytes body = q->http->body;
    struct oro_http_response *res = q->res;
    char *text = oro_strndup(body.len > 0 ? (const char *)body.data : "",
                             body.len); /* a NUL inside ends it */
    oro_py_configured(&c);
    if (read_settings(text, &c, &err) == ORO_OK) {
        oro_py_configure(&c);
        res->status = 200;
        res->content_type = MIME_JSON;
        oro_py_config_json(&c, &res->body);
        oro_log(ORO_LOG_INFO, "server", "settings of the bridge: %.*s", (int)res->body.len,
                (const char *)res->body.data);
    } else {
        oro_http_answer(res, 400, "%s", err.text);
    }
    oro_free(text);
}
