/*
 * Proof of possession: what a request must show beside a token that is bound to a key (RFC 7800), by DPoP (RFC 9449) or
 * by a client certificate (RFC 8705). One file a question; request.c asks them in order.
 */
#ifndef FB_PROOF_H
#define FB_PROOF_H

#include "status/status.h"

/* ---- uri.c: URIs that compare as RFC 9449 section 4.3 wants it */

enum { FB__MAX_URI = 8192 };

/* Scheme, host, port and path, normalised; no query, no fragment. */
typedef struct fb__uri {
    size_t size;
    char text[FB__MAX_URI];
} fb__uri;

/* False: not an absolute http or https URI by RFC 3986, with userinfo, or too long. */
bool fb__uri_normalise(fb_slice uri, fb__uri *out);

static inline bool fb__uri_equal(const fb__uri *a, const fb__uri *b)
{
    return a->size == b->size && memcmp(a->text, b->text, a->size) == 0;
}

/* ---- replay.c: proofs that have been accepted */

enum { FB__MAX_JTI = 256, FB__MAX_REPLAY = 1 << 24 };

typedef struct fb__replay fb__replay;
typedef struct fb__replay_key {
    uint64_t hash[2];
} fb__replay_key;

/* capacity: 1 .. FB__MAX_REPLAY proofs. FB_OK, FB_OUT_OF_MEMORY, FB_INTERNAL_ERROR. */
fb_status fb__replay_new(fb__replay **out, const fb_mem *mem, size_t capacity);
void fb__replay_free(fb__replay *set); /* NULL is fine */
/* jti has at most FB__MAX_JTI bytes. */
fb__replay_key fb__replay_key_of(const fb__replay *set, const unsigned char thumbprint[FB__THUMBPRINT], fb_slice jti);
bool fb__replay_holds(fb__replay *set, fb__replay_key key, double now);
/* The last step of all: FB_OK, and it is held until expires_at (Unix seconds); FB_PROOF_REPLAYED: it was held;
 * FB_OUT_OF_MEMORY: nothing has changed. */
fb_status fb__replay_insert(fb__replay *set, fb__replay_key key, double expires_at, double now);
void fb__replay_stats(fb__replay *set, fb_stats *out);

/* ---- nonce.c: what a server wants to find in proofs */

/* For clients to use from now on. False, and out is empty: out of memory, or now is not a time. */
bool fb__nonce_make(fb_slice secret, double now, char out[FB_NONCE_ROOM]);
/* FB_OK, FB_PROOF_NONCE_REQUIRED, FB_OUT_OF_MEMORY. given: any text. */
fb_status fb__nonce_check(fb_slice secret, double now, fb_slice given);

/* ---- proof_keys.c: keys of clients that come again */

/* What the header of a proof says, and the key in it, ready to verify. Immutable but for what a verification changes,
 * and what proof_keys.c keeps here. */
typedef struct fb__proof_key {
    atomic_size_t references;
    fb_mem mem;
    fb__verification_key key;
    const fb__alg *alg;
    unsigned char thumbprint[FB__THUMBPRINT];

    struct fb__proof_key *next, *older, *newer; /* in its bucket, in its queue */
    struct fb__proof_queue *queue;              /* NULL: not held */
    uint64_t hash, uses, used_at, counted_from; /* the latter two: by how many keys had been found */
    size_t bytes, header_size;
    char header[]; /* base64url text */
} fb__proof_key;

typedef struct fb__proof_keys fb__proof_keys;

fb_status fb__proof_keys_new(fb__proof_keys **out, const fb_mem *mem);
void fb__proof_keys_free(fb__proof_keys *keys); /* NULL is fine */
/* What their tables are counted in: for fb__verification_key_init. */
fb__tables *fb__proof_keys_tables(fb__proof_keys *keys);
/* What P-256 keys are made of: for fb__key_from_jwk. */
const EVP_PKEY *fb__proof_keys_p256(const fb__proof_keys *keys);
/* A reference to what is held for exactly this header; NULL: nothing. */
fb__proof_key *fb__proof_keys_find(fb__proof_keys *keys, fb_slice header);
/* A proof with this key was good: it may be held. Not holding it is not an error. */
void fb__proof_keys_keep(fb__proof_keys *keys, fb__proof_key *key);
void fb__proof_key_release(fb__proof_key *key); /* NULL is fine */
void fb__proof_keys_stats(fb__proof_keys *keys, fb_stats *out);

/* ---- proof_header.c */

/*
 * Reads the header of a proof and the key in it, by the rules for tokens and for key sets and those of RFC 9449 section
 * 4.3. algs: fb__alg_bit of each that is allowed. *out NULL, and *problem NULL: out of memory; else *problem is
 * constant text that says what is wrong.
 */
void fb__proof_key_read(fb__proof_key **out, const fb_mem *mem, uint32_t algs, fb__proof_keys *keys, fb_slice header,
                        const char **problem);

/* ---- dpop.c, dpop_options.c: the check of a proof */

typedef struct fb__dpop {
    fb_mem mem;
    double max_age, clock_skew;
    bool required;
    bool with_tables;
    uint32_t algs;
    size_t max_proof_bytes;
    fb_slice nonce_secret; /* a copy; absent: no nonces */
    fb__replay *replay;    /* NULL: the host remembers proofs */
    fb__proof_keys *keys;
} fb__dpop;

/* options: those of the verifier, complete, with dpop. FB_OK, FB_CONFIGURATION_INVALID, FB_OUT_OF_MEMORY,
 * FB_INTERNAL_ERROR. */
fb_status fb__dpop_new(fb__dpop **out, const fb_mem *mem, const fb_options *options, fb_error *error);
void fb__dpop_free(fb__dpop *dpop); /* NULL is fine */

/* What a proof is held against. */
typedef struct fb__proof_request {
    const fb_verifier *verifier; /* for its callbacks around signatures */
    fb_slice method, url, token;
    const unsigned char *thumbprint; /* of the key that the token is bound to */
    double now;
} fb__proof_request;

/* All rules. When the host remembers proofs *remember says which; NULL otherwise. */
fb_status fb__dpop_check(const fb__dpop *dpop, const fb__proof_request *request, fb_slice proof, fb_proof *remember,
                         fb_error *error);

/* ---- certificate.c */

/* SHA-256 of the DER of one certificate, given as DER or as a PEM block: FB_OK, FB_PROOF_INVALID, FB_OUT_OF_MEMORY. */
fb_status fb__certificate_hash(fb_slice certificate, unsigned char out[FB__THUMBPRINT]);

/* ---- credential.c */

/* All of it is the request's. */
typedef struct fb__credential {
    bool is_dpop; /* the scheme; otherwise Bearer */
    fb_slice token;
    fb_slice proof; /* of the last of proof_count headers */
    size_t proof_count;
} fb__credential;

/* FB_OK, FB_TOKEN_MISSING, FB_REQUEST_MALFORMED, FB_CONFIGURATION_INVALID. */
fb_status fb__credential_find(const fb_request *request, bool takes_dpop, fb__credential *out, fb_error *error);

#endif
