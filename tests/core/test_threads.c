/* One verifier, many threads: keys that rotate while tokens are verified and the cache turns over. For ThreadSanitizer.
 */
#include "setup.h"
#include "test.h"
#include "verify/verify.h"

enum { THREADS = 8, ROUNDS = 400, TOKENS = 24 };
static const double NOW = 1800000000.0;

static fb_keypair *pairs[2];
static fb_string *tokens[2][TOKENS];
static fb_verifier *verifier;
static atomic_uint accepted, refused, unexpected;

static void publish(unsigned which, double monotonic)
{
    fb_string *document = NULL;
    fb_fetch fetch = FB_FETCH_INIT;
    fb_error error = FB_ERROR_INIT;
    fb_fetched fetched = FB_FETCHED_INIT;
    CHECK(fb_keypair_jwks(pairs[which], fb_text(which == 0 ? "k0" : "k1"), &document, &error) == FB_OK);
    CHECK(fb_verifier_refresh_begin(verifier, SOLE_ISSUER, monotonic, FB_REFRESH_EXPLICIT, 0, &fetch, &error) == FB_OK);
    CHECK(fetch.decision == FB_FETCH_NOW);
    fetched.http_status = 200;
    fetched.body = fb_string_text(document);
    CHECK(fb_verifier_refresh_complete(verifier, SOLE_ISSUER, fetch.ticket, monotonic, &fetched, NULL, &error) ==
          FB_OK);
    fb_string_free(document);
}

static void *verify_all(void *argument)
{
    unsigned seed = (unsigned)(uintptr_t)argument;
    for (unsigned i = 0; i < ROUNDS * TOKENS; i++) {
        fb_slice token = fb_string_text(tokens[(i + seed) % 2][(i * 7 + seed) % TOKENS]);
        fb_result *result = NULL;
        fb_error error = FB_ERROR_INIT;
        switch (fb_verify(verifier, token.data, token.size, (fb_clock){NOW, 1.0}, &result, &error)) {
        case FB_OK:
            atomic_fetch_add(&accepted, 1);
            if (!fb__slice_equal(fb_result_subject(result), fb_text("alice"))) {
                atomic_fetch_add(&unexpected, 1);
            }
            break;
        case FB_KEY_NOT_FOUND:
        case FB_KEYS_NEEDED:
            atomic_fetch_add(&refused, 1);
            break;
        default:
            atomic_fetch_add(&unexpected, 1);
        }
        fb_result_free(result);
        if (i % 500 == 0) {
            fb_stats stats = FB_STATS_INIT;
            CHECK(fb_verifier_stats(verifier, 1.0, &stats, NULL) == FB_OK);
            fb_keys *keys = NULL;
            if (fb_verifier_keys(verifier, fb_clock_now(), &keys, NULL) != FB_OK || fb_keys_count(keys) != 1) {
                atomic_fetch_add(&unexpected, 1);
            }
            fb_keys_free(keys);
        }
    }
    return NULL;
}

