/* DPoP proofs: every rule of RFC 9449 section 4.3 with what is accepted and what is refused, by the exact reason and
 * claim; that a refusal uses nothing up; nonces; and the example of the RFC. */
#include "proof/proof.h"
#include "proofs.h"

#include <math.h>
#include <openssl/err.h>

static fb_error error = FB_ERROR_INIT;
static fb_string *token;
static fb_verifier *verifier;
static char header[4096], jwk[1024], ath[64]; /* of a good proof by client */

static bool names_claim(const char *claim)
{
    return claim == NULL ? error.claim.data == NULL : fb__slice_equal(error.claim, fb_text(claim));
}

static fb_status with_proof(const fb_verifier *by, const fb_string *proof, double now)
{
    struct sent sent;
    request_with(&sent, "DPoP", token, proof);
    return verify_sent(by, &sent, now, &error);
}

static void expect(const char *what, fb_status status, fb_status expected, const char *claim)
{
    if (status != expected || (status != FB_OK && !names_claim(claim))) {
        FAIL("%s: %s (%.*s): %s, not %s (%s)", what, fb_status_name(status), (int)error.claim.size,
             error.claim.data == NULL ? "" : error.claim.data, error.text, fb_status_name(expected),
             claim == NULL ? "" : claim);
    }
    test_checks++;
}

/* A proof of this text, signed by client, or by whom it says. */
static fb_string *signed_by(const fb_keypair *pair, const char *head, const char *payload)
{
    fb_string *proof = NULL;
    CHECK(fb_keypair_sign(pair, fb_text(head), fb_text(payload), &proof, NULL) == FB_OK);
    return proof;
}

static const char *good_payload(void)
{
    static char payload[512];
    static unsigned number;
    snprintf(payload, sizeof(payload),
             "{\"jti\":\"j%u\",\"htm\":\"POST\",\"htu\":\"%s\",\"iat\":1800000000,\"ath\":\"%s\"}", number++, URL, ath);
    return payload;
}

static void with_header(const char *head, fb_status expected, const char *claim)
{
    fb_string *proof = signed_by(client, head, good_payload());
    expect(head, with_proof(verifier, proof, NOW), expected, claim);
    fb_string_free(proof);
}

static void with_payload(const char *payload, fb_status expected, const char *claim)
{
    fb_string *proof = signed_by(client, header, payload);
    expect(payload, with_proof(verifier, proof, NOW), expected, claim);
    fb_string_free(proof);
}

/* A header with another typ, alg or jwk, and more members. NULL: as it should be. */
static const char *header_with(const char *typ, const char *alg, const char *key, const char *more)
{
    static char text[4096];
    snprintf(text, sizeof(text), "{\"typ\":%s,\"alg\":%s,\"jwk\":%s%s}", typ == NULL ? "\"dpop+jwt\"" : typ,
             alg == NULL ? "\"ES256\"" : alg, key == NULL ? jwk : key, more);
    return text;
}

/* jwk with more members. */
static const char *jwk_with(const char *more)
{
    static char text[2048];
    snprintf(text, sizeof(text), "%.*s,%s}", (int)strlen(jwk) - 1, jwk, more);
    return text;
}

/* ---- form and header ------------------------------------------------------------------------ */

TEST(a_good_proof)
{
    const fb_proof_options options = proof_base(token);
    fb_string *proof = proof_by(client, &options);
    CHECK(with_proof(verifier, proof, NOW) == FB_OK && error.status == FB_OK);
    fb_string_free(proof);
    with_header(header, FB_OK, NULL);
    CHECK(ERR_peek_error() == 0);
}

TEST(what_is_no_jwt)
{
    static const char *const all[] = {"",         ".",          "..",           "a.b",
                                      "a.b.c.d",  "a b c",      "e30.e30",      "e30.e30.",
                                      ".e30.e30", "e30.e30.e3", "e30=.e30.e30", "e30.e30.e30, e30.e30.e30"};
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        struct sent sent;
        request_with(&sent, "DPoP", token, NULL);
        sent.headers[sent.request.header_count++] = (fb_header){fb_text("DPoP"), fb_text(all[i])};
        expect(all[i], verify_sent(verifier, &sent, NOW, &error), FB_PROOF_INVALID, NULL);
    }
}

