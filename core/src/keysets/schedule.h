/*
 * When to fetch: a state machine without keys, locks or clock.
 */
#ifndef FB_SCHEDULE_H
#define FB_SCHEDULE_H

#include "keysets/keysets.h"

typedef struct fb__schedule {
    double refresh_interval, stale_if_error, timeout;
    uint64_t random;
    bool held; /* a set has been fetched, however long ago */
    double fresh_until, ahead_at;
    bool miss_free; /* the held set did not come from a fetch for an unknown key id, and none has been made since */
    double miss_at; /* start of the last fetch for an unknown key id */
    unsigned failures;
    double retry_at;          /* end of the back-off */
    uint64_t ticket, tickets; /* the fetch in flight, 0: none; how many there have been */
    double started_at;
    bool for_token, for_miss; /* a token waits for the fetch in flight; it was started for an unknown key id */
    double offered_at;        /* when fb__schedule_due last said so */
} fb__schedule;

void fb__schedule_init(fb__schedule *schedule, double refresh_interval, double stale_if_error, double timeout,
                       uint64_t seed);
double fb__schedule_usable_until(const fb__schedule *schedule);
bool fb__schedule_usable(const fb__schedule *schedule, double now);
bool fb__schedule_in_flight(const fb__schedule *schedule, double now);
double fb__schedule_retry_after(const fb__schedule *schedule, double now); /* what is left of the back-off */
bool fb__schedule_miss_worth(const fb__schedule *schedule, double now);    /* a fetch for an unknown key id */
bool fb__schedule_due(fb__schedule *schedule, double now);
/* answered: the held set has the key id that was asked for. FB_FETCH_NOW sets schedule->ticket. */
fb_refresh_decision fb__schedule_begin(fb__schedule *schedule, double now, fb_refresh_reason reason, bool answered);
/* How the fetch in flight ended. answered: the new set has every key id that was asked for meanwhile. */
void fb__schedule_succeed(fb__schedule *schedule, double now, double lifetime, bool answered);
void fb__schedule_fail(fb__schedule *schedule, double now);
void fb__schedule_abandon(fb__schedule *schedule); /* it is another process's */

#endif
