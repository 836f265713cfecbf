/*
 * Eight additions of points at once with AVX-512 IFMA, for the long sum of a verification. Given public data only; no
 * secret may ever come here. Of p256.c, and nobody else's; called where the processor has been asked.
 *
 * A lane has five limbs of 52 bits, and Montgomery form here is x * 2^260. A number is not reduced but bounded, by the
 * multiple of p that comments give; all limbs of what is multiplied are in 0 .. 2^52 - 1. The formulas are those of
 * p256_table.h without a look at their special cases: equal, opposite and infinite points make ZZ a multiple of p,
 * which stays one through all that follows, and is found out in the end.
 */
#ifndef FB_ARITHMETIC_P256_IFMA_H
#define FB_ARITHMETIC_P256_IFMA_H

#include "arithmetic/ifma.h"

#include "p256_table.h"

enum { LANES = 8, LIMBS = 5 };

typedef struct lanes {
    __m512i limb[LIMBS];
} lanes;

typedef struct lanes_xyzz {
    lanes x, y, zz, zzz;
} lanes_xyzz;

/* Every limb but the last into 0 .. 2^52 - 1; what is above, or below zero, goes to the next one. */
static inline FB_IFMA void carry_on(lanes *a)
{
    const __m512i mask = fb__ifma_repeat(UINT64_MAX >> 12);
    FB_UNROLLED
    for (size_t i = 0; i + 1 < LIMBS; i++) {
        a->limb[i + 1] = _mm512_add_epi64(a->limb[i + 1], _mm512_srai_epi64(a->limb[i], 52));
        a->limb[i] = _mm512_and_si512(a->limb[i], mask);
    }
}

/*
 * Takes off a multiple q of p so that between 2^256 - 2^230 and 2^257 + 2^230 is left, less than 2.01 p: q is found in
 * the top limb, whose bits from 48 on count 2^256, and leaves one of these there, so that nothing gets negative. For
 * limbs between -2^55 and 2^55 and a top limb of less than 2^53 in size, so q < 2^5.
 * -p = -2^256 + 2^224 - 2^192 - 2^96 + 1, of which 2^96 is bit 44 of limb 1, 2^192 bit 36 of limb 3, 2^224 bit 16 of
 * limb 4.
 */
static inline FB_IFMA void fold(lanes *a)
{
    const __m512i q = _mm512_sub_epi64(_mm512_srai_epi64(a->limb[4], 48), fb__ifma_repeat(1));
    a->limb[0] = _mm512_add_epi64(a->limb[0], q);
    a->limb[1] = _mm512_sub_epi64(a->limb[1], _mm512_slli_epi64(q, 44));
    a->limb[3] = _mm512_sub_epi64(a->limb[3], _mm512_slli_epi64(q, 36));
    a->limb[4] = _mm512_add_epi64(a->limb[4], _mm512_slli_epi64(q, 16));
    a->limb[4] = _mm512_sub_epi64(a->limb[4], _mm512_slli_epi64(q, 48));
    carry_on(a);
}

static inline FB_IFMA void lanes_sub(lanes *out, const lanes *a, const lanes *b)
{
    FB_UNROLLED
    for (size_t i = 0; i < LIMBS; i++) {
        out->limb[i] = _mm512_sub_epi64(a->limb[i], b->limb[i]);
    }
    fold(out);
}

/*
 * t += m * p * 2^(52 * i) with m = t[i] mod 2^52, and t[i] carried into t[i + 1]: p = -1 mod 2^52. The limbs of p are
 * -1, 2^44, 0, 2^36, 2^48 - 2^16, as the sum of their products.
 */
static inline FB_IFMA void cancel(__m512i *t)
{
    const __m512i m = _mm512_and_si512(t[0], fb__ifma_repeat(UINT64_MAX >> 12));
    const __m512i limb1 = fb__ifma_repeat((uint64_t)1 << 44), limb3 = fb__ifma_repeat((uint64_t)1 << 36),
                  limb4 = fb__ifma_repeat(0xffffffff0000);
    t[1] = _mm512_add_epi64(t[1], _mm512_srli_epi64(t[0], 52));
    t[1] = _mm512_madd52lo_epu64(t[1], m, limb1);
    t[2] = _mm512_madd52hi_epu64(t[2], m, limb1);
    t[3] = _mm512_madd52lo_epu64(t[3], m, limb3);
    t[4] = _mm512_madd52hi_epu64(t[4], m, limb3);
    t[4] = _mm512_madd52lo_epu64(t[4], m, limb4);
    t[5] = _mm512_madd52hi_epu64(t[5], m, limb4);
}

