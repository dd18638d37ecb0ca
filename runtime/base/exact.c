#include "runtime/base/exact.h"

#include <math.h>
#include <string.h>

#include "runtime/base/assert.h"
#include "runtime/base/mem.h"

/* a + b = what is returned + *lost, exactly. */
static long double
add_two(long double a, long double b, long double *lost)
{
    long double greater = fabsl(a) < fabsl(b) ? b : a, lesser = greater == a ? b : a;
    long double sum = greater + lesser;
    *lost = lesser - (sum - greater);
    return sum;
}

void
oro_exact_add(struct oro_exact *e, double value)
{
    ORO_ASSERT(isfinite(value));
    long double sum = value;
    size_t kept = 0;
    for (size_t i = 0; i < e->n; i++) {
        long double lost;
        sum = add_two(sum, e->parts[i], &lost);
        if (lost != 0)
            e->parts[kept++] = lost;
    }
    e->n = kept;
    if (sum == 0)
        return;
    e->parts = oro_grow(e->parts, e->n, &e->cap, sizeof(*e->parts));
    e->parts[e->n++] = sum;
}

long double
oro_exact_value(const struct oro_exact *e)
{
    size_t n = e->n;
    long double sum = n > 0 ? e->parts[--n] : 0, lost = 0;
    while (n > 0 && lost == 0)
        sum = add_two(sum, e->parts[--n], &lost);
    /* Just between two numbers, what is further below decides. */
    if (n > 0 && lost != 0 && (lost < 0) == (e->parts[n - 1] < 0)) {
        long double next = sum + lost * 2;
        if (next - sum == lost * 2)
            sum = next;
    }
    return sum;
}

void
oro_exact_copy(struct oro_exact *to, const struct oro_exact *from)
{
    *to = (struct oro_exact){.n = from->n, .cap = from->n};
    if (from->n == 0)
        return;
    to->parts = ORO_NEW_ARRAY(long double, from->n);
    memcpy(to->parts, from->parts, from->n * sizeof(*to->parts));
}

void
oro_exact_fini(struct oro_exact *e)
{
    oro_free(e->parts);
    *e = (struct oro_exact){0};
}
