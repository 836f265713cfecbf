/*
 * Discovery: which documents are asked for, what one must say, and a flight of several steps. The clock is the test's,
 * and so is the provider: a step is what complete gives out next.
 */
#include "keysets/url.h"
#include "source.h"

#include <math.h>
#include <sys/wait.h>
#include <unistd.h>

#define ISSUER "https://issuer.example/tenant"
#define KEYS "https://issuer.example/tenant/keys"

static fb_issuer issuer_of(const char *identifier)
{
    static fb_slice identifiers[4];
    static unsigned next;
    fb_slice *place = &identifiers[next++ % 4];
    fb_issuer issuer = FB_ISSUER_INIT;
    *place = fb_text(identifier);
    issuer.identifiers = (fb_list){place, 1};
    return issuer;
}

static fb__key_source *made(const fb_issuer *issuer)
{
    fb__key_source *source = NULL;
    fb_error error = FB_ERROR_INIT;
    if (fb__key_source_new(&source, &fb__mem_default, issuer, &error) != FB_OK) {
        FAIL("%s", error.text);
        exit(1);
    }
    return source;
}

static fb__key_source *discovering(const char *identifier)
{
    const fb_issuer issuer = issuer_of(identifier);
    return made(&issuer);
}

/* ---- one step */

static fb_error error;
static fb_fetch next;

static fb_status step(fb__key_source *source, uint64_t ticket, double now, int status, fb_slice body)
{
    fb_fetched fetched = FB_FETCHED_INIT;
    fetched.http_status = status;
    fetched.body = body;
    next = (fb_fetch)FB_FETCH_INIT;
    fb_status outcome = fb__key_source_complete(source, ticket, now, &fetched, &next, &error);
    CHECK(error.status == outcome);
    CHECK(outcome == FB_OK || next.decision == FB_FETCH_DONE);
    return outcome;
}

/* The text lives until the next call but three. */
static fb_slice metadata(const char *issuer, const char *jwks_uri)
{
    static char texts[4][8192];
    static unsigned number;
    char *text = texts[number++ % 4];
    int size = snprintf(text, sizeof(texts[0]),
                        "{\"authorization_endpoint\":\"x\",\"issuer\":\"%s\",\"jwks_uri\":\"%s\"}", issuer, jwks_uri);
    return (fb_slice){text, (size_t)size};
}

static fb_fetch begin_now(fb__key_source *source, double now)
{
    fb_fetch fetch = begin(source, now, FB_REFRESH_EXPLICIT, 0);
    CHECK(fetch.decision == FB_FETCH_NOW && fetch.ticket != 0);
    return fetch;
}

static bool asks_for(const fb_fetch *fetch, const char *url)
{
    return fetch->decision == FB_FETCH_NOW && fb__slice_equal(fetch->url, fb_text(url)) &&
           fetch->url.data[fetch->url.size] == '\0';
}

/* Both steps go well; the document names this URL. */
static void discover(fb__key_source *source, double now, const char *jwks_uri, const char *kid)
{
    const fb_fetch fetch = begin_now(source, now);
    CHECK(asks_for(&fetch, ISSUER "/.well-known/openid-configuration"));
    CHECK(step(source, fetch.ticket, now, 200, metadata(ISSUER, jwks_uri)) == FB_OK);
    CHECK(asks_for(&next, jwks_uri));
    CHECK(step(source, fetch.ticket, now, 200, document(kid)) == FB_OK && next.decision == FB_FETCH_DONE);
}

/* ---- construction */

static const char *refused(const fb_issuer *issuer)
{
    fb__key_source *source = NULL;
    error = (fb_error)FB_ERROR_INIT;
    CHECK(fb__key_source_new(&source, &fb__mem_default, issuer, &error) == FB_CONFIGURATION_INVALID && source == NULL);
    return error.text;
}

static bool says(const char *text, const char *words)
{
    if (strstr(text, words) == NULL) {
        FAIL("not \"%s\": %s", words, text);
    }
    return true;
}

