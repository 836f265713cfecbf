/*
 * base64url without padding (RFC 4648 section 5, RFC 7515 section 2). Given any bytes. Never accepts another alphabet,
 * padding, white space, a length that no bytes have, or trailing bits that are not zero: otherwise one signature would
 * have many spellings.
 */
#include "encoding/base64url.h"

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

bool fb__base64url_valid(const char *text, size_t size)
{
    const unsigned char *bytes = (const unsigned char *)text;
    const size_t tail = size % 4;
    bool known;
    size_t done = fb__base64url_known_prefix(text, size, &known);
    uint32_t seen = known ? 0 : BAD;
    for (; done < size - tail; done += 4) {
        seen |= group(bytes + done);
    }
    for (; done < size; done++) {
        seen |= tables[3][bytes[done]];
    }
    return tail != 1 && (seen & BAD) == 0 &&
           (tail == 0 || (tables[3][bytes[size - 1]] & (tail == 2 ? 0x0fU : 0x03U)) == 0);
}

bool fb__base64url_decode(const char *text, size_t size, unsigned char *out)
{
    const unsigned char *bytes = (const unsigned char *)text;
    const size_t tail = size % 4;
    bool valid;
    size_t done = fb__base64url_decode_prefix(text, size, out, &valid);
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
