/* Introspection responses that are JWTs (RFC 9701): whose they must be, for whom, and what in them counts. */
#include "failing.h"
#include "proofs.h"
#include "verify/verify.h"

#include <openssl/hmac.h>

static fb_error error = FB_ERROR_INIT;
static const fb_clock CLOCK = {1800000000.0, 1.0};
static const fb_slice asked = {"https://asked.example", 21}, server = {"my-server", 9};
static const char OPAQUE[] = "2YotnFZFEjr1zCsicMWpAA";
static const char JWT_TYPE[] = "application/token-introspection+jwt";

#define HEADER "{\"alg\":\"ES256\",\"typ\":\"token-introspection+jwt\",\"kid\":\"k\"}"
#define WHO "\"iss\":\"https://asked.example\",\"aud\":\"my-server\""
#define ACTIVE "{\"active\":true,\"iss\":\"https://asked.example\",\"exp\":1800000060,\"sub\":\"alice\"}"
#define GOOD "{" WHO ",\"iat\":1800000000,\"token_introspection\":" ACTIVE "}"

/* The issuer signs with the key of `client`, and its set is given. */
static fb_string *keys;

static fb_issuer issuer_of(const char *introspection)
{
    static const fb_slice algorithm = {"ES256", 5};
    fb_issuer issuer = FB_ISSUER_INIT;
    issuer.identifiers = (fb_list){&asked, 1};
    issuer.introspection = fb_text(introspection);
    issuer.introspection_audience = server;
    issuer.algorithms = (fb_list){&algorithm, 1};
    issuer.jwks = fb_string_text(keys);
    return issuer;
}

static fb_verifier *verifier_of(fb_options options, fb_issuer issuer)
{
    fb_verifier *verifier = NULL;
    options.issuers = &issuer;
    options.issuer_count = 1;
    if (fb_verifier_new(&verifier, &options, &error) != FB_OK) {
        FAIL("%s", error.text);
        exit(1);
    }
    return verifier;
}

static fb_verifier *asking(void)
{
    return verifier_of((fb_options)FB_OPTIONS_INIT, issuer_of("all"));
}

static fb_string *signed_by(const fb_keypair *pair, const char *header, const char *payload)
{
    fb_string *out = NULL;
    CHECK(fb_keypair_sign(pair, fb_text(header), fb_text(payload), &out, NULL) == FB_OK);
    return out;
}

static fb_status tell_text(const fb_verifier *verifier, fb_slice response, const char *type)
{
    fb_introspection introspection = FB_INTROSPECTION_INIT;
    fb_result *result = NULL;
    introspection.response = response;
    introspection.content_type = fb_text(type);
    const fb_status status =
        fb_verify_introspected(verifier, 1, OPAQUE, strlen(OPAQUE), CLOCK, &introspection, &result, &error);
    CHECK((result != NULL) == (status == FB_OK) && (status == FB_OK || error.status == status));
    fb_result_free(result);
    return status;
}

static fb_status tell(const fb_verifier *verifier, const fb_keypair *pair, const char *header, const char *payload)
{
    fb_string *response = signed_by(pair, header, payload);
    const fb_status status = tell_text(verifier, fb_string_text(response), JWT_TYPE);
    fb_string_free(response);
    return status;
}

/* Whether a response of the issuer is refused for this reason, and nothing is said of the token. */
static bool refuses(const fb_verifier *verifier, const char *header, const char *payload, fb_status reason)
{
    const fb_status status = tell(verifier, client, header, payload);
    const bool named = strstr(error.text, fb_status_name(reason)) != NULL && strstr(error.text, "response") != NULL;
    if (status != FB_STATUS_UNAVAILABLE || !named) {
        printf("%s %s: %s, %s\n", header, payload, fb_status_name(status), error.text);
    }
    return status == FB_STATUS_UNAVAILABLE && named;
}

/* ---- what is taken --------------------------------------------------------------------------- */

