/* What a JSON-RPC body asks for: methods without a token, scopes by name, and bodies that others read differently. */
#include "failing.h"
#include "rpc/rpc.h"

#define RULE(text, ...) {fb_text(text), FB_LIST(__VA_ARGS__)}
#define CALL(name) "{\"method\":\"tools/call\",\"params\":{\"name\":" name "}}"
#define READ(uri) "{\"method\":\"resources/read\",\"params\":{\"uri\":" uri "}}"

static fb_error error = FB_ERROR_INIT;
static fb_rpc_policy *policy;

/* The scopes of the policy below, in its order. */
enum { ADMIN = 1, WRITE = 2, AUDIT = 4, FILES = 8, ALL_TOOLS = ADMIN | WRITE | AUDIT, ALL_RESOURCES = FILES | AUDIT };
enum { PROMPTS = 16 };

static fb_status make(fb_rpc_policy **out, const fb_mem *mem)
{
    const fb_rpc_rule tools[] = {RULE("delete_*", fb_text("admin")), RULE("*_all", fb_text("write"), fb_text("admin")),
                                 RULE("exact", fb_text("write")), RULE("a*b*c", fb_text("audit"))};
    const fb_rpc_rule resources[] = {RULE("file:///secret/*", fb_text("files")),
                                     RULE("http://host.example/log", fb_text("audit"))};
    const fb_rpc_rule prompts[] = {RULE("secret*", fb_text("prompts"))};
    fb_rpc_options options = FB_RPC_OPTIONS_INIT;
    options.mem = mem;
    options.anonymous = FB_LIST(fb_text("initialize"), fb_text("tools/list"), fb_text("tools/call"));
    options.tool_scopes = tools;
    options.tool_scope_count = 4;
    options.resource_scopes = resources;
    options.resource_scope_count = 2;
    options.prompt_scopes = prompts;
    options.prompt_scope_count = 1;
    return fb_rpc_policy_new(out, &options, &error);
}

static void asks(const char *body, size_t size, bool anonymous, uint64_t scopes)
{
    fb_rpc_answer answer = FB_RPC_ANSWER_INIT;
    const fb_status status = fb_rpc_check(policy, body, size, &answer, &error);
    if (status != FB_OK || answer.anonymous != anonymous || answer.scopes != scopes) {
        FAIL("%s: %s, %d, %llx", body, fb_status_name(status), answer.anonymous, (unsigned long long)answer.scopes);
    }
    test_checks++;
}

static void needs(const char *body, uint64_t scopes)
{
    asks(body, strlen(body), false, scopes);
}

static void anonymous(const char *body)
{
    asks(body, strlen(body), true, 0);
}

static void malformed_bytes(const char *body, size_t size)
{
    fb_rpc_answer answer = FB_RPC_ANSWER_INIT;
    const fb_status status = fb_rpc_check(policy, body, size, &answer, &error);
    if (status != FB_REQUEST_MALFORMED || answer.anonymous || answer.scopes != UINT64_MAX) {
        FAIL("%s: %s", body, fb_status_name(status));
    }
    test_checks++;
}

static void malformed(const char *body)
{
    malformed_bytes(body, strlen(body));
}

TEST(methods_that_need_no_token)
{
    anonymous("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\"}");
    anonymous(" {\"method\" : \"tools\\/list\" , \"params\" : { } } \n");
    anonymous("{\"method\":\"notifications/initialized\"}"); /* comes with initialize */
    anonymous("{\"\\u006dethod\":\"\\u0074ools/list\"}");
    anonymous(CALL("\"harmless\""));
    anonymous("[{\"method\":\"tools/list\"},{\"method\":\"initialize\"}]");
    needs(CALL("\"delete_it\""), ADMIN); /* a rule counts whatever is anonymous */
    needs("{\"method\":\"Tools/List\"}", 0);
    needs("{\"method\":\"tools/list \"}", 0);
    needs("{\"method\":\"tools/lis\"}", 0);
    needs("{\"method\":\"ping\"}", 0);
    needs("{\"method\":[\"tools/list\"]}", 0);
    needs("{\"params\":{\"method\":\"tools/list\"}}", 0);
    needs("{\"id\":1,\"result\":{}}", 0);
    needs("{}", 0);
    needs("[]", 0);
    needs("[[{\"method\":\"tools/list\"}]]", 0);
    needs("[{\"method\":\"tools/list\"},{\"method\":\"ping\"}]", 0);
    needs("[{\"method\":\"tools/list\"},1]", 0);
}

