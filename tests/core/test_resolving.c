/* Issuers that come and go: one resolution at a time, what is remembered and for how long, who makes room for whom, and
 * that nothing of an issuer that is gone is used any more. */
#include "several.h"

#include "child.h"
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>

#define A "https://a.example"
#define B "https://b.example"
#define C "https://c.example"
static const fb_slice a = {A, sizeof(A) - 1}, b = {B, sizeof(B) - 1}, c = {C, sizeof(C) - 1};

static fb_verifier *resolving(size_t max_issuers)
{
    fb_options options = FB_OPTIONS_INIT;
    options.resolves_issuers = true;
    options.max_issuers = max_issuers;
    return verifier_of(options, NULL, 0);
}

static fb_clock at(double seconds)
{
    return (fb_clock){NOW, seconds};
}

/* What is to be done about a token of this issuer. */
static fb_status begin(const fb_verifier *verifier, const char *iss, double now, fb_resolution *out)
{
    fb_string *token = token_of(0, iss, NULL);
    *out = (fb_resolution)FB_RESOLUTION_INIT;
    const fb_status status =
        fb_verifier_resolve_begin(verifier, fb_string_text(token).data, fb_string_text(token).size, now, out, &error);
    fb_string_free(token);
    return status;
}

static uint64_t begun(const fb_verifier *verifier, const char *iss, double now)
{
    fb_resolution resolution;
    CHECK(begin(verifier, iss, now, &resolution) == FB_OK && resolution.decision == FB_RESOLVE_NOW);
    CHECK(resolution.identifier_size == strlen(iss) && strcmp(resolution.identifier, iss) == 0);
    return resolution.ticket;
}

static fb_status verify_at(const fb_verifier *verifier, const char *iss, double now)
{
    uint64_t issuer;
    fb_string *token = token_of(0, iss, NULL);
    const fb_status status = verify_token(verifier, token, at(now), &issuer);
    CHECK((status == FB_OK || status == FB_KEYS_NEEDED) == (issuer != 0));
    fb_string_free(token);
    return status;
}

static fb_status verify_after(const fb_verifier *verifier, const char *iss, double now)
{
    fb_result *result = NULL;
    fb_string *token = token_of(0, iss, NULL);
    const fb_status status = fb_verify_after_fetch(verifier, fb_string_text(token).data, fb_string_text(token).size,
                                                   at(now), 0, &result, &error);
    fb_result_free(result);
    fb_string_free(token);
    return status;
}

static void add(const fb_verifier *verifier, size_t pair, const fb_slice *identifier)
{
    const fb_issuer issuer = issuer_of(pair, identifier);
    if (fb_verifier_add_issuer(verifier, &issuer, &error) != FB_OK) {
        FAIL("%s", error.text);
    }
}

/* ---- resolutions ---------------------------------------------------------------------------- */

TEST(an_unknown_issuer_is_resolved_once)
{
    fb_verifier *verifier = resolving(10);
    fb_resolution second;
    const fb_issuer issuer = issuer_of(0, &a);
    CHECK(verify_at(verifier, A, 1.0) == FB_ISSUER_NEEDED && fb_status_http(FB_ISSUER_NEEDED) == 503);
    CHECK(error.claim.data == NULL && strstr(error.text, A) == NULL);
    const uint64_t ticket = begun(verifier, A, 1.0);
    CHECK(begin(verifier, A, 2.0, &second) == FB_OK && second.decision == FB_RESOLVE_WAIT && second.ticket == ticket);
    CHECK(!fb_verifier_resolve_wait(verifier, ticket, 0.0) && !fb_verifier_resolve_wait(verifier, ticket, -1.0));
    CHECK(fb_verifier_resolve_wait(verifier, ticket + 1, 60.0));
    CHECK(verify_after(verifier, A, 2.0) == FB_KEYS_UNAVAILABLE && error.retry_after == 1.0);
    CHECK(fb_verifier_resolve_end(verifier, ticket, FB_RESOLVED, &issuer, 3.0, &error) == FB_OK);
    CHECK(fb_verifier_resolve_wait(verifier, ticket, 60.0));
    CHECK(verify_at(verifier, A, 3.0) == FB_OK && verify_after(verifier, A, 3.0) == FB_OK);
    CHECK(begin(verifier, A, 3.0, &second) == FB_OK && second.decision == FB_RESOLVE_DONE && second.ticket == 0);
    CHECK(fb_verifier_resolve_end(verifier, ticket, FB_RESOLVED, &issuer, 3.0, &error) == FB_CONFIGURATION_INVALID);
    CHECK(strstr(error.text, "ticket") == error.text);
    const fb_stats stats = stats_of(verifier);
    CHECK(stats.issuers == 1 && stats.rejected == 1 && stats.verified == 2 && stats.issuer_evictions == 0);
    fb_verifier_free(verifier);
}