TEST(its_token_introspection_is_the_response)
{
    fb_verifier *verifier = asking();
    fb_string *response = signed_by(client, HEADER,
                                    "{" WHO ",\"iat\":1800000000,\"sub\":\"not alice\",\"exp\":1800000001,\"scope\":"
                                    "\"all\",\"token_introspection\":" ACTIVE "}");
    fb_introspection introspection = FB_INTROSPECTION_INIT;
    fb_result *result = NULL;
    introspection.response = fb_string_text(response);
    introspection.content_type = fb_text(JWT_TYPE);
    introspection.reuse_for = 50.0;
    CHECK(fb_verify_introspected(verifier, 1, OPAQUE, strlen(OPAQUE), CLOCK, &introspection, &result, &error) == FB_OK);
    CHECK(fb__slice_equal(fb_result_payload(result), fb_text(ACTIVE)));
    CHECK(fb__slice_equal(fb_result_subject(result), fb_text("alice")) && fb_result_scopes(result).count == 0);
    int64_t expires_at = 0;
    CHECK(fb_result_expires_at(result, &expires_at) && expires_at == 1800000060);
    fb_result_free(result);
    CHECK(fb_verify(verifier, OPAQUE, strlen(OPAQUE), (fb_clock){NOW + 49.0, 1.0}, &result, &error) == FB_OK);
    CHECK(fb__slice_equal(fb_result_payload(result), fb_text(ACTIVE)));
    fb_result_free(result);
    fb_string_free(response);
    fb_verifier_free(verifier);
}

TEST(what_it_holds_is_checked_as_a_response_that_is_json)
{
    const fb_slice audience = fb_text("https://api.example/mcp"), scope = fb_text("read");
    const fb_required_claim required = {fb_text("tier"), {NULL, 0}};
    fb_options options = FB_OPTIONS_INIT;
    options.audiences = (fb_list){&audience, 1}; /* of tokens; what the response is for is another matter */
    options.required_scopes = (fb_list){&scope, 1};
    options.required_claims = &required;
    options.required_claim_count = 1;
    fb_verifier *verifier = verifier_of(options, issuer_of("all"));
    static const struct {
        fb_status status;
        const char *members;
    } cases[] = {
        {FB_OK, "\"active\":true,\"exp\":1800000060,\"aud\":\"https://api.example/mcp\",\"scope\":\"read\",\"tier\":1"},
        {FB_TOKEN_INACTIVE, "\"active\":false"},
        {FB_TOKEN_INACTIVE, "\"exp\":1800000060"},
        {FB_EXP_MISSING, "\"active\":true"},
        {FB_TOKEN_EXPIRED, "\"active\":true,\"exp\":1800000000"},
        {FB_ISSUER_MISMATCH, "\"active\":true,\"exp\":1800000060,\"iss\":\"https://keys.example\""},
        {FB_AUDIENCE_MISMATCH, "\"active\":true,\"exp\":1800000060,\"aud\":\"my-server\""},
        {FB_CLAIM_MISSING, "\"active\":true,\"exp\":1800000060,\"aud\":\"https://api.example/mcp\""},
        {FB_INSUFFICIENT_SCOPE,
         "\"active\":true,\"exp\":1800000060,\"aud\":\"https://api.example/mcp\",\"tier\":1,\"scope\":\"write\""},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char payload[1000];
        snprintf(payload, sizeof(payload),
                 "{" WHO ",\"iat\":1800000000,\"tier\":1,\"scope\":\"read\",\"token_introspection\":{%s}}",
                 cases[i].members);
        CHECK(tell(verifier, client, HEADER, payload) == cases[i].status);
    }
    fb_verifier_free(verifier);
}

