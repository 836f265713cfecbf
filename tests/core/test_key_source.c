/* The key source: what is held, what an answer does to it, who waits, and what a child of a fork sees. */
#include "setup.h"
#include "source.h"

#include <math.h>
#include <sys/wait.h>
#include <unistd.h>

static uint64_t request;

TEST(cold_start)
{
    fb__key_source *source = source_new();
    CHECK(fb__key_source_generation(source, 0.0) == 0);
    CHECK(fb__key_source_keys(source) == NULL);
    CHECK(look(source, 0.0, "a", &request) == FB_KEYS_NEEDED);
    fb_fetch fetch = begin(source, 0.0, FB_REFRESH_TOKEN, request);
    CHECK(fetch.decision == FB_FETCH_NOW && fetch.ticket != 0 && fetch.etag[0] == '\0' && fetch.max_bytes == 65536);
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
    CHECK(fb__key_source_begin(source, 2.0, (fb_refresh_reason)7, 0, &unknown, NULL) == FB_CONFIGURATION_INVALID);
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
    CHECK(look(source, 1.5, "old", &request) == FB_OK); /* never after a fetch */
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
    fb__keyset *before = fb__key_source_keys(source);
    uint64_t random, new;
    fb_error error = FB_ERROR_INIT;
    CHECK(look(source, 1.0, "random", &random) == FB_KEYS_NEEDED);
    CHECK(look(source, 1.0, "new", &new) == FB_KEYS_NEEDED);
    fb_fetch fetch = begin(source, 1.0, FB_REFRESH_TOKEN, random);
    CHECK(answer(source, fetch.ticket, 1.0, 200, document("new"), NULL) == FB_OK);
    CHECK(look(source, 1.0, "random", &request) == FB_KEY_NOT_FOUND); /* no fetch is allowed, and none is needed */
    CHECK(begin(source, 1.0, FB_REFRESH_TOKEN, new).decision == FB_FETCH_DONE);
    CHECK(look_again(source, 1.0, "new", new, &error) == FB_OK);
    load(source, 1.0, "new"); /* now one would be allowed, and is still not needed */
    CHECK(begin(source, 1.0, FB_REFRESH_TOKEN, new).decision == FB_FETCH_DONE);
    CHECK(before->count == 1 &&
          fb__slice_equal(before->keys[0].key.kid, fb_text("old"))); /* a snapshot stays as it is */
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
    /* No key of the set fits its algorithm: that is worth a fetch like an unknown key id, and then no more. */
    fb_error error = FB_ERROR_INIT;
    const fb__key_query query = {.now = 0.0, .alg = fb__alg_find(fb_text("RS256"))};
    CHECK(ask(source, &query, &error) == FB_KEYS_NEEDED);
    fetch = begin(source, 0.0, FB_REFRESH_TOKEN, error.key_request);
    CHECK(fetch.decision == FB_FETCH_NOW);
    CHECK(answer(source, fetch.ticket, 0.0, 200, document(NULL), NULL) == FB_OK);
    CHECK(ask(source, &query, &error) == FB_KEY_NOT_FOUND);
    fb__key_source_release(source);
}

/* What a verifier does with a token of a new key, second by second; the answer that it ends with. */
static fb_status serve(fb__key_source *source, double now, const char *kid, int status, const char *provider,
                       fb_error *error)
{
    const fb__key_query query = {.now = now, .kid = fb_text(kid), .alg = fb__alg_find(fb_text("EdDSA"))};
    fb_status verdict = ask(source, &query, error);
    if (verdict != FB_KEYS_NEEDED) {
        return verdict;
    }
    request = error->key_request;
    fb_fetch fetch = begin(source, now, FB_REFRESH_TOKEN, request);
    CHECK(fetch.decision == FB_FETCH_NOW);
    CHECK((answer(source, fetch.ticket, now, status, document(provider), NULL) == FB_OK) == (status == 200));
    return look_again(source, now, kid, request, error);
}

/* A provider rotates, and its key set fails for so long: nobody with a good token hears 401, and nobody waits for it
 * longer than the back-off. */
