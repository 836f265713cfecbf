/* Key sets: what makes a member unusable and what is said about it, what fails a document, and which key a token gets.
 */
#include "test.h"
#include "verify/verify.h"

#include <jansson.h>
#include <openssl/err.h>

static fb_error error = FB_ERROR_INIT;

/* Numbers of sound keys, taken from generated pairs. */
static char n[1000], p256_x[60], p256_y[60], ed_x[60], ed448_x[90];

static void copy_member(const fb_keypair *pair, const char *name, char *out, size_t room)
{
    fb_string *document = NULL;
    CHECK(fb_keypair_jwks(pair, (fb_slice){NULL, 0}, &document, NULL) == FB_OK);
    fb_slice text = fb_string_text(document);
    json_t *root = json_loadb(text.data, text.size, 0, NULL);
    snprintf(out, room, "%s",
             json_string_value(json_object_get(json_array_get(json_object_get(root, "keys"), 0), name)));
    json_decref(root);
    fb_string_free(document);
}

static void generate(const char *alg, const char *first, char *first_out, size_t room, const char *second,
                     char *second_out, size_t second_room)
{
    fb_keypair *pair = NULL;
    CHECK(fb_keypair_generate(&pair, fb_text(alg), 0, NULL, NULL) == FB_OK);
    copy_member(pair, first, first_out, room);
    if (second != NULL) {
        copy_member(pair, second, second_out, second_room);
    }
    fb_keypair_free(pair);
}

static fb_status import_text(const char *document, fb__keyset **set)
{
    error = (fb_error)FB_ERROR_INIT;
    fb_status status = fb__keyset_from_jwks(set, &fb__mem_default, fb_text(document), &error);
    CHECK((status == FB_OK) == (*set != NULL));
    CHECK(status == FB_OK || (status == FB_CONFIGURATION_INVALID && strncmp(error.text, "jwks: ", 6) == 0));
    CHECK(ERR_peek_error() == 0);
    return status;
}

/* A set of one sound Ed25519 key and the given member: is that one usable, and what is said? */
static const char *problem_of(const char *member)
{
    static char document[4000], problem[200];
    snprintf(document, sizeof(document), "{\"keys\":[%s,{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"%s\"}]}", member,
             ed_x);
    fb__keyset *set = NULL;
    if (import_text(document, &set) != FB_OK) {
        FAIL("%s: %s", document, error.text);
        return "?";
    }
    CHECK(set->count == 2 && set->keys[1].key.algs != 0 && set->keys[1].key.problem == NULL);
    CHECK((set->keys[0].key.algs != 0) ==
          (set->keys[0].key.problem == NULL || strstr(set->keys[0].key.problem, "private") != NULL));
    snprintf(problem, sizeof(problem), "%s", set->keys[0].key.problem == NULL ? "" : set->keys[0].key.problem);
    fb__keyset_release(set);
    return problem;
}

static const char *rsa_with(const char *members)
{
    static char member[2000];
    snprintf(member, sizeof(member), "{\"kty\":\"RSA\",\"n\":\"%s\",\"e\":\"AQAB\"%s}", n, members);
    return problem_of(member);
}

static const char *ec_with(const char *members)
{
    static char member[1000];
    snprintf(member, sizeof(member), "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"%s\",\"y\":\"%s\"%s}", p256_x, p256_y,
             members);
    return problem_of(member);
}

static bool says(const char *problem, const char *words)
{
    if (words[0] == '\0' ? problem[0] != '\0' : strstr(problem, words) == NULL) {
        fprintf(stderr, "said: %s\n", problem);
        return false;
    }
    return true;
}

TEST(use_operations_and_algorithm)
{
    CHECK(says(rsa_with(""), ""));
    CHECK(says(rsa_with(",\"use\":\"sig\",\"key_ops\":[\"verify\"],\"alg\":\"RS256\""), ""));
    CHECK(says(rsa_with(",\"key_ops\":[\"sign\",\"verify\"]"), ""));
    CHECK(says(rsa_with(",\"use\":\"enc\""), "use"));
    CHECK(says(rsa_with(",\"use\":\"Sig\""), "use"));
    CHECK(says(rsa_with(",\"use\":5"), "use is not a string"));
    CHECK(says(rsa_with(",\"use\":null"), "use is not a string"));
    CHECK(says(rsa_with(",\"key_ops\":[\"sign\"]"), "key_ops"));
    CHECK(says(rsa_with(",\"key_ops\":[]"), "key_ops"));
    CHECK(says(rsa_with(",\"key_ops\":\"verify\""), "key_ops is not an array"));
    CHECK(says(rsa_with(",\"key_ops\":[\"verify\",5]"), "key_ops holds"));
    CHECK(says(rsa_with(",\"alg\":\"ES256\""), "alg does not fit"));
    CHECK(says(rsa_with(",\"alg\":\"EdDSA\""), "alg does not fit"));
    CHECK(says(rsa_with(",\"alg\":\"RSA-OAEP\""), "alg is not one"));
    CHECK(says(rsa_with(",\"alg\":\"HS256\""), "alg does not fit"));
    CHECK(says(rsa_with(",\"alg\":[\"RS256\"]"), "alg is not a string"));
    CHECK(says(rsa_with(",\"kid\":5"), "kid"));
    CHECK(says(rsa_with(",\"x5c\":[5],\"x5t\":7,\"anything\":{}"), ""));
    CHECK(says(rsa_with(",\"d\":\"AQAB\",\"p\":7"), "private"));
    CHECK(says(ec_with(",\"alg\":\"ES256\""), ""));
    CHECK(says(ec_with(",\"alg\":\"ES384\""), "alg does not fit"));
}

