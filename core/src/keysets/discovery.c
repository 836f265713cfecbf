/*
 * The metadata document of an issuer: the URLs where it may be, and the URL of the key set that it names. Given bytes
 * from the network. It counts only if it says that it is this issuer's, byte for byte: whoever can make one host serve
 * the document of another must not make its keys those of the other's tokens (RFC 8414 section 3.3).
 */
#include "discovery.h"

#include "encoding/encoding.h"
#include "keysets/keysets.h"
#include "url.h"

#include <stdio.h>

static const char openid[] = "/.well-known/openid-configuration";
static const char oauth[] = "/.well-known/oauth-authorization-server";

/* Of a document: many times what any provider has. */
enum { MAX_NODES = 16384, MAX_SHOWN = 80 };

/* ---- where it is ------------------------------------------------------------------------------------------------- */

fb_status fb__discovery_check(const fb_issuer *issuer, fb_error *error)
{
    const fb_status bad = FB_CONFIGURATION_INVALID;
    if (issuer->identifiers.items == NULL || issuer->identifiers.count == 0) {
        return fb__fail(error, bad,
                        "one of public_key, jwks, jwks_uri or secret must be given, or one identifier by which "
                        "discovery finds the keys");
    }
    if (issuer->identifiers.count > 1) {
        return fb__fail(error, bad, "an issuer with several identifiers needs jwks_uri: discovery goes by one");
    }
    const fb_slice identifier = issuer->identifiers.items[0];
    if (identifier.size > 0 && (memchr(identifier.data, '{', identifier.size) != NULL ||
                                memchr(identifier.data, '}', identifier.size) != NULL)) {
        return fb__fail(error, bad, "an issuer that is a template needs jwks_uri: discovery goes by one URL");
    }
    fb_error why = FB_ERROR_INIT;
    if (fb__url_check(identifier, "the identifier", issuer->allow_http, &why) != FB_OK) {
        return fb__fail(error, bad, "the issuer needs jwks_uri; for discovery %s", why.text);
    }
    if (memchr(identifier.data, '?', identifier.size) != NULL) {
        return fb__fail(error, bad, "an issuer whose identifier has a query needs jwks_uri");
    }
    if (identifier.size + sizeof(oauth) > FB__MAX_URL) {
        return fb__fail(error, bad, "the issuer needs jwks_uri: its identifier is too long for discovery");
    }
    return FB_OK;
}

size_t fb__discovery_room(const fb_issuer *issuer)
{
    const size_t size = issuer->identifiers.items[0].size;
    return size + 1 + FB__WELL_KNOWN * (size + sizeof(oauth));
}

static fb_slice join(char **at, fb_slice a, fb_slice b, fb_slice c)
{
    const fb_slice joined = {*at, a.size + b.size + c.size};
    const fb_slice parts[] = {a, b, c};
    for (size_t i = 0; i < 3; i++) {
        memcpy(*at, parts[i].data, parts[i].size);
        *at += parts[i].size;
    }
    *(*at)++ = '\0';
    return joined;
}

void fb__discovery_init(fb__discovery *out, const fb_issuer *issuer, char **at)
{
    const fb_slice identifier = fb__keep_text(at, issuer->identifiers.items[0]);
    const fb_slice origin = {identifier.data, fb__url_origin_size(identifier)};
    const size_t end = identifier.size - (identifier.data[identifier.size - 1] == '/'); /* RFC 8414 section 3.1 */
    const fb_slice path = {identifier.data + origin.size, end - origin.size};
    *out = (fb__discovery){.identifier = identifier, .allow_http = issuer->allow_http};
    out->urls[out->count++] = join(at, origin, path, fb_text(openid));
    out->urls[out->count++] = join(at, origin, fb_text(oauth), path);
    if (path.size > 0) {
        out->urls[out->count++] = join(at, origin, fb_text(openid), path);
    }
}

/* ---- what it says ------------------------------------------------------------------------------------------------ */

/* The document, taken apart. */
struct document {
    const char *text;
    const fb_node *nodes;
};

/* A member that must be text; NULL, and refused, when it is not. */
static const fb_node *text_of(fb__response *response, const struct document *document, const char *name)
{
    const size_t at = fb__json_member(document->text, document->nodes, 0, fb_text(name));
    if (at == 0 || document->nodes[at].kind != FB_STRING) {
        fb__response_refuse(response, "the metadata document has no %s%s", name, at == 0 ? "" : " that is text");
        return NULL;
    }
    return &document->nodes[at];
}

