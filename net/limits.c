/* net/limits.c - time limits and pings, and the good-bye to all.
 *
 * What somebody sends or takes slowly is judged by its progress (struct progress), never by its size alone: what the other
 * side's system has acknowledged, and what of a message or request has come. */
#include "net/net_priv.h"

#include "net/io_priv.h"
#include "net/outbox_priv.h"
#include "net/ws_priv.h"

#define US_PER_S ((int64_t)1000000)
#define HTTP_IDLE_LIMIT_US (75 * US_PER_S) /* between two requests */
#define HTTP_GONE_LIMIT_US \
    (30 * US_PER_S) /* for one who may have gone, behind a request that is served */

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
