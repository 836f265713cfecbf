/*
 * What the messages of a body ask for. The strict reader has found that nobody reads another text than we do; this
 * finds the members that matter. Given hostile bytes; what cannot be said for sure counts as what needs most.
 */
#include "rpc/rpc.h"

struct reading {
    const fb_rpc_policy *policy;
    const char *text;
    const fb_node *nodes;
    bool anonymous;
    uint64_t scopes;
};

/* ---- members -------------------------------------------------------------------------------- */

enum { MAX_FOLDED = 128 }; /* the longest of the names, all of it escaped */

/* The name of a member in lower case, as a parser that does not regard case has it: long s is s to it. 0: too long. */
static size_t folded_name(const char *text, const fb_node *node, char out[MAX_FOLDED])
{
    size_t size = 0;
    if (node->length > MAX_FOLDED) {
        return 0;
    }
    const size_t all = fb_unescape(text + node->offset, node->length, out);
    for (size_t i = 0; i < all; i++) {
        const bool long_s = i + 1 < all && memcmp(out + i, "\xc5\xbf", 2) == 0;
        out[size++] = long_s ? 's' : fb__lower(out[i]);
        i += long_s;
    }
    return size;
}

/* folded: in lower case. */
static bool equal_folded(fb_slice folded, fb_slice name)
{
    size_t i = 0;
    while (i < folded.size && i < name.size && folded.data[i] == fb__lower(name.data[i])) {
        i++;
    }
    return i == folded.size && i == name.size;
}

/* Whether a parser could take a member of this object for another one: for one of these names that it has not exactly,
 * or, where objects have prototypes, for all of them. */
static bool has_double(const struct reading *r, size_t object, const fb_list *names)
{
    char folded[MAX_FOLDED];
    for (size_t i = object + 1; i < r->nodes[object].next; i = r->nodes[i + 1].next) {
        const fb_slice name = {folded, folded_name(r->text, &r->nodes[i], folded)};
        if (fb__slice_equal(name, (fb_slice){"__proto__", 9})) {
            return true;
        }
        for (size_t n = 0; n < names->count; n++) {
            if (equal_folded(name, names->items[n]) && !fb__json_equal(r->text, &r->nodes[i], names->items[n])) {
                return true;
            }
        }
    }
    return false;
}

/* The index of a member; 0: there is none, or no object. */
static size_t member(const struct reading *r, size_t object, fb_slice name)
{
    return object != 0 && r->nodes[object].kind == FB_OBJECT ? fb__json_member(r->text, r->nodes, object, name) : 0;
}

/* ---- names ---------------------------------------------------------------------------------- */

/* Without its query, or without its fragment; itself when it has none. */
static fb_slice without_query(fb_slice uri)
{
    size_t size = 0;
    while (size < uri.size && uri.data[size] != '?' && uri.data[size] != '#') {
        size++;
    }
    return (fb_slice){uri.data, size};
}

static bool rule_matches(const fb__rpc_rule *rule, fb__rpc_kind kind, fb_slice name)
{
    if (kind != FB__RPC_RESOURCE) {
        return fb__pattern_matches(rule->pattern, name, false);
    }
    return fb__pattern_matches(rule->pattern, name, true) ||
           fb__pattern_matches(rule->pattern, without_query(name), true);
}

/* at: the index of the name; 0: there is none. is_template: of a resource's URI, which no library rewrites. */
static void require_for(struct reading *r, fb__rpc_kind kind, size_t at, bool is_template)
{
    char text[FB__RPC_MAX_NAME];
    const fb_node *node = &r->nodes[at];
    if (at == 0 || node->kind != FB_STRING || node->length > sizeof(text)) {
        r->scopes |= r->policy->rules[kind].all;
        return;
    }
    const fb_slice name = {text, fb_unescape(r->text + node->offset, node->length, text)};
    if (kind == FB__RPC_RESOURCE && !is_template && !fb__uri_is_plain(name)) {
        r->scopes |= r->policy->rules[kind].all;
        return;
    }
    for (size_t i = 0; i < r->policy->rules[kind].count; i++) {
        const fb__rpc_rule *rule = &r->policy->rules[kind].items[i];
        r->scopes |= rule_matches(rule, kind, name) ? rule->scopes : 0;
    }
}

