/*
 * What is revoked is added, and a set is filled anew. Given names that the host brings. It must never forget what it
 * was told and has taken: what it cannot keep it refuses.
 *
 * Writers are few, and exclude each other by a lock of their own: what takes long they do on a copy that nobody sees
 * yet.
 */
#include "status/revocations.h"

#include <math.h>

/* ---- with the lock for writers --------------------------------------------------------------- */

/* Drops what has run out by now; with stale_rounds what was not added in the last round, too. */
static void sweep(fb_revocations *set, double now, bool stale_rounds)
{
    double earliest = (double)INFINITY;
    for (size_t s = 0; s < FB__REVOCATION_SHARDS; s++) {
        fb__revocation_shard *shard = &set->shards[s];
        (void)pthread_mutex_lock(&shard->lock);
        for (size_t i = 0; i < shard->table.room; i++) {
            fb__revoked *place = &shard->table.places[i];
            if (!fb__revocation_is_held(place)) {
                continue;
            }
            if (place->until <= now || (stale_rounds && place->round != set->round)) {
                atomic_fetch_sub(fb__revocation_counter(set, place), 1);
                place->until = -(double)INFINITY;
            } else {
                earliest = fmin(earliest, place->until);
            }
        }
        (void)pthread_mutex_unlock(&shard->lock);
    }
    set->sweep_at = earliest;
}

/* What was added in an earlier round of filling is taken over with the times of this one. */
static void renew(const fb_revocations *set, fb__revocation_shard *shard, fb__revoked *held, const fb__revoked *entry)
{
    const bool anew = set->refilling && held->round != set->round;
    (void)pthread_mutex_lock(&shard->lock);
    held->until = anew ? entry->until : fmax(held->until, entry->until);
    held->before = anew ? entry->before : fmax(held->before, entry->before);
    held->round = set->round;
    (void)pthread_mutex_unlock(&shard->lock);
}

/* Counts what a copy leaves out. */
static void recount(fb_revocations *set, const fb__revoked_table *table, double now)
{
    for (size_t i = 0; i < table->room; i++) {
        const fb__revoked *place = &table->places[i];
        if (fb__revocation_is_held(place) && place->until <= now) {
            atomic_fetch_sub(fb__revocation_counter(set, place), 1);
        }
    }
}

/* False: out of memory. */
static bool insert(fb_revocations *set, fb__revocation_shard *shard, const fb__revoked *entry, double now)
{
    fb__revoked_table before = shard->table, after = before;
    const bool copies = !fb__revoked_has_room(&before);
    if (copies && !fb__revoked_copy(&after, &before, &set->mem, now)) {
        return false;
    }
    (void)pthread_mutex_lock(&shard->lock);
    fb__revoked_insert(&after, entry);
    shard->table = after;
    (void)pthread_mutex_unlock(&shard->lock);
    /* Only now may somebody who looks at the counters alone miss what they do not count. */
    atomic_fetch_add(fb__revocation_counter(set, entry), 1);
    if (copies) {
        recount(set, &before, now);
        fb__free(&set->mem, before.places);
    }
    return true;
}

static bool is_full(const fb_revocations *set)
{
    return atomic_load(&set->tokens) + atomic_load(&set->subjects) >= set->max_entries;
}

static fb_status put(fb_revocations *set, const fb__revoked *entry, double now, fb_error *error)
{
    fb__revocation_shard *shard = fb__revocation_shard_of(set, entry->hash);
    fb__revoked *held = fb__revoked_find(&shard->table, entry->hash);
    if (held != NULL) {
        renew(set, shard, held, entry);
        return fb__succeed(error);
    }
    if (is_full(set) && now >= set->sweep_at) {
        sweep(set, now, false);
    }
    if (is_full(set)) {
        set->refused++;
        return fb__fail(error, FB_STATUS_UNAVAILABLE, "the set of revocations is full: it holds max_entries (%zu)",
                        set->max_entries);
    }
    if (!insert(set, shard, entry, now)) {
        set->refused++;
        return fb__out_of_memory(error);
    }
    set->sweep_at = fmin(set->sweep_at, entry->until);
    return fb__succeed(error);
}

/* ---- adding --------------------------------------------------------------------------------- */

static fb_status check_times(double until, double now, fb_error *error)
{
    if (!isfinite(now)) {
        return fb__fail(error, FB_CONFIGURATION_INVALID, "unix_seconds must be a finite number of seconds");
    }
    return isnan(until) ? fb__fail(error, FB_CONFIGURATION_INVALID, "until must be a number of seconds") : FB_OK;
}

static fb_status add(fb_revocations *set, const fb__revoked *entry, double now, fb_error *error)
{
    if (!(entry->until > now)) {
        return fb__succeed(error);
    }
    (void)pthread_mutex_lock(&set->writing);
    fb__revoked numbered = *entry;
    numbered.round = set->round;
    const fb_status status = put(set, &numbered, now, error);
    (void)pthread_mutex_unlock(&set->writing);
    return status;
}

fb_status fb_revocations_add(fb_revocations *set, fb_slice issuer, fb_slice jti, double until, double unix_seconds,
                             fb_error *error)
{
    FB__INSIDE_GATE;
    fb__revoked entry = {.until = until, .before = (double)INFINITY};
    if (jti.data == NULL) {
        return fb__fail(error, FB_CONFIGURATION_INVALID, "jti must be given");
    }
    const fb_status status = check_times(until, unix_seconds, error);
    if (status != FB_OK) {
        return status;
    }
    fb__revocations_follow_fork(set);
    fb__revocation_hash(set, issuer, jti, false, entry.hash);
    return add(set, &entry, unix_seconds, error);
}

fb_status fb_revocations_add_subject(fb_revocations *set, fb_slice issuer, fb_slice subject, double before,
                                     double until, double unix_seconds, fb_error *error)
{
    FB__INSIDE_GATE;
    fb__revoked entry = {.until = until, .before = before};
    if (subject.data == NULL) {
        return fb__fail(error, FB_CONFIGURATION_INVALID, "subject must be given");
    }
    if (!isfinite(before)) {
        return fb__fail(error, FB_CONFIGURATION_INVALID, "before must be a finite number of seconds");
    }
    const fb_status status = check_times(until, unix_seconds, error);
    if (status != FB_OK) {
        return status;
    }
    fb__revocations_follow_fork(set);
    fb__revocation_hash(set, issuer, subject, true, entry.hash);
    return add(set, &entry, unix_seconds, error);
}

/* ---- filling -------------------------------------------------------------------------------- */

void fb_revocations_refill_begin(fb_revocations *set)
{
    FB__INSIDE_GATE;
    fb__revocations_follow_fork(set);
    (void)pthread_mutex_lock(&set->writing);
    set->round++;
    set->refilling = true;
    (void)pthread_mutex_unlock(&set->writing);
}

void fb_revocations_refill_end(fb_revocations *set)
{
    FB__INSIDE_GATE;
    fb__revocations_follow_fork(set);
    (void)pthread_mutex_lock(&set->writing);
    if (set->refilling) {
        sweep(set, -(double)INFINITY, true);
        set->refilling = false;
        atomic_store(&set->lost, false);
    }
    (void)pthread_mutex_unlock(&set->writing);
}

void fb_revocations_clear(fb_revocations *set)
{
    FB__INSIDE_GATE;
    fb__revocations_follow_fork(set);
    (void)pthread_mutex_lock(&set->writing);
    sweep(set, (double)INFINITY, false);
    set->refilling = false;
    atomic_store(&set->lost, false);
    (void)pthread_mutex_unlock(&set->writing);
}
