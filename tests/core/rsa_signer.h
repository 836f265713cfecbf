/*
 * RSA keys that sign cheaply, for tests that need a million signatures, and OpenSSL's verdict to compare with. The
 * modulus is a product of primes of 32 bits: opening a signature does not show that, while signing is a small power
 * modulo each of them, twenty times cheaper than with two primes. Any block can be signed, also one that no signer
 * would make. Everything follows from the seed.
 */
#ifndef FB_TEST_RSA_SIGNER_H
#define FB_TEST_RSA_SIGNER_H

#include "tables.h"
#include "verify/verify.h"

#include <openssl/bn.h>
#include <openssl/rsa.h>
#include <stdio.h>
#include <stdlib.h>

enum { RSA_SIGNER_PRIMES = 128, RSA_SIGNER_BYTES = 512, RSA_ALGS = 6 };

#define RSA_MUST(condition)                                                    \
    do {                                                                       \
        if (!(condition)) {                                                    \
            fprintf(stderr, "%s:%d: no %s\n", __FILE__, __LINE__, #condition); \
            abort();                                                           \
        }                                                                      \
    } while (0)

/* splitmix64: any state will do. */
static inline uint64_t rsa_random(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static inline void rsa_random_bytes(uint64_t *state, unsigned char *out, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        out[i] = (unsigned char)(rsa_random(state) >> 32);
    }
}

/* ---- a key and OpenSSL's opinion of its signatures -------------------------------------------- */

typedef struct rsa_verifier {
    fb__keyset *keys;
    fb__verification_key *key;
    const void *table; /* NULL: no arithmetic of ours serves this key, or none is supported */
    EVP_PKEY_CTX *contexts[RSA_ALGS];
    EVP_MD *md[RSA_ALGS];
} rsa_verifier;

/* Set up as signature.c does, but here: what is tested must not be its own judge. */
static inline void rsa_verifier_open(rsa_verifier *v, fb__keyset *keys)
{
    static const char *const hashes[] = {"", "SHA256", "SHA384", "SHA512"};
    *v = (rsa_verifier){.keys = keys, .key = &keys->keys[0]};
    for (size_t i = 0; i < RSA_ALGS; i++) {
        v->md[i] = EVP_MD_fetch(NULL, hashes[fb__algs[i].hash], NULL);
        v->contexts[i] = EVP_PKEY_CTX_new(v->key->key.pkey, NULL);
        if ((v->key->key.algs & fb__alg_bit(&fb__algs[i])) != 0) {
            RSA_MUST(EVP_PKEY_verify_init(v->contexts[i]) == 1);
            RSA_MUST(EVP_PKEY_CTX_set_signature_md(v->contexts[i], v->md[i]) == 1);
            RSA_MUST(EVP_PKEY_CTX_set_rsa_padding(v->contexts[i],
                                                  fb__algs[i].pss ? RSA_PKCS1_PSS_PADDING : RSA_PKCS1_PADDING) == 1);
            RSA_MUST(!fb__algs[i].pss ||
                     (EVP_PKEY_CTX_set_rsa_mgf1_md(v->contexts[i], v->md[i]) == 1 &&
                      EVP_PKEY_CTX_set_rsa_pss_saltlen(v->contexts[i], RSA_PSS_SALTLEN_DIGEST) == 1));
        }
    }
    v->table = make_table(v->key, &keys->tables);
}

static inline void rsa_verifier_close(rsa_verifier *v)
{
    for (size_t i = 0; i < RSA_ALGS; i++) {
        EVP_PKEY_CTX_free(v->contexts[i]);
        EVP_MD_free(v->md[i]);
    }
    fb__keyset_release(v->keys);
}

static inline bool rsa_openssl_accepts(rsa_verifier *v, const fb__alg *alg, fb_slice message,
                                       const unsigned char *signature)
{
    const size_t i = fb__alg_index(alg);
    unsigned char digest[FB__MAX_DIGEST];
    unsigned size = 0;
    RSA_MUST(EVP_Digest(message.data, message.size, digest, &size, v->md[i], NULL) == 1);
    return EVP_PKEY_verify(v->contexts[i], signature, v->key->key.signature_size, digest, size) == 1;
}

static inline fb_status rsa_verdict(rsa_verifier *v, const fb__alg *alg, fb_slice message,
                                    const unsigned char *signature)
{
    const fb_slice bytes = {(const char *)signature, v->key->key.signature_size};
    return fb__signature_verify_raw(v->key, alg, message, bytes, true);
}

/* ---- keys that sign --------------------------------------------------------------------------- */

typedef struct rsa_signer {
    rsa_verifier verifier;
    size_t bytes, count;
    uint32_t primes[RSA_SIGNER_PRIMES], exponents[RSA_SIGNER_PRIMES];
    BIGNUM *n, *units[RSA_SIGNER_PRIMES]; /* 1 modulo its own prime, 0 modulo all others */
    BN_CTX *context;
} rsa_signer;

static inline uint32_t rsa_small_power(uint32_t base, uint32_t exponent, uint32_t modulus)
{
    uint64_t power = 1, square = base;
    for (; exponent != 0; exponent >>= 1) {
        power = (exponent & 1) != 0 ? power * square % modulus : power;
        square = square * square % modulus;
    }
    return (uint32_t)power;
}

/* 1/65537 modulo p - 1, by trial: (k (p - 1) + 1) / 65537 is whole for one k below 65537. 0: there is none. */
static inline uint32_t rsa_small_exponent(uint32_t p)
{
    for (uint64_t k = 1; k < 65537; k++) {
        if ((k * (p - 1) + 1) % 65537 == 0) {
            return (uint32_t)((k * (p - 1) + 1) / 65537);
        }
    }
    return 0;
}

/* All but the first are close below 2^32, so that a product of 128 has all its bits; the first makes moduli differ in
 * their highest limb. */
static inline void rsa_signer_primes(rsa_signer *s, uint64_t *random, BIGNUM *scratch)
{
    for (size_t i = 0; i < s->count;) {
        const uint32_t p = (uint32_t)rsa_random(random) | (i == 0 ? 0xb0000001 : 0xff800001);
        bool fits = BN_set_word(scratch, p) == 1 && BN_check_prime(scratch, s->context, NULL) == 1;
        for (size_t j = 0; j < i; j++) {
            fits = fits && s->primes[j] != p;
        }
        s->primes[i] = p;
        s->exponents[i] = fits ? rsa_small_exponent(p) : 0;
        i += s->exponents[i] != 0;
    }
}

static inline fb__keyset *rsa_signer_public(const rsa_signer *s)
{
    unsigned char bytes[RSA_SIGNER_BYTES];
    char text[800], document[1000];
    fb__keyset *keys = NULL;
    RSA_MUST(BN_bn2binpad(s->n, bytes, (int)s->bytes) == (int)s->bytes);
    const size_t length = fb__base64url_encode(bytes, s->bytes, text);
    snprintf(document, sizeof(document), "{\"keys\":[{\"kty\":\"RSA\",\"e\":\"AQAB\",\"n\":\"%.*s\"}]}", (int)length,
             text);
    RSA_MUST(fb__keyset_from_jwks(&keys, &fb__mem_default, fb_text(document), NULL) == FB_OK);
    return keys;
}

static inline void rsa_signer_open(rsa_signer *s, size_t bits, uint64_t seed)
{
    memset(s, 0, sizeof(*s));
    s->bytes = bits / 8;
    s->count = bits / 32;
    s->n = BN_new();
    s->context = BN_CTX_new();
    BIGNUM *p = BN_new();
    RSA_MUST(s->n != NULL && s->context != NULL && p != NULL);
    rsa_signer_primes(s, &seed, p);
    BN_one(s->n);
    for (size_t i = 0; i < s->count; i++) {
        RSA_MUST(BN_mul_word(s->n, s->primes[i]) == 1);
    }
    for (size_t i = 0; i < s->count; i++) {
        s->units[i] = BN_dup(s->n);
        BN_div_word(s->units[i], s->primes[i]);
        const uint32_t rest = (uint32_t)BN_mod_word(s->units[i], s->primes[i]);
        RSA_MUST(BN_mul_word(s->units[i], rsa_small_power(rest, s->primes[i] - 2, s->primes[i])) == 1);
    }
    BN_free(p);
    RSA_MUST(BN_num_bits(s->n) == (int)bits);
    rsa_verifier_open(&s->verifier, rsa_signer_public(s));
}

static inline void rsa_signer_close(rsa_signer *s)
{
    rsa_verifier_close(&s->verifier);
    for (size_t i = 0; i < s->count; i++) {
        BN_free(s->units[i]);
    }
    BN_free(s->n);
    BN_CTX_free(s->context);
}

/* The signature that opens to block (mod n). */
static inline void rsa_sign_block(rsa_signer *s, const unsigned char *block, unsigned char *signature)
{
    BIGNUM *value = BN_bin2bn(block, (int)s->bytes, NULL), *sum = BN_new(), *term = BN_new();
    RSA_MUST(value != NULL && sum != NULL && term != NULL);
    BN_zero(sum);
    for (size_t i = 0; i < s->count; i++) {
        const uint32_t rest = (uint32_t)BN_mod_word(value, s->primes[i]);
        RSA_MUST(BN_copy(term, s->units[i]) != NULL &&
                 BN_mul_word(term, rsa_small_power(rest, s->exponents[i], s->primes[i])) == 1 &&
                 BN_add(sum, sum, term) == 1);
    }
    RSA_MUST(BN_mod(sum, sum, s->n, s->context) == 1 && BN_bn2binpad(sum, signature, (int)s->bytes) == (int)s->bytes);
    BN_free(term);
    BN_free(sum);
    BN_free(value);
}

#endif
