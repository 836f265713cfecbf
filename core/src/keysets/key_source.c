/*
 * A key set behind a URL: what is held, shared by any number of verifiers and threads. Given what a host fetched, which
 * is hostile; an answer that is anything but a good key set leaves the held one untouched. schedule.c decides when;
 * this file puts a lock around it. The lock is never held while something is parsed or fetched, and never waited for by
 * a child that inherited it locked.
 */
#include "key_source.h"

#include <errno.h>
#include <math.h>
#include <sched.h>
#include <stdio.h>
#include <time.h>

/* ---- lock, fork
 * --------------------------------------------------------------------------------------------------------------------
 */

/* Monotonic, because somebody sets the wall clock while a thread waits. */
static bool init_lock(fb__key_source *source)
{
    pthread_condattr_t attributes;
    if (pthread_mutex_init(&source->lock, NULL) != 0) {
        return false;
    }
    bool made = pthread_condattr_init(&attributes) == 0;
    if (made) {
        made = pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0 &&
               pthread_cond_init(&source->ended, &attributes) == 0;
        (void)pthread_condattr_destroy(&attributes);
    }
    if (!made) {
        (void)pthread_mutex_destroy(&source->lock);
    }
    return made;
}

/* What lock-free readers see. 0 first: nobody may pair an old generation with a new time. */
void fb__key_source_advertise(fb__key_source *source)
{
    double until = fb__schedule_usable_until(&source->schedule);
    uint64_t bits;
    memcpy(&bits, &until, sizeof(bits));
    atomic_store(&source->generation, 0);
    atomic_store(&source->usable_until, bits);
    atomic_store(&source->generation, source->held == NULL ? 0 : source->held->generation);
}

/*
 * In a child: the fetch in flight and the connection are the parent's. If another thread was changing the key source at
 * the fork, what is held cannot be trusted and is left alone.
 */
static void start_afresh(fb__key_source *source)
{
    if (pthread_mutex_trylock(&source->lock) == 0) {
        (void)pthread_mutex_unlock(&source->lock);
        fb__refresh_forget(source->fetcher);
    } else {
        source->held = NULL;
        source->etag = source->kept_etags = NULL;
        source->schedule.held = false;
    }
    source->fetcher = NULL;
    source->sent_etag = NULL;
    source->request_count = 0;
    fb__schedule_abandon(&source->schedule);
    (void)init_lock(source);
    fb__key_source_advertise(source);
}

void fb__key_source_own(fb__key_source *source)
{
    unsigned now = fb__fork_generation();
    while (atomic_load_explicit(&source->fork_seen, memory_order_acquire) != now) {
        unsigned claim = atomic_load(&source->fork_claim);
        if (claim != now && atomic_compare_exchange_strong(&source->fork_claim, &claim, now)) {
            start_afresh(source);
            atomic_store_explicit(&source->fork_seen, now, memory_order_release);
        } else {
            (void)sched_yield();
        }
    }
}

void fb__key_source_lock(fb__key_source *source)
{
    fb__key_source_own(source);
    (void)pthread_mutex_lock(&source->lock);
}

void fb__key_source_unlock(fb__key_source *source)
{
    (void)pthread_mutex_unlock(&source->lock);
}