TEST(the_profile_for_access_tokens_is_not_for_responses)
{
    fb_options options = FB_OPTIONS_INIT;
    options.token_type = fb_text("at+jwt");
    fb_verifier *verifier = verifier_of(options, issuer_of("all"));
    CHECK(tell(verifier, client, HEADER,
               "{" WHO ",\"iat\":1800000000,\"token_introspection\":{\"active\":true,\"exp\":1800000060,\"iss\":"
               "\"https://asked.example\",\"aud\":\"a\",\"sub\":\"s\",\"client_id\":\"c\",\"iat\":1,\"jti\":\"j\"}}") ==
          FB_OK);
    CHECK(tell(verifier, client, HEADER, GOOD) == FB_CLAIM_MISSING);
    fb_verifier_free(verifier);
}

/* ---- what is refused ------------------------------------------------------------------------- */

TEST(its_content_type)
{
    fb_verifier *verifier = asking();
    fb_string *response = signed_by(client, HEADER, GOOD);
    const fb_slice text = fb_string_text(response);
    CHECK(tell_text(verifier, text, JWT_TYPE) == FB_OK);
    CHECK(tell_text(verifier, text, "Application/Token-Introspection+JWT ; charset=utf-8") == FB_OK);
    const char *const others[] = {NULL,
                                  "",
                                  "application/json",
                                  "application/jwt",
                                  "token-introspection+jwt",
                                  "application/token-introspection+jwt, application/json",
                                  "application/json; application/token-introspection+jwt",
                                  "application/token-introspection+jwts"};
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        CHECK(tell_text(verifier, text, others[i]) == FB_STATUS_UNAVAILABLE);
        CHECK(strstr(error.text, "application/token-introspection+jwt") != NULL && error.issuer == 1);
    }
    /* JSON, whatever it says that it is. */
    CHECK(tell_text(verifier, fb_text(ACTIVE), "application/json") == FB_STATUS_UNAVAILABLE);
    CHECK(tell_text(verifier, fb_text(ACTIVE), JWT_TYPE) == FB_STATUS_UNAVAILABLE);
    CHECK(strstr(error.text, "token_malformed") != NULL);
    fb_string_free(response);
    fb_verifier_free(verifier);

    fb_issuer plain = issuer_of("opaque"); /* and where responses are JSON a JWT is none */
    plain.introspection_audience = (fb_slice){NULL, 0};
    verifier = verifier_of((fb_options)FB_OPTIONS_INIT, plain);
    response = signed_by(client, HEADER, GOOD);
    CHECK(tell_text(verifier, fb_string_text(response), JWT_TYPE) == FB_STATUS_UNAVAILABLE);
    CHECK(tell_text(verifier, fb_text(ACTIVE), NULL) == FB_OK);
    fb_string_free(response);
    fb_verifier_free(verifier);
}

TEST(its_header)
{
    fb_verifier *verifier = asking();
    CHECK(tell(verifier, client, HEADER, GOOD) == FB_OK);
    CHECK(tell(verifier, client, "{\"alg\":\"ES256\",\"typ\":\"application/Token-Introspection+JWT\"}", GOOD) == FB_OK);
    static const struct {
        const char *header;
        fb_status reason;
    } cases[] = {
        {"{\"alg\":\"ES256\"}", FB_TOKEN_TYPE_NOT_ALLOWED},
        {"{\"alg\":\"ES256\",\"typ\":\"JWT\"}", FB_TOKEN_TYPE_NOT_ALLOWED},
        {"{\"alg\":\"ES256\",\"typ\":\"at+jwt\"}", FB_TOKEN_TYPE_NOT_ALLOWED},
        {"{\"alg\":\"ES256\",\"typ\":\"token-introspection\"}", FB_TOKEN_TYPE_NOT_ALLOWED},
        {"{\"alg\":\"ES256\",\"typ\":5}", FB_HEADER_INVALID},
        {"{\"alg\":\"ES256\",\"alg\":\"ES256\",\"typ\":\"token-introspection+jwt\"}", FB_HEADER_INVALID},
        {"{\"typ\":\"token-introspection+jwt\"}", FB_HEADER_INVALID},
        {"{\"alg\":\"none\",\"typ\":\"token-introspection+jwt\"}", FB_ALGORITHM_NOT_ALLOWED},
        {"{\"alg\":\"HS256\",\"typ\":\"token-introspection+jwt\"}", FB_ALGORITHM_NOT_ALLOWED},
        {"{\"alg\":\"ES384\",\"typ\":\"token-introspection+jwt\"}", FB_ALGORITHM_NOT_ALLOWED},
        {"{\"alg\":\"ES256\",\"typ\":\"token-introspection+jwt\",\"crit\":[\"exp\"]}", FB_CRITICAL_HEADER_UNSUPPORTED},
        {"{\"alg\":\"ES256\",\"typ\":\"token-introspection+jwt\",\"cty\":\"JWT\"}", FB_HEADER_UNSUPPORTED},
        {"{\"alg\":\"ES256\",\"typ\":\"token-introspection+jwt\",\"kid\":\"other\"}", FB_KEY_NOT_FOUND},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CHECK(refuses(verifier, cases[i].header, GOOD, cases[i].reason));
    }
    CHECK(strcmp(error.kid, "other") == 0);
    fb_verifier_free(verifier);
}

