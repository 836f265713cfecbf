/*
 * Ed25519 verification (RFC 8032 section 5.1.7) for keys that verify often: S * B - h * A from tables of multiples of B
 * and of -A, additions only, then encoded and compared with the signature's R byte for byte. Given hostile signatures
 * by keys that OpenSSL has taken. Must give OpenSSL's verdict: S below the order, no cofactor, encodings of A that are
 * not canonical read modulo p and hashed as they came, those of R refused.
 *
 * Variable time throughout, as nothing here is secret; must never be used for anything that is.
 */
#include "arithmetic/arithmetic.h"

#ifdef __SIZEOF_INT128__

#include "ed25519_point.h"
#include "ed25519_scalar.h"

#include <openssl/crypto.h>

#if defined(__x86_64__) && !defined(FB_PORTABLE)
#define FB_ED25519_IFMA
#include "ed25519_ifma.h"

static const entry neutral = {{{1, 1, 0}, {0}, {0}, {0}}};
static bool use_ifma; /* prepare sets it */
#endif

/*
 * Bits of a window. The table of B is there once. For a key, 8 bits would make a verification a tenth faster (a
 * twentieth with vectors) and the table three times as large and twice as slow to build.
 */
enum { BASE_WIDTH = 8, KEY_WIDTH = 6, MOST_MULTIPLES = 1 << (BASE_WIDTH - 1) };

/* Each window holds 1 to 2^(width - 1) times 2^(width * index) times the point. */
typedef struct base_table {
    entry windows[SCALAR_DIGITS(BASE_WIDTH)][1 << (BASE_WIDTH - 1)];
} base_table;

typedef struct key_table {
    unsigned char public_key[32]; /* as it came: that is what is hashed */
    entry windows[SCALAR_DIGITS(KEY_WIDTH)][1 << (KEY_WIDTH - 1)];
} key_table;

static _Alignas(FB__FAST_ALIGNMENT) base_table base;

static const unsigned char base_encoded[32] = {0x58, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66,
                                               0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66,
                                               0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66};

/* ---- tables --------------------------------------------------------------------------------- */

/*
 * One window: 1 to count times the point x, y, which becomes 2 * count times itself for the next window. One inversion
 * serves all (Montgomery's trick): behind[i] is the product of the Z before i.
 */
static void build_window(entry *out, unsigned count, fe *x, fe *y)
{
    point multiples[MOST_MULTIPLES + 1];
    fe behind[MOST_MULTIPLES + 1], inverse, one;
    entry first;
    const addend step = {&first, false};
    entry_fill(&first, x, y);
    point_zero(&multiples[0]);
    point_add(&multiples[0], &step);
    for (unsigned i = 1; i < count; i++) {
        multiples[i] = multiples[i - 1];
        point_add(&multiples[i], &step);
    }
    point_double(&multiples[count], &multiples[count - 1]);
    behind[0] = fe_one;
    for (unsigned i = 0; i < count; i++) {
        fe_mul(&behind[i + 1], &behind[i], &multiples[i].z);
    }
    fe_mul(&inverse, &behind[count], &multiples[count].z);
    fe_invert(&inverse, &inverse);
    for (unsigned i = count + 1; i-- > 0;) {
        fe_mul(&one, &inverse, &behind[i]);
        fe_mul(&inverse, &inverse, &multiples[i].z);
        fe_mul(&multiples[i].x, &multiples[i].x, &one);
        fe_mul(&multiples[i].y, &multiples[i].y, &one);
        if (i < count) {
            entry_fill(&out[i], &multiples[i].x, &multiples[i].y);
        }
    }
    *x = multiples[count].x;
    *y = multiples[count].y;
}

static void build_base(void)
{
    fe x, y;
    (void)point_decode(&x, &y, base_encoded);
    for (unsigned i = 0; i < SCALAR_DIGITS(BASE_WIDTH); i++) {
        build_window(base.windows[i], 1 << (BASE_WIDTH - 1), &x, &y);
    }
}