TEST(which_issuers_can_be_discovered)
{
    static const struct {
        const char *identifier, *words;
    } cases[] = {
        {"https://login.example/{tid}/v2.0", "template needs jwks_uri"},
        {"https://login.example/}", "template needs jwks_uri"},
        {"https://issuer.example/a?b", "query needs jwks_uri"},
        {"https://issuer.example/#a", "must not have a fragment"},
        {"http://issuer.example", "must begin with https://"},
        {"issuer.example", "must begin with https://"},
        {"urn:issuer", "must begin with https://"},
        {"", "must be a URL"},
        {"https://user@issuer.example", "user name"},
        {"https://", "no valid host"},
        {"https://issuer.example/a b", "holds a space"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const fb_issuer issuer = issuer_of(cases[i].identifier);
        const char *text = refused(&issuer);
        CHECK(says(text, cases[i].words) && says(text, "needs jwks_uri"));
    }
    fb_issuer issuer = FB_ISSUER_INIT;
    CHECK(says(refused(&issuer), "one of public_key, jwks, jwks_uri or secret must be given"));
    issuer.identifiers = FB_LIST(fb_text(ISSUER), fb_text("https://other.example"));
    CHECK(says(refused(&issuer), "several identifiers needs jwks_uri"));
    issuer.identifiers.count = 0;
    CHECK(says(refused(&issuer), "one identifier"));
    fb__key_source_release(discovering("http://127.0.0.1:8080/realm"));
    issuer = issuer_of("http://keycloak:8080/realm");
    CHECK(says(refused(&issuer), "allow_http"));
    issuer.allow_http = true;
    fb__key_source_release(made(&issuer));
}

TEST(an_identifier_may_be_as_long_as_its_urls)
{
    static char text[2049];
    memset(text, 'a', sizeof(text) - 1);
    memcpy(text, "https://a/", 10);
    fb_issuer issuer = issuer_of(text);
    CHECK(says(refused(&issuer), "too long"));
    text[2048 - sizeof("/.well-known/oauth-authorization-server")] = '\0';
    fb__key_source *source = discovering(text);
    fb_fetch fetch = begin_now(source, 0.0);
    CHECK(fb__url_check(fetch.url, "", false, NULL) == FB_OK);
    CHECK(step(source, fetch.ticket, 0.0, 404, fb_text("")) == FB_OK);
    CHECK(fb__url_check(next.url, "", false, NULL) == FB_OK && next.url.size < 2048);
    fb__key_source_release(source);
}

/* ---- where the document is */

/* All candidates, until none is left. */
static void expect_urls(const char *identifier, size_t count, const char *const urls[])
{
    fb__key_source *source = discovering(identifier);
    fb_fetch fetch = begin_now(source, 0.0);
    for (size_t i = 0; i < count; i++) {
        if (!asks_for(i == 0 ? &fetch : &next, urls[i])) {
            FAIL("%s: not %s", identifier, urls[i]);
        }
        CHECK(step(source, fetch.ticket, 0.0, 404, fb_text("")) == (i + 1 < count ? FB_OK : FB_KEYS_UNAVAILABLE));
        CHECK(i + 1 == count || (next.ticket == fetch.ticket && next.etag[0] == '\0' && next.max_bytes == 65536));
    }
    char words[96];
    snprintf(words, sizeof(words), ": none of its %zu well-known URLs has a metadata document", count);
    CHECK(strstr(error.text, identifier) == error.text && says(error.text, words));
    CHECK(error.retry_after == 1.0);
    fb__key_source_release(source);
}

TEST(where_documents_are_looked_for)
{
    static const char *const with_path[] = {"https://issuer.example/tenant/.well-known/openid-configuration",
                                            "https://issuer.example/.well-known/oauth-authorization-server/tenant",
                                            "https://issuer.example/.well-known/openid-configuration/tenant"};
    static const char *const without[] = {"https://issuer.example/.well-known/openid-configuration",
                                          "https://issuer.example/.well-known/oauth-authorization-server"};
    static const char *const with_port[] = {"HTTPS://Issuer.example:8443/a//.well-known/openid-configuration",
                                            "HTTPS://Issuer.example:8443/.well-known/oauth-authorization-server/a/",
                                            "HTTPS://Issuer.example:8443/.well-known/openid-configuration/a/"};
    expect_urls("https://issuer.example/tenant", 3, with_path);
    expect_urls("https://issuer.example/tenant/", 3, with_path); /* RFC 8414 section 3.1 */
    expect_urls("https://issuer.example", 2, without);
    expect_urls("https://issuer.example/", 2, without);
    expect_urls("HTTPS://Issuer.example:8443/a//", 3, with_port);
}

TEST(which_statuses_are_passed_over)
{
    static const int passed_over[] = {400, 401, 403, 404, 405, 410, 451, 499};
    static const int refused_ones[] = {0,   100, 201, 204, 206, 301, 302, 304, 307,
                                       308, 429, 500, 502, 503, 599, 999, -1};
    for (size_t i = 0; i < sizeof(passed_over) / sizeof(passed_over[0]); i++) {
        fb__key_source *source = discovering(ISSUER);
        fb_fetch fetch = begin_now(source, 0.0);
        CHECK(step(source, fetch.ticket, 0.5, passed_over[i], metadata(ISSUER, KEYS)) == FB_OK);
        CHECK(asks_for(&next, "https://issuer.example/.well-known/oauth-authorization-server/tenant"));
        CHECK(step(source, fetch.ticket, 1.0, 200, metadata(ISSUER, KEYS)) == FB_OK && asks_for(&next, KEYS));
        CHECK(step(source, fetch.ticket, 1.5, 200, document("a")) == FB_OK && next.decision == FB_FETCH_DONE);
        fb__key_source_release(source);
    }
    for (size_t i = 0; i < sizeof(refused_ones) / sizeof(refused_ones[0]); i++) {
        fb__key_source *source = discovering(ISSUER);
        char words[128];
        fb_fetch fetch = begin_now(source, 0.0);
        CHECK(step(source, fetch.ticket, 0.5, refused_ones[i], metadata(ISSUER, KEYS)) == FB_KEYS_UNAVAILABLE);
        snprintf(words, sizeof(words), "/.well-known/openid-configuration: answered with status %d", refused_ones[i]);
        CHECK(says(error.text, words) && error.retry_after == 1.0);
        CHECK((strstr(error.text, "redirects are not followed") != NULL) ==
              (refused_ones[i] >= 300 && refused_ones[i] < 400));
        fb__key_source_release(source);
    }
}

/* ---- what it says */

static void document_refused(fb_slice body, const char *words)
{
    fb__key_source *source = discovering(ISSUER);
    fb_fetch fetch = begin_now(source, 0.0);
    fb__key_source_info info;
    CHECK(step(source, fetch.ticket, 0.0, 200, body) == FB_KEYS_UNAVAILABLE);
    CHECK(says(error.text, words) && strstr(error.text, ISSUER "/.well-known/openid-configuration: ") == error.text);
    fb__key_source_describe(source, &info);
    CHECK(info.jwks_uri_size == 0 && isinf(info.fetched_at));
    fetch = begin_now(source, 0.0);
    CHECK(asks_for(&fetch, ISSUER "/.well-known/openid-configuration"));
    fb__key_source_release(source);
}

TEST(what_a_document_must_say)
{
    static const char *const texts[][2] = {
        {"", "not one JSON object"},
        {"[]", "not one JSON object"},
        {"<!doctype html>", "not one JSON object"},
        {"{\"issuer\":\"" ISSUER "\",\"jwks_uri\":\"" KEYS "\"", "not one JSON object"},
        {"{\"issuer\":\"" ISSUER "\",\"jwks_uri\":\"" KEYS "\"}x", "not one JSON object"},
        {"{\"issuer\":\"" ISSUER "\",\"jwks_uri\":\"" KEYS "\",\"jwks_uri\":\"" KEYS "\"}", "not one JSON object"},
        {"{\"jwks_uri\":\"" KEYS "\"}", "has no issuer"},
        {"{\"issuer\":7,\"jwks_uri\":\"" KEYS "\"}", "has no issuer that is text"},
        {"{\"issuer\":[\"" ISSUER "\"],\"jwks_uri\":\"" KEYS "\"}", "has no issuer that is text"},
        {"{\"a\":{\"issuer\":\"" ISSUER "\"},\"jwks_uri\":\"" KEYS "\"}", "has no issuer"},
        {"{\"issuer\":\"" ISSUER "\"}", "has no jwks_uri"},
        {"{\"issuer\":\"" ISSUER "\",\"jwks_uri\":null}", "has no jwks_uri that is text"},
        {"{\"issuer\":\"" ISSUER "\",\"JWKS_URI\":\"" KEYS "\"}", "has no jwks_uri"},
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        document_refused(fb_text(texts[i][0]), texts[i][1]);
    }
    static char large[65537];
    memset(large, ' ', sizeof(large));
    document_refused((fb_slice){large, sizeof(large)}, "larger than max_jwks_bytes (65536)");
    static char many[60000];
    memset(many, '1', sizeof(many));
    memcpy(many, "{\"a\":[", 6);
    for (size_t i = 7; i < sizeof(many) - 2; i += 2) {
        many[i] = ',';
    }
    memcpy(many + sizeof(many) - 3, "1]}", 3);
    document_refused((fb_slice){many, sizeof(many)}, "too many values");
}

TEST(a_document_of_another_issuer)
{
    static const char *const others[] = {"https://issuer.example/tenant/",    "https://issuer.example/Tenant",
                                         "https://issuer.example:443/tenant", "https://evil.example/tenant",
                                         "https://issuer.example/{tenantid}", ""};
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        document_refused(metadata(others[i], KEYS), "which is not the identifier");
        CHECK(strstr(error.text, others[i]) != NULL);
    }
    document_refused(metadata("a\xc3\xa4\\n\\u0007b", KEYS), "is \"a??\\n\\u0007b\", which is not");
    char text[301];
    memset(text, 'x', 300);
    text[300] = '\0';
    document_refused(metadata(text, KEYS), "x\" and more, which is not the id");
    text[81] = '\0';
    CHECK(strstr(error.text, text) == NULL); /* cut */
}

