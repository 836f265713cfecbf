/*
 * test_ed25519 [COUNT]: the arithmetic for Ed25519 beside OpenSSL's own verdict, asked through EVP directly. COUNT
 * good signatures and COUNT changed ones, RFC 8032, Wycheproof, and the encodings at the borders: S around multiples of
 * the order, R and A that are not canonical, of small order or of mixed order.
 *
 * Most signatures are made here, S = r + h a modulo L with the nonce r known, because OpenSSL signs only with keys and
 * nonces of the prime-order group. A nonce is the private scalar of some seed, since OpenSSL gives its point as the
 * public key; nonces are used again with other messages and keys, which harms only who has a secret.
 */
#include "jose.h"
#include "tables.h"
#include "verify/verify.h"

#include <openssl/bn.h>
#include <openssl/err.h>

enum { RANDOM_KEYS = 6, NONCES = 256, MIXED = 7, SMALL = 14, KEYS = RANDOM_KEYS + 2 + MIXED + SMALL, LONGEST = 300 };

static const char *const order_hex = "1000000000000000000000000000000014def9dea2f79cd65812631a5cf5d3ed";

/* B, -B, and A + T for the seven T of small order, where A is the public key of the seed of thirty-two bytes of 5. */
static const char *const special_points[2 + MIXED] = {
    "5866666666666666666666666666666666666666666666666666666666666666",
    "58666666666666666666666666666666666666666666666666666666666666e6",
    "5e2633dded6c08346e0bc215ad4e4279fa8d3d0bde911580dc0501ff2f725ceb",
    "2498beb771f6ab16298ae896d96601c8d1a4e829cada44d6a0181851c43d0ffa",
    "4aa7d9ec83b4df153159caf2f72cfc4981f252923c8155cdbbed6c8bf09b24d8",
    "7f85e322d64f48702ec50b3aa670100b10d568e991c3590d1b0403327fafa40e",
    "8fd9cc221293f7cb91f43dea52b1bd860572c2f4216eea7f23fafe00d08da314",
    "c96741488e0954e9d67517692699fe372e5b17d63525bb295fe7e7ae3bc2f005",
    "a35826137c4b20eacea6350d08d303b67e0dad6dc37eaa32441293740f64db27",
};

/* Every encoding of the points of small order that decoding takes. fb__key_classify refuses these as keys; here they
 * show that both sides read and add the same points. */
static const char *const small_points[SMALL] = {
    "0100000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000080",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
};

struct tested {
    fb__verification_key *key;
    EVP_MD_CTX *initial;
    unsigned char point[32];
    BIGNUM *scalar; /* of its component of prime order */
};

struct nonce {
    unsigned char point[32];
    BIGNUM *scalar;
};

struct signature {
    struct tested *by;
    unsigned char message[LONGEST], bytes[64];
    size_t message_size;
};

static struct tested keys[KEYS];
static struct nonce nonces[NONCES];
static BIGNUM *order;
static BN_CTX *numbers;
static EVP_MD *sha512;
static EVP_MD_CTX *hashing, *theirs;
static fb__tables tables = {.mem = &fb__mem_default};
static size_t accepted, compared;

static uint64_t random_state = 20261126;

static unsigned below(unsigned count)
{
    random_state = random_state * 6364136223846793005U + 1442695040888963407U;
    return (unsigned)(random_state >> 33) % count;
}

static void random_bytes(unsigned char *out, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        out[i] = (unsigned char)below(256);
    }
}

static void from_hex(unsigned char *out, const char *hex, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        unsigned byte = 0;
        (void)sscanf(hex + 2 * i, "%2x", &byte);
        out[i] = (unsigned char)byte;
    }
}

/* ---- keys and signatures -------------------------------------------------------------------- */

