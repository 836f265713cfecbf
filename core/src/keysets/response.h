/* What came back from a fetch, and whether it counts. */
#ifndef FB_RESPONSE_H
#define FB_RESPONSE_H

#include "keysets/keysets.h"

typedef struct fb__discovery fb__discovery;

/* Everything that is worked out of a response before the key source is locked again. */
typedef struct fb__response {
    enum { FB__REFUSED, FB__UNCHANGED, FB__REPLACED, FB__PASSED_OVER, FB__FOUND, FB__NOT_NOW, FB__OVERTAKEN } verdict;
    fb_status status; /* of a refused one: FB_KEYS_UNAVAILABLE or FB_OUT_OF_MEMORY */
    char problem[160];
    fb__keyset *keys; /* of a document: a reference, and unless it is refused it has its document */
    double lifetime;
    char *jwks_uri; /* of a metadata document: NUL-terminated, from the context's mem */
} fb__response;

/* What a response is compared with. */
typedef struct fb__request_context {
    const fb_mem *mem;
    fb_slice url;
    size_t max_bytes;
    const fb__keyset *keys; /* that are held; NULL: none */
    bool etag_sent;         /* that of keys */
    bool overtaken;         /* that of keys which are not held any more */
    const fb__discovery *discovery;
} fb__request_context;

void fb__response_refuse(fb__response *response, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The start of both: empties *response; false: it is refused, there is no response or nobody knows where it ends. */
bool fb__response_begin(fb__response *response, const fb__request_context *context, const fb_fetched *fetched);
/* False: it is refused, since it has no body that could be read. */
bool fb__response_check_body(fb__response *response, const fb__request_context *context, const fb_fetched *fetched);

/* Of a key set; that of a metadata document is in discovery.h. */
void fb__response_evaluate(fb__response *response, const fb__request_context *context, const fb_fetched *fetched);

#endif
