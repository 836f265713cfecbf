/*
 * The one function that libcurl wants of the compiler's runtime library on arm64 (its printf knows long double, which
 * nobody hands it). That of zig brings a stack canary with it, a constant, which would be used in place of the C
 * library's random one. Rounds towards zero.
 */
#include <stdint.h>
#include <string.h>

double __trunctfdf2(long double given);

double __trunctfdf2(long double given)
{
    uint64_t half[2];
    memcpy(half, &given, sizeof(half));
    const uint64_t sign = half[1] & 1ULL << 63, fraction = (half[1] & 0xffffffffffffULL) << 4 | half[0] >> 60;
    const int64_t exponent = (int64_t)(half[1] >> 48 & 0x7fff) - 16383 + 1023;
    uint64_t bits = sign | (uint64_t)exponent << 52 | fraction;
    if (exponent >= 2047) {
        bits = sign | 2047ULL << 52 | (exponent > 2047 && fraction != 0 ? 1ULL << 51 : 0);
    } else if (exponent <= 0) {
        bits = sign;
    }
    double out;
    memcpy(&out, &bits, sizeof(out));
    return out;
}
