/*
 * A source, a provider that rotates, fails, hangs and recovers, and hosts that verify, refresh, lose their tickets and
 * come late, in random order with a fixed seed. Beside the key source runs a book of its own that knows only what was
 * decided and what was answered; after every step the key source is held against it:
 *
 *   - never more than one fetch in flight;
 *   - fetches for unknown key ids within their budget, all but explicit ones outside of the back-off;
 *   - a usable key never disappears because of a failure, and never waits for a fetch;
 *   - a withdrawn key never verifies, and nothing verifies past its time;
 *   - nobody waits longer than the time-out, and who is refused learns when to come back;
 *   - whoever asks in the end gets a verdict: "fetch" never leads to a fetch that is not allowed.
 */
#include "keysets/key_source.h"
#include "source.h"

#include <math.h>

static const double interval = 30.0, stale = 3600.0, fetch_timeout = 10.0;
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
    bool miss_free;
    double last_miss;
    unsigned failures;
    double retry_at;
    bool open; /* a fetch is in flight */
    uint64_t ticket;
    double started;
    bool miss;
    unsigned waiting[WAITING]; /* key ids for which it is made */
    unsigned waiting_count;
    double offered;
    uint64_t generation;
    unsigned fetches, misses, other_successes;
} book;

static fb__key_source *source;

static unsigned in_flight_count(void)
{
    return book.open && book.now < book.started + fetch_timeout + 1.0 ? 1 : 0;
}

static bool usable(void)
{
    return book.held && book.now < book.fresh_until + stale;
}

static const char *name_of(unsigned kid)
{
    static char names[4][16];
    static unsigned next;
    char *name = names[next++ % 4];
    snprintf(name, sizeof(names[0]), "k%u", kid);
    return name;
}

static bool may_miss(void)
{
    return book.now >= book.retry_at && (book.miss_free || book.now >= book.last_miss + interval);
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
    book.miss = reason == FB_REFRESH_TOKEN && usable();
    if (book.miss) {
        CHECK(may_miss());
        CHECK(kid != book.kid);
        book.miss_free = false;
        book.last_miss = book.now;
        book.misses++;
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
        CHECK(fetch.timeout > 0.0 && fetch.timeout <= fetch_timeout + 1.0);
        if (reason == FB_REFRESH_TOKEN) {
            wait_for(kid);
        }
        break;
    case FB_FETCH_LATER:
        CHECK(book.now < book.retry_at && reason != FB_REFRESH_EXPLICIT);
        CHECK(fetch.retry_after > 0.0 && fetch.retry_after <= 60.0);
        CHECK(reason == FB_REFRESH_AHEAD || !usable());
        break;
    case FB_FETCH_DONE:
        CHECK(usable() && reason != FB_REFRESH_EXPLICIT);
        break;
    }
}

static void verify(unsigned kid)
{
    uint64_t key_request;
    fb_status status = look(source, book.now, name_of(kid), &key_request);
    if (usable()) {
        CHECK((status == FB_OK) == (kid == book.kid));
        CHECK(status == FB_OK || status == FB_KEY_NOT_FOUND || status == FB_KEYS_NEEDED);
        CHECK(fb__key_source_generation(source, book.now) == book.generation);
        if (status == FB_KEY_NOT_FOUND) {
            CHECK(in_flight_count() == 0 && !may_miss());
        }
        if (status == FB_KEYS_NEEDED) {
            CHECK(in_flight_count() == 1 || may_miss());
        }
    } else {
        CHECK(status == (in_flight_count() == 1 || book.now >= book.retry_at ? FB_KEYS_NEEDED : FB_KEYS_UNAVAILABLE));
        CHECK(fb__key_source_generation(source, book.now) == 0);
    }
    if (status == FB_KEYS_NEEDED && pick(4) != 0) { /* some hosts never come back */
        book.now += pick(4) == 0 ? pick(3000) / 1000.0 : 0.0;
        refresh(FB_REFRESH_TOKEN, kid, key_request);
    }
}

static void succeeded(unsigned kid)
{
    bool answered = book.waiting_count <= NOTED;
    for (unsigned i = 0; i < book.waiting_count; i++) {
        answered = answered && book.waiting[i] == kid;
    }
    book.miss_free = !book.miss && answered;
    if (!book.miss) {
        book.other_successes++;
    }
    if (!answered && book.last_miss < book.started) {
        book.last_miss = book.started;
    }
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
    book.retry_at = book.now + delay;
    if (book.waiting_count > 0) {
        book.miss_free = false;
        book.last_miss = book.last_miss < book.started ? book.started : book.last_miss;
    }
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
        CHECK(fb__key_source_complete(source, book.ticket - 1, book.now, &fetched, &error) == FB_CONFIGURATION_INVALID);
    }
    fb_status status = fb__key_source_complete(source, book.ticket, book.now, &fetched, &error);
    CHECK(status == (good ? FB_OK : FB_KEYS_UNAVAILABLE));
    if (good) {
        succeeded(provider.kid);
    } else {
        failed();
        CHECK(error.retry_after > 0.0 && error.retry_after <= 60.0);
    }
    book.open = false;
    book.offered = -(double)INFINITY;
}

static void look_ahead(void)
{
    if (!fb__key_source_due(source, book.now)) {
        return;
    }
    CHECK(usable() && in_flight_count() == 0 && book.now >= book.retry_at);
    CHECK(book.now >= book.fresh_until - 60.0); /* a fifth of 300 s */
    CHECK(book.now >= book.offered + fetch_timeout + 1.0);
    book.offered = book.now;
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
    book.last_miss = book.retry_at = book.offered = -(double)INFINITY;
    for (unsigned i = 0; i < STEPS; i++) {
        step();
        if (test_failures > 0) {
            FAIL("at step %u", i);
            break;
        }
    }
    fb__key_source_stats(source, book.now, &stats);
    CHECK(stats.fetches == book.fetches && stats.generation == book.generation);
    CHECK(book.misses <= book.other_successes + (book.now - 1000.0) / interval + 1.0);
    /* It recovers by itself within one back-off. */
    provider.state = GOOD;
    complete();
    book.now += 71.0;
    uint64_t key_request;
    book.now = usable() ? book.fresh_until + stale : book.now;
    CHECK(look(source, book.now, name_of(provider.kid), &key_request) == FB_KEYS_NEEDED);
    refresh(FB_REFRESH_TOKEN, provider.kid, key_request);
    complete();
    CHECK(look(source, book.now, name_of(provider.kid), &key_request) == FB_OK);
    printf("%u fetches, %u of them for unknown key ids, %llu sets\n", book.fetches, book.misses,
           (unsigned long long)book.generation);
    CHECK(book.fetches > 1000 && book.misses > 100 && book.generation > 100); /* the walk went everywhere */
    fb__key_source_release(source);
}

int main(void)
{
    RUN(a_hundred_thousand_random_steps);
    return TEST_RESULT();
}
