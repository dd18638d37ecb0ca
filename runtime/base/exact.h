/* runtime/base/exact.h - a sum of floats without rounding errors, from which values can be taken away again: as if what is left had been
 * added up exactly, in whatever order, and rounded then. Shewchuk, "Adaptive Precision Floating-Point Arithmetic" (1997), as in Python's
 * math.fsum; of long doubles, so that no sum of doubles overflows on the way. Any thread, one at a time. */
#ifndef ORO_BASE_EXACT_H
#define ORO_BASE_EXACT_H

#include <stddef.h>

/* Zeroed: 0. Owns its parts, of which no two overlap, the least first: as a rule one or two, and never more than all bits from the least double to
 * the greatest have room for, a thousand. */
struct oro_exact {
    long double *parts;
    size_t n, cap;
};

void oro_exact_add(struct oro_exact *e, double value); /* finite; to take it away: add -value */
long double oro_exact_value(const struct oro_exact *e); /* rounded to the nearest */
void oro_exact_copy(struct oro_exact *to, const struct oro_exact *from); /* to: as zeroed */
void oro_exact_fini(struct oro_exact *e);

#endif
