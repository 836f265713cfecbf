/*
 * The keyed hash: SipHash with 1 and 3 rounds, 128 bits, key 00 01 .. 0f, of texts 00 01 02 ... The numbers are those
 * of another implementation, which gives the published ones for SipHash-2-4. That of long text has no published
 * numbers: it is what the sums of NH, written down plainly here, are by SipHash.
 */
#include "base/base.h"
#include "test.h"

TEST(known_answers)
{
    static const struct {
        size_t size;
        uint64_t hash[2];
    } answers[] = {
        {0, {0xbea58827b2bc7ee7, 0x013030dd6adb62fd}},  {1, {0xa8edd36004376ffc, 0x63f02f2bcc73055e}},
        {7, {0xc3e0aaf223b98410, 0x77ab4808c82e2fa6}},  {8, {0xb4dae3d5e1fe12aa, 0x99c7f935ab164f72}},
        {15, {0x6c52bdb205557ec1, 0x09017e1eeccd2129}}, {16, {0xeb8e511557d9a8d0, 0x93179e3df8b013b5}},
    };
    static const uint64_t seed[2] = {0x0706050403020100, 0x0f0e0d0c0b0a0908};
    char text[16];
    for (size_t i = 0; i < sizeof(text); i++) {
        text[i] = (char)i;
    }
    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        uint64_t hash[2];
        fb__siphash(seed, text, answers[i].size, hash);
        CHECK(hash[0] == answers[i].hash[0] && hash[1] == answers[i].hash[1]);
    }
}

static fb__long_seed long_seed;
static char long_text[1024];

static void make_long(void)
{
    uint64_t state = 1;
    for (size_t i = 0; i < sizeof(long_seed) / 8; i++) {
        state = state * 6364136223846793005U + 1442695040888963407U;
        memcpy((char *)&long_seed + 8 * i, &state, 8);
    }
    for (size_t i = 0; i < sizeof(long_text); i++) {
        state = state * 6364136223846793005U + 1442695040888963407U;
        long_text[i] = (char)(state >> 56);
    }
}

/* RFC 4418 section 5.2.3, with words of 64 bits: halves of 32 in place of the type that the library multiplies with. */
static void add_product(uint64_t sum[2], uint64_t a, uint64_t b)
{
    const uint64_t low = (a & UINT32_MAX) * (b & UINT32_MAX), left = (a >> 32) * (b & UINT32_MAX),
                   right = (a & UINT32_MAX) * (b >> 32),
                   middle = (low >> 32) + (left & UINT32_MAX) + (right & UINT32_MAX),
                   product = middle << 32 | (low & UINT32_MAX);
    sum[0] += product;
    sum[1] += (a >> 32) * (b >> 32) + (left >> 32) + (right >> 32) + (middle >> 32) + (sum[0] < product);
}

static void plain_long_hash(size_t size, uint64_t out[2])
{
    uint64_t words[2 * sizeof(long_text) / 256 + 1] = {0}, text[sizeof(long_text) / 8] = {0};
    size_t count = 0;
    memcpy(text, long_text, size);
    for (size_t block = 0; block < size; block += 256, count += 2) {
        for (size_t i = block / 8; i < block / 8 + 32 && 8 * i < size; i += 2) {
            add_product(words + count, text[i] + long_seed.words[i % 32], text[i + 1] + long_seed.words[i % 32 + 1]);
        }
    }
    words[count] = size;
    fb__siphash(long_seed.sip, (const char *)words, 8 * count + 7, out);
}

TEST(long_texts)
{
    make_long();
    uint64_t seen[sizeof(long_text) + 1][2];
    for (size_t size = 0; size <= sizeof(long_text); size++) {
        uint64_t plain[2];
        fb__long_hash(&long_seed, long_text, size, seen[size]);
        plain_long_hash(size, plain);
        CHECK(memcmp(seen[size], plain, 16) == 0);
        for (size_t i = 0; i < size; i++) {
            CHECK(seen[i][0] != seen[size][0] && seen[i][1] != seen[size][1]);
        }
    }
}

TEST(every_bit_of_long_text_counts)
{
    uint64_t before[2], after[2];
    make_long();
    fb__long_hash(&long_seed, long_text, 777, before);
    for (size_t bit = 0; bit < 8 * 777; bit++) {
        long_text[bit / 8] = (char)(long_text[bit / 8] ^ 1 << bit % 8);
        fb__long_hash(&long_seed, long_text, 777, after);
        CHECK(before[0] != after[0] && before[1] != after[1]);
        long_text[bit / 8] = (char)(long_text[bit / 8] ^ 1 << bit % 8);
    }
    long_text[777] = (char)~long_text[777];
    fb__long_hash(&long_seed, long_text, 777, after);
    CHECK(memcmp(before, after, 16) == 0);
}

int main(void)
{
    RUN(known_answers);
    RUN(long_texts);
    RUN(every_bit_of_long_text_counts);
    return TEST_RESULT();
}
