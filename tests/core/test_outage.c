/*
 * A provider that is gone for hours, with real sockets and a clock that the test sets: each refused connection costs no
 * time, so an hour passes in moments. Then what a child of a fork does while its parent fetches.
 */
#include "child.h"
#include "host.h"

static struct idp plain, secure;

/* A host that fetches for itself: the two halves, with libcurl between them. */
struct host {
    fb_verifier *verifier;
    double now;
    unsigned attempts;
};

static bool never(void *unused)
{
    (void)unused;
    return false;
}

static void fetch(struct host *host, fb_refresh_reason reason, uint64_t request)
{
    fb_fetch work = FB_FETCH_INIT;
    fb_fetched fetched;
    fb_error error = FB_ERROR_INIT;
    CHECK(fb_verifier_refresh_begin(host->verifier, SOLE_ISSUER, host->now, reason, request, &work, &error) == FB_OK);
    if (work.decision != FB_FETCH_NOW) {
        return;
    }
    const fb__http_options options = {.url = work.url, .timeout = work.timeout, .max_bytes = work.max_bytes};
    fb__http *http = fb__http_new(&fb__mem_default, &options, work.etag);
    host->attempts++;
    fb__http_get(http, never, NULL, &fetched);
    fb_status status =
        fb_verifier_refresh_complete(host->verifier, SOLE_ISSUER, work.ticket, host->now, &fetched, NULL, &error);
    CHECK(status == FB_OK || status == FB_KEYS_UNAVAILABLE);
    fb__http_free(http);
}

/* One request to the server; refreshes in the background are made on the spot. */
static fb_status serve(struct host *host, const char *token, fb_error *error)
{
    fb_result *result = NULL;
    fb_clock clock = {fb_clock_now().unix_seconds, host->now};
    fb_status status = fb_verify(host->verifier, token, strlen(token), clock, &result, error);
    if (status == FB_KEYS_NEEDED) {
        const uint64_t request = error->key_request;
        fetch(host, FB_REFRESH_TOKEN, request);
        status = fb_verify_after_fetch(host->verifier, token, strlen(token), clock, request, &result, error);
    }
    fb_result_free(result);
    if (fb_verifier_refresh_due(host->verifier, SOLE_ISSUER, host->now)) {
        fetch(host, FB_REFRESH_AHEAD, 0);
    }
    return status;
}

static void host_start(struct host *host)
{
    *host = (struct host){.verifier = verifier_for(&plain, NULL), .now = 1000.0};
}

static void host_end(struct host *host)
{
    fb_verifier_free(host->verifier);
}

TEST(fresh_keys_are_renewed_before_they_run_out)
{
    struct host host;
    fb_error error = FB_ERROR_INIT;
    fb_stats stats = FB_STATS_INIT;
    char *token = mint(&plain, "");
    host_start(&host);
    idp_ask(&plain, "/forget");
    for (; host.now < 1000.0 + 3000.0; host.now += 1.0) { /* ten times max-age */
        CHECK(serve(&host, token, &error) == FB_OK);
        CHECK(fb_verifier_stats(host.verifier, host.now, &stats, NULL) == FB_OK);
        CHECK(stats.keys_fresh);
    }
    CHECK(host.attempts >= 10 && host.attempts <= 14);
    CHECK(idp_number(&plain, "requests") == host.attempts);
    CHECK(stats.generation == 1 && stats.fetch_failures == 0);
    host_end(&host);
    free(token);
}

TEST(a_dead_provider_costs_nobody_a_request_for_an_hour)
{
    struct host host;
    fb_error error = FB_ERROR_INIT;
    fb_stats stats = FB_STATS_INIT;
    char *token = mint(&plain, "");
    unsigned served = 0, lost = 0;
    host_start(&host);
    CHECK(serve(&host, token, &error) == FB_OK);
    idp_ask(&plain, "/down");
    double end = host.now + 300.0 + 3600.0; /* max-age, then stale_if_error */
    for (; host.now < end; host.now += 1.0) {
        fb_status status = serve(&host, token, &error);
        served += status == FB_OK;
        lost += status != FB_OK;
    }
    printf("provider dead for %.0f s: %u requests served, %u lost, %u attempts to reach it\n", 3900.0, served, lost,
           host.attempts - 1);
    CHECK(lost == 0 && served == 3900);
    CHECK(host.attempts > 50 && host.attempts < 80); /* 1 s doubling to 60 s, over an hour */
    CHECK(fb_verifier_stats(host.verifier, host.now - 1.0, &stats, NULL) == FB_OK);
    CHECK(stats.keys_held && !stats.keys_fresh && stats.fetch_failures == host.attempts - 1);
    CHECK(strstr(stats.last_error, "refused") != NULL || strstr(stats.last_error, "connect") != NULL);

    /* Beyond that: 503 for the right reason, not 401, and not hammering. */
    unsigned before = host.attempts;
    for (int i = 0; i < 600; i++, host.now += 1.0) {
        CHECK(serve(&host, token, &error) == FB_KEYS_UNAVAILABLE);
        CHECK(fb_status_http(error.status) == 503 && error.retry_after <= 60.0);
    }
    CHECK(host.attempts - before >= 9 && host.attempts - before <= 12);

    /* And back, without anybody's help, within one back-off. */
    idp_ask(&plain, "/up");
    double up = host.now;
    while (serve(&host, token, &error) != FB_OK && host.now < up + 100.0) {
        host.now += 1.0;
    }
    printf("recovered %.0f s after the provider was back\n", host.now - up);
    CHECK(host.now <= up + 60.0);
    CHECK(fb_verifier_stats(host.verifier, host.now, &stats, NULL) == FB_OK);
    CHECK(stats.keys_fresh && stats.last_error[0] == '\0');
    host_end(&host);
    free(token);
}

