/* Key sets kept between runs: what is exported serves another source of the same kind, and never for longer, or under
 * other conditions, than it would have where it was fetched. */
#include "failing.h"
#include "source.h"

#include <math.h>

static uint64_t request;

/* Two processes whose monotonic clocks have nothing to do with each other. */
static const double THERE = 5000.0, HERE = 70.0, WALL = 1700000000.0;

static fb_clock clock_at(double monotonic_base, double seconds)
{
    return (fb_clock){WALL + seconds, monotonic_base + seconds};
}

static fb_status fetch_with(fb__key_source *source, double now, const char *kid, const char *cache_control,
                            const char *etag)
{
    fb_fetch fetch = begin(source, now, FB_REFRESH_EXPLICIT, 0);
    fb_fetched fetched = FB_FETCHED_INIT;
    fetched.http_status = 200;
    fetched.body = document(kid);
    fetched.cache_control = fb_text(cache_control);
    fetched.etag = fb_text(etag);
    return fb__key_source_complete(source, fetch.ticket, now, &fetched, NULL, NULL);
}

/* A set with key a, fetched there at 0, fresh for 600 s. */
static fb_key_export *exported(double at)
{
    fb__key_source *source = source_new();
    fb_key_export *held = NULL;
    CHECK(fetch_with(source, THERE, "a", "max-age=600", "\"1\"") == FB_OK);
    CHECK(fb__key_source_export(source, clock_at(THERE, at), &held, NULL) == FB_OK);
    fb__key_source_release(source);
    return held;
}

static fb_status import(fb__key_source *source, double at, const fb_stored_keys *stored, fb_error *error)
{
    return fb__key_source_import(source, clock_at(HERE, at), stored, error);
}

static fb_stats stats_of(fb__key_source *source, double at)
{
    fb_stats stats = FB_STATS_INIT;
    fb__key_source_stats(source, HERE + at, &stats);
    return stats;
}

static void fail_fetch(fb__key_source *source, double at)
{
    fb_fetch fetch = begin(source, HERE + at, FB_REFRESH_EXPLICIT, 0);
    CHECK(answer(source, fetch.ticket, HERE + at, 503, fb_text(""), NULL) == FB_KEYS_UNAVAILABLE);
}

TEST(what_is_held_is_exported)
{
    fb_key_export *held = exported(30.0);
    const fb_stored_keys *keys = fb_key_export_keys(held);
    CHECK(keys->size == sizeof(*keys) && keys->source.size == FB__SOURCE_NAME - 1);
    CHECK(fb__slice_equal(keys->document, document("a")) && fb__slice_equal(keys->etag, fb_text("\"1\"")));
    CHECK(keys->jwks_uri.data == NULL); /* a URL that was configured may hold a secret */
    CHECK(fb__find(keys->source, fb_text("swordfish")) == NULL);
    CHECK(keys->fetched_at > WALL - 0.001 && keys->fetched_at < WALL + 0.001);
    CHECK(keys->fresh_until > WALL + 599.999 && keys->fresh_until < WALL + 600.001);
    fb_key_export_free(held);
    fb_key_export_free(NULL);

    fb__key_source *empty = source_new();
    fb_error error = FB_ERROR_INIT;
    CHECK(fb__key_source_export(empty, clock_at(HERE, 0.0), &held, &error) == FB_KEYS_UNAVAILABLE);
    CHECK(held == NULL && error.status == FB_KEYS_UNAVAILABLE);
    fb__key_source_release(empty);
}

