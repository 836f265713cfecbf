/*
 * The options, checked once and copied, so that a verification only reads: what the verifier says for all of its
 * issuers, and the policy of each, which is that with what the issuer says in its place. Whatever is wrong is refused
 * here with the option's name; no rule about tokens is decided here.
 */
#include "verify/verify.h"

#include <math.h>

/* Names of claims that issuers have given, which errors may still show when the issuer is gone. */
struct name {
    struct name *next;
    fb_slice text;
    char data[];
};

struct fb__policy_base {
    atomic_size_t references;
    fb_mem mem;
    fb__policy common;
    fb__hierarchy hierarchy;
    _Atomic(struct name *) names; /* only ever grows, at its head */
    atomic_size_t name_count;
};

/* ---- what the verifier says ----------------------------------------------------------------- */

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

static fb_status read_scopes(fb__policy_base *base, const fb_options *options, fb_error *error)
{
    fb__policy *common = &base->common;
    fb_status status = fb__policy_check_list(&options->required_scopes, "required_scopes", false, error);
    if (status == FB_OK) {
        status = check_scopes(&options->required_scopes, error);
    }
    if (status != FB_OK) {
        return status;
    }
    if (!fb__policy_copy_list(&common->arena, &options->required_scopes, &common->required_scopes)) {
        return fb__out_of_memory(error);
    }
    common->hierarchy = &base->hierarchy;
    common->merge_scope_claims = options->merge_scope_claims;
    return fb__hierarchy_read(&base->hierarchy, &common->arena, options->scope_hierarchy, options->scope_rule_count,
                              error);
}

static bool is_span(double seconds)
{
    return isfinite(seconds) && seconds >= 0.0 && seconds <= 86400.0;
}

static fb_status read_scalars(fb__policy *policy, const fb_options *options, fb_error *error)
{
    if (!is_span(options->leeway)) {
        return fb__fail(error, FB_CONFIGURATION_INVALID, "leeway must be between 0 and 86400 seconds");
    }
    if (!is_span(options->clock_skew)) {
        return fb__fail(error, FB_CONFIGURATION_INVALID, "clock_skew must be between 0 and 86400 seconds");
    }
    if (options->max_token_bytes < 1 || options->max_token_bytes > FB__MAX_TOKEN) {
        return fb__fail(error, FB_CONFIGURATION_INVALID, "max_token_bytes must be between 1 and %d", FB__MAX_TOKEN);
    }
    policy->ignores_confirmation = fb__slice_equal(options->sender_constrained, fb_text("ignore"));
    if (!policy->ignores_confirmation && options->sender_constrained.data != NULL &&
        !fb__slice_equal(options->sender_constrained, fb_text("verify"))) {
        return fb__fail(error, FB_CONFIGURATION_INVALID, "sender_constrained must be \"verify\" or \"ignore\"");
    }
    policy->leeway = options->leeway;
    policy->clock_skew = options->clock_skew;
    policy->max_token_bytes = options->max_token_bytes;
    policy->require_exp = options->require_exp;
    policy->with_tables = !fb__slice_equal(options->arithmetic, fb_text("openssl"));
    if (policy->with_tables && options->arithmetic.data != NULL &&
        !fb__slice_equal(options->arithmetic, fb_text("auto"))) {
        return fb__fail(error, FB_CONFIGURATION_INVALID, "arithmetic must be \"auto\" or \"openssl\"");
    }
    return FB_OK;
}

static fb_status read_client_default(fb__policy *policy, fb_slice given, fb_error *error)
{
    if (given.data == NULL) {
        policy->client_id_default = fb_text("unknown");
        return FB_OK;
    }
    if (given.size == 0) {
        return fb__fail(error, FB_CONFIGURATION_INVALID, "client_id_default must not be empty");
    }
    return fb__arena_copy(&policy->arena, given, &policy->client_id_default) ? FB_OK : fb__out_of_memory(error);
}

