/*
 * ES256 with tables: u1 * G + u2 * Q as a sum of points that are looked up, without a doubling, since all keys share
 * one table and each key has its own. Given public keys and hostile signatures; time depends on both, so nothing secret
 * may ever come here.
 */
#include "arithmetic/arithmetic.h"
#include "arithmetic/ifma.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>

#ifdef __SIZEOF_INT128__

#include "p256_table.h"

#ifdef FB_IFMA
#include "p256_ifma.h"
#else
static bool sum_ifma(xyzz *out, term *terms, size_t count)
{
    (void)out;
    (void)terms;
    (void)count;
    return false;
}
#endif

static const affine generator = {{{0xf4a13945d898c296, 0x77037d812deb33a0, 0xf8bce6e563a440f2, 0x6b17d1f2e12c4247}},
                                 {{0xcbb6406837bf51f5, 0x2bce33576b315ece, 0x8ee7eb4a7c0f9e16, 0x4fe342e2fe1a7f9b}}};
static _Alignas(FB__TABLE_ALIGNMENT) struct table generator_table; /* filled by prepare, only read after that */
static bool with_ifma;                                             /* the same */

/* ---- one signature -------------------------------------------------------------------------- */

/* The entries whose sum is u times the table's point, for u below n; returns how many. Asks for them to be fetched. */
static size_t look_up(term *terms, const struct table *from, const u256 *u)
{
    static const u256 half = {{0x79dce5617e3192a8, 0xde737d56d38bcf42, 0x7fffffffffffffff, 0x7fffffff80000000}};
    u256 scalar = *u;
    size_t count = 0;
    unsigned carry = 0;
    const bool negative = u256_less(&half, u);
    if (negative) {
        (void)u256_sub(&scalar, &p256_order, u);
    }
    for (size_t i = 0; i < WINDOWS; i++) {
        unsigned digit = (unsigned)(scalar.limb[i / 8] >> (8 * (i % 8)) & 0xff) + carry;
        carry = digit > MULTIPLES;
        if (carry) {
            digit = 2 * MULTIPLES - digit;
        }
        if (digit != 0) {
            terms[count] = (term){&from->multiple[i][digit - 1], negative != (carry != 0)};
            __builtin_prefetch(terms[count++].entry);
        }
    }
    return count;
}

static void sum_terms(xyzz *sum, const term *terms, size_t count)
{
    *sum = (xyzz){.zz = fe_zero};
    for (size_t i = 0; i < count; i++) {
        affine entry = *terms[i].entry;
        if (terms[i].negative) {
            fe_sub(&entry.y, &fe_zero, &entry.y);
        }
        point_add(sum, &entry);
    }
}

/* Whether p, not infinity, has that x; multiplied by ZZ, so that there is nothing to invert. */
static bool has_x(const xyzz *p, const u256 *x)
{
    u256 product;
    fe_enter(&product, x);
    fe_mul(&product, &product, &p->zz);
    return u256_equal(&product, &p->x);
}

/* Whether p's x is r modulo n. It is below p, so it is r or r + n. */
static bool x_matches(const xyzz *p, const u256 *r)
{
    u256 next;
    if (u256_is_zero(&p->zz)) {
        return false;
    }
    return has_x(p, r) || (u256_add(&next, r, &p256_order) == 0 && u256_less(&next, &p256_prime) && has_x(p, &next));
}

/* SEC 1, section 4.1.4. */
static bool verify(const void *table, const unsigned char *digest, const unsigned char *signature)
{
    const u256 e = u256_from_bytes(digest), r = u256_from_bytes(signature), s = u256_from_bytes(signature + 32);
    u256 inverse, u1, u2;
    term terms[2 * WINDOWS];
    xyzz sum;
    /* Of s and n - s both are signatures: a high s is as good as a low one (RFC 7518 section 3.4 has no rule). */
    if (u256_is_zero(&r) || u256_is_zero(&s) || !u256_less(&r, &p256_order) || !u256_less(&s, &p256_order)) {
        return false;
    }
    sc_invert(&inverse, &s);
    sc_mul(&u1, &e, &inverse);
    sc_mul(&u2, &r, &inverse);
    size_t count = look_up(terms, table, &u2);
    count += look_up(terms + count, &generator_table, &u1);
    if (!with_ifma || !sum_ifma(&sum, terms, count)) {
        sum_terms(&sum, terms, count);
    }
    return x_matches(&sum, &r);
}

/* ---- tables -------------------------------------------------------------------------------- */

static size_t table_size(const fb__key *key)
{
    return key->kty == FB__KTY_EC && key->curve == FB__CURVE_P256 ? sizeof(struct table) : 0;
}

static bool coordinate(u256 *out, const EVP_PKEY *pkey, const char *name)
{
    unsigned char bytes[32];
    BIGNUM *number = NULL;
    const bool read =
        EVP_PKEY_get_bn_param(pkey, name, &number) == 1 && BN_bn2binpad(number, bytes, sizeof(bytes)) == sizeof(bytes);
    BN_free(number);
    if (read) {
        *out = u256_from_bytes(bytes);
    }
    return read && u256_less(out, &p256_prime);
}