static void rotate_and_fail_until(double end, unsigned attempts)
{
    fb__key_source *source = source_new();
    fb_error error = FB_ERROR_INIT;
    fb_stats stats = FB_STATS_INIT;
    load(source, 0.0, "old");
    double now = 100.0;
    for (; now < 100.0 + end; now += 0.25) {
        CHECK(serve(source, now, "new", 503, "new", &error) == FB_KEYS_UNAVAILABLE);
        CHECK(fb_status_http(error.status) == 503 && error.retry_after > 0.0 && error.retry_after <= 60.0);
        CHECK(strstr(error.text, "the next fetch is allowed in") != NULL && strstr(error.text, "status 503") != NULL);
        CHECK(look(source, now, "old", &request) == FB_OK);
    }
    fb__key_source_stats(source, now, &stats);
    CHECK(stats.fetch_failures == attempts);
    const double back = now;
    while (serve(source, now, "new", 200, "new", &error) != FB_OK && now < back + 100.0) {
        CHECK(error.status == FB_KEYS_UNAVAILABLE);
        now += 0.25;
    }
    CHECK(now - back <= ldexp(1.0, (int)attempts - 1));
    CHECK(serve(source, now, "old", 200, "new", &error) == FB_KEY_NOT_FOUND); /* by the set that came for "new" */
    fb__key_source_release(source);
}

TEST(a_provider_that_fails_after_a_rotation_locks_nobody_out)
{
    rotate_and_fail_until(0.25, 1); /* once */
    rotate_and_fail_until(4.0, 3);  /* three times: after 0, 1 and 3 s */
    rotate_and_fail_until(60.0, 6); /* a minute: after 0, 1, 3, 7, 15 and 31 s */
}

/* The interval holds the second fetch back, and says so. */
TEST(a_second_rotation_seconds_after_the_first)
{
    fb__key_source *source = source_new();
    fb_error error = FB_ERROR_INIT;
    fb_stats stats = FB_STATS_INIT;
    load(source, 0.0, "a");
    CHECK(serve(source, 100.0, "b", 200, "b", &error) == FB_OK);
    CHECK(serve(source, 105.0, "c", 200, "c", &error) == FB_KEY_NOT_FOUND);
    CHECK(error.retry_after > 24.99 && error.retry_after < 25.01);
    CHECK(strcmp(error.text, "no key fits the token; the next fetch for an unknown key id is allowed in 25 s") == 0);
    fb__key_source_stats(source, 105.0, &stats);
    CHECK(stats.fetches == 2 && stats.retry_after < 0.01 && stats.unknown_kid_retry_after > 24.99);
    CHECK(serve(source, 129.9, "c", 200, "c", &error) == FB_KEY_NOT_FOUND);
    CHECK(serve(source, 130.0, "c", 200, "c", &error) == FB_OK);
    fb__key_source_release(source);
}

/* With any interval: one fetch for a token, then a verdict. */
TEST(after_its_fetch_a_token_gets_a_verdict)
{
    static const double intervals[] = {0.0, 0.5, 30.0};
    for (size_t i = 0; i < sizeof(intervals) / sizeof(intervals[0]); i++) {
        fb__key_source *source = NULL;
        struct setup options = SETUP_INIT;
        fb_error error = FB_ERROR_INIT;
        options.issuer.jwks_uri = fb_text(URI);
        options.issuer.refresh_interval = intervals[i];
        CHECK(fb__key_source_new(&source, &fb__mem_default, &options.issuer, &error) == FB_OK);
        CHECK(look(source, 0.0, "new", &request) == FB_KEYS_NEEDED);                   /* cold */
        CHECK(look_again(source, 0.0, "new", request, &error) == FB_KEYS_UNAVAILABLE); /* it never came to a fetch */
        CHECK(error.retry_after == 0.0);
        fb_fetch fetch = begin(source, 0.0, FB_REFRESH_TOKEN, request);
        CHECK(look_again(source, 5.0, "new", request, &error) == FB_KEYS_UNAVAILABLE); /* it waited long enough */
        CHECK(error.retry_after > 0.0);
        CHECK(answer(source, fetch.ticket, 9.0, 200, document("old"), NULL) == FB_OK);
        CHECK(look_again(source, 9.0, "new", request, &error) == FB_KEY_NOT_FOUND);
        CHECK(error.retry_after >= 0.0 && error.retry_after <= intervals[i]);
        CHECK(look_again(source, 9.0, "old", request, &error) == FB_OK);
        CHECK(serve(source, 100.0, "new", 200, "old", &error) == FB_KEY_NOT_FOUND);
        CHECK(serve(source, 200.0, "new", 500, "old", &error) == FB_KEYS_UNAVAILABLE);
        fb__key_source_release(source);
    }
}