TEST(headers)
{
    static const char *const broken[] = {
        "", "{", "[]", "null", "{\"typ\":\"dpop+jwt\"", "\xef\xbb\xbf{}", "{}x", "{\"a\":1,\"a\":2}"};
    for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
        with_header(broken[i][0] == '\0' ? " " : broken[i], FB_PROOF_INVALID, NULL);
    }
    static const char *const types[] = {
        "\"DPOP+JWT\"",   "\"dpop+JWT\"", "\"application/dpop+jwt\"", "\"JWT\"", "\"at+jwt\"", "\"\"", "null", "7",
        "[\"dpop+jwt\"]", "\"dpop+jwt \""};
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        with_header(header_with(types[i], NULL, NULL, ""), FB_PROOF_INVALID, NULL);
    }
    with_header(header_with("\"dpop\\u002bjwt\"", NULL, NULL, ""), FB_OK, NULL);
    char without[2048];
    snprintf(without, sizeof(without), "{\"alg\":\"ES256\",\"jwk\":%s}", jwk);
    with_header(without, FB_PROOF_INVALID, NULL);
    static const char *const algorithms[] = {"\"none\"",  "\"None\"",  "\"es256\"", "\"ES384\"",
                                             "\"RS256\"", "\"HS256\"", "\"EdDSA\"", "\"ES256K\"",
                                             "\"\"",      "null",      "256",       "\"ES256 \""};
    for (size_t i = 0; i < sizeof(algorithms) / sizeof(algorithms[0]); i++) {
        with_header(header_with(NULL, algorithms[i], NULL, ""), FB_PROOF_INVALID, NULL);
    }
    snprintf(without, sizeof(without), "{\"typ\":\"dpop+jwt\",\"jwk\":%s}", jwk);
    with_header(without, FB_PROOF_INVALID, NULL);
    static const char *const refused[] = {",\"crit\":[\"exp\"]",  ",\"crit\":[]",     ",\"crit\":null",
                                          ",\"b64\":true",        ",\"b64\":false",   ",\"zip\":\"DEF\"",
                                          ",\"enc\":\"A128GCM\"", ",\"cty\":\"JWT\"", ",\"cty\":\"application/jwt\"",
                                          ",\"cty\":7",           ",\"kid\":7",       ",\"kid\":null",
                                          ",\"typ\":\"dpop+jwt\""};
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        with_header(header_with(NULL, NULL, NULL, refused[i]), FB_PROOF_INVALID, NULL);
    }
    static const char *const fine[] = {",\"kid\":\"x\"",      ",\"cty\":\"json\"",
                                       ",\"x5c\":[\"MIIB\"]", ",\"jku\":\"https://evil.example\"",
                                       ",\"x5u\":7",          ",\"x\":{\"jwk\":1}"};
    for (size_t i = 0; i < sizeof(fine) / sizeof(fine[0]); i++) {
        with_header(header_with(NULL, NULL, NULL, fine[i]), FB_OK, NULL);
    }
}

#define ONE "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE" /* of 32 bytes */

TEST(keys)
{
    static const char *const no_objects[] = {"null", "7", "\"x\"", "[]", "true"};
    for (size_t i = 0; i < sizeof(no_objects) / sizeof(no_objects[0]); i++) {
        with_header(header_with(NULL, NULL, no_objects[i], ""), FB_PROOF_INVALID, NULL);
    }
    with_header("{\"typ\":\"dpop+jwt\",\"alg\":\"ES256\"}", FB_PROOF_INVALID, NULL);
    with_header("{\"typ\":\"dpop+jwt\",\"alg\":\"ES256\",\"x\":{\"jwk\":{}}}", FB_PROOF_INVALID, NULL);
    static const char *const private_members[] = {
        "\"d\":\"AAAA\"", "\"d\":null",    "\"d\":7",    "\"p\":\"AA\"", "\"q\":\"AA\"",      "\"dp\":\"AA\"",
        "\"dq\":\"AA\"",  "\"qi\":\"AA\"", "\"oth\":[]", "\"k\":\"AA\"", "\"\\u0064\":\"AA\""};
    for (size_t i = 0; i < sizeof(private_members) / sizeof(private_members[0]); i++) {
        with_header(header_with(NULL, NULL, jwk_with(private_members[i]), ""), FB_PROOF_INVALID, NULL);
    }
    static const char *const uses[] = {"\"use\":\"enc\"",        "\"use\":7",       "\"key_ops\":[\"sign\"]",
                                       "\"key_ops\":\"verify\"", "\"key_ops\":[7]", "\"alg\":\"ES384\"",
                                       "\"alg\":\"ES256 \"",     "\"alg\":7",       "\"kid\":7",
                                       "\"kty\":\"EC\""};
    for (size_t i = 0; i < sizeof(uses) / sizeof(uses[0]); i++) {
        with_header(header_with(NULL, NULL, jwk_with(uses[i]), ""), FB_PROOF_INVALID, NULL);
    }
    static const char *const fine[] = {"\"use\":\"sig\"", "\"key_ops\":[\"verify\"]",
                                       "\"ext\":true",    "\"alg\":\"ES256\"",
                                       "\"kid\":\"x\"",   "\"x5c\":[\"MII\"]"};
    for (size_t i = 0; i < sizeof(fine) / sizeof(fine[0]); i++) {
        with_header(header_with(NULL, NULL, jwk_with(fine[i]), ""), FB_OK, NULL);
    }
    static const char *const bad_keys[] = {
        "{}",
        "{\"kty\":\"EC\",\"crv\":\"P-256\"}",
        "{\"kty\":\"oct\",\"k\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}",
        "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" ONE "\",\"y\":\"" ONE "\"}",
        "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}",
        "{\"kty\":\"OKP\",\"crv\":\"X25519\",\"x\":\"3p7bfXt9wbTTW2HC7OQ1Nz-DQ8hbeGdNrfx-FG-IK08\"}"};
    for (size_t i = 0; i < sizeof(bad_keys) / sizeof(bad_keys[0]); i++) {
        with_header(header_with(NULL, NULL, bad_keys[i], ""), FB_PROOF_INVALID, NULL);
        with_header(header_with(NULL, "\"EdDSA\"", bad_keys[i], ""), FB_PROOF_INVALID, NULL);
    }
}

