/*
 * One limited GET. http_curl.c makes it with libcurl; http_none.c stands in its place in builds without.
 */
#ifndef FB_HTTP_H
#define FB_HTTP_H

#include "base/base.h"

typedef struct fb__http_options {
    fb_slice url;              /* NUL-terminated, as are the two paths; it passed fb__url_check */
    fb_slice ca_file, ca_path; /* absent: not given */
    double timeout;
    size_t max_bytes;
    bool ssrf_safe, trust_env;
    fb_list headers; /* beside our own; each NUL-terminated; they passed fb__request_headers_check */
} fb__http_options;

typedef struct fb__http fb__http; /* one request, and what it brought */

/* etag may be empty. Everything is copied. NULL: out of memory. */
fb__http *fb__http_new(const fb_mem *mem, const fb__http_options *options, const char *etag);
void fb__http_free(fb__http *http); /* NULL is fine */

/* Blocks for at most the time-out, and little longer once stopped(context) says true. *fetched points into http. */
void fb__http_get(fb__http *http, bool (*stopped)(void *context), void *context, fb_fetched *fetched);

#endif
