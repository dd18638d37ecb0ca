/* runtime/base/metric.h - counters, gauges and log-linear histograms. Writers touch only their thread's shard with
 * relaxed atomics; readers sum. No lock on a hot path (design.md 8). */
#ifndef ORO_BASE_METRIC_H
#define ORO_BASE_METRIC_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/base/buf.h"
#include "runtime/base/status.h"

enum oro_metric_kind {
    ORO_METRIC_COUNTER,
    ORO_METRIC_GAUGE,
    ORO_METRIC_HISTOGRAM, /* of microseconds (scale 1e-6 in the text) */
    ORO_METRIC_SECONDS,   /* a counter of microseconds, told in seconds */
};

#define ORO_METRIC_SHARDS \
    16 /* threads share shards when there are more; still right, only slower */
/* Histogram: 64 powers of two with 8 linear steps each; relative error at most 1/8. */
#define ORO_HIST_STEPS 8
#define ORO_HIST_BUCKETS (40 * ORO_HIST_STEPS)

struct oro_metric;

/* Registers (or finds) a metric with one label set. name, help and labels ("reducer=\"x\"", or "") are copied.
 * Never freed: metrics live as long as the process. Any thread, takes a lock: keep the pointer. */
struct oro_metric *oro_metric(enum oro_metric_kind kind, const char *name, const char *labels,
                              const char *help);

/* The same for names and labels that a module's author has chosen: at most ORO_METRIC_FOREIGN of them in a process. Gives *out.
 * ORO_EINVAL: the name is of another kind already; ORO_EFULL: there are too many. */
#define ORO_METRIC_FOREIGN 2000
ORO_MUST_CHECK oro_status oro_metric_try(enum oro_metric_kind kind, const char *name,
                                         const char *labels, const char *help,
                                         struct oro_metric **out);

void oro_metric_add(struct oro_metric *m, int64_t n); /* counter or gauge; hot */
void oro_metric_set(struct oro_metric *m,
                    int64_t v); /* gauge, or a counter that is kept elsewhere */
void oro_metric_observe_us(struct oro_metric *m, int64_t us); /* histogram; hot */
int64_t oro_metric_value(const struct oro_metric *m);         /* summed; histogram: the count */
int64_t oro_metric_quantile_us(const struct oro_metric *m, double q);

/* Called just before a reading, to bring gauges up to date. Any thread may be the reader. */
void oro_metric_on_read(void (*fn)(void *arg), void *arg);
void oro_metric_off_read(void (*fn)(void *arg), void *arg);

/* Prometheus text format 0.0.4 / the JSON of the live page:
 * {"t":<unix ms>,"metrics":{"name":[[{"label":"v"},value],...],...}} */
void oro_metrics_text(struct oro_bb *out);
void oro_metrics_json(struct oro_bb *out);
/* A line for each, "name{labels} value", as they stand: of a histogram the number of its values. */
void oro_metrics_counts(struct oro_bb *out);

#endif