/* RFC 8032 section 5.1.5 */
static BIGNUM *scalar_of_seed(const unsigned char seed[32], unsigned char point[32])
{
    unsigned char hash[64];
    size_t size = 32;
    EVP_PKEY *pkey = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, 32);
    CHECK(pkey != NULL && EVP_PKEY_get_raw_public_key(pkey, point, &size) == 1);
    CHECK(EVP_Digest(seed, 32, hash, NULL, sha512, NULL) == 1);
    hash[0] &= 0xf8;
    hash[31] = (unsigned char)((hash[31] & 0x7f) | 0x40);
    EVP_PKEY_free(pkey);
    return BN_lebin2bn(hash, 32, NULL);
}

/* Whatever fb__key_classify would say of it. False: no table can be made of the key. */
static bool key_open(struct tested *tested, const unsigned char point[32])
{
    fb__key key = {.kty = FB__KTY_OKP, .curve = FB__CURVE_ED25519, .signature_size = 64};
    memset(tested, 0, sizeof(*tested));
    memcpy(tested->point, point, 32);
    memcpy(key.point, point, 32);
    key.algs = fb__alg_bit(fb__alg_find(fb_text("EdDSA")));
    key.pkey = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, point, 32);
    tested->initial = EVP_MD_CTX_new();
    CHECK(EVP_DigestVerifyInit(tested->initial, NULL, NULL, NULL, key.pkey) == 1);
    tested->key = calloc(1, sizeof(*tested->key));
    tested->key->key = key;
    atomic_store(&tables.bytes, 0); /* as if each were alone in its set */
    return make_table(tested->key, &tables) != NULL;
}

static void key_close(struct tested *tested)
{
    fb__verification_key_clear(tested->key, &fb__mem_default);
    free(tested->key);
    EVP_MD_CTX_free(tested->initial);
    BN_free(tested->scalar);
}

/* The verdict of both, which must be the same. */
static bool verdict(struct tested *by, const unsigned char *message, size_t size, const unsigned char bytes[64])
{
    const fb_slice text = {(const char *)message, size}, signature = {(const char *)bytes, 64};
    fb_status ours = fb__signature_verify_raw(by->key, fb__alg_find(fb_text("EdDSA")), text, signature, true);
    CHECK(EVP_MD_CTX_copy_ex(theirs, by->initial) == 1);
    bool good = EVP_DigestVerify(theirs, bytes, 64, message, size) == 1;
    ERR_clear_error();
    compared++;
    accepted += good;
    CHECK(ours == (good ? FB_OK : FB_SIGNATURE_INVALID));
    return good;
}

static bool verdict_of(const struct signature *signature)
{
    return verdict(signature->by, signature->message, signature->message_size, signature->bytes);
}

/* h of R, A and the message; A left out: what somebody might take for the algorithm. */
static BIGNUM *challenge(const struct signature *signature, bool with_key)
{
    unsigned char hash[64];
    CHECK(EVP_DigestInit_ex2(hashing, sha512, NULL) == 1 && EVP_DigestUpdate(hashing, signature->bytes, 32) == 1);
    if (with_key) {
        CHECK(EVP_DigestUpdate(hashing, signature->by->point, 32) == 1);
    }
    CHECK(EVP_DigestUpdate(hashing, signature->message, signature->message_size) == 1);
    CHECK(EVP_DigestFinal_ex(hashing, hash, NULL) == 1);
    BIGNUM *h = BN_lebin2bn(hash, 64, NULL);
    CHECK(h != NULL && BN_nnmod(h, h, order, numbers) == 1);
    return h;
}

/* Signs what is in message. Returns h modulo 8, which decides for a key of mixed order. */
static unsigned sign(struct signature *signature, const struct nonce *nonce, bool with_key)
{
    memcpy(signature->bytes, nonce->point, 32);
    BIGNUM *h = challenge(signature, with_key), *s = BN_new();
    CHECK(BN_mod_mul(s, h, signature->by->scalar, order, numbers) == 1);
    CHECK(BN_mod_add(s, s, nonce->scalar, order, numbers) == 1);
    CHECK(BN_bn2lebinpad(s, signature->bytes + 32, 32) == 32);
    unsigned low = (unsigned)(BN_is_bit_set(h, 0) | BN_is_bit_set(h, 1) << 1 | BN_is_bit_set(h, 2) << 2);
    BN_free(h);
    BN_free(s);
    return low;
}

