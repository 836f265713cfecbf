/*
 * Integers modulo p = 2^255 - 19 for ed25519.c, portable. Five limbs of 51 bits, so that nineteen times a product
 * of limbs still leaves room in 128 bits for the sum of five of them. Public data only: nothing here is constant time.
 *
 * Two sizes of limbs: "reduced" is at most 2^51 + 2^13, what every multiplication returns; "wide" is less than 2^54,
 * what every multiplication takes. A sum or a difference of two reduced ones is below 2^53, hence wide.
 */
#ifndef FB_ARITHMETIC_ED25519_FIELD_H
#define FB_ARITHMETIC_ED25519_FIELD_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

__extension__ typedef unsigned __int128 u128;

typedef struct fe {
    uint64_t limb[5];
} fe;

#define FE_MASK (((uint64_t)1 << 51) - 1)

static const fe fe_zero = {{0}}, fe_one = {{1}};

static inline uint64_t load64(const unsigned char *bytes)
{
    uint64_t word = 0;
    for (unsigned i = 0; i < 8; i++) {
        word |= (uint64_t)bytes[i] << 8 * i;
    }
    return word;
}

static inline void words_load(uint64_t words[4], const unsigned char bytes[32])
{
    for (unsigned i = 0; i < 4; i++) {
        words[i] = load64(bytes + 8 * i);
    }
}

static inline void words_store(unsigned char bytes[32], const uint64_t words[4])
{
    for (unsigned i = 0; i < 32; i++) {
        bytes[i] = (unsigned char)(words[i / 8] >> i % 8 * 8);
    }
}

static inline void fe_add(fe *out, const fe *a, const fe *b)
{
    for (unsigned i = 0; i < 5; i++) {
        out->limb[i] = a->limb[i] + b->limb[i];
    }
}

/* a - b + 2p; b reduced, so that no limb of 2p is less than b's. */
static inline void fe_sub(fe *out, const fe *a, const fe *b)
{
    out->limb[0] = a->limb[0] + 2 * (FE_MASK - 18) - b->limb[0];
    for (unsigned i = 1; i < 5; i++) {
        out->limb[i] = a->limb[i] + 2 * FE_MASK - b->limb[i];
    }
}

/*
 * Carries once around. Of wide factors each sum is less than 5 * 19 * 2^108 < 2^115, so what is carried fits into 64
 * bits. The last sum has no factor 19: its carry is less than 5 * 2^57 + 2^13, and nineteen times that with the first
 * limb less than 2^64, of which less than 2^13 goes on into the second limb.
 */
static inline void fe_carry(fe *out, u128 s0, u128 s1, u128 s2, u128 s3, u128 s4)
{
    s1 += (uint64_t)(s0 >> 51);
    s2 += (uint64_t)(s1 >> 51);
    s3 += (uint64_t)(s2 >> 51);
    s4 += (uint64_t)(s3 >> 51);
    uint64_t low = ((uint64_t)s0 & FE_MASK) + 19 * (uint64_t)(s4 >> 51);
    out->limb[0] = low & FE_MASK;
    out->limb[1] = ((uint64_t)s1 & FE_MASK) + (low >> 51);
    out->limb[2] = (uint64_t)s2 & FE_MASK;
    out->limb[3] = (uint64_t)s3 & FE_MASK;
    out->limb[4] = (uint64_t)s4 & FE_MASK;
}

static inline void fe_mul(fe *out, const fe *a, const fe *b)
{
    uint64_t a0 = a->limb[0], a1 = a->limb[1], a2 = a->limb[2], a3 = a->limb[3], a4 = a->limb[4];
    uint64_t b0 = b->limb[0], b1 = b->limb[1], b2 = b->limb[2], b3 = b->limb[3], b4 = b->limb[4];
    uint64_t c1 = 19 * b1, c2 = 19 * b2, c3 = 19 * b3, c4 = 19 * b4;
    fe_carry(out, (u128)a0 * b0 + (u128)a1 * c4 + (u128)a2 * c3 + (u128)a3 * c2 + (u128)a4 * c1,
             (u128)a0 * b1 + (u128)a1 * b0 + (u128)a2 * c4 + (u128)a3 * c3 + (u128)a4 * c2,
             (u128)a0 * b2 + (u128)a1 * b1 + (u128)a2 * b0 + (u128)a3 * c4 + (u128)a4 * c3,
             (u128)a0 * b3 + (u128)a1 * b2 + (u128)a2 * b1 + (u128)a3 * b0 + (u128)a4 * c4,
             (u128)a0 * b4 + (u128)a1 * b3 + (u128)a2 * b2 + (u128)a3 * b1 + (u128)a4 * b0);
}