TEST(scopes_of_tools)
{
    needs(CALL("\"delete_\""), ADMIN);
    needs(CALL("\"d\\u0065lete_x\""), ADMIN);
    needs(CALL("\"remove_all\""), ADMIN | WRITE);
    needs(CALL("\"delete_all\""), ADMIN | WRITE);
    needs(CALL("\"exact\""), WRITE);
    needs(CALL("\"abc\""), AUDIT);
    needs(CALL("\"a_b_b_c\""), AUDIT);
    anonymous(CALL("\"exactly\""));
    anonymous(CALL("\"Exact\""));
    anonymous(CALL("\"ac\""));
    anonymous(CALL("\"acb\""));
    anonymous(CALL("\"\""));
    needs("{\"method\":\"tools/call\"}", ALL_TOOLS);
    needs("{\"method\":\"tools/call\",\"params\":[\"exact\"]}", ALL_TOOLS);
    needs("{\"method\":\"tools/call\",\"params\":null}", ALL_TOOLS);
    needs("{\"method\":\"tools/call\",\"params\":{\"arguments\":{\"name\":\"exact\"}}}", ALL_TOOLS);
    needs(CALL("null"), ALL_TOOLS);
    needs(CALL("[\"exact\"]"), ALL_TOOLS);
    needs("[" CALL("\"exact\"") "," CALL("\"abc\"") "," READ("\"file:///secret/x\"") "]", WRITE | AUDIT | FILES);
    needs("{\"params\":{\"arguments\":{\"name\":\"exact\"},\"name\":\"delete_x\"},\"id\":1,\"method\":\"tools/call\"}",
          ADMIN);
    char body[9000];
    snprintf(body, sizeof(body), CALL("\"%0*d\""), FB__RPC_MAX_NAME, 0);
    anonymous(body);
    snprintf(body, sizeof(body), CALL("\"%0*d\""), FB__RPC_MAX_NAME + 1, 0);
    needs(body, ALL_TOOLS);
}

TEST(scopes_of_prompts_and_completions)
{
    needs("{\"method\":\"prompts/get\",\"params\":{\"name\":\"secret_one\"}}", PROMPTS);
    needs("{\"method\":\"prompts/get\",\"params\":{\"name\":\"other\"}}", 0);
    needs("{\"method\":\"prompts/get\"}", PROMPTS);
    needs("{\"method\":\"prompts/list\"}", 0);
#define COMPLETE(ref) "{\"method\":\"completion/complete\",\"params\":{\"ref\":" ref "}}"
    needs(COMPLETE("{\"type\":\"ref/prompt\",\"name\":\"secrets\"}"), PROMPTS);
    needs(COMPLETE("{\"type\":\"ref/prompt\",\"name\":\"open\",\"uri\":\"file:///secret/x\"}"), 0);
    needs(COMPLETE("{\"type\":\"ref/resource\",\"uri\":\"file:///secret/{path}\"}"), FILES);
    needs(COMPLETE("{\"type\":\"ref/resource\",\"uri\":\"file:///{path}\"}"), 0);
    needs(COMPLETE("{\"type\":\"ref/other\",\"uri\":\"file:///{path}\"}"), PROMPTS | ALL_RESOURCES);
    needs(COMPLETE("null"), PROMPTS | ALL_RESOURCES);
    malformed(COMPLETE("{\"type\":\"ref/prompt\",\"name\":\"open\",\"Name\":\"secrets\"}"));
}

