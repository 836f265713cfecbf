/*
 * The strict reader (RFC 8259): one object, one iterative pass, into a flat tape of nodes. Given hostile bytes. It
 * never recurses, never converts a number that nobody asked for, and never lets two members of one object have the same
 * name, however they are spelled. FB__JSON_LENIENT is for text that this process wrote itself.
 */
#include "encoding/encoding.h"

#include <locale.h>
#include <math.h>
#include <stdlib.h>

#if defined(__SSE2__) && !defined(FB_PORTABLE)
#define FB_SSE2 1
#include <emmintrin.h>
#endif

/* Up to FEW_NAMES members are compared each with each, more are sorted. */
enum { FEW_NAMES = 24, NAMES_ON_STACK = 256 };
static const uint32_t NONE = UINT32_MAX;

struct scanner {
    const char *text, *at, *end;
    unsigned flags;
    size_t max_depth;
    const fb_mem *mem;
    fb_node *nodes;
    size_t count, capacity;
};

/* ---- strings -------------------------------------------------------------------------------- */

static int hex_digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* Four hex digits; negative when they are not. */
static int32_t hex4(const char *text)
{
    int32_t value = 0;
    for (int i = 0; i < 4; i++) {
        int digit = hex_digit(text[i]);
        if (digit < 0) {
            return -1;
        }
        value = value * 16 + digit;
    }
    return value;
}

static bool is_high(int32_t unit)
{
    return unit >= 0xd800 && unit <= 0xdbff;
}

static bool is_low(int32_t unit)
{
    return unit >= 0xdc00 && unit <= 0xdfff;
}

/* The size of the escape at text, or 0. A surrogate is valid only as one half of a pair (RFC 8259 section 8.2). */
static size_t escape_size(const char *text, size_t left, bool allow_nul)
{
    if (left < 2) {
        return 0;
    }
    if (text[1] != 'u') {
        return text[1] != '\0' && strchr("\"\\/bfnrt", text[1]) != NULL ? 2 : 0;
    }
    int32_t unit = left < 6 ? -1 : hex4(text + 2);
    if (unit < 0 || is_low(unit) || (unit == 0 && !allow_nul)) {
        return 0;
    }
    if (!is_high(unit)) {
        return 6;
    }
    return left >= 12 && text[6] == '\\' && text[7] == 'u' && is_low(hex4(text + 8)) ? 12 : 0;
}