/* Made-up key ids and a provider that hangs: who comes later than 2 s after the fetch began is not held up at all. */
TEST(a_hanging_fetch_holds_nobody_up_for_long)
{
    fb__key_source *source = source_new();
    fb_error error = FB_ERROR_INIT;
    const fb__key_query query = {.now = 100.5, .kid = fb_text("new"), .alg = fb__alg_find(fb_text("EdDSA"))};
    load(source, 0.0, "old");
    CHECK(look(source, 100.0, "random", &request) == FB_KEYS_NEEDED);
    fb_fetch fetch = begin(source, 100.0, FB_REFRESH_TOKEN, request);
    CHECK(fetch.decision == FB_FETCH_NOW && fetch.timeout > 9.9);
    CHECK(ask(source, &query, &error) == FB_KEYS_NEEDED && error.wait > 1.49 && error.wait < 1.51);
    fb_fetch second = begin(source, 101.0, FB_REFRESH_TOKEN, error.key_request);
    CHECK(second.decision == FB_FETCH_WAIT && second.timeout > 0.99 && second.timeout < 1.01);
    CHECK(look_again(source, 102.0, "new", error.key_request, &error) == FB_KEYS_UNAVAILABLE);
    CHECK(look(source, 102.0, "other", &request) == FB_KEYS_UNAVAILABLE);
    CHECK(look(source, 102.0, "old", &request) == FB_OK);
    CHECK(answer(source, fetch.ticket, 105.0, 200, document("new"), NULL) == FB_OK);
    CHECK(look(source, 105.0, "new", &request) == FB_OK);
    fb__key_source_release(source);
}

/* A host that verifies by one clock and fetches by another is told so, and nothing outlives its limits. */
TEST(a_clock_that_is_not_the_one_of_the_fetch)
{
    fb__key_source *source = source_new();
    fb_error error = FB_ERROR_INIT;
    load(source, 100000.0, "a");
    CHECK(look(source, 4300.0, "a", &request) == FB_KEYS_NEEDED);
    CHECK(look_again(source, 4300.0, "a", request, &error) == FB_KEYS_UNAVAILABLE);
    CHECK(strcmp(error.text, "the key set is not available; the clock is not the one of the fetch") == 0);
    CHECK(look(source, 100000.0, "a", &request) == FB_OK);
    fb__key_source_release(source);
}

TEST(a_fetch_that_its_host_gave_up)
{
    fb__key_source *source = source_new();
    fb_fetched fetched = FB_FETCHED_INIT;
    fb_error error = FB_ERROR_INIT;
    fb_stats stats = FB_STATS_INIT;
    load(source, 0.0, "old");
    CHECK(look(source, 1.0, "new", &request) == FB_KEYS_NEEDED);
    fb_fetch fetch = begin(source, 1.0, FB_REFRESH_TOKEN, request);
    fetched.abandoned = true;
    CHECK(fb__key_source_complete(source, fetch.ticket, 1.5, &fetched, NULL, &error) == FB_KEYS_UNAVAILABLE);
    CHECK(error.retry_after == 0.0);
    CHECK(fb__key_source_complete(source, fetch.ticket, 1.5, &fetched, NULL, &error) == FB_CONFIGURATION_INVALID);
    fb__key_source_stats(source, 1.5, &stats);
    CHECK(stats.fetches == 2 && stats.fetch_failures == 0 && stats.last_error[0] == '\0');
    CHECK(serve(source, 1.5, "new", 200, "new", &error) == FB_OK);
    fb__key_source_release(source);
}

