/* What an operator sees: whether tokens can be verified now and why not, and what has happened, issuer by issuer. */
#include "several.h"

#include <math.h>

static const fb_slice a = {"https://a.example", 17}, b = {"https://b.example", 17};

static fb_verifier *fetching(size_t count)
{
    const fb_issuer issuers[] = {fetched_issuer(&a), fetched_issuer(&b)};
    return verifier_of((fb_options)FB_OPTIONS_INIT, issuers, count);
}

static fb_issuers *issuers_at(const fb_verifier *verifier, double now)
{
    fb_issuers *issuers = NULL;
    CHECK(fb_verifier_issuers(verifier, now, &issuers, &error) == FB_OK);
    return issuers;
}

static fb_status fail_fetch(const fb_verifier *verifier, uint64_t issuer, double began, double ended)
{
    fb_fetch fetch = FB_FETCH_INIT;
    fb_fetched fetched = FB_FETCHED_INIT;
    CHECK(fb_verifier_refresh_begin(verifier, issuer, began, FB_REFRESH_EXPLICIT, 0, &fetch, &error) == FB_OK);
    fetched.failure = fb_text("connection refused");
    return fb_verifier_refresh_complete(verifier, issuer, fetch.ticket, ended, &fetched, NULL, &error);
}

/* Of the first issuer, and so of the verifier, when it is the only one. */
static void expect(const fb_verifier *verifier, double now, fb_health health, const char *problem, bool says_why)
{
    fb_issuers *issuers = issuers_at(verifier, now);
    const fb_issuer_info *info = fb_issuers_at(issuers, 0);
    CHECK(info->health == health && fb_issuers_health(issuers) == health);
    char text[400];
    snprintf(text, sizeof(text), "%.*s", (int)info->problem.size, info->problem.data);
    if ((*problem == '\0') != (*text == '\0') || strstr(text, problem) == NULL ||
        says_why != (strstr(text, "connection refused") != NULL) || strstr(text, "swordfish") != NULL) {
        FAIL("at %.0f: \"%s\", not \"%s\"", now, text, problem);
    }
    fb_issuers_free(issuers);
}

TEST(from_start_to_outage_and_back)
{
    fb_verifier *verifier = fetching(1);
    const fb_slice document = fb_string_text(documents[0]);
    expect(verifier, 0.0, FB_NOT_READY, "no keys have been fetched yet", false);
    CHECK(fail_fetch(verifier, 1, 1.0, 2.0) == FB_KEYS_UNAVAILABLE);
    expect(verifier, 2.0, FB_NOT_READY, "no keys are held, and they cannot be fetched", true);
    CHECK(publish(verifier, 1, document, 10.0) == FB_OK);
    expect(verifier, 10.0, FB_READY, "", false);
    CHECK(fail_fetch(verifier, 1, 20.0, 21.0) == FB_KEYS_UNAVAILABLE);
    expect(verifier, 21.0, FB_READY, "", false); /* they are fresh: nobody's token is in danger */
    expect(verifier, 611.0, FB_DEGRADED, "past their freshness", true);
    expect(verifier, 610.0 + 3601.0, FB_NOT_READY, "too old", true);
    CHECK(publish(verifier, 1, document, 5000.0) == FB_OK);
    expect(verifier, 5000.0, FB_READY, "", false);
    /* Nobody came for a while: no trouble, and not "not ready", which would keep the tokens away that end it. */
    expect(verifier, 5601.0, FB_DEGRADED, "run out", false);
    expect(verifier, 99999.0, FB_DEGRADED, "run out", false);
    fb_verifier_free(verifier);
}

TEST(of_several_issuers)
{
    fb_verifier *verifier = fetching(2);
    fb_issuers *issuers = issuers_at(verifier, 0.0);
    CHECK(fb_issuers_health(issuers) == FB_NOT_READY);
    fb_issuers_free(issuers);
    CHECK(publish(verifier, 2, fb_string_text(documents[0]), 1.0) == FB_OK);
    issuers = issuers_at(verifier, 1.0);
    CHECK(fb_issuers_health(issuers) == FB_DEGRADED); /* one issuer's trouble is not the others' */
    CHECK(fb_issuers_at(issuers, 0)->health == FB_NOT_READY && fb_issuers_at(issuers, 1)->health == FB_READY);
    fb_issuers_free(issuers);
    CHECK(publish(verifier, 1, fb_string_text(documents[1]), 1.0) == FB_OK);
    issuers = issuers_at(verifier, 1.0);
    CHECK(fb_issuers_health(issuers) == FB_READY);
    fb_issuers_free(issuers);
    issuers = issuers_at(verifier, 9999.0);
    CHECK(fb_issuers_health(issuers) == FB_DEGRADED);
    fb_issuers_free(issuers);
    fb_verifier_free(verifier);

    fb_options options = FB_OPTIONS_INIT; /* none yet */
    options.resolves_issuers = true;
    verifier = verifier_of(options, NULL, 0);
    issuers = issuers_at(verifier, 0.0);
    CHECK(fb_issuers_health(issuers) == FB_READY && fb_issuers_count(issuers) == 0);
    fb_issuers_free(issuers);
    fb_verifier_free(verifier);
}