TEST(scopes_of_resources)
{
    needs(READ("\"file:///secret/x\""), FILES);
    needs(READ("\"FILE:///Secret/x\""), FILES);
    needs(READ("\"file:///secret/my%20file\""), FILES);
    needs(READ("\"http://host.example/log\""), AUDIT);
    needs(READ("\"http://host.example/log?x=1\""), AUDIT);
    needs(READ("\"http://host.example/log#x\""), AUDIT);
    needs(READ("\"http://host.example:8080/log\""), 0);
    needs(READ("\"file:///open/x\""), 0);
    needs(READ("\"data://x\""), 0);
    needs(READ("\"note:x/y?a/../b\""), 0);
    needs("{\"method\":\"resources/subscribe\",\"params\":{\"uri\":\"file:///secret/x\"}}", FILES);
    needs("{\"method\":\"resources/unsubscribe\",\"params\":{\"uri\":\"file:///secret/x\"}}", FILES);
    needs("{\"method\":\"resources/directory/read\",\"params\":{\"uri\":\"file:///secret/x\"}}", FILES);
    needs("{\"method\":\"resources/directory/read\",\"params\":{\"uri\":\"file:///open/x\"}}", 0);
    needs("{\"method\":\"resources/templates/list\"}", 0);
    static const char *const rewritten[] = {"file:///open/../secret/x",
                                            "file:///./secret/x",
                                            "file:///%73ecret/x",
                                            "file:///%2e%2e/secret/x",
                                            "file:///secret%2fx",
                                            "file://localhost/x",
                                            "file:/secret/x",
                                            "file:secret/x",
                                            "file:////secret/x",
                                            "file:///a//b",
                                            " file:///secret/x",
                                            "file:///sec\\tret/x",
                                            "file:\\\\\\\\\\\\secret",
                                            "secret/x",
                                            "http://h.example",
                                            "http://h.example:80/log",
                                            "http://u@h.example/",
                                            "http://h.example:/",
                                            "http://h.example.:08080/",
                                            "http://0x7f.1/log",
                                            "http://[::1]/log",
                                            "http:///log",
                                            "note://h:080/x",
                                            "note://@h/x",
                                            "http://h.example/?'",
                                            "file:///b\xc3\xbc",
                                            "file:///a%zz",
                                            "",
                                            "file:///a/..?x",
                                            "http:h.example/log",
                                            "note:x/./y",
                                            "note:../y"};
    for (size_t i = 0; i < sizeof(rewritten) / sizeof(rewritten[0]); i++) {
        char body[200];
        snprintf(body, sizeof(body), READ("\"%s\""), rewritten[i]);
        needs(body, ALL_RESOURCES);
    }
    needs("{\"method\":\"resources/read\"}", ALL_RESOURCES);
}

