/*
 * The thread that fetches: a resolver that hangs, a verifier that goes and a process that ends while it works. What can
 * hang or fail is this file's: libcurl's getaddrinfo, our wait for the network, and the start of a thread are found
 * here.
 */
#include "child.h"
#include "host.h"
#include "setup.h"

#include <curl/curl.h>
#include <dlfcn.h>
#include <netdb.h>
#include <time.h>

static struct idp secure;
static const double slack = 5.0; /* sanitizers and a busy machine; a hang would last for minutes */

static atomic_bool resolver_hangs, thread_hangs, no_threads;

static void pause_for(double seconds)
{
    const struct timespec span = {(time_t)seconds, (long)((seconds - (double)(time_t)seconds) * 1e9)};
    (void)nanosleep(&span, NULL);
}

__attribute__((visibility("default"))) int getaddrinfo(const char *restrict node, const char *restrict service,
                                                       const struct addrinfo *restrict hints,
                                                       struct addrinfo **restrict out)
{
    if (node != NULL && strcmp(node, "hang.invalid") == 0) {
        while (atomic_load(&resolver_hangs)) {
            pause_for(0.01);
        }
        return EAI_AGAIN;
    }
    int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **) = NULL;
    void *symbol = dlsym(RTLD_NEXT, "getaddrinfo");
    memcpy(&real, &symbol, sizeof(real));
    return real(node, service, hints, out);
}

/* A libcurl without a thread for names would hang in the middle of its work. */
CURLMcode curl_multi_poll(CURLM *multi, struct curl_waitfd *more, unsigned count, int milliseconds, int *ready)
{
    while (atomic_load(&thread_hangs)) {
        pause_for(0.01);
    }
    return curl_multi_wait(multi, more, count, milliseconds, ready);
}

bool fb__thread_start(void *(*run)(void *), void *argument)
{
    pthread_t thread;
    return !atomic_load(&no_threads) && pthread_create(&thread, NULL, run, argument) == 0 &&
           pthread_detach(thread) == 0;
}

/* Of the loopback addresses one may count as public. The jwks_uri of a metadata document may name another. */
static atomic_bool loopback_is_public;

bool fb__address_public_ipv4(const unsigned char bytes[4])
{
    return atomic_load(&loopback_is_public) && bytes[0] == 127 && bytes[3] == 1;
}

bool fb__address_public_ipv6(const unsigned char bytes[16])
{
    (void)bytes;
    return false;
}

static void hanging_name(struct setup *options)
{
    options->issuer.jwks_uri = fb_text("https://hang.invalid/jwks");
}

TEST(the_time_out_is_kept_while_the_resolver_hangs)
{
    fb_verifier *verifier = verifier_for(&secure, hanging_name);
    fb_error error = FB_ERROR_INIT;
    atomic_store(&resolver_hangs, true);
    for (int i = 0; i < 2; i++) {
        double start = now();
        CHECK(fb_verifier_refresh(verifier, SOLE_ISSUER, FB_REFRESH_EXPLICIT, 0, &error) == FB_KEYS_UNAVAILABLE);
        CHECK(now() - start >= 0.9 && now() - start < 1.0 + slack);
        CHECK(error.retry_after > 0.0 && strstr(error.text, "https://hang.invalid/jwks: ") == error.text);
    }
    double start = now();
    fb_verifier_free(verifier);
    CHECK(now() - start < slack);
    atomic_store(&resolver_hangs, false);
}

/* What a token of somebody else's choice costs while the resolver hangs: nothing of the time of known keys. */
TEST(a_cold_start_with_a_resolver_that_hangs)
{
    fb_verifier *verifier = verifier_for(&secure, hanging_name);
    fb_error error = FB_ERROR_INIT;
    char token[512];
    atomic_store(&resolver_hangs, true);
    random_token(token, sizeof(token), 1);
    double start = now();
    CHECK(check(verifier, token, &error) == FB_KEYS_UNAVAILABLE);
    CHECK(now() - start >= 0.9 && now() - start < 1.0 + slack);
    fb_verifier_free(verifier);
    atomic_store(&resolver_hangs, false);
}

struct work {
    fb_verifier *verifier;
    atomic_bool begun;
};

static void *fetch_all_the_time(void *argument)
{
    struct work *work = argument;
    fb_error error = FB_ERROR_INIT;
    for (;;) {
        atomic_store(&work->begun, true);
        if (fb_verifier_refresh(work->verifier, SOLE_ISSUER, FB_REFRESH_EXPLICIT, 0, &error) != FB_OK) {
            pause_for(0.001);
        }
    }
    return NULL;
}

