/*
 * One limited GET. http_curl.c is left out of builds without libcurl.
 */
#ifndef FB_HTTP_H
#define FB_HTTP_H

#include "keysets/keysets.h"

typedef struct fb__fetcher fb__fetcher; /* connection reuse between refreshes; one thread at a time */

typedef struct fb__fetch_options {
    fb_slice ca_file, ca_path;
    bool allow_http, ssrf_safe, trust_env;
} fb__fetch_options;

/* Blocks for at most fetch->timeout. *fetched points into the fetcher and is valid until the next call. */
fb_status fb__fetcher_new(fb__fetcher **out, const fb_mem *mem, const fb__fetch_options *options);
void fb__fetcher_free(fb__fetcher *fetcher);
void fb__fetcher_get(fb__fetcher *fetcher, const fb_fetch *fetch, fb_fetched *fetched);

#endif
