/*
 * A child of a fork that says whether all was well. Not by its exit status: a leak checker counts there what the
 * parent's other threads held at the fork, which nobody in the child can free.
 */
#ifndef FB_TEST_CHILD_H
#define FB_TEST_CHILD_H

#include "test.h"

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static int *child_verdict; /* in memory that both share */

/* ThreadSanitizer refuses children that start threads, since it may see less in them, and waits for a second at exits.
 */
__attribute__((visibility("default"))) const char *__tsan_default_options(void);
const char *__tsan_default_options(void)
{
    return "die_after_fork=0:atexit_sleep_ms=0";
}

static inline pid_t child_start(void)
{
    if (child_verdict == NULL) {
        child_verdict = mmap(NULL, sizeof(*child_verdict), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    }
    *child_verdict = -1;
    (void)fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        alarm(30); /* a lock that is never let go ends the test, not the day */
    }
    return child;
}

static inline void child_end(int verdict)
{
    *child_verdict = verdict;
    _exit(0);
}

/* What the child gave to child_end; -1 when it did not come so far. */
static inline int child_wait(pid_t child)
{
    int status = -1;
    return waitpid(child, &status, 0) == child && WIFEXITED(status) ? *child_verdict : -1;
}

#endif
