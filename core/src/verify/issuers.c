/*
 * The issuers of a verifier: each with its policy and its keys, and the choice of one by iss. What stands in iss when
 * one is chosen is hostile text that nobody has signed: it is compared, never believed, and the claims check compares
 * it again with the issuer whose key has verified the token.
 */
#include "verify/verify.h"

#include <stdio.h>

enum { MAX_TEMPLATES = 64 };

struct fb__issuer_slot {
    uint64_t hash;
    fb_slice identifier;
    fb__issuer *issuer; /* NULL: a free slot */
};

struct fb__issuer_template {
    const fb__identifier *identifier;
    fb__issuer *issuer;
};

/* ---- one issuer ------------------------------------------------------------------------------ */

fb_status fb__issuer_complete(fb_issuer *out, const fb_issuer *given, size_t size, fb_error *error)
{
    *out = (fb_issuer)FB_ISSUER_INIT;
    if (size == 0 || size > sizeof(*out) || given->size != size) {
        return fb__fail(error, FB_CONFIGURATION_INVALID, "issuers must start from FB_ISSUER_INIT");
    }
    memcpy(out, given, size);
    return FB_OK;
}

static fb_status check_sources(const fb_issuer *given, fb_error *error)
{
    const int sources = (given->public_key.data != NULL) + (given->jwks.data != NULL) + (given->jwks_uri.data != NULL) +
                        (given->secret.data != NULL);
    return sources <= 1 ? FB_OK
                        : fb__fail(error, FB_CONFIGURATION_INVALID,
                                   "only one of public_key, jwks, jwks_uri and secret may be given");
}

static fb_status read_introspection(fb__issuer *issuer, const fb_issuer *given, fb_error *error)
{
    const fb_slice text = given->introspection;
    if (text.data == NULL) {
        return FB_OK;
    }
    if (fb__slice_equal(text, fb_text("opaque"))) {
        issuer->introspection = FB__INTROSPECTS_OPAQUE;
        return FB_OK;
    }
    if (!fb__slice_equal(text, fb_text("all"))) {
        return fb__fail(error, FB_CONFIGURATION_INVALID, "introspection must be \"opaque\" or \"all\"");
    }
    issuer->introspection = FB__INTROSPECTS_ALL;
    return given->introspection_audience.data != NULL || (given->public_key.data == NULL && given->jwks.data == NULL &&
                                                          given->jwks_uri.data == NULL && given->secret.data == NULL)
               ? FB_OK
               : fb__fail(error, FB_CONFIGURATION_INVALID,
                          "introspection \"all\" goes without public_key, jwks, jwks_uri and secret: no key verifies "
                          "its tokens");
}

/* Of whom a response must be is not left to the response. */
static const char *problem_of_responses(const fb__issuer *issuer, const fb_issuer *given)
{
    const fb__policy *policy = &issuer->policy;
    if (issuer->introspection == FB__INTROSPECTS_NONE) {
        return "goes with introspection";
    }
    if (given->introspection_audience.size == 0) {
        return "must not be empty";
    }
    if (given->secret.data != NULL) {
        return "goes without secret: responses are verified with public keys";
    }
    return policy->identifier_count == 0 || fb__identifier_is_template(&policy->identifiers[0])
               ? "needs an issuer that is named, and not by a template"
               : NULL;
}

static fb_status read_responses(fb__issuer *issuer, fb__policy_base *base, const fb_issuer *given, fb_error *error)
{
    if (given->introspection_audience.data == NULL) {
        return FB_OK;
    }
    const char *problem = problem_of_responses(issuer, given);
    if (problem != NULL) {
        return fb__fail(error, FB_CONFIGURATION_INVALID, "signed_response (introspection_audience) %s", problem);
    }
    issuer->responses = fb__zalloc(&issuer->mem, sizeof(*issuer->responses));
    return issuer->responses == NULL ? fb__out_of_memory(error)
                                     : fb__policy_new_of_responses(issuer->responses, &issuer->mem, base, given, error);
}

/* Whether anything is verified with keys: tokens, or responses. */
static bool needs_keys(const fb__issuer *issuer)
{
    return issuer->introspection != FB__INTROSPECTS_ALL || issuer->responses != NULL;
}

fb_slice fb__issuer_introspection(const fb__issuer *issuer)
{
    static const char *const texts[] = {NULL, "opaque", "all"};
    return fb_text(texts[issuer->introspection]);
}