TEST(static_keys_are_ready)
{
    const fb_issuer issuer = issuer_of(0, &a);
    fb_verifier *verifier = verifier_of((fb_options)FB_OPTIONS_INIT, &issuer, 1);
    expect(verifier, 0.0, FB_READY, "", false);
    fb_issuers *issuers = issuers_at(verifier, 0.0);
    const fb_issuer_info *info = fb_issuers_at(issuers, 0);
    CHECK(info->source.data == NULL && info->introspection.data == NULL && info->reason_count == 0);
    CHECK(!(info->key_age > 0.0) && info->fresh_for > 1e300 && info->imports == 0 && !(info->fetch_seconds > 0.0));
    fb_issuers_free(issuers);
    const fb_stats stats = stats_of(verifier);
    CHECK(!(stats.key_age > 0.0) && !(stats.fetch_seconds > 0.0));
    fb_verifier_free(verifier);
}

TEST(the_names_of_health)
{
    CHECK(strcmp(fb_health_name(FB_READY), "ready") == 0 && strcmp(fb_health_name(FB_DEGRADED), "degraded") == 0);
    CHECK(strcmp(fb_health_name(FB_NOT_READY), "not_ready") == 0);
    CHECK(strcmp(fb_health_name((fb_health)9), "not_ready") == 0);
}

/* ---- counters -------------------------------------------------------------------------------- */

static bool near(double value, double wanted)
{
    return fabs(value - wanted) < 1e-6;
}

TEST(how_long_fetches_take_and_how_old_keys_are)
{
    fb_verifier *verifier = fetching(2);
    fb_fetch fetch = FB_FETCH_INIT, next = FB_FETCH_INIT;
    fb_fetched fetched = FB_FETCHED_INIT;
    CHECK(isinf(stats_of(verifier).key_age));
    CHECK(fail_fetch(verifier, 1, 10.0, 13.0) == FB_KEYS_UNAVAILABLE);
    CHECK(fb_verifier_refresh_begin(verifier, 1, 20.0, FB_REFRESH_EXPLICIT, 0, &fetch, &error) == FB_OK);
    fetched.http_status = 200;
    fetched.body = fb_string_text(documents[0]);
    CHECK(fb_verifier_refresh_complete(verifier, 1, fetch.ticket, 20.5, &fetched, &next, &error) == FB_OK);
    CHECK(fb_verifier_refresh_begin(verifier, 2, 20.0, FB_REFRESH_EXPLICIT, 0, &fetch, &error) == FB_OK);
    fetched.abandoned = true; /* it has no outcome, and counts no time */
    CHECK(fb_verifier_refresh_complete(verifier, 2, fetch.ticket, 24.0, &fetched, &next, &error) ==
          FB_KEYS_UNAVAILABLE);
    CHECK(fb_verifier_refresh_begin(verifier, 2, 30.0, FB_REFRESH_EXPLICIT, 0, &fetch, &error) == FB_OK);
    CHECK(fb_verifier_refresh_begin(verifier, 2, 42.0, FB_REFRESH_EXPLICIT, 0, &fetch, &error) ==
          FB_OK); /* taken over */
    fetched.abandoned = false;
    CHECK(fb_verifier_refresh_complete(verifier, 2, fetch.ticket, 42.25, &fetched, &next, &error) == FB_OK);
    fb_issuers *issuers = issuers_at(verifier, 50.0);
    const fb_issuer_info *first = fb_issuers_at(issuers, 0), *second = fb_issuers_at(issuers, 1);
    CHECK(near(first->fetch_seconds, 3.5) && near(first->key_age, 29.5) && near(first->fresh_for, 570.5));
    CHECK(near(second->fetch_seconds, 12.25) && near(second->key_age, 7.75));
    CHECK(first->source.size == 43 && memcmp(first->source.data, second->source.data, 43) == 0); /* one URL */
    fb_issuers_free(issuers);
    fb_stats stats = FB_STATS_INIT;
    CHECK(fb_verifier_stats(verifier, 50.0, &stats, &error) == FB_OK);
    CHECK(near(stats.fetch_seconds, 15.75) && near(stats.key_age, 29.5));
    fb_verifier_free(verifier);
}

