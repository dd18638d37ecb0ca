/* bridge/codec/tally.c - the conversions that are timed. */
#include "bridge/codec/tally.h"

#include "runtime/base/clock.h"

uint64_t
oro_tally_turn(struct oro_tally_clock *clock)
{
    clock->chance = clock->chance * 1664525u + 1013904223u;
    clock->until_timed = (clock->chance >> 16) % 127; /* so a step is 1 to 127, 64 on average */
    return oro_mono_ns();
}

void
oro_tally_time(struct oro_tally_clock *clock, struct oro_tally *t, enum oro_dir dir, uint64_t began)
{
    uint64_t ns = oro_mono_ns() - began;
    unsigned slot = 63 - (unsigned)__builtin_clzll(ns | 1);
    ORO_BUMP(t->timed[dir], 1);
    ORO_BUMP(t->ns[dir], ns);
    ORO_BUMP(clock->times[dir][slot < ORO_TIME_SLOTS ? slot : ORO_TIME_SLOTS - 1], 1);
}
