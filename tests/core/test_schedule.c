/* Every transition of the state machine, with a clock that only moves when a test says so. */
#include "keysets/schedule.h"
#include "test.h"

static fb__schedule schedule;

static void start(void)
{
    fb__schedule_init(&schedule, 30.0, 3600.0, 10.0, 42);
}

static void hold(double now)
{
    CHECK(fb__schedule_begin(&schedule, now, FB_REFRESH_EXPLICIT, false) == FB_FETCH_NOW);
    fb__schedule_succeed(&schedule, now, 600.0, true);
}

/* Whether a token with a key id that is not held would be told to fetch, or wait for a fetch. */
static bool unknown_kid_is_worth_a_fetch(const fb__schedule *of, double now)
{
    return fb__schedule_in_flight(of, now) ||
           (fb__schedule_retry_after(of, now) == 0.0 && fb__schedule_unknown_kid_retry_after(of, now) == 0.0);
}

static bool near(double a, double b)
{
    return a > b - 1e-6 && a < b + 1e-6;
}

TEST(cold_to_held)
{
    start();
    CHECK(!fb__schedule_usable(&schedule, 0.0));
    CHECK(!fb__schedule_due(&schedule, 0.0));
    CHECK(near(fb__schedule_retry_after(&schedule, 0.0), 0.0));
    CHECK(fb__schedule_begin(&schedule, 0.0, FB_REFRESH_TOKEN, false) == FB_FETCH_NOW);
    uint64_t ticket = schedule.ticket;
    CHECK(ticket != 0);
    CHECK(fb__schedule_in_flight(&schedule, 1.0));
    CHECK(fb__schedule_begin(&schedule, 1.0, FB_REFRESH_TOKEN, false) == FB_FETCH_WAIT);
    CHECK(fb__schedule_begin(&schedule, 1.0, FB_REFRESH_AHEAD, false) == FB_FETCH_WAIT);
    CHECK(fb__schedule_begin(&schedule, 1.0, FB_REFRESH_EXPLICIT, false) == FB_FETCH_WAIT);
    CHECK(schedule.ticket == ticket);
    fb__schedule_succeed(&schedule, 2.0, 600.0, true);
    CHECK(!fb__schedule_in_flight(&schedule, 2.0));
    CHECK(fb__schedule_usable(&schedule, 2.0));
    CHECK(fb__schedule_begin(&schedule, 2.0, FB_REFRESH_TOKEN, true) == FB_FETCH_DONE);
    CHECK(fb__schedule_begin(&schedule, 2.0, FB_REFRESH_AHEAD, false) == FB_FETCH_DONE);
}

TEST(cold_backs_off)
{
    static const double delays[] = {1, 2, 4, 8, 16, 32, 60, 60, 60};
    double now = 100.0;
    start();
    for (size_t i = 0; i < sizeof(delays) / sizeof(delays[0]); i++) {
        CHECK(fb__schedule_begin(&schedule, now, FB_REFRESH_TOKEN, false) == FB_FETCH_NOW);
        fb__schedule_fail(&schedule, now);
        CHECK(near(fb__schedule_retry_after(&schedule, now), delays[i]));
        CHECK(fb__schedule_begin(&schedule, now, FB_REFRESH_TOKEN, false) == FB_FETCH_LATER);
        CHECK(fb__schedule_begin(&schedule, now + delays[i] - 0.01, FB_REFRESH_TOKEN, false) == FB_FETCH_LATER);
        CHECK(fb__schedule_begin(&schedule, now + delays[i] - 0.01, FB_REFRESH_AHEAD, false) == FB_FETCH_LATER);
        now += delays[i];
    }
    CHECK(fb__schedule_begin(&schedule, now - 1.0, FB_REFRESH_EXPLICIT, false) == FB_FETCH_NOW);
    fb__schedule_succeed(&schedule, now, 600.0, true);
    CHECK(schedule.failures == 0 && near(fb__schedule_retry_after(&schedule, now), 0.0));
    CHECK(fb__schedule_begin(&schedule, now, FB_REFRESH_EXPLICIT, false) == FB_FETCH_NOW);
    fb__schedule_fail(&schedule, now);
    CHECK(near(fb__schedule_retry_after(&schedule, now), 1.0));
}