TEST(where_keys_may_be)
{
    static const char *const urls[][2] = {
        {"", "jwks_uri must be a URL"},
        {"/keys", "jwks_uri must begin with https://"},
        {"ftp://issuer.example/keys", "jwks_uri must begin with https://"},
        {"file:///etc/passwd", "jwks_uri must begin with https://"},
        {"http://issuer.example/keys", "jwks_uri must begin with https://"},
        {"http://127.0.0.1/keys", "jwks_uri must begin with https://, as the identifier"},
        {"https://user:password@issuer.example/keys", "jwks_uri must not hold a user name"},
        {"https://issuer.example/keys#1", "jwks_uri must not have a fragment"},
        {"https://issuer.example/k\\u0065ys\\nHost: x", "jwks_uri holds a space"},
        {"https:\\\\\\\\issuer.example", "jwks_uri holds a space, a control character, a backslash"},
    };
    for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
        document_refused(metadata(ISSUER, urls[i][0]), urls[i][1]);
        CHECK(strstr(error.text, "password@") == NULL);
    }
    char text[6 * 2048 + 2];
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    memcpy(text, "https://a/", 10);
    char body[sizeof(text) + 128];
    for (size_t i = 0; i < 2; i++) {
        int size = snprintf(body, sizeof(body), "{\"issuer\":\"%s\",\"jwks_uri\":\"%s\"}", ISSUER, text);
        document_refused((fb_slice){body, (size_t)size},
                         i == 0 ? "jwks_uri is too long" : "jwks_uri must be a URL of 1");
        text[2049] = '\0';
    }
    fb__key_source *source = discovering(ISSUER);
    fb_fetch fetch = begin_now(source, 0.0);
    CHECK(step(source, fetch.ticket, 0.0, 200, metadata(ISSUER, "https:\\/\\/k\\u0065ys.example:444\\/a?b=c")) ==
          FB_OK);
    CHECK(asks_for(&next, "https://keys.example:444/a?b=c"));
    fb__key_source_release(source);
}