/* HMAC with the public key for a secret, which no key pair of ours would take. */
static fb_status tell_hmac(const fb_verifier *verifier, const char *header)
{
    const fb_slice pem = fb_keypair_public_pem(client);
    fb_string *ours = signed_by(client, header, GOOD);
    const fb_slice text = fb_string_text(ours);
    const size_t size = (size_t)(strrchr(text.data, '.') - text.data);
    unsigned char mac[EVP_MAX_MD_SIZE];
    unsigned mac_size = 0;
    char response[2000];
    CHECK(size + 1 + 44 < sizeof(response));
    CHECK(HMAC(EVP_sha256(), pem.data, (int)pem.size, (const unsigned char *)text.data, size, mac, &mac_size) != NULL);
    memcpy(response, text.data, size + 1);
    fb__base64url_encode(mac, mac_size, response + size + 1);
    fb_string_free(ours);
    return tell_text(verifier, (fb_slice){response, size + 1 + 43}, JWT_TYPE);
}

TEST(its_signature)
{
    fb_verifier *verifier = asking();
    CHECK(tell(verifier, other_client, HEADER, GOOD) == FB_STATUS_UNAVAILABLE);
    CHECK(strstr(error.text, "signature_invalid") != NULL && error.actual[0] == '\0');
    fb_string *response = signed_by(client, HEADER, GOOD);
    const fb_slice good = fb_string_text(response);
    CHECK(tell_text(verifier, good, JWT_TYPE) == FB_OK);
    CHECK(tell_text(verifier, (fb_slice){good.data, good.size - 2}, JWT_TYPE) == FB_STATUS_UNAVAILABLE);
    const size_t unsigned_size = (size_t)(strrchr(good.data, '.') - good.data) + 1;
    CHECK(tell_text(verifier, (fb_slice){good.data, unsigned_size}, JWT_TYPE) == FB_STATUS_UNAVAILABLE);
    CHECK(strstr(error.text, "token_malformed") != NULL);
    fb_string_free(response);

    CHECK(tell_hmac(verifier, "{\"alg\":\"HS256\",\"typ\":\"token-introspection+jwt\",\"kid\":\"k\"}") ==
          FB_STATUS_UNAVAILABLE);
    CHECK(strstr(error.text, "algorithm_not_allowed") != NULL);
    CHECK(tell_hmac(verifier, HEADER) == FB_STATUS_UNAVAILABLE && strstr(error.text, "signature_invalid") != NULL);

    /* Encrypted (RFC 7516), and what is too large. */
    CHECK(tell_text(verifier, fb_text("eyJhbGciOiJkaXIifQ.a2V5.aXY.dGV4dA.dGFn"), JWT_TYPE) == FB_STATUS_UNAVAILABLE);
    CHECK(strstr(error.text, "token_malformed") != NULL);
    static char large[65538];
    memset(large, 'x', sizeof(large) - 1);
    CHECK(tell_text(verifier, fb_text(large), JWT_TYPE) == FB_STATUS_UNAVAILABLE);
    CHECK(strstr(error.text, "65536") != NULL);
    CHECK(tell_text(verifier, fb_text(""), JWT_TYPE) == FB_STATUS_UNAVAILABLE);
    CHECK(tell_text(verifier, (fb_slice){NULL, 0}, JWT_TYPE) == FB_STATUS_UNAVAILABLE);
    fb_verifier_free(verifier);
}