static fb_status read_common(fb__policy_base *base, const fb_options *options, fb_error *error)
{
    static const fb_slice names[] = {{"scope", 5}, {"scp", 3}, {"client_id", 9}, {"azp", 3}, {"sub", 3}};
    fb__policy *common = &base->common;
    const fb__claim_options claims = {
        .audiences = options->audiences,
        .scope_claims = options->scope_claims.items == NULL && options->scope_claims.count == 0 ? (fb_list){names, 2}
                                                                                                : options->scope_claims,
        .client_id_claims = options->client_id_claims.items == NULL && options->client_id_claims.count == 0
                                ? (fb_list){names + 2, 3}
                                : options->client_id_claims,
        .token_type = options->token_type,
        .required_claims = options->required_claims,
        .required_claim_count = options->required_claim_count};
    fb_status status = fb__policy_read_claims(common, base, &claims, error);
    if (status == FB_OK) {
        status = read_scopes(base, options, error);
    }
    if (status == FB_OK) {
        status = read_client_default(common, options->client_id_default, error);
    }
    return status == FB_OK ? read_scalars(common, options, error) : status;
}

fb_status fb__policy_base_new(fb__policy_base **out, const fb_mem *mem, const fb_options *options, fb_error *error)
{
    fb__policy_base *base = fb__zalloc(mem, sizeof(*base));
    *out = NULL;
    if (base == NULL) {
        return fb__out_of_memory(error);
    }
    atomic_init(&base->references, 1);
    base->mem = base->common.arena.mem = *mem;
    const fb_status status = read_common(base, options, error);
    if (status != FB_OK) {
        fb__policy_base_release(base);
        return status;
    }
    *out = base;
    return FB_OK;
}

fb__policy_base *fb__policy_base_retain(fb__policy_base *base)
{
    atomic_fetch_add_explicit(&base->references, 1, memory_order_relaxed);
    return base;
}

void fb__policy_base_release(fb__policy_base *base)
{
    if (base == NULL || atomic_fetch_sub_explicit(&base->references, 1, memory_order_acq_rel) != 1) {
        return;
    }
    const fb_mem mem = base->mem;
    for (struct name *name = atomic_load_explicit(&base->names, memory_order_acquire); name != NULL;) {
        struct name *next = name->next;
        fb__free(&mem, name);
        name = next;
    }
    fb__arena_clear(&base->common.arena);
    fb__free(&mem, base);
}

const fb__hierarchy *fb__policy_base_hierarchy(const fb__policy_base *base)
{
    return &base->hierarchy;
}

bool fb__policy_base_name(fb__policy_base *base, fb_slice text, fb_slice *out)
{
    struct name *head = atomic_load_explicit(&base->names, memory_order_acquire);
    *out = (fb_slice){NULL, 0};
    for (const struct name *name = head; name != NULL; name = name->next) {
        if (fb__slice_equal(name->text, text)) {
            *out = name->text;
            return true;
        }
    }
    if (atomic_fetch_add_explicit(&base->name_count, 1, memory_order_relaxed) >= FB__MAX_NAMES) {
        atomic_fetch_sub_explicit(&base->name_count, 1, memory_order_relaxed);
        return true;
    }
    struct name *name = fb__alloc(&base->mem, fb__size_add(sizeof(*name), text.size));
    if (name == NULL) {
        atomic_fetch_sub_explicit(&base->name_count, 1, memory_order_relaxed);
        return false;
    }
    memcpy(name->data, text.data, text.size);
    name->text = *out = (fb_slice){name->data, text.size};
    do {
        name->next = head;
    } while (
        !atomic_compare_exchange_weak_explicit(&base->names, &head, name, memory_order_acq_rel, memory_order_acquire));
    return true;
}

/* ---- what an issuer says -------------------------------------------------------------------- */

