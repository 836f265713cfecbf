/*
 * A key source, a provider that rotates, fails, hangs and recovers, and hosts that verify, refresh, lose their tickets,
 * give fetches up and come late, in random order with a fixed seed. Beside the key source runs a book of its own that
 * knows only what was decided and what was answered; after every step the key source is held against it:
 *
 *   - never more than one fetch in flight;
 *   - fetches for unknown key ids within their budget, all but explicit ones outside of the back-off;
 *   - fresh keys never disappear because of a failure, and never wait for a fetch;
 *   - keys past their freshness verify only while a fetch has failed since they came, and nothing verifies past its
 * time;
 *   - a withdrawn key never verifies;
 *   - "no such key" is said only by a set that was fetched for this token or within the interval;
 *   - nobody waits longer than the time-out, nor than 2 s while keys are usable, and who is refused learns when to come
 *     back;
 *   - whoever asks in the end gets a verdict: "fetch" never leads to a fetch that is not allowed.
 */
#include "keysets/key_source.h"
#include "source.h"

#include <math.h>

static const double interval = 30.0, stale = 3600.0, limit = 11.0; /* time-out and grace */
enum { STEPS = 100000, NOTED = 8, WAITING = 16 };

static uint64_t random_state = 20261124;

static unsigned pick(unsigned count)
{
    random_state = random_state * 6364136223846793005U + 1442695040888963407U;
    return (unsigned)(random_state >> 33) % count;
}

/* The provider. Its key id is a number; older ones are withdrawn. */
static struct {
    unsigned kid;
    enum { GOOD, BROKEN, SILENT } state;
} provider;

/* The book. */
static struct {
    double now;
    bool held;
    unsigned kid; /* of the set that is held */
    double fresh_until;
    double unknown_at; /* when a fetch for an unknown key id is allowed again */
    unsigned failures; /* since the last success */
    double retry_at;
    bool open; /* a fetch is in flight */
    uint64_t ticket;
    double started;
    bool unknown;              /* it was begun for a key id that was not held */
    unsigned waiting[WAITING]; /* key ids for which it is made */
    unsigned waiting_count;
    uint64_t generation;
    unsigned fetches, failed, successes, unknown_successes, other_successes, given_up, unavailable;
} book;

static fb__key_source *source;

static unsigned in_flight_count(void)
{
    return book.open && book.now < book.started + limit ? 1 : 0;
}

static bool usable(void)
{
    bool failed = book.failures > 0 || (book.open && in_flight_count() == 0);
    return book.held && book.now < book.fresh_until + (failed ? stale : 0.0);
}

static const char *name_of(unsigned kid)
{
    static char names[4][16];
    static unsigned next;
    char *name = names[next++ % 4];
    snprintf(name, sizeof(names[0]), "k%u", kid);
    return name;
}

static bool within_interval(void)
{
    return book.now < book.unknown_at;
}

static void wait_for(unsigned kid)
{
    for (unsigned i = 0; i < book.waiting_count; i++) {
        if (book.waiting[i] == kid) {
            return;
        }
    }
    if (book.waiting_count < WAITING) {
        book.waiting[book.waiting_count++] = kid;
    }
}

static void opened(const fb_fetch *fetch, fb_refresh_reason reason, unsigned kid)
{
    CHECK(in_flight_count() == 0);
    CHECK(fetch->ticket > book.ticket);
    if (reason != FB_REFRESH_EXPLICIT) {
        CHECK(book.now >= book.retry_at);
    }
    book.unknown = reason == FB_REFRESH_TOKEN && usable();
    CHECK(!book.unknown || (!within_interval() && kid != book.kid));
    if (book.open) { /* its host never said how it ended */
        book.failures++;
        book.failed++;
    }
    book.open = true;
    book.ticket = fetch->ticket;
    book.started = book.now;
    book.waiting_count = 0;
    book.fetches++;
    if (reason == FB_REFRESH_TOKEN) {
        wait_for(kid);
    }
}

static void refresh(fb_refresh_reason reason, unsigned kid, uint64_t key_request)
{
    fb_fetch fetch = begin(source, book.now, reason, key_request);
    switch (fetch.decision) {
    case FB_FETCH_NOW:
        opened(&fetch, reason, kid);
        break;
    case FB_FETCH_WAIT:
        CHECK(in_flight_count() == 1 && fetch.ticket == book.ticket);
        CHECK(fetch.timeout >= 0.0 && book.now + fetch.timeout < book.started + limit + 0.001);
        if (reason == FB_REFRESH_TOKEN) {
            CHECK(!usable() || book.now + fetch.timeout < fmax(book.started + 2.0, book.now) + 0.001);
            wait_for(kid);
        }
        break;
    case FB_FETCH_LATER:
        CHECK(book.now < book.retry_at && reason != FB_REFRESH_EXPLICIT);
        CHECK(fetch.retry_after > 0.0 && fetch.retry_after <= 60.0);
        break;
    case FB_FETCH_DONE:
        CHECK(usable() && reason != FB_REFRESH_EXPLICIT);
        break;
    }
}

