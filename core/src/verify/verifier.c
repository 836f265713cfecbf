/*
 * A verifier: making one from options, and what it says of itself. What it does with a token is in verify.c, with its
 * key set in verifier_keys.c.
 */
#include "verify/verify.h"

#include <math.h>

/* ---- construction --------------------------------------------------------------------------- */

static fb_status check_options(const fb_options *options, const fb_issuer *issuer, fb_error *error)
{
    if (options->issuers == NULL || options->issuer_count != 1) {
        return fb__fail(error, FB_CONFIGURATION_INVALID, "issuers must hold one issuer");
    }
    int sources = (issuer->public_key.data != NULL) + (issuer->jwks.data != NULL) + (issuer->jwks_uri.data != NULL) +
                  (issuer->secret.data != NULL) + (options->keys_of != NULL);
    if (sources != 1) {
        return fb__fail(error, FB_CONFIGURATION_INVALID,
                        sources == 0 ? "one of public_key, jwks, jwks_uri or secret must be given"
                                     : "only one of public_key, jwks, jwks_uri and secret may be given");
    }
    if (options->keys_of != NULL && options->keys_of->key_source == NULL) {
        return fb__fail(error, FB_CONFIGURATION_INVALID, "keys_of must be a verifier that was made with jwks_uri");
    }
    if ((options->before_signature == NULL) != (options->after_signature == NULL)) {
        return fb__fail(error, FB_CONFIGURATION_INVALID, "before_signature and after_signature go together");
    }
    if (options->cache_size > UINT32_MAX / 2) {
        return fb__fail(error, FB_CONFIGURATION_INVALID, "cache_size must be below 2147483648");
    }
    return FB_OK;
}

static fb_status load_keys(fb_verifier *verifier, const fb_options *options, const fb_issuer *issuer, fb_error *error)
{
    const fb_mem *mem = &verifier->mem;
    if (options->keys_of != NULL) {
        verifier->key_source = fb__key_source_retain(options->keys_of->key_source);
        return FB_OK;
    }
    if (issuer->jwks_uri.data != NULL) {
        return fb__key_source_new(&verifier->key_source, mem, issuer, error);
    }
    if (issuer->jwks.data != NULL) {
        return fb__keyset_from_jwks(&verifier->static_keys, mem, issuer->jwks, error);
    }
    if (issuer->secret.data != NULL) {
        return fb__keyset_from_secret(&verifier->static_keys, mem, issuer->secret, verifier->policy.algs,
                                      issuer->allow_short_secret, error);
    }
    return fb__keyset_from_pem(&verifier->static_keys, mem, issuer->public_key, error);
}

/* A static key that none of the algorithms could ever use is a mistake to hear of now, not at the first token. */
static fb_status check_keys_fit(const fb_verifier *verifier, fb_error *error)
{
    const fb__keyset *keys = verifier->static_keys;
    for (size_t i = 0; keys != NULL && i < keys->count; i++) {
        if ((keys->keys[i].key.algs & verifier->policy.algs) != 0) {
            return FB_OK;
        }
    }
    return keys == NULL ? FB_OK
                        : fb__fail(error, FB_CONFIGURATION_INVALID,
                                   "algorithms: none of them can be verified with the key that was given");
}

static fb_status make_cache(fb_verifier *verifier, const fb_options *options, fb_error *error)
{
    if (options->cache_size == 0) {
        return FB_OK;
    }
    fb_status status = fb__cache_new(&verifier->cache, &verifier->mem, options->cache_size, options->cache_bytes);
    return status == FB_OK ? FB_OK : fb__reject(error, status, (fb_slice){NULL, 0});
}

/* Where it fails, fb_verifier_free frees what there is by then. */
static fb_status build(fb_verifier *verifier, const fb_options *options, const fb_issuer *issuer, fb_error *error)
{
    fb_status status = fb__policy_base_new(&verifier->base, &verifier->mem, options, error);
    if (status != FB_OK) {
        return status;
    }
    status = fb__policy_new(&verifier->policy, &verifier->mem, verifier->base, issuer, error);
    if (status != FB_OK) {
        return status;
    }
    status = load_keys(verifier, options, issuer, error);
    if (status != FB_OK) {
        return status;
    }
    status = check_keys_fit(verifier, error);
    if (status != FB_OK) {
        return status;
    }
    return make_cache(verifier, options, error);
}

