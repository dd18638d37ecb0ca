/* The threads of the shards, and what the server asks of them. */
#include "tests/server/net_priv.h"

#include "runtime/base/clock.h"
#include "runtime/base/mem.h"

/* ---- a shard's thread ---- */

void
fake_post(struct fake_shard *sh, void (*run)(void *), void *arg)
{
    struct op *op = ORO_NEW(struct op);
    *op = (struct op){.run = run, .arg = arg};
    pthread_mutex_lock(&sh->lock);
    *sh->ops_end = op;
    sh->ops_end = &op->next;
    pthread_mutex_unlock(&sh->lock);
    oro_wake_signal(&sh->wake);
}

static bool
ops_run(struct fake_shard *sh)
{
    pthread_mutex_lock(&sh->lock);
    struct op *list = sh->ops;
    sh->ops = NULL;
    sh->ops_end = &sh->ops;
    pthread_mutex_unlock(&sh->lock);
    bool any = list != NULL;
    for (struct op *op; (op = list) != NULL; oro_free(op)) {
        list = op->next;
        op->run(op->arg);
    }
    return any;
}

void
fake_doom(struct fake_client *c, const char *cause)
{
    if (c->end != END_NOT)
        return;
    pthread_mutex_lock(&c->lock);
    c->end = END_DOOMED;
    pthread_mutex_unlock(&c->lock);
    c->cause = cause;
    c->next_doomed = c->sh->doomed;
    c->sh->doomed = c;
}

static void
doomed_close(struct fake_shard *sh)
{
    const struct oro_sink *sink = sh->net->sink;
    for (struct fake_client *c; (c = sh->doomed) != NULL;) {
        sh->doomed = c->next_doomed;
        oro_map_del_u64(&sh->clients, c->id);
        sink->ws_close(sink->self, sh->number, c->id, c->user, c->cause);
        pthread_mutex_lock(&c->lock);
        c->end = END_GONE;
        pthread_cond_broadcast(&c->changed);
        pthread_mutex_unlock(&c->lock);
    }
}

static void
all_close(struct fake_shard *sh)
{
    const struct oro_map_slot *slot;
    for (size_t i = 0; oro_map_next(&sh->clients, &i, &slot);)
        fake_doom(slot->value, "server_close");
    doomed_close(sh);
    const struct oro_sink *sink = sh->net->sink;
    for (size_t i = 0; oro_map_next(&sh->requests, &i, &slot);) {
        struct fake_request *r = slot->value;
        oro_map_del_u64(&sh->requests, r->id);
        sink->http_gone(sink->self, sh->number, r->id);
    }
}

/* Sockets that are watched have taken some of what waits. True: there was one. */
static bool
sockets_drain(struct fake_shard *sh)
{
    const struct oro_sink *sink = sh->net->sink;
    const struct oro_map_slot *slot;
    oro_conn_id ids[64];
    size_t left[64], n = 0;
    for (size_t i = 0; n < 32 && oro_map_next(&sh->clients, &i, &slot);) {
        struct fake_client *c = slot->value;
        if (!c->watched || c->waiting == 0 || c->end != END_NOT)
            continue;
        c->waiting = c->waiting > 100000 ? c->waiting / 2 : 0;
        left[n] = c->waiting;
        ids[n++] = c->id;
    }
    for (size_t i = 0; n < 64 && oro_map_next(&sh->requests, &i, &slot);) {
        struct fake_request *r = slot->value;
        if (!r->watched || r->waiting == 0)
            continue;
        r->waiting = r->waiting > 100000 ? r->waiting / 2 : 0;
        left[n] = r->waiting;
        ids[n++] = r->id;
    }
    for (size_t i = 0; i < n; i++)
        sink->drained(sink->self, sh->number, ids[i], left[i]);
    return n > 0;
}

static void *
shard_main(void *arg)
{
    struct fake_shard *sh = arg;
    const struct oro_sink *sink = sh->net->sink;
    int64_t tick = oro_mono_us();
    while (!atomic_load(&sh->net->ends)) {
        unsigned seen = oro_wake_prepare(&sh->wake);
        bool active = ops_run(sh);
        sink->drain(sink->self, sh->number);
        active |= sockets_drain(sh);
        doomed_close(sh);
        if (oro_mono_us() - tick > TICK_US) {
            tick = oro_mono_us();
            sink->tick(sink->self, sh->number);
        }
        if (active || sink->prepare_sleep(sink->self, sh->number))
            continue;
        atomic_fetch_add(&sh->idle, 1);
        oro_wake_wait(&sh->wake, seen, TICK_US);
        sink->awake(sink->self, sh->number);
    }
    (void)ops_run(sh);
    all_close(sh);
    return NULL;
}