/* One RSA key must have one thumbprint. */
TEST(leading_zeros)
{
    fb_keypair *rsa = NULL;
    fb_string *jwks = NULL;
    char n[600], text[2048], thumbprint[64];
    CHECK(fb_keypair_generate(&rsa, fb_text("RS256"), 0, NULL, NULL) == FB_OK);
    CHECK(fb_keypair_jwks(rsa, fb_text(NULL), &jwks, NULL) == FB_OK);
    const char *start = strstr(fb_string_text(jwks).data, "\"n\":\"") + 5;
    snprintf(n, sizeof(n), "%.*s", (int)(strchr(start, '"') - start), start);
    thumbprint_of(rsa, thumbprint, sizeof(thumbprint));
    fb_string *bound = token_of(thumbprint);
    static const struct {
        const char *before, *e;
        fb_status expected;
    } all[] = {{"", "AQAB", FB_OK},
               {"", "AAEAAQ", FB_PROOF_INVALID},
               {"", "\\u0041AEAAQ", FB_PROOF_INVALID},
               {"", "\\u0041\\u0041EAAQ", FB_PROOF_INVALID},
               {"AAAA", "AQAB", FB_PROOF_INVALID},
               {"", "Aw", FB_PROOF_INVALID}};
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        struct sent sent;
        char payload[512];
        unsigned char hash[32];
        char hash_text[64];
        const fb_slice value = fb_string_text(bound);
        CHECK(EVP_Q_digest(NULL, "SHA256", NULL, value.data, value.size, hash, NULL) == 1);
        hash_text[fb__base64url_encode(hash, sizeof(hash), hash_text)] = '\0';
        snprintf(payload, sizeof(payload),
                 "{\"jti\":\"z%zu\",\"htm\":\"POST\",\"htu\":\"%s\",\"iat\":1800000000,\"ath\":\"%s\"}", i, URL,
                 hash_text);
        snprintf(text, sizeof(text),
                 "{\"typ\":\"dpop+jwt\",\"alg\":\"RS256\",\"jwk\":{\"kty\":\"RSA\",\"n\":\"%s%s\",\"e\":\"%s\"}}",
                 all[i].before, n, all[i].e);
        fb_string *proof = signed_by(rsa, text, payload);
        request_with(&sent, "DPoP", bound, proof);
        expect(text, verify_sent(verifier, &sent, NOW, &error), all[i].expected, NULL);
        fb_string_free(proof);
    }
    fb_string_free(bound);
    fb_string_free(jwks);
    fb_keypair_free(rsa);
}

TEST(the_key_is_the_tokens_and_signs_the_proof)
{
    fb_proof_options options = proof_base(token);
    fb_string *proof = proof_by(other_client, &options);
    expect("by another key", with_proof(verifier, proof, NOW), FB_PROOF_MISMATCH, "cnf");
    fb_string_free(proof);
    proof = signed_by(other_client, header, good_payload()); /* somebody else's key in the header */
    expect("under another's key", with_proof(verifier, proof, NOW), FB_PROOF_INVALID, NULL);
    fb_string_free(proof);
    /* One bit of the signature, with a key that is held and with one that is not. */
    for (int held = 0; held < 2; held++) {
        fb_verifier *fresh = held ? verifier : proofs_verifier(&(fb_dpop)FB_DPOP_INIT);
        proof = signed_by(client, header, good_payload());
        char text[4096];
        const fb_slice whole = fb_string_text(proof);
        snprintf(text, sizeof(text), "%.*s", (int)whole.size, whole.data);
        text[whole.size - 20] = text[whole.size - 20] == 'A' ? 'B' : 'A';
        struct sent sent;
        request_with(&sent, "DPoP", token, NULL);
        sent.headers[sent.request.header_count++] = (fb_header){fb_text("DPoP"), fb_text(text)};
        expect("a changed signature", verify_sent(fresh, &sent, NOW, &error), FB_PROOF_INVALID, NULL);
        expect("the same, unchanged", with_proof(fresh, proof, NOW), FB_OK, NULL);
        fb_string_free(proof);
        if (!held) {
            fb_verifier_free(fresh);
        }
    }
}

