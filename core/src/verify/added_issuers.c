/*
 * Issuers that were added while the verifier is in use: found by identifier or by number, in the order of their last
 * use, bounded. Given while resolving.c holds its lock; every operation is O(1). Nothing is freed here, since that may
 * take its time: what goes is handed back.
 */
#include "verify/resolving.h"

enum { MAX_RETIRED = 64 };

bool fb__added_init(fb__added_issuers *added, const fb_mem *mem, size_t max, uint64_t first)
{
    size_t buckets = 1;
    while (buckets < max) {
        buckets *= 2;
    }
    added->max = max;
    added->bucket_mask = buckets - 1;
    added->first = added->next = first;
    added->by_identifier = fb__zalloc(mem, fb__size_multiply(buckets, sizeof(fb__issuer *)));
    added->by_number = fb__zalloc(mem, fb__size_multiply(buckets, sizeof(fb__issuer *)));
    return added->by_identifier != NULL && added->by_number != NULL;
}

void fb__added_clear(fb__added_issuers *added, const fb_mem *mem)
{
    for (fb__issuer *issuer = added->oldest, *next; issuer != NULL; issuer = next) {
        next = issuer->added.newer;
        fb__issuer_leave(issuer);
    }
    for (fb__issuer *issuer = added->retired, *next; issuer != NULL; issuer = next) {
        next = issuer->added.older;
        fb__issuer_leave(issuer);
    }
    fb__free(mem, added->by_identifier);
    fb__free(mem, added->by_number);
}

void fb__added_abandon(fb__added_issuers *added)
{
    const size_t buckets = added->bucket_mask + 1;
    memset(added->by_identifier, 0, buckets * sizeof(fb__issuer *));
    memset(added->by_number, 0, buckets * sizeof(fb__issuer *));
    added->oldest = added->newest = added->retired = NULL;
    added->count = 0;
    added->first = ++added->next; /* whoever came in at the fork may have the last number */
}

/* ---- finding --------------------------------------------------------------------------------- */

static fb__issuer **identifier_bucket(const fb__added_issuers *added, fb__identifier_hash hash)
{
    return &added->by_identifier[hash.half[0] & added->bucket_mask];
}

static fb__issuer **number_bucket(const fb__added_issuers *added, uint64_t number)
{
    return &added->by_number[number & added->bucket_mask];
}

fb__issuer *fb__added_find(const fb__added_issuers *added, fb__identifier_hash hash, fb_slice identifier)
{
    fb__issuer *issuer = *identifier_bucket(added, hash);
    while (issuer != NULL &&
           (issuer->added.hash[0] != hash.half[0] || !fb__slice_equal(fb__issuer_identifier(issuer), identifier))) {
        issuer = issuer->added.next_by_identifier;
    }
    return issuer;
}

fb__issuer *fb__added_find_number(const fb__added_issuers *added, uint64_t number)
{
    fb__issuer *issuer = *number_bucket(added, number);
    while (issuer != NULL && issuer->number != number) {
        issuer = issuer->added.next_by_number;
    }
    return issuer;
}

bool fb__added_holds(const fb__added_issuers *added, const fb__issuer *issuer)
{
    return issuer->number >= added->first && issuer->added.listed;
}

/* ---- the order of use ------------------------------------------------------------------------ */

static void append(fb__added_issuers *added, fb__issuer *issuer)
{
    issuer->added.newer = NULL;
    issuer->added.older = added->newest;
    *(added->newest == NULL ? &added->oldest : &added->newest->added.newer) = issuer;
    added->newest = issuer;
}

static void detach(fb__added_issuers *added, fb__issuer *issuer)
{
    fb__issuer *older = issuer->added.older, *newer = issuer->added.newer;
    *(older == NULL ? &added->oldest : &older->added.newer) = newer;
    *(newer == NULL ? &added->newest : &newer->added.older) = older;
}

void fb__added_touch(fb__added_issuers *added, fb__issuer *issuer)
{
    if (issuer != added->newest) {
        detach(added, issuer);
        append(added, issuer);
    }
}

/* ---- coming and going ------------------------------------------------------------------------ */

static void unlink_number(fb__added_issuers *added, fb__issuer *issuer)
{
    fb__issuer **at = number_bucket(added, issuer->number);
    while (*at != issuer) {
        at = &(*at)->added.next_by_number;
    }
    *at = issuer->added.next_by_number;
}

/* One that is gone is kept for the host that fetches for it, but not without bound: a host may never come back. */
static fb__issuer *retire(fb__added_issuers *added, fb__issuer *issuer)
{
    size_t count = 1;
    issuer->added.older = added->retired;
    added->retired = issuer;
    for (fb__issuer *at = issuer; at->added.older != NULL; at = at->added.older, count++) {
        fb__issuer *older = at->added.older;
        if (count == MAX_RETIRED) {
            at->added.older = NULL;
            unlink_number(added, older);
            return older;
        }
    }
    return NULL;
}

/* Returns what is to be left. */
static fb__issuer *take_out(fb__added_issuers *added, fb__issuer *issuer)
{
    fb__issuer **at = identifier_bucket(added, (fb__identifier_hash){{issuer->added.hash[0], issuer->added.hash[1]}});
    while (*at != issuer) {
        at = &(*at)->added.next_by_identifier;
    }
    *at = issuer->added.next_by_identifier;
    detach(added, issuer);
    issuer->added.listed = false;
    added->count--;
    if (issuer->added.fetching) {
        return retire(added, issuer);
    }
    unlink_number(added, issuer);
    return issuer;
}

fb__issuer *fb__added_insert(fb__added_issuers *added, fb__issuer *issuer, fb__identifier_hash hash)
{
    fb__issuer *gone = NULL, *same = fb__added_find(added, hash, fb__issuer_identifier(issuer));
    if (same != NULL) {
        gone = take_out(added, same);
    } else if (added->count == added->max) {
        gone = take_out(added, added->oldest);
        added->evictions++;
    }
    issuer->number = added->next++;
    issuer->added.listed = true;
    memcpy(issuer->added.hash, hash.half, sizeof(hash.half));
    fb__issuer **by_identifier = identifier_bucket(added, hash), **by_number = number_bucket(added, issuer->number);
    issuer->added.next_by_identifier = *by_identifier;
    issuer->added.next_by_number = *by_number;
    *by_identifier = *by_number = issuer;
    append(added, issuer);
    added->count++;
    return gone;
}

fb__issuer *fb__added_hold(fb__added_issuers *added, fb__issuer *issuer)
{
    const bool was_fetching = issuer->added.fetching;
    issuer->added.fetching = true;
    if (issuer->added.listed || was_fetching || issuer->number < added->first) {
        return NULL;
    }
    /* It went while the fetch began. */
    fb__issuer **bucket = number_bucket(added, issuer->number);
    issuer->added.next_by_number = *bucket;
    *bucket = fb__issuer_enter(issuer);
    return retire(added, issuer);
}

fb__issuer *fb__added_unhold(fb__added_issuers *added, fb__issuer *issuer)
{
    issuer->added.fetching = false;
    for (fb__issuer **at = &added->retired; *at != NULL; at = &(*at)->added.older) {
        if (*at == issuer) {
            *at = issuer->added.older;
            unlink_number(added, issuer);
            return issuer;
        }
    }
    return NULL;
}