static void exit_in_mid_fetch(double delay)
{
    static struct work work; /* the threads outlive this function */
    pthread_t threads[2];
    work.verifier = verifier_for(&secure, NULL);
    for (int i = 0; i < 2; i++) {
        if (pthread_create(&threads[i], NULL, fetch_all_the_time, &work) != 0) {
            _exit(2);
        }
    }
    while (!atomic_load(&work.begun)) {
        pause_for(0.0001);
    }
    pause_for(delay);
    *child_verdict = 0;
    exit(0);
}

/* OpenSSL's exit handler frees what a fetch works with, so the fetch is over before. */
TEST(the_process_may_end_at_any_moment)
{
    enum { EXITS = 300 };
    unsigned good = 0;
    for (unsigned i = 0; i < EXITS; i++) {
        pid_t child = child_start();
        if (child == 0) {
            exit_in_mid_fetch(i % 60 * 0.0002);
        }
        good += child_wait(child) == 0;
    }
    CHECK(good == EXITS);
}

TEST(the_process_ends_while_the_resolver_hangs)
{
    pid_t child = child_start();
    if (child == 0) {
        fb_verifier *verifier = verifier_for(&secure, hanging_name);
        fb_error error = FB_ERROR_INIT;
        atomic_store(&resolver_hangs, true);
        fb_status status = fb_verifier_refresh(verifier, SOLE_ISSUER, FB_REFRESH_EXPLICIT, 0, &error);
        *child_verdict = status == FB_KEYS_UNAVAILABLE ? 0 : 1;
        exit(0);
    }
    CHECK(child_wait(child) == 0);
}

/* Memory of a host's that is gone as soon as its verifier is. */
struct memory {
    atomic_long blocks;
    atomic_bool gone;
};

static void *allocate(void *context, size_t size)
{
    struct memory *memory = context;
    CHECK(!atomic_load(&memory->gone));
    atomic_fetch_add(&memory->blocks, 1);
    return malloc(size);
}

static void release(void *context, void *block)
{
    struct memory *memory = context;
    CHECK(!atomic_load(&memory->gone));
    atomic_fetch_sub(&memory->blocks, block != NULL);
    free(block);
}

/* A token's wait is over when the response comes: whoever frees the verifier then meets the thread at any point. */
static void *refuse_and_free(void *token)
{
    static struct memory memories[16];
    static atomic_uint used;
    struct memory *memory = &memories[atomic_fetch_add(&used, 1) % 16];
    const fb_mem mem = {allocate, release, memory};
    struct setup options = SETUP_INIT;
    fb_verifier *verifier = NULL;
    fb_error error = FB_ERROR_INIT;
    char unknown[512];
    atomic_store(&memory->gone, false);
    options.policy.mem = &mem;
    options.issuer.jwks_uri = fb_text(idp_text(&secure, "jwks_uri"));
    options.issuer.ca_file = fb_text(idp_text(&secure, "ca_file"));
    options.issuer.algorithms = FB_LIST(fb_text("ES256"));
    CHECK(setup_verifier(&verifier, &options, &error) == FB_OK);
    CHECK(check(verifier, token, &error) == FB_OK);
    random_token(unknown, sizeof(unknown), 1);
    fb_status status = check(verifier, unknown, &error);
    CHECK(status == FB_KEYS_UNAVAILABLE || status == FB_KEY_NOT_FOUND);
    fb_verifier_free(verifier);
    CHECK(atomic_load(&memory->blocks) == 0);
    atomic_store(&memory->gone, true);
    return NULL;
}

TEST(a_verifier_may_go_at_any_moment_of_its_fetch)
{
    enum { THREADS = 16 };
    pthread_t threads[THREADS];
    char *token = mint(&secure, "");
    idp_fault(&secure, "two_seconds");
    for (int i = 0; i < THREADS; i++) {
        CHECK(pthread_create(&threads[i], NULL, refuse_and_free, token) == 0);
    }
    for (int i = 0; i < THREADS; i++) {
        (void)pthread_join(threads[i], NULL);
    }
    idp_fault(&secure, NULL);
    free(token);
}

TEST(without_a_thread_there_is_no_fetch)
{
    fb_verifier *verifier = verifier_for(&secure, NULL);
    fb_error error = FB_ERROR_INIT;
    atomic_store(&no_threads, true);
    CHECK(fb_verifier_refresh(verifier, SOLE_ISSUER, FB_REFRESH_EXPLICIT, 0, &error) == FB_KEYS_UNAVAILABLE);
    CHECK(strstr(error.text, "no thread could be started") != NULL && error.retry_after > 0.0);
    atomic_store(&no_threads, false);
    CHECK(fb_verifier_refresh(verifier, SOLE_ISSUER, FB_REFRESH_EXPLICIT, 0, &error) == FB_OK);
    fb_verifier_free(verifier);
}

