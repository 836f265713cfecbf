/* The rules about claims, on payloads of tokens whose signature is verified. */
#include "test.h"
#include "verify/verify.h"

static const double NOW = 1000.0;

/* Options of the case at hand; NULL members as in FB_OPTIONS_INIT. */
static fb_options options;
static fb_result *result;
static fb_error error = FB_ERROR_INIT;
static char claim[64]; /* error.claim, which belongs to the policy */

static void start(void)
{
    options = (fb_options)FB_OPTIONS_INIT;
    options.public_key = fb_text("a key");
    options.require_exp = false;
}

static fb_status check_at(const char *payload, double now)
{
    static char segment[20000];
    static fb__policy policy;
    fb_result_free(result);
    result = NULL;
    CHECK(fb__policy_new(&policy, &fb__mem_default, &options, &error) == FB_OK);
    size_t size = fb__base64url_encode(payload, strlen(payload), segment);
    fb_status status = fb__result_new(&result, &fb__mem_default, (fb_slice){segment, size});
    if (status == FB_OK) {
        status = fb__claims_check(&policy, result, now, &error);
        CHECK(status == FB_OK || error.status == status);
        snprintf(claim, sizeof(claim), "%.*s", status == FB_OK ? 0 : (int)error.claim.size, error.claim.data);
    }
    fb__policy_clear(&policy, &fb__mem_default); /* what the result says must not point into it */
    return status;
}

static fb_status check(const char *payload)
{
    return check_at(payload, NOW);
}

#define EXPECT(payload, wanted)                                                           \
    do {                                                                                  \
        fb_status got = check(payload);                                                   \
        test_checks++;                                                                    \
        if (got != (wanted)) {                                                            \
            FAIL("%s: %s, not %s", payload, fb_status_name(got), fb_status_name(wanted)); \
        }                                                                                 \
    } while (0)

static bool claim_is(const char *name)
{
    return strcmp(claim, name) == 0;
}

TEST(expiry)
{
    start();
    EXPECT("{}", FB_OK);
    int64_t expires;
    CHECK(!fb_result_expires_at(result, &expires));
    options.require_exp = true;
    EXPECT("{}", FB_EXP_MISSING);
    CHECK(claim_is("exp"));
    EXPECT("{\"exp\":1001}", FB_OK);
    CHECK(fb_result_expires_at(result, &expires) && expires == 1001);
    EXPECT("{\"exp\":1000.5}", FB_OK);
    CHECK(fb_result_expires_at(result, &expires) && expires == 1000);
    EXPECT("{\"\\u0065xp\":1001}", FB_OK);
    EXPECT("{\"exp\":1000}", FB_TOKEN_EXPIRED);
    EXPECT("{\"exp\":999.999}", FB_TOKEN_EXPIRED);
    EXPECT("{\"exp\":0}", FB_TOKEN_EXPIRED);
    EXPECT("{\"exp\":-1}", FB_TOKEN_EXPIRED);
    EXPECT("{\"exp\":\"1001\"}", FB_EXP_INVALID);
    EXPECT("{\"exp\":null}", FB_EXP_INVALID);
    EXPECT("{\"exp\":true}", FB_EXP_INVALID);
    EXPECT("{\"exp\":[1001]}", FB_EXP_INVALID);
    EXPECT("{\"exp\":9223372036854775807}", FB_OK);
    EXPECT("{\"exp\":9223372036854775808}", FB_EXP_INVALID);
    EXPECT("{\"exp\":-9223372036854775809}", FB_EXP_INVALID);
    EXPECT("{\"exp\":1e18}", FB_OK);
    EXPECT("{\"exp\":1e19}", FB_EXP_INVALID);
    EXPECT("{\"exp\":1e400}", FB_PAYLOAD_INVALID);
    EXPECT("{\"exp\":Infinity}", FB_PAYLOAD_INVALID);
    options.leeway = 10;
    EXPECT("{\"exp\":990.5}", FB_OK);
    EXPECT("{\"exp\":990}", FB_TOKEN_EXPIRED);
    EXPECT("{\"exp\":9223372036854775807}", FB_OK); /* adding the leeway wraps nothing */
    options.leeway = 0;
    options.require_exp = false;
    EXPECT("{\"exp\":1000}", FB_TOKEN_EXPIRED);
    EXPECT("{\"exp\":null}", FB_EXP_INVALID);
    CHECK(check_at("{\"exp\":-5000000000}", -5000000001.0) == FB_OK); /* 1811 */
    CHECK(check_at("{\"exp\":-5000000000}", -5000000000.0) == FB_TOKEN_EXPIRED);
    CHECK(check_at("{\"exp\":10413792000}", 10413791999.5) == FB_OK); /* 2300 */
    CHECK(check_at("{\"exp\":10413792000}", 10413792000.0) == FB_TOKEN_EXPIRED);
}

