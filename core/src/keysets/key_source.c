/*
 * A key set behind a URL: what is held, and the key for a token, shared by any number of verifiers and threads.
 * schedule.c decides when to fetch; this file puts a lock around it. The lock is never held while something is parsed
 * or fetched, and never waited for by a child that inherited it locked.
 */
#include "key_source.h"

#include "request_headers.h"
#include "url.h"

#include <math.h>
#include <sched.h>
#include <stdio.h>

/* ---- lock, fork -------------------------------------------------------------------------------------------------- */

static bool init_lock(fb__key_source *source)
{
    if (pthread_mutex_init(&source->lock, NULL) != 0) {
        return false;
    }
    bool made = fb__condition_init(&source->ended);
    if (!made) {
        (void)pthread_mutex_destroy(&source->lock);
    }
    return made;
}

static void store_seconds(atomic_uint_least64_t *to, double seconds)
{
    uint64_t bits;
    memcpy(&bits, &seconds, sizeof(bits));
    atomic_store(to, bits);
}

static double load_seconds(atomic_uint_least64_t *from)
{
    uint64_t bits = atomic_load(from);
    double seconds;
    memcpy(&seconds, &bits, sizeof(seconds));
    return seconds;
}

/* 0 first: nobody may pair an old generation with new times. */
void fb__key_source_advertise(fb__key_source *source)
{
    atomic_store(&source->generation, 0);
    store_seconds(&source->usable_from, fb__schedule_usable_from(&source->schedule));
    store_seconds(&source->usable_until, fb__schedule_usable_until(&source->schedule));
    atomic_store(&source->generation, source->keys == NULL ? 0 : source->keys->generation);
}

/*
 * In a child: the fetch in flight and the thread that makes it are the parent's. If another thread was changing the key
 * source at the fork, what is held cannot be trusted and is left alone.
 */
static void start_afresh(fb__key_source *source)
{
    if (pthread_mutex_trylock(&source->lock) == 0) {
        (void)pthread_mutex_unlock(&source->lock);
    } else {
        source->keys = NULL;
        source->etag[0] = '\0';
        memset(source->found, 0, sizeof(source->found));
        if (source->discovery.count > 0) {
            source->jwks_uri = (fb_slice){NULL, 0};
        }
        fb__schedule_forget(&source->schedule);
    }
    source->background = NULL;
    fb__unknown_kids_clear(&source->unknown_kids);
    fb__schedule_abandon(&source->schedule);
    (void)init_lock(source);
    fb__key_source_advertise(source);
}

/* One thread of the child starts it afresh, the others wait for that. */
static void own(fb__key_source *source)
{
    fb__process_state state;
    while ((state = fb__process_check(&source->process)) != FB__PROCESS_SAME) {
        if (state == FB__PROCESS_NEW) {
            start_afresh(source);
            fb__process_done(&source->process);
        } else {
            (void)sched_yield();
        }
    }
}

void fb__key_source_lock(fb__key_source *source)
{
    own(source);
    (void)pthread_mutex_lock(&source->lock);
}

void fb__key_source_unlock(fb__key_source *source)
{
    (void)pthread_mutex_unlock(&source->lock);
}

/* ---- construction ------------------------------------------------------------------------------------------------ */