TEST(scopes_of_subscriptions)
{
#define LISTEN(filter) "{\"method\":\"subscriptions/listen\",\"params\":{\"notifications\":" filter "}}"
#define ONE(uris) LISTEN("{\"toolsListChanged\":true,\"resourceSubscriptions\":" uris "}")
    needs(LISTEN("{}"), 0);
    needs(LISTEN("{\"resourcesListChanged\":true}"), 0);
    needs(ONE("[]"), 0);
    needs(ONE("[\"file:///open/x\"]"), 0);
    needs(ONE("[\"file:///secret/x\"]"), FILES);
    needs(ONE("[\"file:///open/x\",\"file:///secret/x\"]"), FILES);
    needs(ONE("[\"file:///secret/x\",\"http://host.example/log\"]"), FILES | AUDIT);
    needs(ONE("[\"file:///open/../secret/x\"]"), ALL_RESOURCES);
    needs(ONE("[[\"file:///secret/x\"]]"), ALL_RESOURCES);
    needs(ONE("[null]"), ALL_RESOURCES);
    needs(ONE("{\"0\":\"file:///secret/x\"}"), ALL_RESOURCES);
    needs(ONE("\"file:///secret/x\""), ALL_RESOURCES);
    needs(LISTEN("[\"file:///secret/x\"]"), ALL_RESOURCES);
    needs("{\"method\":\"subscriptions/listen\"}", ALL_RESOURCES);
    needs("{\"method\":\"subscriptions/listen\",\"params\":{}}", ALL_RESOURCES);
    malformed(LISTEN("{\"resourceSubscriptions\":[],\"ResourceSubscriptions\":[\"file:///secret/x\"]}"));
    malformed(LISTEN("{\"resourcesubscriptions\":[\"file:///secret/x\"]}"));
    malformed(LISTEN("{\"re\u017fource\u017fub\u017fcription\u017f\":[\"file:///secret/x\"]}"));
    malformed(LISTEN("{\"\\u0052\\u0065\\u0073\\u006f\\u0075\\u0072\\u0063\\u0065\\u0053\\u0075\\u0062\\u0073"
                     "\\u0063\\u0072\\u0069\\u0070\\u0074\\u0069\\u006f\\u006e\\u0073\":[]}"));
    malformed("{\"method\":\"subscriptions/listen\",\"params\":{\"notifications\":{},\"Notifications\":{}}}");
}

TEST(bodies_that_nobody_reads)
{
    static const char *const all[] = {"",
                                      " ",
                                      "not json",
                                      "42",
                                      "\"tools/list\"",
                                      "null",
                                      "NaN",
                                      "{",
                                      "[",
                                      "{\"method\":\"tools/call\"",
                                      "{\"method\":\"tools/ca",
                                      "{\"method\"",
                                      "{\"method\"}",
                                      "{\"method\":}",
                                      "{\"method\":,}",
                                      "{not json",
                                      "{not json}",
                                      "[1 2]",
                                      "{\"a\":1 \"b\":2}",
                                      "{]",
                                      "[1}",
                                      "[1:2]",
                                      "{\"a\":1]",
                                      "{{}:1}",
                                      "}",
                                      "a=b&c=[1]",
                                      "// {}",
                                      "/* {} ",
                                      "\xc3\xbc",
                                      "--boundary\r\nContent-Type: text/plain\r\n\r\n{}"};
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        needs(all[i], 0);
    }
    fb_rpc_answer answer = FB_RPC_ANSWER_INIT;
    CHECK(fb_rpc_check(policy, NULL, 0, &answer, &error) == FB_OK && !answer.anonymous && answer.scopes == 0);
}

