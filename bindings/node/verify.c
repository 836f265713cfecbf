/*
 * The hot path: one token in; out comes one text with all that it says, or what JavaScript has kept of it. Nothing here
 * decides anything.
 */
#include "binding.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    /* What V8 needs for the parsed form of a token: on the whole, for each value, for each byte of text. */
    KEPT_BASE = 1024,
    KEPT_NODE = 80,
    KEPT_BYTE = 2
};

/*
 * Argument 1, for the length of the callback. It is read as UTF-8: a character beyond ASCII becomes bytes that are not
 * base64url, whereas reading it as latin1 would cut U+0141 to "A".
 */
static bool read_token(const fbnode_call *call, fb_slice *out)
{
    char *token = call->environment->token;
    size_t size = 0;
    if (napi_get_value_string_utf8(call->env, call->arguments[1], token, sizeof(call->environment->token), &size) !=
        napi_ok) {
        return false;
    }
    *out = (fb_slice){token, size};
    return true;
}

/* ---- what JavaScript keeps of a token: a reference to its object, attached to the core's cache entry */

/* Deleting a reference runs no JavaScript and cannot fail, which the core's lock asks for. */
static void release_kept(void *env, void *reference)
{
    (void)napi_delete_reference(env, reference);
}

/* (handle, token, object, bytes): keeps the object for the next time, when the cache has the token and room for it. */
static napi_value keep(napi_env env, napi_callback_info info)
{
    fbnode_call call;
    fbnode_verifier *handle = fbnode_begin(&call, env, info) ? fbnode_handle(&call, 0, FBNODE_VERIFIER) : NULL;
    fb_slice token;
    napi_ref reference = NULL;
    if (handle == NULL || handle->verifier == NULL || !read_token(&call, &token) ||
        napi_create_reference(env, call.arguments[2], 1, &reference) != napi_ok) {
        return NULL;
    }
    fb_attachment attachment = FB_ATTACHMENT_INIT;
    attachment.data = reference;
    attachment.bytes = (size_t)fbnode_number(&call, call.arguments[3]);
    attachment.release = release_kept;
    attachment.context = env;
    if (!fb_verifier_attach(handle->verifier, token.data, token.size, &attachment)) {
        release_kept(env, reference);
    }
    return NULL;
}

static size_t kept_bytes(const fb_result *result)
{
    size_t nodes = 0;
    (void)fb_result_nodes(result, &nodes);
    return KEPT_BASE + KEPT_NODE * nodes + KEPT_BYTE * fb_result_payload(result).size;
}

/* ---- what a token says */

static bool reserve(fbnode_environment *environment, size_t size)
{
    if (environment->text_capacity >= size) {
        return true;
    }
    char *text = realloc(environment->text, size * 2);
    if (text == NULL) {
        return false;
    }
    environment->text = text;
    environment->text_capacity = size * 2;
    return true;
}

static double append(char *text, size_t *used, fb_slice piece)
{
    if (piece.data == NULL) {
        return -1.0;
    }
    memcpy(text + *used, piece.data, piece.size);
    *used += piece.size;
    return (double)piece.size;
}

static bool is_ascii(const char *text, size_t size)
{
    uint64_t all = 0;
    for (; size >= sizeof(all); text += sizeof(all), size -= sizeof(all)) {
        uint64_t word;
        memcpy(&word, text, sizeof(word));
        all |= word;
    }
    for (; size > 0; text++, size--) {
        all |= (unsigned char)*text;
    }
    return (all & 0x8080808080808080) == 0;
}

/*
 * Client id, subject, resource, key id, scopes, payload and issuer in one string: one crossing instead of ten. False
 * when that is not possible: for too many scopes, for want of memory, and for text beyond ASCII, whose length in bytes
 * is not its length in JavaScript.
 */