/* A result that was accepted once is asked about its times alone: by a cache, at each use. */
TEST(times_of_an_accepted_result)
{
    static fb__policy policy;
    start();
    options.leeway = 2.0;
    EXPECT("{\"exp\":1010.5,\"nbf\":999,\"iat\":998}", FB_OK);
    CHECK(fb__policy_new(&policy, &fb__mem_default, &options, &error) == FB_OK);
    CHECK(fb__claims_check_time(&policy, result, NOW, &error) == FB_OK);
    CHECK(fb__claims_check_time(&policy, result, 1012.4, &error) == FB_OK);
    CHECK(fb__claims_check_time(&policy, result, 1012.5, &error) == FB_TOKEN_EXPIRED);
    CHECK(fb__claims_check_time(&policy, result, 996.9, &error) == FB_TOKEN_NOT_YET_VALID);
    EXPECT("{\"iat\":998}", FB_OK);
    CHECK(fb__claims_check_time(&policy, result, 996.0, &error) == FB_OK);
    CHECK(fb__claims_check_time(&policy, result, 995.9, &error) == FB_TOKEN_ISSUED_IN_FUTURE);
    fb__policy_clear(&policy, &fb__mem_default);
}

TEST(not_before_and_issued_at)
{
    start();
    static const struct {
        const char *name;
        fb_status invalid, future;
    } claims[] = {{"nbf", FB_NBF_INVALID, FB_TOKEN_NOT_YET_VALID}, {"iat", FB_IAT_INVALID, FB_TOKEN_ISSUED_IN_FUTURE}};
    for (size_t i = 0; i < 2; i++) {
        char payload[64];
        static const struct {
            const char *value;
            int outcome; /* 0: fine, 1: in the future, 2: invalid */
        } values[] = {{"1000", 0}, {"999.5", 0},  {"-1", 0}, {"1000.25", 1}, {"1001", 1}, {"\"1\"", 2},
                      {"null", 2}, {"[1000]", 2}, {"{}", 2}, {"false", 2},   {"1e30", 2}};
        for (size_t v = 0; v < sizeof(values) / sizeof(values[0]); v++) {
            snprintf(payload, sizeof(payload), "{\"%s\":%s}", claims[i].name, values[v].value);
            EXPECT(payload, values[v].outcome == 0   ? FB_OK
                            : values[v].outcome == 1 ? claims[i].future
                                                     : claims[i].invalid);
            CHECK(values[v].outcome == 0 || claim_is(claims[i].name));
        }
        options.leeway = 1;
        snprintf(payload, sizeof(payload), "{\"%s\":1001}", claims[i].name);
        EXPECT(payload, FB_OK);
        snprintf(payload, sizeof(payload), "{\"%s\":1001.5}", claims[i].name);
        EXPECT(payload, claims[i].future);
        options.leeway = 0;
    }
    /* exp is judged before nbf, nbf before iat. */
    EXPECT("{\"iat\":\"x\",\"nbf\":\"x\",\"exp\":\"x\"}", FB_EXP_INVALID);
    EXPECT("{\"iat\":\"x\",\"nbf\":2000,\"exp\":2000}", FB_TOKEN_NOT_YET_VALID);
    EXPECT("{\"iat\":\"x\",\"exp\":500}", FB_TOKEN_EXPIRED);
}

