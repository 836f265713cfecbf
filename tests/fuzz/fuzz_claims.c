/*
 * Target functions: fb__result_new, fb__claims_check, through fb_verify. Input: one byte for the policy, then a
 * payload, which is signed as it is. What is accepted is looked at again with jansson.
 */
#include "../core/setup.h"
#include "fuzz.h"

#include <math.h>

enum { ISSUER = 1, AUDIENCE = 2, SCOPES = 4, CLAIMS = 8, LEEWAY = 16, LOOSE = 32, NAMES = 64, POLICIES = 128 };

static fb_verifier *make(unsigned policy)
{
    struct setup options = SETUP_INIT;
    fb_verifier *verifier = NULL;
    const fb_slice issuers[] = {fb_text("https://issuer.example"), fb_text("second")};
    const fb_slice audiences[] = {fb_text("https://api.example/mcp"), fb_text("a")};
    const fb_slice read[] = {fb_text("read")}, jti[] = {fb_text("jti")},
                   permissions[] = {fb_text("permissions"), fb_text("scope")};
    options.issuer.secret = fb_text(FUZZ_SECRET);
    options.issuer.identifiers = (policy & ISSUER) != 0 ? (fb_list){issuers, 2} : options.issuer.identifiers;
    options.policy.audiences = (policy & AUDIENCE) != 0 ? (fb_list){audiences, 2} : options.policy.audiences;
    options.policy.required_scopes = (policy & SCOPES) != 0 ? (fb_list){read, 1} : options.policy.required_scopes;
    options.required_claims = (policy & CLAIMS) != 0 ? (fb_list){jti, 1} : options.required_claims;
    options.policy.scope_claims = (policy & NAMES) != 0 ? (fb_list){permissions, 2} : options.policy.scope_claims;
    options.policy.leeway = (policy & LEEWAY) != 0 ? 60.0 : 0.0;
    options.policy.require_exp = (policy & LOOSE) == 0;
    options.policy.max_token_bytes = 65536;
    options.policy.cache_size = policy % 2 == 0 ? 16 : 0;
    REQUIRE(setup_verifier(&verifier, &options, NULL) == FB_OK);
    return verifier;
}

static bool is_one_of(const json_t *value, const char *first, const char *second)
{
    const char *text = json_string_value(value);
    return text != NULL && json_string_length(value) == strlen(text) &&
           (strcmp(text, first) == 0 || strcmp(text, second) == 0);
}

static void check_number(const json_t *claims, const char *name, bool required, double least, double most)
{
    const json_t *value = json_object_get(claims, name);
    REQUIRE(value != NULL || !required);
    REQUIRE(value == NULL ||
            (json_is_number(value) && json_number_value(value) >= least && json_number_value(value) <= most));
}

static void check_audience(const json_t *aud)
{
    bool found = is_one_of(aud, "https://api.example/mcp", "a");
    for (size_t i = 0; i < json_array_size(aud); i++) {
        REQUIRE(json_is_string(json_array_get(aud, i)));
        found = found || is_one_of(json_array_get(aud, i), "https://api.example/mcp", "a");
    }
    REQUIRE(found);
}

static void check_accepted(unsigned policy, fb_slice payload)
{
    json_t *claims = fuzz_read_again(payload);
    if (claims == NULL) {
        return;
    }
    const double leeway = (policy & LEEWAY) != 0 ? 60.0 : 0.0;
    check_number(claims, "exp", (policy & LOOSE) == 0, nextafter(FUZZ_NOW - leeway, INFINITY), 0x1p63);
    check_number(claims, "nbf", false, -0x1p63, FUZZ_NOW + leeway);
    check_number(claims, "iat", false, -0x1p63, FUZZ_NOW + leeway);
    json_t *iss = json_object_get(claims, "iss"), *sub = json_object_get(claims, "sub");
    REQUIRE(iss == NULL || json_is_string(iss));
    REQUIRE(sub == NULL || json_is_string(sub));
    REQUIRE((policy & ISSUER) == 0 || is_one_of(iss, "https://issuer.example", "second"));
    if ((policy & AUDIENCE) != 0) {
        check_audience(json_object_get(claims, "aud"));
    }
    REQUIRE((policy & CLAIMS) == 0 || json_object_get(claims, "jti") != NULL);
    json_decref(claims);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static fb_keypair *pair;
    static fb_verifier *verifiers[POLICIES];
    unsigned policy = fuzz_byte(&data, &size) % POLICIES;
    fb_string *token = NULL;
    fb_result *result = NULL;
    if (pair == NULL) {
        pair = fuzz_secret();
    }
    if (verifiers[policy] == NULL) {
        verifiers[policy] = make(policy);
    }
    if (size == 0 ||
        fb_keypair_sign(pair, fb_text("{\"alg\":\"HS256\"}"), fuzz_slice(data, size), &token, NULL) != FB_OK) {
        return 0;
    }
    fb_slice text = fb_string_text(token);
    fb_clock clock = {FUZZ_NOW, 0.0};
    fb_status status = fb_verify(verifiers[policy], text.data, text.size, clock, &result, NULL);
    REQUIRE(status == FB_OK || status == FB_TOKEN_TOO_LARGE || status == FB_PAYLOAD_INVALID ||
            (status >= FB_EXP_MISSING && status <= FB_CLAIM_MISSING));
    if (status == FB_OK) {
        fuzz_check_result(result);
        REQUIRE(fb__slice_equal(fb_result_payload(result), fuzz_slice(data, size)));
        check_accepted(policy, fuzz_slice(data, size));
    }
    fb_result_free(result);
    /* A second time, from the cache where there is one: the same verdict. */
    REQUIRE(fb_verify(verifiers[policy], text.data, text.size, clock, &result, NULL) == status);
    fb_result_free(result);
    fb_string_free(token);
    return 0;
}
