/*
 * The options of a verifier, checked once and copied into one block, so that a verification only reads.
 * Whatever is wrong is refused here with the option's name; no rule about tokens is decided here.
 */
#include "verify/verify.h"

#include <math.h>

/* One list of the options: what was given, what holds when nothing was, where it goes, and its name in messages. */
struct list_option {
    const fb_list *given, *otherwise;
    fb_list *to;
    const char *name;
    bool needs_item;
};

static fb_status check_list(const struct list_option *option, fb_error *error)
{
    const fb_list *list = option->given;
    if (list->items == NULL) {
        return list->count == 0
                   ? FB_OK
                   : fb__fail(error, FB_CONFIGURATION_INVALID, "%s has a count, but no items", option->name);
    }
    if (list->count == 0 && option->needs_item) {
        return fb__fail(error, FB_CONFIGURATION_INVALID,
                        "%s is an empty list, which no token could satisfy; leave it out if it is not to be checked",
                        option->name);
    }
    for (size_t i = 0; i < list->count; i++) {
        if (list->items[i].data == NULL || list->items[i].size == 0) {
            return fb__fail(error, FB_CONFIGURATION_INVALID, "%s must not hold an empty string", option->name);
        }
    }
    return FB_OK;
}

static fb_status check_scopes(const fb_list *scopes, fb_error *error)
{
    if (scopes->count > FB__MAX_REQUIRED_SCOPES) {
        return fb__fail(error, FB_CONFIGURATION_INVALID, "required_scopes holds more than %d scopes",
                        FB__MAX_REQUIRED_SCOPES);
    }
    for (size_t i = 0; i < scopes->count; i++) {
        if (memchr(scopes->items[i].data, ' ', scopes->items[i].size) != NULL) {
            return fb__fail(
                error, FB_CONFIGURATION_INVALID,
                "required_scopes must hold one scope per item; a scope has no space (RFC 6749 section 3.3)");
        }
    }
    return FB_OK;
}

static fb_status read_algorithms(fb__policy *policy, const fb_issuer *issuer, fb_error *error)
{
    bool with_secret = issuer->secret.data != NULL;
    if (issuer->algorithms.items == NULL) {
        policy->algs = fb__alg_bit(fb__alg_find(with_secret ? fb_text("HS256") : fb_text("RS256")));
        return FB_OK;
    }
    bool hmac = false, asymmetric = false;
    for (size_t i = 0; i < issuer->algorithms.count; i++) {
        fb_slice name = issuer->algorithms.items[i];
        const fb__alg *alg = name.data == NULL ? NULL : fb__alg_find(name);
        if (alg == NULL) {
            return fb__fail(
                error, FB_CONFIGURATION_INVALID,
                "algorithms: item %zu is not supported; known are RS256 RS384 RS512 PS256 PS384 PS512 ES256 ES384 "
                "ES512 ES256K EdDSA Ed25519 Ed448 HS256 HS384 HS512",
                i);
        }
        policy->algs |= fb__alg_bit(alg);
        hmac = hmac || alg->kty == FB__KTY_OCT;
        asymmetric = asymmetric || alg->kty != FB__KTY_OCT;
    }
    if (hmac && asymmetric) {
        return fb__fail(error, FB_CONFIGURATION_INVALID,
                        "algorithms must not mix HMAC (HS*) and public-key algorithms");
    }
    if (hmac && !with_secret) {
        return fb__fail(error, FB_CONFIGURATION_INVALID, "algorithms: HMAC (HS*) needs a secret, not a public key");
    }
    if (asymmetric && with_secret) {
        return fb__fail(error, FB_CONFIGURATION_INVALID, "algorithms: a secret serves HMAC (HS256, HS384, HS512) only");
    }
    return FB_OK;
}

static fb_status read_scalars(fb__policy *policy, const fb_options *options, fb_error *error)
{
    if (!isfinite(options->leeway) || options->leeway < 0.0 || options->leeway > 86400.0) {
        return fb__fail(error, FB_CONFIGURATION_INVALID, "leeway must be between 0 and 86400 seconds");
    }
    if (options->max_token_bytes < 1 || options->max_token_bytes > FB__MAX_TOKEN) {
        return fb__fail(error, FB_CONFIGURATION_INVALID, "max_token_bytes must be between 1 and %d", FB__MAX_TOKEN);
    }
    policy->leeway = options->leeway;
    policy->max_token_bytes = options->max_token_bytes;
    if (options->token_type.data == NULL) {
        policy->token_type = FB__TYPE_DEFAULT;
    } else if (fb__slice_equal(options->token_type, fb_text("at+jwt"))) {
        policy->token_type = FB__TYPE_ACCESS_TOKEN;
    } else if (fb__slice_equal(options->token_type, fb_text("any"))) {
        policy->token_type = FB__TYPE_ANY;
    } else {
        return fb__fail(error, FB_CONFIGURATION_INVALID, "token_type must be \"at+jwt\" or \"any\"");
    }
    policy->require_exp =
        options->require_exp || policy->token_type == FB__TYPE_ACCESS_TOKEN; /* RFC 9068 section 2.2 */
    policy->with_tables = !fb__slice_equal(options->arithmetic, fb_text("openssl"));
    if (policy->with_tables && options->arithmetic.data != NULL &&
        !fb__slice_equal(options->arithmetic, fb_text("auto"))) {
        return fb__fail(error, FB_CONFIGURATION_INVALID, "arithmetic must be \"auto\" or \"openssl\"");
    }
    return FB_OK;
}