/* Every algorithm, and that the list says which. */
TEST(algorithms)
{
    static const char *const all[] = {"RS256", "RS384", "RS512", "PS256",   "PS384", "PS512", "ES256",
                                      "ES384", "ES512", "EdDSA", "Ed25519", "Ed448", "ES256K"};
    fb_dpop options = FB_DPOP_INIT;
    options.algorithms = FB_LIST(fb_text("ES256K"), fb_text("EdDSA"));
    fb_verifier *other = proofs_verifier(&options);
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        fb_keypair *pair = NULL;
        char thumbprint[64];
        CHECK(fb_keypair_generate(&pair, fb_text(all[i]), 0, NULL, NULL) == FB_OK);
        thumbprint_of(pair, thumbprint, sizeof(thumbprint));
        fb_string *bound = token_of(thumbprint);
        const fb_proof_options base = proof_base(bound);
        fb_string *proof = proof_by(pair, &base);
        struct sent sent;
        request_with(&sent, "dpop", bound, proof);
        const bool by_default = strcmp(all[i], "ES256K") != 0;
        const bool by_list = !by_default || strcmp(all[i], "EdDSA") == 0;
        expect(all[i], verify_sent(verifier, &sent, NOW, &error), by_default ? FB_OK : FB_PROOF_INVALID, NULL);
        expect(all[i], verify_sent(other, &sent, NOW, &error), by_list ? FB_OK : FB_PROOF_INVALID, NULL);
        fb_string_free(proof);
        fb_string_free(bound);
        fb_keypair_free(pair);
    }
    fb_verifier_free(other);
}

/* ---- payload -------------------------------------------------------------------------------- */

/* The payload of a good proof with one member in place of another; NULL: left out. */
static const char *payload_with(const char *member, const char *value)
{
    static const char *const names[] = {"jti", "htm", "htu", "iat", "ath"};
    static char text[2048];
    static unsigned number;
    char values[5][600];
    snprintf(values[0], sizeof(values[0]), "\"p%u\"", number++);
    snprintf(values[1], sizeof(values[1]), "\"POST\"");
    snprintf(values[2], sizeof(values[2]), "\"%s\"", URL);
    snprintf(values[3], sizeof(values[3]), "1800000000");
    snprintf(values[4], sizeof(values[4]), "\"%s\"", ath);
    size_t size = 0;
    bool placed = false;
    for (size_t i = 0; i < 5; i++) {
        const bool replaced = strcmp(names[i], member) == 0;
        placed = placed || replaced;
        if (!replaced || value != NULL) {
            size += (size_t)snprintf(text + size, sizeof(text) - size, "%s\"%s\":%s", size == 0 ? "{" : ",", names[i],
                                     replaced ? value : values[i]);
        }
    }
    if (!placed) {
        size += (size_t)snprintf(text + size, sizeof(text) - size, ",\"%s\":%s", member, value);
    }
    snprintf(text + size, sizeof(text) - size, "}");
    return text;
}

static void member(const char *name, const char *value, fb_status expected)
{
    with_payload(payload_with(name, value), expected, name);
}

TEST(payloads_that_are_no_json)
{
    static const char *const all[] = {"{",
                                      "[]",
                                      "null",
                                      "7",
                                      "{\"a\":1,}",
                                      "{\"a\":NaN}",
                                      "{\"a\":\"\\u0000\"}",
                                      "\xef\xbb\xbf{}",
                                      "{}{}",
                                      "{\"a\":\"\xff\"}"};
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        with_payload(all[i], FB_PROOF_INVALID, NULL);
    }
    with_payload(payload_with("\\u006ati", "\"twice\""), FB_PROOF_INVALID, NULL);
    char wide[8192];
    size_t size = (size_t)snprintf(wide, sizeof(wide), "%s", payload_with("x", "[0"));
    size -= 1;
    while (size < 4000) {
        size += (size_t)snprintf(wide + size, sizeof(wide) - size, ",0");
    }
    snprintf(wide + size, sizeof(wide) - size, "]}");
    with_payload(wide, FB_PROOF_INVALID, NULL); /* more nodes than a proof needs */
    size = (size_t)snprintf(wide, sizeof(wide), "%s", payload_with("x", "\""));
    size -= 1;
    while (size < 5000) {
        wide[size++] = 'x';
    }
    snprintf(wide + size, sizeof(wide) - size, "\"}");
    with_payload(wide, FB_OK, NULL); /* long, but of few */
}

TEST(jti)
{
    char text[400];
    member("jti", NULL, FB_PROOF_INVALID);
    member("jti", "\"\"", FB_PROOF_INVALID);
    member("jti", "7", FB_PROOF_INVALID);
    member("jti", "null", FB_PROOF_INVALID);
    member("jti", "[\"a\"]", FB_PROOF_INVALID);
    member("jti", "\"one\"", FB_OK);
    member("jti", "\"\\u00e9 \\n\"", FB_OK);
    memset(text, 'a', sizeof(text));
    text[0] = text[257] = '"';
    text[258] = '\0';
    member("jti", text, FB_OK);
    text[257] = 'a';
    text[258] = '"';
    text[259] = '\0';
    member("jti", text, FB_PROOF_INVALID);
    member("jti", "\"\\u006fne\"", FB_PROOF_REPLAYED); /* "one" however it is spelled */
}

