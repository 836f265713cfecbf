/* The key source: what is held, what an answer does to it, who waits, and what a child of a fork sees. */
#include "source.h"

#include <math.h>
#include <sys/wait.h>
#include <unistd.h>

static uint64_t request;

TEST(cold_start)
{
    fb__key_source *source = source_new();
    CHECK(fb__key_source_generation(source, 0.0) == 0);
    CHECK(fb__key_source_held(source) == NULL);
    CHECK(look(source, 0.0, "a", &request) == FB_KEYS_NEEDED);
    fb_fetch fetch = begin(source, 0.0, FB_REFRESH_TOKEN, request);
    CHECK(fetch.decision == FB_FETCH_NOW && fetch.ticket != 0 && fetch.etag.size == 0 && fetch.max_bytes == 65536);
    CHECK(fetch.timeout > 9.99 && fetch.timeout < 10.01);
    CHECK(fb__slice_equal(fetch.url, fb_text(URI)));
    CHECK(look(source, 1.0, "b", &request) == FB_KEYS_NEEDED);
    fb_fetch second = begin(source, 1.0, FB_REFRESH_TOKEN, request);
    CHECK(second.decision == FB_FETCH_WAIT && second.ticket == fetch.ticket);
    CHECK(second.timeout > 0.0 && second.timeout <= 10.01);
    fb_error error = FB_ERROR_INIT;
    CHECK(answer(source, fetch.ticket, 2.0, 200, document("a"), &error) == FB_OK && error.status == FB_OK);
    CHECK(look(source, 2.0, "a", &request) == FB_OK);
    /* Who waited with b shared that fetch: b is not worth another. */
    CHECK(look(source, 2.0, "b", &request) == FB_KEY_NOT_FOUND);
    CHECK(fb__key_source_generation(source, 2.0) == 1);
    CHECK(answer(source, fetch.ticket, 2.0, 200, document("a"), &error) == FB_CONFIGURATION_INVALID);
    CHECK(answer(source, 0, 2.0, 200, document("a"), &error) == FB_CONFIGURATION_INVALID);
    CHECK(answer(source, 999, 2.0, 200, document("a"), &error) == FB_CONFIGURATION_INVALID);
    CHECK(begin(source, 2.0, FB_REFRESH_TOKEN, 0).decision == FB_FETCH_DONE);
    fb_fetch unknown = FB_FETCH_INIT;
    CHECK(fb__key_source_begin(source, 2.0, (fb_refresh_reason)7, 0, &unknown) == FB_CONFIGURATION_INVALID);
    fb__key_source_release(source);
}

TEST(ten_thousand_random_kids_cost_one_fetch)
{
    fb__key_source *source = source_new();
    unsigned fetches = 0;
    char kid[16];
    for (int i = 0; i < 10000; i++) {
        snprintf(kid, sizeof(kid), "random-%d", i);
        double now = i * 0.002; /* 20 s, less than the interval */
        if (look(source, now, kid, &request) == FB_KEYS_NEEDED) {
            fb_fetch fetch = begin(source, now, FB_REFRESH_TOKEN, request);
            CHECK(fetch.decision == FB_FETCH_NOW);
            CHECK(answer(source, fetch.ticket, now, 200, document("a"), NULL) == FB_OK);
            fetches++;
        }
        CHECK(look(source, now, "a", &request) == FB_OK);
    }
    CHECK(fetches == 1);
    fb_stats stats = FB_STATS_INIT;
    fb__key_source_stats(source, 20.0, &stats);
    CHECK(stats.fetches == 1 && stats.fetch_failures == 0 && stats.generation == 1);
    fb__key_source_release(source);
}

TEST(rotation_is_noticed_by_the_first_token)
{
    fb__key_source *source = source_new();
    load(source, 0.0, "old");
    CHECK(look(source, 1.0, "new", &request) == FB_KEYS_NEEDED);
    uint64_t asked = request;
    fb_fetch fetch = begin(source, 1.0, FB_REFRESH_TOKEN, request);
    CHECK(fetch.decision == FB_FETCH_NOW);
    CHECK(look(source, 1.5, "old", &request) == FB_OK); /* never behind a fetch */
    CHECK(look(source, 1.5, "new", &request) == FB_KEYS_NEEDED);
    CHECK(begin(source, 1.5, FB_REFRESH_TOKEN, request).decision == FB_FETCH_WAIT);
    CHECK(answer(source, fetch.ticket, 2.0, 200, document("new"), NULL) == FB_OK);
    CHECK(begin(source, 2.0, FB_REFRESH_TOKEN, asked).decision == FB_FETCH_DONE);
    CHECK(look(source, 2.0, "new", &request) == FB_OK);
    CHECK(look(source, 2.0, "old", &request) == FB_KEY_NOT_FOUND); /* withdrawn at once */
    CHECK(fb__key_source_generation(source, 2.0) == 2);
    fb__key_source_release(source);
}

