/*
 * Points of P-256 and tables of their multiples. Given public data only; no secret may ever come here. Of p256.c,
 * and nobody else's.
 *
 * The group has prime order n, so every point but infinity has that order: no entry of a table is infinity, and none
 * has y = 0. What a sum passes through is the choice of whoever signs, so the adder takes every case.
 */
#ifndef FB_ARITHMETIC_P256_TABLE_H
#define FB_ARITHMETIC_P256_TABLE_H

#include "p256_invert.h"

/* Digits are signed, -127 .. 128. n - u stands in for a scalar u above n / 2, so the last window carries nothing. */
enum { WINDOW = 8, WINDOWS = 32, MULTIPLES = 128 };

typedef struct affine {
    u256 x, y;
} affine;

/* multiple[i][k] is (k + 1) * 2^(WINDOW * i) times the point. */
struct table {
    affine multiple[WINDOWS][MULTIPLES];
};

/* A summand: an entry, or its negative. */
typedef struct term {
    const affine *entry;
    bool negative;
} term;

/* x = X / ZZ and y = Y / ZZZ, with ZZ^3 = ZZZ^2; infinity has ZZ = 0. */
typedef struct xyzz {
    u256 x, y, zz, zzz;
} xyzz;

static const u256 fe_one = {{0x0000000000000001, 0xffffffff00000000, 0xffffffffffffffff, 0x00000000fffffffe}};
static const u256 fe_zero;

/* ---- points: dbl-2008-s-1 and madd-2008-s of the Explicit-Formulas Database, "xyzz" ----------- */

static inline void point_set(xyzz *out, const affine *a)
{
    *out = (xyzz){a->x, a->y, fe_one, fe_one};
}

/* p must not be infinity. 3 * (X - ZZ) * (X + ZZ) is the slope's numerator, since the curve's a is -3. */
static inline void point_double(xyzz *p)
{
    u256 u, v, w, s, m, t;
    fe_add(&u, &p->y, &p->y);
    fe_sqr(&v, &u);
    fe_mul(&w, &u, &v);
    fe_mul(&s, &p->x, &v);
    fe_sub(&t, &p->x, &p->zz);
    fe_add(&m, &p->x, &p->zz);
    fe_mul(&t, &t, &m);
    fe_add(&m, &t, &t);
    fe_add(&m, &m, &t);
    fe_sqr(&p->x, &m);
    fe_sub(&p->x, &p->x, &s);
    fe_sub(&p->x, &p->x, &s);
    fe_sub(&s, &s, &p->x);
    fe_mul(&s, &s, &m);
    fe_mul(&t, &w, &p->y);
    fe_sub(&p->y, &s, &t);
    fe_mul(&p->zz, &p->zz, &v);
    fe_mul(&p->zzz, &p->zzz, &w);
}

static inline void point_add(xyzz *p, const affine *a)
{
    u256 h, r, hh, hhh, v;
    if (u256_is_zero(&p->zz)) {
        point_set(p, a);
        return;
    }
    fe_mul(&h, &a->x, &p->zz);
    fe_mul(&r, &a->y, &p->zzz);
    fe_sub(&h, &h, &p->x);
    fe_sub(&r, &r, &p->y);
    if (u256_is_zero(&h)) {
        /* The same x: the same point, or its negative. */
        if (u256_is_zero(&r)) {
            point_double(p);
        } else {
            p->zz = fe_zero;
        }
        return;
    }
    fe_sqr(&hh, &h);
    fe_mul(&hhh, &h, &hh);
    fe_mul(&v, &p->x, &hh);
    fe_sqr(&p->x, &r);
    fe_sub(&p->x, &p->x, &hhh);
    fe_sub(&p->x, &p->x, &v);
    fe_sub(&p->x, &p->x, &v);
    fe_sub(&v, &v, &p->x);
    fe_mul(&v, &v, &r);
    fe_mul(&p->y, &p->y, &hhh);
    fe_sub(&p->y, &v, &p->y);
    fe_mul(&p->zz, &p->zz, &hh);
    fe_mul(&p->zzz, &p->zzz, &hhh);
}

/* y^2 = x^3 - 3 * x + b */
static inline bool on_curve(const affine *a)
{
    static const u256 b = {{0x3bce3c3e27d2604b, 0x651d06b0cc53b0f6, 0xb3ebbd55769886bc, 0x5ac635d8aa3a93e7}};
    u256 left, right, t;
    fe_sqr(&left, &a->y);
    fe_sqr(&right, &a->x);
    fe_add(&t, &fe_one, &fe_one);
    fe_add(&t, &t, &fe_one);
    fe_sub(&right, &right, &t);
    fe_mul(&right, &right, &a->x);
    fe_enter(&t, &b);
    fe_add(&right, &right, &t);
    return u256_equal(&left, &right);
}