static void expect_refused(fb__key_source *source, double now, const fb_fetched *fetched, const char *words)
{
    fb_error error = FB_ERROR_INIT;
    fb_stats before, after;
    fb__key_source_stats(source, now, &before);
    fb_fetch fetch = begin(source, now, FB_REFRESH_EXPLICIT, 0);
    CHECK(fb__key_source_complete(source, fetch.ticket, now, fetched, NULL, &error) == FB_KEYS_UNAVAILABLE);
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

/* RFC 9112 section 6.3: where does it end? */
static void expect_framing_refused(fb__key_source *source)
{
    static const char *const lengths[] = {"",     "1, 2", "1,1,2", "01, 1", "+1", "-1",  "1,", ",1",
                                          "1,,1", "one",  "1 1",   "0x1",   "1;", "1.0", " ",  ","};
    fb_fetched fetched = FB_FETCHED_INIT;
    fetched.http_status = 200;
    fetched.body = document("b");
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        fetched.content_length = fb_text(lengths[i]);
        expect_refused(source, 1.0, &fetched, "no clear Content-Length");
    }
    fetched.transfer_encoding = fb_text("Chunked");
    fetched.content_length = fb_text("1");
    expect_refused(source, 1.0, &fetched, "both");
    fetched.content_length = (fb_slice){NULL, 0};
    fetched.transfer_encoding = fb_text("gzip, chunked");
    expect_refused(source, 1.0, &fetched, "transfer coding");
    fetched.transfer_encoding = fb_text("chunked, chunked");
    expect_refused(source, 1.0, &fetched, "transfer coding");
    fetched.transfer_encoding = fb_text("");
    expect_refused(source, 1.0, &fetched, "transfer coding");
}

TEST(framing_that_counts)
{
    static const struct {
        const char *length, *coding;
    } good[] = {{"1", NULL}, {"1, 1", NULL}, {"1,1 ,\t1", NULL}, {NULL, "chunked"}, {NULL, "CHUNKED"}};
    fb__key_source *source = source_new();
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        fb_fetched fetched = FB_FETCHED_INIT;
        fetched.http_status = 200;
        fetched.body = document("b");
        fetched.content_length = fb_text(good[i].length);
        fetched.transfer_encoding = fb_text(good[i].coding);
        fb_fetch fetch = begin(source, 1.0, FB_REFRESH_EXPLICIT, 0);
        CHECK(fb__key_source_complete(source, fetch.ticket, 1.0, &fetched, NULL, NULL) == FB_OK);
    }
    fb__key_source_release(source);
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
        expect_framing_refused(source);
        if (held == 0) {
            CHECK(fb__key_source_keys(source) == NULL);
            load(source, 1.0, "a");
        }
        CHECK(look(source, 1.0, "a", &request) == FB_OK);
    }
    fb_fetched fetched = FB_FETCHED_INIT;
    fetched.http_status = 200;
    fetched.body = document("b");
    fetched.content_encoding = fb_text("Identity");
    fb_fetch fetch = begin(source, 1.0, FB_REFRESH_EXPLICIT, 0);
    CHECK(fb__key_source_complete(source, fetch.ticket, 1.0, &fetched, NULL, NULL) == FB_OK);
    fb_stats stats = FB_STATS_INIT;
    fb__key_source_stats(source, 1.0, &stats);
    CHECK(stats.last_error[0] == '\0' && stats.generation == 2);
    fb__key_source_release(source);
}

/* Memory that completes the fetch once more, from within its completion. */
static struct {
    fb__key_source *source;
    uint64_t ticket;
    unsigned completed;
} meanwhile;

static void *allocate(void *context, size_t size)
{
    (void)context;
    if (meanwhile.ticket != 0) {
        const uint64_t ticket = meanwhile.ticket;
        meanwhile.ticket = 0;
        meanwhile.completed += answer(meanwhile.source, ticket, 1.0, 200, document("first"), NULL) == FB_OK;
    }
    return malloc(size);
}

static void release(void *context, void *memory)
{
    (void)context;
    free(memory);
}

