/*
 * Requests as a client sent them: the token is verified, and whether its sender may use it. What a host has to remember
 * of an accepted proof goes back with the verdict; the nonce for the next proof is here too.
 */
#include "binding.h"

/* What stands where in an array that describes a request; pairs of a header's name and value follow. */
enum { METHOD, URL, CERTIFICATE, TOKEN_HEADER, HEADERS };

/* [method, url, client certificate, name of the token's header, name, value, ...]: texts, or undefined for what is
 * absent. */
static fb_request read_request(fbnode_reader *reader, napi_value parts)
{
    fb_request out = FB_REQUEST_INIT;
    fb_list texts = fbnode_read_texts(reader, parts);
    if (reader->failed || texts.count < HEADERS) {
        reader->failed = true;
        return out;
    }
    size_t count = (texts.count - HEADERS) / 2;
    fb_header *headers = fbnode_reader_allocate(reader, (count + 1) * sizeof(*headers));
    for (size_t i = 0; headers != NULL && i < count; i++) {
        headers[i] = (fb_header){texts.items[HEADERS + 2 * i], texts.items[HEADERS + 2 * i + 1]};
    }
    out.method = texts.items[METHOD];
    out.url = texts.items[URL];
    out.client_certificate = texts.items[CERTIFICATE];
    out.token_header = texts.items[TOKEN_HEADER];
    out.headers = headers;
    out.header_count = headers == NULL ? 0 : count;
    return out;
}

/* [what is presented, key or undefined, until when]. */
static napi_value with_proof(napi_env env, napi_value presented, const fb_proof *proof)
{
    napi_value pieces[] = {presented, fbnode_text(env, fb_text(proof->present ? proof->key : NULL)), NULL};
    napi_value out = NULL;
    if (napi_create_double(env, proof->expires_at, &pieces[2]) != napi_ok ||
        napi_create_array_with_length(env, FBNODE_COUNT_OF(pieces), &out) != napi_ok) {
        return NULL;
    }
    for (uint32_t i = 0; i < FBNODE_COUNT_OF(pieces); i++) {
        if (pieces[i] == NULL || napi_set_element(env, out, i, pieces[i]) != napi_ok) {
            return NULL;
        }
    }
    return out;
}

/* How a request is verified: at first, after a fetch, or after its token's issuer was asked. */
enum manner { AT_FIRST, AFTER_FETCH, INTROSPECTED };

static fb_status ask(fbnode_call *call, fbnode_reader *reader, enum manner manner, fbnode_verdict *verdict,
                     fb_proof *remember, fb_error *error)
{
    const fb_verifier *verifier = verdict->handle->verifier;
    const fb_request request = read_request(reader, call->arguments[1]);
    const fb_clock clock = verdict->clock;
    fb_introspection introspection = FB_INTROSPECTION_INIT;
    uint64_t issuer = 0;
    if (manner == INTROSPECTED) {
        issuer = fbnode_read_introspection(reader, call, &introspection);
    }
    if (reader->failed) {
        return FB_OUT_OF_MEMORY;
    }
    if (manner == INTROSPECTED) {
        return fb_verify_request_introspected(verifier, issuer, &request, clock, &introspection, &verdict->result,
                                              remember, error);
    }
    return manner == AFTER_FETCH
               ? fb_verify_request_after_fetch(verifier, &request, clock, fbnode_bigint(call, call->arguments[3]),
                                               &verdict->result, remember, error)
               : fb_verify_request(verifier, &request, clock, &verdict->result, remember, error);
}

static napi_value verify_with(napi_env env, napi_callback_info info, enum manner manner)
{
    fbnode_call call;
    fbnode_verifier *handle = fbnode_begin(&call, env, info) ? fbnode_handle(&call, 0, FBNODE_VERIFIER) : NULL;
    if (handle == NULL) {
        return NULL;
    }
    if (handle->verifier == NULL) {
        return fbnode_closed(&call);
    }
    fbnode_reader reader = {.env = env};
    fb_proof proof = FB_PROOF_INIT;
    fb_proof *remember = handle->has_replay_store ? &proof : NULL;
    fb_error error = FB_ERROR_INIT;
    fbnode_verdict verdict = {.handle = handle, .clock = fbnode_clock(&call, 2), .error = &error};
    verdict.status = ask(&call, &reader, manner, &verdict, remember, &error);
    fbnode_reader_clear(&reader);
    napi_value out = fbnode_present(&call, verdict);
    if (verdict.status == FB_OK && out != NULL && remember != NULL) {
        out = with_proof(env, out, &proof);
        call.environment->signals[FBNODE_STATUS] = (double)(out == NULL ? FB_OUT_OF_MEMORY : FB_OK);
    }
    return out;
}

/*
 * (handle, what read_request reads, now or NaN) -> see fbnode_present; with a replay store of JavaScript's an accepted
 * request is an array, see with_proof.
 */
static napi_value verify(napi_env env, napi_callback_info info)
{
    return verify_with(env, info, AT_FIRST);
}

/* The same with the key request of a failure before, whose fetch has ended or has been waited for long enough. */
static napi_value verify_after_fetch(napi_env env, napi_callback_info info)
{
    return verify_with(env, info, AFTER_FETCH);
}

/* The same with what the token's issuer has said, see fbnode_read_introspection. */
static napi_value verify_introspected(napi_env env, napi_callback_info info)
{
    return verify_with(env, info, INTROSPECTED);
}

/* (handle, what read_request reads) -> undefined where there is a credential to verify, or a failure. */
static napi_value find_token(napi_env env, napi_callback_info info)
{
    fbnode_call call;
    const fb_verifier *verifier = fbnode_open_verifier(&call, env, info);
    if (verifier == NULL) {
        return NULL;
    }
    fbnode_reader reader = {.env = env};
    fb_request request = read_request(&reader, call.arguments[1]);
    fb_slice token = {NULL, 0};
    fb_error error = FB_ERROR_INIT;
    fb_status status = reader.failed ? FB_OUT_OF_MEMORY : fb_request_token(verifier, &request, &token, &error);
    fbnode_reader_clear(&reader);
    return fbnode_outcome(&call, status, &error);
}

/* (handle) -> the nonce that clients are to use now; undefined without a secret to make it from. */
static napi_value nonce(napi_env env, napi_callback_info info)
{
    fbnode_call call;
    const fb_verifier *verifier = fbnode_open_verifier(&call, env, info);
    char text[FB_NONCE_ROOM];
    if (verifier == NULL || !fb_verifier_nonce(verifier, fb_clock_now().unix_seconds, text)) {
        return NULL;
    }
    return fbnode_text(env, fb_text(text));
}

const fbnode_function fbnode_request_functions[] = {
    {"verifyRequest", verify},
    {"verifyRequestAfterFetch", verify_after_fetch},
    {"verifyRequestIntrospected", verify_introspected},
    {"findToken", find_token},
    {"nonce", nonce},
    {NULL, NULL},
};