static bool build_key(key_table *table, const unsigned char public_key[32])
{
    fe x, y;
    if (!point_decode(&x, &y, public_key)) {
        return false;
    }
    fe_sub(&x, &fe_zero, &x);
    fe_canonical(&x, &x);
    memcpy(table->public_key, public_key, 32);
    for (unsigned i = 0; i < SCALAR_DIGITS(KEY_WIDTH); i++) {
        build_window(table->windows[i], 1 << (KEY_WIDTH - 1), &x, &y);
    }
    return true;
}

/* ---- verification --------------------------------------------------------------------------- */

/* SHA-512 of R, A and the message, modulo L. */
static bool challenge(uint64_t out[4], const key_table *table, const fb__fast_input *input)
{
    unsigned char both[64], hash[64];
    memcpy(both, input->signature, 32);
    memcpy(both + 32, table->public_key, 32);
    if (EVP_DigestInit_ex2(input->digest, input->md, NULL) != 1 ||
        EVP_DigestUpdate(input->digest, both, sizeof(both)) != 1 ||
        EVP_DigestUpdate(input->digest, input->message, input->message_size) != 1 ||
        EVP_DigestFinal_ex(input->digest, hash, NULL) != 1) {
        return false;
    }
    scalar_reduce(out, hash);
    return true;
}

/* One for each digit that is not zero; returns how many. The tables are not in the nearest cache, hence the prefetch.
 */
static unsigned collect(addend *out, const int16_t *digits, unsigned count, const entry *windows, unsigned width)
{
    unsigned used = 0;
    for (unsigned i = 0; i < count; i++) {
        int digit = digits[i];
        if (digit != 0) {
            const entry *found = windows + ((size_t)i << (width - 1)) + (digit < 0 ? -digit : digit) - 1;
            __builtin_prefetch(found);
            __builtin_prefetch((const char *)(found + 1) - 1);
            out[used++] = (addend){found, digit < 0};
        }
    }
    return used;
}

/* s times B and h times what the table is of, added up. */
static void multiply(point *out, const uint64_t s[4], const key_table *table, const uint64_t h[4])
{
    int16_t s_digits[SCALAR_DIGITS(BASE_WIDTH)], h_digits[SCALAR_DIGITS(KEY_WIDTH)];
    addend addends[SCALAR_DIGITS(BASE_WIDTH) + SCALAR_DIGITS(KEY_WIDTH) + 1];
    scalar_digits(s_digits, s, BASE_WIDTH);
    scalar_digits(h_digits, h, KEY_WIDTH);
    unsigned count = collect(addends, s_digits, SCALAR_DIGITS(BASE_WIDTH), base.windows[0], BASE_WIDTH);
    count += collect(addends + count, h_digits, SCALAR_DIGITS(KEY_WIDTH), table->windows[0], KEY_WIDTH);
#ifdef FB_ED25519_IFMA
    if (use_ifma) {
        point sums[2];
        addends[count] = (addend){&neutral, false};
        ifma_sums(sums, addends, (count + 1) & ~1U);
        point_join(&sums[0], &sums[1]);
        *out = sums[0];
        return;
    }
#endif
    point_zero(out);
    for (unsigned i = 0; i < count; i++) {
        point_add(out, &addends[i]);
    }
}

static fb__fast_verdict verify(const void *table, const fb__fast_input *input)
{
    uint64_t s[4], h[4];
    unsigned char encoded[32];
    point r;
    words_load(s, input->signature + 32);
    if (!scalar_below_order(s)) {
        return FB__FAST_INVALID;
    }
    if (!challenge(h, table, input)) {
        return FB__FAST_UNDECIDED;
    }
    multiply(&r, s, table, h);
    point_encode(encoded, &r);
    return memcmp(encoded, input->signature, 32) == 0 ? FB__FAST_VALID : FB__FAST_INVALID;
}

/* ---- the path ------------------------------------------------------------------------------- */

