/*
 * The one way through: token bytes to result or reason. Each step is another file's; this one only says in which order,
 * and keeps the rule that nothing of the payload is trusted before its signature is verified: with one issuer it is not
 * even read, with several iss chooses whose keys and rules are tried, and the claims check compares it again. A
 * verification does no I/O, reads no clock and no environment; all that it changes are counters, the token cache, the
 * ready-made contexts and tables of keys, and what the key source notes about key ids.
 */
#include "verify/verify.h"

#include <math.h>

static const fb_slice nothing = {NULL, 0}, iss_name = {"iss", 3};

/* What one verification carries from step to step. */
struct work {
    const fb_verifier *verifier;
    fb_slice token;
    fb_clock clock;
    fb_error *error;
    char *buffer; /* of FB__MAX_HEADER bytes, for the header's text */
    fb__token parts;
    fb__header header;
    fb__issuer *issuer;  /* whose token it is; NULL: not known yet */
    fb__issuer *entered; /* the same, when this verification is one of its users */
    fb_result *result;   /* NULL: the payload has not been read yet */
    bool after_fetch;    /* the token has had its fetch, that of key_request */
    uint64_t key_request;
    fb__keyset *keys; /* a reference, when they can be replaced */
    fb__verification_key *key;
};

static fb_status read_payload(struct work *work)
{
    if (work->result != NULL) {
        return FB_OK;
    }
    fb_status status = fb__result_new(&work->result, &work->verifier->mem, work->parts.payload);
    return status == FB_OK ? FB_OK : fb__reject(work->error, status, nothing);
}

/* What the payload says of its issuer. It is good for finding keys and rules to try, and for nothing else. */
static fb_status read_iss(struct work *work)
{
    fb_status status = read_payload(work);
    if (status != FB_OK) {
        return status;
    }
    const size_t iss = fb_result_claim(work->result, iss_name);
    if (iss == 0) {
        return fb__reject(work->error, FB_ISS_MISSING, iss_name);
    }
    if (work->result->nodes[iss].kind != FB_STRING) {
        return fb__reject(work->error, FB_ISS_INVALID, iss_name);
    }
    return fb__result_read_iss(work->result, iss) ? FB_OK : fb__out_of_memory(work->error);
}

/* The token has had its chance: whoever resolves issuers could not say whose it is. */
static fb_status refuse_unresolved(const struct work *work, const uint64_t hash[2])
{
    const fb_status status = fb__fail(work->error, FB_KEYS_UNAVAILABLE, "the issuer could not be resolved");
    if (FB__HAS(work->error, retry_after) &&
        fb__resolving_under_way(work->verifier->resolving, hash, work->result->iss, work->clock.monotonic_seconds)) {
        work->error->retry_after = 1.0;
    }
    return status;
}

/* An exact identifier wins over a template, and there is no second try. */
static fb_status select_issuer(struct work *work)
{
    const fb_verifier *verifier = work->verifier;
    const fb_slice iss = work->result->iss;
    fb_status status = FB_ISSUER_MISMATCH;
    uint64_t hash[2];
    fb__issuers_hash(&verifier->issuers, iss, hash);
    work->issuer = fb__issuers_find_exact(&verifier->issuers, hash, iss);
    if (work->issuer == NULL && verifier->resolving != NULL) {
        status = fb__resolving_select(verifier->resolving, hash, iss, work->clock.monotonic_seconds, &work->entered);
        work->issuer = work->entered;
    }
    if (work->issuer == NULL) {
        work->issuer = fb__issuers_find_template(&verifier->issuers, iss);
    }
    if (work->issuer != NULL) {
        return FB_OK;
    }
    if (status == FB_ISSUER_NEEDED && work->after_fetch) {
        return refuse_unresolved(work, hash);
    }
    return fb__reject(work->error, status, status == FB_ISSUER_NEEDED ? nothing : iss_name);
}

static fb_status choose_issuer(struct work *work)
{
    if (work->issuer != NULL) {
        return FB_OK;
    }
    fb_status status = read_iss(work);
    return status == FB_OK ? select_issuer(work) : status;
}

