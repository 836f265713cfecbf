/*
 * Proofs that have been accepted, so that none is accepted twice (RFC 9449 section 11.1). Given only proofs that passed
 * everything else: whether one is new and that it is known from now on is one step under one lock, so that of equal
 * proofs that come at once exactly one passes. What is remembered is a keyed hash of 128 bits, whose collisions nobody
 * can look for.
 *
 * The set is divided by hash into shards, each with its lock and a queue by age, in a ring that grows when it is
 * needed. All of them together hold at most the capacity; beyond it the oldest of a shard goes.
 */
#include "proof/proof.h"

#include <sched.h>

/* SWEEP: how many that are too old go at one insertion, which keeps the time that it takes small. */
enum { SHARDS = 16, SHARDED_FROM = 4096, FIRST_ROOM = 32, SWEEP = 64 };

struct entry {
    uint64_t hash[2];
    double expires_at;
    uint32_t next; /* in the chain of its bucket: an index and 1; 0: none */
};

struct shard {
    pthread_mutex_t lock;
    struct entry *ring;
    uint32_t *buckets; /* an index and 1; as many as bucket_mask says */
    uint32_t room, bucket_mask;
    uint32_t oldest, count;
    uint64_t evictions;
};

struct fb__replay {
    fb_mem mem;
    uint64_t seed[2];
    fb__process process;
    uint32_t capacity;
    atomic_uint count; /* of all shards */
    uint32_t shard_count;
    struct shard shards[SHARDS];
};

fb_status fb__replay_new(fb__replay **out, const fb_mem *mem, size_t capacity)
{
    *out = NULL;
    fb__replay *set = fb__zalloc(mem, sizeof(*set));
    if (set == NULL) {
        return FB_OUT_OF_MEMORY;
    }
    set->mem = *mem;
    set->capacity = (uint32_t)capacity;
    fb__process_init(&set->process);
    bool made = fb__random(set->seed, sizeof(set->seed));
    const uint32_t shards = capacity < SHARDED_FROM ? 1 : SHARDS;
    while (made && set->shard_count < shards) {
        made = pthread_mutex_init(&set->shards[set->shard_count].lock, NULL) == 0;
        set->shard_count += made;
    }
    if (!made) {
        fb__replay_free(set);
        return FB_INTERNAL_ERROR;
    }
    *out = set;
    return FB_OK;
}

void fb__replay_free(fb__replay *set)
{
    if (set == NULL) {
        return;
    }
    const fb_mem mem = set->mem;
    for (uint32_t i = 0; i < set->shard_count; i++) {
        fb__free(&mem, set->shards[i].ring);
        fb__free(&mem, set->shards[i].buckets);
        (void)pthread_mutex_destroy(&set->shards[i].lock);
    }
    fb__free(&mem, set);
}

/*
 * In a child of a fork the set is the child's own copy. A fork waits for those who are inside the gate, as everybody
 * who comes here is, so a lock that is held there belongs to one for whom it did not wait long enough: what that shard
 * holds cannot be trusted, and is left alone. The first thread to come does this, and the others wait for it: to go on
 * without it would be to accept what may be known.
 */
static void start_afresh_in_a_child(fb__replay *set)
{
    fb__process_state state = fb__process_check(&set->process);
    for (; state == FB__PROCESS_BUSY; state = fb__process_check(&set->process)) {
        (void)sched_yield();
    }
    if (state == FB__PROCESS_SAME) {
        return;
    }
    uint32_t count = 0;
    for (uint32_t i = 0; i < set->shard_count; i++) {
        struct shard *shard = &set->shards[i];
        if (pthread_mutex_trylock(&shard->lock) == 0) {
            (void)pthread_mutex_unlock(&shard->lock);
        } else {
            (void)pthread_mutex_init(&shard->lock, NULL);
            shard->ring = NULL;
            shard->buckets = NULL;
            shard->room = shard->bucket_mask = shard->oldest = shard->count = 0;
        }
        count += shard->count;
    }
    atomic_store(&set->count, count);
    fb__process_done(&set->process);
}

fb__replay_key fb__replay_key_of(const fb__replay *set, const unsigned char thumbprint[FB__THUMBPRINT], fb_slice jti)
{
    char text[FB__THUMBPRINT + FB__MAX_JTI];
    fb__replay_key key;
    memcpy(text, thumbprint, FB__THUMBPRINT);
    memcpy(text + FB__THUMBPRINT, jti.data, jti.size);
    fb__siphash(set->seed, text, FB__THUMBPRINT + jti.size, key.hash);
    return key;
}

/* ---- one shard, whose lock is held ---------------------------------------------------------- */

static bool holds(const struct shard *shard, fb__replay_key key, double now)
{
    if (shard->room == 0) {
        return false;
    }
    for (uint32_t at = shard->buckets[key.hash[0] & shard->bucket_mask]; at != 0; at = shard->ring[at - 1].next) {
        const struct entry *entry = &shard->ring[at - 1];
        if (entry->hash[0] == key.hash[0] && entry->hash[1] == key.hash[1] && entry->expires_at > now) {
            return true;
        }
    }
    return false;
}

