/* net/conn.c - the connections of a shard: table, outbox, time limits and the way out.
 *
 * Sending. oro_net_send puts bytes into the last piece of the outbox and marks the connection
 * dirty. Once a turn of the loop, after everything was handled, shard_settle writes each dirty
 * connection with one system call. Only a socket that is full costs a wait for writability.
 * Pieces are freed as they are sent, so an idle connection holds none.
 *
 * Time. Every connection stands in `timers`, ordered by look_us because each look puts it at the
 * end with the same step; a look costs nothing to those whose time has not come. Those that are
 * ending stand in `endings` as well, which a timer walks every 50 ms while there are any. */
#include "net/net_priv.h"

#include "runtime/base/clock.h"
#include "runtime/base/log.h"

#define US_PER_S ((int64_t)1000000)
#define SLOT_BITS 24
#define PIECE_MIN_LOG2 8
#define PIECE_MAX_LOG2 16
#define HTTP_IDLE_LIMIT_US (75 * US_PER_S)  /* between two requests */
#define HTTP_STALL_LIMIT_US (30 * US_PER_S) /* without progress of a body or an answer */

#define CLOSE_LINGER_US (US_PER_S / 4) /* from our Close to the peer's */
#define DRAIN_LINGER_US US_PER_S       /* from the last answer or byte read to the end of TCP */
#define DRAIN_MAX ((uint64_t)64 * 1024 * 1024)

#define BIT(x) (1u << (x))
static const unsigned conn_next[CONN_STATE_COUNT] = {
    [CONN_HTTP] = BIT(CONN_WS) | BIT(CONN_DRAIN) | BIT(CONN_DOOMED),
    [CONN_DRAIN] = BIT(CONN_DOOMED),
    [CONN_WS] = BIT(CONN_CLOSING) | BIT(CONN_FAREWELL) | BIT(CONN_DOOMED),
    [CONN_CLOSING] = BIT(CONN_DOOMED),
    [CONN_FAREWELL] = BIT(CONN_DOOMED),
}; /* no row: no way out but conn_gone */

void
conn_move(struct conn *c, enum conn_state to)
{
    ORO_ASSERT(conn_next[c->state] & BIT(to));
    c->state = to;
}

const char *
conn_cause_name(enum conn_cause cause)
{
    static const char *const names[CAUSE_COUNT] = {
        [CAUSE_IO] = "io",
        [CAUSE_CLIENT_CLOSE] = "client_close",
        [CAUSE_IDLE_TIMEOUT] = "idle_timeout",
        [CAUSE_OUTGOING_FULL] = "outgoing_queue_full",
        [CAUSE_TOO_LARGE] = "message_too_large",
        [CAUSE_PROTOCOL] = "protocol_error",
        [CAUSE_SERVER_CLOSE] = "server_close",
    };
    return names[cause];
}

/* ---- table ---- */

static uint32_t
slot_of(oro_conn_id id)
{
    return (uint32_t)(id & ((1u << SLOT_BITS) - 1)) - 1;
}

static uint32_t
slot_take(struct shard *s)
{
    if (s->free_count > 0)
        return s->free_slots[--s->free_count];
    if (s->slot_used == s->slot_cap) {
        uint32_t cap = s->slot_cap > 0 ? s->slot_cap * 2 : 64;
        s->slots = oro_realloc(s->slots, cap * sizeof(*s->slots));
        s->generations = oro_realloc(s->generations, cap * sizeof(*s->generations));
        s->free_slots = oro_realloc(s->free_slots, cap * sizeof(*s->free_slots));
        s->slot_cap = cap;
    }
    s->generations[s->slot_used] = 0;
    return s->slot_used++;
}

struct conn *
conn_new(struct shard *s)
{
    uint32_t slot = slot_take(s);
    ORO_ASSERT(slot < (1u << SLOT_BITS) - 1);
    struct conn *c = ORO_NEW(struct conn);
    *c = (struct conn){
        .shard = s,
        .id = (uint64_t)s->generations[slot] << 32 | (uint64_t)s->index << SLOT_BITS | (slot + 1),
        .out_hint = PIECE_MIN_LOG2,
        .last_rx_us = s->now_us,
    };
    s->slots[slot] = c;
    s->conn_count++;
    conn_look_at(c, s->now_us + US_PER_S);
    return c;
}

struct conn *
conn_find(struct shard *s, oro_conn_id id)
{
    uint32_t slot = slot_of(id);
    if (slot >= s->slot_used)
        return NULL;
    struct conn *c = s->slots[slot];
    return c != NULL && c->id == id && c->state != CONN_DOOMED ? c : NULL;
}

static void
out_clear(struct conn *c)
{
    while (c->out_head != NULL) {
        struct piece *p = c->out_head;
        c->out_head = p->next;
        oro_free(p->data);
        oro_free(p);
    }
    c->out_tail = c->control = NULL;
    c->out_bytes = 0;
}

