/* One connection: its messages in order, and what waits to be sent. */
#include "runtime/server/server_priv.h"

#include "runtime/base/clock.h"

struct client *
oro_client_new(struct shard *sh, enum client_kind kind, struct oro_principal *who, char *token,
               const struct oro_identity *turns)
{
    struct client *c = ORO_NEW(struct client);
    *c = (struct client){
        .state = CLIENT_CONNECTING, .kind = kind, .shard = sh->number, .who = who, .token = token};
    c->is_owner = who != NULL && oro_identity_eq(&who->identity, &sh->server->owner);
    if (kind != CLIENT_LIVE_METRICS) {
        c->mailbox = oro_mailbox_new(sh->server->pool, turns);
        c->asks_as = oro_bytes_hash(oro_bytes(turns->le, sizeof(turns->le))) | 1;
    }
    return c;
}

/* ---- what is kept for a client counts in net's budget, with its overhead ---- */

#define BLOCK 16 /* the allocator's, for each piece of memory */

bool
oro_client_charge(struct shard *sh, struct client *c, int64_t bytes)
{
    struct oro_server_net *net = &sh->server->net;
    oro_conn_id id = c->kind == CLIENT_DATABASE ? c->conn : c->req_id;
    if (id == 0 || c->state == CLIENT_GONE || bytes == 0)
        return true; /* what is left of it ends by itself */
    return net->charge(net->net, sh->number, id, bytes) || bytes < 0;
}

static size_t
frame_cost(const struct oro_buf *frame)
{
    return sizeof(*frame) + frame->len + BLOCK;
}

static size_t
deferred_cost(const struct deferred *d)
{
    return sizeof(*d) + BLOCK + frame_cost(d->frame);
}

static struct deferred *
deferred_pop(struct client *c)
{
    struct deferred *d = c->deferred;
    c->deferred = d->next;
    c->deferred_bytes -= deferred_cost(d);
    return d;
}

static void
deferred_free(struct deferred *d)
{
    oro_buf_unref(d->frame);
    oro_free(d);
}

static void
deferred_clear(struct client *c)
{
    while (c->deferred != NULL)
        deferred_free(deferred_pop(c));
}

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
    return m->nparts > 1 ? m->nparts * sizeof(struct oro_buf *) + BLOCK : 0;
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

static void
held_clear(struct shard *sh, struct client *c)
{
    for (size_t i = 0; i < c->nmarks; i++)
        mark_fini(sh, c, &c->marks[i]);
    oro_bb_fini(&c->held);
    oro_free(c->marks);
    c->marks = NULL;
    c->nmarks = c->mark_cap = 0;
}

void
oro_client_cut(struct shard *sh, struct client *c)
{
    if (c->state == CLIENT_GONE)
        return;
    c->state = CLIENT_CLOSING;
    deferred_clear(c);
    held_clear(sh, c);
}

void
oro_client_free(struct client *c)
{
    if (c == NULL)
        return;
    deferred_clear(c);
    oro_mailbox_unref(c->mailbox);
    oro_principal_unref(c->who);
    oro_free(c->token);
    ORO_ASSERT(c->nmarks == 0); /* it never was there, or has gone */
    oro_bb_fini(&c->held);
    oro_free(c->marks);
    oro_bb_fini(&c->sql);
    oro_sql_write_unref(c->write);
    oro_free(c->headers);
    oro_free(c->posted);
    if (c->reply != NULL) {
        oro_parts_fini(&c->reply->parts);
        oro_bb_fini(&c->reply->body);
    }
    oro_free(c->reply);
    oro_free(c);
}

static void
unlink_from(struct shard *sh, struct client *c)
{
    for (struct client **link = &sh->held; c->in_held_list && *link != NULL;
         link = &(*link)->held_next) {
        if (*link == c) {
            *link = c->held_next;
            break;
        }
    }
    struct client *before = NULL;
    for (struct client *i = sh->resume; c->in_resume_list && i != NULL; i = i->resume_next) {
        if (i == c) {
            *(before != NULL ? &before->resume_next : &sh->resume) = c->resume_next;
            if (sh->resume_tail == c)
                sh->resume_tail = before;
            break;
        }
        before = i;
    }
    for (struct client **link = &sh->ended; c->in_ended_list && *link != NULL;
         link = &(*link)->ended_next) {
        if (*link == c) {
            *link = c->ended_next;
            break;
        }
    }
}

