/*
 * The addon's entry: what a JavaScript environment gets when it loads the image. Everything here is private to
 * node/lib. Numbers that JavaScript compares with are exported by name.
 */
#include "binding.h"

#include <stdlib.h>

static const struct {
    const char *name;
    double value;
} CONSTANTS[] = {
    {"STATUS", FBNODE_STATUS},
    {"DUE", FBNODE_DUE},
    {"WARNING", FBNODE_WARNING},
    {"ISSUER", FBNODE_ISSUER},
    {"KEEP", FBNODE_KEEP},
    {"EXPIRES_AT", FBNODE_EXPIRES_AT},
    {"CLIENT_ID", FBNODE_CLIENT_ID},
    {"SUBJECT", FBNODE_SUBJECT},
    {"RESOURCE", FBNODE_RESOURCE},
    {"KID", FBNODE_KID},
    {"PAYLOAD", FBNODE_PAYLOAD},
    {"ISSUER_TEXT", FBNODE_ISSUER_TEXT},
    {"SCOPES", FBNODE_SCOPES},
    {"FIRST_SCOPE", FBNODE_FIRST_SCOPE},
    {"OK", FB_OK},
    {"CLOSED", FBNODE_CLOSED},
    {"KEYS_NEEDED", FB_KEYS_NEEDED},
    {"KEYS_UNAVAILABLE", FB_KEYS_UNAVAILABLE},
    {"ISSUER_NEEDED", FB_ISSUER_NEEDED},
    {"TOKEN_MISSING", FB_TOKEN_MISSING},
    {"INSUFFICIENT_SCOPE", FB_INSUFFICIENT_SCOPE},
    {"PROOF_REPLAYED", FB_PROOF_REPLAYED},
    {"INTROSPECTION_NEEDED", FB_INTROSPECTION_NEEDED},
    {"TOKEN_REVOKED", FB_TOKEN_REVOKED},
    {"STATUS_UNAVAILABLE", FB_STATUS_UNAVAILABLE},
    {"OUT_OF_MEMORY", FB_OUT_OF_MEMORY},
    {"REFRESH_TOKEN", FB_REFRESH_TOKEN},
    {"REFRESH_AHEAD", FB_REFRESH_AHEAD},
    {"REFRESH_EXPLICIT", FB_REFRESH_EXPLICIT},
    {"FETCH_NOW", FB_FETCH_NOW},
    {"RESOLVE_NOW", FB_RESOLVE_NOW},
    {"RESOLVED", FB_RESOLVED},
    {"NO_SUCH_ISSUER", FB_NO_SUCH_ISSUER},
    {"RESOLVE_FAILED", FB_RESOLVE_FAILED},
};

static napi_value constants(napi_env env)
{
    fbnode_object out = fbnode_object_new(env);
    for (size_t i = 0; i < FBNODE_COUNT_OF(CONSTANTS); i++) {
        fbnode_set_number(&out, CONSTANTS[i].name, CONSTANTS[i].value);
    }
    return out.value;
}

/* (status) -> { code, message, status, oauthError }: what a failure of this status is without a token. */
static napi_value status_of(napi_env env, napi_callback_info info)
{
    fbnode_call call;
    if (!fbnode_begin(&call, env, info)) {
        return NULL;
    }
    fb_status status = (fb_status)(int)fbnode_number(&call, call.arguments[0]);
    fbnode_object out = fbnode_object_new(env);
    fbnode_set_text(&out, "code", fb_text(fb_status_name(status)));
    fbnode_set_text(&out, "message", fb_text(fb_status_text(status)));
    fbnode_set_number(&out, "status", fb_status_http(status));
    fbnode_set_text(&out, "oauthError", fb_text(fb_status_oauth(status)));
    return out.value;
}

/* Why arithmetic of the core's own is not used, or undefined. */
static napi_value arithmetic_problem(napi_env env, napi_callback_info info)
{
    (void)info;
    return fbnode_text(env, fb_text(fb_arithmetic_problem()));
}

/* (token) -> [header, payload], or the details of a failure. */
static napi_value decode_unverified(napi_env env, napi_callback_info info)
{
    fbnode_call call;
    if (!fbnode_begin(&call, env, info)) {
        return NULL;
    }
    fbnode_reader reader = {.env = env};
    fb_slice token = fbnode_read_text(&reader, call.arguments[0]);
    fb_unverified *unverified = NULL;
    fb_error error = FB_ERROR_INIT;
    fb_status status = FB_OUT_OF_MEMORY;
    napi_value out = NULL;
    if (!reader.failed) {
        status = fb_decode_unverified(token.data, token.size, NULL, &unverified, &error);
    }
    if (status == FB_OK) {
        fb_slice parts[] = {fb_unverified_header(unverified), fb_unverified_payload(unverified)};
        out = fbnode_texts(env, (fb_list){parts, FBNODE_COUNT_OF(parts)});
        fb_unverified_free(unverified);
    }
    fbnode_reader_clear(&reader);
    napi_value failure = fbnode_outcome(&call, status, &error);
    return status == FB_OK ? out : failure;
}

