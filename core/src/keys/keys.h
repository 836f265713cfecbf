/*
 * What a key is, and the algorithms that it can be used with.
 */
#ifndef FB_KEYS_H
#define FB_KEYS_H

#include "encoding/encoding.h"

#include <openssl/evp.h>

/* OpenSSL refuses what is larger only after costly work (CVE-2023-6237), so we do before. */
enum {
    FB__RSA_MAX_BITS = 8192,
    FB__MAX_SIGNATURE = FB__RSA_MAX_BITS / 8,
    FB__MAX_KEY_NUMBER = FB__RSA_MAX_BITS / 8,
    FB__MAX_DIGEST = 64,
    FB__MAX_POINT = 1 + 2 * 66, /* P-521, uncompressed */
    FB__THUMBPRINT = 32
};

/* ---- algorithm.c: the tables of algorithms, curves and hashes */

typedef enum fb__kty { FB__KTY_NONE, FB__KTY_RSA, FB__KTY_EC, FB__KTY_OKP, FB__KTY_OCT } fb__kty;
typedef enum fb__curve {
    FB__CURVE_NONE,
    FB__CURVE_P256,
    FB__CURVE_P384,
    FB__CURVE_P521,
    FB__CURVE_SECP256K1,
    FB__CURVE_ED25519,
    FB__CURVE_ED448,
    FB__CURVE_COUNT
} fb__curve;
typedef enum fb__hash { FB__HASH_NONE, FB__HASH_SHA256, FB__HASH_SHA384, FB__HASH_SHA512, FB__HASH_COUNT } fb__hash;

typedef struct fb__alg {
    char name[8];
    uint8_t name_size;
    fb__kty kty;
    fb__curve curve; /* EC: the one curve. OKP: the one curve, or NONE for EdDSA, which is any of the two */
    fb__hash hash;   /* NONE for EdDSA, whose hash is the curve's */
    bool pss;
    uint16_t min_bits; /* RSA modulus (RFC 7518 section 3.3), HMAC secret (section 3.2) */
} fb__alg;

enum { FB__ALG_COUNT = 16 };
extern const fb__alg fb__algs[FB__ALG_COUNT];
const fb__alg *fb__alg_find(fb_slice name); /* exact; NULL when unknown */
/* The bits of the algorithms that such a key may verify. */
uint32_t fb__algs_of(fb__kty kty, fb__curve curve, int bits);
static inline size_t fb__alg_index(const fb__alg *alg)
{
    return (size_t)(alg - fb__algs);
}
static inline uint32_t fb__alg_bit(const fb__alg *alg)
{
    return (uint32_t)1 << fb__alg_index(alg);
}

typedef struct fb__curve_row {
    const char *name; /* JWK crv */
    const char *openssl_name;
    fb__kty kty;
    uint16_t bits;
    uint16_t coordinate_size; /* bytes; OKP: of the whole encoded point */
    uint16_t signature_size;
} fb__curve_row;
extern const fb__curve_row fb__curves[FB__CURVE_COUNT];

typedef struct fb__hash_row {
    const char *openssl_name, *provider_name; /* the second is what OpenSSL 3 itself writes */
    uint8_t size;
} fb__hash_row;
extern const fb__hash_row fb__hashes[FB__HASH_COUNT];
static inline size_t fb__hash_size(fb__hash hash)
{
    return fb__hashes[hash].size;
}

/* ---- key.c, pem.c, secret.c, jwk.c: one key */

/*
 * A tagged struct, never a union that is read by alg (CVE-2026-44699). A plain value, immutable after creation; what a
 * verification wants ready beside it is signature/'s.
 */
typedef struct fb__key {
    fb__kty kty;
    fb__curve curve;
    int bits;
    uint32_t algs;         /* fb__alg_bit of each algorithm that this key may verify; 0: unusable */
    size_t signature_size; /* RSA, EC, OKP */
    uint64_t exponent;     /* RSA */
    bool restricted;       /* RSA: parameters bind the key to one hash and a salt (RFC 4055 section 3.1) */
    fb_slice kid;          /* own copies, absent when the JWK has none */
    fb_slice kty_text, alg_text, crv_text;
    fb_slice issuer;                    /* the same: whose tokens it verifies, an identifier; absent: anybody's */
    const char *problem;                /* constant text: why it is unusable, or what was ignored; NULL: nothing */
    bool undecided;                     /* unusable because OpenSSL alone refused it: a second look may find it good */
    char *text;                         /* the one block that holds the copies */
    EVP_PKEY *pkey;                     /* RSA, EC, OKP */
    unsigned char point[FB__MAX_POINT]; /* the public key as OpenSSL writes it. OKP, EC: for most uncompressed */
    unsigned char *secret;              /* OCT */
    size_t secret_size;
} fb__key;

/* Each fills key (which the caller zeroed) or leaves an error text that names the option. */
fb_status fb__key_from_pem(fb__key *key, const fb_mem *mem, fb_slice pem, fb_error *error);
fb_status fb__key_from_secret(fb__key *key, const fb_mem *mem, fb_slice secret, uint32_t algs, bool allow_short,
                              fb_error *error);
/* *found: constant text that says which kind of key bytes are or hold, whoever may have it; NULL: none. False: out of
 * memory. */
bool fb__find_public_material(const fb_mem *mem, fb_slice bytes, const char **found);
/* An unusable key is not a failure: key->problem says why. False: out of memory. p256: of fb__key_p256, or NULL.
 * Between fb__openssl_begin and fb__openssl_end. */
bool fb__key_from_jwk(fb__key *key, const fb_mem *mem, const char *text, const fb_node *nodes, size_t object,
                      const EVP_PKEY *p256);
/* P-256 and no point: what its keys are made of in a quarter of the time that OpenSSL takes without. NULL: out of
 * memory. */
EVP_PKEY *fb__key_p256(void);

/* A number of key->pkey by OpenSSL's name for it, big-endian: width bytes, or for 0 as many as it has. Returns how
 * many; 0: out of memory. */
size_t fb__key_number(const fb__key *key, const char *parameter, size_t width, unsigned char out[FB__MAX_KEY_NUMBER]);
/* thumbprint.c: of a public key that is usable. Between fb__openssl_begin and fb__openssl_end. False: OpenSSL failed,
 * which is to say out of memory; or the key is a secret, which has none that may be shown. */
bool fb__key_thumbprint(const fb__key *key, unsigned char out[FB__THUMBPRINT]);

void fb__key_clear(fb__key *key, const fb_mem *mem);
/* A problem that may be OpenSSL's rather than the key's, as it does not always say that it lacked memory. */
extern const char fb__key_not_loaded[];
/* What key->pkey is: fills kty, curve, bits, sizes and algs, or says in constant text why it cannot be used. */
const char *fb__key_classify(fb__key *key);

#endif
