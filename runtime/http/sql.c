/* POST /v1/database/:name/sql. */
#include "runtime/http/http_priv.h"

#include "bridge/bsatn/value.h"
#include "runtime/base/utf8.h"

void
oro_http_post_sql(struct request *q)
{
    bool confirmed = true;
    if (!oro_http_param_bool(q, "confirmed", &confirmed))
        return;
    if (!oro_utf8_valid(q->http->body)) {
        oro_http_answer(q->res, 400, "The body is not UTF-8");
        return;
    }
    struct oro_http_asker asker = oro_http_asker(q);
    asker.confirmed = confirmed;
    q->kept = true;
    oro_server_http_sql(q->server, q->shard, &asker, q->http->body);
}
