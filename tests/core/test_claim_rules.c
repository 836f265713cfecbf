/* The rules about claims that options choose: templates, values, hierarchies, clocks, and URLs as audiences. */
#include "claims_text.h"

static void expect_values(const char *payload, fb_status wanted, const char *expected, const char *actual)
{
    EXPECT(payload, wanted);
    if (strcmp(error.expected, expected) != 0 || strcmp(error.actual, actual) != 0) {
        FAIL("%s: expected \"%s\", actual \"%s\"", payload, error.expected, error.actual);
    }
}

/* ---- issuers -------------------------------------------------------------------------------- */

TEST(a_template_is_held_against_the_verified_claim)
{
    static const char template[] = "https://login.example/{tid}/v2.0";
    start();
    options.issuer.identifiers = FB_LIST(fb_text(template));
    EXPECT("{\"iss\":\"https://login.example/one/v2.0\",\"tid\":\"one\"}", FB_OK);
    EXPECT("{\"iss\":\"https:\\/\\/login.example\\/one\\/v2.0\",\"tid\":\"\\u006fne\"}", FB_OK);
    EXPECT("{\"tid\":\"one\"}", FB_ISS_MISSING);
    EXPECT("{\"iss\":1,\"tid\":\"one\"}", FB_ISS_INVALID);
    expect_values("{\"iss\":\"https://login.example/one/v2.0\",\"tid\":\"two\"}", FB_ISSUER_MISMATCH, "tid one",
                  "tid \"two\"");
    CHECK(claim_is("iss"));
    expect_values("{\"iss\":\"https://login.example/one/v2.0\"}", FB_ISSUER_MISMATCH, "tid one", "tid absent");
    expect_values("{\"iss\":\"https://login.example/1/v2.0\",\"tid\":1}", FB_ISSUER_MISMATCH, "tid 1", "tid 1");
    expect_values("{\"iss\":\"https://login.example/a/b/v2.0\",\"tid\":\"a/b\"}", FB_ISSUER_MISMATCH, template,
                  "https://login.example/a/b/v2.0");
    EXPECT("{\"iss\":\"https://login.example/../v2.0\",\"tid\":\"..\"}", FB_ISSUER_MISMATCH);
}

TEST(the_issuer_of_a_key_is_held_against_iss)
{
    start();
    key_issuer = fb_text("https://a.example");
    EXPECT("{\"iss\":\"https://a.example\"}", FB_OK);
    expect_values("{\"iss\":\"https://b.example\"}", FB_ISSUER_MISMATCH, "https://a.example", "https://b.example");
    CHECK(claim_is("iss"));
    expect_values("{}", FB_ISSUER_MISMATCH, "present", "absent");
    EXPECT("{\"iss\":5}", FB_ISS_INVALID);
    options.issuer.identifiers = FB_LIST(fb_text("https://a.example"), fb_text("https://b.example"));
    EXPECT("{\"iss\":\"https://b.example\"}", FB_ISSUER_MISMATCH);
    EXPECT("{\"iss\":\"https://a.example\"}", FB_OK);
    key_issuer = fb_text("https://a.example/{");
    EXPECT("{\"iss\":\"https://a.example\"}", FB_ISSUER_MISMATCH);
    key_issuer = (fb_slice){"", 0};
    EXPECT("{\"iss\":\"https://a.example\"}", FB_ISSUER_MISMATCH);
    options.issuer.identifiers = (fb_list){NULL, 0};
    key_issuer = fb_text("https://a.example/{tenantid}");
    EXPECT("{\"iss\":\"https://a.example/x\",\"tid\":\"x\"}", FB_OK);
    EXPECT("{\"iss\":\"https://a.example/x\",\"tid\":\"y\"}", FB_ISSUER_MISMATCH);
    EXPECT("{\"iss\":\"https://a.example/x\",\"tenantid\":\"x\"}", FB_ISSUER_MISMATCH);
}

