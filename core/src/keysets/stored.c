/*
 * Key sets kept between runs: what is held, as a host stores it, and what a host has stored, as if it had just been
 * fetched. Given whatever the store holds: nothing of it makes a set live longer than it would have where it was
 * fetched, and no text of it reaches an error. The host's clocks turn Unix seconds, which mean something in another
 * process, into the monotonic ones that schedule.c counts in.
 */
#include "cache_control.h"
#include "key_source.h"
#include "url.h"

#include <math.h>

/* How far the clocks of a fleet may be apart, and how much newer than what is held a set must be to be newer. */
static const double longest_skew = 30.0, newer_by = 1.0;

/* One for both kinds of source, so that neither can be taken for the other. */
bool fb__key_source_write_name(fb_slice jwks_uri, fb_slice identifier, char out[FB__SOURCE_NAME])
{
    FB__INSIDE_GATE;
    const bool discovers = identifier.data != NULL;
    const fb_slice text = discovers ? identifier : jwks_uri;
    unsigned char hash[32];
    EVP_MD_CTX *context;
    fb__openssl_errors errors;
    fb__openssl_begin(&errors);
    context = EVP_MD_CTX_new();
    const bool done = context != NULL && EVP_DigestInit_ex(context, EVP_sha256(), NULL) == 1 &&
                      EVP_DigestUpdate(context, discovers ? "i" : "u", 1) == 1 &&
                      EVP_DigestUpdate(context, text.data, text.size) == 1 &&
                      EVP_DigestFinal_ex(context, hash, NULL) == 1;
    EVP_MD_CTX_free(context);
    fb__openssl_end(&errors);
    if (done) {
        out[fb__base64url_encode(hash, sizeof(hash), out)] = '\0';
    }
    return done;
}

uint64_t fb__key_source_version(fb__key_source *source)
{
    fb__key_source_lock(source);
    const uint64_t version = source->schedule.succeeded;
    fb__key_source_unlock(source);
    return version;
}

/* ---- what is held ------------------------------------------------------------------------------------------------ */

struct fb_key_export {
    fb_mem mem;
    fb_stored_keys keys;
    fb__keyset *set; /* a reference: the document is its */
    char source[FB__SOURCE_NAME];
    char etag[sizeof(((fb_fetch *)NULL)->etag)];
    char jwks_uri[FB__MAX_URL];
};

/* Under the lock. False: nothing is held. */
static bool take(fb__key_source *source, fb_key_export *out, fb_clock clock)
{
    const fb__schedule *schedule = &source->schedule;
    if (source->keys == NULL) {
        return false;
    }
    out->set = fb__keyset_retain(source->keys);
    out->keys.document = (fb_slice){out->set->document, out->set->document_size};
    memcpy(out->source, source->name, sizeof(out->source));
    out->keys.source = fb_text(out->source);
    if (source->etag[0] != '\0') {
        memcpy(out->etag, source->etag, sizeof(out->etag));
        out->keys.etag = fb_text(out->etag);
    }
    if (source->discovery.count > 0 && source->jwks_uri.size < sizeof(out->jwks_uri)) {
        memcpy(out->jwks_uri, source->jwks_uri.data, source->jwks_uri.size);
        out->keys.jwks_uri = (fb_slice){out->jwks_uri, source->jwks_uri.size};
    }
    out->keys.fetched_at = clock.unix_seconds - clock.monotonic_seconds + schedule->fetched_at;
    out->keys.fresh_until = clock.unix_seconds - clock.monotonic_seconds + schedule->fresh_until;
    return true;
}

fb_status fb__key_source_export(fb__key_source *source, fb_clock clock, fb_key_export **out, fb_error *error)
{
    fb_key_export *held = fb__zalloc(&source->mem, sizeof(*held));
    *out = NULL;
    if (held == NULL) {
        return fb__out_of_memory(error);
    }
    held->mem = source->mem;
    held->keys = (fb_stored_keys)FB_STORED_KEYS_INIT;
    fb__key_source_lock(source);
    const bool taken = take(source, held, clock);
    fb__key_source_unlock(source);
    if (!taken) {
        fb_key_export_free(held);
        return fb__fail(error, FB_KEYS_UNAVAILABLE, "no key set is held");
    }
    *out = held;
    return fb__succeed(error);
}

const fb_stored_keys *fb_key_export_keys(const fb_key_export *held)
{
    return &held->keys;
}

void fb_key_export_free(fb_key_export *held)
{
    if (held != NULL) {
        const fb_mem mem = held->mem;
        fb__keyset_release(held->set);
        fb__free(&mem, held);
    }
}

/* ---- what was stored --------------------------------------------------------------------------------------------- */

/* A stored set, on its way in. */
struct import {
    double now, fetched_at, fresh_until; /* monotonic */
    fb_slice etag;
    fb__keyset *keys; /* a reference; NULL: not read */
    char *jwks_uri;   /* with discovery; NULL: none */
};

static fb_status refuse(fb_error *error, const char *problem)
{
    return fb__fail(error, FB_KEYS_UNAVAILABLE, "the stored key set %s", problem);
}

/* Its times, by this process's clocks. What is further in the future than clocks differ is nonsense, and believed it
 * would be fresh for as long as it likes. */
