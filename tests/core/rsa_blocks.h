/*
 * The blocks that RSA signatures open to, as RFC 8017 section 9 makes them, and with one thing wrong. Written without
 * a look at rsa_encoding.c; OpenSSL says which of them are good.
 */
#ifndef FB_TEST_RSA_BLOCKS_H
#define FB_TEST_RSA_BLOCKS_H

#include "rsa_signer.h"

/* What may be wrong with a block. */
enum {
    RSA_GOOD,
    RSA_NO_NULL,      /* PKCS#1: DigestInfo without parameters. PSS: no salt */
    RSA_TRAILING,     /* PKCS#1: the digest is not at the end. PSS: a salt one byte shorter */
    RSA_LONG_LENGTH,  /* PKCS#1: a length in long form. PSS: a salt one byte longer */
    RSA_TYPE,         /* PKCS#1: block type 2. PSS: trailer cc */
    RSA_PADDING,      /* PKCS#1: one byte of padding is not ff. PSS: not 00 */
    RSA_OTHER_HASH,   /* PKCS#1: another hash is named. PSS: in MGF1 */
    RSA_FIRST_BIT,    /* the bit that must be 0 is 1 */
    RSA_LONGEST_SALT, /* PKCS#1: 00 for the last ff. PSS: no padding at all */
    RSA_BIT,          /* any bit changed */
    RSA_BLOCK_FAULTS
};

static inline void rsa_pkcs1_block(unsigned char *block, size_t size, fb__hash hash, const unsigned char *digest,
                                   unsigned fault, uint64_t *random)
{
    static const unsigned char oid[] = {0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02};
    const size_t length = fb__hash_size(hash), null = fault == RSA_NO_NULL ? 0 : 2, longer = fault == RSA_LONG_LENGTH;
    const unsigned char named = (unsigned char)(fault == RSA_OTHER_HASH ? hash % 3 + 1 : hash);
    unsigned char info[100];
    size_t at = 0;
    info[at++] = 0x30;
    if (longer) {
        info[at++] = 0x81;
    }
    info[at++] = (unsigned char)(length + null + 15);
    info[at++] = 0x30;
    info[at++] = (unsigned char)(null + 11);
    memcpy(info + at, oid, sizeof(oid));
    at += sizeof(oid);
    info[at++] = named;
    if (null != 0) {
        info[at++] = 0x05;
        info[at++] = 0x00;
    }
    info[at++] = 0x04;
    info[at++] = (unsigned char)length;
    memcpy(info + at, digest, length);
    at += length;

    const size_t trailing = fault == RSA_TRAILING ? 1 + rsa_random(random) % (size - at - 11) : 0;
    const size_t info_at = size - trailing - at;
    memset(block, 0xff, size);
    block[0] = 0;
    block[1] = fault == RSA_TYPE ? 2 : 1;
    block[info_at - 1] = 0;
    memcpy(block + info_at, info, at);
    rsa_random_bytes(random, block + info_at + at, trailing);
    if (fault == RSA_PADDING) {
        block[2 + rsa_random(random) % (info_at - 3)] = (unsigned char)(rsa_random(random) % 255);
    } else if (fault == RSA_LONGEST_SALT) {
        block[info_at - 2] = 0;
    }
}

/* MGF1 (RFC 8017 section B.2.1), added to data. */
static inline void rsa_mask(unsigned char *data, size_t size, const unsigned char *seed, size_t seed_size,
                            const EVP_MD *md)
{
    unsigned char input[FB__MAX_DIGEST + 4], mask[FB__MAX_DIGEST];
    unsigned length = 0;
    memcpy(input, seed, seed_size);
    for (size_t i = 0, counter = 0; i < size; i++) {
        if (length == 0 || i % length == 0) {
            const unsigned char number[4] = {0, 0, 0, (unsigned char)counter++};
            memcpy(input + seed_size, number, 4);
            RSA_MUST(EVP_Digest(input, seed_size + 4, mask, &length, md, NULL) == 1);
        }
        data[i] ^= mask[i % length];
    }
}

static inline void rsa_pss_block(unsigned char *block, size_t size, const EVP_MD *md, const EVP_MD *other,
                                 const unsigned char *digest, unsigned fault, uint64_t *random)
{
    const size_t length = (size_t)EVP_MD_get_size(md), db_size = size - length - 1;
    const size_t salt_size = fault == RSA_NO_NULL        ? 0
                             : fault == RSA_TRAILING     ? length - 1
                             : fault == RSA_LONG_LENGTH  ? length + 1
                             : fault == RSA_LONGEST_SALT ? db_size - 1
                                                         : length;
    unsigned char hashed[8 + FB__MAX_DIGEST + RSA_SIGNER_BYTES] = {0}, *salt = hashed + 8 + length;
    memcpy(hashed + 8, digest, length);
    rsa_random_bytes(random, salt, salt_size);
    RSA_MUST(EVP_Digest(hashed, 8 + length + salt_size, block + db_size, NULL, md, NULL) == 1);
    memset(block, 0, db_size);
    block[db_size - salt_size - 1] = 1;
    memcpy(block + db_size - salt_size, salt, salt_size);
    if (fault == RSA_PADDING) {
        block[1 + rsa_random(random) % (db_size - salt_size - 1)] ^= (unsigned char)(1 + rsa_random(random) % 255);
    }
    rsa_mask(block, db_size, block + db_size, length, fault == RSA_OTHER_HASH ? other : md);
    block[0] &= 0x7f;
    block[size - 1] = fault == RSA_TYPE ? 0xcc : 0xbc;
}

/* A block for the message, good or with that fault. */
static inline void rsa_block(unsigned char *block, rsa_verifier *v, const fb__alg *alg, fb_slice message,
                             unsigned fault, uint64_t *random)
{
    const size_t i = fb__alg_index(alg), size = v->key->key.signature_size;
    unsigned char digest[FB__MAX_DIGEST];
    RSA_MUST(EVP_Digest(message.data, message.size, digest, NULL, v->md[i], NULL) == 1);
    if (alg->pss) {
        rsa_pss_block(block, size, v->md[i], v->md[(i + 1) % 3], digest, fault, random);
    } else {
        rsa_pkcs1_block(block, size, alg->hash, digest, fault, random);
    }
    if (fault == RSA_FIRST_BIT) {
        block[0] |= 0x80;
    } else if (fault == RSA_BIT) {
        const uint64_t bit = rsa_random(random) % (size * 8);
        block[bit / 8] ^= (unsigned char)(1 << bit % 8);
    }
}

#endif
