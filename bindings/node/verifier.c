/*
 * Verifiers: construction and inspection. The options are a table; verify.c has the hot path, issuers.c what is done
 * for one issuer.
 */
#include "binding.h"

#include <stdlib.h>

/* ---- construction */

#define ISSUER(name, type, member) {name, type, offsetof(fb_issuer, member)}
#define OPTION(name, type, member) {name, type, offsetof(fb_options, member)}

/* The names that the core's messages use. */
static const fbnode_field ISSUER_OPTIONS[] = {
    ISSUER("issuer", FBNODE_LIST, identifiers),
    ISSUER("public_key", FBNODE_SLICE, public_key),
    ISSUER("jwks", FBNODE_SLICE, jwks),
    ISSUER("jwks_uri", FBNODE_SLICE, jwks_uri),
    ISSUER("secret", FBNODE_SLICE, secret),
    ISSUER("algorithms", FBNODE_LIST, algorithms),
    ISSUER("audience", FBNODE_LIST, audiences),
    ISSUER("token_type", FBNODE_SLICE, token_type),
    ISSUER("scope_claims", FBNODE_LIST, scope_claims),
    ISSUER("client_id_claims", FBNODE_LIST, client_id_claims),
    ISSUER("required_claims", FBNODE_PAIRS, required_claims),
    ISSUER("refresh_interval", FBNODE_DOUBLE, refresh_interval),
    ISSUER("stale_if_error", FBNODE_DOUBLE, stale_if_error),
    ISSUER("fetch_timeout", FBNODE_DOUBLE, fetch_timeout),
    ISSUER("max_jwks_bytes", FBNODE_SIZE, max_jwks_bytes),
    ISSUER("allow_http", FBNODE_BOOL, allow_http),
    ISSUER("headers", FBNODE_LIST, headers),
};

static const fbnode_field POLICY_OPTIONS[] = {
    OPTION("resolves_issuers", FBNODE_BOOL, resolves_issuers),
    OPTION("max_issuers", FBNODE_SIZE, max_issuers),
    OPTION("audience", FBNODE_LIST, audiences),
    OPTION("required_scopes", FBNODE_LIST, required_scopes),
    OPTION("scope_hierarchy", FBNODE_PAIRS, scope_hierarchy),
    OPTION("required_claims", FBNODE_PAIRS, required_claims),
    OPTION("leeway", FBNODE_DOUBLE, leeway),
    OPTION("clock_skew", FBNODE_DOUBLE, clock_skew),
    OPTION("require_exp", FBNODE_BOOL, require_exp),
    OPTION("token_type", FBNODE_SLICE, token_type),
    OPTION("scope_claims", FBNODE_LIST, scope_claims),
    OPTION("merge_scope_claims", FBNODE_BOOL, merge_scope_claims),
    OPTION("client_id_claims", FBNODE_LIST, client_id_claims),
    OPTION("sender_constrained", FBNODE_SLICE, sender_constrained),
    OPTION("max_token_bytes", FBNODE_SIZE, max_token_bytes),
    OPTION("cache_size", FBNODE_SIZE, cache_size),
    OPTION("cache_bytes", FBNODE_SIZE, cache_bytes),
    OPTION("arithmetic", FBNODE_SLICE, arithmetic),
};

#define DPOP(name, type, member) {name, type, offsetof(fb_dpop, member)}

static const fbnode_field DPOP_OPTIONS[] = {
    DPOP("max_age", FBNODE_DOUBLE, max_age),
    DPOP("required", FBNODE_BOOL, required),
    DPOP("algorithms", FBNODE_LIST, algorithms),
    DPOP("nonce_secret", FBNODE_SLICE, nonce_secret),
    DPOP("replay_capacity", FBNODE_SIZE, replay_capacity),
    DPOP("replay_by_host", FBNODE_BOOL, replay_by_host),
};

/* What FBNODE_PAIRS takes for granted. */
#define IS_COUNTED(type, items, count) (offsetof(type, count) == offsetof(type, items) + sizeof(void *))
_Static_assert(IS_COUNTED(fb_issuer, required_claims, required_claim_count) &&
                   IS_COUNTED(fb_options, required_claims, required_claim_count) &&
                   IS_COUNTED(fb_options, scope_hierarchy, scope_rule_count),
               "a count that does not follow its items");
_Static_assert(sizeof(fb_required_claim) == sizeof(fb_scope_rule) &&
                   offsetof(fb_required_claim, values) == offsetof(fb_scope_rule, implied),
               "pairs of two forms");