void
oro_client_remove(struct shard *sh, struct client *c)
{
    oro_read_abandon(c);
    oro_map_del_u64(&sh->clients, c->conn);
    if (c->req_id != 0)
        oro_map_del_u64(&sh->requests, c->req_id);
    unlink_from(sh, c);
    oro_client_free(c);
}

struct client *
oro_client_find(struct shard *sh, oro_conn_id conn)
{
    return conn != 0 ? oro_map_get_u64(&sh->clients, conn) : NULL;
}

void
oro_client_post(struct shard *sh, struct client *c, enum oro_job_kind kind)
{
    struct oro_job *job = oro_job_new(kind, oro_principal_ref(c->who), 0);
    job->shard = (uint16_t)c->shard;
    job->conn = c->conn;
    oro_pool_post(sh->server->pool, c->mailbox, job,
                  kind == ORO_JOB_CONNECT && c->kind == CLIENT_DATABASE);
}

/* ---- out: what may leave, and what waits for the disk ---- */

void
oro_client_hold(struct shard *sh, struct client *c)
{
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
no_memory(struct shard *sh, struct client *c)
{
    oro_client_close(sh, c, 1013, "the server has no memory left for this: try again later");
}

static void
held_count(struct shard *sh, struct client *c)
{
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
        no_memory(sh, c);
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
        no_memory(sh, c);
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
    ORO_ASSERT(head.len <= ORO_SERVER_HEAD);
    if (c->state == CLIENT_GONE || c->state == CLIENT_CLOSING)
        return;
    bool wait = c->confirmed && seq > oro_server_durable_seq(sh->server);
    uint64_t until = wait ? seq : 0;
    if (body == NULL)
        no_memory(sh, c);
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
    struct oro_bytes bytes = oro_bytes(c->held.data + start, m->end - start);
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
            held_clear(sh, c);
        held_count(sh, c);
        return;
    }
    memmove(c->held.data, c->held.data + start, c->held.len - start);
    c->held.len -= start;
    memmove(c->marks, c->marks + done, c->nmarks * sizeof(*c->marks));
    for (size_t i = 0; i < c->nmarks; i++)
        c->marks[i].end -= start;
}

void
oro_client_flush_held(struct shard *sh)
{
    uint64_t durable = oro_server_durable_seq(sh->server);
    sh->flushed = durable;
    sh->held_fresh = false;
    struct client *c = sh->held;
    sh->held = NULL;
    for (struct client *next; c != NULL; c = next) {
        next = c->held_next;
        c->in_held_list = false;
        if (c->kind != CLIENT_DATABASE) {
            if (oro_api_release(sh, c) && c->reply != NULL)
                oro_client_hold(sh, c);
            continue;
        }
        if (c->state == CLIENT_GONE || c->state == CLIENT_CLOSING)
            held_clear(sh, c);
        else
            held_send(sh, c, durable);
        if (c->nmarks > 0)
            oro_client_hold(sh, c);
        oro_stream_look(c);
    }
}

/* ---- in: the messages of a frame, in order ---- */

static void
defer(struct shard *sh, struct client *c, struct oro_buf *frame, size_t at, bool alone)
{
    struct deferred kept = {.frame = frame, .at = at, .alone = alone}, *d;
    size_t cost = deferred_cost(&kept);
    if (!oro_client_charge(sh, c, (int64_t)cost))
        return;
    d = oro_try_alloc(sizeof(*d));
    if (d == NULL) {
        no_memory(sh, c);
        return;
    }
    *d = kept;
    oro_buf_ref(frame);
    c->deferred_bytes += cost;
    if (c->deferred != NULL)
        c->deferred_tail->next = d;
    else
        c->deferred = d;
    c->deferred_tail = d;
}

void
oro_client_close(struct shard *sh, struct client *c, int code, const char *why)
{
    struct oro_server_net *net = &sh->server->net;
    if (c->state == CLIENT_GONE || c->state == CLIENT_CLOSING)
        return;
    c->state = CLIENT_CLOSING;
    net->close(net->net, sh->number, c->conn, code, why);
}