TEST(its_claims)
{
    fb_verifier *verifier = asking();
#define TOLD "\"token_introspection\":" ACTIVE
    static const char *const good[] = {
        GOOD,
        "{\"iss\":\"https://asked.example\",\"aud\":[\"x\",\"my-server\"],\"iat\":1800000030," TOLD "}",
        "{" WHO ",\"iat\":1," TOLD "}",
        "{" WHO ",\"iat\":1800000000.5,\"exp\":1800000001,\"nbf\":1800000030," TOLD "}",
    };
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        CHECK(tell(verifier, client, HEADER, good[i]) == FB_OK);
    }
    static const struct {
        const char *claim, *payload, *actual;
        fb_status reason;
    } cases[] = {
        {"iss", "{\"aud\":\"my-server\",\"iat\":1800000000," TOLD "}", "absent", FB_ISS_MISSING},
        {"iss", "{\"iss\":7,\"aud\":\"my-server\",\"iat\":1800000000," TOLD "}", "7", FB_ISS_INVALID},
        {"iss", "{\"iss\":\"https://asked.example/\",\"aud\":\"my-server\",\"iat\":1800000000," TOLD "}",
         "https://asked.example/", FB_ISSUER_MISMATCH},
        {"aud", "{\"iss\":\"https://asked.example\",\"iat\":1800000000," TOLD "}", "absent", FB_AUD_MISSING},
        {"aud", "{\"iss\":\"https://asked.example\",\"aud\":{},\"iat\":1800000000," TOLD "}", "{}", FB_AUD_INVALID},
        {"aud", "{\"iss\":\"https://asked.example\",\"aud\":\"other\",\"iat\":1800000000," TOLD "}", "other",
         FB_AUDIENCE_MISMATCH},
        {"aud", "{\"iss\":\"https://asked.example\",\"aud\":[],\"iat\":1800000000," TOLD "}", "[]",
         FB_AUDIENCE_MISMATCH},
        {"iat", "{" WHO "," TOLD "}", "absent", FB_CLAIM_MISSING},
        {"iat", "{" WHO ",\"iat\":\"1800000000\"," TOLD "}", "\"1800000000\"", FB_IAT_INVALID},
        {"iat", "{" WHO ",\"iat\":1800000031," TOLD "}", "1800000031", FB_TOKEN_ISSUED_IN_FUTURE},
        {"exp", "{" WHO ",\"iat\":1800000000,\"exp\":1800000000," TOLD "}", "1800000000", FB_TOKEN_EXPIRED},
        {"nbf", "{" WHO ",\"iat\":1800000000,\"nbf\":1800000031," TOLD "}", "1800000031", FB_TOKEN_NOT_YET_VALID},
        {"token_introspection", "{" WHO ",\"iat\":1800000000}", "absent", FB_CLAIM_MISSING},
        {"token_introspection", "{" WHO ",\"iat\":1800000000,\"active\":true,\"exp\":1800000060}", "absent",
         FB_CLAIM_MISSING},
        {"token_introspection", "{" WHO ",\"iat\":1800000000,\"token_introspection\":[]}", "[]", FB_CLAIM_MISMATCH},
        {"token_introspection", "{" WHO ",\"iat\":1800000000,\"token_introspection\":\"{}\"}", "{}", FB_CLAIM_MISMATCH},
        {"token_introspection", "{" WHO ",\"iat\":1800000000,\"token_introspection\":null}", "null", FB_CLAIM_MISMATCH},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CHECK(refuses(verifier, HEADER, cases[i].payload, cases[i].reason));
        CHECK(fb__slice_equal(error.claim, fb_text(cases[i].claim)) && error.issuer == 1);
        CHECK(strcmp(error.actual, cases[i].actual) == 0 && error.expected[0] != '\0');
    }
    static const char *const malformed[] = {
        "",
        "[]",
        "{" WHO ",\"iat\":1800000000,\"iat\":1800000000," TOLD "}",
        "{" WHO ",\"iat\":1800000000," TOLD "," TOLD "}",
        "{" WHO ",\"iat\":1800000000,\"token_introspection\":{\"active\":false,\"\\u0061ctive\":true}}",
    };
    for (size_t i = 1; i < sizeof(malformed) / sizeof(malformed[0]); i++) {
        CHECK(refuses(verifier, HEADER, malformed[i], FB_PAYLOAD_INVALID));
    }
    CHECK(refuses(verifier, HEADER, malformed[0], FB_TOKEN_MALFORMED));
    fb_verifier_free(verifier);
}

