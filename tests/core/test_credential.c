/* Which credential a request carries, and which requests are malformed. */
#include "proofs.h"
#include "verify/verify.h"

static fb_error error = FB_ERROR_INIT;
static fb_verifier *plain, *dpop;

static fb_status find(const fb_verifier *verifier, const char *name, fb_slice value, const char *url, fb_slice *out)
{
    const fb_header headers[] = {{fb_text("Host"), fb_text("h")}, {fb_text(name), value}};
    fb_request request = FB_REQUEST_INIT;
    request.url = fb_text(url);
    request.headers = headers;
    request.header_count = 2;
    return fb_request_token(verifier, &request, out, &error);
}

static void token(const fb_verifier *verifier, const char *value, const char *expected)
{
    fb_slice found;
    if (find(verifier, "Authorization", fb_text(value), NULL, &found) != FB_OK ||
        !fb__slice_equal(found, fb_text(expected))) {
        FAIL("%s: %.*s, not %s", value, (int)found.size, found.data == NULL ? "" : found.data, expected);
    }
    test_checks++;
}

static void refused(const fb_verifier *verifier, const char *value, fb_status expected)
{
    fb_slice found;
    const fb_status status = find(verifier, "Authorization", fb_text(value), NULL, &found);
    if (status != expected || found.data != NULL) {
        FAIL("%s: %s, not %s", value, fb_status_name(status), fb_status_name(expected));
    }
    test_checks++;
}

TEST(one_token_in_one_header)
{
    fb_slice found;
    token(plain, "Bearer abc", "abc");
    token(plain, "bearer a.b.c", "a.b.c");
    token(plain, "BEARER AZaz09-._~+/==", "AZaz09-._~+/==");
    token(dpop, "Bearer abc", "abc");
    token(dpop, "DPoP abc", "abc");
    token(dpop, "dpop abc", "abc");
    CHECK(find(plain, "AUTHORIZATION", fb_text("Bearer x"), NULL, &found) == FB_OK && found.size == 1);
    CHECK(find(plain, "authorization", fb_text("Bearer x"), NULL, &found) == FB_OK && found.size == 1);
    CHECK(find(plain, "Authorizatio", fb_text("Bearer x"), NULL, &found) == FB_TOKEN_MISSING);
    CHECK(find(plain, "X-Authorization", fb_text("Bearer x"), NULL, &found) == FB_TOKEN_MISSING);
}

TEST(no_credential_that_is_taken_here)
{
    refused(plain, "", FB_TOKEN_MISSING);
    refused(plain, "Basic YTpi", FB_TOKEN_MISSING);
    refused(plain, "DPoP abc", FB_TOKEN_MISSING); /* without DPoP its scheme is none */
    refused(plain, "DPoP", FB_TOKEN_MISSING);
    refused(plain, "Bearerabc", FB_TOKEN_MISSING);
    refused(plain, " Bearer abc", FB_TOKEN_MISSING);
    refused(plain, "abc", FB_TOKEN_MISSING);
    refused(dpop, "DPoPabc", FB_TOKEN_MISSING);
    fb_request request = FB_REQUEST_INIT;
    fb_slice found;
    CHECK(fb_request_token(plain, &request, &found, &error) == FB_TOKEN_MISSING);
    CHECK(find(plain, "Authorization", (fb_slice){NULL, 0}, NULL, &found) == FB_TOKEN_MISSING);
    CHECK(strcmp(fb_status_oauth(error.status), "") == 0 && fb_status_http(error.status) == 401);
}

TEST(malformed)
{
    static const char *const all[] = {"Bearer",
                                      "Bearer ",
                                      "Bearer  abc",
                                      "Bearer abc ",
                                      "Bearer abc def",
                                      "Bearer a,b",
                                      "Bearer abc, Bearer def",
                                      "Bearer\tabc",
                                      "Bearer a\xe9",
                                      "Bearer =",
                                      "Bearer ==",
                                      "Bearer a=b",
                                      "Bearer \"abc\"",
                                      "Bearer a\nb",
                                      "Bearer a;b",
                                      "Bearer a%41"};
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        refused(plain, all[i], strcmp(all[i], "Bearer\tabc") == 0 ? FB_TOKEN_MISSING : FB_REQUEST_MALFORMED);
    }
    refused(dpop, "DPoP", FB_REQUEST_MALFORMED);
    refused(dpop, "DPoP a b", FB_REQUEST_MALFORMED);
    fb_slice found;
    CHECK(find(plain, "Authorization", (fb_slice){"Bearer a\0b", 10}, NULL, &found) == FB_REQUEST_MALFORMED);
    CHECK(fb_status_http(error.status) == 400 && strcmp(fb_status_oauth(error.status), "invalid_request") == 0);
    const fb_header two[] = {{fb_text("Authorization"), fb_text("Bearer abc")},
                             {fb_text("authorization"), fb_text("Bearer abc")}};
    fb_request request = FB_REQUEST_INIT;
    request.headers = two;
    request.header_count = 2;
    CHECK(fb_request_token(plain, &request, &found, &error) == FB_REQUEST_MALFORMED);
    CHECK(strstr(error.text, "more than one") != NULL);
}