static const fb_list *effective(const struct list_option *option)
{
    return option->given->items != NULL ? option->given : option->otherwise;
}

/* Copies all lists into one block: slices first, text after all of them, so that every array is aligned. False: out of
 * memory. */
static bool copy_lists(fb__policy *policy, const fb_mem *mem, const struct list_option *lists, size_t list_count)
{
    size_t slice_count = 0, text_size = 0;
    for (size_t l = 0; l < list_count; l++) {
        const fb_list *from = effective(&lists[l]);
        slice_count = fb__size_add(slice_count, from->count);
        for (size_t i = 0; i < from->count; i++) {
            text_size = fb__size_add(text_size, from->items[i].size);
        }
    }
    policy->text = fb__alloc(mem, fb__size_add(fb__size_multiply(slice_count, sizeof(fb_slice)), text_size));
    if (policy->text == NULL) {
        return false;
    }
    fb_slice *slices = policy->text;
    char *text = (char *)(slices + slice_count);
    for (size_t l = 0; l < list_count; l++) {
        const fb_list *from = effective(&lists[l]);
        *lists[l].to = (fb_list){from->items == NULL ? NULL : slices, from->count};
        for (size_t i = 0; i < from->count; i++) {
            memcpy(text, from->items[i].data, from->items[i].size);
            *slices++ = (fb_slice){text, from->items[i].size};
            text += from->items[i].size;
        }
    }
    return true;
}

fb_status fb__policy_new(fb__policy *out, const fb_mem *mem, const fb_options *options, const fb_issuer *issuer,
                         fb_error *error)
{
    static const fb_slice scope_names[] = {{"scope", 5}, {"scp", 3}};
    static const fb_slice client_names[] = {{"client_id", 9}, {"azp", 3}, {"sub", 3}};
    static const fb_slice unknown = {"unknown", 7};
    static const fb_list none = {NULL, 0}, scope = {scope_names, 2}, client = {client_names, 3}, nobody = {&unknown, 1};
    const fb_list client_default = {options->client_id_default.data == NULL ? NULL : &options->client_id_default,
                                    options->client_id_default.data == NULL ? 0 : 1};
    fb_slice required_names[64];
    fb_list client_copy, required = {required_names, 0};
    for (; required.count < options->required_claim_count && required.count < 64; required.count++) {
        required_names[required.count] = options->required_claims[required.count].claim;
    }
    const struct list_option algorithms = {&issuer->algorithms, &none, NULL, "algorithms", true};
    const struct list_option lists[] = {
        {&issuer->identifiers, &none, &out->issuers, "issuer", true},
        {&options->audiences, &none, &out->audiences, "audience", true},
        {&options->required_scopes, &none, &out->required_scopes, "required_scopes", false},
        {&required, &none, &out->required_claims, "required_claims", false},
        {&options->scope_claims, &scope, &out->scope_claims, "scope_claims", false},
        {&options->client_id_claims, &client, &out->client_id_claims, "client_id_claims", false},
        {&client_default, &nobody, &client_copy, "client_id_default", false},
    };
    const size_t count = sizeof(lists) / sizeof(lists[0]);
    memset(out, 0, sizeof(*out));
    fb_status status = check_list(&algorithms, error);
    for (size_t i = 0; i < count && status == FB_OK; i++) {
        status = check_list(&lists[i], error);
    }
    if (status != FB_OK) {
        return status;
    }
    status = check_scopes(&options->required_scopes, error);
    if (status != FB_OK) {
        return status;
    }
    status = read_algorithms(out, issuer, error);
    if (status != FB_OK) {
        return status;
    }
    status = read_scalars(out, options, error);
    if (status != FB_OK) {
        return status;
    }
    if (!copy_lists(out, mem, lists, count)) {
        return fb__out_of_memory(error);
    }
    out->client_id_default = client_copy.items[0];
    return FB_OK;
}

void fb__policy_clear(fb__policy *policy, const fb_mem *mem)
{
    fb__free(mem, policy->text);
    policy->text = NULL;
}
