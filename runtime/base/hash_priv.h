/* runtime/base/hash_priv.h - the mixing step that bytes.c and map.c share. */
#ifndef ORO_BASE_HASH_PRIV_H
#define ORO_BASE_HASH_PRIV_H

#include <stdint.h>

extern uint64_t oro_hash_seed; /* set before main, constant afterwards */

/* Both halves of the 128-bit product folded together: every input bit reaches every output bit. */
static inline uint64_t
hash_mix(uint64_t a, uint64_t b)
{
    unsigned __int128 p = (unsigned __int128)a * b;
    return (uint64_t)p ^ (uint64_t)(p >> 64);
}

static inline uint64_t
hash_u64(uint64_t v)
{
    return hash_mix(v ^ oro_hash_seed, 0x9e3779b97f4a7c15u ^ (oro_hash_seed >> 1));
}

#endif
