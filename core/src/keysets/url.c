/*
 * Which URLs keys may be fetched from. Given configuration text, not input; refused here is what different URL readers
 * (libcurl, Python's and Node's clients) are known to understand differently, so that all hosts fetch from the same
 * place. Never resolves a name.
 */
#include "url.h"

#include "keysets/keysets.h"

/* What stands between "://" and the path: host[:port]. */
static fb_slice authority_of(fb_slice url)
{
    size_t from = fb__starts_with(url, "https://") ? 8 : 7, to = from;
    while (to < url.size && url.data[to] != '/' && url.data[to] != '?' && url.data[to] != '#') {
        to++;
    }
    return (fb_slice){url.data + from, to - from};
}

static fb_slice host_of(fb_slice authority)
{
    size_t size = 0;
    if (authority.size > 0 && authority.data[0] == '[') {
        const char *end = memchr(authority.data, ']', authority.size);
        return (fb_slice){authority.data, end == NULL ? 0 : (size_t)(end + 1 - authority.data)};
    }
    while (size < authority.size && authority.data[size] != ':') {
        size++;
    }
    return (fb_slice){authority.data, size};
}

static bool valid_host(fb_slice host)
{
    bool bracketed = host.size > 0 && host.data[0] == '[';
    size_t from = bracketed ? 1 : 0, to = bracketed ? host.size - 1 : host.size;
    for (size_t i = from; i < to; i++) {
        char c = fb__lower(host.data[i]);
        bool fits = bracketed ? fb__is_digit(c) || (c >= 'a' && c <= 'f') || c == ':' || c == '.'
                              : fb__is_digit(c) || (c >= 'a' && c <= 'z') || c == '-' || c == '.' || c == '_';
        if (!fits) {
            return false;
        }
    }
    return to > from;
}

static bool valid_port(fb_slice authority, size_t host_size)
{
    unsigned port = 0;
    if (host_size == authority.size) {
        return true;
    }
    if (authority.data[host_size] != ':' || authority.size - host_size > 6) {
        return false;
    }
    for (size_t i = host_size + 1; i < authority.size; i++) {
        if (!fb__is_digit(authority.data[i])) {
            return false;
        }
        port = port * 10 + (unsigned)(authority.data[i] - '0');
    }
    return port > 0 && port <= 65535;
}

/* Four decimal numbers, the first 127. Other spellings of an address (octal, hexadecimal, short) are not loopback here.
 */
static bool loopback_ipv4(fb_slice host)
{
    unsigned parts = 0;
    for (size_t i = 0; i <= host.size;) {
        size_t start = i;
        unsigned value = 0;
        while (i < host.size && fb__is_digit(host.data[i]) && i - start < 3) {
            value = value * 10 + (unsigned)(host.data[i++] - '0');
        }
        if (i == start || value > 255 || (host.data[start] == '0' && i - start > 1) || (parts == 0 && value != 127) ||
            (i < host.size && host.data[i] != '.')) {
            return false;
        }
        parts++;
        i++;
    }
    return parts == 4;
}

bool fb__url_loopback(fb_slice url)
{
    fb_slice host = host_of(authority_of(url));
    return loopback_ipv4(host) || (host.size == 9 && fb__starts_with(host, "localhost")) ||
           fb__slice_equal(host, fb_text("[::1]"));
}

size_t fb__url_origin_size(fb_slice url)
{
    const fb_slice authority = authority_of(url);
    return (size_t)(authority.data - url.data) + authority.size;
}

static bool same_word(fb_slice a, fb_slice b)
{
    bool same = a.size == b.size;
    for (size_t i = 0; same && i < a.size; i++) {
        same = fb__lower(a.data[i]) == fb__lower(b.data[i]);
    }
    return same;
}

static unsigned port_of(fb_slice url)
{
    const fb_slice authority = authority_of(url);
    const size_t host_size = host_of(authority).size;
    unsigned port = 0;
    for (size_t i = host_size + 1; i < authority.size; i++) {
        port = port * 10 + (unsigned)(authority.data[i] - '0');
    }
    return authority.size > host_size ? port : fb__starts_with(url, "https:") ? 443 : 80;
}

bool fb__url_same_origin(fb_slice a, fb_slice b)
{
    return fb__starts_with(a, "https:") == fb__starts_with(b, "https:") && port_of(a) == port_of(b) &&
           same_word(host_of(authority_of(a)), host_of(authority_of(b)));
}

size_t fb__url_loggable_size(fb_slice url)
{
    const char *query = memchr(url.data, '?', url.size);
    return query == NULL ? url.size : (size_t)(query - url.data);
}

fb_status fb__url_check(fb_slice url, const char *name, bool allow_http, fb_error *error)
{
    const fb_status bad = FB_CONFIGURATION_INVALID;
    if (url.size == 0 || url.size > FB__MAX_URL) {
        return fb__fail(error, bad, "%s must be a URL of 1 to %d characters", name, FB__MAX_URL);
    }
    for (size_t i = 0; i < url.size; i++) {
        unsigned char c = (unsigned char)url.data[i];
        if (c <= 0x20 || c >= 0x7f || c == '\\') {
            return fb__fail(error, bad,
                            "%s holds a space, a control character, a backslash or a character beyond ASCII", name);
        }
    }
    bool https = fb__starts_with(url, "https://");
    if (!https && !fb__starts_with(url, "http://")) {
        return fb__fail(error, bad, "%s must begin with https://", name);
    }
    if (memchr(url.data, '#', url.size) != NULL) {
        return fb__fail(error, bad, "%s must not have a fragment", name);
    }
    fb_slice authority = authority_of(url), host = host_of(authority);
    if (memchr(authority.data, '@', authority.size) != NULL) {
        return fb__fail(error, bad, "%s must not hold a user name or password", name);
    }
    if (!valid_host(host) || !valid_port(authority, host.size)) {
        return fb__fail(error, bad, "%s has no valid host and port", name);
    }
    if (!https && !allow_http && !fb__url_loopback(url)) {
        return fb__fail(error, bad, "%s must begin with https://; http:// is for loopback hosts, or with allow_http",
                        name);
    }
    return FB_OK;
}
