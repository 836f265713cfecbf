/*
 * Our RSA beside OpenSSL: test_rsa [COUNT] takes COUNT good signatures (default 10000) and COUNT that are
 * changed, over all algorithms and sizes; then every block that is wrong in one place, edge values, Wycheproof and the
 * RFCs. Signatures are made by keys that sign cheaply (rsa_signer.h), so none is used twice.
 */
#include "jose.h"
#include "rsa_blocks.h"

#include <dirent.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/pem.h>

enum { SIZES = 3, KEYS_PER_SIZE = 3, SIGNERS = SIZES * KEYS_PER_SIZE, MESSAGE = 40 };
static const size_t sizes[SIZES] = {2048, 3072, 4096};
static rsa_signer signers[SIGNERS];
static size_t count = 10000;

/* OpenSSL's verdict, after a check that ours is the same. */
static bool compare(rsa_verifier *v, const fb__alg *alg, fb_slice message, const unsigned char *signature,
                    const char *what)
{
    const bool good = rsa_openssl_accepts(v, alg, message, signature);
    ERR_clear_error();
    const fb_status verdict = rsa_verdict(v, alg, message, signature);
    test_checks++;
    if (verdict != (good ? FB_OK : FB_SIGNATURE_INVALID) || ERR_peek_error() != 0) {
        FAIL("%s, %.8s, %d bits: OpenSSL says %d, we %s", what, alg->name, v->key->key.bits, good,
             fb_status_name(verdict));
    }
    return good;
}

static void sign(rsa_signer *s, const fb__alg *alg, fb_slice message, unsigned fault, uint64_t *random,
                 unsigned char *out)
{
    unsigned char block[RSA_SIGNER_BYTES];
    rsa_block(block, &s->verifier, alg, message, fault, random);
    rsa_sign_block(s, block, out);
}

/* ---- changes ---------------------------------------------------------------------------------- */

/* A number that is 0, n or s, plus or minus 2^k or nothing; all ones when that is too large. */
static void edge_value(const rsa_signer *s, uint64_t *random, unsigned char *signature)
{
    BIGNUM *value = BN_new(), *power = BN_new();
    const uint64_t choice = rsa_random(random);
    RSA_MUST(value != NULL && power != NULL);
    if (choice % 4 == 1) {
        RSA_MUST(BN_copy(value, s->n) != NULL);
    } else if (choice % 4 >= 2) {
        RSA_MUST(BN_bin2bn(signature, (int)s->bytes, value) != NULL);
    }
    if (choice % 4 == 3) {
        RSA_MUST(BN_sub(value, s->n, value) == 1); /* n - s */
    }
    if ((choice >> 8) % 8 != 0) {
        RSA_MUST(BN_set_bit(power, (int)((choice >> 16) % (s->bytes * 8))) == 1);
        RSA_MUST((choice >> 15 & 1) != 0 ? BN_add(value, value, power) == 1 : BN_sub(value, value, power) == 1);
    }
    if ((choice >> 13) % 4 == 0) {
        RSA_MUST(BN_add(value, value, s->n) == 1); /* s + n opens to the same block, and is refused */
    }
    BN_set_negative(value, 0);
    memset(signature, 0xff, s->bytes);
    if (BN_num_bytes(value) <= (int)s->bytes) {
        RSA_MUST(BN_bn2binpad(value, signature, (int)s->bytes) == (int)s->bytes);
    }
    BN_free(power);
    BN_free(value);
}

/* Limbs of 52 bits that are all ones, zero, or differ from that by one: what carries run through. */
static void limb_pattern(size_t bytes, uint64_t *random, unsigned char *signature)
{
    memset(signature, 0, bytes);
    for (size_t limb = 0; limb * 52 + 52 <= bytes * 8; limb++) {
        const uint64_t choice = rsa_random(random), ones = (UINT64_C(1) << 52) - 1;
        const uint64_t value = choice % 8 == 0 ? 0 : choice % 8 == 1 ? 1 : choice % 8 == 2 ? ones - 1 : ones;
        for (size_t bit = 0; bit < 52; bit++) {
            const size_t at = limb * 52 + bit;
            signature[bytes - 1 - at / 8] |= (unsigned char)((value >> bit & 1) << at % 8);
        }
    }
    signature[0] &= 0x7f;
}

