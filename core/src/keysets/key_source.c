/*
 * A key set behind a URL: what is held, shared by any number of verifiers and threads. Given what a host fetched, which
 * is hostile; an answer that is anything but a good key set leaves the held one untouched. schedule.c decides when;
 * this file puts a lock around it. The lock is never held while something is parsed or fetched, and never waited for by
 * a child that inherited it locked.
 */
#include "key_source.h"

#include <errno.h>
#include <math.h>
#include <openssl/err.h>
#include <openssl/rand.h>
#include <sched.h>
#include <stdio.h>
#include <time.h>

/* ---- lock, fork
 * --------------------------------------------------------------------------------------------------------------------
 */

/* Monotonic, because somebody sets the wall clock while a thread waits. */
static bool init_lock(fb__keyring *ring)
{
    pthread_condattr_t attributes;
    if (pthread_mutex_init(&ring->lock, NULL) != 0) {
        return false;
    }
    bool made = pthread_condattr_init(&attributes) == 0;
    if (made) {
        made = pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0 &&
               pthread_cond_init(&ring->ended, &attributes) == 0;
        (void)pthread_condattr_destroy(&attributes);
    }
    if (!made) {
        (void)pthread_mutex_destroy(&ring->lock);
    }
    return made;
}

/* What lock-free readers see. 0 first: nobody may pair an old generation with a new time. */
void fb__keyring_publish(fb__keyring *ring)
{
    double until = fb__schedule_usable_until(&ring->schedule);
    uint64_t bits;
    memcpy(&bits, &until, sizeof(bits));
    atomic_store(&ring->generation, 0);
    atomic_store(&ring->usable_until, bits);
    atomic_store(&ring->generation, ring->held == NULL ? 0 : ring->held->generation);
}

/*
 * In a child: the fetch in flight and the connection are the parent's. If another thread was changing the ring at the
 * fork, what is held cannot be trusted and is left alone.
 */
static void start_afresh(fb__keyring *ring)
{
    if (pthread_mutex_trylock(&ring->lock) == 0) {
        (void)pthread_mutex_unlock(&ring->lock);
        fb__refresh_forget(ring->fetcher);
    } else {
        ring->held = NULL;
        ring->etag = ring->kept_etags = NULL;
        ring->schedule.held = false;
    }
    ring->fetcher = NULL;
    ring->sent_etag = NULL;
    ring->request_count = 0;
    fb__schedule_abandon(&ring->schedule);
    (void)init_lock(ring);
    fb__keyring_publish(ring);
}

void fb__keyring_enter_fork(fb__keyring *ring)
{
    unsigned now = fb__fork_generation();
    while (atomic_load_explicit(&ring->fork_seen, memory_order_acquire) != now) {
        unsigned claim = atomic_load(&ring->fork_claim);
        if (claim != now && atomic_compare_exchange_strong(&ring->fork_claim, &claim, now)) {
            start_afresh(ring);
            atomic_store_explicit(&ring->fork_seen, now, memory_order_release);
        } else {
            (void)sched_yield();
        }
    }
}

void fb__keyring_enter(fb__keyring *ring)
{
    fb__keyring_enter_fork(ring);
    (void)pthread_mutex_lock(&ring->lock);
}

void fb__keyring_leave(fb__keyring *ring)
{
    (void)pthread_mutex_unlock(&ring->lock);
}

int fb__keyring_shown(const fb__keyring *ring)
{
    size_t size = fb__url_shown_size(ring->url);
    return (int)(size < FB__SHOWN_URL ? size : FB__SHOWN_URL);
}

/* ---- making one
 * --------------------------------------------------------------------------------------------------------------------
 */

static fb_status check_options(const fb_options *options, fb_error *error)
{
    fb_status status = fb__url_check(options->jwks_uri, options->allow_http, error);
    if (status != FB_OK) {
        return status;
    }
    const char *problem = NULL;
    if (!(options->refresh_interval >= 0.0 && isfinite(options->refresh_interval))) {
        problem = "refresh_interval must be a finite number of seconds, 0 or more";
    } else if (!(options->stale_if_error >= 0.0 && isfinite(options->stale_if_error))) {
        problem = "stale_if_error must be a finite number of seconds, 0 or more";
    } else if (!(options->fetch_timeout > 0.0 && options->fetch_timeout <= 3600.0)) {
        problem = "fetch_timeout must be more than 0 and at most 3600 seconds";
    } else if (options->max_jwks_bytes < 1 || options->max_jwks_bytes > (size_t)16 << 20) {
        problem = "max_jwks_bytes must be 1 to 16777216";
    } else if (options->ca_file.size > 0 && memchr(options->ca_file.data, '\0', options->ca_file.size) != NULL) {
        problem = "ca_file must not hold a NUL";
    } else if (options->ca_path.size > 0 && memchr(options->ca_path.data, '\0', options->ca_path.size) != NULL) {
        problem = "ca_path must not hold a NUL";
    } else if (options->ssrf_safe && options->trust_env) {
        problem = "ssrf_safe and trust_env exclude each other: behind a proxy only the proxy's address can be checked";
    }
    return problem == NULL ? FB_OK : fb__fail(error, FB_CONFIGURATION_INVALID, "%s", problem);
}