TEST(a_key_that_came_meanwhile)
{
    fb__key_source *source = source_new();
    load(source, 0.0, "old");
    fb__keyset *before = fb__key_source_held(source);
    CHECK(look(source, 1.0, "random", &request) == FB_KEYS_NEEDED);
    fb_fetch fetch = begin(source, 1.0, FB_REFRESH_TOKEN, request);
    CHECK(answer(source, fetch.ticket, 1.0, 200, document("new"), NULL) == FB_OK);
    CHECK(look(source, 1.0, "random", &request) == FB_KEY_NOT_FOUND); /* no fetch is allowed, and none is needed */
    request = 0;
    CHECK(fb__key_source_missing(source, 1.0, fb_text("new"), before, &request) == FB_KEYS_NEEDED);
    CHECK(begin(source, 1.0, FB_REFRESH_TOKEN, request).decision == FB_FETCH_DONE);
    load(source, 1.0, "new"); /* now one would be allowed, and is still not needed */
    CHECK(begin(source, 1.0, FB_REFRESH_TOKEN, request).decision == FB_FETCH_DONE);
    CHECK(before->count == 1 && fb__slice_equal(before->keys[0].kid, fb_text("old"))); /* a snapshot stays as it is */
    fb__keyset_release(before);
    fb__key_source_release(source);
}

TEST(a_token_without_kid)
{
    fb__key_source *source = source_new();
    CHECK(look(source, 0.0, NULL, &request) == FB_KEYS_NEEDED);
    fb_fetch fetch = begin(source, 0.0, FB_REFRESH_TOKEN, request);
    CHECK(answer(source, fetch.ticket, 0.0, 200, document(NULL), NULL) == FB_OK);
    CHECK(look(source, 0.0, NULL, &request) == FB_OK);
    CHECK(look(source, 0.0, "", &request) == FB_KEYS_NEEDED);
    fb__keyset *set = fb__key_source_held(source);
    CHECK(fb__key_source_missing(source, 0.0, (fb_slice){NULL, 0}, set, &request) == FB_KEYS_NEEDED);
    fetch = begin(source, 0.0, FB_REFRESH_TOKEN, request);
    CHECK(fetch.decision == FB_FETCH_NOW);
    CHECK(answer(source, fetch.ticket, 0.0, 200, document(NULL), NULL) == FB_OK);
    CHECK(fb__key_source_missing(source, 0.0, (fb_slice){NULL, 0}, set, &request) == FB_KEY_NOT_FOUND);
    fb__keyset_release(set);
    fb__key_source_release(source);
}

static void expect_refused(fb__key_source *source, double now, const fb_fetched *fetched, const char *words)
{
    fb_error error = FB_ERROR_INIT;
    fb_stats before, after;
    fb__key_source_stats(source, now, &before);
    fb_fetch fetch = begin(source, now, FB_REFRESH_EXPLICIT, 0);
    CHECK(fb__key_source_complete(source, fetch.ticket, now, fetched, &error) == FB_KEYS_UNAVAILABLE);
    fb__key_source_stats(source, now, &after);
    CHECK(error.status == FB_KEYS_UNAVAILABLE && error.retry_after > 0.0 && error.retry_after <= 60.0);
    if (strstr(error.text, words) == NULL || strncmp(error.text, "https://issuer.example/keys: ", 29) != 0) {
        FAIL("not the words \"%s\": %s", words, error.text);
    }
    CHECK(strstr(error.text, "swordfish") == NULL && strstr(after.last_error, "swordfish") == NULL);
    CHECK(strstr(after.last_error, words) != NULL);
    CHECK(after.fetch_failures == before.fetch_failures + 1 && after.generation == before.generation);
    CHECK(after.keys_held == before.keys_held);
}

static void expect_status_refused(fb__key_source *source, int status)
{
    fb_fetched fetched = FB_FETCHED_INIT;
    fetched.http_status = status;
    fetched.body = document("b");
    expect_refused(source, 1.0, &fetched, "answered with status");
}

