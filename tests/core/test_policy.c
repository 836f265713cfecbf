/* What the options refuse, by name, and what becomes of those that pass. */
#include "setup_policy.h"
#include "test.h"
#include "verify/verify.h"

#include <math.h>

static struct setup base(void)
{
    struct setup options = SETUP_INIT;
    options.issuer.public_key = fb_text("a key");
    return options;
}

/* The error text when refused, "" when accepted. */
static const char *refusal(const struct setup *options)
{
    static fb_error error = FB_ERROR_INIT;
    fb__policy policy;
    fb_status status = setup_policy(&policy, options, &error);
    if (status == FB_OK) {
        fb__policy_clear(&policy);
        return "";
    }
    CHECK(status == FB_CONFIGURATION_INVALID && error.status == FB_CONFIGURATION_INVALID);
    return error.text;
}

static bool names(const char *text, const char *option)
{
    return strstr(text, option) == text;
}

TEST(algorithms_are_known_and_not_mixed)
{
    struct setup options = base();
    CHECK(refusal(&options)[0] == '\0');
    for (size_t i = 0; i < FB__ALG_COUNT; i++) {
        bool hmac = fb__algs[i].kty == FB__KTY_OCT;
        options = base();
        options.issuer.algorithms = FB_LIST({fb__algs[i].name, fb__algs[i].name_size});
        CHECK((refusal(&options)[0] == '\0') == !hmac);
        options.issuer.public_key = fb_text(NULL);
        options.issuer.secret = fb_text("a secret");
        CHECK((refusal(&options)[0] == '\0') == hmac);
    }
    options = base();
    static const char *const wrong[] = {"none", "rs256", "RS256 ", "RS25", "HS1", "ES521", "EdDSA\n", "A256GCM", "*"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        options.issuer.algorithms = FB_LIST(fb_text("RS256"), fb_text(wrong[i]));
        CHECK(names(refusal(&options), "algorithms"));
    }
    options.issuer.algorithms = FB_LIST(fb_text("RS256"), fb_text("HS256"));
    CHECK(names(refusal(&options), "algorithms"));
    options.issuer.algorithms = (fb_list){&options.issuer.public_key, 0};
    CHECK(names(refusal(&options), "algorithms"));
    options.issuer.algorithms = FB_LIST(fb_text(NULL));
    CHECK(names(refusal(&options), "algorithms"));
}

TEST(lists_are_not_empty_and_hold_no_empty_text)
{
    struct setup options = base();
    options.issuer.identifiers = (fb_list){&options.issuer.public_key, 0};
    CHECK(names(refusal(&options), "issuer"));
    options = base();
    options.policy.audiences = (fb_list){&options.issuer.public_key, 0};
    CHECK(names(refusal(&options), "audience"));
    options = base();
    options.policy.audiences = FB_LIST(fb_text("a"), fb_text(""));
    CHECK(names(refusal(&options), "audience"));
    options = base();
    options.policy.required_scopes = (fb_list){&options.issuer.public_key, 0}; /* nothing required: fine */
    options.required_claims = (fb_list){&options.issuer.public_key, 0};
    CHECK(refusal(&options)[0] == '\0');
    options.required_claims = FB_LIST(fb_text(""));
    CHECK(names(refusal(&options), "required_claims"));
    options = base();
    options.policy.scope_claims = FB_LIST(fb_text(""));
    CHECK(names(refusal(&options), "scope_claims"));
    options = base();
    options.policy.client_id_claims = FB_LIST(fb_text(NULL));
    CHECK(names(refusal(&options), "client_id_claims"));
}

/* A list that says how many it holds and not where. */
TEST(a_list_without_items_has_no_count)
{
    static const struct {
        size_t offset;
        const char *name;
    } lists[] = {
        {offsetof(struct setup, issuer.algorithms), "algorithms"},
        {offsetof(struct setup, issuer.identifiers), "issuer"},
        {offsetof(struct setup, policy.audiences), "audience"},
        {offsetof(struct setup, policy.required_scopes), "required_scopes"},
        {offsetof(struct setup, policy.scope_claims), "scope_claims"},
        {offsetof(struct setup, policy.client_id_claims), "client_id_claims"},
    };
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        struct setup options = base();
        const fb_list broken = {NULL, 2};
        memcpy((char *)&options + lists[i].offset, &broken, sizeof(broken));
        CHECK(names(refusal(&options), lists[i].name));
    }
}