/* Each text of the token is unescaped for more than one purpose at once: there is room for all of them. */
TEST(an_escaped_iss_is_everything)
{
    start();
    options.issuer.identifiers = FB_LIST(fb_text("https://a.example/{tid}"));
    options.policy.client_id_claims = FB_LIST(fb_text("iss"));
    options.policy.scope_claims = FB_LIST(fb_text("iss"), fb_text("/iss"));
    options.policy.merge_scope_claims = true;
    key_issuer = fb_text("https://a.example/{tid}");
    EXPECT("{\"iss\":\"https:\\/\\/a.example\\/x\",\"tid\":\"x\"}", FB_OK);
    CHECK(fb__slice_equal(fb_result_client_id(result), fb_text("https://a.example/x")));
    const fb_list scopes = fb_result_scopes(result);
    CHECK(scopes.count == 1 && fb__slice_equal(scopes.items[0], fb_text("https://a.example/x")));
}

/* What is kept of it has room, for each of its uses. */
TEST(a_long_escaped_iss)
{
    static char payload[9000];
    start();
    options.issuer.identifiers = FB_LIST(fb_text("https://a.example/{tid}"));
    options.policy.client_id_claims = FB_LIST(fb_text("iss"));
    size_t at = (size_t)snprintf(payload, sizeof(payload), "{\"iss\":\"https:\\/\\/a.example\\/");
    memset(payload + at, 'x', 8000);
    (void)snprintf(payload + at + 8000, sizeof(payload) - at - 8000, "\"}");
    EXPECT(payload, FB_ISSUER_MISMATCH);
    options.issuer.identifiers = (fb_list){NULL, 0};
    key_issuer = fb_text("https://a.example/{tid}");
    EXPECT(payload, FB_ISSUER_MISMATCH);
    key_issuer = fb_text(NULL);
    EXPECT(payload, FB_OK);
    CHECK(fb_result_client_id(result).size == 8018 && fb_result_issuer(result).size == 8018);
}

/* ---- required claims ------------------------------------------------------------------------ */

static void demand(const char *path, fb_list values)
{
    static fb_required_claim required;
    required = (fb_required_claim){fb_text(path), values};
    options.policy.required_claims = &required;
    options.policy.required_claim_count = 1;
}

TEST(a_claim_has_one_of_its_values)
{
    start();
    demand("use", FB_LIST(fb_text("\"access\""), fb_text("\"a\\u0063t\"")));
    EXPECT("{\"use\":\"access\"}", FB_OK);
    EXPECT("{\"use\":\"act\"}", FB_OK);
    EXPECT("{\"use\":[\"id\",\"\\u0061ccess\"]}", FB_OK);
    expect_values("{}", FB_CLAIM_MISSING, "present", "absent");
    CHECK(claim_is("use"));
    expect_values("{\"use\":\"id\"}", FB_CLAIM_MISMATCH, "\"access\" or \"a\\u0063t\"", "\"id\"");
    CHECK(claim_is("use"));
    expect_values("{\"use\":[]}", FB_CLAIM_MISMATCH, "\"access\" or \"a\\u0063t\"", "[]");
    expect_values("{\"use\":null}", FB_CLAIM_MISMATCH, "\"access\" or \"a\\u0063t\"", "null");
    EXPECT("{\"use\":{\"access\":\"access\"}}", FB_CLAIM_MISMATCH);
    EXPECT("{\"use\":[[\"access\"]]}", FB_CLAIM_MISMATCH);
    demand("/realm/roles/0", FB_LIST(fb_text("\"x\"")));
    EXPECT("{\"realm\":{\"roles\":[\"x\"]}}", FB_OK);
    EXPECT("{\"realm\":{\"roles\":[\"y\",\"x\"]}}", FB_CLAIM_MISMATCH);
    CHECK(claim_is("/realm/roles/0"));
    EXPECT("{\"realm\":{\"roles\":[]}}", FB_CLAIM_MISSING);
    CHECK(claim_is("/realm/roles/0"));
}

