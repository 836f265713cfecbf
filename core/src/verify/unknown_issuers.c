/*
 * Identifiers that the host's resolver does not know, so that a token that names one costs no second question for a
 * while. Only their hashes are held: 128 bits, keyed, of which nobody can make two equal. Given while resolving.c holds
 * its lock.
 */
#include "verify/resolving.h"

#include <math.h>

static const double REMEMBERED_FOR = 60.0;

struct fb__unknown_issuer {
    fb__identifier_hash hash;
    double until;  /* -INFINITY: forgotten, or never used */
    uint16_t next; /* index + 1, in its bucket */
    bool used;     /* it is in a bucket */
};

static uint16_t *bucket_of(const fb__unknown_issuers *unknown, fb__identifier_hash hash)
{
    return &unknown->buckets[hash.half[0] % FB__MAX_UNKNOWN_ISSUERS];
}

static struct fb__unknown_issuer *find(const fb__unknown_issuers *unknown, fb__identifier_hash hash)
{
    for (uint16_t at = *bucket_of(unknown, hash); at != 0; at = unknown->items[at - 1].next) {
        struct fb__unknown_issuer *item = &unknown->items[at - 1];
        if (item->hash.half[0] == hash.half[0] && item->hash.half[1] == hash.half[1]) {
            return item;
        }
    }
    return NULL;
}

bool fb__unknown_init(fb__unknown_issuers *unknown, const fb_mem *mem)
{
    unknown->items = fb__zalloc(mem, FB__MAX_UNKNOWN_ISSUERS * sizeof(*unknown->items));
    unknown->buckets = fb__zalloc(mem, FB__MAX_UNKNOWN_ISSUERS * sizeof(*unknown->buckets));
    return unknown->items != NULL && unknown->buckets != NULL;
}

void fb__unknown_clear(fb__unknown_issuers *unknown, const fb_mem *mem)
{
    fb__free(mem, unknown->items);
    fb__free(mem, unknown->buckets);
}

void fb__unknown_forget_all(fb__unknown_issuers *unknown)
{
    memset(unknown->items, 0, FB__MAX_UNKNOWN_ISSUERS * sizeof(*unknown->items));
    memset(unknown->buckets, 0, FB__MAX_UNKNOWN_ISSUERS * sizeof(*unknown->buckets));
    unknown->next = 0;
}

bool fb__unknown_has(const fb__unknown_issuers *unknown, fb__identifier_hash hash, double now)
{
    const struct fb__unknown_issuer *item = find(unknown, hash);
    return item != NULL && now < item->until;
}

static void unlink_item(const fb__unknown_issuers *unknown, struct fb__unknown_issuer *item)
{
    uint16_t *at = bucket_of(unknown, item->hash);
    while (&unknown->items[*at - 1] != item) {
        at = &unknown->items[*at - 1].next;
    }
    *at = item->next;
}

void fb__unknown_add(fb__unknown_issuers *unknown, fb__identifier_hash hash, double now)
{
    struct fb__unknown_issuer *item = find(unknown, hash);
    if (item != NULL) {
        item->until = now + REMEMBERED_FOR;
        return;
    }
    const size_t index = unknown->next;
    unknown->next = (index + 1) % FB__MAX_UNKNOWN_ISSUERS;
    item = &unknown->items[index];
    if (item->used) {
        unlink_item(unknown, item);
    }
    uint16_t *bucket = bucket_of(unknown, hash);
    *item = (struct fb__unknown_issuer){hash, now + REMEMBERED_FOR, *bucket, true};
    *bucket = (uint16_t)(index + 1);
}

void fb__unknown_forget(fb__unknown_issuers *unknown, fb__identifier_hash hash)
{
    struct fb__unknown_issuer *item = find(unknown, hash);
    if (item != NULL) {
        item->until = -(double)INFINITY;
    }
}

size_t fb__unknown_count(const fb__unknown_issuers *unknown, double now)
{
    size_t count = 0;
    for (size_t i = 0; i < FB__MAX_UNKNOWN_ISSUERS; i++) {
        count += unknown->items[i].used && now < unknown->items[i].until;
    }
    return count;
}