TEST(types_and_curves)
{
    char member[600];
    CHECK(says(problem_of("{}"), "kty"));
    CHECK(says(problem_of("5"), "not an object"));
    CHECK(says(problem_of("{\"kty\":7}"), "kty"));
    CHECK(says(problem_of("{\"kty\":\"rsa\"}"), "kty is not"));
    CHECK(says(problem_of("{\"kty\":\"oct\",\"k\":\"AAAA\"}"), "symmetric"));
    static const char *const curves[] = {"\"P-384\"", "\"p-256\"", "\"P-256K\"", "\"X25519\"", "5", "null"};
    for (size_t i = 0; i < sizeof(curves) / sizeof(curves[0]); i++) {
        snprintf(member, sizeof(member), "{\"kty\":\"EC\",\"crv\":%s,\"x\":\"%s\",\"y\":\"%s\"}", curves[i], p256_x,
                 p256_y);
        CHECK(problem_of(member)[0] != '\0');
    }
    CHECK(says(problem_of("{\"kty\":\"OKP\",\"crv\":\"X25519\",\"x\":\"AAAA\"}"), "crv"));
    snprintf(member, sizeof(member), "{\"kty\":\"OKP\",\"crv\":\"Ed448\",\"x\":\"%s\",\"alg\":\"Ed448\"}", ed448_x);
    CHECK(says(problem_of(member), ""));
    snprintf(member, sizeof(member), "{\"kty\":\"OKP\",\"crv\":\"Ed448\",\"x\":\"%s\",\"alg\":\"Ed25519\"}", ed448_x);
    CHECK(says(problem_of(member), "alg does not fit"));
    snprintf(member, sizeof(member), "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"%s\"}", ed448_x);
    CHECK(says(problem_of(member), "x is"));
}

TEST(numbers)
{
    char member[2000];
    snprintf(member, sizeof(member), "{\"kty\":\"RSA\",\"n\":\"%s=\",\"e\":\"AQAB\"}", n);
    CHECK(says(problem_of(member), "n is"));
    snprintf(member, sizeof(member), "{\"kty\":\"RSA\",\"e\":\"AQAB\"}");
    CHECK(says(problem_of(member), "n is"));
    snprintf(member, sizeof(member), "{\"kty\":\"RSA\",\"n\":7,\"e\":\"AQAB\"}");
    CHECK(says(problem_of(member), "n is"));
    static const struct {
        const char *e, *words;
    } exponents[] = {{"AQAB", ""},         {"AAEAAQ", ""}, {"Aw", "exponent"}, {"AQ", "exponent"},
                     {"AQAA", "exponent"}, {"", "e is"},   {"+/", "e is"}};
    for (size_t i = 0; i < sizeof(exponents) / sizeof(exponents[0]); i++) {
        snprintf(member, sizeof(member), "{\"kty\":\"RSA\",\"n\":\"%s\",\"e\":\"%s\"}", n, exponents[i].e);
        CHECK(says(problem_of(member), exponents[i].words));
    }
    snprintf(member, sizeof(member), "{\"kty\":\"RSA\",\"n\":\"%.*s\",\"e\":\"AQAB\"}", 172, n);
    CHECK(problem_of(member)[0] != '\0'); /* 1032 bits, and perhaps even */
    snprintf(member, sizeof(member), "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"%s\",\"y\":\"%s\"}", p256_y, p256_x);
    CHECK(says(problem_of(member), "not a point"));
    snprintf(member, sizeof(member), "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"%.42s\",\"y\":\"%s\"}", p256_x, p256_y);
    CHECK(says(problem_of(member), "x is"));
    snprintf(member, sizeof(member), "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"%s\"}", p256_x);
    CHECK(says(problem_of(member), "y is"));
}