TEST(htm)
{
    member("htm", NULL, FB_PROOF_INVALID);
    member("htm", "7", FB_PROOF_INVALID);
    member("htm", "[\"POST\"]", FB_PROOF_INVALID);
    member("htm", "\"post\"", FB_PROOF_MISMATCH);
    member("htm", "\"GET\"", FB_PROOF_MISMATCH);
    CHECK(strcmp(error.expected, "POST") == 0 && strcmp(error.actual, "GET") == 0);
    member("htm", "\"POST \"", FB_PROOF_MISMATCH);
    member("htm", "\"\"", FB_PROOF_MISMATCH);
    member("htm", "\"P\\u004fST\"", FB_OK);
}

TEST(htu)
{
    member("htu", NULL, FB_PROOF_INVALID);
    member("htu", "7", FB_PROOF_INVALID);
    member("htu", "\"\"", FB_PROOF_INVALID);
    member("htu", "\"/mcp\"", FB_PROOF_INVALID);
    member("htu", "\"https://user@api.example/mcp\"", FB_PROOF_INVALID);
    member("htu", "\"https://api.example/%zz\"", FB_PROOF_INVALID);
    member("htu", "\"https://api.example/mcp/\"", FB_PROOF_MISMATCH);
    member("htu", "\"http://api.example/mcp\"", FB_PROOF_MISMATCH);
    CHECK(strcmp(error.expected, URL) == 0 && strcmp(error.actual, "http://api.example/mcp") == 0);
    member("htu", "\"https://api.example.evil/mcp\"", FB_PROOF_MISMATCH);
    member("htu", "\"https://api.example:8443/mcp\"", FB_PROOF_MISMATCH);
    member("htu", "\"HTTPS://API.example:443/x/../%6dcp?q=1#f\"", FB_OK);
    struct sent sent;
    fb_string *proof = signed_by(client, header, good_payload());
    request_with(&sent, "DPoP", token, proof);
    sent.request.url = fb_text("https://api.example/mcp?session=1&a=%zz");
    expect("a query", verify_sent(verifier, &sent, NOW, &error), FB_OK, NULL);
    fb_string_free(proof);
    proof = signed_by(client, header, good_payload());
    request_with(&sent, "DPoP", token, proof);
    sent.request.url = fb_text("https://evil@api.example/mcp");
    expect("a user in the request", verify_sent(verifier, &sent, NOW, &error), FB_PROOF_MISMATCH, "htu");
    fb_string_free(proof);
}

TEST(times)
{
    member("iat", NULL, FB_PROOF_INVALID);
    member("iat", "\"1800000000\"", FB_PROOF_INVALID);
    member("iat", "null", FB_PROOF_INVALID);
    member("iat", "1e300", FB_PROOF_INVALID);
    member("iat", "1799999700", FB_PROOF_EXPIRED);
    CHECK(strstr(error.text, "300 s ago") != NULL && strcmp(error.actual, "1799999700") == 0 &&
          strcmp(error.expected, "more than 1799999700") == 0);
    member("iat", "1799999700.001", FB_OK);
    member("iat", "1800000030", FB_OK);
    member("iat", "1800000030.5", FB_PROOF_EXPIRED);
    CHECK(strstr(error.text, "30.5 s ahead") != NULL && strcmp(error.expected, "at most 1800000030") == 0);
    member("iat", "0", FB_PROOF_EXPIRED);
    member("iat", "-9223372036854775808", FB_PROOF_EXPIRED);
    member("iat", "9223372036854774784", FB_PROOF_EXPIRED);
    member("exp", "\"1800000001\"", FB_PROOF_INVALID);
    member("exp", "1800000000", FB_PROOF_EXPIRED);
    member("exp", "1800000000.5", FB_OK);
    member("nbf", "true", FB_PROOF_INVALID);
    member("nbf", "1800000030", FB_OK);
    member("nbf", "1800000031", FB_PROOF_EXPIRED);
}

TEST(ath_is_of_this_very_token)
{
    member("ath", NULL, FB_PROOF_INVALID);
    member("ath", "7", FB_PROOF_INVALID);
    member("ath", "\"\"", FB_PROOF_MISMATCH);
    member("ath", "\"fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo\"", FB_PROOF_MISMATCH);
    char padded[80];
    snprintf(padded, sizeof(padded), "\"%s=\"", ath);
    member("ath", padded, FB_PROOF_MISMATCH);
    member("nonce", "7", FB_PROOF_INVALID); /* whether nonces are used here or not */
    member("nonce", "\"whatever\"", FB_OK);
}

TEST(a_proof_has_the_size_of_a_token)
{
    struct setup setup = SETUP_INIT;
    fb_dpop dpop = FB_DPOP_INIT;
    fb_verifier *narrow = NULL;
    const size_t size = fb_string_text(token).size;
    fb_string *proof = signed_by(client, header, good_payload());
    CHECK(fb_string_text(proof).size > size);
    setup.issuer.secret = fb_text(SECRET);
    setup.policy.dpop = &dpop;
    setup.policy.max_token_bytes = fb_string_text(proof).size;
    CHECK(setup_verifier(&narrow, &setup, NULL) == FB_OK);
    expect("as large", with_proof(narrow, proof, NOW), FB_OK, NULL);
    fb_verifier_free(narrow);
    setup.policy.max_token_bytes--;
    CHECK(setup_verifier(&narrow, &setup, NULL) == FB_OK);
    expect("larger", with_proof(narrow, proof, NOW), FB_PROOF_INVALID, NULL);
    fb_verifier_free(narrow);
    fb_string_free(proof);
}