/* A good signature of a random message: for a key that is not of prime order, tried until h is a multiple of 8. */
static void sign_random(struct signature *signature, struct tested *by)
{
    signature->by = by;
    do {
        signature->message_size = below(LONGEST);
        random_bytes(signature->message, signature->message_size);
    } while (sign(signature, &nonces[below(NONCES)], true) != 0 && by >= keys + RANDOM_KEYS + 2);
}

static void open_all(void)
{
    unsigned char seed[32], point[32];
    for (size_t i = 0; i < NONCES; i++) {
        random_bytes(seed, sizeof(seed));
        nonces[i].scalar = scalar_of_seed(seed, nonces[i].point);
    }
    for (size_t i = 0; i < RANDOM_KEYS; i++) {
        random_bytes(seed, sizeof(seed));
        BIGNUM *scalar = scalar_of_seed(seed, point);
        CHECK(key_open(&keys[i], point));
        keys[i].scalar = scalar;
    }
    memset(seed, 5, sizeof(seed));
    for (size_t i = 0; i < 2 + MIXED; i++) {
        struct tested *tested = &keys[RANDOM_KEYS + i];
        from_hex(point, special_points[i], 32);
        CHECK(key_open(tested, point));
        tested->scalar = i < 2 ? BN_dup(BN_value_one()) : scalar_of_seed(seed, point);
        BN_set_negative(tested->scalar, i == 1);
    }
    for (size_t i = 0; i < SMALL; i++) {
        from_hex(point, small_points[i], 32);
        CHECK(key_open(&keys[RANDOM_KEYS + 2 + MIXED + i], point));
        keys[RANDOM_KEYS + 2 + MIXED + i].scalar = BN_new();
    }
}

/* ---- good and changed signatures ------------------------------------------------------------ */

static void add_to_s(unsigned char bytes[64], const BIGNUM *value)
{
    BIGNUM *s = BN_lebin2bn(bytes + 32, 32, NULL);
    CHECK(BN_add(s, s, value) == 1);
    if (BN_num_bits(s) <= 256) {
        CHECK(BN_bn2lebinpad(s, bytes + 32, 32) == 32);
    }
    BN_free(s);
}

/* S = 2^k + d, or m L + d, of 256 bits at most */
static void border_s(unsigned char bytes[64])
{
    BIGNUM *s = BN_new();
    if (below(2) == 0) {
        CHECK(BN_set_bit(s, (int)below(255)) == 1);
    } else {
        CHECK(BN_copy(s, order) != NULL && BN_mul_word(s, below(16)) == 1);
    }
    unsigned d = below(3);
    CHECK(d == 0 || BN_is_zero(s) || (d == 1 ? BN_add_word(s, 1) : BN_sub_word(s, 1)) == 1);
    CHECK(BN_bn2lebinpad(s, bytes + 32, 32) == 32);
    BN_free(s);
}

static void change_s(struct signature *signature, const struct signature *other)
{
    unsigned char *bytes = signature->bytes;
    BIGNUM *multiple = BN_dup(order);
    switch (below(6)) {
    case 0: /* congruent, so that only the comparison with the order refuses it */
        CHECK(BN_mul_word(multiple, 1 + below(15)) == 1);
        add_to_s(bytes, multiple);
        break;
    case 1: {
        BIGNUM *s = BN_lebin2bn(bytes + 32, 32, NULL);
        CHECK(BN_sub(s, order, s) == 1 && BN_bn2lebinpad(s, bytes + 32, 32) == 32);
        BN_free(s);
        break;
    }
    case 2:
        border_s(bytes);
        break;
    case 3:
        memcpy(bytes + 32, other->bytes + 32, 32);
        break;
    case 4: /* half the time below the order, so that it is computed with */
        random_bytes(bytes + 32, 32);
        bytes[63] &= (unsigned char)(below(2) == 0 ? 0x0f : 0x1f);
        break;
    default:
        bytes[32 + below(32)] ^= (unsigned char)(1 << below(8));
    }
    BN_free(multiple);
}

