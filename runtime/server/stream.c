/* Answers on their way from the readers to a socket, piece by piece. A reader is ahead of the socket by ORO_READ_WINDOW at most; net
 * tells when the socket has taken some (sink.drained). Whoever reads slowly costs that much, and a snapshot that is held; if too
 * much is written meanwhile, the rest is made at once, counts as what waits for the connection, and the snapshot is let go.
 *
 * Nothing else is sent to the client from the first piece to the last: its connection is frozen, what it sends waits. */
#include "runtime/server/read.h"

#include "runtime/base/clock.h"

#define WINDOW_LOW (ORO_READ_WINDOW / 2) /* and a reader goes on */
/* What a held snapshot may keep from being freed. */
#define PIN_BYTES ((uint64_t)64 << 20)
#define PIN_RECORDS 200000
/* In which answers are made here, all of them, while readers stand still; what is left then costs its client the connection. */
#define HERE_US 2000000
#define HERE_STOP_US 200000 /* when the server stops */

static bool
is_http(const struct read_task *t)
{
    return t->kind == READ_SQL;
}

static oro_conn_id
net_id(const struct read_task *t)
{
    return is_http(t) ? t->client->req_id : t->conn;
}

static bool
is_closing(const struct read_task *t)
{
    const struct client *c = t->client;
    return is_http(t) ? c->req_id == 0 : c->state == CLIENT_GONE || c->state == CLIENT_CLOSING;
}

/* What came before has left, and what the answer reflects is on disk. */
static bool
may_begin(const struct read_task *t)
{
    const struct client *c = t->client;
    if (is_http(t))
        return c->answered && c->reply == NULL; /* its head went out */
    return c->nmarks == 0 && !(c->confirmed && t->seq > oro_server_durable_seq(t->sh->server));
}

static void
fail(struct read_task *t)
{
    oro_parts_fini(&t->ready);
    t->over = true;
    if (is_http(t))
        t->sh->server->net.close(t->sh->server->net.net, t->sh->number, net_id(t), 0, "");
    else
        oro_client_close(t->sh, t->client, 1013,
                         "the server has no memory left for this answer: try again later");
}

static void
hand_over(struct read_task *t)
{
    struct oro_server_net *net = &t->sh->server->net;
    struct oro_parts ready = t->ready;
    t->ready = (struct oro_parts){0};
    oro_read_uncharge(t); /* from here on it counts as what waits to be sent */
    for (size_t i = 0; i < ready.n && !t->over; i++) {
        bool last = t->ready_all && i + 1 == ready.n;
        t->handed += ready.bufs[i]->len;
        bool sent =
            is_http(t)
                ? net->http_piece(net->net, t->sh->number, net_id(t), ready.bufs[i], last)
                : net->send_piece(net->net, t->sh->number, t->conn, ready.bufs[i], !t->begun, last);
        t->begun = true;
        t->over = !sent; /* it is gone, or was cut off: we are told */
    }
    oro_parts_fini(&ready);
}

static void
unlink_stream(struct read_task *t)
{
    if (t->back != NULL)
        t->back->link = t->link;
    else
        t->sh->streams = t->link;
    if (t->link != NULL)
        t->link->back = t->back;
    t->link = t->back = NULL;
    t->streaming = false;
}

/* The last piece was handed over, or there will be none. */
static void
end(struct read_task *t)
{
    struct shard *sh = t->sh;
    struct client *c = t->client;
    unlink_stream(t);
    if (!is_http(t)) {
        if (!is_closing(t))
            sh->server->net.watch(sh->server->net.net, sh->number, t->conn, false);
        oro_read_follow(t);
        return;
    }
    if (c->req_id != 0)
        sh->server->net.watch(sh->server->net.net, sh->number, c->req_id, false);
    oro_read_free(t);
    oro_api_streamed(sh, c);
}

/* Net may serve the connection's next request from here on, and that has the same id. */
static void
request_over(struct read_task *t)
{
    struct client *c = t->client;
    struct oro_server_net *net = &t->sh->server->net;
    if (!is_http(t) || c->req_id == 0)
        return;
    net->watch(net->net, t->sh->number, c->req_id, false);
    oro_map_del_u64(&t->sh->requests, c->req_id);
    c->req_id = 0;
}

