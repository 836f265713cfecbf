/* The JOSE header: each rule with what passes beside what does not. */
#include "setup_policy.h"
#include "test.h"
#include "verify/verify.h"

static fb__policy policy;
static char buffer[FB__MAX_HEADER];
static fb__header header;

static fb_status read_text(fb_slice text)
{
    static char segment[FB__MAX_HEADER * 2];
    size_t size = fb__base64url_encode(text.data, text.size, segment);
    fb_error error = FB_ERROR_INIT;
    fb_status status = fb__header_read((fb_slice){segment, size}, buffer, &header, &error);
    if (status == FB_OK) {
        status = fb__header_check(&policy, &header, &error);
    }
    CHECK(status == FB_OK || (error.status == status && strlen(error.text) > 0));
    return status;
}

static fb_status read(const char *text)
{
    return read_text(fb_text(text));
}

static void set_policy(const char *token_type)
{
    struct setup options = SETUP_INIT;
    options.issuer.public_key = fb_text("a key");
    options.issuer.algorithms = FB_LIST(fb_text("RS256"), fb_text("ES256"));
    options.policy.token_type = fb_text(token_type);
    CHECK(setup_policy(&policy, &options, NULL) == FB_OK);
}

struct expectation {
    const char *text;
    fb_status status;
};

static void expect(const struct expectation *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        fb_status status = read(cases[i].text);
        if (status != cases[i].status) {
            FAIL("%s: %s, not %s", cases[i].text, fb_status_name(status), fb_status_name(cases[i].status));
        }
        test_checks++;
    }
}
#define EXPECT(cases) expect(cases, sizeof(cases) / sizeof((cases)[0]))

TEST(algorithm)
{
    static const struct expectation cases[] = {
        {"{\"alg\":\"RS256\"}", FB_OK},
        {"{\"\\u0061lg\":\"\\u0052S256\"}", FB_OK},
        {"{\"alg\":\"ES256\",\"alg2\":\"x\"}", FB_OK},
        {"{\"alg\":\"RS384\"}", FB_ALGORITHM_NOT_ALLOWED},
        {"{\"alg\":\"rs256\"}", FB_ALGORITHM_NOT_ALLOWED},
        {"{\"alg\":\"RS256 \"}", FB_ALGORITHM_NOT_ALLOWED},
        {"{\"alg\":\"none\"}", FB_ALGORITHM_NOT_ALLOWED},
        {"{\"alg\":\"noNE\"}", FB_ALGORITHM_NOT_ALLOWED},
        {"{\"alg\":\"HS256\"}", FB_ALGORITHM_NOT_ALLOWED},
        {"{\"alg\":\"\"}", FB_ALGORITHM_NOT_ALLOWED},
        {"{}", FB_HEADER_INVALID},
        {"{\"ALG\":\"RS256\"}", FB_HEADER_INVALID},
        {"{\"alg\":null}", FB_HEADER_INVALID},
        {"{\"alg\":[\"RS256\"]}", FB_HEADER_INVALID},
        {"{\"alg\":256}", FB_HEADER_INVALID},
    };
    EXPECT(cases);
    CHECK(read("{\"alg\":\"ES256\"}") == FB_OK && header.alg == fb__alg_find(fb_text("ES256")));
}

TEST(json)
{
    static const struct expectation cases[] = {
        {" { \"alg\" : \"RS256\" } ", FB_OK},
        {"{\"alg\":\"RS256\",\"alg\":\"RS256\"}", FB_HEADER_INVALID},
        {"{\"alg\":\"RS256\",\"\\u0061lg\":\"RS256\"}", FB_HEADER_INVALID},
        {"{\"alg\":\"RS256\",\"x\":{\"a\":1,\"a\":1}}", FB_HEADER_INVALID},
        {"{\"alg\":\"RS256\"}x", FB_HEADER_INVALID},
        {"[\"alg\"]", FB_HEADER_INVALID},
        {"\"alg\"", FB_HEADER_INVALID},
        {"null", FB_HEADER_INVALID},
        {"\xef\xbb\xbf{\"alg\":\"RS256\"}", FB_HEADER_INVALID},
        {"{\"alg\":\"RS256\",\"x\":\"\xff\"}", FB_HEADER_INVALID},
        {"{\"alg\":\"RS256\",\"x\":NaN}", FB_HEADER_INVALID},
    };
    EXPECT(cases);
    /* Depth: 32 is fine, 33 is not; thousands are not either, and cost nothing. */
    for (unsigned depth = 30; depth < 34; depth++) {
        char text[512] = "{\"alg\":\"RS256\",\"x\":";
        for (unsigned i = 0; i < depth; i++) {
            text[strlen(text) + 1] = '\0';
            text[strlen(text)] = '[';
        }
        for (unsigned i = 0; i < depth; i++) {
            text[strlen(text) + 1] = '\0';
            text[strlen(text)] = ']';
        }
        text[strlen(text) + 1] = '\0';
        text[strlen(text)] = '}';
        CHECK(read(text) == (depth <= 31 ? FB_OK : FB_HEADER_INVALID));
    }
    static char deep[8000];
    memset(deep, '[', sizeof(deep));
    CHECK(read_text((fb_slice){deep, sizeof(deep)}) == FB_HEADER_INVALID);
}

