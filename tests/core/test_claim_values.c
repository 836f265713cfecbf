/* What a refusal says of a verified claim, and what token_type "at+jwt" demands. */
#include "claims_text.h"

static void expect_values(const char *payload, fb_status wanted, const char *name, const char *expected,
                          const char *actual)
{
    EXPECT(payload, wanted);
    if (!claim_is(name) || strcmp(error.expected, expected) != 0 || strcmp(error.actual, actual) != 0) {
        FAIL("%s: claim %s, expected \"%s\", actual \"%s\"", payload, claim, error.expected, error.actual);
    }
    CHECK(strstr(error.text, "evil") == NULL);
}

/* What an operator needs to see: each refusal says what was expected and what the claim holds. */
TEST(expected_and_actual_values)
{
    static const char string[] = "a string", seconds[] = "a number of seconds",
                      either[] = "a string or an array of strings";
    start();
    options.policy.require_exp = true;
    options.policy.leeway = 5;
    expect_values("{}", FB_EXP_MISSING, "exp", "present", "absent");
    expect_values("{\"exp\":\"soon\"}", FB_EXP_INVALID, "exp", seconds, "\"soon\"");
    expect_values("{\"exp\":1e30}", FB_EXP_INVALID, "exp", seconds, "1e30");
    expect_values("{\"exp\":{\"a\":[1, 2]}}", FB_EXP_INVALID, "exp", seconds, "{\"a\":[1, 2]}");
    expect_values("{\"exp\":930}", FB_TOKEN_EXPIRED, "exp", "more than 995", "930");
    CHECK(strcmp(error.text, "the token has expired: 70 s ago, leeway 5 s") == 0);
    options.policy.leeway = 0.25;
    expect_values("{\"exp\":999.7}", FB_TOKEN_EXPIRED, "exp", "more than 999.75", "999.7");
    CHECK(strcmp(error.text, "the token has expired: 0.3 s ago, leeway 0.25 s") == 0);
    expect_values("{\"exp\":-9223372036854775808}", FB_TOKEN_EXPIRED, "exp", "more than 999.75",
                  "-9.22337203685478e+18");
    start();
    expect_values("{\"nbf\":[]}", FB_NBF_INVALID, "nbf", seconds, "[]");
    expect_values("{\"nbf\":1003}", FB_TOKEN_NOT_YET_VALID, "nbf", "at most 1000", "1003");
    CHECK(strcmp(error.text, "the token is not valid yet: 3 s ahead, leeway 0 s, clock_skew 0 s") == 0);
    expect_values("{\"iat\":null}", FB_IAT_INVALID, "iat", seconds, "null");
    options.policy.leeway = 2;
    expect_values("{\"iat\":1003}", FB_TOKEN_ISSUED_IN_FUTURE, "iat", "at most 1002", "1003");
    CHECK(strcmp(error.text, "the token was issued in the future: 3 s ahead, leeway 2 s, clock_skew 0 s") == 0);
    expect_values("{\"iss\":7}", FB_ISS_INVALID, "iss", string, "7");
    expect_values("{\"aud\":{}}", FB_AUD_INVALID, "aud", either, "{}");
    expect_values("{\"aud\":[\"a\",1]}", FB_AUD_INVALID, "aud", either, "[\"a\",1]");
    expect_values("{\"sub\":true}", FB_SUB_INVALID, "sub", string, "true");
    expect_values("{\"azp\":1.50}", FB_CLIENT_ID_INVALID, "azp", string, "1.50");
    expect_values("{\"scp\":false}", FB_SCOPE_INVALID, "scp", either, "false");
    expect_values("{\"scope\":[\"a\",null]}", FB_SCOPE_INVALID, "scope", either, "[\"a\",null]");
    options.issuer.identifiers = FB_LIST(fb_text("https://a"), fb_text("https://b"));
    expect_values("{}", FB_ISS_MISSING, "iss", "present", "absent");
    expect_values("{\"iss\":\"https:\\/\\/evil\"}", FB_ISSUER_MISMATCH, "iss", "https://a or https://b",
                  "https://evil");
    start();
    options.policy.audiences = FB_LIST(fb_text("api"));
    expect_values("{}", FB_AUD_MISSING, "aud", "present", "absent");
    expect_values("{\"aud\":\"evil\"}", FB_AUDIENCE_MISMATCH, "aud", "api", "evil");
    expect_values("{\"aud\":[\"evil\", \"b\"]}", FB_AUDIENCE_MISMATCH, "aud", "api", "[\"evil\", \"b\"]");
    expect_values("{\"aud\":[]}", FB_AUDIENCE_MISMATCH, "aud", "api", "[]");
    expect_values("{\"aud\":\"\"}", FB_AUDIENCE_MISMATCH, "aud", "api", "");
    start();
    options.required_claims = FB_LIST(fb_text("tenant"));
    expect_values("{}", FB_CLAIM_MISSING, "tenant", "present", "absent");
    start();
    options.policy.required_scopes = FB_LIST(fb_text("read"), fb_text("write"), fb_text("admin"));
    expect_values("{\"scope\":\"write evil\"}", FB_INSUFFICIENT_SCOPE, "", "read admin", "write evil");
    expect_values("{\"scope\":[]}", FB_INSUFFICIENT_SCOPE, "", "read write admin", "");
}

