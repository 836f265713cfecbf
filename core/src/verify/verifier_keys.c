/*
 * The functions of hosts that fetch, which are the key source's of one issuer. Nothing here takes part in a
 * verification.
 */
#include "verify/verify.h"

#include <math.h>

static fb_status check_seconds(double monotonic_seconds, fb_error *error)
{
    return isfinite(monotonic_seconds)
               ? FB_OK
               : fb__fail(error, FB_CONFIGURATION_INVALID, "monotonic_seconds must be a finite number of seconds");
}

/* The issuer, for a new user, with a key source; NULL: error says why not. */
static fb__issuer *enter(const fb_verifier *verifier, uint64_t number, fb_error *error)
{
    fb__issuer *issuer = fb__verifier_issuer(verifier, number);
    if (issuer == NULL) {
        (void)fb__fail(error, FB_CONFIGURATION_INVALID, "issuer: there is none of this number (any more)");
        return NULL;
    }
    if (issuer->key_source == NULL) {
        fb__issuer_leave(issuer);
        (void)fb__fail(error, FB_CONFIGURATION_INVALID, "issuer: its keys are not fetched");
        return NULL;
    }
    return issuer;
}

/* What a host was told about a fetch stays where it is until it has completed it, even if the issuer goes. */
static void note_fetching(const fb_verifier *verifier, fb__issuer *issuer, bool fetching)
{
    if (fb__verifier_added(verifier, issuer)) {
        fb__resolving_fetching(verifier->resolving, issuer, fetching);
    }
}

static fb_status check_fetch(fb_fetch *out, fb_error *error)
{
    const fb_fetch fetch = FB_FETCH_INIT;
    return fb__fill(out, &fetch, sizeof(fetch))
               ? FB_OK
               : fb__fail(error, FB_CONFIGURATION_INVALID, "out must start from FB_FETCH_INIT");
}

fb_status fb_verifier_refresh_begin(const fb_verifier *verifier, uint64_t number, double monotonic_seconds,
                                    fb_refresh_reason reason, uint64_t key_request, fb_fetch *out, fb_error *error)
{
    fb_fetch fetch = FB_FETCH_INIT;
    fb_status status = check_seconds(monotonic_seconds, error);
    if (status == FB_OK) {
        status = check_fetch(out, error);
    }
    if (status != FB_OK) {
        return status;
    }
    fb__issuer *issuer = enter(verifier, number, error);
    if (issuer == NULL) {
        return FB_CONFIGURATION_INVALID;
    }
    status = fb__key_source_begin(issuer->key_source, monotonic_seconds, reason, key_request, &fetch, error);
    if (status == FB_OK) {
        (void)fb__fill(out, &fetch, sizeof(fetch));
        if (fetch.decision == FB_FETCH_NOW) {
            note_fetching(verifier, issuer, true);
        }
    }
    fb__issuer_leave(issuer);
    return status;
}

static fb_status check_completion(double monotonic_seconds, const fb_fetched *given, fb_fetch *next, fb_error *error)
{
    fb_fetch done = FB_FETCH_INIT;
    done.decision = FB_FETCH_DONE;
    if (next != NULL && !fb__fill(next, &done, sizeof(done))) {
        return fb__fail(error, FB_CONFIGURATION_INVALID, "next must start from FB_FETCH_INIT");
    }
    if (given->size == 0 || given->size > sizeof(*given)) {
        return fb__fail(error, FB_CONFIGURATION_INVALID, "fetched must start from FB_FETCHED_INIT");
    }
    return check_seconds(monotonic_seconds, error);
}

fb_status fb_verifier_refresh_complete(const fb_verifier *verifier, uint64_t number, uint64_t ticket,
                                       double monotonic_seconds, const fb_fetched *given, fb_fetch *next,
                                       fb_error *error)
{
    fb_fetch following = FB_FETCH_INIT;
    fb_fetched fetched = FB_FETCHED_INIT;
    fb_status status = check_completion(monotonic_seconds, given, next, error);
    if (status != FB_OK) {
        return status;
    }
    fb__issuer *issuer = enter(verifier, number, error);
    if (issuer == NULL) {
        return FB_CONFIGURATION_INVALID;
    }
    memcpy(&fetched, given, given->size);
    following.decision = FB_FETCH_DONE;
    status = fb__key_source_complete(issuer->key_source, ticket, monotonic_seconds, &fetched,
                                     next == NULL ? NULL : &following, error);
    if (next != NULL) {
        (void)fb__fill(next, &following, sizeof(following));
    }
    if (status != FB_CONFIGURATION_INVALID && following.decision != FB_FETCH_NOW) {
        note_fetching(verifier, issuer, false);
    }
    fb__issuer_leave(issuer);
    return status;
}

