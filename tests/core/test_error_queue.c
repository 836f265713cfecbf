/*
 * OpenSSL's error queue before and after every public function, whatever the host has in it: nothing, a few entries, as
 * many as there is room for; and what stands in it never decides anything. Every function of the header is called.
 */
#include "host.h"
#include "host_errors.h"
#include "setup.h"

static const double NOW = 1800000000.0;
static const char *const algorithms[] = {"RS256", "PS384", "ES256", "ES512", "EdDSA", "Ed448", "HS256"};
enum { ALGORITHMS = sizeof(algorithms) / sizeof(algorithms[0]), ENOUGH = 20 /* tokens for any key's table */ };

static fb_keypair *pairs[ALGORITHMS];

static void texts_and_versions(void)
{
    char text[8];
    CHECK(KEEPS(fb_version()) != NULL && KEEPS(fb_openssl_version()) != NULL && KEEPS(fb_jansson_version()) != NULL);
    CHECK(KEEPS(fb_text("a")).size == 1 && KEEPS(fb_clock_now()).unix_seconds > 0.0);
    CHECK(KEEPS(fb_status_http(FB_OUT_OF_MEMORY)) == 500 && KEEPS(fb_status_name(FB_OK)) != NULL);
    CHECK(KEEPS(fb_status_oauth(FB_OK)) != NULL && KEEPS(fb_status_text(FB_OK)) != NULL);
    CHECK(KEEPS(fb_address_is_public(fb_text("192.0.2.1"))) == false && KEEPS(fb_unescape("\\n", 2, text)) == 1);
    (void)KEEPS(fb_ca_bundle());
    KEEPS_VOID(fb_begin_exit());
    KEEPS_VOID(fb_guard_exit()); /* takes it back */
    fb_version_info info = FB_VERSION_INFO_INIT;
    CHECK(KEEPS(fb_versions(&info)));
    CHECK(KEEPS(fb_arithmetic_problem()) == NULL);
}

/* ---- key pairs ------------------------------------------------------------------------------ */

static void key_pair(size_t i)
{
    const fb_slice algorithm = fb_text(algorithms[i]), pem = KEEPS(fb_keypair_private_pem(pairs[i]));
    fb_token_options options = FB_TOKEN_OPTIONS_INIT;
    fb_keypair *pair = NULL;
    fb_string *text = NULL;
    const bool public_key = KEEPS(fb_keypair_public_pem(pairs[i])).size > 0;
    CHECK(KEEPS(fb_keypair_load(&pair, algorithm, pem, NULL, NULL)) == FB_OK);
    CHECK(fb__slice_equal(KEEPS(fb_keypair_algorithm(pair)), algorithm));
    CHECK(KEEPS(fb_keypair_create_token(pair, &options, &text, NULL)) == FB_OK);
    CHECK(KEEPS(fb_string_text(text)).size > 20);
    KEEPS_VOID(fb_string_free(text));
    CHECK(KEEPS(fb_keypair_sign(pair, fb_text("{}"), fb_text("{}"), &text, NULL)) == FB_OK);
    KEEPS_VOID(fb_string_free(text));
    CHECK((KEEPS(fb_keypair_jwks(pair, fb_text("a"), &text, NULL)) == FB_OK) == public_key);
    KEEPS_VOID(fb_string_free(text));
    CHECK((KEEPS(fb_keypair_thumbprint(pair, &text, NULL)) == FB_OK) == public_key);
    KEEPS_VOID(fb_string_free(text));
    fb_proof_options proving = FB_PROOF_OPTIONS_INIT;
    proving.method = fb_text("POST");
    proving.url = fb_text("https://api.example/");
    CHECK((KEEPS(fb_keypair_dpop_proof(pair, &proving, &text, NULL)) == FB_OK) == public_key);
    KEEPS_VOID(fb_string_free(text));
    KEEPS_VOID(fb_keypair_free(pair));
}

