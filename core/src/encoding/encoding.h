/*
 * From bytes to structure: base64url and the strict JSON reader. Both work on hostile text, and know nothing of what it
 * means.
 */
#ifndef FB_ENCODING_H
#define FB_ENCODING_H

#include "base/base.h"

enum { FB__MAX_DEPTH = 32, FB__MAX_NUMBER = 256 };

/* ---- base64url.c: RFC 4648 section 5, unpadded, canonical */

/* Bytes that size characters decode to; size % 4 == 1 never decodes. */
static inline size_t fb__base64url_decoded_size(size_t size)
{
    return size / 4 * 3 + (size % 4 == 0 ? 0 : size % 4 - 1);
}
/* Alphabet, length and zero trailing bits. Empty text is valid. */
bool fb__base64url_valid(const char *text, size_t size);
/* Decodes into out, which has room for fb__base64url_decoded_size(size). False (out undefined) when not valid. */
bool fb__base64url_decode(const char *text, size_t size, unsigned char *out);
/* Writes (size * 4 + 2) / 3 characters, no NUL; returns how many. */
size_t fb__base64url_encode(const void *data, size_t size, char *out);

/* ---- json_scan.c, json_object.c, json_string.c, json_number.c: the strict reader */

enum {
    FB__JSON_STRICT = 0,
    FB__JSON_LENIENT =
        1, /* NaN, Infinity, -Infinity, NUL escapes, any number and duplicate names, for minting test tokens */
    FB__JSON_ARRAY = 2 /* an array in place of the object is taken, too */
};

typedef enum fb__json_status {
    FB__JSON_OK,
    FB__JSON_INVALID,
    FB__JSON_TOO_MANY_NODES,
    FB__JSON_NO_MEMORY
} fb__json_status;

/* An upper bound of the nodes that text can have, without parsing it. */
size_t fb__json_bound(const char *text, size_t size);

/*
 * Reads one JSON object (or array, by flags) that fills text whole, into at most capacity nodes. Iterative; depth <=
 * max_depth (the object itself is depth 1). mem serves the duplicate check of large objects only.
 */
fb__json_status fb__json_scan(const char *text, size_t size, unsigned flags, size_t max_depth, const fb_mem *mem,
                              fb_node *nodes, size_t capacity, size_t *count);

/* Index of the value of member name (unescaped) of the object at index object; 0: no such member. */
size_t fb__json_member(const char *text, const fb_node *nodes, size_t object, fb_slice name);

/* Whether the node is a string with this value, after unescaping. */
bool fb__json_equal_escaped(const char *text, const fb_node *node, fb_slice value);
static inline bool fb__json_equal(const char *text, const fb_node *node, fb_slice value)
{
    return node->escaped ? fb__json_equal_escaped(text, node, value)
                         : node->kind == FB_STRING && node->length == value.size &&
                               memcmp(text + node->offset, value.data, value.size) == 0;
}

/* What of a URL compares without case: ASCII letters in [0, scheme) and [host, host_end). */
typedef struct fb__folds {
    size_t scheme, host, host_end;
} fb__folds;

/* Whether the string node has the value of this URL, but for case where it does not count (RFC 3986 section 6.2.2.1).
 */
bool fb__json_equal_url(const char *text, const fb_node *node, fb_slice url, const fb__folds *folds);

/* A NumericDate (RFC 7519 section 2): seconds as a double, and cut to whole seconds towards zero. */
typedef struct fb__seconds {
    double value;
    int64_t whole;
} fb__seconds;

/* False when the node is not a number, or is one outside of int64 seconds. */
bool fb__json_seconds(const char *text, const fb_node *node, fb__seconds *out);

/* Writes a finite number with so many digits (17: the very value), no NUL; returns how many characters. */
enum { FB__NUMBER_ROOM = 32 };
size_t fb__number_write(double value, int digits, char out[FB__NUMBER_ROOM]);

#endif