/* ---- what the server asks ---- */

static struct fake_client *
client_of(struct oro_net *net, unsigned shard, oro_conn_id conn)
{
    struct fake_net *n = (struct fake_net *)net;
    ORO_ASSERT_THREAD(ORO_THREAD_NET);
    return oro_map_get_u64(&n->shards[shard].clients, conn);
}

static uint64_t
draw(struct fake_shard *sh)
{
    sh->rng ^= sh->rng << 13;
    sh->rng ^= sh->rng >> 7;
    sh->rng ^= sh->rng << 17;
    return sh->rng;
}

/* Its turn to be cut off? */
static bool
cut(struct fake_client *c)
{
    const struct oro_sink *sink = c->sh->net->sink;
    unsigned one_in = atomic_load(&c->sh->net->cuts);
    if (one_in == 0 || draw(c->sh) % one_in != 0)
        return false;
    fake_doom(c, "buffers_full");
    sink->ws_cut(sink->self, c->sh->number, c->id, c->user);
    return true;
}

static bool
net_send(struct oro_net *net, unsigned shard, oro_conn_id conn, struct oro_bytes msg)
{
    struct fake_client *c = client_of(net, shard, conn);
    if (c == NULL || c->end != END_NOT)
        return false;
    ORO_ASSERT(c->piece.len == 0); /* nothing comes between the pieces of a message */
    fake_take(c, msg);
    c->waiting += msg.len;
    return !cut(c);
}

static bool
net_send_piece(struct oro_net *net, unsigned shard, oro_conn_id conn, struct oro_buf *piece,
               bool first, bool last)
{
    struct fake_client *c = client_of(net, shard, conn);
    if (c == NULL || c->end != END_NOT)
        return false;
    ORO_ASSERT((c->piece.len == 0) == first && piece->len > 0);
    oro_bb_put_bytes(&c->piece, oro_buf_bytes(piece));
    c->waiting += piece->len;
    if (last) {
        fake_take(c, oro_bb_bytes(&c->piece));
        oro_bb_clear(&c->piece);
    }
    return !cut(c);
}

static size_t
net_watch(struct oro_net *net, unsigned shard, oro_conn_id id, bool on)
{
    struct fake_client *c = client_of(net, shard, id);
    struct fake_request *r = oro_map_get_u64(&((struct fake_net *)net)->shards[shard].requests, id);
    if (c != NULL)
        c->watched = on;
    if (r != NULL)
        r->watched = on;
    return c != NULL ? c->waiting : r != NULL ? r->waiting : 0;
}

static size_t
net_waiting(struct oro_net *net, unsigned shard, oro_conn_id id)
{
    struct fake_client *c = client_of(net, shard, id);
    return c != NULL ? c->waiting : 0;
}

static bool
net_send_parts(struct oro_net *net, unsigned shard, oro_conn_id conn, struct oro_bytes head,
               const struct oro_parts *body)
{
    struct oro_bb whole = {0};
    oro_bb_put_bytes(&whole, head);
    for (size_t i = 0; i < body->n; i++)
        oro_bb_put_bytes(&whole, oro_buf_bytes(body->bufs[i]));
    bool sent = net_send(net, shard, conn, oro_bb_bytes(&whole));
    oro_bb_fini(&whole);
    return sent;
}

static void
net_hold(struct oro_net *net, unsigned shard, oro_conn_id conn, struct oro_buf *part)
{
    (void)client_of(net, shard, conn);
    part->links++;
}

static void
net_release(struct oro_net *net, unsigned shard, oro_conn_id conn, struct oro_buf *part)
{
    (void)client_of(net, shard, conn);
    ORO_ASSERT(part->links > 0);
    part->links--;
}

static void
net_close(struct oro_net *net, unsigned shard, oro_conn_id conn, int code, const char *reason)
{
    struct fake_client *c = client_of(net, shard, conn);
    if (c == NULL || c->end != END_NOT)
        return;
    pthread_mutex_lock(&c->lock);
    c->code = code;
    pthread_mutex_unlock(&c->lock);
    fake_doom(c, "server_close");
}

static void
net_pause(struct oro_net *net, unsigned shard, oro_conn_id conn, bool paused)
{
    (void)client_of(net, shard, conn);
}

