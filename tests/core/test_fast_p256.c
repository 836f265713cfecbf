/*
 * The path for ES256 beside OpenSSL, which does not know of it: test_fast_p256 [COUNT] takes COUNT signatures that are
 * valid and COUNT that something was done to, then every edge of r, s, u1, u2, of points and of the adder, RFC 6979's
 * signatures and Wycheproof's. The source is included: a hash of choice gets in only below the hashing.
 */
#include "fast_p256.c"

#include "jose.h"
#include "p256.h"

#include <openssl/err.h>

static uint64_t state = 256;

static unsigned pick(size_t limit)
{
    state = state * 6364136223846793005U + 1442695040888963407U;
    return (unsigned)((state >> 33) % limit);
}

static void pick_bytes(unsigned char *out, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        out[i] = (unsigned char)pick(256);
    }
}

/* ---- keys ----------------------------------------------------------------------------------- */

struct subject {
    fb__key key;
    struct table *table;
    EVP_PKEY_CTX *verifying, *signing; /* signing: NULL without a private key */
};

static EC_GROUP *group;
static BN_CTX *scratch;
static BIGNUM *order;
static EVP_MD *sha256;
static EVP_MD_CTX *hashing;
static size_t compared, valid;

/* Takes the key over. */
static struct subject subject_of(EVP_PKEY *pkey, bool private)
{
    struct subject s = {.table = aligned_alloc(FB__FAST_ALIGNMENT, sizeof(struct table))};
    p256_must(pkey != NULL && s.table != NULL);
    s.key.pkey = pkey;
    CHECK(fb__key_classify(&s.key) == NULL);
    CHECK(fb__fast_p256.table_size(&s.key) == sizeof(struct table));
    CHECK(fb__fast_p256.build(s.table, &s.key));
    s.verifying = p256_verifying(pkey);
    s.signing = private ? p256_signing(pkey) : NULL;
    return s;
}

static struct subject subject_at(const EC_POINT *point)
{
    unsigned char octets[65];
    p256_must(EC_POINT_point2oct(group, point, POINT_CONVERSION_UNCOMPRESSED, octets, 65, scratch) == 65);
    return subject_of(p256_key(octets), false);
}

static void subject_clear(struct subject *s)
{
    EVP_PKEY_CTX_free(s->verifying);
    EVP_PKEY_CTX_free(s->signing);
    EVP_PKEY_free(s->key.pkey);
    free(s->table);
}

/* ---- verdicts ------------------------------------------------------------------------------- */

static bool agree(const struct subject *s, const unsigned char digest[32], const unsigned char signature[64])
{
    const bool ours = verify_digest(s->table, digest, signature);
    const bool theirs = p256_verdict(s->verifying, digest, signature);
    compared++;
    valid += theirs;
    if (ours != theirs) {
        FAIL("%s, OpenSSL says %s", ours ? "valid" : "invalid", theirs ? "valid" : "invalid");
        for (size_t i = 0; i < 96; i++) {
            fprintf(stderr, "%02x%s", i < 32 ? digest[i] : signature[i - 32], i % 32 == 31 ? "\n" : "");
        }
    }
    return ours;
}

/* The same with everything that a verification does. */
static bool agree_on_message(const struct subject *s, const unsigned char *message, size_t size,
                             const unsigned char signature[64])
{
    unsigned char digest[32];
    const fb__fast_input input = {.message = message,
                                  .message_size = size,
                                  .signature = signature,
                                  .signature_size = 64,
                                  .md = sha256,
                                  .digest = hashing};
    p256_must(EVP_Digest(message, size, digest, NULL, sha256, NULL) == 1);
    const bool ours = agree(s, digest, signature);
    ERR_clear_error(); /* OpenSSL's own words on a bad signature */
    CHECK(fb__fast_p256.verify(s->table, &input) == (ours ? FB__FAST_VALID : FB__FAST_INVALID));
    CHECK(ERR_peek_error() == 0);
    return ours;
}

/* ---- random signatures ---------------------------------------------------------------------- */

