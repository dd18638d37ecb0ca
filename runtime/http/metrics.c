/* The server itself: whether it is there, and its metrics, also live over a websocket. */
#include "runtime/http/http_priv.h"

#include "bridge/bsatn/value.h"
#include "runtime/base/metric.h"
#include "runtime/proto/proto.h"

void
oro_http_get_ping(struct request *q)
{
    q->res->status = 200;
}

/* As the reference has it, and the databases, so that commands need not be told. */
void
oro_http_get_health(struct request *q)
{
    struct oro_bb *out = &q->res->body;
    q->res->status = 200;
    q->res->content_type = MIME_JSON;
    oro_bb_printf(out, "{\"nodes\":[0],\"package_name\":\"orochi\",\"schedulable\":true,"
                       "\"version\":\"0.1.0\",\"databases\":[");
    oro_json_string(oro_bytes_str(q->opt->name), out);
    oro_bb_printf(out, "]}");
}

void
oro_http_get_metrics(struct request *q)
{
    q->res->status = 200;
    q->res->content_type = MIME_TEXT;
    oro_metrics_text(&q->res->body);
}

void
oro_http_get_sd_config(struct request *q)
{
    oro_http_answer_json(q->res, "[{\"targets\":[\"node:80\"],\"labels\":{}}]");
}

#define METRICS "orochi.metrics.json"

bool
oro_http_live_metrics(struct request *q, struct oro_ws_accept *acc)
{
    acc->protocol = oro_proto_offers(q->http->protocols, METRICS) ? METRICS : NULL;
    acc->framing = ORO_FRAMING_TEXT;
    acc->observer = true;
    acc->user = oro_server_observer(q->server, q->shard);
    return true;
}
