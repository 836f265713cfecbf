/*
 * What an EVP_PKEY is good for: its type, its curve, and which algorithms it may verify. Given a key from anywhere, a
 * PEM block, a JWK or a generator; a weak or broken one is refused here, in constant text, whoever made it.
 */
#include "keys/keys.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <stdio.h>

const char fb__key_not_loaded[] = "OpenSSL could not load the key";

/*
 * ROCA (CVE-2017-15361): moduli of a broken generator are powers of 65537 modulo each of these primes. For a sound
 * modulus that happens once in 2^27 keys or so.
 */
static bool is_roca(const BIGNUM *modulus)
{
    static const unsigned primes[] = {3,   5,   7,   11,  13,  17,  19,  23,  29,  31,  37,  41,  43,
                                      47,  53,  59,  61,  67,  71,  73,  79,  83,  89,  97,  101, 103,
                                      107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167};
    for (size_t i = 0; i < sizeof(primes) / sizeof(primes[0]); i++) {
        BN_ULONG residue = BN_mod_word(modulus, primes[i]);
        unsigned power = 1;
        bool found = false;
        for (unsigned n = 0; n < primes[i] && !found; n++) {
            found = power == residue;
            power = power * (65537 % primes[i]) % primes[i];
        }
        if (!found) {
            return false;
        }
    }
    return true;
}

/* An exponent of at most 64 bits. False: not one of these. */
static bool read_exponent(uint64_t *out, const BIGNUM *e)
{
    unsigned char bytes[8];
    if (BN_bn2binpad(e, bytes, sizeof(bytes)) != sizeof(bytes)) {
        return false;
    }
    *out = 0;
    for (size_t i = 0; i < sizeof(bytes); i++) {
        *out = *out << 8 | bytes[i];
    }
    return true;
}

static const char *check_rsa(fb__key *key)
{
    BIGNUM *n = NULL, *e = NULL;
    const char *problem = NULL;
    if (EVP_PKEY_get_bn_param(key->pkey, OSSL_PKEY_PARAM_RSA_N, &n) != 1 ||
        EVP_PKEY_get_bn_param(key->pkey, OSSL_PKEY_PARAM_RSA_E, &e) != 1) {
        problem = fb__key_not_loaded;
    } else if (fb__algs_of(FB__KTY_RSA, FB__CURVE_NONE, BN_num_bits(n)) == 0) {
        problem = "the RSA modulus has fewer than 2048 bits (RFC 7518 section 3.3)";
    } else if (BN_num_bits(n) > FB__RSA_MAX_BITS) {
        problem = "the RSA modulus has more than 8192 bits";
    } else if (!BN_is_odd(n)) {
        problem = "the RSA modulus is even";
    } else if (!BN_is_odd(e) || BN_cmp(e, n) >= 0 || !read_exponent(&key->exponent, e) || key->exponent < 65537) {
        problem = "the RSA exponent is not an odd number from 65537 on (of 64 bits at most)";
    } else if (is_roca(n)) {
        problem = "the RSA modulus was made by a generator that is known to be broken (ROCA, CVE-2017-15361)";
    } else {
        key->bits = BN_num_bits(n);
        key->signature_size = ((size_t)key->bits + 7) / 8;
        key->algs = fb__algs_of(FB__KTY_RSA, FB__CURVE_NONE, key->bits);
    }
    BN_free(n);
    BN_free(e);
    return problem;
}

/* Whether the key's parameter names this hash; providers spell it one way or the other. */
static bool names_hash(const EVP_PKEY *pkey, const char *parameter, fb__hash hash)
{
    char name[32] = "";
    size_t length;
    return EVP_PKEY_get_utf8_string_param(pkey, parameter, name, sizeof(name), &length) == 1 &&
           (strcmp(name, fb__hashes[hash].openssl_name) == 0 || strcmp(name, fb__hashes[hash].provider_name) == 0);
}

/*
 * Whether parameters bind the key, by the salt that they name: OpenSSL leaves out what has its default, SHA-1, but
 * never the salt's length. The length is missing for lack of memory too, so its absence counts only where OpenSSL
 * can allocate and reports it twice. False: cannot be determined.
 */
