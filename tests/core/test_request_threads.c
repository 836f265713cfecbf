/* Equal requests that come at once: of all of them exactly one passes, whatever comes between; and what a child knows
 * of them. */
#include "child.h"
#include "proofs.h"

#include <openssl/crypto.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

static fb_error error = FB_ERROR_INIT;
static fb_string *by_key;
static fb_verifier *shared;

/* ---- a race --------------------------------------------------------------------------------- */

enum { THREADS = 8, REQUESTS = 2000 };
static fb_string *proofs[REQUESTS];
static atomic_uint passed[REQUESTS], ready[REQUESTS];

static void *race(void *argument)
{
    static const fb_clock clock = {1800000000.0, 1.0};
    (void)argument;
    for (int i = 0; i < REQUESTS; i++) {
        atomic_fetch_add(&ready[i], 1);
        while (atomic_load(&ready[i]) < THREADS) { /* all of them at once, each time */
            (void)sched_yield();
        }
        struct sent sent;
        fb_result *result = NULL;
        fb_error own = FB_ERROR_INIT;
        request_with(&sent, "DPoP", by_key, proofs[i]);
        const fb_status status = fb_verify_request(shared, &sent.request, clock, &result, NULL, &own);
        CHECK(status == FB_OK || status == FB_PROOF_REPLAYED);
        atomic_fetch_add(&passed[i], status == FB_OK);
        fb_result_free(result);
    }
    return NULL;
}

TEST(of_equal_requests_exactly_one_passes)
{
    pthread_t threads[THREADS];
    const fb_dpop options = FB_DPOP_INIT;
    const fb_proof_options proving = proof_base(by_key);
    shared = proofs_verifier(&options);
    for (int i = 0; i < REQUESTS; i++) {
        proofs[i] = proof_by(client, &proving);
    }
    for (int i = 0; i < THREADS; i++) {
        CHECK(pthread_create(&threads[i], NULL, race, NULL) == 0);
    }
    for (int i = 0; i < THREADS; i++) {
        CHECK(pthread_join(threads[i], NULL) == 0);
    }
    fb_stats stats = FB_STATS_INIT;
    CHECK(fb_verifier_stats(shared, 1.0, &stats, NULL) == FB_OK);
    CHECK(stats.verified == REQUESTS && stats.rejected == (THREADS - 1) * REQUESTS && stats.proof_keys == 1);
    for (int i = 0; i < REQUESTS; i++) {
        CHECK(passed[i] == 1);
    }
    const pid_t child = child_start();
    if (child == 0) {
        struct sent sent;
        fb_string *another = proof_by(client, &proving);
        request_with(&sent, "DPoP", by_key, proofs[0]);
        const bool known = verify_sent(shared, &sent, NOW, &error) == FB_PROOF_REPLAYED;
        request_with(&sent, "DPoP", by_key, another);
        child_end(known && verify_sent(shared, &sent, NOW, &error) == FB_OK);
    }
    CHECK(child_wait(child) == 1);
    for (int i = 0; i < REQUESTS; i++) {
        fb_string_free(proofs[i]);
    }
    fb_verifier_free(shared);
}

/* ---- between two steps ---------------------------------------------------------------------- */

/* OpenSSL's allocations in this thread, and at which of them another thread sends the same request. */
static _Thread_local long allocations, stop_at;
static struct sent sent;
static fb_status between;

static void *send_again(void *argument)
{
    fb_error own = FB_ERROR_INIT;
    (void)argument;
    between = verify_sent(shared, &sent, NOW, &own);
    return NULL;
}

static void *stopping_malloc(size_t size, const char *file, int line)
{
    pthread_t thread;
    (void)file;
    (void)line;
    if (++allocations == stop_at) {
        CHECK(pthread_create(&thread, NULL, send_again, NULL) == 0 && pthread_join(thread, NULL) == 0);
    }
    return malloc(size);
}

static void *plain_realloc(void *memory, size_t size, const char *file, int line)
{
    (void)file;
    (void)line;
    return realloc(memory, size);
}

static void plain_free(void *memory, const char *file, int line)
{
    (void)file;
    (void)line;
    free(memory);
}

/* What a request comes to whose client has been here before; at 0 nobody comes between. */
static fb_status stopped(bool with_nonce, long at, long *count)
{
    fb_dpop options = FB_DPOP_INIT;
    fb_proof_options proving = proof_base(by_key);
    char nonce[FB_NONCE_ROOM];
    options.nonce_secret = fb_text(with_nonce ? "0123456789abcdef0123456789abcdef" : NULL);
    shared = proofs_verifier(&options);
    CHECK(fb_verifier_nonce(shared, NOW, nonce) == with_nonce);
    proving.nonce = fb_text(with_nonce ? nonce : NULL);
    fb_string *first = proof_by(client, &proving), *second = proof_by(client, &proving);
    request_with(&sent, "DPoP", by_key, first);
    CHECK(verify_sent(shared, &sent, NOW, &error) == FB_OK);
    request_with(&sent, "DPoP", by_key, second);
    allocations = 0;
    stop_at = at;
    const fb_status status = verify_sent(shared, &sent, NOW, &error);
    stop_at = 0;
    *count = allocations;
    fb_string_free(first);
    fb_string_free(second);
    fb_verifier_free(shared);
    return status;
}

/* The nonce is checked between the look whether a proof is known and its insertion, and nothing is allocated behind
 * that: so the allocations that a nonce adds are the last ones, and at each of them the proof is still unknown. */
TEST(a_request_that_comes_between_look_and_insertion)
{
    long without, with, count;
    CHECK(stopped(false, 0, &without) == FB_OK);
    CHECK(stopped(true, 0, &with) == FB_OK && with > without);
    for (long at = without + 1; at <= with; at++) {
        between = FB_INTERNAL_ERROR;
        CHECK(stopped(true, at, &count) == FB_PROOF_REPLAYED && between == FB_OK);
    }
}

int main(void)
{
    /* Before anything else calls OpenSSL. */
    CHECK(CRYPTO_set_mem_functions(stopping_malloc, plain_realloc, plain_free) == 1);
    proofs_start("ES256");
    by_key = token_of(client_jkt);
    RUN(of_equal_requests_exactly_one_passes);
    RUN(a_request_that_comes_between_look_and_insertion);
    fb_string_free(by_key);
    proofs_end();
    return TEST_RESULT();
}