/*
 * a * b / 2^260, below (k * l / 16 + 1) * p for a < k * p and b < l * p, since p < 2^256. k and l are at most 16, and
 * one of them at most 2.01. A limb of t is a sum of at most 9 halves of products, 6 of multiples of p and a carry, and
 * below 2^56. Out of line: as fast, and less code to fetch where caches are cold.
 */
static __attribute__((noinline)) FB_IFMA void lanes_mul(lanes *out, const lanes *a, const lanes *b)
{
    __m512i t[2 * LIMBS];
    FB_UNROLLED
    for (size_t i = 0; i < 2 * LIMBS; i++) {
        t[i] = _mm512_setzero_si512();
    }
    FB_UNROLLED
    for (size_t i = 0; i < LIMBS; i++) {
        FB_UNROLLED
        for (size_t k = 0; k < LIMBS; k++) {
            t[i + k] = _mm512_madd52lo_epu64(t[i + k], a->limb[i], b->limb[k]);
            t[i + k + 1] = _mm512_madd52hi_epu64(t[i + k + 1], a->limb[i], b->limb[k]);
        }
    }
    FB_UNROLLED
    for (size_t i = 0; i < LIMBS; i++) {
        cancel(t + i);
    }
    FB_UNROLLED
    for (size_t i = 0; i < LIMBS; i++) {
        out->limb[i] = t[LIMBS + i];
    }
    carry_on(out);
}

/* ---- points --------------------------------------------------------------------------------- */

/* The entries' x and y, 16 * p at most: 2^256 * x as 2^260 * x needs but four bits of shift. */
static inline FB_IFMA void load_coordinate(lanes *out, const __m512i row[4])
{
    const __m512i mask = fb__ifma_repeat(UINT64_MAX >> 12);
    __m512i *limb = out->limb;
    limb[0] = _mm512_and_si512(_mm512_slli_epi64(row[0], 4), mask);
    limb[1] = _mm512_or_si512(_mm512_srli_epi64(row[0], 48), _mm512_slli_epi64(row[1], 16));
    limb[1] = _mm512_and_si512(limb[1], mask);
    limb[2] = _mm512_or_si512(_mm512_srli_epi64(row[1], 36), _mm512_slli_epi64(row[2], 28));
    limb[2] = _mm512_and_si512(limb[2], mask);
    limb[3] = _mm512_or_si512(_mm512_srli_epi64(row[2], 24), _mm512_slli_epi64(row[3], 40));
    limb[3] = _mm512_and_si512(limb[3], mask);
    limb[4] = _mm512_srli_epi64(row[3], 12);
}

/* Entry i goes to lane i: the transpose of eight rows of eight. */
static inline FB_IFMA void load_entries(lanes *x, lanes *y, const term *terms)
{
    __m512i a[LANES], b[LANES];
    FB_UNROLLED
    for (size_t i = 0; i < LANES; i++) {
        a[i] = _mm512_loadu_si512(terms[i].entry);
    }
    FB_UNROLLED
    for (size_t i = 0; i < LANES; i += 2) {
        b[i] = _mm512_unpacklo_epi64(a[i], a[i + 1]);
        b[i + 1] = _mm512_unpackhi_epi64(a[i], a[i + 1]);
    }
    /* b[2 * i + j]: words j, j + 2, j + 4, j + 6 of entries 2 * i and 2 * i + 1 */
    FB_UNROLLED
    for (size_t j = 0; j < 2; j++) {
        const __m512i low = _mm512_shuffle_i64x2(b[j], b[j + 2], 0x88),
                      high = _mm512_shuffle_i64x2(b[j], b[j + 2], 0xdd);
        const __m512i low2 = _mm512_shuffle_i64x2(b[j + 4], b[j + 6], 0x88),
                      high2 = _mm512_shuffle_i64x2(b[j + 4], b[j + 6], 0xdd);
        a[j] = _mm512_shuffle_i64x2(low, low2, 0x88);
        a[j + 4] = _mm512_shuffle_i64x2(low, low2, 0xdd);
        a[j + 2] = _mm512_shuffle_i64x2(high, high2, 0x88);
        a[j + 6] = _mm512_shuffle_i64x2(high, high2, 0xdd);
    }
    load_coordinate(x, a);
    load_coordinate(y, a + 4);
}

