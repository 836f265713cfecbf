/*
 * What the tests of several issuers share: key pairs, issuers that hold their public halves under one and the same key
 * id, and tokens that say who issued them.
 */
#ifndef FB_TEST_SEVERAL_H
#define FB_TEST_SEVERAL_H

#include "fastbearer.h"
#include "test.h"

static const double NOW = 1800000000.0;
static const fb_clock CLOCK = {1800000000.0, 1.0};
static fb_error error = FB_ERROR_INIT;

enum { PAIRS = 3, HMAC = 2 };
static fb_keypair *pairs[PAIRS]; /* ES256 twice, then HS256 */
static fb_string *documents[HMAC];

static inline void several_prepare(void)
{
    for (size_t i = 0; i < PAIRS; i++) {
        CHECK(fb_keypair_generate(&pairs[i], fb_text(i == HMAC ? "HS256" : "ES256"), 0, NULL, &error) == FB_OK);
        CHECK(i == HMAC || fb_keypair_jwks(pairs[i], fb_text("kid"), &documents[i], &error) == FB_OK);
    }
}

static inline void several_clear(void)
{
    for (size_t i = 0; i < PAIRS; i++) {
        fb_keypair_free(pairs[i]);
        if (i != HMAC) {
            fb_string_free(documents[i]);
        }
    }
}

/* identifier must outlive what is made of it. */
static inline fb_issuer issuer_of(size_t pair, const fb_slice *identifier)
{
    static const fb_slice es256 = {"ES256", 5};
    fb_issuer issuer = FB_ISSUER_INIT;
    issuer.identifiers = (fb_list){identifier, 1};
    if (pair == HMAC) {
        issuer.secret = fb_keypair_private_pem(pairs[HMAC]);
    } else {
        issuer.jwks = fb_string_text(documents[pair]);
        issuer.algorithms = (fb_list){&es256, 1};
    }
    return issuer;
}

static inline fb_issuer fetched_issuer(const fb_slice *identifier)
{
    fb_issuer issuer = issuer_of(0, identifier);
    issuer.jwks = (fb_slice){NULL, 0};
    issuer.jwks_uri = fb_text("https://keys.example/jwks?secret=swordfish");
    return issuer;
}

static inline fb_verifier *verifier_of(fb_options options, const fb_issuer *issuers, size_t count)
{
    fb_verifier *verifier = NULL;
    options.issuers = issuers;
    options.issuer_count = count;
    if (fb_verifier_new(&verifier, &options, &error) != FB_OK) {
        FAIL("%s", error.text);
        exit(1);
    }
    return verifier;
}

/* claims: more of them, or NULL. */
static inline fb_string *token_of(size_t pair, const char *iss, const char *claims)
{
    fb_token_options options = FB_TOKEN_OPTIONS_INIT;
    fb_string *token = NULL;
    options.subject = fb_text("alice");
    options.issuer = fb_text(iss);
    options.now = NOW;
    options.kid = fb_text("kid");
    options.additional_claims = fb_text(claims);
    CHECK(fb_keypair_create_token(pairs[pair], &options, &token, &error) == FB_OK);
    return token;
}

/* *issuer is the number of the issuer, whichever way it went. */
static inline fb_status verify_token(const fb_verifier *verifier, const fb_string *token, fb_clock clock,
                                     uint64_t *issuer)
{
    fb_result *result = NULL;
    const fb_slice text = fb_string_text(token);
    const fb_status status = fb_verify(verifier, text.data, text.size, clock, &result, &error);
    *issuer = status == FB_OK ? fb_result_issuer_number(result) : error.issuer;
    fb_result_free(result);
    return status;
}

/* The same for a token that nobody needs afterwards. */
static inline fb_status verify_new(const fb_verifier *verifier, size_t pair, const char *iss, const char *claims,
                                   uint64_t *issuer)
{
    fb_string *token = token_of(pair, iss, claims);
    const fb_status status = verify_token(verifier, token, CLOCK, issuer);
    fb_string_free(token);
    return status;
}

/* Hands this document to an issuer as if it had just been fetched. */
static inline fb_status publish(const fb_verifier *verifier, uint64_t issuer, fb_slice document, double now)
{
    fb_fetch fetch = FB_FETCH_INIT;
    fb_fetched fetched = FB_FETCHED_INIT;
    fb_status status = fb_verifier_refresh_begin(verifier, issuer, now, FB_REFRESH_EXPLICIT, 0, &fetch, &error);
    if (status != FB_OK) {
        return status;
    }
    CHECK(fetch.decision == FB_FETCH_NOW);
    fetched.http_status = 200;
    fetched.body = document;
    return fb_verifier_refresh_complete(verifier, issuer, fetch.ticket, now, &fetched, NULL, &error);
}

static inline fb_stats stats_of(const fb_verifier *verifier)
{
    fb_stats stats = FB_STATS_INIT;
    CHECK(fb_verifier_stats(verifier, CLOCK.monotonic_seconds, &stats, &error) == FB_OK);
    return stats;
}

#endif
