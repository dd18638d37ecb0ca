/* Views that clients ask for (docs/semantics.md#views). A message or a text of SQL that names one waits until its answer is there:
 * a worker evaluates it, as a job of the client's mailbox, and the record of that job has the message go on. From then on the
 * answer's rows are rows like others, kept up to date by whoever changes what it read. A client holds the answers that it is
 * subscribed to; who lets go of one as the last has it forgotten. */
#include "runtime/server/server_priv.h"

#include "runtime/store/view.h"
#include "runtime/subs/batch.h"

/* ---- holding ---- */

static void
let_go(struct shard *sh, struct oro_view *v)
{
    oro_view_ref(v);
    if (!oro_view_leave(sh->server->store, v)) {
        oro_view_unref(v);
        return;
    }
    oro_pool_post_view(sh->server->pool, ORO_JOB_VIEW_FORGET, v);
}

static void
holds_cut(struct shard *sh, struct client *c, bool all)
{
    size_t n = 0;
    for (size_t i = 0; i < c->nholds; i++) {
        struct view_hold h = c->holds[i];
        if (!all && h.of_set && oro_subs_has(sh->subs, c->conn, h.query_set_id))
            c->holds[n++] = h;
        else
            let_go(sh, h.view);
    }
    c->nholds = n;
}

static void
holds_cut_to(struct shard *sh, struct client *c, size_t n)
{
    while (c->nholds > n)
        let_go(sh, c->holds[--c->nholds].view);
}

static void
end_failed(struct shard *sh, struct client *c)
{
    for (size_t i = 0; i < c->nholds; i++) {
        struct view_hold *h = &c->holds[i];
        if (!h->failed || !oro_subs_has(sh->subs, c->conn, h->query_set_id))
            continue;
        h->failed = false;
        oro_status st = oro_subs_unsubscribe(sh->subs, NULL, c->conn, h->query_set_id,
                                             ORO_ROWS_TABLES, NULL, NULL, NULL);
        ORO_ASSERT(st == ORO_OK);
        oro_shard_tell_lost(sh, c->conn, h->query_set_id, c->views_lost, 0);
    }
    oro_shard_count_subs(sh);
    oro_free(c->views_lost);
    c->views_lost = NULL;
}

void
oro_views_look(struct shard *sh, struct client *c)
{
    if (ORO_LIKELY(c->nholds == 0) || c->views_asked || c->reads != NULL)
        return;
    if (c->views_lost != NULL)
        end_failed(sh, c);
    holds_cut(sh, c, false);
}

void
oro_views_gone(struct shard *sh, struct client *c)
{
    holds_cut(sh, c, true);
    c->views_asked = false;
}

bool
oro_views_has(const struct client *c)
{
    return c->nholds > 0;
}

/* ---- which views a text names ---- */

/* Answers that one client may use at once: whoever writes looks for those that he touches among all of them, and pays for their
 * evaluation. */
#define ANSWERS_MOST 1000

struct wanted {
    struct shard *sh;
    struct client *c;
    size_t from; /* of c->holds: this message's */
    uint32_t query_set_id;
    bool of_set, no_memory;
    uint64_t steps;       /* left, for finding their names */
    const char *too_many; /* why one of them is not to be had */
    size_t of; /* of c->holds: this set's */
};

#define TOO_MANY_HERE                                                                          \
    "too many views: a client may use 1000 answers at once, each view counting once for each " \
    "list of arguments"
#define TOO_MANY_OWN                                                                           \
    "too many answers of views are kept for you: whoever asks may have as much room for them " \
    "as is left for others (query.view_room). Unsubscribe from some of them first"
#define TOO_MANY "there is no room for one more answer of a view (query.view_room): try again later"

/* On a shard's own thread, a millisecond or two: some thousand texts. */
#define NAMES_STEPS 500000
#define TOO_LONG "the message is too long to find the views in it: ask for fewer queries at once"

/* What the client has of the room for answers, for one more. NULL: w says why not. */
static struct oro_view_payer *
payer_new(struct wanted *w)
{
    struct oro_turns_of of = oro_client_turns(w->c);
    struct oro_share *share;
    switch (oro_share_take(w->sh->server->answers, &of, 1, &share)) {
    case ORO_SHARE_FULL:
        w->too_many = TOO_MANY;
        return NULL;
    case ORO_SHARE_OWN:
        w->too_many = TOO_MANY_OWN;
        return NULL;
    case ORO_SHARE_TAKEN:
        break;
    }
    struct oro_view_payer *payer = ORO_NEW(struct oro_view_payer);
    *payer = (struct oro_view_payer){.share = share, .of = of, .room = 1};
    return payer;
}

/* Who asks first for an answer pays for it. NULL: w says why not. */
static struct oro_view *
use(struct wanted *w, const struct oro_view_key *key)
{
    struct oro_store *store = w->sh->server->store;
    struct oro_view_payer *payer = NULL;
    if (oro_view_find(store, key) == 0 && (payer = payer_new(w)) == NULL)
        return NULL;
    struct oro_view *v = oro_view_use(store, key);
    w->no_memory |= v == NULL;
    if (payer != NULL && (v == NULL || !oro_view_pay(v, payer, oro_view_payer_free)))
        oro_view_payer_free(payer);
    return v;
}

