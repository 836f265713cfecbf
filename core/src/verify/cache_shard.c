/*
 * One part of the token cache: which tokens it holds, and which it drops when room is needed. Given only while its lock
 * is held. Every operation is O(1).
 *
 * It has two queues, each bounded in entries and in bytes: the main queue, and a probation queue of an eighth. A new
 * entry takes what room the main queue has left; later it enters probation: what is not asked for again before it
 * reaches the end is dropped, what is moves into the main queue, which drops what was not asked for lately. So tokens
 * that are verified once, however many, large and valid, displace at most an eighth of what is held.
 */
#include "verify/cache_shard.h"

#include <math.h>

enum { SWEEP = 32, PROBATION = 8 };

void fb__entry_free(const fb_mem *mem, fb__entry *entry)
{
    fb_result_free(entry->result);
    fb__free(mem, entry);
}

static void queue_free(fb__queue *queue, const fb_mem *mem)
{
    while (queue->oldest != NULL) {
        fb__entry *entry = queue->oldest;
        queue->oldest = entry->newer;
        fb__entry_free(mem, entry);
    }
}

bool fb__shard_init(fb__shard *shard, const fb_mem *mem, size_t entries, size_t bytes)
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

void fb__shard_clear(fb__shard *shard, const fb_mem *mem)
{
    queue_free(&shard->probation, mem);
    queue_free(&shard->main, mem);
    fb__free(mem, shard->buckets);
}

static void abandon(fb__queue *queue)
{
    queue->oldest = queue->newest = NULL;
    queue->entries = queue->bytes = 0;
}

void fb__shard_abandon(fb__shard *shard)
{
    memset(shard->buckets, 0, (shard->bucket_mask + 1) * sizeof(*shard->buckets));
    abandon(&shard->probation);
    abandon(&shard->main);
}

fb__entry *fb__shard_find(const fb__shard *shard, fb__cache_key key, const char *token, size_t size)
{
    fb__entry *entry = shard->buckets[key.hash[0] & shard->bucket_mask];
    while (entry != NULL && (entry->key.hash[0] != key.hash[0] || entry->key.hash[1] != key.hash[1] ||
                             entry->size != size || memcmp(entry->token, token, size) != 0)) {
        entry = entry->next;
    }
    return entry;
}

/* ---- queues --------------------------------------------------------------------------------- */

static bool fits(const fb__queue *queue, size_t bytes)
{
    return queue->entries < queue->max_entries && bytes <= queue->max_bytes - queue->bytes;
}

static void append(fb__queue *queue, fb__entry *entry)
{
    entry->queue = queue;
    entry->newer = NULL;
    entry->older = queue->newest;
    *(queue->newest == NULL ? &queue->oldest : &queue->newest->newer) = entry;
    queue->newest = entry;
    queue->entries++;
    queue->bytes += entry->bytes;
}

static void detach(fb__entry *entry)
{
    fb__queue *queue = entry->queue;
    *(entry->older == NULL ? &queue->oldest : &entry->older->newer) = entry->newer;
    *(entry->newer == NULL ? &queue->newest : &entry->newer->older) = entry->older;
    queue->entries--;
    queue->bytes -= entry->bytes;
}

/* ---- entries -------------------------------------------------------------------------------- */

void fb__shard_drop(fb__shard *shard, const fb_mem *mem, fb__entry *entry)
{
    fb__entry **place = &shard->buckets[entry->key.hash[0] & shard->bucket_mask];
    while (*place != entry) {
        place = &(*place)->next;
    }
    *place = entry->next;
    detach(entry);
    fb__entry_free(mem, entry);
}

static void evict(fb__shard *shard, const fb_mem *mem, fb__entry *entry)
{
    shard->evictions++;
    fb__shard_drop(shard, mem, entry);
}

/* From the oldest on: what was asked for since it was last looked at is spared, once, and SWEEP of them at most. */
static void make_room_in_main(fb__shard *shard, const fb_mem *mem, size_t bytes, double now)
{
    for (unsigned step = 0; !fits(&shard->main, bytes); step++) {
        fb__entry *entry = shard->main.oldest;
        if (!entry->hit || entry->dead_at <= now || step >= SWEEP) {
            evict(shard, mem, entry);
            continue;
        }
        entry->hit = false;
        detach(entry);
        append(&shard->main, entry);
    }
}

static void make_room_in_probation(fb__shard *shard, const fb_mem *mem, size_t bytes, double now)
{
    while (!fits(&shard->probation, bytes)) {
        fb__entry *entry = shard->probation.oldest;
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

bool fb__shard_insert(fb__shard *shard, const fb_mem *mem, fb__entry *entry, double now)
{
    fb__queue *queue = &shard->main;
    if (!fits(queue, entry->bytes)) {
        queue = &shard->probation;
        if (entry->bytes > queue->max_bytes) {
            return false;
        }
        make_room_in_probation(shard, mem, entry->bytes, now);
    }
    append(queue, entry);
    fb__entry **bucket = &shard->buckets[entry->key.hash[0] & shard->bucket_mask];
    entry->next = *bucket;
    *bucket = entry;
    return true;
}

bool fb__shard_grow(fb__shard *shard, const fb_mem *mem, fb__entry *entry, size_t bytes)
{
    fb__queue *queue = entry->queue;
    if (bytes > queue->max_bytes - entry->bytes) {
        return false;
    }
    detach(entry);
    entry->bytes += bytes;
    if (queue == &shard->main) {
        make_room_in_main(shard, mem, entry->bytes, -(double)INFINITY);
    } else {
        make_room_in_probation(shard, mem, entry->bytes, -(double)INFINITY);
    }
    append(queue, entry);
    return true;
}