static void change_r(struct signature *signature, const struct signature *other)
{
    unsigned char *bytes = signature->bytes;
    switch (below(5)) {
    case 0:
        bytes[31] ^= 0x80;
        break;
    case 1:
        from_hex(bytes, small_points[below(SMALL)], 32);
        break;
    case 2:
        memcpy(bytes, other->bytes, 32);
        break;
    case 3: /* p and more */
        memset(bytes, 0xff, 32);
        bytes[0] = (unsigned char)(0xed + below(19));
        bytes[31] = (unsigned char)(below(2) == 0 ? 0x7f : 0xff);
        break;
    default:
        bytes[below(32)] ^= (unsigned char)(1 << below(8));
    }
}

static void change_message(struct signature *signature, const struct signature *other)
{
    unsigned char *message = signature->message;
    switch (below(4)) {
    case 0:
        signature->message_size -= signature->message_size > 0;
        break;
    case 1:
        if (signature->message_size < LONGEST) {
            message[signature->message_size++] = (unsigned char)below(256);
        }
        break;
    case 2:
        memcpy(message, other->message, other->message_size);
        signature->message_size = other->message_size;
        break;
    default:
        if (signature->message_size > 0) {
            message[below((unsigned)signature->message_size)] ^= (unsigned char)(1 << below(8));
        }
    }
}

static void change_all(struct signature *signature, struct tested *by)
{
    unsigned char half[32], *bytes = signature->bytes;
    switch (below(5)) {
    case 0:
        memcpy(half, bytes, 32);
        memcpy(bytes, bytes + 32, 32);
        memcpy(bytes + 32, half, 32);
        break;
    case 1:
        signature->by = by;
        break;
    case 2: /* another algorithm: h of R and the message alone */
        (void)sign(signature, &nonces[below(NONCES)], false);
        break;
    case 3:
        random_bytes(bytes, 64);
        break;
    default: { /* a nonce with a component of small order, which verification with a cofactor does not see */
        const struct tested *mixed = &keys[RANDOM_KEYS + 2 + below(MIXED)];
        struct nonce nonce = {.scalar = mixed->scalar};
        memcpy(nonce.point, mixed->point, 32);
        (void)sign(signature, &nonce, true);
    }
    }
}

/* What the four above leave as it was, or happen to make good again, is compared all the same. */
static void change(struct signature *signature, const struct signature *other)
{
    switch (below(4)) {
    case 0:
        change_s(signature, other);
        break;
    case 1:
        change_r(signature, other);
        break;
    case 2:
        change_message(signature, other);
        break;
    default:
        change_all(signature, &keys[below(KEYS)]);
    }
}

static size_t wanted = 10000;

TEST(random_signatures)
{
    static struct signature good, changed, other;
    sign_random(&other, &keys[0]);
    accepted = compared = 0;
    for (size_t i = 0; i < wanted; i++) {
        sign_random(&good, &keys[below(KEYS)]);
        CHECK(verdict_of(&good));
        other = good;
    }
    printf("%zu good signatures: %zu accepted\n", compared, accepted);
    accepted = compared = 0;
    for (size_t i = 0; i < wanted; i++) {
        sign_random(&good, &keys[below(KEYS)]);
        changed = good;
        change(&changed, &other);
        (void)verdict_of(&changed);
        other = good;
    }
    printf("%zu changed signatures: %zu accepted\n", compared, accepted);
    CHECK(accepted > 0 && accepted < wanted / 4);
}