static void key_pairs(void)
{
    static const char *const quick[] = {"ES256", "EdDSA", "HS256", "none"};
    static const char broken[] = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
    fb_keypair *pair = NULL;
    for (size_t i = 0; i < ALGORITHMS; i++) {
        key_pair(i);
    }
    for (size_t i = 0; i < 4; i++) {
        CHECK((KEEPS(fb_keypair_generate(&pair, fb_text(quick[i]), 0, NULL, NULL)) == FB_OK) == (i < 3));
        KEEPS_VOID(fb_keypair_free(pair));
    }
    CHECK(KEEPS(fb_keypair_load(&pair, fb_text("ES256"), fb_text(broken), NULL, NULL)) == FB_CONFIGURATION_INVALID);
    CHECK(KEEPS(fb_keypair_load(&pair, fb_text("ES256"), fb_keypair_private_pem(pairs[0]), NULL, NULL)) ==
          FB_CONFIGURATION_INVALID);
}

/* ---- verifiers ------------------------------------------------------------------------------ */

static fb_verifier *try_new(const struct setup *options, fb_status expected)
{
    fb_verifier *verifier = NULL;
    fb_error error = FB_ERROR_INIT;
    const fb_status status = KEEPS(setup_verifier(&verifier, options, &error));
    if (status != expected) {
        FAIL("%s: %s", fb_status_name(status), error.text);
    }
    return verifier;
}

static fb_verifier *verifier_of(size_t i)
{
    struct setup options = SETUP_INIT;
    options.issuer.algorithms = FB_LIST(fb_text(algorithms[i]));
    options.policy.cache_size = i % 2 == 0 ? 0 : options.policy.cache_size;
    options.issuer.public_key = fb_keypair_public_pem(pairs[i]);
    if (options.issuer.public_key.size == 0) {
        options.issuer.public_key = fb_text(NULL);
        options.issuer.secret = fb_keypair_private_pem(pairs[i]);
    }
    return try_new(&options, FB_OK);
}

static void wrong_pems(void)
{
    static const char der_like[] = "0\202\001\"0\r\006\t*\206H\206\367\r\001\001\001\005\0 and so on and on";
    static const char *const pems[] = {
        "no PEM",
        "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
        "-----BEGIN PUBLIC KEY-----\n!!!!\n-----END PUBLIC KEY-----\n",
        "-----BEGIN CERTIFICATE-----\nMIIBAAAA\n-----END CERTIFICATE-----\n",
        "-----BEGIN RSA PUBLIC KEY-----\nMAYCAQECAQE=\n-----END RSA PUBLIC KEY-----\n",
        ("-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n"
         "AAAAAAAAAAAAAAAAAQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE=\n-----END PUBLIC KEY-----\n"),
    };
    struct setup options = SETUP_INIT;
    for (size_t i = 0; i < sizeof(pems) / sizeof(pems[0]); i++) {
        options.issuer.public_key = fb_text(pems[i]);
        (void)try_new(&options, FB_CONFIGURATION_INVALID);
    }
    options.issuer.public_key = fb_text(NULL);
    options.issuer.secret = (fb_slice){der_like, sizeof(der_like) - 1};
    KEEPS_VOID(fb_verifier_free(try_new(&options, FB_OK)));
}

/* Each key that is not one leaves entries: more than there is room for, before one that is good. */
static size_t bad_keys(char *out, size_t size)
{
    static const char off_curve[] = "{\"kty\":\"EC\",\"crv\":\"P-256\","
                                    "\"x\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE\","
                                    "\"y\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE\"},";
    static const char *const bad[] = {
        off_curve,
        "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"},",
        "{\"kty\":\"RSA\",\"n\":\"AA\",\"e\":\"AQAB\"},",
        "{\"kty\":\"oct\",\"k\":\"AAAA\"},",
    };
    size_t used = (size_t)snprintf(out, size, "{\"keys\":[");
    for (int i = 0; i < 60; i++) {
        used += (size_t)snprintf(out + used, size - used, "%s", bad[i % 4]);
    }
    return used;
}

static void key_sets(void)
{
    char document[16384];
    struct setup options = SETUP_INIT;
    fb_string *set = NULL;
    size_t used = bad_keys(document, sizeof(document));
    CHECK(fb_keypair_jwks(pairs[0], fb_text("a"), &set, NULL) == FB_OK);
    const fb_slice good = fb_string_text(set);
    snprintf(document + used, sizeof(document) - used, "%.*s", (int)good.size - 9, good.data + 9);
    options.issuer.jwks = fb_text(document);
    KEEPS_VOID(fb_verifier_free(try_new(&options, FB_OK)));
    snprintf(document + used - 1, sizeof(document) - used, "]}");
    (void)try_new(&options, FB_CONFIGURATION_INVALID);
    fb_string_free(set);
}

