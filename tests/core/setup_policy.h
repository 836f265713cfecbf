/* The same for tests of the policy alone. */
#ifndef FB_TEST_SETUP_POLICY_H
#define FB_TEST_SETUP_POLICY_H

#include "setup.h"
#include "verify/verify.h"

static inline fb_status setup_policy(fb__policy *out, const struct setup *setup, fb_error *error)
{
    fb_required_claim required[SETUP_REQUIRED];
    const fb_options options = setup_options(setup, required);
    fb__policy_base *base;
    fb_status status = fb__policy_base_new(&base, &fb__mem_default, &options, error);
    if (status == FB_OK) {
        status = fb__policy_new(out, &fb__mem_default, base, &setup->issuer, error);
        fb__policy_base_release(base);
    }
    return status;
}

#endif