TEST(reasons_issuer_by_issuer)
{
    const fb_issuer issuers[] = {issuer_of(0, &a), issuer_of(1, &b)};
    fb_verifier *verifier = verifier_of((fb_options)FB_OPTIONS_INIT, issuers, 2);
    uint64_t issuer;
    CHECK(verify_new(verifier, 0, a.data, NULL, &issuer) == FB_OK);
    CHECK(verify_new(verifier, 0, a.data, "{\"exp\":1}", &issuer) == FB_TOKEN_EXPIRED);
    CHECK(verify_new(verifier, 0, a.data, "{\"exp\":2}", &issuer) == FB_TOKEN_EXPIRED);
    CHECK(verify_new(verifier, 1, a.data, NULL, &issuer) == FB_SIGNATURE_INVALID);
    CHECK(verify_new(verifier, 1, b.data, "{\"nbf\":\"x\"}", &issuer) == FB_NBF_INVALID);
    CHECK(verify_new(verifier, 1, "https://c.example", NULL, &issuer) == FB_ISSUER_MISMATCH); /* nobody's */
    fb_issuers *list = issuers_at(verifier, 1.0);
    const fb_issuer_info *first = fb_issuers_at(list, 0), *second = fb_issuers_at(list, 1);
    CHECK(first->verified == 1 && first->rejected == 3 && first->reason_count == 2);
    CHECK(first->reasons[0].status == FB_SIGNATURE_INVALID && first->reasons[0].count == 1);
    CHECK(first->reasons[1].status == FB_TOKEN_EXPIRED && first->reasons[1].count == 2);
    CHECK(second->verified == 0 && second->rejected == 1 && second->reason_count == 1);
    CHECK(second->reasons[0].status == FB_NBF_INVALID);
    fb_issuers_free(list);
    CHECK(stats_of(verifier).rejected == 5);
    fb_verifier_free(verifier);
}

TEST(what_the_host_refuses_counts_with_its_issuer)
{
    const fb_issuer issuers[] = {issuer_of(0, &a), issuer_of(1, &b)};
    fb_verifier *verifier = verifier_of((fb_options)FB_OPTIONS_INIT, issuers, 2);
    fb_verifier_count_issuer_refusal(verifier, 2, FB_TOKEN_REVOKED);
    fb_verifier_count_issuer_refusal(verifier, 2, FB_OK);
    fb_verifier_count_issuer_refusal(verifier, 3, FB_TOKEN_REVOKED);
    fb_verifier_count_issuer_refusal(verifier, 0, FB_TOKEN_REVOKED);
    fb_issuers *list = issuers_at(verifier, 1.0);
    CHECK(fb_issuers_at(list, 0)->rejected == 0 && fb_issuers_at(list, 1)->rejected == 1);
    CHECK(fb_issuers_at(list, 1)->reasons[0].status == FB_TOKEN_REVOKED);
    fb_issuers_free(list);
    const fb_stats stats = stats_of(verifier);
    CHECK(stats.rejected == 3 && stats.reason_count == 1 && stats.reasons[0].count == 3 && stats.verified == 0);
    fb_verifier_free(verifier);
}

TEST(to_ask_for_keys_is_no_reason)
{
    fb_verifier *verifier = fetching(2);
    uint64_t issuer;
    CHECK(verify_new(verifier, 0, a.data, NULL, &issuer) == FB_KEYS_NEEDED && issuer == 1);
    fb_issuers *list = issuers_at(verifier, 1.0);
    CHECK(fb_issuers_at(list, 0)->rejected == 0 && fb_issuers_at(list, 0)->reason_count == 0);
    fb_issuers_free(list);
    fb_verifier_free(verifier);
}

int main(void)
{
    several_prepare();
    RUN(from_start_to_outage_and_back);
    RUN(of_several_issuers);
    RUN(static_keys_are_ready);
    RUN(the_names_of_health);
    RUN(how_long_fetches_take_and_how_old_keys_are);
    RUN(reasons_issuer_by_issuer);
    RUN(what_the_host_refuses_counts_with_its_issuer);
    RUN(to_ask_for_keys_is_no_reason);
    several_clear();
    return TEST_RESULT();
}