TEST(a_fetch_is_completed_once)
{
    const fb_mem mem = {allocate, release, NULL};
    struct setup options = SETUP_INIT;
    fb_error error = FB_ERROR_INIT;
    options.issuer.jwks_uri = fb_text(URI);
    CHECK(fb__key_source_new(&meanwhile.source, &mem, &options.issuer, NULL) == FB_OK);
    fb_fetch fetch = begin(meanwhile.source, 1.0, FB_REFRESH_EXPLICIT, 0);
    meanwhile.ticket = fetch.ticket;
    CHECK(answer(meanwhile.source, fetch.ticket, 1.0, 200, document("second"), &error) == FB_CONFIGURATION_INVALID);
    CHECK(meanwhile.completed == 1 && look(meanwhile.source, 1.0, "first", &request) == FB_OK);
    fb__key_source_release(meanwhile.source);
}

/* A key that is there is no reason to fetch, whatever is wrong with it. */
TEST(a_key_that_may_not_be_used)
{
    fb__key_source *source = source_new();
    fb_error error = FB_ERROR_INIT;
    const fb__key_query query = {.now = 1.0, .kid = fb_text("a"), .alg = fb__alg_find(fb_text("ES256"))};
    load(source, 1.0, "a");
    CHECK(ask(source, &query, &error) == FB_KEY_UNSUITABLE && error.retry_after == 0.0);
    fb__key_source_release(source);
}

TEST(size_limit)
{
    fb__key_source *source = NULL;
    struct setup options = SETUP_INIT;
    options.issuer.jwks_uri = fb_text(URI);
    fb_slice body = document("a");
    options.issuer.max_jwks_bytes = body.size;
    CHECK(fb__key_source_new(&source, &fb__mem_default, &options.issuer, NULL) == FB_OK);
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
    fb__keyset *first = fb__key_source_keys(source);
    load(source, 10.0, "a");
    fb__keyset *second = fb__key_source_keys(source);
    CHECK(first == second && fb__key_source_generation(source, 10.0) == 1);
    CHECK(fb__key_source_generation(source, 609.9) == 1); /* fresh again since 10 */
    CHECK(fb__key_source_generation(source, 610.0) == 0); /* nobody tried */
    fb_fetch fetch = begin(source, 610.0, FB_REFRESH_EXPLICIT, 0);
    CHECK(answer(source, fetch.ticket, 610.0, 503, fb_text(""), NULL) == FB_KEYS_UNAVAILABLE);
    CHECK(fb__key_source_generation(source, 4209.9) == 1);
    CHECK(fb__key_source_generation(source, 4210.0) == 0);
    load(source, 4300.0, "a");
    CHECK(fb__key_source_generation(source, 4300.0) == 1);
    load(source, 4300.0, "b");
    CHECK(fb__key_source_generation(source, 4300.0) == 2);
    CHECK(fb__key_source_generation(source, 4280.0) == 0); /* of another clock */
    load(source, 4300.0, "a");
    CHECK(fb__key_source_generation(source, 4300.0) == 3); /* never a number that was used before */
    fb__keyset_release(first);
    fb__keyset_release(second);
    fb__key_source_release(source);
}

static void expect_generation(fb__key_source *source, const char *keys, uint64_t generation)
{
    fb_fetch fetch = begin(source, 1.0, FB_REFRESH_EXPLICIT, 0);
    CHECK(answer(source, fetch.ticket, 1.0, 200, fb_text(keys), NULL) == FB_OK);
    if (fb__key_source_generation(source, 1.0) != generation) {
        FAIL("not generation %llu: %s", (unsigned long long)generation, keys);
    }
}

