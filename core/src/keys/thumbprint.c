/*
 * The thumbprint of a key (RFC 7638, RFC 8037 section 2): SHA-256 of the members that make the key, and no others, in
 * the order of their names. Given a key that was found sound. It is written from what the key is, never copied from a
 * document, so one key has one thumbprint however it was spelled.
 */
#include "keys/keys.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>

enum { MAX_TEXT = 2 * (FB__MAX_KEY_NUMBER * 4 / 3 + 4) + 64 /* two numbers, and what stands around them */ };

struct text {
    char data[MAX_TEXT];
    size_t size;
};

static void add(struct text *text, const char *piece)
{
    const size_t size = strlen(piece);
    memcpy(text->data + text->size, piece, size);
    text->size += size;
}

static void add_bytes(struct text *text, const unsigned char *bytes, size_t size)
{
    text->size += fb__base64url_encode(bytes, size, text->data + text->size);
}

/* As long as width says, or as it is for 0. */
static bool add_number(struct text *text, const fb__key *key, const char *parameter, size_t width)
{
    unsigned char bytes[FB__MAX_KEY_NUMBER];
    const size_t size = fb__key_number(key, parameter, width, bytes);
    add_bytes(text, bytes, size);
    return size > 0;
}

static bool write_rsa(struct text *text, const fb__key *key)
{
    add(text, "{\"e\":\"");
    if (!add_number(text, key, OSSL_PKEY_PARAM_RSA_E, 0)) {
        return false;
    }
    add(text, "\",\"kty\":\"RSA\",\"n\":\"");
    return add_number(text, key, OSSL_PKEY_PARAM_RSA_N, 0);
}

/* Of an EC key: 0 is x. Keys that are not written uncompressed are the few that came so. */
static bool add_coordinate(struct text *text, const fb__key *key, const char *parameter, size_t index)
{
    const size_t width = fb__curves[key->curve].coordinate_size;
    if (key->point[0] != POINT_CONVERSION_UNCOMPRESSED) {
        return add_number(text, key, parameter, width);
    }
    add_bytes(text, key->point + 1 + index * width, width);
    return true;
}

static bool write_ec(struct text *text, const fb__key *key)
{
    add(text, "{\"crv\":\"");
    add(text, fb__curves[key->curve].name);
    add(text, "\",\"kty\":\"EC\",\"x\":\"");
    if (!add_coordinate(text, key, OSSL_PKEY_PARAM_EC_PUB_X, 0)) {
        return false;
    }
    add(text, "\",\"y\":\"");
    return add_coordinate(text, key, OSSL_PKEY_PARAM_EC_PUB_Y, 1);
}

static bool write_okp(struct text *text, const fb__key *key)
{
    add(text, "{\"crv\":\"");
    add(text, fb__curves[key->curve].name);
    add(text, "\",\"kty\":\"OKP\",\"x\":\"");
    add_bytes(text, key->point, fb__curves[key->curve].coordinate_size);
    return true;
}

bool fb__key_thumbprint(const fb__key *key, unsigned char out[FB__THUMBPRINT])
{
    struct text text;
    text.size = 0;
    const bool written = key->kty == FB__KTY_RSA   ? write_rsa(&text, key)
                         : key->kty == FB__KTY_EC  ? write_ec(&text, key)
                         : key->kty == FB__KTY_OKP ? write_okp(&text, key)
                                                   : false;
    if (!written) {
        return false;
    }
    add(&text, "\"}");
    return EVP_Q_digest(NULL, fb__hashes[FB__HASH_SHA256].openssl_name, NULL, text.data, text.size, out, NULL) == 1;
}
