/*
 * Signatures: the only caller of OpenSSL's verification, and the choice between its arithmetic and ours.
 */
#ifndef FB_SIGNATURE_H
#define FB_SIGNATURE_H

#include "keys/keys.h"

#include <stdatomic.h>

/* What the tables of several sets may occupy together. Shared by reference. */
typedef struct fb__table_budget {
    atomic_size_t references, bytes;
    fb_mem mem;
} fb__table_budget;

/* What the keys of one set have in common: tables are bounded in bytes for all of them together. */
typedef struct fb__tables {
    const fb_mem *mem;
    fb__table_budget *budget; /* a reference, set before there is a table; NULL: the set stands alone */
    atomic_size_t bytes;
} fb__tables;

enum {
    FB__CONTEXTS = 4, /* that are kept ready for each algorithm; more threads make their own for the moment */
    FB__MAX_TABLE_BYTES = 4 << 20, /* of one set */
    FB__TABLE_BUDGET = 64 << 20,   /* of several */
    FB__CHECK_INTERVAL = 4096      /* one verification by a table in so many, on average, is done by OpenSSL as well */
};

/* A key, and what verifying with it wants ready. Everything but the key is changed atomically: any number of threads.
 */
typedef struct fb__verification_key {
    fb__key key;
    _Atomic(void *) contexts[FB__ALG_COUNT][FB__CONTEXTS]; /* of context.c */

    /* Of selection.c. */
    struct fb__selection *selection; /* which arithmetic of ours could serve the key; NULL: OpenSSL's alone */
    fb__tables *tables;
    size_t table_size;           /* what that arithmetic wants */
    atomic_uint uses;            /* valid tokens by OpenSSL, then all tokens by the table */
    atomic_uint check_at;        /* the use by the table that is next done by OpenSSL as well */
    atomic_bool is_claimed;      /* a table is being built, has been built, or cannot be */
    _Atomic(const void *) table; /* set once, when it is complete */
    void *table_memory;
    size_t table_bytes;
} fb__verification_key;

/* Once for a key that was imported, before it is shared: finds out which arithmetic could serve it. */
void fb__verification_key_init(fb__verification_key *key, fb__tables *tables);
/* Frees all of it, the key's own memory too. One that was only zeroed is fine. */
void fb__verification_key_clear(fb__verification_key *key, const fb_mem *mem);

/* ---- selection.c: the budget of tables, and what is said of the arithmetic that serves a key, and of ours as a whole
 */

fb__table_budget *fb__table_budget_new(const fb_mem *mem); /* NULL: out of memory */
fb__table_budget *fb__table_budget_retain(fb__table_budget *budget);
void fb__table_budget_release(fb__table_budget *budget); /* NULL is fine */
/* What verifies now: "openssl" or the name of an arithmetic; and the bytes of its table, 0 for OpenSSL. */
const char *fb__selection_name(const fb__verification_key *key, size_t *table_bytes);
/* Differs after every disagreement with OpenSSL: what was verified before counts no more. */
uint64_t fb__selection_epoch(void);
void fb__selection_stats(fb_stats *out);

/* ---- signature.c */

/*
 * FB_OK, FB_SIGNATURE_INVALID, FB_OUT_OF_MEMORY or FB_INTERNAL_ERROR. signature is base64url text that fb__token_split
 * has found valid. with_tables: arithmetic of our own may decide. Leaves OpenSSL's error queue as it was.
 */
fb_status fb__signature_verify(fb__verification_key *key, const fb__alg *alg, fb_slice signing_input,
                               fb_slice signature, bool with_tables);
/* The same on a decoded signature: for what is not a token. */
fb_status fb__signature_verify_raw(fb__verification_key *key, const fb__alg *alg, fb_slice message, fb_slice signature,
                                   bool with_tables);

#endif
