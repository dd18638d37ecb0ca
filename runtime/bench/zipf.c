#include "runtime/bench/zipf.h"

#include <math.h>

#include "runtime/base/assert.h"
#include "runtime/base/mem.h"

#define REDRAWS 32

uint32_t
oro_mulberry32(uint32_t *state)
{
    *state += 0x6D2B79F5u;
    uint32_t t = *state;
    t = (t ^ t >> 15) * (t | 1u);
    t ^= t + (t ^ t >> 7) * (t | 61u);
    return t ^ t >> 14;
}

void
oro_zipf_init(struct oro_zipf *z, uint32_t n, double alpha)
{
    ORO_ASSERT(n >= 1);
    *z = (struct oro_zipf){.n = n};
    if (!(alpha > 0))
        return;
    z->cdf = oro_alloc(n * sizeof(double));
    double sum = 0;
    for (uint32_t i = 0; i < n; i++)
        z->cdf[i] = sum += pow(i + 1.0, -alpha);
    for (uint32_t i = 0; i < n; i++)
        z->cdf[i] /= sum;
}

void
oro_zipf_fini(struct oro_zipf *z)
{
    oro_free(z->cdf);
    *z = (struct oro_zipf){0};
}

uint32_t
oro_zipf_pick(const struct oro_zipf *z, uint32_t *state)
{
    double u = oro_mulberry32(state) / 4294967296.0; /* 0 <= u < 1 */
    if (z->cdf == NULL)
        return (uint32_t)(u * z->n);
    /* The first account whose cumulated weight is above u; the last one takes what rounding left
     * over. */
    uint32_t low = 0, high = z->n - 1;
    while (low < high) {
        uint32_t mid = low + (high - low) / 2;
        if (z->cdf[mid] > u)
            high = mid;
        else
            low = mid + 1;
    }
    return low;
}

void
oro_zipf_pairs(const struct oro_zipf *z, uint32_t *state, struct oro_bench_pair *out, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint32_t from = oro_zipf_pick(z, state), to = oro_zipf_pick(z, state);
        for (int draws = 0; to == from && draws < REDRAWS; draws++)
            to = oro_zipf_pick(z, state);
        out[i] = (struct oro_bench_pair){from, to};
    }
}
