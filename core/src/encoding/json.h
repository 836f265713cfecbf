/*
 * What the files of the JSON reader share. Nobody else includes it: the reader's interface is in encoding.h.
 */
#ifndef FB_JSON_H
#define FB_JSON_H

#include "encoding/encoding.h"

#if defined(__SSE2__) && !defined(FB_PORTABLE)
#define FB_SSE2 1
#include <emmintrin.h>
#endif

typedef struct fb__scanner {
    const char *text, *end;
    bool lenient, takes_array;
    size_t depth, max_depth;
    uint32_t parent; /* the innermost container that is open */
    const fb_mem *mem;
    fb_node *nodes;
    size_t count, capacity; /* count is already that of the node which follows the one that is being read */
} fb__scanner;

static inline void fb__json_write_node(const fb__scanner *s, const char *start, size_t size, fb_kind kind, bool escaped,
                                       fb_node *out)
{
    *out = (fb_node){(uint32_t)(start - s->text), (uint32_t)size, (uint32_t)s->count, (uint8_t)kind, escaped, 0};
}

#ifdef FB_SSE2
/* A bit for each of sixteen characters that is not printable ASCII, or is a quote or a backslash. */
static inline unsigned fb__json_special(const char *at)
{
    const __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)at);
    /* The comparison is signed, so "below space" catches the bytes above 0x7f too. */
    return (unsigned)_mm_movemask_epi8(_mm_or_si128(
        _mm_cmplt_epi8(bytes, _mm_set1_epi8(0x20)),
        _mm_or_si128(_mm_cmpeq_epi8(bytes, _mm_set1_epi8('"')), _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\')))));
}
#endif

/* Moves over printable ASCII except quote and backslash, sixteen characters at a time where the processor can. */
static inline const char *fb__json_skip_plain(const fb__scanner *s, const char *at)
{
    const char *const end = s->end;
#ifdef FB_SSE2
    for (; end - at >= 16; at += 16) {
        const unsigned special = fb__json_special(at);
        if (special != 0) {
            return at + __builtin_ctz(special);
        }
    }
    if (end - s->text >= 16) {
        const unsigned special = fb__json_special(end - 16) >> (16 - (end - at)); /* without what was looked at */
        return special == 0 ? end : at + __builtin_ctz(special);
    }
#endif
    while (at < end && (unsigned char)*at >= 0x20 && (unsigned char)*at < 0x80 && *at != '"' && *at != '\\') {
        at++;
    }
    return at;
}

/* What reads a token is given where it begins, and returns what follows it, or NULL when it is not valid. */

/* json_string.c: the rest of a string whose text begins at start and is plain as far as at. NULL: not valid escapes and
 * UTF-8, or no closing quote. */
const char *fb__json_read_special(const fb__scanner *s, const char *start, const char *at, fb_node *out);

/* json_number.c. NULL: not a number, or a longer or larger one than is accepted. */
const char *fb__json_read_number(const fb__scanner *s, const char *start, fb_node *out);

/* From an opening quote. */
static inline const char *fb__json_read_string(const fb__scanner *s, const char *quote, fb_node *out)
{
    const char *const start = quote + 1, *const at = fb__json_skip_plain(s, start);
    if (at == s->end || *at != '"') {
        return fb__json_read_special(s, start, at, out);
    }
    fb__json_write_node(s, start, (size_t)(at - start), FB_STRING, false, out);
    return at + 1;
}

/* json_object.c: whether all members of the object at this index, which ends here, have different names. */
fb__json_status fb__json_check_names(const fb__scanner *s, size_t object);

#endif
