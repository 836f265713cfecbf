/*
 * The tokens and keys printed in RFC 7515, 7520, 7797, 8037: what they say is valid verifies, one changed byte does
 * not, and every form but the compact one is refused.
 */
#include "jose.h"

/* Changes one character of the signature, in a place where all its bits count. */
static fb_status verify_changed(const json_t *jwk, fb_slice token)
{
    char *copy = malloc(token.size);
    CHECK(copy != NULL);
    memcpy(copy, token.data, token.size);
    copy[token.size - 10] = copy[token.size - 10] == 'A' ? 'B' : 'A';
    fb_status status = jose_verify_jwk(jwk, (fb_slice){copy, token.size});
    free(copy);
    return status;
}

/* A JSON serialisation, as text, is no token. */
static void check_json_form(const json_t *jwk, const json_t *form)
{
    char *text = json_dumps(form, JSON_COMPACT);
    CHECK(jose_verify_jwk(jwk, fb_text(text)) == FB_TOKEN_MALFORMED);
    free(text);
}

TEST(rfc7515)
{
    json_t *document = jose_load("rfc/rfc7515_appendix_a.json"), *vector, *json;
    size_t i, valid = 0, refused = 0;
    json_t *any =
        json_pack("{s:s, s:s, s:s}", "kty", "oct", "alg", "HS256", "k", "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T");
    json_array_foreach(json_object_get(document, "vectors"), i, vector)
    {
        json_t *jwk = json_object_get(vector, "jwk");
        fb_slice token = jose_string(vector, "compact");
        if (json_is_object(jwk) && jose_is(jwk, "kty", "oct")) {
            json_object_set_new(jwk, "alg", json_string("HS256"));
        }
        if (json_is_true(json_object_get(vector, "signature_valid"))) {
            CHECK(jose_verify_jwk(jwk, token) == FB_OK);
            CHECK(verify_changed(jwk, token) == FB_SIGNATURE_INVALID);
            valid++;
        } else if ((json = json_object_get(vector, "json")) != NULL) {
            check_json_form(any, json);
            refused++;
        } else {
            CHECK(jose_verify_jwk(any, token) == FB_TOKEN_MALFORMED); /* unsecured: no signature */
            refused++;
        }
    }
    CHECK(valid == 4 && refused == 4);
    json_decref(any);
    json_decref(document);
}

TEST(rfc8037)
{
    json_t *document = jose_load("rfc/rfc8037_appendix_a.json"), *vector;
    size_t i, valid = 0;
    json_array_foreach(json_object_get(document, "vectors"), i, vector)
    {
        fb_slice token = jose_string(vector, "compact");
        if (token.data != NULL) {
            CHECK(jose_verify_jwk(json_object_get(vector, "jwk"), token) == FB_OK);
            CHECK(verify_changed(json_object_get(vector, "jwk"), token) == FB_SIGNATURE_INVALID);
            valid++;
        }
    }
    CHECK(valid == 1);
    json_decref(document);
}

/* One file of the cookbook of RFC 7520: what comes of its compact form, and of each other. */
static void check_cookbook(const char *name, fb_status expected)
{
    char path[300];
    snprintf(path, sizeof(path), "ietf-jose-cookbook/%s", name);
    json_t *document = jose_load(path), *output = json_object_get(document, "output");
    json_t *key = json_object_get(json_object_get(document, "input"), "key");
    fb_slice token = jose_string(output, "compact");
    CHECK(document != NULL);
    if (json_is_array(key)) {
        key = json_array_get(key, 0);
    }
    if (jose_is(key, "kty", "oct")) {
        json_object_set_new(key, "alg", json_string("HS256"));
    }
    if (token.data != NULL) {
        fb_status status = jose_verify_jwk(key, token);
        if (status != expected) {
            FAIL("%s: %s", name, fb_status_name(status));
        }
    }
    if (token.data != NULL && expected == FB_OK) {
        CHECK(verify_changed(key, token) == FB_SIGNATURE_INVALID);
    }
    for (size_t i = 0; i < 2; i++) {
        json_t *form = json_object_get(output, i == 0 ? "json" : "json_flat");
        if (form != NULL) {
            check_json_form(key, form);
        }
    }
    json_decref(document);
}

