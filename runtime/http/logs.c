/* GET /v1/database/:name/logs: the newest lines of the log, an object a line; and those that come. */
#include "runtime/http/http_priv.h"

#include "runtime/base/log_kept.h"

#include <stdlib.h>

#define ALL ((size_t)16 << 20) /* of an answer; what is kept is 1 MiB before it becomes JSON */

/* False and 400: it is there, and no number. */
static bool
param_count(struct request *q, const char *name, uint64_t *out)
{
    char *text = oro_http_param(q->http->query, name), *end = text;
    bool good = text == NULL || (text[0] >= '0' && text[0] <= '9');
    if (text != NULL && good)
        *out = strtoul(text, &end, 10);
    good = good && (text == NULL || (*end == '\0' && *out <= UINT32_MAX));
    oro_free(text);
    if (!good)
        oro_http_answer(q->res, 400, "`%s` is a number of lines", name);
    return good;
}

void
oro_http_get_logs(struct request *q)
{
    bool follow = false, said = oro_http_param_bool(q, "follow", &follow);
    follow = follow && strcmp(q->http->method, "HEAD") != 0; /* has no body that could go on */
    uint64_t lines = follow ? 0 : UINT32_MAX;
    if (!said || !param_count(q, "num_lines", &lines))
        return;
    uint64_t from = oro_log_kept_last(lines);
    oro_http_header(q->res, "cache-control", "no-cache");
    if (follow) {
        q->kept = true;
        oro_server_http_follow(q->server, q->shard, q->id, q->res->extra_headers, from);
        return;
    }
    q->res->status = 200;
    q->res->content_type = "application/x-ndjson";
    (void)oro_server_log_lines(from, oro_log_kept_last(0), ALL, &q->res->body);
}
