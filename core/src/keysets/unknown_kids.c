/*
 * Key ids as 64-bit numbers: which of them wait for a fetch, and whether the set that it brought has them. They only
 * steer how often is fetched; which key verifies a token is jwks.c's to say, by comparison. Given unverified key ids.
 */
#include "key_source.h"

enum { GENERATION_BITS = 16 };

/* Keyed, so that nobody can choose key ids that look like one we hold. Equality of keys is never decided by it. */
static uint64_t hash_kid(const fb__key_source *source, fb_slice kid)
{
    uint64_t value = source->seed[0] ^ (kid.data == NULL ? UINT64_MAX : kid.size);
    for (size_t i = 0; i < kid.size; i++) {
        value = (value ^ (unsigned char)kid.data[i]) * 0x9e3779b97f4a7c15U;
        value ^= value >> 32;
    }
    value = (value ^ source->seed[1]) * 0xbf58476d1ce4e5b9U;
    return (value ^ value >> 29) | (uint64_t)1 << GENERATION_BITS;
}

/* A request says for which key id, and which set did not have it: a newer one may. */
uint64_t fb__kid_request(const fb__key_source *source, fb_slice kid, uint64_t seen)
{
    return (hash_kid(source, kid) & ~(uint64_t)UINT16_MAX) | (seen & UINT16_MAX);
}

bool fb__kids_have(const struct fb__kids *kids, uint64_t request)
{
    for (size_t i = 0; i < kids->count; i++) {
        if (kids->hashes[i] >> GENERATION_BITS == request >> GENERATION_BITS) {
            return true;
        }
    }
    return false;
}

/* A token without key id takes any key that fits: it stands among the key ids of every set. */
void fb__kids_collect(const fb__key_source *source, const fb__keyset *set, struct fb__kids *out)
{
    out->hashes[0] = hash_kid(source, (fb_slice){NULL, 0});
    out->count = 1;
    for (size_t i = 0; i < set->count && out->count <= FB__MAX_KEYS; i++) {
        if (set->keys[i].algs != 0 && set->keys[i].kid.data != NULL) {
            out->hashes[out->count++] = hash_kid(source, set->keys[i].kid);
        }
    }
}

void fb__kid_note(fb__key_source *source, uint64_t request)
{
    for (size_t i = 0; i < source->request_count && i < FB__MAX_REQUESTS; i++) {
        if (source->requests[i] >> GENERATION_BITS == request >> GENERATION_BITS) {
            return;
        }
    }
    if (source->request_count < FB__MAX_REQUESTS) {
        source->requests[source->request_count] = request;
    }
    source->request_count++;
}

/* Those that were not noted count as not answered, which errs on the side of fewer fetches. */
bool fb__kids_answer(const fb__key_source *source, const struct fb__kids *kids)
{
    bool answered = source->request_count <= FB__MAX_REQUESTS;
    for (size_t i = 0; answered && i < source->request_count; i++) {
        answered = fb__kids_have(kids, source->requests[i]);
    }
    return answered;
}
