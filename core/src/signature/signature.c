/*
 * The one caller of OpenSSL's verification, and of the fast paths that stand in for it. Given a key that may verify
 * with the algorithm and a signature of hostile bytes. Lengths are checked before anything else is done; OpenSSL's
 * success is 1 and nothing else; its error queue stays as it was.
 *
 * Contexts are what a verification would otherwise spend most of its own time on, so each key keeps a few that are
 * ready. One context must not serve two threads at once: a verification takes one out of its slot and puts it back.
 */
#include "signature/signature.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/rsa.h>

/* What a slot holds; which members are set depends on the type of the key. */
struct ready {
    EVP_MD *md;          /* OKP: SHA-512, what Ed25519 hashes with */
    EVP_MD_CTX *digest;  /* for md. It must never have verified: OpenSSL would initialise it as a verification again */
    EVP_MD_CTX *working; /* OKP: the copy of initial that verifies */
    EVP_MD_CTX *initial; /* OKP: initialised once and copied, never initialised again */
    EVP_PKEY_CTX *pkey;  /* RSA, EC */
    EVP_MAC_CTX *mac;    /* HMAC, keyed */
};

static void ready_free(struct ready *ready)
{
    if (ready != NULL) {
        EVP_MD_free(ready->md);
        EVP_MD_CTX_free(ready->digest);
        EVP_MD_CTX_free(ready->working);
        EVP_MD_CTX_free(ready->initial);
        EVP_PKEY_CTX_free(ready->pkey);
        EVP_MAC_CTX_free(ready->mac);
        OPENSSL_free(ready);
    }
}

/* RFC 7518 section 3.5: salt as long as the hash, MGF1 with the same hash. OpenSSL's default would accept any salt. */
static bool set_pss(EVP_PKEY_CTX *context, const EVP_MD *md)
{
    return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING) == 1 &&
           EVP_PKEY_CTX_set_rsa_mgf1_md(context, md) == 1 &&
           EVP_PKEY_CTX_set_rsa_pss_saltlen(context, RSA_PSS_SALTLEN_DIGEST) == 1;
}

static bool prepare_pkey(struct ready *ready, const fb__key *key, const fb__alg *alg)
{
    ready->md = EVP_MD_fetch(NULL, fb__hashes[alg->hash].openssl_name, NULL);
    ready->digest = EVP_MD_CTX_new();
    ready->pkey = EVP_PKEY_CTX_new(key->pkey, NULL);
    if (ready->md == NULL || ready->digest == NULL || ready->pkey == NULL || EVP_PKEY_verify_init(ready->pkey) != 1 ||
        EVP_PKEY_CTX_set_signature_md(ready->pkey, ready->md) != 1) {
        return false;
    }
    if (alg->kty != FB__KTY_RSA) {
        return true;
    }
    return alg->pss ? set_pss(ready->pkey, ready->md)
                    : EVP_PKEY_CTX_set_rsa_padding(ready->pkey, RSA_PKCS1_PADDING) == 1;
}

static bool prepare_eddsa(struct ready *ready, const fb__key *key)
{
    ready->md = EVP_MD_fetch(NULL, fb__hashes[FB__HASH_SHA512].openssl_name, NULL);
    ready->digest = EVP_MD_CTX_new();
    ready->working = EVP_MD_CTX_new();
    ready->initial = EVP_MD_CTX_new();
    return ready->md != NULL && ready->digest != NULL && ready->working != NULL && ready->initial != NULL &&
           EVP_DigestVerifyInit(ready->initial, NULL, NULL, NULL, key->pkey) == 1;
}

static bool prepare_mac(struct ready *ready, const fb__key *key, const fb__alg *alg)
{
    EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    ready->mac = mac == NULL ? NULL : EVP_MAC_CTX_new(mac);
    EVP_MAC_free(mac);
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)(uintptr_t)fb__hashes[alg->hash].openssl_name,
                                         0),
        OSSL_PARAM_construct_end(),
    };
    return ready->mac != NULL && EVP_MAC_init(ready->mac, key->secret, key->secret_size, params) == 1;
}

