/*
 * Issuers that come and go: a lock around those that were added and those that are unknown, and which resolutions are
 * under way. The host's resolver is asked by the host; nothing here reads a clock or calls back. The lock is held for a
 * look-up or a change of links, never while keys are parsed or freed, and never waited for by a child that inherited it
 * locked. What is asked for is hostile text of tokens that nobody has verified.
 */
#include "verify/resolving.h"

#include <math.h>
#include <sched.h>

enum { MAX_FLIGHTS = 64 };
static const double ABANDONED_AFTER = 30.0; /* whoever asks then takes over a resolution that nobody has ended */

/* A resolution that is under way. */
struct flight {
    uint64_t ticket;
    fb__identifier_hash hash;
    double started_at;
    fb_slice identifier; /* allocated */
};

struct fb__resolving {
    fb_mem mem;
    fb__process process;
    pthread_mutex_t lock; /* for all below */
    pthread_cond_t ended;
    fb__added_issuers added;
    fb__unknown_issuers unknown;
    struct flight flights[MAX_FLIGHTS];
    size_t flight_count;
    uint64_t tickets; /* so far */
};

/* ---- lock, fork ------------------------------------------------------------------------------ */

static bool init_lock(fb__resolving *resolving)
{
    if (pthread_mutex_init(&resolving->lock, NULL) != 0) {
        return false;
    }
    const bool made = fb__condition_init(&resolving->ended);
    if (!made) {
        (void)pthread_mutex_destroy(&resolving->lock);
    }
    return made;
}

/* In a child: resolutions that are under way are the parent's. If another thread was changing something at the fork,
 * nothing can be trusted, and what is held is left alone. */
static void start_afresh(fb__resolving *resolving)
{
    if (pthread_mutex_trylock(&resolving->lock) == 0) {
        (void)pthread_mutex_unlock(&resolving->lock);
        for (size_t i = 0; i < resolving->flight_count; i++) {
            fb__free(&resolving->mem, (void *)(uintptr_t)resolving->flights[i].identifier.data);
        }
    } else {
        fb__added_abandon(&resolving->added);
        fb__unknown_forget_all(&resolving->unknown);
    }
    resolving->flight_count = 0;
    resolving->tickets++;
    (void)init_lock(resolving);
}

static void lock(fb__resolving *resolving)
{
    fb__process_state state;
    while ((state = fb__process_check(&resolving->process)) != FB__PROCESS_SAME) {
        if (state == FB__PROCESS_NEW) {
            start_afresh(resolving);
            fb__process_done(&resolving->process);
        } else {
            (void)sched_yield();
        }
    }
    (void)pthread_mutex_lock(&resolving->lock);
}

static void unlock(fb__resolving *resolving)
{
    (void)pthread_mutex_unlock(&resolving->lock);
}

/* ---- construction ---------------------------------------------------------------------------- */

fb_status fb__resolving_new(fb__resolving **out, const fb_mem *mem, const fb_options *options, fb_error *error)
{
    *out = NULL;
    if (options->max_issuers < 1 || options->max_issuers > 100000) {
        return fb__fail(error, FB_CONFIGURATION_INVALID, "max_issuers must be 1 to 100000");
    }
    fb__resolving *resolving = fb__zalloc(mem, sizeof(*resolving));
    if (resolving == NULL) {
        return fb__out_of_memory(error);
    }
    resolving->mem = *mem;
    fb__process_init(&resolving->process);
    fb_status status = FB_OUT_OF_MEMORY;
    if (fb__added_init(&resolving->added, mem, options->max_issuers, options->issuer_count + 1) &&
        fb__unknown_init(&resolving->unknown, mem)) {
        status = init_lock(resolving) ? FB_OK : FB_INTERNAL_ERROR;
    }
    if (status != FB_OK) {
        fb__added_clear(&resolving->added, mem);
        fb__unknown_clear(&resolving->unknown, mem);
        fb__free(mem, resolving);
        return fb__reject(error, status, (fb_slice){NULL, 0});
    }
    *out = resolving;
    return FB_OK;
}

static struct flight remove_flight(fb__resolving *resolving, struct flight *flight)
{
    const struct flight removed = *flight;
    *flight = resolving->flights[--resolving->flight_count];
    (void)pthread_cond_broadcast(&resolving->ended);
    return removed;
}

static void free_flight(const fb__resolving *resolving, const struct flight *flight)
{
    fb__free(&resolving->mem, (void *)(uintptr_t)flight->identifier.data);
}

void fb__resolving_free(fb__resolving *resolving)
{
    if (resolving == NULL) {
        return;
    }
    lock(resolving); /* in a child of a fork it starts afresh */
    unlock(resolving);
    const fb_mem mem = resolving->mem;
    for (size_t i = 0; i < resolving->flight_count; i++) {
        free_flight(resolving, &resolving->flights[i]);
    }
    fb__added_clear(&resolving->added, &mem);
    fb__unknown_clear(&resolving->unknown, &mem);
    (void)pthread_cond_destroy(&resolving->ended);
    (void)pthread_mutex_destroy(&resolving->lock);
    fb__free(&mem, resolving);
}

