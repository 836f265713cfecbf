/*
 * What the tests of the arithmetic for ES256 share: its own source, keys with their tables, every verdict beside
 * OpenSSL's, and signatures for scalars of choice. The source is included for its parts, and to run with and without
 * vectors.
 */
#ifndef FB_TEST_P256_SUBJECTS_H
#define FB_TEST_P256_SUBJECTS_H

#include "arithmetic/p256/p256.c"

#include "p256.h"
#include "tables.h"
#include "test.h"

#include <openssl/err.h>

static uint64_t state = 256;

static inline unsigned pick(size_t limit)
{
    state = state * 6364136223846793005U + 1442695040888963407U;
    return (unsigned)((state >> 33) % limit);
}

static inline void pick_bytes(unsigned char *out, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        out[i] = (unsigned char)pick(256);
    }
}

/* ---- keys ----------------------------------------------------------------------------------- */

struct subject {
    fb__verification_key *key;
    const struct table *table;
    EVP_PKEY_CTX *verifying, *signing; /* signing: NULL without a private key */
};

static EC_GROUP *group;
static BN_CTX *scratch;
static BIGNUM *order;
static EVP_MD *sha256;
static fb__tables tables = {.mem = &fb__mem_default};
static size_t compared, valid;

/* Takes the key over. */
static inline struct subject subject_of(EVP_PKEY *pkey, bool private)
{
    struct subject s = {.key = calloc(1, sizeof(*s.key))};
    p256_must(pkey != NULL && s.key != NULL);
    s.key->key.pkey = pkey;
    CHECK(fb__key_classify(&s.key->key) == NULL);
    atomic_store(&tables.bytes, 0); /* as if each were alone in its set */
    s.table = make_table(s.key, &tables);
    CHECK(s.table != NULL && s.key->table_size == sizeof(struct table));
    s.verifying = p256_verifying(pkey);
    s.signing = private ? p256_signing(pkey) : NULL;
    return s;
}

static inline struct subject subject_at(const EC_POINT *point)
{
    unsigned char octets[65];
    p256_must(EC_POINT_point2oct(group, point, POINT_CONVERSION_UNCOMPRESSED, octets, 65, scratch) == 65);
    return subject_of(p256_key(octets), false);
}

static inline void subject_clear(struct subject *s)
{
    EVP_PKEY_CTX_free(s->verifying);
    EVP_PKEY_CTX_free(s->signing);
    fb__verification_key_clear(s->key, &fb__mem_default);
    free(s->key);
}

/* ---- verdicts ------------------------------------------------------------------------------- */

/* With the vector code and without, where there is a choice; afterwards as prepare left it. */
static inline bool agree(const struct subject *s, const unsigned char digest[32], const unsigned char signature[64])
{
    with_ifma = false;
    const bool plain = verify(s->table, digest, signature);
    with_ifma = fb__cpu_has_ifma();
    const bool ours = verify(s->table, digest, signature);
    const bool theirs = p256_verdict(s->verifying, digest, signature);
    compared++;
    valid += theirs;
    if (ours != theirs || plain != theirs) {
        FAIL("%s, with vectors %s, OpenSSL says %s", plain ? "valid" : "invalid", ours ? "valid" : "invalid",
             theirs ? "valid" : "invalid");
        for (size_t i = 0; i < 96; i++) {
            fprintf(stderr, "%02x%s", i < 32 ? digest[i] : signature[i - 32], i % 32 == 31 ? "\n" : "");
        }
    }
    return ours;
}

/* The same with everything that a verification does. */
static inline bool agree_on_message(const struct subject *s, const unsigned char *message, size_t size,
                                    const unsigned char signature[64])
{
    unsigned char digest[32];
    p256_must(EVP_Digest(message, size, digest, NULL, sha256, NULL) == 1);
    const bool ours = agree(s, digest, signature);
    ERR_clear_error(); /* OpenSSL's own words on a bad signature */
    CHECK(fb__signature_verify_raw(s->key, fb__alg_find(fb_text("ES256")), (fb_slice){(const char *)message, size},
                                   (fb_slice){(const char *)signature, 64},
                                   true) == (ours ? FB_OK : FB_SIGNATURE_INVALID));
    CHECK(ERR_peek_error() == 0);
    return ours;
}

/* ---- edge values ---------------------------------------------------------------------------- */

static const char *const edges[] = {
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0000000000000000000000000000000000000000000000000000000000000001",
    "0000000000000000000000000000000000000000000000000000000000000002",
    "7fffffff800000007fffffffffffffffde737d56d38bcf4279dce5617e3192a8",
    "7fffffff800000007fffffffffffffffde737d56d38bcf4279dce5617e3192a9",
    "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc63254f",
    "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632550",
    "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551",
    "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632552",
    "ffffffff00000001000000000000000000000000fffffffffffffffffffffffe",
    "ffffffff00000001000000000000000000000000ffffffffffffffffffffffff",
    "ffffffff00000001000000000000000000000001000000000000000000000000",
    "000000000000000000000000000000004319055358e8617b0c46353d039cdaad",
    "000000000000000000000000000000004319055358e8617b0c46353d039cdaae",
    "000000000000000000000000000000004319055358e8617b0c46353d039cdaaf",
    "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
};
enum { EDGES = sizeof(edges) / sizeof(edges[0]) };