static fb_status load_keys(fb__issuer *issuer, const fb_issuer *given, fb_error *error)
{
    const fb_mem *mem = &issuer->mem;
    if (!needs_keys(issuer)) {
        issuer->static_keys = fb__keyset_empty(mem);
        return issuer->static_keys == NULL ? fb__out_of_memory(error) : FB_OK;
    }
    if (given->jwks.data != NULL) {
        return fb__keyset_from_jwks(&issuer->static_keys, mem, given->jwks, error);
    }
    if (given->secret.data != NULL) {
        return fb__keyset_from_secret(&issuer->static_keys, mem, given->secret, issuer->policy.algs,
                                      given->allow_short_secret, error);
    }
    if (given->public_key.data != NULL) {
        return fb__keyset_from_pem(&issuer->static_keys, mem, given->public_key, error);
    }
    return fb__key_source_new(&issuer->key_source, mem, given, error);
}

/* A static key that none of the algorithms could ever use is a mistake to hear of now, not at the first token. */
static fb_status check_keys_fit(const fb__issuer *issuer, fb_error *error)
{
    const fb__keyset *keys = issuer->static_keys;
    for (size_t i = 0; keys != NULL && i < keys->count; i++) {
        if ((keys->keys[i].key.algs & issuer->policy.algs) != 0) {
            return FB_OK;
        }
    }
    return keys == NULL || !needs_keys(issuer)
               ? FB_OK
               : fb__fail(error, FB_CONFIGURATION_INVALID,
                          "algorithms: none of them can be verified with the key that was given");
}

/* Where it fails, fb__issuer_leave frees what there is by then. */
static fb_status build(fb__issuer *issuer, fb__policy_base *base, const fb_issuer *given, const fb__issuer *keys_of,
                       fb_error *error)
{
    fb_status status = fb__policy_new(&issuer->policy, &issuer->mem, base, given, error);
    if (status != FB_OK) {
        return status;
    }
    status = read_introspection(issuer, given, error);
    if (status == FB_OK) {
        status = read_responses(issuer, base, given, error);
    }
    if (status != FB_OK) {
        return status;
    }
    if (keys_of != NULL) {
        issuer->key_source = fb__key_source_retain(keys_of->key_source);
        return FB_OK;
    }
    status = load_keys(issuer, given, error);
    return status == FB_OK ? check_keys_fit(issuer, error) : status;
}

fb_status fb__issuer_new(fb__issuer **out, const fb_mem *mem, fb__policy_base *base, const fb_issuer *given,
                         const fb__issuer *keys_of, uint64_t number, fb_error *error)
{
    *out = NULL;
    fb_issuer own = *given;
    if (keys_of != NULL) {
        own.public_key = own.jwks = own.jwks_uri = own.secret = (fb_slice){NULL, 0};
    }
    fb_status status = check_sources(&own, error);
    if (status != FB_OK) {
        return status;
    }
    fb__issuer *issuer = fb__zalloc(mem, sizeof(*issuer));
    if (issuer == NULL) {
        return fb__out_of_memory(error);
    }
    atomic_init(&issuer->references, 1);
    atomic_init(&issuer->users, 1);
    issuer->mem = *mem;
    issuer->number = number;
    status = build(issuer, base, &own, keys_of, error);
    if (status != FB_OK) {
        fb__issuer_leave(issuer);
        return status;
    }
    *out = issuer;
    return FB_OK;
}

void fb__issuer_share_budget(fb__issuer *issuer, fb__table_budget *budget)
{
    if (issuer->static_keys != NULL) {
        fb__keyset_share_budget(issuer->static_keys, budget);
    } else {
        fb__key_source_share_budget(issuer->key_source, budget);
    }
}

fb__issuer *fb__issuer_retain(fb__issuer *issuer)
{
    atomic_fetch_add_explicit(&issuer->references, 1, memory_order_relaxed);
    return issuer;
}

void fb__issuer_release(fb__issuer *issuer)
{
    if (issuer == NULL || atomic_fetch_sub_explicit(&issuer->references, 1, memory_order_acq_rel) != 1) {
        return;
    }
    const fb_mem mem = issuer->mem;
    fb__policy_clear(&issuer->policy);
    if (issuer->responses != NULL) {
        fb__policy_clear(issuer->responses);
        fb__free(&mem, issuer->responses);
    }
    fb__free(&mem, issuer);
}

fb__issuer *fb__issuer_enter(fb__issuer *issuer)
{
    atomic_fetch_add_explicit(&issuer->users, 1, memory_order_relaxed);
    return issuer;
}

void fb__issuer_leave(fb__issuer *issuer)
{
    if (issuer == NULL || atomic_fetch_sub_explicit(&issuer->users, 1, memory_order_acq_rel) != 1) {
        return;
    }
    fb__keyset_release(issuer->static_keys);
    fb__key_source_release(issuer->key_source);
    fb__issuer_release(issuer);
}

