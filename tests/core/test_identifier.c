/* Identifiers of issuers, exact and templates: which are refused, and which iss each of them is. */
#include "test.h"
#include "verify/verify.h"

static fb__identifier read_good(const char *text)
{
    fb__identifier identifier;
    const char *problem = fb__identifier_read(fb_text(text), &identifier);
    if (problem != NULL) {
        FAIL("%s: %s", text, problem);
    }
    return identifier;
}

static void refused(const char *text, const char *why)
{
    fb__identifier identifier;
    const char *problem = fb__identifier_read(fb_text(text), &identifier);
    if (problem == NULL || strstr(problem, why) == NULL) {
        FAIL("%s: %s", text, problem == NULL ? "accepted" : problem);
    }
}

/* value NULL: no match. */
static void matches(const char *template, const char *iss, const char *expected)
{
    const fb__identifier identifier = read_good(template);
    fb_slice value;
    const size_t size = strlen(iss);
    char *copy =
        malloc(size + 1); /* of exactly this size but for one byte, so that a sanitizer sees a read beyond it */
    CHECK(copy != NULL);
    memcpy(copy, iss, size);
    const bool matched = fb__identifier_matches(&identifier, (fb_slice){copy, size}, &value);
    if (matched != (expected != NULL) || (matched && !fb__slice_equal(value, fb_text(expected)))) {
        FAIL("%s: %s", template, iss);
    }
    CHECK(matched || value.data == NULL);
    free(copy);
}

TEST(an_exact_identifier_is_one_text)
{
    const fb__identifier identifier = read_good("https://issuer.example");
    fb_slice value;
    CHECK(!fb__identifier_is_template(&identifier));
    CHECK(fb__identifier_matches(&identifier, fb_text("https://issuer.example"), &value) && value.data == NULL);
    CHECK(!fb__identifier_matches(&identifier, fb_text("https://issuer.example/"), &value));
    CHECK(!fb__identifier_matches(&identifier, fb_text("https://issuer.exampl"), &value));
    CHECK(!fb__identifier_matches(&identifier, fb_text("https://Issuer.example"), &value));
    CHECK(!fb__identifier_matches(&identifier, fb_text(""), &value));
    (void)read_good("accounts.example");
}

TEST(a_template_names_the_claim_of_one_segment)
{
    const fb__identifier identifier = read_good("https://login.example/{tid}/v2.0");
    CHECK(fb__identifier_is_template(&identifier));
    CHECK(fb__slice_equal(identifier.before, fb_text("https://login.example/")));
    CHECK(fb__slice_equal(identifier.claim, fb_text("tid")));
    CHECK(fb__slice_equal(identifier.after, fb_text("/v2.0")));
    CHECK(fb__slice_equal(read_good("https://login.example/{tenantid}/v2.0").claim, fb_text("tid")));
    CHECK(fb__slice_equal(read_good("https://login.example/{TenantId}").claim, fb_text("TenantId")));
    CHECK(fb__slice_equal(read_good("https://login.example/a/{org}").claim, fb_text("org")));
    CHECK(fb__slice_equal(read_good("https://login.example/{org}/").after, fb_text("/")));
}

TEST(other_braces_are_refused)
{
    refused("https://login.example/{tid", "belongs to no");
    refused("https://login.example/tid}", "belongs to no");
    refused("https://login.example/}tid{", "belongs to no");
    refused("https://login.example/{}/v2.0", "belongs to no");
    refused("https://login.example/{a}/{b}", "more than one");
    refused("https://login.example/{a}/{", "more than one");
    refused("https://login.example/{a}/}", "more than one");
    refused("https://login.example/{{tid}}/v2.0", "more than one");
    refused("https://login.example/x{tid}/v2.0", "whole segment");
    refused("https://login.example/{tid}x/v2.0", "whole segment");
    refused("https://login.example/{a/b}/v2.0", "whole segment");
    refused("https://{tid}/v2.0", "whole segment");
    refused("https://{tid}.example/v2.0", "whole segment");
    refused("https:///{tid}/v2.0", "whole segment");
    refused("://login.example/{tid}", "whole segment");
    refused("https://login.example/?/{tid}", "whole segment");
    refused("https://login.example/#/{tid}", "whole segment");
    refused("{tid}", "whole segment");
    refused("/{tid}", "whole segment");
    refused("tenants/{tid}", "whole segment");
}

TEST(a_template_matches_one_segment_of_unreserved_characters)
{
    static const char template[] = "https://login.example/{tid}/v2.0";
    matches(template, "https://login.example/one/v2.0", "one");
    matches(template, "https://login.example/A-z0.9_~/v2.0", "A-z0.9_~");
    matches(template, "https://login.example/.../v2.0", "...");
    matches(template, "https://login.example/v2.0/v2.0", "v2.0");
    matches("https://login.example/{tid}", "https://login.example/one", "one");
    static const char *const others[] = {
        "https://login.example//v2.0",
        "https://login.example/v2.0",
        "https://login.example/./v2.0",
        "https://login.example/../v2.0",
        "https://login.example/a/b/v2.0",
        "https://login.example/a%2fb/v2.0",
        "https://login.example/a b/v2.0",
        "https://login.example/a?/v2.0",
        "https://login.example/\xc3\xa9/v2.0",
        "https://login.example/one/v2.0/",
        "https://login.example/one/v2.1",
        "https://login.example/one",
        "https://login.example/{tid}/v2.0",
        "https://login.example/a:b/v2.0",
        "https://login.example/a@b/v2.0",
        "https://login.examplf/one/v2.0",
        "https://login.example",
        "",
        "https://evil.example/one/v2.0",
        "https://login.example/one\n/v2.0",
    };
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        matches(template, others[i], NULL);
    }
    matches("https://login.example/{tid}", "https://login.example/one/", NULL);
    matches("https://login.example/{tid}/", "https://login.example/one", NULL);
    const fb__identifier identifier = read_good(template);
    fb_slice value;
    CHECK(!fb__identifier_matches(&identifier, (fb_slice){"https://login.example/a\0b/v2.0", 30}, &value));
}

int main(void)
{
    RUN(an_exact_identifier_is_one_text);
    RUN(a_template_names_the_claim_of_one_segment);
    RUN(other_braces_are_refused);
    RUN(a_template_matches_one_segment_of_unreserved_characters);
    return TEST_RESULT();
}
