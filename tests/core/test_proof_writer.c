/* Proofs that are minted: their text to the byte, what may be left out, what is refused, and that they verify. */
#include "test.h"
#include "verify/verify.h"

#include <math.h>
#include <openssl/err.h>

static fb_error error = FB_ERROR_INIT;
static fb_keypair *pair;

static fb_proof_options base(void)
{
    fb_proof_options options = FB_PROOF_OPTIONS_INIT;
    options.method = fb_text("POST");
    options.url = fb_text("https://server.example.com/token");
    options.jti = fb_text("-BwC3ESc6acc2lTc");
    options.now = 1562262616.75;
    return options;
}

/* One segment of a proof, decoded; static. */
static const char *segment(fb_string *proof, int which)
{
    static char text[8000];
    fb__token parts;
    const fb_slice whole = fb_string_text(proof);
    CHECK(fb__token_split(whole.data, whole.size, &parts) == FB_OK);
    const fb_slice part = which == 0 ? parts.header : parts.payload;
    CHECK(fb__base64url_decode(part.data, part.size, (unsigned char *)text));
    text[fb__base64url_decoded_size(part.size)] = '\0';
    return text;
}

static void expect(const fb_proof_options *options, const char *expected)
{
    fb_string *proof = NULL;
    if (fb_keypair_dpop_proof(pair, options, &proof, &error) != FB_OK) {
        FAIL("%s", error.text);
        return;
    }
    const char *text = segment(proof, 1);
    if (strcmp(text, expected) != 0) {
        FAIL("%s, not %s", text, expected);
    }
    test_checks++;
    fb_string_free(proof);
}

TEST(payloads_to_the_byte)
{
    fb_proof_options options = base();
    expect(&options, "{\"jti\":\"-BwC3ESc6acc2lTc\",\"htm\":\"POST\",\"htu\":\"https://server.example.com/token\","
                     "\"iat\":1562262616}"); /* RFC 9449 section 4.1 */
    options.url = fb_text("https://h/p?q=1#f");
    options.access_token = fb_text("Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU");
    options.nonce = fb_text("a\"b");
    expect(&options, "{\"jti\":\"-BwC3ESc6acc2lTc\",\"htm\":\"POST\",\"htu\":\"https://h/p\",\"iat\":1562262616,"
                     "\"ath\":\"fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo\",\"nonce\":\"a\\\"b\"}");
    options = base();
    options.url = fb_text("https://h/p#f?");
    options.now = -0.5;
    options.access_token = fb_text("");
    expect(&options, "{\"jti\":\"-BwC3ESc6acc2lTc\",\"htm\":\"POST\",\"htu\":\"https://h/p\",\"iat\":-1,"
                     "\"ath\":\"47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU\"}");
}

TEST(every_proof_has_its_own_jti)
{
    fb_proof_options options = base();
    options.jti = fb_text(NULL);
    char first[8000];
    fb_string *proof = NULL;
    CHECK(fb_keypair_dpop_proof(pair, &options, &proof, NULL) == FB_OK);
    snprintf(first, sizeof(first), "%s", segment(proof, 1));
    fb_string_free(proof);
    CHECK(strncmp(first, "{\"jti\":\"", 8) == 0 && strchr(first + 8, '"') == first + 8 + 22); /* 128 bits */
    CHECK(fb_keypair_dpop_proof(pair, &options, &proof, NULL) == FB_OK);
    CHECK(strcmp(segment(proof, 1), first) != 0);
    fb_string_free(proof);
}