TEST(leeway_is_that_of_tokens)
{
    fb_options options = FB_OPTIONS_INIT;
    options.leeway = 60.0;
    fb_verifier *verifier = verifier_of(options, issuer_of("all"));
    CHECK(tell(verifier, client, HEADER, "{" WHO ",\"iat\":1800000060,\"exp\":1799999941," TOLD "}") == FB_OK);
    CHECK(refuses(verifier, HEADER, "{" WHO ",\"iat\":1800000061," TOLD "}", FB_TOKEN_ISSUED_IN_FUTURE));
    CHECK(refuses(verifier, HEADER, "{" WHO ",\"iat\":1,\"exp\":1799999940," TOLD "}", FB_TOKEN_EXPIRED));
    fb_verifier_free(verifier);
}

/* RFC 9701 section 8.1, both ways. */
TEST(neither_passes_as_the_other)
{
    const char *const types[] = {NULL, "any", "at+jwt"};
    fb_string *response = signed_by(client, HEADER,
                                    "{" WHO ",\"iat\":1800000000,\"exp\":1800000060,\"sub\":\"s\",\"client_id\":\"c\","
                                    "\"jti\":\"j\"," TOLD "}");
    fb_string *token = signed_by(client, "{\"alg\":\"ES256\",\"typ\":\"at+jwt\",\"kid\":\"k\"}",
                                 "{" WHO ",\"iat\":1800000000,\"exp\":1800000060,\"sub\":\"s\",\"client_id\":\"c\","
                                 "\"jti\":\"j\"," TOLD "}");
    for (size_t i = 0; i < 3; i++) {
        fb_options options = FB_OPTIONS_INIT;
        fb_result *result = NULL;
        options.token_type = fb_text(types[i]);
        fb_verifier *verifier = verifier_of(options, issuer_of("opaque"));
        const fb_slice text = fb_string_text(response), other = fb_string_text(token);
        CHECK(fb_verify(verifier, text.data, text.size, CLOCK, &result, &error) == FB_TOKEN_TYPE_NOT_ALLOWED);
        CHECK(fb_verify(verifier, other.data, other.size, CLOCK, &result, &error) == FB_OK);
        fb_result_free(result);
        CHECK(tell_text(verifier, other, JWT_TYPE) == FB_STATUS_UNAVAILABLE);
        CHECK(strstr(error.text, "token_type_not_allowed") != NULL);
        CHECK(tell_text(verifier, text, JWT_TYPE) == (i == 2 ? FB_CLAIM_MISSING : FB_OK));
        fb_verifier_free(verifier);
    }
    fb_string_free(response);
    fb_string_free(token);
}

/* ---- keys that are fetched ------------------------------------------------------------------- */

