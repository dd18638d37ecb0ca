/* One connection: its messages in order, and what waits to be sent. */
#include "runtime/server/server_priv.h"


struct client *
oro_client_new(struct shard *sh, enum client_kind kind, struct oro_principal *who, char *token)
{
    struct client *c = ORO_NEW(struct client);
    *c = (struct client){.state = CLIENT_CONNECTING, .kind = kind, .shard = sh->number, .who = who, .token = token};
    c->is_owner = who != NULL && oro_identity_eq(&who->identity, &sh->server->owner);
    if (kind != CLIENT_LIVE_METRICS)
        c->mailbox = oro_mailbox_new();
    return c;
}

void
oro_client_free(struct client *c)
{
    if (c == NULL)
        return;
    while (c->deferred != NULL) {
        struct deferred *d = c->deferred;
        c->deferred = d->next;
        oro_buf_unref(d->frame);
        oro_free(d);
    }
    oro_mailbox_unref(c->mailbox);
    oro_principal_unref(c->who);
    oro_free(c->token);
    oro_bb_fini(&c->held);
    oro_bb_fini(&c->args);
    oro_free(c->marks);
    if (c->reply != NULL)
        oro_bb_fini(&c->reply->body);
    oro_free(c->reply);
    oro_free(c);
}

static void
unlink_from(struct shard *sh, struct client *c)
{
    for (struct client **link = &sh->held; c->in_held_list && *link != NULL; link = &(*link)->held_next) {
        if (*link == c) {
            *link = c->held_next;
            break;
        }
    }
    for (struct client **link = &sh->resume; c->in_resume_list && *link != NULL; link = &(*link)->resume_next) {
        if (*link == c) {
            *link = c->resume_next;
            break;
        }
    }
}

void
oro_client_remove(struct shard *sh, struct client *c)
{
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
    oro_pool_post(sh->server->pool, c->mailbox, job, true);
}

/* ---- out: what may leave, and what waits for the disk ---- */

static void
held_add(struct shard *sh, struct client *c, struct oro_bytes msg, uint64_t seq)
{
    oro_bb_put_bytes(&c->held, msg);
    struct held_mark *last = c->nmarks > 0 ? &c->marks[c->nmarks - 1] : NULL;
    /* Messages of one record go together, unless each has to be a frame of its own. */
    if (last != NULL && last->seq == seq && !c->single) {
        last->end = c->held.len;
    } else {
        c->marks = oro_grow(c->marks, c->nmarks, &c->mark_cap, sizeof(*c->marks));
        c->marks[c->nmarks++] = (struct held_mark){c->held.len, seq};
    }
    if (!c->in_held_list) {
        c->in_held_list = true;
        c->held_next = sh->held;
        sh->held = c;
    }
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
    if (c->state == CLIENT_GONE)
        return;
    bool wait = c->confirmed && seq > oro_server_durable_seq(sh->server);
    if (wait || c->nmarks > 0)
        held_add(sh, c, msg, wait ? seq : 0);
    else
        net_send(sh, c, msg);
}