static void change_bytes(size_t bytes, uint64_t *random, unsigned char *signature)
{
    unsigned char half[RSA_SIGNER_BYTES / 2];
    const uint64_t choice = rsa_random(random);
    switch (choice % 4) {
    case 0:
        signature[(choice >> 8) % bytes] ^= (unsigned char)(1 << (choice >> 32) % 8);
        break;
    case 1:
        memcpy(half, signature, bytes / 2);
        memmove(signature, signature + bytes / 2, bytes / 2);
        memcpy(signature + bytes / 2, half, bytes / 2);
        break;
    case 2:
        memset(signature + (choice >> 8) % bytes, (int)(choice >> 32 & 0xff), 1);
        break;
    default:
        memset(signature, (choice & 16) != 0 ? 0x00 : 0xff, (choice >> 8) % bytes);
    }
}

/* One of the ways in which a signature can be wrong; whether it is one OpenSSL says. */
static bool try_changed(rsa_signer *s, const fb__alg *alg, char *text, const unsigned char *good, uint64_t *random)
{
    unsigned char signature[RSA_SIGNER_BYTES];
    fb_slice message = {text, MESSAGE};
    rsa_verifier *v = &s->verifier;
    const uint64_t choice = rsa_random(random);
    memcpy(signature, good, s->bytes);
    switch (choice % 8) {
    case 0:
        sign(s, alg, message, (unsigned)(RSA_NO_NULL + choice / 8 % (RSA_BLOCK_FAULTS - 1)), random, signature);
        return compare(v, alg, message, signature, "block");
    case 1:
        edge_value(s, random, signature);
        return compare(v, alg, message, signature, "edge value");
    case 2:
        limb_pattern(s->bytes, random, signature);
        return compare(v, alg, message, signature, "limbs");
    case 3: /* the next key of this size, in turn */
        v = &signers[(size_t)(s - signers + SIZES) % SIGNERS].verifier;
        return compare(v, alg, message, signature, "other key");
    case 4:
        text[choice / 8 % MESSAGE] ^= (char)(1 << choice / 512 % 7);
        return compare(v, alg, message, signature, "other message");
    case 5:
        message.size -= 1 + choice / 8 % MESSAGE;
        return compare(v, alg, message, signature, "shorter message");
    case 6:
        return compare(v, &fb__algs[(fb__alg_index(alg) + 1 + choice / 8 % (RSA_ALGS - 1)) % RSA_ALGS], message,
                       signature, "other algorithm");
    default:
        change_bytes(s->bytes, random, signature);
        return compare(v, alg, message, signature, "bytes");
    }
}

TEST(random_signatures)
{
    uint64_t random = count;
    size_t good = 0, refused = 0;
    for (size_t i = 0; i < count; i++) {
        rsa_signer *s = &signers[i % SIGNERS];
        const fb__alg *alg = &fb__algs[i / SIGNERS % RSA_ALGS];
        unsigned char signature[RSA_SIGNER_BYTES];
        char text[MESSAGE];
        rsa_random_bytes(&random, (unsigned char *)text, MESSAGE);
        const fb_slice message = {text, MESSAGE};
        sign(s, alg, message, RSA_GOOD, &random, signature);
        good += compare(&s->verifier, alg, message, signature, "good");
        refused += !try_changed(s, alg, text, signature, &random);
    }
    printf("%zu good, %zu changed of which %zu refused\n", good, count, refused);
    CHECK(good == count);
    CHECK(refused >= count - count / 50); /* a change may change nothing */
}

/* ---- every place, every edge ------------------------------------------------------------------ */

static void each_byte_of_a_block(rsa_signer *s, const fb__alg *alg)
{
    static const char text[] = "every byte of this block counts";
    const fb_slice message = {text, sizeof(text) - 1};
    unsigned char block[RSA_SIGNER_BYTES], signature[RSA_SIGNER_BYTES];
    uint64_t random = s->bytes;
    rsa_block(block, &s->verifier, alg, message, RSA_GOOD, &random);
    rsa_sign_block(s, block, signature);
    CHECK(compare(&s->verifier, alg, message, signature, "untouched"));
    for (size_t i = 0; i < s->bytes; i++) {
        const unsigned char was = block[i];
        block[i] ^= (unsigned char)(1 << rsa_random(&random) % 8);
        rsa_sign_block(s, block, signature);
        CHECK(!compare(&s->verifier, alg, message, signature, "one bit of the block"));
        block[i] = was;
    }
    for (unsigned fault = RSA_GOOD + 1; fault < RSA_BLOCK_FAULTS; fault++) {
        sign(s, alg, message, fault, &random, signature);
        CHECK(!compare(&s->verifier, alg, message, signature, "fault"));
    }
}