napi_value fbnode_option_names(napi_env env)
{
    fbnode_object out = fbnode_object_new(env);
    fbnode_set(&out, "policy", fbnode_fields_names(env, POLICY_OPTIONS, FBNODE_COUNT_OF(POLICY_OPTIONS)));
    fbnode_set(&out, "issuer", fbnode_fields_names(env, ISSUER_OPTIONS, FBNODE_COUNT_OF(ISSUER_OPTIONS)));
    fbnode_set(&out, "dpop", fbnode_fields_names(env, DPOP_OPTIONS, FBNODE_COUNT_OF(DPOP_OPTIONS)));
    return out.value;
}

napi_value fbnode_option_defaults(napi_env env)
{
    fb_issuer issuer = FB_ISSUER_INIT;
    fb_options options = FB_OPTIONS_INIT;
    fb_dpop dpop = FB_DPOP_INIT;
    fbnode_object out = fbnode_object_new(env), of_dpop = fbnode_object_new(env);
    fbnode_fields_write(&of_dpop, DPOP_OPTIONS, FBNODE_COUNT_OF(DPOP_OPTIONS), &dpop);
    fbnode_set(&out, "dpop", of_dpop.value);
    fbnode_fields_write(&out, ISSUER_OPTIONS, FBNODE_COUNT_OF(ISSUER_OPTIONS), &issuer);
    fbnode_fields_write(&out, POLICY_OPTIONS, FBNODE_COUNT_OF(POLICY_OPTIONS), &options);
    return out.value;
}

static void finalize(napi_env env, void *data, void *hint)
{
    (void)env;
    (void)hint;
    fbnode_verifier *handle = data;
    fb_verifier_free(handle->verifier);
    free(handle);
}

static bool may_fetch(const fb_options *options)
{
    bool fetches = options->resolves_issuers;
    for (size_t i = 0; i < options->issuer_count; i++) {
        const fb_issuer *issuer = &options->issuers[i];
        fetches |= issuer->public_key.data == NULL && issuer->jwks.data == NULL && issuer->secret.data == NULL;
    }
    return fetches;
}

/* A new verifier as a handle; NULL with *status set when there is none. */
static napi_value make(fbnode_call *call, const fb_options *options, fb_status *status, fb_error *error)
{
    fbnode_verifier *handle = malloc(sizeof(*handle));
    if (handle == NULL) {
        *status = FB_OUT_OF_MEMORY;
        return NULL;
    }
    *handle = (fbnode_verifier){
        .kind = FBNODE_VERIFIER,
        .fetches = may_fetch(options),
        .implies_scopes = options->scope_hierarchy != NULL,
        .has_replay_store = options->dpop != NULL && options->dpop->replay_by_host,
    };
    napi_value out = NULL;
    *status = fb_verifier_new(&handle->verifier, options, error);
    if (*status != FB_OK || napi_create_external(call->env, handle, finalize, NULL, &out) != napi_ok) {
        finalize(call->env, handle, NULL);
        return NULL;
    }
    return out;
}

/* Which no user gives by these names. */
static const fbnode_field INTROSPECTION[] = {
    ISSUER("introspection", FBNODE_SLICE, introspection),
    ISSUER("introspection_audience", FBNODE_SLICE, introspection_audience),
};

fb_issuer fbnode_read_issuer(fbnode_reader *reader, napi_value object)
{
    fb_issuer issuer = FB_ISSUER_INIT;
    fbnode_fields_read(reader, object, ISSUER_OPTIONS, FBNODE_COUNT_OF(ISSUER_OPTIONS), &issuer);
    fbnode_fields_read(reader, object, INTROSPECTION, FBNODE_COUNT_OF(INTROSPECTION), &issuer);
    return issuer;
}

static void read_issuers(fbnode_reader *reader, napi_value array, fb_options *options)
{
    uint32_t count = 0;
    if (napi_get_array_length(reader->env, array, &count) != napi_ok) {
        reader->failed = true;
        return;
    }
    fb_issuer *issuers = fbnode_reader_allocate(reader, (count + 1) * sizeof(*issuers));
    for (uint32_t i = 0; !reader->failed && i < count; i++) {
        napi_value one = NULL;
        reader->failed |= napi_get_element(reader->env, array, i, &one) != napi_ok;
        issuers[i] = fbnode_read_issuer(reader, one);
    }
    options->issuers = issuers;
    options->issuer_count = count;
}

