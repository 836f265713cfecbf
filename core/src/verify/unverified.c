/*
 * The text of a token that nobody has verified, for people and tools. It takes no part in a verification, and
 * nothing may be decided by what it returns.
 */
#include "verify/verify.h"

struct fb_unverified {
    fb_mem mem;
    fb_slice header, payload;
    char text[];
};

/* Decodes a segment to *at and moves it on. */
static bool decode(fb_slice segment, char **at, fb_slice *out)
{
    *out = (fb_slice){*at, fb__base64url_decoded_size(segment.size)};
    bool decoded = fb__base64url_decode(segment.data, segment.size, (unsigned char *)*at);
    *at += out->size;
    return decoded;
}

static fb_status check_json(const fb_mem *mem, fb_slice text, fb_status invalid)
{
    size_t capacity = fb__json_bound(text.data, text.size), count;
    fb_node *nodes = fb__alloc(mem, capacity * sizeof(*nodes));
    if (nodes == NULL) {
        return FB_OUT_OF_MEMORY;
    }
    fb__json_status scanned =
        fb__json_scan(text.data, text.size, FB__JSON_STRICT, FB__MAX_DEPTH, mem, nodes, capacity, &count);
    fb__free(mem, nodes);
    return scanned == FB__JSON_OK ? FB_OK : scanned == FB__JSON_NO_MEMORY ? FB_OUT_OF_MEMORY : invalid;
}

fb_status fb_decode_unverified(const char *token, size_t size, const fb_mem *given, fb_unverified **out,
                               fb_error *error)
{
    *out = NULL;
    fb_mem mem = given == NULL ? fb__mem_default : *given;
    fb__token parts;
    if (size > FB__MAX_TOKEN) {
        return fb__reject(error, FB_TOKEN_TOO_LARGE, (fb_slice){NULL, 0});
    }
    fb_status status = fb__token_split(token, size, &parts);
    if (status != FB_OK) {
        return fb__reject(error, status, (fb_slice){NULL, 0});
    }
    fb_unverified *unverified = fb__alloc(&mem, sizeof(*unverified) + size);
    if (unverified == NULL) {
        return fb__out_of_memory(error);
    }
    unverified->mem = mem;
    char *at = unverified->text;
    status = decode(parts.header, &at, &unverified->header) && decode(parts.payload, &at, &unverified->payload)
                 ? check_json(&mem, unverified->header, FB_HEADER_INVALID)
                 : FB_TOKEN_MALFORMED;
    if (status == FB_OK) {
        status = check_json(&mem, unverified->payload, FB_PAYLOAD_INVALID);
    }
    if (status != FB_OK) {
        fb_unverified_free(unverified);
        return fb__reject(error, status, (fb_slice){NULL, 0});
    }
    *out = unverified;
    return FB_OK;
}

fb_slice fb_unverified_header(const fb_unverified *unverified)
{
    return unverified->header;
}

fb_slice fb_unverified_payload(const fb_unverified *unverified)
{
    return unverified->payload;
}

void fb_unverified_free(fb_unverified *unverified)
{
    if (unverified != NULL) {
        fb_mem mem = unverified->mem;
        fb__free(&mem, unverified);
    }
}
