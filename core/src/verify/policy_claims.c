/*
 * The options about claims that a verifier has and each of its issuers may replace: audiences, token_type, where scopes
 * and the client id are, required claims. Checked and copied; messages name them as the bindings do.
 */
#include "verify/verify.h"

fb_status fb__policy_check_list(const fb_list *list, const char *option, bool needs_item, fb_error *error)
{
    if (list->items == NULL) {
        return list->count == 0 ? FB_OK
                                : fb__fail(error, FB_CONFIGURATION_INVALID, "%s has a count, but no items", option);
    }
    if (list->count == 0 && needs_item) {
        return fb__fail(error, FB_CONFIGURATION_INVALID,
                        "%s is an empty list, which no token could satisfy; leave it out if it is not to be checked",
                        option);
    }
    for (size_t i = 0; i < list->count; i++) {
        if (list->items[i].data == NULL || list->items[i].size == 0) {
            return fb__fail(error, FB_CONFIGURATION_INVALID, "%s must not hold an empty string", option);
        }
    }
    return FB_OK;
}

bool fb__policy_copy_list(fb__arena *arena, const fb_list *from, fb_list *out)
{
    fb_slice *items = fb__arena_take(arena, fb__size_multiply(from->count, sizeof(*items)));
    bool good = items != NULL;
    for (size_t i = 0; good && i < from->count; i++) {
        good = fb__arena_copy(arena, from->items[i], &items[i]);
    }
    *out = (fb_list){items, from->count};
    return good;
}

/* The option's name, which text it is about, and what is wrong with it. */
static fb_status refuse(fb_error *error, const char *option, fb_slice text, const char *problem)
{
    char printable[60];
    fb__printable(printable, sizeof(printable), text);
    return fb__fail(error, FB_CONFIGURATION_INVALID, "%s: \"%s\" holds %s", option, printable, problem);
}

/* ---- audiences ------------------------------------------------------------------------------ */

/* RFC 3986 section 3.2: the host is between userinfo and port. */
static void find_host(fb__audience *audience)
{
    const fb_slice text = audience->text;
    size_t end = audience->folds.scheme + 3, port = 0;
    audience->folds.host = end;
    for (; end < text.size; end++) {
        if (text.data[end] == '/' || text.data[end] == '?' || text.data[end] == '#') {
            break;
        }
        if (text.data[end] == '@') {
            audience->folds.host = end + 1;
            port = 0;
        } else if (text.data[end] == ':' && port == 0) {
            port = end;
        } else if (text.data[end] == ']') {
            port = 0; /* colons within brackets are an address's */
        }
    }
    audience->folds.host_end = port == 0 ? end : port;
}

static fb_status read_audiences(fb__policy *policy, fb__arena *arena, const fb__claim_options *options, fb_error *error)
{
    const fb_list *given = &options->audiences;
    const fb_status status = fb__policy_check_list(given, "audience", !options->of_issuer, error);
    if (status != FB_OK || given->items == NULL) {
        return status;
    }
    fb__audience *audiences = fb__arena_take(arena, fb__size_multiply(given->count, sizeof(*audiences)));
    if (audiences == NULL || !fb__policy_copy_list(arena, given, &policy->audience_texts)) {
        return fb__out_of_memory(error);
    }
    for (size_t i = 0; i < given->count; i++) {
        audiences[i].text = policy->audience_texts.items[i];
        audiences[i].folds.scheme = fb__url_scheme(audiences[i].text);
        if (audiences[i].folds.scheme > 0) {
            find_host(&audiences[i]);
        }
    }
    policy->audiences = audiences;
    policy->audience_count = given->count;
    return FB_OK;
}

/* ---- where claims are ----------------------------------------------------------------------- */

/* What is reading, for whom. */
struct reading {
    fb__arena *arena;
    fb__policy_base *base;
    const char *option;
    fb_error *error;
};

static fb_status read_path(const struct reading *reading, fb_slice given, bool of_issuer, fb__claim_path *out)
{
    fb_slice text;
    const char *problem = NULL;
    if (!fb__arena_copy(reading->arena, given, &text) || !fb__claim_path_read(out, reading->arena, text, &problem)) {
        return fb__out_of_memory(reading->error);
    }
    if (problem != NULL) {
        return refuse(reading->error, reading->option, text, problem);
    }
    /* An issuer may be gone before an error that names its claim has been read. */
    return !of_issuer || fb__policy_base_name(reading->base, text, &out->name) ? FB_OK
                                                                               : fb__out_of_memory(reading->error);
}