/* ---- once ----------------------------------------------------------------------------------- */

TEST(a_proof_is_good_once)
{
    const fb_proof_options options = proof_base(token);
    fb_string *proof = proof_by(client, &options);
    expect("first", with_proof(verifier, proof, NOW), FB_OK, NULL);
    expect("second", with_proof(verifier, proof, NOW), FB_PROOF_REPLAYED, "jti");
    expect("later", with_proof(verifier, proof, NOW + 299), FB_PROOF_REPLAYED, "jti");
    expect("too late", with_proof(verifier, proof, NOW + 300), FB_PROOF_EXPIRED, "iat");
    fb_string_free(proof);
}

TEST(a_refusal_uses_nothing_up)
{
    const fb_proof_options options = proof_base(token);
    fb_string *proof = proof_by(client, &options);
    struct sent sent;
    request_with(&sent, "DPoP", token, proof);
    sent.request.method = fb_text("GET");
    expect("another method", verify_sent(verifier, &sent, NOW, &error), FB_PROOF_MISMATCH, "htm");
    request_with(&sent, "DPoP", token, proof);
    sent.request.url = fb_text("https://api.example/other");
    expect("another place", verify_sent(verifier, &sent, NOW, &error), FB_PROOF_MISMATCH, "htu");
    expect("too early", with_proof(verifier, proof, NOW - 31), FB_TOKEN_ISSUED_IN_FUTURE, "iat");
    fb_string *another = token_with("{\"jkt\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}");
    request_with(&sent, "DPoP", another, proof);
    expect("another token", verify_sent(verifier, &sent, NOW, &error), FB_PROOF_MISMATCH, "cnf");
    expect("at last", with_proof(verifier, proof, NOW), FB_OK, NULL);
    fb_string_free(another);
    fb_string_free(proof);
}

TEST(nonces)
{
    fb_dpop dpop = FB_DPOP_INIT;
    char nonce[FB_NONCE_ROOM] = "x", old[FB_NONCE_ROOM];
    dpop.nonce_secret = fb_text("0123456789abcdef0123456789abcdef");
    fb_verifier *asking = proofs_verifier(&dpop);
    CHECK(!fb_verifier_nonce(verifier, NOW, nonce) && nonce[0] == '\0'); /* there is no secret */
    CHECK(!fb_verifier_nonce(asking, (double)NAN, nonce) && nonce[0] == '\0');
    CHECK(fb_verifier_nonce(asking, NOW, nonce) && strcmp(nonce, "AAAAAAHJw4BDTOV45EBr-nKHIedZ2iDc") == 0);
    CHECK(fb_verifier_nonce(asking, NOW - 180, old));
    fb_proof_options options = proof_base(token);
    options.jti = fb_text("the same");
    fb_string *without = proof_by(client, &options);
    options.nonce = fb_text(old);
    fb_string *stale = proof_by(client, &options);
    options.nonce = fb_text(nonce);
    fb_string *with = proof_by(client, &options);
    options.method = fb_text("GET");
    options.nonce = fb_text(NULL);
    fb_string *wrong = proof_by(client, &options);
    expect("none", with_proof(asking, without, NOW), FB_PROOF_NONCE_REQUIRED, "nonce");
    CHECK(strcmp(fb_status_oauth(error.status), "use_dpop_nonce") == 0);
    expect("an old one", with_proof(asking, stale, NOW), FB_PROOF_NONCE_REQUIRED, "nonce");
    expect("none, and something else is wrong", with_proof(asking, wrong, NOW), FB_PROOF_MISMATCH, "htm");
    expect("the right one, with a jti that was only refused", with_proof(asking, with, NOW), FB_OK, NULL);
    expect("again", with_proof(asking, with, NOW), FB_PROOF_REPLAYED, "jti");
    expect("its nonce is too old by now", with_proof(asking, with, NOW + 200), FB_PROOF_REPLAYED, "jti");
    expect("the same jti without a nonce", with_proof(asking, without, NOW), FB_PROOF_REPLAYED, "jti");
    fb_string_free(without);
    fb_string_free(stale);
    fb_string_free(with);
    fb_string_free(wrong);
    fb_verifier_free(asking);
}

