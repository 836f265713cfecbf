/* Functions that a fork calls. */
#include "base/base.h"

#include <pthread.h>

void fb__at_fork(void (*before)(void), void (*in_parent)(void), void (*in_child)(void))
{
    (void)pthread_atfork(before, in_parent, in_child);
}
