/*
 * The additions of ed25519.c on AVX-512 IFMA, two sums at a time: eight field elements in five vectors of limbs,
 * the coordinates X, Y, T, Z of one sum in the lower half and those of the other in the upper half. Given what the
 * portable code is given, and must end at the same point. Called where the processor has been asked.
 *
 * The instructions multiply the low 52 bits of each lane and drop the others, so no factor may reach 2^52. What fe8_mul
 * returns is below 2^51 + 2^11, so it is reduced; sums and differences are carried before they are multiplied.
 */
#ifndef FB_ARITHMETIC_ED25519_IFMA_H
#define FB_ARITHMETIC_ED25519_IFMA_H

#include "arithmetic/ifma.h"

typedef struct fe8 {
    __m512i limb[5];
} fe8;

FB_IFMA_INLINE __m512i times_19(__m512i a)
{
    return _mm512_add_epi64(_mm512_add_epi64(a, _mm512_slli_epi64(a, 1)), _mm512_slli_epi64(a, 4));
}

/* Each limb's carry to the next, all at once. Limbs below 2^53 are below 2^51 + 2^6 afterwards. */
FB_IFMA_INLINE void fe8_carry(fe8 *a)
{
    const __m512i mask = fb__ifma_repeat(FE_MASK);
    __m512i *limb = a->limb, carry0 = _mm512_srli_epi64(limb[0], 51), carry1 = _mm512_srli_epi64(limb[1], 51),
            carry2 = _mm512_srli_epi64(limb[2], 51), carry3 = _mm512_srli_epi64(limb[3], 51),
            carry4 = times_19(_mm512_srli_epi64(limb[4], 51));
    limb[0] = _mm512_add_epi64(_mm512_and_si512(limb[0], mask), carry4);
    limb[1] = _mm512_add_epi64(_mm512_and_si512(limb[1], mask), carry0);
    limb[2] = _mm512_add_epi64(_mm512_and_si512(limb[2], mask), carry1);
    limb[3] = _mm512_add_epi64(_mm512_and_si512(limb[3], mask), carry2);
    limb[4] = _mm512_add_epi64(_mm512_and_si512(limb[4], mask), carry3);
}

#define IFMA_STEP(i, j)                                                             \
    low[(i) + (j)] = _mm512_madd52lo_epu64(low[(i) + (j)], a->limb[i], b->limb[j]); \
    high[(i) + (j) + 1] = _mm512_madd52hi_epu64(high[(i) + (j) + 1], a->limb[i], b->limb[j])
#define IFMA_ROW(i)  \
    IFMA_STEP(i, 0); \
    IFMA_STEP(i, 1); \
    IFMA_STEP(i, 2); \
    IFMA_STEP(i, 3); \
    IFMA_STEP(i, 4)
/* A high half counts double: it stands at 2^52, the next limb at 2^51. */
#define IFMA_COLUMN(k) _mm512_add_epi64(low[k], _mm512_add_epi64(high[k], high[k]))
#define IFMA_FOLD(k) _mm512_add_epi64(IFMA_COLUMN(k), times_19(IFMA_COLUMN((k) + 5)))

/*
 * Factors below 2^52. A column, of five low and five high halves at most, and nineteen times the one that is folded
 * into it are below (1 + 19 * 14) * 2^52, so what is carried to the next limb is below 2^10; the last one, of which
 * nineteen times the carry goes to the first limb, is below (13 + 19 * 2) * 2^52, and that below 2^11.
 */
FB_IFMA_INLINE void fe8_mul(fe8 *out, const fe8 *a, const fe8 *b)
{
    const __m512i zero = _mm512_setzero_si512();
    __m512i low[10] = {zero, zero, zero, zero, zero, zero, zero, zero, zero, zero};
    __m512i high[10] = {zero, zero, zero, zero, zero, zero, zero, zero, zero, zero};
    IFMA_ROW(0);
    IFMA_ROW(1);
    IFMA_ROW(2);
    IFMA_ROW(3);
    IFMA_ROW(4);
    *out = (fe8){{IFMA_FOLD(0), IFMA_FOLD(1), IFMA_FOLD(2), IFMA_FOLD(3), IFMA_FOLD(4)}};
    fe8_carry(out);
}

/* One word of both entries: y - x, y + x, 2 d x y, and a zero that no memory is read for. */
FB_IFMA_INLINE __m512i ifma_load(const addend pair[2], unsigned word)
{
    return _mm512_inserti64x4(_mm512_castsi256_si512(_mm256_maskz_loadu_epi64(7, pair[0].entry->word[word])),
                              _mm256_maskz_loadu_epi64(7, pair[1].entry->word[word]), 1);
}

#define IFMA_2P(i) fb__ifma_repeat(2 * (FE_MASK - ((i) == 0 ? 18 : 0)))
/* To be subtracted: y - x and y + x change places, and 2p - 2 d x y is still below 2^52. */
#define IFMA_SIGN(i)                                                    \
    limb[i] = _mm512_mask_permutex_epi64(limb[i], swap, limb[i], 0xe1); \
    limb[i] = _mm512_mask_sub_epi64(limb[i], negate, IFMA_2P(i), limb[i])

