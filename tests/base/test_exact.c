/* Sums of floats are those of the numbers themselves, whatever the order, and whatever was there meanwhile. */
#include <criterion/criterion.h>
#include <float.h>
#include <math.h>
#include <stdint.h>

#include "runtime/base/exact.h"

static long double
sum_of(const double *values, size_t n)
{
    struct oro_exact e = {0};
    for (size_t i = 0; i < n; i++)
        oro_exact_add(&e, values[i]);
    long double sum = oro_exact_value(&e);
    oro_exact_fini(&e);
    return sum;
}

#define SUM(...) \
    sum_of((double[]){__VA_ARGS__}, sizeof((double[]){__VA_ARGS__}) / sizeof(double))

Test(exact, what_a_sum_of_doubles_would_lose_is_kept)
{
    cr_assert_eq(SUM(1e300, 1, -1e300), 1);
    cr_assert_eq((double)SUM(1e16, 1, 1e-17, -1e16), 1);
    cr_assert_eq((double)SUM(0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1), 1);
    cr_assert_eq(SUM(1e308, 1e308, 1e308, -1e308, -1e308), 1e308, "no overflow on the way");
    cr_assert_eq(SUM(5e-324, 1e300, -1e300), 5e-324);
    cr_assert_eq(SUM(1, -1), 0);
    cr_assert(isinf((double)SUM(1.5e308, 1.5e308)));
}

#define HALF ((double)(LDBL_EPSILON / 2)) /* between 1 and what follows it */

Test(exact, what_lies_just_between_two_numbers_goes_where_the_rest_is)
{
    cr_assert_eq(SUM(1, HALF), 1, "to the even one");
    cr_assert_eq(SUM(1, HALF, 0x1p-300), 1 + LDBL_EPSILON);
    cr_assert_eq(SUM(0x1p-300, HALF, 1), 1 + LDBL_EPSILON);
    cr_assert_eq(SUM(1, HALF, -0x1p-300), 1);
}

static uint64_t
next(uint64_t *chance)
{
    *chance ^= *chance << 13;
    *chance ^= *chance >> 7;
    return *chance ^= *chance << 17;
}

static double
any_double(uint64_t *chance)
{
    return ldexp((double)(int64_t)next(chance), (int)(next(chance) % 1200) - 600);
}

/* Numbers come and go at random; what is left is the sum of those that stayed, added the other way round. */
Test(exact, what_has_gone_leaves_no_trace)
{
    static double there[64];
    struct oro_exact e = {0};
    uint64_t chance = 88172645463325252u;
    size_t n = 0;
    for (int i = 0; i < 20000; i++) {
        if (n < 64 && (n == 0 || next(&chance) % 2 == 0)) {
            oro_exact_add(&e, there[n++] = any_double(&chance));
        } else {
            size_t k = next(&chance) % n;
            oro_exact_add(&e, -there[k]);
            there[k] = there[--n];
        }
        cr_assert_leq(e.n, 64);
        struct oro_exact copy, other = {0};
        oro_exact_copy(&copy, &e);
        for (size_t k = n; k > 0; k--)
            oro_exact_add(&other, there[k - 1]);
        cr_assert_eq(oro_exact_value(&copy), oro_exact_value(&other), "step %d", i);
        oro_exact_fini(&copy);
        oro_exact_fini(&other);
    }
    oro_exact_fini(&e);
}
