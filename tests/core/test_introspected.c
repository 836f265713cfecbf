/* Tokens that their issuer is asked about: which they are, what the response must say, and for how long it counts. */
#include "failing.h"
#include "proofs.h"
#include "status/status.h"

#include <math.h>

static fb_error error = FB_ERROR_INIT;
static const fb_clock CLOCK = {1800000000.0, 1.0};
static const fb_slice keyed = {"https://keys.example", 20}, asked = {"https://asked.example", 21};
static const char OPAQUE[] = "2YotnFZFEjr1zCsicMWpAA";

#define ACTIVE "{\"active\":true,\"iss\":\"https://asked.example\",\"exp\":1800000060"

static fb_issuer issuer_of(const fb_slice *identifier, const char *introspection)
{
    fb_issuer issuer = FB_ISSUER_INIT;
    issuer.identifiers = (fb_list){identifier, 1};
    issuer.introspection = fb_text(introspection);
    if (introspection == NULL || strcmp(introspection, "opaque") == 0) {
        issuer.secret = fb_text(SECRET);
    }
    return issuer;
}

static fb_verifier *verifier_of(fb_options options, const fb_issuer *issuers, size_t count)
{
    fb_verifier *verifier = NULL;
    options.issuers = issuers;
    options.issuer_count = count;
    if (fb_verifier_new(&verifier, &options, &error) != FB_OK) {
        FAIL("%s", error.text);
        exit(1);
    }
    return verifier;
}

/* Of one issuer, with all its tokens introspected. */
static fb_verifier *asking(void)
{
    const fb_issuer issuer = issuer_of(&asked, "all");
    return verifier_of((fb_options)FB_OPTIONS_INIT, &issuer, 1);
}

static fb_introspection said(const char *response, double reuse_for)
{
    fb_introspection introspection = FB_INTROSPECTION_INIT;
    introspection.response = fb_text(response);
    introspection.reuse_for = reuse_for;
    return introspection;
}

static fb_status verify_text(const fb_verifier *verifier, fb_slice token, double now)
{
    fb_result *result = NULL;
    const fb_status status = fb_verify(verifier, token.data, token.size, (fb_clock){now, 1.0}, &result, &error);
    CHECK((result != NULL) == (status == FB_OK));
    fb_result_free(result);
    return status;
}

static fb_status tell_at(const fb_verifier *verifier, uint64_t issuer, const char *token, const char *response,
                         double reuse_for, double now)
{
    const fb_introspection introspection = said(response, reuse_for);
    fb_result *result = NULL;
    const fb_status status = fb_verify_introspected(verifier, issuer, token, strlen(token), (fb_clock){now, 1.0},
                                                    &introspection, &result, &error);
    CHECK((result != NULL) == (status == FB_OK) && (status == FB_OK || error.status == status));
    fb_result_free(result);
    return status;
}

static fb_status tell(const fb_verifier *verifier, const char *response)
{
    return tell_at(verifier, 1, OPAQUE, response, 0.0, NOW);
}

/* ---- which tokens ---------------------------------------------------------------------------- */

