/* The messages of a client, in order: calls are posted, what is asked is answered, and what has to wait is deferred. */
#include "runtime/server/server_priv.h"

#include "runtime/base/clock.h"
#include "runtime/exec/function.h"

/* What a client may call; NULL and *refusal otherwise. */
static const struct oro_reducer_def *
callable(struct shard *sh, const struct client *c, struct oro_bytes name, const char **refusal)
{
    struct oro_function f = oro_function_find(sh->server->schema, name);
    enum oro_function_call right =
        f.kind != ORO_FUNCTION_PROCEDURE ? oro_function_call(&f, c->is_owner) : ORO_CALL_UNKNOWN;
    if (right == ORO_CALL_RUNS)
        return f.def;
    *refusal = "can't directly call special lifecycle reducer";
    if (right == ORO_CALL_UNKNOWN) {
        oro_log_limited(
            ORO_LOG_WARN, "module",
            "a client called the reducer \"%.*s\", which does not exist or is private: are "
            "its bindings those of this module?",
            (int)(name.len > 80 ? 80 : name.len), (const char *)name.data);
        *refusal = "no such reducer";
    }
    return NULL;
}

#define CALLS_AT_ONCE 256

/* again: calls of this frame have been posted just before. False: nothing was, and the client is being closed. */
static bool
calls_post(struct shard *sh, struct client *c, struct oro_buf *frame,
           const struct oro_job_call *calls, uint32_t n, bool again)
{
    ORO_ASSERT_OWNER(&sh->owner);
    if (n == 0)
        return true;
    size_t its = oro_frame_cost(frame), cost = sizeof(struct oro_job) + n * sizeof(*calls) +
                                               sizeof(struct posted) + ORO_SERVER_BLOCK;
    again = again && c->nposted > 0;
    if (!oro_client_charge(sh, c, (int64_t)(again ? cost : cost + its)))
        return false;
    struct oro_job *job = oro_job_try_new(ORO_JOB_CALLS, c->who, n);
    if (job == NULL || !oro_posted_add(c, n, cost, again, its)) {
        oro_job_drop(job);
        oro_client_no_memory(sh, c);
        return false;
    }
    if (c->proto->echoes)
        oro_posted_keep(c, frame);
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

/* The same of finding out what it has to wait for. */
static bool
views_wait(struct shard *sh, struct client *c, const struct oro_client_message *m)
{
    int64_t from = oro_mono_us();
    bool wait = oro_views_wait(sh, c, m);
    turn_count(sh, c, from);
    return wait;
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

/* A frame on its way through its messages. */
struct frame_way {
    struct oro_buf *frame;
    size_t begun; /* with this byte */
    bool gone;    /* its client: only calls count */
    bool again;   /* calls of it have been posted */
    uint32_t n, answers;
    int64_t from; /* of the second batch of calls, and later ones: most frames have one */
    struct oro_job_call calls[CALLS_AT_ONCE]; /* n of them; the others hold nothing */
};

static bool
way_post(struct shard *sh, struct client *c, struct frame_way *w)
{
    return calls_post(sh, c, w->frame, w->calls, w->n, w->again);
}

/* True: the message at `here` has to wait for those before it, for its turn or for the reader, and so do the ones behind it. */
static bool
way_waits(struct shard *sh, struct client *c, struct frame_way *w, bool call, size_t here)
{
    bool alone = c->reads != NULL || (!call && (w->n > 0 || c->inflight > 0));
    bool turn =
        call ? w->from != 0 && w->n == 0 && !has_turn(sh, c)
             : w->answers == TURN_ANSWERS || here - w->begun >= TURN_BYTES || !has_turn(sh, c);
    bool unread = !w->gone && !alone && (!call || w->n == 0) && is_unread(sh, c);
    if (w->gone || !(alone || turn || unread || (call && is_full(sh, c, w->n))))
        return false;
    if (!way_post(sh, c, w))
        return true;
    oro_client_defer(sh, c, w->frame, here, alone || c->inflight_bytes >= INFLIGHT_BYTES);
    if (unread)
        wait_for_reader(sh, c);
    else if (turn && !alone)
        oro_client_resume_later(sh, c);
    return true;
}

/* False: the rest is deferred, or nobody wants it. */
static bool
way_take(struct shard *sh, struct client *c, struct frame_way *w,
         const struct oro_client_message *m, size_t here)
{
    if (m->tag == ORO_MSG_CALL_REDUCER) {
        struct oro_job_call *call = &w->calls[w->n++];
        *call = (struct oro_job_call){.request_id = m->request_id, .args = m->args};
        call->reducer = callable(sh, c, m->name, &call->refusal);
        return true;
    }
    if (w->gone)
        return true;
    if (views_wait(sh, c, m)) {
        oro_client_defer(sh, c, w->frame, here, true);
        return false;
    }
    answer_here(sh, c, m, w->frame);
    w->answers++;
    return c->state != CLIENT_CLOSING; /* cut off */
}

/* As many calls as one job may have. False: the client is being closed. */
static bool
way_flush(struct shard *sh, struct client *c, struct frame_way *w)
{
    if (!way_post(sh, c, w))
        return false;
    w->again = true;
    w->n = 0;
    if (w->from != 0)
        turn_count(sh, c, w->from);
    w->from = oro_mono_us();
    return true;
}

/* Handles the messages from `at` on, until one has to wait for calls before it: then the rest is deferred. Of a client that
 * has gone only the calls count. */
static void
frame_run(struct shard *sh, struct client *c, struct oro_buf *frame, size_t at)
{
    ORO_ASSERT_OWNER(&sh->owner);
    struct frame_way w; /* not cleared: it is large */
    w.frame = frame;
    w.begun = at;
    w.gone = c->state == CLIENT_GONE;
    w.again = false;
    w.n = w.answers = 0;
    w.from = 0;
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
            (void)way_post(sh, c, &w);
            oro_client_close(sh, c, 1011, err.text);
            return;
        }
        if (m.replaces)
            m.query_set_id = oro_client_replacing(sh, c);
        if (way_waits(sh, c, &w, m.tag == ORO_MSG_CALL_REDUCER, here) ||
            !way_take(sh, c, &w, &m, here) || (w.n == CALLS_AT_ONCE && !way_flush(sh, c, &w)))
            return;
        if (!c->proto->many)
            break; /* v2: one message in a frame; what follows is ignored (wire.md 2.3) */
    }
    (void)way_post(sh, c, &w);
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
        oro_client_defer(sh, c, frame, 0, false);
    else
        frame_run(sh, c, frame, 0);
    pause_look(sh, c);
}

/* Earlier calls are answered (or the connection is open now): goes on with what was deferred. */
void
oro_client_resume(struct shard *sh, struct client *c)
{
    ORO_ASSERT_OWNER(&sh->owner);
    while (!c->in_resume_list && oro_client_can_resume(sh, c)) {
        struct deferred *d = oro_deferred_pop(c);
        (void)oro_client_charge(sh, c, -(int64_t)oro_deferred_cost(d));
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
        oro_deferred_free(d);
        if (c->state == CLIENT_CLOSING)
            oro_deferred_clear(c);
    }
    pause_look(sh, c);
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
        struct deferred *d = oro_deferred_pop(c);
        frame_run(sh, c, d->frame, d->at);
        oro_deferred_free(d);
    }
    oro_deferred_clear(c);
    oro_held_clear(sh, c); /* while there is a net that counts it */
    oro_read_abandon(c);
    oro_subs_drop(sh->subs, c->conn);
    oro_views_gone(sh, c);
    oro_shard_count_subs(sh);
    oro_client_post(sh, c, ORO_JOB_DISCONNECT);
}