TEST(issuer)
{
    start();
    EXPECT("{\"iss\":\"anyone\"}", FB_OK);
    EXPECT("{\"iss\":5}", FB_ISS_INVALID);
    EXPECT("{\"iss\":[\"anyone\"]}", FB_ISS_INVALID);
    EXPECT("{\"iss\":null}", FB_ISS_INVALID);
    options.issuers = FB_LIST(fb_text("https://a.example"), fb_text("https://b.example"));
    EXPECT("{\"iss\":\"https://a.example\"}", FB_OK);
    EXPECT("{\"iss\":\"https:\\/\\/b.example\"}", FB_OK);
    EXPECT("{\"iss\":\"https://a.example/\"}", FB_ISSUER_MISMATCH);
    EXPECT("{\"iss\":\"https://a.exampl\"}", FB_ISSUER_MISMATCH);
    EXPECT("{\"iss\":\"HTTPS://a.example\"}", FB_ISSUER_MISMATCH);
    EXPECT("{\"iss\":\"\"}", FB_ISSUER_MISMATCH);
    EXPECT("{\"iss\":[\"https://a.example\"]}", FB_ISS_INVALID);
    EXPECT("{}", FB_ISS_MISSING);
    CHECK(claim_is("iss"));
}

TEST(audience)
{
    start();
    EXPECT("{}", FB_OK);
    EXPECT("{\"aud\":\"anyone\"}", FB_OK);
    EXPECT("{\"aud\":[]}", FB_OK);
    EXPECT("{\"aud\":5}", FB_AUD_INVALID);
    EXPECT("{\"aud\":null}", FB_AUD_INVALID);
    EXPECT("{\"aud\":{\"a\":\"b\"}}", FB_AUD_INVALID);
    EXPECT("{\"aud\":[\"a\",5]}", FB_AUD_INVALID);
    EXPECT("{\"aud\":[[\"a\"]]}", FB_AUD_INVALID);
    options.audiences = FB_LIST(fb_text("api"), fb_text("https://api.example/mcp"));
    EXPECT("{\"aud\":\"api\"}", FB_OK);
    EXPECT("{\"aud\":[\"x\",\"\\u0061pi\"]}", FB_OK);
    EXPECT("{}", FB_AUD_MISSING);
    EXPECT("{\"aud\":[]}", FB_AUDIENCE_MISMATCH);
    EXPECT("{\"aud\":\"API\"}", FB_AUDIENCE_MISMATCH);
    EXPECT("{\"aud\":\"ap\"}", FB_AUDIENCE_MISMATCH);
    EXPECT("{\"aud\":\"apis\"}", FB_AUDIENCE_MISMATCH);
    EXPECT("{\"aud\":[\"api\",5]}", FB_AUD_INVALID); /* malformed, though one member matches */
    EXPECT("{\"aud\":\"\"}", FB_AUDIENCE_MISMATCH);
}

static bool resource_is(const char *expected)
{
    fb_slice resource = fb_result_resource(result);
    return expected == NULL ? resource.data == NULL : fb__slice_equal(resource, fb_text(expected));
}

TEST(resource)
{
    start();
    EXPECT("{\"aud\":\"https://only.example\"}", FB_OK);
    CHECK(resource_is("https://only.example"));
    EXPECT("{\"aud\":[\"https:\\/\\/only.example\"]}", FB_OK);
    CHECK(resource_is("https://only.example"));
    EXPECT("{\"aud\":[\"https://only.example\",\"https://two.example\"]}", FB_OK);
    CHECK(resource_is(NULL));
    EXPECT("{\"aud\":\"api\"}", FB_OK);
    CHECK(resource_is(NULL));
    EXPECT("{\"aud\":\"https://\"}", FB_OK);
    CHECK(resource_is(NULL));
    EXPECT("{\"aud\":\"://x\"}", FB_OK);
    CHECK(resource_is(NULL));
    options.audiences = FB_LIST(fb_text("api"), fb_text("https://two.example"), fb_text("https://one.example"));
    EXPECT("{\"aud\":[\"https://one.example\",\"https://two.example\"]}", FB_OK);
    CHECK(resource_is("https://two.example")); /* the order of the option decides */
    EXPECT("{\"aud\":[\"api\",\"https://one.example\"]}", FB_OK);
    CHECK(resource_is("https://one.example"));
    EXPECT("{\"aud\":[\"api\"]}", FB_OK);
    CHECK(resource_is(NULL));
}

static bool client_is(const char *expected)
{
    return fb__slice_equal(fb_result_client_id(result), fb_text(expected));
}

