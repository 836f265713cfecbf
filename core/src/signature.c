/*
 * The one caller of OpenSSL's verification. Given a key that may verify with the algorithm and a signature of hostile
 * bytes. Lengths are checked before anything else is done; success is 1 and nothing else; OpenSSL's error queue stays
 * as it was.
 *
 * Contexts are what a verification would otherwise spend most of its own time on, so each key keeps a few that are
 * ready. One context must not serve two threads at once: a verification takes one out of its slot and puts it back.
 */
#include "internal.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/rsa.h>

/* What a slot holds; which members are set depends on the type of the key. */
struct ready {
    EVP_MD *md;
    EVP_MD_CTX *digest;  /* RSA, EC: the hash. OKP: the working copy of template */
    EVP_MD_CTX *initial; /* OKP: initialised once and copied, never initialised again */
    EVP_PKEY_CTX *pkey;  /* RSA, EC */
    EVP_MAC_CTX *mac;    /* HMAC, keyed */
};

static void ready_free(struct ready *ready)
{
    if (ready != NULL) {
        EVP_MD_free(ready->md);
        EVP_MD_CTX_free(ready->digest);
        EVP_MD_CTX_free(ready->initial);
        EVP_PKEY_CTX_free(ready->pkey);
        EVP_MAC_CTX_free(ready->mac);
        OPENSSL_free(ready);
    }
}

static const char *hash_name(fb__hash hash)
{
    return hash == FB__HASH_SHA256 ? "SHA256" : hash == FB__HASH_SHA384 ? "SHA384" : "SHA512";
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
    ready->md = EVP_MD_fetch(NULL, hash_name(alg->hash), NULL);
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
    ready->digest = EVP_MD_CTX_new();
    ready->initial = EVP_MD_CTX_new();
    return ready->digest != NULL && ready->initial != NULL &&
           EVP_DigestVerifyInit(ready->initial, NULL, NULL, NULL, key->pkey) == 1;
}

static bool prepare_mac(struct ready *ready, const fb__key *key, const fb__alg *alg)
{
    EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    ready->mac = mac == NULL ? NULL : EVP_MAC_CTX_new(mac);
    EVP_MAC_free(mac);
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)(uintptr_t)hash_name(alg->hash), 0),
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

static bool hash(const struct ready *ready, const unsigned char *message, size_t size, unsigned char *digest,
                 unsigned *digest_size)
{
    return EVP_DigestInit_ex2(ready->digest, ready->md, NULL) == 1 &&
           EVP_DigestUpdate(ready->digest, message, size) == 1 &&
           EVP_DigestFinal_ex(ready->digest, digest, digest_size) == 1;
}

static fb_status verify_pkey(const struct ready *ready, const fb__alg *alg, const unsigned char *message,
                             size_t message_size, const unsigned char *signature, size_t signature_size)
{
    unsigned char digest[EVP_MAX_MD_SIZE], der[FB__MAX_DER];
    unsigned digest_size;
    if (!hash(ready, message, message_size, digest, &digest_size)) {
        return FB_INTERNAL_ERROR;
    }
    if (alg->kty == FB__KTY_EC) {
        signature_size = to_der(der, signature, signature_size);
        signature = der;
    }
    return EVP_PKEY_verify(ready->pkey, signature, signature_size, digest, digest_size) == 1 ? FB_OK
                                                                                             : FB_SIGNATURE_INVALID;
}

static fb_status verify_eddsa(const struct ready *ready, const unsigned char *message, size_t message_size,
                              const unsigned char *signature, size_t signature_size)
{
    if (EVP_MD_CTX_copy_ex(ready->digest, ready->initial) != 1) {
        return FB_INTERNAL_ERROR;
    }
    return EVP_DigestVerify(ready->digest, signature, signature_size, message, message_size) == 1
               ? FB_OK
               : FB_SIGNATURE_INVALID;
}

static fb_status verify_mac(const struct ready *ready, const unsigned char *message, size_t message_size,
                            const unsigned char *signature, size_t signature_size)
{
    unsigned char tag[FB__MAX_DIGEST];
    size_t tag_size = 0;
    if (EVP_MAC_init(ready->mac, NULL, 0, NULL) != 1 || EVP_MAC_update(ready->mac, message, message_size) != 1 ||
        EVP_MAC_final(ready->mac, tag, &tag_size, sizeof(tag)) != 1) {
        return FB_INTERNAL_ERROR;
    }
    bool equal = tag_size == signature_size && CRYPTO_memcmp(tag, signature, tag_size) == 0;
    OPENSSL_cleanse(tag, sizeof(tag));
    return equal ? FB_OK : FB_SIGNATURE_INVALID;
}

fb_status fb__signature_verify_raw(fb__key *key, const fb__alg *alg, const unsigned char *message, size_t message_size,
                                   const unsigned char *signature, size_t signature_size)
{
    size_t expected = key->kty == FB__KTY_OCT ? alg->signature_size : key->signature_size;
    if (signature_size != expected || signature_size == 0 || (key->algs & fb__alg_bit(alg)) == 0) {
        return FB_SIGNATURE_INVALID;
    }
    ERR_set_mark();
    fb_status status = FB_OUT_OF_MEMORY;
    struct ready *ready = take(key, alg);
    if (ready != NULL) {
        status = key->kty == FB__KTY_OCT   ? verify_mac(ready, message, message_size, signature, signature_size)
                 : key->kty == FB__KTY_OKP ? verify_eddsa(ready, message, message_size, signature, signature_size)
                                           : verify_pkey(ready, alg, message, message_size, signature, signature_size);
        give_back(key, alg, ready);
    }
    if (status == FB_SIGNATURE_INVALID && fb__openssl_out_of_memory()) {
        status = FB_OUT_OF_MEMORY; /* no verdict on the signature */
    }
    ERR_pop_to_mark();
    return status;
}

fb_status fb__signature_verify(fb__key *key, const fb__alg *alg, fb_slice signing_input, fb_slice signature)
{
    unsigned char decoded[FB__MAX_SIGNATURE];
    size_t size = fb__base64url_decoded_size(signature.size);
    if (size > sizeof(decoded) || !fb__base64url_decode(signature.data, signature.size, decoded)) {
        return FB_SIGNATURE_INVALID;
    }
    return fb__signature_verify_raw(key, alg, (const unsigned char *)signing_input.data, signing_input.size, decoded,
                                    size);
}
