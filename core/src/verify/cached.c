/*
 * Tokens that a verifier has accepted before: what the cache holds counts only while the keys that verified it are in
 * use, and while its times hold by the caller's clock.
 */
#include "verify/verify.h"

#include <math.h>

/* What a cached result is compared with. */
struct validity {
    const fb_verifier *verifier;
    double now;
    uint64_t epoch; /* results of another one count no more */
};

/* Results from before our arithmetic contradicted OpenSSL, or from while that was found out, are not used. */
uint64_t fb__cached_epoch(void)
{
    return fb__selection_epoch() << 48;
}

/* What an issuer has said does not depend on keys. */
static bool is_listed(const fb_verifier *verifier, fb__issuer *issuer)
{
    return !fb__verifier_added(verifier, issuer) || fb__resolving_lists(verifier->resolving, issuer);
}

static bool is_valid(const void *context, const fb_result *result, uint64_t generation)
{
    const struct validity *validity = context;
    fb__issuer *issuer = result->issuer;
    uint64_t held;
    if (result->introspected) {
        return is_listed(validity->verifier, issuer);
    }
    const bool usable = fb__verifier_added(validity->verifier, issuer)
                            ? fb__resolving_generation(validity->verifier->resolving, issuer, validity->now, &held)
                            : fb__issuer_generation(issuer, validity->now, &held);
    return usable && generation == (held ^ validity->epoch);
}

fb_result *fb__cached_find(const fb_verifier *verifier, fb__cache_key key, fb_slice token, fb_clock clock)
{
    const struct validity validity = {verifier, clock.monotonic_seconds, fb__cached_epoch()};
    const double now = clock.unix_seconds;
    fb_result *result = fb__cache_get(verifier->cache, key, token.data, token.size, now, is_valid, &validity);
    if (result != NULL && fb__claims_check_time(&result->issuer->policy, result, now, NULL) != FB_OK) {
        fb_result_free(result);
        return NULL;
    }
    return result;
}

void fb__cached_store(const fb_verifier *verifier, fb__cache_key key, fb_slice token, fb_clock clock,
                      uint64_t generation, fb_result *result, double good_until)
{
    const double expires_at = result->has_exp ? result->exp.value + result->issuer->policy.leeway : (double)INFINITY;
    fb__cache_put(verifier->cache, key, token.data, token.size, generation, result, fmin(expires_at, good_until),
                  clock.unix_seconds);
}

bool fb_verifier_attach(const fb_verifier *verifier, const char *token, size_t size, const fb_attachment *given)
{
    fb_attachment attachment = FB_ATTACHMENT_INIT;
    if (verifier->cache == NULL || given->size == 0 || given->size > sizeof(attachment)) {
        return false;
    }
    memcpy(&attachment, given, given->size);
    if (attachment.data == NULL || attachment.release == NULL) {
        return false;
    }
    const fb__cache_key key = fb__cache_key_of(verifier->cache, token, size);
    return fb__cache_attach(verifier->cache, key, token, size, &attachment);
}
