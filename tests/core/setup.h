/*
 * A verifier of one issuer, as most tests have it: its options in one value that can be copied and handed around.
 */
#ifndef FB_TEST_SETUP_H
#define FB_TEST_SETUP_H

#include "fastbearer.h"

#include <stdlib.h>

/* The number of the only issuer of a verifier. */
enum { SOLE_ISSUER = 1 };

struct setup {
    fb_issuer issuer;
    fb_options policy;
    fb_list required_claims; /* names only; in place of those of policy when given */
};

#define SETUP_INIT {.issuer = FB_ISSUER_INIT, .policy = FB_OPTIONS_INIT}

enum { SETUP_REQUIRED = 8 };

/* policy as it is handed over; required has room for SETUP_REQUIRED. */
static inline fb_options setup_options(const struct setup *setup, fb_required_claim *required)
{
    fb_options options = setup->policy;
    options.issuers = &setup->issuer;
    options.issuer_count = 1;
    if (setup->required_claims.items != NULL) {
        options.required_claims = required;
        options.required_claim_count = setup->required_claims.count;
        for (size_t i = 0; i < setup->required_claims.count && i < SETUP_REQUIRED; i++) {
            required[i] = (fb_required_claim){setup->required_claims.items[i], {NULL, 0}};
        }
    }
    return options;
}

static inline fb_status setup_verifier(fb_verifier **out, const struct setup *setup, fb_error *error)
{
    fb_required_claim required[SETUP_REQUIRED];
    const fb_options options = setup_options(setup, required);
    return fb_verifier_new(out, &options, error);
}

#endif
