/*
 * ES256 by OpenSSL alone, for whatever is compared with it: keys from points, signatures of digests, and verdicts that
 * do not pass through signature.c. Failures of OpenSSL itself end the program.
 */
#ifndef FB_TEST_P256_H
#define FB_TEST_P256_H

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

static inline void p256_must(bool holds)
{
    if (!holds) {
        fprintf(stderr, "OpenSSL failed where it must not\n");
        abort();
    }
}

/* point: 0x04, x, y. NULL when that is not on the curve. */
static inline EVP_PKEY *p256_key(const unsigned char point[65])
{
    EVP_PKEY *key = NULL;
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, (char[]){"prime256v1"}, 0),
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, (void *)(uintptr_t)point, 65),
        OSSL_PARAM_construct_end(),
    };
    p256_must(context != NULL && EVP_PKEY_fromdata_init(context) == 1);
    (void)EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, params);
    EVP_PKEY_CTX_free(context);
    return key;
}

static inline EVP_PKEY_CTX *p256_verifying(EVP_PKEY *key)
{
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(key, NULL);
    p256_must(context != NULL && EVP_PKEY_verify_init(context) == 1);
    return context;
}

static inline EVP_PKEY_CTX *p256_signing(EVP_PKEY *key)
{
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(key, NULL);
    p256_must(context != NULL && EVP_PKEY_sign_init(context) == 1);
    return context;
}

/* signature: r and s, 32 bytes each, as in a JWS. */
static inline void p256_sign(EVP_PKEY_CTX *signing, const unsigned char digest[32], unsigned char signature[64])
{
    unsigned char der[80];
    const unsigned char *at = der;
    size_t size = sizeof(der);
    p256_must(EVP_PKEY_sign(signing, der, &size, digest, 32) == 1);
    ECDSA_SIG *pair = d2i_ECDSA_SIG(NULL, &at, (long)size);
    p256_must(pair != NULL && BN_bn2binpad(ECDSA_SIG_get0_r(pair), signature, 32) == 32 &&
              BN_bn2binpad(ECDSA_SIG_get0_s(pair), signature + 32, 32) == 32);
    ECDSA_SIG_free(pair);
}

static inline size_t p256_der(unsigned char der[80], const unsigned char signature[64])
{
    ECDSA_SIG *pair = ECDSA_SIG_new();
    p256_must(pair != NULL &&
              ECDSA_SIG_set0(pair, BN_bin2bn(signature, 32, NULL), BN_bin2bn(signature + 32, 32, NULL)) == 1);
    const int size = i2d_ECDSA_SIG(pair, &der);
    p256_must(size > 0);
    ECDSA_SIG_free(pair);
    return (size_t)size;
}

static inline bool p256_verdict(EVP_PKEY_CTX *verifying, const unsigned char digest[32],
                                const unsigned char signature[64])
{
    unsigned char der[80];
    const size_t size = p256_der(der, signature);
    return EVP_PKEY_verify(verifying, der, size, digest, 32) == 1;
}

#endif
