/*
 * Numbers for rsa.c, of one of three sizes: bytes to limbs and back, comparison, subtraction, and what a key's table
 * holds. A number is an array of limbs of 52 bits, least significant first, in vectors of eight. Eight limbs are a
 * block, K is 2^416, and L (40, 64, 80) are the limbs of a number; K^(L/8) is at least 2^32 n, which leaves room for
 * what is not reduced.
 */
#ifndef FB_ARITHMETIC_RSA_NUMBER_H
#define FB_ARITHMETIC_RSA_NUMBER_H

#include "arithmetic/arithmetic.h"

#include <openssl/bn.h>

enum { RSA_BLOCK = 8, RSA_LIMB_BITS = 52, RSA_MAX_VECTORS = 10, RSA_MAX_BYTES = 512 };
#define RSA_LIMB ((UINT64_C(1) << RSA_LIMB_BITS) - 1)

/* A block of zeros, the limbs from [RSA_BLOCK] on, and zeros after them: a window of eight limbs may begin anywhere. */
typedef struct rsa_number {
    _Alignas(FB__TABLE_ALIGNMENT) uint64_t limbs[RSA_BLOCK + RSA_MAX_VECTORS * RSA_BLOCK + RSA_BLOCK];
} rsa_number;

typedef struct rsa_table {
    size_t bytes;   /* of the modulus */
    size_t vectors; /* L / 8 */
    rsa_number modulus, fold, inverse;
    rsa_number square; /* K^(2 L / 8) mod n, which makes s the s K^(L / 8) that the squarings keep */
} rsa_table;

/* 0: not a size that is served. */
static size_t rsa_vectors(int bits)
{
    return bits == 2048 ? 5 : bits == 3072 ? 8 : bits == 4096 ? 10 : 0;
}

/* ---- bytes and limbs; size is a multiple of 8 ------------------------------------------------- */

/* Written out, as compilers make one instruction of that. */
static uint64_t rsa_load_word(const unsigned char *b)
{
    return (uint64_t)b[0] << 56 | (uint64_t)b[1] << 48 | (uint64_t)b[2] << 40 | (uint64_t)b[3] << 32 |
           (uint64_t)b[4] << 24 | (uint64_t)b[5] << 16 | (uint64_t)b[6] << 8 | (uint64_t)b[7];
}

static void rsa_store_word(unsigned char *b, uint64_t word)
{
    b[0] = (unsigned char)(word >> 56);
    b[1] = (unsigned char)(word >> 48);
    b[2] = (unsigned char)(word >> 40);
    b[3] = (unsigned char)(word >> 32);
    b[4] = (unsigned char)(word >> 24);
    b[5] = (unsigned char)(word >> 16);
    b[6] = (unsigned char)(word >> 8);
    b[7] = (unsigned char)word;
}

static void rsa_from_bytes(rsa_number *out, const unsigned char *bytes, size_t size)
{
    uint64_t words[RSA_MAX_BYTES / 8 + 1] = {0};
    memset(out, 0, sizeof(*out));
    for (size_t i = 0; i < size / 8; i++) {
        words[i] = rsa_load_word(bytes + size - 8 * (i + 1));
    }
    for (size_t i = 0; i * RSA_LIMB_BITS < size * 8; i++) {
        const size_t word = i * RSA_LIMB_BITS / 64, shift = i * RSA_LIMB_BITS % 64;
        const uint64_t above = shift > 64 - RSA_LIMB_BITS ? words[word + 1] << (64 - shift) : 0;
        out->limbs[RSA_BLOCK + i] = (words[word] >> shift | above) & RSA_LIMB;
    }
}

/* Of a number of at most size bytes. */
static void rsa_to_bytes(unsigned char *out, size_t size, const rsa_number *number)
{
    for (size_t i = 0; i < size / 8; i++) {
        const size_t limb = RSA_BLOCK + i * 64 / RSA_LIMB_BITS, shift = i * 64 % RSA_LIMB_BITS;
        uint64_t word = number->limbs[limb] >> shift | number->limbs[limb + 1] << (RSA_LIMB_BITS - shift);
        if (shift > 2 * RSA_LIMB_BITS - 64) {
            word |= number->limbs[limb + 2] << (2 * RSA_LIMB_BITS - shift);
        }
        rsa_store_word(out + size - 8 * (i + 1), word);
    }
}

static bool rsa_less(const rsa_number *a, const rsa_number *b)
{
    size_t i = RSA_BLOCK + RSA_MAX_VECTORS * RSA_BLOCK - 1;
    while (i > RSA_BLOCK && a->limbs[i] == b->limbs[i]) {
        i--;
    }
    return a->limbs[i] < b->limbs[i];
}

/* a - b, for b <= a. */
static void rsa_subtract(rsa_number *a, const rsa_number *b)
{
    uint64_t borrow = 0;
    for (size_t i = RSA_BLOCK; i < RSA_BLOCK + RSA_MAX_VECTORS * RSA_BLOCK; i++) {
        const uint64_t difference = a->limbs[i] - b->limbs[i] - borrow;
        a->limbs[i] = difference & RSA_LIMB;
        borrow = difference >> 63;
    }
}

/* ---- a key's constants ---- */

static bool rsa_from_bn(rsa_number *out, const BIGNUM *number)
{
    unsigned char bytes[RSA_MAX_BYTES];
    if (BN_bn2binpad(number, bytes, sizeof(bytes)) != sizeof(bytes)) {
        return false;
    }
    rsa_from_bytes(out, bytes, sizeof(bytes));
    return true;
}

/* For an odd n. fold is (n inverse + 1) / K, which is exact, and below n as inverse is below K. */
static bool rsa_constants(rsa_table *table, const BIGNUM *n)
{
    BN_CTX *context = BN_CTX_new();
    BIGNUM *k = BN_new(), *x = BN_new();
    memset(table, 0, sizeof(*table));
    table->vectors = rsa_vectors(BN_num_bits(n));
    table->bytes = (size_t)BN_num_bytes(n);
    const int block_bits = RSA_BLOCK * RSA_LIMB_BITS;
    bool made = table->vectors != 0 && context != NULL && k != NULL && x != NULL && BN_set_bit(k, block_bits) == 1 &&
                BN_mod_inverse(x, n, k, context) != NULL && BN_sub(x, k, x) == 1 && rsa_from_bn(&table->inverse, x) &&
                BN_mul(x, x, n, context) == 1 && BN_add_word(x, 1) == 1 && BN_rshift(x, x, block_bits) == 1 &&
                rsa_from_bn(&table->fold, x) && rsa_from_bn(&table->modulus, n) && BN_set_word(x, 0) == 1 &&
                BN_set_bit(x, 2 * block_bits * (int)table->vectors) == 1 && BN_mod(x, x, n, context) == 1 &&
                rsa_from_bn(&table->square, x);
    BN_free(x);
    BN_free(k);
    BN_CTX_free(context);
    return made;
}

#endif
