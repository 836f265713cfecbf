/*
 * Allocation through the fb_mem of the object that needs it, so that a host can count, limit or fail it. Nothing else
 * in the core calls malloc.
 */
#include "base/base.h"

#include <stdlib.h>

static void *default_allocate(void *context, size_t size)
{
    (void)context;
    return malloc(size);
}

static void default_release(void *context, void *memory)
{
    (void)context;
    free(memory);
}

const fb_mem fb__mem_default = {default_allocate, default_release, NULL};

void *fb__alloc(const fb_mem *mem, size_t size)
{
    if (size == FB__NO_SIZE) {
        return NULL;
    }
    /* malloc(0) may answer NULL, which would read as "out of memory". */
    return mem->allocate(mem->context, size == 0 ? 1 : size);
}

void *fb__zalloc(const fb_mem *mem, size_t size)
{
    void *memory = fb__alloc(mem, size);
    if (memory != NULL) {
        memset(memory, 0, size);
    }
    return memory;
}

void fb__free(const fb_mem *mem, void *memory)
{
    if (memory != NULL) {
        mem->release(mem->context, memory);
    }
}
