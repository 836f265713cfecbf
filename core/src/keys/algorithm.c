/*
 * The algorithms, curves and hashes that exist here, as three constant tables: RFC 7518 section 3.1, RFC 8037 section
 * 3.1, RFC 8812 section 3.2, RFC 9864 section 2.2. "none" is not among them (RFC 8725 section 3.2). Whoever needs a
 * name, a size, a curve or a hash of one reads it here.
 */
#include "keys/keys.h"

const fb__alg fb__algs[FB__ALG_COUNT] = {
    {"RS256", 5, FB__KTY_RSA, FB__CURVE_NONE, FB__HASH_SHA256, false, 2048},
    {"RS384", 5, FB__KTY_RSA, FB__CURVE_NONE, FB__HASH_SHA384, false, 2048},
    {"RS512", 5, FB__KTY_RSA, FB__CURVE_NONE, FB__HASH_SHA512, false, 2048},
    {"PS256", 5, FB__KTY_RSA, FB__CURVE_NONE, FB__HASH_SHA256, true, 2048},
    {"PS384", 5, FB__KTY_RSA, FB__CURVE_NONE, FB__HASH_SHA384, true, 2048},
    {"PS512", 5, FB__KTY_RSA, FB__CURVE_NONE, FB__HASH_SHA512, true, 2048},
    {"ES256", 5, FB__KTY_EC, FB__CURVE_P256, FB__HASH_SHA256, false, 0},
    {"ES384", 5, FB__KTY_EC, FB__CURVE_P384, FB__HASH_SHA384, false, 0},
    {"ES512", 5, FB__KTY_EC, FB__CURVE_P521, FB__HASH_SHA512, false, 0},
    {"ES256K", 6, FB__KTY_EC, FB__CURVE_SECP256K1, FB__HASH_SHA256, false, 0},
    {"EdDSA", 5, FB__KTY_OKP, FB__CURVE_NONE, FB__HASH_NONE, false, 0},
    {"Ed25519", 7, FB__KTY_OKP, FB__CURVE_ED25519, FB__HASH_NONE, false, 0},
    {"Ed448", 5, FB__KTY_OKP, FB__CURVE_ED448, FB__HASH_NONE, false, 0},
    {"HS256", 5, FB__KTY_OCT, FB__CURVE_NONE, FB__HASH_SHA256, false, 256},
    {"HS384", 5, FB__KTY_OCT, FB__CURVE_NONE, FB__HASH_SHA384, false, 384},
    {"HS512", 5, FB__KTY_OCT, FB__CURVE_NONE, FB__HASH_SHA512, false, 512},
};

const fb__curve_row fb__curves[FB__CURVE_COUNT] = {
    [FB__CURVE_NONE] = {"", "", FB__KTY_NONE, 0, 0, 0},
    [FB__CURVE_P256] = {"P-256", "prime256v1", FB__KTY_EC, 256, 32, 64},
    [FB__CURVE_P384] = {"P-384", "secp384r1", FB__KTY_EC, 384, 48, 96},
    [FB__CURVE_P521] = {"P-521", "secp521r1", FB__KTY_EC, 521, 66, 132},
    [FB__CURVE_SECP256K1] = {"secp256k1", "secp256k1", FB__KTY_EC, 256, 32, 64},
    [FB__CURVE_ED25519] = {"Ed25519", "ED25519", FB__KTY_OKP, 256, 32, 64},
    [FB__CURVE_ED448] = {"Ed448", "ED448", FB__KTY_OKP, 456, 57, 114},
};

const fb__hash_row fb__hashes[FB__HASH_COUNT] = {
    [FB__HASH_NONE] = {"", "", 0},
    [FB__HASH_SHA256] = {"SHA256", "SHA2-256", 32},
    [FB__HASH_SHA384] = {"SHA384", "SHA2-384", 48},
    [FB__HASH_SHA512] = {"SHA512", "SHA2-512", 64},
};

const fb__alg *fb__alg_find(fb_slice name)
{
    for (size_t i = 0; i < FB__ALG_COUNT; i++) {
        if (name.size == fb__algs[i].name_size && name.data[0] == fb__algs[i].name[0] &&
            memcmp(name.data, fb__algs[i].name, name.size) == 0) {
            return &fb__algs[i];
        }
    }
    return NULL;
}

uint32_t fb__algs_of(fb__kty kty, fb__curve curve, int bits)
{
    uint32_t algs = 0;
    for (size_t i = 0; i < FB__ALG_COUNT; i++) {
        const fb__alg *alg = &fb__algs[i];
        if (alg->kty == kty && (alg->curve == FB__CURVE_NONE || alg->curve == curve) && bits >= alg->min_bits) {
            algs |= fb__alg_bit(alg);
        }
    }
    return algs;
}