static fb_status read_algorithms(fb__policy *policy, const fb_issuer *issuer, fb_error *error)
{
    const bool with_secret = issuer->secret.data != NULL;
    policy->algs = 0;
    const fb_status status = fb__policy_check_list(&issuer->algorithms, "algorithms", true, error);
    if (status != FB_OK) {
        return status;
    }
    if (issuer->algorithms.items == NULL) {
        policy->algs = fb__alg_bit(fb__alg_find(with_secret ? fb_text("HS256") : fb_text("RS256")));
        return FB_OK;
    }
    bool hmac = false, asymmetric = false;
    for (size_t i = 0; i < issuer->algorithms.count; i++) {
        const fb__alg *alg = fb__alg_find(issuer->algorithms.items[i]);
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

static fb_status read_identifiers(fb__policy *policy, const fb_issuer *issuer, fb_error *error)
{
    fb_list *texts = &policy->identifier_texts;
    const fb_status status = fb__policy_check_list(&issuer->identifiers, "issuer", true, error);
    if (status != FB_OK) {
        return status;
    }
    const size_t count = issuer->identifiers.count;
    fb__identifier *identifiers = fb__arena_take(&policy->arena, fb__size_multiply(count, sizeof(*identifiers)));
    if (identifiers == NULL || !fb__policy_copy_list(&policy->arena, &issuer->identifiers, texts)) {
        return fb__out_of_memory(error);
    }
    for (size_t i = 0; i < count; i++) {
        const char *problem = fb__identifier_read(texts->items[i], &identifiers[i]);
        if (problem != NULL) {
            return fb__fail(error, FB_CONFIGURATION_INVALID, "issuer: item %zu holds %s", i, problem);
        }
        if (count > 1 && fb__identifier_is_template(&identifiers[i])) {
            return fb__fail(error, FB_CONFIGURATION_INVALID,
                            "issuer: item %zu is a template, which must be an issuer's only identifier", i);
        }
    }
    policy->identifiers = identifiers;
    policy->identifier_count = count;
    return FB_OK;
}

fb_status fb__policy_new(fb__policy *out, const fb_mem *mem, fb__policy_base *base, const fb_issuer *issuer,
                         fb_error *error)
{
    const fb__claim_options claims = {.audiences = issuer->audiences,
                                      .scope_claims = issuer->scope_claims,
                                      .client_id_claims = issuer->client_id_claims,
                                      .token_type = issuer->token_type,
                                      .required_claims = issuer->required_claims,
                                      .required_claim_count = issuer->required_claim_count,
                                      .of_issuer = true};
    *out = base->common;
    out->arena = (fb__arena){*mem, NULL};
    out->base = fb__policy_base_retain(base);
    fb_status status = read_algorithms(out, issuer, error);
    if (status == FB_OK) {
        status = read_identifiers(out, issuer, error);
    }
    if (status == FB_OK) {
        status = fb__policy_read_claims(out, base, &claims, error);
    }
    if (status != FB_OK) {
        fb__policy_clear(out);
        return status;
    }
    /* RFC 9068 section 2.2. */
    out->require_exp = out->require_exp || out->token_type == FB__TYPE_ACCESS_TOKEN;
    return FB_OK;
}

fb_status fb__policy_new_of_responses(fb__policy *out, const fb_mem *mem, fb__policy_base *base,
                                      const fb_issuer *issuer, fb_error *error)
{
    /* RFC 9701 section 5; iss and aud are required because they are compared. */
    static const fb_required_claim required[] = {{{"iat", 3}, {NULL, 0}}, {{"token_introspection", 19}, {NULL, 0}}};
    fb_issuer given = *issuer;
    given.audiences = (fb_list){&issuer->introspection_audience, 1};
    given.required_claims = required;
    given.required_claim_count = sizeof(required) / sizeof(required[0]);
    given.token_type = (fb_slice){NULL, 0};
    const fb_status status = fb__policy_new(out, mem, base, &given, error);
    if (status != FB_OK) {
        return status;
    }
    /* What the verifier asks of tokens is asked of the one that the response is about. */
    out->token_type = FB__TYPE_INTROSPECTION;
    out->require_exp = false;
    out->required_scopes = (fb_list){NULL, 0};
    out->scope_claims = out->client_id_claims = (fb__claim_paths){NULL, 0};
    return FB_OK;
}

void fb__policy_clear(fb__policy *policy)
{
    fb__arena_clear(&policy->arena);
    fb__policy_base_release(policy->base);
    *policy = (fb__policy){.base = NULL};
}
