/*
 * The arithmetic for ES256 beside OpenSSL, which does not know of it: test_p256 [COUNT] takes COUNT signatures that are
 * valid and COUNT that something was done to, then every edge of r, s and the hash, RFC 7515's and RFC 6979's
 * signatures and Wycheproof's. Each of the COUNT is signed by OpenSSL, which costs a third of its verdict.
 */
#if defined(__SIZEOF_INT128__)
#include "p256_subjects.h"

#include "jose.h"

enum { SUBJECTS = 8, MESSAGE = 200 };
static struct subject subjects[SUBJECTS];

/* ---- random signatures ---------------------------------------------------------------------- */

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

/* ---- edges ---------------------------------------------------------------------------------- */

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
            p256_must(EVP_PKEY_up_ref(keys.set->keys[0].key.pkey) == 1);
            struct subject s = subject_of(keys.set->keys[0].key.pkey, false);
            CHECK(agree_on_message(&s, (const unsigned char *)parts.signing_input.data, parts.signing_input.size,
                                   signature));
            subject_clear(&s);
            fb__keyset_release(keys.set);
            found++;
        }
    }
    if (document == NULL) {
        SKIP("RFC 7515: " JOSE_MISSING);
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

/* Signatures of other lengths do not reach the arithmetic. */
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
            CHECK(!jose_is(test, "result", "valid"));
        }
    }
}

TEST(wycheproof)
{
    json_t *document = jose_load("wycheproof/ecdsa_secp256r1_sha256_p1363_test.json"), *one_group;
    size_t i;
    const size_t before = compared;
    if (document == NULL) {
        SKIP("Wycheproof: " JOSE_MISSING);
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

/* ---- what is refused ---------------------------------------------------------------------- */

TEST(points_that_are_none)
{
    static struct table memory;
    struct table *table = &memory;
    affine a = generator;
    CHECK(fill_from(table, &a));
    a.y.limb[0] ^= 1;
    CHECK(!fill_from(table, &a));
    a = (affine){{{0}}, {{0}}};
    CHECK(!fill_from(table, &a));
    CHECK(build(table, &subjects[0].key->key) && memcmp(table, subjects[0].table, sizeof(*table)) == 0);
}

TEST(keys_of_other_kinds)
{
    static const char *const curves[] = {"P-384", "secp256k1"};
    for (size_t i = 0; i < 2; i++) {
        fb__key key = {.pkey = EVP_EC_gen(curves[i])};
        CHECK(fb__key_classify(&key) == NULL);
        CHECK(fb__arithmetic_p256.table_size(&key) == 0);
        EVP_PKEY_free(key.pkey);
    }
}

/* The known answers must be able to fail. */
TEST(a_wrong_table_is_noticed)
{
    CHECK(prepare(&fb__mem_default) == FB__SELF_TEST_RIGHT);
    CHECK(!passes_rfc7515(subjects[0].table));
    for (size_t k = 0; k < MULTIPLES; k++) {
        generator_table.multiple[7][k].x.limb[2] ^= 1;
    }
    CHECK(!passes_collisions() && !passes_vectors(subjects[0].table));
    CHECK(prepare(&fb__mem_default) == FB__SELF_TEST_RIGHT);
}

int main(int argc, char **argv)
{
    count = argc > 1 ? strtoul(argv[1], NULL, 10) : count;
    if (!begin()) {
        return 1;
    }
    for (size_t i = 0; i < SUBJECTS; i++) {
        subjects[i] = subject_of(EVP_EC_gen("P-256"), true);
    }
    RUN(random_and_mutated_signatures);
    RUN(edges_of_r_and_s);
    RUN(edges_of_the_hash);
    RUN(rfc7515);
    RUN(rfc6979);
    RUN(wycheproof);
    RUN(points_that_are_none);
    RUN(keys_of_other_kinds);
    RUN(a_wrong_table_is_noticed);
    for (size_t i = 0; i < SUBJECTS; i++) {
        subject_clear(&subjects[i]);
    }
    end();
    return TEST_RESULT();
}

#else
#include <stdio.h>

int main(void)
{
    printf("skipped: the arithmetic needs integers of 128 bits\n");
    return 0;
}
#endif
