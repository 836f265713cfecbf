/* Minting: every algorithm round, the text of header and claims to the byte, what overrides what, and what is refused.
 */
#include "setup.h"
#include "test.h"
#include "verify/verify.h"

#include <math.h>
#include <openssl/err.h>

static fb_error error = FB_ERROR_INIT;
static fb_keypair *pair; /* HS256: quick, and its text is what matters here */

/* Header and payload of a token, as one text "header payload"; static. */
static const char *text_of(fb_string *token)
{
    static char text[8000];
    fb__token parts;
    fb_slice whole = fb_string_text(token);
    size_t size = 0;
    CHECK(fb__token_split(whole.data, whole.size, &parts) == FB_OK);
    CHECK(fb__base64url_decode(parts.header.data, parts.header.size, (unsigned char *)text));
    size = fb__base64url_decoded_size(parts.header.size);
    text[size++] = ' ';
    CHECK(fb__base64url_decode(parts.payload.data, parts.payload.size, (unsigned char *)text + size));
    text[size + fb__base64url_decoded_size(parts.payload.size)] = '\0';
    return text;
}

static fb_token_options base(void)
{
    fb_token_options options = FB_TOKEN_OPTIONS_INIT;
    options.subject = fb_text("alice");
    options.issuer = fb_text("https://issuer.example");
    options.now = 1000.75;
    return options;
}

static void expect(const fb_token_options *options, const char *expected)
{
    fb_string *token = NULL;
    if (fb_keypair_create_token(pair, options, &token, &error) != FB_OK) {
        FAIL("%s", error.text);
        return;
    }
    const char *text = text_of(token);
    if (strcmp(text, expected) != 0) {
        FAIL("%s, not %s", text, expected);
    }
    test_checks++;
    fb_string_free(token);
}

TEST(text_to_the_byte)
{
    fb_token_options options = base();
    expect(&options, "{\"typ\":\"JWT\",\"alg\":\"HS256\"} "
                     "{\"sub\":\"alice\",\"iss\":\"https://issuer.example\",\"iat\":1000,\"exp\":4600}");
    options.kid = fb_text("k\"1");
    options.audiences = FB_LIST(fb_text("one"));
    options.scopes = FB_LIST(fb_text("read"), fb_text("write"), fb_text("a\\b"));
    options.subject = fb_text("\xc3\xa9\n\"");
    options.expires_in = -60;
    expect(&options, "{\"typ\":\"JWT\",\"alg\":\"HS256\",\"kid\":\"k\\\"1\"} "
                     "{\"sub\":\"\xc3\xa9\\u000a\\\"\",\"iss\":\"https://issuer.example\",\"iat\":1000,\"exp\":940,"
                     "\"aud\":\"one\",\"scope\":\"read write a\\\\b\"}");
    options = base();
    options.issuer = options.subject = fb_text(NULL);
    options.type = fb_text("at+jwt");
    options.audiences = FB_LIST(fb_text("one"), fb_text("two"));
    options.expires_in = 0.5;
    expect(&options, "{\"typ\":\"at+jwt\",\"alg\":\"HS256\"} {\"iat\":1000,\"exp\":1000.5,\"aud\":[\"one\",\"two\"]}");
    options.type = fb_text("");
    options.audiences = FB_LIST(fb_text("one"));
    options.audience_is_list = true;
    expect(&options, "{\"alg\":\"HS256\"} {\"iat\":1000,\"exp\":1000.5,\"aud\":[\"one\"]}");
}

TEST(additional_claims_override_in_place)
{
    fb_token_options options = base();
    options.scopes = FB_LIST(fb_text("read"));
    options.additional_claims =
        fb_text(" { \"n\" : 123456789012345678901234567890 , \"exp\":1.50 , \"sub\" : \"b\\u006fb\" ,"
                "\"deep\":{\"a\" : [1, 2.0e0 ,{}]}, \"scope\":null,\"\\u006eame\":\"\xc3\xa9\" } ");
    expect(&options,
           "{\"typ\":\"JWT\",\"alg\":\"HS256\"} "
           "{\"sub\":\"b\\u006fb\",\"iss\":\"https://issuer.example\",\"iat\":1000,\"exp\":1.50,\"scope\":null,"
           "\"n\":123456789012345678901234567890,\"deep\":{\"a\" : [1, 2.0e0 ,{}]},\"\\u006eame\":\"\xc3\xa9\"}");
    options = base();
    options.additional_claims = fb_text("{}");
    expect(&options, "{\"typ\":\"JWT\",\"alg\":\"HS256\"} "
                     "{\"sub\":\"alice\",\"iss\":\"https://issuer.example\",\"iat\":1000,\"exp\":4600}");
    /* What Python writes and JSON does not know, so that hostile tokens can be made. */
    options.additional_claims = fb_text("{\"exp\":Infinity,\"x\":NaN,\"y\":\"\\u0000\"}");
    expect(&options, "{\"typ\":\"JWT\",\"alg\":\"HS256\"} "
                     "{\"sub\":\"alice\",\"iss\":\"https://"
                     "issuer.example\",\"iat\":1000,\"exp\":Infinity,\"x\":NaN,\"y\":\"\\u0000\"}");
}

