/*
 * Keys of clients, held parsed under the very text of the headers that they came in: clients come again, and send the
 * same header each time. Given only keys with which a good proof was made for a token that is bound to them.
 *
 * A key that has come once is held on probation, in an eighth of the room; one that comes again is held in the rest,
 * where the one that was used least recently goes first. So clients with any number of keys that they use once each
 * displace an eighth at most. The tables of all keys share one budget, and a key gets a table after many proofs only.
 * When the budget is used up, a key that comes often takes the table's place of one that has not come meanwhile.
 */
#include "arithmetic/arithmetic.h"
#include "proof/proof.h"

/* OPENSSL_BYTES: about what a parsed key and its contexts occupy inside OpenSSL, which does not say. */
enum {
    PROBATION = 8,
    MAX_ENTRIES = 2048,
    MAX_BYTES = 16 << 20,
    OPENSSL_BYTES = 4096,
    BUCKETS = 4096,
    USES_FOR_A_TABLE = 64
};

typedef struct fb__proof_queue {
    fb__proof_key *oldest, *newest;
    size_t entries, bytes, max_entries, max_bytes;
} fb__proof_queue;

struct fb__proof_keys {
    fb_mem mem;
    uint64_t seed[2];
    fb__process process;
    fb__tables tables;
    EVP_PKEY *p256;
    pthread_mutex_t lock;
    uint64_t clock; /* how many keys have been found */
    fb__proof_queue probation, main;
    fb__proof_key *buckets[BUCKETS];
};

fb_status fb__proof_keys_new(fb__proof_keys **out, const fb_mem *mem)
{
    *out = NULL;
    fb__proof_keys *keys = fb__zalloc(mem, sizeof(*keys));
    if (keys == NULL) {
        return FB_OUT_OF_MEMORY;
    }
    keys->mem = *mem;
    keys->tables.mem = &keys->mem;
    keys->probation.max_entries = MAX_ENTRIES / PROBATION;
    keys->probation.max_bytes = MAX_BYTES / PROBATION;
    keys->main.max_entries = MAX_ENTRIES - MAX_ENTRIES / PROBATION;
    keys->main.max_bytes = MAX_BYTES - MAX_BYTES / PROBATION;
    fb__process_init(&keys->process);
    if (!fb__random(keys->seed, sizeof(keys->seed)) || pthread_mutex_init(&keys->lock, NULL) != 0) {
        fb__free(mem, keys);
        return FB_INTERNAL_ERROR;
    }
    fb__openssl_errors errors;
    fb__openssl_begin(&errors);
    keys->p256 = fb__key_p256();
    fb__openssl_end(&errors);
    if (keys->p256 == NULL) {
        fb__proof_keys_free(keys);
        return FB_OUT_OF_MEMORY;
    }
    *out = keys;
    return FB_OK;
}

void fb__proof_key_release(fb__proof_key *key)
{
    if (key == NULL || atomic_fetch_sub_explicit(&key->references, 1, memory_order_acq_rel) != 1) {
        return;
    }
    FB__INSIDE_GATE;
    const fb_mem mem = key->mem;
    fb__verification_key_clear(&key->key, &mem);
    fb__free(&mem, key);
}

static void release_all(fb__proof_queue *queue)
{
    while (queue->oldest != NULL) {
        fb__proof_key *key = queue->oldest;
        queue->oldest = key->newer;
        fb__proof_key_release(key);
    }
}

void fb__proof_keys_free(fb__proof_keys *keys)
{
    if (keys == NULL) {
        return;
    }
    const fb_mem mem = keys->mem;
    release_all(&keys->probation);
    release_all(&keys->main);
    EVP_PKEY_free(keys->p256);
    (void)pthread_mutex_destroy(&keys->lock);
    fb__free(&mem, keys);
}

fb__tables *fb__proof_keys_tables(fb__proof_keys *keys)
{
    return &keys->tables;
}

const EVP_PKEY *fb__proof_keys_p256(const fb__proof_keys *keys)
{
    return keys->p256;
}

static void abandon(fb__proof_queue *queue)
{
    queue->oldest = queue->newest = NULL;
    queue->entries = queue->bytes = 0;
}

/* In a child of a fork, as in replay.c; what is not there is parsed again, so nobody waits. False: not now. */
static bool lock(fb__proof_keys *keys)
{
    const fb__process_state state = fb__process_check(&keys->process);
    if (state == FB__PROCESS_BUSY) {
        return false;
    }
    if (state == FB__PROCESS_NEW) {
        if (pthread_mutex_trylock(&keys->lock) == 0) {
            (void)pthread_mutex_unlock(&keys->lock);
        } else {
            (void)pthread_mutex_init(&keys->lock, NULL);
            memset(keys->buckets, 0, sizeof(keys->buckets));
            abandon(&keys->probation);
            abandon(&keys->main);
        }
        fb__process_done(&keys->process);
    }
    (void)pthread_mutex_lock(&keys->lock);
    return true;
}

static uint64_t hash_of(const fb__proof_keys *keys, fb_slice header)
{
    uint64_t hash[2];
    fb__siphash(keys->seed, header.data, header.size, hash);
    return hash[0];
}

/* ---- with the lock held --------------------------------------------------------------------- */

static fb__proof_key *find(const fb__proof_keys *keys, uint64_t hash, fb_slice header)
{
    fb__proof_key *key = keys->buckets[hash % BUCKETS];
    while (key != NULL && (key->hash != hash || !fb__slice_equal((fb_slice){key->header, key->header_size}, header))) {
        key = key->next;
    }
    return key;
}

