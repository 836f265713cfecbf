/*
 * What the C benchmarks verify: a key, tokens of 500 bytes of claims, verifiers with every check on, and the bare
 * OpenSSL primitive on the same key and the same bytes (contexts reused, digest prefetched, signature already decoded).
 */
#ifndef FB_BENCH_SUBJECT_H
#define FB_BENCH_SUBJECT_H

#include "verify/verify.h"

enum { TOKENS = 64 };

struct token {
    fb_slice text;
    fb_string *minted; /* whose text it is */
    unsigned char signature[FB__MAX_SIGNATURE];
    size_t signature_size, input_size;
};

struct subject {
    const char *alg;
    fb_keypair *pair;
    fb_slice public_key, secret; /* one of them */
    struct token tokens[TOKENS];
    unsigned count;                      /* of tokens */
    fb_verifier *plain, *first, *cached; /* without a cache; with one of one entry; with one that holds all tokens */
    EVP_PKEY *pkey;
    EVP_PKEY_CTX *pkey_context;
    EVP_MD *md;
    EVP_MD_CTX *md_context, *template_context, *copy_context;
    EVP_MAC_CTX *mac_context;
    fb_token_options mint;
};

/* Ends the program when something that cannot fail does. */
void require(bool condition, const char *what);

/* Of one issuer, whose keys are given; its algorithm is alg. */
fb_verifier *verifier_of(fb_issuer keys, const char *alg, size_t cache_size);

/* A token that is good. */
void verify(const fb_verifier *verifier, fb_slice token, double monotonic_seconds);

void subject_make(struct subject *s, const char *alg);

/* Of one given token and what verifies it, a PEM or a secret, so that nothing has to be generated. Both stay. */
void subject_take(struct subject *s, const char *alg, fb_slice key, fb_slice token);
void subject_release(struct subject *s);

/* For bench_case: one operation on one of the tokens. */
void run_primitive(void *subject, unsigned iteration);
void run_signature(void *subject, unsigned iteration); /* the core's own signature step */
void run_plain(void *subject, unsigned iteration);
void run_first(void *subject, unsigned iteration); /* looked for in the cache, verified, and kept */
void run_cached(void *subject, unsigned iteration);

#endif