static bool refused(const fb_token_options *options, const char *name)
{
    fb_string *token = (fb_string *)&error;
    fb_status status = fb_keypair_create_token(pair, options, &token, &error);
    return status == FB_CONFIGURATION_INVALID && token == NULL && strstr(error.text, name) == error.text;
}

TEST(what_cannot_be_written)
{
    fb_token_options options = base();
    options.subject = fb_text("\xff");
    CHECK(refused(&options, "subject"));
    options.subject = (fb_slice){"a\0b", 3};
    CHECK(refused(&options, "subject"));
    options = base();
    options.issuer = fb_text("\xed\xa0\x80");
    CHECK(refused(&options, "issuer"));
    options = base();
    options.kid = fb_text("\x80");
    CHECK(refused(&options, "kid"));
    options = base();
    options.scopes = FB_LIST(fb_text("ok"), fb_text("\xc0\x80"));
    CHECK(refused(&options, "scopes"));
    options = base();
    options.audiences = FB_LIST(fb_text("\xff"));
    CHECK(refused(&options, "audience"));
    static const char *const wrong[] = {
        "", "x", "[]", "{", "{\"a\":}", "{\"a\":1}x", "{\"a\":\"\xff\"}", "{\"a\":\"\\ud800\"}"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        options = base();
        options.additional_claims = fb_text(wrong[i]);
        CHECK(refused(&options, "additional_claims"));
    }
    options = base();
    options.now = (double)NAN;
    CHECK(refused(&options, "now"));
    options = base();
    options.expires_in = (double)INFINITY;
    CHECK(refused(&options, "now"));
    options = base();
    options.now = options.expires_in = 1.7e308; /* their sum is no number */
    CHECK(refused(&options, "now and expires_in"));
    options = base();
    options.audiences.count = 2;
    CHECK(options.audiences.items == NULL && refused(&options, "audience"));
    options = base();
    options.scopes.count = 2;
    CHECK(options.scopes.items == NULL && refused(&options, "scopes"));
    options = base();
    options.size = 0;
    CHECK(refused(&options, "options"));
}

static fb_verifier *verifier_for(const fb_keypair *keys, fb_slice jwks)
{
    struct setup options = SETUP_INIT;
    fb_verifier *verifier = NULL;
    if (jwks.data != NULL) {
        options.issuer.jwks = jwks;
    } else if (fb_keypair_public_pem(keys).data != NULL) {
        options.issuer.public_key = fb_keypair_public_pem(keys);
    } else {
        options.issuer.secret = fb_keypair_private_pem(keys);
    }
    options.issuer.algorithms = FB_LIST(fb_keypair_algorithm(keys));
    if (setup_verifier(&verifier, &options, &error) != FB_OK) {
        FAIL("%s", error.text);
    }
    return verifier;
}

static void verify_with(fb_verifier *verifier, fb_string *token)
{
    fb_result *result = NULL;
    fb_slice text = fb_string_text(token);
    CHECK(fb_verify(verifier, text.data, text.size, (fb_clock){1001, 0}, &result, &error) == FB_OK);
    fb_result_free(result);
    fb_verifier_free(verifier);
}