enum { SUBJECTS = 8, MESSAGE = 200 };
static struct subject subjects[SUBJECTS];
static const char *const edges[] = {
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0000000000000000000000000000000000000000000000000000000000000001",
    "0000000000000000000000000000000000000000000000000000000000000002",
    "7fffffff800000007fffffffffffffffde737d56d38bcf4279dce5617e3192a8",
    "7fffffff800000007fffffffffffffffde737d56d38bcf4279dce5617e3192a9",
    "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc63254f",
    "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632550",
    "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551",
    "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632552",
    "ffffffff00000001000000000000000000000000fffffffffffffffffffffffe",
    "ffffffff00000001000000000000000000000000ffffffffffffffffffffffff",
    "ffffffff00000001000000000000000000000001000000000000000000000000",
    "000000000000000000000000000000004319055358e8617b0c46353d039cdaad",
    "000000000000000000000000000000004319055358e8617b0c46353d039cdaae",
    "000000000000000000000000000000004319055358e8617b0c46353d039cdaaf",
    "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
};
enum { EDGES = sizeof(edges) / sizeof(edges[0]) };

static void to_bytes(unsigned char out[32], const BIGNUM *number)
{
    p256_must(BN_bn2binpad(number, out, 32) == 32);
}

static void edge_bytes(unsigned char out[32], size_t index)
{
    BIGNUM *number = NULL;
    p256_must(BN_hex2bn(&number, edges[index]) == 64);
    to_bytes(out, number);
    BN_free(number);
}

/* One half becomes n less itself: of s, that is valid again (high s is allowed). */
static void negate(unsigned char half[32])
{
    BIGNUM *number = BN_bin2bn(half, 32, NULL);
    p256_must(BN_mod_sub(number, order, number, order, scratch) == 1);
    to_bytes(half, number);
    BN_free(number);
}

/* A change of a random kind; may be to the message, or to which key it is. */
static void mutate(unsigned char *message, unsigned char signature[64], size_t *key)
{
    unsigned char half[32];
    unsigned char *one = signature + 32 * pick(2);
    switch (pick(9)) {
    case 0:
        signature[pick(64)] ^= (unsigned char)(1 << pick(8));
        break;
    case 1:
        memcpy(half, signature, 32);
        memcpy(signature, signature + 32, 32);
        memcpy(signature + 32, half, 32);
        break;
    case 2:
        edge_bytes(one, pick(EDGES));
        break;
    case 3:
        *key = (*key + 1 + pick(SUBJECTS - 1)) % SUBJECTS;
        break;
    case 4:
        message[pick(MESSAGE / 2)] ^= (unsigned char)(1 << pick(8));
        break;
    case 5:
        negate(one);
        break;
    case 6:
        one[31 - pick(3)]++;
        break;
    case 7:
        pick_bytes(one, 32);
        break;
    default:
        memset(one + pick(32), pick(2) ? 0xff : 0, 1);
    }
}

static size_t count = 10000;

TEST(random_and_mutated_signatures)
{
    unsigned char message[MESSAGE], digest[64], signature[64];
    size_t still_valid = 0;
    for (size_t i = 0; i < count; i++) {
        size_t size = MESSAGE / 2 + pick(MESSAGE / 2), key = pick(SUBJECTS);
        pick_bytes(message, size);
        p256_must(EVP_Digest(message, size, digest, NULL, sha256, NULL) == 1);
        p256_sign(subjects[key].signing, digest, signature);
        CHECK(agree_on_message(&subjects[key], message, size, signature));
        if (i % 16 == 0) {
            /* Another hash, cut to its leftmost bits. */
            p256_must(EVP_Digest(message, size, digest, NULL, EVP_sha512(), NULL) == 1);
            CHECK(!agree(&subjects[key], digest, signature));
        }
        mutate(message, signature, &key);
        still_valid += agree_on_message(&subjects[key], message, size, signature);
    }
    printf("%zu valid; %zu changed, of which valid with n - s: %zu\n", count, count, still_valid);
    CHECK(still_valid < count / 8);
}

/* ---- chosen u1, u2 -------------------------------------------------------------------------- */

/*
 * A signature for which u1 * G + u2 * Q is computed, found without the private key: r is the sum's x, s = r / u2, and
 * the hash is u1 * s. It verifies unless the sum is infinity; then r is 1.
 */
