/* The same for tests of the policy alone. */
#ifndef FB_TEST_SETUP_POLICY_H
#define FB_TEST_SETUP_POLICY_H

#include "setup.h"
#include "verify/verify.h"

static inline fb_status setup_policy(fb__policy *out, const struct setup *setup, fb_error *error)
{
    fb_required_claim required[SETUP_REQUIRED];
    const fb_options options = setup_options(setup, required);
    return fb__policy_new(out, &fb__mem_default, &options, &setup->issuer, error);
}

#endif
