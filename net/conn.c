/* net/conn.c - the connections of a shard: table, time limits and the way out.
 *
 * Time. Every connection stands in `timers`, ordered by look_us because each look puts it at the
 * end with the same step; a look costs nothing to those whose time has not come. Those that are
 * ending stand in `endings` as well, which a timer walks every 50 ms while there are any.
 *
 * What somebody sends or takes slowly is judged by its progress (struct progress), never by its size alone: what the other
 * side's system has acknowledged, and what of a message or request has come. */
#include "net/net_priv.h"

#include <string.h>

#include "net/budget_priv.h"
#include "net/http_priv.h"
#include "net/io_priv.h"
#include "net/outbox_priv.h"
#include "net/ws_priv.h"
#include "runtime/base/clock.h"
#include "runtime/base/log.h"

#define US_PER_S ((int64_t)1000000)
#define SLOT_BITS 24
#define HTTP_IDLE_LIMIT_US (75 * US_PER_S) /* between two requests */
#define HTTP_GONE_LIMIT_US \
    (30 * US_PER_S) /* for one who may have gone, behind a request that is served */
/* While more than so many bytes of Pongs wait, nothing is read. */
#define PONGS_MAX ((size_t)64 * 1024)

#define CLOSE_LINGER_US (US_PER_S / 4) /* from our Close to the peer's */
#define DRAIN_LINGER_US US_PER_S       /* from the last answer or byte read to the end of TCP */
#define DRAIN_MAX ((uint64_t)64 * 1024 * 1024)

#define BIT(x) (1u << (x))
static const unsigned conn_next[CONN_STATE_COUNT] = {
    [CONN_HTTP] = BIT(CONN_WS) | BIT(CONN_DRAIN) | BIT(CONN_DOOMED),
    [CONN_DRAIN] = BIT(CONN_DOOMED),
    [CONN_WS] = BIT(CONN_CLOSING) | BIT(CONN_FAREWELL) | BIT(CONN_DRAIN) | BIT(CONN_DOOMED),
    [CONN_CLOSING] = BIT(CONN_DOOMED),
    [CONN_FAREWELL] = BIT(CONN_DOOMED),
}; /* no row: no way out but conn_gone */

void
conn_move(struct conn *c, enum conn_state to)
{
    ASSERT_HERE(c);
    ORO_ASSERT(conn_next[c->state] & BIT(to));
    c->state = to;
}

