/*
 * Integers modulo L = 2^252 + 27742317777372353535851937790883648493, the order of Ed25519's base point, for
 * ed25519.c: four words of 64 bits, least significant first. Public data only: nothing here is constant time.
 */
#ifndef FB_ARITHMETIC_ED25519_SCALAR_H
#define FB_ARITHMETIC_ED25519_SCALAR_H

#include "ed25519_field.h"

static const uint64_t scalar_order[4] = {0x5812631a5cf5d3ed, 0x14def9dea2f79cd6, 0, 0x1000000000000000};
/* floor(2^512 / L) */
static const uint64_t scalar_reciprocal[5] = {0xed9ce5a30a2c131b, 0x2106215d086329a7, 0xffffffffffffffeb,
                                              0xffffffffffffffff, 0xf};

static inline bool scalar_below_order(const uint64_t a[4])
{
    for (unsigned i = 4; i-- > 0;) {
        if (a[i] != scalar_order[i]) {
            return a[i] < scalar_order[i];
        }
    }
    return false;
}

/* out -= b modulo 2^(64 * size) */
static inline void scalar_subtract(uint64_t *out, const uint64_t *b, unsigned size)
{
    uint64_t borrow = 0;
    for (unsigned i = 0; i < size; i++) {
        u128 difference = (u128)out[i] - b[i] - borrow;
        out[i] = (uint64_t)difference;
        borrow = (uint64_t)(difference >> 64) & 1;
    }
}

/* out += b, which must not reach 2^256 */
static inline void scalar_add(uint64_t out[4], const uint64_t b[4])
{
    uint64_t carry = 0;
    for (unsigned i = 0; i < 4; i++) {
        u128 sum = (u128)out[i] + b[i] + carry;
        out[i] = (uint64_t)sum;
        carry = (uint64_t)(sum >> 64);
    }
}

/* out = a * b, a_size + b_size words */
static inline void scalar_multiply(uint64_t *out, const uint64_t *a, unsigned a_size, const uint64_t *b,
                                   unsigned b_size)
{
    memset(out, 0, (a_size + b_size) * sizeof(*out));
    for (unsigned i = 0; i < a_size; i++) {
        uint64_t carry = 0;
        for (unsigned j = 0; j < b_size; j++) {
            u128 sum = (u128)a[i] * b[j] + out[i + j] + carry;
            out[i + j] = (uint64_t)sum;
            carry = (uint64_t)(sum >> 64);
        }
        out[i + b_size] = carry;
    }
}

/* 64 bytes, little-endian, modulo L: Barrett's reduction, as in the Handbook of Applied Cryptography, 14.42. */
static inline void scalar_reduce(uint64_t out[4], const unsigned char bytes[64])
{
    uint64_t value[8], quotient[10], product[9];
    for (unsigned i = 0; i < 8; i++) {
        value[i] = load64(bytes + 8 * i);
    }
    scalar_multiply(quotient, value + 3, 5, scalar_reciprocal, 5);
    /* The quotient, without its lowest 320 bits, is too small by two at most: what remains is below 3 L. */
    scalar_multiply(product, quotient + 5, 5, scalar_order, 4);
    scalar_subtract(value, product, 5);
    while (!scalar_below_order(value)) {
        scalar_subtract(value, scalar_order, 4);
    }
    memcpy(out, value, 4 * sizeof(*out));
}

/*
 * Digits to base 2^width from -2^(width - 1) + 1 to 2^(width - 1), least significant first. A scalar below L needs
 * SCALAR_DIGITS(width) of them: its highest digit has at least one bit to spare, so nothing is carried out of it.
 */
#define SCALAR_DIGITS(width) ((254 + (width) - 1) / (width))

static inline void scalar_digits(int16_t *out, const uint64_t a[4], unsigned width)
{
    unsigned carry = 0;
    for (unsigned i = 0; i < SCALAR_DIGITS(width); i++) {
        unsigned bit = i * width, word = bit / 64, shift = bit % 64;
        uint64_t bits = a[word] >> shift;
        if (shift + width > 64 && word < 3) {
            bits |= a[word + 1] << (64 - shift);
        }
        unsigned digit = ((unsigned)bits & ((1U << width) - 1)) + carry;
        carry = digit > 1U << (width - 1);
        out[i] = (int16_t)((int)digit - (carry != 0 ? 1 << width : 0));
    }
}

#endif
