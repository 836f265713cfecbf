/*
 * Tells objects that they have been inherited by a child process. The child runs one thread, and locks that other
 * threads of the parent held at the fork stay locked for ever, so whoever keeps a lock or a handle compares this number
 * first. Only the handler in a new child writes the counter, before anything else runs there. Beside it the core's only
 * mutable globals are what fast.c knows of its paths.
 */
#include "base/base.h"

#include <pthread.h>
#include <stdatomic.h>

static atomic_uint generation;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void in_child(void)
{
    atomic_fetch_add_explicit(&generation, 1, memory_order_relaxed);
}

static void watch(void)
{
    fb__at_fork(NULL, NULL, in_child);
}

unsigned fb__fork_generation(void)
{
    pthread_once(&once, watch);
    return atomic_load_explicit(&generation, memory_order_relaxed);
}
