/* What a client asks to read: subscriptions, their end, and one-off queries. */
#include "runtime/server/server_priv.h"
#include "runtime/subs/batch.h"

#define INLINE_TEXT 8192 /* bytes of queries that are parsed on the net thread */

/* Initial rows and registration are one step with respect to the ring: the state after record S, and from S + 1 on
 * updates (docs/wire.md#order). Messages are put into out; what it reflects is durable at *seq. False: what the records up to
 * there have to be compared with is more than can be done here. */
static bool
snapshot_begin(struct shard *sh, uint64_t *seq)
{
    ORO_ASSERT_OWNER(&sh->owner);
    ORO_ASSERT(!sh->in_snapshot);
    *seq = oro_read_begin(sh->session);
    sh->in_snapshot = true;
    bool there = oro_shard_catch_up(sh, *seq);
    sh->in_snapshot = false;
    oro_bb_clear(&sh->out);
    if (!there)
        oro_read_end(sh->session);
    return there;
}

static void
put_tail(struct shard *sh, const struct client *c, const struct oro_asked *to)
{
    if (c->proto->tail != NULL)
        c->proto->tail(&sh->out, to);
}

/* Sends what stands in out, or why there is no such answer. */
static void
set_answer(struct shard *sh, struct client *c, const struct oro_client_message *m, oro_status st,
           uint64_t seq, struct oro_parts *parts, const struct oro_err *err)
{
    if (st != ORO_OK) {
        struct oro_asked to = oro_client_asked(m);
        oro_parts_fini(parts);
        oro_bb_clear(&sh->out);
        c->proto->error(&sh->out, &to, oro_bytes_str(err->text));
    }
    oro_shard_count_subs(sh);
    if (parts->n == 0 && !parts->failed) {
        oro_client_send(sh, c, oro_bb_bytes(&sh->out), st == ORO_OK ? seq : 0);
        return;
    }
    oro_parts_cut(parts, &sh->out);
    oro_client_send_linked(sh, c, (struct oro_bytes){0}, parts->failed ? NULL : parts, seq);
    oro_parts_fini(parts);
}

/* These give false if it is more than can be done here. */
static bool
subscribe(struct shard *sh, struct client *c, const struct oro_client_message *m)
{
    struct oro_err err = {0};
    struct oro_query_env env = oro_client_env(sh, c);
    struct oro_budget budget = oro_shard_budget(sh);
    struct oro_asked to = oro_client_asked(m);
    struct oro_parts parts = {0};
    uint64_t seq;
    env.form = m->form;
    if (!snapshot_begin(sh, &seq))
        return false;
    c->proto->applied(&sh->out, &to, true);
    oro_status st = oro_subs_subscribe(sh->subs, sh->session, c->conn, m->query_set_id, m->queries,
                                       m->nqueries, &env, &budget, &sh->out, &parts, &err);
    oro_shard_hold(sh);
    oro_read_end(sh->session);
    if (budget.spent) {
        oro_parts_fini(&parts);
        return false;
    }
    if (st != ORO_OK)
        oro_client_refused(sh, m->queries, &err);
    else if (m->replaces)
        oro_client_replaced(sh, c, m->query_set_id);
    put_tail(sh, c, &to);
    set_answer(sh, c, m, st, seq, &parts, &err);
    return true;
}

static bool
unsubscribe(struct shard *sh, struct client *c, const struct oro_client_message *m)
{
    struct oro_err err = {0};
    struct oro_budget budget = oro_shard_budget(sh);
    struct oro_asked to = oro_client_asked(m);
    bool rows = m->send_dropped_rows && oro_subs_has(sh->subs, c->conn, m->query_set_id);
    bool reads = rows && oro_subs_has_own(sh->subs, c->conn, m->query_set_id);
    uint64_t seq = oro_cursor_seq(sh->cursor);
    oro_bb_clear(&sh->out);
    if (reads && !snapshot_begin(sh, &seq))
        return false;
    c->proto->applied(&sh->out, &to, m->send_dropped_rows);
    oro_status st = oro_subs_unsubscribe(sh->subs, sh->session, c->conn, m->query_set_id, m->form,
                                         &budget, rows ? &sh->out : NULL, &err);
    if (reads)
        oro_read_end(sh->session);
    if (budget.spent)
        return false;
    set_answer(sh, c, m, st, seq, &(struct oro_parts){0}, &err);
    return true;
}