/*
 * The rest of every addition, from U1 = x1 * ZZ2 (below 16 p), S1 = y1 * ZZZ2, H = U2 - U1 and R = S2 - S1 (2.01 p),
 * and with ZZ1 * ZZ2 and ZZZ1 * ZZZ2 in place (1.2 p). H^2 and H^3 are below 1.3 p and U1 * H^2 below 2.3 p; so ZZ and
 * ZZZ are below 1.2 p again, and X and Y below 2.01 p.
 */
static inline FB_IFMA void finish(lanes_xyzz *p, const lanes *u1, const lanes *s1, const lanes *h, const lanes *r)
{
    lanes hh, hhh, v, t;
    lanes_mul(&hh, h, h);
    lanes_mul(&hhh, h, &hh);
    lanes_mul(&v, u1, &hh);
    lanes_mul(&t, r, r);
    lanes_mul(&p->zz, &p->zz, &hh);
    lanes_mul(&p->zzz, &p->zzz, &hhh);
    FB_UNROLLED
    for (size_t i = 0; i < LIMBS; i++) {
        const __m512i twice = _mm512_add_epi64(v.limb[i], v.limb[i]);
        p->x.limb[i] = _mm512_sub_epi64(_mm512_sub_epi64(t.limb[i], hhh.limb[i]), twice);
    }
    fold(&p->x);
    lanes_sub(&v, &v, &p->x);
    lanes_mul(&v, &v, r);
    lanes_mul(&t, s1, &hhh);
    lanes_sub(&p->y, &v, &t);
}

/* p + (x, y), or (x, -y) in the lanes of negative. x and y may be up to 16 p. */
static inline FB_IFMA void add_entries(lanes_xyzz *p, const lanes *x, const lanes *y, __mmask8 negative)
{
    const __m512i zero = _mm512_setzero_si512();
    const lanes u1 = p->x, s1 = p->y;
    lanes h, r;
    lanes_mul(&h, x, &p->zz);
    lanes_mul(&r, y, &p->zzz);
    FB_UNROLLED
    for (size_t i = 0; i < LIMBS; i++) {
        r.limb[i] = _mm512_mask_sub_epi64(r.limb[i], negative, zero, r.limb[i]);
    }
    lanes_sub(&h, &h, &u1);
    lanes_sub(&r, &r, &s1);
    finish(p, &u1, &s1, &h, &r);
}

static inline FB_IFMA void add_points(lanes_xyzz *p, const lanes_xyzz *q)
{
    lanes u1, s1, h, r;
    lanes_mul(&u1, &p->x, &q->zz);
    lanes_mul(&s1, &p->y, &q->zzz);
    lanes_mul(&h, &q->x, &p->zz);
    lanes_mul(&r, &q->y, &p->zzz);
    lanes_sub(&h, &h, &u1);
    lanes_sub(&r, &r, &s1);
    lanes_mul(&p->zz, &p->zz, &q->zz);
    lanes_mul(&p->zzz, &p->zzz, &q->zzz);
    finish(p, &u1, &s1, &h, &r);
}

/* Each lane's neighbour in a: the one four, two or one away. */
static inline FB_IFMA void exchange(lanes *out, const lanes *a, size_t distance)
{
    FB_UNROLLED
    for (size_t i = 0; i < LIMBS; i++) {
        out->limb[i] = distance == 4   ? _mm512_shuffle_i64x2(a->limb[i], a->limb[i], 0x4e)
                       : distance == 2 ? _mm512_shuffle_i64x2(a->limb[i], a->limb[i], 0xb1)
                                       : _mm512_shuffle_epi32(a->limb[i], _MM_PERM_BADC);
    }
}