TEST(http_where_the_options_allow_it)
{
    fb_issuer issuer = issuer_of("http://localhost:8080/realm");
    fb__key_source *source = made(&issuer);
    fb_fetch fetch = begin_now(source, 0.0);
    CHECK(step(source, fetch.ticket, 0.0, 200, metadata("http://localhost:8080/realm", "http://127.0.0.1/k")) == FB_OK);
    CHECK(asks_for(&next, "http://127.0.0.1/k"));
    fb__key_source_release(source);
    source = made(&issuer);
    fetch = begin_now(source, 0.0);
    CHECK(step(source, fetch.ticket, 0.0, 200, metadata("http://localhost:8080/realm", "http://far.example/k")) ==
          FB_KEYS_UNAVAILABLE);
    fb__key_source_release(source);
    issuer = issuer_of(ISSUER);
    issuer.allow_http = true;
    source = made(&issuer);
    fetch = begin_now(source, 0.0);
    CHECK(step(source, fetch.ticket, 0.0, 200, metadata(ISSUER, "http://far.example/k")) == FB_OK);
    CHECK(asks_for(&next, "http://far.example/k"));
    fb__key_source_release(source);
}

/* The rules of a key set hold for a document too. */
TEST(a_document_that_did_not_come_whole)
{
    fb_fetched fetched = FB_FETCHED_INIT;
    fetched.http_status = 200;
    fetched.body = metadata(ISSUER, KEYS);
    static const char *const words[] = {"both a Content-Length", "content-encoded", "connection refused"};
    for (size_t i = 0; i < 3; i++) {
        fb_fetched one = fetched;
        fb__key_source *source = discovering(ISSUER);
        fb_fetch fetch = begin_now(source, 0.0);
        if (i == 0) {
            one.content_length = fb_text("1");
            one.transfer_encoding = fb_text("chunked");
        } else if (i == 1) {
            one.content_encoding = fb_text("gzip");
        } else {
            one.failure = fb_text("connection refused");
        }
        CHECK(fb__key_source_complete(source, fetch.ticket, 0.0, &one, &next, &error) == FB_KEYS_UNAVAILABLE);
        CHECK(says(error.text, words[i]) && next.decision == FB_FETCH_DONE);
        fb__key_source_release(source);
    }
}

/* ---- the flight */

TEST(both_steps_are_one_flight)
{
    fb__key_source *source = discovering(ISSUER);
    uint64_t request;
    CHECK(look(source, 0.0, "a", &request) == FB_KEYS_NEEDED);
    fb_fetch fetch = begin(source, 0.0, FB_REFRESH_TOKEN, request);
    CHECK(fetch.decision == FB_FETCH_NOW && fetch.timeout == 10.0);
    CHECK(begin(source, 1.0, FB_REFRESH_TOKEN, request).decision == FB_FETCH_WAIT);
    CHECK(step(source, fetch.ticket, 4.0, 404, fb_text("")) == FB_OK && next.timeout == 6.0);
    CHECK(look(source, 4.0, "a", &request) == FB_KEYS_NEEDED);
    fb_fetch second = begin(source, 4.0, FB_REFRESH_TOKEN, request);
    CHECK(second.decision == FB_FETCH_WAIT && second.ticket == fetch.ticket && second.url.data == NULL);
    CHECK(step(source, fetch.ticket, 7.0, 200, metadata(ISSUER, KEYS)) == FB_OK && next.timeout == 3.0);
    CHECK(!fb__key_source_wait(source, fetch.ticket, 0.0) && fb__key_source_generation(source, 7.0) == 0);
    CHECK(step(source, fetch.ticket, 8.0, 200, document("a")) == FB_OK && next.decision == FB_FETCH_DONE);
    CHECK(fb__key_source_wait(source, fetch.ticket, 0.0));
    CHECK(look(source, 8.0, "a", &request) == FB_OK);
    CHECK(look(source, 8.0, "b", &request) == FB_KEYS_NEEDED);
    CHECK(step(source, fetch.ticket, 8.0, 200, document("a")) == FB_CONFIGURATION_INVALID);
    fb_stats stats = FB_STATS_INIT;
    fb__key_source_stats(source, 8.0, &stats);
    CHECK(stats.fetches == 1 && stats.fetch_failures == 0 && stats.generation == 1 && stats.last_error[0] == '\0');
    fb__key_source_info info;
    fb__key_source_describe(source, &info);
    CHECK(info.fetched_at == 8.0 && info.fresh_until == 608.0);
    CHECK(fb__slice_equal((fb_slice){info.jwks_uri, info.jwks_uri_size}, fb_text(KEYS)));
    fb__key_source_release(source);
}