/* ---- what a verification asks ---------------------------------------------------------------- */

fb_status fb__resolving_select(fb__resolving *resolving, const uint64_t hash[2], fb_slice iss, double now,
                               fb__issuer **out)
{
    const fb__identifier_hash key = {{hash[0], hash[1]}};
    fb_status status = FB_ISSUER_NEEDED;
    lock(resolving);
    fb__issuer *issuer = fb__added_find(&resolving->added, key, iss);
    if (issuer != NULL) {
        fb__added_touch(&resolving->added, issuer);
        *out = fb__issuer_enter(issuer);
        status = FB_OK;
    } else if (iss.size == 0 || iss.size >= FB_IDENTIFIER_ROOM || fb__unknown_has(&resolving->unknown, key, now)) {
        status = FB_ISSUER_MISMATCH;
    }
    unlock(resolving);
    return status;
}

bool fb__resolving_generation(fb__resolving *resolving, fb__issuer *issuer, double now, uint64_t *out)
{
    lock(resolving);
    bool valid = fb__added_holds(&resolving->added, issuer);
    if (valid) {
        fb__added_touch(&resolving->added, issuer);
        valid = fb__issuer_generation(issuer, now, out);
    }
    unlock(resolving);
    return valid;
}

bool fb__resolving_lists(fb__resolving *resolving, fb__issuer *issuer)
{
    lock(resolving);
    const bool listed = fb__added_holds(&resolving->added, issuer);
    if (listed) {
        fb__added_touch(&resolving->added, issuer);
    }
    unlock(resolving);
    return listed;
}

/* ---- what is asked by number, and of all ----------------------------------------------------- */

fb__issuer *fb__resolving_issuer(fb__resolving *resolving, uint64_t number)
{
    lock(resolving);
    fb__issuer *issuer = fb__added_find_number(&resolving->added, number);
    if (issuer != NULL) {
        (void)fb__issuer_enter(issuer);
    }
    unlock(resolving);
    return issuer;
}

void fb__resolving_fetching(fb__resolving *resolving, fb__issuer *issuer, bool fetching)
{
    lock(resolving);
    fb__issuer *gone =
        fetching ? fb__added_hold(&resolving->added, issuer) : fb__added_unhold(&resolving->added, issuer);
    unlock(resolving);
    fb__issuer_leave(gone);
}

size_t fb__resolving_count(fb__resolving *resolving)
{
    lock(resolving);
    const size_t count = resolving->added.count;
    unlock(resolving);
    return count;
}

/* Bucket by bucket, so that nobody waits for all of them. */
void fb__resolving_each(fb__resolving *resolving, void (*visit)(void *context, fb__issuer *issuer), void *context)
{
    for (size_t bucket = 0; bucket <= resolving->added.bucket_mask; bucket++) {
        lock(resolving);
        fb__issuer *issuer = resolving->added.by_identifier[bucket];
        for (; issuer != NULL; issuer = issuer->added.next_by_identifier) {
            visit(context, issuer);
        }
        unlock(resolving);
    }
}

void fb__resolving_stats(fb__resolving *resolving, double now, fb_stats *out)
{
    lock(resolving);
    out->issuer_evictions = resolving->added.evictions;
    out->unknown_issuers = fb__unknown_count(&resolving->unknown, now);
    unlock(resolving);
}

/* ---- resolutions ----------------------------------------------------------------------------- */

static struct flight *find_flight(fb__resolving *resolving, uint64_t ticket)
{
    for (size_t i = 0; i < resolving->flight_count; i++) {
        if (resolving->flights[i].ticket == ticket) {
            return &resolving->flights[i];
        }
    }
    return NULL;
}

static struct flight *flight_for(fb__resolving *resolving, fb__identifier_hash hash, fb_slice identifier)
{
    for (size_t i = 0; i < resolving->flight_count; i++) {
        struct flight *flight = &resolving->flights[i];
        if (flight->hash.half[0] == hash.half[0] && fb__slice_equal(flight->identifier, identifier)) {
            return flight;
        }
    }
    return NULL;
}

static bool is_abandoned(const struct flight *flight, double now)
{
    return now >= flight->started_at + ABANDONED_AFTER || now < flight->started_at;
}

/* Room for one more. False: all are under way. */
static bool make_room(fb__resolving *resolving, double now)
{
    for (size_t i = 0; i < resolving->flight_count && resolving->flight_count == MAX_FLIGHTS; i++) {
        if (is_abandoned(&resolving->flights[i], now)) {
            const struct flight removed = remove_flight(resolving, &resolving->flights[i]);
            free_flight(resolving, &removed);
        }
    }
    return resolving->flight_count < MAX_FLIGHTS;
}

