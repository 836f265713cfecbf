/* What a host calls with arguments that make no sense is refused by name, before anything is read or allocated. */
#include "setup.h"
#include "test.h"
#include "verify/verify.h"

#include <math.h>

static const char URI[] = "https://issuer.example/jwks";
static fb_error error = FB_ERROR_INIT;

static fb_verifier *behind_a_url(void)
{
    struct setup options = SETUP_INIT;
    fb_verifier *verifier = NULL;
    options.issuer.jwks_uri = fb_text(URI);
    CHECK(setup_verifier(&verifier, &options, &error) == FB_OK);
    return verifier;
}

static void expect(fb_status status, fb_status expected, const char *words)
{
    CHECK(status == expected && error.status == expected);
    if (strstr(error.text, words) == NULL) {
        FAIL("not the words \"%s\": %s", words, error.text);
    }
}

TEST(a_cache_beyond_all_bounds)
{
    struct setup options = SETUP_INIT;
    fb_verifier *verifier = NULL;
    options.issuer.jwks_uri = fb_text(URI);
    options.policy.cache_size = (size_t)1 << 31;
    expect(setup_verifier(&verifier, &options, &error), FB_CONFIGURATION_INVALID, "cache_size");
    CHECK(verifier == NULL);
}

TEST(structures_that_did_not_start_from_their_init)
{
    fb_verifier *verifier = behind_a_url();
    fb_fetch fetch = FB_FETCH_INIT;
    fb_fetched fetched = FB_FETCHED_INIT;
    CHECK(fb_verifier_refresh_begin(verifier, SOLE_ISSUER, 1.0, FB_REFRESH_EXPLICIT, 0, &fetch, &error) == FB_OK);
    fetched.size = 0;
    expect(fb_verifier_refresh_complete(verifier, SOLE_ISSUER, fetch.ticket, 1.0, &fetched, NULL, &error),
           FB_CONFIGURATION_INVALID, "FB_FETCHED_INIT");
    fetched.size = sizeof(fetched) + 8;
    expect(fb_verifier_refresh_complete(verifier, SOLE_ISSUER, fetch.ticket, 1.0, &fetched, NULL, &error),
           FB_CONFIGURATION_INVALID, "FB_FETCHED_INIT");
    fetched.size = sizeof(fetched); /* the ticket is still good */
    fetched.failure = fb_text("a failure");
    expect(fb_verifier_refresh_complete(verifier, SOLE_ISSUER, fetch.ticket, 1.0, &fetched, NULL, &error),
           FB_KEYS_UNAVAILABLE, "a failure");
    fb_verifier_free(verifier);
}

/* A program that was compiled against an older header has room for less, and gets no more than that. */
TEST(outputs_keep_to_the_size_that_the_caller_knows)
{
    fb_verifier *verifier = behind_a_url();
    fb_fetch fetch = FB_FETCH_INIT;
    fb_stats stats = FB_STATS_INIT;
    fetch.size = stats.size = 0;
    expect(fb_verifier_refresh_begin(verifier, SOLE_ISSUER, 1.0, FB_REFRESH_EXPLICIT, 0, &fetch, &error),
           FB_CONFIGURATION_INVALID, "FB_FETCH_INIT");
    expect(fb_verifier_stats(verifier, 1.0, &stats, &error), FB_CONFIGURATION_INVALID, "FB_STATS_INIT");
    memset(&fetch, 0x5a, sizeof(fetch));
    memset(&stats, 0x5a, sizeof(stats));
    fetch.size = offsetof(fb_fetch, timeout);
    stats.size = offsetof(fb_stats, rejected);
    CHECK(fb_verifier_stats(verifier, 1.0, &stats, &error) == FB_OK);
    CHECK(stats.verified == 0 && stats.rejected == 0x5a5a5a5a5a5a5a5a);
    CHECK(fb_verifier_refresh_begin(verifier, SOLE_ISSUER, 1.0, FB_REFRESH_EXPLICIT, 0, &fetch, &error) == FB_OK);
    CHECK(fetch.decision == FB_FETCH_NOW && fetch.ticket == 1 && fetch.max_bytes == 0x5a5a5a5a5a5a5a5a);
    stats.size = sizeof(stats) + 64; /* a newer header than this library */
    CHECK(fb_verifier_stats(verifier, 1.0, &stats, &error) == FB_OK && stats.fetches == 1);
    fb_verifier_free(verifier);
}

TEST(a_clock_that_is_no_number)
{
    static const double clocks[] = {NAN, INFINITY, -INFINITY};
    fb_verifier *verifier = behind_a_url();
    fb_fetch fetch = FB_FETCH_INIT;
    fb_fetched fetched = FB_FETCHED_INIT;
    fb_stats stats = FB_STATS_INIT;
    for (size_t i = 0; i < sizeof(clocks) / sizeof(clocks[0]); i++) {
        expect(fb_verifier_refresh_begin(verifier, SOLE_ISSUER, clocks[i], FB_REFRESH_EXPLICIT, 0, &fetch, &error),
               FB_CONFIGURATION_INVALID, "monotonic_seconds");
        expect(fb_verifier_refresh_complete(verifier, SOLE_ISSUER, 1, clocks[i], &fetched, NULL, &error),
               FB_CONFIGURATION_INVALID, "monotonic_seconds");
        expect(fb_verifier_stats(verifier, clocks[i], &stats, &error), FB_CONFIGURATION_INVALID, "monotonic_seconds");
        CHECK(!fb_verifier_refresh_due(verifier, SOLE_ISSUER, clocks[i]));
    }
    CHECK(fb_verifier_stats(verifier, 1.0, &stats, &error) == FB_OK && stats.fetches == 0);
    fb_verifier_free(verifier);
}