TEST(a_document_that_takes_all_the_time)
{
    fb__key_source *source = discovering(ISSUER);
    fb_fetch fetch = begin_now(source, 0.0);
    CHECK(step(source, fetch.ticket, 10.0, 200, metadata(ISSUER, KEYS)) == FB_KEYS_UNAVAILABLE);
    CHECK(says(error.text, KEYS ": discovery left no time") && error.retry_after == 1.0);
    fetch = begin_now(source, 20.0);
    CHECK(step(source, fetch.ticket, 30.0, 404, fb_text("")) == FB_KEYS_UNAVAILABLE);
    CHECK(says(error.text, "/.well-known/oauth-authorization-server/tenant: discovery left no time"));
    /* Who began before the clock was read. */
    fetch = begin_now(source, 40.0);
    CHECK(step(source, fetch.ticket, 39.0, 404, fb_text("")) == FB_OK && next.timeout == 10.0);
    fb__key_source_release(source);
}

TEST(a_flight_may_end_at_each_step)
{
    fb__key_source *source = discovering(ISSUER);
    fb_fetched gone = FB_FETCHED_INIT, failed = FB_FETCHED_INIT, good = FB_FETCHED_INIT;
    gone.abandoned = true;
    failed.failure = fb_text("reset");
    good.http_status = 200;
    good.body = metadata(ISSUER, KEYS);
    for (int i = 0; i < 2; i++) {
        fb_fetch fetch = begin_now(source, 0.0);
        CHECK(i == 0 || step(source, fetch.ticket, 0.0, 404, fb_text("")) == FB_OK);
        CHECK(fb__key_source_complete(source, fetch.ticket, 0.0, &good, NULL, &error) == FB_CONFIGURATION_INVALID);
        CHECK(says(error.text, "next must be given"));
        CHECK(fb__key_source_complete(source, fetch.ticket, 0.0, &gone, NULL, &error) == FB_KEYS_UNAVAILABLE);
        CHECK(begin(source, 0.0, FB_REFRESH_AHEAD, 0).decision == FB_FETCH_NOW); /* no back-off */
        CHECK(fb__key_source_complete(source, fetch.ticket + 1, 0.0, &gone, NULL, &error) == FB_KEYS_UNAVAILABLE);
    }
    fb_fetch fetch = begin_now(source, 0.0);
    CHECK(fb__key_source_complete(source, fetch.ticket, 0.0, &failed, NULL, &error) == FB_KEYS_UNAVAILABLE);
    CHECK(error.retry_after == 1.0 && begin(source, 0.5, FB_REFRESH_AHEAD, 0).decision == FB_FETCH_LATER);
    fetch = begin_now(source, 2.0);
    CHECK(step(source, fetch.ticket, 2.0, 200, metadata(ISSUER, KEYS)) == FB_OK);
    CHECK(fb__key_source_complete(source, fetch.ticket, 2.0, &failed, &next, &error) == FB_KEYS_UNAVAILABLE);
    CHECK(says(error.text, KEYS ": reset") && error.retry_after == 2.0 && next.decision == FB_FETCH_DONE);
    fb__key_source_release(source);
}

/* The host of a flight comes back with its document when another has taken over, and is where that one was. */
TEST(a_flight_that_was_taken_over)
{
    fb__key_source *source = discovering(ISSUER);
    fb_fetch first = begin_now(source, 0.0);
    fb_fetch second = begin_now(source, 12.0);
    CHECK(second.ticket != first.ticket && asks_for(&second, ISSUER "/.well-known/openid-configuration"));
    CHECK(step(source, first.ticket, 12.0, 200, metadata(ISSUER, KEYS)) == FB_CONFIGURATION_INVALID);
    CHECK(step(source, second.ticket, 13.0, 200, metadata(ISSUER, KEYS)) == FB_OK && asks_for(&next, KEYS));
    CHECK(step(source, second.ticket, 13.0, 200, document("a")) == FB_OK);
    fb_stats stats = FB_STATS_INIT;
    fb__key_source_stats(source, 13.0, &stats);
    CHECK(stats.fetches == 2 && stats.fetch_failures == 1);
    fb__key_source_release(source);
}