/* What a host is told, that remembers proofs itself. */
TEST(the_host_remembers)
{
    fb_dpop dpop = FB_DPOP_INIT;
    dpop.replay_by_host = true;
    dpop.max_age = 60;
    fb_verifier *telling = proofs_verifier(&dpop);
    fb_proof_options options = proof_base(token);
    options.jti = fb_text("abc");
    fb_string *proof = proof_by(client, &options);
    struct sent sent;
    request_with(&sent, "DPoP", token, proof);
    char keys[2][44];
    for (int i = 0; i < 2; i++) {
        fb_result *result = NULL;
        fb_proof memory = FB_PROOF_INIT;
        CHECK(fb_verify_request(telling, &sent.request, (fb_clock){NOW, 1.0}, &result, &memory, &error) == FB_OK);
        CHECK(memory.present && strlen(memory.key) == 43 && memory.size == sizeof(memory));
        CHECK(memory.expires_at > NOW + 59.9 && memory.expires_at < NOW + 60.1);
        memcpy(keys[i], memory.key, sizeof(keys[i]));
        fb_result_free(result);
    }
    CHECK(strcmp(keys[0], keys[1]) == 0); /* the very same: the host has to see it */
    unsigned char bytes[35], hash[32];
    char expected[64];
    CHECK(fb__base64url_decode(client_jkt, 43, bytes));
    memcpy(bytes + 32, "abc", 3);
    CHECK(EVP_Q_digest(NULL, "SHA256", NULL, bytes, sizeof(bytes), hash, NULL) == 1);
    expected[fb__base64url_encode(hash, sizeof(hash), expected)] = '\0';
    CHECK(strcmp(keys[0], expected) == 0);
    fb_result *result = NULL;
    fb_proof memory = FB_PROOF_INIT;
    memory.present = true;
    sent.request.method = fb_text("GET");
    CHECK(fb_verify_request(telling, &sent.request, (fb_clock){NOW, 1.0}, &result, &memory, &error) ==
          FB_PROOF_MISMATCH);
    CHECK(!memory.present && memory.key[0] == '\0');
    sent.request.method = fb_text("POST");
    CHECK(fb_verify_request(telling, &sent.request, (fb_clock){NOW, 1.0}, &result, NULL, &error) ==
          FB_CONFIGURATION_INVALID);
    memory.size = sizeof(memory) - 1;
    CHECK(fb_verify_request(telling, &sent.request, (fb_clock){NOW, 1.0}, &result, &memory, &error) ==
          FB_CONFIGURATION_INVALID);
    fb_stats stats = FB_STATS_INIT;
    CHECK(fb_verifier_stats(telling, 1.0, &stats, NULL) == FB_OK && stats.replay_entries == 0 && stats.proof_keys == 1);
    fb_string_free(proof);
    fb_verifier_free(telling);
}

/* ---- RFC 9449 section 7.1 ------------------------------------------------------------------- */

/* The proof of figure 12, for the token of its key and at its time. */
TEST(the_example_of_the_rfc)
{
    static const char proof[] = "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6Ik"
                                "VDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCR"
                                "nMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JE"
                                "QSIsImNydiI6IlAtMjU2In19.eyJqdGkiOiJlMWozVl9iS2ljOC1MQUVCIiwiaHRtIj"
                                "oiR0VUIiwiaHR1IjoiaHR0cHM6Ly9yZXNvdXJjZS5leGFtcGxlLm9yZy9wcm90ZWN0Z"
                                "WRyZXNvdXJjZSIsImlhdCI6MTU2MjI2MjYxOCwiYXRoIjoiZlVIeU8ycjJaM0RaNTNF"
                                "c05yV0JiMHhXWG9hTnk1OUlpS0NBcWtzbVFFbyJ9.2oW9RP35yRqzhrtNP86L-Ey71E"
                                "OptxRimPPToA1plemAgR6pxHF8y6-yqyVnmcw6Fy1dqd-jfxSYoMxhAJpLjA";
    unsigned char thumbprint[FB__THUMBPRINT];
    CHECK(fb__base64url_decode("0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I", 43, thumbprint));
    struct setup setup = SETUP_INIT;
    fb_dpop given = FB_DPOP_INIT;
    fb__dpop *dpop = NULL;
    setup.policy.dpop = &given;
    CHECK(fb__dpop_new(&dpop, &fb__mem_default, &setup.policy, NULL) == FB_OK);
    fb__proof_request request = {.verifier = verifier,
                                 .method = fb_text("GET"),
                                 .url = fb_text("https://resource.example.org/protectedresource"),
                                 .token = fb_text("Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU"),
                                 .thumbprint = thumbprint,
                                 .now = 1562262618};
    fb_proof memory = FB_PROOF_INIT;
    expect("the example", fb__dpop_check(dpop, &request, fb_text(proof), &memory, &error), FB_OK, NULL);
    expect("again", fb__dpop_check(dpop, &request, fb_text(proof), &memory, &error), FB_PROOF_REPLAYED, "jti");
    request.token = fb_text("Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxV");
    expect("another token", fb__dpop_check(dpop, &request, fb_text(proof), &memory, &error), FB_PROOF_MISMATCH, "ath");
    fb__dpop_free(dpop);
}

/* ---- options -------------------------------------------------------------------------------- */

