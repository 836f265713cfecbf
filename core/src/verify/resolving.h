/*
 * What the files about issuers that come and go share: resolving.c puts a lock around the other two. Everybody else
 * sees fb__resolving of verify.h.
 */
#ifndef FB_RESOLVING_H
#define FB_RESOLVING_H

#include "verify/verify.h"

/* The 128-bit hash of an identifier, see fb__issuers_hash. */
typedef struct fb__identifier_hash {
    uint64_t half[2];
} fb__identifier_hash;

/* ---- added_issuers.c: those that were added, bounded in number; who was used least recently goes first */

typedef struct fb__added_issuers {
    size_t count, max, bucket_mask;
    uint64_t first, next; /* numbers: of the first that is to be trusted after a fork, and of the next that is added */
    uint64_t evictions;
    fb__issuer **by_identifier, **by_number; /* buckets */
    fb__issuer *oldest, *newest;             /* by their last use */
    fb__issuer *retired;                     /* gone, but a host's fetch for it is not completed; the last one first */
} fb__added_issuers;

/* False: out of memory. first: the smallest number that one may get. */
bool fb__added_init(fb__added_issuers *added, const fb_mem *mem, size_t max, uint64_t first);
void fb__added_clear(fb__added_issuers *added, const fb_mem *mem);
/* Empties it without a look at the issuers, whose links cannot be trusted; their memory is lost. */
void fb__added_abandon(fb__added_issuers *added);

fb__issuer *fb__added_find(const fb__added_issuers *added, fb__identifier_hash hash, fb_slice identifier);
/* Retired ones too. */
fb__issuer *fb__added_find_number(const fb__added_issuers *added, uint64_t number);
bool fb__added_holds(const fb__added_issuers *added, const fb__issuer *issuer);
void fb__added_touch(fb__added_issuers *added, fb__issuer *issuer);
/* Takes over the caller's use of issuer, and gives it its number. What it returns is to be left when the lock is not
 * held: the issuer that made room or was replaced; NULL: none. */
fb__issuer *fb__added_insert(fb__added_issuers *added, fb__issuer *issuer, fb__identifier_hash hash);
/* A host fetches for it: what it was told stays where it is. Returns as above. */
fb__issuer *fb__added_hold(fb__added_issuers *added, fb__issuer *issuer);
fb__issuer *fb__added_unhold(fb__added_issuers *added, fb__issuer *issuer);

/* ---- unknown_issuers.c: identifiers that the resolver does not know */

enum { FB__MAX_UNKNOWN_ISSUERS = 4096 };

typedef struct fb__unknown_issuers {
    struct fb__unknown_issuer *items; /* in the order in which they came, around and around */
    uint16_t *buckets;                /* index + 1 of the first of each; 0: none */
    size_t next;
} fb__unknown_issuers;

/* False: out of memory. */
bool fb__unknown_init(fb__unknown_issuers *unknown, const fb_mem *mem);
void fb__unknown_clear(fb__unknown_issuers *unknown, const fb_mem *mem);
void fb__unknown_forget_all(fb__unknown_issuers *unknown);
bool fb__unknown_has(const fb__unknown_issuers *unknown, fb__identifier_hash hash, double now);
/* The one that came first makes room. */
void fb__unknown_add(fb__unknown_issuers *unknown, fb__identifier_hash hash, double now);
void fb__unknown_forget(fb__unknown_issuers *unknown, fb__identifier_hash hash);
size_t fb__unknown_count(const fb__unknown_issuers *unknown, double now);

#endif