/* RFC 8032 section 7.1, TEST 3, 1 and 2: 74 additions twice and 73 once, so that an odd number is among them. */
static const struct known {
    unsigned char public_key[32], signature[64], message[3];
    size_t message_size;
} known[] = {
    {{0xfc, 0x51, 0xcd, 0x8e, 0x62, 0x18, 0xa1, 0xa3, 0x8d, 0xa4, 0x7e, 0xd0, 0x02, 0x30, 0xf0, 0x58,
      0x08, 0x16, 0xed, 0x13, 0xba, 0x33, 0x03, 0xac, 0x5d, 0xeb, 0x91, 0x15, 0x48, 0x90, 0x80, 0x25},
     {0x62, 0x91, 0xd6, 0x57, 0xde, 0xec, 0x24, 0x02, 0x48, 0x27, 0xe6, 0x9c, 0x3a, 0xbe, 0x01, 0xa3,
      0x0c, 0xe5, 0x48, 0xa2, 0x84, 0x74, 0x3a, 0x44, 0x5e, 0x36, 0x80, 0xd7, 0xdb, 0x5a, 0xc3, 0xac,
      0x18, 0xff, 0x9b, 0x53, 0x8d, 0x16, 0xf2, 0x90, 0xae, 0x67, 0xf7, 0x60, 0x98, 0x4d, 0xc6, 0x59,
      0x4a, 0x7c, 0x15, 0xe9, 0x71, 0x6e, 0xd2, 0x8d, 0xc0, 0x27, 0xbe, 0xce, 0xea, 0x1e, 0xc4, 0x0a},
     {0xaf, 0x82},
     2},
    {{0xd7, 0x5a, 0x98, 0x01, 0x82, 0xb1, 0x0a, 0xb7, 0xd5, 0x4b, 0xfe, 0xd3, 0xc9, 0x64, 0x07, 0x3a,
      0x0e, 0xe1, 0x72, 0xf3, 0xda, 0xa6, 0x23, 0x25, 0xaf, 0x02, 0x1a, 0x68, 0xf7, 0x07, 0x51, 0x1a},
     {0xe5, 0x56, 0x43, 0x00, 0xc3, 0x60, 0xac, 0x72, 0x90, 0x86, 0xe2, 0xcc, 0x80, 0x6e, 0x82, 0x8a,
      0x84, 0x87, 0x7f, 0x1e, 0xb8, 0xe5, 0xd9, 0x74, 0xd8, 0x73, 0xe0, 0x65, 0x22, 0x49, 0x01, 0x55,
      0x5f, 0xb8, 0x82, 0x15, 0x90, 0xa3, 0x3b, 0xac, 0xc6, 0x1e, 0x39, 0x70, 0x1c, 0xf9, 0xb4, 0x6b,
      0xd2, 0x5b, 0xf5, 0xf0, 0x59, 0x5b, 0xbe, 0x24, 0x65, 0x51, 0x41, 0x43, 0x8e, 0x7a, 0x10, 0x0b},
     {0},
     0},
    {{0x3d, 0x40, 0x17, 0xc3, 0xe8, 0x43, 0x89, 0x5a, 0x92, 0xb7, 0x0a, 0xa7, 0x4d, 0x1b, 0x7e, 0xbc,
      0x9c, 0x98, 0x2c, 0xcf, 0x2e, 0xc4, 0x96, 0x8c, 0xc0, 0xcd, 0x55, 0xf1, 0x2a, 0xf4, 0x66, 0x0c},
     {0x92, 0xa0, 0x09, 0xa9, 0xf0, 0xd4, 0xca, 0xb8, 0x72, 0x0e, 0x82, 0x0b, 0x5f, 0x64, 0x25, 0x40,
      0xa2, 0xb2, 0x7b, 0x54, 0x16, 0x50, 0x3f, 0x8f, 0xb3, 0x76, 0x22, 0x23, 0xeb, 0xdb, 0x69, 0xda,
      0x08, 0x5a, 0xc1, 0xe4, 0x3e, 0x15, 0x99, 0x6e, 0x45, 0x8f, 0x36, 0x13, 0xd0, 0xf1, 0x1d, 0x8c,
      0x38, 0x7b, 0x2e, 0xae, 0xb4, 0x30, 0x2a, 0xee, 0xb0, 0x0d, 0x29, 0x16, 0x12, 0xbb, 0x0c, 0x00},
     {0x72},
     1},
};

