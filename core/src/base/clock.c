/*
 * The two clocks that a host may hand to a verification. Whoever waits reads another one, which stands still while the
 * machine is suspended (condition.c).
 */
#include "base/base.h"

#include <time.h>

/* Linux's monotonic clock stands still while the machine is suspended, and withdrawn keys would outlive their limits.
 */
#ifndef CLOCK_BOOTTIME
#define CLOCK_BOOTTIME CLOCK_MONOTONIC
#endif

static double seconds_of(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

fb_clock fb_clock_now(void)
{
    return (fb_clock){seconds_of(CLOCK_REALTIME), seconds_of(CLOCK_BOOTTIME)};
}