TEST(required_scopes_are_scopes)
{
    struct setup options = base();
    options.policy.required_scopes = FB_LIST(fb_text("read write"));
    CHECK(names(refusal(&options), "required_scopes"));
    fb_slice many[FB__MAX_REQUIRED_SCOPES + 1];
    for (size_t i = 0; i <= FB__MAX_REQUIRED_SCOPES; i++) {
        many[i] = fb_text("s");
    }
    options.policy.required_scopes = (fb_list){many, FB__MAX_REQUIRED_SCOPES};
    CHECK(refusal(&options)[0] == '\0');
    options.policy.required_scopes.count++;
    CHECK(names(refusal(&options), "required_scopes"));
}

TEST(numbers_are_in_range)
{
    static const double bad[] = {-0.001, 86400.001, (double)NAN, (double)INFINITY, (double)-INFINITY};
    struct setup options = base();
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        options.policy.leeway = bad[i];
        CHECK(names(refusal(&options), "leeway"));
    }
    options.policy.leeway = 86400.0;
    CHECK(refusal(&options)[0] == '\0');
    options.policy.max_token_bytes = 0;
    CHECK(names(refusal(&options), "max_token_bytes"));
    options.policy.max_token_bytes = 65536;
    CHECK(refusal(&options)[0] == '\0');
    options.policy.max_token_bytes = 65537;
    CHECK(names(refusal(&options), "max_token_bytes"));
}

TEST(clock_skew_is_at_most_a_day)
{
    static const double bad[] = {-0.001, 86400.001, (double)NAN, (double)INFINITY};
    struct setup options = base();
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        options.policy.clock_skew = bad[i];
        CHECK(names(refusal(&options), "clock_skew"));
    }
    options.policy.clock_skew = 86400.0;
    CHECK(refusal(&options)[0] == '\0');
    options.policy.clock_skew = 0.0;
    CHECK(refusal(&options)[0] == '\0');
}

TEST(identifiers_are_texts_or_one_template)
{
    struct setup options = base();
    options.issuer.identifiers = FB_LIST(fb_text("https://a.example/{tid}"));
    CHECK(refusal(&options)[0] == '\0');
    options.issuer.identifiers = FB_LIST(fb_text("https://a.example/{tid}"), fb_text("https://b.example"));
    CHECK(names(refusal(&options), "issuer") && strstr(refusal(&options), "only identifier") != NULL);
    options.issuer.identifiers = FB_LIST(fb_text("https://b.example"), fb_text("https://a.example/{tid"));
    CHECK(names(refusal(&options), "issuer: item 1") && strstr(refusal(&options), "brace") != NULL);
}

TEST(paths_are_refused_by_the_name_of_their_option)
{
    struct setup options = base();
    options.policy.scope_claims = FB_LIST(fb_text("scope"), fb_text("/~2"));
    CHECK(names(refusal(&options), "scope_claims: \"/~2\""));
    options = base();
    options.policy.client_id_claims = FB_LIST(fb_text("/a/~"));
    CHECK(names(refusal(&options), "client_id_claims: \"/a/~\""));
    options = base();
    options.required_claims = FB_LIST(fb_text("/a\n~b"));
    CHECK(names(refusal(&options), "required_claims: \"/a?~b\""));
    options.required_claims = FB_LIST(fb_text("/a~0~1/"));
    CHECK(refusal(&options)[0] == '\0');
}

TEST(required_values_are_single_values_of_json)
{
    static const char *const bad[] = {"null",     "[]",          "[1]",         "{}",    "{\"a\":1}",
                                      "",         " ",           "tru",         "nan",   "NaN",
                                      "Infinity", "01",          "1.",          "+1",    "'a'",
                                      "\"a",      "\"\\ud800\"", "\"\\u0000\"", "1 2",   "1,\"b\":2",
                                      "1}",       "1,",          "\"a\":1",     "1e400", "1e9999999999999999",
                                      "\xff",     "\"\xff\""};
    static const char *const good[] = {"1", " 1\t", "-0.5e-3", "\"\"", "\"a\\u0062\"", "true", "false"};
    struct setup options = base();
    fb_slice value = {NULL, 0};
    const fb_required_claim required = {fb_text("use"), {&value, 1}};
    options.policy.required_claims = &required;
    options.policy.required_claim_count = 1;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        value = fb_text(good[i]);
        CHECK(refusal(&options)[0] == '\0');
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        value = fb_text(bad[i]);
        if (!names(refusal(&options), "required_claims: \"use\"")) {
            FAIL("%s: %s", bad[i], refusal(&options));
        }
    }
    value = (fb_slice){NULL, 0};
    CHECK(names(refusal(&options), "required_claims: \"use\""));
    const fb_required_claim none = {fb_text("use"), {&value, 0}}, broken = {fb_text("use"), {NULL, 1}};
    options.policy.required_claims = &none;
    CHECK(names(refusal(&options), "required_claims: \"use\"") && strstr(refusal(&options), "empty list") != NULL);
    options.policy.required_claims = &broken;
    CHECK(names(refusal(&options), "required_claims: \"use\""));
    options.policy.required_claims = NULL;
    CHECK(names(refusal(&options), "required_claims"));
}