static bool read_salt(fb__key *key, int *salt)
{
    for (int attempt = 0; attempt < 2; attempt++) {
        key->restricted = EVP_PKEY_get_int_param(key->pkey, OSSL_PKEY_PARAM_RSA_PSS_SALTLEN, salt) == 1;
        if (key->restricted) {
            return true;
        }
        if (fb__openssl_out_of_memory()) {
            return false;
        }
    }
    return true;
}

/* An id-RSASSA-PSS key may do PSS only, and with parameters (RFC 4055 section 3.1) only what these say. */
static const char *restrict_to_pss(fb__key *key)
{
    int salt = 0;
    if (!read_salt(key, &salt)) {
        key->algs = 0;
        return fb__key_not_loaded;
    }
    for (size_t i = 0; i < FB__ALG_COUNT; i++) {
        const fb__alg *alg = &fb__algs[i];
        bool matches = !key->restricted || (names_hash(key->pkey, OSSL_PKEY_PARAM_RSA_DIGEST, alg->hash) &&
                                            names_hash(key->pkey, OSSL_PKEY_PARAM_RSA_MGF1_DIGEST, alg->hash) &&
                                            salt <= (int)fb__hash_size(alg->hash));
        if (!alg->pss || !matches) {
            key->algs &= ~fb__alg_bit(alg);
        }
    }
    return key->algs == 0 ? "the RSA-PSS key's parameters fit none of PS256, PS384 and PS512" : NULL;
}

/*
 * The point at infinity is one octet, or has no encoding, as OpenSSL sees it: a key of it verifies nothing, and is
 * somebody's mistake. As with the salt, it is asked for twice. False: cannot be determined.
 */
static bool read_point(fb__key *key, size_t *size)
{
    for (int attempt = 0; attempt < 2; attempt++) {
        if (EVP_PKEY_get_octet_string_param(key->pkey, OSSL_PKEY_PARAM_PUB_KEY, key->point, sizeof(key->point), size) ==
            1) {
            return true;
        }
        if (fb__openssl_out_of_memory()) {
            return false;
        }
    }
    *size = 0;
    return true;
}

/* An EC key's curve, by the name that OpenSSL has for it. */
static const char *read_group(const fb__key *key, char *name, size_t room)
{
    char encoding[32] = "named_curve";
    size_t length;
    (void)EVP_PKEY_get_utf8_string_param(key->pkey, OSSL_PKEY_PARAM_EC_ENCODING, encoding, sizeof(encoding), &length);
    if (strcmp(encoding, "named_curve") != 0) {
        return "the EC key spells out its curve; only named curves are accepted (CVE-2020-0601)";
    }
    return EVP_PKEY_get_group_name(key->pkey, name, room, &length) == 1 ? NULL : fb__key_not_loaded;
}

static const char *check_curve(fb__key *key)
{
    char name[64] = "";
    size_t point_size = 2;
    if (key->kty == FB__KTY_EC) {
        const char *problem = read_group(key, name, sizeof(name));
        if (problem != NULL) {
            return problem;
        }
    } else {
        (void)snprintf(name, sizeof(name), "%s", EVP_PKEY_get0_type_name(key->pkey));
    }
    fb__curve curve = FB__CURVE_NONE + 1;
    while (curve < FB__CURVE_COUNT &&
           (fb__curves[curve].kty != key->kty || strcmp(name, fb__curves[curve].openssl_name) != 0)) {
        curve++;
    }
    if (curve == FB__CURVE_COUNT) {
        return "the curve of the key is not supported";
    }
    if (key->kty == FB__KTY_EC && !read_point(key, &point_size)) {
        return fb__key_not_loaded;
    }
    if (point_size < 2) {
        return "the EC key is not a point of its curve";
    }
    const fb__curve_row *row = &fb__curves[curve];
    key->curve = curve;
    key->signature_size = row->signature_size;
    key->bits = row->bits;
    key->crv_text = fb_text(row->name);
    key->algs = fb__algs_of(key->kty, curve, key->bits);
    return NULL;
}

/*
 * The points of small order on edwards25519, by y without its sign bit, canonical or not (RFC 7748 section 7, "Taming
 * the many EdDSAs" table 5): with such a key a signature can hold for any message.
 */
