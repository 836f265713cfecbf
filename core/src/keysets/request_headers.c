/*
 * Header fields that an issuer wants sent with every fetch, each "Name: value". Given configuration text; what could
 * end a line, or begin another, is refused, and so is what the fetch itself decides.
 */
#include "request_headers.h"

#include <openssl/crypto.h>

/* RFC 9110 section 5.6.2: token. */
static bool is_token(fb_slice text)
{
    for (size_t i = 0; i < text.size; i++) {
        const char c = fb__lower(text.data[i]);
        if (!fb__is_digit(c) && !(c >= 'a' && c <= 'z') && (c == '\0' || strchr("!#$%&'*+-.^_`|~", c) == NULL)) {
            return false;
        }
    }
    return text.size > 0;
}

static bool is_value(fb_slice text)
{
    for (size_t i = 0; i < text.size; i++) {
        const unsigned char c = (unsigned char)text.data[i];
        if (c != '\t' && (c < 0x20 || c >= 0x7f)) {
            return false;
        }
    }
    return fb__trim(text).size > 0;
}

static const char *own_name(fb_slice name)
{
    static const char *const own[] = {"host",       "content-length",  "transfer-encoding",
                                      "connection", "accept-encoding", "if-none-match"};
    for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
        if (fb__is_word(name, own[i])) {
            return own[i];
        }
    }
    return NULL;
}

/* Without a colon the whole may be a secret: errors say which one it is by its number. */
static fb_status check_one(fb_slice header, size_t number, fb_error *error)
{
    const char *colon = header.size == 0 ? NULL : memchr(header.data, ':', header.size);
    const size_t name_size = colon == NULL ? 0 : (size_t)(colon - header.data);
    const fb_slice name = {header.data, name_size};
    if (!is_token(name)) {
        return fb__fail(error, FB_CONFIGURATION_INVALID,
                        "headers: number %zu must be \"Name: value\" with a name of letters, digits and hyphens",
                        number);
    }
    const char *own = own_name(name);
    if (own != NULL) {
        return fb__fail(error, FB_CONFIGURATION_INVALID, "headers: number %zu, %s, is set by the fetch itself", number,
                        own);
    }
    if (!is_value((fb_slice){colon + 1, header.size - name_size - 1})) {
        return fb__fail(error, FB_CONFIGURATION_INVALID,
                        "headers: number %zu must have a value of visible ASCII characters, spaces and tabs", number);
    }
    return FB_OK;
}

fb_status fb__request_headers_check(fb_list headers, fb_error *error)
{
    if (headers.items == NULL && headers.count > 0) {
        return fb__fail(error, FB_CONFIGURATION_INVALID, "headers has a count, but no items");
    }
    for (size_t i = 0; i < headers.count; i++) {
        fb_status status = check_one(headers.items[i], i + 1, error);
        if (status != FB_OK) {
            return status;
        }
    }
    return FB_OK;
}

bool fb__request_headers_copy(fb_list *out, const fb_mem *mem, fb_list headers)
{
    size_t size = fb__size_multiply(headers.count, sizeof(fb_slice));
    *out = (fb_list){NULL, 0};
    if (headers.count == 0) {
        return true;
    }
    for (size_t i = 0; i < headers.count; i++) {
        size = fb__size_add(size, fb__size_add(headers.items[i].size, 1));
    }
    fb_slice *items = fb__alloc(mem, size);
    if (items == NULL) {
        return false;
    }
    char *at = (char *)(items + headers.count);
    for (size_t i = 0; i < headers.count; i++) {
        items[i] = fb__keep_text(&at, headers.items[i]);
    }
    *out = (fb_list){items, headers.count};
    return true;
}

void fb__request_headers_free(fb_list headers, const fb_mem *mem)
{
    for (size_t i = 0; i < headers.count; i++) {
        OPENSSL_cleanse((void *)(uintptr_t)headers.items[i].data, headers.items[i].size);
    }
    fb__free(mem, (void *)(uintptr_t)headers.items);
}