static fb_status tell_with(const fb_verifier *verifier, const fb_introspection *introspection, double monotonic)
{
    fb_result *result = NULL;
    const fb_status status = fb_verify_introspected(verifier, 1, OPAQUE, strlen(OPAQUE), (fb_clock){NOW, monotonic},
                                                    introspection, &result, &error);
    fb_result_free(result);
    return status;
}

static void fetch(const fb_verifier *verifier, uint64_t request, double monotonic, fb_slice body)
{
    fb_fetch begun = FB_FETCH_INIT;
    fb_fetched fetched = FB_FETCHED_INIT;
    CHECK(fb_verifier_refresh_begin(verifier, 1, monotonic, FB_REFRESH_TOKEN, request, &begun, NULL) == FB_OK);
    CHECK(begun.decision == FB_FETCH_NOW);
    fetched.http_status = body.size > 0 ? 200 : 503;
    fetched.body = body;
    CHECK(fb_verifier_refresh_complete(verifier, 1, begun.ticket, monotonic, &fetched, NULL, NULL) ==
          (body.size > 0 ? FB_OK : FB_KEYS_UNAVAILABLE));
}

TEST(its_keys_are_fetched_like_those_of_tokens)
{
    fb_issuer issuer = issuer_of("all");
    issuer.jwks = (fb_slice){NULL, 0};
    issuer.jwks_uri = fb_text("https://asked.example/jwks");
    fb_verifier *verifier = verifier_of((fb_options)FB_OPTIONS_INIT, issuer);
    fb_string *response = signed_by(client, HEADER, GOOD);
    fb_introspection introspection = FB_INTROSPECTION_INIT;
    fb_stats stats = FB_STATS_INIT;
    introspection.response = fb_string_text(response);
    introspection.content_type = fb_text(JWT_TYPE);
    introspection.reuse_for = 10.0;
    CHECK(tell_with(verifier, &introspection, 1.0) == FB_KEYS_NEEDED);
    CHECK(error.key_request != 0 && error.wait > 0.0 && error.issuer == 1);
    introspection.after_fetch = true;
    introspection.key_request = error.key_request;
    fetch(verifier, error.key_request, 1.0, (fb_slice){NULL, 0});
    CHECK(tell_with(verifier, &introspection, 1.0) == FB_KEYS_UNAVAILABLE && error.retry_after > 0.0);
    introspection.after_fetch = false;
    CHECK(tell_with(verifier, &introspection, 20.0) == FB_KEYS_NEEDED);
    introspection.after_fetch = true;
    introspection.key_request = error.key_request;
    fetch(verifier, error.key_request, 20.0, fb_string_text(keys));
    CHECK(tell_with(verifier, &introspection, 20.0) == FB_OK);
    CHECK(fb_verifier_stats(verifier, 20.0, &stats, NULL) == FB_OK);
    CHECK(stats.introspections == 2 && stats.verified == 1 && stats.rejected == 1);
    fb_result *result = NULL; /* what was said does not depend on keys, and a question about them does not undo it */
    CHECK(fb_verify(verifier, OPAQUE, strlen(OPAQUE), (fb_clock){NOW, 1e6}, &result, &error) == FB_OK);
    fb_result_free(result);
    introspection.after_fetch = false;
    CHECK(tell_with(verifier, &introspection, 1e6) == FB_KEYS_NEEDED);
    CHECK(fb_verify(verifier, OPAQUE, strlen(OPAQUE), (fb_clock){NOW, 1e6}, &result, &error) == FB_OK);
    fb_result_free(result);
    fb_options options = FB_OPTIONS_INIT; /* and shared like those */
    options.keys_of = verifier;
    fb_verifier *sharing = verifier_of(options, issuer);
    CHECK(tell_with(sharing, &introspection, 20.0) == FB_OK);
    fb_verifier_free(sharing);
    fb_issuers *list = NULL;
    CHECK(fb_verifier_issuers(verifier, 20.0, &list, &error) == FB_OK);
    CHECK(fb_issuers_at(list, 0)->fetched && fb__slice_equal(fb_issuers_at(list, 0)->introspection, fb_text("all")));
    fb_issuers_free(list);
    fb_string_free(response);
    fb_verifier_free(verifier);
}