/* dpop is filled in where there are options of it. */
static void read_dpop(fbnode_reader *reader, napi_value object, fb_dpop *dpop, fb_options *options)
{
    napi_valuetype type = napi_undefined;
    reader->failed |= napi_typeof(reader->env, object, &type) != napi_ok;
    if (type == napi_object) {
        fbnode_fields_read(reader, object, DPOP_OPTIONS, FBNODE_COUNT_OF(DPOP_OPTIONS), dpop);
        options->dpop = dpop;
    }
}

/* False: there is something that is not a set of revocations. */
static bool read_revocations(const fbnode_call *call, napi_value value, fb_options *options)
{
    napi_valuetype type = napi_undefined;
    if (napi_typeof(call->env, value, &type) != napi_ok) {
        return false;
    }
    options->revocations = type == napi_undefined ? NULL : fbnode_revocations(call, 3);
    return type == napi_undefined || options->revocations != NULL;
}

/* ({ name: value, ... }, [issuer, ...], { name: value, ... } of DPoP or undefined, set of revocations or undefined) ->
 * handle, or a failure. */
static napi_value create(napi_env env, napi_callback_info info)
{
    fbnode_call call;
    if (!fbnode_begin(&call, env, info)) {
        return NULL;
    }
    fbnode_reader reader = {.env = env};
    fb_options options = FB_OPTIONS_INIT;
    fb_dpop dpop = FB_DPOP_INIT;
    fb_error error = FB_ERROR_INIT;
    fb_status status = FB_OUT_OF_MEMORY;
    napi_value handle = NULL;
    fbnode_fields_read(&reader, call.arguments[0], POLICY_OPTIONS, FBNODE_COUNT_OF(POLICY_OPTIONS), &options);
    read_issuers(&reader, call.arguments[1], &options);
    read_dpop(&reader, call.arguments[2], &dpop, &options);
    reader.failed |= !read_revocations(&call, call.arguments[3], &options);
    if (!reader.failed) {
        handle = make(&call, &options, &status, &error);
    }
    fbnode_reader_clear(&reader);
    napi_value failure = fbnode_outcome(&call, status, &error);
    return status == FB_OK ? handle : failure;
}

const fb_verifier *fbnode_open_verifier(fbnode_call *call, napi_env env, napi_callback_info info)
{
    fbnode_verifier *handle = fbnode_begin(call, env, info) ? fbnode_handle(call, 0, FBNODE_VERIFIER) : NULL;
    if (handle != NULL && handle->verifier == NULL) {
        (void)fbnode_closed(call);
    }
    return handle == NULL ? NULL : handle->verifier;
}

static napi_value close_verifier(napi_env env, napi_callback_info info)
{
    fbnode_call call;
    fbnode_verifier *handle = fbnode_begin(&call, env, info) ? fbnode_handle(&call, 0, FBNODE_VERIFIER) : NULL;
    if (handle != NULL) {
        fb_verifier_free(handle->verifier);
        handle->verifier = NULL;
    }
    return NULL;
}

/* ---- inspection */

#define KEY(name, type, member) {name, type, offsetof(fb_key_info, member)}

static const fbnode_field KEY_FIELDS[] = {
    KEY("kid", FBNODE_SLICE, kid),
    KEY("kty", FBNODE_SLICE, kty),
    KEY("alg", FBNODE_SLICE, alg),
    KEY("crv", FBNODE_SLICE, crv),
    KEY("bits", FBNODE_INT, bits),
    KEY("usable", FBNODE_BOOL, usable),
    KEY("problem", FBNODE_SLICE, problem),
    KEY("arithmetic", FBNODE_SLICE, arithmetic),
    KEY("tableBytes", FBNODE_SIZE, table_bytes),
    KEY("issuer", FBNODE_SLICE, identifier),
    KEY("fetchedAt", FBNODE_DOUBLE, fetched_at),
    KEY("freshUntil", FBNODE_DOUBLE, fresh_until),
};

static napi_value keys_array(napi_env env, const fb_keys *keys)
{
    napi_value array = NULL;
    if (napi_create_array(env, &array) != napi_ok) {
        return NULL;
    }
    for (size_t i = 0; i < fb_keys_count(keys); i++) {
        fbnode_object key = fbnode_object_new(env);
        fbnode_fields_write(&key, KEY_FIELDS, FBNODE_COUNT_OF(KEY_FIELDS), fb_keys_at(keys, i));
        if (key.value == NULL || napi_set_element(env, array, (uint32_t)i, key.value) != napi_ok) {
            return NULL;
        }
    }
    return array;
}