static fb_status check_issuer(const fb_issuer *issuer, fb_error *error)
{
    fb_status status = issuer->jwks_uri.data == NULL
                           ? fb__discovery_check(issuer, error)
                           : fb__url_check(issuer->jwks_uri, "jwks_uri", issuer->allow_http, error);
    if (status != FB_OK) {
        return status;
    }
    status = fb__request_headers_check(issuer->headers, error);
    if (status != FB_OK) {
        return status;
    }
    const char *problem = NULL;
    if (!(issuer->refresh_interval >= 0.0 && isfinite(issuer->refresh_interval))) {
        problem = "refresh_interval must be a finite number of seconds, 0 or more";
    } else if (!(issuer->stale_if_error >= 0.0 && isfinite(issuer->stale_if_error))) {
        problem = "stale_if_error must be a finite number of seconds, 0 or more";
    } else if (!(issuer->fetch_timeout > 0.0 && issuer->fetch_timeout <= 3600.0)) {
        problem = "fetch_timeout must be more than 0 and at most 3600 seconds";
    } else if (issuer->max_jwks_bytes < 1 || issuer->max_jwks_bytes > (size_t)16 << 20) {
        problem = "max_jwks_bytes must be 1 to 16777216";
    } else if (issuer->ca_file.size > 0 && memchr(issuer->ca_file.data, '\0', issuer->ca_file.size) != NULL) {
        problem = "ca_file must not hold a NUL";
    } else if (issuer->ca_path.size > 0 && memchr(issuer->ca_path.data, '\0', issuer->ca_path.size) != NULL) {
        problem = "ca_path must not hold a NUL";
    } else if (issuer->ssrf_safe && issuer->trust_env) {
        problem = "ssrf_safe and trust_env exclude each other: behind a proxy only the proxy's address can be checked";
    }
    return problem == NULL ? FB_OK : fb__fail(error, FB_CONFIGURATION_INVALID, "%s", problem);
}

static size_t text_room(const fb_issuer *issuer)
{
    const size_t room = issuer->jwks_uri.data == NULL ? fb__discovery_room(issuer) : issuer->jwks_uri.size + 1;
    return fb__size_add(room, fb__size_add(fb__size_add(issuer->ca_file.size, issuer->ca_path.size), 2));
}

/* False: out of memory. */
static bool keep_issuer(fb__key_source *source, const fb_issuer *issuer)
{
    char *at = source->text;
    source->jwks_uri = fb__keep_text(&at, issuer->jwks_uri);
    source->step = FB__STEP_KEYS;
    if (issuer->jwks_uri.data == NULL) {
        fb__discovery_init(&source->discovery, issuer, &at);
        source->step = 0;
    }
    source->document_read_at = -(double)INFINITY;
    source->http = (fb__http_options){.ca_file = fb__keep_text(&at, issuer->ca_file),
                                      .ca_path = fb__keep_text(&at, issuer->ca_path),
                                      .timeout = issuer->fetch_timeout,
                                      .max_bytes = issuer->max_jwks_bytes,
                                      .ssrf_safe = issuer->ssrf_safe,
                                      .trust_env = issuer->trust_env};
    return fb__request_headers_copy(&source->http.headers, &source->mem, issuer->headers);
}

fb_status fb__key_source_new(fb__key_source **out, const fb_mem *mem, const fb_issuer *issuer, fb_error *error)
{
    *out = NULL;
    fb_status status = check_issuer(issuer, error);
    if (status != FB_OK) {
        return status;
    }
    fb__key_source *source = fb__zalloc(mem, fb__size_add(sizeof(*source), text_room(issuer)));
    if (source == NULL) {
        return fb__out_of_memory(error);
    }
    atomic_init(&source->references, 1);
    fb__process_init(&source->process);
    source->mem = *mem;
    if (!keep_issuer(source, issuer)) {
        fb__free(mem, source);
        return fb__out_of_memory(error);
    }
    if (!fb__key_source_write_name(source->jwks_uri, source->discovery.identifier, source->name)) {
        fb__request_headers_free(source->http.headers, mem);
        fb__free(mem, source);
        return fb__out_of_memory(error);
    }
    uint64_t seed;
    if (!fb__random(source->unknown_kids.seed, sizeof(source->unknown_kids.seed)) || !fb__random(&seed, sizeof(seed)) ||
        !init_lock(source)) {
        fb__request_headers_free(source->http.headers, mem);
        fb__free(mem, source);
        return fb__reject(error, FB_INTERNAL_ERROR, (fb_slice){NULL, 0});
    }
    fb__background_watch_exit();
    fb__schedule_init(&source->schedule, issuer->refresh_interval, issuer->stale_if_error, issuer->fetch_timeout, seed);
    fb__key_source_advertise(source);
    *out = source;
    return FB_OK;
}