static void expect_body_refused(fb__key_source *source, const char *body, const char *words)
{
    fb_fetched fetched = FB_FETCHED_INIT;
    fetched.http_status = 200;
    fetched.body = fb_text(body);
    expect_refused(source, 1.0, &fetched, words);
}

TEST(what_does_not_count)
{
    fb__key_source *source = source_new();
    static const int statuses[] = {0,   -1,  100, 199, 201, 202, 204, 206, 300, 301, 302, 304,
                                   307, 308, 400, 401, 403, 404, 429, 500, 502, 503, 999};
    for (int held = 0; held < 2; held++) {
        for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
            expect_status_refused(source, statuses[i]);
        }
        expect_body_refused(source, "", "");
        expect_body_refused(source, "<html>secret words</html>", "");
        expect_body_refused(source, "{}", "");
        expect_body_refused(source, "[]", "");
        expect_body_refused(source, "{\"keys\":{}}", "");
        expect_body_refused(source, "{\"keys\":[]}", "");
        expect_body_refused(source, "{\"keys\":[{\"kty\":\"RSA\"}]}", "");
        expect_body_refused(source, "{\"keys\":[{\"kty\":\"OKP\"", "");
        fb_fetched fetched = FB_FETCHED_INIT;
        fetched.failure = fb_text("connection\nrefused \x1b[31m");
        expect_refused(source, 1.0, &fetched, "connection?refused ?[31m");
        fetched.failure = fb_text("GET " URI " failed");
        expect_refused(source, 1.0, &fetched, "the fetch failed");
        fetched.failure = (fb_slice){"", 0};
        expect_refused(source, 1.0, &fetched, "the fetch failed");
        fetched.failure = (fb_slice){NULL, 0};
        fetched.http_status = 200;
        fetched.body = document("b");
        fetched.content_encoding = fb_text("gzip");
        expect_refused(source, 1.0, &fetched, "content-encoded");
        fetched.content_encoding = fb_text("identity, gzip");
        expect_refused(source, 1.0, &fetched, "content-encoded");
        fetched.content_encoding = fb_text("identit");
        expect_refused(source, 1.0, &fetched, "content-encoded");
        if (held == 0) {
            CHECK(fb__key_source_held(source) == NULL);
            load(source, 1.0, "a");
        }
        CHECK(look(source, 1.0, "a", &request) == FB_OK);
    }
    fb_fetched fetched = FB_FETCHED_INIT;
    fetched.http_status = 200;
    fetched.body = document("b");
    fetched.content_encoding = fb_text("Identity");
    fb_fetch fetch = begin(source, 1.0, FB_REFRESH_EXPLICIT, 0);
    CHECK(fb__key_source_complete(source, fetch.ticket, 1.0, &fetched, NULL) == FB_OK);
    fb_stats stats = FB_STATS_INIT;
    fb__key_source_stats(source, 1.0, &stats);
    CHECK(stats.last_error[0] == '\0' && stats.generation == 2);
    fb__key_source_release(source);
}

TEST(size_limit)
{
    fb__key_source *source = NULL;
    fb_options options = FB_OPTIONS_INIT;
    options.jwks_uri = fb_text(URI);
    fb_slice body = document("a");
    options.max_jwks_bytes = body.size;
    CHECK(fb__key_source_new(&source, &fb__mem_default, &options, NULL) == FB_OK);
    fb_fetched fetched = FB_FETCHED_INIT;
    char larger[512];
    memcpy(larger, body.data, body.size);
    larger[body.size] = ' ';
    fetched.http_status = 200;
    fetched.body = (fb_slice){larger, body.size + 1};
    expect_refused(source, 0.0, &fetched, "max_jwks_bytes");
    fb_fetch fetch = begin(source, 0.0, FB_REFRESH_EXPLICIT, 0);
    CHECK(fetch.max_bytes == body.size);
    CHECK(answer(source, fetch.ticket, 0.0, 200, body, NULL) == FB_OK);
    fb__key_source_release(source);
}

TEST(the_generation_changes_only_with_the_set)
{
    fb__key_source *source = source_new();
    load(source, 0.0, "a");
    fb__keyset *first = fb__key_source_held(source);
    load(source, 10.0, "a");
    fb__keyset *second = fb__key_source_held(source);
    CHECK(first == second && fb__key_source_generation(source, 10.0) == 1);
    CHECK(fb__key_source_generation(source, 4209.0) == 1); /* fresh again since 10 */
    CHECK(fb__key_source_generation(source, 4210.0) == 0);
    load(source, 4300.0, "a");
    CHECK(fb__key_source_generation(source, 4300.0) == 1);
    load(source, 4300.0, "b");
    CHECK(fb__key_source_generation(source, 4300.0) == 2);
    load(source, 4300.0, "a");
    CHECK(fb__key_source_generation(source, 4300.0) == 3); /* never a number that was used before */
    fb__keyset_release(first);
    fb__keyset_release(second);
    fb__key_source_release(source);
}

