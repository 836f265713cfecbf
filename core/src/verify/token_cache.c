/*
 * Verified tokens, so that a token that was verified before costs a hash and a comparison. Given only results that
 * passed everything; it decides nothing about a token: whoever gets a hit checks the times again.
 *
 * A hit needs the whole token to be equal; the hash, keyed so that nobody can aim at a bucket, only finds the place.
 * The cache is divided by hash into shards, each with its lock and its share of both bounds.
 */
#include "verify/cache_shard.h"

enum { SHARDS = 8, SHARDED_FROM = 256 };

struct fb__cache {
    fb_mem mem;
    fb__long_seed seed;
    fb__process process;
    uint32_t shard_count;
    fb__shard shards[];
};

fb__cache_key fb__cache_key_of(const fb__cache *cache, const char *token, size_t size)
{
    fb__cache_key key;
    fb__long_hash(&cache->seed, token, size, key.hash);
#ifdef FB_CACHE_COLLIDE /* for tests: one hash for all tokens, so that nothing but the comparison tells them apart */
    key = (fb__cache_key){{0, 0}};
#endif
    return key;
}

fb_status fb__cache_new(fb__cache **out, const fb_mem *mem, size_t entries, size_t bytes)
{
    *out = NULL;
    uint32_t shards = entries >= SHARDED_FROM ? SHARDS : 1;
    fb__cache *cache = fb__zalloc(mem, sizeof(*cache) + shards * sizeof(cache->shards[0]));
    if (cache == NULL) {
        return FB_OUT_OF_MEMORY;
    }
    cache->mem = *mem;
    fb__process_init(&cache->process);
    fb_status status = fb__random(&cache->seed, sizeof(cache->seed)) ? FB_OK : FB_INTERNAL_ERROR;
    for (uint32_t s = 0; s < shards && status == FB_OK; s++) {
        fb__shard *shard = &cache->shards[s];
        size_t capacity = entries / shards + (s < entries % shards);
        status = pthread_mutex_init(&shard->lock, NULL) == 0 ? FB_OK : FB_INTERNAL_ERROR;
        if (status == FB_OK) {
            cache->shard_count = s + 1;
            status = fb__shard_init(shard, mem, capacity, bytes / shards) ? FB_OK : FB_OUT_OF_MEMORY;
        }
    }
    if (status != FB_OK) {
        fb__cache_free(cache);
        return status;
    }
    *out = cache;
    return FB_OK;
}

void fb__cache_free(fb__cache *cache)
{
    if (cache == NULL) {
        return;
    }
    fb_mem mem = cache->mem;
    for (uint32_t s = 0; s < cache->shard_count; s++) {
        fb__shard_clear(&cache->shards[s], &mem);
        (void)pthread_mutex_destroy(&cache->shards[s].lock);
    }
    fb__free(&mem, cache);
}

/*
 * In a child of a fork: shards whose lock was free are whole and stay; one that another thread was changing is emptied,
 * and what it held is left alone, since its links cannot be trusted. False while another thread does this.
 */
static bool usable(fb__cache *cache)
{
    fb__process_state state = fb__process_check(&cache->process);
    if (state != FB__PROCESS_NEW) {
        return state == FB__PROCESS_SAME;
    }
    for (uint32_t s = 0; s < cache->shard_count; s++) {
        fb__shard *shard = &cache->shards[s];
        if (pthread_mutex_trylock(&shard->lock) == 0) {
            (void)pthread_mutex_unlock(&shard->lock);
            continue;
        }
        (void)pthread_mutex_init(&shard->lock, NULL);
        fb__shard_abandon(shard);
    }
    fb__process_done(&cache->process);
    return true;
}

static fb__shard *shard_of(fb__cache *cache, fb__cache_key key)
{
    return &cache->shards[key.hash[1] % cache->shard_count];
}

