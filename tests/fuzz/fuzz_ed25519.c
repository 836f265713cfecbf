/*
 * Target functions: build and verify of fb__arithmetic_ed25519, beside OpenSSL's verdict. Input: one byte for the key,
 * then 64 bytes and the message. Of a test key the signature is a good one with the 64 bytes added by exclusive or, so
 * that zeros are accepted; otherwise the key is the next 32 bytes and the signature is what the input says.
 */
#include "arithmetic/arithmetic.h"
#include "fuzz.h"

#include <openssl/pem.h>

static const char *const names[] = {"ed25519", "ed25519-other"};
enum { TEST_KEYS = 2, SLOTS = TEST_KEYS + 1 };

static struct {
    EVP_PKEY *pkey;
    fb__key key;
    void *table;
} slots[SLOTS];
static EVP_MD *sha512;
static EVP_MD_CTX *context;

static EVP_PKEY *private_key(const char *name)
{
    fb_keypair *pair = fuzz_key("EdDSA", name);
    fb_slice pem = fb_keypair_private_pem(pair);
    BIO *bio = BIO_new_mem_buf(pem.data, (int)pem.size);
    EVP_PKEY *pkey = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
    REQUIRE(pkey != NULL);
    BIO_free(bio);
    fb_keypair_free(pair);
    return pkey;
}

/* Whether a table can be made of the key. */
static bool open_slot(size_t index, EVP_PKEY *pkey)
{
    size_t point_size = FB__MAX_POINT;
    fb__key *key = &slots[index].key;
    key->pkey = slots[index].pkey = pkey;
    key->kty = FB__KTY_OKP;
    key->curve = FB__CURVE_ED25519;
    REQUIRE(EVP_PKEY_get_raw_public_key(pkey, key->point, &point_size) == 1);
    size_t size = fb__arithmetic_ed25519.table_size(key);
    if (slots[index].table == NULL) {
        slots[index].table =
            aligned_alloc(FB__TABLE_ALIGNMENT, (size + FB__TABLE_ALIGNMENT - 1) & ~(FB__TABLE_ALIGNMENT - 1UL));
    }
    REQUIRE(size > 0 && slots[index].table != NULL);
    return fb__arithmetic_ed25519.build(slots[index].table, key);
}

static void open_all(void)
{
    sha512 = EVP_MD_fetch(NULL, "SHA512", NULL);
    context = EVP_MD_CTX_new();
    REQUIRE(fb__arithmetic_ed25519.prepare(&fb__mem_default) == FB__SELF_TEST_RIGHT);
    for (size_t i = 0; i < TEST_KEYS; i++) {
        REQUIRE(open_slot(i, private_key(names[i])));
    }
}

static bool openssl_verifies(EVP_PKEY *pkey, const uint8_t *message, size_t size, const unsigned char signature[64])
{
    bool good = EVP_DigestVerifyInit(context, NULL, NULL, NULL, pkey) == 1 &&
                EVP_DigestVerify(context, signature, 64, message, size) == 1;
    EVP_MD_CTX_reset(context);
    ERR_clear_error();
    return good;
}

static void take(unsigned char *out, size_t wanted, const uint8_t **data, size_t *size)
{
    size_t taken = *size < wanted ? *size : wanted;
    memset(out, 0, wanted);
    memcpy(out, *data, taken);
    *data += taken;
    *size -= taken;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    unsigned char bytes[64], good[64], point[32];
    if (!fb__arithmetic_ed25519.supported()) {
        return 0;
    }
    if (context == NULL) {
        open_all();
    }
    size_t index = fuzz_byte(&data, &size) % SLOTS, length = sizeof(good);
    take(bytes, sizeof(bytes), &data, &size);
    bool taken = true;
    if (index < TEST_KEYS) {
        REQUIRE(EVP_DigestSignInit(context, NULL, NULL, NULL, slots[index].pkey) == 1 &&
                EVP_DigestSign(context, good, &length, data, size) == 1);
        for (size_t i = 0; i < sizeof(bytes); i++) {
            bytes[i] ^= good[i];
        }
    } else {
        take(point, sizeof(point), &data, &size);
        taken = open_slot(index, EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, point, sizeof(point)));
    }
    bool expected = openssl_verifies(slots[index].pkey, data, size, bytes);
    if (taken) {
        unsigned char digest[64];
        REQUIRE(EVP_DigestInit_ex2(context, sha512, NULL) == 1 && EVP_DigestUpdate(context, bytes, 32) == 1 &&
                EVP_DigestUpdate(context, slots[index].key.point, 32) == 1 &&
                EVP_DigestUpdate(context, data, size) == 1 && EVP_DigestFinal_ex(context, digest, NULL) == 1);
        REQUIRE(fb__arithmetic_ed25519.verify(slots[index].table, digest, bytes) == expected);
    } else {
        REQUIRE(!expected);
    }
    if (index == TEST_KEYS) {
        EVP_PKEY_free(slots[index].pkey);
    }
    fuzz_no_errors_left();
    return 0;
}
