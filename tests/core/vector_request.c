/*
 * Requests as tests/vectors/README.md has them: method and url, headers as pairs of text, and a client certificate.
 */
#include "vector_request.h"
#include "vector_config.h"

#include <string.h>

static bool read_text(const json_t *value, fb_slice *out)
{
    *out = vector_text_of(value);
    return vector_is_text(value);
}

static bool read_headers(const json_t *value, struct vector_request *out)
{
    const size_t count = json_array_size(value);
    if (!json_is_array(value) || count > VECTOR_HEADERS) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        const json_t *pair = json_array_get(value, i);
        if (json_array_size(pair) != 2 || !read_text(json_array_get(pair, 0), &out->headers[i].name) ||
            !read_text(json_array_get(pair, 1), &out->headers[i].value)) {
            return false;
        }
    }
    out->request.headers = out->headers;
    out->request.header_count = count;
    return true;
}

bool vector_request_read(struct vector_request *out, const json_t *given)
{
    const char *name;
    json_t *value;
    *out = (struct vector_request){.request = FB_REQUEST_INIT};
    if (!json_is_object(given)) {
        return false;
    }
    json_object_foreach((json_t *)(uintptr_t)given, name, value)
    {
        const bool read = strcmp(name, "method") == 0    ? read_text(value, &out->request.method)
                          : strcmp(name, "url") == 0     ? read_text(value, &out->request.url)
                          : strcmp(name, "headers") == 0 ? read_headers(value, out)
                          : strcmp(name, "client_certificate") == 0
                              ? json_is_null(value) || read_text(value, &out->request.client_certificate)
                              : false;
        if (!read) {
            return false;
        }
    }
    return true;
}