TEST(what_has_the_form_of_a_jwt)
{
    const struct {
        const char *token;
        bool is_jwt;
    } cases[] = {
        {"eyJhbGciOiJIUzI1NiJ9.e30.c2ln", true},
        {"eyJhbGciOiJIUzI1NiJ9..", true}, /* a wrong one */
        {"eyJhbGciOiJIUzI1NiJ9.!.!", true},
        {"IHsiYWxnIjoiSFMyNTYifQ.e30.c2ln", true}, /* white space before it */
        {"Cgp7ImFsZyI6IkhTMjU2In0.e30.c2ln", true},
        {"eyJhbGciOiJIUzI1NiJ9.e30", false},
        {"eyJhbGciOiJIUzI1NiJ9.e30.c2ln.", false},
        {"eyJhbGciOiJkaXIifQ.a.b.c.d", false}, /* encrypted (RFC 7516) */
        {"v2.local.AAAA", false},
        {"ya29.c.b0Aaekm1K", false}, /* seen at Google */
        {"bnVsbA.e30.c2ln", false},  /* null */
        {"eyJ!.e30.c2ln", false},
        {"2YotnFZFEjr1zCsicMWpAA", false},
        {"", false},
        {"..", false},
        {"e.e.e", false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        if (fb_token_is_jwt(cases[i].token, strlen(cases[i].token)) != cases[i].is_jwt) {
            FAIL("%s", cases[i].token);
        }
    }
    CHECK(!fb_token_is_jwt(NULL, 0));
}

TEST(opaque_tokens_and_jwts_side_by_side)
{
    const fb_issuer issuers[] = {issuer_of(&keyed, NULL), issuer_of(&asked, "all")};
    fb_verifier *verifier = verifier_of((fb_options)FB_OPTIONS_INIT, issuers, 2);
    fb_string *jwt = NULL, *theirs = NULL;
    fb_token_options options = FB_TOKEN_OPTIONS_INIT;
    options.now = NOW;
    options.issuer = keyed;
    CHECK(fb_keypair_create_token(authority, &options, &jwt, NULL) == FB_OK);
    options.issuer = asked;
    CHECK(fb_keypair_create_token(authority, &options, &theirs, NULL) == FB_OK);
    CHECK(verify_text(verifier, fb_string_text(jwt), NOW) == FB_OK);
    CHECK(verify_text(verifier, fb_text(OPAQUE), NOW) == FB_INTROSPECTION_NEEDED && error.issuer == 2);
    CHECK(verify_text(verifier, fb_string_text(theirs), NOW) == FB_INTROSPECTION_NEEDED && error.issuer == 2);
    CHECK(tell_at(verifier, 2, fb_string_text(theirs).data, ACTIVE "}", 0.0, NOW) == FB_OK);
    fb_result *result = NULL;
    CHECK(fb_verify_after_fetch(verifier, OPAQUE, strlen(OPAQUE), CLOCK, 0, &result, &error) ==
          FB_INTROSPECTION_NEEDED);
    /* What no token can be is not asked about. */
    CHECK(verify_text(verifier, fb_text("not a token"), NOW) == FB_TOKEN_MALFORMED);
    CHECK(verify_text(verifier, fb_text(""), NOW) == FB_TOKEN_MALFORMED);
    CHECK(verify_text(verifier, fb_text("a\n"), NOW) == FB_TOKEN_MALFORMED);
    static char large[20000];
    memset(large, 'x', sizeof(large));
    CHECK(verify_text(verifier, (fb_slice){large, sizeof(large)}, NOW) == FB_TOKEN_TOO_LARGE);
    CHECK(verify_text(verifier, fb_text("eyJhbGciOiJIUzI1NiJ9.e30."), NOW) == FB_TOKEN_MALFORMED);
    fb_stats stats = FB_STATS_INIT;
    CHECK(fb_verifier_stats(verifier, 1.0, &stats, NULL) == FB_OK);
    CHECK(stats.verified == 2 && stats.rejected == 5 && stats.introspections == 1); /* "ask" is no verdict */
    fb_verifier_free(verifier);

    const fb_issuer both = issuer_of(&keyed, "opaque"); /* the keys of one issuer, and its opaque tokens */
    verifier = verifier_of((fb_options)FB_OPTIONS_INIT, &both, 1);
    CHECK(verify_text(verifier, fb_string_text(jwt), NOW) == FB_OK);
    CHECK(verify_text(verifier, fb_string_text(theirs), NOW) == FB_ISSUER_MISMATCH);
    CHECK(verify_text(verifier, fb_text(OPAQUE), NOW) == FB_INTROSPECTION_NEEDED && error.issuer == 1);
    CHECK(tell(verifier, "{\"active\":true,\"exp\":1800000060}") == FB_OK);
    fb_verifier_free(verifier);

    verifier = asking(); /* all of one issuer's: no iss is read */
    CHECK(verify_text(verifier, fb_string_text(jwt), NOW) == FB_INTROSPECTION_NEEDED && error.issuer == 1);
    fb_verifier_free(verifier);

    const fb_issuer none = issuer_of(&keyed, NULL); /* without introspection nothing changes */
    verifier = verifier_of((fb_options)FB_OPTIONS_INIT, &none, 1);
    CHECK(verify_text(verifier, fb_text(OPAQUE), NOW) == FB_TOKEN_MALFORMED);
    fb_verifier_free(verifier);
    fb_string_free(jwt);
    fb_string_free(theirs);
}

/* ---- what it must say ------------------------------------------------------------------------ */

TEST(active_is_true_or_the_token_is_not)
{
    fb_verifier *verifier = asking();
    CHECK(tell(verifier, ACTIVE "}") == FB_OK);
    const struct {
        const char *response, *actual;
    } cases[] = {
        {"{\"active\":false}", "false"},
        {"{\"active\":false,\"iss\":\"https://asked.example\",\"exp\":1800000060}", "false"},
        {"{}", "absent"},
        {"{\"iss\":\"https://asked.example\",\"exp\":1800000060}", "absent"},
        {"{\"active\":\"true\",\"exp\":1800000060}", "true"},
        {"{\"active\":1,\"exp\":1800000060}", "1"},
        {"{\"active\":null,\"exp\":1800000060}", "null"},
        {"{\"active\":[true],\"exp\":1800000060}", "[true]"},
        {"{\"Active\":true,\"exp\":1800000060}", "absent"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CHECK(tell(verifier, cases[i].response) == FB_TOKEN_INACTIVE);
        CHECK(fb__slice_equal(error.claim, fb_text("active")) && error.issuer == 1);
        CHECK(strcmp(error.expected, "true") == 0 && strcmp(error.actual, cases[i].actual) == 0);
    }
    CHECK(fb_status_http(FB_TOKEN_INACTIVE) == 401);
    fb_verifier_free(verifier);
}

TEST(what_is_no_response_says_nothing_of_the_token)
{
    static char large[65600];
    fb_verifier *verifier = asking();
    const char *const cases[] = {"",
                                 "<html>",
                                 "true",
                                 "[]",
                                 "{\"active\":true",
                                 ACTIVE "} x",
                                 "{\"active\":true,\"active\":true}",
                                 "{\"active\":true,\"\\u0061ctive\":false}",
                                 "{\"active\":true,\"exp\":NaN}",
                                 "\xef\xbb\xbf" ACTIVE "}",
                                 "{\"active\":true,\"sub\":\"\\ud800\"}"};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CHECK(tell(verifier, cases[i]) == FB_STATUS_UNAVAILABLE && strstr(error.text, "JSON") != NULL);
    }
    fb_introspection absent = FB_INTROSPECTION_INIT;
    fb_result *result = NULL;
    CHECK(fb_verify_introspected(verifier, 1, OPAQUE, 5, CLOCK, &absent, &result, &error) == FB_STATUS_UNAVAILABLE);
    memset(large, ' ', sizeof(large) - 1);
    memcpy(large, ACTIVE "}", sizeof(ACTIVE));
    CHECK(tell(verifier, large) == FB_STATUS_UNAVAILABLE && strstr(error.text, "65536") != NULL);
    large[65536] = '\0';
    CHECK(tell(verifier, large) == FB_OK);
    fb_verifier_free(verifier);
}

TEST(claims_are_checked_as_those_of_a_jwt)
{
    const fb_slice audience = fb_text("https://api.example/mcp"), scope = fb_text("read");
    const fb_slice value = fb_text("\"gold\"");
    const fb_required_claim required = {fb_text("tier"), {&value, 1}};
    fb_options options = FB_OPTIONS_INIT;
    options.audiences = (fb_list){&audience, 1};
    options.required_scopes = (fb_list){&scope, 1};
    options.required_claims = &required;
    options.required_claim_count = 1;
    const fb_issuer issuer = issuer_of(&asked, "all");
    fb_verifier *verifier = verifier_of(options, &issuer, 1);
#define GOOD "\"aud\":\"https://api.example/mcp\",\"scope\":\"read write\",\"tier\":\"gold\""
    const struct {
        fb_status status;
        const char *response;
    } cases[] = {
        {FB_OK, "{\"active\":true,\"exp\":1800000060," GOOD "}"},
        {FB_OK, "{\"active\":true,\"exp\":1800000060,\"iss\":\"https://asked.example\"," GOOD "}"},
        {FB_EXP_MISSING, "{\"active\":true," GOOD "}"},
        {FB_EXP_INVALID, "{\"active\":true,\"exp\":\"1800000060\"," GOOD "}"},
        {FB_TOKEN_EXPIRED, "{\"active\":true,\"exp\":1800000000," GOOD "}"},
        {FB_NBF_INVALID, "{\"active\":true,\"exp\":1800000060,\"nbf\":true," GOOD "}"},
        {FB_TOKEN_NOT_YET_VALID, "{\"active\":true,\"exp\":1800000060,\"nbf\":1800000031," GOOD "}"},
        {FB_IAT_INVALID, "{\"active\":true,\"exp\":1800000060,\"iat\":null," GOOD "}"},
        {FB_TOKEN_ISSUED_IN_FUTURE, "{\"active\":true,\"exp\":1800000060,\"iat\":1800000031," GOOD "}"},
        {FB_ISS_INVALID, "{\"active\":true,\"exp\":1800000060,\"iss\":5," GOOD "}"},
        {FB_ISSUER_MISMATCH, "{\"active\":true,\"exp\":1800000060,\"iss\":\"https://keys.example\"," GOOD "}"},
        {FB_AUD_MISSING, "{\"active\":true,\"exp\":1800000060,\"scope\":\"read\",\"tier\":\"gold\"}"},
        {FB_AUD_INVALID, "{\"active\":true,\"exp\":1800000060,\"aud\":7}"},
        {FB_AUDIENCE_MISMATCH, "{\"active\":true,\"exp\":1800000060,\"aud\":[\"https://other.example\"]}"},
        {FB_SUB_INVALID, "{\"active\":true,\"exp\":1800000060,\"sub\":7," GOOD "}"},
        {FB_CLIENT_ID_INVALID, "{\"active\":true,\"exp\":1800000060,\"client_id\":7," GOOD "}"},
        {FB_CLAIM_MISSING,
         "{\"active\":true,\"exp\":1800000060,\"aud\":\"https://api.example/mcp\",\"scope\":\"read\"}"},
        {FB_CLAIM_MISMATCH,
         "{\"active\":true,\"exp\":1800000060,\"aud\":\"https://api.example/mcp\",\"tier\":\"tin\"}"},
        {FB_SCOPE_INVALID, "{\"active\":true,\"exp\":1800000060,\"aud\":\"https://api.example/mcp\",\"tier\":\"gold\","
                           "\"scope\":{}}"},
        {FB_INSUFFICIENT_SCOPE, "{\"active\":true,\"exp\":1800000060,\"aud\":\"https://api.example/mcp\",\"tier\":"
                                "\"gold\",\"scope\":\"write\"}"},
        {FB_CONFIRMATION_INVALID, "{\"active\":true,\"exp\":1800000060,\"cnf\":{}," GOOD "}"},
        {FB_PROOF_MISSING, "{\"active\":true,\"exp\":1800000060,\"cnf\":{\"jkt\":"
                           "\"0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I\"}," GOOD "}"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const fb_status got = tell(verifier, cases[i].response);
        if (got != cases[i].status) {
            FAIL("%s: %s", cases[i].response, fb_status_name(got));
        }
    }
    fb_verifier_free(verifier);
}

TEST(the_profile_for_access_tokens_holds_for_them)
{
    fb_options options = FB_OPTIONS_INIT;
    options.token_type = fb_text("at+jwt");
    const fb_issuer issuer = issuer_of(&asked, "all");
    fb_verifier *verifier = verifier_of(options, &issuer, 1);
#define PROFILE "\"aud\":\"a\",\"sub\":\"s\",\"client_id\":\"c\",\"iat\":1800000000"
    CHECK(tell(verifier, ACTIVE "," PROFILE ",\"jti\":\"j\"}") == FB_OK);
    CHECK(tell(verifier, ACTIVE "," PROFILE "}") == FB_CLAIM_MISSING && fb__slice_equal(error.claim, fb_text("jti")));
    CHECK(tell(verifier, "{\"active\":true,\"exp\":1800000060," PROFILE ",\"jti\":\"j\"}") == FB_ISS_MISSING);
    fb_verifier_free(verifier);
}

static fb_slice issuer_in_result(const fb_verifier *verifier, const char *response, char out[64])
{
    const fb_introspection introspection = said(response, 0.0);
    fb_result *result = NULL;
    CHECK(fb_verify_introspected(verifier, 1, OPAQUE, strlen(OPAQUE), CLOCK, &introspection, &result, &error) == FB_OK);
    const fb_slice iss = fb_result_issuer(result);
    snprintf(out, 64, "%.*s", (int)iss.size, iss.data == NULL ? "" : iss.data);
    const fb_slice known = {iss.data == NULL ? NULL : out, iss.size};
    CHECK(fb_result_issuer_number(result) == 1 && fb_result_kid(result).data == NULL);
    CHECK(fb__slice_equal(fb_result_payload(result), introspection.response));
    fb_result_free(result);
    return known;
}

TEST(who_was_asked_is_the_issuer_when_the_response_leaves_it_out)
{
    char text[64];
    fb_verifier *verifier = asking();
    CHECK(fb__slice_equal(issuer_in_result(verifier, "{\"active\":true,\"exp\":1800000060}", text), asked));
    CHECK(fb__slice_equal(issuer_in_result(verifier, ACTIVE "}", text), asked));
    fb_verifier_free(verifier);

    const fb_slice two[] = {asked, keyed}, template = fb_text("https://asked.example/{tid}");
    fb_issuer issuer = issuer_of(&asked, "all");
    issuer.identifiers = (fb_list){two, 2};
    verifier = verifier_of((fb_options)FB_OPTIONS_INIT, &issuer, 1); /* which of both nobody knows */
    CHECK(issuer_in_result(verifier, "{\"active\":true,\"exp\":1800000060}", text).data == NULL);
    fb_verifier_free(verifier);
    issuer.identifiers = (fb_list){&template, 1};
    verifier = verifier_of((fb_options)FB_OPTIONS_INIT, &issuer, 1);
    CHECK(issuer_in_result(verifier, "{\"active\":true,\"exp\":1800000060}", text).data == NULL);
    CHECK(tell(verifier, "{\"active\":true,\"exp\":1800000060,\"iss\":\"https://asked.example/1\",\"tid\":\"2\"}") ==
          FB_ISSUER_MISMATCH);
    fb_verifier_free(verifier);
    issuer.identifiers = (fb_list){NULL, 0};
    verifier = verifier_of((fb_options)FB_OPTIONS_INIT, &issuer, 1);
    CHECK(issuer_in_result(verifier, "{\"active\":true,\"exp\":1800000060}", text).data == NULL);
    CHECK(issuer_in_result(verifier, "{\"active\":true,\"exp\":1800000060,\"iss\":\"x\"}", text).size == 1);
    fb_verifier_free(verifier);
}

/* ---- again ----------------------------------------------------------------------------------- */

TEST(it_is_reused_for_as_long_as_the_host_says)
{
    fb_verifier *verifier = asking();
    const fb_slice token = fb_text(OPAQUE);
    CHECK(tell_at(verifier, 1, OPAQUE, ACTIVE "}", 0.0, NOW) == FB_OK);
    CHECK(verify_text(verifier, token, NOW) == FB_INTROSPECTION_NEEDED);
    CHECK(tell_at(verifier, 1, OPAQUE, ACTIVE "}", 10.0, NOW) == FB_OK);
    CHECK(verify_text(verifier, token, NOW) == FB_OK && verify_text(verifier, token, NOW + 9.9) == FB_OK);
    CHECK(verify_text(verifier, fb_text("another"), NOW) == FB_INTROSPECTION_NEEDED);
    CHECK(verify_text(verifier, token, NOW + 10.0) == FB_INTROSPECTION_NEEDED);
    CHECK(tell_at(verifier, 1, OPAQUE, ACTIVE "}", 86400.0, NOW) == FB_OK); /* never beyond exp */
    CHECK(verify_text(verifier, token, NOW + 59.9) == FB_OK);
    CHECK(verify_text(verifier, token, NOW + 60.0) == FB_INTROSPECTION_NEEDED);
    /* The last word counts. */
    CHECK(tell_at(verifier, 1, OPAQUE, ACTIVE "}", 50.0, NOW) == FB_OK && verify_text(verifier, token, NOW) == FB_OK);
    CHECK(tell_at(verifier, 1, OPAQUE, "{\"active\":false}", 50.0, NOW) == FB_TOKEN_INACTIVE);
    CHECK(verify_text(verifier, token, NOW) == FB_INTROSPECTION_NEEDED);
    CHECK(tell_at(verifier, 1, OPAQUE, ACTIVE "}", 50.0, NOW) == FB_OK);
    CHECK(tell_at(verifier, 1, OPAQUE, ACTIVE "}", 0.0, NOW) == FB_OK);
    CHECK(verify_text(verifier, token, NOW) == FB_INTROSPECTION_NEEDED);
    fb_verifier_free(verifier);
}

TEST(a_revocation_takes_effect_at_once)
{
    fb_revocations *set = NULL;
    fb_options options = FB_OPTIONS_INIT;
    CHECK(fb_revocations_new(&set, 10, NULL, NULL) == FB_OK);
    options.revocations = set;
    const fb_issuer issuer = issuer_of(&asked, "all");
    fb_verifier *verifier = verifier_of(options, &issuer, 1);
    CHECK(tell_at(verifier, 1, OPAQUE, "{\"active\":true,\"exp\":1800000060,\"jti\":\"t1\"}", 50.0, NOW) == FB_OK);
    CHECK(verify_text(verifier, fb_text(OPAQUE), NOW) == FB_OK);
    /* By the issuer that was asked, which the response leaves out. */
    CHECK(fb_revocations_add(set, asked, fb_text("t1"), NOW + 60.0, NOW, NULL) == FB_OK);
    CHECK(verify_text(verifier, fb_text(OPAQUE), NOW) == FB_TOKEN_REVOKED);
    CHECK(tell_at(verifier, 1, OPAQUE, "{\"active\":true,\"exp\":1800000060,\"jti\":\"t1\"}", 50.0, NOW) ==
          FB_TOKEN_REVOKED);
    fb_verifier_free(verifier);
    fb_revocations_free(set);
}

/* Keys have no say in what was said: those of an issuer with both may come, go and lapse. */
TEST(what_was_said_does_not_depend_on_keys)
{
    fb_issuer issuer = issuer_of(&asked, "opaque");
    issuer.secret = (fb_slice){NULL, 0};
    issuer.jwks_uri = fb_text("https://keys.example/jwks");
    fb_verifier *verifier = verifier_of((fb_options)FB_OPTIONS_INIT, &issuer, 1);
    CHECK(tell_at(verifier, 1, OPAQUE, ACTIVE "}", 50.0, NOW) == FB_OK);
    CHECK(verify_text(verifier, fb_text(OPAQUE), NOW) == FB_OK);
    fb_verifier_free(verifier);
}

TEST(an_issuer_that_is_replaced_takes_what_it_said_with_it)
{
    const fb_issuer first = issuer_of(&keyed, NULL), added = issuer_of(&asked, "all");
    fb_options options = FB_OPTIONS_INIT;
    options.resolves_issuers = true;
    fb_verifier *verifier = verifier_of(options, &first, 1);
    fb_token_options token_options = FB_TOKEN_OPTIONS_INIT;
    fb_string *token = NULL;
    token_options.issuer = asked;
    token_options.now = NOW;
    CHECK(fb_keypair_create_token(authority, &token_options, &token, NULL) == FB_OK);
    CHECK(fb_verifier_add_issuer(verifier, &added, &error) == FB_OK);
    CHECK(verify_text(verifier, fb_string_text(token), NOW) == FB_INTROSPECTION_NEEDED);
    const uint64_t number = error.issuer;
    CHECK(tell_at(verifier, number, fb_string_text(token).data, ACTIVE "}", 50.0, NOW) == FB_OK);
    CHECK(verify_text(verifier, fb_string_text(token), NOW) == FB_OK);
    CHECK(fb_verifier_add_issuer(verifier, &added, &error) == FB_OK);
    CHECK(verify_text(verifier, fb_string_text(token), NOW) == FB_INTROSPECTION_NEEDED && error.issuer != number);
    CHECK(tell_at(verifier, number, fb_string_text(token).data, ACTIVE "}", 50.0, NOW) == FB_CONFIGURATION_INVALID);
    fb_string_free(token);
    fb_verifier_free(verifier);
}

/* ---- requests -------------------------------------------------------------------------------- */

static fb_status tell_request(const fb_verifier *verifier, const struct sent *sent, const char *response)
{
    const fb_introspection introspection = said(response, 0.0);
    fb_result *result = NULL;
    const fb_status status =
        fb_verify_request_introspected(verifier, 1, &sent->request, CLOCK, &introspection, &result, NULL, &error);
    CHECK((result != NULL) == (status == FB_OK));
    fb_result_free(result);
    return status;
}

static fb_string *signed_text(const char *text)
{
    fb_string *out = NULL; /* any text in the dress of a token: request_with wants an fb_string */
    CHECK(fb_keypair_sign(authority, fb_text("{}"), fb_text(text), &out, NULL) == FB_OK);
    return out;
}

TEST(a_request_with_a_bound_token)
{
    const fb_dpop dpop = FB_DPOP_INIT;
    fb_options options = FB_OPTIONS_INIT;
    options.dpop = &dpop;
    const fb_issuer issuer = issuer_of(&asked, "all");
    fb_verifier *verifier = verifier_of(options, &issuer, 1);
    fb_string *token = signed_text("opaque");
    fb_proof_options proof_options = proof_base(token);
    fb_string *proof = proof_by(client, &proof_options), *other = proof_by(other_client, &proof_options);
    char bound[256];
    struct sent sent;
    fb_result *result = NULL;
    snprintf(bound, sizeof(bound), ACTIVE ",\"cnf\":{\"jkt\":\"%s\"}}", client_jkt);
    request_with(&sent, "DPoP", token, proof);
    CHECK(fb_verify_request(verifier, &sent.request, CLOCK, &result, NULL, &error) == FB_INTROSPECTION_NEEDED);
    CHECK(error.issuer == 1);
    CHECK(tell_request(verifier, &sent, bound) == FB_OK);
    CHECK(tell_request(verifier, &sent, bound) == FB_PROOF_REPLAYED);
    CHECK(tell_request(verifier, &sent, ACTIVE "}") == FB_PROOF_MISMATCH); /* not bound: no DPoP token */
    request_with(&sent, "DPoP", token, other);
    CHECK(tell_request(verifier, &sent, bound) == FB_PROOF_MISMATCH);
    request_with(&sent, "DPoP", token, NULL);
    CHECK(tell_request(verifier, &sent, bound) == FB_PROOF_MISSING);
    request_with(&sent, "Bearer", token, NULL);
    CHECK(tell_request(verifier, &sent, bound) == FB_PROOF_MISSING &&
          tell_request(verifier, &sent, ACTIVE "}") == FB_OK);
    CHECK(tell_request(verifier, &sent, "{\"active\":false}") == FB_TOKEN_INACTIVE);
    sent.request.headers = NULL;
    sent.request.header_count = 0;
    CHECK(tell_request(verifier, &sent, ACTIVE "}") == FB_TOKEN_MISSING);
    sent.request.size = 0;
    CHECK(tell_request(verifier, &sent, ACTIVE "}") == FB_CONFIGURATION_INVALID);
    fb_string_free(token);
    fb_string_free(proof);
    fb_string_free(other);
    fb_verifier_free(verifier);
}

/* ---- mistakes of the host -------------------------------------------------------------------- */

static void refused(fb_issuer issuer, const char *option)
{
    fb_verifier *verifier = NULL;
    fb_options options = FB_OPTIONS_INIT;
    options.issuers = &issuer;
    options.issuer_count = 1;
    CHECK(fb_verifier_new(&verifier, &options, &error) == FB_CONFIGURATION_INVALID && verifier == NULL);
    CHECK(strstr(error.text, option) != NULL);
}

TEST(what_cannot_be_meant_is_refused)
{
    fb_issuer issuer = issuer_of(&asked, "jwt");
    refused(issuer, "introspection");
    issuer.introspection = fb_text("");
    refused(issuer, "introspection");
    issuer = issuer_of(&asked, "all");
    issuer.secret = fb_text(SECRET);
    refused(issuer, "introspection");
    issuer = issuer_of(&asked, "all");
    issuer.jwks_uri = fb_text("https://keys.example/jwks");
    refused(issuer, "introspection");

    const fb_issuer issuers[] = {issuer_of(&keyed, NULL), issuer_of(&asked, "all")};
    fb_verifier *verifier = verifier_of((fb_options)FB_OPTIONS_INIT, issuers, 2);
    const fb_status bad = FB_CONFIGURATION_INVALID;
    CHECK(tell_at(verifier, 1, OPAQUE, ACTIVE "}", 0.0, NOW) == bad && strstr(error.text, "not introspected") != NULL);
    CHECK(tell_at(verifier, 3, OPAQUE, ACTIVE "}", 0.0, NOW) == bad &&
          tell_at(verifier, 0, OPAQUE, "{}", 0.0, NOW) == bad);
    CHECK(tell_at(verifier, 2, OPAQUE, ACTIVE "}", -1.0, NOW) == bad && strstr(error.text, "reuse_for") != NULL);
    CHECK(tell_at(verifier, 2, OPAQUE, ACTIVE "}", 86401.0, NOW) == bad);
    CHECK(tell_at(verifier, 2, OPAQUE, ACTIVE "}", (double)NAN, NOW) == bad);
    CHECK(tell_at(verifier, 2, OPAQUE, ACTIVE "}", 0.0, (double)NAN) == bad);
    CHECK(tell_at(verifier, 2, "", ACTIVE "}", 0.0, NOW) == FB_TOKEN_MALFORMED);
    CHECK(tell_at(verifier, 2, "a b", ACTIVE "}", 0.0, NOW) == FB_TOKEN_MALFORMED);
    fb_introspection none = FB_INTROSPECTION_INIT;
    fb_result *result = NULL;
    none.size = 0;
    CHECK(fb_verify_introspected(verifier, 2, OPAQUE, 5, CLOCK, &none, &result, &error) == bad);
    none.size = sizeof(none) + 1;
    CHECK(fb_verify_introspected(verifier, 2, OPAQUE, 5, CLOCK, &none, &result, &error) == bad);
    /* It has no keys, and nothing to fetch. */
    fb_fetch fetch = FB_FETCH_INIT;
    CHECK(fb_verifier_refresh_begin(verifier, 2, 1.0, FB_REFRESH_EXPLICIT, 0, &fetch, &error) == bad);
    fb_issuers *list = NULL;
    CHECK(fb_verifier_issuers(verifier, 1.0, &list, &error) == FB_OK);
    CHECK(fb_issuers_at(list, 0)->introspection.data == NULL);
    CHECK(fb__slice_equal(fb_issuers_at(list, 1)->introspection, fb_text("all")));
    CHECK(fb_issuers_at(list, 1)->health == FB_READY && !fb_issuers_at(list, 1)->fetched);
    fb_issuers_free(list);
    fb_verifier_free(verifier);
}

TEST(without_memory_it_is_that_call_alone)
{
    fb_options options = FB_OPTIONS_INIT;
    options.mem = &failing_mem;
    const fb_issuer issuer = issuer_of(&asked, "all");
    const fb_introspection introspection = said(ACTIVE ",\"sub\":\"\\u0061\",\"scope\":\"a b c d e f g h i j\"}", 50.0);
    bool reached = true;
    long n = 0;
    for (; reached; n++) {
        fb_verifier *verifier = verifier_of(options, &issuer, 1);
        fb_result *result = NULL;
        failing_start(n, false);
        const fb_status status =
            fb_verify_introspected(verifier, 1, OPAQUE, strlen(OPAQUE), CLOCK, &introspection, &result, &error);
        reached = failing_stop();
        /* The entry in the cache is dispensable. */
        CHECK(status == FB_OK || (reached && status == FB_OUT_OF_MEMORY && result == NULL));
        fb_result_free(result);
        CHECK(tell(verifier, ACTIVE "}") == FB_OK);
        fb_verifier_free(verifier);
        CHECK(failing.balance == 0);
    }
    CHECK(n >= 4);
    failing_construction(options, &issuer); /* of a verifier without keys */
}

int main(void)
{
    failing_install();
    failing.ours_alone = true;
    proofs_start("ES256");
    RUN(what_has_the_form_of_a_jwt);
    RUN(opaque_tokens_and_jwts_side_by_side);
    RUN(active_is_true_or_the_token_is_not);
    RUN(what_is_no_response_says_nothing_of_the_token);
    RUN(claims_are_checked_as_those_of_a_jwt);
    RUN(the_profile_for_access_tokens_holds_for_them);
    RUN(who_was_asked_is_the_issuer_when_the_response_leaves_it_out);
    RUN(it_is_reused_for_as_long_as_the_host_says);
    RUN(a_revocation_takes_effect_at_once);
    RUN(what_was_said_does_not_depend_on_keys);
    RUN(an_issuer_that_is_replaced_takes_what_it_said_with_it);
    RUN(a_request_with_a_bound_token);
    RUN(what_cannot_be_meant_is_refused);
    RUN(without_memory_it_is_that_call_alone);
    proofs_end();
    return TEST_RESULT();
}