TEST(subject_and_client)
{
    start();
    EXPECT("{}", FB_OK);
    CHECK(client_is("unknown") && fb_result_subject(result).data == NULL);
    EXPECT("{\"sub\":\"s\\u00e9\"}", FB_OK);
    CHECK(client_is("s\xc3\xa9") && fb__slice_equal(fb_result_subject(result), fb_text("s\xc3\xa9")));
    EXPECT("{\"sub\":\"s\",\"azp\":\"a\"}", FB_OK);
    CHECK(client_is("a"));
    EXPECT("{\"sub\":\"s\",\"azp\":\"a\",\"client_id\":\"c\"}", FB_OK);
    CHECK(client_is("c"));
    EXPECT("{\"sub\":\"s\",\"client_id\":\"\"}", FB_OK);
    CHECK(client_is("s"));
    EXPECT("{\"sub\":5}", FB_SUB_INVALID);
    EXPECT("{\"sub\":null,\"client_id\":\"c\"}", FB_SUB_INVALID);
    EXPECT("{\"client_id\":7,\"azp\":\"a\"}", FB_CLIENT_ID_INVALID);
    CHECK(claim_is("client_id"));
    EXPECT("{\"azp\":null}", FB_CLIENT_ID_INVALID);
    EXPECT("{\"client_id\":\"c\",\"azp\":7}", FB_OK); /* never looked at */
    options.client_id_claims = FB_LIST(fb_text("appid"));
    options.client_id_default = fb_text("nobody");
    EXPECT("{\"client_id\":\"c\",\"appid\":\"p\"}", FB_OK);
    CHECK(client_is("p"));
    EXPECT("{\"client_id\":\"c\"}", FB_OK);
    CHECK(client_is("nobody"));
}

static bool scopes_are(const char *joined)
{
    char text[1024] = "";
    fb_list scopes = fb_result_scopes(result);
    for (size_t i = 0; i < scopes.count; i++) {
        size_t used = strlen(text);
        snprintf(text + used, sizeof(text) - used, "%s%.*s", i == 0 ? "" : "|", (int)scopes.items[i].size,
                 scopes.items[i].data);
    }
    return strcmp(text, joined) == 0;
}

TEST(scopes)
{
    start();
    EXPECT("{}", FB_OK);
    CHECK(scopes_are(""));
    EXPECT("{\"scope\":\"a b  c \"}", FB_OK);
    CHECK(scopes_are("a|b|c"));
    EXPECT("{\"scope\":\"a\\tb\\u0020c\"}", FB_OK);
    CHECK(scopes_are("a\tb|c"));
    EXPECT("{\"scope\":\"a\xc2\xa0"
           "b\"}",
           FB_OK); /* a no-break space separates nothing */
    CHECK(scopes_are("a\xc2\xa0"
                     "b"));
    EXPECT("{\"scope\":[\"a\",\"\",\"b\\u0063\"]}", FB_OK);
    CHECK(scopes_are("a|bc"));
    EXPECT("{\"scp\":\"x y\"}", FB_OK);
    CHECK(scopes_are("x|y"));
    EXPECT("{\"scp\":\"x\",\"scope\":\"a\"}", FB_OK);
    CHECK(scopes_are("a"));
    EXPECT("{\"scp\":\"x\",\"scope\":\"\"}", FB_OK);
    CHECK(scopes_are(""));
    EXPECT("{\"scope\":null,\"scp\":\"x\"}", FB_SCOPE_INVALID);
    EXPECT("{\"scope\":5}", FB_SCOPE_INVALID);
    EXPECT("{\"scope\":{\"a\":1}}", FB_SCOPE_INVALID);
    EXPECT("{\"scope\":[\"a\",1]}", FB_SCOPE_INVALID);
    EXPECT("{\"scp\":[[\"a\"]]}", FB_SCOPE_INVALID);
    CHECK(claim_is("scp"));
    EXPECT("{\"scope\":[]}", FB_OK);
    CHECK(scopes_are(""));
    EXPECT("{\"scope\":\"1 2 3 4 5 6 7 8 9 10 11 12\"}", FB_OK);
    CHECK(scopes_are("1|2|3|4|5|6|7|8|9|10|11|12"));
    options.scope_claims = FB_LIST(fb_text("permissions"), fb_text("scope"));
    EXPECT("{\"scope\":\"a\",\"permissions\":[\"p\"]}", FB_OK);
    CHECK(scopes_are("p"));
}