static bool one_text(fbnode_call *call, const fb_result *result, napi_value *out)
{
    double *signals = call->environment->signals;
    fb_slice client_id = fb_result_client_id(result), subject = fb_result_subject(result),
             resource = fb_result_resource(result), kid = fb_result_kid(result), payload = fb_result_payload(result),
             issuer = fb_result_issuer(result);
    fb_list scopes = fb_result_scopes(result);
    size_t size = client_id.size + subject.size + resource.size + kid.size + payload.size + issuer.size, used = 0;
    if (scopes.count > FBNODE_SIGNALS - FBNODE_FIRST_SCOPE) {
        return false;
    }
    for (size_t i = 0; i < scopes.count; i++) {
        size += scopes.items[i].size;
    }
    if (!reserve(call->environment, size)) {
        return false;
    }
    char *text = call->environment->text;
    signals[FBNODE_CLIENT_ID] = append(text, &used, client_id);
    signals[FBNODE_SUBJECT] = append(text, &used, subject);
    signals[FBNODE_RESOURCE] = append(text, &used, resource);
    signals[FBNODE_KID] = append(text, &used, kid);
    signals[FBNODE_SCOPES] = (double)scopes.count;
    for (size_t i = 0; i < scopes.count; i++) {
        signals[FBNODE_FIRST_SCOPE + i] = append(text, &used, scopes.items[i]);
    }
    signals[FBNODE_PAYLOAD] = append(text, &used, payload);
    signals[FBNODE_ISSUER_TEXT] = append(text, &used, issuer);
    if (!is_ascii(text, used)) {
        return false;
    }
    if (napi_create_string_latin1(call->env, text, used, out) != napi_ok) {
        *out = NULL;
    }
    return true;
}

/* The same as an array: [payload, client id, subject, resource, key id, scopes, issuer]. */
static napi_value many_texts(napi_env env, const fb_result *result)
{
    napi_value pieces[] = {
        fbnode_text(env, fb_result_payload(result)), fbnode_text(env, fb_result_client_id(result)),
        fbnode_text(env, fb_result_subject(result)), fbnode_text(env, fb_result_resource(result)),
        fbnode_text(env, fb_result_kid(result)),     fbnode_texts(env, fb_result_scopes(result)),
        fbnode_text(env, fb_result_issuer(result)),
    };
    napi_value out = NULL;
    if (napi_create_array_with_length(env, FBNODE_COUNT_OF(pieces), &out) != napi_ok) {
        return NULL;
    }
    for (uint32_t i = 0; i < FBNODE_COUNT_OF(pieces); i++) {
        if (pieces[i] == NULL || napi_set_element(env, out, i, pieces[i]) != napi_ok) {
            return NULL;
        }
    }
    return out;
}

static napi_value present(fbnode_call *call, const fb_result *result)
{
    double *signals = call->environment->signals;
    napi_value out = NULL;
    int64_t expires_at = 0;
    napi_ref kept = fb_result_attachment(result);
    signals[FBNODE_KEEP] = 0.0;
    if (kept != NULL) {
        return napi_get_reference_value(call->env, kept, &out) == napi_ok ? out : NULL;
    }
    if (fb_result_is_cached(result)) {
        signals[FBNODE_KEEP] = (double)kept_bytes(result);
    }
    signals[FBNODE_EXPIRES_AT] = fb_result_expires_at(result, &expires_at) ? (double)expires_at : (double)NAN;
    return one_text(call, result, &out) ? out : many_texts(call->env, result);
}

/* ---- a result that JavaScript holds, because only the core knows which scopes the granted ones include */

typedef struct held_result {
    fbnode_kind kind;
    fb_result *result;
} held_result;

static void release_held(napi_env env, void *data, void *hint)
{
    (void)env;
    (void)hint;
    held_result *held = data;
    fb_result_free(held->result);
    free(held);
}

/* [what is presented, the result as a handle], which takes the result over in any case. NULL on failure. */
static napi_value with_result(napi_env env, napi_value presented, fb_result *result)
{
    held_result *held = malloc(sizeof(*held));
    if (held == NULL) {
        fb_result_free(result);
        return NULL;
    }
    *held = (held_result){.kind = FBNODE_RESULT, .result = result};
    napi_value handle = NULL, out = NULL;
    if (napi_create_external(env, held, release_held, NULL, &handle) != napi_ok) {
        release_held(env, held, NULL);
        return NULL;
    }
    if (napi_create_array_with_length(env, 2, &out) != napi_ok || napi_set_element(env, out, 0, presented) != napi_ok ||
        napi_set_element(env, out, 1, handle) != napi_ok) {
        return NULL;
    }
    return out;
}

