/* Thumbprints: those that the RFCs print, and of every kind of key the one that its JWK says. */
#include "failing.h"
#include "keys/keys.h"
#include "test.h"

#include <openssl/err.h>
#include <openssl/pem.h>

/* Of a key in a JWK; empty: it cannot be used. Static. */
static const char *thumbprint_of(const char *jwk)
{
    static char text[64];
    fb_node nodes[64];
    size_t count;
    fb__key key;
    unsigned char hash[FB__THUMBPRINT];
    fb__openssl_errors errors;
    memset(&key, 0, sizeof(key));
    text[0] = '\0';
    CHECK(fb__json_scan(jwk, strlen(jwk), FB__JSON_STRICT, FB__MAX_DEPTH, &fb__mem_default, nodes, 64, &count) ==
          FB__JSON_OK);
    fb__openssl_begin(&errors);
    CHECK(fb__key_from_jwk(&key, &fb__mem_default, jwk, nodes, 0, NULL));
    if (key.problem == NULL && fb__key_thumbprint(&key, hash)) {
        text[fb__base64url_encode(hash, sizeof(hash), text)] = '\0';
    }
    fb__openssl_end(&errors);
    fb__key_clear(&key, &fb__mem_default);
    return text;
}

static void expect(const char *jwk, const char *thumbprint)
{
    const char *found = thumbprint_of(jwk);
    if (strcmp(found, thumbprint) != 0) {
        FAIL("%s, not %s", found, thumbprint);
    }
    test_checks++;
}

#define RFC7638_N                                                                                                   \
    "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3"  \
    "oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdA"  \
    "ZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-k" \
    "EgU8awapJzKnqDKgw"

TEST(the_examples_of_the_rfcs)
{
    expect("{\"kty\":\"RSA\",\"n\":\"" RFC7638_N "\",\"e\":\"AQAB\",\"alg\":\"RS256\",\"kid\":\"2011-04-29\"}",
           "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"); /* RFC 7638 section 3.1 */
    expect("{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}",
           "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"); /* RFC 8037 appendix A.3 */
    expect("{\"kty\":\"EC\",\"x\":\"l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs\","
           "\"y\":\"9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA\",\"crv\":\"P-256\"}",
           "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"); /* RFC 9449 sections 4.1 and 6.1 */
}

TEST(one_key_has_one_thumbprint_however_it_is_written)
{
    expect("{\"kid\":\"x\",\"e\":\"AQAB\",\"use\":\"sig\",\"\\u006e\":\"" RFC7638_N "\",\"kty\":\"R\\u0053A\"}",
           "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
    expect("{\"kty\":\"RSA\",\"n\":\"" RFC7638_N
           "\",\"e\":\"AAEAAQ\"}", /* with a leading zero, as some issuers write */
           "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
}

/* The members in the order of their names, out of the text that fb_keypair_jwks writes. */
static size_t canonical(const char *jwks, char *out, size_t room)
{
    static const char *const names[] = {"crv", "e", "kty", "n", "x", "y"};
    size_t size = 0;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char member[16];
        snprintf(member, sizeof(member), "\"%s\":\"", names[i]);
        const char *at = strstr(jwks, member);
        if (at != NULL) {
            const int length = (int)(strchr(at + strlen(member), '"') + 1 - at);
            size += (size_t)snprintf(out + size, room - size, "%s%.*s", size == 0 ? "{" : ",", length, at);
        }
    }
    return size + (size_t)snprintf(out + size, room - size, "}");
}

TEST(every_kind_of_key)
{
    static const char *const algorithms[] = {"RS256", "ES256", "ES384", "ES512", "ES256K", "EdDSA", "Ed448"};
    for (size_t i = 0; i < sizeof(algorithms) / sizeof(algorithms[0]); i++) {
        fb_keypair *pair = NULL;
        fb_string *jwks = NULL, *thumbprint = NULL;
        char text[4096], expected[64];
        unsigned char hash[32];
        CHECK(fb_keypair_generate(&pair, fb_text(algorithms[i]), 0, NULL, NULL) == FB_OK);
        CHECK(fb_keypair_jwks(pair, fb_text(NULL), &jwks, NULL) == FB_OK);
        CHECK(fb_keypair_thumbprint(pair, &thumbprint, NULL) == FB_OK);
        const size_t size = canonical(fb_string_text(jwks).data, text, sizeof(text));
        CHECK(EVP_Q_digest(NULL, "SHA256", NULL, text, size, hash, NULL) == 1);
        expected[fb__base64url_encode(hash, sizeof(hash), expected)] = '\0';
        CHECK(strcmp(fb_string_text(thumbprint).data, expected) == 0);
        fb_string_free(jwks);
        fb_string_free(thumbprint);
        fb_keypair_free(pair);
    }
    CHECK(ERR_peek_error() == 0);
}

static char compressed[1024]; /* a PEM */

/* A private key whose file holds its point compressed. */
TEST(a_compressed_point)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    char pem[2][sizeof(compressed)];
    fb_slice thumbprints[2];
    fb_string *strings[2];
    for (int i = 0; i < 2; i++) {
        fb_keypair *pair = NULL;
        char *data = NULL;
        BIO *bio = BIO_new(BIO_s_mem());
        CHECK(i == 0 || EVP_PKEY_set_utf8_string_param(key, "point-format", "compressed") == 1);
        CHECK(PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1);
        const long size = BIO_get_mem_data(bio, &data);
        snprintf(pem[i], sizeof(pem[i]), "%.*s", (int)size, data);
        CHECK(fb_keypair_load(&pair, fb_text("ES256"), fb_text(pem[i]), NULL, NULL) == FB_OK);
        CHECK(fb_keypair_thumbprint(pair, &strings[i], NULL) == FB_OK);
        thumbprints[i] = fb_string_text(strings[i]);
        fb_keypair_free(pair);
        BIO_free(bio);
    }
    memcpy(compressed, pem[1], sizeof(compressed));
    CHECK(strcmp(pem[0], pem[1]) != 0 && fb__slice_equal(thumbprints[0], thumbprints[1]));
    fb_string_free(strings[0]);
    fb_string_free(strings[1]);
    EVP_PKEY_free(key);
}

