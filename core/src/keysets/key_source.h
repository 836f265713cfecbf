/*
 * What a key source is made of, for the files that work on it: key_source.c (what is held), refresh.c (the two halves
 * of a fetch) and background.c (the fetch on a thread of our own). Everybody else sees fb__key_source of keysets.h.
 */
#ifndef FB_KEY_SOURCE_H
#define FB_KEY_SOURCE_H

#include "discovery.h"
#include "http.h"
#include "schedule.h"
#include "unknown_kids.h"

#include <pthread.h>

enum { FB__LOGGABLE_URL = 120, FB__FORMER_URIS = 8 };

/* What a flight fetches next: below this one of the metadata documents, by its number. */
enum { FB__STEP_KEYS = FB__WELL_KNOWN };

struct fb__background; /* a thread of ours and its fetch */

struct fb__key_source {
    atomic_size_t references;
    fb_mem mem;
    char name[FB__SOURCE_NAME]; /* in a store */
    fb__http_options http;      /* without url; its text is in text */
    fb__discovery discovery;
    fb__process process;
    fb__table_budget *budget; /* a reference; NULL: none */
    /* Read without the lock; the latter two are the bits of a double. */
    atomic_uint_least64_t generation, usable_from, usable_until;

    pthread_mutex_t lock; /* for all below */
    pthread_cond_t ended;
    fb__schedule schedule;
    fb__keyset *keys;                            /* the set that was fetched last, however old; NULL: none */
    uint64_t generations;                        /* sets so far */
    char etag[sizeof(((fb_fetch *)NULL)->etag)]; /* of the response that keys came from; empty: none */
    uint64_t etag_sent_for;                      /* the generation whose etag the fetch in flight has; 0: none */
    fb__unknown_kids unknown_kids;               /* that the fetch in flight is made for */
    fb_slice jwks_uri;                           /* NUL-terminated; absent: not known yet */
    char *found[FB__FORMER_URIS];                /* by discovery, the latest first; see refresh.c */
    double document_read_at;                     /* when discovery found the latest */
    size_t step;                                 /* of the fetch in flight, or the last one */
    struct fb__background *background;           /* the last fetch of our own; NULL: none */
    fb_status last_status;                       /* how the last fetch ended, and if badly, why */
    char last_error[sizeof(((fb_stats *)NULL)->last_error)];

    char text[];
};

/* The lock. In a child of a fork the key source is made the child's own first. */
void fb__key_source_lock(fb__key_source *source);
void fb__key_source_unlock(fb__key_source *source);

/* Under the lock, after a change of keys or schedule: tells readers without it. */
void fb__key_source_advertise(fb__key_source *source);
/* Under the lock: what the step of the flight fetches. */
fb_slice fb__key_source_url(const fb__key_source *source);
/* Under the lock: whether keys are held that may be used now. */
bool fb__key_source_usable(const fb__key_source *source, double now);

/* refresh.c. Under the lock, with the keys that it came with in place. */
void fb__key_source_keep_etag(fb__key_source *source, fb_slice etag, bool not_modified);
/* Under the lock: where the keys are, with discovery. Takes over url, NUL-terminated, and returns what is to be freed.
 */
char *fb__key_source_move(fb__key_source *source, char *url);
/* Under the lock: puts keys in the place of those that are held, which it returns. */
fb__keyset *fb__key_source_swap_in(fb__key_source *source, fb__keyset *keys);

/* background.c. Before there is a fetch: one that begins when the process ends is not let in. */
void fb__background_watch_exit(void);
/* Tells the fetch to end soon; release waits until its thread does not know the key source any more. */
void fb__background_stop(struct fb__background *background);
void fb__background_release(struct fb__background *background);

#endif
