/*
 * SipHash-1-3 with 128 bits of output, for hash tables of what strangers send: keyed, so that nobody can aim at a
 * bucket. Not a signature; equality is decided by comparison. Long text is first made shorter by NH (RFC 4418 section
 * 5.2, here of words of 64 bits), whose sums of two texts of one length are equal for one key in 2^64 at most.
 */
#include "base/base.h"

__extension__ typedef unsigned __int128 uint128;

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

static inline void sip_begin(uint64_t v[4], const uint64_t seed[2])
{
    v[0] = seed[0] ^ 0x736f6d6570736575U;
    v[1] = seed[1] ^ 0x646f72616e646f83U;
    v[2] = seed[0] ^ 0x6c7967656e657261U;
    v[3] = seed[1] ^ 0x7465646279746573U;
}

static inline void sip_word(uint64_t v[4], uint64_t word)
{
    v[3] ^= word;
    sip_round(v);
    v[0] ^= word;
}

static inline void sip_end(uint64_t v[4], uint64_t out[2])
{
    v[2] ^= 0xee;
    for (int half = 0; half < 2; half++) {
        for (int i = 0; i < 3; i++) {
            sip_round(v);
        }
        out[half] = v[0] ^ v[1] ^ v[2] ^ v[3];
        v[1] ^= 0xdd;
    }
}

void fb__siphash(const uint64_t seed[2], const char *data, size_t size, uint64_t out[2])
{
    uint64_t v[4], word;
    size_t done = 0;
    sip_begin(v, seed);
    for (; done + sizeof(word) <= size; done += sizeof(word)) {
        memcpy(&word, data + done, sizeof(word));
        sip_word(v, word);
    }
    word = (uint64_t)size << 56;
    for (size_t i = 0; i < size - done; i++) {
        word |= (uint64_t)(unsigned char)data[done + i] << (8 * i);
    }
    sip_word(v, word);
    sip_end(v, out);
}

static inline uint128 product(const char *text, const uint64_t *key)
{
    uint64_t words[2];
    memcpy(words, text, sizeof(words));
    return (uint128)(words[0] + key[0]) * (words[1] + key[1]);
}

/* At most as many bytes as the key has. */
static uint128 nh(const uint64_t *key, const char *text, size_t size)
{
    uint128 sum = 0;
    for (; size >= 64; size -= 64, text += 64, key += 8) {
        sum += product(text, key);
        sum += product(text + 16, key + 2);
        sum += product(text + 32, key + 4);
        sum += product(text + 48, key + 6);
    }
    for (; size >= 16; size -= 16, text += 16, key += 2) {
        sum += product(text, key);
    }
    if (size > 0) {
        char padded[16] = {0};
        memcpy(padded, text, size);
        sum += product(padded, key);
    }
    return sum;
}

void fb__long_hash(const fb__long_seed *seed, const char *data, size_t size, uint64_t out[2])
{
    uint64_t v[4], hashed = 7;
    sip_begin(v, seed->sip);
    for (size_t done = 0, block; done < size; done += block, hashed += 16) {
        block = size - done < sizeof(seed->words) ? size - done : sizeof(seed->words);
        const uint128 sum = nh(seed->words, data + done, block);
        sip_word(v, (uint64_t)sum);
        sip_word(v, (uint64_t)(sum >> 64));
    }
    /* The last seven bytes are the size, which tells padding from text. */
    sip_word(v, size | hashed << 56);
    sip_end(v, out);
}
