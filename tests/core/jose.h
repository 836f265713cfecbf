/*
 * What the tests of published vectors share: JWS verification below the level of claims (the vectors' payloads are no
 * claims), made from the core's own steps in their own order, and the reading of vector files.
 */
#ifndef FB_TEST_JOSE_H
#define FB_TEST_JOSE_H

#include "test.h"
#include "verify/verify.h"

#include <jansson.h>
#include <stdarg.h>

/* Published vectors: the folder that FB_VECTORS_DIR names, and below .cache what could be fetched. NULL: in neither. */
static json_t *jose_load(const char *name)
{
    const char *folders[] = {getenv("FB_VECTORS_DIR"), FB_SOURCE_DIR "/.cache"};
    json_t *document = NULL;
    for (size_t i = 0; document == NULL && i < 2; i++) {
        char path[5000];
        json_error_t error;
        if (folders[i] != NULL) {
            snprintf(path, sizeof(path), "%s/%s", folders[i], name);
            document = json_load_file(path, 0, &error);
        }
    }
    return document;
}

/* What a test says of files that it has not found. */
#define JOSE_MISSING "not there (make vectors, or FB_VECTORS_DIR)"

/* The path for jose_load of the next Wycheproof file in `list`, which begins as NULL; false at the end. */
static inline bool jose_next_wycheproof(FILE **list, char *path, size_t size)
{
    char name[100];
    if (*list == NULL) {
        *list = fopen(FB_SOURCE_DIR "/tests/core/wycheproof.sha256", "r");
    }
    if (*list == NULL || fscanf(*list, "%*64s %99s", name) != 1) {
        return false;
    }
    snprintf(path, size, "wycheproof/%s", name);
    return true;
}

static fb_slice jose_string(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);
    return (fb_slice){json_string_value(value), json_string_length(value)};
}

static bool jose_is(const json_t *object, const char *name, const char *value)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text != NULL && strcmp(text, value) == 0;
}

/* ---- keys
 * ------------------------------------------------------------------------------------------------------------ */

struct jose_keys {
    fb__keyset *set;
    uint32_t algs; /* what a caller would allow with these keys */
};

static uint32_t jose_asymmetric(void)
{
    uint32_t algs = 0;
    for (size_t i = 0; i < FB__ALG_COUNT; i++) {
        algs |= fb__algs[i].kty == FB__KTY_OCT ? 0 : fb__alg_bit(&fb__algs[i]);
    }
    return algs;
}

/* An oct JWK as its owner would configure it: the bytes as secret, its alg (HS*) as the one that is allowed. */
static bool jose_secret(const json_t *jwk, struct jose_keys *out)
{
    unsigned char secret[1024];
    fb_slice k = jose_string(jwk, "k");
    const fb__alg *alg = fb__alg_find(jose_string(jwk, "alg"));
    if (alg == NULL || alg->kty != FB__KTY_OCT || k.data == NULL ||
        fb__base64url_decoded_size(k.size) > sizeof(secret) ||
        (json_object_get(jwk, "use") != NULL && !jose_is(jwk, "use", "sig")) ||
        !fb__base64url_decode(k.data, k.size, secret)) {
        return false;
    }
    fb_slice bytes = {(const char *)secret, fb__base64url_decoded_size(k.size)};
    out->algs = fb__alg_bit(alg);
    return fb__keyset_from_secret(&out->set, &fb__mem_default, bytes, out->algs, false, NULL) == FB_OK;
}

/* A key set document or a single JWK. False when the library refuses it. */
static bool jose_keys_of(const json_t *key, struct jose_keys *out)
{
    json_t *keys = json_object_get(key, "keys");
    const json_t *only = keys == NULL ? key : json_array_size(keys) == 1 ? json_array_get(keys, 0) : NULL;
    *out = (struct jose_keys){NULL, jose_asymmetric()};
    if (only != NULL && jose_is(only, "kty", "oct")) {
        return jose_secret(only, out);
    }
    json_t *document = keys != NULL ? json_deep_copy(key) : json_pack("{s:[O]}", "keys", key);
    char *text = json_dumps(document, JSON_COMPACT);
    fb_status status = fb__keyset_from_jwks(&out->set, &fb__mem_default, fb_text(text), NULL);
    free(text);
    json_decref(document);
    return status == FB_OK;
}

/* ---- JWS
 * ------------------------------------------------------------------------------------------------------------- */

/* Everything of fb_verify up to and with the signature. */
static fb_status jose_verify(const struct jose_keys *keys, fb_slice token)
{
    static char buffer[FB__MAX_HEADER];
    const fb__policy policy = {.algs = keys->algs, .token_type = FB__TYPE_ANY, .max_token_bytes = FB__MAX_TOKEN};
    fb__token parts;
    fb__header header;
    fb__verification_key *key = NULL;
    fb_status status = fb__token_split(token.data, token.size, &parts);
    if (status == FB_OK) {
        status = fb__header_read(parts.header, buffer, &header, NULL);
    }
    if (status == FB_OK) {
        status = fb__header_check(&policy, &header, NULL);
    }
    if (status == FB_OK) {
        status = fb__keyset_select(keys->set, header.kid, header.alg, &key);
    }
    if (status == FB_OK) {
        status = fb__signature_verify(key, header.alg, parts.signing_input, parts.signature, false);
    }
    return status;
}

/* The same from the JWK; FB_CONFIGURATION_INVALID when the library does not take the key. */
static inline fb_status jose_verify_jwk(const json_t *jwk, fb_slice token)
{
    struct jose_keys keys;
    fb_status status = FB_CONFIGURATION_INVALID;
    if (jose_keys_of(jwk, &keys)) {
        status = jose_verify(&keys, token);
    }
    fb__keyset_release(keys.set);
    return status;
}

#endif