static bool
net_charge(struct oro_net *net, unsigned shard, oro_conn_id conn, int64_t bytes)
{
    struct fake_client *c = client_of(net, shard, conn);
    if (c == NULL)
        return true; /* a request's */
    pthread_mutex_lock(&c->lock);
    c->charged += bytes;
    pthread_mutex_unlock(&c->lock);
    return c->end == END_NOT && !(bytes > 0 && cut(c));
}

static bool
net_http_reply(struct oro_net *net, unsigned shard, oro_conn_id req_id,
               struct oro_http_response *res)
{
    struct fake_net *n = (struct fake_net *)net;
    ORO_ASSERT_THREAD(ORO_THREAD_NET);
    struct fake_request *r = oro_map_get_u64(&n->shards[shard].requests, req_id);
    if (r != NULL && res->in_pieces) {
        r->in_pieces = true;
        r->status = res->status;
        memcpy(r->headers, res->extra_headers, sizeof(r->headers));
    } else if (r != NULL) {
        oro_map_del_u64(&n->shards[shard].requests, req_id);
        fake_answer(r, res);
    }
    oro_parts_fini(&res->parts);
    oro_bb_fini(&res->body);
    return r != NULL;
}

static bool
net_http_piece(struct oro_net *net, unsigned shard, oro_conn_id req_id, struct oro_buf *piece,
               bool last)
{
    struct fake_net *n = (struct fake_net *)net;
    struct fake_request *r = oro_map_get_u64(&n->shards[shard].requests, req_id);
    if (r == NULL)
        return false;
    ORO_ASSERT(r->in_pieces && piece->len > 0);
    r->waiting += piece->len;
    fake_answer_piece(r, oro_buf_bytes(piece), last);
    if (last)
        oro_map_del_u64(&n->shards[shard].requests, req_id);
    return true;
}

static void
net_wake(struct oro_net *net, unsigned shard)
{
    oro_wake_signal(&((struct fake_net *)net)->shards[shard].wake);
}

/* ---- start and stop ---- */

struct fake_net *
fake_net_start(struct oro_server *server, unsigned shards)
{
    struct fake_net *net = ORO_NEW(struct fake_net);
    struct oro_server_net sn = {.net = (struct oro_net *)net,
                                .send = net_send,
                                .send_parts = net_send_parts,
                                .hold = net_hold,
                                .release = net_release,
                                .send_piece = net_send_piece,
                                .watch = net_watch,
                                .waiting = net_waiting,
                                .http_piece = net_http_piece,
                                .close = net_close,
                                .pause = net_pause,
                                .charge = net_charge,
                                .http_reply = net_http_reply,
                                .wake = net_wake};
    struct oro_err err;
    ORO_ASSERT(shards <= SHARDS);
    net->server = server;
    net->sink = oro_server_sink(server);
    net->nshards = shards;
    oro_server_attach(server, &sn);
    for (unsigned i = 0; i < shards; i++) {
        struct fake_shard *sh = &net->shards[i];
        sh->net = net;
        sh->number = i;
        sh->ops_end = &sh->ops;
        sh->rng = 88172645463325252ull + i;
        pthread_mutex_init(&sh->lock, NULL);
        oro_status st =
            oro_thread_start(&sh->thread, ORO_THREAD_NET, "shard", 0, shard_main, sh, &err);
        ORO_ASSERT(st == ORO_OK);
    }
    return net;
}

void
fake_net_end(struct fake_net *net)
{
    atomic_store(&net->ends, true);
    for (unsigned i = 0; i < net->nshards; i++) {
        struct fake_shard *sh = &net->shards[i];
        oro_wake_signal(&sh->wake);
        oro_thread_join(sh->thread);
        ORO_ASSERT(sh->ops == NULL);
        oro_map_fini(&sh->clients);
        oro_map_fini(&sh->requests);
        pthread_mutex_destroy(&sh->lock);
    }
}

void
fake_net_free(struct fake_net *net)
{
    oro_free(net);
}

void
fake_net_cuts(struct fake_net *net, unsigned one_in)
{
    atomic_store(&net->cuts, one_in);
}

void
fake_net_settle(struct fake_net *net)
{
    for (unsigned i = 0; i < net->nshards; i++) {
        struct fake_shard *sh = &net->shards[i];
        unsigned seen = atomic_load(&sh->idle);
        while (atomic_load(&sh->idle) - seen < 2) {
            oro_wake_signal(&sh->wake);
            sched_yield();
        }
    }
}