/* Appends text and a NUL to the ring's own block. */
static fb_slice keep_text(char **at, fb_slice text)
{
    if (text.data == NULL) {
        return text;
    }
    fb_slice kept = {*at, text.size};
    if (text.size > 0) {
        memcpy(*at, text.data, text.size);
    }
    (*at)[text.size] = '\0';
    *at += text.size + 1;
    return kept;
}

fb_status fb__keyring_new(fb__keyring **out, const fb_mem *mem, const fb_options *options, fb_error *error)
{
    *out = NULL;
    fb_status status = check_options(options, error);
    if (status != FB_OK) {
        return status;
    }
    size_t text_size = fb__size_add(options->jwks_uri.size, fb__size_add(options->ca_file.size, options->ca_path.size));
    fb__keyring *ring = fb__zalloc(mem, fb__size_add(sizeof(*ring) + 3, text_size));
    if (ring == NULL) {
        return fb__reject(error, FB_OUT_OF_MEMORY, (fb_slice){NULL, 0});
    }
    char *at = ring->text;
    atomic_init(&ring->references, 1);
    atomic_init(&ring->fork_seen, fb__fork_generation());
    atomic_init(&ring->fork_claim, fb__fork_generation());
    ring->mem = *mem;
    ring->url = keep_text(&at, options->jwks_uri);
    ring->max_bytes = options->max_jwks_bytes;
    ring->fetching.ca_file = keep_text(&at, options->ca_file);
    ring->fetching.ca_path = keep_text(&at, options->ca_path);
    ring->fetching.allow_http = options->allow_http;
    ring->fetching.ssrf_safe = options->ssrf_safe;
    ring->fetching.trust_env = options->trust_env;
    ERR_set_mark();
    bool made = RAND_bytes((unsigned char *)ring->seed, sizeof(ring->seed)) == 1;
    ERR_pop_to_mark();
    if (!made || !init_lock(ring)) {
        fb__free(mem, ring);
        return fb__reject(error, FB_INTERNAL_ERROR, (fb_slice){NULL, 0});
    }
    fb__schedule_init(&ring->schedule, options->refresh_interval, options->stale_if_error, options->fetch_timeout,
                      ring->seed[0] ^ ring->seed[1]);
    fb__keyring_publish(ring);
    *out = ring;
    return FB_OK;
}

fb__keyring *fb__keyring_retain(fb__keyring *ring)
{
    atomic_fetch_add_explicit(&ring->references, 1, memory_order_relaxed);
    return ring;
}

void fb__keyring_release(fb__keyring *ring)
{
    if (ring == NULL || atomic_fetch_sub_explicit(&ring->references, 1, memory_order_acq_rel) != 1) {
        return;
    }
    fb__keyring_enter_fork(ring);
    fb_mem mem = ring->mem;
    fb__refresh_forget(ring->fetcher);
    fb__keyset_release(ring->held);
    fb__free(&mem, ring->etag);
    while (ring->kept_etags != NULL) {
        struct fb__etag *next = ring->kept_etags->next;
        fb__free(&mem, ring->kept_etags);
        ring->kept_etags = next;
    }
    (void)pthread_cond_destroy(&ring->ended);
    (void)pthread_mutex_destroy(&ring->lock);
    fb__free(&mem, ring);
}

/* ---- what a verification asks
 * --------------------------------------------------------------------------------------------------------------------
 */

fb_status fb__keyring_acquire(fb__keyring *ring, double now, fb_slice kid, fb__keyset **out, uint64_t *key_request,
                              double *retry_after)
{
    fb_status status = FB_OK;
    *out = NULL;
    fb__keyring_enter(ring);
    if (fb__schedule_usable(&ring->schedule, now)) {
        *out = fb__keyset_retain(ring->held);
    } else {
        *retry_after = fb__schedule_retry_after(&ring->schedule, now);
        bool fetch = *retry_after == 0.0 || fb__schedule_in_flight(&ring->schedule, now);
        status = fetch ? FB_KEYS_NEEDED : FB_KEYS_UNAVAILABLE;
    }
    fb__keyring_leave(ring);
    if (status == FB_KEYS_NEEDED) {
        *key_request = fb__kid_request(ring, kid, 0);
    }
    return status;
}

fb_status fb__keyring_missing(fb__keyring *ring, double now, fb_slice kid, const fb__keyset *set, uint64_t *key_request)
{
    uint64_t request = fb__kid_request(ring, kid, set->generation);
    fb__keyring_enter(ring);
    bool newer = ring->held != NULL && ring->held->generation != set->generation;
    bool worth = (newer && fb__kids_have(&ring->kids, request)) || fb__schedule_miss_worth(&ring->schedule, now);
    fb__keyring_leave(ring);
    if (worth) {
        *key_request = request;
    }
    return worth ? FB_KEYS_NEEDED : FB_KEY_NOT_FOUND;
}