TEST(bodies_that_others_read_differently)
{
    static const char *const all[] = {
        "{\"method\":\"ping\",\"method\":\"tools/list\"}",
        "{\"method\":\"ping\",\"\\u006dethod\":\"tools/list\"}",
        "{\"method\":\"tools/call\",\"params\":{\"name\":\"a\",\"name\":\"delete_x\"}}",
        "{\"method\":\"tools/call\",\"params\":{\"name\":\"a\",\"arguments\":{\"x\":1,\"x\":2}}}",
        "{\"method\":\"tools/list\",\"Method\":\"tools/call\"}",
        "{\"METHOD\":\"tools/call\"}",
        "{\"method\":\"tools/call\",\"param\xc5\xbf\":{\"name\":\"delete_x\"}}",
        "{\"method\":\"tools/call\",\"param\\u017f\":{\"name\":\"delete_x\"}}",
        "{\"method\":\"tools/call\",\"params\":{\"name\":\"a\",\"Name\":\"delete_x\"}}",
        "{\"method\":\"resources/read\",\"params\":{\"uri\":\"data://a\",\"URI\":\"file:///secret/x\"}}",
        "{\"__proto__\":{\"method\":\"tools/call\"}}",
        "{\"method\":\"tools/call\",\"params\":{\"__proto__\":{\"name\":\"delete_x\"},\"name\":\"a\"}}",
        "[{\"method\":\"tools/list\"},{\"method\":\"tools/list\",\"method\":\"x\"}]",
        "{\"method\":\"tools/list\",\"params\":NaN}",
        "{\"method\":\"tools/list\",\"params\":-Infinity}",
        "{\"method\":\"tools/list\",\"params\":01}",
        "{\"method\":\"tools/list\",\"params\":1e999}",
        "{\"method\":\"tools/list\",\"params\":+1}",
        "{\"method\":\"tools/list\",\"params\":\"\\ud800\"}",
        "{\"method\":\"tools/list\",\"params\":\"\\u0000\"}",
        "{\"method\":\"tools/list\",\"params\":\"\\x41\"}",
        "{\"method\":\"tools/list\",\"params\":\"\xff\"}",
        "{\"method\":\"tools/list\",\"params\":\"\xed\xa0\x80\"}",
        "{\"method\":\"tools/list\",\"params\":\"a\nb\"}",
        "\xef\xbb\xbf{\"method\":\"tools/list\"}",
        "{\"method\":\"tools/list\"\xc2\xa0}",
        "{\"method\":\"tools/list\"} x",
        "{\"method\":\"tools/list\"}{\"method\":\"ping\"}",
        "{\"method\":\"tools/list\",}",
        "[{\"method\":\"tools/list\"},]",
        "[,{\"method\":\"tools/list\"}]",
        "{\"method\":\"tools/list\"/**/}",
        "// x\n{\"method\":\"tools/list\"}",
        "/* { */ {\"method\":\"tools/list\"}",
        "# x\n{\"method\":\"tools/list\"}",
        "{'method':'tools/list'}",
        "{method:\"tools/list\"}",
        "\v{\"method\":\"tools/list\"}",
        "{\"a\":\"\\\"}\",\"method\":\"tools/list\",}"};
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        malformed(all[i]);
    }
    malformed_bytes("{\"method\":\"tools/list\"}\0", 24);
    malformed_bytes("\0", 1);
    malformed_bytes("{\0\"\0m\0\"\0:\0001\0}\0", 14);
    CHECK(fb_status_http(error.status) == 400);
}

TEST(depth_and_size)
{
    enum { ROOM = 400 };
    char body[ROOM + 100];
    for (int depth = FB__RPC_MAX_DEPTH - 1; depth <= FB__RPC_MAX_DEPTH; depth++) {
        size_t size = (size_t)sprintf(body, "{\"method\":\"tools/list\",\"params\":");
        memset(body + size, '[', (size_t)depth);
        memset(body + size + depth, ']', (size_t)depth);
        size += 2 * (size_t)depth;
        body[size++] = '}';
        body[size] = '\0';
        if (depth < FB__RPC_MAX_DEPTH) {
            anonymous(body);
        } else {
            malformed(body);
        }
    }
    fb_rpc_options options = FB_RPC_OPTIONS_INIT;
    fb_rpc_policy *small = NULL;
    fb_rpc_answer answer = FB_RPC_ANSWER_INIT;
    options.max_body_bytes = 2;
    CHECK(fb_rpc_policy_new(&small, &options, &error) == FB_OK && fb_rpc_policy_max_body_bytes(small) == 2);
    CHECK(!fb_rpc_policy_has_anonymous(small) && fb_rpc_policy_scopes(small).count == 0);
    CHECK(fb_rpc_check(small, "{}", 2, &answer, &error) == FB_OK && !answer.anonymous && answer.scopes == 0);
    CHECK(fb_rpc_check(small, "{ }", 3, &answer, &error) == FB_REQUEST_TOO_LARGE && answer.scopes == UINT64_MAX);
    CHECK(fb_status_http(error.status) == 413 && strcmp(fb_status_oauth(error.status), "invalid_request") == 0);
    answer.size = 0;
    CHECK(fb_rpc_check(small, "{}", 2, &answer, &error) == FB_CONFIGURATION_INVALID);
    fb_rpc_policy_free(small);
    fb_rpc_policy_free(NULL);
}