TEST(blocks)
{
    for (size_t i = 0; i < SIZES; i++) {
        for (size_t a = 0; a < RSA_ALGS; a++) {
            each_byte_of_a_block(&signers[i], &fb__algs[a]);
        }
    }
}

/* What is around each border of a limb and half way between, counted from 0 and down from n. */
static void edges_of(rsa_signer *s, const fb__alg *alg)
{
    unsigned char signature[RSA_SIGNER_BYTES];
    BIGNUM *value = BN_new();
    RSA_MUST(value != NULL);
    for (int k = -1; k < (int)s->bytes * 8; k += k < 0 || k % 52 == 51 || k % 52 == 0 ? 1 : 25) {
        for (int offset = -1; offset <= 1; offset++) {
            for (int from_n = 0; from_n < 2; from_n++) {
                BN_zero(value);
                RSA_MUST(k < 0 || BN_set_bit(value, k) == 1);
                RSA_MUST(offset < 0 ? BN_sub_word(value, 1) == 1 : BN_add_word(value, (BN_ULONG)offset) == 1);
                RSA_MUST(from_n == 0 || BN_sub(value, s->n, value) == 1);
                if (!BN_is_negative(value) && BN_num_bytes(value) <= (int)s->bytes) {
                    RSA_MUST(BN_bn2binpad(value, signature, (int)s->bytes) == (int)s->bytes);
                    CHECK(!compare(&s->verifier, alg, fb_text("edge"), signature, "edge"));
                }
            }
        }
    }
    BN_free(value);
}

TEST(edges)
{
    for (size_t i = 0; i < SIZES; i++) {
        edges_of(&signers[i], &fb__algs[i]);
    }
}

/* ---- published vectors ------------------------------------------------------------------------ */

static size_t published, published_good;

/* A signature under all six algorithms: it is good under one at most. */
static void compare_all(rsa_verifier *v, fb_slice message, const unsigned char *signature, size_t size,
                        const char *what)
{
    for (size_t i = 0; i < RSA_ALGS && size == v->key->key.signature_size && v->table != NULL; i++) {
        published++;
        published_good += compare(v, &fb__algs[i], message, signature, what);
    }
}

static size_t from_hex(const json_t *object, const char *name, unsigned char *out, size_t room)
{
    size_t size = 0;
    RSA_MUST(OPENSSL_hexstr2buf_ex(out, room, &size, jose_string(object, name).data, '\0') == 1);
    return size;
}

static void wycheproof_group(const json_t *group, const char *name)
{
    static unsigned char message[4096], signature[4096];
    fb_slice pem = jose_string(group, "publicKeyPem");
    pem = pem.data != NULL ? pem : jose_string(group, "keyPem");
    fb__keyset *keys = NULL;
    rsa_verifier v;
    size_t i;
    const json_t *test;
    if (fb__keyset_from_pem(&keys, &fb__mem_default, pem, NULL) != FB_OK) {
        return; /* too small a key */
    }
    rsa_verifier_open(&v, keys);
    json_array_foreach(json_object_get(group, "tests"), i, test)
    {
        const size_t size = from_hex(test, "sig", signature, sizeof(signature));
        const fb_slice text = {(const char *)message, from_hex(test, "msg", message, sizeof(message))};
        compare_all(&v, text, signature, size, name);
    }
    rsa_verifier_close(&v);
}

TEST(wycheproof)
{
    char path[200];
    FILE *list = NULL;
    size_t i, files = 0, missing = 0;
    const json_t *group;
    published = published_good = 0;
    while (jose_next_wycheproof(&list, path, sizeof(path))) {
        if (strncmp(path, "wycheproof/rsa_", 15) != 0) {
            continue;
        }
        json_t *document = jose_load(path);
        files++;
        missing += document == NULL;
        json_array_foreach(json_object_get(document, "testGroups"), i, group)
        {
            wycheproof_group(group, path);
        }
        json_decref(document);
    }
    fclose(list);
    if (missing != 0) {
        SKIP("%zu of %zu files: " JOSE_MISSING, missing, files);
        return;
    }
    printf("Wycheproof: %zu files, %zu verdicts, %zu good\n", files, published, published_good);
    CHECK(files == 26 && published >= 15000 && published_good >= 500);
}

