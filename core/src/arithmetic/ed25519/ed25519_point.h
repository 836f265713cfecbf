/*
 * Points of edwards25519 for ed25519.c: -x^2 + y^2 = 1 + d x^2 y^2. Public data only: nothing here is constant
 * time.
 */
#ifndef FB_ARITHMETIC_ED25519_POINT_H
#define FB_ARITHMETIC_ED25519_POINT_H

#include "ed25519_field.h"

/* Extended twisted Edwards coordinates: x = X/Z, y = Y/Z, x y = T/Z. All reduced. */
typedef struct point {
    fe x, y, z, t;
} point;

/* An affine point as the addition wants it: y - x, y + x, 2 d x y, canonical. The lowest words of all three come first,
 * side by side as in a vector. */
enum { DIFFERENCE, SUM, PRODUCT };
typedef struct entry {
    uint64_t word[4][3];
} entry;

/* One digit's share: entry, or its negative. */
typedef struct addend {
    const entry *entry;
    bool negative;
} addend;

static const fe curve_d = {{0x34dca135978a3, 0x1a8283b156ebd, 0x5e7a26001c029, 0x739c663a03cbb, 0x52036cee2b6ff}};
static const fe curve_2d = {{0x69b9426b2f159, 0x35050762add7a, 0x3cf44c0038052, 0x6738cc7407977, 0x2406d9dc56dff}};
static const fe root_of_minus_1 = {
    {0x61b274a0ea0b0, 0x0d5a5fc8f189d, 0x7ef5e9cbd0c60, 0x78595a6804c9e, 0x2b8324804fc1d}};

static inline void point_zero(point *p)
{
    *p = (point){fe_zero, fe_one, fe_one, fe_zero};
}

/* The second half of any addition. */
static inline void point_of_lines(point *p, const fe *a, const fe *b, const fe *c, const fe *d)
{
    fe e, f, g, h;
    fe_sub(&e, b, a);
    fe_sub(&f, d, c);
    fe_add(&g, d, c);
    fe_add(&h, b, a);
    fe_mul(&p->x, &e, &f);
    fe_mul(&p->y, &g, &h);
    fe_mul(&p->t, &e, &h);
    fe_mul(&p->z, &f, &g);
}

static inline void entry_get(fe *out, const entry *q, unsigned which)
{
    const uint64_t words[4] = {q->word[0][which], q->word[1][which], q->word[2][which], q->word[3][which]};
    fe_unpack(out, words);
}

/*
 * Hisil, Wong, Carter, Dawson 2008, section 3.1 with Z2 = 1: complete on this curve (-1 is a square and d is none), so
 * also for equal and for opposite points, the neutral one and those of small order.
 */
static inline void point_add(point *p, const addend *q)
{
    fe a, b, c, d, factor;
    fe_sub(&a, &p->y, &p->x);
    entry_get(&factor, q->entry, q->negative ? SUM : DIFFERENCE);
    fe_mul(&a, &a, &factor);
    fe_add(&b, &p->y, &p->x);
    entry_get(&factor, q->entry, q->negative ? DIFFERENCE : SUM);
    fe_mul(&b, &b, &factor);
    entry_get(&factor, q->entry, PRODUCT);
    fe_sub(&c, &fe_zero, &factor);
    for (unsigned i = 0; i < 5; i++) {
        c.limb[i] = q->negative ? c.limb[i] : factor.limb[i];
    }
    fe_mul(&c, &p->t, &c);
    fe_add(&d, &p->z, &p->z);
    point_of_lines(p, &a, &b, &c, &d);
}

/* The same with a Z2. */
static inline void point_join(point *p, const point *q)
{
    fe a, b, c, d, other;
    fe_sub(&a, &p->y, &p->x);
    fe_sub(&other, &q->y, &q->x);
    fe_mul(&a, &a, &other);
    fe_add(&b, &p->y, &p->x);
    fe_add(&other, &q->y, &q->x);
    fe_mul(&b, &b, &other);
    fe_mul(&c, &p->t, &q->t);
    fe_mul(&c, &c, &curve_2d);
    fe_mul(&d, &p->z, &q->z);
    fe_add(&d, &d, &d);
    point_of_lines(p, &a, &b, &c, &d);
}

/* The same authors' section 3.3. */
static inline void point_double(point *out, const point *p)
{
    fe a, b, c, e, f, g, h;
    fe_square(&a, &p->x);
    fe_square(&b, &p->y);
    fe_square(&c, &p->z);
    fe_add(&h, &a, &b);
    fe_add(&e, &p->x, &p->y);
    fe_square(&e, &e);
    fe_sub(&g, &a, &b);
    fe_add(&c, &c, &c);
    fe_add(&f, &c, &g);
    fe_sub(&e, &h, &e);
    fe_mul(&out->x, &e, &f);
    fe_mul(&out->y, &g, &h);
    fe_mul(&out->t, &e, &h);
    fe_mul(&out->z, &f, &g);
}

/*
 * RFC 8032 section 5.1.3, as OpenSSL does it: y of p and more is taken modulo p, x = 0 with the sign bit set is x = 0.
 * False: not on the curve.
 */
static inline bool point_decode(fe *x, fe *y, const unsigned char bytes[32])
{
    fe u, v, w, check;
    fe_from_bytes(y, bytes);
    fe_square(&u, y);
    fe_mul(&v, &u, &curve_d);
    fe_sub(&u, &u, &fe_one);
    fe_add(&v, &v, &fe_one);
    /* The candidate for the root of u/v is u v^3 (u v^7)^((p - 5) / 8). */
    fe_square(&w, &v);
    fe_mul(&w, &w, &v);
    fe_mul(x, &w, &u);
    fe_square(&w, &w);
    fe_mul(&w, &w, &v);
    fe_mul(&w, &w, &u);
    fe_power_root(&w, &w);
    fe_mul(x, x, &w);
    fe_square(&check, x);
    fe_mul(&check, &check, &v);
    if (!fe_equal(&check, &u)) {
        fe_add(&check, &check, &u);
        if (!fe_equal(&check, &fe_zero)) {
            return false;
        }
        fe_mul(x, x, &root_of_minus_1);
    }
    fe_canonical(x, x);
    if ((x->limb[0] & 1) != bytes[31] >> 7) {
        fe_sub(x, &fe_zero, x);
        fe_canonical(x, x);
    }
    return true;
}

static inline void point_encode(unsigned char bytes[32], const point *p)
{
    fe inverse, x, y;
    fe_invert(&inverse, &p->z);
    fe_mul(&x, &p->x, &inverse);
    fe_mul(&y, &p->y, &inverse);
    fe_canonical(&x, &x);
    fe_canonical(&y, &y);
    fe_to_bytes(bytes, &y);
    bytes[31] = (unsigned char)(bytes[31] | (x.limb[0] & 1) << 7);
}

static inline void entry_set(entry *out, unsigned which, const fe *value)
{
    fe canonical;
    uint64_t words[4];
    fe_canonical(&canonical, value);
    fe_pack(words, &canonical);
    for (unsigned i = 0; i < 4; i++) {
        out->word[i][which] = words[i];
    }
}

static inline void entry_fill(entry *out, const fe *x, const fe *y)
{
    fe value;
    fe_sub(&value, y, x);
    entry_set(out, DIFFERENCE, &value);
    fe_add(&value, y, x);
    entry_set(out, SUM, &value);
    fe_mul(&value, x, y);
    fe_mul(&value, &value, &curve_2d);
    entry_set(out, PRODUCT, &value);
}

#endif
