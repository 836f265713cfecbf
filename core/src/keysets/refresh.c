/*
 * The two halves of a fetch, for whoever makes it: begin decides whether to fetch and gives out a ticket, complete
 * takes what came back. What does not count changes nothing but the back-off. With discovery a flight has several
 * steps: metadata documents until one is there, then the key set; complete gives out the next.
 */
#include "key_source.h"
#include "response.h"
#include "url.h"

#include <math.h>
#include <stdio.h>

bool fb__key_source_due(fb__key_source *source, double now)
{
    fb__key_source_lock(source);
    bool due = source->keys != NULL && fb__schedule_due(&source->schedule, now);
    fb__key_source_unlock(source);
    return due;
}

/* Under the lock: whether the keys that are held are what this token asked for, or all that there are. */
static bool is_answered(const fb__key_source *source, uint64_t key_request)
{
    return source->keys != NULL && (fb__unknown_kids_fetched_since(key_request, source->schedule.succeeded) ||
                                    fb__unknown_kids_known(&source->unknown_kids, key_request, source->keys));
}

static void set_error(fb__key_source *source, fb_slice url, fb_status status, const char *problem)
{
    const size_t size = fb__url_loggable_size(url);
    source->last_status = status;
    (void)snprintf(source->last_error, sizeof(source->last_error), "%.*s: %s",
                   (int)(size < FB__LOGGABLE_URL ? size : FB__LOGGABLE_URL), url.data, problem);
}

/* Under the lock: whoever waits for the fetch in flight is told that it has ended. */
static void end_flight(fb__key_source *source)
{
    fb__unknown_kids_clear(&source->unknown_kids);
    fb__key_source_advertise(source);
    (void)pthread_cond_broadcast(&source->ended);
}

static void take_over(fb__key_source *source)
{
    set_error(source, fb__key_source_url(source), FB_KEYS_UNAVAILABLE, "the fetch was not completed in time");
    fb__background_stop(source->background);
    end_flight(source);
}

/* Where the keys are may have changed when they could not be fetched, and from one day to the next. */
static size_t first_step(const fb__key_source *source, double now)
{
    static const double day = 86400.0;
    const bool known =
        source->jwks_uri.data != NULL && source->last_status == FB_OK && fabs(now - source->document_read_at) <= day;
    return source->discovery.count == 0 || known ? FB__STEP_KEYS : 0;
}

/* Fills in what is fetched in this step. What is sent along may be a secret of the identifier's host. */
static void offer(fb__key_source *source, fb_fetch *out)
{
    const fb__discovery *discovery = &source->discovery;
    out->url = fb__key_source_url(source);
    if (discovery->count == 0 || fb__url_same_origin(discovery->identifier, out->url)) {
        out->headers = source->http.headers;
    }
    const bool sent = source->step == FB__STEP_KEYS && source->etag[0] != '\0';
    source->etag_sent_for = sent ? source->keys->generation : 0;
    if (sent) {
        memcpy(out->etag, source->etag, sizeof(out->etag));
    }
}

fb_status fb__key_source_begin(fb__key_source *source, double now, fb_refresh_reason reason, uint64_t key_request,
                               fb_fetch *out, fb_error *error)
{
    const bool token = reason == FB_REFRESH_TOKEN;
    if (!token && reason != FB_REFRESH_AHEAD && reason != FB_REFRESH_EXPLICIT) {
        return fb__fail(error, FB_CONFIGURATION_INVALID, "reason must be token, ahead or explicit");
    }
    fb__key_source_lock(source);
    fb__schedule *schedule = &source->schedule;
    const uint64_t before = schedule->ticket;
    *out = (fb_fetch){.size = sizeof(*out), .max_bytes = source->http.max_bytes};
    out->decision = fb__schedule_begin(schedule, now, reason, token && is_answered(source, key_request));
    out->ticket = schedule->ticket;
    out->timeout = schedule->timeout;
    if (out->decision == FB_FETCH_NOW) {
        if (before != 0) {
            take_over(source);
        }
        source->step = first_step(source, now);
        offer(source, out);
    } else if (out->decision == FB_FETCH_WAIT) {
        out->timeout = fb__schedule_wait(schedule, now, token);
    } else if (out->decision == FB_FETCH_LATER) {
        out->retry_after = fb__schedule_retry_after(schedule, now);
    }
    if (token && (out->decision == FB_FETCH_NOW || out->decision == FB_FETCH_WAIT)) {
        fb__unknown_kids_add(&source->unknown_kids, key_request);
    }
    fb__key_source_unlock(source);
    return fb__succeed(error);
}

bool fb__key_source_wait(fb__key_source *source, uint64_t ticket, double timeout)
{
    const double limited = timeout > 0.0 ? fmin(timeout, 86400.0) : 0.0;
    const double until = fb_clock_now().monotonic_seconds + limited;
    (void)fb__key_source_retain(source);
    fb__key_source_lock(source);
    bool waiting = true;
    while (ticket != 0 && source->schedule.ticket == ticket && waiting) {
        waiting = fb__condition_wait(&source->ended, &source->lock, until);
    }
    bool ended = source->schedule.ticket != ticket || ticket == 0;
    fb__key_source_unlock(source);
    fb__key_source_release(source);
    return ended;
}

