/* What the tests that fetch over real sockets share: a plain C host with a verifier whose keys are tests/idp's. */
#ifndef FB_TEST_HOST_H
#define FB_TEST_HOST_H

#include "idp.h"
#include "keysets/http.h"
#include "setup.h"
#include "verify/verify.h"

static inline double now(void)
{
    return fb_clock_now().monotonic_seconds;
}

static inline fb_verifier *verifier_for(struct idp *idp, void (*change)(struct setup *))
{
    struct setup options = SETUP_INIT;
    fb_verifier *verifier = NULL;
    fb_error error = FB_ERROR_INIT;
    options.issuer.jwks_uri = fb_text(idp_text(idp, "jwks_uri"));
    options.issuer.ca_file = fb_text(idp_text(idp, "ca_file"));
    options.issuer.algorithms = FB_LIST(fb_text("ES256"));
    options.issuer.fetch_timeout = 1.0;
    if (change != NULL) {
        change(&options);
    }
    if (setup_verifier(&verifier, &options, &error) != FB_OK) {
        FAIL("%s", error.text);
        exit(1);
    }
    return verifier;
}

/* Keys are found by discovery. */
static inline void discovers(struct setup *options, struct idp *idp)
{
    static fb_slice identifiers[4];
    static unsigned next;
    fb_slice *identifier = &identifiers[next++ % 4];
    *identifier = fb_text(idp_text(idp, "issuer"));
    options->issuer.jwks_uri = (fb_slice){NULL, 0};
    options->issuer.identifiers = (fb_list){identifier, 1};
}

/* What a plain C program does with a token. */
static inline fb_status check(const fb_verifier *verifier, const char *token, fb_error *error)
{
    fb_result *result = NULL;
    fb_status status = fb_verify(verifier, token, strlen(token), fb_clock_now(), &result, error);
    if (status == FB_KEYS_NEEDED) {
        const uint64_t request = error->key_request;
        status = fb_verifier_refresh(verifier, SOLE_ISSUER, FB_REFRESH_TOKEN, request, error);
        CHECK(status == FB_OK || status == FB_KEYS_UNAVAILABLE);
        status = fb_verify_after_fetch(verifier, token, strlen(token), fb_clock_now(), request, &result, error);
    }
    fb_result_free(result);
    return status;
}

static inline char *mint(struct idp *idp, const char *arguments)
{
    return strdup(idp_token(idp, arguments));
}

/* A token whose key id nobody has, with a signature to match nothing. */
static inline void random_token(char *out, size_t size, unsigned number)
{
    char header[128], text[192];
    int length = snprintf(header, sizeof(header), "{\"alg\":\"ES256\",\"kid\":\"random-%u\"}", number);
    size_t used = fb__base64url_encode(header, (size_t)length, text);
    snprintf(out, size, "%.*s.e30.%085d%c", (int)used, text, 0, 'A');
}

#endif