/* The size of the UTF-8 sequence of more than one byte at text, or 0 (RFC 3629 section 4). */
static size_t utf8_size(const char *text, size_t left)
{
    const unsigned char *bytes = (const unsigned char *)text;
    size_t size = bytes[0] < 0xc2 ? 0 : bytes[0] < 0xe0 ? 2 : bytes[0] < 0xf0 ? 3 : bytes[0] < 0xf5 ? 4 : 0;
    if (size == 0 || left < size) {
        return 0;
    }
    for (size_t i = 1; i < size; i++) {
        if ((bytes[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    /* Overlong forms, surrogates, and what lies behind U+10FFFF. */
    if ((bytes[0] == 0xe0 && bytes[1] < 0xa0) || (bytes[0] == 0xed && bytes[1] > 0x9f) ||
        (bytes[0] == 0xf0 && bytes[1] < 0x90) || (bytes[0] == 0xf4 && bytes[1] > 0x8f)) {
        return 0;
    }
    return size;
}

/* Moves over characters that need no look: printable ASCII but for quote and backslash. */
static const char *skip_plain(const char *at, const char *end)
{
#ifdef FB_SSE2
    for (; end - at >= 16; at += 16) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)at);
        /* The comparison is signed, so "below space" catches the bytes above 0x7f too. */
        __m128i special = _mm_or_si128(
            _mm_cmplt_epi8(bytes, _mm_set1_epi8(0x20)),
            _mm_or_si128(_mm_cmpeq_epi8(bytes, _mm_set1_epi8('"')), _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\'))));
        int mask = _mm_movemask_epi8(special);
        if (mask != 0) {
            return at + __builtin_ctz((unsigned)mask);
        }
    }
#endif
    while (at < end && (unsigned char)*at >= 0x20 && (unsigned char)*at < 0x80 && *at != '"' && *at != '\\') {
        at++;
    }
    return at;
}

static bool read_string(struct scanner *s, fb_node *node)
{
    const char *start = ++s->at;
    bool escaped = false;
    for (;;) {
        const char *at = skip_plain(s->at, s->end);
        if (at == s->end) {
            return false;
        }
        if (*at == '"') {
            *node = (fb_node){
                (uint32_t)(start - s->text), (uint32_t)(at - start), (uint32_t)s->count, FB_STRING, escaped, 0};
            s->at = at + 1;
            return true;
        }
        size_t size = *at == '\\' ? escape_size(at, (size_t)(s->end - at), (s->flags & FB__JSON_LENIENT) != 0)
                                  : utf8_size(at, (size_t)(s->end - at));
        if (size == 0) {
            return false;
        }
        escaped = escaped || *at == '\\';
        s->at = at + size;
    }
}

static size_t encode_utf8(uint32_t code, char *out)
{
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    size_t size = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    static const unsigned char lead[] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (size_t i = size - 1; i > 0; i--, code >>= 6) {
        out[i] = (char)(0x80 | (code & 0x3f));
    }
    out[0] = (char)(lead[size] | code);
    return size;
}

/* Writes the value of the escape at text (valid) to out, at most 4 bytes; *used is the size of the escape. */
static size_t decode_escape(const char *text, char *out, size_t *used)
{
    static const char names[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
    if (text[1] != 'u') {
        *used = 2;
        out[0] = values[strchr(names, text[1]) - names];
        return 1;
    }
    int32_t unit = hex4(text + 2);
    *used = is_high(unit) ? 12 : 6;
    uint32_t code = (uint32_t)unit;
    if (is_high(unit)) {
        code = 0x10000 + (((uint32_t)unit - 0xd800) << 10) + ((uint32_t)hex4(text + 8) - 0xdc00);
    }
    return encode_utf8(code, out);
}

size_t fb_unescape(const char *text, size_t size, char *out)
{
    const char *at = text, *end = text + size;
    char *to = out;
    while (at < end) {
        const char *escape = memchr(at, '\\', (size_t)(end - at));
        size_t plain = (size_t)((escape == NULL ? end : escape) - at);
        memmove(to, at, plain); /* out may be text itself */
        to += plain;
        at += plain;
        if (at < end) {
            char value[4];
            size_t used, length = decode_escape(at, value, &used);
            memcpy(to, value, length);
            to += length;
            at += used;
        }
    }
    return (size_t)(to - out);
}

/* Walks over the value of a string, escapes decoded, without writing it anywhere. */
struct walker {
    const char *at, *end;
    char decoded[4];
    size_t position, size;
};

static struct walker walk(const char *text, const fb_node *node)
{
    return (struct walker){text + node->offset, text + node->offset + node->length, {0}, 0, 0};
}

/* The next byte, or -1. */
static int step(struct walker *w)
{
    if (w->position < w->size) {
        return (unsigned char)w->decoded[w->position++];
    }
    if (w->at == w->end) {
        return -1;
    }
    if (*w->at != '\\') {
        return (unsigned char)*w->at++;
    }
    size_t used;
    w->size = decode_escape(w->at, w->decoded, &used);
    w->position = 1;
    w->at += used;
    return (unsigned char)w->decoded[0];
}

bool fb__json_equal(const char *text, const fb_node *node, fb_slice value)
{
    if (node->kind != FB_STRING || node->length < value.size) {
        return false;
    }
    if (!node->escaped) {
        return node->length == value.size && memcmp(text + node->offset, value.data, value.size) == 0;
    }
    struct walker w = walk(text, node);
    for (size_t i = 0; i < value.size; i++) {
        if (step(&w) != (unsigned char)value.data[i]) {
            return false;
        }
    }
    return step(&w) == -1;
}

/* ---- duplicate names ------------------------------------------------------------------------ */

/* An order of names by value. Which one does not matter, only that equal names compare equal. */
static int compare_names(const char *text, const fb_node *a, const fb_node *b)
{
    if (!a->escaped && !b->escaped) {
        if (a->length != b->length) {
            return a->length < b->length ? -1 : 1;
        }
        return memcmp(text + a->offset, text + b->offset, a->length);
    }
    struct walker x = walk(text, a), y = walk(text, b);
    size_t position = 0;
    int first_difference = 0;
    for (;; position++) {
        int from_x = step(&x), from_y = step(&y);
        if (from_x == -1 || from_y == -1) {
            /* As above: length decides first. */
            return from_x == from_y ? first_difference : from_x == -1 ? -1 : 1;
        }
        if (first_difference == 0) {
            first_difference = from_x - from_y;
        }
    }
}

/* A name with a number that equal names share, so that few comparisons look at the text. */
struct ranked {
    uint64_t hash;
    uint32_t node;
};

/* FNV-1a over the value. Whoever finds names that collide gets n log n comparisons of text, and no more. */
static uint64_t hash_of(const char *text, const fb_node *name)
{
    uint64_t hash = 0xcbf29ce484222325U;
    struct walker w = walk(text, name);
    for (int byte = step(&w); byte != -1; byte = step(&w)) {
        hash = (hash ^ (unsigned)byte) * 0x100000001b3U;
    }
    return hash;
}

static int compare_ranked(const struct scanner *s, const struct ranked *a, const struct ranked *b)
{
    if (a->hash != b->hash) {
        return a->hash < b->hash ? -1 : 1;
    }
    return compare_names(s->text, &s->nodes[a->node], &s->nodes[b->node]);
}

static void sift(const struct scanner *s, struct ranked *heap, size_t root, size_t size)
{
    for (;;) {
        size_t child = 2 * root + 1;
        if (child >= size) {
            return;
        }
        if (child + 1 < size && compare_ranked(s, &heap[child], &heap[child + 1]) < 0) {
            child++;
        }
        if (compare_ranked(s, &heap[root], &heap[child]) >= 0) {
            return;
        }
        struct ranked kept = heap[root];
        heap[root] = heap[child];
        heap[child] = kept;
        root = child;
    }
}

/* Heapsort: n log n whatever the names are, since who wrote them may want it slow. */
static bool sorted_names_differ(const struct scanner *s, struct ranked *names, size_t count)
{
    for (size_t i = count / 2; i > 0; i--) {
        sift(s, names, i - 1, count);
    }
    for (size_t left = count; left > 1; left--) {
        struct ranked largest = names[0];
        names[0] = names[left - 1];
        names[left - 1] = largest;
        sift(s, names, 0, left - 1);
        if (compare_ranked(s, &largest, &names[0]) == 0) {
            return false;
        }
    }
    return true;
}

static bool many_names_differ(const struct scanner *s, size_t object, struct ranked *names)
{
    size_t count = 0;
    for (size_t i = object + 1; i < s->count; i = s->nodes[i + 1].next) {
        names[count++] = (struct ranked){hash_of(s->text, &s->nodes[i]), (uint32_t)i};
    }
    return sorted_names_differ(s, names, count);
}

/* What two equal names have in common, for a first comparison without a look at the text. Of names without escapes
 * only. */
static uint32_t tag_of(const char *text, const fb_node *name)
{
    const char *start = text + name->offset;
    if (name->length == 0) {
        return 0;
    }
    return name->length << 24 | (uint32_t)(unsigned char)start[0] << 16 |
           (uint32_t)(unsigned char)start[name->length / 2] << 8 | (unsigned char)start[name->length - 1];
}

static bool few_names_differ(const struct scanner *s, const uint32_t *names, size_t count)
{
    uint32_t tags[FEW_NAMES];
    bool escaped = false;
    for (size_t i = 0; i < count; i++) {
        tags[i] = tag_of(s->text, &s->nodes[names[i]]);
        escaped = escaped || s->nodes[names[i]].escaped;
    }
    for (size_t i = 1; i < count; i++) {
        for (size_t j = 0; j < i; j++) {
            if ((tags[i] == tags[j] || escaped) &&
                compare_names(s->text, &s->nodes[names[i]], &s->nodes[names[j]]) == 0) {
                return false;
            }
        }
    }
    return true;
}

static fb__json_status check_names(const struct scanner *s, size_t object)
{
    uint32_t few[FEW_NAMES];
    size_t count = 0;
    for (size_t i = object + 1; i < s->count; i = s->nodes[i + 1].next) {
        if (count < FEW_NAMES) {
            few[count] = (uint32_t)i;
        }
        count++;
    }
    if (count <= FEW_NAMES) {
        return few_names_differ(s, few, count) ? FB__JSON_OK : FB__JSON_INVALID;
    }
    if (count <= NAMES_ON_STACK) {
        struct ranked names[NAMES_ON_STACK];
        return many_names_differ(s, object, names) ? FB__JSON_OK : FB__JSON_INVALID;
    }
    struct ranked *names = fb__alloc(s->mem, count * sizeof(*names));
    if (names == NULL) {
        return FB__JSON_NO_MEMORY;
    }
    bool differ = many_names_differ(s, object, names);
    fb__free(s->mem, names);
    return differ ? FB__JSON_OK : FB__JSON_INVALID;
}

/* ---- numbers -------------------------------------------------------------------------------- */

static bool is_digit(const struct scanner *s)
{
    return s->at < s->end && *s->at >= '0' && *s->at <= '9';
}

static bool read_digits(struct scanner *s)
{
    const char *start = s->at;
    while (is_digit(s)) {
        s->at++;
    }
    return s->at > start;
}

/*
 * Whether a real is beyond the largest double, decided on its digits: no conversion, no locale. From 2^1024 - 2^970 on,
 * numbers round to infinity (IEEE 754 section 4.3.1); 256 of its 309 digits are more than a number of 256 bytes has.
 */
static bool overflows(const char *text, size_t size)
{
    static const char limit[] =
        "179769313486231580793728971405303415079934132710037826936173778980444968292764750946649017"
        "977587207096330286416692887910946555547851940402630657488671505820681908902000708383676273"
        "8548458177115317644757302700698555713669596228429148198608349364752927190741";
    char digits[FB__MAX_NUMBER];
    size_t count = 0;
    long point = 0; /* the value is 0.digits * 10^point */
    size_t i = text[0] == '-';
    bool fraction = false;
    for (; i < size && text[i] != 'e' && text[i] != 'E'; i++) {
        if (text[i] == '.') {
            fraction = true;
        } else if (text[i] != '0' || count > 0) {
            digits[count++] = text[i];
            point += !fraction;
        } else {
            point -= fraction;
        }
    }
    bool negative = i + 1 < size && text[i + 1] == '-';
    long exponent = 0;
    for (; i < size; i++) {
        if (text[i] >= '0' && text[i] <= '9' && exponent < 100000) {
            exponent = exponent * 10 + (text[i] - '0');
        }
    }
    point += negative ? -exponent : exponent;
    if (count == 0 || point != 309) {
        return count > 0 && point > 309;
    }
    return memcmp(digits, limit, count) > 0;
}

static bool read_number(struct scanner *s, fb_node *node)
{
    const char *start = s->at;
    bool real = false;
    if (*s->at == '-') {
        s->at++;
    }
    if (s->at < s->end && *s->at == '0') {
        s->at++;
    } else if (!read_digits(s)) {
        return false;
    }
    if (s->at < s->end && *s->at == '.') {
        real = true;
        s->at++;
        if (!read_digits(s)) {
            return false;
        }
    }
    if (s->at < s->end && (*s->at == 'e' || *s->at == 'E')) {
        real = true;
        s->at++;
        if (s->at < s->end && (*s->at == '+' || *s->at == '-')) {
            s->at++;
        }
        if (!read_digits(s)) {
            return false;
        }
    }
    size_t size = (size_t)(s->at - start);
    *node = (fb_node){(uint32_t)(start - s->text), (uint32_t)size, (uint32_t)s->count,
                      real ? FB_REAL : FB_INTEGER, false,          0};
    return (s->flags & FB__JSON_LENIENT) != 0 || (size <= FB__MAX_NUMBER && !(real && overflows(start, size)));
}

/* ---- values and structure ------------------------------------------------------------------- */

static bool read_literal(struct scanner *s, const char *word, size_t size, fb_kind kind, fb_node *node)
{
    if ((size_t)(s->end - s->at) < size || memcmp(s->at, word, size) != 0) {
        return false;
    }
    *node = (fb_node){(uint32_t)(s->at - s->text), (uint32_t)size, (uint32_t)s->count, (uint8_t)kind, false, 0};
    s->at += size;
    return true;
}

/* s->count is already that of the node behind it. */
static bool read_scalar(struct scanner *s, fb_node *node)
{
    switch (*s->at) {
    case '"':
        return read_string(s, node);
    case 't':
        return read_literal(s, "true", 4, FB_TRUE, node);
    case 'f':
        return read_literal(s, "false", 5, FB_FALSE, node);
    case 'n':
        return read_literal(s, "null", 4, FB_NULL, node);
    default:
        if ((s->flags & FB__JSON_LENIENT) != 0 &&
            (read_literal(s, "NaN", 3, FB_REAL, node) || read_literal(s, "Infinity", 8, FB_REAL, node) ||
             read_literal(s, "-Infinity", 9, FB_REAL, node))) {
            return true;
        }
        return read_number(s, node);
    }
}

/* The next character that is no white space; '\0' at the end, where no value can start. */
static inline char next_character(struct scanner *s)
{
    while (s->at < s->end && (*s->at == ' ' || *s->at == '\n' || *s->at == '\r' || *s->at == '\t')) {
        s->at++;
    }
    return s->at < s->end ? *s->at : '\0';
}

/* The name of a member and its colon. */
static fb__json_status read_name(struct scanner *s)
{
    if (next_character(s) != '"') {
        return FB__JSON_INVALID;
    }
    if (s->count == s->capacity) {
        return FB__JSON_TOO_MANY_NODES;
    }
    fb_node *node = &s->nodes[s->count++];
    if (!read_string(s, node) || next_character(s) != ':') {
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
static fb__json_status open_container(struct scanner *s, uint32_t *parent, size_t *depth)
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

static fb__json_status close_container(struct scanner *s, uint32_t *parent, size_t *depth)
{
    fb_node *node = &s->nodes[*parent];
    size_t index = *parent;
    *parent = node->next;
    --*depth;
    s->at++;
    node->length = (uint32_t)(s->at - s->text) - node->offset;
    node->next = (uint32_t)s->count;
    return node->kind == FB_OBJECT && (s->flags & FB__JSON_LENIENT) == 0 ? check_names(s, index) : FB__JSON_OK;
}

/* Behind a value: closes what ends here, then moves to the next value of the container that goes on. *parent NONE: all
 * read. */
static fb__json_status after_value(struct scanner *s, uint32_t *parent, size_t *depth)
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

static fb__json_status read_value(struct scanner *s, uint32_t *parent, size_t *depth)
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
    if (c == '[' && *parent == NONE) {
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
    struct scanner s = {text, text, text + size, flags, max_depth, mem, nodes, 0, capacity};
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

/* Each value and each name stands behind one of these characters, the outermost value behind none. */
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

/* ---- reading the tape ----------------------------------------------------------------------- */

size_t fb__json_member(const char *text, const fb_node *nodes, size_t object, fb_slice name)
{
    for (size_t i = object + 1; i < nodes[object].next; i = nodes[i + 1].next) {
        if ((nodes[i].length == name.size || nodes[i].escaped) && fb__json_equal(text, &nodes[i], name)) {
            return i + 1;
        }
    }
    return 0;
}

/* False when the integer lies outside of int64. */
static bool read_int64(const char *text, size_t size, int64_t *out)
{
    bool negative = text[0] == '-';
    uint64_t value = 0, limit = negative ? (uint64_t)INT64_MAX + 1 : (uint64_t)INT64_MAX;
    for (size_t i = negative; i < size; i++) {
        uint64_t digit = (uint64_t)(text[i] - '0');
        if (value > (limit - digit) / 10) {
            return false;
        }
        value = value * 10 + digit;
    }
    *out = negative ? (int64_t)(0 - value) : (int64_t)value;
    return true;
}

/* strtod reads the decimal point of the process's locale, which is the host's business, so the "C" locale is named. */
static bool read_double(const char *text, size_t size, double *out)
{
    char copy[FB__MAX_NUMBER + 1];
    memcpy(copy, text, size);
    copy[size] = '\0';
    locale_t plain = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    if (plain == (locale_t)0) {
        return false;
    }
    *out = strtod_l(copy, NULL, plain);
    freelocale(plain);
    return true;
}

bool fb__json_seconds(const char *text, const fb_node *node, fb__seconds *out)
{
    if (node->kind == FB_INTEGER) {
        if (!read_int64(text + node->offset, node->length, &out->whole)) {
            return false;
        }
        out->value = (double)out->whole;
        return true;
    }
    /* 2^63 and beyond would not fit; both limits are exact as doubles. */
    if (node->kind != FB_REAL || node->length > FB__MAX_NUMBER ||
        !read_double(text + node->offset, node->length, &out->value) ||
        !(out->value >= -0x1p63 && out->value < 0x1p63)) {
        return false;
    }
    out->whole = (int64_t)out->value;
    return true;
}