bool fb_verifier_refresh_wait(const fb_verifier *verifier, uint64_t number, uint64_t ticket, double timeout)
{
    fb__issuer *issuer = enter(verifier, number, NULL);
    if (issuer == NULL) {
        return true;
    }
    const bool ended = fb__key_source_wait(issuer->key_source, ticket, timeout);
    fb__issuer_leave(issuer);
    return ended;
}

bool fb_verifier_refresh_due(const fb_verifier *verifier, uint64_t number, double monotonic_seconds)
{
    fb__issuer *issuer = isfinite(monotonic_seconds) ? enter(verifier, number, NULL) : NULL;
    if (issuer == NULL) {
        return false;
    }
    const bool due = fb__key_source_due(issuer->key_source, monotonic_seconds);
    fb__issuer_leave(issuer);
    return due;
}

fb_status fb_verifier_refresh_start(const fb_verifier *verifier, uint64_t number, fb_refresh_reason reason,
                                    uint64_t key_request, fb_fetch *out, fb_error *error)
{
    fb_fetch fetch = FB_FETCH_INIT;
    fb_status status = check_fetch(out, error);
    if (status != FB_OK) {
        return status;
    }
    fb__issuer *issuer = enter(verifier, number, error);
    if (issuer == NULL) {
        return FB_CONFIGURATION_INVALID;
    }
    status = fb__key_source_start(issuer->key_source, reason, key_request, &fetch, error);
    if (status == FB_OK) {
        (void)fb__fill(out, &fetch, sizeof(fetch));
    }
    fb__issuer_leave(issuer);
    return status;
}

/* ---- key sets kept between runs -------------------------------------------------------------- */

uint64_t fb_verifier_keys_version(const fb_verifier *verifier, uint64_t number)
{
    fb__issuer *issuer = enter(verifier, number, NULL);
    if (issuer == NULL) {
        return 0;
    }
    const uint64_t version = fb__key_source_version(issuer->key_source);
    fb__issuer_leave(issuer);
    return version;
}

static fb_status check_clock(fb_clock clock, fb_error *error)
{
    return isfinite(clock.unix_seconds) && isfinite(clock.monotonic_seconds)
               ? FB_OK
               : fb__fail(error, FB_CONFIGURATION_INVALID, "clock must be finite numbers of seconds");
}

fb_status fb_verifier_export_keys(const fb_verifier *verifier, uint64_t number, fb_clock clock, fb_key_export **out,
                                  fb_error *error)
{
    *out = NULL;
    if (check_clock(clock, error) != FB_OK) {
        return FB_CONFIGURATION_INVALID;
    }
    fb__issuer *issuer = enter(verifier, number, error);
    if (issuer == NULL) {
        return FB_CONFIGURATION_INVALID;
    }
    const fb_status status = fb__key_source_export(issuer->key_source, clock, out, error);
    fb__issuer_leave(issuer);
    return status;
}

fb_status fb_verifier_import_keys(const fb_verifier *verifier, uint64_t number, fb_clock clock,
                                  const fb_stored_keys *given, fb_error *error)
{
    fb_stored_keys stored = FB_STORED_KEYS_INIT;
    if (given->size == 0 || given->size > sizeof(stored)) {
        return fb__fail(error, FB_CONFIGURATION_INVALID, "stored must start from FB_STORED_KEYS_INIT");
    }
    if (check_clock(clock, error) != FB_OK) {
        return FB_CONFIGURATION_INVALID;
    }
    fb__issuer *issuer = enter(verifier, number, error);
    if (issuer == NULL) {
        return FB_CONFIGURATION_INVALID;
    }
    memcpy(&stored, given, given->size);
    const fb_status status = fb__key_source_import(issuer->key_source, clock, &stored, error);
    fb__issuer_leave(issuer);
    return status;
}

/* ---- the whole refresh ----------------------------------------------------------------------- */

fb_status fb_verifier_refresh(const fb_verifier *verifier, uint64_t number, fb_refresh_reason reason,
                              uint64_t key_request, fb_error *error)
{
    fb__issuer *issuer = enter(verifier, number, error);
    if (issuer == NULL) {
        return FB_CONFIGURATION_INVALID;
    }
    const fb_status status = fb__key_source_refresh(issuer->key_source, reason, key_request, error);
    fb__issuer_leave(issuer);
    return status;
}
