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
    RUN(token_type_is_one_of_two);
    RUN(everything_is_copied);
    return TEST_RESULT();
}