TEST(an_unknown_kid_is_fetched_for_once_then_by_interval)
{
    start();
    hold(0.0);
    CHECK(unknown_kid_is_worth_a_fetch(&schedule, 1.0));
    CHECK(fb__schedule_begin(&schedule, 1.0, FB_REFRESH_TOKEN, false) == FB_FETCH_NOW);
    CHECK(unknown_kid_is_worth_a_fetch(&schedule, 5.0)); /* somebody fetches: shared */
    fb__schedule_succeed(&schedule, 6.0, 600.0, false);
    CHECK(!unknown_kid_is_worth_a_fetch(&schedule, 6.0));
    CHECK(fb__schedule_begin(&schedule, 6.0, FB_REFRESH_TOKEN, false) == FB_FETCH_DONE);
    CHECK(!unknown_kid_is_worth_a_fetch(&schedule, 30.9)); /* the interval counts from the start of the attempt */
    CHECK(near(fb__schedule_unknown_kid_retry_after(&schedule, 21.0), 10.0));
    CHECK(unknown_kid_is_worth_a_fetch(&schedule, 31.0));
    CHECK(fb__schedule_begin(&schedule, 31.0, FB_REFRESH_TOKEN, false) == FB_FETCH_NOW);
    fb__schedule_succeed(&schedule, 32.0, 600.0, true);
    CHECK(!unknown_kid_is_worth_a_fetch(&schedule, 60.9)); /* one that brought the key counts too */
    CHECK(unknown_kid_is_worth_a_fetch(&schedule, 61.0));
}

/* The provider is having a moment: that must not lock out the tokens of its new key. */
TEST(a_failed_fetch_does_not_use_the_interval_up)
{
    static const double delays[] = {1, 2, 4, 8, 16, 32, 60, 60};
    double now = 31.0;
    start();
    hold(0.0);
    CHECK(fb__schedule_begin(&schedule, 0.0, FB_REFRESH_TOKEN, false) == FB_FETCH_NOW);
    fb__schedule_succeed(&schedule, 0.0, 600.0, false);
    for (size_t i = 0; i < sizeof(delays) / sizeof(delays[0]); i++) {
        CHECK(fb__schedule_begin(&schedule, now, FB_REFRESH_TOKEN, false) == FB_FETCH_NOW);
        fb__schedule_fail(&schedule, now);
        CHECK(near(fb__schedule_retry_after(&schedule, now), delays[i]));
        CHECK(near(fb__schedule_unknown_kid_retry_after(&schedule, now), 0.0));
        CHECK(fb__schedule_begin(&schedule, now + delays[i] - 0.01, FB_REFRESH_TOKEN, false) == FB_FETCH_LATER);
        CHECK(fb__schedule_usable(&schedule, now));
        now += delays[i];
    }
    CHECK(fb__schedule_begin(&schedule, now, FB_REFRESH_TOKEN, false) == FB_FETCH_NOW);
    fb__schedule_succeed(&schedule, now, 600.0, true);
    CHECK(near(fb__schedule_unknown_kid_retry_after(&schedule, now), 30.0));
}

TEST(a_fetch_that_was_given_up_is_nobodys_failure)
{
    start();
    hold(0.0);
    CHECK(fb__schedule_begin(&schedule, 1.0, FB_REFRESH_TOKEN, false) == FB_FETCH_NOW);
    fb__schedule_abandon(&schedule);
    CHECK(!fb__schedule_in_flight(&schedule, 1.0) && near(fb__schedule_retry_after(&schedule, 1.0), 0.0));
    CHECK(fb__schedule_begin(&schedule, 1.0, FB_REFRESH_TOKEN, false) == FB_FETCH_NOW);
    CHECK(schedule.begun == 3 && schedule.succeeded == 1 && schedule.failed == 0);
}

TEST(any_other_fetch_makes_the_next_one_free)
{
    start();
    hold(0.0);
    CHECK(fb__schedule_begin(&schedule, 1.0, FB_REFRESH_TOKEN, false) == FB_FETCH_NOW);
    fb__schedule_succeed(&schedule, 1.0, 600.0, true);
    CHECK(!unknown_kid_is_worth_a_fetch(&schedule, 2.0));
    hold(3.0);
    CHECK(unknown_kid_is_worth_a_fetch(&schedule, 3.0));
}

