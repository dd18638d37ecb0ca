#include "runtime/bench/histogram.c" /* bucket_of and bucket_last are tested directly */

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

Test(histogram, each_bucket_begins_where_the_last_one_ends)
{
    uint64_t next = 0;
    for (unsigned b = 0; b < ORO_BENCH_HIST_BUCKETS; b++) {
        cr_assert_eq(bucket_of(next), b, "%lu", (unsigned long)next);
        cr_assert_eq(bucket_of(bucket_last(b)), b);
        next = bucket_last(b) + 1;
    }
    cr_assert_eq(next, (uint64_t)1 << 40);
    cr_assert_eq(bucket_of(UINT64_MAX), ORO_BENCH_HIST_BUCKETS - 1);
}

static int
by_value(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

Test(histogram, quantiles_are_at_most_a_32nd_too_high)
{
    enum { N = 10000 };
    static uint64_t values[N];
    static struct oro_bench_hist h;
    static const double qs[] = {0, 0.01, 0.5, 0.9, 0.99, 0.999};
    uint64_t x = 88172645463325252u;
    for (int i = 0; i < N; i++) {
        x ^= x << 13, x ^= x >> 7, x ^= x << 17;
        values[i] = x >> (24 + x % 40);
        oro_bench_hist_add(&h, values[i]);
    }
    qsort(values, N, sizeof(values[0]), by_value);
    for (unsigned i = 0; i < sizeof(qs) / sizeof(qs[0]); i++) {
        size_t rank = (size_t)ceil(qs[i] * N);
        uint64_t exact = values[rank > 0 ? rank - 1 : 0], got = oro_bench_hist_quantile(&h, qs[i]);
        cr_assert(got >= exact && got <= exact + exact / 32 + 1, "q %g: %lu for %lu", qs[i],
                  (unsigned long)got, (unsigned long)exact);
    }
    cr_assert_eq(oro_bench_hist_quantile(&h, 1), values[N - 1]);
    cr_assert_eq(h.max, values[N - 1]);
}

Test(histogram, empty_and_one_value)
{
    static struct oro_bench_hist h;
    cr_assert_eq(oro_bench_hist_quantile(&h, 0.5), 0);
    oro_bench_hist_add(&h, 123456789);
    cr_assert_eq(oro_bench_hist_quantile(&h, 0.5), 123456789, "never above the maximum");
    oro_bench_hist_add(&h, (uint64_t)1 << 50);
    cr_assert_eq(oro_bench_hist_quantile(&h, 0.99), (uint64_t)1 << 50,
                 "beyond the buckets the maximum stands");
}

Test(histogram, merging_is_adding)
{
    static struct oro_bench_hist a, b, all;
    for (uint64_t i = 0; i < 1000; i++) {
        oro_bench_hist_add(i % 3 == 0 ? &a : &b, i * i);
        oro_bench_hist_add(&all, i * i);
    }
    oro_bench_hist_merge(&a, &b);
    cr_assert_eq(memcmp(&a, &all, sizeof(a)), 0);
}