fb__keyset *fb__issuer_keyset(const fb__issuer *issuer)
{
    return issuer->static_keys != NULL ? fb__keyset_retain(issuer->static_keys)
                                       : fb__key_source_keys(issuer->key_source);
}

bool fb__issuer_generation(const fb__issuer *issuer, double now, uint64_t *out)
{
    *out = issuer->static_keys != NULL ? 0 : fb__key_source_generation(issuer->key_source, now);
    return issuer->static_keys != NULL || *out != 0;
}

fb_slice fb__issuer_identifier(const fb__issuer *issuer)
{
    const fb__policy *policy = &issuer->policy;
    return policy->identifier_count > 0 ? policy->identifiers[0].text : (fb_slice){NULL, 0};
}

/* ---- finding one by its identifier ----------------------------------------------------------- */

void fb__issuers_hash(const fb__issuers *issuers, fb_slice iss, uint64_t out[2])
{
    fb__siphash(issuers->seed, iss.data, iss.size, out);
}

/* The slot of this identifier, or the free one where it would be: there always is one. */
static struct fb__issuer_slot *slot_of(const fb__issuers *issuers, uint64_t hash, fb_slice identifier)
{
    for (size_t at = (size_t)hash & issuers->slot_mask;; at = (at + 1) & issuers->slot_mask) {
        struct fb__issuer_slot *slot = &issuers->slots[at];
        if (slot->issuer == NULL || (slot->hash == hash && fb__slice_equal(slot->identifier, identifier))) {
            return slot;
        }
    }
}

fb__issuer *fb__issuers_find_exact(const fb__issuers *issuers, const uint64_t hash[2], fb_slice iss)
{
    return slot_of(issuers, hash[0], iss)->issuer;
}

fb__issuer *fb__issuers_find_template(const fb__issuers *issuers, fb_slice iss)
{
    fb_slice value;
    for (size_t i = 0; i < issuers->template_count; i++) {
        if (fb__identifier_matches(issuers->templates[i].identifier, iss, &value)) {
            return issuers->templates[i].issuer;
        }
    }
    return NULL;
}

static fb_status duplicate(const fb__issuer *one, const fb__issuer *other, fb_error *error)
{
    return fb__fail(error, FB_CONFIGURATION_INVALID, "issuers: items %d and %d have the same identifier",
                    (int)one->number - 1, (int)other->number - 1);
}

/* Two templates that differ in the claim alone are the same one twice: they match the same texts. */
static fb_status add_template(fb__issuers *issuers, const fb__identifier *identifier, fb__issuer *issuer,
                              fb_error *error)
{
    for (size_t i = 0; i < issuers->template_count; i++) {
        const fb__identifier *other = issuers->templates[i].identifier;
        if (fb__slice_equal(other->before, identifier->before) && fb__slice_equal(other->after, identifier->after)) {
            return duplicate(issuers->templates[i].issuer, issuer, error);
        }
    }
    if (issuers->template_count == MAX_TEMPLATES) {
        return fb__fail(error, FB_CONFIGURATION_INVALID, "issuers: more than %d of them are templates", MAX_TEMPLATES);
    }
    issuers->templates[issuers->template_count++] = (struct fb__issuer_template){identifier, issuer};
    return FB_OK;
}

static fb_status add_exact(fb__issuers *issuers, const fb__identifier *identifier, fb__issuer *issuer, fb_error *error)
{
    uint64_t hash[2];
    fb__issuers_hash(issuers, identifier->text, hash);
    struct fb__issuer_slot *slot = slot_of(issuers, hash[0], identifier->text);
    if (slot->issuer != NULL && slot->issuer != issuer) {
        return duplicate(slot->issuer, issuer, error);
    }
    *slot = (struct fb__issuer_slot){hash[0], identifier->text, issuer};
    return FB_OK;
}

static fb_status add_identifiers(fb__issuers *issuers, fb__issuer *issuer, fb_error *error)
{
    const fb__policy *policy = &issuer->policy;
    if (policy->identifier_count == 0) {
        return fb__fail(error, FB_CONFIGURATION_INVALID,
                        "issuers: item %d has no identifier, which only a sole issuer may leave out",
                        (int)issuer->number - 1);
    }
    fb_status status = FB_OK;
    for (size_t i = 0; i < policy->identifier_count && status == FB_OK; i++) {
        const fb__identifier *identifier = &policy->identifiers[i];
        status = fb__identifier_is_template(identifier) ? add_template(issuers, identifier, issuer, error)
                                                        : add_exact(issuers, identifier, issuer, error);
    }
    return status;
}