static fb__key_source *meddled_with;
static uint64_t meddled_ticket;

/* A document is read outside of the lock: this is whoever completes the same step at that moment. */
static void *allocate(void *context, size_t size)
{
    (void)context;
    fb__key_source *source = meddled_with;
    meddled_with = NULL;
    if (source != NULL) {
        fb_fetched fetched = FB_FETCHED_INIT;
        fb_fetch other = FB_FETCH_INIT;
        fetched.http_status = 200;
        fetched.body = metadata(ISSUER, KEYS);
        CHECK(fb__key_source_complete(source, meddled_ticket, 1.0, &fetched, &other, NULL) == FB_OK);
        CHECK(asks_for(&other, KEYS));
    }
    return malloc(size);
}

static void release(void *context, void *memory)
{
    (void)context;
    free(memory);
}

TEST(a_step_is_completed_once)
{
    const fb_mem mem = {allocate, release, NULL};
    const fb_issuer issuer = issuer_of(ISSUER);
    fb__key_source *source = NULL;
    CHECK(fb__key_source_new(&source, &mem, &issuer, NULL) == FB_OK);
    const fb_fetch fetch = begin_now(source, 0.0);
    meddled_ticket = fetch.ticket;
    meddled_with = source;
    CHECK(step(source, fetch.ticket, 1.0, 200, metadata(ISSUER, "https://late.example")) == FB_CONFIGURATION_INVALID);
    CHECK(step(source, fetch.ticket, 1.0, 200, document("a")) == FB_OK && next.decision == FB_FETCH_DONE);
    fb__key_source_info info;
    fb__key_source_describe(source, &info);
    CHECK(fb__slice_equal((fb_slice){info.jwks_uri, info.jwks_uri_size}, fb_text(KEYS)));
    fb__key_source_release(source);
}

/* ---- later */

static fb_fetch ahead(fb__key_source *source, double now)
{
    return begin(source, now, FB_REFRESH_AHEAD, 0);
}

TEST(a_known_jwks_uri_is_one_step_for_a_day)
{
    fb__key_source *source = discovering(ISSUER);
    discover(source, 0.0, KEYS, "a");
    double now = 0.0;
    unsigned documents = 0;
    while (now < 3.0 * 86400.0) {
        now += 590.0; /* of 600 s */
        fb_fetch fetch = ahead(source, now);
        CHECK(fetch.decision == FB_FETCH_NOW);
        if (!fb__slice_equal(fetch.url, fb_text(KEYS))) {
            documents++;
            CHECK(step(source, fetch.ticket, now, 200, metadata(ISSUER, KEYS)) == FB_OK && asks_for(&next, KEYS));
        }
        CHECK(step(source, fetch.ticket, now, 200, document("a")) == FB_OK && next.decision == FB_FETCH_DONE);
    }
    CHECK(documents == 2);
    fb_stats stats = FB_STATS_INIT;
    fb__key_source_stats(source, now, &stats);
    CHECK(stats.generation == 1 && stats.fetch_failures == 0);
    fb__key_source_release(source);
}

static void load_with_etag(fb__key_source *source, const fb_fetch *fetch, double now)
{
    fb_fetched fetched = FB_FETCHED_INIT;
    fetched.http_status = 200;
    fetched.body = document("a");
    fetched.etag = fb_text("\"1\"");
    CHECK(fb__key_source_complete(source, fetch->ticket, now, &fetched, &next, &error) == FB_OK);
}

TEST(a_jwks_uri_that_changes_is_followed)
{
    fb__key_source *source = discovering(ISSUER);
    uint64_t request;
    fb_fetch fetch = begin_now(source, 0.0);
    CHECK(step(source, fetch.ticket, 0.0, 200, metadata(ISSUER, KEYS)) == FB_OK && next.etag[0] == '\0');
    load_with_etag(source, &fetch, 0.0);
    fetch = begin_now(source, 1.0);
    CHECK(asks_for(&fetch, KEYS) && strcmp(fetch.etag, "\"1\"") == 0);
    CHECK(step(source, fetch.ticket, 1.0, 404, fb_text("")) == FB_KEYS_UNAVAILABLE && says(error.text, "status 404"));
    /* The keys could not be had: it is asked again where they are, and for the document nothing is sent along. */
    fetch = begin_now(source, 2.0);
    CHECK(asks_for(&fetch, ISSUER "/.well-known/openid-configuration") && fetch.etag[0] == '\0');
    CHECK(look(source, 2.0, "a", &request) == FB_OK);
    CHECK(step(source, fetch.ticket, 2.0, 200, metadata(ISSUER, KEYS)) == FB_OK);
    CHECK(asks_for(&next, KEYS) && strcmp(next.etag, "\"1\"") == 0); /* the same place, the same set */
    CHECK(step(source, fetch.ticket, 2.0, 500, fb_text("")) == FB_KEYS_UNAVAILABLE);
    fetch = begin_now(source, 3.0);
    CHECK(step(source, fetch.ticket, 3.0, 200, metadata(ISSUER, "https://keys.example/new")) == FB_OK);
    CHECK(asks_for(&next, "https://keys.example/new") && next.etag[0] == '\0');
    CHECK(step(source, fetch.ticket, 3.0, 304, fb_text("")) == FB_KEYS_UNAVAILABLE); /* to an etag of somewhere else */
    fetch = begin_now(source, 4.0);
    CHECK(step(source, fetch.ticket, 4.0, 200, metadata(ISSUER, "https://keys.example/new")) == FB_OK);
    CHECK(step(source, fetch.ticket, 4.0, 200, document("b")) == FB_OK);
    CHECK(look(source, 4.0, "b", &request) == FB_OK && look(source, 4.0, "a", &request) == FB_KEYS_NEEDED);
    fb__key_source_info info;
    fb__key_source_describe(source, &info);
    CHECK(fb__slice_equal((fb_slice){info.jwks_uri, info.jwks_uri_size}, fb_text("https://keys.example/new")));
    fb__key_source_release(source);
}