/* (result, scope) -> boolean, or the details of a failure. */
static napi_value has_scope(napi_env env, napi_callback_info info)
{
    fbnode_call call;
    const held_result *held = fbnode_begin(&call, env, info) ? fbnode_handle(&call, 0, FBNODE_RESULT) : NULL;
    if (held == NULL) {
        return NULL;
    }
    fbnode_reader reader = {.env = env};
    napi_value out = NULL;
    fb_slice scope = fbnode_read_text(&reader, call.arguments[1]);
    fb_error error = FB_ERROR_INIT;
    napi_value failure = fbnode_outcome(&call, reader.failed ? FB_OUT_OF_MEMORY : FB_OK, &error);
    (void)napi_get_boolean(env, !reader.failed && fb_result_has_scope(held->result, scope), &out);
    fbnode_reader_clear(&reader);
    return failure == NULL ? out : failure;
}

/* ---- verifying */

fb_clock fbnode_clock(const fbnode_call *call, size_t index)
{
    fb_clock clock = fb_clock_now();
    double now = fbnode_number(call, call->arguments[index]);
    if (!isnan(now)) {
        clock.unix_seconds = now;
    }
    return clock;
}

/*
 * What is kept, or text or array, which a verifier with a scope hierarchy gives beside the result; the details of a
 * failure otherwise.
 */
napi_value fbnode_present(fbnode_call *call, fbnode_verdict verdict)
{
    const fbnode_verifier *handle = verdict.handle;
    const bool good = verdict.status == FB_OK;
    uint64_t issuer = good ? fb_result_issuer_number(verdict.result) : verdict.error->issuer;
    double *signals = call->environment->signals;
    signals[FBNODE_ISSUER] = (double)issuer;
    signals[FBNODE_DUE] =
        handle->fetches && fb_verifier_refresh_due(handle->verifier, issuer, verdict.clock.monotonic_seconds) ? 1.0
                                                                                                              : 0.0;
    signals[FBNODE_WARNING] = fb_arithmetic_problem() == NULL ? 0.0 : 1.0;
    if (!good) {
        return fbnode_outcome(call, verdict.status, verdict.error);
    }
    napi_value out = present(call, verdict.result);
    if (out != NULL && handle->implies_scopes && fb_result_attachment(verdict.result) == NULL) {
        out = with_result(call->env, out, verdict.result);
    } else {
        fb_result_free(verdict.result);
    }
    signals[FBNODE_STATUS] = (double)(out == NULL ? FB_OUT_OF_MEMORY : FB_OK);
    return out;
}

static napi_value verify_with(napi_env env, napi_callback_info info, bool after_fetch)
{
    fbnode_call call;
    fbnode_verifier *handle = fbnode_begin(&call, env, info) ? fbnode_handle(&call, 0, FBNODE_VERIFIER) : NULL;
    fb_slice token;
    if (handle == NULL || !read_token(&call, &token)) {
        return NULL;
    }
    if (handle->verifier == NULL) {
        return fbnode_closed(&call);
    }
    fb_clock clock = fbnode_clock(&call, 2);
    fb_result *result = NULL;
    fb_error error; /* only its size is read, and clearing the rest would be a tenth of a token from the cache */
    error.size = sizeof(error);
    fb_status status = after_fetch ? fb_verify_after_fetch(handle->verifier, token.data, token.size, clock,
                                                           fbnode_bigint(&call, call.arguments[3]), &result, &error)
                                   : fb_verify(handle->verifier, token.data, token.size, clock, &result, &error);
    return fbnode_present(&call, (fbnode_verdict){handle, clock, status, result, &error});
}

/* (handle, token, now or NaN) -> see fbnode_present. */
static napi_value verify(napi_env env, napi_callback_info info)
{
    return verify_with(env, info, false);
}

/* The same with the key request of a failure before, whose fetch has ended or has been waited for long enough. */
static napi_value verify_after_fetch(napi_env env, napi_callback_info info)
{
    return verify_with(env, info, true);
}

const fbnode_function fbnode_verify_functions[] = {
    {"verify", verify}, {"verifyAfterFetch", verify_after_fetch}, {"keep", keep}, {"hasScope", has_scope}, {NULL, NULL},
};
