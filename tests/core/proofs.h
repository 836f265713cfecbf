/*
 * A client with a key, an issuer that binds tokens to it, and the requests that both make. NOW is when everything
 * happens unless a test says otherwise.
 */
#ifndef FB_TEST_PROOFS_H
#define FB_TEST_PROOFS_H

#include "setup.h"
#include "test.h"

#include <stdio.h>
#include <string.h>

static const double NOW = 1800000000.0;
static const char URL[] = "https://api.example/mcp";
static const char SECRET[] = "an HMAC key of the issuer, 32 bytes or more";

static fb_keypair *authority, *client, *other_client;
static char client_jkt[64], other_jkt[64];

static inline void thumbprint_of(const fb_keypair *pair, char *out, size_t room)
{
    fb_string *text = NULL;
    CHECK(fb_keypair_thumbprint(pair, &text, NULL) == FB_OK);
    snprintf(out, room, "%s", fb_string_text(text).data);
    fb_string_free(text);
}

static inline void proofs_start(const char *algorithm)
{
    CHECK(fb_keypair_load(&authority, fb_text("HS256"), fb_text(SECRET), NULL, NULL) == FB_OK);
    CHECK(fb_keypair_generate(&client, fb_text(algorithm), 0, NULL, NULL) == FB_OK);
    CHECK(fb_keypair_generate(&other_client, fb_text(algorithm), 0, NULL, NULL) == FB_OK);
    thumbprint_of(client, client_jkt, sizeof(client_jkt));
    thumbprint_of(other_client, other_jkt, sizeof(other_jkt));
}

static inline void proofs_end(void)
{
    fb_keypair_free(authority);
    fb_keypair_free(client);
    fb_keypair_free(other_client);
}

/* A verifier for the issuer's tokens; dpop may be NULL. */
static inline fb_verifier *proofs_verifier(const fb_dpop *dpop)
{
    struct setup setup = SETUP_INIT;
    fb_verifier *verifier = NULL;
    fb_error error = FB_ERROR_INIT;
    setup.issuer.secret = fb_text(SECRET);
    setup.policy.dpop = dpop;
    if (setup_verifier(&verifier, &setup, &error) != FB_OK) {
        FAIL("%s", error.text);
    }
    return verifier;
}

/* A token that holds this cnf, as JSON; NULL: none. */
static inline fb_string *token_with(const char *cnf)
{
    char claims[1024] = "{}";
    fb_token_options options = FB_TOKEN_OPTIONS_INIT;
    fb_string *token = NULL;
    fb_error error = FB_ERROR_INIT;
    if (cnf != NULL) {
        snprintf(claims, sizeof(claims), "{\"cnf\":%s}", cnf);
    }
    options.subject = fb_text("alice");
    options.now = NOW;
    options.additional_claims = fb_text(claims);
    if (fb_keypair_create_token(authority, &options, &token, &error) != FB_OK) {
        FAIL("%s", error.text);
    }
    return token;
}

/* A token that is bound to this DPoP key. */
static inline fb_string *token_of(const char *jkt)
{
    char cnf[128];
    snprintf(cnf, sizeof(cnf), "{\"jkt\":\"%s\"}", jkt);
    return token_with(cnf);
}

static inline fb_proof_options proof_base(const fb_string *token)
{
    fb_proof_options options = FB_PROOF_OPTIONS_INIT;
    options.method = fb_text("POST");
    options.url = fb_text(URL);
    options.access_token = fb_string_text(token);
    options.now = NOW;
    return options;
}

static inline fb_string *proof_by(const fb_keypair *pair, const fb_proof_options *options)
{
    fb_string *proof = NULL;
    fb_error error = FB_ERROR_INIT;
    if (fb_keypair_dpop_proof(pair, options, &proof, &error) != FB_OK) {
        FAIL("%s", error.text);
    }
    return proof;
}

/* A request, and what it refers to. */
struct sent {
    fb_request request;
    fb_header headers[8];
    char authorization[20000];
};

/* With a token under this scheme, and a proof unless it is NULL. */
static inline void request_with(struct sent *out, const char *scheme, const fb_string *token, const fb_string *proof)
{
    memset(out, 0, sizeof(*out));
    const int size =
        snprintf(out->authorization, sizeof(out->authorization), "%s %s", scheme, fb_string_text(token).data);
    out->headers[0] = (fb_header){fb_text("host"), fb_text("api.example")};
    out->headers[1] = (fb_header){fb_text("authorization"), {out->authorization, (size_t)size}};
    out->request = (fb_request)FB_REQUEST_INIT;
    out->request.method = fb_text("POST");
    out->request.url = fb_text(URL);
    out->request.headers = out->headers;
    out->request.header_count = 2;
    if (proof != NULL) {
        out->headers[out->request.header_count++] = (fb_header){fb_text("dpop"), fb_string_text(proof)};
    }
}

__attribute__((unused)) static inline fb_status verify_sent(const fb_verifier *verifier, const struct sent *sent,
                                                            double now, fb_error *error)
{
    fb_result *result = NULL;
    const fb_status status = fb_verify_request(verifier, &sent->request, (fb_clock){now, 1.0}, &result, NULL, error);
    CHECK((result != NULL) == (status == FB_OK));
    fb_result_free(result);
    return status;
}

#endif