TEST(keys_rotate_under_eight_threads)
{
    struct setup options = SETUP_INIT;
    options.issuer.jwks_uri = fb_text("https://issuer.example/jwks");
    options.issuer.algorithms = FB_LIST(fb_text("ES256"));
    options.policy.cache_size = 16; /* fewer than tokens, so that entries come and go */
    fb_error error = FB_ERROR_INIT;
    if (setup_verifier(&verifier, &options, &error) != FB_OK) {
        FAIL("%s", error.text);
        return;
    }
    publish(0, 1.0);
    pthread_t threads[THREADS];
    for (uintptr_t i = 0; i < THREADS; i++) {
        CHECK(pthread_create(&threads[i], NULL, verify_all, (void *)i) == 0);
    }
    for (unsigned i = 1; i < 200; i++) {
        publish(i % 2, 1.0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        CHECK(pthread_join(threads[i], NULL) == 0);
    }
    CHECK(atomic_load(&unexpected) == 0);
    CHECK(atomic_load(&accepted) > 0 && atomic_load(&refused) > 0);
    CHECK(atomic_load(&accepted) + atomic_load(&refused) == THREADS * ROUNDS * TOKENS);
    fb_verifier_free(verifier);
}

/* ---- two issuers ------------------------------------------------------------------------------ */

static fb_string *tokens_of[2];
static atomic_bool done;

/* The first issuer's keys rotate, the second's never: what is refused is only the first's. */
static void *verify_both(void *argument)
{
    (void)argument;
    for (unsigned i = 0; !atomic_load(&done); i++) {
        const fb_slice token = fb_string_text(tokens_of[i % 2]);
        fb_result *result = NULL;
        fb_error error = FB_ERROR_INIT;
        const fb_status status = fb_verify(verifier, token.data, token.size, (fb_clock){NOW, 1.0}, &result, &error);
        const uint64_t issuer = status == FB_OK ? fb_result_issuer_number(result) : error.issuer;
        const bool withdrawn = status == FB_KEY_NOT_FOUND || status == FB_KEYS_NEEDED;
        if (issuer != i % 2 + 1 || !(status == FB_OK || (withdrawn && issuer == 1))) {
            atomic_fetch_add(&unexpected, 1);
        }
        atomic_fetch_add(status == FB_OK ? &accepted : &refused, 1);
        fb_result_free(result);
    }
    return NULL;
}

TEST(keys_of_one_issuer_rotate_beside_another)
{
    const fb_slice names[] = {fb_text("https://a.example"), fb_text("https://b.example")};
    const fb_slice es256 = fb_text("ES256");
    fb_issuer issuers[] = {FB_ISSUER_INIT, FB_ISSUER_INIT};
    fb_options options = FB_OPTIONS_INIT;
    fb_token_options minting = FB_TOKEN_OPTIONS_INIT;
    pthread_t threads[THREADS];
    minting.now = NOW;
    minting.kid = fb_text("k0");
    for (size_t i = 0; i < 2; i++) {
        issuers[i].identifiers = (fb_list){&names[i], 1};
        issuers[i].algorithms = (fb_list){&es256, 1};
        minting.issuer = names[i];
        CHECK(fb_keypair_create_token(pairs[0], &minting, &tokens_of[i], NULL) == FB_OK);
    }
    issuers[0].jwks_uri = fb_text("https://a.example/jwks");
    issuers[1].public_key = fb_keypair_public_pem(pairs[0]);
    options.issuers = issuers;
    options.issuer_count = 2;
    CHECK(fb_verifier_new(&verifier, &options, NULL) == FB_OK);
    atomic_store(&accepted, 0);
    publish(0, 1.0);
    for (size_t i = 0; i < THREADS; i++) {
        CHECK(pthread_create(&threads[i], NULL, verify_both, NULL) == 0);
    }
    for (unsigned i = 1; i <= 200; i++) {
        publish(i % 2, 1.0);
    }
    atomic_store(&done, true);
    for (size_t i = 0; i < THREADS; i++) {
        CHECK(pthread_join(threads[i], NULL) == 0);
    }
    CHECK(atomic_load(&unexpected) == 0 && atomic_load(&accepted) > 0);
    fb_verifier_free(verifier);
    fb_string_free(tokens_of[0]);
    fb_string_free(tokens_of[1]);
}

int main(void)
{
    for (size_t p = 0; p < 2; p++) {
        CHECK(fb_keypair_generate(&pairs[p], fb_text("ES256"), 0, NULL, NULL) == FB_OK);
        for (size_t t = 0; t < TOKENS; t++) {
            fb_token_options options = FB_TOKEN_OPTIONS_INIT;
            char jti[32];
            snprintf(jti, sizeof(jti), "{\"jti\":\"%zu\"}", t);
            options.subject = fb_text("alice");
            options.now = NOW;
            options.kid = fb_text(p == 0 ? "k0" : "k1");
            options.additional_claims = fb_text(jti);
            CHECK(fb_keypair_create_token(pairs[p], &options, &tokens[p][t], NULL) == FB_OK);
        }
    }
    RUN(keys_rotate_under_eight_threads);
    RUN(keys_of_one_issuer_rotate_beside_another);
    for (size_t p = 0; p < 2; p++) {
        fb_keypair_free(pairs[p]);
        for (size_t t = 0; t < TOKENS; t++) {
            fb_string_free(tokens[p][t]);
        }
    }
    return TEST_RESULT();
}
