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
    uint64_t generation; /* set by the key source that swaps it in; 0 for static keys */
    bool ignore_kid;     /* one static key: PEM or secret */
    bool undecided;      /* of a key: the document is worth reading again */
    char *document;      /* of a set that was fetched: what it was read from; NULL: not kept */
    size_t document_size;
    fb__tables tables;
    uint8_t first[FB__MAX_KEYS]; /* of each key, where the set lists it first: a key listed twice is one key */
    size_t count;
    fb__verification_key keys[];
} fb__keyset;

fb_status fb__keyset_from_pem(fb__keyset **out, const fb_mem *mem, fb_slice pem, fb_error *error);
fb_status fb__keyset_from_secret(fb__keyset **out, const fb_mem *mem, fb_slice secret, uint32_t algs, bool allow_short,
                                 fb_error *error);
/* Of an issuer without keys. NULL: out of memory. */
fb__keyset *fb__keyset_empty(const fb_mem *mem);
/* FB_CONFIGURATION_INVALID with a text when the document is not a key set with at least one usable key. */
fb_status fb__keyset_from_jwks(fb__keyset **out, const fb_mem *mem, fb_slice document, fb_error *error);
/* Before it is shared: a copy of its document, for fb__key_source_export. False: out of memory. */
bool fb__keyset_keep_document(fb__keyset *set, fb_slice document);
fb__keyset *fb__keyset_retain(fb__keyset *set);
void fb__keyset_release(fb__keyset *set); /* NULL is fine */

/* FB_OK, FB_KEY_NOT_FOUND, FB_KEY_AMBIGUOUS, FB_KEY_UNSUITABLE. kid absent: the only key that fits. */
fb_status fb__keyset_select(fb__keyset *set, fb_slice kid, const fb__alg *alg, fb__verification_key **out);

/* Before it is shared: its tables count within this budget, too. Takes a reference; NULL is fine. */
void fb__keyset_share_budget(fb__keyset *set, fb__table_budget *budget);

/* Whether both hold the same keys, in any order: replacing one by the other would change nothing. */
bool fb__keyset_same(const fb__keyset *a, const fb__keyset *b);

/* ---- key_source.c: a key set behind a URL, shared by verifiers and threads */

typedef struct fb__key_source fb__key_source;

fb_status fb__key_source_new(fb__key_source **out, const fb_mem *mem, const fb_issuer *issuer, fb_error *error);
/* Before it is shared: as fb__keyset_share_budget, for all its sets. */
void fb__key_source_share_budget(fb__key_source *source, fb__table_budget *budget);
fb__key_source *fb__key_source_retain(fb__key_source *source);
void fb__key_source_release(fb__key_source *source); /* NULL is fine */

/* Which key a verification asks for. after_fetch: the token has had its fetch, that of key_request. */
typedef struct fb__key_query {
    double now; /* monotonic seconds, as everywhere below */
    fb_slice kid;
    const fb__alg *alg;
    bool after_fetch;
    uint64_t key_request;
} fb__key_query;

/*
 * FB_OK: *key is the key, *set a reference to the set that it belongs to, released by the caller. Otherwise error says
 * all there is to say, and both are NULL: what fb__keyset_select refuses, FB_KEYS_NEEDED, FB_KEYS_UNAVAILABLE.
 */
fb_status fb__key_source_select(fb__key_source *source, const fb__key_query *query, fb__keyset **set,
                                fb__verification_key **key, fb_error *error);
uint64_t fb__key_source_generation(fb__key_source *source, double now); /* 0: no usable keys are held now */
fb__keyset *fb__key_source_keys(fb__key_source *source);                /* a reference, however old; NULL: none */
void fb__key_source_stats(fb__key_source *source, double now, fb_stats *out);

/* Where the set is fetched, and when the one that is held came. */
enum { FB__MAX_URL = 2048, FB__SOURCE_NAME = 44 };
typedef struct fb__key_source_info {
    double fetched_at, fresh_until; /* monotonic; -INFINITY: no set is held */
    bool failing;                   /* the last fetch failed */
    char name[FB__SOURCE_NAME];     /* in a store */
    size_t jwks_uri_size;           /* 0: not known yet */
    char jwks_uri[FB__MAX_URL];     /* as much of it as may be logged */
} fb__key_source_info;
void fb__key_source_describe(fb__key_source *source, fb__key_source_info *out);

/* ---- refresh.c: what a host that fetches asks, as the functions of the same names in fastbearer.h */

bool fb__key_source_due(fb__key_source *source, double now);
fb_status fb__key_source_begin(fb__key_source *source, double now, fb_refresh_reason reason, uint64_t key_request,
                               fb_fetch *out, fb_error *error);
bool fb__key_source_wait(fb__key_source *source, uint64_t ticket, double timeout);
/* next may be NULL when the issuer has a jwks_uri. */
fb_status fb__key_source_complete(fb__key_source *source, uint64_t ticket, double now, const fb_fetched *fetched,
                                  fb_fetch *next, fb_error *error);

/* ---- stored.c: key sets kept between runs, as the functions of the same names in fastbearer.h */

/* How a source is named in a store, NUL-terminated. False: out of memory. */
bool fb__key_source_write_name(fb_slice jwks_uri, fb_slice identifier, char out[FB__SOURCE_NAME]);

uint64_t fb__key_source_version(fb__key_source *source);
fb_status fb__key_source_export(fb__key_source *source, fb_clock clock, fb_key_export **out, fb_error *error);
/* stored is complete. */
fb_status fb__key_source_import(fb__key_source *source, fb_clock clock, const fb_stored_keys *stored, fb_error *error);

/* ---- background.c: the fetch with libcurl, on a thread of its own */

fb_status fb__key_source_start(fb__key_source *source, fb_refresh_reason reason, uint64_t key_request, fb_fetch *out,
                               fb_error *error);
fb_status fb__key_source_refresh(fb__key_source *source, fb_refresh_reason reason, uint64_t key_request,
                                 fb_error *error);
const char *fb__http_version(void); /* of libcurl; NULL: this build has none, and cannot fetch */

#endif
