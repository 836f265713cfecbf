/*
 * Target functions: fb__cache_get, _put, _stats, against a list of what may be there. Input: bytes for the
 * bounds, then two bytes an operation.
 */
#include "../core/cached.h"
#include "fuzz.h"

#include <math.h>

enum { TOKENS = 64 };

struct model {
    bool held;
    uint64_t generation;
    double dead_at;
    fb_result *result;
};

static void token_of(size_t index, char *out, size_t *size)
{
    /* Of different lengths, so that entries differ in size. */
    *size = 8 + index * 7;
    memset(out, 'a' + (int)(index % 26), *size);
    out[0] = (char)('0' + index);
}

static void put(fb__cache *cache, fb__cache_key key, fb_slice token, uint64_t generation, double dead_at, double now,
                struct model *model)
{
    fb_result *result = NULL;
    REQUIRE(fb__result_new(&result, &fb__mem_default, fb_text("eyJhIjoxfQ")) == FB_OK);
    fb__cache_put(cache, key, token.data, token.size, generation, result, dead_at, now);
    if (dead_at > now) { /* what is dead already is not put, and what was there stays */
        *model = (struct model){true, generation, dead_at, result};
    }
    fb_result_free(result);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct model model[TOKENS] = {{0}};
    const size_t entries = 1 + fuzz_byte(&data, &size) % 32, bytes = 512 + 64 * fuzz_byte(&data, &size);
    uint64_t generation = 1;
    fb__cache *cache = NULL;
    REQUIRE(fb__cache_new(&cache, &fb__mem_default, entries, bytes) == FB_OK);
    while (size >= 2) {
        const unsigned operation = fuzz_byte(&data, &size), argument = fuzz_byte(&data, &size);
        const size_t index = argument % TOKENS;
        char token[8 + TOKENS * 7];
        size_t length;
        token_of(index, token, &length);
        const fb__cache_key key = fb__cache_key_of(cache, token, length);
        struct model *expected = &model[index];
        const double now = FUZZ_NOW + operation / 8.0;
        fb_result *result = NULL;
        switch (operation % 5) {
        case 0:
        case 1:
            put(cache, key, (fb_slice){token, length}, generation, argument >= 128 ? (double)INFINITY : now + argument,
                now, expected);
            break;
        case 2:
            result = cached(cache, key, token, length, generation, now);
            REQUIRE(result == NULL || (expected->held && expected->generation == generation &&
                                       expected->result == result && expected->dead_at > now));
            fb_result_free(result);
            break;
        case 3:
            /* Outdated keys end it, and the old ones coming back does not bring it back. */
            REQUIRE(cached(cache, key, token, length, generation + 1, now) == NULL);
            expected->held = false;
            REQUIRE(cached(cache, key, token, length, generation, now) == NULL);
            break;
        default:
            generation += operation % 2;
            break;
        }
        fb_stats stats = FB_STATS_INIT;
        memset(&stats, 0, sizeof(stats));
        fb__cache_stats(cache, &stats);
        REQUIRE(stats.cache_bytes <= bytes && stats.cache_entries <= entries);
    }
    fb__cache_free(cache);
    return 0;
}