static bool
one_off(struct shard *sh, struct client *c, const struct oro_client_message *m)
{
    struct oro_err err = {0};
    struct oro_query_env env = oro_client_env(sh, c);
    struct oro_query *q = NULL;
    struct oro_budget budget = oro_shard_budget(sh);
    struct oro_asked to = oro_client_asked(m);
    uint64_t seq;
    if (!snapshot_begin(sh, &seq))
        return false;
    oro_status st =
        oro_query_parse(sh->server->schema, m->query, ORO_QUERY_ONE_OFF, &env, &q, &err);
    if (st == ORO_OK) {
        c->proto->applied(&sh->out, &to, true);
        st = oro_subs_one_off(q, sh->session, &budget, &sh->out, NULL, &err);
        put_tail(sh, c, &to);
    }
    oro_read_end(sh->session);
    oro_query_free(q);
    if (budget.spent)
        return false;
    if (st != ORO_OK) {
        oro_bb_clear(&sh->out);
        c->proto->error(&sh->out, &to, oro_bytes_str(err.text));
    }
    oro_client_send(sh, c, oro_bb_bytes(&sh->out), st == ORO_OK ? seq : 0);
    return true;
}

/* ---- several sets at once ---- */

#define INLINE_SETS (INLINE_TEXT / 8) /* an empty one has that many bytes */

/* A batch that is answered here. */
struct batch {
    struct shard *sh;
    struct client *c;
    struct oro_query_env env;
    struct oro_budget budget;
    uint32_t applied[INLINE_SETS], n; /* ids */
};

/* Appends its answer. False: it is more than can be done here. */
static bool
subscribe_one(struct batch *b, const struct oro_batch_text *set)
{
    struct shard *sh = b->sh;
    struct oro_err err = {0};
    size_t at = sh->out.len;
    oro_batch_put_applied(&sh->out, set->query_set_id);
    oro_status st = oro_subs_subscribe(sh->subs, sh->session, b->c->conn, set->query_set_id,
                                       set->texts, set->n, &b->env, &b->budget, &sh->out, NULL,
                                       &err);
    if (st == ORO_OK)
        b->applied[b->n++] = set->query_set_id;
    if (b->budget.spent || sh->out.len > INLINE_BYTES)
        return false;
    if (st == ORO_OK)
        return true;
    sh->out.len = at;
    oro_batch_put_error(&sh->out, set->query_set_id, oro_bytes_str(err.text));
    oro_batch_set_refused(sh, set->texts, err.text);
    return true;
}

static void
batch_undo(struct batch *b)
{
    while (b->n > 0) {
        oro_status st = oro_subs_unsubscribe(b->sh->subs, NULL, b->c->conn, b->applied[--b->n],
                                             ORO_ROWS_TABLES, NULL, NULL, NULL);
        ORO_ASSERT(st == ORO_OK);
    }
}

static bool
subscribe_batch(struct shard *sh, struct client *c, const struct oro_client_message *m)
{
    struct batch b = {.sh = sh, .c = c, .env = oro_client_env(sh, c), .budget = oro_shard_budget(sh)};
    struct oro_asked to = oro_client_asked(m);
    struct oro_reader r = oro_reader(m->sets);
    struct oro_batch_text set;
    uint64_t seq;
    bool done = true;
    if (!snapshot_begin(sh, &seq))
        return false;
    c->proto->applied(&sh->out, &to, true);
    while (done && oro_batch_next(&r, &set))
        done = subscribe_one(&b, &set);
    if (!done)
        batch_undo(&b);
    oro_shard_hold(sh);
    oro_read_end(sh->session);
    if (done)
        set_answer(sh, c, m, ORO_OK, b.n > 0 ? seq : 0, &(struct oro_parts){0}, NULL);
    return done;
}

void
oro_client_ask(struct shard *sh, struct client *c, const struct oro_client_message *m,
               struct oro_buf *frame)
{
    ORO_ASSERT_OWNER(&sh->owner);
    if (oro_views_refused(sh, c, m))
        return;
    bool here = oro_shard_is_near(sh), done = false;
    if (m->tag == ORO_MSG_SUBSCRIBE)
        done = here && m->queries.len <= INLINE_TEXT && subscribe(sh, c, m);
    else if (m->tag == ORO_MSG_SUBSCRIBE_BATCH)
        done = here && m->sets.len <= INLINE_TEXT && subscribe_batch(sh, c, m);
    else if (m->tag == ORO_MSG_UNSUBSCRIBE)
        done =
            (here || !m->send_dropped_rows ||
             !oro_subs_has_own(sh->subs, c->conn, m->query_set_id)) &&
            unsubscribe(sh, c, m);
    else
        done = here && m->query.len <= INLINE_TEXT && one_off(sh, c, m);
    if (!done)
        oro_read_message(sh, c, m, frame);
}