/* What the first question may be answered with, by the book alone. */
static void check_verdict(unsigned kid, fb_status status, const fb_error *error)
{
    const bool flying = in_flight_count() == 1, late = flying && usable() && book.now >= book.started + 2.0;
    fb_status expected = FB_KEYS_UNAVAILABLE;
    if (usable() && kid == book.kid) {
        expected = FB_OK;
    } else if (flying && !late) {
        expected = FB_KEYS_NEEDED;
    } else if (usable() && within_interval()) {
        expected = FB_KEY_NOT_FOUND;
    } else if (!flying && book.now >= book.retry_at) {
        expected = FB_KEYS_NEEDED;
    }
    CHECK(status == expected);
    /* That a fetch has outlived its time is seen with the lock alone, until somebody takes over from it. */
    CHECK(fb__key_source_generation(source, book.now) == (usable() ? book.generation : 0) ||
          (book.open && in_flight_count() == 0));
    if (status == FB_KEYS_NEEDED) {
        CHECK(error->wait > 0.0 && error->wait <= (usable() ? 2.0 : limit));
    } else if (status == FB_KEY_NOT_FOUND) {
        CHECK(error->retry_after > 0.0 && error->retry_after <= interval);
    } else if (status == FB_KEYS_UNAVAILABLE) {
        CHECK(error->retry_after > 0.0 && error->retry_after <= 60.0);
        book.unavailable++;
    }
}

/* After its fetch, or after it has waited long enough, a token gets a verdict; which, depends on what has come since.
 */
static void check_second_verdict(unsigned kid, uint64_t key_request, unsigned successes)
{
    fb_error error = FB_ERROR_INIT;
    fb_status status = look_again(source, book.now, name_of(kid), key_request, &error), expected = FB_KEYS_UNAVAILABLE;
    if (usable() && kid == book.kid) {
        expected = FB_OK;
    } else if (usable() && (book.successes != successes || within_interval())) {
        expected = FB_KEY_NOT_FOUND;
    }
    CHECK(status == expected);
}

static void complete(void);
static void time_passes(void);

static void verify(unsigned kid)
{
    fb_error error = FB_ERROR_INIT;
    const fb__key_query query = {.now = book.now, .kid = fb_text(name_of(kid)), .alg = fb__alg_find(fb_text("EdDSA"))};
    fb_status status = ask(source, &query, &error);
    check_verdict(kid, status, &error);
    if (status == FB_KEYS_NEEDED && pick(4) != 0) { /* some hosts never come back */
        const unsigned successes = book.successes;
        const uint64_t key_request = error.key_request;
        book.now += pick(4) == 0 ? pick(3000) / 1000.0 : 0.0;
        refresh(FB_REFRESH_TOKEN, kid, key_request);
        switch (pick(3)) {
        case 0:
            complete();
            break;
        case 1:
            time_passes();
            break;
        default:
            break;
        }
        check_second_verdict(kid, key_request, successes);
    }
}

static void succeeded(unsigned kid)
{
    bool answered = book.waiting_count <= NOTED;
    for (unsigned i = 0; i < book.waiting_count; i++) {
        answered = answered && book.waiting[i] == kid;
    }
    book.unknown_at = book.unknown || !answered ? book.started + interval : -(double)INFINITY;
    if (book.unknown) {
        book.unknown_successes++;
    } else {
        book.other_successes++;
    }
    book.successes++;
    book.generation += !book.held || book.kid != kid;
    book.held = true;
    book.kid = kid;
    book.fresh_until = book.now + 300.0;
    book.failures = 0;
    book.retry_at = -(double)INFINITY;
}

static void failed(void)
{
    double delay = book.failures >= 6 ? 60.0 : (double)(1 << book.failures);
    book.failures++;
    book.failed++;
    book.retry_at = book.now + delay;
}