static inline void to_bytes(unsigned char out[32], const BIGNUM *number)
{
    p256_must(BN_bn2binpad(number, out, 32) == 32);
}

static inline void edge_bytes(unsigned char out[32], size_t index)
{
    BIGNUM *number = NULL;
    p256_must(BN_hex2bn(&number, edges[index]) == 64);
    to_bytes(out, number);
    BN_free(number);
}

/* ---- chosen u1, u2 -------------------------------------------------------------------------- */

/*
 * A signature for which u1 * G + u2 * Q is computed, found without the private key: r is the sum's x, s = r / u2, and
 * the hash is u1 * s. It verifies unless the sum is infinity; then r is 1.
 */
static inline void check_scalars(const struct subject *s, const EC_POINT *q, const BIGNUM *u1, const BIGNUM *u2)
{
    unsigned char digest[32], signature[64];
    EC_POINT *sum = EC_POINT_new(group);
    BIGNUM *r = BN_new(), *other = BN_new();
    p256_must(EC_POINT_mul(group, sum, u1, q, u2, scratch) == 1);
    const bool infinite = EC_POINT_is_at_infinity(group, sum) == 1;
    if (infinite) {
        p256_must(BN_one(r) == 1);
    } else {
        p256_must(EC_POINT_get_affine_coordinates(group, sum, r, NULL, scratch) == 1 &&
                  BN_nnmod(r, r, order, scratch) == 1);
    }
    to_bytes(signature, r);
    p256_must(BN_mod_inverse(other, u2, order, scratch) != NULL && BN_mod_mul(other, other, r, order, scratch) == 1);
    to_bytes(signature + 32, other);
    p256_must(BN_mod_mul(other, other, u1, order, scratch) == 1);
    to_bytes(digest, other);
    CHECK(agree(s, digest, signature) == !infinite);
    signature[31] ^= 1;
    CHECK(!agree(s, digest, signature));
    BN_free(r);
    BN_free(other);
    EC_POINT_free(sum);
}

/* d * G, and n - d for a negative d. */
static inline EC_POINT *multiple_of_g(const BIGNUM *d)
{
    EC_POINT *point = EC_POINT_new(group);
    p256_must(EC_POINT_mul(group, point, d, NULL, NULL, scratch) == 1);
    return point;
}

/* Number index of the edge values modulo n: those above, then 2^k - 1, 2^k, 2^k + 1 for all k. */
enum { SCALARS = EDGES + 3 * 256 };

static inline BIGNUM *scalar(size_t index)
{
    BIGNUM *number = NULL;
    if (index < EDGES) {
        p256_must(BN_hex2bn(&number, edges[index]) == 64);
    } else {
        index -= EDGES;
        number = BN_new();
        p256_must(BN_one(number) == 1 && BN_lshift(number, number, (int)(index / 3)) == 1);
        p256_must(index % 3 == 0 ? BN_sub_word(number, 1) : BN_add_word(number, index % 3 - 1));
    }
    p256_must(BN_nnmod(number, number, order, scratch) == 1);
    return number;
}

/* Below 2^bits. */
static inline BIGNUM *random_bits(int bits)
{
    unsigned char bytes[32];
    BIGNUM *number = BN_new();
    pick_bytes(bytes, sizeof(bytes));
    p256_must(BN_bin2bn(bytes, sizeof(bytes), number) != NULL && BN_rshift(number, number, 256 - bits) == 1);
    return number;
}

static inline BIGNUM *random_scalar(void)
{
    BIGNUM *number = random_bits(255);
    p256_must(BN_add_word(number, 1) == 1);
    return number;
}

/* ---- begin and end -------------------------------------------------------------------------- */

static inline bool begin(void)
{
    group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
    scratch = BN_CTX_new();
    order = BN_new();
    sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    p256_must(EC_GROUP_get_order(group, order, scratch) == 1 && sha256 != NULL);
    printf("vector code: %s\n", fb__cpu_has_ifma() ? "tested" : "not for this processor, or left out");
    return fb__arithmetic_p256.supported() && prepare(&fb__mem_default) == FB__SELF_TEST_RIGHT;
}

static inline void end(void)
{
    printf("%zu verdicts compared, %zu of them valid\n", compared, valid);
    EC_GROUP_free(group);
    BN_free(order);
    BN_CTX_free(scratch);
    EVP_MD_free(sha256);
}

#endif