TEST(a_cold_fetch_counts_for_the_token_that_it_did_not_help)
{
    start();
    CHECK(fb__schedule_begin(&schedule, 0.0, FB_REFRESH_TOKEN, false) == FB_FETCH_NOW);
    fb__schedule_succeed(&schedule, 1.0, 600.0, false);
    CHECK(!unknown_kid_is_worth_a_fetch(&schedule, 29.9));
    CHECK(unknown_kid_is_worth_a_fetch(&schedule, 30.0));
    start();
    CHECK(fb__schedule_begin(&schedule, 0.0, FB_REFRESH_TOKEN, false) == FB_FETCH_NOW);
    fb__schedule_succeed(&schedule, 1.0, 600.0, true);
    CHECK(unknown_kid_is_worth_a_fetch(&schedule, 1.0));
}

TEST(who_waits_shares_the_outcome)
{
    start();
    hold(0.0);
    CHECK(fb__schedule_begin(&schedule, 5.0, FB_REFRESH_EXPLICIT, false) == FB_FETCH_NOW);
    CHECK(fb__schedule_begin(&schedule, 6.0, FB_REFRESH_TOKEN, false) == FB_FETCH_WAIT);
    fb__schedule_succeed(&schedule, 7.0, 600.0, false);
    CHECK(!unknown_kid_is_worth_a_fetch(&schedule, 7.0));
    CHECK(unknown_kid_is_worth_a_fetch(&schedule, 35.0));
}

TEST(no_interval_means_every_unknown_kid)
{
    start();
    schedule.refresh_interval = 0.0;
    hold(0.0);
    for (int i = 0; i < 5; i++) {
        CHECK(fb__schedule_begin(&schedule, 1.0, FB_REFRESH_TOKEN, false) == FB_FETCH_NOW);
        fb__schedule_succeed(&schedule, 1.0, 600.0, false);
    }
    CHECK(fb__schedule_begin(&schedule, 1.0, FB_REFRESH_TOKEN, false) == FB_FETCH_NOW);
    fb__schedule_fail(&schedule, 1.0);
    CHECK(!unknown_kid_is_worth_a_fetch(&schedule, 1.5)); /* a dead provider is not hammered even so */
    CHECK(unknown_kid_is_worth_a_fetch(&schedule, 2.0));
}

TEST(refresh_ahead)
{
    start();
    hold(0.0);
    CHECK(schedule.refresh_at >= 480.0 && schedule.refresh_at <= 540.0);
    double at = schedule.refresh_at;
    CHECK(!fb__schedule_due(&schedule, at - 0.1));
    CHECK(fb__schedule_due(&schedule, at));
    CHECK(fb__schedule_due(&schedule, at)); /* asking changes nothing */
    CHECK(fb__schedule_begin(&schedule, at + 11.0, FB_REFRESH_AHEAD, false) == FB_FETCH_NOW);
    CHECK(!fb__schedule_due(&schedule, at + 12.0));
    fb__schedule_fail(&schedule, at + 12.0);
    CHECK(!fb__schedule_due(&schedule, at + 12.9));
    CHECK(fb__schedule_due(&schedule, at + 13.0));
    CHECK(fb__schedule_begin(&schedule, at + 13.0, FB_REFRESH_AHEAD, false) == FB_FETCH_NOW);
    fb__schedule_succeed(&schedule, at + 13.0, 60.0, true);
    CHECK(!fb__schedule_due(&schedule, at + 13.0));
    /* Early enough that a fetch that hangs for 10 s has failed before these keys may not be used any more. */
    CHECK(schedule.refresh_at >= at + 13.0 + 43.0 && schedule.refresh_at <= at + 13.0 + 49.0);
    CHECK(fb__schedule_begin(&schedule, schedule.refresh_at, FB_REFRESH_AHEAD, false) == FB_FETCH_NOW);
    CHECK(fb__schedule_usable(&schedule, schedule.started_at + 10.99) && schedule.started_at + 11.0 <= at + 73.0);
    CHECK(fb__schedule_usable(&schedule, at + 13.0 + 60.0)); /* it has hung too long by now: that is a failure */
}

