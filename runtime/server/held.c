/* What a client is told: what may leave at once, and what waits until it is on disk, in order. */
#include "runtime/server/server_priv.h"

/* What a mark's message goes on with, as long as it stays where it is. */
static struct oro_parts
mark_parts(struct held_mark *m)
{
    struct oro_parts p = {.bufs = m->nparts == 1 ? &m->parts.one : m->parts.many, .n = m->nparts};
    for (size_t i = 0; i < p.n; i++)
        p.bytes += p.bufs[i]->len;
    return p;
}

static size_t
mark_list_cost(const struct held_mark *m)
{
    return m->nparts > 1 ? m->nparts * sizeof(struct oro_buf *) + ORO_SERVER_BLOCK : 0;
}

static void
mark_fini(struct shard *sh, struct client *c, struct held_mark *m)
{
    struct oro_server_net *net = &sh->server->net;
    struct oro_parts p = mark_parts(m);
    for (size_t i = 0; i < p.n; i++) {
        net->release(net->net, sh->number, c->conn, p.bufs[i]);
        oro_buf_unref(p.bufs[i]);
    }
    c->held_lists -= mark_list_cost(m);
    if (m->nparts > 1)
        oro_free(m->parts.many);
    m->nparts = 0;
}

void
oro_held_clear(struct shard *sh, struct client *c)
{
    ORO_ASSERT_OWNER(&sh->owner);
    for (size_t i = 0; i < c->nmarks; i++)
        mark_fini(sh, c, &c->marks[i]);
    oro_bb_fini(&c->held);
    oro_free(c->marks);
    c->marks = NULL;
    c->nmarks = c->mark_cap = 0;
}

void
oro_client_hold(struct shard *sh, struct client *c)
{
    ORO_ASSERT_OWNER(&sh->owner);
    if (c->in_held_list)
        return;
    /* What it waits for may have been published by somebody who woke nobody: a start does. */
    if (sh->server->durable != NULL)
        oro_durable_wake(sh->server->durable);
    c->in_held_list = true;
    c->held_next = sh->held;
    sh->held = c;
}

static void
held_count(struct shard *sh, struct client *c)
{
    ORO_ASSERT_OWNER(&sh->owner);
    size_t now = c->held.cap + c->mark_cap * sizeof(*c->marks) + c->held_lists,
           was = c->held_counted;
    c->held_counted = now;
    (void)oro_client_charge(sh, c, (int64_t)now - (int64_t)was);
}

static bool
mark_room(struct client *c)
{
    void *marks = c->marks;
    bool room = oro_try_grow(&marks, c->nmarks, &c->mark_cap, sizeof(*c->marks));
    c->marks = marks;
    return room;
}

/* The mark of a message behind the others, without its parts; NULL: no memory. */
static struct held_mark *
mark_add(struct client *c, struct oro_bytes head, uint64_t seq)
{
    if (!mark_room(c) || !oro_bb_try_put(&c->held, head.data, head.len))
        return NULL;
    struct held_mark *m = &c->marks[c->nmarks++];
    *m = (struct held_mark){.end = c->held.len, .seq = seq};
    return m;
}

/* A disk that cannot be written must not fill the memory: what waits counts in the budget. */
static void
held_add(struct shard *sh, struct client *c, struct oro_bytes msg, uint64_t seq)
{
    struct held_mark *last = c->nmarks > 0 ? &c->marks[c->nmarks - 1] : NULL;
    /* Messages of one record go together, unless each has to be a frame of its own. */
    bool joins = last != NULL && last->seq == seq && c->proto->many && last->nparts == 0;
    if (joins ? !oro_bb_try_put(&c->held, msg.data, msg.len) : mark_add(c, msg, seq) == NULL) {
        oro_client_no_memory(sh, c);
        return;
    }
    if (joins)
        last->end = c->held.len;
    oro_client_hold(sh, c);
    held_count(sh, c); /* the last thing: it may be cut off inside */
}

static bool
mark_link(struct shard *sh, struct client *c, struct held_mark *m, const struct oro_parts *body)
{
    struct oro_server_net *net = &sh->server->net;
    struct oro_buf **list = &m->parts.one;
    if (body->n > 1)
        list = m->parts.many = oro_try_alloc(body->n * sizeof(*list));
    if (list == NULL)
        return false;
    for (size_t i = 0; i < body->n; i++) {
        list[i] = oro_buf_ref(body->bufs[i]);
        net->hold(net->net, sh->number, c->conn, list[i]);
    }
    m->nparts = (uint32_t)body->n;
    c->held_lists += mark_list_cost(m);
    return true;
}

static void
held_add_linked(struct shard *sh, struct client *c, struct oro_bytes head,
                const struct oro_parts *body, uint64_t seq)
{
    struct held_mark *m = mark_add(c, head, seq);
    if (m == NULL || !mark_link(sh, c, m, body)) {
        oro_client_no_memory(sh, c);
        return;
    }
    oro_client_hold(sh, c);
    held_count(sh, c); /* it may be cut off inside */
}

static bool
net_send(struct shard *sh, struct client *c, struct oro_bytes msg)
{
    struct oro_server_net *net = &sh->server->net;
    return net->send(net->net, sh->number, c->conn, msg);
}

