/* Conditions, on a system that cannot tie one to the monotonic clock: what is left of the time is waited for. */
#include "base/base.h"

#include <errno.h>
#include <math.h>
#include <time.h>

bool fb__condition_init(pthread_cond_t *condition)
{
    return pthread_cond_init(condition, NULL) == 0;
}

bool fb__condition_wait(pthread_cond_t *condition, pthread_mutex_t *lock, double until)
{
    double left = until - fb_clock_now().monotonic_seconds;
    if (left <= 0.0) {
        return false;
    }
    struct timespec span = {.tv_sec = (time_t)left, .tv_nsec = (long)((left - floor(left)) * 1e9)};
    return pthread_cond_timedwait_relative_np(condition, lock, &span) != ETIMEDOUT;
}
