/* runtime/exec/writers/handler_job.c - a request that the module answers itself, outside of any transaction. The answer is
 * the text of a record, so that it leaves when what the request has committed is on disk, as any other answer does. */
#include "runtime/exec/writers/attempt.h"

struct outcome
run_handler(struct worker *w, const struct oro_job *job)
{
    ORO_ASSERT_OWNER(&w->owner);
    struct attempt a = attempt_new(w, job, NULL, oro_buf_bytes(job->frame));
    struct oro_origin origin = origin_of(&a, ORO_ORIGIN_HANDLER, 0);
    struct outcome out = {ORO_OK, {0}, {0}};
    a.begun_us = oro_mono_us();
    w->origin = &origin;
    atomic_store_explicit(&w->running, "http", memory_order_relaxed);
    oro_worker_watch(w, w->pool->opt.timeout_us);
    oro_worker_enter_python(w);
    oro_status st = oro_py_answer(w->py, &a.call);
    oro_worker_back(w);
    atomic_store_explicit(&w->deadline_us, 0, memory_order_release);
    ORO_ASSERT(w->tx == NULL);
    if (st == ORO_OK)
        out.text = oro_bb_bytes(&w->text);
    else
        out = attempt_failure(&a, st);
    oro_worker_log_flush(w);
    origin.elapsed_us = oro_mono_us() - a.begun_us;
    oro_metric_observe_us(w->pool->handler_duration, origin.elapsed_us);
    atomic_store_explicit(&w->running, NULL, memory_order_relaxed);
    publish_failure(w, &origin, out);
    return out;
}

/* Its requester has gone, or the server stops: it is not begun, and its shard learns that. */
void
refuse_handler(struct worker *w, const struct oro_job *job)
{
    struct attempt a = attempt_new(w, job, NULL, (struct oro_bytes){0});
    struct oro_origin origin = origin_of(&a, ORO_ORIGIN_HANDLER, 0);
    publish_failure(w, &origin, (struct outcome){ORO_EREFUSED, {0}, {0}});
}
