/*
 * Numbers of the JSON reader (RFC 8259 section 6): which are accepted, and what a NumericDate says (RFC 7519 section
 * 2). Given hostile bytes; a number is converted only when its value is asked for.
 */
#include "encoding/json.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- reading -------------------------------------------------------------------------------- */

static bool is_digit(const char *at, const char *end)
{
    return at < end && *at >= '0' && *at <= '9';
}

/* Moves *at over digits. False: there is none. */
static bool skip_digits(const char **at, const char *end)
{
    const char *start = *at;
    while (is_digit(*at, end)) {
        ++*at;
    }
    return *at > start;
}

static bool skip_one(const char **at, const char *end, char a, char b)
{
    const bool found = *at < end && (**at == a || **at == b);
    *at += found;
    return found;
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

const char *fb__json_read_number(const fb__scanner *s, const char *start, fb_node *out)
{
    const char *at = start, *const end = s->end;
    bool real = false;
    (void)skip_one(&at, end, '-', '-');
    if (!skip_one(&at, end, '0', '0') && !skip_digits(&at, end)) {
        return NULL;
    }
    if (skip_one(&at, end, '.', '.')) {
        real = true;
        if (!skip_digits(&at, end)) {
            return NULL;
        }
    }
    if (skip_one(&at, end, 'e', 'E')) {
        real = true;
        (void)skip_one(&at, end, '+', '-');
        if (!skip_digits(&at, end)) {
            return NULL;
        }
    }
    const size_t size = (size_t)(at - start);
    if (!s->lenient && (size > FB__MAX_NUMBER || (real && overflows(start, size)))) {
        return NULL;
    }
    fb__json_write_node(s, start, size, real ? FB_REAL : FB_INTEGER, false, out);
    return at;
}

/* ---- values --------------------------------------------------------------------------------- */

/* False when the integer lies outside of int64. */
static bool read_int64(const char *text, size_t size, int64_t *out)
{
    enum { SURE_TO_FIT = 18 };
    bool negative = text[0] == '-';
    uint64_t value = 0, limit = negative ? (uint64_t)INT64_MAX + 1 : (uint64_t)INT64_MAX;
    for (size_t i = negative; i < size; i++) {
        uint64_t digit = (uint64_t)(text[i] - '0');
        if (i >= SURE_TO_FIT && value > (limit - digit) / 10) {
            return false;
        }
        value = value * 10 + digit;
    }
    *out = negative ? (int64_t)(0 - value) : (int64_t)value;
    return true;
}

static bool read_double(const char *text, size_t size, double *out)
{
    char copy[FB__MAX_NUMBER + 1];
    memcpy(copy, text, size);
    copy[size] = '\0';
    return fb__decimal(copy, out);
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

size_t fb__number_write(double value, int digits, char out[FB__NUMBER_ROOM])
{
    const int written = snprintf(out, FB__NUMBER_ROOM, "%.*g", digits, value);
    size_t size = 0;
    for (int i = 0; i < written; i++) {
        const bool part = (out[i] >= '0' && out[i] <= '9') || out[i] == '-' || out[i] == '+' || out[i] == 'e';
        /* The decimal point of the process's locale, which may be several bytes. */
        if (part || size == 0 || out[size - 1] != '.') {
            out[size++] = (char)(part ? out[i] : '.');
        }
    }
    return size;
}