static fb_status choose_key(struct work *work)
{
    const fb__issuer *issuer = work->issuer;
    if (issuer->static_keys != NULL) {
        work->keys = issuer->static_keys; /* live as long as the issuer has users: no reference needed */
        fb_status status = fb__keyset_select(work->keys, work->header.kid, work->header.alg, &work->key);
        return status == FB_OK ? FB_OK : fb__reject(work->error, status, nothing);
    }
    const fb__key_query query = {.now = work->clock.monotonic_seconds,
                                 .kid = work->header.kid,
                                 .alg = work->header.alg,
                                 .after_fetch = work->after_fetch,
                                 .key_request = work->key_request};
    return fb__key_source_select(issuer->key_source, &query, &work->keys, &work->key, work->error);
}

fb_status fb__verify_signature(const fb_verifier *verifier, fb__verification_key *key, const fb__alg *alg,
                               fb_slice signing_input, fb_slice signature, bool with_tables)
{
    const bool announced = verifier->before_signature != NULL && alg->kty != FB__KTY_OCT;
    void *before = announced ? verifier->before_signature(verifier->signature_context) : NULL;
    fb__gate_enter();
    const fb_status status = fb__signature_verify(key, alg, signing_input, signature, with_tables);
    fb__gate_leave();
    if (announced) {
        verifier->after_signature(verifier->signature_context, before);
    }
    return status;
}

static fb_status check_signature(struct work *work)
{
    const fb_status status =
        fb__verify_signature(work->verifier, work->key, work->header.alg, work->parts.signing_input,
                             work->parts.signature, work->issuer->policy.with_tables);
    return status == FB_OK ? FB_OK : fb__reject(work->error, status, nothing);
}

static fb_status check_claims(struct work *work, const fb__policy *policy)
{
    fb_status status = read_payload(work);
    if (status != FB_OK) {
        return status;
    }
    work->result->issuer = fb__issuer_retain(work->issuer);
    fb__printable(work->result->kid, sizeof(work->result->kid), work->header.kid);
    return fb__claims_check(policy, work->result, work->key->key.issuer, work->clock.unix_seconds, work->error);
}

/* The steps that are the same whoever issued the token. */
static fb_status read_header(struct work *work)
{
    fb_status status = fb__token_split(work->token.data, work->token.size, &work->parts);
    return status == FB_OK ? fb__header_read(work->parts.header, work->buffer, &work->header, work->error)
                           : fb__reject(work->error, status, nothing);
}

/* Only the issuer can say. */
static fb_status leave_to_issuer(struct work *work, fb__issuer *issuer)
{
    work->issuer = issuer;
    return fb__reject(work->error, FB_INTROSPECTION_NEEDED, nothing);
}

/* The steps when it is known by whose keys and against which policy. */
static fb_status verify_by(struct work *work, const fb__policy *policy)
{
    fb_status status = fb__header_check(policy, &work->header, work->error);
    if (status != FB_OK) {
        return status;
    }
    status = choose_key(work);
    if (status != FB_OK) {
        return status;
    }
    status = check_signature(work);
    return status == FB_OK ? check_claims(work, policy) : status;
}

/* The steps for a token that is not in the cache. */
static fb_status verify_steps(struct work *work)
{
    if (work->verifier->opaque != NULL && !fb_token_is_jwt(work->token.data, work->token.size)) {
        return fb__is_token68(work->token) ? leave_to_issuer(work, work->verifier->opaque)
                                           : fb__reject(work->error, FB_TOKEN_MALFORMED, nothing);
    }
    fb_status status = read_header(work);
    if (status != FB_OK) {
        return status;
    }
    status = choose_issuer(work);
    if (status != FB_OK) {
        return status;
    }
    if (work->issuer->introspection == FB__INTROSPECTS_ALL) {
        return leave_to_issuer(work, work->issuer);
    }
    return verify_by(work, &work->issuer->policy);
}

