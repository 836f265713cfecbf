/*
 * s^65537 mod n for one public key and many s: sixteen squarings and a multiplication with AVX-512 IFMA, included by
 * rsa.c alone. Given a modulus of exactly one of three sizes, and hostile numbers below it. Time and memory access
 * depend on the data: for public data only, never for a private exponent.
 *
 * A number is an array of limbs of 52 bits, least significant first, in vectors of eight. Eight limbs are a block, K is
 * 2^416, and L (40, 64, 80) are the limbs of a number; K^(L/8) is at least 2^32 n, which leaves room for what is not
 * reduced. A product is made and reduced block by block, as Montgomery's is: x/K mod n is
 *     floor(x/K) + (x mod K) fold          with fold = 1/K mod n, for all blocks but the last, and
 *     (x + (x inverse mod K) n) / K        with inverse = -1/n mod K, for the last.
 * The first form costs no multiplication before the quotient is known, which is what all else waits for; but it leaves
 * a sum of up to K n. The second brings that down to 3 n. While one block is reduced, the next is multiplied.
 */
#ifndef FB_FAST_RSA_FIELD_H
#define FB_FAST_RSA_FIELD_H

#include "arithmetic/arithmetic.h"

#include <openssl/bn.h>

enum { RSA_BLOCK = 8, RSA_LIMB_BITS = 52, RSA_MAX_VECTORS = 10, RSA_MAX_BYTES = 512 };
#define RSA_LIMB ((UINT64_C(1) << RSA_LIMB_BITS) - 1)

