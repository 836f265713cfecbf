/*
 * Outcomes: one table of what each status is called and means over HTTP, and how an error is filled in.
 * Texts are constant. Whoever formats one must not put anything from a token, a key or an unverified claim into it.
 */
#include "base/base.h"

#include <stdarg.h>
#include <stdio.h>

struct outcome {
    fb_status status;
    int http;
    const char *name;
    const char *text;
};

/* In the order of the numbers. */
static const struct outcome outcomes[FB__STATUS_COUNT] = {
    {FB_OK, 200, "ok", "the token is valid"},
    {FB_TOKEN_MISSING, 401, "token_missing", "the request carries no credential that is accepted here"},
    {FB_REQUEST_MALFORMED, 400, "request_malformed",
     "the request does not carry one token in one Authorization header"},
    {FB_REQUEST_TOO_LARGE, 413, "request_too_large", "the body of the request is larger than allowed"},
    {FB_REQUEST_UNSUPPORTED, 415, "request_unsupported", "the body of the request is not JSON in plain UTF-8"},
    {FB_TOKEN_TOO_LARGE, 401, "token_too_large", "the token is larger than allowed"},
    {FB_TOKEN_MALFORMED, 401, "token_malformed", "the token is not three segments of unpadded, canonical base64url"},
    {FB_HEADER_INVALID, 401, "header_invalid", "the token's header is not a valid JSON object"},
    {FB_PAYLOAD_INVALID, 401, "payload_invalid", "the token's payload is not a valid JSON object"},
    {FB_ALGORITHM_NOT_ALLOWED, 401, "algorithm_not_allowed", "the token's algorithm is not allowed"},
    {FB_CRITICAL_HEADER_UNSUPPORTED, 401, "critical_header_unsupported", "the token demands an extension by crit"},
    {FB_HEADER_UNSUPPORTED, 401, "header_unsupported", "the token's header asks for something that is not supported"},
    {FB_TOKEN_TYPE_NOT_ALLOWED, 401, "token_type_not_allowed", "the token's typ is not allowed"},
    {FB_KEY_NOT_FOUND, 401, "key_not_found", "no key fits the token"},
    {FB_KEY_AMBIGUOUS, 401, "key_ambiguous", "more than one key fits the token"},
    {FB_KEY_UNSUITABLE, 401, "key_unsuitable", "the token's key may not be used with its algorithm"},
    {FB_KEYS_UNAVAILABLE, 503, "keys_unavailable", "the key set is not available"},
    {FB_KEYS_NEEDED, 503, "keys_needed", "the key set must be fetched first"},
    {FB_ISSUER_NEEDED, 503, "issuer_needed", "the issuer must be resolved first"},
    {FB_INTROSPECTION_NEEDED, 503, "introspection_needed", "the issuer must be asked about the token first"},
    {FB_SIGNATURE_INVALID, 401, "signature_invalid", "the token's signature is not valid"},
    {FB_EXP_MISSING, 401, "exp_missing", "the token has no exp"},
    {FB_EXP_INVALID, 401, "exp_invalid", "the token's exp is not a number of seconds"},
    {FB_TOKEN_EXPIRED, 401, "token_expired", "the token has expired"},
    {FB_NBF_INVALID, 401, "nbf_invalid", "the token's nbf is not a number of seconds"},
    {FB_TOKEN_NOT_YET_VALID, 401, "token_not_yet_valid", "the token is not valid yet"},
    {FB_IAT_INVALID, 401, "iat_invalid", "the token's iat is not a number of seconds"},
    {FB_TOKEN_ISSUED_IN_FUTURE, 401, "token_issued_in_future", "the token was issued in the future"},
    {FB_ISS_MISSING, 401, "iss_missing", "the token has no iss"},
    {FB_ISS_INVALID, 401, "iss_invalid", "the token's iss is not a string"},
    {FB_ISSUER_MISMATCH, 401, "issuer_mismatch", "the token's iss is not an accepted issuer"},
    {FB_AUD_MISSING, 401, "aud_missing", "the token has no aud"},
    {FB_AUD_INVALID, 401, "aud_invalid", "the token's aud is neither a string nor an array of strings"},
    {FB_AUDIENCE_MISMATCH, 401, "audience_mismatch", "the token's aud names none of the accepted audiences"},
    {FB_SUB_INVALID, 401, "sub_invalid", "the token's sub is not a string"},
    {FB_CLIENT_ID_INVALID, 401, "client_id_invalid", "the token's client id is not a string"},
    {FB_JTI_INVALID, 401, "jti_invalid", "the token's jti is not a string"},
    {FB_SCOPE_INVALID, 401, "scope_invalid", "the token's scope is neither a string nor an array of strings"},
    {FB_INSUFFICIENT_SCOPE, 403, "insufficient_scope", "the token lacks a required scope"},
    {FB_CLAIM_MISSING, 401, "claim_missing", "the token lacks a required claim"},
    {FB_CLAIM_MISMATCH, 401, "claim_mismatch", "a required claim of the token has another value"},
    {FB_CONFIRMATION_INVALID, 401, "confirmation_invalid", "the token's cnf does not say which key it is bound to"},
    {FB_PROOF_MISSING, 401, "proof_missing", "the request does not prove possession of the key that the token demands"},
    {FB_PROOF_INVALID, 401, "proof_invalid", "the proof of possession is not valid"},
    {FB_PROOF_EXPIRED, 401, "proof_expired", "the proof of possession is too old, or not valid yet"},
    {FB_PROOF_MISMATCH, 401, "proof_mismatch", "the proof of possession belongs to another request, token or key"},
    {FB_PROOF_REPLAYED, 401, "proof_replayed", "the proof of possession has been used before"},
    {FB_PROOF_NONCE_REQUIRED, 401, "proof_nonce_required", "the proof of possession must carry this server's nonce"},
    {FB_TOKEN_INACTIVE, 401, "token_inactive", "the token's issuer does not say that it is active"},
    {FB_TOKEN_REVOKED, 401, "token_revoked", "the token has been revoked"},
    {FB_STATUS_UNAVAILABLE, 503, "status_unavailable", "it cannot be found out now whether the token is good"},
    {FB_CONFIGURATION_INVALID, 500, "configuration_invalid", "an option is not valid"},
    {FB_OUT_OF_MEMORY, 500, "out_of_memory", "out of memory"},
    {FB_INTERNAL_ERROR, 500, "internal_error", "internal error"},
};

