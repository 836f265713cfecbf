/*
 * Integers of 256 bits: plain, modulo the prime p that P-256 is defined over (fe_), and modulo the order n of its group
 * (sc_); FIPS 186-4, D.1.2.3. Given public data only; no secret may ever come here. Of p256.c, and nobody else's.
 *
 * What is taken modulo p is below p and in Montgomery form (x * 2^256 mod p), so equal numbers have equal limbs. An out
 * may be one of the arguments.
 */
#ifndef FB_ARITHMETIC_P256_FIELD_H
#define FB_ARITHMETIC_P256_FIELD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if defined(__x86_64__) && !defined(FB_PORTABLE)
#include <immintrin.h>
#endif

__extension__ typedef unsigned __int128 uint128;
__extension__ typedef __int128 int128;

typedef struct u256 {
    uint64_t limb[4]; /* least significant first */
} u256;

static const u256 p256_prime = {{0xffffffffffffffff, 0x00000000ffffffff, 0x0000000000000000, 0xffffffff00000001}};
static const u256 p256_order = {{0xf3b9cac2fc632551, 0xbce6faada7179e84, 0xffffffffffffffff, 0xffffffff00000000}};
/* 2^512 mod p, and 2^256 mod n. */
static const u256 p256_enter = {{0x0000000000000003, 0xfffffffbffffffff, 0xfffffffffffffffe, 0x00000004fffffffd}};
static const u256 p256_order_one = {{0x0c46353d039cdaaf, 0x4319055258e8617b, 0x0000000000000000, 0x00000000ffffffff}};

/* ---- without a modulus ---------------------------------------------------------------------- */

/* Carries and borrows are 0 or 1. The compilers we support do not see a carry in 128-bit sums; every x86-64 has adc. */
static inline uint64_t add_carry(uint64_t a, uint64_t b, unsigned char *carry)
{
#if defined(__x86_64__) && !defined(FB_PORTABLE)
    unsigned long long sum;
    *carry = _addcarry_u64(*carry, a, b, &sum);
    return sum;
#else
    uint128 sum = (uint128)a + b + *carry;
    *carry = (unsigned char)(sum >> 64);
    return (uint64_t)sum;
#endif
}

static inline uint64_t sub_borrow(uint64_t a, uint64_t b, unsigned char *borrow)
{
#if defined(__x86_64__) && !defined(FB_PORTABLE)
    unsigned long long difference;
    *borrow = _subborrow_u64(*borrow, a, b, &difference);
    return difference;
#else
    uint128 difference = (uint128)a - b - *borrow;
    *borrow = (unsigned char)(difference >> 64 & 1);
    return (uint64_t)difference;
#endif
}

/* a * b + c + *carry, which is at most 2^128 - 1; the upper half becomes the carry. */
static inline uint64_t multiply_add(uint64_t a, uint64_t b, uint64_t c, uint64_t *carry)
{
    uint128 sum = (uint128)a * b + c + *carry;
    *carry = (uint64_t)(sum >> 64);
    return (uint64_t)sum;
}

static inline unsigned char u256_add(u256 *out, const u256 *a, const u256 *b)
{
    unsigned char carry = 0;
    out->limb[0] = add_carry(a->limb[0], b->limb[0], &carry);
    out->limb[1] = add_carry(a->limb[1], b->limb[1], &carry);
    out->limb[2] = add_carry(a->limb[2], b->limb[2], &carry);
    out->limb[3] = add_carry(a->limb[3], b->limb[3], &carry);
    return carry;
}

static inline unsigned char u256_sub(u256 *out, const u256 *a, const u256 *b)
{
    unsigned char borrow = 0;
    out->limb[0] = sub_borrow(a->limb[0], b->limb[0], &borrow);
    out->limb[1] = sub_borrow(a->limb[1], b->limb[1], &borrow);
    out->limb[2] = sub_borrow(a->limb[2], b->limb[2], &borrow);
    out->limb[3] = sub_borrow(a->limb[3], b->limb[3], &borrow);
    return borrow;
}

static inline bool u256_less(const u256 *a, const u256 *b)
{
    u256 difference;
    return u256_sub(&difference, a, b) != 0;
}

static inline bool u256_is_zero(const u256 *a)
{
    return (a->limb[0] | a->limb[1] | a->limb[2] | a->limb[3]) == 0;
}

static inline bool u256_equal(const u256 *a, const u256 *b)
{
    return ((a->limb[0] ^ b->limb[0]) | (a->limb[1] ^ b->limb[1]) | (a->limb[2] ^ b->limb[2]) |
            (a->limb[3] ^ b->limb[3])) == 0;
}

static inline u256 u256_from_bytes(const unsigned char bytes[32])
{
    u256 out;
    for (size_t i = 0; i < 4; i++) {
        uint64_t limb = 0;
        for (size_t k = 0; k < 8; k++) {
            limb = limb << 8 | bytes[8 * (3 - i) + k];
        }
        out.limb[i] = limb;
    }
    return out;
}

static inline void u256_to_bytes(unsigned char bytes[32], const u256 *a)
{
    for (size_t i = 0; i < 32; i++) {
        bytes[i] = (unsigned char)(a->limb[3 - i / 8] >> (56 - 8 * (i % 8)));
    }
}