TEST(a_rotation_during_an_outage_is_served_after_it)
{
    struct host host;
    fb_error error = FB_ERROR_INIT;
    char *old = mint(&plain, "");
    host_start(&host);
    CHECK(serve(&host, old, &error) == FB_OK);
    idp_ask(&plain, "/rotate");
    char *new = mint(&plain, "");
    idp_ask(&plain, "/down");
    for (int i = 0; i < 120; i++, host.now += 1.0) {
        CHECK(serve(&host, new, &error) == FB_KEYS_UNAVAILABLE); /* it may be good */
        CHECK(serve(&host, old, &error) == FB_OK);
    }
    CHECK(host.attempts == 1 + 7); /* after 0, 1, 3, 7, 15, 31 and 63 s */
    idp_ask(&plain, "/up");
    double up = host.now;
    while (serve(&host, new, &error) != FB_OK && host.now < up + 100.0) {
        host.now += 1.0;
    }
    CHECK(host.now <= up + 60.0);
    CHECK(serve(&host, old, &error) == FB_KEY_NOT_FOUND);
    host_end(&host);
    free(old);
    free(new);
}

/* Parent and child fetch by turns as if nothing had been; in the child the parent's thread does not exist. */
TEST(a_child_fetches_for_itself)
{
    char *token = mint(&secure, "");
    fb_verifier *verifier = verifier_for(&secure, NULL);
    fb_error error = FB_ERROR_INIT;
    idp_ask(&secure, "/forget");
    CHECK(check(verifier, token, &error) == FB_OK);
    for (int i = 0; i < 3; i++) {
        pid_t child = child_start();
        if (child == 0) {
            fb_status refreshed = fb_verifier_refresh(verifier, SOLE_ISSUER, FB_REFRESH_EXPLICIT, 0, &error);
            fb_status verified = check(verifier, token, &error);
            fb_verifier_free(verifier);
            child_end(refreshed == FB_OK && verified == FB_OK ? 0 : 1);
        }
        CHECK(child_wait(child) == 0);
        CHECK(fb_verifier_refresh(verifier, SOLE_ISSUER, FB_REFRESH_EXPLICIT, 0, &error) == FB_OK);
    }
    CHECK(idp_number(&secure, "requests") == 7);
    fb_verifier_free(verifier);
    free(token);
}

struct caller {
    fb_verifier *verifier;
    fb_status status;
};

static void *refresh(void *argument)
{
    struct caller *caller = argument;
    fb_error error = FB_ERROR_INIT;
    caller->status = fb_verifier_refresh(caller->verifier, SOLE_ISSUER, FB_REFRESH_EXPLICIT, 0, &error);
    return NULL;
}

/* The thread that fetches does not exist in the child; there, the next one fetches at once. */
TEST(a_fork_in_mid_fetch)
{
    fb_error error = FB_ERROR_INIT;
    struct caller caller = {verifier_for(&plain, NULL), FB_OK};
    pthread_t thread;
    idp_fault(&plain, "hang");
    idp_ask(&plain, "/forget");
    CHECK(pthread_create(&thread, NULL, refresh, &caller) == 0);
    while (idp_number(&plain, "requests") == 0) {
        /* until the fetch is under way */
    }
    idp_fault(&plain, NULL);
    pid_t child = child_start();
    if (child == 0) {
        fb_status refreshed = fb_verifier_refresh(caller.verifier, SOLE_ISSUER, FB_REFRESH_EXPLICIT, 0, &error);
        fb_verifier_free(caller.verifier);
        child_end(refreshed == FB_OK ? 0 : 1);
    }
    CHECK(child_wait(child) == 0);
    CHECK(pthread_join(thread, NULL) == 0 && caller.status == FB_KEYS_UNAVAILABLE);
    CHECK(fb_verifier_refresh(caller.verifier, SOLE_ISSUER, FB_REFRESH_EXPLICIT, 0, &error) == FB_OK);
    fb_verifier_free(caller.verifier);
}

int main(void)
{
    if (!idp_start_both(__FILE__, &plain, &secure)) {
        return TEST_RESULT();
    }
    RUN(fresh_keys_are_renewed_before_they_run_out);
    RUN(a_dead_provider_costs_nobody_a_request_for_an_hour);
    RUN(a_rotation_during_an_outage_is_served_after_it);
    RUN(a_child_fetches_for_itself);
    RUN(a_fork_in_mid_fetch);
    idp_stop(&plain);
    idp_stop(&secure);
    return TEST_RESULT();
}
