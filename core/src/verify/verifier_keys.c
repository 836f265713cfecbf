/*
 * The key set of a verifier: what is held, and the functions of hosts that fetch, which are the key source's by the
 * verifier's name. Nothing here takes part in a verification.
 */
#include "verify/verify.h"

#include <math.h>

/* ---- what is held --------------------------------------------------------------------------- */

fb__keyset *fb__verifier_keyset(const fb_verifier *verifier)
{
    return verifier->static_keys != NULL ? fb__keyset_retain(verifier->static_keys)
                                         : fb__key_source_keys(verifier->key_source);
}

struct fb_keys {
    fb_mem mem;
    fb__keyset *set; /* a reference: the texts are its */
    size_t count;
    fb_key_info infos[];
};

static void describe(fb_key_info *info, const fb__verification_key *verification_key, bool with_tables)
{
    const fb__key *key = &verification_key->key;
    info->arithmetic = fb_text("openssl");
    if (with_tables) {
        info->arithmetic = fb_text(fb__selection_name(verification_key, &info->table_bytes));
    }
    info->kid = key->kid;
    info->kty = key->kty_text;
    info->alg = key->alg_text;
    info->crv = key->crv_text;
    info->usable = key->algs != 0;
    info->problem = fb_text(key->problem);
    info->bits = key->bits;
}

fb_status fb_verifier_keys(const fb_verifier *verifier, fb_clock clock, fb_keys **out, fb_error *error)
{
    (void)clock;
    *out = NULL;
    fb__keyset *set = fb__verifier_keyset(verifier);
    size_t count = set == NULL ? 0 : set->count;
    fb_keys *keys = fb__zalloc(&verifier->mem, sizeof(*keys) + count * sizeof(keys->infos[0]));
    if (keys == NULL) {
        fb__keyset_release(set);
        return fb__out_of_memory(error);
    }
    keys->mem = verifier->mem;
    keys->set = set;
    keys->count = count;
    for (size_t i = 0; i < count; i++) {
        describe(&keys->infos[i], &set->keys[i], verifier->policy.with_tables);
    }
    *out = keys;
    return FB_OK;
}

size_t fb_keys_count(const fb_keys *keys)
{
    return keys->count;
}

const fb_key_info *fb_keys_at(const fb_keys *keys, size_t index)
{
    return index < keys->count ? &keys->infos[index] : NULL;
}

void fb_keys_free(fb_keys *keys)
{
    if (keys != NULL) {
        fb_mem mem = keys->mem;
        fb__keyset_release(keys->set);
        fb__free(&mem, keys);
    }
}

/* ---- fetching ------------------------------------------------------------------------------- */

static fb_status need_key_source(const fb_verifier *verifier, fb_error *error)
{
    return verifier->key_source != NULL
               ? FB_OK
               : fb__fail(error, FB_CONFIGURATION_INVALID, "only a verifier with jwks_uri has keys to fetch");
}

static fb_status check_call(const fb_verifier *verifier, double monotonic_seconds, fb_error *error)
{
    fb_status status = need_key_source(verifier, error);
    if (status != FB_OK) {
        return status;
    }
    return isfinite(monotonic_seconds)
               ? FB_OK
               : fb__fail(error, FB_CONFIGURATION_INVALID, "monotonic_seconds must be a finite number of seconds");
}

fb_status fb_verifier_refresh_begin(const fb_verifier *verifier, uint64_t issuer, double monotonic_seconds,
                                    fb_refresh_reason reason, uint64_t key_request, fb_fetch *out, fb_error *error)
{
    (void)issuer;
    fb_fetch fetch = FB_FETCH_INIT;
    fb_status status = check_call(verifier, monotonic_seconds, error);
    if (status != FB_OK) {
        return status;
    }
    if (!fb__fill(out, &fetch, sizeof(fetch))) {
        return fb__fail(error, FB_CONFIGURATION_INVALID, "out must start from FB_FETCH_INIT");
    }
    status = fb__key_source_begin(verifier->key_source, monotonic_seconds, reason, key_request, &fetch, error);
    if (status == FB_OK) {
        (void)fb__fill(out, &fetch, sizeof(fetch));
    }
    return status;
}

fb_status fb_verifier_refresh_complete(const fb_verifier *verifier, uint64_t issuer, uint64_t ticket,
                                       double monotonic_seconds, const fb_fetched *given, fb_fetch *next,
                                       fb_error *error)
{
    (void)issuer;
    fb_fetch following = FB_FETCH_INIT;
    fb_fetched fetched = FB_FETCHED_INIT;
    fb_status status = check_call(verifier, monotonic_seconds, error);
    if (status != FB_OK) {
        return status;
    }
    if (given->size == 0 || given->size > sizeof(fetched)) {
        return fb__fail(error, FB_CONFIGURATION_INVALID, "fetched must start from FB_FETCHED_INIT");
    }
    memcpy(&fetched, given, given->size);
    following.decision = FB_FETCH_DONE;
    if (next != NULL && !fb__fill(next, &following, sizeof(following))) {
        return fb__fail(error, FB_CONFIGURATION_INVALID, "next must start from FB_FETCH_INIT");
    }
    status = fb__key_source_complete(verifier->key_source, ticket, monotonic_seconds, &fetched,
                                     next == NULL ? NULL : &following, error);
    if (next != NULL) {
        (void)fb__fill(next, &following, sizeof(following));
    }
    return status;
}

bool fb_verifier_refresh_wait(const fb_verifier *verifier, uint64_t issuer, uint64_t ticket, double timeout)
{
    (void)issuer;
    return verifier->key_source == NULL || fb__key_source_wait(verifier->key_source, ticket, timeout);
}

bool fb_verifier_refresh_due(const fb_verifier *verifier, uint64_t issuer, double monotonic_seconds)
{
    (void)issuer;
    return verifier->key_source != NULL && isfinite(monotonic_seconds) &&
           fb__key_source_due(verifier->key_source, monotonic_seconds);
}

fb_status fb_verifier_refresh_start(const fb_verifier *verifier, uint64_t issuer, fb_refresh_reason reason,
                                    uint64_t key_request, fb_fetch *out, fb_error *error)
{
    (void)issuer;
    fb_fetch fetch = FB_FETCH_INIT;
    fb_status status = need_key_source(verifier, error);
    if (status != FB_OK) {
        return status;
    }
    if (!fb__fill(out, &fetch, sizeof(fetch))) {
        return fb__fail(error, FB_CONFIGURATION_INVALID, "out must start from FB_FETCH_INIT");
    }
    status = fb__key_source_start(verifier->key_source, reason, key_request, &fetch, error);
    if (status == FB_OK) {
        (void)fb__fill(out, &fetch, sizeof(fetch));
    }
    return status;
}

fb_status fb_verifier_refresh(const fb_verifier *verifier, uint64_t issuer, fb_refresh_reason reason,
                              uint64_t key_request, fb_error *error)
{
    (void)issuer;
    fb_status status = need_key_source(verifier, error);
    return status != FB_OK ? status : fb__key_source_refresh(verifier->key_source, reason, key_request, error);
}