TEST(a_fresh_set_serves_at_once_and_for_what_is_left)
{
    fb_key_export *held = exported(0.0);
    fb__key_source *source = source_new();
    CHECK(look(source, HERE + 100.0, "a", &request) == FB_KEYS_NEEDED);
    CHECK(import(source, 100.0, fb_key_export_keys(held), NULL) == FB_OK);
    CHECK(look(source, HERE + 100.0, "a", &request) == FB_OK);
    CHECK(look(source, HERE + 599.9, "a", &request) == FB_OK);
    CHECK(look(source, HERE + 600.1, "a", &request) == FB_KEYS_NEEDED); /* nobody has tried: not past its freshness */
    CHECK(begin(source, HERE + 300.0, FB_REFRESH_AHEAD, 0).decision == FB_FETCH_DONE);
    CHECK(!fb__key_source_due(source, HERE + 300.0) && fb__key_source_due(source, HERE + 599.0));
    CHECK(stats_of(source, 100.0).keys_fresh && stats_of(source, 100.0).generation == 1);
    CHECK(stats_of(source, 100.0).fetches == 0 && fb__key_source_version(source) == 0); /* it is no fetch */
    /* What was imported can be exported, with the same times. */
    fb_key_export *again = NULL;
    CHECK(fb__key_source_export(source, clock_at(HERE, 200.0), &again, NULL) == FB_OK);
    CHECK(fb_key_export_keys(again)->fresh_until < WALL + 600.001 &&
          fb_key_export_keys(again)->fetched_at < WALL + 0.001);
    CHECK(fb__slice_equal(fb_key_export_keys(again)->document, document("a")));
    fb_key_export_free(again);
    fb_key_export_free(held);
    fb__key_source_release(source);
}

TEST(a_stale_set_serves_when_a_fetch_has_failed)
{
    fb_key_export *held = exported(0.0);
    fb__key_source *source = source_new();
    CHECK(import(source, 1000.0, fb_key_export_keys(held), NULL) == FB_OK);
    CHECK(look(source, HERE + 1000.0, "a", &request) == FB_KEYS_NEEDED);
    CHECK(!stats_of(source, 1000.0).keys_held);
    fail_fetch(source, 1001.0);
    CHECK(look(source, HERE + 1001.0, "a", &request) == FB_OK);
    CHECK(stats_of(source, 1001.0).keys_held && !stats_of(source, 1001.0).keys_fresh);
    CHECK(look(source, HERE + 600.0 + 3599.0, "a", &request) == FB_OK);
    CHECK(look(source, HERE + 600.0 + 3601.0, "a", &request) != FB_OK);
    fb__key_source_release(source);

    source = source_new(); /* the other way round: it comes when the provider is known to be down */
    fail_fetch(source, 999.0);
    CHECK(import(source, 1000.0, fb_key_export_keys(held), NULL) == FB_OK);
    CHECK(look(source, HERE + 1000.0, "a", &request) == FB_OK);
    fb__key_source_release(source);
    fb_key_export_free(held);
}

TEST(a_fresh_set_is_no_reason_to_go_beyond_its_time)
{
    fb_key_export *held = exported(0.0);
    fb__key_source *source = source_new();
    fail_fetch(source, 0.0);
    CHECK(import(source, 10.0, fb_key_export_keys(held), NULL) == FB_OK);
    CHECK(look(source, HERE + 599.0, "a", &request) == FB_OK);
    CHECK(look(source, HERE + 601.0, "a", &request) == FB_KEYS_NEEDED); /* no fetch has failed since it came */
    fb__key_source_release(source);
    fb_key_export_free(held);
}

static void refused(const fb_stored_keys *stored, double at, const char *why)
{
    fb__key_source *source = source_new();
    fb_error error = FB_ERROR_INIT;
    CHECK(import(source, at, stored, &error) == FB_KEYS_UNAVAILABLE);
    if (strstr(error.text, why) == NULL) {
        FAIL("\"%s\" does not say \"%s\"", error.text, why);
    }
    CHECK(look(source, HERE + at, "a", &request) == FB_KEYS_NEEDED && stats_of(source, at).generation == 0);
    load(source, HERE + at, "held");
    CHECK(import(source, at, stored, &error) == FB_KEYS_UNAVAILABLE); /* and what is held stays */
    CHECK(look(source, HERE + at, "held", &request) == FB_OK);
    fb__key_source_release(source);
}