TEST(every_algorithm_goes_round)
{
    for (size_t i = 0; i < FB__ALG_COUNT; i++) {
        fb_slice name = {fb__algs[i].name, fb__algs[i].name_size};
        fb_keypair *made = NULL, *loaded = NULL;
        fb_string *token = NULL, *jwks = NULL;
        fb_token_options options = base();
        options.kid = fb_text("k1");
        CHECK(fb_keypair_generate(&made, name, 0, NULL, &error) == FB_OK);
        CHECK(fb__slice_equal(fb_keypair_algorithm(made), name));
        CHECK(fb_keypair_load(&loaded, name, fb_keypair_private_pem(made), NULL, &error) == FB_OK);
        CHECK(fb__slice_equal(fb_keypair_public_pem(made), fb_keypair_public_pem(loaded)));
        CHECK(fb_keypair_create_token(loaded, &options, &token, &error) == FB_OK);
        verify_with(verifier_for(made, (fb_slice){NULL, 0}), token);
        fb_status status = fb_keypair_jwks(made, fb_text("k1"), &jwks, &error);
        if (fb__algs[i].kty == FB__KTY_OCT) {
            CHECK(status == FB_CONFIGURATION_INVALID && jwks == NULL && fb_keypair_public_pem(made).data == NULL);
        } else {
            CHECK(status == FB_OK);
            CHECK(strstr(fb_string_text(jwks).data, "\"d\"") == NULL);
            CHECK(strstr(fb_keypair_public_pem(made).data, "-----BEGIN PUBLIC KEY-----\n") ==
                  fb_keypair_public_pem(made).data);
            CHECK(strstr(fb_keypair_private_pem(made).data, "-----BEGIN PRIVATE KEY-----\n") ==
                  fb_keypair_private_pem(made).data);
            verify_with(verifier_for(made, fb_string_text(jwks)), token);
        }
        fb_string_free(jwks);
        fb_string_free(token);
        fb_keypair_free(made);
        fb_keypair_free(loaded);
        CHECK(ERR_peek_error() == 0);
    }
}

TEST(what_makes_no_pair)
{
    fb_keypair *made = (fb_keypair *)&error;
    CHECK(fb_keypair_generate(&made, fb_text("none"), 0, NULL, &error) == FB_CONFIGURATION_INVALID && made == NULL);
    CHECK(fb_keypair_generate(&made, fb_text(NULL), 0, NULL, &error) == FB_CONFIGURATION_INVALID);
    CHECK(fb_keypair_generate(&made, fb_text("RS256"), 1024, NULL, &error) == FB_CONFIGURATION_INVALID);
    CHECK(fb_keypair_generate(&made, fb_text("RS256"), 16384, NULL, &error) == FB_CONFIGURATION_INVALID);
    CHECK(fb_keypair_generate(&made, fb_text("ES256"), 256, NULL, &error) == FB_CONFIGURATION_INVALID);
    fb_keypair *ec = NULL;
    CHECK(fb_keypair_generate(&ec, fb_text("ES256"), 0, NULL, &error) == FB_OK);
    CHECK(fb_keypair_load(&made, fb_text("RS256"), fb_keypair_private_pem(ec), NULL, &error) ==
          FB_CONFIGURATION_INVALID);
    CHECK(made == NULL && strstr(error.text, "private_key") == error.text);
    CHECK(fb_keypair_load(&made, fb_text("ES384"), fb_keypair_private_pem(ec), NULL, &error) ==
          FB_CONFIGURATION_INVALID);
    CHECK(fb_keypair_load(&made, fb_text("ES256"), fb_keypair_public_pem(ec), NULL, &error) ==
          FB_CONFIGURATION_INVALID);
    CHECK(fb_keypair_load(&made, fb_text("ES256"), fb_text("nonsense"), NULL, &error) == FB_CONFIGURATION_INVALID);
    CHECK(strstr(error.text, "nonsense") == NULL);
    CHECK(fb_keypair_load(&made, fb_text("ES256"), fb_text(""), NULL, &error) == FB_CONFIGURATION_INVALID);
    CHECK(fb_keypair_load(&made, fb_text("ES256"), fb_text(NULL), NULL, &error) == FB_CONFIGURATION_INVALID);
    CHECK(ERR_peek_error() == 0);
    fb_keypair_free(ec);
    fb_keypair_free(NULL);
    fb_string_free(NULL);
}

TEST(any_bytes_can_be_signed)
{
    fb_string *token = NULL;
    CHECK(fb_keypair_sign(pair, fb_text("not json"), (fb_slice){"\0\xff", 2}, &token, &error) == FB_OK);
    fb__token parts;
    fb_slice text = fb_string_text(token);
    CHECK(fb__token_split(text.data, text.size, &parts) == FB_OK && text.data[text.size] == '\0');
    fb_string_free(token);
}

int main(void)
{
    CHECK(fb_keypair_load(&pair, fb_text("HS256"), fb_text("0123456789abcdef0123456789abcdef"), NULL, &error) == FB_OK);
    RUN(text_to_the_byte);
    RUN(additional_claims_override_in_place);
    RUN(what_cannot_be_written);
    RUN(every_algorithm_goes_round);
    RUN(what_makes_no_pair);
    RUN(any_bytes_can_be_signed);
    fb_keypair_free(pair);
    return TEST_RESULT();
}