void
conn_gone(struct conn *c)
{
    struct shard *s = c->shard;
    const struct oro_sink *sink = s->net->sink;
    link_remove(&c->dirty);
    link_remove(&c->doomed);
    link_remove(&c->timer);
    link_remove(&c->ending);
    uint32_t slot = slot_of(c->id);
    s->slots[slot] = NULL;
    s->generations[slot]++;
    s->free_slots[s->free_count++] = slot;
    s->conn_count--;
    atomic_fetch_sub_explicit(&s->net->open_sockets, 1, memory_order_relaxed);
    out_clear(c);
    oro_bb_fini(&c->in);
    oro_free(c->rx);
    if (c->busy && sink->http_gone != NULL)
        sink->http_gone(sink->self, s->index, c->id);
    if (c->ws) {
        oro_metric_add(s->net->m_connections, -1);
        oro_metric_add(s->net->m_ended[c->cause], 1);
        sink->ws_close(sink->self, s->index, c->id, c->user, conn_cause_name(c->cause));
    }
    oro_free(c);
}

/* ---- what the loop has to do for a connection ---- */

void
conn_touch(struct conn *c)
{
    if (!link_in_list(&c->dirty) && c->state != CONN_DOOMED)
        list_append(&c->shard->dirty, &c->dirty);
}

void
conn_doom(struct conn *c, enum conn_cause cause)
{
    if (c->state == CONN_DOOMED)
        return;
    if (c->cause == CAUSE_IO)
        c->cause = cause; /* the first cause counts */
    conn_move(c, CONN_DOOMED);
    out_clear(c);
    list_append(&c->shard->doomed, &c->doomed);
}

void
conn_set_held(struct conn *c, bool held)
{
    if (c->held == held)
        return;
    c->held = held;
    io_set_reading(c, !(c->paused || c->held));
}

