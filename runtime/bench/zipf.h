/* runtime/bench/zipf.h - which accounts a transfer touches: uniform, or by Zipf's law with account
 * 0 the hottest. The numbers are those of the public keynote benchmark (mulberry32, a table of
 * cumulated weights), so that two servers see the same load. */
#ifndef ORO_BENCH_ZIPF_H
#define ORO_BENCH_ZIPF_H

#include <stddef.h>
#include <stdint.h>

#define ORO_BENCH_SEED 0x12345678u

struct oro_bench_pair {
    uint32_t from, to;
};

/* Immutable after init; any thread. */
struct oro_zipf {
    uint32_t n;
    double *cdf; /* owned; NULL: uniform */
};

/* The generator mulberry32: 32 bits for each call. */
uint32_t oro_mulberry32(uint32_t *state);

/* n >= 1. alpha <= 0 is uniform. */
void oro_zipf_init(struct oro_zipf *z, uint32_t n, double alpha);
void oro_zipf_fini(struct oro_zipf *z);
uint32_t oro_zipf_pick(const struct oro_zipf *z, uint32_t *state);
/* Fills out[0..n). The second of a pair is drawn again, up to 32 times, while it equals the first.
 * */
void oro_zipf_pairs(const struct oro_zipf *z, uint32_t *state, struct oro_bench_pair *out,
                    size_t n);

#endif
