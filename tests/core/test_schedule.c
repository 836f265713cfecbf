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

TEST(a_miss_is_fetched_for_once_then_by_interval)
{
    start();
    hold(0.0);
    CHECK(fb__schedule_miss_worth(&schedule, 1.0));
    CHECK(fb__schedule_begin(&schedule, 1.0, FB_REFRESH_TOKEN, false) == FB_FETCH_NOW);
    CHECK(fb__schedule_miss_worth(&schedule, 5.0)); /* somebody fetches: shared */
    fb__schedule_succeed(&schedule, 6.0, 600.0, false);
    CHECK(!fb__schedule_miss_worth(&schedule, 6.0));
    CHECK(fb__schedule_begin(&schedule, 6.0, FB_REFRESH_TOKEN, false) == FB_FETCH_DONE);
    CHECK(!fb__schedule_miss_worth(&schedule, 30.9)); /* the interval counts from the start of the attempt */
    CHECK(fb__schedule_miss_worth(&schedule, 31.0));
    CHECK(fb__schedule_begin(&schedule, 31.0, FB_REFRESH_TOKEN, false) == FB_FETCH_NOW);
    fb__schedule_fail(&schedule, 41.0);
    CHECK(!fb__schedule_miss_worth(&schedule, 42.5)); /* a failure is stamped too */
    CHECK(fb__schedule_miss_worth(&schedule, 61.0));
}

TEST(a_failed_miss_uses_up_the_free_one)
{
    start();
    hold(0.0);
    CHECK(fb__schedule_begin(&schedule, 1.0, FB_REFRESH_TOKEN, false) == FB_FETCH_NOW);
    fb__schedule_fail(&schedule, 2.0);
    CHECK(!fb__schedule_miss_worth(&schedule, 30.9));
    CHECK(fb__schedule_miss_worth(&schedule, 31.0));
    CHECK(fb__schedule_usable(&schedule, 31.0));
}

TEST(any_other_fetch_makes_the_next_miss_free)
{
    start();
    hold(0.0);
    CHECK(fb__schedule_begin(&schedule, 1.0, FB_REFRESH_TOKEN, false) == FB_FETCH_NOW);
    fb__schedule_succeed(&schedule, 1.0, 600.0, true);
    CHECK(!fb__schedule_miss_worth(&schedule, 2.0));
    hold(3.0);
    CHECK(fb__schedule_miss_worth(&schedule, 3.0));
}

TEST(a_cold_fetch_counts_for_the_token_that_it_did_not_help)
{
    start();
    CHECK(fb__schedule_begin(&schedule, 0.0, FB_REFRESH_TOKEN, false) == FB_FETCH_NOW);
    fb__schedule_succeed(&schedule, 1.0, 600.0, false);
    CHECK(!fb__schedule_miss_worth(&schedule, 29.9));
    CHECK(fb__schedule_miss_worth(&schedule, 30.0));
    start();
    CHECK(fb__schedule_begin(&schedule, 0.0, FB_REFRESH_TOKEN, false) == FB_FETCH_NOW);
    fb__schedule_succeed(&schedule, 1.0, 600.0, true);
    CHECK(fb__schedule_miss_worth(&schedule, 1.0));
}

TEST(who_waits_shares_the_outcome)
{
    start();
    hold(0.0);
    CHECK(fb__schedule_begin(&schedule, 5.0, FB_REFRESH_EXPLICIT, false) == FB_FETCH_NOW);
    CHECK(fb__schedule_begin(&schedule, 6.0, FB_REFRESH_TOKEN, false) == FB_FETCH_WAIT);
    fb__schedule_succeed(&schedule, 7.0, 600.0, false);
    CHECK(!fb__schedule_miss_worth(&schedule, 7.0));
    CHECK(fb__schedule_miss_worth(&schedule, 35.0));
}

TEST(no_interval_means_every_miss)
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
    CHECK(!fb__schedule_miss_worth(&schedule, 1.5)); /* a dead provider is not hammered even so */
    CHECK(fb__schedule_miss_worth(&schedule, 2.0));
}