/* Under the lock. FB_OK, FB_KEYS_UNAVAILABLE, FB_OUT_OF_MEMORY. */
static fb_status begin(fb__resolving *resolving, fb__identifier_hash hash, fb_slice identifier, double now,
                       fb_resolution *out)
{
    struct flight *flight = flight_for(resolving, hash, identifier);
    out->decision = FB_RESOLVE_WAIT;
    if (flight != NULL && !is_abandoned(flight, now)) {
        out->ticket = flight->ticket;
        return FB_OK;
    }
    if (flight == NULL) {
        if (!make_room(resolving, now)) {
            return FB_KEYS_UNAVAILABLE;
        }
        char *text = fb__alloc(&resolving->mem, identifier.size);
        if (text == NULL) {
            return FB_OUT_OF_MEMORY;
        }
        memcpy(text, identifier.data, identifier.size);
        flight = &resolving->flights[resolving->flight_count++];
        *flight = (struct flight){.hash = hash, .identifier = {text, identifier.size}};
    } else {
        (void)pthread_cond_broadcast(&resolving->ended); /* the ticket that some wait for ends */
    }
    flight->started_at = now;
    flight->ticket = out->ticket = ++resolving->tickets;
    out->decision = FB_RESOLVE_NOW;
    return FB_OK;
}

fb_status fb__resolving_begin(fb__resolving *resolving, const uint64_t hash[2], fb_slice identifier, double now,
                              fb_resolution *out, fb_error *error)
{
    const fb__identifier_hash key = {{hash[0], hash[1]}};
    fb_status status = FB_OK;
    out->decision = FB_RESOLVE_DONE;
    lock(resolving);
    if (identifier.size < FB_IDENTIFIER_ROOM && identifier.size > 0 &&
        fb__added_find(&resolving->added, key, identifier) == NULL && !fb__unknown_has(&resolving->unknown, key, now)) {
        status = begin(resolving, key, identifier, now, out);
    }
    unlock(resolving);
    if (status == FB_OK && out->decision != FB_RESOLVE_DONE) {
        out->identifier_size = identifier.size;
        memcpy(out->identifier, identifier.data, identifier.size);
    }
    if (status == FB_KEYS_UNAVAILABLE) {
        (void)fb__fail(error, status, "too many issuers are being resolved");
        if (FB__HAS(error, retry_after)) {
            error->retry_after = 1.0;
        }
        return status;
    }
    return status == FB_OK ? FB_OK : fb__reject(error, status, (fb_slice){NULL, 0});
}

bool fb__resolving_under_way(fb__resolving *resolving, const uint64_t hash[2], fb_slice identifier, double now)
{
    lock(resolving);
    const struct flight *flight = flight_for(resolving, (fb__identifier_hash){{hash[0], hash[1]}}, identifier);
    const bool under_way = flight != NULL && !is_abandoned(flight, now);
    unlock(resolving);
    return under_way;
}

size_t fb__resolving_identifier(fb__resolving *resolving, uint64_t ticket, char out[FB_IDENTIFIER_ROOM])
{
    size_t size = 0;
    lock(resolving);
    const struct flight *flight = find_flight(resolving, ticket);
    if (flight != NULL) {
        size = flight->identifier.size;
        memcpy(out, flight->identifier.data, size);
    }
    unlock(resolving);
    return size;
}

void fb__resolving_add(fb__resolving *resolving, const uint64_t hash[2], fb__issuer *issuer)
{
    const fb__identifier_hash key = {{hash[0], hash[1]}};
    lock(resolving);
    fb__issuer *gone = fb__added_insert(&resolving->added, issuer, key);
    fb__unknown_forget(&resolving->unknown, key);
    unlock(resolving);
    fb__issuer_leave(gone);
}

bool fb__resolving_end(fb__resolving *resolving, uint64_t ticket, fb_resolve_outcome outcome, fb__issuer *issuer,
                       double now)
{
    fb__issuer *gone = issuer;
    struct flight removed = {.ticket = 0};
    lock(resolving);
    struct flight *flight = find_flight(resolving, ticket);
    if (flight != NULL) {
        removed = remove_flight(resolving, flight);
        if (outcome == FB_RESOLVED) {
            gone = fb__added_insert(&resolving->added, issuer, removed.hash);
            fb__unknown_forget(&resolving->unknown, removed.hash);
        } else if (outcome == FB_NO_SUCH_ISSUER) {
            fb__unknown_add(&resolving->unknown, removed.hash, now);
        }
    }
    unlock(resolving);
    free_flight(resolving, &removed);
    fb__issuer_leave(gone);
    return removed.ticket != 0;
}

bool fb__resolving_wait(fb__resolving *resolving, uint64_t ticket, double timeout)
{
    const double limited = timeout > 0.0 ? fmin(timeout, 86400.0) : 0.0;
    const double until = fb_clock_now().monotonic_seconds + limited;
    lock(resolving);
    bool waiting = true;
    while (waiting && find_flight(resolving, ticket) != NULL) {
        waiting = fb__condition_wait(&resolving->ended, &resolving->lock, until);
    }
    const bool ended = find_flight(resolving, ticket) == NULL;
    unlock(resolving);
    return ended;
}