fb_result *fb__cache_get(fb__cache *cache, fb__cache_key key, const char *token, size_t size, double now,
                         fb__cache_valid *valid, const void *context)
{
    if (!usable(cache)) {
        return NULL;
    }
    fb__shard *shard = shard_of(cache, key);
    fb_result *result = NULL;
    (void)pthread_mutex_lock(&shard->lock);
    fb__entry *entry = fb__shard_find(shard, key, token, size);
    if (entry != NULL && (entry->dead_at <= now || !valid(context, entry->result, entry->generation))) {
        fb__shard_drop(shard, &cache->mem, entry);
    } else if (entry != NULL) {
        entry->hit = true;
        result = fb__result_retain(entry->result);
        atomic_store_explicit(&result->cached, true, memory_order_relaxed);
    }
    shard->hits += result != NULL;
    shard->misses += result == NULL;
    (void)pthread_mutex_unlock(&shard->lock);
    return result;
}

void fb__cache_put(fb__cache *cache, fb__cache_key key, const char *token, size_t size, uint64_t generation,
                   fb_result *result, double dead_at, double now)
{
    if (dead_at <= now || !usable(cache)) {
        return;
    }
    fb__entry *entry = fb__zalloc(&cache->mem, sizeof(*entry) + size);
    if (entry == NULL) {
        return;
    }
    entry->key = key;
    entry->result = fb__result_retain(result);
    entry->generation = generation;
    entry->dead_at = dead_at;
    entry->bytes = sizeof(*entry) + size + result->bytes;
    entry->size = size;
    memcpy(entry->token, token, size);
    fb__shard *shard = shard_of(cache, key);
    (void)pthread_mutex_lock(&shard->lock);
    fb__entry *old = fb__shard_find(shard, key, token, size);
    if (old != NULL) { /* several threads verified it at once: it was asked for more than once */
        entry->hit = true;
        fb__shard_drop(shard, &cache->mem, old);
    }
    bool held = fb__shard_insert(shard, &cache->mem, entry, now);
    (void)pthread_mutex_unlock(&shard->lock);
    if (!held) {
        fb__entry_free(&cache->mem, entry);
    }
}

void fb__cache_drop(fb__cache *cache, fb__cache_key key, const char *token, size_t size)
{
    if (!usable(cache)) {
        return;
    }
    fb__shard *shard = shard_of(cache, key);
    (void)pthread_mutex_lock(&shard->lock);
    fb__entry *entry = fb__shard_find(shard, key, token, size);
    if (entry != NULL) {
        fb__shard_drop(shard, &cache->mem, entry);
    }
    (void)pthread_mutex_unlock(&shard->lock);
}

bool fb__cache_attach(fb__cache *cache, fb__cache_key key, const char *token, size_t size,
                      const fb_attachment *attachment)
{
    if (!usable(cache)) {
        return false;
    }
    fb__shard *shard = shard_of(cache, key);
    (void)pthread_mutex_lock(&shard->lock);
    fb__entry *entry = fb__shard_find(shard, key, token, size);
    bool attached = entry != NULL && fb_result_attachment(entry->result) == NULL &&
                    fb__shard_grow(shard, &cache->mem, entry, attachment->bytes);
    if (attached) {
        fb__result_attach(entry->result, attachment);
    }
    (void)pthread_mutex_unlock(&shard->lock);
    return attached;
}

void fb__cache_stats(fb__cache *cache, fb_stats *out)
{
    if (!usable(cache)) {
        return;
    }
    for (uint32_t s = 0; s < cache->shard_count; s++) {
        fb__shard *shard = &cache->shards[s];
        (void)pthread_mutex_lock(&shard->lock);
        out->cache_hits += shard->hits;
        out->cache_misses += shard->misses;
        out->cache_evictions += shard->evictions;
        out->cache_entries += shard->probation.entries + shard->main.entries;
        out->cache_bytes += shard->probation.bytes + shard->main.bytes;
        (void)pthread_mutex_unlock(&shard->lock);
    }
}