static void detach(fb__proof_key *key)
{
    fb__proof_queue *queue = key->queue;
    *(key->older == NULL ? &queue->oldest : &key->older->newer) = key->newer;
    *(key->newer == NULL ? &queue->newest : &key->newer->older) = key->older;
    queue->entries--;
    queue->bytes -= key->bytes;
    key->queue = NULL;
}

static void append(fb__proof_queue *queue, fb__proof_key *key)
{
    key->queue = queue;
    key->newer = NULL;
    key->older = queue->newest;
    *(queue->newest == NULL ? &queue->oldest : &queue->newest->newer) = key;
    queue->newest = key;
    queue->entries++;
    queue->bytes += key->bytes;
}

/* Takes a key out, onto the list of those that are released when the lock is not held any more. */
static void drop(fb__proof_keys *keys, fb__proof_key *key, fb__proof_key **dropped)
{
    fb__proof_key **place = &keys->buckets[key->hash % BUCKETS];
    while (*place != key) {
        place = &(*place)->next;
    }
    *place = key->next;
    detach(key);
    key->next = *dropped;
    *dropped = key;
}

static void make_room(fb__proof_keys *keys, fb__proof_queue *queue, size_t bytes, fb__proof_key **dropped)
{
    while (queue->entries >= queue->max_entries || bytes > queue->max_bytes - queue->bytes) {
        drop(keys, queue->oldest, dropped);
    }
}

static bool has_table(const fb__proof_key *key)
{
    return atomic_load_explicit(&key->key.table, memory_order_relaxed) != NULL;
}

/*
 * The key has come often and has no table, which there may be no room for. Then whoever has one and has not come once
 * meanwhile goes. The queue is by age, so those are at its end.
 */
static void make_room_for_table(fb__proof_keys *keys, const fb__proof_key *key, fb__proof_key **dropped)
{
    const size_t wanted = fb__size_add(key->key.table_size, FB__TABLE_ALIGNMENT);
    size_t used = atomic_load_explicit(&keys->tables.bytes, memory_order_relaxed);
    for (fb__proof_key *at = keys->main.oldest; at->used_at < key->counted_from;) {
        fb__proof_key *newer = at->newer;
        if (used + wanted <= FB__MAX_TABLE_BYTES) {
            return;
        }
        if (has_table(at)) {
            used -= at->key.table_bytes;
            drop(keys, at, dropped);
        }
        at = newer;
    }
}

/* The key has come again. */
static void use(fb__proof_keys *keys, fb__proof_key *key, fb__proof_key **dropped)
{
    detach(key);
    make_room(keys, &keys->main, key->bytes, dropped);
    append(&keys->main, key);
    key->used_at = ++keys->clock;
    if (++key->uses % USES_FOR_A_TABLE == 0) {
        if (key->key.selection != NULL && !has_table(key)) {
            make_room_for_table(keys, key, dropped);
        }
        key->counted_from = keys->clock;
    }
}

static void insert(fb__proof_keys *keys, fb__proof_key *key, fb__proof_key **dropped)
{
    fb__proof_key **bucket = &keys->buckets[key->hash % BUCKETS];
    make_room(keys, &keys->probation, key->bytes, dropped);
    atomic_fetch_add_explicit(&key->references, 1, memory_order_relaxed);
    append(&keys->probation, key);
    key->next = *bucket;
    *bucket = key;
    key->used_at = key->counted_from = ++keys->clock;
}

/* ---- from outside --------------------------------------------------------------------------- */

static void unlock(fb__proof_keys *keys, fb__proof_key *dropped)
{
    (void)pthread_mutex_unlock(&keys->lock);
    while (dropped != NULL) {
        fb__proof_key *next = dropped->next;
        fb__proof_key_release(dropped);
        dropped = next;
    }
}

fb__proof_key *fb__proof_keys_find(fb__proof_keys *keys, fb_slice header)
{
    FB__INSIDE_GATE;
    const uint64_t hash = hash_of(keys, header);
    fb__proof_key *dropped = NULL;
    if (!lock(keys)) {
        return NULL;
    }
    fb__proof_key *key = find(keys, hash, header);
    if (key != NULL) {
        atomic_fetch_add_explicit(&key->references, 1, memory_order_relaxed);
        use(keys, key, &dropped);
    }
    unlock(keys, dropped);
    return key;
}

void fb__proof_keys_keep(fb__proof_keys *keys, fb__proof_key *key)
{
    FB__INSIDE_GATE;
    const fb_slice header = {key->header, key->header_size};
    const size_t bytes = sizeof(*key) + key->header_size + OPENSSL_BYTES;
    const uint64_t hash = hash_of(keys, header);
    fb__proof_key *dropped = NULL;
    if (bytes > keys->probation.max_bytes || !lock(keys)) {
        return;
    }
    if (find(keys, hash, header) == NULL) { /* several threads may have read it at once */
        key->hash = hash;
        key->bytes = bytes;
        insert(keys, key, &dropped);
    }
    unlock(keys, dropped);
}

void fb__proof_keys_stats(fb__proof_keys *keys, fb_stats *out)
{
    FB__INSIDE_GATE;
    if (!lock(keys)) {
        return;
    }
    out->proof_keys += keys->probation.entries + keys->main.entries;
    unlock(keys, NULL);
    out->table_bytes += atomic_load_explicit(&keys->tables.bytes, memory_order_relaxed);
}
