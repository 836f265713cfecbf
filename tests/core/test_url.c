/* Which URLs keys may be fetched from. */
#include "keysets/url.h"
#include "test.h"

static fb_status check(const char *url, bool allow_http)
{
    fb_error error = FB_ERROR_INIT;
    fb_status status = fb__url_check(fb_text(url), "jwks_uri", allow_http, &error);
    CHECK(status == FB_OK || (status == FB_CONFIGURATION_INVALID && strstr(error.text, "jwks_uri") != NULL));
    return status;
}

static void refused(const char *url)
{
    if (check(url, false) != FB_CONFIGURATION_INVALID || check(url, true) != FB_CONFIGURATION_INVALID) {
        FAIL("accepted: %s", url);
    }
}

static void accepted(const char *url)
{
    if (check(url, false) != FB_OK) {
        FAIL("refused: %s", url);
    }
}

static void only_with_allow_http(const char *url)
{
    if (check(url, false) != FB_CONFIGURATION_INVALID || check(url, true) != FB_OK || fb__url_loopback(fb_text(url))) {
        FAIL("not just with allow_http: %s", url);
    }
}

TEST(good_ones)
{
    accepted("https://issuer.example");
    accepted("https://issuer.example/");
    accepted("https://issuer.example/.well-known/jwks.json");
    accepted("HTTPS://Issuer.Example:8443/a/b?x=1&y=@2");
    accepted("https://issuer.example?kid=1");
    accepted("https://under_score.example/jwks");
    accepted("https://192.0.2.1/jwks");
    accepted("https://[2001:db8::1]:443/jwks");
    accepted("https://issuer.example:65535/");
    accepted("https://issuer.example/a%20b");
}

TEST(http_is_for_loopback)
{
    accepted("http://localhost/jwks");
    accepted("http://LOCALHOST:8080/jwks");
    accepted("http://127.0.0.1/jwks");
    accepted("http://127.255.0.9:1/jwks");
    accepted("http://[::1]:8080/jwks");
    only_with_allow_http("http://issuer.example/jwks");
    only_with_allow_http("http://keycloak:8080/jwks");
    only_with_allow_http("http://localhost.example/jwks");
    only_with_allow_http("http://127.0.0.1.example/jwks");
    only_with_allow_http("http://127.0.0/jwks");
    only_with_allow_http("http://127.1/jwks");
    only_with_allow_http("http://127.0.0.1.1/jwks");
    only_with_allow_http("http://127.0.0.256/jwks");
    only_with_allow_http("http://127.0.0.01/jwks");
    only_with_allow_http("http://127.0.0./jwks");
    only_with_allow_http("http://0x7f000001/jwks");
    only_with_allow_http("http://2130706433/jwks");
    only_with_allow_http("http://128.0.0.1/jwks");
    only_with_allow_http("http://10.0.0.1/jwks");
    only_with_allow_http("http://169.254.169.254/latest/meta-data");
    only_with_allow_http("http://[::2]/jwks");
    only_with_allow_http("http://[::ffff:127.0.0.1]/jwks");
    only_with_allow_http("http://0.0.0.0/jwks");
}

TEST(bad_ones)
{
    refused("");
    refused("jwks");
    refused("/jwks");
    refused("//issuer.example/jwks");
    refused("issuer.example/jwks");
    refused("https:issuer.example");
    refused("https:/issuer.example");
    refused("https://");
    refused("https:///jwks");
    refused("https://:443/jwks");
    refused("https://?x");
    refused("ftp://issuer.example/jwks");
    refused("file:///etc/passwd");
    refused("gopher://issuer.example/");
    refused("data:application/json,{}");
    refused("dict://localhost:11211/");
    refused("javascript:alert(1)");
    refused("httpss://issuer.example/");
    refused("https://user@issuer.example/");
    refused("https://user:secret@issuer.example/");
    refused("https://localhost@issuer.example/");
    refused("http://127.0.0.1@issuer.example/");
    refused("https://issuer.example/#keys");
    refused("https://issuer.example#keys");
    refused("https://issuer.example/a b");
    refused(" https://issuer.example/");
    refused("https://issuer.example/\r\nHost: other");
    refused("https://issuer.example/\t");
    refused("https://issuer.example/\x7f");
    refused("https://issuer.example\\@other.example/");
    refused("https://issuer.ex\xc3\xa4mple/");
    refused("https://issuer.example/\xff");
    refused("https://issuer%2eexample/");
    refused("https://issuer.example:0/");
    refused("https://issuer.example:65536/");
    refused("https://issuer.example:/x:");
    refused("https://issuer.example:80a/");
    refused("https://issuer.example:-1/");
    refused("https://issuer.example:123456/");
    refused("https://[::1/");
    refused("https://[]/");
    refused("https://[::1]x/");
    refused("https://[fe80::1%25eth0]/");
    refused("https://a,b/");
}

TEST(size)
{
    static const char nul[] = "https://issuer.example/\0x";
    char text[4096];
    memset(text, 'a', sizeof(text));
    memcpy(text, "https://a/", 10);
    CHECK(fb__url_check((fb_slice){text, 2048}, "jwks_uri", false, NULL) == FB_OK);
    CHECK(fb__url_check((fb_slice){text, 2049}, "jwks_uri", false, NULL) == FB_CONFIGURATION_INVALID);
    CHECK(fb__url_check((fb_slice){nul, sizeof(nul) - 1}, "jwks_uri", false, NULL) == FB_CONFIGURATION_INVALID);
    /* No byte behind the end is looked at. */
    CHECK(fb__url_check((fb_slice){"https://a@", 9}, "jwks_uri", false, NULL) == FB_OK);
}

TEST(what_may_be_logged)
{
    CHECK(fb__url_loggable_size(fb_text("https://a/b?secret=1")) == 11);
    CHECK(fb__url_loggable_size(fb_text("https://a/b")) == 11);
}

int main(void)
{
    RUN(good_ones);
    RUN(http_is_for_loopback);
    RUN(bad_ones);
    RUN(size);
    RUN(what_may_be_logged);
    return TEST_RESULT();
}
