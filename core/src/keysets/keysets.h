/*
 * Key sets: the documents, the choice of a key, and where sets come from.
 */
#ifndef FB_KEYSETS_H
#define FB_KEYSETS_H

#include "signature/signature.h"

enum { FB__MAX_KEYS = 100 };

/* ---- keyset.c: key-set documents and the choice of a key */

/* An immutable snapshot. Readers hold a reference; it is replaced whole. */
typedef struct fb__keyset {
    atomic_size_t references;
    fb_mem mem;
    uint64_t generation; /* set by whoever publishes it; 0 for static keys */
    bool ignore_kid;     /* one static key: PEM or secret */
    bool undecided;      /* of a key: the document is worth reading again */
    fb__tables tables;
    size_t count;
    fb__key keys[];
} fb__keyset;

fb_status fb__keyset_from_pem(fb__keyset **out, const fb_mem *mem, fb_slice pem, fb_error *error);
fb_status fb__keyset_from_secret(fb__keyset **out, const fb_mem *mem, fb_slice secret, uint32_t algs, bool allow_short,
                                 fb_error *error);
/* FB_CONFIGURATION_INVALID with a text when the document is not a key set with at least one usable key. */
fb_status fb__keyset_from_jwks(fb__keyset **out, const fb_mem *mem, fb_slice document, fb_error *error);
fb__keyset *fb__keyset_retain(fb__keyset *set);
void fb__keyset_release(fb__keyset *set); /* NULL is fine */

/* FB_OK, FB_KEY_NOT_FOUND, FB_KEY_AMBIGUOUS, FB_KEY_UNSUITABLE. kid absent: the only key that fits. */
fb_status fb__keyset_select(fb__keyset *set, fb_slice kid, const fb__alg *alg, fb__key **out);

/* ---- cache_control.c, url.c: what a response and a configuration say about fetching */

/* Seconds that a response stays fresh: Cache-Control max-age less Age, 60 .. 3600; 600 when there is no max-age. */
double fb__freshness(fb_slice cache_control, fb_slice age);

/* FB_OK, or FB_CONFIGURATION_INVALID with a text that names jwks_uri. The others take a URL that passed. */
fb_status fb__url_check(fb_slice url, bool allow_http, fb_error *error);
bool fb__url_loopback(fb_slice url);
size_t fb__url_loggable_size(fb_slice url); /* how much of it may be logged: all before the query */

/* ---- key_source.c: a key set behind a URL, and when to fetch it */

typedef struct fb__key_source fb__key_source;

fb_status fb__key_source_new(fb__key_source **out, const fb_mem *mem, const fb_options *options, fb_error *error);
fb__key_source *fb__key_source_retain(fb__key_source *source);
void fb__key_source_release(fb__key_source *source);

/*
 * FB_OK: *out is a reference to the keys to use now. FB_KEYS_NEEDED: none are held and a fetch is allowed; *key_request
 * is set. FB_KEYS_UNAVAILABLE: none can be had for *retry_after seconds.
 */
fb_status fb__key_source_acquire(fb__key_source *source, double now, fb_slice kid, fb__keyset **out,
                                 uint64_t *key_request, double *retry_after);
/* kid is not in the set that was acquired: FB_KEYS_NEEDED when that is worth a fetch now, else FB_KEY_NOT_FOUND. */
fb_status fb__key_source_missing(fb__key_source *source, double now, fb_slice kid, const fb__keyset *set,
                                 uint64_t *key_request);
uint64_t fb__key_source_generation(fb__key_source *source, double now); /* 0: no usable keys are held now */
fb_status fb__key_source_begin(fb__key_source *source, double now, fb_refresh_reason reason, uint64_t key_request,
                               fb_fetch *out);
fb_status fb__key_source_complete(fb__key_source *source, uint64_t ticket, double now, const fb_fetched *fetched,
                                  fb_error *error);
bool fb__key_source_wait(fb__key_source *source, uint64_t ticket, double timeout);
bool fb__key_source_due(fb__key_source *source, double now);
fb__keyset *fb__key_source_held(fb__key_source *source); /* a reference, however old; NULL: none */
/* The whole refresh with libcurl; FB_CONFIGURATION_INVALID in a build without it. */
fb_status fb__key_source_refresh(fb__key_source *source, fb_refresh_reason reason, uint64_t key_request,
                                 fb_error *error);
void fb__key_source_stats(fb__key_source *source, double now, fb_stats *out);

/* ---- public_address.c: for ssrf_safe; addresses in network order */

bool fb__address_public_ipv4(const unsigned char *address); /* 4 bytes */
bool fb__address_public_ipv6(const unsigned char *address); /* 16 bytes */

#endif
