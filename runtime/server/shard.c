/* A shard's place in the commit ring, and its subscriptions. */
#include "runtime/server/server_priv.h"

struct oro_call_result
oro_call_result_of(const struct oro_commit *rec, const struct client *c)
{
    const struct oro_origin *o = &rec->origin;
    return (struct oro_call_result){
        .request_id = o->request_id,
        .timestamp_us = o->timestamp_us,
        .outcome = (oro_status)o->outcome,
        .text = o->text != NULL ? oro_buf_bytes(o->text) : (struct oro_bytes){0},
        .caller = &c->who->identity,
        .connection = &c->who->connection,
        .reducer = o->reducer,
        .asked = oro_posted_frame(c),
    };
}

static void
update_emit(void *arg, oro_conn_id conn, const struct oro_subs_notice *notices, size_t n)
{
    struct shard *sh = arg;
    struct client *c = oro_client_find(sh, conn);
    if (c == NULL)
        return;
    struct oro_call_result result = oro_call_result_of(sh->applying, c);
    bool its = c == sh->caller;
    sh->caller_told |= its;
    oro_bb_clear(&sh->out);
    const struct oro_parts *body =
        c->proto->update(sh->updates, notices, n, its ? &result : NULL, &sh->out);
    oro_client_send_linked(sh, c, oro_bb_bytes(&sh->out), body, sh->applying->seq);
}

void
oro_shard_update(struct shard *sh, const struct oro_commit *rec)
{
    ORO_ASSERT_OWNER(&sh->owner);
    oro_subs_apply(sh->subs, rec, update_emit, sh);
    oro_updates_clear(sh->updates);
}

void
oro_shard_apply_to(struct shard *sh, oro_conn_id conn, const struct oro_commit *rec)
{
    ORO_ASSERT_OWNER(&sh->owner);
    sh->applying = rec;
    sh->caller = NULL; /* nothing that it calls runs meanwhile */
    oro_subs_apply_to(sh->subs, conn, rec, update_emit, sh);
    oro_updates_clear(sh->updates);
}

/* Before sockets have their turn again: workers may publish without end, and a record may concern many subscriptions. */
#define ROUND_RECORDS 1024
#define ROUND_TERMS 200000

bool
oro_shard_catch_up(struct shard *sh, uint64_t seq)
{
    ORO_ASSERT_OWNER(&sh->owner);
    const struct oro_commit *rec;
    struct oro_subs_stats stats;
    oro_subs_stats(sh->subs, &stats);
    uint64_t until = stats.evaluated + ROUND_TERMS;
    for (int n = 0; n < ROUND_RECORDS && stats.evaluated < until; n++) {
        if (oro_cursor_seq(sh->cursor) >= seq || (rec = oro_cursor_next(sh->cursor)) == NULL)
            return true;
        sh->apply(sh, rec);
        oro_subs_stats(sh->subs, &stats);
    }
    return oro_cursor_seq(sh->cursor) >= seq;
}

void
oro_shard_count_subs(struct shard *sh)
{
    struct oro_subs_stats stats;
    oro_subs_stats(sh->subs, &stats);
    atomic_store_explicit(&sh->query_sets, (unsigned)stats.query_sets, memory_order_relaxed);
    if (sh->holds && !oro_subs_looks_up(sh->subs)) {
        oro_cursor_hold(sh->cursor, false);
        sh->holds = false;
    }
}

void
oro_shard_hold(struct shard *sh)
{
    ORO_ASSERT_OWNER(&sh->owner);
    if (sh->holds || !oro_subs_looks_up(sh->subs))
        return;
    oro_cursor_hold(sh->cursor, true);
    sh->holds = true;
}

void
oro_shard_tell_lost(struct shard *sh, oro_conn_id conn, uint32_t query_set_id, const char *why,
                    uint64_t seq)
{
    ORO_ASSERT_OWNER(&sh->owner);
    struct client *c = oro_client_find(sh, conn);
    struct oro_asked to = {.tag = ORO_MSG_SUBSCRIBE, .query_set_id = query_set_id, .unasked = true};
    struct oro_err err = {0};
    if (c == NULL)
        return;
    oro_err_set(&err, ORO_EFULL, "%s", why);
    oro_client_refused(sh, oro_bytes_str(why), &err);
    oro_bb_clear(&sh->out);
    c->proto->error(&sh->out, &to, oro_bytes_str(why));
    oro_client_send(sh, c, oro_bb_bytes(&sh->out), seq);
}

static void
join_lost(void *arg, oro_conn_id conn, uint32_t query_set_id, const char *why)
{
    struct shard *sh = arg;
    oro_shard_tell_lost(sh, conn, query_set_id, why, sh->applying->seq);
}

void
oro_shard_subs_opened(struct shard *sh, struct oro_subs *subs, struct oro_store *store)
{
    oro_subs_look_into(subs, store);
    oro_subs_on_lost(subs, join_lost, sh);
}
