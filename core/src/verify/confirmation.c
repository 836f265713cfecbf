/*
 * cnf (RFC 7800): which key the token is bound to. Given a payload whose signature is verified. What it says is only
 * read here; whether the sender has the key is found out by who has the request. A token that is bound in no way that
 * is known cannot be checked, so it is refused: it must not pass as one that anybody may use.
 */
#include "verify/claims.h"

static const fb_slice jkt_name = {"jkt", 3}, certificate_name = {"x5t#S256", 8};

/* A SHA-256 hash in base64url. False: another text, or another type. */
static bool read_hash(const fb__claims *claims, size_t index, unsigned char out[FB__THUMBPRINT])
{
    enum { HASH_TEXT = 43, ESCAPED_TEXT = 6 * HASH_TEXT };
    const fb_node *node = &claims->nodes[index];
    char text[ESCAPED_TEXT];
    if (node->kind != FB_STRING || node->length > sizeof(text)) {
        return false;
    }
    const size_t size = fb_unescape(claims->text + node->offset, node->length, text);
    return size == HASH_TEXT && fb__base64url_decode(text, size, out);
}

static size_t member(const fb__claims *claims, fb_slice name)
{
    return fb__json_member(claims->text, claims->nodes, claims->found[FB__CNF], name);
}

static fb_status refuse(const fb__claims *claims, const char *expected)
{
    return fb__claims_mistyped(claims, FB_CONFIRMATION_INVALID, fb__claim_name(FB__CNF), claims->found[FB__CNF],
                               expected);
}

fb_status fb__claims_read_confirmation(fb__claims *claims)
{
    fb_result *result = claims->result;
    const size_t cnf = claims->found[FB__CNF];
    if (cnf == 0) {
        return FB_OK;
    }
    if (claims->nodes[cnf].kind != FB_OBJECT) {
        return refuse(claims, "an object");
    }
    const size_t jkt = member(claims, jkt_name), certificate = member(claims, certificate_name);
    result->has_jkt = jkt != 0 && read_hash(claims, jkt, result->jkt);
    if (claims->policy->ignores_confirmation) { /* but who proves possession of a key anyway must have that of cnf */
        return FB_OK;
    }
    result->has_certificate_hash = certificate != 0 && read_hash(claims, certificate, result->certificate_hash);
    if (jkt != 0 && !result->has_jkt) {
        return refuse(claims, "jkt: a SHA-256 hash in base64url");
    }
    if (certificate != 0 && !result->has_certificate_hash) {
        return refuse(claims, "x5t#S256: a SHA-256 hash in base64url");
    }
    return jkt != 0 || certificate != 0 ? FB_OK : refuse(claims, "jkt or x5t#S256");
}
