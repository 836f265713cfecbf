/*
 * The host for plain C programs: begin, fetch with libcurl or wait for who is fetching, complete. Blocks, and is the
 * only thing in the core that does. It reads the monotonic clock itself, since time passes while it works.
 */
#include "key_source.h"

#include <unistd.h>

static const char *const bundles[] = {
    "/etc/ssl/certs/ca-certificates.crt",                /* Debian, Alpine, Arch */
    "/etc/pki/tls/certs/ca-bundle.crt",                  /* Fedora, RHEL */
    "/etc/ssl/ca-bundle.pem",                            /* openSUSE */
    "/etc/pki/tls/cacert.pem",                           /* OpenELEC */
    "/etc/ssl/cert.pem",                                 /* macOS, BSD */
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", /* RHEL */
};

const char *fb_ca_bundle(void)
{
    for (size_t i = 0; i < sizeof(bundles) / sizeof(bundles[0]); i++) {
        if (access(bundles[i], R_OK) == 0) {
            return bundles[i];
        }
    }
    return NULL;
}

#ifdef FB_CURL

void fb__refresh_forget(fb__fetcher *fetcher)
{
    fb__fetcher_free(fetcher);
}

/* One is kept between two fetches, for its connection. Who takes over from a fetch that hangs makes its own. */
static fb__fetcher *take_fetcher(fb__key_source *source)
{
    fb__key_source_lock(source);
    fb__fetcher *fetcher = source->fetcher;
    source->fetcher = NULL;
    fb__key_source_unlock(source);
    if (fetcher == NULL && fb__fetcher_new(&fetcher, &source->mem, &source->fetching) != FB_OK) {
        return NULL;
    }
    return fetcher;
}

static void keep_fetcher(fb__key_source *source, fb__fetcher *fetcher)
{
    fb__key_source_lock(source);
    fb__fetcher *spare = source->fetcher;
    source->fetcher = fetcher;
    fb__key_source_unlock(source);
    fb__fetcher_free(spare);
}

static fb_status fetch_now(fb__key_source *source, const fb_fetch *fetch, fb_error *error)
{
    fb_fetched fetched = FB_FETCHED_INIT;
    fb__fetcher *fetcher = take_fetcher(source);
    if (fetcher == NULL) {
        fetched.failure = fb_text("out of memory");
    } else {
        fb__fetcher_get(fetcher, fetch, &fetched);
    }
    fb_status status =
        fb__key_source_complete(source, fetch->ticket, fb_clock_now().monotonic_seconds, &fetched, error);
    if (fetcher != NULL && status == FB_OK) {
        keep_fetcher(source, fetcher);
    } else {
        /* What a wrong answer left on its connection would be read as the next answer. */
        fb__fetcher_free(fetcher);
    }
    return status;
}

/* How it stands after somebody else's fetch, whose outcome is shared, or when none is allowed. */
static fb_status outcome(fb__key_source *source, bool shared, fb_error *error)
{
    double now = fb_clock_now().monotonic_seconds;
    fb__key_source_lock(source);
    bool usable = fb__schedule_usable(&source->schedule, now);
    double retry_after = fb__schedule_retry_after(&source->schedule, now);
    char text[sizeof(source->last_error)];
    memcpy(text, source->last_error, sizeof(text));
    fb__key_source_unlock(source);
    if (usable && !(shared && text[0] != '\0')) {
        return fb__succeed(error);
    }
    (void)fb__fail(error, FB_KEYS_UNAVAILABLE, "%s", text[0] == '\0' ? "the fetch takes too long" : text);
    if (FB__HAS(error, retry_after)) {
        error->retry_after = retry_after;
    }
    return FB_KEYS_UNAVAILABLE;
}

fb_status fb__key_source_refresh(fb__key_source *source, fb_refresh_reason reason, uint64_t key_request,
                                 fb_error *error)
{
    fb_fetch fetch;
    (void)fb__key_source_retain(source);
    fb_status status = fb__key_source_begin(source, fb_clock_now().monotonic_seconds, reason, key_request, &fetch);
    if (status != FB_OK) {
        (void)fb__fail(error, status, "reason must be token, ahead or explicit");
    } else if (fetch.decision == FB_FETCH_NOW) {
        status = fetch_now(source, &fetch, error);
    } else {
        if (fetch.decision == FB_FETCH_WAIT) {
            (void)fb__key_source_wait(source, fetch.ticket, fetch.timeout);
        }
        status = outcome(source, fetch.decision == FB_FETCH_WAIT, error);
    }
    fb__key_source_release(source);
    return status;
}

#else

void fb__refresh_forget(fb__fetcher *fetcher)
{
    (void)fetcher;
}

fb_status fb__key_source_refresh(fb__key_source *source, fb_refresh_reason reason, uint64_t key_request,
                                 fb_error *error)
{
    (void)source;
    (void)reason;
    (void)key_request;
    return fb__fail(error, FB_CONFIGURATION_INVALID,
                    "this build has no libcurl: fetch with refresh_begin and "
                    "refresh_complete");
}

#endif
