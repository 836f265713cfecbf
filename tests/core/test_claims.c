/* The rules about claims, on payloads of tokens whose signature is verified. */
#include "claims_text.h"

TEST(expiry)
{
    start();
    EXPECT("{}", FB_OK);
    int64_t expires;
    CHECK(!fb_result_expires_at(result, &expires));
    options.policy.require_exp = true;
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
    options.policy.leeway = 10;
    EXPECT("{\"exp\":990.5}", FB_OK);
    EXPECT("{\"exp\":990}", FB_TOKEN_EXPIRED);
    EXPECT("{\"exp\":9223372036854775807}", FB_OK); /* adding the leeway wraps nothing */
    options.policy.leeway = 0;
    options.policy.require_exp = false;
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
    options.policy.leeway = 2.0;
    EXPECT("{\"exp\":1010.5,\"nbf\":999,\"iat\":998}", FB_OK);
    CHECK(setup_policy(&policy, &options, &error) == FB_OK);
    CHECK(fb__claims_check_time(&policy, result, NOW, &error) == FB_OK);
    CHECK(fb__claims_check_time(&policy, result, 1012.4, &error) == FB_OK);
    CHECK(fb__claims_check_time(&policy, result, 1012.5, &error) == FB_TOKEN_EXPIRED);
    CHECK(fb__claims_check_time(&policy, result, 996.9, &error) == FB_TOKEN_NOT_YET_VALID);
    EXPECT("{\"iat\":998}", FB_OK);
    CHECK(fb__claims_check_time(&policy, result, 996.0, &error) == FB_OK);
    CHECK(fb__claims_check_time(&policy, result, 995.9, &error) == FB_TOKEN_ISSUED_IN_FUTURE);
    fb__policy_clear(&policy);
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
        options.policy.leeway = 1;
        snprintf(payload, sizeof(payload), "{\"%s\":1001}", claims[i].name);
        EXPECT(payload, FB_OK);
        snprintf(payload, sizeof(payload), "{\"%s\":1001.5}", claims[i].name);
        EXPECT(payload, claims[i].future);
        options.policy.leeway = 0;
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
    options.issuer.identifiers = FB_LIST(fb_text("https://a.example"), fb_text("https://b.example"));
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
    options.policy.audiences = FB_LIST(fb_text("api"), fb_text("https://api.example/mcp"));
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
    options.policy.audiences = FB_LIST(fb_text("api"), fb_text("https://two.example"), fb_text("https://one.example"));
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
    options.policy.client_id_claims = FB_LIST(fb_text("appid"));
    options.policy.client_id_default = fb_text("nobody");
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
    options.policy.scope_claims = FB_LIST(fb_text("permissions"), fb_text("scope"));
    EXPECT("{\"scope\":\"a\",\"permissions\":[\"p\"]}", FB_OK);
    CHECK(scopes_are("p"));
}

TEST(required_scopes)
{
    start();
    options.policy.required_scopes = FB_LIST(fb_text("read"), fb_text("write"), fb_text("admin"));
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
    options.policy.required_scopes = FB_LIST(fb_text("read"));
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
    fb_result_free(result);
    return TEST_RESULT();
}
