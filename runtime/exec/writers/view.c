/* runtime/exec/writers/view.c - evaluating views: in every transaction the answers that its writes touch (runtime/store/view.h). A view's code runs in the worker's interpreter, within the transaction, and only reads. */
#include "runtime/exec/writers/attempt.h"
#include "runtime/views/views.h"

/* The text of what went wrong, after the view's name: it may be another's call that it ends. */
static oro_status
view_failed(struct worker *w, const char *name, oro_status st, struct oro_err *err)
{
    struct oro_bb text = {0};
    oro_bb_printf(&text, "view %s: ", name);
    if (err->text[0] != '\0')
        oro_bb_put_bytes(&text, oro_bytes_str(err->text));
    else if (w->text.len > 0)
        oro_bb_put_bytes(&text, oro_bb_bytes(&w->text));
    err->text[0] = '\0';
    oro_bb_fini(&w->text);
    w->text = text;
    oro_bb_clear(&w->detail);
    oro_bb_clear(&w->logged);
    return st == ORO_ETIMEOUT ? st : ORO_EINTERNAL;
}

static oro_status
run_code(struct attempt *a, const struct oro_view_def *def, const struct oro_view_key *key,
         bool *is_plan, int64_t *took)
{
    struct worker *w = a->w;
    struct oro_py_call call = a->call;
    call.reducer = def->fn;
    call.args = key->args;
    call.sender = key->sender;
    call.everybody = def->is_anonymous;
    call.connection = (struct oro_connection_id){0};
    call.jwt_payload = NULL;
    call.rows = &w->view_rows;
    oro_bb_clear(&w->view_rows);
    const char *caller = atomic_load_explicit(&w->running, memory_order_relaxed);
    atomic_store_explicit(&w->running, def->name, memory_order_relaxed);
    int64_t begun = oro_mono_us();
    w->in_view = true;
    oro_worker_watch(w, w->pool->opt.timeout_us);
    oro_worker_enter_python(w);
    oro_status st = oro_py_call(w->py, &call);
    oro_worker_back(w);
    *is_plan = call.is_plan;
    atomic_store_explicit(&w->deadline_us, 0, memory_order_release);
    w->in_view = false;
    atomic_store_explicit(&w->running, caller, memory_order_relaxed);
    struct reducer_metrics *m = &w->pool->metrics[def->fn->id];
    oro_metric_add(m->calls, 1);
    *took = oro_mono_us() - begun;
    oro_metric_observe_us(m->duration, *took);
    if (st != ORO_OK)
        oro_metric_add(m->errors, 1);
    return st;
}

/* What the code said is found, and followed from now on. */
static oro_status
begin_plan(struct worker *w, const struct oro_view_def *def, struct oro_err *err)
{
    struct oro_bb plan = w->view_rows;
    w->view_rows = (struct oro_bb){0};
    oro_status st =
        oro_views_begin(w->tx, w->pool->schema, def, oro_bb_bytes(&plan), &w->view_rows, err);
    oro_bb_fini(&plan);
    return st;
}

/* With the code of the version that runs, whose definition may be younger than the answer's. */
oro_status
view_evaluate(struct attempt *a, struct oro_view *v, struct oro_err *err)
{
    struct worker *w = a->w;
    const struct oro_view_key *key = oro_view_key(v);
    const struct oro_view_def *def =
        oro_schema_view(w->pool->schema, oro_bytes_str(key->def->name));
    ORO_ASSERT(def != NULL);
    int64_t took;
    bool is_plan = false;
    oro_tx_view_watch(w->tx, v);
    oro_status st = run_code(a, def, key, &is_plan, &took);
    int64_t begun = oro_mono_us();
    if (st == ORO_OK && is_plan)
        st = begin_plan(w, def, err);
    oro_view_took(v, took + oro_mono_us() - begun);
    if (st == ORO_OK)
        st = oro_tx_view_settle(w->tx, v, oro_bb_bytes(&w->view_rows), err);
    else
        oro_tx_view_abandon(w->tx);
    return st == ORO_OK ? st : view_failed(w, def->name, st, err);
}

/* Answers that others have asked for are evaluated in somebody's transaction as far as that costs him little: one more is so cheap
 * that it fits, or it is made by a job of its own right behind. */
#define OTHERS_US 2000
#define OTHERS_MOST 64
#define OTHERS_ROWS 4096 /* that one of them may look at beside those which were changed */

/* Everybody's, or his own who writes: what the module says of them holds for his call (V-20, V-22). Arguments, and who else there
 * is, were chosen by others. */
static bool
is_his(const struct attempt *a, const struct oro_view *v)
{
    const struct oro_view_key *key = oro_view_key(v);
    return key->args.len == 0 &&
           (key->def->is_anonymous || oro_identity_eq(&key->sender, &a->call.sender));
}

static void
forget_failure(struct worker *w, struct oro_err *err)
{
    *err = (struct oro_err){0};
    oro_bb_clear(&w->text);
    oro_bb_clear(&w->detail);
    oro_bb_clear(&w->logged);
}

