/*
 * Verified tokens, so that the second sight of one costs a hash and a comparison. Given only results that passed
 * everything; it decides nothing about a token: whoever gets a hit checks the times again.
 *
 * A hit needs the whole token to be equal; the hash (keyed, so that nobody can aim at a bucket) only finds the place.
 * Each shard keeps its newest entries in a probation ring, an eighth of its room: what is not asked for again before
 * the ring comes round is dropped, what is moves into the main part, which a clock hand empties. So tokens that are
 * seen once, however many and however valid, displace at most an eighth of the cache. Bounded in entries and in bytes;
 * every operation is O(1).
 */
#include "internal.h"

#include <openssl/rand.h>

enum { SHARDS = 8, SHARDED_FROM = 256, SWEEP = 32 };

struct entry {
    struct entry *next; /* in its bucket */
    fb__cache_key key;
    fb_result *result;
    uint64_t generation;
    double dead_at;
    size_t bytes;
    uint32_t slot;
    bool hit; /* since it came in, or since the hand last passed */
    size_t size;
    char token[];
};

struct shard {
    pthread_mutex_t lock;
    struct entry **buckets, **slots;
    uint32_t *free_slots; /* of the main part */
    uint32_t bucket_mask, probation, capacity, free_count, ring_hand, clock_hand;
    size_t entries, bytes, max_bytes;
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
    return key;
}

