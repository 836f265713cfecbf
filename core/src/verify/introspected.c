/*
 * Tokens that their issuer was asked about (RFC 7662): the response stands in the place of a payload, and is held
 * against the same rules. Given a response that the host has had from the issuer's own endpoint, and a hostile token.
 * Where responses are JWTs (RFC 9701) nothing in one counts before it is verified to be the issuer's, for this server.
 */
#include "verify/verify.h"

#include <math.h>
#include <stdio.h>

static const double longest_reuse = 86400.0;

fb_status fb__introspected_complete(fb__introspected *out, uint64_t issuer, const fb_introspection *given,
                                    fb_error *error)
{
    *out = (fb__introspected){issuer, FB_INTROSPECTION_INIT};
    if (given->size == 0 || given->size > sizeof(out->said)) {
        return fb__fail(error, FB_CONFIGURATION_INVALID, "introspection must start from FB_INTROSPECTION_INIT");
    }
    memcpy(&out->said, given, given->size);
    return out->said.reuse_for >= 0.0 && out->said.reuse_for <= longest_reuse
               ? FB_OK
               : fb__fail(error, FB_CONFIGURATION_INVALID, "reuse_for must be 0 to 86400 seconds");
}

static fb_status read_members(fb_result **out, const fb_verifier *verifier, fb_slice text, fb_error *error)
{
    switch (fb__result_from_text(out, &verifier->mem, text)) {
    case FB_OK:
        return FB_OK;
    case FB_OUT_OF_MEMORY:
        return fb__out_of_memory(error);
    default:
        return fb__fail(error, FB_STATUS_UNAVAILABLE, "the introspection response is not a valid JSON object");
    }
}

/* ---- responses that are JWTs ----------------------------------------------------------------- */

/* RFC 9701 section 4. Parameters say nothing here: the response is ASCII. */
static bool is_jwt_response(fb_slice content_type)
{
    const char *end = content_type.size == 0 ? NULL : memchr(content_type.data, ';', content_type.size);
    const size_t size = end == NULL ? content_type.size : (size_t)(end - content_type.data);
    return fb__is_word(fb__trim((fb_slice){content_type.data, size}), "application/token-introspection+jwt");
}

/* What is wrong with a response is not wrong with the token: the reason stands in the text, and details stay. */
static fb_status refuse_response(fb_status reason, fb_error *error)
{
    if (reason == FB_OUT_OF_MEMORY || reason == FB_INTERNAL_ERROR || reason == FB_KEYS_NEEDED ||
        reason == FB_KEYS_UNAVAILABLE) {
        return reason;
    }
    if (FB__HAS(error, text)) {
        char text[sizeof(error->text)];
        memcpy(text, error->text, sizeof(text));
        (void)snprintf(error->text, sizeof(error->text), "the introspection response is refused, %s: %.140s",
                       fb_status_name(reason), text);
        error->status = FB_STATUS_UNAVAILABLE;
    }
    return FB_STATUS_UNAVAILABLE;
}

static fb_status read_signed(fb_result **out, const fb_verifier *verifier, fb__issuer *issuer,
                             const fb__question *question, fb_error *error)
{
    static const fb_slice name = {"token_introspection", 19};
    fb_result *claims;
    if (!is_jwt_response(question->introspected->said.content_type)) {
        return fb__fail(error, FB_STATUS_UNAVAILABLE,
                        "the introspection response is not of the type application/token-introspection+jwt");
    }
    fb_status status = fb__verify_response(verifier, issuer, question, &claims, error);
    if (status != FB_OK) {
        return refuse_response(status, error);
    }
    const fb_node *node = &claims->nodes[fb_result_claim(claims, name)];
    const fb_slice text = {claims->payload.data + node->offset, node->length};
    if (node->kind == FB_OBJECT) {
        status = read_members(out, verifier, text, error);
    } else {
        status = refuse_response(fb__reject(error, FB_CLAIM_MISMATCH, name), error);
        fb__set_expected(error, fb_text("an object"));
        fb__set_actual(error, text);
    }
    fb_result_free(claims);
    return status;
}

static fb_status read_response(fb_result **out, const fb_verifier *verifier, fb__issuer *issuer,
                               const fb__question *question, fb_error *error)
{
    const fb_slice response = question->introspected->said.response;
    *out = NULL;
    if (response.size > FB__MAX_TOKEN) {
        return fb__fail(error, FB_STATUS_UNAVAILABLE, "the introspection response is larger than %d bytes",
                        FB__MAX_TOKEN);
    }
    return issuer->responses == NULL ? read_members(out, verifier, response, error)
                                     : read_signed(out, verifier, issuer, question, error);
}

/* ---- what it says of the token --------------------------------------------------------------- */

/* RFC 7662 section 2.2: REQUIRED, and a boolean. What is none is not taken for one. */
static fb_status check_active(const fb_result *result, fb_error *error)
{
    const fb_slice name = {"active", 6};
    const size_t index = fb_result_claim(result, name);
    const fb_node *node = &result->nodes[index];
    if (index != 0 && node->kind == FB_TRUE) {
        return FB_OK;
    }
    (void)fb__reject(error, FB_TOKEN_INACTIVE, name);
    fb__set_expected(error, fb_text("true"));
    fb__set_actual(error,
                   index == 0 ? fb_text("absent") : (fb_slice){result->payload.data + node->offset, node->length});
    return FB_TOKEN_INACTIVE;
}

static fb_status check_token(fb_slice token, fb_error *error)
{
    return token.size > 0 && fb__is_token68(token)
               ? FB_OK
               : fb__fail(error, FB_TOKEN_MALFORMED, "the token has characters that no token has");
}

fb_status fb__introspected_verify(const fb_verifier *verifier, fb__issuer *issuer, const fb__question *question,
                                  fb_result **out, fb_error *error)
{
    *out = NULL;
    if (issuer == NULL) {
        return fb__fail(error, FB_CONFIGURATION_INVALID, "issuer: there is none of this number (any more)");
    }
    if (issuer->introspection == FB__INTROSPECTS_NONE) {
        return fb__fail(error, FB_CONFIGURATION_INVALID, "issuer: its tokens are not introspected");
    }
    fb_status status = check_token(question->token, error);
    if (status != FB_OK) {
        return status;
    }
    fb_result *result;
    if (!question->introspected->said.after_fetch) {
        atomic_fetch_add_explicit(&((fb_verifier *)(uintptr_t)verifier)->introspections, 1, memory_order_relaxed);
    }
    status = read_response(&result, verifier, issuer, question, error);
    if (status == FB_OK) {
        result->introspected = true;
        result->issuer = fb__issuer_retain(issuer);
        status = check_active(result, error);
    }
    if (status == FB_OK) {
        status = fb__claims_check(&issuer->policy, result, (fb_slice){NULL, 0}, question->clock.unix_seconds, error);
    }
    if (status != FB_OK) {
        fb_result_free(result);
        return status;
    }
    *out = result;
    return FB_OK;
}

fb_status fb_verify_introspected(const fb_verifier *verifier, uint64_t issuer, const char *token, size_t size,
                                 fb_clock clock, const fb_introspection *given, fb_result **out, fb_error *error)
{
    fb__introspected introspected;
    *out = NULL;
    const fb_status status = fb__introspected_complete(&introspected, issuer, given, error);
    if (status != FB_OK) {
        return status;
    }
    const fb__question question = {.token = {token, size}, .clock = clock, .introspected = &introspected};
    return fb__verify_bearer(verifier, question, out, error);
}
