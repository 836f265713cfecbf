/* Small things that are done to text. ASCII only: the process's locale has no say. */
#ifndef FB_TEXT_H
#define FB_TEXT_H

#include "fastbearer.h"

#include <string.h>

static inline bool fb__slice_equal(fb_slice a, fb_slice b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

/* The first place of word in text, or NULL. */
static inline const char *fb__find(fb_slice text, fb_slice word)
{
    for (size_t i = 0; word.size > 0 && word.size <= text.size && i <= text.size - word.size; i++) {
        if (text.data[i] == word.data[0] && memcmp(text.data + i, word.data, word.size) == 0) {
            return text.data + i;
        }
    }
    return NULL;
}

static inline char fb__lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

static inline bool fb__is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static inline bool fb__is_letter(char c)
{
    return fb__lower(c) >= 'a' && fb__lower(c) <= 'z';
}

/* -1: none. */
static inline int fb__hex_digit(char c)
{
    return fb__is_digit(c) ? c - '0' : fb__lower(c) >= 'a' && fb__lower(c) <= 'f' ? fb__lower(c) - 'a' + 10 : -1;
}

/* Whether text begins with this prefix, which is in lower case, in any case. */
static inline bool fb__starts_with(fb_slice text, const char *prefix)
{
    size_t i = 0;
    while (i < text.size && prefix[i] != '\0' && fb__lower(text.data[i]) == prefix[i]) {
        i++;
    }
    return prefix[i] == '\0';
}

/* Whether text is this word, which is in lower case, in any case. */
static inline bool fb__is_word(fb_slice text, const char *word)
{
    return text.size == strlen(word) && fb__starts_with(text, word);
}

/* RFC 9110 section 11.2. A comma, a second token or white space does not match. */
static inline bool fb__is_token68(fb_slice text)
{
    size_t size = text.size, at = 0;
    while (size > 0 && text.data[size - 1] == '=') {
        size--;
    }
    while (at < size && (fb__is_letter(text.data[at]) || fb__is_digit(text.data[at]) ||
                         (text.data[at] != '\0' && strchr("-._~+/", text.data[at]) != NULL))) {
        at++;
    }
    return size > 0 && at == size;
}

/* The size of the scheme of a URL, which is followed by "://" and something (RFC 3986 section 3); 0: it is none. */
static inline size_t fb__url_scheme(fb_slice text)
{
    size_t i = 0;
    for (; i < text.size; i++) {
        const char c = fb__lower(text.data[i]);
        if (!(c >= 'a' && c <= 'z') && (i == 0 || !(fb__is_digit(c) || c == '+' || c == '-' || c == '.'))) {
            break;
        }
    }
    return i > 0 && text.size > i + 3 && memcmp(text.data + i, "://", 3) == 0 ? i : 0;
}

/* Without white space around it. */
static inline fb_slice fb__trim(fb_slice text)
{
    while (text.size > 0 && strchr(" \t\r\n", text.data[0]) != NULL && text.data[0] != '\0') {
        text.data++;
        text.size--;
    }
    while (text.size > 0 && strchr(" \t\r\n", text.data[text.size - 1]) != NULL && text.data[text.size - 1] != '\0') {
        text.size--;
    }
    return text;
}

/* Copies text and a NUL to *at, and moves it on; what is absent stays absent and takes no room. */
static inline fb_slice fb__keep_text(char **at, fb_slice text)
{
    if (text.data == NULL) {
        return text;
    }
    const fb_slice kept = {*at, text.size};
    if (text.size > 0) {
        memcpy(*at, text.data, text.size);
    }
    (*at)[text.size] = '\0';
    *at += text.size + 1;
    return kept;
}

#endif
