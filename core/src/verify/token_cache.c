/*
 * Verified tokens, so that the second sight of one costs a hash and a comparison. Given only results that passed
 * everything; it decides nothing about a token: whoever gets a hit checks the times again.
 *
 * A hit needs the whole token to be equal; the hash (keyed, so that nobody can aim at a bucket) only finds the place.
 * Each shard has two parts, each bounded in entries and in bytes: the main part, and a probation queue of an eighth. A
 * newcomer takes what room the main part has left, later it enters the queue: what is not asked for again before it
 * reaches the end is dropped, what is moves into the main part, which gives up what was not asked for lately. So tokens
 * that are seen once, however many, large and valid, displace at most an eighth of the cache. Every operation is O(1).
 */
#include "verify/verify.h"

#include <math.h>
enum { SHARDS = 8, SHARDED_FROM = 256, SWEEP = 32, PROBATION = 8 };

struct entry {
    struct entry *next;          /* in its bucket */
    struct entry *older, *newer; /* in its part */
    struct part *part;
    fb__cache_key key;
    fb_result *result;
    uint64_t generation;
    double dead_at;
    size_t bytes;
    bool hit; /* since it came in, or since it was last spared */
    size_t size;
    char token[];
};

struct part {
    struct entry *oldest, *newest;
    size_t entries, bytes, max_entries, max_bytes;
};

struct shard {
    pthread_mutex_t lock;
    struct entry **buckets;
    size_t bucket_mask;
    struct part probation, main;
    uint64_t hits, misses, evictions;
};

struct fb__cache {
    fb_mem mem;
    uint64_t seed[2];
    atomic_uint fork_seen, fork_claim;
    uint32_t shard_count;
    struct shard shards[];
};

static inline uint64_t rotate(uint64_t value, unsigned bits)
{
    return value << bits | value >> (64 - bits);
}

static inline void sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[2] += v[3];
    v[1] = rotate(v[1], 13) ^ v[0];
    v[3] = rotate(v[3], 16) ^ v[2];
    v[0] = rotate(v[0], 32);
    v[2] += v[1];
    v[0] += v[3];
    v[1] = rotate(v[1], 17) ^ v[2];
    v[3] = rotate(v[3], 21) ^ v[0];
    v[2] = rotate(v[2], 32);
}

/* SipHash-1-3 with 128 bits of output: a hash-table function, not a signature; equality is decided by comparison. */
fb__cache_key fb__cache_key_of(const fb__cache *cache, const char *token, size_t size)
{
    uint64_t v[4] = {cache->seed[0] ^ 0x736f6d6570736575U, cache->seed[1] ^ 0x646f72616e646f83U,
                     cache->seed[0] ^ 0x6c7967656e657261U, cache->seed[1] ^ 0x7465646279746573U};
    uint64_t word;
    size_t done = 0;
    for (; done + sizeof(word) <= size; done += sizeof(word)) {
        memcpy(&word, token + done, sizeof(word));
        v[3] ^= word;
        sip_round(v);
        v[0] ^= word;
    }
    word = (uint64_t)size << 56;
    for (size_t i = 0; i < size - done; i++) {
        word |= (uint64_t)(unsigned char)token[done + i] << (8 * i);
    }
    v[3] ^= word;
    sip_round(v);
    v[0] ^= word;
    fb__cache_key key;
    v[2] ^= 0xee;
    for (int half = 0; half < 2; half++) {
        for (int i = 0; i < 3; i++) {
            sip_round(v);
        }
        key.hash[half] = v[0] ^ v[1] ^ v[2] ^ v[3];
        v[1] ^= 0xdd;
    }
#ifdef FB_CACHE_COLLIDE /* for tests: one hash for all tokens, so that nothing but the comparison tells them apart */
    key = (fb__cache_key){{0, 0}};
#endif
    return key;
}

static bool shard_init(struct shard *shard, const fb_mem *mem, size_t entries, size_t bytes)
{
    size_t buckets = 1;
    while (buckets < entries) {
        buckets *= 2;
    }
    shard->probation.max_entries = entries < PROBATION ? 1 : entries / PROBATION;
    shard->main.max_entries = entries - shard->probation.max_entries;
    shard->probation.max_bytes = shard->main.max_entries == 0 ? bytes : bytes / PROBATION;
    shard->main.max_bytes = bytes - shard->probation.max_bytes;
    shard->bucket_mask = buckets - 1;
    shard->buckets = fb__zalloc(mem, fb__size_multiply(buckets, sizeof(*shard->buckets)));
    return shard->buckets != NULL;
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
    unsigned generation = fb__fork_generation();
    atomic_init(&cache->fork_seen, generation);
    atomic_init(&cache->fork_claim, generation);
    fb_status status = fb__random(cache->seed, sizeof(cache->seed)) ? FB_OK : FB_INTERNAL_ERROR;
    for (uint32_t s = 0; s < shards && status == FB_OK; s++) {
        struct shard *shard = &cache->shards[s];
        size_t capacity = entries / shards + (s < entries % shards);
        status = pthread_mutex_init(&shard->lock, NULL) == 0 ? FB_OK : FB_INTERNAL_ERROR;
        if (status == FB_OK) {
            cache->shard_count = s + 1;
            status = shard_init(shard, mem, capacity, bytes / shards) ? FB_OK : FB_OUT_OF_MEMORY;
        }
    }
    if (status != FB_OK) {
        fb__cache_free(cache);
        return status;
    }
    *out = cache;
    return FB_OK;
}

