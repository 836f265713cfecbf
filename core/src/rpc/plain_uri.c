/*
 * URIs that are the same whoever has read them. Applications find a resource by the URI that their URL library has
 * made of the client's (RFC 3986 section 6, WHATWG URL); one that such a library would rewrite cannot be compared with
 * a pattern here. Given hostile text. The case of letters is left to whoever compares.
 */
#include "rpc/rpc.h"

static bool is_special(fb_slice scheme)
{
    static const char *const special[] = {"http", "https", "ws", "wss", "ftp", "file"};
    for (size_t i = 0; i < sizeof(special) / sizeof(special[0]); i++) {
        if (fb__is_word(scheme, special[i])) {
            return true;
        }
    }
    return false;
}

static fb_slice from(fb_slice text, size_t at)
{
    return (fb_slice){text.data + at, text.size - at};
}

static bool is_unreserved(int byte)
{
    const char c = (char)byte;
    return byte < 0x80 && (fb__is_letter(c) || fb__is_digit(c) || (c != '\0' && strchr("-._~", c) != NULL));
}

/* An escape that every library leaves as it is: of what must be escaped, in upper case. */
static bool is_plain_escape(fb_slice text)
{
    const int high = text.size < 3 ? -1 : fb__hex_digit(text.data[1]);
    const int low = high < 0 ? -1 : fb__hex_digit(text.data[2]);
    return low >= 0 && !is_unreserved(high << 4 | low) && !(text.data[1] >= 'a' && text.data[1] <= 'f') &&
           !(text.data[2] >= 'a' && text.data[2] <= 'f');
}

static bool has_plain_characters(fb_slice uri)
{
    bool in_query = false;
    for (size_t i = 0; i < uri.size; i++) {
        const char c = uri.data[i];
        if (c <= ' ' || c > '~' || strchr("\"<>\\^`{|}", c) != NULL || (in_query && c == '\'')) {
            return false;
        }
        if (c == '%' && !is_plain_escape(from(uri, i))) {
            return false;
        }
        in_query = in_query || c == '?';
    }
    return true;
}

/* Neither a dot segment nor an empty one, which some file systems leave out. */
static bool has_plain_segments(fb_slice path)
{
    size_t start = path.size > 0 && path.data[0] == '/' ? 1 : 0;
    for (size_t i = start; i <= path.size; i++) {
        const bool ends = i == path.size || path.data[i] == '?' || path.data[i] == '#';
        if (!ends && path.data[i] != '/') {
            continue;
        }
        const size_t size = i - start;
        if ((size == 0 && !ends) || (size == 1 && path.data[start] == '.') ||
            (size == 2 && memcmp(path.data + start, "..", 2) == 0)) {
            return false;
        }
        if (ends) {
            return true;
        }
        start = i + 1;
    }
    return true;
}

/* Digits without a leading zero, and no default of a special scheme. */
static bool is_plain_port(fb_slice port)
{
    for (size_t i = 0; i < port.size; i++) {
        if (!fb__is_digit(port.data[i])) {
            return false;
        }
    }
    return port.size > 0 && port.data[0] != '0' && !fb__is_word(port, "80") && !fb__is_word(port, "443") &&
           !fb__is_word(port, "21");
}

/* A name whose last label begins with a letter: others are read as IPv4 addresses, in any of their spellings. */
static bool is_plain_name(fb_slice host)
{
    size_t label = host.size;
    while (label > 0 && host.data[label - 1] != '.') {
        label--;
    }
    return label < host.size && fb__is_letter(host.data[label]);
}

/* What stands between "//" and the path. */
static bool is_plain_authority(fb_slice authority, fb_slice scheme)
{
    size_t host = 0;
    while (host < authority.size && authority.data[host] != ':') {
        if (strchr("@[]", authority.data[host]) != NULL) {
            return false;
        }
        host++;
    }
    if (authority.size > 0 && authority.data[0] == '.') {
        return false; /* somebody may take it for a dot segment */
    }
    if (host < authority.size && (host == 0 || !is_plain_port(from(authority, host + 1)))) {
        return false;
    }
    if (fb__is_word(scheme, "file")) {
        return authority.size == 0;
    }
    return !is_special(scheme) || is_plain_name((fb_slice){authority.data, host});
}

/* The end of the scheme, at its colon; 0: there is none. */
static size_t scheme_end(fb_slice uri)
{
    size_t i = 0;
    while (i < uri.size && (fb__is_letter(uri.data[i]) ||
                            (i > 0 && (fb__is_digit(uri.data[i]) || strchr("+-.", uri.data[i]) != NULL)))) {
        i++;
    }
    return i < uri.size && uri.data[i] == ':' ? i : 0;
}

/* The end of the authority: where the path begins, if there is one. 0: there is no authority. */
static size_t authority_end(fb_slice uri, size_t scheme)
{
    size_t i = scheme + 3;
    if (i > uri.size || memcmp(uri.data + scheme + 1, "//", 2) != 0) {
        return 0;
    }
    while (i < uri.size && strchr("/?#", uri.data[i]) == NULL) {
        i++;
    }
    return i;
}

static bool has_plain_structure(fb_slice uri)
{
    const size_t scheme = scheme_end(uri);
    if (scheme == 0) {
        return false;
    }
    const fb_slice name = {uri.data, scheme};
    const size_t end = authority_end(uri, scheme);
    const fb_slice path = from(uri, end > 0 ? end : scheme + 1);
    if (end > 0 && !is_plain_authority((fb_slice){uri.data + scheme + 3, end - scheme - 3}, name)) {
        return false;
    }
    /* A special scheme has both an authority and a path. */
    if (is_special(name) && (end == 0 || path.size == 0 || path.data[0] != '/')) {
        return false;
    }
    return has_plain_segments(path);
}

bool fb__uri_is_plain(fb_slice uri)
{
    return has_plain_characters(uri) && has_plain_structure(uri);
}

bool fb__uri_pattern_is_plain(fb_slice pattern)
{
    if (!has_plain_characters(pattern)) {
        return false;
    }
    const char *star = memchr(pattern.data, '*', pattern.size);
    const size_t scheme = scheme_end(pattern), end = scheme == 0 ? 0 : authority_end(pattern, scheme);
    /* A star that stands before the path may stand for all that comes before it. */
    const size_t head = end > 0 ? end : scheme + 1;
    return star != NULL && (size_t)(star - pattern.data) <= head ? true : has_plain_structure(pattern);
}