static fb_status verify(const fb_verifier *verifier, const char *token, fb_result **out)
{
    return KEEPS(fb_verify(verifier, token, strlen(token), (fb_clock){NOW, 1.0}, out, NULL));
}

static void one_result(const fb_verifier *verifier, fb_result *result)
{
    fb_attachment attachment = FB_ATTACHMENT_INIT;
    int64_t expires_at;
    size_t count;
    CHECK(KEEPS(fb_result_claim(result, fb_text("exp"))) != 0 && KEEPS(fb_result_expires_at(result, &expires_at)));
    CHECK(KEEPS(fb_result_nodes(result, &count)) != NULL && KEEPS(fb_result_payload(result)).size > 0);
    CHECK(KEEPS(fb_result_subject(result)).size == 5 && KEEPS(fb_result_client_id(result)).size == 5);
    CHECK(KEEPS(fb_result_resource(result)).data == NULL && KEEPS(fb_result_scopes(result)).count == 0);
    CHECK(KEEPS(fb_result_issuer(result)).data == NULL && KEEPS(fb_result_issuer_number(result)) == SOLE_ISSUER);
    CHECK(!KEEPS(fb_result_has_scope(result, fb_text("read"))));
    CHECK(KEEPS(fb_result_kid(result)).data == NULL && KEEPS(fb_result_attachment(result)) == NULL);
    (void)KEEPS(fb_result_is_cached(result));
    CHECK(!KEEPS(fb_verifier_attach(verifier, "no token", 8, &attachment)));
    KEEPS_VOID(fb_result_free(result));
}

/* Good and bad ones in turn, by OpenSSL first and by a table then. */
static void tokens(size_t i)
{
    char token[1024], bad[1024];
    fb_token_options options = FB_TOKEN_OPTIONS_INIT;
    fb_string *text = NULL;
    fb_verifier *verifier = verifier_of(i);
    fb_unverified *unverified = NULL;
    fb_result *result = NULL;
    options.now = NOW;
    options.subject = fb_text("alice");
    CHECK(fb_keypair_create_token(pairs[i], &options, &text, NULL) == FB_OK);
    snprintf(token, sizeof(token), "%.*s", (int)fb_string_text(text).size, fb_string_text(text).data);
    snprintf(bad, sizeof(bad), "%s", token);
    char *changed = strrchr(bad, '.') + 9;
    *changed = *changed == 'A' ? 'B' : 'A';
    for (int n = 0; n < ENOUGH; n++) {
        CHECK(verify(verifier, bad, &result) == FB_SIGNATURE_INVALID);
        CHECK(verify(verifier, token, &result) == FB_OK);
        one_result(verifier, result);
    }
    CHECK(verify(verifier, "no token", &result) == FB_TOKEN_MALFORMED);
    CHECK(KEEPS(fb_decode_unverified(token, strlen(token), NULL, &unverified, NULL)) == FB_OK);
    CHECK(KEEPS(fb_unverified_header(unverified)).size > 0 && KEEPS(fb_unverified_payload(unverified)).size > 0);
    KEEPS_VOID(fb_unverified_free(unverified));
    KEEPS_VOID(fb_verifier_free(verifier));
    fb_string_free(text);
}

static void all_tokens(void)
{
    for (size_t i = 0; i < ALGORITHMS; i++) {
        tokens(i);
    }
}

/* ---- issuers that come and go --------------------------------------------------------------- */

