/*
 * What is done for one issuer of a verifier: the two halves of a key-set refresh, the two halves of a resolution, and
 * what is to be known of it.
 */
#include "binding.h"

uint64_t fbnode_issuer_number(const fbnode_call *call, napi_value value)
{
    double number = fbnode_number(call, value);
    return number >= 1.0 && number < 0x1p53 ? (uint64_t)number : 0;
}

/* ---- refreshing the key set of an issuer, which is named by its number */

#define FETCH(name, type, member) {name, type, offsetof(fb_fetch, member)}

static const fbnode_field FETCH_FIELDS[] = {
    FETCH("retryAfter", FBNODE_DOUBLE, retry_after),
    FETCH("url", FBNODE_SLICE, url),
    FETCH("etag", FBNODE_CHARS, etag),
    FETCH("timeout", FBNODE_DOUBLE, timeout),
    FETCH("maxBytes", FBNODE_SIZE, max_bytes),
    FETCH("headers", FBNODE_LIST, headers),
};

/* { decision, ticket, retryAfter, url, etag, timeout, maxBytes, headers } */
static napi_value fetch_object(fbnode_call *call, const fb_fetch *fetch)
{
    fbnode_object out = fbnode_object_new(call->env);
    fbnode_set_number(&out, "decision", fetch->decision);
    fbnode_set_bigint(&out, "ticket", fetch->ticket);
    fbnode_fields_write(&out, FETCH_FIELDS, FBNODE_COUNT_OF(FETCH_FIELDS), fetch);
    fb_error error = FB_ERROR_INIT;
    (void)fbnode_outcome(call, out.value == NULL ? FB_OUT_OF_MEMORY : FB_OK, &error);
    return out.value;
}

/* (handle, issuer, reason, key request) -> what to do, see fetch_object, or a failure. */
static napi_value refresh_begin(napi_env env, napi_callback_info info)
{
    fbnode_call call;
    const fb_verifier *verifier = fbnode_open_verifier(&call, env, info);
    if (verifier == NULL) {
        return NULL;
    }
    fb_refresh_reason reason = (fb_refresh_reason)(int)fbnode_number(&call, call.arguments[2]);
    fb_fetch fetch = FB_FETCH_INIT;
    fb_error error = FB_ERROR_INIT;
    fb_status status = fb_verifier_refresh_begin(verifier, fbnode_issuer_number(&call, call.arguments[1]),
                                                 fb_clock_now().monotonic_seconds, reason,
                                                 fbnode_bigint(&call, call.arguments[3]), &fetch, &error);
    return status == FB_OK ? fetch_object(&call, &fetch) : fbnode_outcome(&call, status, &error);
}

#define FETCHED(name, type, member) {name, type, offsetof(fb_fetched, member)}

static const fbnode_field FETCHED_FIELDS[] = {
    FETCHED("failure", FBNODE_SLICE, failure),
    FETCHED("status", FBNODE_INT, http_status),
    FETCHED("body", FBNODE_SLICE, body),
    FETCHED("cacheControl", FBNODE_SLICE, cache_control),
    FETCHED("age", FBNODE_SLICE, age),
    FETCHED("etag", FBNODE_SLICE, etag),
    FETCHED("contentEncoding", FBNODE_SLICE, content_encoding),
    FETCHED("contentLength", FBNODE_SLICE, content_length),
    FETCHED("transferEncoding", FBNODE_SLICE, transfer_encoding),
};

/* (handle, issuer, ticket, { failure } or { status, body, ... }) -> what to do next, see fetch_object, or a failure. */
static napi_value refresh_complete(napi_env env, napi_callback_info info)
{
    fbnode_call call;
    const fb_verifier *verifier = fbnode_open_verifier(&call, env, info);
    if (verifier == NULL) {
        return NULL;
    }
    fbnode_reader reader = {.env = env};
    fb_fetched fetched = FB_FETCHED_INIT;
    fbnode_fields_read(&reader, call.arguments[3], FETCHED_FIELDS, FBNODE_COUNT_OF(FETCHED_FIELDS), &fetched);
    if (reader.failed) { /* the ticket must be completed in any case */
        fetched = (fb_fetched)FB_FETCHED_INIT;
        fetched.failure = fb_text("no memory for what was fetched");
    }
    fb_fetch next = FB_FETCH_INIT;
    next.decision = FB_FETCH_DONE;
    fb_error error = FB_ERROR_INIT;
    fb_status status = fb_verifier_refresh_complete(verifier, fbnode_issuer_number(&call, call.arguments[1]),
                                                    fbnode_bigint(&call, call.arguments[2]),
                                                    fb_clock_now().monotonic_seconds, &fetched, &next, &error);
    fbnode_reader_clear(&reader);
    return status == FB_OK ? fetch_object(&call, &next) : fbnode_outcome(&call, status, &error);
}

