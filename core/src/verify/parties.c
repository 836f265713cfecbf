/*
 * Who issued a token, for whom, about whom and to whom: iss, aud, sub and the client id (RFC 7519 section 4.1, RFC
 * 8707, RFC 9068 section 2.2). Given verified claims.
 */
#include "verify/claims.h"

/* RFC 9068 requires claims that are optional otherwise. */
static bool is_required(const fb__claims *claims, size_t configured)
{
    return configured > 0 || claims->policy->token_type == FB__TYPE_ACCESS_TOKEN;
}

/* ---- issuer --------------------------------------------------------------------------------- */

/* iss is what the template says with the value of its claim: that claim decides, as one part of iss does not. */
static fb_status check_template(const fb__claims *claims, const fb__identifier *template)
{
    fb_slice value;
    if (!fb__identifier_matches(template, claims->result->iss, &value)) {
        return fb__claims_mismatch(claims, FB_ISSUER_MISMATCH, FB__ISS, &(fb_list){&template->text, 1});
    }
    const size_t index = fb__json_member(claims->text, claims->nodes, 0, template->claim);
    if (index != 0 && fb__json_equal(claims->text, &claims->nodes[index], value)) {
        return FB_OK;
    }
    const fb_slice expected[] = {template->claim, value};
    const fb_slice actual[] = {template->claim, index == 0 ? fb_text("absent") : fb__claims_text(claims, index)};
    (void)fb__reject(claims->error, FB_ISSUER_MISMATCH, fb__claim_name(FB__ISS));
    fb__set_expected_list(claims->error, &(fb_list){expected, 2}, " ");
    fb__set_actual_list(claims->error, &(fb_list){actual, 2}, " ");
    return FB_ISSUER_MISMATCH;
}

static fb_status check_identifiers(const fb__claims *claims)
{
    const fb__policy *policy = claims->policy;
    if (policy->identifier_count == 0) {
        return FB_OK;
    }
    if (fb__identifier_is_template(&policy->identifiers[0])) {
        return check_template(claims, &policy->identifiers[0]);
    }
    for (size_t i = 0; i < policy->identifier_count; i++) {
        if (fb__json_equal(claims->text, &claims->nodes[claims->found[FB__ISS]], policy->identifiers[i].text)) {
            return FB_OK;
        }
    }
    return fb__claims_mismatch(claims, FB_ISSUER_MISMATCH, FB__ISS, &policy->identifier_texts);
}

/* A provider that publishes the keys of all its tenants in one set says by a key's member issuer whose it is. */
static fb_status check_key_issuer(const fb__claims *claims)
{
    fb__identifier identifier;
    const fb_list expected = {&claims->key_issuer, 1};
    if (claims->key_issuer.data == NULL) {
        return FB_OK;
    }
    const bool good = fb__identifier_read(claims->key_issuer, &identifier) == NULL;
    if (good && fb__identifier_is_template(&identifier)) {
        return check_template(claims, &identifier);
    }
    return good && fb__json_equal(claims->text, &claims->nodes[claims->found[FB__ISS]], claims->key_issuer)
               ? FB_OK
               : fb__claims_mismatch(claims, FB_ISSUER_MISMATCH, FB__ISS, &expected);
}

/* RFC 7662 section 2.2: an introspection response may leave iss out, since it is known who was asked. */
static fb_status take_asked_issuer(const fb__claims *claims)
{
    const fb__policy *policy = claims->policy;
    if (policy->identifier_count == 1 && !fb__identifier_is_template(&policy->identifiers[0])) {
        claims->result->iss = policy->identifiers[0].text; /* lives as long as the issuer, which the result keeps */
    }
    return FB_OK;
}