TEST(refresh_ahead)
{
    start();
    hold(0.0);
    CHECK(schedule.ahead_at >= 480.0 && schedule.ahead_at <= 540.0);
    double at = schedule.ahead_at;
    CHECK(!fb__schedule_due(&schedule, at - 0.1));
    CHECK(fb__schedule_due(&schedule, at));
    CHECK(!fb__schedule_due(&schedule, at));
    CHECK(!fb__schedule_due(&schedule, at + 10.9));
    CHECK(fb__schedule_due(&schedule, at + 11.0)); /* who was told did nothing */
    CHECK(fb__schedule_begin(&schedule, at + 11.0, FB_REFRESH_AHEAD, false) == FB_FETCH_NOW);
    CHECK(!fb__schedule_due(&schedule, at + 12.0));
    fb__schedule_fail(&schedule, at + 12.0);
    CHECK(!fb__schedule_due(&schedule, at + 12.9));
    CHECK(fb__schedule_due(&schedule, at + 13.0));
    CHECK(fb__schedule_begin(&schedule, at + 13.0, FB_REFRESH_AHEAD, false) == FB_FETCH_NOW);
    fb__schedule_succeed(&schedule, at + 13.0, 60.0, true);
    CHECK(!fb__schedule_due(&schedule, at + 13.0));
    CHECK(schedule.ahead_at >= at + 13.0 + 48.0 && schedule.ahead_at <= at + 13.0 + 54.0);
}

TEST(jitter_differs_from_server_to_server)
{
    double first = 0.0;
    bool differs = false;
    for (uint64_t seed = 0; seed < 20; seed++) {
        fb__schedule_init(&schedule, 30.0, 3600.0, 10.0, seed);
        hold(0.0);
        differs = differs || (seed > 0 && !near(schedule.ahead_at, first));
        first = seed == 0 ? schedule.ahead_at : first;
        CHECK(schedule.ahead_at >= 480.0 && schedule.ahead_at <= 540.0);
    }
    CHECK(differs);
}

TEST(stale_then_gone_then_back)
{
    start();
    hold(0.0);
    CHECK(fb__schedule_usable(&schedule, 600.0));
    CHECK(fb__schedule_due(&schedule, 700.0));
    CHECK(fb__schedule_usable(&schedule, 4199.9));
    CHECK(!fb__schedule_usable(&schedule, 4200.0));
    CHECK(!fb__schedule_due(&schedule, 4200.0));
    CHECK(fb__schedule_begin(&schedule, 4200.0, FB_REFRESH_TOKEN, true) ==
          FB_FETCH_NOW); /* what was held is no answer */
    fb__schedule_fail(&schedule, 4200.0);
    CHECK(fb__schedule_begin(&schedule, 4200.5, FB_REFRESH_TOKEN, true) == FB_FETCH_LATER);
    CHECK(fb__schedule_begin(&schedule, 4201.0, FB_REFRESH_TOKEN, true) == FB_FETCH_NOW);
    fb__schedule_succeed(&schedule, 4201.0, 600.0, true);
    CHECK(fb__schedule_usable(&schedule, 4201.0));
    schedule.stale_if_error = 0.0;
    CHECK(fb__schedule_usable(&schedule, 4800.9) && !fb__schedule_usable(&schedule, 4801.0));
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
}

int main(void)
{
    RUN(cold_to_held);
    RUN(cold_backs_off);
    RUN(a_miss_is_fetched_for_once_then_by_interval);
    RUN(a_failed_miss_uses_up_the_free_one);
    RUN(any_other_fetch_makes_the_next_miss_free);
    RUN(a_cold_fetch_counts_for_the_token_that_it_did_not_help);
    RUN(who_waits_shares_the_outcome);
    RUN(no_interval_means_every_miss);
    RUN(refresh_ahead);
    RUN(jitter_differs_from_server_to_server);
    RUN(stale_then_gone_then_back);
    RUN(a_lost_fetch_is_taken_over);
    return TEST_RESULT();
}