static void issuers(void)
{
    char document[16384];
    const fb_slice name = fb_text("https://issuer.example");
    fb_options options = FB_OPTIONS_INIT;
    fb_token_options minting = FB_TOKEN_OPTIONS_INIT;
    fb_issuer issuer = FB_ISSUER_INIT;
    fb_resolution resolution = FB_RESOLUTION_INIT;
    fb_verifier *verifier = NULL;
    fb_string *text = NULL;
    fb_issuers *list = NULL;
    (void)bad_keys(document, sizeof(document));
    issuer.identifiers = (fb_list){&name, 1};
    issuer.jwks = fb_text(document);
    options.resolves_issuers = true;
    minting.issuer = name;
    CHECK(fb_keypair_create_token(pairs[0], &minting, &text, NULL) == FB_OK);
    const fb_slice token = fb_string_text(text);
    CHECK(KEEPS(fb_verifier_new(&verifier, &options, NULL)) == FB_OK);
    CHECK(KEEPS(fb_verifier_add_issuer(verifier, &issuer, NULL)) == FB_CONFIGURATION_INVALID);
    CHECK(KEEPS(fb_verifier_resolve_begin(verifier, token.data, token.size, 1.0, &resolution, NULL)) == FB_OK);
    issuer.jwks = (fb_slice){NULL, 0};
    issuer.public_key = fb_keypair_public_pem(pairs[0]);
    CHECK(KEEPS(fb_verifier_resolve_end(verifier, resolution.ticket, FB_RESOLVED, &issuer, 1.0, NULL)) == FB_OK);
    CHECK(KEEPS(fb_verifier_resolve_wait(verifier, resolution.ticket, 0.0)));
    CHECK(KEEPS(fb_verifier_issuers(verifier, 1.0, &list, NULL)) == FB_OK && KEEPS(fb_issuers_count(list)) == 1);
    CHECK(KEEPS(fb_issuers_at(list, 0)) != NULL);
    const fb_health health = KEEPS(fb_issuers_health(list));
    CHECK(KEEPS(fb_health_name(health)) != NULL);
    KEEPS_VOID(fb_verifier_count_issuer_refusal(verifier, fb_issuers_at(list, 0)->number, FB_TOKEN_REVOKED));
    KEEPS_VOID(fb_issuers_free(list));
    CHECK(KEEPS(fb_verifier_add_issuer(verifier, &issuer, NULL)) == FB_OK); /* frees the keys of the one before */
    KEEPS_VOID(fb_verifier_free(verifier));
    fb_string_free(text);
}

/* ---- requests ------------------------------------------------------------------------------- */

/* A header with this key, and a signature of nobody's. */
static const char *proof_with(const char *jwk)
{
    static char proof[1024];
    char header[512];
    const int size = snprintf(header, sizeof(header), "{\"typ\":\"dpop+jwt\",\"alg\":\"ES256\",\"jwk\":%s}", jwk);
    size_t used = fb__base64url_encode(header, (size_t)size, proof);
    snprintf(proof + used, sizeof(proof) - used, ".e30.AAAA");
    return proof;
}

static fb_status request(const fb_verifier *verifier, fb_slice token, fb_slice proof, fb_slice certificate)
{
    char authorization[2048];
    const int size = snprintf(authorization, sizeof(authorization), "DPoP %.*s", (int)token.size, token.data);
    const fb_header headers[] = {{fb_text("Authorization"), {authorization, (size_t)size}}, {fb_text("DPoP"), proof}};
    fb_request given = FB_REQUEST_INIT;
    fb_result *result = NULL;
    fb_slice found;
    given.method = fb_text("POST");
    given.url = fb_text("https://api.example/");
    given.headers = headers;
    given.header_count = 2;
    given.client_certificate = certificate;
    CHECK(KEEPS(fb_request_token(verifier, &given, &found, NULL)) == FB_OK && found.size == token.size);
    const fb_status status = KEEPS(fb_verify_request(verifier, &given, (fb_clock){NOW, 1.0}, &result, NULL, NULL));
    KEEPS_VOID(fb_result_free(result));
    const fb_status after =
        KEEPS(fb_verify_request_after_fetch(verifier, &given, (fb_clock){NOW, 1.0}, 1, &result, NULL, NULL));
    CHECK(after == status || (status == FB_OK && after == FB_PROOF_REPLAYED));
    return status;
}

