/*
 * A request as a whole: its credential, the token, and whether the sender may use it. Each step is another file's. What
 * a token is bound to is checked on every request, whether the token comes from the cache or not.
 */
#include "proof/proof.h"

#include <math.h>

static const fb_slice cnf_name = {"cnf", 3};

/* Who sent a token. */
struct sender {
    const fb_verifier *verifier;
    const fb_request *request;
    fb__credential credential;
    double now;
    fb_proof remember;
};

static fb_status complete(fb_request *out, const fb_request *given, fb_error *error)
{
    if (given->size == 0 || given->size > sizeof(*out)) {
        return fb__fail(error, FB_CONFIGURATION_INVALID, "request must start from FB_REQUEST_INIT");
    }
    memcpy(out, given, given->size);
    return FB_OK;
}

/* ---- the sender ----------------------------------------------------------------------------- */

static fb_status check_certificate(const struct sender *sender, const fb_result *result, fb_error *error)
{
    unsigned char hash[FB__THUMBPRINT];
    if (!result->has_certificate_hash) {
        return FB_OK;
    }
    if (sender->request->client_certificate.data == NULL) {
        return fb__reject(error, FB_PROOF_MISSING, cnf_name);
    }
    const fb_status status = fb__certificate_hash(sender->request->client_certificate, hash);
    if (status != FB_OK) {
        return status == FB_PROOF_INVALID ? fb__fail(error, status, "the client certificate cannot be read")
                                          : fb__reject(error, status, (fb_slice){NULL, 0});
    }
    return memcmp(hash, result->certificate_hash, sizeof(hash)) == 0 ? FB_OK
                                                                     : fb__reject(error, FB_PROOF_MISMATCH, cnf_name);
}

static fb_status check_proof(struct sender *sender, const fb_result *result, fb_error *error)
{
    const fb__credential *credential = &sender->credential;
    if (credential->proof_count == 0) {
        return fb__reject(error, FB_PROOF_MISSING, cnf_name);
    }
    if (credential->proof_count > 1) {
        return fb__fail(error, FB_PROOF_INVALID, "there is more than one DPoP header");
    }
    const fb__proof_request request = {.verifier = sender->verifier,
                                       .method = sender->request->method,
                                       .url = sender->request->url,
                                       .token = credential->token,
                                       .thumbprint = result->jkt,
                                       .now = sender->now};
    return fb__dpop_check(sender->verifier->dpop, &request, credential->proof, &sender->remember, error);
}

/* The proof comes last: it is used up when it is accepted. */
static fb_status check_sender(void *context, const fb_result *result, fb_error *error)
{
    struct sender *sender = context;
    const bool ignored = result->issuer->policy.ignores_confirmation;
    if (!sender->credential.is_dpop) {
        return sender->verifier->requires_dpop || (result->has_jkt && !ignored)
                   ? fb__reject(error, FB_PROOF_MISSING, cnf_name)
                   : check_certificate(sender, result, error);
    }
    if (!result->has_jkt) {
        return fb__reject(error, FB_PROOF_MISMATCH, cnf_name);
    }
    const fb_status status = check_certificate(sender, result, error);
    return status == FB_OK ? check_proof(sender, result, error) : status;
}

/* ---- the request ---------------------------------------------------------------------------- */

/* What the host itself has to bring: its mistakes are not the client's. */
static fb_status check_host(const fb_verifier *verifier, const struct sender *sender, const fb_proof *proof,
                            fb_error *error)
{
    const fb_request *request = sender->request;
    if (verifier->dpop != NULL && verifier->dpop->replay == NULL && (proof == NULL || proof->size < sizeof(*proof))) {
        return fb__fail(error, FB_CONFIGURATION_INVALID,
                        "proof must start from FB_PROOF_INIT, since the host remembers proofs");
    }
    if (!sender->credential.is_dpop) {
        return FB_OK;
    }
    if (request->method.size == 0) {
        return fb__fail(error, FB_CONFIGURATION_INVALID, "request.method must be given for DPoP");
    }
    return request->url.size == 0 || request->url.data[0] == '/'
               ? fb__fail(error, FB_CONFIGURATION_INVALID, "request.url must be absolute for DPoP")
               : FB_OK;
}

static fb_status read_request(const fb_verifier *verifier, struct sender *sender, const fb_proof *proof,
                              fb_error *error)
{
    const fb_status status = fb__credential_find(sender->request, verifier->dpop != NULL, &sender->credential, error);
    return status == FB_OK ? check_host(verifier, sender, proof, error) : status;
}

static fb_status verify(const fb_verifier *verifier, const fb_request *given, fb__question question, fb_result **out,
                        fb_proof *proof, fb_error *error)
{
    fb_request request = FB_REQUEST_INIT;
    struct sender sender = {
        .verifier = verifier, .request = &request, .now = question.clock.unix_seconds, .remember = FB_PROOF_INIT};
    *out = NULL;
    fb_status status = complete(&request, given, error);
    if (status == FB_OK) {
        status = read_request(verifier, &sender, proof, error);
    }
    if (status != FB_OK) {
        fb__verifier_count(verifier, NULL, status);
        return status;
    }
    question.token = sender.credential.token;
    question.check_sender = check_sender;
    question.context = &sender;
    status = fb__verify(verifier, &question, out, error);
    if (proof != NULL) {
        (void)fb__fill(proof, &sender.remember, sizeof(sender.remember));
    }
    return status;
}

fb_status fb_verify_request(const fb_verifier *verifier, const fb_request *request, fb_clock clock, fb_result **out,
                            fb_proof *proof, fb_error *error)
{
    return verify(verifier, request, (fb__question){.clock = clock}, out, proof, error);
}

fb_status fb_verify_request_after_fetch(const fb_verifier *verifier, const fb_request *request, fb_clock clock,
                                        uint64_t key_request, fb_result **out, fb_proof *proof, fb_error *error)
{
    return verify(verifier, request, (fb__question){.clock = clock, .after_fetch = true, .key_request = key_request},
                  out, proof, error);
}

fb_status fb_verify_request_introspected(const fb_verifier *verifier, uint64_t issuer, const fb_request *request,
                                         fb_clock clock, const fb_introspection *given, fb_result **out,
                                         fb_proof *proof, fb_error *error)
{
    fb__introspected introspected;
    *out = NULL;
    const fb_status status = fb__introspected_complete(&introspected, issuer, given, error);
    return status == FB_OK ? verify(verifier, request, (fb__question){.clock = clock, .introspected = &introspected},
                                    out, proof, error)
                           : status;
}

fb_status fb_request_token(const fb_verifier *verifier, const fb_request *given, fb_slice *out, fb_error *error)
{
    fb_request request = FB_REQUEST_INIT;
    fb__credential credential;
    *out = (fb_slice){NULL, 0};
    fb_status status = complete(&request, given, error);
    if (status == FB_OK) {
        status = fb__credential_find(&request, verifier->dpop != NULL, &credential, error);
    }
    if (status != FB_OK) {
        return status;
    }
    *out = credential.token;
    return fb__succeed(error);
}

bool fb_verifier_nonce(const fb_verifier *verifier, double unix_seconds, char out[FB_NONCE_ROOM])
{
    FB__INSIDE_GATE;
    out[0] = '\0';
    return verifier->dpop != NULL && verifier->dpop->nonce_secret.data != NULL &&
           fb__nonce_make(verifier->dpop->nonce_secret, unix_seconds, out);
}
