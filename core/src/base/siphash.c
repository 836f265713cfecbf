/*
 * SipHash-1-3 with 128 bits of output, for hash tables of what strangers send: keyed, so that nobody can aim at a
 * bucket. Not a signature; equality is decided by comparison.
 */
#include "base/base.h"

static inline uint64_t rotate(uint64_t value, unsigned bits)
{
    return value << bits | value >> (64 - bits);
}

static inline void sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[2] += v[3];
    v[1] = rotate(v[1], 13) ^ v[0];
    v[3] = rotate(v[3], 16) ^ v[2];
    v[0] = rotate(v[0], 32);
    v[2] += v[1];
    v[0] += v[3];
    v[1] = rotate(v[1], 17) ^ v[2];
    v[3] = rotate(v[3], 21) ^ v[0];
    v[2] = rotate(v[2], 32);
}

void fb__siphash(const uint64_t seed[2], const char *data, size_t size, uint64_t out[2])
{
    uint64_t v[4] = {seed[0] ^ 0x736f6d6570736575U, seed[1] ^ 0x646f72616e646f83U, seed[0] ^ 0x6c7967656e657261U,
                     seed[1] ^ 0x7465646279746573U};
    uint64_t word;
    size_t done = 0;
    for (; done + sizeof(word) <= size; done += sizeof(word)) {
        memcpy(&word, data + done, sizeof(word));
        v[3] ^= word;
        sip_round(v);
        v[0] ^= word;
    }
    word = (uint64_t)size << 56;
    for (size_t i = 0; i < size - done; i++) {
        word |= (uint64_t)(unsigned char)data[done + i] << (8 * i);
    }
    v[3] ^= word;
    sip_round(v);
    v[0] ^= word;
    v[2] ^= 0xee;
    for (int half = 0; half < 2; half++) {
        for (int i = 0; i < 3; i++) {
            sip_round(v);
        }
        out[half] = v[0] ^ v[1] ^ v[2] ^ v[3];
        v[1] ^= 0xdd;
    }
}
