/* net/turn.c - what a turn of the loop does for connections: what was read goes to the protocol that they speak, and what they have to be
 * sent is written, once a turn. */
#include "net/net_priv.h"

#include "net/budget_priv.h"
#include "net/http_priv.h"
#include "net/io_priv.h"
#include "net/outbox_priv.h"
#include "net/ws_priv.h"

#define US_PER_S ((int64_t)1000000)
/* While more than so many bytes of Pongs wait, nothing is read. */
#define PONGS_MAX ((size_t)64 * 1024)

#define CLOSE_LINGER_US (US_PER_S / 4) /* from our Close to the peer's */
#define DRAIN_LINGER_US US_PER_S       /* from the last answer or byte read to the end of TCP */
#define DRAIN_MAX ((uint64_t)64 * 1024 * 1024)

static int
take_in(struct conn *c, uint8_t *data, size_t len)
{
    struct shard *s = c->shard;
    switch (c->state) {
    case CONN_HTTP:
        return http_rx(c, data, len);
    case CONN_WS:
    case CONN_CLOSING:
        return ws_rx(c, data, len);
    case CONN_DRAIN: /* so that one who still uploads can read the answer */
        c->drained += len;
        if (c->out_head == NULL)
            c->deadline_us = s->now_us + DRAIN_LINGER_US;
        return c->drained <= DRAIN_MAX ? 0 : -1;
    case CONN_FAREWELL:
        return 0;
    default:
        return -1;
    }
}

static int
on_rx(struct conn *c, uint8_t *data, size_t len)
{
    ASSERT_HERE(c);
    struct shard *s = c->shard;
    conn_counters(c)->bytes_in += (int64_t)len;
    c->last_rx_us = s->now_us;
    if (budget_over(s))
        budget_enforce(s);
    int rc = take_in(c, data, len);
    conn_count_in(c);
    return rc;
}

static int
on_writable(struct conn *c)
{
    ASSERT_HERE(c);
    c->blocked = false;
    /* The peer read something, which is as good a sign of life as a frame: a slow one that is
     * taking in a large message cannot answer our pings before its end. */
    c->last_rx_us = c->shard->now_us;
    if (c->state == CONN_DOOMED)
        return -1;
    conn_touch(c);
    return 0;
}

/* Whoever ends his side may still read: what he asked for is answered before we end ours. Until then he is pinged, since one who
 * has gone altogether looks the same, and the system he left tells us so when something comes for him. */
static bool
answered_later(struct conn *c)
{
    struct shard *s = c->shard;
    const struct oro_sink *sink = s->net->sink;
    if (c->state != CONN_WS)
        return c->state != CONN_HTTP && c->out_head != NULL; /* our last words */
    if (sink->ws_ended != NULL && sink->ws_ended(sink->self, s->index, c->id, c->user)) {
        ws_ping(c);
        conn_end_by(c, INT64_MAX);
        return true;
    }
    /* It has its answers, or they are on their way. */
    if (!ws_put_close(c, 1000, "", 0))
        return false;
    conn_move(c, CONN_FAREWELL);
    conn_end_by(c, s->now_us + ENDED_LIMIT_US);
    return true;
}

static int
on_end(struct conn *c)
{
    ASSERT_HERE(c);
    ORO_ASSERT(!c->ended);
    if (c->state == CONN_DOOMED || !answered_later(c))
        return -1;
    c->ended = true;
    io_set_reading(c, false);
    return 0;
}

const struct io_events turn_events = {
    .rx = on_rx,
    .writable = on_writable,
    .end = on_end,
    .gone = conn_gone,
};

/* What follows from an empty outbox. */
static void
out_emptied(struct conn *c)
{
    if (c->ended && c->state != CONN_WS) {
        conn_doom(c, CAUSE_IO); /* there is nothing to wait for */
    } else if (c->state == CONN_FAREWELL) {
        conn_doom(c, CAUSE_CLIENT_CLOSE);
    } else if (c->state == CONN_CLOSING || c->state == CONN_DRAIN) {
        int64_t linger = c->state == CONN_CLOSING ? CLOSE_LINGER_US : DRAIN_LINGER_US;
        if (c->state == CONN_DRAIN) {
            io_end_writing(c);
            conn_set_held(c, false);
        }
        if (c->deadline_us > c->shard->now_us + linger)
            c->deadline_us = c->shard->now_us + linger;
    }
}

/* Who does not take what he has asked for is not asked for more, and one who pings without reading makes no more Pongs. */
static void
hold_ws(struct conn *c)
{
    size_t limit = c->shard->net->opt.outgoing_limit,
           pongs = c->control != NULL ? c->control->len : 0;
    if (c->out_bytes > limit || pongs > PONGS_MAX)
        conn_set_held(c, true);
    else if (c->held && c->out_bytes <= limit / 2)
        conn_set_held(c, false);
}

static void
settle_one(struct conn *c)
{
    ASSERT_HERE(c);
    const struct oro_sink *sink = c->shard->net->sink;
    bool had = c->out_head != NULL;
    uint64_t sent = c->sent;
    if (!out_flush(c)) {
        conn_doom(c, CAUSE_IO);
        return;
    }
    if (c->out_head == NULL && (had || c->state == CONN_FAREWELL))
        out_emptied(c);
    else if (c->out_head != NULL && (c->state == CONN_HTTP || c->state == CONN_DRAIN))
        conn_set_held(c, true); /* see http_run */
    if (c->state == CONN_WS)
        hold_ws(c);
    if (c->state == CONN_HTTP && !c->busy && (c->in.len > 0 || c->held))
        http_run(c); /* a kept request was answered, or a large answer sent: those behind it */
    conn_count_in(c);
    if (c->watched && c->sent != sent && c->state != CONN_DOOMED && sink->drained != NULL)
        sink->drained(sink->self, c->shard->index, c->id, c->out_bytes);
}

static void
count_up(struct shard *s)
{
    struct oro_net *net = s->net;
    struct counters n = s->n;
    s->n = (struct counters){0};
    if (n.messages_in > 0)
        oro_metric_add(net->m_messages_in, n.messages_in);
    if (n.messages_out > 0)
        oro_metric_add(net->m_messages_out, n.messages_out);
    if (n.bytes_in > 0)
        oro_metric_add(net->m_bytes_in, n.bytes_in);
    if (n.bytes_out > 0)
        oro_metric_add(net->m_bytes_out, n.bytes_out);
    if (n.http_requests > 0)
        oro_metric_add(net->m_http, n.http_requests);
}

void
shard_settle(struct shard *s)
{
    ORO_ASSERT_OWNER(&s->owner);
    if (budget_over(s))
        budget_enforce(s);
    /* Closing tells the sink, which may send to others: hence until both lists are empty. */
    while (!list_empty(&s->dirty) || !list_empty(&s->doomed)) {
        while (!list_empty(&s->dirty)) {
            struct conn *c = ORO_CONTAINER_OF(s->dirty.next, struct conn, dirty);
            link_remove(&c->dirty);
            if (c->state != CONN_DOOMED)
                settle_one(c);
        }
        while (!list_empty(&s->doomed)) {
            struct conn *c = ORO_CONTAINER_OF(s->doomed.next, struct conn, doomed);
            link_remove(&c->doomed);
            io_close(c);
        }
    }
    count_up(s);
    budget_tell(s);
}
