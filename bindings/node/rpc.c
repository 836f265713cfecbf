/*
 * What the bodies of JSON-RPC requests ask for: a policy, and its answers. Given checked arguments. Which method needs
 * what is the core's.
 */
#include "binding.h"

#define OPTION(name, type, member) {name, type, offsetof(fb_rpc_options, member)}

static const fbnode_field RPC_OPTIONS[] = {
    OPTION("anonymous", FBNODE_LIST, anonymous),
    OPTION("tool_scopes", FBNODE_PAIRS, tool_scopes),
    OPTION("resource_scopes", FBNODE_PAIRS, resource_scopes),
    OPTION("prompt_scopes", FBNODE_PAIRS, prompt_scopes),
    OPTION("max_body_bytes", FBNODE_SIZE, max_body_bytes),
};

/* What FBNODE_PAIRS takes for granted. */
#define IS_COUNTED(items, count) (offsetof(fb_rpc_options, count) == offsetof(fb_rpc_options, items) + sizeof(void *))
_Static_assert(IS_COUNTED(tool_scopes, tool_scope_count) && IS_COUNTED(resource_scopes, resource_scope_count) &&
                   IS_COUNTED(prompt_scopes, prompt_scope_count),
               "a count that does not follow its items");
_Static_assert(sizeof(fb_required_claim) == sizeof(fb_rpc_rule) &&
                   offsetof(fb_required_claim, values) == offsetof(fb_rpc_rule, scopes),
               "pairs of two forms");

static const fb_rpc_policy *policy_of(fbnode_call *call, napi_env env, napi_callback_info info)
{
    return fbnode_begin(call, env, info) ? fbnode_owned(call, 0, FBNODE_RPC_POLICY) : NULL;
}

/* ({ name: value, ... }) -> handle, or a failure. Patterns are [[pattern, scopes], ...]. */
static napi_value create(napi_env env, napi_callback_info info)
{
    fbnode_call call;
    if (!fbnode_begin(&call, env, info)) {
        return NULL;
    }
    fbnode_reader reader = {.env = env};
    fb_rpc_options options = FB_RPC_OPTIONS_INIT;
    fb_rpc_policy *policy = NULL;
    fb_error error = FB_ERROR_INIT;
    fb_status status = FB_OUT_OF_MEMORY;
    fbnode_fields_read(&reader, call.arguments[0], RPC_OPTIONS, FBNODE_COUNT_OF(RPC_OPTIONS), &options);
    if (!reader.failed) {
        status = fb_rpc_policy_new(&policy, &options, &error);
    }
    fbnode_reader_clear(&reader);
    napi_value handle = status == FB_OK ? fbnode_own(env, FBNODE_RPC_POLICY, policy) : NULL;
    if (status == FB_OK && handle == NULL) {
        status = FB_OUT_OF_MEMORY;
    }
    napi_value failure = fbnode_outcome(&call, status, &error);
    return status == FB_OK ? handle : failure;
}

/* (handle) -> { scopes, hasAnonymous, maxBodyBytes } */
static napi_value describe(napi_env env, napi_callback_info info)
{
    fbnode_call call;
    const fb_rpc_policy *policy = policy_of(&call, env, info);
    napi_value has_anonymous = NULL;
    if (policy == NULL || napi_get_boolean(env, fb_rpc_policy_has_anonymous(policy), &has_anonymous) != napi_ok) {
        return NULL;
    }
    fbnode_object out = fbnode_object_new(env);
    fbnode_set(&out, "scopes", fbnode_texts(env, fb_rpc_policy_scopes(policy)));
    fbnode_set(&out, "hasAnonymous", has_anonymous);
    fbnode_set_number(&out, "maxBodyBytes", (double)fb_rpc_policy_max_body_bytes(policy));
    return out.value;
}

/* (handle, [name, value, ...]) -> undefined, or a failure. */
static napi_value check_headers(napi_env env, napi_callback_info info)
{
    fbnode_call call;
    const fb_rpc_policy *policy = policy_of(&call, env, info);
    if (policy == NULL) {
        return NULL;
    }
    fbnode_reader reader = {.env = env};
    fb_list texts = fbnode_read_texts(&reader, call.arguments[1]);
    fb_header *headers =
        reader.failed ? NULL : fbnode_reader_allocate(&reader, (texts.count / 2 + 1) * sizeof(*headers));
    fb_error error = FB_ERROR_INIT;
    fb_status status = FB_OUT_OF_MEMORY;
    for (size_t i = 0; headers != NULL && i < texts.count / 2; i++) {
        headers[i] = (fb_header){texts.items[2 * i], texts.items[2 * i + 1]};
    }
    if (headers != NULL) {
        status = fb_rpc_check_headers(policy, headers, texts.count / 2, &error);
    }
    fbnode_reader_clear(&reader);
    return fbnode_outcome(&call, status, &error);
}

/* { anonymous, scopes } */
static napi_value present(napi_env env, const fb_rpc_policy *policy, const fb_rpc_answer *answer)
{
    const fb_list all = fb_rpc_policy_scopes(policy);
    fb_slice needed[64];
    size_t count = 0;
    for (size_t i = 0; i < all.count; i++) {
        if ((answer->scopes >> i & 1) != 0) {
            needed[count++] = all.items[i];
        }
    }
    napi_value anonymous = NULL;
    fbnode_object out = fbnode_object_new(env);
    (void)napi_get_boolean(env, answer->anonymous, &anonymous);
    fbnode_set(&out, "anonymous", anonymous);
    fbnode_set(&out, "scopes", fbnode_texts(env, (fb_list){needed, count}));
    return out.value;
}

/* (handle, body) -> { anonymous, scopes }, or a failure. */
static napi_value check(napi_env env, napi_callback_info info)
{
    fbnode_call call;
    const fb_rpc_policy *policy = policy_of(&call, env, info);
    if (policy == NULL) {
        return NULL;
    }
    fbnode_reader reader = {.env = env};
    fb_slice body = fbnode_read_text(&reader, call.arguments[1]);
    fb_rpc_answer answer = FB_RPC_ANSWER_INIT;
    fb_error error = FB_ERROR_INIT;
    fb_status status = FB_OUT_OF_MEMORY;
    if (!reader.failed) {
        status = fb_rpc_check(policy, body.data, body.size, &answer, &error);
    }
    fbnode_reader_clear(&reader);
    napi_value out = status == FB_OK ? present(env, policy, &answer) : NULL;
    if (status == FB_OK && out == NULL) {
        status = FB_OUT_OF_MEMORY;
    }
    napi_value failure = fbnode_outcome(&call, status, &error);
    return status == FB_OK ? out : failure;
}

napi_value fbnode_rpc_option_names(napi_env env)
{
    return fbnode_fields_names(env, RPC_OPTIONS, FBNODE_COUNT_OF(RPC_OPTIONS));
}

const fbnode_function fbnode_rpc_functions[] = {
    {"createRpcPolicy", create},
    {"describeRpcPolicy", describe},
    {"checkRpcHeaders", check_headers},
    {"checkRpc", check},
    {NULL, NULL},
};
