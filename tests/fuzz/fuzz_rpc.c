/*
 * Target functions: fb_rpc_check, fb_rpc_check_headers, fb__json_might_be_read, fb__pattern_matches, fb__uri_is_plain.
 * Input: a byte that says what it is; then a body, a header's value, or a pattern, a newline and a name.
 */
#include "fuzz.h"
#include "rpc/rpc.h"

enum { TOOL = 1, FILES = 2, PROMPT = 4 };

static fb_rpc_policy *policy(void)
{
    static fb_rpc_policy *made;
    const fb_rpc_rule tool = {fb_text("*"), FB_LIST(fb_text("tool"))};
    const fb_rpc_rule resource = {fb_text("file:///secret/*"), FB_LIST(fb_text("files"))};
    const fb_rpc_rule prompt = {fb_text("a*b"), FB_LIST(fb_text("prompt"))};
    fb_rpc_options options = FB_RPC_OPTIONS_INIT;
    options.anonymous = FB_LIST(fb_text("tools/list"), fb_text("initialize"));
    options.tool_scopes = &tool;
    options.resource_scopes = &resource;
    options.prompt_scopes = &prompt;
    options.tool_scope_count = options.resource_scope_count = options.prompt_scope_count = 1;
    options.max_body_bytes = (size_t)1 << 20;
    if (made == NULL) {
        REQUIRE(fb_rpc_policy_new(&made, &options, NULL) == FB_OK);
    }
    return made;
}

/* Whether jansson reads one message in text whose method is this one. */
static bool has_method(fb_slice text, const char *method)
{
    json_t *message = json_loadb(text.data, text.size, JSON_REJECT_DUPLICATES, NULL);
    const char *found = json_string_value(json_object_get(message, "method"));
    const bool same = found != NULL && strcmp(found, method) == 0;
    json_decref(message);
    return same;
}

/* Whether jansson reads one message in text that subscribes to a resource which needs a scope. */
static bool names_secret(fb_slice text)
{
    json_t *message = json_loadb(text.data, text.size, JSON_REJECT_DUPLICATES, NULL), *uri;
    const json_t *filter = json_object_get(json_object_get(message, "params"), "notifications");
    size_t i;
    bool found = false;
    json_array_foreach(json_object_get(filter, "resourceSubscriptions"), i, uri)
    {
        const char *value = json_string_value(uri);
        found = found || (value != NULL && strncmp(value, "file:///secret/", 15) == 0);
    }
    json_decref(message);
    return found && has_method(text, "subscriptions/listen");
}

/* What another parser reads in a body decides what it needs. */
static void check_body(fb_slice body)
{
    fb_rpc_answer answer = FB_RPC_ANSWER_INIT;
    const fb_status status = fb_rpc_check(policy(), body.data, body.size, &answer, NULL);
    REQUIRE(status == FB_OK || status == FB_REQUEST_MALFORMED || status == FB_REQUEST_TOO_LARGE);
    REQUIRE(status == FB_OK || (!answer.anonymous && answer.scopes == UINT64_MAX));
    REQUIRE(!answer.anonymous || answer.scopes == 0);
    if (status != FB_OK) {
        return;
    }
    REQUIRE((answer.scopes & ~(uint64_t)(TOOL | FILES | PROMPT)) == 0);
    REQUIRE(!has_method(body, "tools/call") || (answer.scopes & TOOL) != 0);
    REQUIRE(!names_secret(body) || (answer.scopes & FILES) != 0);
    REQUIRE(!has_method(body, "ping") || !answer.anonymous);
    REQUIRE(!has_method(body, "tools/list") || (answer.anonymous && answer.scopes == 0));
}

/* Whatever the strict reader takes, the lenient one takes, too. */
static void check_readers(fb_slice body)
{
    size_t count = 0;
    const size_t bound = fb__json_bound(body.data, body.size);
    fb_node *nodes = malloc((bound + 1) * sizeof(*nodes));
    REQUIRE(nodes != NULL);
    const bool strict = fb__json_scan(body.data, body.size, FB__JSON_ARRAY, FB__RPC_MAX_DEPTH, &fb__mem_default, nodes,
                                      bound, &count) == FB__JSON_OK;
    REQUIRE(!strict || fb__json_might_be_read(body));
    free(nodes);
}

/* Tries everything. */
static bool matches_slowly(fb_slice pattern, fb_slice text)
{
    if (pattern.size == 0) {
        return text.size == 0;
    }
    const fb_slice rest = {pattern.data + 1, pattern.size - 1};
    if (*pattern.data != '*') {
        return text.size > 0 && *text.data == *pattern.data &&
               matches_slowly(rest, (fb_slice){text.data + 1, text.size - 1});
    }
    return matches_slowly(rest, text) ||
           (text.size > 0 && matches_slowly(pattern, (fb_slice){text.data + 1, text.size - 1}));
}

static void check_pattern(fb_slice pattern, fb_slice text)
{
    const bool found = fb__pattern_matches(pattern, text, false);
    REQUIRE(!found || fb__pattern_matches(pattern, text, true));
    if (pattern.size <= 8 && text.size <= 16) {
        REQUIRE(found == matches_slowly(pattern, text));
    }
    if (fb__uri_is_plain(text)) {
        fb_slice path = text;
        for (path.size = 0; path.size < text.size && strchr("?#", text.data[path.size]) == NULL;) {
            path.size++;
        }
        REQUIRE(fb__find(path, fb_text("/../")) == NULL && memchr(text.data, '\\', text.size) == NULL);
        REQUIRE(memchr(text.data, '*', text.size) != NULL || fb__uri_pattern_is_plain(text));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const unsigned what = fuzz_byte(&data, &size);
    if (what == 0) {
        check_body(fuzz_slice(data, size));
        check_readers(fuzz_slice(data, size));
    } else if (what == 1) {
        const fb_header header = {fb_text("Content-Type"), fuzz_slice(data, size)};
        const fb_status status = fb_rpc_check_headers(policy(), &header, 1, NULL);
        REQUIRE(status == FB_OK || status == FB_REQUEST_UNSUPPORTED);
    } else {
        const fb_slice pattern = fuzz_line(&data, &size);
        if (pattern.size > 0) {
            check_pattern(pattern, fuzz_slice(data, size));
        }
    }
    return 0;
}
