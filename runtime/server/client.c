/* One connection: its messages in order, and what waits to be sent. */
#include "runtime/server/server_priv.h"

#include "runtime/base/clock.h"
#include "runtime/exec/function.h"

void
oro_client_move(struct client *c, enum client_state to)
{
    static const unsigned next[CLIENT_STATES] = {
        [CLIENT_CONNECTING] = 1u << CLIENT_OPEN | 1u << CLIENT_CLOSING | 1u << CLIENT_GONE,
        [CLIENT_OPEN] = 1u << CLIENT_CLOSING | 1u << CLIENT_GONE,
        [CLIENT_CLOSING] = 1u << CLIENT_GONE,
    }; /* no row: its disconnect record ends it */
    ORO_ASSERT(next[c->state] & 1u << to);
    c->state = to;
}

struct client *
oro_client_new(struct shard *sh, enum client_kind kind, struct oro_principal *who, char *token,
               const struct oro_turns_of *turns)
{
    ORO_ASSERT_OWNER(&sh->owner);
    struct client *c = ORO_NEW(struct client);
    *c = (struct client){
        .state = CLIENT_CONNECTING, .kind = kind, .shard = sh->number, .who = who, .token = token};
    c->is_owner = who != NULL && oro_identity_eq(&who->identity, &sh->server->owner);
    if (kind != CLIENT_LIVE_METRICS) {
        c->turns = *turns;
        c->mailbox = oro_mailbox_new(sh->server->pool, turns);
        c->since_us = oro_mono_us();
    }
    return c;
}

#define KNOWN_US 60000000 /* who has been here for so long is no newcomer (exec/writers/turns.h) */

struct oro_turns_of
oro_client_turns(const struct client *c)
{
    struct oro_turns_of of = c->turns;
    of.known = of.known || oro_mono_us() - c->since_us >= KNOWN_US;
    return of;
}

struct oro_query_asker
oro_client_asker(const struct client *c)
{
    const struct oro_turns_of *of = &c->turns;
    struct oro_query_asker asker = {.known_us = INT64_MIN};
    asker.identity = oro_bytes_hash(oro_bytes(of->identity.le, sizeof(of->identity.le)));
    asker.newcomers = oro_bytes_hash(oro_bytes(&of->source, sizeof(of->source)));
    if (!of->known && of->source != 0)
        asker.known_us = c->since_us + KNOWN_US;
    return asker;
}

/* ---- what is kept for a client counts in net's budget, with its overhead ---- */

#define BLOCK 16 /* the allocator's, for each piece of memory */