/* Keys, signatures and certificates that are good, and others that leave entries. */
static void requests(void)
{
    const size_t es256 = 2, hs256 = ALGORITHMS - 1;
    char claims[256], nonce[FB_NONCE_ROOM];
    fb_dpop dpop = FB_DPOP_INIT;
    struct setup options = SETUP_INIT;
    fb_token_options minting = FB_TOKEN_OPTIONS_INIT;
    fb_proof_options proving = FB_PROOF_OPTIONS_INIT;
    fb_string *thumbprint = NULL, *token = NULL, *proof = NULL;
    CHECK(fb_keypair_thumbprint(pairs[es256], &thumbprint, NULL) == FB_OK);
    snprintf(claims, sizeof(claims), "{\"cnf\":{\"jkt\":\"%s\"}}", fb_string_text(thumbprint).data);
    minting.now = NOW;
    minting.additional_claims = fb_text(claims);
    CHECK(fb_keypair_create_token(pairs[hs256], &minting, &token, NULL) == FB_OK);
    dpop.nonce_secret = fb_text("0123456789abcdef0123456789abcdef");
    options.issuer.secret = fb_keypair_private_pem(pairs[hs256]);
    options.policy.dpop = &dpop;
    fb_verifier *verifier = try_new(&options, FB_OK);
    CHECK(KEEPS(fb_verifier_nonce(verifier, NOW, nonce)));
    proving.method = fb_text("POST");
    proving.url = fb_text("https://api.example/");
    proving.access_token = fb_string_text(token);
    proving.nonce = fb_text(nonce);
    proving.now = NOW;
    CHECK(fb_keypair_dpop_proof(pairs[es256], &proving, &proof, NULL) == FB_OK);
    const fb_slice none = {NULL, 0}, text = fb_string_text(token);
    CHECK(request(verifier, text, fb_string_text(proof), none) == FB_OK);
    CHECK(request(verifier, text, fb_text("a.b.c"), none) == FB_PROOF_INVALID);
    CHECK(request(verifier, text,
                  fb_text(proof_with("{\"kty\":\"EC\",\"crv\":\"P-256\","
                                     "\"x\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE\","
                                     "\"y\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE\"}")),
                  none) == FB_PROOF_INVALID);
    KEEPS_VOID(fb_verifier_free(verifier));
    fb_string_free(thumbprint);
    fb_string_free(token);
    fb_string_free(proof);
}

static void certificates(void)
{
    static const char hash[] = "{\"cnf\":{\"jkt\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\","
                               "\"x5t#S256\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}}";
    static const char *const wrong[] = {"x", "0\x82\x01",
                                        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"};
    const fb_dpop dpop = FB_DPOP_INIT;
    struct setup options = SETUP_INIT;
    fb_token_options minting = FB_TOKEN_OPTIONS_INIT;
    fb_string *token = NULL;
    minting.now = NOW;
    minting.additional_claims = fb_text(hash);
    CHECK(fb_keypair_create_token(pairs[ALGORITHMS - 1], &minting, &token, NULL) == FB_OK);
    options.issuer.secret = fb_keypair_private_pem(pairs[ALGORITHMS - 1]);
    options.policy.dpop = &dpop;
    fb_verifier *verifier = try_new(&options, FB_OK);
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        CHECK(request(verifier, fb_string_text(token), fb_text("a.b.c"), fb_text(wrong[i])) == FB_PROOF_INVALID);
    }
    KEEPS_VOID(fb_verifier_free(verifier));
    fb_string_free(token);
}

/* ---- what an issuer says of a token, and who has revoked it ---------------------------------- */

/* Each of our public keys verifies a response (RFC 9701), and each refuses that of another. */
static void introspected_by_a_jwt(void)
{
    const fb_slice name = fb_text("https://issuer.example");
    const fb_slice payload = fb_text("{\"iss\":\"https://issuer.example\",\"aud\":\"me\",\"iat\":1800000000,"
                                     "\"token_introspection\":{\"active\":true,\"exp\":1800000060}}");
    for (size_t i = 0; i + 1 < ALGORITHMS; i++) {
        const fb_slice algorithm = fb_keypair_algorithm(pairs[i]), pem = fb_keypair_public_pem(pairs[i]);
        struct setup options = SETUP_INIT;
        char header[100];
        if (pem.size == 0) {
            continue;
        }
        snprintf(header, sizeof(header), "{\"alg\":\"%.*s\",\"typ\":\"token-introspection+jwt\"}", (int)algorithm.size,
                 algorithm.data);
        options.issuer.identifiers = (fb_list){&name, 1};
        options.issuer.algorithms = (fb_list){&algorithm, 1};
        options.issuer.public_key = pem;
        options.issuer.introspection = fb_text("all");
        options.issuer.introspection_audience = fb_text("me");
        fb_verifier *verifier = try_new(&options, FB_OK);
        for (size_t signer = i; signer <= i + 1; signer++) {
            fb_introspection introspection = FB_INTROSPECTION_INIT;
            fb_result *result = NULL;
            fb_string *response = NULL;
            CHECK(fb_keypair_sign(pairs[signer], fb_text(header), payload, &response, NULL) == FB_OK);
            introspection.response = fb_string_text(response);
            introspection.content_type = fb_text("application/token-introspection+jwt");
            CHECK(KEEPS(fb_verify_introspected(verifier, SOLE_ISSUER, "opaque", 6, (fb_clock){NOW, 1.0}, &introspection,
                                               &result, NULL)) == (signer == i ? FB_OK : FB_STATUS_UNAVAILABLE));
            fb_result_free(result);
            fb_string_free(response);
        }
        KEEPS_VOID(fb_verifier_free(verifier));
    }
}

