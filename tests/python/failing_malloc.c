/*
 * Preloaded into a Python process by test_memory.py: the n-th allocation after fail_at(n) fails, whoever makes it: the
 * interpreter (with PYTHONMALLOC=malloc), the binding, the core, OpenSSL or jansson. glibc only.
 */
#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *memory, size_t size);

static atomic_long countdown = -1;

/* Allocations until one fails, once; below 0: none does. Returns what is left of the last number. */
long fail_at(long n)
{
    return atomic_exchange(&countdown, n);
}

static int fails(void)
{
    if (atomic_load(&countdown) < 0 || atomic_fetch_sub(&countdown, 1) != 0) {
        return 0;
    }
    errno = ENOMEM;
    return 1;
}

void *malloc(size_t size)
{
    return fails() ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    return fails() ? NULL : __libc_calloc(count, size);
}

void *realloc(void *memory, size_t size)
{
    return fails() ? NULL : __libc_realloc(memory, size);
}
