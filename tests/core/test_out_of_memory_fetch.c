/*
 * Fetches without memory: every allocation of libcurl, OpenSSL, jansson and ours fails in turn, alone or with all that
 * come after it. A fetch that fails leaves the keys that are held, and the next one is as good as any.
 */
#include "failing.h"
#include "host.h"
#include "setup.h"

#include <dlfcn.h>

struct provider {
    struct idp idp;
    char *token;
};
static struct provider plain, secure;

static void *fetch_calloc(size_t count, size_t size)
{
    return failing_now() ? NULL : calloc(count, size);
}

static char *fetch_strdup(const char *text)
{
    return failing_now() ? NULL : strdup(text);
}

/* By name, as there are builds without libcurl. */
static bool install_in_curl(void)
{
    enum { EVERYTHING = 3 };
    int (*install)(long, void *(*)(size_t), void (*)(void *), void *(*)(void *, size_t), char *(*)(const char *),
                   void *(*)(size_t, size_t));
    void *symbol = dlsym(RTLD_DEFAULT, "curl_global_init_mem");
    memcpy(&install, &symbol, sizeof(install));
    return symbol != NULL &&
           install(EVERYTHING, failing_malloc, free, failing_realloc, fetch_strdup, fetch_calloc) == 0;
}

static void without_cache(struct setup *options)
{
    options->policy.mem = &failing_mem;
    options->policy.cache_size = 0;
    options->issuer.fetch_timeout = 10.0;
}

static void discovering(struct setup *options)
{
    without_cache(options);
    discovers(options, &plain.idp);
}

/* True: no allocation was left to fail. */
static bool fetch_under_failure(struct provider *provider, void (*change)(struct setup *), long at, bool all_after,
                                long *refused)
{
    const char *token = provider->token;
    fb_verifier *verifier = verifier_for(&provider->idp, change);
    fb_error error = FB_ERROR_INIT;
    if (at % 2 == 0) {
        CHECK(check(verifier, token, &error) == FB_OK);
    }
    failing_start(at, all_after);
    const fb_status status = fb_verifier_refresh(verifier, SOLE_ISSUER, FB_REFRESH_EXPLICIT, 0, &error);
    const bool reached = failing_stop();
    *refused += status != FB_OK;
    if (status != FB_OK && status != FB_KEYS_UNAVAILABLE && status != FB_OUT_OF_MEMORY) {
        FAIL("allocation %ld: %s: %s", at, fb_status_name(status), error.text);
    }
    if (at % 2 == 0 || status == FB_OK) {
        CHECK(check(verifier, token, &error) == FB_OK);
    }
    CHECK(fb_verifier_refresh(verifier, SOLE_ISSUER, FB_REFRESH_EXPLICIT, 0, &error) == FB_OK);
    CHECK(check(verifier, token, &error) == FB_OK);
    fb_verifier_free(verifier);
    return !reached;
}

static void each_allocation(struct provider *provider, void (*change)(struct setup *), long step)
{
    for (int all_after = 0; all_after < 2; all_after++) {
        long at = 0, refused = 0;
        /* With held keys, and without: that takes more steps by discovery. */
        while (!fetch_under_failure(provider, change, at, all_after, &refused) ||
               !fetch_under_failure(provider, change, at + 1, all_after, &refused)) {
            at += step;
        }
        CHECK(refused > 0);
        printf("%ld allocations, one in %ld, %ld fetches refused\n", at, step, refused);
    }
    CHECK(failing.balance == 0);
}

TEST(every_allocation_of_a_fetch_may_fail)
{
    each_allocation(&plain, without_cache, 1);
}

TEST(every_allocation_of_a_discovery_may_fail)
{
    each_allocation(&plain, discovering, 1);
}

/* A handshake makes thousands; those of each part of it come up. */
TEST(allocations_of_a_handshake_may_fail)
{
    each_allocation(&secure, without_cache, 17);
}

static bool start(struct provider *provider, const char *option)
{
    const bool started = idp_start(&provider->idp, option, NULL);
    provider->token = started ? mint(&provider->idp, "") : NULL;
    return started;
}

static void stop(struct provider *provider)
{
    free(provider->token);
    idp_stop(&provider->idp);
}

int main(void)
{
    failing_install();
    if (idp_python() == NULL || !install_in_curl()) {
        SKIP("no libcurl, or " IDP_MISSING);
        return TEST_RESULT();
    }
    if (!start(&plain, NULL) || !start(&secure, "--tls")) {
        FAIL("tests/idp does not start");
        return TEST_RESULT();
    }
    RUN(every_allocation_of_a_fetch_may_fail);
    RUN(every_allocation_of_a_discovery_may_fail);
    RUN(allocations_of_a_handshake_may_fail);
    stop(&plain);
    stop(&secure);
    return TEST_RESULT();
}