static struct ready *ready_new(const fb__key *key, const fb__alg *alg)
{
    struct ready *ready = OPENSSL_zalloc(sizeof(*ready));
    if (ready == NULL) {
        return NULL;
    }
    bool prepared = key->kty == FB__KTY_OCT   ? prepare_mac(ready, key, alg)
                    : key->kty == FB__KTY_OKP ? prepare_eddsa(ready, key)
                                              : prepare_pkey(ready, key, alg);
    if (!prepared) {
        ready_free(ready);
        return NULL;
    }
    return ready;
}

static struct ready *take(fb__key *key, const fb__alg *alg)
{
    for (size_t i = 0; i < FB__SLOTS; i++) {
        struct ready *ready = atomic_exchange_explicit(&key->slots[fb__alg_index(alg)][i], NULL, memory_order_acquire);
        if (ready != NULL) {
            return ready;
        }
    }
    return ready_new(key, alg);
}

static void give_back(fb__key *key, const fb__alg *alg, struct ready *ready)
{
    for (size_t i = 0; i < FB__SLOTS; i++) {
        void *empty = NULL;
        if (atomic_compare_exchange_strong_explicit(&key->slots[fb__alg_index(alg)][i], &empty, ready,
                                                    memory_order_release, memory_order_relaxed)) {
            return;
        }
    }
    ready_free(ready);
}

void fb__signature_forget(fb__key *key)
{
    for (size_t a = 0; a < FB__ALG_COUNT; a++) {
        for (size_t i = 0; i < FB__SLOTS; i++) {
            ready_free(atomic_exchange_explicit(&key->slots[a][i], NULL, memory_order_acquire));
        }
    }
}

/* ---- P1363 to DER --------------------------------------------------------------------------- */

/* INTEGER of size big-endian bytes (X.690 section 8.3); returns where it ends. */
static unsigned char *write_integer(unsigned char *out, const unsigned char *bytes, size_t size)
{
    while (size > 1 && *bytes == 0) {
        bytes++;
        size--;
    }
    bool pad = (*bytes & 0x80) != 0;
    *out++ = 0x02;
    *out++ = (unsigned char)(size + pad);
    if (pad) {
        *out++ = 0;
    }
    memcpy(out, bytes, size);
    return out + size;
}

/* JWS has r and s side by side (RFC 7518 section 3.4), OpenSSL wants a SEQUENCE. size is that of the table: at most
 * 132. */
static size_t to_der(unsigned char out[FB__MAX_DER], const unsigned char *signature, size_t size)
{
    unsigned char body[FB__MAX_DER];
    unsigned char *end = write_integer(write_integer(body, signature, size / 2), signature + size / 2, size / 2);
    size_t length = (size_t)(end - body), at = 0;
    out[at++] = 0x30;
    if (length > 127) {
        out[at++] = 0x81;
    }
    out[at++] = (unsigned char)length;
    memcpy(out + at, body, length);
    return at + length;
}

/* ---- verification --------------------------------------------------------------------------- */

static bool hash(const struct ready *ready, const fb__fast_input *input, unsigned char *digest, unsigned *digest_size)
{
    return EVP_DigestInit_ex2(ready->digest, ready->md, NULL) == 1 &&
           EVP_DigestUpdate(ready->digest, input->message, input->message_size) == 1 &&
           EVP_DigestFinal_ex(ready->digest, digest, digest_size) == 1;
}

static fb_status verify_pkey(const struct ready *ready, const fb__fast_input *input)
{
    unsigned char digest[EVP_MAX_MD_SIZE], der[FB__MAX_DER];
    const unsigned char *signature = input->signature;
    size_t signature_size = input->signature_size;
    unsigned digest_size;
    if (!hash(ready, input, digest, &digest_size)) {
        return FB_INTERNAL_ERROR;
    }
    if (input->alg->kty == FB__KTY_EC) {
        signature_size = to_der(der, signature, signature_size);
        signature = der;
    }
    return EVP_PKEY_verify(ready->pkey, signature, signature_size, digest, digest_size) == 1 ? FB_OK
                                                                                             : FB_SIGNATURE_INVALID;
}

static fb_status verify_eddsa(const struct ready *ready, const fb__fast_input *input)
{
    if (EVP_MD_CTX_copy_ex(ready->working, ready->initial) != 1) {
        return FB_INTERNAL_ERROR;
    }
    return EVP_DigestVerify(ready->working, input->signature, input->signature_size, input->message,
                            input->message_size) == 1
               ? FB_OK
               : FB_SIGNATURE_INVALID;
}

