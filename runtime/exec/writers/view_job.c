/* runtime/exec/writers/view_job.c - jobs on answers of views: the first evaluation, for a client that waits; one with new code; one behind
 * a transaction that has left the answer as it was; and forgetting. */
#include "runtime/exec/writers/attempt.h"

/* What is there already, or wanted by nobody any more, needs nothing. */
static oro_status
first_time(struct attempt *a, struct oro_err *err)
{
    struct oro_view *v = a->job->view;
    if (oro_view_is_ready(v) || !oro_view_is_listed(a->w->pool->store, v))
        return ORO_ENOTFOUND;
    oro_view_begin(v);
    return view_evaluate(a, v, err);
}

static oro_status
once_more(struct attempt *a, struct oro_err *err)
{
    struct oro_view *v = a->job->view;
    oro_view_begin(v);
    return oro_view_is_listed(a->w->pool->store, v) ? view_evaluate(a, v, err) : ORO_ENOTFOUND;
}

static oro_status
stale(struct attempt *a, struct oro_err *err)
{
    oro_status st = once_more(a, err);
    if (st != ORO_OK)
        oro_view_spoil(a->job->view); /* before anybody hears that it failed, and asks again */
    return st;
}

static oro_status
forget(struct attempt *a, struct oro_err *err)
{
    (void)err;
    oro_tx_view_forget(a->w->tx, a->job->view);
    return ORO_OK;
}

struct outcome
run_view(struct worker *w, const struct oro_job *job)
{
    ORO_ASSERT_OWNER(&w->owner);
    if (oro_view_is_orphan(job->view)) {
        refuse_view(w, job);
        return (struct outcome){ORO_ECLOSED, {0}, {0}};
    }
    struct attempt a = attempt_new(w, job, NULL, (struct oro_bytes){0});
    a.before = job->kind == ORO_JOB_VIEW         ? first_time
               : job->kind == ORO_JOB_VIEW_AGAIN ? once_more
               : job->kind == ORO_JOB_VIEW_STALE ? stale
                                                 : forget;
    struct oro_origin origin = origin_of(&a, ORO_ORIGIN_VIEW, 0);
    if (job->kind == ORO_JOB_VIEW_STALE)
        origin.view = oro_view_number(job->view);
    return attempt_run(&a, &origin);
}

void
refuse_view(struct worker *w, const struct oro_job *job)
{
    struct attempt a = attempt_new(w, job, NULL, (struct oro_bytes){0});
    struct oro_origin origin = origin_of(&a, ORO_ORIGIN_VIEW, 0);
    publish_failure(w, &origin,
                    (struct outcome){ORO_ECLOSED, oro_bytes_str("its client has gone"), {0}});
}
