/*
 * The strict reader (RFC 8259): one object or array, one iterative pass, into a flat tape of nodes. Given hostile
 * bytes. It never recurses. FB__JSON_LENIENT is for text that this process wrote itself.
 */
#include "encoding/json.h"

#if defined(__SSE2__) && !defined(FB_PORTABLE)
#define FB_SSE2 1
#include <emmintrin.h>
#endif

static const uint32_t NONE = UINT32_MAX;

/* ---- scalars -------------------------------------------------------------------------------- */

static bool read_literal(fb__scanner *s, const char *word, size_t size, fb_kind kind, fb_node *node)
{
    if ((size_t)(s->end - s->at) < size || memcmp(s->at, word, size) != 0) {
        return false;
    }
    fb__json_write_node(s, s->at, size, kind, false, node);
    s->at += size;
    return true;
}

static bool read_scalar(fb__scanner *s, fb_node *node)
{
    switch (*s->at) {
    case '"':
        return fb__json_read_string(s, node);
    case 't':
        return read_literal(s, "true", 4, FB_TRUE, node);
    case 'f':
        return read_literal(s, "false", 5, FB_FALSE, node);
    case 'n':
        return read_literal(s, "null", 4, FB_NULL, node);
    default:
        if (s->lenient && (read_literal(s, "NaN", 3, FB_REAL, node) || read_literal(s, "Infinity", 8, FB_REAL, node) ||
                           read_literal(s, "-Infinity", 9, FB_REAL, node))) {
            return true;
        }
        return fb__json_read_number(s, node);
    }
}

/* ---- structure ------------------------------------------------------------------------------ */

/* The next character that is not white space; '\0' at the end, where no value can start. */
static inline char next_character(fb__scanner *s)
{
    while (s->at < s->end && (*s->at == ' ' || *s->at == '\n' || *s->at == '\r' || *s->at == '\t')) {
        s->at++;
    }
    return s->at < s->end ? *s->at : '\0';
}

/* The name of a member and its colon. */
static fb__json_status read_name(fb__scanner *s)
{
    if (next_character(s) != '"') {
        return FB__JSON_INVALID;
    }
    if (s->count == s->capacity) {
        return FB__JSON_TOO_MANY_NODES;
    }
    fb_node *node = &s->nodes[s->count++];
    if (!fb__json_read_string(s, node) || next_character(s) != ':') {
        return FB__JSON_INVALID;
    }
    s->at++;
    return FB__JSON_OK;
}

static char closing(const fb_node *container)
{
    return container->kind == FB_OBJECT ? '}' : ']';
}

/* A container that is open keeps its parent's index in next, so that the depth costs no stack. */
static fb__json_status open_container(fb__scanner *s, uint32_t *parent, size_t *depth)
{
    if (++*depth > s->max_depth) {
        return FB__JSON_INVALID;
    }
    size_t index = s->count - 1;
    s->nodes[index] =
        (fb_node){(uint32_t)(s->at - s->text), 0, *parent, *s->at == '{' ? FB_OBJECT : FB_ARRAY, false, 0};
    *parent = (uint32_t)index;
    s->at++;
    return FB__JSON_OK;
}

static fb__json_status close_container(fb__scanner *s, uint32_t *parent, size_t *depth)
{
    fb_node *node = &s->nodes[*parent];
    size_t index = *parent;
    *parent = node->next;
    --*depth;
    s->at++;
    node->length = (uint32_t)(s->at - s->text) - node->offset;
    node->next = (uint32_t)s->count;
    return node->kind == FB_OBJECT && !s->lenient ? fb__json_check_names(s, index) : FB__JSON_OK;
}

/* After a value: closes what ends here, then moves to the next value of the container that goes on. *parent NONE: all
 * read. */
static fb__json_status after_value(fb__scanner *s, uint32_t *parent, size_t *depth)
{
    while (*parent != NONE) {
        char c = next_character(s);
        if (c == ',') {
            s->at++;
            return s->nodes[*parent].kind == FB_OBJECT ? read_name(s) : FB__JSON_OK;
        }
        if (c != closing(&s->nodes[*parent])) {
            return FB__JSON_INVALID;
        }
        fb__json_status status = close_container(s, parent, depth);
        if (status != FB__JSON_OK) {
            return status;
        }
    }
    return FB__JSON_OK;
}

static fb__json_status read_value(fb__scanner *s, uint32_t *parent, size_t *depth)
{
    char c = next_character(s);
    if (s->count == s->capacity) {
        return FB__JSON_TOO_MANY_NODES;
    }
    fb_node *node = &s->nodes[s->count++];
    if (c != '{' && c != '[') {
        if (c == '\0' || *parent == NONE || !read_scalar(s, node)) {
            return FB__JSON_INVALID;
        }
        return after_value(s, parent, depth);
    }
    if (c == '[' && *parent == NONE && !s->takes_array) {
        return FB__JSON_INVALID;
    }
    fb__json_status status = open_container(s, parent, depth);
    if (status != FB__JSON_OK) {
        return status;
    }
    if (next_character(s) != closing(node)) {
        return c == '{' ? read_name(s) : FB__JSON_OK;
    }
    status = close_container(s, parent, depth);
    return status != FB__JSON_OK ? status : after_value(s, parent, depth);
}

fb__json_status fb__json_scan(const char *text, size_t size, unsigned flags, size_t max_depth, const fb_mem *mem,
                              fb_node *nodes, size_t capacity, size_t *count)
{
    fb__scanner s = {.text = text,
                     .at = text,
                     .end = text + size,
                     .lenient = (flags & FB__JSON_LENIENT) != 0,
                     .takes_array = (flags & FB__JSON_ARRAY) != 0,
                     .max_depth = max_depth,
                     .mem = mem,
                     .nodes = nodes,
                     .capacity = capacity};
    uint32_t parent = NONE;
    size_t depth = 0;
    *count = 0;
    if (size == 0 || size >= UINT32_MAX) {
        return FB__JSON_INVALID;
    }
    do {
        fb__json_status status = read_value(&s, &parent, &depth);
        if (status != FB__JSON_OK) {
            return status;
        }
    } while (parent != NONE);
    (void)next_character(&s);
    *count = s.count;
    return s.at == s.end ? FB__JSON_OK : FB__JSON_INVALID;
}

/* Each value and each name follows one of these characters, the outermost value none. */
size_t fb__json_bound(const char *text, size_t size)
{
    size_t count = 1, i = 0;
#ifdef FB_SSE2
    while (i + 16 <= size) {
        /* Byte counters, emptied before one can overflow. */
        __m128i counters = _mm_setzero_si128();
        for (size_t stop = i + 16 * 255; i + 16 <= size && i < stop; i += 16) {
            __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)(text + i));
            __m128i open = _mm_cmpeq_epi8(_mm_or_si128(bytes, _mm_set1_epi8(0x20)), _mm_set1_epi8('{'));
            __m128i comma = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(','));
            __m128i colon = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(':'));
            counters = _mm_sub_epi8(counters, _mm_or_si128(open, _mm_or_si128(comma, colon)));
        }
        __m128i sums = _mm_sad_epu8(counters, _mm_setzero_si128());
        count += (size_t)_mm_cvtsi128_si32(sums) + (size_t)_mm_extract_epi16(sums, 4);
    }
#endif
    for (; i < size; i++) {
        count += text[i] == ',' || text[i] == ':' || text[i] == '{' || text[i] == '[';
    }
    return count;
}
