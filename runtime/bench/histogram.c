#include "runtime/bench/histogram.h"

#include <math.h>

#define STEPS (1u << ORO_BENCH_HIST_BITS)

/* Values below STEPS have a bucket each. A value of b bits above that has its leading
 * ORO_BENCH_HIST_BITS + 1 bits kept: the first bit is always set and chooses, with b, the row; the
 * others are the step in it. */
static unsigned
bucket_of(uint64_t v)
{
    if (v < STEPS)
        return (unsigned)v;
    unsigned shift = 63 - (unsigned)__builtin_clzll(v) - ORO_BENCH_HIST_BITS;
    unsigned b = (shift + 1) * STEPS + (unsigned)(v >> shift) - STEPS;
    return b < ORO_BENCH_HIST_BUCKETS ? b : ORO_BENCH_HIST_BUCKETS - 1;
}

static uint64_t
bucket_last(unsigned b)
{
    if (b < STEPS)
        return b;
    unsigned shift = b / STEPS - 1;
    return ((uint64_t)(b % STEPS + STEPS + 1) << shift) - 1;
}

void
oro_bench_hist_add(struct oro_bench_hist *h, uint64_t ns)
{
    h->count++;
    h->bucket[bucket_of(ns)]++;
    if (ns > h->max)
        h->max = ns;
}

void
oro_bench_hist_merge(struct oro_bench_hist *into, const struct oro_bench_hist *from)
{
    into->count += from->count;
    if (from->max > into->max)
        into->max = from->max;
    for (unsigned b = 0; b < ORO_BENCH_HIST_BUCKETS; b++)
        into->bucket[b] += from->bucket[b];
}

uint64_t
oro_bench_hist_quantile(const struct oro_bench_hist *h, double q)
{
    uint64_t want = (uint64_t)ceil(q * (double)h->count), seen = 0;
    if (h->count == 0)
        return 0;
    for (unsigned b = 0; b < ORO_BENCH_HIST_BUCKETS - 1; b++) {
        seen += h->bucket[b];
        if (seen >= want && seen > 0)
            return bucket_last(b) < h->max ? bucket_last(b) : h->max;
    }
    return h->max;
}