static fb_status headers(const char *name, const char *value)
{
    const fb_header all[] = {{fb_text("Host"), fb_text("h")}, {fb_text(name), fb_text(value)}};
    return fb_rpc_check_headers(policy, all, 2, &error);
}

TEST(headers_of_a_body)
{
    CHECK(headers("content-type", "application/json") == FB_OK);
    CHECK(headers("Content-Type", "application/json; charset=utf-8") == FB_OK);
    CHECK(headers("Content-Type", "application/json;Charset=\"UTF-8\" ; x=y") == FB_OK);
    CHECK(headers("Content-Type", "application/json; charset = utf8") == FB_OK);
    CHECK(headers("Content-Type", "") == FB_OK && headers("Content-Type", "text/json;;b") == FB_OK);
    CHECK(headers("Content-Encoding", "identity") == FB_OK && headers("Content-Encoding", "") == FB_OK);
    CHECK(headers("Content-Type", "application/json; charset=utf-16") == FB_REQUEST_UNSUPPORTED);
    CHECK(headers("content-type", "application/json;a=b;CHARSET=\"utf-16le\"") == FB_REQUEST_UNSUPPORTED);
    CHECK(headers("Content-Type", "application/json; charset=utf-8; charset=utf-7") == FB_REQUEST_UNSUPPORTED);
    CHECK(headers("Content-Type", "application/json; charset*=utf-16''x") == FB_REQUEST_UNSUPPORTED);
    CHECK(headers("Content-Type", "application/json; charset") == FB_REQUEST_UNSUPPORTED);
    CHECK(headers("content-encoding", "gzip") == FB_REQUEST_UNSUPPORTED);
    CHECK(headers("Content-Encoding", "identity, br") == FB_REQUEST_UNSUPPORTED);
    CHECK(fb_status_http(error.status) == 415 && strcmp(fb_status_name(error.status), "request_unsupported") == 0);
    CHECK(headers("Content-Length", "4194304") == FB_OK && headers("content-length", "x") == FB_OK);
    CHECK(headers("content-length", "4194305") == FB_REQUEST_TOO_LARGE);
    CHECK(headers("Content-Length", "99999999999999999999999999") == FB_REQUEST_TOO_LARGE);
    CHECK(fb_rpc_check_headers(policy, NULL, 0, &error) == FB_OK);
    CHECK(fb_rpc_check_headers(policy, NULL, 1, &error) == FB_CONFIGURATION_INVALID);
}

TEST(types_of_a_body)
{
    static const char *const good[] = {
        "application/json",     "Application/JSON ; x=y", "text/json", "text/plain", "application/vnd.api+json",
        "application/json-rpc", "application/jsonrequest"};
    static const char *const bad[] = {"application/x-www-form-urlencoded",
                                      "application/x-www-form-urlencoded; x=application/json",
                                      "multipart/form-data; boundary=application/json",
                                      "application/json, application/x-www-form-urlencoded",
                                      "multipart/form-data, application/x+json",
                                      "multipart/form-data application/x+json",
                                      "+json",
                                      "application/json5",
                                      "application/yaml",
                                      "application/msgpack",
                                      "application/cbor",
                                      "text/xml",
                                      "json",
                                      "application/octet-stream",
                                      "a;;b"};
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        CHECK(headers("Content-Type", good[i]) == FB_OK);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        CHECK(headers("content-type", bad[i]) == FB_REQUEST_UNSUPPORTED);
    }
    const fb_header two[] = {{fb_text("content-type"), fb_text("application/json")},
                             {fb_text("Content-Type"), fb_text("multipart/form-data; boundary=x")}};
    CHECK(fb_rpc_check_headers(policy, two, 2, &error) == FB_REQUEST_UNSUPPORTED);
    CHECK(fb_rpc_check_headers(policy, two, 1, &error) == FB_OK);
}

