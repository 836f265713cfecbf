/* What the tests of the JSON reader share: one tape, and texts that are accepted or refused. */
#ifndef FB_TEST_JSON_TEXT_H
#define FB_TEST_JSON_TEXT_H

#include "encoding/encoding.h"
#include "test.h"

enum { NODES = 70000 };
static fb_node nodes[NODES];
static size_t count;

static inline fb__json_status scan_flags(const char *text, size_t size, unsigned flags)
{
    fb__json_status status = fb__json_scan(text, size, flags, FB__MAX_DEPTH, &fb__mem_default, nodes, NODES, &count);
    if (status == FB__JSON_OK) {
        CHECK(count <= fb__json_bound(text, size));
        CHECK(nodes[0].kind == FB_OBJECT && nodes[0].next == count);
    }
    return status;
}

static inline bool accepts(const char *text, size_t size)
{
    return scan_flags(text, size, FB__JSON_STRICT) == FB__JSON_OK;
}

static inline void expect(bool accepted, const char *const *texts, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (accepts(texts[i], strlen(texts[i])) != accepted) {
            FAIL("%s: %s", accepted ? "refused" : "accepted", texts[i]);
        }
        test_checks++;
    }
}
#define GOOD(...)                                              \
    do {                                                       \
        static const char *const texts[] = {__VA_ARGS__};      \
        expect(true, texts, sizeof(texts) / sizeof(texts[0])); \
    } while (0)
#define BAD(...)                                                \
    do {                                                        \
        static const char *const texts[] = {__VA_ARGS__};       \
        expect(false, texts, sizeof(texts) / sizeof(texts[0])); \
    } while (0)

#endif