TEST(numbers_are_equal_by_their_exact_value)
{
    static const struct {
        const char *demanded, *held;
        bool equal;
    } cases[] = {
        {"1", "1", true},
        {"1", "1.0", true},
        {"1", "1e0", true},
        {"1.0", "10e-1", true},
        {"100", "1E+2", true},
        {"0", "-0.0e7", true},
        {"-0", "0", true},
        {"1", "\"1\"", false},
        {"1", "true", false},
        {"1", "-1", false},
        {"1", "10", false},
        {"1", "1.00000000000000000000000000000000000000000000001", false},
        {"9007199254740993", "9007199254740993", true},
        {"9007199254740993", "9007199254740992", false},
        {"9007199254740993", "9007199254740993.0", true},
        {"123456789012345678901234567890123456789", "123456789012345678901234567890123456789", true},
        {"123456789012345678901234567890123456789", "123456789012345678901234567890123456788", false},
        {"123456789012345678901234567890123456789", "1.23456789012345678901234567890123456789e38", true},
        {"0.1", "0.1000000000000000055511151231257827", false},
        {"1", "1e-9999999999999999", false},
        {"1", "1e-99999999999999999999", false},
        {"1e-300", "0", false},
        {"0", "1e-999999999999999", false},
        {"0", "1e-99999999999999999999", false},
        {"1e-999999999999999", "1e-99999999999999999999", false},
        {"1e-999999999999999", "10e-1000000000000000", false}, /* too far out to be told apart: equal to none */
        {"1e-9999999999999", "0.1e-9999999999998", true},
        {"true", "true", true},
        {"true", "1", false},
        {"false", "0", false},
        {"\"1\"", "1", false},
        {" 1 ", "1", true},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char payload[200];
        start();
        demand("x", FB_LIST(fb_text(cases[i].demanded)));
        snprintf(payload, sizeof(payload), "{\"x\":%s}", cases[i].held);
        EXPECT(payload, cases[i].equal ? FB_OK : FB_CLAIM_MISMATCH);
        snprintf(payload, sizeof(payload), "{\"x\":[\"y\",%s]}", cases[i].held);
        EXPECT(payload, cases[i].equal ? FB_OK : FB_CLAIM_MISMATCH);
    }
}

/* The longest numbers that strict JSON has. */
TEST(long_numbers)
{
    char demanded[FB__MAX_NUMBER + 1] = "", held[FB__MAX_NUMBER + 10];
    memset(demanded, '7', FB__MAX_NUMBER);
    snprintf(held, sizeof(held), "{\"x\":%s}", demanded);
    start();
    demand("x", FB_LIST(fb_text(demanded)));
    EXPECT(held, FB_OK);
    held[FB__MAX_NUMBER + 4] = '8';
    EXPECT(held, FB_CLAIM_MISMATCH);
}

/* ---- scopes --------------------------------------------------------------------------------- */

static bool has(const char *scope)
{
    return fb_result_has_scope(result, fb_text(scope));
}

TEST(scopes_include_others)
{
    const fb_scope_rule rules[] = {{fb_text("write"), FB_LIST(fb_text("read"))},
                                   {fb_text("admin"), FB_LIST(fb_text("write"), fb_text("audit"))}};
    start();
    EXPECT("{\"scope\":\"admin\"}", FB_OK);
    CHECK(has("admin") && !has("write") && !has("") && !has("dmin"));
    options.policy.scope_hierarchy = rules;
    options.policy.scope_rule_count = 2;
    EXPECT("{\"scope\":\"admin x\"}", FB_OK);
    CHECK(has("admin") && has("write") && has("read") && has("audit") && has("x") && !has("root") && !has("Read"));
    CHECK(fb_result_scopes(result).count == 2);
    EXPECT("{\"scope\":\"write\"}", FB_OK);
    CHECK(has("write") && has("read") && !has("admin") && !has("audit"));
    EXPECT("{}", FB_OK);
    CHECK(!has("read"));
    options.policy.required_scopes = FB_LIST(fb_text("read"), fb_text("audit"), fb_text("x"));
    EXPECT("{\"scope\":\"x admin\"}", FB_OK);
    expect_values("{\"scope\":\"write\"}", FB_INSUFFICIENT_SCOPE, "audit x", "write");
    CHECK(error.missing_scopes == 6);
    expect_values("{\"scope\":\"admin\"}", FB_INSUFFICIENT_SCOPE, "x", "admin");
}