static fb_status read_paths(const struct reading *reading, const fb_list *given, bool of_issuer, fb__claim_paths *out)
{
    fb_status status = fb__policy_check_list(given, reading->option, false, reading->error);
    if (status != FB_OK || given->items == NULL) {
        return status;
    }
    fb__claim_path *paths = fb__arena_take(reading->arena, fb__size_multiply(given->count, sizeof(*paths)));
    if (paths == NULL) {
        return fb__out_of_memory(reading->error);
    }
    for (size_t i = 0; i < given->count && status == FB_OK; i++) {
        status = read_path(reading, given->items[i], of_issuer, &paths[i]);
    }
    *out = (fb__claim_paths){paths, given->count};
    return status;
}

/* ---- what claims must be -------------------------------------------------------------------- */

static fb_status read_values(const struct reading *reading, const fb_required_claim *given, fb__required *out)
{
    if (given->values.items == NULL) {
        return given->values.count == 0
                   ? FB_OK
                   : refuse(reading->error, reading->option, given->claim, "a count of values, but no items");
    }
    if (given->values.count == 0) {
        return refuse(reading->error, reading->option, given->claim,
                      "an empty list of values, which no token could satisfy");
    }
    fb__claim_value *values = fb__arena_take(reading->arena, fb__size_multiply(given->values.count, sizeof(*values)));
    if (values == NULL || !fb__policy_copy_list(reading->arena, &given->values, &out->texts)) {
        return fb__out_of_memory(reading->error);
    }
    out->values = values;
    for (size_t i = 0; i < out->texts.count; i++) {
        const char *problem = NULL;
        if (!fb__claim_value_read(&values[i], reading->arena, out->texts.items[i], &problem)) {
            return fb__out_of_memory(reading->error);
        }
        if (problem != NULL) {
            return refuse(reading->error, reading->option, given->claim, problem);
        }
    }
    return FB_OK;
}

static fb_status read_required(fb__policy *policy, const struct reading *reading, const fb__claim_options *options)
{
    const fb_required_claim *given = options->required_claims;
    const size_t count = options->required_claim_count;
    fb_error *error = reading->error;
    if (given == NULL) {
        return count == 0 ? FB_OK
                          : fb__fail(error, FB_CONFIGURATION_INVALID, "%s has a count, but no items", reading->option);
    }
    fb__required *required = fb__arena_take(reading->arena, fb__size_multiply(count, sizeof(*required)));
    if (required == NULL) {
        return fb__out_of_memory(error);
    }
    for (size_t i = 0; i < count; i++) {
        fb_status status = fb__policy_check_list(&(fb_list){&given[i].claim, 1}, reading->option, true, error);
        if (status == FB_OK) {
            status = read_path(reading, given[i].claim, options->of_issuer, &required[i].path);
        }
        if (status == FB_OK) {
            status = read_values(reading, &given[i], &required[i]);
        }
        if (status != FB_OK) {
            return status;
        }
    }
    policy->required_claims = required;
    policy->required_claim_count = count;
    return FB_OK;
}

/* ---- all of them ---------------------------------------------------------------------------- */

static fb_status read_token_type(fb__policy *policy, fb_slice given, fb_error *error)
{
    if (given.data == NULL) {
        return FB_OK;
    }
    if (fb__slice_equal(given, fb_text("at+jwt"))) {
        policy->token_type = FB__TYPE_ACCESS_TOKEN;
    } else if (fb__slice_equal(given, fb_text("any"))) {
        policy->token_type = FB__TYPE_ANY;
    } else {
        return fb__fail(error, FB_CONFIGURATION_INVALID, "token_type must be \"at+jwt\" or \"any\"");
    }
    return FB_OK;
}

fb_status fb__policy_read_claims(fb__policy *policy, fb__policy_base *base, const fb__claim_options *options,
                                 fb_error *error)
{
    struct reading reading = {&policy->arena, base, "scope_claims", error};
    fb_status status = read_audiences(policy, &policy->arena, options, error);
    if (status == FB_OK) {
        status = read_token_type(policy, options->token_type, error);
    }
    if (status == FB_OK) {
        status = read_paths(&reading, &options->scope_claims, options->of_issuer, &policy->scope_claims);
    }
    if (status == FB_OK) {
        reading.option = "client_id_claims";
        status = read_paths(&reading, &options->client_id_claims, options->of_issuer, &policy->client_id_claims);
    }
    if (status == FB_OK) {
        reading.option = "required_claims";
        status = read_required(policy, &reading, options);
    }
    return status;
}
