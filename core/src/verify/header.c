/*
 * The JOSE header: what it says, and every rule that is decided before a key is looked for (RFC 7515 section 4, RFC
 * 8725). It is given a segment that nobody has signed yet. jwk, jku, x5c and x5u are never a source of anything: like
 * every unknown member they are not read (RFC 8725 section 3.10).
 */
#include "verify/verify.h"

/* The members that are read. The order is that of names below. */
enum member { ALG, KID, TYP, CTY, CRIT, B64, ZIP, ENC, MEMBERS };

static const fb_slice names[MEMBERS] = {{"alg", 3},  {"kid", 3}, {"typ", 3}, {"cty", 3},
                                        {"crit", 4}, {"b64", 3}, {"zip", 3}, {"enc", 3}};

/* Node indices of the members; 0: absent. */
static void find_members(const char *text, const fb_node *nodes, size_t found[MEMBERS])
{
    memset(found, 0, MEMBERS * sizeof(*found));
    for (size_t name = 1; name < nodes[0].next; name = nodes[name + 1].next) {
        for (size_t m = 0; m < MEMBERS; m++) {
            if ((nodes[name].length == names[m].size || nodes[name].escaped) &&
                fb__json_equal(text, &nodes[name], names[m])) {
                found[m] = name + 1;
                break;
            }
        }
    }
}

/* The value of a string node, unescaped in its place: values only get shorter, and no two nodes of strings overlap. */
static fb_slice text_of(char *text, const fb_node *node)
{
    char *start = text + node->offset;
    return (fb_slice){start, node->escaped ? fb_unescape(start, node->length, start) : node->length};
}

/* Media types compare without case, and "application/" may be left out (RFC 7515 sections 4.1.9 and 4.1.10). */
static bool is_media_type(fb_slice value, const char *expected)
{
    static const char prefix[] = "application/";
    const size_t prefix_size = sizeof(prefix) - 1;
    if (fb__starts_with(value, prefix)) {
        value = (fb_slice){value.data + prefix_size, value.size - prefix_size};
    }
    return fb__is_word(value, expected);
}

static bool type_allowed(const fb__policy *policy, fb_slice type)
{
    const bool present = type.data != NULL;
    const bool responds = present && is_media_type(type, "token-introspection+jwt");
    switch (policy->token_type) {
    case FB__TYPE_INTROSPECTION:
        return responds;
    case FB__TYPE_ANY:
        return !responds; /* RFC 9701 section 8.1: what answers a question about a token must not pass as one */
    case FB__TYPE_ACCESS_TOKEN:
        return present && is_media_type(type, "at+jwt");
    default:
        return !present || is_media_type(type, "jwt") || is_media_type(type, "at+jwt");
    }
}

static fb_status scan(fb_slice segment, char *buffer, fb_node *nodes)
{
    size_t size = fb__base64url_decoded_size(segment.size), count;
    if (size > FB__MAX_HEADER || !fb__base64url_decode(segment.data, segment.size, (unsigned char *)buffer)) {
        return FB_HEADER_INVALID;
    }
    /* The node limit keeps the duplicate check off the allocator and its cost small, whatever the header holds. */
    return fb__json_scan(buffer, size, FB__JSON_STRICT, FB__MAX_DEPTH, &fb__mem_default, nodes, FB__MAX_HEADER_NODES,
                         &count) == FB__JSON_OK
               ? FB_OK
               : FB_HEADER_INVALID;
}

fb_status fb__header_read(fb_slice segment, char *buffer, fb__header *out, fb_error *error)
{
    const fb_slice nothing = {NULL, 0};
    fb_node nodes[FB__MAX_HEADER_NODES];
    size_t found[MEMBERS];
    fb_slice values[MEMBERS] = {{NULL, 0}};
    memset(out, 0, sizeof(*out));
    if (scan(segment, buffer, nodes) != FB_OK) {
        return fb__reject(error, FB_HEADER_INVALID, nothing);
    }
    find_members(buffer, nodes, found);
    /* RFC 7515 section 4.1.11: we understand no extension, so any crit, of any type, asks for what we cannot do. */
    if (found[CRIT] != 0) {
        return fb__reject(error, FB_CRITICAL_HEADER_UNSUPPORTED, nothing);
    }
    /* zip and enc belong to JWE; b64 must not be used with JWTs (RFC 7797 section 7). */
    if (found[B64] != 0 || found[ZIP] != 0 || found[ENC] != 0) {
        return fb__reject(error, FB_HEADER_UNSUPPORTED, nothing);
    }
    for (size_t m = ALG; m <= CTY; m++) {
        if (found[m] == 0) {
            continue;
        }
        if (nodes[found[m]].kind != FB_STRING) {
            return fb__reject(error, FB_HEADER_INVALID, nothing);
        }
        values[m] = text_of(buffer, &nodes[found[m]]);
    }
    out->kid = values[KID];
    out->typ = values[TYP];
    out->alg_name = values[ALG];
    return found[CTY] != 0 && is_media_type(values[CTY], "jwt") ? fb__reject(error, FB_HEADER_UNSUPPORTED, nothing)
                                                                : FB_OK;
}

fb_status fb__header_check(const fb__policy *policy, fb__header *header, fb_error *error)
{
    const fb_slice nothing = {NULL, 0};
    if (!type_allowed(policy, header->typ)) {
        return fb__reject(error, FB_TOKEN_TYPE_NOT_ALLOWED, nothing);
    }
    if (header->alg_name.data == NULL) {
        return fb__reject(error, FB_HEADER_INVALID, nothing);
    }
    header->alg = fb__alg_find(header->alg_name);
    if (header->alg == NULL || (policy->algs & fb__alg_bit(header->alg)) == 0) {
        return fb__reject(error, FB_ALGORITHM_NOT_ALLOWED, nothing);
    }
    return FB_OK;
}