TEST(one_that_does_not_exist_is_remembered_for_a_minute)
{
    fb_verifier *verifier = resolving(10);
    fb_resolution resolution;
    const uint64_t ticket = begun(verifier, A, 1.0);
    CHECK(fb_verifier_resolve_end(verifier, ticket, FB_NO_SUCH_ISSUER, NULL, 10.0, &error) == FB_OK);
    CHECK(verify_at(verifier, A, 10.0) == FB_ISSUER_MISMATCH && verify_after(verifier, A, 69.9) == FB_ISSUER_MISMATCH);
    CHECK(error.expected[0] == '\0' && error.actual[0] == '\0');
    CHECK(begin(verifier, A, 69.9, &resolution) == FB_OK && resolution.decision == FB_RESOLVE_DONE);
    CHECK(stats_of(verifier).unknown_issuers == 1);
    CHECK(verify_at(verifier, B, 10.0) == FB_ISSUER_NEEDED);
    CHECK(verify_at(verifier, A, 70.0) == FB_ISSUER_NEEDED);
    CHECK(begin(verifier, A, 70.0, &resolution) == FB_OK && resolution.decision == FB_RESOLVE_NOW);
    CHECK(fb_verifier_resolve_end(verifier, resolution.ticket, FB_NO_SUCH_ISSUER, NULL, 70.0, &error) == FB_OK);
    CHECK(verify_at(verifier, A, 71.0) == FB_ISSUER_MISMATCH);
    add(verifier, 0, &a); /* the host knows better now */
    CHECK(verify_at(verifier, A, 71.0) == FB_OK);
    fb_verifier_free(verifier);
}

TEST(the_unknown_that_are_remembered_are_bounded)
{
    enum { BOUND = 4096 };
    fb_verifier *verifier = resolving(10);
    char iss[64];
    const size_t last = 3 * BOUND;
    for (size_t i = 0; i <= last; i++) {
        snprintf(iss, sizeof(iss), "https://%zu.example", i);
        const uint64_t ticket = begun(verifier, iss, 1.0);
        CHECK(fb_verifier_resolve_end(verifier, ticket, FB_NO_SUCH_ISSUER, NULL, 1.0, &error) == FB_OK);
    }
    CHECK(stats_of(verifier).unknown_issuers == BOUND);
    for (size_t i = 0; i <= last; i += 64) {
        snprintf(iss, sizeof(iss), "https://%zu.example", i);
        const bool made_room = i <= last - BOUND;
        CHECK(verify_at(verifier, iss, 1.0) == (made_room ? FB_ISSUER_NEEDED : FB_ISSUER_MISMATCH));
    }
    fb_verifier_free(verifier);
}

TEST(a_resolution_that_failed_is_asked_for_again)
{
    fb_verifier *verifier = resolving(10);
    const uint64_t ticket = begun(verifier, A, 1.0);
    CHECK(fb_verifier_resolve_end(verifier, ticket, FB_RESOLVE_FAILED, NULL, 2.0, &error) == FB_OK);
    CHECK(verify_after(verifier, A, 2.0) == FB_KEYS_UNAVAILABLE && error.retry_after == 0.0);
    CHECK(verify_at(verifier, A, 2.0) == FB_ISSUER_NEEDED && stats_of(verifier).unknown_issuers == 0);
    const fb_issuer good = issuer_of(0, &a), other = issuer_of(0, &b);
    fb_issuer broken = issuer_of(0, &a);
    broken.jwks = fb_text("{}");
    const struct {
        const fb_issuer *issuer;
        fb_resolve_outcome outcome;
        double now;
        const char *words;
    } cases[] = {{&other, FB_RESOLVED, 2.0, "issuer: its identifier"},
                 {&broken, FB_RESOLVED, 2.0, "jwks"},
                 {NULL, FB_RESOLVED, 2.0, "issuer"},
                 {&good, (fb_resolve_outcome)9, 2.0, "outcome"},
                 {&good, FB_RESOLVED, NAN, "monotonic_seconds"}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const uint64_t next = begun(verifier, A, 2.0);
        CHECK(fb_verifier_resolve_end(verifier, next, cases[i].outcome, cases[i].issuer, cases[i].now, &error) ==
              FB_CONFIGURATION_INVALID);
        CHECK(strstr(error.text, cases[i].words) == error.text);
        CHECK(fb_verifier_resolve_wait(verifier, next, 60.0)); /* nobody waits for it any longer */
        CHECK(verify_at(verifier, A, 2.0) == FB_ISSUER_NEEDED);
    }
    fb_verifier_free(verifier);
}