/* Nothing of what went wrong with a document touches what is held. */
TEST(held_keys_survive_a_document_that_goes_bad)
{
    fb__key_source *source = discovering(ISSUER);
    uint64_t request;
    discover(source, 0.0, KEYS, "a");
    const double day = 86401.0;
    for (double now = 500.0; now < day; now += 500.0) {
        fb_fetch fetch = begin_now(source, now);
        CHECK(asks_for(&fetch, KEYS) && step(source, fetch.ticket, now, 200, document("a")) == FB_OK);
    }
    fb_fetch fetch = begin_now(source, day);
    CHECK(step(source, fetch.ticket, day, 200, metadata("https://evil.example", "https://evil.example/keys")) ==
          FB_KEYS_UNAVAILABLE);
    CHECK(look(source, day, "a", &request) == FB_OK);
    fb__key_source_info info;
    fb__key_source_describe(source, &info);
    CHECK(fb__slice_equal((fb_slice){info.jwks_uri, info.jwks_uri_size}, fb_text(KEYS)));
    CHECK(ahead(source, day + 0.5).decision != FB_FETCH_NOW);
    CHECK(look(source, day + 3600.0, "a", &request) == FB_OK); /* stale_if_error */
    fb__key_source_release(source);
}

/* A server that cannot give the document now has not withdrawn it. */
TEST(keys_are_fetched_where_they_were_when_the_document_cannot_be_had)
{
    static const int not_now[] = {429, 500, 503, 599}, withdrawn[] = {302, 204, 600};
    fb__key_source *source = discovering(ISSUER);
    uint64_t request;
    discover(source, 0.0, KEYS, "a");
    double now = 86401.0;
    for (size_t i = 0; i < sizeof(not_now) / sizeof(not_now[0]); i++) {
        const char *kid = i % 2 == 0 ? "b" : "a";
        fb_fetch fetch = begin_now(source, now);
        CHECK(asks_for(&fetch, ISSUER "/.well-known/openid-configuration"));
        CHECK(step(source, fetch.ticket, now, not_now[i], fb_text("")) == FB_OK && asks_for(&next, KEYS));
        CHECK(step(source, fetch.ticket, now, 200, document(kid)) == FB_OK && next.decision == FB_FETCH_DONE);
        CHECK(look(source, now, kid, &request) == FB_OK);
        now += 500.0; /* the document is still due */
    }
    for (size_t i = 0; i < sizeof(withdrawn) / sizeof(withdrawn[0]); i++) {
        fb_fetch fetch = begin_now(source, now);
        CHECK(step(source, fetch.ticket, now, withdrawn[i], fb_text("")) == FB_KEYS_UNAVAILABLE);
        CHECK(next.decision == FB_FETCH_DONE);
        now += 100.0;
    }
    /* With the last of its time gone there is no second step. */
    fb_fetch fetch = begin_now(source, now);
    CHECK(step(source, fetch.ticket, now + 10.0, 503, fb_text("")) == FB_KEYS_UNAVAILABLE);
    CHECK(says(error.text, "discovery left no time"));
    fb__key_source_release(source);
}

TEST(a_provider_whose_urls_never_stay)
{
    fb__key_source *source = discovering(ISSUER);
    char url[64];
    for (int i = 0; i < 100; i++) {
        snprintf(url, sizeof(url), "https://issuer.example/keys/%d", i);
        fb_fetch fetch = begin_now(source, i);
        CHECK(step(source, fetch.ticket, i, 200, metadata(ISSUER, url)) == FB_OK && asks_for(&next, url));
        CHECK(step(source, fetch.ticket, i, 500, fb_text("")) == FB_KEYS_UNAVAILABLE);
    }
    fb__key_source_release(source);
}