static void entry_free(const fb_mem *mem, struct entry *entry)
{
    fb_result_free(entry->result);
    fb__free(mem, entry);
}

static void part_free(struct part *part, const fb_mem *mem)
{
    while (part->oldest != NULL) {
        struct entry *entry = part->oldest;
        part->oldest = entry->newer;
        entry_free(mem, entry);
    }
}

void fb__cache_free(fb__cache *cache)
{
    if (cache == NULL) {
        return;
    }
    fb_mem mem = cache->mem;
    for (uint32_t s = 0; s < cache->shard_count; s++) {
        struct shard *shard = &cache->shards[s];
        part_free(&shard->probation, &mem);
        part_free(&shard->main, &mem);
        fb__free(&mem, shard->buckets);
        (void)pthread_mutex_destroy(&shard->lock);
    }
    fb__free(&mem, cache);
}

static void forget(struct part *part)
{
    part->oldest = part->newest = NULL;
    part->entries = part->bytes = 0;
}

/*
 * In a child of a fork: shards whose lock was free are whole and stay; one that another thread was changing is emptied,
 * and what it held is left alone, since its links cannot be trusted. False while another thread does this.
 */
static bool usable(fb__cache *cache)
{
    unsigned now = fb__fork_generation();
    if (atomic_load_explicit(&cache->fork_seen, memory_order_acquire) == now) {
        return true;
    }
    unsigned claim = atomic_load(&cache->fork_claim);
    if (claim == now || !atomic_compare_exchange_strong(&cache->fork_claim, &claim, now)) {
        return false;
    }
    for (uint32_t s = 0; s < cache->shard_count; s++) {
        struct shard *shard = &cache->shards[s];
        if (pthread_mutex_trylock(&shard->lock) == 0) {
            (void)pthread_mutex_unlock(&shard->lock);
            continue;
        }
        (void)pthread_mutex_init(&shard->lock, NULL);
        memset(shard->buckets, 0, (shard->bucket_mask + 1) * sizeof(*shard->buckets));
        forget(&shard->probation);
        forget(&shard->main);
    }
    atomic_store_explicit(&cache->fork_seen, now, memory_order_release);
    return true;
}

static struct shard *shard_of(fb__cache *cache, fb__cache_key key)
{
    return &cache->shards[key.hash[1] % cache->shard_count];
}

static struct entry **place_of(struct shard *shard, fb__cache_key key, const char *token, size_t size)
{
    struct entry **place = &shard->buckets[key.hash[0] & shard->bucket_mask];
    while (*place != NULL) {
        struct entry *entry = *place;
        if (entry->key.hash[0] == key.hash[0] && entry->key.hash[1] == key.hash[1] && entry->size == size &&
            memcmp(entry->token, token, size) == 0) {
            break;
        }
        place = &entry->next;
    }
    return place;
}

static bool fits(const struct part *part, size_t bytes)
{
    return part->entries < part->max_entries && bytes <= part->max_bytes - part->bytes;
}

static void append(struct part *part, struct entry *entry)
{
    entry->part = part;
    entry->newer = NULL;
    entry->older = part->newest;
    *(part->newest == NULL ? &part->oldest : &part->newest->newer) = entry;
    part->newest = entry;
    part->entries++;
    part->bytes += entry->bytes;
}

static void detach(struct entry *entry)
{
    struct part *part = entry->part;
    *(entry->older == NULL ? &part->oldest : &entry->older->newer) = entry->newer;
    *(entry->newer == NULL ? &part->newest : &entry->newer->older) = entry->older;
    part->entries--;
    part->bytes -= entry->bytes;
}

static void drop(struct shard *shard, const fb_mem *mem, struct entry *entry)
{
    struct entry **place = &shard->buckets[entry->key.hash[0] & shard->bucket_mask];
    while (*place != entry) {
        place = &(*place)->next;
    }
    *place = entry->next;
    detach(entry);
    entry_free(mem, entry);
}