TEST(a_resolution_that_nobody_ends_is_taken_over)
{
    fb_verifier *verifier = resolving(10);
    fb_resolution resolution;
    const fb_issuer issuer = issuer_of(0, &a);
    const uint64_t lost = begun(verifier, A, 1.0);
    CHECK(begin(verifier, A, 30.9, &resolution) == FB_OK && resolution.decision == FB_RESOLVE_WAIT);
    CHECK(verify_after(verifier, A, 31.0) == FB_KEYS_UNAVAILABLE && error.retry_after == 0.0);
    const uint64_t ticket = begun(verifier, A, 31.0);
    CHECK(ticket != lost && fb_verifier_resolve_wait(verifier, lost, 60.0));
    CHECK(fb_verifier_resolve_end(verifier, lost, FB_RESOLVED, &issuer, 32.0, &error) == FB_CONFIGURATION_INVALID);
    CHECK(verify_at(verifier, A, 32.0) == FB_ISSUER_NEEDED);
    CHECK(fb_verifier_resolve_end(verifier, ticket, FB_RESOLVED, &issuer, 32.0, &error) == FB_OK);
    CHECK(verify_at(verifier, A, 32.0) == FB_OK);
    fb_verifier_free(verifier);
}

TEST(at_most_64_resolutions_are_under_way)
{
    fb_verifier *verifier = resolving(10);
    fb_resolution resolution;
    uint64_t tickets[64];
    char iss[64];
    for (size_t i = 0; i < 64; i++) {
        snprintf(iss, sizeof(iss), "https://%zu.example", i);
        tickets[i] = begun(verifier, iss, 1.0);
    }
    CHECK(begin(verifier, A, 1.0, &resolution) == FB_KEYS_UNAVAILABLE && error.retry_after == 1.0);
    CHECK(begin(verifier, iss, 1.0, &resolution) == FB_OK && resolution.decision == FB_RESOLVE_WAIT);
    CHECK(fb_verifier_resolve_end(verifier, tickets[7], FB_RESOLVE_FAILED, NULL, 1.0, &error) == FB_OK);
    (void)begun(verifier, A, 1.0);
    CHECK(begin(verifier, B, 1.0, &resolution) == FB_KEYS_UNAVAILABLE);
    (void)begun(verifier, B, 31.0); /* the others were never ended */
    fb_verifier_free(verifier);
}

TEST(tokens_that_cannot_be_resolved)
{
    fb_verifier *verifier = resolving(10);
    fb_resolution resolution = FB_RESOLUTION_INIT;
    char iss[FB_IDENTIFIER_ROOM + 1];
    memset(iss, 'i', sizeof(iss));
    iss[FB_IDENTIFIER_ROOM] = '\0';
    CHECK(verify_at(verifier, iss, 1.0) == FB_ISSUER_MISMATCH);
    CHECK(begin(verifier, iss, 1.0, &resolution) == FB_OK && resolution.decision == FB_RESOLVE_DONE);
    iss[FB_IDENTIFIER_ROOM - 1] = '\0';
    CHECK(verify_at(verifier, iss, 1.0) == FB_ISSUER_NEEDED);
    (void)begun(verifier, iss, 1.0);
    CHECK(begin(verifier, NULL, 1.0, &resolution) == FB_ISS_MISSING);
    resolution = (fb_resolution)FB_RESOLUTION_INIT;
    CHECK(fb_verifier_resolve_begin(verifier, "a.b", 3, 1.0, &resolution, &error) == FB_TOKEN_MALFORMED);
    CHECK(fb_verifier_resolve_begin(verifier, "e30.W10.AA", 10, 1.0, &resolution, &error) == FB_PAYLOAD_INVALID);
    CHECK(fb_verifier_resolve_begin(verifier, "e30.W10.AA", 10, NAN, &resolution, &error) == FB_CONFIGURATION_INVALID);
    resolution.size = 0;
    CHECK(fb_verifier_resolve_begin(verifier, "e30.W10.AA", 10, 1.0, &resolution, &error) == FB_CONFIGURATION_INVALID);
    fb_verifier_free(verifier);
}

/* ---- beside the issuers of the options ------------------------------------------------------ */

