/*
 * Tokens that their issuer was asked about (RFC 7662): the response stands in the place of a payload, and is held
 * against the same rules. Given a response that the host has had from the issuer's own endpoint, and a hostile token.
 */
#include "verify/verify.h"

#include <math.h>

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

static fb_status read_response(fb_result **out, const fb_verifier *verifier, fb_slice response, fb_error *error)
{
    const fb_status bad = FB_STATUS_UNAVAILABLE;
    *out = NULL;
    if (response.size > FB__MAX_TOKEN) {
        return fb__fail(error, bad, "the introspection response is larger than %d bytes", FB__MAX_TOKEN);
    }
    switch (fb__result_from_text(out, &verifier->mem, response)) {
    case FB_OK:
        return FB_OK;
    case FB_OUT_OF_MEMORY:
        return fb__out_of_memory(error);
    default:
        return fb__fail(error, bad, "the introspection response is not a valid JSON object");
    }
}

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
    atomic_fetch_add_explicit(&((fb_verifier *)(uintptr_t)verifier)->introspections, 1, memory_order_relaxed);
    status = read_response(&result, verifier, question->introspected->said.response, error);
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