/* What the steps have come to, with what they needed released. */
static fb_status finish_steps(struct work *work, fb_status status, fb_result **out)
{
    if (status == FB_OK) {
        *out = work->result;
    } else {
        fb_result_free(work->result);
        if (FB__HAS(work->error, kid)) {
            fb__printable(work->error->kid, sizeof(work->error->kid), work->header.kid);
        }
    }
    if (work->keys != NULL && work->issuer->key_source != NULL) {
        fb__keyset_release(work->keys);
    }
    return status;
}

/* On success *generation is that of the keys that verified it. */
static fb_status verify_uncached(struct work *work, fb_result **out, uint64_t *generation)
{
    char buffer[FB__MAX_HEADER];
    work->buffer = buffer;
    const fb_status status = verify_steps(work);
    if (status == FB_OK) {
        *generation = work->keys->generation;
    }
    return finish_steps(work, status, out);
}

fb_status fb__verify_response(const fb_verifier *verifier, fb__issuer *issuer, const fb__question *question,
                              fb_result **out, fb_error *error)
{
    char buffer[FB__MAX_HEADER];
    const fb_introspection *said = &question->introspected->said;
    struct work work = {.verifier = verifier,
                        .token = said->response,
                        .clock = question->clock,
                        .error = error,
                        .buffer = buffer,
                        .issuer = issuer,
                        .after_fetch = said->after_fetch,
                        .key_request = said->key_request};
    *out = NULL;
    fb_status status = read_header(&work);
    if (status == FB_OK) {
        status = verify_by(&work, issuer->responses);
    }
    return finish_steps(&work, status, out);
}

static fb_status check_size(const fb_verifier *verifier, size_t size, fb_error *error)
{
    return size <= verifier->max_token_bytes ? FB_OK : fb__reject(error, FB_TOKEN_TOO_LARGE, nothing);
}

static fb_status check_call(const fb_verifier *verifier, size_t size, fb_clock clock, fb_error *error)
{
    if (!isfinite(clock.unix_seconds) || !isfinite(clock.monotonic_seconds)) {
        return fb__fail(error, FB_CONFIGURATION_INVALID, "now must be a finite number of seconds");
    }
    return check_size(verifier, size, error);
}

static fb_status verify_with_cache(struct work *work, fb_result **out)
{
    const fb_verifier *verifier = work->verifier;
    const uint64_t epoch = fb__cached_epoch();
    const fb__cache_key key = fb__cache_key_of(verifier->cache, work->token.data, work->token.size);
    *out = fb__cached_find(verifier, key, work->token, work->clock);
    if (*out != NULL) {
        work->issuer = (*out)->issuer;
        return FB_OK;
    }
    uint64_t generation;
    fb_status status = verify_uncached(work, out, &generation);
    if (status != FB_OK) {
        return status;
    }
    fb__cached_store(verifier, key, work->token, work->clock, generation ^ epoch, *out, (double)INFINITY);
    return FB_OK;
}

/* Its issuer has been asked: what that said stands in the place of a payload, and its word in that of a signature. */
static fb_status verify_introspected(struct work *work, const fb__question *question, fb_result **out)
{
    const fb_verifier *verifier = work->verifier;
    work->issuer = work->entered = fb__verifier_issuer(verifier, question->introspected->issuer);
    const fb_status status = fb__introspected_verify(verifier, work->issuer, question, out, work->error);
    if (verifier->cache == NULL) {
        return status;
    }
    const double reuse_for = question->introspected->said.reuse_for;
    const fb__cache_key key = fb__cache_key_of(verifier->cache, work->token.data, work->token.size);
    if (status == FB_OK && reuse_for > 0.0) {
        fb__cached_store(verifier, key, work->token, work->clock, 0, *out, work->clock.unix_seconds + reuse_for);
    } else if (fb__is_verdict(status)) {
        fb__cache_drop(verifier->cache, key, work->token.data, work->token.size); /* what was said before */
    }
    return status;
}