/* The document came over TLS from the host that was configured, so its word may be shown. */
static void refuse_issuer(fb__response *response, const struct document *document, const fb_node *issuer)
{
    char shown[MAX_SHOWN + 1];
    fb__printable(shown, sizeof(shown), (fb_slice){document->text + issuer->offset, issuer->length});
    fb__response_refuse(response, "the issuer in the metadata document is \"%s\"%s, which is not the identifier", shown,
                        issuer->length > MAX_SHOWN ? " and more" : "");
}

fb_status fb__discovery_check_url(const fb__discovery *discovery, fb_slice url, fb_error *error)
{
    const fb_status status = fb__url_check(url, "jwks_uri", discovery->allow_http, error);
    if (status != FB_OK) {
        return status;
    }
    return !discovery->allow_http && fb__starts_with(discovery->identifier, "https:") && !fb__starts_with(url, "https:")
               ? fb__fail(error, FB_CONFIGURATION_INVALID, "jwks_uri must begin with https://, as the identifier")
               : FB_OK;
}

static bool allowed(fb__response *response, const fb__discovery *discovery, fb_slice url)
{
    fb_error why = FB_ERROR_INIT;
    const bool good = fb__discovery_check_url(discovery, url, &why) == FB_OK;
    if (!good) {
        fb__response_refuse(response, "in the metadata document %s", why.text);
    }
    return good;
}

static void take_jwks_uri(fb__response *response, const fb__request_context *context, const struct document *document,
                          const fb_node *node)
{
    enum { LONGEST = 6 * FB__MAX_URL }; /* with an escape for every character */
    if (node->length > LONGEST) {
        fb__response_refuse(response, "in the metadata document jwks_uri is too long");
        return;
    }
    char *text = fb__alloc(context->mem, node->length + (size_t)1);
    if (text == NULL) {
        fb__response_refuse(response, "out of memory");
        response->status = FB_OUT_OF_MEMORY;
        return;
    }
    const fb_slice url = {text, fb_unescape(document->text + node->offset, node->length, text)};
    text[url.size] = '\0';
    if (!allowed(response, context->discovery, url)) {
        fb__free(context->mem, text);
        return;
    }
    response->verdict = FB__FOUND;
    response->jwks_uri = text;
}

static void read_members(fb__response *response, const fb__request_context *context, const struct document *document)
{
    const fb_node *issuer = text_of(response, document, "issuer");
    if (issuer == NULL) {
        return;
    }
    if (!fb__json_equal(document->text, issuer, context->discovery->identifier)) {
        refuse_issuer(response, document, issuer);
        return;
    }
    const fb_node *jwks_uri = text_of(response, document, "jwks_uri");
    if (jwks_uri != NULL) {
        take_jwks_uri(response, context, document, jwks_uri);
    }
}

static void read_document(fb__response *response, const fb__request_context *context, fb_slice body)
{
    const size_t bound = fb__json_bound(body.data, body.size), capacity = bound < MAX_NODES ? bound : MAX_NODES;
    fb_node *nodes = fb__alloc(context->mem, fb__size_multiply(capacity, sizeof(*nodes)));
    const struct document document = {body.data, nodes};
    size_t count;
    const fb__json_status status = nodes == NULL ? FB__JSON_NO_MEMORY
                                                 : fb__json_scan(body.data, body.size, FB__JSON_STRICT, FB__MAX_DEPTH,
                                                                 context->mem, nodes, capacity, &count);
    switch (status) {
    case FB__JSON_OK:
        read_members(response, context, &document);
        break;
    case FB__JSON_NO_MEMORY:
        fb__response_refuse(response, "out of memory");
        response->status = FB_OUT_OF_MEMORY;
        break;
    case FB__JSON_TOO_MANY_NODES:
        fb__response_refuse(response, "the metadata document holds too many values");
        break;
    default:
        fb__response_refuse(response, "the metadata document is not one JSON object");
    }
    fb__free(context->mem, nodes);
}

void fb__discovery_evaluate(fb__response *response, const fb__request_context *context, const fb_fetched *fetched)
{
    const int status = fetched->http_status;
    if (!fb__response_begin(response, context, fetched)) {
        return;
    }
    if (status >= 400 && status < 500 && status != 429) {
        response->verdict = FB__PASSED_OVER;
    } else if (status >= 300 && status < 400) {
        fb__response_refuse(response, "answered with status %d; redirects are not followed", status);
    } else if (status == 429 || (status >= 500 && status < 600)) {
        fb__response_refuse(response, "answered with status %d", status);
        response->verdict = FB__NOT_NOW;
    } else if (fb__response_check_body(response, context, fetched)) {
        read_document(response, context, fetched->body);
    }
}