TEST(a_reason_that_does_not_exist)
{
    fb_verifier *verifier = behind_a_url();
    fb_fetch fetch = FB_FETCH_INIT;
    volatile int reason = 7; /* what another language may hand over */
    expect(fb_verifier_refresh_begin(verifier, SOLE_ISSUER, 1.0, (fb_refresh_reason)reason, 0, &fetch, &error),
           FB_CONFIGURATION_INVALID, "reason");
    expect(fb_verifier_refresh(verifier, SOLE_ISSUER, (fb_refresh_reason)reason, 0, &error), FB_CONFIGURATION_INVALID,
           "reason");
    fb_verifier_free(verifier);
}

/* Sizes are judged before the first byte is read: the text of these is shorter than they say. */
TEST(more_than_there_can_be)
{
    fb_unverified *unverified = NULL;
    fb_keypair *pair = NULL;
    fb_string *token = NULL;
    const fb_slice huge = {"x", (size_t)INT32_MAX};
    expect(fb_decode_unverified("a.b.c", FB__MAX_TOKEN + 1U, NULL, &unverified, &error), FB_TOKEN_TOO_LARGE, "");
    CHECK(unverified == NULL);
    CHECK(fb_keypair_generate(&pair, fb_text("HS256"), 0, NULL, &error) == FB_OK);
    expect(fb_keypair_sign(pair, huge, fb_text("{}"), &token, &error), FB_CONFIGURATION_INVALID, "too large");
    expect(fb_keypair_sign(pair, fb_text("{}"), huge, &token, &error), FB_CONFIGURATION_INVALID, "too large");
    CHECK(token == NULL);
    fb_keypair_free(pair);
}

static int depth, calls;

static void *before(void *context)
{
    CHECK(context == &depth && depth == 0);
    depth++;
    calls++;
    return &calls;
}

static void after(void *context, void *returned)
{
    CHECK(context == &depth && returned == &calls && depth == 1);
    depth--;
    calls++;
}

static int calls_for(const char *algorithm)
{
    struct setup options = SETUP_INIT;
    fb_token_options minting = FB_TOKEN_OPTIONS_INIT;
    fb_keypair *pair = NULL;
    fb_string *token = NULL;
    fb_verifier *verifier = NULL;
    fb_result *result = NULL;
    CHECK(fb_keypair_generate(&pair, fb_text(algorithm), 0, NULL, &error) == FB_OK);
    CHECK(fb_keypair_create_token(pair, &minting, &token, &error) == FB_OK);
    const fb_slice pem = fb_keypair_public_pem(pair), text = fb_string_text(token);
    options.issuer.public_key = pem;
    options.issuer.secret = pem.data == NULL ? fb_keypair_private_pem(pair) : options.issuer.secret;
    options.issuer.algorithms = FB_LIST(fb_text(algorithm));
    options.policy.before_signature = before;
    options.policy.signature_context = &depth;
    expect(setup_verifier(&verifier, &options, &error), FB_CONFIGURATION_INVALID, "after_signature");
    options.policy.after_signature = after;
    options.policy.cache_size = 0;
    CHECK(setup_verifier(&verifier, &options, &error) == FB_OK);
    calls = 0;
    CHECK(fb_verify(verifier, text.data, text.size, (fb_clock){1.0, 1.0}, &result, &error) == FB_OK);
    fb_result_free(result);
    char bad[1024];
    memcpy(bad, text.data, text.size);
    char *signature = memrchr(bad, '.', text.size);
    signature[1] = signature[1] == 'A' ? 'B' : 'A';
    CHECK(fb_verify(verifier, bad, text.size, (fb_clock){1.0, 1.0}, &result, &error) == FB_SIGNATURE_INVALID);
    CHECK(depth == 0);
    fb_verifier_free(verifier);
    fb_string_free(token);
    fb_keypair_free(pair);
    return calls;
}

/* A host lets its interpreter's lock go meanwhile; for an HMAC that costs more than the HMAC. */
TEST(a_public_key_signature_is_announced_and_an_hmac_is_not)
{
    CHECK(calls_for("ES256") == 4);
    CHECK(calls_for("HS256") == 0);
}

int main(void)
{
    RUN(a_cache_beyond_all_bounds);
    RUN(structures_that_did_not_start_from_their_init);
    RUN(outputs_keep_to_the_size_that_the_caller_knows);
    RUN(a_clock_that_is_no_number);
    RUN(a_reason_that_does_not_exist);
    RUN(more_than_there_can_be);
    RUN(a_public_key_signature_is_announced_and_an_hmac_is_not);
    return TEST_RESULT();
}