void fb__key_source_share_budget(fb__key_source *source, fb__table_budget *budget)
{
    source->budget = fb__table_budget_retain(budget);
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
    own(source);
    fb_mem mem = source->mem;
    fb__background_release(source->background);
    fb__keyset_release(source->keys);
    for (size_t i = 0; i < FB__FORMER_URIS; i++) {
        fb__free(&mem, source->found[i]);
    }
    fb__request_headers_free(source->http.headers, &mem);
    fb__table_budget_release(source->budget);
    (void)pthread_cond_destroy(&source->ended);
    (void)pthread_mutex_destroy(&source->lock);
    fb__free(&mem, source);
}

/* ---- the key for a token ----------------------------------------------------------------------------------------- */

fb_slice fb__key_source_url(const fb__key_source *source)
{
    return source->step == FB__STEP_KEYS ? source->jwks_uri : source->discovery.urls[source->step];
}

bool fb__key_source_usable(const fb__key_source *source, double now)
{
    return source->keys != NULL && fb__schedule_usable(&source->schedule, now);
}

/* The answer for a token whose key is not at hand. */
struct refusal {
    fb_status status;
    uint64_t key_request;
    double retry_after, wait;
    char reason[sizeof(((fb_stats *)NULL)->last_error)]; /* why the last fetch failed; empty: it did not */
};

/*
 * Under the lock. usable: other keys are. A set says that a key does not exist only if it was fetched for this token or
 * within the interval; before that the token may be good, and is refused as "not now".
 */
static void refuse(const fb__key_source *source, const fb__key_query *query, bool usable, struct refusal *out)
{
    const fb__schedule *schedule = &source->schedule;
    const double back_off = fb__schedule_retry_after(schedule, query->now);
    const double interval = fb__schedule_unknown_kid_retry_after(schedule, query->now);
    const bool in_flight = fb__schedule_in_flight(schedule, query->now);
    out->key_request = fb__unknown_kids_request(&source->unknown_kids, query->kid, schedule->succeeded);
    out->wait = fb__schedule_wait(schedule, query->now, true);
    out->retry_after = 0.0;
    out->reason[0] = '\0';
    if (in_flight && out->wait > 0.0 && !query->after_fetch) {
        out->status = FB_KEYS_NEEDED;
        return;
    }
    if (usable && (interval > 0.0 ||
                   (query->after_fetch && fb__unknown_kids_fetched_since(query->key_request, schedule->succeeded)))) {
        out->status = FB_KEY_NOT_FOUND;
        out->retry_after = interval;
        return;
    }
    if (!in_flight && back_off == 0.0 && !query->after_fetch) {
        out->status = FB_KEYS_NEEDED;
        return;
    }
    out->status = FB_KEYS_UNAVAILABLE;
    out->retry_after = in_flight ? 1.0 : back_off;
    if (source->keys != NULL && query->now < fb__schedule_usable_from(schedule)) {
        (void)snprintf(out->reason, sizeof(out->reason), "the clock is not the one of the fetch");
    } else {
        memcpy(out->reason, source->last_error, sizeof(out->reason));
    }
}

static fb_status report(const struct refusal *refusal, fb_error *error)
{
    const char *text = fb_status_text(refusal->status), *after = refusal->reason[0] == '\0' ? "" : "; ";
    const double seconds = ceil(refusal->retry_after);
    if (refusal->status == FB_KEYS_NEEDED) {
        (void)fb__fail(error, refusal->status, "%s", text);
    } else if (seconds > 0.0) {
        (void)fb__fail(error, refusal->status, "%s; the next fetch%s is allowed in %.0f s%s%s", text,
                       refusal->status == FB_KEY_NOT_FOUND ? " for an unknown key id" : "", seconds, after,
                       refusal->reason);
    } else {
        (void)fb__fail(error, refusal->status, "%s%s%s", text, after, refusal->reason);
    }
    const bool needed = refusal->status == FB_KEYS_NEEDED;
    if (FB__HAS(error, key_request)) {
        error->key_request = needed ? refusal->key_request : 0;
        error->retry_after = refusal->retry_after;
    }
    if (FB__HAS(error, wait)) {
        error->wait = needed ? refusal->wait : 0.0;
    }
    return refusal->status;
}

