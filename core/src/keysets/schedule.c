/*
 * When to fetch a key set: a state machine without keys, locks or clock. Time comes in, decisions come out. Every time
 * is a number of monotonic seconds from the caller, who holds the key source's lock.
 *
 * Four causes start a fetch, each with its own limit. No usable keys: the back-off after failures. An unknown key id:
 * the back-off, and refresh_interval since the last such fetch that succeeded, unless another fetch has confirmed the
 * set since. Freshness that runs out: the back-off. Somebody asking for it: none. Whatever the cause, one fetch is in
 * flight at a time.
 *
 * Keys past their freshness are usable only when a fetch has failed since they came: a host that never tried is told
 * to.
 */
#include "schedule.h"

#include <math.h>

static const double first_delay = 1.0, longest_delay = 60.0;

/* A host may need that much longer than the fetch to say how it ended; one that vanished must not block the next. */
static const double grace = 1.0;

/* How long a fetch may hold up tokens while other keys are usable. */
static const double longest_wait = 2.0;

void fb__schedule_init(fb__schedule *schedule, double refresh_interval, double stale_if_error, double timeout,
                       uint64_t seed)
{
    *schedule = (fb__schedule){.refresh_interval = refresh_interval,
                               .stale_if_error = stale_if_error,
                               .timeout = timeout,
                               .random = seed,
                               .retry_at = -(double)INFINITY,
                               .unknown_kid_fetch_allowed = -(double)INFINITY};
    fb__schedule_forget(schedule);
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

/* How old a caller's clock may be: it may have been read before a fetch that was waited for. */
static double tolerance(const fb__schedule *schedule)
{
    return schedule->timeout + grace;
}

/* What is left until then, which is at most longest away. If it is further away than that, the clock that set it is not
 * the one that asks; counting on by it could take for ever. */
static double left(const fb__schedule *schedule, double until, double now, double longest)
{
    double seconds = until - now;
    return seconds > 0.0 && seconds <= longest + tolerance(schedule) ? seconds : 0.0;
}

static double flight_left(const fb__schedule *schedule, double now)
{
    double longest = schedule->timeout + grace;
    return schedule->ticket == 0 ? 0.0 : left(schedule, schedule->started_at + longest, now, longest);
}

bool fb__schedule_in_flight(const fb__schedule *schedule, double now)
{
    return flight_left(schedule, now) > 0.0;
}

double fb__schedule_usable_from(const fb__schedule *schedule)
{
    return schedule->fetched_at - tolerance(schedule);
}

double fb__schedule_usable_until(const fb__schedule *schedule)
{
    return schedule->fresh_until + (schedule->failures > 0 ? schedule->stale_if_error : 0.0);
}

bool fb__schedule_usable(const fb__schedule *schedule, double now)
{
    double until = fb__schedule_usable_until(schedule);
    if (schedule->ticket != 0 && !fb__schedule_in_flight(schedule, now)) {
        until = schedule->fresh_until + schedule->stale_if_error;
    }
    return now >= fb__schedule_usable_from(schedule) && now < until;
}

bool fb__schedule_fresh(const fb__schedule *schedule, double now)
{
    return fb__schedule_usable(schedule, now) && now < schedule->fresh_until;
}

double fb__schedule_retry_after(const fb__schedule *schedule, double now)
{
    return left(schedule, schedule->retry_at, now, longest_delay);
}

double fb__schedule_unknown_kid_retry_after(const fb__schedule *schedule, double now)
{
    return left(schedule, schedule->unknown_kid_fetch_allowed, now, schedule->refresh_interval);
}

/* Counted from the start of the fetch: who comes when it hangs already is not held up in turn. */
double fb__schedule_wait(const fb__schedule *schedule, double now, bool token)
{
    double longest = schedule->timeout + grace, limit = longest;
    if (token && fb__schedule_usable(schedule, now)) {
        limit = fmin(longest, longest_wait);
    }
    double elapsed = fb__schedule_in_flight(schedule, now) ? longest - flight_left(schedule, now) : 0.0;
    return fmin(fmax(limit - elapsed, 0.0), limit);
}

double fb__schedule_time_left(const fb__schedule *schedule, double now)
{
    return fmin(fmax(schedule->started_at + schedule->timeout - now, 0.0), schedule->timeout);
}

bool fb__schedule_due(const fb__schedule *schedule, double now)
{
    return fb__schedule_usable(schedule, now) && now >= schedule->refresh_at &&
           fb__schedule_retry_after(schedule, now) == 0.0 && !fb__schedule_in_flight(schedule, now);
}

/* What is decided for a fetch that nobody is making yet. */
static fb_refresh_decision decide(const fb__schedule *schedule, double now, fb_refresh_reason reason)
{
    bool usable = fb__schedule_usable(schedule, now);
    if (reason == FB_REFRESH_EXPLICIT) {
        return FB_FETCH_NOW;
    }
    if (usable && reason == FB_REFRESH_AHEAD && now < schedule->refresh_at) {
        return FB_FETCH_DONE;
    }
    if (usable && reason == FB_REFRESH_TOKEN && fb__schedule_unknown_kid_retry_after(schedule, now) > 0.0) {
        return FB_FETCH_DONE; /* the verdict is FB_KEY_NOT_FOUND, by the set that the last such fetch brought */
    }
    return fb__schedule_retry_after(schedule, now) > 0.0 ? FB_FETCH_LATER : FB_FETCH_NOW;
}

/* Of the fetch in flight, which is over. */
static void count_seconds(fb__schedule *schedule, double now)
{
    schedule->seconds += fmax(now - schedule->started_at, 0.0);
}

fb_refresh_decision fb__schedule_begin(fb__schedule *schedule, double now, fb_refresh_reason reason, bool answered)
{
    bool token = reason == FB_REFRESH_TOKEN;
    if (token && answered && fb__schedule_usable(schedule, now)) {
        return FB_FETCH_DONE;
    }
    if (fb__schedule_in_flight(schedule, now)) {
        schedule->for_token = schedule->for_token || token;
        return FB_FETCH_WAIT;
    }
    fb_refresh_decision decision = decide(schedule, now, reason);
    if (decision == FB_FETCH_NOW) {
        bool usable = fb__schedule_usable(schedule, now);
        if (schedule->ticket != 0) { /* its host never said how it ended */
            count_seconds(schedule, now);
            schedule->failed++;
            schedule->failures++;
        }
        schedule->ticket = ++schedule->begun;
        schedule->started_at = now;
        schedule->for_token = token;
        schedule->for_unknown_kid = token && usable;
    }
    return decision;
}

/*
 * Refreshing begins in the last fifth to tenth of the lifetime, and early enough that a fetch that hangs has failed
 * before freshness runs out: until then nobody may use the keys any longer.
 */
static double margin(fb__schedule *schedule, double lifetime)
{
    double tenth = 0.1 * lifetime, earliest = fmin(schedule->timeout + grace, 0.5 * lifetime);
    return fmax(tenth, earliest) + tenth * next_random(schedule);
}

static void hold(fb__schedule *schedule, double fetched_at, double fresh_until)
{
    schedule->fetched_at = fetched_at;
    schedule->fresh_until = fresh_until;
    schedule->refresh_at = fresh_until - margin(schedule, fresh_until - fetched_at);
}

void fb__schedule_succeed(fb__schedule *schedule, double now, double lifetime, bool answered)
{
    count_seconds(schedule, now);
    schedule->succeeded++;
    hold(schedule, now, now + lifetime);
    schedule->failures = 0;
    schedule->retry_at = -(double)INFINITY;
    /* One that was made, or waited for, on behalf of a key id that it did not bring was that key id's fetch. */
    bool unknown_kid = schedule->for_unknown_kid || (schedule->for_token && !answered);
    schedule->unknown_kid_fetch_allowed =
        unknown_kid ? schedule->started_at + schedule->refresh_interval : -(double)INFINITY;
    schedule->ticket = 0;
}

void fb__schedule_fail(fb__schedule *schedule, double now)
{
    double delay = schedule->failures < 6 ? ldexp(first_delay, (int)schedule->failures) : longest_delay;
    count_seconds(schedule, now);
    schedule->failed++;
    schedule->failures++;
    schedule->retry_at = now + delay;
    schedule->ticket = 0;
}

/*
 * Of what is decided for fetches only one thing changes: where failures were counted, somebody has reached the provider
 * since, so another one has to fail before a fresh set may be used beyond its time.
 */
void fb__schedule_import(fb__schedule *schedule, double now, double fetched_at, double fresh_until)
{
    schedule->imports++;
    hold(schedule, fetched_at, fresh_until);
    if (now < fresh_until) {
        schedule->failures = 0;
    }
}

void fb__schedule_abandon(fb__schedule *schedule)
{
    schedule->ticket = 0;
}

void fb__schedule_forget(fb__schedule *schedule)
{
    schedule->fetched_at = schedule->fresh_until = schedule->refresh_at = -(double)INFINITY;
}