const char *
conn_cause_name(enum conn_cause cause)
{
    static const char *const names[CAUSE_COUNT] = {
        [CAUSE_IO] = "io",
        [CAUSE_CLIENT_CLOSE] = "client_close",
        [CAUSE_CLIENT_ERROR] = "client_error",
        [CAUSE_IDLE_TIMEOUT] = "idle_timeout",
        [CAUSE_OUTGOING_FULL] = "outgoing_queue_full",
        [CAUSE_TOO_LARGE] = "message_too_large",
        [CAUSE_PROTOCOL] = "protocol_error",
        [CAUSE_SERVER_CLOSE] = "server_close",
        [CAUSE_BUFFERS] = "buffers_full",
        [CAUSE_UNFINISHED] = "unfinished",
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
    ORO_ASSERT_OWNER(&s->owner);
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
    ORO_ASSERT_OWNER(&s->owner);
    struct conn *c = oro_try_alloc(sizeof(*c));
    if (c == NULL)
        return NULL;
    uint32_t slot = slot_take(s);
    ORO_ASSERT(slot < (1u << SLOT_BITS) - 1);
    *c = (struct conn){
        .shard = s,
        .id = (uint64_t)s->generations[slot] << 32 | (uint64_t)s->index << SLOT_BITS | (slot + 1),
        .out_hint = 8,
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

void
conn_gone(struct conn *c)
{
    ASSERT_HERE(c);
    struct shard *s = c->shard;
    const struct oro_sink *sink = s->net->sink;
    link_remove(&c->dirty);
    link_remove(&c->doomed);
    link_remove(&c->timer);
    link_remove(&c->ending);
    link_remove(&c->waits);
    budget_condemn(c);
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
    ASSERT_HERE(c);
    if (c->state == CONN_DOOMED)
        return;
    if (c->cause == CAUSE_IO)
        c->cause = cause; /* the first cause counts */
    conn_move(c, CONN_DOOMED);
    out_clear(c);
    list_append(&c->shard->doomed, &c->doomed);
}

/* What one is told who is cut off: a Close, or an HTTP status while the request is not complete. */
static const struct farewell {
    int code, status;
    const char *why;
} farewells[CAUSE_COUNT] = {
    [CAUSE_BUFFERS] = {1013, 503, "the server's buffers are full: try again later"},
    [CAUSE_OUTGOING_FULL] = {1008, 0, "what was sent to you was not read"},
    [CAUSE_UNFINISHED] = {1008, 408, "what was begun was not finished in time"},
    [CAUSE_TOO_LARGE] = {1009, 413, "the message is larger than this server takes"},
};

static void
cut_ws(struct conn *c, const struct farewell *f)
{
    const struct oro_sink *sink = c->shard->net->sink;
    oro_bb_fini(&c->in);
    if (!out_trim(c) || f->code == 0 || !ws_put_close(c, f->code, f->why, strlen(f->why))) {
        conn_doom(c, c->cause);
    } else {
        conn_move(c, CONN_DRAIN);
        conn_end_by(c, c->shard->now_us + FLUSH_LIMIT_US);
        if (c->paused && !c->held)
            io_set_reading(c, true);
        c->paused = false;
    }
    if (sink->ws_cut != NULL)
        sink->ws_cut(sink->self, c->shard->index, c->id, c->user);
}

void
conn_cut(struct conn *c, enum conn_cause cause)
{
    ASSERT_HERE(c);
    const struct farewell *f = &farewells[cause];
    if (c->state == CONN_DOOMED)
        return;
    oro_metric_add(c->shard->net->m_cut[cause], 1);
    if (c->cause == CAUSE_IO)
        c->cause = cause;
    budget_condemn(c);
    if (c->state == CONN_WS && c->ws) {
        cut_ws(c, f);
    } else if (c->state == CONN_HTTP && !c->busy && !c->running && c->out_head == NULL &&
               f->status != 0) {
        oro_bb_fini(&c->in);
        http_refuse(c, f->status, f->why);
    } else {
        conn_doom(c, cause);
    }
}

void
conn_set_held(struct conn *c, bool held)
{
    ASSERT_HERE(c);
    if (c->held == held)
        return;
    c->held = held;
    io_set_reading(c, !(c->paused || c->held));
}

void
conn_count_in(struct conn *c)
{
    if (c->in.cap == c->in_counted)
        return;
    budget_charge(c, (int64_t)c->in.cap - (int64_t)c->in_counted);
    c->in_counted = c->in.cap;
}

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

int
conn_on_rx(struct conn *c, uint8_t *data, size_t len)
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

int
conn_on_writable(struct conn *c)
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

int
conn_on_end(struct conn *c)
{
    ASSERT_HERE(c);
    ORO_ASSERT(!c->ended);
    if (c->state == CONN_DOOMED || !answered_later(c))
        return -1;
    c->ended = true;
    io_set_reading(c, false);
    return 0;
}

/* ---- writing and closing ---- */

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
    ASSERT_HERE(c);
    struct shard *s = c->shard;
    c->deadline_us = deadline_us;
    if (!link_in_list(&c->ending))
        list_append(&s->endings, &c->ending);
    if (!ev_is_active(&s->ending_timer))
        ev_timer_again(s->loop, &s->ending_timer);
}

/* Is it late? `at` is how far it has got. It must not stand still for stall_timeout_s, and over each time of that length it must
 * have got as far as min_rate says. */
static bool
progress_late(struct progress *p, uint64_t at, int64_t now, const struct oro_net_options *opt)
{
    int64_t window = (int64_t)opt->stall_timeout_s * US_PER_S;
    if (p->begun_us == 0)
        *p = (struct progress){.begun_us = now, .moved_us = now, .begun = at, .at = at};
    if (at != p->at) {
        p->at = at;
        p->moved_us = now;
    }
    if (now - p->moved_us >= window)
        return true;
    if (now - p->begun_us < window)
        return false;
    bool slow = at - p->begun < (uint64_t)opt->min_rate * opt->stall_timeout_s;
    p->begun_us = now;
    p->begun = at;
    return slow;
}

static bool
takes_too_long(struct conn *c, int64_t now)
{
    const struct oro_net_options *opt = &c->shard->net->opt;
    if (c->out_head == NULL || !c->blocked || opt->stall_timeout_s == 0) {
        c->taking.begun_us = 0;
        return false;
    }
    uint64_t before = c->taking.at;
    bool late = progress_late(&c->taking, c->sent - io_untaken(c), now, opt);
    if (c->taking.at != before)
        c->last_rx_us = now; /* as good a sign of life as a frame */
    return late;
}

static bool
sends_too_slowly(struct conn *c, int64_t now)
{
    const struct oro_net_options *opt = &c->shard->net->opt;
    bool begun =
        c->state == CONN_WS ? c->rx != NULL : !c->busy && c->out_head == NULL && c->head_len > 0;
    if (!begun || c->paused || c->held || opt->stall_timeout_s == 0) {
        c->giving.begun_us = 0;
        return false;
    }
    return progress_late(&c->giving, c->stored, now, opt);
}

static void
look_http(struct conn *c, int64_t now)
{
    int64_t silent = now - c->last_rx_us;
    bool late = false, there;
    if (c->busy)
        /* It is us who take our time; but one who has gone is not kept, nor for long one who may have. */
        late = !io_peer_sends(c, &there) && (!there || silent >= HTTP_GONE_LIMIT_US);
    else if (c->out_head == NULL && c->in.len == 0)
        late = silent >= (c->spoke ? HTTP_IDLE_LIMIT_US : HTTP_HEAD_LIMIT_US);
    if (late)
        conn_doom(c, CAUSE_IO);
    else if (takes_too_long(c, now))
        conn_cut(c, CAUSE_OUTGOING_FULL);
    else if (sends_too_slowly(c, now) ||
             (!c->busy && c->out_head == NULL && c->in.len > 0 && !link_in_list(&c->waits) &&
              c->head_len == 0 && now >= c->deadline_us))
        conn_cut(c, CAUSE_UNFINISHED);
}

static void
look_ws(struct conn *c, int64_t now)
{
    const struct oro_net_options *opt = &c->shard->net->opt;
    int64_t idle = (int64_t)opt->idle_timeout_s * US_PER_S,
            every = (int64_t)opt->ping_interval_s * US_PER_S;
    if ((c->paused || c->held) && !c->ended)
        c->last_rx_us = now; /* it is us who do not read */
    bool stuck = takes_too_long(c, now);
    if (stuck || sends_too_slowly(c, now)) {
        conn_cut(c, stuck ? CAUSE_OUTGOING_FULL : CAUSE_UNFINISHED);
        return;
    }
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
    ORO_ASSERT_OWNER(&s->owner);
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
    ORO_ASSERT_OWNER(&s->owner);
    for (struct link *l = s->endings.next, *next; l != &s->endings; l = next) {
        next = l->next;
        struct conn *c = ORO_CONTAINER_OF(l, struct conn, ending);
        bool there = true;
        if (s->now_us >= c->deadline_us)
            conn_doom(c, CAUSE_SERVER_CLOSE);
        else if (c->ended && !io_peer_sends(c, &there) && !there)
            conn_doom(c, CAUSE_IO);
        if (c->state == CONN_DOOMED)
            link_remove(l);
    }
    if (list_empty(&s->endings))
        ev_timer_stop(s->loop, &s->ending_timer);
}

void
shard_goodbye(struct shard *s)
{
    ORO_ASSERT_OWNER(&s->owner);
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
