/* bridge/codec/tally.h - what conversions cost, by type: how many, how long their bytes, and of one in 64 the time.
 *
 * Counters are written by the interpreter's thread alone and read by any thread, relaxed. Asking the clock for each would cost
 * more than many a conversion; calls repeat the same few conversions, and a fixed step would meet the same one each time, so the
 * steps are of chance. */
#ifndef ORO_CODEC_TALLY_H
#define ORO_CODEC_TALLY_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/base/annot.h"

enum oro_dir {
    DIR_DECODE,
    DIR_ENCODE,
    DIR_COLUMN,
    DIRS
};                        /* a column of a row is decoded when it is first touched */
#define ORO_TIME_SLOTS 32 /* of times from 2^i to 2^(i+1) ns */

/* Written by the interpreter's thread alone. */
struct oro_tally {
    _Atomic uint64_t n[DIRS], bytes[DIRS], errors[DIRS];
    _Atomic uint64_t timed[DIRS], ns[DIRS]; /* of those that were timed */
};
#define ORO_BUMP(counter, by)                                                                      \
    atomic_store_explicit(&(counter),                                                              \
                          atomic_load_explicit(&(counter), memory_order_relaxed) + (uint64_t)(by), \
                          memory_order_relaxed)

/* Of all types of one interpreter: when the next conversion is timed, and how the times are spread. */
struct oro_tally_clock {
    unsigned until_timed, chance;
    _Atomic uint64_t times[DIRS][ORO_TIME_SLOTS];
};

uint64_t oro_tally_turn(struct oro_tally_clock *clock); /* now; chooses the next one */
void oro_tally_time(struct oro_tally_clock *clock, struct oro_tally *t, enum oro_dir dir,
                    uint64_t began);

/* 0, or when it is this conversion's turn to be timed, the time. */
static inline uint64_t
oro_tally_begin(struct oro_tally_clock *clock)
{
    if (ORO_LIKELY(clock->until_timed > 0)) {
        clock->until_timed--;
        return 0;
    }
    return oro_tally_turn(clock);
}

static inline void
oro_tally_end(struct oro_tally_clock *clock, struct oro_tally *t, enum oro_dir dir, size_t bytes,
              uint64_t began)
{
    ORO_BUMP(t->n[dir], 1);
    ORO_BUMP(t->bytes[dir], bytes);
    if (ORO_UNLIKELY(began != 0))
        oro_tally_time(clock, t, dir, began);
}

#endif
