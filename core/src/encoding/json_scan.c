/*
 * The strict reader (RFC 8259): one object or array, one iterative pass, into a flat tape of nodes. Given hostile
 * bytes. It never recurses. FB__JSON_LENIENT is for text that this process wrote itself.
 */
#include "encoding/json.h"

static const uint32_t NONE = UINT32_MAX;

/* ---- scalars -------------------------------------------------------------------------------- */

static const char *read_literal(const fb__scanner *s, const char *at, const char *word, size_t size, fb_kind kind,
                                fb_node *node)
{
    if ((size_t)(s->end - at) < size || memcmp(at, word, size) != 0) {
        return NULL;
    }
    fb__json_write_node(s, at, size, kind, false, node);
    return at + size;
}

static const char *read_lenient(const fb__scanner *s, const char *at, fb_node *node)
{
    static const fb_slice words[] = {{"NaN", 3}, {"Infinity", 8}, {"-Infinity", 9}};
    for (size_t i = 0; i < 3; i++) {
        const char *after = read_literal(s, at, words[i].data, words[i].size, FB_REAL, node);
        if (after != NULL) {
            return after;
        }
    }
    return fb__json_read_number(s, at, node);
}

static inline const char *read_scalar(const fb__scanner *s, const char *at, fb_node *node)
{
    switch (*at) {
    case '"':
        return fb__json_read_string(s, at, node);
    case 't':
        return read_literal(s, at, "true", 4, FB_TRUE, node);
    case 'f':
        return read_literal(s, at, "false", 5, FB_FALSE, node);
    case 'n':
        return read_literal(s, at, "null", 4, FB_NULL, node);
    default:
        return s->lenient ? read_lenient(s, at, node) : fb__json_read_number(s, at, node);
    }
}

/* ---- structure ------------------------------------------------------------------------------ */

/* The place of the reader is handed from step to step and stays in a register. A step that fails returns NULL, with the
 * reason in *status. */

static const char *fail(fb__json_status *status, fb__json_status reason)
{
    *status = reason;
    return NULL;
}

static inline const char *skip_space(const fb__scanner *s, const char *at)
{
    while (at < s->end && (unsigned char)*at <= ' ' && (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t')) {
        at++;
    }
    return at;
}

/* '\0' at the end, where nothing can start. */
static inline char character(const fb__scanner *s, const char *at)
{
    return at < s->end ? *at : '\0';
}

/* The name of a member and its colon. */
static inline const char *read_name(fb__scanner *s, const char *at, fb__json_status *status)
{
    at = skip_space(s, at);
    if (character(s, at) != '"') {
        return fail(status, FB__JSON_INVALID);
    }
    if (s->count == s->capacity) {
        return fail(status, FB__JSON_TOO_MANY_NODES);
    }
    fb_node *node = &s->nodes[s->count++];
    at = fb__json_read_string(s, at, node);
    if (at == NULL) {
        return fail(status, FB__JSON_INVALID);
    }
    at = skip_space(s, at);
    return character(s, at) == ':' ? at + 1 : fail(status, FB__JSON_INVALID);
}

static inline char closing(const fb_node *container)
{
    return container->kind == FB_OBJECT ? '}' : ']';
}

/* A container that is open keeps its parent's index in next, so that the depth costs no stack. */
static void open_container(fb__scanner *s, const char *at)
{
    const size_t index = s->count - 1;
    s->nodes[index] = (fb_node){(uint32_t)(at - s->text), 0, s->parent, *at == '{' ? FB_OBJECT : FB_ARRAY, false, 0};
    s->parent = (uint32_t)index;
    s->depth++;
}

/* The innermost container, of which the character at `at` is the last. */
static const char *close_container(fb__scanner *s, const char *at, fb__json_status *status)
{
    const size_t index = s->parent;
    fb_node *node = &s->nodes[index];
    s->parent = node->next;
    s->depth--;
    node->length = (uint32_t)(at + 1 - s->text) - node->offset;
    node->next = (uint32_t)s->count;
    *status = node->kind == FB_OBJECT && !s->lenient ? fb__json_check_names(s, index) : FB__JSON_OK;
    return *status == FB__JSON_OK ? at + 1 : NULL;
}

/* After a value: closes what ends here, then moves to the next value of the container that goes on. s->parent NONE: all
 * read. */
static inline const char *after_value(fb__scanner *s, const char *at, fb__json_status *status)
{
    while (s->parent != NONE) {
        const fb_node *container = &s->nodes[s->parent];
        at = skip_space(s, at);
        const char c = character(s, at);
        if (c == ',') {
            return container->kind == FB_OBJECT ? read_name(s, at + 1, status) : at + 1;
        }
        if (c != closing(container)) {
            return fail(status, FB__JSON_INVALID);
        }
        at = close_container(s, at, status);
        if (at == NULL) {
            return NULL;
        }
    }
    return at;
}

/* The first step into an array or object: to its first value, or past it when it is empty. */
static const char *enter_container(fb__scanner *s, const char *at, fb__json_status *status)
{
    const char opening = *at;
    if (s->depth == s->max_depth || (opening == '[' && s->parent == NONE && !s->takes_array)) {
        return fail(status, FB__JSON_INVALID);
    }
    open_container(s, at);
    at = skip_space(s, at + 1);
    if (character(s, at) != closing(&s->nodes[s->parent])) {
        return opening == '{' ? read_name(s, at, status) : at;
    }
    at = close_container(s, at, status);
    return at == NULL ? NULL : after_value(s, at, status);
}

/* A value and what follows it, up to the next one. */
static inline const char *read_value(fb__scanner *s, const char *at, fb__json_status *status)
{
    at = skip_space(s, at);
    const char c = character(s, at);
    if (s->count == s->capacity) {
        return fail(status, FB__JSON_TOO_MANY_NODES);
    }
    fb_node *node = &s->nodes[s->count++];
    if (c == '{' || c == '[') {
        return enter_container(s, at, status);
    }
    at = c == '\0' || s->parent == NONE ? NULL : read_scalar(s, at, node);
    return at == NULL ? fail(status, FB__JSON_INVALID) : after_value(s, at, status);
}

fb__json_status fb__json_scan(const char *text, size_t size, unsigned flags, size_t max_depth, const fb_mem *mem,
                              fb_node *nodes, size_t capacity, size_t *count)
{
    fb__scanner s = {.text = text,
                     .end = text + size,
                     .lenient = (flags & FB__JSON_LENIENT) != 0,
                     .takes_array = (flags & FB__JSON_ARRAY) != 0,
                     .max_depth = max_depth,
                     .mem = mem,
                     .parent = NONE,
                     .nodes = nodes,
                     .capacity = capacity};
    fb__json_status status = FB__JSON_OK;
    const char *at = text;
    *count = 0;
    if (size == 0 || size >= UINT32_MAX) {
        return FB__JSON_INVALID;
    }
    do {
        at = read_value(&s, at, &status);
        if (at == NULL) {
            return status;
        }
    } while (s.parent != NONE);
    *count = s.count;
    return skip_space(&s, at) == s.end ? FB__JSON_OK : FB__JSON_INVALID;
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