static bool
wants_more(struct read_task *t)
{
    uint64_t ahead = t->ready.bytes + t->handed - atomic_load(&t->taken);
    return !t->ready_all && (ahead < WINDOW_LOW || atomic_load(&t->hurry));
}

/* Has it let go of the snapshot soon if that holds too much. */
static void
look_at_pin(struct read_task *t)
{
    if (t->pin != NULL && !t->ready_all &&
        (oro_pin_written(t->pin) > PIN_BYTES ||
         oro_store_seq(t->sh->server->store) - t->seq > PIN_RECORDS))
        atomic_store(&t->hurry, true);
}

void
oro_stream_begin(struct read_task *t)
{
    struct shard *sh = t->sh;
    t->streaming = true;
    t->back = NULL;
    t->link = sh->streams;
    if (t->link != NULL)
        t->link->back = t;
    sh->streams = t;
    sh->server->net.watch(sh->server->net.net, sh->number, net_id(t), true);
    oro_stream_step(t);
}

/* While no reader may: all that is left, without waiting for the socket. */
static void
make_here(struct read_task *t)
{
    struct shard *sh = t->sh;
    int64_t most = atomic_load(&sh->server->quiet) ? HERE_STOP_US : HERE_US;
    int64_t until = oro_mono_us() + most - sh->here_us;
    struct oro_session *se = oro_session_open(sh->server->store);
    atomic_store(&t->base.stop, false);
    oro_read_begin_at(se, t->pin);
    int64_t from = oro_mono_us();
    while (!oro_answer_ended(t->answer) && !t->made.failed && oro_mono_us() < until)
        (void)oro_read_make_piece(t, se, ORO_PART);
    sh->here_us += oro_mono_us() - from;
    oro_read_end(se);
    oro_session_close(se);
    t->ready_all = t->made_all;
    if (!oro_parts_move(&t->ready, &t->made) || t->made.failed || !t->ready_all)
        fail(t);
    else
        oro_read_charge(t, (size_t)t->ready.bytes);
}

/* What has to wait does so as other messages do. */
static void
hold_all(struct read_task *t)
{
    oro_read_uncharge(t);
    if (!is_http(t) && !t->over)
        oro_client_send_parts(t->sh, t->client, &t->ready, t->seq);
    t->over = true;
}

/* Nobody reads at the snapshot any more. Of a websocket it is where the connection goes on from. */
static void
made_all(struct read_task *t)
{
    oro_answer_free(t->answer);
    t->answer = NULL;
    if (!is_http(t))
        return;
    oro_pin_close(t->pin);
    t->pin = NULL;
}

/* Hands over what may leave. */
static void
send_some(struct read_task *t, bool still)
{
    if (t->begun || may_begin(t))
        hand_over(t);
    else if (still && t->ready_all && !is_http(t))
        hold_all(t);
    else
        oro_client_hold(t->sh, t->client); /* and is looked at again */
}

void
oro_stream_step(struct read_task *t)
{
    bool stands = t->phase == READ_STANDING, still = t->unserved || oro_shard_stands_still(t->sh);
    t->over = t->over || is_closing(t);
    if (t->ready.failed && !t->over)
        fail(t);
    if (stands && still && !t->over && !t->ready_all)
        make_here(t);
    if (stands && t->ready_all)
        made_all(t);
    if (!t->over)
        send_some(t, still);
    bool all = t->over || (t->ready_all && t->ready.n == 0);
    if (all)
        request_over(t);
    if (all && stands)
        end(t);
    else if (all)
        atomic_store(&t->base.stop, true);
    else if (stands && wants_more(t))
        oro_read_run(t);
}

void
oro_stream_drop(struct read_task *t)
{
    unlink_stream(t);
}

void
oro_stream_drained(struct client *c, size_t waiting)
{
    struct read_task *t = c->reads;
    if (t == NULL || !t->streaming)
        return;
    atomic_store(&t->taken, t->handed > waiting ? t->handed - waiting : 0);
    oro_stream_step(t);
}

void
oro_stream_look(struct client *c)
{
    if (c->reads != NULL && c->reads->streaming)
        oro_stream_step(c->reads);
}

void
oro_streams_look(struct shard *sh)
{
    for (struct read_task *t = sh->streams, *next; t != NULL; t = next) {
        next = t->link;
        look_at_pin(t);
        if (t->client != NULL) /* else it ends when its reader is through */
            oro_stream_step(t);
    }
}