static void
held_send(struct shard *sh, struct client *c, uint64_t durable)
{
    size_t done = 0, start = 0;
    while (done < c->nmarks && c->marks[done].seq <= durable) {
        size_t end = c->marks[done].end;
        /* A stream's messages may go out as one piece; single frames may not. */
        while (!c->single && done + 1 < c->nmarks && c->marks[done + 1].seq <= durable)
            end = c->marks[++done].end;
        done++;
        if (!net_send(sh, c, oro_bytes(c->held.data + start, end - start)))
            return; /* cut; ws_close follows and forgets the rest */
        start = end;
    }
    if (done == 0)
        return;
    c->nmarks -= done;
    if (c->nmarks == 0) {
        oro_bb_clear(&c->held);
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
    struct client **link = &sh->held;
    while (*link != NULL) {
        struct client *c = *link;
        if (c->state == CLIENT_GONE) {
            c->nmarks = 0;
        } else {
            held_send(sh, c, durable);
            oro_api_release_replies(sh, c);
        }
        if (c->nmarks == 0 && c->reply == NULL) {
            *link = c->held_next;
            c->in_held_list = false;
        } else {
            link = &c->held_next;
        }
    }
}

/* ---- in: the messages of a frame, in order ---- */

static void
defer(struct client *c, struct oro_buf *frame, size_t at)
{
    struct deferred *d = ORO_NEW(struct deferred);
    *d = (struct deferred){.frame = oro_buf_ref(frame), .at = at};
    if (c->deferred != NULL)
        c->deferred_tail->next = d;
    else
        c->deferred = d;
    c->deferred_tail = d;
}

static void
protocol_error(struct shard *sh, struct client *c, const char *why)
{
    struct oro_server_net *net = &sh->server->net;
    net->close(net->net, sh->number, c->conn, 1011, why);
}

static struct oro_query_env
env_of(const struct client *c)
{
    return (struct oro_query_env){.sender = c->who->identity, .is_owner = c->is_owner};
}

/* Initial rows and registration are one step with respect to the ring: the state after record S, and from S + 1 on
 * updates (spec/wire.md 8.2). Messages are put into out; what it reflects is durable at the seq returned. */
static uint64_t
snapshot_begin(struct shard *sh)
{
    uint64_t seq = oro_read_begin(sh->session);
    oro_shard_catch_up(sh, seq);
    oro_bb_clear(&sh->out);
    return seq;
}

static void
subscribe(struct shard *sh, struct client *c, const struct oro_client_message *m)
{
    struct oro_err err = {0};
    struct oro_query_env env = env_of(c);
    uint64_t seq = snapshot_begin(sh);
    oro_msg_subscribe_applied_head(&sh->out, m->request_id, m->query_set_id);
    oro_status st = oro_subs_subscribe(sh->subs, sh->session, c->conn, m->query_set_id, m->queries, m->nqueries, &env,
                                       &sh->out, &err);
    oro_read_end(sh->session);
    if (st != ORO_OK) {
        oro_bb_clear(&sh->out);
        oro_msg_subscription_error(&sh->out, true, m->request_id, m->query_set_id, oro_bytes_str(err.text));
    }
    oro_client_send(sh, c, oro_bb_bytes(&sh->out), st == ORO_OK ? seq : 0);
}

static void
unsubscribe(struct shard *sh, struct client *c, const struct oro_client_message *m)
{
    struct oro_err err = {0};
    uint64_t seq = snapshot_begin(sh);
    oro_msg_unsubscribe_applied_head(&sh->out, m->request_id, m->query_set_id, m->send_dropped_rows);
    oro_status st = oro_subs_unsubscribe(sh->subs, sh->session, c->conn, m->query_set_id, m->send_dropped_rows, &sh->out, &err);
    oro_read_end(sh->session);
    if (st != ORO_OK) {
        oro_bb_clear(&sh->out);
        oro_msg_subscription_error(&sh->out, true, m->request_id, m->query_set_id, oro_bytes_str(err.text));
    }
    oro_client_send(sh, c, oro_bb_bytes(&sh->out), st == ORO_OK ? seq : 0);
}

static void
one_off(struct shard *sh, struct client *c, const struct oro_client_message *m)
{
    struct oro_err err = {0};
    struct oro_query_env env = env_of(c);
    struct oro_query *q = NULL;
    oro_status st = oro_query_parse(sh->server->schema, m->query, ORO_QUERY_ONE_OFF, &env, &q, &err);
    uint64_t seq = snapshot_begin(sh);
    if (st == ORO_OK) {
        oro_msg_one_off_ok_head(&sh->out, m->request_id);
        oro_subs_one_off(q, sh->session, &sh->out);
    } else {
        oro_msg_one_off_error(&sh->out, m->request_id, oro_bytes_str(err.text));
    }
    oro_read_end(sh->session);
    oro_query_free(q);
    oro_client_send(sh, c, oro_bb_bytes(&sh->out), st == ORO_OK ? seq : 0);
}

static void
procedure(struct shard *sh, struct client *c, const struct oro_client_message *m)
{
    oro_bb_clear(&sh->out);
    oro_msg_procedure_internal(&sh->out, m->request_id, oro_bytes_str("No such procedure"));
    oro_client_send(sh, c, oro_bb_bytes(&sh->out), 0);
}

/* What a client may call; NULL and *refusal otherwise. */
static const struct oro_reducer_def *
callable(struct shard *sh, const struct client *c, struct oro_bytes name, const char **refusal)
{
    const struct oro_reducer_def *r = oro_schema_reducer(sh->server->schema, name);
    if (r == NULL || (r->is_private && r->lifecycle == ORO_LIFE_NONE && !c->is_owner)) {
        oro_log_limited(ORO_LOG_WARN, "module", "a client called the reducer \"%.*s\", which does not exist or is private",
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

static void
calls_post(struct shard *sh, struct client *c, struct oro_buf *frame, const struct oro_job_call *calls, uint32_t n)
{
    if (n == 0)
        return;
    struct oro_job *job = oro_job_new(ORO_JOB_CALLS, oro_principal_ref(c->who), n);
    job->shard = (uint16_t)c->shard;
    job->conn = c->conn;
    job->frame = oro_buf_ref(frame);
    memcpy(job->calls, calls, n * sizeof(*calls));
    c->inflight += n;
    oro_pool_post(sh->server->pool, c->mailbox, job, false);
}

static void
answer_here(struct shard *sh, struct client *c, const struct oro_client_message *m)
{
    switch (m->tag) {
    case ORO_MSG_SUBSCRIBE:
        subscribe(sh, c, m);
        break;
    case ORO_MSG_UNSUBSCRIBE:
        unsubscribe(sh, c, m);
        break;
    case ORO_MSG_ONE_OFF:
        one_off(sh, c, m);
        break;
    default:
        procedure(sh, c, m);
        break;
    }
}

/* Handles the messages from `at` on, until one has to wait for calls before it: then the rest is deferred. */
static void
frame_run(struct shard *sh, struct client *c, struct oro_buf *frame, size_t at)
{
    struct oro_job_call calls[CALLS_AT_ONCE];
    uint32_t n = 0;
    struct oro_reader r = oro_reader(oro_buf_bytes(frame));
    r.at += at;
    if (oro_rd_left(&r) == 0 && at == 0) {
        protocol_error(sh, c, "a message must not be empty");
        return;
    }
    while (oro_rd_left(&r) > 0 && c->state == CLIENT_OPEN) {
        size_t here = oro_rd_offset(&r);
        struct oro_client_message m;
        struct oro_err err = {0};
        if (oro_client_message_read(&r, &m, &err) != ORO_OK) {
            calls_post(sh, c, frame, calls, n); /* what came before has been asked for properly */
            protocol_error(sh, c, err.text);
            return;
        }
        if (m.tag == ORO_MSG_CALL_REDUCER) {
            calls[n] = (struct oro_job_call){.request_id = m.request_id, .args = m.args};
            calls[n].reducer = callable(sh, c, m.name, &calls[n].refusal);
            if (++n == CALLS_AT_ONCE) {
                calls_post(sh, c, frame, calls, n);
                n = 0;
            }
        } else if (n > 0 || c->inflight > 0) {
            calls_post(sh, c, frame, calls, n);
            defer(c, frame, here);
            return;
        } else {
            answer_here(sh, c, &m);
        }
        if (c->single)
            break; /* v2: one message in a frame; what follows is ignored (wire.md 2.3) */
    }
    calls_post(sh, c, frame, calls, n);
}

static void
pause_if_full(struct shard *sh, struct client *c)
{
    if (c->inflight > sh->server->opt.incoming_limit) {
        struct oro_server_net *net = &sh->server->net;
        net->close(net->net, sh->number, c->conn, 1013, "too many requests");
    }
}

void
oro_client_frame(struct shard *sh, struct client *c, struct oro_buf *frame)
{
    if (c->state == CLIENT_GONE)
        return;
    if (c->state == CLIENT_CONNECTING || c->deferred != NULL) {
        defer(c, frame, 0);
        return;
    }
    frame_run(sh, c, frame, 0);
    pause_if_full(sh, c);
}

/* Earlier calls are answered (or the connection is open now): goes on with what was deferred. */
void
oro_client_resume(struct shard *sh, struct client *c)
{
    while (c->state == CLIENT_OPEN && c->inflight == 0 && c->deferred != NULL) {
        struct deferred *d = c->deferred;
        c->deferred = d->next;
        /* frame_run may defer the rest of this frame: that must come before the frames that wait behind it. */
        struct deferred *behind = c->deferred;
        c->deferred = NULL;
        frame_run(sh, c, d->frame, d->at);
        if (c->deferred == NULL)
            c->deferred = behind;
        else
            c->deferred_tail->next = behind;
        for (struct deferred *x = c->deferred; x != NULL; x = x->next)
            c->deferred_tail = x;
        oro_buf_unref(d->frame);
        oro_free(d);
    }
}
