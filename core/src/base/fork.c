/*
 * Tells objects that they have been inherited by a child process. The child runs one thread, and locks that other
 * threads of the parent held at the fork stay locked for ever, so whoever keeps a lock or a handle looks here first.
 * Only the handler in a new child writes the counter, before anything else runs there.
 */
#include "base/base.h"

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

void fb__process_init(fb__process *process)
{
    atomic_init(&process->seen, fb__fork_generation());
    atomic_init(&process->claim, fb__fork_generation());
}

fb__process_state fb__process_check(fb__process *process)
{
    const unsigned now = fb__fork_generation();
    if (atomic_load_explicit(&process->seen, memory_order_acquire) == now) {
        return FB__PROCESS_SAME;
    }
    unsigned claim = atomic_load(&process->claim);
    return claim != now && atomic_compare_exchange_strong(&process->claim, &claim, now) ? FB__PROCESS_NEW
                                                                                        : FB__PROCESS_BUSY;
}

void fb__process_done(fb__process *process)
{
    atomic_store_explicit(&process->seen, fb__fork_generation(), memory_order_release);
}