static void refused(const fb_dpop *dpop, const char *named)
{
    struct setup setup = SETUP_INIT;
    fb_verifier *none = NULL;
    setup.issuer.secret = fb_text(SECRET);
    setup.policy.dpop = dpop;
    CHECK(setup_verifier(&none, &setup, &error) == FB_CONFIGURATION_INVALID && none == NULL);
    if (strstr(error.text, named) == NULL) {
        FAIL("%s does not name %s", error.text, named);
    }
}

TEST(options)
{
    static const double ages[] = {0.0, -1.0, 86400.5, (double)NAN, (double)INFINITY};
    fb_dpop dpop = FB_DPOP_INIT;
    for (size_t i = 0; i < sizeof(ages) / sizeof(ages[0]); i++) {
        dpop.max_age = ages[i];
        refused(&dpop, "dpop.max_age");
    }
    dpop = (fb_dpop)FB_DPOP_INIT;
    dpop.algorithms = FB_LIST(fb_text("ES256"), fb_text("HS256"));
    refused(&dpop, "dpop.algorithms");
    dpop.algorithms = FB_LIST(fb_text("none"));
    refused(&dpop, "dpop.algorithms");
    dpop.algorithms = (fb_list){&(fb_slice){NULL, 0}, 0};
    refused(&dpop, "dpop.algorithms");
    dpop.algorithms = (fb_list){NULL, 1};
    refused(&dpop, "dpop.algorithms");
    dpop = (fb_dpop)FB_DPOP_INIT;
    dpop.nonce_secret = fb_text("0123456789abcdef0123456789abcde");
    refused(&dpop, "dpop.nonce_secret");
    dpop = (fb_dpop)FB_DPOP_INIT;
    dpop.replay_capacity = 0;
    refused(&dpop, "dpop.replay_capacity");
    dpop.replay_capacity = 16777217;
    refused(&dpop, "dpop.replay_capacity");
    dpop = (fb_dpop)FB_DPOP_INIT;
    dpop.size = 0;
    refused(&dpop, "FB_DPOP_INIT");
    dpop.size = sizeof(dpop) + 1;
    refused(&dpop, "FB_DPOP_INIT");
}

/* The leeway is for tokens; a proof is fresh or not. */
TEST(leeway_does_not_extend_a_proof)
{
    struct setup setup = SETUP_INIT;
    fb_dpop dpop = FB_DPOP_INIT;
    fb_verifier *lenient = NULL;
    dpop.max_age = 10;
    setup.issuer.secret = fb_text(SECRET);
    setup.policy.dpop = &dpop;
    setup.policy.leeway = 1000;
    setup.policy.clock_skew = 0;
    CHECK(setup_verifier(&lenient, &setup, NULL) == FB_OK);
    fb_proof_options options = proof_base(token);
    fb_string *proof = proof_by(client, &options);
    expect("old", with_proof(lenient, proof, NOW + 10), FB_PROOF_EXPIRED, "iat");
    expect("ahead", with_proof(lenient, proof, NOW - 0.5), FB_PROOF_EXPIRED, "iat");
    expect("fresh", with_proof(lenient, proof, NOW + 9.5), FB_OK, NULL);
    fb_string_free(proof);
    fb_verifier_free(lenient);
}

static void prepare(void)
{
    unsigned char hash[32];
    fb_string *jwks = NULL;
    token = token_of(client_jkt);
    const fb_slice text = fb_string_text(token);
    CHECK(EVP_Q_digest(NULL, "SHA256", NULL, text.data, text.size, hash, NULL) == 1);
    ath[fb__base64url_encode(hash, sizeof(hash), ath)] = '\0';
    CHECK(fb_keypair_jwks(client, fb_text(NULL), &jwks, NULL) == FB_OK);
    const char *start = strchr(fb_string_text(jwks).data, '[') + 1;
    snprintf(jwk, sizeof(jwk), "%.*s}", (int)(strstr(start, ",\"use\"") - start), start);
    snprintf(header, sizeof(header), "%s", header_with(NULL, NULL, NULL, ""));
    fb_string_free(jwks);
}

int main(void)
{
    const fb_dpop dpop = FB_DPOP_INIT;
    proofs_start("ES256");
    prepare();
    verifier = proofs_verifier(&dpop);
    RUN(a_good_proof);
    RUN(what_is_no_jwt);
    RUN(headers);
    RUN(keys);
    RUN(leading_zeros);
    RUN(the_key_is_the_tokens_and_signs_the_proof);
    RUN(algorithms);
    RUN(payloads_that_are_no_json);
    RUN(jti);
    RUN(htm);
    RUN(htu);
    RUN(times);
    RUN(ath_is_of_this_very_token);
    RUN(a_proof_has_the_size_of_a_token);
    RUN(a_proof_is_good_once);
    RUN(a_refusal_uses_nothing_up);
    RUN(nonces);
    RUN(the_host_remembers);
    RUN(the_example_of_the_rfc);
    RUN(options);
    RUN(leeway_does_not_extend_a_proof);
    CHECK(ERR_peek_error() == 0);
    fb_string_free(token);
    fb_verifier_free(verifier);
    proofs_end();
    return TEST_RESULT();
}