TEST(a_hierarchy_of_scopes_has_no_cycle)
{
    const fb_slice a = fb_text("a"), b = fb_text("b"), c = fb_text("c"), space = fb_text("a b"), empty = fb_text("");
    const struct {
        fb_scope_rule rules[3];
        const char *expected; /* "": fine */
    } cases[] = {
        {{{a, {&b, 1}}, {b, {&c, 1}}, {c, {NULL, 0}}}, ""},
        {{{a, {&b, 1}}, {c, {&b, 1}}, {b, {&empty, 0}}}, ""},
        {{{a, {&a, 1}}, {b, {NULL, 0}}, {c, {NULL, 0}}}, "scope_hierarchy: \"a\" includes itself"},
        {{{c, {&b, 1}}, {b, {&c, 1}}, {a, {&c, 1}}}, "scope_hierarchy: \"b\" includes itself"},
        {{{a, {&b, 1}}, {b, {&c, 1}}, {c, {&a, 1}}}, "scope_hierarchy: \"a\" includes itself"},
        {{{a, {&b, 1}}, {b, {NULL, 0}}, {a, {&c, 1}}}, "scope_hierarchy: \"a\" stands in more than one rule"},
        {{{space, {&b, 1}}, {b, {NULL, 0}}, {c, {NULL, 0}}}, "scope_hierarchy: \"a b\""},
        {{{a, {&space, 1}}, {b, {NULL, 0}}, {c, {NULL, 0}}}, "scope_hierarchy: \"a b\""},
        {{{a, {&empty, 1}}, {b, {NULL, 0}}, {c, {NULL, 0}}}, "scope_hierarchy"},
        {{{empty, {&a, 1}}, {b, {NULL, 0}}, {c, {NULL, 0}}}, "scope_hierarchy"},
        {{{a, {NULL, 1}}, {b, {NULL, 0}}, {c, {NULL, 0}}}, "scope_hierarchy: \"a\""},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct setup options = base();
        options.policy.scope_hierarchy = cases[i].rules;
        options.policy.scope_rule_count = 3;
        const char *text = refusal(&options);
        if (cases[i].expected[0] == '\0' ? text[0] != '\0' : !names(text, cases[i].expected)) {
            FAIL("%zu: %s", i, text);
        }
    }
    struct setup options = base();
    options.policy.scope_rule_count = 1;
    CHECK(names(refusal(&options), "scope_hierarchy"));
}

TEST(a_hierarchy_has_a_bound_that_is_said)
{
    static char texts[FB__MAX_RANKED + 1][8];
    static fb_slice scopes[FB__MAX_RANKED + 1];
    for (size_t i = 0; i <= FB__MAX_RANKED; i++) {
        scopes[i] = (fb_slice){texts[i], (size_t)snprintf(texts[i], sizeof(texts[i]), "s%zu", i)};
    }
    struct setup options = base();
    fb_scope_rule rule = {fb_text("s0"), {scopes, FB__MAX_RANKED}};
    options.policy.scope_hierarchy = &rule;
    options.policy.scope_rule_count = 1;
    CHECK(strstr(refusal(&options), "includes itself") != NULL);
    rule.implied = (fb_list){scopes + 1, FB__MAX_RANKED - 1};
    CHECK(refusal(&options)[0] == '\0');
    rule.implied.count++;
    CHECK(names(refusal(&options), "scope_hierarchy has more than 1024 scopes"));
}

/* More of them than any table on a stack has room for. */
TEST(no_option_is_cut)
{
    static fb_required_claim many[200];
    struct setup options = base();
    for (size_t i = 0; i < 200; i++) {
        many[i].claim = fb_text("claim");
    }
    options.policy.required_claims = many;
    options.policy.required_claim_count = 200;
    fb__policy policy;
    CHECK(setup_policy(&policy, &options, NULL) == FB_OK && policy.required_claim_count == 200);
    fb__policy_clear(&policy);
    many[199].claim = fb_text("");
    CHECK(names(refusal(&options), "required_claims"));
}

