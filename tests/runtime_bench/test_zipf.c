#include "runtime/bench/zipf.h"

#include <criterion/criterion.h>
#include <math.h>

#define DRAWS 200000

Test(zipf, the_generator_gives_the_published_numbers)
{
    /* From the JavaScript that every client of the keynote benchmark runs. */
    static const uint32_t want[] = {455919406u, 4042750857u, 4036713555u, 1004527575u, 3885174651u};
    uint32_t state = ORO_BENCH_SEED;
    for (unsigned i = 0; i < 5; i++)
        cr_assert_eq(oro_mulberry32(&state), want[i], "number %u", i);
}

static void
count(uint32_t n, double alpha, unsigned *hits)
{
    struct oro_zipf z;
    uint32_t state = ORO_BENCH_SEED;
    oro_zipf_init(&z, n, alpha);
    for (int i = 0; i < DRAWS; i++) {
        uint32_t account = oro_zipf_pick(&z, &state);
        cr_assert_lt(account, n);
        hits[account]++;
    }
    oro_zipf_fini(&z);
}

Test(zipf, uniform_is_even)
{
    unsigned hits[10] = {0};
    count(10, 0, hits);
    for (unsigned i = 0; i < 10; i++)
        cr_assert(abs((int)hits[i] - DRAWS / 10) < DRAWS / 200, "account %u: %u", i, hits[i]);
}

Test(zipf, each_account_has_its_weight)
{
    unsigned hits[10] = {0};
    double sum = 0;
    for (unsigned i = 0; i < 10; i++)
        sum += pow(i + 1.0, -1.5);
    count(10, 1.5, hits);
    for (unsigned i = 0; i < 10; i++) {
        double want = DRAWS * pow(i + 1.0, -1.5) / sum;
        cr_assert(fabs(hits[i] - want) < DRAWS / 200.0, "account %u: %u, wanted %.0f", i, hits[i],
                  want);
    }
}

Test(zipf, one_account_is_always_the_same)
{
    struct oro_zipf z;
    uint32_t state = 1;
    oro_zipf_init(&z, 1, 1.5);
    for (int i = 0; i < 100; i++)
        cr_assert_eq(oro_zipf_pick(&z, &state), 0);
    oro_zipf_fini(&z);
}

Test(zipf, the_two_of_a_pair_differ)
{
    enum { N = 20000 };
    static struct oro_bench_pair pairs[N];
    struct oro_zipf z;
    uint32_t state = ORO_BENCH_SEED;
    unsigned hottest = 0;
    oro_zipf_init(&z, 100000, 1.5);
    oro_zipf_pairs(&z, &state, pairs, N);
    for (int i = 0; i < N; i++) {
        cr_assert_neq(pairs[i].from, pairs[i].to);
        hottest += pairs[i].from == 0 || pairs[i].to == 0;
    }
    cr_assert_gt(hottest, N / 2, "account 0 is in %u of %d pairs", hottest, N);
    oro_zipf_fini(&z);
}

Test(zipf, a_pair_of_one_account_ends_the_redraws)
{
    struct oro_zipf z;
    uint32_t state = 7;
    struct oro_bench_pair pair;
    oro_zipf_init(&z, 1, 0);
    oro_zipf_pairs(&z, &state, &pair, 1);
    cr_assert_eq(pair.from, pair.to);
    oro_zipf_fini(&z);
}
