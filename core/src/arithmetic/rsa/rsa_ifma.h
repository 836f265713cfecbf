/*
 * s^65537 mod n for one public key and many s: sixteen squarings and a multiplication with AVX-512 IFMA. Of rsa.c, and
 * nobody else's; called where the processor has been asked. Given hostile numbers below the modulus. For public data
 * only, never for a private exponent.
 *
 * A product is made and reduced block by block, as Montgomery's is: x/K mod n is
 *     floor(x/K) + (x mod K) fold          with fold = 1/K mod n, for all blocks but the last, and
 *     (x + (x inverse mod K) n) / K        with inverse = -1/n mod K, for the last.
 * The first form costs no multiplication before the quotient is known, which is what all else waits for; but it leaves
 * a sum of up to K n. The second brings that down to 3 n. While one block is reduced, the next is multiplied.
 */
#ifndef FB_ARITHMETIC_RSA_IFMA_H
#define FB_ARITHMETIC_RSA_IFMA_H

#include "arithmetic/ifma.h"

#include "rsa_number.h"

/* Rare: a sum of two limbs reaches 2^52 once in 2^40 times, unless somebody takes the trouble. Returns the carry. */
static uint64_t rsa_ripple(uint64_t *lanes, size_t count)
{
    uint64_t carry = 0;
    for (size_t i = 0; i < count; i++) {
        carry += lanes[i];
        lanes[i] = carry & RSA_LIMB;
        carry >>= RSA_LIMB_BITS;
    }
    return carry;
}

/* Lanes of any 64 bits become limbs. Returns what is carried out of the last. */
FB_IFMA_INLINE uint64_t rsa_normalise(__m512i *x, size_t vectors)
{
    const __m512i limb = _mm512_set1_epi64((long long)RSA_LIMB);
    __m512i below = _mm512_setzero_si512(), any = below;
    uint64_t carry = 0;
    FB_UNROLLED
    for (size_t v = 0; v < vectors; v++) {
        const __m512i above = _mm512_srli_epi64(x[v], RSA_LIMB_BITS);
        x[v] = _mm512_add_epi64(_mm512_and_si512(x[v], limb), _mm512_alignr_epi64(above, below, 7));
        any = _mm512_or_si512(any, x[v]);
        below = above;
    }
    if (__builtin_expect(_mm512_cmpgt_epu64_mask(any, limb) != 0, 0)) {
        _Alignas(FB__TABLE_ALIGNMENT) uint64_t lanes[RSA_MAX_VECTORS * RSA_BLOCK];
        FB_UNROLLED
        for (size_t v = 0; v < vectors; v++) {
            _mm512_store_si512(lanes + RSA_BLOCK * v, x[v]);
        }
        carry = rsa_ripple(lanes, RSA_BLOCK * vectors);
        FB_UNROLLED
        for (size_t v = 0; v < vectors; v++) {
            x[v] = _mm512_load_si512(lanes + RSA_BLOCK * v);
        }
    }
    return carry + (uint64_t)_mm_cvtsi128_si64(_mm512_castsi512_si128(_mm512_alignr_epi64(below, below, 7)));
}

FB_IFMA_INLINE __m512i rsa_lowest_lane(uint64_t x)
{
    return _mm512_zextsi128_si512(_mm_cvtsi64_si128((long long)x));
}

/* Adds block * b to the columns in low and high; what is in high belongs one column further up. */
FB_IFMA_INLINE void rsa_add_product(__m512i *low, __m512i *high, __m512i block, const rsa_number *b, size_t vectors)
{
    _Alignas(FB__TABLE_ALIGNMENT) uint64_t digits[RSA_BLOCK];
    _mm512_store_si512(digits, block);
    FB_UNROLLED
    for (size_t i = 0; i < RSA_BLOCK; i++) {
        const __m512i digit = _mm512_set1_epi64((long long)digits[i]);
        FB_UNROLLED
        for (size_t v = 0; v <= vectors; v++) {
            const __m512i window = _mm512_loadu_si512(b->limbs + RSA_BLOCK * (v + 1) - i);
            low[v] = _mm512_madd52lo_epu64(low[v], digit, window);
            high[v] = _mm512_madd52hi_epu64(high[v], digit, window);
        }
    }
}

/* block * inverse mod K. */
FB_IFMA_INLINE __m512i rsa_quotient(__m512i block, const rsa_number *inverse)
{
    _Alignas(FB__TABLE_ALIGNMENT) uint64_t digits[RSA_BLOCK];
    _mm512_store_si512(digits, block);
    const uint64_t *limbs = inverse->limbs + RSA_BLOCK;
    __m512i low[2] = {_mm512_setzero_si512(), _mm512_setzero_si512()}, high[2] = {low[0], low[0]};
    FB_UNROLLED
    for (size_t i = 0; i < RSA_BLOCK; i++) {
        const __m512i digit = _mm512_set1_epi64((long long)digits[i]);
        low[i % 2] = _mm512_madd52lo_epu64(low[i % 2], digit, _mm512_loadu_si512(limbs - i));
        high[i % 2] = _mm512_madd52hi_epu64(high[i % 2], digit, _mm512_loadu_si512(limbs - i - 1));
    }
    __m512i sum = _mm512_add_epi64(_mm512_add_epi64(low[0], low[1]), _mm512_add_epi64(high[0], high[1]));
    (void)rsa_normalise(&sum, 1);
    return sum;
}

