/* Claim paths: which are refused, and what they find in a payload. */
#include "test.h"
#include "verify/verify.h"

static fb__arena arena;

static fb__claim_path read_path(const char *text)
{
    fb__claim_path path = {.count = 0};
    fb_slice copy;
    const char *problem = "";
    CHECK(fb__arena_copy(&arena, fb_text(text), &copy) && fb__claim_path_read(&path, &arena, copy, &problem));
    if (problem != NULL) {
        FAIL("%s: %s", text, problem);
    }
    return path;
}

static void refused(const char *text, const char *why)
{
    fb__claim_path path;
    const char *problem = NULL;
    CHECK(fb__claim_path_read(&path, &arena, fb_text(text), &problem));
    if (problem == NULL || strstr(problem, why) == NULL) {
        FAIL("%s: %s", text, problem == NULL ? "accepted" : problem);
    }
}

/* The text of the value at path, or expected NULL: nothing is there. */
static void finds(const char *path, const char *payload, const char *expected)
{
    fb_node nodes[64];
    size_t count;
    CHECK(fb__json_scan(payload, strlen(payload), FB__JSON_STRICT, FB__MAX_DEPTH, &fb__mem_default, nodes, 64,
                        &count) == FB__JSON_OK);
    const fb__claim_path read = read_path(path);
    const size_t index = fb__claim_path_find(&read, payload, nodes);
    const fb_slice found = {payload + nodes[index].offset, nodes[index].length};
    CHECK(index < count);
    if (expected == NULL ? index != 0 : index == 0 || !fb__slice_equal(found, fb_text(expected))) {
        FAIL("%s: %.*s", path, (int)found.size, found.data);
    }
}

TEST(a_name_is_one_segment_as_it_stands)
{
    const fb__claim_path path = read_path("a/b~0c");
    CHECK(path.count == 1 && fb__slice_equal(path.segments[0], fb_text("a/b~0c")));
    CHECK(fb__slice_equal(path.text, fb_text("a/b~0c")) && fb__slice_equal(path.name, path.text));
}

TEST(a_pointer_is_taken_apart)
{
    static const char *const segments[] = {"a/b", "", "~1", "0"};
    const fb__claim_path path = read_path("/a~1b//~01/0");
    CHECK(path.count == 4);
    for (size_t i = 0; i < path.count && i < 4; i++) {
        CHECK(fb__slice_equal(path.segments[i], fb_text(segments[i])));
    }
    CHECK(fb__slice_equal(path.text, fb_text("/a~1b//~01/0")));
    CHECK(read_path("/").count == 1 && read_path("/").segments[0].size == 0);
}

TEST(malformed_pointers_are_refused)
{
    char deep[2 * FB__MAX_PATH + 3] = "";
    refused("/~", "~");
    refused("/~2", "~");
    refused("/a~", "~");
    refused("/~/0", "~");
    refused("/a/b~x", "~");
    for (size_t i = 0; i < FB__MAX_PATH; i++) {
        memcpy(deep + 2 * i, "/a", 3);
    }
    CHECK(read_path(deep).count == FB__MAX_PATH);
    memcpy(deep + sizeof(deep) - 3, "/a", 3);
    refused(deep, "segments");
}

TEST(members_and_items_are_found)
{
    static const char payload[] = "{\"a\":{\"b\":[10,[20,{\"c\\u002f\":30}]]},\"\":1,\"0\":2,\"n\":null,\"t\":\"xyz\"}";
    finds("a", payload, "{\"b\":[10,[20,{\"c\\u002f\":30}]]}");
    finds("/a/b/0", payload, "10");
    finds("/a/b/1/0", payload, "20");
    finds("/a/b/1/1/c~1", payload, "30");
    finds("/", payload, "1");
    finds("/0", payload, "2");
    finds("/n", payload, "null");
    finds("/t", payload, "xyz");
}

TEST(what_cannot_be_reached_is_absent)
{
    static const char payload[] = "{\"a\":{\"b\":[10,20]},\"n\":null,\"t\":\"0\",\"e\":[],\"o\":{}}";
    static const char *const paths[] = {"/b",
                                        "/a/c",
                                        "/a/b/2",
                                        "/a/b/-",
                                        "/a/b/00",
                                        "/a/b/01",
                                        "/a/b/+1",
                                        "/a/b/-1",
                                        "/a/b/",
                                        "/a/b/ 1",
                                        "/a/b/1x",
                                        "/a/0",
                                        "/n/0",
                                        "/t/0",
                                        "/e/0",
                                        "/o/",
                                        "/a/b/0/",
                                        "a.b",
                                        "/A",
                                        "//a",
                                        "/a/b/4294967296",
                                        "/a/b/1000000000",
                                        "/a/b/18446744073709551616",
                                        "/a/b/0.0",
                                        "/a/b/1e0"};
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        finds(paths[i], payload, NULL);
    }
}

int main(void)
{
    arena.mem = fb__mem_default;
    RUN(a_name_is_one_segment_as_it_stands);
    RUN(a_pointer_is_taken_apart);
    RUN(malformed_pointers_are_refused);
    RUN(members_and_items_are_found);
    RUN(what_cannot_be_reached_is_absent);
    fb__arena_clear(&arena);
    return TEST_RESULT();
}