/* ---- tables --------------------------------------------------------------------------------- */

/* The first multiple of every window, 2^(WINDOW * i) times the point; one inversion for all of them. */
static inline void fill_first(struct table *out, const affine *a)
{
    xyzz p, powers[WINDOWS];
    u256 products[WINDOWS], inverse, t, z;
    point_set(&p, a);
    for (size_t i = 0; i < WINDOWS; i++) {
        powers[i] = p;
        for (int k = 0; k < WINDOW && i + 1 < WINDOWS; k++) {
            point_double(&p);
        }
    }
    products[0] = powers[0].zzz;
    for (size_t i = 1; i < WINDOWS; i++) {
        fe_mul(&products[i], &products[i - 1], &powers[i].zzz);
    }
    fe_invert(&inverse, &products[WINDOWS - 1]);
    for (size_t i = WINDOWS; i-- > 0;) {
        t = inverse;
        if (i > 0) {
            fe_mul(&t, &inverse, &products[i - 1]);
            fe_mul(&inverse, &inverse, &powers[i].zzz);
        }
        fe_mul(&out->multiple[i][0].y, &powers[i].y, &t);
        fe_mul(&z, &t, &powers[i].zz); /* ZZ / ZZZ, the square root of 1 / ZZ */
        fe_sqr(&z, &z);
        fe_mul(&out->multiple[i][0].x, &powers[i].x, &z);
    }
}

/* What the slope from a to b is divided by; never 0, as a and b are different small multiples of one point. */
static inline void slope_divisor(u256 *out, const affine *a, const affine *b)
{
    if (a == b) {
        fe_add(out, &a->y, &a->y);
    } else {
        fe_sub(out, &b->x, &a->x);
    }
}

/* a + b, of which out->x and out->y are not read. inverse: of slope_divisor. */
static inline void affine_add(affine *out, const affine *a, const affine *b, const u256 *inverse)
{
    u256 slope, t;
    if (a == b) {
        fe_sqr(&t, &a->x);
        fe_sub(&t, &t, &fe_one);
        fe_add(&slope, &t, &t);
        fe_add(&slope, &slope, &t);
    } else {
        fe_sub(&slope, &b->y, &a->y);
    }
    fe_mul(&slope, &slope, inverse);
    fe_sqr(&out->x, &slope);
    fe_sub(&out->x, &out->x, &a->x);
    fe_sub(&out->x, &out->x, &b->x);
    fe_sub(&t, &a->x, &out->x);
    fe_mul(&t, &t, &slope);
    fe_sub(&out->y, &t, &a->y);
}

/*
 * From multiples 1 .. count of every window to 1 .. 2 * count, by adding the one that is count: affine additions with
 * one inversion for all (Montgomery's trick). The new entries hold the divisor and the product of those before it,
 * until their own turn.
 */
static inline void fill_double(struct table *out, size_t count)
{
    u256 product = fe_one, inverse, t;
    for (size_t i = 0; i < WINDOWS; i++) {
        affine *row = out->multiple[i];
        for (size_t k = 0; k < count; k++) {
            affine *new = &row[count + k];
            slope_divisor(&new->x, &row[count - 1], &row[k]);
            new->y = product;
            fe_mul(&product, &product, &new->x);
        }
    }
    fe_invert(&inverse, &product);
    for (size_t i = WINDOWS; i-- > 0;) {
        affine *row = out->multiple[i];
        for (size_t k = count; k-- > 0;) {
            affine *new = &row[count + k];
            fe_mul(&t, &inverse, &new->y);
            fe_mul(&inverse, &inverse, &new->x);
            affine_add(new, &row[count - 1], &row[k], &t);
        }
    }
}

/* coordinates: below p, not in Montgomery form. False: not a point of the curve. */
static inline bool fill_from(struct table *out, const affine *coordinates)
{
    affine a;
    fe_enter(&a.x, &coordinates->x);
    fe_enter(&a.y, &coordinates->y);
    if (!on_curve(&a)) {
        return false;
    }
    fill_first(out, &a);
    for (size_t count = 1; count < MULTIPLES; count *= 2) {
        fill_double(out, count);
    }
    return true;
}

#endif
