/* POST /v1/database/:name/call/:function, a reducer or a procedure. */
#include "runtime/http/http_priv.h"

#include <strings.h>

#include "bridge/bsatn/value.h"
#include "runtime/exec/function.h"

void
oro_http_post_call(struct request *q)
{
    struct oro_err err = {0};
    const char *name = q->parts[4];
    struct oro_function f = oro_function_find(oro_server_schema(q->server), oro_bytes_str(name));
    const struct oro_reducer_def *r = f.def;
    if (q->http->content_type == NULL) {
        oro_http_answer(q->res, 400, "Header of type `content-type` was missing");
        return;
    }
    if (strcasecmp(q->http->content_type, MIME_JSON) != 0) {
        oro_http_answer(q->res, 415, "Expected request with `Content-Type: application/json`");
        return;
    }
    enum oro_function_call right = oro_function_call(&f, oro_http_is_owner(q));
    if (right == ORO_CALL_UNKNOWN) {
        oro_log_limited(
            ORO_LOG_ERROR, "module",
            "a request called the reducer \"%.80s\", which does not exist or is private", name);
        oro_http_answer(q->res, 404, "no such reducer: %.100s", name);
        return;
    }
    if (right == ORO_CALL_REFUSED) {
        oro_http_answer(q->res, 400, "can't directly call special lifecycle reducer: %.100s", name);
        return;
    }
    struct oro_bb args = {0};
    if (oro_args_from_json_with(r->params, r->defaults, q->http->body, &args, &err) != ORO_OK) {
        oro_http_answer(q->res, 400, "invalid arguments for %s %s: %s",
                        r->returns != NULL ? "procedure" : "reducer", name, err.text);
        oro_bb_fini(&args);
        return;
    }
    q->kept = true;
    struct oro_http_asker asker = oro_http_asker(q);
    if (r->returns != NULL)
        oro_server_http_procedure(q->server, q->shard, &asker, name, &args);
    else
        oro_server_http_call(q->server, q->shard, &asker, r, &args);
}