static void check_scalars(const struct subject *s, const EC_POINT *q, const BIGNUM *u1, const BIGNUM *u2)
{
    unsigned char digest[32], signature[64];
    EC_POINT *sum = EC_POINT_new(group);
    BIGNUM *r = BN_new(), *other = BN_new();
    p256_must(EC_POINT_mul(group, sum, u1, q, u2, scratch) == 1);
    const bool infinite = EC_POINT_is_at_infinity(group, sum) == 1;
    if (infinite) {
        p256_must(BN_one(r) == 1);
    } else {
        p256_must(EC_POINT_get_affine_coordinates(group, sum, r, NULL, scratch) == 1 &&
                  BN_nnmod(r, r, order, scratch) == 1);
    }
    to_bytes(signature, r);
    p256_must(BN_mod_inverse(other, u2, order, scratch) != NULL && BN_mod_mul(other, other, r, order, scratch) == 1);
    to_bytes(signature + 32, other);
    p256_must(BN_mod_mul(other, other, u1, order, scratch) == 1);
    to_bytes(digest, other);
    CHECK(agree(s, digest, signature) == !infinite);
    signature[31] ^= 1;
    CHECK(!agree(s, digest, signature));
    BN_free(r);
    BN_free(other);
    EC_POINT_free(sum);
}

/* d * G, and n - d for a negative d. */
static EC_POINT *multiple_of_g(const BIGNUM *d)
{
    EC_POINT *point = EC_POINT_new(group);
    p256_must(EC_POINT_mul(group, point, d, NULL, NULL, scratch) == 1);
    return point;
}

/* Number index of the edge values modulo n: those above, then 2^k - 1, 2^k, 2^k + 1 for all k. */
enum { SCALARS = EDGES + 3 * 256 };

static BIGNUM *scalar(size_t index)
{
    BIGNUM *number = NULL;
    if (index < EDGES) {
        p256_must(BN_hex2bn(&number, edges[index]) == 64);
    } else {
        index -= EDGES;
        number = BN_new();
        p256_must(BN_one(number) == 1 && BN_lshift(number, number, (int)(index / 3)) == 1);
        p256_must(index % 3 == 0 ? BN_sub_word(number, 1) : BN_add_word(number, index % 3 - 1));
    }
    p256_must(BN_nnmod(number, number, order, scratch) == 1);
    return number;
}

/* Below 2^bits. */
static BIGNUM *random_bits(int bits)
{
    unsigned char bytes[32];
    BIGNUM *number = BN_new();
    pick_bytes(bytes, sizeof(bytes));
    p256_must(BN_bin2bn(bytes, sizeof(bytes), number) != NULL && BN_rshift(number, number, 256 - bits) == 1);
    return number;
}

static BIGNUM *random_scalar(void)
{
    BIGNUM *number = random_bits(255);
    p256_must(BN_add_word(number, 1) == 1);
    return number;
}

/* Keys of which the private half is known and special: multiples of G that meet G's own. */
static const char *const small_keys[] = {
    "1",
    "2",
    "3",
    "80",
    "100",
    "FFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632550",
    "7FFFFFFF800000007FFFFFFFFFFFFFFFDE737D56D38BCF4279DCE5617E3192A9",
};
enum { SMALL_KEYS = sizeof(small_keys) / sizeof(small_keys[0]) };

TEST(edges_of_u1_and_u2)
{
    for (size_t k = 0; k <= SMALL_KEYS; k++) {
        BIGNUM *d = NULL;
        if (k < SMALL_KEYS) {
            p256_must(BN_hex2bn(&d, small_keys[k]) > 0);
        } else {
            d = random_scalar();
        }
        EC_POINT *q = multiple_of_g(d);
        struct subject s = subject_at(q);
        for (size_t i = 0; i < SCALARS; i++) {
            BIGNUM *u = scalar(i), *other = k < 2 ? scalar(SCALARS - 1 - i) : random_scalar();
            if (!BN_is_zero(other)) {
                check_scalars(&s, q, u, other);
            }
            if (!BN_is_zero(u)) {
                check_scalars(&s, q, other, u);
                check_scalars(&s, q, u, u);
            }
            BN_free(u);
            BN_free(other);
        }
        subject_clear(&s);
        EC_POINT_free(q);
        BN_free(d);
    }
}

