/* The three segments: what is split, and what is not a token. */
#include "test.h"
#include "verify/verify.h"

static fb_status split(const char *text, fb__token *out)
{
    return fb__token_split(text, strlen(text), out);
}

TEST(three_segments)
{
    fb__token token;
    static const char text[] = "e30.e30x.AAAA";
    CHECK(split("e30.e30x", &token) == FB_TOKEN_MALFORMED);
    CHECK(split(text, &token) == FB_OK);
    CHECK(fb__slice_equal(token.header, fb_text("e30")));
    CHECK(fb__slice_equal(token.payload, fb_text("e30x")));
    CHECK(fb__slice_equal(token.signature, fb_text("AAAA")));
    CHECK(token.signing_input.data == text && token.signing_input.size == 8);
}

TEST(what_is_no_token)
{
    static const char *const wrong[] = {
        "",
        ".",
        "..",
        "...",
        "e30",
        "e30.e30",
        "e30..AAAA",
        ".e30.AAAA",
        "e30.e30.",
        "e30.e30.AAAA.",
        ".e30.e30.AAAA",
        "e30.e30.AAAA.AAAA",
        "e30.e30.AAAA.AAAA.AAAA",
        "e30.e30.AAAA\n",
        " e30.e30.AAAA",
        "e30 .e30.AAAA",
        "e30.e30.AAAA=",
        "e30=.e30.AAAA",
        "e30.e30.AA+A",
        "e30.e30.AAAB/",
        "e30.e3.AAAA!",
        "e31.e30.AAAA",
        "e30.e30.AB",
        "e30.e30.A",
        "Bearer e30.e30.AAAA",
        "\"e30.e30.AAAA\"",
        "{\"payload\":\"e30\"}",
        "e30.e30.AAAA\xc3\xa9",
    };
    fb__token token;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        if (split(wrong[i], &token) != FB_TOKEN_MALFORMED) {
            FAIL("accepted: %s", wrong[i]);
        }
        test_checks++;
    }
    CHECK(fb__token_split(NULL, 0, &token) == FB_TOKEN_MALFORMED);
    CHECK(fb__token_split("e30.e30.AAAA\0", 13, &token) == FB_TOKEN_MALFORMED); /* a NUL is data */
    CHECK(fb__token_split("e30\0.e30.AAAA", 13, &token) == FB_TOKEN_MALFORMED);
    CHECK(fb__token_split("e30.e30.AAAAxxxx", 12, &token) == FB_OK); /* what follows is not looked at */
}

TEST(large_shapes)
{
    static char text[FB__MAX_TOKEN];
    fb__token token;
    static const char fills[] = {'.', 'A', '\0', ' ', '\xff'};
    for (size_t i = 0; i < sizeof(fills); i++) {
        memset(text, fills[i], sizeof(text));
        CHECK(fb__token_split(text, sizeof(text), &token) == FB_TOKEN_MALFORMED);
    }
    memset(text, 'A', sizeof(text));
    text[100] = text[40000] = '.';
    CHECK(fb__token_split(text, sizeof(text) - 3, &token) == FB_OK);
    CHECK(token.header.size == 100 && token.payload.size == 39899 && token.signature.size == sizeof(text) - 3 - 40001);
}

int main(void)
{
    RUN(three_segments);
    RUN(what_is_no_token);
    RUN(large_shapes);
    return TEST_RESULT();
}
