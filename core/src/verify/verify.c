/*
 * The one way through: token bytes to result or reason. Each step is another file's; this one only says in which order,
 * and keeps the rule that nothing of the payload is read before its signature is verified. A verification is pure but
 * for the counters, the token cache and the ready-made contexts: no I/O, no clock, no environment.
 */
#include "verify/verify.h"

#include <math.h>

static const fb_slice nothing = {NULL, 0};

/* ---- making one ----------------------------------------------------------------------------------------------------
 */

static fb_status check_options(const fb_options *options, fb_error *error)
{
    int sources = (options->public_key.data != NULL) + (options->jwks.data != NULL) + (options->jwks_uri.data != NULL) +
                  (options->secret.data != NULL) + (options->keys_of != NULL);
    if (sources != 1) {
        return fb__fail(error, FB_CONFIGURATION_INVALID,
                        sources == 0 ? "one of public_key, jwks, jwks_uri or secret must be given"
                                     : "only one of public_key, jwks, jwks_uri and secret may be given");
    }
    if (options->keys_of != NULL && options->keys_of->key_source == NULL) {
        return fb__fail(error, FB_CONFIGURATION_INVALID, "keys_of must be a verifier that was made with jwks_uri");
    }
    if (options->cache_size > UINT32_MAX / 2) {
        return fb__fail(error, FB_CONFIGURATION_INVALID, "cache_size must be below 2147483648");
    }
    return FB_OK;
}

static fb_status load_keys(fb_verifier *verifier, const fb_options *options, fb_error *error)
{
    const fb_mem *mem = &verifier->mem;
    if (options->keys_of != NULL) {
        verifier->key_source = fb__key_source_retain(options->keys_of->key_source);
        return FB_OK;
    }
    if (options->jwks_uri.data != NULL) {
        return fb__key_source_new(&verifier->key_source, mem, options, error);
    }
    if (options->jwks.data != NULL) {
        return fb__keyset_from_jwks(&verifier->static_keys, mem, options->jwks, error);
    }
    if (options->secret.data != NULL) {
        return fb__keyset_from_secret(&verifier->static_keys, mem, options->secret, verifier->policy.algs,
                                      options->allow_short_secret, error);
    }
    return fb__keyset_from_pem(&verifier->static_keys, mem, options->public_key, error);
}

/* A static key that none of the algorithms could ever use is a mistake to hear of now, not at the first token. */
static fb_status check_keys_fit(const fb_verifier *verifier, fb_error *error)
{
    const fb__keyset *keys = verifier->static_keys;
    for (size_t i = 0; keys != NULL && i < keys->count; i++) {
        if ((keys->keys[i].algs & verifier->policy.algs) != 0) {
            return FB_OK;
        }
    }
    return keys == NULL ? FB_OK
                        : fb__fail(error, FB_CONFIGURATION_INVALID,
                                   "algorithms: none of them can be verified with the key that was given");
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
    fb_status status = check_options(&options, error);
    if (status != FB_OK) {
        return status;
    }
    fb_mem mem = options.mem == NULL ? fb__mem_default : *options.mem;
    fb_verifier *verifier = fb__zalloc(&mem, sizeof(*verifier));
    if (verifier == NULL) {
        return fb__reject(error, FB_OUT_OF_MEMORY, nothing);
    }
    verifier->mem = mem;
    verifier->around_signature = options.around_signature;
    verifier->around_signature_context = options.around_signature_context;
    status = fb__policy_new(&verifier->policy, &mem, &options, error);
    if (status == FB_OK) {
        status = load_keys(verifier, &options, error);
    }
    if (status == FB_OK) {
        status = check_keys_fit(verifier, error);
    }
    if (status == FB_OK && options.cache_size > 0) {
        status = fb__cache_new(&verifier->cache, &mem, options.cache_size, options.cache_bytes);
        if (status != FB_OK) {
            (void)fb__reject(error, status, nothing);
        }
    }
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
    fb__policy_clear(&verifier->policy, &mem);
    fb__free(&mem, verifier);
}

