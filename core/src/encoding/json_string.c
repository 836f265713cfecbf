/*
 * Strings of the JSON reader (RFC 8259 section 7): what is valid, and the value of text with escapes. Given hostile
 * bytes.
 */
#include "encoding/json.h"

/* ---- escapes -------------------------------------------------------------------------------- */

/* Four hex digits; negative when they are not. */
static int32_t read_hex4(const char *text)
{
    /* One more than the value, so that 0 is not a digit. */
    static const unsigned char digits[256] = {
        ['0'] = 1,  ['1'] = 2,  ['2'] = 3,  ['3'] = 4,  ['4'] = 5,  ['5'] = 6,  ['6'] = 7,  ['7'] = 8,
        ['8'] = 9,  ['9'] = 10, ['a'] = 11, ['b'] = 12, ['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16,
        ['A'] = 11, ['B'] = 12, ['C'] = 13, ['D'] = 14, ['E'] = 15, ['F'] = 16,
    };
    int32_t value = 0;
    for (size_t i = 0; i < 4; i++) {
        const unsigned char digit = digits[(unsigned char)text[i]];
        if (digit == 0) {
            return -1;
        }
        value = value * 16 + digit - 1;
    }
    return value;
}

static bool is_high_surrogate(int32_t unit)
{
    return unit >= 0xd800 && unit <= 0xdbff;
}

static bool is_low_surrogate(int32_t unit)
{
    return unit >= 0xdc00 && unit <= 0xdfff;
}

/* The size of the escape at text and the character it stands for; 0 for what is not an escape. A surrogate is valid
 * only as one half of a pair (RFC 8259 section 8.2). */
static size_t read_escape(const char *text, size_t left, uint32_t *code)
{
    static const char names[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
    if (left < 2) {
        return 0;
    }
    if (text[1] != 'u') {
        const char *name = memchr(names, text[1], sizeof(names) - 1);
        *code = name == NULL ? 0 : (unsigned char)values[name - names];
        return name == NULL ? 0 : 2;
    }
    const int32_t unit = left < 6 ? -1 : read_hex4(text + 2);
    if (unit < 0 || is_low_surrogate(unit)) {
        return 0;
    }
    if (!is_high_surrogate(unit)) {
        *code = (uint32_t)unit;
        return 6;
    }
    const int32_t low = left >= 12 && text[6] == '\\' && text[7] == 'u' ? read_hex4(text + 8) : -1;
    if (!is_low_surrogate(low)) {
        return 0;
    }
    *code = 0x10000 + (((uint32_t)unit - 0xd800) << 10) + ((uint32_t)low - 0xdc00);
    return 12;
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

size_t fb_unescape(const char *text, size_t size, char *out)
{
    const char *at = text, *end = text + size;
    char *to = out;
    while (at < end) {
        const char *escape = memchr(at, '\\', (size_t)(end - at));
        const size_t plain = (size_t)((escape == NULL ? end : escape) - at);
        memmove(to, at, plain); /* out may be text itself */
        to += plain;
        at += plain;
        while (at < end && *at == '\\') {
            uint32_t code = 0;
            const size_t used = read_escape(at, (size_t)(end - at), &code);
            at += used == 0 ? 1 : used;
            to += encode_utf8(used == 0 ? '\\' : code, to); /* never longer than the escape was */
        }
    }
    return (size_t)(to - out);
}

/* A part of a value that is compared, which begins at this place of it. folds NULL: byte for byte. */
static bool same_part(const char *a, const char *b, size_t size, size_t place, const fb__folds *folds)
{
    if (memcmp(a, b, size) == 0) {
        return true;
    }
    if (folds == NULL) {
        return false;
    }
    for (size_t i = 0; i < size; i++, place++) {
        const bool fold = place < folds->scheme || (place >= folds->host && place < folds->host_end);
        if (a[i] != b[i] && !(fold && fb__lower(a[i]) == fb__lower(b[i]))) {
            return false;
        }
    }
    return true;
}

static bool equal_value(const char *text, const fb_node *node, fb_slice value, const fb__folds *folds)
{
    if (node->kind != FB_STRING || node->length < value.size) {
        return false;
    }
    if (!node->escaped) {
        return node->length == value.size && same_part(text + node->offset, value.data, value.size, 0, folds);
    }
    const char *at = text + node->offset, *const end = at + node->length;
    size_t equal = 0;
    while (at < end) {
        char decoded[4] = {*at};
        uint32_t code = 0;
        const size_t used = *at == '\\' ? read_escape(at, (size_t)(end - at), &code) : 0;
        const size_t size = used == 0 ? 1 : encode_utf8(code, decoded);
        if (size > value.size - equal || !same_part(value.data + equal, decoded, size, equal, folds)) {
            return false;
        }
        equal += size;
        at += used == 0 ? 1 : used;
    }
    return equal == value.size;
}

bool fb__json_equal_escaped(const char *text, const fb_node *node, fb_slice value)
{
    return equal_value(text, node, value, NULL);
}

bool fb__json_equal_url(const char *text, const fb_node *node, fb_slice url, const fb__folds *folds)
{
    return equal_value(text, node, url, folds);
}

/* ---- reading -------------------------------------------------------------------------------- */

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
    /* Overlong forms, surrogates, and what lies beyond U+10FFFF. */
    if ((bytes[0] == 0xe0 && bytes[1] < 0xa0) || (bytes[0] == 0xed && bytes[1] > 0x9f) ||
        (bytes[0] == 0xf0 && bytes[1] < 0x90) || (bytes[0] == 0xf4 && bytes[1] > 0x8f)) {
        return 0;
    }
    return size;
}

const char *fb__json_read_special(const fb__scanner *s, const char *start, const char *at, fb_node *out)
{
    bool escaped = false;
    for (; at < s->end; at = fb__json_skip_plain(s, at)) {
        if (*at == '"') {
            fb__json_write_node(s, start, (size_t)(at - start), FB_STRING, escaped, out);
            return at + 1;
        }
        uint32_t code = 1;
        const size_t left = (size_t)(s->end - at);
        const size_t size = *at == '\\' ? read_escape(at, left, &code) : utf8_size(at, left);
        if (size == 0 || (code == 0 && !s->lenient)) {
            return NULL;
        }
        escaped = escaped || *at == '\\';
        at += size;
    }
    return NULL;
}