/* ---- what an issuer says in place of the verifier ------------------------------------------- */

TEST(what_an_issuer_gives_replaces_the_verifiers_own)
{
    static const fb_required_claim of_verifier = {{"v", 1}, {NULL, 0}}, of_issuer = {{"i", 1}, {NULL, 0}};
    struct setup options = base();
    fb__policy policy;
    options.policy.audiences = FB_LIST(fb_text("verifier"));
    options.policy.token_type = fb_text("at+jwt");
    options.policy.require_exp = false;
    options.policy.required_claims = &of_verifier;
    options.policy.required_claim_count = 1;
    CHECK(setup_policy(&policy, &options, NULL) == FB_OK);
    CHECK(policy.audience_count == 1 && fb__slice_equal(policy.audiences[0].text, fb_text("verifier")));
    CHECK(policy.token_type == FB__TYPE_ACCESS_TOKEN && policy.require_exp);
    CHECK(policy.required_claim_count == 1 && policy.scope_claims.count == 2 && policy.client_id_claims.count == 3);
    fb__policy_clear(&policy);
    options.issuer.audiences = FB_LIST(fb_text("one"), fb_text("two"));
    options.issuer.token_type = fb_text("any");
    options.issuer.scope_claims = FB_LIST(fb_text("/a"));
    options.issuer.client_id_claims = FB_LIST(fb_text("app"));
    options.issuer.required_claims = &of_issuer;
    options.issuer.required_claim_count = 1;
    CHECK(setup_policy(&policy, &options, NULL) == FB_OK);
    CHECK(policy.audience_count == 2 && fb__slice_equal(policy.audience_texts.items[1], fb_text("two")));
    CHECK(policy.token_type == FB__TYPE_ANY && !policy.require_exp);
    CHECK(policy.scope_claims.count == 1 && fb__slice_equal(policy.scope_claims.items[0].text, fb_text("/a")));
    CHECK(policy.client_id_claims.count == 1 && fb__slice_equal(policy.client_id_claims.items[0].name, fb_text("app")));
    CHECK(policy.required_claim_count == 1 && fb__slice_equal(policy.required_claims[0].path.text, fb_text("i")));
    fb__policy_clear(&policy);
}

TEST(an_empty_list_of_an_issuer_is_none)
{
    static const fb_slice nothing = {NULL, 0};
    static const fb_required_claim required = {{"v", 1}, {NULL, 0}};
    struct setup options = base();
    fb__policy policy;
    options.policy.audiences = FB_LIST(fb_text("verifier"));
    options.policy.required_claims = &required;
    options.policy.required_claim_count = 1;
    options.issuer.audiences = options.issuer.scope_claims = options.issuer.client_id_claims = (fb_list){&nothing, 0};
    options.issuer.required_claims = &required;
    CHECK(setup_policy(&policy, &options, NULL) == FB_OK);
    CHECK(policy.audience_count == 0 && policy.scope_claims.count == 0 && policy.client_id_claims.count == 0);
    CHECK(policy.required_claim_count == 0);
    fb__policy_clear(&policy);
}

TEST(what_an_issuer_gives_is_checked_alike)
{
    static const struct {
        size_t offset;
        const char *name;
    } lists[] = {{offsetof(struct setup, issuer.audiences), "audience"},
                 {offsetof(struct setup, issuer.scope_claims), "scope_claims"},
                 {offsetof(struct setup, issuer.client_id_claims), "client_id_claims"}};
    static const fb_slice empty = {"", 0};
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        const fb_list wrong[] = {{NULL, 2}, {&empty, 1}};
        for (size_t w = 0; w < 2; w++) {
            struct setup options = base();
            memcpy((char *)&options + lists[i].offset, &wrong[w], sizeof(wrong[w]));
            CHECK(names(refusal(&options), lists[i].name));
        }
    }
    struct setup options = base();
    options.issuer.token_type = fb_text("JWT");
    CHECK(names(refusal(&options), "token_type"));
    options = base();
    options.issuer.required_claim_count = 1;
    CHECK(names(refusal(&options), "required_claims"));
    options = base();
    options.issuer.scope_claims = FB_LIST(fb_text("/~"));
    CHECK(names(refusal(&options), "scope_claims"));
}

