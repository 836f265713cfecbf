/*
 * Whether the body that these headers announce is what the application will read, too: neither compressed, nor of
 * another character encoding, nor of a type that others read as something else than JSON. Given what a client sent.
 */
#include "rpc/rpc.h"

static fb_slice from(fb_slice text, size_t at)
{
    return at >= text.size ? (fb_slice){text.data, 0} : (fb_slice){text.data + at, text.size - at};
}

static size_t index_of(fb_slice text, char c)
{
    const char *found = text.size == 0 ? NULL : memchr(text.data, c, text.size);
    return found == NULL ? text.size : (size_t)(found - text.data);
}

static fb_slice unquoted(fb_slice value)
{
    const bool quoted = value.size >= 2 && value.data[0] == '"' && value.data[value.size - 1] == '"';
    return quoted ? (fb_slice){value.data + 1, value.size - 2} : value;
}

/* Quoted semicolons are not looked for: what stands after one is taken for a parameter, and so for more than it is. */
static bool has_other_charset(fb_slice content_type)
{
    for (size_t at = index_of(content_type, ';'); at < content_type.size;) {
        const fb_slice rest = from(content_type, at + 1);
        const size_t size = index_of(rest, ';');
        const fb_slice parameter = {rest.data, size};
        const size_t equals = index_of(parameter, '=');
        const fb_slice value = unquoted(fb__trim(from(parameter, equals + 1)));
        const fb_slice name = fb__trim((fb_slice){parameter.data, equals});
        /* "charset*" is RFC 8187's way of writing it. */
        if (fb__starts_with(name, "charset") && !fb__is_word(value, "utf-8") && !fb__is_word(value, "utf8")) {
            return true;
        }
        at += 1 + size;
    }
    return false;
}

static bool ends_with(fb_slice text, const char *suffix)
{
    const size_t size = strlen(suffix);
    return text.size > size && fb__is_word(from(text, text.size - size), suffix);
}

/* A form can say one thing to a parser of forms and another to one of JSON. None is what many clients send for JSON. */
static bool has_other_type(fb_slice content_type)
{
    static const char *const types[] = {"",           "application/json",     "text/json",
                                        "text/plain", "application/json-rpc", "application/jsonrequest"};
    const fb_slice type = fb__trim((fb_slice){content_type.data, index_of(content_type, ';')});
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if (fb__is_word(type, types[i])) {
            return false;
        }
    }
    /* Two types in one field, after a comma or a space, are none of these. */
    return !ends_with(type, "+json") || memchr(type.data, ',', type.size) != NULL ||
           memchr(type.data, ' ', type.size) != NULL;
}

static bool is_encoded(fb_slice content_encoding)
{
    const fb_slice coding = fb__trim(content_encoding);
    return coding.size > 0 && !fb__is_word(coding, "identity");
}

/* What is not a number is the server's to refuse. */
static bool is_larger(fb_slice content_length, size_t limit)
{
    size_t value = 0;
    const fb_slice text = fb__trim(content_length);
    for (size_t i = 0; i < text.size; i++) {
        if (!fb__is_digit(text.data[i])) {
            return false;
        }
        value = fb__size_add(fb__size_multiply(value, 10), (size_t)(text.data[i] - '0'));
    }
    return value > limit;
}

fb_status fb_rpc_check_headers(const fb_rpc_policy *policy, const fb_header *headers, size_t count, fb_error *error)
{
    if (headers == NULL && count > 0) {
        return fb__fail(error, FB_CONFIGURATION_INVALID, "there is a header_count, but no headers");
    }
    for (size_t i = 0; i < count; i++) {
        const fb_slice name = headers[i].name, value = headers[i].value;
        if ((fb__is_word(name, "content-encoding") && is_encoded(value)) ||
            (fb__is_word(name, "content-type") && (has_other_type(value) || has_other_charset(value)))) {
            return fb__reject(error, FB_REQUEST_UNSUPPORTED, (fb_slice){NULL, 0});
        }
        if (fb__is_word(name, "content-length") && is_larger(value, policy->max_body_bytes)) {
            return fb__reject(error, FB_REQUEST_TOO_LARGE, (fb_slice){NULL, 0});
        }
    }
    return fb__succeed(error);
}