/* Caches and tables hang on the set: only other keys are another set. */
TEST(sets_are_compared_by_their_keys)
{
#define KEY(kid, x) "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"kid\":\"" kid "\",\"x\":\"" x "\"}"
#define X1 "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
#define X2 "PUAXw-hDiVqStwqnTRt-vJyYLM8uxJaMwM1V8Sr0Zgw"
    fb__key_source *source = source_new();
    expect_generation(source, "{\"keys\":[" KEY("a", X1) "," KEY("b", X2) "]}", 1);
    expect_generation(source, "{ \"keys\" : [ " KEY("a", X1) ",\n" KEY("b", X2) " ] }", 1);
    expect_generation(source, "{\"keys\":[" KEY("b", X2) "," KEY("a", X1) "],\"issued\":\"today\"}", 1);
    expect_generation(source, "{\"keys\":[" KEY("a", X2) "," KEY("b", X1) "]}", 2);
    expect_generation(source, "{\"keys\":[" KEY("a", X2) "," KEY("b", X1) "," KEY("b", X1) "]}", 3);
    expect_generation(source, "{\"keys\":[" KEY("a", X2) "," KEY("a", X2) "," KEY("b", X1) "]}", 4);
    expect_generation(source, "{\"keys\":[" KEY("a", X2) "]}", 5);
    expect_generation(source, "{\"keys\":[" KEY("a", X2) ",{\"kty\":\"oct\"}]}", 6);
    expect_generation(source, "{\"keys\":[{\"kty\":\"oct\"}," KEY("a", X2) "]}", 6);
    fb__key_source_release(source);
}

static fb_status answer_with_etag(fb__key_source *source, uint64_t ticket, int status, const char *kid, fb_slice etag)
{
    fb_fetched fetched = FB_FETCHED_INIT;
    fetched.http_status = status;
    fetched.body = kid == NULL ? fb_text("") : document(kid);
    fetched.etag = etag;
    fetched.cache_control = fb_text("max-age=100");
    return fb__key_source_complete(source, ticket, 0.0, &fetched, NULL, NULL);
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
    CHECK(fb__slice_equal(fb_text(fetch.etag), fb_text("W/\"1\"")));
    CHECK(answer_with_etag(source, fetch.ticket, 304, NULL, (fb_slice){NULL, 0}) == FB_OK);
    CHECK(fb__key_source_generation(source, 0.0) == 1 && look(source, 0.0, "a", &request) == FB_OK);
    fetch = begin(source, 0.0, FB_REFRESH_EXPLICIT, 0);
    CHECK(fb__slice_equal(fb_text(fetch.etag), fb_text("W/\"1\"")));
    CHECK(answer_with_etag(source, fetch.ticket, 304, NULL, fb_text("\"2\"")) == FB_OK);
    fetch = begin(source, 0.0, FB_REFRESH_EXPLICIT, 0);
    CHECK(fb__slice_equal(fb_text(fetch.etag), fb_text("\"2\"")));
    CHECK(answer_with_etag(source, fetch.ticket, 200, "b", fb_text("\"3\"\r\nX-Evil: 1")) == FB_OK);
    fetch = begin(source, 0.0, FB_REFRESH_EXPLICIT, 0);
    CHECK(fetch.etag[0] == '\0'); /* that one is never sent back, nor is the one of another document */
    static char large[257];
    memset(large, 'e', sizeof(large));
    CHECK(answer_with_etag(source, fetch.ticket, 200, "b", (fb_slice){large, 257}) == FB_OK);
    fetch = begin(source, 0.0, FB_REFRESH_EXPLICIT, 0);
    CHECK(fetch.etag[0] == '\0');
    CHECK(answer_with_etag(source, fetch.ticket, 200, "b", (fb_slice){large, 256}) == FB_OK);
    /* A host that was given up on may still be reading its etag: it is its own. */
    fetch = begin(source, 0.0, FB_REFRESH_EXPLICIT, 0);
    fb_fetch later = begin(source, 11.0, FB_REFRESH_EXPLICIT, 0);
    CHECK(strlen(fetch.etag) == 256 && later.decision == FB_FETCH_NOW && later.ticket != fetch.ticket);
    CHECK(answer_with_etag(source, later.ticket, 200, "c", fb_text("\"4\"")) == FB_OK);
    CHECK(fb__slice_equal(fb_text(fetch.etag), (fb_slice){large, 256}));
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
    CHECK(fb__key_source_due(source, 99.9) && fb__key_source_due(source, 99.9));
    fb__key_source_stats(source, 100.0, &stats);
    CHECK(!stats.keys_held && !stats.keys_fresh);
    CHECK(look(source, 100.0, "a", &request) == FB_KEYS_NEEDED);
    fetch = begin(source, 100.0, FB_REFRESH_TOKEN, request);
    CHECK(look(source, 101.0, "a", &request) == FB_KEYS_NEEDED);
    CHECK(answer(source, fetch.ticket, 101.0, 503, fb_text(""), NULL) == FB_KEYS_UNAVAILABLE);
    fb__key_source_stats(source, 101.0, &stats);
    CHECK(stats.keys_held && !stats.keys_fresh);
    CHECK(look(source, 101.0, "a", &request) == FB_OK);
    CHECK(look(source, 3699.9, "a", &request) == FB_OK);
    CHECK(look(source, 3700.0, "a", &request) == FB_KEYS_NEEDED);
    fb__key_source_stats(source, 3700.0, &stats);
    CHECK(!stats.keys_held && !stats.keys_fresh && stats.generation == 1);
    fb__keyset *old = fb__key_source_keys(source);
    CHECK(old != NULL);
    fb__keyset_release(old);
    fetch = begin(source, 3700.0, FB_REFRESH_TOKEN, request);
    CHECK(answer(source, fetch.ticket, 3700.0, 503, fb_text(""), NULL) == FB_KEYS_UNAVAILABLE);
    CHECK(look(source, 3700.5, "a", &request) == FB_KEYS_UNAVAILABLE);
    CHECK(look(source, 3702.0, "a", &request) == FB_KEYS_NEEDED);
    fb__key_source_release(source);
}

