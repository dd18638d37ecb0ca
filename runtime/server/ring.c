/* What the records of the commit ring mean for a shard's clients: answers for callers, updates for subscribers. */
#include "runtime/server/server_priv.h"

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
        struct oro_call_result result = oro_call_result_of(rec, c);
        oro_bb_clear(&sh->out);
        if (!oro_bb_try_reserve(&sh->out, result.text.len + result.asked.len + 160, SIZE_MAX))
            result.text = (struct oro_bytes){0}; /* of an exception, as long as somebody chose */
        c->proto->result(&sh->out, &result);
        if (sh->out.len > 0)
            oro_client_send(sh, c, oro_bb_bytes(&sh->out), rec->seq);
    }
    oro_client_call_done(sh, c);
    oro_client_resume_later(sh, c);
}

void
oro_shard_record(struct shard *sh, const struct oro_commit *rec)
{
    ORO_ASSERT_OWNER(&sh->owner);
    const struct oro_origin *o = &rec->origin;
    struct client *c = o->conn != 0 && o->shard == sh->number ? oro_client_find(sh, o->conn) : NULL;
    bool websocket = c != NULL && c->kind == CLIENT_DATABASE;
    sh->applying = rec;
    sh->caller = websocket && o->kind == ORO_ORIGIN_CALL ? c : NULL;
    sh->caller_told = false;
    if (rec->nops > 0)
        oro_shard_update(sh, rec);
    if (ORO_UNLIKELY(o->view != 0))
        oro_views_failed(sh, rec);
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
flush_held(struct shard *sh)
{
    ORO_ASSERT_OWNER(&sh->owner);
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
        oro_held_release(sh, c, durable);
        oro_stream_look(c);
    }
}

static void
drain(struct shard *sh)
{
    ORO_ASSERT_OWNER(&sh->owner);
    (void)oro_shard_catch_up(sh, UINT64_MAX);
    oro_reads_drain(sh);
    round_resume(sh);
    if (sh->held != NULL && (sh->held_fresh || oro_server_durable_seq(sh->server) != sh->flushed))
        flush_held(sh);
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
