/*
 * What a verification works with, for the files of this folder.
 */
#ifndef FB_SIGNATURE_CONTEXT_H
#define FB_SIGNATURE_CONTEXT_H

#include "signature/signature.h"

/* Which members are set depends on the type of the key. */
typedef struct fb__context {
    EVP_MD *md;          /* the algorithm's hash; SHA-512 for EdDSA */
    EVP_MD_CTX *digest;  /* for md. It must never have verified: OpenSSL would initialise it as a verification again */
    EVP_MD_CTX *working; /* OKP: the copy of initial that verifies */
    EVP_MD_CTX *initial; /* OKP: initialised once and copied, never initialised again */
    EVP_PKEY_CTX *pkey;  /* RSA, EC */
    EVP_MAC_CTX *mac;    /* HMAC, keyed */
} fb__context;

/* Nobody else's until it is released. NULL: out of memory. */
fb__context *fb__context_acquire(fb__verification_key *key, const fb__alg *alg);
void fb__context_release(fb__verification_key *key, const fb__alg *alg, fb__context *context);
void fb__contexts_clear(fb__verification_key *key);

typedef struct fb__bytes {
    const unsigned char *data;
    size_t size;
} fb__bytes;

/* The hash of the parts one after the other, into FB__MAX_DIGEST bytes. False: OpenSSL failed. */
bool fb__context_hash(const fb__context *context, const fb__bytes *parts, size_t count, unsigned char *out);

/* ---- rsa_encoding.c */

/*
 * Whether an RSA signature that opened to encoded (changed by this), size bytes, is one of the digest: FB_OK or
 * FB_SIGNATURE_INVALID; FB_INTERNAL_ERROR when OpenSSL failed to hash.
 */
fb_status fb__rsa_check_encoding(const fb__context *context, const fb__alg *alg, unsigned char *encoded, size_t size,
                                 const unsigned char *digest);

#endif