static inline FB_IFMA void add_neighbours(lanes_xyzz *p, size_t distance)
{
    lanes_xyzz q;
    exchange(&q.x, &p->x, distance);
    exchange(&q.y, &p->y, distance);
    exchange(&q.zz, &p->zz, distance);
    exchange(&q.zzz, &p->zzz, distance);
    add_points(p, &q);
}

/* ---- the sum -------------------------------------------------------------------------------- */

static inline FB_IFMA __mmask8 signs(const term *terms)
{
    unsigned negative = 0;
    for (size_t i = 0; i < LANES; i++) {
        negative |= (unsigned)terms[i].negative << i;
    }
    return (__mmask8)negative;
}

static inline FB_IFMA void start_with(lanes_xyzz *p, const term *terms)
{
    static const uint64_t one[LIMBS] = {0x10, 0xf000000000000, 0xfffffffffffff, 0xffeffffffffff, 0xfffff};
    const __mmask8 negative = signs(terms);
    load_entries(&p->x, &p->y, terms);
    FB_UNROLLED
    for (size_t i = 0; i < LIMBS; i++) {
        p->y.limb[i] = _mm512_mask_sub_epi64(p->y.limb[i], negative, _mm512_setzero_si512(), p->y.limb[i]);
        p->zz.limb[i] = p->zzz.limb[i] = fb__ifma_repeat(one[i]);
    }
    fold(&p->y);
}

/* p in the lanes of mask, what was there before in the others. */
static inline FB_IFMA void keep_others(lanes *p, const lanes *before, __mmask8 mask)
{
    FB_UNROLLED
    for (size_t i = 0; i < LIMBS; i++) {
        p->limb[i] = _mm512_mask_mov_epi64(before->limb[i], mask, p->limb[i]);
    }
}

static inline FB_IFMA void add_some(lanes_xyzz *p, const term *terms, __mmask8 mask)
{
    const lanes_xyzz before = *p;
    lanes x, y;
    load_entries(&x, &y, terms);
    add_entries(p, &x, &y, signs(terms));
    if (mask != 0xff) {
        keep_others(&p->x, &before.x, mask);
        keep_others(&p->y, &before.y, mask);
        keep_others(&p->zz, &before.zz, mask);
        keep_others(&p->zzz, &before.zzz, mask);
    }
}

/* The first lane, reduced. */
static inline FB_IFMA void first_lane(u256 *out, const lanes *a)
{
    uint64_t l[LIMBS];
    for (size_t i = 0; i < LIMBS; i++) {
        l[i] = (uint64_t)_mm_cvtsi128_si64(_mm512_castsi512_si128(a->limb[i]));
    }
    uint64_t top = l[4] >> 48;
    *out = (u256){{l[0] | l[1] << 52, l[1] >> 12 | l[2] << 40, l[2] >> 24 | l[3] << 28, l[3] >> 36 | l[4] << 16}};
    while (top != 0 || !u256_less(out, &p256_prime)) {
        top -= u256_sub(out, out, &p256_prime);
    }
}

/*
 * X and ZZ of the sum of count terms, both times the same power of 2, which their quotient does not show; Y and ZZZ are
 * left out. terms has room for a multiple of LANES. False: a special case came up, or there are too few terms.
 */
static inline FB_IFMA bool sum_ifma(xyzz *out, term *terms, size_t count)
{
    lanes_xyzz p;
    if (count < LANES) {
        return false;
    }
    for (size_t i = count; i % LANES != 0; i++) {
        terms[i] = terms[0]; /* what is masked out must still be readable */
    }
    start_with(&p, terms);
    for (size_t i = LANES; i < count; i += LANES) {
        add_some(&p, terms + i, (__mmask8)(count - i < LANES ? (1U << (count - i)) - 1 : 0xff));
    }
    for (size_t distance = LANES / 2; distance > 0; distance /= 2) {
        add_neighbours(&p, distance);
    }
    *out = (xyzz){.zz = fe_zero};
    first_lane(&out->x, &p.x);
    first_lane(&out->zz, &p.zz);
    return !u256_is_zero(&out->zz);
}

#endif