/* They go to a log: one line, printable, of bounded length. */
TEST(values_are_made_printable_and_cut)
{
    static char payload[9000];
    start();
    options.policy.audiences = FB_LIST(fb_text("\xc3\xa4\n"));
    expect_values("{\"aud\":\"a\\nb\\u001b[2J\\u00e9\xe2\x82\xac\\ud83d\\ude00z\"}", FB_AUDIENCE_MISMATCH, "aud", "???",
                  "a?b?[2J?????????z");
    expect_values("{\"aud\":[\"a\\n\xc3\xa9\"]}", FB_AUDIENCE_MISMATCH, "aud", "???", "[\"a\\n??\"]");
    static const struct {
        const char *piece;
        size_t count;
        char shown;
        size_t bytes;
    } cases[] = {{"x", 119, 'x', 119},
                 {"x", 120, 'x', 120},
                 {"x", 121, 'x', 121},
                 {"x", 8000, 'x', 8000},
                 {"\\u0078", 120, 'x', 120},
                 {"\\u0078", 1400, 'x', 1400},
                 {"\xc3\xa9", 60, '?', 120},
                 {"\xc3\xa9", 61, '?', 122},
                 {"\\ud83d\\ude00", 30, '?', 120},
                 {"\\ud83d\\ude00", 700, '?', 2800}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        size_t at = (size_t)snprintf(payload, sizeof(payload), "{\"aud\":\"");
        for (size_t n = 0; n < cases[i].count; n++) {
            at += (size_t)snprintf(payload + at, sizeof(payload) - at, "%s", cases[i].piece);
        }
        (void)snprintf(payload + at, sizeof(payload) - at, "\"}");
        EXPECT(payload, FB_AUDIENCE_MISMATCH);
        const bool cut = strcmp(error.actual + strlen(error.actual) - 3, "...") == 0;
        CHECK(strlen(error.actual) == (cases[i].bytes < 120 ? cases[i].bytes : 120));
        CHECK(error.actual[0] == cases[i].shown && strspn(error.actual, "x?.") == strlen(error.actual));
        CHECK(cut == (cases[i].bytes > 120));
    }
    fb_slice many[40];
    for (size_t i = 0; i < 40; i++) {
        many[i] = fb_text("https://api.example");
    }
    options.policy.audiences = (fb_list){many, 40};
    EXPECT("{\"aud\":\"x\"}", FB_AUDIENCE_MISMATCH);
    CHECK(strlen(error.expected) == 120 && strcmp(error.expected + 117, "...") == 0);
    CHECK(strncmp(error.expected, "https://api.example or https://api.example or ", 46) == 0);
}

/* RFC 9068 section 2.2: whatever the other options leave open. */
TEST(access_tokens)
{
    static const struct {
        const char *name, *good;
        fb_status missing, mistyped;
    } required[] = {
        {"exp", "2000", FB_EXP_MISSING, FB_EXP_INVALID},
        {"iat", "900", FB_CLAIM_MISSING, FB_IAT_INVALID},
        {"iss", "\"i\"", FB_ISS_MISSING, FB_ISS_INVALID},
        {"aud", "\"a\"", FB_AUD_MISSING, FB_AUD_INVALID},
        {"sub", "\"s\"", FB_CLAIM_MISSING, FB_SUB_INVALID},
        {"client_id", "\"c\"", FB_CLAIM_MISSING, FB_CLIENT_ID_INVALID},
        {"jti", "\"j\"", FB_CLAIM_MISSING, FB_JTI_INVALID},
    };
    enum { COUNT = sizeof(required) / sizeof(required[0]) };
    for (size_t changed = 0; changed <= COUNT; changed++) {
        for (int absent = 0; absent < 2; absent++) {
            char payload[300] = "{\"x\":0";
            for (size_t i = 0; i < COUNT; i++) {
                const size_t at = strlen(payload);
                if (i != changed || absent == 0) {
                    (void)snprintf(payload + at, sizeof(payload) - at, ",\"%s\":%s", required[i].name,
                                   i == changed ? "{}" : required[i].good);
                }
            }
            (void)snprintf(payload + strlen(payload), 2, "}");
            start();
            options.policy.token_type = fb_text("at+jwt");
            options.policy.client_id_claims = FB_LIST(fb_text("x_client"));
            EXPECT(payload, changed == COUNT ? FB_OK
                            : absent == 1    ? required[changed].missing
                                             : required[changed].mistyped);
            CHECK(changed == COUNT || claim_is(required[changed].name));
            options.policy.token_type = fb_text(NULL);
            EXPECT(payload, changed < 5 && absent == 0 ? required[changed].mistyped : FB_OK);
        }
    }
}

int main(void)
{
    RUN(expected_and_actual_values);
    RUN(values_are_made_printable_and_cut);
    RUN(access_tokens);
    fb_result_free(result);
    return TEST_RESULT();
}
