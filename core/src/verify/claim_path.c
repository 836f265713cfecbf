/*
 * Where a claim is: a top-level name, or a JSON Pointer (RFC 6901) into the payload. Paths are configuration and taken
 * apart once; the payload is strict JSON of whoever signed it. A lookup reads each member on the way once.
 */
#include "verify/verify.h"

/* Moves a segment without its escapes to *to, and the text behind it. False: "~" and neither 0 nor 1. */
static bool read_segment(const char **at, const char *end, char **to, fb_slice *out)
{
    char *const start = *to;
    for (; *at < end && **at != '/'; ++*at) {
        char c = **at;
        if (c == '~') {
            ++*at;
            if (*at == end || (**at != '0' && **at != '1')) {
                return false;
            }
            c = **at == '0' ? '~' : '/';
        }
        *(*to)++ = c;
    }
    *out = (fb_slice){start, (size_t)(*to - start)};
    return true;
}

bool fb__claim_path_read(fb__claim_path *out, fb__arena *arena, fb_slice text, const char **problem)
{
    size_t count = 0;
    *problem = NULL;
    *out = (fb__claim_path){.text = text, .name = text};
    for (size_t i = 0; text.data[0] == '/' && i < text.size; i++) {
        count += text.data[i] == '/';
    }
    if (count > FB__MAX_PATH) {
        *problem = "more segments than a payload is deep";
        return true;
    }
    fb_slice *segments = fb__arena_take(arena, (count == 0 ? 1 : count) * sizeof(*segments));
    char *to = fb__arena_take(arena, text.size);
    if (segments == NULL || to == NULL) {
        return false;
    }
    out->segments = segments;
    out->count = count == 0 ? 1 : count;
    segments[0] = text;
    const char *at = text.data;
    for (size_t i = 0; i < count; i++) {
        at++;
        if (!read_segment(&at, text.data + text.size, &to, &segments[i])) {
            *problem = "\"~\" that begins neither \"~0\" nor \"~1\" (RFC 6901 section 3)";
            break;
        }
    }
    return true;
}

/* RFC 6901 section 4: no leading zeros, and "-" is the item behind the last, which there never is. */
static size_t find_item(const fb_node *nodes, size_t array, fb_slice segment)
{
    size_t number = 0;
    if (segment.size == 0 || segment.size > 9 || (segment.size > 1 && segment.data[0] == '0')) {
        return 0;
    }
    for (size_t i = 0; i < segment.size; i++) {
        if (!fb__is_digit(segment.data[i])) {
            return 0;
        }
        number = number * 10 + (size_t)(segment.data[i] - '0');
    }
    size_t at = array + 1;
    for (; at < nodes[array].next && number > 0; number--) {
        at = nodes[at].next;
    }
    return at < nodes[array].next ? at : 0;
}

size_t fb__claim_path_find(const fb__claim_path *path, const char *text, const fb_node *nodes)
{
    size_t at = 0;
    for (size_t i = 0; i < path->count; i++) {
        const size_t next = nodes[at].kind == FB_OBJECT  ? fb__json_member(text, nodes, at, path->segments[i])
                            : nodes[at].kind == FB_ARRAY ? find_item(nodes, at, path->segments[i])
                                                         : 0;
        if (next == 0) {
            return 0;
        }
        at = next;
    }
    return at;
}