fb_status fb_verifier_new(fb_verifier **out, const fb_options *given, fb_error *error)
{
    FB__INSIDE_GATE;
    *out = NULL;
    fb_options options = FB_OPTIONS_INIT;
    if (given->size == 0 || given->size > sizeof(options)) {
        return fb__fail(error, FB_CONFIGURATION_INVALID, "options must start from FB_OPTIONS_INIT");
    }
    memcpy(&options, given, given->size);
    fb_issuer issuer = FB_ISSUER_INIT;
    if (options.issuers != NULL && options.issuer_count > 0) {
        if (options.issuers->size == 0 || options.issuers->size > sizeof(issuer)) {
            return fb__fail(error, FB_CONFIGURATION_INVALID, "issuers must start from FB_ISSUER_INIT");
        }
        memcpy(&issuer, options.issuers, options.issuers->size);
    }
    fb_status status = check_options(&options, &issuer, error);
    if (status != FB_OK) {
        return status;
    }
    const fb_mem mem = options.mem == NULL ? fb__mem_default : *options.mem;
    fb_verifier *verifier = fb__zalloc(&mem, sizeof(*verifier));
    if (verifier == NULL) {
        return fb__out_of_memory(error);
    }
    verifier->mem = mem;
    verifier->before_signature = options.before_signature;
    verifier->after_signature = options.after_signature;
    verifier->signature_context = options.signature_context;
    status = build(verifier, &options, &issuer, error);
    if (status != FB_OK) {
        fb_verifier_free(verifier);
        return status;
    }
    *out = verifier;
    return fb__succeed(error);
}

void fb_verifier_free(fb_verifier *verifier)
{
    FB__INSIDE_GATE;
    if (verifier == NULL) {
        return;
    }
    fb_mem mem = verifier->mem;
    fb__cache_free(verifier->cache);
    fb__keyset_release(verifier->static_keys);
    fb__key_source_release(verifier->key_source);
    fb__policy_clear(&verifier->policy);
    fb__policy_base_release(verifier->base);
    fb__free(&mem, verifier);
}

/* ---- counters ------------------------------------------------------------------------------- */

void fb__verifier_count(const fb_verifier *verifier, fb_status status)
{
    size_t index = status == FB_OK ? 0 : fb__status_index(status);
    atomic_fetch_add_explicit(&((fb_verifier *)(uintptr_t)verifier)->outcomes[index], 1, memory_order_relaxed);
}

void fb_verifier_count_refusal(const fb_verifier *verifier, fb_status status)
{
    if (status != FB_OK) {
        fb__verifier_count(verifier, status);
    }
}

static void collect(const fb_verifier *verifier, double monotonic_seconds, fb_stats *out)
{
    out->verified = atomic_load_explicit(&verifier->outcomes[0], memory_order_relaxed);
    for (size_t i = 1; i < FB__STATUS_COUNT; i++) {
        uint64_t count = atomic_load_explicit(&verifier->outcomes[i], memory_order_relaxed);
        fb_status status = fb__status_at(i);
        /* "Fetch, then verify again" is not a verdict on a token. */
        if (count == 0 || status == FB_KEYS_NEEDED || status == FB_ISSUER_NEEDED) {
            continue;
        }
        out->rejected += count;
        out->reasons[out->reason_count].status = status;
        out->reasons[out->reason_count++].count = count;
    }
    if (verifier->cache != NULL) {
        fb__cache_stats(verifier->cache, out);
    }
    if (verifier->key_source != NULL) {
        fb__key_source_stats(verifier->key_source, monotonic_seconds, out);
    } else {
        out->keys_held = out->keys_fresh = true;
    }
    fb__keyset *set = fb__verifier_keyset(verifier);
    out->table_bytes = set == NULL ? 0 : atomic_load_explicit(&set->tables.bytes, memory_order_relaxed);
    fb__keyset_release(set);
    fb__selection_stats(out);
}

fb_status fb_verifier_stats(const fb_verifier *verifier, double monotonic_seconds, fb_stats *out, fb_error *error)
{
    if (!isfinite(monotonic_seconds)) {
        return fb__fail(error, FB_CONFIGURATION_INVALID, "monotonic_seconds must be a finite number of seconds");
    }
    fb_stats stats = FB_STATS_INIT;
    stats.issuers = 1;
    collect(verifier, monotonic_seconds, &stats);
    return fb__fill(out, &stats, sizeof(stats))
               ? fb__succeed(error)
               : fb__fail(error, FB_CONFIGURATION_INVALID, "out must start from FB_STATS_INIT");
}