static void
want(struct wanted *w, const struct oro_view_def *def, struct oro_bytes args)
{
    struct client *c = w->c;
    struct oro_view_key key = {.def = def, .args = args};
    if (w->too_many == NULL && c->nholds >= ANSWERS_MOST)
        w->too_many = TOO_MANY_HERE;
    if (w->too_many != NULL)
        return;
    if (!def->is_anonymous)
        key.sender = c->who->identity;
    struct oro_view *v = use(w, &key);
    if (v == NULL)
        return;
    for (size_t i = w->of; i < c->nholds; i++)
        if (c->holds[i].view == v) {
            let_go(w->sh, v);
            return;
        }
    c->holds = oro_grow(c->holds, c->nholds, &c->holds_cap, sizeof(*c->holds));
    c->holds[c->nholds++] =
        (struct view_hold){.view = v, .query_set_id = w->query_set_id, .of_set = w->of_set};
}

static void
want_named(void *arg, const struct oro_view_def *def, struct oro_bytes args)
{
    struct wanted *w = arg;
    if (def->table->is_public || w->c->is_owner)
        want(w, def, args);
}

static void
want_text(struct wanted *w, struct oro_bytes text)
{
    struct oro_query_env env = oro_client_env(w->sh, w->c);
    if (w->too_many == NULL &&
        !oro_query_views(w->sh->server->schema, text, &env, want_named, w, &w->steps))
        w->too_many = TOO_LONG;
}

static void
want_texts(struct wanted *w, struct oro_bytes texts, uint32_t n)
{
    struct oro_reader r = oro_reader(texts);
    struct oro_bytes text;
    for (uint32_t i = 0; i < n && oro_rd_string(&r, &text) == ORO_OK; i++)
        want_text(w, text);
}

/* Two sets that name one view hold it each: either may end first. */
static void
want_sets(struct wanted *w, struct oro_bytes sets)
{
    struct oro_reader r = oro_reader(sets);
    struct oro_batch_text set;
    for (; oro_batch_next(&r, &set); w->of = w->c->nholds) {
        w->query_set_id = set.query_set_id;
        want_texts(w, set.texts, set.n);
    }
}

/* Posts a job for each that is not there. How many; 0 also if the client is being closed. */
static unsigned
ask(struct wanted *w)
{
    struct client *c = w->c;
    unsigned n = 0;
    for (size_t i = w->from; i < c->nholds; i++) {
        struct oro_view *v = c->holds[i].view;
        if (oro_view_is_ready(v))
            continue;
        struct oro_job *job = oro_job_try_new(ORO_JOB_VIEW, c->who, 0);
        if (job == NULL ||
            (c->kind == CLIENT_DATABASE && !oro_client_posted(w->sh, c, sizeof(struct oro_job)))) {
            oro_job_drop(job);
            w->no_memory = true;
            break;
        }
        job->shard = (uint16_t)w->sh->number;
        job->conn = c->conn;
        job->view = oro_view_ref(v);
        oro_pool_post(w->sh->server->pool, c->mailbox, job, false);
        n++;
    }
    return n;
}

static void
refuse_too_many(struct wanted *w)
{
    if (w->too_many == NULL)
        return;
    holds_cut_to(w->sh, w->c, w->from);
    oro_free(w->c->views_error);
    w->c->views_error = oro_strdup(w->too_many);
}

/* The answers are there, and so is known how much room they take. What is not to be had is let go of with the refusal. */
static void
pay_in_full(struct wanted *w)
{
    struct client *c = w->c;
    for (size_t i = c->nholds; i-- > 0 && !c->holds[i].paid && w->too_many == NULL;) {
        struct oro_view *v = c->holds[i].view;
        struct oro_view_payer *payer = oro_view_payer(v);
        c->holds[i].paid = true;
        enum oro_share_room room =
            payer != NULL ? oro_share_set(payer->share, oro_view_room(v)) : ORO_SHARE_TAKEN;
        if (room != ORO_SHARE_TAKEN)
            w->too_many = room == ORO_SHARE_OWN ? TOO_MANY_OWN : TOO_MANY;
    }
    if (w->too_many != NULL && c->views_error == NULL)
        c->views_error = oro_strdup(w->too_many);
}

/* What writes have made of the answers. Each is looked at by all who have it: an atomic and a comparison where it is as it was. */
static void
pay_for_growth(const struct view_hold *hold)
{
    struct oro_view_payer *payer = oro_view_payer(hold->view);
    if (!hold->paid || payer == NULL)
        return;
    uint64_t room = oro_view_room(hold->view);
    if (atomic_exchange_explicit(&payer->room, room, memory_order_relaxed) != room)
        oro_share_is(payer->share, room);
}

void
oro_views_account(struct shard *sh)
{
    ORO_ASSERT_OWNER(&sh->owner);
    const struct oro_map_slot *slot;
    for (size_t i = 0; oro_map_next(&sh->clients, &i, &slot);) {
        const struct client *c = slot->value;
        for (size_t k = 0; k < c->nholds; k++)
            pay_for_growth(&c->holds[k]);
    }
}