TEST(issuers_of_the_options_come_first)
{
    const fb_slice tenant = fb_text("https://login.example/{tid}"), one = fb_text("https://login.example/one");
    const fb_issuer issuers[] = {issuer_of(0, &a), issuer_of(0, &tenant)};
    fb_options options = FB_OPTIONS_INIT;
    options.resolves_issuers = true;
    fb_verifier *verifier = verifier_of(options, issuers, 2);
    fb_resolution resolution;
    uint64_t issuer;
    CHECK(begin(verifier, A, 1.0, &resolution) == FB_OK && resolution.decision == FB_RESOLVE_DONE);
    CHECK(begin(verifier, "https://login.example/one", 1.0, &resolution) == FB_OK &&
          resolution.decision == FB_RESOLVE_DONE);
    CHECK(verify_new(verifier, 0, A, NULL, &issuer) == FB_OK && issuer == 1);
    CHECK(verify_new(verifier, 0, "https://login.example/one", "{\"tid\":\"one\"}", &issuer) == FB_OK && issuer == 2);
    add(verifier, 1, &one); /* an exact identifier, which wins over the template */
    CHECK(verify_new(verifier, 1, "https://login.example/one", NULL, &issuer) == FB_OK && issuer == 3);
    CHECK(verify_new(verifier, 0, "https://login.example/two", "{\"tid\":\"two\"}", &issuer) == FB_OK && issuer == 2);
    CHECK(verify_new(verifier, 0, B, NULL, &issuer) == FB_ISSUER_NEEDED && issuer == 0);
    fb_issuer refused = issuer_of(0, &a);
    CHECK(fb_verifier_add_issuer(verifier, &refused, &error) == FB_CONFIGURATION_INVALID);
    CHECK(strstr(error.text, "issuer: the options have one") == error.text);
    refused = issuer_of(0, &tenant);
    CHECK(fb_verifier_add_issuer(verifier, &refused, &error) == FB_CONFIGURATION_INVALID);
    const fb_slice both[] = {b, c};
    refused.identifiers = (fb_list){both, 2};
    CHECK(fb_verifier_add_issuer(verifier, &refused, &error) == FB_CONFIGURATION_INVALID);
    refused.identifiers = (fb_list){NULL, 0};
    CHECK(fb_verifier_add_issuer(verifier, &refused, &error) == FB_CONFIGURATION_INVALID);
    refused = issuer_of(0, &b);
    refused.size = 0;
    CHECK(fb_verifier_add_issuer(verifier, &refused, &error) == FB_CONFIGURATION_INVALID);
    CHECK(stats_of(verifier).issuers == 3);
    fb_verifier_free(verifier);
}

TEST(a_verifier_that_does_not_resolve)
{
    const fb_issuer issuers[] = {issuer_of(0, &a), issuer_of(0, &b)}, more = issuer_of(0, &c);
    fb_options options = FB_OPTIONS_INIT;
    fb_verifier *verifier = verifier_of(options, issuers, 2), *refused = NULL;
    fb_resolution resolution;
    CHECK(begin(verifier, C, 1.0, &resolution) == FB_CONFIGURATION_INVALID);
    CHECK(fb_verifier_add_issuer(verifier, &more, &error) == FB_CONFIGURATION_INVALID);
    CHECK(fb_verifier_resolve_end(verifier, 1, FB_RESOLVED, &more, 1.0, &error) == FB_CONFIGURATION_INVALID);
    CHECK(fb_verifier_resolve_wait(verifier, 1, 60.0));
    fb_verifier_free(verifier);
    options.resolves_issuers = true;
    options.max_issuers = 0;
    CHECK(fb_verifier_new(&refused, &options, &error) == FB_CONFIGURATION_INVALID);
    options.max_issuers = 100001;
    CHECK(fb_verifier_new(&refused, &options, &error) == FB_CONFIGURATION_INVALID);
    CHECK(strstr(error.text, "max_issuers") == error.text);
}

/* ---- who goes ------------------------------------------------------------------------------- */