static fb_status build_index(fb__issuers *issuers, const fb_mem *mem, fb_error *error)
{
    size_t identifiers = 0, slots = 2;
    for (size_t i = 0; i < issuers->count; i++) {
        identifiers += issuers->items[i]->policy.identifier_count;
    }
    while (slots < 2 * identifiers) {
        slots *= 2;
    }
    issuers->slot_mask = slots - 1;
    issuers->slots = fb__zalloc(mem, fb__size_multiply(slots, sizeof(*issuers->slots)));
    issuers->templates = fb__alloc(mem, MAX_TEMPLATES * sizeof(*issuers->templates));
    if (issuers->slots == NULL || issuers->templates == NULL) {
        return fb__out_of_memory(error);
    }
    if (!fb__random(issuers->seed, sizeof(issuers->seed))) {
        return fb__reject(error, FB_INTERNAL_ERROR, (fb_slice){NULL, 0});
    }
    fb_status status = FB_OK;
    for (size_t i = 0; i < issuers->count && status == FB_OK; i++) {
        status = add_identifiers(issuers, issuers->items[i], error);
    }
    return status;
}

/* ---- all of them ----------------------------------------------------------------------------- */

static fb_status check_counts(const fb_options *options, fb_error *error)
{
    if (options->issuers == NULL && options->issuer_count > 0) {
        return fb__fail(error, FB_CONFIGURATION_INVALID, "issuers has a count, but no items");
    }
    if (options->issuer_count == 0 && !options->resolves_issuers) {
        return fb__fail(error, FB_CONFIGURATION_INVALID, "issuers must hold at least one issuer");
    }
    const fb_verifier *keys_of = options->keys_of;
    if (keys_of != NULL && keys_of->issuers.count != options->issuer_count) {
        return fb__fail(error, FB_CONFIGURATION_INVALID, "keys_of must be a verifier with as many issuers");
    }
    for (size_t i = 0; keys_of != NULL && i < options->issuer_count; i++) {
        if (keys_of->issuers.items[i]->key_source == NULL) {
            return fb__fail(error, FB_CONFIGURATION_INVALID, "keys_of must be a verifier whose keys are all fetched");
        }
    }
    return FB_OK;
}

/* Says of several issuers which one is wrong. */
static void name_item(fb_error *error, size_t item)
{
    char text[sizeof(error->text)];
    if (FB__HAS(error, text)) {
        memcpy(text, error->text, sizeof(text));
        (void)snprintf(error->text, sizeof(error->text), "issuers: item %zu: %.180s", item, text);
    }
}

static fb_status add_item(fb__issuers *issuers, const fb_verifier *verifier, const fb_options *options, fb_error *error)
{
    const size_t item = issuers->count, stride = options->issuers->size;
    const fb_issuer *given = (const fb_issuer *)(const void *)((const char *)options->issuers + item * stride);
    fb_issuer issuer;
    fb_status status = fb__issuer_complete(&issuer, given, stride, error);
    if (status == FB_OK) {
        const fb__issuer *keys_of = options->keys_of == NULL ? NULL : options->keys_of->issuers.items[item];
        status =
            fb__issuer_new(&issuers->items[item], &verifier->mem, verifier->base, &issuer, keys_of, item + 1, error);
    }
    if (status == FB_OK) {
        issuers->count++;
        if (options->keys_of == NULL) {
            fb__issuer_share_budget(issuers->items[item], verifier->budget);
        }
    } else if (status == FB_CONFIGURATION_INVALID && options->issuer_count > 1) {
        name_item(error, item);
    }
    return status;
}

fb_status fb__issuers_init(fb__issuers *issuers, const fb_verifier *verifier, const fb_options *options,
                           fb_error *error)
{
    const fb_mem *mem = &verifier->mem;
    fb_status status = check_counts(options, error);
    if (status != FB_OK) {
        return status;
    }
    const size_t count = options->issuer_count;
    issuers->items = fb__alloc(mem, fb__size_add(fb__size_multiply(count, sizeof(*issuers->items)), 1));
    if (issuers->items == NULL) {
        return fb__out_of_memory(error);
    }
    while (issuers->count < count) {
        status = add_item(issuers, verifier, options, error);
        if (status != FB_OK) {
            return status;
        }
    }
    return count == 1 && !options->resolves_issuers ? FB_OK : build_index(issuers, mem, error);
}

void fb__issuers_clear(fb__issuers *issuers, const fb_mem *mem)
{
    for (size_t i = 0; i < issuers->count; i++) {
        fb__issuer_leave(issuers->items[i]);
    }
    fb__free(mem, issuers->items);
    fb__free(mem, issuers->slots);
    fb__free(mem, issuers->templates);
}