TEST(points_of_small_order)
{
    static const unsigned char points[][32] = {
        {0},
        {1},
        {0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
         0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
        {0xee, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
         0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
        {0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f,
         0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0xfa},
        {0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0,
         0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05},
    };
    for (size_t i = 0; i < sizeof(points) / sizeof(points[0]); i++) {
        char text[60], member[200];
        text[fb__base64url_encode(points[i], 32, text)] = '\0';
        snprintf(member, sizeof(member), "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"%s\"}", text);
        CHECK(says(problem_of(member), "small order"));
    }
}

/* Any member, name or value, may be written with escapes; a value of 8192 bits in nothing else is still read. */
TEST(escaped_members)
{
    static char document[20000], escaped[12000];
    fb__keyset *set = NULL;
    size_t used = 0;
    for (const char *c = n; *c != '\0'; c++) {
        used += (size_t)snprintf(escaped + used, sizeof(escaped) - used, "\\u%04x", *c);
    }
    snprintf(document, sizeof(document),
             "{\"\\u006beys\":[{\"k\\u0074y\":\"RS\\u0041\",\"\\u006e\":\"%s\",\"e\":\"AQ\\u0041B\","
             "\"alg\":\"PS\\u0032\\u0035\\u0036\",\"use\":\"s\\u0069g\",\"kid\":\"a\\u00e9\","
             "\"key_ops\":[\"\\u0076erify\"]}]}",
             escaped);
    CHECK(import_text(document, &set) == FB_OK && set->keys[0].key.problem == NULL && set->keys[0].key.bits == 2048);
    CHECK(fb__slice_equal(set->keys[0].key.kid, fb_text("a\xc3\xa9")));
    CHECK(fb__slice_equal(set->keys[0].key.kty_text, fb_text("RSA")));
    CHECK(fb__slice_equal(set->keys[0].key.alg_text, fb_text("PS256")));
    CHECK(set->keys[0].key.algs == fb__alg_bit(fb__alg_find(fb_text("PS256"))));
    fb__keyset_release(set);
}

TEST(documents)
{
    fb__keyset *set = NULL;
    static const char *const wrong[] = {"",
                                        "x",
                                        "[]",
                                        "{}",
                                        "{\"keys\":{}}",
                                        "{\"keys\":null}",
                                        "{\"keys\":[]}",
                                        "{\"keys\":[{}]}",
                                        "{\"keys\":[5,\"x\"]}",
                                        "{\"keys\":[],\"keys\":[]}",
                                        "{\"keys\":[{\"kty\":\"oct\",\"k\":\"AAAA\"}]}",
                                        "{\"keys\":[]} x",
                                        "{\"Keys\":[]}"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        CHECK(import_text(wrong[i], &set) == FB_CONFIGURATION_INVALID);
    }
    char *document = malloc(20000);
    for (int keys = 100; keys <= 101; keys++) {
        int at = snprintf(document, 20000, "{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"%s\"}", ed_x);
        for (int i = 1; i < keys; i++) {
            at += snprintf(document + at, 20000 - (size_t)at, ",{\"kty\":\"x\"}");
        }
        snprintf(document + at, 20000 - (size_t)at, "],\"more\":[1]}");
        CHECK(import_text(document, &set) == (keys == 100 ? FB_OK : FB_CONFIGURATION_INVALID));
        fb__keyset_release(set);
    }
    free(document);
    fb__keyset_release(NULL);
}

static fb_status choose(fb__keyset *set, const char *kid, const char *alg, size_t expected)
{
    fb__verification_key *key = NULL;
    fb_status status = fb__keyset_select(set, fb_text(kid), fb__alg_find(fb_text(alg)), &key);
    CHECK(status != FB_OK || key == &set->keys[expected]);
    return status;
}

TEST(which_key_a_token_gets)
{
    static char document[8000];
    fb__keyset *set = NULL;
    snprintf(document, sizeof(document),
             "{\"keys\":[{\"kty\":\"RSA\",\"n\":\"%s\",\"e\":\"AQAB\",\"kid\":\"one\",\"alg\":\"RS256\"},"
             "{\"kty\":\"RSA\",\"n\":\"%s\",\"e\":\"AQAB\",\"kid\":\"two\"},"
             "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"%s\",\"y\":\"%s\",\"kid\":\"one\"},"
             "{\"kty\":\"RSA\",\"n\":\"%s\",\"e\":\"AQAB\",\"kid\":\"one\",\"use\":\"enc\"},"
             "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"%s\"},"
             "{\"kty\":\"oct\",\"k\":\"AAAA\",\"kid\":\"secret\"},"
             "{\"kty\":\"RSA\",\"n\":\"%s\",\"e\":\"AQAB\",\"kid\":\"twin\"},{\"kty\":\"RSA\",\"n\":\"%s\",\"e\":"
             "\"AQAD\",\"kid\":\"twin\"},"
             "{\"kty\":\"OKP\",\"crv\":\"Ed448\",\"x\":\"%s\",\"kid\":\"\"},"
             "{\"kty\":\"RSA\",\"n\":\"%s\",\"e\":\"AQAB\",\"kid\":\"two\",\"alg\":\"RS512\"}]}",
             n, n, p256_x, p256_y, n, ed_x, n, n, ed448_x, n);
    CHECK(import_text(document, &set) == FB_OK);
    CHECK(choose(set, "one", "RS256", 0) == FB_OK);             /* the encryption key does not make it ambiguous */
    CHECK(choose(set, "one", "ES256", 2) == FB_OK);             /* nor does a key of another type */
    CHECK(choose(set, "one", "RS512", 0) == FB_KEY_UNSUITABLE); /* its alg says RS256 */
    CHECK(choose(set, "two", "RS512", 1) == FB_OK);             /* a key that is listed twice is one key */
    CHECK(choose(set, "two", "ES256", 0) == FB_KEY_UNSUITABLE);
    CHECK(choose(set, "secret", "HS256", 0) == FB_KEY_UNSUITABLE);
    CHECK(choose(set, "three", "RS256", 0) == FB_KEY_NOT_FOUND);
    CHECK(choose(set, "ONE", "RS256", 0) == FB_KEY_NOT_FOUND);
    CHECK(choose(set, "on", "RS256", 0) == FB_KEY_NOT_FOUND);
    CHECK(choose(set, "twin", "RS256", 0) == FB_KEY_AMBIGUOUS);
    CHECK(choose(set, NULL, "RS256", 0) == FB_KEY_AMBIGUOUS);
    CHECK(choose(set, NULL, "ES256", 2) == FB_OK);
    CHECK(choose(set, NULL, "Ed25519", 4) == FB_OK);
    CHECK(choose(set, NULL, "EdDSA", 4) == FB_KEY_AMBIGUOUS);
    CHECK(choose(set, NULL, "ES384", 0) == FB_KEY_NOT_FOUND);
    CHECK(choose(set, "", "Ed448", 8) == FB_OK); /* an empty kid is a kid */
    CHECK(choose(set, "", "Ed25519", 4) == FB_KEY_UNSUITABLE);
    fb__keyset_release(set);
}

/* The provider that moves a key from one tenant to another has published another set. */
TEST(whose_tokens_a_key_verifies)
{
    static const char *const issuers[] = {"", ",\"issuer\":\"https://a.example\"",
                                          ",\"issuer\":\"https:\\/\\/b.example\"", ",\"issuer\":\"\""};
    static const char *const texts[] = {NULL, "https://a.example", "https://b.example", ""};
    CHECK(says(rsa_with(issuers[1]), ""));
    CHECK(says(rsa_with(",\"issuer\":5"), "issuer is not a string"));
    CHECK(says(rsa_with(",\"issuer\":null"), "issuer is not a string"));
    CHECK(says(rsa_with(",\"issuer\":[\"https://a.example\"]"), "issuer is not a string"));
    fb__keyset *sets[4];
    for (size_t i = 0; i < 4; i++) {
        char document[300];
        snprintf(document, sizeof(document), "{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"%s\"%s}]}", ed_x,
                 issuers[i]);
        CHECK(import_text(document, &sets[i]) == FB_OK);
        const fb_slice issuer = sets[i]->keys[0].key.issuer;
        CHECK((issuer.data == NULL) == (texts[i] == NULL) && fb__slice_equal(issuer, fb_text(texts[i])));
    }
    for (size_t i = 0; i < 16; i++) {
        CHECK(fb__keyset_same(sets[i / 4], sets[i % 4]) == (i / 4 == i % 4));
    }
    for (size_t i = 0; i < 4; i++) {
        fb__keyset_release(sets[i]);
    }
}

int main(void)
{
    generate("RS256", "n", n, sizeof(n), NULL, NULL, 0);
    generate("ES256", "x", p256_x, sizeof(p256_x), "y", p256_y, sizeof(p256_y));
    generate("Ed25519", "x", ed_x, sizeof(ed_x), NULL, NULL, 0);
    generate("Ed448", "x", ed448_x, sizeof(ed448_x), NULL, NULL, 0);
    RUN(use_operations_and_algorithm);
    RUN(types_and_curves);
    RUN(numbers);
    RUN(points_of_small_order);
    RUN(escaped_members);
    RUN(documents);
    RUN(which_key_a_token_gets);
    RUN(whose_tokens_a_key_verifies);
    return TEST_RESULT();
}