static void complete(void)
{
    fb_fetched fetched = FB_FETCHED_INIT;
    fb_error error = FB_ERROR_INIT;
    bool good = provider.state == GOOD;
    if (!book.open || provider.state == SILENT) {
        return;
    }
    fetched.http_status = good ? 200 : 500;
    fetched.body = document(name_of(provider.kid));
    fetched.cache_control = fb_text("max-age=300");
    if (pick(20) == 0) {
        CHECK(fb__key_source_complete(source, book.ticket - 1, book.now, &fetched, NULL, &error) ==
              FB_CONFIGURATION_INVALID);
    }
    fetched.abandoned = pick(10) == 0;
    fb_status status = fb__key_source_complete(source, book.ticket, book.now, &fetched, NULL, &error);
    book.open = false;
    if (fetched.abandoned) {
        CHECK(status == FB_KEYS_UNAVAILABLE);
        book.given_up++;
        return;
    }
    CHECK(status == (good ? FB_OK : FB_KEYS_UNAVAILABLE));
    if (good) {
        succeeded(provider.kid);
    } else {
        failed();
        CHECK(error.retry_after > 0.0 && error.retry_after <= 60.0);
    }
}

static void look_ahead(void)
{
    if (!fb__key_source_due(source, book.now)) {
        return;
    }
    CHECK(usable() && in_flight_count() == 0 && book.now >= book.retry_at);
    CHECK(book.now >= book.fresh_until - 60.0); /* a fifth of 300 s */
    if (pick(5) != 0) {
        refresh(FB_REFRESH_AHEAD, 0, 0);
    }
}

static void time_passes(void)
{
    static const double spans[] = {0.001, 0.1, 1.0, 5.0, 12.0, 31.0, 70.0, 300.0};
    book.now += spans[pick(8)] * (pick(1000) / 500.0);
    if (pick(2000) == 0) {
        book.now += 5000.0;
    }
}

static void provider_changes(void)
{
    unsigned what = pick(10);
    if (what < 3) {
        provider.kid++;
    } else {
        provider.state = what < 7 ? GOOD : what == 7 ? SILENT : BROKEN;
    }
}

static unsigned some_kid(void)
{
    switch (pick(4)) {
    case 0:
        return provider.kid;
    case 1:
        return book.kid;
    case 2:
        return provider.kid > 3 ? provider.kid - 1 - pick(3) : 0; /* withdrawn */
    default:
        return 1000000 + pick(1000000); /* never was */
    }
}

static void step(void)
{
    unsigned what = pick(20);
    if (what < 9) {
        verify(some_kid());
    } else if (what < 12) {
        complete();
    } else if (what < 15) {
        look_ahead();
    } else if (what < 18) {
        time_passes();
    } else if (what == 18) {
        provider_changes();
    } else if (pick(8) == 0) {
        refresh(FB_REFRESH_EXPLICIT, 0, 0);
    }
}

TEST(a_hundred_thousand_random_steps)
{
    fb_stats stats = FB_STATS_INIT;
    source = source_new();
    source->schedule.random = 1; /* the same walk every time */
    provider.kid = 1;
    book.now = 1000.0;
    book.unknown_at = book.retry_at = -(double)INFINITY;
    for (unsigned i = 0; i < STEPS; i++) {
        step();
        if (test_failures > 0) {
            FAIL("at step %u", i);
            break;
        }
    }
    fb__key_source_stats(source, book.now, &stats);
    CHECK(stats.fetches == book.fetches && stats.generation == book.generation && stats.fetch_failures == book.failed);
    CHECK(book.unknown_successes <= book.other_successes + (book.now - 1000.0) / interval + 1.0);
    /* It recovers by itself within one back-off. */
    provider.state = GOOD;
    complete();
    book.now += 71.0;
    book.now = usable() ? book.fresh_until + stale : book.now;
    uint64_t key_request;
    CHECK(look(source, book.now, name_of(provider.kid), &key_request) == FB_KEYS_NEEDED);
    do { /* some hosts give up */
        refresh(FB_REFRESH_TOKEN, provider.kid, key_request);
        complete();
    } while (look(source, book.now, name_of(provider.kid), &key_request) == FB_KEYS_NEEDED);
    CHECK(look(source, book.now, name_of(provider.kid), &key_request) == FB_OK);
    printf("%u fetches, %u failed, %u given up, %u for unknown key ids succeeded, %llu sets, %u refused for now\n",
           book.fetches, book.failed, book.given_up, book.unknown_successes, (unsigned long long)book.generation,
           book.unavailable);
    /* The walk went everywhere. */
    CHECK(book.fetches > 1000 && book.failed > 100 && book.given_up > 100 && book.unknown_successes > 100 &&
          book.generation > 100 && book.unavailable > 100);
    fb__key_source_release(source);
}

int main(void)
{
    RUN(a_hundred_thousand_random_steps);
    return TEST_RESULT();
}
