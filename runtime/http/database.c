/* What the database is: names, schema, its module. */
#include "runtime/http/http_priv.h"

#include "runtime/base/clock.h"

void
oro_http_get_database(struct request *q)
{
    char owner[65];
    oro_identity_text(oro_server_owner(q->server), owner);
    q->res->status = 200;
    q->res->content_type = MIME_JSON;
    oro_bb_printf(&q->res->body,
                  "{\"database_identity\":{\"__identity__\":\"0x%s\"},\"owner_identity\":{\"__"
                  "identity__\":\"0x%s\"},"
                  "\"host_type\":{\"Wasm\":[]},\"initial_program\":\"0x0\"}",
                  oro_server_database_text(q->server), owner);
}

/* An identity is echoed, whether there is such a database or not (docs/http.md#names-of-databases). */
void
oro_http_get_database_identity(struct request *q)
{
    struct oro_identity id;
    char text[65];
    if (oro_identity_parse(q->parts[2], &id)) {
        oro_identity_text(&id, text);
        oro_http_answer(q->res, 200, "%s", text);
        return;
    }
    if (!oro_http_database_known(q))
        return;
    oro_http_answer(q->res, 200, "%s", oro_server_database_text(q->server));
}

void
oro_http_get_names(struct request *q)
{
    q->res->status = 200;
    q->res->content_type = MIME_JSON;
    oro_bb_printf(&q->res->body, "{\"names\":[\"%s\"]}", q->opt->name);
}

void
oro_http_get_timestamp(struct request *q)
{
    q->res->status = 200;
    q->res->content_type = MIME_JSON;
    oro_bb_printf(&q->res->body, "{\"__timestamp_micros_since_unix_epoch__\":%lld}",
                  (long long)oro_wall_us());
}

void
oro_http_get_schema(struct request *q)
{
    char *version = oro_http_param(q->http->query, "version");
    if (version == NULL)
        oro_http_answer(q->res, 400, "Failed to deserialize query string: missing field `version`");
    else if (strcmp(version, "10") == 0)
        oro_http_answer_json(q->res, oro_server_schema(q->server)->v10_json);
    else if (strcmp(version, "9") == 0)
        oro_http_answer_json(q->res, oro_server_schema(q->server)->v9_json);
    else
        oro_http_answer(q->res, 400, "Failed to deserialize query string: version is 9 or 10");
    oro_free(version);
}

void
oro_http_post_reload(struct request *q)
{
    q->kept = true;
    oro_server_http_reload(q->server, q->shard, q->id, q->res->extra_headers);
}

void
oro_http_refuse_publish(struct request *q)
{
    oro_http_answer(
        q->res, 501,
        "This server runs the module it was started with. Change that one's files and ask for "
        "POST /v1/database/:name/reload, as `orochi reload` does.");
}
