/*
 * Contexts of OpenSSL, ready to verify: to make one costs as much as many verifications with it, so each key keeps a
 * few. One must not serve two threads at once: a verification takes one out of its slot and puts it back.
 */
#include "signature/context.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/rsa.h>

static void context_free(fb__context *context)
{
    if (context != NULL) {
        EVP_MD_free(context->md);
        EVP_MD_CTX_free(context->digest);
        EVP_MD_CTX_free(context->working);
        EVP_MD_CTX_free(context->initial);
        EVP_PKEY_CTX_free(context->pkey);
        EVP_MAC_CTX_free(context->mac);
        OPENSSL_free(context);
    }
}

/* RFC 7518 section 3.5: salt as long as the hash, MGF1 with the same hash. OpenSSL's default would accept any salt. */
static bool set_pss(EVP_PKEY_CTX *context, const EVP_MD *md)
{
    return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING) == 1 &&
           EVP_PKEY_CTX_set_rsa_mgf1_md(context, md) == 1 &&
           EVP_PKEY_CTX_set_rsa_pss_saltlen(context, RSA_PSS_SALTLEN_DIGEST) == 1;
}

static bool prepare_pkey(fb__context *context, const fb__key *key, const fb__alg *alg)
{
    context->md = EVP_MD_fetch(NULL, fb__hashes[alg->hash].openssl_name, NULL);
    context->digest = EVP_MD_CTX_new();
    context->pkey = EVP_PKEY_CTX_new(key->pkey, NULL);
    if (context->md == NULL || context->digest == NULL || context->pkey == NULL ||
        EVP_PKEY_verify_init(context->pkey) != 1 || EVP_PKEY_CTX_set_signature_md(context->pkey, context->md) != 1) {
        return false;
    }
    if (alg->kty != FB__KTY_RSA) {
        return true;
    }
    return alg->pss ? set_pss(context->pkey, context->md)
                    : EVP_PKEY_CTX_set_rsa_padding(context->pkey, RSA_PKCS1_PADDING) == 1;
}

static bool prepare_eddsa(fb__context *context, const fb__key *key)
{
    context->md = EVP_MD_fetch(NULL, fb__hashes[FB__HASH_SHA512].openssl_name, NULL);
    context->digest = EVP_MD_CTX_new();
    context->working = EVP_MD_CTX_new();
    context->initial = EVP_MD_CTX_new();
    return context->md != NULL && context->digest != NULL && context->working != NULL && context->initial != NULL &&
           EVP_DigestVerifyInit(context->initial, NULL, NULL, NULL, key->pkey) == 1;
}

static bool prepare_mac(fb__context *context, const fb__key *key, const fb__alg *alg)
{
    EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    context->mac = mac == NULL ? NULL : EVP_MAC_CTX_new(mac);
    EVP_MAC_free(mac);
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)(uintptr_t)fb__hashes[alg->hash].openssl_name,
                                         0),
        OSSL_PARAM_construct_end(),
    };
    return context->mac != NULL && EVP_MAC_init(context->mac, key->secret, key->secret_size, params) == 1;
}

static fb__context *context_new(const fb__key *key, const fb__alg *alg)
{
    fb__context *context = OPENSSL_zalloc(sizeof(*context));
    if (context == NULL) {
        return NULL;
    }
    bool prepared = key->kty == FB__KTY_OCT   ? prepare_mac(context, key, alg)
                    : key->kty == FB__KTY_OKP ? prepare_eddsa(context, key)
                                              : prepare_pkey(context, key, alg);
    if (!prepared) {
        context_free(context);
        return NULL;
    }
    return context;
}

fb__context *fb__context_acquire(fb__verification_key *key, const fb__alg *alg)
{
    _Atomic(void *) *slots = key->contexts[fb__alg_index(alg)];
    for (size_t i = 0; i < FB__CONTEXTS; i++) {
        fb__context *context = atomic_exchange_explicit(&slots[i], NULL, memory_order_acquire);
        if (context != NULL) {
            return context;
        }
    }
    return context_new(&key->key, alg);
}

void fb__context_release(fb__verification_key *key, const fb__alg *alg, fb__context *context)
{
    _Atomic(void *) *slots = key->contexts[fb__alg_index(alg)];
    for (size_t i = 0; i < FB__CONTEXTS; i++) {
        void *empty = NULL;
        if (atomic_compare_exchange_strong_explicit(&slots[i], &empty, context, memory_order_release,
                                                    memory_order_relaxed)) {
            return;
        }
    }
    context_free(context);
}

void fb__contexts_clear(fb__verification_key *key)
{
    for (size_t a = 0; a < FB__ALG_COUNT; a++) {
        for (size_t i = 0; i < FB__CONTEXTS; i++) {
            context_free(atomic_exchange_explicit(&key->contexts[a][i], NULL, memory_order_acquire));
        }
    }
}

bool fb__context_hash(const fb__context *context, const fb__bytes *parts, size_t count, unsigned char *out)
{
    bool done = EVP_DigestInit_ex2(context->digest, context->md, NULL) == 1;
    for (size_t i = 0; i < count && done; i++) {
        done = EVP_DigestUpdate(context->digest, parts[i].data, parts[i].size) == 1;
    }
    return done && EVP_DigestFinal_ex(context->digest, out, NULL) == 1;
}
