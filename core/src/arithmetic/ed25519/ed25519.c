/*
 * Ed25519 verification (RFC 8032 section 5.1.7) for keys that verify often: S * B - h * A from tables of multiples of B
 * and of -A, additions only, then encoded and compared with the signature's R byte for byte. Given hostile signatures
 * by keys that OpenSSL has taken. Must give OpenSSL's verdict: S below the order, no cofactor, encodings of A that are
 * not canonical read modulo p and hashed as they came, those of R refused.
 *
 * The vector code is 160 lines that could be left out: the portable code does the same. With it a whole verification of
 * a token takes 0.53 of the time without, from C and from Python, and a tenth of OpenSSL's rather than a fifth; so it
 * stays.
 *
 * Variable time throughout, as nothing here is secret; must never be used for anything that is.
 */
#include "arithmetic/arithmetic.h"
#include "arithmetic/ifma.h"

#ifdef __SIZEOF_INT128__

#include "ed25519_point.h"
#include "ed25519_scalar.h"

#ifdef FB_IFMA
#include "ed25519_ifma.h"

static const entry neutral = {{{1, 1, 0}, {0}, {0}, {0}}};
#endif
static bool with_ifma; /* prepare sets it */

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
    entry windows[SCALAR_DIGITS(KEY_WIDTH)][1 << (KEY_WIDTH - 1)];
} key_table;

static _Alignas(FB__TABLE_ALIGNMENT) base_table base;

static const unsigned char base_encoded[32] = {0x58, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66,
                                               0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66,
                                               0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66};

/* ---- tables --------------------------------------------------------------------------------- */

/*
 * One window: 1 to count times the point x, y, which becomes 2 * count times itself for the next window. One inversion
 * serves all (Montgomery's trick): products[i] is the product of the Z before i.
 */
