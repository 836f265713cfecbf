/*
 * What is known of tokens and keys beyond the request at hand: key sets kept between runs, tokens that their issuer was
 * asked about, and revocations.
 */
#include "binding.h"

#include <math.h>

/* ---- key sets kept between runs */

#define STORED(name, type, member) {name, type, offsetof(fb_stored_keys, member)}

static const fbnode_field STORED_FIELDS[] = {
    STORED("source", FBNODE_SLICE, source),
    STORED("document", FBNODE_SLICE, document),
    STORED("etag", FBNODE_SLICE, etag),
    STORED("jwksUri", FBNODE_SLICE, jwks_uri),
    STORED("fetchedAt", FBNODE_DOUBLE, fetched_at),
    STORED("freshUntil", FBNODE_DOUBLE, fresh_until),
};

/* (handle, issuer) -> a number that grows with every fetch; undefined for a verifier that is closed. */
static napi_value keys_version(napi_env env, napi_callback_info info)
{
    fbnode_call call;
    const fb_verifier *verifier = fbnode_open_verifier(&call, env, info);
    napi_value out = NULL;
    if (verifier != NULL) {
        const uint64_t issuer = fbnode_issuer_number(&call, call.arguments[1]);
        (void)napi_create_double(env, (double)fb_verifier_keys_version(verifier, issuer), &out);
    }
    return out;
}

/* (handle, issuer) -> { source, document, etag, jwksUri, fetchedAt, freshUntil }, or a failure. */
static napi_value export_keys(napi_env env, napi_callback_info info)
{
    fbnode_call call;
    const fb_verifier *verifier = fbnode_open_verifier(&call, env, info);
    if (verifier == NULL) {
        return NULL;
    }
    fb_key_export *held = NULL;
    fb_error error = FB_ERROR_INIT;
    fb_status status = fb_verifier_export_keys(verifier, fbnode_issuer_number(&call, call.arguments[1]), fb_clock_now(),
                                               &held, &error);
    if (status != FB_OK) {
        return fbnode_outcome(&call, status, &error);
    }
    fbnode_object out = fbnode_object_new(env);
    fbnode_fields_write(&out, STORED_FIELDS, FBNODE_COUNT_OF(STORED_FIELDS), fb_key_export_keys(held));
    fb_key_export_free(held);
    (void)fbnode_outcome(&call, out.value == NULL ? FB_OUT_OF_MEMORY : FB_OK, &error);
    return out.value;
}

/* (handle, issuer, what exportKeys has returned) -> undefined, or a failure. */
static napi_value import_keys(napi_env env, napi_callback_info info)
{
    fbnode_call call;
    const fb_verifier *verifier = fbnode_open_verifier(&call, env, info);
    if (verifier == NULL) {
        return NULL;
    }
    fbnode_reader reader = {.env = env};
    fb_stored_keys stored = FB_STORED_KEYS_INIT;
    fb_error error = FB_ERROR_INIT;
    fb_status status = FB_OUT_OF_MEMORY;
    fbnode_fields_read(&reader, call.arguments[2], STORED_FIELDS, FBNODE_COUNT_OF(STORED_FIELDS), &stored);
    if (!reader.failed) {
        status = fb_verifier_import_keys(verifier, fbnode_issuer_number(&call, call.arguments[1]), fb_clock_now(),
                                         &stored, &error);
    }
    fbnode_reader_clear(&reader);
    return fbnode_outcome(&call, status, &error);
}

/* ---- tokens that their issuer was asked about */

struct asked {
    int issuer;
    fb_introspection introspection;
};

#define ASKED(name, type, member) {name, type, offsetof(struct asked, member)}

static const fbnode_field ASKED_FIELDS[] = {
    ASKED("issuer", FBNODE_INT, issuer),
    ASKED("response", FBNODE_SLICE, introspection.response),
    ASKED("reuseFor", FBNODE_DOUBLE, introspection.reuse_for),
    ASKED("contentType", FBNODE_SLICE, introspection.content_type),
};

uint64_t fbnode_read_introspection(fbnode_reader *reader, const fbnode_call *call, fb_introspection *out)
{
    struct asked asked = {0, FB_INTROSPECTION_INIT};
    napi_valuetype type = napi_undefined;
    fbnode_fields_read(reader, call->arguments[3], ASKED_FIELDS, FBNODE_COUNT_OF(ASKED_FIELDS), &asked);
    reader->failed |= napi_typeof(call->env, call->arguments[4], &type) != napi_ok;
    asked.introspection.after_fetch = type == napi_bigint;
    asked.introspection.key_request = type == napi_bigint ? fbnode_bigint(call, call->arguments[4]) : 0;
    *out = asked.introspection;
    return asked.issuer > 0 ? (uint64_t)asked.issuer : 0;
}

