/*
 * The types of the token cache, for its two files. Nobody else includes it: the cache's interface is in verify.h.
 */
#ifndef FB_CACHE_SHARD_H
#define FB_CACHE_SHARD_H

#include "verify/verify.h"

typedef struct fb__queue fb__queue;

typedef struct fb__entry {
    struct fb__entry *next;          /* in its bucket */
    struct fb__entry *older, *newer; /* in its queue */
    fb__queue *queue;
    fb__cache_key key;
    fb_result *result;
    uint64_t generation;
    double dead_at;
    size_t bytes;
    bool hit; /* since it came in, or since it was last spared */
    size_t size;
    char token[];
} fb__entry;

struct fb__queue {
    fb__entry *oldest, *newest;
    size_t entries, bytes, max_entries, max_bytes;
};

typedef struct fb__shard {
    pthread_mutex_t lock; /* of token_cache.c, which holds it around all that follows */
    fb__entry **buckets;
    size_t bucket_mask;
    fb__queue probation, main;
    uint64_t hits, misses, evictions;
} fb__shard;

/* For so many entries and bytes; shard is zeroed. False: out of memory. */
bool fb__shard_init(fb__shard *shard, const fb_mem *mem, size_t entries, size_t bytes);
/* Frees all entries and the buckets. */
void fb__shard_clear(fb__shard *shard, const fb_mem *mem);
/* Empties it without a look at the entries, whose links cannot be trusted; their memory is lost. */
void fb__shard_abandon(fb__shard *shard);

/* The entry of exactly this token, or NULL. */
fb__entry *fb__shard_find(const fb__shard *shard, fb__cache_key key, const char *token, size_t size);
/* False: there is no room that it may have; it stays the caller's. */
bool fb__shard_insert(fb__shard *shard, const fb_mem *mem, fb__entry *entry, double now);
/* Gives an entry more bytes where it is. False: not at its own expense. */
bool fb__shard_grow(fb__shard *shard, const fb_mem *mem, fb__entry *entry, size_t bytes);
void fb__shard_drop(fb__shard *shard, const fb_mem *mem, fb__entry *entry);
void fb__entry_free(const fb_mem *mem, fb__entry *entry);

#endif
