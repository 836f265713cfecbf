/*
 * Target functions: fb__result_new, fb__claims_check, through fb_verify. Input: one byte for the policy, then a
 * payload, which is signed as it is. What is accepted is looked at again with jansson.
 */
#include "../core/setup.h"
#include "fuzz.h"

#include <math.h>

enum {
    ISSUER = 1,
    AUDIENCE = 2,
    SCOPES = 4,
    CLAIMS = 8,
    LEEWAY = 16,
    LOOSE = 32,
    NAMES = 64,
    RICH = 128, /* a template, values, paths, a hierarchy of merged scopes, and clocks that are ahead */
    POLICIES = 256
};

#define TEMPLATE "https://login.example/"

static void enrich(struct setup *options, unsigned policy)
{
    static fb_slice identifier, values[3], names[3], implied;
    static fb_required_claim required;
    static fb_scope_rule rule;
    identifier = fb_text(TEMPLATE "{tid}");
    values[0] = fb_text("\"access\"");
    values[1] = fb_text("1");
    values[2] = fb_text("true");
    names[0] = fb_text("scope");
    names[1] = fb_text("/r/roles");
    names[2] = fb_text("/aud");
    implied = fb_text("read");
    required = (fb_required_claim){fb_text("/use/0"), {values, 3}};
    rule = (fb_scope_rule){fb_text("admin"), {&implied, 1}};
    options->issuer.identifiers = (policy & ISSUER) != 0 ? (fb_list){&identifier, 1} : options->issuer.identifiers;
    options->required_claims = (fb_list){NULL, 0};
    options->policy.required_claims = (policy & CLAIMS) != 0 ? &required : NULL;
    options->policy.required_claim_count = (policy & CLAIMS) != 0 ? 1 : 0;
    options->policy.scope_claims = (policy & NAMES) != 0 ? (fb_list){names, 3} : (fb_list){NULL, 0};
    options->policy.client_id_claims = (policy & NAMES) != 0 ? (fb_list){names + 1, 2} : (fb_list){NULL, 0};
    options->policy.merge_scope_claims = true;
    options->policy.scope_hierarchy = &rule;
    options->policy.scope_rule_count = 1;
    options->policy.clock_skew = 30.0;
}

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
    options.policy.clock_skew = 0.0;
    options.policy.require_exp = (policy & LOOSE) == 0;
    options.policy.max_token_bytes = 65536;
    options.policy.cache_size = policy % 2 == 0 ? 16 : 0;
    if ((policy & RICH) != 0) {
        enrich(&options, policy);
    }
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

/* Without case where that does not count: before the path. */
static bool is_audience(const json_t *value)
{
    static const char url[] = "https://api.example/mcp";
    const char *text = json_string_value(value);
    bool same = text != NULL && json_string_length(value) == sizeof(url) - 1;
    for (size_t i = 0; same && i < sizeof(url) - 1; i++) {
        same = (i < 19 ? fb__lower(text[i]) : text[i]) == url[i];
    }
    return same || is_one_of(value, "a", "a");
}

static void check_audience(const json_t *aud)
{
    bool found = is_audience(aud);
    for (size_t i = 0; i < json_array_size(aud); i++) {
        REQUIRE(json_is_string(json_array_get(aud, i)));
        found = found || is_audience(json_array_get(aud, i));
    }
    REQUIRE(found);
}

static bool is_demanded(const json_t *value)
{
    return is_one_of(value, "access", "access") || json_is_true(value) ||
           (json_is_number(value) && json_number_value(value) == 1.0);
}

/* What the options of enrich demand. */
static void check_rich(unsigned policy, const json_t *claims)
{
    const char *iss = json_string_value(json_object_get(claims, "iss"));
    const char *tid = json_string_value(json_object_get(claims, "tid"));
    if ((policy & ISSUER) != 0) {
        REQUIRE(iss != NULL && tid != NULL && strncmp(iss, TEMPLATE, sizeof(TEMPLATE) - 1) == 0);
        REQUIRE(strcmp(iss + sizeof(TEMPLATE) - 1, tid) == 0 && strpbrk(tid, "/%?#") == NULL && tid[0] != '\0');
    }
    if ((policy & CLAIMS) != 0) {
        const json_t *use = json_object_get(claims, "use");
        const json_t *value = json_is_array(use) ? json_array_get(use, 0) : json_object_get(use, "0");
        bool found = is_demanded(value);
        for (size_t i = 0; i < json_array_size(value); i++) {
            found = found || is_demanded(json_array_get(value, i));
        }
        REQUIRE(found);
    }
}

static void check_scopes(unsigned policy, const fb_result *result)
{
    const fb_list scopes = fb_result_scopes(result);
    bool found = false;
    for (size_t i = 0; i < scopes.count; i++) {
        found = found || fb__slice_equal(scopes.items[i], fb_text("read")) ||
                ((policy & RICH) != 0 && fb__slice_equal(scopes.items[i], fb_text("admin")));
        for (size_t j = 0; (policy & RICH) != 0 && j < i && i < 100; j++) {
            REQUIRE(!fb__slice_equal(scopes.items[i], scopes.items[j]));
        }
        REQUIRE(scopes.items[i].size > 0 && fb_result_has_scope(result, scopes.items[i]));
    }
    REQUIRE((policy & SCOPES) == 0 || found);
    REQUIRE(fb_result_has_scope(result, fb_text("read")) == found);
}

static void check_accepted(unsigned policy, fb_slice payload)
{
    json_t *claims = fuzz_read_again(payload);
    if (claims == NULL) {
        return;
    }
    const double leeway = (policy & LEEWAY) != 0 ? 60.0 : 0.0;
    const double ahead = leeway > 0.0 ? leeway : (policy & RICH) != 0 ? 30.0 : 0.0;
    check_number(claims, "exp", (policy & LOOSE) == 0, nextafter(FUZZ_NOW - leeway, INFINITY), 0x1p63);
    check_number(claims, "nbf", false, -0x1p63, FUZZ_NOW + ahead);
    check_number(claims, "iat", false, -0x1p63, FUZZ_NOW + ahead);
    json_t *iss = json_object_get(claims, "iss"), *sub = json_object_get(claims, "sub");
    REQUIRE(iss == NULL || json_is_string(iss));
    REQUIRE(sub == NULL || json_is_string(sub));
    if ((policy & RICH) != 0) {
        check_rich(policy, claims);
    } else {
        REQUIRE((policy & ISSUER) == 0 || is_one_of(iss, "https://issuer.example", "second"));
        REQUIRE((policy & CLAIMS) == 0 || json_object_get(claims, "jti") != NULL);
    }
    if ((policy & AUDIENCE) != 0) {
        check_audience(json_object_get(claims, "aud"));
    }
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
            (status >= FB_EXP_MISSING && status <= FB_PROOF_MISSING));
    if (status == FB_OK) {
        fuzz_check_result(result);
        REQUIRE(fb__slice_equal(fb_result_payload(result), fuzz_slice(data, size)));
        check_accepted(policy, fuzz_slice(data, size));
        check_scopes(policy, result);
    }
    fb_result_free(result);
    /* A second time, from the cache where there is one: the same verdict. */
    REQUIRE(fb_verify(verifiers[policy], text.data, text.size, clock, &result, NULL) == status);
    fb_result_free(result);
    fb_string_free(token);
    return 0;
}