/*
 * u1 = high * 2^(shift + 8) + digit + low, and u2 * Q, which is added first, is sign * digit - low: when the digit's
 * turn comes, the sum is plus or minus the very entry that is added. From infinity it goes on with what is high.
 */
static void check_collision(int shift, int sign)
{
    BIGNUM *d = random_scalar(), *low = random_bits(shift == 0 ? 0 : shift - 1), *digit = BN_new();
    BIGNUM *u1 = random_bits(shift == 248 ? 0 : 246 - shift), *u2 = BN_new();
    EC_POINT *q = multiple_of_g(d);
    struct subject s = subject_at(q);
    p256_must(BN_set_word(digit, 1 + pick(120)) == 1 && BN_lshift(digit, digit, shift) == 1);
    p256_must(BN_lshift(u1, u1, shift + 8) == 1 && BN_add(u1, u1, digit) == 1 && BN_add(u1, u1, low) == 1);
    BN_set_negative(digit, sign < 0);
    p256_must(BN_mod_sub(u2, digit, low, order, scratch) == 1 && BN_mod_inverse(d, d, order, scratch) != NULL &&
              BN_mod_mul(u2, u2, d, order, scratch) == 1);
    check_scalars(&s, q, u1, u2);
    subject_clear(&s);
    EC_POINT_free(q);
    BN_free(d);
    BN_free(low);
    BN_free(digit);
    BN_free(u1);
    BN_free(u2);
}

TEST(collisions_in_every_window)
{
    for (int i = 0; i < 8 * WINDOWS; i++) {
        check_collision(i % WINDOWS * WINDOW, 1);
        check_collision(i % WINDOWS * WINDOW, -1);
    }
}

/* u1 * G and u2 * Q equal, or each other's negative: then the sum is infinity. */
TEST(equal_and_opposite_halves)
{
    for (size_t i = 0; i < 200; i++) {
        BIGNUM *d = random_scalar(), *u1 = BN_new(), *u2 = random_scalar();
        EC_POINT *q = multiple_of_g(d);
        struct subject s = subject_at(q);
        p256_must(BN_mod_mul(u1, d, u2, order, scratch) == 1);
        check_scalars(&s, q, u1, u2);
        p256_must(BN_sub(u1, order, u1) == 1);
        check_scalars(&s, q, u1, u2);
        subject_clear(&s);
        EC_POINT_free(q);
        BN_free(d);
        BN_free(u1);
        BN_free(u2);
    }
}

/* ---- chosen points -------------------------------------------------------------------------- */

/* The point of that x with an even or an odd y; NULL when there is none. */
static EC_POINT *point_of_x(const BIGNUM *x, int odd)
{
    EC_POINT *point = EC_POINT_new(group);
    ERR_set_mark();
    if (EC_POINT_set_compressed_coordinates(group, point, x, odd, scratch) != 1) {
        EC_POINT_free(point);
        point = NULL;
    }
    ERR_pop_to_mark();
    return point;
}

/* Number index of the values of x: small ones, those just below p, and those around n. */
enum { ABSCISSAS = 96 };

static BIGNUM *abscissa(size_t index)
{
    BIGNUM *x = BN_new(), *p = BN_new();
    p256_must(EC_GROUP_get_curve(group, p, NULL, NULL, scratch) == 1 && BN_set_word(x, index / 3) == 1);
    if (index % 3 == 1) {
        p256_must(BN_sub(x, p, x) == 1 && BN_sub_word(x, 1) == 1);
    } else if (index % 3 == 2) {
        p256_must(BN_add(x, x, order) == 1 && BN_sub_word(x, 16) == 1);
    }
    BN_free(p);
    return x;
}

