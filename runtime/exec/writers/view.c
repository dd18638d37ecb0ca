/* runtime/exec/writers/view.c - evaluating views: in every transaction the answers that its writes touch (runtime/store/view.h). A view's code runs in the worker's interpreter, within the transaction, and only reads. */
#include "runtime/exec/writers/attempt.h"

/* The text of what went wrong, after the view's name: it may be another's call that it ends. */
static oro_status
view_failed(struct worker *w, const char *name, oro_status st, struct oro_err *err)
{
    struct oro_bb text = {0};
    oro_bb_printf(&text, "view %s: ", name);
    if (w->text.len > 0)
        oro_bb_put_bytes(&text, oro_bb_bytes(&w->text));
    if (err->text[0] != '\0') {
        oro_bb_clear(&text);
        oro_bb_put_bytes(&text, oro_bytes_str(err->text));
        err->text[0] = '\0';
    }
    oro_bb_fini(&w->text);
    w->text = text;
    oro_bb_clear(&w->detail);
    oro_bb_clear(&w->logged);
    return st == ORO_ETIMEOUT ? st : ORO_EINTERNAL;
}

static oro_status
run_code(struct attempt *a, const struct oro_view_def *def, const struct oro_view_key *key)
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
    atomic_store_explicit(&w->deadline_us, 0, memory_order_release);
    w->in_view = false;
    atomic_store_explicit(&w->running, caller, memory_order_relaxed);
    struct reducer_metrics *m = &w->pool->metrics[def->fn->id];
    oro_metric_add(m->calls, 1);
    oro_metric_observe_us(m->duration, oro_mono_us() - begun);
    if (st != ORO_OK)
        oro_metric_add(m->errors, 1);
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
    oro_tx_view_watch(w->tx, v);
    oro_status st = run_code(a, def, key);
    if (st == ORO_OK)
        st = oro_tx_view_settle(w->tx, v, oro_bb_bytes(&w->view_rows), err);
    else
        oro_tx_view_abandon(w->tx);
    return st == ORO_OK ? st : view_failed(w, def->name, st, err);
}

oro_status
views_refresh(struct attempt *a, struct oro_err *err)
{
    size_t n;
    struct oro_view **touched = oro_tx_views(a->w->tx, &n);
    oro_status st = ORO_OK;
    for (size_t i = 0; st == ORO_OK && i < n; i++)
        st = view_evaluate(a, touched[i], err);
    return st;
}

static void
views_later(struct worker *w, struct oro_view **views, size_t n, bool committed)
{
    for (size_t i = 0; i < n; i++) {
        struct oro_job *job = committed ? oro_job_new(ORO_JOB_VIEW_AGAIN, NULL, 0) : NULL;
        if (job == NULL) {
            oro_view_unref(views[i]);
            continue;
        }
        job->view = views[i];
        oro_pool_post(w->pool->opt.views != NULL ? w->pool->opt.views : w->pool, NULL, job, true);
    }
    oro_free(views);
}

oro_status
oro_worker_commit(struct worker *w, const struct oro_origin *origin)
{
    uint64_t seq;
    size_t n;
    struct oro_view **views = oro_tx_views_later(w->tx, &n);
    oro_status st = oro_tx_commit(w->tx, origin, &seq);
    views_later(w, views, n, st == ORO_OK);
    w->published |= st == ORO_OK;
    return st;
}