/* A reference to the keys that may be used now; NULL: there are none, and *refusal is the answer. */
static fb__keyset *usable_keys(fb__key_source *source, const fb__key_query *query, struct refusal *refusal)
{
    fb__keyset *keys = NULL;
    fb__key_source_lock(source);
    if (fb__key_source_usable(source, query->now)) {
        keys = fb__keyset_retain(source->keys);
    } else {
        refuse(source, query, false, refusal);
    }
    fb__key_source_unlock(source);
    return keys;
}

/* Whether these are the latest keys still, so that a key id that they do not have is unknown: *refusal is the answer.
 */
static bool unknown(fb__key_source *source, const fb__key_query *query, const fb__keyset *keys, struct refusal *refusal)
{
    fb__key_source_lock(source);
    bool latest = source->keys == keys;
    if (latest) {
        refuse(source, query, true, refusal);
    }
    fb__key_source_unlock(source);
    return latest;
}

fb_status fb__key_source_select(fb__key_source *source, const fb__key_query *query, fb__keyset **set,
                                fb__verification_key **key, fb_error *error)
{
    struct refusal refusal;
    *set = NULL;
    *key = NULL;
    for (;;) {
        fb__keyset *keys = usable_keys(source, query, &refusal);
        if (keys == NULL) {
            return report(&refusal, error);
        }
        fb_status status = fb__keyset_select(keys, query->kid, query->alg, key);
        if (status == FB_OK) {
            *set = keys;
            return FB_OK;
        }
        bool done = status != FB_KEY_NOT_FOUND || unknown(source, query, keys, &refusal);
        fb__keyset_release(keys);
        if (done) {
            return status != FB_KEY_NOT_FOUND ? fb__reject(error, status, (fb_slice){NULL, 0})
                                              : report(&refusal, error);
        }
    }
}

/* ---- looking in -------------------------------------------------------------------------------------------------- */

uint64_t fb__key_source_generation(fb__key_source *source, double now)
{
    own(source);
    uint64_t generation = atomic_load(&source->generation);
    double from = load_seconds(&source->usable_from), until = load_seconds(&source->usable_until);
    return now >= from && now < until && atomic_load(&source->generation) == generation ? generation : 0;
}

fb__keyset *fb__key_source_keys(fb__key_source *source)
{
    fb__key_source_lock(source);
    fb__keyset *keys = source->keys == NULL ? NULL : fb__keyset_retain(source->keys);
    fb__key_source_unlock(source);
    return keys;
}

void fb__key_source_describe(fb__key_source *source, fb__key_source_info *out)
{
    fb__key_source_lock(source);
    const fb_slice url = source->jwks_uri;
    out->fetched_at = source->schedule.fetched_at;
    out->fresh_until = source->schedule.fresh_until;
    out->failing = source->schedule.failures > 0;
    memcpy(out->name, source->name, sizeof(out->name));
    out->jwks_uri_size = url.data == NULL ? 0 : fb__url_loggable_size(url);
    if (out->jwks_uri_size > 0) {
        memcpy(out->jwks_uri, url.data, out->jwks_uri_size);
    }
    fb__key_source_unlock(source);
}

void fb__key_source_stats(fb__key_source *source, double now, fb_stats *out)
{
    fb__key_source_lock(source);
    const fb__schedule *schedule = &source->schedule;
    out->fetches = schedule->begun;
    out->fetch_failures = schedule->failed;
    out->generation = source->generations;
    out->keys_held = fb__key_source_usable(source, now);
    out->keys_fresh = out->keys_held && fb__schedule_fresh(schedule, now);
    out->retry_after = fb__schedule_retry_after(schedule, now);
    out->unknown_kid_retry_after = fmax(out->retry_after, fb__schedule_unknown_kid_retry_after(schedule, now));
    out->fetch_seconds = schedule->seconds;
    out->imports = schedule->imports;
    out->key_age = source->keys == NULL ? (double)INFINITY : fmax(now - schedule->fetched_at, 0.0);
    memcpy(out->last_error, source->last_error, sizeof(out->last_error));
    fb__key_source_unlock(source);
}
