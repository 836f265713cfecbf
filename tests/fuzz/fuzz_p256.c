/*
 * Target function: fb__arithmetic_p256's verify, beside OpenSSL's ECDSA. Input: a byte for
 * the key and the kind, then numbers of 32 bytes; what is short is zero. Kind 0: the nonce that a message is signed
 * with, r and s that this signature is XORed with, the message. Kind 1: u1 and u2, from which a hash and a signature
 * are made; hash, r and s that these are XORed with. Kind 2: hash, r and s as they are.
 */
#if defined(__SIZEOF_INT128__)
#include "arithmetic/p256/p256.c"

#include "../core/p256.h"
#include "fuzz.h"

enum { KEYS = 4, KINDS = 3 };

static struct subject {
    BIGNUM *d;
    EC_POINT *point;
    EVP_PKEY_CTX *verifying;
    struct table *table;
} subjects[KEYS];
static EC_GROUP *group;
static BN_CTX *scratch;
static BIGNUM *order;
static EVP_MD *sha256;

/* A key like any other, then those that meet G's multiples in the adder. */
static void make(struct subject *s, const char *d)
{
    unsigned char octets[65];
    fb__key key;
    memset(&key, 0, sizeof(key));
    s->point = EC_POINT_new(group);
    s->table = aligned_alloc(FB__TABLE_ALIGNMENT, sizeof(struct table));
    REQUIRE(s->table != NULL && BN_hex2bn(&s->d, d) > 0);
    REQUIRE(EC_POINT_mul(group, s->point, s->d, NULL, NULL, scratch) == 1);
    REQUIRE(EC_POINT_point2oct(group, s->point, POINT_CONVERSION_UNCOMPRESSED, octets, 65, scratch) == 65);
    key.pkey = p256_key(octets);
    s->verifying = p256_verifying(key.pkey);
    REQUIRE(fb__key_classify(&key) == NULL && build(s->table, &key));
    fb__key_clear(&key, &fb__mem_default);
}

static void start(void)
{
    static const char *const keys[KEYS] = {"c477f9f65c22cce20657faa5b2d1d8122336f851a508a1ed04e479c34985bf96", "1",
                                           "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632550", "80"};
    group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
    scratch = BN_CTX_new();
    order = BN_new();
    sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    REQUIRE(EC_GROUP_get_order(group, order, scratch) == 1 && prepare(&fb__mem_default) == FB__SELF_TEST_RIGHT);
    for (size_t i = 0; i < KEYS; i++) {
        make(&subjects[i], keys[i]);
    }
}

static void take(unsigned char out[32], const uint8_t **data, size_t *size)
{
    const size_t some = *size < 32 ? *size : 32;
    memset(out, 0, 32);
    memcpy(out, *data, some);
    *data += some;
    *size -= some;
}

/* Modulo n, and not 0. */
static BIGNUM *take_scalar(const uint8_t **data, size_t *size)
{
    unsigned char bytes[32];
    take(bytes, data, size);
    BIGNUM *number = BN_bin2bn(bytes, 32, NULL);
    REQUIRE(number != NULL && BN_nnmod(number, number, order, scratch) == 1);
    REQUIRE(!BN_is_zero(number) || BN_one(number) == 1);
    return number;
}

static void take_changes(unsigned char *out, size_t bytes, const uint8_t **data, size_t *size)
{
    for (size_t i = 0; i < bytes; i += 32) {
        unsigned char change[32];
        take(change, data, size);
        for (size_t k = 0; k < 32; k++) {
            out[i + k] ^= change[k];
        }
    }
}

/* r, the x of that sum; 1 if it is infinity. */
static BIGNUM *x_of(const BIGNUM *u1, const EC_POINT *q, const BIGNUM *u2)
{
    EC_POINT *sum = EC_POINT_new(group);
    BIGNUM *r = BN_new();
    REQUIRE(EC_POINT_mul(group, sum, u1, q, u2, scratch) == 1);
    if (EC_POINT_is_at_infinity(group, sum) == 1) {
        REQUIRE(BN_one(r) == 1);
    } else {
        REQUIRE(EC_POINT_get_affine_coordinates(group, sum, r, NULL, scratch) == 1);
        REQUIRE(BN_nnmod(r, r, order, scratch) == 1);
    }
    EC_POINT_free(sum);
    return r;
}

/* With the vector code, where there is any, and without. */
static void compare(const struct subject *s, const unsigned char digest[32], const unsigned char signature[64])
{
    const bool expected = p256_verdict(s->verifying, digest, signature);
    with_ifma = false;
    REQUIRE(verify(s->table, digest, signature) == expected);
    with_ifma = fb__cpu_has_ifma();
    REQUIRE(verify(s->table, digest, signature) == expected);
}

static void put(unsigned char out[32], const BIGNUM *number)
{
    REQUIRE(BN_bn2binpad(number, out, 32) == 32);
}

static void try_message(const struct subject *s, const uint8_t *data, size_t size)
{
    unsigned char digest[32], signature[64], change[64] = {0};
    BIGNUM *nonce = take_scalar(&data, &size), *r = x_of(nonce, NULL, NULL), *t = BN_new();
    take_changes(change, sizeof(change), &data, &size);
    REQUIRE(EVP_Digest(data, size, digest, NULL, sha256, NULL) == 1);
    BIGNUM *e = BN_bin2bn(digest, 32, NULL);
    REQUIRE(BN_mod_mul(t, r, s->d, order, scratch) == 1 && BN_mod_add(t, t, e, order, scratch) == 1);
    REQUIRE(BN_mod_inverse(nonce, nonce, order, scratch) != NULL && BN_mod_mul(t, t, nonce, order, scratch) == 1);
    put(signature, r);
    put(signature + 32, t);
    for (size_t i = 0; i < sizeof(signature); i++) {
        signature[i] ^= change[i];
    }
    REQUIRE(verify(s->table, digest, signature) == p256_verdict(s->verifying, digest, signature));
    BN_free(nonce);
    BN_free(r);
    BN_free(t);
    BN_free(e);
}

static void try_scalars(const struct subject *s, const uint8_t *data, size_t size)
{
    unsigned char all[96]; /* hash, r, s */
    BIGNUM *u1 = take_scalar(&data, &size), *u2 = take_scalar(&data, &size), *r = x_of(u1, s->point, u2);
    put(all + 32, r);
    REQUIRE(BN_mod_inverse(u2, u2, order, scratch) != NULL && BN_mod_mul(r, r, u2, order, scratch) == 1);
    put(all + 64, r);
    REQUIRE(BN_mod_mul(r, r, u1, order, scratch) == 1);
    put(all, r);
    take_changes(all, sizeof(all), &data, &size);
    compare(s, all, all + 32);
    BN_free(u1);
    BN_free(u2);
    BN_free(r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const size_t choice = fuzz_byte(&data, &size);
    const struct subject *s = &subjects[choice % KEYS];
    if (group == NULL) {
        start();
    }
    if (choice / KEYS % KINDS == 0) {
        try_message(s, data, size);
    } else if (choice / KEYS % KINDS == 1) {
        try_scalars(s, data, size);
    } else {
        unsigned char all[96] = {0};
        take_changes(all, sizeof(all), &data, &size);
        compare(s, all, all + 32);
    }
    ERR_clear_error(); /* OpenSSL's own words on a bad signature */
    return 0;
}

#else
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    (void)data;
    (void)size;
    return 0;
}
#endif
