/*
 * What the C benchmarks verify: a key pair, tokens of 500 bytes of claims, verifiers with every check on, and the bare
 * OpenSSL primitive on the same key and the same bytes (contexts reused, digest prefetched, signature already decoded).
 */
#ifndef FB_BENCH_SUBJECT_H
#define FB_BENCH_SUBJECT_H

#include "verify/verify.h"

enum { TOKENS = 64 };

struct token {
    fb_string *text;
    unsigned char signature[FB__MAX_SIGNATURE];
    size_t signature_size, input_size;
};

struct subject {
    const char *alg;
    fb_keypair *pair;
    struct token tokens[TOKENS];
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

void subject_make(struct subject *s, const char *alg);
void subject_release(struct subject *s);

/* For bench_case: one operation on one of the tokens. */
void run_primitive(void *subject, unsigned iteration);
void run_signature(void *subject, unsigned iteration); /* the core's own signature step */
void run_plain(void *subject, unsigned iteration);
void run_first(void *subject, unsigned iteration); /* looked for in the cache, verified, and kept */
void run_cached(void *subject, unsigned iteration);

#endif