static void evict(struct shard *shard, const fb_mem *mem, struct entry *entry)
{
    shard->evictions++;
    drop(shard, mem, entry);
}

/* From the oldest on: what was asked for since it was last looked at is spared, once, and SWEEP of them at most. */
static void make_room_in_main(struct shard *shard, const fb_mem *mem, size_t bytes, double now)
{
    for (unsigned step = 0; !fits(&shard->main, bytes); step++) {
        struct entry *entry = shard->main.oldest;
        if (!entry->hit || entry->dead_at <= now || step >= SWEEP) {
            evict(shard, mem, entry);
            continue;
        }
        entry->hit = false;
        detach(entry);
        append(&shard->main, entry);
    }
}

static void make_room_in_probation(struct shard *shard, const fb_mem *mem, size_t bytes, double now)
{
    while (!fits(&shard->probation, bytes)) {
        struct entry *entry = shard->probation.oldest;
        if (!entry->hit || entry->dead_at <= now || shard->main.max_entries == 0) {
            evict(shard, mem, entry);
            continue;
        }
        make_room_in_main(shard, mem, entry->bytes, now);
        entry->hit = false;
        detach(entry);
        append(&shard->main, entry);
    }
}

fb_result *fb__cache_get(fb__cache *cache, fb__cache_key key, const char *token, size_t size, uint64_t generation,
                         double now)
{
    if (!usable(cache)) {
        return NULL;
    }
    struct shard *shard = shard_of(cache, key);
    fb_result *result = NULL;
    (void)pthread_mutex_lock(&shard->lock);
    struct entry *entry = *place_of(shard, key, token, size);
    if (entry != NULL && (entry->generation != generation || entry->dead_at <= now)) {
        drop(shard, &cache->mem, entry);
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

/* False: there is no room that it may have. */
static bool insert(struct shard *shard, const fb_mem *mem, struct entry *entry, double now)
{
    struct part *part = &shard->main;
    if (!fits(part, entry->bytes)) {
        part = &shard->probation;
        if (entry->bytes > part->max_bytes) {
            return false;
        }
        make_room_in_probation(shard, mem, entry->bytes, now);
    }
    append(part, entry);
    struct entry **bucket = &shard->buckets[entry->key.hash[0] & shard->bucket_mask];
    entry->next = *bucket;
    *bucket = entry;
    return true;
}

void fb__cache_put(fb__cache *cache, fb__cache_key key, const char *token, size_t size, uint64_t generation,
                   fb_result *result, double dead_at, double now)
{
    if (dead_at <= now || !usable(cache)) {
        return;
    }
    struct entry *entry = fb__zalloc(&cache->mem, sizeof(*entry) + size);
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
    struct shard *shard = shard_of(cache, key);
    (void)pthread_mutex_lock(&shard->lock);
    struct entry *old = *place_of(shard, key, token, size);
    if (old != NULL) { /* several threads verified it at once: it was asked for more than once */
        entry->hit = true;
        drop(shard, &cache->mem, old);
    }
    bool held = insert(shard, &cache->mem, entry, now);
    (void)pthread_mutex_unlock(&shard->lock);
    if (!held) {
        entry_free(&cache->mem, entry);
    }
}

/* Where it is, with more bytes; not at its own expense. */
static bool grow(struct shard *shard, const fb_mem *mem, struct entry *entry, size_t bytes)
{
    struct part *part = entry->part;
    if (bytes > part->max_bytes - entry->bytes) {
        return false;
    }
    detach(entry);
    entry->bytes += bytes;
    if (part == &shard->main) {
        make_room_in_main(shard, mem, entry->bytes, -(double)INFINITY);
    } else {
        make_room_in_probation(shard, mem, entry->bytes, -(double)INFINITY);
    }
    append(part, entry);
    return true;
}

bool fb__cache_attach(fb__cache *cache, fb__cache_key key, const char *token, size_t size,
                      const fb_attachment *attachment)
{
    if (!usable(cache)) {
        return false;
    }
    struct shard *shard = shard_of(cache, key);
    (void)pthread_mutex_lock(&shard->lock);
    struct entry *entry = *place_of(shard, key, token, size);
    bool attached = entry != NULL && fb_result_attachment(entry->result) == NULL &&
                    grow(shard, &cache->mem, entry, attachment->bytes);
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
        struct shard *shard = &cache->shards[s];
        (void)pthread_mutex_lock(&shard->lock);
        out->cache_hits += shard->hits;
        out->cache_misses += shard->misses;
        out->cache_evictions += shard->evictions;
        out->cache_entries += shard->probation.entries + shard->main.entries;
        out->cache_bytes += shard->probation.bytes + shard->main.bytes;
        (void)pthread_mutex_unlock(&shard->lock);
    }
}