TEST(rfc7520)
{
    check_cookbook("jws/4_1.rsa_v15_signature.json", FB_OK);
    check_cookbook("jws/4_2.rsa-pss_signature.json", FB_OK);
    check_cookbook("jws/4_3.ecdsa_signature.json", FB_OK);
    check_cookbook("jws/4_4.hmac-sha2_integrity_protection.json", FB_OK);
    check_cookbook("jws/4_5.signature_with_detached_content.json", FB_TOKEN_MALFORMED);
    check_cookbook("jws/4_6.protecting_specific_header_fields.json", FB_TOKEN_MALFORMED);
    check_cookbook("jws/4_7.protecting_content_only.json", FB_TOKEN_MALFORMED);
    check_cookbook("jws/4_8.multiple_signatures.json", FB_TOKEN_MALFORMED);
    check_cookbook("curve25519/jws.json", FB_OK);
}

/* b64 false leaves text in the token that is no base64url, and is critical besides. */
TEST(rfc7797)
{
    check_cookbook("rfc7797/hmac-sha2_b64_false.json", FB_TOKEN_MALFORMED);
    check_cookbook("rfc7797/4.2.hmac-sha2_b64_false.json", FB_TOKEN_MALFORMED);
}

/* A JWS within a JWE, and a key agreement: five segments. */
TEST(encrypted)
{
    static const char *const names[] = {"curve25519/ecdh-es.json", "6.nesting_signatures_and_encryption.json"};
    json_t *any =
        json_pack("{s:s, s:s, s:s}", "kty", "oct", "alg", "HS256", "k", "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T");
    for (size_t i = 0; i < 2; i++) {
        char path[300];
        snprintf(path, sizeof(path), "ietf-jose-cookbook/%s", names[i]);
        json_t *document = jose_load(path), *output = json_object_get(document, "output");
        json_t *nested = json_object_get(json_object_get(document, "encrypt"), "output");
        fb_slice token = jose_string(output != NULL ? output : nested, "compact");
        CHECK(token.data != NULL && jose_verify_jwk(any, token) == FB_TOKEN_MALFORMED);
        json_decref(document);
    }
    json_decref(any);
}

/* The keys of RFC 7520 section 3: public ones are taken, private members are not read, symmetric ones never. */
TEST(keys)
{
    static const struct {
        const char *name;
        bool usable;
    } files[] = {{"3_1.ec_public_key", true},
                 {"3_2.ec_private_key", true},
                 {"3_3.rsa_public_key", true},
                 {"3_4.rsa_private_key", true},
                 {"3_5.symmetric_key_mac_computation", false},
                 {"3_6.symmetric_key_encryption", false}};
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        char path[300];
        fb__keyset *set = NULL;
        snprintf(path, sizeof(path), "ietf-jose-cookbook/jwk/%s.json", files[i].name);
        json_t *jwk = jose_load(path), *document = json_pack("{s:[O]}", "keys", jwk);
        char *text = json_dumps(document, JSON_COMPACT);
        bool usable = fb__keyset_from_jwks(&set, &fb__mem_default, fb_text(text), NULL) == FB_OK;
        if (usable != files[i].usable) {
            FAIL("%s: %s", files[i].name, usable ? "usable" : "refused");
        }
        fb__keyset_release(set);
        free(text);
        json_decref(document);
        json_decref(jwk);
    }
}

static bool there(const char *name)
{
    json_t *document = jose_load(name);
    bool found = document != NULL;
    json_decref(document);
    return found;
}

int main(void)
{
    if (there("rfc/rfc7515_appendix_a.json")) {
        RUN(rfc7515);
        RUN(rfc8037);
    } else {
        SKIP("RFC 7515 and RFC 8037: " JOSE_MISSING);
    }
    if (there("ietf-jose-cookbook/jws/4_1.rsa_v15_signature.json")) {
        RUN(rfc7520);
        RUN(rfc7797);
        RUN(encrypted);
        RUN(keys);
    } else {
        SKIP("the JOSE cookbook, RFC 7520 and RFC 7797: " JOSE_MISSING);
    }
    return TEST_RESULT();
}
