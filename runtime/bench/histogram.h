/* runtime/bench/histogram.h - times in nanoseconds, counted in log-linear buckets: each power of
 * two has 32 equal steps, so a quantile is at most 1/32 above the true value. One thread at a time;
 * threads keep their own and add them up at the end. */
#ifndef ORO_BENCH_HISTOGRAM_H
#define ORO_BENCH_HISTOGRAM_H

#include <stdint.h>

#define ORO_BENCH_HIST_BITS 5
/* Up to 2^40 ns, 18 minutes; what is longer counts in the last bucket. */
#define ORO_BENCH_HIST_BUCKETS ((40 - ORO_BENCH_HIST_BITS + 1) << ORO_BENCH_HIST_BITS)

/* Zeroed = empty. */
struct oro_bench_hist {
    uint64_t count, max;
    uint64_t bucket[ORO_BENCH_HIST_BUCKETS];
};

void oro_bench_hist_add(struct oro_bench_hist *h, uint64_t ns);
void oro_bench_hist_merge(struct oro_bench_hist *into, const struct oro_bench_hist *from);
/* The greatest value of the bucket that holds the quantile, at most the maximum; 0 when empty. 0 <=
 * q <= 1. */
uint64_t oro_bench_hist_quantile(const struct oro_bench_hist *h, double q);

#endif
