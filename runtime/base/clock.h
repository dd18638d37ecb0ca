/* runtime/base/clock.h - time. Microseconds everywhere unless a name says otherwise. Any thread. */
#ifndef ORO_BASE_CLOCK_H
#define ORO_BASE_CLOCK_H

#include <stdint.h>

int64_t oro_wall_us(void); /* since 1970, UTC */
int64_t oro_mono_us(void); /* monotonic, from an unspecified start */
uint64_t oro_mono_ns(void);
uint64_t oro_thread_cpu_ns(void); /* CPU time of the calling thread */

#endif