/* ---- methods -------------------------------------------------------------------------------- */

static const fb_slice name_name = {"name", 4}, uri_name = {"uri", 3}, ref_name = {"ref", 3}, type_name = {"type", 4};

/* completion/complete: for an argument of a prompt, or of a resource's template. False: it can be read in two ways. */
static bool read_reference(struct reading *r, size_t params)
{
    const size_t ref = member(r, params, ref_name), type = member(r, ref, type_name);
    const fb_slice names[] = {type_name, name_name, uri_name};
    if (ref != 0 && r->nodes[ref].kind == FB_OBJECT && has_double(r, ref, &(fb_list){names, 3})) {
        return false;
    }
    const bool prompt = type != 0 && fb__json_equal(r->text, &r->nodes[type], fb_text("ref/prompt"));
    const bool resource = type != 0 && fb__json_equal(r->text, &r->nodes[type], fb_text("ref/resource"));
    if (!resource) {
        require_for(r, FB__RPC_PROMPT, prompt ? member(r, ref, name_name) : 0, false);
    }
    if (!prompt) {
        require_for(r, FB__RPC_RESOURCE, resource ? member(r, ref, uri_name) : 0, true);
    }
    return true;
}

/* subscriptions/listen: for all resources that it names; it may name none. False: it can be read in two ways. */
static bool read_subscriptions(struct reading *r, size_t params)
{
    static const fb_slice filter_name = {"notifications", 13}, uris_name = {"resourceSubscriptions", 21};
    const size_t filter = member(r, params, filter_name), uris = member(r, filter, uris_name);
    const bool is_filter = filter != 0 && r->nodes[filter].kind == FB_OBJECT;
    if (is_filter && has_double(r, filter, &(fb_list){&uris_name, 1})) {
        return false;
    }
    if (!is_filter || (uris != 0 && r->nodes[uris].kind != FB_ARRAY)) {
        require_for(r, FB__RPC_RESOURCE, 0, false);
        return true;
    }
    for (size_t i = uris + 1; uris != 0 && i < r->nodes[uris].next; i = r->nodes[i].next) {
        require_for(r, FB__RPC_RESOURCE, i, false);
    }
    return true;
}

/* False: it can be read in two ways. */
static bool read_params(struct reading *r, size_t method, size_t params)
{
    static const struct {
        fb_slice method;
        fb_slice name;
        fb__rpc_kind kind;
        bool (*read)(struct reading *r, size_t params); /* where it is more than one name */
    } named[] = {
        {{"tools/call", 10}, {"name", 4}, FB__RPC_TOOL, NULL},
        {{"prompts/get", 11}, {"name", 4}, FB__RPC_PROMPT, NULL},
        {{"resources/read", 14}, {"uri", 3}, FB__RPC_RESOURCE, NULL},
        {{"resources/subscribe", 19}, {"uri", 3}, FB__RPC_RESOURCE, NULL},
        {{"resources/unsubscribe", 21}, {"uri", 3}, FB__RPC_RESOURCE, NULL},
        {{"resources/directory/read", 24}, {"uri", 3}, FB__RPC_RESOURCE, NULL},
        {{"subscriptions/listen", 20}, {"notifications", 13}, FB__RPC_RESOURCE, read_subscriptions},
        {{"completion/complete", 19}, {"ref", 3}, FB__RPC_KINDS, read_reference},
    };
    for (size_t i = 0; i < sizeof(named) / sizeof(named[0]); i++) {
        if (!fb__json_equal(r->text, &r->nodes[method], named[i].method)) {
            continue;
        }
        const bool has_members = params != 0 && r->nodes[params].kind == FB_OBJECT;
        if (has_members && has_double(r, params, &(fb_list){&named[i].name, 1})) {
            return false;
        }
        if (named[i].read != NULL) {
            return named[i].read(r, params);
        }
        require_for(r, named[i].kind, member(r, params, named[i].name), false);
        return true;
    }
    return true;
}