static void
procedure(struct shard *sh, struct client *c, const struct oro_client_message *m)
{
    struct oro_asked to = {.tag = m->tag, .request_id = m->request_id};
    oro_bb_clear(&sh->out);
    c->proto->error(&sh->out, &to, oro_bytes_str("No such procedure"));
    oro_client_send(sh, c, oro_bb_bytes(&sh->out), 0);
}

/* What a client may call; NULL and *refusal otherwise. */
static const struct oro_reducer_def *
callable(struct shard *sh, const struct client *c, struct oro_bytes name, const char **refusal)
{
    const struct oro_reducer_def *r = oro_schema_reducer(sh->server->schema, name);
    if (r == NULL || (r->is_private && r->lifecycle == ORO_LIFE_NONE && !c->is_owner)) {
        oro_log_limited(
            ORO_LOG_ERROR, "module",
            "a client called the reducer \"%.*s\", which does not exist or is private: are "
            "its bindings those of this module?",
            (int)(name.len > 80 ? 80 : name.len), (const char *)name.data);
        *refusal = "no such reducer";
        return NULL;
    }
    if (r->lifecycle != ORO_LIFE_NONE) {
        *refusal = "can't directly call special lifecycle reducer";
        return NULL;
    }
    return r;
}

#define CALLS_AT_ONCE 256

/* Remembers what a job takes, up to the answer of its last call. A frame of many calls is several jobs: it counts with the
 * last of them. False: no memory. */
static bool
posted_add(struct client *c, uint32_t calls, size_t bytes, bool again, size_t frame)
{
    if (c->nposted == c->posted_cap) { /* a ring: opened out, its beginning to the front */
        size_t cap = c->posted_cap > 0 ? c->posted_cap * 2 : 8;
        struct posted *p = oro_try_alloc(cap * sizeof(*p));
        if (p == NULL)
            return false;
        for (size_t i = 0; i < c->nposted; i++)
            p[i] = c->posted[(c->posted_at + i) & (c->posted_cap - 1)];
        oro_free(c->posted);
        c->posted = p;
        c->posted_at = 0;
        c->posted_cap = cap;
    }
    size_t mask = c->posted_cap - 1, end = c->posted_at + c->nposted;
    if (again && c->nposted > 0)
        c->posted[(end - 1) & mask].bytes -= (uint32_t)frame;
    c->posted[end & mask] = (struct posted){calls, (uint32_t)(bytes + frame)};
    c->nposted++;
    return true;
}

#define POSTED_KEPT 64

void
oro_client_call_done(struct shard *sh, struct client *c)
{
    ORO_ASSERT(c->inflight > 0 && c->nposted > 0);
    c->inflight--;
    struct posted *p = &c->posted[c->posted_at];
    if (--p->calls > 0)
        return;
    int64_t bytes = p->bytes;
    c->inflight_bytes -= p->bytes;
    c->posted_at = (c->posted_at + 1) & (c->posted_cap - 1);
    c->nposted--;
    if (c->nposted == 0 && c->posted_cap > POSTED_KEPT) {
        oro_free(c->posted);
        c->posted = NULL;
        c->posted_at = c->posted_cap = 0;
    }
    (void)oro_client_charge(sh, c, -bytes);
}

/* again: calls of this frame have been posted just before. False: nothing was, and the client is being closed. */
static bool
calls_post(struct shard *sh, struct client *c, struct oro_buf *frame,
           const struct oro_job_call *calls, uint32_t n, bool again)
{
    if (n == 0)
        return true;
    size_t its = frame_cost(frame),
           cost = sizeof(struct oro_job) + n * sizeof(*calls) + sizeof(struct posted) + BLOCK;
    again = again && c->nposted > 0;
    if (!oro_client_charge(sh, c, (int64_t)(again ? cost : cost + its)))
        return false;
    struct oro_job *job = oro_job_try_new(ORO_JOB_CALLS, c->who, n);
    if (job == NULL || !posted_add(c, n, cost, again, its)) {
        oro_job_drop(job);
        no_memory(sh, c);
        return false;
    }
    job->shard = (uint16_t)c->shard;
    job->conn = c->conn;
    job->frame = oro_buf_ref(frame);
    memcpy(job->calls, calls, n * sizeof(*calls));
    c->inflight += n;
    c->inflight_bytes += again ? cost : cost + its;
    oro_pool_post(sh->server->pool, c->mailbox, job, false);
    return true;
}

