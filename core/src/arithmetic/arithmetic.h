/*
 * Verification arithmetic of our own, on public data only, for the few kinds of key that nearly all tokens are signed
 * with: a folder each, and ifma.h for what their vector code shares. Numbers come in and numbers go out. Hashing and
 * encodings are signature/'s, which also decides which arithmetic serves a key and watches over all of them.
 *
 * An arithmetic must give OpenSSL's verdict, on every input. Time and memory access depend on the data: nothing secret
 * may ever come here.
 */
#ifndef FB_ARITHMETIC_H
#define FB_ARITHMETIC_H

#include "keys/keys.h"

/* A wrong answer stays wrong; memory comes back. */
typedef enum fb__self_test { FB__SELF_TEST_RIGHT, FB__SELF_TEST_WRONG, FB__SELF_TEST_NO_MEMORY } fb__self_test;

enum { FB__TABLE_ALIGNMENT = 64, FB__MAX_ENCODED = 512 };

typedef struct fb__arithmetic {
    const char *name;   /* what keys() shows, "rsa-ifma" */
    unsigned threshold; /* tokens that a key must have verified before its table is built: what the table costs, in
                           verifications that it makes cheaper */
    /* Whether this build on this processor, and the system below us, can run it. Any thread, any time. Where it cannot,
     * nothing else of it is called, or need be there. */
    bool (*supported)(void);
    /*
     * By one thread at a time, and not again once it was right, before any of the following is called: makes what all
     * keys share and checks known answers, good ones and bad ones.
     */
    fb__self_test (*prepare)(const fb_mem *mem);
    /* Bytes of the key's table; 0: this arithmetic does not serve this key. Reads what the key is, and asks nobody: the
     * answer is the same whenever it is given. */
    size_t (*table_size)(const fb__key *key);
    /* Fills table (aligned to FB__TABLE_ALIGNMENT) from the public key. False: not possible, table undefined. */
    bool (*build)(void *table, const fb__key *key);
    /*
     * One of the two; signature has the length that the key asks for, and is hostile otherwise. Both read the table
     * only; any number of threads at once.
     * verify: whether the signature is one of the digest: SHA-256 of the message for ES256, SHA-512 of R, the public
     * key and the message for Ed25519.
     * open: what an RSA signature was made of, as many bytes as it has itself. False: the signature is out of range.
     */
    bool (*verify)(const void *table, const unsigned char *digest, const unsigned char *signature);
    bool (*open)(const void *table, const unsigned char *signature, unsigned char encoded[FB__MAX_ENCODED]);
} fb__arithmetic;

extern const fb__arithmetic fb__arithmetic_rsa; /* 2048, 3072 and 4096 bits, e = 65537, AVX-512 IFMA */
extern const fb__arithmetic fb__arithmetic_p256;
extern const fb__arithmetic fb__arithmetic_ed25519;

/* For builds and processors that cannot. */
static inline bool fb__arithmetic_unsupported(void)
{
    return false;
}

#endif