TEST(no_token_in_the_query)
{
    static const char *const bad[] = {
        "/?access_token=x",           "/?access_token",     "/?access_token=",
        "/?a=b&access_token=x",       "/?a;access_token=x", "/?%61ccess_token=x",
        "/?access%5Ftoken=x",         "/?access%5ftoken",   "https://h/p?q=1&access_token=x&r=2",
        "https://h?access_token=x#f", "?access_token=x",    "/?&&access_token",
        "/?a?b&access_token=1"};
    static const char *const good[] = {"/",
                                       "/access_token=x",
                                       "/?Access_token=x",
                                       "/?access_token2=x",
                                       "/?xaccess_token=x",
                                       "/?a=access_token",
                                       "/?a=?access_token=x",
                                       "/#?access_token=x",
                                       "/?a#&access_token=x",
                                       "/?access_toke%6",
                                       "/?access_toke%",
                                       "/?access%255ftoken=x",
                                       "/?access+token=x",
                                       "/?",
                                       "",
                                       "/?access_toke%zz"};
    fb_slice found;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (find(plain, "Authorization", fb_text("Bearer abc"), bad[i], &found) != FB_REQUEST_MALFORMED ||
            find(plain, "Authorization", fb_text("Basic abc"), bad[i], &found) != FB_REQUEST_MALFORMED) {
            FAIL("%s was accepted", bad[i]);
        }
        test_checks++;
    }
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        if (find(plain, "Authorization", fb_text("Bearer abc"), good[i], &found) != FB_OK) {
            FAIL("%s: %s", good[i], error.text);
        }
        test_checks++;
    }
}

static fb_status find_elsewhere(const char *token_header, const fb_header *headers, size_t count, fb_slice *out)
{
    fb_request request = FB_REQUEST_INIT;
    request.headers = headers;
    request.header_count = count;
    request.token_header = fb_text(token_header);
    return fb_request_token(dpop, &request, out, &error);
}

TEST(a_token_in_another_header)
{
    const fb_header headers[] = {{fb_text("Authorization"), fb_text("Bearer other")},
                                 {fb_text("x-token"), fb_text("a.b.c")},
                                 {fb_text("Authorization"), fb_text("twice")},
                                 {fb_text("X-TOKEN"), fb_text("d.e.f")}};
    static const char *const bad[] = {"", "Bearer a.b.c", " a.b.c", "a.b.c ", "a.b.c,d.e.f", "a.b.c, d.e.f", "="};
    fb_slice found;
    CHECK(find_elsewhere("X-Token", headers, 3, &found) == FB_OK && fb__slice_equal(found, fb_text("a.b.c")));
    CHECK(find_elsewhere("X-Token", headers, 1, &found) == FB_TOKEN_MISSING && found.data == NULL);
    CHECK(find_elsewhere("X-Token", headers, 4, &found) == FB_REQUEST_MALFORMED && found.data == NULL);
    CHECK(find_elsewhere("X-Toke", headers, 4, &found) == FB_TOKEN_MISSING);
    CHECK(find_elsewhere(NULL, headers, 2, &found) == FB_OK && fb__slice_equal(found, fb_text("other")));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        const fb_header one = {fb_text("X-Token"), fb_text(bad[i])};
        CHECK(find_elsewhere("X-Token", &one, 1, &found) == FB_REQUEST_MALFORMED);
    }
    static const char *const no_names[] = {"", "X Token", "X-Token:", "authorization", "DPoP", "X-T\xc3\xb6ken"};
    for (size_t i = 0; i < sizeof(no_names) / sizeof(no_names[0]); i++) {
        CHECK(find_elsewhere(no_names[i], headers, 2, &found) == FB_CONFIGURATION_INVALID);
        CHECK(strstr(error.text, "token_header") != NULL);
    }
}

TEST(mistakes_of_the_host)
{
    fb_request request = FB_REQUEST_INIT;
    fb_slice found;
    request.header_count = 1;
    CHECK(fb_request_token(plain, &request, &found, &error) == FB_CONFIGURATION_INVALID);
    request.size = 0;
    CHECK(fb_request_token(plain, &request, &found, &error) == FB_CONFIGURATION_INVALID);
    request.size = sizeof(request) + 1;
    CHECK(fb_request_token(plain, &request, &found, &error) == FB_CONFIGURATION_INVALID);
    request = (fb_request)FB_REQUEST_INIT;
    request.size = offsetof(fb_request, url); /* an older program: nothing else is looked at */
    request.header_count = 7;
    CHECK(fb_request_token(plain, &request, &found, &error) == FB_TOKEN_MISSING);
}

int main(void)
{
    const fb_dpop options = FB_DPOP_INIT;
    proofs_start("EdDSA");
    plain = proofs_verifier(NULL);
    dpop = proofs_verifier(&options);
    RUN(one_token_in_one_header);
    RUN(no_credential_that_is_taken_here);
    RUN(malformed);
    RUN(no_token_in_the_query);
    RUN(a_token_in_another_header);
    RUN(mistakes_of_the_host);
    fb_verifier_free(plain);
    fb_verifier_free(dpop);
    proofs_end();
    return TEST_RESULT();
}
