/*
 * Normalises http URIs so that two spellings of one compare equal: by syntax and by scheme, and by nothing beyond that
 * (RFC 3986 sections 6.2.2 and 6.2.3). Given text of a proof that nobody has checked, and the URL of a request, of
 * which a client chose most. Query and fragment are not part of it (RFC 9449 section 4.3). What RFC 3986 does not allow
 * is refused, not repaired: two programs that mend it differently would mean two places by one text. The work is
 * linear, and nothing is allocated.
 */
#include "proof/proof.h"

static bool is_unreserved(char c)
{
    return fb__is_letter(c) || fb__is_digit(c) || c == '-' || c == '.' || c == '_' || c == '~';
}

static bool is_one_of(char c, const char *characters)
{
    return c != '\0' && strchr(characters, c) != NULL;
}

static bool is_sub_delimiter(char c)
{
    return is_one_of(c, "!$&'()*+,;=");
}

static void add(fb__uri *out, char c)
{
    out->text[out->size++] = c;
}

/* An escape, decoded where its character needs none, else with upper-case digits. False: no escape. */
static bool add_escape(fb__uri *out, fb_slice rest, bool lower)
{
    static const char digits[] = "0123456789ABCDEF";
    const int high = rest.size < 3 ? -1 : fb__hex_digit(rest.data[1]);
    const int low = rest.size < 3 ? -1 : fb__hex_digit(rest.data[2]);
    if (high < 0 || low < 0) {
        return false;
    }
    const char decoded = (char)(high << 4 | low);
    if (is_unreserved(decoded)) {
        add(out, lower ? fb__lower(decoded) : decoded);
        return true;
    }
    add(out, '%');
    add(out, digits[high]);
    add(out, digits[low]);
    return true;
}

/* Text of unreserved characters, sub-delimiters, escapes, and more. */
static bool add_text(fb__uri *out, fb_slice text, const char *more, bool lower)
{
    for (size_t i = 0; i < text.size; i++) {
        const char c = text.data[i];
        if (c == '%') {
            if (!add_escape(out, (fb_slice){text.data + i, text.size - i}, lower)) {
                return false;
            }
            i += 2;
        } else if (is_unreserved(c) || is_sub_delimiter(c) || is_one_of(c, more)) {
            add(out, lower ? fb__lower(c) : c);
        } else {
            return false;
        }
    }
    return true;
}

/* Splits text before the first of these characters, which need not be there. */
static fb_slice take_until(fb_slice *text, const char *characters)
{
    size_t size = 0;
    while (size < text->size && !is_one_of(text->data[size], characters)) {
        size++;
    }
    const fb_slice taken = {text->data, size};
    *text = (fb_slice){text->data + size, text->size - size};
    return taken;
}

/* "[::1]": not looked into beyond its characters, since only one spelling of an address need match itself. */
static bool add_address(fb__uri *out, fb_slice host)
{
    add(out, '[');
    for (size_t i = 1; i < host.size; i++) {
        const char c = host.data[i];
        if (fb__hex_digit(c) < 0 && c != ':' && c != '.') {
            return false;
        }
        add(out, fb__lower(c));
    }
    add(out, ']');
    return host.size > 1;
}

/* Host and port (RFC 3986 section 3.2). A user or password in it, "@", is allowed by none of the two. */
static bool add_authority(fb__uri *out, fb_slice authority, fb_slice default_port)
{
    if (authority.size > 0 && authority.data[0] == '[') {
        const fb_slice host = take_until(&authority, "]");
        if (authority.size == 0 || !add_address(out, host)) {
            return false;
        }
        authority = (fb_slice){authority.data + 1, authority.size - 1};
    } else {
        const fb_slice host = take_until(&authority, ":");
        if (host.size == 0 || !add_text(out, host, "", true)) {
            return false;
        }
    }
    if (authority.size == 0) {
        return true;
    }
    const fb_slice port = {authority.data + 1, authority.size - 1};
    for (size_t i = 0; i < port.size; i++) {
        if (!fb__is_digit(port.data[i])) {
            return false;
        }
    }
    if (authority.data[0] == ':' && port.size > 0 && !fb__slice_equal(port, default_port)) {
        memcpy(out->text + out->size, authority.data, authority.size);
        out->size += authority.size;
    }
    return authority.data[0] == ':';
}

/* RFC 3986 section 5.2.4, in place, for a path that begins with a slash. What ".." removes was written once, so the
 * work is linear. */
static void remove_dot_segments(fb__uri *uri, size_t start)
{
    size_t end = start;
    for (size_t at = start; at < uri->size;) {
        size_t next = at + 1;
        while (next < uri->size && uri->text[next] != '/') {
            next++;
        }
        const char *segment = uri->text + at + 1;
        const size_t size = next - at - 1;
        const bool parent = size == 2 && memcmp(segment, "..", 2) == 0;
        if (parent || (size == 1 && *segment == '.')) {
            if (parent && end > start) { /* back to a slash: there is one at the start */
                do {
                    end--;
                } while (uri->text[end] != '/');
            }
            if (next == uri->size) {
                uri->text[end++] = '/';
            }
        } else {
            memmove(uri->text + end, uri->text + at, size + 1);
            end += size + 1;
        }
        at = next;
    }
    uri->size = end;
}

static bool add_path(fb__uri *out, fb_slice path)
{
    const size_t start = out->size;
    if (path.size == 0) {
        add(out, '/');
        return true;
    }
    if (!add_text(out, path, ":@/", false)) {
        return false;
    }
    remove_dot_segments(out, start);
    return true;
}

bool fb__uri_normalise(fb_slice uri, fb__uri *out)
{
    static const char separator[] = "://";
    const fb_slice whole = take_until(&uri, "?#");
    fb_slice rest = whole;
    const fb_slice scheme = take_until(&rest, ":");
    const bool secure = fb__is_word(scheme, "https");
    out->size = 0;
    if (whole.size >= FB__MAX_URI || (!secure && !fb__is_word(scheme, "http")) || rest.size < 3 ||
        memcmp(rest.data, separator, 3) != 0) {
        return false;
    }
    for (size_t i = 0; i < scheme.size; i++) {
        add(out, fb__lower(scheme.data[i]));
    }
    memcpy(out->text + out->size, separator, 3);
    out->size += 3;
    rest = (fb_slice){rest.data + 3, rest.size - 3};
    const fb_slice authority = take_until(&rest, "/");
    return add_authority(out, authority, fb_text(secure ? "443" : "80")) && add_path(out, rest);
}
