/*
 * Where an issuer's metadata document is looked for, and what it says: OpenID Connect Discovery 1.0 section 4, RFC 8414
 * sections 3 and 5.
 */
#ifndef FB_DISCOVERY_H
#define FB_DISCOVERY_H

#include "response.h"

enum { FB__WELL_KNOWN = 3 };

struct fb__discovery {
    fb_slice identifier; /* absent: the issuer has a jwks_uri */
    bool allow_http;
    fb_slice urls[FB__WELL_KNOWN]; /* in the order in which they are tried; NUL-terminated */
    size_t count;
};

/* Whether keys can be found by the identifiers of this issuer, which has no key source. FB_OK, or
 * FB_CONFIGURATION_INVALID with a text that says what to do. */
fb_status fb__discovery_check(const fb_issuer *issuer, fb_error *error);

/* For an issuer that passed. Text goes to *at, which is moved on, and needs at most fb__discovery_room bytes. */
size_t fb__discovery_room(const fb_issuer *issuer);
void fb__discovery_init(fb__discovery *out, const fb_issuer *issuer, char **at);

/* Whether keys may be fetched from what a document names as jwks_uri: FB_OK, or FB_CONFIGURATION_INVALID with a text.
 */
fb_status fb__discovery_check_url(const fb__discovery *discovery, fb_slice url, fb_error *error);

/* FB__REFUSED; FB__PASSED_OVER: the document is not here; FB__NOT_NOW: refused, but the server may give it later;
 * FB__FOUND: response->jwks_uri is the caller's. */
void fb__discovery_evaluate(fb__response *response, const fb__request_context *context, const fb_fetched *fetched);

#endif