static bool build(void *out, const fb__key *key)
{
    affine a;
    if (!coordinate(&a.x, key->pkey, OSSL_PKEY_PARAM_EC_PUB_X) ||
        !coordinate(&a.y, key->pkey, OSSL_PKEY_PARAM_EC_PUB_Y)) {
        return false;
    }
    return fill_from(out, &a);
}

/* ---- known answers -------------------------------------------------------------------------- */

/* RFC 7515, appendix A.3; and nothing that differs from it in a byte of the signature or of the digest. */
static bool passes_rfc7515(const struct table *table)
{
    unsigned char digest[32] = {0x21, 0xc6, 0x73, 0x68, 0xf4, 0x36, 0x57, 0x7f, 0x44, 0x7f, 0x80,
                                0x51, 0x62, 0xca, 0x13, 0xb8, 0x0d, 0x04, 0x6a, 0x3f, 0xe4, 0x67,
                                0x24, 0x7e, 0x65, 0xea, 0x47, 0x7a, 0xa7, 0x50, 0xfa, 0x2e};
    unsigned char signature[64] = {0x0e, 0xd1, 0x21, 0x53, 0x79, 0x63, 0x6c, 0x48, 0x3c, 0x2f, 0x7f, 0x15, 0x58,
                                   0x07, 0xd4, 0x02, 0xa3, 0xb2, 0x28, 0x03, 0x3a, 0xf9, 0x7c, 0x7e, 0x17, 0x81,
                                   0x9a, 0xc3, 0x16, 0x9e, 0xa6, 0x65, 0xc5, 0x0a, 0x07, 0xd3, 0x8c, 0x3c, 0x70,
                                   0xe5, 0xd8, 0xf1, 0x2d, 0xaf, 0x08, 0x4a, 0x54, 0x80, 0xa6, 0x65, 0x90, 0xc5,
                                   0xf2, 0x93, 0x50, 0x9a, 0x8f, 0x3f, 0x7f, 0x8a, 0x83, 0xa3, 0x54, 0xd5};
    bool right = verify(table, digest, signature);
    for (size_t i = 0; i < sizeof(signature) + sizeof(digest) && right; i++) {
        unsigned char *byte = i < sizeof(signature) ? &signature[i] : &digest[i - sizeof(signature)];
        *byte ^= (unsigned char)(1 << i % 8);
        right = !verify(table, digest, signature);
        *byte ^= (unsigned char)(1 << i % 8);
    }
    return right;
}

/*
 * The key whose point is G: r = x(G), s = 2 * r and a hash that is r give u1 = u2 = 1 / 2, and a sum of equal points
 * all the way. With a hash that is n - r it is infinity, whatever s is.
 */
static bool passes_collisions(void)
{
    unsigned char signature[64], digest[32];
    u256 negative, twice;
    (void)u256_add(&twice, &generator.x, &generator.x);
    (void)u256_sub(&negative, &p256_order, &generator.x);
    u256_to_bytes(signature, &generator.x);
    u256_to_bytes(signature + 32, &twice);
    u256_to_bytes(digest, &generator.x);
    if (!verify(&generator_table, digest, signature)) {
        return false;
    }
    u256_to_bytes(digest, &negative);
    if (verify(&generator_table, digest, signature)) {
        return false;
    }
    u256_to_bytes(signature + 32, &p256_order);
    return !verify(&generator_table, digest, signature);
}

/* With and without the vector code, where there is a choice. */
static bool passes_vectors(const struct table *table)
{
    with_ifma = false;
    if (!passes_rfc7515(table) || !passes_collisions()) {
        return false;
    }
    with_ifma = fb__cpu_has_ifma();
    return !with_ifma || (passes_rfc7515(table) && passes_collisions());
}

static fb__self_test prepare(const fb_mem *mem)
{
    static const affine key = {{{0xbacf6e3c7bd15445, 0x580733357be9ef13, 0x4183cbee6fdb4b7b, 0x7fcdce2770f6c45d}},
                               {{0x8a4623288588e5ad, 0xb3695d6ea90b24ad, 0x872cdfedb9eeb9f4, 0xc7f144cd1bbd9b7e}}};
    struct table *table = fb__alloc(mem, sizeof(*table));
    if (table == NULL) {
        return FB__SELF_TEST_NO_MEMORY;
    }
    const bool right = fill_from(&generator_table, &generator) && fill_from(table, &key) && passes_vectors(table);
    fb__free(mem, table);
    return right ? FB__SELF_TEST_RIGHT : FB__SELF_TEST_WRONG;
}

static bool supported(void)
{
    return true;
}

const fb__arithmetic fb__arithmetic_p256 = {
    .name = "p256-tables",
    .threshold = 16, /* half a millisecond, for 32 us less without vectors; 39 us less with them */
    .supported = supported,
    .prepare = prepare,
    .table_size = table_size,
    .build = build,
    .verify = verify,
};

#else

/* Without integers of 128 bits this would be slower than OpenSSL. */
const fb__arithmetic fb__arithmetic_p256 = {.name = "p256-tables", .supported = fb__arithmetic_unsupported};

#endif
