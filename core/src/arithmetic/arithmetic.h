/*
 * What the fast paths have in common: verification arithmetic of our own, on public data only, for the few kinds of key
 * that nearly all tokens are signed with. selection.c decides whether one serves a key and watches over all of them;
 * rsa, p256 and ed25519 each are one path. Everybody else sees the fb__fast_ functions of
 * signature.h.
 *
 * A path must give OpenSSL's verdict, on every input. What it is not sure of it leaves to OpenSSL (UNDECIDED).
 */
#ifndef FB_FAST_H
#define FB_FAST_H

#include "keys/keys.h"

typedef enum fb__fast_verdict { FB__FAST_INVALID, FB__FAST_VALID, FB__FAST_UNDECIDED } fb__fast_verdict;

/* What one verification is given. The signature has the length that alg and key ask for, and is hostile otherwise. */
typedef struct fb__fast_input {
    const fb__alg *alg;
    const unsigned char *message;
    size_t message_size;
    const unsigned char *signature;
    size_t signature_size;
    const EVP_MD *md;   /* alg's hash, fetched; SHA-512 for Ed25519 */
    EVP_MD_CTX *digest; /* to hash with; nobody else's during the call */
} fb__fast_input;

/* What a self-test found: a wrong answer stays wrong, memory comes back. */
typedef enum fb__fast_self_test { FB__FAST_RIGHT, FB__FAST_WRONG, FB__FAST_NO_MEMORY } fb__fast_self_test;
static inline fb__fast_self_test fb__fast_expect(fb__fast_verdict verdict, fb__fast_verdict expected)
{
    return verdict == expected ? FB__FAST_RIGHT : verdict == FB__FAST_UNDECIDED ? FB__FAST_NO_MEMORY : FB__FAST_WRONG;
}

enum { FB__FAST_ALIGNMENT = 64 };

typedef struct fb__fast_path {
    const char *name;   /* what keys() shows, "rsa-ifma" */
    unsigned threshold; /* tokens that a key must have verified before its table is built: what the table costs, in
                           verifications that it makes cheaper */
    /* Whether this processor, and the system below us, can run it. Any thread, any time. */
    bool (*supported)(void);
    /*
     * By one thread at a time, and not again once it was right, before any of the following is called: makes what all
     * keys share and checks known answers, good ones and bad ones.
     */
    fb__fast_self_test (*prepare)(void);
    /* Bytes of the key's table; 0: this path does not serve this key. Reads what the key is, and asks nobody: the
     * answer is the same whenever it is given. */
    size_t (*table_size)(const fb__key *key);
    /* Fills table (aligned to FB__FAST_ALIGNMENT) from the public key. False: not possible, table undefined. */
    bool (*build)(void *table, const fb__key *key);
    /* Reads the table only; any number of threads at once. Leaves OpenSSL's error queue as it finds it but for what
     * hashing may leave there. */
    fb__fast_verdict (*verify)(const void *table, const fb__fast_input *input);
} fb__fast_path;

/* cpu.c: AVX-512 F, DQ, VL and IFMA, by this processor and system. */
bool fb__cpu_has_ifma(void);

extern const fb__fast_path fb__fast_rsa;     /* RS256 .. PS512: 2048, 3072 and 4096 bits, e = 65537, AVX-512 IFMA */
extern const fb__fast_path fb__fast_p256;    /* ES256 */
extern const fb__fast_path fb__fast_ed25519; /* EdDSA and Ed25519 on that curve */

#endif