/* OpenSSL's own, of the keys that people have. */
TEST(openssl_signs)
{
    for (unsigned i = 0; i < 20; i++) {
        struct tested tested;
        unsigned char point[32], bytes[64], message[LONGEST];
        size_t point_size = 32, size = 64;
        EVP_PKEY *pkey = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
        EVP_MD_CTX *context = EVP_MD_CTX_new();
        CHECK(EVP_PKEY_get_raw_public_key(pkey, point, &point_size) == 1 && key_open(&tested, point));
        random_bytes(message, sizeof(message));
        CHECK(EVP_DigestSignInit(context, NULL, NULL, NULL, pkey) == 1);
        CHECK(EVP_DigestSign(context, bytes, &size, message, i) == 1);
        CHECK(verdict(&tested, message, i, bytes) && !verdict(&tested, message, i + 1, bytes));
        EVP_MD_CTX_free(context);
        EVP_PKEY_free(pkey);
        key_close(&tested);
    }
}

/* Every key with every S at a border and R of small order: of such keys some verify, and nearly never of the others. */
TEST(borders)
{
    static struct signature signature;
    accepted = compared = 0;
    for (size_t k = 0; k < KEYS; k++) {
        for (size_t i = 0; i < 200; i++) {
            sign_random(&signature, &keys[k]);
            border_s(signature.bytes);
            (void)verdict_of(&signature);
            from_hex(signature.bytes, small_points[i % SMALL], 32);
            (void)verdict_of(&signature);
            memset(signature.bytes + 32, 0, 32);
            (void)verdict_of(&signature);
        }
    }
    CHECK(accepted > 100);
}

/* A with y from p on, where it is on the curve: OpenSSL takes it modulo p, and no signature is known that is good. */
TEST(keys_that_are_not_canonical)
{
    static struct signature signature;
    unsigned built = 0;
    for (unsigned i = 0; i < 38; i++) {
        struct tested tested;
        unsigned char point[32];
        memset(point, 0xff, sizeof(point));
        point[0] = (unsigned char)(0xed + i % 19);
        point[31] = i < 19 ? 0x7f : 0xff;
        bool takes = key_open(&tested, point);
        built += takes;
        for (unsigned j = 0; takes && j < 100; j++) {
            sign_random(&signature, &keys[below(KEYS)]);
            signature.by = &tested;
            (void)verdict_of(&signature);
        }
        key_close(&tested);
    }
    CHECK(built == 2 * 12); /* y = 0, 1, 3, 4, 5, 6, 9, 10, 14, 15, 16, 18 */
}

/* A key that is no point: OpenSSL imports it and refuses every signature; our arithmetic does not serve it. */
TEST(keys_that_are_no_points)
{
    unsigned built = 0;
    for (unsigned i = 0; i < 200; i++) {
        struct tested tested;
        unsigned char point[32], bytes[64] = {1};
        random_bytes(point, sizeof(point));
        bool takes = key_open(&tested, point);
        built += takes;
        CHECK(EVP_DigestVerify(tested.initial, bytes, 64, point, 32) != 1);
        key_close(&tested);
    }
    CHECK(built > 60 && built < 140);
}

TEST(other_keys_are_left_alone)
{
    fb__key key = {.kty = FB__KTY_OKP, .curve = FB__CURVE_ED448};
    CHECK(fb__arithmetic_ed25519.table_size(&key) == 0);
    key = (fb__key){.kty = FB__KTY_EC, .curve = FB__CURVE_P256};
    CHECK(fb__arithmetic_ed25519.table_size(&key) == 0);
}

/* ---- published vectors ---------------------------------------------------------------------- */