TEST(keys_at_the_edges)
{
    size_t found = 0;
    for (size_t i = 0; i < 2 * ABSCISSAS; i++) {
        BIGNUM *x = abscissa(i / 2);
        EC_POINT *q = point_of_x(x, i % 2);
        if (q != NULL) {
            struct subject s = subject_at(q);
            for (size_t k = 0; k < 8; k++) {
                BIGNUM *u1 = random_scalar(), *u2 = random_scalar();
                check_scalars(&s, q, u1, u2);
                BN_free(u1);
                BN_free(u2);
            }
            subject_clear(&s);
            found++;
        }
        EC_POINT_free(q);
        BN_free(x);
    }
    CHECK(found > ABSCISSAS / 2); /* half of all x, twice; x = 0 is among them, y = 0 is not on this curve */
}

/*
 * Sums of chosen x, from n on among them, where r is x - n and r itself is not the sum's x: the key is made to fit,
 * Q = (R - u1 * G) / u2. Then the same with what r must not be: off by n the other way round.
 */
static void check_sum(const EC_POINT *sum, const BIGNUM *x)
{
    unsigned char digest[32], signature[64];
    BIGNUM *u1 = random_scalar(), *u2 = random_scalar(), *r = BN_new(), *t = BN_new(), *inverse = BN_new();
    EC_POINT *q = multiple_of_g(u1);
    p256_must(BN_mod_inverse(inverse, u2, order, scratch) != NULL && EC_POINT_invert(group, q, scratch) == 1 &&
              EC_POINT_add(group, q, q, sum, scratch) == 1 && EC_POINT_mul(group, q, NULL, q, inverse, scratch) == 1);
    struct subject s = subject_at(q);
    for (int wrong = 0; wrong < 3; wrong++) {
        /* r = x; x - n, or x + p - n, which plus n is x modulo p */
        p256_must(BN_copy(r, x) != NULL);
        if (wrong == 0) {
            p256_must(BN_nnmod(r, r, order, scratch) == 1);
        } else if (wrong == 1) {
            p256_must(EC_GROUP_get_curve(group, t, NULL, NULL, scratch) == 1 && BN_sub(t, t, order) == 1 &&
                      BN_add(r, r, t) == 1);
        } else {
            p256_must(BN_mod_add(r, r, t, order, scratch) == 1);
        }
        if (BN_num_bits(r) <= 256) {
            to_bytes(signature, r);
            p256_must(BN_mod_mul(t, r, inverse, order, scratch) == 1);
            to_bytes(signature + 32, t);
            p256_must(BN_mod_mul(t, t, u1, order, scratch) == 1);
            to_bytes(digest, t);
            CHECK(agree(&s, digest, signature) == (wrong == 0 && !BN_is_zero(r)));
        }
    }
    subject_clear(&s);
    EC_POINT_free(q);
    BN_free(u1);
    BN_free(u2);
    BN_free(r);
    BN_free(t);
    BN_free(inverse);
}

TEST(sums_at_the_edges)
{
    size_t found = 0;
    for (size_t i = 0; i < 2 * ABSCISSAS; i++) {
        BIGNUM *x = abscissa(i / 2);
        EC_POINT *sum = point_of_x(x, i % 2);
        if (sum != NULL) {
            check_sum(sum, x);
            found++;
        }
        EC_POINT_free(sum);
        BN_free(x);
    }
    CHECK(found > ABSCISSAS / 2);
}

/* Every edge as r and as s, beside each other and beside what would be right. */
TEST(edges_of_r_and_s)
{
    unsigned char message[MESSAGE] = {0}, digest[32], good[64], signature[64];
    const struct subject *s = &subjects[0];
    p256_must(EVP_Digest(message, sizeof(message), digest, NULL, sha256, NULL) == 1);
    p256_sign(s->signing, digest, good);
    for (size_t i = 0; i < SCALARS; i++) {
        BIGNUM *number = scalar(i);
        for (size_t half = 0; half < 2; half++) {
            memcpy(signature, good, 64);
            to_bytes(signature + 32 * half, number);
            CHECK(!agree(s, digest, signature));
        }
        BN_free(number);
    }
    for (size_t i = 0; i < EDGES * EDGES; i++) {
        edge_bytes(signature, i / EDGES);
        edge_bytes(signature + 32, i % EDGES);
        CHECK(!agree_on_message(s, message, sizeof(message), signature));
    }
}

