/*
 * Making a verifier from options, and finding its issuers. What it does with a token is in verify.c, with key sets in
 * verifier_keys.c, and what it says of itself in inspect.c.
 */
#include "verify/verify.h"

/* ---- construction --------------------------------------------------------------------------- */

static fb_status check_options(const fb_options *options, fb_error *error)
{
    if ((options->before_signature == NULL) != (options->after_signature == NULL)) {
        return fb__fail(error, FB_CONFIGURATION_INVALID, "before_signature and after_signature go together");
    }
    if (options->cache_size > UINT32_MAX / 2) {
        return fb__fail(error, FB_CONFIGURATION_INVALID, "cache_size must be below 2147483648");
    }
    return FB_OK;
}

static fb_status make_cache(fb_verifier *verifier, const fb_options *options, fb_error *error)
{
    if (options->cache_size == 0) {
        return FB_OK;
    }
    fb_status status = fb__cache_new(&verifier->cache, &verifier->mem, options->cache_size, options->cache_bytes);
    return status == FB_OK ? FB_OK : fb__reject(error, status, (fb_slice){NULL, 0});
}

/* Where it fails, fb__verifier_free frees what there is by then. */
static fb_status build(fb_verifier *verifier, const fb_options *options, fb_error *error)
{
    fb_status status = fb__policy_base_new(&verifier->base, &verifier->mem, options, error);
    if (status != FB_OK) {
        return status;
    }
    verifier->budget = fb__table_budget_new(&verifier->mem);
    if (verifier->budget == NULL) {
        return fb__out_of_memory(error);
    }
    status = fb__issuers_init(&verifier->issuers, verifier, options, error);
    if (status != FB_OK) {
        return status;
    }
    verifier->max_token_bytes = options->max_token_bytes;
    for (size_t i = 0; i < verifier->issuers.count && verifier->opaque == NULL; i++) {
        fb__issuer *issuer = verifier->issuers.items[i];
        verifier->opaque = issuer->introspection == FB__INTROSPECTS_NONE ? NULL : issuer;
    }
    if (options->resolves_issuers) {
        status = fb__resolving_new(&verifier->resolving, &verifier->mem, options, error);
        if (status != FB_OK) {
            return status;
        }
    } else if (verifier->issuers.count == 1) {
        verifier->sole = verifier->issuers.items[0];
    }
    return make_cache(verifier, options, error);
}

fb_status fb__verifier_new(fb_verifier **out, const fb_options *options, fb_error *error)
{
    *out = NULL;
    fb_status status = check_options(options, error);
    if (status != FB_OK) {
        return status;
    }
    const fb_mem mem = options->mem == NULL ? fb__mem_default : *options->mem;
    fb_verifier *verifier = fb__zalloc(&mem, sizeof(*verifier));
    if (verifier == NULL) {
        return fb__out_of_memory(error);
    }
    verifier->mem = mem;
    verifier->before_signature = options->before_signature;
    verifier->after_signature = options->after_signature;
    verifier->signature_context = options->signature_context;
    status = build(verifier, options, error);
    if (status != FB_OK) {
        fb__verifier_free(verifier);
        return status;
    }
    *out = verifier;
    return FB_OK;
}

void fb__verifier_free(fb_verifier *verifier)
{
    fb_mem mem = verifier->mem;
    fb__cache_free(verifier->cache);
    fb__resolving_free(verifier->resolving);
    fb__issuers_clear(&verifier->issuers, &mem);
    fb__policy_base_release(verifier->base);
    fb__table_budget_release(verifier->budget);
    fb__free(&mem, verifier);
}

/* ---- its issuers ---------------------------------------------------------------------------- */

fb__issuer *fb__verifier_issuer(const fb_verifier *verifier, uint64_t number)
{
    const fb__issuers *issuers = &verifier->issuers;
    if (number >= 1 && number <= issuers->count) {
        return fb__issuer_enter(issuers->items[number - 1]);
    }
    return verifier->resolving == NULL ? NULL : fb__resolving_issuer(verifier->resolving, number);
}

void fb__verifier_each(const fb_verifier *verifier, void (*visit)(void *context, fb__issuer *issuer), void *context)
{
    for (size_t i = 0; i < verifier->issuers.count; i++) {
        visit(context, verifier->issuers.items[i]);
    }
    if (verifier->resolving != NULL) {
        fb__resolving_each(verifier->resolving, visit, context);
    }
}

size_t fb__verifier_issuer_count(const fb_verifier *verifier)
{
    return verifier->issuers.count + (verifier->resolving == NULL ? 0 : fb__resolving_count(verifier->resolving));
}
