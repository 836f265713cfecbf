/*
 * Target functions: fb_verifier_refresh_complete, fb__freshness, fb__url_check. Input: lines: status, Cache-Control,
 * Age, ETag, Content-Encoding, Content-Length, Transfer-Encoding, a URL; then the body, "=" for a good one.
 */
#include "../core/setup.h"
#include "fuzz.h"
#include "keysets/cache_control.h"
#include "keysets/url.h"

static const char good_body[] = "{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"kid\":\"k\",\"x\":"
                                "\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}]}";

static fb_slice given(fb_slice line)
{
    return line.size == 0 ? (fb_slice){NULL, 0} : line;
}

static void check_url(fb_slice url)
{
    if (url.data != NULL && fb__url_check(url, "jwks_uri", true, NULL) == FB_OK) {
        REQUIRE(fb__url_loggable_size(url) <= url.size);
        (void)fb__url_loopback(url);
        REQUIRE(memchr(url.data, '\0', url.size) == NULL && memchr(url.data, ' ', url.size) == NULL);
    }
}

static void check_state(const fb_verifier *verifier, fb_status status, double lifetime)
{
    fb_stats stats = FB_STATS_INIT;
    REQUIRE(fb_verifier_stats(verifier, 1.0, &stats, NULL) == FB_OK);
    REQUIRE(stats.keys_held == (status == FB_OK) && (stats.last_error[0] == '\0') == (status == FB_OK));
    REQUIRE(stats.fetches == 1 && stats.fetch_failures == (status != FB_OK));
    if (status == FB_OK) {
        REQUIRE(fb_verifier_stats(verifier, lifetime * 0.999, &stats, NULL) == FB_OK);
        REQUIRE(stats.keys_fresh);
        REQUIRE(fb_verifier_stats(verifier, lifetime + 1.001, &stats, NULL) == FB_OK);
        REQUIRE(!stats.keys_fresh && !stats.keys_held);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct setup options = SETUP_INIT;
    fb_verifier *verifier = NULL;
    fb_fetch fetch = FB_FETCH_INIT;
    fb_fetched fetched = FB_FETCHED_INIT;
    fb_error error = FB_ERROR_INIT;
    const fb_slice code = fuzz_line(&data, &size);
    for (size_t i = 0; i < code.size && i < 4; i++) {
        fetched.http_status = fetched.http_status * 10 + (code.data[i] - '0');
    }
    fetched.cache_control = given(fuzz_line(&data, &size));
    fetched.age = given(fuzz_line(&data, &size));
    fetched.etag = given(fuzz_line(&data, &size));
    fetched.content_encoding = given(fuzz_line(&data, &size));
    fetched.content_length = given(fuzz_line(&data, &size));
    fetched.transfer_encoding = given(fuzz_line(&data, &size));
    check_url(given(fuzz_line(&data, &size)));
    fetched.body = size == 1 && *data == '=' ? fb_text(good_body) : fuzz_slice(data, size);
    const double lifetime = fb__freshness(fetched.cache_control, fetched.age);
    REQUIRE(lifetime >= 60.0 && lifetime <= 3600.0);

    options.issuer.jwks_uri = fb_text("https://issuer.example/jwks");
    options.issuer.algorithms = FB_LIST(fb_text("EdDSA"), fb_text("RS256"), fb_text("ES256"));
    REQUIRE(setup_verifier(&verifier, &options, NULL) == FB_OK);
    REQUIRE(fb_verifier_refresh_begin(verifier, SOLE_ISSUER, 1.0, FB_REFRESH_EXPLICIT, 0, &fetch, NULL) == FB_OK);
    REQUIRE(fetch.decision == FB_FETCH_NOW);
    const fb_status status =
        fb_verifier_refresh_complete(verifier, SOLE_ISSUER, fetch.ticket, 1.0, &fetched, NULL, &error);
    REQUIRE(status == FB_OK || status == FB_KEYS_UNAVAILABLE);
    REQUIRE(status != FB_OK || fetched.content_length.data == NULL || fetched.transfer_encoding.data == NULL);
    REQUIRE(status != FB_OK || (fetched.http_status == 200 && fetched.body.size <= 65536));
    check_state(verifier, status, lifetime);
    fb_verifier_free(verifier);
    fuzz_no_errors_left();
    return 0;
}