/* Hashes of any 256 bits count modulo n. */
TEST(edges_of_the_hash)
{
    unsigned char digest[32], signature[64];
    for (size_t i = 0; i < EDGES; i++) {
        edge_bytes(digest, i);
        p256_sign(subjects[1].signing, digest, signature);
        CHECK(agree(&subjects[1], digest, signature));
        negate(signature + 32);
        CHECK(agree(&subjects[1], digest, signature));
    }
}

/* ---- published signatures ------------------------------------------------------------------- */

static int digit(char c)
{
    return c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10;
}

static size_t from_hex(unsigned char *out, size_t room, fb_slice text)
{
    CHECK(text.size % 2 == 0 && text.size / 2 <= room);
    for (size_t i = 0; i < text.size / 2 && i < room; i++) {
        out[i] = (unsigned char)(digit(text.data[2 * i]) << 4 | digit(text.data[2 * i + 1]));
    }
    return text.size / 2;
}

/* The whole library's verdict, too. */
TEST(rfc7515)
{
    json_t *document = jose_load("rfc/rfc7515_appendix_a.json"), *vector;
    size_t i, found = 0;
    json_array_foreach(json_object_get(document, "vectors"), i, vector)
    {
        const json_t *jwk = json_object_get(vector, "jwk");
        const fb_slice token = jose_string(vector, "compact");
        struct jose_keys keys;
        fb__token parts;
        unsigned char signature[FB__MAX_SIGNATURE];
        if (jose_is(vector, "id", "A.3")) {
            CHECK(jose_verify_jwk(jwk, token) == FB_OK);
            CHECK(jose_keys_of(jwk, &keys) && fb__token_split(token.data, token.size, &parts) == FB_OK);
            CHECK(fb__base64url_decode(parts.signature.data, parts.signature.size, signature));
            p256_must(EVP_PKEY_up_ref(keys.set->keys[0].pkey) == 1);
            struct subject s = subject_of(keys.set->keys[0].pkey, false);
            CHECK(agree_on_message(&s, (const unsigned char *)parts.signing_input.data, parts.signing_input.size,
                                   signature));
            subject_clear(&s);
            fb__keyset_release(keys.set);
            found++;
        }
    }
    if (document == NULL) {
        printf("skipped: %s/rfc is not there\n", jose_folder());
    }
    CHECK(found == (document != NULL));
    json_decref(document);
}

/* A.2.5, with SHA-256. */
TEST(rfc6979)
{
    static const char *const key = "04"
                                   "60FED4BA255A9D31C961EB74C6356D68C049B8923B61FA6CE669622E60F29FB6"
                                   "7903FE1008B8BC99A41AE9E95628BC64F2F1B20C2D7E9F5177A3C294D4462299";
    static const char *const messages[] = {"sample", "test"};
    static const char *const signatures[] = {"EFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716"
                                             "F7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8",
                                             "F1ABB023518351CD71D881567B1EA663ED3EFCF6C5132B354F28D3B0B7D38367"
                                             "019F4113742A2B14BD25926B49C649155F267E60D3814B4C0CC84250E46F0083"};
    unsigned char point[65], signature[64];
    CHECK(from_hex(point, sizeof(point), fb_text(key)) == 65);
    struct subject s = subject_of(p256_key(point), false);
    for (size_t i = 0; i < 2; i++) {
        const unsigned char *message = (const unsigned char *)messages[i];
        CHECK(from_hex(signature, sizeof(signature), fb_text(signatures[i])) == 64);
        CHECK(agree_on_message(&s, message, strlen(messages[i]), signature));
        CHECK(!agree_on_message(&s, message, strlen(messages[i]) - 1, signature));
    }
    subject_clear(&s);
}

/* Signatures of other lengths do not reach a path; each says so once. */
static void run_group(const json_t *tests, const struct subject *s)
{
    static unsigned char message[65536];
    unsigned char signature[256];
    size_t i;
    json_t *test;
    json_array_foreach(tests, i, test)
    {
        const size_t size = from_hex(message, sizeof(message), jose_string(test, "msg"));
        const size_t length = from_hex(signature, sizeof(signature), jose_string(test, "sig"));
        if (length == 64) {
            CHECK(agree_on_message(s, message, size, signature) == jose_is(test, "result", "valid"));
        } else {
            const fb__fast_input input = {NULL, message, size, signature, length, sha256, hashing};
            CHECK(!jose_is(test, "result", "valid"));
            CHECK(fb__fast_p256.verify(s->table, &input) == FB__FAST_UNDECIDED);
        }
    }
}

