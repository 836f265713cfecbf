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

/* ---- arenas --------------------------------------------------------------------------------- */

enum { CHUNK = 1024 };

struct fb__chunk {
    struct fb__chunk *next;
    size_t used, room;
    max_align_t data[];
};

static struct fb__chunk *add_chunk(fb__arena *arena, size_t size)
{
    const size_t room = size < CHUNK ? CHUNK : size;
    struct fb__chunk *chunk = fb__zalloc(&arena->mem, fb__size_add(sizeof(*chunk), room));
    if (chunk != NULL) {
        chunk->next = arena->chunks;
        chunk->room = room;
        arena->chunks = chunk;
    }
    return chunk;
}

void *fb__arena_take(fb__arena *arena, size_t size)
{
    const size_t unit = sizeof(max_align_t);
    if (size > PTRDIFF_MAX - CHUNK) { /* larger than anything is */
        return NULL;
    }
    const size_t whole = (size + unit - 1) / unit * unit;
    struct fb__chunk *chunk = arena->chunks;
    if (chunk == NULL || chunk->room - chunk->used < whole) {
        chunk = add_chunk(arena, whole);
    }
    if (chunk == NULL) {
        return NULL;
    }
    void *taken = (char *)chunk->data + chunk->used;
    chunk->used += whole;
    return taken;
}

bool fb__arena_copy(fb__arena *arena, fb_slice text, fb_slice *out)
{
    *out = (fb_slice){NULL, 0};
    if (text.data == NULL) {
        return true;
    }
    char *copy = fb__arena_take(arena, text.size == 0 ? 1 : text.size);
    if (copy == NULL) {
        return false;
    }
    memcpy(copy, text.data, text.size);
    *out = (fb_slice){copy, text.size};
    return true;
}

void fb__arena_clear(fb__arena *arena)
{
    for (struct fb__chunk *chunk = arena->chunks; chunk != NULL;) {
        struct fb__chunk *next = chunk->next;
        fb__free(&arena->mem, chunk);
        chunk = next;
    }
    arena->chunks = NULL;
}