static void build_window(entry *out, unsigned count, fe *x, fe *y)
{
    point multiples[MOST_MULTIPLES + 1];
    fe products[MOST_MULTIPLES + 1], inverse, one;
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
    products[0] = fe_one;
    for (unsigned i = 0; i < count; i++) {
        fe_mul(&products[i + 1], &products[i], &multiples[i].z);
    }
    fe_mul(&inverse, &products[count], &multiples[count].z);
    fe_invert(&inverse, &inverse);
    for (unsigned i = count + 1; i-- > 0;) {
        fe_mul(&one, &inverse, &products[i]);
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
    for (unsigned i = 0; i < SCALAR_DIGITS(KEY_WIDTH); i++) {
        build_window(table->windows[i], 1 << (KEY_WIDTH - 1), &x, &y);
    }
    return true;
}

/* ---- verification --------------------------------------------------------------------------- */

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
#ifdef FB_IFMA
    if (with_ifma) {
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

static bool verify(const void *table, const unsigned char *digest, const unsigned char *signature)
{
    uint64_t s[4], h[4];
    unsigned char encoded[32];
    point r;
    words_load(s, signature + 32);
    if (!scalar_below_order(s)) {
        return false;
    }
    scalar_reduce(h, digest);
    multiply(&r, s, table, h);
    point_encode(encoded, &r);
    return memcmp(encoded, signature, 32) == 0;
}

static size_t table_size(const fb__key *key)
{
    return key->kty == FB__KTY_OKP && key->curve == FB__CURVE_ED25519 ? sizeof(key_table) : 0;
}

static bool build(void *table, const fb__key *key)
{
    return build_key(table, key->point);
}

/* ---- known answers -------------------------------------------------------------------------- */

/* RFC 8032 section 7.1, TEST 3, 1 and 2: 74 additions twice and 73 once, so that an odd number is among them. */
static const struct known {
    unsigned char public_key[32], signature[64], digest[64]; /* SHA-512 of R, A and the message */
} known[] = {
    {{0xfc, 0x51, 0xcd, 0x8e, 0x62, 0x18, 0xa1, 0xa3, 0x8d, 0xa4, 0x7e, 0xd0, 0x02, 0x30, 0xf0, 0x58,
      0x08, 0x16, 0xed, 0x13, 0xba, 0x33, 0x03, 0xac, 0x5d, 0xeb, 0x91, 0x15, 0x48, 0x90, 0x80, 0x25},
     {0x62, 0x91, 0xd6, 0x57, 0xde, 0xec, 0x24, 0x02, 0x48, 0x27, 0xe6, 0x9c, 0x3a, 0xbe, 0x01, 0xa3,
      0x0c, 0xe5, 0x48, 0xa2, 0x84, 0x74, 0x3a, 0x44, 0x5e, 0x36, 0x80, 0xd7, 0xdb, 0x5a, 0xc3, 0xac,
      0x18, 0xff, 0x9b, 0x53, 0x8d, 0x16, 0xf2, 0x90, 0xae, 0x67, 0xf7, 0x60, 0x98, 0x4d, 0xc6, 0x59,
      0x4a, 0x7c, 0x15, 0xe9, 0x71, 0x6e, 0xd2, 0x8d, 0xc0, 0x27, 0xbe, 0xce, 0xea, 0x1e, 0xc4, 0x0a},
     {0x09, 0xbf, 0xb4, 0xff, 0x19, 0x93, 0xf3, 0x8f, 0x2e, 0xf6, 0x56, 0x99, 0x93, 0x4a, 0x8b, 0x64,
      0xc0, 0x32, 0x58, 0x67, 0xf8, 0x58, 0x05, 0x9b, 0x95, 0xbc, 0xa1, 0x99, 0xf7, 0x8d, 0xc0, 0x9e,
      0x54, 0x48, 0x57, 0xae, 0xb4, 0xab, 0xdd, 0xc6, 0xe3, 0x56, 0x60, 0xda, 0x28, 0x67, 0xab, 0x59,
      0x63, 0x13, 0x5f, 0xfe, 0xf6, 0x0d, 0x24, 0x2d, 0xbf, 0xce, 0x0a, 0x85, 0xfb, 0xc3, 0x62, 0xbf}},
    {{0xd7, 0x5a, 0x98, 0x01, 0x82, 0xb1, 0x0a, 0xb7, 0xd5, 0x4b, 0xfe, 0xd3, 0xc9, 0x64, 0x07, 0x3a,
      0x0e, 0xe1, 0x72, 0xf3, 0xda, 0xa6, 0x23, 0x25, 0xaf, 0x02, 0x1a, 0x68, 0xf7, 0x07, 0x51, 0x1a},
     {0xe5, 0x56, 0x43, 0x00, 0xc3, 0x60, 0xac, 0x72, 0x90, 0x86, 0xe2, 0xcc, 0x80, 0x6e, 0x82, 0x8a,
      0x84, 0x87, 0x7f, 0x1e, 0xb8, 0xe5, 0xd9, 0x74, 0xd8, 0x73, 0xe0, 0x65, 0x22, 0x49, 0x01, 0x55,
      0x5f, 0xb8, 0x82, 0x15, 0x90, 0xa3, 0x3b, 0xac, 0xc6, 0x1e, 0x39, 0x70, 0x1c, 0xf9, 0xb4, 0x6b,
      0xd2, 0x5b, 0xf5, 0xf0, 0x59, 0x5b, 0xbe, 0x24, 0x65, 0x51, 0x41, 0x43, 0x8e, 0x7a, 0x10, 0x0b},
     {0x27, 0x71, 0x06, 0x2b, 0x6b, 0x53, 0x6f, 0xe7, 0xff, 0xbd, 0xda, 0x03, 0x20, 0xc3, 0x82, 0x7b,
      0x03, 0x5d, 0xf1, 0x0d, 0x28, 0x4d, 0xf3, 0xf0, 0x82, 0x22, 0xf0, 0x4d, 0xbc, 0xa7, 0xa4, 0xc2,
      0x0e, 0xf1, 0x5b, 0xdc, 0x98, 0x8a, 0x22, 0xc7, 0x20, 0x74, 0x11, 0x37, 0x7c, 0x33, 0xf2, 0xac,
      0x09, 0xb1, 0xe8, 0x6a, 0x04, 0x62, 0x34, 0x28, 0x37, 0x68, 0xee, 0x7b, 0xa0, 0x3c, 0x0e, 0x9f}},
    {{0x3d, 0x40, 0x17, 0xc3, 0xe8, 0x43, 0x89, 0x5a, 0x92, 0xb7, 0x0a, 0xa7, 0x4d, 0x1b, 0x7e, 0xbc,
      0x9c, 0x98, 0x2c, 0xcf, 0x2e, 0xc4, 0x96, 0x8c, 0xc0, 0xcd, 0x55, 0xf1, 0x2a, 0xf4, 0x66, 0x0c},
     {0x92, 0xa0, 0x09, 0xa9, 0xf0, 0xd4, 0xca, 0xb8, 0x72, 0x0e, 0x82, 0x0b, 0x5f, 0x64, 0x25, 0x40,
      0xa2, 0xb2, 0x7b, 0x54, 0x16, 0x50, 0x3f, 0x8f, 0xb3, 0x76, 0x22, 0x23, 0xeb, 0xdb, 0x69, 0xda,
      0x08, 0x5a, 0xc1, 0xe4, 0x3e, 0x15, 0x99, 0x6e, 0x45, 0x8f, 0x36, 0x13, 0xd0, 0xf1, 0x1d, 0x8c,
      0x38, 0x7b, 0x2e, 0xae, 0xb4, 0x30, 0x2a, 0xee, 0xb0, 0x0d, 0x29, 0x16, 0x12, 0xbb, 0x0c, 0x00},
     {0xa2, 0x71, 0xdf, 0x0d, 0x2b, 0x0d, 0x03, 0xbd, 0x17, 0xb4, 0xed, 0x9a, 0x4b, 0x6a, 0xfd, 0xdf,
      0x2e, 0x73, 0x28, 0x7f, 0xd6, 0x30, 0xf1, 0xa1, 0x37, 0xd8, 0x7c, 0xe8, 0x73, 0xa5, 0x91, 0xcc,
      0x31, 0xb6, 0xdd, 0x85, 0x2a, 0x98, 0xb5, 0xdd, 0x12, 0x26, 0xfe, 0x99, 0x3d, 0x82, 0x28, 0x27,
      0x8c, 0xeb, 0xa2, 0x1f, 0x80, 0xb8, 0xfc, 0x95, 0x98, 0x6a, 0x70, 0xd7, 0x1e, 0xdf, 0x3f, 0xaf}},
};

/*
 * Each known signature is good, and is not any more with one bit of R, S or the digest changed, or with S + L for S.
 * Changed bits lie in the first and in the last bytes, so that the lowest and the highest windows count.
 */
static bool passes_vector(key_table *table, const struct known *answer)
{
    static const unsigned char bits[][2] = {{0, 0}, {31, 6}, {31, 7}, {32, 0}, {63, 3}, {63, 7}, {64, 0}, {95, 6}};
    unsigned char both[128], *digest = both + 64; /* the signature before it */
    uint64_t order[4];
    memcpy(both, answer->signature, 64);
    memcpy(digest, answer->digest, 64);
    bool right = build_key(table, answer->public_key) && verify(table, digest, both);
    for (size_t i = 0; i < sizeof(bits) / sizeof(bits[0]) && right; i++) {
        both[bits[i][0]] ^= (unsigned char)(1 << bits[i][1]);
        right = !verify(table, digest, both);
        both[bits[i][0]] ^= (unsigned char)(1 << bits[i][1]);
    }
    words_load(order, both + 32);
    scalar_add(order, scalar_order);
    words_store(both + 32, order);
    return right && !verify(table, digest, both);
}

static bool passes_vectors(key_table *table)
{
    bool right = true;
    for (size_t i = 0; right && i < sizeof(known) / sizeof(known[0]); i++) {
        right = passes_vector(table, &known[i]);
    }
    return right;
}

static fb__self_test prepare(const fb_mem *mem)
{
    key_table *table = fb__alloc(mem, sizeof(*table));
    if (table == NULL) {
        return FB__SELF_TEST_NO_MEMORY;
    }
    build_base();
    with_ifma = false;
    bool right = passes_vectors(table);
    with_ifma = fb__cpu_has_ifma();
    right = right && (!with_ifma || passes_vectors(table));
    fb__free(mem, table);
    return right ? FB__SELF_TEST_RIGHT : FB__SELF_TEST_WRONG;
}

static bool supported(void)
{
    return true;
}

const fb__arithmetic fb__arithmetic_ed25519 = {
    .name = "ed25519-tables",
    .threshold = 8, /* 410 us, where OpenSSL takes 62 us to verify and this 11, or 5 with vectors */
    .supported = supported,
    .prepare = prepare,
    .table_size = table_size,
    .build = build,
    .verify = verify,
};

#else

const fb__arithmetic fb__arithmetic_ed25519 = {.name = "ed25519-tables", .supported = fb__arithmetic_unsupported};

#endif