uint64_t fb__keyring_generation(fb__keyring *ring, double now)
{
    fb__keyring_enter_fork(ring);
    uint64_t generation = atomic_load(&ring->generation), bits = atomic_load(&ring->usable_until);
    double until;
    memcpy(&until, &bits, sizeof(until));
    return now < until && atomic_load(&ring->generation) == generation ? generation : 0;
}

fb__keyset *fb__keyring_held(fb__keyring *ring)
{
    fb__keyring_enter(ring);
    fb__keyset *set = ring->held == NULL ? NULL : fb__keyset_retain(ring->held);
    fb__keyring_leave(ring);
    return set;
}

void fb__keyring_stats(fb__keyring *ring, double now, fb_stats *out)
{
    fb__keyring_enter(ring);
    out->fetches = ring->fetches;
    out->fetch_failures = ring->fetch_failures;
    out->generation = ring->generations;
    out->keys_held = fb__schedule_usable(&ring->schedule, now);
    out->keys_fresh = out->keys_held && now < ring->schedule.fresh_until;
    memcpy(out->last_error, ring->last_error, sizeof(out->last_error));
    fb__keyring_leave(ring);
}

/* ---- what a host asks
 * --------------------------------------------------------------------------------------------------------------------
 */

bool fb__keyring_due(fb__keyring *ring, double now)
{
    fb__keyring_enter(ring);
    bool due = fb__schedule_due(&ring->schedule, now);
    fb__keyring_leave(ring);
    return due;
}

/* The host of a fetch that took too long may still be reading its etag: it is kept until the ring goes. */
static void take_over(fb__keyring *ring)
{
    ring->fetch_failures++;
    (void)snprintf(ring->last_error, sizeof(ring->last_error), "%.*s: the fetch was not completed in time",
                   fb__keyring_shown(ring), ring->url.data);
    if (ring->sent_etag != NULL) {
        ring->sent_etag->kept = true;
    }
    ring->request_count = 0;
    (void)pthread_cond_broadcast(&ring->ended);
}

fb_status fb__keyring_begin(fb__keyring *ring, double now, fb_refresh_reason reason, uint64_t key_request,
                            fb_fetch *out)
{
    *out = (fb_fetch){
        .size = sizeof(*out), .url = ring->url, .timeout = ring->schedule.timeout, .max_bytes = ring->max_bytes};
    bool token = reason == FB_REFRESH_TOKEN;
    if (!token && reason != FB_REFRESH_AHEAD && reason != FB_REFRESH_EXPLICIT) {
        return FB_CONFIGURATION_INVALID;
    }
    fb__keyring_enter(ring);
    fb__schedule *schedule = &ring->schedule;
    bool newer = ring->held != NULL && (ring->held->generation & UINT16_MAX) != (key_request & UINT16_MAX);
    uint64_t before = schedule->ticket;
    out->decision =
        fb__schedule_begin(schedule, now, reason, token && newer && fb__kids_have(&ring->kids, key_request));
    switch (out->decision) {
    case FB_FETCH_NOW:
        if (before != 0) {
            take_over(ring);
        }
        ring->fetches++;
        ring->sent_etag = ring->etag;
        if (ring->etag != NULL) {
            out->etag = (fb_slice){ring->etag->text, ring->etag->size};
        }
        break;
    case FB_FETCH_WAIT:
        out->timeout = schedule->started_at + schedule->timeout + 1.0 - now;
        break;
    case FB_FETCH_LATER:
        out->retry_after = fb__schedule_retry_after(schedule, now);
        break;
    case FB_FETCH_DONE:
        break;
    }
    if (token && (out->decision == FB_FETCH_NOW || out->decision == FB_FETCH_WAIT)) {
        fb__kid_note(ring, key_request);
    }
    out->ticket = schedule->ticket;
    fb__keyring_leave(ring);
    return FB_OK;
}

bool fb__keyring_wait(fb__keyring *ring, uint64_t ticket, double timeout)
{
    struct timespec until;
    double limited = timeout > 0.0 ? fmin(timeout, 86400.0) : 0.0;
    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += (time_t)limited;
    until.tv_nsec += (long)((limited - floor(limited)) * 1e9);
    if (until.tv_nsec >= 1000000000L) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000L;
    }
    (void)fb__keyring_retain(ring);
    fb__keyring_enter(ring);
    int waited = 0;
    while (ticket != 0 && ring->schedule.ticket == ticket && waited != ETIMEDOUT) {
        waited = pthread_cond_timedwait(&ring->ended, &ring->lock, &until);
    }
    bool ended = ring->schedule.ticket != ticket || ticket == 0;
    fb__keyring_leave(ring);
    fb__keyring_release(ring);
    return ended;
}
