/*
 * Whether what a fetch brought counts: 200, or 304 to our own etag; not encoded; with one clear length; small enough; a
 * key set with a usable key. Given bytes from the network. No text of the body ever reaches an error.
 */
#include "response.h"

#include "cache_control.h"
#include "url.h"

#include <stdarg.h>
#include <stdio.h>

void fb__response_refuse(fb__response *response, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(response->problem, sizeof(response->problem), format, arguments);
    va_end(arguments);
    response->verdict = FB__REFUSED;
    response->status = FB_KEYS_UNAVAILABLE;
}

/* The host's own words, made fit for a log; a query that they repeat may hold a secret. */
static void refuse_failure(fb__response *response, fb_slice url, fb_slice failure)
{
    const size_t loggable = fb__url_loggable_size(url), query = url.size - loggable;
    if (failure.size == 0 || (query > 1 && fb__find(failure, (fb_slice){url.data + loggable, query}) != NULL)) {
        fb__response_refuse(response, "the fetch failed");
        return;
    }
    response->verdict = FB__REFUSED;
    response->status = FB_KEYS_UNAVAILABLE;
    fb__printable(response->problem, sizeof(response->problem), failure);
}

/* The next value of a list with commas, without white space around it; *rest is what comes after its comma. */
static fb_slice next_value(fb_slice *rest)
{
    const char *comma = rest->size == 0 ? NULL : memchr(rest->data, ',', rest->size);
    const size_t size = comma == NULL ? rest->size : (size_t)(comma - rest->data);
    fb_slice value = {rest->data, size};
    const size_t used = comma == NULL ? size : size + 1;
    *rest = (fb_slice){rest->data + used, rest->size - used};
    return fb__trim(value);
}

/* RFC 9110 section 8.6: one or more equal decimal numbers. */
static bool is_length(fb_slice field)
{
    const fb_slice first = next_value(&(fb_slice){field.data, field.size});
    bool equal = first.size > 0 && field.data[field.size - 1] != ',';
    for (size_t i = 0; i < first.size; i++) {
        equal = equal && first.data[i] >= '0' && first.data[i] <= '9';
    }
    while (equal && field.size > 0) {
        equal = fb__slice_equal(next_value(&field), first);
    }
    return equal;
}

/* RFC 9112 section 6.3. What two readers end at different places may be somebody else's words. */
static const char *framing_problem(const fb_fetched *fetched)
{
    if (fetched->transfer_encoding.data != NULL) {
        if (!fb__is_word(fetched->transfer_encoding, "chunked")) {
            return "the response has a transfer coding that was not asked for";
        }
        if (fetched->content_length.data != NULL) {
            return "the response has both a Content-Length and a Transfer-Encoding";
        }
    }
    return fetched->content_length.data == NULL || is_length(fetched->content_length)
               ? NULL
               : "the response has no clear Content-Length";
}

bool fb__response_begin(fb__response *response, const fb__request_context *context, const fb_fetched *fetched)
{
    const char *framing = framing_problem(fetched);
    *response = (fb__response){.lifetime = fb__freshness(fetched->cache_control, fetched->age)};
    if (fetched->failure.data != NULL) {
        refuse_failure(response, context->url, fetched->failure);
        return false;
    }
    if (framing != NULL) {
        fb__response_refuse(response, "%s", framing);
        return false;
    }
    return true;
}

bool fb__response_check_body(fb__response *response, const fb__request_context *context, const fb_fetched *fetched)
{
    if (fetched->http_status != 200) {
        fb__response_refuse(response, "answered with status %d", fetched->http_status);
        return false;
    }
    if (fetched->content_encoding.size > 0 && !fb__is_word(fetched->content_encoding, "identity")) {
        fb__response_refuse(response, "the response is content-encoded, which was not asked for");
        return false;
    }
    if (fetched->body.size > context->max_bytes) {
        fb__response_refuse(response, "the response is larger than max_jwks_bytes (%zu)", context->max_bytes);
        return false;
    }
    return true;
}

static void read_keys(fb__response *response, const fb__request_context *context, fb_slice body)
{
    FB__INSIDE_GATE;
    fb_error error = FB_ERROR_INIT;
    fb_status status = fb__keyset_from_jwks(&response->keys, context->mem, body, &error);
    if (status == FB_OK && !fb__keyset_keep_document(response->keys, body)) {
        status = fb__out_of_memory(&error);
    }
    if (status != FB_OK) {
        fb__response_refuse(response, "%.150s", error.text);
        response->status = status == FB_OUT_OF_MEMORY ? status : FB_KEYS_UNAVAILABLE;
        return;
    }
    response->verdict = FB__REPLACED;
    if (context->keys != NULL && fb__keyset_same(context->keys, response->keys)) {
        response->verdict = FB__UNCHANGED;
    }
}

void fb__response_evaluate(fb__response *response, const fb__request_context *context, const fb_fetched *fetched)
{
    if (!fb__response_begin(response, context, fetched)) {
        return;
    }
    if (fetched->http_status == 304 && context->overtaken) {
        response->verdict = FB__OVERTAKEN;
    } else if (fetched->http_status == 304 && context->etag_sent && context->keys != NULL) {
        response->verdict = FB__UNCHANGED;
    } else if (fb__response_check_body(response, context, fetched)) {
        read_keys(response, context, fetched->body);
    }
}
