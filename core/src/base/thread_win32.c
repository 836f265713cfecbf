/* Threads of our own, where no signal interrupts one. */
#include "base/base.h"

#include <pthread.h>

enum { STACK_BYTES = 1 << 20 };

bool fb__thread_start(void *(*run)(void *), void *argument)
{
    pthread_attr_t attributes;
    pthread_t thread;
    if (pthread_attr_init(&attributes) != 0) {
        return false;
    }
    bool started = pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED) == 0 &&
                   pthread_attr_setstacksize(&attributes, STACK_BYTES) == 0 &&
                   pthread_create(&thread, &attributes, run, argument) == 0;
    (void)pthread_attr_destroy(&attributes);
    return started;
}
