/*
 * Preloaded into Node: one allocation of the addon (the binding, the core and its OpenSSL) fails when its turn has
 * come. How many are to succeed before stands in the file that FB_FAILING names, which this process has mapped; -1:
 * all. V8's own are left alone, since V8 ends the process over them.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *memory, size_t size);

static volatile int64_t *left;

__attribute__((constructor)) static void start(void)
{
    const char *path = getenv("FB_FAILING");
    int file = path == NULL ? -1 : open(path, O_RDWR);
    void *mapped = file < 0 ? MAP_FAILED : mmap(NULL, 8, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    left = mapped == MAP_FAILED ? NULL : mapped;
}

static int fails(void *caller)
{
    Dl_info about;
    if (left == NULL || *left < 0 || dladdr(caller, &about) == 0 ||
        strstr(about.dli_fname, "fastbearer.node") == NULL) {
        return 0;
    }
    *left -= 1;
    return *left < 0;
}

void *malloc(size_t size)
{
    return fails(__builtin_return_address(0)) ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    return fails(__builtin_return_address(0)) ? NULL : __libc_calloc(count, size);
}

void *realloc(void *memory, size_t size)
{
    return fails(__builtin_return_address(0)) ? NULL : __libc_realloc(memory, size);
}