TEST(the_one_that_was_used_least_recently_makes_room)
{
    fb_verifier *verifier = resolving(2);
    fb_string *token = token_of(0, A, NULL);
    uint64_t issuer;
    add(verifier, 0, &a);
    add(verifier, 0, &b);
    CHECK(verify_token(verifier, token, CLOCK, &issuer) == FB_OK && issuer == 1);
    CHECK(verify_at(verifier, B, 1.0) == FB_OK);
    CHECK(verify_token(verifier, token, CLOCK, &issuer) == FB_OK); /* a hit of the cache is a use, too */
    CHECK(stats_of(verifier).cache_hits == 1);
    add(verifier, 0, &c);
    CHECK(verify_at(verifier, B, 1.0) == FB_ISSUER_NEEDED && verify_at(verifier, C, 1.0) == FB_OK);
    CHECK(verify_token(verifier, token, CLOCK, &issuer) == FB_OK && issuer == 1);
    add(verifier, 0, &b);
    add(verifier, 0, &b); /* replaced: nobody makes room */
    CHECK(verify_at(verifier, C, 1.0) == FB_ISSUER_NEEDED && verify_at(verifier, B, 1.0) == FB_OK);
    CHECK(verify_token(verifier, token, CLOCK, &issuer) == FB_OK && issuer == 1);
    fb_stats stats = stats_of(verifier);
    CHECK(stats.issuers == 2 && stats.issuer_evictions == 2 && stats.verified == 7);
    fb_issuers *issuers = NULL;
    CHECK(fb_verifier_issuers(verifier, 1.0, &issuers, &error) == FB_OK && fb_issuers_count(issuers) == 2);
    CHECK(fb_issuers_at(issuers, 0)->number == 1 && fb_issuers_at(issuers, 1)->number == 5);
    CHECK(fb_issuers_at(issuers, 0)->verified == 4 && fb_issuers_at(issuers, 1)->verified == 1);
    CHECK(fb_issuers_at(issuers, 0)->added && fb_issuers_at(issuers, 1)->added);
    fb_issuers_free(issuers);
    fb_string_free(token);
    fb_verifier_free(verifier);
}

TEST(cached_tokens_go_with_their_issuer)
{
    fb_verifier *verifier = resolving(10);
    fb_string *token = token_of(0, A, NULL);
    fb_result *kept = NULL;
    uint64_t first, second;
    add(verifier, 0, &a);
    CHECK(verify_token(verifier, token, CLOCK, &first) == FB_OK &&
          verify_token(verifier, token, CLOCK, &first) == FB_OK);
    CHECK(fb_verify(verifier, fb_string_text(token).data, fb_string_text(token).size, CLOCK, &kept, &error) == FB_OK);
    CHECK(stats_of(verifier).cache_hits == 2);
    add(verifier, 1, &a); /* other keys under the same identifier */
    CHECK(verify_token(verifier, token, CLOCK, &second) == FB_SIGNATURE_INVALID && second == first + 1);
    add(verifier, 0, &a);
    CHECK(verify_token(verifier, token, CLOCK, &second) == FB_OK && second == first + 2);
    CHECK(stats_of(verifier).cache_hits == 2 && stats_of(verifier).issuers == 1);
    fb_verifier_free(verifier);
    CHECK(fb_result_issuer_number(kept) == first && fb_result_issuer(kept).size == a.size);
    fb_result_free(kept);
    fb_string_free(token);
}

TEST(a_fetch_outlives_its_issuer)
{
    fb_verifier *verifier = resolving(1);
    const fb_issuer fetched = fetched_issuer(&a);
    fb_fetch fetch = FB_FETCH_INIT;
    fb_fetched answer = FB_FETCHED_INIT;
    answer.http_status = 200;
    answer.body = fb_string_text(documents[0]);
    for (int complete = 0; complete < 2; complete++) {
        CHECK(fb_verifier_add_issuer(verifier, &fetched, &error) == FB_OK);
        CHECK(verify_at(verifier, A, 1.0) == FB_KEYS_NEEDED || complete == 1);
        const uint64_t number = error.issuer;
        CHECK(number != 0);
        CHECK(fb_verifier_refresh_begin(verifier, number, 1.0, FB_REFRESH_TOKEN, error.key_request, &fetch, &error) ==
              FB_OK);
        CHECK(fetch.decision == FB_FETCH_NOW);
        add(verifier, 0, &b);
        CHECK(memcmp(fetch.url.data, "https://keys.example/jwks", 25) == 0);
        CHECK(!fb_verifier_refresh_wait(verifier, number, fetch.ticket, 0.0));
        CHECK(stats_of(verifier).issuers == 1 && verify_at(verifier, A, 1.0) == FB_ISSUER_NEEDED);
        if (complete == 0) {
            CHECK(fb_verifier_refresh_complete(verifier, number, fetch.ticket, 1.0, &answer, NULL, &error) == FB_OK);
            CHECK(fb_verifier_refresh_wait(verifier, number, fetch.ticket, 60.0));
            CHECK(verify_at(verifier, A, 1.0) == FB_ISSUER_NEEDED);
            CHECK(fb_verifier_refresh_complete(verifier, number, fetch.ticket, 1.0, &answer, NULL, &error) ==
                  FB_CONFIGURATION_INVALID);
        }
    }
    /* Hosts that never come back do not keep what they began for ever. */
    for (int i = 0; i < 100; i++) {
        CHECK(fb_verifier_add_issuer(verifier, &fetched, &error) == FB_OK);
        (void)verify_at(verifier, A, 1.0);
        CHECK(fb_verifier_refresh_begin(verifier, error.issuer, 1.0, FB_REFRESH_EXPLICIT, 0, &fetch, &error) == FB_OK);
    }
    fb_verifier_free(verifier);
}