/* The factors of the first half of an addition: y - x, y + x, 2 d x y, 2. */
FB_IFMA_INLINE void ifma_factors(fe8 *out, const addend pair[2])
{
    const __m512i mask = fb__ifma_repeat(FE_MASK), two = fb__ifma_repeat(2);
    __mmask8 swap = (__mmask8)((pair[0].negative ? 0x03 : 0) | (pair[1].negative ? 0x30 : 0));
    __mmask8 negate = (__mmask8)((pair[0].negative ? 0x04 : 0) | (pair[1].negative ? 0x40 : 0));
    __m512i w0 = ifma_load(pair, 0), w1 = ifma_load(pair, 1), w2 = ifma_load(pair, 2), w3 = ifma_load(pair, 3);
    __m512i *limb = out->limb;
    limb[0] = _mm512_and_si512(w0, mask);
    limb[1] = _mm512_and_si512(_mm512_or_si512(_mm512_srli_epi64(w0, 51), _mm512_slli_epi64(w1, 13)), mask);
    limb[2] = _mm512_and_si512(_mm512_or_si512(_mm512_srli_epi64(w1, 38), _mm512_slli_epi64(w2, 26)), mask);
    limb[3] = _mm512_and_si512(_mm512_or_si512(_mm512_srli_epi64(w2, 25), _mm512_slli_epi64(w3, 39)), mask);
    limb[4] = _mm512_srli_epi64(w3, 12);
    IFMA_SIGN(0);
    IFMA_SIGN(1);
    IFMA_SIGN(2);
    IFMA_SIGN(3);
    IFMA_SIGN(4);
    limb[0] = _mm512_mask_mov_epi64(limb[0], 0x88, two);
}

/* first + 2p - second in the lanes of minus, first + second in those of plus, first in the others. */
FB_IFMA_INLINE __m512i ifma_combine(__m512i first, __m512i second, __m512i twice_p, __mmask8 minus, __mmask8 plus)
{
    first = _mm512_mask_add_epi64(first, minus, first, twice_p);
    first = _mm512_mask_sub_epi64(first, minus, first, second);
    return _mm512_mask_add_epi64(first, plus, first, second);
}

#define IFMA_FIRST(i)                                                                                                \
    ifma_combine(_mm512_permutex_epi64(p->limb[i], 0xe5), _mm512_permutex_epi64(p->limb[i], 0x00), IFMA_2P(i), 0x11, \
                 0x22)
#define IFMA_SECOND(i) \
    ifma_combine(_mm512_permutex_epi64(q.limb[i], 0xf5), _mm512_permutex_epi64(q.limb[i], 0xa0), IFMA_2P(i), 0x55, 0xaa)
#define IFMA_PERMUTED(a, order)                                                                       \
    (fe8)                                                                                             \
    {                                                                                                 \
        {                                                                                             \
            _mm512_permutex_epi64((a).limb[0], order), _mm512_permutex_epi64((a).limb[1], order),     \
                _mm512_permutex_epi64((a).limb[2], order), _mm512_permutex_epi64((a).limb[3], order), \
                _mm512_permutex_epi64((a).limb[4], order)                                             \
        }                                                                                             \
    }

/* The same formula as point_add: all of a line at once. */
FB_IFMA_INLINE void ifma_add(fe8 *p, const addend pair[2])
{
    fe8 q, factors;
    ifma_factors(&factors, pair);
    q = (fe8){{IFMA_FIRST(0), IFMA_FIRST(1), IFMA_FIRST(2), IFMA_FIRST(3), IFMA_FIRST(4)}}; /* Y - X, Y + X, T, Z */
    fe8_carry(&q);
    fe8_mul(&q, &q, &factors);                                                                   /* A, B, C, D */
    q = (fe8){{IFMA_SECOND(0), IFMA_SECOND(1), IFMA_SECOND(2), IFMA_SECOND(3), IFMA_SECOND(4)}}; /* E, H, F, G */
    fe8_carry(&q);
    fe8 left = IFMA_PERMUTED(q, 0x8c), right = IFMA_PERMUTED(q, 0xd6); /* E, G, E, F; F, H, H, G */
    fe8_mul(p, &left, &right);                                         /* X, Y, T, Z */
}

/* Adds up an even number of addends, every other one into each of two sums. */
FB_IFMA static void ifma_sums(point out[2], const addend *addends, unsigned count)
{
    const __m512i zero = _mm512_setzero_si512();
    uint64_t lanes[5][8];
    fe8 p = {{_mm512_set_epi64(1, 0, 1, 0, 1, 0, 1, 0), zero, zero, zero, zero}};
    for (unsigned i = 0; i < count; i += 2) {
        ifma_add(&p, addends + i);
    }
    for (unsigned i = 0; i < 5; i++) {
        _mm512_storeu_si512(lanes[i], p.limb[i]);
        for (unsigned half = 0; half < 2; half++) {
            out[half].x.limb[i] = lanes[i][4 * half];
            out[half].y.limb[i] = lanes[i][4 * half + 1];
            out[half].t.limb[i] = lanes[i][4 * half + 2];
            out[half].z.limb[i] = lanes[i][4 * half + 3];
        }
    }
}

#endif
