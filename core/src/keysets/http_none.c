/* In the place of http_curl.c in builds without libcurl: there, the host fetches. */
#include "http.h"
#include "keysets/keysets.h"

const char *fb__http_version(void)
{
    return NULL;
}

fb__http *fb__http_new(const fb_mem *mem, const fb__http_options *options, const char *etag)
{
    (void)mem;
    (void)options;
    (void)etag;
    return NULL;
}

void fb__http_free(fb__http *http)
{
    (void)http;
}

void fb__http_get(fb__http *http, bool (*stopped)(void *context), void *context, fb_fetched *fetched)
{
    (void)http;
    (void)stopped;
    (void)context;
    fetched->failure = fb_text("this build has no libcurl");
}