TEST(size)
{
    static char text[FB__MAX_HEADER + 16];
    for (size_t size = FB__MAX_HEADER - 1; size <= FB__MAX_HEADER + 3; size++) {
        int start = snprintf(text, sizeof(text), "{\"alg\":\"RS256\",\"x\":\"");
        memset(text + start, 'x', size - (size_t)start);
        memcpy(text + size - 2, "\"}", 2);
        CHECK(read_text((fb_slice){text, size}) == (size <= FB__MAX_HEADER ? FB_OK : FB_HEADER_INVALID));
    }
    /* Many values, though small: bounded, since nobody has signed them. */
    static char many[FB__MAX_HEADER];
    int at = snprintf(many, sizeof(many), "{\"alg\":\"RS256\",\"x\":[0");
    for (int i = 0; i < FB__MAX_HEADER_NODES; i++) {
        at += snprintf(many + at, sizeof(many) - (size_t)at, ",0");
    }
    snprintf(many + at, sizeof(many) - (size_t)at, "]}");
    CHECK(read(many) == FB_HEADER_INVALID);
}

TEST(extensions)
{
    static const struct expectation cases[] = {
        {"{\"alg\":\"RS256\",\"cat\":\"cl_B7d4PD111AAA\",\"x5t\":\"x\",\"nonce\":[1]}", FB_OK},
        {"{\"alg\":\"RS256\",\"jwk\":{\"kty\":\"RSA\"},\"jku\":\"http://127.0.0.1/\",\"x5c\":[\"x\"],\"x5u\":5}",
         FB_OK},
        {"{\"alg\":\"RS256\",\"crit\":[\"exp\"]}", FB_CRITICAL_HEADER_UNSUPPORTED},
        {"{\"alg\":\"RS256\",\"crit\":[]}", FB_CRITICAL_HEADER_UNSUPPORTED},
        {"{\"alg\":\"RS256\",\"crit\":null}", FB_CRITICAL_HEADER_UNSUPPORTED},
        {"{\"alg\":\"RS256\",\"crit\":\"b64\",\"b64\":true}", FB_CRITICAL_HEADER_UNSUPPORTED},
        {"{\"alg\":\"RS256\",\"b64\":false}", FB_HEADER_UNSUPPORTED},
        {"{\"alg\":\"RS256\",\"b64\":true}", FB_HEADER_UNSUPPORTED},
        {"{\"alg\":\"RS256\",\"zip\":\"DEF\"}", FB_HEADER_UNSUPPORTED},
        {"{\"alg\":\"RS256\",\"enc\":\"A128GCM\"}", FB_HEADER_UNSUPPORTED},
        {"{\"alg\":\"RS256\",\"cty\":\"JWT\"}", FB_HEADER_UNSUPPORTED},
        {"{\"alg\":\"RS256\",\"cty\":\"application/jwt\"}", FB_HEADER_UNSUPPORTED},
        {"{\"alg\":\"RS256\",\"cty\":\"json\"}", FB_OK},
        {"{\"alg\":\"RS256\",\"cty\":1}", FB_HEADER_INVALID},
        {"{\"alg\":\"none\",\"crit\":[\"x\"]}", FB_CRITICAL_HEADER_UNSUPPORTED}, /* the documented order */
    };
    EXPECT(cases);
}

