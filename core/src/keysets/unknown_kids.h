/*
 * Key ids that a fetch in flight is to bring, as 64-bit numbers that hosts carry from fb_verify to the fetch.
 */
#ifndef FB_UNKNOWN_KIDS_H
#define FB_UNKNOWN_KIDS_H

#include "keysets/keysets.h"

enum { FB__MAX_REQUESTS = 8 };

typedef struct fb__unknown_kids {
    uint64_t seed[2];
    size_t count; /* more may be counted than are noted */
    uint64_t requests[FB__MAX_REQUESTS];
} fb__unknown_kids;

/* The key_request of the API: for which key id, and how many fetches had succeeded when it was asked about. */
uint64_t fb__unknown_kids_request(const fb__unknown_kids *kids, fb_slice kid, uint64_t succeeded);
/* Whether a fetch has succeeded since; not for 0, which is not a request. */
bool fb__unknown_kids_fetched_since(uint64_t request, uint64_t succeeded);

/* Whether the set has its key id; never for a token without one, for which "has" means nothing. */
bool fb__unknown_kids_known(const fb__unknown_kids *kids, uint64_t request, const fb__keyset *set);

void fb__unknown_kids_add(fb__unknown_kids *kids, uint64_t request);
void fb__unknown_kids_clear(fb__unknown_kids *kids);
/* Whether the set has every key id that was added. */
bool fb__unknown_kids_answered(const fb__unknown_kids *kids, const fb__keyset *set);

#endif
