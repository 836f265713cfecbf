/*
 * Conditions that are waited for by the monotonic clock. It stands still while the machine is suspended, unlike that of
 * fb_clock_now, so what is left of the time is waited for.
 */
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
    struct timespec now;
    double left = until - fb_clock_now().monotonic_seconds;
    if (left <= 0.0 || clock_gettime(CLOCK_MONOTONIC, &now) != 0) {
        return false;
    }
    double seconds = (double)now.tv_sec + (double)now.tv_nsec * 1e-9 + left, whole = floor(seconds);
    struct timespec end = {.tv_sec = (time_t)whole, .tv_nsec = (long)((seconds - whole) * 1e9)};
    return pthread_cond_timedwait(condition, lock, &end) != ETIMEDOUT;
}
