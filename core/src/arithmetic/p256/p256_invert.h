/*
 * Inverses modulo p and n: Bernstein and Yang, "Fast constant-time gcd computation and modular inversion" (2019), in
 * variable time. Given public data only; no secret may ever come here. Of p256.c, and nobody else's.
 *
 * From (f, g) = (modulus, x) on, divsteps take g to 0 and f to 1 or -1. Which 62 divsteps come next shows in the low 62
 * bits of f and g. They make one matrix, which is then applied to f and g, and modulo the modulus to d and e, which
 * keep f * c = x * d and g * c = x * e for a constant c: in the end, d is c / x or its negative.
 */
#ifndef FB_ARITHMETIC_P256_INVERT_H
#define FB_ARITHMETIC_P256_INVERT_H

#include "p256_field.h"

/* Limbs of 62 bits, all but the top one in 0 .. 2^62 - 1; the top one has the sign. */
enum { WIDE_LIMBS = 5, WIDE_BITS = 62 };
#define WIDE_MASK (UINT64_MAX >> 2)

typedef struct wide {
    int64_t limb[WIDE_LIMBS];
} wide;

struct modulus {
    const u256 *value, *factor; /* factor: c */
    uint64_t inverse;           /* of value, mod 2^62 */
};

/* fe_invert: 2^512, as both x and 1/x are in Montgomery form. sc_invert: 2^256, so that sc_mul by it divides. */
static const struct modulus modulus_p = {&p256_prime, &p256_enter, 0x3fffffffffffffff};
static const struct modulus modulus_n = {&p256_order, &p256_order_one, 0x332e375511ff43b1};

/* Row sums of absolute values are at most 2^62. */
struct matrix {
    int64_t u, v, q, r;
};

static inline wide wide_from(const u256 *a)
{
    const uint64_t *x = a->limb;
    return (wide){{(int64_t)(x[0] & WIDE_MASK), (int64_t)((x[0] >> 62 | x[1] << 2) & WIDE_MASK),
                   (int64_t)((x[1] >> 60 | x[2] << 4) & WIDE_MASK), (int64_t)((x[2] >> 58 | x[3] << 6) & WIDE_MASK),
                   (int64_t)(x[3] >> 56)}};
}

/* Of a wide in 0 .. 2^256 - 1. */
static inline u256 wide_to(const wide *a)
{
    uint64_t x[WIDE_LIMBS];
    for (size_t i = 0; i < WIDE_LIMBS; i++) {
        x[i] = (uint64_t)a->limb[i];
    }
    return (u256){{x[0] | x[1] << 62, x[1] >> 2 | x[2] << 60, x[2] >> 4 | x[3] << 58, x[3] >> 6 | x[4] << 56}};
}

/*
 * 62 divsteps on the low bits. A divstep with odd g and delta > 0 swaps; all others keep f, and as many of them as are
 * certain to come are done at once, by adding the multiple of f that clears as many bits of g (six at most: f times
 * 2 - f^2 is 1/f mod 2^6). Entries are kept unsigned, where overflow is defined; their values are below 2^62.
 */
static inline int64_t divsteps(int64_t delta, uint64_t f, uint64_t g, struct matrix *out)
{
    uint64_t u = 1, v = 0, q = 0, r = 1, swap;
    for (int left = WIDE_BITS;;) {
        const int zeros = __builtin_ctzll(g | UINT64_MAX << left);
        g >>= zeros;
        u <<= zeros;
        v <<= zeros;
        delta += zeros;
        left -= zeros;
        if (left == 0) {
            break;
        }
        if (delta > 0) {
            delta = -delta;
            swap = f, f = g, g = (uint64_t)0 - swap;
            swap = u, u = q, q = (uint64_t)0 - swap;
            swap = v, v = r, r = (uint64_t)0 - swap;
        }
        int bits = delta > -6 ? (int)(1 - delta) : 6;
        bits = bits > left ? left : bits;
        const uint64_t multiple = (g * f * (f * f - 2)) & ((UINT64_C(1) << bits) - 1);
        g += multiple * f;
        q += multiple * u;
        r += multiple * v;
    }
    *out = (struct matrix){(int64_t)u, (int64_t)v, (int64_t)q, (int64_t)r};
    return delta;
}

/* (f, g) = matrix * (f, g) / 2^62, which is whole. Sums are below 2 * 2^124 + 2^66 in size. */
static inline void update_fg(wide *f, wide *g, const struct matrix *m)
{
    int128 first = (int128)m->u * f->limb[0] + (int128)m->v * g->limb[0];
    int128 second = (int128)m->q * f->limb[0] + (int128)m->r * g->limb[0];
    for (size_t i = 1; i < WIDE_LIMBS; i++) {
        first = (first >> WIDE_BITS) + (int128)m->u * f->limb[i] + (int128)m->v * g->limb[i];
        second = (second >> WIDE_BITS) + (int128)m->q * f->limb[i] + (int128)m->r * g->limb[i];
        f->limb[i - 1] = (int64_t)((uint64_t)first & WIDE_MASK);
        g->limb[i - 1] = (int64_t)((uint64_t)second & WIDE_MASK);
    }
    f->limb[WIDE_LIMBS - 1] = (int64_t)(first >> WIDE_BITS);
    g->limb[WIDE_LIMBS - 1] = (int64_t)(second >> WIDE_BITS);
}

