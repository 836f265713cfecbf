/*
 * base64url without padding (RFC 4648 section 5, RFC 7515 section 2). Given any bytes. Never accepts another alphabet,
 * padding, white space, a length that no bytes have, or trailing bits that are not zero: otherwise one signature would
 * have many spellings.
 */
#include "encoding/encoding.h"

#if defined(__SSE2__) && !defined(FB_PORTABLE)
#include <emmintrin.h>
#endif

#define BAD 0xff000000U

/* The value of a character, or BAD; as a constant expression, so that the tables need no start-up code. */
#define VALUE(c)                                             \
    ((c) >= 'A' && (c) <= 'Z'   ? (uint32_t)((c) - 'A')      \
     : (c) >= 'a' && (c) <= 'z' ? (uint32_t)((c) - 'a' + 26) \
     : (c) >= '0' && (c) <= '9' ? (uint32_t)((c) - '0' + 52) \
     : (c) == '-'               ? 62U                        \
     : (c) == '_'               ? 63U                        \
                                : BAD)
#define SHIFTED(c, shift) (VALUE(c) == BAD ? BAD : VALUE(c) << (shift))
#define ROW4(c, s) SHIFTED(c, s), SHIFTED((c) + 1, s), SHIFTED((c) + 2, s), SHIFTED((c) + 3, s)
#define ROW16(c, s) ROW4(c, s), ROW4((c) + 4, s), ROW4((c) + 8, s), ROW4((c) + 12, s)
#define ROW64(c, s) ROW16(c, s), ROW16((c) + 16, s), ROW16((c) + 32, s), ROW16((c) + 48, s)
#define TABLE(s) {ROW64(0, s), ROW64(64, s), ROW64(128, s), ROW64(192, s)}

/* One table per place in a group of four, so that a group is three ORs and one test. */
static const uint32_t tables[4][256] = {TABLE(18), TABLE(12), TABLE(6), TABLE(0)};
static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static inline uint32_t group(const unsigned char *text)
{
    return tables[0][text[0]] | tables[1][text[1]] | tables[2][text[2]] | tables[3][text[3]];
}

#if defined(__SSE2__) && !defined(FB_PORTABLE)
/* Bytes above 0x7f are negative in signed comparisons, and so below every range. */
static inline __m128i between(__m128i bytes, char low, char high)
{
    return _mm_and_si128(_mm_cmpgt_epi8(bytes, _mm_set1_epi8((char)(low - 1))),
                         _mm_cmplt_epi8(bytes, _mm_set1_epi8((char)(high + 1))));
}

static size_t alphabet_prefix(const char *text, size_t size)
{
    size_t done = 0;
    for (; done + 16 <= size; done += 16) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)(text + done));
        __m128i letters = between(_mm_or_si128(bytes, _mm_set1_epi8(0x20)), 'a', 'z');
        __m128i others =
            _mm_or_si128(between(bytes, '0', '9'), _mm_or_si128(_mm_cmpeq_epi8(bytes, _mm_set1_epi8('-')),
                                                                _mm_cmpeq_epi8(bytes, _mm_set1_epi8('_'))));
        if (_mm_movemask_epi8(_mm_or_si128(letters, others)) != 0xffff) {
            break;
        }
    }
    return done;
}
#else
static size_t alphabet_prefix(const char *text, size_t size)
{
    (void)text;
    (void)size;
    return 0;
}
#endif

bool fb__base64url_valid(const char *text, size_t size)
{
    const unsigned char *bytes = (const unsigned char *)text;
    size_t tail = size % 4;
    if (tail == 1) {
        return false;
    }
    for (size_t i = alphabet_prefix(text, size); i < size; i++) {
        if (tables[3][bytes[i]] == BAD) {
            return false;
        }
    }
    return tail == 0 || (tables[3][bytes[size - 1]] & (tail == 2 ? 0x0fU : 0x03U)) == 0;
}