int
conn_on_rx(struct conn *c, uint8_t *data, size_t len)
{
    struct shard *s = c->shard;
    conn_counters(c)->bytes_in += (int64_t)len;
    c->last_rx_us = s->now_us;
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

int
conn_on_writable(struct conn *c)
{
    c->blocked = false;
    /* The peer read something, which is as good a sign of life as a frame: a slow one that is
     * taking in a large message cannot answer our pings before its end. */
    c->last_rx_us = c->shard->now_us;
    if (c->state == CONN_DOOMED)
        return -1;
    conn_touch(c);
    return 0;
}

/* ---- outbox ---- */

struct piece *
out_new(struct conn *c, size_t cap)
{
    (void)c;
    struct piece *p = oro_alloc(sizeof(*p));
    *p = (struct piece){.data = oro_alloc(cap), .cap = cap};
    return p;
}

void
out_append(struct conn *c, struct piece *p)
{
    if (c->out_tail != NULL)
        c->out_tail->next = p;
    else
        c->out_head = p;
    c->out_tail = p;
    c->out_bytes += p->len - p->off;
    conn_touch(c);
}

static void
piece_reserve(struct piece *p, size_t need)
{
    if (p->cap - p->len >= need)
        return;
    size_t cap = p->cap * 2;
    if (cap < p->len + need)
        cap = p->len + need;
    p->data = oro_realloc(p->data, cap);
    p->cap = cap;
}

/* Control frames that wait are one piece: a flood of pings to one who does not read costs its bytes and no more. */
struct piece *
out_control(struct conn *c, size_t need)
{
    if (c->control != NULL) {
        piece_reserve(c->control, need);
        return c->control;
    }
    struct piece **at = &c->out_head, *p = out_new(c, need);
    p->pinned = true;
    while (*at != NULL && ((*at)->started || (*at)->pinned))
        at = &(*at)->next;
    p->next = *at;
    *at = p;
    if (p->next == NULL)
        c->out_tail = p;
    c->control = p;
    conn_touch(c);
    return p;
}

/* The piece that takes `need` more bytes of whole frames: the last one if it is of that kind and
 * not too big yet. */
struct piece *
out_room(struct conn *c, size_t need)
{
    struct piece *p = c->out_tail;
    if (p != NULL && (p->open || (p->joinable && p->len < ((size_t)1 << PIECE_MAX_LOG2)))) {
        piece_reserve(p, need);
        return p;
    }
    size_t cap = (size_t)1 << c->out_hint;
    p = out_new(c, cap < need ? need : cap);
    out_append(c, p);
    return p;
}

/* The next piece of this connection starts about as large as this one became, within bounds. */
static void
learn_size(struct conn *c, size_t len)
{
    uint8_t want = PIECE_MIN_LOG2;
    while (want < PIECE_MAX_LOG2 && ((size_t)1 << want) < len)
        want++;
    if (want > c->out_hint)
        c->out_hint = want;
    else if (want < c->out_hint)
        c->out_hint--;
}

static void
out_sent(struct conn *c, size_t n)
{
    c->out_bytes -= n;
    conn_counters(c)->bytes_out += (int64_t)n;
    while (c->out_head != NULL) {
        struct piece *p = c->out_head;
        size_t left = p->len - p->off;
        if (n < left) {
            p->off += n;
            return;
        }
        n -= left;
        c->out_head = p->next;
        learn_size(c, p->len);
        oro_free(p->data);
        oro_free(p);
    }
    c->out_tail = NULL;
}

/* False if the socket is broken. */
static bool
out_flush(struct conn *c)
{
    while (c->out_head != NULL && !c->blocked) {
        struct iovec v[8];
        int n = 0;
        size_t sum = 0;
        if (c->out_head->open)
            ws_seal(c, c->out_head);
        /* An open frame behind others stays open, so that it takes what comes while the socket
         * is full. */
        for (struct piece *p = c->out_head; p != NULL && !p->open && n < 8; p = p->next) {
            v[n++] = (struct iovec){p->data + p->off, p->len - p->off};
            sum += p->len - p->off;
            p->started = true;
            if (p == c->control)
                c->control = NULL;
        }
        ssize_t done = io_write(c, v, n);
        if (done < 0)
            return false;
        out_sent(c, (size_t)done);
        if ((size_t)done < sum) {
            c->blocked = true;
            io_want_write(c);
        }
    }
    return true;
}

/* What follows from an empty outbox. */
static void
out_emptied(struct conn *c)
{
    if (c->state == CONN_FAREWELL) {
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

static void
settle_one(struct conn *c)
{
    bool had = c->out_head != NULL;
    if (!out_flush(c)) {
        conn_doom(c, CAUSE_IO);
        return;
    }
    if (c->out_head == NULL && (had || c->state == CONN_FAREWELL))
        out_emptied(c);
    else if (c->out_head != NULL && (c->state == CONN_HTTP || c->state == CONN_DRAIN))
        conn_set_held(c, true); /* see http_run */
    if (c->state == CONN_HTTP && !c->busy && (c->in.len > 0 || c->held))
        http_run(c); /* a kept request was answered, or a large answer sent: those behind it */
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
}

/* ---- time ---- */

void
conn_look_at(struct conn *c, int64_t when_us)
{
    link_remove(&c->timer);
    c->look_us = when_us;
    list_append(&c->shard->timers, &c->timer);
}

void
conn_end_by(struct conn *c, int64_t deadline_us)
{
    struct shard *s = c->shard;
    c->deadline_us = deadline_us;
    if (!link_in_list(&c->ending))
        list_append(&s->endings, &c->ending);
    if (!ev_is_active(&s->ending_timer))
        ev_timer_again(s->loop, &s->ending_timer);
}

static void
look_http(struct conn *c, int64_t now)
{
    int64_t silent = now - c->last_rx_us;
    bool late, there;
    if (c->busy)
        /* It is us who take our time; but one who has gone is not kept, nor for long one who may have. */
        late = !io_peer_sends(c, &there) && (!there || silent >= HTTP_STALL_LIMIT_US);
    else if (c->out_head != NULL)
        late = silent >= HTTP_STALL_LIMIT_US;
    else if (c->in.len == 0)
        late = silent >= (c->spoke ? HTTP_IDLE_LIMIT_US : HTTP_HEAD_LIMIT_US);
    else
        late = c->head_len > 0 ? silent >= HTTP_STALL_LIMIT_US : now >= c->deadline_us;
    if (late)
        conn_doom(c, CAUSE_IO);
}

static void
look_ws(struct conn *c, int64_t now)
{
    const struct oro_net_options *opt = &c->shard->net->opt;
    int64_t idle = (int64_t)opt->idle_timeout_s * US_PER_S,
            every = (int64_t)opt->ping_interval_s * US_PER_S;
    if (c->paused || c->held)
        c->last_rx_us = now; /* it is us who do not read */
    if (idle > 0 && now - c->last_rx_us >= idle) {
        conn_doom(c, CAUSE_IDLE_TIMEOUT);
        return;
    }
    if (every > 0 && !c->ping_unanswered && now - c->last_ping_us >= every)
        ws_ping(c);
}

void
shard_look(struct shard *s)
{
    while (!list_empty(&s->timers)) {
        struct conn *c = ORO_CONTAINER_OF(s->timers.next, struct conn, timer);
        if (c->look_us > s->now_us)
            return;
        if (c->state == CONN_HTTP)
            look_http(c, s->now_us);
        else if (c->state == CONN_WS)
            look_ws(c, s->now_us);
        conn_look_at(c, s->now_us + US_PER_S);
    }
}

void
shard_look_endings(struct shard *s)
{
    for (struct link *l = s->endings.next, *next; l != &s->endings; l = next) {
        next = l->next;
        struct conn *c = ORO_CONTAINER_OF(l, struct conn, ending);
        if (s->now_us >= c->deadline_us)
            conn_doom(c, CAUSE_SERVER_CLOSE);
        if (c->state == CONN_DOOMED)
            link_remove(l);
    }
    if (list_empty(&s->endings))
        ev_timer_stop(s->loop, &s->ending_timer);
}

void
shard_goodbye(struct shard *s)
{
    for (uint32_t i = 0; i < s->slot_used; i++) {
        struct conn *c = s->slots[i];
        if (c == NULL)
            continue;
        if (c->state == CONN_WS)
            ws_close(c, 1001, "server stops", 12);
        else if (c->state == CONN_HTTP && !c->busy && c->out_head == NULL)
            conn_doom(c, CAUSE_SERVER_CLOSE);
        else if (c->state == CONN_HTTP)
            c->answer_close = true;
    }
}