fb_status fb__claims_check_issuer(fb__claims *claims)
{
    const size_t index = claims->found[FB__ISS];
    const fb_slice name = fb__claim_name(FB__ISS);
    if (index == 0 && claims->result->introspected && claims->policy->token_type != FB__TYPE_ACCESS_TOKEN) {
        return take_asked_issuer(claims);
    }
    if (index == 0 && is_required(claims, claims->policy->identifier_count)) {
        return fb__claims_missing(claims, FB_ISS_MISSING, name);
    }
    if (index == 0) {
        return claims->key_issuer.data == NULL ? FB_OK : fb__claims_missing(claims, FB_ISSUER_MISMATCH, name);
    }
    if (claims->nodes[index].kind != FB_STRING) {
        return fb__claims_mistyped(claims, FB_ISS_INVALID, name, index, "a string");
    }
    if (!fb__result_read_iss(claims->result, index)) {
        return fb__out_of_memory(claims->error);
    }
    const fb_status status = check_identifiers(claims);
    return status == FB_OK ? check_key_issuer(claims) : status;
}

/* ---- audience ------------------------------------------------------------------------------- */

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
    if (fb__url_scheme(value) > 0) {
        claims->result->resource = value;
    }
    return FB_OK;
}

/* The resource is spelled as in the option: what is compared with it later may be less lenient. */
static fb_status set_resource(fb__claims *claims, const fb_node *node, fb_slice option)
{
    fb_result *result = claims->result;
    const bool known = fb__json_equal(claims->text, node, option) ? fb__result_text(result, node, &result->resource)
                                                                  : fb__result_own(result, option, &result->resource);
    return known ? FB_OK : fb__out_of_memory(claims->error);
}

static bool is_audience(const fb__claims *claims, const fb_node *node, const fb__audience *audience)
{
    return audience->folds.scheme == 0 ? fb__json_equal(claims->text, node, audience->text)
                                       : fb__json_equal_url(claims->text, node, audience->text, &audience->folds);
}

fb_status fb__claims_check_audience(fb__claims *claims)
{
    const fb__policy *policy = claims->policy;
    const fb_slice name = fb__claim_name(FB__AUD);
    if (claims->found[FB__AUD] == 0) {
        return is_required(claims, policy->audience_count) ? fb__claims_missing(claims, FB_AUD_MISSING, name) : FB_OK;
    }
    size_t first, end;
    if (!audience_nodes(claims, &first, &end)) {
        return fb__claims_mistyped(claims, FB_AUD_INVALID, name, claims->found[FB__AUD],
                                   "a string or an array of strings");
    }
    if (policy->audience_count == 0) {
        return sole_audience(claims, first, end);
    }
    bool matched = false;
    for (size_t a = 0; a < policy->audience_count; a++) {
        const fb__audience *audience = &policy->audiences[a];
        for (size_t i = first; i < end; i++) {
            if (!is_audience(claims, &claims->nodes[i], audience)) {
                continue;
            }
            matched = true;
            if (audience->folds.scheme == 0) {
                break;
            }
            return set_resource(claims, &claims->nodes[i], audience->text);
        }
    }
    return matched ? FB_OK : fb__claims_mismatch(claims, FB_AUDIENCE_MISMATCH, FB__AUD, &policy->audience_texts);
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
    const fb__claim_paths *sources = &claims->policy->client_id_claims;
    fb_result *result = claims->result;
    for (size_t i = 0; i < sources->count; i++) {
        const size_t index = fb__claim_path_find(&sources->items[i], claims->text, claims->nodes);
        if (index == 0) {
            continue;
        }
        const fb_node *node = &claims->nodes[index];
        if (node->kind != FB_STRING) {
            return fb__claims_mistyped(claims, FB_CLIENT_ID_INVALID, sources->items[i].name, index, "a string");
        }
        if (node->length > 0) {
            return fb__result_text(result, node, &result->client_id) ? FB_OK : fb__out_of_memory(claims->error);
        }
    }
    return fb__result_own(result, claims->policy->client_id_default, &result->client_id)
               ? FB_OK
               : fb__out_of_memory(claims->error);
}