TEST(required_scopes)
{
    start();
    options.required_scopes = FB_LIST(fb_text("read"), fb_text("write"), fb_text("admin"));
    EXPECT("{\"scope\":\"admin write read\"}", FB_OK);
    EXPECT("{\"scope\":[\"admin\",\"write\",\"read\",\"more\"]}", FB_OK);
    EXPECT("{\"scope\":\"write\"}", FB_INSUFFICIENT_SCOPE);
    CHECK(error.missing_scopes == 5);
    EXPECT("{}", FB_INSUFFICIENT_SCOPE);
    CHECK(error.missing_scopes == 7);
    EXPECT("{\"scope\":\"Read write admin\"}", FB_INSUFFICIENT_SCOPE);
    CHECK(error.missing_scopes == 1);
    EXPECT("{\"scope\":\"read,write,admin\"}", FB_INSUFFICIENT_SCOPE);
    CHECK(error.missing_scopes == 7);
    EXPECT("{\"scope\":[\"read write\",\"admin\"]}", FB_INSUFFICIENT_SCOPE);
    CHECK(error.missing_scopes == 3);
}

TEST(required_claims)
{
    start();
    options.required_claims = FB_LIST(fb_text("jti"), fb_text("tenant"));
    EXPECT("{\"jti\":\"1\",\"tenant\":null}", FB_OK);
    EXPECT("{\"jti\":\"1\",\"x\":{\"tenant\":1}}", FB_CLAIM_MISSING);
    CHECK(claim_is("tenant"));
    EXPECT("{\"tenant\":1}", FB_CLAIM_MISSING);
    CHECK(claim_is("jti"));
    options.required_scopes = FB_LIST(fb_text("read"));
    EXPECT("{\"tenant\":1}", FB_CLAIM_MISSING); /* before the scopes */
}

TEST(payloads_that_are_no_objects)
{
    start();
    EXPECT("[]", FB_PAYLOAD_INVALID);
    EXPECT("\"x\"", FB_PAYLOAD_INVALID);
    EXPECT("{\"a\":1}{}", FB_PAYLOAD_INVALID);
    EXPECT("{\"a\":1,\"a\":1}", FB_PAYLOAD_INVALID);
    EXPECT("{\"a\":\"\\ud800\"}", FB_PAYLOAD_INVALID);
    EXPECT("{\"a\":\"\\u0000\"}", FB_PAYLOAD_INVALID);
    EXPECT("{\"a\":1}", FB_OK);
    CHECK(fb_result_claim(result, fb_text("a")) != 0 && fb_result_claim(result, fb_text("b")) == 0);
}

