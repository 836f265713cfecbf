/* What came back from a fetch, and whether it counts. */
#ifndef FB_RESPONSE_H
#define FB_RESPONSE_H

#include "keysets/keysets.h"

/* Everything that is worked out of a response before the key source is locked again. */
typedef struct fb__response {
    enum { FB__REFUSED, FB__UNCHANGED, FB__REPLACED } verdict;
    fb_status status; /* of a refused one: FB_KEYS_UNAVAILABLE or FB_OUT_OF_MEMORY */
    char problem[160];
    fb__keyset *keys; /* of a new set: a reference */
    double lifetime;
} fb__response;

/* What a response is compared with. */
typedef struct fb__request_context {
    const fb_mem *mem;
    fb_slice url;
    size_t max_bytes;
    const fb__keyset *keys; /* that are held; NULL: none */
    bool etag_sent;
} fb__request_context;

void fb__response_evaluate(fb__response *response, const fb__request_context *context, const fb_fetched *fetched);

#endif
