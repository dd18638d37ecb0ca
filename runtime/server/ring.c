/* What the records of the commit ring mean for a shard's clients: answers for callers, updates for subscribers. */
#include "runtime/server/server_priv.h"

uint64_t
oro_server_durable_seq(const struct oro_server *s)
{
    return s->durable != NULL ? oro_durable_seq(s->durable) : UINT64_MAX;
}

static struct oro_call_result
result_of(const struct oro_commit *rec)
{
    const struct oro_origin *o = &rec->origin;
    return (struct oro_call_result){
        .request_id = o->request_id,
        .timestamp_us = o->timestamp_us,
        .outcome = (oro_status)o->outcome,
        .text = o->text != NULL ? oro_buf_bytes(o->text) : (struct oro_bytes){0},
    };
}

static void
update_emit(void *arg, oro_conn_id conn, const struct oro_subs_notice *notices, size_t n)
{
    struct shard *sh = arg;
    struct client *c = oro_client_find(sh, conn);
    if (c == NULL)
        return;
    struct oro_call_result result = result_of(sh->applying);
    bool its = c == sh->caller;
    sh->caller_told |= its;
    oro_bb_clear(&sh->out);
    const struct oro_parts *body =
        c->proto->update(sh->updates, notices, n, its ? &result : NULL, &sh->out);
    oro_client_send_linked(sh, c, oro_bb_bytes(&sh->out), body, sh->applying->seq);
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

static void
connected(struct shard *sh, struct client *c, const struct oro_commit *rec)
{
    const struct oro_origin *o = &rec->origin;
    if (c->state != CLIENT_CONNECTING)
        return; /* it left meanwhile; its disconnect job is queued or will be */
    if (o->outcome != ORO_OK) {
        char why[124] = "refused";
        if (o->text != NULL) {
            size_t n = o->text->len < sizeof(why) - 1 ? o->text->len : sizeof(why) - 1;
            memcpy(why, o->text->data, n);
            why[n] = '\0';
        }
        oro_session_leave(sh, c);
        oro_client_close(sh, c, 1008, why);
        return;
    }
    oro_client_move(c, CLIENT_OPEN);
    oro_bb_clear(&sh->out);
    c->proto->connected(&sh->out, &c->who->identity, &c->who->connection, oro_bytes_str(c->token));
    oro_client_send(sh, c, oro_bb_bytes(&sh->out), 0);
    oro_client_resume_later(sh, c);
}

static void
answered(struct shard *sh, struct client *c, const struct oro_commit *rec)
{
    if (!sh->caller_told) {
        struct oro_call_result result = result_of(rec);
        oro_bb_clear(&sh->out);
        c->proto->result(&sh->out, &result);
        oro_client_send(sh, c, oro_bb_bytes(&sh->out), rec->seq);
    }
    oro_client_call_done(sh, c);
    oro_client_resume_later(sh, c);
}

static void
record_apply(struct shard *sh, const struct oro_commit *rec)
{
    ORO_ASSERT_OWNER(&sh->owner);
    const struct oro_origin *o = &rec->origin;
    struct client *c = o->conn != 0 && o->shard == sh->number ? oro_client_find(sh, o->conn) : NULL;
    bool websocket = c != NULL && c->kind == CLIENT_DATABASE;
    sh->applying = rec;
    sh->caller = websocket && o->kind == ORO_ORIGIN_CALL ? c : NULL;
    sh->caller_told = false;
    if (rec->nops > 0) {
        oro_subs_apply(sh->subs, rec, update_emit, sh);
        oro_updates_clear(sh->updates);
    }
    if (c == NULL)
        return;
    if (!websocket)
        oro_api_record(sh, c, rec);
    else if (o->kind == ORO_ORIGIN_CONNECT)
        connected(sh, c, rec);
    else if (o->kind == ORO_ORIGIN_CALL)
        answered(sh, c, rec);
    else if (o->kind == ORO_ORIGIN_VIEW)
        oro_views_record(sh, c, rec);
    else if (o->kind == ORO_ORIGIN_PROCEDURE)
        oro_procedure_ended(sh, c, rec);
    else if (o->kind == ORO_ORIGIN_DISCONNECT)
        oro_client_remove(sh, c);
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
        record_apply(sh, rec);
        oro_subs_stats(sh->subs, &stats);
    }
    return oro_cursor_seq(sh->cursor) >= seq;
}

/* Those that are there now, each at most once and until the time is up; who has more to ask stands behind them. The time is not
 * that of the messages that came in this turn of the loop: whoever always sends must not keep those from theirs who wait. */
static void
round_resume(struct shard *sh)
{
    unsigned n = 0;
    oro_client_turn_begin(sh);
    for (const struct client *c = sh->resume; c != NULL; c = c->resume_next)
        n++;
    for (struct client *c; n > 0 && (c = sh->resume) != NULL && !oro_client_turn_spent(sh); n--) {
        sh->resume = c->resume_next;
        c->in_resume_list = false;
        oro_client_resume(sh, c);
    }
    oro_client_turn_begin(sh);
}

static void
drain(struct shard *sh)
{
    ORO_ASSERT_OWNER(&sh->owner);
    (void)oro_shard_catch_up(sh, UINT64_MAX);
    oro_reads_drain(sh);
    round_resume(sh);
    if (sh->held != NULL && (sh->held_fresh || oro_server_durable_seq(sh->server) != sh->flushed))
        oro_client_flush_held(sh);
    if (ORO_UNLIKELY(sh->ended != NULL))
        oro_client_close_ended(sh);
}

#define OUT_KEPT ((size_t)1 << 20) /* of the message that is being built; a large one is rare */

void
oro_shard_drain(struct shard *sh)
{
    drain(sh);
    if (ORO_UNLIKELY(atomic_load_explicit(&sh->server->reload.parking, memory_order_acquire))) {
        while (oro_cursor_has_next(sh->cursor) || oro_reads_under_way(sh))
            drain(sh);
        oro_reload_park(sh);
    }
    if (ORO_UNLIKELY(atomic_load_explicit(&sh->server->reload.nanswers, memory_order_acquire) > 0))
        oro_reload_answer(sh);
    if (sh->out.cap > OUT_KEPT)
        oro_bb_fini(&sh->out);
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

static void
subscription_lost(void *arg, oro_conn_id conn, uint32_t query_set_id, const char *why)
{
    struct shard *sh = arg;
    struct client *c = oro_client_find(sh, conn);
    struct oro_asked to = {.tag = ORO_MSG_SUBSCRIBE, .query_set_id = query_set_id, .unasked = true};
    struct oro_err err = {0};
    if (c == NULL)
        return;
    oro_err_set(&err, ORO_EFULL, "%s", why);
    oro_client_refused(sh, oro_bytes_str(why), &err);
    oro_bb_clear(&sh->out);
    c->proto->error(&sh->out, &to, oro_bytes_str(why));
    oro_client_send(sh, c, oro_bb_bytes(&sh->out), sh->applying->seq);
}

void
oro_shard_subs_opened(struct shard *sh, struct oro_subs *subs, struct oro_store *store)
{
    oro_subs_look_into(subs, store);
    oro_subs_on_lost(subs, subscription_lost, sh);
}