TEST(wycheproof)
{
    json_t *document = jose_load("wycheproof/ecdsa_secp256r1_sha256_p1363_test.json"), *one_group;
    size_t i;
    const size_t before = compared;
    if (document == NULL) {
        printf("skipped: %s/wycheproof is not there\n", jose_folder());
        return;
    }
    json_array_foreach(json_object_get(document, "testGroups"), i, one_group)
    {
        unsigned char point[65];
        const fb_slice key = jose_string(json_object_get(one_group, "publicKey"), "uncompressed");
        CHECK(from_hex(point, sizeof(point), key) == 65);
        struct subject s = subject_of(p256_key(point), false);
        run_group(json_object_get(one_group, "tests"), &s);
        subject_clear(&s);
    }
    printf("Wycheproof: %zu signatures of 64 bytes\n", compared - before);
    CHECK(compared - before > 200);
    json_decref(document);
}

/* ---- what the path refuses ------------------------------------------------------------------ */

TEST(points_that_are_none)
{
    affine a = generator;
    struct table *table = subjects[0].table;
    CHECK(fill_from(table, &a));
    a.y.limb[0] ^= 1;
    CHECK(!fill_from(table, &a));
    a = (affine){{{0}}, {{0}}};
    CHECK(!fill_from(table, &a));
    CHECK(fb__fast_p256.build(table, &subjects[0].key));
}

TEST(keys_of_other_kinds)
{
    static const char *const curves[] = {"P-384", "secp256k1"};
    for (size_t i = 0; i < 2; i++) {
        fb__key key = {.pkey = EVP_EC_gen(curves[i])};
        CHECK(fb__key_classify(&key) == NULL);
        CHECK(fb__fast_p256.table_size(&key) == 0);
        EVP_PKEY_free(key.pkey);
    }
}

/* The known answers must be able to fail. */
TEST(a_wrong_table_is_noticed)
{
    struct table *table = subjects[0].table;
    CHECK(prepare());
    CHECK(!knows_rfc7515(table, sha256, hashing));
    for (size_t k = 0; k < MULTIPLES; k++) {
        generator_table.multiple[7][k].x.limb[2] ^= 1;
    }
    CHECK(!knows_collisions());
    CHECK(prepare());
}

int main(int argc, char **argv)
{
    count = argc > 1 ? strtoul(argv[1], NULL, 10) : count;
    group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
    scratch = BN_CTX_new();
    order = BN_new();
    sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    hashing = EVP_MD_CTX_new();
    p256_must(EC_GROUP_get_order(group, order, scratch) == 1);
    if (!fb__fast_p256.supported() || !fb__fast_p256.prepare()) {
        return 1;
    }
    for (size_t i = 0; i < SUBJECTS; i++) {
        subjects[i] = subject_of(EVP_EC_gen("P-256"), true);
    }
    RUN(random_and_mutated_signatures);
    RUN(edges_of_u1_and_u2);
    RUN(collisions_in_every_window);
    RUN(equal_and_opposite_halves);
    RUN(keys_at_the_edges);
    RUN(sums_at_the_edges);
    RUN(edges_of_r_and_s);
    RUN(edges_of_the_hash);
    RUN(rfc7515);
    RUN(rfc6979);
    RUN(wycheproof);
    RUN(points_that_are_none);
    RUN(keys_of_other_kinds);
    RUN(a_wrong_table_is_noticed);
    printf("%zu verdicts compared, %zu of them valid\n", compared, valid);
    for (size_t i = 0; i < SUBJECTS; i++) {
        subject_clear(&subjects[i]);
    }
    EC_GROUP_free(group);
    BN_free(order);
    BN_CTX_free(scratch);
    EVP_MD_free(sha256);
    EVP_MD_CTX_free(hashing);
    return TEST_RESULT();
}