/* ---- verifying ------------------------------------------------------------------------------ */

/* What one verification carries from step to step. */
struct work {
    const fb_verifier *verifier;
    fb_slice token;
    fb_clock clock;
    fb_error *error;
    fb__token parts;
    fb__header header;
    bool after_fetch; /* the token has had its fetch, that of key_request */
    uint64_t key_request;
    fb__keyset *keys; /* a reference, when they can be replaced */
    fb__key *key;
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
    void (*around)(void *, bool) = work->header.alg->kty == FB__KTY_OCT ? NULL : work->verifier->around_signature;
    if (around != NULL) {
        around(work->verifier->around_signature_context, true);
    }
    fb__gate_enter();
    fb_status status = fb__signature_verify(work->key, work->header.alg, work->parts.signing_input,
                                            work->parts.signature, work->verifier->policy.fast);
    fb__gate_leave();
    if (around != NULL) {
        around(work->verifier->around_signature_context, false);
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
    status = fb__claims_check(&work->verifier->policy, *out, work->clock.unix_seconds, work->error);
    if (status != FB_OK) {
        fb_result_free(*out);
        *out = NULL;
    }
    return status;
}

static void report_kid(const struct work *work)
{
    if (FB__HAS(work->error, kid)) {
        fb__printable(work->error->kid, sizeof(work->error->kid), work->header.kid);
    }
}

/* The long way, for a token that is not in the cache. On success *generation is that of the keys that verified it. */
static fb_status verify_token(struct work *work, fb_result **out, uint64_t *generation)
{
    char buffer[FB__MAX_HEADER];
    fb_status status = fb__token_split(work->token.data, work->token.size, &work->parts);
    if (status != FB_OK) {
        return fb__reject(work->error, status, nothing);
    }
    status = fb__header_read(&work->verifier->policy, work->parts.header, buffer, &work->header, work->error);
    if (status == FB_OK) {
        status = choose_key(work);
    }
    if (status == FB_OK) {
        status = check_signature(work);
    }
    if (status == FB_OK) {
        status = read_payload(work, out);
    }
    if (status == FB_OK) {
        *generation = work->keys->generation;
    } else {
        report_kid(work);
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

static fb_status verify_cached(struct work *work, fb_result **out)
{
    const fb_verifier *verifier = work->verifier;
    uint64_t held = verifier->key_source == NULL
                        ? 0
                        : fb__key_source_generation(verifier->key_source, work->clock.monotonic_seconds);
    uint64_t generation = held;
    if (verifier->cache == NULL) {
        return verify_token(work, out, &generation);
    }
    /* What was verified before our arithmetic contradicted OpenSSL, or while that was found out, answers no more. */
    const uint64_t epoch = fb__arithmetic_epoch() << 48;
    fb__cache_key key = fb__cache_key_of(verifier->cache, work->token.data, work->token.size);
    if (verifier->key_source == NULL || held != 0) {
        *out = fb__cache_get(verifier->cache, key, work->token.data, work->token.size, held ^ epoch,
                             work->clock.unix_seconds);
    }
    if (*out != NULL) {
        if (fb__claims_check_time(&verifier->policy, *out, work->clock.unix_seconds, NULL) == FB_OK) {
            return FB_OK;
        }
        fb_result_free(*out); /* the long way says why, in the same words as at first sight */
        *out = NULL;
    }
    fb_status status = verify_token(work, out, &generation);
    if (status == FB_OK) {
        double dead_at = (*out)->has_exp ? (*out)->exp.value + verifier->policy.leeway : (double)INFINITY;
        fb__cache_put(verifier->cache, key, work->token.data, work->token.size, generation ^ epoch, *out, dead_at,
                      work->clock.unix_seconds);
    }
    return status;
}

static void count_outcome(const fb_verifier *verifier, fb_status status)
{
    size_t index = status == FB_OK ? 0 : fb__status_index(status);
    atomic_fetch_add_explicit(&((fb_verifier *)(uintptr_t)verifier)->outcomes[index], 1, memory_order_relaxed);
}

static fb_status verify(struct work *work, fb_result **out)
{
    *out = NULL;
    fb_status status = check_call(work->verifier, work->token.size, work->clock, work->error);
    if (status == FB_OK) {
        status = verify_cached(work, out);
    }
    if (status == FB_OK) {
        (void)fb__succeed(work->error);
    }
    count_outcome(work->verifier, status);
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

void fb_verifier_count_refusal(const fb_verifier *verifier, fb_status status)
{
    if (status != FB_OK) {
        count_outcome(verifier, status);
    }
}

bool fb_verifier_attach(const fb_verifier *verifier, const char *token, size_t size, const fb_attachment *attachment)
{
    if (verifier->cache == NULL || attachment->size != sizeof(*attachment) || attachment->data == NULL) {
        return false;
    }
    fb__cache_key key = fb__cache_key_of(verifier->cache, token, size);
    return fb__cache_attach(verifier->cache, key, token, size, attachment);
}

/* ---- key sets behind a URL: the key source's functions, by the verifier's name -------------------- */

static fb_status need_key_source(const fb_verifier *verifier, fb_error *error)
{
    return verifier->key_source != NULL
               ? FB_OK
               : fb__fail(error, FB_CONFIGURATION_INVALID, "only a verifier with jwks_uri has keys to fetch");
}

static fb_status check_monotonic(double seconds, fb_error *error)
{
    return isfinite(seconds)
               ? FB_OK
               : fb__fail(error, FB_CONFIGURATION_INVALID, "monotonic_seconds must be a finite number of seconds");
}

fb_status fb_verifier_refresh_begin(const fb_verifier *verifier, double monotonic_seconds, fb_refresh_reason reason,
                                    uint64_t key_request, fb_fetch *out, fb_error *error)
{
    fb_fetch fetch = FB_FETCH_INIT;
    fb_status status = need_key_source(verifier, error);
    if (status == FB_OK) {
        status = check_monotonic(monotonic_seconds, error);
    }
    if (status == FB_OK && !fb__fill(out, &fetch, sizeof(fetch))) {
        status = fb__fail(error, FB_CONFIGURATION_INVALID, "out must start from FB_FETCH_INIT");
    }
    if (status != FB_OK) {
        return status;
    }
    status = fb__key_source_begin(verifier->key_source, monotonic_seconds, reason, key_request, &fetch, error);
    if (status == FB_OK) {
        (void)fb__fill(out, &fetch, sizeof(fetch));
    }
    return status;
}

fb_status fb_verifier_refresh_complete(const fb_verifier *verifier, uint64_t ticket, double monotonic_seconds,
                                       const fb_fetched *given, fb_error *error)
{
    fb_status status = need_key_source(verifier, error);
    fb_fetched fetched = FB_FETCHED_INIT;
    if (status == FB_OK && (given->size == 0 || given->size > sizeof(fetched))) {
        status = fb__fail(error, FB_CONFIGURATION_INVALID, "fetched must start from FB_FETCHED_INIT");
    }
    if (status == FB_OK) {
        status = check_monotonic(monotonic_seconds, error);
    }
    if (status != FB_OK) {
        return status;
    }
    memcpy(&fetched, given, given->size);
    return fb__key_source_complete(verifier->key_source, ticket, monotonic_seconds, &fetched, error);
}

bool fb_verifier_refresh_wait(const fb_verifier *verifier, uint64_t ticket, double timeout)
{
    return verifier->key_source == NULL || fb__key_source_wait(verifier->key_source, ticket, timeout);
}

bool fb_verifier_refresh_due(const fb_verifier *verifier, double monotonic_seconds)
{
    return verifier->key_source != NULL && isfinite(monotonic_seconds) &&
           fb__key_source_due(verifier->key_source, monotonic_seconds);
}

fb_status fb_verifier_refresh(const fb_verifier *verifier, fb_refresh_reason reason, uint64_t key_request,
                              fb_error *error)
{
    fb_status status = need_key_source(verifier, error);
    return status != FB_OK ? status : fb__key_source_refresh(verifier->key_source, reason, key_request, error);
}
