/*
 * A set of revocations from within: what its readers (revocations.c) and its writers (revoking.c) share.
 */
#ifndef FB_REVOCATIONS_H
#define FB_REVOCATIONS_H

#include "status/status.h"

#include <math.h>

enum { FB__REVOCATION_SHARDS = 16 };

typedef struct fb__revocation_shard {
    pthread_mutex_t lock;
    fb__revoked_table table;
} fb__revocation_shard;

struct fb_revocations {
    atomic_size_t references;
    fb_mem mem;
    uint64_t seed[2];
    fb__process process;
    size_t max_entries;
    /* Read without a lock. Those that have run out are counted until they are dropped. */
    atomic_size_t tokens, subjects;
    atomic_bool lost; /* in a child: something that was held is not known any more */
    atomic_uint_least64_t hits;
    fb__revocation_shard shards[FB__REVOCATION_SHARDS];

    pthread_mutex_t writing; /* for what follows, and before any shard is changed */
    bool refilling;
    uint32_t round;
    double sweep_at; /* Unix seconds: nothing that is held runs out before */
    uint64_t refused;
};

/* To be called first, inside the gate: what a child of a fork cannot know any more is marked as lost. */
void fb__revocations_follow_fork(fb_revocations *set);

/* A jti and a sub that are equal texts are two names, and so are an issuer that is empty and none. */
void fb__revocation_hash(const fb_revocations *set, fb_slice issuer, fb_slice name, bool of_subject, uint64_t out[2]);

static inline fb__revocation_shard *fb__revocation_shard_of(fb_revocations *set, const uint64_t hash[2])
{
    return &set->shards[hash[1] % FB__REVOCATION_SHARDS];
}

static inline atomic_size_t *fb__revocation_counter(fb_revocations *set, const fb__revoked *entry)
{
    return isfinite(entry->before) ? &set->subjects : &set->tokens;
}

static inline bool fb__revocation_is_held(const fb__revoked *place)
{
    return place->used && place->until > -(double)INFINITY;
}

#endif