TEST(type_by_default)
{
    static const struct expectation cases[] = {
        {"{\"alg\":\"RS256\",\"typ\":\"JWT\"}", FB_OK},
        {"{\"alg\":\"RS256\",\"typ\":\"jwt\"}", FB_OK},
        {"{\"alg\":\"RS256\",\"typ\":\"application/JWT\"}", FB_OK},
        {"{\"alg\":\"RS256\",\"typ\":\"at+JWT\"}", FB_OK},
        {"{\"alg\":\"RS256\",\"typ\":\"Application/at+jwt\"}", FB_OK},
        {"{\"alg\":\"RS256\",\"typ\":\"at\\u002bjwt\"}", FB_OK},
        {"{\"alg\":\"RS256\",\"typ\":\"\"}", FB_TOKEN_TYPE_NOT_ALLOWED},
        {"{\"alg\":\"RS256\",\"typ\":\"application/\"}", FB_TOKEN_TYPE_NOT_ALLOWED},
        {"{\"alg\":\"RS256\",\"typ\":\"dpop+jwt\"}", FB_TOKEN_TYPE_NOT_ALLOWED},
        {"{\"alg\":\"RS256\",\"typ\":\"logout+jwt\"}", FB_TOKEN_TYPE_NOT_ALLOWED},
        {"{\"alg\":\"RS256\",\"typ\":\"JWT2\"}", FB_TOKEN_TYPE_NOT_ALLOWED},
        {"{\"alg\":\"RS256\",\"typ\":null}", FB_HEADER_INVALID},
    };
    EXPECT(cases);
}

TEST(type_of_access_tokens_only)
{
    fb__policy_clear(&policy);
    set_policy("at+jwt");
    static const struct expectation cases[] = {
        {"{\"alg\":\"RS256\",\"typ\":\"at+jwt\"}", FB_OK},
        {"{\"alg\":\"RS256\",\"typ\":\"application/AT+JWT\"}", FB_OK},
        {"{\"alg\":\"RS256\",\"typ\":\"JWT\"}", FB_TOKEN_TYPE_NOT_ALLOWED},
        {"{\"alg\":\"RS256\"}", FB_TOKEN_TYPE_NOT_ALLOWED},
    };
    EXPECT(cases);
}

TEST(any_type)
{
    fb__policy_clear(&policy);
    set_policy("any");
    static const struct expectation cases[] = {
        {"{\"alg\":\"RS256\",\"typ\":\"dpop+jwt\"}", FB_OK},
        {"{\"alg\":\"RS256\"}", FB_OK},
        {"{\"alg\":\"RS256\",\"typ\":5}", FB_HEADER_INVALID},
        {"{\"alg\":\"RS256\",\"typ\":\"token-introspection\"}", FB_OK},
        {"{\"alg\":\"RS256\",\"typ\":\"token-introspection+jwt\"}", FB_TOKEN_TYPE_NOT_ALLOWED},
        {"{\"alg\":\"RS256\",\"typ\":\"application/Token-Introspection+JWT\"}", FB_TOKEN_TYPE_NOT_ALLOWED},
    };
    EXPECT(cases);
}

TEST(key_id)
{
    CHECK(read("{\"alg\":\"RS256\"}") == FB_OK && header.kid.data == NULL);
    CHECK(read("{\"alg\":\"RS256\",\"kid\":\"\"}") == FB_OK && header.kid.data != NULL && header.kid.size == 0);
    CHECK(read("{\"kid\":\"\\u00e9\\/\\ud83d\\ude00\",\"alg\":\"RS256\"}") == FB_OK);
    CHECK(fb__slice_equal(header.kid, fb_text("\xc3\xa9/\xf0\x9f\x98\x80")));
    static const struct expectation cases[] = {
        {"{\"alg\":\"RS256\",\"kid\":5}", FB_HEADER_INVALID},
        {"{\"alg\":\"RS256\",\"kid\":null}", FB_HEADER_INVALID},
        {"{\"alg\":\"RS256\",\"kid\":[\"a\"]}", FB_HEADER_INVALID},
        {"{\"alg\":\"RS256\",\"kid\":\"a\\u0000\"}", FB_HEADER_INVALID},
    };
    EXPECT(cases);
}

int main(void)
{
    set_policy(NULL);
    RUN(algorithm);
    RUN(json);
    RUN(size);
    RUN(extensions);
    RUN(type_by_default);
    RUN(key_id);
    RUN(type_of_access_tokens_only);
    RUN(any_type);
    fb__policy_clear(&policy);
    return TEST_RESULT();
}