TEST(every_scope_once_in_order)
{
    static const char *const expected[] = {"admin", "write", "audit", "files", "prompts"};
    const fb_list scopes = fb_rpc_policy_scopes(policy);
    CHECK(scopes.count == 5 && fb_rpc_policy_has_anonymous(policy));
    for (size_t i = 0; i < scopes.count; i++) {
        CHECK(fb__slice_equal(scopes.items[i], fb_text(expected[i])));
    }
}

/* ---- construction --------------------------------------------------------------------------- */

static void wrong(const fb_rpc_options *options, const char *expected)
{
    fb_rpc_policy *made = NULL;
    const fb_status status = fb_rpc_policy_new(&made, options, &error);
    if (status != FB_CONFIGURATION_INVALID || made != NULL || strstr(error.text, expected) == NULL) {
        FAIL("%s: %s, %s", expected, fb_status_name(status), error.text);
        fb_rpc_policy_free(made);
    }
    test_checks++;
}

static void wrong_rule(const char *pattern, fb_list scopes, const char *expected)
{
    const fb_rpc_rule rule = {fb_text(pattern), scopes};
    fb_rpc_options options = FB_RPC_OPTIONS_INIT;
    options.tool_scopes = &rule;
    options.tool_scope_count = 1;
    wrong(&options, expected);
    options = (fb_rpc_options)FB_RPC_OPTIONS_INIT;
    options.prompt_scopes = &rule;
    options.prompt_scope_count = 1;
    wrong(&options, "prompt_scopes");
}

TEST(wrong_rules)
{
    static const char *const no_scopes[] = {"", "a b", "a\"b", "a\\b", "a\tb", "\xc3\xa9", NULL};
    const fb_list good = FB_LIST(fb_text("s"));
    char long_name[FB__RPC_MAX_PATTERN + 2];
    snprintf(long_name, sizeof(long_name), "%0*d", FB__RPC_MAX_PATTERN + 1, 0);
    wrong_rule("", good, "tool_scopes must not hold an empty name");
    wrong_rule(NULL, good, "tool_scopes must not hold an empty name");
    wrong_rule(long_name, good, "is longer than 256 bytes");
    wrong_rule("x", (fb_list){NULL, 0}, "tool_scopes: \"x\" must name at least one scope");
    wrong_rule("x", (fb_list){good.items, 0}, "must name at least one scope");
    wrong_rule("x", (fb_list){NULL, 2}, "must name at least one scope");
    for (size_t i = 0; i < sizeof(no_scopes) / sizeof(no_scopes[0]); i++) {
        wrong_rule("x", FB_LIST(fb_text(no_scopes[i])), "RFC 6749");
    }
    char names[65][4];
    fb_slice many[65];
    for (int i = 0; i < 65; i++) {
        snprintf(names[i], sizeof(names[i]), "s%d", i);
        many[i] = fb_text(names[i]);
    }
    wrong_rule("x", (fb_list){many, 65}, "more than 64 scopes");
}

TEST(wrong_resources)
{
    static const char *const bad[] = {"secret",           "file:///a b",   "file:///%61*", "file:///a/../b",
                                      "http://h.example", "http://h:80/*", "file://h/*",   "*{id}"};
    static const char *const good[] = {
        "*", "*/secret/*", "file:///*", "note://Home/*", "http://*.example/x", "http://h.example/*"};
    const fb_list scopes = FB_LIST(fb_text("s"));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]) + sizeof(good) / sizeof(good[0]); i++) {
        const size_t first_good = sizeof(bad) / sizeof(bad[0]);
        const fb_rpc_rule rule = {fb_text(i < first_good ? bad[i] : good[i - first_good]), scopes};
        fb_rpc_options options = FB_RPC_OPTIONS_INIT;
        options.resource_scopes = &rule;
        options.resource_scope_count = 1;
        if (i < first_good) {
            wrong(&options, "is not the URI of a resource in its normal form");
            continue;
        }
        fb_rpc_policy *made = NULL;
        CHECK(fb_rpc_policy_new(&made, &options, &error) == FB_OK);
        fb_rpc_policy_free(made);
    }
}

