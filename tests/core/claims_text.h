/* What the tests of claims share: a payload as it stands after a verified signature, checked against the options of the
 * case at hand. */
#ifndef FB_TEST_CLAIMS_TEXT_H
#define FB_TEST_CLAIMS_TEXT_H

#include "setup_policy.h"
#include "test.h"
#include "verify/verify.h"

static const double NOW = 1000.0;

/* Options of the case at hand; NULL members as in SETUP_INIT. */
static struct setup options;
static fb_result *result;
static fb_error error = FB_ERROR_INIT;
static char claim[64];      /* error.claim, which belongs to the policy */
static fb_slice key_issuer; /* of the key that verified the case at hand */

static inline void start(void)
{
    options = (struct setup)SETUP_INIT;
    options.issuer.public_key = fb_text("a key");
    key_issuer = fb_text(NULL);
    options.policy.require_exp = false;
    options.policy.clock_skew = 0;
}

static inline fb_status check_at(const char *payload, double now)
{
    static char segment[20000];
    static fb__policy policy;
    fb_result_free(result);
    result = NULL;
    CHECK(setup_policy(&policy, &options, &error) == FB_OK);
    size_t size = fb__base64url_encode(payload, strlen(payload), segment);
    fb_status status = fb__result_new(&result, &fb__mem_default, (fb_slice){segment, size});
    if (status == FB_OK) {
        status = fb__claims_check(&policy, result, key_issuer, now, &error);
        CHECK(status == FB_OK || error.status == status);
        snprintf(claim, sizeof(claim), "%.*s", status == FB_OK ? 0 : (int)error.claim.size, error.claim.data);
    }
    fb__policy_clear(&policy); /* what the result says must not point into it */
    return status;
}

static inline fb_status check(const char *payload)
{
    return check_at(payload, NOW);
}

#define EXPECT(payload, wanted)                                                           \
    do {                                                                                  \
        fb_status got = check(payload);                                                   \
        test_checks++;                                                                    \
        if (got != (wanted)) {                                                            \
            FAIL("%s: %s, not %s", payload, fb_status_name(got), fb_status_name(wanted)); \
        }                                                                                 \
    } while (0)

static inline bool claim_is(const char *name)
{
    return strcmp(claim, name) == 0;
}

#endif