/* As many scopes as there may be, in one line of which each includes the next. */
TEST(a_long_line_of_scopes)
{
    static char names[FB__MAX_RANKED][8];
    static fb_slice implied[FB__MAX_RANKED];
    static fb_scope_rule rules[FB__MAX_RANKED];
    start();
    for (size_t i = 0; i < FB__MAX_RANKED; i++) {
        implied[i] = (fb_slice){names[i], (size_t)snprintf(names[i], sizeof(names[i]), "s%zu", i)};
        rules[i] = (fb_scope_rule){implied[i], {&implied[i + 1], i + 1 < FB__MAX_RANKED}};
    }
    rules[FB__MAX_RANKED - 1].implied = (fb_list){NULL, 0};
    options.policy.scope_hierarchy = rules;
    options.policy.scope_rule_count = FB__MAX_RANKED;
    options.policy.required_scopes = (fb_list){&implied[FB__MAX_RANKED - 1], 1};
    EXPECT("{\"scope\":\"s0\"}", FB_OK);
    for (size_t i = 0; i < FB__MAX_RANKED; i++) {
        CHECK(has(names[i]));
    }
    EXPECT("{\"scope\":\"s500\"}", FB_OK);
    CHECK(!has("s499") && has("s501"));
}

static bool scopes_are(const char *joined)
{
    char text[1024] = "";
    const fb_list scopes = fb_result_scopes(result);
    for (size_t i = 0; i < scopes.count; i++) {
        const size_t used = strlen(text);
        snprintf(text + used, sizeof(text) - used, "%s%.*s", i == 0 ? "" : "|", (int)scopes.items[i].size,
                 scopes.items[i].data);
    }
    return strcmp(text, joined) == 0;
}

TEST(scopes_of_several_claims)
{
    start();
    options.policy.merge_scope_claims = true;
    options.policy.scope_claims = FB_LIST(fb_text("scope"), fb_text("/a/roles"), fb_text("scp"));
    EXPECT("{\"scp\":[\"c\",\"a\"],\"scope\":\"a b a\",\"a\":{\"roles\":[\"d e\",\"b\",\"\"]}}", FB_OK);
    CHECK(scopes_are("a|b|d e|c"));
    EXPECT("{\"scp\":\"x\"}", FB_OK);
    CHECK(scopes_are("x"));
    EXPECT("{}", FB_OK);
    CHECK(scopes_are("") && fb_result_scopes(result).items != NULL);
    EXPECT("{\"scope\":\"a\",\"scp\":5}", FB_SCOPE_INVALID);
    CHECK(claim_is("scp"));
    EXPECT("{\"scope\":\"a\",\"a\":{\"roles\":[null]}}", FB_SCOPE_INVALID);
    CHECK(claim_is("/a/roles"));
    EXPECT("{\"scope\":\"\\u0061 \\u0062\\u0020c\",\"scp\":[\"b\",\"\\u0064\"]}", FB_OK);
    CHECK(scopes_are("a|b|c|d"));
    /* One claim by three names: its text is unescaped as often as it is read. */
    options.policy.scope_claims = FB_LIST(fb_text("scope"), fb_text("/scope"), fb_text("/scope/0"), fb_text("scope"));
    EXPECT("{\"scope\":[\"\\u0061\\u0061\\u0061 \\u0062\"]}", FB_OK);
    CHECK(scopes_are("aaa b|aaa|b"));
}

/* More than are sorted on the stack, the first of each kept in its place. */
TEST(many_scopes_of_several_claims)
{
    static char payload[12000];
    start();
    options.policy.merge_scope_claims = true;
    size_t at = (size_t)snprintf(payload, sizeof(payload), "{\"scope\":\"");
    for (int i = 0; i < 600; i++) {
        at += (size_t)snprintf(payload + at, sizeof(payload) - at, "s%d ", i * 7 % 300);
    }
    (void)snprintf(payload + at, sizeof(payload) - at, "\",\"scp\":[\"s299\",\"last\"]}");
    EXPECT(payload, FB_OK);
    const fb_list scopes = fb_result_scopes(result);
    CHECK(scopes.count == 301 && fb__slice_equal(scopes.items[300], fb_text("last")));
    for (size_t i = 0; i < 300 && i < scopes.count; i++) {
        char expected[8];
        snprintf(expected, sizeof(expected), "s%zu", i * 7 % 300);
        CHECK(fb__slice_equal(scopes.items[i], fb_text(expected)));
    }
}

