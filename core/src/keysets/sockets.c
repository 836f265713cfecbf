/* Sockets of POSIX. */
#include "sockets.h"

#include <fcntl.h>

#ifdef SOCK_CLOEXEC
enum { CLOSED_ON_EXEC = SOCK_CLOEXEC };
#else
enum { CLOSED_ON_EXEC = 0 };
#endif

fb__socket fb__socket_open(int family, int type, int protocol)
{
    int made = socket(family, type | CLOSED_ON_EXEC, protocol);
    if (made != -1 && CLOSED_ON_EXEC == 0) {
        (void)fcntl(made, F_SETFD, FD_CLOEXEC);
    }
    return made;
}