#if defined(__SSE2__) && !defined(FB_PORTABLE)
/* The 6-bit values of 16 characters; *bad gets bits where there is none. */
static inline __m128i values_of(__m128i bytes, __m128i *bad)
{
    __m128i upper = between(bytes, 'A', 'Z'), lower = between(bytes, 'a', 'z'), digit = between(bytes, '0', '9');
    __m128i minus = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('-')), under = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('_'));
    __m128i letters =
        _mm_or_si128(_mm_and_si128(upper, _mm_set1_epi8(-'A')), _mm_and_si128(lower, _mm_set1_epi8(26 - 'a')));
    __m128i others =
        _mm_or_si128(_mm_and_si128(minus, _mm_set1_epi8(62 - '-')), _mm_and_si128(under, _mm_set1_epi8(63 - '_')));
    __m128i known = _mm_or_si128(_mm_or_si128(upper, lower), _mm_or_si128(digit, _mm_or_si128(minus, under)));
    *bad = _mm_or_si128(*bad, _mm_andnot_si128(known, _mm_set1_epi8(-1)));
    return _mm_add_epi8(bytes,
                        _mm_or_si128(letters, _mm_or_si128(others, _mm_and_si128(digit, _mm_set1_epi8(52 - '0')))));
}

/*
 * Sixteen characters at a time while enough are left: a group is written as four bytes, the fourth of which the next
 * group overwrites. Returns how many characters were read; false in *valid if one was none.
 */
static size_t decode_prefix(const char *text, size_t size, unsigned char *out, bool *valid)
{
    __m128i bad = _mm_setzero_si128();
    size_t done = 0;
    for (; size - done >= 20; done += 16) {
        __m128i values = values_of(_mm_loadu_si128((const __m128i *)(const void *)(text + done)), &bad);
        /* In each 32-bit lane: a b c d (6 bits in a byte each) to a<<6|b, c<<6|d, then to one number of 24 bits. */
        __m128i low = _mm_and_si128(values, _mm_set1_epi16(0x00ff));
        __m128i pairs = _mm_or_si128(_mm_slli_epi16(low, 6), _mm_srli_epi16(values, 8));
        __m128i groups = _mm_madd_epi16(pairs, _mm_set1_epi32(0x00011000));
        uint32_t lanes[4];
        _mm_storeu_si128((__m128i *)(void *)lanes, _mm_slli_epi32(groups, 8));
        for (size_t lane = 0; lane < 4; lane++, out += 3) {
            uint32_t big_endian = __builtin_bswap32(lanes[lane]);
            memcpy(out, &big_endian, sizeof(big_endian));
        }
    }
    *valid = _mm_movemask_epi8(bad) == 0;
    return done;
}
#else
static size_t decode_prefix(const char *text, size_t size, unsigned char *out, bool *valid)
{
    (void)text;
    (void)size;
    (void)out;
    *valid = true;
    return 0;
}
#endif

bool fb__base64url_decode(const char *text, size_t size, unsigned char *out)
{
    const unsigned char *bytes = (const unsigned char *)text;
    const size_t tail = size % 4;
    bool valid;
    size_t done = decode_prefix(text, size, out, &valid);
    uint32_t seen = valid ? 0 : BAD;
    out += done / 4 * 3;
    for (; done < size - tail; done += 4) {
        uint32_t value = group(bytes + done);
        seen |= value;
        out[0] = (unsigned char)(value >> 16);
        out[1] = (unsigned char)(value >> 8);
        out[2] = (unsigned char)value;
        out += 3;
    }
    if (tail == 1) {
        return false;
    }
    if (tail != 0) {
        uint32_t value =
            tables[0][bytes[done]] | tables[1][bytes[done + 1]] | (tail == 3 ? tables[2][bytes[done + 2]] : 0);
        seen |= value;
        out[0] = (unsigned char)(value >> 16);
        if (tail == 3) {
            out[1] = (unsigned char)(value >> 8);
        }
        if ((value & (tail == 2 ? 0xffffU : 0xffU)) != 0) {
            return false;
        }
    }
    return (seen & BAD) == 0;
}

size_t fb__base64url_encode(const void *data, size_t size, char *out)
{
    const unsigned char *bytes = data;
    const char *start = out;
    for (; size >= 3; size -= 3, bytes += 3, out += 4) {
        uint32_t value = (uint32_t)bytes[0] << 16 | (uint32_t)bytes[1] << 8 | bytes[2];
        out[0] = alphabet[value >> 18];
        out[1] = alphabet[value >> 12 & 63];
        out[2] = alphabet[value >> 6 & 63];
        out[3] = alphabet[value & 63];
    }
    if (size > 0) {
        uint32_t value = (uint32_t)bytes[0] << 16 | (size == 2 ? (uint32_t)bytes[1] << 8 : 0);
        *out++ = alphabet[value >> 18];
        *out++ = alphabet[value >> 12 & 63];
        if (size == 2) {
            *out++ = alphabet[value >> 6 & 63];
        }
    }
    return (size_t)(out - start);
}