/* ---- clocks --------------------------------------------------------------------------------- */

TEST(a_clock_may_be_ahead)
{
    start();
    options.policy.clock_skew = 30;
    EXPECT("{\"nbf\":1030,\"iat\":1030}", FB_OK);
    expect_values("{\"nbf\":1045}", FB_TOKEN_NOT_YET_VALID, "at most 1030", "1045");
    CHECK(strcmp(error.text, "the token is not valid yet: 45 s ahead, leeway 0 s, clock_skew 30 s") == 0);
    expect_values("{\"iat\":1030.5}", FB_TOKEN_ISSUED_IN_FUTURE, "at most 1030", "1030.5");
    options.policy.leeway = 60; /* the larger of both, not their sum */
    EXPECT("{\"nbf\":1060,\"iat\":1060}", FB_OK);
    expect_values("{\"iat\":1061}", FB_TOKEN_ISSUED_IN_FUTURE, "at most 1060", "1061");
    CHECK(strcmp(error.text, "the token was issued in the future: 61 s ahead, leeway 60 s, clock_skew 30 s") == 0);
    options.policy.leeway = 0;
    expect_values("{\"exp\":1000}", FB_TOKEN_EXPIRED, "more than 1000", "1000");
    CHECK(strcmp(error.text, "the token has expired: 0 s ago, leeway 0 s") == 0);
}

/* ---- audiences ------------------------------------------------------------------------------ */

TEST(urls_compare_without_the_case_of_scheme_and_host)
{
    start();
    options.policy.audiences = FB_LIST(fb_text("urn:X"), fb_text("https://U@Api.example:1/Mcp"));
    EXPECT("{\"aud\":\"HTTPS://U@API.Example:1/Mcp\"}", FB_OK);
    CHECK(fb__slice_equal(fb_result_resource(result), fb_text("https://U@Api.example:1/Mcp")));
    EXPECT("{\"aud\":[\"x\",\"https:\\/\\/U@api.exampl\\u0045:1/Mcp\"]}", FB_OK);
    CHECK(fb__slice_equal(fb_result_resource(result), fb_text("https://U@Api.example:1/Mcp")));
    CHECK(fb__slice_equal(fb_result_client_id(result), fb_text("unknown")));
    EXPECT("{\"aud\":\"https:\\/\\/U@Api.example:1\\/Mcp\"}", FB_OK);
    CHECK(fb__slice_equal(fb_result_resource(result), fb_text("https://U@Api.example:1/Mcp")));
    static const char *const others[] = {"https://u@Api.example:1/Mcp",
                                         "https://U@Api.example:1/mcp",
                                         "https://U@Api.example:01/Mcp",
                                         "https://U@Api.example:1/Mcp/",
                                         "URN:X",
                                         "https:\\/\\/U@Api.example:1/MCP",
                                         "https:\\/\\/u@Api.example:1/Mcp"};
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        char payload[100];
        snprintf(payload, sizeof(payload), "{\"aud\":\"%s\"}", others[i]);
        EXPECT(payload, FB_AUDIENCE_MISMATCH);
    }
}

int main(void)
{
    RUN(a_template_is_held_against_the_verified_claim);
    RUN(the_issuer_of_a_key_is_held_against_iss);
    RUN(an_escaped_iss_is_everything);
    RUN(a_long_escaped_iss);
    RUN(a_claim_has_one_of_its_values);
    RUN(numbers_are_equal_by_their_exact_value);
    RUN(long_numbers);
    RUN(scopes_include_others);
    RUN(a_long_line_of_scopes);
    RUN(scopes_of_several_claims);
    RUN(many_scopes_of_several_claims);
    RUN(a_clock_may_be_ahead);
    RUN(urls_compare_without_the_case_of_scheme_and_host);
    fb_result_free(result);
    return TEST_RESULT();
}
