/*
 * What a key source is made of, for the files that work on it: key_source.c (what is held), unknown_kids.c (key ids),
 * response.c (what came back) and refresh.c (the host that fetches with libcurl). Everybody else sees fb__key_source of
 * keysets.h.
 */
#ifndef FB_KEY_SOURCE_H
#define FB_KEY_SOURCE_H

#include "http.h"
#include "schedule.h"

#include <pthread.h>

enum { FB__MAX_REQUESTS = 8, FB__MAX_ETAG = 256, FB__LOGGABLE_URL = 120, FB__DIGEST = 32 };

/* An etag lives as long as a host may be reading it. */
struct fb__etag {
    struct fb__etag *next;
    bool kept;
    size_t size;
    char text[];
};

/* Hashes of the key ids of the usable keys of a set, and of "no key id". */
struct fb__kids {
    size_t count;
    uint64_t hashes[FB__MAX_KEYS + 1];
};

struct fb__key_source {
    atomic_size_t references;
    fb_mem mem;
    fb_slice url;
    size_t max_bytes;
    fb__fetch_options fetching;
    uint64_t seed[2];
    atomic_uint fork_seen, fork_claim;
    atomic_uint_least64_t generation, usable_until; /* read without the lock; the latter are the bits of a double */

    pthread_mutex_t lock; /* for all below */
    pthread_cond_t ended;
    fb__schedule schedule;
    fb__keyset *held;
    struct fb__kids kids;             /* of held */
    unsigned char digest[FB__DIGEST]; /* of the document that held came from */
    struct fb__etag *etag;            /* of that document; NULL: none */
    struct fb__etag *sent_etag;       /* with the fetch in flight */
    struct fb__etag *kept_etags;
    uint64_t requests[FB__MAX_REQUESTS]; /* key ids that wait for the fetch in flight; more may be counted than noted */
    size_t request_count;
    uint64_t generations, fetches, fetch_failures;
    fb__fetcher *fetcher; /* of refresh.c, between two fetches */
    char last_error[sizeof(((fb_stats *)NULL)->last_error)];

    char text[];
};

/* Before the lock is touched: makes the key source this process's own. */
void fb__key_source_own(fb__key_source *source);

/* Lock and unlock. */
void fb__key_source_lock(fb__key_source *source);
void fb__key_source_unlock(fb__key_source *source);
void fb__key_source_advertise(fb__key_source *source);

/* As a precision for "%.*s" of the URL: without the query, cut. */
int fb__key_source_loggable(const fb__key_source *source);

/* kids.c. A request is the key_request of the API: a key id, and which generation did not have it (0: none was held).
 */
uint64_t fb__kid_request(const fb__key_source *source, fb_slice kid, uint64_t seen);
void fb__kid_note(fb__key_source *source, uint64_t request);
bool fb__kids_have(const struct fb__kids *kids, uint64_t request);
bool fb__kids_answer(const fb__key_source *source, const struct fb__kids *kids); /* all requests that were noted */
void fb__kids_collect(const fb__key_source *source, const fb__keyset *set, struct fb__kids *out);

/* refresh.c: frees a fetcher; NULL is fine. */
void fb__refresh_forget(fb__fetcher *fetcher);

#endif
