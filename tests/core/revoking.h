/* What the tests of revocations share: a set whose allocations may be made to fail, tokens of any payload, and what is
 * said of them. */
#ifndef FB_TEST_REVOKING_H
#define FB_TEST_REVOKING_H

#include "failing.h"
#include "setup.h"
#include "status/status.h"

static const double NOW = 1800000000.0;
static const char SECRET[] = "an HMAC key of the issuer, 32 bytes or more";
static const char ISS[] = "https://issuer.example";
static fb_keypair *authority;

static inline fb_verifier *verifier_with(fb_revocations *set)
{
    struct setup setup = SETUP_INIT;
    fb_verifier *verifier = NULL;
    fb_error error = FB_ERROR_INIT;
    setup.issuer.secret = fb_text(SECRET);
    setup.policy.require_exp = false;
    setup.policy.revocations = set;
    if (setup_verifier(&verifier, &setup, &error) != FB_OK) {
        FAIL("%s", error.text);
    }
    return verifier;
}

/* A token with exactly this payload. */
static inline fb_string *token_of(const char *payload)
{
    fb_string *token = NULL;
    CHECK(fb_keypair_sign(authority, fb_text("{\"alg\":\"HS256\"}"), fb_text(payload), &token, NULL) == FB_OK);
    return token;
}

static inline fb_result *result_of(const char *payload)
{
    fb_verifier *verifier = verifier_with(NULL);
    fb_string *token = token_of(payload);
    const fb_slice text = fb_string_text(token);
    fb_result *result = NULL;
    CHECK(fb_verify(verifier, text.data, text.size, (fb_clock){NOW, 1.0}, &result, NULL) == FB_OK);
    fb_string_free(token);
    fb_verifier_free(verifier);
    return result;
}

static inline fb_revocations *make(size_t max_entries)
{
    fb_revocations *set = NULL;
    CHECK(fb_revocations_new(&set, max_entries, &failing_mem, NULL) == FB_OK);
    return set;
}

static inline fb_revocations_info info_of(fb_revocations *set)
{
    fb_revocations_info info = FB_REVOCATIONS_INFO_INIT;
    CHECK(fb_revocations_describe(set, &info));
    return info;
}

static inline fb_status add(fb_revocations *set, const char *issuer, const char *jti, double until)
{
    return fb_revocations_add(set, fb_text(issuer), fb_text(jti), until, NOW, NULL);
}

static inline fb_status add_subject(fb_revocations *set, const char *issuer, const char *subject, double before,
                                    double until)
{
    return fb_revocations_add_subject(set, fb_text(issuer), fb_text(subject), before, until, NOW, NULL);
}

/* What is said of a token with this payload; claim: error.claim must be this, NULL: nothing is. */
static inline fb_status ask_at(fb_revocations *set, const char *payload, double now, const char *claim)
{
    fb_result *result = result_of(payload);
    fb_error error = FB_ERROR_INIT;
    const fb_status status = fb_revocations_check(set, result, now, &error);
    CHECK(error.status == status);
    CHECK(status != FB_TOKEN_REVOKED || (claim != NULL && fb__slice_equal(error.claim, fb_text(claim))));
    fb_result_free(result);
    return status;
}

#define T1 "{\"iss\":\"https://issuer.example\",\"jti\":\"t1\",\"sub\":\"alice\",\"iat\":1799999990}"
#define T2 "{\"iss\":\"https://issuer.example\",\"jti\":\"t2\",\"sub\":\"alice\",\"iat\":1799999990}"

static inline void revoking_start(void)
{
    failing_install();
    failing.ours_alone = true;
    CHECK(fb_keypair_load(&authority, fb_text("HS256"), fb_text(SECRET), NULL, NULL) == FB_OK);
}

#endif