static void introspected(void)
{
    static const char opaque[] = "opaque-token";
    const fb_slice name = fb_text("https://issuer.example");
    const fb_header bearer = {fb_text("Authorization"), fb_text("Bearer opaque-token")};
    fb_options options = FB_OPTIONS_INIT;
    fb_issuer issuer = FB_ISSUER_INIT;
    fb_introspection introspection = FB_INTROSPECTION_INIT;
    fb_request given = FB_REQUEST_INIT;
    fb_revocations_info info = FB_REVOCATIONS_INFO_INIT;
    fb_verifier *verifier = NULL;
    fb_revocations *set = NULL;
    fb_result *result = NULL;
    issuer.identifiers = (fb_list){&name, 1};
    issuer.introspection = fb_text("all");
    options.issuers = &issuer;
    options.issuer_count = 1;
    given.method = fb_text("GET");
    given.url = fb_text("https://api.example/");
    given.headers = &bearer;
    given.header_count = 1;
    CHECK(!KEEPS(fb_token_is_jwt(opaque, strlen(opaque))));
    CHECK(KEEPS(fb_verifier_new(&verifier, &options, NULL)) == FB_OK);
    introspection.response = fb_text("{\"active\":false}");
    CHECK(KEEPS(fb_verify_introspected(verifier, SOLE_ISSUER, opaque, strlen(opaque), (fb_clock){NOW, 1.0},
                                       &introspection, &result, NULL)) == FB_TOKEN_INACTIVE);
    introspection.response = fb_text("{\"active\":true,\"exp\":1800000060,\"sub\":\"alice\",\"jti\":\"1\"}");
    CHECK(KEEPS(fb_verify_request_introspected(verifier, SOLE_ISSUER, &given, (fb_clock){NOW, 1.0}, &introspection,
                                               &result, NULL, NULL)) == FB_OK);
    CHECK(KEEPS(fb_revocations_new(&set, 2, NULL, NULL)) == FB_OK);
    CHECK(KEEPS(fb_revocations_check(set, result, NOW, NULL)) == FB_OK);
    CHECK(KEEPS(fb_revocations_add(set, name, fb_text("1"), NOW + 60.0, NOW, NULL)) == FB_OK);
    CHECK(KEEPS(fb_revocations_check(set, result, NOW, NULL)) == FB_TOKEN_REVOKED);
    CHECK(KEEPS(fb_revocations_look_up(set, name, fb_text("2"), fb_text("alice"), NOW, NOW, NULL)) == FB_OK);
    KEEPS_VOID(fb_revocations_refill_begin(set));
    CHECK(KEEPS(fb_revocations_add_subject(set, name, fb_text("bob"), NOW, NOW + 60.0, NOW, NULL)) == FB_OK);
    KEEPS_VOID(fb_revocations_refill_end(set));
    CHECK(KEEPS(fb_revocations_describe(set, &info)));
    KEEPS_VOID(fb_revocations_clear(set));
    KEEPS_VOID(fb_revocations_free(set));
    KEEPS_VOID(fb_result_free(result));
    KEEPS_VOID(fb_verifier_free(verifier));
}

static void bodies(void)
{
    static const char *const texts[] = {"{\"method\":\"tools/list\"}", "{\"method\":\"a\",\"method\":\"b\"}",
                                        "no JSON"};
    const fb_header encoded = {fb_text("Content-Encoding"), fb_text("gzip")};
    const fb_slice method = fb_text("tools/list");
    fb_rpc_options options = FB_RPC_OPTIONS_INIT;
    fb_rpc_policy *policy = NULL;
    options.anonymous = (fb_list){&method, 1};
    CHECK(KEEPS(fb_rpc_policy_new(&policy, &options, NULL)) == FB_OK && KEEPS(fb_rpc_policy_has_anonymous(policy)));
    CHECK(KEEPS(fb_rpc_policy_max_body_bytes(policy)) > 0 && KEEPS(fb_rpc_policy_scopes(policy)).count == 0);
    CHECK(KEEPS(fb_rpc_check_headers(policy, &encoded, 1, NULL)) == FB_REQUEST_UNSUPPORTED);
    for (int i = 0; i < 3; i++) {
        fb_rpc_answer answer = FB_RPC_ANSWER_INIT;
        CHECK(KEEPS(fb_rpc_check(policy, texts[i], strlen(texts[i]), &answer, NULL)) ==
              (i == 1 ? FB_REQUEST_MALFORMED : FB_OK));
    }
    KEEPS_VOID(fb_rpc_policy_free(policy));
}