TEST(jitter_differs_from_server_to_server)
{
    double first = 0.0;
    bool differs = false;
    for (uint64_t seed = 0; seed < 20; seed++) {
        fb__schedule_init(&schedule, 30.0, 3600.0, 10.0, seed);
        hold(0.0);
        differs = differs || (seed > 0 && !near(schedule.refresh_at, first));
        first = seed == 0 ? schedule.refresh_at : first;
        CHECK(schedule.refresh_at >= 480.0 && schedule.refresh_at <= 540.0);
    }
    CHECK(differs);
}

TEST(past_freshness_keys_are_for_when_fetching_failed)
{
    start();
    hold(0.0);
    CHECK(fb__schedule_fresh(&schedule, 599.9) && !fb__schedule_fresh(&schedule, 600.0));
    CHECK(fb__schedule_usable(&schedule, 599.9) && !fb__schedule_usable(&schedule, 600.0)); /* nobody tried */
    CHECK(fb__schedule_begin(&schedule, 600.0, FB_REFRESH_TOKEN, false) == FB_FETCH_NOW);
    CHECK(!fb__schedule_usable(&schedule, 605.0)); /* somebody tries */
    fb__schedule_fail(&schedule, 606.0);
    CHECK(fb__schedule_usable(&schedule, 606.0));
    CHECK(!fb__schedule_fresh(&schedule, 606.0) && fb__schedule_due(&schedule, 700.0));
    CHECK(fb__schedule_usable(&schedule, 4199.9));
    CHECK(!fb__schedule_usable(&schedule, 4200.0));
    CHECK(!fb__schedule_due(&schedule, 4200.0));
    CHECK(fb__schedule_begin(&schedule, 4200.0, FB_REFRESH_TOKEN, true) ==
          FB_FETCH_NOW); /* what was held is no answer */
    fb__schedule_fail(&schedule, 4200.0);
    CHECK(fb__schedule_begin(&schedule, 4200.5, FB_REFRESH_TOKEN, true) == FB_FETCH_LATER);
    CHECK(fb__schedule_begin(&schedule, 4202.0, FB_REFRESH_TOKEN, true) == FB_FETCH_NOW);
    fb__schedule_succeed(&schedule, 4202.0, 600.0, true);
    CHECK(fb__schedule_usable(&schedule, 4202.0) && !fb__schedule_usable(&schedule, 4802.0));
    schedule.stale_if_error = 0.0;
    CHECK(fb__schedule_begin(&schedule, 4750.0, FB_REFRESH_AHEAD, false) == FB_FETCH_NOW);
    fb__schedule_fail(&schedule, 4750.0);
    CHECK(fb__schedule_usable(&schedule, 4801.9) && !fb__schedule_usable(&schedule, 4802.0));
}

/* The keys of a host that vanished in mid-fetch: it tried. */
TEST(a_fetch_without_an_end_counts_as_failed)
{
    start();
    hold(0.0);
    CHECK(fb__schedule_begin(&schedule, 595.0, FB_REFRESH_AHEAD, false) == FB_FETCH_NOW);
    CHECK(!fb__schedule_usable(&schedule, 605.9) && fb__schedule_usable(&schedule, 606.0));
    CHECK(fb__schedule_begin(&schedule, 606.0, FB_REFRESH_AHEAD, false) == FB_FETCH_NOW);
    CHECK(fb__schedule_usable(&schedule, 607.0) && schedule.failed == 1);
}