/* Answers that one client gets before the others have their turn, bytes of what it asks, and the time that it may take; and
 * the time of all of them, since many clients that each take their part hold up everybody just as well. */
#define TURN_ANSWERS 64
#define TURN_BYTES 65536
#define TURN_US 500
#define TURN_ALL_US 2000

void
oro_client_turn_begin(struct shard *sh)
{
    sh->turn++;
    sh->answered_us = 0;
}

bool
oro_client_turn_spent(const struct shard *sh)
{
    return sh->answered_us >= TURN_ALL_US;
}

static bool
has_turn(const struct shard *sh, const struct client *c)
{
    return !oro_client_turn_spent(sh) && (c->turn != sh->turn || c->turn_us < TURN_US);
}

static void
turn_count(struct shard *sh, struct client *c, int64_t from)
{
    int64_t spent = oro_mono_us() - from;
    sh->answered_us += spent;
    c->turn_us = spent + (c->turn == sh->turn ? c->turn_us : 0);
    c->turn = sh->turn;
}

static void
answer_here(struct shard *sh, struct client *c, const struct oro_client_message *m,
            struct oro_buf *frame)
{
    int64_t from = oro_mono_us();
    if (m->tag == ORO_MSG_SUBSCRIBE || m->tag == ORO_MSG_UNSUBSCRIBE || m->tag == ORO_MSG_ONE_OFF)
        oro_client_ask(sh, c, m, frame);
    else
        procedure(sh, c, m);
    turn_count(sh, c, from);
}

#define INFLIGHT_BYTES (16u << 20) /* of frames whose calls wait; a larger one goes alone */
#define DEFERRED_BYTES (64u << 10) /* more than this, and nothing is read until it is less */

static bool
is_full(const struct shard *sh, const struct client *c, uint32_t more)
{
    return c->inflight + more >= sh->server->opt.incoming_limit ||
           c->inflight_bytes >= INFLIGHT_BYTES;
}

/* Handles the messages from `at` on, until one has to wait for calls before it: then the rest is deferred. Of a client that
 * has gone only the calls count. */
static void
frame_run(struct shard *sh, struct client *c, struct oro_buf *frame, size_t at)
{
    struct oro_job_call calls[CALLS_AT_ONCE];
    bool gone = c->state == CLIENT_GONE, again = false;
    uint32_t n = 0, answers = 0;
    int64_t from = 0; /* of the second batch of calls, and later ones: most frames have one */
    struct oro_reader r = oro_reader(oro_buf_bytes(frame));
    r.at += at;
    if (oro_rd_left(&r) == 0 && at == 0) {
        oro_client_close(sh, c, 1011, "a message must not be empty");
        return;
    }
    while (oro_rd_left(&r) > 0) {
        size_t here = oro_rd_offset(&r);
        struct oro_client_message m;
        struct oro_err err = {0};
        if (c->proto->read(&r, &m, &err) != ORO_OK) {
            /* What came before has been asked for properly. */
            (void)calls_post(sh, c, frame, calls, n, again);
            oro_client_close(sh, c, 1011, err.text);
            return;
        }
        bool call = m.tag == ORO_MSG_CALL_REDUCER;
        bool alone = c->reads != NULL || (!call && (n > 0 || c->inflight > 0));
        bool turn = call ? from != 0 && n == 0 && !has_turn(sh, c)
                         : answers == TURN_ANSWERS || here - at >= TURN_BYTES || !has_turn(sh, c);
        if (!gone && (alone || turn || (call && is_full(sh, c, n)))) {
            if (!calls_post(sh, c, frame, calls, n, again))
                return;
            defer(sh, c, frame, here, alone || c->inflight_bytes >= INFLIGHT_BYTES);
            if (turn && !alone)
                oro_client_resume_later(sh, c);
            return;
        }
        if (call) {
            calls[n] = (struct oro_job_call){.request_id = m.request_id, .args = m.args};
            calls[n].reducer = callable(sh, c, m.name, &calls[n].refusal);
            n++;
        } else if (!gone) {
            answer_here(sh, c, &m, frame);
            answers++;
            if (c->state == CLIENT_CLOSING)
                return; /* cut off */
        }
        if (n == CALLS_AT_ONCE) {
            if (!calls_post(sh, c, frame, calls, n, again))
                return;
            again = true;
            n = 0;
            if (from != 0)
                turn_count(sh, c, from);
            from = oro_mono_us();
        }
        if (!c->proto->many)
            break; /* v2: one message in a frame; what follows is ignored (wire.md 2.3) */
    }
    (void)calls_post(sh, c, frame, calls, n, again);
}

