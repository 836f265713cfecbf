/*
 * Which credential a request carries (RFC 6750 sections 2.1 and 2.3, RFC 9449 section 7.1): one token, in one header,
 * which is Authorization unless the host names another.
 * Given what a client sent, before anything is known about it. Nothing is trimmed or mended: what this server reads
 * differently from the proxy before it could be two requests in one.
 */
#include "proof/proof.h"

static const fb_slice nothing = {NULL, 0};

static fb_status malformed(fb_error *error, const char *text)
{
    return fb__fail(error, FB_REQUEST_MALFORMED, "%s", text);
}

/* ---- the query ------------------------------------------------------------------------------ */

/* Whether the name of this parameter is access_token, however it is escaped. */
static bool is_token_parameter(fb_slice parameter)
{
    static const char name[] = "access_token";
    size_t at = 0, matched = 0;
    while (at < parameter.size && parameter.data[at] != '=') {
        char c = parameter.data[at];
        const int high = c == '%' && at + 2 < parameter.size ? fb__hex_digit(parameter.data[at + 1]) : -1;
        const int low = high >= 0 ? fb__hex_digit(parameter.data[at + 2]) : -1;
        if (low >= 0) {
            c = (char)(high << 4 | low);
            at += 2;
        }
        if (matched == sizeof(name) - 1 || c != name[matched]) {
            return false;
        }
        matched++;
        at++;
    }
    return matched == sizeof(name) - 1;
}

/* Parameters end at "&", and for some frameworks at ";". */
static bool query_holds_token(fb_slice url)
{
    if (url.size == 0) {
        return false;
    }
    const char *at = url.data, *end = url.data + url.size;
    while (at < end && *at != '?' && *at != '#') {
        at++;
    }
    while (at < end && *at != '#') {
        const char *start = ++at;
        while (at < end && *at != '&' && *at != ';' && *at != '#') {
            at++;
        }
        if (is_token_parameter((fb_slice){start, (size_t)(at - start)})) {
            return true;
        }
    }
    return false;
}

/* ---- the header ----------------------------------------------------------------------------- */

/* RFC 9110 section 5.1, without regard to case. */
static bool is_name(fb_slice name, fb_slice other)
{
    if (name.size != other.size) {
        return false;
    }
    for (size_t i = 0; i < name.size; i++) {
        if (fb__lower(name.data[i]) != fb__lower(other.data[i])) {
            return false;
        }
    }
    return true;
}

static void find_headers(const fb_request *request, fb__credential *out, fb_slice *authorization, size_t *count)
{
    const bool elsewhere = request->token_header.data != NULL;
    for (size_t i = 0; i < request->header_count; i++) {
        const fb_header *header = &request->headers[i];
        if (elsewhere ? is_name(header->name, request->token_header) : fb__is_word(header->name, "authorization")) {
            *authorization = header->value;
            ++*count;
        } else if (!elsewhere && fb__is_word(header->name, "dpop")) {
            out->proof = header->value;
            out->proof_count++;
        }
    }
}

/* RFC 9110 section 5.6.2. */
static bool is_header_name(fb_slice name)
{
    size_t at = 0;
    while (at < name.size && (fb__is_letter(name.data[at]) || fb__is_digit(name.data[at]) ||
                              (name.data[at] != '\0' && strchr("!#$%&'*+-.^_`|~", name.data[at]) != NULL))) {
        at++;
    }
    return at > 0 && at == name.size;
}

static fb_status check_host(const fb_request *request, fb_error *error)
{
    const fb_slice name = request->token_header;
    if (request->headers == NULL && request->header_count > 0) {
        return fb__fail(error, FB_CONFIGURATION_INVALID, "request has a header_count, but no headers");
    }
    if (name.data != NULL &&
        (!is_header_name(name) || fb__is_word(name, "authorization") || fb__is_word(name, "dpop"))) {
        return fb__fail(error, FB_CONFIGURATION_INVALID,
                        "token_header must be the name of a header other than Authorization and DPoP");
    }
    return FB_OK;
}

/* A token that stands alone in a header of its own. */
static fb_status take_whole(const fb_slice *value, fb__credential *out, fb_error *error)
{
    out->token = *value;
    return fb__is_token68(out->token) ? FB_OK : malformed(error, "the header of the token holds more than one token");
}

static fb_status take_after_scheme(fb_slice authorization, bool takes_dpop, fb__credential *out, fb_error *error)
{
    size_t size = 0;
    while (size < authorization.size && authorization.data[size] != ' ') {
        size++;
    }
    const fb_slice scheme = {authorization.data, size};
    out->is_dpop = takes_dpop && fb__is_word(scheme, "dpop");
    if (!out->is_dpop && !fb__is_word(scheme, "bearer")) {
        return fb__reject(error, FB_TOKEN_MISSING, nothing);
    }
    if (size < authorization.size) {
        out->token = (fb_slice){authorization.data + size + 1, authorization.size - size - 1};
    }
    return fb__is_token68(out->token)
               ? FB_OK
               : malformed(error, "the Authorization header is not a scheme, a space and one token");
}

fb_status fb__credential_find(const fb_request *request, bool takes_dpop, fb__credential *out, fb_error *error)
{
    fb_slice value = nothing;
    size_t count = 0;
    const bool elsewhere = request->token_header.data != NULL;
    *out = (fb__credential){.token = nothing};
    const fb_status status = check_host(request, error);
    if (status != FB_OK) {
        return status;
    }
    find_headers(request, out, &value, &count);
    if (count > 1) {
        return malformed(error, elsewhere ? "there is more than one header of the token"
                                          : "there is more than one Authorization header");
    }
    if (query_holds_token(request->url)) {
        return malformed(error, "there is a token in the query");
    }
    if (elsewhere && count == 0) {
        return fb__reject(error, FB_TOKEN_MISSING, nothing);
    }
    return elsewhere ? take_whole(&value, out, error) : take_after_scheme(value, takes_dpop, out, error);
}