/* ---- resolving an issuer that is not known */

/* (handle, token) -> { decision, ticket, identifier }, or a failure. */
static napi_value resolve_begin(napi_env env, napi_callback_info info)
{
    fbnode_call call;
    const fb_verifier *verifier = fbnode_open_verifier(&call, env, info);
    if (verifier == NULL) {
        return NULL;
    }
    fbnode_reader reader = {.env = env};
    fb_resolution resolution = FB_RESOLUTION_INIT;
    fb_error error = FB_ERROR_INIT;
    fb_status status = FB_OUT_OF_MEMORY;
    fb_slice token = fbnode_read_text(&reader, call.arguments[1]);
    if (!reader.failed) {
        status = fb_verifier_resolve_begin(verifier, token.data, token.size, fb_clock_now().monotonic_seconds,
                                           &resolution, &error);
    }
    fbnode_reader_clear(&reader);
    if (status != FB_OK) {
        return fbnode_outcome(&call, status, &error);
    }
    fbnode_object out = fbnode_object_new(env);
    fbnode_set_number(&out, "decision", resolution.decision);
    fbnode_set_bigint(&out, "ticket", resolution.ticket);
    fbnode_set_text(&out, "identifier", (fb_slice){resolution.identifier, resolution.identifier_size});
    if (out.value == NULL && resolution.decision == FB_RESOLVE_NOW) { /* nobody else could end it */
        (void)!fb_verifier_resolve_end(verifier, resolution.ticket, FB_RESOLVE_FAILED, NULL,
                                       fb_clock_now().monotonic_seconds, NULL);
    }
    (void)fbnode_outcome(&call, out.value == NULL ? FB_OUT_OF_MEMORY : FB_OK, &error);
    return out.value;
}

/* (handle, ticket, outcome, options of the issuer or undefined) -> undefined, or the details of a failure. */
static napi_value resolve_end(napi_env env, napi_callback_info info)
{
    fbnode_call call;
    const fb_verifier *verifier = fbnode_open_verifier(&call, env, info);
    if (verifier == NULL) {
        return NULL;
    }
    fbnode_reader reader = {.env = env};
    fb_issuer issuer = FB_ISSUER_INIT;
    fb_resolve_outcome outcome = (fb_resolve_outcome)(int)fbnode_number(&call, call.arguments[2]);
    if (outcome == FB_RESOLVED) {
        issuer = fbnode_read_issuer(&reader, call.arguments[3]);
    }
    if (reader.failed) { /* the ticket must be ended in any case */
        outcome = FB_RESOLVE_FAILED;
    }
    fb_error error = FB_ERROR_INIT;
    fb_status status =
        fb_verifier_resolve_end(verifier, fbnode_bigint(&call, call.arguments[1]), outcome,
                                outcome == FB_RESOLVED ? &issuer : NULL, fb_clock_now().monotonic_seconds, &error);
    fbnode_reader_clear(&reader);
    return fbnode_outcome(&call, reader.failed ? FB_OUT_OF_MEMORY : status, &error);
}

/* ---- inspection */

#define ISSUER_INFO(name, type, member) {name, type, offsetof(fb_issuer_info, member)}