int fb__key_source_loggable(const fb__key_source *source)
{
    size_t size = fb__url_loggable_size(source->url);
    return (int)(size < FB__LOGGABLE_URL ? size : FB__LOGGABLE_URL);
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

/* Appends text and a NUL to the key source's own block. */
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

fb_status fb__key_source_new(fb__key_source **out, const fb_mem *mem, const fb_options *options, fb_error *error)
{
    *out = NULL;
    fb_status status = check_options(options, error);
    if (status != FB_OK) {
        return status;
    }
    size_t text_size = fb__size_add(options->jwks_uri.size, fb__size_add(options->ca_file.size, options->ca_path.size));
    fb__key_source *source = fb__zalloc(mem, fb__size_add(sizeof(*source) + 3, text_size));
    if (source == NULL) {
        return fb__reject(error, FB_OUT_OF_MEMORY, (fb_slice){NULL, 0});
    }
    char *at = source->text;
    atomic_init(&source->references, 1);
    atomic_init(&source->fork_seen, fb__fork_generation());
    atomic_init(&source->fork_claim, fb__fork_generation());
    source->mem = *mem;
    source->url = keep_text(&at, options->jwks_uri);
    source->max_bytes = options->max_jwks_bytes;
    source->fetching.ca_file = keep_text(&at, options->ca_file);
    source->fetching.ca_path = keep_text(&at, options->ca_path);
    source->fetching.allow_http = options->allow_http;
    source->fetching.ssrf_safe = options->ssrf_safe;
    source->fetching.trust_env = options->trust_env;
    if (!fb__random(source->seed, sizeof(source->seed)) || !init_lock(source)) {
        fb__free(mem, source);
        return fb__reject(error, FB_INTERNAL_ERROR, (fb_slice){NULL, 0});
    }
    fb__schedule_init(&source->schedule, options->refresh_interval, options->stale_if_error, options->fetch_timeout,
                      source->seed[0] ^ source->seed[1]);
    fb__key_source_advertise(source);
    *out = source;
    return FB_OK;
}

fb__key_source *fb__key_source_retain(fb__key_source *source)
{
    atomic_fetch_add_explicit(&source->references, 1, memory_order_relaxed);
    return source;
}

void fb__key_source_release(fb__key_source *source)
{
    if (source == NULL || atomic_fetch_sub_explicit(&source->references, 1, memory_order_acq_rel) != 1) {
        return;
    }
    fb__key_source_own(source);
    fb_mem mem = source->mem;
    fb__refresh_forget(source->fetcher);
    fb__keyset_release(source->held);
    fb__free(&mem, source->etag);
    while (source->kept_etags != NULL) {
        struct fb__etag *next = source->kept_etags->next;
        fb__free(&mem, source->kept_etags);
        source->kept_etags = next;
    }
    (void)pthread_cond_destroy(&source->ended);
    (void)pthread_mutex_destroy(&source->lock);
    fb__free(&mem, source);
}

/* ---- what a verification asks
 * --------------------------------------------------------------------------------------------------------------------
 */

fb_status fb__key_source_acquire(fb__key_source *source, double now, fb_slice kid, fb__keyset **out,
                                 uint64_t *key_request, double *retry_after)
{
    fb_status status = FB_OK;
    *out = NULL;
    fb__key_source_lock(source);
    if (fb__schedule_usable(&source->schedule, now)) {
        *out = fb__keyset_retain(source->held);
    } else {
        *retry_after = fb__schedule_retry_after(&source->schedule, now);
        bool fetch = *retry_after == 0.0 || fb__schedule_in_flight(&source->schedule, now);
        status = fetch ? FB_KEYS_NEEDED : FB_KEYS_UNAVAILABLE;
    }
    fb__key_source_unlock(source);
    if (status == FB_KEYS_NEEDED) {
        *key_request = fb__kid_request(source, kid, 0);
    }
    return status;
}

fb_status fb__key_source_missing(fb__key_source *source, double now, fb_slice kid, const fb__keyset *set,
                                 uint64_t *key_request)
{
    uint64_t request = fb__kid_request(source, kid, set->generation);
    fb__key_source_lock(source);
    bool newer = source->held != NULL && source->held->generation != set->generation;
    bool worth = (newer && fb__kids_have(&source->kids, request)) || fb__schedule_miss_worth(&source->schedule, now);
    fb__key_source_unlock(source);
    if (worth) {
        *key_request = request;
    }
    return worth ? FB_KEYS_NEEDED : FB_KEY_NOT_FOUND;
}

uint64_t fb__key_source_generation(fb__key_source *source, double now)
{
    fb__key_source_own(source);
    uint64_t generation = atomic_load(&source->generation), bits = atomic_load(&source->usable_until);
    double until;
    memcpy(&until, &bits, sizeof(until));
    return now < until && atomic_load(&source->generation) == generation ? generation : 0;
}

fb__keyset *fb__key_source_held(fb__key_source *source)
{
    fb__key_source_lock(source);
    fb__keyset *set = source->held == NULL ? NULL : fb__keyset_retain(source->held);
    fb__key_source_unlock(source);
    return set;
}

void fb__key_source_stats(fb__key_source *source, double now, fb_stats *out)
{
    fb__key_source_lock(source);
    out->fetches = source->fetches;
    out->fetch_failures = source->fetch_failures;
    out->generation = source->generations;
    out->keys_held = fb__schedule_usable(&source->schedule, now);
    out->keys_fresh = out->keys_held && now < source->schedule.fresh_until;
    memcpy(out->last_error, source->last_error, sizeof(out->last_error));
    fb__key_source_unlock(source);
}

/* ---- what a host asks
 * --------------------------------------------------------------------------------------------------------------------
 */

bool fb__key_source_due(fb__key_source *source, double now)
{
    fb__key_source_lock(source);
    bool due = fb__schedule_due(&source->schedule, now);
    fb__key_source_unlock(source);
    return due;
}

/* The host of a fetch that took too long may still be reading its etag: it is kept until the key source goes. */
static void take_over(fb__key_source *source)
{
    source->fetch_failures++;
    (void)snprintf(source->last_error, sizeof(source->last_error), "%.*s: the fetch was not completed in time",
                   fb__key_source_loggable(source), source->url.data);
    if (source->sent_etag != NULL) {
        source->sent_etag->kept = true;
    }
    source->request_count = 0;
    (void)pthread_cond_broadcast(&source->ended);
}

fb_status fb__key_source_begin(fb__key_source *source, double now, fb_refresh_reason reason, uint64_t key_request,
                               fb_fetch *out)
{
    *out = (fb_fetch){
        .size = sizeof(*out), .url = source->url, .timeout = source->schedule.timeout, .max_bytes = source->max_bytes};
    bool token = reason == FB_REFRESH_TOKEN;
    if (!token && reason != FB_REFRESH_AHEAD && reason != FB_REFRESH_EXPLICIT) {
        return FB_CONFIGURATION_INVALID;
    }
    fb__key_source_lock(source);
    fb__schedule *schedule = &source->schedule;
    bool newer = source->held != NULL && (source->held->generation & UINT16_MAX) != (key_request & UINT16_MAX);
    uint64_t before = schedule->ticket;
    out->decision =
        fb__schedule_begin(schedule, now, reason, token && newer && fb__kids_have(&source->kids, key_request));
    switch (out->decision) {
    case FB_FETCH_NOW:
        if (before != 0) {
            take_over(source);
        }
        source->fetches++;
        source->sent_etag = source->etag;
        if (source->etag != NULL) {
            out->etag = (fb_slice){source->etag->text, source->etag->size};
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
        fb__kid_note(source, key_request);
    }
    out->ticket = schedule->ticket;
    fb__key_source_unlock(source);
    return FB_OK;
}

bool fb__key_source_wait(fb__key_source *source, uint64_t ticket, double timeout)
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
    (void)fb__key_source_retain(source);
    fb__key_source_lock(source);
    int waited = 0;
    while (ticket != 0 && source->schedule.ticket == ticket && waited != ETIMEDOUT) {
        waited = pthread_cond_timedwait(&source->ended, &source->lock, &until);
    }
    bool ended = source->schedule.ticket != ticket || ticket == 0;
    fb__key_source_unlock(source);
    fb__key_source_release(source);
    return ended;
}