/* Two clocks for one key source: nothing lasts longer for it than it may. */
TEST(a_clock_that_is_not_the_one_of_the_fetch)
{
    start();
    hold(100000.0);
    CHECK(!fb__schedule_usable(&schedule, 0.0) && !fb__schedule_usable(&schedule, 4300.0));
    CHECK(!fb__schedule_usable(&schedule, 99988.9));
    CHECK(fb__schedule_usable(&schedule, 99989.0)); /* read before a fetch that was waited for */
    CHECK(fb__schedule_begin(&schedule, 100001.0, FB_REFRESH_TOKEN, false) == FB_FETCH_NOW);
    CHECK(!fb__schedule_in_flight(&schedule, 5.0));
    fb__schedule_succeed(&schedule, 100001.0, 600.0, false);
    CHECK(near(fb__schedule_unknown_kid_retry_after(&schedule, 5.0), 0.0));
    CHECK(near(fb__schedule_unknown_kid_retry_after(&schedule, 99999.0), 32.0));
    CHECK(fb__schedule_begin(&schedule, 100002.0, FB_REFRESH_EXPLICIT, false) == FB_FETCH_NOW);
    fb__schedule_fail(&schedule, 100002.0);
    CHECK(near(fb__schedule_retry_after(&schedule, 5.0), 0.0));
}

TEST(nobody_waits_long_while_keys_are_usable)
{
    start();
    CHECK(near(fb__schedule_wait(&schedule, 0.0, true), 11.0));
    CHECK(fb__schedule_begin(&schedule, 0.0, FB_REFRESH_TOKEN, false) == FB_FETCH_NOW);
    CHECK(near(fb__schedule_wait(&schedule, 4.0, true), 7.0)); /* none are usable: until the fetch has ended */
    fb__schedule_succeed(&schedule, 5.0, 600.0, true);
    CHECK(near(fb__schedule_wait(&schedule, 6.0, true), 2.0));
    CHECK(fb__schedule_begin(&schedule, 10.0, FB_REFRESH_TOKEN, false) == FB_FETCH_NOW);
    CHECK(near(fb__schedule_wait(&schedule, 9.9, true), 2.0));
    CHECK(near(fb__schedule_wait(&schedule, 10.5, true), 1.5));
    CHECK(near(fb__schedule_wait(&schedule, 12.0, true), 0.0));
    CHECK(near(fb__schedule_wait(&schedule, 15.0, true), 0.0));
    CHECK(near(fb__schedule_wait(&schedule, 15.0, false), 6.0)); /* who asked for a refresh is no token */
    schedule.timeout = 0.5;
    CHECK(near(fb__schedule_wait(&schedule, 10.0, true), 1.5));
}

TEST(a_lost_fetch_is_taken_over)
{
    start();
    CHECK(fb__schedule_begin(&schedule, 0.0, FB_REFRESH_TOKEN, false) == FB_FETCH_NOW);
    uint64_t lost = schedule.ticket;
    CHECK(fb__schedule_begin(&schedule, 10.9, FB_REFRESH_TOKEN, false) == FB_FETCH_WAIT);
    CHECK(fb__schedule_begin(&schedule, 11.0, FB_REFRESH_TOKEN, false) == FB_FETCH_NOW);
    CHECK(schedule.ticket != lost && schedule.ticket != 0);
    fb__schedule_abandon(&schedule);
    CHECK(!fb__schedule_in_flight(&schedule, 11.0));
    CHECK(fb__schedule_begin(&schedule, 11.0, FB_REFRESH_TOKEN, false) == FB_FETCH_NOW);
    CHECK(schedule.ticket > lost + 1);
    CHECK(schedule.begun == 3 && schedule.failed == 1 && schedule.succeeded == 0);
}

int main(void)
{
    RUN(cold_to_held);
    RUN(cold_backs_off);
    RUN(an_unknown_kid_is_fetched_for_once_then_by_interval);
    RUN(a_failed_fetch_does_not_use_the_interval_up);
    RUN(a_fetch_that_was_given_up_is_nobodys_failure);
    RUN(any_other_fetch_makes_the_next_one_free);
    RUN(a_cold_fetch_counts_for_the_token_that_it_did_not_help);
    RUN(who_waits_shares_the_outcome);
    RUN(no_interval_means_every_unknown_kid);
    RUN(refresh_ahead);
    RUN(jitter_differs_from_server_to_server);
    RUN(past_freshness_keys_are_for_when_fetching_failed);
    RUN(a_fetch_without_an_end_counts_as_failed);
    RUN(a_clock_that_is_not_the_one_of_the_fetch);
    RUN(nobody_waits_long_while_keys_are_usable);
    RUN(a_lost_fetch_is_taken_over);
    return TEST_RESULT();
}