static bool shard_init(struct shard *shard, const fb_mem *mem, uint32_t capacity, size_t max_bytes)
{
    uint32_t buckets = 1;
    while (buckets < capacity) {
        buckets *= 2;
    }
    shard->capacity = capacity;
    shard->probation = capacity < 8 ? 1 : capacity / 8;
    shard->max_bytes = max_bytes;
    shard->bucket_mask = buckets - 1;
    shard->buckets = fb__zalloc(mem, buckets * sizeof(*shard->buckets));
    shard->slots = fb__zalloc(mem, capacity * sizeof(*shard->slots));
    shard->free_slots = fb__alloc(mem, capacity * sizeof(*shard->free_slots));
    if (shard->buckets == NULL || shard->slots == NULL || shard->free_slots == NULL) {
        return false;
    }
    for (uint32_t slot = capacity; slot > shard->probation; slot--) {
        shard->free_slots[shard->free_count++] = slot - 1;
    }
    return true;
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
    fb_status status = RAND_bytes((unsigned char *)cache->seed, sizeof(cache->seed)) == 1 ? FB_OK : FB_INTERNAL_ERROR;
    for (uint32_t s = 0; s < shards && status == FB_OK; s++) {
        struct shard *shard = &cache->shards[s];
        uint32_t capacity = (uint32_t)(entries / shards + (s < entries % shards));
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

void fb__cache_free(fb__cache *cache)
{
    if (cache == NULL) {
        return;
    }
    fb_mem mem = cache->mem;
    for (uint32_t s = 0; s < cache->shard_count; s++) {
        struct shard *shard = &cache->shards[s];
        for (uint32_t i = 0; shard->slots != NULL && i < shard->capacity; i++) {
            if (shard->slots[i] != NULL) {
                entry_free(&mem, shard->slots[i]);
            }
        }
        fb__free(&mem, shard->buckets);
        fb__free(&mem, shard->slots);
        fb__free(&mem, shard->free_slots);
        (void)pthread_mutex_destroy(&shard->lock);
    }
    fb__free(&mem, cache);
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
        memset(shard->buckets, 0, ((size_t)shard->bucket_mask + 1) * sizeof(*shard->buckets));
        memset(shard->slots, 0, shard->capacity * sizeof(*shard->slots));
        shard->entries = shard->bytes = 0;
        shard->free_count = 0;
        for (uint32_t slot = shard->capacity; slot > shard->probation; slot--) {
            shard->free_slots[shard->free_count++] = slot - 1;
        }
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

static void drop(struct shard *shard, const fb_mem *mem, struct entry *entry)
{
    struct entry **place = &shard->buckets[entry->key.hash[0] & shard->bucket_mask];
    while (*place != entry) {
        place = &(*place)->next;
    }
    *place = entry->next;
    shard->slots[entry->slot] = NULL;
    if (entry->slot >= shard->probation) {
        shard->free_slots[shard->free_count++] = entry->slot;
    }
    shard->entries--;
    shard->bytes -= entry->bytes;
    entry_free(mem, entry);
}

static void evict(struct shard *shard, const fb_mem *mem, struct entry *entry)
{
    shard->evictions++;
    drop(shard, mem, entry);
}

/* Empties one slot of the main part, if it has any: the first entry that is dead or was not asked for since the last
 * round. */
static void sweep(struct shard *shard, const fb_mem *mem, double now)
{
    uint32_t main_size = shard->capacity - shard->probation;
    for (uint32_t step = 0; main_size > 0; step++) {
        uint32_t slot = shard->probation + shard->clock_hand;
        shard->clock_hand = (shard->clock_hand + 1) % main_size;
        struct entry *entry = shard->slots[slot];
        if (entry == NULL) {
            if (step >= main_size) {
                return;
            }
            continue;
        }
        if (!entry->hit || entry->dead_at <= now || step >= SWEEP) {
            evict(shard, mem, entry);
            return;
        }
        entry->hit = false;
    }
}

/* Makes the ring's next slot free: its entry moves into the main part if it was asked for again, or goes. */
static void turn_ring(struct shard *shard, const fb_mem *mem, double now)
{
    struct entry *entry = shard->slots[shard->ring_hand];
    if (entry == NULL) {
        return;
    }
    if (!entry->hit || entry->dead_at <= now || shard->capacity == shard->probation) {
        evict(shard, mem, entry);
        return;
    }
    if (shard->free_count == 0) {
        sweep(shard, mem, now);
    }
    shard->slots[entry->slot] = NULL;
    entry->slot = shard->free_slots[--shard->free_count];
    entry->hit = false;
    shard->slots[entry->slot] = entry;
}

static void make_room(struct shard *shard, const fb_mem *mem, size_t bytes, double now)
{
    for (uint32_t turns = 0; shard->bytes + bytes > shard->max_bytes && turns < shard->probation; turns++) {
        struct entry *entry = shard->slots[shard->ring_hand];
        if (entry != NULL) {
            evict(shard, mem, entry);
        }
        shard->ring_hand = (shard->ring_hand + 1) % shard->probation;
    }
    while (shard->bytes + bytes > shard->max_bytes && shard->entries > 0) {
        sweep(shard, mem, now);
    }
}

fb_result *fb__cache_get(fb__cache *cache, fb__cache_key key, const char *token, size_t size, uint64_t generation)
{
    if (!usable(cache)) {
        return NULL;
    }
    struct shard *shard = shard_of(cache, key);
    fb_result *result = NULL;
    (void)pthread_mutex_lock(&shard->lock);
    struct entry *entry = *place_of(shard, key, token, size);
    if (entry != NULL && entry->generation != generation) {
        drop(shard, &cache->mem, entry);
    } else if (entry != NULL) {
        entry->hit = true;
        result = fb__result_retain(entry->result);
    }
    shard->hits += result != NULL;
    shard->misses += result == NULL;
    (void)pthread_mutex_unlock(&shard->lock);
    return result;
}

static void insert(struct shard *shard, const fb_mem *mem, struct entry *entry, double now)
{
    make_room(shard, mem, entry->bytes, now);
    if (shard->free_count > 0) {
        entry->slot = shard->free_slots[--shard->free_count];
    } else {
        turn_ring(shard, mem, now);
        entry->slot = shard->ring_hand;
        shard->ring_hand = (shard->ring_hand + 1) % shard->probation;
    }
    shard->slots[entry->slot] = entry;
    struct entry **bucket = &shard->buckets[entry->key.hash[0] & shard->bucket_mask];
    entry->next = *bucket;
    *bucket = entry;
    shard->entries++;
    shard->bytes += entry->bytes;
}

void fb__cache_put(fb__cache *cache, fb__cache_key key, const char *token, size_t size, uint64_t generation,
                   fb_result *result, double dead_at, double now)
{
    struct shard *shard = shard_of(cache, key);
    size_t bytes = sizeof(struct entry) + size + result->bytes;
    if (dead_at <= now || bytes > shard->max_bytes || !usable(cache)) {
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
    entry->bytes = bytes;
    entry->size = size;
    memcpy(entry->token, token, size);
    (void)pthread_mutex_lock(&shard->lock);
    struct entry *old = *place_of(shard, key, token, size);
    if (old != NULL) {
        drop(shard, &cache->mem, old);
    }
    insert(shard, &cache->mem, entry, now);
    (void)pthread_mutex_unlock(&shard->lock);
}

void fb__cache_remove(fb__cache *cache, fb__cache_key key, const char *token, size_t size)
{
    if (!usable(cache)) {
        return;
    }
    struct shard *shard = shard_of(cache, key);
    (void)pthread_mutex_lock(&shard->lock);
    struct entry *entry = *place_of(shard, key, token, size);
    if (entry != NULL) {
        drop(shard, &cache->mem, entry);
    }
    (void)pthread_mutex_unlock(&shard->lock);
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
        out->cache_entries += shard->entries;
        out->cache_bytes += shard->bytes;
        (void)pthread_mutex_unlock(&shard->lock);
    }
}