/* (text) -> boolean */
static napi_value is_public_address(napi_env env, napi_callback_info info)
{
    fbnode_call call;
    if (!fbnode_begin(&call, env, info)) {
        return NULL;
    }
    fbnode_reader reader = {.env = env};
    napi_value out = NULL;
    fb_slice address = fbnode_read_text(&reader, call.arguments[0]);
    (void)napi_get_boolean(env, !reader.failed && fb_address_is_public(address), &out);
    fbnode_reader_clear(&reader);
    return out;
}

static const fbnode_function MODULE_FUNCTIONS[] = {
    {"statusOf", status_of},
    {"arithmeticProblem", arithmetic_problem},
    {"decodeUnverified", decode_unverified},
    {"isPublicAddress", is_public_address},
    {NULL, NULL},
};

static void export_functions(fbnode_object *exports, fbnode_environment *environment, const fbnode_function *functions)
{
    for (; functions->name != NULL; functions++) {
        napi_value function = NULL;
        (void)napi_create_function(exports->env, functions->name, NAPI_AUTO_LENGTH, functions->callback, environment,
                                   &function);
        fbnode_set(exports, functions->name, function);
    }
}

static napi_value versions(napi_env env)
{
    fbnode_object out = fbnode_object_new(env);
    fbnode_set_text(&out, "fastbearer", fb_text(fb_version()));
    fbnode_set_text(&out, "openssl", fb_text(fb_openssl_version()));
    fbnode_set_text(&out, "jansson", fb_text(fb_jansson_version()));
    fb_version_info info = FB_VERSION_INFO_INIT;
    napi_value built_in = NULL;
    (void)napi_get_boolean(env, fb_versions(&info) && info.built_in, &built_in);
    fbnode_set(&out, "builtIn", built_in);
    return out.value;
}

/* The last that Node calls: references are gone by themselves then. */
static void environment_free(napi_env env, void *data, void *hint)
{
    (void)env;
    (void)hint;
    fbnode_environment *environment = data;
    free(environment->text);
    free(environment);
}

/* The Float64Array that both sides see, held for as long as the environment lives. NULL on failure. */
static napi_value signals_new(napi_env env, fbnode_environment *environment)
{
    napi_value buffer = NULL, array = NULL;
    void *memory = NULL;
    if (napi_create_arraybuffer(env, FBNODE_SIGNALS * sizeof(double), &memory, &buffer) != napi_ok ||
        napi_create_typedarray(env, napi_float64_array, FBNODE_SIGNALS, buffer, 0, &array) != napi_ok ||
        napi_create_reference(env, buffer, 1, &environment->signals_reference) != napi_ok) {
        return NULL;
    }
    environment->signals = memory;
    return array;
}

NAPI_MODULE_INIT()
{
    fbnode_environment *environment = calloc(1, sizeof(*environment));
    if (environment == NULL) {
        (void)napi_throw_error(env, NULL, "out of memory");
        return NULL;
    }
    napi_value signals = signals_new(env, environment);
    if (signals == NULL || napi_set_instance_data(env, environment, environment_free, NULL) != napi_ok) {
        free(environment);
        return NULL;
    }
    fbnode_object out = {env, exports};
    fbnode_set(&out, "signals", signals);
    fbnode_set(&out, "constants", constants(env));
    fbnode_set(&out, "optionNames", fbnode_option_names(env));
    fbnode_set(&out, "optionDefaults", fbnode_option_defaults(env));
    fbnode_set(&out, "rpcOptionNames", fbnode_rpc_option_names(env));
    fbnode_set(&out, "versions", versions(env));
    fbnode_set_text(&out, "opensslHeader", fb_text(FB_NODE_OPENSSL_HEADER));
    export_functions(&out, environment, MODULE_FUNCTIONS);
    export_functions(&out, environment, fbnode_verifier_functions);
    export_functions(&out, environment, fbnode_verify_functions);
    export_functions(&out, environment, fbnode_request_functions);
    export_functions(&out, environment, fbnode_issuers_functions);
    export_functions(&out, environment, fbnode_status_functions);
    export_functions(&out, environment, fbnode_files_functions);
    export_functions(&out, environment, fbnode_keypair_functions);
    export_functions(&out, environment, fbnode_rpc_functions);
    return out.value;
}
