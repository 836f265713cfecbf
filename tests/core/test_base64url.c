/* base64url: every length, every character in every place, and nothing but the canonical form. */
#include "test.h"
#include "verify/verify.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
enum { LONGEST = 200 };

static uint64_t state = 42;

static unsigned next_random(void)
{
    state = state * 6364136223846793005U + 1442695040888963407U;
    return (unsigned)(state >> 33);
}

TEST(bytes_of_every_length_come_back)
{
    for (size_t size = 0; size <= LONGEST; size++) {
        unsigned char bytes[LONGEST] = {0}, back[LONGEST + 1];
        char text[LONGEST * 2];
        for (size_t i = 0; i < size; i++) {
            bytes[i] = (unsigned char)next_random();
        }
        size_t length = fb__base64url_encode(bytes, size, text);
        CHECK(length == (size * 4 + 2) / 3);
        CHECK(fb__base64url_decoded_size(length) == size);
        CHECK(fb__base64url_valid(text, length));
        back[size] = 0x5a;
        CHECK(fb__base64url_decode(text, length, back));
        CHECK(memcmp(bytes, back, size) == 0 && back[size] == 0x5a); /* and not one byte more is written */
    }
}

TEST(every_character_in_every_place)
{
    /* Long enough for the vector part, its last group and the tail. */
    for (size_t size = 2; size < 60; size++) {
        if (size % 4 == 1) {
            continue;
        }
        for (size_t place = 0; place < size; place++) {
            for (int c = 0; c < 256; c++) {
                char text[64];
                unsigned char out[64];
                memset(text, 'A', size);
                text[place] = (char)c;
                const char *found = c == 0 ? NULL : strchr(alphabet, c);
                unsigned unused = place == size - 1 ? (size % 4 == 2 ? 15 : size % 4 == 3 ? 3 : 0) : 0;
                bool good = found != NULL && ((unsigned)(found - alphabet) & unused) == 0;
                if (fb__base64url_valid(text, size) != good || fb__base64url_decode(text, size, out) != good) {
                    FAIL("character %d at %zu of %zu", c, place, size);
                }
                if (good) {
                    char again[64];
                    CHECK(fb__base64url_encode(out, fb__base64url_decoded_size(size), again) == size);
                    CHECK(memcmp(again, text, size) == 0);
                }
            }
        }
    }
}

TEST(lengths_that_no_bytes_have)
{
    unsigned char out[64];
    static const char text[] = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    for (size_t size = 1; size < sizeof(text); size += 4) {
        CHECK(!fb__base64url_valid(text, size));
        CHECK(!fb__base64url_decode(text, size, out));
    }
}

TEST(other_spellings)
{
    static const char *const wrong[] = {"YQ==", "YQ=",  "YWI=", "YR",     "YWJ",       "Y Q",
                                        "YQ\n", "\nYQ", "+/+/", "YW\0Jj", "Y\xc3\xa9Q"};
    unsigned char out[16];
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        size_t size = i == 9 ? 5 : strlen(wrong[i]);
        CHECK(!fb__base64url_valid(wrong[i], size));
        CHECK(!fb__base64url_decode(wrong[i], size, out));
    }
    CHECK(fb__base64url_valid("YQ", 2) && fb__base64url_valid("YWI", 3) && fb__base64url_valid("-_-_", 4));
}

int main(void)
{
    RUN(bytes_of_every_length_come_back);
    RUN(every_character_in_every_place);
    RUN(lengths_that_no_bytes_have);
    RUN(other_spellings);
    return TEST_RESULT();
}