/*
 * (d, e) = (matrix * (d, e) + modulus * (k, l)) / 2^62, with the k and l that make it whole. d and e are in
 * -2 * modulus .. modulus, exclusive, before and after: negative ones count as increased by the modulus, so the product
 * is below 2^62 * modulus in size, and from k and l, multiples below 2^62 are taken away only.
 */
static inline void update_de(wide *d, wide *e, const struct matrix *m, const wide *n, uint64_t inverse)
{
    const int64_t d_sign = d->limb[WIDE_LIMBS - 1] >> 63, e_sign = e->limb[WIDE_LIMBS - 1] >> 63;
    int64_t k = (m->u & d_sign) + (m->v & e_sign), l = (m->q & d_sign) + (m->r & e_sign);
    int128 first = (int128)m->u * d->limb[0] + (int128)m->v * e->limb[0];
    int128 second = (int128)m->q * d->limb[0] + (int128)m->r * e->limb[0];
    k -= (int64_t)((inverse * (uint64_t)first + (uint64_t)k) & WIDE_MASK);
    l -= (int64_t)((inverse * (uint64_t)second + (uint64_t)l) & WIDE_MASK);
    first += (int128)n->limb[0] * k;
    second += (int128)n->limb[0] * l;
    for (size_t i = 1; i < WIDE_LIMBS; i++) {
        first = (first >> WIDE_BITS) + (int128)m->u * d->limb[i] + (int128)m->v * e->limb[i] + (int128)n->limb[i] * k;
        second = (second >> WIDE_BITS) + (int128)m->q * d->limb[i] + (int128)m->r * e->limb[i] + (int128)n->limb[i] * l;
        d->limb[i - 1] = (int64_t)((uint64_t)first & WIDE_MASK);
        e->limb[i - 1] = (int64_t)((uint64_t)second & WIDE_MASK);
    }
    d->limb[WIDE_LIMBS - 1] = (int64_t)(first >> WIDE_BITS);
    e->limb[WIDE_LIMBS - 1] = (int64_t)(second >> WIDE_BITS);
}

/* factor * (d + times * n), carried; the result must not be below -2^309. */
static inline void wide_adjust(wide *d, int64_t factor, const wide *n, int64_t times)
{
    int64_t carry = 0;
    for (size_t i = 0; i < WIDE_LIMBS; i++) {
        const int64_t sum = factor * (d->limb[i] + times * n->limb[i]) + carry;
        carry = sum >> WIDE_BITS;
        d->limb[i] = i + 1 < WIDE_LIMBS ? (int64_t)((uint64_t)sum & WIDE_MASK) : sum;
    }
}

/* modulus->factor / x modulo it, for x in 1 .. modulus - 1. */
static inline void invert(u256 *out, const u256 *x, const struct modulus *modulus)
{
    const wide n = wide_from(modulus->value);
    wide f = n, g = wide_from(x), d = {{0}}, e = wide_from(modulus->factor);
    struct matrix step;
    int64_t delta = 1;
    while ((g.limb[0] | g.limb[1] | g.limb[2] | g.limb[3] | g.limb[4]) != 0) {
        delta = divsteps(delta, (uint64_t)f.limb[0] | (uint64_t)f.limb[1] << WIDE_BITS,
                         (uint64_t)g.limb[0] | (uint64_t)g.limb[1] << WIDE_BITS, &step);
        update_fg(&f, &g, &step);
        update_de(&d, &e, &step, &n, modulus->inverse);
    }
    /* f is 1 or -1 now, and d is within -2 * n .. n. */
    wide_adjust(&d, 1, &n, d.limb[WIDE_LIMBS - 1] < 0);
    wide_adjust(&d, f.limb[WIDE_LIMBS - 1] < 0 ? -1 : 1, &n, 0);
    wide_adjust(&d, 1, &n, d.limb[WIDE_LIMBS - 1] < 0);
    *out = wide_to(&d);
}

/* 1 / a mod p, for a != 0. */
static inline void fe_invert(u256 *out, const u256 *a)
{
    invert(out, a, &modulus_p);
}

/* 2^256 / a mod n, for a in 1 .. n - 1. */
static inline void sc_invert(u256 *out, const u256 *a)
{
    invert(out, a, &modulus_n);
}

#endif
