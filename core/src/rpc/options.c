/*
 * The options of a policy, checked once and copied. Whatever is wrong is refused here with the option's name; nothing
 * of a request is looked at.
 */
#include "rpc/rpc.h"

static fb_status refuse(fb_error *error, const char *option, fb_slice pattern, const char *what)
{
    char text[100];
    fb__printable(text, sizeof(text), pattern);
    return fb__fail(error, FB_CONFIGURATION_INVALID, "%s: \"%s\" %s", option, text, what);
}

static fb_status check_name(fb_slice name, const char *option, fb_error *error)
{
    if (name.data == NULL || name.size == 0) {
        return fb__fail(error, FB_CONFIGURATION_INVALID, "%s must not hold an empty name", option);
    }
    return name.size <= FB__RPC_MAX_PATTERN ? FB_OK : refuse(error, option, name, "is longer than 256 bytes");
}

/* ---- anonymous methods ---------------------------------------------------------------------- */

static fb_status check_methods(const fb_list *methods, fb_error *error)
{
    if (methods->items == NULL && methods->count > 0) {
        return fb__fail(error, FB_CONFIGURATION_INVALID, "anonymous has a count, but no items");
    }
    if (methods->count > FB__RPC_MAX_METHODS) {
        return fb__fail(error, FB_CONFIGURATION_INVALID, "anonymous holds more than %d methods", FB__RPC_MAX_METHODS);
    }
    for (size_t i = 0; i < methods->count; i++) {
        const fb_slice method = methods->items[i];
        const fb_status status = check_name(method, "anonymous", error);
        if (status != FB_OK) {
            return status;
        }
        if (memchr(method.data, '*', method.size) != NULL) {
            return refuse(error, "anonymous", method, "is a pattern; methods are given by their whole names");
        }
    }
    return FB_OK;
}

static fb_status read_methods(fb_rpc_policy *policy, const fb_list *given, fb_error *error)
{
    static const fb_slice initialize = {"initialize", 10}, initialized = {"notifications/initialized", 25};
    const fb_status status = check_methods(given, error);
    if (status != FB_OK) {
        return status;
    }
    fb_slice *methods = fb__arena_take(&policy->arena, (given->count + 1) * sizeof(*methods));
    if (methods == NULL) {
        return fb__out_of_memory(error);
    }
    policy->anonymous.items = methods;
    for (size_t i = 0; i < given->count; i++) {
        if (!fb__arena_copy(&policy->arena, given->items[i], &methods[policy->anonymous.count++])) {
            return fb__out_of_memory(error);
        }
    }
    for (size_t i = 0; i < given->count; i++) {
        if (fb__slice_equal(given->items[i], initialize)) {
            methods[policy->anonymous.count++] = initialized;
            break;
        }
    }
    return FB_OK;
}

/* ---- rules ---------------------------------------------------------------------------------- */

/* RFC 6749 section 3.3. */
static bool is_scope(fb_slice scope)
{
    for (size_t i = 0; i < scope.size; i++) {
        const char c = scope.data[i];
        if (c <= ' ' || c > '~' || c == '"' || c == '\\') {
            return false;
        }
    }
    return scope.data != NULL && scope.size > 0;
}

/* The bit of scope, which is added when it is new. */
static fb_status read_scope(fb_rpc_policy *policy, fb_slice scope, const char *option, uint64_t *bit, fb_error *error)
{
    size_t place = 0;
    if (!is_scope(scope)) {
        return fb__fail(error, FB_CONFIGURATION_INVALID,
                        "%s: a scope is visible ASCII without quotes, backslashes and spaces (RFC 6749 section 3.3)",
                        option);
    }
    while (place < policy->scope_count && !fb__slice_equal(policy->scopes[place], scope)) {
        place++;
    }
    *bit = (uint64_t)1 << place % FB__RPC_MAX_SCOPES;
    if (place < policy->scope_count) {
        return FB_OK;
    }
    if (place == FB__RPC_MAX_SCOPES) {
        return fb__fail(error, FB_CONFIGURATION_INVALID, "%s: there are more than %d scopes", option,
                        FB__RPC_MAX_SCOPES);
    }
    policy->scope_count++;
    return fb__arena_copy(&policy->arena, scope, &policy->scopes[place]) ? FB_OK : fb__out_of_memory(error);
}