/* It is given up, and what it brings afterwards is not taken. */
TEST(the_time_out_is_kept_while_the_thread_hangs)
{
    fb_verifier *verifier = verifier_for(&secure, NULL);
    fb_error error = FB_ERROR_INIT;
    fb_stats stats = FB_STATS_INIT;
    atomic_store(&thread_hangs, true);
    double start = now();
    CHECK(fb_verifier_refresh(verifier, SOLE_ISSUER, FB_REFRESH_EXPLICIT, 0, &error) == FB_KEYS_UNAVAILABLE);
    CHECK(now() - start >= 1.0 && now() - start < 1.0 + slack);
    CHECK(strstr(error.text, "no complete response within 1 s") != NULL && error.retry_after > 0.0);
    atomic_store(&thread_hangs, false);
    CHECK(fb_verifier_refresh(verifier, SOLE_ISSUER, FB_REFRESH_EXPLICIT, 0, &error) == FB_OK);
    CHECK(fb_verifier_stats(verifier, now(), &stats, &error) == FB_OK);
    CHECK(stats.fetches == 2 && stats.fetch_failures == 1 && stats.generation == 1);
    fb_verifier_free(verifier);
}

static pthread_t first_thread;
static atomic_bool memory_waits;

static void *allocate_late(void *context, size_t size)
{
    (void)context;
    if (!pthread_equal(pthread_self(), first_thread) && !atomic_exchange(&memory_waits, true)) {
        pause_for(0.3);
    }
    return malloc(size);
}

static void release_late(void *context, void *block)
{
    (void)context;
    free(block);
}

static void late_memory(struct setup *options)
{
    static const fb_mem mem = {allocate_late, release_late, NULL};
    options->policy.mem = &mem;
}

/* The thread that fetches has the keys, and stops before it has handed them over. */
TEST(a_verifier_may_go_after_its_host_has_ended)
{
    pid_t child = child_start();
    if (child == 0) {
        first_thread = pthread_self();
        fb_verifier *verifier = verifier_for(&secure, late_memory);
        fb_fetch fetch = FB_FETCH_INIT;
        fb_status status = fb_verifier_refresh_start(verifier, SOLE_ISSUER, FB_REFRESH_EXPLICIT, 0, &fetch, NULL);
        while (status == FB_OK && !atomic_load(&memory_waits)) {
            pause_for(0.001);
        }
        fb_begin_exit();
        fb_verifier_free(verifier);
        child_end(status == FB_OK ? 0 : 1);
    }
    CHECK(child_wait(child) == 0);
}

/* ---- discovery: the second step is on the same thread */

static fb__key_source *discovering(bool ssrf_safe, double timeout)
{
    fb__key_source *source = NULL;
    fb_error error = FB_ERROR_INIT;
    fb_issuer issuer = FB_ISSUER_INIT;
    issuer.identifiers = FB_LIST(fb_text(idp_text(&secure, "issuer")));
    issuer.ca_file = fb_text(idp_text(&secure, "ca_file"));
    issuer.headers = FB_LIST(fb_text("X-Api-Key: swordfish"));
    issuer.fetch_timeout = timeout;
    issuer.ssrf_safe = ssrf_safe;
    if (fb__key_source_new(&source, &fb__mem_default, &issuer, &error) != FB_OK) {
        FAIL("%s", error.text);
        exit(1);
    }
    idp_ask(&secure, "/forget");
    return source;
}

TEST(ssrf_safe_holds_for_both_steps)
{
    fb_error error = FB_ERROR_INIT;
    fb__key_source *source = discovering(true, 1.0);
    atomic_store(&loopback_is_public, true);
    CHECK(fb__key_source_refresh(source, FB_REFRESH_EXPLICIT, 0, &error) == FB_OK);
    fb__key_source_release(source);
    source = discovering(true, 1.0);
    idp_ask(&secure, "/metadata?name=jwks_uri_private");
    CHECK(fb__key_source_refresh(source, FB_REFRESH_EXPLICIT, 0, &error) == FB_KEYS_UNAVAILABLE);
    CHECK(strstr(error.text, "https://127.0.0.2:") == error.text && strstr(error.text, "not public") != NULL);
    CHECK(idp_number(&secure, "requests") == 1);
    atomic_store(&loopback_is_public, false);
    idp_ask(&secure, "/good");
    fb__key_source_release(source);
}

static void *fetch_once(void *source)
{
    fb_error error = FB_ERROR_INIT;
    (void)fb__key_source_refresh(source, FB_REFRESH_EXPLICIT, 0, &error);
    return NULL;
}