TEST(large_payloads)
{
    static char payload[12000];
    start();
    int at = snprintf(payload, sizeof(payload), "{\"big\":\"");
    memset(payload + at, 'x', 9000);
    snprintf(payload + at + 9000, sizeof(payload) - (size_t)at - 9000, "\",\"sub\":\"s\"}");
    EXPECT(payload, FB_OK);
    CHECK(client_is("s") && fb_result_payload(result).size == strlen(payload));
}

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
    options.require_exp = true;
    options.leeway = 5;
    expect_values("{}", FB_EXP_MISSING, "exp", "present", "absent");
    expect_values("{\"exp\":\"soon\"}", FB_EXP_INVALID, "exp", seconds, "\"soon\"");
    expect_values("{\"exp\":1e30}", FB_EXP_INVALID, "exp", seconds, "1e30");
    expect_values("{\"exp\":{\"a\":[1, 2]}}", FB_EXP_INVALID, "exp", seconds, "{\"a\":[1, 2]}");
    expect_values("{\"exp\":930}", FB_TOKEN_EXPIRED, "exp", "more than 995", "930");
    CHECK(strcmp(error.text, "the token has expired: 70 s ago, leeway 5 s") == 0);
    options.leeway = 0.25;
    expect_values("{\"exp\":999.7}", FB_TOKEN_EXPIRED, "exp", "more than 999.75", "999.7");
    CHECK(strcmp(error.text, "the token has expired: 0.3 s ago, leeway 0.25 s") == 0);
    expect_values("{\"exp\":-9223372036854775808}", FB_TOKEN_EXPIRED, "exp", "more than 999.75",
                  "-9.22337203685478e+18");
    start();
    expect_values("{\"nbf\":[]}", FB_NBF_INVALID, "nbf", seconds, "[]");
    expect_values("{\"nbf\":1003}", FB_TOKEN_NOT_YET_VALID, "nbf", "at most 1000", "1003");
    CHECK(strcmp(error.text, "the token is not valid yet: 3 s ahead, leeway 0 s") == 0);
    expect_values("{\"iat\":null}", FB_IAT_INVALID, "iat", seconds, "null");
    options.leeway = 2;
    expect_values("{\"iat\":1003}", FB_TOKEN_ISSUED_IN_FUTURE, "iat", "at most 1002", "1003");
    CHECK(strcmp(error.text, "the token was issued in the future: 3 s ahead, leeway 2 s") == 0);
    expect_values("{\"iss\":7}", FB_ISS_INVALID, "iss", string, "7");
    expect_values("{\"aud\":{}}", FB_AUD_INVALID, "aud", either, "{}");
    expect_values("{\"aud\":[\"a\",1]}", FB_AUD_INVALID, "aud", either, "[\"a\",1]");
    expect_values("{\"sub\":true}", FB_SUB_INVALID, "sub", string, "true");
    expect_values("{\"azp\":1.50}", FB_CLIENT_ID_INVALID, "azp", string, "1.50");
    expect_values("{\"scp\":false}", FB_SCOPE_INVALID, "scp", either, "false");
    expect_values("{\"scope\":[\"a\",null]}", FB_SCOPE_INVALID, "scope", either, "[\"a\",null]");
    options.issuers = FB_LIST(fb_text("https://a"), fb_text("https://b"));
    expect_values("{}", FB_ISS_MISSING, "iss", "present", "absent");
    expect_values("{\"iss\":\"https:\\/\\/evil\"}", FB_ISSUER_MISMATCH, "iss", "https://a or https://b",
                  "https://evil");
    start();
    options.audiences = FB_LIST(fb_text("api"));
    expect_values("{}", FB_AUD_MISSING, "aud", "present", "absent");
    expect_values("{\"aud\":\"evil\"}", FB_AUDIENCE_MISMATCH, "aud", "api", "evil");
    expect_values("{\"aud\":[\"evil\", \"b\"]}", FB_AUDIENCE_MISMATCH, "aud", "api", "[\"evil\", \"b\"]");
    expect_values("{\"aud\":[]}", FB_AUDIENCE_MISMATCH, "aud", "api", "[]");
    expect_values("{\"aud\":\"\"}", FB_AUDIENCE_MISMATCH, "aud", "api", "");
    start();
    options.required_claims = FB_LIST(fb_text("tenant"));
    expect_values("{}", FB_CLAIM_MISSING, "tenant", "present", "absent");
    start();
    options.required_scopes = FB_LIST(fb_text("read"), fb_text("write"), fb_text("admin"));
    expect_values("{\"scope\":\"write evil\"}", FB_INSUFFICIENT_SCOPE, "", "read admin", "write evil");
    expect_values("{\"scope\":[]}", FB_INSUFFICIENT_SCOPE, "", "read write admin", "");
}

/* They go to a log: one line, printable, of bounded length. */
TEST(values_are_made_printable_and_cut)
{
    static char payload[9000];
    start();
    options.audiences = FB_LIST(fb_text("\xc3\xa4\n"));
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
    options.audiences = (fb_list){many, 40};
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
            options.token_type = fb_text("at+jwt");
            options.client_id_claims = FB_LIST(fb_text("x_client"));
            EXPECT(payload, changed == COUNT ? FB_OK
                            : absent == 1    ? required[changed].missing
                                             : required[changed].mistyped);
            CHECK(changed == COUNT || claim_is(required[changed].name));
            options.token_type = fb_text(NULL);
            EXPECT(payload, changed < 5 && absent == 0 ? required[changed].mistyped : FB_OK);
        }
    }
}

int main(void)
{
    RUN(expiry);
    RUN(times_of_an_accepted_result);
    RUN(not_before_and_issued_at);
    RUN(issuer);
    RUN(audience);
    RUN(resource);
    RUN(subject_and_client);
    RUN(scopes);
    RUN(required_scopes);
    RUN(required_claims);
    RUN(payloads_that_are_no_objects);
    RUN(large_payloads);
    RUN(expected_and_actual_values);
    RUN(values_are_made_printable_and_cut);
    RUN(access_tokens);
    fb_result_free(result);
    return TEST_RESULT();
}