size_t fb__status_index(fb_status status)
{
    for (size_t i = 0; i < FB__STATUS_COUNT; i++) {
        if (outcomes[i].status == status) {
            return i;
        }
    }
    return FB__STATUS_COUNT - 1;
}

fb_status fb__status_at(size_t index)
{
    return outcomes[index].status;
}

const char *fb_status_name(fb_status status)
{
    return outcomes[fb__status_index(status)].name;
}

const char *fb_status_text(fb_status status)
{
    return outcomes[fb__status_index(status)].text;
}

int fb_status_http(fb_status status)
{
    return outcomes[fb__status_index(status)].http;
}

const char *fb_status_oauth(fb_status status)
{
    switch (status) {
    case FB_TOKEN_MISSING: /* RFC 6750 section 3.1: no error code for who has not tried */
        return "";
    case FB_PROOF_MISSING:
    case FB_PROOF_INVALID:
    case FB_PROOF_EXPIRED:
    case FB_PROOF_MISMATCH:
    case FB_PROOF_REPLAYED:
        return "invalid_dpop_proof";
    case FB_PROOF_NONCE_REQUIRED:
        return "use_dpop_nonce";
    default:
        break;
    }
    switch (fb_status_http(status)) {
    case 200:
        return "";
    case 400:
    case 413:
    case 415:
        return "invalid_request";
    case 403:
        return "insufficient_scope";
    case 500:
        return "server_error";
    case 503:
        return "temporarily_unavailable";
    default:
        return "invalid_token";
    }
}

/* The smallest fb_error there has been ends before expected. What claims to be smaller is none, and is left alone. */
static bool reset(fb_error *error, fb_status status)
{
    if (!FB__HAS(error, key_request)) {
        return false;
    }
    const size_t first = offsetof(fb_error, status);
    const size_t size = error->size < sizeof(*error) ? error->size : sizeof(*error);
    memset((char *)error + first, 0, size - first);
    error->status = status;
    return true;
}

fb_status fb__succeed(fb_error *error)
{
    if (FB__HAS(error, key_request)) {
        error->status = FB_OK;
    }
    return FB_OK;
}

fb_status fb__fail(fb_error *error, fb_status status, const char *format, ...)
{
    if (reset(error, status)) {
        va_list arguments;
        va_start(arguments, format);
        vsnprintf(error->text, sizeof(error->text), format, arguments);
        va_end(arguments);
    }
    return status;
}

fb_status fb__reject(fb_error *error, fb_status status, fb_slice claim)
{
    if (reset(error, status)) {
        const char *text = fb_status_text(status);
        memcpy(error->text, text, strlen(text) + 1);
        error->claim = claim;
    }
    return status;
}

/* ---- what was expected, and what a claim holds ---------------------------------------------- */

enum { MAX_VALUE = 120 };
_Static_assert(sizeof(((fb_error *)NULL)->expected) > MAX_VALUE, "");
_Static_assert(sizeof(((fb_error *)NULL)->actual) == sizeof(((fb_error *)NULL)->expected), "");

static void set_values(char *out, const fb_list *values, const char *separator)
{
    size_t size = 0;
    for (size_t i = 0; i < values->count && size <= MAX_VALUE; i++) {
        if (i > 0) {
            fb__printable(out + size, MAX_VALUE + 2 - size, fb_text(separator));
            size += strlen(out + size);
        }
        fb__printable(out + size, MAX_VALUE + 2 - size, values->items[i]);
        size += strlen(out + size);
    }
    if (size > MAX_VALUE) {
        memcpy(out + MAX_VALUE - 3, "...", 4);
    }
}

void fb__set_expected_list(fb_error *error, const fb_list *values, const char *separator)
{
    if (FB__HAS(error, expected)) {
        set_values(error->expected, values, separator);
    }
}

void fb__set_actual_list(fb_error *error, const fb_list *values, const char *separator)
{
    if (FB__HAS(error, actual)) {
        set_values(error->actual, values, separator);
    }
}

void fb__set_expected(fb_error *error, fb_slice value)
{
    fb__set_expected_list(error, &(fb_list){&value, 1}, "");
}

void fb__set_actual(fb_error *error, fb_slice value)
{
    fb__set_actual_list(error, &(fb_list){&value, 1}, "");
}

void fb__printable(char *out, size_t room, fb_slice text)
{
    const size_t size = text.size < room ? text.size : room - 1;
    for (size_t i = 0; i < size; i++) {
        const char c = text.data[i];
        out[i] = c >= 0x20 && c < 0x7f ? c : '?';
    }
    out[size] = '\0';
}

fb_slice fb_text(const char *text)
{
    return text == NULL ? (fb_slice){NULL, 0} : (fb_slice){text, strlen(text)};
}
