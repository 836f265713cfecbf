/*
 * JSON as the most forgiving of its parsers read it: comments, strings in either quotes with anything in them, bare
 * words for numbers and names, commas too many, data after the end. What is not even that is not JSON to anybody. Given
 * hostile bytes; it decides only who refuses them.
 */
#include "rpc/rpc.h"

enum expected { VALUE, NAME, COLON, COMMA };

enum { MAX_DEPTH = 64 };

struct reader {
    const char *at, *end;
    uint64_t objects; /* bit d: the container of depth d + 1 is an object */
    size_t depth;
    enum expected expected;
};

/* NULL: there is no comment here; the end when it does not end. */
static const char *comment_end(const struct reader *r)
{
    const fb_slice rest = {r->at, (size_t)(r->end - r->at)};
    if (*r->at == '#' || (rest.size > 1 && memcmp(r->at, "//", 2) == 0)) {
        const char *line = memchr(r->at, '\n', rest.size);
        return line == NULL ? r->end : line;
    }
    if (rest.size < 2 || memcmp(r->at, "/*", 2) != 0) {
        return NULL;
    }
    const char *close = fb__find((fb_slice){r->at + 2, rest.size - 2}, (fb_slice){"*/", 2});
    return close == NULL ? r->end : close + 2;
}

static void skip_space(struct reader *r)
{
    while (r->at < r->end) {
        const char *after = (unsigned char)*r->at <= ' ' ? r->at + 1 : comment_end(r);
        if (after == NULL) {
            return;
        }
        r->at = after;
    }
}

/* Past a string or a bare word, which has at least one character. */
static void skip_scalar(struct reader *r)
{
    const char quote = *r->at;
    if (quote != '"' && quote != '\'') {
        while (r->at < r->end && (unsigned char)*r->at > ' ' && strchr("{}[],:\"'", *r->at) == NULL) {
            r->at++;
        }
        return;
    }
    for (r->at++; r->at < r->end && *r->at != quote; r->at++) {
        r->at += *r->at == '\\' && r->at + 1 < r->end;
    }
    r->at += r->at < r->end;
}

static bool in_object(const struct reader *r)
{
    return r->depth > 0 && (r->objects >> (r->depth - 1) & 1) != 0;
}

static void open_container(struct reader *r)
{
    const bool object = *r->at++ == '{';
    r->objects = (r->objects & ~((uint64_t)1 << r->depth)) | (uint64_t)object << r->depth;
    r->depth++;
    r->expected = object ? NAME : VALUE;
}

/* One structural character. False: no parser goes on here. */
static bool read_structure(struct reader *r)
{
    const char c = *r->at++;
    if (c == (in_object(r) ? '}' : ']') && r->expected != COLON && (r->expected != VALUE || !in_object(r))) {
        r->depth--;
        r->expected = COMMA;
        return true;
    }
    if (c == ':' && r->expected == COLON) {
        r->expected = VALUE;
        return true;
    }
    /* Commas too many, too, but not in place of a member's value. */
    if (c == ',' && (r->expected == COMMA || r->expected == NAME || (r->expected == VALUE && !in_object(r)))) {
        r->expected = in_object(r) ? NAME : VALUE;
        return true;
    }
    return false;
}

static bool read_token(struct reader *r)
{
    const char c = *r->at;
    if (strchr("}],:", c) != NULL) {
        return read_structure(r);
    }
    if (c == '{' || c == '[') {
        if (r->expected != VALUE) {
            return false;
        }
        open_container(r);
        return true;
    }
    if (r->expected != VALUE && r->expected != NAME) {
        return false;
    }
    skip_scalar(r);
    r->expected = r->expected == NAME ? COLON : COMMA;
    return true;
}

bool fb__json_might_be_read(fb_slice text)
{
    struct reader r = {.at = text.data, .end = text.data + text.size, .expected = VALUE};
    if (text.size == 0) {
        return false;
    }
    if (memchr(text.data, '\0', text.size) != NULL) {
        return true; /* UTF-16 and UTF-32 among others */
    }
    while (r.at < r.end && (unsigned char)*r.at >= 0x80) {
        r.at++; /* a byte-order mark, or white space of Unicode */
    }
    skip_space(&r);
    if (r.at == r.end || (*r.at != '{' && *r.at != '[')) {
        return false;
    }
    do {
        if (r.depth == MAX_DEPTH || (unsigned char)*r.at >= 0x80) {
            return true; /* nobody can say */
        }
        if (!read_token(&r)) {
            return false;
        }
        if (r.depth == 0) {
            return true;
        }
        skip_space(&r);
    } while (r.at < r.end);
    return false;
}