/* One who sends faster than it is served is not read from for a while: TCP makes it wait. */
static void
pause_look(struct shard *sh, struct client *c)
{
    struct oro_server_net *net = &sh->server->net;
    bool full = c->deferred_bytes > (c->paused ? DEFERRED_BYTES / 2 : DEFERRED_BYTES);
    if (full == c->paused || c->state == CLIENT_GONE || c->state == CLIENT_CLOSING)
        return;
    c->paused = full;
    net->pause(net->net, sh->number, c->conn, full);
}

void
oro_client_frame(struct shard *sh, struct client *c, struct oro_buf *frame)
{
    if (c->state == CLIENT_GONE || c->state == CLIENT_CLOSING)
        return;
    if (c->state == CLIENT_CONNECTING || c->deferred != NULL || c->reads != NULL)
        defer(sh, c, frame, 0, false);
    else
        frame_run(sh, c, frame, 0);
    pause_look(sh, c);
}

bool
oro_client_can_resume(const struct shard *sh, const struct client *c)
{
    if (c->state != CLIENT_OPEN || c->deferred == NULL || c->reads != NULL)
        return false;
    return c->deferred->alone ? c->inflight == 0
                              : c->inflight <= sh->server->opt.incoming_limit / 2;
}

/* Earlier calls are answered (or the connection is open now): goes on with what was deferred. */
void
oro_client_resume(struct shard *sh, struct client *c)
{
    while (!c->in_resume_list && oro_client_can_resume(sh, c)) {
        struct deferred *d = deferred_pop(c);
        (void)oro_client_charge(sh, c, -(int64_t)deferred_cost(d));
        /* frame_run may defer the rest of this frame: that must come before the frames that wait behind it. */
        struct deferred *behind = c->deferred, *last = c->deferred_tail;
        c->deferred = NULL;
        frame_run(sh, c, d->frame, d->at);
        if (c->deferred == NULL)
            c->deferred = behind;
        else
            c->deferred_tail->next = behind;
        if (behind != NULL)
            c->deferred_tail = last;
        deferred_free(d);
        if (c->state == CLIENT_CLOSING)
            deferred_clear(c);
    }
    pause_look(sh, c);
}

static bool
is_owed(const struct client *c)
{
    return (c->state == CLIENT_CONNECTING || c->state == CLIENT_OPEN) &&
           (c->state == CLIENT_CONNECTING || c->inflight > 0 || c->reads != NULL ||
            c->deferred != NULL || c->nmarks > 0);
}

bool
oro_client_ended(struct shard *sh, struct client *c)
{
    if (c->kind != CLIENT_DATABASE || !is_owed(c))
        return false;
    c->in_ended_list = true;
    c->ended_next = sh->ended;
    sh->ended = c;
    return true;
}

void
oro_client_close_ended(struct shard *sh)
{
    for (struct client **at = &sh->ended; *at != NULL;) {
        struct client *c = *at;
        if (is_owed(c)) {
            at = &c->ended_next;
            continue;
        }
        *at = c->ended_next;
        c->in_ended_list = false;
        oro_client_close(sh, c, 1000, ""); /* does nothing if it has gone */
    }
}

#define KEPT_CALLS 8

void
oro_client_gone(struct shard *sh, struct client *c, bool said_so)
{
    unsigned keep = said_so && c->state != CLIENT_CLOSING ? KEPT_CALLS : 0, before = c->inflight;
    c->state = CLIENT_GONE;
    oro_mailbox_leave(c->mailbox, keep, false);
    while (c->deferred != NULL && c->inflight - before < keep) {
        struct deferred *d = deferred_pop(c);
        frame_run(sh, c, d->frame, d->at);
        deferred_free(d);
    }
    deferred_clear(c);
    held_clear(sh, c); /* while there is a net that counts it */
    oro_read_abandon(c);
    oro_subs_drop(sh->subs, c->conn);
    oro_shard_count_subs(sh);
    oro_client_post(sh, c, ORO_JOB_DISCONNECT);
}
