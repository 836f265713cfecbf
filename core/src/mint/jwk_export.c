/*
 * The public half of a key pair as a JWK, in a set (RFC 7517, RFC 7518 section 6, RFC 8037 section 2) or in a proof.
 */
#include "mint/mint.h"

#include <openssl/core_names.h>

static void add_bytes(fb_string *string, const char *name, const unsigned char *bytes, size_t size)
{
    char text[FB__MAX_SIGNATURE * 2];
    fb__string_add_member(string, name, (fb_slice){text, fb__base64url_encode(bytes, size, text)});
}

/* As long as width says, or as it is for 0. */
static bool add_number(fb_string *string, const fb_keypair *pair, const char *name, const char *parameter, size_t width)
{
    unsigned char bytes[FB__MAX_KEY_NUMBER];
    const size_t size = fb__key_number(&pair->key, parameter, width, bytes);
    if (size > 0) {
        add_bytes(string, name, bytes, size);
    }
    return size > 0;
}

bool fb__string_add_public_key(fb_string *string, const fb_keypair *pair)
{
    fb__string_add_member(string, "kty", pair->key.kty_text);
    if (pair->key.kty == FB__KTY_RSA) {
        return add_number(string, pair, "n", OSSL_PKEY_PARAM_RSA_N, 0) &&
               add_number(string, pair, "e", OSSL_PKEY_PARAM_RSA_E, 0);
    }
    fb__string_add_member(string, "crv", pair->key.crv_text);
    if (pair->key.kty == FB__KTY_EC) {
        size_t width = pair->key.signature_size / 2;
        return add_number(string, pair, "x", OSSL_PKEY_PARAM_EC_PUB_X, width) &&
               add_number(string, pair, "y", OSSL_PKEY_PARAM_EC_PUB_Y, width);
    }
    unsigned char point[57];
    size_t size = sizeof(point);
    if (EVP_PKEY_get_raw_public_key(pair->key.pkey, point, &size) != 1) {
        return false;
    }
    add_bytes(string, "x", point, size);
    return true;
}

fb_status fb_keypair_jwks(const fb_keypair *keypair, fb_slice kid, fb_string **out, fb_error *error)
{
    FB__INSIDE_GATE;
    *out = NULL;
    if (keypair->key.kty == FB__KTY_OCT) {
        return fb__fail(error, FB_CONFIGURATION_INVALID, "an HMAC secret has no public half that a key set could hold");
    }
    fb_status status = fb__check_text(&keypair->mem, "kid", kid, error);
    if (status != FB_OK) {
        return status;
    }
    fb_string *string = fb__string_new(&keypair->mem, fb__size_add(FB__JWK_ROOM, fb__quoted_room(kid.size)));
    if (string == NULL) {
        return fb__out_of_memory(error);
    }
    fb__openssl_errors errors;
    fb__openssl_begin(&errors);
    fb__string_add_text(string, "{\"keys\":[{");
    bool added = fb__string_add_public_key(string, keypair);
    fb__openssl_end(&errors);
    if (!added) {
        fb_string_free(string);
        return fb__out_of_memory(error);
    }
    fb__string_add_member(string, "use", fb_text("sig"));
    fb__string_add_member(string, "alg", fb_keypair_algorithm(keypair));
    if (kid.size > 0) {
        fb__string_add_member(string, "kid", kid);
    }
    fb__string_add_text(string, "}]}");
    *out = string;
    return FB_OK;
}