/*
 * Each known signature is good, and is not any more with one bit of R, S or the message changed, or with S + L for S.
 * Changed bits lie in the first and in the last bytes, so that the lowest and the highest windows count.
 */
static fb__fast_self_test known_answer(key_table *table, const struct known *answer, fb__fast_input *input)
{
    static const unsigned char bits[][2] = {{0, 0}, {31, 6}, {31, 7}, {32, 0}, {63, 3}, {63, 7}};
    unsigned char signature[64];
    uint64_t order[4];
    if (!build_key(table, answer->public_key)) {
        return FB__FAST_WRONG;
    }
    input->message = answer->message;
    input->message_size = answer->message_size;
    input->signature = signature;
    memcpy(signature, answer->signature, sizeof(signature));
    fb__fast_self_test found = fb__fast_expect(verify(table, input), FB__FAST_VALID);
    for (size_t i = 0; i < sizeof(bits) / sizeof(bits[0]) && found == FB__FAST_RIGHT; i++) {
        signature[bits[i][0]] ^= (unsigned char)(1 << bits[i][1]);
        found = fb__fast_expect(verify(table, input), FB__FAST_INVALID);
        signature[bits[i][0]] ^= (unsigned char)(1 << bits[i][1]);
    }
    if (found != FB__FAST_RIGHT) {
        return found;
    }
    input->message_size ^= 1;
    found = fb__fast_expect(verify(table, input), FB__FAST_INVALID);
    input->message_size ^= 1;
    words_load(order, signature + 32);
    scalar_add(order, scalar_order);
    words_store(signature + 32, order);
    return found != FB__FAST_RIGHT ? found : fb__fast_expect(verify(table, input), FB__FAST_INVALID);
}

static fb__fast_self_test known_answers(key_table *table, fb__fast_input *input)
{
    fb__fast_self_test found = FB__FAST_RIGHT;
    for (size_t i = 0; found == FB__FAST_RIGHT && i < sizeof(known) / sizeof(known[0]); i++) {
        found = known_answer(table, &known[i], input);
    }
    return found;
}

static fb__fast_self_test prepare(void)
{
    fb__fast_input input = {.md = EVP_MD_fetch(NULL, "SHA512", NULL), .digest = EVP_MD_CTX_new(), .signature_size = 64};
    key_table *table = OPENSSL_malloc(sizeof(*table));
    fb__fast_self_test found = FB__FAST_NO_MEMORY;
    if (input.md != NULL && input.digest != NULL && table != NULL) {
        build_base();
        found = known_answers(table, &input);
    }
#ifdef FB_ED25519_IFMA
    if (found == FB__FAST_RIGHT && ifma_supported()) {
        use_ifma = true;
        found = known_answers(table, &input);
    }
#endif
    OPENSSL_free(table);
    EVP_MD_CTX_free(input.digest);
    EVP_MD_free((EVP_MD *)(uintptr_t)input.md);
    return found;
}

static bool supported(void)
{
    return true;
}

static size_t table_size(const fb__key *key)
{
    return key->kty == FB__KTY_OKP && key->curve == FB__CURVE_ED25519 ? sizeof(key_table) : 0;
}

static bool build(void *table, const fb__key *key)
{
    unsigned char public_key[32];
    size_t size = sizeof(public_key);
    return EVP_PKEY_get_raw_public_key(key->pkey, public_key, &size) == 1 && size == sizeof(public_key) &&
           build_key(table, public_key);
}

/* A table costs 410 us to build where OpenSSL takes 62 us to verify and this path 11, or 5 with vectors. */
const fb__fast_path fb__fast_ed25519 = {"ed25519-tables", 8, supported, prepare, table_size, build, verify};

#else

static bool supported(void)
{
    return false;
}

const fb__fast_path fb__fast_ed25519 = {.name = "ed25519-tables", .supported = supported};

#endif