static fb_status answer_with_etag(fb__key_source *source, uint64_t ticket, int status, const char *kid, fb_slice etag)
{
    fb_fetched fetched = FB_FETCHED_INIT;
    fetched.http_status = status;
    fetched.body = kid == NULL ? fb_text("") : document(kid);
    fetched.etag = etag;
    fetched.cache_control = fb_text("max-age=100");
    return fb__key_source_complete(source, ticket, 0.0, &fetched, NULL);
}

TEST(etags)
{
    fb__key_source *source = source_new();
    fb_fetch fetch = begin(source, 0.0, FB_REFRESH_EXPLICIT, 0);
    CHECK(answer_with_etag(source, fetch.ticket, 304, NULL, fb_text("\"1\"")) ==
          FB_KEYS_UNAVAILABLE); /* we sent none */
    fetch = begin(source, 0.0, FB_REFRESH_EXPLICIT, 0);
    CHECK(answer_with_etag(source, fetch.ticket, 200, "a", fb_text("W/\"1\"")) == FB_OK);
    fetch = begin(source, 0.0, FB_REFRESH_EXPLICIT, 0);
    CHECK(fb__slice_equal(fetch.etag, fb_text("W/\"1\"")));
    CHECK(answer_with_etag(source, fetch.ticket, 304, NULL, (fb_slice){NULL, 0}) == FB_OK);
    CHECK(fb__key_source_generation(source, 0.0) == 1 && look(source, 0.0, "a", &request) == FB_OK);
    fetch = begin(source, 0.0, FB_REFRESH_EXPLICIT, 0);
    CHECK(fb__slice_equal(fetch.etag, fb_text("W/\"1\"")));
    CHECK(answer_with_etag(source, fetch.ticket, 304, NULL, fb_text("\"2\"")) == FB_OK);
    fetch = begin(source, 0.0, FB_REFRESH_EXPLICIT, 0);
    CHECK(fb__slice_equal(fetch.etag, fb_text("\"2\"")));
    CHECK(answer_with_etag(source, fetch.ticket, 200, "b", fb_text("\"3\"\r\nX-Evil: 1")) == FB_OK);
    fetch = begin(source, 0.0, FB_REFRESH_EXPLICIT, 0);
    CHECK(fetch.etag.size == 0); /* that one is never sent back, nor is the one of another document */
    static char large[257];
    memset(large, 'e', sizeof(large));
    CHECK(answer_with_etag(source, fetch.ticket, 200, "b", (fb_slice){large, 257}) == FB_OK);
    fetch = begin(source, 0.0, FB_REFRESH_EXPLICIT, 0);
    CHECK(fetch.etag.size == 0);
    CHECK(answer_with_etag(source, fetch.ticket, 200, "b", (fb_slice){large, 256}) == FB_OK);
    /* A host that was given up on may still be reading its etag. */
    fetch = begin(source, 0.0, FB_REFRESH_EXPLICIT, 0);
    fb_fetch later = begin(source, 11.0, FB_REFRESH_EXPLICIT, 0);
    CHECK(fetch.etag.size == 256 && later.decision == FB_FETCH_NOW && later.ticket != fetch.ticket);
    CHECK(answer_with_etag(source, later.ticket, 200, "c", fb_text("\"4\"")) == FB_OK);
    CHECK(fb__slice_equal(fetch.etag, (fb_slice){large, 256}));
    CHECK(answer_with_etag(source, fetch.ticket, 200, "d", fb_text("\"5\"")) == FB_CONFIGURATION_INVALID);
    CHECK(look(source, 11.0, "c", &request) == FB_OK);
    fb_stats stats = FB_STATS_INIT;
    fb__key_source_stats(source, 11.0, &stats);
    CHECK(stats.fetch_failures == 2); /* the first 304 and the one that never ended */
    fb__key_source_release(source);
}

