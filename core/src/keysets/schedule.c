/*
 * When to fetch a key set: a state machine without keys, locks or clock. Time comes in, decisions come out. Every time
 * is a number of monotonic seconds from the caller; whoever calls holds the key source's lock.
 *
 * Four causes start a fetch, each with its own limit: no usable keys (failure back-off), an unknown key id (one at once
 * for a set that did not come from such a fetch, then one in refresh_interval), freshness that runs out (back-off), and
 * somebody asking for it (none). Whatever the cause, one fetch is in flight at a time.
 */
#include "schedule.h"

#include <math.h>

static const double first_delay = 1.0, longest_delay = 60.0;

/* A fetch whose host vanished must not block the next one for ever. */
static const double grace = 1.0;

void fb__schedule_init(fb__schedule *schedule, double refresh_interval, double stale_if_error, double timeout,
                       uint64_t seed)
{
    *schedule = (fb__schedule){.refresh_interval = refresh_interval,
                               .stale_if_error = stale_if_error,
                               .timeout = timeout,
                               .random = seed,
                               .miss_at = -(double)INFINITY,
                               .retry_at = -(double)INFINITY,
                               .offered_at = -(double)INFINITY};
}

/* A number in 0 .. 1 (splitmix64): servers that started together must not refresh together. */
static double next_random(fb__schedule *schedule)
{
    uint64_t value = schedule->random += 0x9e3779b97f4a7c15U;
    value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9U;
    value = (value ^ value >> 27) * 0x94d049bb133111ebU;
    value ^= value >> 31;
    return (double)(value >> 11) / 9007199254740992.0;
}

double fb__schedule_usable_until(const fb__schedule *schedule)
{
    return schedule->held ? schedule->fresh_until + schedule->stale_if_error : -(double)INFINITY;
}

bool fb__schedule_usable(const fb__schedule *schedule, double now)
{
    return now < fb__schedule_usable_until(schedule);
}

bool fb__schedule_in_flight(const fb__schedule *schedule, double now)
{
    return schedule->ticket != 0 && now < schedule->started_at + schedule->timeout + grace;
}

double fb__schedule_retry_after(const fb__schedule *schedule, double now)
{
    return now < schedule->retry_at ? schedule->retry_at - now : 0.0;
}

static bool may_fetch_for_miss(const fb__schedule *schedule, double now)
{
    return now >= schedule->retry_at && (schedule->miss_free || now >= schedule->miss_at + schedule->refresh_interval);
}

bool fb__schedule_miss_worth(const fb__schedule *schedule, double now)
{
    return fb__schedule_in_flight(schedule, now) || may_fetch_for_miss(schedule, now);
}

bool fb__schedule_due(fb__schedule *schedule, double now)
{
    if (!fb__schedule_usable(schedule, now) || now < schedule->ahead_at || now < schedule->retry_at ||
        fb__schedule_in_flight(schedule, now) || now < schedule->offered_at + schedule->timeout + grace) {
        return false;
    }
    schedule->offered_at = now;
    return true;
}

/* What is decided for a fetch that nobody is making yet. */
static fb_refresh_decision decide(const fb__schedule *schedule, double now, fb_refresh_reason reason)
{
    bool usable = fb__schedule_usable(schedule, now);
    switch (reason) {
    case FB_REFRESH_EXPLICIT:
        return FB_FETCH_NOW;
    case FB_REFRESH_AHEAD:
        if (usable && now < schedule->ahead_at) {
            return FB_FETCH_DONE;
        }
        break;
    case FB_REFRESH_TOKEN:
    default:
        if (usable) {
            /* "Done" for a key that may not be fetched for: a second look gives the verdict, FB_KEY_NOT_FOUND. */
            return may_fetch_for_miss(schedule, now) ? FB_FETCH_NOW : FB_FETCH_DONE;
        }
        break;
    }
    return now < schedule->retry_at ? FB_FETCH_LATER : FB_FETCH_NOW;
}

fb_refresh_decision fb__schedule_begin(fb__schedule *schedule, double now, fb_refresh_reason reason, bool answered)
{
    bool usable = fb__schedule_usable(schedule, now), token = reason == FB_REFRESH_TOKEN;
    if (token && usable && answered) {
        return FB_FETCH_DONE;
    }
    if (fb__schedule_in_flight(schedule, now)) {
        schedule->for_token = schedule->for_token || token;
        return FB_FETCH_WAIT;
    }
    fb_refresh_decision decision = decide(schedule, now, reason);
    if (decision == FB_FETCH_NOW) {
        schedule->ticket = ++schedule->tickets;
        schedule->started_at = now;
        schedule->for_token = token;
        schedule->for_miss = token && usable;
        if (schedule->for_miss) {
            schedule->miss_free = false;
            schedule->miss_at = now;
        }
    }
    return decision;
}

static void end(fb__schedule *schedule)
{
    schedule->ticket = 0;
    schedule->offered_at = -(double)INFINITY;
}

/* The fetch was made, or waited for, on behalf of a key id that it did not bring: it was that key id's fetch. */
static void count_as_miss(fb__schedule *schedule)
{
    schedule->miss_free = false;
    if (schedule->miss_at < schedule->started_at) {
        schedule->miss_at = schedule->started_at;
    }
}

void fb__schedule_succeed(fb__schedule *schedule, double now, double lifetime, bool answered)
{
    schedule->held = true;
    schedule->fresh_until = now + lifetime;
    schedule->ahead_at = schedule->fresh_until - lifetime * (0.1 + 0.1 * next_random(schedule));
    schedule->failures = 0;
    schedule->retry_at = -(double)INFINITY;
    schedule->miss_free = !schedule->for_miss;
    if (schedule->for_token && !answered) {
        count_as_miss(schedule);
    }
    end(schedule);
}

void fb__schedule_fail(fb__schedule *schedule, double now)
{
    double delay = schedule->failures < 6 ? ldexp(first_delay, (int)schedule->failures) : longest_delay;
    schedule->failures += schedule->failures < 6;
    schedule->retry_at = now + delay;
    if (schedule->for_token) {
        count_as_miss(schedule);
    }
    end(schedule);
}

void fb__schedule_abandon(fb__schedule *schedule)
{
    end(schedule);
}
