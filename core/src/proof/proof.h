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

#endif