/* (handle, token, now or NaN, what an issuer has said: see fbnode_read_introspection) -> see fbnode_present. */
static napi_value verify_introspected(napi_env env, napi_callback_info info)
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
    fb_introspection introspection = FB_INTROSPECTION_INIT;
    const uint64_t issuer = fbnode_read_introspection(&reader, &call, &introspection);
    const fb_slice token = fbnode_read_text(&reader, call.arguments[1]);
    fb_clock clock = fbnode_clock(&call, 2);
    fb_result *result = NULL;
    fb_error error = FB_ERROR_INIT;
    fb_status status = FB_OUT_OF_MEMORY;
    if (!reader.failed) {
        status = fb_verify_introspected(handle->verifier, issuer, token.data, token.size, clock, &introspection,
                                        &result, &error);
    }
    fbnode_reader_clear(&reader);
    return fbnode_present(&call, (fbnode_verdict){handle, clock, status, result, &error});
}

/* (token) -> whether it has the form of a JWT, or a failure. */
static napi_value token_is_jwt(napi_env env, napi_callback_info info)
{
    fbnode_call call;
    if (!fbnode_begin(&call, env, info)) {
        return NULL;
    }
    fbnode_reader reader = {.env = env};
    napi_value out = NULL;
    const fb_slice token = fbnode_read_text(&reader, call.arguments[0]);
    if (!reader.failed) {
        (void)napi_get_boolean(env, fb_token_is_jwt(token.data, token.size), &out);
    }
    fbnode_reader_clear(&reader);
    napi_value failure = fbnode_outcome(&call, out == NULL ? FB_OUT_OF_MEMORY : FB_OK, &(fb_error)FB_ERROR_INIT);
    return out == NULL ? failure : out;
}

/* ---- revocations */

fb_revocations *fbnode_revocations(const fbnode_call *call, size_t index)
{
    return fbnode_owned(call, index, FBNODE_REVOCATIONS);
}

/* (how many entries at most) -> handle, or a failure. */
static napi_value create_revocations(napi_env env, napi_callback_info info)
{
    fbnode_call call;
    if (!fbnode_begin(&call, env, info)) {
        return NULL;
    }
    const double given = fbnode_number(&call, call.arguments[0]);
    const size_t max_entries = given >= 1.0 && given < 0x1p32 ? (size_t)given : 0;
    fb_revocations *set = NULL;
    fb_error error = FB_ERROR_INIT;
    fb_status status = fb_revocations_new(&set, max_entries, NULL, &error);
    if (status != FB_OK) {
        return fbnode_outcome(&call, status, &error);
    }
    napi_value out = fbnode_own(env, FBNODE_REVOCATIONS, set);
    (void)fbnode_outcome(&call, out == NULL ? FB_OUT_OF_MEMORY : FB_OK, &error);
    return out;
}

struct revocation {
    fb_slice issuer, jti, subject;
    double before, until, now;
};

#define REVOCATION(name, type, member) {name, type, offsetof(struct revocation, member)}

static const fbnode_field REVOCATION_FIELDS[] = {
    REVOCATION("issuer", FBNODE_SLICE, issuer),   REVOCATION("jti", FBNODE_SLICE, jti),
    REVOCATION("subject", FBNODE_SLICE, subject), REVOCATION("before", FBNODE_DOUBLE, before),
    REVOCATION("until", FBNODE_DOUBLE, until),    REVOCATION("now", FBNODE_DOUBLE, now),
};

/*
 * (handle, { issuer, jti, until, now } or { issuer, subject, before, until, now }) -> undefined, or a failure. Without
 * until it is for ever; now is the system's.
 */
static napi_value revoke(napi_env env, napi_callback_info info)
{
    fbnode_call call;
    fb_revocations *set = fbnode_begin(&call, env, info) ? fbnode_revocations(&call, 0) : NULL;
    if (set == NULL) {
        return NULL;
    }
    fbnode_reader reader = {.env = env};
    const double now = fb_clock_now().unix_seconds;
    struct revocation given = {.before = now, .until = (double)INFINITY, .now = now};
    fb_error error = FB_ERROR_INIT;
    fb_status status = FB_OUT_OF_MEMORY;
    fbnode_fields_read(&reader, call.arguments[1], REVOCATION_FIELDS, FBNODE_COUNT_OF(REVOCATION_FIELDS), &given);
    if (!reader.failed && given.subject.data != NULL) {
        status =
            fb_revocations_add_subject(set, given.issuer, given.subject, given.before, given.until, given.now, &error);
    } else if (!reader.failed) {
        status = fb_revocations_add(set, given.issuer, given.jti, given.until, given.now, &error);
    }
    fbnode_reader_clear(&reader);
    return fbnode_outcome(&call, status, &error);
}