void
oro_client_send(struct shard *sh, struct client *c, struct oro_bytes msg, uint64_t seq)
{
    ORO_ASSERT_OWNER(&sh->owner);
    if (c->state == CLIENT_GONE || c->state == CLIENT_CLOSING)
        return;
    bool wait = c->confirmed && seq > oro_server_durable_seq(sh->server);
    if (wait || c->nmarks > 0)
        held_add(sh, c, msg, wait ? seq : 0);
    else
        net_send(sh, c, msg);
}

static bool
net_send_linked(struct shard *sh, struct client *c, struct oro_bytes head,
                const struct oro_parts *body)
{
    struct oro_server_net *net = &sh->server->net;
    return net->send_parts(net->net, sh->number, c->conn, head, body);
}

/* So few bytes are copied behind what is held already: that is less than to count a reference. */
#define LINK_MIN 512

static void
copy_behind(struct shard *sh, struct client *c, struct oro_bytes head, const struct oro_parts *body,
            uint64_t seq)
{
    uint8_t all[ORO_SERVER_HEAD + LINK_MIN];
    size_t n = head.len;
    memcpy(all, head.data, n);
    for (size_t i = 0; i < body->n; n += body->bufs[i++]->len)
        memcpy(all + n, body->bufs[i]->data, body->bufs[i]->len);
    held_add(sh, c, oro_bytes(all, n), seq);
}

void
oro_client_send_linked(struct shard *sh, struct client *c, struct oro_bytes head,
                       const struct oro_parts *body, uint64_t seq)
{
    ORO_ASSERT_OWNER(&sh->owner);
    ORO_ASSERT(head.len <= ORO_SERVER_HEAD);
    if (c->state == CLIENT_GONE || c->state == CLIENT_CLOSING)
        return;
    bool wait = c->confirmed && seq > oro_server_durable_seq(sh->server);
    uint64_t until = wait ? seq : 0;
    if (body == NULL)
        oro_client_no_memory(sh, c);
    else if (!wait && c->nmarks == 0)
        net_send_linked(sh, c, head, body);
    else if (c->nmarks > 0 && body->bytes < LINK_MIN)
        copy_behind(sh, c, head, body, until);
    else
        held_add_linked(sh, c, head, body, until);
}

void
oro_client_send_parts(struct shard *sh, struct client *c, struct oro_parts *parts, uint64_t seq)
{
    oro_client_send_linked(sh, c, (struct oro_bytes){0}, parts, seq);
    oro_parts_fini(parts);
}

#define PIECE (256u << 10)
#define HELD_KEPT 4096 /* memory of a client for whom nothing waits */
#define MARKS_KEPT 64

/* Behind mark i, whose message begins at start: one that may leave as well, as a piece with it. A stream's messages may, of a
 * size that lets pings through; single frames may not. */
static bool
goes_together(const struct client *c, size_t i, size_t start, uint64_t durable)
{
    return c->proto->many && i + 1 < c->nmarks && c->marks[i + 1].seq <= durable &&
           c->marks[i + 1].nparts == 0 && c->marks[i].end - start < PIECE;
}

/* Sends the message of mark i, which begins at start. False: cut off inside, and nothing is held any more. */
static bool
held_send_one(struct shard *sh, struct client *c, size_t i, size_t start)
{
    struct held_mark *m = &c->marks[i];
    struct oro_bytes bytes = {0}; /* all of it may be in parts */
    if (m->end > start)
        bytes = oro_bytes(c->held.data + start, m->end - start);
    if (m->nparts == 0)
        return net_send(sh, c, bytes);
    struct oro_parts parts = mark_parts(m);
    if (!net_send_linked(sh, c, bytes, &parts))
        return false;
    mark_fini(sh, c, m); /* net has references of its own */
    return true;
}

static void
held_send(struct shard *sh, struct client *c, uint64_t durable)
{
    ORO_ASSERT_OWNER(&sh->owner);
    size_t done = 0, start = 0;
    while (done < c->nmarks && c->marks[done].seq <= durable) {
        while (c->marks[done].nparts == 0 && goes_together(c, done, start, durable))
            done++;
        if (!held_send_one(sh, c, done, start))
            return; /* cut; ws_close follows and forgets the rest */
        start = c->marks[done++].end;
    }
    if (done == 0)
        return;
    c->nmarks -= done;
    if (c->nmarks == 0) {
        oro_bb_clear(&c->held);
        if (c->held.cap > HELD_KEPT || c->mark_cap > MARKS_KEPT)
            oro_held_clear(sh, c);
        held_count(sh, c);
        return;
    }
    if (start > 0)
        memmove(c->held.data, c->held.data + start, c->held.len - start);
    c->held.len -= start;
    memmove(c->marks, c->marks + done, c->nmarks * sizeof(*c->marks));
    for (size_t i = 0; i < c->nmarks; i++)
        c->marks[i].end -= start;
}

void
oro_held_release(struct shard *sh, struct client *c, uint64_t durable)
{
    ORO_ASSERT_OWNER(&sh->owner);
    if (c->state == CLIENT_GONE || c->state == CLIENT_CLOSING)
        oro_held_clear(sh, c);
    else
        held_send(sh, c, durable);
    if (c->nmarks > 0)
        oro_client_hold(sh, c);
}