TEST(freshness_of_the_answer)
{
    fb__key_source *source = source_new();
    fb_stats stats = FB_STATS_INIT;
    fb_fetch fetch = begin(source, 0.0, FB_REFRESH_EXPLICIT, 0);
    CHECK(answer_with_etag(source, fetch.ticket, 200, "a", fb_text("\"1\"")) == FB_OK);
    fb__key_source_stats(source, 99.9, &stats);
    CHECK(stats.keys_held && stats.keys_fresh);
    fb__key_source_stats(source, 100.0, &stats);
    CHECK(stats.keys_held && !stats.keys_fresh);
    CHECK(fb__key_source_due(source, 100.0) && !fb__key_source_due(source, 100.0));
    CHECK(look(source, 3699.9, "a", &request) == FB_OK);
    CHECK(look(source, 3700.0, "a", &request) == FB_KEYS_NEEDED);
    fb__key_source_stats(source, 3700.0, &stats);
    CHECK(!stats.keys_held && !stats.keys_fresh && stats.generation == 1);
    fb__keyset *old = fb__key_source_held(source);
    CHECK(old != NULL);
    fb__keyset_release(old);
    fetch = begin(source, 3700.0, FB_REFRESH_TOKEN, request);
    CHECK(answer(source, fetch.ticket, 3700.0, 503, fb_text(""), NULL) == FB_KEYS_UNAVAILABLE);
    CHECK(look(source, 3700.5, "a", &request) == FB_KEYS_UNAVAILABLE);
    CHECK(look(source, 3701.0, "a", &request) == FB_KEYS_NEEDED);
    fb__key_source_release(source);
}

static void refuse_option(void (*change)(fb_options *), const char *name)
{
    fb_options options = FB_OPTIONS_INIT;
    fb__key_source *source = (fb__key_source *)&options;
    fb_error error = FB_ERROR_INIT;
    options.jwks_uri = fb_text(URI);
    change(&options);
    CHECK(fb__key_source_new(&source, &fb__mem_default, &options, &error) == FB_CONFIGURATION_INVALID &&
          source == NULL);
    CHECK(strstr(error.text, name) != NULL && strstr(error.text, "swordfish") == NULL);
}

#define REFUSE(name, assignment)             \
    static void change_##name(fb_options *o) \
    {                                        \
        assignment;                          \
    }
REFUSE(uri, o->jwks_uri = fb_text("http://issuer.example/?swordfish"))
REFUSE(interval, o->refresh_interval = -1.0)
REFUSE(interval_nan, o->refresh_interval = (double)NAN)
REFUSE(interval_infinite, o->refresh_interval = (double)INFINITY)
REFUSE(stale, o->stale_if_error = -0.1)
REFUSE(stale_nan, o->stale_if_error = (double)NAN)
REFUSE(timeout, o->fetch_timeout = 0.0)
REFUSE(timeout_nan, o->fetch_timeout = (double)NAN)
REFUSE(timeout_large, o->fetch_timeout = 3601.0)
REFUSE(bytes, o->max_jwks_bytes = 0)
REFUSE(bytes_large, o->max_jwks_bytes = ((size_t)16 << 20) + 1)
REFUSE(ca_file, (o->ca_file = (fb_slice){"a\0b", 3}))
REFUSE(ca_path, (o->ca_path = (fb_slice){"a\0b", 3}))
REFUSE(proxy, (o->ssrf_safe = true, o->trust_env = true))

TEST(options_are_checked)
{
    refuse_option(change_uri, "jwks_uri");
    refuse_option(change_interval, "refresh_interval");
    refuse_option(change_interval_nan, "refresh_interval");
    refuse_option(change_interval_infinite, "refresh_interval");
    refuse_option(change_stale, "stale_if_error");
    refuse_option(change_stale_nan, "stale_if_error");
    refuse_option(change_timeout, "fetch_timeout");
    refuse_option(change_timeout_nan, "fetch_timeout");
    refuse_option(change_timeout_large, "fetch_timeout");
    refuse_option(change_bytes, "max_jwks_bytes");
    refuse_option(change_bytes_large, "max_jwks_bytes");
    refuse_option(change_ca_file, "ca_file");
    refuse_option(change_ca_path, "ca_path");
    refuse_option(change_proxy, "ssrf_safe");
}

int main(void)
{
    RUN(cold_start);
    RUN(ten_thousand_random_kids_cost_one_fetch);
    RUN(rotation_is_noticed_by_the_first_token);
    RUN(a_key_that_came_meanwhile);
    RUN(a_token_without_kid);
    RUN(what_does_not_count);
    RUN(size_limit);
    RUN(the_generation_changes_only_with_the_set);
    RUN(etags);
    RUN(freshness_of_the_answer);
    RUN(options_are_checked);
    return TEST_RESULT();
}
