/* A token cache whose results are all of one issuer: what is held is valid while this generation of keys is. */
#ifndef FB_TEST_CACHED_H
#define FB_TEST_CACHED_H

#include "verify/verify.h"

static inline bool cached_generation_is(const void *context, const fb_result *result, uint64_t generation)
{
    (void)result;
    return generation == *(const uint64_t *)context;
}

static inline fb_result *cached(fb__cache *cache, fb__cache_key key, const char *token, size_t size,
                                uint64_t generation, double now)
{
    return fb__cache_get(cache, key, token, size, now, cached_generation_is, &generation);
}

#endif