static fb_status read_rule(fb_rpc_policy *policy, const fb_rpc_rule *given, const char *option, fb__rpc_rule *out,
                           fb_error *error)
{
    fb_status status = check_name(given->pattern, option, error);
    if (status == FB_OK && (given->scopes.items == NULL || given->scopes.count == 0)) {
        status = refuse(error, option, given->pattern, "must name at least one scope; all patterns that match count");
    }
    for (size_t i = 0; status == FB_OK && i < given->scopes.count; i++) {
        uint64_t bit = 0;
        status = read_scope(policy, given->scopes.items[i], option, &bit, error);
        out->scopes |= bit;
    }
    if (status != FB_OK) {
        return status;
    }
    return fb__arena_copy(&policy->arena, given->pattern, &out->pattern) ? FB_OK : fb__out_of_memory(error);
}

static fb_status read_rules(fb_rpc_policy *policy, fb__rpc_kind kind, const fb_rpc_rule *given, size_t count,
                            const char *option, fb_error *error)
{
    if (given == NULL && count > 0) {
        return fb__fail(error, FB_CONFIGURATION_INVALID, "%s has a count, but no rules", option);
    }
    if (count > FB__RPC_MAX_RULES) {
        return fb__fail(error, FB_CONFIGURATION_INVALID, "%s has more than %d patterns", option, FB__RPC_MAX_RULES);
    }
    fb__rpc_rule *rules = fb__arena_take(&policy->arena, (count + 1) * sizeof(*rules));
    if (rules == NULL) {
        return fb__out_of_memory(error);
    }
    for (size_t i = 0; i < count; i++) {
        const fb_status status = read_rule(policy, &given[i], option, &rules[i], error);
        if (status != FB_OK) {
            return status;
        }
        if (kind == FB__RPC_RESOURCE && !fb__uri_pattern_is_plain(rules[i].pattern)) {
            return refuse(error, option, rules[i].pattern, "is not the URI of a resource in its normal form");
        }
        policy->rules[kind].all |= rules[i].scopes;
    }
    policy->rules[kind].items = rules;
    policy->rules[kind].count = count;
    return FB_OK;
}

static fb_status read_options(fb_rpc_policy *policy, const fb_rpc_options *options, fb_error *error)
{
    if (options->max_body_bytes < 1 || options->max_body_bytes > (size_t)1 << 30) {
        return fb__fail(error, FB_CONFIGURATION_INVALID, "max_body_bytes must be between 1 and %d", 1 << 30);
    }
    policy->max_body_bytes = options->max_body_bytes;
    fb_status status = read_methods(policy, &options->anonymous, error);
    if (status == FB_OK) {
        status =
            read_rules(policy, FB__RPC_TOOL, options->tool_scopes, options->tool_scope_count, "tool_scopes", error);
    }
    if (status == FB_OK) {
        status = read_rules(policy, FB__RPC_RESOURCE, options->resource_scopes, options->resource_scope_count,
                            "resource_scopes", error);
    }
    if (status == FB_OK) {
        status = read_rules(policy, FB__RPC_PROMPT, options->prompt_scopes, options->prompt_scope_count,
                            "prompt_scopes", error);
    }
    return status;
}

/* ---- the policy ----------------------------------------------------------------------------- */

fb_status fb_rpc_policy_new(fb_rpc_policy **out, const fb_rpc_options *given, fb_error *error)
{
    *out = NULL;
    fb_rpc_options options = FB_RPC_OPTIONS_INIT;
    if (given->size <= sizeof(given->size) || given->size > sizeof(options)) {
        return fb__fail(error, FB_CONFIGURATION_INVALID, "options must start from FB_RPC_OPTIONS_INIT");
    }
    memcpy(&options, given, given->size);
    const fb_mem mem = options.mem == NULL ? fb__mem_default : *options.mem;
    fb_rpc_policy *policy = fb__zalloc(&mem, sizeof(*policy));
    if (policy == NULL) {
        return fb__out_of_memory(error);
    }
    policy->arena.mem = mem;
    const fb_status status = read_options(policy, &options, error);
    if (status != FB_OK) {
        fb_rpc_policy_free(policy);
        return status;
    }
    *out = policy;
    return fb__succeed(error);
}

void fb_rpc_policy_free(fb_rpc_policy *policy)
{
    if (policy != NULL) {
        const fb_mem mem = policy->arena.mem;
        fb__arena_clear(&policy->arena);
        fb__free(&mem, policy);
    }
}

fb_list fb_rpc_policy_scopes(const fb_rpc_policy *policy)
{
    return (fb_list){policy->scopes, policy->scope_count};
}

bool fb_rpc_policy_has_anonymous(const fb_rpc_policy *policy)
{
    return policy->anonymous.count > 0;
}

size_t fb_rpc_policy_max_body_bytes(const fb_rpc_policy *policy)
{
    return policy->max_body_bytes;
}
