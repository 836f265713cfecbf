/*
 * The options of DPoP, checked once and copied. Whatever is wrong is refused here with the option's name.
 */
#include "proof/proof.h"

#include <math.h>
#include <openssl/crypto.h>

enum { MIN_NONCE_SECRET = 32 };

static fb_status read_algorithms(fb__dpop *dpop, const fb_list *given, fb_error *error)
{
    const fb_status status = fb__policy_check_list(given, "dpop.algorithms", true, error);
    if (status != FB_OK) {
        return status;
    }
    for (size_t i = 0; given->items == NULL && i < FB__ALG_COUNT; i++) {
        const bool is_default = fb__algs[i].kty != FB__KTY_OCT && fb__algs[i].curve != FB__CURVE_SECP256K1;
        dpop->algs |= is_default ? fb__alg_bit(&fb__algs[i]) : 0;
    }
    for (size_t i = 0; i < given->count; i++) {
        const fb__alg *alg = fb__alg_find(given->items[i]);
        if (alg == NULL || alg->kty == FB__KTY_OCT) {
            return fb__fail(error, FB_CONFIGURATION_INVALID,
                            "dpop.algorithms: item %zu is not a public-key algorithm that is supported", i);
        }
        dpop->algs |= fb__alg_bit(alg);
    }
    return FB_OK;
}

static fb_status read_secret(fb__dpop *dpop, fb_slice given, fb_error *error)
{
    if (given.data == NULL) {
        return FB_OK;
    }
    if (given.size < MIN_NONCE_SECRET) {
        return fb__fail(error, FB_CONFIGURATION_INVALID, "dpop.nonce_secret must be at least %d bytes",
                        MIN_NONCE_SECRET);
    }
    char *copy = fb__alloc(&dpop->mem, given.size);
    if (copy == NULL) {
        return fb__out_of_memory(error);
    }
    memcpy(copy, given.data, given.size);
    dpop->nonce_secret = (fb_slice){copy, given.size};
    return FB_OK;
}

static fb_status read_options(fb__dpop *dpop, const fb_dpop *options, fb_error *error)
{
    if (!isfinite(options->max_age) || options->max_age <= 0.0 || options->max_age > 86400.0) {
        return fb__fail(error, FB_CONFIGURATION_INVALID, "dpop.max_age must be more than 0 and at most 86400 seconds");
    }
    if (options->replay_capacity < 1 || options->replay_capacity > FB__MAX_REPLAY) {
        return fb__fail(error, FB_CONFIGURATION_INVALID, "dpop.replay_capacity must be between 1 and %d",
                        FB__MAX_REPLAY);
    }
    dpop->max_age = options->max_age;
    dpop->required = options->required;
    fb_status status = read_algorithms(dpop, &options->algorithms, error);
    if (status == FB_OK) {
        status = read_secret(dpop, options->nonce_secret, error);
    }
    if (status != FB_OK) {
        return status;
    }
    status = fb__proof_keys_new(&dpop->keys, &dpop->mem);
    if (status == FB_OK && !options->replay_by_host) {
        status = fb__replay_new(&dpop->replay, &dpop->mem, options->replay_capacity);
    }
    return status == FB_OK ? FB_OK : fb__reject(error, status, (fb_slice){NULL, 0});
}

fb_status fb__dpop_new(fb__dpop **out, const fb_mem *mem, const fb_options *options, fb_error *error)
{
    fb_dpop given = FB_DPOP_INIT;
    *out = NULL;
    if (options->dpop->size == 0 || options->dpop->size > sizeof(given)) {
        return fb__fail(error, FB_CONFIGURATION_INVALID, "dpop must start from FB_DPOP_INIT");
    }
    memcpy(&given, options->dpop, options->dpop->size);
    fb__dpop *dpop = fb__zalloc(mem, sizeof(*dpop));
    if (dpop == NULL) {
        return fb__out_of_memory(error);
    }
    dpop->mem = *mem;
    dpop->with_tables = !fb__slice_equal(options->arithmetic, fb_text("openssl"));
    dpop->clock_skew = options->clock_skew;
    dpop->max_proof_bytes = options->max_token_bytes;
    const fb_status status = read_options(dpop, &given, error);
    if (status != FB_OK) {
        fb__dpop_free(dpop);
        return status;
    }
    *out = dpop;
    return FB_OK;
}

void fb__dpop_free(fb__dpop *dpop)
{
    if (dpop == NULL) {
        return;
    }
    const fb_mem mem = dpop->mem;
    if (dpop->nonce_secret.data != NULL) {
        OPENSSL_cleanse((void *)(uintptr_t)dpop->nonce_secret.data, dpop->nonce_secret.size);
        fb__free(&mem, (void *)(uintptr_t)dpop->nonce_secret.data);
    }
    fb__proof_keys_free(dpop->keys);
    fb__replay_free(dpop->replay);
    fb__free(&mem, dpop);
}