/* An answer that is said as a query needs no interpreter. */
static oro_status
follow(struct attempt *a, size_t i, struct oro_view *v, bool his, struct oro_err *err)
{
    oro_status st = oro_views_follow(a->w->tx, i, his ? SIZE_MAX : OTHERS_ROWS, err);
    return st == ORO_OK ? st : view_failed(a->w, oro_view_key(v)->def->name, st, err);
}

oro_status
views_refresh(struct attempt *a, struct oro_err *err)
{
    struct worker *w = a->w;
    size_t n, others = 0;
    struct oro_view **touched = oro_tx_views(w->tx, &n);
    bool queue = w->pool->started > 0; /* of jobs; an inline pool has none */
    int64_t left = OTHERS_US;
    oro_status st = ORO_OK;
    for (size_t i = 0; st == ORO_OK && i < n;) {
        struct oro_view *v = touched[i];
        bool his = !queue || is_his(a, v) || a->job->view == v;
        bool costs = oro_tx_view_is_code(w->tx, i);
        if (!his && (left <= 0 || (costs && (others == OTHERS_MOST || oro_view_cost_us(v) > left)))) {
            oro_tx_view_put_off(w->tx, i, &n);
            continue;
        }
        int64_t begun = oro_mono_us();
        st = costs ? view_evaluate(a, v, err) : follow(a, i, v, his, err);
        if (!his)
            left -= oro_mono_us() - begun;
        others += !his && costs;
        if (st != ORO_OK && !his) {
            forget_failure(w, err);
            oro_tx_view_put_off(w->tx, i, &n);
            st = ORO_OK;
            continue;
        }
        i++;
    }
    return st;
}

void
oro_view_payer_free(void *payer)
{
    struct oro_view_payer *p = payer;
    oro_share_give(p->share);
    oro_free(p);
}

static void
post_job(struct oro_pool *p, struct oro_mailbox *m, enum oro_job_kind kind, struct oro_view *v)
{
    struct oro_job *job = oro_job_new(kind, NULL, 0);
    job->view = v;
    oro_pool_post(p, m, job, false);
}

void
oro_pool_post_view(struct oro_pool *p, enum oro_job_kind kind, struct oro_view *v)
{
    const struct oro_view_payer *payer = oro_view_payer(v);
    struct oro_mailbox *m = payer != NULL ? oro_mailbox_new(p, &payer->of) : NULL;
    post_job(p, m, kind, v);
    oro_mailbox_unref(m);
}

static bool
is_same(const struct oro_turns_of *a, const struct oro_turns_of *b)
{
    return oro_identity_eq(&a->identity, &b->identity) && a->source == b->source;
}

/* Somebody may have many thousand of them: those that stand together go into one mailbox. */
void
views_later(struct worker *w, struct oro_view **views, size_t n, bool committed)
{
    struct oro_pool *p = w->pool->opt.views != NULL ? w->pool->opt.views : w->pool;
    struct oro_mailbox *m = NULL;
    struct oro_turns_of of = {0};
    for (size_t i = 0; i < n; i++) {
        const struct oro_view_payer *payer = oro_view_payer(views[i]);
        if (!committed || !oro_view_is_due(views[i])) {
            oro_view_unref(views[i]);
            continue;
        }
        if (m == NULL || payer == NULL || !is_same(&of, &payer->of)) {
            oro_mailbox_unref(m);
            m = payer != NULL ? oro_mailbox_new(p, &payer->of) : NULL;
            of = payer != NULL ? payer->of : (struct oro_turns_of){0};
        }
        post_job(p, m, ORO_JOB_VIEW_STALE, views[i]);
    }
    oro_mailbox_unref(m);
    oro_free(views);
}

/* Follows those that need no interpreter; gives the others, as oro_tx_views_later. */
static struct oro_view **
views_now_or_later(struct worker *w, size_t *n)
{
    int64_t end = oro_mono_us() + OTHERS_US;
    (void)oro_tx_views(w->tx, n);
    for (size_t i = 0; i < *n;) {
        struct oro_err err = {0};
        /* The job that comes behind says in the log what is wrong. */
        if (oro_tx_view_is_code(w->tx, i) || oro_mono_us() > end ||
            oro_views_follow(w->tx, i, OTHERS_ROWS, &err) != ORO_OK)
            oro_tx_view_put_off(w->tx, i, n);
        else
            i++;
    }
    return oro_tx_views_later(w->tx, n);
}

oro_status
oro_worker_commit(struct worker *w, const struct oro_origin *origin)
{
    uint64_t seq;
    size_t n;
    struct oro_view **views = views_now_or_later(w, &n);
    oro_status st = oro_tx_commit(w->tx, origin, &seq);
    views_later(w, views, n, st == ORO_OK);
    w->published |= st == ORO_OK;
    w->loop.tx_seq = st == ORO_OK ? seq : 0;
    return st;
}
