#include "runtime/base/clock.h"

#include <time.h>

static inline uint64_t
read_ns(clockid_t clock)
{
    struct timespec ts;
    clock_gettime(clock, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

int64_t
oro_wall_us(void)
{
    return (int64_t)(read_ns(CLOCK_REALTIME) / 1000);
}

int64_t
oro_mono_us(void)
{
    return (int64_t)(read_ns(CLOCK_MONOTONIC) / 1000);
}

uint64_t
oro_mono_ns(void)
{
    return read_ns(CLOCK_MONOTONIC);
}

uint64_t
oro_thread_cpu_ns(void)
{
    return read_ns(CLOCK_THREAD_CPUTIME_ID);
}
