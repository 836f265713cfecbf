/*
 * Preloaded into a Python process by test_outage.py: every monotonic clock of the process is as many seconds ahead as
 * shift_clock said. Linux only.
 */
#include <stdatomic.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static _Atomic long shift;

void shift_clock(long seconds)
{
    atomic_fetch_add(&shift, seconds);
}

int clock_gettime(clockid_t clock, struct timespec *out)
{
    int status = (int)syscall(SYS_clock_gettime, clock, out);
    if (status == 0 && (clock == CLOCK_MONOTONIC || clock == CLOCK_BOOTTIME)) {
        out->tv_sec += (time_t)atomic_load(&shift);
    }
    return status;
}