TEST(the_key_in_the_header_verifies_the_proof)
{
    static const char *const algorithms[] = {"ES256", "RS256", "PS384", "EdDSA", "Ed25519", "ES512"};
    for (size_t i = 0; i < sizeof(algorithms) / sizeof(algorithms[0]); i++) {
        fb_keypair *other = NULL;
        fb_string *proof = NULL;
        fb__verification_key key;
        fb__token parts;
        fb_node nodes[64];
        size_t count;
        char start[64];
        memset(&key, 0, sizeof(key));
        const fb_proof_options options = base();
        CHECK(fb_keypair_generate(&other, fb_text(algorithms[i]), 0, NULL, NULL) == FB_OK);
        CHECK(fb_keypair_dpop_proof(other, &options, &proof, NULL) == FB_OK);
        const char *header = segment(proof, 0);
        snprintf(start, sizeof(start), "{\"typ\":\"dpop+jwt\",\"alg\":\"%s\",\"jwk\":{\"kty\":\"", algorithms[i]);
        CHECK(strncmp(header, start, strlen(start)) == 0);
        CHECK(fb__json_scan(header, strlen(header), FB__JSON_STRICT, 8, &fb__mem_default, nodes, 64, &count) ==
              FB__JSON_OK);
        const size_t jwk = fb__json_member(header, nodes, 0, fb_text("jwk"));
        CHECK(fb__key_from_jwk(&key.key, &fb__mem_default, header, nodes, jwk, NULL) && key.key.problem == NULL);
        const fb_slice text = fb_string_text(proof);
        CHECK(fb__token_split(text.data, text.size, &parts) == FB_OK);
        CHECK(fb__signature_verify(&key, fb__alg_find(fb_text(algorithms[i])), parts.signing_input, parts.signature,
                                   false) == FB_OK);
        fb__verification_key_clear(&key, &fb__mem_default);
        fb_string_free(proof);
        fb_keypair_free(other);
    }
    CHECK(ERR_peek_error() == 0);
}

static void refused(const fb_keypair *by, const fb_proof_options *options, const char *named)
{
    fb_string *proof = (fb_string *)(uintptr_t)1;
    CHECK(fb_keypair_dpop_proof(by, options, &proof, &error) == FB_CONFIGURATION_INVALID);
    CHECK(proof == NULL);
    if (strstr(error.text, named) == NULL) {
        FAIL("%s does not name %s", error.text, named);
    }
}

TEST(what_no_proof_can_be_made_of)
{
    fb_proof_options options = base();
    options.method = fb_text(NULL);
    refused(pair, &options, "method");
    options = base();
    options.url = fb_text("");
    refused(pair, &options, "url");
    options = base();
    options.url = fb_text("https://h/\xff");
    refused(pair, &options, "url");
    options = base();
    options.nonce = (fb_slice){"a\0b", 3};
    refused(pair, &options, "nonce");
    options = base();
    options.jti = fb_text("\xc3");
    refused(pair, &options, "jti");
    options = base();
    options.now = (double)NAN;
    refused(pair, &options, "now");
    options = base();
    options.size = 0;
    refused(pair, &options, "FB_PROOF_OPTIONS_INIT");
    options.size = sizeof(options) + 1;
    refused(pair, &options, "FB_PROOF_OPTIONS_INIT");
    fb_keypair *secret = NULL;
    options = base();
    CHECK(fb_keypair_generate(&secret, fb_text("HS256"), 0, NULL, NULL) == FB_OK);
    refused(secret, &options, "HMAC");
    fb_keypair_free(secret);
}

/* A program that was compiled against an older header knows fewer options. */
TEST(fewer_options)
{
    fb_proof_options options = base();
    fb_string *proof = NULL;
    options.size = offsetof(fb_proof_options, nonce);
    options.nonce = fb_text("not looked at");
    CHECK(fb_keypair_dpop_proof(pair, &options, &proof, NULL) == FB_OK);
    CHECK(strstr(segment(proof, 1), "nonce") == NULL);
    CHECK(strstr(segment(proof, 1), "\"iat\":0") != NULL);
    fb_string_free(proof);
}

int main(void)
{
    CHECK(fb_keypair_generate(&pair, fb_text("ES256"), 0, NULL, NULL) == FB_OK);
    RUN(payloads_to_the_byte);
    RUN(every_proof_has_its_own_jti);
    RUN(the_key_in_the_header_verifies_the_proof);
    RUN(what_no_proof_can_be_made_of);
    RUN(fewer_options);
    fb_keypair_free(pair);
    return TEST_RESULT();
}