bool
oro_client_charge(struct shard *sh, struct client *c, int64_t bytes)
{
    ORO_ASSERT_OWNER(&sh->owner);
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

void
oro_client_cut(struct shard *sh, struct client *c)
{
    if (c->state == CLIENT_GONE)
        return;
    if (c->state != CLIENT_CLOSING)
        oro_client_move(c, CLIENT_CLOSING);
    deferred_clear(c);
    oro_held_clear(sh, c);
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
    oro_free(c->procedure);
    oro_sql_write_unref(c->write);
    oro_views_free(c);
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
    ORO_ASSERT_OWNER(&sh->owner);
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
    ORO_ASSERT_OWNER(&sh->owner);
    oro_read_abandon(c);
    oro_views_gone(sh, c);
    oro_session_leave(sh, c);
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
    ORO_ASSERT_OWNER(&sh->owner);
    struct oro_job *job = oro_job_new(kind, oro_principal_ref(c->who), 0);
    job->shard = (uint16_t)c->shard;
    job->conn = c->conn;
    oro_pool_post(sh->server->pool, c->mailbox, job,
                  kind == ORO_JOB_CONNECT && c->kind == CLIENT_DATABASE);
}

/* ---- in: the messages of a frame, in order ---- */

void
oro_client_no_memory(struct shard *sh, struct client *c)
{
    oro_client_close(sh, c, 1013, "the server has no memory left for this: try again later");
}

static void
defer(struct shard *sh, struct client *c, struct oro_buf *frame, size_t at, bool alone)
{
    ORO_ASSERT_OWNER(&sh->owner);
    struct deferred kept = {.frame = frame, .at = at, .alone = alone}, *d;
    size_t cost = deferred_cost(&kept);
    if (!oro_client_charge(sh, c, (int64_t)cost))
        return;
    d = oro_try_alloc(sizeof(*d));
    if (d == NULL) {
        oro_client_no_memory(sh, c);
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
    ORO_ASSERT_OWNER(&sh->owner);
    struct oro_server_net *net = &sh->server->net;
    if (c->state == CLIENT_GONE || c->state == CLIENT_CLOSING)
        return;
    oro_client_move(c, CLIENT_CLOSING);
    net->close(net->net, sh->number, c->conn, code, why);
}

/* What a client may call; NULL and *refusal otherwise. */
static const struct oro_reducer_def *
callable(struct shard *sh, const struct client *c, struct oro_bytes name, const char **refusal)
{
    struct oro_function f = oro_function_find(sh->server->schema, name);
    enum oro_function_call right = f.kind != ORO_FUNCTION_PROCEDURE
                                       ? oro_function_call(&f, c->is_owner)
                                       : ORO_CALL_UNKNOWN;
    if (right == ORO_CALL_RUNS)
        return f.def;
    *refusal = "can't directly call special lifecycle reducer";
    if (right == ORO_CALL_UNKNOWN) {
        oro_log_limited(
            ORO_LOG_ERROR, "module",
            "a client called the reducer \"%.*s\", which does not exist or is private: are "
            "its bindings those of this module?",
            (int)(name.len > 80 ? 80 : name.len), (const char *)name.data);
        *refusal = "no such reducer";
    }
    return NULL;
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
    ORO_ASSERT_OWNER(&sh->owner);
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

bool
oro_client_posted(struct shard *sh, struct client *c, size_t bytes)
{
    size_t cost = bytes + sizeof(struct posted) + BLOCK;
    if (!oro_client_charge(sh, c, (int64_t)cost))
        return false;
    if (!posted_add(c, 1, cost, false, 0)) {
        oro_client_no_memory(sh, c);
        return false;
    }
    c->inflight++;
    c->inflight_bytes += cost;
    return true;
}

/* again: calls of this frame have been posted just before. False: nothing was, and the client is being closed. */
static bool
calls_post(struct shard *sh, struct client *c, struct oro_buf *frame,
           const struct oro_job_call *calls, uint32_t n, bool again)
{
    ORO_ASSERT_OWNER(&sh->owner);
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
        oro_client_no_memory(sh, c);
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
    if (m->tag == ORO_MSG_CALL_PROCEDURE)
        oro_procedure_ask(sh, c, m);
    else
        oro_client_ask(sh, c, m, frame);
    oro_views_look(sh, c);
    turn_count(sh, c, from);
}

/* When so much waits to be read by a client, what it asks waits, too, until its socket has taken the half of it. So it is not the
 * questions that are there already which decide how much is kept for one who does not read. What waits for the disk does not
 * count: with a slow disk and many updates there may always be so much of it, and it is not for the client to read it. */
#define UNREAD_MOST ((size_t)1 << 20)

static bool
is_unread(const struct shard *sh, const struct client *c)
{
    const struct oro_server_net *net = &sh->server->net;
    return net->waiting(net->net, sh->number, c->conn) >= UNREAD_MOST;
}

static void
wait_for_reader(struct shard *sh, struct client *c)
{
    struct oro_server_net *net = &sh->server->net;
    c->unread = true;
    (void)net->watch(net->net, sh->number, c->conn, true);
}

void
oro_client_drained(struct shard *sh, struct client *c, size_t waiting)
{
    struct oro_server_net *net = &sh->server->net;
    if (!c->unread || waiting > UNREAD_MOST / 2)
        return;
    c->unread = false;
    (void)net->watch(net->net, sh->number, c->conn, false);
    oro_client_resume_later(sh, c);
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
    ORO_ASSERT_OWNER(&sh->owner);
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
        bool unread = !gone && !alone && (!call || n == 0) && is_unread(sh, c);
        if (!gone && (alone || turn || unread || (call && is_full(sh, c, n)))) {
            if (!calls_post(sh, c, frame, calls, n, again))
                return;
            defer(sh, c, frame, here, alone || c->inflight_bytes >= INFLIGHT_BYTES);
            if (unread)
                wait_for_reader(sh, c);
            else if (turn && !alone)
                oro_client_resume_later(sh, c);
            return;
        }
        if (call) {
            calls[n] = (struct oro_job_call){.request_id = m.request_id, .args = m.args};
            calls[n].reducer = callable(sh, c, m.name, &calls[n].refusal);
            n++;
        } else if (!gone && oro_views_wait(sh, c, &m)) {
            defer(sh, c, frame, here, true);
            return;
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
    ORO_ASSERT_OWNER(&sh->owner);
    if (c->state == CLIENT_GONE || c->state == CLIENT_CLOSING)
        return;
    if (c->state == CLIENT_CONNECTING || c->deferred != NULL || c->reads != NULL || c->unread)
        defer(sh, c, frame, 0, false);
    else
        frame_run(sh, c, frame, 0);
    pause_look(sh, c);
}

bool
oro_client_can_resume(const struct shard *sh, const struct client *c)
{
    if (c->state != CLIENT_OPEN || c->deferred == NULL || c->reads != NULL || c->unread)
        return false;
    return c->deferred->alone ? c->inflight == 0
                              : c->inflight <= sh->server->opt.incoming_limit / 2;
}

/* Earlier calls are answered (or the connection is open now): goes on with what was deferred. */
void
oro_client_resume(struct shard *sh, struct client *c)
{
    ORO_ASSERT_OWNER(&sh->owner);
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
            c->deferred != NULL || c->nmarks > 0 || c->asks > 0);
}

bool
oro_client_ended(struct shard *sh, struct client *c)
{
    ORO_ASSERT_OWNER(&sh->owner);
    ORO_ASSERT(!c->in_ended_list);
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
    ORO_ASSERT_OWNER(&sh->owner);
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
    ORO_ASSERT_OWNER(&sh->owner);
    unsigned keep = said_so && c->state != CLIENT_CLOSING ? KEPT_CALLS : 0, before = c->inflight;
    oro_client_move(c, CLIENT_GONE);
    oro_mailbox_leave(c->mailbox, keep, false);
    oro_principal_leave(c->who, keep);
    while (c->deferred != NULL && c->inflight - before < keep) {
        struct deferred *d = deferred_pop(c);
        frame_run(sh, c, d->frame, d->at);
        deferred_free(d);
    }
    deferred_clear(c);
    oro_held_clear(sh, c); /* while there is a net that counts it */
    oro_read_abandon(c);
    oro_subs_drop(sh->subs, c->conn);
    oro_views_gone(sh, c);
    oro_shard_count_subs(sh);
    oro_client_post(sh, c, ORO_JOB_DISCONNECT);
}
