/* cnf: what binds a token and what is no binding, that fb_verify accepts none that is bound, and the way out. */
#include "proofs.h"
#include "verify/verify.h"

#define HASH "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"

static fb_error error = FB_ERROR_INIT;
static fb_verifier *verifying, *ignoring;

static fb_status verify(const fb_verifier *verifier, const char *cnf)
{
    fb_string *token = token_with(cnf);
    const fb_slice text = fb_string_text(token);
    fb_result *result = NULL;
    const fb_status status = fb_verify(verifier, text.data, text.size, (fb_clock){NOW, 1.0}, &result, &error);
    CHECK((result != NULL) == (status == FB_OK));
    CHECK(status == FB_OK || (error.claim.size == 3 && memcmp(error.claim.data, "cnf", 3) == 0));
    fb_result_free(result);
    fb_string_free(token);
    return status;
}

TEST(a_token_without_it_is_for_everybody)
{
    CHECK(verify(verifying, NULL) == FB_OK);
    CHECK(verify(ignoring, NULL) == FB_OK);
}

TEST(a_bound_token_needs_a_proof)
{
    static const char *const all[] = {
        "{\"jkt\":\"" HASH "\"}", "{\"x5t#S256\":\"" HASH "\"}", "{\"jkt\":\"" HASH "\",\"x5t#S256\":\"" HASH "\"}",
        "{\"jkt\":\"" HASH "\",\"kc-jkt-type\":\"dpop\",\"jwk\":7,\"kid\":null}", /* what else there is is not read */
        "{\"\\u006akt\":\"\\u0030ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I\"}"};
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        CHECK(verify(verifying, all[i]) == FB_PROOF_MISSING);
        CHECK(verify(ignoring, all[i]) == FB_OK);
    }
}

TEST(what_binds_to_nothing_that_is_known)
{
    static const struct {
        const char *cnf, *expected;
        fb_status ignored;
    } all[] = {
        {"null", "an object", FB_CONFIRMATION_INVALID},
        {"true", "an object", FB_CONFIRMATION_INVALID},
        {"7", "an object", FB_CONFIRMATION_INVALID},
        {"\"" HASH "\"", "an object", FB_CONFIRMATION_INVALID},
        {"[]", "an object", FB_CONFIRMATION_INVALID},
        {"[{\"jkt\":\"" HASH "\"}]", "an object", FB_CONFIRMATION_INVALID},
        {"{}", "jkt or x5t#S256", FB_OK},
        {"{\"jwk\":{\"kty\":\"EC\"}}", "jkt or x5t#S256", FB_OK},
        {"{\"kid\":\"k\"}", "jkt or x5t#S256", FB_OK},
        {"{\"JKT\":\"" HASH "\"}", "jkt or x5t#S256", FB_OK},
        {"{\"x5t\":\"" HASH "\"}", "jkt or x5t#S256", FB_OK},
        {"{\"a\":{\"jkt\":\"" HASH "\"}}", "jkt or x5t#S256", FB_OK},
        {"{\"jkt\":null}", "jkt: a SHA-256 hash in base64url", FB_OK},
        {"{\"jkt\":7}", "jkt: a SHA-256 hash in base64url", FB_OK},
        {"{\"jkt\":\"\"}", "jkt: a SHA-256 hash in base64url", FB_OK},
        {"{\"jkt\":[\"" HASH "\"]}", "jkt: a SHA-256 hash in base64url", FB_OK},
        {"{\"jkt\":\"0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4\"}", "jkt: a SHA-256 hash in base64url", FB_OK},
        {"{\"jkt\":\"" HASH "A\"}", "jkt: a SHA-256 hash in base64url", FB_OK},
        {"{\"jkt\":\"" HASH "=\"}", "jkt: a SHA-256 hash in base64url", FB_OK},
        {"{\"jkt\":\"0ZcOCORZNYy+DWpqq30jZyJGHTN0d2HglBV3uiguA4I\"}", "jkt: a SHA-256 hash in base64url", FB_OK},
        {"{\"jkt\":\"0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4J\"}", "jkt: a SHA-256 hash in base64url", FB_OK},
        {"{\"x5t#S256\":null}", "x5t#S256: a SHA-256 hash in base64url", FB_OK},
        {"{\"x5t#S256\":\"abc\"}", "x5t#S256: a SHA-256 hash in base64url", FB_OK},
        {"{\"x5t#S256\":\"" HASH "\",\"jkt\":\"abc\"}", "jkt: a SHA-256 hash in base64url", FB_OK},
        {"{\"jkt\":\"" HASH "\",\"x5t#S256\":{}}", "x5t#S256: a SHA-256 hash in base64url", FB_OK},
    };
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        if (verify(verifying, all[i].cnf) != FB_CONFIRMATION_INVALID || strcmp(error.expected, all[i].expected) != 0 ||
            error.actual[0] == '\0') {
            FAIL("%s: %s, expected %s, actual %s", all[i].cnf, error.text, error.expected, error.actual);
        }
        CHECK(verify(ignoring, all[i].cnf) == all[i].ignored);
    }
}