static bool is_small_order_25519(const unsigned char *point)
{
    static const unsigned char order_8[2][32] = {
        {0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f,
         0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a},
        {0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0,
         0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05},
    };
    unsigned char y[32];
    memcpy(y, point, sizeof(y));
    y[31] &= 0x7f;
    if (memcmp(y, order_8[0], 32) == 0 || memcmp(y, order_8[1], 32) == 0) {
        return true;
    }
    /* y = 0, 1, and around p = 2^255 - 19: p - 1, p, p + 1 */
    bool zeros = true, ones = true;
    for (size_t i = 1; i < 31; i++) {
        zeros = zeros && y[i] == 0;
        ones = ones && y[i] == 0xff;
    }
    return (zeros && y[31] == 0 && y[0] <= 1) || (ones && y[31] == 0x7f && y[0] >= 0xec && y[0] <= 0xee);
}

/* On edwards448 the points of order 1, 2 and 4 have y = 1, -1, 0 (RFC 8032 section 5.2). */
static bool is_small_order_448(const unsigned char *point)
{
    unsigned char y[57];
    memcpy(y, point, sizeof(y));
    y[56] = 0;
    unsigned char minus_one[57];
    memset(minus_one, 0xff, 56);
    minus_one[28] = 0xfe;
    minus_one[0] = 0xfe;
    minus_one[56] = 0;
    bool zeros = true;
    for (size_t i = 1; i < 57; i++) {
        zeros = zeros && y[i] == 0;
    }
    return (zeros && y[0] <= 1) || memcmp(y, minus_one, sizeof(y)) == 0;
}

static const char *check_okp(fb__key *key)
{
    const char *problem = check_curve(key);
    size_t size = sizeof(key->point);
    if (problem == NULL && EVP_PKEY_get_raw_public_key(key->pkey, key->point, &size) != 1) {
        key->algs = 0;
        problem = fb__key_not_loaded;
    }
    if (problem == NULL &&
        (key->curve == FB__CURVE_ED25519 ? is_small_order_25519(key->point) : is_small_order_448(key->point))) {
        key->algs = 0;
        problem = "the public key is a point of small order";
    }
    return problem;
}

const char *fb__key_classify(fb__key *key)
{
    /* Asked once: for lack of memory the answer is "no" as well. */
    const bool pss = EVP_PKEY_is_a(key->pkey, "RSA-PSS");
    if (pss || EVP_PKEY_is_a(key->pkey, "RSA")) {
        key->kty = FB__KTY_RSA;
        key->kty_text = fb_text("RSA");
        const char *problem = check_rsa(key);
        return problem == NULL && pss ? restrict_to_pss(key) : problem;
    }
    if (EVP_PKEY_is_a(key->pkey, "EC")) {
        key->kty = FB__KTY_EC;
        key->kty_text = fb_text("EC");
        return check_curve(key);
    }
    if (EVP_PKEY_is_a(key->pkey, "ED25519") || EVP_PKEY_is_a(key->pkey, "ED448")) {
        key->kty = FB__KTY_OKP;
        key->kty_text = fb_text("OKP");
        return check_okp(key);
    }
    return "the key is of a type that signs no tokens; RSA, EC, Ed25519 and Ed448 do";
}

size_t fb__key_number(const fb__key *key, const char *parameter, size_t width, unsigned char out[FB__MAX_KEY_NUMBER])
{
    BIGNUM *number = NULL;
    if (EVP_PKEY_get_bn_param(key->pkey, parameter, &number) != 1) {
        return 0;
    }
    const size_t size = width != 0 ? width : (size_t)BN_num_bytes(number);
    const bool written = size <= FB__MAX_KEY_NUMBER && BN_bn2binpad(number, out, (int)size) == (int)size;
    BN_free(number);
    return written ? size : 0;
}

void fb__key_clear(fb__key *key, const fb_mem *mem)
{
    EVP_PKEY_free(key->pkey);
    if (key->secret != NULL) {
        OPENSSL_cleanse(key->secret, key->secret_size);
        fb__free(mem, key->secret);
    }
    fb__free(mem, key->text);
    memset(key, 0, sizeof(*key));
}