/* carry * 2^256 + a, which is below twice the modulus, reduced. Without a branch: which way it goes is a coin toss. */
static inline void reduce_once(u256 *out, const u256 *a, uint64_t carry, const u256 *modulus)
{
    u256 less;
    const unsigned char borrow = u256_sub(&less, a, modulus);
    const uint64_t keep = (uint64_t)0 - (uint64_t)(borrow > carry);
    out->limb[0] = (a->limb[0] & keep) | (less.limb[0] & ~keep);
    out->limb[1] = (a->limb[1] & keep) | (less.limb[1] & ~keep);
    out->limb[2] = (a->limb[2] & keep) | (less.limb[2] & ~keep);
    out->limb[3] = (a->limb[3] & keep) | (less.limb[3] & ~keep);
}

/* ---- Montgomery multiplication -------------------------------------------------------------- */

/*
 * t += digit * b. Before every step t < b + modulus, and b < modulus, so the sum is below 2^64 * b + modulus < 2^320:
 * no sixth limb. digit may be anything.
 */
static inline void add_product(uint64_t t[5], uint64_t digit, const u256 *b)
{
    uint64_t carry = 0;
    t[0] = multiply_add(digit, b->limb[0], t[0], &carry);
    t[1] = multiply_add(digit, b->limb[1], t[1], &carry);
    t[2] = multiply_add(digit, b->limb[2], t[2], &carry);
    t[3] = multiply_add(digit, b->limb[3], t[3], &carry);
    t[4] += carry;
}

/*
 * t = (t + m * p) / 2^64 with the m that makes it whole: p = -1 mod 2^64, so m is t[0]. m * p is m * 2^96, two shifts,
 * and m times the top limb; what is left of it cancels t[0]. Afterwards t < b + p again, for
 * (b + p + (2^64 - 1) * (b + p)) / 2^64 = b + p.
 */
static inline void fe_shift(uint64_t t[5])
{
    const uint64_t m = t[0];
    const uint128 top = (uint128)m * p256_prime.limb[3];
    unsigned char carry = 0;
    t[0] = add_carry(t[1], m << 32, &carry);
    t[1] = add_carry(t[2], m >> 32, &carry);
    t[2] = add_carry(t[3], (uint64_t)top, &carry);
    t[3] = add_carry(t[4], (uint64_t)(top >> 64), &carry);
    t[4] = carry;
}

/* The same for n; the constant is -1/n mod 2^64. */
static inline void sc_shift(uint64_t t[5])
{
    const uint64_t m = t[0] * 0xccd1c8aaee00bc4f;
    uint64_t product = 0;
    unsigned char carry = 0;
    (void)multiply_add(m, p256_order.limb[0], t[0], &product);
    t[0] = multiply_add(m, p256_order.limb[1], t[1], &product);
    t[1] = multiply_add(m, p256_order.limb[2], t[2], &product);
    t[2] = multiply_add(m, p256_order.limb[3], t[3], &product);
    t[3] = add_carry(t[4], product, &carry);
    t[4] = carry;
}

/* a * b / 2^256 mod p. b is below p; a may be any 256 bits. */
static inline void fe_mul(u256 *out, const u256 *a, const u256 *b)
{
    uint64_t t[5] = {0};
    add_product(t, a->limb[0], b);
    fe_shift(t);
    add_product(t, a->limb[1], b);
    fe_shift(t);
    add_product(t, a->limb[2], b);
    fe_shift(t);
    add_product(t, a->limb[3], b);
    fe_shift(t);
    reduce_once(out, &(u256){{t[0], t[1], t[2], t[3]}}, t[4], &p256_prime);
}

/* a * b / 2^256 mod n. b is below n; a may be any 256 bits. */
static inline void sc_mul(u256 *out, const u256 *a, const u256 *b)
{
    uint64_t t[5] = {0};
    add_product(t, a->limb[0], b);
    sc_shift(t);
    add_product(t, a->limb[1], b);
    sc_shift(t);
    add_product(t, a->limb[2], b);
    sc_shift(t);
    add_product(t, a->limb[3], b);
    sc_shift(t);
    reduce_once(out, &(u256){{t[0], t[1], t[2], t[3]}}, t[4], &p256_order);
}

static inline void fe_sqr(u256 *out, const u256 *a)
{
    fe_mul(out, a, a);
}

static inline void fe_add(u256 *out, const u256 *a, const u256 *b)
{
    u256 sum;
    const unsigned char carry = u256_add(&sum, a, b);
    reduce_once(out, &sum, carry, &p256_prime);
}

static inline void fe_sub(u256 *out, const u256 *a, const u256 *b)
{
    u256 difference;
    const uint64_t negative = (uint64_t)0 - u256_sub(&difference, a, b);
    const u256 back = {{negative, negative & p256_prime.limb[1], 0, negative & p256_prime.limb[3]}};
    (void)u256_add(out, &difference, &back);
}

/* Into Montgomery form; a may be any 256 bits. */
static inline void fe_enter(u256 *out, const u256 *a)
{
    fe_mul(out, a, &p256_enter);
}

#endif
