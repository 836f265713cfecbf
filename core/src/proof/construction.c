/*
 * Verifiers as a whole: what verify/ makes of the options, and what the floors above it add, which lives and is counted
 * with it.
 */
#include "proof/proof.h"

fb_status fb_verifier_new(fb_verifier **out, const fb_options *given, fb_error *error)
{
    FB__INSIDE_GATE;
    fb_options options = FB_OPTIONS_INIT;
    *out = NULL;
    if (given->size == 0 || given->size > sizeof(options)) {
        return fb__fail(error, FB_CONFIGURATION_INVALID, "options must start from FB_OPTIONS_INIT");
    }
    memcpy(&options, given, given->size);
    fb_verifier *verifier = NULL;
    fb_status status = fb__verifier_new(&verifier, &options, error);
    if (status != FB_OK) {
        return status;
    }
    if (options.dpop != NULL) {
        status = fb__dpop_new(&verifier->dpop, &verifier->mem, &options, error);
    }
    if (status != FB_OK) {
        fb_verifier_free(verifier);
        return status;
    }
    verifier->revocations = fb__revocations_retain(options.revocations);
    verifier->check_revoked = fb_revocations_check;
    verifier->requires_dpop = verifier->dpop != NULL && verifier->dpop->required;
    *out = verifier;
    return fb__succeed(error);
}

void fb_verifier_free(fb_verifier *verifier)
{
    FB__INSIDE_GATE;
    if (verifier != NULL) {
        fb__dpop_free(verifier->dpop);
        fb_revocations_free(verifier->revocations);
        fb__verifier_free(verifier);
    }
}

fb_status fb_verifier_stats(const fb_verifier *verifier, double monotonic_seconds, fb_stats *out, fb_error *error)
{
    fb_stats stats = FB_STATS_INIT;
    const fb_status status = fb__verifier_stats(verifier, monotonic_seconds, &stats, error);
    if (status != FB_OK) {
        return status;
    }
    if (verifier->dpop != NULL) {
        fb__proof_keys_stats(verifier->dpop->keys, &stats);
        if (verifier->dpop->replay != NULL) {
            fb__replay_stats(verifier->dpop->replay, &stats);
        }
    }
    return fb__fill(out, &stats, sizeof(stats))
               ? fb__succeed(error)
               : fb__fail(error, FB_CONFIGURATION_INVALID, "out must start from FB_STATS_INIT");
}
