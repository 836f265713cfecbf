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
static fb__fetcher *take_fetcher(fb__keyring *ring)
{
    fb__keyring_enter(ring);
    fb__fetcher *fetcher = ring->fetcher;
    ring->fetcher = NULL;
    fb__keyring_leave(ring);
    if (fetcher == NULL && fb__fetcher_new(&fetcher, &ring->mem, &ring->fetching) != FB_OK) {
        return NULL;
    }
    return fetcher;
}

static void keep_fetcher(fb__keyring *ring, fb__fetcher *fetcher)
{
    fb__keyring_enter(ring);
    fb__fetcher *spare = ring->fetcher;
    ring->fetcher = fetcher;
    fb__keyring_leave(ring);
    fb__fetcher_free(spare);
}

static fb_status fetch_now(fb__keyring *ring, const fb_fetch *fetch, fb_error *error)
{
    fb_fetched fetched = FB_FETCHED_INIT;
    fb__fetcher *fetcher = take_fetcher(ring);
    if (fetcher == NULL) {
        fetched.failure = fb_text("out of memory");
    } else {
        fb__fetcher_get(fetcher, fetch, &fetched);
    }
    fb_status status = fb__keyring_complete(ring, fetch->ticket, fb_clock_now().monotonic_seconds, &fetched, error);
    if (fetcher != NULL && status == FB_OK) {
        keep_fetcher(ring, fetcher);
    } else {
        /* What a wrong answer left on its connection would be read as the next answer. */
        fb__fetcher_free(fetcher);
    }
    return status;
}

/* How it stands after somebody else's fetch, whose outcome is shared, or when none is allowed. */
static fb_status outcome(fb__keyring *ring, bool shared, fb_error *error)
{
    double now = fb_clock_now().monotonic_seconds;
    fb__keyring_enter(ring);
    bool usable = fb__schedule_usable(&ring->schedule, now);
    double retry_after = fb__schedule_retry_after(&ring->schedule, now);
    char text[sizeof(ring->last_error)];
    memcpy(text, ring->last_error, sizeof(text));
    fb__keyring_leave(ring);
    if (usable && !(shared && text[0] != '\0')) {
        return fb__succeed(error);
    }
    (void)fb__fail(error, FB_KEYS_UNAVAILABLE, "%s", text[0] == '\0' ? "the fetch takes too long" : text);
    if (FB__HAS(error, retry_after)) {
        error->retry_after = retry_after;
    }
    return FB_KEYS_UNAVAILABLE;
}

fb_status fb__keyring_refresh(fb__keyring *ring, fb_refresh_reason reason, uint64_t key_request, fb_error *error)
{
    fb_fetch fetch;
    (void)fb__keyring_retain(ring);
    fb_status status = fb__keyring_begin(ring, fb_clock_now().monotonic_seconds, reason, key_request, &fetch);
    if (status != FB_OK) {
        (void)fb__fail(error, status, "reason must be token, ahead or explicit");
    } else if (fetch.decision == FB_FETCH_NOW) {
        status = fetch_now(ring, &fetch, error);
    } else {
        if (fetch.decision == FB_FETCH_WAIT) {
            (void)fb__keyring_wait(ring, fetch.ticket, fetch.timeout);
        }
        status = outcome(ring, fetch.decision == FB_FETCH_WAIT, error);
    }
    fb__keyring_release(ring);
    return status;
}

#else

void fb__refresh_forget(fb__fetcher *fetcher)
{
    (void)fetcher;
}

fb_status fb__keyring_refresh(fb__keyring *ring, fb_refresh_reason reason, uint64_t key_request, fb_error *error)
{
    (void)ring;
    (void)reason;
    (void)key_request;
    return fb__fail(error, FB_CONFIGURATION_INVALID,
                    "this build has no libcurl: fetch with refresh_begin and "
                    "refresh_complete");
}

#endif