/* ---- any sequence --------------------------------------------------------------------------- */

enum { NAMES = 24, ROOM = 5, STEPS = 20000 };

/* What a verifier should know of an issuer. */
static struct {
    bool added;
    unsigned used;        /* when last */
    double unknown_until; /* 0: not remembered */
    double begun_at;      /* of the resolution under way */
    uint64_t ticket;      /* 0: none is */
} model[NAMES];

static void model_add(size_t which, unsigned step)
{
    size_t count = 0, oldest = NAMES;
    for (size_t i = 0; i < NAMES; i++) {
        count += model[i].added;
        if (model[i].added && (oldest == NAMES || model[i].used < model[oldest].used)) {
            oldest = i;
        }
    }
    if (!model[which].added && count == ROOM) {
        model[oldest].added = false;
    }
    model[which].added = true;
    model[which].used = step;
    model[which].unknown_until = 0.0;
}

static fb_status model_verdict(size_t which, double now)
{
    return model[which].added ? FB_OK : now < model[which].unknown_until ? FB_ISSUER_MISMATCH : FB_ISSUER_NEEDED;
}

static void step_resolution(const fb_verifier *verifier, const fb_slice *name, const fb_string *token, size_t which,
                            unsigned step, double now, unsigned choice)
{
    fb_resolution resolution = FB_RESOLUTION_INIT;
    const fb_slice text = fb_string_text(token);
    const fb_issuer issuer = issuer_of(0, name);
    CHECK(fb_verifier_resolve_begin(verifier, text.data, text.size, now, &resolution, &error) == FB_OK);
    const bool asked = model_verdict(which, now) == FB_ISSUER_NEEDED;
    const bool free_to_ask = model[which].ticket == 0 || now >= model[which].begun_at + 30.0;
    CHECK(resolution.decision == (!asked ? FB_RESOLVE_DONE : free_to_ask ? FB_RESOLVE_NOW : FB_RESOLVE_WAIT));
    if (resolution.decision == FB_RESOLVE_NOW) {
        model[which].ticket = resolution.ticket;
        model[which].begun_at = now;
    }
    CHECK(resolution.decision != FB_RESOLVE_WAIT || resolution.ticket == model[which].ticket);
    if (model[which].ticket == 0 || choice == 3) {
        return; /* nothing to end, or a host that leaves it for later */
    }
    CHECK(fb_verifier_resolve_end(verifier, model[which].ticket, (fb_resolve_outcome)choice,
                                  choice == FB_RESOLVED ? &issuer : NULL, now, &error) == FB_OK);
    model[which].ticket = 0;
    if (choice == FB_RESOLVED) {
        model_add(which, step);
    } else if (choice == FB_NO_SUCH_ISSUER) {
        model[which].unknown_until = now + 60.0;
    }
}

TEST(any_sequence_is_as_a_simple_model_has_it)
{
    char names[NAMES][40];
    fb_slice identifiers[NAMES];
    fb_string *of[NAMES];
    fb_verifier *verifier = resolving(ROOM);
    double now = 1.0;
    unsigned random = 1;
    for (size_t i = 0; i < NAMES; i++) {
        snprintf(names[i], sizeof(names[i]), "https://%zu.example", i);
        identifiers[i] = fb_text(names[i]);
        of[i] = token_of(0, names[i], NULL);
    }
    for (unsigned step = 1; step <= STEPS; step++) {
        random = random * 1664525U + 1013904223U;
        const size_t which = (random >> 8) % NAMES;
        uint64_t issuer;
        switch ((random >> 16) % 8) {
        case 0:
            add(verifier, 0, &identifiers[which]);
            model_add(which, step);
            break;
        case 1:
        case 2:
            step_resolution(verifier, &identifiers[which], of[which], which, step, now, (random >> 24) % 4);
            break;
        case 3:
            now += (double)(random >> 20) / 400.0;
            break;
        default:
            CHECK(verify_token(verifier, of[which], at(now), &issuer) == model_verdict(which, now));
            model[which].used = step;
        }
    }
    size_t unknown = 0;
    for (size_t i = 0; i < NAMES; i++) {
        unknown += now < model[i].unknown_until;
        fb_string_free(of[i]);
    }
    fb_stats stats = FB_STATS_INIT;
    CHECK(fb_verifier_stats(verifier, now, &stats, &error) == FB_OK && stats.issuers == ROOM);
    CHECK(stats.unknown_issuers == unknown && stats.issuer_evictions > 100 && stats.cache_hits > 100);
    fb_verifier_free(verifier);
}