/* ---- fetches -------------------------------------------------------------------------------- */

/* To another verifier of the same key set: as it was, and as text that is none. */
static void stored_keys(const fb_verifier *holder, const struct setup *options)
{
    const fb_clock clock = {NOW, 3.0};
    fb_key_export *held = NULL;
    fb_verifier *other = try_new(options, FB_OK);
    CHECK(KEEPS(fb_verifier_keys_version(holder, SOLE_ISSUER)) != 0);
    CHECK(KEEPS(fb_verifier_export_keys(holder, SOLE_ISSUER, clock, &held, NULL)) == FB_OK);
    fb_stored_keys stored = *KEEPS(fb_key_export_keys(held));
    CHECK(KEEPS(fb_verifier_import_keys(other, SOLE_ISSUER, clock, &stored, NULL)) == FB_OK);
    stored.document = fb_text("no JSON");
    CHECK(KEEPS(fb_verifier_import_keys(other, SOLE_ISSUER, clock, &stored, NULL)) == FB_KEYS_UNAVAILABLE);
    KEEPS_VOID(fb_key_export_free(held));
    KEEPS_VOID(fb_verifier_free(other));
}

static void fetch_by_halves(void)
{
    char document[16384];
    struct setup options = SETUP_INIT;
    fb_fetch fetch = FB_FETCH_INIT;
    fb_fetched fetched = FB_FETCHED_INIT;
    fb_stats stats = FB_STATS_INIT;
    fb_result *result = NULL;
    fb_keys *keys = NULL;
    options.issuer.jwks_uri = fb_text("https://issuer.example/jwks");
    fb_verifier *verifier = try_new(&options, FB_OK);
    for (int i = 0; i < 3; i++) {
        fb_string *set = NULL;
        size_t used = i == 0 ? 0 : bad_keys(document, sizeof(document));
        CHECK(fb_keypair_jwks(pairs[0], fb_text("a"), &set, NULL) == FB_OK);
        const fb_slice good = fb_string_text(set);
        snprintf(document + used, sizeof(document) - used, "%.*s",
                 i == 2 ? 0 : (int)good.size - (int)(used > 0 ? 9 : 0), good.data + (used > 0 ? 9 : 0));
        fetched.http_status = 200;
        fetched.body = fb_text(document);
        CHECK(KEEPS(fb_verifier_refresh_begin(verifier, SOLE_ISSUER, i, FB_REFRESH_EXPLICIT, 0, &fetch, NULL)) ==
              FB_OK);
        CHECK((KEEPS(fb_verifier_refresh_complete(verifier, SOLE_ISSUER, fetch.ticket, i, &fetched, NULL, NULL)) ==
               FB_OK) == (i < 2));
        CHECK(KEEPS(fb_verifier_refresh_wait(verifier, SOLE_ISSUER, fetch.ticket, 0.0)));
        (void)KEEPS(fb_verifier_refresh_due(verifier, SOLE_ISSUER, i));
        fb_string_free(set);
    }
    CHECK(KEEPS(fb_verify_after_fetch(verifier, "a.b.c", 5, (fb_clock){NOW, 3.0}, 1, &result, NULL)) ==
          FB_TOKEN_MALFORMED);
    CHECK(KEEPS(fb_verifier_stats(verifier, 3.0, &stats, NULL)) == FB_OK);
    KEEPS_VOID(fb_verifier_count_refusal(verifier, FB_INSUFFICIENT_SCOPE));
    CHECK(KEEPS(fb_verifier_keys(verifier, fb_clock_now(), &keys, NULL)) == FB_OK && KEEPS(fb_keys_count(keys)) == 61);
    CHECK(KEEPS(fb_keys_at(keys, 0)) != NULL);
    KEEPS_VOID(fb_keys_free(keys));
    stored_keys(verifier, &options);
    KEEPS_VOID(fb_verifier_free(verifier));
}

