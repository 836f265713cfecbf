/*
 * Who issued a token, for whom, about whom and to whom: iss, aud, sub and the client id (RFC 7519 section 4.1, RFC
 * 8707, RFC 9068 section 2.2). Given verified claims.
 */
#include "verify/claims.h"

/* RFC 9068 requires claims that are optional otherwise. */
static bool is_required(const fb__claims *claims, const fb_list *configured)
{
    return configured->items != NULL || claims->policy->token_type == FB__TYPE_ACCESS_TOKEN;
}

fb_status fb__claims_check_issuer(fb__claims *claims)
{
    const fb_list *issuers = &claims->policy->issuers;
    const size_t index = claims->found[FB__ISS];
    const fb_slice name = fb__claim_name(FB__ISS);
    if (index == 0) {
        return is_required(claims, issuers) ? fb__claims_missing(claims, FB_ISS_MISSING, name) : FB_OK;
    }
    if (claims->nodes[index].kind != FB_STRING) {
        return fb__claims_mistyped(claims, FB_ISS_INVALID, name, index, "a string");
    }
    if (issuers->items == NULL) {
        return FB_OK;
    }
    for (size_t i = 0; i < issuers->count; i++) {
        if (fb__json_equal(claims->text, &claims->nodes[index], issuers->items[i])) {
            return FB_OK;
        }
    }
    return fb__claims_mismatch(claims, FB_ISSUER_MISMATCH, FB__ISS, issuers);
}

/* ---- audience ------------------------------------------------------------------------------- */

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* scheme "://" and something after it, RFC 3986 section 3. Whoever uses it parses it. */
static bool is_url(fb_slice value)
{
    size_t i = 0;
    while (i < value.size &&
           (is_letter(value.data[i]) || (i > 0 && ((value.data[i] >= '0' && value.data[i] <= '9') ||
                                                   (value.data[i] != '\0' && strchr("+-.", value.data[i]) != NULL))))) {
        i++;
    }
    return i > 0 && value.size > i + 3 && memcmp(value.data + i, "://", 3) == 0;
}

/* The members of aud as nodes [*first, *end): itself when it is a string. False when it is neither form. */
static bool audience_nodes(const fb__claims *claims, size_t *first, size_t *end)
{
    const size_t aud = claims->found[FB__AUD];
    const fb_node *node = &claims->nodes[aud];
    if (node->kind == FB_STRING) {
        *first = aud;
        *end = aud + 1;
        return true;
    }
    if (node->kind != FB_ARRAY) {
        return false;
    }
    *first = aud + 1;
    *end = node->next;
    for (size_t i = *first; i < *end; i = claims->nodes[i].next) {
        if (claims->nodes[i].kind != FB_STRING) {
            return false;
        }
    }
    return true;
}

/* Without configured audiences the token's only aud tells which server it is for (RFC 8707), if it is a URL. */
static fb_status sole_audience(fb__claims *claims, size_t first, size_t end)
{
    if (first + 1 != end) {
        return FB_OK;
    }
    fb_slice value;
    if (!fb__result_text(claims->result, &claims->nodes[first], &value)) {
        return fb__out_of_memory(claims->error);
    }
    if (is_url(value)) {
        claims->result->resource = value;
    }
    return FB_OK;
}

fb_status fb__claims_check_audience(fb__claims *claims)
{
    const fb_list *audiences = &claims->policy->audiences;
    const fb_slice name = fb__claim_name(FB__AUD);
    if (claims->found[FB__AUD] == 0) {
        return is_required(claims, audiences) ? fb__claims_missing(claims, FB_AUD_MISSING, name) : FB_OK;
    }
    size_t first, end;
    if (!audience_nodes(claims, &first, &end)) {
        return fb__claims_mistyped(claims, FB_AUD_INVALID, name, claims->found[FB__AUD],
                                   "a string or an array of strings");
    }
    if (audiences->items == NULL) {
        return sole_audience(claims, first, end);
    }
    bool matched = false;
    for (size_t a = 0; a < audiences->count; a++) {
        for (size_t i = first; i < end; i++) {
            if (!fb__json_equal(claims->text, &claims->nodes[i], audiences->items[a])) {
                continue;
            }
            matched = true;
            if (!is_url(audiences->items[a])) {
                break;
            }
            return fb__result_text(claims->result, &claims->nodes[i], &claims->result->resource)
                       ? FB_OK
                       : fb__out_of_memory(claims->error);
        }
    }
    return matched ? FB_OK : fb__claims_mismatch(claims, FB_AUDIENCE_MISMATCH, FB__AUD, audiences);
}

/* ---- subject and client --------------------------------------------------------------------- */

fb_status fb__claims_read_subject(fb__claims *claims)
{
    const size_t index = claims->found[FB__SUB];
    const fb_slice name = fb__claim_name(FB__SUB);
    if (index == 0) {
        return claims->policy->token_type == FB__TYPE_ACCESS_TOKEN ? fb__claims_missing(claims, FB_CLAIM_MISSING, name)
                                                                   : FB_OK;
    }
    if (claims->nodes[index].kind != FB_STRING) {
        return fb__claims_mistyped(claims, FB_SUB_INVALID, name, index, "a string");
    }
    return fb__result_text(claims->result, &claims->nodes[index], &claims->result->subject)
               ? FB_OK
               : fb__out_of_memory(claims->error);
}

fb_status fb__claims_read_client_id(fb__claims *claims)
{
    const fb_list *sources = &claims->policy->client_id_claims;
    fb_result *result = claims->result;
    for (size_t i = 0; i < sources->count; i++) {
        const size_t index = fb__json_member(claims->text, claims->nodes, 0, sources->items[i]);
        if (index == 0) {
            continue;
        }
        const fb_node *node = &claims->nodes[index];
        if (node->kind != FB_STRING) {
            return fb__claims_mistyped(claims, FB_CLIENT_ID_INVALID, sources->items[i], index, "a string");
        }
        if (node->length > 0) {
            return fb__result_text(result, node, &result->client_id) ? FB_OK : fb__out_of_memory(claims->error);
        }
    }
    return fb__result_own(result, claims->policy->client_id_default, &result->client_id)
               ? FB_OK
               : fb__out_of_memory(claims->error);
}