/* ---- processes and threads ------------------------------------------------------------------ */

TEST(a_child_resolves_for_itself)
{
    fb_verifier *verifier = resolving(10);
    add(verifier, 0, &a);
    const uint64_t ticket = begun(verifier, B, 1.0);
    const pid_t child = child_start();
    if (child == 0) {
        fb_resolution resolution;
        const fb_issuer issuer = issuer_of(0, &b);
        bool good = verify_at(verifier, A, 1.0) == FB_OK && fb_verifier_resolve_wait(verifier, ticket, 60.0);
        good = good && begin(verifier, B, 1.0, &resolution) == FB_OK && resolution.decision == FB_RESOLVE_NOW;
        good = good && resolution.ticket != ticket;
        good = good && fb_verifier_resolve_end(verifier, resolution.ticket, FB_RESOLVED, &issuer, 1.0, &error) == FB_OK;
        good = good && verify_at(verifier, B, 1.0) == FB_OK;
        fb_verifier_free(verifier);
        child_end(good);
    }
    CHECK(child_wait(child) == 1);
    CHECK(verify_at(verifier, B, 1.0) == FB_ISSUER_NEEDED);
    fb_verifier_free(verifier);
}

static atomic_bool stop;

/* Counting what is unknown takes its time, under the lock. */
static void *look_all_the_time(void *argument)
{
    while (!atomic_load(&stop)) {
        fb_stats stats = FB_STATS_INIT;
        CHECK(fb_verifier_stats(argument, 1.0, &stats, NULL) == FB_OK);
    }
    return NULL;
}

static void *change_all_the_time(void *argument)
{
    const fb_issuer issuer = issuer_of(0, &a);
    while (!atomic_load(&stop)) {
        CHECK(fb_verifier_add_issuer(argument, &issuer, NULL) == FB_OK);
    }
    return NULL;
}

/* Some inherit the lock from a thread that they do not have: they begin anew, and nobody waits for ever. */
TEST(children_of_any_moment_go_on)
{
    enum { CHILDREN = 40, WHOLE = 1, ANEW = 2 };
    int anew = 0;
    fb_verifier *verifier = resolving(1);
    pthread_t threads[2];
    add(verifier, 0, &a);
    fb_string *token = token_of(0, A, NULL);
    uint64_t issuer;
    CHECK(verify_token(verifier, token, CLOCK, &issuer) == FB_OK);
    CHECK(pthread_create(&threads[0], NULL, look_all_the_time, verifier) == 0);
    CHECK(pthread_create(&threads[1], NULL, change_all_the_time, verifier) == 0);
    for (int i = 0; i < CHILDREN; i++) {
        const pid_t child = child_start();
        if (child == 0) {
            const fb_status status = verify_token(verifier, token, CLOCK, &issuer);
            bool good = status == FB_OK || status == FB_ISSUER_NEEDED;
            add(verifier, 0, &a);
            good = good && verify_token(verifier, token, CLOCK, &issuer) == FB_OK;
            good = good && stats_of(verifier).issuers == 1 && verify_at(verifier, C, 1.0) == FB_ISSUER_NEEDED;
            child_end(!good || test_failures > 0 ? 0 : status == FB_OK ? WHOLE : ANEW);
        }
        const int verdict = child_wait(child);
        CHECK(verdict == WHOLE || verdict == ANEW);
        anew += verdict == ANEW;
    }
    CHECK(anew > 0);
    atomic_store(&stop, true);
    for (size_t i = 0; i < 2; i++) {
        CHECK(pthread_join(threads[i], NULL) == 0);
    }
    fb_string_free(token);
    fb_verifier_free(verifier);
}

enum { THREADS = 6, ISSUERS = 12, ROUNDS = 300 };
static char texts[ISSUERS][40];
static fb_slice identifiers[ISSUERS];
static fb_string *tokens[ISSUERS];
static fb_verifier *shared;
static atomic_uint accepted, needed, unexpected;

