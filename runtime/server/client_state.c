/* A client: its states, and what is kept for it, which counts in net's budget with its overhead. */
#include "runtime/server/server_priv.h"

#include "runtime/base/clock.h"
#include "runtime/store/view.h"

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

size_t
oro_frame_cost(const struct oro_buf *frame)
{
    return sizeof(*frame) + frame->len + ORO_SERVER_BLOCK;
}

size_t
oro_deferred_cost(const struct deferred *d)
{
    return sizeof(*d) + ORO_SERVER_BLOCK + oro_frame_cost(d->frame);
}

struct deferred *
oro_deferred_pop(struct client *c)
{
    struct deferred *d = c->deferred;
    c->deferred = d->next;
    c->deferred_bytes -= oro_deferred_cost(d);
    return d;
}

void
oro_deferred_free(struct deferred *d)
{
    oro_buf_unref(d->frame);
    oro_free(d);
}

void
oro_deferred_clear(struct client *c)
{
    while (c->deferred != NULL)
        oro_deferred_free(oro_deferred_pop(c));
}

static void
holds_free(struct client *c)
{
    for (size_t i = 0; i < c->nholds; i++)
        oro_view_unref(c->holds[i].view);
    oro_free(c->holds);
    oro_free(c->views_error);
    oro_free(c->views_lost);
}

void
oro_client_free(struct client *c)
{
    if (c == NULL)
        return;
    oro_deferred_clear(c);
    oro_mailbox_unref(c->mailbox);
    oro_principal_unref(c->who);
    oro_free(c->token);
    ORO_ASSERT(c->nmarks == 0); /* it never was there, or has gone */
    oro_bb_fini(&c->held);
    oro_free(c->marks);
    oro_bb_fini(&c->sql);
    oro_free(c->procedure);
    oro_sql_write_unref(c->write);
    holds_free(c);
    oro_free(c->headers);
    for (size_t i = 0; i < c->nposted; i++)
        oro_buf_unref(c->posted[(c->posted_at + i) & (c->posted_cap - 1)].frame);
    oro_free(c->posted);
    if (c->reply != NULL) {
        oro_parts_fini(&c->reply->parts);
        oro_bb_fini(&c->reply->body);
    }
    oro_free(c->reply);
    oro_free(c);
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

void
oro_client_no_memory(struct shard *sh, struct client *c)
{
    oro_client_close(sh, c, 1013, "the server has no memory left for this: try again later");
}

void
oro_client_defer(struct shard *sh, struct client *c, struct oro_buf *frame, size_t at, bool alone)
{
    ORO_ASSERT_OWNER(&sh->owner);
    struct deferred kept = {.frame = frame, .at = at, .alone = alone}, *d;
    size_t cost = oro_deferred_cost(&kept);
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

bool
oro_posted_add(struct client *c, uint32_t calls, size_t bytes, bool again, size_t frame)
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
    c->posted[end & mask] = (struct posted){calls, (uint32_t)(bytes + frame), NULL};
    c->nposted++;
    return true;
}

void
oro_posted_keep(struct client *c, struct oro_buf *frame)
{
    struct posted *p = &c->posted[(c->posted_at + c->nposted - 1) & (c->posted_cap - 1)];
    ORO_ASSERT(p->frame == NULL && p->calls == 1);
    p->frame = oro_buf_ref(frame);
}

struct oro_bytes
oro_posted_frame(const struct client *c)
{
    const struct posted *p = c->nposted > 0 ? &c->posted[c->posted_at] : NULL;
    return p != NULL && p->frame != NULL ? oro_buf_bytes(p->frame) : (struct oro_bytes){0};
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
    oro_buf_unref(p->frame);
    p->frame = NULL;
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
    size_t cost = bytes + sizeof(struct posted) + ORO_SERVER_BLOCK;
    if (!oro_client_charge(sh, c, (int64_t)cost))
        return false;
    if (!oro_posted_add(c, 1, cost, false, 0)) {
        oro_client_no_memory(sh, c);
        return false;
    }
    c->inflight++;
    c->inflight_bytes += cost;
    return true;
}

bool
oro_client_can_resume(const struct shard *sh, const struct client *c)
{
    if (c->state != CLIENT_OPEN || c->deferred == NULL || c->reads != NULL || c->unread)
        return false;
    return c->deferred->alone ? c->inflight == 0
                              : c->inflight <= sh->server->opt.incoming_limit / 2;
}

void
oro_client_resume_later(struct shard *sh, struct client *c)
{
    ORO_ASSERT_OWNER(&sh->owner);
    if (c->in_resume_list || !oro_client_can_resume(sh, c))
        return;
    c->in_resume_list = true;
    c->resume_next = NULL;
    if (sh->resume != NULL)
        sh->resume_tail->resume_next = c;
    else
        sh->resume = c;
    sh->resume_tail = c;
}