static inline void fe_square(fe *out, const fe *a)
{
    uint64_t a0 = a->limb[0], a1 = a->limb[1], a2 = a->limb[2], a3 = a->limb[3], a4 = a->limb[4];
    uint64_t d0 = 2 * a0, d1 = 2 * a1, d2 = 2 * a2, c3 = 19 * a3, c4 = 19 * a4;
    fe_carry(out, (u128)a0 * a0 + (u128)d1 * c4 + (u128)d2 * c3, (u128)d0 * a1 + (u128)d2 * c4 + (u128)a3 * c3,
             (u128)d0 * a2 + (u128)a1 * a1 + (u128)(2 * a3) * c4, (u128)d0 * a3 + (u128)d1 * a2 + (u128)a4 * c4,
             (u128)d0 * a4 + (u128)d1 * a3 + (u128)a2 * a2);
}

static inline void fe_square_times(fe *out, const fe *a, unsigned times)
{
    fe_square(out, a);
    while (--times > 0) {
        fe_square(out, out);
    }
}

/* The one representation below p: of wide limbs. */
static inline void fe_canonical(fe *out, const fe *a)
{
    fe_carry(out, a->limb[0], a->limb[1], a->limb[2], a->limb[3], a->limb[4]);
    /* Below 2p now, for only the second limb can be more than 51 bits, by one. Adding 19 reaches 2^255 exactly when it
     * is p or more. */
    uint64_t more = (out->limb[0] + 19) >> 51;
    for (unsigned i = 1; i < 5; i++) {
        more = (out->limb[i] + more) >> 51;
    }
    uint64_t carry = 19 * more;
    for (unsigned i = 0; i < 5; i++) {
        out->limb[i] += carry;
        carry = out->limb[i] >> 51;
        out->limb[i] &= FE_MASK;
    }
}

/* Four words of 64 bits; unpacking drops the highest bit, as decoding does. */
static inline void fe_pack(uint64_t out[4], const fe *canonical)
{
    const uint64_t *limb = canonical->limb;
    out[0] = limb[0] | limb[1] << 51;
    out[1] = limb[1] >> 13 | limb[2] << 38;
    out[2] = limb[2] >> 26 | limb[3] << 25;
    out[3] = limb[3] >> 39 | limb[4] << 12;
}

static inline void fe_unpack(fe *out, const uint64_t words[4])
{
    out->limb[0] = words[0] & FE_MASK;
    out->limb[1] = (words[0] >> 51 | words[1] << 13) & FE_MASK;
    out->limb[2] = (words[1] >> 38 | words[2] << 26) & FE_MASK;
    out->limb[3] = (words[2] >> 25 | words[3] << 39) & FE_MASK;
    out->limb[4] = words[3] >> 12 & FE_MASK;
}

/* RFC 8032 section 5.1.2, little-endian; the highest bit is not the field's. Takes p and more, modulo p. */
static inline void fe_from_bytes(fe *out, const unsigned char bytes[32])
{
    uint64_t words[4];
    words_load(words, bytes);
    fe_unpack(out, words);
}

static inline void fe_to_bytes(unsigned char bytes[32], const fe *canonical)
{
    uint64_t words[4];
    fe_pack(words, canonical);
    words_store(bytes, words);
}

static inline bool fe_equal(const fe *a, const fe *b)
{
    fe x, y;
    fe_canonical(&x, a);
    fe_canonical(&y, b);
    return memcmp(&x, &y, sizeof(x)) == 0;
}

/* a^(2^250 - 1), and a^11 on the way: what the two exponents below begin with. */
static inline void fe_power_250(fe *out, fe *power_11, const fe *a)
{
    fe t, u, v;
    fe_square(&t, a);
    fe_square_times(&u, &t, 2);
    fe_mul(&u, &u, a);
    fe_mul(power_11, &u, &t);
    fe_square(&t, power_11);
    fe_mul(&u, &u, &t); /* 2^5 - 1 */
    fe_square_times(&t, &u, 5);
    fe_mul(&u, &t, &u); /* 2^10 - 1 */
    fe_square_times(&t, &u, 10);
    fe_mul(&v, &t, &u); /* 2^20 - 1 */
    fe_square_times(&t, &v, 20);
    fe_mul(&t, &t, &v); /* 2^40 - 1 */
    fe_square_times(&t, &t, 10);
    fe_mul(&u, &t, &u); /* 2^50 - 1 */
    fe_square_times(&t, &u, 50);
    fe_mul(&v, &t, &u); /* 2^100 - 1 */
    fe_square_times(&t, &v, 100);
    fe_mul(&t, &t, &v); /* 2^200 - 1 */
    fe_square_times(&t, &t, 50);
    fe_mul(out, &t, &u);
}

/* a^(p - 2); 0 for 0 */
static inline void fe_invert(fe *out, const fe *a)
{
    fe power, power_11;
    fe_power_250(&power, &power_11, a);
    fe_square_times(&power, &power, 5);
    fe_mul(out, &power, &power_11);
}

/* a^((p - 5) / 8), for square roots */
static inline void fe_power_root(fe *out, const fe *a)
{
    fe power, power_11;
    fe_power_250(&power, &power_11, a);
    fe_square_times(&power, &power, 2);
    fe_mul(out, &power, a);
}

#endif