/* ---- messages ---- */

bool
oro_views_wait(struct shard *sh, struct client *c, const struct oro_client_message *m)
{
    bool batch = m->tag == ORO_MSG_SUBSCRIBE_BATCH, set = batch || m->tag == ORO_MSG_SUBSCRIBE;
    if (sh->server->schema->nviews == 0 || (!set && m->tag != ORO_MSG_ONE_OFF))
        return false;
    struct wanted w = {.sh = sh,
                       .c = c,
                       .from = c->nholds,
                       .query_set_id = m->query_set_id,
                       .of_set = set,
                       .of = c->nholds,
                       .steps = NAMES_STEPS};
    if (c->views_asked) { /* it has waited, and is here again */
        c->views_asked = false;
        pay_in_full(&w);
        return false;
    }
    if (batch)
        want_sets(&w, m->sets);
    else if (set)
        want_texts(&w, m->queries, m->nqueries);
    else
        want_text(&w, m->query);
    refuse_too_many(&w);
    c->views_asked = ask(&w) > 0;
    if (w.no_memory)
        oro_client_no_memory(sh, c);
    return c->views_asked;
}

bool
oro_views_refused(struct shard *sh, struct client *c, const struct oro_client_message *m)
{
    if (ORO_LIKELY(c->views_error == NULL))
        return false;
    struct oro_asked to = oro_client_asked(m);
    struct oro_err err;
    oro_err_set(&err, ORO_EINTERNAL, "%s", c->views_error);
    oro_free(c->views_error);
    c->views_error = NULL;
    if (m->tag == ORO_MSG_SUBSCRIBE)
        oro_client_refused(sh, m->queries, &err);
    oro_bb_clear(&sh->out);
    c->proto->error(&sh->out, &to, oro_bytes_str(err.text));
    oro_client_send(sh, c, oro_bb_bytes(&sh->out), 0);
    return true;
}

/* Puts why into *why, unless something stands there. */
static void
note_failure(const struct oro_commit *rec, char **why)
{
    const struct oro_origin *o = &rec->origin;
    if (o->outcome == ORO_OK || o->outcome == ORO_ENOTFOUND || *why != NULL)
        return;
    struct oro_bytes text = o->text != NULL ? oro_buf_bytes(o->text) : oro_bytes_str("it failed");
    *why = oro_asprintf("Internal error evaluating queries: %.*s",
                        (int)(text.len < 800 ? text.len : 800), (const char *)text.data);
}

/* True: the client is subscribed to the answer. */
static bool
mark_failed(struct client *c, uint64_t number)
{
    bool is = false;
    for (size_t i = 0; i < c->nholds; i++) {
        struct view_hold *h = &c->holds[i];
        h->failed |= h->of_set && oro_view_number(h->view) == number;
        is |= h->failed;
    }
    return is;
}

void
oro_views_failed(struct shard *sh, const struct oro_commit *rec)
{
    ORO_ASSERT_OWNER(&sh->owner);
    const struct oro_origin *o = &rec->origin;
    const struct oro_map_slot *slot;
    if (o->outcome == ORO_OK || o->outcome == ORO_ENOTFOUND || o->outcome == ORO_ECLOSED)
        return;
    for (size_t i = 0; oro_map_next(&sh->clients, &i, &slot);) {
        struct client *c = slot->value;
        if (!mark_failed(c, o->view))
            continue;
        note_failure(rec, &c->views_lost);
        oro_views_look(sh, c);
    }
}

void
oro_views_record(struct shard *sh, struct client *c, const struct oro_commit *rec)
{
    note_failure(rec, &c->views_error);
    oro_client_call_done(sh, c);
    oro_client_resume_later(sh, c);
}

/* ---- POST /sql ---- */

bool
oro_views_sql_wait(struct shard *sh, struct client *c)
{
    if (sh->server->schema->nviews == 0 || c->views_asked)
        return false;
    struct wanted w = {.sh = sh, .c = c, .from = c->nholds, .of = c->nholds, .steps = NAMES_STEPS};
    want_text(&w, oro_bb_bytes(&c->sql));
    refuse_too_many(&w);
    c->views_asked = true;
    c->views_waiting = ask(&w);
    if (w.no_memory && c->views_error == NULL) /* else it would be answered without their rows */
        c->views_error = oro_strdup("the server has no memory left for this: try again later");
    return c->views_waiting > 0;
}

bool
oro_views_sql_record(struct shard *sh, struct client *c, const struct oro_commit *rec)
{
    note_failure(rec, &c->views_error);
    ORO_ASSERT(c->views_waiting > 0);
    if (--c->views_waiting > 0)
        return false;
    pay_in_full(&(struct wanted){.sh = sh, .c = c});
    return true;
}

/* ---- a new version of the module ---- */

void
oro_views_again(struct oro_server *s)
{
    size_t n;
    struct oro_view **all = oro_view_all(s->store, &n);
    for (size_t i = 0; i < n; i++)
        oro_pool_post_view(s->pool, ORO_JOB_VIEW_AGAIN, all[i]);
    oro_free(all);
}