TEST(other_wrong_options)
{
    fb_rpc_options options = FB_RPC_OPTIONS_INIT;
    options.size = 0;
    wrong(&options, "FB_RPC_OPTIONS_INIT");
    options.size = sizeof(options) + 1;
    wrong(&options, "FB_RPC_OPTIONS_INIT");
    options = (fb_rpc_options)FB_RPC_OPTIONS_INIT;
    options.anonymous = FB_LIST(fb_text("ok"), fb_text(""));
    wrong(&options, "anonymous must not hold an empty name");
    options.anonymous = FB_LIST(fb_text("tools/*"));
    wrong(&options, "anonymous: \"tools/*\" is a pattern");
    options.anonymous = (fb_list){NULL, 1};
    wrong(&options, "anonymous has a count");
    options.anonymous = (fb_list){&(fb_slice){"x", 1}, FB__RPC_MAX_METHODS + 1};
    wrong(&options, "more than 256 methods");
    options = (fb_rpc_options)FB_RPC_OPTIONS_INIT;
    options.tool_scope_count = 1;
    wrong(&options, "tool_scopes has a count");
    options.tool_scopes = &(fb_rpc_rule){{NULL, 0}, {NULL, 0}};
    options.tool_scope_count = FB__RPC_MAX_RULES + 1;
    wrong(&options, "more than 1024 patterns");
    options = (fb_rpc_options)FB_RPC_OPTIONS_INIT;
    options.max_body_bytes = 0;
    wrong(&options, "max_body_bytes");
    options.max_body_bytes = ((size_t)1 << 30) + 1;
    wrong(&options, "max_body_bytes");
}

TEST(failed_allocations)
{
    /* 30 escaped names are more than what lies on the stack has room for. */
    char body[20000] = "{\"method\":\"tools/list\",\"params\":{";
    for (int i = 0; i < 30; i++) {
        sprintf(body + strlen(body), "%s\"\\u0061%0600d\":1", i == 0 ? "" : ",", i);
    }
    strcat(body, "}}");
    for (long at = 0, done = 0; !done; at++) {
        fb_rpc_policy *made = NULL;
        fb_rpc_answer answer = FB_RPC_ANSWER_INIT;
        failing_start(at, false);
        fb_status status = make(&made, &failing_mem);
        CHECK((made == NULL) == (status != FB_OK));
        if (status == FB_OK) {
            status = fb_rpc_check(made, body, strlen(body), &answer, &error);
        }
        done = !failing_stop();
        CHECK(status == (done ? FB_OK : FB_OUT_OF_MEMORY) && answer.anonymous == done);
        fb_rpc_policy_free(made);
        CHECK(failing.balance == 0 && at < 100);
    }
}

int main(void)
{
    CHECK(make(&policy, NULL) == FB_OK);
    RUN(methods_that_need_no_token);
    RUN(scopes_of_tools);
    RUN(scopes_of_prompts_and_completions);
    RUN(scopes_of_resources);
    RUN(scopes_of_subscriptions);
    RUN(bodies_that_nobody_reads);
    RUN(bodies_that_others_read_differently);
    RUN(depth_and_size);
    RUN(headers_of_a_body);
    RUN(types_of_a_body);
    RUN(every_scope_once_in_order);
    RUN(wrong_rules);
    RUN(wrong_resources);
    RUN(other_wrong_options);
    RUN(failed_allocations);
    fb_rpc_policy_free(policy);
    return TEST_RESULT();
}
