/*
 * Proof of possession: what a request must show beside a token that is bound to a key (RFC 7800), by DPoP (RFC 9449) or
 * by a client certificate (RFC 8705). One file a question; request.c asks them in order.
 */
#ifndef FB_PROOF_H
#define FB_PROOF_H

#include "verify/verify.h"

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

/* For clients to use from now on. False, and out is empty: out of memory, or now is no time. */
bool fb__nonce_make(fb_slice secret, double now, char out[FB_NONCE_ROOM]);
/* FB_OK, FB_PROOF_NONCE_REQUIRED, FB_OUT_OF_MEMORY. given: any text. */
fb_status fb__nonce_check(fb_slice secret, double now, fb_slice given);

#endif