/* It goes into a request header: only what RFC 9110 section 8.8.3 lets an ASCII etag hold. Others are not kept. A 304
 * need not repeat the etag (section 15.4.5 says it must; some do not). */
void fb__key_source_keep_etag(fb__key_source *source, fb_slice etag, bool not_modified)
{
    /* A set with a key that OpenSSL alone refused is worth reading again, so it must come again. */
    bool good = etag.data != NULL && etag.size > 0 && etag.size <= 256 && !source->keys->undecided;
    for (size_t i = 0; good && i < etag.size; i++) {
        good = etag.data[i] >= 0x21 && etag.data[i] < 0x7f;
    }
    if (good) {
        memcpy(source->etag, etag.data, etag.size);
        source->etag[etag.size] = '\0';
    } else if (!not_modified || source->keys->undecided) {
        source->etag[0] = '\0';
    }
}

/* Under the lock. */
static void fail(fb__key_source *source, double now, fb_slice url, fb_status status, const char *problem)
{
    set_error(source, url, status, problem);
    fb__schedule_fail(&source->schedule, now);
    end_flight(source);
}

fb__keyset *fb__key_source_swap_in(fb__key_source *source, fb__keyset *keys)
{
    fb__keyset *withdrawn = source->keys;
    source->keys = keys;
    fb__keyset_share_budget(keys, source->budget);
    keys->generation = ++source->generations;
    return withdrawn;
}

/* Under the lock. Leaves in response->keys what the new set replaces, to be released outside of it. */
static void apply_keys(fb__key_source *source, fb__response *response, double now, const fb_fetched *fetched)
{
    if (response->verdict == FB__REPLACED) {
        response->keys = fb__key_source_swap_in(source, response->keys);
    }
    fb__key_source_keep_etag(source, fetched->etag, fetched->http_status == 304);
    source->last_status = FB_OK;
    source->last_error[0] = '\0';
    fb__schedule_succeed(&source->schedule, now, response->lifetime,
                         fb__unknown_kids_answered(&source->unknown_kids, source->keys));
    end_flight(source);
}

/* URLs that were in use before are kept a while: a host that lost its flight to another may still be reading one. */
char *fb__key_source_move(fb__key_source *source, char *url)
{
    const fb_slice found = fb_text(url);
    if (source->jwks_uri.data != NULL && fb__slice_equal(source->jwks_uri, found)) {
        return url;
    }
    char *oldest = source->found[FB__FORMER_URIS - 1];
    memmove(source->found + 1, source->found, (FB__FORMER_URIS - 1) * sizeof(source->found[0]));
    source->found[0] = url;
    source->jwks_uri = found;
    source->etag[0] = '\0';
    return oldest;
}

/* Under the lock. Leaves in response->jwks_uri what is to be freed. */
static void follow(fb__key_source *source, fb__response *response, double now)
{
    source->document_read_at = now;
    source->step = FB__STEP_KEYS;
    response->jwks_uri = fb__key_source_move(source, response->jwks_uri);
}

/* Under the lock: gives out the step that the flight is in now, if there is time for it. */
static void go_on(fb__key_source *source, double now, fb_fetch *next)
{
    const double left = fb__schedule_time_left(&source->schedule, now);
    if (left == 0.0) {
        fail(source, now, fb__key_source_url(source), FB_KEYS_UNAVAILABLE, "discovery left no time to fetch this");
        return;
    }
    next->decision = FB_FETCH_NOW;
    next->ticket = source->schedule.ticket;
    next->timeout = left;
    next->max_bytes = source->http.max_bytes;
    offer(source, next);
}

/* Under the lock. */
static void pass_over(fb__key_source *source, double now, fb_fetch *next)
{
    const fb__discovery *discovery = &source->discovery;
    if (source->step + 1 < discovery->count) {
        source->step++;
        go_on(source, now, next);
        return;
    }
    char problem[96];
    (void)snprintf(problem, sizeof(problem), "none of its %zu well-known URLs has a metadata document",
                   discovery->count);
    fail(source, now, discovery->identifier, FB_KEYS_UNAVAILABLE, problem);
}

/* Under the lock. A server that cannot give the document now has not withdrawn it: keys are still where it said. */
static void do_without(fb__key_source *source, const fb__response *response, double now, fb_fetch *next)
{
    if (source->jwks_uri.data == NULL) {
        fail(source, now, fb__key_source_url(source), response->status, response->problem);
        return;
    }
    source->step = FB__STEP_KEYS;
    go_on(source, now, next);
}

/* Under the lock. */
static void abandon(fb__key_source *source)
{
    fb__schedule_abandon(&source->schedule);
    end_flight(source);
}

