/* runtime/exec/writers/metrics.c - the metrics of reducers and of workers, and the report of their interpreters. */
#include <assert.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "runtime/exec/writers/pool_priv.h"

/* Each: the number of struct oro_py_stats that it shows, how, under what name. */
static const struct {
    size_t stat;
    enum oro_metric_kind kind;
    const char *name, *label, *help;
} numbers[] = {
#define NUMBER(field, kind, name, label, help)                        \
    {                                                                 \
        offsetof(struct oro_py_stats, field), kind, name, label, help \
    }
#define TYPE_CACHE "orochi_type_cache_"
#define IN ",direction=\"in\""
#define OUT ",direction=\"out\""
    NUMBER(cache_hits, ORO_METRIC_COUNTER, TYPE_CACHE "hits_total", "",
           "Codec look-ups found in the type cache."),
    NUMBER(cache_misses, ORO_METRIC_COUNTER, TYPE_CACHE "misses_total", "",
           "Codecs that had to be compiled."),
    NUMBER(cache_evictions, ORO_METRIC_COUNTER, TYPE_CACHE "evictions_total", "",
           "Codecs dropped for room."),
    NUMBER(cache_size, ORO_METRIC_GAUGE, TYPE_CACHE "size", "", "Codecs in the type cache."),
    NUMBER(pool_hits, ORO_METRIC_COUNTER, "orochi_pool_hits_total", "",
           "Row objects reused from the pool."),
    NUMBER(pool_misses, ORO_METRIC_COUNTER, "orochi_pool_misses_total", "",
           "Row objects that had to be allocated."),
    NUMBER(errors, ORO_METRIC_COUNTER, "orochi_conversion_errors_total", "",
           "Values and bytes that were refused."),
    NUMBER(memory, ORO_METRIC_GAUGE, "orochi_row_memory_bytes", "",
           "Row objects, in use and spare, with their buffers."),
    NUMBER(python_memory, ORO_METRIC_GAUGE, "orochi_python_memory_bytes", "",
           "Python objects of all kinds; 0 without reducer.memory_limit_mb."),
    NUMBER(decodes, ORO_METRIC_COUNTER, "orochi_conversions_total", IN,
           "Rows and arguments converted."),
    NUMBER(bytes_in, ORO_METRIC_COUNTER, "orochi_conversion_bytes_total", IN,
           "BSATN read (in) and written (out)."),
    NUMBER(encodes, ORO_METRIC_COUNTER, "orochi_conversions_total", OUT,
           "Rows and arguments converted."),
    NUMBER(bytes_out, ORO_METRIC_COUNTER, "orochi_conversion_bytes_total", OUT,
           "BSATN read (in) and written (out)."),
};

void
oro_worker_metrics_make(struct worker *w)
{
    char label[64];
    static_assert(ORO_ARRAY_LEN(numbers) == WORKER_NUMBERS, "their count stands in pool_priv.h");
    for (size_t i = 0; i < WORKER_NUMBERS; i++) {
        snprintf(label, sizeof(label), "worker=\"%s%u\"%s",
                 w->pool->opt.for_procedures ? "procedures-" : "", w->number, numbers[i].label);
        w->numbers[i] = oro_metric(numbers[i].kind, numbers[i].name, label, numbers[i].help);
    }
}

static void
stats_publish(struct worker *w)
{
    struct oro_py_stats s;
    oro_py_stats(w->py, &s);
    for (size_t i = 0; i < WORKER_NUMBERS; i++) {
        uint64_t v;
        memcpy(&v, (const char *)&s + numbers[i].stat, sizeof(v));
        oro_metric_set(w->numbers[i], (int64_t)v);
    }
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
    unsigned running = 0;
    for (unsigned i = 0; i < p->started; i++)
        if (atomic_load(&p->workers[i]->phase) == PHASE_SERVING) {
            stats_publish(p->workers[i]);
            running += atomic_load_explicit(&p->workers[i]->running, memory_order_relaxed) != NULL;
        }
    unsigned busy = oro_pool_busy(p);
    if (p->running != NULL) {
        running += (unsigned)oro_metric_value(p->waiting);
        oro_metric_set(p->running, running);
        busy -= running < busy ? running : busy;
    }
    oro_metric_set(p->queue_length, busy);
}

static void
procedures_make(struct oro_pool *p)
{
    const struct oro_schema *s = p->schema;
    uint32_t all = s->nreducers + s->nprocedures;
    p->metrics = ORO_NEW_ARRAY(struct reducer_metrics, all + 1);
    for (uint32_t i = s->nreducers; i < all; i++) {
        char *labels = oro_asprintf("procedure=\"%s\"", s->reducers[i].name);
        p->metrics[i] = (struct reducer_metrics){
            .calls = oro_metric(ORO_METRIC_COUNTER, "orochi_procedure_calls_total", labels,
                                "Procedure calls that have ended."),
            .errors = oro_metric(ORO_METRIC_COUNTER, "orochi_procedure_errors_total", labels,
                                 "Procedure calls that failed by a fault of the module."),
            .refusals = oro_metric(ORO_METRIC_COUNTER, "orochi_procedure_refusals_total", labels,
                                   "Procedure calls that were refused: a ReducerError, or "
                                   "arguments that do not fit."),
            .duration = oro_metric(ORO_METRIC_HISTOGRAM, "orochi_procedure_duration_seconds",
                                   labels, "Time of procedure calls, their waiting included."),
            .failures.burst = FAILURES_AT_ONCE,
            .refused.burst = FAILURES_AT_ONCE,
        };
        oro_free(labels);
    }
    p->conflicts = oro_metric(ORO_METRIC_COUNTER, "orochi_procedure_tx_conflicts_total", "",
                              "Transactions of procedures that were run again.");
    p->queue_length = oro_metric(ORO_METRIC_GAUGE, "orochi_procedures_queued", "",
                                 "Procedure calls that have not begun.");
    p->running =
        oro_metric(ORO_METRIC_GAUGE, "orochi_procedures_running", "", "Procedures that have begun.");
    p->waiting = oro_metric(ORO_METRIC_GAUGE, "orochi_procedures_waiting", "",
                            "Of those, the coroutines, which hold no thread while they wait.");
    p->requests = oro_metric(ORO_METRIC_COUNTER, "orochi_outbound_requests_total", "",
                             "Requests of procedures to services outside.");
    p->failed_requests = oro_metric(ORO_METRIC_COUNTER, "orochi_outbound_failures_total", "",
                                    "Of those, the ones that had no answer.");
    p->open_requests = oro_metric(ORO_METRIC_GAUGE, "orochi_outbound_requests_open", "",
                                  "Requests of procedures that wait for their answer.");
    oro_metric_set(oro_metric(ORO_METRIC_GAUGE, "orochi_procedure_workers", "",
                              "Threads that run procedures."),
                   p->opt.workers);
    p->active_workers = oro_metric(ORO_METRIC_GAUGE, "orochi_active_procedure_workers", "",
                                   "Of those, the ones that take calls.");
    oro_metric_set(p->active_workers, p->opt.workers);
}

void
oro_pool_metrics_make(struct oro_pool *p)
{
    oro_free(p->metrics);
    if (p->opt.for_procedures) {
        procedures_make(p);
        return;
    }
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
    p->handler_duration =
        oro_metric(ORO_METRIC_HISTOGRAM, "orochi_handler_duration_seconds", "",
                   "Run time of requests that the module's HTTP handlers answered.");
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