/* (handle, iss, jti, sub, iat; undefined or another type for what there is not) -> whether that is revoked now, or a
 * failure. */
static napi_value is_revoked(napi_env env, napi_callback_info info)
{
    fbnode_call call;
    fb_revocations *set = fbnode_begin(&call, env, info) ? fbnode_revocations(&call, 0) : NULL;
    if (set == NULL) {
        return NULL;
    }
    fbnode_reader reader = {.env = env};
    const fb_slice issuer = fbnode_read_text(&reader, call.arguments[1]);
    const fb_slice jti = fbnode_read_text(&reader, call.arguments[2]);
    const fb_slice subject = fbnode_read_text(&reader, call.arguments[3]);
    fb_error error = FB_ERROR_INIT;
    fb_status status = FB_OUT_OF_MEMORY;
    if (!reader.failed) {
        status = fb_revocations_look_up(set, issuer, jti, subject, fbnode_number(&call, call.arguments[4]),
                                        fb_clock_now().unix_seconds, &error);
    }
    fbnode_reader_clear(&reader);
    if (status != FB_OK && status != FB_TOKEN_REVOKED) {
        return fbnode_outcome(&call, status, &error);
    }
    napi_value out = NULL;
    (void)fbnode_outcome(&call, FB_OK, &error);
    (void)napi_get_boolean(env, status == FB_TOKEN_REVOKED, &out);
    return out;
}

static napi_value with_set(napi_env env, napi_callback_info info, void (*act)(fb_revocations *set))
{
    fbnode_call call;
    fb_revocations *set = fbnode_begin(&call, env, info) ? fbnode_revocations(&call, 0) : NULL;
    if (set != NULL) {
        act(set);
    }
    return NULL;
}

/* (handle): see fb_revocations_refill_begin. */
static napi_value refill_begin(napi_env env, napi_callback_info info)
{
    return with_set(env, info, fb_revocations_refill_begin);
}

/* (handle): see fb_revocations_refill_end. */
static napi_value refill_end(napi_env env, napi_callback_info info)
{
    return with_set(env, info, fb_revocations_refill_end);
}

/* (handle): nothing is revoked any more. */
static napi_value clear_revocations(napi_env env, napi_callback_info info)
{
    return with_set(env, info, fb_revocations_clear);
}

#define INFO(name, type, member) {name, type, offsetof(fb_revocations_info, member)}

static const fbnode_field INFO_FIELDS[] = {
    INFO("tokens", FBNODE_UINT64, tokens),          INFO("subjects", FBNODE_UINT64, subjects),
    INFO("maxEntries", FBNODE_UINT64, max_entries), INFO("bytes", FBNODE_UINT64, bytes),
    INFO("refused", FBNODE_UINT64, refused),        INFO("hits", FBNODE_UINT64, hits),
};

/* (handle) -> counters by name, or undefined. */
static napi_value describe_revocations(napi_env env, napi_callback_info info)
{
    fbnode_call call;
    fb_revocations *set = fbnode_begin(&call, env, info) ? fbnode_revocations(&call, 0) : NULL;
    fb_revocations_info held = FB_REVOCATIONS_INFO_INIT;
    if (set == NULL || !fb_revocations_describe(set, &held)) {
        return NULL;
    }
    fbnode_object out = fbnode_object_new(env);
    fbnode_fields_write(&out, INFO_FIELDS, FBNODE_COUNT_OF(INFO_FIELDS), &held);
    return out.value;
}

const fbnode_function fbnode_status_functions[] = {
    {"keysVersion", keys_version},
    {"exportKeys", export_keys},
    {"importKeys", import_keys},
    {"verifyIntrospected", verify_introspected},
    {"tokenIsJwt", token_is_jwt},
    {"createRevocations", create_revocations},
    {"revoke", revoke},
    {"isRevoked", is_revoked},
    {"refillBegin", refill_begin},
    {"refillEnd", refill_end},
    {"clearRevocations", clear_revocations},
    {"describeRevocations", describe_revocations},
    {NULL, NULL},
};