static void resolve(const fb_slice *token, size_t which)
{
    fb_resolution resolution = FB_RESOLUTION_INIT;
    fb_error own = FB_ERROR_INIT;
    const fb_issuer issuer = issuer_of(which % 2, &identifiers[which]);
    CHECK(fb_verifier_resolve_begin(shared, token->data, token->size, 1.0, &resolution, &own) == FB_OK);
    if (resolution.decision == FB_RESOLVE_NOW) {
        CHECK(fb_verifier_resolve_end(shared, resolution.ticket, FB_RESOLVED, &issuer, 1.0, &own) == FB_OK);
    } else if (resolution.decision == FB_RESOLVE_WAIT) {
        CHECK(fb_verifier_resolve_wait(shared, resolution.ticket, 60.0));
    }
}

static void *verify_all(void *argument)
{
    const size_t seed = (size_t)(uintptr_t)argument;
    for (size_t i = 0; i < ROUNDS; i++) {
        const size_t which = (i * 5 + seed) % ISSUERS;
        const fb_slice token = fb_string_text(tokens[which]);
        fb_error own = FB_ERROR_INIT;
        fb_result *result = NULL;
        fb_status status = fb_verify(shared, token.data, token.size, CLOCK, &result, &own);
        if (status == FB_ISSUER_NEEDED) {
            atomic_fetch_add(&needed, 1);
            resolve(&token, which);
            status = fb_verify_after_fetch(shared, token.data, token.size, CLOCK, 0, &result, &own);
        }
        /* Others may have displaced it again. */
        atomic_fetch_add(status == FB_OK ? &accepted : &unexpected, status == FB_OK || status != FB_KEYS_UNAVAILABLE);
        fb_result_free(result);
        if (i % 50 == 0) {
            fb_stats stats = FB_STATS_INIT;
            fb_issuers *issuers = NULL;
            fb_keys *keys = NULL;
            CHECK(fb_verifier_stats(shared, 1.0, &stats, &own) == FB_OK && stats.issuers <= 4);
            CHECK(fb_verifier_issuers(shared, 1.0, &issuers, &own) == FB_OK && fb_issuers_count(issuers) <= 4);
            CHECK(fb_verifier_keys(shared, CLOCK, &keys, &own) == FB_OK && fb_keys_count(keys) <= 4);
            fb_issuers_free(issuers);
            fb_keys_free(keys);
        }
    }
    return NULL;
}

TEST(issuers_come_and_go_under_six_threads)
{
    pthread_t threads[THREADS];
    shared = resolving(4);
    for (size_t i = 0; i < ISSUERS; i++) {
        snprintf(texts[i], sizeof(texts[i]), "https://%zu.example", i);
        identifiers[i] = fb_text(texts[i]);
        tokens[i] = token_of(i % 2, texts[i], NULL);
    }
    for (size_t i = 0; i < THREADS; i++) {
        CHECK(pthread_create(&threads[i], NULL, verify_all, (void *)(uintptr_t)i) == 0);
    }
    for (size_t i = 0; i < ROUNDS; i++) {
        add(shared, i % 2, &identifiers[i % ISSUERS]);
    }
    for (size_t i = 0; i < THREADS; i++) {
        CHECK(pthread_join(threads[i], NULL) == 0);
    }
    CHECK(atomic_load(&unexpected) == 0 && atomic_load(&accepted) > 0 && atomic_load(&needed) > 0);
    CHECK(stats_of(shared).issuer_evictions > 0);
    fb_verifier_free(shared);
    for (size_t i = 0; i < ISSUERS; i++) {
        fb_string_free(tokens[i]);
    }
}

int main(void)
{
    several_prepare();
    RUN(an_unknown_issuer_is_resolved_once);
    RUN(one_that_does_not_exist_is_remembered_for_a_minute);
    RUN(the_unknown_that_are_remembered_are_bounded);
    RUN(a_resolution_that_failed_is_asked_for_again);
    RUN(a_resolution_that_nobody_ends_is_taken_over);
    RUN(at_most_64_resolutions_are_under_way);
    RUN(tokens_that_cannot_be_resolved);
    RUN(issuers_of_the_options_come_first);
    RUN(a_verifier_that_does_not_resolve);
    RUN(the_one_that_was_used_least_recently_makes_room);
    RUN(cached_tokens_go_with_their_issuer);
    RUN(a_fetch_outlives_its_issuer);
    RUN(any_sequence_is_as_a_simple_model_has_it);
    RUN(a_child_resolves_for_itself);
    RUN(children_of_any_moment_go_on);
    RUN(issuers_come_and_go_under_six_threads);
    several_clear();
    return TEST_RESULT();
}