/* A block of zeros, the limbs from [RSA_BLOCK] on, and zeros behind: a window of eight limbs may begin anywhere. */
typedef struct rsa_number {
    _Alignas(FB__FAST_ALIGNMENT) uint64_t limbs[RSA_BLOCK + RSA_MAX_VECTORS * RSA_BLOCK + RSA_BLOCK];
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

/* ---- multiplication --------------------------------------------------------------------------- */

#if defined(__x86_64__) && !defined(FB_PORTABLE)
#include <immintrin.h>

#define RSA_IFMA __attribute__((target("avx512f,avx512ifma")))
/* Loops over vectors must be unrolled, or the columns go through memory. */
#ifdef __clang__
#define RSA_UNROLL _Pragma("clang loop unroll(full)")
#else
#define RSA_UNROLL _Pragma("GCC unroll 16")
#endif
#define RSA_INLINE RSA_IFMA __attribute__((always_inline)) static inline

static bool rsa_supported(void)
{
    return fb__cpu_has_ifma();
}

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
RSA_INLINE uint64_t rsa_normalise(__m512i *x, size_t vectors)
{
    const __m512i limb = _mm512_set1_epi64((long long)RSA_LIMB);
    __m512i below = _mm512_setzero_si512(), any = below;
    uint64_t carry = 0;
    RSA_UNROLL
    for (size_t v = 0; v < vectors; v++) {
        const __m512i above = _mm512_srli_epi64(x[v], RSA_LIMB_BITS);
        x[v] = _mm512_add_epi64(_mm512_and_si512(x[v], limb), _mm512_alignr_epi64(above, below, 7));
        any = _mm512_or_si512(any, x[v]);
        below = above;
    }
    if (__builtin_expect(_mm512_cmpgt_epu64_mask(any, limb) != 0, 0)) {
        _Alignas(FB__FAST_ALIGNMENT) uint64_t lanes[RSA_MAX_VECTORS * RSA_BLOCK];
        RSA_UNROLL
        for (size_t v = 0; v < vectors; v++) {
            _mm512_store_si512(lanes + RSA_BLOCK * v, x[v]);
        }
        carry = rsa_ripple(lanes, RSA_BLOCK * vectors);
        RSA_UNROLL
        for (size_t v = 0; v < vectors; v++) {
            x[v] = _mm512_load_si512(lanes + RSA_BLOCK * v);
        }
    }
    return carry + (uint64_t)_mm_cvtsi128_si64(_mm512_castsi512_si128(_mm512_alignr_epi64(below, below, 7)));
}

RSA_INLINE __m512i rsa_lowest_lane(uint64_t x)
{
    return _mm512_zextsi128_si512(_mm_cvtsi64_si128((long long)x));
}

/* Adds block * b to the columns in low and high; what is in high belongs one column further up. */
RSA_INLINE void rsa_add_product(__m512i *low, __m512i *high, __m512i block, const rsa_number *b, size_t vectors)
{
    _Alignas(FB__FAST_ALIGNMENT) uint64_t digits[RSA_BLOCK];
    _mm512_store_si512(digits, block);
    RSA_UNROLL
    for (size_t i = 0; i < RSA_BLOCK; i++) {
        const __m512i digit = _mm512_set1_epi64((long long)digits[i]);
        RSA_UNROLL
        for (size_t v = 0; v <= vectors; v++) {
            const __m512i window = _mm512_loadu_si512(b->limbs + RSA_BLOCK * (v + 1) - i);
            low[v] = _mm512_madd52lo_epu64(low[v], digit, window);
            high[v] = _mm512_madd52hi_epu64(high[v], digit, window);
        }
    }
}

/* block * inverse mod K. */
RSA_INLINE __m512i rsa_quotient(__m512i block, const rsa_number *inverse)
{
    _Alignas(FB__FAST_ALIGNMENT) uint64_t digits[RSA_BLOCK];
    _mm512_store_si512(digits, block);
    const uint64_t *limbs = inverse->limbs + RSA_BLOCK;
    __m512i low[2] = {_mm512_setzero_si512(), _mm512_setzero_si512()}, high[2] = {low[0], low[0]};
    RSA_UNROLL
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
RSA_INLINE __m512i rsa_take_block(__m512i *low, const __m512i *high)
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
RSA_INLINE void rsa_montgomery(rsa_number *out, const rsa_number *a, const rsa_number *b, const rsa_table *table,
                               size_t vectors)
{
    const __m512i zero = _mm512_setzero_si512();
    __m512i low[RSA_MAX_VECTORS + 1], high[RSA_MAX_VECTORS + 1], block;
    RSA_UNROLL
    for (size_t v = 0; v <= vectors; v++) {
        low[v] = high[v] = zero;
    }
    rsa_add_product(low, high, _mm512_load_si512(a->limbs + RSA_BLOCK), b, vectors);
    for (size_t i = 1; i < vectors; i++) {
        block = rsa_take_block(low, high);
        RSA_UNROLL
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
    RSA_UNROLL
    for (size_t v = vectors; v > 0; v--) {
        low[v] = _mm512_add_epi64(low[v], _mm512_alignr_epi64(high[v], high[v - 1], 7));
    }
    (void)rsa_normalise(low + 1, vectors);
    RSA_UNROLL
    for (size_t v = 1; v <= vectors; v++) {
        _mm512_store_si512(out->limbs + RSA_BLOCK * v, low[v]);
    }
}

/* One function for each size, so that the compiler keeps the columns in registers. out may be a or b. */
typedef void rsa_multiplication(rsa_number *out, const rsa_number *a, const rsa_number *b, const rsa_table *table);

RSA_IFMA static void rsa_montgomery_2048(rsa_number *out, const rsa_number *a, const rsa_number *b,
                                         const rsa_table *table)
{
    rsa_montgomery(out, a, b, table, 5);
}

RSA_IFMA static void rsa_montgomery_3072(rsa_number *out, const rsa_number *a, const rsa_number *b,
                                         const rsa_table *table)
{
    rsa_montgomery(out, a, b, table, 8);
}

RSA_IFMA static void rsa_montgomery_4096(rsa_number *out, const rsa_number *a, const rsa_number *b,
                                         const rsa_table *table)
{
    rsa_montgomery(out, a, b, table, 10);
}

static rsa_multiplication *rsa_multiplication_of(const rsa_table *table)
{
    return table->vectors == 5 ? rsa_montgomery_2048 : table->vectors == 8 ? rsa_montgomery_3072 : rsa_montgomery_4096;
}

#else

typedef void rsa_multiplication(rsa_number *out, const rsa_number *a, const rsa_number *b, const rsa_table *table);

static bool rsa_supported(void)
{
    return false;
}

static rsa_multiplication *rsa_multiplication_of(const rsa_table *table)
{
    (void)table;
    return NULL;
}

#endif

/* ---- exponentiation --------------------------------------------------------------------------- */

/* s^65537 mod n, completely reduced, for s < n that is not in out. False: this processor cannot. */
static bool rsa_power(rsa_number *out, const rsa_number *s, const rsa_table *table)
{
    rsa_multiplication *const multiply = rsa_multiplication_of(table);
    if (multiply == NULL) {
        return false;
    }
    memset(out, 0, sizeof(*out));
    multiply(out, s, &table->square, table);
    for (int i = 0; i < 16; i++) {
        multiply(out, out, out, table);
    }
    multiply(out, out, s, table); /* by s, not s K^(L/8): that takes the factor out again */
    while (!rsa_less(out, &table->modulus)) {
        rsa_subtract(out, &table->modulus);
    }
    return true;
}

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
