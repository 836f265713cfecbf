/*
 * The algorithms that exist here, as one constant table: RFC 7518 section 3.1, RFC 8037 section 3.1, RFC 8812
 * section 3.2, RFC 9864 section 2.2. "none" is not among them (RFC 8725 section 3.2). Every check of a size, a curve or
 * a hash reads it.
 */
#include "keys/keys.h"

const fb__alg fb__algs[FB__ALG_COUNT] = {
    {"RS256", 5, FB__KTY_RSA, FB__CURVE_NONE, FB__HASH_SHA256, false, 0, FB__RSA_MIN_BITS},
    {"RS384", 5, FB__KTY_RSA, FB__CURVE_NONE, FB__HASH_SHA384, false, 0, FB__RSA_MIN_BITS},
    {"RS512", 5, FB__KTY_RSA, FB__CURVE_NONE, FB__HASH_SHA512, false, 0, FB__RSA_MIN_BITS},
    {"PS256", 5, FB__KTY_RSA, FB__CURVE_NONE, FB__HASH_SHA256, true, 0, FB__RSA_MIN_BITS},
    {"PS384", 5, FB__KTY_RSA, FB__CURVE_NONE, FB__HASH_SHA384, true, 0, FB__RSA_MIN_BITS},
    {"PS512", 5, FB__KTY_RSA, FB__CURVE_NONE, FB__HASH_SHA512, true, 0, FB__RSA_MIN_BITS},
    {"ES256", 5, FB__KTY_EC, FB__CURVE_P256, FB__HASH_SHA256, false, 64, 0},
    {"ES384", 5, FB__KTY_EC, FB__CURVE_P384, FB__HASH_SHA384, false, 96, 0},
    {"ES512", 5, FB__KTY_EC, FB__CURVE_P521, FB__HASH_SHA512, false, 132, 0},
    {"ES256K", 6, FB__KTY_EC, FB__CURVE_SECP256K1, FB__HASH_SHA256, false, 64, 0},
    {"EdDSA", 5, FB__KTY_OKP, FB__CURVE_NONE, FB__HASH_NONE, false, 0, 0},
    {"Ed25519", 7, FB__KTY_OKP, FB__CURVE_ED25519, FB__HASH_NONE, false, 64, 0},
    {"Ed448", 5, FB__KTY_OKP, FB__CURVE_ED448, FB__HASH_NONE, false, 114, 0},
    {"HS256", 5, FB__KTY_OCT, FB__CURVE_NONE, FB__HASH_SHA256, false, 32, 256},
    {"HS384", 5, FB__KTY_OCT, FB__CURVE_NONE, FB__HASH_SHA384, false, 48, 384},
    {"HS512", 5, FB__KTY_OCT, FB__CURVE_NONE, FB__HASH_SHA512, false, 64, 512},
};

const fb__alg *fb__alg_find(fb_slice name)
{
    for (size_t i = 0; i < FB__ALG_COUNT; i++) {
        if (name.size == fb__algs[i].name_size && memcmp(name.data, fb__algs[i].name, name.size) == 0) {
            return &fb__algs[i];
        }
    }
    return NULL;
}

size_t fb__hash_size(fb__hash hash)
{
    switch (hash) {
    case FB__HASH_SHA256:
        return 32;
    case FB__HASH_SHA384:
        return 48;
    case FB__HASH_SHA512:
        return 64;
    default:
        return 0;
    }
}

const char *fb__curve_name(fb__curve curve)
{
    static const char *const names[] = {"", "P-256", "P-384", "P-521", "secp256k1", "Ed25519", "Ed448"};
    return names[curve];
}
