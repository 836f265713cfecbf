/* What is done to text, whatever bytes and whatever locale. */
#include "base/base.h"
#include "test.h"

#include <locale.h>

static fb_slice bytes(const char *text, size_t size)
{
    return (fb_slice){text, size};
}

TEST(words_compare_without_case)
{
    CHECK(fb__is_word(fb_text("cHUNKED"), "chunked") && fb__is_word(fb_text("chunked"), "chunked"));
    CHECK(!fb__is_word(fb_text("chunke"), "chunked") && !fb__is_word(fb_text("chunkedd"), "chunked"));
    CHECK(!fb__is_word(bytes("chunked\0", 8), "chunked") && !fb__is_word(bytes("chun\0ed", 7), "chunked"));
    CHECK(!fb__is_word(fb_text("at\x0bjwt"), "at+jwt") && fb__is_word(fb_text("AT+JWT"), "at+jwt"));
    CHECK(fb__is_word((fb_slice){NULL, 0}, "") && !fb__is_word((fb_slice){NULL, 0}, "x"));
    CHECK(fb__starts_with(fb_text("HTTPS://x"), "https://") && !fb__starts_with(fb_text("https:/"), "https://"));
}

/* In Turkish, I is not the capital of i. */
TEST(no_locale_has_a_say)
{
    (void)setlocale(LC_ALL, "tr_TR.UTF-8");
    CHECK(fb__is_word(fb_text("IDENTITY"), "identity"));
    for (int c = 0; c < 256; c++) {
        CHECK(fb__lower((char)c) == ((c >= 'A' && c <= 'Z') ? (char)(c + 32) : (char)c));
    }
    (void)setlocale(LC_ALL, "C");
}

TEST(white_space_goes_and_nothing_else)
{
    CHECK(fb__slice_equal(fb__trim(fb_text(" \t\r\n a b\n")), fb_text("a b")));
    CHECK(fb__trim(fb_text(" \t ")).size == 0 && fb__trim((fb_slice){NULL, 0}).size == 0);
    CHECK(fb__trim(bytes("\0a\0", 3)).size == 3 && fb__trim(fb_text("\x0b"
                                                                    "1"))
                                                           .size == 2);
}

int main(void)
{
    RUN(words_compare_without_case);
    RUN(no_locale_has_a_say);
    RUN(white_space_goes_and_nothing_else);
    return TEST_RESULT();
}