static void link_entry(struct shard *shard, uint32_t index)
{
    struct entry *entry = &shard->ring[index];
    uint32_t *bucket = &shard->buckets[entry->hash[0] & shard->bucket_mask];
    entry->next = *bucket;
    *bucket = index + 1;
}

static void drop_oldest(fb__replay *set, struct shard *shard)
{
    const uint32_t index = shard->oldest;
    uint32_t *place = &shard->buckets[shard->ring[index].hash[0] & shard->bucket_mask];
    while (*place != index + 1) {
        place = &shard->ring[*place - 1].next;
    }
    *place = shard->ring[index].next;
    shard->oldest = (index + 1) % shard->room;
    shard->count--;
    atomic_fetch_sub_explicit(&set->count, 1, memory_order_relaxed);
}

/* Room for half as many again. False: out of memory, and nothing has changed. */
static bool grow(fb__replay *set, struct shard *shard)
{
    uint32_t room = shard->room < FIRST_ROOM ? FIRST_ROOM : shard->room + shard->room / 2;
    room = room < set->capacity ? room : set->capacity + 1; /* see insert */
    uint32_t buckets = 1;
    while (buckets < room) {
        buckets *= 2;
    }
    struct entry *ring = fb__alloc(&set->mem, fb__size_multiply(room, sizeof(*ring)));
    uint32_t *table = fb__zalloc(&set->mem, fb__size_multiply(buckets, sizeof(*table)));
    if (ring == NULL || table == NULL) {
        fb__free(&set->mem, ring);
        fb__free(&set->mem, table);
        return false;
    }
    for (uint32_t i = 0; i < shard->count; i++) {
        ring[i] = shard->ring[(shard->oldest + i) % shard->room];
    }
    fb__free(&set->mem, shard->ring);
    fb__free(&set->mem, shard->buckets);
    shard->ring = ring;
    shard->buckets = table;
    shard->room = room;
    shard->bucket_mask = buckets - 1;
    shard->oldest = 0;
    for (uint32_t i = 0; i < shard->count; i++) {
        link_entry(shard, i);
    }
    return true;
}

static fb_status insert(fb__replay *set, struct shard *shard, fb__replay_key key, double expires_at, double now)
{
    for (int i = 0; i < SWEEP && shard->count > 0 && shard->ring[shard->oldest].expires_at <= now; i++) {
        drop_oldest(set, shard);
    }
    if (holds(shard, key, now)) {
        return FB_PROOF_REPLAYED;
    }
    /* Before the oldest goes: what fails for want of memory changes nothing. One more than the capacity fits for that
     * moment. */
    if (shard->count == shard->room && !grow(set, shard)) {
        return FB_OUT_OF_MEMORY;
    }
    const uint32_t index = (shard->oldest + shard->count) % shard->room;
    shard->ring[index] = (struct entry){{key.hash[0], key.hash[1]}, expires_at, 0};
    link_entry(shard, index);
    shard->count++;
    if (atomic_fetch_add_explicit(&set->count, 1, memory_order_relaxed) >= set->capacity && shard->count > 1) {
        shard->evictions += shard->ring[shard->oldest].expires_at > now;
        drop_oldest(set, shard);
    }
    return FB_OK;
}

/* ---- the set -------------------------------------------------------------------------------- */

static struct shard *shard_of(fb__replay *set, fb__replay_key key)
{
    return &set->shards[key.hash[1] % set->shard_count];
}

bool fb__replay_holds(fb__replay *set, fb__replay_key key, double now)
{
    FB__INSIDE_GATE;
    start_afresh_in_a_child(set);
    struct shard *shard = shard_of(set, key);
    (void)pthread_mutex_lock(&shard->lock);
    const bool held = holds(shard, key, now);
    (void)pthread_mutex_unlock(&shard->lock);
    return held;
}

fb_status fb__replay_insert(fb__replay *set, fb__replay_key key, double expires_at, double now)
{
    FB__INSIDE_GATE;
    start_afresh_in_a_child(set);
    struct shard *shard = shard_of(set, key);
    (void)pthread_mutex_lock(&shard->lock);
    const fb_status status = insert(set, shard, key, expires_at, now);
    (void)pthread_mutex_unlock(&shard->lock);
    return status;
}

void fb__replay_stats(fb__replay *set, fb_stats *out)
{
    FB__INSIDE_GATE;
    start_afresh_in_a_child(set);
    for (uint32_t i = 0; i < set->shard_count; i++) {
        struct shard *shard = &set->shards[i];
        (void)pthread_mutex_lock(&shard->lock);
        out->replay_entries += shard->count;
        out->replay_evictions += shard->evictions;
        (void)pthread_mutex_unlock(&shard->lock);
    }
}