static struct idp secure;

static void fetch(void)
{
    static const char *const faults[] = {"unknown_ca", "self_signed", "wrong_host", "reset", "not_found"};
    for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]) && secure.control != 0; i++) {
        fb_verifier *verifier = verifier_for(&secure, NULL);
        host_fill(); /* the line above is the test's own */
        idp_fault(&secure, NULL);
        CHECK(KEEPS(fb_verifier_refresh(verifier, SOLE_ISSUER, FB_REFRESH_EXPLICIT, 0, NULL)) == FB_OK);
        idp_fault(&secure, faults[i]);
        CHECK(KEEPS(fb_verifier_refresh(verifier, SOLE_ISSUER, FB_REFRESH_EXPLICIT, 0, NULL)) == FB_KEYS_UNAVAILABLE);
        idp_fault(&secure, NULL);
        CHECK(KEEPS(fb_verifier_refresh(verifier, SOLE_ISSUER, FB_REFRESH_EXPLICIT, 0, NULL)) == FB_OK);
        fb_fetch fetch = FB_FETCH_INIT;
        CHECK(KEEPS(fb_verifier_refresh_start(verifier, SOLE_ISSUER, FB_REFRESH_EXPLICIT, 0, &fetch, NULL)) == FB_OK);
        CHECK(KEEPS(fb_verifier_refresh_wait(verifier, SOLE_ISSUER, fetch.ticket, 60.0)));
        KEEPS_VOID(fb_verifier_free(verifier));
    }
    if (secure.control == 0) { /* so that the name counts as called */
        fb_verifier *verifier = verifier_of(0);
        CHECK(KEEPS(fb_verifier_refresh(verifier, SOLE_ISSUER, FB_REFRESH_EXPLICIT, 0, NULL)) ==
              FB_CONFIGURATION_INVALID);
        KEEPS_VOID(fb_verifier_free(verifier));
    }
}

/* ---- all of it ------------------------------------------------------------------------------ */

TEST(the_queue_is_as_it_was)
{
    static const struct {
        int entries;
        bool marked;
    } states[] = {{0, false}, {1, false}, {3, true}, {HOST_ROOM, false}, {HOST_ROOM + 1, true}};
    static void (*const scenarios[])(void) = {
        texts_and_versions, key_pairs, wrong_pems,      key_sets, all_tokens,           issuers, requests, certificates,
        introspected,       bodies,    fetch_by_halves, fetch,    introspected_by_a_jwt};
    for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
        host_begin(states[i].entries, states[i].marked);
        for (size_t n = 0; n < sizeof(scenarios) / sizeof(scenarios[0]); n++) {
            scenarios[n]();
        }
    }
    ERR_clear_error();
}

/* Reads the names that check_exports.sh compares with what the library exports. */
TEST(every_function_of_the_header_was_called)
{
    FILE *names = popen("sed -n '/^FB_API/,/;/p' " FB_SOURCE_DIR "/core/include/fastbearer.h | tr '\\n' ' ' | "
                        "grep -oE '\\bfb_[a-z0-9_]+\\(' | tr -d '(' | sort -u",
                        "r");
    char name[64];
    int count = 0;
    while (names != NULL && fscanf(names, "%63s", name) == 1) {
        char word[80];
        snprintf(word, sizeof(word), " %s ", name);
        count++;
        if (strstr(host_called, word) == NULL) {
            FAIL("no scenario calls %s with entries of the host's in the queue", name);
        }
    }
    CHECK(names != NULL && pclose(names) == 0 && count > 50);
}

int main(void)
{
    if (idp_python() == NULL) {
        SKIP("fetches: " IDP_MISSING);
    } else {
        CHECK(idp_start(&secure, "--tls", NULL));
    }
    for (size_t i = 0; i < ALGORITHMS; i++) {
        CHECK(fb_keypair_generate(&pairs[i], fb_text(algorithms[i]), 0, NULL, NULL) == FB_OK);
    }
    RUN(the_queue_is_as_it_was);
    RUN(every_function_of_the_header_was_called);
    for (size_t i = 0; i < ALGORITHMS; i++) {
        fb_keypair_free(pairs[i]);
    }
    if (secure.control != 0) {
        idp_stop(&secure);
    }
    return TEST_RESULT();
}
