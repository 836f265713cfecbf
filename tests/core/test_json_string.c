/* Strings: what is valid in them, and the value of text with escapes. */
#include "json_text.h"

TEST(strings)
{
    GOOD("{\"a\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041\\u00e9\\uD83D\\uDE00\"}",
         "{\"a\":\"\x7f\xc2\x80\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf\"}",
         "{\"a\":\"\xed\x9f\xbf\xee\x80\x80\xf0\x90\x80\x80\xf4\x8f\xbf\xbf\"}",
         "{\"a\":\"0123456789abcdef0123456789abcdef\"}", "{\"a\":\"\\u0001\"}");
    BAD("{\"a\":\"}", "{\"a\":\"\n\"}", "{\"a\":\"\x1f\"}", "{\"a\":\"\\x41\"}", "{\"a\":\"\\u004\"}",
        "{\"a\":\"\\u00g0\"}", "{\"a\":\"\\\"}", "{\"a\":\"\\u0000\"}", "{\"a\":\"\\ud800\"}", "{\"a\":\"\\udc00\"}",
        "{\"a\":\"\\ud800\\u0041\"}", "{\"a\":\"\\ud800\\ud800\"}", "{\"a\":\"\\ud800x\"}", "{\"\\u0000\":1}",
        "{\"a\":\"\x80\"}", "{\"a\":\"\xc0\x80\"}", "{\"a\":\"\xc1\xbf\"}", "{\"a\":\"\xc3\"}",
        "{\"a\":\"\xe0\x9f\xbf\"}", "{\"a\":\"\xe2\x82\"}", "{\"a\":\"\xed\xa0\x80\"}", "{\"a\":\"\xf0\x8f\xbf\xbf\"}",
        "{\"a\":\"\xf4\x90\x80\x80\"}", "{\"a\":\"\xf5\x80\x80\x80\"}", "{\"a\":\"\xff\"}",
        "{\"a\":\"0123456789abcde\xff"
        "0123456789abcdef\"}",
        "{\"a\":\"0123456789abcdef0123\n56789abcdef\"}");
    CHECK(!accepts("{\"a\":\"x\0y\"}", 11));
}

TEST(unescaping)
{
    char out[64];
    static const char text[] = "\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041\\u00e9\\u20AC\\ud83d\\ude00z";
    static const char value[] = "\"\\/\b\f\n\r\tA\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80z";
    CHECK(fb_unescape(text, sizeof(text) - 1, out) == sizeof(value) - 1 && memcmp(out, value, sizeof(value) - 1) == 0);
    char place[sizeof(text)];
    memcpy(place, text, sizeof(text));
    CHECK(fb_unescape(place, sizeof(text) - 1, place) == sizeof(value) - 1 &&
          memcmp(place, value, sizeof(value) - 1) == 0);
    CHECK(fb_unescape("", 0, out) == 0);
}

/* In blocks of the very size, so that a sanitizer sees a byte too many. */
static size_t unescape_exactly(const char *text, size_t size, char *value)
{
    char *from = malloc(size + 1), *to = malloc(size + 1);
    memcpy(from + 1, text, size);
    const size_t length = fb_unescape(from + 1, size, to + 1);
    CHECK(length <= size);
    CHECK(fb_unescape(from + 1, size, from + 1) == length && memcmp(from + 1, to + 1, length) == 0);
    memcpy(value, to + 1, length);
    free(from);
    free(to);
    return length;
}

/* Text that no scan has seen: what is no escape stays as it is. */
TEST(unescaping_any_text)
{
    static const char *const texts[][2] = {
        {"\\", "\\"},
        {"\\x", "\\x"},
        {"\\u123", "\\u123"},
        {"\\u123g", "\\u123g"},
        {"\\ud800", "\\ud800"},
        {"\\udc00", "\\udc00"},
        {"\\ud800\\u", "\\ud800\\u"},
        {"\\ud800\\n", "\\ud800\n"},
        {"\\ud800\\u0041", "\\ud800A"},
        {"\\ud83d\\ud83d\\ude00", "\\ud83d\xf0\x9f\x98\x80"},
        {"\\u0000", ""},
    };
    char value[64];
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        const size_t length = unescape_exactly(texts[i][0], strlen(texts[i][0]), value);
        CHECK(length == (texts[i][1][0] == '\0' ? 1 : strlen(texts[i][1])));
        CHECK(memcmp(value, texts[i][1], length) == 0);
    }
    /* Every text of up to seven pieces. */
    static const char *const pieces[] = {"\\", "u", "d8", "dc", "00", "n", "\xff", "\""};
    enum { LENGTH = 7 };
    for (size_t length = 0; length <= LENGTH; length++) {
        for (size_t number = 0; number < (size_t)1 << 3 * length; number++) {
            char text[2 * LENGTH];
            size_t size = 0;
            for (size_t i = 0; i < length; i++) {
                const char *piece = pieces[number >> 3 * i & 7];
                memcpy(text + size, piece, strlen(piece));
                size += strlen(piece);
            }
            const size_t got = unescape_exactly(text, size, value);
            CHECK(memchr(text, '\\', size) != NULL || (got == size && memcmp(value, text, size) == 0));
        }
    }
}

int main(void)
{
    RUN(strings);
    RUN(unescaping);
    RUN(unescaping_any_text);
    return TEST_RESULT();
}
