/* base64url by AVX2, 32 characters at a time. What is left over is base64url.c's, which does all of it elsewhere. */
#include "encoding/base64url.h"

#if defined(__x86_64__) && !defined(FB_PORTABLE)
#include <immintrin.h>

#define FB_AVX2 __attribute__((target("avx2")))

enum {
    STEP = 32,
    SPARE = 12 /* characters; what a step writes beyond its own 24 bytes, those that follow overwrite */
};

/* The same sixteen bytes in both halves, which is where a shuffle looks them up. */
#define BOTH(...) _mm256_setr_epi8(__VA_ARGS__, __VA_ARGS__)

/*
 * The 6-bit values of 32 characters. A character is known by its halves: the upper one says what range it would be in
 * (a bit each), the lower one in which ranges it is. *unknown gets bits where they do not meet. Bytes above 0x7f have
 * an upper half of no range.
 */
FB_AVX2 static inline __m256i values_of(__m256i text, __m256i *unknown)
{
    enum { MINUS = 1, DIGIT = 2, FIRST = 4 /* A-O, a-o */, UPPER = 8 /* P-Z and _ */, LOWER = 16 /* p-z */ };
    enum { ALL = DIGIT | FIRST | UPPER | LOWER, TEN = FIRST | UPPER | LOWER };
    const __m256i half = _mm256_set1_epi8(0x0f);
    const __m256i upper = _mm256_and_si256(_mm256_srli_epi16(text, 4), half), lower = _mm256_and_si256(text, half);
    const __m256i range =
        _mm256_shuffle_epi8(BOTH(0, 0, MINUS, DIGIT, FIRST, UPPER, FIRST, LOWER, 0, 0, 0, 0, 0, 0, 0, 0), upper);
    const __m256i ranges = _mm256_shuffle_epi8(BOTH(DIGIT | UPPER | LOWER, ALL, ALL, ALL, ALL, ALL, ALL, ALL, ALL, ALL,
                                                    TEN, FIRST, FIRST, FIRST | MINUS, FIRST, FIRST | UPPER),
                                               lower);
    const __m256i add = _mm256_shuffle_epi8(
        BOTH(0, 0, 62 - '-', 52 - '0', -'A', -'A', 26 - 'a', 26 - 'a', 0, 0, 0, 0, 0, 0, 0, 0), upper);
    /* Of the range that begins with P, the underscore alone does not follow its neighbours. */
    const __m256i under =
        _mm256_and_si256(_mm256_cmpeq_epi8(text, _mm256_set1_epi8('_')), _mm256_set1_epi8(63 - ('_' - 'A')));
    *unknown = _mm256_or_si256(*unknown, _mm256_cmpeq_epi8(_mm256_and_si256(range, ranges), _mm256_setzero_si256()));
    return _mm256_add_epi8(_mm256_add_epi8(text, add), under);
}

FB_AVX2 static size_t known_prefix(const char *text, size_t size, bool *known)
{
    __m256i unknown = _mm256_setzero_si256();
    size_t done = 0;
    for (; size - done >= STEP; done += STEP) {
        (void)values_of(_mm256_loadu_si256((const __m256i *)(const void *)(text + done)), &unknown);
    }
    *known = _mm256_testz_si256(unknown, unknown) != 0;
    return done;
}

FB_AVX2 static size_t decode_prefix(const char *text, size_t size, unsigned char *out, bool *known)
{
    const __m256i big_endian = BOTH(2, 1, 0, 6, 5, 4, 10, 9, 8, 14, 13, 12, -1, -1, -1, -1);
    const __m256i together = _mm256_setr_epi32(0, 1, 2, 4, 5, 6, 3, 7);
    __m256i unknown = _mm256_setzero_si256();
    size_t done = 0;
    for (; size - done >= STEP + SPARE; done += STEP, out += STEP / 4 * 3) {
        const __m256i values = values_of(_mm256_loadu_si256((const __m256i *)(const void *)(text + done)), &unknown);
        /* Four values of 6 bits, a byte each, to two of 12 and to one of 24. */
        const __m256i pairs = _mm256_maddubs_epi16(values, _mm256_set1_epi32(0x01400140));
        const __m256i groups = _mm256_madd_epi16(pairs, _mm256_set1_epi32(0x00011000));
        const __m256i bytes = _mm256_shuffle_epi8(groups, big_endian);
        _mm256_storeu_si256((__m256i *)(void *)out, _mm256_permutevar8x32_epi32(bytes, together));
    }
    *known = _mm256_testz_si256(unknown, unknown) != 0;
    return done;
}

size_t fb__base64url_known_prefix(const char *text, size_t size, bool *known)
{
    *known = true;
    return size >= STEP && fb__cpu_has_avx2() ? known_prefix(text, size, known) : 0;
}

size_t fb__base64url_decode_prefix(const char *text, size_t size, unsigned char *out, bool *known)
{
    *known = true;
    return size >= STEP + SPARE && fb__cpu_has_avx2() ? decode_prefix(text, size, out, known) : 0;
}
#else
size_t fb__base64url_known_prefix(const char *text, size_t size, bool *known)
{
    (void)text;
    (void)size;
    *known = true;
    return 0;
}

size_t fb__base64url_decode_prefix(const char *text, size_t size, unsigned char *out, bool *known)
{
    (void)out;
    return fb__base64url_known_prefix(text, size, known);
}
#endif