/* Under the lock. A set may have been imported since the response was compared with what was held: what confirms the
 * set before that one says nothing of it. */
static void reconsider(const fb__key_source *source, const fb__request_context *context, fb__response *response)
{
    if (response->verdict == FB__UNCHANGED && source->keys != context->keys) {
        response->verdict = response->keys == NULL ? FB__OVERTAKEN : FB__REPLACED;
    }
}

/* Under the lock. */
static void apply(fb__key_source *source, fb__response *response, double now, const fb_fetched *fetched, fb_fetch *next)
{
    switch (response->verdict) {
    case FB__REFUSED:
        fail(source, now, fb__key_source_url(source), response->status, response->problem);
        break;
    case FB__PASSED_OVER:
        pass_over(source, now, next);
        break;
    case FB__NOT_NOW:
        do_without(source, response, now, next);
        break;
    case FB__FOUND:
        follow(source, response, now);
        go_on(source, now, next);
        break;
    case FB__OVERTAKEN:
        abandon(source);
        break;
    default:
        apply_keys(source, response, now, fetched);
    }
}

/* The lock is held on success. */
static bool lock_flight(fb__key_source *source, uint64_t ticket)
{
    fb__key_source_lock(source);
    if (ticket != 0 && source->schedule.ticket == ticket) {
        return true;
    }
    fb__key_source_unlock(source);
    return false;
}

static fb_status given_up(fb_error *error)
{
    return fb__fail(error, FB_KEYS_UNAVAILABLE, "the fetch was given up");
}

static fb_status no_such_ticket(fb_error *error)
{
    return fb__fail(error, FB_CONFIGURATION_INVALID,
                    "there is no such fetch: it was completed, or has timed out and was taken over");
}

/* Under the lock. */
static fb_status report(const fb__key_source *source, double now, fb_error *error)
{
    if (source->last_status == FB_OK) {
        return fb__succeed(error);
    }
    (void)fb__fail(error, source->last_status, "%s", source->last_error);
    if (FB__HAS(error, retry_after)) {
        error->retry_after = fb__schedule_retry_after(&source->schedule, now);
    }
    return source->last_status;
}

/* Outside of the lock, by what was true under it. */
static void evaluate(fb__response *response, const fb__request_context *context, size_t step, const fb_fetched *fetched)
{
    if (step == FB__STEP_KEYS) {
        fb__response_evaluate(response, context, fetched);
    } else {
        fb__discovery_evaluate(response, context, fetched);
    }
}

/* The lock is held on success: nobody else has completed this step meanwhile. */
static bool lock_step(fb__key_source *source, uint64_t ticket, size_t step)
{
    if (!lock_flight(source, ticket)) {
        return false;
    }
    if (source->step == step) {
        return true;
    }
    fb__key_source_unlock(source);
    return false;
}

fb_status fb__key_source_complete(fb__key_source *source, uint64_t ticket, double now, const fb_fetched *fetched,
                                  fb_fetch *next, fb_error *error)
{
    fb__response response;
    fb_fetch unused, *following = next == NULL ? &unused : next;
    *following = (fb_fetch){.size = sizeof(*following), .decision = FB_FETCH_DONE};
    const bool has_response = !fetched->abandoned && fetched->failure.data == NULL;
    if (next == NULL && has_response && source->discovery.count > 0) {
        return fb__fail(error, FB_CONFIGURATION_INVALID, "next must be given: discovery takes several fetches");
    }
    if (!lock_flight(source, ticket)) {
        return no_such_ticket(error);
    }
    if (fetched->abandoned) {
        abandon(source);
        fb__key_source_unlock(source);
        return given_up(error);
    }
    const size_t step = source->step;
    fb__keyset *keys = source->keys == NULL ? NULL : fb__keyset_retain(source->keys);
    const uint64_t sent_for = source->etag_sent_for, held = keys == NULL ? 0 : keys->generation;
    const fb__request_context context = {.mem = &source->mem,
                                         .url = fb__key_source_url(source),
                                         .max_bytes = source->http.max_bytes,
                                         .keys = keys,
                                         .etag_sent = sent_for != 0 && sent_for == held,
                                         .overtaken = sent_for != 0 && sent_for != held,
                                         .discovery = &source->discovery};
    fb__key_source_unlock(source);

    evaluate(&response, &context, step, fetched);
    fb_status status;
    if (lock_step(source, ticket, step)) {
        reconsider(source, &context, &response);
        apply(source, &response, now, fetched, following);
        status = following->decision == FB_FETCH_NOW ? fb__succeed(error)
                 : response.verdict == FB__OVERTAKEN ? given_up(error)
                                                     : report(source, now, error);
        fb__key_source_unlock(source);
    } else {
        status = no_such_ticket(error);
    }
    fb__free(&source->mem, response.jwks_uri);
    fb__keyset_release(response.keys);
    fb__keyset_release(keys);
    return status;
}