static void compare_token(const json_t *jwk, fb_slice token)
{
    unsigned char signature[FB__MAX_SIGNATURE];
    struct jose_keys keys;
    fb__token parts;
    rsa_verifier v;
    RSA_MUST(jose_keys_of(jwk, &keys) && fb__token_split(token.data, token.size, &parts) == FB_OK);
    RSA_MUST(fb__base64url_decode(parts.signature.data, parts.signature.size, signature));
    CHECK(jose_verify_jwk(jwk, token) == FB_OK);
    rsa_verifier_open(&v, keys.set);
    compare_all(&v, parts.signing_input, signature, fb__base64url_decoded_size(parts.signature.size), "RFC");
    rsa_verifier_close(&v);
}

TEST(rfcs)
{
    static const char *const cookbook[] = {"ietf-jose-cookbook/jws/4_1.rsa_v15_signature.json",
                                           "ietf-jose-cookbook/jws/4_2.rsa-pss_signature.json"};
    json_t *document = jose_load("rfc/rfc7515_appendix_a.json"), *vector;
    size_t i;
    if (document == NULL) {
        SKIP("RFC 7515 and RFC 7520: " JOSE_MISSING);
        return;
    }
    published = published_good = 0;
    json_array_foreach(json_object_get(document, "vectors"), i, vector)
    {
        const json_t *jwk = json_object_get(vector, "jwk");
        if (json_is_object(jwk) && jose_is(jwk, "kty", "RSA") &&
            json_is_true(json_object_get(vector, "signature_valid"))) {
            compare_token(jwk, jose_string(vector, "compact"));
        }
    }
    json_decref(document);
    for (i = 0; i < 2; i++) {
        document = jose_load(cookbook[i]);
        compare_token(json_object_get(json_object_get(document, "input"), "key"),
                      jose_string(json_object_get(document, "output"), "compact"));
        json_decref(document);
    }
    CHECK(published == 18 && published_good == 3);
}

/* ---- which keys ------------------------------------------------------------------------------- */

static size_t size_for(const char *type, unsigned bits, unsigned long exponent, const char *hash)
{
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    EVP_PKEY *pair = NULL;
    BIGNUM *e = BN_new();
    fb__key key;
    memset(&key, 0, sizeof(key));
    RSA_MUST(context != NULL && e != NULL && BN_set_word(e, exponent) == 1 && EVP_PKEY_keygen_init(context) == 1);
    RSA_MUST(EVP_PKEY_CTX_set_rsa_keygen_bits(context, (int)bits) == 1 &&
             EVP_PKEY_CTX_set1_rsa_keygen_pubexp(context, e) == 1);
    RSA_MUST(hash == NULL || (EVP_PKEY_CTX_set_rsa_pss_keygen_md_name(context, hash, NULL) == 1 &&
                              EVP_PKEY_CTX_set_rsa_pss_keygen_mgf1_md_name(context, hash) == 1));
    RSA_MUST(EVP_PKEY_generate(context, &pair) == 1);
    key.pkey = pair;
    RSA_MUST(fb__key_classify(&key) == NULL);
    const size_t size = fb__arithmetic_rsa.table_size(&key);
    CHECK(ERR_peek_error() == 0);
    EVP_PKEY_free(pair);
    EVP_PKEY_CTX_free(context);
    BN_free(e);
    return size;
}

TEST(which_keys)
{
    if (!fb__arithmetic_rsa.supported()) {
        return;
    }
    CHECK(size_for("RSA", 2048, 65537, NULL) > 0);
    CHECK(size_for("RSA-PSS", 2048, 65537, NULL) > 0);
    CHECK(size_for("RSA-PSS", 2048, 65537, "SHA256") == 0);
    CHECK(size_for("RSA", 2048, 65539, NULL) == 0);
    CHECK(size_for("RSA", 2056, 65537, NULL) == 0);
    for (size_t i = 0; i < SIGNERS; i++) {
        CHECK(fb__arithmetic_rsa.table_size(&signers[i].verifier.key->key) > 0);
    }
}

int main(int argc, char **argv)
{
    if (argc > 1) {
        count = strtoull(argv[1], NULL, 10);
    }
    for (size_t i = 0; i < SIGNERS; i++) {
        rsa_signer_open(&signers[i], sizes[i % SIZES], i);
    }
    RUN(which_keys);
    if (signers[0].verifier.table == NULL) {
        CHECK(!fb__arithmetic_rsa.supported());
        printf("not supported by this processor or build: no verdict is tested\n");
    } else {
        RUN(blocks);
        RUN(edges);
        RUN(rfcs);
        RUN(wycheproof);
        RUN(random_signatures);
    }
    CHECK(fb_arithmetic_problem() == NULL);
    for (size_t i = 0; i < SIGNERS; i++) {
        rsa_signer_close(&signers[i]);
    }
    return TEST_RESULT();
}