/* Takes the lowest block off the columns and carries into those that stay, which begin at low[1], high[1]. */
FB_IFMA_INLINE __m512i rsa_take_block(__m512i *low, const __m512i *high)
{
    const __m512i zero = _mm512_setzero_si512();
    __m512i block = _mm512_add_epi64(low[0], _mm512_alignr_epi64(high[0], zero, 7));
    const __m512i carry = rsa_lowest_lane(rsa_normalise(&block, 1));
    low[1] = _mm512_add_epi64(low[1], _mm512_add_epi64(carry, _mm512_alignr_epi64(zero, high[0], 7)));
    return block;
}

/*
 * a b / K^(L/8) mod n, below 3 n, for a and b below 3 n. The sum in low and high stays below 5 K n, in vectors + 1
 * vectors: floor(x/K) < 5 n, a's block times b < 3 K n, (x mod K) fold < K n. At the last block, where a has less than
 * 3 K / 2^32, it is below (1 + 2^-28) K n; adding less than K n and dividing by K leaves less than 3 n. A column gets
 * at most sixteen products of 52 bits in low and in high, in each of at most eleven blocks: less than 2^61.
 */
FB_IFMA_INLINE void rsa_montgomery(rsa_number *out, const rsa_number *a, const rsa_number *b, const rsa_table *table,
                                   size_t vectors)
{
    const __m512i zero = _mm512_setzero_si512();
    __m512i low[RSA_MAX_VECTORS + 1], high[RSA_MAX_VECTORS + 1], block;
    FB_UNROLLED
    for (size_t v = 0; v <= vectors; v++) {
        low[v] = high[v] = zero;
    }
    rsa_add_product(low, high, _mm512_load_si512(a->limbs + RSA_BLOCK), b, vectors);
    for (size_t i = 1; i < vectors; i++) {
        block = rsa_take_block(low, high);
        FB_UNROLLED
        for (size_t v = 0; v < vectors; v++) {
            low[v] = low[v + 1];
            high[v] = high[v + 1];
        }
        low[vectors] = high[vectors] = zero;
        rsa_add_product(low, high, _mm512_load_si512(a->limbs + RSA_BLOCK * (i + 1)), b, vectors);
        rsa_add_product(low, high, block, &table->fold, vectors);
    }
    low[0] = block = rsa_take_block(low, high);
    high[0] = zero;
    rsa_add_product(low, high, rsa_quotient(block, &table->inverse), &table->modulus, vectors);
    /* The lowest eight columns, each below 2^57, now sum to a multiple q of K. Those under the last carry less than
     * 2^12 into it, so that it is q 2^52 less that. */
    block = _mm512_add_epi64(low[0], _mm512_alignr_epi64(high[0], zero, 7));
    block = _mm512_srli_epi64(_mm512_add_epi64(block, _mm512_set1_epi64(1 << 12)), RSA_LIMB_BITS);
    low[1] = _mm512_add_epi64(low[1], _mm512_alignr_epi64(zero, block, 7));
    FB_UNROLLED
    for (size_t v = vectors; v > 0; v--) {
        low[v] = _mm512_add_epi64(low[v], _mm512_alignr_epi64(high[v], high[v - 1], 7));
    }
    (void)rsa_normalise(low + 1, vectors);
    FB_UNROLLED
    for (size_t v = 1; v <= vectors; v++) {
        _mm512_store_si512(out->limbs + RSA_BLOCK * v, low[v]);
    }
}

/* One function for each size, so that the compiler keeps the columns in registers. out may be a or b. */
typedef void rsa_multiplication(rsa_number *out, const rsa_number *a, const rsa_number *b, const rsa_table *table);

FB_IFMA static void rsa_montgomery_2048(rsa_number *out, const rsa_number *a, const rsa_number *b,
                                        const rsa_table *table)
{
    rsa_montgomery(out, a, b, table, 5);
}

FB_IFMA static void rsa_montgomery_3072(rsa_number *out, const rsa_number *a, const rsa_number *b,
                                        const rsa_table *table)
{
    rsa_montgomery(out, a, b, table, 8);
}

FB_IFMA static void rsa_montgomery_4096(rsa_number *out, const rsa_number *a, const rsa_number *b,
                                        const rsa_table *table)
{
    rsa_montgomery(out, a, b, table, 10);
}

static rsa_multiplication *rsa_multiplication_of(const rsa_table *table)
{
    return table->vectors == 5 ? rsa_montgomery_2048 : table->vectors == 8 ? rsa_montgomery_3072 : rsa_montgomery_4096;
}

/* s^65537 mod n, completely reduced, for s < n that is not in out. */
static void rsa_power(rsa_number *out, const rsa_number *s, const rsa_table *table)
{
    rsa_multiplication *const multiply = rsa_multiplication_of(table);
    memset(out, 0, sizeof(*out));
    multiply(out, s, &table->square, table);
    for (int i = 0; i < 16; i++) {
        multiply(out, out, out, table);
    }
    multiply(out, out, s, table); /* by s, not s K^(L/8): that takes the factor out again */
    while (!rsa_less(out, &table->modulus)) {
        rsa_subtract(out, &table->modulus);
    }
}

#endif
