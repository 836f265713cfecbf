/*
 * Preloaded into Node: the clocks that the addon reads are ahead by the seconds in the file that FB_CLOCK names, which
 * this process has mapped. Node's own timers are left alone.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static volatile int64_t *ahead; /* milliseconds */

__attribute__((constructor)) static void start(void)
{
    const char *path = getenv("FB_CLOCK");
    int file = path == NULL ? -1 : open(path, O_RDWR);
    void *mapped = file < 0 ? MAP_FAILED : mmap(NULL, 8, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    ahead = mapped == MAP_FAILED ? NULL : mapped;
}

int clock_gettime(clockid_t clock, struct timespec *out)
{
    int status = (int)syscall(SYS_clock_gettime, clock, out);
    Dl_info about;
    if (status == 0 && ahead != NULL && *ahead != 0 && dladdr(__builtin_return_address(0), &about) != 0 &&
        strstr(about.dli_fname, "fastbearer.node") != NULL) {
        int64_t nanoseconds = out->tv_nsec + *ahead % 1000 * 1000000;
        out->tv_sec += *ahead / 1000 + nanoseconds / 1000000000;
        out->tv_nsec = nanoseconds % 1000000000;
    }
    return status;
}