/* Its key source goes while either step is under way, and nothing of it is used afterwards. */
TEST(a_key_source_may_go_during_both_steps)
{
    static const char *const faults[] = {"/metadata?name=two_seconds", "/fault?name=two_seconds"};
    for (unsigned i = 0; i < 2; i++) {
        fb__key_source *source = discovering(false, 60.0);
        fb_error error = FB_ERROR_INIT;
        fb_fetch fetch = FB_FETCH_INIT;
        idp_ask(&secure, faults[i]);
        CHECK(fb__key_source_start(source, FB_REFRESH_EXPLICIT, 0, &fetch, &error) == FB_OK);
        while (idp_number(&secure, "requests") <= i) {
            pause_for(0.001);
        }
        const double start = now();
        fb__key_source_release(source);
        CHECK(now() - start < slack);
        pause_for(0.2); /* the thread ends */
        CHECK(idp_number(&secure, "requests") == i + 1);
        idp_ask(&secure, "/good");
    }
}

TEST(the_next_step_is_made_by_many_threads_one_at_a_time)
{
    enum { THREADS = 16 };
    pthread_t threads[THREADS];
    fb__key_source *source = discovering(false, 60.0);
    idp_ask(&secure, "/metadata?name=late_header");
    for (int i = 0; i < THREADS; i++) {
        CHECK(pthread_create(&threads[i], NULL, fetch_once, source) == 0);
    }
    for (int i = 0; i < THREADS; i++) {
        (void)pthread_join(threads[i], NULL);
    }
    CHECK(fb__key_source_generation(source, now()) == 1);
    CHECK(idp_number(&secure, "requests") <= 3); /* a thread that comes late may find the flight over */
    idp_ask(&secure, "/good");
    fb__key_source_release(source);
}

TEST(discovery_keeps_the_time_out_while_the_thread_hangs)
{
    fb_error error = FB_ERROR_INIT;
    fb__key_source *source = discovering(false, 1.0);
    atomic_store(&thread_hangs, true);
    double start = now();
    CHECK(fb__key_source_refresh(source, FB_REFRESH_EXPLICIT, 0, &error) == FB_KEYS_UNAVAILABLE);
    CHECK(now() - start >= 1.0 && now() - start < 1.0 + slack);
    CHECK(strstr(error.text, "/.well-known/openid-configuration: no complete response within 1 s") != NULL);
    atomic_store(&thread_hangs, false);
    CHECK(fb__key_source_refresh(source, FB_REFRESH_EXPLICIT, 0, &error) == FB_OK);
    fb__key_source_release(source);
}

static void exit_during_discovery(double delay)
{
    fb__key_source *source = discovering(false, 60.0);
    fb_error error = FB_ERROR_INIT;
    fb_fetch fetch = FB_FETCH_INIT;
    if (fb__key_source_start(source, FB_REFRESH_EXPLICIT, 0, &fetch, &error) != FB_OK) {
        _exit(2);
    }
    pause_for(delay);
    *child_verdict = 0;
    exit(0);
}

TEST(the_process_may_end_between_the_steps)
{
    enum { EXITS = 100 };
    unsigned good = 0;
    for (unsigned i = 0; i < EXITS; i++) {
        pid_t child = child_start();
        if (child == 0) {
            exit_during_discovery(i % 50 * 0.0004);
        }
        good += child_wait(child) == 0;
    }
    CHECK(good == EXITS);
}

int main(void)
{
    if (idp_python() == NULL) {
        SKIP("no Python with the cryptography package was found to run tests/idp");
        return TEST_RESULT();
    }
    if (!idp_start(&secure, "--tls", NULL)) {
        FAIL("tests/idp does not start");
        return TEST_RESULT();
    }
    RUN(the_process_may_end_at_any_moment); /* first: a child of a process without threads may do what it likes */
    RUN(the_process_may_end_between_the_steps);
    RUN(the_process_ends_while_the_resolver_hangs);
    RUN(a_verifier_may_go_after_its_host_has_ended);
    RUN(without_a_thread_there_is_no_fetch);
    RUN(the_time_out_is_kept_while_the_resolver_hangs);
    RUN(the_time_out_is_kept_while_the_thread_hangs);
    RUN(a_cold_start_with_a_resolver_that_hangs);
    RUN(a_verifier_may_go_at_any_moment_of_its_fetch);
    RUN(ssrf_safe_holds_for_both_steps);
    RUN(a_key_source_may_go_during_both_steps);
    RUN(the_next_step_is_made_by_many_threads_one_at_a_time);
    RUN(discovery_keeps_the_time_out_while_the_thread_hangs);
    idp_stop(&secure);
    return TEST_RESULT();
}