static fb_status verify_mac(const struct ready *ready, const fb__fast_input *input)
{
    unsigned char tag[FB__MAX_DIGEST];
    size_t tag_size = 0;
    if (EVP_MAC_init(ready->mac, NULL, 0, NULL) != 1 ||
        EVP_MAC_update(ready->mac, input->message, input->message_size) != 1 ||
        EVP_MAC_final(ready->mac, tag, &tag_size, sizeof(tag)) != 1) {
        return FB_INTERNAL_ERROR;
    }
    bool equal = tag_size == input->signature_size && CRYPTO_memcmp(tag, input->signature, tag_size) == 0;
    OPENSSL_cleanse(tag, sizeof(tag));
    return equal ? FB_OK : FB_SIGNATURE_INVALID;
}

static fb_status verify_openssl(const struct ready *ready, const fb__key *key, const fb__fast_input *input)
{
    fb_status status = key->kty == FB__KTY_OCT   ? verify_mac(ready, input)
                       : key->kty == FB__KTY_OKP ? verify_eddsa(ready, input)
                                                 : verify_pkey(ready, input);
    /* Out of memory is no verdict on the signature. */
    return status != FB_OK && fb__openssl_out_of_memory() ? FB_OUT_OF_MEMORY : status;
}

/* By the key's table, and now and then by OpenSSL as well, whose verdict stands. */
static fb_status verify_fast(const struct ready *ready, fb__key *key, const void *table, fb__fast_input *input)
{
    input->md = ready->md;
    input->digest = ready->digest;
    fb__fast_verdict verdict = key->fast->verify(table, input);
    if (verdict == FB__FAST_UNDECIDED) {
        return verify_openssl(ready, key, input);
    }
    if (!fb__fast_check_due(key)) {
        return verdict == FB__FAST_VALID ? FB_OK : FB_SIGNATURE_INVALID;
    }
    fb_status status = verify_openssl(ready, key, input);
    if (status == FB_SIGNATURE_INVALID && verdict == FB__FAST_VALID) {
        /* Where it runs out of memory without saying so OpenSSL says the same; twice in a row is a verdict. */
        status = verify_openssl(ready, key, input);
    }
    if (status == (verdict == FB__FAST_VALID ? FB_SIGNATURE_INVALID : FB_OK)) {
        fb__fast_disagreed(key);
    }
    return status;
}

static fb_status verify_input(fb__key *key, fb__fast_input *input, bool fast)
{
    const fb__alg *alg = input->alg;
    size_t expected = key->kty == FB__KTY_OCT ? fb__hash_size(alg->hash) : key->signature_size;
    if (input->signature_size != expected || expected == 0 || (key->algs & fb__alg_bit(alg)) == 0) {
        return FB_SIGNATURE_INVALID;
    }
    fb__openssl_errors errors;
    fb__openssl_begin(&errors);
    fb_status status = FB_OUT_OF_MEMORY;
    struct ready *ready = take(key, alg);
    if (ready != NULL) {
        const void *table = fast ? fb__fast_table(key) : NULL;
        status = table != NULL ? verify_fast(ready, key, table, input) : verify_openssl(ready, key, input);
        give_back(key, alg, ready);
        if (fast && table == NULL && status == FB_OK) {
            fb__fast_count(key);
        }
    }
    fb__openssl_end(&errors);
    return status;
}

fb_status fb__signature_verify_raw(fb__key *key, const fb__alg *alg, const unsigned char *message, size_t message_size,
                                   const unsigned char *signature, size_t signature_size)
{
    fb__fast_input input = {alg, message, message_size, signature, signature_size, NULL, NULL};
    return verify_input(key, &input, false);
}

fb_status fb__signature_verify(fb__key *key, const fb__alg *alg, fb_slice signing_input, fb_slice signature, bool fast)
{
    unsigned char decoded[FB__MAX_SIGNATURE];
    size_t size = fb__base64url_decoded_size(signature.size);
    if (size > sizeof(decoded) || !fb__base64url_decode(signature.data, signature.size, decoded)) {
        return FB_SIGNATURE_INVALID;
    }
    fb__fast_input input = {alg, (const unsigned char *)signing_input.data, signing_input.size, decoded, size, NULL,
                            NULL};
    return verify_input(key, &input, fast);
}