/* An issuer that comes and goes leaves the names of its claims to errors that may still be read, up to a bound. */
TEST(names_of_claims_outlive_the_issuer)
{
    struct setup options = base();
    fb__policy_base *base_policy;
    CHECK(fb__policy_base_new(&base_policy, &fb__mem_default, &options.policy, NULL) == FB_OK);
    fb_slice first = {NULL, 0};
    for (int i = 0; i <= FB__MAX_NAMES; i++) {
        char text[20];
        fb_required_claim required = {{text, (size_t)snprintf(text, sizeof(text), "claim-%d", i)}, {NULL, 0}};
        fb_issuer issuer = options.issuer;
        issuer.required_claims = &required;
        issuer.required_claim_count = 1;
        fb__policy policy;
        for (int twice = 0; twice < 2; twice++) {
            CHECK(fb__policy_new(&policy, &fb__mem_default, base_policy, &issuer, NULL) == FB_OK);
            const fb_slice name = policy.required_claims[0].path.name;
            CHECK(fb__slice_equal(policy.required_claims[0].path.text, required.claim));
            fb__policy_clear(&policy);
            CHECK(i < FB__MAX_NAMES ? fb__slice_equal(name, required.claim) : name.data == NULL);
            first = i == 0 && twice == 0 ? name : first;
            CHECK(i > 0 || first.data == name.data);
        }
    }
    CHECK(fb__slice_equal(first, fb_text("claim-0")));
    fb__policy_base_release(base_policy);
}

TEST(token_type_is_one_of_two)
{
    struct setup options = base();
    options.policy.token_type = fb_text("at+jwt");
    CHECK(refusal(&options)[0] == '\0');
    options.policy.token_type = fb_text("any");
    CHECK(refusal(&options)[0] == '\0');
    options.policy.token_type = fb_text("JWT");
    CHECK(names(refusal(&options), "token_type"));
    options.policy.token_type = fb_text("");
    CHECK(names(refusal(&options), "token_type"));
}

TEST(everything_is_copied)
{
    char issuer[] = "https://issuer.example", audience[] = "api", fallback[] = "nobody";
    struct setup options = base();
    options.issuer.identifiers = FB_LIST(fb_text(issuer), fb_text("other"));
    options.policy.audiences = FB_LIST(fb_text(audience));
    options.policy.client_id_default = fb_text(fallback);
    fb__policy policy;
    CHECK(setup_policy(&policy, &options, NULL) == FB_OK);
    memset(issuer, 'x', sizeof(issuer));
    memset(audience, 'x', sizeof(audience));
    memset(fallback, 'x', sizeof(fallback));
    CHECK(policy.identifier_count == 2);
    CHECK(fb__slice_equal(policy.identifiers[0].text, fb_text("https://issuer.example")));
    CHECK(fb__slice_equal(policy.identifiers[1].text, fb_text("other")));
    CHECK(policy.audience_count == 1 && fb__slice_equal(policy.audiences[0].text, fb_text("api")));
    CHECK(fb__slice_equal(policy.client_id_default, fb_text("nobody")));
    CHECK(policy.scope_claims.count == 2 && fb__slice_equal(policy.scope_claims.items[1].text, fb_text("scp")));
    CHECK(policy.client_id_claims.count == 3 && fb__slice_equal(policy.client_id_claims.items[2].text, fb_text("sub")));
    CHECK(policy.required_scopes.count == 0 && policy.algs == 1 && policy.require_exp);
    fb__policy_clear(&policy);
}

int main(void)
{
    RUN(algorithms_are_known_and_not_mixed);
    RUN(lists_are_not_empty_and_hold_no_empty_text);
    RUN(a_list_without_items_has_no_count);
    RUN(required_scopes_are_scopes);
    RUN(numbers_are_in_range);
    RUN(clock_skew_is_at_most_a_day);
    RUN(identifiers_are_texts_or_one_template);
    RUN(paths_are_refused_by_the_name_of_their_option);
    RUN(required_values_are_single_values_of_json);
    RUN(a_hierarchy_of_scopes_has_no_cycle);
    RUN(a_hierarchy_has_a_bound_that_is_said);
    RUN(no_option_is_cut);
    RUN(what_an_issuer_gives_replaces_the_verifiers_own);
    RUN(an_empty_list_of_an_issuer_is_none);
    RUN(what_an_issuer_gives_is_checked_alike);
    RUN(names_of_claims_outlive_the_issuer);
    RUN(token_type_is_one_of_two);
    RUN(everything_is_copied);
    return TEST_RESULT();
}
