/*
 * When to fetch a key set: the state that schedule.c decides by. Nobody else writes it.
 */
#ifndef FB_SCHEDULE_H
#define FB_SCHEDULE_H

#include "keysets/keysets.h"

typedef struct fb__schedule {
    double refresh_interval, stale_if_error, timeout; /* the options */
    uint64_t random;

    /* Fetches so far; those that are in none of the other two were given up, or are in flight. */
    uint64_t begun, succeeded, failed;
    double seconds;   /* that those took together which succeeded or failed */
    uint64_t imports; /* sets that were not fetched here */

    /* Of the set that was fetched last; -INFINITY: none was. */
    double fetched_at, fresh_until, refresh_at;

    unsigned failures;                /* since the last success */
    double retry_at;                  /* end of the back-off */
    double unknown_kid_fetch_allowed; /* when: refresh_interval after the last one that succeeded */

    /* The fetch in flight. */
    uint64_t ticket; /* 0: none */
    double started_at;
    bool for_token;       /* a token waits for it */
    bool for_unknown_kid; /* it was begun for a key id that the held set does not have */
} fb__schedule;

void fb__schedule_init(fb__schedule *schedule, double refresh_interval, double stale_if_error, double timeout,
                       uint64_t seed);

/* The span in which held keys are usable, as far as finished fetches tell; empty when none are held. */
double fb__schedule_usable_from(const fb__schedule *schedule);
double fb__schedule_usable_until(const fb__schedule *schedule);
/* The same now: a fetch that has outlived its time has failed too. */
bool fb__schedule_usable(const fb__schedule *schedule, double now);
bool fb__schedule_fresh(const fb__schedule *schedule, double now);

bool fb__schedule_in_flight(const fb__schedule *schedule, double now);
/* Seconds, 0 when it is over: of the back-off, and of the interval between two fetches for unknown key ids. */
double fb__schedule_retry_after(const fb__schedule *schedule, double now);
double fb__schedule_unknown_kid_retry_after(const fb__schedule *schedule, double now);
/* How much longer somebody may wait for the fetch in flight, or for one that is begun now; a token less than others. */
double fb__schedule_wait(const fb__schedule *schedule, double now, bool token);
/* How much of its time the fetch in flight has left. */
double fb__schedule_time_left(const fb__schedule *schedule, double now);
/* Whether a refresh in the background is worth a fetch now. */
bool fb__schedule_due(const fb__schedule *schedule, double now);

/* answered: the held set is what the token asked for, or was fetched since. FB_FETCH_NOW sets schedule->ticket. */
fb_refresh_decision fb__schedule_begin(fb__schedule *schedule, double now, fb_refresh_reason reason, bool answered);
/* How the fetch in flight ended. answered: the set has every key id that was asked for meanwhile. */
void fb__schedule_succeed(fb__schedule *schedule, double now, double lifetime, bool answered);
void fb__schedule_fail(fb__schedule *schedule, double now);
/* A set that was fetched at fetched_at, by somebody else, is held from now on. */
void fb__schedule_import(fb__schedule *schedule, double now, double fetched_at, double fresh_until);
/* It has no outcome: its host gave it up, or it is another process's. */
void fb__schedule_abandon(fb__schedule *schedule);
/* The held set is lost. */
void fb__schedule_forget(fb__schedule *schedule);

#endif
