/*
 * The three segments of a JWS in compact serialisation (RFC 7515 section 7.1). Given hostile bytes of any number;
 * allocates nothing, copies nothing, and stops at the third dot.
 */
#include "verify/verify.h"

bool fb_token_is_jwt(const char *token, size_t size)
{
    enum { ENOUGH = 4 };
    unsigned char start[ENOUGH];
    const char *end = token + size, *first = size == 0 ? NULL : memchr(token, '.', size);
    const char *second = first == NULL ? NULL : memchr(first + 1, '.', (size_t)(end - first) - 1);
    if (second == NULL || memchr(second + 1, '.', (size_t)(end - second) - 1) != NULL || first - token < ENOUGH) {
        return false;
    }
    /* RFC 8259 section 2: white space may stand before the object. */
    static const char beginnings[] = {'{', ' ', '\t', '\r', '\n'};
    return fb__base64url_valid(token, ENOUGH) && fb__base64url_decode(token, ENOUGH, start) &&
           memchr(beginnings, start[0], sizeof(beginnings)) != NULL;
}

fb_status fb__token_split(const char *text, size_t size, fb__token *out)
{
    if (size == 0) {
        return FB_TOKEN_MALFORMED; /* text may be NULL */
    }
    const char *end = text + size;
    const char *first = memchr(text, '.', size);
    const char *second = first == NULL ? NULL : memchr(first + 1, '.', (size_t)(end - first) - 1);
    if (second == NULL || memchr(second + 1, '.', (size_t)(end - second) - 1) != NULL) {
        return FB_TOKEN_MALFORMED;
    }
    out->header = (fb_slice){text, (size_t)(first - text)};
    out->payload = (fb_slice){first + 1, (size_t)(second - first) - 1};
    out->signature = (fb_slice){second + 1, (size_t)(end - second) - 1};
    out->signing_input = (fb_slice){text, (size_t)(second - text)};
    const fb_slice *segments[] = {&out->header, &out->payload, &out->signature};
    for (size_t i = 0; i < 3; i++) {
        if (segments[i]->size == 0 || !fb__base64url_valid(segments[i]->data, segments[i]->size)) {
            return FB_TOKEN_MALFORMED;
        }
    }
    return FB_OK;
}