/* Made of another key, it is the same, and a point that is not on the curve is none. */
TEST(a_key_that_is_copied)
{
    static const char *const all[] = {
        "{\"kty\":\"EC\",\"x\":\"l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs\","
        "\"y\":\"9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA\",\"crv\":\"P-256\"}",
        "{\"kty\":\"EC\",\"x\":\"l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs\","
        "\"y\":\"9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDE\",\"crv\":\"P-256\"}",
        "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}"};
    EVP_PKEY *p256 = fb__key_p256();
    CHECK(p256 != NULL);
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        fb_node nodes[64];
        size_t count;
        fb__key keys[2];
        fb__openssl_errors errors;
        memset(keys, 0, sizeof(keys));
        CHECK(fb__json_scan(all[i], strlen(all[i]), FB__JSON_STRICT, 8, &fb__mem_default, nodes, 64, &count) ==
              FB__JSON_OK);
        fb__openssl_begin(&errors);
        CHECK(fb__key_from_jwk(&keys[0], &fb__mem_default, all[i], nodes, 0, NULL));
        CHECK(fb__key_from_jwk(&keys[1], &fb__mem_default, all[i], nodes, 0, p256));
        CHECK((keys[0].problem == NULL) == (i != 1) && keys[0].algs == keys[1].algs);
        CHECK(i != 1 || strcmp(keys[0].problem, keys[1].problem) == 0);
        CHECK(i == 1 || (EVP_PKEY_eq(keys[0].pkey, keys[1].pkey) == 1 && keys[0].curve == keys[1].curve));
        CHECK(memcmp(keys[0].point, keys[1].point, sizeof(keys[0].point)) == 0);
        fb__openssl_end(&errors);
        fb__key_clear(&keys[0], &fb__mem_default);
        fb__key_clear(&keys[1], &fb__mem_default);
    }
    EVP_PKEY_free(p256);
    CHECK(ERR_peek_error() == 0);
}

/* OpenSSL says numbers of an RSA key, and of a point that it holds compressed, and needs memory for that. */
TEST(out_of_memory)
{
    fb_keypair *pairs[2] = {NULL, NULL};
    CHECK(fb_keypair_generate(&pairs[0], fb_text("RS256"), 0, NULL, NULL) == FB_OK);
    CHECK(fb_keypair_load(&pairs[1], fb_text("ES256"), fb_text(compressed), NULL, NULL) == FB_OK);
    for (int i = 0; i < 2; i++) {
        bool reached = true;
        long failures = 0;
        for (long at = 0; reached; at++) {
            fb_string *thumbprint = NULL;
            failing_start(at, true);
            const fb_status status = fb_keypair_thumbprint(pairs[i], &thumbprint, NULL);
            reached = failing_stop();
            CHECK(status == (reached ? FB_OUT_OF_MEMORY : FB_OK) || (reached && status == FB_OK));
            CHECK((thumbprint != NULL) == (status == FB_OK) && ERR_peek_error() == 0);
            failures += status != FB_OK;
            fb_string_free(thumbprint);
        }
        CHECK(failures > 3);
        fb_keypair_free(pairs[i]);
    }
}

TEST(a_secret_has_none)
{
    fb_error error = FB_ERROR_INIT;
    fb_keypair *pair = NULL;
    fb_string *thumbprint = NULL;
    unsigned char hash[FB__THUMBPRINT];
    const fb__key secret = {.kty = FB__KTY_OCT};
    CHECK(!fb__key_thumbprint(&secret, hash));
    CHECK(fb_keypair_generate(&pair, fb_text("HS256"), 0, NULL, NULL) == FB_OK);
    CHECK(fb_keypair_thumbprint(pair, &thumbprint, &error) == FB_CONFIGURATION_INVALID && thumbprint == NULL);
    CHECK(strstr(error.text, "HMAC") != NULL);
    fb_keypair_free(pair);
}

int main(void)
{
    failing_install();
    RUN(the_examples_of_the_rfcs);
    RUN(one_key_has_one_thumbprint_however_it_is_written);
    RUN(every_kind_of_key);
    RUN(a_compressed_point);
    RUN(out_of_memory);
    RUN(a_key_that_is_copied);
    RUN(a_secret_has_none);
    return TEST_RESULT();
}
