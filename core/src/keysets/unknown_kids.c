/*
 * Key ids as 64-bit numbers: which of them wait for the fetch in flight, and whether the set that it brought has them.
 * They only steer how often is fetched; which key verifies a token is keyset.c's to say, by comparison. Given
 * unverified key ids.
 */
#include "unknown_kids.h"

/* A request is a hash above and a count of fetches below. */
enum { COUNT_BITS = 16 };

/* Keyed, so that nobody can choose key ids that look like one we hold. Never 0, which is "no request". */
static uint64_t hash_kid(const fb__unknown_kids *kids, fb_slice kid)
{
    static const uint64_t none = UINT64_MAX >> COUNT_BITS; /* odds of 2^-47 that a key id looks like it */
    uint64_t hash[2];
    fb__siphash(kids->seed, kid.data, kid.size, hash);
    return kid.data == NULL ? none : hash[0] >> COUNT_BITS | 1;
}

uint64_t fb__unknown_kids_request(const fb__unknown_kids *kids, fb_slice kid, uint64_t succeeded)
{
    return hash_kid(kids, kid) << COUNT_BITS | (succeeded & UINT16_MAX);
}

bool fb__unknown_kids_fetched_since(uint64_t request, uint64_t succeeded)
{
    return request != 0 && (request & UINT16_MAX) != (succeeded & UINT16_MAX);
}

void fb__unknown_kids_add(fb__unknown_kids *kids, uint64_t request)
{
    for (size_t i = 0; i < kids->count && i < FB__MAX_REQUESTS; i++) {
        if (kids->requests[i] >> COUNT_BITS == request >> COUNT_BITS) {
            return;
        }
    }
    if (kids->count < FB__MAX_REQUESTS) {
        kids->requests[kids->count] = request;
    }
    kids->count++;
}

void fb__unknown_kids_clear(fb__unknown_kids *kids)
{
    kids->count = 0;
}

bool fb__unknown_kids_known(const fb__unknown_kids *kids, uint64_t request, const fb__keyset *set)
{
    const uint64_t hash = request >> COUNT_BITS;
    bool found = false;
    for (size_t i = 0; i < set->count && !found; i++) {
        const fb__key *key = &set->keys[i].key;
        found = key->algs != 0 && key->kid.data != NULL && hash == hash_kid(kids, key->kid);
    }
    return found;
}

/* A token without key id takes any key that fits: every set answers it. Those that were not noted count as not
 * answered, which errs on the side of fewer fetches. */
bool fb__unknown_kids_answered(const fb__unknown_kids *kids, const fb__keyset *set)
{
    bool answered = kids->count <= FB__MAX_REQUESTS;
    for (size_t i = 0; answered && i < kids->count; i++) {
        answered = kids->requests[i] >> COUNT_BITS == hash_kid(kids, (fb_slice){NULL, 0}) ||
                   fb__unknown_kids_known(kids, kids->requests[i], set);
    }
    return answered;
}