static fb_status verify_token(struct work *work, const fb__question *question, fb_result **out)
{
    const fb_verifier *verifier = work->verifier;
    uint64_t generation;
    const fb_status status = check_call(verifier, work->token.size, work->clock, work->error);
    if (status != FB_OK) {
        return status;
    }
    if (question->introspected != NULL) {
        return verify_introspected(work, question, out);
    }
    return verifier->cache == NULL ? verify_uncached(work, out, &generation) : verify_with_cache(work, out);
}

/* The token is good; whether it has been revoked is for whoever has been told to say, and whether it is in these hands
 * for whoever knows the sender. */
static fb_status check_use(const struct work *work, const fb__question *question, const fb_result *result)
{
    const fb_verifier *verifier = work->verifier;
    fb_status status = FB_OK;
    if (verifier->revocations != NULL) {
        status = verifier->check_revoked(verifier->revocations, result, work->clock.unix_seconds, work->error);
    }
    if (status == FB_OK) {
        status = question->check_sender(question->context, result, work->error);
    }
    if (status != FB_OK && FB__HAS(work->error, kid)) {
        memcpy(work->error->kid, result->kid, sizeof(result->kid));
    }
    return status;
}

fb_status fb__verify(const fb_verifier *verifier, const fb__question *question, fb_result **out, fb_error *error)
{
    struct work work = {.verifier = verifier,
                        .token = question->token,
                        .clock = question->clock,
                        .error = error,
                        .issuer = verifier->sole,
                        .after_fetch = question->after_fetch,
                        .key_request = question->key_request};
    fb_result *result = NULL;
    *out = NULL;
    fb_status status = verify_token(&work, question, &result);
    if (status == FB_OK) {
        status = check_use(&work, question, result);
    }
    if (status == FB_OK) {
        (void)fb__succeed(error);
    } else if (work.issuer != NULL && FB__HAS(error, issuer)) {
        error->issuer = work.issuer->number;
    }
    fb__verifier_count(verifier, work.issuer, status);
    fb__issuer_leave(work.entered);
    if (status == FB_OK) {
        *out = result;
    } else {
        fb_result_free(result); /* which may be the last to know the issuer */
    }
    return status;
}

/* There is no request that could show possession of a key. */
static fb_status refuse_bound(void *context, const fb_result *result, fb_error *error)
{
    const fb_verifier *verifier = context;
    const bool ignored = result->issuer->policy.ignores_confirmation;
    const bool bound = result->has_jkt || result->has_certificate_hash;
    return (bound && !ignored) || verifier->requires_dpop ? fb__reject(error, FB_PROOF_MISSING, (fb_slice){"cnf", 3})
                                                          : FB_OK;
}

fb_status fb__verify_bearer(const fb_verifier *verifier, fb__question question, fb_result **out, fb_error *error)
{
    question.check_sender = refuse_bound;
    question.context = (void *)(uintptr_t)verifier;
    return fb__verify(verifier, &question, out, error);
}

fb_status fb_verify(const fb_verifier *verifier, const char *token, size_t size, fb_clock clock, fb_result **out,
                    fb_error *error)
{
    return fb__verify_bearer(verifier, (fb__question){.token = {token, size}, .clock = clock}, out, error);
}

fb_status fb_verify_after_fetch(const fb_verifier *verifier, const char *token, size_t size, fb_clock clock,
                                uint64_t key_request, fb_result **out, fb_error *error)
{
    const fb__question question = {
        .token = {token, size}, .clock = clock, .after_fetch = true, .key_request = key_request};
    return fb__verify_bearer(verifier, question, out, error);
}

fb_status fb__verify_read_iss(const fb_verifier *verifier, fb_slice token, fb_result **out, fb_error *error)
{
    char buffer[FB__MAX_HEADER];
    struct work work = {.verifier = verifier, .token = token, .error = error, .buffer = buffer};
    *out = NULL;
    fb_status status = check_size(verifier, token.size, error);
    if (status == FB_OK) {
        status = read_header(&work);
    }
    if (status == FB_OK) {
        status = read_iss(&work);
    }
    if (status != FB_OK) {
        fb_result_free(work.result);
        return status;
    }
    *out = work.result;
    return FB_OK;
}
