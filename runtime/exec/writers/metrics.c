/* runtime/exec/writers/metrics.c - the metrics of reducers and of workers, and the report of their interpreters. */
#include <stdio.h>

#include "runtime/exec/writers/pool_priv.h"

void
oro_worker_metrics_make(struct worker *w)
{
    char label[48];
    snprintf(label, sizeof(label), "worker=\"%u\"", w->number);
    w->cache_hits = oro_metric(ORO_METRIC_COUNTER, "orochi_type_cache_hits_total", label,
                               "Codec look-ups found in the type cache.");
    w->cache_misses = oro_metric(ORO_METRIC_COUNTER, "orochi_type_cache_misses_total", label,
                                 "Codecs that had to be compiled.");
    w->cache_evictions = oro_metric(ORO_METRIC_COUNTER, "orochi_type_cache_evictions_total", label,
                                    "Codecs dropped for room.");
    w->cache_size =
        oro_metric(ORO_METRIC_GAUGE, "orochi_type_cache_size", label, "Codecs in the type cache.");
    w->pool_hits = oro_metric(ORO_METRIC_COUNTER, "orochi_pool_hits_total", label,
                              "Row objects reused from the pool.");
    w->pool_misses = oro_metric(ORO_METRIC_COUNTER, "orochi_pool_misses_total", label,
                                "Row objects that had to be allocated.");
    w->conversion_errors = oro_metric(ORO_METRIC_COUNTER, "orochi_conversion_errors_total", label,
                                      "Values and bytes that were refused.");
    w->memory = oro_metric(ORO_METRIC_GAUGE, "orochi_row_memory_bytes", label,
                           "Row objects, in use and spare, with their buffers.");
    w->python_memory =
        oro_metric(ORO_METRIC_GAUGE, "orochi_python_memory_bytes", label,
                   "Python objects of all kinds; 0 without reducer.memory_limit_mb.");
    snprintf(label, sizeof(label), "worker=\"%u\",direction=\"in\"", w->number);
    w->decodes = oro_metric(ORO_METRIC_COUNTER, "orochi_conversions_total", label,
                            "Rows and arguments converted.");
    w->bytes_in = oro_metric(ORO_METRIC_COUNTER, "orochi_conversion_bytes_total", label,
                             "BSATN read (in) and written (out).");
    snprintf(label, sizeof(label), "worker=\"%u\",direction=\"out\"", w->number);
    w->encodes = oro_metric(ORO_METRIC_COUNTER, "orochi_conversions_total", label,
                            "Rows and arguments converted.");
    w->bytes_out = oro_metric(ORO_METRIC_COUNTER, "orochi_conversion_bytes_total", label,
                              "BSATN read (in) and written (out).");
}

static void
stats_publish(struct worker *w)
{
    struct oro_py_stats s;
    oro_py_stats(w->py, &s);
    oro_metric_set(w->cache_hits, (int64_t)s.cache_hits);
    oro_metric_set(w->cache_misses, (int64_t)s.cache_misses);
    oro_metric_set(w->cache_evictions, (int64_t)s.cache_evictions);
    oro_metric_set(w->cache_size, (int64_t)s.cache_size);
    oro_metric_set(w->pool_hits, (int64_t)s.pool_hits);
    oro_metric_set(w->pool_misses, (int64_t)s.pool_misses);
    oro_metric_set(w->decodes, (int64_t)s.decodes);
    oro_metric_set(w->encodes, (int64_t)s.encodes);
    oro_metric_set(w->bytes_in, (int64_t)s.bytes_in);
    oro_metric_set(w->bytes_out, (int64_t)s.bytes_out);
    oro_metric_set(w->conversion_errors, (int64_t)s.errors);
    oro_metric_set(w->memory, (int64_t)s.memory);
    oro_metric_set(w->python_memory, (int64_t)s.python_memory);
}

void
oro_pool_bridge_report(const struct oro_pool *p, struct oro_bb *out)
{
    struct oro_py **py = ORO_NEW_ARRAY(struct oro_py *, p->started + 1);
    unsigned n = 0;
    for (unsigned i = 0; i < p->started; i++)
        if (atomic_load(&p->workers[i]->phase) == PHASE_SERVING)
            py[n++] = p->workers[i]->py;
    oro_py_report(py, n, out);
    oro_free(py);
}

void
oro_pool_stats_read(void *arg)
{
    struct oro_pool *p = arg;
    oro_metric_set(p->queue_length, oro_pool_busy(p));
    for (unsigned i = 0; i < p->started; i++)
        if (atomic_load(&p->workers[i]->phase) == PHASE_SERVING)
            stats_publish(p->workers[i]);
}

void
oro_pool_metrics_make(struct oro_pool *p)
{
    oro_free(p->metrics);
    p->metrics = ORO_NEW_ARRAY(struct reducer_metrics, p->schema->nreducers + 1);
    for (uint32_t i = 0; i < p->schema->nreducers; i++) {
        char *labels = oro_asprintf("reducer=\"%s\"", p->schema->reducers[i].name);
        p->metrics[i] = (struct reducer_metrics){
            .calls = oro_metric(ORO_METRIC_COUNTER, "orochi_reducer_calls_total", labels,
                                "Reducer calls that ran."),
            .errors = oro_metric(ORO_METRIC_COUNTER, "orochi_reducer_errors_total", labels,
                                 "Reducer calls that failed by a fault of the module."),
            .refusals = oro_metric(ORO_METRIC_COUNTER, "orochi_reducer_refusals_total", labels,
                                   "Reducer calls that were refused: a ReducerError, or "
                                   "arguments that do not fit."),
            .duration = oro_metric(ORO_METRIC_HISTOGRAM, "orochi_reducer_duration_seconds", labels,
                                   "Run time of reducer calls, retries and commit included."),
            .failures.burst = FAILURES_AT_ONCE,
            .refused.burst = FAILURES_AT_ONCE,
        };
        oro_free(labels);
    }
    p->conflicts = oro_metric(ORO_METRIC_COUNTER, "orochi_tx_conflicts_total", "",
                              "Attempts run again because another commit changed what they read.");
    p->timer_lateness = oro_metric(ORO_METRIC_HISTOGRAM, "orochi_timer_lateness_seconds", "",
                                   "How late scheduled reducers started.");
    p->timer_fired = oro_metric(ORO_METRIC_COUNTER, "orochi_timer_fired_total", "",
                                "Scheduled reducers started.");
    p->queue_length = oro_metric(ORO_METRIC_GAUGE, "orochi_call_queue_length", "",
                                 "Jobs that wait or run: frames of calls, timers, lifecycle.");
    oro_metric_set(oro_metric(ORO_METRIC_GAUGE, "orochi_workers", "", "Worker threads."),
                   p->opt.workers);
    p->active_workers = oro_metric(ORO_METRIC_GAUGE, "orochi_active_workers", "",
                                   "Worker threads that run; fewer while many attempts conflict.");
    oro_metric_set(p->active_workers, p->opt.workers);
}