static void refuse_option(void (*change)(struct setup *), const char *name)
{
    struct setup options = SETUP_INIT;
    fb__key_source *source = (fb__key_source *)&options;
    fb_error error = FB_ERROR_INIT;
    options.issuer.jwks_uri = fb_text(URI);
    change(&options);
    CHECK(fb__key_source_new(&source, &fb__mem_default, &options.issuer, &error) == FB_CONFIGURATION_INVALID &&
          source == NULL);
    CHECK(strstr(error.text, name) != NULL && strstr(error.text, "swordfish") == NULL);
}

#define REFUSE(name, assignment)               \
    static void change_##name(struct setup *o) \
    {                                          \
        assignment;                            \
    }
REFUSE(uri, o->issuer.jwks_uri = fb_text("http://issuer.example/?swordfish"))
REFUSE(interval, o->issuer.refresh_interval = -1.0)
REFUSE(interval_nan, o->issuer.refresh_interval = (double)NAN)
REFUSE(interval_infinite, o->issuer.refresh_interval = (double)INFINITY)
REFUSE(stale, o->issuer.stale_if_error = -0.1)
REFUSE(stale_nan, o->issuer.stale_if_error = (double)NAN)
REFUSE(timeout, o->issuer.fetch_timeout = 0.0)
REFUSE(timeout_nan, o->issuer.fetch_timeout = (double)NAN)
REFUSE(timeout_large, o->issuer.fetch_timeout = 3601.0)
REFUSE(bytes, o->issuer.max_jwks_bytes = 0)
REFUSE(bytes_large, o->issuer.max_jwks_bytes = ((size_t)16 << 20) + 1)
REFUSE(ca_file, (o->issuer.ca_file = (fb_slice){"a\0b", 3}))
REFUSE(ca_path, (o->issuer.ca_path = (fb_slice){"a\0b", 3}))
REFUSE(proxy, (o->issuer.ssrf_safe = true, o->issuer.trust_env = true))

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
    RUN(a_provider_that_fails_after_a_rotation_locks_nobody_out);
    RUN(a_second_rotation_seconds_after_the_first);
    RUN(after_its_fetch_a_token_gets_a_verdict);
    RUN(a_hanging_fetch_holds_nobody_up_for_long);
    RUN(a_clock_that_is_not_the_one_of_the_fetch);
    RUN(a_fetch_that_its_host_gave_up);
    RUN(what_does_not_count);
    RUN(framing_that_counts);
    RUN(a_fetch_is_completed_once);
    RUN(a_key_that_may_not_be_used);
    RUN(size_limit);
    RUN(the_generation_changes_only_with_the_set);
    RUN(sets_are_compared_by_their_keys);
    RUN(etags);
    RUN(freshness_of_the_answer);
    RUN(options_are_checked);
    return TEST_RESULT();
}