static bool is_anonymous(const struct reading *r, size_t method)
{
    const fb_list *methods = &r->policy->anonymous;
    for (size_t i = 0; i < methods->count; i++) {
        if (fb__json_equal(r->text, &r->nodes[method], methods->items[i])) {
            return true;
        }
    }
    return false;
}

/* False: it can be read in two ways. */
static bool read_message(struct reading *r, size_t at)
{
    static const fb_slice names[] = {{"method", 6}, {"params", 6}};
    if (r->nodes[at].kind != FB_OBJECT) {
        r->anonymous = false;
        return true;
    }
    if (has_double(r, at, &(fb_list){names, 2})) {
        return false;
    }
    const size_t method = fb__json_member(r->text, r->nodes, at, names[0]);
    if (method == 0 || r->nodes[method].kind != FB_STRING) {
        r->anonymous = false;
        return true;
    }
    r->anonymous = r->anonymous && is_anonymous(r, method);
    return read_params(r, method, fb__json_member(r->text, r->nodes, at, names[1]));
}

/* ---- the body ------------------------------------------------------------------------------- */

static fb_status malformed(fb_error *error)
{
    return fb__fail(error, FB_REQUEST_MALFORMED, "the body is JSON that others may read differently");
}

static fb_status read_messages(struct reading *r, fb_error *error)
{
    if (r->nodes[0].kind == FB_OBJECT) {
        r->anonymous = true;
        return read_message(r, 0) ? FB_OK : malformed(error);
    }
    r->anonymous = r->nodes[0].next > 1;
    for (size_t i = 1; i < r->nodes[0].next; i = r->nodes[i].next) {
        if (!read_message(r, i)) {
            return malformed(error);
        }
    }
    return FB_OK;
}

static fb_status read_body(struct reading *r, size_t size, fb_error *error)
{
    const fb_mem *mem = &r->policy->arena.mem;
    const size_t bound = fb__json_bound(r->text, size);
    size_t count = 0;
    fb_node *nodes = fb__alloc(mem, fb__size_multiply(bound, sizeof(*nodes)));
    if (nodes == NULL) {
        return fb__out_of_memory(error);
    }
    r->nodes = nodes;
    const fb__json_status scanned =
        fb__json_scan(r->text, size, FB__JSON_ARRAY, FB__RPC_MAX_DEPTH, mem, nodes, bound, &count);
    fb_status status = FB_OK;
    if (scanned == FB__JSON_OK) {
        status = read_messages(r, error);
    } else if (scanned == FB__JSON_NO_MEMORY) {
        status = fb__out_of_memory(error);
    } else if (fb__json_might_be_read((fb_slice){r->text, size})) {
        status = malformed(error);
    }
    fb__free(mem, nodes);
    return status;
}

fb_status fb_rpc_check(const fb_rpc_policy *policy, const char *body, size_t size, fb_rpc_answer *out, fb_error *error)
{
    fb_rpc_answer answer = {.size = sizeof(answer), .scopes = UINT64_MAX};
    if (!fb__fill(out, &answer, sizeof(answer))) {
        return fb__fail(error, FB_CONFIGURATION_INVALID, "answer must start from FB_RPC_ANSWER_INIT");
    }
    if (size > policy->max_body_bytes) {
        return fb__reject(error, FB_REQUEST_TOO_LARGE, (fb_slice){NULL, 0});
    }
    struct reading reading = {.policy = policy, .text = size == 0 ? "" : body};
    const fb_status status = read_body(&reading, size, error);
    if (status != FB_OK) {
        return status;
    }
    answer.anonymous = reading.anonymous && reading.scopes == 0;
    answer.scopes = reading.scopes;
    (void)fb__fill(out, &answer, sizeof(answer));
    return fb__succeed(error);
}