/* (handle) -> array of keys, or the details of a failure. */
static napi_value keys(napi_env env, napi_callback_info info)
{
    fbnode_call call;
    const fb_verifier *verifier = fbnode_open_verifier(&call, env, info);
    if (verifier == NULL) {
        return NULL;
    }
    fb_keys *held = NULL;
    fb_error error = FB_ERROR_INIT;
    fb_status status = fb_verifier_keys(verifier, fb_clock_now(), &held, &error);
    if (status != FB_OK) {
        return fbnode_outcome(&call, status, &error);
    }
    napi_value out = keys_array(env, held);
    fb_keys_free(held);
    (void)fbnode_outcome(&call, out == NULL ? FB_OUT_OF_MEMORY : FB_OK, &error);
    return out;
}

#define STAT(name, type, member) {name, type, offsetof(fb_stats, member)}

static const fbnode_field STATS_FIELDS[] = {
    STAT("verified", FBNODE_UINT64, verified),
    STAT("rejected", FBNODE_UINT64, rejected),
    STAT("cacheHits", FBNODE_UINT64, cache_hits),
    STAT("cacheMisses", FBNODE_UINT64, cache_misses),
    STAT("cacheEvictions", FBNODE_UINT64, cache_evictions),
    STAT("cacheEntries", FBNODE_UINT64, cache_entries),
    STAT("cacheBytes", FBNODE_UINT64, cache_bytes),
    STAT("fetches", FBNODE_UINT64, fetches),
    STAT("fetchFailures", FBNODE_UINT64, fetch_failures),
    STAT("generation", FBNODE_UINT64, generation),
    STAT("tableBytes", FBNODE_UINT64, table_bytes),
    STAT("arithmeticChecks", FBNODE_UINT64, arithmetic_checks),
    STAT("arithmeticDisagreements", FBNODE_UINT64, arithmetic_disagreements),
    STAT("keysHeld", FBNODE_BOOL, keys_held),
    STAT("keysFresh", FBNODE_BOOL, keys_fresh),
    STAT("lastError", FBNODE_CHARS, last_error),
    STAT("issuerEvictions", FBNODE_UINT64, issuer_evictions),
    STAT("unknownIssuers", FBNODE_UINT64, unknown_issuers),
    STAT("replayEntries", FBNODE_UINT64, replay_entries),
    STAT("replayEvictions", FBNODE_UINT64, replay_evictions),
    STAT("proofKeys", FBNODE_UINT64, proof_keys),
    STAT("fetchSeconds", FBNODE_DOUBLE, fetch_seconds),
    STAT("imports", FBNODE_UINT64, imports),
    STAT("keyAge", FBNODE_DOUBLE, key_age),
    STAT("introspections", FBNODE_UINT64, introspections),
};

/* (handle) -> counters by name, or the details of a failure. */
static napi_value stats(napi_env env, napi_callback_info info)
{
    fbnode_call call;
    const fb_verifier *verifier = fbnode_open_verifier(&call, env, info);
    if (verifier == NULL) {
        return NULL;
    }
    fb_stats held = FB_STATS_INIT;
    fb_error error = FB_ERROR_INIT;
    fb_status status = fb_verifier_stats(verifier, fb_clock_now().monotonic_seconds, &held, &error);
    if (status != FB_OK) {
        return fbnode_outcome(&call, status, &error);
    }
    fbnode_object out = fbnode_object_new(env), reasons = fbnode_object_new(env);
    for (size_t i = 0; i < held.reason_count; i++) {
        fbnode_set_number(&reasons, fb_status_name(held.reasons[i].status), (double)held.reasons[i].count);
    }
    fbnode_fields_write(&out, STATS_FIELDS, FBNODE_COUNT_OF(STATS_FIELDS), &held);
    fbnode_set(&out, "reasons", reasons.value);
    (void)fbnode_outcome(&call, out.value == NULL ? FB_OUT_OF_MEMORY : FB_OK, &error);
    return out.value;
}

/* (handle, status, issuer or undefined): a refusal that an adapter has added. */
static napi_value count_refusal(napi_env env, napi_callback_info info)
{
    fbnode_call call;
    const fb_verifier *verifier = fbnode_open_verifier(&call, env, info);
    if (verifier != NULL) {
        fb_verifier_count_issuer_refusal(verifier, fbnode_issuer_number(&call, call.arguments[2]),
                                         (fb_status)(int)fbnode_number(&call, call.arguments[1]));
    }
    return NULL;
}

const fbnode_function fbnode_verifier_functions[] = {
    {"create", create}, {"close", close_verifier}, {"countRefusal", count_refusal},
    {"keys", keys},     {"stats", stats},          {NULL, NULL},
};
