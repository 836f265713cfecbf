/*
 * Target functions: fb__base64url_valid, _decode, _encode, against a reader that looks at one bit after the other;
 * fb__token_split.
 */
#include "fuzz.h"

/* The bytes of canonical unpadded text, in room for all of them; false when it is none. */
static bool reference(const uint8_t *text, size_t size, uint8_t *out)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    const size_t bits = size * 6, whole = bits / 8 * 8;
    memset(out, 0, size + 1);
    if (bits - whole >= 6) {
        return false;
    }
    for (size_t bit = 0; bit < bits; bit++) {
        const uint8_t c = text[bit / 6];
        const char *at = c == 0 ? NULL : strchr(alphabet, c);
        if (at == NULL) {
            return false;
        }
        const unsigned value = (unsigned)(at - alphabet) >> (5 - bit % 6) & 1;
        if (bit < whole) {
            out[bit / 8] = (uint8_t)(out[bit / 8] | value << (7 - bit % 8));
        } else if (value != 0) {
            return false;
        }
    }
    return true;
}

static void check_round_trip(const uint8_t *data, size_t size)
{
    char *text = malloc((size * 4 + 2) / 3 + 1);
    uint8_t *back = malloc(size + 1);
    REQUIRE(text != NULL && back != NULL);
    const size_t written = fb__base64url_encode(data, size, text);
    REQUIRE(written == (size * 4 + 2) / 3 && fb__base64url_decoded_size(written) == size);
    REQUIRE(fb__base64url_valid(text, written) && fb__base64url_decode(text, written, back));
    REQUIRE(size == 0 || memcmp(data, back, size) == 0);
    free(text);
    free(back);
}

static void check_split(const uint8_t *data, size_t size)
{
    fb__token token;
    if (fb__token_split((const char *)data, size, &token) != FB_OK) {
        return;
    }
    REQUIRE(token.header.size > 0 && token.payload.size > 0 && token.signature.size > 0);
    REQUIRE(token.header.size + token.payload.size + token.signature.size + 2 == size);
    REQUIRE(token.signing_input.data == (const char *)data &&
            token.signing_input.size == token.header.size + token.payload.size + 1);
    REQUIRE(fb__base64url_valid(token.header.data, token.header.size) &&
            fb__base64url_valid(token.payload.data, token.payload.size) &&
            fb__base64url_valid(token.signature.data, token.signature.size));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *expected = malloc(size + 1), *out = malloc(fb__base64url_decoded_size(size) + (size == 0));
    REQUIRE(expected != NULL && out != NULL);
    const bool valid = reference(data, size, expected);
    REQUIRE(fb__base64url_valid((const char *)data, size) == valid);
    REQUIRE(fb__base64url_decode((const char *)data, size, out) == valid);
    REQUIRE(!valid || size == 0 || memcmp(out, expected, fb__base64url_decoded_size(size)) == 0);
    free(expected);
    free(out);
    check_round_trip(data, size);
    check_split(data, size);
    return 0;
}