static fb_status read_times(const fb__key_source *source, fb_clock clock, const fb_stored_keys *stored,
                            struct import *out, fb_error *error)
{
    if (!isfinite(stored->fetched_at) || !isfinite(stored->fresh_until) || stored->fresh_until < stored->fetched_at) {
        return refuse(error, "has no times that could be right");
    }
    const double ahead = stored->fetched_at - clock.unix_seconds;
    if (ahead > longest_skew) {
        return refuse(error, "was fetched in the future");
    }
    const double lifetime = fmin(stored->fresh_until - stored->fetched_at, FB__LONGEST_FRESHNESS);
    out->now = clock.monotonic_seconds;
    out->fetched_at = out->now + fmin(ahead, 0.0);
    out->fresh_until = out->fetched_at + lifetime;
    return out->now < out->fresh_until + source->schedule.stale_if_error
               ? FB_OK
               : refuse(error, "is older than stale_if_error allows");
}

static fb_status check_source(const fb__key_source *source, const fb_stored_keys *stored, fb_error *error)
{
    if (!fb__slice_equal(stored->source, fb_text(source->name))) {
        return refuse(error, "is of another source");
    }
    return stored->document.size <= source->http.max_bytes ? FB_OK : refuse(error, "is larger than max_jwks_bytes");
}

/* Where it came from, which is where its etag means something. */
static fb_status read_jwks_uri(const fb__key_source *source, fb_slice url, struct import *out, fb_error *error)
{
    fb_error why = FB_ERROR_INIT;
    if (source->discovery.count == 0) {
        return FB_OK;
    }
    if (url.data == NULL) {
        out->etag = (fb_slice){NULL, 0};
        return FB_OK;
    }
    if (fb__discovery_check_url(&source->discovery, url, &why) != FB_OK) {
        return fb__fail(error, FB_KEYS_UNAVAILABLE, "the stored key set: %.180s", why.text);
    }
    out->jwks_uri = fb__alloc(&source->mem, url.size + 1);
    if (out->jwks_uri == NULL) {
        return fb__out_of_memory(error);
    }
    memcpy(out->jwks_uri, url.data, url.size);
    out->jwks_uri[url.size] = '\0';
    return FB_OK;
}

static fb_status read_keys(const fb__key_source *source, fb_slice document, struct import *out, fb_error *error)
{
    FB__INSIDE_GATE;
    fb_error why = FB_ERROR_INIT;
    fb_status status = fb__keyset_from_jwks(&out->keys, &source->mem, document, &why);
    if (status == FB_OK && !fb__keyset_keep_document(out->keys, document)) {
        status = FB_OUT_OF_MEMORY;
    }
    if (status == FB_OUT_OF_MEMORY) {
        return fb__out_of_memory(error);
    }
    return status == FB_OK ? FB_OK : fb__fail(error, FB_KEYS_UNAVAILABLE, "the stored key set: %.180s", why.text);
}

static bool is_newer(const fb__key_source *source, const struct import *import)
{
    return source->keys == NULL || import->fetched_at > source->schedule.fetched_at + newer_by;
}

/* Under the lock. same: they are the keys that are held. Leaves in import what is to be freed. */
static void apply(fb__key_source *source, struct import *import, bool same)
{
    if (!is_newer(source, import)) {
        return;
    }
    if (!same) {
        import->keys = fb__key_source_swap_in(source, import->keys);
    }
    if (import->jwks_uri != NULL) {
        import->jwks_uri = fb__key_source_move(source, import->jwks_uri);
    }
    fb__key_source_keep_etag(source, import->etag, false);
    fb__schedule_import(&source->schedule, import->now, import->fetched_at, import->fresh_until);
    fb__key_source_advertise(source);
}

static bool same_keys(const fb__keyset *held, const fb__keyset *keys)
{
    FB__INSIDE_GATE;
    return held != NULL && fb__keyset_same(held, keys);
}

/* Keys are compared outside of the lock, with those that are held then. False: others are held by now. */
static bool try_to_apply(fb__key_source *source, struct import *import)
{
    fb__keyset *held = fb__key_source_keys(source);
    const bool same = same_keys(held, import->keys);
    fb__key_source_lock(source);
    const bool still_held = source->keys == held;
    if (still_held) {
        apply(source, import, same);
    }
    fb__key_source_unlock(source);
    fb__keyset_release(held);
    return still_held;
}

static fb_status read_stored(fb__key_source *source, fb_clock clock, const fb_stored_keys *stored,
                             struct import *import, fb_error *error)
{
    fb_status status = check_source(source, stored, error);
    if (status == FB_OK) {
        status = read_times(source, clock, stored, import, error);
    }
    if (status == FB_OK) {
        status = read_jwks_uri(source, stored->jwks_uri, import, error);
    }
    return status == FB_OK ? read_keys(source, stored->document, import, error) : status;
}

fb_status fb__key_source_import(fb__key_source *source, fb_clock clock, const fb_stored_keys *stored, fb_error *error)
{
    struct import import = {.etag = stored->etag};
    const fb_status status = read_stored(source, clock, stored, &import, error);
    while (status == FB_OK && !try_to_apply(source, &import)) {
    }
    fb__free(&source->mem, import.jwks_uri);
    fb__keyset_release(import.keys);
    return status == FB_OK ? fb__succeed(error) : status;
}