/* Other reasons come first: nobody learns from this one that the rest would do. */
TEST(it_is_read_last)
{
    struct setup setup = SETUP_INIT;
    fb_verifier *demanding = NULL;
    setup.issuer.secret = fb_text(SECRET);
    setup.policy.required_scopes = FB_LIST(fb_text("admin"));
    CHECK(setup_verifier(&demanding, &setup, NULL) == FB_OK);
    fb_string *token = token_with("{}");
    const fb_slice text = fb_string_text(token);
    fb_result *result = NULL;
    CHECK(fb_verify(demanding, text.data, text.size, (fb_clock){NOW, 1.0}, &result, &error) == FB_INSUFFICIENT_SCOPE);
    fb_string_free(token);
    fb_verifier_free(demanding);
}

/* The token is cached, what it is bound to is looked at each time, and each refusal is counted. */
TEST(from_the_cache_it_is_bound_as_well)
{
    fb_stats stats = FB_STATS_INIT;
    fb_verifier *verifier = proofs_verifier(NULL);
    fb_string *token = token_of(HASH);
    const fb_slice text = fb_string_text(token);
    for (int i = 0; i < 3; i++) {
        fb_result *result = NULL;
        fb_error each = FB_ERROR_INIT;
        CHECK(fb_verify(verifier, text.data, text.size, (fb_clock){NOW, 1.0}, &result, &each) == FB_PROOF_MISSING);
        CHECK(result == NULL && each.issuer == SOLE_ISSUER && each.status == FB_PROOF_MISSING);
        CHECK(fb_verify_after_fetch(verifier, text.data, text.size, (fb_clock){NOW, 1.0}, 0, &result, &each) ==
              FB_PROOF_MISSING);
    }
    CHECK(fb_verifier_stats(verifier, 1.0, &stats, NULL) == FB_OK);
    CHECK(stats.verified == 0 && stats.rejected == 6 && stats.cache_hits == 5 && stats.reason_count == 1 &&
          stats.reasons[0].status == FB_PROOF_MISSING);
    fb_string_free(token);
    fb_verifier_free(verifier);
}

TEST(where_dpop_is_required_no_token_comes_without_a_request)
{
    fb_dpop dpop = FB_DPOP_INIT;
    dpop.required = true;
    fb_verifier *verifier = proofs_verifier(&dpop);
    CHECK(verify(verifier, NULL) == FB_PROOF_MISSING);
    fb_verifier_free(verifier);
}

TEST(two_words_are_known)
{
    static const char *const wrong[] = {"", "Verify", "ignored", "none", "ignore "};
    struct setup setup = SETUP_INIT;
    fb_verifier *verifier = NULL;
    setup.issuer.secret = fb_text(SECRET);
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        setup.policy.sender_constrained = fb_text(wrong[i]);
        CHECK(setup_verifier(&verifier, &setup, &error) == FB_CONFIGURATION_INVALID && verifier == NULL);
        CHECK(strstr(error.text, "sender_constrained") != NULL);
    }
    setup.policy.sender_constrained = fb_text("verify");
    CHECK(setup_verifier(&verifier, &setup, &error) == FB_OK);
    CHECK(verify(verifier, "{\"jkt\":\"" HASH "\"}") == FB_PROOF_MISSING);
    fb_verifier_free(verifier);
}

int main(void)
{
    struct setup setup = SETUP_INIT;
    proofs_start("EdDSA");
    setup.issuer.secret = fb_text(SECRET);
    setup.policy.sender_constrained = fb_text("ignore");
    verifying = proofs_verifier(NULL);
    CHECK(setup_verifier(&ignoring, &setup, NULL) == FB_OK);
    RUN(a_token_without_it_is_for_everybody);
    RUN(a_bound_token_needs_a_proof);
    RUN(what_binds_to_nothing_that_is_known);
    RUN(it_is_read_last);
    RUN(from_the_cache_it_is_bound_as_well);
    RUN(where_dpop_is_required_no_token_comes_without_a_request);
    RUN(two_words_are_known);
    fb_verifier_free(verifying);
    fb_verifier_free(ignoring);
    proofs_end();
    return TEST_RESULT();
}
