/*
 * Who may issue a token: an identifier is one exact text, or a template in which one path segment is the value of a
 * claim, for providers with many tenants. The text is configuration, or a JWK's; what it is compared with is hostile.
 */
#include "verify/verify.h"

static const fb_slice nothing = {NULL, 0};

static const char *find(fb_slice text, size_t from, char wanted)
{
    return from < text.size ? memchr(text.data + from, wanted, text.size - from) : NULL;
}

/* Where the path of a URL begins, with its slash; 0: it is not a URL, or has no path. */
static size_t path_of(fb_slice text)
{
    const size_t scheme = fb__url_scheme(text);
    const char *slash = scheme == 0 ? NULL : find(text, scheme + 3, '/');
    return slash == NULL || slash == text.data + scheme + 3 ? 0 : (size_t)(slash - text.data);
}

const char *fb__identifier_read(fb_slice text, fb__identifier *out)
{
    *out = (fb__identifier){.text = text, .before = text, .claim = nothing, .after = nothing};
    const char *open = find(text, 0, '{'), *close = find(text, 0, '}');
    if (open == NULL && close == NULL) {
        return NULL;
    }
    if (open == NULL || close == NULL || close - open < 2) {
        return "a brace that belongs to no {claim}";
    }
    const size_t first = (size_t)(open - text.data), last = (size_t)(close - text.data), after = last + 1;
    if (find(text, first + 1, '{') != NULL || find(text, after, '}') != NULL) {
        return "more than one {claim}";
    }
    const size_t path = path_of(text);
    const bool whole = text.data[first - (first > 0)] == '/' && (after == text.size || text.data[after] == '/');
    const fb_slice claim = {open + 1, last - first - 1};
    if (path == 0 || first <= path || !whole || find(claim, 0, '/') != NULL ||
        find((fb_slice){text.data, first}, 0, '?') != NULL || find((fb_slice){text.data, first}, 0, '#') != NULL) {
        return "a {claim} that is not one whole segment of the path of a URL";
    }
    out->before.size = first;
    out->claim = fb__slice_equal(claim, fb_text("tenantid")) ? fb_text("tid") : claim;
    out->after = (fb_slice){text.data + after, text.size - after};
    return NULL;
}

/* RFC 3986 section 2.3: what means itself wherever it stands in a URL. */
static bool is_unreserved(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
           c == '_' || c == '~';
}

static bool is_segment(fb_slice value)
{
    for (size_t i = 0; i < value.size; i++) {
        if (!is_unreserved(value.data[i])) {
            return false;
        }
    }
    return value.size > 0 && !fb__slice_equal(value, fb_text(".")) && !fb__slice_equal(value, fb_text(".."));
}

bool fb__identifier_matches(const fb__identifier *identifier, fb_slice iss, fb_slice *value)
{
    *value = nothing;
    if (!fb__identifier_is_template(identifier)) {
        return fb__slice_equal(identifier->text, iss);
    }
    const fb_slice before = identifier->before, after = identifier->after;
    if (iss.size <= before.size + after.size || memcmp(iss.data, before.data, before.size) != 0) {
        return false;
    }
    const fb_slice segment = {iss.data + before.size, iss.size - before.size - after.size};
    if ((after.size > 0 && memcmp(segment.data + segment.size, after.data, after.size) != 0) || !is_segment(segment)) {
        return false;
    }
    *value = segment;
    return true;
}