/* RFC 8032 section 7.1: TEST 1, 2, 3 and SHA(abc) */
TEST(rfc8032)
{
    static const struct {
        const char *point, *message, *signature;
    } vectors[] = {
        {"d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
         "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595b"
         "be24655141438e7a100b"},
        {"3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
         "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb430"
         "2aeeb00d291612bb0c00"},
        {"fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
         "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716e"
         "d28dc027beceea1ec40a"},
        {"ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
         "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643c"
         "e80e2a9ac94fa54ca49f",
         "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b58909351fc9ac90b3ecfdfbc7c66431e0303dca179c138a"
         "c17ad9bef1177331a704"},
    };
    for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
        struct tested tested;
        unsigned char point[32], message[64], bytes[64];
        size_t size = strlen(vectors[i].message) / 2;
        from_hex(point, vectors[i].point, 32);
        from_hex(message, vectors[i].message, size);
        from_hex(bytes, vectors[i].signature, 64);
        CHECK(key_open(&tested, point) && verdict(&tested, message, size, bytes));
        bytes[5] ^= 1;
        CHECK(!verdict(&tested, message, size, bytes));
        key_close(&tested);
    }
}

static void run_vector(struct tested *tested, const json_t *vector)
{
    fb_slice message = jose_string(vector, "msg"), signature = jose_string(vector, "sig");
    unsigned char bytes[64], *copy = malloc(message.size / 2 + 1);
    from_hex(copy, message.data, message.size / 2);
    if (signature.size == 128) {
        from_hex(bytes, signature.data, 64);
        CHECK(verdict(tested, copy, message.size / 2, bytes) == jose_is(vector, "result", "valid"));
    } else {
        CHECK(jose_is(vector, "result", "invalid")); /* the length is signature.c's to check */
    }
    free(copy);
}

TEST(wycheproof)
{
    json_t *document = jose_load("wycheproof/ed25519_test.json"), *group, *vector;
    size_t i, j, run = 0;
    if (document == NULL) {
        SKIP("Wycheproof: " JOSE_MISSING);
        return;
    }
    json_array_foreach(json_object_get(document, "testGroups"), i, group)
    {
        struct tested tested;
        unsigned char point[32];
        json_t *key = json_object_get(group, "publicKey");
        CHECK(jose_string(key, "pk").size == 64);
        from_hex(point, jose_string(key, "pk").data, 32);
        CHECK(key_open(&tested, point));
        json_array_foreach(json_object_get(group, "tests"), j, vector)
        {
            run_vector(&tested, vector);
            run++;
        }
        key_close(&tested);
    }
    printf("wycheproof: %zu vectors\n", run);
    CHECK(run == (size_t)json_integer_value(json_object_get(document, "numberOfTests")) && run >= 150);
    json_decref(document);
}

int main(int argc, char **argv)
{
    wanted = argc > 1 ? (size_t)strtoull(argv[1], NULL, 10) : wanted;
    if (!fb__arithmetic_ed25519.supported()) {
        printf("%s is not supported here\n", fb__arithmetic_ed25519.name);
        return 0;
    }
    sha512 = EVP_MD_fetch(NULL, "SHA512", NULL);
    hashing = EVP_MD_CTX_new();
    theirs = EVP_MD_CTX_new();
    numbers = BN_CTX_new();
    CHECK(BN_hex2bn(&order, order_hex) == 64);
    open_all();
    RUN(rfc8032);
    RUN(wycheproof);
    RUN(openssl_signs);
    RUN(borders);
    RUN(keys_that_are_not_canonical);
    RUN(keys_that_are_no_points);
    RUN(other_keys_are_left_alone);
    RUN(random_signatures);
    CHECK(fb_arithmetic_problem() == NULL);
    for (size_t i = 0; i < KEYS; i++) {
        key_close(&keys[i]);
    }
    for (size_t i = 0; i < NONCES; i++) {
        BN_free(nonces[i].scalar);
    }
    BN_free(order);
    BN_CTX_free(numbers);
    EVP_MD_CTX_free(hashing);
    EVP_MD_CTX_free(theirs);
    EVP_MD_free(sha512);
    return TEST_RESULT();
}
