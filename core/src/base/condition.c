/* Conditions that are waited for by the monotonic clock itself. */
#include "base/base.h"

#include <errno.h>
#include <math.h>
#include <time.h>

bool fb__condition_init(pthread_cond_t *condition)
{
    pthread_condattr_t attributes;
    if (pthread_condattr_init(&attributes) != 0) {
        return false;
    }
    bool made =
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0 && pthread_cond_init(condition, &attributes) == 0;
    (void)pthread_condattr_destroy(&attributes);
    return made;
}

bool fb__condition_wait(pthread_cond_t *condition, pthread_mutex_t *lock, double until)
{
    double whole = floor(until);
    struct timespec end = {.tv_sec = (time_t)whole, .tv_nsec = (long)((until - whole) * 1e9)};
    return pthread_cond_timedwait(condition, lock, &end) != ETIMEDOUT;
}
