/*
 * The functions of hosts that add issuers while a verifier is in use, of their own accord or because a token asked for
 * one. What makes an issuer is the same as for the options; which there are is resolving.c's to say.
 */
#include "verify/resolving.h"

#include <math.h>

static fb_status check_resolves(const fb_verifier *verifier, fb_error *error)
{
    return verifier->resolving != NULL
               ? FB_OK
               : fb__fail(error, FB_CONFIGURATION_INVALID, "only a verifier with resolves_issuers takes more issuers");
}

static fb_status check_seconds(double monotonic_seconds, fb_error *error)
{
    return isfinite(monotonic_seconds)
               ? FB_OK
               : fb__fail(error, FB_CONFIGURATION_INVALID, "monotonic_seconds must be a finite number of seconds");
}

/* ---- adding ---------------------------------------------------------------------------------- */

/* hash is set when all is well. */
static fb_status check_identifier(const fb_verifier *verifier, const fb__issuer *issuer, uint64_t hash[2],
                                  fb_error *error)
{
    const fb__policy *policy = &issuer->policy;
    if (policy->identifier_count != 1 || fb__identifier_is_template(&policy->identifiers[0])) {
        return fb__fail(error, FB_CONFIGURATION_INVALID,
                        "issuer: one that is added must have exactly one identifier, and no template");
    }
    const fb_slice identifier = fb__issuer_identifier(issuer);
    if (identifier.size >= FB_IDENTIFIER_ROOM) {
        return fb__fail(error, FB_CONFIGURATION_INVALID, "issuer: the identifier is longer than %d bytes",
                        FB_IDENTIFIER_ROOM - 1);
    }
    fb__issuers_hash(&verifier->issuers, identifier, hash);
    return fb__issuers_find_exact(&verifier->issuers, hash, identifier) == NULL
               ? FB_OK
               : fb__fail(error, FB_CONFIGURATION_INVALID, "issuer: the options have one with this identifier");
}

/* An issuer without a number, of one user. */
static fb_status make(const fb_verifier *verifier, const fb_issuer *given, fb__issuer **out, uint64_t hash[2],
                      fb_error *error)
{
    FB__INSIDE_GATE;
    fb_issuer complete;
    *out = NULL;
    fb_status status = fb__issuer_complete(&complete, given, given->size, error);
    if (status == FB_OK) {
        status = fb__issuer_new(out, &verifier->mem, verifier->base, &complete, NULL, 0, error);
    }
    if (status != FB_OK) {
        return status;
    }
    fb__issuer_share_budget(*out, verifier->budget);
    status = check_identifier(verifier, *out, hash, error);
    if (status != FB_OK) {
        fb__issuer_leave(*out);
        *out = NULL;
    }
    return status;
}

fb_status fb_verifier_add_issuer(const fb_verifier *verifier, const fb_issuer *given, fb_error *error)
{
    fb__issuer *issuer;
    uint64_t hash[2];
    fb_status status = check_resolves(verifier, error);
    if (status == FB_OK) {
        status = make(verifier, given, &issuer, hash, error);
    }
    if (status != FB_OK) {
        return status;
    }
    fb__resolving_add(verifier->resolving, hash, issuer);
    return fb__succeed(error);
}

/* ---- resolving ------------------------------------------------------------------------------- */

static bool is_configured(const fb_verifier *verifier, const uint64_t hash[2], fb_slice iss)
{
    return fb__issuers_find_exact(&verifier->issuers, hash, iss) != NULL ||
           fb__issuers_find_template(&verifier->issuers, iss) != NULL;
}

fb_status fb_verifier_resolve_begin(const fb_verifier *verifier, const char *token, size_t size,
                                    double monotonic_seconds, fb_resolution *out, fb_error *error)
{
    fb_resolution resolution = FB_RESOLUTION_INIT;
    fb_result *payload = NULL;
    resolution.decision = FB_RESOLVE_DONE;
    fb_status status = check_resolves(verifier, error);
    if (status == FB_OK) {
        status = check_seconds(monotonic_seconds, error);
    }
    if (status == FB_OK && !fb__fill(out, &resolution, sizeof(resolution))) {
        status = fb__fail(error, FB_CONFIGURATION_INVALID, "out must start from FB_RESOLUTION_INIT");
    }
    if (status == FB_OK) {
        status = fb__verify_read_iss(verifier, (fb_slice){token, size}, &payload, error);
    }
    if (status != FB_OK) {
        return status;
    }
    uint64_t hash[2];
    fb__issuers_hash(&verifier->issuers, payload->iss, hash);
    if (!is_configured(verifier, hash, payload->iss)) {
        status = fb__resolving_begin(verifier->resolving, hash, payload->iss, monotonic_seconds, &resolution, error);
    }
    fb_result_free(payload);
    if (status == FB_OK) {
        (void)fb__fill(out, &resolution, sizeof(resolution));
        (void)fb__succeed(error);
    }
    return status;
}

static fb_status no_such_ticket(fb_error *error)
{
    return fb__fail(error, FB_CONFIGURATION_INVALID, "ticket: no such resolution is under way");
}

/* The issuer that was found for this ticket; its identifier has to be the one that was asked for. */
static fb_status make_resolved(const fb_verifier *verifier, uint64_t ticket, const fb_issuer *given, fb__issuer **out,
                               fb_error *error)
{
    char asked[FB_IDENTIFIER_ROOM];
    uint64_t hash[2];
    *out = NULL;
    const size_t size = fb__resolving_identifier(verifier->resolving, ticket, asked);
    if (size == 0) {
        return no_such_ticket(error);
    }
    if (given == NULL) {
        return fb__fail(error, FB_CONFIGURATION_INVALID, "issuer must be given with FB_RESOLVED");
    }
    fb_status status = make(verifier, given, out, hash, error);
    if (status == FB_OK && !fb__slice_equal(fb__issuer_identifier(*out), (fb_slice){asked, size})) {
        fb__issuer_leave(*out);
        *out = NULL;
        status = fb__fail(error, FB_CONFIGURATION_INVALID, "issuer: its identifier is not the one that was asked for");
    }
    return status;
}

fb_status fb_verifier_resolve_end(const fb_verifier *verifier, uint64_t ticket, fb_resolve_outcome outcome,
                                  const fb_issuer *given, double monotonic_seconds, fb_error *error)
{
    fb__issuer *issuer = NULL;
    fb_status status = check_resolves(verifier, error);
    if (status != FB_OK) {
        return status;
    }
    status = check_seconds(monotonic_seconds, error);
    if (status == FB_OK && outcome == FB_RESOLVED) {
        status = make_resolved(verifier, ticket, given, &issuer, error);
    } else if (status == FB_OK && outcome != FB_NO_SUCH_ISSUER && outcome != FB_RESOLVE_FAILED) {
        status = fb__fail(error, FB_CONFIGURATION_INVALID, "outcome must be one of fb_resolve_outcome");
    }
    /* Whatever was wrong with the outcome: nobody waits for it any longer. */
    const fb_resolve_outcome final = status == FB_OK ? outcome : FB_RESOLVE_FAILED;
    const bool ended = fb__resolving_end(verifier->resolving, ticket, final, issuer, monotonic_seconds);
    if (status != FB_OK) {
        return status;
    }
    return ended ? fb__succeed(error) : no_such_ticket(error);
}

bool fb_verifier_resolve_wait(const fb_verifier *verifier, uint64_t ticket, double timeout)
{
    return verifier->resolving == NULL || fb__resolving_wait(verifier->resolving, ticket, timeout);
}