static const fbnode_field ISSUER_FIELDS[] = {
    ISSUER_INFO("number", FBNODE_UINT64, number),
    ISSUER_INFO("issuer", FBNODE_SLICE, identifier),
    ISSUER_INFO("fetched", FBNODE_BOOL, fetched),
    ISSUER_INFO("added", FBNODE_BOOL, added),
    ISSUER_INFO("jwksUri", FBNODE_SLICE, jwks_uri),
    ISSUER_INFO("verified", FBNODE_UINT64, verified),
    ISSUER_INFO("rejected", FBNODE_UINT64, rejected),
    ISSUER_INFO("fetches", FBNODE_UINT64, fetches),
    ISSUER_INFO("fetchFailures", FBNODE_UINT64, fetch_failures),
    ISSUER_INFO("generation", FBNODE_UINT64, generation),
    ISSUER_INFO("keysHeld", FBNODE_BOOL, keys_held),
    ISSUER_INFO("keysFresh", FBNODE_BOOL, keys_fresh),
    ISSUER_INFO("retryAfter", FBNODE_DOUBLE, retry_after),
    ISSUER_INFO("unknownKidRetryAfter", FBNODE_DOUBLE, unknown_kid_retry_after),
    ISSUER_INFO("lastError", FBNODE_SLICE, last_error),
    ISSUER_INFO("source", FBNODE_SLICE, source),
    ISSUER_INFO("introspection", FBNODE_SLICE, introspection),
    ISSUER_INFO("fetchSeconds", FBNODE_DOUBLE, fetch_seconds),
    ISSUER_INFO("imports", FBNODE_UINT64, imports),
    ISSUER_INFO("keyAge", FBNODE_DOUBLE, key_age),
    ISSUER_INFO("freshFor", FBNODE_DOUBLE, fresh_for),
    ISSUER_INFO("problem", FBNODE_SLICE, problem),
};

static napi_value issuer_object(napi_env env, const fb_issuer_info *issuer)
{
    fbnode_object out = fbnode_object_new(env), reasons = fbnode_object_new(env);
    for (size_t i = 0; i < issuer->reason_count; i++) {
        fbnode_set_number(&reasons, fb_status_name(issuer->reasons[i].status), (double)issuer->reasons[i].count);
    }
    fbnode_fields_write(&out, ISSUER_FIELDS, FBNODE_COUNT_OF(ISSUER_FIELDS), issuer);
    fbnode_set_text(&out, "health", fb_text(fb_health_name(issuer->health)));
    fbnode_set(&out, "reasons", reasons.value);
    return out.value;
}

static napi_value issuers_array(napi_env env, const fb_issuers *issuers)
{
    napi_value array = NULL;
    if (napi_create_array(env, &array) != napi_ok) {
        return NULL;
    }
    for (size_t i = 0; i < fb_issuers_count(issuers); i++) {
        napi_value one = issuer_object(env, fb_issuers_at(issuers, i));
        if (one == NULL || napi_set_element(env, array, (uint32_t)i, one) != napi_ok) {
            return NULL;
        }
    }
    return array;
}

/* The issuers of one moment, to be freed; NULL: there is an exception, or outcome is what the call returns. */
static fb_issuers *open_issuers(fbnode_call *call, napi_env env, napi_callback_info info, napi_value *outcome)
{
    *outcome = NULL;
    const fb_verifier *verifier = fbnode_open_verifier(call, env, info);
    if (verifier == NULL) {
        return NULL;
    }
    fb_issuers *held = NULL;
    fb_error error = FB_ERROR_INIT;
    fb_status status = fb_verifier_issuers(verifier, fb_clock_now().monotonic_seconds, &held, &error);
    if (status != FB_OK) {
        *outcome = fbnode_outcome(call, status, &error);
    }
    return held;
}

/* Says whether what a call returns could be made. */
static napi_value made(fbnode_call *call, napi_value out)
{
    const fb_error error = FB_ERROR_INIT;
    (void)fbnode_outcome(call, out == NULL ? FB_OUT_OF_MEMORY : FB_OK, &error);
    return out;
}

/* (handle) -> array of issuers, or the details of a failure. */
static napi_value issuers(napi_env env, napi_callback_info info)
{
    fbnode_call call;
    napi_value out;
    fb_issuers *held = open_issuers(&call, env, info, &out);
    if (held == NULL) {
        return out;
    }
    out = issuers_array(env, held);
    fb_issuers_free(held);
    return made(&call, out);
}

/* (handle) -> { health, issuers } of one moment, or the details of a failure. */
static napi_value health(napi_env env, napi_callback_info info)
{
    fbnode_call call;
    napi_value outcome;
    fb_issuers *held = open_issuers(&call, env, info, &outcome);
    if (held == NULL) {
        return outcome;
    }
    fbnode_object out = fbnode_object_new(env);
    fbnode_set_text(&out, "health", fb_text(fb_health_name(fb_issuers_health(held))));
    fbnode_set(&out, "issuers", issuers_array(env, held));
    fb_issuers_free(held);
    return made(&call, out.value);
}

const fbnode_function fbnode_issuers_functions[] = {
    {"refreshBegin", refresh_begin},
    {"refreshComplete", refresh_complete},
    {"resolveBegin", resolve_begin},
    {"resolveEnd", resolve_end},
    {"issuers", issuers},
    {"health", health},
    {NULL, NULL},
};