TEST(a_clock_that_is_another)
{
    fb__key_source *source = discovering(ISSUER);
    discover(source, 1e9, KEYS, "a");
    fb_fetch fetch = begin_now(source, 5.0);
    CHECK(asks_for(&fetch, ISSUER "/.well-known/openid-configuration"));
    CHECK(step(source, fetch.ticket, 6.0, 200, metadata(ISSUER, KEYS)) == FB_OK && asks_for(&next, KEYS));
    CHECK(step(source, fetch.ticket, 7.0, 200, document("a")) == FB_OK);
    fb__key_source_release(source);
}

/* ---- headers */

static bool has_header(const fb_fetch *fetch)
{
    CHECK(fetch->headers.count == 0 || fetch->headers.count == 2);
    return fetch->headers.count == 2 && fb__slice_equal(fetch->headers.items[1], fb_text("X-Api-Key: swordfish"));
}

TEST(headers_go_to_the_host_of_the_identifier)
{
    static const struct {
        const char *jwks_uri;
        bool sent;
    } cases[] = {
        {KEYS, true},
        {"HTTPS://ISSUER.example:443/keys", true},
        {"https://issuer.example?keys", true},
        {"https://issuer.example:444/keys", false},
        {"https://keys.issuer.example/keys", false},
        {"https://issuer.example.evil.example/keys", false},
        {"https://issuer.exampl/keys", false},
        {"http://issuer.example:443/keys", false},
        {"http://issuer.example/keys", false},
    };
    fb_issuer issuer = issuer_of(ISSUER);
    issuer.allow_http = true;
    issuer.headers = FB_LIST(fb_text("Accept-Language: de"), fb_text("X-Api-Key: swordfish"));
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        fb__key_source *source = made(&issuer);
        fb_fetch fetch = begin_now(source, 0.0);
        CHECK(has_header(&fetch));
        CHECK(step(source, fetch.ticket, 0.0, 404, fb_text("")) == FB_OK && has_header(&next));
        CHECK(step(source, fetch.ticket, 0.0, 200, metadata(ISSUER, cases[i].jwks_uri)) == FB_OK);
        CHECK(asks_for(&next, cases[i].jwks_uri));
        if (has_header(&next) != cases[i].sent) {
            FAIL("%s", cases[i].jwks_uri);
        }
        CHECK(step(source, fetch.ticket, 0.0, 200, document("a")) == FB_OK);
        fetch = begin_now(source, 1.0);
        CHECK(asks_for(&fetch, cases[i].jwks_uri) && has_header(&fetch) == cases[i].sent);
        fb__key_source_release(source);
    }
    issuer.jwks_uri = fb_text("https://keys.example"); /* configured, so it is meant */
    fb__key_source *source = made(&issuer);
    fb_fetch fetch = begin_now(source, 0.0);
    CHECK(has_header(&fetch));
    fb__key_source_release(source);
}

/* ---- a child of a fork */

TEST(a_child_finishes_no_flight_of_its_parent)
{
    fb__key_source *source = discovering(ISSUER);
    fb_fetch fetch = begin_now(source, 0.0);
    CHECK(step(source, fetch.ticket, 0.0, 200, metadata(ISSUER, KEYS)) == FB_OK);
    pid_t child = fork();
    if (child == 0) {
        fb_status stale = step(source, fetch.ticket, 1.0, 200, document("a"));
        fb_fetch own = begin(source, 1.0, FB_REFRESH_EXPLICIT, 0);
        /* What its parent had read it knows too. */
        bool good = stale == FB_CONFIGURATION_INVALID && asks_for(&own, KEYS) &&
                    step(source, own.ticket, 1.0, 200, document("a")) == FB_OK;
        fb__key_source_release(source);
        _exit(good && test_failures == 0 ? 0 : 1);
    }
    int status = -1;
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    CHECK(step(source, fetch.ticket, 1.0, 200, document("a")) == FB_OK);
    fb__key_source_release(source);
}

int main(void)
{
    error = (fb_error)FB_ERROR_INIT;
    RUN(which_issuers_can_be_discovered);
    RUN(an_identifier_may_be_as_long_as_its_urls);
    RUN(where_documents_are_looked_for);
    RUN(which_statuses_are_passed_over);
    RUN(what_a_document_must_say);
    RUN(a_document_of_another_issuer);
    RUN(where_keys_may_be);
    RUN(http_where_the_options_allow_it);
    RUN(a_document_that_did_not_come_whole);
    RUN(both_steps_are_one_flight);
    RUN(a_document_that_takes_all_the_time);
    RUN(a_flight_may_end_at_each_step);
    RUN(a_flight_that_was_taken_over);
    RUN(a_step_is_completed_once);
    RUN(a_known_jwks_uri_is_one_step_for_a_day);
    RUN(a_jwks_uri_that_changes_is_followed);
    RUN(held_keys_survive_a_document_that_goes_bad);
    RUN(keys_are_fetched_where_they_were_when_the_document_cannot_be_had);
    RUN(a_provider_whose_urls_never_stay);
    RUN(a_clock_that_is_another);
    RUN(headers_go_to_the_host_of_the_identifier);
    RUN(a_child_finishes_no_flight_of_its_parent);
    return TEST_RESULT();
}
