/* net/conn.c - the connections of a shard: their table, their states, the way out.
 *
 * Every connection stands in `timers`, ordered by look_us because each look puts it at the end with the same step; a look costs
 * nothing to those whose time has not come. Those that are ending stand in `endings` as well, which a timer walks every 50 ms while
 * there are any (limits.c). */
#include "net/net_priv.h"

#include "net/budget_priv.h"
#include "net/io_priv.h"
#include "net/outbox_priv.h"

#define US_PER_S ((int64_t)1000000)
#define SLOT_BITS 24

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
conn_new(struct shard *s, void (*on_cut)(struct conn *c, const struct farewell *f))
{
    ORO_ASSERT_OWNER(&s->owner);
    struct conn *c = oro_try_alloc(sizeof(*c));
    if (c == NULL)
        return NULL;
    uint32_t slot = slot_take(s);
    ORO_ASSERT(slot < (1u << SLOT_BITS) - 1);
    *c = (struct conn){
        .shard = s,
        .on_cut = on_cut,
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
static const struct farewell farewells[CAUSE_COUNT] = {
    [CAUSE_BUFFERS] = {1013, 503, "the server's buffers are full: try again later"},
    [CAUSE_OUTGOING_FULL] = {1008, 0, "what was sent to you was not read"},
    [CAUSE_UNFINISHED] = {1008, 408, "what was begun was not finished in time"},
    [CAUSE_TOO_LARGE] = {1009, 413, "the message is larger than this server takes"},
};

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
    c->on_cut(c, f);
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