TEST(what_cannot_be_right_is_refused)
{
    fb_key_export *held = exported(0.0);
    const fb_stored_keys good = *fb_key_export_keys(held);
    fb_stored_keys keys = good;
    keys.source = fb_text("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
    refused(&keys, 1.0, "another source");
    keys.source = (fb_slice){NULL, 0};
    refused(&keys, 1.0, "another source");
    keys = good;
    keys.document = fb_text("{\"keys\":[]}");
    refused(&keys, 1.0, "empty");
    keys.document = fb_text("{\"keys\":[{\"kty\":\"RSA\"}]}");
    refused(&keys, 1.0, "none of the 1 keys");
    keys.document = fb_text("not JSON");
    refused(&keys, 1.0, "JSON");
    keys.document = (fb_slice){NULL, 0};
    refused(&keys, 1.0, "JSON");
    static char large[65537];
    memset(large, ' ', sizeof(large));
    memcpy(large, document("a").data, document("a").size);
    keys.document = (fb_slice){large, sizeof(large)};
    refused(&keys, 1.0, "max_jwks_bytes");
    const double odd[] = {(double)NAN, (double)INFINITY, -(double)INFINITY};
    for (size_t i = 0; i < 3; i++) {
        keys = good;
        keys.fetched_at = odd[i];
        refused(&keys, 1.0, "times");
        keys = good;
        keys.fresh_until = odd[i];
        refused(&keys, 1.0, "times");
    }
    keys = good;
    keys.fresh_until = keys.fetched_at - 1.0;
    refused(&keys, 1.0, "times");
    refused(&good, -31.0, "in the future");
    refused(&good, 600.0 + 3601.0, "older than stale_if_error");
    fb_key_export_free(held);
}

TEST(no_time_that_is_written_there_extends_its_life)
{
    fb_key_export *held = exported(0.0);
    fb_stored_keys keys = *fb_key_export_keys(held);
    fb__key_source *source = source_new();
    keys.fresh_until = WALL + 1e9;
    CHECK(import(source, 10.0, &keys, NULL) == FB_OK);
    CHECK(look(source, HERE + 3599.0, "a", &request) == FB_OK);
    CHECK(look(source, HERE + 3601.0, "a", &request) == FB_KEYS_NEEDED);
    fb__key_source_release(source);
    source = source_new(); /* of a clock that is a little ahead */
    keys = *fb_key_export_keys(held);
    CHECK(import(source, -29.0, &keys, NULL) == FB_OK);
    CHECK(look(source, HERE + 570.9, "a", &request) == FB_OK);
    CHECK(look(source, HERE + 571.1, "a", &request) == FB_KEYS_NEEDED);
    fb__key_source_release(source);
    fb_key_export_free(held);
}

TEST(only_a_newer_set_replaces_what_is_held)
{
    fb_key_export *held = exported(0.0);
    fb__key_source *source = source_new();
    load(source, HERE + 5.0, "b"); /* fetched later than what is stored */
    CHECK(import(source, 10.0, fb_key_export_keys(held), NULL) == FB_OK);
    CHECK(look(source, HERE + 10.0, "b", &request) == FB_OK && stats_of(source, 10.0).generation == 1);
    CHECK(stats_of(source, 10.0).imports == 0);
    fb__key_source_release(source);

    source = source_new();
    load(source, HERE - 50.0, "b");
    CHECK(import(source, 10.0, fb_key_export_keys(held), NULL) == FB_OK);
    CHECK(look(source, HERE + 10.0, "a", &request) == FB_OK && stats_of(source, 10.0).generation == 2);
    CHECK(look(source, HERE + 10.0, "b", &request) != FB_OK); /* withdrawn at once */
    CHECK(stats_of(source, 10.0).imports == 1);
    fb__key_source_release(source);

    source = source_new(); /* the same keys: cached tokens stay, and it is fresh for longer */
    load(source, HERE - 50.0, "a");
    CHECK(import(source, 10.0, fb_key_export_keys(held), NULL) == FB_OK);
    CHECK(stats_of(source, 10.0).generation == 1 && look(source, HERE + 599.0, "a", &request) == FB_OK);
    fb__key_source_release(source);
    fb_key_export_free(held);
}

TEST(the_etag_is_asked_with)
{
    fb_key_export *held = exported(0.0);
    fb__key_source *source = source_new();
    CHECK(import(source, 10.0, fb_key_export_keys(held), NULL) == FB_OK);
    fb_fetch fetch = begin(source, HERE + 20.0, FB_REFRESH_EXPLICIT, 0);
    CHECK(strcmp(fetch.etag, "\"1\"") == 0);
    CHECK(answer(source, fetch.ticket, HERE + 20.0, 304, fb_text(NULL), NULL) == FB_OK);
    CHECK(look(source, HERE + 615.0, "a", &request) == FB_OK && stats_of(source, 20.0).generation == 1);
    CHECK(fb__key_source_version(source) == 1);
    fb__key_source_release(source);
    fb_stored_keys keys = *fb_key_export_keys(held); /* it goes into a header */
    keys.etag = fb_text("\"1\"\r\nCookie: x");
    source = source_new();
    CHECK(import(source, 10.0, &keys, NULL) == FB_OK);
    CHECK(begin(source, HERE + 20.0, FB_REFRESH_EXPLICIT, 0).etag[0] == '\0');
    fb__key_source_release(source);
    fb_key_export_free(held);
}

/* A 304 is about the set whose etag was sent, and not about one that came from the store meanwhile. */
TEST(a_confirmation_of_a_set_that_is_not_held_any_more)
{
    fb_key_export *held = exported(0.0);
    fb__key_source *source = source_new();
    fb_error error = FB_ERROR_INIT;
    CHECK(fetch_with(source, HERE - 50.0, "b", "max-age=600", "\"b\"") == FB_OK);
    fb_fetch fetch = begin(source, HERE + 5.0, FB_REFRESH_EXPLICIT, 0);
    CHECK(strcmp(fetch.etag, "\"b\"") == 0);
    CHECK(import(source, 6.0, fb_key_export_keys(held), NULL) == FB_OK);
    CHECK(answer(source, fetch.ticket, HERE + 7.0, 304, fb_text(NULL), &error) == FB_KEYS_UNAVAILABLE);
    CHECK(look(source, HERE + 7.0, "a", &request) == FB_OK);
    CHECK(look(source, HERE + 601.0, "a", &request) == FB_KEYS_NEEDED); /* not made fresher */
    CHECK(stats_of(source, 7.0).fetch_failures == 0);                   /* nor has the provider failed */
    fetch = begin(source, HERE + 8.0, FB_REFRESH_EXPLICIT, 0);
    CHECK(fetch.decision == FB_FETCH_NOW && strcmp(fetch.etag, "\"1\"") == 0);
    CHECK(answer(source, fetch.ticket, HERE + 8.0, 200, document("b"), NULL) == FB_OK);
    CHECK(look(source, HERE + 8.0, "b", &request) == FB_OK);
    fb__key_source_release(source);
    fb_key_export_free(held);
}

TEST(an_import_is_not_the_fetch_that_a_token_asked_for)
{
    fb_key_export *held = exported(0.0);
    fb__key_source *source = source_new();
    fb_error error = FB_ERROR_INIT;
    CHECK(look(source, HERE + 10.0, "new", &request) == FB_KEYS_NEEDED);
    const uint64_t asked = request;
    CHECK(import(source, 10.0, fb_key_export_keys(held), NULL) == FB_OK);
    CHECK(look_again(source, HERE + 10.0, "new", asked, &error) == FB_KEYS_UNAVAILABLE); /* it may be good */
    CHECK(look_again(source, HERE + 10.0, "a", asked, &error) == FB_OK);
    CHECK(look(source, HERE + 10.0, "new", &request) == FB_KEYS_NEEDED);
    CHECK(begin(source, HERE + 10.0, FB_REFRESH_TOKEN, request).decision == FB_FETCH_NOW);
    fb__key_source_release(source);

    source = source_new(); /* and a token whose key it brought needs none */
    CHECK(look(source, HERE + 10.0, "a", &request) == FB_KEYS_NEEDED);
    CHECK(import(source, 10.0, fb_key_export_keys(held), NULL) == FB_OK);
    CHECK(begin(source, HERE + 10.0, FB_REFRESH_TOKEN, request).decision == FB_FETCH_DONE);
    fb__key_source_release(source);
    fb_key_export_free(held);
}

/* ---- discovery --------------------------------------------------------------------------------------------------- */

#define IDENTIFIER "https://issuer.example/tenant"

static fb__key_source *discovering(const char *identifier)
{
    struct setup options = SETUP_INIT;
    fb__key_source *source = NULL;
    fb_slice identifiers[] = {fb_text(identifier)};
    options.issuer.identifiers = (fb_list){identifiers, 1};
    CHECK(fb__key_source_new(&source, &fb__mem_default, &options.issuer, NULL) == FB_OK);
    return source;
}

static fb_fetch answer_metadata(fb__key_source *source, double now, const char *jwks_uri, int status)
{
    fb_fetch fetch = begin(source, now, FB_REFRESH_EXPLICIT, 0), next = FB_FETCH_INIT;
    fb_fetched fetched = FB_FETCHED_INIT;
    char body[256];
    CHECK(strstr(fetch.url.data, "/.well-known/") != NULL); /* a stored set is no discovery */
    snprintf(body, sizeof(body), "{\"issuer\":\"" IDENTIFIER "\",\"jwks_uri\":\"%s\"}", jwks_uri);
    fetched.http_status = status;
    fetched.body = fb_text(body);
    CHECK(fb__key_source_complete(source, fetch.ticket, now, &fetched, &next, NULL) == FB_OK);
    return next;
}

static fb_status answer_keys(fb__key_source *source, uint64_t ticket, double now, int status, const char *etag)
{
    fb_fetched fetched = FB_FETCHED_INIT;
    fb_fetch next = FB_FETCH_INIT;
    fetched.http_status = status;
    fetched.body = document("a");
    fetched.etag = fb_text(etag);
    return fb__key_source_complete(source, ticket, now, &fetched, &next, NULL);
}

TEST(with_discovery_the_etag_belongs_to_the_url_that_was_found)
{
    static const char url[] = "https://keys.example/1", other[] = "https://keys.example/2";
    fb__key_source *source = discovering(IDENTIFIER);
    fb_key_export *held = NULL;
    fb_fetch next = answer_metadata(source, THERE, url, 200);
    CHECK(answer_keys(source, next.ticket, THERE, 200, "\"1\"") == FB_OK);
    CHECK(fb__key_source_export(source, clock_at(THERE, 0.0), &held, NULL) == FB_OK);
    fb__key_source_release(source);
    fb_stored_keys keys = *fb_key_export_keys(held);
    CHECK(fb__slice_equal(keys.jwks_uri, fb_text(url)));

    source = discovering(IDENTIFIER);
    CHECK(import(source, 10.0, &keys, NULL) == FB_OK && look(source, HERE + 10.0, "a", &request) == FB_OK);
    next = answer_metadata(source, HERE + 10.0, url, 200);
    CHECK(strcmp(next.etag, "\"1\"") == 0 && fb__slice_equal(next.url, fb_text(url)));
    CHECK(answer_keys(source, next.ticket, HERE + 10.0, 304, NULL) == FB_OK);
    fb__key_source_release(source);

    source = discovering(IDENTIFIER); /* the document names another by now */
    CHECK(import(source, 10.0, &keys, NULL) == FB_OK);
    next = answer_metadata(source, HERE + 10.0, other, 200);
    CHECK(next.etag[0] == '\0' && fb__slice_equal(next.url, fb_text(other)));
    fb__key_source_release(source);

    source = discovering(IDENTIFIER); /* or cannot be had */
    CHECK(import(source, 10.0, &keys, NULL) == FB_OK);
    next = answer_metadata(source, HERE + 10.0, other, 503);
    CHECK(next.decision == FB_FETCH_NOW && fb__slice_equal(next.url, fb_text(url)));
    fb__key_source_release(source);

    source = discovering("https://issuer.example/another");
    CHECK(import(source, 10.0, &keys, NULL) == FB_KEYS_UNAVAILABLE);
    fb__key_source_release(source);

    source = discovering(IDENTIFIER);
    keys.jwks_uri = fb_text("http://keys.example/1");
    CHECK(import(source, 10.0, &keys, NULL) == FB_KEYS_UNAVAILABLE);
    CHECK(look(source, HERE + 10.0, "a", &request) == FB_KEYS_NEEDED);
    keys.jwks_uri = (fb_slice){NULL, 0};
    CHECK(import(source, 10.0, &keys, NULL) == FB_OK);
    next = answer_metadata(source, HERE + 10.0, url, 200);
    CHECK(next.etag[0] == '\0');
    fb__key_source_release(source);
    fb_key_export_free(held);
}

/* ---- the public functions ---------------------------------------------------------------------------------------- */

TEST(by_the_number_of_an_issuer)
{
    struct setup setup = SETUP_INIT;
    fb_verifier *verifier = NULL;
    fb_key_export *held = exported(0.0), *again = NULL;
    fb_error error = FB_ERROR_INIT;
    fb_stored_keys keys = *fb_key_export_keys(held);
    setup.issuer.jwks_uri = fb_text(URI);
    CHECK(setup_verifier(&verifier, &setup, &error) == FB_OK);
    CHECK(fb_verifier_keys_version(verifier, SOLE_ISSUER) == 0 && fb_verifier_keys_version(verifier, 7) == 0);
    CHECK(fb_verifier_export_keys(verifier, SOLE_ISSUER, clock_at(HERE, 0.0), &again, &error) == FB_KEYS_UNAVAILABLE);
    CHECK(fb_verifier_import_keys(verifier, SOLE_ISSUER, clock_at(HERE, 1.0), &keys, &error) == FB_OK);
    CHECK(fb_verifier_export_keys(verifier, SOLE_ISSUER, clock_at(HERE, 1.0), &again, &error) == FB_OK);
    CHECK(fb__slice_equal(fb_key_export_keys(again)->document, keys.document));
    fb_issuers *issuers = NULL;
    CHECK(fb_verifier_issuers(verifier, HERE, &issuers, &error) == FB_OK);
    CHECK(fb__slice_equal(fb_issuers_at(issuers, 0)->source, keys.source));
    fb_issuers_free(issuers);
    const fb_status bad = FB_CONFIGURATION_INVALID;
    const fb_clock odd = {(double)NAN, 0.0}, odder = {0.0, (double)INFINITY};
    fb_key_export *none = held;
    CHECK(fb_verifier_export_keys(verifier, 2, clock_at(HERE, 0.0), &none, &error) == bad && none == NULL);
    CHECK(fb_verifier_export_keys(verifier, SOLE_ISSUER, odd, &none, &error) == bad);
    CHECK(fb_verifier_export_keys(verifier, SOLE_ISSUER, odder, &none, &error) == bad);
    CHECK(fb_verifier_import_keys(verifier, 2, clock_at(HERE, 0.0), &keys, &error) == bad);
    CHECK(fb_verifier_import_keys(verifier, SOLE_ISSUER, odd, &keys, &error) == bad);
    CHECK(fb_verifier_import_keys(verifier, SOLE_ISSUER, odder, &keys, &error) == bad);
    keys.size = 0;
    CHECK(fb_verifier_import_keys(verifier, SOLE_ISSUER, clock_at(HERE, 0.0), &keys, &error) == bad);
    fb_verifier_free(verifier);
    CHECK(fb_key_export_keys(again)->document.size > 0); /* the caller's, whatever becomes of the verifier */
    fb_key_export_free(again);
    fb_key_export_free(held);

    fb_issuer issuer = FB_ISSUER_INIT;
    setup.issuer = issuer;
    setup.issuer.jwks = document("a");
    fb_slice algorithms[] = {fb_text("EdDSA")};
    setup.issuer.algorithms = (fb_list){algorithms, 1};
    keys.size = sizeof(keys);
    CHECK(setup_verifier(&verifier, &setup, &error) == FB_OK);
    CHECK(fb_verifier_import_keys(verifier, SOLE_ISSUER, clock_at(HERE, 0.0), &keys, &error) == bad);
    CHECK(fb_verifier_export_keys(verifier, SOLE_ISSUER, clock_at(HERE, 0.0), &none, &error) == bad);
    fb_verifier_free(verifier);
}

/* ---- without memory ---------------------------------------------------------------------------------------------- */

/* Whether allocation number n was reached. */
static bool import_without(long n)
{
    struct setup options = SETUP_INIT;
    fb__key_source *source = NULL;
    fb_key_export *held = exported(0.0), *again = NULL;
    options.issuer.jwks_uri = fb_text(URI);
    CHECK(fb__key_source_new(&source, &failing_mem, &options.issuer, NULL) == FB_OK);
    load(source, HERE - 50.0, "b");
    fb_error error = FB_ERROR_INIT;
    failing_start(n, false);
    const fb_status imported = import(source, 10.0, fb_key_export_keys(held), &error);
    const fb_status taken = fb__key_source_export(source, clock_at(HERE, 10.0), &again, NULL);
    const bool reached = failing_stop();
    CHECK(imported == FB_OK || (imported == FB_OUT_OF_MEMORY && error.status == FB_OUT_OF_MEMORY));
    CHECK(taken == FB_OK || (taken == FB_OUT_OF_MEMORY && again == NULL));
    CHECK(reached == (imported != FB_OK || taken != FB_OK));
    CHECK(look(source, HERE + 10.0, imported == FB_OK ? "a" : "b", &request) == FB_OK);
    fb_key_export_free(again);
    fb_key_export_free(held);
    fb__key_source_release(source);
    CHECK(failing.balance == 0);
    return reached;
}

TEST(any_allocation_may_fail)
{
    long n = 0;
    while (import_without(n)) {
        n++;
    }
    CHECK(n >= 4);
}

int main(void)
{
    failing_install();
    failing.ours_alone = true;
    RUN(what_is_held_is_exported);
    RUN(a_fresh_set_serves_at_once_and_for_what_is_left);
    RUN(a_stale_set_serves_when_a_fetch_has_failed);
    RUN(a_fresh_set_is_no_reason_to_go_beyond_its_time);
    RUN(what_cannot_be_right_is_refused);
    RUN(no_time_that_is_written_there_extends_its_life);
    RUN(only_a_newer_set_replaces_what_is_held);
    RUN(the_etag_is_asked_with);
    RUN(a_confirmation_of_a_set_that_is_not_held_any_more);
    RUN(an_import_is_not_the_fetch_that_a_token_asked_for);
    RUN(with_discovery_the_etag_belongs_to_the_url_that_was_found);
    RUN(by_the_number_of_an_issuer);
    RUN(any_allocation_may_fail);
    return TEST_RESULT();
}
