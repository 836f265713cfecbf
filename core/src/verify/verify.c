/*
 * The one way through: token bytes to result or reason. Each step is another file's; this one only says in which order,
 * and keeps the rule that nothing of the payload is read before its signature is verified. A verification does no I/O,
 * reads no clock and no environment; all that it changes are counters, the token cache, the ready-made contexts and
 * tables of keys, and what the key source notes about key ids.
 */
#include "verify/verify.h"

#include <math.h>

static const fb_slice nothing = {NULL, 0};

/* What one verification carries from step to step. */
struct work {
    const fb_verifier *verifier;
    fb_slice token;
    fb_clock clock;
    fb_error *error;
    char *buffer; /* of FB__MAX_HEADER bytes, for the header's text */
    fb__token parts;
    fb__header header;
    bool after_fetch; /* the token has had its fetch, that of key_request */
    uint64_t key_request;
    fb__keyset *keys; /* a reference, when they can be replaced */
    fb__verification_key *key;
};

static fb_status choose_key(struct work *work)
{
    const fb_verifier *verifier = work->verifier;
    if (verifier->static_keys != NULL) {
        work->keys = verifier->static_keys; /* lives as long as the verifier: no reference needed */
        fb_status status = fb__keyset_select(work->keys, work->header.kid, work->header.alg, &work->key);
        return status == FB_OK ? FB_OK : fb__reject(work->error, status, nothing);
    }
    const fb__key_query query = {.now = work->clock.monotonic_seconds,
                                 .kid = work->header.kid,
                                 .alg = work->header.alg,
                                 .after_fetch = work->after_fetch,
                                 .key_request = work->key_request};
    return fb__key_source_select(verifier->key_source, &query, &work->keys, &work->key, work->error);
}

static fb_status check_signature(struct work *work)
{
    const fb_verifier *verifier = work->verifier;
    const bool announced = verifier->before_signature != NULL && work->header.alg->kty != FB__KTY_OCT;
    void *before = announced ? verifier->before_signature(verifier->signature_context) : NULL;
    fb__gate_enter();
    fb_status status = fb__signature_verify(work->key, work->header.alg, work->parts.signing_input,
                                            work->parts.signature, verifier->policy.with_tables);
    fb__gate_leave();
    if (announced) {
        verifier->after_signature(verifier->signature_context, before);
    }
    return status == FB_OK ? FB_OK : fb__reject(work->error, status, nothing);
}

static fb_status read_payload(struct work *work, fb_result **out)
{
    fb_status status = fb__result_new(out, &work->verifier->mem, work->parts.payload);
    if (status != FB_OK) {
        return fb__reject(work->error, status, nothing);
    }
    fb__printable((*out)->kid, sizeof((*out)->kid), work->header.kid);
    status =
        fb__claims_check(&work->verifier->policy, *out, work->key->key.issuer, work->clock.unix_seconds, work->error);
    if (status != FB_OK) {
        fb_result_free(*out);
        *out = NULL;
    }
    return status;
}

/* The steps for a token that is not in the cache. */
static fb_status verify_steps(struct work *work, fb_result **out)
{
    fb_status status = fb__token_split(work->token.data, work->token.size, &work->parts);
    if (status != FB_OK) {
        return fb__reject(work->error, status, nothing);
    }
    status = fb__header_read(&work->verifier->policy, work->parts.header, work->buffer, &work->header, work->error);
    if (status != FB_OK) {
        return status;
    }
    status = choose_key(work);
    if (status != FB_OK) {
        return status;
    }
    status = check_signature(work);
    if (status != FB_OK) {
        return status;
    }
    return read_payload(work, out);
}

/* On success *generation is that of the keys that verified it. */
static fb_status verify_uncached(struct work *work, fb_result **out, uint64_t *generation)
{
    char buffer[FB__MAX_HEADER];
    work->buffer = buffer;
    fb_status status = verify_steps(work, out);
    if (status == FB_OK) {
        *generation = work->keys->generation;
    } else if (FB__HAS(work->error, kid)) {
        fb__printable(work->error->kid, sizeof(work->error->kid), work->header.kid);
    }
    if (work->verifier->key_source != NULL) {
        fb__keyset_release(work->keys);
    }
    return status;
}

static fb_status check_call(const fb_verifier *verifier, size_t size, fb_clock clock, fb_error *error)
{
    if (!isfinite(clock.unix_seconds) || !isfinite(clock.monotonic_seconds)) {
        return fb__fail(error, FB_CONFIGURATION_INVALID, "now must be a finite number of seconds");
    }
    return size <= verifier->policy.max_token_bytes ? FB_OK : fb__reject(error, FB_TOKEN_TOO_LARGE, nothing);
}

/* A result that the cache holds for this token under these keys, and whose times hold; NULL: all steps have to be gone
 * through, which say why in the words that an uncached token gets. */
static fb_result *cached_result(const struct work *work, fb__cache_key key, uint64_t generation)
{
    const fb_verifier *verifier = work->verifier;
    fb_result *result =
        fb__cache_get(verifier->cache, key, work->token.data, work->token.size, generation, work->clock.unix_seconds);
    if (result != NULL && fb__claims_check_time(&verifier->policy, result, work->clock.unix_seconds, NULL) != FB_OK) {
        fb_result_free(result);
        result = NULL;
    }
    return result;
}

static fb_status verify_with_cache(struct work *work, fb_result **out)
{
    const fb_verifier *verifier = work->verifier;
    const bool fetches = verifier->key_source != NULL;
    const uint64_t held = fetches ? fb__key_source_generation(verifier->key_source, work->clock.monotonic_seconds) : 0;
    /* Results from before our arithmetic contradicted OpenSSL, or from while that was found out, are not used. */
    const uint64_t epoch = fb__selection_epoch() << 48;
    const fb__cache_key key = fb__cache_key_of(verifier->cache, work->token.data, work->token.size);
    if (!fetches || held != 0) {
        *out = cached_result(work, key, held ^ epoch);
    }
    if (*out != NULL) {
        return FB_OK;
    }
    uint64_t generation;
    fb_status status = verify_uncached(work, out, &generation);
    if (status != FB_OK) {
        return status;
    }
    const double dead_at = (*out)->has_exp ? (*out)->exp.value + verifier->policy.leeway : (double)INFINITY;
    fb__cache_put(verifier->cache, key, work->token.data, work->token.size, generation ^ epoch, *out, dead_at,
                  work->clock.unix_seconds);
    return FB_OK;
}

static fb_status verify(struct work *work, fb_result **out)
{
    *out = NULL;
    fb_status status = check_call(work->verifier, work->token.size, work->clock, work->error);
    uint64_t generation;
    if (status == FB_OK) {
        status = work->verifier->cache == NULL ? verify_uncached(work, out, &generation) : verify_with_cache(work, out);
    }
    if (status == FB_OK) {
        (void)fb__succeed(work->error);
    }
    fb__verifier_count(work->verifier, status);
    return status;
}

fb_status fb_verify(const fb_verifier *verifier, const char *token, size_t size, fb_clock clock, fb_result **out,
                    fb_error *error)
{
    struct work work = {.verifier = verifier, .token = {token, size}, .clock = clock, .error = error};
    return verify(&work, out);
}

fb_status fb_verify_after_fetch(const fb_verifier *verifier, const char *token, size_t size, fb_clock clock,
                                uint64_t key_request, fb_result **out, fb_error *error)
{
    struct work work = {.verifier = verifier,
                        .token = {token, size},
                        .clock = clock,
                        .error = error,
                        .after_fetch = true,
                        .key_request = key_request};
    return verify(&work, out);
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