/* ---- mistakes of the host, and no memory ----------------------------------------------------- */

static bool is_refused(fb_issuer issuer)
{
    fb_verifier *verifier = NULL;
    fb_options options = FB_OPTIONS_INIT;
    options.issuers = &issuer;
    options.issuer_count = 1;
    return fb_verifier_new(&verifier, &options, &error) == FB_CONFIGURATION_INVALID && verifier == NULL &&
           strstr(error.text, "introspection_audience") != NULL;
}

TEST(what_cannot_be_meant_is_refused)
{
    const fb_slice template = fb_text("https://asked.example/{tid}"), two[] = {asked, fb_text("https://alias.example")};
    fb_verifier_free(asking());
    fb_issuer issuer = issuer_of(NULL);
    CHECK(is_refused(issuer));
    issuer = issuer_of("opaque");
    issuer.introspection_audience = (fb_slice){"", 0};
    CHECK(is_refused(issuer));
    issuer = issuer_of("opaque");
    issuer.identifiers = (fb_list){NULL, 0};
    CHECK(is_refused(issuer));
    issuer.identifiers = (fb_list){&template, 1};
    CHECK(is_refused(issuer));
    issuer = issuer_of("opaque");
    issuer.jwks = (fb_slice){NULL, 0};
    issuer.algorithms = (fb_list){NULL, 0};
    issuer.secret = fb_text(SECRET);
    CHECK(is_refused(issuer));
    issuer = issuer_of("all");
    issuer.identifiers = (fb_list){two, 2};
    fb_verifier *verifier = verifier_of((fb_options)FB_OPTIONS_INIT, issuer);
    CHECK(tell(verifier, client, HEADER, GOOD) == FB_OK);
    fb_introspection old = FB_INTROSPECTION_INIT; /* of a host that knows of no content types */
    old.size = offsetof(fb_introspection, content_type);
    CHECK(tell_with(verifier, &old, 1.0) == FB_STATUS_UNAVAILABLE);
    fb_verifier_free(verifier);
}

TEST(without_memory_it_is_that_call_alone)
{
    fb_options options = FB_OPTIONS_INIT;
    options.mem = &failing_mem;
    fb_issuer issuer = issuer_of("all");
    fb_string *response = signed_by(client, HEADER, GOOD);
    bool reached = true;
    for (long n = 0; reached; n++) {
        fb_verifier *verifier = verifier_of(options, issuer);
        failing_start(n, false);
        const fb_status status = tell_text(verifier, fb_string_text(response), JWT_TYPE);
        reached = failing_stop();
        CHECK(status == FB_OK || (reached && status == FB_OUT_OF_MEMORY));
        CHECK(tell_text(verifier, fb_string_text(response), JWT_TYPE) == FB_OK);
        fb_verifier_free(verifier);
        CHECK(failing.balance == 0);
    }
    failing_construction(options, &issuer);
    fb_string_free(response);
}

int main(void)
{
    failing_install();
    failing.ours_alone = true;
    proofs_start("ES256");
    CHECK(fb_keypair_jwks(client, fb_text("k"), &keys, NULL) == FB_OK);
    RUN(its_token_introspection_is_the_response);
    RUN(what_it_holds_is_checked_as_a_response_that_is_json);
    RUN(the_profile_for_access_tokens_is_not_for_responses);
    RUN(its_content_type);
    RUN(its_header);
    RUN(its_signature);
    RUN(its_claims);
    RUN(leeway_is_that_of_tokens);
    RUN(neither_passes_as_the_other);
    RUN(its_keys_are_fetched_like_those_of_tokens);
    RUN(what_cannot_be_meant_is_refused);
    RUN(without_memory_it_is_that_call_alone);
    fb_string_free(keys);
    proofs_end();
    return TEST_RESULT();
}
